/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/channel.h"

#include "exchange/consumer.h"
#include "exchange/dead_letter.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/tx.h"
#include "exchange/user.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

/* How many deliveries ahead of the one being settled its message is fetched into the cache. */
#define SETTLE_PREFETCH 6

struct channel *channel_open(struct session *session, uint16_t number)
{
    struct channel *channel = mem_zalloc(sizeof *channel);
    channel->session = session;
    channel->number = number;
    list_init(&channel->parked);
    if (number >= session->channel_capacity) {
        uint32_t capacity = session->channel_capacity == 0 ? 2 : session->channel_capacity;
        while (capacity <= number)
            capacity *= 2;
        session->channels = mem_realloc(session->channels, capacity * sizeof(struct channel *));
        memset(session->channels + session->channel_capacity, 0,
               (capacity - session->channel_capacity) * sizeof(struct channel *));
        session->channel_capacity = capacity;
    }
    CHECK_ID(session->channels[number] == NULL, number);
    session->channels[number] = channel;
    session->channel_count++;
    session->user->channels++;
    session->engine->counters.channels_opened++;
    registry_add(session->engine, REGISTRY_CHANNEL, &channel->registered);
    return channel;
}

/* --- unsettled deliveries -------------------------------------------------------------------- */

void channel_track(struct channel *channel, struct queue *queue, struct consumer *consumer,
                   const struct returned_entry *entry)
{
    struct unacked *unacked = unacked_push(&channel->unacked, channel->last_tag);
    unacked->position = entry->position;
    unacked->queue = queue;
    unacked->message = entry->message;
    unacked->consumer = consumer;
    unacked->delivery_count = entry->delivery_count;
    unacked->delivered = channel->session->engine->timeouts.now & UNACKED_TIME_MASK;
    queue->references++;
    queue->unacked++;
    queue->unacked_bytes += entry->message->body_bytes;
}

void channel_settle_entry(struct channel *channel, struct unacked *entry,
                          const struct settlement *settlement)
{
    struct counters *counters = &channel->session->engine->counters;
    struct queue *queue = entry->queue;
    queue->unacked_bytes -= entry->message->body_bytes;
    if (!settlement->acked && settlement->requeue) {
        counters->messages_requeued++;
        queue_requeue(queue, entry->position, entry->message, entry->delivery_count + 1);
    } else if (settlement->acked) {
        counters->messages_acked++;
        queue->traffic.count[TRAFFIC_ACK]++;
        channel->traffic.count[TRAFFIC_ACK]++;
        queue_settle(queue, entry->position, entry->message);
    } else {
        counters->messages_rejected++;
        dead_letter(queue, entry->position, entry->message, DEAD_REJECTED);
    }
    queue->unacked--;
    queue_unref(queue);
    if (entry->consumer != NULL)
        consumer_settled(entry->consumer);
    unacked_settle(&channel->unacked, entry);
}

/* Settles ENTRY now, or holds it for the transaction's commit. */
static void settle_or_hold(struct channel *channel, struct unacked *entry,
                           const struct settlement *settlement)
{
    if (channel->tx == NULL) {
        channel_settle_entry(channel, entry, settlement);
        return;
    }
    entry->state = UNACKED_HELD;
    tx_settle(channel->tx, entry->tag, settlement);
}

static void settle_up_to(struct channel *channel, const struct settlement *settlement)
{
    uint64_t last = settlement->tag != 0 ? settlement->tag : channel->last_tag;
    uint32_t first = channel->tx == NULL
                         ? 0
                         : unacked_above(&channel->unacked, tx_settled_up_to(channel->tx));
    for (uint32_t i = first; i < channel->unacked.count; i++) {
        struct unacked *entry = unacked_at(&channel->unacked, i);
        if (entry->tag > last)
            break;
        if (i + SETTLE_PREFETCH < channel->unacked.count)
            __builtin_prefetch(unacked_at(&channel->unacked, i + SETTLE_PREFETCH)->message);
        if (entry->state == UNACKED_LIVE)
            settle_or_hold(channel, entry, settlement);
    }
    if (channel->tx != NULL && last > tx_settled_up_to(channel->tx))
        tx_set_settled_up_to(channel->tx, last);
}

