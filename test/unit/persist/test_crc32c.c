/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "persist/crc32c.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { BYTES_MAX = 20000, ROUNDS = 3000 };

static uint8_t bytes[BYTES_MAX];
static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(2685821657736338717);
}

static int set_up(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%" PRIu64 "\n", seed);
    random_state = seed | 1;
    for (size_t i = 0; i < BYTES_MAX; i++)
        bytes[i] = (uint8_t)(next_random() >> 40);
    return 0;
}

/* One bit after the other, as the standard writes it down. */
static uint32_t by_bits(uint32_t crc, struct slice of)
{
    crc = ~crc;
    for (size_t i = 0; i < of.size; i++) {
        crc ^= of.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82F63B78) : 0);
    }
    return ~crc;
}

static void assert_both(struct slice of, uint32_t expected)
{
    assert_int_equal(crc32c(0, of), expected);
    assert_int_equal(crc32c_portable(0, of), expected);
}

static void rfc_3720_examples_have_their_checksums(void **state)
{
    (void)state;
    uint8_t example[32];
    memset(example, 0, sizeof example);
    assert_both(slice_of(example, sizeof example), 0x8A9136AA);
    memset(example, 0xFF, sizeof example);
    assert_both(slice_of(example, sizeof example), 0x62A8AB43);
    for (uint8_t i = 0; i < sizeof example; i++)
        example[i] = i;
    assert_both(slice_of(example, sizeof example), 0x46DD794E);
    for (uint8_t i = 0; i < sizeof example; i++)
        example[i] = (uint8_t)(31 - i);
    assert_both(slice_of(example, sizeof example), 0x113FDB5C);
    assert_both(SLICE_LITERAL("123456789"), 0xE3069283);
}

static void nothing_has_checksum_zero_and_changes_none(void **state)
{
    (void)state;
    assert_both(SLICE_EMPTY, 0);
    assert_int_equal(crc32c(0xE3069283, SLICE_EMPTY), 0xE3069283);
    assert_int_equal(crc32c_portable(0xE3069283, SLICE_EMPTY), 0xE3069283);
}

static void each_length_agrees_with_the_definition(void **state)
{
    (void)state;
    for (size_t size = 0; size < 1700; size++) {
        struct slice of = slice_of(bytes + size % 8, size);
        assert_both(of, by_bits(0, of));
    }
}

static void both_agree_at_any_length_alignment_and_start(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t offset = next_random() % 64;
        struct slice of = slice_of(bytes + offset, next_random() % (BYTES_MAX - offset));
        uint32_t start = (uint32_t)next_random();
        assert_int_equal(crc32c(start, of), crc32c_portable(start, of));
    }
}

static void parts_give_the_checksum_of_the_whole(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = next_random() % BYTES_MAX, done = 0;
        uint32_t in_parts = 0, portable_in_parts = 0;
        while (done < size) {
            size_t part = 1 + next_random() % (size - done);
            in_parts = crc32c(in_parts, slice_of(bytes + done, part));
            portable_in_parts = crc32c_portable(portable_in_parts, slice_of(bytes + done, part));
            done += part;
        }
        uint32_t whole = crc32c(0, slice_of(bytes, size));
        assert_int_equal(in_parts, whole);
        assert_int_equal(portable_in_parts, whole);
    }
}

static void any_flipped_bit_changes_the_checksum(void **state)
{
    (void)state;
    enum { SIZE = 900 };
    uint32_t whole = crc32c(0, slice_of(bytes, SIZE));
    for (size_t bit = 0; bit < 8 * SIZE; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(crc32c(0, slice_of(bytes, SIZE)), whole);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

/* Under tsan this also shows that the tables' making is not a race; it must be the first test to
 * use them. */
static void *check_portable(void *result)
{
    *(uint32_t *)result = crc32c_portable(0, SLICE_LITERAL("123456789"));
    return NULL;
}

static void first_uses_may_come_from_several_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    uint32_t results[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_portable, &results[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(results[i], 0xE3069283);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_uses_may_come_from_several_threads),
        cmocka_unit_test(rfc_3720_examples_have_their_checksums),
        cmocka_unit_test(nothing_has_checksum_zero_and_changes_none),
        cmocka_unit_test(each_length_agrees_with_the_definition),
        cmocka_unit_test(both_agree_at_any_length_alignment_and_start),
        cmocka_unit_test(parts_give_the_checksum_of_the_whole),
        cmocka_unit_test(any_flipped_bit_changes_the_checksum),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
