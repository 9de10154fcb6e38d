/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/table.h"
#include "exchange/binding.h"
#include "exchange/handlers.h"
#include "exchange/queue.h"

static int refuse_default(struct slice name, struct reply_error *error)
{
    if (name.size > 0)
        return 0;
    return reply_error(error, REPLY_ACCESS_REFUSED,
                       "operation not permitted on the default exchange");
}

struct exchange *handler_exchange(struct channel *channel, struct slice name,
                                  struct reply_error *error)
{
    struct vhost *vhost = channel_vhost(channel);
    struct exchange *exchange = vhost_exchange(vhost, name);
    if (exchange == NULL)
        (void)reply_error(error, REPLY_NOT_FOUND, "no exchange '%.*s' in vhost '%.*s'",
                          SLICE_ARGS(name), SLICE_ARGS(vhost->name));
    return exchange;
}

struct slice handler_clean_name(struct slice name, uint8_t room[NAME_BYTES_MAX])
{
    size_t size = 0;
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] != '\r' && name.data[i] != '\n')
            room[size++] = name.data[i];
    return size == name.size ? name : slice_of(room, size);
}

static int match_existing(const struct exchange *exchange, const struct exchange_spec *spec,
                          const struct resource *resource, struct reply_error *error)
{
    if (exchange->type != spec->type)
        return arguments_differ(error, resource, "type", spec->type->name, exchange->type->name);
    if (arguments_match_flag(resource, "durable", spec->durable, exchange->durable, error) < 0 ||
        arguments_match_flag(resource, "auto_delete", spec->auto_delete, exchange->auto_delete,
                             error) < 0 ||
        arguments_match_flag(resource, "internal", spec->internal, exchange->internal, error) < 0)
        return -1;
    return arguments_match_exchange(exchange->arguments, spec->arguments, resource, error);
}

/* Replies with a method without fields, unless the client wants none. */
static void reply_ok(struct channel *channel, enum method_id id, bool nowait, bool durable)
{
    if (!nowait)
        handler_reply_topology(channel, &(struct method){.id = id}, durable);
}

/* Whoever names an alternate exchange reads from EXCHANGE and writes to that. */
static int check_alternate(struct channel *channel, struct slice exchange, struct slice arguments,
                           struct reply_error *error)
{
    struct table_value alternate;
    if (!table_find(arguments, SLICE_LITERAL("alternate-exchange"), &alternate) ||
        alternate.type != TABLE_LONGSTR)
        return 0;
    if (handler_check_exchange(channel, ACCESS_READ, exchange, error) < 0)
        return -1;
    return handler_check_exchange(channel, ACCESS_WRITE, alternate.bytes, error);
}

static int declare(struct channel *channel, const struct exchange_spec *spec,
                   struct reply_error *error)
{
    struct vhost *vhost = channel_vhost(channel);
    struct resource resource = {"exchange", spec->name, vhost->name};
    struct exchange *exchange = vhost_exchange(vhost, spec->name);
    if (exchange != NULL)
        return match_existing(exchange, spec, &resource, error);
    if (slice_starts_with(spec->name, SLICE_LITERAL("amq.")))
        return reply_error(error, REPLY_ACCESS_REFUSED,
                           "exchange name '%.*s' contains reserved prefix 'amq.*'",
                           SLICE_ARGS(spec->name));
    if (access_check_exchange_limit(vhost, spec->name, error) < 0 ||
        check_alternate(channel, spec->name, spec->arguments, error) < 0 ||
        arguments_check_exchange(spec->arguments, &resource, error) < 0 ||
        (spec->type->check != NULL && spec->type->check(spec->arguments, error) < 0))
        return -1;
    (void)vhost_add_exchange(vhost, spec);
    return 0;
}

