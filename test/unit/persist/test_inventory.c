/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/inventory.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/base/mem.h"
#include "test/sim/disk_history.h"
#include "test/unit/persist/tape.h"

static struct tape tape;

/* Queues 1 and 2 are there. */
static int set_up(void **state)
{
    (void)state;
    tape_init(&tape);
    tape_queue(&tape, 1);
    tape_queue(&tape, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tape_fini(&tape);
    return 0;
}

static void expect(const char *text)
{
    tape_expect(&tape, 1, text);
}

/* A message for both queues. */
static void put_both(uint64_t position)
{
    const struct tape_place places[] = {{1, position}, {2, position}};
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, places, 2, 10, 0), 0);
}

/* Queue 1's messages 1 to 3 in segment 1, 4 to 6 in segment 2, 8 and 9 in segment 3. */
static void put_in_three_segments(void)
{
    tape_put_range(&tape, STORE_MESSAGE, 1, 1, 4);
    tape_end_segment(&tape);
    tape_put_range(&tape, STORE_MESSAGE, 1, 4, 7);
    tape_end_segment(&tape);
    tape_put_range(&tape, STORE_MESSAGE, 1, 8, 10);
}

/* --- messages that are there ------------------------------------------------------------------ */

static void messages_are_found_by_position_and_segment(void **state)
{
    (void)state;
    put_in_three_segments();
    expect("1@1 2@1 3@1 4@2 5@2 6@2 8@3 9@3");
    tape_expect(&tape, 2, "");
    tape_expect_live(&tape, 1, 3);
    tape_expect_live(&tape, 2, 3);
    tape_expect_live(&tape, 3, 2);
    struct inventory_place place;
    assert_true(inventory_next(tape_find(&tape, 1), 7, &place));
    assert_int_equal(place.position, 8);
    assert_false(inventory_next(tape_find(&tape, 1), 10, &place));
    assert_null(inventory_segment(&tape.inventory, 4));
}

static void message_is_in_each_of_its_queues(void **state)
{
    (void)state;
    put_both(3);
    put_both(4);
    tape_settle(&tape, 2, 3, 1);
    expect("3@1 4@1");
    tape_expect(&tape, 2, "4@1");
    tape_expect_live(&tape, 1, 3);
    assert_int_equal(inventory_segment(&tape.inventory, 1)->stored, 4);
}

static void message_of_no_durable_queue_is_passed_over(void **state)
{
    (void)state;
    tape_put(&tape, STORE_MESSAGE, 7, 1);
    assert_null(inventory_find(&tape.inventory, 7));
    tape_expect_live(&tape, 1, 0);
}

static void message_before_its_predecessor_is_refused(void **state)
{
    (void)state;
    tape_put(&tape, STORE_MESSAGE, 1, 5);
    const struct tape_place again = {1, 5};
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, &again, 1, 10, 0), -EBADMSG);
}

static void message_behind_which_there_is_no_position_is_refused(void **state)
{
    (void)state;
    const struct tape_place last = {1, POSITION_NUMBER_MAX}, before = {1, POSITION_NUMBER_MAX - 1};
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, &last, 1, 10, 0), -EBADMSG);
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, &before, 1, 10, 0), 0);
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, &last, 1, 10, 0), -EBADMSG);
}

static void next_position_is_above_all_that_was_ever_used(void **state)
{
    (void)state;
    assert_int_equal(tape_find(&tape, 1)->next_position, 1);
    tape_put(&tape, STORE_MESSAGE, 1, 5);
    assert_int_equal(tape_find(&tape, 1)->next_position, 6);
    tape_settle(&tape, 1, 5, 1);
    assert_int_equal(tape_find(&tape, 1)->next_position, 6);
    tape_settle(&tape, 1, 8, 3); /* of messages that were never stored */
    assert_int_equal(tape_find(&tape, 1)->next_position, 11);
    tape_restart(&tape);
    assert_int_equal(tape_find(&tape, 1)->next_position, 11);
}

