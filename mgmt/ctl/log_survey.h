/* SPDX-License-Identifier: Apache-2.0
 *
 * log_survey: a log as recovery finds it: the checkpoint, the records behind it up to the log's
 * end, and what lives then.
 */
#ifndef STOATMQ_MGMT_CTL_LOG_SURVEY_H
#define STOATMQ_MGMT_CTL_LOG_SURVEY_H

#include <errno.h>

#include "mgmt/ctl/log_dir.h"
#include "mgmt/ctl/queue_names.h"
#include "persist/checkpoint.h"
#include "persist/scan.h"

struct log_survey {
    struct checkpoint checkpoint; /* lsn 0: there is none that can be used */
    int checkpoint_status; /* 0: it is good, or -ENOENT: there is none; else a negative errno,
                              as of checkpoint_read, and the log was not read */
    int log_status;        /* 0, or a negative errno with a text in scan.error */
    struct scan scan;
    struct inventory inventory; /* where the reading ended */
    struct queue_names names;   /* of all queues that are or were, as far as they were seen */
};

/* Reads the log, then lists DIR again. While a broker writes it, it is read again when it seems
 * damaged: what was read while it was written may look so. */
void log_survey_run(struct log_survey *survey, struct log_dir *dir);
void log_survey_fini(struct log_survey *survey);

/* The checkpoint and the log are good, so scan.end_lsn is the log's end. */
static inline bool log_survey_is_whole(const struct log_survey *survey)
{
    return (survey->checkpoint_status == 0 || survey->checkpoint_status == -ENOENT) &&
           survey->log_status == 0;
}

/* The segment in which the log begins that is read to know what lives. */
static inline uint64_t log_survey_first_segment(const struct log_survey *survey)
{
    return survey->checkpoint.lsn != 0 ? lsn_segment(survey->checkpoint.lsn) : 1;
}

#endif
