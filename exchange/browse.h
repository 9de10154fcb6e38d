/* SPDX-License-Identifier: Apache-2.0
 *
 * browse: looking at a queue's messages that are ready, in the order in which they would be
 * delivered, without taking them. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_BROWSE_H
#define STOATMQ_EXCHANGE_BROWSE_H

#include "exchange/queue.h"

struct browsed {
    struct message *message; /* a reference of the caller's */
    uint64_t left;           /* ready behind it */
    bool redelivered;        /* it was delivered before, or may have been */
};

/* How many of QUEUE's messages can be taken before one is that has to be fetched; BYTES: of memory,
 * about, of those that never were delivered. */
uint64_t queue_browsable(const struct queue *queue, uint64_t *bytes);

/* Fills ENTRIES with the messages that follow the first OFFSET, at most COUNT and for about
 * BYTES_MAX of bodies, but for one at least; returns how many these are. It ends before a message
 * that has to be fetched first (paging_await). */
uint64_t queue_browse(const struct queue *queue, uint64_t offset, uint64_t count,
                      uint64_t bytes_max, struct browsed *entries);

#endif
