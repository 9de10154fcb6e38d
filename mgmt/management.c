/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The listeners are opened by the main thread before the loop runs, so that a port
 * that is taken is an error at start. To stop, the main thread sends a call; then requests that are
 * under way are answered, within a time limit, and the loop ends, having sent `stopped` to the
 * engine's loop as its last act.
 */
#include "mgmt/management.h"

#include <errno.h>
#include <stdio.h>

#include "mgmt/api/dispatch.h"
#include "mgmt/api/sites.h"
#include "mgmt/definitions/boot.h"
#include "mgmt/definitions/pending.h"
#include "mgmt/metrics.h"
#include "server/base/check.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "server/listeners.h"

#define READ_BUFFER_BYTES 65536
#define BACKLOG           256

/* --- the loop -------------------------------------------------------------------------------- */

static void on_end_tick(void *context)
{
    struct management *management = context;
    http_server_end_tick(&management->server);
}

static void on_timer(void *context)
{
    struct management *management = context;
    listener_tick(&management->http.listener);
    listener_tick(&management->https.listener);
    listener_tick(&management->metrics.listener);
    http_server_on_timer(&management->server);
    collector_on_timer(&management->collector);
    authentication_on_timer(&management->authentication);
}

static void on_parcel(void *context, struct parcel *parcel)
{
    (void)context;
    CHECK_ID(false, parcel->kind); /* nobody sends any but calls */
}

static void run(void *management)
{
    loop_run(&((struct management *)management)->loop);
}

/* --- start ----------------------------------------------------------------------------------- */

static int open_listener(struct management *management, struct http_listener *listener,
                         const struct transport_options *transport, const char *address,
                         uint16_t port, char *error, size_t error_size)
{
    listener->transport = *transport;
    int status = http_listener_open(listener, &management->server, address, port, BACKLOG);
    if (status < 0) {
        snprintf(error, error_size, "cannot listen on %s port %u for %s: %s%s", address, port,
                 transport->protocol, uv_strerror(status),
                 status == -EADDRINUSE ? " (is another broker running?)" : "");
        return -1;
    }
    struct listener_row row = {.protocol = transport->protocol,
                               .port = listener->listener.port,
                               .has_tls = transport->tls != NULL,
                               .tls = transport->tls};
    snprintf(row.address, sizeof row.address, "%s", address);
    listeners_add(management->view->listeners, &row);
    log_info("listener_started", LOG_STR("protocol", transport->protocol),
             LOG_STR("address", address), LOG_NUM("port", listener->listener.port));
    return 0;
}

/* Where a browser finds the dashboard, for whoever looks at the log. */
static void log_dashboard(const struct management *management)
{
    const char *address = management->view->settings->management_ip;
    bool is_any = strcmp(address, "::") == 0 || strcmp(address, "0.0.0.0") == 0;
    bool is_ipv6 = !is_any && strchr(address, ':') != NULL;
    const struct http_listener *listener = management->http.is_open ? &management->http
                                                                    : &management->https;
    char url[2 * SETTINGS_TEXT_BYTES + 32];
    snprintf(url, sizeof url, "%s://%s%s%s:%u%.*s/", management->http.is_open ? "http" : "https",
             is_ipv6 ? "[" : "", is_any ? "localhost" : address, is_ipv6 ? "]" : "",
             listener->listener.port, SLICE_ARGS(buf_slice(&management->path_prefix)));
    log_info("dashboard", LOG_STR("url", url));
}

static int open_listeners(struct management *management, char *error, size_t error_size)
{
    const struct settings *settings = management->view->settings;
    const struct transport_options *plain = listeners_management(management->view->listeners,
                                                                 false);
    const struct transport_options *tls = listeners_management(management->view->listeners, true);
    static const struct transport_options metrics = {.protocol = "http/prometheus"};
    management->http.handle = management->https.handle = dispatch_request;
    management->metrics.handle = metrics_request;
    management->http.context = management->https.context = management->metrics.context = management;
    if (settings->management_enabled) {
        if (plain != NULL &&
            open_listener(management, &management->http, plain, settings->management_ip,
                          settings->management_port, error, error_size) < 0)
            return -1;
        if (tls != NULL &&
            open_listener(management, &management->https, tls, settings->management_ip,
                          settings->management_ssl_port, error, error_size) < 0)
            return -1;
        log_dashboard(management);
    }
    if (settings->prometheus_enabled &&
        open_listener(management, &management->metrics, &metrics, settings->prometheus_ip,
                      settings->prometheus_port, error, error_size) < 0)
        return -1;
    return 0;
}

static void close_listeners(struct management *management)
{
    http_listener_close(&management->http);
    http_listener_close(&management->https);
    http_listener_close(&management->metrics);
}

static void fini(struct management *management)
{
    authentication_fini(&management->authentication);
    loop_fini(&management->loop);
    collector_free(&management->collector);
    routes_fini();
    buf_fini(&management->headers);
    buf_fini(&management->path_prefix);
}

static void start_collector(struct management *management)
{
    const struct node_view *view = management->view;
    unsigned count = 0;
    while (node_worker(view->node, count) != NULL)
        count++;
    struct worker **workers = mem_zalloc((count + 1) * sizeof(struct worker *));
    for (unsigned i = 0; i < count; i++)
        workers[i] = node_worker(view->node, i);
    collector_start(&management->collector, &management->loop, view->engine_loop, view->engine,
                    workers, count);
    mem_free(workers);
    management->collector.node = view->node;
    management->collector.on_sweep = node_stats_take;
    management->collector.sweep_context = management;
}

