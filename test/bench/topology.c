// SPDX-License-Identifier: Apache-2.0
#include "topology.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((format(printf, 1, 2))) static char *name(const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char *copy = strdup(text);
    if (!copy)
        abort();
    return copy;
}

static char **name_list(size_t count)
{
    char **list = calloc(count, sizeof *list);
    if (!list)
        abort();
    return list;
}

void topology_init(struct topology *t, const struct options *o)
{
    bool topic = o->load == LOAD_TOPIC;
    bool fanout = o->load == LOAD_FANOUT;
    *t = (struct topology){0};
    t->queues_count = o->queues;
    t->keys_count = topic ? o->keys : fanout ? 1 : o->queues;
    t->own = o->own_queue;
    t->stride = fanout || t->own ? 1 : o->queues;
    t->copies = fanout ? o->queues : 1;
    t->queues = name_list(t->queues_count);
    t->keys = name_list(t->keys_count);
    if (topic || fanout)
        snprintf(t->exchange, sizeof t->exchange, "bench.%d.x", (int)getpid());
    for (size_t q = 0; q < t->queues_count; q++)
        t->queues[q] = o->queue ? name("%s.%zu", o->queue, q)
                                : name("bench.%d.%zu", (int)getpid(), q);
    for (size_t k = 0; k < t->keys_count; k++)
        t->keys[k] = topic    ? name("a.g%zu.k%zu.t", k % 10, k * (o->bindings / o->keys))
                     : fanout ? name("%s", "")
                              : name("%s", t->queues[k]);
}

void topology_fini(struct topology *t)
{
    for (size_t q = 0; q < t->queues_count; q++)
        free(t->queues[q]);
    for (size_t k = 0; k < t->keys_count; k++)
        free(t->keys[k]);
    free(t->queues);
    free(t->keys);
}

uint64_t topology_first(const struct topology *t, size_t queue)
{
    return t->stride == 1 ? 0 : queue;
}

char *const *topology_keys(const struct topology *t, size_t producer, size_t *count)
{
    *count = t->own ? 1 : t->keys_count;
    return t->own ? &t->keys[producer % t->keys_count] : t->keys;
}

bool topology_joins(const struct topology *t, size_t producer, size_t queue)
{
    return !t->own || producer % t->keys_count == queue;
}

// Binding b is the only one for words k<b>; each group of bindings / keys has one that is in use
// and belongs to one queue. The four shapes take turns among those in use as among the others.
static void bind_topic(const struct topology *t, const struct options *o, struct client *control)
{
    size_t group_size = o->bindings / o->keys;
    for (size_t b = 0; b < o->bindings; b++) {
        size_t group = b / group_size;
        char pattern[128];
        switch ((group + b % group_size) % 4) {
        case 0:
            snprintf(pattern, sizeof pattern, "a.*.k%zu.#", b);
            break;
        case 1:
            snprintf(pattern, sizeof pattern, "a.g%zu.k%zu.*", group % 10, b);
            break;
        case 2:
            snprintf(pattern, sizeof pattern, "*.g%zu.k%zu.#", group % 10, b);
            break;
        default:
            snprintf(pattern, sizeof pattern, "#.k%zu.*", b);
        }
        client_bind(control, t->queues[group % t->queues_count], t->exchange, pattern);
    }
}

int topology_declare(const struct topology *t, const struct options *o, struct client *control)
{
    if (t->exchange[0] &&
        client_exchange_declare(control, t->exchange, o->load == LOAD_FANOUT ? "fanout" : "topic"))
        return -1;
    for (size_t q = 0; q < t->queues_count; q++)
        if (client_queue_declare(control, t->queues[q], o->persistent, o->queue_type))
            return -1;
    if (o->load == LOAD_FANOUT)
        for (size_t q = 0; q < t->queues_count; q++)
            client_bind(control, t->queues[q], t->exchange, "");
    else if (o->load == LOAD_TOPIC)
        bind_topic(t, o, control);
    // An answered method after the bindings: they are done when it is.
    return client_queue_declare(control, t->queues[0], o->persistent, o->queue_type);
}

int topology_delete(const struct topology *t, struct client *control)
{
    for (size_t q = 0; q < t->queues_count; q++)
        if (client_queue_delete(control, t->queues[q]))
            return -1;
    return t->exchange[0] ? client_exchange_delete(control, t->exchange) : 0;
}
