/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/queue_settings.h"

#include "exchange/arguments.h"
#include "exchange/consumer_timeout.h"
#include "exchange/policy.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"

/* RabbitMQ's for quorum queues since 4.0. */
#define QUORUM_DELIVERY_LIMIT 20

struct sources {
    struct slice arguments;
    struct policy *const *policies;
};

/* The argument x-KEY's value and the policies' value of KEY, as far as they are there and of TYPE
 * (TABLE_INT64: any integer). */
struct found {
    bool in_arguments, in_policies;
    struct table_value argument, policy;
};

static bool is_of(const struct table_value *value, enum table_type type)
{
    return type == TABLE_INT64 ? table_type_is_integer(value->type) : value->type == type;
}

/* KEY is the argument's, with its "x-". */
static struct found find(const struct sources *sources, struct slice key, enum table_type type)
{
    struct found found;
    struct slice policy_key = slice_of(key.data + 2, key.size - 2);
    found.in_arguments = table_find(sources->arguments, key, &found.argument) &&
                         is_of(&found.argument, type);
    found.in_policies = policy_value(sources->policies, policy_key, &found.policy) &&
                        is_of(&found.policy, type);
    return found;
}

static int64_t least(const struct sources *sources, struct slice key, int64_t none)
{
    struct found found = find(sources, key, TABLE_INT64);
    int64_t argument = found.argument.integer, policy = found.policy.integer;
    if (!found.in_arguments && !found.in_policies)
        return none;
    if (!found.in_policies || (found.in_arguments && policy < 0))
        return argument < 0 ? QUEUE_SETTING_NONE : argument;
    if (!found.in_arguments || argument < 0)
        return policy < 0 ? QUEUE_SETTING_NONE : policy;
    return argument < policy ? argument : policy;
}

static bool string(const struct sources *sources, struct slice key, struct slice *text)
{
    struct found found = find(sources, key, TABLE_LONGSTR);
    *text = found.in_arguments  ? found.argument.bytes
            : found.in_policies ? found.policy.bytes
                                : SLICE_EMPTY;
    return found.in_arguments || found.in_policies;
}

static enum overflow overflow(const struct sources *sources)
{
    struct slice text;
    (void)string(sources, SLICE_LITERAL("x-overflow"), &text);
    return slice_equal(text, SLICE_LITERAL("reject-publish"))       ? OVERFLOW_REJECT_PUBLISH
           : slice_equal(text, SLICE_LITERAL("reject-publish-dlx")) ? OVERFLOW_REJECT_PUBLISH_DLX
                                                                    : OVERFLOW_DROP_HEAD;
}

uint8_t queue_settings_max_priority(struct slice arguments)
{
    struct table_value value;
    if (!table_find(arguments, SLICE_LITERAL("x-max-priority"), &value) ||
        !table_type_is_integer(value.type) || value.integer <= 0)
        return 0;
    return value.integer > UINT8_MAX ? UINT8_MAX : (uint8_t)value.integer;
}

void queue_settings_merge(struct queue_settings *settings, struct slice arguments,
                          struct policy *const policies[POLICY_KINDS])
{
    const struct sources sources = {arguments, policies};
    const int64_t none = QUEUE_SETTING_NONE;
    struct table_value value;
    settings->is_quorum = arguments_are_of_quorum(arguments);
    settings->message_ttl_ms = least(&sources, SLICE_LITERAL("x-message-ttl"), none);
    settings->expires_ms = least(&sources, SLICE_LITERAL("x-expires"), none);
    settings->max_length = least(&sources, SLICE_LITERAL("x-max-length"), none);
    settings->max_length_bytes = least(&sources, SLICE_LITERAL("x-max-length-bytes"), none);
    settings->delivery_limit = least(&sources, SLICE_LITERAL("x-delivery-limit"),
                                     settings->is_quorum ? QUORUM_DELIVERY_LIMIT : none);
    settings->consumer_timeout_ms = least(&sources, SLICE_LITERAL("x-consumer-timeout"), none);
    settings->overflow = overflow(&sources);
    settings->dead_letters = string(&sources, SLICE_LITERAL("x-dead-letter-exchange"),
                                    &settings->dead_letter_exchange);
    settings->has_dead_letter_key = string(&sources, SLICE_LITERAL("x-dead-letter-routing-key"),
                                           &settings->dead_letter_key);
    settings->single_active = table_find(arguments, SLICE_LITERAL("x-single-active-consumer"),
                                         &value) &&
                              value.type == TABLE_BOOL && value.boolean;
    settings->max_priority = queue_settings_max_priority(arguments);
}

void queue_settings_changed(struct queue *queue)
{
    queue_settings_merge(&queue->settings, queue->arguments, queue->policies);
    expiry_settings_changed(queue);
    queue_limit_changed(queue);
    consumer_timeout_note(queue->vhost->engine, queue->settings.consumer_timeout_ms);
}
