/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/engine.h"

#include <inttypes.h>

#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/vhost.h"

static void describe_counters(const struct counters *counters, struct buf *out)
{
#define COUNTER(name, help) buf_printf(out, "counter %s=%" PRIu64 "\n", #name, counters->name);
#include "exchange/counters.def"
}

static void describe_queue(const struct queue *queue, struct buf *out)
{
    uint64_t delivered = 0;
    for (unsigned kind = TRAFFIC_DELIVER; kind <= TRAFFIC_GET_NO_ACK; kind++)
        delivered += queue->traffic.count[kind];
    buf_printf(out,
               "queue name=\"%.*s\" ready=%" PRIu64 " ready_in_memory=%" PRIu64
               " ready_bytes=%" PRIu64 " unacked=%" PRIu64 " consumers=%u published=%" PRIu64
               " delivered=%" PRIu64 "%s%s%s\n",
               SLICE_ARGS(queue->name), queue_depth(queue), queue_in_memory(queue),
               queue->ready_bytes, queue->unacked, queue->consumer_count,
               queue->traffic.count[TRAFFIC_PUBLISH], delivered, queue->durable ? " durable" : "",
               queue->auto_delete ? " auto_delete" : "", queue->owner != NULL ? " exclusive" : "");
}

static void describe_vhost(const struct vhost *vhost, struct buf *out, unsigned max_rows)
{
    buf_printf(out, "vhost name=\"%.*s\" exchanges=%u queues=%u\n", SLICE_ARGS(vhost->name),
               vhost->exchanges.count, vhost->queues.count);
    uint32_t position = 0;
    const struct queue *queue;
    for (unsigned row = 0; row < max_rows && (queue = map_next(&vhost->queues, &position)) != NULL;
         row++)
        describe_queue(queue, out);
    if (vhost->queues.count > max_rows)
        buf_printf(out, "queues_not_shown=%u\n", vhost->queues.count - max_rows);
}

static void describe_session(const struct session *session, struct buf *out)
{
    buf_printf(out, "connection name=\"%.*s\" user=\"%.*s\" channels=%u unwritten=%" PRIu64 "%s\n",
               SLICE_ARGS(session->name), session->user != NULL ? (int)session->user->name.size : 0,
               session->user != NULL ? (const char *)session->user->name.data : "",
               session->channel_count, session->unwritten, session->clogged ? " clogged" : "");
}

void engine_describe(const struct engine *engine, struct buf *out, unsigned max_rows)
{
    describe_counters(&engine->counters, out);
    uint32_t position = 0;
    for (const struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;)
        describe_vhost(vhost, out, max_rows);
    unsigned rows = 0;
    list_for_each (node, &engine->sessions) {
        if (rows++ == max_rows) {
            buf_printf(out, "connections_not_shown=yes\n");
            break;
        }
        describe_session(LIST_ENTRY(node, struct session, by_engine), out);
    }
}
