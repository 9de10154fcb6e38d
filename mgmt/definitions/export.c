/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/definitions/export.h"

#include "exchange/accounts.h"
#include "exchange/binding.h"
#include "exchange/engine.h"
#include "exchange/parameter.h"
#include "exchange/policy.h"
#include "exchange/queue.h"
#include "mgmt/json_writer.h"
#include "server/base/mem.h"

struct exporter {
    const struct engine *engine;
    const struct vhost *only; /* or NULL */
    struct json_writer json;
};

static void put_vhost(struct exporter *exporter, const struct vhost *vhost)
{
    if (exporter->only == NULL)
        json_put_string(&exporter->json, "vhost", vhost->name);
}

/* --- accounts -------------------------------------------------------------------------------- */

/* A field array as a list. */
static void put_array(struct json_writer *json, const char *key, struct slice items)
{
    struct cursor cursor = cursor_of(items);
    (void)json_put_array(json, key);
    for (struct table_value item; table_next_item(&cursor, &item);)
        json_write_string(json, item.bytes);
    json_write_array_end(json);
}

static void put_limit(struct json_writer *json, const char *key, int64_t limit)
{
    if (limit == LIMIT_UNSET)
        return;
    (void)json_write_key(json, slice_from_string(key));
    json_write_int(json, limit);
}

static void write_user(struct json_writer *json, const struct user *user)
{
    char *hash = mem_alloc(CRYPTO_BASE64_CHARS(user->password_hash.size) + 1);
    json_write_object(json);
    json_put_string(json, "name", user->name);
    json_put_string(json, "password_hash", crypto_base64((uint8_t *)hash, user->password_hash));
    json_put_text(json, "hashing_algorithm", user_hashing_name(user->hashing));
    put_array(json, "tags", user->tags);
    (void)json_put_object(json, "limits");
    put_limit(json, "max-connections", user->connections_max);
    put_limit(json, "max-channels", user->channels_max);
    json_write_object_end(json);
    json_write_object_end(json);
    mem_free(hash);
}

static void export_users(struct exporter *exporter)
{
    uint32_t position = 0;
    for (struct user *user; (user = map_next(&exporter->engine->users, &position)) != NULL;)
        write_user(&exporter->json, user);
}

static void write_metadata(struct json_writer *json, const struct vhost *vhost)
{
    json_put_string(json, "description", vhost->description);
    put_array(json, "tags", vhost->tags);
    if (vhost->default_queue_type.size > 0)
        json_put_string(json, "default_queue_type", vhost->default_queue_type);
}

static void export_vhost(struct exporter *exporter, const struct vhost *vhost)
{
    json_write_object(&exporter->json);
    json_put_string(&exporter->json, "name", vhost->name);
    write_metadata(&exporter->json, vhost);
    json_put_bool(&exporter->json, "tracing", vhost->tracing);
    (void)json_put_object(&exporter->json, "metadata");
    write_metadata(&exporter->json, vhost);
    json_write_object_end(&exporter->json);
    json_write_object_end(&exporter->json);
}

static void write_permission(struct exporter *exporter, const struct vhost *vhost,
                             const struct permission *permission, bool is_topic)
{
    struct json_writer *json = &exporter->json;
    json_write_object(json);
    json_put_string(json, "user", permission->user);
    json_put_string(json, "vhost", vhost->name);
    if (is_topic)
        json_put_string(json, "exchange", permission->exchange);
    else
        json_put_string(json, "configure", permission->expressions[ACCESS_CONFIGURE]);
    json_put_string(json, "write", permission->expressions[ACCESS_WRITE]);
    json_put_string(json, "read", permission->expressions[ACCESS_READ]);
    json_write_object_end(json);
}

static void export_permissions(struct exporter *exporter, const struct vhost *vhost)
{
    uint32_t position = 0;
    for (struct permission *one; (one = map_next(&vhost->permissions, &position)) != NULL;)
        write_permission(exporter, vhost, one, false);
}

static void export_topic_permissions(struct exporter *exporter, const struct vhost *vhost)
{
    uint32_t position = 0;
    for (struct permission *one; (one = map_next(&vhost->topic_permissions, &position)) != NULL;)
        write_permission(exporter, vhost, one, true);
}

/* --- policies and parameters ----------------------------------------------------------------- */

/* Fields that policies and operators' policies share. */
static void export_policies(struct exporter *exporter, const struct vhost *vhost)
{
    list_for_each (node, &vhost->policies[POLICY_USERS]) {
        const struct policy *policy = LIST_ENTRY(node, struct policy, by_rank);
        struct buf fields = {0};
        if (exporter->only == NULL)
            table_put_longstr(&fields, "vhost", vhost->name);
        table_put_longstr(&fields, "name", policy->name);
        policy_fields(policy, &fields);
        json_write_table(&exporter->json, buf_slice(&fields));
        buf_fini(&fields);
    }
}

