/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/segment_reader.h"

#include <errno.h>
#include <time.h>

#include "exchange/message.h"
#include "server/base/mem.h"

#define WINDOW_MIN 4096u
#define WINDOW_MAX (1u << 20)

void segment_reader_init(struct segment_reader *reader, struct io *io)
{
    *reader = (struct segment_reader){.io = io};
}

static void close_file(struct segment_reader *reader, unsigned at)
{
    if (reader->files[at].segment != 0)
        (void)reader->io->close(reader->io, reader->files[at].file);
    reader->files[at].segment = 0;
}

void segment_reader_forget(struct segment_reader *reader, uint64_t segment)
{
    for (unsigned i = 0; i < SEGMENT_READER_FILES; i++)
        if (reader->files[i].segment == segment)
            close_file(reader, i);
    if (lsn_segment(reader->window_lsn) == segment)
        reader->window.size = 0;
}

void segment_reader_fini(struct segment_reader *reader)
{
    for (unsigned i = 0; i < SEGMENT_READER_FILES; i++)
        close_file(reader, i);
    buf_fini(&reader->window);
    buf_fini(&reader->parts);
}

/* SEGMENT's handle, or a negative errno. */
static int use_file(struct segment_reader *reader, uint64_t segment)
{
    char name[SEGMENT_NAME_BYTES];
    for (unsigned i = 0; i < SEGMENT_READER_FILES; i++)
        if (reader->files[i].segment == segment)
            return reader->files[i].file;
    segment_name(segment, name);
    int file = reader->io->open(reader->io, name, IO_READ);
    if (file < 0)
        return file;
    unsigned at = reader->next_file++ % SEGMENT_READER_FILES;
    close_file(reader, at);
    reader->files[at].segment = segment;
    reader->files[at].file = file;
    return file;
}

/* --- the window --------------------------------------------------------------------------- */

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int load(struct segment_reader *reader, uint64_t lsn, uint32_t bytes)
{
    uint32_t left = SEGMENT_BYTES - lsn_offset(lsn);
    reader->window.size = 0;
    if (lsn_segment(lsn) == 0)
        return -EBADMSG;
    int file = use_file(reader, lsn_segment(lsn));
    if (file < 0)
        return file;
    if (bytes > left)
        bytes = left;
    uint64_t start = clock_ns();
    int64_t got = reader->io->read(reader->io, file, buf_reserve(&reader->window, bytes), bytes,
                                   lsn_offset(lsn));
    reader->read_ns += clock_ns() - start;
    reader->reads++;
    if (got < 0)
        return (int)got;
    reader->window.size = (size_t)got;
    reader->window_lsn = lsn;
    reader->bytes_read += (uint64_t)got;
    return 0;
}

/* What of the window is at LSN and behind it. */
static struct slice window_at(const struct segment_reader *reader, uint64_t lsn)
{
    if (lsn < reader->window_lsn || lsn - reader->window_lsn >= reader->window.size)
        return SLICE_EMPTY;
    size_t skip = (size_t)(lsn - reader->window_lsn);
    return slice_of(reader->window.data + skip, reader->window.size - skip);
}

int segment_reader_record(struct segment_reader *reader, uint64_t lsn, uint32_t ahead,
                          struct record *record)
{
    if (record_read(window_at(reader, lsn), lsn, record) == RECORD_OK)
        return 0;
    uint32_t bytes = ahead < WINDOW_MIN ? WINDOW_MIN : ahead > WINDOW_MAX ? WINDOW_MAX : ahead;
    int status = load(reader, lsn, bytes);
    if (status < 0)
        return status;
    uint32_t whole = record_peek(window_at(reader, lsn), lsn);
    if (whole > reader->window.size) {
        status = load(reader, lsn, whole);
        if (status < 0)
            return status;
    }
    return record_read(window_at(reader, lsn), lsn, record) == RECORD_OK ? 0 : -EBADMSG;
}

/* --- messages ----------------------------------------------------------------------------- */

