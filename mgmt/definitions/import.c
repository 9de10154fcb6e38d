/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/definitions/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/vhost.h"
#include "mgmt/amqp_json.h"
#include "mgmt/definitions/import_parts.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define PROBLEMS_KEPT      100u
#define PROBLEM_BYTES_KEPT 2000u

/* So often the clock is looked at. */
#define ITEMS_A_LOOK 8

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
    struct definitions_result *result = &import->result;
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

bool import_has_room(struct import *import, enum import_kind kind, uint32_t present, uint32_t most)
{
    uint64_t count = (uint64_t)present + ++import->added[kind];
    return most == 0 || count <= most;
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
        (!import->is_applying &&
         import_announced(import, IMPORT_VHOSTS, SLICE_EMPTY, *name) != NULL))
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

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void do_item(struct import *import, const struct section *section, const json_t *item)
{
    if (json_is_object(item))
        section->item(import, item);
    else
        import_problem(import, "should be an object");
}

/* Goes on with a section; false when it is not at its end at DEADLINE_NS. */
static bool do_section(struct import *import, const struct section *section, uint64_t deadline_ns)
{
    const json_t *items = json_object_get(import->document, section->name);
    import->section = section->name;
    if (items == NULL || (import->is_of_vhost && !section->is_of_vhost))
        return true;
    if (!json_is_array(items)) {
        import_problem(import, "should be a list");
        return true;
    }
    while (import->index < json_array_size(items)) {
        do_item(import, section, json_array_get(items, import->index));
        if (++import->index % ITEMS_A_LOOK == 0 && clock_ns(CLOCK_MONOTONIC) >= deadline_ns)
            return false;
    }
    return true;
}

/* Finds the virtual host that all is for anew: it may be gone by now. */
static bool find_only(struct import *import)
{
    if (!import->is_of_vhost)
        return true;
    import->only = map_get(&import->engine->vhosts, buf_slice(&import->only_name));
    if (import->only != NULL)
        return true;
    import->section = "vhost";
    import_problem(import, "no virtual host '%.*s'", SLICE_ARGS(buf_slice(&import->only_name)));
    return false;
}

/* Goes through the document until DEADLINE_NS; true when it is at its end. */
static bool go_through(struct import *import, uint64_t deadline_ns)
{
    if (find_only(import))
        for (; import->section_at < SECTION_COUNT; import->section_at++, import->index = 0)
            if (!do_section(import, &sections[import->section_at], deadline_ns))
                return false;
    import->section_at = import->index = 0;
    return true;
}

static bool go_on(struct import *import, uint64_t budget_ns)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC), worked_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    bool is_over = go_through(import, budget_ns > UINT64_MAX - now ? UINT64_MAX : now + budget_ns);
    uint64_t took_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - worked_ns;
    if (took_ns > import->longest_ns)
        import->longest_ns = took_ns;
    return is_over;
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

struct import *import_new(struct engine *engine, const struct slice *only, json_t *document)
{
    struct import *import = mem_zalloc(sizeof *import);
    import->engine = engine;
    import->document = json_incref(document);
    import->is_of_vhost = only != NULL;
    if (only != NULL)
        buf_bytes(&import->only_name, *only);
    return import;
}

void import_free(struct import *import)
{
    forget_announced(import);
    json_decref(import->document);
    buf_fini(&import->only_name);
    buf_fini(&import->result.problems);
    mem_free(import);
}

const struct definitions_result *import_result(const struct import *import)
{
    return &import->result;
}

size_t import_items(const struct import *import)
{
    size_t count = 0;
    for (size_t i = 0; i < SECTION_COUNT; i++)
        count += json_array_size(json_object_get(import->document, sections[i].name));
    return count;
}

static void say_how_many(struct import *import)
{
    struct definitions_result *result = &import->result;
    if (result->problem_count > PROBLEMS_KEPT)
        buf_printf(&result->problems, "and %u more\n", result->problem_count - PROBLEMS_KEPT);
}

bool import_check(struct import *import, uint64_t budget_ns)
{
    if (!go_on(import, budget_ns))
        return false;
    say_how_many(import);
    if (import->result.problem_count > 0)
        log_warning("definitions_refused", LOG_NUM("problems", import->result.problem_count),
                    LOG_BYTES("vhost", buf_slice(&import->only_name)));
    return true;
}

bool import_apply(struct import *import, uint64_t budget_ns)
{
    CHECK(import->is_applying || import->result.problem_count == 0);
    import->is_applying = true;
    engine_begin_together(import->engine);
    bool is_over = go_on(import, budget_ns);
    uint64_t lsn = engine_end_together(import->engine);
    if (lsn != 0)
        import->result.lsn = lsn;
    if (!is_over)
        return false;
    say_how_many(import);
    log_info("definitions_imported", LOG_NUM("problems", import->result.problem_count),
             LOG_NUM("longest_piece_us", import->longest_ns / 1000),
             LOG_BYTES("vhost", buf_slice(&import->only_name)));
    return true;
}

void definitions_import(struct engine *engine, const struct vhost *only, json_t *document,
                        struct definitions_result *result)
{
    struct import *import = import_new(engine, only != NULL ? &only->name : NULL, document);
    (void)import_check(import, UINT64_MAX);
    if (import->result.problem_count == 0)
        (void)import_apply(import, UINT64_MAX);
    *result = import->result;
    import->result.problems = (struct buf){0};
    import_free(import);
}
