/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot: the model as the management knows it: a table of rows for each kind, kept up to date by
 * facts. What there is is exact as of the last facts; numbers are as old as the last sweep.
 * Management's thread only.
 */
#ifndef STOATMQ_MGMT_SNAPSHOT_SNAPSHOT_H
#define STOATMQ_MGMT_SNAPSHOT_SNAPSHOT_H

#include "mgmt/snapshot/row.h"
#include "server/base/buf.h"
#include "server/base/map.h"

struct table {
    struct row **rows; /* rows[0..count) in no order */
    uint32_t count, capacity;
    struct map by_id;
    struct map by_key; /* exchanges and queues: vhost, zero, name; vhosts, sessions: name */
};

struct snapshot {
    struct table tables[REGISTRY_KIND_COUNT];
    struct map by_connection;  /* sessions by is.connection */
    struct series *overview;   /* OVERVIEW_COLUMNS */
    struct series *node;       /* NODE_COLUMNS; its owner sets them */
    struct fact_engine engine; /* as of the last sweep */
    uint64_t sweeps;           /* that were completed */
    uint64_t sweep_began_ms;   /* the last completed one; rates of what was not told since are 0 */
    uint64_t generation;       /* grows when something comes, goes or is described anew */
    uint64_t next_sample_ms;
    uint32_t strangers; /* sessions of which no worker has told anything yet */
};

void snapshot_init(struct snapshot *snapshot, uint64_t now_ms);
void snapshot_fini(struct snapshot *snapshot);

/* Takes FACTS as of NOW (ms since 1970). */
void snapshot_take(struct snapshot *snapshot, struct slice facts, uint64_t now_ms);

/* A sweep that began at BEGAN is complete: sums are made, and samples kept when it is time. */
void snapshot_end_sweep(struct snapshot *snapshot, uint64_t began_ms, uint64_t now_ms);

/* Forgets what figures were before NOW. */
void snapshot_reset(struct snapshot *snapshot, uint64_t now_ms);

/* The row whose `is.id` that is, or NULL. */
const struct row *snapshot_row(const struct snapshot *snapshot, enum registry_kind kind,
                               uint64_t id);

/* The row of that name, or NULL. */
struct row *snapshot_vhost(const struct snapshot *snapshot, struct slice name);
struct row *snapshot_session(const struct snapshot *snapshot, struct slice name);
struct row *snapshot_exchange(const struct snapshot *snapshot, struct slice vhost,
                              struct slice name);
struct row *snapshot_queue(const struct snapshot *snapshot, struct slice vhost, struct slice name);

/* Writes to CONNECTIONS what facts call those that have TLS, or may have, and have not told more of
 * it. */
void snapshot_missing_tls(const struct snapshot *snapshot, struct buf *connections);

/* How fast COLUMN of ROW changes, per second. */
double snapshot_rate(const struct snapshot *snapshot, const struct series *series, uint32_t column);

/* What part of its last time, about, a consumer of the queue could take a message: 0 to 1; what was
 * so longer ago counts less. As a queue looks at sweeps, and between two where it has changed. */
#define UTILISATION_HALF_LIFE_MS 5000
double queue_utilisation(const struct row *queue, uint64_t now_ms);

/* How long ago, about, the oldest message that is ready was published, in milliseconds; 0 when none
 * is. Exact to the interval of sweeps, or to an eighth of the greatest age in the queue. */
uint64_t queue_age_ms(const struct row *queue, uint64_t now_ms);

#endif
