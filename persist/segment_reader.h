/* SPDX-License-Identifier: Apache-2.0
 *
 * segment_reader: reads records of segments where they are known to be, a good deal at a time when
 * more is wanted behind them. Keeps a few files open. One thread; calls block.
 */
#ifndef STOATMQ_PERSIST_SEGMENT_READER_H
#define STOATMQ_PERSIST_SEGMENT_READER_H

#include "persist/fact.h"
#include "persist/io.h"
#include "persist/record.h"
#include "persist/segment_index.h"

#define SEGMENT_READER_FILES 8

struct segment_reader {
    struct io *io;
    struct {
        uint64_t segment; /* 0: none */
        int file;
    } files[SEGMENT_READER_FILES];
    unsigned next_file;
    struct buf window; /* bytes of the file, from window_lsn on */
    uint64_t window_lsn;
    struct buf parts;
    uint64_t bytes_read, reads, read_ns;
};

void segment_reader_init(struct segment_reader *reader, struct io *io);
void segment_reader_fini(struct segment_reader *reader);

/* Closes SEGMENT's file, which is about to be given away. */
void segment_reader_forget(struct segment_reader *reader, uint64_t segment);

/* Reads the record at LSN. AHEAD: about how many bytes from there on are wanted next. RECORD is
 * valid until the next call. 0, -EBADMSG when there is no valid record, or a negative errno. */
int segment_reader_record(struct segment_reader *reader, uint64_t lsn, uint32_t ahead,
                          struct record *record) __attribute__((warn_unused_result));

/* Reads the message whose record is at LSN, with its parts; it must be for POSITION of QUEUE. 0, or
 * as above; -ENOMEM. */
int segment_reader_message(struct segment_reader *reader, uint64_t lsn, uint32_t ahead,
                           uint64_t queue, uint64_t position, struct message **message)
    __attribute__((warn_unused_result));

/* Collects what an index of SEGMENT holds from the segment itself, up to its END or END_LSN. 0 or
 * as above; AT_LSN is then where the record should be that cannot be read. */
int segment_reader_collect(struct segment_reader *reader, uint64_t segment, uint64_t end_lsn,
                           struct index_builder *builder, uint64_t *at_lsn)
    __attribute__((warn_unused_result));

#endif