/* --- definitions that the last run has not finished ------------------------------------------ */

struct pending_file {
    struct durable_wait wait; /* first */
    struct call call;
    struct management *management;
    char path[PENDING_PATH_BYTES];
};

static void forget_file(struct call *call)
{
    struct pending_file *file =
        (struct pending_file *)(void *)((char *)call - offsetof(struct pending_file, call));
    pending_forget(file->path);
    mem_free(file);
}

static void on_durable(struct durable_wait *wait)
{
    struct pending_file *file = (struct pending_file *)wait;
    if (wait->failed) {
        mem_free(file);
        return;
    }
    file->call.run = forget_file;
    loop_call(&file->management->loop, &file->call);
}

/* The file may go when what it has brought is durable. */
static void on_finished(void *context, const char *path, uint64_t lsn)
{
    struct management *management = context;
    struct pending_file *file = mem_zalloc(sizeof *file);
    file->wait.done = on_durable;
    file->management = management;
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    engine_when_durable(management->view->engine, lsn, &file->wait);
}

static int start(void *context, const struct node_view *view, char *error, size_t error_size)
{
    static const struct loop_hooks hooks = {on_end_tick, on_timer, on_parcel};
    struct management *management = context;
    const struct settings *settings = view->settings;
    *management = (struct management){.view = view, .started_ns = uv_hrtime()};
    if (definitions_load_file(view->engine, settings->load_definitions, error, error_size) < 0)
        return -1;
    management->http.listener.watch.fd = management->https.listener.watch.fd =
        management->metrics.listener.watch.fd = -1;
    int status = loop_init(&management->loop, 0, READ_BUFFER_BYTES, &hooks, management);
    if (status < 0) {
        snprintf(error, error_size, "cannot start the management's event loop: %s",
                 uv_strerror(status));
        return -1;
    }
    if (settings->store_log)
        pending_finish(view->engine, settings->data_dir, on_finished, management);
    routes_init();
    authentication_init(&management->authentication, management,
                        settings->management_login_session_timeout_min);
    http_server_init(&management->server, &management->loop,
                     &(struct http_limits){
                         .connections_max = settings->management_max_connections,
                         .head_bytes_max = settings->management_max_header_size,
                         .request_timeout_ms = settings->management_request_timeout_ms,
                         .idle_timeout_ms = settings->management_idle_timeout_ms,
                         .inactivity_timeout_ms = settings->management_inactivity_timeout_ms,
                     });
    sites_put_headers(settings, &management->headers);
    sites_put_prefix(settings, &management->path_prefix);
    management->server.headers = buf_slice(&management->headers);
    if (open_listeners(management, error, error_size) < 0) {
        close_listeners(management);
        fini(management);
        return -1;
    }
    start_collector(management);
    CHECK(uv_thread_create(&management->thread, run, management) == 0);
    return 0;
}

/* --- stop ------------------------------------------------------------------------------------ */

/* Ends when no client and no request is left. Requests whose client is gone have to come back from
 * the engine, too. */
static void maybe_end(struct management *management)
{
    if (!management->is_stopping || !management->clients_gone || !management->collector_idle ||
        management->open_requests > 0 || management->stopped == NULL)
        return;
    struct call *stopped = management->stopped;
    management->stopped = NULL;
    loop_stop(&management->loop);
    loop_call(management->view->engine_loop, stopped);
}

void management_request_ended(struct management *management)
{
    CHECK(management->open_requests > 0);
    management->open_requests--;
    maybe_end(management);
}

static void on_clients_gone(void *context)
{
    struct management *management = context;
    management->clients_gone = true;
    maybe_end(management);
}

static void on_collector_idle(void *context)
{
    struct management *management = context;
    management->collector_idle = true;
    maybe_end(management);
}

struct stop_call {
    struct call call; /* first */
    struct management *management;
    struct call *stopped;
};

static void begin_stop(struct call *call)
{
    struct stop_call *stop_call = (struct stop_call *)call;
    struct management *management = stop_call->management;
    management->is_stopping = true;
    management->stopped = stop_call->stopped;
    mem_free(stop_call);
    close_listeners(management);
    authentication_on_timer(&management->authentication);
    collector_stop(&management->collector, on_collector_idle, management);
    http_server_stop(&management->server,
                     management->view->settings->management_shutdown_timeout_ms, on_clients_gone,
                     management);
}

static void stop(void *context, struct call *stopped)
{
    struct management *management = context;
    struct stop_call *call = mem_zalloc(sizeof *call);
    call->call.run = begin_stop;
    call->management = management;
    call->stopped = stopped;
    loop_call(&management->loop, &call->call);
}

static void free_management(void *context)
{
    struct management *management = context;
    if (!management->is_stopping)
        loop_stop(&management->loop); /* the node ends without having run */
    CHECK(uv_thread_join(&management->thread) == 0);
    close_listeners(management);
    fini(management);
}

struct node_hooks management_hooks(struct management *management)
{
    return (struct node_hooks){management, start, stop, free_management};
}
