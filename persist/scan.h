/* SPDX-License-Identifier: Apache-2.0
 *
 * scan: reads a log from some segment to its last record, checking everything. A torn end, which a
 * crash leaves, is found and left off; damage anywhere else is refused with its place. Reads only.
 * One thread, before the log is opened.
 */
#ifndef STOATMQ_PERSIST_SCAN_H
#define STOATMQ_PERSIST_SCAN_H

#include "persist/io.h"
#include "persist/record.h"

#define SCAN_TEXT_BYTES 256

/* Where a scan begins: where a segment does. What stands before is not looked at. */
struct scan_start {
    uint64_t lsn;
    uint32_t epoch;         /* of the last record before */
    const uint8_t *node_id; /* whose log it is; NULL: the first segment says */
};

struct scan {
    /* Filled in by scan_run. */
    uint64_t segment_count; /* those that were read */
    uint64_t record_count;
    uint64_t end_lsn;               /* where the log goes on */
    uint64_t known_lsn;             /* up to here the log says itself that it is on the device */
    uint64_t torn_lsn;              /* where a torn end was left off, or 0 */
    uint64_t missing_segment;       /* in which the log goes on, which is not there; or 0 */
    uint32_t epoch;                 /* of the last record; 0: there is none */
    uint8_t node_id[NODE_ID_BYTES]; /* of the segments, when there are any */
    char error[SCAN_TEXT_BYTES];    /* what is wrong and where, for people */
};

/* Calls SEE for each record but BATCH and END, in order; the payload is valid for the call. SEE
 * returns 0, or a negative number that ends the scan with that result, and then fills in
 * scan->error itself. Returns 0, a negative errno of io, or -EBADMSG for a damaged log; scan->error
 * then says more. */
int scan_run(struct io *io, const struct scan_start *start, struct scan *scan,
             int (*see)(void *context, const struct record *record), void *context)
    __attribute__((warn_unused_result));

#endif
