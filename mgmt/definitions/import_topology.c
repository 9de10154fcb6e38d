/* SPDX-License-Identifier: Apache-2.0
 *
 * Exchanges, queues and bindings. Names with the prefix "amq." are the broker's; RabbitMQ passes
 * over them, and so does this.
 */
#include <inttypes.h>

#include "exchange/arguments.h"
#include "exchange/binding.h"
#include "exchange/engine.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "mgmt/amqp_json.h"
#include "mgmt/definitions/import_parts.h"
#include "server/base/mem.h"

#define NAME_MAX_BYTES 255

static bool is_reserved(struct slice name)
{
    return slice_starts_with(name, SLICE_LITERAL("amq."));
}

static const struct vhost *present_vhost(const struct import *import, struct slice name)
{
    return map_get(&import->engine->vhosts, name);
}

static void problem_of_reply(struct import *import, const struct reply_error *error)
{
    import_problem_text(import, slice_of(error->text, error->text_size));
}

/* Notes what comes; what comes twice is said. */
static void announce(struct import *import, enum import_kind kind, struct slice vhost,
                     struct slice name, const json_t *item)
{
    if (!import_announce(import, kind, vhost, name, item))
        import_problem(import, "'%.*s' in vhost '%.*s' is in the document twice", SLICE_ARGS(name),
                       SLICE_ARGS(vhost));
}

/* --- exchanges ------------------------------------------------------------------------------- */

static bool read_type(struct import *import, const json_t *item, const struct exchange_type **type)
{
    struct slice name;
    if (!import_string(import, item, "type", NAME_MAX_BYTES, &name))
        return false;
    *type = exchange_type_find(name);
    if (*type == NULL)
        import_problem(import, "unknown exchange type '%.*s'", SLICE_ARGS(name));
    return *type != NULL;
}

/* What stands behind SPEC's arguments is TABLE's. */
static bool read_exchange(struct import *import, const json_t *item, struct exchange_spec *spec,
                          struct buf *table)
{
    bool good = import_string(import, item, "name", NAME_MAX_BYTES, &spec->name);
    good &= read_type(import, item, &spec->type);
    good &= import_flag_or(import, item, "durable", true, &spec->durable);
    good &= import_flag_or(import, item, "auto_delete", false, &spec->auto_delete);
    good &= import_flag_or(import, item, "internal", false, &spec->internal);
    good &= import_table(import, item, "arguments", table);
    spec->arguments = buf_slice(table);
    return good;
}

static void check_exchange(struct import *import, const json_t *item, struct slice vhost,
                           const struct exchange_spec *spec)
{
    struct reply_error error;
    if (arguments_check_exchange(spec->arguments, &(struct resource){"exchange", spec->name, vhost},
                                 &error) < 0 ||
        (spec->type->check != NULL && spec->type->check(spec->arguments, &error) < 0))
        problem_of_reply(import, &error);
    announce(import, IMPORT_EXCHANGES, vhost, spec->name, item);
    const struct vhost *present = present_vhost(import, vhost);
    uint32_t most = import->engine->maxima.exchanges;
    if ((present == NULL || vhost_exchange(present, spec->name) == NULL) &&
        !import_has_room(import, IMPORT_EXCHANGES,
                         import->engine->registries[REGISTRY_EXCHANGE].count, most))
        import_problem(import,
                       "cannot declare exchange '%.*s' in vhost '%.*s': exchange limit of %u is "
                       "reached",
                       SLICE_ARGS(spec->name), SLICE_ARGS(vhost), most);
}

void import_exchanges(struct import *import, const json_t *item)
{
    struct buf table = {0};
    struct exchange_spec spec = {0};
    struct slice vhost;
    if (import_vhost_name(import, item, &vhost) && read_exchange(import, item, &spec, &table) &&
        spec.name.size > 0 && !is_reserved(spec.name)) {
        struct vhost *present = import_vhost(import, item);
        if (!import->is_applying)
            check_exchange(import, item, vhost, &spec);
        else if (vhost_exchange(present, spec.name) == NULL)
            (void)vhost_add_exchange(present, &spec);
    }
    buf_fini(&table);
}

/* --- queues ---------------------------------------------------------------------------------- */

/* RabbitMQ 4 says the type beside the arguments as well. */
static bool add_type(struct import *import, const json_t *item, struct buf *table)
{
    struct slice type;
    struct table_value value;
    if (!import_string_or(import, item, "type", NAME_MAX_BYTES, "classic", &type))
        return false;
    if (!slice_equal(type, SLICE_LITERAL("classic")) &&
        !table_find(buf_slice(table), SLICE_LITERAL("x-queue-type"), &value))
        table_put_longstr(table, "x-queue-type", type);
    return true;
}

