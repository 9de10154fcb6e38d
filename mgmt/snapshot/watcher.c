/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/snapshot/watcher.h"

#include <time.h>

#include "exchange/binding.h"
#include "exchange/channel.h"
#include "exchange/consumer.h"
#include "exchange/message.h"
#include "exchange/priority.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/single_active.h"
#include "exchange/tx.h"
#include "exchange/user.h"
#include "exchange/vhost.h"
#include "mgmt/snapshot/row.h"
#include "server/base/mem.h"

#define OF(item, type) \
    ((const struct type *)(const void *)((const char *)(item)-offsetof(struct type, registered)))

static void pad(struct buf *facts)
{
    while (facts->size % 8 != 0)
        buf_u8(facts, 0);
}

void fact_put(struct buf *facts, enum fact_kind kind, void *fact, size_t bytes)
{
    struct fact_front *front = fact;
    front->kind = kind;
    front->bytes = (uint32_t)((bytes + 7) & ~(size_t)7);
    buf_bytes(facts, slice_of(fact, bytes));
    pad(facts);
}

/* --- the journal ----------------------------------------------------------------------------- */

struct texts {
    struct slice of[CAME_TEXTS];
};

static struct slice policy_name(struct policy *const policies[POLICY_KINDS], enum policy_kind kind)
{
    return policies[kind] != NULL ? policies[kind]->name : SLICE_EMPTY;
}

static void describe_vhost(const struct vhost *vhost, struct fact_came *came, struct texts *texts)
{
    came->flags = vhost->tracing ? CAME_TRACING : 0;
    texts->of[TEXT_NAME] = vhost->name;
    texts->of[TEXT_DESCRIPTION] = vhost->description;
    texts->of[TEXT_TAGS] = vhost->tags;
    texts->of[TEXT_QUEUE_TYPE] = vhost->default_queue_type;
}

static void describe_exchange(const struct exchange *exchange, struct fact_came *came,
                              struct texts *texts)
{
    came->vhost_id = exchange->vhost->registered.id;
    came->flags = (exchange->durable ? CAME_DURABLE : 0u) |
                  (exchange->auto_delete ? CAME_AUTO_DELETE : 0u) |
                  (exchange->internal ? CAME_INTERNAL : 0u) |
                  (exchange->is_delayed ? CAME_DELAYED : 0u);
    texts->of[TEXT_NAME] = exchange->name;
    texts->of[TEXT_ARGUMENTS] = exchange->arguments;
    texts->of[TEXT_TYPE] = slice_from_string(exchange->type->name);
    texts->of[TEXT_CREATOR] = exchange->user;
    texts->of[TEXT_POLICY] = policy_name(exchange->policies, POLICY_USERS);
    texts->of[TEXT_OPERATOR_POLICY] = policy_name(exchange->policies, POLICY_OPERATORS);
}

static void describe_queue(const struct queue *queue, struct fact_came *came, struct texts *texts,
                           struct buf *definition)
{
    came->vhost_id = queue->vhost->registered.id;
    came->of_id = queue->owner != NULL ? queue->owner->registered.id : 0;
    came->flags = (queue->durable ? CAME_DURABLE : 0u) |
                  (queue->auto_delete ? CAME_AUTO_DELETE : 0u) |
                  (queue->owner != NULL ? CAME_EXCLUSIVE : 0u) |
                  (queue->is_paused ? CAME_PAUSED : 0u);
    policy_definition(queue->policies, definition);
    texts->of[TEXT_NAME] = queue->name;
    texts->of[TEXT_ARGUMENTS] = queue->arguments;
    texts->of[TEXT_POLICY] = policy_name(queue->policies, POLICY_USERS);
    texts->of[TEXT_OPERATOR_POLICY] = policy_name(queue->policies, POLICY_OPERATORS);
    texts->of[TEXT_DEFINITION] = buf_slice(definition);
}

static void describe_binding(const struct binding *binding, struct fact_came *came,
                             struct texts *texts)
{
    came->vhost_id = binding->source->vhost->registered.id;
    came->of_id = binding->source->registered.id;
    came->to_id = binding->queue != NULL ? binding->queue->registered.id
                                         : binding->exchange->registered.id;
    came->flags = binding->queue != NULL ? CAME_TO_QUEUE : 0;
    texts->of[TEXT_NAME] = binding->routing_key;
    texts->of[TEXT_ARGUMENTS] = binding->arguments;
}

