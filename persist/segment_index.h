/* SPDX-License-Identifier: Apache-2.0
 *
 * segment_index: where in a segment the messages of each queue are. It is collected while a segment
 * is written, and kept in a file beside it when that is full. It can always be made again from the
 * segment, so the file is never synced, and a missing or damaged one is no harm. One thread.
 */
#ifndef STOATMQ_PERSIST_SEGMENT_INDEX_H
#define STOATMQ_PERSIST_SEGMENT_INDEX_H

#include "persist/io.h"
#include "persist/record.h"
#include "server/base/buf.h"

/* A message's place, as the log says it. */
struct index_entry {
    uint64_t queue, position;
    uint32_t offset; /* of its record in the segment */
};

struct index_builder {
    uint64_t segment;
    struct index_entry *entries; /* in the order of the log */
    uint32_t count, capacity;
};

void index_builder_begin(struct index_builder *builder, uint64_t segment);
void index_builder_add(struct index_builder *builder, uint64_t queue, uint64_t position,
                       uint32_t offset);
void index_builder_fini(struct index_builder *builder);

/* Consecutive positions of a queue. */
struct index_run {
    uint64_t queue, base;
    uint32_t span, start; /* offsets[start .. start + span) are theirs; 0: not here */
};

struct segment_index {
    uint64_t segment;
    struct index_run *runs; /* by queue and position */
    uint32_t run_count;
    uint32_t *offsets;
    uint32_t offset_count;
};

void segment_index_fini(struct segment_index *index);

/* Makes the index of what BUILDER has collected, whose entries are sorted by it. */
void segment_index_build(struct segment_index *index, struct index_builder *builder);

/* The offset of the record of QUEUE's message at POSITION; 0: it is not in this segment. */
uint32_t segment_index_find(const struct segment_index *index, uint64_t queue, uint64_t position);

/* The bytes of the index's file, and back: 0, or -EBADMSG. */
void segment_index_encode(const struct segment_index *index, struct buf *out);
int segment_index_decode(struct segment_index *index, struct slice file)
    __attribute__((warn_unused_result));

/* The index's file's name, "00000000000000000001.idx". */
void segment_index_name(uint64_t segment, char name[SEGMENT_NAME_BYTES]);

/* Writes the file, in place of one that may be there; not synced. When it cannot be written there
 * is none, or a damaged one. */
void segment_index_write(const struct segment_index *index, struct io *io);

/* Reads the file. 0, or a negative errno; -EBADMSG when it is damaged. */
int segment_index_read(struct segment_index *index, struct io *io, uint64_t segment)
    __attribute__((warn_unused_result));

#endif
