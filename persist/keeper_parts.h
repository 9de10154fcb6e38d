/* SPDX-License-Identifier: Apache-2.0
 *
 * keeper_parts: what the keeper's files share. All of it is the keeper's thread's, but for what
 * `lock` guards.
 */
#ifndef STOATMQ_PERSIST_KEEPER_PARTS_H
#define STOATMQ_PERSIST_KEEPER_PARTS_H

#include <pthread.h>

#include "persist/keeper.h"
#include "persist/segment_reader.h"

#define KEEPER_INDEXES       32
#define KEEPER_SPARE_BUFFERS 4

struct keeper_batch {
    struct keeper_batch *next;
    struct buf bytes;
};

struct keeper_fetch {
    struct keeper_fetch *next;
    uint64_t queue_id;
    struct store_fetch fetch;
    uint64_t positions[]; /* the fetch's */
};

struct keeper_answer {
    struct keeper_answer *next;
    struct store_answer answer;
};

/* A place in the segment that is being emptied. */
struct keeper_place {
    uint64_t queue, position;
    uint32_t offset;
};

/* The segment that is being emptied: what lived in it when that began. */
struct keeper_emptying {
    uint64_t segment; /* 0: none */
    struct keeper_place *places;
    size_t count, next;
    uint64_t given; /* places, all in all; done when inventory.moves says the same */
};

struct keeper {
    struct io *io;
    uint8_t node_id[NODE_ID_BYTES];
    struct inventory inventory;
    struct segment_reader reader;
    struct segment_index indexes[KEEPER_INDEXES]; /* segment 0: free */
    uint64_t index_used[KEEPER_INDEXES], index_clock;
    bool threadless;
    void (*on_work)(void *context);
    void *context;

    struct checkpoint checkpoint; /* the last on the device */
    struct checkpoint next_checkpoint;
    struct buf next_bytes; /* of a checkpoint to be written; empty: none */
    uint64_t *dead;        /* segments that the next checkpoint does not need */
    size_t dead_count, dead_capacity;

    uint64_t segment;   /* the highest with records on the device */
    uint32_t filled;    /* how much of it */
    uint64_t next_lsn;  /* behind the last record that was followed */
    uint64_t found_lsn; /* where an earlier run's log ended, which need not be on the device */
    unsigned spares;    /* files spare-0.log and so on */
    int making;         /* the file that is being made a spare, or -1 */
    uint64_t made;      /* bytes of it */
    struct keeper_emptying emptying;

    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake, taken;
    struct keeper_batch *batches, **batches_end;
    uint64_t waiting_bytes;
    struct buf spare_bytes[KEEPER_SPARE_BUFFERS]; /* for keeper_give to leave */
    unsigned spare_buffers;
    struct keeper_fetch *fetches, **fetches_end;
    struct keeper_answer *answers, **answers_end;
    struct keeper_move *moves, **moves_end;
    uint64_t claimed, prepared; /* segments: that the writer has begun; whose file is there */
    bool stopping, full, tight;
    bool gathering; /* waits for more than small batches */
    struct keeper_counters counters;
};

/* --- keeper_segments.c: files -------------------------------------------------------------- */

/* Finds the spare files that an earlier run left, and what nothing needs. */
void keeper_find_files(struct keeper *keeper);

/* One step towards a file for the next segment. True: there is more to do at once. */
bool keeper_prepare(struct keeper *keeper);

/* The inventory stands where a segment begins: makes a checkpoint ready to be written when one is
 * due. */
void keeper_segment_ended(struct keeper *keeper);

/* Makes a checkpoint ready when one would free much; true: it did. */
bool keeper_consider_checkpoint(struct keeper *keeper);

/* Writes it, and has the files that it does not need used again. False: it could not be written;
 * on a full disk it is to be tried again. */
bool keeper_finish_checkpoint(struct keeper *keeper);

/* --- keeper_read.c: messages ---------------------------------------------------------------- */

/* The index of SEGMENT, from the cache, its file or the segment; NULL with a negative errno in
 * STATUS. Not of the segment that is being written. */
const struct segment_index *keeper_index(struct keeper *keeper, uint64_t segment, int *status);

/* The inventory's index of the segment that has ended is complete. */
void keeper_keep_index(struct keeper *keeper);
void keeper_forget_index(struct keeper *keeper, uint64_t segment);

/* Answers FETCH. */
void keeper_read(struct keeper *keeper, uint64_t queue_id, const struct store_fetch *fetch,
                 struct store_answer *answer);

/* Tells people that what stands at LSN cannot be read. */
void keeper_complain(uint64_t lsn, int status);

/* --- keeper_empty.c: emptying segments ------------------------------------------------------ */

/* One step of it. True: there is more to do at once. */
bool keeper_empty(struct keeper *keeper);
void keeper_empty_fini(struct keeper *keeper);

/* Gives the engine MOVE to append. */
void keeper_push_move(struct keeper *keeper, struct keeper_move *move);

#endif
