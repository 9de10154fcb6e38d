/* SPDX-License-Identifier: Apache-2.0
 *
 * A full disk, and calls that fail, at each of their times, while a store lives through some runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/base/log.h"
#include "test/sim/disk_history.h"
#include "test/unit/persist/rig.h"

static struct disk *disk;
static struct rig rig;

/* Queues 1 and 2 are there. */
static int set_up(void **state)
{
    (void)state;
    disk = disk_new(1);
    rig_start(&rig, disk_io(disk), true);
    rig_queue(&rig, 1);
    rig_queue(&rig, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_close(&rig);
    disk_free(disk);
    return 0;
}

static void restart(void)
{
    rig_close(&rig);
    rig_start(&rig, disk_io(disk), true);
}

enum { BYTES = 1000, PER_SEGMENT = 60 };

/* About SEGMENTS full of messages of queue 2 which are settled soon after. */
static void churn(unsigned segments)
{
    for (uint64_t position = 1; position < segments * PER_SEGMENT; position += 10) {
        for (uint64_t i = 0; i < 10; i++)
            rig_put(&rig, 2, position + i, BYTES);
        (void)rig_flush(&rig);
        rig_settle(&rig, 2, position, 10, 10 * BYTES);
        (void)rig_flush(&rig);
    }
}

/* --- a full disk ------------------------------------------------------------------------------ */

static uint64_t fill_disk(void)
{
    uint64_t position = 0;
    while (!commit_log_is_full(rig.log)) {
        rig_put(&rig, 1, ++position, BYTES);
        (void)rig_flush(&rig);
        assert_true(position < 10000);
    }
    return position;
}

/* Until the next segment cannot be made, in room for SEGMENTS. */
static uint64_t fill_until_told(unsigned segments)
{
    uint64_t position = 0;
    disk_set_capacity(disk, segments * SEGMENT_BYTES);
    while (!keeper_is_full(rig.keeper)) {
        rig_put(&rig, 1, ++position, BYTES);
        (void)rig_flush(&rig);
        assert_true(position < 10000);
    }
    return position;
}

static void full_disk_confirms_nothing_until_there_is_room(void **state)
{
    (void)state;
    disk_set_capacity(disk, 10 * SEGMENT_BYTES);
    uint64_t last = fill_disk();
    uint64_t durable = commit_log_durable_lsn(rig.log);
    assert_true(durable < rig.last_lsn);
    for (unsigned tick = 0; tick < 10; tick++)
        assert_int_equal(rig_flush(&rig), durable);
    assert_int_equal(commit_log_failure(rig.log), 0);
    assert_false(rig_has_file(disk_io(disk), "new.log")); /* it might be what fills it */
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct rig other;
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        rig_start(&other, disk_io(after), true);
        assert_int_equal(rig_count(&other, 1, NULL), other.messages);
        assert_in_range(other.messages, last - 1, last);
        rig_close(&other);
        disk_free(after);
    }
    disk_set_capacity(disk, 30 * SEGMENT_BYTES);
    assert_true(rig_sync(&rig));
    assert_false(commit_log_is_full(rig.log));
    assert_false(keeper_is_full(rig.keeper));
    assert_int_equal(rig_count(&rig, 1, NULL), last);
    restart();
    assert_int_equal(rig.messages, last);
}

static void full_disk_is_told_before_the_log_is_stuck(void **state)
{
    (void)state;
    (void)fill_until_told(10);
    assert_false(commit_log_is_full(rig.log));
}

/* Settles the messages up to LAST, and fills a segment or the disk with something else. */
static void drain(uint64_t last)
{
    for (uint64_t position = 1; position <= last; position++)
        rig_settle(&rig, 1, position, 1, BYTES);
    for (unsigned i = 1; i <= 2000 && !commit_log_is_full(rig.log); i++) {
        rig_requeue(&rig, 1, last, i);
        (void)rig_flush(&rig);
    }
}

/* Publishers stop when the keeper tells, and consumers drain the queues: what they free is used. */
static void full_disk_has_room_when_what_fills_it_is_settled(void **state)
{
    (void)state;
    for (unsigned segments = 4; segments < 12; segments++) {
        drain(fill_until_told(segments));
        assert_true(rig_sync(&rig));
        assert_false(keeper_is_full(rig.keeper));
        churn(30);
        assert_true(rig_sync(&rig));
        (void)tear_down(NULL);
        (void)set_up(NULL);
    }
}

