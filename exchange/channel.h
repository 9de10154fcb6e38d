/* SPDX-License-Identifier: Apache-2.0
 *
 * channel: the engine's half of a channel: consumers, unsettled deliveries, prefetch, confirms,
 * transaction. Owned by its session; engine's thread only. AMQP 0-9-1 section 1.5.
 */
#ifndef STOATMQ_EXCHANGE_CHANNEL_H
#define STOATMQ_EXCHANGE_CHANNEL_H

#include "amqp/reply.h"
#include "exchange/registry.h"
#include "exchange/returned.h"
#include "exchange/traffic.h"
#include "exchange/unacked.h"
#include "server/base/list.h"
#include "server/base/map.h"
#include "server/base/slice.h"

struct consumer;
struct exchange;
struct message;
struct queue;
struct session;
struct tx;

enum channel_mode { CHANNEL_PLAIN, CHANNEL_CONFIRM, CHANNEL_TX };

#define CHANNEL_REPLY_TOKEN_BYTES 24
#define CHANNEL_SEVERAL           UINT64_MAX

/* A publish whose confirm waits for the store, or is none. */
struct pending_confirm {
    uint64_t sequence; /* its number in the channel */
    uint64_t lsn;
    bool is_rejected; /* a queue did not take it: it is not confirmed (basic.nack) */
};

struct confirms {
    uint64_t published; /* publishes since confirm.select: the last sequence number given */
    uint64_t confirmed; /* the last one acked */
    struct pending_confirm *pending; /* a ring, in order of both numbers */
    uint32_t capacity, head, count;
    bool rejected;        /* a queue has rejected what is published now */
    struct list_node due; /* in engine.confirming: to be looked at when the tick ends */
};

struct channel {
    struct session *session;
    struct registered registered;
    struct traffic traffic;
    uint64_t published_to; /* the one exchange (its registered.id) that it ever published to, */
    uint64_t took_from;    /* the one queue that it ever took from; 0: none; or CHANNEL_SEVERAL */
    uint16_t number;
    enum channel_mode mode;
    struct map consumers;                           /* by tag */
    struct list parked;                             /* struct consumer.parked */
    struct consumer *reply_consumer;                /* of direct reply-to, or NULL */
    uint8_t reply_token[CHANNEL_REPLY_TOKEN_BYTES]; /* what makes its reply-to address */
    struct unacked_ring unacked;
    uint64_t last_tag;         /* delivery tag given last */
    uint32_t consumer_unacked; /* unsettled deliveries of consumers, not of basic.get */
    uint16_t prefetch;         /* for consumers to come */
    uint16_t prefetch_global;  /* for all consumers together; 0: no limit */
    struct confirms confirms;
    struct tx *tx;           /* in CHANNEL_TX */
    struct slice last_queue; /* name of the queue declared last; owned, or empty */

    /* The exchange and queue published to last, so that a stream of publishes need not look them
     * up. */
    uint64_t memo_names;  /* vhost.names when they were found */
    uint64_t memo_access; /* engine.access_generation when writing to memo_exchange was allowed */
    struct exchange *memo_exchange;
    struct queue *memo_queue; /* by the default exchange */
};

/* ID is one that it publishes to, or takes from. */
static inline void channel_note(uint64_t *only, uint64_t id)
{
    *only = *only == 0 || *only == id ? id : CHANNEL_SEVERAL;
}

/* Opens channel NUMBER, which is not open. */
struct channel *channel_open(struct session *session, uint16_t number);

/* Closes and frees: consumers go, unsettled deliveries go back to their queues in order, an open
 * transaction is dropped, confirms that are due go out when TELL. */
void channel_close(struct channel *channel, bool tell);

/* Remembers the delivery that has just got the tag last_tag until it is settled, with the caller's
 * reference to the message. CONSUMER is NULL for basic.get. */
void channel_track(struct channel *channel, struct queue *queue, struct consumer *consumer,
                   const struct returned_entry *entry);

/* Handles a settle of one or more deliveries (basic.ack, nack, reject). 0, or -1 with ERROR
 * filled. */
struct settlement {
    uint64_t tag;
    bool multiple;
    bool acked;   /* else rejected, and then */
    bool requeue; /* put back, or dropped */
};
int channel_settle(struct channel *channel, const struct settlement *settlement,
                   struct reply_error *error);

/* Applies SETTLEMENT's outcome to ENTRY, which is live or held. Call unacked_tidy and channel_wake
 * behind the last. */
void channel_settle_entry(struct channel *channel, struct unacked *entry,
                          const struct settlement *settlement);

/* Puts all unsettled deliveries back (basic.recover). */
void channel_recover(struct channel *channel);

/* Gives credit back to consumers that wait for it. */
void channel_wake(struct channel *channel);

/* Ends direct reply-to for the channel, if it was on; its consumer is the caller's to cancel. */
void channel_forget_reply_consumer(struct channel *channel);

/* In confirm mode: counts a publish whose record is at LSN (0: nothing to wait for). */
void channel_published(struct channel *channel, uint64_t lsn);

/* Acks all publishes that are confirmed by now, in one basic.ack. */
void channel_confirm(struct channel *channel);

/* Nacks those that wait for the store, in one basic.nack, and acks those before. */
void channel_refuse(struct channel *channel);

#endif
