/* SPDX-License-Identifier: Apache-2.0
 *
 * What the keeper reads back. test_keeper_segments.c has what it does with files.
 */
#include <errno.h>
#include <fcntl.h>
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

/* COUNT messages of BYTES in queue 1 from position FIRST on, a tick for each ten. */
static void put(uint64_t first, uint64_t count, uint32_t bytes)
{
    for (uint64_t i = 0; i < count; i++) {
        rig_put(&rig, 1, first + i, bytes);
        if (i % 10 == 9)
            (void)rig_flush(&rig);
    }
    assert_true(rig_sync(&rig));
}

static void restart(void)
{
    rig_close(&rig);
    rig_start(&rig, disk_io(disk), true);
}

/* --- fetching --------------------------------------------------------------------------------- */

static void messages_come_in_order_with_their_contents(void **state)
{
    (void)state;
    put(1, 3, 100);
    rig_put(&rig, 2, 7, 10);
    rig_put(&rig, 1, 9, 0);
    assert_true(rig_sync(&rig));
    rig_expect(&rig, 1, 1, 100, "1 2 3 9");
    rig_expect(&rig, 1, 2, 9, "2 3");
    rig_expect(&rig, 2, 1, 100, "7");
    rig_expect(&rig, 2, 8, 100, "");
    rig_expect(&rig, 5, 1, 100, "");
    restart();
    rig_expect(&rig, 1, 1, 100, "1 2 3 9");
    rig_expect(&rig, 2, 1, 100, "7");
}

static void fetch_has_enough_with_its_bytes(void **state)
{
    (void)state;
    put(1, 50, 100);
    struct store_answer answer = rig_fetch(&rig, 1, 1, 51, 950);
    assert_int_equal(answer.count, 10);
    assert_int_equal(answer.next, 11);
    rig_free_answer(&answer);
    answer = rig_fetch(&rig, 1, 48, 51, 1); /* one at least */
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.entries[0].position, 48);
    assert_int_equal(answer.next, 49);
    rig_free_answer(&answer);
    answer = rig_fetch(&rig, 1, 48, 51, 100000);
    assert_int_equal(answer.count, 3);
    assert_int_equal(answer.next, 51);
    rig_free_answer(&answer);
}

static void fetch_has_enough_with_some_thousand_messages(void **state)
{
    (void)state;
    put(1, 10000, 0);
    struct store_answer answer = rig_fetch(&rig, 1, 1, 20000, UINT32_MAX);
    assert_in_range(answer.count, 1000, 9999);
    assert_int_equal(answer.next, answer.count + 1);
    rig_free_answer(&answer);
    assert_int_equal(rig_count(&rig, 1, NULL), 10000);
}

static void messages_come_from_several_segments(void **state)
{
    (void)state;
    put(1, 400, 1000);
    assert_true(rig_files(disk_io(disk), ".idx") >= 5);
    assert_int_equal(rig_count(&rig, 1, NULL), 400);
    struct store_answer answer = rig_fetch(&rig, 1, 200, 400, 150000);
    assert_int_equal(answer.count, 150);
    for (uint32_t i = 0; i < answer.count; i++)
        assert_int_equal(answer.entries[i].position, 200 + i);
    rig_free_answer(&answer);
    restart();
    assert_int_equal(rig.messages, 400);
    assert_int_equal(rig_count(&rig, 1, NULL), 400);
}

