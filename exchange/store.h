/* SPDX-License-Identifier: Apache-2.0
 *
 * store: where the engine's durable facts go. The engine appends records and gets each one's
 * position (LSN: a growing number; 0: there is nothing to wait for); how far the store is durable
 * comes back as COMMAND_DURABLE. Appending never blocks and never fails: a store that cannot write
 * says so by never becoming durable. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_STORE_H
#define STOATMQ_EXCHANGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct binding;
struct definition;
struct exchange;
struct message;
struct queue;

/* The numbers are in the log (docs/log-format.md): they are never given to anything else. */
enum store_record_kind {
    STORE_MESSAGE = 0,       /* message, queues: one record for all the durable queues it went to */
    STORE_SETTLE = 1,        /* queue, position, span, bytes: acked, rejected, purged... gone for
                                good */
    STORE_REQUEUE = 2,       /* queue, position, delivery_count: delivered again without success */
    STORE_QUEUE_DECLARE = 3, /* queue */
    STORE_QUEUE_DELETE = 4,  /* queue */
    STORE_EXCHANGE_DECLARE = 5, /* exchange */
    STORE_EXCHANGE_DELETE = 6,  /* exchange */
    STORE_BIND = 7,             /* binding */
    STORE_UNBIND = 8,           /* binding */
    STORE_TX_BEGIN = 9,         /* the records up to STORE_TX_COMMIT are one */
    STORE_TX_COMMIT = 10,
    STORE_MOVED = 11,  /* the store's own: a message that was elsewhere is here now */
    STORE_PAGE = 12,   /* message, queues: to leave memory; forgotten when the broker ends */
    STORE_STOP = 13,   /* queue, position: the broker ends in order; nothing from there on was ever
                          delivered */
    STORE_DEFINE = 14, /* definition: in place of the one of the same kind and key, if any */
    STORE_UNDEFINE = 15, /* definition, without its value: there is none any more */
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
        const struct definition *definition;
    };
    const struct store_target *targets; /* STORE_MESSAGE: the durable queues */
    uint64_t position;
    uint64_t span;  /* STORE_SETTLE: all positions from POSITION on below POSITION + SPAN */
    uint64_t bytes; /* STORE_SETTLE: of the bodies of what was there */
    uint32_t delivery_count;
};

/* Asks for the messages of QUEUE that are in the store and not settled, at positions from FIRST on
 * and below END; for about BYTES of bodies, but for one at least. */
struct store_fetch {
    struct queue *queue; /* whoever asks sees to it that it is there until the answer has come */
    uint64_t first, end;
    uint32_t bytes;
    uint32_t position_count; /* 0: all; else of these alone, which ascend: they are copied */
    const uint64_t *positions;
};

struct store_fetched {
    uint64_t position;
    struct message *message; /* the receiver's reference; its lsn is 0 when it is in the store no
                                more (STORE_PAGE) */
    uint32_t delivery_count;
};

/* The answer: all that is there from the fetch's first position on and below NEXT. */
struct store_answer {
    struct queue *queue;
    uint64_t next;
    struct store_fetched *entries; /* the receiver's: mem_free */
    uint32_t count;
    int status; /* 0; or a negative errno when something cannot be read: then there are no entries
                 */
};

struct store {
    /* Appends RECORD; returns its LSN, or 0. */
    uint64_t (*append)(struct store *store, const struct store_record *record);
    /* The tick's end: hands what was appended to the writer. AT_LEISURE: it may wait for the disk.
     * Returns how far the store is durable now. */
    uint64_t (*flush)(struct store *store, bool at_leisure);
    /* So much is appended and not durable that publishers should be held back. */
    bool (*is_full)(struct store *store);
    /* Asks for messages; one fetch of a queue at a time, and all that it asks for must be durable.
     * NULL: messages do not leave memory. */
    void (*fetch)(struct store *store, const struct store_fetch *fetch);
    /* Takes an answer that has come since; false when there is none. */
    bool (*fetched)(struct store *store, struct store_answer *answer);
};

/* A store that holds nothing: there is nothing to wait for. For a broker without a disk and for
 * tests. */
struct store_ram {
    struct store store;
};

void store_ram_init(struct store_ram *ram);

#endif
