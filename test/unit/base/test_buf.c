/* SPDX-License-Identifier: Apache-2.0 */
#include "server/base/buf.h"
#include "server/base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void numbers_are_appended_big_endian(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                       0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F};
    struct buf buf = {0};
    buf_u8(&buf, 0x01);
    buf_u16(&buf, 0x0203);
    buf_u32(&buf, 0x04050607);
    buf_u64(&buf, UINT64_C(0x08090A0B0C0D0E0F));
    assert_true(slice_equal(buf_slice(&buf), slice_of(expected, sizeof expected)));
    buf_fini(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.size, 0);
}

static void content_survives_growth(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct buf buf;
    buf_init(&buf);
    for (uint32_t i = 0; i < COUNT; i++)
        buf_u32(&buf, i);
    struct cursor cursor = cursor_of(buf_slice(&buf));
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(cursor_u32(&cursor), i);
    assert_int_equal(cursor_left(&cursor), 0);
    assert_false(cursor.failed);
    buf_fini(&buf);
}

static void reserve_gives_the_room_asked_for_and_at_least_doubles(void **state)
{
    (void)state;
    struct buf buf = {0};
    memset(buf_reserve(&buf, 1000), 'x', 1000);
    buf.size += 1000;
    size_t before = buf.capacity;
    assert_true(before >= 1000);
    memset(buf_reserve(&buf, before - 1000 + 1), 'y', before - 1000 + 1);
    assert_true(buf.capacity >= 2 * before);
    assert_int_equal(buf.size, 1000);
    assert_int_equal(buf.data[999], 'x');
    buf_fini(&buf);
}

static void empty_slices_append_nothing(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_bytes(&buf, SLICE_EMPTY);
    assert_null(buf.data);
    buf_bytes(&buf, SLICE_LITERAL("ab"));
    buf_bytes(&buf, SLICE_EMPTY);
    assert_true(slice_equal(buf_slice(&buf), SLICE_LITERAL("ab")));
    buf_fini(&buf);
}

static void printf_appends_texts_of_any_length_without_terminator(void **state)
{
    (void)state;
    /* Lengths around each growth of the buffer, where the terminator just does not fit. */
    for (int length = 0; length < 300; length++) {
        struct buf buf = {0};
        buf_printf(&buf, "%s", "start:");
        buf_printf(&buf, "%0*d", length, 7);
        buf_printf(&buf, "%s", "");
        size_t digits = length == 0 ? 1 : (size_t)length;
        assert_int_equal(buf.size, 6 + digits);
        assert_true(slice_starts_with(buf_slice(&buf), SLICE_LITERAL("start:")));
        assert_int_equal(buf.data[buf.size - 1], '7');
        for (size_t i = 6; i < buf.size - 1; i++)
            assert_int_equal(buf.data[i], '0');
        buf_fini(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_appended_big_endian),
        cmocka_unit_test(content_survives_growth),
        cmocka_unit_test(reserve_gives_the_room_asked_for_and_at_least_doubles),
        cmocka_unit_test(empty_slices_append_nothing),
        cmocka_unit_test(printf_appends_texts_of_any_length_without_terminator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
