/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client wants for a policy, before it becomes one. The answers are RabbitMQ's, down to the
 * order in which it lists them.
 */
#include "exchange/policy_check.h"

#include <stdlib.h>

#include "exchange/definition.h"
#include "exchange/erlang_term.h"
#include "server/base/mem.h"
#include "server/base/pattern.h"

#define QUEUES (POLICY_CLASSIC | POLICY_QUORUM | POLICY_STREAM)

const struct policy_target policy_targets[] = {
    {"all", QUEUES | POLICY_EXCHANGE},
    {"queues", QUEUES},
    {"classic_queues", POLICY_CLASSIC},
    {"quorum_queues", POLICY_QUORUM},
    {"streams", POLICY_STREAM},
    {"exchanges", POLICY_EXCHANGE},
    {NULL, 0},
};

const struct policy_target *policy_target_find(struct slice name)
{
    for (const struct policy_target *target = policy_targets; target->name != NULL; target++)
        if (slice_equal(name, slice_from_string(target->name)))
            return target;
    return NULL;
}

/* --- tables in order ------------------------------------------------------------------------- */

struct pair {
    struct slice key;
    struct table_value value;
};

static int compare_pairs(const void *a, const void *b)
{
    return slice_compare(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

bool policy_sort_definition(struct slice definition, struct buf *sorted, struct slice *twice)
{
    struct cursor cursor = cursor_of(definition);
    struct pair pair, *pairs = NULL;
    size_t count = 0, capacity = 0;
    while (table_next(&cursor, &pair.key, &pair.value)) {
        if (count == capacity) {
            capacity = capacity == 0 ? 8 : capacity * 2;
            pairs = mem_realloc(pairs, capacity * sizeof *pairs);
        }
        pairs[count++] = pair;
    }
    if (count > 1)
        qsort(pairs, count, sizeof *pairs, compare_pairs);
    bool unique = true;
    for (size_t i = 0; i < count && unique; i++) {
        unique = i == 0 || compare_pairs(&pairs[i - 1], &pairs[i]) != 0;
        if (unique)
            table_put(sorted, pairs[i].key, &pairs[i].value);
        else
            *twice = pairs[i].key;
    }
    mem_free(pairs);
    return unique;
}

/* --- the fields ------------------------------------------------------------------------------ */

/* One field's value; what is wrong with it goes to PROBLEM. */
typedef bool (*field_check)(enum policy_kind kind, const struct table_value *value,
                            struct buf *problem);

static bool check_definition(enum policy_kind kind, const struct table_value *value,
                             struct buf *problem)
{
    if (value->type != TABLE_TABLE) {
        buf_bytes(problem, SLICE_LITERAL("definition must be a dictionary: "));
        erlang_term(problem, value);
        return false;
    }
    struct buf sorted = {0};
    struct slice twice;
    bool valid = policy_sort_definition(value->bytes, &sorted, &twice);
    if (valid) {
        valid = policy_keys_check(kind, buf_slice(&sorted), problem);
    } else {
        buf_bytes(problem, SLICE_LITERAL("["));
        erlang_term(problem, &(struct table_value){.type = TABLE_LONGSTR, .bytes = twice});
        buf_bytes(problem, SLICE_LITERAL("] duplicate keys not allowed"));
    }
    buf_fini(&sorted);
    return valid;
}

static bool check_apply_to(enum policy_kind kind, const struct table_value *value,
                           struct buf *problem)
{
    (void)kind;
    if (value->type == TABLE_LONGSTR && policy_target_find(value->bytes) != NULL)
        return true;
    buf_bytes(problem, SLICE_LITERAL("apply-to '"));
    if (value->type == TABLE_LONGSTR)
        buf_bytes(problem, value->bytes);
    else
        erlang_term(problem, value);
    buf_bytes(problem,
              SLICE_LITERAL("' unrecognised; should be one of: 'queues', 'classic_queues',  "
                            "'quorum_queues', 'streams', 'exchanges', or 'all'"));
    return false;
}

static bool check_pattern(enum policy_kind kind, const struct table_value *value,
                          struct buf *problem)
{
    (void)kind;
    if (value->type != TABLE_LONGSTR) {
        buf_bytes(problem, SLICE_LITERAL("pattern should be a binary but was "));
        erlang_term(problem, value);
        return false;
    }
    struct pattern_error error;
    struct pattern *pattern = pattern_new(value->bytes, &error);
    if (pattern == NULL) {
        buf_bytes(problem, SLICE_LITERAL("pattern should be regular expression but is invalid: {"));
        erlang_string(problem, slice_from_string(error.text));
        buf_printf(problem, ",%zu}", error.offset);
        return false;
    }
    pattern_free(pattern);
    return true;
}

static bool check_priority(enum policy_kind kind, const struct table_value *value,
                           struct buf *problem)
{
    (void)kind;
    if (table_type_is_integer(value->type) || value->type == TABLE_DOUBLE)
        return true;
    buf_bytes(problem, SLICE_LITERAL("priority should be a number, actually was "));
    erlang_term(problem, value);
    return false;
}

static const struct {
    const char *name;
    field_check check;
    bool is_optional;
} fields_known[] = {
    {"definition", check_definition, false},
    {"apply-to", check_apply_to, true},
    {"pattern", check_pattern, false},
    {"priority", check_priority, false},
};

#define FIELD_COUNT (sizeof fields_known / sizeof fields_known[0])

static bool check_names(struct slice name, struct slice fields, struct buf *problem)
{
    struct cursor cursor = cursor_of(fields);
    struct slice key;
    unsigned unknown = 0;
    for (struct table_value value; table_next(&cursor, &key, &value);) {
        bool known = false;
        for (size_t i = 0; i < FIELD_COUNT; i++)
            known |= slice_equal(key, slice_from_string(fields_known[i].name));
        if (known)
            continue;
        buf_bytes(problem, slice_from_string(unknown++ == 0 ? "Unrecognised terms [" : ","));
        erlang_pair(problem, key, &value);
    }
    if (unknown > 0)
        buf_printf(problem, "] in %.*s\n", SLICE_ARGS(name));
    return unknown == 0;
}

bool policy_check(enum policy_kind kind, struct slice name, struct slice fields,
                  struct buf *problem)
{
    size_t before = problem->size;
    buf_bytes(problem, SLICE_LITERAL("Validation failed\n\n"));
    bool valid = check_names(name, fields, problem);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        struct table_value value;
        if (table_find(fields, slice_from_string(fields_known[i].name), &value)) {
            if (fields_known[i].check(kind, &value, problem))
                continue;
            buf_bytes(problem, SLICE_LITERAL("\n"));
        } else if (fields_known[i].is_optional) {
            continue;
        } else {
            buf_printf(problem, "Key \"%s\" not found in %.*s\n", fields_known[i].name,
                       SLICE_ARGS(name));
        }
        valid = false;
    }
    if (name.size + fields.size > POLICY_BYTES_MAX) {
        buf_printf(problem, "name and definition should be less than %u bytes\n", POLICY_BYTES_MAX);
        valid = false;
    }
    if (valid)
        problem->size = before;
    return valid;
}
