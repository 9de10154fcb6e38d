/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/properties.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "test/unit/amqp/generate.h"

static struct generator generator;

static int start(void **state)
{
    (void)state;
    generator_init(&generator);
    return 0;
}

static int decode(struct slice encoded, struct properties *properties)
{
    memset(properties, 0xA5, sizeof *properties);
    return properties_decode(encoded, properties);
}

static void typical_properties_are_as_written_by_hand(void **state)
{
    (void)state;
    struct properties properties = {.flags = PROPERTY_CONTENT_TYPE | PROPERTY_HEADERS |
                                             PROPERTY_DELIVERY_MODE | PROPERTY_TIMESTAMP,
                                    .content_type = SLICE_LITERAL("text/plain"),
                                    .headers = SLICE_LITERAL("\1kt\1"),
                                    .delivery_mode = 2,
                                    .timestamp = 0x0102};
    struct slice expected = SLICE_LITERAL("\xb0\x40"
                                          "\x0atext/plain"
                                          "\0\0\0\4\1kt\1"
                                          "\2"
                                          "\0\0\0\0\0\0\1\2");
    struct buf out = {0};
    properties_encode(&properties, &out);
    assert_true(slice_equal(buf_slice(&out), expected));
    buf_fini(&out);

    struct properties decoded;
    assert_int_equal(decode(expected, &decoded), METHOD_OK);
    assert_true(properties_are_equal(&properties, &decoded));
}

static void each_property_has_its_flag_and_place(void **state)
{
    (void)state;
    const struct {
        uint16_t flag;
        struct slice encoded;
    } cases[] = {
        {PROPERTY_CONTENT_TYPE, SLICE_LITERAL("\x80\0\1a")},
        {PROPERTY_CONTENT_ENCODING, SLICE_LITERAL("\x40\0\1a")},
        {PROPERTY_HEADERS, SLICE_LITERAL("\x20\0\0\0\0\0")},
        {PROPERTY_DELIVERY_MODE, SLICE_LITERAL("\x10\0\1")},
        {PROPERTY_PRIORITY, SLICE_LITERAL("\x08\0\x09")},
        {PROPERTY_CORRELATION_ID, SLICE_LITERAL("\x04\0\1a")},
        {PROPERTY_REPLY_TO, SLICE_LITERAL("\x02\0\1a")},
        {PROPERTY_EXPIRATION, SLICE_LITERAL("\x01\0\1a")},
        {PROPERTY_MESSAGE_ID, SLICE_LITERAL("\0\x80\1a")},
        {PROPERTY_TIMESTAMP, SLICE_LITERAL("\0\x40\0\0\0\0\0\0\0\1")},
        {PROPERTY_TYPE, SLICE_LITERAL("\0\x20\1a")},
        {PROPERTY_USER_ID, SLICE_LITERAL("\0\x10\1a")},
        {PROPERTY_APP_ID, SLICE_LITERAL("\0\x08\1a")},
        {PROPERTY_CLUSTER_ID, SLICE_LITERAL("\0\x04\1a")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct properties properties;
        assert_int_equal(decode(cases[i].encoded, &properties), METHOD_OK);
        assert_int_equal(properties.flags, cases[i].flag);
        struct buf out = {0};
        properties_encode(&properties, &out);
        assert_true(slice_equal(buf_slice(&out), cases[i].encoded));
        buf_fini(&out);
    }
}

static void absent_properties_are_zero_or_empty(void **state)
{
    (void)state;
    struct properties properties, zero = {0};
    assert_int_equal(decode(SLICE_LITERAL("\0\0"), &properties), METHOD_OK);
    assert_true(properties_are_equal(&properties, &zero));
}

static void random_properties_decode_to_what_was_encoded(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        struct properties properties, decoded;
        generate_properties(&generator, &properties);
        struct buf out = {0};
        properties_encode(&properties, &out);
        uint8_t *copy = exact_copy(buf_slice(&out));
        assert_int_equal(decode(slice_of(copy, out.size), &decoded), METHOD_OK);
        assert_true(properties_are_equal(&properties, &decoded));
        free(copy);
        buf_fini(&out);
        generator_fini(&generator);
    }
}