static void begin_parameter(struct exporter *exporter, const struct vhost *vhost,
                            const char *component, struct slice name)
{
    json_write_object(&exporter->json);
    put_vhost(exporter, vhost);
    json_put_text(&exporter->json, "component", component);
    json_put_string(&exporter->json, "name", name);
}

static void export_parameters(struct exporter *exporter, const struct vhost *vhost)
{
    list_for_each (node, &vhost->policies[POLICY_OPERATORS]) {
        const struct policy *policy = LIST_ENTRY(node, struct policy, by_rank);
        struct buf fields = {0};
        policy_fields(policy, &fields);
        begin_parameter(exporter, vhost, "operator_policy", policy->name);
        json_put_table(&exporter->json, "value", buf_slice(&fields));
        json_write_object_end(&exporter->json);
        buf_fini(&fields);
    }
    if (vhost->connections_max == LIMIT_UNSET && vhost->queues_max == LIMIT_UNSET)
        return;
    begin_parameter(exporter, vhost, "vhost-limits", SLICE_LITERAL("limits"));
    (void)json_put_object(&exporter->json, "value");
    put_limit(&exporter->json, "max-connections", vhost->connections_max);
    put_limit(&exporter->json, "max-queues", vhost->queues_max);
    json_write_object_end(&exporter->json);
    json_write_object_end(&exporter->json);
}

static void export_global_parameters(struct exporter *exporter)
{
    list_for_each (node, &exporter->engine->global_parameters) {
        const struct parameter *parameter = LIST_ENTRY(node, struct parameter, by_name);
        struct buf pairs = {0};
        table_put_longstr(&pairs, "name", parameter->name);
        buf_bytes(&pairs, parameter->value);
        json_write_table(&exporter->json, buf_slice(&pairs));
        buf_fini(&pairs);
    }
}

/* --- topology -------------------------------------------------------------------------------- */

static void put_vhost_name(struct json_writer *json, const struct slice *vhost)
{
    if (vhost != NULL)
        json_put_string(json, "vhost", *vhost);
}

void export_queue(struct json_writer *json, const struct slice *vhost,
                  const struct exported_queue *queue)
{
    json_write_object(json);
    json_put_string(json, "name", queue->name);
    put_vhost_name(json, vhost);
    json_put_bool(json, "durable", queue->durable);
    json_put_bool(json, "auto_delete", queue->auto_delete);
    json_put_table(json, "arguments", queue->arguments);
    json_write_object_end(json);
}

bool export_wants_exchange(struct slice name)
{
    return name.size > 0 && !slice_starts_with(name, SLICE_LITERAL("amq."));
}

void export_exchange(struct json_writer *json, const struct slice *vhost,
                     const struct exported_exchange *exchange)
{
    json_write_object(json);
    json_put_string(json, "name", exchange->name);
    put_vhost_name(json, vhost);
    json_put_string(json, "type", exchange->type);
    json_put_bool(json, "durable", exchange->durable);
    json_put_bool(json, "auto_delete", exchange->auto_delete);
    json_put_bool(json, "internal", exchange->internal);
    json_put_table(json, "arguments", exchange->arguments);
    json_write_object_end(json);
}

void export_binding(struct json_writer *json, const struct slice *vhost,
                    const struct exported_binding *binding)
{
    json_write_object(json);
    json_put_string(json, "source", binding->source);
    put_vhost_name(json, vhost);
    json_put_string(json, "destination", binding->destination);
    json_put_text(json, "destination_type", binding->to_queue ? "queue" : "exchange");
    json_put_string(json, "routing_key", binding->routing_key);
    json_put_table(json, "arguments", binding->arguments);
    json_write_object_end(json);
}

/* In the document of one virtual host its name does not stand at each thing. */
static const struct slice *vhost_name(const struct exporter *exporter, const struct vhost *vhost)
{
    return exporter->only == NULL ? &vhost->name : NULL;
}

static void export_queues(struct exporter *exporter, const struct vhost *vhost)
{
    uint32_t position = 0;
    for (struct queue *queue; (queue = map_next(&vhost->queues, &position)) != NULL;)
        if (queue->owner == NULL)
            export_queue(&exporter->json, vhost_name(exporter, vhost),
                         &(struct exported_queue){queue->name, queue->arguments, queue->durable,
                                                  queue->auto_delete});
}

