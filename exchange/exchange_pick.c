/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The types that take one of their bindings by number: x-modulus-hash by a hash of
 * the routing key, x-random and x-local-random at random. The bindings stand in an array, in the
 * order of their identity, so that the same number means the same one after a restart. A binding
 * key matters to none of them, but that it may be another binding to the same queue, which then
 * gets two shares, as with RabbitMQ.
 */
#include "amqp/table.h"
#include "exchange/binding.h"
#include "exchange/engine.h"
#include "exchange/exchange.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/route.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

struct pick {
    uint64_t seed;
    uint32_t count, capacity;
    struct binding **bindings;
};

static void pick_init(struct exchange *exchange)
{
    const struct env *env = exchange->vhost->engine->env;
    exchange->pick = mem_zalloc(sizeof *exchange->pick);
    env->random(env->context, &exchange->pick->seed, sizeof exchange->pick->seed);
}

/* Where a binding of that identity stands, or would. */
static uint32_t place_of(const struct pick *pick, struct slice identity)
{
    uint32_t low = 0, high = pick->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slice_compare(pick->bindings[middle]->identity, identity) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void pick_add(struct exchange *exchange, struct binding *binding)
{
    struct pick *pick = exchange->pick;
    if (pick->count == pick->capacity) {
        pick->capacity = pick->capacity == 0 ? 4 : pick->capacity * 2;
        pick->bindings = mem_realloc(pick->bindings, pick->capacity * sizeof(struct binding *));
    }
    uint32_t at = place_of(pick, binding->identity);
    memmove(pick->bindings + at + 1, pick->bindings + at,
            (pick->count - at) * sizeof(struct binding *));
    pick->bindings[at] = binding;
    pick->count++;
}

static void pick_remove(struct exchange *exchange, struct binding *binding)
{
    struct pick *pick = exchange->pick;
    uint32_t at = place_of(pick, binding->identity);
    CHECK(at < pick->count && pick->bindings[at] == binding);
    pick->count--;
    memmove(pick->bindings + at, pick->bindings + at + 1,
            (pick->count - at) * sizeof(struct binding *));
}

/* The binding that NUMBER, which is spread evenly over all 64 bits, falls on. */
static void take(const struct pick *pick, uint64_t number, struct route_walk *walk)
{
    if (pick->count > 0)
        route_walk_binding(walk, pick->bindings[((number >> 32) * pick->count) >> 32]);
}

/* By the message's own key even when it is asked for one of its CC: a message goes one way. */
static void modulus_route(struct exchange *exchange, struct slice routing_key,
                          struct message *message, struct route_walk *walk)
{
    (void)routing_key;
    take(exchange->pick, map_hash_stable(message_routing_key(message)), walk);
}

/* A number of this message, now: so that it is the same for its CC. */
static void random_route(struct exchange *exchange, struct slice routing_key,
                         struct message *message, struct route_walk *walk)
{
    (void)routing_key;
    uint64_t z = exchange->pick->seed + exchange->vhost->engine->counters.commands;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9) + (uintptr_t)message;
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    take(exchange->pick, z ^ (z >> 31), walk);
}

static void pick_fini(struct exchange *exchange)
{
    CHECK(exchange->pick->count == 0);
    mem_free(exchange->pick->bindings);
    mem_free(exchange->pick);
}

static bool is_quorum(const struct queue *queue)
{
    struct table_value type;
    return queue != NULL && table_find(queue->arguments, SLICE_LITERAL("x-queue-type"), &type) &&
           type.type == TABLE_LONGSTR && slice_equal(type.bytes, SLICE_LITERAL("quorum"));
}

/* RabbitMQ 4's rules: it is for the queues of the node that one is connected to. */
static int local_check_binding(const struct binding_spec *spec, struct reply_error *error)
{
    if (spec->routing_key.size > 0)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "Non empty binding '%.*s' key not permitted",
                           SLICE_ARGS(spec->routing_key));
    if (spec->exchange != NULL)
        return reply_error(error, REPLY_PRECONDITION_FAILED, "Destination not found");
    if (is_quorum(spec->queue))
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "Queue type rabbit_quorum_queue not valid for this exchange type");
    return 0;
}

const struct exchange_type exchange_type_modulus_hash = {
    .name = "x-modulus-hash",
    .description = "Modulus Hashing Exchange",
    .dependence = EXCHANGE_DEPENDS_ON_KEY,
    .init = pick_init,
    .add = pick_add,
    .remove = pick_remove,
    .route = modulus_route,
    .fini = pick_fini,
};

const struct exchange_type exchange_type_random = {
    .name = "x-random",
    .description = "Randomly picks a binding (queue) to route via (to).",
    .dependence = EXCHANGE_DEPENDS_ON_MESSAGE,
    .init = pick_init,
    .add = pick_add,
    .remove = pick_remove,
    .route = random_route,
    .fini = pick_fini,
};

const struct exchange_type exchange_type_local_random = {
    .name = "x-local-random",
    .description = "Picks one random local binding (queue) to route via (to).",
    .dependence = EXCHANGE_DEPENDS_ON_MESSAGE,
    .init = pick_init,
    .check_binding = local_check_binding,
    .add = pick_add,
    .remove = pick_remove,
    .route = random_route,
    .fini = pick_fini,
};
