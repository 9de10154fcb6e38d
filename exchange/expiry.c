/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. What a message carries is when it was put into its queues, not when it expires: so
 * a policy with another TTL holds at once for all that is there, and one time is enough for all the
 * queues that a message went to. Times are of the wall clock, for they outlive the process; timers
 * are of the other, so a message is looked at again when the two have drifted apart.
 */
#include "exchange/expiry.h"

#include <stddef.h>

#include "exchange/dead_letter.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/priority.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/vhost.h"
#include "server/base/log.h"
#include "server/base/mem.h"

/* How many messages of a queue are dropped at a time, and what that counts for (timers.h). */
#define DROP_MAX         512
#define WORK_DEAD_LETTER 4
#define WORK_FETCH       64

static struct engine *engine_of(const struct queue *queue)
{
    return queue->vhost->engine;
}

static uint64_t now_ms(const struct queue *queue)
{
    const struct env *env = engine_of(queue)->env;
    return env->now_ms(env->context);
}

/* --- a message's time ------------------------------------------------------------------------ */

/* When MESSAGE expires in QUEUE, since 1970; TIMER_NEVER: it does not. */
static uint64_t end_of(const struct queue *queue, const struct message *message)
{
    uint64_t since = message_time_ms(message), own;
    int64_t ttl = queue->settings.message_ttl_ms;
    if (since == 0)
        return ttl < 0 ? TIMER_NEVER : queue->clock->ttl_since_ms + (uint64_t)ttl;
    if (message_expiration(message, &own) && (ttl < 0 || own < (uint64_t)ttl))
        return since + own;
    return ttl < 0 ? TIMER_NEVER : since + (uint64_t)ttl;
}

/* Has QUEUE looked at when its first message expires, at END_MS since 1970. */
static void look_at(struct queue *queue, uint64_t end_ms)
{
    struct timer *timer = &queue->clock->messages;
    uint64_t wall = engine_wall_ms(engine_of(queue)), now = now_ms(queue);
    uint64_t due = end_ms <= wall ? now : now + (end_ms - wall);
    if (end_ms != TIMER_NEVER && (!timer_is_armed(timer) || due < timer->due_ms))
        timer_arm(&engine_of(queue)->timers, timer, due);
}

static void look_now(struct queue *queue)
{
    timer_arm(&engine_of(queue)->timers, &queue->clock->messages, now_ms(queue));
}

void expiry_head_changed(struct queue *queue)
{
    struct queue_clock *clock = queue->clock;
    if (!expiry_looks_at_head(clock))
        return;
    const struct message *message = queue_peek(queue);
    if (message != NULL)
        look_at(queue, end_of(queue, message));
    else if (queue_depth(queue) == 0)
        clock->is_on = clock->has_ttl;
    else if (queue->paging.state == PAGING_QUIET)
        look_now(queue);
}

/* --- messages -------------------------------------------------------------------------------- */

enum head {
    HEAD_STAYS, /* or there is none */
    HEAD_COLD,  /* nobody knows */
    HEAD_ENDS,  /* as many were dropped as may be at once */
};

/* Drops what is over; COUNT gets how many that were. */
static enum head drop(struct queue *queue, uint32_t *count)
{
    uint64_t wall = engine_wall_ms(engine_of(queue));
    struct returned_entry entry;
    for (*count = 0;; (*count)++) {
        const struct message *message = queue_peek(queue);
        if (message == NULL)
            return queue_depth(queue) > 0 ? HEAD_COLD : HEAD_STAYS;
        uint64_t end_ms = end_of(queue, message);
        if (end_ms > wall) {
            queue->clock->fresh_until_ms = end_ms;
            return HEAD_STAYS;
        }
        if (*count == DROP_MAX)
            return HEAD_ENDS;
        CHECK_ID(queue_take(queue, &entry), queue->id);
        dead_letter(queue, entry.position, entry.message, DEAD_EXPIRED);
    }
}

static enum head drop_and_look(struct queue *queue, uint32_t *count)
{
    struct queue_clock *clock = queue->clock;
    *count = 0;
    if (!clock->is_on)
        return HEAD_STAYS;
    clock->is_dropping = true;
    enum head head = drop(queue, count);
    clock->is_dropping = false;
    engine_of(queue)->counters.messages_expired += *count;
    if (head == HEAD_ENDS)
        look_now(queue);
    else if (head == HEAD_STAYS)
        expiry_head_changed(queue);
    return head;
}

bool expiry_drop(struct queue *queue)
{
    uint32_t count;
    if (expiry_is_fresh(queue->clock, engine_wall_ms(engine_of(queue))))
        return true;
    return drop_and_look(queue, &count) != HEAD_ENDS;
}

