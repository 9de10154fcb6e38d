/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/snapshot/collector.h"

#include <time.h>

#include "exchange/parameter.h"
#include "server/base/mem.h"
#include "server/connection.h"
#include "server/worker.h"

#define TLS_TOLD_AT_ONCE 64u /* connections whose TLS is described in a look */

uint64_t collector_wall_ms(void)
{
    uv_timeval64_t now;
    CHECK(uv_gettimeofday(&now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

/* --- at the workers -------------------------------------------------------------------------- */

static void tell_socket(const struct connection *connection, struct buf *facts)
{
    struct fact_socket fact = {
        .connection = (uintptr_t)connection,
        .recv_octets = connection->recv_octets,
        .send_octets = connection->send_octets,
        .recv_count = connection->recv_count,
        .send_count = connection->send_count,
        .pending_bytes = connection->output.bytes,
        .frame_max = connection->frame_max,
        .channel_max = connection->channel_max,
        .heartbeat_s = connection->heartbeat_s,
        .mechanism = connection->mechanism,
        .is_tls = connection->transport.tls != NULL,
        .is_blocked = connection->blocked,
        .is_closing = connection->phase >= CONNECTION_CLOSING,
    };
    if (connection->phase >= CONNECTION_RUNNING)
        fact_put(facts, FACT_SOCKET, &fact, sizeof fact);
}

static bool is_among(const struct connection *connection, struct slice connections)
{
    uintptr_t wanted = (uintptr_t)connection;
    for (size_t at = 0; at < connections.size; at += sizeof wanted)
        if (memcmp(connections.data + at, &wanted, sizeof wanted) == 0)
            return true;
    return false;
}

/* Once in a connection's life: it takes some time. */
static void tell_tls(const struct connection *connection, struct buf *facts)
{
    struct fact_tls fact = {.connection = (uintptr_t)connection};
    if (connection->phase >= CONNECTION_RUNNING &&
        transport_describe_tls(&connection->transport, &fact.tls))
        fact_put(facts, FACT_TLS, &fact, sizeof fact);
}

static void sockets_at_home(struct call *call);

static void sockets_at_worker(struct call *call)
{
    struct socket_collection *sockets = (struct socket_collection *)call;
    struct slice missing_tls = buf_slice(&sockets->missing_tls);
    list_for_each (node, &sockets->worker->connections) {
        const struct connection *connection = LIST_ENTRY(node, struct connection, by_worker);
        tell_socket(connection, &sockets->facts);
        if (connection->transport.tls != NULL && is_among(connection, missing_tls))
            tell_tls(connection, &sockets->facts);
    }
    call->run = sockets_at_home;
    loop_call(sockets->collector->loop, call);
}

/* --- at the engine --------------------------------------------------------------------------- */

static void at_home(struct call *call);

/* Time that this thread has worked; not that in which the machine did something else. */
static uint64_t worked_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void at_engine(struct call *call)
{
    struct collection *collection = (struct collection *)call;
    struct watcher *watcher = &collection->collector->watcher;
    uint64_t start = worked_ns();
    watcher_journal(watcher, &collection->facts);
    collection->cluster_name.size = 0;
    buf_bytes(&collection->cluster_name, parameter_text(watcher->engine, PARAMETER_CLUSTER_NAME));
    if (collection->is_sweep)
        collection->is_sweep_over = watcher_sweep(watcher, &collection->position,
                                                  &collection->facts);
    if (collection->is_sweep && collection->is_sweep_over && collection->collector->node != NULL)
        node_count(collection->collector->node, &collection->counters);
    collection->engine_ns = worked_ns() - start;
    call->run = at_home;
    loop_call(collection->collector->loop, call);
}

/* --- at home --------------------------------------------------------------------------------- */

static void tell_when_idle(struct collector *collector)
{
    if (!collector->is_stopping || collector->is_under_way || collector->sockets_under_way > 0 ||
        collector->on_idle == NULL)
        return;
    void (*on_idle)(void *context) = collector->on_idle;
    collector->on_idle = NULL;
    on_idle(collector->idle_context);
}

static void move_all(struct list *to, struct list *from)
{
    for (struct list_node *node; (node = list_pop(from)) != NULL;)
        list_append(to, node);
}

static void look(struct collector *collector)
{
    struct collection *collection = &collector->collection;
    move_all(&collector->waiting_now, &collector->waiting);
    collector->is_under_way = true;
    collection->is_sweep = collector->is_sweeping;
    collection->is_sweep_over = false;
    collection->call.run = at_engine;
    loop_call(collector->engine_loop, &collection->call);
}

static void end_sweep(struct collector *collector)
{
    uint64_t now = uv_now(&collector->loop->uv);
    bool is_asked = now < collector->asked_ms + COLLECTOR_FORGET_MS;
    uint64_t pause_ms = collector->sweep_engine_ns / 1000000 * COLLECTOR_SHARE;
    uint64_t interval_ms = is_asked ? COLLECTOR_ASKED_MS : COLLECTOR_IDLE_MS;
    collector->is_sweeping = false;
    collector->counters = collector->collection.counters;
    if (collector->on_sweep != NULL)
        collector->on_sweep(collector->sweep_context);
    collector->last_sweep_engine_ns = collector->sweep_engine_ns;
    collector->next_sweep_ms = collector->sweep_began_ms +
                               (pause_ms > interval_ms ? pause_ms : interval_ms);
    snapshot_end_sweep(&collector->snapshot, collector->sweep_began_wall_ms, collector_wall_ms());
}

static void ask_workers(struct collector *collector)
{
    for (unsigned i = 0; i < collector->worker_count; i++) {
        struct socket_collection *sockets = &collector->sockets[i];
        if (sockets->is_under_way)
            continue;
        sockets->is_under_way = true;
        snapshot_missing_tls(&collector->snapshot, &sockets->missing_tls);
        if (sockets->missing_tls.size > TLS_TOLD_AT_ONCE * sizeof(uintptr_t))
            sockets->missing_tls.size = TLS_TOLD_AT_ONCE * sizeof(uintptr_t);
        collector->sockets_under_way++;
        sockets->call.run = sockets_at_worker;
        loop_call(&sockets->worker->loop, &sockets->call);
    }
}

static void begin_sweep(struct collector *collector)
{
    collector->is_sweeping = true;
    collector->sweep_began_ms = uv_now(&collector->loop->uv);
    collector->sweep_began_wall_ms = collector_wall_ms();
    collector->sweep_engine_ns = 0;
    collector->collection.position = (struct watcher_position){0};
    ask_workers(collector);
}

/* Tells those who waited for what has just come; before the first sweep is complete, nobody. */
static void tell_waiting(struct collector *collector)
{
    struct list now;
    if (collector->snapshot.sweeps == 0 && !collector->is_stopping) {
        move_all(&collector->waiting, &collector->waiting_now);
        return;
    }
    list_init(&now);
    move_all(&now, &collector->waiting_now);
    for (struct list_node *node; (node = list_pop(&now)) != NULL;) {
        struct collector_wait *wait = LIST_ENTRY(node, struct collector_wait, by_collector);
        wait->ready(wait);
    }
}

static void at_home(struct call *call)
{
    struct collection *collection = (struct collection *)call;
    struct collector *collector = collection->collector;
    collector->is_under_way = false;
    snapshot_take(&collector->snapshot, buf_slice(&collection->facts), collector_wall_ms());
    buf_fini(&collection->facts);
    collector->cluster_name.size = 0;
    buf_bytes(&collector->cluster_name, buf_slice(&collection->cluster_name));
    if (collection->is_sweep) {
        collector->sweep_engine_ns += collection->engine_ns;
        if (collection->engine_ns > collector->slice_ns_max)
            collector->slice_ns_max = collection->engine_ns;
        if (collection->is_sweep_over)
            end_sweep(collector);
    }
    collector->is_held = !collector->is_held && collector->snapshot.strangers > 0 &&
                         !list_is_empty(&collector->waiting_now);
    if (collector->is_held)
        ask_workers(collector); /* what is asked for is to be whole; once, for they may not know */
    else
        tell_waiting(collector);
    if (collector->is_stopping)
        move_all(&collector->waiting_now, &collector->waiting);
    if (collector->is_stopping)
        tell_waiting(collector);
    else if (!collector->is_under_way &&
             (collector->is_sweeping || !list_is_empty(&collector->waiting)))
        look(collector);
    tell_when_idle(collector);
}

static void sockets_at_home(struct call *call)
{
    struct socket_collection *sockets = (struct socket_collection *)call;
    struct collector *collector = sockets->collector;
    sockets->is_under_way = false;
    collector->sockets_under_way--;
    snapshot_take(&collector->snapshot, buf_slice(&sockets->facts), collector_wall_ms());
    sockets->facts.size = 0;
    if (collector->is_held && collector->sockets_under_way == 0 && !collector->is_under_way) {
        collector->is_held = false;
        tell_waiting(collector);
    }
    tell_when_idle(collector);
}

void collector_on_timer(struct collector *collector)
{
    uint64_t now = uv_now(&collector->loop->uv);
    if (collector->is_stopping || collector->is_sweeping || now < collector->next_sweep_ms)
        return;
    begin_sweep(collector);
    if (!collector->is_under_way)
        look(collector);
}

void collector_ask(struct collector *collector, struct collector_wait *wait)
{
    uint64_t now = uv_now(&collector->loop->uv);
    uint64_t soon = collector->sweep_began_ms + COLLECTOR_ASKED_MS;
    bool was_asked = now < collector->asked_ms + COLLECTOR_FORGET_MS;
    collector->asked_ms = now;
    wait->by_collector = (struct list_node){0};
    list_append(&collector->waiting, &wait->by_collector);
    if (collector->is_stopping) {
        move_all(&collector->waiting_now, &collector->waiting);
        tell_waiting(collector);
        return;
    }
    /* The first to ask after a while need not wait for the long interval to end. */
    if (!was_asked && collector->next_sweep_ms > soon &&
        collector->last_sweep_engine_ns / 1000000 * COLLECTOR_SHARE < COLLECTOR_ASKED_MS)
        collector->next_sweep_ms = soon;
    if (!collector->is_sweeping && now >= collector->next_sweep_ms)
        begin_sweep(collector);
    if (!collector->is_under_way)
        look(collector);
}

/* Sent by the engine's thread; each is its own, for the engine does not know when one has come. */
struct crowded_call {
    struct call call; /* first */
    struct collector *collector;
};

static void take_crowded(struct call *call)
{
    struct collector *collector = ((struct crowded_call *)call)->collector;
    mem_free(call);
    if (!collector->is_stopping && !collector->is_under_way)
        look(collector);
}

static void on_crowded(struct watcher *watcher)
{
    struct crowded_call *call = mem_zalloc(sizeof *call);
    call->collector = LIST_ENTRY(watcher, struct collector, watcher);
    call->call.run = take_crowded;
    loop_call(call->collector->loop, &call->call);
}

/* --- life ------------------------------------------------------------------------------------ */

void collector_start(struct collector *collector, struct loop *loop, struct loop *engine_loop,
                     struct engine *engine, struct worker *const *workers, unsigned worker_count)
{
    *collector = (struct collector){
        .loop = loop, .engine_loop = engine_loop, .worker_count = worker_count};
    list_init(&collector->waiting);
    list_init(&collector->waiting_now);
    snapshot_init(&collector->snapshot, collector_wall_ms());
    collector->collection.collector = collector;
    collector->sockets = mem_zalloc((worker_count + 1) * sizeof *collector->sockets);
    for (unsigned i = 0; i < worker_count; i++) {
        collector->sockets[i].collector = collector;
        collector->sockets[i].worker = workers[i];
    }
    watcher_start(&collector->watcher, engine);
    collector->watcher.on_crowded = on_crowded;
}

void collector_stop(struct collector *collector, void (*on_idle)(void *context), void *context)
{
    collector->is_stopping = true;
    collector->on_idle = on_idle;
    collector->idle_context = context;
    tell_when_idle(collector);
}

void collector_free(struct collector *collector)
{
    watcher_stop(&collector->watcher);
    for (unsigned i = 0; i < collector->worker_count; i++) {
        buf_fini(&collector->sockets[i].facts);
        buf_fini(&collector->sockets[i].missing_tls);
    }
    buf_fini(&collector->collection.facts);
    buf_fini(&collector->collection.cluster_name);
    buf_fini(&collector->cluster_name);
    mem_free(collector->sockets);
    snapshot_fini(&collector->snapshot);
}
