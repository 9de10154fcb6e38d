/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Removing a binding may leave an auto-delete exchange without any, whose deletion
 * removes more bindings, and so on along chains and around cycles that a client may make as long as
 * it likes. So nothing here recurses: such exchanges are put on a list (doomed) that the public
 * function empties before it returns.
 */
#include "exchange/vhost.h"

#include "exchange/binding.h"
#include "exchange/definition.h"
#include "exchange/delay.h"
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/permission.h"
#include "exchange/queue.h"
#include "exchange/trace.h"
#include "exchange/user.h"
#include "server/base/mem.h"

static const struct {
    const char *name;
    const struct exchange_type *type;
    bool internal;
    bool of_default_vhost; /* only there */
} predeclared[] = {
    {"", &exchange_type_direct, false, false},
    {"amq.direct", &exchange_type_direct, false, false},
    {"amq.fanout", &exchange_type_fanout, false, false},
    {"amq.topic", &exchange_type_topic, false, false},
    {"amq.headers", &exchange_type_headers, false, false},
    {"amq.match", &exchange_type_headers, false, false},
    {TRACE_EXCHANGE, &exchange_type_topic, true, false},
    {EVENT_EXCHANGE, &exchange_type_topic, true, true},
    {LOG_EXCHANGE, &exchange_type_topic, true, true},
};

static struct exchange *predeclare(struct vhost *vhost, size_t at)
{
    return vhost_add_exchange(vhost, &(struct exchange_spec){
                                         .name = slice_from_string(predeclared[at].name),
                                         .type = predeclared[at].type,
                                         .durable = true,
                                         .internal = predeclared[at].internal,
                                         .user = EVENT_INTERNAL_USER,
                                     });
}

/* What the broker tells of itself is in the default vhost. */
static void predeclare_own(struct vhost *vhost)
{
    struct engine *engine = vhost->engine;
    for (size_t i = 0; i < sizeof predeclared / sizeof predeclared[0]; i++) {
        if (strcmp(predeclared[i].name, EVENT_EXCHANGE) == 0)
            engine->event_exchange = predeclare(vhost, i);
        else if (strcmp(predeclared[i].name, LOG_EXCHANGE) == 0 && engine->with_log_exchange)
            engine->log_exchange = predeclare(vhost, i);
    }
}

struct vhost *vhost_new(struct engine *engine, struct slice name)
{
    struct vhost *vhost = mem_zalloc(sizeof *vhost);
    vhost->engine = engine;
    vhost->name = slice_dup(name);
    vhost->topology = 1;
    vhost->names = 1;
    vhost->references = 1;
    vhost->connections_max = vhost->queues_max = LIMIT_UNSET;
    list_init(&vhost->doomed);
    policy_vhost_init(vhost);
    route_cache_init(&vhost->routes, engine->route_cache_entries);
    registry_add(engine, REGISTRY_VHOST, &vhost->registered);
    for (size_t i = 0; i < sizeof predeclared / sizeof predeclared[0]; i++)
        if (!predeclared[i].of_default_vhost)
            predeclare(vhost, i);
    vhost->default_exchange = vhost_exchange(vhost, SLICE_EMPTY);
    if (slice_equal(name, engine->default_vhost))
        predeclare_own(vhost);
    return vhost;
}

void vhost_free(struct vhost *vhost)
{
    uint32_t position = 0;
    while (vhost->queues.count >
           0) { /* removing moves entries, some of them behind us: hence the second look */
        struct queue *queue = map_next(&vhost->queues, &position);
        if (queue != NULL)
            queue_delete(queue);
        position = queue != NULL ? position - 1 : 0;
    }
    position = 0;
    while (vhost->exchanges.count > 0) {
        struct exchange *exchange = map_next(&vhost->exchanges, &position);
        if (exchange != NULL)
            vhost_delete_exchange(vhost, exchange);
        position = exchange != NULL ? position - 1 : 0;
    }
    registry_remove(vhost->engine, REGISTRY_VHOST, &vhost->registered);
    policy_vhost_fini(vhost);
    permission_fini(vhost);
    map_fini(&vhost->queues);
    map_fini(&vhost->exchanges);
    route_cache_fini(&vhost->routes);
    route_set_fini(&vhost->scratch);
    route_set_fini(&vhost->scratch_keys);
    vhost_unref(vhost);
}

void vhost_unref(struct vhost *vhost)
{
    CHECK(vhost->references > 0);
    if (--vhost->references > 0)
        return;
    mem_free((void *)vhost->name.data);
    mem_free((void *)vhost->description.data);
    mem_free((void *)vhost->default_queue_type.data);
    mem_free((void *)vhost->tags.data);
    mem_free(vhost);
}

struct exchange *vhost_exchange(const struct vhost *vhost, struct slice name)
{
    return map_get(&vhost->exchanges, name);
}

struct queue *vhost_queue(const struct vhost *vhost, struct slice name)
{
    return map_get(&vhost->queues, name);
}

/* Names of exchanges that are there because the vhost is: the store need not be told. */
static bool is_predeclared(const struct exchange *exchange)
{
    return exchange->name.size == 0 || slice_starts_with(exchange->name, SLICE_LITERAL("amq."));
}

static void record(struct vhost *vhost, const struct store_record *fact)
{
    uint64_t lsn = engine_append(vhost->engine, fact);
    if (lsn != 0)
        vhost->engine->topology_lsn = lsn;
}

