/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/parameter.h"

#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/event.h"
#include "server/base/mem.h"

static struct parameter *parameter_of(struct list_node *node)
{
    return LIST_ENTRY(node, struct parameter, by_name);
}

static void parameter_free(struct parameter *parameter)
{
    list_remove(&parameter->by_name);
    mem_free((void *)parameter->name.data);
    mem_free((void *)parameter->value.data);
    mem_free(parameter);
}

struct parameter *parameter_find(const struct engine *engine, struct slice name)
{
    list_for_each (node, &engine->global_parameters)
        if (slice_equal(parameter_of(node)->name, name))
            return parameter_of(node);
    return NULL;
}

struct slice parameter_text(const struct engine *engine, struct slice name)
{
    struct table_value value;
    const struct parameter *parameter = parameter_find(engine, name);
    bool is_text = parameter != NULL &&
                   table_find(parameter->value, SLICE_LITERAL(PARAMETER_VALUE), &value) &&
                   value.type == TABLE_LONGSTR;
    return is_text ? value.bytes : SLICE_EMPTY;
}

static void set(struct engine *engine, struct slice name, struct slice value)
{
    struct parameter *old = parameter_find(engine, name);
    if (old != NULL)
        parameter_free(old);
    struct parameter *parameter = mem_zalloc(sizeof *parameter);
    parameter->name = slice_dup(name);
    parameter->value = slice_dup(value);
    struct list_node *before = &engine->global_parameters.head;
    list_for_each (node, &engine->global_parameters)
        if (slice_compare(name, parameter_of(node)->name) < 0) {
            before = node;
            break;
        }
    list_insert_before(before, &parameter->by_name);
}

uint64_t parameter_put(struct engine *engine, struct slice name, struct slice value)
{
    uint64_t lsn = engine_define(engine, DEFINITION_GLOBAL_PARAMETER, name, value);
    set(engine, name, value);
    event_global_parameter(engine, name, value);
    return lsn;
}

uint64_t parameter_delete(struct engine *engine, struct parameter *parameter)
{
    uint64_t lsn = engine_undefine(engine, DEFINITION_GLOBAL_PARAMETER, parameter->name);
    event_global_parameter(engine, parameter->name, SLICE_EMPTY);
    parameter_free(parameter);
    return lsn;
}

bool parameter_restore(struct engine *engine, struct slice key, struct slice value)
{
    struct table_value inner;
    if (!table_find(value, SLICE_LITERAL(PARAMETER_VALUE), &inner))
        return false;
    set(engine, key, value);
    return true;
}

void parameters_fini(struct engine *engine)
{
    for (struct list_node *node; (node = list_first(&engine->global_parameters)) != NULL;)
        parameter_free(parameter_of(node));
}
