/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/segment_index.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "persist/crc32c.h"
#include "server/base/mem.h"
#include "test/sim/disk_history.h"

static struct index_builder builder;
static struct segment_index found;
static struct disk *disk;

static int set_up(void **state)
{
    (void)state;
    disk = disk_new(1);
    index_builder_begin(&builder, 5);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    index_builder_fini(&builder);
    segment_index_fini(&found);
    disk_free(disk);
    return 0;
}

static void add(uint64_t queue, uint64_t position, uint32_t offset)
{
    index_builder_add(&builder, queue, position, offset);
}

static void build(void)
{
    segment_index_fini(&found);
    segment_index_build(&found, &builder);
}

static uint32_t find(uint64_t queue, uint64_t position)
{
    return segment_index_find(&found, queue, position);
}

/* Three queues with gaps, small and large; the second one is not in order. */
static void fill(void)
{
    add(1, 10, 4096);
    add(2, 99, 4200);
    add(1, 11, 4304);
    add(1, 20, 4408);
    add(2, 3, 4512);
    add(1, 5000, 4616);
    add(3, UINT64_C(1) << 50, 4720);
    add(2, 100, 4824);
}

static void expect_filled(void)
{
    assert_int_equal(found.segment, 5);
    assert_int_equal(find(1, 10), 4096);
    assert_int_equal(find(1, 11), 4304);
    assert_int_equal(find(1, 20), 4408);
    assert_int_equal(find(1, 5000), 4616);
    assert_int_equal(find(2, 3), 4512);
    assert_int_equal(find(2, 99), 4200);
    assert_int_equal(find(2, 100), 4824);
    assert_int_equal(find(3, UINT64_C(1) << 50), 4720);
    static const uint64_t missing[][2] = {{0, 10}, {1, 0},    {1, 9},    {1, 12}, {1, 19},
                                          {1, 21}, {1, 4999}, {1, 5001}, {2, 2},  {2, 4},
                                          {2, 98}, {2, 101},  {3, 1},    {4, 10}, {1, UINT64_MAX}};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        assert_int_equal(find(missing[i][0], missing[i][1]), 0);
}

static void what_was_added_is_found(void **state)
{
    (void)state;
    fill();
    build();
    expect_filled();
}

static void empty_index_finds_nothing(void **state)
{
    (void)state;
    struct buf bytes = {0};
    build();
    assert_int_equal(find(1, 1), 0);
    segment_index_encode(&found, &bytes);
    segment_index_fini(&found);
    assert_int_equal(segment_index_decode(&found, buf_slice(&bytes)), 0);
    assert_int_equal(find(1, 1), 0);
    buf_fini(&bytes);
}

/* A position that was used again after a restart is what was written last. */
static void last_of_two_at_a_position_counts(void **state)
{
    (void)state;
    add(1, 7, 5000);
    add(1, 8, 5100);
    add(1, 7, 6000);
    build();
    assert_int_equal(find(1, 7), 6000);
    assert_int_equal(find(1, 8), 5100);
}

static void builder_begins_again_empty(void **state)
{
    (void)state;
    fill();
    index_builder_begin(&builder, 6);
    add(9, 1, 4096);
    build();
    assert_int_equal(found.segment, 6);
    assert_int_equal(find(1, 10), 0);
    assert_int_equal(find(9, 1), 4096);
}

enum { MANY_QUEUES = 500, MANY = 60000 };

