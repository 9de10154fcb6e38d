/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Queues and bodies are what the engine counts, the snapshot is measured here, code
 * is what the system says of mapped files. All else of the resident memory is other_system: what
 * connections have, the log's batches, what the allocator keeps. A body that waits in several
 * queues counts in each.
 */
#include "mgmt/api/node_memory.h"

#include <inttypes.h>
#include <stdio.h>

#include "mgmt/api/api.h"
#include "mgmt/api/handlers.h"
#include "mgmt/management.h"

enum part {
    PART_CONNECTION_READERS,
    PART_CONNECTION_WRITERS,
    PART_CONNECTION_CHANNELS,
    PART_CONNECTION_OTHER,
    PART_QUEUES,
    PART_MIRRORS,
    PART_QUORUM_QUEUES,
    PART_QUORUM_DLX,
    PART_STREAM_QUEUES,
    PART_STREAM_READERS,
    PART_STREAM_COORDINATOR,
    PART_PLUGINS,
    PART_OTHER_PROC,
    PART_METRICS,
    PART_MANAGEMENT,
    PART_MNESIA,
    PART_QUORUM_ETS,
    PART_OTHER_ETS,
    PART_BODIES,
    PART_MSG_INDEX,
    PART_CODE,
    PART_ATOM,
    PART_OTHER,
    PART_UNUSED,
    PART_RESERVED,
    PART_COUNT,
};

/* RabbitMQ's names; what only Erlang has stays 0. */
static const char *const part_names[PART_COUNT] = {
    "connection_readers",
    "connection_writers",
    "connection_channels",
    "connection_other",
    "queue_procs",
    "queue_slave_procs",
    "quorum_queue_procs",
    "quorum_queue_dlx_procs",
    "stream_queue_procs",
    "stream_queue_replica_reader_procs",
    "stream_queue_coordinator_procs",
    "plugins",
    "other_proc",
    "metrics",
    "mgmt_db",
    "mnesia",
    "quorum_ets",
    "other_ets",
    "binary",
    "msg_index",
    "code",
    "atom",
    "other_system",
    "allocated_unused",
    "reserved_unallocated",
};

/* Bytes of mapped files that are in memory: the program and its libraries. */
static uint64_t code_bytes(void)
{
    char line[128];
    uint64_t kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "RssFile: %" SCNu64, &kilobytes) == 1)
            break;
    fclose(file);
    return kilobytes * 1024;
}

static uint64_t series_bytes(const struct series *series)
{
    uint64_t bytes = sizeof *series + series->columns * (sizeof(uint64_t) + sizeof(float));
    for (unsigned i = 0; i < SERIES_LEVELS; i++)
        bytes += (uint64_t)series->level[i].capacity * (series->columns + 1u) * sizeof(uint64_t);
    return bytes;
}

static uint64_t row_bytes(const struct row *row)
{
    uint64_t bytes = sizeof *row + row->key.size;
    for (unsigned i = 0; i < CAME_TEXTS; i++)
        bytes += row->text[i].size;
    return bytes + (row->series != NULL ? series_bytes(row->series) : 0);
}

static uint64_t snapshot_bytes(const struct snapshot *snapshot)
{
    uint64_t bytes = series_bytes(snapshot->overview) + series_bytes(snapshot->node);
    for (unsigned kind = 0; kind < REGISTRY_KIND_COUNT; kind++)
        for (uint32_t i = 0; i < snapshot->tables[kind].count; i++)
            bytes += row_bytes(snapshot->tables[kind].rows[i]);
    return bytes;
}

static void count_queues(const struct snapshot *snapshot, uint64_t parts[PART_COUNT])
{
    const struct table *queues = &snapshot->tables[REGISTRY_QUEUE];
    for (uint32_t i = 0; i < queues->count; i++) {
        const struct fact_queue *now = &queues->rows[i]->queue;
        uint64_t bodies = now->ready_bytes - now->cold_bytes + now->unacked_bytes;
        parts[PART_BODIES] += bodies;
        parts[PART_QUEUES] += now->memory_bytes - bodies;
    }
}

/* The parts; together they are TOTAL, unless what is known is more than that. */
static void count_parts(const struct management *management, uint64_t total,
                        uint64_t parts[PART_COUNT])
{
    const struct snapshot *snapshot = &management->collector.snapshot;
    const struct table *sessions = &snapshot->tables[REGISTRY_SESSION];
    uint64_t known = 0;
    count_queues(snapshot, parts);
    for (uint32_t i = 0; i < sessions->count; i++)
        parts[PART_CONNECTION_WRITERS] += sessions->rows[i]->socket.pending_bytes;
    parts[PART_MANAGEMENT] = snapshot_bytes(snapshot);
    parts[PART_CODE] = code_bytes();
    for (unsigned i = 0; i < PART_COUNT; i++)
        known += parts[i];
    parts[PART_OTHER] = total > known ? total - known : 0;
}

/* As RabbitMQ: what is there is 1 at least. */
static uint64_t percents(uint64_t part, uint64_t total)
{
    uint64_t rounded = total == 0 ? 0 : (part * 100 + total / 2) / total;
    return rounded == 0 && part > 0 ? 1 : rounded;
}

void node_memory_put(const struct management *management, struct json_writer *writer,
                     bool is_relative)
{
    uint64_t parts[PART_COUNT] = {0}, total = management->node_stats.memory_used;
    count_parts(management, total, parts);
    (void)json_put_object(writer, "memory");
    if (is_relative)
        json_put_uint(writer, "total", 100);
    for (unsigned i = 0; i < PART_COUNT; i++)
        json_put_uint(writer, part_names[i], is_relative ? percents(parts[i], total) : parts[i]);
    if (!is_relative) {
        json_put_text(writer, "strategy", "rss");
        (void)json_put_object(writer, "total");
        json_put_uint(writer, "erlang", total - parts[PART_CODE]);
        json_put_uint(writer, "rss", total);
        json_put_uint(writer, "allocated", total);
        json_write_object_end(writer);
    }
    json_write_object_end(writer);
}

static void reply_memory(struct api_request *request, bool is_relative)
{
    struct buf body = {0};
    struct json_writer writer;
    if (!api_is_node(request, api_argument(request, "node"))) {
        api_refuse_not_found(request);
        return;
    }
    json_writer_init(&writer, &body);
    json_write_object(&writer);
    node_memory_put(request->management, &writer, is_relative);
    json_write_object_end(&writer);
    api_reply_json(request, &body);
}

void api_get_node_memory(struct api_request *request)
{
    reply_memory(request, false);
}

void api_get_node_memory_shares(struct api_request *request)
{
    reply_memory(request, true);
}
