/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A batch is a run of bytes as they will stand in the files, cut into pieces where a
 * segment ends; each piece starts with a BATCH record that says how far the log was durable before
 * it. Recovery tells by that a torn end (nothing behind it knows of it) from damage in the middle
 * (something behind it does). The writer fills the BATCH records in, since only it knows.
 */
#include "persist/commit_log.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "server/base/check.h"
#include "server/base/log.h"
#include "server/base/mem.h"

/* Bytes that belong in one segment, in a row. */
struct piece {
    uint64_t lsn; /* where the first belongs: its BATCH record */
    size_t begin; /* where it is in the batch's bytes */
    bool bare;    /* no BATCH record: there was room for the segment's END only */
};

struct batch {
    struct buf bytes;
    struct piece *pieces;
    unsigned piece_count, piece_capacity;
    unsigned pieces_written; /* the writer's */
    size_t given;            /* the writer's: bytes that the keeper has */
    uint64_t last_lsn;       /* of its last record */
    bool is_awaited;         /* somebody waits for it to be durable */
};

#define COPY_BYTES    (1u << 20)
#define FULL_RETRY_MS 500        /* between attempts to write to a full disk */
#define LAZY_MS       50         /* what nobody waits for is synced after that time, */
#define LAZY_BYTES    (1u << 20) /* or when it is so much */

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
    bool is_dirty;           /* the writer's: something in the file is written and not synced */
    struct timespec sync_by; /* when that is to change */
    struct buf unsynced;     /* batches that are written and not synced; for the keeper */
    uint64_t written_end, written_lsn;
    uint64_t synced_end; /* the writer's: the log is durable up to here */

    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    struct batch *pending; /* for the writer; empty: it is free */
    struct batch *spare;   /* came back from the writer */
    bool writing, stopping, full;
    uint64_t durable_lsn, durable_end;
    int failure;
    struct commit_log_counters counters;
};

/* --- filling a batch: the engine's side --------------------------------------------------- */

static struct batch *new_batch(void)
{
    return mem_zalloc(sizeof(struct batch));
}

static void free_batch(struct batch *batch)
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

#define BATCH_RECORD_BYTES (RECORD_HEADER_BYTES + 8u)

/* Is there room in the segment for a record of BYTES? An END must find room behind it. */
static bool has_room(const struct commit_log *log, uint32_t bytes)
{
    return SEGMENT_BYTES - lsn_offset(log->end_lsn) >= bytes + RECORD_HEADER_BYTES;
}

static void begin_piece(struct commit_log *log)
{
    static const uint8_t unknown[8]; /* filled in by the writer */
    struct batch *batch = log->filling;
    bool bare = !has_room(log, BATCH_RECORD_BYTES);
    if (batch->piece_count == batch->piece_capacity) {
        batch->piece_capacity = batch->piece_capacity == 0 ? 4 : batch->piece_capacity * 2;
        batch->pieces = mem_realloc(batch->pieces, batch->piece_capacity * sizeof *batch->pieces);
    }
    batch->pieces[batch->piece_count++] = (struct piece){log->end_lsn, batch->bytes.size, bare};
    if (!bare)
        put_record(log, RECORD_BATCH, slice_of(unknown, sizeof unknown), SLICE_EMPTY);
}

