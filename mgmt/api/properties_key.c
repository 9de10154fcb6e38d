/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/properties_key.h"

#include "server/base/crypto.h"

/* As mochiweb's quote_plus, and "~", which ends the routing key, as well. */
static void put_quoted(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t octet = text.data[i];
        bool is_plain = (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
                        (octet >= '0' && octet <= '9') || octet == '_' || octet == '.' ||
                        octet == '-';
        if (is_plain)
            buf_u8(out, octet);
        else if (octet == ' ')
            buf_u8(out, '+');
        else
            buf_printf(out, "%%%02X", octet);
    }
}

void properties_key(struct buf *out, struct slice routing_key, struct slice arguments)
{
    put_quoted(out, routing_key);
    if (arguments.size > 0) {
        uint8_t hash[CRYPTO_SHA256_BYTES], token[CRYPTO_TOKEN_CHARS(6)];
        crypto_sha256(arguments, SLICE_EMPTY, hash);
        struct slice text = crypto_token(token, slice_of(hash, 6));
        buf_u8(out, '~');
        buf_bytes(out, text);
    } else if (routing_key.size == 0) {
        buf_u8(out, '~');
    }
}

static uint8_t hex(uint8_t digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

/* Clients percent-encode the key once more for the path, or do not: either is understood. */
bool properties_key_equal(struct slice key, struct slice asked)
{
    struct buf plain = {0};
    for (size_t i = 0; i < key.size; i++) {
        uint8_t octet = key.data[i];
        if (octet == '%') {
            octet = (uint8_t)(hex(key.data[i + 1]) << 4 | hex(key.data[i + 2]));
            i += 2;
        } else if (octet == '+') {
            octet = ' ';
        }
        buf_u8(&plain, octet);
    }
    bool is_equal = slice_equal(key, asked) || slice_equal(buf_slice(&plain), asked);
    buf_fini(&plain);
    return is_equal;
}
