/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The consumers of a paused queue are all parked with their channels, and consumer.c
 * leaves them there: so whoever delivers finds none that may take a message, and the way of a
 * message has nothing to ask.
 */
#include "exchange/pause.h"

#include "exchange/consumer.h"
#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/vhost.h"

static struct engine *engine_of(const struct queue *queue)
{
    return queue->vhost->engine;
}

static struct slice key_of(const struct queue *queue, struct buf *room)
{
    return definition_key(room, queue->vhost->name, queue->name, SLICE_EMPTY);
}

static void stop(struct queue *queue)
{
    queue->is_paused = true;
    for (struct list_node *node; (node = list_first(&queue->active)) != NULL;)
        consumer_park(LIST_ENTRY(node, struct consumer, active));
    session_release_all(&queue->paging.getters); /* they find it empty */
    registry_changed(engine_of(queue), REGISTRY_QUEUE, &queue->registered);
}

uint64_t queue_pause(struct queue *queue)
{
    if (queue->is_paused)
        return 0;
    stop(queue);
    event_queue(queue, "queue.paused", queue_depth(queue));
    if (!queue->durable)
        return 0;
    struct buf room = {0};
    uint64_t lsn = engine_define(engine_of(queue), DEFINITION_PAUSED_QUEUE, key_of(queue, &room),
                                 SLICE_EMPTY);
    buf_fini(&room);
    return lsn;
}

static uint64_t undefine(struct queue *queue)
{
    struct buf room = {0};
    uint64_t lsn = engine_undefine(engine_of(queue), DEFINITION_PAUSED_QUEUE, key_of(queue, &room));
    buf_fini(&room);
    return lsn;
}

uint64_t queue_resume(struct queue *queue)
{
    if (!queue->is_paused)
        return 0;
    queue->is_paused = false;
    event_queue(queue, "queue.resumed", queue_depth(queue));
    list_for_each_safe (node, &queue->consumers)
        consumer_wake(LIST_ENTRY(node, struct consumer, by_queue));
    registry_changed(engine_of(queue), REGISTRY_QUEUE, &queue->registered);
    return queue->durable ? undefine(queue) : 0;
}

void pause_forget(struct queue *queue)
{
    if (queue->is_paused && queue->durable)
        (void)undefine(queue);
}

bool pause_restore(struct engine *engine, struct slice key, struct slice value)
{
    struct vhost *vhost = map_get(&engine->vhosts, definition_key_next(&key));
    struct queue *queue = vhost == NULL ? NULL : vhost_queue(vhost, key);
    (void)value;
    if (queue != NULL)
        stop(queue);
    return queue != NULL;
}
