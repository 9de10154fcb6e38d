/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens to a queue of which messages are not in memory: basic.get, purge and deletion,
 * failures, a restart.
 */
#include <errno.h>
#include <unistd.h>

#include "exchange/paging.h"
#include "server/base/log.h"
#include "test/unit/exchange/paging_fixture.h"

/* --- basic.get ------------------------------------------------------------------------------- */

static void a_get_waits_for_its_message_and_what_is_behind_it_waits_too(void **state)
{
    struct fixture *f = *state;
    fill(f);
    uint32_t taken = get_front(f);
    f->shelf.is_silent = true;
    get(f->client, "d");
    publish(f, "", "t", 1, 1, 0);
    get(f->client, "t");
    harness_tick(&f->harness);
    expect_nothing(f->client);
    get(f->other, "t");
    expect_method(f->other, 1, METHOD_BASIC_GET_EMPTY);
    f->shelf.is_silent = false;
    harness_tick(&f->harness);
    expect_get(f->client, 1, body_of(taken + 1), false, MANY - taken - 1);
    expect_get(f->client, 1, body_of(1), false, 0);
}

static void a_get_goes_before_consumers_that_would_leave_nothing(void **state)
{
    struct fixture *f = *state;
    fill(f);
    uint32_t taken = get_front(f);
    get(f->client, "d");
    client_consume(f->other, 1, "d", "c", true);
    harness_tick(&f->harness);
    expect_get(f->client, 1, body_of(taken + 1), false, MANY - taken - 1);
}

static void a_get_of_a_queue_that_is_deleted_meanwhile_is_refused(void **state)
{
    struct fixture *f = *state;
    fill(f);
    (void)get_front(f);
    f->shelf.is_silent = true;
    get(f->client, "d");
    client_delete_queue(f->other, 1, "d");
    expect_channel_close(f->client, 1, REPLY_NOT_FOUND);
    f->shelf.is_silent = false;
    rest(f);
    assert_int_equal(f->shelf.count, 0);
}

static void a_get_of_a_queue_that_is_purged_meanwhile_finds_it_empty(void **state)
{
    struct fixture *f = *state;
    fill(f);
    (void)get_front(f);
    get(f->client, "d");
    client_send(f->other, 1,
                &(struct method){.id = METHOD_QUEUE_PURGE,
                                 .queue_purge = {.queue = S("d"), .nowait = true}});
    expect_method(f->client, 1, METHOD_BASIC_GET_EMPTY);
}

static void who_waits_for_a_message_may_go_away(void **state)
{
    struct fixture *f = *state;
    fill(f);
    (void)get_front(f);
    f->shelf.is_silent = true;
    get(f->client, "d");
    publish(f, "", "t", 1, 1, 0); /* counts, though nobody will hear of it */
    get(f->client, "d");
    client_close(f->client);
    harness_tick(&f->harness);
    assert_null(f->client->session);
    assert_int_equal(queue_depth(f->t), 1);
    assert_true(list_is_empty(&f->d->paging.getters));
}

/* --- purge and deletion ---------------------------------------------------------------------- */

static void purge(struct fixture *f, const char *queue, uint32_t count)
{
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_PURGE, .queue_purge = {.queue = S(queue)}});
    const struct method *ok = expect_method(f->client, 1, METHOD_QUEUE_PURGE_OK);
    assert_int_equal(ok->queue_purge_ok.message_count, count);
}

static void a_purge_settles_the_cold_range_at_once(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct deque_cold cold = f->d->ready.cold;
    purge(f, "d", MANY);
    const struct fact *settle = &f->harness.store.facts[0];
    assert_int_equal(settle->kind, STORE_SETTLE);
    assert_int_equal(settle->position, cold.first);
    assert_int_equal(settle->span, cold.end - cold.first);
    assert_int_equal(settle->bytes, cold.bytes);
    assert_int_equal(f->harness.store.count, 1 + MANY - cold.count);
    assert_int_equal(f->shelf.count, 0);
    assert_int_equal(f->d->ready_bytes, 0);
    assert_int_equal(queue_depth(f->d), 0);
}