/* The first message's time is over, or nobody knows: it is cold. */
static uint32_t on_messages(struct timer *timer)
{
    struct queue_clock *clock =
        (struct queue_clock *)(void *)((char *)timer - offsetof(struct queue_clock, messages));
    struct queue *queue = clock->queue;
    uint32_t count, fetched = 0;
    enum head head = drop_and_look(queue, &count);
    if (head == HEAD_COLD) {
        if (count > 0)
            paging_fetch(queue);
        else
            paging_fetch_first(queue);
        fetched = WORK_FETCH;
    } else if (head == HEAD_STAYS && count > 0) {
        session_release_all(&queue->paging.getters);
        queue_schedule(queue);
    }
    return fetched + count * (queue->settings.dead_letters ? WORK_DEAD_LETTER : 1);
}

/* --- the queue ------------------------------------------------------------------------------- */

/* Nobody may have used the queue for long enough. */
static uint32_t on_idle(struct timer *timer)
{
    struct queue_clock *clock = (struct queue_clock *)(void *)((char *)timer -
                                                               offsetof(struct queue_clock, idle));
    struct queue *queue = clock->queue;
    uint64_t end_ms = clock->used_ms + (uint64_t)queue->settings.expires_ms;
    if (queue->consumer_count > 0)
        return 0; /* until the last of them goes */
    if (end_ms > now_ms(queue)) {
        timer_arm(&engine_of(queue)->timers, timer, end_ms);
        return 0;
    }
    uint64_t depth = queue_depth(queue);
    log_info("queue_expired", LOG_BYTES("vhost", queue->vhost->name),
             LOG_BYTES("queue", queue->name), LOG_NUM("messages", depth));
    queue_delete(queue);
    return depth > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)depth;
}

void expiry_used(struct queue *queue)
{
    struct queue_clock *clock = queue->clock;
    if (clock == NULL || queue->settings.expires_ms < 0 || queue->deleted)
        return;
    clock->used_ms = now_ms(queue);
    if (!timer_is_armed(&clock->idle))
        timer_arm(&engine_of(queue)->timers, &clock->idle,
                  clock->used_ms + (uint64_t)queue->settings.expires_ms);
}

/* --- life ------------------------------------------------------------------------------------ */

static struct queue_clock *give_clock(struct queue *queue)
{
    if (queue->clock != NULL)
        return queue->clock;
    queue->clock = mem_zalloc(sizeof *queue->clock);
    queue->clock->queue = queue;
    queue->clock->messages.due = on_messages;
    queue->clock->idle.due = on_idle;
    return queue->clock;
}

static bool has_own(const struct message *message)
{
    uint64_t own;
    return message_expiration(message, &own);
}

/* Or does it have its time for another queue's sake? */
static bool may_expire(const struct queue *queue, const struct message *message)
{
    return queue->settings.message_ttl_ms >= 0 || has_own(message);
}

void expiry_requeued(struct queue *queue, const struct message *message)
{
    if (may_expire(queue, message)) {
        struct queue_clock *clock = give_clock(queue);
        clock->is_on = clock->is_mixed = true; /* it is older than what ends first */
    }
    if (queue->clock != NULL)
        expiry_head_changed(queue);
}

void expiry_pushed(struct queue *queue, const struct message *message)
{
    if (!may_expire(queue, message))
        return;
    struct queue_clock *clock = give_clock(queue);
    clock->is_on = true;
    clock->is_mixed = queue_has_priorities(queue) || !clock->has_ttl ||
                      (clock->is_mixed && queue_depth(queue) > 1) || has_own(message);
    if (queue_has_priorities(queue)) {
        expiry_head_changed(queue);
        return;
    }
    if (queue_depth(queue) > 1)
        return; /* another one is at the head, and looked at */
    uint64_t end_ms = end_of(queue, message);
    clock->fresh_until_ms = end_ms;
    look_at(queue, end_ms);
    if (end_ms <= engine_wall_ms(engine_of(queue)))
        queue_schedule(queue); /* over at once: who asks in the same tick must not find it */
}

void expiry_settings_changed(struct queue *queue)
{
    const struct queue_settings *settings = &queue->settings;
    bool has_ttl = settings->message_ttl_ms >= 0;
    if (queue->deleted || (queue->clock == NULL && !has_ttl && settings->expires_ms < 0))
        return;
    struct queue_clock *clock = give_clock(queue);
    struct timers *timers = &engine_of(queue)->timers;
    if (has_ttl && !clock->has_ttl)
        clock->ttl_since_ms = engine_wall_ms(engine_of(queue));
    clock->has_ttl = has_ttl;
    clock->is_on |= has_ttl;
    clock->is_mixed |= queue_depth(queue) > 0;
    timer_disarm(timers, &clock->messages);
    expiry_head_changed(queue);
    timer_disarm(timers, &clock->idle);
    expiry_used(queue);
}

void expiry_restore(struct queue *queue)
{
    struct queue_clock *clock = give_clock(queue);
    clock->is_on = clock->is_mixed = true;
    expiry_head_changed(queue);
}

void expiry_forget(struct queue *queue)
{
    if (queue->clock == NULL)
        return;
    timer_disarm(&engine_of(queue)->timers, &queue->clock->messages);
    timer_disarm(&engine_of(queue)->timers, &queue->clock->idle);
    mem_free(queue->clock);
    queue->clock = NULL;
}
