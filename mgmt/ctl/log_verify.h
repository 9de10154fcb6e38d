/* SPDX-License-Identifier: Apache-2.0
 *
 * log_verify: what the files of the command `log verify` share.
 *
 *   log_verify.c          the command: what is looked at
 *   log_verify_segment.c  one segment
 *   log_verify_report.c   what was found, and how it is printed
 */
#ifndef STOATMQ_MGMT_CTL_LOG_VERIFY_H
#define STOATMQ_MGMT_CTL_LOG_VERIFY_H

#include <jansson.h>

#include "mgmt/ctl/log_segment.h"
#include "mgmt/ctl/log_survey.h"
#include "persist/segment_reader.h"

enum finding {
    FINDING_NOTE,   /* does no harm */
    FINDING_DAMAGE, /* recovery or a reader will stumble over it */
    FINDING_UNREAD, /* it could not be looked at */
};

/* What a segment is for. */
enum segment_state {
    SEGMENT_LOG,      /* from the checkpoint to the log's end: recovery reads its records */
    SEGMENT_NEEDED,   /* before the checkpoint, and messages live in it */
    SEGMENT_UNNEEDED, /* before the checkpoint: nothing lives in it, it will be used again */
    SEGMENT_PREPARED, /* behind the log's end, for what comes */
    SEGMENT_UNKNOWN,  /* without a checkpoint that can be read, it cannot be known */
};

struct verify {
    struct log_dir dir;
    struct log_survey survey;
    struct log_segment segment; /* at hand */
    struct segment_reader reader;
    uint64_t last_segment; /* of the log */
    uint32_t epoch;        /* of the last record that was read */
    bool is_locked, lock_known;
    long pid; /* who has locked it */
    json_t *problems, *segments;
    uint64_t counts[FINDING_UNREAD + 1]; /* by enum finding */
    uint64_t records, spares, file_bytes;
};

/* --- log_verify_segment.c ------------------------------------------------------------------- */

/* Reads segment NUMBER, which is for STATE, checks what it holds, and notes it in v->segments. */
void verify_segment(struct verify *v, uint64_t number, enum segment_state state);

/* --- log_verify_report.c -------------------------------------------------------------------- */

/* Something was found in FILE at OFFSET (negative: all of it). ADVICE: what to do. Returns the
 * problem, to which more may be added; it stays borrowed. */
json_t *verify_report(struct verify *v, enum finding finding, const char *file, int64_t offset,
                      const char *advice, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Forgets what was reported since there were MARK problems. */
void verify_forget(struct verify *v, size_t mark);

/* Prints all. Returns the exit status. */
int verify_print_text(struct verify *v);
int verify_print_json(struct verify *v);

/* The log could not be looked at, for REASON. */
int verify_print_unread(const char *path, bool json, const char *reason);

#endif
