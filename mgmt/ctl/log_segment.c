/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A record says where it stands, so those behind damage are found by looking at every
 * place where one may stand. What an earlier use of the file left has other positions, and what was
 * cut off an earlier end has a lower epoch.
 */
#include "mgmt/ctl/log_segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/base/mem.h"

#define FAULT(fault, error, ...)                                   \
    do {                                                           \
        (fault)->status = (error);                                 \
        snprintf((fault)->what, sizeof(fault)->what, __VA_ARGS__); \
    } while (0)

static void check_header(struct log_segment *segment, const uint8_t *node_id,
                         struct log_fault *fault)
{
    if (segment_header_read(segment->bytes, &segment->header) < 0) {
        FAULT(fault, -EBADMSG, "the header is damaged");
    } else if (segment->header.version > LOG_FORMAT_VERSION) {
        FAULT(fault, -EPROTONOSUPPORT,
              "format version %" PRIu32 "; this program reads up to version %u",
              segment->header.version, LOG_FORMAT_VERSION);
        segment->size = 0;
    } else if (segment->header.segment != segment->number) {
        FAULT(fault, -EBADMSG, "the header is that of segment %" PRIu64, segment->header.segment);
    } else if (node_id != NULL && memcmp(node_id, segment->header.node_id, NODE_ID_BYTES) != 0) {
        FAULT(fault, -EBADMSG, "it belongs to another node's log");
    }
}

/* How large the file is, as much of it as matters read; or a negative errno. */
static int64_t read_file(struct log_segment *segment, struct io *io)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(segment->number, name);
    int file = io->open(io, name, IO_READ);
    if (file < 0)
        return file;
    int64_t size = io->size(io, file);
    int64_t got = io->read(io, file, segment->bytes, SEGMENT_BYTES, 0);
    (void)io->close(io, file);
    if (size < 0 || got < 0)
        return size < 0 ? size : got;
    segment->size = (uint32_t)got;
    return got < (int64_t)SEGMENT_BYTES ? got : size;
}

void log_segment_load(struct log_segment *segment, struct io *io, uint64_t number,
                      const uint8_t *node_id, struct log_fault *fault)
{
    *fault = (struct log_fault){0};
    if (segment->bytes == NULL)
        segment->bytes = mem_alloc(SEGMENT_BYTES);
    segment->number = number;
    segment->size = 0;
    segment->header = (struct segment_header){0};
    int64_t size = read_file(segment, io);
    if (size < 0) {
        int status = size == -ENOENT || size == -EIO ? -EBADMSG : (int)size;
        FAULT(fault, status, size == -ENOENT ? "the file is missing" : "it cannot be read: %s",
              strerror((int)-size));
        return;
    }
    if (segment->size >= SEGMENT_HEADER_BYTES)
        check_header(segment, node_id, fault);
    if (fault->status == 0 && size != SEGMENT_BYTES) {
        FAULT(fault, -EBADMSG, "it has %" PRId64 " bytes instead of %u", size, SEGMENT_BYTES);
        fault->offset = segment->size;
    }
}

void log_segment_fini(struct log_segment *segment)
{
    mem_free(segment->bytes);
    *segment = (struct log_segment){0};
}

/* The first record is a BATCH, which is small. */
bool log_segment_is_used(struct io *io, uint64_t number)
{
    char name[SEGMENT_NAME_BYTES];
    uint8_t bytes[64];
    segment_name(number, name);
    int file = io->open(io, name, IO_READ);
    if (file < 0)
        return false;
    int64_t got = io->read(io, file, bytes, sizeof bytes, SEGMENT_HEADER_BYTES);
    (void)io->close(io, file);
    struct record record;
    return got > 0 && record_read(slice_of(bytes, (size_t)got), segment_first_lsn(number),
                                  &record) == RECORD_OK;
}

/* --- a walk --------------------------------------------------------------------------------- */

struct log_walk log_walk_begin(const struct log_segment *segment, uint64_t limit_lsn,
                               uint32_t epoch)
{
    return (struct log_walk){.segment = segment,
                             .lsn = segment_first_lsn(segment->number),
                             .limit_lsn = limit_lsn,
                             .epoch = epoch};
}

static bool read_at(const struct log_walk *walk, uint32_t offset, struct record *record)
{
    const struct log_segment *segment = walk->segment;
    return record_read(slice_of(segment->bytes + offset, segment->size - offset),
                       (segment->number << SEGMENT_SHIFT) + offset, record) == RECORD_OK &&
           record->epoch >= walk->epoch;
}

enum log_step log_walk_next(struct log_walk *walk, struct record *record, uint64_t *gap_bytes)
{
    uint64_t base = walk->segment->number << SEGMENT_SHIFT, size = walk->segment->size;
    uint64_t end = walk->limit_lsn < base + size ? walk->limit_lsn : base + size;
    *gap_bytes = 0;
    if (walk->ended)
        return LOG_STEP_OVER;
    for (uint64_t lsn = walk->lsn; lsn < end; lsn += RECORD_ALIGNMENT) {
        if (!read_at(walk, (uint32_t)(lsn - base), record))
            continue;
        if (lsn > walk->lsn) {
            *gap_bytes = lsn - walk->lsn;
            walk->lsn = lsn;
            return LOG_STEP_GAP;
        }
        walk->lsn += record_bytes((uint32_t)record->payload.size);
        walk->epoch = record->epoch;
        walk->ended = record->type == RECORD_END;
        return LOG_STEP_RECORD;
    }
    return LOG_STEP_OVER;
}
