/* SPDX-License-Identifier: Apache-2.0
 *
 * listeners: all that the broker listens on for AMQP, by its settings, and what TLS it offers there
 * and to the management. Main thread only, but for the transport options, which stay until
 * listeners_free.
 */
#ifndef STOATMQ_SERVER_LISTENERS_H
#define STOATMQ_SERVER_LISTENERS_H

#include "server/net/transport.h"
#include "server/settings.h"

struct listeners;

/* A place that the broker listens on, as the API lists them. */
struct listener_row {
    const char *protocol; /* RabbitMQ's word: amqp, amqp/ssl, http, https */
    char address[ADDRESS_HOST_BYTES];
    uint16_t port;
    bool has_tls;
    struct tls_server *tls; /* NULL: plain */
};

#define LISTENER_ROWS_MAX 24

/* For LOOP; listens nowhere yet. ON_ACCEPT gets each new connection, FD, with what its transport is
 * to be started with. */
struct listeners *listeners_new(struct loop *loop,
                                void (*on_accept)(void *context, int fd,
                                                  const struct transport_options *options),
                                void *context);

/* Reads certificates and keys, and listens. 0, or -1 with a text for people in ERROR when something
 * cannot be had. SETTINGS are not kept. */
int listeners_open(struct listeners *listeners, const struct settings *settings, char *error,
                   size_t error_size) __attribute__((warn_unused_result));

/* Goes on after a pause; now and then. */
void listeners_tick(struct listeners *listeners);

/* Accepts nobody any more. */
void listeners_close(struct listeners *listeners);

/* Closes AMQP's ports until listeners_resume; who is connected stays. The management's are not of
 * these. Twice is as once. */
void listeners_suspend(struct listeners *listeners);

/* Opens the same ports again. 0, or -1 with a text for people in ERROR when one cannot be had: then
 * those before it are open. */
int listeners_resume(struct listeners *listeners, char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* After listeners_close, when all connections are gone and the loop is finished. NULL: nothing. */
void listeners_free(struct listeners *listeners);

/* Reads certificates and keys anew, and takes what SETTINGS say of TLS, for connections to come.
 * What is no good is logged and stays as it was: false. */
bool listeners_reload(struct listeners *listeners, const struct settings *settings);

/* How the management's connections are to be started: without TLS, or with; NULL: it is not asked
 * for. */
const struct transport_options *listeners_management(const struct listeners *listeners, bool tls);

/* Adds a row for somebody else's listener. */
void listeners_add(struct listeners *listeners, const struct listener_row *row);

/* Copies the rows of those that are not suspended; how many. Any thread, once the broker runs. */
size_t listeners_rows(const struct listeners *listeners,
                      struct listener_row rows[LISTENER_ROWS_MAX]);

#endif