static bool read_queue(struct import *import, const json_t *item, struct queue_spec *spec,
                       struct buf *table)
{
    *spec = (struct queue_spec){0};
    bool good = import_string(import, item, "name", NAME_MAX_BYTES, &spec->name);
    good &= import_flag_or(import, item, "durable", true, &spec->durable);
    good &= import_flag_or(import, item, "auto_delete", false, &spec->auto_delete);
    good &= import_table(import, item, "arguments", table) && add_type(import, item, table);
    spec->arguments = buf_slice(table);
    if (good && spec->name.size == 0) {
        import_problem(import, "name should not be empty");
        return false;
    }
    return good;
}

/* How many queues VHOST may have once the document is applied; negative: any number. */
static int64_t queue_limit(const struct import *import, struct slice vhost)
{
    const json_t *limits = import_announced(import, IMPORT_LIMITS, vhost, SLICE_EMPTY);
    const json_t *limit = json_object_get(limits, "max-queues");
    const struct vhost *present = present_vhost(import, vhost);
    if (json_is_integer(limit))
        return json_integer_value(limit);
    return present == NULL ? -1 : present->queues_max;
}

/* Counts a queue that will be new, and says when it is one too many for its virtual host. */
static void check_vhosts_queues(struct import *import, struct slice vhost, struct slice name)
{
    const struct vhost *present = present_vhost(import, vhost);
    struct queue_count *added = map_get(&import->queue_counts, vhost);
    int64_t limit = queue_limit(import, vhost);
    if (limit < 0)
        return;
    if (added == NULL) {
        added = mem_alloc(sizeof *added + vhost.size);
        *added = (struct queue_count){.key_bytes = vhost.size};
        if (vhost.size > 0)
            memcpy(added->key, vhost.data, vhost.size);
        map_add(&import->queue_counts, slice_of(added->key, vhost.size), added);
    }
    added->count++;
    if ((present == NULL ? 0 : present->queues.count) + (uint64_t)added->count > (uint64_t)limit)
        import_problem(import,
                       "cannot declare queue '%.*s': queue limit in vhost '%.*s' (%" PRId64
                       ") is reached",
                       SLICE_ARGS(name), SLICE_ARGS(vhost), limit);
}

static void check_queue_limits(struct import *import, struct slice vhost, struct slice name)
{
    const struct engine *engine = import->engine;
    const struct vhost *present = present_vhost(import, vhost);
    uint32_t most = engine->maxima.queues;
    if (present != NULL && vhost_queue(present, name) != NULL)
        return;
    check_vhosts_queues(import, vhost, name);
    if (!import_has_room(import, IMPORT_QUEUES, engine->registries[REGISTRY_QUEUE].count, most))
        import_problem(import,
                       "cannot declare queue '%.*s': queue limit in cluster (%u) is reached",
                       SLICE_ARGS(name), most);
}

static void check_queue(struct import *import, const json_t *item, struct slice vhost,
                        const struct queue_spec *spec)
{
    struct reply_error error;
    if (arguments_check_queue(spec->arguments, &(struct resource){"queue", spec->name, vhost},
                              &error) < 0)
        problem_of_reply(import, &error);
    announce(import, IMPORT_QUEUES, vhost, spec->name, item);
    check_queue_limits(import, vhost, spec->name);
}

void import_queues(struct import *import, const json_t *item)
{
    struct buf table = {0};
    struct queue_spec spec;
    struct slice vhost;
    if (import_vhost_name(import, item, &vhost) && read_queue(import, item, &spec, &table) &&
        !is_reserved(spec.name)) {
        struct vhost *present = import_vhost(import, item);
        if (!import->is_applying)
            check_queue(import, item, vhost, &spec);
        else if (vhost_queue(present, spec.name) == NULL)
            (void)queue_declare(present, &spec);
    }
    buf_fini(&table);
}

/* --- bindings -------------------------------------------------------------------------------- */

struct wanted_binding {
    struct slice vhost, source, destination, routing_key;
    bool to_queue;
    struct slice arguments;
};

