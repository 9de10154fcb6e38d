/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "amqp/table.h"
#include "server/base/buf.h"

static const uint8_t salt[USER_SALT_BYTES] = {0x90, 0x8D, 0xC6, 0x0A};

static struct user *user_with(const char *password)
{
    struct user *user = user_new(SLICE_LITERAL("me"));
    user_set_password(user, slice_from_string(password), salt);
    return user;
}

static void only_the_whole_password_is_right(void **state)
{
    (void)state;
    struct user *user = user_with("secret");
    assert_true(slice_equal(user->name, SLICE_LITERAL("me")));
    assert_true(user_has_password(user, SLICE_LITERAL("secret")));
    assert_false(user_has_password(user, SLICE_LITERAL("secre")));
    assert_false(user_has_password(user, SLICE_LITERAL("secret ")));
    assert_false(user_has_password(user, SLICE_LITERAL("Secret")));
    assert_false(user_has_password(user, SLICE_EMPTY));
    user_unref(user);
}

/* The example in RabbitMQ's documentation on passwords: salt 908DC60A, password test12. */
static void the_hash_is_rabbitmqs(void **state)
{
    (void)state;
    struct user *user = user_with("test12");
    uint8_t text[CRYPTO_BASE64_CHARS(USER_HASH_BYTES_MAX)];
    struct slice base64 = crypto_base64(text, user->password_hash);
    assert_true(
        slice_equal(base64, SLICE_LITERAL("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR")));
    user_unref(user);
}

static void expect_password(enum crypto_hash hashing, const char *base64)
{
    uint8_t bytes[USER_HASH_BYTES_MAX];
    struct user *user = user_new(SLICE_LITERAL("me"));
    struct slice hash = crypto_base64_decode(bytes, slice_from_string(base64));
    assert_non_null(hash.data);
    user_set_password_hash(user, hashing, hash);
    assert_true(user_has_password(user, SLICE_LITERAL("test12")));
    assert_false(user_has_password(user, SLICE_LITERAL("test13")));
    user_unref(user);
}

static void imported_hashes_of_all_algorithms_are_understood(void **state)
{
    (void)state;
    expect_password(CRYPTO_SHA256, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
    expect_password(CRYPTO_SHA512, "kI3GChuNuIYf8lRbCCxZjgjKwsY19ns6+uFO0zcXRBGA/XGJPYD8OWMy7EB8"
                                   "TaOmAzjP2azv84GbINYwX2cDWb4DHnc=");
    expect_password(CRYPTO_MD5, "kI3GChNpte2FApYFXScl+0dIluk=");
}

static void hash_that_is_too_short_fits_no_password(void **state)
{
    (void)state;
    struct user *user = user_new(SLICE_LITERAL("me"));
    assert_false(user_has_password(user, SLICE_EMPTY));
    user_set_password_hash(user, CRYPTO_SHA256, slice_of(salt, 3));
    assert_false(user_has_password(user, SLICE_EMPTY));
    user_set_password_hash(user, CRYPTO_SHA256, slice_of(salt, 4));
    assert_false(user_has_password(user, SLICE_EMPTY));
    user_unref(user);
}

static void nobody_logs_in_with_an_empty_password(void **state)
{
    (void)state;
    struct user *user = user_with("");
    assert_false(user_has_password(user, SLICE_EMPTY));
    assert_false(user_has_password(user, SLICE_LITERAL("\0")));
    user_unref(user);
}

static void the_salt_makes_equal_passwords_differ(void **state)
{
    (void)state;
    static const uint8_t other_salt[USER_SALT_BYTES] = {1, 2, 3, 4};
    struct user *one = user_with("same"), *other = user_new(SLICE_LITERAL("other"));
    user_set_password(other, SLICE_LITERAL("same"), other_salt);
    assert_false(slice_equal(one->password_hash, other->password_hash));
    user_unref(one);
    user_unref(other);
}

static void known_tags_are_bits_and_others_are_kept(void **state)
{
    (void)state;
    struct buf tags = {0};
    struct user *user = user_new(SLICE_LITERAL("me"));
    static const char *const names[] = {"monitoring", "free", "impersonator"};
    for (size_t i = 0; i < 3; i++)
        table_put_item(&tags, &(struct table_value){.type = TABLE_LONGSTR,
                                                    .bytes = slice_from_string(names[i])});
    size_t longstrs = tags.size;
    table_put_item(&tags, &(struct table_value){.type = TABLE_BOOL, .boolean = true});
    user_set_tags(user, buf_slice(&tags));
    assert_int_equal(user->tag_bits, USER_MONITORING | USER_IMPERSONATOR);
    assert_true(slice_equal(user->tags, slice_of(tags.data, longstrs)));
    user_set_tags(user, SLICE_EMPTY);
    assert_int_equal(user->tag_bits, 0);
    assert_int_equal(user->tags.size, 0);
    buf_fini(&tags);
    user_unref(user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_whole_password_is_right),
        cmocka_unit_test(the_hash_is_rabbitmqs),
        cmocka_unit_test(imported_hashes_of_all_algorithms_are_understood),
        cmocka_unit_test(hash_that_is_too_short_fits_no_password),
        cmocka_unit_test(nobody_logs_in_with_an_empty_password),
        cmocka_unit_test(the_salt_makes_equal_passwords_differ),
        cmocka_unit_test(known_tags_are_bits_and_others_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
