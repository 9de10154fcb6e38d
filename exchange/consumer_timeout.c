/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A delivery is stamped with the time of the last look, which costs nothing to know
 * and is early by no more than what lies between two looks. When much lies between them, as after
 * the machine slept, the clock goes on by a little only: better late than wrong. The shorter the
 * shortest timeout, the more often all channels are looked at, a bounded number of deliveries at a
 * time. A channel's deliveries are in order of time: those behind the first that is younger than
 * the shortest timeout need no look.
 */
#include "exchange/consumer_timeout.h"

#include "amqp/table.h"
#include "exchange/channel.h"
#include "exchange/consumer.h"
#include "exchange/engine.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/vhost.h"

/* Between two looks. */
#define PERIOD_MIN_MS   100
#define PERIOD_MAX_MS   10000
#define PERIODS_TIMEOUT 8

/* Deliveries looked at in one piece; a channel counts as one. */
#define LOOK_MAX 4000

static uint64_t period_ms(const struct consumer_timeouts *timeouts)
{
    uint64_t period = timeouts->shortest_ms / PERIODS_TIMEOUT;
    return period < PERIOD_MIN_MS ? PERIOD_MIN_MS : period > PERIOD_MAX_MS ? PERIOD_MAX_MS : period;
}

/* By how much the clock goes on at most. */
static uint64_t step_max_ms(const struct consumer_timeouts *timeouts)
{
    return 2 * period_ms(timeouts);
}

static uint64_t now_ms(const struct engine *engine)
{
    return engine->env->now_ms(engine->env->context);
}

/* At least how long ago ENTRY was delivered. */
static uint64_t age_ms(const struct consumer_timeouts *timeouts, const struct unacked *entry)
{
    uint64_t age = ((timeouts->now - entry->delivered) & UNACKED_TIME_MASK) *
                   (uint64_t)UNACKED_TIME_MS;
    uint64_t early = step_max_ms(timeouts) + UNACKED_TIME_MS;
    return age > early ? age - early : 0;
}

/* 0: none. */
static uint64_t timeout_of(const struct consumer_timeouts *timeouts, const struct unacked *entry)
{
    if (entry->consumer != NULL && entry->consumer->timeout_ms >= 0)
        return (uint64_t)entry->consumer->timeout_ms;
    if (entry->queue->settings.consumer_timeout_ms >= 0)
        return (uint64_t)entry->queue->settings.consumer_timeout_ms;
    return timeouts->usual_ms;
}

/* The timeout that one of CHANNEL's deliveries has exceeded, or 0. */
static uint64_t find_exceeded(const struct consumer_timeouts *timeouts,
                              const struct channel *channel, uint32_t *work)
{
    for (uint32_t i = 0; i < channel->unacked.count; i++, (*work)++) {
        const struct unacked *entry = unacked_at(&channel->unacked, i);
        if (entry->state != UNACKED_LIVE)
            continue;
        uint64_t age = age_ms(timeouts, entry);
        if (age < timeouts->shortest_ms)
            break;
        uint64_t timeout = timeout_of(timeouts, entry);
        if (timeout > 0 && age >= timeout)
            return timeout;
    }
    return 0;
}

static void close_channel(struct channel *channel, uint64_t timeout_ms)
{
    struct reply_error error;
    (void)reply_error(&error, REPLY_PRECONDITION_FAILED,
                      "delivery acknowledgement on channel %u timed out. Timeout value used: %llu "
                      "ms. This timeout value can be configured, see consumers doc guide to learn "
                      "more",
                      channel->number, (unsigned long long)timeout_ms);
    engine_close_channel(channel, &error);
}

static void set_clock(struct consumer_timeouts *timeouts, uint64_t now)
{
    uint64_t step = now - timeouts->looked_ms;
    timeouts->clock_ms += step < step_max_ms(timeouts) ? step : step_max_ms(timeouts);
    timeouts->looked_ms = now;
    timeouts->now = (uint32_t)(timeouts->clock_ms / UNACKED_TIME_MS) & UNACKED_TIME_MASK;
}

static uint32_t look(struct timer *timer)
{
    struct engine *engine = (struct engine *)(void *)((char *)timer -
                                                      offsetof(struct engine, timeouts.look));
    struct consumer_timeouts *timeouts = &engine->timeouts;
    const struct registry *channels = &engine->registries[REGISTRY_CHANNEL];
    uint64_t now = now_ms(engine);
    uint32_t work = 0;
    set_clock(timeouts, now);
    while (timeouts->at < channels->count && work < LOOK_MAX) {
        struct channel *channel = (struct channel *)(void *)((char *)channels->items[timeouts->at] -
                                                             offsetof(struct channel, registered));
        uint64_t exceeded = find_exceeded(timeouts, channel, &work);
        work++;
        if (exceeded > 0)
            close_channel(channel, exceeded); /* the last one takes its place */
        else
            timeouts->at++;
    }
    bool is_done = timeouts->at >= channels->count;
    if (is_done)
        timeouts->at = 0;
    timer_arm(&engine->timers, timer, is_done ? now + period_ms(timeouts) : now);
    return work;
}

void consumer_timeout_note(struct engine *engine, int64_t ms)
{
    struct consumer_timeouts *timeouts = &engine->timeouts;
    if (ms <= 0 || (timeouts->shortest_ms != 0 && (uint64_t)ms >= timeouts->shortest_ms))
        return;
    timeouts->shortest_ms = (uint64_t)ms;
    timer_arm(&engine->timers, &timeouts->look, now_ms(engine) + period_ms(timeouts));
}

void consumer_timeout_set_usual(struct engine *engine, uint64_t usual_ms)
{
    engine->timeouts.usual_ms = usual_ms;
    consumer_timeout_note(engine, usual_ms > INT64_MAX ? 0 : (int64_t)usual_ms);
}

void consumer_timeout_init(struct engine *engine, uint64_t usual_ms)
{
    engine->timeouts = (struct consumer_timeouts){.looked_ms = now_ms(engine), .look.due = look};
    consumer_timeout_set_usual(engine, usual_ms);
}

void consumer_timeout_fini(struct engine *engine)
{
    timer_disarm(&engine->timers, &engine->timeouts.look);
}

int consumer_timeout_read(const struct queue *queue, struct slice arguments, int64_t *timeout_ms,
                          struct reply_error *error)
{
    struct table_value value;
    *timeout_ms = QUEUE_SETTING_NONE;
    if (!table_find(arguments, SLICE_LITERAL("x-consumer-timeout"), &value))
        return 0;
    if (!table_type_is_integer(value.type) || value.integer < 0)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "invalid arg 'x-consumer-timeout' for queue '%.*s' in vhost '%.*s': "
                           "expected a number of milliseconds",
                           SLICE_ARGS(queue->name), SLICE_ARGS(queue->vhost->name));
    *timeout_ms = value.integer;
    return 0;
}
