/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/log_record.h"

#include <inttypes.h>
#include <stdio.h>

#include "mgmt/amqp_json.h"
#include "mgmt/ctl/output.h"
#include "persist/bytes.h"

static const char *const type_names[] = {
    [RECORD_BATCH] = "batch",
    [RECORD_END] = "end",
    [RECORD_PART] = "part",
    [RECORD_FACT + STORE_MESSAGE] = "message",
    [RECORD_FACT + STORE_SETTLE] = "settled",
    [RECORD_FACT + STORE_REQUEUE] = "requeued",
    [RECORD_FACT + STORE_QUEUE_DECLARE] = "queue_declared",
    [RECORD_FACT + STORE_QUEUE_DELETE] = "queue_deleted",
    [RECORD_FACT + STORE_EXCHANGE_DECLARE] = "exchange_declared",
    [RECORD_FACT + STORE_EXCHANGE_DELETE] = "exchange_deleted",
    [RECORD_FACT + STORE_BIND] = "bound",
    [RECORD_FACT + STORE_UNBIND] = "unbound",
    [RECORD_FACT + STORE_TX_BEGIN] = "tx_begin",
    [RECORD_FACT + STORE_TX_COMMIT] = "tx_commit",
    [RECORD_FACT + STORE_MOVED] = "moved",
    [RECORD_FACT + STORE_PAGE] = "paged",
    [RECORD_FACT + STORE_STOP] = "stopped",
    [RECORD_FACT + STORE_DEFINE] = "defined",
    [RECORD_FACT + STORE_UNDEFINE] = "undefined",
};

enum { TYPE_COUNT = sizeof type_names / sizeof *type_names };

const char *log_record_type_name(uint8_t type)
{
    return type < TYPE_COUNT ? type_names[type] : NULL;
}

uint8_t log_record_type(const char *name)
{
    for (unsigned type = 0; type < TYPE_COUNT; type++)
        if (type_names[type] != NULL && strcmp(type_names[type], name) == 0)
            return (uint8_t)type;
    return 0;
}

const char *log_record_type_names(void)
{
    static char names[512];
    size_t size = 0;
    for (unsigned type = 0; type < TYPE_COUNT && size < sizeof names; type++)
        if (type_names[type] != NULL)
            size += (size_t)snprintf(names + size, sizeof names - size, "%s%s",
                                     size > 0 ? ", " : "", type_names[type]);
    return names;
}

bool log_record_fact(const struct record *record, struct fact *fact)
{
    return record->type >= RECORD_FACT &&
           fact_decode((enum store_record_kind)(record->type - RECORD_FACT), record->payload,
                       fact) == 0;
}

bool log_record_is_message(const struct fact *fact)
{
    return fact->kind == STORE_MESSAGE || fact->kind == STORE_MOVED || fact->kind == STORE_PAGE;
}

json_t *log_record_place(uint64_t lsn)
{
    return json_sprintf("%" PRIu64 ":%" PRIu32, lsn_segment(lsn), lsn_offset(lsn));
}

/* --- fields --------------------------------------------------------------------------------- */

static void set(json_t *to, const char *key, json_t *value)
{
    json_object_set_new(to, key, value);
}

static void set_number(json_t *to, const char *key, uint64_t value)
{
    set(to, key, amqp_json_number(value));
}

static void set_string(json_t *to, const char *key, struct slice value)
{
    set(to, key, amqp_json_string(value));
}

static void set_flag(json_t *to, const char *key, const struct fact *fact, enum fact_flag flag)
{
    set(to, key, json_boolean(fact->flags & flag));
}

/* The queue's number, and what it is called. */
static void set_queue(json_t *to, uint64_t id, const struct queue_names *names)
{
    const struct queue_name *name = queue_names_find(names, id);
    set_number(to, "queue", id);
    if (name == NULL)
        return;
    set_string(to, "queue_name", name->name);
    set_string(to, "vhost", name->vhost);
}

static json_t *places_of(const struct fact *fact, const struct queue_names *names)
{
    json_t *places = json_array();
    for (uint32_t i = 0; i < fact->target_count; i++) {
        uint64_t queue, position;
        json_t *place = json_object();
        fact_target(fact, i, &queue, &position);
        set_queue(place, queue, names);
        set_number(place, "position", position);
        json_array_append_new(places, place);
    }
    return places;
}

static void set_message(json_t *to, const struct fact *fact, const struct queue_names *names,
                        bool bodies)
{
    set(to, "places", places_of(fact, names));
    set_string(to, "exchange", fact->exchange);
    set_string(to, "routing_key", fact->routing_key);
    set_flag(to, "persistent", fact, FACT_PERSISTENT);
    if (fact->flags & FACT_BCC)
        set_flag(to, "hides_bcc", fact, FACT_BCC);
    if (bodies)
        set(to, "properties", amqp_json_properties(fact->properties));
    else
        set(to, "property_names", amqp_json_property_names(fact->properties));
    set_number(to, "body_bytes", fact->body_bytes);
    if (fact->time_ms != 0)
        set_number(to, "time_ms", fact->time_ms);
    if (fact->parts_lsn != 0) {
        set_number(to, "parts_lsn", fact->parts_lsn);
        set(to, "parts_at", log_record_place(fact->parts_lsn));
    }
    if (bodies)
        set_string(to, "body", fact->body);
}

