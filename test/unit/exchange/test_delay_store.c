/* SPDX-License-Identifier: Apache-2.0
 *
 * Delayed messages that leave memory. The fixture's watermark leaves room for two that are due
 * soon.
 */
#include <errno.h>

#include "exchange/due_heap.h"
#include "server/base/mem.h"
#include "test/unit/exchange/delay_fixture.h"

static uint64_t near_bytes(const struct fixture *f)
{
    return f->harness.engine->delays.near_bytes;
}

/* Messages FIRST to LAST, all due in DELAY_MS. */
static void publish_many(struct fixture *f, const char *exchange, uint32_t first, uint32_t last,
                         int64_t delay_ms, unsigned flags)
{
    for (uint32_t i = first; i <= last; i++)
        publish_delayed(f, exchange, body_of(i), delay_ms, flags);
}

static void expect_in_order(struct fixture *f, const char *queue, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i <= last; i++)
        expect_next(f, queue, body_of(i));
    expect_empty(f, queue);
}

/* --- out of memory and back ------------------------------------------------------------------ */

static void far_messages_are_not_in_memory_until_shortly_before_they_are_due(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 50, 60000, PUBLISH_PERSISTENT);
    rest_at(f, 0);
    assert_int_equal(near_bytes(f), 0);
    assert_int_equal(delayed_in(f, "x"), 50);
    assert_int_equal(f->shelf.fetched, 0);
    for (uint64_t ms = 0; ms <= 57000; ms += 500)
        tick_at(f, ms);
    assert_int_equal(f->shelf.fetched, 0);
    rest_at(f, 57500);
    assert_int_equal(f->shelf.fetched, 1);
    assert_true(near_bytes(f) > 0);
    rest_at(f, 59999);
    assert_int_equal(queue_depth(f->d), 0);
    rest_at(f, 60000);
    expect_in_order(f, "d", 1, 50);
    assert_int_equal(near_bytes(f), 0);
    rest(f);
    assert_int_equal(f->shelf.count, 0);
}

static void message_that_was_read_back_expires_where_it_goes(void **state)
{
    struct fixture *f = *state;
    struct buf headers = {0};
    table_put_int(&headers, "x-delay", 60000);
    client_publish_with(f->client, 1, "x", "", body_of(1), PUBLISH_PERSISTENT,
                        &(struct properties){.flags = PROPERTY_HEADERS | PROPERTY_EXPIRATION,
                                             .headers = buf_slice(&headers),
                                             .expiration = S("100")});
    buf_fini(&headers);
    rest_at(f, 0);
    assert_int_equal(near_bytes(f), 0);
    rest_at(f, 58000);
    rest_at(f, 60000);
    assert_int_equal(queue_depth(f->d), 1);
    rest_at(f, 60100);
    assert_int_equal(queue_depth(f->d), 0);
}

static void transient_messages_leave_memory_as_well(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "v", 1, 50, 60000, PUBLISH_PERSISTENT);
    publish_many(f, "x", 1, 50, 60000, 0);
    assert_int_equal(harness_facts(&f->harness, STORE_PAGE), 100);
    rest_at(f, 0);
    assert_int_equal(near_bytes(f), 0);
    rest_at(f, 58000);
    rest_at(f, 60000);
    expect_in_order(f, "t", 1, 50);
    expect_in_order(f, "d", 1, 50);
    assert_int_equal(f->shelf.count, 0);
}

static void what_has_no_room_comes_in_time_and_in_order(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 200, 100, PUBLISH_PERSISTENT);
    assert_true(near_bytes(f) < 1000);
    tick_at(f, 1);
    rest_at(f, 100);
    expect_in_order(f, "d", 1, 200);
}

static void what_is_wanted_before_it_has_left_need_not_be_read(void **state)
{
    struct fixture *f = *state;
    f->harness.store.patient = true;
    publish_many(f, "x", 1, 10, 3600 * 1000, PUBLISH_PERSISTENT);
    publish_many(f, "v", 1, 10, 3600 * 1000, 0);
    for (uint64_t ms = 0; ms <= 3600 * 1000; ms += 1000)
        tick_at(f, ms);
    rest_at(f, 3600 * 1000);
    assert_int_equal(f->shelf.fetched, 0);
    f->harness.store.patient = false;
    expect_in_order(f, "d", 1, 10);
    expect_in_order(f, "t", 1, 10);
    rest(f);
    assert_int_equal(f->shelf.count, 0);
}

