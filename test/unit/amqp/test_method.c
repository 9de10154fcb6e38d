/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/method.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "amqp/frame.h"
#include "test/unit/amqp/generate.h"

static struct generator generator;

static int start(void **state)
{
    (void)state;
    generator_init(&generator);
    return 0;
}

static int decode(struct slice payload, struct method *method)
{
    memset(method, 0xA5, sizeof *method);
    return method_decode(payload, method);
}

/* Is METHOD's frame on channel 1 made of exactly these octets, and do they decode to METHOD? */
static void assert_frame(const struct method *method, struct slice expected)
{
    struct buf out = {0};
    method_encode_frame(1, method, &out);
    assert_int_equal(out.size, expected.size);
    assert_memory_equal(out.data, expected.data, expected.size);
    buf_fini(&out);

    struct frame frame;
    assert_int_equal(frame_read(expected, 0, &frame), FRAME_OK);
    assert_int_equal(frame.type, FRAME_METHOD);
    assert_int_equal(frame.channel, 1);
    struct method decoded;
    assert_int_equal(decode(frame.payload, &decoded), METHOD_OK);
    assert_true(methods_are_equal(method, &decoded));
}

static void basic_publish_is_as_written_by_hand(void **state)
{
    (void)state;
    struct method method = {.id = METHOD_BASIC_PUBLISH,
                            .basic_publish = {.exchange = SLICE_LITERAL("logs"),
                                              .routing_key = SLICE_LITERAL("a.b"),
                                              .mandatory = true}};
    assert_frame(&method, SLICE_LITERAL("\x01\0\1\0\0\0\x10"
                                        "\0\x3c\0\x28"
                                        "\0\0"
                                        "\4logs"
                                        "\3a.b"
                                        "\1"
                                        "\xCE"));
}

static void queue_declare_is_as_written_by_hand(void **state)
{
    (void)state;
    struct method method = {.id = METHOD_QUEUE_DECLARE,
                            .queue_declare = {.ticket = 0x1234,
                                              .queue = SLICE_LITERAL("q"),
                                              .durable = true,
                                              .auto_delete = true,
                                              .arguments = SLICE_LITERAL("\1xt\1")}};
    assert_frame(&method, SLICE_LITERAL("\x01\0\1\0\0\0\x11"
                                        "\0\x32\0\x0a"
                                        "\x12\x34"
                                        "\1q"
                                        "\x0a"
                                        "\0\0\0\4\1xt\1"
                                        "\xCE"));
}

static void connection_tune_is_as_written_by_hand(void **state)
{
    (void)state;
    struct method method = {
        .id = METHOD_CONNECTION_TUNE,
        .connection_tune = {.channel_max = 2047, .frame_max = 131072, .heartbeat = 60}};
    assert_frame(&method, SLICE_LITERAL("\x01\0\1\0\0\0\x0c"
                                        "\0\x0a\0\x1e"
                                        "\x07\xff"
                                        "\0\2\0\0"
                                        "\0\x3c"
                                        "\xCE"));
}

static void connection_start_ok_is_as_written_by_hand(void **state)
{
    (void)state;
    struct method method = {
        .id = METHOD_CONNECTION_START_OK,
        .connection_start_ok = {.client_properties = SLICE_LITERAL("\1pS\0\0\0\1z"),
                                .mechanism = SLICE_LITERAL("PLAIN"),
                                .response = SLICE_LITERAL("\0u\0p"),
                                .locale = SLICE_LITERAL("en_US")}};
    assert_frame(&method, SLICE_LITERAL("\x01\0\1\0\0\0\x24"
                                        "\0\x0a\0\x0b"
                                        "\0\0\0\x08\1pS\0\0\0\1z"
                                        "\5PLAIN"
                                        "\0\0\0\4\0u\0p"
                                        "\5en_US"
                                        "\xCE"));
}

static void basic_nack_is_as_written_by_hand(void **state)
{
    (void)state;
    struct method method = {
        .id = METHOD_BASIC_NACK,
        .basic_nack = {.delivery_tag = 0x0102030405060708, .multiple = false, .requeue = true}};
    assert_frame(&method, SLICE_LITERAL("\x01\0\1\0\0\0\x0d"
                                        "\0\x3c\0\x78"
                                        "\1\2\3\4\5\6\7\x08"
                                        "\2"
                                        "\xCE"));
}