static void bytes_are_those_of_what_lives(void **state)
{
    (void)state;
    const struct tape_place place = {1, 1}, next = {1, 2};
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, &place, 1, 1000, 0), 0);
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, &next, 1, 5, 0), 0);
    assert_int_equal(tape_find(&tape, 1)->bytes, 1005);
    tape_settle_bytes(&tape, 1, 1, 1, 1000);
    assert_int_equal(tape_find(&tape, 1)->bytes, 5);
    assert_int_equal(tape_find(&tape, 1)->live, 1);
    tape_settle_bytes(&tape, 1, 2, 1, 5);
    assert_int_equal(tape_find(&tape, 1)->bytes, 0);
}

static void large_gap_begins_another_run(void **state)
{
    (void)state;
    tape_put(&tape, STORE_MESSAGE, 1, 1);
    tape_put(&tape, STORE_MESSAGE, 1, 1000);
    assert_int_equal(tape_find(&tape, 1)->stored.count, 1);
    tape_put(&tape, STORE_MESSAGE, 1, 1000000);
    tape_put(&tape, STORE_MESSAGE, 1, UINT64_C(1) << 40);
    assert_int_equal(tape_find(&tape, 1)->stored.count, 3);
    expect("1@1 1000@1 1000000@1 1099511627776@1");
}

/* --- settling --------------------------------------------------------------------------------- */

static void settled_from_the_front_middle_and_end(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_settle(&tape, 1, 1, 1);
    tape_settle(&tape, 1, 5, 1);
    tape_settle(&tape, 1, 9, 1);
    expect("2@1 3@1 4@2 6@2 8@3");
    tape_settle(&tape, 1, 2, 1);
    tape_settle(&tape, 1, 4, 1);
    expect("3@1 6@2 8@3");
    tape_settle(&tape, 1, 3, 1);
    tape_settle(&tape, 1, 8, 1);
    expect("6@2");
    assert_int_equal(tape_find(&tape, 1)->stored.count, 1);
    tape_settle(&tape, 1, 6, 1);
    expect("");
    assert_int_equal(tape_find(&tape, 1)->live, 0);
    assert_int_equal(tape_find(&tape, 1)->stored.count, 0);
}

static void settled_in_reverse(void **state)
{
    (void)state;
    put_in_three_segments();
    for (uint64_t position = 9; position > 2; position--)
        tape_settle(&tape, 1, position, 1);
    expect("1@1 2@1");
    assert_int_equal(tape_find(&tape, 1)->stored.count, 1);
}

static void span_goes_over_runs_and_holes(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_put(&tape, STORE_MESSAGE, 1, 5000);
    tape_settle(&tape, 1, 5, 1);
    tape_settle(&tape, 1, 3, 4998);
    expect("1@1 2@1");
    tape_expect_live(&tape, 3, 0);
    tape_settle(&tape, 1, 0, UINT64_MAX);
    expect("");
}

static void what_is_settled_twice_is_settled_once(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_settle(&tape, 1, 2, 3);
    tape_settle(&tape, 1, 2, 3);
    expect("1@1 5@2 6@2 8@3 9@3");
    assert_int_equal(tape_find(&tape, 1)->live, 5);
    tape_settle(&tape, 1, 100, 5);
    tape_settle(&tape, 3, 1, 5); /* a queue that was never there */
    assert_int_equal(tape_find(&tape, 1)->live, 5);
}

static void deleted_queue_takes_its_messages_along(void **state)
{
    (void)state;
    put_in_three_segments();
    put_both(20);
    tape_delete_queue(&tape, 1);
    assert_null(inventory_find(&tape.inventory, 1));
    tape_expect(&tape, 2, "20@3");
    tape_expect_live(&tape, 1, 0);
    tape_expect_live(&tape, 3, 1);
    tape_settle(&tape, 1, 1, 3);
    tape_requeue(&tape, 1, 4, 1);
    tape_put(&tape, STORE_MESSAGE, 1, 21);
    tape_delete_queue(&tape, 1);
    tape_expect_live(&tape, 3, 1);
    tape_queue(&tape, 3);
    tape_put(&tape, STORE_MESSAGE, 3, 1);
    assert_int_equal(tape.inventory.last_queue_id, 3);
}

