/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_peer: the other end of a connection for tests of TLS: a client on OpenSSL whose bytes go to
 * and come from a socket when the test says so, as many as it says; and a certificate for the
 * server. Includes cmocka for its users.
 */
#ifndef STOATMQ_TEST_TLS_PEER_H
#define STOATMQ_TEST_TLS_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "server/net/tls.h"

/* A folder with the certificate of "localhost", which is made anew, and its key. */
struct credentials {
    char folder[32], certfile[64], keyfile[64];
};

void credentials_make(struct credentials *credentials);
void credentials_remove(const struct credentials *credentials);

/* A server with that certificate, for versions 1.2 and 1.3. */
struct tls_server *credentials_server(const struct credentials *credentials);

struct peer {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out; /* the connection's, in memory: what came, what is to go */
    int fd;        /* non-blocking; the peer's own */
};

/* A client of VERSION, TLS1_2_VERSION or TLS1_3_VERSION, at FD. */
void peer_init(struct peer *peer, int fd, int version);
void peer_fini(struct peer *peer);

/* Moves bytes to the socket, or from there, at most so many and as many as go now; how many. -1:
 * the other end is closed. */
#define PEER_ALL SIZE_MAX
ssize_t peer_send(struct peer *peer, size_t most);
ssize_t peer_receive(struct peer *peer, size_t most);

/* Goes on with the handshake: 1 when it is over, else what SSL_get_error says, negative. */
int peer_handshake(struct peer *peer);

/* Encrypts; nothing is sent yet. */
void peer_write(struct peer *peer, const void *bytes, size_t size);

/* Decrypts what was received: how many bytes, 0 after close_notify, -1 when there is nothing. */
ssize_t peer_read(struct peer *peer, void *to, size_t size);

/* Two ends, non-blocking: a pair of sockets without addresses, or TCP on 127.0.0.1. */
void make_pair(int ends[2]);
void make_tcp_pair(int ends[2]);

/* Has FD buffer little, so that a writer soon has to wait. */
void make_narrow(int fd);

#endif
