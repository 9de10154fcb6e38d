/* SPDX-License-Identifier: Apache-2.0
 *
 * What the keeper does with files: the next segment, checkpoints, dead segments, nearly dead ones.
 * test_keeper_failures.c has what happens when a call fails or the disk is full.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "exchange/message.h"
#include "server/base/log.h"
#include "test/sim/disk.h"
#include "test/unit/persist/rig.h"

static struct disk *disk;
static struct rig rig;
static int lines; /* a file that the log's lines go to */

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

/* Segments and spare ones. */
static unsigned files(void)
{
    return rig_files(disk_io(disk), ".log");
}

enum { BYTES = 1000, PER_SEGMENT = 60 };

/* About SEGMENTS full of messages of queue 2 which are settled soon after, at positions from FIRST
 * on; returns the next. */
static uint64_t churn(uint64_t first, unsigned segments)
{
    uint64_t end = first + segments * PER_SEGMENT;
    for (uint64_t position = first; position < end; position += 10) {
        for (uint64_t i = 0; i < 10; i++)
            rig_put(&rig, 2, position + i, BYTES);
        (void)rig_flush(&rig);
        rig_settle(&rig, 2, position, 10, 10 * BYTES);
        (void)rig_flush(&rig);
    }
    return end;
}

/* --- the next segment ------------------------------------------------------------------------- */

static void next_segment_is_there_before_it_is_needed(void **state)
{
    (void)state;
    rig_put(&rig, 1, 1, BYTES);
    assert_true(rig_sync(&rig));
    assert_false(rig_has_file(disk_io(disk), "00000000000000000002.log"));
    for (uint64_t position = 2; position < 20; position++)
        rig_put(&rig, 1, position, BYTES);
    assert_true(rig_sync(&rig));
    assert_true(rig_has_file(disk_io(disk), "00000000000000000002.log"));
    restart();
    uint64_t allocated = disk_calls(disk, DISK_ALLOCATE);
    (void)churn(1, 5);
    assert_int_equal(disk_calls(disk, DISK_ALLOCATE), allocated); /* the writer made none */
    assert_int_equal(rig_count(&rig, 1, NULL), 19);
}

/* --- dead segments ---------------------------------------------------------------------------- */

static void dead_segments_are_used_again(void **state)
{
    (void)state;
    uint64_t next = churn(1, 5);
    unsigned before = files();
    (void)churn(next, 100);
    struct keeper_counters counters = keeper_count(rig.keeper);
    assert_true(files() <= before + 2);
    assert_true(files() <= 10);
    assert_in_range(counters.segments_recycled, 90, 140);
    assert_in_range(counters.checkpoints, 20, 140);
    assert_true(counters.checkpoint_bytes > 0);
    assert_int_equal(counters.segments + counters.spare_segments,
                     files() - (files() > counters.segments + counters.spare_segments));
    restart();
    assert_int_equal(rig.messages, 0);
    assert_true(rig.scan.segment_count <= 4);
}

static void segment_that_lives_is_not_used_again(void **state)
{
    (void)state;
    for (uint64_t position = 1; position <= PER_SEGMENT; position++)
        rig_put(&rig, 1, position, BYTES);
    uint64_t next = churn(1, 40);
    assert_int_equal(rig_count(&rig, 1, NULL), PER_SEGMENT);
    restart();
    assert_int_equal(rig.messages, PER_SEGMENT);
    assert_int_equal(rig_count(&rig, 1, NULL), PER_SEGMENT);
    rig_settle(&rig, 1, 1, PER_SEGMENT, PER_SEGMENT * BYTES);
    (void)churn(next, 10);
    assert_true(files() <= 10);
}

static void segment_with_parts_of_a_living_message_stays(void **state)
{
    (void)state;
    rig_put(&rig, 1, 1, 5 * SEGMENT_BYTES);
    uint64_t next = churn(1, 30);
    rig_expect(&rig, 1, 1, 100, "1");
    restart();
    rig_expect(&rig, 1, 1, 100, "1");
    assert_true(files() <= 20);
    rig_settle(&rig, 1, 1, 1, 5 * SEGMENT_BYTES);
    (void)churn(next, 10);
    assert_true(files() <= 10);
}

/* Segments which hold nothing but parts of a living message are not waiting to be freed. */
static void large_message_does_not_use_segments_up(void **state)
{
    (void)state;
    rig_put(&rig, 1, 1, 5 * SEGMENT_BYTES);
    assert_true(rig_sync(&rig));
    uint64_t before = lsn_segment(rig.last_lsn);
    for (uint64_t position = 1; position <= 50; position++) {
        rig_put(&rig, 2, position, 10);
        (void)rig_flush(&rig);
    }
    assert_true(lsn_segment(rig.last_lsn) <= before + 2);
}

