/* SPDX-License-Identifier: Apache-2.0
 *
 * After "The PROXY protocol, versions 1 & 2" (haproxy.org, doc/proxy-protocol.txt).
 */
#include "server/net/proxy.h"

#include <arpa/inet.h>

#define V1_BYTES_MAX   107 /* with the line's end */
#define V2_FIXED_BYTES 16
#define V2_IPV4_BYTES  12
#define V2_IPV6_BYTES  36

static const uint8_t v4_mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* --- sources --------------------------------------------------------------------------------- */

static void to_mapped(const union address *address, uint8_t bytes[16])
{
    if (address->any.sa_family == AF_INET6) {
        memcpy(bytes, address->in6.sin6_addr.s6_addr, 16);
    } else {
        memcpy(bytes, v4_mapped_prefix, sizeof v4_mapped_prefix);
        memcpy(bytes + 12, &address->in4.sin_addr, 4);
    }
}

/* A decimal number of at most MAX without leading zeros; false when TEXT is none. */
static bool read_decimal(struct slice text, unsigned max, unsigned *value)
{
    *value = 0;
    if (text.size == 0 || text.size > 5 || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *value = *value * 10 + (unsigned)(text.data[i] - '0');
    }
    return *value <= max;
}

static bool read_host(struct slice text, uint16_t port, union address *address)
{
    char host[ADDRESS_HOST_BYTES];
    if (text.size == 0 || text.size >= sizeof host || memchr(text.data, 0, text.size) != NULL)
        return false;
    memcpy(host, text.data, text.size);
    host[text.size] = '\0';
    return address_parse(address, host, port);
}

bool proxy_sources_add(struct proxy_sources *sources, struct slice text)
{
    const uint8_t *slash = text.size > 0 ? memchr(text.data, '/', text.size) : NULL;
    size_t host_bytes = slash != NULL ? (size_t)(slash - text.data) : text.size;
    union address address;
    if (sources->count == PROXY_SOURCES_MAX ||
        !read_host(slice_of(text.data, host_bytes), 0, &address))
        return false;
    unsigned own_bits = address.any.sa_family == AF_INET6 ? 128 : 32, bits = own_bits;
    if (slash != NULL &&
        !read_decimal(slice_of(slash + 1, text.size - host_bytes - 1), own_bits, &bits))
        return false;
    struct proxy_source *source = &sources->list[sources->count++];
    to_mapped(&address, source->address);
    source->bits = (uint8_t)(128 - own_bits + bits);
    return true;
}

static bool is_within(const uint8_t address[16], const struct proxy_source *source)
{
    unsigned whole = source->bits / 8, rest = source->bits % 8;
    return memcmp(address, source->address, whole) == 0 &&
           (rest == 0 || (address[whole] ^ source->address[whole]) >> (8 - rest) == 0);
}

bool proxy_sources_have(const struct proxy_sources *sources, const union address *address)
{
    uint8_t bytes[16];
    if (address->any.sa_family == AF_UNSPEC)
        return false;
    to_mapped(address, bytes);
    for (unsigned i = 0; i < sources->count; i++)
        if (is_within(bytes, &sources->list[i]))
            return true;
    return false;
}

/* --- version 1: a line of text --------------------------------------------------------------- */

static enum proxy_status bad(struct proxy_header *header, const char *problem)
{
    header->problem = problem;
    return PROXY_BAD;
}

/* Takes the word in front of the next space, or all. */
static struct slice next_word(struct slice *text)
{
    const uint8_t *space = text->size > 0 ? memchr(text->data, ' ', text->size) : NULL;
    size_t size = space != NULL ? (size_t)(space - text->data) : text->size;
    struct slice word = slice_of(text->data, size);
    size_t used = space != NULL ? size + 1 : size;
    *text = slice_of(text->data + used, text->size - used);
    return word;
}

/* Reads "SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT" of FAMILY. */
static bool read_v1_addresses(struct slice text, sa_family_t family, struct proxy_header *header)
{
    struct slice peer = next_word(&text), own = next_word(&text);
    unsigned peer_port, own_port;
    struct slice first_port = next_word(&text);
    return read_decimal(first_port, UINT16_MAX, &peer_port) &&
           read_decimal(text, UINT16_MAX, &own_port) &&
           read_host(peer, (uint16_t)peer_port, &header->peer) &&
           read_host(own, (uint16_t)own_port, &header->own) &&
           header->peer.any.sa_family == family && header->own.any.sa_family == family;
}

