/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/consumer.h"

#include "exchange/channel.h"
#include "exchange/delivery_limit.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/single_active.h"
#include "exchange/trace.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

/* Behind the last active consumer of the same or a higher priority. */
static void activate(struct consumer *consumer)
{
    struct list *active = &consumer->queue->active;
    struct list_node *after = active->head.prev;
    while (after != &active->head &&
           LIST_ENTRY(after, struct consumer, active)->priority < consumer->priority)
        after = after->prev;
    list_insert_before(after->next, &consumer->active);
}

/* Among its queue's consumers. */
static void join_queue(struct consumer *consumer)
{
    struct list *consumers = &consumer->queue->consumers;
    struct list_node *after = consumers->head.prev;
    while (consumer->queue->settings.single_active && after != &consumers->head &&
           LIST_ENTRY(after, struct consumer, by_queue)->priority < consumer->priority)
        after = after->prev;
    list_insert_before(after->next, &consumer->by_queue);
    consumer->queue->consumer_count++;
    if (consumer->exclusive && !consumer->queue->settings.is_quorum)
        consumer->queue->exclusive_consumer = consumer;
    single_active_added(consumer);
}

/* May it be among the active ones, when it has credit? */
static bool has_turn(const struct consumer *consumer)
{
    return !consumer->queue->is_paused && !single_active_waits(consumer);
}

struct consumer *consumer_add(struct channel *channel, struct queue *queue,
                              const struct consumer_spec *spec)
{
    struct consumer *consumer = mem_zalloc(sizeof *consumer + spec->tag.size);
    consumer->channel = channel;
    consumer->queue = queue;
    consumer->priority = spec->priority;
    consumer->timeout_ms = spec->timeout_ms;
    consumer_timeout_note(channel->session->engine, spec->timeout_ms);
    consumer->prefetch = spec->no_ack ? 0 : channel->prefetch;
    consumer->no_ack = spec->no_ack;
    consumer->exclusive = spec->exclusive;
    consumer->arguments = slice_dup(spec->arguments);
    consumer->tag_bytes = (uint8_t)spec->tag.size;
    memcpy(consumer->tag, spec->tag.data, spec->tag.size);
    map_add(&channel->consumers, consumer_tag(consumer), consumer);
    channel_note(&channel->took_from, queue != NULL ? queue->registered.id : CHANNEL_SEVERAL);
    if (queue == NULL)
        return consumer;
    join_queue(consumer);
    registry_add(channel->session->engine, REGISTRY_CONSUMER, &consumer->registered);
    if (has_turn(consumer)) {
        activate(consumer);
        queue_schedule(queue);
    } else {
        list_append(&channel->parked, &consumer->parked);
    }
    return consumer;
}

static void free_consumer(struct consumer *consumer)
{
    mem_free((void *)consumer->arguments.data);
    mem_free(consumer);
}

void consumer_cancel(struct consumer *consumer)
{
    struct queue *queue = consumer->queue;
    registry_remove(consumer->channel->session->engine, REGISTRY_CONSUMER, &consumer->registered);
    map_remove(&consumer->channel->consumers, consumer_tag(consumer));
    if (list_node_is_linked(&consumer->active))
        list_remove(&consumer->active);
    if (list_node_is_linked(&consumer->parked))
        list_remove(&consumer->parked);
    consumer->cancelled = true;
    if (queue != NULL) {
        list_remove(&consumer->by_queue);
        queue->consumer_count--;
        if (queue->exclusive_consumer == consumer)
            queue->exclusive_consumer = NULL;
        single_active_removed(consumer);
    }
    if (consumer->unacked == 0)
        free_consumer(consumer);
    if (queue != NULL && queue->consumer_count == 0)
        expiry_used(queue);
    if (queue != NULL && queue->auto_delete && queue->consumer_count == 0 && !queue->deleted)
        queue_delete(queue);
}