static void requeue_counts_deliveries(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_requeue(&tape, 1, 2, 1);
    tape_requeue(&tape, 1, 2, 2);
    tape_requeue(&tape, 1, 6, 7);
    tape_settle(&tape, 1, 5, 1);
    tape_requeue(&tape, 1, 5, 4); /* gone */
    tape_requeue(&tape, 1, 7, 4); /* never there */
    expect("1@1 2@1x2 3@1 4@2 6@2x7 8@3 9@3");
    tape_restart(&tape);
    expect("1@1 2@1x2 3@1 4@2 6@2x7 8@3 9@3");
}

/* --- moved ------------------------------------------------------------------------------------ */

static void moved_message_is_where_it_was_moved_to(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_requeue(&tape, 1, 3, 5);
    tape_put(&tape, STORE_MOVED, 1, 1);
    expect("1@3 2@1 3@1x5 4@2 5@2 6@2 8@3 9@3");
    tape_put(&tape, STORE_MOVED, 1, 2);
    tape_put(&tape, STORE_MOVED, 1, 3);
    expect("1@3 2@3 3@3x5 4@2 5@2 6@2 8@3 9@3");
    tape_expect_live(&tape, 1, 0);
    tape_expect_live(&tape, 3, 5);
    assert_int_equal(tape_find(&tape, 1)->live, 8);
    assert_int_equal(tape_find(&tape, 1)->bytes, 80);
    assert_false(inventory_needs(&tape.inventory, 1));
    tape_restart(&tape);
    expect("1@3 2@3 3@3x5 4@2 5@2 6@2 8@3 9@3");
}

static void moved_while_others_of_the_run_stay(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_put(&tape, STORE_MOVED, 1, 2); /* what stands before could not be read */
    expect("1@1 2@3 3@1 4@2 5@2 6@2 8@3 9@3");
    tape_checkpoint(&tape);
    expect("1@1 2@3 3@1 4@2 5@2 6@2 8@3 9@3");
    tape_put(&tape, STORE_MOVED, 1, 6); /* the last of its run */
    tape_put(&tape, STORE_MOVED, 1, 5);
    expect("1@1 2@3 3@1 4@2 5@3 6@3 8@3 9@3");
    tape_checkpoint(&tape);
    tape_settle(&tape, 1, 3, 1);
    tape_settle(&tape, 1, 5, 1);
    tape_requeue(&tape, 1, 1, 2);
    expect("1@1x2 2@3 4@2 6@3 8@3 9@3");
}

static void run_that_ends_earlier_after_a_move(void **state)
{
    (void)state;
    tape_put_range(&tape, STORE_MESSAGE, 1, 1, 301);
    tape_requeue(&tape, 1, 300, 9);
    tape_settle(&tape, 1, 4, 297);
    tape_end_segment(&tape);
    tape_put(&tape, STORE_MOVED, 1, 3);
    expect("1@1 2@1 3@2");
    tape_checkpoint(&tape);
    tape_put(&tape, STORE_MESSAGE, 1, 301);
    expect("1@1 2@1 3@2 301@2");
}

static void moved_twice(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_put(&tape, STORE_MOVED, 1, 1);
    tape_end_segment(&tape);
    tape_put(&tape, STORE_MOVED, 1, 1);
    tape_put(&tape, STORE_MOVED, 1, 1); /* no older than it is there */
    expect("1@4 2@1 3@1 4@2 5@2 6@2 8@3 9@3");
    tape_expect_live(&tape, 3, 2);
    tape_expect_live(&tape, 4, 1);
}

static void moved_after_it_was_settled_stays_settled(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_settle(&tape, 1, 2, 1);
    tape_put(&tape, STORE_MOVED, 1, 2);
    tape_put(&tape, STORE_MOVED, 1, 7);
    expect("1@1 3@1 4@2 5@2 6@2 8@3 9@3");
    tape_expect_live(&tape, 3, 2);
}

static void moved_after_its_queue_was_deleted_does_nothing(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_delete_queue(&tape, 1);
    tape_put(&tape, STORE_MOVED, 1, 2);
    assert_null(inventory_find(&tape.inventory, 1));
    tape_expect_live(&tape, 3, 0);
}

