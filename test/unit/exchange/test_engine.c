/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver: errors and what they close, commands that come too late, what dies with what.
 */
#include "exchange/engine.h"

#include <stdio.h>

#include "test/unit/exchange/expect.h"

enum { CHAIN = 10000 };

struct fixture {
    struct harness harness;
    struct client *client; /* channel 1 */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, 1000000);
    client_channel(f->client, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    harness_fini(&f->harness);
    free(f);
    return 0;
}

static void break_rule(struct fixture *f, uint16_t channel, enum reply_code code)
{
    struct reply_error error;
    (void)reply_error(&error, code, "broken");
    engine_apply(f->harness.engine, &(struct command){.kind = COMMAND_FAIL,
                                                      .channel = channel,
                                                      .session = f->client->session,
                                                      .fail = {&error, 60, 40}});
}

static void a_soft_error_closes_the_channel_only(void **state)
{
    struct fixture *f = *state;
    client_channel(f->client, 2);
    break_rule(f, 1, REPLY_PRECONDITION_FAILED);
    const struct method *close = expect_method(f->client, 1, METHOD_CHANNEL_CLOSE);
    assert_int_equal(close->channel_close.reply_code, 406);
    assert_slice(close->channel_close.reply_text, "PRECONDITION_FAILED - broken");
    assert_int_equal(close->channel_close.class_id, 60);
    assert_int_equal(close->channel_close.method_id, 40);
    assert_null(session_channel(f->client->session, 1));
    client_queue(f->client, 2, "q", 0);
    expect_nothing(f->client);
    assert_non_null(harness_queue(&f->harness, "q"));
}

static void a_hard_error_closes_the_connection(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "own", DECLARE_EXCLUSIVE);
    break_rule(f, 1, REPLY_FRAME_ERROR);
    expect_connection_close(f->client, 501);
    assert_null(harness_queue(&f->harness, "own"));
    assert_int_equal(f->client->session->state, SESSION_CLOSED);
}

static void an_error_on_channel_0_closes_the_connection_whatever_its_level(void **state)
{
    struct fixture *f = *state;
    break_rule(f, 0, REPLY_NOT_FOUND);
    expect_connection_close(f->client, 404);
}

static void a_soft_error_on_a_channel_that_is_closed_is_dropped(void **state)
{
    struct fixture *f = *state;
    break_rule(f, 9, REPLY_PRECONDITION_FAILED);
    expect_nothing(f->client);
}

static void commands_for_a_closed_channel_are_dropped(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", 0);
    break_rule(f, 1, REPLY_PRECONDITION_FAILED);
    expect_channel_close(f->client, 1, 406);
    client_publish(f->client, 1, "", "q", "m", PUBLISH_MANDATORY);
    client_get(f->client, 1, "q", true);
    client_ack(f->client, 1, 77, false);
    client_delete_queue(f->client, 1, "q");
    expect_nothing(f->client);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 0);
    client_send(f->client, 1, &(struct method){.id = METHOD_CHANNEL_CLOSE});
    expect_method(f->client, 1, METHOD_CHANNEL_CLOSE_OK);
    client_channel(f->client, 1);
    client_publish(f->client, 1, "", "q", "m", 0);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 1);
}

static void commands_for_a_closed_session_are_dropped(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", 0);
    client_consume(f->client, 1, "q", "c", true);
    client_publish(f->client, 1, "", "q", "m", 0);
    expect_delivery(f->client, 1, "c", "m", false);
    break_rule(f, 0, REPLY_INTERNAL_ERROR);
    expect_connection_close(f->client, 541);
    client_publish(f->client, 1, "", "q", "m", 0);
    client_send(f->client, 2, &(struct method){.id = METHOD_CHANNEL_OPEN});
    client_send(f->client, 0, &(struct method){.id = METHOD_CONNECTION_CLOSE});
    break_rule(f, 0, REPLY_INTERNAL_ERROR);
    client_drain(f->client, UINT64_MAX);
    expect_nothing(f->client);
    client_close(f->client);
    assert_int_equal(client_next(f->client)->kind, EFFECT_GONE);
    expect_nothing(f->client);
}

static void a_clean_close_is_answered(void **state)
{
    struct fixture *f = *state;
    client_send(f->client, 0, &(struct method){.id = METHOD_CONNECTION_CLOSE});
    expect_method(f->client, 0, METHOD_CONNECTION_CLOSE_OK);
    client_close(f->client);
    assert_int_equal(client_next(f->client)->kind, EFFECT_GONE);
}

static void a_second_channel_open_closes_the_connection(void **state)
{
    struct fixture *f = *state;
    client_send(f->client, 1, &(struct method){.id = METHOD_CHANNEL_OPEN});
    expect_connection_close(f->client, REPLY_CHANNEL_ERROR);
}

