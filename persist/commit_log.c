/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A batch is a run of bytes as they will stand in the files, cut into pieces where a
 * segment ends; each piece starts with a BATCH record that says how far the log was durable before
 * it. Recovery tells by that a torn end (nothing behind it knows of it) from damage in the middle
 * (something behind it does). The writer fills the BATCH records in, since only it knows.
 */
#include "persist/commit_log.h"

#include <errno.h>
#include <stdlib.h>

#include "persist/commit_log_parts.h"
#include "server/base/check.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define COPY_BYTES (1u << 20)
#define HELD_MAX   (64u * 1024) /* bytes that nobody waits for and that are held all the same */
/* Bytes at which a batch goes to the writer, full or not: confirms of what is in it come while what
 * follows is written, so that producers and disk do not take turns. */
#define BATCH_MAX (1024u * 1024)
/* A lone batch is written by the engine itself, if the device is this quick of late: to hand it
 * over and to hear of it again would take as long. */
#define HERE_SYNC_NS 500000u

/* --- filling a batch: the engine's side --------------------------------------------------- */

static struct batch *new_batch(void)
{
    return mem_zalloc(sizeof(struct batch));
}

void commit_log_free_batch(struct batch *batch)
{
    if (batch == NULL)
        return;
    buf_fini(&batch->bytes);
    mem_free(batch->pieces);
    mem_free(batch);
}

/* A record whose payload is A and B, at the end of the batch and of the log. */
static uint64_t put_record(struct commit_log *log, uint8_t type, struct slice a, struct slice b)
{
    struct buf *bytes = &log->filling->bytes;
    uint32_t payload_bytes = (uint32_t)(a.size + b.size);
    uint32_t total = record_bytes(payload_bytes);
    uint8_t *at = buf_reserve(bytes, total);
    memset(at + total - RECORD_ALIGNMENT, 0,
           RECORD_ALIGNMENT); /* padding, first: the payload may overlap it */
    if (a.size > 0)
        memcpy(at + RECORD_HEADER_BYTES, a.data, a.size);
    if (b.size > 0)
        memcpy(at + RECORD_HEADER_BYTES + a.size, b.data, b.size);
    record_seal(at, type, log->epoch, log->end_lsn, payload_bytes);
    bytes->size += total;
    uint64_t lsn = log->end_lsn;
    log->end_lsn += total;
    log->filling->last_lsn = lsn;
    return lsn;
}

/* Is there room in the segment for a record of BYTES? An END must find room behind it. */
static bool has_room(const struct commit_log *log, uint32_t bytes)
{
    return SEGMENT_BYTES - lsn_offset(log->end_lsn) >= bytes + RECORD_HEADER_BYTES;
}

static void add_piece(struct commit_log *log, bool bare)
{
    struct batch *batch = log->filling;
    if (batch->piece_count == batch->piece_capacity) {
        batch->piece_capacity = batch->piece_capacity == 0 ? 4 : batch->piece_capacity * 2;
        batch->pieces = mem_realloc(batch->pieces, batch->piece_capacity * sizeof *batch->pieces);
    }
    batch->pieces[batch->piece_count++] = (struct piece){log->end_lsn, batch->bytes.size, bare};
}

static void begin_piece(struct commit_log *log)
{
    static const uint8_t unknown[8]; /* filled in by the writer */
    bool bare = !has_room(log, BATCH_RECORD_BYTES);
    add_piece(log, bare);
    if (!bare)
        put_record(log, RECORD_BATCH, slice_of(unknown, sizeof unknown), SLICE_EMPTY);
}

/* Ends the segment: what is left of it is the payload of an END, which is not written. It is a
 * piece of its own, since the next segment's file must be there first. */
static void end_segment(struct commit_log *log)
{
    struct batch *batch = log->filling;
    if (!batch->pieces[batch->piece_count - 1].bare)
        add_piece(log, true);
    uint32_t left = SEGMENT_BYTES - lsn_offset(log->end_lsn);
    uint8_t *at = buf_reserve(&batch->bytes, RECORD_HEADER_BYTES);
    record_seal(at, RECORD_END, log->epoch, log->end_lsn, left - RECORD_HEADER_BYTES);
    batch->bytes.size += RECORD_HEADER_BYTES;
    batch->last_lsn = log->end_lsn;
    log->end_lsn = segment_first_lsn(lsn_segment(log->end_lsn) + 1);
}

