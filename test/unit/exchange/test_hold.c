/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens to the commands behind an answer that waits, and to those that wait themselves.
 */
#include "exchange/hold.h"

#include "test/unit/exchange/asking.h"

/* --- what comes behind ----------------------------------------------------------------------- */

static void commands_behind_it_are_applied_after_it_in_order(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    client_publish(f->client, 1, "", "q", "1", 0);
    client_publish(f->client, 2, "", "q", "2", 0);
    client_get(f->client, 2, "q", true);
    client_get(f->client, 1, "q", true);
    client_send(f->client, 1, &(struct method){.id = METHOD_CHANNEL_CLOSE});
    client_send(f->client, 1, &(struct method){.id = METHOD_CHANNEL_OPEN});
    harness_tick(&f->harness);
    expect_nothing(f->client);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 0);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_get(f->client, 2, "1", false, 1);
    expect_get(f->client, 1, "2", false, 0);
    expect_method(f->client, 1, METHOD_CHANNEL_CLOSE_OK);
    expect_method(f->client, 1, METHOD_CHANNEL_OPEN_OK);
    expect_nothing(f->client);
}

static void commands_behind_it_may_have_the_session_held_again(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    select_tx(f->client, 1);
    for (unsigned i = 0; i < 20; i++) {
        client_publish(f->client, 1, "", "q", "m", PUBLISH_PERSISTENT);
        commit(f->client, 1);
    }
    client_get(f->client, 2, "q", true);
    for (unsigned i = 1; i <= 20; i++) {
        expect_nothing(f->client);
        assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), i);
        sync(f);
        expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    }
    expect_get(f->client, 2, "m", false, 19);
    assert_int_equal(f->harness.engine->held_bytes, 0);
}

static void other_sessions_go_on(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    client_publish(f->client, 1, "", "t", "behind", 0);
    declare(f->other, 1, "t", 0);
    expect_method(f->other, 1, METHOD_QUEUE_DECLARE_OK);
    client_publish(f->other, 1, "", "t", "m", 0);
    client_get(f->other, 1, "t", true);
    expect_get(f->other, 1, "m", false, 0);
    sync(f);
    client_get(f->other, 1, "t", true);
    expect_get(f->other, 1, "behind", false, 0);
}

static void deliveries_and_confirms_go_on(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "t", 0);
    client_consume(f->client, 1, "t", "c", true);
    client_send(f->client, 2, &(struct method){.id = METHOD_CONFIRM_SELECT});
    expect_method(f->client, 2, METHOD_CONFIRM_SELECT_OK);
    client_publish(f->client, 2, "", "nowhere", "m", 0);
    declare(f->client, 1, "q", DECLARE_DURABLE);
    client_publish(f->other, 1, "", "t", "m", 0);
    expect_delivery(f->client, 1, "c", "m", false);
    harness_tick(&f->harness);
    expect_confirm(f->client, 2, 1, false);
    expect_nothing(f->client);
}

static void a_client_that_reads_again_is_delivered_to_while_it_is_held(void **state)
{
    struct fixture *f = *state;
    struct client *slow = client_open(&f->harness, 1);
    client_channel(slow, 1);
    client_queue(slow, 1, "t", 0);
    client_consume(slow, 1, "t", "c", true);
    client_publish(f->client, 1, "", "t", "1", 0);
    client_publish(f->client, 1, "", "t", "2", 0);
    expect_delivery(slow, 1, "c", "1", false);
    declare(slow, 1, "q", DECLARE_DURABLE);
    client_drain(slow, UINT64_MAX);
    expect_delivery(slow, 1, "c", "2", false);
    expect_nothing(slow);
}

/* --- sharing --------------------------------------------------------------------------------- */

