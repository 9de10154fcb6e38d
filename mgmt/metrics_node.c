/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "mgmt/metrics_parts.h"
#include "server/alarms.h"

void metrics_put_node(struct scrape *scrape)
{
    const struct node_stats stats = scrape->management->node_stats;
    unsigned alarms = scrape->management->collector.counters.alarms;
    const char *prefix = metrics_prefix(scrape);
    metrics_put_number(scrape, prefix, "process_open_fds", false, "Open file descriptors",
                       stats.fd_used);
    metrics_put_number(scrape, prefix, "process_max_fds", false, "Open file descriptors limit",
                       stats.fd_total);
    metrics_put_number(scrape, prefix, "process_open_tcp_sockets", false, "Open TCP sockets",
                       scrape->snapshot->tables[REGISTRY_SESSION].count);
    metrics_put_number(scrape, prefix, "process_max_tcp_sockets", false, "Open TCP sockets limit",
                       stats.fd_total);
    metrics_put_number(scrape, prefix, "process_resident_memory_bytes", false,
                       "Memory used in bytes", stats.memory_used);
    metrics_put_number(scrape, prefix, "resident_memory_limit_bytes", false,
                       "Memory high watermark in bytes", stats.memory_limit);
    metrics_put_number(scrape, prefix, "disk_space_available_bytes", false,
                       "Disk space available in bytes", stats.disk_free);
    metrics_put_number(scrape, prefix, "disk_space_available_limit_bytes", false,
                       "Free disk space low watermark in bytes", stats.disk_limit);
    metrics_put_number(scrape, prefix, "erlang_uptime_seconds", false, "Node uptime",
                       (uv_hrtime() - scrape->management->started_ns) / 1000000000u);
    metrics_put_number(scrape, prefix, "erlang_processes_used", false, "Threads used",
                       stats.threads);
    metrics_put_number(scrape, prefix, "erlang_processes_limit", false, "Threads limit",
                       stats.threads_total);
    metrics_put_number(scrape, prefix, "erlang_scheduler_context_switches_total", true,
                       "Total number of context switches", stats.context_switches);
    metrics_put_number(scrape, prefix, "erlang_scheduler_run_queue", false,
                       "Length of the run queue; there is none", 0);
    metrics_put_number(scrape, prefix, "erlang_net_ticktime_seconds", false,
                       "Inter-node heartbeat interval", 60);
    metrics_put_number(scrape, prefix, "alarms_memory_used_watermark", false,
                       "is 1 if VM memory watermark alarm is in effect",
                       (alarms & ALARM_MEMORY) != 0);
    metrics_put_number(scrape, prefix, "alarms_free_disk_space_watermark", false,
                       "is 1 if free disk space watermark alarm is in effect",
                       (alarms & ALARM_DISK) != 0);
    metrics_put_number(scrape, prefix, "alarms_file_descriptor_limit", false,
                       "is 1 if file descriptor limit alarm is in effect",
                       stats.fd_total > 0 && stats.fd_used >= stats.fd_total);
}

static void put_seconds(struct scrape *scrape, const char *prefix, const char *name,
                        bool is_counter, const char *help, uint64_t ns)
{
    metrics_put_head(scrape, prefix, name, is_counter ? "counter" : "gauge", help);
    buf_printf(scrape->out, "%s%s %" PRIu64 ".%09" PRIu64 "\n", prefix, name, ns / 1000000000u,
               ns % 1000000000u);
}

/* --- disk ------------------------------------------------------------------------------------ */

static void put_time(struct scrape *scrape, const char *name, const char *help, uint64_t ns)
{
    put_seconds(scrape, metrics_prefix(scrape), name, true, help, ns);
}

