/* SPDX-License-Identifier: Apache-2.0
 *
 * harness: an engine alone in a test: seeded randomness, clients that record what they are sent, a
 * store that records what it is given and becomes durable when the test says so. No clock, no
 * sockets, no threads. What goes wrong in the harness itself is a failed CHECK.
 */
#ifndef STOATMQ_TEST_EXCHANGE_HARNESS_H
#define STOATMQ_TEST_EXCHANGE_HARNESS_H

#include "exchange/channel.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/vhost.h"
#include "server/base/buf.h"
#include "test/unit/exchange/shelf.h"

enum {
    HARNESS_CLIENTS_MAX = 8,
    HARNESS_NAME_BYTES = 32,
    HARNESS_KEY_BYTES = 256,
    HARNESS_ARGUMENTS_BYTES = 128,
    HARNESS_TARGETS_MAX = 16,
};

/* An effect as its client got it. */
struct seen {
    uint64_t order; /* counts up over all clients */
    enum effect_kind kind;
    uint16_t channel;
    bool redelivered, accepted;
    struct method method; /* its slices point into `bytes` */
    struct buf bytes;
    struct message *message; /* a reference, or NULL */
    uint64_t delivery_tag;
    char consumer_tag[HARNESS_KEY_BYTES];
};

struct client {
    struct harness *harness;
    struct session *session; /* NULL once gone */
    struct seen *seen;       /* those from `head` on were not looked at */
    size_t head, count, capacity;
    uint64_t unwritten; /* cost of the deliveries that were not drained */
};

/* A record as the store got it; names are copies. */
struct fact {
    enum store_record_kind kind;
    uint64_t lsn;
    uint64_t order;                       /* of the effect that clients saw next (struct seen) */
    char name[HARNESS_NAME_BYTES];        /* queue or exchange; a binding's source */
    char destination[HARNESS_NAME_BYTES]; /* a binding's */
    bool to_queue;
    char key[HARNESS_KEY_BYTES];
    uint8_t arguments[HARNESS_ARGUMENTS_BYTES];
    size_t arguments_bytes;
    uint64_t position, span, bytes;
    size_t settled, settled_pages; /* of a shelf (shelf.h): all, and those by STORE_PAGE */
    uint32_t delivery_count;
    uint32_t target_count;
    struct {
        char queue[HARNESS_NAME_BYTES];
        uint64_t position;
    } targets[HARNESS_TARGETS_MAX];
};

struct harness_store {
    struct store store; /* first */
    struct fact *facts;
    size_t count, capacity;
    uint64_t last_lsn;
    uint64_t durable_lsn; /* what flush answers */
    bool patient;         /* false: flush makes everything durable */
    unsigned flushes;
    struct shelf *shelf; /* keeps the messages, or NULL */
};

struct harness {
    struct env env;
    uint64_t random;
    struct harness_store store;
    struct sink sink;
    struct engine *engine;
    struct client clients[HARNESS_CLIENTS_MAX];
    unsigned client_count;
    const char *client_product; /* of clients that are opened from now on; NULL: they say none */
    uint64_t effects;
    uint64_t now_ms; /* what the engine's clock says */
    uint64_t ticks;
};

/* What the wall clock says when the engine's other clock says 0. */
#define HARNESS_WALL_MS UINT64_C(1700000000000)

#define S(text) slice_from_string(text)

void harness_init(struct harness *harness, uint64_t seed);

/* Closes the clients, drops what they saw, frees the engine; the facts stay. */
void harness_end(struct harness *harness);

/* Frees all that is left, after harness_end or without. */
void harness_fini(struct harness *harness);

/* The next number of a seeded sequence (SplitMix64), and one below LIMIT. */
uint64_t harness_random(uint64_t *state);
uint32_t harness_below(uint64_t *state, uint32_t limit);

/* The seed in the environment (STOATMQ_SEED), or one of the clock; printed. */
uint64_t harness_seed(void);

/* The end of a tick. */
void harness_tick(struct harness *harness);

/* The store is durable up to LSN; the engine learns it by COMMAND_DURABLE. */
void harness_durable(struct harness *harness, uint64_t lsn);

/* Forgets the facts so far. */
void harness_forget_facts(struct harness *harness);

/* How many facts of KIND there are. */
unsigned harness_facts(const struct harness *harness, enum store_record_kind kind);

/* The queue called NAME, or NULL. */
struct queue *harness_queue(const struct harness *harness, const char *name);
struct exchange *harness_exchange(const struct harness *harness, const char *name);

/* A client that is logged in and has opened the vhost; it takes UNWRITTEN_MAX bytes unread. */
struct client *client_open(struct harness *harness, uint32_t unwritten_max);

/* The same as USER; what comes of opening VHOST is left to be seen. */
struct client *client_open_as(struct harness *harness, uint32_t unwritten_max, const char *user,
                              const char *password, const char *vhost);

/* The client's connection goes away. */
void client_close(struct client *client);

/* Sends METHOD on CHANNEL. */
void client_send(struct client *client, uint16_t channel, const struct method *method);

/* What the client has seen next, or NULL; valid until the client is sent something more. */
struct seen *client_next(struct client *client);

/* The same, left where it is. */
struct seen *client_peek(const struct client *client);

/* Drops what the client has seen. */
void client_forget(struct client *client);

/* The client has read BYTES of its deliveries, or all. */
void client_drain(struct client *client, uint64_t bytes);

/* --- methods, shorter ------------------------------------------------------------------------ */

enum publish_flag {
    PUBLISH_PERSISTENT = 1 << 0,
    PUBLISH_MANDATORY = 1 << 1,
    PUBLISH_IMMEDIATE = 1 << 2,
};

enum declare_flag {
    DECLARE_DURABLE = 1 << 0,
    DECLARE_AUTO_DELETE = 1 << 1,
    DECLARE_EXCLUSIVE = 1 << 2,
    DECLARE_INTERNAL = 1 << 3,
};

/* Opens channel NUMBER and takes the answer. */
void client_channel(struct client *client, uint16_t number);

/* These want no answer. */
void client_queue(struct client *client, uint16_t channel, const char *name, unsigned flags);
void client_exchange(struct client *client, uint16_t channel, const char *name, const char *type,
                     unsigned flags);
void client_bind(struct client *client, uint16_t channel, const char *queue, const char *exchange,
                 const char *key);
void client_bind_exchange(struct client *client, uint16_t channel, const char *destination,
                          const char *source, const char *key);
void client_consume(struct client *client, uint16_t channel, const char *queue, const char *tag,
                    bool no_ack);
void client_cancel(struct client *client, uint16_t channel, const char *tag);
void client_delete_queue(struct client *client, uint16_t channel, const char *name);

/* Answered by qos-ok, which is taken. */
void client_qos(struct client *client, uint16_t channel, uint16_t count, bool global);

void client_ack(struct client *client, uint16_t channel, uint64_t tag, bool multiple);
void client_nack(struct client *client, uint16_t channel, uint64_t tag, bool multiple,
                 bool requeue);
void client_get(struct client *client, uint16_t channel, const char *queue, bool no_ack);

void client_publish(struct client *client, uint16_t channel, const char *exchange, const char *key,
                    const char *body, unsigned flags);

/* With properties, encoded. */
void client_publish_with(struct client *client, uint16_t channel, const char *exchange,
                         const char *key, const char *body, unsigned flags,
                         const struct properties *properties);

#endif
