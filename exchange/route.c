/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A walk visits exchanges breadth first from the one published to. Queues and
 * exchanges carry the number of the last walk that met them (walk_mark), so that cycles end and a
 * queue bound twice gets one copy, without a set or a table. While walking, the strongest
 * dependence met decides how the result may be kept: with the exchange (fanout), by routing key in
 * the cache (direct, topic), or not at all (headers, default exchange).
 */
#include "exchange/route.h"

#include "exchange/binding.h"
#include "exchange/delay.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

#define CACHE_SLOTS_MIN 64

struct route_walk {
    struct vhost *vhost;
    uint64_t mark; /* of the exchanges met */
    struct route_set *set;
    struct exchange *last; /* the end of the chain of exchanges to ask */
    uint32_t matches;      /* of the exchange that is being asked */
    enum exchange_dependence dependence;
};

/* A result that is kept, for as long as the vhost's topology is of this generation. */
struct route {
    uint64_t generation;
    uint32_t count;
    struct queue *queues[];
};

struct route_slot {
    uint64_t hash;
    const struct exchange *exchange;
    struct slice routing_key; /* its bytes stand behind the route's queues */
    struct route route;
};

void route_set_begin(struct route_set *set, struct vhost *vhost)
{
    set->count = 0;
    set->mark = ++vhost->walks;
}

void route_set_fini(struct route_set *set)
{
    mem_free(set->queues);
    *set = (struct route_set){0};
}

static void add_queue(struct route_set *set, struct queue *queue)
{
    if (queue->walk_mark == set->mark)
        return;
    queue->walk_mark = set->mark;
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 16 : set->capacity * 2;
        set->queues = mem_realloc(set->queues, set->capacity * sizeof(struct queue *));
    }
    set->queues[set->count++] = queue;
}

static void add_exchange(struct route_walk *walk, struct exchange *exchange)
{
    if (exchange->walk_mark == walk->mark)
        return;
    exchange->walk_mark = walk->mark;
    exchange->walk_next = NULL;
    if (walk->last != NULL)
        walk->last->walk_next = exchange;
    walk->last = exchange;
}

void route_walk_binding(struct route_walk *walk, struct binding *binding)
{
    walk->matches++;
    if (binding->queue != NULL)
        add_queue(walk->set, binding->queue);
    else
        add_exchange(walk, binding->exchange);
}

static void depend_on(struct route_walk *walk, enum exchange_dependence dependence)
{
    if (dependence > walk->dependence)
        walk->dependence = dependence;
}

/* The default exchange: KEY names a queue. */
static void ask_default(struct route_walk *walk, struct slice key)
{
    struct queue *queue = vhost_queue(walk->vhost, key);
    depend_on(walk, EXCHANGE_DEPENDS_ON_MESSAGE); /* queues come and go without a new generation */
    if (queue != NULL) {
        walk->matches++;
        add_queue(walk->set, queue);
    }
}

/* All keys, and then the alternate exchange if none of them matched. */
static void ask(struct route_walk *walk, struct exchange *exchange, const struct slice *keys,
                uint32_t key_count, struct message *message)
{
    walk->matches = 0;
    if (exchange_is_default(exchange)) {
        for (uint32_t i = 0; i < key_count; i++)
            ask_default(walk, keys[i]);
    } else if (__builtin_expect(exchange->is_delayed, 0) && delay_of(message) > 0) {
        depend_on(walk, EXCHANGE_DEPENDS_ON_MESSAGE);
        walk->matches++;
        add_queue(walk->set, delay_queue(exchange));
    } else {
        depend_on(walk, exchange->dependence);
        for (uint32_t i = 0; i < key_count; i++)
            exchange->type->route(exchange, keys[i], message, walk);
    }
    if (walk->matches == 0 && exchange->alternate.data != NULL) {
        struct exchange *alternate = vhost_exchange(walk->vhost, exchange->alternate);
        if (alternate != NULL && !exchange_is_default(alternate)) /* that has no bindings to it */
            add_exchange(walk, alternate);
    }
}

enum exchange_dependence route_collect(struct exchange *exchange, const struct slice *keys,
                                       uint32_t key_count, struct message *message,
                                       struct route_set *set)
{
    struct vhost *vhost = exchange->vhost;
    struct route_walk walk = {.vhost = vhost, .mark = ++vhost->walks, .set = set};
    add_exchange(&walk, exchange);
    for (struct exchange *next = exchange; next != NULL; next = next->walk_next)
        ask(&walk, next, keys, key_count, message);
    return walk.dependence;
}

