/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The writer should find the next segment's file when it comes there: made a piece at
 * a time, each synced, so that the log's own syncs need not wait long for the device, or left over
 * from a dead segment. Both become spares first (spare-0.log ...), and a spare the next segment by
 * its new header and a rename; should the writer have been faster it stays a spare.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "persist/keeper_parts.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define SPARES_MAX    4
#define PIECE_BYTES   (4u << 20)
#define PREPARE_SHARE 8 /* the next file is made when so much of a segment is in use */
#define MAKING_NAME   "new.spare"

static void spare_name(unsigned number, char name[SEGMENT_NAME_BYTES])
{
    snprintf(name, SEGMENT_NAME_BYTES, "spare-%u.log", number);
}

static void set_full(struct keeper *keeper, bool full)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->full = full;
    pthread_mutex_unlock(&keeper->lock);
}

static void count_spares(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->counters.spare_segments = keeper->spares;
    keeper->counters.segments = keeper->inventory.segment_count;
    pthread_mutex_unlock(&keeper->lock);
}

/* --- spares ------------------------------------------------------------------------------- */

static void give_up_making(struct keeper *keeper, int status)
{
    if (keeper->making >= 0)
        (void)keeper->io->close(keeper->io, keeper->making);
    keeper->making = -1;
    (void)keeper->io->remove(keeper->io, MAKING_NAME);
    if (status == -ENOSPC)
        set_full(keeper, true);
    else
        log_warning("segment_not_prepared", LOG_STR("reason", strerror(-status)));
}

/* A piece of a new file more; 1 when it was the last. */
static int make_piece(struct keeper *keeper)
{
    struct io *io = keeper->io;
    if (keeper->making < 0) {
        (void)io->remove(io, MAKING_NAME);
        keeper->making = io->open(io, MAKING_NAME, IO_CREATE);
        keeper->made = 0;
        if (keeper->making < 0)
            return keeper->making;
    }
    uint64_t left = SEGMENT_BYTES - keeper->made;
    size_t bytes = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    void *zeros = mem_zalloc(bytes);
    int status = io->write(io, keeper->making, zeros, bytes, keeper->made);
    mem_free(zeros);
    if (status == 0)
        status = io->sync(io, keeper->making);
    keeper->made += bytes;
    return status < 0 ? status : keeper->made == SEGMENT_BYTES;
}

/* The file NAME becomes a spare; when there are enough, it goes, and this is false. */
static bool add_spare(struct keeper *keeper, const char *name)
{
    char spare[SEGMENT_NAME_BYTES];
    spare_name(keeper->spares, spare);
    pthread_mutex_lock(&keeper->lock);
    unsigned most = keeper->tight ? 1 : SPARES_MAX;
    pthread_mutex_unlock(&keeper->lock);
    bool added = keeper->spares < most && keeper->io->rename(keeper->io, name, spare) == 0;
    if (added)
        keeper->spares++;
    else
        (void)keeper->io->remove(keeper->io, name);
    count_spares(keeper);
    return added;
}

/* Gives the spare NAME the header of SEGMENT. */
static int write_header(struct keeper *keeper, const char *name, uint64_t segment)
{
    uint8_t header[SEGMENT_HEADER_BYTES];
    struct io *io = keeper->io;
    struct segment_header fields = {.version = LOG_FORMAT_VERSION, .segment = segment};
    memcpy(fields.node_id, keeper->node_id, NODE_ID_BYTES);
    segment_header_write(header, &fields);
    int file = io->open(io, name, IO_WRITE);
    if (file < 0)
        return file;
    int status = io->write(io, file, header, sizeof header, 0);
    if (status == 0)
        status = io->sync(io, file);
    (void)io->close(io, file);
    return status;
}

/* The last spare becomes SEGMENT, unless the writer has begun that. False: it cannot be used. */
static bool use_spare(struct keeper *keeper, uint64_t segment)
{
    char spare[SEGMENT_NAME_BYTES], name[SEGMENT_NAME_BYTES];
    spare_name(keeper->spares - 1, spare);
    segment_name(segment, name);
    int status = write_header(keeper, spare, segment);
    pthread_mutex_lock(&keeper->lock);
    if (status == 0 && keeper->claimed < segment) {
        status = keeper->io->rename(keeper->io, spare, name);
        if (status == 0) {
            keeper->prepared = segment;
            keeper->spares--;
        }
    }
    pthread_mutex_unlock(&keeper->lock);
    if (status < 0) { /* whatever is wrong with it, it is not needed */
        (void)keeper->io->remove(keeper->io, spare);
        keeper->spares--;
    }
    count_spares(keeper);
    return status == 0;
}