int handle_exchange_declare(struct channel *channel, const struct method *method,
                            struct reply_error *error)
{
    const struct method_exchange_declare *declared = &method->exchange_declare;
    uint8_t room[NAME_BYTES_MAX];
    struct exchange_spec spec = {
        .name = handler_clean_name(declared->exchange, room),
        .type = exchange_type_find(declared->type),
        .durable = declared->durable,
        .auto_delete = declared->auto_delete,
        .internal = declared->internal,
        .arguments = declared->arguments,
    };
    if (declared->passive) {
        if (refuse_default(spec.name, error) < 0 ||
            handler_exchange(channel, spec.name, error) == NULL)
            return -1;
    } else {
        if (spec.type == NULL)
            return reply_error(error, REPLY_COMMAND_INVALID, "%s exchange type '%.*s'",
                               declared->type.size == 0 ? "invalid" : "unknown",
                               SLICE_ARGS(declared->type));
        if (refuse_default(spec.name, error) < 0 ||
            handler_check_exchange(channel, ACCESS_CONFIGURE, spec.name, error) < 0 ||
            declare(channel, &spec, error) < 0)
            return -1;
    }
    reply_ok(channel, METHOD_EXCHANGE_DECLARE_OK, declared->nowait,
             vhost_exchange(channel_vhost(channel), spec.name)->durable);
    return 0;
}

int handle_exchange_delete(struct channel *channel, const struct method *method,
                           struct reply_error *error)
{
    const struct method_exchange_delete *deleted = &method->exchange_delete;
    struct vhost *vhost = channel_vhost(channel);
    uint8_t room[NAME_BYTES_MAX];
    struct slice name = handler_clean_name(deleted->exchange, room);
    if (refuse_default(name, error) < 0)
        return -1;
    if (slice_starts_with(name, SLICE_LITERAL("amq.")))
        return reply_error(error, REPLY_ACCESS_REFUSED,
                           "deletion of system exchange '%.*s' in vhost '%.*s' not allowed",
                           SLICE_ARGS(name), SLICE_ARGS(vhost->name));
    if (handler_check_exchange(channel, ACCESS_CONFIGURE, name, error) < 0)
        return -1;
    struct exchange *exchange = vhost_exchange(vhost, name);
    bool durable = exchange == NULL || exchange->durable; /* one that is not there may have been */
    if (exchange != NULL) {
        if (deleted->if_unused && !list_is_empty(&exchange->bindings_out))
            return reply_error(error, REPLY_PRECONDITION_FAILED,
                               "exchange '%.*s' in vhost '%.*s' in use", SLICE_ARGS(name),
                               SLICE_ARGS(vhost->name));
        vhost_delete_exchange(vhost, exchange);
    }
    reply_ok(channel, METHOD_EXCHANGE_DELETE_OK, deleted->nowait, durable);
    return 0;
}

/* --- bindings, of exchanges and queues ------------------------------------------------------- */

static bool is_durable(const struct binding_spec *spec)
{
    return vhost_binding_is_durable(spec->source, spec->queue, spec->exchange);
}

/* Binds, if that is not done already, and replies with OK. */
static int bind(struct channel *channel, const struct binding_spec *spec, enum method_id ok,
                bool nowait, struct reply_error *error)
{
    const struct exchange_type *type = spec->source->type;
    if (type->check_binding != NULL && type->check_binding(spec, error) < 0)
        return -1;
    if (binding_find(spec) == NULL)
        (void)vhost_bind(channel_vhost(channel), spec);
    reply_ok(channel, ok, nowait, is_durable(spec));
    return 0;
}

/* Unbinds, if there is anything bound, and replies with OK. An end that is not there (NULL) may
 * have been durable. */
static void unbind(struct channel *channel, const struct binding_spec *spec, enum method_id ok,
                   bool nowait)
{
    bool is_complete = spec->source != NULL && (spec->queue != NULL || spec->exchange != NULL);
    bool durable = !is_complete || is_durable(spec);
    struct binding *binding = is_complete ? binding_find(spec) : NULL;
    if (binding != NULL)
        vhost_unbind(channel_vhost(channel), binding);
    reply_ok(channel, ok, nowait, durable);
}

/* May the user bind a destination, which was checked already, to SOURCE? Refused, too, is the
 * default exchange. */
static int check_source(struct channel *channel, struct slice source, struct slice routing_key,
                        struct reply_error *error)
{
    if (refuse_default(source, error) < 0 ||
        handler_check_exchange(channel, ACCESS_READ, source, error) < 0)
        return -1;
    const struct exchange *exchange = vhost_exchange(channel_vhost(channel), source);
    return exchange == NULL
               ? 0
               : access_check_topic(channel->session, ACCESS_READ, exchange, routing_key, error);
}

