/* SPDX-License-Identifier: Apache-2.0
 *
 * PUT, POST and DELETE of exchanges, queues and bindings.
 */
#include "exchange/binding.h"
#include "exchange/exchange.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "mgmt/amqp_json.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/operate.h"
#include "mgmt/api/properties_key.h"

/* --- what the body says ---------------------------------------------------------------------- */

/* A boolean member, false when it is not there; as text, which rabbitmqadmin sends, it is taken,
 * too. False: the outcome is a refusal. */
static bool read_flag(struct outcome *outcome, const char *name, bool *flag)
{
    const json_t *value = json_object_get(outcome->document, name);
    *flag = false;
    if (value == NULL)
        return true;
    if (json_is_boolean(value))
        *flag = json_is_true(value);
    else if (json_is_string(value) && strcmp(json_string_value(value), "true") == 0)
        *flag = true;
    else if (json_is_string(value) && strcmp(json_string_value(value), "false") == 0)
        *flag = false;
    else
        return operate_refuse_value(outcome, "not_boolean", value);
    return true;
}

static bool read_text(struct outcome *outcome, const char *name, struct slice otherwise,
                      struct slice *text)
{
    const json_t *value = json_object_get(outcome->document, name);
    *text = otherwise;
    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_string(value) || json_string_length(value) > 255)
        return operate_refuse(outcome, 400, "bad_request", "not_string: %s", name);
    *text = slice_of(json_string_value(value), json_string_length(value));
    return true;
}

/* "arguments", as a table in the outcome's input. */
static bool read_arguments(struct outcome *outcome, struct slice *arguments)
{
    const json_t *value = json_object_get(outcome->document, "arguments");
    *arguments = SLICE_EMPTY;
    if (value == NULL || json_is_null(value) ||
        (json_is_array(value) && json_array_size(value) == 0))
        return true;
    if (!json_is_object(value) || !amqp_json_to_table(value, &outcome->input))
        return operate_refuse(outcome, 400, "bad_request", "arguments is not a map");
    *arguments = buf_slice(&outcome->input);
    return true;
}

/* --- queues and exchanges -------------------------------------------------------------------- */

static uint64_t put_queue(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct slice name = api_argument(request, "name");
    struct method method = {.id = METHOD_QUEUE_DECLARE, .queue_declare = {.queue = name}};
    struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL)
        return outcome_no_vhost(outcome);
    if (!read_flag(outcome, "durable", &method.queue_declare.durable) ||
        !read_flag(outcome, "auto_delete", &method.queue_declare.auto_delete) ||
        !read_arguments(outcome, &method.queue_declare.arguments))
        return 0;
    bool is_there = vhost_queue(vhost, name) != NULL;
    return operate(request, engine, outcome, vhost, &method, is_there ? 204 : 201);
}

void api_put_queue(struct api_request *request)
{
    operate_ask(request, put_queue);
}

static uint64_t delete_queue(struct api_request *request, struct engine *engine,
                             struct outcome *outcome)
{
    struct slice name = api_argument(request, "name");
    struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL || vhost_queue(vhost, name) == NULL)
        return outcome_not_found(outcome);
    return operate(request, engine, outcome, vhost,
                   &(struct method){.id = METHOD_QUEUE_DELETE,
                                    .queue_delete = {.queue = name,
                                                     .if_unused = api_flag(request, "if-unused"),
                                                     .if_empty = api_flag(request, "if-empty")}},
                   204);
}

void api_delete_queue(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), delete_queue);
}

static uint64_t purge_queue(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    struct slice name = api_argument(request, "name");
    struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL || vhost_queue(vhost, name) == NULL)
        return outcome_not_found(outcome);
    return operate(request, engine, outcome, vhost,
                   &(struct method){.id = METHOD_QUEUE_PURGE, .queue_purge = {.queue = name}}, 204);
}

void api_purge_queue(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), purge_queue);
}

static struct slice exchange_name(const struct api_request *request, const char *argument)
{
    struct slice name = api_argument(request, argument);
    return slice_equal(name, SLICE_LITERAL("amq.default")) ? SLICE_EMPTY : name;
}

static uint64_t put_exchange(struct api_request *request, struct engine *engine,
                             struct outcome *outcome)
{
    struct slice name = api_argument(request, "name");
    struct method method = {.id = METHOD_EXCHANGE_DECLARE, .exchange_declare = {.exchange = name}};
    struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL)
        return outcome_no_vhost(outcome);
    if (!read_text(outcome, "type", SLICE_LITERAL("direct"), &method.exchange_declare.type) ||
        !read_flag(outcome, "durable", &method.exchange_declare.durable) ||
        !read_flag(outcome, "auto_delete", &method.exchange_declare.auto_delete) ||
        !read_flag(outcome, "internal", &method.exchange_declare.internal) ||
        !read_arguments(outcome, &method.exchange_declare.arguments))
        return 0;
    if (exchange_type_find(method.exchange_declare.type) == NULL) {
        (void)operate_refuse(outcome, 400, "bad_request", "invalid exchange type '%.*s'",
                             SLICE_ARGS(method.exchange_declare.type));
        return 0;
    }
    bool is_there = vhost_exchange(vhost, name) != NULL;
    return operate(request, engine, outcome, vhost, &method, is_there ? 204 : 201);
}

