/* SPDX-License-Identifier: Apache-2.0 */
#include "server/base/mem.h"
#include "server/base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void equality_compares_size_and_bytes(void **state)
{
    (void)state;
    assert_true(slice_equal(SLICE_LITERAL("abc"), slice_from_string("abc")));
    assert_false(slice_equal(SLICE_LITERAL("abc"), SLICE_LITERAL("abd")));
    assert_false(slice_equal(SLICE_LITERAL("abc"), SLICE_LITERAL("ab")));
    assert_true(slice_equal(SLICE_EMPTY, SLICE_LITERAL("")));
    assert_false(slice_equal(SLICE_LITERAL("a\0b"), SLICE_LITERAL("a\0c")));
}

static void order_is_that_of_octets_with_the_shorter_first(void **state)
{
    (void)state;
    assert_true(slice_compare(SLICE_LITERAL("a"), SLICE_LITERAL("b")) < 0);
    assert_true(slice_compare(SLICE_LITERAL("\xFF"), SLICE_LITERAL("a")) > 0);
    assert_true(slice_compare(SLICE_LITERAL("ab"), SLICE_LITERAL("abc")) < 0);
    assert_true(slice_compare(SLICE_LITERAL("b"), SLICE_LITERAL("abc")) > 0);
    assert_true(slice_compare(SLICE_EMPTY, SLICE_LITERAL("a")) < 0);
    assert_int_equal(slice_compare(SLICE_EMPTY, SLICE_LITERAL("")), 0);
}

static void every_slice_starts_with_the_empty_one(void **state)
{
    (void)state;
    assert_true(slice_starts_with(SLICE_LITERAL("amq.direct"), SLICE_LITERAL("amq.")));
    assert_false(slice_starts_with(SLICE_LITERAL("amq"), SLICE_LITERAL("amq.")));
    assert_true(slice_starts_with(SLICE_LITERAL("amq"), SLICE_EMPTY));
    assert_true(slice_starts_with(SLICE_EMPTY, SLICE_EMPTY));
}

static void dup_owns_its_bytes_and_keeps_empty_empty(void **state)
{
    (void)state;
    char source[] = "wire";
    struct slice copy = slice_dup(slice_of(source, 4));
    source[0] = 'f';
    assert_true(slice_equal(copy, SLICE_LITERAL("wire")));
    mem_free((void *)(uintptr_t)copy.data);
    struct slice none = slice_dup(slice_of(source, 0));
    assert_null(none.data);
    assert_int_equal(none.size, 0);
}

static void utf8_boundaries_of_rfc_3629_are_kept(void **state)
{
    static const struct {
        struct slice text;
        bool good;
    } cases[] = {
        {SLICE_LITERAL(""), true},
        {SLICE_LITERAL("plain ASCII, longer than eight bytes"), true},
        {SLICE_LITERAL("\0"), true},
        {SLICE_LITERAL("\x7F"), true},
        {SLICE_LITERAL("\x80"), false},
        {SLICE_LITERAL("\xC1\xBF"), false},         /* overlong */
        {SLICE_LITERAL("\xC2\x80"), true},          /* U+0080 */
        {SLICE_LITERAL("\xDF\xBF"), true},          /* U+07FF */
        {SLICE_LITERAL("\xE0\x9F\xBF"), false},     /* overlong */
        {SLICE_LITERAL("\xE0\xA0\x80"), true},      /* U+0800 */
        {SLICE_LITERAL("\xED\x9F\xBF"), true},      /* U+D7FF */
        {SLICE_LITERAL("\xED\xA0\x80"), false},     /* a surrogate */
        {SLICE_LITERAL("\xEE\x80\x80"), true},      /* U+E000 */
        {SLICE_LITERAL("\xEF\xBF\xBF"), true},      /* U+FFFF */
        {SLICE_LITERAL("\xF0\x8F\xBF\xBF"), false}, /* overlong */
        {SLICE_LITERAL("\xF0\x90\x80\x80"), true},  /* U+10000 */
        {SLICE_LITERAL("\xF4\x8F\xBF\xBF"), true},  /* U+10FFFF */
        {SLICE_LITERAL("\xF4\x90\x80\x80"), false}, /* past the end */
        {SLICE_LITERAL("\xF5\x80\x80\x80"), false},
        {SLICE_LITERAL("\xFF"), false},
        {SLICE_LITERAL("\xC2"), false}, /* cut */
        {SLICE_LITERAL("\xE2\x82"), false},
        {SLICE_LITERAL("\xF0\x9F\x90"), false},
        {SLICE_LITERAL("\xE2\x82\x41"), false},
        {SLICE_LITERAL("\xF0\x9F\x90\x41"), false},
        {SLICE_LITERAL("12345678\xE2\x82\xAC"), true}, /* behind a run of eight */
        {SLICE_LITERAL("12345678\xE2\x82"), false},
        {SLICE_LITERAL("1234567\xFF"), false},
        {SLICE_LITERAL("123456789012345\xFF"), false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (slice_is_utf8(cases[i].text) != cases[i].good)
            fail_msg("case %zu", i);
}

static size_t encode(uint32_t point, uint8_t to[4])
{
    if (point < 0x80) {
        to[0] = (uint8_t)point;
        return 1;
    }
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--, point >>= 6)
        to[i] = (uint8_t)(0x80 | (point & 0x3F));
    to[0] = (uint8_t)(leads[size] | point);
    return size;
}

static void utf8_of_every_code_point_is_accepted_but_surrogates(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        uint8_t text[4];
        bool surrogate = point >= 0xD800 && point <= 0xDFFF;
        if (slice_is_utf8(slice_of(text, encode(point, text))) == surrogate)
            fail_msg("U+%04X", (unsigned)point);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_compares_size_and_bytes),
        cmocka_unit_test(order_is_that_of_octets_with_the_shorter_first),
        cmocka_unit_test(every_slice_starts_with_the_empty_one),
        cmocka_unit_test(dup_owns_its_bytes_and_keeps_empty_empty),
        cmocka_unit_test(utf8_boundaries_of_rfc_3629_are_kept),
        cmocka_unit_test(utf8_of_every_code_point_is_accepted_but_surrogates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
