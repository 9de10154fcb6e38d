/* SPDX-License-Identifier: Apache-2.0 */
#include "server/base/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_digest(struct slice a, struct slice b, const char *expected)
{
    uint8_t digest[CRYPTO_SHA256_BYTES];
    char text[2 * CRYPTO_SHA256_BYTES + 1];
    crypto_sha256(a, b, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, expected);
}

/* The values of FIPS 180-2, appendix B. */
static void sha256_gives_the_standards_values_wherever_it_is_split(void **state)
{
    (void)state;
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_digest(SLICE_LITERAL("abc"), SLICE_EMPTY, abc);
    assert_digest(SLICE_LITERAL("a"), SLICE_LITERAL("bc"), abc);
    assert_digest(SLICE_EMPTY, SLICE_LITERAL("abc"), abc);
    assert_digest(SLICE_EMPTY, SLICE_EMPTY,
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(SLICE_LITERAL("abcdbcdecdefdefgefghfghighijhi"),
                  SLICE_LITERAL("jkijkljklmklmnlmnomnopnopq"),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void equal_compares_bytes_and_sizes(void **state)
{
    (void)state;
    assert_true(crypto_equal(SLICE_LITERAL("secret"), SLICE_LITERAL("secret")));
    assert_false(crypto_equal(SLICE_LITERAL("secret"), SLICE_LITERAL("secreT")));
    assert_false(crypto_equal(SLICE_LITERAL("secret"), SLICE_LITERAL("secre")));
    assert_true(crypto_equal(SLICE_EMPTY, SLICE_LITERAL("")));
}

/* RFC 4648 section 10, and the two characters in which the URL-safe alphabet differs. */
static void tokens_are_url_safe_base64_without_padding(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes, text;
    } cases[] = {
        {SLICE_LITERAL(""), SLICE_LITERAL("")},
        {SLICE_LITERAL("f"), SLICE_LITERAL("Zg")},
        {SLICE_LITERAL("fo"), SLICE_LITERAL("Zm8")},
        {SLICE_LITERAL("foo"), SLICE_LITERAL("Zm9v")},
        {SLICE_LITERAL("foob"), SLICE_LITERAL("Zm9vYg")},
        {SLICE_LITERAL("fooba"), SLICE_LITERAL("Zm9vYmE")},
        {SLICE_LITERAL("foobar"), SLICE_LITERAL("Zm9vYmFy")},
        {SLICE_LITERAL("\xFB\xEF\xBE\xFF\xFF\xFF"), SLICE_LITERAL("----____")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t text[16];
        struct slice token = crypto_token(text, cases[i].bytes);
        assert_true(slice_equal(token, cases[i].text));
        assert_int_equal(token.size, CRYPTO_TOKEN_CHARS(cases[i].bytes.size));
    }
}

static void base64_is_padded_to_fours(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes, text;
    } cases[] = {
        {SLICE_LITERAL(""), SLICE_LITERAL("")},
        {SLICE_LITERAL("f"), SLICE_LITERAL("Zg==")},
        {SLICE_LITERAL("fo"), SLICE_LITERAL("Zm8=")},
        {SLICE_LITERAL("foo"), SLICE_LITERAL("Zm9v")},
        {SLICE_LITERAL("foob"), SLICE_LITERAL("Zm9vYg==")},
        {SLICE_LITERAL("\xFB\xEF\xBE\xFF\xFF\xFF"), SLICE_LITERAL("++++////")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t text[16];
        struct slice encoded = crypto_base64(text, cases[i].bytes);
        assert_true(slice_equal(encoded, cases[i].text));
        assert_int_equal(encoded.size, CRYPTO_BASE64_CHARS(cases[i].bytes.size));
    }
}

static void random_bytes_fill_all_and_differ(void **state)
{
    (void)state;
    uint8_t a[64] = {0}, b[64] = {0}, zero[16] = {0};
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, zero, sizeof zero);
    assert_memory_not_equal(a + 48, zero, sizeof zero);
    b[0] = 7;
    crypto_random(b, 0);
    assert_int_equal(b[0], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_standards_values_wherever_it_is_split),
        cmocka_unit_test(equal_compares_bytes_and_sizes),
        cmocka_unit_test(tokens_are_url_safe_base64_without_padding),
        cmocka_unit_test(base64_is_padded_to_fours),
        cmocka_unit_test(random_bytes_fill_all_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