static void basic_deliver_is_as_written_by_hand(void **state)
{
    (void)state;
    struct method method = {.id = METHOD_BASIC_DELIVER,
                            .basic_deliver = {.consumer_tag = SLICE_LITERAL("t"),
                                              .delivery_tag = 258,
                                              .redelivered = true,
                                              .routing_key = SLICE_LITERAL("\xff")}};
    assert_frame(&method, SLICE_LITERAL("\x01\0\1\0\0\0\x12"
                                        "\0\x3c\0\x3c"
                                        "\1t"
                                        "\0\0\0\0\0\0\1\2"
                                        "\1"
                                        "\0"
                                        "\1\xff"
                                        "\xCE"));
}

static void method_without_fields_is_its_numbers_alone(void **state)
{
    (void)state;
    struct method method = {.id = METHOD_TX_COMMIT_OK};
    assert_frame(&method, SLICE_LITERAL("\x01\0\1\0\0\0\4\0\x5a\0\x15\xCE"));
}

static void adjacent_bits_share_an_octet_from_the_lowest_up(void **state)
{
    (void)state;
    uint8_t payload[] = {0, 30, 0, 10, 1, 'r', 0};
    for (unsigned bits = 0; bits < 256; bits++) {
        payload[6] = (uint8_t)bits;
        struct method method;
        assert_int_equal(decode(slice_of(payload, sizeof payload), &method), METHOD_OK);
        assert_int_equal(method.access_request.exclusive, bits & 1);
        assert_int_equal(method.access_request.passive, bits >> 1 & 1);
        assert_int_equal(method.access_request.active, bits >> 2 & 1);
        assert_int_equal(method.access_request.write, bits >> 3 & 1);
        assert_int_equal(method.access_request.read, bits >> 4 & 1);

        struct buf out = {0};
        method_encode(&method, &out);
        assert_int_equal(out.data[6], bits & 0x1f);
        buf_fini(&out);
    }
}

static void every_method_decodes_to_what_was_encoded(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        for (enum method_id id = METHOD_NONE + 1; id < METHOD_ID_COUNT; id++) {
            struct method method, decoded;
            generate_method(&generator, id, &method);
            struct buf out = {0};
            buf_u8(&out, 0x77); /* what is there stays */
            method_encode(&method, &out);
            assert_int_equal(out.data[0], 0x77);
            uint8_t *copy = exact_copy(slice_of(out.data + 1, out.size - 1));
            assert_int_equal(decode(slice_of(copy, out.size - 1), &decoded), METHOD_OK);
            assert_true(methods_are_equal(&method, &decoded));
            free(copy);
            buf_fini(&out);
            generator_fini(&generator);
        }
    }
}

static void every_truncation_of_every_method_is_refused(void **state)
{
    (void)state;
    for (enum method_id id = METHOD_NONE + 1; id < METHOD_ID_COUNT; id++) {
        struct method method, decoded;
        generate_method(&generator, id, &method);
        struct buf out = {0};
        method_encode(&method, &out);
        for (size_t size = 0; size < out.size; size++) {
            uint8_t *copy = exact_copy(slice_of(out.data, size));
            assert_int_equal(decode(slice_of(copy, size), &decoded), METHOD_TRUNCATED);
            assert_int_equal(decoded.id, size < 4 ? METHOD_NONE : id);
            free(copy);
        }
        buf_fini(&out);
        generator_fini(&generator);
    }
}

static void octets_behind_the_last_field_are_refused(void **state)
{
    (void)state;
    for (enum method_id id = METHOD_NONE + 1; id < METHOD_ID_COUNT; id++) {
        struct method method, decoded;
        generate_method(&generator, id, &method);
        struct buf out = {0};
        method_encode(&method, &out);
        buf_u8(&out, 0);
        assert_int_equal(decode(buf_slice(&out), &decoded), METHOD_TRAILING);
        assert_int_equal(decoded.id, id);
        buf_fini(&out);
        generator_fini(&generator);
    }
}

static void numbers_that_name_no_method_are_unknown(void **state)
{
    (void)state;
    unsigned found = 0;
    for (unsigned class_id = 0; class_id < 300; class_id++) {
        for (unsigned method_id = 0; method_id < 300; method_id++) {
            enum method_id id = method_find((uint16_t)class_id, (uint16_t)method_id);
            found += id != METHOD_NONE;
            if (id == METHOD_NONE) {
                uint8_t payload[] = {(uint8_t)(class_id >> 8), (uint8_t)class_id,
                                     (uint8_t)(method_id >> 8), (uint8_t)method_id};
                struct method method;
                assert_int_equal(decode(slice_of(payload, sizeof payload), &method),
                                 METHOD_UNKNOWN);
                assert_int_equal(method.id, METHOD_NONE);
            }
        }
    }
    assert_int_equal(found, METHOD_ID_COUNT - 1);
    assert_int_equal(method_find(65535, 65535), METHOD_NONE);
}

