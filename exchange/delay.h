/* SPDX-License-Identifier: Apache-2.0
 *
 * delay: messages that wait in an exchange for as long as their header x-delay says, and are then
 * routed from there by the bindings of then. They stand in a queue of the exchange's own that
 * nobody sees: it is not the vhost's, but it has a number and positions, so that a message goes to
 * it as to any other queue and is in the same record of the store. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_DELAY_H
#define STOATMQ_EXCHANGE_DELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/list.h"

struct delay;
struct engine;
struct exchange;
struct message;
struct paging_wait;
struct properties;
struct queue;
struct store_answer;

/* Of an engine. */
struct delays {
    uint64_t count;      /* messages that wait */
    uint64_t near_bytes; /* of memory, of those that are due soon */
    bool has_delivered;  /* in this tick */
    struct list leaving; /* struct delay.by_leaving: messages are about to leave memory */
};

/* How long MESSAGE is to wait where messages are delayed, in milliseconds; 0: it is not. */
uint64_t delay_of(const struct message *message);

/* The queue in which EXCHANGE's messages wait; it is made if there is none. */
struct queue *delay_queue(struct exchange *exchange);

/* MESSAGE, whose reference is taken, waits from now on: queue_publish's, for such a queue. */
void delay_publish(struct queue *queue, uint64_t position, struct message *message);

/* How many messages wait in EXCHANGE. */
uint64_t delay_count(const struct exchange *exchange);

/* EXCHANGE is deleted, and what waits in it; in the store as well. */
void delay_delete(struct exchange *exchange);

/* Frees what belongs to a queue of this kind: queue_unref's, with the last reference. */
void delay_free(struct delay *delay);

/* What an earlier run has left in the store of a queue of this kind. */
struct delay_rest {
    uint64_t queue_id;
    uint64_t first, next_position;
    uint64_t count, bytes;
};

/* EXCHANGE, in which nothing waits, has that. Recovery's; when it is due is read as soon as the
 * engine runs. */
void delay_restore(struct exchange *exchange, const struct delay_rest *rest);

/* The store's answer to a fetch of such a queue; takes the messages, not the array. */
void delay_answer(const struct store_answer *answer);

/* The end of a tick: what is durable by now leaves memory. */
void delays_end_tick(struct engine *engine);

/* --- for operators --------------------------------------------------------------------------- */

/* A message that waits. */
struct delayed {
    uint64_t id; /* for life; no other message of this exchange has it */
    uint64_t due_ms;
    struct message *message; /* a reference of the caller's */
};

/* Are the first COUNT in memory, or BYTES_MAX of bodies, or all that can be? If not they are asked
 * for, and WAIT's done is called when some have come (paging_await). */
bool delay_is_at_hand(struct exchange *exchange, uint64_t count, uint64_t bytes_max,
                      struct paging_wait *wait) __attribute__((warn_unused_result));

/* Fills ENTRIES with the first by their time, at most COUNT and for about BYTES_MAX of bodies;
 * returns how many these are. It ends before one that is not in memory. */
uint64_t delay_look(const struct exchange *exchange, uint64_t count, uint64_t bytes_max,
                    struct delayed *entries);

enum delay_cancelling {
    DELAY_CANCEL_NEW,
    DELAY_CANCEL_ASKED, /* the store is to be asked whether there is one */
    DELAY_CANCELLED,
    DELAY_CANCEL_ABSENT, /* there is no such message */
    DELAY_CANCEL_FAILED, /* it cannot be read */
};

/* That a message is wanted away; kept by whoever wants it until that is known. */
struct delay_cancel {
    struct list_node by_delay;
    uint64_t id;
    enum delay_cancelling state;
    uint64_t lsn; /* DELAY_CANCELLED: it lasts when the store is durable up to here */
};

/* The message CANCEL->id of EXCHANGE is not to be delivered; to be called, with the same CANCEL,
 * until that is known. Returns whether it is; if not, WAIT's done is called when it may be. */
bool delay_cancel(struct exchange *exchange, struct delay_cancel *cancel, struct paging_wait *wait)
    __attribute__((warn_unused_result));

/* No message that waits is to be delivered; returns how many these were, and LSN as above. */
uint64_t delay_purge(struct exchange *exchange, uint64_t *lsn);

#endif
