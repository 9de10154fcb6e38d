/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_table: the metrics that objects have, as data. Constant.
 */
#ifndef STOATMQ_MGMT_METRICS_TABLE_H
#define STOATMQ_MGMT_METRICS_TABLE_H

#include "mgmt/snapshot/row.h"

enum metric_source {
    METRIC_COLUMN, /* of the row's series */
    METRIC_U64,    /* at an offset in the row */
    METRIC_U32,
    METRIC_AGE, /* of a queue's oldest message, in seconds; of several, the greatest */
    METRIC_MESSAGE_BYTES,
    METRIC_RAM,
    METRIC_RAM_BYTES,
};

struct metric {
    enum registry_kind kind;
    const char *family; /* of /metrics/detailed */
    const char *name;
    const char *help;
    enum metric_source source;
    size_t offset; /* or column */
    bool is_counter;
    bool is_ours; /* stoatmq_, for it is not among RabbitMQ's */
};

extern const struct metric metrics[];
extern const size_t metrics_count;

#endif
