/* SPDX-License-Identifier: Apache-2.0
 *
 * policy: settings for the queues and exchanges of a virtual host whose names match an expression.
 * Of all policies that match an object the one with the highest priority is in force (among equals
 * the one whose name comes first), and of the operators' policies likewise; the two are merged.
 * What is in force is kept with the object and brought up to date when something changes, so that
 * it costs a message nothing. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_POLICY_H
#define STOATMQ_EXCHANGE_POLICY_H

#include "exchange/policy_keys.h"
#include "server/base/list.h"

struct engine;
struct exchange;
struct pattern;
struct queue;
struct vhost;

struct policy {
    struct list_node by_rank;    /* in vhost.policies */
    struct slice name, pattern;  /* owned */
    struct slice definition;     /* owned; a valid table, its keys in order */
    struct table_value priority; /* a number */
    const char *apply_to;        /* "all", "queues"... */
    unsigned objects;            /* enum policy_object: what it is for */
    struct pattern *matcher;
};

/* Is this what a policy may be? FIELDS is a valid table with "pattern", "definition", "priority"
 * and, if that is not to be "all", "apply-to", of whatever types a client gave them. When it is
 * not, false, and PROBLEM gets RabbitMQ's text with all that is wrong. */
bool policy_check(enum policy_kind kind, struct slice name, struct slice fields,
                  struct buf *problem);

/* Sets a policy, in place of the one of that name, from FIELDS that policy_check has passed.
 * Returns the LSN to wait for. */
uint64_t policy_put(struct vhost *vhost, enum policy_kind kind, struct slice name,
                    struct slice fields);

/* NULL when there is none. */
struct policy *policy_find(const struct vhost *vhost, enum policy_kind kind, struct slice name);

/* Deletes POLICY, which is VHOST's. Returns the LSN to wait for. */
uint64_t policy_delete(struct vhost *vhost, enum policy_kind kind, struct policy *policy);

/* Appends the fields of POLICY as policy_put takes them. */
void policy_fields(const struct policy *policy, struct buf *fields);

/* --- what is in force ------------------------------------------------------------------------ */

/* The value of KEY that is in force for an object with these policies, or false. Borrowed until
 * policies change. */
bool policy_value(struct policy *const policies[POLICY_KINDS], struct slice key,
                  struct table_value *value);

/* Appends all that is in force, as a table's pairs in the order of keys. */
void policy_definition(struct policy *const policies[POLICY_KINDS], struct buf *definition);

/* A new queue or exchange gets its policies. */
void policy_apply_to_queue(struct queue *queue);
void policy_apply_to_exchange(struct exchange *exchange);

/* --- a virtual host's ------------------------------------------------------------------------ */

void policy_vhost_init(struct vhost *vhost);
void policy_vhost_fini(struct vhost *vhost); /* its queues and exchanges are gone */

/* What an earlier run left in the store; false when it makes no sense. definition.c's. */
bool policy_restore(struct engine *engine, struct slice key, struct slice value);
bool policy_restore_operators(struct engine *engine, struct slice key, struct slice value);

#endif
