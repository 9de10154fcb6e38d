// SPDX-License-Identifier: Apache-2.0
// client: one AMQP connection with one channel, used blocking, for what comes before and after the
// measured part: handshake, declarations, subscriptions, closing. While a load runs, the worker has
// the socket and none of these may be called.
#pragma once

#include "frames.h"

#include <stdbool.h>
#include <stdint.h>

enum { CHANNEL = 1 };

struct client {
    int fd;           // -1 when closed
    struct bytes out; // frames not yet sent
    struct bytes in;  // received, from in_at not yet read
    size_t in_at;
    char error[600]; // why the last call failed
};

// Connects, logs in, opens vhost / and channel 1. Returns -1 with c->error set; a client is to be
// closed in any case.
int client_open(struct client *c, const char *host, uint16_t port, const char *user,
                const char *password, double timeout_s);

// Sends what is in c->out and waits for the method `expected`. Anything else is an error.
int client_call(struct client *c, uint32_t expected);

// `arguments`: "key=value,key=value", where digits are an integer; or NULL.
int client_queue_declare(struct client *c, const char *queue, bool durable, const char *arguments);
int client_queue_delete(struct client *c, const char *queue);
int client_exchange_declare(struct client *c, const char *exchange, const char *type,
                            const char *arguments);
int client_exchange_delete(struct client *c, const char *exchange);
// Not confirmed by itself: the next call that is answered shows that it was done.
void client_bind(struct client *c, const char *queue, const char *exchange, const char *key);
int client_qos(struct client *c, uint16_t prefetch);
int client_consume(struct client *c, const char *queue, const char *tag, bool no_ack);
// Waits for the first delivery; nothing else may come before.
int client_wait_for_delivery(struct client *c);
int client_confirm_select(struct client *c);

// Closes the connection, as the protocol wants it unless a call had failed, and frees everything.
// Returns how many deliveries still came in, or -1 with c->error set.
long client_close(struct client *c);