static void unreadable_messages_are_tried_again_and_not_lost(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 20, 60000, PUBLISH_PERSISTENT);
    rest_at(f, 0);
    f->shelf.failure = -EIO;
    for (uint64_t ms = 57000; ms <= 63000; ms += 100)
        tick_at(f, ms);
    assert_in_range(f->shelf.fetched, 5, 8); /* once a second */
    assert_int_equal(delayed_in(f, "x"), 20);
    f->shelf.failure = 0;
    for (uint64_t ms = 63000; delayed_in(f, "x") > 0; ms += 500) {
        rest_at(f, ms);
        assert_true(ms < 63000 + 70000);
    }
    assert_int_equal(queue_depth(f->d), 20);
}

static void exchange_may_go_while_its_messages_are_read(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 20, 60000, PUBLISH_PERSISTENT);
    publish_many(f, "v", 1, 20, 60000, 0);
    rest_at(f, 0);
    f->shelf.is_silent = true;
    tick_at(f, 58000);
    assert_int_equal(f->shelf.fetch_count, 2);
    for (unsigned i = 0; i < 2; i++)
        client_send(f->client, 1,
                    &(struct method){
                        .id = METHOD_EXCHANGE_DELETE,
                        .exchange_delete = {.exchange = S(i == 0 ? "x" : "v"), .nowait = true}});
    assert_int_equal(f->harness.engine->delays.count, 0);
    f->shelf.is_silent = false;
    rest_at(f, 60000);
    assert_int_equal(queue_depth(f->d) + queue_depth(f->t), 0);
    assert_int_equal(f->shelf.count, 0);
    assert_true(list_is_empty(&f->harness.engine->fetching));
}

static void engine_may_end_while_messages_are_read(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 20, 60000, PUBLISH_PERSISTENT);
    rest_at(f, 0);
    f->shelf.is_silent = true;
    tick_at(f, 58000);
    assert_int_equal(f->shelf.fetch_count, 1);
}

/* --- an earlier run -------------------------------------------------------------------------- */

/* Ends the engine and begins another one at MS, which finds what was left in x. */
static void restart(struct fixture *f, uint64_t ms)
{
    const struct queue *queue = delay_queue(harness_exchange(&f->harness, "x"));
    struct delay_rest rest = {.queue_id = queue->id, .first = 1};
    rest.next_position = queue->next_position;
    uint64_t d = f->d->id;
    harness_fini(&f->harness);
    harness_init(&f->harness, 2);
    f->harness.now_ms = START_MS + ms;
    shelf_restart(&f->shelf, &f->harness, WATERMARK);
    connect(f);
    f->d->id = d;
    f->d->next_position = 1000000;
    declare_exchange(f, "x", "x-delayed-message", true, "{'x-delayed-type':'fanout'}");
    client_bind(f->client, 1, "d", "x", "");
    rest.count = shelf_count(&f->shelf, rest.queue_id, 0, UINT64_MAX, &rest.bytes, NULL);
    f->harness.engine->last_queue_id = 1000;
    delay_restore(harness_exchange(&f->harness, "x"), &rest);
}

static void restart_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 20, 60000, PUBLISH_PERSISTENT);
    publish_many(f, "x", 21, 25, 60000, 0);
    publish_many(f, "x", 26, 30, 30000, PUBLISH_PERSISTENT);
    rest_at(f, 0);
    restart(f, 40000);
    assert_int_equal(delayed_in(f, "x"), 25);
    publish_many(f, "x", 31, 31, 20000, PUBLISH_PERSISTENT);
    rest(f);
    for (uint32_t i = 26; i <= 30; i++)
        expect_next(f, "d", body_of(i)); /* late, since nobody was there */
    expect_empty(f, "d");
    rest_at(f, 58000);
    rest_at(f, 59999);
    expect_empty(f, "d");
    rest_at(f, 60000);
    for (uint32_t i = 1; i <= 20; i++)
        expect_next(f, "d", body_of(i));
    expect_next(f, "d", body_of(31));
    expect_empty(f, "d");
    rest(f);
    assert_int_equal(f->shelf.count, 0);
}

static void many_are_read_through_piece_by_piece(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 1; i <= 300; i++)
        publish_delayed(f, "x", body_of(301 - i), 60000 - (int64_t)i, PUBLISH_PERSISTENT);
    rest_at(f, 0);
    restart(f, 1000);
    f->shelf.answer_max = 20;
    f->shelf.ticks_max = 3;
    for (unsigned i = 0; i < 200; i++)
        tick_at(f, 1000 + i);
    assert_true(f->shelf.fetched >= 15);
    assert_int_equal(near_bytes(f), 0);
    for (uint64_t ms = 57000; ms <= 60000; ms++)
        tick_at(f, ms);
    expect_in_order(f, "d", 1, 300);
}

