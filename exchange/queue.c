/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Whatever was delivered had a lower position than all that was not, so what comes
 * back always stands before the deque: the deque stays a plain FIFO, and order needs a heap only
 * for what came back. A message that finds an empty queue and a consumer with credit never enters
 * either. With priorities that is so of each level (priority.c).
 */
#include "exchange/queue.h"

#include "exchange/channel.h"
#include "exchange/consumer.h"
#include "exchange/dead_letter.h"
#include "exchange/definition.h"
#include "exchange/delay.h"
#include "exchange/delivery_limit.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/pause.h"
#include "exchange/priority.h"
#include "exchange/session.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

static struct engine *engine_of(const struct queue *queue)
{
    return queue->vhost->engine;
}

struct queue *queue_new_hidden(struct vhost *vhost, struct slice name, bool durable)
{
    struct queue *queue = mem_zalloc(sizeof *queue);
    queue->id = ++vhost->engine->last_queue_id;
    queue->vhost = vhost;
    vhost->references++;
    queue->name = slice_dup(name);
    queue->durable = durable;
    queue->references = 1;
    queue->next_position = 1;
    list_init(&queue->consumers);
    list_init(&queue->active);
    list_init(&queue->bindings);
    list_init(&queue->paging.getters);
    list_init(&queue->paging.waits);
    return queue;
}

struct queue *queue_declare(struct vhost *vhost, const struct queue_spec *spec)
{
    struct queue *queue = queue_new_hidden(vhost, spec->name, spec->durable);
    queue->arguments = slice_dup(spec->arguments);
    queue->auto_delete = spec->auto_delete;
    if (spec->owner != NULL) {
        queue->owner = spec->owner;
        list_append(&spec->owner->exclusive_queues, &queue->owned);
    }
    vhost_add_queue(vhost, queue);
    queue_settings_changed(queue);
    vhost->engine->counters.queues_declared++;
    registry_add(vhost->engine, REGISTRY_QUEUE, &queue->registered);
    return queue;
}

void queue_unref(struct queue *queue)
{
    if (--queue->references > 0)
        return;
    CHECK(queue->deleted && queue_depth(queue) == 0);
    returned_fini(&queue->returned);
    priority_free(queue->priority);
    mem_free((void *)queue->name.data);
    mem_free((void *)queue->arguments.data);
    if (queue->delay != NULL)
        delay_free(queue->delay);
    vhost_unref(queue->vhost);
    mem_free(queue);
}

/* May MESSAGE expire in QUEUE? */
static inline bool expiry_may(const struct queue *queue, const struct message *message)
{
    return queue->clock != NULL || (message->flags & MESSAGE_TIMED) != 0;
}

/* Puts a message behind all others, of its level. */
static void push(struct queue *queue, uint64_t position, struct message *message)
{
    struct deque *deque = &queue->ready;
    queue->ready_bytes += message->body_bytes;
    if (queue_has_priorities(queue)) {
        deque = priority_push(queue, position, message);
        if (deque == &queue->ready && deque->cold.count == 0)
            paging_overtaken(queue);
    } else {
        deque_push(deque, &engine_of(queue)->blocks, position, message);
    }
    if (__builtin_expect(deque->blocks > DEQUE_BLOCKS_KEPT, 0))
        paging_note_backlog(queue);
}

/* The same from what was not delivered. */
static bool take_ready(struct queue *queue, struct returned_entry *entry)
{
    bool is_leaving;
    if (!deque_pop(&queue->ready, &engine_of(queue)->blocks, entry, &is_leaving))
        return false;
    if (__builtin_expect(is_leaving, 0))
        paging_taken(queue, entry);
    if (__builtin_expect(queue->ready.cold.count > 0, 0) && entry->position >= queue->ready.ask_at)
        paging_fetch(queue);
    if (__builtin_expect(queue->parked > 0, 0) && deque_is_empty(&queue->ready))
        priority_advance(queue);
    return true;
}

bool queue_take(struct queue *queue, struct returned_entry *entry)
{
    if (__builtin_expect(queue_returned_first(queue), 0))
        (void)returned_pop(&queue->returned, entry);
    else if (!take_ready(queue, entry))
        return false;
    queue->ready_bytes -= entry->message->body_bytes;
    if (__builtin_expect(queue->clock != NULL, 0) && expiry_looks_at_head(queue->clock))
        expiry_head_changed(queue);
    return true;
}