static enum proxy_status parse_v1(struct slice bytes, struct proxy_header *header)
{
    size_t looked_at = bytes.size < V1_BYTES_MAX ? bytes.size : V1_BYTES_MAX;
    const uint8_t *end = memchr(bytes.data, '\n', looked_at);
    if (end == NULL)
        return bytes.size < V1_BYTES_MAX ? PROXY_MORE : bad(header, "a line without an end");
    header->size = (size_t)(end - bytes.data) + 1;
    if (end[-1] != '\r')
        return bad(header, "a line that ends without a carriage return");
    struct slice line = slice_of(bytes.data + 6, header->size - 8); /* behind "PROXY " */
    struct slice family = next_word(&line);
    header->is_local = slice_equal(family, SLICE_LITERAL("UNKNOWN"));
    if (header->is_local)
        return PROXY_DONE;
    bool is_ipv4 = slice_equal(family, SLICE_LITERAL("TCP4"));
    if (!is_ipv4 && !slice_equal(family, SLICE_LITERAL("TCP6")))
        return bad(header, "neither TCP4, TCP6 nor UNKNOWN");
    if (!read_v1_addresses(line, is_ipv4 ? AF_INET : AF_INET6, header))
        return bad(header, "malformed addresses or ports");
    return PROXY_DONE;
}

/* --- version 2: binary ----------------------------------------------------------------------- */

static void read_v2_addresses(const uint8_t *at, size_t host_bytes, struct proxy_header *header)
{
    union address *ends[2] = {&header->peer, &header->own};
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *host = at + i * host_bytes, *port = at + 2 * host_bytes + i * 2;
        *ends[i] = (union address){0};
        if (host_bytes == 4) {
            ends[i]->in4.sin_family = AF_INET;
            memcpy(&ends[i]->in4.sin_addr, host, host_bytes);
            memcpy(&ends[i]->in4.sin_port, port, 2);
        } else {
            ends[i]->in6.sin6_family = AF_INET6;
            memcpy(&ends[i]->in6.sin6_addr, host, host_bytes);
            memcpy(&ends[i]->in6.sin6_port, port, 2);
        }
    }
}

static enum proxy_status parse_v2(struct slice bytes, struct proxy_header *header)
{
    if (bytes.size < V2_FIXED_BYTES)
        return PROXY_MORE;
    unsigned version = bytes.data[12] >> 4, command = bytes.data[12] & 15, family = bytes.data[13];
    size_t length = (size_t)bytes.data[14] << 8 | bytes.data[15];
    header->size = V2_FIXED_BYTES + length;
    if (version != 2 || command > 1)
        return bad(header, "an unknown version or command");
    if (header->size > PROXY_HEADER_BYTES_MAX)
        return bad(header, "longer than 4096 bytes");
    size_t needed = family == 0x11 ? V2_IPV4_BYTES : family == 0x21 ? V2_IPV6_BYTES : 0;
    header->is_local = command == 0 || needed == 0;
    if (!header->is_local && length < needed)
        return bad(header, "too short for its addresses");
    if (bytes.size < header->size)
        return PROXY_MORE;
    if (!header->is_local)
        read_v2_addresses(bytes.data + V2_FIXED_BYTES, needed == V2_IPV4_BYTES ? 4 : 16, header);
    return PROXY_DONE;
}

/* Do BYTES begin with PREFIX, or with what there is of it? */
static bool may_begin_with(struct slice bytes, struct slice prefix)
{
    size_t size = bytes.size < prefix.size ? bytes.size : prefix.size;
    return size == 0 || memcmp(bytes.data, prefix.data, size) == 0;
}

enum proxy_status proxy_parse(struct slice bytes, struct proxy_header *header)
{
    struct slice v1 = SLICE_LITERAL("PROXY "), v2 = slice_of(v2_signature, sizeof v2_signature);
    *header = (struct proxy_header){0};
    if (may_begin_with(bytes, v1))
        return bytes.size < v1.size ? PROXY_MORE : parse_v1(bytes, header);
    if (may_begin_with(bytes, v2))
        return bytes.size < v2.size ? PROXY_MORE : parse_v2(bytes, header);
    return bad(header, "no PROXY header");
}
