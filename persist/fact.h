/* SPDX-License-Identifier: Apache-2.0
 *
 * fact: what a record of the log says, as bytes and back. Queues are named by a number that is
 * theirs for life, so that a queue that is deleted and declared again is another. Decoding borrows
 * and trusts nothing. Pure; any thread.
 */
#ifndef STOATMQ_PERSIST_FACT_H
#define STOATMQ_PERSIST_FACT_H

#include "exchange/definition.h"
#include "exchange/store.h"
#include "server/base/buf.h"

#define FACT_RECORD_TYPE(kind) ((uint8_t)(RECORD_FACT + (kind)))

enum fact_flag {
    FACT_DURABLE = 1,
    FACT_AUTO_DELETE = 2,
    FACT_INTERNAL = 4,    /* of a queue: it is what waits in the exchange of its name */
    FACT_TO_EXCHANGE = 8, /* of a binding: its destination is an exchange, named by name */
    FACT_PERSISTENT = 16,
    FACT_PARTS = 32, /* of a message: its body begins in RECORD_PARTs */
    FACT_TIMED = 64, /* of a message: it says when it was put into its queues */
    FACT_USER = 128, /* of an exchange: it says who declared it */
    FACT_BCC = 8,    /* of a message: receivers do not see its header BCC */
};

struct fact {
    enum store_record_kind kind;
    uint8_t flags;
    uint64_t queue;           /* its number; QUEUE_*, BIND and UNBIND of a queue, SETTLE, REQUEUE */
    uint64_t position;        /* SETTLE: the first */
    uint64_t span, bytes;     /* SETTLE: positions from there on; of the bodies that were there */
    uint32_t count;           /* REQUEUE: deliveries so far */
    struct slice vhost, name; /* QUEUE_DECLARE, EXCHANGE_*; of a binding: the source exchange */
    struct slice destination; /* of a binding with FACT_TO_EXCHANGE */
    struct slice type;        /* EXCHANGE_DECLARE */
    struct slice user;        /* EXCHANGE_DECLARE; empty: it does not say */
    struct slice arguments;
    struct slice routing_key;                /* of a binding or message */
    struct slice exchange, properties, body; /* MESSAGE; the body: what is behind its parts */
    uint32_t body_bytes;                     /* MESSAGE: all of it, with its parts */
    uint64_t parts_lsn;                      /* MESSAGE: of the first of its parts, or 0 */
    uint64_t time_ms;                        /* MESSAGE: since 1970, or 0: it does not say */
    enum definition_kind definition;         /* DEFINE, UNDEFINE */
    struct slice key, value;                 /* the same; the value: a table, DEFINE */
    uint32_t target_count;                   /* MESSAGE */
    struct slice targets;                    /* read with fact_target */
};

/* Appends the payload for RECORD, which is no message. */
void fact_encode(const struct store_record *record, struct buf *out);

/* A place that a message is for, as it stands in its record. */
#define FACT_TARGET_BYTES 16u
void fact_encode_target(uint64_t queue, uint64_t position, struct buf *out);

/* Appends the payload of a message but for its body, or what of that is not in parts, which
 * follows. PARTS_LSN is the first part's, or 0. */
void fact_encode_message(struct message *message, struct slice targets, uint64_t parts_lsn,
                         struct buf *out);

/* Reads a payload: 0, or -1 when it is malformed. */
int fact_decode(enum store_record_kind kind, struct slice payload, struct fact *fact)
    __attribute__((warn_unused_result));

/* The INDEXth place that a message went to. */
void fact_target(const struct fact *fact, uint32_t index, uint64_t *queue, uint64_t *position);

#endif
