/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Records follow each other without gaps, so the first position without a valid
 * record is the end of the log, or damage. It is damage when something behind it was written after
 * it had become durable: each piece of the log starts with a BATCH record that says how far the log
 * was durable then. So from such a position on, all that is left is searched for BATCH records that
 * know of it. Leftovers of an older epoch prove nothing: they were cut off before.
 */
#include "persist/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/base/mem.h"

struct walk {
    struct io *io;
    struct scan *scan;
    int (*see)(void *context, const struct record *record);
    void *context;
    uint64_t *segments; /* numbers, ascending */
    size_t count, capacity;
    uint64_t first;  /* segment that is looked at */
    bool knows_node; /* scan->node_id is known */
    uint8_t *bytes;  /* the segment at hand */
};

#define FAILED(scan, status, ...) (snprintf((scan)->error, SCAN_TEXT_BYTES, __VA_ARGS__), status)

static void see_name(void *context, const char *name)
{
    struct walk *walk = context;
    uint64_t segment;
    if (!segment_number(name, &segment) || segment < walk->first)
        return;
    if (walk->count == walk->capacity) {
        walk->capacity = walk->capacity == 0 ? 16 : walk->capacity * 2;
        walk->segments = mem_realloc(walk->segments, walk->capacity * sizeof *walk->segments);
    }
    walk->segments[walk->count++] = segment;
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static int check_header(struct walk *walk, uint64_t segment)
{
    struct segment_header header;
    if (segment_header_read(walk->bytes, &header) < 0 || header.segment != segment)
        return FAILED(walk->scan, -EBADMSG, "segment %" PRIu64 ": its header is damaged", segment);
    if (header.version > LOG_FORMAT_VERSION)
        return FAILED(walk->scan, -EBADMSG,
                      "segment %" PRIu64 " has format version %" PRIu32
                      "; this program reads up to version %u: use a newer one",
                      segment, header.version, LOG_FORMAT_VERSION);
    if (!walk->knows_node)
        memcpy(walk->scan->node_id, header.node_id, NODE_ID_BYTES);
    walk->knows_node = true;
    if (memcmp(walk->scan->node_id, header.node_id, NODE_ID_BYTES) != 0)
        return FAILED(walk->scan, -EBADMSG, "segment %" PRIu64 " belongs to another node's log",
                      segment);
    return 0;
}

/* Reads the INDEXth segment whole. */
static int load(struct walk *walk, size_t index)
{
    char name[SEGMENT_NAME_BYTES];
    uint64_t segment = walk->segments[index];
    segment_name(segment, name);
    int file = walk->io->open(walk->io, name, IO_READ);
    if (file < 0)
        return FAILED(walk->scan, file, "%s cannot be opened: %s", name, strerror(-file));
    int64_t got = walk->io->read(walk->io, file, walk->bytes, SEGMENT_BYTES, 0);
    (void)walk->io->close(walk->io, file);
    if (got < 0)
        return FAILED(walk->scan, (int)got, "%s cannot be read: %s", name, strerror((int)-got));
    if (got < (int64_t)SEGMENT_BYTES)
        return FAILED(walk->scan, -EBADMSG, "%s is truncated: %" PRId64 " of %u bytes are there",
                      name, got, SEGMENT_BYTES);
    return check_header(walk, segment);
}

/* Does a BATCH record in the loaded segment, at OFFSET or behind it, know that the log was durable
 * beyond LSN? */
static bool is_known_durable(const struct walk *walk, uint64_t segment, uint32_t offset,
                             uint64_t lsn)
{
    uint64_t base = segment << SEGMENT_SHIFT;
    for (; offset < SEGMENT_BYTES; offset += RECORD_ALIGNMENT) {
        struct record record;
        if (record_read(slice_of(walk->bytes + offset, SEGMENT_BYTES - offset), base + offset,
                        &record) == RECORD_OK &&
            record.type == RECORD_BATCH && record.epoch >= walk->scan->epoch &&
            record.payload.size == sizeof(uint64_t) && get_le64(record.payload.data) > lsn)
            return true;
    }
    return false;
}

/* No valid record stands at LSN, in the loaded segment, the INDEXth: is it the end of the log? */
static int check_end(struct walk *walk, size_t index, uint64_t lsn)
{
    uint64_t segment = lsn_segment(lsn);
    uint32_t offset = lsn_offset(lsn);
    bool damaged = is_known_durable(walk, segment, offset, lsn);
    for (size_t later = index + 1; !damaged && later < walk->count; later++) {
        int status = load(walk, later);
        if (status < 0)
            return status;
        damaged = is_known_durable(walk, walk->segments[later], SEGMENT_HEADER_BYTES, lsn);
    }
    if (damaged)
        return FAILED(
            walk->scan, -EBADMSG,
            "segment %" PRIu64 ", offset %" PRIu32
            ": a record that was durable is damaged; restore the file from a copy or a mirror",
            segment, offset);
    return 0;
}

/* A BATCH record tells how far the log was durable when it was written. */
static void note_known(struct scan *scan, const struct record *batch)
{
    if (batch->payload.size != sizeof(uint64_t))
        return;
    uint64_t known = get_le64(batch->payload.data);
    if (known > scan->known_lsn && known <= batch->lsn)
        scan->known_lsn = known;
}

/* Goes through the loaded segment from *LSN; moves *LSN on. 1: the log goes on in the next segment;
 * 0: it ends at *LSN. */
static int walk_segment(struct walk *walk, uint64_t *lsn, bool *torn)
{
    struct scan *scan = walk->scan;
    for (;;) {
        struct record record;
        uint32_t offset = lsn_offset(*lsn);
        enum record_result result = record_read(
            slice_of(walk->bytes + offset, SEGMENT_BYTES - offset), *lsn, &record);
        if (result != RECORD_OK || record.epoch < scan->epoch) {
            *torn = result == RECORD_BROKEN;
            return 0;
        }
        scan->epoch = record.epoch;
        if (record.type == RECORD_END) {
            *lsn = segment_first_lsn(lsn_segment(*lsn) + 1);
            return 1;
        }
        if (record.type == RECORD_BATCH) {
            note_known(scan, &record);
        } else {
            int status = walk->see(walk->context, &record);
            if (status < 0)
                return status;
            scan->record_count++;
        }
        *lsn += record_bytes((uint32_t)record.payload.size);
    }
}

/* The log goes on at LSN, for which there is no file: a segment ends only when there is the next.
 */
static int fail_missing(struct scan *scan, uint64_t lsn)
{
    scan->missing_segment = lsn_segment(lsn);
    return FAILED(scan, -EBADMSG,
                  "segment %" PRIu64 " is missing; restore the file from a copy or a mirror",
                  lsn_segment(lsn));
}

static int walk_log(struct walk *walk, uint64_t lsn)
{
    struct scan *scan = walk->scan;
    scan->known_lsn = lsn;
    for (size_t i = 0; i < walk->count; i++) {
        if (walk->segments[i] != lsn_segment(lsn))
            return fail_missing(scan, lsn);
        bool torn = false;
        int status = load(walk, i);
        if (status == 0)
            status = walk_segment(walk, &lsn, &torn);
        if (status < 0)
            return status;
        if (status == 0) {
            scan->torn_lsn = torn ? lsn : 0;
            scan->end_lsn = lsn;
            return check_end(walk, i, lsn);
        }
    }
    scan->end_lsn = lsn;
    return lsn == segment_first_lsn(1) ? 0 : fail_missing(scan, lsn);
}

int scan_run(struct io *io, const struct scan_start *start, struct scan *scan,
             int (*see)(void *context, const struct record *record), void *context)
{
    *scan = (struct scan){.epoch = start->epoch};
    struct walk walk = {.io = io,
                        .scan = scan,
                        .see = see,
                        .context = context,
                        .first = lsn_segment(start->lsn),
                        .knows_node = start->node_id != NULL};
    if (walk.knows_node)
        memcpy(scan->node_id, start->node_id, NODE_ID_BYTES);
    int status = io->list(io, see_name, &walk);
    if (status < 0) {
        (void)FAILED(scan, status, "the directory cannot be listed: %s", strerror(-status));
    } else {
        if (walk.count > 1)
            qsort(walk.segments, walk.count, sizeof *walk.segments, compare_numbers);
        scan->segment_count = walk.count;
        walk.bytes = mem_alloc(SEGMENT_BYTES);
        status = walk_log(&walk, start->lsn);
    }
    mem_free(walk.bytes);
    mem_free(walk.segments);
    return status;
}
