/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker.h"

#include "server/alarms.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "server/connection.h"

#define STOP_MS 3000

static void build_start_frames(struct worker *worker)
{
    handshake_build_start(worker->settings, false, &worker->start_frame);
    handshake_build_start(worker->settings, true, &worker->start_frame_external);
}

void worker_init(struct worker *worker, const struct settings *settings)
{
    worker->settings = settings;
    list_init(&worker->connections);
    list_init(&worker->touched);
    list_init(&worker->held);
    build_start_frames(worker);
}

void worker_fini(struct worker *worker)
{
    CHECK(worker->connection_count == 0);
    buf_fini(&worker->start_frame);
    buf_fini(&worker->start_frame_external);
    buf_fini(&worker->scratch);
}

void worker_adopt(struct worker *worker, int fd, const struct transport_options *options)
{
    worker->counters.connections_accepted++;
    connection_new(worker, fd, options);
}

static bool may_resume(const struct worker *worker)
{
    return !list_is_empty(&worker->held) && !worker->port->is_full(worker->port);
}

static void resume_held(struct worker *worker)
{
    while (may_resume(worker)) {
        struct connection *connection = LIST_ENTRY(list_first(&worker->held), struct connection,
                                                   held);
        connection_resume(connection);
    }
}

void worker_end_tick(struct worker *worker)
{
    worker->counters.ticks++;
    resume_held(worker);
    worker->port->end_tick(worker->port);
    /* What is touched again while this goes on (drained, so dispatched to) has its turn in the next
     * tick. */
    struct list now;
    list_init(&now);
    for (struct list_node *node; (node = list_pop(&worker->touched)) != NULL;)
        list_prepend(&now, node);
    for (struct list_node *node; (node = list_pop(&now)) != NULL;)
        connection_flush(LIST_ENTRY(node, struct connection, touched));
    worker->port->after_tick(worker->port);
    if (!list_is_empty(&worker->touched) || may_resume(worker)) /* the engine's tick made room */
        loop_again(&worker->loop);
    if (worker->stop_by_ms != 0 && worker->connection_count == 0 && !worker->stopped) {
        worker->stopped = true;
        worker->on_stopped(worker);
    }
}

static void drop_all(struct worker *worker)
{
    list_for_each_safe (node, &worker->connections)
        connection_drop(LIST_ENTRY(node, struct connection, by_worker), "shutdown");
}

void worker_on_timer(struct worker *worker)
{
    if (worker->stop_by_ms != 0 && loop_now_ms(&worker->loop) >= worker->stop_by_ms)
        drop_all(worker);
    list_for_each_safe (node, &worker->connections)
        connection_on_timer(LIST_ENTRY(node, struct connection, by_worker));
    if ((worker->alarms & MEMORY_TIGHT) != 0)
        mem_give_back();
}

void worker_shut_down(struct worker *worker)
{
    struct reply_error error;
    (void)reply_error(&error, REPLY_CONNECTION_FORCED,
                      "broker forced connection closure with reason 'shutdown'");
    worker->stop_by_ms = loop_now_ms(&worker->loop) + STOP_MS;
    list_for_each_safe (node, &worker->connections) {
        struct connection *connection = LIST_ENTRY(node, struct connection, by_worker);
        if (connection->phase == CONNECTION_RUNNING)
            connection_fail(connection, 0, &error, METHOD_NONE);
        else if (connection->phase < CONNECTION_RUNNING)
            connection_drop(connection, "shutdown");
    }
}

void worker_set_alarms(struct worker *worker, unsigned alarms)
{
    worker->alarms = alarms;
    if ((alarms & ALARM_ANY) != 0 || worker->blocked_count == 0)
        return;
    list_for_each_safe (node, &worker->connections)
        connection_unblock(LIST_ENTRY(node, struct connection, by_worker));
}

void worker_take_settings(struct worker *worker, const struct settings *settings)
{
    worker->fresh_settings = *settings;
    worker->settings = &worker->fresh_settings;
    build_start_frames(worker);
}

void worker_describe(const struct worker *worker)
{
    const struct worker_counters *counters = &worker->counters;
    log_info("state", LOG_NUM("loop", worker->loop.number),
             LOG_NUM("connections", worker->connection_count),
             LOG_NUM("connections_blocked", worker->blocked_count),
             LOG_NUM("connections_accepted", counters->connections_accepted),
             LOG_NUM("connections_closed", counters->connections_closed),
             LOG_NUM("ticks", counters->ticks), LOG_NUM("reads", counters->reads),
             LOG_NUM("writes", counters->writes), LOG_NUM("bytes_in", counters->bytes_in),
             LOG_NUM("bytes_out", counters->bytes_out), LOG_NUM("frames_in", counters->frames_in));
}