static void method_infos_agree_with_find_and_with_each_other(void **state)
{
    (void)state;
    for (enum method_id id = METHOD_NONE + 1; id < METHOD_ID_COUNT; id++) {
        const struct method_info *info = &method_infos[id];
        assert_int_equal(method_find(info->class_id, info->method_id), id);
        assert_non_null(strchr(info->name, '.'));
        assert_true(info->sender == METHOD_SENDER_SERVER || info->phase != METHOD_PHASE_NEVER ||
                    id == METHOD_CONNECTION_SECURE_OK);
        if (info->reply != METHOD_NONE)
            assert_int_equal(method_infos[info->reply].class_id, info->class_id);
    }
    const struct method_info *publish = &method_infos[METHOD_BASIC_PUBLISH];
    assert_string_equal(publish->name, "basic.publish");
    assert_true(publish->has_content);
    assert_int_equal(publish->sender, METHOD_SENDER_CLIENT);
    assert_int_equal(publish->phase, METHOD_PHASE_CHANNEL_OPEN);
    assert_int_equal(publish->reply, METHOD_NONE);
    assert_int_equal(method_infos[METHOD_QUEUE_DECLARE].reply, METHOD_QUEUE_DECLARE_OK);
}

static void short_string_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    struct method method;
    for (size_t size = 1; size <= 40; size++) {
        for (size_t place = 0; place < size; place++) {
            struct buf out = {0};
            buf_bytes(&out, SLICE_LITERAL("\0\x3c\0\x46\0\0")); /* basic.get, ticket */
            buf_u8(&out, (uint8_t)size);
            for (size_t i = 0; i < size; i++)
                buf_u8(&out, i == place ? 0xff : 'q');
            buf_u8(&out, 0);
            uint8_t *copy = exact_copy(buf_slice(&out));
            assert_int_equal(decode(slice_of(copy, out.size), &method), METHOD_BAD_UTF8);
            assert_int_equal(method.id, METHOD_BASIC_GET);
            free(copy);
            buf_fini(&out);
        }
    }
}

static void basic_publish_takes_names_of_any_octets(void **state)
{
    (void)state;
    struct method method;
    assert_int_equal(decode(SLICE_LITERAL("\0\x3c\0\x28\0\0\1\xff\2\xc0\x80\0"), &method),
                     METHOD_OK);
    assert_true(slice_equal(method.basic_publish.routing_key, SLICE_LITERAL("\xc0\x80")));
}

static void malformed_table_is_refused(void **state)
{
    (void)state;
    struct method method;
    struct slice unknown_letter = SLICE_LITERAL("\0\x32\0\x0a\0\0\1q\0\0\0\0\4\1xZ\1");
    assert_int_equal(decode(unknown_letter, &method), METHOD_BAD_TABLE);
    assert_int_equal(method.id, METHOD_QUEUE_DECLARE);
    struct slice cut_inside = SLICE_LITERAL("\0\x32\0\x0a\0\0\1q\0\0\0\0\4\1xI\1");
    assert_int_equal(decode(cut_inside, &method), METHOD_BAD_TABLE);
    struct slice longer_than_payload = SLICE_LITERAL("\0\x32\0\x0a\0\0\1q\0\xff\xff\xff\xff\1xt\1");
    assert_int_equal(decode(longer_than_payload, &method), METHOD_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_publish_is_as_written_by_hand),
        cmocka_unit_test(queue_declare_is_as_written_by_hand),
        cmocka_unit_test(connection_tune_is_as_written_by_hand),
        cmocka_unit_test(connection_start_ok_is_as_written_by_hand),
        cmocka_unit_test(basic_nack_is_as_written_by_hand),
        cmocka_unit_test(basic_deliver_is_as_written_by_hand),
        cmocka_unit_test(method_without_fields_is_its_numbers_alone),
        cmocka_unit_test(adjacent_bits_share_an_octet_from_the_lowest_up),
        cmocka_unit_test(every_method_decodes_to_what_was_encoded),
        cmocka_unit_test(every_truncation_of_every_method_is_refused),
        cmocka_unit_test(octets_behind_the_last_field_are_refused),
        cmocka_unit_test(numbers_that_name_no_method_are_unknown),
        cmocka_unit_test(method_infos_agree_with_find_and_with_each_other),
        cmocka_unit_test(short_string_that_is_not_utf8_is_refused),
        cmocka_unit_test(basic_publish_takes_names_of_any_octets),
        cmocka_unit_test(malformed_table_is_refused),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
