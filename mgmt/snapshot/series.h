/* SPDX-License-Identifier: Apache-2.0
 *
 * series: some numbers of one thing, how fast they change, and what they were: the last minute of
 * each thing, and a day of the whole and of virtual hosts, coarser the older. What never changed
 * takes no memory for that. Times are milliseconds since 1970. Management's thread only.
 */
#ifndef STOATMQ_MGMT_SNAPSHOT_SERIES_H
#define STOATMQ_MGMT_SNAPSHOT_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/slice.h"

#define SERIES_COLUMNS_MAX 40
#define SAMPLE_MS          5000 /* between the samples of the finest history */

/* Columns of queues, channels and virtual hosts: enum traffic_kind, and then */
enum {
    COLUMN_DELIVER_GET = 11, /* TRAFFIC_KIND_COUNT: all four kinds of delivery */
    CHANNEL_COLUMNS,
    COLUMN_READY = CHANNEL_COLUMNS, /* queues and virtual hosts: messages */
    COLUMN_UNACKED,
    COLUMN_MESSAGES, /* both */
    QUEUE_COLUMNS,
    COLUMN_VHOST_RECV = QUEUE_COLUMNS, /* virtual hosts: octets */
    COLUMN_VHOST_SEND,
    VHOST_COLUMNS,
    COLUMN_CHURN = VHOST_COLUMNS, /* the whole: what came and went, see churn_names */
    CHURN_COLUMNS = 7,
    OVERVIEW_COLUMNS = COLUMN_CHURN + CHURN_COLUMNS,

    /* The node: what it uses, and what it did. */
    NODE_MEMORY = 0,
    NODE_DISK_FREE,
    NODE_DESCRIPTORS,
    NODE_SOCKETS,
    NODE_THREADS,
    NODE_CONTEXT_SWITCHES,
    NODE_READS,
    NODE_READ_BYTES,
    NODE_READ_NS,
    NODE_WRITES,
    NODE_WRITE_BYTES,
    NODE_WRITE_NS,
    NODE_SYNCS,
    NODE_SYNC_NS,
    NODE_MESSAGES_READ, /* from the log, and */
    NODE_MESSAGES_WRITTEN,
    NODE_COLUMNS,

    EXCHANGE_COLUMNS = 2, /* publish_in, publish_out */
    SESSION_COLUMNS = 2,  /* recv_oct, send_oct */
};

/* What RabbitMQ calls them. */
extern const char *const traffic_names[CHANNEL_COLUMNS];
extern const char *const depth_names[3]; /* COLUMN_READY to COLUMN_MESSAGES */
extern const char *const octets_names[SESSION_COLUMNS];
extern const char *const exchange_names[EXCHANGE_COLUMNS];
extern const char *const churn_names[CHURN_COLUMNS];

/* Samples of all columns, the newest last, at multiples of `every_ms`. */
struct samples {
    uint32_t every_ms;
    uint32_t capacity, head, count;
    uint64_t *rows; /* time and columns each */
};

enum { SERIES_LEVELS = 4 };

struct series {
    uint32_t columns;
    bool is_long;                        /* keeps a day */
    bool changed;                        /* since the last sample */
    uint32_t quiet;                      /* samples since it changed last */
    uint64_t at_ms;                      /* of the values */
    uint64_t born_ms;                    /* all were 0 before */
    struct samples level[SERIES_LEVELS]; /* short: the first alone */
    float *rates;                        /* per second */
    uint64_t values[];
};

/* A series of COLUMNS numbers, all 0 as of NOW. */
struct series *series_new(uint32_t columns, bool is_long, uint64_t now_ms);
void series_free(struct series *series);

/* Forgets what was before NOW. */
void series_reset(struct series *series, uint64_t now_ms);

/* The values as of NOW, which is not before the last time; the rates follow. */
void series_set(struct series *series, const uint64_t *values, uint64_t now_ms);

/* As of the values' time; 0 when they were last set before SINCE, for they have not changed. */
double series_rate(const struct series *series, uint32_t column, uint64_t since_ms);

/* Keeps a sample, when NOW is the time for one; every SAMPLE_MS or so, at multiples of it. */
void series_sample(struct series *series, uint64_t now_ms);

/* What COLUMN was at AT, as far as it is known: the last sample before that; 0 before there was
 * anything. */
uint64_t series_at(const struct series *series, uint32_t column, uint64_t at_ms);

/* The sum of the first COLUMNS of COUNT long series, with their history; to be freed. */
struct series *series_sum(const struct series *const *parts, size_t count, uint32_t columns);

#endif
