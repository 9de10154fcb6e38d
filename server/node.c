/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. With one loop, that loop has the listener, the connections and the engine, and a
 * connection calls the engine (local.h). With more, the main thread's loop has the listener and the
 * engine alone; the others, a thread each, have the connections and reach the engine through their
 * relays. Either way the main thread gets the signals.
 */
#include "server/node.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "amqp/frame.h"
#include "exchange/event.h"
#include "persist/storage.h"
#include "server/alarms.h"
#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "server/listeners.h"
#include "server/local.h"
#include "server/log_exchange.h"
#include "server/memory_limit.h"
#include "server/notify.h"
#include "server/relay.h"
#include "server/worker.h"

#define DESCRIBE_ROWS 50
#define HELD_MS       2 /* what nobody waits for may wait for something that somebody does */

/* Kinds of parcel beside relay.h's. */
enum node_parcel_kind {
    NODE_ADOPT = RELAY_KIND_COUNT, /* to a worker: fd is a new connection, of options */
    NODE_SHUT_DOWN,                /* to a worker */
    NODE_DESCRIBE,                 /* to a worker */
    NODE_ALARMS,                   /* to a worker: alarms are on */
    NODE_SETTINGS,                 /* to a worker: struct settings_parcel */
    NODE_STOPPED,                  /* to the main loop: a worker is done */
};

struct node_parcel {
    struct parcel parcel; /* first */
    int fd;
    const struct transport_options *options;
    unsigned alarms;
};

struct settings_parcel {
    struct parcel parcel; /* first */
    struct settings settings;
};

/* A worker and what is its own. */
struct place {
    struct worker worker; /* first */
    struct node *node;
    struct relay relay; /* with an engine thread */
    uv_thread_t thread;
    bool started;
};

/* What the outside view sends when it is done. */
struct outside_stopped {
    struct call call; /* first */
    struct node *node;
};

struct node {
    const struct settings *settings; /* the caller's, or fresh_settings */
    struct settings fresh_settings;  /* what node_take_settings brought */
    struct env env;
    struct engine *engine;
    struct store_ram ram;
    struct storage storage; /* when settings->store_log */
    bool has_storage;
    bool store_failed;
    struct local local;      /* with one loop */
    struct loop engine_loop; /* with more */
    struct loop *main_loop;  /* the one of the two that is in use */
    bool has_engine_loop;
    bool has_main_loop;
    struct place *places;
    unsigned place_count, next_place;
    struct listeners *listeners;
    uv_signal_t on_int, on_term, on_usr1, on_hup;
    void (*hangup)(void *context);
    void *hangup_context;
    bool stopping;
    struct node_hooks outside; /* all NULL: nobody */
    struct node_view view;
    struct outside_stopped outside_stopped;
    bool outside_started;
    unsigned running_count; /* workers and the outside view that have not stopped */
    struct log_exchange log_exchange;
    struct alarms alarms;
    uv_timer_t alarm_timer, flush_timer, engine_timer;
    uint64_t engine_due_ms; /* what engine_timer is set to */
    bool has_timers;
    unsigned alarms_told;                /* to the workers */
    uint64_t engine_ns, engine_commands; /* time spent in batches of commands, and their number */
};

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

/* --- parcels --------------------------------------------------------------------------------- */

static void post(struct loop *loop, enum node_parcel_kind kind, int fd,
                 const struct transport_options *options)
{
    struct node_parcel *parcel = mem_zalloc(sizeof *parcel);
    parcel->parcel.kind = (int)kind;
    parcel->fd = fd;
    parcel->options = options;
    loop_post(loop, &parcel->parcel);
}

