/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node_parts.h"

#include "exchange/event.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "server/listeners.h"

#define HELD_MS 2 /* what nobody waits for may wait for something that somebody does */

/* --- alarms ---------------------------------------------------------------------------------- */

static void tell_alarm_events(struct node *node, unsigned before, unsigned now)
{
    if ((before ^ now) & ALARM_MEMORY)
        event_alarm(node->engine, "memory", (now & ALARM_MEMORY) != 0);
    if ((before ^ now) & ALARM_DISK)
        event_alarm(node->engine, "disk", (now & ALARM_DISK) != 0);
}

/* Tells the workers which alarms are on, when that has changed. */
static void tell_alarms(struct node *node, unsigned alarms)
{
    if (alarms == node->alarms_told)
        return;
    tell_alarm_events(node, node->alarms_told, alarms);
    node->alarms_told = alarms;
    mem_set_short((alarms & MEMORY_TIGHT) != 0);
    if (node->has_storage)
        keeper_set_tight(node->storage.keeper, (alarms & ALARM_DISK) != 0);
    node_tell_alarms(node, alarms);
}

static void on_alarm_timer(uv_timer_t *timer)
{
    struct node *node = timer->data;
    unsigned told = node->alarms_told;
    node_look_for_alarms(node);
    if (node->alarms_told != told)
        loop_wake(node->main_loop); /* for the tick that a timer of our own does not end */
}

void node_look_for_alarms(struct node *node)
{
    tell_alarms(node, alarms_look(&node->alarms, node->settings));
    uint64_t wait_ms = alarms_wait_ms(&node->alarms, node->settings->memory_monitor_interval_ms);
    CHECK(uv_timer_start(&node->alarm_timer, on_alarm_timer, wait_ms, 0) == 0);
}

void node_start_timers(struct node *node)
{
    CHECK(uv_timer_init(&node->main_loop->uv, &node->alarm_timer) == 0);
    node->alarm_timer.data = node;
    uv_unref((uv_handle_t *)&node->alarm_timer);
    CHECK(uv_timer_init(&node->main_loop->uv, &node->flush_timer) == 0);
    node->flush_timer.data = node;
    CHECK(uv_timer_init(&node->main_loop->uv, &node->engine_timer) == 0);
    node->engine_timer.data = node;
    node->engine_due_ms = TIMER_NEVER;
    node->has_timers = true;
    node_look_for_alarms(node);
}

void node_stop_timers(struct node *node)
{
    if (!node->has_timers)
        return;
    uv_close((uv_handle_t *)&node->alarm_timer, NULL);
    uv_close((uv_handle_t *)&node->flush_timer, NULL);
    uv_close((uv_handle_t *)&node->engine_timer, NULL);
}

/* --- ticks ----------------------------------------------------------------------------------- */

/* A log that cannot be written any more ends the broker: to go on would be to lie to clients. Their
 * connections are closed behind what waits for the log, so that must wait no more. */
static void stop_when_store_failed(struct node *node)
{
    if (node->store_failed || commit_log_failure(node->storage.log) == 0)
        return;
    node->store_failed = true;
    engine_store_failed(node->engine);
    if (!node->stopping)
        node_stop(node, "the log cannot be written");
}

/* A full disk is an alarm: who waits for a confirm is refused, nobody publishes until there is
 * room. */
static void refuse_when_store_full(struct node *node)
{
    bool is_full = commit_log_is_full(node->storage.log);
    if (is_full != node->alarms.disk_full)
        tell_alarms(node, alarms_set_disk_full(&node->alarms, is_full));
    if (is_full)
        engine_refuse_waiting(node->engine);
}

void node_begin_tick(struct node *node)
{
    if (node->has_storage) {
        stop_when_store_failed(node);
        refuse_when_store_full(node);
    }
    log_exchange_publish(&node->log_exchange, node->engine);
}

static void on_flush_timer(uv_timer_t *timer)
{
    commit_log_flush_lazy(((struct node *)timer->data)->storage.log);
}

/* What nobody waits for goes to the log soon, if nothing takes it along. */
static void watch_held(struct node *node)
{
    if (node->has_storage && commit_log_is_holding(node->storage.log) &&
        !uv_is_active((uv_handle_t *)&node->flush_timer))
        CHECK(uv_timer_start(&node->flush_timer, on_flush_timer, HELD_MS, 0) == 0);
}

static void on_engine_due(uv_timer_t *timer)
{
    struct node *node = timer->data;
    node->engine_due_ms = TIMER_NEVER;
    loop_wake(node->main_loop);
}

/* The engine's tick ends: the next one comes when there are events, at once if it wants that, and
 * when its next timer is due. */
void node_arrange_tick(struct node *node)
{
    uint64_t due_ms = engine_next_tick_ms(node->engine), now_ms = loop_now_ms(node->main_loop);
    watch_held(node);
    if (node->engine->wants_tick)
        loop_again(node->main_loop);
    if (due_ms == node->engine_due_ms || !node->has_timers)
        return;
    node->engine_due_ms = due_ms;
    if (due_ms == TIMER_NEVER)
        (void)uv_timer_stop(&node->engine_timer);
    else
        CHECK(uv_timer_start(&node->engine_timer, on_engine_due,
                             due_ms > now_ms ? due_ms - now_ms : 0, 0) == 0);
}

static void on_engine_end_tick(void *context)
{
    struct node *node = context;
    uint64_t start = uv_hrtime();
    node_begin_tick(node);
    engine_end_tick(node->engine);
    node->engine_ns += uv_hrtime() - start;
    node_arrange_tick(node);
    for (unsigned i = 0; i < node->place_count; i++)
        relay_end_tick(&node->places[i].relay);
}

static void on_engine_timer(void *context)
{
    struct node *node = context;
    if (node->listeners != NULL)
        listeners_tick(node->listeners);
    if ((node->alarms.on & MEMORY_TIGHT) != 0)
        mem_give_back();
}

const struct loop_hooks node_engine_hooks = {on_engine_end_tick, on_engine_timer,
                                             node_on_engine_parcel};