/* Makes the batch that was filled the writer's; with the lock held. */
static void hand_over(struct commit_log *log)
{
    *log->pending_end = log->filling;
    log->pending_end = &log->filling->next;
    log->filling = log->spare != NULL ? log->spare : new_batch();
    log->spare = NULL;
}

void commit_log_relieve(struct commit_log *log)
{
    if (log->filling->bytes.size < BATCH_MAX || log->threadless)
        return;
    pthread_mutex_lock(&log->lock);
    hand_over(log);
    pthread_mutex_unlock(&log->lock);
    pthread_cond_signal(&log->wake);
}

uint64_t commit_log_append_lazy(struct commit_log *log, uint8_t type, struct slice a,
                                struct slice b)
{
    CHECK(a.size + b.size <= RECORD_PAYLOAD_MAX);
    uint32_t total = record_bytes((uint32_t)(a.size + b.size));
    if (log->filling->piece_count == 0)
        begin_piece(log);
    if (!has_room(log, total)) {
        end_segment(log);
        begin_piece(log);
    }
    return put_record(log, type, a, b);
}

uint64_t commit_log_append(struct commit_log *log, uint8_t type, struct slice a, struct slice b)
{
    log->filling->is_awaited = true;
    return commit_log_append_lazy(log, type, a, b);
}

/* Writes what was filled, here and now. */
static void flush_threadless(struct commit_log *log)
{
    pthread_mutex_lock(&log->lock);
    if (log->filling->piece_count > 0 && log->pending == NULL)
        hand_over(log);
    if (log->pending != NULL)
        commit_log_work(log);
    pthread_mutex_unlock(&log->lock);
}

void commit_log_flush_lazy(struct commit_log *log)
{
    if (log->threadless) {
        flush_threadless(log);
        return;
    }
    if (log->filling->piece_count == 0)
        return;
    pthread_mutex_lock(&log->lock);
    log->is_refused = log->pending != NULL;
    if (!log->is_refused)
        hand_over(log);
    pthread_mutex_unlock(&log->lock);
    pthread_cond_signal(&log->wake); /* without the lock, which is the first thing that it takes */
}

/* May the engine write what was filled? Not where that makes a file, and not while the writer has
 * something to do; with the lock held. */
static bool may_write_here(const struct commit_log *log)
{
    return log->pending == NULL && !log->writing && !log->full && log->failure == 0 &&
           (log->usual_sync_ns <= HERE_SYNC_NS || log->threadless) &&
           log->filling->piece_count == 1 &&
           lsn_segment(log->filling->pieces[0].lsn) == log->file_segment;
}

/* Writes what was filled in the writer's place; false: that is for the writer. */
static bool write_here(struct commit_log *log)
{
    pthread_mutex_lock(&log->lock);
    bool may = may_write_here(log);
    if (may) {
        log->filling->is_lone = true;
        hand_over(log);
        commit_log_work(log);
    }
    bool went_wrong = log->failure != 0 || log->full;
    pthread_mutex_unlock(&log->lock);
    if (may && went_wrong) { /* the writer sees to it, and says so */
        pthread_cond_signal(&log->wake);
        log->on_durable(log->context);
    }
    return may;
}

void commit_log_flush(struct commit_log *log, bool at_leisure)
{
    const struct batch *batch = log->filling;
    if (at_leisure && batch->is_awaited && batch->bytes.size <= LONE_BYTES && write_here(log))
        return;
    if (log->threadless || batch->is_awaited || batch->bytes.size >= HELD_MAX)
        commit_log_flush_lazy(log);
}

bool commit_log_is_holding(const struct commit_log *log)
{
    return log->filling->piece_count > 0 && !log->filling->is_awaited;
}

/* --- what is known ------------------------------------------------------------------------ */

uint64_t commit_log_durable_lsn(struct commit_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint64_t lsn = log->durable_lsn;
    pthread_mutex_unlock(&log->lock);
    return lsn;
}

uint64_t commit_log_unwritten(struct commit_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint64_t durable_end = log->durable_end;
    pthread_mutex_unlock(&log->lock);
    return log->end_lsn - durable_end;
}

int commit_log_failure(struct commit_log *log)
{
    pthread_mutex_lock(&log->lock);
    int failure = log->failure;
    pthread_mutex_unlock(&log->lock);
    return failure;
}

bool commit_log_is_full(struct commit_log *log)
{
    pthread_mutex_lock(&log->lock);
    bool full = log->full;
    pthread_mutex_unlock(&log->lock);
    return full;
}

struct commit_log_counters commit_log_count(struct commit_log *log)
{
    pthread_mutex_lock(&log->lock);
    struct commit_log_counters counters = log->counters;
    pthread_mutex_unlock(&log->lock);
    return counters;
}

