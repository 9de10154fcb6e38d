/* SPDX-License-Identifier: Apache-2.0
 *
 * registry: all that there is in the model by kind, in no order, so that somebody who watches can
 * look at it piece by piece while it changes; and word to that observer of what comes and goes.
 * Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_REGISTRY_H
#define STOATMQ_EXCHANGE_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

struct engine;

enum registry_kind {
    REGISTRY_VHOST,    /* struct vhost */
    REGISTRY_EXCHANGE, /* struct exchange */
    REGISTRY_QUEUE,    /* struct queue */
    REGISTRY_BINDING,  /* struct binding */
    REGISTRY_SESSION,  /* struct session, from the opening of its vhost on */
    REGISTRY_CHANNEL,  /* struct channel */
    REGISTRY_CONSUMER, /* struct consumer of a queue */
    REGISTRY_KIND_COUNT
};

/* Embedded in each of these as `registered`. */
struct registered {
    uint64_t id;   /* of its kind; never used again in this run; 0: not registered */
    uint64_t seen; /* the observer's, 0 at first */
    uint32_t at;
};

struct registry {
    struct registered **items; /* items[0..count): when one goes, the last takes its place */
    uint32_t count, capacity;
    uint64_t last_id;
};

struct registry_observer {
    /* ITEM is there, or is the same as before but looks different now (registry_changed). */
    void (*came)(struct registry_observer *observer, enum registry_kind kind,
                 const struct registered *item);
    /* ITEM goes. What refers to it has gone before. */
    void (*went)(struct registry_observer *observer, enum registry_kind kind,
                 const struct registered *item);
};

/* ITEM, all of whose fields are filled in, is there from now on. */
void registry_add(struct engine *engine, enum registry_kind kind, struct registered *item);

/* ITEM goes; nothing when it is not registered. */
void registry_remove(struct engine *engine, enum registry_kind kind, struct registered *item);

/* What does not change often (name, arguments, policy, limits) has changed in ITEM. */
void registry_changed(struct engine *engine, enum registry_kind kind,
                      const struct registered *item);

/* Tells OBSERVER (NULL: nobody) of all there is by `came`, kinds in their order, and of what comes
 * and goes from now on. */
void registry_observe(struct engine *engine, struct registry_observer *observer);

void registry_fini(struct engine *engine);

#endif
