/* SPDX-License-Identifier: Apache-2.0
 *
 * commit_log_parts: what the two sides of the log share: the engine's, which fills batches
 * (commit_log.c), and the writer's (commit_log_writer.c).
 */
#ifndef STOATMQ_PERSIST_COMMIT_LOG_PARTS_H
#define STOATMQ_PERSIST_COMMIT_LOG_PARTS_H

#include <pthread.h>
#include <time.h>

#include "persist/commit_log.h"

/* Bytes that belong in one segment, in a row. */
struct piece {
    uint64_t lsn; /* where the first belongs: its BATCH record */
    size_t begin; /* where it is in the batch's bytes */
    bool bare;    /* the segment's END, without a BATCH record */
};

struct batch {
    struct buf bytes;
    struct piece *pieces;
    unsigned piece_count, piece_capacity;
    unsigned pieces_written; /* the writer's */
    size_t given;            /* the writer's: bytes that the keeper has */
    uint64_t last_lsn;       /* of its last record */
    bool is_awaited;         /* somebody waits for it to be durable */
    bool is_lone;            /* nothing else is written before it is durable: write_through pays */
    struct batch *next;      /* which is to be written after it */
};

struct commit_log {
    struct io *io;
    struct keeper *keeper;
    uint8_t node_id[NODE_ID_BYTES];
    uint32_t epoch;
    void (*on_durable)(void *context);
    void *context;
    bool threadless;

    struct batch *filling; /* the engine's */
    uint64_t end_lsn;      /* the engine's: where the next record goes */

    int file; /* the writer's: the segment that is open, or -1 */
    uint64_t file_segment;
    int next_file; /* the writer's: the segment behind it, or -1 while that need not be there */
    bool is_dirty; /* the writer's: something in the file is written and not synced */
    struct timespec sync_by; /* when that is to change */
    uint8_t *blocks;         /* for write_through: the block in which the log ends; at first NULL */
    uint64_t blocks_end;     /* the log's end of which that is true, or 0 */
    bool has_no_through;     /* the file system does not know write_through */
    struct buf unsynced;     /* batches that are written and not synced; for the keeper */
    uint64_t written_end, written_lsn;
    uint64_t synced_end; /* the writer's: the log is durable up to here */

    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    struct batch *pending; /* for the writer, in order; none: it is free */
    struct batch **pending_end;
    struct batch *spare; /* came back from the writer */
    bool writing;        /* somebody has the file: the writer, or the engine in its place */
    bool stopping, full;
    bool is_refused; /* a flush found the writer at work: the engine waits to hear of its end */
    uint64_t usual_sync_ns;
    uint64_t durable_lsn, durable_end;
    int failure;
    struct commit_log_counters counters;
};

/* What a BATCH record takes; its payload is filled in by the writer, since only it knows. */
#define BATCH_RECORD_BYTES (RECORD_HEADER_BYTES + 8u)

/* A batch with no more bytes may be lone. */
#define LONE_BYTES (32u * 1024)

/* Frees a batch; NULL is none. */
void commit_log_free_batch(struct batch *batch);

/* --- commit_log_writer.c: the writer's thread ----------------------------------------------- */

/* Has SEGMENT's file open; makes it when the keeper has not. Its name is on the device then. */
int commit_log_use_segment(struct commit_log *log, uint64_t segment);

/* What was written is on the device when this returns 0. */
int commit_log_sync_file(struct commit_log *log);

/* Writes what is not written yet of BATCH. */
int commit_log_write_batch(struct commit_log *log, struct batch *batch);

/* Writes the first batch that is pending; with the lock held, which is let go meanwhile. It stays
 * when the disk is full, to be tried again. */
void commit_log_work(struct commit_log *log);

/* Syncs what nobody waited for; with the lock held, which is let go meanwhile. */
void commit_log_work_off(struct commit_log *log);

/* The thread. */
void *commit_log_run_writer(void *context);

#endif
