/* SPDX-License-Identifier: Apache-2.0
 *
 * queue: messages in order, and the consumers they go to. A message has a position, given when it
 * was published; what is ready is either in the deque (never delivered) or came back (returned),
 * and those stand before. Belongs to its vhost; unsettled deliveries hold a reference, so that a
 * deleted queue stays valid for them. Engine's thread only. AMQP 0-9-1 section 3.1.
 */
#ifndef STOATMQ_EXCHANGE_QUEUE_H
#define STOATMQ_EXCHANGE_QUEUE_H

#include "exchange/deque.h"
#include "exchange/expiry.h"
#include "exchange/paging.h"
#include "exchange/policy_keys.h"
#include "exchange/position.h"
#include "exchange/queue_limit.h"
#include "exchange/queue_settings.h"
#include "exchange/registry.h"
#include "exchange/returned.h"
#include "exchange/traffic.h"
#include "server/base/list.h"
#include "server/base/slice.h"

struct consumer;
struct delay;
struct engine;
struct message;
struct priority;
struct session;
struct vhost;

struct queue {
    uint64_t id; /* its number in the store, for life; never used again */
    struct vhost *vhost;
    struct registered registered;
    struct slice name;                     /* owned */
    struct slice arguments;                /* owned; a valid table */
    struct policy *policies[POLICY_KINDS]; /* in force, or NULL; policy.c keeps them */
    struct queue_settings settings;        /* what these come to */
    bool durable, auto_delete;
    struct queue_clock *clock; /* NULL: nothing expires (expiry.h) */
    struct delay *delay;       /* of one that nobody sees: what waits in an exchange (delay.h) */
    bool deleted;              /* out of the vhost; waiting for the last reference */
    bool is_paused;            /* nothing is delivered (pause.h) */
    struct session *owner;     /* exclusive to this session; NULL: to none */
    struct list_node owned;    /* in owner's exclusive queues */

    struct deque ready;        /* not delivered since this run began, in order */
    struct returned returned;  /* delivered and come back; those of `level` all before `ready` */
    struct priority *priority; /* what is not delivered at lower levels (priority.h), or NULL */
    uint64_t parked;           /* how many these are */
    uint8_t level;             /* that `ready` is of */
    uint64_t next_position;    /* of the next message published; with priorities its number: above
                                  those of all messages that ever were here */
    uint64_t recovered_below;  /* what stands before it may have been delivered by an earlier run */
    uint64_t ready_bytes;      /* bodies of what is ready */
    uint64_t unacked;          /* delivered, not settled */
    uint64_t persistent;       /* of both, so far as known (queue_restore, paging_drop) */
    uint64_t persistent_bytes;
    uint64_t unacked_bytes; /* bodies of these */
    struct queue_limit limit;

    struct list consumers; /* struct consumer.by_queue, in order, or in turn (single_active.h) */
    struct list active;    /* struct consumer.active, by priority: those that may take a message */
    struct list_node pending; /* engine.pending: to be dispatched at the end of this command */
    struct consumer *exclusive_consumer; /* or NULL */
    struct consumer *single_active;      /* or NULL (single_active.h) */
    uint32_t consumer_count;

    struct list bindings; /* struct binding.by_destination */
    uint64_t walk_mark;   /* the last routing set that it is in */
    uint32_t references;  /* unsettled deliveries, a fetch under way, and one of the vhost */
    struct traffic traffic;

    struct paging paging;
};

struct queue_spec {
    struct slice name;
    bool durable, auto_delete;
    struct session *owner; /* of an exclusive queue, or NULL */
    struct slice arguments;
};

/* Declares a queue that is not there yet; the slices are copied. */
struct queue *queue_declare(struct vhost *vhost, const struct queue_spec *spec);

/* A queue that nobody sees, with the first reference: it is in no map and has neither arguments nor
 * policies. The store is told nothing. For delay.c. */
struct queue *queue_new_hidden(struct vhost *vhost, struct slice name, bool durable);