/* May the user bind exchange DESTINATION to SOURCE, or unbind it? */
static int check_exchanges(struct channel *channel, struct slice destination, struct slice source,
                           struct slice routing_key, struct reply_error *error)
{
    if (handler_check_exchange(channel, ACCESS_WRITE, destination, error) < 0 ||
        refuse_default(destination, error) < 0)
        return -1;
    return check_source(channel, source, routing_key, error);
}

int handle_exchange_bind(struct channel *channel, const struct method *method,
                         struct reply_error *error)
{
    const struct method_exchange_bind *bound = &method->exchange_bind;
    if (check_exchanges(channel, bound->destination, bound->source, bound->routing_key, error) < 0)
        return -1;
    struct exchange *source = handler_exchange(channel, bound->source, error);
    struct exchange *destination = source == NULL
                                       ? NULL
                                       : handler_exchange(channel, bound->destination, error);
    if (destination == NULL)
        return -1;
    return bind(channel,
                &(struct binding_spec){.source = source,
                                       .exchange = destination,
                                       .routing_key = bound->routing_key,
                                       .arguments = bound->arguments},
                METHOD_EXCHANGE_BIND_OK, bound->nowait, error);
}

int handle_exchange_unbind(struct channel *channel, const struct method *method,
                           struct reply_error *error)
{
    const struct method_exchange_unbind *unbound = &method->exchange_unbind;
    struct vhost *vhost = channel_vhost(channel);
    if (check_exchanges(channel, unbound->destination, unbound->source, unbound->routing_key,
                        error) < 0)
        return -1;
    unbind(channel,
           &(struct binding_spec){.source = vhost_exchange(vhost, unbound->source),
                                  .exchange = vhost_exchange(vhost, unbound->destination),
                                  .routing_key = unbound->routing_key,
                                  .arguments = unbound->arguments},
           METHOD_EXCHANGE_UNBIND_OK, unbound->nowait);
    return 0;
}

int handle_queue_bind(struct channel *channel, const struct method *method,
                      struct reply_error *error)
{
    const struct method_queue_bind *bound = &method->queue_bind;
    struct slice name = handler_queue_name(channel, bound->queue, error);
    if (name.data == NULL)
        return -1;
    /* Section 1.7.2.3.4: an empty key with an empty queue name means the name of the queue. */
    struct slice routing_key = bound->queue.size == 0 && bound->routing_key.size == 0
                                   ? name
                                   : bound->routing_key;
    if (handler_check_queue(channel, ACCESS_WRITE, name, error) < 0 ||
        check_source(channel, bound->exchange, routing_key, error) < 0)
        return -1;
    struct queue *queue = handler_queue(channel, name, error);
    struct exchange *source = queue == NULL ? NULL
                                            : handler_exchange(channel, bound->exchange, error);
    if (source == NULL)
        return -1;
    return bind(channel,
                &(struct binding_spec){.source = source,
                                       .queue = queue,
                                       .routing_key = routing_key,
                                       .arguments = bound->arguments},
                METHOD_QUEUE_BIND_OK, bound->nowait, error);
}

int handle_queue_unbind(struct channel *channel, const struct method *method,
                        struct reply_error *error)
{
    const struct method_queue_unbind *unbound = &method->queue_unbind;
    struct vhost *vhost = channel_vhost(channel);
    struct slice name = handler_queue_name(channel, unbound->queue, error);
    if (name.data == NULL)
        return -1;
    struct slice routing_key = unbound->queue.size == 0 && unbound->routing_key.size == 0
                                   ? name
                                   : unbound->routing_key;
    if (handler_check_queue(channel, ACCESS_WRITE, name, error) < 0 ||
        check_source(channel, unbound->exchange, routing_key, error) < 0)
        return -1;
    struct queue *queue = vhost_queue(vhost, name);
    if (queue != NULL && handler_check_owner(channel, queue, error) < 0)
        return -1;
    unbind(channel,
           &(struct binding_spec){.source = vhost_exchange(vhost, unbound->exchange),
                                  .queue = queue,
                                  .routing_key = routing_key,
                                  .arguments = unbound->arguments},
           METHOD_QUEUE_UNBIND_OK, false);
    return 0;
}
