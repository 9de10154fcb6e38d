/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/policy_keys.h"

#include "exchange/erlang_term.h"

enum merge {
    MERGE_OPERATORS, /* the operators' value holds */
    MERGE_LEAST,
    MERGE_LEAST_LIMIT, /* the least, where a negative one is no limit */
};

#define QUEUES    (POLICY_CLASSIC | POLICY_QUORUM)
#define ANY_QUEUE (QUEUES | POLICY_STREAM)

struct policy_key {
    const char *name;
    bool (*accepts)(const struct table_value *value);
    const char *complaint; /* about a value, which stands before it */
    unsigned objects;
    bool is_for_operators;
    enum merge merge;
};

/* --- values --------------------------------------------------------------------------------- */

static bool is_integer_from(const struct table_value *value, int64_t least)
{
    return table_type_is_integer(value->type) && value->integer >= least;
}

static bool is_integer(const struct table_value *value)
{
    return is_integer_from(value, INT64_MIN);
}

static bool is_count(const struct table_value *value)
{
    return is_integer_from(value, 0);
}

static bool is_positive(const struct table_value *value)
{
    return is_integer_from(value, 1);
}

static bool is_segment_size(const struct table_value *value)
{
    return is_count(value) && value->integer <= 3000000000;
}

static bool is_filter_size(const struct table_value *value)
{
    return is_integer_from(value, 16) && value->integer <= 255;
}

static bool is_version(const struct table_value *value)
{
    return is_positive(value) && value->integer <= 2;
}

static bool is_string(const struct table_value *value)
{
    return value->type == TABLE_LONGSTR;
}

static bool is_bool(const struct table_value *value)
{
    return value->type == TABLE_BOOL;
}

static bool is_one_of(const struct table_value *value, const char *const *names)
{
    for (; is_string(value) && *names != NULL; names++)
        if (slice_equal(value->bytes, slice_from_string(*names)))
            return true;
    return false;
}

#define ONE_OF(function, ...)                                   \
    static bool function(const struct table_value *value)       \
    {                                                           \
        static const char *const names[] = {__VA_ARGS__, NULL}; \
        return is_one_of(value, names);                         \
    }

ONE_OF(is_overflow, "drop-head", "reject-publish", "reject-publish-dlx")
ONE_OF(is_strategy, "at-most-once", "at-least-once")
ONE_OF(is_queue_mode, "default", "lazy")
ONE_OF(is_leader_locator, "client-local", "balanced", "random", "least-leaders")
ONE_OF(is_master_locator, "min-masters", "client-local", "random")
ONE_OF(is_retry_type, "disabled", "all", "failed", "returned")
ONE_OF(is_ha_mode, "all", "exactly", "nodes")
ONE_OF(is_ha_sync_mode, "manual", "automatic")
ONE_OF(is_ha_promotion, "always", "when-synced")
#undef ONE_OF

/* Digits and a unit: "7D". */
static bool is_max_age(const struct table_value *value)
{
    if (!is_string(value) || value->bytes.size < 2)
        return false;
    size_t digits = value->bytes.size - 1;
    for (size_t i = 0; i < digits; i++)
        if (value->bytes.data[i] < '0' || value->bytes.data[i] > '9')
            return false;
    return digits <= 18 && strchr("YMDhms", value->bytes.data[digits]) != NULL &&
           value->bytes.data[digits] != '\0';
}

/* --- the keys ------------------------------------------------------------------------------- */

