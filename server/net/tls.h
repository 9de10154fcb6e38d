/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: the server's side of TLS, on OpenSSL: what a listener offers (tls_server), and one
 * connection's state (tls), which transport.c drives. tls_server.c has the first, tls.c the second,
 * tls_certificate.c what certificates say. No other file includes OpenSSL's TLS headers.
 */
#ifndef STOATMQ_NET_TLS_H
#define STOATMQ_NET_TLS_H

#include <sys/types.h>
#include <sys/uio.h>

#include "server/net/output.h"

/* --- what a listener offers; any thread ------------------------------------------------------ */

enum tls_version { TLS_1_0 = 1, TLS_1_1, TLS_1_2, TLS_1_3 };

/* The certificate for clients that ask for NAME ("*.example.org" takes one label for the star). */
struct tls_name {
    const char *name, *certfile, *keyfile;
};

/* Texts may be empty: not given. */
struct tls_options {
    const char *certfile;     /* PEM: the certificate, and those between it and the root */
    const char *keyfile;      /* PEM */
    const char *password;     /* of the key files */
    const char *cacertfile;   /* PEM: whose word is taken on clients' certificates */
    const char *ciphers;      /* names, with ':' between them; TLS 1.3's too; empty: OpenSSL's */
    bool server_picks_cipher; /* by our order, not the client's */
    bool verify;              /* ask clients for a certificate, and verify what they send */
    bool needs_certificate;   /* with verify: a client without one is refused */
    unsigned depth;           /* certificates between a client's and the root */
    enum tls_version version_min, version_max;
    const struct tls_name *names;
    size_t name_count;
};

struct tls_server;

/* Reads all files. NULL, with a text that names the file and the reason in ERROR, when something is
 * wrong. OPTIONS are not kept. */
struct tls_server *tls_server_new(const struct tls_options *options, char *error,
                                  size_t error_size);

/* Reads all files anew, for connections to come; those that are open stay as they are. 0, or -1
 * with a text in ERROR: then all is as it was. */
int tls_server_reload(struct tls_server *server, const struct tls_options *options, char *error,
                      size_t error_size) __attribute__((warn_unused_result));

/* Days until the first of its certificates ends; negative: it has ended. */
int tls_server_days_left(struct tls_server *server);

/* What it offers to connections to come, one at a time: the INDEXth, from 0, of the versions
 * ("tlsv1.3") and of the ciphers (OpenSSL's names), the preferred first; NULL behind the last.
 * Texts that live as long as the process. */
const char *tls_server_version(struct tls_server *server, size_t index);
const char *tls_server_cipher(struct tls_server *server, size_t index);

/* A certificate in words, NUL-terminated. */
#define TLS_TEXT_BYTES 1024
struct tls_certificate {
    char host[256]; /* whose clients get it; empty: all others */
    char subject[TLS_TEXT_BYTES], issuer[TLS_TEXT_BYTES];
    char validity[64]; /* 2026-01-01T00:00:00Z - 2027-01-01T00:00:00Z */
};

/* The INDEXth of its certificates; false behind the last. */
bool tls_server_certificate(struct tls_server *server, size_t index,
                            struct tls_certificate *certificate);

/* Connections that are open stay. */
void tls_server_free(struct tls_server *server);

/* --- a connection; its loop's thread --------------------------------------------------------- */

struct tls;

/* For the socket FD, which stays the caller's. What waits to be written takes chunks from POOL. */
struct tls *tls_new(struct tls_server *server, int fd, struct output_pool *pool);

/* Drops what is unsent. */
void tls_free(struct tls *tls);

/* Goes on with the handshake, and writes what is to be written. 0: it is over; -EAGAIN: the client
 * has to speak, or to read, first; another negative errno: it has failed, for tls_problem. */
int tls_handshake(struct tls *tls) __attribute__((warn_unused_result));

/* Why the handshake or a call failed: a text that lives as long as the process, or as TLS; and what
 * may help, or NULL. */
const char *tls_problem(const struct tls *tls);
const char *tls_hint(const struct tls *tls);

/* Has the client not sent a single byte? Then it is but a probe. */
bool tls_is_silent(const struct tls *tls);

/* As transport_read. */
ssize_t tls_read(struct tls *tls, const struct iovec *parts, int count);

/* Has tls_read left something that no event of the socket will tell of? */
bool tls_has_more(const struct tls *tls);

/* As transport_write. With an empty OUTPUT: writes what is unsent. */
int tls_write(struct tls *tls, struct output *output) __attribute__((warn_unused_result));

/* Encrypted bytes that the system has not taken yet. */
size_t tls_unsent(const struct tls *tls);

/* Puts "that was all" behind what is unsent. */
void tls_end(struct tls *tls);

/* --- what was agreed; what certificates say -------------------------------------------------- */

#define TLS_PEER_NAME_BYTES 256

/* In RabbitMQ's words; NUL-terminated, empty when there is none. */
struct tls_description {
    char protocol[16];     /* tlsv1.3 */
    char key_exchange[32]; /* ecdhe_rsa; any, with TLS 1.3 */
    char cipher[32];       /* aes_256_gcm */
    char hash[16];         /* sha384; aead */
    char server_name[256]; /* that the client asked for */
    char peer_subject[TLS_TEXT_BYTES], peer_issuer[TLS_TEXT_BYTES];
    char peer_validity[64]; /* as struct tls_certificate has it */
    bool has_peer_certificate;
};

void tls_describe(const struct tls *tls, struct tls_description *description);

/* Was the client asked for a certificate? */
bool tls_asks_certificate(const struct tls *tls);

/* Where in a client's certificate its name stands. */
enum tls_name_from {
    TLS_NAME_FROM_SUBJECT, /* the whole, RFC 4514: CN=stoat,O=Example */
    TLS_NAME_FROM_COMMON_NAME,
    TLS_NAME_FROM_DNS, /* alternative names of a kind; the INDEXth, from 0 */
    TLS_NAME_FROM_EMAIL,
    TLS_NAME_FROM_URI,
    TLS_NAME_FROM_IP,
};

struct tls_name_rule {
    enum tls_name_from from;
    unsigned index;
};

/* The client's name by its certificate: writes it to NAME and returns a slice of that; empty when
 * it has none, or sent no certificate that was verified. */
struct slice tls_peer_name(const struct tls *tls, struct tls_name_rule rule,
                           uint8_t name[TLS_PEER_NAME_BYTES]);

#endif