static void moved_message_of_two_queues_moves_where_it_lives(void **state)
{
    (void)state;
    put_both(1);
    tape_end_segment(&tape);
    tape_settle(&tape, 1, 1, 1);
    const struct tape_place places[] = {{1, 1}, {2, 1}};
    uint64_t before = tape.inventory.moves;
    assert_int_equal(tape_message(&tape, STORE_MOVED, places, 2, 10, 0), 0);
    assert_true(tape.inventory.moves > before);
    expect("");
    tape_expect(&tape, 2, "1@2");
}

static void settle_after_a_move_counts_in_the_new_segment(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_put(&tape, STORE_MOVED, 1, 1);
    tape_put(&tape, STORE_MOVED, 1, 2);
    tape_settle(&tape, 1, 1, 2);
    expect("3@1 4@2 5@2 6@2 8@3 9@3");
    tape_expect_live(&tape, 1, 1);
    tape_expect_live(&tape, 3, 2);
}

/* --- paged ------------------------------------------------------------------------------------ */

static void paged_message_is_counted_apart(void **state)
{
    (void)state;
    tape_put(&tape, STORE_MESSAGE, 1, 1);
    tape_put(&tape, STORE_PAGE, 1, 2);
    tape_put(&tape, STORE_MESSAGE, 1, 3);
    tape_put(&tape, STORE_PAGE, 9, 1); /* of a queue that is not durable */
    expect("1@1 2@1p 3@1");
    tape_expect(&tape, 9, "1@1p");
    assert_int_equal(tape_find(&tape, 1)->live, 2);
    assert_int_equal(tape_find(&tape, 1)->bytes, 20);
    assert_int_equal(tape_find(&tape, 9)->live, 0);
    tape_expect_live(&tape, 1, 4); /* the segment must stay */
}

static void settle_of_a_paged_message_leaves_the_bytes_of_the_others(void **state)
{
    (void)state;
    tape_put(&tape, STORE_MESSAGE, 1, 1);
    tape_put(&tape, STORE_PAGE, 1, 2);
    tape_put(&tape, STORE_MESSAGE, 1, 3);
    tape_settle_bytes(&tape, 1, 2, 1, 10);
    expect("1@1 3@1");
    assert_int_equal(tape_find(&tape, 1)->live, 2);
    assert_int_equal(tape_find(&tape, 1)->bytes, 20);
}

static void paged_message_is_forgotten_at_the_end(void **state)
{
    (void)state;
    tape_put(&tape, STORE_MESSAGE, 1, 1);
    tape_put(&tape, STORE_PAGE, 1, 2);
    tape_put(&tape, STORE_PAGE, 9, 1);
    tape_restart(&tape);
    expect("1@1");
    assert_null(inventory_find(&tape.inventory, 9));
    tape_expect_live(&tape, 1, 1);
}

static void recovery_passes_over_what_was_paged(void **state)
{
    (void)state;
    tape.inventory.recovering = true;
    tape_put(&tape, STORE_PAGE, 1, 1);
    tape_put(&tape, STORE_PAGE, 9, 1);
    tape_end_segment(&tape);
    tape_put(&tape, STORE_MOVED, 1, 1);
    tape_put(&tape, STORE_MOVED, 9, 1);
    tape_put(&tape, STORE_MESSAGE, 1, 1); /* its position was free again */
    expect("1@2");
    assert_null(inventory_find(&tape.inventory, 9));
    tape_expect_live(&tape, 1, 0);
}

/* The front of a queue leaves memory again from its end on, block by block, and so does what is
 * between two ranges. */