/* A queue is drained, and nothing more is published: its segments are freed all the same. */
static void drained_backlog_is_freed_without_more_log(void **state)
{
    (void)state;
    for (uint64_t position = 1; position <= 20 * PER_SEGMENT; position++)
        rig_put(&rig, 1, position, BYTES);
    assert_true(rig_sync(&rig));
    assert_true(files() >= 20);
    rig_settle(&rig, 1, 1, 20 * PER_SEGMENT, 20 * PER_SEGMENT * BYTES);
    for (unsigned tick = 0; tick < 5; tick++)
        assert_true(rig_sync(&rig));
    assert_true(files() <= 8);
}

/* --- nearly dead ones ------------------------------------------------------------------------- */

static void stuck_messages_do_not_pin_the_disk(void **state)
{
    (void)state;
    enum { SEGMENTS = 150 };
    uint64_t next = 1;
    unsigned most = 0;
    for (uint64_t segment = 1; segment <= SEGMENTS; segment++) {
        rig_put(&rig, 1, segment, BYTES);
        next = churn(next, 1);
        most = files() > most ? files() : most;
    }
    /* What is stuck takes 3 segments in the end, and some are on their way. */
    assert_true(most <= 18);
    assert_true(keeper_count(rig.keeper).messages_moved >= SEGMENTS / 2);
    assert_true(keeper_count(rig.keeper).segments_emptied > 0);
    assert_int_equal(rig_count(&rig, 1, NULL), SEGMENTS);
    rig_expect(&rig, 1, 1, 4, "1 2 3");
    restart();
    assert_int_equal(rig.messages, SEGMENTS);
    assert_int_equal(rig_count(&rig, 1, NULL), SEGMENTS);
    rig_settle(&rig, 1, 1, SEGMENTS, SEGMENTS * BYTES);
    (void)churn(next, 10);
    assert_true(files() <= 10);
}

/* Also when what is stuck is paged, in parts, or in many queues. */
static void anything_stuck_is_moved(void **state)
{
    (void)state;
    enum { MANY = 135, TINY = 40000 }; /* more queues than one record names */
    for (uint64_t queue = 1; queue < 3 + MANY; queue++)
        rig_queue(&rig, queue);
    for (uint64_t position = 1; position <= TINY; position++) {
        rig_put(&rig, 2, position, 10);
        if (position == 300)
            rig_put_all(&rig, 3, MANY, 1, 100);
        if (position == 310)
            rig_put(&rig, 1, 1, 30000);
        if (position == 320)
            rig_requeue(&rig, 1, 1, 3);
        if (position == 330)
            rig_page(&rig, 1, 2, 30000);
        if (position == 340)
            rig_page(&rig, 1, 3, 10);
        if (position % 100 == 0) {
            rig_settle(&rig, 2, position - 99, 100, 1000);
            (void)rig_flush(&rig);
        }
    }
    assert_in_range(files(), 1, 20);
    assert_true(keeper_count(rig.keeper).messages_moved >= 8);
    for (uint64_t queue = 3; queue < 3 + MANY; queue++) {
        struct store_answer answer = rig_fetch(&rig, queue, 1, 2, 1);
        assert_int_equal(answer.count, 1);
        assert_true(rig_is_right(answer.entries[0].message, 3, 1));
        rig_free_answer(&answer);
    }
    rig_expect(&rig, 1, 1, 10, "1x3 2 3");
    rig_expect(&rig, 1, 1, 10, "1x3");
    restart();
    assert_int_equal(rig.messages, MANY + 1);
    rig_expect(&rig, 1, 1, 10, "1x3");
}

/* Turns a bit of the first body in the file of SEGMENT that begins with the same octets as queue
 * 1's message at POSITION. */
static void damage(uint64_t segment, uint64_t position)
{
    static uint8_t bytes[SEGMENT_BYTES];
    char name[SEGMENT_NAME_BYTES];
    struct io *io = disk_io(disk);
    struct store_answer answer = rig_fetch(&rig, 1, position, position + 1, 1);
    assert_int_equal(answer.count, 1);
    segment_name(segment, name);
    int file = io->open(io, name, IO_READ);
    assert_int_equal(io->read(io, file, bytes, SEGMENT_BYTES, 0), SEGMENT_BYTES);
    (void)io->close(io, file);
    const uint8_t *at = memmem(bytes, SEGMENT_BYTES, message_body(answer.entries[0].message), 64);
    rig_free_answer(&answer);
    assert_non_null(at);
    disk_flip_bit(disk, name, (uint64_t)(at - bytes) + 30, 5);
}