/* Ends the segment: what is left of it is the payload of an END, which is not written. */
static void end_segment(struct commit_log *log)
{
    struct batch *batch = log->filling;
    uint32_t left = SEGMENT_BYTES - lsn_offset(log->end_lsn);
    uint8_t *at = buf_reserve(&batch->bytes, RECORD_HEADER_BYTES);
    record_seal(at, RECORD_END, log->epoch, log->end_lsn, left - RECORD_HEADER_BYTES);
    batch->bytes.size += RECORD_HEADER_BYTES;
    batch->last_lsn = log->end_lsn;
    log->end_lsn = segment_first_lsn(lsn_segment(log->end_lsn) + 1);
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

void commit_log_roll(struct commit_log *log)
{
    if (log->filling->piece_count == 0)
        begin_piece(log);
    end_segment(log);
    begin_piece(log);
    log->filling->is_awaited = true;
}

/* --- writing: the writer's side ----------------------------------------------------------- */

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

/* What was written is on the device when this returns 0. */
static int sync_file(struct commit_log *log)
{
    if (!log->is_dirty)
        return 0;
    int status = log->io->sync(log->io, log->file);
    if (status < 0)
        return status == -ENOSPC ? -EIO : status; /* nobody knows what is on the device: final */
    log->is_dirty = false;
    log->synced_end = log->written_end;
    pthread_mutex_lock(&log->lock);
    log->counters.syncs++;
    pthread_mutex_unlock(&log->lock);
    return 0;
}

/* Has SEGMENT's file open; makes it when the keeper has not. Its name is on the device then. */
static int use_segment(struct commit_log *log, uint64_t segment)
{
    char name[SEGMENT_NAME_BYTES];
    if (log->file >= 0 && log->file_segment == segment)
        return 0;
    if (log->file >= 0) {
        int status = sync_file(log);
        if (status < 0)
            return status;
        (void)log->io->close(log->io, log->file);
    }
    if (log->keeper != NULL)
        keeper_claim(log->keeper, segment);
    segment_name(segment, name);
    log->file_segment = segment;
    log->file = log->io->open(log->io, name, IO_WRITE);
    if (log->file == -ENOENT) {
        log->file = create_segment(log, segment, name);
        if (log->file == -ENOSPC && log->keeper != NULL)
            keeper_disclaim(log->keeper, segment);
    } else if (log->file >= 0) {
        int status = log->io->sync_directory(log->io);
        if (status < 0) {
            (void)log->io->close(log->io, log->file);
            log->file = status;
        }
    }
    return log->file < 0 ? log->file : 0;
}

/* Writes one piece; its BATCH record says how far the log was durable. */
static int write_piece(struct commit_log *log, const struct piece *piece, uint8_t *bytes,
                       size_t size)
{
    int status = use_segment(log, lsn_segment(piece->lsn));
    if (status < 0)
        return status;
    if (!piece->bare) {
        put_le64(bytes + RECORD_HEADER_BYTES, log->synced_end);
        record_seal(bytes, RECORD_BATCH, log->epoch, piece->lsn,
                    BATCH_RECORD_BYTES - RECORD_HEADER_BYTES);
    }
    status = log->io->write(log->io, log->file, bytes, size, lsn_offset(piece->lsn));
    if (status < 0)
        return status;
    log->is_dirty = true;
    log->written_end = piece->lsn + size;
    pthread_mutex_lock(&log->lock);
    log->counters.bytes += size;
    pthread_mutex_unlock(&log->lock);
    return 0;
}

/* Writes what is not written yet of BATCH. */
static int write_batch(struct commit_log *log, struct batch *batch)
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
    int status = write_batch(log, batch);
    if (status == 0) {
        log->written_lsn = batch->last_lsn;
        if (is_urgent || batch->is_awaited || log->unsynced.size + batch->bytes.size >= LAZY_BYTES)
            status = sync_file(log);
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
    batch->is_awaited = false;
    if (log->spare == NULL)
        log->spare = batch;
    else
        free_batch(batch);
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

/* Writes BATCH and lets the others know; with the lock held, which is let go while it writes.
 * False: the disk is full, and BATCH is to be tried again. */
static bool work(struct commit_log *log, struct batch *batch)
{
    bool was_dirty = log->is_dirty;
    bool is_urgent = log->stopping || (was_dirty && is_past(&log->sync_by));
    log->writing = true;
    pthread_mutex_unlock(&log->lock);
    int status = log->failure == 0 ? store_batch(log, batch, is_urgent) : log->failure;
    pthread_mutex_lock(&log->lock);
    log->writing = false;
    if (log->is_dirty && !was_dirty)
        log->sync_by = in_ms(LAZY_MS);
    set_full(log, status == -ENOSPC);
    if (status == -ENOSPC && !log->stopping)
        return false;
    if (status == 0) {
        note_durable(log);
        log->counters.batches++;
    } else {
        fail(log, status);
    }
    recycle_batch(log, batch);
    return true;
}

/* Syncs what nobody waited for; with the lock held, which is let go meanwhile. */
static void work_off(struct commit_log *log)
{
    static struct batch nothing;
    pthread_mutex_unlock(&log->lock);
    int status = sync_file(log);
    if (status == 0)
        tell_keeper(log, &nothing);
    pthread_mutex_lock(&log->lock);
    if (status == 0)
        note_durable(log);
    else
        fail(log, status);
}

/* Waits for a batch, or until one is to be tried again or what was written is to be synced; with
 * the lock held. */
static void wait_for_work(struct commit_log *log)
{
    if (log->full || log->is_dirty) {
        struct timespec until = log->full ? in_ms(FULL_RETRY_MS) : log->sync_by;
        (void)pthread_cond_timedwait(&log->wake, &log->lock, &until);
    } else {
        pthread_cond_wait(&log->wake, &log->lock);
    }
}

static void *run_writer(void *context)
{
    struct commit_log *log = context;
    pthread_mutex_lock(&log->lock);
    while (!log->stopping || log->pending != NULL || log->is_dirty) {
        bool is_due = log->is_dirty && (log->stopping || is_past(&log->sync_by));
        if (log->pending == NULL && !is_due) {
            wait_for_work(log);
            continue;
        }
        if (log->full && !log->stopping)
            wait_for_work(log);
        if (log->pending == NULL)
            work_off(log);
        else if (work(log, log->pending))
            log->pending = NULL;
        pthread_mutex_unlock(&log->lock);
        log->on_durable(log->context);
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* Makes the batch that was filled the writer's, if that is free. */
static void hand_over(struct commit_log *log)
{
    if (log->pending != NULL || log->filling->piece_count == 0)
        return;
    log->pending = log->filling;
    log->filling = log->spare != NULL ? log->spare : new_batch();
    log->spare = NULL;
    pthread_cond_signal(&log->wake);
}

void commit_log_flush(struct commit_log *log)
{
    if (log->filling->piece_count == 0 && !log->threadless)
        return;
    pthread_mutex_lock(&log->lock);
    hand_over(log);
    if (log->threadless && log->pending != NULL && work(log, log->pending))
        log->pending = NULL;
    pthread_mutex_unlock(&log->lock);
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
    free_batch(log->filling);
    free_batch(log->pending);
    free_batch(log->spare);
    buf_fini(&log->unsynced);
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
        status = use_segment(log, segment);
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
    int status = write_batch(log, log->filling);
    if (status == 0)
        status = sync_file(log);
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
    log->end_lsn = log->written_end = log->synced_end = log->durable_end = config->end_lsn;
    log->file = -1;
    CHECK(pthread_mutex_init(&log->lock, NULL) == 0 && pthread_cond_init(&log->wake, NULL) == 0);
    *status = secure_tail(log, config->known_lsn, config->end_lsn);
    if (*status == 0)
        *status = claim_epoch(log);
    if (*status == 0 && !threadless)
        *status = -pthread_create(&log->thread, NULL, run_writer, log);
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
    commit_log_flush(log);
    pthread_mutex_lock(&log->lock);
    if (log->is_dirty)
        work_off(log);
    pthread_mutex_unlock(&log->lock);
    free_log(log);
}
