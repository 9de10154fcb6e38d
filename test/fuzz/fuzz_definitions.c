/* SPDX-License-Identifier: Apache-2.0
 *
 * A definitions document: whatever it says, it is applied or refused with the problems told; what
 * was applied can be exported, and the export be applied to another broker, whose own is the same.
 */
#include "exchange/engine.h"
#include "mgmt/definitions/export.h"
#include "mgmt/definitions/import.h"
#include "server/base/check.h"
#include "server/base/log.h"
#include "test/fuzz/fuzz.h"

static uint64_t no_time(void *context)
{
    (void)context;
    return 0;
}

static void no_randomness(void *context, void *to, size_t size)
{
    (void)context;
    memset(to, 7, size);
}

static const struct env env = {NULL, no_time, no_time, no_randomness};

static struct engine *make(struct store_ram *store)
{
    store_ram_init(store);
    return engine_new(&(struct engine_config){.env = &env,
                                              .store = &store->store,
                                              .default_vhost = SLICE_LITERAL("/"),
                                              .default_user = SLICE_LITERAL("guest"),
                                              .default_pass = SLICE_LITERAL("guest")});
}

static json_t *export(const struct engine *engine)
{
    static const struct definitions_origin origin = {"3.13.7", "0", {NULL, 0}};
    struct buf text = {0}, problem = {0};
    definitions_export(engine, NULL, &origin, &text);
    json_t *document = definitions_parse(buf_slice(&text), &problem);
    CHECK_ID(document != NULL, text.size);
    buf_fini(&text);
    return document;
}

/* Applies DOCUMENT; false when it was refused. */
static bool import(struct engine *engine, json_t *document)
{
    struct definitions_result result;
    definitions_import(engine, NULL, document, &result);
    CHECK((result.problem_count > 0) == (result.problems.size > 0));
    buf_fini(&result.problems);
    return result.problem_count == 0;
}

/* The same things, in any order. */
static void check_same(const json_t *a, const json_t *b)
{
    const char *section;
    json_t *items;
    json_object_foreach((json_t *)a, section, items)
    {
        const json_t *others = json_object_get(b, section);
        CHECK(json_array_size(items) == json_array_size(others));
        for (size_t i = 0; i < json_array_size(items); i++) {
            bool found = false;
            for (size_t j = 0; !found && j < json_array_size(others); j++)
                found = json_equal(json_array_get(items, i), json_array_get(others, j));
            CHECK_ID(found, i);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf problem = {0};
    struct store_ram stores[2];
    log_set_level(LOG_ERROR);
    json_t *document = definitions_parse(slice_of(data, size), &problem);
    CHECK((document == NULL) == (problem.size > 0));
    if (document != NULL) {
        struct engine *engine = make(&stores[0]), *other = make(&stores[1]);
        if (import(engine, document)) {
            json_t *first = export(engine);
            CHECK(import(other, first));
            json_t *second = export(other);
            check_same(first, second);
            json_decref(first);
            json_decref(second);
        }
        engine_free(engine);
        engine_free(other);
        json_decref(document);
    }
    buf_fini(&problem);
    return 0;
}