struct exchange *vhost_add_exchange(struct vhost *vhost, const struct exchange_spec *spec)
{
    struct exchange *exchange = exchange_new(vhost, spec);
    map_add(&vhost->exchanges, exchange->name, exchange);
    policy_apply_to_exchange(exchange);
    registry_add(vhost->engine, REGISTRY_EXCHANGE, &exchange->registered);
    vhost->topology++;
    vhost->names++;
    if (exchange->durable && !is_predeclared(exchange))
        record(vhost, &(struct store_record){.kind = STORE_EXCHANGE_DECLARE, .exchange = exchange});
    return exchange;
}

bool vhost_binding_is_durable(const struct exchange *source, const struct queue *queue,
                              const struct exchange *exchange)
{
    return source->durable && (queue != NULL ? queue->durable : exchange->durable);
}

static bool binding_is_durable(const struct binding *binding)
{
    return vhost_binding_is_durable(binding->source, binding->queue, binding->exchange);
}

/* Removes BINDING; its source is doomed when that was an auto-delete exchange's last. */
static void unbind(struct vhost *vhost, struct binding *binding)
{
    struct exchange *source = binding->source;
    binding_remove(binding);
    vhost->topology++;
    if (source->auto_delete && !source->deleted && list_is_empty(&source->bindings_out))
        list_append(&vhost->doomed, &source->doomed);
}

static void unbind_destination(struct vhost *vhost, struct list *bindings)
{
    for (struct list_node *node; (node = list_first(bindings)) != NULL;)
        unbind(vhost, LIST_ENTRY(node, struct binding, by_destination));
}

/* If it is one that the broker publishes to, it does so no more. */
static void forget_own(struct exchange *exchange)
{
    struct engine *engine = exchange->vhost->engine;
    notices_forget(engine, exchange);
    if (engine->event_exchange == exchange)
        engine->event_exchange = NULL;
    if (engine->log_exchange == exchange)
        engine->log_exchange = NULL;
}

/* What waits in the exchange goes with it, at once. */
static void record_deletion(struct vhost *vhost, struct exchange *exchange)
{
    bool is_alone = exchange->delay == NULL;
    if (!is_alone)
        engine_begin_together(vhost->engine);
    if (exchange->durable && !is_predeclared(exchange))
        record(vhost, &(struct store_record){.kind = STORE_EXCHANGE_DELETE, .exchange = exchange});
    if (is_alone)
        return;
    delay_delete(exchange);
    uint64_t lsn = engine_end_together(vhost->engine);
    if (lsn != 0)
        vhost->engine->topology_lsn = lsn;
}

static void delete_exchange(struct vhost *vhost, struct exchange *exchange)
{
    exchange->deleted = true;
    map_remove(&vhost->exchanges, exchange->name);
    record_deletion(vhost, exchange);
    unbind_destination(vhost, &exchange->bindings_in);
    for (struct list_node *node; (node = list_first(&exchange->bindings_out)) != NULL;)
        unbind(vhost, LIST_ENTRY(node, struct binding, by_source));
    vhost->topology++;
    vhost->names++;
    registry_remove(vhost->engine, REGISTRY_EXCHANGE, &exchange->registered);
    if (exchange->internal)
        forget_own(exchange);
    exchange_free(exchange);
}

static void delete_doomed(struct vhost *vhost)
{
    for (struct list_node *node; (node = list_pop(&vhost->doomed)) != NULL;)
        delete_exchange(vhost, LIST_ENTRY(node, struct exchange, doomed));
}

void vhost_delete_exchange(struct vhost *vhost, struct exchange *exchange)
{
    delete_exchange(vhost, exchange);
    delete_doomed(vhost);
}

void vhost_add_queue(struct vhost *vhost, struct queue *queue)
{
    map_add(&vhost->queues, queue->name, queue);
    policy_apply_to_queue(queue);
    vhost->names++;
    if (queue->durable)
        record(vhost, &(struct store_record){.kind = STORE_QUEUE_DECLARE, .queue = queue});
}

void vhost_remove_queue(struct vhost *vhost, struct queue *queue)
{
    map_remove(&vhost->queues, queue->name);
    memset(queue->policies, 0, sizeof queue->policies); /* they may go before the queue does */
    queue_settings_merge(&queue->settings, SLICE_EMPTY, queue->policies);
    vhost->names++;
    if (queue->durable || queue->paging.is_used)
        record(vhost, &(struct store_record){.kind = STORE_QUEUE_DELETE, .queue = queue});
    unbind_destination(vhost, &queue->bindings);
    delete_doomed(vhost);
}

struct binding *vhost_bind(struct vhost *vhost, const struct binding_spec *spec)
{
    struct binding *binding = binding_add(spec);
    vhost->topology++;
    if (binding_is_durable(binding))
        record(vhost, &(struct store_record){.kind = STORE_BIND, .binding = binding});
    if (spec->source->type->bound != NULL)
        spec->source->type->bound(spec->source, binding);
    return binding;
}

void vhost_unbind(struct vhost *vhost, struct binding *binding)
{
    if (binding_is_durable(binding))
        record(vhost, &(struct store_record){.kind = STORE_UNBIND, .binding = binding});
    unbind(vhost, binding);
    delete_doomed(vhost);
}

void vhost_unbind_predeclared(struct vhost *vhost)
{
    for (size_t i = 0; i < sizeof predeclared / sizeof predeclared[0]; i++) {
        struct exchange *exchange = vhost_exchange(vhost, slice_from_string(predeclared[i].name));
        if (exchange == NULL)
            continue;
        for (struct list_node *node; (node = list_first(&exchange->bindings_out)) != NULL;)
            vhost_unbind(vhost, LIST_ENTRY(node, struct binding, by_source));
    }
}