/* Collects the parts from LSN on that stand before END. */
static int collect_parts(struct segment_reader *reader, uint64_t lsn, uint64_t end)
{
    reader->parts.size = 0;
    while (lsn < end) {
        struct record record;
        int status = segment_reader_record(reader, lsn, WINDOW_MAX, &record);
        if (status < 0)
            return status;
        if (record.type == RECORD_PART)
            buf_bytes(&reader->parts, record.payload);
        lsn = record_next_lsn(&record);
    }
    return lsn == end ? 0 : -EBADMSG;
}

static int build(const struct segment_reader *reader, const struct fact *fact,
                 struct message **message)
{
    size_t parts = fact->body_bytes - fact->body.size;
    if (parts != (fact->parts_lsn != 0 ? reader->parts.size : 0))
        return -EBADMSG;
    *message = message_new(fact->exchange, fact->routing_key, fact->properties, fact->body_bytes,
                           fact->body_bytes);
    if (*message == NULL)
        return -ENOMEM;
    if (parts > 0)
        memcpy(message_body(*message), reader->parts.data, parts);
    if (fact->body.size > 0)
        memcpy(message_body(*message) + parts, fact->body.data, fact->body.size);
    message_seal(*message);
    (*message)->flags = (uint8_t)((fact->flags & FACT_PERSISTENT ? MESSAGE_PERSISTENT : 0) |
                                  (fact->flags & FACT_BCC ? MESSAGE_BCC : 0));
    if (fact->flags & FACT_TIMED)
        *message = message_with_time(*message, fact->time_ms);
    return 0;
}

/* Is this a record of a message? Its fact then. */
static bool is_message(const struct record *record, struct fact *fact)
{
    uint8_t kind = (uint8_t)(record->type - RECORD_FACT);
    return record->type >= RECORD_FACT &&
           (kind == STORE_MESSAGE || kind == STORE_MOVED || kind == STORE_PAGE) &&
           fact_decode(kind, record->payload, fact) == 0;
}

/* An index that is another log's would show any record. */
static bool is_for(const struct fact *fact, uint64_t queue, uint64_t position)
{
    for (uint32_t i = 0; i < fact->target_count; i++) {
        uint64_t its_queue, its_position;
        fact_target(fact, i, &its_queue, &its_position);
        if (its_queue == queue && its_position == position)
            return true;
    }
    return false;
}

int segment_reader_message(struct segment_reader *reader, uint64_t lsn, uint32_t ahead,
                           uint64_t queue, uint64_t position, struct message **message)
{
    struct record record;
    struct fact fact;
    int status = segment_reader_record(reader, lsn, ahead, &record);
    if (status == 0 && (!is_message(&record, &fact) || !is_for(&fact, queue, position)))
        status = -EBADMSG;
    if (status == 0 && fact.parts_lsn != 0) {
        status = collect_parts(reader, fact.parts_lsn, lsn);
        if (status == 0)
            status = segment_reader_record(reader, lsn, ahead, &record);
        if (status == 0 && !is_message(&record, &fact))
            status = -EBADMSG;
    }
    if (status == 0)
        status = build(reader, &fact, message);
    if (status < 0)
        return status;
    (*message)->lsn = lsn;
    buf_fini(&reader->parts);
    return 0;
}

/* --- an index ----------------------------------------------------------------------------- */

int segment_reader_collect(struct segment_reader *reader, uint64_t segment, uint64_t end_lsn,
                           struct index_builder *builder, uint64_t *at_lsn)
{
    index_builder_begin(builder, segment);
    for (uint64_t lsn = segment_first_lsn(segment); lsn < end_lsn;) {
        struct record record;
        struct fact fact;
        int status = segment_reader_record(reader, lsn, WINDOW_MAX, &record);
        *at_lsn = lsn;
        if (status < 0)
            return status;
        if (record.type == RECORD_END)
            break;
        if (is_message(&record, &fact))
            for (uint32_t i = 0; i < fact.target_count; i++) {
                uint64_t queue, position;
                fact_target(&fact, i, &queue, &position);
                index_builder_add(builder, queue, position, lsn_offset(lsn));
            }
        lsn = record_next_lsn(&record);
    }
    return 0;
}
