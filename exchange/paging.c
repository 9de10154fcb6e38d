/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A block next to the cold range leaves memory in two steps. It is looked at: what is
 * not in the store is appended to it, and the block's leaving_lsn says when all of it is durable.
 * Once it is, the block is frozen: its references are dropped, and the cold range is the longer.
 * What is taken from it in between is settled as it goes. Blocks behind are looked at while one
 * waits, so that a sync serves many; but not when enough of them wait (leaving_bytes).
 *
 * The front shrinks as well when nothing behind it can: a queue may have been given up by its
 * consumers just after much was fetched for them.
 */
#include "exchange/paging.h"

#include <string.h>

#include "exchange/delay.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/priority.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/vhost.h"
#include "server/base/log.h"
#include "server/base/mem.h"

/* What is asked for, of bodies: more each time while a queue is drained steadily. */
#define FETCH_BYTES_MIN    (64u << 10)
#define FETCH_BYTES_SCARCE (256u << 10) /* no more than that above the watermark */
#define FETCH_BYTES_MAX    (4u << 20)
/* For each position that is asked for: bounds the number of small messages. */
#define FETCH_BYTES_A_POSITION 64

/* Answers within this time are of a queue that is being drained. */
#define STEADY_MS 1000
#define RETRY_MS  1000

/* The work of one tick, where looking at a message or freezing it is 1: at least so much, and so
 * much for each message that came. */
#define WORK_MIN         4000
#define WORK_FOR_MESSAGE 4
#define WORK_FOR_QUEUE   16

/* How many blocks of a queue may wait for the store at a time. */
#define BLOCKS_AHEAD 64

static struct engine *engine_of(const struct queue *queue)
{
    return queue->vhost->engine;
}

/* Is MESSAGE in the store for QUEUE of itself? */
static bool is_stored(const struct queue *queue, const struct message *message)
{
    return message->lsn != 0 && queue->durable;
}

static void settle(struct queue *queue, uint64_t position, uint64_t span, uint64_t bytes)
{
    (void)engine_append(engine_of(queue), &(struct store_record){.kind = STORE_SETTLE,
                                                                 .queue = queue,
                                                                 .position = position,
                                                                 .span = span,
                                                                 .bytes = bytes});
}

/* --- fetching -------------------------------------------------------------------------------- */

static bool is_above_watermark(const struct engine *engine)
{
    return engine->memory_watermark != 0 && engine->blocks.bytes > engine->memory_watermark;
}

/* How much to ask for at NOW. */
static uint32_t fetch_size(const struct queue *queue, uint64_t now)
{
    const struct paging *paging = &queue->paging;
    uint32_t most = is_above_watermark(engine_of(queue)) ? FETCH_BYTES_SCARCE : FETCH_BYTES_MAX;
    if (paging->fetch_bytes == 0 || now - paging->answered_ms >= STEADY_MS)
        return FETCH_BYTES_MIN;
    return paging->fetch_bytes * 2 < most ? paging->fetch_bytes * 2 : most;
}

/* Asks for about BYTES, for one message at least, among SPAN positions of the first level of which
 * something is cold. */
static void ask(struct queue *queue, uint32_t bytes, uint64_t span)
{
    struct engine *engine = engine_of(queue);
    struct paging *paging = &queue->paging;
    CHECK_ID(priority_first_cold(queue, &paging->level), queue->id);
    struct deque *deque = priority_deque(queue, paging->level);
    const struct deque_cold *cold = &deque->cold;
    deque->ask_at = UINT64_MAX;
    paging->state = PAGING_FETCHING;
    list_append(&engine->fetching, &paging->fetch);
    queue->references++;
    engine->store->fetch(engine->store,
                         &(struct store_fetch){
                             .queue = queue,
                             .first = cold->first,
                             .end = cold->end - cold->first > span ? cold->first + span : cold->end,
                             .bytes = bytes,
                         });
}

void paging_fetch(struct queue *queue)
{
    struct engine *engine = engine_of(queue);
    struct paging *paging = &queue->paging;
    if (paging->state != PAGING_QUIET)
        return;
    paging->fetch_bytes = fetch_size(queue, engine->env->now_ms(engine->env->context));
    ask(queue, paging->fetch_bytes, paging->fetch_bytes / FETCH_BYTES_A_POSITION);
}

