/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/arguments.h"

#include <inttypes.h>
#include <stdio.h>

#define REASON_MAX 96

#define DEAD_LETTER_EXCHANGE "x-dead-letter-exchange"
#define ALTERNATE_EXCHANGE   "alternate-exchange"
#define QUEUE_TYPE           "x-queue-type"

/* Appends the reason why VALUE cannot be taken, in RabbitMQ's words; false when it can. */
typedef bool (*value_check)(const struct table_value *value, char reason[REASON_MAX]);

static bool wrong_type(const struct table_value *value, char reason[REASON_MAX])
{
    snprintf(reason, REASON_MAX, "{unacceptable_type,%s}", table_type_name(value->type));
    return true;
}

static bool not_an_integer(const struct table_value *value, char reason[REASON_MAX])
{
    if (table_type_is_integer(value->type))
        return false;
    snprintf(reason, REASON_MAX, "\"expected integer, got %s\"", table_type_name(value->type));
    return true;
}

static bool refuse_negative(const struct table_value *value, char reason[REASON_MAX])
{
    if (not_an_integer(value, reason))
        return true;
    if (value->integer >= 0)
        return false;
    snprintf(reason, REASON_MAX, "{value_negative,%" PRId64 "}", value->integer);
    return true;
}

#define DURATION_MAX_MS (10ll * 365 * 24 * 3600 * 1000)

static bool refuse_bad_duration(const struct table_value *value, char reason[REASON_MAX])
{
    if (refuse_negative(value, reason))
        return true;
    if (value->integer <= DURATION_MAX_MS)
        return false;
    snprintf(reason, REASON_MAX, "{value_too_large,%" PRId64 "}", value->integer);
    return true;
}

static bool refuse_zero(const struct table_value *value, char reason[REASON_MAX])
{
    if (refuse_negative(value, reason))
        return true;
    if (value->integer > 0)
        return false;
    snprintf(reason, REASON_MAX, "{value_zero,0}");
    return true;
}

static bool refuse_bad_expires(const struct table_value *value, char reason[REASON_MAX])
{
    return refuse_bad_duration(value, reason) || refuse_zero(value, reason);
}

static bool refuse_over_255(const struct table_value *value, char reason[REASON_MAX])
{
    if (refuse_negative(value, reason))
        return true;
    if (value->integer <= 255)
        return false;
    snprintf(reason, REASON_MAX, "{max_value_exceeded,%" PRId64 "}", value->integer);
    return true;
}

static bool refuse_non_bool(const struct table_value *value, char reason[REASON_MAX])
{
    return value->type != TABLE_BOOL && wrong_type(value, reason);
}

static bool refuse_non_string(const struct table_value *value, char reason[REASON_MAX])
{
    return value->type != TABLE_LONGSTR && wrong_type(value, reason);
}

static bool is_one_of(struct slice text, const char *const *names)
{
    for (; *names != NULL; names++)
        if (slice_equal(text, slice_from_string(*names)))
            return true;
    return false;
}

static bool refuse_others(const struct table_value *value, const char *const *names,
                          const char *complaint, char reason[REASON_MAX])
{
    if (refuse_non_string(value, reason))
        return true;
    if (is_one_of(value->bytes, names))
        return false;
    snprintf(reason, REASON_MAX, "%s", complaint);
    return true;
}

static bool refuse_bad_overflow(const struct table_value *value, char reason[REASON_MAX])
{
    static const char *const names[] = {"drop-head", "reject-publish", "reject-publish-dlx", NULL};
    return refuse_others(value, names, "invalid_overflow", reason);
}

static bool refuse_bad_mode(const struct table_value *value, char reason[REASON_MAX])
{
    static const char *const names[] = {"default", "lazy", NULL};
    return refuse_others(value, names, "invalid_queue_mode", reason);
}

static bool refuse_bad_strategy(const struct table_value *value, char reason[REASON_MAX])
{
    static const char *const names[] = {"at-most-once", "at-least-once", NULL};
    return refuse_others(value, names, "invalid_dlx_strategy", reason);
}

