/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/checkpoint.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "persist/crc32c.h"
#include "server/base/mem.h"
#include "test/sim/disk.h"
#include "test/unit/persist/tape.h"

static const uint8_t node_id[NODE_ID_BYTES] = "sixteen octets..";

static struct tape tape;
static struct disk *disk;

static int set_up(void **state)
{
    (void)state;
    tape_init(&tape);
    disk = disk_new(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tape_fini(&tape);
    disk_free(disk);
    return 0;
}

/* Something of everything that a checkpoint holds; TURNS more messages. */
static void fill(unsigned turns)
{
    tape_exchange(&tape, "x");
    tape_exchange(&tape, "y");
    tape_queue(&tape, 3);
    tape_queue(&tape, 7);
    tape_queue(&tape, 8);
    tape_delete_queue(&tape, 8);
    tape_bind(&tape, "x", 3, "a key");
    tape_bind(&tape, "amq.direct", 7, "");
    tape_bind_exchange(&tape, "x", "y");
    tape_put_range(&tape, STORE_MESSAGE, 3, 5, 20);
    tape_put_range(&tape, STORE_MESSAGE, 7, 1, 4);
    tape_settle(&tape, 3, 7, 1);
    tape_requeue(&tape, 3, 9, 2);
    tape_end_segment(&tape);
    tape_put_range(&tape, STORE_MESSAGE, 3, 4000, 4002);
    tape_put(&tape, STORE_PAGE, 7, 5);
    tape_put(&tape, STORE_MOVED, 3, 6);
    tape_settle(&tape, 7, 4, 96);
    tape_end_segment(&tape);
    for (unsigned i = 0; i < turns; i++)
        tape_put(&tape, STORE_MESSAGE, 3, 5000 + i);
}

static const char *const queue_3 = "5@1 6@2 8@1 9@1x2 10@1 11@1 12@1 13@1 14@1 15@1 16@1 17@1 18@1 "
                                   "19@1 4000@2 4001@2";

static struct checkpoint here(void)
{
    struct checkpoint checkpoint = {.lsn = segment_first_lsn(3), .epoch = 4};
    memcpy(checkpoint.node_id, node_id, NODE_ID_BYTES);
    return checkpoint;
}

static struct buf encode(void)
{
    struct buf bytes = {0};
    struct checkpoint checkpoint = here();
    checkpoint_encode(&checkpoint, &tape.inventory, &bytes);
    return bytes;
}

/* Decodes BYTES in a block of exactly that size. */
static int decode(struct slice bytes, struct inventory *inventory)
{
    struct checkpoint checkpoint;
    uint8_t *copy = mem_alloc(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    inventory_init(inventory);
    int status = checkpoint_decode(&checkpoint, inventory, slice_of(copy, bytes.size));
    mem_free(copy);
    return status;
}

static int status_of(struct slice bytes)
{
    struct inventory inventory;
    int status = decode(bytes, &inventory);
    inventory_fini(&inventory);
    return status;
}

static void seal(struct buf *bytes)
{
    put_le32(bytes->data + 8, crc32c(0, slice_of(bytes->data + 12, bytes->size - 12)));
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void what_is_read_is_what_was_written(void **state)
{
    (void)state;
    struct checkpoint checkpoint;
    fill(0);
    struct buf bytes = encode();
    inventory_fini(&tape.inventory);
    inventory_init(&tape.inventory);
    assert_int_equal(checkpoint_decode(&checkpoint, &tape.inventory, buf_slice(&bytes)), 0);
    assert_int_equal(checkpoint.lsn, segment_first_lsn(3));
    assert_int_equal(checkpoint.epoch, 4);
    assert_int_equal(checkpoint.bytes, bytes.size);
    assert_memory_equal(checkpoint.node_id, node_id, NODE_ID_BYTES);
    tape_expect(&tape, 3, queue_3);
    tape_expect(&tape, 7, "1@1 2@1 3@1");
    const struct inventory *read = &tape.inventory;
    assert_int_equal(inventory_find(&tape.inventory, 3)->bytes, 160);
    assert_int_equal(inventory_find(&tape.inventory, 3)->next_position, 4002);
    assert_int_equal(inventory_find(&tape.inventory, 7)->next_position, 100);
    assert_int_equal(read->last_queue_id, 8);
    assert_int_equal(read->epoch, 4);
    assert_int_equal(read->queues.count, 2);
    assert_int_equal(read->exchanges.count, 2);
    assert_int_equal(read->bindings.count, 3);
    assert_int_equal(inventory_segment(read, 1)->stored, 18);
    tape_expect_live(&tape, 1, 16);
    tape_expect_live(&tape, 2, 3);
    buf_fini(&bytes);
}

static void queue_with_times_is_known_until_it_is_empty(void **state)
{
    (void)state;
    tape_queue(&tape, 3);
    tape_queue(&tape, 4);
    tape.time_ms = 1700000000000;
    tape_put(&tape, STORE_MESSAGE, 3, 1);
    tape.time_ms = 0;
    tape_put(&tape, STORE_MESSAGE, 3, 2);
    tape_put(&tape, STORE_MESSAGE, 4, 1);
    tape_checkpoint(&tape);
    assert_true(inventory_find(&tape.inventory, 3)->timed);
    assert_false(inventory_find(&tape.inventory, 4)->timed);
    tape_settle(&tape, 3, 1, 2);
    tape_put(&tape, STORE_MESSAGE, 3, 3);
    tape_checkpoint(&tape);
    assert_false(inventory_find(&tape.inventory, 3)->timed);
}

static void empty_inventory_is_a_checkpoint_too(void **state)
{
    (void)state;
    struct buf bytes = encode();
    assert_int_equal(status_of(buf_slice(&bytes)), 0);
    buf_fini(&bytes);
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    fill(0);
    struct buf bytes = encode();
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(status_of(buf_slice(&bytes)), -EBADMSG);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(status_of(buf_slice(&bytes)), 0);
    buf_fini(&bytes);
}

/* With a checksum that fits: it says something else then or nothing, but no memory is harmed. */
static void every_flipped_bit_below_a_right_checksum_is_harmless(void **state)
{
    (void)state;
    unsigned refused = 0;
    fill(0);
    struct buf bytes = encode();
    for (size_t bit = 12 * 8; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        seal(&bytes);
        refused += status_of(buf_slice(&bytes)) < 0;
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(refused > bytes.size);
    buf_fini(&bytes);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    fill(0);
    struct buf bytes = encode();
    for (size_t size = 1; size < bytes.size; size++)
        assert_int_equal(status_of(slice_of(bytes.data, size)), -EBADMSG);
    buf_u8(&bytes, 0);
    assert_int_equal(status_of(buf_slice(&bytes)), -EBADMSG);
    buf_fini(&bytes);
}

/* A cut with a right checksum ends between two items, or is refused. */
static void every_truncation_below_a_right_checksum_is_harmless(void **state)
{
    (void)state;
    fill(0);
    struct buf bytes = encode();
    while (bytes.size > 48) {
        bytes.size--;
        seal(&bytes);
        int status = status_of(buf_slice(&bytes));
        assert_true(status == 0 || status == -EBADMSG);
    }
    buf_fini(&bytes);
}

static void newer_version_is_refused_as_such(void **state)
{
    (void)state;
    fill(0);
    struct buf bytes = encode();
    put_le32(bytes.data + 12, LOG_FORMAT_VERSION + 1);
    assert_int_equal(status_of(buf_slice(&bytes)), -EBADMSG); /* damage comes first */
    seal(&bytes);
    assert_int_equal(status_of(buf_slice(&bytes)), -EPROTONOSUPPORT);
    buf_fini(&bytes);
}

static int status_at(uint64_t lsn)
{
    struct buf bytes = {0};
    struct checkpoint checkpoint = here();
    checkpoint.lsn = lsn;
    checkpoint_encode(&checkpoint, &tape.inventory, &bytes);
    int status = status_of(buf_slice(&bytes));
    buf_fini(&bytes);
    return status;
}

static void place_may_be_anywhere_among_the_records(void **state)
{
    (void)state;
    fill(0);
    assert_int_equal(status_at(segment_first_lsn(3)), 0);
    assert_int_equal(status_at(segment_first_lsn(3) + RECORD_ALIGNMENT), 0);
    assert_int_equal(status_at(segment_first_lsn(4) - SEGMENT_HEADER_BYTES - RECORD_ALIGNMENT), 0);
}

static void place_where_no_record_can_stand_is_refused(void **state)
{
    (void)state;
    fill(0);
    for (unsigned i = 1; i < RECORD_ALIGNMENT; i++)
        assert_int_equal(status_at(segment_first_lsn(3) + i), -EBADMSG);
    for (uint64_t i = 0; i < SEGMENT_HEADER_BYTES; i += RECORD_ALIGNMENT)
        assert_int_equal(status_at(((uint64_t)3 << SEGMENT_SHIFT) + i), -EBADMSG);
    assert_int_equal(status_at(0), -EBADMSG);
    assert_int_equal(status_at(segment_first_lsn(0)), -EBADMSG);
}

/* --- what a right checksum does not make right ------------------------------------------------ */

/* Puts TO in place of FROM, which is in BYTES once; how such a file is read. */
static int status_with(struct buf *bytes, struct slice from, struct slice to)
{
    uint8_t *at = memmem(bytes->data, bytes->size, from.data, from.size);
    assert_non_null(at);
    assert_null(memmem(at + 1, bytes->size - (size_t)(at + 1 - bytes->data), from.data, from.size));
    memcpy(at, to.data, to.size);
    seal(bytes);
    int status = status_of(buf_slice(bytes));
    memcpy(at, from.data, from.size);
    return status;
}

/* Settling or moving takes it for granted, and would leave a run in which nothing lives. */
static void run_whose_first_is_gone_is_refused(void **state)
{
    (void)state;
    static const uint64_t second_gone[] = {UINT64_C(1) << 32 | 2, 2}; /* live, words; the word */
    static const uint64_t first_gone[] = {UINT64_C(1) << 32 | 2, 1};
    tape_queue(&tape, 3);
    tape_put_range(&tape, STORE_MESSAGE, 3, 1, 4);
    tape_settle(&tape, 3, 2, 1);
    struct buf bytes = encode();
    struct slice good = slice_of(second_gone, sizeof second_gone);
    assert_int_equal(status_with(&bytes, good, good), 0);
    assert_int_equal(status_with(&bytes, good, slice_of(first_gone, sizeof first_gone)), -EBADMSG);
    buf_fini(&bytes);
}

static void segment_that_cannot_be_so_is_refused(void **state)
{
    (void)state;
    tape_queue(&tape, 3);
    tape_put_range(&tape, STORE_MESSAGE, 3, 1, 4);
    struct buf bytes = encode();
    uint8_t good[21] = {2, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1}, bad[21];
    struct slice from = slice_of(good, sizeof good), to = slice_of(bad, sizeof bad);
    assert_int_equal(status_with(&bytes, from, from), 0);
    memcpy(bad, good, sizeof bad);
    bad[1] = 4; /* behind the checkpoint's place */
    assert_int_equal(status_with(&bytes, from, to), -EBADMSG);
    memcpy(bad, good, sizeof bad);
    bad[9] = 2; /* less than what lives in it was ever stored */
    assert_int_equal(status_with(&bytes, from, to), -EBADMSG);
    memcpy(bad, good, sizeof bad);
    bad[13] = 2; /* it needs parts that are behind it */
    assert_int_equal(status_with(&bytes, from, to), -EBADMSG);
    buf_fini(&bytes);
}

static void queue_above_the_highest_number_is_refused(void **state)
{
    (void)state;
    tape_queue(&tape, 3);
    struct buf bytes = encode();
    uint8_t last[9] = {1, 1};
    buf_bytes(&bytes, slice_of(last, sizeof last));
    seal(&bytes);
    assert_int_equal(status_of(buf_slice(&bytes)), -EBADMSG);
    buf_fini(&bytes);
}

/* --- the file --------------------------------------------------------------------------------- */

static int write_file(struct io *io)
{
    struct buf bytes = encode();
    struct checkpoint checkpoint = here();
    int status = checkpoint_write(&checkpoint, buf_slice(&bytes), io);
    buf_fini(&bytes);
    return status;
}

/* How many messages queue 3 has by the file, or a negative errno. */
static int64_t read_file(struct io *io)
{
    struct checkpoint checkpoint;
    struct inventory inventory;
    inventory_init(&inventory);
    int64_t result = checkpoint_read(&checkpoint, &inventory, io);
    if (result == 0)
        result = (int64_t)inventory_find(&inventory, 3)->live;
    inventory_fini(&inventory);
    return result;
}

enum { OLD = 16, NEW = OLD + 500 };

static void missing_file_is_told(void **state)
{
    (void)state;
    assert_int_equal(read_file(disk_io(disk)), -ENOENT);
}

static void empty_file_is_damaged(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    assert_int_equal(io->close(io, io->open(io, CHECKPOINT_NAME, IO_CREATE)), 0);
    assert_int_equal(read_file(io), -EBADMSG);
}

static void file_is_replaced(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    fill(0);
    assert_int_equal(write_file(io), 0);
    assert_int_equal(read_file(io), OLD);
    tape_put_range(&tape, STORE_MESSAGE, 3, 5000, 5500);
    assert_int_equal(write_file(io), 0);
    assert_int_equal(read_file(io), NEW);
}

static void read_error_is_told(void **state)
{
    (void)state;
    fill(0);
    assert_int_equal(write_file(disk_io(disk)), 0);
    disk_fail(disk, DISK_READ, 1, EIO);
    assert_int_equal(read_file(disk_io(disk)), -EIO);
    disk_fail(disk, DISK_OPEN, 1, EMFILE);
    assert_int_equal(read_file(disk_io(disk)), -EMFILE);
    assert_int_equal(read_file(disk_io(disk)), OLD);
}

/* The COUNTDOWN-th CALL fails while the second file is written; false: none did. */
static bool write_failing(enum disk_call call, uint64_t countdown)
{
    disk_free(disk);
    disk = disk_new(countdown);
    fill(0);
    assert_int_equal(write_file(disk_io(disk)), 0);
    tape_put_range(&tape, STORE_MESSAGE, 3, 5000, 5500);
    uint64_t before = disk_calls(disk, call);
    disk_fail(disk, call, countdown, ENOSPC);
    int status = write_file(disk_io(disk));
    bool failed = disk_calls(disk, call) - before >= countdown;
    disk_fail(disk, call, 0, 0);
    assert_true(status == 0 || (failed && status == -ENOSPC));
    int64_t found = read_file(disk_io(disk));
    assert_true(status == 0 ? found == NEW : found == OLD || call == DISK_SYNC_DIRECTORY);
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        found = read_file(disk_io(after));
        assert_true(found == NEW || (found == OLD && status < 0));
        disk_free(after);
    }
    assert_int_equal(write_file(disk_io(disk)), 0); /* what is left is not in the way */
    assert_int_equal(read_file(disk_io(disk)), NEW);
    tape_fini(&tape);
    tape_init(&tape);
    return failed;
}

static void failing_call_leaves_the_old_file(void **state)
{
    (void)state;
    static const enum disk_call calls[] = {DISK_OPEN,   DISK_WRITE,  DISK_SYNC,
                                           DISK_RENAME, DISK_REMOVE, DISK_SYNC_DIRECTORY};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (uint64_t countdown = 1; write_failing(calls[i], countdown); countdown++)
            assert_true(countdown < 10);
}

static void power_cut_leaves_the_old_or_the_new_file(void **state)
{
    (void)state;
    bool seen_old = false, seen_new = false;
    fill(0);
    assert_int_equal(write_file(disk_io(disk)), 0);
    uint64_t first = disk_operations(disk);
    tape_put_range(&tape, STORE_MESSAGE, 3, 5000, 5500);
    assert_int_equal(write_file(disk_io(disk)), 0);
    for (uint64_t operation = first; operation <= disk_operations(disk); operation++)
        for (uint64_t seed = 0; seed < 50; seed++) {
            struct disk *after = disk_after_cut(disk, operation, seed);
            int64_t found = read_file(disk_io(after));
            assert_true(found == OLD || found == NEW);
            assert_true(found == NEW || operation < disk_operations(disk));
            seen_old |= found == OLD;
            seen_new |= found == NEW && operation < disk_operations(disk);
            disk_free(after);
        }
    assert_true(seen_old && seen_new);
}

#define WITH_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(what_is_read_is_what_was_written),
        WITH_DISK(queue_with_times_is_known_until_it_is_empty),
        WITH_DISK(empty_inventory_is_a_checkpoint_too),
        WITH_DISK(every_flipped_bit_is_refused),
        WITH_DISK(every_flipped_bit_below_a_right_checksum_is_harmless),
        WITH_DISK(every_truncation_is_refused),
        WITH_DISK(every_truncation_below_a_right_checksum_is_harmless),
        WITH_DISK(newer_version_is_refused_as_such),
        WITH_DISK(place_may_be_anywhere_among_the_records),
        WITH_DISK(place_where_no_record_can_stand_is_refused),
        WITH_DISK(run_whose_first_is_gone_is_refused),
        WITH_DISK(segment_that_cannot_be_so_is_refused),
        WITH_DISK(queue_above_the_highest_number_is_refused),
        WITH_DISK(missing_file_is_told),
        WITH_DISK(empty_file_is_damaged),
        WITH_DISK(file_is_replaced),
        WITH_DISK(read_error_is_told),
        WITH_DISK(failing_call_leaves_the_old_file),
        WITH_DISK(power_cut_leaves_the_old_or_the_new_file),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