/* Deletes the queue: its bindings go, its consumers are cancelled and told (basic.cancel), what is
 * ready is dropped. The queue is freed with the last unsettled delivery, which may be now. */
void queue_delete(struct queue *queue);

/* Publishes MESSAGE, taking a reference of the caller's: to a consumer at once when one may take
 * it. */
void queue_publish(struct queue *queue, struct message *message);

/* Puts a delivered message back at POSITION, taking the caller's reference; or it is dead-lettered,
 * when it came back too often. DELIVERY_COUNT: how often it was delivered by now. The queue is
 * dispatched at the end of the command. */
void queue_requeue(struct queue *queue, uint64_t position, struct message *message,
                   uint32_t delivery_count);

/* An earlier run has left COUNT messages with BYTES of bodies in the store, at positions from FIRST
 * on and below END, which are of one level; the queue has none of that yet. Recovery's. */
void queue_restore(struct queue *queue, uint64_t first, uint64_t end, uint64_t count,
                   uint64_t bytes);

/* What stands before POSITION, at its level, may have been delivered by an earlier run. Recovery's.
 */
void queue_set_recovered(struct queue *queue, uint64_t position);

/* Was that so of POSITION, which is below queue.recovered_below? */
bool queue_is_recovered(const struct queue *queue, uint64_t position);

/* Is this a delivery of something that may have been delivered before? */
static inline bool queue_is_redelivery(const struct queue *queue,
                                       const struct returned_entry *entry)
{
    return entry->delivery_count > 0 ||
           (entry->position < queue->recovered_below && queue_is_recovered(queue, entry->position));
}

/* A message leaves the queue for good: POSITION is settled in the store where that is needed, the
 * caller's reference is dropped. */
void queue_settle(struct queue *queue, uint64_t position, struct message *message);

/* Takes the first ready message with its reference; false when none is ready, or when that has to
 * be fetched first (paging_fetch): the depth tells. */
bool queue_take(struct queue *queue, struct returned_entry *entry);

/* Does the first message that came back stand before all that was not delivered? */
static inline bool queue_returned_first(const struct queue *queue)
{
    return queue->returned.count > 0 &&
           (position_level(queue->returned.entries[0].position) <= queue->level ||
            deque_is_empty(&queue->ready));
}

/* The message that queue_take would give, or NULL. */
static inline const struct message *queue_peek(const struct queue *queue)
{
    return queue_returned_first(queue) ? queue->returned.entries[0].message
                                       : deque_peek(&queue->ready);
}

/* Delivers what is ready to the consumers that may take it. */
void queue_dispatch(struct queue *queue);

/* Has queue_dispatch called at the end of the command. */
void queue_schedule(struct queue *queue);

/* Drops all that is ready; returns how many that were. */
uint64_t queue_purge(struct queue *queue);

/* Drops what is ready of the first level and not in memory, without reading it. */
void queue_drop_cold(struct queue *queue);

/* How many messages are ready, in memory or not. */
static inline uint64_t queue_depth(const struct queue *queue)
{
    return queue->ready.count + queue->returned.count + queue->parked;
}

/* Does it hold more than its limit (queue_limit.h) allows? */
static inline bool queue_is_over(const struct queue *queue)
{
    return queue_depth(queue) > queue->limit.count_max ||
           queue->ready_bytes > queue->limit.bytes_max;
}

/* How many of these are not in memory; BYTES: of their bodies. */
uint64_t queue_cold(const struct queue *queue, uint64_t *bytes);

/* Octets that it takes beside its messages: itself, and the blocks of its deques. */
uint64_t queue_own_bytes(const struct queue *queue);

static inline uint64_t queue_in_memory(const struct queue *queue)
{
    uint64_t bytes;
    return queue_depth(queue) - queue_cold(queue, &bytes);
}

/* Drops a reference; frees a deleted queue with the last. */
void queue_unref(struct queue *queue);

#endif