/* --- life --------------------------------------------------------------------------------- */

static void free_log(struct commit_log *log)
{
    if (log->file >= 0)
        (void)log->io->close(log->io, log->file);
    if (log->next_file >= 0)
        (void)log->io->close(log->io, log->next_file);
    commit_log_free_batch(log->filling);
    while (log->pending != NULL) {
        struct batch *batch = log->pending;
        log->pending = batch->next;
        commit_log_free_batch(batch);
    }
    commit_log_free_batch(log->spare);
    buf_fini(&log->unsynced);
    free(log->blocks);
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lock);
    mem_free(log);
}

/* Reads the open segment's bytes in [FROM, TO) and writes them again as they are. */
static int rewrite(struct commit_log *log, uint32_t from, uint32_t to)
{
    uint8_t *bytes = mem_alloc(COPY_BYTES);
    int status = 0;
    while (status == 0 && from < to) {
        uint32_t size = to - from < COPY_BYTES ? to - from : COPY_BYTES;
        int64_t got = log->io->read(log->io, log->file, bytes, size, from);
        if (got < 0)
            status = (int)got;
        else if (got < size)
            status = -EIO;
        else
            status = log->io->write(log->io, log->file, bytes, size, from);
        from += size;
    }
    mem_free(bytes);
    return status;
}

/* What an earlier run wrote last is relied on from now on: it must be on the device. The system may
 * have it in memory only, and after a sync that failed no other sync would write it: so it is
 * written again. The name of the segment that was made last may not be on the device either. */
static int secure_tail(struct commit_log *log, uint64_t known_lsn, uint64_t end_lsn)
{
    int status = log->io->sync_directory(log->io);
    uint64_t last = lsn_segment(end_lsn);
    for (uint64_t segment = lsn_segment(known_lsn); status == 0 && segment <= last; segment++) {
        bool is_first = segment == lsn_segment(known_lsn);
        status = commit_log_use_segment(log, segment);
        if (status == 0)
            status = rewrite(log, is_first ? lsn_offset(known_lsn) : SEGMENT_HEADER_BYTES,
                             segment == last ? lsn_offset(end_lsn) : SEGMENT_BYTES);
        if (status == 0)
            status = log->io->sync(log->io, log->file);
    }
    return status;
}

/* Puts the epoch on the device, before anything else of it: no other run may ever use the same, or
 * what is left of the one that was cut short would read as what the other wrote. */
static int claim_epoch(struct commit_log *log)
{
    begin_piece(log);
    if (log->filling->pieces[0].bare) {
        end_segment(log);
        begin_piece(log);
    }
    int status = commit_log_write_batch(log, log->filling);
    if (status == 0)
        status = commit_log_sync_file(log);
    log->durable_end = log->synced_end;
    log->filling->bytes.size = 0;
    log->filling->piece_count = log->filling->pieces_written = 0;
    return status;
}

struct commit_log *commit_log_open(const struct commit_log_config *config, bool threadless,
                                   int *status)
{
    struct commit_log *log = mem_zalloc(sizeof *log);
    log->io = config->io;
    log->keeper = config->keeper;
    memcpy(log->node_id, config->node_id, NODE_ID_BYTES);
    log->epoch = config->epoch;
    log->on_durable = config->on_durable;
    log->context = config->context;
    log->threadless = threadless;
    log->filling = new_batch();
    log->pending_end = &log->pending;
    log->end_lsn = log->written_end = log->synced_end = log->durable_end = config->end_lsn;
    log->file = log->next_file = -1;
    CHECK(pthread_mutex_init(&log->lock, NULL) == 0 && pthread_cond_init(&log->wake, NULL) == 0);
    *status = secure_tail(log, config->known_lsn, config->end_lsn);
    if (*status == 0)
        *status = claim_epoch(log);
    if (*status == 0 && !threadless)
        *status = -pthread_create(&log->thread, NULL, commit_log_run_writer, log);
    if (*status == 0)
        return log;
    free_log(log);
    return NULL;
}

void commit_log_close(struct commit_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
    if (!log->threadless)
        CHECK(pthread_join(log->thread, NULL) == 0);
    log->threadless = true; /* what was filled meanwhile is written here */
    commit_log_flush_lazy(log);
    pthread_mutex_lock(&log->lock);
    if (log->is_dirty)
        commit_log_work_off(log);
    pthread_mutex_unlock(&log->lock);
    free_log(log);
}
