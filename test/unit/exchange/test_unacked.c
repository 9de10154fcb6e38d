/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/unacked.h"

#include "test/unit/exchange/expect.h"

enum { TAGS = 30000 };

/* What the ring should say about each tag: is it there, and with which position? */
static struct {
    bool live;
    uint64_t position;
} model[TAGS];

static void push(struct unacked_ring *ring, uint64_t tag)
{
    struct unacked *entry = unacked_push(ring, tag);
    assert_int_equal(entry->tag, tag);
    entry->position = tag * 3;
    model[tag].live = true;
    model[tag].position = tag * 3;
}

static void check_find(const struct unacked_ring *ring, uint64_t tag)
{
    const struct unacked *entry = unacked_find(ring, tag);
    if (!model[tag].live) {
        assert_null(entry);
        return;
    }
    assert_non_null(entry);
    assert_int_equal(entry->tag, tag);
    assert_int_equal(entry->position, model[tag].position);
}

static void settle(struct unacked_ring *ring, uint64_t tag)
{
    unacked_settle(ring, unacked_find(ring, tag));
    model[tag].live = false;
}

static uint32_t count_live(uint64_t last)
{
    uint32_t live = 0;
    for (uint64_t tag = 1; tag <= last; tag++)
        live += model[tag].live;
    return live;
}

static void check_order(const struct unacked_ring *ring)
{
    uint32_t holes = 0;
    for (uint32_t i = 0; i < ring->count; i++) {
        const struct unacked *entry = unacked_at(ring, i);
        holes += entry->state == UNACKED_SETTLED;
        if (i > 0)
            assert_true(entry->tag > unacked_at(ring, i - 1)->tag);
    }
    assert_int_equal(holes, ring->settled);
    assert_true(holes <= 64 || holes <= ring->count / 2);
}

static void clear_model(void)
{
    memset(model, 0, sizeof model);
}

static void random_deliveries_and_settlements_agree_with_a_plain_array(void **state)
{
    (void)state;
    clear_model();
    struct unacked_ring ring = {0};
    uint64_t random = harness_seed(), last = 0;
    for (unsigned step = 0; step < 60000 && last < TAGS - 10; step++) {
        bool filling = step % 9000 < 5000;
        if (harness_below(&random, 10) < (filling ? 7u : 3u)) {
            last += harness_below(&random, 8) == 0 ? 1 + harness_below(&random, 5) : 1;
            push(&ring, last); /* tags that need no acknowledgement are left out */
        } else if (last > 0) {
            /* Mostly a recent or an old one, sometimes several before the holes are looked at. */
            for (unsigned i = harness_below(&random, 4) + 1; i > 0; i--) {
                uint64_t tag = harness_below(&random, (uint32_t)last) + 1;
                if (harness_below(&random, 2) == 0)
                    for (tag = 1; tag < last && !model[tag].live;)
                        tag++;
                if (model[tag].live)
                    settle(&ring, tag);
            }
            unacked_tidy(&ring);
            check_order(&ring);
        }
        check_find(&ring, last == 0 ? 0 : harness_below(&random, (uint32_t)last) + 1);
        assert_null(unacked_find(&ring, last + 1));
        assert_null(unacked_find(&ring, UINT64_MAX));
        if (step % 1000 == 0)
            assert_int_equal(unacked_live(&ring), count_live(last));
    }
    for (uint64_t tag = 1; tag <= last; tag++) {
        check_find(&ring, tag);
        if (model[tag].live)
            settle(&ring, tag);
    }
    unacked_tidy(&ring);
    assert_int_equal(ring.count, 0);
    unacked_fini(&ring);
}

static void settled_in_reverse_every_tag_is_found_until_then(void **state)
{
    (void)state;
    clear_model();
    struct unacked_ring ring = {0};
    for (uint64_t tag = 1; tag <= 3000; tag++)
        push(&ring, tag);
    for (uint64_t tag = 3000; tag >= 1; tag--) {
        check_find(&ring, tag);
        settle(&ring, tag);
        unacked_tidy(&ring);
        check_find(&ring, tag);
        assert_int_equal(unacked_live(&ring), tag - 1);
    }
    assert_null(ring.entries); /* a large ring is given back */
    unacked_fini(&ring);
}

static void one_old_delivery_does_not_keep_the_holes_behind_it(void **state)
{
    (void)state;
    clear_model();
    struct unacked_ring ring = {0};
    push(&ring, 1);
    for (uint64_t tag = 2; tag < TAGS; tag++) {
        push(&ring, tag);
        settle(&ring, tag);
        unacked_tidy(&ring);
        assert_true(ring.capacity <= 256);
    }
    check_find(&ring, 1);
    settle(&ring, 1);
    unacked_tidy(&ring);
    unacked_fini(&ring);
}

static void held_deliveries_are_found_and_no_holes(void **state)
{
    (void)state;
    clear_model();
    struct unacked_ring ring = {0};
    for (uint64_t tag = 5; tag <= 8; tag++)
        push(&ring, tag);
    unacked_find(&ring, 5)->state = UNACKED_HELD;
    unacked_tidy(&ring);
    assert_int_equal(unacked_live(&ring), 4);
    assert_int_equal(unacked_find(&ring, 5)->state, UNACKED_HELD);
    assert_null(unacked_find(&ring, 4));
    assert_null(unacked_find(&ring, 0));
    for (uint64_t tag = 5; tag <= 8; tag++)
        settle(&ring, tag);
    unacked_tidy(&ring);
    unacked_fini(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_deliveries_and_settlements_agree_with_a_plain_array),
        cmocka_unit_test(settled_in_reverse_every_tag_is_found_until_then),
        cmocka_unit_test(one_old_delivery_does_not_keep_the_holes_behind_it),
        cmocka_unit_test(held_deliveries_are_found_and_no_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
