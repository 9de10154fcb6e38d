/* SPDX-License-Identifier: Apache-2.0
 *
 * inventory: what lives in the log, and where. It is told the log's records in their order: by
 * recovery, and behind the log's writer while the broker runs; so both know the same, and a
 * checkpoint (checkpoint.h) is nothing but an inventory in a file. Of messages it knows which
 * segment they are in, not their contents: runs of positions, a queue's in one segment, with a bit
 * for each that is gone once they do not go in order. One thread at a time.
 */
#ifndef STOATMQ_PERSIST_INVENTORY_H
#define STOATMQ_PERSIST_INVENTORY_H

#include "exchange/position.h"
#include "persist/record.h"
#include "persist/segment_index.h"
#include "server/base/list.h"
#include "server/base/map.h"

struct inventory_segment {
    uint64_t number;
    uint32_t stored, live; /* places of messages in it: ever, and now */
    bool stuck;            /* it was emptied as far as that went */
    uint64_t needs_from;   /* the first segment in which parts of its messages are: itself mostly */
    struct list runs;      /* struct inventory_run.by_segment */
};

/* Messages of one queue in one segment: COUNT of the positions [base, base + span) live. */
struct inventory_run {
    struct list_node by_segment;
    struct inventory_segment *segment;
    struct inventory_queue *queue;
    uint64_t base;
    uint32_t span;
    uint32_t first; /* what is before is gone: the first that lives */
    uint32_t live;
    uint64_t *gone; /* a bit for each: gone, or never was; NULL: none behind first */
    uint32_t gone_words;
    uint32_t *counts; /* deliveries of each that came back; NULL: none did */
    uint32_t counts_capacity;
};

/* A queue's runs, in order of position. */
struct inventory_runs {
    struct inventory_run **runs; /* within the block */
    uint32_t count;
    struct inventory_run **block;
    uint32_t capacity; /* of the block */
};

/* Of a queue with priorities: what it has at one level (exchange/position.h). */
struct inventory_level {
    uint64_t next_position; /* above all that were ever stored at it */
    uint64_t undelivered;   /* by STORE_STOP: none from there on, of this level, was delivered */
    uint64_t live, bytes;   /* as the queue's */
};

struct inventory_queue {
    uint8_t key[sizeof(uint64_t)]; /* its id, for the map */
    uint64_t id;
    struct slice declared;  /* owned: the payload that declared it; empty: it is not durable, and
                               here for what was paged out of it */
    uint64_t next_position; /* above all that were ever stored for it; with priorities: above the
                               numbers of all positions */
    uint64_t undelivered;   /* by STORE_STOP: none from there on was delivered */
    uint64_t stopped;       /* inventory.changes then */
    uint8_t max_priority;   /* 0: its messages are of one level */
    struct inventory_level *levels; /* with priorities: as many and one more, or NULL: none yet */
    bool timed;                     /* some of its messages may say when they were put into it */
    uint64_t live, bytes; /* what survives a restart: messages, and the size of their bodies */
    struct inventory_runs stored, paged;
};

/* Something that was declared or defined: an exchange, a binding, a definition. */
struct inventory_fact {
    uint64_t lsn;
    uint32_t key_bytes, payload_bytes;
    uint8_t bytes[]; /* the key, the payload */
};

struct inventory {
    struct map queues;              /* id -> struct inventory_queue */
    struct map exchanges, bindings; /* -> struct inventory_fact */
    struct map definitions;         /* the same: the payload that would end it, and the value */
    struct inventory_segment **segments; /* by number, ascending */
    size_t segment_count, segment_capacity;
    uint64_t last_queue_id;
    uint64_t moves;   /* places in STORE_MOVED records so far */
    uint64_t changes; /* all that are no STORE_STOP */
    bool recovering;  /* paged messages are of an earlier run: they are passed over */
    uint32_t epoch;   /* of the last record */
    bool in_transaction, in_parts;
    struct buf transaction;             /* records since TX_BEGIN */
    struct index_builder index;         /* of the segment at hand */
    struct inventory_queue *last_queue; /* that was looked up */
};

void inventory_init(struct inventory *inventory);
void inventory_fini(struct inventory *inventory);

/* The next record. 0; 1: the record was the END of a segment, whose index is complete
 * (inventory->index) unless a transaction goes on; -EBADMSG: it makes no sense here. */
int inventory_apply(struct inventory *inventory, const struct record *record)
    __attribute__((warn_unused_result));

/* Nothing is under way (a transaction, a message in parts) that began before: a checkpoint may be
 * made here. */
static inline bool inventory_is_between(const struct inventory *inventory)
{
    return !inventory->in_transaction && !inventory->in_parts;
}

struct inventory_queue *inventory_find(struct inventory *inventory, uint64_t id);

/* Segment NUMBER, or NULL. */
struct inventory_segment *inventory_segment(const struct inventory *inventory, uint64_t number);

/* A message of a queue. */
struct inventory_place {
    struct inventory_run *run;
    uint64_t position;
    uint32_t delivery_count;
    bool paged;
};

/* The first message of QUEUE at POSITION or behind it; false when there is none. */
bool inventory_next(const struct inventory_queue *queue, uint64_t position,
                    struct inventory_place *place);

/* The message of QUEUE at POSITION; false when there is none. */
bool inventory_at(const struct inventory_queue *queue, uint64_t position,
                  struct inventory_place *place);

/* What is left of a queue at one level. */
struct inventory_left {
    uint64_t first, end;   /* positions from FIRST on and below END */
    uint64_t count, bytes; /* messages at these, and the size of their bodies */
    uint64_t undelivered;  /* none from there on was ever delivered: known when the last run ended
                              in order */
};

/* Fills in LEFT for LEVEL of QUEUE; false when nothing is left at it. */
bool inventory_left(const struct inventory *inventory, const struct inventory_queue *queue,
                    uint32_t level, struct inventory_left *left);

/* Does anything that lives need segment NUMBER? */
bool inventory_needs(const struct inventory *inventory, uint64_t number);

/* Forgets a segment that nothing needs. */
void inventory_forget(struct inventory *inventory, uint64_t number);

/* Drops bindings whose ends are gone: those are not taken out one by one. */
void inventory_drop_stale(struct inventory *inventory);

/* --- for checkpoint.c --- */

struct inventory_queue *inventory_add_queue(struct inventory *inventory, uint64_t id,
                                            struct slice declared);
struct inventory_segment *inventory_add_segment(struct inventory *inventory, uint64_t number);
/* QUEUE's level LEVEL; NULL: it has no priorities, or not this level. */
struct inventory_level *inventory_level(struct inventory_queue *queue, uint32_t level);
void inventory_add_fact(struct map *map, uint64_t lsn, struct slice key, struct slice payload);

#endif