static void paged_below_and_between_what_is_paged(void **state)
{
    (void)state;
    tape_put_range(&tape, STORE_PAGE, 1, 10, 13);
    tape_put_range(&tape, STORE_PAGE, 1, 20, 22);
    tape_put_range(&tape, STORE_PAGE, 1, 4, 6);
    expect("4@1p 5@1p 10@1p 11@1p 12@1p 20@1p 21@1p");
    tape_end_segment(&tape);
    tape_put_range(&tape, STORE_PAGE, 1, 15, 17);
    tape_put(&tape, STORE_PAGE, 1, 1);
    expect("1@2p 4@1p 5@1p 10@1p 11@1p 12@1p 15@2p 16@2p 20@1p 21@1p");
    tape_settle(&tape, 1, 10, 1); /* read, and paged again */
    tape_settle(&tape, 1, 12, 4);
    tape_put(&tape, STORE_PAGE, 1, 10);
    expect("1@2p 4@1p 5@1p 10@2p 11@1p 16@2p 20@1p 21@1p");
    tape_settle(&tape, 1, 0, 12);
    expect("16@2p 20@1p 21@1p");
    tape_expect_live(&tape, 1, 2);
    tape_expect_live(&tape, 2, 1);
}

static void paged_message_moves(void **state)
{
    (void)state;
    tape_put_range(&tape, STORE_PAGE, 1, 1, 4);
    tape_end_segment(&tape);
    tape_put(&tape, STORE_MOVED, 1, 1);
    tape_put(&tape, STORE_MOVED, 1, 2);
    expect("1@2p 2@2p 3@1p");
    assert_int_equal(tape_find(&tape, 1)->live, 0);
}

/* --- transactions ----------------------------------------------------------------------------- */

static void transaction_happens_at_its_commit(void **state)
{
    (void)state;
    tape_put_range(&tape, STORE_MESSAGE, 1, 1, 4);
    tape_begin(&tape);
    tape_put(&tape, STORE_MESSAGE, 1, 4);
    tape_settle(&tape, 1, 2, 1);
    tape_requeue(&tape, 1, 3, 2);
    tape_put(&tape, STORE_MESSAGE, 2, 1);
    expect("1@1 2@1 3@1");
    assert_false(inventory_is_between(&tape.inventory));
    tape_commit(&tape);
    assert_true(inventory_is_between(&tape.inventory));
    expect("1@1 3@1x2 4@1");
    tape_expect(&tape, 2, "1@1");
}

static void transaction_over_a_segment_s_end(void **state)
{
    (void)state;
    tape_begin(&tape);
    tape_put(&tape, STORE_MESSAGE, 1, 1);
    tape_end_segment(&tape);
    assert_false(inventory_is_between(&tape.inventory));
    tape_put(&tape, STORE_MESSAGE, 1, 2);
    tape_settle(&tape, 1, 7, 1);
    tape_commit(&tape);
    expect("1@1 2@2");
    tape_expect_live(&tape, 1, 1);
    tape_expect_live(&tape, 2, 1);
    assert_int_equal(tape_find(&tape, 1)->next_position, 8);
}

static void transaction_that_an_epoch_cuts_short_never_happened(void **state)
{
    (void)state;
    tape_put(&tape, STORE_MESSAGE, 1, 1);
    tape_begin(&tape);
    tape_settle(&tape, 1, 1, 1);
    tape_put(&tape, STORE_MESSAGE, 1, 2);
    tape.epoch++;
    tape_put(&tape, STORE_MESSAGE, 1, 2);
    assert_true(inventory_is_between(&tape.inventory));
    expect("1@1 2@1");
    tape_commit(&tape); /* of nothing */
    expect("1@1 2@1");
}

static void transaction_that_begins_again_forgets_the_first(void **state)
{
    (void)state;
    tape_begin(&tape);
    tape_put(&tape, STORE_MESSAGE, 1, 1);
    tape_begin(&tape);
    tape_put(&tape, STORE_MESSAGE, 1, 5);
    tape_commit(&tape);
    expect("5@1");
}

