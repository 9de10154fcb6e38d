/* SPDX-License-Identifier: Apache-2.0 */
#include "server/base/crypto.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "server/base/log.h"

/* OpenSSL refuses only what the program cannot go on without: no entropy, no provider, no
 * memory. */
static void must(int result, const char *what)
{
    if (result == 1)
        return;
    log_error("crypto_failed", LOG_STR("call", what));
    abort();
}

void crypto_random(void *to, size_t size)
{
    uint8_t *at = to;
    while (size > 0) {
        int chunk = size > INT_MAX ? INT_MAX : (int)size;
        must(RAND_bytes(at, chunk), "RAND_bytes");
        at += chunk;
        size -= (size_t)chunk;
    }
}

size_t crypto_hash(enum crypto_hash kind, struct slice a, struct slice b,
                   uint8_t digest[CRYPTO_HASH_BYTES_MAX])
{
    const EVP_MD *type = kind == CRYPTO_SHA256   ? EVP_sha256()
                         : kind == CRYPTO_SHA512 ? EVP_sha512()
                                                 : EVP_md5();
    unsigned size = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL, "EVP_MD_CTX_new");
    must(EVP_DigestInit_ex(context, type, NULL), "EVP_DigestInit_ex");
    must(EVP_DigestUpdate(context, a.data, a.size), "EVP_DigestUpdate");
    must(EVP_DigestUpdate(context, b.data, b.size), "EVP_DigestUpdate");
    must(EVP_DigestFinal_ex(context, digest, &size), "EVP_DigestFinal_ex");
    EVP_MD_CTX_free(context);
    return size;
}

void crypto_sha256(struct slice a, struct slice b, uint8_t digest[CRYPTO_SHA256_BYTES])
{
    uint8_t room[CRYPTO_HASH_BYTES_MAX];
    (void)crypto_hash(CRYPTO_SHA256, a, b, room);
    memcpy(digest, room, CRYPTO_SHA256_BYTES);
}

bool crypto_equal(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    return a.size == 0 || CRYPTO_memcmp(a.data, b.data, a.size) == 0;
}

/* Writes BYTES in the digits of ALPHABET, without padding; returns how many. */
static size_t encode_base64(uint8_t *text, struct slice bytes, const char *alphabet)
{
    size_t size = 0;
    uint32_t bits = 0;
    int waiting = 0; /* how many low bits of BITS are not written yet */
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | bytes.data[i];
        waiting += 8;
        while (waiting >= 6) {
            waiting -= 6;
            text[size++] = (uint8_t)alphabet[bits >> waiting & 63];
        }
    }
    if (waiting > 0)
        text[size++] = (uint8_t)alphabet[bits << (6 - waiting) & 63];
    return size;
}

#define BASE64_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

struct slice crypto_token(uint8_t *text, struct slice random)
{
    return slice_of(text, encode_base64(text, random, BASE64_DIGITS "-_"));
}

struct slice crypto_base64(uint8_t *text, struct slice bytes)
{
    size_t size = encode_base64(text, bytes, BASE64_DIGITS "+/");
    while (size % 4 != 0)
        text[size++] = '=';
    return slice_of(text, size);
}

/* The value of a digit, or -1. */
static int base64_digit(uint8_t letter)
{
    static const char digits[] = BASE64_DIGITS "+/";
    const char *at = letter == 0 ? NULL : strchr(digits, letter);
    return at == NULL ? -1 : (int)(at - digits);
}

struct slice crypto_base64_decode(uint8_t *bytes, struct slice text)
{
    size_t size = 0, digits = text.size;
    uint32_t bits = 0;
    int waiting = 0; /* how many low bits of BITS are not written yet */
    while (digits > 0 && text.size - digits < 2 && text.data[digits - 1] == '=')
        digits--;
    if (text.size % 4 != 0)
        return SLICE_EMPTY;
    for (size_t i = 0; i < digits; i++) {
        int digit = base64_digit(text.data[i]);
        if (digit < 0)
            return SLICE_EMPTY;
        bits = bits << 6 | (uint32_t)digit;
        waiting += 6;
        if (waiting >= 8) {
            waiting -= 8;
            bytes[size++] = (uint8_t)(bits >> waiting);
        }
    }
    return slice_of(bytes, size);
}
