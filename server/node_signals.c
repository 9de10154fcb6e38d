/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node_parts.h"

#include <inttypes.h>
#include <signal.h>

#include "exchange/engine.h"
#include "server/base/log.h"

#define DESCRIBE_ROWS 50

static void on_stop_signal(uv_signal_t *signal, int number)
{
    struct node *node = signal->data;
    if (!node->stopping)
        node_stop(node, number == SIGINT ? "SIGINT" : "SIGTERM");
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
    node_describe_workers(node);
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

void node_start_signals(struct node *node)
{
    start_signal(node, &node->on_int, SIGINT, on_stop_signal);
    start_signal(node, &node->on_term, SIGTERM, on_stop_signal);
    start_signal(node, &node->on_usr1, SIGUSR1, on_describe_signal);
    start_signal(node, &node->on_hup, SIGHUP, on_hangup_signal);
    node->has_signals = true;
}

void node_stop_signals(struct node *node)
{
    if (!node->has_signals)
        return;
    uv_close((uv_handle_t *)&node->on_int, NULL);
    uv_close((uv_handle_t *)&node->on_term, NULL);
    uv_close((uv_handle_t *)&node->on_usr1, NULL);
    uv_close((uv_handle_t *)&node->on_hup, NULL);
}
