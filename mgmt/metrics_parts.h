/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_parts: what the parts of a scrape share: objects and what is common to all
 * (metrics_text.c), and the node itself (metrics_node.c). Management's thread.
 */
#ifndef STOATMQ_MGMT_METRICS_PARTS_H
#define STOATMQ_MGMT_METRICS_PARTS_H

#include "mgmt/metrics_text.h"

struct scrape {
    const struct management *management;
    const struct snapshot *snapshot;
    const struct metrics_wish *wish;
    struct buf *out;
    uint64_t now_ms;
};

/* rabbitmq_, or rabbitmq_detailed_. */
const char *metrics_prefix(const struct scrape *scrape);

/* What there is to say of PREFIX NAME before its values; TYPE: counter, gauge, histogram. */
void metrics_put_head(struct scrape *scrape, const char *prefix, const char *name, const char *type,
                      const char *help);

/* A metric of one value. */
void metrics_put_number(struct scrape *scrape, const char *prefix, const char *name,
                        bool is_counter, const char *help, uint64_t value);

/* --- metrics_node.c -------------------------------------------------------------------------- */

void metrics_put_node(struct scrape *scrape);
void metrics_put_disk(struct scrape *scrape);   /* reads, writes and syncs */
void metrics_put_logins(struct scrape *scrape); /* attempts to log in */
void metrics_put_own(struct scrape *scrape);    /* what RabbitMQ has not: stoatmq_ */

#endif
