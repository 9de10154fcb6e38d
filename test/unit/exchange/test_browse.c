/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at messages without taking them.
 */
#include "exchange/browse.h"

#include "test/unit/exchange/paging_fixture.h"

enum { ROUNDS = 300, IN_QUEUE = 40 };

/* What is seen from OFFSET on; the caller frees it. */
static struct browsed *look(const struct queue *queue, uint64_t offset, uint64_t count,
                            uint64_t *seen)
{
    struct browsed *entries = malloc((count + 1) * sizeof *entries);
    *seen = queue_browse(queue, offset, count, UINT64_MAX, entries);
    return entries;
}

static void forget(struct browsed *entries, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        message_unref(entries[i].message);
    free(entries);
}

static void expect_browsed(const struct browsed *browsed, const char *body, bool redelivered,
                           uint64_t left)
{
    struct message *message = browsed->message;
    assert_slice(slice_of(message_body(message), message->body_bytes), body);
    assert_int_equal(browsed->redelivered, redelivered);
    assert_int_equal(browsed->left, left);
}

static void an_empty_queue_shows_nothing(void **state)
{
    struct fixture *f = *state;
    uint64_t seen;
    forget(look(f->t, 0, 5, &seen), 0);
    assert_int_equal(seen, 0);
}

static void looking_changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint64_t seen;
    publish(f, "", "d", 1, 7, PUBLISH_PERSISTENT);
    harness_forget_facts(&f->harness);
    for (unsigned round = 0; round < 2; round++) {
        struct browsed *entries = look(f->d, 0, 9, &seen);
        assert_int_equal(seen, 7);
        for (uint32_t i = 0; i < 7; i++)
            expect_browsed(&entries[i], body_of(i + 1), false, 6 - i);
        forget(entries, seen);
    }
    harness_tick(&f->harness);
    assert_int_equal(f->harness.store.count, 0);
    assert_int_equal(f->d->unacked, 0);
    for (uint32_t i = 1; i <= 7; i++) {
        get(f->client, "d");
        expect_get(f->client, 1, body_of(i), false, 7 - i);
    }
}

static void a_message_that_is_taken_meanwhile_stays_readable(void **state)
{
    struct fixture *f = *state;
    uint64_t seen;
    publish(f, "", "t", 1, 1, 0);
    struct browsed *entries = look(f->t, 0, 1, &seen);
    get(f->client, "t");
    client_forget(f->client);
    expect_browsed(&entries[0], body_of(1), false, 0);
    forget(entries, seen);
}

static void octets_bound_it_but_one_message_comes(void **state)
{
    struct fixture *f = *state;
    struct browsed entries[9];
    publish(f, "", "t", 1, 9, 0); /* 8 octets each */
    assert_int_equal(queue_browse(f->t, 0, 9, 1, entries), 1);
    message_unref(entries[0].message);
    assert_int_equal(queue_browse(f->t, 2, 7, 20, entries), 3);
    expect_browsed(&entries[2], body_of(5), false, 4);
    for (unsigned i = 0; i < 3; i++)
        message_unref(entries[i].message);
}

static void it_ends_before_what_is_not_in_memory(void **state)
{
    struct fixture *f = *state;
    uint64_t seen, bytes;
    fill(f);
    uint64_t cold = f->d->ready.cold.count;
    struct browsed *entries = look(f->d, 0, MANY, &seen);
    assert_int_equal(seen, queue_browsable(f->d, &bytes));
    assert_true(seen > 0 && seen < MANY);
    for (uint32_t i = 0; i < seen; i++)
        expect_browsed(&entries[i], body_of(i + 1), false, MANY - i - 1);
    forget(entries, seen);
    assert_int_equal(f->d->ready.cold.count, cold);
    forget(look(f->d, seen, 1, &bytes), 0);
    assert_int_equal(bytes, 0);
}

/* What a random number of gets and requeues has left is looked at in every way, and then taken. */
static void it_shows_what_would_be_delivered(void **state)
{
    struct fixture *f = *state;
    uint64_t random = harness_seed();
    uint32_t next = 1;
    uint64_t tag = 0, settled = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (; queue_depth(f->t) < IN_QUEUE; next++)
            publish(f, "", "t", next, next, 0);
        for (uint32_t i = harness_below(&random, IN_QUEUE); i > 0; i--, tag++)
            client_get(f->other, 1, "t", false);
        for (uint64_t back = tag; back > settled && harness_below(&random, 20) > 0; back--)
            client_nack(f->other, 1, back, false, true);
        client_nack(f->other, 1, 0, true, true);
        client_forget(f->other);
        settled = tag;
        uint32_t offset = harness_below(&random, IN_QUEUE), count = harness_below(&random, 50);
        uint64_t seen, all;
        struct browsed *entries = look(f->t, offset, count, &seen);
        struct browsed *whole = look(f->t, 0, IN_QUEUE, &all);
        assert_int_equal(all, IN_QUEUE);
        assert_int_equal(seen, offset + count < IN_QUEUE ? count : IN_QUEUE - offset);
        for (uint64_t i = 0; i < seen; i++)
            assert_ptr_equal(entries[i].message, whole[offset + i].message);
        uint32_t taken = harness_below(&random, IN_QUEUE + 1);
        for (uint32_t i = 0; i < taken; i++) {
            struct returned_entry entry;
            assert_true(queue_take(f->t, &entry));
            assert_ptr_equal(entry.message, whole[i].message);
            assert_int_equal(queue_is_redelivery(f->t, &entry), whole[i].redelivered);
            assert_int_equal(whole[i].left, IN_QUEUE - 1 - i);
            queue_settle(f->t, entry.position, entry.message);
        }
        forget(entries, seen);
        forget(whole, all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(an_empty_queue_shows_nothing),
        TEST(looking_changes_nothing),
        TEST(a_message_that_is_taken_meanwhile_stays_readable),
        TEST(octets_bound_it_but_one_message_comes),
        TEST(it_ends_before_what_is_not_in_memory),
        TEST(it_shows_what_would_be_delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