static void set_binding(json_t *to, const struct fact *fact, const struct queue_names *names)
{
    set_string(to, "vhost", fact->vhost);
    set_string(to, "source", fact->name);
    if (fact->flags & FACT_TO_EXCHANGE)
        set_string(to, "destination", fact->destination);
    else
        set_queue(to, fact->queue, names);
    set_string(to, "routing_key", fact->routing_key);
    set(to, "arguments", amqp_json_table(fact->arguments));
}

static void set_declaration(json_t *to, const struct fact *fact)
{
    bool of_queue = fact->kind == STORE_QUEUE_DECLARE;
    if (of_queue)
        set_number(to, "queue", fact->queue);
    set_string(to, of_queue ? "queue_name" : "exchange", fact->name);
    set_string(to, "vhost", fact->vhost);
    if (!of_queue)
        set_string(to, "exchange_type", fact->type);
    set_flag(to, "durable", fact, FACT_DURABLE);
    set_flag(to, "auto_delete", fact, FACT_AUTO_DELETE);
    if (!of_queue || fact->flags & FACT_INTERNAL)
        set_flag(to, "internal", fact, FACT_INTERNAL);
    if (fact->user.size > 0)
        set_string(to, "user", fact->user);
    set(to, "arguments", amqp_json_table(fact->arguments));
}

static void set_definition(json_t *to, const struct fact *fact, bool bodies)
{
    const char *kind = definition_kind_name(fact->definition);
    struct slice key = fact->key;
    json_t *parts = json_array();
    set(to, "kind", kind != NULL ? json_string(kind) : json_sprintf("%u", fact->definition));
    while (key.size > 0)
        json_array_append_new(parts, amqp_json_string(definition_key_next(&key)));
    set(to, "key", parts);
    if (fact->kind == STORE_DEFINE && (bodies || fact->definition != DEFINITION_USER))
        set(to, "value", amqp_json_table(fact->value)); /* a user's holds a password's hash */
}

static void set_fact(json_t *to, const struct fact *fact, const struct queue_names *names,
                     bool bodies)
{
    switch (fact->kind) {
    case STORE_MESSAGE:
    case STORE_MOVED:
    case STORE_PAGE:
        set_message(to, fact, names, bodies);
        break;
    case STORE_SETTLE:
        set_queue(to, fact->queue, names);
        set_number(to, "position", fact->position);
        set_number(to, "span", fact->span);
        set_number(to, "bytes", fact->bytes);
        break;
    case STORE_STOP:
        set_queue(to, fact->queue, names);
        set_number(to, "undelivered_from", fact->position);
        break;
    case STORE_REQUEUE:
        set_queue(to, fact->queue, names);
        set_number(to, "position", fact->position);
        set_number(to, "delivery_count", fact->count);
        break;
    case STORE_QUEUE_DECLARE:
    case STORE_EXCHANGE_DECLARE:
        set_declaration(to, fact);
        break;
    case STORE_QUEUE_DELETE:
        set_queue(to, fact->queue, names);
        break;
    case STORE_EXCHANGE_DELETE:
        set_string(to, "exchange", fact->name);
        set_string(to, "vhost", fact->vhost);
        break;
    case STORE_BIND:
    case STORE_UNBIND:
        set_binding(to, fact, names);
        break;
    case STORE_DEFINE:
    case STORE_UNDEFINE:
        set_definition(to, fact, bodies);
        break;
    case STORE_TX_BEGIN:
    case STORE_TX_COMMIT:
        break;
    }
}

/* A record that this program cannot read: of a type it does not know, or malformed. */
static void set_unread(json_t *to, const struct record *record, bool bodies)
{
    set(to, "malformed", json_true());
    set_number(to, "bytes", record->payload.size);
    if (bodies)
        set(to, "payload", amqp_json_base64(record->payload));
}

json_t *log_record_json(const struct record *record, const struct queue_names *names, bool bodies)
{
    struct fact fact;
    const char *type = log_record_type_name(record->type);
    json_t *object = json_object();
    set_number(object, "lsn", record->lsn);
    set(object, "at", log_record_place(record->lsn));
    set(object, "type", type != NULL ? json_string(type) : json_sprintf("%u", record->type));
    set_number(object, "epoch", record->epoch);
    if (record->type == RECORD_BATCH && record->payload.size == sizeof(uint64_t)) {
        uint64_t durable = get_le64(record->payload.data);
        set_number(object, "durable_lsn", durable);
        set(object, "durable_at", log_record_place(durable));
    } else if (record->type == RECORD_END) {
        set_number(object, "unused_bytes", record->payload.size);
    } else if (record->type == RECORD_PART) {
        set_number(object, "bytes", record->payload.size);
        if (bodies)
            set_string(object, "body", record->payload);
    } else if (log_record_fact(record, &fact)) {
        set_fact(object, &fact, names, bodies);
    } else {
        set_unread(object, record, bodies);
    }
    return object;
}