/* --- what is kept ---------------------------------------------------------------------------- */

void route_cache_init(struct route_cache *cache, uint32_t slot_max)
{
    *cache = (struct route_cache){.slot_max = slot_max};
}

static void free_slots(struct route_slot **slots, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        mem_free(slots[i]);
    mem_free(slots);
}

void route_cache_fini(struct route_cache *cache)
{
    free_slots(cache->slots, cache->slot_count);
    *cache = (struct route_cache){0};
}

/* Doubles the table when it threw out as many valid entries as it has places. */
static void grow_if_crowded(struct route_cache *cache)
{
    uint32_t count = cache->slot_count == 0 ? CACHE_SLOTS_MIN : cache->slot_count * 2;
    if (cache->slot_count != 0 && (cache->replaced < cache->slot_count || count > cache->slot_max))
        return;
    struct route_slot **slots = mem_zalloc(count * sizeof(struct route_slot *));
    for (uint32_t i = 0; i < cache->slot_count; i++) {
        struct route_slot *slot = cache->slots[i];
        if (slot != NULL)
            slots[slot->hash & (count - 1)] =
                slot; /* two of the old never meet in one of the new */
    }
    mem_free(cache->slots);
    cache->slots = slots;
    cache->slot_count = count;
    cache->replaced = 0;
}

static void fill_route(struct route *route, uint64_t generation, const struct route_set *set)
{
    route->generation = generation;
    route->count = set->count;
    if (set->count > 0)
        memcpy(route->queues, set->queues, set->count * sizeof(struct queue *));
}

static struct route_view view(const struct route *route)
{
    return (struct route_view){route->queues, route->count};
}

static struct route_view keep_by_key(struct vhost *vhost, const struct exchange *exchange,
                                     struct slice routing_key, uint64_t hash)
{
    const struct route_set *set = &vhost->scratch;
    struct route_cache *cache = &vhost->routes;
    grow_if_crowded(cache);
    struct route_slot **place = &cache->slots[hash & (cache->slot_count - 1)];
    if (*place != NULL && (*place)->route.generation == vhost->topology)
        cache->replaced++;
    mem_free(*place);
    size_t queue_bytes = set->count * sizeof(struct queue *);
    struct route_slot *slot = mem_alloc(sizeof *slot + queue_bytes + routing_key.size);
    uint8_t *key = (uint8_t *)slot->route.queues + queue_bytes;
    if (routing_key.size > 0)
        memcpy(key, routing_key.data, routing_key.size);
    slot->hash = hash;
    slot->exchange = exchange;
    slot->routing_key = slice_of(key, routing_key.size);
    fill_route(&slot->route, vhost->topology, set);
    *place = slot;
    return view(&slot->route);
}

static struct route_view keep_always(struct exchange *exchange)
{
    const struct route_set *set = &exchange->vhost->scratch;
    exchange->route_always = mem_realloc(
        exchange->route_always, sizeof(struct route) + set->count * sizeof(struct queue *));
    fill_route(exchange->route_always, exchange->vhost->topology, set);
    return view(exchange->route_always);
}

void route_forget(struct exchange *exchange)
{
    mem_free(exchange->route_always);
    exchange->route_always = NULL;
}

struct route_view route_find(struct exchange *exchange, struct message *message)
{
    struct vhost *vhost = exchange->vhost;
    struct slice routing_key = message_routing_key(message);
    if (exchange->route_always != NULL && exchange->route_always->generation == vhost->topology)
        return view(exchange->route_always);

    uint64_t hash = map_hash(routing_key, (uintptr_t)exchange);
    if (vhost->routes.slot_count != 0) {
        const struct route_slot *slot = vhost->routes.slots[hash & (vhost->routes.slot_count - 1)];
        if (slot != NULL && slot->hash == hash && slot->route.generation == vhost->topology &&
            slot->exchange == exchange && slice_equal(slot->routing_key, routing_key))
            return view(&slot->route);
    }

    route_set_begin(&vhost->scratch, vhost);
    switch (route_collect(exchange, &routing_key, 1, message, &vhost->scratch)) {
    case EXCHANGE_DEPENDS_ON_NOTHING:
        return keep_always(exchange);
    case EXCHANGE_DEPENDS_ON_KEY:
        if (vhost->routes.slot_max >= CACHE_SLOTS_MIN)
            return keep_by_key(vhost, exchange, routing_key, hash);
        break;
    case EXCHANGE_DEPENDS_ON_MESSAGE:
        break;
    }
    return (struct route_view){vhost->scratch.queues, vhost->scratch.count};
}