static void random_entries_of_many_queues_are_found(void **state)
{
    (void)state;
    const char *given = getenv("STOATMQ_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    uint64_t next[MANY_QUEUES];
    struct buf bytes = {0};
    print_message("STOATMQ_SEED=%" PRIu64 "\n", seed);
    for (uint64_t q = 0; q < MANY_QUEUES; q++)
        next[q] = 1 + disk_random_below(&seed, 1000000);
    for (uint32_t i = 0; i < MANY; i++) {
        uint64_t queue = disk_random_below(&seed, MANY_QUEUES), wide = disk_random_below(&seed, 30);
        next[queue] += 1 + disk_random_below(&seed, wide == 0 ? 1000 : wide < 3 ? 70 : 1);
        add(queue, next[queue], SEGMENT_HEADER_BYTES + 64 * i);
    }
    struct index_entry *entries = mem_alloc(MANY * sizeof *entries);
    memcpy(entries, builder.entries, MANY * sizeof *entries);
    build();
    segment_index_encode(&found, &bytes);
    segment_index_fini(&found);
    assert_int_equal(segment_index_decode(&found, buf_slice(&bytes)), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(find(entries[i].queue, entries[i].position), entries[i].offset);
        uint32_t behind = find(entries[i].queue, entries[i].position + 1);
        assert_true(behind == 0 || behind > entries[i].offset);
    }
    mem_free(entries);
    buf_fini(&bytes);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static int decode(struct slice bytes)
{
    segment_index_fini(&found);
    uint8_t *copy = mem_alloc(bytes.size + 1);
    memcpy(copy + 1, bytes.data, bytes.size); /* nothing need be aligned */
    int status = segment_index_decode(&found, slice_of(copy + 1, bytes.size));
    mem_free(copy);
    return status;
}

static struct buf encode(void)
{
    struct buf bytes = {0};
    fill();
    build();
    segment_index_encode(&found, &bytes);
    return bytes;
}

static void what_is_decoded_is_what_was_encoded(void **state)
{
    (void)state;
    struct buf bytes = encode(), again = {0};
    assert_int_equal(decode(buf_slice(&bytes)), 0);
    expect_filled();
    segment_index_encode(&found, &again);
    assert_true(slice_equal(buf_slice(&bytes), buf_slice(&again)));
    buf_fini(&again);
    buf_fini(&bytes);
}

static void damage_of_any_bit_or_size_is_refused(void **state)
{
    (void)state;
    struct buf bytes = encode();
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(decode(buf_slice(&bytes)), -EBADMSG);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_equal(decode(slice_of(bytes.data, size)), -EBADMSG);
    assert_int_equal(decode(buf_slice(&bytes)), 0);
    buf_u8(&bytes, 0);
    assert_int_equal(decode(buf_slice(&bytes)), -EBADMSG);
    buf_fini(&bytes);
}

/* It finds other things then, or is refused; all that it finds is in the segment. */
static void damage_below_a_right_checksum_is_harmless(void **state)
{
    (void)state;
    struct buf bytes = encode();
    for (size_t bit = 12 * 8; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        put_le32(bytes.data + 8, crc32c(0, slice_of(bytes.data + 12, bytes.size - 12)));
        if (decode(buf_slice(&bytes)) == 0)
            for (uint64_t position = 0; position < 200; position++)
                assert_true(find(1, position) < SEGMENT_BYTES && find(2, position) < SEGMENT_BYTES);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buf_fini(&bytes);
}

/* --- the file --------------------------------------------------------------------------------- */

static void file_is_read_as_written(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    fill();
    build();
    segment_index_write(&found, io);
    segment_index_fini(&found);
    assert_int_equal(segment_index_read(&found, io, 5), 0);
    expect_filled();
    segment_index_write(&found, io); /* in place of the first */
    segment_index_fini(&found);
    assert_int_equal(segment_index_read(&found, io, 5), 0);
    expect_filled();
}

static void missing_file_and_another_s_are_told(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    char own[SEGMENT_NAME_BYTES], other[SEGMENT_NAME_BYTES];
    assert_int_equal(segment_index_read(&found, io, 5), -ENOENT);
    fill();
    build();
    segment_index_write(&found, io);
    segment_index_fini(&found);
    segment_index_name(5, own);
    segment_index_name(6, other);
    assert_string_equal(own, "00000000000000000005.idx");
    assert_int_equal(io->rename(io, own, other), 0);
    assert_int_equal(segment_index_read(&found, io, 6), -EBADMSG);
    assert_null(found.runs);
}

static void failing_call_leaves_none_or_a_damaged_one(void **state)
{
    (void)state;
    static const enum disk_call calls[] = {DISK_OPEN, DISK_WRITE, DISK_REMOVE};
    struct io *io = disk_io(disk);
    fill();
    build();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct segment_index read = {0};
        disk_fail(disk, calls[i], 1, ENOSPC);
        segment_index_write(&found, io);
        int status = segment_index_read(&read, io, 5);
        assert_true(status == -ENOENT || status == -EBADMSG || calls[i] == DISK_REMOVE);
        segment_index_fini(&read);
        segment_index_write(&found, io);
        assert_int_equal(segment_index_read(&read, io, 5), 0);
        segment_index_fini(&read);
    }
    struct segment_index read = {0};
    disk_fail(disk, DISK_READ, 1, EIO);
    assert_int_equal(segment_index_read(&read, io, 5), -EIO);
    assert_null(read.runs);
}

#define WITH_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(what_was_added_is_found),
        WITH_DISK(empty_index_finds_nothing),
        WITH_DISK(last_of_two_at_a_position_counts),
        WITH_DISK(builder_begins_again_empty),
        WITH_DISK(random_entries_of_many_queues_are_found),
        WITH_DISK(what_is_decoded_is_what_was_encoded),
        WITH_DISK(damage_of_any_bit_or_size_is_refused),
        WITH_DISK(damage_below_a_right_checksum_is_harmless),
        WITH_DISK(file_is_read_as_written),
        WITH_DISK(missing_file_and_another_s_are_told),
        WITH_DISK(failing_call_leaves_none_or_a_damaged_one),
    };
    return cmocka_run_group_tests_name("segment_index", tests, NULL, NULL);
}
