/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API says of the node: /api/nodes. What only Erlang has, such as garbage collections, is
 * there and 0, for tools that read it unasked.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mgmt/api/handlers.h"
#include "mgmt/api/node_memory.h"
#include "mgmt/api/overview.h"
#include "mgmt/management.h"
#include "server/alarms.h"

static void put_strings(struct json_writer *writer, const char *name, const char *const *texts)
{
    (void)json_put_array(writer, name);
    for (; *texts != NULL; texts++)
        json_write_string(writer, slice_from_string(*texts));
    json_write_array_end(writer);
}

/* --- what changes ---------------------------------------------------------------------------- */

static void put_gauges(struct listing *listing, struct json_writer *writer)
{
    static const struct {
        const char *name;
        uint32_t column;
    } rows[] = {
        {"mem_used", NODE_MEMORY},
        {"fd_used", NODE_DESCRIPTORS},
        {"sockets_used", NODE_SOCKETS},
        {"proc_used", NODE_THREADS},
        {"disk_free", NODE_DISK_FREE},
        {"context_switches", NODE_CONTEXT_SWITCHES},
        {"io_read_count", NODE_READS},
        {"io_read_bytes", NODE_READ_BYTES},
        {"io_write_count", NODE_WRITES},
        {"io_write_bytes", NODE_WRITE_BYTES},
        {"io_sync_count", NODE_SYNCS},
        {"msg_store_read_count", NODE_MESSAGES_READ},
        {"msg_store_write_count", NODE_MESSAGES_WRITTEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        listing_put_column(listing, writer, rows[i].name, listing->snapshot->node, rows[i].column,
                           &listing->node_stats);
}

/* Milliseconds that each of some calls took, by the change of two columns between two times; 0 when
 * there was none. */
static double average_ms(const struct series *series, uint32_t ns_column, uint32_t count_column,
                         uint64_t from_ms, uint64_t to_ms)
{
    uint64_t ns = series_at(series, ns_column, to_ms) - series_at(series, ns_column, from_ms);
    uint64_t count = series_at(series, count_column, to_ms) -
                     series_at(series, count_column, from_ms);
    return count == 0 ? 0 : (double)ns / (double)count / 1e6;
}

static void put_average_samples(struct listing *listing, struct json_writer *writer,
                                uint32_t ns_column, uint32_t count_column)
{
    const struct series *series = listing->snapshot->node;
    uint64_t incr_ms = (uint64_t)listing->node_stats.incr_s * 1000;
    uint64_t newest_ms = listing->now_ms - listing->now_ms % incr_ms;
    (void)json_put_array(writer, "samples");
    for (uint64_t i = 0; i <= listing->node_stats.age_s / listing->node_stats.incr_s; i++) {
        uint64_t at_ms = newest_ms - i * incr_ms;
        json_write_object(writer);
        json_put_real(writer, "sample",
                      average_ms(series, ns_column, count_column, at_ms - incr_ms, at_ms));
        json_put_uint(writer, "timestamp", at_ms);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

/* The average of the last seconds; when nothing was done in them, of all. */
static void put_average(struct listing *listing, struct json_writer *writer, const char *name,
                        uint32_t ns_column, uint32_t count_column)
{
    const struct series *series = listing->snapshot->node;
    double average = average_ms(series, ns_column, count_column, listing->now_ms - SAMPLE_MS,
                                listing->now_ms);
    char details[40];
    if (average <= 0)
        average = average_ms(series, ns_column, count_column, 0, listing->now_ms);
    json_put_real(writer, name, average);
    (void)snprintf(details, sizeof details, "%s_details", name);
    if (json_put_object(writer, details)) {
        json_put_real(writer, "rate", 0);
        if (listing->node_stats.age_s > 0)
            put_average_samples(listing, writer, ns_column, count_column);
    }
    json_write_object_end(writer);
}

/* What a broker in Erlang counts, and this one has not. */
static void put_nothing(struct json_writer *writer)
{
    static const char *const names[][2] = {
        {"gc_num", "gc_num_details"},
        {"gc_bytes_reclaimed", "gc_bytes_reclaimed_details"},
        {"io_seek_count", "io_seek_count_details"},
        {"io_seek_avg_time", "io_seek_avg_time_details"},
        {"io_reopen_count", "io_reopen_count_details"},
        {"mnesia_ram_tx_count", "mnesia_ram_tx_count_details"},
        {"mnesia_disk_tx_count", "mnesia_disk_tx_count_details"},
        {"queue_index_write_count", "queue_index_write_count_details"},
        {"queue_index_read_count", "queue_index_read_count_details"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_put_uint(writer, names[i][0], 0);
        (void)json_put_object(writer, names[i][1]);
        json_put_real(writer, "rate", 0);
        json_write_object_end(writer);
    }
}

static void put_numbers(struct listing *listing, struct json_writer *writer)
{
    const struct management *management = listing->request->management;
    const struct node_stats *stats = &management->node_stats;
    unsigned alarms = management->collector.counters.alarms;
    json_put_uint(writer, "fd_total", stats->fd_total);
    json_put_uint(writer, "sockets_total", stats->fd_total);
    json_put_uint(writer, "mem_limit", stats->memory_limit);
    json_put_bool(writer, "mem_alarm", (alarms & ALARM_MEMORY) != 0);
    json_put_uint(writer, "disk_free_limit", stats->disk_limit);
    json_put_bool(writer, "disk_free_alarm", (alarms & ALARM_DISK) != 0);
    json_put_uint(writer, "proc_total", stats->threads_total);
    json_put_uint(writer, "run_queue", 0);
    json_put_uint(writer, "processors", stats->processors);
    json_put_uint(writer, "uptime", (uv_hrtime() - management->started_ns) / 1000000);
    put_gauges(listing, writer);
    put_average(listing, writer, "io_read_avg_time", NODE_READ_NS, NODE_READS);
    put_average(listing, writer, "io_write_avg_time", NODE_WRITE_NS, NODE_WRITES);
    put_average(listing, writer, "io_sync_avg_time", NODE_SYNC_NS, NODE_SYNCS);
    put_nothing(writer);
    json_put_uint(writer, "collection_slice_ns_max", management->collector.slice_ns_max);
    json_put_uint(writer, "collection_engine_ns", management->collector.last_sweep_engine_ns);
}

/* --- what does not --------------------------------------------------------------------------- */

/* Is it offered? As handshake.c has it: what is set, else the two that need no certificate. */
static bool is_enabled(const struct settings *settings, const char *mechanism)
{
    const char *key = NULL, *text = NULL;
    if (settings->auth_mechanisms.bytes == 0)
        return strcmp(mechanism, "EXTERNAL") != 0;
    while (settings_next_text(&settings->auth_mechanisms, &key, &text))
        if (strcmp(mechanism, text) == 0)
            return true;
    return false;
}

static void put_mechanisms(struct listing *listing, struct json_writer *writer)
{
    static const struct {
        const char *name, *description;
    } rows[] = {{"PLAIN", "SASL PLAIN authentication mechanism"},
                {"AMQPLAIN", "QPid AMQPLAIN mechanism"},
                {"EXTERNAL", "TLS peer verification-based authentication mechanism"}};
    (void)json_put_array(writer, "auth_mechanisms");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_write_object(writer);
        json_put_text(writer, "name", rows[i].name);
        json_put_text(writer, "description", rows[i].description);
        json_put_bool(writer, "enabled", is_enabled(overview_settings(listing), rows[i].name));
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

/* The program, and what tools look for that want to know which RabbitMQ to expect. */
static void put_applications(struct listing *listing, struct json_writer *writer)
{
    const char *compatible = overview_settings(listing)->compatible_version;
    const struct {
        const char *name, *description, *version;
    } rows[] = {{"stoatmq", "StoatMQ, an AMQP 0-9-1 broker", STOATMQ_VERSION},
                {"rabbit", "RabbitMQ that this broker is compatible with", compatible},
                {"rabbitmq_management", "HTTP API and dashboard, compatible", compatible},
                {"rabbitmq_prometheus", "Metrics for Prometheus, compatible", compatible}};
    (void)json_put_array(writer, "applications");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_write_object(writer);
        json_put_text(writer, "name", rows[i].name);
        json_put_text(writer, "description", rows[i].description);
        json_put_text(writer, "version", rows[i].version);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

/* A list of the file PATH alone, from the root; OTHERWISE, or nothing, when there is none. */
static void put_file(struct json_writer *writer, const char *name, const char *path,
                     const char *otherwise)
{
    char whole[PATH_MAX];
    const char *const files[] = {path[0] == '\0'                 ? otherwise
                                 : realpath(path, whole) != NULL ? whole
                                                                 : path,
                                 NULL};
    put_strings(writer, name, files);
}

static void put_files(struct json_writer *writer, const struct settings *settings)
{
    char whole[PATH_MAX];
    const char *folder = settings->data_dir;
    json_put_text(writer, "db_dir", realpath(folder, whole) != NULL ? whole : folder);
    put_file(writer, "config_files", settings->config_file, NULL);
    put_file(writer, "log_files", settings->log_file, "<stderr>");
}

static void put_node(struct listing *listing, struct json_writer *writer)
{
    static const char *const none[] = {NULL};
    static const char *const plugins[] = {"rabbitmq_management", "rabbitmq_prometheus", NULL};
    const struct settings *settings = overview_settings(listing);
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
    json_put_text(writer, "rabbitmq_version", settings->compatible_version);
    json_put_text(writer, "product_name", "StoatMQ");
    json_put_text(writer, "product_version", STOATMQ_VERSION);
    put_files(writer, settings);
    put_strings(writer, "partitions", none);
    put_strings(writer, "cluster_links", none);
    put_applications(listing, writer);
    put_strings(writer, "enabled_plugins", plugins);
    overview_put_exchange_types(writer);
    put_mechanisms(listing, writer);
    overview_put_contexts(listing, writer);
    put_numbers(listing, writer);
    overview_put_churn(listing, writer);
    (void)json_put_object(writer, "metrics_gc_queue_length");
    json_write_object_end(writer);
    if (api_flag(listing->request, "memory"))
        node_memory_put(listing->request->management, writer, false);
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
    overview_reply_with(listing, put_nodes);
}

void api_get_nodes(struct api_request *request)
{
    listing_ask(request, reply_nodes);
}

static void reply_node(struct listing *listing)
{
    if (api_is_node(listing->request, api_argument(listing->request, "node")))
        overview_reply_with(listing, put_node);
    else
        api_refuse_not_found(listing->request);
}

void api_get_node(struct api_request *request)
{
    listing_ask(request, reply_node);
}