static const struct policy_key keys[] = {
    {"alternate-exchange", is_string, "is not a valid alternate exchange name", POLICY_EXCHANGE,
     false, MERGE_OPERATORS},
    {"consumer-disconnected-timeout", is_count,
     "is not a valid consumer disconnected timeout value", QUEUES, false, MERGE_OPERATORS},
    {"consumer-timeout", is_count, "is not a valid consumer timeout value", QUEUES, false,
     MERGE_OPERATORS},
    {"dead-letter-exchange", is_string, "is not a valid dead letter exchange name", QUEUES, false,
     MERGE_OPERATORS},
    {"dead-letter-routing-key", is_string, "is not a valid dead letter routing key", QUEUES, false,
     MERGE_OPERATORS},
    {"dead-letter-strategy", is_strategy, "is not a valid dead letter strategy", POLICY_QUORUM,
     false, MERGE_OPERATORS},
    {"delayed-message", is_bool, "is not a valid delayed message value", POLICY_EXCHANGE, false,
     MERGE_OPERATORS},
    {"delayed-retry-max", is_count, "is not a valid delayed retry maximum", QUEUES, true,
     MERGE_LEAST},
    {"delayed-retry-min", is_count, "is not a valid delayed retry minimum", QUEUES, true,
     MERGE_LEAST},
    {"delayed-retry-type", is_retry_type, "is not a valid delayed retry type", QUEUES, true,
     MERGE_OPERATORS},
    {"delivery-limit", is_integer, "is not a valid delivery limit", QUEUES, true,
     MERGE_LEAST_LIMIT},
    {"expires", is_positive, "is not a valid queue expiry", QUEUES, true, MERGE_LEAST},
    {"initial-cluster-size", is_count, "is not a valid cluster size", POLICY_STREAM, false,
     MERGE_OPERATORS},
    {"max-age", is_max_age, "is not a valid max age", POLICY_STREAM, false, MERGE_OPERATORS},
    {"max-in-memory-bytes", is_count, "is not a valid maximum memory in bytes", QUEUES, true,
     MERGE_LEAST},
    {"max-in-memory-length", is_count, "is not a valid maximum memory in bytes", QUEUES, true,
     MERGE_LEAST},
    {"max-length", is_count, "is not a valid maximum length", QUEUES, true, MERGE_LEAST},
    {"max-length-bytes", is_count, "is not a valid maximum length in bytes", ANY_QUEUE, true,
     MERGE_LEAST},
    {"message-ttl", is_count, "is not a valid message TTL", QUEUES, true, MERGE_LEAST},
    {"overflow", is_overflow, "is not a valid overflow value", QUEUES, true, MERGE_OPERATORS},
    {"queue-leader-locator", is_leader_locator, "is not a valid queue leader locator value",
     ANY_QUEUE, false, MERGE_OPERATORS},
    {"queue-master-locator", is_master_locator, "invalid queue-master-locator value",
     POLICY_CLASSIC, false, MERGE_OPERATORS},
    {"queue-mode", is_queue_mode, "is not a valid queue-mode value", POLICY_CLASSIC, false,
     MERGE_OPERATORS},
    {"queue-version", is_version, "is not a valid queue-version value", QUEUES, true,
     MERGE_OPERATORS},
    {"stream-filter-size-bytes", is_filter_size,
     "is not a valid filter size. Valid range is 16-255", POLICY_STREAM, false, MERGE_OPERATORS},
    {"stream-max-segment-size-bytes", is_segment_size, "is not a valid segment size", POLICY_STREAM,
     false, MERGE_OPERATORS},
    {"target-group-size", is_positive, "is not a valid target group size", POLICY_QUORUM, true,
     MERGE_OPERATORS},
    /* Of mirrored queues; check_ha looks at their values. */
    {"ha-mode", NULL, NULL, POLICY_CLASSIC, true, MERGE_OPERATORS},
    {"ha-params", NULL, NULL, POLICY_CLASSIC, true, MERGE_OPERATORS},
    {"ha-promote-on-failure", NULL, NULL, POLICY_CLASSIC, false, MERGE_OPERATORS},
    {"ha-promote-on-shutdown", NULL, NULL, POLICY_CLASSIC, false, MERGE_OPERATORS},
    {"ha-sync-batch-size", NULL, NULL, POLICY_CLASSIC, false, MERGE_OPERATORS},
    {"ha-sync-mode", NULL, NULL, POLICY_CLASSIC, true, MERGE_OPERATORS},
};

static const struct policy_key *find(struct slice name)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (slice_equal(name, slice_from_string(keys[i].name)))
            return &keys[i];
    return NULL;
}

static const struct policy_key *find_for(enum policy_kind kind, struct slice name)
{
    const struct policy_key *key = find(name);
    return key != NULL && (kind == POLICY_USERS || key->is_for_operators) ? key : NULL;
}

/* --- mirrored queues ------------------------------------------------------------------------ */

static bool complain(struct buf *problem, const char *before, const struct table_value *value,
                     const char *after)
{
    buf_bytes(problem, slice_from_string(before));
    if (value != NULL)
        erlang_term(problem, value);
    else
        buf_bytes(problem, SLICE_LITERAL("none"));
    buf_bytes(problem, slice_from_string(after));
    return false;
}

static bool check_nodes(const struct table_value *params, struct buf *problem)
{
    if (params == NULL || params->type != TABLE_ARRAY)
        return complain(problem, "ha-mode=\"nodes\" takes a list, ", params, " given");
    if (params->bytes.size == 0) {
        buf_bytes(problem, SLICE_LITERAL("ha-mode=\"nodes\" list must be non-empty"));
        return false;
    }
    struct cursor cursor = cursor_of(params->bytes);
    for (struct table_value item; table_next_item(&cursor, &item);)
        if (!is_string(&item))
            return complain(problem, "ha-mode=\"nodes\" takes a list of strings, [", &item,
                            "] was not a string");
    return true;
}

