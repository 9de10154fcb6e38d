/* SPDX-License-Identifier: Apache-2.0
 *
 * store: where the engine's durable facts go. The engine appends records and gets each one's
 * position (LSN: a growing number, never 0); how far the store is durable comes back as
 * COMMAND_DURABLE. Appending never blocks and never fails: a store that cannot write says so by
 * never becoming durable. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_STORE_H
#define STOATMQ_EXCHANGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct binding;
struct exchange;
struct message;
struct queue;

/* The numbers are in the log (docs/log-format.md): they are never given to anything else. */
enum store_record_kind {
    STORE_MESSAGE = 0,       /* message, queues: one record for all the durable queues it went to */
    STORE_SETTLE = 1,        /* queue, position: acked, rejected, purged... gone for good */
    STORE_REQUEUE = 2,       /* queue, position, delivery_count: delivered again without success */
    STORE_QUEUE_DECLARE = 3, /* queue */
    STORE_QUEUE_DELETE = 4,  /* queue */
    STORE_EXCHANGE_DECLARE = 5, /* exchange */
    STORE_EXCHANGE_DELETE = 6,  /* exchange */
    STORE_BIND = 7,             /* binding */
    STORE_UNBIND = 8,           /* binding */
    STORE_TX_BEGIN = 9,         /* the records up to STORE_TX_COMMIT are one */
    STORE_TX_COMMIT = 10,
};

/* One place a message went to: POSITION is its place in QUEUE. */
struct store_target {
    struct queue *queue;
    uint64_t position;
};

/* One fact; everything it points to is borrowed for the call. */
struct store_record {
    enum store_record_kind kind;
    uint32_t target_count;
    union {
        struct message *message; /* STORE_MESSAGE; a store that keeps it takes a reference */
        struct queue *queue;
        struct exchange *exchange;
        struct binding *binding;
    };
    const struct store_target *targets; /* STORE_MESSAGE: the durable queues */
    uint64_t position;
    uint32_t delivery_count;
};

struct store {
    /* Appends RECORD; returns its LSN. */
    uint64_t (*append)(struct store *store, const struct store_record *record);
    /* The tick's end: hands what was appended to the writer. Returns how far the store is durable
     * now. */
    uint64_t (*flush)(struct store *store);
    /* So much is appended and not durable that publishers should be held back. */
    bool (*is_full)(struct store *store);
};

/* A store that holds nothing: everything is "durable" at the tick's end. For a broker without a
 * disk and for tests. */
struct store_ram {
    struct store store;
    uint64_t last_lsn;
};

void store_ram_init(struct store_ram *ram);

#endif