static void a_client_that_does_not_wait_for_answers_shares_a_sync(void **state)
{
    struct fixture *f = *state;
    declare_exchange(f->client, "x", true);
    declare(f->client, 1, "q", DECLARE_DURABLE);
    declare(f->client, 2, "t", 0);
    bind(f->client, "q", "x");
    unbind(f->client, "q", "x");
    delete_queue(f->client, "q");
    delete_exchange(f->client, "x");
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_EXCHANGE_DECLARE_OK);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_method(f->client, 2, METHOD_QUEUE_DECLARE_OK);
    expect_method(f->client, 1, METHOD_QUEUE_BIND_OK);
    expect_method(f->client, 1, METHOD_QUEUE_UNBIND_OK);
    expect_method(f->client, 1, METHOD_QUEUE_DELETE_OK);
    expect_method(f->client, 1, METHOD_EXCHANGE_DELETE_OK);
}

static void answers_go_as_far_as_the_store_is_durable(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q1", DECLARE_DURABLE);
    uint64_t first = f->harness.store.last_lsn;
    declare(f->client, 1, "t", 0);
    declare(f->client, 1, "q2", DECLARE_DURABLE);
    client_get(f->client, 1, "q2", true);
    declare(f->client, 1, "q3", DECLARE_DURABLE);
    assert_null(harness_queue(&f->harness, "q3")); /* behind the get, which had to wait */
    f->harness.store.durable_lsn = first;
    harness_tick(&f->harness);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_method(f->client, 1, METHOD_BASIC_GET_EMPTY);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
}

static void many_clients_share_a_sync(void **state)
{
    struct fixture *f = *state;
    struct client *clients[HARNESS_CLIENTS_MAX - 2];
    for (unsigned i = 0; i < HARNESS_CLIENTS_MAX - 2; i++) {
        char name[] = {'q', (char)('0' + i), '\0'};
        clients[i] = client_open(&f->harness, 1000);
        client_channel(clients[i], 1);
        declare(clients[i], 1, name, DECLARE_DURABLE);
    }
    harness_tick(&f->harness);
    unsigned flushes = f->harness.store.flushes;
    sync(f);
    for (unsigned i = 0; i < HARNESS_CLIENTS_MAX - 2; i++)
        expect_method(clients[i], 1, METHOD_QUEUE_DECLARE_OK);
    assert_in_range(f->harness.store.flushes - flushes, 1, 2);
}

static void what_a_release_appends_is_flushed_in_the_same_tick(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    client_send(f->client, 2, &(struct method){.id = METHOD_CONFIRM_SELECT});
    expect_method(f->client, 2, METHOD_CONFIRM_SELECT_OK);
    declare(f->client, 1, "q", DECLARE_DURABLE);
    client_publish(f->client, 2, "", "q", "m", PUBLISH_PERSISTENT);
    f->harness.store.patient = false; /* a flush makes durable */
    harness_tick(&f->harness);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_confirm(f->client, 2, 1, false);
}

/* --- errors and ends ------------------------------------------------------------------------- */

static void an_error_behind_it_comes_behind_it(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    declare(f->client, 1, "q", 0);
    client_send(f->client, 1, &(struct method){.id = METHOD_CHANNEL_CLOSE_OK});
    declare(f->client, 2, "q", DECLARE_DURABLE);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_channel_close(f->client, 1, REPLY_PRECONDITION_FAILED);
    expect_method(f->client, 2, METHOD_QUEUE_DECLARE_OK);
}

static void a_connection_error_behind_it_comes_behind_it(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DECLARE,
                                 .exchange_declare = {.exchange = SLICE_LITERAL("x"),
                                                      .type = SLICE_LITERAL("unknown")}});
    client_publish(f->client, 1, "", "q", "too late", 0);
    declare(f->client, 1, "too late", DECLARE_DURABLE);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_connection_close(f->client, REPLY_COMMAND_INVALID);
    expect_nothing(f->client);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 0);
    assert_null(harness_queue(&f->harness, "too late"));
}

/* The connection's side finds that a rule was broken, or the server shuts down. */
static void send_fail(struct client *client, uint16_t channel, enum reply_code code)
{
    struct reply_error error;
    (void)reply_error(&error, code, "a test");
    engine_apply(client->harness->engine,
                 &(struct command){.kind = COMMAND_FAIL,
                                   .channel = channel,
                                   .session = client->session,
                                   .fail = {.error = &error, .class_id = 60, .method_id = 40}});
}

