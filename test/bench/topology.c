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
    bool fanout = o->load == LOAD_FANOUT, hash = o->load == LOAD_HASH;
    *t = (struct topology){0};
    t->queues_count = o->queues;
    t->keys_count = topic || hash ? o->keys : fanout ? 1 : o->queues;
    t->own = o->own_queue;
    t->stride = fanout || hash || t->own ? 1 : o->queues;
    t->copies = fanout ? o->queues : 1;
    t->queues = name_list(t->queues_count);
    t->keys = name_list(t->keys_count);
    if (topic || fanout || hash || o->delay_ms)
        snprintf(t->exchange, sizeof t->exchange, "bench.%d.x", (int)getpid());
    for (size_t q = 0; q < t->queues_count; q++)
        t->queues[q] = o->queue ? name("%s.%zu", o->queue, q)
                                : name("bench.%d.%zu", (int)getpid(), q);
    if (o->dying)
        t->dying = name_list(t->queues_count);
    for (size_t q = 0; q < t->queues_count && t->dying; q++)
        t->dying[q] = name("%s.dying", t->queues[q]);
    for (size_t k = 0; k < t->keys_count; k++)
        t->keys[k] = topic    ? name("a.g%zu.k%zu.t", k % 10, k * (o->bindings / o->keys))
                     : hash   ? name("key%zu", k)
                     : fanout ? name("%s", "")
                              : name("%s", t->dying ? t->dying[k] : t->queues[k]);
}

void topology_fini(struct topology *t)
{
    for (size_t q = 0; q < t->queues_count; q++) {
        free(t->queues[q]);
        if (t->dying)
            free(t->dying[q]);
    }
    free(t->dying);
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

// After so many milliseconds messages expire.
#define EXPIRE ",x-message-ttl=10"

static int declare_dying(const struct topology *t, const struct options *o, struct client *control)
{
    for (size_t q = 0; t->dying && q < t->queues_count; q++) {
        char *arguments = name("%s,x-dead-letter-exchange=,x-dead-letter-routing-key=%s%s",
                               o->arguments ? o->arguments : "", t->queues[q],
                               strcmp(o->dying, "reject") == 0 ? "" : EXPIRE);
        int result = client_queue_declare(control, t->dying[q], o->persistent, arguments);
        free(arguments);
        if (result)
            return result;
    }
    return 0;
}

int topology_declare(const struct topology *t, const struct options *o, struct client *control)
{
    const char *type = o->load == LOAD_FANOUT  ? "fanout"
                       : o->load == LOAD_HASH  ? "x-consistent-hash"
                       : o->load == LOAD_TOPIC ? "topic"
                                               : "x-delayed-message";
    const char *arguments = t->dying ? NULL : o->arguments;
    if (t->exchange[0] && client_exchange_declare(control, t->exchange, type,
                                                  o->delay_ms ? "x-delayed-type=direct" : NULL))
        return -1;
    for (size_t q = 0; q < t->queues_count; q++)
        if (client_queue_declare(control, t->queues[q], o->persistent, arguments))
            return -1;
    if (declare_dying(t, o, control))
        return -1;
    if (o->load == LOAD_FANOUT || o->load == LOAD_HASH) // of a hash the key is the weight
        for (size_t q = 0; q < t->queues_count; q++)
            client_bind(control, t->queues[q], t->exchange, o->load == LOAD_HASH ? "1" : "");
    else if (o->load == LOAD_TOPIC)
        bind_topic(t, o, control);
    else if (o->delay_ms)
        for (size_t q = 0; q < t->queues_count; q++)
            client_bind(control, t->queues[q], t->exchange, t->keys[q]);
    // An answered method after the bindings: they are done when it is.
    return client_queue_declare(control, t->queues[0], o->persistent, arguments);
}

int topology_delete(const struct topology *t, struct client *control)
{
    for (size_t q = 0; q < t->queues_count; q++)
        if ((t->dying && client_queue_delete(control, t->dying[q])) ||
            client_queue_delete(control, t->queues[q]))
            return -1;
    return t->exchange[0] ? client_exchange_delete(control, t->exchange) : 0;
}
