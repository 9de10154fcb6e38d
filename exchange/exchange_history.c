/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The type x-recent-history: a fanout that remembers the last messages and gives them
 * to whatever is bound to it, the oldest first. They are kept by reference, in a ring, and in
 * memory alone: after a restart there is no history, as with RabbitMQ.
 */
#include <stdio.h>

#include "amqp/table.h"
#include "exchange/binding.h"
#include "exchange/exchange.h"
#include "exchange/message.h"
#include "exchange/publish.h"
#include "exchange/queue.h"
#include "exchange/route.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

#define LENGTH         SLICE_LITERAL("x-recent-history-length")
#define NO_STORE       SLICE_LITERAL("x-recent-history-no-store")
#define LENGTH_DEFAULT 20
#define LENGTH_MAX     100000 /* they are all kept in memory */

struct history {
    struct message **ring;
    uint32_t max, capacity;
    uint32_t head, count;
};

static int history_check(struct slice arguments, struct reply_error *error)
{
    struct table_value value;
    char shown[64];
    if (!table_find(arguments, LENGTH, &value))
        return 0;
    if (table_type_is_integer(value.type)) {
        if (value.integer > 0 && value.integer <= LENGTH_MAX)
            return 0;
        if (value.integer > 0)
            return reply_error(error, REPLY_PRECONDITION_FAILED,
                               "Invalid argument %lld, 'x-recent-history-length' must be at most "
                               "%d",
                               (long long)value.integer, LENGTH_MAX);
        (void)snprintf(shown, sizeof shown, "%lld", (long long)value.integer);
    } else if (value.type == TABLE_LONGSTR) {
        (void)snprintf(shown, sizeof shown, "<<\"%.*s\">>",
                       value.bytes.size < 40 ? (int)value.bytes.size : 40,
                       (const char *)value.bytes.data);
    } else if (value.type == TABLE_BOOL) {
        (void)snprintf(shown, sizeof shown, "%s", value.boolean ? "true" : "false");
    } else {
        (void)snprintf(shown, sizeof shown, "of type '%s'", table_type_name(value.type));
    }
    return reply_error(error, REPLY_PRECONDITION_FAILED,
                       "Invalid argument %s, 'x-recent-history-length' must be a positive integer",
                       shown);
}

static void history_init(struct exchange *exchange)
{
    struct table_value value;
    exchange->history = mem_zalloc(sizeof *exchange->history);
    exchange->history->max = LENGTH_DEFAULT;
    if (table_find(exchange->arguments, LENGTH, &value) && table_type_is_integer(value.type) &&
        value.integer > 0 && value.integer <= LENGTH_MAX)
        exchange->history->max = (uint32_t)value.integer;
}

static struct message *message_at(const struct history *history, uint32_t at)
{
    return history->ring[(history->head + at) % history->capacity];
}

static void widen(struct history *history)
{
    uint32_t capacity = history->capacity == 0 ? LENGTH_DEFAULT : history->capacity * 2;
    if (capacity > history->max)
        capacity = history->max;
    struct message **ring = mem_alloc(capacity * sizeof *ring);
    for (uint32_t i = 0; i < history->count; i++)
        ring[i] = message_at(history, i);
    mem_free(history->ring);
    history->ring = ring;
    history->capacity = capacity;
    history->head = 0;
}

static bool is_to_be_kept(const struct message *message)
{
    struct properties properties;
    struct table_value value;
    return properties_decode(message_properties(message), &properties) != METHOD_OK ||
           !table_find(properties.headers, NO_STORE, &value) || value.type != TABLE_BOOL ||
           !value.boolean;
}

/* Keeps MESSAGE, unless it was the last already: its CC lead here as well. */
static void keep(struct history *history, struct message *message)
{
    if ((history->count > 0 && message_at(history, history->count - 1) == message) ||
        !is_to_be_kept(message))
        return;
    if (history->count == history->max) {
        message_unref(history->ring[history->head]);
        history->head = (history->head + 1) % history->capacity;
        history->count--;
    } else if (history->count == history->capacity) {
        widen(history);
    }
    message_ref(message);
    history->ring[(history->head + history->count++) % history->capacity] = message;
}

static void history_route(struct exchange *exchange, struct slice routing_key,
                          struct message *message, struct route_walk *walk)
{
    (void)routing_key;
    keep(exchange->history, message);
    list_for_each (node, &exchange->bindings_out)
        route_walk_binding(walk, LIST_ENTRY(node, struct binding, by_source));
}

/* Gives MESSAGE to the queue that was bound, or to where it leads from the exchange that was. */
static void replay(const struct binding *binding, struct message *message)
{
    struct route_set set = {0};
    struct queue *bound = binding->queue, **queues = &bound;
    uint32_t count = 1;
    if (bound == NULL) {
        route_set_begin(&set, binding->source->vhost);
        struct slice key = message_routing_key(message);
        (void)route_collect(binding->exchange, &key, 1, message, &set);
        queues = set.queues;
        count = set.count;
    }
    count = queue_limit_keep_willing(queues, count, message);
    for (uint32_t i = 0; i < count; i++) {
        message_ref(message);
        publish_into(queues[i], message);
    }
    route_set_fini(&set);
}

/* The replay may lead back here, and change the history: hence the copy. */
static void history_bound(struct exchange *exchange, struct binding *binding)
{
    struct history *history = exchange->history;
    uint32_t count = history->count;
    if (count == 0)
        return;
    struct message **messages = mem_alloc(count * sizeof(struct message *));
    for (uint32_t i = 0; i < count; i++) {
        messages[i] = message_at(history, i);
        message_ref(messages[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        replay(binding, messages[i]);
        message_unref(messages[i]);
    }
    mem_free(messages);
}

static void history_fini(struct exchange *exchange)
{
    struct history *history = exchange->history;
    for (uint32_t i = 0; i < history->count; i++)
        message_unref(message_at(history, i));
    mem_free(history->ring);
    mem_free(history);
}

const struct exchange_type exchange_type_recent_history = {
    .name = "x-recent-history",
    .description = "Recent History Exchange.",
    .dependence = EXCHANGE_DEPENDS_ON_MESSAGE,
    .check = history_check,
    .init = history_init,
    .route = history_route,
    .bound = history_bound,
    .fini = history_fini,
};