static void large_bodies_come_whole(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {RECORD_PAYLOAD_MAX / 2, RECORD_PAYLOAD_MAX / 2 + 1,
                                     RECORD_PAYLOAD_MAX,     3 * RECORD_PAYLOAD_MAX + 17,
                                     SEGMENT_BYTES,          3 * SEGMENT_BYTES};
    for (uint64_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        rig_put(&rig, 1, 2 * i + 1, sizes[i]);
        rig_put(&rig, 1, 2 * i + 2, 10);
    }
    assert_true(rig_sync(&rig));
    for (unsigned turn = 0; turn < 2; turn++) {
        for (uint64_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct store_answer answer = rig_fetch(&rig, 1, 2 * i + 1, 100, 1);
            assert_int_equal(answer.count, 1);
            assert_int_equal(answer.entries[0].message->body_bytes, sizes[i]);
            rig_free_answer(&answer);
        }
        rig_expect(&rig, 1, 1, 100, "1 2 3 4 5 6 7 8 9 10 11 12");
        restart();
    }
}

static void settled_messages_do_not_come(void **state)
{
    (void)state;
    put(1, 6, 10);
    rig_settle(&rig, 1, 1, 1, 10);
    rig_settle(&rig, 1, 4, 2, 20);
    assert_true(rig_sync(&rig));
    rig_expect(&rig, 1, 1, 100, "2 3 6");
    restart();
    assert_int_equal(rig.messages, 3);
    rig_expect(&rig, 1, 1, 100, "2 3 6");
}

static void delivery_counts_come_along(void **state)
{
    (void)state;
    put(1, 3, 10);
    rig_requeue(&rig, 1, 2, 5);
    assert_true(rig_sync(&rig));
    rig_expect(&rig, 1, 1, 100, "1 2x5 3");
    restart();
    rig_expect(&rig, 1, 1, 100, "1 2x5 3");
}

static void what_is_stored_comes_each_time_and_what_is_paged_once(void **state)
{
    (void)state;
    rig_put(&rig, 1, 1, 10);
    rig_page(&rig, 1, 2, 10);
    rig_page(&rig, 1, 3, 5000); /* in parts */
    rig_put(&rig, 1, 4, 10);
    rig_page(&rig, 7, 1, 10); /* of a queue that is not durable */
    assert_true(rig_sync(&rig));
    struct store_answer answer = rig_fetch(&rig, 1, 1, 100, 100000);
    assert_int_equal(answer.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        bool paged = i == 1 || i == 2;
        assert_int_equal(answer.entries[i].position, i + 1);
        assert_true((answer.entries[i].message->lsn == 0) == paged);
        assert_int_equal(answer.entries[i].message->flags & MESSAGE_PERSISTENT,
                         paged ? 0 : MESSAGE_PERSISTENT);
        assert_true(rig_is_right(answer.entries[i].message, 1, i + 1));
    }
    rig_free_answer(&answer);
    rig_expect(&rig, 1, 1, 100, "1 4");
    rig_expect(&rig, 7, 1, 100, "1");
    rig_expect(&rig, 7, 1, 100, "");
}

static void what_is_paged_is_gone_after_a_restart(void **state)
{
    (void)state;
    rig_put(&rig, 1, 1, 10);
    rig_page(&rig, 1, 2, 10);
    rig_page(&rig, 7, 1, 10);
    restart();
    assert_int_equal(rig.messages, 1);
    rig_expect(&rig, 1, 1, 100, "1");
    rig_expect(&rig, 7, 1, 100, "");
    rig_put(&rig, 1, 2, 20); /* the position is used again */
    assert_true(rig_sync(&rig));
    rig_expect(&rig, 1, 1, 100, "1 2");
    put(3, 100, 1000); /* from the segment's index as well */
    struct store_answer answer = rig_fetch(&rig, 1, 2, 3, 1);
    assert_int_equal(answer.entries[0].message->body_bytes, 20);
    rig_free_answer(&answer);
}

/* The front of a queue leaves memory again while there is more behind it. */
static void what_was_read_may_be_paged_again(void **state)
{
    (void)state;
    for (uint64_t position = 1; position <= 8; position++)
        rig_page(&rig, 1, position, 10);
    assert_true(rig_sync(&rig));
    rig_expect(&rig, 1, 1, 7, "1 2 3 4 5 6");
    for (uint64_t position = 5; position <= 6; position++)
        rig_page(&rig, 1, position, 10);
    for (uint64_t position = 3; position <= 4; position++)
        rig_page(&rig, 1, position, 10);
    assert_true(rig_sync(&rig));
    rig_expect(&rig, 1, 3, 100, "3 4 5 6 7 8");
}

