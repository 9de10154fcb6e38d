/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t salt[USER_SALT_BYTES] = {0x90, 0x8D, 0xC6, 0x0A};

static void only_the_whole_password_is_right(void **state)
{
    (void)state;
    struct user *user = user_new(SLICE_LITERAL("me"), SLICE_LITERAL("secret"), salt);
    assert_true(slice_equal(user->name, SLICE_LITERAL("me")));
    assert_true(user_has_password(user, SLICE_LITERAL("secret")));
    assert_false(user_has_password(user, SLICE_LITERAL("secre")));
    assert_false(user_has_password(user, SLICE_LITERAL("secret ")));
    assert_false(user_has_password(user, SLICE_LITERAL("Secret")));
    assert_false(user_has_password(user, SLICE_EMPTY));
    user_free(user);
}

/* The example in RabbitMQ's documentation on passwords: salt 908DC60A, password test12. */
static void the_hash_is_rabbitmqs(void **state)
{
    (void)state;
    static const uint8_t expected[CRYPTO_SHA256_BYTES] = {
        0xA5, 0xB9, 0x24, 0xB3, 0x09, 0x6B, 0x88, 0x97, 0xD6, 0x5A, 0x3B,
        0x5F, 0x80, 0xFA, 0x5D, 0xB6, 0x2A, 0x94, 0xB8, 0x31, 0x22, 0xCD,
        0xF4, 0xF8, 0xFE, 0xAD, 0x10, 0xD5, 0x15, 0xD8, 0xF3, 0x91};
    struct user *user = user_new(SLICE_LITERAL("me"), SLICE_LITERAL("test12"), salt);
    assert_memory_equal(user->hash, expected, sizeof expected);
    user_free(user);
}

static void an_empty_password_is_a_password(void **state)
{
    (void)state;
    struct user *user = user_new(SLICE_LITERAL("me"), SLICE_EMPTY, salt);
    assert_true(user_has_password(user, SLICE_EMPTY));
    assert_false(user_has_password(user, SLICE_LITERAL("\0")));
    user_free(user);
}

static void the_salt_makes_equal_passwords_differ(void **state)
{
    (void)state;
    static const uint8_t other_salt[USER_SALT_BYTES] = {1, 2, 3, 4};
    struct user *one = user_new(SLICE_LITERAL("one"), SLICE_LITERAL("same"), salt);
    struct user *other = user_new(SLICE_LITERAL("other"), SLICE_LITERAL("same"), other_salt);
    assert_memory_not_equal(one->hash, other->hash, CRYPTO_SHA256_BYTES);
    user_free(one);
    user_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_whole_password_is_right),
        cmocka_unit_test(the_hash_is_rabbitmqs),
        cmocka_unit_test(an_empty_password_is_a_password),
        cmocka_unit_test(the_salt_makes_equal_passwords_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