static void parts_are_between_until_their_message_is_there(void **state)
{
    (void)state;
    uint64_t first = tape.lsn;
    assert_int_equal(tape_tell(&tape, RECORD_PART, SLICE_LITERAL("part")), 0);
    assert_false(inventory_is_between(&tape.inventory));
    tape_end_segment(&tape);
    assert_int_equal(tape_tell(&tape, RECORD_PART, SLICE_LITERAL("part")), 0);
    tape_end_segment(&tape);
    const struct tape_place place = {1, 1};
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, &place, 1, 100, first), 0);
    assert_true(inventory_is_between(&tape.inventory));
    for (uint64_t number = 1; number <= 3; number++)
        assert_true(inventory_needs(&tape.inventory, number));
    assert_false(inventory_needs(&tape.inventory, 4));
    tape_restart(&tape);
    assert_true(inventory_needs(&tape.inventory, 1));
    tape_settle(&tape, 1, 1, 1);
    for (uint64_t number = 1; number <= 3; number++)
        assert_false(inventory_needs(&tape.inventory, number));
}

static void parts_that_an_epoch_cuts_short_are_between_no_more(void **state)
{
    (void)state;
    assert_int_equal(tape_tell(&tape, RECORD_PART, SLICE_LITERAL("part")), 0);
    tape.epoch++;
    tape_put(&tape, STORE_MESSAGE, 1, 1);
    assert_true(inventory_is_between(&tape.inventory));
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    assert_int_equal(tape_tell(&tape, 200, SLICE_EMPTY), -EBADMSG);
    assert_int_equal(tape_tell(&tape, FACT_RECORD_TYPE(STORE_SETTLE), SLICE_LITERAL("x")),
                     -EBADMSG);
    tape_begin(&tape);
    assert_int_equal(tape_tell(&tape, FACT_RECORD_TYPE(STORE_SETTLE), SLICE_LITERAL("x")),
                     -EBADMSG);
}

/* --- topology --------------------------------------------------------------------------------- */

static uint32_t bindings(void)
{
    inventory_drop_stale(&tape.inventory);
    return tape.inventory.bindings.count;
}

static void binding_dies_with_its_ends(void **state)
{
    (void)state;
    tape_exchange(&tape, "x");
    tape_exchange(&tape, "y");
    tape_bind(&tape, "x", 1, "a");
    tape_bind(&tape, "x", 2, "a");
    tape_bind(&tape, "y", 2, "a");
    tape_bind_exchange(&tape, "x", "y");
    assert_int_equal(bindings(), 4);
    tape_unbind(&tape, "y", 2, "a");
    assert_int_equal(bindings(), 3);
    tape_delete_queue(&tape, 1);
    assert_int_equal(bindings(), 2);
    tape_delete_exchange(&tape, "y");
    assert_int_equal(bindings(), 1);
    tape_delete_exchange(&tape, "x");
    assert_int_equal(bindings(), 0);
}

static void binding_of_an_exchange_declared_again_is_stale(void **state)
{
    (void)state;
    tape_exchange(&tape, "x");
    tape_exchange(&tape, "y");
    tape_bind(&tape, "x", 1, "a");
    tape_bind_exchange(&tape, "y", "x");
    tape_delete_exchange(&tape, "x");
    tape_exchange(&tape, "x");
    tape_restart(&tape); /* before the stale ones were looked for */
    assert_int_equal(bindings(), 0);
    tape_bind(&tape, "x", 1, "a");
    assert_int_equal(bindings(), 1);
}

static void binding_made_again_is_as_young_as_that(void **state)
{
    (void)state;
    tape_exchange(&tape, "x");
    tape_bind(&tape, "x", 1, "a");
    tape_delete_exchange(&tape, "x");
    tape_exchange(&tape, "x");
    tape_bind(&tape, "x", 1, "a"); /* the stale one is in its way */
    assert_int_equal(bindings(), 1);
    tape_restart(&tape);
    assert_int_equal(bindings(), 1);
}

static void queue_of_another_number_has_no_bindings(void **state)
{
    (void)state;
    tape_bind(&tape, "amq.direct", 1, "a");
    tape_delete_queue(&tape, 1);
    tape_queue(&tape, 3);
    assert_int_equal(bindings(), 0);
}

static void predeclared_exchange_needs_no_record(void **state)
{
    (void)state;
    tape_bind(&tape, "amq.direct", 1, "a");
    tape_bind(&tape, "nowhere", 1, "a");
    assert_int_equal(bindings(), 1);
}

/* --- segments --------------------------------------------------------------------------------- */