static bool refuse_bad_locator(const struct table_value *value, char reason[REASON_MAX])
{
    static const char *const names[] = {"client-local", "balanced", "random", "least-leaders",
                                        NULL};
    return refuse_others(value, names, "invalid_queue_locator_arg", reason);
}

static bool refuse_bad_version(const struct table_value *value, char reason[REASON_MAX])
{
    if (not_an_integer(value, reason))
        return true;
    if (value->integer == 1 || value->integer == 2)
        return false;
    snprintf(reason, REASON_MAX, "\"unsupported queue version '%" PRId64 "'\"", value->integer);
    return true;
}

static bool refuse_bad_type(const struct table_value *value, char reason[REASON_MAX])
{
    static const char *const names[] = {"classic", "quorum", NULL};
    if (refuse_non_string(value, reason))
        return true;
    if (is_one_of(value->bytes, names))
        return false;
    int shown = value->bytes.size < 40 ? (int)value->bytes.size : 40;
    snprintf(reason, REASON_MAX, "\"unsupported queue type '%.*s'\"", shown,
             (const char *)value->bytes.data);
    return true;
}

enum queue_type { CLASSIC = 1, QUORUM = 2, STREAM = 4 };

/* TYPES have a use for the argument. As RabbitMQ, but for x-delivery-limit and x-consumer-timeout,
 * which are for classic queues, too. */
static const struct known_argument {
    const char *key;
    value_check refuse;
    unsigned types; /* of enum queue_type */
} queue_arguments[] = {
    {"x-expires", refuse_bad_expires, CLASSIC | QUORUM},
    {"x-message-ttl", refuse_bad_duration, CLASSIC | QUORUM},
    {"x-max-length", refuse_negative, CLASSIC | QUORUM},
    {"x-max-length-bytes", refuse_negative, CLASSIC | QUORUM | STREAM},
    {"x-max-priority", refuse_over_255, CLASSIC},
    {"x-dead-letter-routing-key", refuse_non_string, CLASSIC | QUORUM},
    {DEAD_LETTER_EXCHANGE, NULL, CLASSIC | QUORUM}, /* see check_exchange_name */
    {"x-dead-letter-strategy", refuse_bad_strategy, QUORUM},
    {"x-overflow", refuse_bad_overflow, CLASSIC | QUORUM},
    {"x-queue-mode", refuse_bad_mode, CLASSIC},
    {"x-queue-version", refuse_bad_version, CLASSIC},
    {QUEUE_TYPE, refuse_bad_type, CLASSIC | QUORUM | STREAM},
    {"x-single-active-consumer", refuse_non_bool, CLASSIC | QUORUM},
    {"x-delivery-limit", not_an_integer, CLASSIC | QUORUM},
    {"x-consumer-timeout", refuse_negative, CLASSIC | QUORUM},
    {"x-queue-leader-locator", refuse_bad_locator, CLASSIC | QUORUM | STREAM},
    {"x-queue-master-locator", refuse_non_string, CLASSIC},
    {"x-quorum-initial-group-size", refuse_zero, QUORUM},
    {"x-max-in-memory-length", refuse_negative, QUORUM},
    {"x-max-in-memory-bytes", refuse_negative, QUORUM},
    {"x-initial-cluster-size", refuse_zero, STREAM},
    {"x-max-age", refuse_non_string, STREAM},
    {"x-stream-max-segment-size-bytes", refuse_negative, STREAM},
    {"x-stream-filter-size-bytes", refuse_negative, STREAM},
};

#define QUEUE_ARGUMENT_COUNT (sizeof queue_arguments / sizeof queue_arguments[0])

static int invalid(struct reply_error *error, const char *key, const struct resource *resource,
                   const char *reason)
{
    return reply_error(error, REPLY_PRECONDITION_FAILED,
                       "invalid arg '%s' for %s '%.*s' in vhost '%.*s': %s", key, resource->kind,
                       SLICE_ARGS(resource->name), SLICE_ARGS(resource->vhost), reason);
}

