/* SPDX-License-Identifier: Apache-2.0
 *
 * route: which queues a message goes to: the exchange's bindings, bindings between exchanges,
 * alternate exchanges, each queue once. Results that depend on exchange and routing key alone are
 * cached per vhost and valid while its topology generation stands. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_ROUTE_H
#define STOATMQ_EXCHANGE_ROUTE_H

#include "exchange/exchange.h"

struct binding;
struct message;
struct queue;
struct vhost;

struct route_slot;

struct route_cache {
    struct route_slot **slots;
    uint32_t slot_count; /* 0 or a power of two */
    uint32_t slot_max;
    uint32_t replaced; /* valid entries thrown out since the last growth */
};

void route_cache_init(struct route_cache *cache, uint32_t slot_max);
void route_cache_fini(struct route_cache *cache);

/* A set of queues under construction; reused, so that routing does not allocate. */
struct route_set {
    struct queue **queues;
    uint32_t count, capacity;
    uint64_t mark; /* what queue.walk_mark is for those that are in */
};

/* Empties SET, for queues of VHOST. */
void route_set_begin(struct route_set *set, struct vhost *vhost);

void route_set_fini(struct route_set *set);

/* Adds to SET where a message with KEY_COUNT routing keys leads from EXCHANGE, which may be the
 * default one; MESSAGE is for its headers. An alternate exchange is for those of which no key
 * matched. Returns the strongest thing that this depended on. */
enum exchange_dependence route_collect(struct exchange *exchange, const struct slice *keys,
                                       uint32_t key_count, struct message *message,
                                       struct route_set *set);

/* Where a message goes: queues, each once. Valid until the next call or change of the vhost's
 * topology. */
struct route_view {
    struct queue *const *queues;
    uint32_t count;
};

/* Where MESSAGE, published to EXCHANGE (not the default one) with its own routing key, goes. Its
 * headers CC and BCC are not looked at. */
struct route_view route_find(struct exchange *exchange, struct message *message);

/* For exchange types: BINDING matches. */
void route_walk_binding(struct route_walk *walk, struct binding *binding);

/* Frees what EXCHANGE itself caches; when it goes. */
void route_forget(struct exchange *exchange);

#endif
