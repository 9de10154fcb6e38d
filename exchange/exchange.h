/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange: a named place to publish to, of a type that decides by routing key or headers which of
 * its bindings match. Owned by its vhost; engine's thread only. AMQP 0-9-1 section 3.1.
 */
#ifndef STOATMQ_EXCHANGE_EXCHANGE_H
#define STOATMQ_EXCHANGE_EXCHANGE_H

#include "amqp/reply.h"
#include "exchange/policy_keys.h"
#include "exchange/registry.h"
#include "server/base/list.h"
#include "server/base/map.h"
#include "server/base/slice.h"

struct binding;
struct binding_spec;
struct delay;
struct exchange;
struct message;
struct route_walk;
struct vhost;

/* What an exchange's choice depends on, so far as caching goes; the larger includes the smaller. */
enum exchange_dependence {
    EXCHANGE_DEPENDS_ON_NOTHING, /* fanout */
    EXCHANGE_DEPENDS_ON_KEY,     /* direct, topic */
    EXCHANGE_DEPENDS_ON_MESSAGE, /* headers */
};

struct exchange_type {
    const char *name, *description;
    enum exchange_dependence dependence;
    /* Checks a declaration's arguments beyond what all types have: 0, or -1 with ERROR filled.
     * NULL: nothing to check. */
    int (*check)(struct slice arguments, struct reply_error *error);
    /* Completes a new exchange. NULL: nothing to do. */
    void (*init)(struct exchange *exchange);
    /* Checks a binding before it is made, likewise. Source and destination may be NULL: they are
     * still to come. */
    int (*check_binding)(const struct binding_spec *spec, struct reply_error *error);
    /* Takes BINDING into, or out of, the type's own index. NULL: the exchange's list of bindings is
     * enough. */
    void (*add)(struct exchange *exchange, struct binding *binding);
    void (*remove)(struct exchange *exchange, struct binding *binding);
    /* BINDING is made, with all that belongs to it. NULL: nothing follows. */
    void (*bound)(struct exchange *exchange, struct binding *binding);
    /* Calls route_walk_binding for each binding that matches. */
    void (*route)(struct exchange *exchange, struct slice routing_key, struct message *message,
                  struct route_walk *walk);
    /* Frees what the type keeps with an exchange, which has no bindings any more. */
    void (*fini)(struct exchange *exchange);
};

struct exchange {
    struct vhost *vhost;
    const struct exchange_type *type;
    const struct exchange_type *inner;   /* x-delayed-message: how it routes; else NULL */
    enum exchange_dependence dependence; /* the type's, where arguments do not say otherwise */
    struct registered registered;
    struct slice name;      /* owned */
    struct slice arguments; /* owned; a valid table */
    struct slice user;      /* owned; who declared it */
    struct slice alternate; /* name of the alternate exchange, in arguments or a policy; data NULL:
                               none */
    struct policy *policies[POLICY_KINDS]; /* in force, or NULL; policy.c keeps them */
    bool durable, auto_delete, internal;
    bool deleted;               /* out of the vhost, about to be freed */
    bool is_delayed;            /* messages with x-delay wait: type, argument or policy say so */
    struct delay *delay;        /* in which they wait; NULL: none ever did (delay.h) */
    struct list_node doomed;    /* vhost.doomed: auto-delete, and its last binding went */
    struct list bindings_out;   /* struct binding.by_source */
    struct list bindings_in;    /* struct binding.by_destination */
    struct map bindings_by_id;  /* of bindings_out, by binding_identity */
    struct map by_key;          /* direct: routing key -> struct direct_key */
    struct topic_node *topic;   /* topic: the trie's root */
    struct hash_table *hash;    /* x-consistent-hash */
    struct pick *pick;          /* x-modulus-hash, x-random, x-local-random */
    struct history *history;    /* x-recent-history */
    uint64_t walk_mark;         /* the last routing walk that came here */
    struct exchange *walk_next; /* the one that walk asks after this */
    struct route *route_always; /* cached result when nothing matters to it */
    uint64_t published, routed; /* messages in; queue copies out */
};

struct hash_table;
struct history;
struct pick;

/* The type called NAME, or NULL. */
const struct exchange_type *exchange_type_find(struct slice name);

/* The type by which an exchange of TYPE declared with ARGUMENTS routes: that in x-delayed-type, or
 * NULL, for x-delayed-message; else TYPE itself. */
const struct exchange_type *exchange_type_routing(const struct exchange_type *type,
                                                  struct slice arguments);

/* All types, in the order of their names; NULL from as many as there are on. */
const struct exchange_type *exchange_type_at(size_t at);

extern const struct exchange_type exchange_type_direct;
extern const struct exchange_type exchange_type_fanout;
extern const struct exchange_type exchange_type_topic;
extern const struct exchange_type exchange_type_headers;
extern const struct exchange_type exchange_type_consistent_hash;
extern const struct exchange_type exchange_type_modulus_hash;
extern const struct exchange_type exchange_type_random;
extern const struct exchange_type exchange_type_local_random;
extern const struct exchange_type exchange_type_recent_history;
extern const struct exchange_type exchange_type_delayed;

struct exchange_spec {
    struct slice name;
    const struct exchange_type *type;
    bool durable, auto_delete, internal;
    struct slice arguments;
    struct slice user; /* empty: who does it now (event_actor) */
};

/* A new exchange from SPEC, whose slices are copied; not in the vhost's map yet. Free with
 * exchange_free. */
struct exchange *exchange_new(struct vhost *vhost, const struct exchange_spec *spec);

/* Other policies are in force for it: what they decide follows at once. */
void exchange_policy_changed(struct exchange *exchange);

/* Frees an exchange that has no bindings left. */
void exchange_free(struct exchange *exchange);

/* The default exchange, named "", which routes by queue name. */
static inline bool exchange_is_default(const struct exchange *exchange)
{
    return exchange->name.size == 0;
}

#endif