static void message_of_many_queues_comes_for_each(void **state)
{
    (void)state;
    enum { MANY = 300 }; /* more than one record names */
    for (uint64_t queue = 1; queue <= MANY; queue++)
        rig_queue(&rig, queue);
    rig_put_all(&rig, 1, MANY, 1, 3000);
    assert_true(rig_sync(&rig));
    for (unsigned turn = 0; turn < 2; turn++) {
        for (uint64_t queue = 1; queue <= MANY; queue++) {
            struct store_answer answer = rig_fetch(&rig, queue, 1, 2, 1);
            assert_int_equal(answer.count, 1);
            assert_true(rig_is_right(answer.entries[0].message, 1, 1));
            rig_free_answer(&answer);
        }
        restart();
    }
}

/* Of COUNT positions from FIRST on, STEP apart, those that STEP_THERE divides are there. */
static void expect_positions(uint64_t first, uint32_t count, uint64_t step, uint64_t step_there)
{
    uint64_t positions[400];
    uint32_t there = 0;
    for (uint32_t i = 0; i < count; i++)
        positions[i] = first + i * step;
    struct store_answer answer = rig_fetch_positions(&rig, 1, positions, count, UINT32_MAX);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.next, positions[count - 1] + 1);
    for (uint32_t i = 0; i < count; i++) {
        if (positions[i] % step_there != 0)
            continue;
        assert_true(there < answer.count);
        assert_int_equal(answer.entries[there].position, positions[i]);
        assert_true(rig_is_right(answer.entries[there++].message, 1, positions[i]));
    }
    assert_int_equal(answer.count, there);
    rig_free_answer(&answer);
}

static void fetch_of_positions_has_those_alone(void **state)
{
    (void)state;
    put(1, 1000, 1000);
    for (uint64_t position = 1; position <= 1000; position++)
        if (position % 3 != 0)
            rig_settle(&rig, 1, position, 1, 1000);
    assert_true(rig_sync(&rig));
    expect_positions(1, 300, 3, 3); /* none of them */
    expect_positions(3, 300, 3, 3);
    expect_positions(100, 400, 1, 3);
    expect_positions(7, 140, 7, 3);
    expect_positions(2000, 5, 1, 5000);
}

static void fetch_of_positions_has_enough_with_its_bytes(void **state)
{
    static const uint64_t positions[] = {2, 5, 9, 12, 20};
    (void)state;
    put(1, 20, 100);
    struct store_answer answer = rig_fetch_positions(&rig, 1, positions, 5, 250);
    assert_int_equal(answer.count, 3);
    assert_int_equal(answer.entries[2].position, 9);
    assert_in_range(answer.next, 10, 12);
    rig_free_answer(&answer);
    answer = rig_fetch_positions(&rig, 1, positions + 3, 2, 250);
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.next, 21);
    rig_free_answer(&answer);
    answer = rig_fetch_positions(&rig, 2, positions, 5, 250);
    assert_int_equal(answer.count, 0);
    assert_int_equal(answer.next, 21);
    rig_free_answer(&answer);
}

static void paged_position_is_read_once(void **state)
{
    static const uint64_t positions[] = {3, 5};
    (void)state;
    for (uint64_t position = 1; position <= 8; position++)
        rig_page(&rig, 1, position, 10);
    assert_true(rig_sync(&rig));
    struct store_answer answer = rig_fetch_positions(&rig, 1, positions, 2, 1000);
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.entries[0].message->lsn, 0);
    rig_free_answer(&answer);
    rig_expect(&rig, 1, 1, 100, "1 2 4 6 7 8");
}