static void segment_that_nothing_needs_is_forgotten(void **state)
{
    (void)state;
    put_in_three_segments();
    tape_settle(&tape, 1, 4, 3);
    assert_true(inventory_needs(&tape.inventory, 1));
    assert_false(inventory_needs(&tape.inventory, 2));
    inventory_forget(&tape.inventory, 2);
    assert_null(inventory_segment(&tape.inventory, 2));
    expect("1@1 2@1 3@1 8@3 9@3");
    tape_restart(&tape);
    assert_null(inventory_segment(&tape.inventory, 2));
    assert_non_null(inventory_segment(&tape.inventory, 3));
}

/* --- large runs ------------------------------------------------------------------------------- */

enum { MANY = 300000 };

static void put_many(void)
{
    tape_put_range(&tape, STORE_MESSAGE, 1, 1, MANY + 1);
    assert_int_equal(tape_find(&tape, 1)->stored.count, 1);
}

static void many_are_settled_in_reverse(void **state)
{
    (void)state;
    struct inventory_place place;
    put_many();
    for (uint64_t position = MANY; position > 0; position--) {
        tape_settle(&tape, 1, position, 1);
        assert_true(inventory_next(tape_find(&tape, 1), 0, &place) == (position > 1));
    }
    assert_int_equal(tape_find(&tape, 1)->stored.count, 0);
}

static void many_are_settled_at_random(void **state)
{
    (void)state;
    uint64_t seed = 1;
    uint64_t *positions = mem_alloc(MANY * sizeof *positions);
    struct inventory_place place;
    put_many();
    for (uint64_t i = 0; i < MANY; i++) {
        uint64_t other = disk_random_below(&seed, i + 1);
        positions[i] = positions[other];
        positions[other] = i + 1;
    }
    for (uint64_t i = 0; i < MANY; i++) {
        tape_settle(&tape, 1, positions[i], 1);
        assert_true(inventory_next(tape_find(&tape, 1), 0, &place) == (i + 1 < MANY));
    }
    mem_free(positions);
    assert_int_equal(tape_find(&tape, 1)->live, 0);
    assert_int_equal(tape_find(&tape, 1)->stored.count, 0);
}

/* Each in a run of its own. */
static void many_far_apart_are_settled_in_order(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= MANY; i++)
        tape_put(&tape, STORE_MESSAGE, 1, i * 5000);
    assert_int_equal(tape_find(&tape, 1)->stored.count, MANY);
    for (uint64_t i = 1; i <= MANY; i++)
        tape_settle(&tape, 1, i * 5000, 1);
    assert_int_equal(tape_find(&tape, 1)->stored.count, 0);
}

/* --- definitions ------------------------------------------------------------------------------ */

static void definition_replaces_the_one_of_its_kind_and_key(void **state)
{
    (void)state;
    tape_define(&tape, DEFINITION_USER, "u", "one");
    tape_define(&tape, DEFINITION_USER, "v", "other key");
    tape_define(&tape, DEFINITION_VHOST, "u", "other kind");
    tape_define(&tape, DEFINITION_USER, "u", "two");
    tape_expect_definition(&tape, DEFINITION_USER, "u", "two");
    tape_expect_definition(&tape, DEFINITION_USER, "v", "other key");
    tape_expect_definition(&tape, DEFINITION_VHOST, "u", "other kind");
    tape_undefine(&tape, DEFINITION_USER, "u");
    tape_undefine(&tape, DEFINITION_POLICY, "never was");
    tape_expect_definition(&tape, DEFINITION_USER, "u", NULL);
    tape_expect_definition(&tape, DEFINITION_USER, "v", "other key");
    tape_expect_definition(&tape, DEFINITION_VHOST, "u", "other kind");
    tape_define(&tape, DEFINITION_USER, "u", "three");
    tape_expect_definition(&tape, DEFINITION_USER, "u", "three");
}

static void definition_in_a_transaction_is_there_when_that_commits(void **state)
{
    (void)state;
    tape_define(&tape, DEFINITION_USER, "u", "one");
    tape_begin(&tape);
    tape_define(&tape, DEFINITION_USER, "u", "two");
    tape_undefine(&tape, DEFINITION_VHOST, "v");
    tape_expect_definition(&tape, DEFINITION_USER, "u", "one");
    tape_commit(&tape);
    tape_expect_definition(&tape, DEFINITION_USER, "u", "two");
}

