/* SPDX-License-Identifier: Apache-2.0
 *
 * vhost: a namespace of exchanges and queues. Owned by the engine; engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_VHOST_H
#define STOATMQ_EXCHANGE_VHOST_H

#include "exchange/exchange.h"
#include "exchange/policy.h"
#include "exchange/registry.h"
#include "exchange/route.h"
#include "exchange/traffic.h"
#include "server/base/map.h"

struct engine;
struct queue;

struct vhost {
    struct engine *engine;
    struct slice name;                            /* owned */
    struct slice description, default_queue_type; /* owned; may be empty */
    struct slice tags; /* owned: the octets of a field array of longstrs */
    bool tracing;
    struct registered registered;
    struct traffic traffic; /* of channels that are closed */
    struct map exchanges, queues;
    struct map permissions, topic_permissions; /* struct permission */
    int64_t connections_max, queues_max;       /* negative: no limit */
    uint64_t connections;                      /* sessions that have opened it */
    uint32_t references;                /* queues that are not freed, and one of the engine */
    struct list policies[POLICY_KINDS]; /* struct policy.by_rank */
    struct exchange *default_exchange;
    uint64_t
        topology;   /* generation: grows with every change of exchanges, bindings or bound queues */
    uint64_t names; /* generation: grows when an exchange or queue comes or goes */
    uint32_t rejecting; /* queues with limit.rejects */
    uint64_t walks;     /* source of walk marks */
    struct list doomed; /* struct exchange.doomed: to be deleted before the current call returns */
    struct route_cache routes;
    struct route_set scratch, scratch_keys; /* route_find's; publishing's */
};

/* A new vhost with the predeclared exchanges. Free with vhost_free. */
struct vhost *vhost_new(struct engine *engine, struct slice name);

/* What a vhost is beside its name. */
struct vhost_metadata {
    struct slice description, default_queue_type;
    struct slice tags; /* the octets of a valid field array */
    bool tracing;
};

/* Sets it; the slices are copied. */
void vhost_set_metadata(struct vhost *vhost, const struct vhost_metadata *metadata);

/* Tells the store what the vhost is now, but for what is in it. Returns the LSN. */
uint64_t vhost_define(struct vhost *vhost);

/* Adds a vhost that the store has: definition.c's. */
bool vhost_restore(struct engine *engine, struct slice key, struct slice value);

/* Frees the vhost with all that is in it; no session may be using it. Its queues tell the store
 * that they go; permissions and policies do not. */
void vhost_free(struct vhost *vhost);

/* Drops a queue's reference: the vhost itself stays until the last queue is freed. */
void vhost_unref(struct vhost *vhost);

/* Unbinds what the predeclared exchanges are bound to, so that the store hears of it: their end is
 * not told. */
void vhost_unbind_predeclared(struct vhost *vhost);

/* NULL when there is none. The default exchange is found as "". */
struct exchange *vhost_exchange(const struct vhost *vhost, struct slice name);
struct queue *vhost_queue(const struct vhost *vhost, struct slice name);

/* Declares an exchange that is not there yet. */
struct exchange *vhost_add_exchange(struct vhost *vhost, const struct exchange_spec *spec);

/* Deletes EXCHANGE with its bindings on both sides; auto-delete sources that lose their last
 * binding go too. */
void vhost_delete_exchange(struct vhost *vhost, struct exchange *exchange);

/* Puts a queue into, or takes it with its bindings out of, the vhost; queue.c's. */
void vhost_add_queue(struct vhost *vhost, struct queue *queue);
void vhost_remove_queue(struct vhost *vhost, struct queue *queue);

struct binding_spec;
struct binding;

/* Does a binding of SOURCE to QUEUE or, if that is NULL, to EXCHANGE last? When both ends do. */
bool vhost_binding_is_durable(const struct exchange *source, const struct queue *queue,
                              const struct exchange *exchange);

/* Makes or removes a binding and all that follows from it (routes, the store, auto-delete of the
 * source). */
struct binding *vhost_bind(struct vhost *vhost, const struct binding_spec *spec);
void vhost_unbind(struct vhost *vhost, struct binding *binding);

#endif