int channel_settle(struct channel *channel, const struct settlement *settlement,
                   struct reply_error *error)
{
    bool all = settlement->tag == 0 && settlement->multiple;
    struct unacked *entry = all ? NULL : unacked_find(&channel->unacked, settlement->tag);
    if (!all && (entry == NULL || entry->state != UNACKED_LIVE))
        return reply_error(error, REPLY_PRECONDITION_FAILED, "unknown delivery tag %llu",
                           (unsigned long long)settlement->tag);
    if (settlement->multiple) {
        settle_up_to(channel, settlement);
        channel_wake(channel);
    } else {
        struct consumer *consumer = entry->consumer;
        bool alone = channel->prefetch_global == 0 && consumer != NULL && !consumer->cancelled;
        settle_or_hold(channel, entry, settlement);
        if (alone)
            consumer_wake(consumer);
        else
            channel_wake(channel);
    }
    unacked_tidy(&channel->unacked);
    return 0;
}

void channel_wake(struct channel *channel)
{
    list_for_each_safe (node, &channel->parked)
        consumer_wake(LIST_ENTRY(node, struct consumer, parked));
}

void channel_recover(struct channel *channel)
{
    static const struct settlement requeue_all = {.multiple = true, .requeue = true};
    for (uint32_t i = 0; i < channel->unacked.count; i++) {
        struct unacked *entry = unacked_at(&channel->unacked, i);
        if (entry->state == UNACKED_LIVE)
            channel_settle_entry(channel, entry, &requeue_all);
    }
    unacked_tidy(&channel->unacked);
    channel_wake(channel);
}

/* --- confirms -------------------------------------------------------------------------------- */

static void push_pending(struct confirms *confirms, struct pending_confirm pending)
{
    if (confirms->count == confirms->capacity) {
        uint32_t capacity = confirms->capacity == 0 ? 16 : confirms->capacity * 2;
        struct pending_confirm *ring = mem_alloc(capacity * sizeof *ring);
        for (uint32_t i = 0; i < confirms->count; i++)
            ring[i] = confirms->pending[(confirms->head + i) & (confirms->capacity - 1)];
        mem_free(confirms->pending);
        confirms->pending = ring;
        confirms->capacity = capacity;
        confirms->head = 0;
    }
    confirms->pending[(confirms->head + confirms->count++) & (confirms->capacity - 1)] = pending;
}

void channel_published(struct channel *channel, uint64_t lsn)
{
    struct engine *engine = channel->session->engine;
    struct confirms *confirms = &channel->confirms;
    confirms->published++;
    if (lsn > engine->durable_lsn || __builtin_expect(confirms->rejected, 0))
        push_pending(confirms,
                     (struct pending_confirm){confirms->published, lsn, confirms->rejected});
    confirms->rejected = false;
    if (!list_node_is_linked(&confirms->due))
        list_append(&engine->confirming, &confirms->due);
}

/* Acknowledges what is not yet, up to UPTO. */
static void acknowledge(struct channel *channel, uint64_t upto)
{
    struct confirms *confirms = &channel->confirms;
    if (upto == confirms->confirmed)
        return;
    channel->session->engine->counters.messages_confirmed += upto - confirms->confirmed;
    channel->traffic.count[TRAFFIC_CONFIRM] += upto - confirms->confirmed;
    bool multiple = upto - confirms->confirmed > 1;
    confirms->confirmed = upto;
    session_send(channel->session, channel->number,
                 &(struct method){.id = METHOD_BASIC_ACK,
                                  .basic_ack = {.delivery_tag = upto, .multiple = multiple}});
}

/* The same with basic.nack. */
static void refuse(struct channel *channel, uint64_t upto)
{
    struct confirms *confirms = &channel->confirms;
    bool multiple = upto - confirms->confirmed > 1;
    confirms->confirmed = upto;
    session_send(channel->session, channel->number,
                 &(struct method){.id = METHOD_BASIC_NACK,
                                  .basic_nack = {.delivery_tag = upto, .multiple = multiple}});
}