/* --- operators ------------------------------------------------------------------------------- */

struct waiter {
    struct paging_wait wait;
    unsigned calls;
};

static void called(struct paging_wait *wait)
{
    ((struct waiter *)wait)->calls++;
}

static struct exchange *x_of(struct fixture *f)
{
    return harness_exchange(&f->harness, "x");
}

/* Looks at COUNT, waiting if need be; their bodies, each with a space behind it. */
static const char *look(struct fixture *f, uint64_t count)
{
    static char text[512];
    struct waiter waiter = {.wait = {.done = called}};
    struct delayed entries[16];
    size_t size = 0;
    for (unsigned i = 0; i < 10 && !delay_is_at_hand(x_of(f), count, UINT64_MAX, &waiter.wait);
         i++) {
        rest(f);
        assert_int_equal(waiter.calls, i + 1);
    }
    uint64_t seen = delay_look(x_of(f), count, UINT64_MAX, entries);
    for (uint64_t i = 0; i < seen; i++) {
        struct message *message = entries[i].message;
        size += (size_t)snprintf(text + size, sizeof text - size, "%.*s@%u ",
                                 (int)message->body_bytes, (const char *)message_body(message),
                                 (unsigned)(entries[i].due_ms - HARNESS_WALL_MS - START_MS));
        message_unref(message);
    }
    text[size] = '\0';
    return text;
}

static void first_are_shown_by_their_time_wherever_they_are(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(look(f, 5), "");
    publish_delayed(f, "x", "c", 300000, PUBLISH_PERSISTENT);
    publish_delayed(f, "x", "b", 200000, 0);
    publish_delayed(f, "x", "d", 400000, PUBLISH_PERSISTENT);
    assert_string_equal(look(f, 2), "b@200000 c@300000 ");
    rest_at(f, 0);
    publish_delayed(f, "x", "a", 1000, 0);
    assert_string_equal(look(f, 3), "a@1000 b@200000 c@300000 ");
    uint64_t fetched = f->shelf.fetched;
    assert_string_equal(look(f, 3), "a@1000 b@200000 c@300000 ");
    assert_int_equal(f->shelf.fetched, fetched);
    assert_string_equal(look(f, 9), "a@1000 b@200000 c@300000 d@400000 ");
    rest_at(f, 400000);
    expect_next(f, "d", "a");
    expect_next(f, "d", "b");
    expect_next(f, "d", "c");
    expect_next(f, "d", "d");
    assert_int_equal(f->shelf.count, 0);
}

static void looking_at_what_cannot_be_read_ends(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 3, 60000, PUBLISH_PERSISTENT);
    rest_at(f, 0);
    f->shelf.failure = -EIO;
    assert_string_equal(look(f, 3), "");
}

/* Cancels message ID, waiting if need be; whether it was there. */
static bool cancel(struct fixture *f, uint64_t id)
{
    struct waiter waiter = {.wait = {.done = called}};
    struct delay_cancel cancel = {.id = id};
    for (unsigned i = 0; !delay_cancel(x_of(f), &cancel, &waiter.wait); i++) {
        assert_true(i < 10);
        rest(f);
        assert_int_equal(waiter.calls, i + 1);
    }
    assert_true(cancel.state == DELAY_CANCELLED || cancel.state == DELAY_CANCEL_ABSENT);
    return cancel.state == DELAY_CANCELLED;
}

static void cancelled_message_does_not_come(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 1, 1000, PUBLISH_PERSISTENT);  /* in memory */
    publish_many(f, "x", 2, 3, 60000, PUBLISH_PERSISTENT); /* far */
    publish_many(f, "x", 4, 5, 60000, 0);                  /* far, and paged */
    rest_at(f, 0);
    publish_many(f, "x", 6, 6, 60000, PUBLISH_PERSISTENT); /* on its way out */
    publish_many(f, "x", 7, 7, 60000, 0);
    static const uint64_t ids[] = {1, 2, 4, 6, 7};
    for (unsigned i = 0; i < 5; i++) {
        assert_true(cancel(f, ids[i]));
        assert_false(cancel(f, ids[i]));
    }
    assert_false(cancel(f, 0));
    assert_false(cancel(f, 8));
    assert_int_equal(delayed_in(f, "x"), 2);
    rest_at(f, 58000);
    rest_at(f, 60000);
    expect_next(f, "d", body_of(3));
    expect_next(f, "d", body_of(5));
    expect_empty(f, "d");
    assert_int_equal(delayed_in(f, "x"), 0);
    assert_int_equal(f->shelf.count, 0);
}