/* There was not even room for the checkpoint that would have freed some. */
static void full_disk_has_room_when_a_little_is_freed(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    uint64_t last = fill_until_told(5);
    disk_set_capacity(disk, 5 * SEGMENT_BYTES - (uint64_t)io->free_bytes(io) - 10000);
    drain(last);
    assert_true(commit_log_is_full(rig.log));
    assert_false(rig_sync(&rig));
    disk_set_capacity(disk, 5 * SEGMENT_BYTES - SEGMENT_BYTES / 2);
    rig_expect(&rig, 1, 1, 100, ""); /* the keeper has another look */
    assert_true(rig_sync(&rig));
    churn(30);
    assert_true(rig_sync(&rig));
}

/* --- what an earlier run left ----------------------------------------------------------------- */

static void no_checkpoint_before_the_log_goes_on(void **state)
{
    (void)state;
    churn(3);
    restart();
    keeper_set_tight(rig.keeper, true); /* one dead segment is enough */
    rig_expect(&rig, 1, 1, 2, "");      /* the keeper has a look */
    assert_int_equal(keeper_count(rig.keeper).checkpoints, 0);
    rig_put(&rig, 1, 1, BYTES);
    assert_true(rig_sync(&rig));
    assert_int_equal(keeper_count(rig.keeper).checkpoints, 1);
}

/* --- failing calls ---------------------------------------------------------------------------- */

/* What the test knows of a message of queue 1. */
enum known {
    NEVER,  /* it was never stored */
    MAYBE,  /* it was stored or settled, and that is not durable */
    STORED, /* durably */
    SETTLED,
};

enum { POSITIONS = 400, RUNS = 3, ROUNDS = 32 };

static enum known known[POSITIONS + 1];
static bool settled[POSITIONS + 1]; /* told to be, durably or not */
static uint64_t last;               /* position */
static uint64_t seed;

static uint64_t below(uint64_t limit)
{
    return disk_random_below(&seed, limit);
}

/* All that was told is durable. */
static void note_durable(void)
{
    for (uint64_t position = 1; position <= last; position++)
        if (known[position] == MAYBE)
            known[position] = settled[position] ? SETTLED : STORED;
}

/* What is read must be right. */
static void read_some(bool may_fail)
{
    int status = 0;
    for (uint64_t first = 1; first <= last && status == 0;) {
        struct store_answer answer = rig_fetch(&rig, 1, first, POSITIONS + 1, 5000);
        for (uint32_t i = 0; i < answer.count; i++) {
            uint64_t position = answer.entries[i].position;
            assert_true(known[position] == STORED || known[position] == MAYBE);
            assert_true(rig_is_right(answer.entries[i].message, 1, position));
        }
        status = answer.status;
        first = answer.next;
        rig_free_answer(&answer);
        assert_true(status == 0 || may_fail);
    }
}

static void operate(void)
{
    for (uint64_t i = 1 + below(4); i > 0 && last < POSITIONS; i--) {
        known[++last] = MAYBE;
        rig_put(&rig, 1, last, below(8) == 0 ? 12000 : 700);
    }
    for (uint64_t i = below(5); i > 0; i--) {
        uint64_t position = 1 + below(last);
        if (settled[position])
            continue;
        settled[position] = true;
        known[position] = MAYBE;
        rig_settle(&rig, 1, position, 1, 700);
    }
    rig_requeue(&rig, 1, 1 + below(last), 1);
    rig_page(&rig, 2, last, 100);
}

/* A run of the store; false: its log has failed. */
static bool live(bool may_fail)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        operate();
        bool is_durable = rig_sync(&rig);
        if (!is_durable && commit_log_is_full(rig.log))
            is_durable = rig_sync(&rig); /* a full disk is tried again */
        if (!is_durable)
            return false;
        note_durable();
        if (round % 8 == 7)
            read_some(may_fail);
    }
    return true;
}

/* Opens the store, however often that takes; false: it cannot be. */
static bool open_somehow(void)
{
    for (unsigned i = 0; i < 3; i++)
        if (rig_open(&rig, disk_io(disk), true) == 0)
            return true;
    return false;
}