static void describe_session(const struct session *session, struct fact_came *came,
                             struct texts *texts)
{
    came->vhost_id = session->vhost->registered.id;
    came->connection = (uintptr_t)session->connection;
    texts->of[TEXT_NAME] = session->name;
    texts->of[TEXT_ARGUMENTS] = session->client_properties;
    texts->of[TEXT_USER] = session->user->name;
}

static void describe_channel(const struct channel *channel, struct fact_came *came)
{
    came->vhost_id = channel->session->vhost->registered.id;
    came->of_id = channel->session->registered.id;
    came->number = channel->number;
}

static void describe_consumer(const struct consumer *consumer, struct fact_came *came,
                              struct texts *texts)
{
    came->vhost_id = consumer->queue->vhost->registered.id;
    came->of_id = consumer->channel->registered.id;
    came->to_id = consumer->queue->registered.id;
    came->prefetch = consumer->prefetch;
    came->priority = consumer->priority;
    bool is_single_active = consumer->queue->single_active == consumer;
    came->flags = (consumer->exclusive ? CAME_EXCLUSIVE : 0u) |
                  (consumer->no_ack ? CAME_NO_ACK : 0u) |
                  (is_single_active ? CAME_SINGLE_ACTIVE : 0u) |
                  (single_active_waits(consumer) ? CAME_WAITING : 0u);
    texts->of[TEXT_NAME] = consumer_tag(consumer);
    texts->of[TEXT_ARGUMENTS] = consumer->arguments;
}

static void look_if_crowded(struct watcher *watcher)
{
    if (watcher->journal.size < WATCHER_JOURNAL_BYTES || watcher->is_crowded)
        return;
    watcher->is_crowded = true;
    if (watcher->on_crowded != NULL)
        watcher->on_crowded(watcher);
}

static void on_came(struct registry_observer *observer, enum registry_kind kind,
                    const struct registered *item)
{
    struct watcher *watcher = (struct watcher *)observer;
    struct fact_came came = {.id = item->id, .registry = kind, .wall_ms = watcher->wall_ms()};
    struct texts texts = {0};
    struct buf definition = {0};
    switch (kind) {
    case REGISTRY_VHOST:
        describe_vhost(OF(item, vhost), &came, &texts);
        break;
    case REGISTRY_EXCHANGE:
        describe_exchange(OF(item, exchange), &came, &texts);
        break;
    case REGISTRY_QUEUE:
        describe_queue(OF(item, queue), &came, &texts, &definition);
        break;
    case REGISTRY_BINDING:
        describe_binding(OF(item, binding), &came, &texts);
        break;
    case REGISTRY_SESSION:
        describe_session(OF(item, session), &came, &texts);
        break;
    case REGISTRY_CHANNEL:
        describe_channel(OF(item, channel), &came);
        break;
    case REGISTRY_CONSUMER:
        describe_consumer(OF(item, consumer), &came, &texts);
        break;
    case REGISTRY_KIND_COUNT:
        break;
    }
    size_t start = watcher->journal.size;
    for (unsigned i = 0; i < CAME_TEXTS; i++)
        came.text_bytes[i] = (uint32_t)texts.of[i].size;
    fact_put(&watcher->journal, FACT_CAME, &came, sizeof came);
    for (unsigned i = 0; i < CAME_TEXTS; i++)
        buf_bytes(&watcher->journal, texts.of[i]);
    pad(&watcher->journal);
    ((struct fact_front *)(void *)(watcher->journal.data + start))->bytes =
        (uint32_t)(watcher->journal.size - start);
    buf_fini(&definition);
    look_if_crowded(watcher);
}

