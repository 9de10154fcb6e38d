/* SPDX-License-Identifier: Apache-2.0
 *
 * Which answers wait until what they say is durable.
 */
#include "test/unit/exchange/asking.h"

/* --- what waits ------------------------------------------------------------------------------ */

static void a_durable_queue_is_declared_and_deleted_when_that_is_durable(void **state)
{
    struct fixture *f = *state;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    harness_tick(&f->harness);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    delete_queue(f->client, "q");
    harness_tick(&f->harness);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DELETE_OK);
}

static void a_durable_exchange_is_declared_and_deleted_when_that_is_durable(void **state)
{
    struct fixture *f = *state;
    declare_exchange(f->client, "x", true);
    harness_tick(&f->harness);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_EXCHANGE_DECLARE_OK);
    delete_exchange(f->client, "x");
    harness_tick(&f->harness);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_EXCHANGE_DELETE_OK);
}

static void durable_ends_are_bound_and_unbound_when_that_is_durable(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    sync(f);
    static const enum method_id answers[] = {METHOD_QUEUE_BIND_OK, METHOD_EXCHANGE_BIND_OK,
                                             METHOD_QUEUE_UNBIND_OK, METHOD_EXCHANGE_UNBIND_OK};
    for (unsigned i = 0; i < 4; i++) {
        if (i == 0)
            bind(f->client, "q", "amq.direct");
        else if (i == 1)
            client_send(
                f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_BIND,
                                 .exchange_bind = {.destination = SLICE_LITERAL("amq.topic"),
                                                   .source = SLICE_LITERAL("amq.fanout")}});
        else if (i == 2)
            unbind(f->client, "q", "amq.direct");
        else
            client_send(
                f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_UNBIND,
                                 .exchange_unbind = {.destination = SLICE_LITERAL("amq.topic"),
                                                     .source = SLICE_LITERAL("amq.fanout")}});
        harness_tick(&f->harness);
        expect_nothing(f->client);
        sync(f);
        expect_method(f->client, 1, answers[i]);
    }
}

static void what_another_client_declared_a_moment_ago_waits_too(void **state)
{
    struct fixture *f = *state;
    client_queue(f->other, 1, "q", DECLARE_DURABLE);
    client_bind(f->other, 1, "q", "amq.direct", "");
    declare(f->client, 1, "q", DECLARE_DURABLE);
    bind(f->client, "q", "amq.direct");
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = SLICE_LITERAL("q"), .passive = true}});
    harness_tick(&f->harness);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_method(f->client, 1, METHOD_QUEUE_BIND_OK);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    declare(f->client, 1, "q", DECLARE_DURABLE); /* now it is durable */
    bind(f->client, "q", "amq.direct");
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    expect_method(f->client, 1, METHOD_QUEUE_BIND_OK);
}

static void what_another_client_deleted_a_moment_ago_waits_too(void **state)
{
    struct fixture *f = *state;
    client_queue(f->other, 1, "q", DECLARE_DURABLE);
    client_exchange(f->other, 1, "x", "direct", DECLARE_DURABLE);
    sync(f);
    delete_queue(f->other, "q");
    delete_exchange(f->other, "x");
    static const enum method_id answers[] = {METHOD_QUEUE_DELETE_OK, METHOD_EXCHANGE_DELETE_OK,
                                             METHOD_QUEUE_UNBIND_OK};
    struct client *clients[3] = {f->client};
    for (unsigned i = 0; i < 3; i++) {
        if (i > 0) {
            clients[i] = client_open(&f->harness, 1000);
            client_channel(clients[i], 1);
        }
        if (i == 0)
            delete_queue(clients[i], "q");
        else if (i == 1)
            delete_exchange(clients[i], "x");
        else
            unbind(clients[i], "q", "x");
    }
    harness_tick(&f->harness);
    for (unsigned i = 0; i < 3; i++)
        expect_nothing(clients[i]);
    sync(f);
    for (unsigned i = 0; i < 3; i++)
        expect_method(clients[i], 1, answers[i]);
}