bool keeper_prepare(struct keeper *keeper)
{
    /* Only the one behind what is on the device: a gap would read as a segment that is lost. */
    uint64_t next = keeper->segment + 1;
    pthread_mutex_lock(&keeper->lock);
    bool is_there = keeper->prepared >= next || keeper->claimed >= next;
    pthread_mutex_unlock(&keeper->lock);
    if (is_there || keeper->filled < SEGMENT_BYTES / PREPARE_SHARE) {
        if (keeper->full && keeper->next_bytes.size == 0)
            set_full(keeper, false);
        return false;
    }
    if (keeper->spares > 0)
        return use_spare(keeper, next);
    int status = make_piece(keeper);
    if (status < 0) {
        give_up_making(keeper, status);
        return false;
    }
    set_full(keeper, false);
    if (status == 1) {
        (void)keeper->io->close(keeper->io, keeper->making);
        keeper->making = -1;
        return add_spare(keeper, MAKING_NAME);
    }
    return true;
}

/* --- dead segments ------------------------------------------------------------------------ */

/* SEGMENT is not needed any more once the next checkpoint is on the device; its index is not at
 * all, and on a full disk that makes room for the checkpoint. */
static void add_dead(struct keeper *keeper, uint64_t segment)
{
    char index[SEGMENT_NAME_BYTES];
    segment_index_name(segment, index);
    keeper_forget_index(keeper, segment);
    (void)keeper->io->remove(keeper->io, index);
    if (keeper->dead_count == keeper->dead_capacity) {
        keeper->dead_capacity = keeper->dead_capacity == 0 ? 16 : keeper->dead_capacity * 2;
        keeper->dead = mem_realloc(keeper->dead, keeper->dead_capacity * sizeof *keeper->dead);
    }
    keeper->dead[keeper->dead_count++] = segment;
}

static void recycle(struct keeper *keeper, uint64_t segment)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(segment, name);
    segment_reader_forget(&keeper->reader, segment);
    (void)add_spare(keeper, name);
    pthread_mutex_lock(&keeper->lock);
    keeper->counters.segments_recycled++;
    pthread_mutex_unlock(&keeper->lock);
}

/* --- checkpoints -------------------------------------------------------------------------- */

/* How much log may stand behind a checkpoint, in its own size, before there is another. */
#define CHECKPOINT_SHARE 4

#ifndef KEEPER_DEAD_MAX   /* test/sim frees earlier */
#define KEEPER_DEAD_MAX 8 /* segments in which nothing lives that wait for a checkpoint */
#endif

static bool may_begin(const struct keeper *keeper)
{
    return keeper->next_bytes.size == 0 && inventory_is_between(&keeper->inventory);
}

/* Makes a checkpoint ready of the inventory, in which is what stands before LSN. */
static void begin_checkpoint(struct keeper *keeper, uint64_t lsn)
{
    struct inventory *inventory = &keeper->inventory;
    for (size_t i = inventory->segment_count; i-- > 0;) {
        uint64_t number = inventory->segments[i]->number;
        if (number >= lsn_segment(lsn) || inventory_needs(inventory, number))
            continue;
        inventory_forget(inventory, number);
        add_dead(keeper, number);
    }
    keeper->next_checkpoint = (struct checkpoint){.lsn = lsn, .epoch = inventory->epoch};
    memcpy(keeper->next_checkpoint.node_id, keeper->node_id, NODE_ID_BYTES);
    checkpoint_encode(&keeper->next_checkpoint, inventory, &keeper->next_bytes);
}

void keeper_segment_ended(struct keeper *keeper)
{
    uint64_t lsn = segment_first_lsn(keeper->segment + 1), last = keeper->checkpoint.lsn;
    uint64_t wait = CHECKPOINT_SHARE * keeper->checkpoint.bytes;
    if (may_begin(keeper) &&
        (last == 0 || lsn - last >= (wait > SEGMENT_BYTES ? wait : SEGMENT_BYTES)))
        begin_checkpoint(keeper, lsn);
}