static bool read_binding(struct import *import, const json_t *item, struct wanted_binding *wanted,
                         struct buf *table)
{
    struct slice kind;
    bool good = import_vhost_name(import, item, &wanted->vhost);
    good &= import_string(import, item, "source", NAME_MAX_BYTES, &wanted->source);
    good &= import_string(import, item, "destination", NAME_MAX_BYTES, &wanted->destination);
    good &= import_string_or(import, item, "routing_key", NAME_MAX_BYTES, "", &wanted->routing_key);
    good &= import_table(import, item, "arguments", table);
    wanted->arguments = buf_slice(table);
    if (!import_string(import, item, "destination_type", NAME_MAX_BYTES, &kind))
        return false;
    wanted->to_queue = slice_equal(kind, SLICE_LITERAL("queue"));
    if (!wanted->to_queue && !slice_equal(kind, SLICE_LITERAL("exchange"))) {
        import_problem(import, "destination_type should be \"queue\" or \"exchange\"");
        return false;
    }
    return good;
}

/* The type by which an exchange routes that is there or will be; NULL: there is none. */
static const struct exchange_type *type_of(const struct import *import, struct slice vhost,
                                           struct slice name)
{
    const struct vhost *present = present_vhost(import, vhost);
    const struct exchange *exchange = present != NULL ? vhost_exchange(present, name) : NULL;
    const json_t *item = import_announced(import, IMPORT_EXCHANGES, vhost, name);
    if (exchange != NULL)
        return exchange_type_routing(exchange->type, exchange->arguments);
    if (item == NULL)
        return NULL;
    const json_t *name_of = json_object_get(item, "type");
    const struct exchange_type *type = exchange_type_find(
        slice_of(json_string_value(name_of), json_string_length(name_of)));
    struct buf arguments = {0};
    const json_t *object = json_object_get(item, "arguments");
    if (json_is_object(object) && amqp_json_to_table(object, &arguments))
        type = exchange_type_routing(type, buf_slice(&arguments));
    buf_fini(&arguments);
    return type;
}

/* The broker's own exchanges are in every virtual host, also in one that is still to come. */
static bool is_predeclared(struct slice name)
{
    return is_reserved(name);
}

static void check_binding(struct import *import, const struct wanted_binding *wanted)
{
    const struct vhost *present = present_vhost(import, wanted->vhost);
    const struct exchange_type *type = type_of(import, wanted->vhost, wanted->source);
    struct binding_spec spec = {.routing_key = wanted->routing_key, .arguments = wanted->arguments};
    struct reply_error error;
    if (present != NULL && wanted->to_queue)
        spec.queue = vhost_queue(present, wanted->destination);
    else if (present != NULL)
        spec.exchange = vhost_exchange(present, wanted->destination);
    if (type == NULL && !(present == NULL && is_predeclared(wanted->source)))
        import_problem(import, "no exchange '%.*s' in vhost '%.*s'", SLICE_ARGS(wanted->source),
                       SLICE_ARGS(wanted->vhost));
    else if (type != NULL && type->check_binding != NULL && type->check_binding(&spec, &error) < 0)
        problem_of_reply(import, &error);
    bool is_there = wanted->to_queue
                        ? (present != NULL && vhost_queue(present, wanted->destination) != NULL) ||
                              import_announced(import, IMPORT_QUEUES, wanted->vhost,
                                               wanted->destination) != NULL
                        : type_of(import, wanted->vhost, wanted->destination) != NULL ||
                              (present == NULL && is_predeclared(wanted->destination));
    if (!is_there)
        import_problem(import, "no %s '%.*s' in vhost '%.*s'",
                       wanted->to_queue ? "queue" : "exchange", SLICE_ARGS(wanted->destination),
                       SLICE_ARGS(wanted->vhost));
}

static void apply_binding(struct import *import, const struct wanted_binding *wanted)
{
    struct vhost *vhost = map_get(&import->engine->vhosts, wanted->vhost);
    struct binding_spec spec = {
        .source = vhost_exchange(vhost, wanted->source),
        .routing_key = wanted->routing_key,
        .arguments = wanted->arguments,
    };
    if (wanted->to_queue)
        spec.queue = vhost_queue(vhost, wanted->destination);
    else
        spec.exchange = vhost_exchange(vhost, wanted->destination);
    if (spec.source != NULL && (spec.queue != NULL || spec.exchange != NULL) &&
        binding_find(&spec) == NULL)
        (void)vhost_bind(vhost, &spec);
}

void import_bindings(struct import *import, const json_t *item)
{
    struct buf table = {0};
    struct wanted_binding wanted;
    /* The default exchange is bound to every queue as it is. */
    if (read_binding(import, item, &wanted, &table) && wanted.source.size > 0) {
        if (import->is_applying)
            apply_binding(import, &wanted);
        else
            check_binding(import, &wanted);
    }
    buf_fini(&table);
}