static void deleted_queue_has_nothing(void **state)
{
    (void)state;
    put(1, 3, 10);
    rig_delete_queue(&rig, 1);
    assert_true(rig_sync(&rig));
    rig_expect(&rig, 1, 1, 100, "");
}

/* --- what cannot be read ---------------------------------------------------------------------- */

/* Turns a bit at the start of the body of queue 1's message at POSITION, in the file of SEGMENT. */
static void damage(uint64_t segment, uint64_t position)
{
    static uint8_t bytes[SEGMENT_BYTES];
    char name[SEGMENT_NAME_BYTES];
    struct buf body = {0};
    struct io *io = disk_io(disk);
    struct store_answer answer = rig_fetch(&rig, 1, position, position + 1, 1);
    assert_int_equal(answer.count, 1);
    buf_bytes(&body, slice_of(message_body(answer.entries[0].message), 64));
    rig_free_answer(&answer);
    segment_name(segment, name);
    int file = io->open(io, name, IO_READ);
    assert_int_equal(io->read(io, file, bytes, SEGMENT_BYTES, 0), SEGMENT_BYTES);
    (void)io->close(io, file);
    const uint8_t *at = memmem(bytes, SEGMENT_BYTES, body.data, body.size);
    assert_non_null(at);
    disk_flip_bit(disk, name, (uint64_t)(at - bytes) + body.size / 2, 5);
    buf_fini(&body);
}

static void expect_unreadable(uint64_t position)
{
    struct store_answer answer = rig_fetch(&rig, 1, position, 10000, 100000);
    assert_int_equal(answer.status, -EBADMSG);
    assert_int_equal(answer.count, 0);
    rig_free_answer(&answer);
}

static void damaged_message_is_told_and_never_served(void **state)
{
    (void)state;
    put(1, 10, 100);
    put(11, 200, 1000); /* and the segment is full */
    damage(1, 5);
    restart(); /* so that it is not in memory */
    struct store_answer answer = rig_fetch(&rig, 1, 1, 10000, 100000);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.count, 4);
    assert_int_equal(answer.next, 5);
    rig_free_answer(&answer);
    expect_unreadable(5);
    expect_unreadable(5);
    rig_expect(&rig, 1, 6, 10, "6 7 8 9");
    rig_settle(&rig, 1, 5, 1, 100);
    assert_true(rig_sync(&rig));
    rig_expect(&rig, 1, 4, 8, "4 6 7");
}

static void damaged_part_is_told_and_never_served(void **state)
{
    (void)state;
    put(1, 1, 20000);
    put(2, 200, 1000);
    damage(1, 1);
    restart();
    expect_unreadable(1);
    rig_expect(&rig, 1, 2, 4, "2 3");
}

static void read_error_is_told_and_reading_goes_on_later(void **state)
{
    (void)state;
    put(1, 200, 1000);
    restart();
    disk_fail(disk, DISK_READ, 1, EIO);
    int status;
    uint64_t count = rig_count(&rig, 1, &status);
    assert_true(status == -EIO || count == 200); /* an index is made again */
    disk_break(disk, DISK_READ, 1, EIO);
    assert_int_equal(rig_count(&rig, 1, &status), 0);
    assert_int_equal(status, -EIO);
    disk_break(disk, DISK_READ, 0, 0);
    assert_int_equal(rig_count(&rig, 1, NULL), 200);
}

static void missing_segment_is_told(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    put(1, 300, 1000);
    restart();
    assert_int_equal(io->remove(io, "00000000000000000002.log"), 0);
    int status;
    uint64_t count = rig_count(&rig, 1, &status);
    assert_in_range(count, 10, 100);
    assert_int_equal(status, -ENOENT);
}

/* --- indexes ---------------------------------------------------------------------------------- */

static const char first_index[] = "00000000000000000001.idx";