static void on_worker_parcel(void *context, struct parcel *parcel)
{
    struct worker *worker = context;
    if (parcel->kind < RELAY_KIND_COUNT) {
        relay_receive((struct relay_batch *)parcel);
        return;
    }
    if (parcel->kind == NODE_ADOPT && worker->stop_by_ms == 0)
        worker_adopt(worker, ((struct node_parcel *)parcel)->fd,
                     ((struct node_parcel *)parcel)->options);
    else if (parcel->kind == NODE_ADOPT)
        close(((struct node_parcel *)parcel)->fd);
    else if (parcel->kind == NODE_SHUT_DOWN)
        worker_shut_down(worker);
    else if (parcel->kind == NODE_DESCRIBE)
        worker_describe(worker);
    else if (parcel->kind == NODE_ALARMS)
        worker_set_alarms(worker, ((struct node_parcel *)parcel)->alarms);
    else if (parcel->kind == NODE_SETTINGS)
        worker_take_settings(worker, &((struct settings_parcel *)parcel)->settings);
    mem_free(parcel);
}

/* A worker or the outside view has stopped. */
static void part_stopped(struct node *node)
{
    CHECK(node->running_count > 0);
    if (--node->running_count == 0)
        loop_stop(node->main_loop);
}

static void on_engine_parcel(void *context, struct parcel *parcel)
{
    struct node *node = context;
    if (parcel->kind == RELAY_COMMANDS) {
        uint64_t start = uv_hrtime();
        node->engine_commands += relay_work((struct relay_batch *)parcel);
        node->engine_ns += uv_hrtime() - start;
        return;
    }
    CHECK(parcel->kind == NODE_STOPPED);
    mem_free(parcel);
    part_stopped(node);
}

/* Sends all workers a parcel. */
static void tell_workers(struct node *node, enum node_parcel_kind kind)
{
    for (unsigned i = 0; i < node->place_count; i++)
        post(&node->places[i].worker.loop, kind, -1, NULL);
}

static void stop(struct node *node, const char *reason)
{
    node->stopping = true;
    notify_stopping();
    log_info("stopping", LOG_STR("reason", reason));
    if (node->listeners != NULL)
        listeners_close(node->listeners);
    tell_workers(node, NODE_SHUT_DOWN);
    if (node->outside_started)
        node->outside.stop(node->outside.context, &node->outside_stopped.call);
}

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
    for (unsigned i = 0; i < node->place_count; i++) {
        struct worker *worker = &node->places[i].worker;
        if (!node->has_engine_loop) {
            worker_set_alarms(worker, alarms);
            continue;
        }
        struct node_parcel *parcel = mem_zalloc(sizeof *parcel);
        parcel->parcel.kind = NODE_ALARMS;
        parcel->alarms = alarms;
        loop_post(&worker->loop, &parcel->parcel);
    }
}

static void look_for_alarms(struct node *node);

static void on_alarm_timer(uv_timer_t *timer)
{
    struct node *node = timer->data;
    unsigned told = node->alarms_told;
    look_for_alarms(node);
    if (node->alarms_told != told)
        loop_wake(node->main_loop); /* for the tick that a timer of our own does not end */
}

static void look_for_alarms(struct node *node)
{
    tell_alarms(node, alarms_look(&node->alarms, node->settings));
    uint64_t wait_ms = alarms_wait_ms(&node->alarms, node->settings->memory_monitor_interval_ms);
    CHECK(uv_timer_start(&node->alarm_timer, on_alarm_timer, wait_ms, 0) == 0);
}

/* The first look: an alarm may be on before there is a client. */
static void start_alarms(struct node *node)
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
    look_for_alarms(node);
}

/* --- loop hooks ------------------------------------------------------------------------------ */

/* A log that cannot be written any more ends the broker: to go on would be to lie to clients. Their
 * connections are closed behind what waits for the log, so that must wait no more. */
