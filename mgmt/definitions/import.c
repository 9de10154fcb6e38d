/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/definitions/import.h"

#include <stdarg.h>
#include <stdio.h>

#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/vhost.h"
#include "mgmt/amqp_json.h"
#include "mgmt/definitions/import_parts.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define PROBLEMS_KEPT      100u
#define PROBLEM_BYTES_KEPT 2000u

/* In this order: what comes later may refer to what came before. */
static const struct section {
    const char *name;
    bool is_of_vhost; /* may stand in a virtual host's document */
    void (*item)(struct import *import, const json_t *item);
} sections[] = {
    {"users", false, import_users},
    {"vhosts", false, import_vhosts},
    {"permissions", false, import_permissions},
    {"exchanges", true, import_exchanges},
    {"topic_permissions", false, import_topic_permissions},
    {"global_parameters", false, import_global_parameters},
    {"policies", true, import_policies},
    {"parameters", true, import_parameters},
    {"queues", true, import_queues},
    {"bindings", true, import_bindings},
};

#define SECTION_COUNT (sizeof sections / sizeof sections[0])

json_t *definitions_parse(struct slice text, struct buf *problem)
{
    json_error_t error;
    json_t *document = json_loadb((const char *)text.data, text.size,
                                  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (json_is_object(document))
        return document;
    if (document == NULL)
        buf_printf(problem, "line %d, column %d: %s", error.line, error.column, error.text);
    else
        buf_bytes(problem, SLICE_LITERAL("the document should be an object"));
    json_decref(document);
    return NULL;
}

/* --- problems -------------------------------------------------------------------------------- */

void import_problem_text(struct import *import, struct slice text)
{
    struct definitions_result *result = import->result;
    CHECK(!import->is_applying);
    if (result->problem_count++ >= PROBLEMS_KEPT)
        return;
    if (text.size > PROBLEM_BYTES_KEPT)
        text.size = PROBLEM_BYTES_KEPT;
    buf_printf(&result->problems, "%s[%zu]: %.*s\n", import->section, import->index,
               SLICE_ARGS(text));
}

void import_problem(struct import *import, const char *format, ...)
{
    char text[PROBLEM_BYTES_KEPT];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    import_problem_text(import,
                        slice_of(text, size < (int)sizeof text ? (size_t)size : sizeof text - 1));
}

/* --- members --------------------------------------------------------------------------------- */

bool import_string_or(struct import *import, const json_t *item, const char *key, size_t max,
                      const char *fallback, struct slice *text)
{
    const json_t *member = json_object_get(item, key);
    if (member == NULL && fallback != NULL) {
        *text = slice_from_string(fallback);
        return true;
    }
    if (!json_is_string(member)) {
        import_problem(import, "%s should be a string", key);
        return false;
    }
    *text = slice_of(json_string_value(member), json_string_length(member));
    if (text->size <= max)
        return true;
    import_problem(import, "%s is longer than %zu bytes", key, max);
    return false;
}

bool import_string(struct import *import, const json_t *item, const char *key, size_t max,
                   struct slice *text)
{
    return import_string_or(import, item, key, max, NULL, text);
}

bool import_flag_or(struct import *import, const json_t *item, const char *key, bool fallback,
                    bool *flag)
{
    const json_t *member = json_object_get(item, key);
    *flag = member != NULL ? json_is_true(member) : fallback;
    if (member == NULL || json_is_boolean(member))
        return true;
    import_problem(import, "%s should be true or false", key);
    return false;
}

bool import_table(struct import *import, const json_t *item, const char *key, struct buf *table)
{
    const json_t *member = json_object_get(item, key);
    /* RabbitMQ writes an empty table as an empty list in places. */
    if (member == NULL || (json_is_array(member) && json_array_size(member) == 0))
        return true;
    if (json_is_object(member) && amqp_json_to_table(member, table))
        return true;
    import_problem(import,
                   json_is_object(member)
                       ? "%s is nested too deeply or has a key longer than 255 bytes"
                       : "%s should be an object",
                   key);
    return false;
}

/* --- what is there and what will be ---------------------------------------------------------- */

/* "VHOST, zero, NAME" in ROOM. */
static struct slice announcement_key(struct buf *room, struct slice vhost, struct slice name)
{
    return definition_key(room, vhost, name, SLICE_EMPTY);
}

const json_t *import_announced(const struct import *import, enum import_kind kind,
                               struct slice vhost, struct slice name)
{
    struct buf room = {0};
    const struct announcement *found = map_get(&import->announced[kind],
                                               announcement_key(&room, vhost, name));
    buf_fini(&room);
    return found != NULL ? found->item : NULL;
}

bool import_announce(struct import *import, enum import_kind kind, struct slice vhost,
                     struct slice name, const json_t *item)
{
    struct buf room = {0};
    struct slice key = announcement_key(&room, vhost, name);
    bool is_new = map_get(&import->announced[kind], key) == NULL;
    if (is_new) {
        struct announcement *announcement = mem_alloc(sizeof *announcement + key.size);
        announcement->item = item;
        announcement->key_bytes = key.size;
        memcpy(announcement->key, key.data, key.size);
        map_add(&import->announced[kind], slice_of(announcement->key, key.size), announcement);
    }
    buf_fini(&room);
    return is_new;
}

bool import_vhost_name(struct import *import, const json_t *item, struct slice *name)
{
    if (import->only != NULL) {
        *name = import->only->name;
        return true;
    }
    if (!import_string(import, item, "vhost", SIZE_MAX, name))
        return false;
    if (map_get(&import->engine->vhosts, *name) != NULL ||
        import_announced(import, IMPORT_VHOSTS, SLICE_EMPTY, *name) != NULL)
        return true;
    import_problem(import, "no virtual host '%.*s'", SLICE_ARGS(*name));
    return false;
}

struct vhost *import_vhost(struct import *import, const json_t *item)
{
    struct slice name;
    if (!import_vhost_name(import, item, &name))
        return NULL;
    return map_get(&import->engine->vhosts, name);
}

/* --- the document ---------------------------------------------------------------------------- */

static void do_section(struct import *import, const struct section *section, const json_t *document)
{
    const json_t *items = json_object_get(document, section->name);
    import->section = section->name;
    import->index = 0;
    if (items == NULL || (import->only != NULL && !section->is_of_vhost))
        return;
    if (!json_is_array(items)) {
        import_problem(import, "should be a list");
        return;
    }
    for (; import->index < json_array_size(items); import->index++) {
        const json_t *item = json_array_get(items, import->index);
        if (json_is_object(item))
            section->item(import, item);
        else
            import_problem(import, "should be an object");
    }
}

static void forget_announced(struct import *import)
{
    uint32_t at = 0;
    for (void *one; (one = map_next(&import->queue_counts, &at)) != NULL;)
        mem_free(one);
    map_fini(&import->queue_counts);
    for (unsigned kind = 0; kind < IMPORT_KINDS; kind++) {
        uint32_t position = 0;
        for (void *one; (one = map_next(&import->announced[kind], &position)) != NULL;)
            mem_free(one);
        map_fini(&import->announced[kind]);
    }
}

void definitions_import(struct engine *engine, struct vhost *only, const json_t *document,
                        struct definitions_result *result)
{
    *result = (struct definitions_result){0};
    struct import import = {.engine = engine, .only = only, .result = result};
    for (size_t i = 0; i < SECTION_COUNT; i++)
        do_section(&import, &sections[i], document);
    if (result->problem_count == 0) {
        import.is_applying = true;
        engine_begin_together(engine);
        for (size_t i = 0; i < SECTION_COUNT; i++)
            do_section(&import, &sections[i], document);
        result->lsn = engine_end_together(engine);
        log_info("definitions_imported",
                 LOG_BYTES("vhost", only != NULL ? only->name : SLICE_EMPTY));
    } else {
        if (result->problem_count > PROBLEMS_KEPT)
            buf_printf(&result->problems, "and %u more\n", result->problem_count - PROBLEMS_KEPT);
        log_warning("definitions_refused", LOG_NUM("problems", result->problem_count),
                    LOG_BYTES("vhost", only != NULL ? only->name : SLICE_EMPTY));
    }
    forget_announced(&import);
}