static void a_broken_rule_waits_its_turn(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    client_publish(f->client, 2, "", "q", "m", 0);
    send_fail(f->client, 2, REPLY_PRECONDITION_FAILED);
    send_fail(f->client, 0, REPLY_CONNECTION_FORCED);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_channel_close(f->client, 2, REPLY_PRECONDITION_FAILED);
    const struct method *close = expect_method(f->client, 0, METHOD_CONNECTION_CLOSE);
    assert_int_equal(close->connection_close.reply_code, REPLY_CONNECTION_FORCED);
    assert_int_equal(close->connection_close.method_id, 40);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 1);
}

static void a_close_waits_its_turn(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    client_send(f->client, 0, &(struct method){.id = METHOD_CONNECTION_CLOSE});
    client_publish(f->client, 1, "", "q", "too late", 0);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_method(f->client, 0, METHOD_CONNECTION_CLOSE_OK);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 0);
}

static void what_a_client_sent_before_it_went_away_still_counts(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    client_publish(f->client, 1, "", "q", "1", PUBLISH_PERSISTENT);
    client_send(f->client, 2, &(struct method){.id = METHOD_TX_SELECT});
    client_publish(f->client, 2, "", "q", "2", PUBLISH_PERSISTENT);
    commit(f->client, 2);
    client_publish(f->client, 1, "", "q", "3", PUBLISH_PERSISTENT);
    expect_nothing(f->client);
    client_close(f->client); /* waits for nothing: nobody is there to be answered */
    while (client_peek(f->client)->kind != EFFECT_GONE)
        assert_int_equal(client_next(f->client)->method.id, METHOD_TX_SELECT_OK);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 3);
    assert_int_equal(f->harness.engine->held_bytes, 0);
}

/* --- pressure -------------------------------------------------------------------------------- */

static void much_that_waits_holds_publishers_back(void **state)
{
    struct fixture *f = *state;
    enum { BODY = 1024 * 1024, COUNT = ENGINE_HELD_MAX / BODY };
    char *body = malloc(BODY + 1);
    memset(body, 'x', BODY);
    body[BODY] = '\0';
    declare(f->client, 1, "q", DECLARE_DURABLE);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_false(engine_is_full(f->harness.engine));
        client_publish(f->client, 1, "", "q", body, 0);
    }
    assert_true(engine_is_full(f->harness.engine));
    sync(f);
    assert_false(engine_is_full(f->harness.engine));
    assert_int_equal(f->harness.engine->held_bytes, 0);
    free(body);
}

/* Whoever always has commands behind those that are released does not fill the memory with what is
 * done. */
static void a_backlog_that_never_ends_takes_no_more_room(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    select_tx(f->client, 1);
    for (unsigned i = 0; i < 1000; i++) {
        client_publish(f->client, 1, "", "q", "m", PUBLISH_PERSISTENT);
        commit(f->client, 1);
        if (i >= 10)
            sync(f);
    }
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 991);
    assert_in_range(f->client->session->deferred.capacity, 1, 4096);
}

/* --- a store that fails ---------------------------------------------------------------------- */

static void a_failed_store_answers_nothing_and_holds_nobody(void **state)
{
    struct fixture *f = *state;
    struct client *closing = client_open(&f->harness, 1000);
    client_channel(closing, 1);
    declare(f->client, 1, "q", DECLARE_DURABLE);
    client_publish(f->client, 1, "", "q", "dropped", 0);
    declare(f->other, 1, "q", DECLARE_DURABLE);
    client_publish(f->other, 1, "", "q", "dropped", 0);
    client_send(f->other, 0, &(struct method){.id = METHOD_CONNECTION_CLOSE});
    declare(closing, 1, "q", DECLARE_DURABLE);
    client_publish(closing, 1, "", "q", "dropped", 0);
    client_close(closing);
    engine_store_failed(f->harness.engine);
    expect_nothing(f->client);
    expect_method(f->other, 0, METHOD_CONNECTION_CLOSE_OK);
    assert_null(closing->session);
    assert_int_equal(f->harness.engine->held_bytes, 0);
    declare(f->client, 1, "other", DECLARE_DURABLE);
    declare(f->client, 1, "t", 0); /* its answer would pass for the one before, which never comes */
    client_publish(f->client, 1, "", "q", "dropped", 0);
    expect_nothing(f->client);
    send_fail(f->client, 0, REPLY_CONNECTION_FORCED);
    expect_connection_close(f->client, REPLY_CONNECTION_FORCED);
    harness_tick(&f->harness);
    expect_nothing(f->client);
}

