/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct message *make(const char *exchange, const char *key, struct slice properties,
                            const char *body)
{
    uint32_t size = (uint32_t)strlen(body);
    struct message *message = message_new(slice_from_string(exchange), slice_from_string(key),
                                          properties, size, size);
    assert_non_null(message);
    memcpy(message_body(message), body, size);
    message_seal(message);
    return message;
}

static void assert_image(const struct message *message, const char *expected, size_t size)
{
    assert_int_equal(message_image_bytes(message), size);
    assert_memory_equal(message->image, expected, size);
}

static void the_image_is_what_follows_a_delivers_redelivered_bit(void **state)
{
    (void)state;
    static const char properties[] = "\x10\x00\x02"; /* delivery-mode 2 */
    static const char expected[] = "\x01"
                                   "x"
                                   "\x03"
                                   "a.b"
                                   "\xce"
                                   "\x02\x00\x00\x00\x00\x00\x0f"
                                   "\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05"
                                   "\x10\x00\x02"
                                   "\xce"
                                   "\x03\x00\x00\x00\x00\x00\x05"
                                   "hello"
                                   "\xce";
    struct message *message = make("x", "a.b", slice_of(properties, 3), "hello");
    assert_image(message, expected, sizeof expected - 1);
    assert_true(slice_equal(message_exchange(message), SLICE_LITERAL("x")));
    assert_true(slice_equal(message_routing_key(message), SLICE_LITERAL("a.b")));
    assert_true(slice_equal(message_properties(message), slice_of(properties, 3)));
    assert_memory_equal(message_body(message), "hello", 5);
    assert_int_equal(message->lsn, 0);
    assert_int_equal(message->flags, 0);
    message_unref(message);
}

static void an_empty_body_has_no_body_frame(void **state)
{
    (void)state;
    static const char expected[] = "\x00"
                                   "\x01"
                                   "q"
                                   "\xce"
                                   "\x02\x00\x00\x00\x00\x00\x0e"
                                   "\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                                   "\x00\x00"
                                   "\xce";
    struct message *message = make("", "q", SLICE_LITERAL("\0\0"), "");
    assert_image(message, expected, sizeof expected - 1);
    assert_ptr_equal(message_body(message), message->image + message_image_bytes(message));
    message_unref(message);
}

static void the_longest_names_fit(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    struct message *message = make(name, name, SLICE_LITERAL("\0\0"), "b");
    assert_int_equal(message_names_bytes(message), 512);
    assert_int_equal(message->image[0], 255);
    assert_int_equal(message->image[256], 255);
    assert_int_equal(message->image[512], 0xCE);
    assert_int_equal(message->image[message_header_at(message)], 2);
    assert_int_equal(message->image[message_body_frame_at(message)], 3);
    assert_int_equal(message_body(message)[1], 0xCE);
    message_unref(message);
}

static void a_body_that_gets_room_bit_by_bit_ends_up_the_same(void **state)
{
    (void)state;
    enum { SIZE = 10000 };
    struct message *whole = message_new(SLICE_LITERAL("x"), SLICE_LITERAL("k"),
                                        SLICE_LITERAL("\0\0"), SIZE, SIZE);
    struct message *grown = message_new(SLICE_LITERAL("x"), SLICE_LITERAL("k"),
                                        SLICE_LITERAL("\0\0"), SIZE, 1);
    assert_non_null(whole);
    assert_non_null(grown);
    for (uint32_t i = 0; i < SIZE; i++) {
        message_body(whole)[i] = (uint8_t)(i * 7);
        if ((i & (i - 1)) == 0) { /* room for twice as much at each power of two */
            grown = message_widen(grown, i == 0 ? 1 : i * 2 < SIZE ? i * 2 : SIZE);
            assert_non_null(grown);
        }
        message_body(grown)[i] = (uint8_t)(i * 7);
    }
    message_seal(whole);
    message_seal(grown);
    assert_int_equal(message_image_bytes(grown), message_image_bytes(whole));
    assert_memory_equal(grown->image, whole->image, message_image_bytes(whole));
    message_unref(whole);
    message_unref(grown);
}

static void a_copy_with_other_properties_differs_in_nothing_else(void **state)
{
    (void)state;
    struct message *message = make("x", "key", SLICE_LITERAL("\0\0"), "the body");
    message->flags = MESSAGE_PERSISTENT | MESSAGE_INSPECT;
    message->lsn = 17;
    struct properties properties = {.flags = PROPERTY_DELIVERY_MODE | PROPERTY_REPLY_TO,
                                    .delivery_mode = 2,
                                    .reply_to = SLICE_LITERAL("somewhere")};
    struct message *copy = message_with_properties(message, &properties);
    assert_non_null(copy);
    struct message *expected = make("x", "key",
                                    SLICE_LITERAL("\x12\x00"
                                                  "\x02\x09"
                                                  "somewhere"),
                                    "the body");
    assert_image(copy, (const char *)expected->image, message_image_bytes(expected));
    assert_int_equal(copy->flags, message->flags);
    assert_int_equal(copy->lsn, 0); /* it is not in the store yet */
    assert_int_equal(copy->references, 1);
    message_unref(message);
    message_unref(copy);
    message_unref(expected);
}

static void each_holder_counts(void **state)
{
    (void)state;
    struct message *message = make("x", "k", SLICE_LITERAL("\0\0"), "b");
    message_ref(message);
    message_ref(message);
    assert_int_equal(message->references, 3);
    message_unref(message);
    message_unref(message);
    assert_int_equal(message->references, 1);
    message_unref(message); /* frees: the address sanitizer's leak check is the assertion */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_is_what_follows_a_delivers_redelivered_bit),
        cmocka_unit_test(an_empty_body_has_no_body_frame),
        cmocka_unit_test(the_longest_names_fit),
        cmocka_unit_test(a_body_that_gets_room_bit_by_bit_ends_up_the_same),
        cmocka_unit_test(a_copy_with_other_properties_differs_in_nothing_else),
        cmocka_unit_test(each_holder_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