/* SIGN 1: MESSAGE is one more of the queue's; -1: one less. */
static inline void count_persistent(struct queue *queue, const struct message *message, int sign)
{
    if ((message->flags & MESSAGE_PERSISTENT) == 0)
        return;
    queue->persistent += (uint64_t)sign;
    queue->persistent_bytes += (uint64_t)sign * message->body_bytes;
}

void queue_settle(struct queue *queue, uint64_t position, struct message *message)
{
    if (__builtin_expect(message->lsn != 0 && queue->durable && !queue->deleted, 0)) {
        (void)engine_append(engine_of(queue), &(struct store_record){.kind = STORE_SETTLE,
                                                                     .queue = queue,
                                                                     .position = position,
                                                                     .span = 1,
                                                                     .bytes = message->body_bytes});
    }
    count_persistent(queue, message, -1);
    message_unref(message);
}

/* Cold messages are persistent, but for those that were given to the store to leave memory: how
 * many of these there are nobody knows, so that the counts may be too low until the queue is empty.
 */
void queue_drop_cold(struct queue *queue)
{
    const struct deque_cold *cold = &queue->ready.cold;
    queue->persistent -= cold->count < queue->persistent ? cold->count : queue->persistent;
    queue->persistent_bytes -= cold->bytes < queue->persistent_bytes ? cold->bytes
                                                                     : queue->persistent_bytes;
    paging_drop(queue);
}

uint64_t queue_purge(struct queue *queue)
{
    uint64_t count = queue_depth(queue);
    struct returned_entry entry;
    do {
        queue_drop_cold(queue);
        while (queue->ready.cold.count == 0 && queue_take(queue, &entry))
            queue_settle(queue, entry.position, entry.message);
    } while (queue_depth(queue) > 0);
    engine_of(queue)->counters.messages_purged += count;
    return count;
}

void queue_restore(struct queue *queue, uint64_t first, uint64_t end, uint64_t count,
                   uint64_t bytes)
{
    if (queue->next_position < position_number(end))
        queue->next_position = position_number(end);
    if (count == 0)
        return;
    priority_restore(queue, &(struct deque_cold){first, end, count, bytes});
    queue->ready_bytes += bytes;
    queue->persistent += count;
    queue->persistent_bytes += bytes;
    if (queue->clock != NULL && queue->clock->has_ttl)
        expiry_restore(queue);
    if (queue->limit.drops)
        queue_limit_changed(queue); /* what was dropped last may not have reached the log */
}

void queue_set_recovered(struct queue *queue, uint64_t position)
{
    if (queue_has_priorities(queue))
        priority_set_recovered(queue, position);
    else
        queue->recovered_below = position;
}

bool queue_is_recovered(const struct queue *queue, uint64_t position)
{
    return !queue_has_priorities(queue) || priority_is_recovered(queue, position);
}

uint64_t queue_cold(const struct queue *queue, uint64_t *bytes)
{
    uint64_t count = 0;
    uint32_t level = queue->level;
    *bytes = 0;
    do {
        const struct deque_cold *cold = &priority_deque_of(queue, level)->cold;
        count += cold->count;
        *bytes += cold->bytes;
    } while (priority_next(queue, &level));
    return count;
}

uint64_t queue_own_bytes(const struct queue *queue)
{
    uint64_t bytes = sizeof *queue;
    uint32_t level = queue->level;
    do
        bytes += priority_deque_of(queue, level)->blocks * sizeof(struct deque_block);
    while (priority_next(queue, &level));
    return bytes;
}

/* Tells the client that its consumer is gone (section 1.8.3.5; RabbitMQ's
 * consumer_cancel_notify). */
static void notify_cancel(struct consumer *consumer)
{
    struct session *session = consumer->channel->session;
    if (!session->wants_cancel_notify)
        return;
    session_send(
        session, consumer->channel->number,
        &(struct method){.id = METHOD_BASIC_CANCEL,
                         .basic_cancel = {.consumer_tag = consumer_tag(consumer), .nowait = true}});
}

/* With its pause, if it has one, so that another queue of its name does not begin with that. */
static void remove_from_vhost(struct queue *queue)
{
    struct engine *engine = engine_of(queue);
    if (!queue->is_paused) {
        vhost_remove_queue(queue->vhost, queue);
        return;
    }
    engine_begin_together(engine);
    vhost_remove_queue(queue->vhost, queue);
    pause_forget(queue);
    uint64_t lsn = engine_end_together(engine);
    if (lsn != 0)
        engine->topology_lsn = lsn;
}

