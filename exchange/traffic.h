/* SPDX-License-Identifier: Apache-2.0
 *
 * traffic: what happened to messages, counted by queue and by channel; what channels counted is
 * their vhost's when they close. Counts only grow. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_TRAFFIC_H
#define STOATMQ_EXCHANGE_TRAFFIC_H

#include <stdint.h>

enum traffic_kind {
    TRAFFIC_PUBLISH,        /* by a channel; into a queue */
    TRAFFIC_CONFIRM,        /* these three: channels only */
    TRAFFIC_RETURN,         /* unroutable, mandatory */
    TRAFFIC_DROP,           /* unroutable, not mandatory */
    TRAFFIC_DELIVER,        /* to a consumer, */
    TRAFFIC_DELIVER_NO_ACK, /* which need not acknowledge */
    TRAFFIC_GET,            /* by basic.get, */
    TRAFFIC_GET_NO_ACK,
    TRAFFIC_GET_EMPTY, /* which found nothing */
    TRAFFIC_REDELIVER, /* of the four kinds of delivery, those that were not the first */
    TRAFFIC_ACK,
    TRAFFIC_KIND_COUNT
};

struct traffic {
    uint64_t count[TRAFFIC_KIND_COUNT]; /* by enum traffic_kind */
};

static inline void traffic_add(struct traffic *to, const struct traffic *from)
{
    for (unsigned kind = 0; kind < TRAFFIC_KIND_COUNT; kind++)
        to->count[kind] += from->count[kind];
}

#endif
