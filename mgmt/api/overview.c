/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API says of the whole: /api/overview.
 */
#include "mgmt/api/overview.h"

#include "exchange/exchange.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/rows.h"
#include "mgmt/management.h"
#include "server/base/mem.h"
#include "server/listeners.h"

const struct settings *overview_settings(const struct listing *listing)
{
    return listing->request->management->view->settings;
}

/* --- what both have -------------------------------------------------------------------------- */

void overview_put_exchange_types(struct json_writer *writer)
{
    const struct exchange_type *type;
    (void)json_put_array(writer, "exchange_types");
    for (size_t i = 0; (type = exchange_type_at(i)) != NULL; i++) {
        json_write_object(writer);
        json_put_text(writer, "name", type->name);
        json_put_text(writer, "description", type->description);
        json_put_bool(writer, "enabled", true);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void put_context(struct listing *listing, struct json_writer *writer,
                        const struct http_listener *listener, const char *description,
                        const char *ip, bool is_tls)
{
    char port[8];
    if (!listener->is_open)
        return;
    (void)snprintf(port, sizeof port, "%u", listener->listener.port);
    json_write_object(writer);
    json_put_string(writer, "node", listing_node(listing));
    json_put_text(writer, "description", description);
    json_put_text(writer, "path", "/");
    json_put_text(writer, "ip", ip);
    json_put_text(writer, "port", port);
    json_put_text(writer, "ssl", is_tls ? "true" : "false");
    json_write_object_end(writer);
}

void overview_put_contexts(struct listing *listing, struct json_writer *writer)
{
    const struct management *management = listing->request->management;
    const struct settings *settings = overview_settings(listing);
    (void)json_put_array(writer, "contexts");
    put_context(listing, writer, &management->metrics, "StoatMQ Prometheus",
                settings->prometheus_ip, false);
    put_context(listing, writer, &management->http, "StoatMQ Management", settings->management_ip,
                false);
    put_context(listing, writer, &management->https, "StoatMQ Management", settings->management_ip,
                true);
    json_write_array_end(writer);
}

void overview_put_churn(struct listing *listing, struct json_writer *writer)
{
    for (uint32_t i = 0; i < CHURN_COLUMNS; i++)
        listing_put_column(listing, writer, churn_names[i], listing->snapshot->overview,
                           COLUMN_CHURN + i, &listing->message_rates);
}

/* --- the overview ---------------------------------------------------------------------------- */

static void put_retention(struct json_writer *writer)
{
    static const struct {
        const char *name;
        unsigned count;
    } policies[] = {{"global", 4}, {"basic", 1}, {"detailed", 1}};
    static const unsigned seconds[] = {600, 3600, 28800, 86400};
    (void)json_put_object(writer, "sample_retention_policies");
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        (void)json_put_array(writer, policies[i].name);
        for (unsigned level = 0; level < policies[i].count; level++)
            json_write_uint(writer, seconds[level]);
        json_write_array_end(writer);
    }
    json_write_object_end(writer);
}

static void put_listeners(struct listing *listing, struct json_writer *writer)
{
    struct listener_row rows[LISTENER_ROWS_MAX];
    size_t count = listeners_rows(listing->request->management->view->listeners, rows);
    (void)json_put_array(writer, "listeners");
    for (size_t i = 0; i < count; i++) {
        json_write_object(writer);
        json_put_string(writer, "node", listing_node(listing));
        json_put_text(writer, "protocol", rows[i].protocol);
        json_put_text(writer, "ip_address", rows[i].address);
        json_put_uint(writer, "port", rows[i].port);
        (void)json_put_object(writer, "socket_opts");
        json_write_object_end(writer);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

/* What the user sees of all: with monitoring, the whole; else its own and its virtual hosts'. */
static void put_totals(struct listing *listing, struct json_writer *writer)
{
    static const struct {
        const char *name;
        enum registry_kind kind;
        bool of_clients;
    } totals[] = {{"channels", REGISTRY_CHANNEL, true},
                  {"connections", REGISTRY_SESSION, true},
                  {"consumers", REGISTRY_CONSUMER, true},
                  {"exchanges", REGISTRY_EXCHANGE, false},
                  {"queues", REGISTRY_QUEUE, false}};
    bool sees_all = api_user_is_monitoring(listing->request->user);
    (void)json_put_object(writer, "object_totals");
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        const struct table *table = &listing->snapshot->tables[totals[i].kind];
        uint64_t count = 0;
        for (uint32_t row = 0; row < table->count && !sees_all; row++)
            count += totals[i].of_clients ? rows_is_own(listing, table->rows[row])
                                          : listing_sees(listing, table->rows[row]);
        json_put_uint(writer, totals[i].name, sees_all ? table->count : count);
    }
    json_write_object_end(writer);
}

/* The virtual hosts' that the user sees, summed up; the caller's. */
static struct series *sum_visible(const struct listing *listing)
{
    const struct table *vhosts = &listing->snapshot->tables[REGISTRY_VHOST];
    const struct series **parts = mem_alloc((vhosts->count + 1) * sizeof(struct series *));
    size_t count = 0;
    for (uint32_t i = 0; i < vhosts->count; i++)
        if (listing_sees(listing, vhosts->rows[i]))
            parts[count++] = vhosts->rows[i]->series;
    struct series *sum = series_sum(parts, count, VHOST_COLUMNS);
    mem_free(parts);
    return sum;
}

static void put_sums(struct listing *listing, struct json_writer *writer,
                     const struct series *series)
{
    uint64_t messages = 0;
    for (uint32_t i = 0; i < CHANNEL_COLUMNS; i++)
        messages += series->values[i];
    if (messages == 0) { /* here it is there all the same, as by RabbitMQ */
        (void)json_put_object(writer, "message_stats");
        json_write_object_end(writer);
    }
    listing_put_traffic(listing, writer, series, UINT32_MAX);
    (void)json_put_object(writer, "churn_rates");
    overview_put_churn(listing, writer);
    json_write_object_end(writer);
    (void)json_put_object(writer, "queue_totals");
    for (uint32_t i = 0; i < 3; i++)
        listing_put_column(listing, writer, depth_names[i], series, COLUMN_READY + i,
                           &listing->lengths);
    json_write_object_end(writer);
}

static void put_stats(struct listing *listing, struct json_writer *writer)
{
    if (api_user_is_monitoring(listing->request->user)) {
        put_sums(listing, writer, listing->snapshot->overview);
        return;
    }
    struct series *series = sum_visible(listing);
    put_sums(listing, writer, series);
    series_free(series);
}

static struct slice cluster_name(const struct listing *listing)
{
    const struct buf *given = &listing->request->management->collector.cluster_name;
    return given->size > 0 ? buf_slice(given)
                           : slice_from_string(overview_settings(listing)->cluster_name);
}

static void put_overview(struct listing *listing, struct json_writer *writer)
{
    json_write_object(writer);
    json_put_text(writer, "management_version", overview_settings(listing)->compatible_version);
    json_put_text(writer, "rates_mode", "basic");
    put_retention(writer);
    overview_put_exchange_types(writer);
    json_put_text(writer, "product_version", STOATMQ_VERSION);
    json_put_text(writer, "product_name", "StoatMQ");
    json_put_text(writer, "rabbitmq_version", overview_settings(listing)->compatible_version);
    json_put_string(writer, "cluster_name", cluster_name(listing));
    json_put_text(writer, "erlang_version", "0");
    json_put_text(writer, "erlang_full_version", "none: StoatMQ is a C program");
    json_put_bool(writer, "disable_stats", false);
    json_put_bool(writer, "enable_queue_totals", false);
    json_put_text(writer, "default_queue_type", "classic");
    json_put_bool(writer, "is_op_policy_updating_enabled", true);
    put_stats(listing, writer);
    put_totals(listing, writer);
    json_put_uint(writer, "statistics_db_event_queue", 0);
    if (api_user_is_monitoring(listing->request->user)) {
        json_put_string(writer, "node", listing_node(listing));
        put_listeners(listing, writer);
        overview_put_contexts(listing, writer);
    }
    json_write_object_end(writer);
}

void overview_reply_with(struct listing *listing,
                         void (*put)(struct listing *listing, struct json_writer *writer))
{
    struct buf body = {0};
    struct json_writer writer;
    json_writer_init(&writer, &body);
    json_writer_columns(&writer, &listing->columns);
    put(listing, &writer);
    api_reply_json(listing->request, &body);
}

static void reply_overview(struct listing *listing)
{
    overview_reply_with(listing, put_overview);
}

void api_get_overview(struct api_request *request)
{
    listing_ask(request, reply_overview);
}

/* --- resetting it ---------------------------------------------------------------------------- */

void api_reset_statistics(struct api_request *request)
{
    if (route_argument(request->route, "node") >= 0 &&
        !api_is_node(request, api_argument(request, "node"))) {
        api_refuse_not_found(request);
        return;
    }
    snapshot_reset(&request->management->collector.snapshot, collector_wall_ms());
    api_reply_empty(request, 204);
}