static void what_was_being_fetched_when_it_was_purged_is_dropped(void **state)
{
    struct fixture *f = *state;
    f->shelf.is_hasty = true;
    for (unsigned round = 0; round < 10; round++) { /* read before the purge, or behind it */
        publish_mixed(f, "d", 1, MANY);
        rest(f);
        f->shelf.is_silent = true;
        client_consume(f->other, 1, "d", "c", true);
        client_forget(f->other);
        assert_int_equal(f->d->paging.state, PAGING_FETCHING);
        purge(f, "d", (uint32_t)queue_depth(f->d));
        client_cancel(f->other, 1, "c");
        publish_mixed(f, "d", 1, MANY);
        rest(f);
        client_consume(f->other, 1, "d", "c", true);
        assert_int_equal(f->d->paging.state, PAGING_VOID);
        f->shelf.is_silent = false;
        while (queue_depth(f->d) > 0)
            harness_tick(&f->harness);
        expect_run(f->other, 1, MANY);
        client_cancel(f->other, 1, "c");
        assert_int_equal(f->shelf.count, 0);
        harness_forget_facts(&f->harness);
    }
}

static void a_queue_may_be_deleted_while_it_is_being_fetched_from(void **state)
{
    struct fixture *f = *state;
    publish_mixed(f, "t", 1, MANY);
    rest(f);
    f->shelf.is_silent = true;
    client_consume(f->other, 1, "t", "c", true);
    client_forget(f->other);
    uint32_t left = (uint32_t)queue_depth(f->t);
    harness_forget_facts(&f->harness);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DELETE, .queue_delete = {.queue = S("t")}});
    const struct method *ok = expect_method(f->client, 1, METHOD_QUEUE_DELETE_OK);
    assert_int_equal(ok->queue_delete_ok.message_count, left);
    expect_method(f->other, 1, METHOD_BASIC_CANCEL);
    assert_int_equal(harness_facts(&f->harness, STORE_QUEUE_DELETE),
                     1); /* though it is transient */
    assert_int_equal(f->harness.store.count, 1);
    client_queue(f->client, 1, "t", 0);
    f->shelf.is_silent = false;
    rest(f);
    assert_true(list_is_empty(&f->harness.engine->fetching));
    expect_nothing(f->other);
    assert_int_equal(f->shelf.count, 0);
}

static void a_queue_that_never_paged_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "t", 1, 10, 0);
    rest(f);
    client_delete_queue(f->client, 1, "t");
    assert_int_equal(f->harness.store.count, 0);
}

static void an_exclusive_queue_goes_with_its_client(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "x", DECLARE_EXCLUSIVE);
    publish(f, "", "x", 1, MANY, 0);
    rest(f);
    f->shelf.is_silent = true;
    client_consume(f->client, 1, "x", "c", true);
    client_close(f->client);
    assert_null(harness_queue(&f->harness, "x"));
    assert_int_equal(f->shelf.count, 0);
    f->shelf.is_silent = false;
    rest(f);
    assert_true(list_is_empty(&f->harness.engine->fetching));
}

static void an_engine_may_end_while_it_waits(void **state)
{
    struct fixture *f = *state;
    fill(f);
    publish(f, "", "t", 1, MANY, 0);
    rest(f);
    f->shelf.is_silent = true;
    client_consume(f->client, 1, "d", "c", true);
    client_consume(f->client, 1, "t", "c2", true);
    client_delete_queue(f->client, 1, "t");
    harness_end(&f->harness);
}

/* --- what cannot be read --------------------------------------------------------------------- */

/* How many lines of the log, which went to FILE, tell of an unreadable queue. */
static unsigned count_complaints(FILE *file)
{
    char line[1000];
    unsigned count = 0;
    rewind(file);
    while (fgets(line, sizeof line, file) != NULL)
        count += strstr(line, "queue_unreadable") != NULL && strstr(line, "queue=d") != NULL &&
                 strstr(line, "Input/output error") != NULL;
    return count;
}

