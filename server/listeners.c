/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listeners.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "server/base/check.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "server/net/listener.h"
#include "server/tls_settings.h"

#define PLACES_MAX      (2 * (SETTINGS_LISTENERS_MAX + 1))
#define DAYS_TO_WARN_AT 14

/* One that the settings ask for. Its row is the one with its number. */
struct place {
    struct listeners *all;
    const struct transport_options *options;
    struct listener *listener; /* NULL: suspended; it frees itself when it is closed */
    char address[SETTINGS_TEXT_BYTES];
    uint16_t port; /* the one it got, when 0 was asked for */
    unsigned backlog;
};

struct listeners {
    struct loop *loop;
    void (*on_accept)(void *context, int fd, const struct transport_options *options);
    void *context;
    struct place places[PLACES_MAX];
    size_t place_count;
    struct listener_row rows[LISTENER_ROWS_MAX];
    size_t row_count;
    atomic_bool is_suspended; /* the management's thread asks, too */
    struct proxy_sources proxy;
    struct tls_server *amqp_tls, *management_tls; /* NULL: not asked for */
    struct transport_options amqp, amqps, http, https;
};

/* --- certificates ---------------------------------------------------------------------------- */

static void look_at_dates(struct tls_server *server, const char *for_what)
{
    int days = tls_server_days_left(server);
    if (days < 0)
        log_warning("certificate_expired", LOG_STR("for", for_what), LOG_INT("days_ago", -days));
    else if (days < DAYS_TO_WARN_AT)
        log_warning("certificate_expires_soon", LOG_STR("for", for_what),
                    LOG_INT("days_left", days));
}

static int open_tls(struct listeners *listeners, const struct settings *settings, char *error,
                    size_t error_size)
{
    if (settings_has_default_ssl(settings) ||
        (settings->ssl_listeners.count > 0 && !settings->ssl_off)) {
        listeners->amqp_tls = tls_settings_server(settings, TLS_FOR_AMQP, error, error_size);
        if (listeners->amqp_tls == NULL)
            return -1;
        look_at_dates(listeners->amqp_tls, "amqp/ssl");
    }
    if (settings->given[SETTING_management_ssl_port]) {
        listeners->management_tls = tls_settings_server(settings, TLS_FOR_MANAGEMENT, error,
                                                        error_size);
        if (listeners->management_tls == NULL)
            return -1;
        look_at_dates(listeners->management_tls, "https");
    }
    return 0;
}

static bool reload(struct tls_server *server, const struct settings *settings,
                   enum tls_purpose purpose, const char *for_what)
{
    char error[1024];
    if (server == NULL)
        return true;
    if (tls_settings_reload(settings, purpose, server, error, sizeof error) < 0) {
        log_error("certificates_kept", LOG_STR("for", for_what), LOG_STR("reason", error));
        return false;
    }
    log_info("certificates_loaded", LOG_STR("for", for_what),
             LOG_INT("days_left", tls_server_days_left(server)));
    look_at_dates(server, for_what);
    return true;
}

bool listeners_reload(struct listeners *listeners, const struct settings *settings)
{
    bool amqp = reload(listeners->amqp_tls, settings, TLS_FOR_AMQP, "amqp/ssl");
    bool management = reload(listeners->management_tls, settings, TLS_FOR_MANAGEMENT, "https");
    return amqp && management;
}

/* --- PROXY ----------------------------------------------------------------------------------- */

static int read_sources(struct proxy_sources *sources, const char *text, char *error,
                        size_t error_size)
{
    while (*text != '\0') {
        size_t size = strcspn(text, ", ");
        if (size > 0 && !proxy_sources_add(sources, slice_of(text, size)))
            return settings_refuse(error, error_size,
                                   "proxy_protocol.trusted_sources: expected at most %d addresses "
                                   "or networks such as 10.0.0.0/8, not '%.*s'",
                                   PROXY_SOURCES_MAX, (int)size, text);
        text += size + (text[size] != '\0');
    }
    return 0;
}

/* --- listening ------------------------------------------------------------------------------- */

static void on_accept(void *context, int fd)
{
    struct place *place = context;
    place->all->on_accept(place->all->context, fd, place->options);
}

void listeners_add(struct listeners *listeners, const struct listener_row *row)
{
    CHECK(listeners->row_count < LISTENER_ROWS_MAX);
    listeners->rows[listeners->row_count++] = *row;
}

static void on_listener_closed(struct listener *listener)
{
    mem_free(listener);
}

/* Opens the place's port. */
static int open_place(struct place *place, char *error, size_t error_size)
{
    struct listener *listener = mem_zalloc(sizeof *listener);
    listener->on_accept = on_accept;
    listener->context = place;
    listener->closed = on_listener_closed;
    int status = listener_open(listener, place->all->loop, place->address, place->port,
                               place->backlog);
    if (status < 0) {
        mem_free(listener);
        return settings_refuse(error, error_size, "cannot listen on %s port %u: %s%s",
                               place->address, place->port, uv_strerror(status),
                               status == -EADDRINUSE
                                   ? " (is another broker running? choose another with --port)"
                                   : "");
    }
    place->listener = listener;
    place->port = listener->port;
    return 0;
}