void paging_fetch_first(struct queue *queue)
{
    if (queue->paging.state == PAGING_QUIET)
        ask(queue, 1, FETCH_BYTES_MIN / FETCH_BYTES_A_POSITION);
}

bool paging_await(struct queue *queue, struct paging_wait *wait)
{
    uint32_t level;
    if (!priority_first_cold(queue, &level) || queue->paging.state == PAGING_UNREADABLE)
        return false;
    wait->by_queue = (struct list_node){0};
    list_append(&queue->paging.waits, &wait->by_queue);
    paging_fetch(queue);
    return true;
}

/* The position by which half of what came is taken. */
static uint64_t middle(const struct store_answer *answer, uint64_t bytes)
{
    uint32_t i = 0;
    for (uint64_t passed = 0; i + 1 < answer->count; i++) {
        passed += message_memory_bytes(answer->entries[i].message);
        if (passed >= bytes / 2)
            break;
    }
    return answer->count == 0 ? UINT64_MAX : answer->entries[i].position;
}

/* Puts what came in front. */
static void thaw(struct queue *queue, const struct store_answer *answer)
{
    struct engine *engine = engine_of(queue);
    struct paging *paging = &queue->paging;
    struct deque *deque = priority_deque(queue, paging->level);
    uint64_t before = engine->blocks.bytes, unknown = 0;
    for (uint32_t i = 0; i < answer->count; i++) {
        const struct store_fetched *fetched = &answer->entries[i];
        CHECK_ID(fetched->position < answer->next, fetched->position);
        unknown += deque_thaw(
            deque, &engine->blocks,
            &(struct returned_entry){fetched->position, fetched->message, fetched->delivery_count});
    }
    unknown -= deque_thawed(deque, answer->next); /* may be below zero: both wrap */
    queue->ready_bytes += unknown;
    queue->persistent_bytes += unknown;
    deque->ask_at = middle(answer, engine->blocks.bytes - before);
    paging->answered_ms = engine->env->now_ms(engine->env->context);
    paging->is_logged = false;
    engine->counters.messages_paged_in += answer->count;
    if (deque->blocks > DEQUE_BLOCKS_KEPT)
        paging_note_backlog(queue);
}

static void complain(struct queue *queue, int status)
{
    const struct deque_cold *cold = &priority_deque(queue, queue->paging.level)->cold;
    if (queue->paging.is_logged)
        return;
    queue->paging.is_logged = true;
    log_error("queue_unreadable", LOG_BYTES("vhost", queue->vhost->name),
              LOG_BYTES("queue", queue->name), LOG_NUM("position", cold->first),
              LOG_NUM("messages", cold->count), LOG_STR("reason", strerror(-status)),
              LOG_STR("advice", "its consumers wait and reading is tried again each second: look at"
                                " the disk that data_dir is on, or purge or delete the queue"));
}

static void put_off(struct queue *queue)
{
    struct engine *engine = engine_of(queue);
    uint64_t now = engine->env->now_ms(engine->env->context);
    if (list_is_empty(&engine->unreadable))
        engine->read_again_ms = now - now % RETRY_MS + RETRY_MS;
    queue->paging.state = PAGING_UNREADABLE;
    list_append(&engine->unreadable, &queue->paging.fetch);
}

void paging_end_waits(struct queue *queue)
{
    for (struct list_node *node; (node = list_pop(&queue->paging.waits)) != NULL;) {
        struct paging_wait *wait = LIST_ENTRY(node, struct paging_wait, by_queue);
        wait->done(wait);
    }
}

/* Whoever waits for the queue's messages has another try. */
static void wake(struct queue *queue)
{
    paging_end_waits(queue);
    if (queue->clock != NULL)
        (void)expiry_drop(queue);
    if (queue->limit.drops)
        (void)queue_limit_enforce(queue);
    session_release_all(&queue->paging.getters);
    queue_schedule(queue);
}

void paging_overtaken(struct queue *queue)
{
    if (queue->paging.state == PAGING_QUIET)
        return;
    session_release_all(&queue->paging.getters);
    queue_schedule(queue);
}