static void channels_of_any_number_may_be_open_at_once(void **state)
{
    struct fixture *f = *state;
    static const uint16_t numbers[] = {2, 3, 4, 5, 100, 2047, 65535};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        client_channel(f->client, numbers[i]);
    client_queue(f->client, 65535, "q", 0);
    client_consume(f->client, 65535, "q", "c", true);
    client_publish(f->client, 2047, "", "q", "m", 0);
    expect_delivery(f->client, 65535, "c", "m", false);
}

static void exclusive_queues_die_with_their_session_and_are_its_own(void **state)
{
    struct fixture *f = *state;
    struct client *other = client_open(&f->harness, 1000);
    client_channel(other, 1);
    client_queue(f->client, 1, "own", DECLARE_EXCLUSIVE);
    client_consume(f->client, 1, "own", "c", false);
    client_publish(other, 1, "", "own", "m", 0); /* publishing is not restricted */
    expect_delivery(f->client, 1, "c", "m", false);
    client_get(other, 1, "own", true);
    expect_channel_close(other, 1, REPLY_RESOURCE_LOCKED);
    client_close(f->client);
    assert_null(harness_queue(&f->harness, "own"));
    assert_int_equal(client_next(f->client)->kind, EFFECT_GONE);
    client_channel(other, 1);
    client_queue(other, 1, "own", 0);
    expect_nothing(other);
}

static void a_lost_sessions_deliveries_go_to_others_in_order(void **state)
{
    struct fixture *f = *state;
    struct client *other = client_open(&f->harness, 1000000);
    client_queue(f->client, 1, "q", 0);
    client_channel(f->client, 2);
    client_consume(f->client, 1, "q", "a", false);
    client_consume(f->client, 2, "q", "b", false);
    for (char digit = '1'; digit <= '6'; digit++)
        client_publish(f->client, 1, "", "q", (char[]){digit, '\0'}, 0);
    client_channel(other, 1);
    client_qos(other, 1, 10, false);
    client_consume(other, 1, "q", "c", false);
    expect_nothing(other);
    client_close(f->client);
    for (char digit = '1'; digit <= '6'; digit++)
        expect_delivery(other, 1, "c", (char[]){digit, '\0'}, true);
    expect_nothing(other);
}

static void auto_delete_queues_go_with_their_last_consumer(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", DECLARE_AUTO_DELETE);
    client_consume(f->client, 1, "q", "a", false);
    client_channel(f->client, 2);
    client_consume(f->client, 2, "q", "b", false);
    client_cancel(f->client, 1, "a");
    assert_non_null(harness_queue(&f->harness, "q"));
    client_send(f->client, 2, &(struct method){.id = METHOD_CHANNEL_CLOSE});
    expect_method(f->client, 2, METHOD_CHANNEL_CLOSE_OK);
    assert_null(harness_queue(&f->harness, "q"));
    expect_nothing(f->client);
}

/* The last of a chain of auto-delete exchanges loses its queue: all go, without recursion. */
static void a_chain_of_ten_thousand_auto_delete_exchanges_unravels(void **state)
{
    struct fixture *f = *state;
    char name[HARNESS_NAME_BYTES], next[HARNESS_NAME_BYTES];
    struct vhost *vhost = f->client->session->vhost;
    uint32_t before = vhost->exchanges.count;
    for (unsigned i = 0; i < CHAIN; i++) {
        snprintf(name, sizeof name, "chain-%u", i);
        client_exchange(f->client, 1, name, i % 2 ? "fanout" : "topic", DECLARE_AUTO_DELETE);
        if (i > 0) {
            snprintf(next, sizeof next, "chain-%u", i - 1);
            client_bind_exchange(f->client, 1, name, next, "#");
        }
    }
    client_queue(f->client, 1, "end", 0);
    client_bind(f->client, 1, "end", name, "#");
    client_publish(f->client, 1, "chain-0", "k", "m", 0); /* and a message finds its way along */
    assert_int_equal(queue_depth(harness_queue(&f->harness, "end")), 1);
    assert_int_equal(vhost->exchanges.count, before + CHAIN);
    client_delete_queue(f->client, 1, "end");
    expect_nothing(f->client);
    assert_int_equal(vhost->exchanges.count, before);
}

static void a_cycle_of_auto_delete_exchanges_goes_when_one_is_deleted(void **state)
{
    struct fixture *f = *state;
    struct vhost *vhost = f->client->session->vhost;
    uint32_t before = vhost->exchanges.count;
    static const char *const names[] = {"a", "b", "c"};
    for (unsigned i = 0; i < 3; i++)
        client_exchange(f->client, 1, names[i], "fanout", DECLARE_AUTO_DELETE);
    for (unsigned i = 0; i < 3; i++)
        client_bind_exchange(f->client, 1, names[(i + 1) % 3], names[i], "");
    client_bind_exchange(f->client, 1, "a", "a", "");
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                 .exchange_delete = {.exchange = S("a"), .nowait = true}});
    expect_nothing(f->client);
    assert_int_equal(vhost->exchanges.count, before);
}