void metrics_put_disk(struct scrape *scrape)
{
    const struct node_counters *counters = &scrape->management->collector.counters;
    const struct {
        const char *name, *help;
        uint64_t value;
    } counts[] = {
        {"io_read_ops_total", "Total number of I/O read operations", counters->keeper.reads},
        {"io_read_bytes_total", "Total number of I/O bytes read", counters->keeper.bytes_read},
        {"io_write_ops_total", "Total number of I/O write operations", counters->log.writes},
        {"io_write_bytes_total", "Total number of I/O bytes written", counters->log.bytes},
        {"io_sync_ops_total", "Total number of I/O sync operations", counters->log.syncs},
        {"msg_store_read_total", "Total number of messages read from the log",
         counters->keeper.messages_read},
        {"msg_store_write_total", "Total number of messages written to the log",
         counters->messages},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        metrics_put_number(scrape, metrics_prefix(scrape), counts[i].name, true, counts[i].help,
                           counts[i].value);
    put_time(scrape, "io_read_time_seconds_total", "Total I/O read time", counters->keeper.read_ns);
    put_time(scrape, "io_write_time_seconds_total", "Total I/O write time", counters->log.write_ns);
    put_time(scrape, "io_sync_time_seconds_total", "Total I/O sync time", counters->log.sync_ns);
}

/* --- logins ---------------------------------------------------------------------------------- */

/* As /api/auth/attempts, and like that from zero again when it is told so. */
void metrics_put_logins(struct scrape *scrape)
{
    const struct authentication *authentication = &scrape->management->authentication;
    const struct counters *counters = &scrape->snapshot->engine.counters;
    const struct login_attempts http = authentication->attempts,
                                before = authentication->amqp_before;
    struct login_attempts amqp = {counters->sessions_opened + counters->logins_refused,
                                  counters->logins_refused};
    /* The snapshot may be older than that. */
    amqp.attempts -= before.attempts < amqp.attempts ? before.attempts : amqp.attempts;
    amqp.failed -= before.failed < amqp.failed ? before.failed : amqp.failed;
    const struct {
        const char *name, *help;
        uint64_t http, amqp;
    } rows[] = {
        {"auth_attempts_total", "Total number of authorization attempts", http.attempts,
         amqp.attempts},
        {"auth_attempts_succeeded_total", "Total number of successful authentication attempts",
         http.attempts - http.failed, amqp.attempts - amqp.failed},
        {"auth_attempts_failed_total", "Total number of failed authentication attempts",
         http.failed, amqp.failed},
    };
    const char *prefix = metrics_prefix(scrape);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        metrics_put_head(scrape, prefix, rows[i].name, "counter", rows[i].help);
        buf_printf(scrape->out,
                   "%s%s{protocol=\"http\"} %" PRIu64 "\n"
                   "%s%s{protocol=\"amqp091\"} %" PRIu64 "\n",
                   prefix, rows[i].name, rows[i].http, prefix, rows[i].name, rows[i].amqp);
    }
}

/* --- our own --------------------------------------------------------------------------------- */

/* Counts in BUCKETS, whose limits double from FIRST on, and the SUM of what was counted; in units
 * of which PER_UNIT are one of the metric's. */
struct histogram {
    const uint64_t *buckets;
    unsigned bucket_count;
    uint64_t first, sum;
    double per_unit;
};

static void put_histogram(struct scrape *scrape, const char *name, const char *help,
                          const struct histogram *histogram)
{
    uint64_t count = 0;
    metrics_put_head(scrape, "stoatmq_", name, "histogram", help);
    for (unsigned i = 0; i < histogram->bucket_count; i++) {
        count += histogram->buckets[i];
        if (i + 1 < histogram->bucket_count)
            buf_printf(scrape->out, "stoatmq_%s_bucket{le=\"%.9g\"} %" PRIu64 "\n", name,
                       (double)(histogram->first << i) / histogram->per_unit, count);
    }
    buf_printf(scrape->out,
               "stoatmq_%s_bucket{le=\"+Inf\"} %" PRIu64 "\nstoatmq_%s_sum %.17g\n"
               "stoatmq_%s_count %" PRIu64 "\n",
               name, count, name, (double)histogram->sum / histogram->per_unit, name, count);
}

static void put_engine(struct scrape *scrape)
{
    const struct loop_counters *loop = &scrape->management->collector.counters.engine_loop;
    put_histogram(scrape, "engine_tick_seconds",
                  "Time of a tick of the engine's loop; with one loop, its connections' work too",
                  &(struct histogram){loop->tick_times, LOOP_TICK_BUCKETS, LOOP_TICK_NS_FIRST,
                                      loop->tick_ns, 1e9});
    metrics_put_number(scrape, "stoatmq_", "engine_inbox_parcels_total", true,
                       "Batches and calls of other threads that the engine's loop took",
                       loop->parcels);
    metrics_put_number(scrape, "stoatmq_", "engine_inbox_depth", false,
                       "The most of them that waited at once, since the snapshot before",
                       loop->inbox_depth);
}

