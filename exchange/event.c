/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. An event is a list of fields, in a form that makes both the message's headers and
 * the audit line. What the fields of each are is in event_items.c.
 */
#include "exchange/event.h"

#include "exchange/engine.h"
#include "exchange/erlang_term.h"
#include "exchange/notice.h"
#include "exchange/session.h"
#include "exchange/vhost.h"
#include "server/base/log.h"

#define AUDIT_FIELDS_MAX 16
#define ARGUMENTS_DEPTH  8 /* of tables in arguments that are shown */

struct slice event_actor(const struct engine *engine)
{
    if (engine->acting != NULL)
        return engine->acting->user != NULL ? engine->acting->user->name : SLICE_EMPTY;
    return engine->acting_user.size > 0 ? engine->acting_user : EVENT_INTERNAL_USER;
}

/* --- arguments as RabbitMQ shows them -------------------------------------------------------- */

static void put_term(struct buf *out, const struct table_value *value, unsigned depth);

static void put_typed(struct buf *out, const struct table_value *value, unsigned depth)
{
    buf_printf(out, "%s,", table_type_name(value->type));
    put_term(out, value, depth);
}

static void put_pair(struct buf *out, struct slice key, const struct table_value *value,
                     unsigned depth)
{
    buf_u8(out, '{');
    erlang_term(out, &(struct table_value){.type = TABLE_LONGSTR, .bytes = key});
    buf_u8(out, ',');
    put_typed(out, value, depth);
    buf_u8(out, '}');
}

/* The contents of tables and arrays as lists of {Key,type,Value} and {type,Value}. */
static void put_term(struct buf *out, const struct table_value *value, unsigned depth)
{
    struct cursor cursor = cursor_of(value->bytes);
    struct table_value inner;
    struct slice key;
    const char *between = "";
    bool is_nested = value->type == TABLE_TABLE || value->type == TABLE_ARRAY;
    if (!is_nested) {
        erlang_term(out, value);
        return;
    }
    buf_u8(out, '[');
    if (depth == 0)
        buf_printf(out, "...");
    else if (value->type == TABLE_TABLE)
        for (; table_next(&cursor, &key, &inner); between = ",") {
            buf_printf(out, "%s", between);
            put_pair(out, key, &inner, depth - 1);
        }
    else
        for (; table_next_item(&cursor, &inner); between = ",") {
            buf_printf(out, "%s{", between);
            put_typed(out, &inner, depth - 1);
            buf_u8(out, '}');
        }
    buf_u8(out, ']');
}

static void put_arguments(struct buf *headers, const char *key, struct slice table)
{
    struct buf items = {0}, text = {0};
    struct cursor cursor = cursor_of(table);
    struct slice name;
    struct table_value value;
    while (table_next(&cursor, &name, &value)) {
        text.size = 0;
        put_pair(&text, name, &value, ARGUMENTS_DEPTH);
        table_put_item(&items,
                       &(struct table_value){.type = TABLE_LONGSTR, .bytes = buf_slice(&text)});
    }
    table_put(headers, slice_from_string(key),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&items)});
    buf_fini(&items);
    buf_fini(&text);
}

/* --- to the exchange ------------------------------------------------------------------------- */

static void put_field(struct buf *headers, const struct event_field *field)
{
    switch (field->kind) {
    case EVENT_FIELD_TEXT:
        table_put_longstr(headers, field->key, field->bytes);
        break;
    case EVENT_FIELD_INT:
        table_put_int(headers, field->key, field->number);
        break;
    case EVENT_FIELD_BOOL:
        table_put_bool(headers, field->key, field->number != 0);
        break;
    case EVENT_FIELD_ARRAY:
        table_put(headers, slice_from_string(field->key),
                  &(struct table_value){.type = TABLE_ARRAY, .bytes = field->bytes});
        break;
    case EVENT_FIELD_TABLE:
        table_put(headers, slice_from_string(field->key),
                  &(struct table_value){.type = TABLE_TABLE, .bytes = field->bytes});
        break;
    case EVENT_FIELD_PAIRS:
        buf_bytes(headers, field->bytes);
        break;
    case EVENT_FIELD_ARGUMENTS:
        put_arguments(headers, field->key, field->bytes);
        break;
    case EVENT_FIELD_END:
        break;
    }
}

static void publish_event(struct engine *engine, const char *name, unsigned flags,
                          const struct event_field *fields)
{
    struct buf headers = {0};
    uint64_t now_ms = engine->env->wall_ms(engine->env->context);
    if ((flags & EVENT_BY_USER) != 0)
        table_put_longstr(&headers, "user_who_performed_action", event_actor(engine));
    for (; fields->kind != EVENT_FIELD_END; fields++)
        put_field(&headers, fields);
    table_put_int(&headers, "timestamp_in_ms", (int64_t)now_ms);
    notice_post(engine->event_exchange, slice_from_string(name),
                &(struct properties){
                    .flags = PROPERTY_HEADERS | PROPERTY_DELIVERY_MODE | PROPERTY_TIMESTAMP,
                    .headers = buf_slice(&headers),
                    .delivery_mode = 2,
                    .timestamp = now_ms / 1000,
                },
                SLICE_EMPTY);
    buf_fini(&headers);
}

/* --- to the log ------------------------------------------------------------------------------ */

static bool to_log_field(const struct event_field *field, struct log_field *to)
{
    switch (field->kind) {
    case EVENT_FIELD_TEXT:
        *to = LOG_BYTES(field->key, field->bytes);
        return true;
    case EVENT_FIELD_INT:
        *to = LOG_INT(field->key, field->number);
        return true;
    case EVENT_FIELD_BOOL:
        *to = LOG_STR(field->key, field->number != 0 ? "true" : "false");
        return true;
    case EVENT_FIELD_ARRAY:
    case EVENT_FIELD_TABLE:
    case EVENT_FIELD_PAIRS:
    case EVENT_FIELD_ARGUMENTS:
    case EVENT_FIELD_END:
        break;
    }
    return false;
}

static void write_audit(const struct engine *engine, const char *name,
                        const struct event_field *fields)
{
    struct log_field line[AUDIT_FIELDS_MAX + 4];
    unsigned count = 0;
    line[count++] = LOG_STR("action", name);
    line[count++] = LOG_BYTES("by", event_actor(engine));
    if (engine->acting != NULL)
        line[count++] = LOG_BYTES("connection", engine->acting->name);
    else if (engine->acting_user.size > 0)
        line[count++] = LOG_STR("connection", "API");
    for (; fields->kind != EVENT_FIELD_END; fields++) {
        CHECK(count < sizeof line / sizeof line[0]);
        count += to_log_field(fields, &line[count]);
    }
    line[count] = (struct log_field){NULL, LOG_TYPE_END, {NULL}};
    log_write(LOG_INFO, LOG_AUDIT, line);
}

void event_tell(struct engine *engine, const char *name, unsigned flags,
                const struct event_field *fields)
{
    if (!engine->tells_events)
        return;
    if ((flags & EVENT_AUDITED) != 0 && !engine->without_audit)
        write_audit(engine, name, fields);
    if ((flags & EVENT_PUBLISHED) != 0 && notice_is_wanted(engine->event_exchange))
        publish_event(engine, name, flags, fields);
}
