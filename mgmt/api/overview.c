/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API says of the whole: /api/overview and /api/nodes.
 */
#include <dirent.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "mgmt/api/handlers.h"
#include "mgmt/api/node_stats.h"
#include "mgmt/api/rows.h"
#include "mgmt/management.h"
#include "server/listeners.h"

/* The RabbitMQ whose API this is, for tools that look at the version before they go on. */
#define COMPATIBLE_VERSION "3.13.7"

static const struct settings *settings_of(const struct listing *listing)
{
    return listing->request->management->view->settings;
}

/* --- what both have -------------------------------------------------------------------------- */

static void put_exchange_types(struct json_writer *writer)
{
    static const struct {
        const char *name, *description;
    } types[] = {
        {"direct", "AMQP direct exchange, as per the AMQP specification"},
        {"fanout", "AMQP fanout exchange, as per the AMQP specification"},
        {"headers", "AMQP headers exchange, as per the AMQP specification"},
        {"topic", "AMQP topic exchange, as per the AMQP specification"},
    };
    (void)json_put_array(writer, "exchange_types");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        json_write_object(writer);
        json_put_text(writer, "name", types[i].name);
        json_put_text(writer, "description", types[i].description);
        json_put_bool(writer, "enabled", true);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void put_contexts(struct listing *listing, struct json_writer *writer)
{
    const struct management *management = listing->request->management;
    char port[8];
    (void)json_put_array(writer, "contexts");
    (void)snprintf(port, sizeof port, "%u", management->http.listener.port);
    json_write_object(writer);
    json_put_string(writer, "node", listing_node(listing));
    json_put_text(writer, "description", "StoatMQ Management");
    json_put_text(writer, "path", "/");
    json_put_text(writer, "ip", settings_of(listing)->management_ip);
    json_put_text(writer, "port", port);
    json_write_object_end(writer);
    json_write_array_end(writer);
}

static void put_churn(struct listing *listing, struct json_writer *writer)
{
    for (uint32_t i = 0; i < CHURN_COLUMNS; i++)
        listing_put_column(listing, writer, churn_names[i], listing->snapshot->overview,
                           COLUMN_CHURN + i, &listing->message_rates);
}

static void put_strings(struct json_writer *writer, const char *name, const char *const *texts)
{
    (void)json_put_array(writer, name);
    for (; *texts != NULL; texts++)
        json_write_string(writer, slice_from_string(*texts));
    json_write_array_end(writer);
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

/* What the user sees of all: with monitoring, the whole; else the sum of its virtual hosts. */
static void put_totals(struct listing *listing, struct json_writer *writer)
{
    static const struct {
        const char *name;
        enum registry_kind kind;
    } totals[] = {{"channels", REGISTRY_CHANNEL},
                  {"connections", REGISTRY_SESSION},
                  {"consumers", REGISTRY_CONSUMER},
                  {"exchanges", REGISTRY_EXCHANGE},
                  {"queues", REGISTRY_QUEUE}};
    bool sees_all = api_user_is_monitoring(listing->request->user);
    (void)json_put_object(writer, "object_totals");
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        const struct table *table = &listing->snapshot->tables[totals[i].kind];
        uint64_t count = 0;
        for (uint32_t row = 0; row < table->count && !sees_all; row++)
            count += listing_sees(listing, table->rows[row]);
        json_put_uint(writer, totals[i].name, sees_all ? table->count : count);
    }
    json_write_object_end(writer);
}

static void put_stats(struct listing *listing, struct json_writer *writer)
{
    const struct series *series = listing->snapshot->overview;
    listing_put_traffic(listing, writer, series, UINT32_MAX);
    (void)json_put_object(writer, "churn_rates");
    put_churn(listing, writer);
    json_write_object_end(writer);
    (void)json_put_object(writer, "queue_totals");
    for (uint32_t i = 0; i < 3; i++)
        listing_put_column(listing, writer, depth_names[i], series, COLUMN_READY + i,
                           &listing->lengths);
    json_write_object_end(writer);
}

static void put_overview(struct listing *listing, struct json_writer *writer)
{
    json_write_object(writer);
    json_put_text(writer, "management_version", COMPATIBLE_VERSION);
    json_put_text(writer, "rates_mode", "basic");
    put_retention(writer);
    put_exchange_types(writer);
    json_put_text(writer, "product_version", STOATMQ_VERSION);
    json_put_text(writer, "product_name", "StoatMQ");
    json_put_text(writer, "rabbitmq_version", COMPATIBLE_VERSION);
    json_put_string(writer, "cluster_name", listing_node(listing));
    json_put_text(writer, "erlang_version", "0");
    json_put_text(writer, "erlang_full_version", "none: StoatMQ is a C program");
    json_put_bool(writer, "disable_stats", false);
    json_put_bool(writer, "enable_queue_totals", false);
    json_put_text(writer, "default_queue_type", "classic");
    json_put_bool(writer, "is_op_policy_updating_enabled", true);
    put_stats(listing, writer);
    put_totals(listing, writer);
    json_put_uint(writer, "statistics_db_event_queue", 0);
    json_put_string(writer, "node", listing_node(listing));
    put_listeners(listing, writer);
    put_contexts(listing, writer);
    json_write_object_end(writer);
}

static void reply_with(struct listing *listing,
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
    reply_with(listing, put_overview);
}

void api_get_overview(struct api_request *request)
{
    listing_ask(request, reply_overview);
}

/* --- the node -------------------------------------------------------------------------------- */

static void put_node_numbers(struct listing *listing, struct json_writer *writer)
{
    struct node_stats stats = node_stats_read(listing->request->management);
    json_put_uint(writer, "fd_total", stats.fd_total);
    json_put_uint(writer, "fd_used", stats.fd_used);
    json_put_uint(writer, "sockets_total", stats.fd_total);
    json_put_uint(writer, "sockets_used", listing->snapshot->tables[REGISTRY_SESSION].count);
    json_put_uint(writer, "mem_limit", stats.memory_limit);
    json_put_uint(writer, "mem_used", stats.memory_used);
    json_put_bool(writer, "mem_alarm", stats.memory_used > stats.memory_limit);
    json_put_uint(writer, "disk_free_limit", stats.disk_limit);
    json_put_uint(writer, "disk_free", stats.disk_free);
    json_put_bool(writer, "disk_free_alarm", stats.disk_free < stats.disk_limit);
    json_put_uint(writer, "proc_total", stats.threads);
    json_put_uint(writer, "proc_used", stats.threads);
    json_put_uint(writer, "run_queue", 0);
    json_put_uint(writer, "processors", stats.processors);
    json_put_uint(writer, "uptime", stats.uptime_ms);
    json_put_uint(writer, "context_switches", stats.context_switches);
    json_put_uint(writer, "collection_slice_ns_max",
                  listing->request->management->collector.slice_ns_max);
    json_put_uint(writer, "collection_engine_ns",
                  listing->request->management->collector.last_sweep_engine_ns);
}

static void put_mechanisms(struct json_writer *writer)
{
    static const char *const names[] = {"PLAIN", "AMQPLAIN"};
    (void)json_put_array(writer, "auth_mechanisms");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_write_object(writer);
        json_put_text(writer, "name", names[i]);
        json_put_text(writer, "description", "SASL authentication mechanism");
        json_put_bool(writer, "enabled", true);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void put_node(struct listing *listing, struct json_writer *writer)
{
    static const char *const none[] = {NULL};
    const struct settings *settings = settings_of(listing);
    char pid[16];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    json_write_object(writer);
    json_put_string(writer, "name", listing_node(listing));
    json_put_text(writer, "type", "disc");
    json_put_bool(writer, "running", true);
    json_put_bool(writer, "being_drained", false);
    json_put_text(writer, "os_pid", pid);
    json_put_text(writer, "rates_mode", "basic");
    json_put_text(writer, "mem_calculation_strategy", "rss");
    json_put_uint(writer, "net_ticktime", 60);
    json_put_text(writer, "rabbitmq_version", COMPATIBLE_VERSION);
    json_put_text(writer, "db_dir", settings->data_dir);
    put_strings(writer, "config_files", none);
    put_strings(writer, "log_files",
                settings->log_file[0] != '\0' ? (const char *const[]){settings->log_file, NULL}
                                              : none);
    put_strings(writer, "partitions", none);
    put_strings(writer, "cluster_links", none);
    put_strings(writer, "applications", none);
    put_strings(writer, "enabled_plugins",
                (const char *const[]){"rabbitmq_management", "rabbitmq_prometheus", NULL});
    put_exchange_types(writer);
    put_mechanisms(writer);
    put_contexts(listing, writer);
    put_node_numbers(listing, writer);
    put_churn(listing, writer);
    json_write_object_end(writer);
}

static void put_nodes(struct listing *listing, struct json_writer *writer)
{
    json_write_array(writer);
    put_node(listing, writer);
    json_write_array_end(writer);
}

static void reply_nodes(struct listing *listing)
{
    reply_with(listing, put_nodes);
}

void api_get_nodes(struct api_request *request)
{
    listing_ask(request, reply_nodes);
}

static void reply_node(struct listing *listing)
{
    if (api_is_node(listing->request, api_argument(listing->request, "node")))
        reply_with(listing, put_node);
    else
        api_refuse_not_found(listing->request);
}

void api_get_node(struct api_request *request)
{
    listing_ask(request, reply_node);
}