static void a_server_that_was_going_down_when_the_store_failed_says_so(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    send_fail(f->client, 1, REPLY_PRECONDITION_FAILED);
    send_fail(f->client, 0, REPLY_CONNECTION_FORCED);
    engine_store_failed(f->harness.engine);
    expect_connection_close(f->client, REPLY_CONNECTION_FORCED);
}

/* --- commands that wait ---------------------------------------------------------------------- */

static void a_command_that_waits_is_applied_when_it_is_released(void **state)
{
    struct fixture *f = *state;
    struct list waiters;
    struct method get = {.id = METHOD_BASIC_GET, .basic_get = {.queue = S("q"), .no_ack = true}};
    list_init(&waiters);
    client_queue(f->client, 1, "q", 0);
    for (unsigned i = 0; i < 2; i++) {
        struct client *client = i == 0 ? f->client : f->other;
        session_hold_command(
            client->session,
            &(struct command){
                .kind = COMMAND_METHOD, .channel = 1, .session = client->session, .method = &get},
            &waiters);
    }
    declare(f->client, 1, "t", 0); /* no reply waits that it might follow */
    expect_nothing(f->client);
    client_publish(f->client, 1, "", "q", "of the first", 0);
    client_publish(f->other, 1, "", "q", "of the second", 0);
    session_release_all(&waiters);
    assert_true(list_is_empty(&waiters));
    harness_tick(&f->harness);
    expect_method(f->client, 1, METHOD_BASIC_GET_EMPTY);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_get(f->other, 1, "of the first", false, 0);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 1);
    assert_int_equal(f->harness.engine->held_bytes, 0);
}

static void a_failed_store_drops_a_command_that_waits(void **state)
{
    struct fixture *f = *state;
    struct list waiters;
    struct method get = {.id = METHOD_BASIC_GET, .basic_get = {.queue = S("q")}};
    struct command command = {
        .kind = COMMAND_METHOD, .channel = 1, .session = f->client->session, .method = &get};
    list_init(&waiters);
    session_hold_command(f->client->session, &command, &waiters);
    client_publish(f->client, 1, "", "q", "dropped", 0);
    engine_store_failed(f->harness.engine);
    assert_true(list_is_empty(&waiters));
    expect_nothing(f->client);
    session_hold_command(f->client->session, &command, &waiters); /* waits no more */
    assert_true(list_is_empty(&waiters));
    harness_tick(&f->harness);
    assert_int_equal(f->client->session->hold, SESSION_NOT_HELD);
    expect_nothing(f->client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(commands_behind_it_are_applied_after_it_in_order),
        TEST(commands_behind_it_may_have_the_session_held_again),
        TEST(other_sessions_go_on),
        TEST(deliveries_and_confirms_go_on),
        TEST(a_client_that_reads_again_is_delivered_to_while_it_is_held),
        TEST(a_client_that_does_not_wait_for_answers_shares_a_sync),
        TEST(answers_go_as_far_as_the_store_is_durable),
        TEST(many_clients_share_a_sync),
        TEST(what_a_release_appends_is_flushed_in_the_same_tick),
        TEST(an_error_behind_it_comes_behind_it),
        TEST(a_connection_error_behind_it_comes_behind_it),
        TEST(a_broken_rule_waits_its_turn),
        TEST(a_close_waits_its_turn),
        TEST(what_a_client_sent_before_it_went_away_still_counts),
        TEST(much_that_waits_holds_publishers_back),
        TEST(a_backlog_that_never_ends_takes_no_more_room),
        TEST(a_failed_store_answers_nothing_and_holds_nobody),
        TEST(a_server_that_was_going_down_when_the_store_failed_says_so),
        TEST(a_command_that_waits_is_applied_when_it_is_released),
        TEST(a_failed_store_drops_a_command_that_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
