/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/queue_limit.h"

#include "exchange/dead_letter.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"

/* So many are dropped at once. */
#define DROPS_MAX 1000

static bool is_above(const struct queue *queue, uint64_t count, uint64_t bytes)
{
    return count > queue->limit.count_max || bytes > queue->limit.bytes_max;
}

static void come_back(struct queue *queue)
{
    struct engine *engine = queue->vhost->engine;
    timer_arm(&engine->timers, &queue->limit.rest, engine->env->now_ms(engine->env->context));
}

/* Nothing is in memory in front of the cold range: drops all of that without reading it, when all
 * of it is too much and nobody wants to have it. */
static bool drop_unread(struct queue *queue)
{
    const struct deque_cold *cold = &queue->ready.cold;
    uint64_t count = cold->count;
    if (queue->settings.dead_letters ||
        !is_above(queue, queue_depth(queue) - count + 1, queue->ready_bytes - cold->bytes))
        return false;
    queue_drop_cold(queue);
    queue->vhost->engine->counters.messages_overflow_dropped += count;
    queue->vhost->engine->counters.messages_dropped_maxlen += count;
    queue_schedule(queue); /* who waited for those may take what stands behind them */
    return true;
}

uint32_t queue_limit_enforce(struct queue *queue)
{
    uint32_t dropped = 0;
    while (queue_is_over(queue)) {
        struct returned_entry entry;
        if (dropped == DROPS_MAX) {
            come_back(queue);
            break;
        }
        if (queue_take(queue, &entry)) {
            queue->vhost->engine->counters.messages_overflow_dropped++;
            dead_letter(queue, entry.position, entry.message, DEAD_MAXLEN);
        } else if (!drop_unread(queue)) {
            paging_fetch(queue); /* which has this called again */
            break;
        }
        dropped++;
    }
    return dropped;
}

static uint32_t drop_rest(struct timer *timer)
{
    struct queue *queue = (struct queue *)(void *)((char *)timer -
                                                   offsetof(struct queue, limit.rest));
    return queue->limit.drops ? queue_limit_enforce(queue) : 0;
}

bool queue_limit_rejects(const struct queue *queue, const struct message *message)
{
    return queue->limit.rejects &&
           is_above(queue, queue_depth(queue) + 1, queue->ready_bytes + message->body_bytes);
}

static void reject(struct queue *queue, struct message *message)
{
    queue->vhost->engine->counters.messages_overflow_rejected++;
    if (queue->settings.overflow != OVERFLOW_REJECT_PUBLISH_DLX)
        return;
    message_ref(message);
    dead_letter_refused(queue, message, DEAD_MAXLEN);
}

uint32_t queue_limit_keep_willing(struct queue **queues, uint32_t count, struct message *message)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (queue_limit_rejects(queues[i], message))
            reject(queues[i], message);
        else
            queues[kept++] = queues[i];
    return kept;
}

static void set_rejects(struct queue *queue, bool is_rejecting)
{
    if (is_rejecting && !queue->limit.rejects)
        queue->vhost->rejecting++;
    else if (!is_rejecting && queue->limit.rejects)
        queue->vhost->rejecting--;
    queue->limit.rejects = is_rejecting;
}

void queue_limit_changed(struct queue *queue)
{
    const struct queue_settings *settings = &queue->settings;
    bool is_limited = settings->max_length >= 0 || settings->max_length_bytes >= 0;
    queue->limit.rest.due = drop_rest;
    queue->limit.count_max = (uint64_t)settings->max_length; /* QUEUE_SETTING_NONE is the most */
    queue->limit.bytes_max = (uint64_t)settings->max_length_bytes;
    queue->limit.drops = is_limited && settings->overflow == OVERFLOW_DROP_HEAD;
    set_rejects(queue, is_limited && settings->overflow != OVERFLOW_DROP_HEAD);
    if (queue->limit.drops && queue_is_over(queue))
        come_back(queue);
}

void queue_limit_forget(struct queue *queue)
{
    queue->limit.drops = false;
    set_rejects(queue, false);
    timer_disarm(&queue->vhost->engine->timers, &queue->limit.rest);
}