static void take_answer(const struct store_answer *answer)
{
    struct queue *queue = answer->queue;
    struct paging *paging = &queue->paging;
    bool is_wanted = paging->state == PAGING_FETCHING;
    CHECK_ID(is_wanted || paging->state == PAGING_VOID, queue->id);
    list_remove(&paging->fetch);
    paging->state = PAGING_QUIET;
    if (is_wanted && answer->status < 0) {
        complain(queue, answer->status);
        put_off(queue);
        paging_end_waits(queue);
    } else if (is_wanted) {
        thaw(queue, answer);
        wake(queue);
    } else {
        for (uint32_t i = 0; i < answer->count; i++)
            message_unref(answer->entries[i].message);
        wake(queue);
    }
    mem_free(answer->entries);
    queue_unref(queue);
}

static void take_delayed(const struct store_answer *answer)
{
    delay_answer(answer);
    mem_free(answer->entries);
}

static void read_again(struct engine *engine)
{
    if (engine->env->now_ms(engine->env->context) < engine->read_again_ms)
        return;
    for (struct list_node *node; (node = list_pop(&engine->unreadable)) != NULL;) {
        struct queue *queue = LIST_ENTRY(node, struct queue, paging.fetch);
        queue->paging.state = PAGING_QUIET;
        wake(queue);
    }
}

void paging_answer(struct engine *engine)
{
    struct store_answer answer;
    while (!list_is_empty(&engine->fetching) && engine->store->fetched(engine->store, &answer))
        if (__builtin_expect(answer.queue->delay != NULL, 0))
            take_delayed(&answer);
        else
            take_answer(&answer);
    if (!list_is_empty(&engine->unreadable))
        read_again(engine);
}

/* --- leaving memory -------------------------------------------------------------------------- */

void paging_note_backlog(struct queue *queue)
{
    if (!list_node_is_linked(&queue->paging.backlog))
        list_append(&engine_of(queue)->backlogs, &queue->paging.backlog);
}

void paging_taken(struct queue *queue, const struct returned_entry *entry)
{
    if (!is_stored(queue, entry->message) && !queue->deleted)
        settle(queue, entry->position, 1, entry->message->body_bytes);
}

/* One tick's work. */
struct work {
    struct engine *engine;
    uint64_t enough; /* bytes that may stay in memory */
    int64_t left;
    bool has_appended;
};

static bool is_enough(const struct work *work, uint64_t leaving)
{
    return work->engine->blocks.bytes <= work->enough + leaving;
}

/* Gives the store a message that it does not have; returns its LSN. */
static uint64_t page(struct work *work, struct queue *queue, uint64_t position,
                     struct message *message)
{
    struct store_target target = {queue, position};
    work->has_appended = true;
    queue->paging.is_used = true;
    return engine_append(work->engine, &(struct store_record){.kind = STORE_PAGE,
                                                              .target_count = 1,
                                                              .message = message,
                                                              .targets = &target});
}

/* Looks at BLOCK for the first time; false: the store cannot take more now. */
static bool look(struct work *work, struct queue *queue, struct deque_block *block)
{
    uint64_t lsn = 1;
    bool has_paged = false;
    for (uint32_t i = block->begin; i < block->end; i++) {
        struct message *message = block->messages[i];
        uint64_t own = message->lsn;
        if (!is_stored(queue, message)) {
            if (!has_paged && engine_is_full(work->engine))
                return false;
            has_paged = true;
            own = page(work, queue, block->first_position + i, message);
        }
        lsn = own > lsn ? own : lsn;
    }
    deque_let_leave(&work->engine->blocks, block, lsn);
    work->left -= block->end - block->begin;
    return true;
}

static bool freeze(struct work *work, struct deque *deque, struct deque_block *block)
{
    if (block->leaving_lsn > work->engine->durable_lsn)
        return false;
    uint32_t count = block->end - block->begin;
    deque_freeze(deque, &work->engine->blocks, block);
    work->engine->counters.messages_paged_out += count;
    work->left -= count;
    return true;
}

/* May the front be shortened? Not while it is being lengthened. */
static bool is_front_idle(const struct queue *queue)
{
    const struct env *env = engine_of(queue)->env;
    return queue->paging.state == PAGING_QUIET &&
           env->now_ms(env->context) - queue->paging.answered_ms >= STEADY_MS;
}