/* The first that is pending, if its time has come; else NULL. */
static const struct pending_confirm *first_durable(const struct channel *channel)
{
    const struct confirms *confirms = &channel->confirms;
    if (confirms->count == 0)
        return NULL;
    const struct pending_confirm *first = &confirms->pending[confirms->head];
    return first->lsn <= channel->session->engine->durable_lsn ? first : NULL;
}

static void pop_pending(struct confirms *confirms)
{
    confirms->head = (confirms->head + 1) & (confirms->capacity - 1);
    confirms->count--;
}

/* Refuses FIRST, which is the first that is pending and durable, and what was rejected after it at
 * once; acknowledges those before. */
static void refuse_run(struct channel *channel, const struct pending_confirm *first)
{
    uint64_t last = first->sequence;
    acknowledge(channel, last - 1);
    pop_pending(&channel->confirms);
    while ((first = first_durable(channel)) != NULL && first->is_rejected &&
           first->sequence == last + 1) {
        last++;
        pop_pending(&channel->confirms);
    }
    refuse(channel, last);
}

void channel_confirm(struct channel *channel)
{
    struct confirms *confirms = &channel->confirms;
    for (const struct pending_confirm *first; (first = first_durable(channel)) != NULL;) {
        if (__builtin_expect(first->is_rejected, 0))
            refuse_run(channel, first);
        else
            pop_pending(confirms);
    }
    uint64_t upto = confirms->count > 0 ? confirms->pending[confirms->head].sequence - 1
                                        : confirms->published;
    if (confirms->count == 0 && list_node_is_linked(&confirms->due))
        list_remove(&confirms->due);
    acknowledge(channel, upto);
}

void channel_refuse(struct channel *channel)
{
    struct confirms *confirms = &channel->confirms;
    channel_confirm(channel);
    if (confirms->confirmed == confirms->published)
        return;
    channel->session->engine->counters.messages_refused += confirms->published -
                                                           confirms->confirmed;
    confirms->count = confirms->head = 0;
    if (list_node_is_linked(&confirms->due))
        list_remove(&confirms->due);
    refuse(channel, confirms->published);
}

/* --- the end --------------------------------------------------------------------------------- */

static void cancel_consumers(struct channel *channel)
{
    uint32_t position = 0;
    while (channel->consumers.count > 0) {
        struct consumer *consumer = map_next(&channel->consumers, &position);
        if (consumer == NULL) {
            position = 0; /* removing moves entries, some of them behind us */
            continue;
        }
        consumer_cancel(consumer);
        position--;
    }
}

void channel_forget_reply_consumer(struct channel *channel)
{
    if (channel->reply_consumer == NULL)
        return;
    map_remove(&channel->session->engine->reply_consumers,
               slice_of(channel->reply_token, CHANNEL_REPLY_TOKEN_BYTES));
    channel->reply_consumer = NULL;
}

void channel_close(struct channel *channel, bool tell)
{
    struct session *session = channel->session;
    if (tell && channel->mode == CHANNEL_CONFIRM)
        channel_confirm(channel);
    channel_forget_reply_consumer(channel);
    cancel_consumers(channel);
    registry_remove(session->engine, REGISTRY_CHANNEL, &channel->registered);
    if (channel->tx != NULL) {
        tx_rollback(channel);
        tx_free(channel->tx);
    }
    channel_recover(channel);
    if (list_node_is_linked(&channel->confirms.due))
        list_remove(&channel->confirms.due);
    session->channels[channel->number] = NULL;
    session->channel_count--;
    session->user->channels--;
    session->engine->counters.channels_closed++;
    traffic_add(&session->vhost->traffic, &channel->traffic);
    unacked_fini(&channel->unacked);
    map_fini(&channel->consumers);
    mem_free(channel->confirms.pending);
    mem_free((void *)channel->last_queue.data);
    mem_free(channel);
}