static void put_log(struct scrape *scrape)
{
    const struct node_counters *counters = &scrape->management->collector.counters;
    const struct commit_log_counters *log = &counters->log;
    const struct keeper_counters *keeper = &counters->keeper;
    uint64_t written = log->bytes + keeper->checkpoint_bytes;
    put_histogram(
        scrape, "log_sync_seconds", "Time of a sync of the log",
        &(struct histogram){log->sync_times, LOG_BUCKETS, SYNC_NS_FIRST, log->sync_ns, 1e9});
    put_histogram(
        scrape, "log_batch_bytes", "Size of the batches that the log writes at once",
        &(struct histogram){log->batch_sizes, LOG_BUCKETS, BATCH_BYTES_FIRST, log->batch_bytes, 1});
    const struct {
        const char *name, *help;
        bool is_counter;
        uint64_t value;
    } rows[] = {
        {"log_written_bytes_total", "Bytes written to the log and its checkpoints", true, written},
        {"log_message_bytes_total", "Bytes of the bodies of messages that came to the log", true,
         counters->message_bytes},
        {"log_segments", "Files of the log in use", false, keeper->segments},
        {"log_spare_segments", "Files of the log kept to be used", false, keeper->spare_segments},
        {"log_segments_recycled_total", "Files of the log that were used again", true,
         keeper->segments_recycled},
        {"log_segments_emptied_total",
         "Files of the log that were given up by appending again what lived in them", true,
         keeper->segments_emptied},
        {"log_messages_moved_total", "Messages that were appended again for that", true,
         keeper->messages_moved},
        {"log_checkpoints_total", "Checkpoints written", true, keeper->checkpoints},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        metrics_put_number(scrape, "stoatmq_", rows[i].name, rows[i].is_counter, rows[i].help,
                           rows[i].value);
    metrics_put_head(scrape, "stoatmq_", "log_write_amplification_ratio", "gauge",
                     "Bytes written for each byte of messages that came to the log, so far");
    buf_printf(scrape->out, "stoatmq_log_write_amplification_ratio %.6g\n",
               counters->message_bytes == 0 ? 0
                                            : (double)written / (double)counters->message_bytes);
}

void metrics_put_own(struct scrape *scrape)
{
    const struct collector *collector = &scrape->management->collector;
    const struct counters *counters = &scrape->snapshot->engine.counters;
    metrics_put_number(scrape, "stoatmq_", "engine_commands_total", true,
                       "Commands that the engine applied", counters->commands);
    metrics_put_number(scrape, "stoatmq_", "messages_expired_total", true,
                       "Messages whose time was over", counters->messages_expired);
    metrics_put_number(scrape, "stoatmq_", "messages_overflow_dropped_total", true,
                       "Messages dropped or dead-lettered since their queue was full",
                       counters->messages_overflow_dropped);
    metrics_put_number(scrape, "stoatmq_", "messages_overflow_rejected_total", true,
                       "Messages that a full queue did not take",
                       counters->messages_overflow_rejected);
    metrics_put_number(scrape, "stoatmq_", "messages_delayed_total", true,
                       "Messages that were made to wait in an exchange (x-delay)",
                       counters->messages_delayed);
    metrics_put_number(scrape, "stoatmq_", "messages_delayed", false,
                       "Messages that wait in exchanges",
                       scrape->snapshot->engine.messages_delayed);
    metrics_put_number(scrape, "stoatmq_", "messages_paged_out_total", true,
                       "Messages that left memory and are in the store alone",
                       counters->messages_paged_out);
    metrics_put_number(scrape, "stoatmq_", "messages_paged_in_total", true,
                       "Messages read back from the store", counters->messages_paged_in);
    metrics_put_number(scrape, "stoatmq_", "logins_refused_total", true, "Logins refused",
                       counters->logins_refused);
    metrics_put_number(scrape, "stoatmq_", "engine_held_bytes", false,
                       "Bytes of commands and replies that wait in the engine",
                       scrape->snapshot->engine.held_bytes);
    put_seconds(scrape, "stoatmq_", "snapshot_sweep_engine_seconds", false,
                "Time of the engine that the last look at everything took",
                collector->last_sweep_engine_ns);
    put_seconds(scrape, "stoatmq_", "snapshot_slice_engine_seconds_max", false,
                "The most of the engine's time that was taken for that at once",
                collector->slice_ns_max);
    metrics_put_number(scrape, "stoatmq_", "http_requests_total", true,
                       "HTTP requests served by the management",
                       scrape->management->server.requests);
    metrics_put_number(scrape, "stoatmq_", "http_connections", false,
                       "HTTP connections of the management",
                       scrape->management->server.connection_count);
    put_engine(scrape);
    if (collector->counters.has_log)
        put_log(scrape);
}
