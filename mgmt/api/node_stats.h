/* SPDX-License-Identifier: Apache-2.0
 *
 * node_stats: what the process takes of the machine, read from the system when asked. Management's
 * thread only.
 */
#ifndef STOATMQ_MGMT_API_NODE_STATS_H
#define STOATMQ_MGMT_API_NODE_STATS_H

#include <stdint.h>

struct management;

struct node_stats {
    uint64_t fd_total, fd_used;
    uint64_t memory_used, memory_limit, disk_free, disk_limit; /* bytes */
    uint64_t threads, threads_total, processors, context_switches;
};

/* Reads what the node uses, into management->node_stats, and what it did, and has both be columns
 * of the snapshot's series. What cannot be read is 0. When a sweep ends. */
void node_stats_take(void *context);

#endif
