/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The types fanout, direct and topic; headers has a file of its own. Fanout needs no
 * index. Direct keeps a list of bindings for each key, topic one at each node of its trie:
 * binding.by_match links them, and binding.match is the key or node.
 */
#include "exchange/binding.h"
#include "exchange/exchange.h"
#include "exchange/route.h"
#include "exchange/topic.h"
#include "server/base/mem.h"

/* --- fanout (section 3.1.3.2) ---------------------------------------------------------------- */

static void fanout_route(struct exchange *exchange, struct slice routing_key,
                         struct message *message, struct route_walk *walk)
{
    (void)routing_key;
    (void)message;
    list_for_each (node, &exchange->bindings_out)
        route_walk_binding(walk, LIST_ENTRY(node, struct binding, by_source));
}

const struct exchange_type exchange_type_fanout = {
    .name = "fanout",
    .description = "AMQP fanout exchange, as per the AMQP specification",
    .dependence = EXCHANGE_DEPENDS_ON_NOTHING,
    .route = fanout_route,
};

/* --- direct (section 3.1.3.1) ---------------------------------------------------------------- */

struct direct_key {
    struct list bindings;
    uint8_t key_bytes;
    uint8_t key[];
};

static struct slice key_of(const struct direct_key *key)
{
    return slice_of(key->key, key->key_bytes);
}

static void direct_add(struct exchange *exchange, struct binding *binding)
{
    struct direct_key *key = map_get(&exchange->by_key, binding->routing_key);
    if (key == NULL) {
        key = mem_alloc(sizeof *key + binding->routing_key.size);
        list_init(&key->bindings);
        key->key_bytes = (uint8_t)binding->routing_key.size;
        if (binding->routing_key.size > 0)
            memcpy(key->key, binding->routing_key.data, binding->routing_key.size);
        map_add(&exchange->by_key, key_of(key), key);
    }
    list_append(&key->bindings, &binding->by_match);
    binding->match = key;
}

static void direct_remove(struct exchange *exchange, struct binding *binding)
{
    struct direct_key *key = binding->match;
    list_remove(&binding->by_match);
    if (!list_is_empty(&key->bindings))
        return;
    map_remove(&exchange->by_key, key_of(key));
    mem_free(key);
}

static void walk_matches(struct route_walk *walk, struct list *matches)
{
    list_for_each (node, matches)
        route_walk_binding(walk, LIST_ENTRY(node, struct binding, by_match));
}

static void direct_route(struct exchange *exchange, struct slice routing_key,
                         struct message *message, struct route_walk *walk)
{
    (void)message;
    struct direct_key *key = map_get(&exchange->by_key, routing_key);
    if (key != NULL)
        walk_matches(walk, &key->bindings);
}

static void direct_fini(struct exchange *exchange)
{
    map_fini(&exchange->by_key);
}

const struct exchange_type exchange_type_direct = {
    .name = "direct",
    .description = "AMQP direct exchange, as per the AMQP specification",
    .dependence = EXCHANGE_DEPENDS_ON_KEY,
    .add = direct_add,
    .remove = direct_remove,
    .route = direct_route,
    .fini = direct_fini,
};

/* --- topic (section 3.1.3.3) ----------------------------------------------------------------- */

static void topic_add(struct exchange *exchange, struct binding *binding)
{
    if (exchange->topic == NULL)
        exchange->topic = topic_new();
    struct topic_node *node = topic_insert(exchange->topic, binding->routing_key);
    list_append(topic_elements(node), &binding->by_match);
    binding->match = node;
}

static void topic_remove(struct exchange *exchange, struct binding *binding)
{
    (void)exchange;
    list_remove(&binding->by_match);
    topic_prune(binding->match);
}

static void topic_found(void *walk, struct list *matches)
{
    walk_matches(walk, matches);
}

static void topic_route(struct exchange *exchange, struct slice routing_key,
                        struct message *message, struct route_walk *walk)
{
    (void)message;
    if (exchange->topic != NULL)
        topic_match(exchange->topic, routing_key, topic_found, walk);
}

static void topic_fini(struct exchange *exchange)
{
    if (exchange->topic != NULL)
        topic_free(exchange->topic);
}

const struct exchange_type exchange_type_topic = {
    .name = "topic",
    .description = "AMQP topic exchange, as per the AMQP specification",
    .dependence = EXCHANGE_DEPENDS_ON_KEY,
    .add = topic_add,
    .remove = topic_remove,
    .route = topic_route,
    .fini = topic_fini,
};
