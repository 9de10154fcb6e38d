/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_text: the snapshot in Prometheus' text format (0.0.4), under RabbitMQ's names. What is by
 * object in one form is summed up in the other. Management's thread.
 */
#ifndef STOATMQ_MGMT_METRICS_TEXT_H
#define STOATMQ_MGMT_METRICS_TEXT_H

#include "mgmt/management.h"

enum metrics_form {
    METRICS_SUMMED,     /* /metrics */
    METRICS_PER_OBJECT, /* /metrics/per-object */
    METRICS_DETAILED,   /* /metrics/detailed: rabbitmq_detailed_, families that are asked for */
};

struct metrics_wish {
    enum metrics_form form;
    const struct http_request *http; /* of METRICS_DETAILED: family=..., vhost=... */
};

void metrics_write(const struct management *management, const struct metrics_wish *wish,
                   struct buf *out);

#endif
