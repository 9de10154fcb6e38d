/* SPDX-License-Identifier: Apache-2.0
 *
 * binding: source exchange, destination queue or exchange, routing key, arguments; these four are
 * its identity. Owned by its source exchange; engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_BINDING_H
#define STOATMQ_EXCHANGE_BINDING_H

#include "exchange/registry.h"
#include "server/base/buf.h"
#include "server/base/list.h"
#include "server/base/slice.h"

struct exchange;
struct queue;

struct binding {
    struct registered registered;
    struct list_node by_source;      /* exchange.bindings_out */
    struct list_node by_destination; /* queue.bindings or exchange.bindings_in */
    struct list_node by_match;       /* bindings that match alike: the type's index */
    struct exchange *source;
    struct queue *queue; /* the destination: one of these two, the other NULL */
    struct exchange *exchange;
    void *match;              /* the type's index entry */
    struct slice routing_key; /* these three point into the bytes behind the struct */
    struct slice arguments;   /* sorted by key */
    struct slice identity; /* destination, key and arguments, as exchange.bindings_by_id has it */
};

struct binding_spec {
    struct exchange *source;
    struct queue *queue; /* or */
    struct exchange *exchange;
    struct slice routing_key;
    struct slice arguments; /* a valid table */
};

/* The binding that SPEC names, or NULL. */
struct binding *binding_find(const struct binding_spec *spec);

/* Makes the binding that SPEC names, which must not be there yet, and links it everywhere; the
 * slices are copied. */
struct binding *binding_add(const struct binding_spec *spec);

/* Unlinks and frees. The caller looks after an auto-delete source (vhost_binding_removed). */
void binding_remove(struct binding *binding);

#endif