/* Is what is in IO what it may be? */
static void judge(struct io *io)
{
    struct rig found;
    bool there[POSITIONS + 1] = {false};
    rig_start(&found, io, true);
    for (uint64_t first = 1; first <= POSITIONS;) {
        struct store_answer answer = rig_fetch(&found, 1, first, POSITIONS + 1, 100000);
        assert_int_equal(answer.status, 0);
        for (uint32_t i = 0; i < answer.count; i++) {
            there[answer.entries[i].position] = true;
            assert_true(rig_is_right(answer.entries[i].message, 1, answer.entries[i].position));
        }
        first = answer.next;
        rig_free_answer(&answer);
    }
    rig_close(&found);
    for (uint64_t position = 1; position <= POSITIONS; position++)
        if (known[position] != MAYBE && there[position] != (known[position] == STORED))
            fail_msg("position %" PRIu64 " is %s", position,
                     there[position] ? "there" : "not there");
}

static void judge_after_cuts(void)
{
    for (uint64_t i = 0; i < 3; i++) {
        struct disk *after = disk_after_cut(disk, disk_operations(disk), below(1000));
        judge(disk_io(after));
        disk_free(after);
    }
}

/* The COUNTDOWN-th CALL fails with ERROR, and all after it when that is LASTING, while a store
 * lives through a few runs. False: there were not so many. */
static bool survive(enum disk_call call, uint64_t countdown, int error, bool lasting)
{
    disk = disk_new(countdown);
    seed = countdown * 1000 + call;
    memset(known, 0, sizeof known);
    memset(settled, 0, sizeof settled);
    last = 0;
    (lasting ? disk_break : disk_fail)(disk, call, countdown, error);
    bool is_up = open_somehow();
    for (unsigned run = 0; is_up && run < RUNS; run++) {
        if (run == 0) {
            rig_queue(&rig, 1);
            rig_queue(&rig, 2);
        }
        is_up = live(true);
        if (run % 2 == 0 || !is_up)
            judge_after_cuts();
        rig_close(&rig);
        is_up = is_up && open_somehow();
    }
    if (is_up)
        rig_close(&rig);
    bool failed = disk_calls(disk, call) >= countdown;
    disk_kill(disk);
    judge(disk_io(disk));
    disk_free(disk);
    return failed;
}

static void survive_all(enum disk_call call)
{
    for (uint64_t countdown = 1;; countdown += 1 + countdown / 4)
        if (!survive(call, countdown, EIO, false) || !survive(call, countdown, EIO, true) ||
            !survive(call, countdown, ENOSPC, false))
            return;
}

static void failing_open_loses_nothing(void **state)
{
    (void)state;
    survive_all(DISK_OPEN);
}

static void failing_read_loses_nothing(void **state)
{
    (void)state;
    survive_all(DISK_READ);
}

static void failing_write_loses_nothing(void **state)
{
    (void)state;
    survive_all(DISK_WRITE);
}

static void failing_sync_loses_nothing(void **state)
{
    (void)state;
    survive_all(DISK_SYNC);
}

static void failing_allocate_loses_nothing(void **state)
{
    (void)state;
    survive_all(DISK_ALLOCATE);
}

static void failing_rename_loses_nothing(void **state)
{
    (void)state;
    survive_all(DISK_RENAME);
}

static void failing_remove_loses_nothing(void **state)
{
    (void)state;
    survive_all(DISK_REMOVE);
}

static void failing_sync_directory_loses_nothing(void **state)
{
    (void)state;
    survive_all(DISK_SYNC_DIRECTORY);
}

static void failing_list_loses_nothing(void **state)
{
    (void)state;
    survive_all(DISK_LIST);
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    log_set_output(open("/dev/null", O_WRONLY)); /* failures that are provoked are no news */
    const struct CMUnitTest tests[] = {
        ON_DISK(full_disk_confirms_nothing_until_there_is_room),
        ON_DISK(full_disk_is_told_before_the_log_is_stuck),
        ON_DISK(full_disk_has_room_when_what_fills_it_is_settled),
        ON_DISK(full_disk_has_room_when_a_little_is_freed),
        ON_DISK(no_checkpoint_before_the_log_goes_on),
        cmocka_unit_test(failing_open_loses_nothing),
        cmocka_unit_test(failing_read_loses_nothing),
        cmocka_unit_test(failing_write_loses_nothing),
        cmocka_unit_test(failing_sync_loses_nothing),
        cmocka_unit_test(failing_allocate_loses_nothing),
        cmocka_unit_test(failing_rename_loses_nothing),
        cmocka_unit_test(failing_remove_loses_nothing),
        cmocka_unit_test(failing_sync_directory_loses_nothing),
        cmocka_unit_test(failing_list_loses_nothing),
    };
    return cmocka_run_group_tests_name("keeper_failures", tests, NULL, NULL);
}