bool keeper_consider_checkpoint(struct keeper *keeper)
{
    const struct inventory *inventory = &keeper->inventory;
    size_t dead = 0;
    for (size_t i = 0; i < inventory->segment_count; i++)
        dead += inventory->segments[i]->number < lsn_segment(keeper->next_lsn) &&
                inventory->segments[i]->live == 0 &&
                !inventory_needs(inventory, inventory->segments[i]->number);
    pthread_mutex_lock(&keeper->lock);
    size_t enough = keeper->tight || keeper->full ? 1 : KEEPER_DEAD_MAX;
    pthread_mutex_unlock(&keeper->lock);
    bool is_durable = keeper->next_lsn > keeper->found_lsn; /* the log secured it, and went on */
    if (dead < enough || !is_durable || !may_begin(keeper))
        return false;
    begin_checkpoint(keeper, keeper->next_lsn);
    return true;
}

bool keeper_finish_checkpoint(struct keeper *keeper)
{
    struct checkpoint *next = &keeper->next_checkpoint;
    int status = checkpoint_write(next, buf_slice(&keeper->next_bytes), keeper->io);
    if (status != -ENOSPC)
        buf_fini(&keeper->next_bytes);
    if (status < 0) { /* the one before is still good, and what it needs is still there */
        log_warning("checkpoint_failed", LOG_STR("reason", strerror(-status)),
                    LOG_STR("hint", "the log grows until one can be written: see to the disk"));
        set_full(keeper, status == -ENOSPC);
        return false;
    }
    set_full(keeper, false);
    keeper->checkpoint = *next;
    for (size_t i = 0; i < keeper->dead_count; i++)
        recycle(keeper, keeper->dead[i]);
    keeper->dead_count = 0;
    pthread_mutex_lock(&keeper->lock);
    keeper->counters.checkpoints++;
    keeper->counters.checkpoint_bytes += next->bytes;
    pthread_mutex_unlock(&keeper->lock);
    return true;
}

/* --- the start ---------------------------------------------------------------------------- */

struct finding {
    struct keeper *keeper;
    struct buf stale; /* names, each with a zero behind it, of files that nobody will look at */
    bool spares[SPARES_MAX];
};

/* Is NAME a file that was being made when the process ended, or an index without its segment? */
static bool is_stale(const struct keeper *keeper, const char *name)
{
    char index[SEGMENT_NAME_BYTES];
    uint64_t segment;
    if (strncmp(name, "new.", 4) == 0)
        return true;
    if (sscanf(name, "%20" SCNu64, &segment) != 1 || segment >= lsn_segment(keeper->checkpoint.lsn))
        return false;
    segment_index_name(segment, index);
    return strcmp(name, index) == 0 && inventory_segment(&keeper->inventory, segment) == NULL;
}

static void see_name(void *context, const char *name)
{
    struct finding *finding = context;
    struct keeper *keeper = finding->keeper;
    char spare[SEGMENT_NAME_BYTES];
    uint64_t segment;
    for (unsigned i = 0; i < SPARES_MAX; i++) {
        spare_name(i, spare);
        finding->spares[i] |= strcmp(name, spare) == 0;
    }
    if (is_stale(keeper, name))
        buf_bytes(&finding->stale, slice_of(name, strlen(name) + 1));
    if (!segment_number(name, &segment))
        return;
    if (segment > keeper->prepared)
        keeper->prepared = segment;
    if (segment < lsn_segment(keeper->checkpoint.lsn) &&
        inventory_segment(&keeper->inventory, segment) == NULL)
        add_dead(keeper, segment);
}

/* Is the file NAME as large as a segment? */
static bool is_whole(struct keeper *keeper, const char *name)
{
    int file = keeper->io->open(keeper->io, name, IO_READ);
    if (file < 0)
        return false;
    int64_t size = keeper->io->size(keeper->io, file);
    (void)keeper->io->close(keeper->io, file);
    return size == SEGMENT_BYTES;
}

void keeper_find_files(struct keeper *keeper)
{
    struct finding finding = {.keeper = keeper};
    (void)keeper->io->list(keeper->io, see_name, &finding);
    for (size_t at = 0; at < finding.stale.size; at += strlen((char *)finding.stale.data + at) + 1)
        (void)keeper->io->remove(keeper->io, (char *)finding.stale.data + at);
    buf_fini(&finding.stale);
    for (unsigned i = 0; i < SPARES_MAX; i++) {
        char spare[SEGMENT_NAME_BYTES];
        spare_name(i, spare);
        if (finding.spares[i] && is_whole(keeper, spare))
            (void)add_spare(keeper, spare);
        else if (finding.spares[i])
            (void)keeper->io->remove(keeper->io, spare);
    }
    for (size_t i = 0; i < keeper->dead_count; i++)
        recycle(keeper, keeper->dead[i]);
    keeper->dead_count = 0;
    count_spares(keeper);
}
