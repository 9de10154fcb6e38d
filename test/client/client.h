/* SPDX-License-Identifier: Apache-2.0 */
/* A thin layer over rabbitmq-c for client tests: a test sends a method and says what must come
 * back. Each channel has an inbox; a wait reads frames into the inboxes until what it wants is
 * there, at most CLIENT_WAIT_MS. A wait that ends otherwise fails the test and says what came
 * instead. What the broker sent (decoded methods, properties, bodies) stays valid until the client
 * is closed. Names from queue_name() and exchange_name() are unique; client_teardown() deletes what
 * bears them. */
#ifndef STOATMQ_TEST_CLIENT_H
#define STOATMQ_TEST_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <amqp.h>
#include <amqp_framing.h>
#include <cmocka.h>

enum { CLIENT_WAIT_MS = 10000, CLIENT_CHANNELS_MAX = 2048 };

struct inbox {
    amqp_frame_t *frames;
    size_t count;
};

struct client {
    amqp_connection_state_t state;
    struct channel *channels[CLIENT_CHANNELS_MAX]; /* by number; 0 is the connection's own */
    uint16_t channels_used;
    bool closed; /* the closing handshake is done, or the socket is gone */
    void **bodies;
    size_t bodies_count;
    struct client *next;
};

struct channel {
    struct client *client;
    uint16_t id;
    amqp_method_number_t last_sent; /* the method that a close must blame */
    bool confirming;                /* confirm_select() was called */
    uint64_t published, confirmed;  /* since then; the tags count from 1 */
    struct inbox inbox;
};

/* Each test of a program: opens a connection and a channel before (*state is the channel), cleans
 * up after. */
#define behaviour(test) cmocka_unit_test_setup_teardown(test, client_setup, client_teardown)
int client_setup(void **state);
int client_teardown(void **state);

/* Whether the broker under test is RabbitMQ 3.10; for the few places where StoatMQ differs on
 * purpose. */
bool against_rabbitmq(void);

/* A connection to $AMQP_HOST:$AMQP_PORT as guest, vhost "/", no heartbeats; closed by the teardown
 * at the latest. */
struct client *client_open(void);
struct client *client_open_with(const amqp_table_t *client_properties);
/* A socket only: no protocol header sent yet. */
struct client *client_connect(void);
/* connection.close, answered; then all that the client held is freed. */
void client_close(struct client *client);
/* Drops the socket without a word. */
void client_vanish(struct client *client);

struct channel *channel_open(struct client *client);
/* A channel that was never opened, or the connection's own (0). */
struct channel *channel_raw(struct client *client, uint16_t id);
void channel_close(struct channel *ch);

/* Valid until the teardown. */
const char *queue_name(void);
const char *exchange_name(void);
const char *unique_name(const char *prefix);

void client_send(struct channel *ch, amqp_method_number_t id, void *method);
/* Takes the next method `id` out of the inbox, whatever else came before it; a close fails the
 * test. */
void *client_await(struct channel *ch, amqp_method_number_t id);
/* The id of the first method in the inbox, which stays there. */
amqp_method_number_t client_peek(struct channel *ch);
/* The same for one that brings content; the method's fields, its properties and the whole body. */
void *client_await_content(struct channel *ch, amqp_method_number_t id,
                           const amqp_basic_properties_t **properties, amqp_bytes_t *body);
/* Waits until one of two methods is in the inbox, and tells which. */
amqp_method_number_t client_await_either(struct channel *ch, amqp_method_number_t one,
                                         amqp_method_number_t other);
/* How many methods `id` are in the inbox now. */
size_t client_pending(const struct channel *ch, amqp_method_number_t id);
/* Empties the inbox. */
void client_forget(struct channel *ch);
/* The broker drops the connection without a close method, in this time at most. */
void client_await_drop(struct client *client, int64_t limit_ms);

/* Monotonic. */
int64_t client_now_ms(void);

amqp_bytes_t str(const char *text);
void assert_bytes(amqp_bytes_t actual, const char *expected);

amqp_table_entry_t table_string(const char *key, const char *value);
amqp_table_entry_t table_int(const char *key, int32_t value);
amqp_table_entry_t table_bool(const char *key, bool value);
amqp_table_entry_t table_void(const char *key);
/* A table literal: TABLE(table_int("x-max-length", 3), table_string("a", "b")). */
#define TABLE(...)                                                                       \
    ((amqp_table_t){                                                                     \
        (int)(sizeof((amqp_table_entry_t[]){__VA_ARGS__}) / sizeof(amqp_table_entry_t)), \
        (amqp_table_entry_t[]){__VA_ARGS__}})

#endif