static void stop_when_store_failed(struct node *node)
{
    if (node->store_failed || commit_log_failure(node->storage.log) == 0)
        return;
    node->store_failed = true;
    engine_store_failed(node->engine);
    if (!node->stopping)
        stop(node, "the log cannot be written");
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

static void look_at_store(struct node *node)
{
    if (!node->has_storage)
        return;
    stop_when_store_failed(node);
    refuse_when_store_full(node);
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
static void arrange_tick(struct node *node)
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

static void on_worker_end_tick(void *context)
{
    struct place *place = context;
    if (!place->node->has_engine_loop) {
        look_at_store(place->node);
        log_exchange_publish(&place->node->log_exchange, place->node->engine);
    }
    worker_end_tick(&place->worker);
    if (place->node->has_engine_loop)
        return;
    arrange_tick(place->node);
}

static void on_worker_timer(void *context)
{
    struct place *place = context;
    worker_on_timer(&place->worker);
    if (place->node->has_engine_loop)
        return;
    if (place->node->listeners != NULL)
        listeners_tick(place->node->listeners);
}

static void on_engine_end_tick(void *context)
{
    struct node *node = context;
    look_at_store(node);
    uint64_t start = uv_hrtime();
    log_exchange_publish(&node->log_exchange, node->engine);
    engine_end_tick(node->engine);
    node->engine_ns += uv_hrtime() - start;
    arrange_tick(node);
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

static void on_worker_stopped(struct worker *worker)
{
    struct place *place = (struct place *)worker;
    if (!place->node->has_engine_loop) {
        part_stopped(place->node);
        return;
    }
    post(place->node->main_loop, NODE_STOPPED, -1, NULL);
    loop_stop(&worker->loop);
}

static void on_accept(void *context, int fd, const struct transport_options *options)
{
    struct node *node = context;
    struct place *place = &node->places[node->next_place];
    node->next_place = (node->next_place + 1) % node->place_count;
    if (node->has_engine_loop)
        post(&place->worker.loop, NODE_ADOPT, fd, options);
    else
        worker_adopt(&place->worker, fd, options);
}

/* --- signals --------------------------------------------------------------------------------- */

static void on_stop_signal(uv_signal_t *signal, int number)
{
    struct node *node = signal->data;
    if (!node->stopping)
        stop(node, number == SIGINT ? "SIGINT" : "SIGTERM");
}

/* Logs TEXT line by line. */
static void log_lines(struct slice text)
{
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t bytes = end == NULL ? text.size : (size_t)(end - text.data);
        log_info("state", LOG_BYTES("row", slice_of(text.data, bytes)));
        if (end == NULL)
            return;
        text = slice_of(end + 1, text.size - bytes - 1);
    }
}

static void describe_storage(struct node *node, struct buf *text)
{
    struct commit_log_counters log = commit_log_count(node->storage.log);
    struct keeper_counters keeper = keeper_count(node->storage.keeper);
    buf_printf(text,
               "log syncs=%" PRIu64 " bytes=%" PRIu64 " batches=%" PRIu64 " segments=%" PRIu64
               " spare_segments=%" PRIu64 " recycled=%" PRIu64 " emptied=%" PRIu64
               " checkpoints=%" PRIu64 " checkpoint_bytes=%" PRIu64 " messages_moved=%" PRIu64
               " messages_read=%" PRIu64 " bytes_read=%" PRIu64 "\n",
               log.syncs, log.bytes, log.batches, keeper.segments, keeper.spare_segments,
               keeper.segments_recycled, keeper.segments_emptied, keeper.checkpoints,
               keeper.checkpoint_bytes, keeper.messages_moved, keeper.messages_read,
               keeper.bytes_read);
}

static void on_describe_signal(uv_signal_t *signal, int number)
{
    struct node *node = signal->data;
    struct buf text = {0};
    (void)number;
    engine_describe(node->engine, &text, DESCRIBE_ROWS);
    if (node->engine_commands > 0)
        buf_printf(&text, "engine commands=%llu ns_per_command=%llu\n",
                   (unsigned long long)node->engine_commands,
                   (unsigned long long)(node->engine_ns / node->engine_commands));
    if (node->has_storage)
        describe_storage(node, &text);
    log_lines(buf_slice(&text));
    buf_fini(&text);
    alarms_describe(&node->alarms);
    tell_workers(node, NODE_DESCRIBE);
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

static void on_hangup_signal(uv_signal_t *signal, int number)
{
    struct node *node = signal->data;
    (void)number;
    if (node->hangup != NULL && !node->stopping)
        node->hangup(node->hangup_context);
}

static void start_signal(struct node *node, uv_signal_t *signal, int number, uv_signal_cb callback)
{
    CHECK(uv_signal_init(&node->main_loop->uv, signal) == 0);
    signal->data = node;
    CHECK(uv_signal_start(signal, callback, number) == 0);
    uv_unref((uv_handle_t *)signal);
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

static int start_worker(struct node *node, unsigned number)
{
    static const struct loop_hooks hooks = {on_worker_end_tick, on_worker_timer, on_worker_parcel};
    struct place *place = &node->places[number];
    const struct settings *settings = node->settings;
    /* A read goes behind what is left of the last one: less than a frame. */
    size_t buffer_bytes = (size_t)settings->read_buffer + settings->frame_max + FRAME_OVERHEAD;
    int status = loop_init(&place->worker.loop, number, buffer_bytes, &hooks, place);
    if (status < 0)
        return status;
    place->node = node;
    place->worker.on_stopped = on_worker_stopped;
    worker_init(&place->worker, settings);
    place->started = true;
    if (node->has_engine_loop) {
        relay_init(&place->relay, node->engine, &node->engine_loop, &place->worker.loop);
        place->worker.port = &place->relay.port;
    } else {
        local_init(&node->local, node->engine);
        place->worker.port = &node->local.port;
        node->main_loop = &place->worker.loop;
    }
    return 0;
}

static int start_loops(struct node *node)
{
    static const struct loop_hooks hooks = {on_engine_end_tick, on_engine_timer, on_engine_parcel};
    node->place_count = node->settings->loops;
    node->places = mem_zalloc(node->place_count * sizeof *node->places);
    if (node->place_count > 1) {
        int status = loop_init(&node->engine_loop, node->place_count, 1, &hooks, node);
        if (status < 0)
            return status;
        node->has_engine_loop = true;
        node->main_loop = &node->engine_loop;
    }
    node->engine = start_engine(node);
    for (unsigned i = 0; i < node->place_count; i++) {
        int status = start_worker(node, i);
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
    part_stopped(((struct outside_stopped *)call)->node);
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
    start_signal(node, &node->on_int, SIGINT, on_stop_signal);
    start_signal(node, &node->on_term, SIGTERM, on_stop_signal);
    start_signal(node, &node->on_usr1, SIGUSR1, on_describe_signal);
    start_signal(node, &node->on_hup, SIGHUP, on_hangup_signal);
    node->has_main_loop = true;
    status = start_storage(node, error, error_size);
    if (status == 0) {
        start_alarms(node);
        node->listeners = listeners_new(node->main_loop, on_accept, node);
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
    for (unsigned i = 0; i < node->place_count; i++) {
        struct worker *worker = &node->places[i].worker;
        if (!node->has_engine_loop) {
            worker_take_settings(worker, settings);
            continue;
        }
        struct settings_parcel *parcel = mem_zalloc(sizeof *parcel);
        parcel->parcel.kind = NODE_SETTINGS;
        parcel->settings = *settings;
        loop_post(&worker->loop, &parcel->parcel);
    }
    look_for_alarms(node); /* limits of memory and disk may be others */
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

static void run_worker(void *place)
{
    loop_run(&((struct place *)place)->worker.loop);
}

bool node_run(struct node *node)
{
    for (unsigned i = 0; node->has_engine_loop && i < node->place_count; i++)
        CHECK(uv_thread_create(&node->places[i].thread, run_worker, &node->places[i]) == 0);
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
    if (node->has_main_loop) {
        uv_close((uv_handle_t *)&node->on_int, NULL);
        uv_close((uv_handle_t *)&node->on_term, NULL);
        uv_close((uv_handle_t *)&node->on_usr1, NULL);
        uv_close((uv_handle_t *)&node->on_hup, NULL);
    }
    if (node->has_timers) {
        uv_close((uv_handle_t *)&node->alarm_timer, NULL);
        uv_close((uv_handle_t *)&node->flush_timer, NULL);
        uv_close((uv_handle_t *)&node->engine_timer, NULL);
    }
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
