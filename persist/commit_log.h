/* SPDX-License-Identifier: Apache-2.0
 *
 * commit_log: the one sequence of records, written by a thread of its own. The engine's thread
 * appends to the batch that is being filled; commit_log_flush hands it over when the writer is
 * free, so that while one batch syncs the next fills; one that has grown large goes at once, and
 * waits its turn. The writer writes a batch with one write a segment, syncs it, and only then moves
 * durable_lsn. A lone small batch the engine writes itself. A write or sync that fails is final:
 * nothing after it becomes durable, and commit_log_failure says why. A full disk is not: the batch
 * is tried again until there is room.
 */
#ifndef STOATMQ_PERSIST_COMMIT_LOG_H
#define STOATMQ_PERSIST_COMMIT_LOG_H

#include "persist/io.h"
#include "persist/keeper.h"
#include "persist/record.h"
#include "server/base/buf.h"

struct commit_log;

struct commit_log_config {
    struct io *io; /* borrowed */
    uint8_t node_id[NODE_ID_BYTES];
    uint32_t epoch;                    /* above all in the log */
    uint64_t end_lsn;                  /* where the log goes on: behind the last valid record, or
                                          segment_first_lsn(1) of an empty one */
    uint64_t known_lsn;                /* up to here it is on the device; what is behind may be in
                                          the system's memory only. Not above end_lsn */
    struct keeper *keeper;             /* borrowed: is given what is durable; or NULL */
    void (*on_durable)(void *context); /* from the writer's thread, when durable_lsn has moved, the
                                          log has failed, the disk is full, or a flush found the
                                          writer at work and is to be repeated */
    void *context;
};

/* Opens the log for writing, with the new epoch on the device, and starts the writer unless
 * THREADLESS (then commit_log_flush writes by itself: simulations). NULL with a negative errno in
 * STATUS when the segment cannot be had. */
struct commit_log *commit_log_open(const struct commit_log_config *config, bool threadless,
                                   int *status);

/* Writes what is appended, ends the writer and frees. */
void commit_log_close(struct commit_log *log);

/* Appends a record; its payload is A followed by B. Returns its LSN. The payload is at most
 * RECORD_PAYLOAD_MAX. */
uint64_t commit_log_append(struct commit_log *log, uint8_t type, struct slice a, struct slice b);

/* As commit_log_append, of what nobody waits for: it is written with the others, but synced only
 * with something that is waited for, or a little later (50 ms). */
uint64_t commit_log_append_lazy(struct commit_log *log, uint8_t type, struct slice a,
                                struct slice b);

/* Hands what was appended to the writer when it is so much that it should not wait for the flush.
 * Not between records that are one transaction: what is durable of the log would end among them. */
void commit_log_relieve(struct commit_log *log);

/* Hands what was appended to the writer, if that is free; else when it is, at a later flush. What
 * nobody waits for is held, so that it can go with something that is waited for. AT_LEISURE: the
 * caller has nothing better to do than to wait for the disk; a small batch is durable then when
 * this returns, if the device is quick. */
void commit_log_flush(struct commit_log *log, bool at_leisure);

/* Is something held? Then commit_log_flush_lazy is to be called, a few milliseconds later. */
bool commit_log_is_holding(const struct commit_log *log);

/* As commit_log_flush, of all that was appended. */
void commit_log_flush_lazy(struct commit_log *log);

/* Records with an LSN up to this are on the device. */
uint64_t commit_log_durable_lsn(struct commit_log *log);

/* Bytes appended that are not durable yet. */
uint64_t commit_log_unwritten(struct commit_log *log);

/* 0, or the negative errno that ended the log. */
int commit_log_failure(struct commit_log *log);

/* The disk is full: what waits will become durable when there is room. */
bool commit_log_is_full(struct commit_log *log);

/* Buckets of the histograms below: the first's limit, each double the one before, and one for what
 * is above all. */
#define SYNC_NS_FIRST     32768u
#define BATCH_BYTES_FIRST 256u
enum { LOG_BUCKETS = 20 };

struct commit_log_counters {
    uint64_t batches, syncs, bytes; /* handed over; and what went to the device for them */
    uint64_t batch_bytes;           /* of the batches, which are bytes but for repetitions */
    uint64_t writes, write_ns, sync_ns;
    uint64_t sync_times[LOG_BUCKETS];  /* syncs by what each took, */
    uint64_t batch_sizes[LOG_BUCKETS]; /* and batches by their bytes */
};

struct commit_log_counters commit_log_count(struct commit_log *log);

#endif
