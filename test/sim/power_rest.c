/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "exchange/delay_parts.h"
#include "test/sim/power.h"

enum {
    LONG_MS = 20000, /* longer than any message waits, or lives */
    TICKS = 60,
    TICK_MS = 500,
};

static bool is_over(const struct queue *queue, const struct message *message, uint64_t wall_ms)
{
    uint64_t since = message_time_ms(message), own;
    int64_t ttl = queue->settings.message_ttl_ms;
    if (since == 0)
        return false;
    return (message_expiration(message, &own) && since + own <= wall_ms) ||
           (ttl >= 0 && since + (uint64_t)ttl <= wall_ms);
}

static const char *problem_of(const struct queue *queue, uint64_t wall_ms)
{
    const struct queue_settings *settings = &queue->settings;
    const struct message *first = queue_peek(queue);
    uint64_t depth = queue_depth(queue);
    if (first != NULL && is_over(queue, first, wall_ms))
        return "the first message's time is over";
    if (queue->limit.drops && settings->max_length >= 0 && depth > (uint64_t)settings->max_length)
        return "too many messages";
    if (queue->limit.drops && settings->max_length_bytes >= 0 &&
        queue->ready_bytes > (uint64_t)settings->max_length_bytes)
        return "too much";
    if (depth == 0 && queue->ready_bytes != 0)
        return "bytes of nothing";
    return NULL;
}

/* A dead letter may have come to wait just now. */
static bool is_late(const struct delay *delay, uint64_t wall_ms)
{
    const struct due *near = due_heap_first(&delay->near), *far = due_heap_first(&delay->far);
    return (near != NULL && near->ms <= wall_ms) || (far != NULL && far->ms <= wall_ms) ||
           delay->rest_first < delay->rest_end;
}

bool power_wait_long(struct power *power, char *problem, size_t size)
{
    struct vhost *vhost = map_get(&power->harness.engine->vhosts, SLICE_LITERAL("/"));
    uint32_t position = 0;
    power->is_resting = true;
    for (unsigned i = 0; i < TICKS; i++) {
        power->harness.now_ms += i == 0 ? LONG_MS : TICK_MS;
        harness_tick(&power->harness);
        power_look(power);
    }
    uint64_t wall_ms = HARNESS_WALL_MS + power->harness.now_ms;
    *problem = '\0';
    for (struct queue *queue; (queue = map_next(&vhost->queues, &position)) != NULL;) {
        const char *text = problem_of(queue, wall_ms);
        if (text != NULL)
            (void)snprintf(problem, size, "%.*s: %s", SLICE_ARGS(queue->name), text);
    }
    position = 0;
    for (struct exchange *exchange; (exchange = map_next(&vhost->exchanges, &position)) != NULL;)
        if (exchange->delay != NULL && is_late(exchange->delay, wall_ms))
            (void)snprintf(problem, size, "%.*s: %llu messages wait", SLICE_ARGS(exchange->name),
                           (unsigned long long)delay_count(exchange));
    return *problem == '\0';
}