/* An argument that names an exchange is a string. */
static int check_exchange_name(struct slice arguments, const char *key,
                               const struct resource *resource, struct reply_error *error)
{
    struct table_value value;
    if (!table_find(arguments, slice_from_string(key), &value) || value.type == TABLE_LONGSTR)
        return 0;
    return reply_error(error, REPLY_PRECONDITION_FAILED,
                       "invalid type '%s' for arg '%s' in %s '%.*s' in vhost '%.*s'",
                       table_type_name(value.type), key, resource->kind, SLICE_ARGS(resource->name),
                       SLICE_ARGS(resource->vhost));
}

bool arguments_are_of_quorum(struct slice arguments)
{
    struct table_value value;
    return table_find(arguments, SLICE_LITERAL(QUEUE_TYPE), &value) &&
           value.type == TABLE_LONGSTR && slice_equal(value.bytes, SLICE_LITERAL("quorum"));
}

/* Has the queue's type a use for each known argument? */
static int check_types(struct slice arguments, const struct resource *resource,
                       struct reply_error *error)
{
    bool is_quorum = arguments_are_of_quorum(arguments);
    struct table_value value;
    for (size_t i = 0; i < QUEUE_ARGUMENT_COUNT; i++)
        if ((queue_arguments[i].types & (is_quorum ? QUORUM : CLASSIC)) == 0 &&
            table_find(arguments, slice_from_string(queue_arguments[i].key), &value))
            return reply_error(error, REPLY_PRECONDITION_FAILED,
                               "invalid arg '%s' for %s '%.*s' in vhost '%.*s' of queue type "
                               "rabbit_%s_queue",
                               queue_arguments[i].key, resource->kind, SLICE_ARGS(resource->name),
                               SLICE_ARGS(resource->vhost), is_quorum ? "quorum" : "classic");
    return 0;
}

int arguments_check_queue(struct slice arguments, const struct resource *resource,
                          struct reply_error *error)
{
    struct table_value value;
    char reason[REASON_MAX];
    if (table_find(arguments, SLICE_LITERAL(QUEUE_TYPE), &value) && refuse_bad_type(&value, reason))
        return invalid(error, QUEUE_TYPE, resource, reason);
    if (check_types(arguments, resource, error) < 0)
        return -1;
    for (size_t i = 0; i < QUEUE_ARGUMENT_COUNT; i++)
        if (queue_arguments[i].refuse != NULL &&
            table_find(arguments, slice_from_string(queue_arguments[i].key), &value) &&
            queue_arguments[i].refuse(&value, reason))
            return invalid(error, queue_arguments[i].key, resource, reason);
    if (check_exchange_name(arguments, DEAD_LETTER_EXCHANGE, resource, error) < 0)
        return -1;
    if (table_find(arguments, SLICE_LITERAL("x-dead-letter-routing-key"), &value) &&
        !table_find(arguments, SLICE_LITERAL(DEAD_LETTER_EXCHANGE), &value))
        return invalid(error, "x-dead-letter-routing-key", resource,
                       "routing_key_but_no_dlx_defined");
    return 0;
}

int arguments_check_quorum(bool durable, bool exclusive, bool auto_delete,
                           const struct resource *resource, struct reply_error *error)
{
    const char *property = auto_delete ? "auto-delete"
                           : exclusive ? "exclusive-owner"
                           : !durable  ? "non-durable"
                                       : NULL;
    if (property == NULL)
        return 0;
    return reply_error(error, REPLY_PRECONDITION_FAILED,
                       "invalid property '%s' for %s '%.*s' in vhost '%.*s'", property,
                       resource->kind, SLICE_ARGS(resource->name), SLICE_ARGS(resource->vhost));
}

int arguments_check_exchange(struct slice arguments, const struct resource *resource,
                             struct reply_error *error)
{
    return check_exchange_name(arguments, ALTERNATE_EXCHANGE, resource, error);
}

