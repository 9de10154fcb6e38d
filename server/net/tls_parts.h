/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_parts: what the files of tls.h share. Theirs alone.
 */
#ifndef STOATMQ_NET_TLS_PARTS_H
#define STOATMQ_NET_TLS_PARTS_H

#include <openssl/ssl.h>

#include "server/net/tls.h"

/* One reading of a listener's files: shared by the connections that began with it. */
struct tls_context;

/* The present one of SERVER; to be let go with tls_context_unref. Any thread. */
struct tls_context *tls_server_context(struct tls_server *server);
void tls_context_unref(struct tls_context *context);

/* A connection's OpenSSL object, whose app data is to be its struct tls. */
SSL *tls_context_connection(struct tls_context *context);

/* Writes what CERTIFICATE says, but for the host. */
void tls_certificate_read(const X509 *certificate, struct tls_certificate *to);

/* The connection of SSL. */
struct tls {
    SSL *ssl;
    struct tls_context *context;
    int fd;
    bool heard;         /* something came */
    bool ended;         /* the client closed its end */
    bool out_of_budget; /* of this call: there may be more to read */
    bool more;          /* tls_has_more */
    size_t budget;      /* bytes that this call may still read from the socket */
    int failure;        /* a negative errno: it is broken */
    const char *problem, *hint;
    struct output unsent;
};

#endif