static void a_commit_is_answered_when_it_is_durable(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    sync(f);
    select_tx(f->client, 1);
    client_publish(f->client, 1, "", "q", "m", PUBLISH_PERSISTENT);
    commit(f->client, 1);
    harness_tick(&f->harness);
    expect_nothing(f->client);
    f->harness.store.durable_lsn = f->harness.store.last_lsn - 1; /* all but the commit's record */
    harness_tick(&f->harness);
    expect_nothing(f->client);
    sync(f);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    client_get(f->client, 1, "q", false);
    expect_get(f->client, 1, "m", false, 0);
    client_ack(f->client, 1, 1, false);
    commit(f->client, 1);
    harness_tick(&f->harness);
    expect_nothing(f->client); /* a settlement alone waits too */
    sync(f);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
}

/* --- what does not --------------------------------------------------------------------------- */

static void what_is_not_durable_is_answered_at_once(void **state)
{
    struct fixture *f = *state;
    client_queue(f->other, 1, "durable", DECLARE_DURABLE);
    declare(f->client, 1, "t", 0);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    declare(f->client, 1, "e", DECLARE_DURABLE | DECLARE_EXCLUSIVE);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    declare_exchange(f->client, "x", false);
    expect_method(f->client, 1, METHOD_EXCHANGE_DECLARE_OK);
    bind(f->client, "t", "amq.direct");
    expect_method(f->client, 1, METHOD_QUEUE_BIND_OK);
    bind(f->client, "durable", "x");
    expect_method(f->client, 1, METHOD_QUEUE_BIND_OK);
    unbind(f->client, "durable", "x");
    expect_method(f->client, 1, METHOD_QUEUE_UNBIND_OK);
    delete_exchange(f->client, "x");
    expect_method(f->client, 1, METHOD_EXCHANGE_DELETE_OK);
    delete_queue(f->client, "t");
    expect_method(f->client, 1, METHOD_QUEUE_DELETE_OK);
}

static void who_wants_no_answer_does_not_wait(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    client_exchange(f->client, 1, "x", "direct", DECLARE_DURABLE);
    client_bind(f->client, 1, "q", "x", "");
    client_publish(f->client, 1, "x", "", "m", PUBLISH_PERSISTENT);
    client_get(f->client, 1, "q", true);
    expect_get(f->client, 1, "m", false, 0);
    client_delete_queue(f->client, 1, "q");
    client_send(f->client, 2, &(struct method){.id = METHOD_CONFIRM_SELECT});
    expect_method(f->client, 2, METHOD_CONFIRM_SELECT_OK);
}

static void a_commit_of_nothing_durable_is_answered_at_once_and_leaves_no_record(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    client_queue(f->client, 1, "t", 0);
    sync(f);
    harness_forget_facts(&f->harness);
    select_tx(f->client, 1);
    commit(f->client, 1);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    client_publish(f->client, 1, "", "q", "m", 0);
    client_publish(f->client, 1, "", "t", "m", PUBLISH_PERSISTENT);
    commit(f->client, 1);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    client_get(f->client, 1, "q", false);
    expect_get(f->client, 1, "m", false, 0);
    client_ack(f->client, 1, 1, false);
    commit(f->client, 1);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    assert_int_equal(f->harness.store.count, 0);
}

static void without_a_disk_nothing_waits(void **state)
{
    struct fixture *f = *state;
    struct store_ram ram;
    store_ram_init(&ram);
    f->harness.engine->store = &ram.store;
    declare(f->client, 1, "q", DECLARE_DURABLE);
    expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
    select_tx(f->client, 1);
    client_publish(f->client, 1, "", "q", "m", PUBLISH_PERSISTENT);
    commit(f->client, 1);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    f->harness.engine->store = &f->harness.store.store;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_durable_queue_is_declared_and_deleted_when_that_is_durable),
        TEST(a_durable_exchange_is_declared_and_deleted_when_that_is_durable),
        TEST(durable_ends_are_bound_and_unbound_when_that_is_durable),
        TEST(what_another_client_declared_a_moment_ago_waits_too),
        TEST(what_another_client_deleted_a_moment_ago_waits_too),
        TEST(a_commit_is_answered_when_it_is_durable),
        TEST(what_is_not_durable_is_answered_at_once),
        TEST(who_wants_no_answer_does_not_wait),
        TEST(a_commit_of_nothing_durable_is_answered_at_once_and_leaves_no_record),
        TEST(without_a_disk_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