/* The store answers from what was there when it was asked: as if it did not know of the end yet. */
static void message_cancelled_while_it_is_read_does_not_come(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 5, 60000, PUBLISH_PERSISTENT);
    rest_at(f, 0);
    f->shelf.is_silent = true;
    tick_at(f, 58000);
    struct waiter waiter = {.wait = {.done = called}};
    struct delay_cancel both[2] = {{.id = 2}, {.id = 77}};
    assert_false(delay_cancel(x_of(f), &both[0], &waiter.wait));
    assert_true(delay_cancel(x_of(f), &both[1], &waiter.wait));
    f->shelf.is_silent = false;
    rest(f);
    assert_true(delay_cancel(x_of(f), &both[0], &waiter.wait));
    assert_int_equal(both[0].state, DELAY_CANCELLED);
    rest_at(f, 60000);
    assert_int_equal(queue_depth(f->d), 4);
    assert_int_equal(f->shelf.count, 4);
}

static void cancelling_lasts_when_its_record_does(void **state)
{
    static const enum store_record_kind expected[] = {STORE_TX_BEGIN, STORE_SETTLE,
                                                      STORE_TX_COMMIT};
    struct fixture *f = *state;
    publish_many(f, "x", 1, 1, 1000, PUBLISH_PERSISTENT);
    rest_at(f, 0);
    harness_forget_facts(&f->harness);
    struct waiter waiter = {.wait = {.done = called}};
    struct delay_cancel cancel = {.id = 1};
    assert_true(delay_cancel(x_of(f), &cancel, &waiter.wait));
    assert_int_equal(f->harness.store.count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(f->harness.store.facts[i].kind, expected[i]);
    assert_int_equal(cancel.lsn, f->harness.store.last_lsn);
}

static void who_cancels_in_an_exchange_that_goes_is_told(void **state)
{
    struct fixture *f = *state;
    publish_many(f, "x", 1, 2, 60000, PUBLISH_PERSISTENT);
    rest_at(f, 0);
    f->shelf.is_silent = true;
    struct waiter waiter = {.wait = {.done = called}};
    struct delay_cancel cancels[2] = {{.id = 1}, {.id = 2}};
    assert_false(delay_cancel(x_of(f), &cancels[0], &waiter.wait));
    struct waiter other = waiter;
    assert_false(delay_cancel(x_of(f), &cancels[1], &other.wait));
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                 .exchange_delete = {.exchange = S("x"), .nowait = true}});
    assert_int_equal(waiter.calls + other.calls, 2);
    assert_int_equal(cancels[0].state, DELAY_CANCEL_ABSENT);
    assert_int_equal(cancels[1].state, DELAY_CANCEL_ABSENT);
}

static void purge_takes_all_wherever_they_are(void **state)
{
    struct fixture *f = *state;
    uint64_t lsn;
    assert_int_equal(delay_purge(x_of(f), &lsn), 0);
    publish_many(f, "x", 1, 50, 60000, PUBLISH_PERSISTENT);
    publish_many(f, "x", 51, 60, 60000, 0);
    rest_at(f, 0);
    assert_true(cancel(f, 5));
    f->shelf.is_silent = true;
    publish_many(f, "x", 61, 70, 1000, PUBLISH_PERSISTENT);
    tick_at(f, 58000);
    assert_int_equal(f->shelf.fetch_count, 1);
    publish_many(f, "x", 71, 80, 60000, 0);
    uint64_t waiting = delayed_in(f, "x");
    assert_int_equal(waiting + queue_depth(f->d), 79);
    assert_int_equal(delay_purge(x_of(f), &lsn), waiting);
    f->shelf.is_silent = false;
    rest_at(f, 130000);
    assert_int_equal(delayed_in(f, "x"), 0);
    assert_int_equal(near_bytes(f), 0);
    uint64_t left = queue_depth(f->d);
    assert_int_equal(f->shelf.count, left);
    publish_many(f, "x", 81, 81, 10, PUBLISH_PERSISTENT);
    rest_at(f, 130010);
    assert_int_equal(queue_depth(f->d), left + 1);
}

/* --- by chance ------------------------------------------------------------------------------- */

enum { PLANNED = 4000, SPAN_MS = 120000 };

struct planned {
    struct due due;
    bool is_gone;
};

static int by_due(const void *a, const void *b)
{
    return due_before(a, b) ? -1 : due_before(b, a);
}

/* What is due at MS and before has come, in order and nothing else; from PLANS[*NEXT] on. */
static void expect_planned(struct fixture *f, const struct planned *plans, uint32_t count,
                           uint32_t *next, uint64_t ms)
{
    for (; *next < count && plans[*next].due.ms <= ms; ++*next)
        if (!plans[*next].is_gone)
            expect_next(f, "d", body_of((uint32_t)plans[*next].due.position));
    expect_empty(f, "d");
}