static void what_cannot_be_read_is_asked_for_once_a_second(void **state)
{
    struct fixture *f = *state;
    FILE *log = tmpfile();
    assert_non_null(log);
    fill(f);
    log_set_output(fileno(log));
    f->harness.now_ms = 10300;
    f->shelf.failure = -EIO;
    client_consume(f->other, 1, "d", "c", true);
    uint32_t front = MANY - (uint32_t)queue_depth(f->d);
    expect_run(f->other, 1, front);
    for (unsigned i = 0; i < 10; i++) {
        harness_tick(&f->harness);
        get(f->client, "d"); /* waits as well */
    }
    assert_int_equal(f->shelf.fetched, 1);
    f->harness.now_ms = 10999;
    harness_tick(&f->harness);
    assert_int_equal(f->shelf.fetched, 1);
    f->harness.now_ms = 11000;
    harness_tick(&f->harness);
    assert_int_equal(f->shelf.fetched, 2);
    harness_tick(&f->harness);
    f->harness.now_ms = 12100;
    harness_tick(&f->harness);
    assert_int_equal(f->shelf.fetched, 3);
    expect_nothing(f->client);
    publish(f, "", "t", 1, 1, 0); /* behind the get */
    client_publish(f->other, 1, "", "t", "others go on", 0);
    get(f->other, "t");
    expect_get(f->other, 1, "others go on", false, 0);
    assert_int_equal(count_complaints(log), 1);
    f->shelf.failure = 0;
    harness_tick(&f->harness);
    f->harness.now_ms = 13000;
    harness_tick(&f->harness);
    harness_tick(&f->harness);
    expect_get(f->client, 1, body_of(front + 1), false, MANY - front - 1);
    (void)expect_delivery(f->other, 1, "c", body_of(front + 2), false);
    log_set_output(STDERR_FILENO);
    fclose(log);
}

static void an_unreadable_queue_may_be_purged_or_deleted(void **state)
{
    struct fixture *f = *state;
    log_set_level(LOG_ERROR + 1);
    f->shelf.failure = -EIO;
    for (unsigned round = 0; round < 2; round++) {
        fill(f);
        client_consume(f->other, 1, "d", "c", true);
        client_forget(f->other);
        harness_tick(&f->harness);
        assert_int_equal(f->d->paging.state, PAGING_UNREADABLE);
        if (round == 0)
            purge(f, "d", (uint32_t)queue_depth(f->d));
        else
            client_delete_queue(f->client, 1, "d");
        assert_true(list_is_empty(&f->harness.engine->unreadable));
        assert_int_equal(f->shelf.count, 0);
        client_cancel(f->other, 1, "c");
    }
    f->harness.now_ms += 5000;
    harness_tick(&f->harness);
}

/* --- a restart ------------------------------------------------------------------------------- */

static void what_an_earlier_run_left_comes_back_with_its_delivery_counts(void **state)
{
    struct fixture *f = *state;
    fill(f);
    for (uint32_t i = 1; i <= 3; i++) {
        client_get(f->client, 1, "d", false);
        client_nack(f->client, 1, 2 * i - 1, false, true); /* 1 is back */
        client_get(f->client, 1, "d", false);
        client_ack(f->client, 1, 2 * i, false); /* and gone, and so on */
        publish(f, "", "d", MANY + i, MANY + i, 0);
    }
    client_get(f->client, 1, "d", false);
    client_nack(f->client, 1, 7, false, true);
    uint64_t id = f->d->id, end = f->d->next_position, bytes;
    harness_fini(&f->harness);

    harness_init(&f->harness, 2);
    shelf_restart(&f->shelf, &f->harness, WATERMARK);
    connect(f);
    assert_int_equal(f->d->id, id);
    size_t count = shelf_count(&f->shelf, id, 0, end, &bytes, NULL);
    assert_int_equal(count, MANY - 3);
    queue_restore(f->d, 1, end, count, bytes);
    f->d->recovered_below = end;
    assert_int_equal(queue_depth(f->d), MANY - 3);
    assert_int_equal(queue_in_memory(f->d), 0);

    publish(f, "", "d", 1, 1, 0);
    client_qos(f->other, 1, 2, false);
    client_consume(f->other, 1, "d", "c", false);
    rest(f);
    (void)expect_delivery(f->other, 1, "c", body_of(4), true);
    (void)expect_delivery(f->other, 1, "c", body_of(5), true);
    harness_forget_facts(&f->harness);
    client_nack(f->other, 1, 2, true, true);
    assert_int_equal(f->harness.store.facts[0].delivery_count, 2); /* it had come back once */
    assert_int_equal(f->harness.store.facts[1].delivery_count, 1);
    for (uint32_t i = 0; i < MANY - 3; i++) {
        rest(f);
        const struct seen *seen = expect_delivery(f->other, 1, "c", body_of(4 + i), true);
        client_ack(f->other, 1, seen->delivery_tag, false);
    }
    (void)expect_delivery(f->other, 1, "c", body_of(1), false);
    assert_int_equal(f->shelf.count, 0);
}

