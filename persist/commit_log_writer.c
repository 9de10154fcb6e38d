/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "persist/commit_log_parts.h"
#include "server/base/check.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define FULL_RETRY_MS 500        /* between attempts to write to a full disk */
#define LAZY_MS       50         /* what nobody waits for is synced after that time, */
#define LAZY_BYTES    (1u << 20) /* or when it is so much */

static int create_segment(struct commit_log *log, uint64_t segment, const char *name)
{
    static const char *const temporary = "new.log";
    uint8_t header[SEGMENT_HEADER_BYTES];
    struct io *io = log->io;
    struct segment_header fields = {.version = LOG_FORMAT_VERSION, .segment = segment};
    memcpy(fields.node_id, log->node_id, NODE_ID_BYTES);
    segment_header_write(header, &fields);
    (void)io->remove(io, temporary); /* of an attempt that was cut short */
    int file = io->open(io, temporary, IO_CREATE);
    if (file < 0)
        return file;
    int status = io->allocate(io, file, SEGMENT_BYTES);
    if (status == 0)
        status = io->write(io, file, header, sizeof header, 0);
    if (status == 0)
        status = io->sync(io, file);
    if (status == 0)
        status = io->rename(io, temporary, name);
    if (status == 0)
        status = io->sync_directory(io);
    if (status < 0) {
        (void)io->close(io, file);
        (void)io->remove(io, temporary); /* it may be what fills the disk */
        return status;
    }
    return file;
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Counts VALUE in its bucket of a histogram. */
static void count_in(uint64_t buckets[LOG_BUCKETS], uint64_t value, uint64_t first)
{
    unsigned bucket = 0;
    while (bucket < LOG_BUCKETS - 1 && value > first << bucket)
        bucket++;
    buckets[bucket]++;
}

/* All that was written is on the device, by a sync that took SYNC_NS. */
static void note_synced(struct commit_log *log, uint64_t sync_ns)
{
    log->is_dirty = false;
    log->synced_end = log->written_end;
    pthread_mutex_lock(&log->lock);
    log->counters.syncs++;
    log->counters.sync_ns += sync_ns;
    log->usual_sync_ns = (7 * log->usual_sync_ns + sync_ns) / 8;
    count_in(log->counters.sync_times, sync_ns, SYNC_NS_FIRST);
    pthread_mutex_unlock(&log->lock);
}

/* What was written is on the device when this returns 0. */
int commit_log_sync_file(struct commit_log *log)
{
    if (!log->is_dirty)
        return 0;
    uint64_t start = clock_ns();
    int status = log->io->sync(log->io, log->file);
    if (status < 0)
        return status == -ENOSPC ? -EIO : status; /* nobody knows what is on the device: final */
    note_synced(log, clock_ns() - start);
    return 0;
}

/* Opens SEGMENT's file; makes it when the keeper has not. Its name is on the device then. */
static int open_segment(struct commit_log *log, uint64_t segment)
{
    char name[SEGMENT_NAME_BYTES];
    if (log->keeper != NULL)
        keeper_claim(log->keeper, segment);
    segment_name(segment, name);
    int file = log->io->open(log->io, name, IO_WRITE);
    if (file == -ENOENT) {
        file = create_segment(log, segment, name);
        if (file == -ENOSPC && log->keeper != NULL)
            keeper_disclaim(log->keeper, segment);
    } else if (file >= 0) {
        int status = log->io->sync_directory(log->io);
        if (status < 0) {
            (void)log->io->close(log->io, file);
            return status;
        }
    }
    return file;
}

int commit_log_use_segment(struct commit_log *log, uint64_t segment)
{
    if (log->file >= 0 && log->file_segment == segment)
        return 0;
    if (log->file >= 0) {
        int status = commit_log_sync_file(log);
        if (status < 0)
            return status;
        (void)log->io->close(log->io, log->file);
    }
    log->file = log->next_file >= 0 ? log->next_file : open_segment(log, segment);
    log->file_segment = segment;
    log->next_file = -1;
    return log->file < 0 ? log->file : 0;
}

/* Has the file behind the one in use, which is about to end. What was written so far is synced: if
 * there is no room for the file, the keeper may make some by what it finds in that. */
static int open_next_segment(struct commit_log *log)
{
    if (log->next_file >= 0)
        return 0;
    int status = commit_log_sync_file(log);
    if (status < 0)
        return status;
    log->next_file = open_segment(log, log->file_segment + 1);
    return log->next_file < 0 ? log->next_file : 0;
}

/* SIZE bytes were written at LSN, in WRITE_NS. */
static void note_written(struct commit_log *log, uint64_t lsn, size_t size, uint64_t write_ns)
{
    log->written_end = lsn + size;
    pthread_mutex_lock(&log->lock);
    log->counters.bytes += size;
    log->counters.writes++;
    log->counters.write_ns += write_ns;
    pthread_mutex_unlock(&log->lock);
}

/* Has PIECE's BATCH record, at the beginning of BYTES, say how far the log is durable. */
static void seal_piece(const struct commit_log *log, const struct piece *piece, uint8_t *bytes)
{
    if (piece->bare)
        return;
    put_le64(bytes + RECORD_HEADER_BYTES, log->synced_end);
    record_seal(bytes, RECORD_BATCH, log->epoch, piece->lsn,
                BATCH_RECORD_BYTES - RECORD_HEADER_BYTES);
}

static int write_piece(struct commit_log *log, const struct piece *piece, uint8_t *bytes,
                       size_t size)
{
    int status = commit_log_use_segment(log, lsn_segment(piece->lsn));
    if (status == 0 && piece->bare)
        status = open_next_segment(log);
    if (status < 0)
        return status;
    seal_piece(log, piece, bytes);
    uint64_t start = clock_ns();
    status = log->io->write(log->io, log->file, bytes, size, lsn_offset(piece->lsn));
    if (status < 0)
        return status;
    log->is_dirty = true;
    note_written(log, piece->lsn, size, clock_ns() - start);
    return 0;
}

/* The block in which the log ends, at LSN, is in log->blocks when this returns 0. */
static int keep_last_block(struct commit_log *log, uint64_t lsn)
{
    uint32_t used = lsn_offset(lsn) % IO_BLOCK_BYTES;
    if (log->blocks == NULL)
        log->blocks = aligned_alloc(IO_BLOCK_BYTES, LONE_BYTES + 2 * IO_BLOCK_BYTES);
    if (log->blocks == NULL)
        return -EOPNOTSUPP;
    if (log->blocks_end == lsn || used == 0)
        return 0;
    int64_t got = log->io->read(log->io, log->file, log->blocks, used, lsn_offset(lsn) - used);
    return got < 0 ? (int)got : got < used ? -EIO : 0;
}

/* Writes BATCH, which is lone, with the rest of its first block before it and zeros behind it.
 * -EOPNOTSUPP: it is to be written like others. */
static int write_through(struct commit_log *log, struct batch *batch)
{
    const struct piece *piece = &batch->pieces[0];
    size_t size = batch->bytes.size;
    if (log->is_dirty || log->has_no_through || batch->pieces_written > 0 || size > LONE_BYTES)
        return -EOPNOTSUPP;
    int status = commit_log_use_segment(log, lsn_segment(piece->lsn));
    if (status == 0)
        status = keep_last_block(log, piece->lsn);
    if (status < 0)
        return status;
    uint32_t used = lsn_offset(piece->lsn) % IO_BLOCK_BYTES;
    size_t end = used + size, blocks = (end + IO_BLOCK_BYTES - 1) / IO_BLOCK_BYTES;
    seal_piece(log, piece, batch->bytes.data);
    memcpy(log->blocks + used, batch->bytes.data, size);
    memset(log->blocks + end, 0, blocks * IO_BLOCK_BYTES - end);
    uint64_t start = clock_ns();
    status = log->io->write_through(log->io, log->file, log->blocks, blocks * IO_BLOCK_BYTES,
                                    lsn_offset(piece->lsn) - used);
    log->has_no_through = status == -EOPNOTSUPP;
    if (status < 0)
        return status;
    note_written(log, piece->lsn, size, 0);
    note_synced(log, clock_ns() - start);
    memmove(log->blocks, log->blocks + end / IO_BLOCK_BYTES * IO_BLOCK_BYTES, end % IO_BLOCK_BYTES);
    log->blocks_end = log->written_end;
    batch->pieces_written = 1;
    return 0;
}

/* Writes what is not written yet of BATCH. */
int commit_log_write_batch(struct commit_log *log, struct batch *batch)
{
    for (unsigned i = batch->pieces_written; i < batch->piece_count; i++) {
        size_t begin = batch->pieces[i].begin;
        size_t end = i + 1 < batch->piece_count ? batch->pieces[i + 1].begin : batch->bytes.size;
        int status = write_piece(log, &batch->pieces[i], batch->bytes.data + begin, end - begin);
        if (status < 0)
            return status;
        batch->pieces_written++;
    }
    return 0;
}

/* The disk is full, or not any more; with the lock held. */
static void set_full(struct commit_log *log, bool full)
{
    if (log->full == full)
        return;
    log->full = full;
    if (full)
        log_error("log_disk_full", LOG_NUM("segment", log->file_segment),
                  LOG_STR("hint", "nothing is confirmed until there is room: free disk space"));
    else
        log_info("log_disk_has_room", LOG_NUM("segment", log->file_segment));
}

static void fail(struct commit_log *log, int status)
{
    if (log->failure != 0)
        return;
    log->failure = status;
    log->is_dirty = false; /* never to be synced: that would succeed, and mean nothing */
    log_error("log_failed", LOG_STR("reason", strerror(-status)),
              LOG_NUM("segment", log->file_segment),
              LOG_STR("hint", "nothing more is confirmed; see to the disk and start again"));
}

/* Gives the keeper what is on the device: what was waiting to be, and of BATCH (on a full disk only
 * the beginning, by which it may find segments that can be used again). */
static void tell_keeper(struct commit_log *log, struct batch *batch)
{
    bool is_whole = batch->pieces_written == batch->piece_count;
    size_t end = is_whole ? batch->bytes.size : batch->pieces[batch->pieces_written].begin;
    if (log->keeper == NULL)
        return;
    if (log->unsynced.size > 0)
        keeper_give(log->keeper, &log->unsynced);
    if (batch->given == end)
        return;
    if (is_whole && batch->given == 0) {
        keeper_give(log->keeper, &batch->bytes);
        return;
    }
    struct buf part = {0};
    buf_bytes(&part, slice_of(batch->bytes.data + batch->given, end - batch->given));
    batch->given = end;
    keeper_give(log->keeper, &part);
    buf_fini(&part);
}

/* Writes what is left of BATCH, and syncs it when that is due. */
static int store_batch(struct commit_log *log, struct batch *batch, bool is_urgent)
{
    int status = batch->is_lone ? write_through(log, batch) : -EOPNOTSUPP;
    if (status == -EOPNOTSUPP)
        status = commit_log_write_batch(log, batch);
    if (status == 0) {
        log->written_lsn = batch->last_lsn;
        if (is_urgent || batch->is_awaited || log->unsynced.size + batch->bytes.size >= LAZY_BYTES)
            status = commit_log_sync_file(log);
    }
    if ((status == 0 || status == -ENOSPC) && !log->is_dirty)
        tell_keeper(log, batch);
    else if (status == 0)
        buf_bytes(&log->unsynced,
                  slice_of(batch->bytes.data + batch->given, batch->bytes.size - batch->given));
    return status;
}

static void recycle_batch(struct commit_log *log, struct batch *batch)
{
    batch->bytes.size = batch->given = 0;
    batch->piece_count = batch->pieces_written = 0;
    batch->is_awaited = batch->is_lone = false;
    batch->next = NULL;
    if (log->spare == NULL)
        log->spare = batch;
    else
        commit_log_free_batch(batch);
}

static struct timespec in_ms(unsigned ms)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += (long)ms * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static bool is_past(const struct timespec *time)
{
    struct timespec now = in_ms(0);
    return now.tv_sec != time->tv_sec ? now.tv_sec > time->tv_sec : now.tv_nsec >= time->tv_nsec;
}

/* What was written is durable, unless something is left to be synced; with the lock held. */
static void note_durable(struct commit_log *log)
{
    if (log->is_dirty)
        return;
    log->durable_lsn = log->written_lsn;
    log->durable_end = log->synced_end;
}

/* Writes the first batch that is pending; with the lock held, which is let go meanwhile. It stays
 * when the disk is full, to be tried again. */
void commit_log_work(struct commit_log *log)
{
    struct batch *batch = log->pending;
    bool was_dirty = log->is_dirty;
    bool is_urgent = log->stopping || (was_dirty && is_past(&log->sync_by));
    uint64_t bytes = batch->bytes.size; /* which the keeper takes */
    log->writing = true;
    pthread_mutex_unlock(&log->lock);
    int status = log->failure == 0 ? store_batch(log, batch, is_urgent) : log->failure;
    pthread_mutex_lock(&log->lock);
    log->writing = false;
    if (log->is_dirty && !was_dirty)
        log->sync_by = in_ms(LAZY_MS);
    set_full(log, status == -ENOSPC);
    if (status == -ENOSPC && !log->stopping)
        return;
    if (status == 0) {
        note_durable(log);
        log->counters.batches++;
        log->counters.batch_bytes += bytes;
        count_in(log->counters.batch_sizes, bytes, BATCH_BYTES_FIRST);
    } else {
        fail(log, status);
    }
    log->pending = batch->next;
    if (log->pending == NULL)
        log->pending_end = &log->pending;
    recycle_batch(log, batch);
}

/* Syncs what nobody waited for; with the lock held, which is let go meanwhile. */
void commit_log_work_off(struct commit_log *log)
{
    static struct batch nothing;
    log->writing = true;
    pthread_mutex_unlock(&log->lock);
    int status = commit_log_sync_file(log);
    if (status == 0)
        tell_keeper(log, &nothing);
    pthread_mutex_lock(&log->lock);
    log->writing = false;
    if (status == 0)
        note_durable(log);
    else
        fail(log, status);
}

/* Waits for a batch, or until one is to be tried again or what was written is to be synced; with
 * the lock held. What the engine writes it syncs too. */
static void wait_for_work(struct commit_log *log)
{
    if (log->writing || log->full || log->is_dirty) {
        struct timespec until = log->writing ? in_ms(LAZY_MS)
                                : log->full  ? in_ms(FULL_RETRY_MS)
                                             : log->sync_by;
        (void)pthread_cond_timedwait(&log->wake, &log->lock, &until);
    } else {
        pthread_cond_wait(&log->wake, &log->lock);
    }
}

void *commit_log_run_writer(void *context)
{
    struct commit_log *log = context;
    pthread_mutex_lock(&log->lock);
    while (!log->stopping || log->pending != NULL || log->is_dirty) {
        bool is_due = !log->writing && log->is_dirty && (log->stopping || is_past(&log->sync_by));
        if (log->writing || (log->pending == NULL && !is_due)) {
            wait_for_work(log);
            continue;
        }
        if (log->full && !log->stopping)
            wait_for_work(log);
        uint64_t durable_lsn = log->durable_lsn;
        if (log->pending == NULL)
            commit_log_work_off(log);
        else
            commit_log_work(log);
        if (log->durable_lsn == durable_lsn && log->failure == 0 && !log->full && !log->is_refused)
            continue; /* nobody has waited for that */
        log->is_refused = false;
        pthread_mutex_unlock(&log->lock);
        log->on_durable(log->context);
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}