void queue_delete(struct queue *queue)
{
    CHECK(!queue->deleted);
    queue->deleted = true;
    if (queue->owner != NULL)
        list_remove(&queue->owned);
    if (list_node_is_linked(&queue->pending))
        list_remove(&queue->pending);
    queue_limit_forget(queue);
    remove_from_vhost(queue);
    for (struct list_node *node; (node = list_first(&queue->consumers)) != NULL;) {
        struct consumer *consumer = LIST_ENTRY(node, struct consumer, by_queue);
        notify_cancel(consumer);
        consumer_cancel(consumer);
    }
    registry_remove(engine_of(queue), REGISTRY_QUEUE, &queue->registered);
    expiry_forget(queue);
    (void)queue_purge(queue);
    paging_forget(queue);
    engine_of(queue)->counters.queues_deleted++;
    queue_unref(queue);
}

/* The consumer whose turn it is, or NULL; those found without credit are parked. */
static struct consumer *next_consumer(struct queue *queue)
{
    for (struct list_node *node; (node = list_first(&queue->active)) != NULL;) {
        struct consumer *consumer = LIST_ENTRY(node, struct consumer, active);
        if (consumer_may_take(consumer))
            return consumer;
        consumer_park(consumer);
    }
    return NULL;
}

void queue_publish(struct queue *queue, struct message *message)
{
    uint64_t position = queue_has_priorities(queue) ? priority_take_position(queue, message)
                                                    : queue->next_position++;
    queue->traffic.count[TRAFFIC_PUBLISH]++;
    count_persistent(queue, message, 1);
    if (__builtin_expect(queue->delay != NULL, 0)) {
        delay_publish(queue, position, message);
        return;
    }
    if (queue_depth(queue) == 0) {
        struct consumer *consumer = next_consumer(queue);
        if (consumer != NULL) {
            consumer_deliver(consumer,
                             &(struct returned_entry){.position = position, .message = message});
            return;
        }
    }
    push(queue, position, message);
    if (__builtin_expect(expiry_may(queue, message), 0))
        expiry_pushed(queue, message);
    if (__builtin_expect(queue->limit.drops, 0) && queue_is_over(queue))
        (void)queue_limit_enforce(queue);
}

void queue_requeue(struct queue *queue, uint64_t position, struct message *message,
                   uint32_t delivery_count)
{
    if (queue->deleted) {
        message_unref(message);
        return;
    }
    if (delivery_limit_is_reached(queue, delivery_count)) {
        dead_letter(queue, position, message, DEAD_DELIVERY_LIMIT);
        return;
    }
    if (message->lsn != 0 && queue->durable) {
        (void)engine_append(engine_of(queue),
                            &(struct store_record){.kind = STORE_REQUEUE,
                                                   .queue = queue,
                                                   .position = position,
                                                   .delivery_count = delivery_count});
    }
    queue->ready_bytes += message->body_bytes;
    returned_push(&queue->returned, (struct returned_entry){position, message, delivery_count});
    if (expiry_may(queue, message))
        expiry_requeued(queue, message);
    if (queue->limit.drops)
        (void)queue_limit_enforce(queue);
    session_release_all(&queue->paging.getters);
    queue_schedule(queue);
}

void queue_schedule(struct queue *queue)
{
    if (!queue->deleted && !list_node_is_linked(&queue->pending))
        list_append(&engine_of(queue)->pending, &queue->pending);
}

void queue_dispatch(struct queue *queue)
{
    uint64_t wall_ms = queue->clock == NULL ? UINT64_MAX : engine_wall_ms(engine_of(queue));
    for (;;) {
        if (__builtin_expect(queue->clock != NULL, 0) && !expiry_is_fresh(queue->clock, wall_ms) &&
            !expiry_drop(queue))
            return;
        struct consumer *consumer = queue_depth(queue) == 0 ? NULL : next_consumer(queue);
        if (consumer == NULL)
            return;
        struct returned_entry entry;
        deque_prefetch(&queue->ready);
        if (__builtin_expect(!queue_take(queue, &entry), 0)) {
            paging_fetch(queue);
            return;
        }
        consumer_deliver(consumer, &entry);
    }
}