static bool check_ha_params(const struct table_value *mode, const struct table_value *params,
                            struct buf *problem)
{
    if (slice_equal(mode->bytes, SLICE_LITERAL("nodes")))
        return check_nodes(params, problem);
    if (slice_equal(mode->bytes, SLICE_LITERAL("exactly")))
        return (params != NULL && is_positive(params)) ||
               complain(problem, "ha-mode=\"exactly\" takes an integer, ", params, " given");
    if (params == NULL)
        return true;
    buf_bytes(problem, SLICE_LITERAL("ha-mode=\"all\" does not take parameters"));
    return false;
}

static bool check_ha(struct slice definition, struct buf *problem)
{
    static const struct {
        const char *name;
        bool (*accepts)(const struct table_value *value);
        const char *before, *after;
    } others[] = {
        {"ha-sync-mode", is_ha_sync_mode, "ha-sync-mode must be \"manual\" or \"automatic\", got ",
         ""},
        {"ha-sync-batch-size", is_positive, "ha-sync-batch-size takes an integer greater than 0, ",
         " given"},
        {"ha-promote-on-shutdown", is_ha_promotion,
         "ha-promote-on-shutdown must be \"always\" or \"when-synced\", got ", ""},
        {"ha-promote-on-failure", is_ha_promotion,
         "ha-promote-on-failure must be \"always\" or \"when-synced\", got ", ""},
    };
    struct table_value mode, value;
    bool has_params = table_find(definition, SLICE_LITERAL("ha-params"), &value);
    if (!table_find(definition, SLICE_LITERAL("ha-mode"), &mode)) {
        bool has_any = has_params;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            has_any |= table_find(definition, slice_from_string(others[i].name), &value);
        if (has_any)
            buf_bytes(problem, SLICE_LITERAL("ha-mode must be specified to specify ha-params, "
                                             "ha-sync-mode or ha-promote-on-shutdown"));
        return !has_any;
    }
    if (!is_ha_mode(&mode))
        return complain(problem, "", &mode, " is not a valid ha-mode value");
    if (!check_ha_params(&mode, has_params ? &value : NULL, problem))
        return false;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (table_find(definition, slice_from_string(others[i].name), &value) &&
            !others[i].accepts(&value))
            return complain(problem, others[i].before, &value, others[i].after);
    return true;
}

/* --- a definition --------------------------------------------------------------------------- */

static bool check_known(enum policy_kind kind, struct slice definition, struct buf *problem)
{
    struct cursor cursor = cursor_of(definition);
    struct slice name;
    for (struct table_value value; table_next(&cursor, &name, &value);) {
        const struct policy_key *key = find_for(kind, name);
        if (key != NULL && key->accepts != NULL && !key->accepts(&value)) {
            erlang_term(problem, &value);
            buf_printf(problem, " %s", key->complaint);
            return false;
        }
    }
    return check_ha(definition, problem);
}

static bool check_unknown(enum policy_kind kind, struct slice definition, struct buf *problem)
{
    struct cursor cursor = cursor_of(definition);
    struct slice name;
    unsigned unknown = 0;
    for (struct table_value value; table_next(&cursor, &name, &value);) {
        if (find_for(kind, name) != NULL)
            continue;
        buf_bytes(problem, unknown++ == 0 ? SLICE_LITERAL("[") : SLICE_LITERAL(","));
        erlang_pair(problem, name, &value);
    }
    if (unknown > 0)
        buf_bytes(problem, SLICE_LITERAL("] are not recognised policy settings"));
    return unknown == 0;
}

bool policy_keys_check(enum policy_kind kind, struct slice definition, struct buf *problem)
{
    if (definition.size == 0) {
        buf_bytes(problem, SLICE_LITERAL("no policy provided"));
        return false;
    }
    return check_known(kind, definition, problem) && check_unknown(kind, definition, problem);
}

bool policy_keys_apply(struct slice definition, enum policy_object object)
{
    if (object == POLICY_EXCHANGE)
        return true;
    struct cursor cursor = cursor_of(definition);
    struct slice name;
    for (struct table_value value; table_next(&cursor, &name, &value);) {
        const struct policy_key *key = find(name);
        if (key != NULL && key->objects != POLICY_EXCHANGE && (key->objects & object) == 0)
            return false;
    }
    return true;
}

struct table_value policy_keys_merge(struct slice key, const struct table_value *users,
                                     const struct table_value *operators)
{
    const struct policy_key *known = find(key);
    enum merge merge = known != NULL ? known->merge : MERGE_OPERATORS;
    if (merge == MERGE_OPERATORS || !is_integer(users) || !is_integer(operators))
        return *operators;
    bool users_less = users->integer < operators->integer;
    if (merge == MERGE_LEAST_LIMIT && (users->integer < 0 || operators->integer < 0))
        users_less = !users_less; /* the larger one is the limit, when one is there */
    return users_less ? *users : *operators;
}