/* Freezes or looks at one block of QUEUE's DEQUE; false when there is none to be had now. */
static bool evict_block(struct work *work, struct queue *queue, struct deque *deque)
{
    struct deque_block *block = deque_coldest(deque);
    if (block == NULL)
        return false;
    bool is_front = deque->cold.count > 0 && block == deque->front.tail;
    if (is_front && !is_front_idle(queue))
        return false;
    if (block->leaving_lsn != 0 && freeze(work, deque, block)) {
        if (is_front)
            deque->ask_at = UINT64_MAX;
        return true;
    }
    if (block->leaving_lsn == 0)
        return look(work, queue, block);
    for (unsigned i = 0; i < BLOCKS_AHEAD && !is_enough(work, work->engine->blocks.leaving_bytes);
         i++) {
        block = block->next;
        if (block == NULL || block->next == NULL) /* the last one may still grow */
            return false;
        if (block->leaving_lsn == 0)
            return look(work, queue, block);
    }
    return false;
}

/* The same of the last of its levels that has one. */
static bool evict_level(struct work *work, struct queue *queue)
{
    uint32_t level = priority_last(queue);
    do {
        if (evict_block(work, queue, priority_deque(queue, level)))
            return true;
    } while (!is_enough(work, work->engine->blocks.leaving_bytes) &&
             priority_before(queue, &level));
    return false;
}

static bool has_backlog(const struct queue *queue)
{
    uint32_t level = queue->level;
    do {
        if (priority_deque_of(queue, level)->blocks > DEQUE_BLOCKS_KEPT)
            return true;
    } while (priority_next(queue, &level));
    return false;
}

/* Lets the queue that is first in turn have its turn. */
static bool evict_from(struct work *work, struct queue *queue)
{
    list_remove(&queue->paging.backlog);
    bool has_worked = evict_level(work, queue);
    if (has_backlog(queue))
        list_append(&work->engine->backlogs, &queue->paging.backlog);
    else
        has_worked = true;
    work->left -= WORK_FOR_QUEUE;
    return has_worked;
}

static int64_t work_of_tick(struct engine *engine)
{
    uint64_t came = engine->counters.messages_routed - engine->routed_before;
    engine->routed_before = engine->counters.messages_routed;
    return WORK_MIN + (int64_t)came * WORK_FOR_MESSAGE;
}

bool paging_evict(struct engine *engine)
{
    struct work work = {.engine = engine,
                        .enough = engine->memory_watermark - engine->memory_watermark / 8};
    const struct list_node *idle = NULL; /* since this one's turn nobody has worked */
    bool has_worked = false;
    if (is_above_watermark(engine))
        engine->is_evicting = engine->store->fetch != NULL;
    work.left = work_of_tick(engine);
    while (engine->is_evicting) {
        struct list_node *node = list_first(&engine->backlogs);
        if (is_enough(&work, 0)) {
            engine->is_evicting = false;
        } else if (node == NULL || node == idle) {
            break;
        } else if (work.left <= 0) {
            engine->wants_tick |= has_worked;
            break;
        } else if (evict_from(&work, LIST_ENTRY(node, struct queue, paging.backlog))) {
            has_worked = true;
            idle = NULL;
        } else if (idle == NULL) {
            idle = node;
        }
    }
    return work.has_appended;
}

/* --- the end --------------------------------------------------------------------------------- */

void paging_drop(struct queue *queue)
{
    struct paging *paging = &queue->paging;
    bool is_asked_for = paging->level == queue->level;
    if (paging->state == PAGING_FETCHING && is_asked_for) {
        paging->state = PAGING_VOID;
    } else if (paging->state == PAGING_UNREADABLE && is_asked_for) {
        list_remove(&paging->fetch);
        paging->state = PAGING_QUIET;
    }
    paging->is_logged = false;
    paging_end_waits(queue);
    session_release_all(&paging->getters);
    if (queue->ready.cold.count == 0)
        return;
    struct deque_cold dropped = deque_drop_cold(&queue->ready);
    queue->ready_bytes -= dropped.bytes;
    if (!queue->deleted)
        settle(queue, dropped.first, dropped.end - dropped.first, dropped.bytes);
    if (queue->parked > 0 && deque_is_empty(&queue->ready))
        priority_advance(queue);
}

void paging_forget(struct queue *queue)
{
    if (list_node_is_linked(&queue->paging.backlog))
        list_remove(&queue->paging.backlog);
}

void paging_fini(struct engine *engine)
{
    for (struct list_node *node; (node = list_pop(&engine->fetching)) != NULL;)
        queue_unref(LIST_ENTRY(node, struct queue, paging.fetch));
}
