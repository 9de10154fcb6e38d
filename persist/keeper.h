/* SPDX-License-Identifier: Apache-2.0
 *
 * keeper: looks after the log behind its writer, on a thread of its own. It follows what becomes
 * durable in an inventory, reads messages back for the engine, makes the next segment before it is
 * needed, writes indexes and checkpoints, empties segments in which little lives, and has the files
 * of dead ones used again.
 */
#ifndef STOATMQ_PERSIST_KEEPER_H
#define STOATMQ_PERSIST_KEEPER_H

#include "exchange/store.h"
#include "persist/checkpoint.h"
#include "persist/inventory.h"
#include "persist/io.h"

struct keeper;

struct keeper_config {
    struct io *io; /* borrowed */
    uint8_t node_id[NODE_ID_BYTES];
    struct inventory *inventory;    /* taken: what recovery found */
    struct checkpoint checkpoint;   /* the last; lsn 0: there is none */
    uint64_t end_lsn;               /* where the log goes on */
    void (*on_work)(void *context); /* from the keeper's thread: there are answers or moves */
    void *context;
};

/* A new keeper, with its thread unless THREADLESS (then calls work by themselves: simulations). */
struct keeper *keeper_new(const struct keeper_config *config, bool threadless);

/* Follows what it was given, ends the thread and frees; answers and moves that nobody took go. */
void keeper_free(struct keeper *keeper);

/* The writer's thread: BYTES, records as they stand in the log, are on the device. Takes them, and
 * leaves an empty buffer. Waits while too much is waiting to be followed. */
void keeper_give(struct keeper *keeper, struct buf *bytes);

/* The writer's thread: SEGMENT is going to be used; when there is no file for it by now, the caller
 * makes it, and the keeper does not. */
void keeper_claim(struct keeper *keeper, uint64_t segment);

/* The writer's thread: there is no room for SEGMENT, which it had claimed. The keeper may have a
 * file for it, now or later. */
void keeper_disclaim(struct keeper *keeper, uint64_t segment);

/* The engine's thread: see store.h. QUEUE_ID is the queue's number. */
void keeper_fetch(struct keeper *keeper, uint64_t queue_id, const struct store_fetch *fetch);
bool keeper_fetched(struct keeper *keeper, struct store_answer *answer);

/* A message that is to be appended again, since its segment is given up. */
struct keeper_move {
    struct keeper_move *next;
    struct message *message;
    struct buf targets; /* fact_encode_target */
};

/* The engine's thread: takes the next move, which is its own then (keeper_move_free); NULL when
 * there is none. */
struct keeper_move *keeper_take_move(struct keeper *keeper);
void keeper_move_free(struct keeper_move *move);

/* Any thread: whether there is little room on the disk, so that space is given back at once. */
void keeper_set_tight(struct keeper *keeper, bool tight);

struct keeper_counters {
    uint64_t segments, spare_segments; /* in use; kept to be used */
    uint64_t segments_recycled, segments_emptied;
    uint64_t checkpoints, checkpoint_bytes;
    uint64_t messages_moved, messages_read;
    uint64_t reads, bytes_read, read_ns; /* of segments */
};

/* Any thread. */
struct keeper_counters keeper_count(struct keeper *keeper);

/* The disk is full: the next segment cannot be made. Any thread. */
bool keeper_is_full(struct keeper *keeper);

#endif