static void on_went(struct registry_observer *observer, enum registry_kind kind,
                    const struct registered *item)
{
    struct watcher *watcher = (struct watcher *)observer;
    struct fact_went went = {.id = item->id, .registry = kind};
    fact_put(&watcher->journal, FACT_WENT, &went, sizeof went);
    look_if_crowded(watcher);
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

void watcher_start(struct watcher *watcher, struct engine *engine)
{
    watcher->observer = (struct registry_observer){on_came, on_went};
    watcher->engine = engine;
    watcher->clock_ns = clock_ns;
    watcher->wall_ms = wall_ms;
    watcher->journal = (struct buf){0};
    watcher->is_crowded = true; /* what is there already is taken by the first look */
    registry_observe(engine, &watcher->observer);
}

void watcher_stop(struct watcher *watcher)
{
    buf_fini(&watcher->journal);
}

void watcher_journal(struct watcher *watcher, struct buf *facts)
{
    watcher->is_crowded = false;
    if (facts->size == 0) {
        struct buf empty = *facts;
        *facts = watcher->journal;
        watcher->journal = empty;
    } else {
        buf_bytes(facts, buf_slice(&watcher->journal));
        watcher->journal.size = 0;
    }
}

/* --- numbers --------------------------------------------------------------------------------- */

/* Mixes VALUE into a number that tells whether any of several has changed. */
static uint64_t mix(uint64_t seen, uint64_t value)
{
    return (seen ^ value) * 0x9E3779B97F4A7C15u + (seen >> 29);
}

static uint64_t mix_traffic(uint64_t seen, const struct traffic *traffic)
{
    for (unsigned i = 0; i < TRAFFIC_KIND_COUNT; i++)
        seen = mix(seen, traffic->count[i]);
    return seen;
}

/* Is SEEN what it was the last time? Kept for the next. */
static bool is_told(struct registered *item, uint64_t seen)
{
    seen |= 1; /* never 0, which nothing was told with */
    bool is_same = item->seen == seen;
    item->seen = seen;
    return is_same;
}

static void tell_vhost(struct registered *item, struct buf *facts)
{
    const struct vhost *vhost = OF(item, vhost);
    struct fact_vhost fact = {.id = item->id, .traffic = vhost->traffic};
    if (!is_told(item, mix_traffic(1, &vhost->traffic)))
        fact_put(facts, FACT_VHOST, &fact, sizeof fact);
}

static void tell_exchange(struct registered *item, struct buf *facts)
{
    const struct exchange *exchange = OF(item, exchange);
    struct fact_exchange fact = {.id = item->id,
                                 .published = exchange->published,
                                 .routed = exchange->routed,
                                 .delayed = delay_count(exchange)};
    if (!is_told(item, mix(mix(mix(1, fact.published), fact.routed), fact.delayed)))
        fact_put(facts, FACT_EXCHANGE, &fact, sizeof fact);
}

/* Where the first message that is ready stands, and the next of its level will. With priorities it
 * is of the lowest level, which waits longest. */
static void put_positions(const struct queue *queue, struct fact_queue *fact)
{
    uint32_t level = priority_last(queue);
    const struct deque *deque = priority_deque_of(queue, level);
    fact->next_position = queue->priority != NULL && queue->priority->levels[level] != NULL
                              ? queue->priority->levels[level]->next_position
                              : queue->next_position;
    fact->first_position = deque_first(deque, fact->next_position);
    if (queue->returned.count > 0 && queue->parked == 0 &&
        position_level(queue->returned.entries[0].position) == level)
        fact->first_position = queue->returned.entries[0].position; /* the heap's top */
}

/* The timestamp of the first message, if it has one and is in memory; or 0. */
static uint64_t head_timestamp(const struct queue *queue)
{
    const struct message *message = queue_peek(queue);
    struct properties properties;
    if (message == NULL || message->properties_bytes <= PROPERTY_FLAGS_BYTES ||
        properties_decode(message_properties(message), &properties) != METHOD_OK ||
        (properties.flags & PROPERTY_TIMESTAMP) == 0)
        return 0;
    return properties.timestamp;
}

/* A count that may be too low for a while (queue_purge). */
static uint64_t at_least_zero(uint64_t count)
{
    return (int64_t)count < 0 ? 0 : count;
}

static void tell_queue(struct registered *item, struct buf *facts)
{
    const struct queue *queue = OF(item, queue);
    bool is_able = !list_is_empty(&queue->active);
    uint64_t seen = mix_traffic(is_able, &queue->traffic);
    seen = mix(mix(mix(seen, queue_depth(queue)), queue->unacked), queue->consumer_count);
    uint64_t cold_bytes, in_memory = queue_depth(queue) - queue_cold(queue, &cold_bytes);
    seen = mix(mix(mix(seen, in_memory), queue->next_position), queue->ready_bytes);
    if (is_told(item, seen))
        return;
    struct fact_queue fact = {
        .id = item->id,
        .traffic = queue->traffic,
        .ready = queue_depth(queue),
        .unacked = queue->unacked,
        .ready_bytes = queue->ready_bytes,
        .unacked_bytes = queue->unacked_bytes,
        .in_memory = in_memory,
        .cold_bytes = cold_bytes,
        .persistent = at_least_zero(queue->persistent),
        .persistent_bytes = at_least_zero(queue->persistent_bytes),
        .memory_bytes = queue_own_bytes(queue) + (queue->ready_bytes - cold_bytes) +
                        queue->unacked_bytes + (in_memory + queue->unacked) * MESSAGE_BESIDE_BYTES,
        .head_timestamp = head_timestamp(queue),
        .consumers = queue->consumer_count,
        .is_able = is_able,
    };
    put_positions(queue, &fact);
    fact_put(facts, FACT_QUEUE, &fact, sizeof fact);
}

static void tell_session(struct registered *item, struct buf *facts)
{
    const struct session *session = OF(item, session);
    struct fact_session fact = {
        .id = item->id, .channels = session->channel_count, .is_clogged = session->clogged};
    if (!is_told(item, mix(mix(1, session->channel_count), session->clogged)))
        fact_put(facts, FACT_SESSION, &fact, sizeof fact);
}

static void tell_channel(struct registered *item, struct buf *facts)
{
    const struct channel *channel = OF(item, channel);
    struct fact_channel fact = {
        .id = item->id,
        .traffic = channel->traffic,
        .unconfirmed = channel->confirms.published - channel->confirms.confirmed,
        .unacked = unacked_live(&channel->unacked),
        .consumers = channel->consumers.count,
        .prefetch = channel->prefetch,
        .prefetch_global = channel->prefetch_global,
        .mode = (uint8_t)channel->mode,
        .published_to = channel->published_to,
        .took_from = channel->took_from,
    };
    if (channel->tx != NULL)
        tx_count(channel->tx, &fact.uncommitted, &fact.acks_uncommitted);
    uint64_t seen = mix_traffic(fact.mode, &channel->traffic);
    seen = mix(mix(mix(seen, fact.unconfirmed), fact.unacked), fact.consumers);
    seen = mix(mix(seen, fact.uncommitted), fact.acks_uncommitted);
    seen = mix(mix(seen, fact.prefetch), fact.prefetch_global);
    seen = mix(mix(seen, fact.published_to), fact.took_from);
    if (!is_told(item, seen))
        fact_put(facts, FACT_CHANNEL, &fact, sizeof fact);
}

static void tell_engine(const struct engine *engine, struct buf *facts)
{
    struct fact_engine fact = {
        .counters = engine->counters,
        .queue_declares = engine->queue_declares,
        .backlog_bytes = engine->blocks.bytes,
        .held_bytes = engine->held_bytes,
        .messages_delayed = engine->delays.count,
    };
    for (unsigned kind = 0; kind < REGISTRY_KIND_COUNT; kind++)
        fact.objects[kind] = engine->registries[kind].count;
    fact_put(facts, FACT_ENGINE, &fact, sizeof fact);
}

/* Of bindings and consumers there is nothing that changes. */
static void (*const tell[REGISTRY_KIND_COUNT])(struct registered *item, struct buf *facts) = {
    [REGISTRY_VHOST] = tell_vhost,     [REGISTRY_EXCHANGE] = tell_exchange,
    [REGISTRY_QUEUE] = tell_queue,     [REGISTRY_SESSION] = tell_session,
    [REGISTRY_CHANNEL] = tell_channel,
};

bool watcher_sweep(struct watcher *watcher, struct watcher_position *position, struct buf *facts)
{
    uint64_t end = watcher->clock_ns() + WATCHER_SLICE_NS;
    for (; position->kind < REGISTRY_KIND_COUNT; position->kind++, position->at = 0) {
        struct registry *registry = &watcher->engine->registries[position->kind];
        if (tell[position->kind] == NULL)
            continue;
        while (position->at < registry->count) {
            if (position->at % WATCHER_STEP == WATCHER_STEP - 1 && watcher->clock_ns() >= end) {
                /* at least a step was made, for AT moves on before the next look */
                tell[position->kind](registry->items[position->at++], facts);
                return false;
            }
            if (position->at + 4 < registry->count)
                __builtin_prefetch(registry->items[position->at + 4]);
            tell[position->kind](registry->items[position->at++], facts);
        }
    }
    tell_engine(watcher->engine, facts);
    return true;
}