static void definition_outlives_its_segment(void **state)
{
    (void)state;
    tape_define(&tape, DEFINITION_USER, "u", "one");
    tape_define(&tape, DEFINITION_USER, "v", "two");
    tape_end_segment(&tape);
    tape_restart(&tape);
    assert_false(inventory_needs(&tape.inventory, 1));
    tape_undefine(&tape, DEFINITION_USER, "v");
    tape_restart(&tape);
    tape_expect_definition(&tape, DEFINITION_USER, "u", "one");
    tape_expect_definition(&tape, DEFINITION_USER, "v", NULL);
}

#define ON_TAPE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_TAPE(definition_replaces_the_one_of_its_kind_and_key),
        ON_TAPE(definition_in_a_transaction_is_there_when_that_commits),
        ON_TAPE(definition_outlives_its_segment),
        ON_TAPE(messages_are_found_by_position_and_segment),
        ON_TAPE(message_is_in_each_of_its_queues),
        ON_TAPE(message_of_no_durable_queue_is_passed_over),
        ON_TAPE(message_before_its_predecessor_is_refused),
        ON_TAPE(message_behind_which_there_is_no_position_is_refused),
        ON_TAPE(next_position_is_above_all_that_was_ever_used),
        ON_TAPE(bytes_are_those_of_what_lives),
        ON_TAPE(large_gap_begins_another_run),
        ON_TAPE(settled_from_the_front_middle_and_end),
        ON_TAPE(settled_in_reverse),
        ON_TAPE(span_goes_over_runs_and_holes),
        ON_TAPE(what_is_settled_twice_is_settled_once),
        ON_TAPE(deleted_queue_takes_its_messages_along),
        ON_TAPE(requeue_counts_deliveries),
        ON_TAPE(moved_message_is_where_it_was_moved_to),
        ON_TAPE(moved_while_others_of_the_run_stay),
        ON_TAPE(run_that_ends_earlier_after_a_move),
        ON_TAPE(moved_twice),
        ON_TAPE(moved_after_it_was_settled_stays_settled),
        ON_TAPE(moved_after_its_queue_was_deleted_does_nothing),
        ON_TAPE(moved_message_of_two_queues_moves_where_it_lives),
        ON_TAPE(settle_after_a_move_counts_in_the_new_segment),
        ON_TAPE(paged_message_is_counted_apart),
        ON_TAPE(settle_of_a_paged_message_leaves_the_bytes_of_the_others),
        ON_TAPE(paged_message_is_forgotten_at_the_end),
        ON_TAPE(recovery_passes_over_what_was_paged),
        ON_TAPE(paged_below_and_between_what_is_paged),
        ON_TAPE(paged_message_moves),
        ON_TAPE(transaction_happens_at_its_commit),
        ON_TAPE(transaction_over_a_segment_s_end),
        ON_TAPE(transaction_that_an_epoch_cuts_short_never_happened),
        ON_TAPE(transaction_that_begins_again_forgets_the_first),
        ON_TAPE(parts_are_between_until_their_message_is_there),
        ON_TAPE(parts_that_an_epoch_cuts_short_are_between_no_more),
        ON_TAPE(nonsense_is_refused),
        ON_TAPE(binding_dies_with_its_ends),
        ON_TAPE(binding_of_an_exchange_declared_again_is_stale),
        ON_TAPE(binding_made_again_is_as_young_as_that),
        ON_TAPE(queue_of_another_number_has_no_bindings),
        ON_TAPE(predeclared_exchange_needs_no_record),
        ON_TAPE(segment_that_nothing_needs_is_forgotten),
        ON_TAPE(many_are_settled_in_reverse),
        ON_TAPE(many_are_settled_at_random),
        ON_TAPE(many_far_apart_are_settled_in_order),
    };
    return cmocka_run_group_tests_name("inventory", tests, NULL, NULL);
}