bool consumer_may_take(const struct consumer *consumer)
{
    const struct channel *channel = consumer->channel;
    if (channel->session->clogged)
        return false;
    if (consumer->no_ack)
        return true;
    return (consumer->prefetch == 0 || consumer->unacked < consumer->prefetch) &&
           (channel->prefetch_global == 0 || channel->consumer_unacked < channel->prefetch_global);
}

void consumer_park(struct consumer *consumer)
{
    list_remove(&consumer->active);
    list_append(&consumer->channel->parked, &consumer->parked);
}

void consumer_wake(struct consumer *consumer)
{
    if (!list_node_is_linked(&consumer->parked) || !has_turn(consumer) ||
        !consumer_may_take(consumer))
        return;
    list_remove(&consumer->parked);
    activate(consumer);
    queue_schedule(consumer->queue);
}

static int32_t priority_at(const struct list_node *node)
{
    return LIST_ENTRY(node, struct consumer, active)->priority;
}

/* Looks for the end of its level from both sides: few peers or few below, either makes it cheap. */
void consumer_rotate(struct consumer *consumer)
{
    struct list_node *head = &consumer->queue->active.head;
    struct list_node *forward = consumer->active.next, *backward = head->prev;
    while (priority_at(backward) < consumer->priority) {
        if (priority_at(forward) < consumer->priority) {
            backward = forward->prev;
            break;
        }
        forward = forward->next;
        backward = backward->prev;
    }
    if (backward == &consumer->active)
        return;
    list_remove(&consumer->active);
    list_insert_before(backward->next, &consumer->active);
}

/* Sends the delivery and counts what it costs the session. */
static void emit(struct consumer *consumer, struct message *message, uint64_t tag, bool redelivered)
{
    struct session *session = consumer->channel->session;
    struct effect effect = {.kind = EFFECT_DELIVER,
                            .channel = consumer->channel->number,
                            .redelivered = redelivered,
                            .message = message,
                            .consumer_tag = consumer_tag(consumer),
                            .delivery_tag = tag};
    session->unwritten += effect_cost(&effect);
    if (session->unwritten >= session->unwritten_max)
        session->clogged = true;
    session->engine->counters.messages_delivered++;
    session->engine->counters.messages_redelivered += redelivered;
    session_emit(session, &effect);
}

void consumer_deliver(struct consumer *consumer, const struct returned_entry *entry)
{
    struct channel *channel = consumer->channel;
    struct queue *queue = consumer->queue;
    uint64_t tag = ++channel->last_tag;
    bool redelivered = queue != NULL && queue_is_redelivery(queue, entry);
    if (__builtin_expect(redelivered && delivery_limit_counts(queue, entry), 0)) {
        struct message *counted = delivery_limit_counted(entry);
        emit(consumer, counted, tag, redelivered);
        message_unref(counted);
    } else if (__builtin_expect((entry->message->flags & MESSAGE_BCC) != 0, 0)) {
        struct message *shown = message_for_receiver(entry->message);
        emit(consumer, shown, tag, redelivered);
        message_unref(shown);
    } else {
        emit(consumer, entry->message, tag, redelivered);
    }
    channel->traffic.count[TRAFFIC_DELIVER + consumer->no_ack]++;
    if (queue == NULL) {
        message_unref(entry->message);
        return;
    }
    queue->traffic.count[TRAFFIC_DELIVER + consumer->no_ack]++;
    if (__builtin_expect(queue->vhost->tracing, 0))
        trace_deliver(channel, queue, entry->message, redelivered);
    if (redelivered) {
        channel->traffic.count[TRAFFIC_REDELIVER]++;
        queue->traffic.count[TRAFFIC_REDELIVER]++;
    }
    if (consumer->no_ack) {
        queue_settle(queue, entry->position, entry->message);
    } else {
        consumer->unacked++;
        channel->consumer_unacked++;
        channel_track(channel, queue, consumer, entry);
    }
    consumer_rotate(consumer);
}

void consumer_settled(struct consumer *consumer)
{
    CHECK(consumer->unacked > 0);
    consumer->unacked--;
    consumer->channel->consumer_unacked--;
    if (consumer->cancelled && consumer->unacked == 0)
        free_consumer(consumer);
}
