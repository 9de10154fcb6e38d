/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: the few things the program wants of OpenSSL outside TLS: random bytes, hashes,
 * comparison in constant time; and base64. Any thread.
 */
#ifndef STOATMQ_BASE_CRYPTO_H
#define STOATMQ_BASE_CRYPTO_H

#include "server/base/slice.h"

#define CRYPTO_SHA256_BYTES 32

/* Fills TO with SIZE random bytes from the system's generator; a failure of that ends the
 * process. */
void crypto_random(void *to, size_t size);

/* Hash of A followed by B. */
void crypto_sha256(struct slice a, struct slice b, uint8_t digest[CRYPTO_SHA256_BYTES]);

/* Those in which RabbitMQ keeps passwords. */
enum crypto_hash { CRYPTO_SHA256, CRYPTO_SHA512, CRYPTO_MD5 };

#define CRYPTO_HASH_BYTES_MAX 64

/* Hash of A followed by B; returns how many bytes of DIGEST it takes. */
size_t crypto_hash(enum crypto_hash kind, struct slice a, struct slice b,
                   uint8_t digest[CRYPTO_HASH_BYTES_MAX]);

/* Equal, in a time that depends on the sizes alone. */
bool crypto_equal(struct slice a, struct slice b);

/* Writes RANDOM as URL-safe base64 without padding (RFC 4648 section 5) and returns a slice of it;
 * TEXT holds at least CRYPTO_TOKEN_CHARS(random.size) characters. For generated names such as
 * amq.gen-... */
#define CRYPTO_TOKEN_CHARS(size) (((size)*4 + 2) / 3)
struct slice crypto_token(uint8_t *text, struct slice random);

/* Writes BYTES as base64 with padding (RFC 4648 section 4) and returns a slice of it; TEXT holds at
 * least CRYPTO_BASE64_CHARS(bytes.size) characters. */
#define CRYPTO_BASE64_CHARS(size) (((size) + 2) / 3 * 4)
struct slice crypto_base64(uint8_t *text, struct slice bytes);

/* Reads base64 (RFC 4648 section 4; padding is wanted) into BYTES, which holds at least
 * CRYPTO_BASE64_BYTES(text.size); data is NULL when it is none. */
#define CRYPTO_BASE64_BYTES(chars) (((chars) + 3) / 4 * 3)
struct slice crypto_base64_decode(uint8_t *bytes, struct slice text);

#endif