/* The value alone, in quotes. */
static void quote(char *text, size_t size, const struct table_value *value)
{
    if (table_type_is_integer(value->type))
        snprintf(text, size, "'%" PRId64 "'", value->integer);
    else if (value->type == TABLE_BOOL)
        snprintf(text, size, "'%s'", value->boolean ? "true" : "false");
    else if (value->type == TABLE_LONGSTR)
        snprintf(text, size, "'%.*s'", SLICE_ARGS(value->bytes));
    else
        snprintf(text, size, "'...'");
}

/* "none", or "the value 'V' of type 'T'". */
static void describe(char *text, size_t size, const struct table_value *value)
{
    char quoted[REPLY_TEXT_MAX];
    if (value == NULL) {
        snprintf(text, size, "none");
        return;
    }
    quote(quoted, sizeof quoted, value);
    snprintf(text, size, "the value %s of type '%s'", quoted, table_type_name(value->type));
}

static int inequivalent(struct reply_error *error, const struct resource *resource, const char *key,
                        const char *received, const char *current)
{
    return reply_error(
        error, REPLY_PRECONDITION_FAILED,
        "inequivalent arg '%s' for %s '%.*s' in vhost '%.*s': received %s but current is "
        "%s",
        key, resource->kind, SLICE_ARGS(resource->name), SLICE_ARGS(resource->vhost), received,
        current);
}

int arguments_differ(struct reply_error *error, const struct resource *resource, const char *key,
                     const char *received, const char *current)
{
    char quoted_received[REPLY_TEXT_MAX], quoted_current[REPLY_TEXT_MAX];
    snprintf(quoted_received, sizeof quoted_received, "'%s'", received);
    snprintf(quoted_current, sizeof quoted_current, "'%s'", current);
    return inequivalent(error, resource, key, quoted_received, quoted_current);
}

int arguments_match_flag(const struct resource *resource, const char *key, bool received,
                         bool current, struct reply_error *error)
{
    if (received == current)
        return 0;
    return arguments_differ(error, resource, key, received ? "true" : "false",
                            current ? "true" : "false");
}

/* A queue without a type is a classic one. */
static bool is_classic(const struct table_value *value)
{
    return value == NULL ||
           (value->type == TABLE_LONGSTR && slice_equal(value->bytes, SLICE_LITERAL("classic")));
}

static int match_argument(const char *key, struct slice current, struct slice received,
                          const struct resource *resource, struct reply_error *error)
{
    struct table_value values[2];
    bool has_current = table_find(current, slice_from_string(key), &values[0]);
    bool has_received = table_find(received, slice_from_string(key), &values[1]);
    if (has_current == has_received && (!has_current || table_value_equal(&values[0], &values[1])))
        return 0;
    if (strcmp(key, QUEUE_TYPE) == 0 && is_classic(has_current ? &values[0] : NULL) &&
        is_classic(has_received ? &values[1] : NULL))
        return 0;
    char texts[2][REPLY_TEXT_MAX + 40];
    if (has_current && has_received && values[0].type == values[1].type) {
        quote(texts[0], sizeof texts[0], &values[0]);
        quote(texts[1], sizeof texts[1], &values[1]);
    } else {
        describe(texts[0], sizeof texts[0], has_current ? &values[0] : NULL);
        describe(texts[1], sizeof texts[1], has_received ? &values[1] : NULL);
    }
    return inequivalent(error, resource, key, texts[1], texts[0]);
}

int arguments_match_queue(struct slice current, struct slice received,
                          const struct resource *resource, struct reply_error *error)
{
    for (size_t i = 0; i < QUEUE_ARGUMENT_COUNT; i++)
        if (match_argument(queue_arguments[i].key, current, received, resource, error) < 0)
            return -1;
    return 0;
}

int arguments_match_exchange(struct slice current, struct slice received,
                             const struct resource *resource, struct reply_error *error)
{
    return match_argument(ALTERNATE_EXCHANGE, current, received, resource, error);
}
