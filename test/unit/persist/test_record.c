/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint64_t lsn = ((uint64_t)7 << SEGMENT_SHIFT) + SEGMENT_HEADER_BYTES;

/* A record with a payload of SIZE octets; returns what it takes. */
static uint32_t write_record(uint8_t *to, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        to[RECORD_HEADER_BYTES + i] = (uint8_t)(i * 7 + 1);
    record_seal(to, RECORD_FACT, 3, lsn, size);
    return record_bytes(size);
}

static void record_is_read_as_it_was_written(void **state)
{
    (void)state;
    uint8_t bytes[512];
    for (uint32_t size = 0; size < 300; size++) {
        struct record record;
        uint32_t total = write_record(bytes, size);
        assert_int_equal(total % RECORD_ALIGNMENT, 0);
        assert_int_equal(record_read(slice_of(bytes, total), lsn, &record), RECORD_OK);
        assert_int_equal(record.type, RECORD_FACT);
        assert_int_equal(record.epoch, 3);
        assert_true(record.lsn == lsn);
        assert_int_equal(record.payload.size, size);
        assert_memory_equal(record.payload.data, bytes + RECORD_HEADER_BYTES, size);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct record record;
    uint32_t size = 100;
    uint32_t total = write_record(bytes, size);
    for (uint32_t bit = 0; bit < (RECORD_HEADER_BYTES + size) * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(record_read(slice_of(bytes, total), lsn, &record), RECORD_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(record_read(slice_of(bytes, total), lsn, &record), RECORD_OK);
}

static void cut_record_is_none_or_broken(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct record record;
    uint32_t size = 100;
    (void)write_record(bytes, size);
    for (uint32_t left = 0; left < RECORD_HEADER_BYTES; left++)
        assert_int_equal(record_read(slice_of(bytes, left), lsn, &record), RECORD_NONE);
    for (uint32_t left = RECORD_HEADER_BYTES; left < RECORD_HEADER_BYTES + size; left++)
        assert_int_equal(record_read(slice_of(bytes, left), lsn, &record), RECORD_BROKEN);
}

static void record_of_another_place_is_none(void **state)
{
    (void)state;
    uint8_t bytes[256] = {0};
    struct record record;
    assert_int_equal(record_read(slice_of(bytes, sizeof bytes), lsn, &record), RECORD_NONE);
    uint32_t total = write_record(bytes, 10);
    assert_int_equal(record_read(slice_of(bytes, total), lsn + 8, &record), RECORD_NONE);
}

static void end_needs_only_its_header(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_HEADER_BYTES + 64] = {0};
    struct record record;
    record_seal(bytes, RECORD_END, 1, lsn, 64);
    bytes[RECORD_HEADER_BYTES + 5] = 9; /* a leftover */
    assert_int_equal(record_read(slice_of(bytes, sizeof bytes), lsn, &record), RECORD_OK);
    assert_int_equal(record.type, RECORD_END);
    assert_int_equal(record.payload.size, 64);
}

static void segment_names_are_read_back(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, 1, 42, 1u << 31, UINT64_MAX >> SEGMENT_SHIFT};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char name[SEGMENT_NAME_BYTES];
        uint64_t number = 1234;
        segment_name(numbers[i], name);
        assert_int_equal(strlen(name), 24);
        assert_true(segment_number(name, &number));
        assert_true(number == numbers[i]);
    }
}

static void other_names_are_no_segments(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "new.log",
                                        "lock",
                                        "1.log",
                                        "0000000000000000001.log",
                                        "000000000000000000001.log",
                                        "00000000000000000001.log~",
                                        "00000000000000000001.lo",
                                        "-0000000000000000001.log",
                                        "+0000000000000000001.log",
                                        " 0000000000000000001.log",
                                        "99999999999999999999.log"};
    uint64_t number;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (segment_number(names[i], &number))
            fail_msg("%s", names[i]);
}

static void segment_header_is_read_as_it_was_written(void **state)
{
    (void)state;
    static uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct segment_header read;
    struct segment_header header = {.version = 5, .segment = 77, .node_id = "fifteen octets"};
    segment_header_write(bytes, &header);
    assert_int_equal(segment_header_read(bytes, &read), 0);
    assert_int_equal(read.version, 5);
    assert_int_equal(read.segment, 77);
    assert_memory_equal(read.node_id, header.node_id, NODE_ID_BYTES);
    for (uint32_t bit = 0; bit < 44 * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(segment_header_read(bytes, &read), -EINVAL);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_is_read_as_it_was_written),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(cut_record_is_none_or_broken),
        cmocka_unit_test(record_of_another_place_is_none),
        cmocka_unit_test(end_needs_only_its_header),
        cmocka_unit_test(segment_names_are_read_back),
        cmocka_unit_test(other_names_are_no_segments),
        cmocka_unit_test(segment_header_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