static void export_exchanges(struct exporter *exporter, const struct vhost *vhost)
{
    uint32_t position = 0;
    for (struct exchange *one; (one = map_next(&vhost->exchanges, &position)) != NULL;)
        if (export_wants_exchange(one->name))
            export_exchange(&exporter->json, vhost_name(exporter, vhost),
                            &(struct exported_exchange){
                                .name = one->name,
                                .type = slice_from_string(one->type->name),
                                .arguments = one->arguments,
                                .durable = one->durable,
                                .auto_delete = one->auto_delete,
                                .internal = one->internal,
                            });
}

static void write_binding(struct exporter *exporter, const struct vhost *vhost,
                          const struct binding *binding)
{
    bool to_queue = binding->queue != NULL;
    if (to_queue && binding->queue->owner != NULL)
        return;
    export_binding(&exporter->json, vhost_name(exporter, vhost),
                   &(struct exported_binding){
                       .source = binding->source->name,
                       .destination = to_queue ? binding->queue->name : binding->exchange->name,
                       .routing_key = binding->routing_key,
                       .arguments = binding->arguments,
                       .to_queue = to_queue,
                   });
}

static void export_bindings(struct exporter *exporter, const struct vhost *vhost)
{
    uint32_t position = 0;
    for (struct exchange *exchange; (exchange = map_next(&vhost->exchanges, &position)) != NULL;)
        list_for_each (node, &exchange->bindings_out)
            write_binding(exporter, vhost, LIST_ENTRY(node, struct binding, by_source));
}

/* --- the document ---------------------------------------------------------------------------- */

static const struct section {
    const char *name;
    bool is_of_vhost; /* stands in a virtual host's document too */
    bool is_topology; /* of which there may be much */
    void (*whole)(struct exporter *exporter);
    void (*of_vhost)(struct exporter *exporter, const struct vhost *vhost); /* instead */
} sections[] = {
    {"users", false, false, export_users, NULL},
    {"vhosts", false, false, NULL, export_vhost},
    {"permissions", false, false, NULL, export_permissions},
    {"topic_permissions", false, false, NULL, export_topic_permissions},
    {"parameters", true, false, NULL, export_parameters},
    {"global_parameters", false, false, export_global_parameters, NULL},
    {"policies", true, false, NULL, export_policies},
    {"queues", true, true, NULL, export_queues},
    {"exchanges", true, true, NULL, export_exchanges},
    {"bindings", true, true, NULL, export_bindings},
};

static void write_section(struct exporter *exporter, const struct section *section)
{
    uint32_t position = 0;
    (void)json_put_array(&exporter->json, section->name);
    if (section->whole != NULL)
        section->whole(exporter);
    else if (exporter->only != NULL)
        section->of_vhost(exporter, exporter->only);
    else
        for (struct vhost *vhost; (vhost = map_next(&exporter->engine->vhosts, &position)) != NULL;)
            section->of_vhost(exporter, vhost);
    json_write_array_end(&exporter->json);
}

/* The beginning of the document, and what stands in it of accounts and policies. */
static void write_front(struct exporter *exporter, const struct definitions_origin *origin)
{
    const struct vhost *only = exporter->only;
    struct json_writer *json = &exporter->json;
    json_write_object(json);
    json_put_text(json, "rabbit_version", origin->rabbitmq_version);
    json_put_text(json, "rabbitmq_version", origin->rabbitmq_version);
    json_put_text(json, "product_name", "StoatMQ");
    json_put_text(json, "product_version", origin->product_version);
    json_put_text(json, "rabbitmq_definition_format",
                  only == NULL ? "cluster" : "single_virtual_host");
    json_put_string(json, "original_cluster_name", origin->cluster_name);
    if (only != NULL)
        json_put_string(json, "original_vhost_name", only->name);
    json_put_text(json, "explanation",
                  only == NULL ? "Definitions of the whole broker: users, virtual hosts and what "
                                 "is in them, without messages."
                               : "Definitions of one virtual host, without messages.");
}

static void write_sections(struct exporter *exporter, bool of_topology)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if ((exporter->only == NULL || sections[i].is_of_vhost) &&
            sections[i].is_topology == of_topology)
            write_section(exporter, &sections[i]);
}

void definitions_export_front(const struct engine *engine, const struct vhost *only,
                              const struct definitions_origin *origin, struct json_writer *json)
{
    struct exporter exporter = {.engine = engine, .only = only, .json = *json};
    write_front(&exporter, origin);
    write_sections(&exporter, false);
    *json = exporter.json;
}

void definitions_export(const struct engine *engine, const struct vhost *only,
                        const struct definitions_origin *origin, struct buf *out)
{
    struct exporter exporter = {.engine = engine, .only = only};
    json_writer_init(&exporter.json, out);
    write_front(&exporter, origin);
    write_sections(&exporter, false);
    write_sections(&exporter, true);
    json_write_object_end(&exporter.json);
}