static void unreadable_message_stays_where_it_is(void **state)
{
    (void)state;
    int status;
    for (uint64_t position = 1; position <= 8; position++)
        rig_put(&rig, 1, position, BYTES);
    assert_true(rig_sync(&rig));
    damage(1, 3);
    uint64_t next = churn(1, 40);
    for (unsigned turn = 0; turn < 2; turn++) {
        rig_expect(&rig, 1, 1, 3, "1 2");
        struct store_answer answer = rig_fetch(&rig, 1, 3, 9, 1);
        assert_int_equal(answer.status, -EBADMSG);
        rig_free_answer(&answer);
        rig_expect(&rig, 1, 4, 9, "4 5 6 7 8");
        assert_int_equal(rig_count(&rig, 1, &status), 2);
        assert_int_equal(status, -EBADMSG);
        restart();
        assert_int_equal(rig.messages, 8);
        next = churn(next, 10);
    }
    assert_true(files() <= 14);
    rig_settle(&rig, 1, 3, 1, BYTES);
    (void)churn(next, 20);
    rig_expect(&rig, 1, 1, 9, "1 2 4 5 6 7 8");
    restart();
    rig_expect(&rig, 1, 1, 9, "1 2 4 5 6 7 8");
}

/* Has somebody been told since FROM, in the log's lines, of something unreadable? */
static bool was_told_of_unreadable(off_t from)
{
    char text[4096];
    ssize_t size;
    for (; (size = pread(lines, text, sizeof text - 1, from)) > 0; from += size) {
        text[size] = '\0';
        if (strstr(text, "log_unreadable") != NULL)
            return true;
    }
    return false;
}

/* About SEGMENTS full, while the engine takes no moves. */
static uint64_t churn_without_moves(uint64_t next, unsigned segments)
{
    for (uint64_t end = next + segments * PER_SEGMENT; next < end; next++) {
        rig_put(&rig, 2, next, BYTES);
        rig_settle(&rig, 2, next, 1, BYTES);
        commit_log_flush(rig.log, false);
    }
    return next;
}

/* What is being emptied dies meanwhile, all of it or in part, and its file becomes another. */
static void segment_that_dies_while_it_is_emptied(void **state)
{
    (void)state;
    enum { STUCK = 8 };
    uint64_t next = 1;
    off_t begin = lseek(lines, 0, SEEK_END);
    for (unsigned turn = 0; turn < 3; turn++) {
        uint64_t base = 100 * turn;
        uint64_t before = keeper_count(rig.keeper).messages_moved;
        for (uint64_t position = 1; position <= STUCK; position++)
            rig_put(&rig, 1, base + position, BYTES);
        while (keeper_count(rig.keeper).messages_moved == before)
            next = churn_without_moves(next, 1);
        if (turn == 0)
            rig_settle(&rig, 1, base + 1, STUCK, STUCK * BYTES);
        else if (turn == 1)
            rig_settle(&rig, 1, base + 5, STUCK - 4, (STUCK - 4) * BYTES);
        else
            rig_delete_queue(&rig, 1);
        next = churn_without_moves(next, 8);
        next = churn(next, 8);
        assert_true(files() <= 12);
        if (turn == 1)
            rig_expect(&rig, 1, 1, 10000, "101 102 103 104");
    }
    assert_false(was_told_of_unreadable(begin));
    restart();
    assert_int_equal(rig.messages, 0);
}

/* --- files ------------------------------------------------------------------------------------ */

static void close_leaves_nothing_behind(void **state)
{
    (void)state;
    uint64_t next = 1;
    for (uint64_t turn = 1; turn <= 10; turn++) {
        rig_put(&rig, 1, turn, BYTES);
        next = churn(next, 7);
        unsigned before = files();
        restart();
        rig_expect_tidy(disk_io(disk));
        assert_true(files() <= before);
    }
}

/* A process that is killed leaves files that were being made; the next one that ends has none. */
static void start_after_a_kill_tidies_up(void **state)
{
    (void)state;
    uint64_t first = disk_operations(disk);
    (void)churn(1, 12);
    for (uint64_t operation = first; operation < disk_operations(disk); operation += 3) {
        struct rig other;
        struct disk *after = disk_after_cut(disk, operation, operation);
        rig_start(&other, disk_io(after), true);
        rig_close(&other);
        rig_expect_tidy(disk_io(after));
        disk_free(after);
    }
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    lines = fileno(file);
    log_set_output(lines);
    const struct CMUnitTest tests[] = {
        ON_DISK(next_segment_is_there_before_it_is_needed),
        ON_DISK(dead_segments_are_used_again),
        ON_DISK(segment_that_lives_is_not_used_again),
        ON_DISK(segment_with_parts_of_a_living_message_stays),
        ON_DISK(large_message_does_not_use_segments_up),
        ON_DISK(drained_backlog_is_freed_without_more_log),
        ON_DISK(stuck_messages_do_not_pin_the_disk),
        ON_DISK(anything_stuck_is_moved),
        ON_DISK(unreadable_message_stays_where_it_is),
        ON_DISK(segment_that_dies_while_it_is_emptied),
        ON_DISK(close_leaves_nothing_behind),
        ON_DISK(start_after_a_kill_tidies_up),
    };
    int result = cmocka_run_group_tests_name("keeper_segments", tests, NULL, NULL);
    fclose(file);
    return result;
}