static void index_is_made_again_when_it_is_missing(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    put(1, 200, 1000);
    restart();
    assert_int_equal(io->remove(io, first_index), 0);
    assert_int_equal(rig_count(&rig, 1, NULL), 200);
    assert_true(rig_has_file(io, first_index));
}

static void index_is_made_again_when_it_is_damaged(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    put(1, 200, 1000);
    int file = io->open(io, first_index, IO_READ);
    int64_t size = io->size(io, file);
    (void)io->close(io, file);
    for (int64_t at = 0; at < size; at += 7) {
        restart();
        disk_flip_bit(disk, first_index, (uint64_t)at, 2);
        rig_expect(&rig, 1, 1, 4, "1 2 3");
    }
    restart();
    disk_truncate(disk, first_index, 10);
    rig_expect(&rig, 1, 1, 4, "1 2 3");
}

/* Where the segment itself is damaged, what is behind cannot be found without an index. */
static void index_cannot_be_made_from_a_damaged_segment(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    put(1, 200, 1000);
    damage(1, 5);
    restart();
    assert_int_equal(io->remove(io, first_index), 0);
    expect_unreadable(1);
    rig_expect(&rig, 1, 190, 193, "190 191 192");
    assert_false(rig_has_file(io, first_index));
}

/* One of another log's segment, whose checksum is right. */
static void index_that_is_another_s_serves_nothing_wrong(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    put(1, 200, 1000);
    rig_close(&rig);
    struct disk *other = disk_new(2);
    struct io *theirs = disk_io(other);
    rig_start(&rig, theirs, true);
    rig_queue(&rig, 1);
    rig_queue(&rig, 2);
    rig_put(&rig, 2, 1, 1000);
    put(1, 200, 1000);
    rig_close(&rig);
    uint8_t bytes[SEGMENT_BYTES];
    int file = theirs->open(theirs, first_index, IO_READ);
    int64_t size = theirs->read(theirs, file, bytes, sizeof bytes, 0);
    assert_true(size > 0);
    assert_int_equal(io->remove(io, first_index), 0);
    file = io->open(io, first_index, IO_CREATE);
    assert_int_equal(io->write(io, file, bytes, (size_t)size, 0), 0);
    (void)io->close(io, file);
    disk_free(other);
    rig_start(&rig, io, true);
    int status;
    (void)rig_count(&rig, 1, &status); /* which looks at all contents */
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    log_set_output(open("/dev/null", O_WRONLY)); /* failures that are provoked are no news */
    const struct CMUnitTest tests[] = {
        ON_DISK(messages_come_in_order_with_their_contents),
        ON_DISK(fetch_has_enough_with_its_bytes),
        ON_DISK(fetch_has_enough_with_some_thousand_messages),
        ON_DISK(fetch_of_positions_has_those_alone),
        ON_DISK(fetch_of_positions_has_enough_with_its_bytes),
        ON_DISK(paged_position_is_read_once),
        ON_DISK(messages_come_from_several_segments),
        ON_DISK(large_bodies_come_whole),
        ON_DISK(settled_messages_do_not_come),
        ON_DISK(delivery_counts_come_along),
        ON_DISK(what_is_stored_comes_each_time_and_what_is_paged_once),
        ON_DISK(what_is_paged_is_gone_after_a_restart),
        ON_DISK(what_was_read_may_be_paged_again),
        ON_DISK(message_of_many_queues_comes_for_each),
        ON_DISK(deleted_queue_has_nothing),
        ON_DISK(damaged_message_is_told_and_never_served),
        ON_DISK(damaged_part_is_told_and_never_served),
        ON_DISK(read_error_is_told_and_reading_goes_on_later),
        ON_DISK(missing_segment_is_told),
        ON_DISK(index_is_made_again_when_it_is_missing),
        ON_DISK(index_is_made_again_when_it_is_damaged),
        ON_DISK(index_cannot_be_made_from_a_damaged_segment),
        ON_DISK(index_that_is_another_s_serves_nothing_wrong),
    };
    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