static void every_truncation_and_any_more_octet_is_refused(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        struct properties properties, decoded;
        generate_properties(&generator, &properties);
        struct buf out = {0};
        properties_encode(&properties, &out);
        for (size_t size = 0; size < out.size; size++) {
            uint8_t *copy = exact_copy(slice_of(out.data, size));
            assert_int_equal(decode(slice_of(copy, size), &decoded), METHOD_TRUNCATED);
            free(copy);
        }
        buf_u8(&out, 0);
        assert_int_equal(decode(buf_slice(&out), &decoded), METHOD_TRAILING);
        buf_fini(&out);
        generator_fini(&generator);
    }
}

static void continuation_flag_is_refused(void **state)
{
    (void)state;
    struct properties properties;
    assert_int_equal(decode(SLICE_LITERAL("\x10\x01\0\0\1"), &properties), METHOD_UNKNOWN);
}

static void flag_without_property_is_dropped(void **state)
{
    (void)state;
    struct properties properties;
    assert_int_equal(decode(SLICE_LITERAL("\x10\x02\1"), &properties), METHOD_OK);
    assert_int_equal(properties.flags, PROPERTY_DELIVERY_MODE);
    assert_int_equal(properties.delivery_mode, 1);
}

static void strings_may_be_any_octets(void **state)
{
    (void)state;
    struct properties properties;
    assert_int_equal(decode(SLICE_LITERAL("\x04\0\3\xff\0\x80"), &properties), METHOD_OK);
    assert_true(slice_equal(properties.correlation_id, SLICE_LITERAL("\xff\0\x80")));
}

static void malformed_headers_are_refused(void **state)
{
    (void)state;
    struct properties properties;
    assert_int_equal(decode(SLICE_LITERAL("\x20\0\0\0\0\3\1kQ"), &properties), METHOD_BAD_TABLE);
    assert_int_equal(decode(SLICE_LITERAL("\x20\0\0\0\0\2\1k"), &properties), METHOD_BAD_TABLE);
    assert_int_equal(decode(SLICE_LITERAL("\x20\0\0\0\0\x09\1kt\1"), &properties),
                     METHOD_TRUNCATED);
}

static void content_header_is_cut_into_its_parts(void **state)
{
    (void)state;
    struct slice payload = SLICE_LITERAL("\0\x3c\0\7\0\0\0\1\0\0\0\2\x10\0\2");
    struct content_header header;
    assert_true(content_header_read(payload, &header));
    assert_int_equal(header.class_id, 60);
    assert_int_equal(header.weight, 7);
    assert_int_equal(header.body_bytes, 0x100000002);
    assert_true(slice_equal(header.properties, SLICE_LITERAL("\x10\0\2")));
    for (size_t size = 0; size < CONTENT_HEADER_BYTES; size++) {
        uint8_t *copy = exact_copy(slice_of(payload.data, size));
        assert_false(content_header_read(slice_of(copy, size), &header));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typical_properties_are_as_written_by_hand),
        cmocka_unit_test(each_property_has_its_flag_and_place),
        cmocka_unit_test(absent_properties_are_zero_or_empty),
        cmocka_unit_test(random_properties_decode_to_what_was_encoded),
        cmocka_unit_test(every_truncation_and_any_more_octet_is_refused),
        cmocka_unit_test(continuation_flag_is_refused),
        cmocka_unit_test(flag_without_property_is_dropped),
        cmocka_unit_test(strings_may_be_any_octets),
        cmocka_unit_test(malformed_headers_are_refused),
        cmocka_unit_test(content_header_is_cut_into_its_parts),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
