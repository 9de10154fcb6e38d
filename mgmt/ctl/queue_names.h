/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_names: the names of the queues that a log speaks of by their numbers, as far as they are
 * known.
 */
#ifndef STOATMQ_MGMT_CTL_QUEUE_NAMES_H
#define STOATMQ_MGMT_CTL_QUEUE_NAMES_H

#include "persist/inventory.h"
#include "persist/record.h"
#include "server/base/map.h"

struct queue_name {
    uint64_t id;
    struct slice vhost, name; /* owned */
};

struct queue_names {
    struct map map; /* id -> struct queue_name */
};

void queue_names_fini(struct queue_names *names);

/* Learns from RECORD, if it declares a queue. */
void queue_names_note(struct queue_names *names, const struct record *record);

/* Learns from the declarations in INVENTORY. */
void queue_names_note_all(struct queue_names *names, const struct inventory *inventory);

/* The name of the queue with that number, or NULL. */
const struct queue_name *queue_names_find(const struct queue_names *names, uint64_t id);

#endif
