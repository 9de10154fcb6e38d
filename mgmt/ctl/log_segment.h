/* SPDX-License-Identifier: Apache-2.0
 *
 * log_segment: a segment's file in memory, and a walk through its records that goes on behind
 * damage.
 */
#ifndef STOATMQ_MGMT_CTL_LOG_SEGMENT_H
#define STOATMQ_MGMT_CTL_LOG_SEGMENT_H

#include "persist/io.h"
#include "persist/record.h"

enum { LOG_TEXT_BYTES = 192 };

/* What is wrong with a segment's file as a whole. */
struct log_fault {
    int status; /* 0: nothing; -EBADMSG: damaged; -EPROTONOSUPPORT: newer than this program; another
                   negative errno: it cannot be read */
    uint32_t offset;
    char what[LOG_TEXT_BYTES];
};

struct log_segment {
    uint64_t number;
    uint8_t *bytes; /* room for SEGMENT_BYTES, kept for the next */
    uint32_t size;  /* how many of them there are; 0: nothing is to be read */
    struct segment_header header;
};

/* Reads segment NUMBER, of the log of NODE_ID (NULL: any). FAULT says what is wrong; what can be
 * read for all that is there. */
void log_segment_load(struct log_segment *segment, struct io *io, uint64_t number,
                      const uint8_t *node_id, struct log_fault *fault);

void log_segment_fini(struct log_segment *segment);

/* Does segment NUMBER begin with a record? Without reading all of it. */
bool log_segment_is_used(struct io *io, uint64_t number);

enum log_step {
    LOG_STEP_RECORD,
    LOG_STEP_GAP,  /* damage, with a record behind it */
    LOG_STEP_OVER, /* no record any more */
};

struct log_walk {
    const struct log_segment *segment;
    uint64_t lsn;       /* where the walk is */
    uint64_t limit_lsn; /* where it ends, if not before */
    uint32_t epoch;     /* of the last record; those of an earlier one are leftovers */
    bool ended;         /* the last was the segment's END */
};

/* The first of SEGMENT's records, behind one of EPOCH, below LIMIT_LSN. */
struct log_walk log_walk_begin(const struct log_segment *segment, uint64_t limit_lsn,
                               uint32_t epoch);

/* A step: a record, whose payload is in the segment's bytes; or how many bytes before the next
 * record, which is at walk->lsn then, are damaged. */
enum log_step log_walk_next(struct log_walk *walk, struct record *record, uint64_t *gap_bytes);

#endif