void api_put_exchange(struct api_request *request)
{
    operate_ask(request, put_exchange);
}

static uint64_t delete_exchange(struct api_request *request, struct engine *engine,
                                struct outcome *outcome)
{
    struct slice name = exchange_name(request, "name");
    struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL || vhost_exchange(vhost, name) == NULL)
        return outcome_not_found(outcome);
    return operate(
        request, engine, outcome, vhost,
        &(struct method){
            .id = METHOD_EXCHANGE_DELETE,
            .exchange_delete = {.exchange = name, .if_unused = api_flag(request, "if-unused")}},
        204);
}

void api_delete_exchange(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), delete_exchange);
}

/* --- bindings -------------------------------------------------------------------------------- */

/* bind or unbind, as the path says: of a {queue} or of an exchange {destination}. */
static struct method binding_method(const struct api_request *request, bool binds,
                                    struct slice routing_key, struct slice arguments)
{
    struct slice source = exchange_name(request, "source");
    if (route_argument(request->route, "queue") < 0) {
        struct slice destination = exchange_name(request, "destination");
        if (binds)
            return (struct method){.id = METHOD_EXCHANGE_BIND,
                                   .exchange_bind = {.destination = destination,
                                                     .source = source,
                                                     .routing_key = routing_key,
                                                     .arguments = arguments}};
        return (struct method){.id = METHOD_EXCHANGE_UNBIND,
                               .exchange_unbind = {.destination = destination,
                                                   .source = source,
                                                   .routing_key = routing_key,
                                                   .arguments = arguments}};
    }
    struct slice queue = api_argument(request, "queue");
    if (binds)
        return (struct method){.id = METHOD_QUEUE_BIND,
                               .queue_bind = {.queue = queue,
                                              .exchange = source,
                                              .routing_key = routing_key,
                                              .arguments = arguments}};
    return (struct method){.id = METHOD_QUEUE_UNBIND,
                           .queue_unbind = {.queue = queue,
                                            .exchange = source,
                                            .routing_key = routing_key,
                                            .arguments = arguments}};
}

/* Location: the last of the path and the binding's key, each encoded once more. */
static void put_location(struct api_request *request, struct slice routing_key,
                         struct slice arguments)
{
    struct buf location = {0}, key = {0};
    struct slice path = request->http->path;
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '/')
        at--;
    buf_bytes(&location, slice_of(path.data + at, path.size - at));
    buf_u8(&location, '/');
    properties_key(&key, routing_key, arguments);
    for (size_t i = 0; i < key.size; i++)
        if (key.data[i] == '%' || key.data[i] == '+')
            buf_printf(&location, "%%%02X", key.data[i]);
        else
            buf_u8(&location, key.data[i]);
    api_put_header(request, "Location", buf_slice(&location));
    buf_fini(&key);
    buf_fini(&location);
}

static uint64_t post_binding(struct api_request *request, struct engine *engine,
                             struct outcome *outcome)
{
    struct slice routing_key, arguments;
    struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL)
        return outcome_no_vhost(outcome);
    if (!read_text(outcome, "routing_key", SLICE_EMPTY, &routing_key) ||
        !read_arguments(outcome, &arguments))
        return 0;
    struct method method = binding_method(request, true, routing_key, arguments);
    uint64_t lsn = operate(request, engine, outcome, vhost, &method, 201);
    if (outcome->status == 201)
        put_location(request, routing_key, arguments);
    return lsn;
}

void api_post_binding(struct api_request *request)
{
    operate_ask(request, post_binding);
}

/* The binding of the path's two ends that is called {props}. */
static const struct binding *find_binding(const struct api_request *request,
                                          const struct vhost *vhost)
{
    bool to_queue = route_argument(request->route, "queue") >= 0;
    const struct exchange *source = vhost_exchange(vhost, exchange_name(request, "source"));
    const struct queue *queue = to_queue ? vhost_queue(vhost, api_argument(request, "queue"))
                                         : NULL;
    const struct exchange *exchange = to_queue ? NULL
                                               : vhost_exchange(
                                                     vhost, exchange_name(request, "destination"));
    const struct binding *found = NULL;
    struct buf key = {0};
    if (source == NULL || (queue == NULL && exchange == NULL))
        return NULL;
    list_for_each (node, queue != NULL ? &queue->bindings : &exchange->bindings_in) {
        const struct binding *binding = LIST_ENTRY(node, struct binding, by_destination);
        key.size = 0;
        properties_key(&key, binding->routing_key, binding->arguments);
        if (binding->source == source &&
            properties_key_equal(buf_slice(&key), api_argument(request, "props"))) {
            found = binding;
            break;
        }
    }
    buf_fini(&key);
    return found;
}

static uint64_t delete_binding(struct api_request *request, struct engine *engine,
                               struct outcome *outcome)
{
    struct vhost *vhost = outcome_vhost(request, engine);
    const struct binding *binding = vhost == NULL ? NULL : find_binding(request, vhost);
    if (binding == NULL)
        return outcome_not_found(outcome);
    struct method method = binding_method(request, false, binding->routing_key, binding->arguments);
    return operate(request, engine, outcome, vhost, &method, 204);
}

void api_delete_binding(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), delete_binding);
}
