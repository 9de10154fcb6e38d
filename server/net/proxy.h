/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy: the PROXY protocol, versions 1 and 2, with which a load balancer says first of all who the
 * client is; and whose word on it is taken. Pure: bytes in, addresses out. Any thread.
 */
#ifndef STOATMQ_NET_PROXY_H
#define STOATMQ_NET_PROXY_H

#include "server/base/slice.h"
#include "server/net/address.h"

/* A longer header, with its extensions, is refused. */
#define PROXY_HEADER_BYTES_MAX 4096

#define PROXY_SOURCES_MAX 64

/* Networks. */
struct proxy_sources {
    unsigned count;
    struct proxy_source {
        uint8_t address[16]; /* IPv4 mapped into IPv6 */
        uint8_t bits;        /* of it that count */
    } list[PROXY_SOURCES_MAX];
};

/* Adds TEXT, an address or a network: "10.1.2.3", "10.0.0.0/8", "fd00::/8". False when it is
 * neither, or one too many. */
bool proxy_sources_add(struct proxy_sources *sources, struct slice text);

bool proxy_sources_have(const struct proxy_sources *sources, const union address *address);

enum proxy_status { PROXY_DONE, PROXY_MORE, PROXY_BAD };

struct proxy_header {
    size_t size;   /* bytes that it takes; what is behind is the client's */
    bool is_local; /* it names nobody (a health check, or of no TCP family): the socket's ends count
                    */
    union address peer, own; /* else these */
    const char *problem;     /* with PROXY_BAD: a text that lives as long as the process */
};

/* Reads the header that BYTES begin with; PROXY_MORE: BYTES are but a part of one. */
enum proxy_status proxy_parse(struct slice bytes, struct proxy_header *header);

#endif
