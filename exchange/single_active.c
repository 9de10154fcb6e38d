/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/single_active.h"

#include "exchange/vhost.h"

void single_active_added(struct consumer *consumer)
{
    struct queue *queue = consumer->queue;
    if (queue->settings.single_active && queue->single_active == NULL)
        queue->single_active = consumer;
}

void single_active_removed(struct consumer *consumer)
{
    struct queue *queue = consumer->queue;
    if (queue->single_active != consumer)
        return;
    struct list_node *node = queue->deleted ? NULL : list_first(&queue->consumers);
    queue->single_active = node == NULL ? NULL : LIST_ENTRY(node, struct consumer, by_queue);
    if (queue->single_active == NULL)
        return;
    registry_changed(queue->vhost->engine, REGISTRY_CONSUMER, &queue->single_active->registered);
    consumer_wake(queue->single_active);
}