static int listen_at(struct listeners *listeners, const struct settings *settings,
                     const char *address, uint16_t port, const struct transport_options *options,
                     char *error, size_t error_size)
{
    struct place *place = &listeners->places[listeners->place_count];
    if (address[0] == '\0')
        address = settings->tcp_address;
    *place = (struct place){
        .all = listeners, .options = options, .port = port, .backlog = settings->tcp_backlog};
    snprintf(place->address, sizeof place->address, "%s", address);
    if (open_place(place, error, error_size) < 0)
        return -1;
    listeners->place_count++;
    struct listener_row row = {.protocol = options->protocol,
                               .port = place->port,
                               .has_tls = options->tls != NULL,
                               .tls = options->tls};
    snprintf(row.address, sizeof row.address, "%.45s", address);
    listeners_add(listeners, &row);
    log_info("listener_started", LOG_STR("protocol", options->protocol),
             LOG_STR("address", address), LOG_NUM("port", place->port),
             LOG_NUM("loops", settings->loops));
    return 0;
}

static int listen_at_all(struct listeners *listeners, const struct settings *settings,
                         bool has_default, uint16_t default_port,
                         const struct settings_listeners *further,
                         const struct transport_options *options, char *error, size_t error_size)
{
    int status = 0;
    if (has_default)
        status = listen_at(listeners, settings, "", default_port, options, error, error_size);
    for (uint32_t i = 0; i < further->count && status == 0; i++)
        status = listen_at(listeners, settings, further->at[i].address, further->at[i].port,
                           options, error, error_size);
    return status;
}

static int open_all(struct listeners *listeners, const struct settings *settings, char *error,
                    size_t error_size)
{
    static const struct settings_listeners none = {0};
    if (listen_at_all(listeners, settings, settings_has_default_tcp(settings), settings->tcp_port,
                      settings->tcp_off ? &none : &settings->tcp_listeners, &listeners->amqp, error,
                      error_size) < 0 ||
        listen_at_all(listeners, settings, settings_has_default_ssl(settings), settings->ssl_port,
                      settings->ssl_off ? &none : &settings->ssl_listeners, &listeners->amqps,
                      error, error_size) < 0)
        return -1;
    if (listeners->place_count == 0)
        log_warning("no_listeners", LOG_STR("hint", "see listeners.tcp and listeners.ssl"));
    return 0;
}

struct listeners *listeners_new(struct loop *loop,
                                void (*on_accepted)(void *context, int fd,
                                                    const struct transport_options *options),
                                void *context)
{
    struct listeners *listeners = mem_zalloc(sizeof *listeners);
    listeners->loop = loop;
    listeners->on_accept = on_accepted;
    listeners->context = context;
    return listeners;
}

int listeners_open(struct listeners *listeners, const struct settings *settings, char *error,
                   size_t error_size)
{
    if (read_sources(&listeners->proxy, settings->proxy_sources, error, error_size) < 0 ||
        open_tls(listeners, settings, error, error_size) < 0)
        return -1;
    uint32_t timeout_ms = settings->ssl_handshake_timeout_ms;
    const struct proxy_sources *proxy = settings->proxy_protocol ? &listeners->proxy : NULL;
    listeners->amqp = (struct transport_options){NULL, proxy, timeout_ms, "amqp"};
    listeners->amqps = (struct transport_options){listeners->amqp_tls, proxy, timeout_ms,
                                                  "amqp/ssl"};
    listeners->http = (struct transport_options){NULL, NULL, timeout_ms, "http"};
    listeners->https = (struct transport_options){listeners->management_tls, NULL, timeout_ms,
                                                  "https"};
    return open_all(listeners, settings, error, error_size);
}

void listeners_tick(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->place_count; i++)
        if (listeners->places[i].listener != NULL)
            listener_tick(listeners->places[i].listener);
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->place_count; i++) {
        struct place *place = &listeners->places[i];
        if (place->listener != NULL)
            listener_close(place->listener);
        place->listener = NULL;
    }
}

void listeners_suspend(struct listeners *listeners)
{
    if (atomic_exchange(&listeners->is_suspended, true))
        return;
    listeners_close(listeners);
    log_warning("listeners_suspended", LOG_NUM("listeners", listeners->place_count),
                LOG_STR("consequence", "no client can connect"),
                LOG_STR("remedy", "stoatmqctl resume_listeners"));
}

int listeners_resume(struct listeners *listeners, char *error, size_t error_size)
{
    if (!atomic_load(&listeners->is_suspended))
        return 0;
    for (size_t i = 0; i < listeners->place_count; i++) {
        struct place *place = &listeners->places[i];
        if (place->listener == NULL && open_place(place, error, error_size) < 0)
            return -1;
    }
    atomic_store(&listeners->is_suspended, false);
    log_info("listeners_resumed", LOG_NUM("listeners", listeners->place_count));
    return 0;
}

void listeners_free(struct listeners *listeners)
{
    if (listeners == NULL)
        return;
    tls_server_free(listeners->amqp_tls);
    tls_server_free(listeners->management_tls);
    mem_free(listeners);
}

/* --- for the management ---------------------------------------------------------------------- */

const struct transport_options *listeners_management(const struct listeners *listeners, bool tls)
{
    if (!tls)
        return &listeners->http;
    return listeners->management_tls != NULL ? &listeners->https : NULL;
}

size_t listeners_rows(const struct listeners *listeners,
                      struct listener_row rows[LISTENER_ROWS_MAX])
{
    size_t first = atomic_load(&listeners->is_suspended) ? listeners->place_count : 0;
    size_t count = listeners->row_count - first;
    memcpy(rows, listeners->rows + first, count * sizeof *rows);
    return count;
}
