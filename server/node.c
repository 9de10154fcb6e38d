/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. With one loop, that loop has the listener, the connections and the engine, and a
 * connection calls the engine (local.h). With more, the main thread's loop has the listener and the
 * engine alone; the others, a thread each, have the connections and reach the engine through their
 * relays. Either way the main thread gets the signals.
 */
#include "server/node_parts.h"

#include <stdio.h>

#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "server/listeners.h"
#include "server/memory_limit.h"
#include "server/notify.h"

/* --- the outside world for the engine -------------------------------------------------------- */

/* A loop's time is the system's when its turn began. */
static uint64_t now_ms(void *context)
{
    const struct loop *loop = ((struct node *)context)->main_loop;
    return loop != NULL ? loop_now_ms(loop) : uv_hrtime() / 1000000;
}

static uint64_t wall_ms(void *context)
{
    (void)context;
    uv_timeval64_t now;
    CHECK(uv_gettimeofday(&now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

static void random_bytes(void *context, void *to, size_t size)
{
    (void)context;
    crypto_random(to, size);
}

/* --- stopping -------------------------------------------------------------------------------- */

void node_part_stopped(struct node *node)
{
    CHECK(node->running_count > 0);
    if (--node->running_count == 0)
        loop_stop(node->main_loop);
}

void node_stop(struct node *node, const char *reason)
{
    node->stopping = true;
    notify_stopping();
    log_info("stopping", LOG_STR("reason", reason));
    if (node->listeners != NULL)
        listeners_close(node->listeners);
    node_shut_workers_down(node);
    if (node->outside_started)
        node->outside.stop(node->outside.context, &node->outside_stopped.call);
}

/* --- life ------------------------------------------------------------------------------------ */

/* Bytes of waiting messages from which on they leave memory; not 0, which would mean never. */
static uint64_t paging_watermark(const struct settings *settings)
{
    uint64_t bytes = memory_share(memory_limit_bytes(settings), settings->memory_paging_ratio);
    return bytes > 0 ? bytes : 1;
}

static bool is_loopback_only(void *context, struct slice user)
{
    return settings_is_loopback_only(((struct node *)context)->settings, user);
}

static struct engine_maxima maxima_of(const struct settings *settings)
{
    return (struct engine_maxima){.queues = settings->cluster_queue_limit,
                                  .exchanges = settings->cluster_exchange_limit,
                                  .vhosts = settings->vhost_max};
}

static struct engine *start_engine(struct node *node)
{
    const struct settings *settings = node->settings;
    node->env = (struct env){node, now_ms, wall_ms, random_bytes};
    store_ram_init(&node->ram);
    return engine_new(&(struct engine_config){
        .env = &node->env,
        .store = &node->ram.store,
        .default_vhost = slice_from_string(settings->default_vhost),
        .default_user = slice_from_string(settings->default_user),
        .default_pass = slice_from_string(settings->default_pass),
        .node_name = slice_from_string(settings->node_name),
        .without_audit = !settings->log_audit,
        .with_log_exchange = settings->log_exchange,
        .is_loopback_only = is_loopback_only,
        .context = node,
        .connection_max = settings->connection_max,
        .consumer_max_per_channel = settings->consumer_max_per_channel,
        .consumer_timeout_ms = settings->consumer_timeout_ms,
        .maxima = maxima_of(settings),
        .route_cache_entries = settings->route_cache_entries,
        .memory_watermark = paging_watermark(settings),
    });
}

static int start_loops(struct node *node)
{
    node->place_count = node->settings->loops;
    node->places = mem_zalloc(node->place_count * sizeof *node->places);
    if (node->place_count > 1) {
        int status = loop_init(&node->engine_loop, node->place_count, 1, &node_engine_hooks, node);
        if (status < 0)
            return status;
        node->has_engine_loop = true;
        node->main_loop = &node->engine_loop;
    }
    node->engine = start_engine(node);
    for (unsigned i = 0; i < node->place_count; i++) {
        int status = node_start_worker(node, i);
        if (status < 0)
            return status;
    }
    return 0;
}

/* From the log's thread: what has become durable is looked at in a tick. */
static void on_durable(void *context)
{
    loop_wake(((struct node *)context)->main_loop);
}

static int start_storage(struct node *node, char *error, size_t error_size)
{
    if (!node->settings->store_log)
        return 0;
    int status = storage_open(&node->storage, node->settings->data_dir, node->engine, on_durable,
                              node, error, error_size);
    node->has_storage = status == 0;
    return status;
}

static void on_outside_stopped(struct call *call)
{
    node_part_stopped(((struct outside_stopped *)call)->node);
}

static int start_outside(struct node *node, const struct node_hooks *hooks, char *error,
                         size_t error_size)
{
    node->running_count = node->place_count;
    if (hooks == NULL)
        return 0;
    node->outside = *hooks;
    node->outside_stopped = (struct outside_stopped){{.run = on_outside_stopped}, node};
    node->view = (struct node_view){node->settings, node, node->engine, node->main_loop,
                                    node->listeners};
    int status = hooks->start(hooks->context, &node->view, error, error_size);
    node->outside_started = status == 0;
    node->running_count += node->outside_started;
    return status;
}

struct node *node_new(const struct settings *settings, const struct node_hooks *hooks, char *error,
                      size_t error_size)
{
    struct node *node = mem_zalloc(sizeof *node);
    node->settings = settings;
    int status = start_loops(node);
    if (status < 0) {
        snprintf(error, error_size, "cannot start the event loops: %s", uv_strerror(status));
        goto failed;
    }
    node_start_signals(node);
    status = start_storage(node, error, error_size);
    if (status == 0) {
        node_start_timers(node);
        node->listeners = listeners_new(node->main_loop, node_accept, node);
        status = listeners_open(node->listeners, settings, error, error_size);
    }
    if (status == 0)
        status = start_outside(node, hooks, error, error_size);
failed:
    if (status == 0)
        return node;
    node_free(node);
    return NULL;
}

/* --- settings that change -------------------------------------------------------------------- */

void node_on_hangup(struct node *node, void (*hangup)(void *context), void *context)
{
    node->hangup = hangup;
    node->hangup_context = context;
}

void node_take_settings(struct node *node, const struct settings *settings)
{
    node->fresh_settings = *settings;
    node->settings = &node->fresh_settings;
    engine_set_limits(node->engine, settings->connection_max, settings->consumer_max_per_channel,
                      paging_watermark(settings));
    consumer_timeout_set_usual(node->engine, settings->consumer_timeout_ms);
    node->engine->maxima = maxima_of(settings);
    node->engine->without_audit = !settings->log_audit;
    node_tell_settings(node, settings);
    node_look_for_alarms(node); /* limits of memory and disk may be others */
    loop_wake(node->main_loop);
}

const struct settings *node_settings(const struct node *node)
{
    return node->settings;
}

bool node_reload_certificates(struct node *node, const struct settings *settings)
{
    return listeners_reload(node->listeners, settings);
}

struct worker *node_worker(struct node *node, unsigned number)
{
    return number < node->place_count ? &node->places[number].worker : NULL;
}

struct listeners *node_listeners(struct node *node)
{
    return node->listeners;
}

bool node_run(struct node *node)
{
    for (unsigned i = 0; node->has_engine_loop && i < node->place_count; i++)
        CHECK(uv_thread_create(&node->places[i].thread, node_run_worker, &node->places[i]) == 0);
    loop_run(node->main_loop);
    for (unsigned i = 0; node->has_engine_loop && i < node->place_count; i++)
        CHECK(uv_thread_join(&node->places[i].thread) == 0);
    return !node->store_failed;
}

const struct alarms *node_alarms(const struct node *node)
{
    return &node->alarms;
}

void node_free(struct node *node)
{
    if (node->has_storage && !node->store_failed && node->engine != NULL)
        engine_stop(node->engine);
    if (node->has_storage)
        storage_close(&node->storage); /* first: its thread wakes the loop */
    if (node->listeners != NULL)
        listeners_close(node->listeners);
    node_stop_signals(node);
    node_stop_timers(node);
    for (unsigned i = 0; i < node->place_count; i++) {
        struct place *place = &node->places[i];
        if (!place->started)
            continue;
        loop_fini(&place->worker.loop);
        worker_fini(&place->worker);
        relay_fini(&place->relay);
    }
    if (node->has_engine_loop)
        loop_fini(&node->engine_loop);
    if (node->engine != NULL)
        engine_free(node->engine);
    if (node->outside_started)
        node->outside.free(node->outside.context);
    listeners_free(node->listeners);
    mem_free(node->places);
    mem_free(node);
}

void node_count(struct node *node, struct node_counters *counters)
{
    *counters = (struct node_counters){.engine_loop = loop_count(node->main_loop),
                                       .has_log = node->has_storage,
                                       .alarms = node->alarms.on,
                                       .memory_limit = node->alarms.last.memory_limit,
                                       .disk_limit = node->alarms.last.disk_limit};
    if (!node->has_storage)
        return;
    counters->messages = node->storage.store.messages;
    counters->message_bytes = node->storage.store.message_bytes;
    counters->log = commit_log_count(node->storage.log);
    counters->keeper = keeper_count(node->storage.keeper);
}