static void publish_planned(struct fixture *f, uint64_t *random, struct planned *plans)
{
    for (uint32_t i = 0; i < PLANNED; i++) {
        uint64_t delay_ms = 1 + harness_below(random, harness_below(random, 4) == 0 ? 50 : SPAN_MS);
        plans[i] = (struct planned){.due = {f->harness.now_ms - START_MS + delay_ms, i + 1}};
        publish_delayed(f, "x", body_of(i + 1), (int64_t)delay_ms,
                        harness_below(random, 3) > 0 ? PUBLISH_PERSISTENT : 0);
        if (harness_below(random, 100) == 0)
            rest(f);
        if (harness_below(random, 40) == 0)
            plans[i].is_gone = cancel(f, i + 1);
        if (harness_below(random, 40) == 0) {
            uint32_t other = harness_below(random, i + 1);
            plans[other].is_gone |= cancel(f, other + 1);
        }
    }
    qsort(plans, PLANNED, sizeof *plans, by_due);
}

static void any_messages_come_once_in_order_and_in_time(void **state)
{
    struct fixture *f = *state;
    uint64_t random = harness_seed();
    struct planned *plans = mem_alloc(PLANNED * sizeof *plans);
    uint32_t next = 0;
    f->shelf.answer_max = 50;
    f->shelf.ticks_max = 2;
    publish_planned(f, &random, plans);
    for (uint64_t ms = 0; ms <= SPAN_MS; ms += 1 + harness_below(&random, 40)) {
        for (uint64_t before = UINT64_MAX; delayed_in(f, "x") < before;) {
            before = delayed_in(f, "x");
            rest_at(f, ms);
            rest_at(f, ms);
        }
        expect_planned(f, plans, PLANNED, &next, ms);
    }
    rest_at(f, SPAN_MS + 1);
    expect_planned(f, plans, PLANNED, &next, SPAN_MS + 1);
    assert_int_equal(next, PLANNED);
    assert_int_equal(f->harness.engine->delays.count, 0);
    assert_int_equal(near_bytes(f), 0);
    assert_int_equal(f->shelf.count, 0);
    mem_free(plans);
}

/* Reading fails now and then: all come once, if late. */
static void any_messages_come_once_from_a_failing_store(void **state)
{
    struct fixture *f = *state;
    uint64_t random = harness_seed();
    uint8_t came[PLANNED + 1] = {0};
    f->shelf.fail_one_in = 4;
    for (uint32_t i = 1; i <= PLANNED; i++)
        publish_delayed(f, "x", body_of(i), 1 + harness_below(&random, 30000),
                        harness_below(&random, 3) > 0 ? PUBLISH_PERSISTENT : 0);
    for (uint64_t ms = 0; delayed_in(f, "x") > 0; ms += 250) {
        rest_at(f, ms);
        assert_true(ms < 2000000);
    }
    f->shelf.fail_one_in = 0;
    rest_at(f, 3000000);
    for (uint32_t i = 1; i <= PLANNED; i++) {
        const struct seen *seen = take_next(f, "d");
        uint32_t number = (uint32_t)strtoul((const char *)message_body(seen->message), NULL, 10);
        assert_in_range(number, 1, PLANNED);
        assert_int_equal(came[number]++, 0);
    }
    expect_empty(f, "d");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_delays, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(far_messages_are_not_in_memory_until_shortly_before_they_are_due),
        TEST(message_that_was_read_back_expires_where_it_goes),
        TEST(transient_messages_leave_memory_as_well),
        TEST(what_has_no_room_comes_in_time_and_in_order),
        TEST(what_is_wanted_before_it_has_left_need_not_be_read),
        TEST(unreadable_messages_are_tried_again_and_not_lost),
        TEST(exchange_may_go_while_its_messages_are_read),
        TEST(engine_may_end_while_messages_are_read),
        TEST(restart_goes_on_where_it_was),
        TEST(many_are_read_through_piece_by_piece),
        TEST(first_are_shown_by_their_time_wherever_they_are),
        TEST(looking_at_what_cannot_be_read_ends),
        TEST(cancelled_message_does_not_come),
        TEST(message_cancelled_while_it_is_read_does_not_come),
        TEST(cancelling_lasts_when_its_record_does),
        TEST(who_cancels_in_an_exchange_that_goes_is_told),
        TEST(purge_takes_all_wherever_they_are),
        TEST(any_messages_come_once_in_order_and_in_time),
        TEST(any_messages_come_once_from_a_failing_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