static void a_sparse_range_is_gone_through(void **state)
{
    struct fixture *f = *state;
    enum { FEW = 5, GAP = 3000 };
    for (uint32_t i = 1; i <= FEW * GAP; i++)
        publish(f, "", "d", i, i, PUBLISH_PERSISTENT);
    for (uint32_t i = 1; i < FEW * GAP; i++) {
        client_get(f->client, 1, "d", false);
        if (i % GAP != 0)
            client_ack(f->client, 1, i, false);
    }
    client_forget(f->client);
    uint64_t end = f->d->next_position;
    harness_fini(&f->harness);
    harness_init(&f->harness, 2);
    shelf_restart(&f->shelf, &f->harness, WATERMARK);
    connect(f);
    queue_restore(f->d, 1, end, FEW, FEW * 8);
    client_consume(f->client, 1, "d", "c", true);
    for (unsigned i = 0; i < 2 * FEW + 10; i++)
        harness_tick(&f->harness);
    for (uint32_t i = 1; i <= FEW; i++)
        (void)expect_delivery(f->client, 1, "c", body_of(i * GAP), i < FEW);
    assert_int_equal(f->shelf.count, 0);
}

/* The log knows the size only about, where what was dropped unread was transient in part. */
static void what_is_left_may_be_larger_or_smaller_than_the_log_knows(void **state)
{
    struct fixture *f = *state;
    enum { FEW = 5 * BLOCK };
    static const uint64_t known[] = {0, 3 * 8, FEW * 8, 1000 * 8};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        publish(f, "", "d", 1, FEW, PUBLISH_PERSISTENT);
        rest(f);
        uint64_t first = f->d->next_position - FEW;
        for (struct returned_entry entry; queue_take(f->d, &entry);)
            message_unref(entry.message); /* the store keeps them */
        f->d->persistent_bytes = 0;
        queue_restore(f->d, first, f->d->next_position, FEW, known[i]);
        client_consume(f->other, 1, "d", "c", true);
        while (queue_depth(f->d) > 0)
            harness_tick(&f->harness);
        expect_run(f->other, 1, FEW);
        assert_int_equal(f->d->ready_bytes, 0);
        assert_int_equal(f->d->persistent_bytes, 0);
        assert_int_equal(f->shelf.count, 0);
        client_cancel(f->other, 1, "c");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_get_waits_for_its_message_and_what_is_behind_it_waits_too),
        TEST(a_get_goes_before_consumers_that_would_leave_nothing),
        TEST(a_get_of_a_queue_that_is_deleted_meanwhile_is_refused),
        TEST(a_get_of_a_queue_that_is_purged_meanwhile_finds_it_empty),
        TEST(who_waits_for_a_message_may_go_away),
        TEST(a_purge_settles_the_cold_range_at_once),
        TEST(what_was_being_fetched_when_it_was_purged_is_dropped),
        TEST(a_queue_may_be_deleted_while_it_is_being_fetched_from),
        TEST(a_queue_that_never_paged_leaves_no_trace),
        TEST(an_exclusive_queue_goes_with_its_client),
        TEST(an_engine_may_end_while_it_waits),
        TEST(what_cannot_be_read_is_asked_for_once_a_second),
        TEST(an_unreadable_queue_may_be_purged_or_deleted),
        TEST(what_an_earlier_run_left_comes_back_with_its_delivery_counts),
        TEST(a_sparse_range_is_gone_through),
        TEST(what_is_left_may_be_larger_or_smaller_than_the_log_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