static void reserved_names_are_refused_however_they_are_spelt(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"amq.mine", "am\rq.mine", "\namq.mine"};
    for (unsigned i = 0; i < 3; i++) {
        client_queue(f->client, 1, names[i], 0);
        expect_channel_close(f->client, 1, REPLY_ACCESS_REFUSED);
        client_channel(f->client, 1);
        client_exchange(f->client, 1, names[i], "direct", 0);
        expect_channel_close(f->client, 1, REPLY_ACCESS_REFUSED);
        client_channel(f->client, 1);
    }
}

static void a_generated_name_is_that_of_the_queue_declared_last(void **state)
{
    struct fixture *f = *state;
    client_send(f->client, 1, &(struct method){.id = METHOD_QUEUE_DECLARE});
    const struct method *ok = expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    assert_true(slice_starts_with(ok->queue_declare_ok.queue, S("amq.gen-")));
    char name[64];
    snprintf(name, sizeof name, "%.*s", SLICE_ARGS(ok->queue_declare_ok.queue));
    client_publish(f->client, 1, "", name, "m", 0);
    client_get(f->client, 1, "", true);
    expect_get(f->client, 1, "m", false, 0);
    client_channel(f->client, 2);
    client_get(f->client, 2, "", true); /* each channel remembers its own */
    expect_channel_close(f->client, 2, REPLY_NOT_FOUND);
}

static void the_same_seed_and_commands_give_the_same_names(void **state)
{
    struct fixture *f = *state;
    struct harness twin;
    char names[2][64];
    harness_init(&twin, 1);
    struct client *clients[] = {f->client, client_open(&twin, 1000000)};
    client_channel(clients[1], 1);
    for (unsigned i = 0; i < 2; i++) {
        client_send(clients[i], 1, &(struct method){.id = METHOD_QUEUE_DECLARE});
        const struct method *ok = expect_method(clients[i], 1, METHOD_QUEUE_DECLARE_OK);
        snprintf(names[i], sizeof names[i], "%.*s", SLICE_ARGS(ok->queue_declare_ok.queue));
    }
    assert_string_equal(names[0], names[1]);
    harness_fini(&twin);
}

static void purge_and_delete_count_what_was_ready(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    for (unsigned i = 0; i < 3; i++)
        client_publish(f->client, 1, "", "q", "m", 0);
    client_get(f->client, 1, "q", false);
    client_forget(f->client);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_PURGE, .queue_purge = {.queue = S("q")}});
    const struct method *purged = expect_method(f->client, 1, METHOD_QUEUE_PURGE_OK);
    assert_int_equal(purged->queue_purge_ok.message_count, 2);
    client_nack(f->client, 1, 1, false, true); /* what was out is not purged */
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DELETE, .queue_delete = {.queue = S("q")}});
    harness_tick(&f->harness);
    const struct method *deleted = expect_method(f->client, 1, METHOD_QUEUE_DELETE_OK);
    assert_int_equal(deleted->queue_delete_ok.message_count, 1);
}

static void a_wrong_password_is_refused(void **state)
{
    struct fixture *f = *state;
    struct client *client = &f->harness.clients[f->harness.client_count++];
    *client = (struct client){.harness = &f->harness, .session = session_new()};
    engine_apply(f->harness.engine,
                 &(struct command){.kind = COMMAND_SESSION_OPEN,
                                   .session = client->session,
                                   .open = {.sink = &f->harness.sink, .connection = client}});
    engine_apply(f->harness.engine,
                 &(struct command){.kind = COMMAND_LOGIN,
                                   .session = client->session,
                                   .login = {.user = S("guest"), .password = S("wrong")}});
    const struct seen *seen = client_next(client);
    assert_int_equal(seen->kind, EFFECT_LOGIN);
    assert_false(seen->accepted);
    assert_null(client->session->user);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_soft_error_closes_the_channel_only),
        TEST(a_hard_error_closes_the_connection),
        TEST(an_error_on_channel_0_closes_the_connection_whatever_its_level),
        TEST(a_soft_error_on_a_channel_that_is_closed_is_dropped),
        TEST(commands_for_a_closed_channel_are_dropped),
        TEST(commands_for_a_closed_session_are_dropped),
        TEST(a_clean_close_is_answered),
        TEST(a_second_channel_open_closes_the_connection),
        TEST(channels_of_any_number_may_be_open_at_once),
        TEST(exclusive_queues_die_with_their_session_and_are_its_own),
        TEST(a_lost_sessions_deliveries_go_to_others_in_order),
        TEST(auto_delete_queues_go_with_their_last_consumer),
        TEST(a_chain_of_ten_thousand_auto_delete_exchanges_unravels),
        TEST(a_cycle_of_auto_delete_exchanges_goes_when_one_is_deleted),
        TEST(reserved_names_are_refused_however_they_are_spelt),
        TEST(a_generated_name_is_that_of_the_queue_declared_last),
        TEST(the_same_seed_and_commands_give_the_same_names),
        TEST(purge_and_delete_count_what_was_ready),
        TEST(a_wrong_password_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
