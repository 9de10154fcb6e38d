/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A message that leaves memory is put into `far` at once, and stays in `leaving`
 * until the store is durable as far as it: if it is wanted before, it is taken from there. Shortly
 * before they are due, messages are asked for by their positions, some thousand at a time, and come
 * to `near`. What is cancelled while it is far stays there, and is noted: the store may not know of
 * it yet when it is asked for it.
 *
 * What an earlier run has left is read through in order, as nothing else says when it is due.
 */
#include <stdlib.h>
#include <string.h>

#include "exchange/delay_parts.h"
#include "server/base/log.h"
#include "server/base/mem.h"

/* When the first is due within half of that, all are asked for that are due within it. */
#define AHEAD_MS 5000

/* What is asked for at a time; of what an earlier run left. */
#define ASK_MAX       4096u
#define ASK_BYTES     (4u << 20)
#define REST_BYTES    (1u << 20)
#define REST_SPAN_MAX 65536u

/* Memory for what is due soon, all delays together: a share of the watermark, but no more. */
#define NEAR_BYTES_MAX   (64u << 20)
#define WATERMARK_SHARES 8

#define RETRY_MS 1000
#define UNREADABLE_MS \
    60000 /* one that cannot be read is tried again after that, not before others */

#define LEAVING_MIN 64

/* --- on its way out -------------------------------------------------------------------------- */

bool delay_has_room(const struct delay *delay)
{
    const struct engine *engine = delay_engine(delay);
    uint64_t most = engine->memory_watermark / WATERMARK_SHARES;
    return engine->delays.near_bytes < (most == 0 || most > NEAR_BYTES_MAX ? NEAR_BYTES_MAX : most);
}

static bool is_stored(const struct delay *delay, const struct message *message)
{
    return message->lsn != 0 && delay->queue->durable;
}

/* Gives the store a message that it does not have; returns its LSN. */
static uint64_t page(struct delay *delay, uint64_t position, struct message *message)
{
    struct store_target target = {delay->queue, position};
    delay->queue->paging.is_used = true;
    return engine_append(delay_engine(delay), &(struct store_record){.kind = STORE_PAGE,
                                                                     .target_count = 1,
                                                                     .message = message,
                                                                     .targets = &target});
}

/* What the store has from POSITION on is over. */
static void settle(struct delay *delay, uint64_t position, uint64_t span, uint64_t bytes)
{
    (void)engine_append(delay_engine(delay), &(struct store_record){.kind = STORE_SETTLE,
                                                                    .queue = delay->queue,
                                                                    .position = position,
                                                                    .span = span,
                                                                    .bytes = bytes});
}

static void add_leaving(struct leaving *leaving, const struct leaving_entry *entry)
{
    if (leaving->end == leaving->capacity && leaving->head > leaving->capacity / 2) {
        leaving->end -= leaving->head;
        memmove(leaving->entries, leaving->entries + leaving->head,
                leaving->end * sizeof *leaving->entries);
        leaving->head = 0;
    } else if (leaving->end == leaving->capacity) {
        leaving->capacity = leaving->capacity == 0 ? LEAVING_MIN : leaving->capacity * 2;
        leaving->entries = mem_realloc(leaving->entries,
                                       leaving->capacity * sizeof *leaving->entries);
    }
    leaving->entries[leaving->end++] = *entry;
}

static void forget_leaving(struct delay *delay)
{
    mem_free(delay->leaving.entries);
    delay->leaving = (struct leaving){0};
    if (list_node_is_linked(&delay->by_leaving))
        list_remove(&delay->by_leaving);
}

void delay_leave(struct delay *delay, const struct due *due, struct message *message)
{
    uint64_t lsn = is_stored(delay, message) ? message->lsn : page(delay, due->position, message);
    due_heap_push(&delay->far, due);
    add_leaving(&delay->leaving, &(struct leaving_entry){due->position, lsn, message});
    if (!list_node_is_linked(&delay->by_leaving))
        list_append(&delay_engine(delay)->delays.leaving, &delay->by_leaving);
}

struct message *delay_catch(struct delay *delay, uint64_t position)
{
    struct leaving *leaving = &delay->leaving;
    uint32_t low = leaving->head, high = leaving->end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (leaving->entries[middle].position < position)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == leaving->end || leaving->entries[low].position != position)
        return NULL;
    struct message *message = leaving->entries[low].message;
    leaving->entries[low].message = NULL;
    if (message != NULL && !is_stored(delay, message))
        settle(delay, position, 1, message->body_bytes); /* what the store was given of it */
    return message;
}

/* What is durable is in the store alone from now on. */
static void let_leave(struct delay *delay)
{
    struct leaving *leaving = &delay->leaving;
    struct engine *engine = delay_engine(delay);
    for (; leaving->head < leaving->end; leaving->head++) {
        struct leaving_entry *entry = &leaving->entries[leaving->head];
        if (entry->lsn > engine->durable_lsn)
            return;
        if (entry->message == NULL)
            continue;
        delay->cold_count++;
        delay->cold_bytes += entry->message->body_bytes;
        message_unref(entry->message);
    }
    forget_leaving(delay);
}

void delays_end_tick(struct engine *engine)
{
    list_for_each_safe (node, &engine->delays.leaving)
        let_leave(LIST_ENTRY(node, struct delay, by_leaving));
}

bool delay_forget_cancelled(struct delay *delay, uint64_t position)
{
    if (delay->cancelled.count == 0)
        return false;
    uint64_t *cancelled = map_remove(&delay->cancelled, slice_of(&position, sizeof position));
    mem_free(cancelled);
    return cancelled != NULL;
}

/* --- asking ---------------------------------------------------------------------------------- */

static void ask(struct delay *delay, enum delay_fetch what, const struct store_fetch *fetch)
{
    struct engine *engine = delay_engine(delay);
    delay->fetch = what;
    list_append(&engine->fetching, &delay->queue->paging.fetch);
    delay->queue->references++;
    engine->store->fetch(engine->store, fetch);
}

static int by_position(const void *a, const void *b)
{
    uint64_t one = ((const struct due *)a)->position, other = ((const struct due *)b)->position;
    return one < other ? -1 : one > other;
}

/* Asks for what is in `asked`, in order of time so far. */
static void ask_for_due(struct delay *delay)
{
    uint32_t count = delay->asked_count;
    uint64_t positions[ASK_MAX];
    delay->asked_first = delay->asked[0];
    qsort(delay->asked, count, sizeof *delay->asked, by_position);
    for (uint32_t i = 0; i < count; i++)
        positions[i] = delay->asked[i].position;
    ask(delay, DELAY_READS_DUE,
        &(struct store_fetch){.queue = delay->queue,
                              .first = positions[0],
                              .end = positions[count - 1] + 1,
                              .bytes = ASK_BYTES,
                              .positions = positions,
                              .position_count = count});
}

/* Takes the first MOST out of `far`, or those up to UNTIL: into memory, if they have not left it,
 * else into `asked`. Returns how many that were. */
static uint32_t collect(struct delay *delay, const struct due *until, uint32_t most)
{
    struct due due;
    uint32_t taken = 0;
    if (delay->asked == NULL)
        delay->asked = mem_alloc(ASK_MAX * sizeof *delay->asked);
    delay->asked_count = 0;
    for (; taken < most && taken < ASK_MAX; taken++) {
        const struct due *first = due_heap_first(&delay->far);
        if (first == NULL || due_before(until, first))
            break;
        CHECK(due_heap_pop(&delay->far, &due));
        struct message *message = delay_catch(delay, due.position);
        if (message != NULL)
            delay_keep(delay, &(struct near_entry){due, message});
        else if (!delay_forget_cancelled(delay, due.position))
            delay->asked[delay->asked_count++] = due;
    }
    if (delay->asked_count > 0)
        ask_for_due(delay);
    return taken;
}

/* Is what comes first out of memory, or is there room for more? */
static bool may_collect(const struct delay *delay)
{
    const struct due *far = due_heap_first(&delay->far), *near = due_heap_first(&delay->near);
    return far != NULL && (near == NULL || due_before(far, near) || delay_has_room(delay));
}

static bool has_rest(const struct delay *delay)
{
    const struct due *near = due_heap_first(&delay->near);
    return delay->rest_first < delay->rest_end &&
           (near == NULL || near->ms > engine_wall_ms(delay_engine(delay)) ||
            delay_has_room(delay));
}

static void ask_for_one(struct delay *delay)
{
    uint64_t position = LIST_ENTRY(list_first(&delay->cancels), struct delay_cancel, by_delay)->id;
    ask(delay, DELAY_READS_ONE,
        &(struct store_fetch){.queue = delay->queue,
                              .first = position,
                              .end = position + 1,
                              .bytes = 1,
                              .positions = &position,
                              .position_count = 1});
}

static void ask_for_rest(struct delay *delay)
{
    uint64_t left = delay->rest_end - delay->rest_first;
    ask(delay, DELAY_READS_REST,
        &(struct store_fetch){.queue = delay->queue,
                              .first = delay->rest_first,
                              .end = delay->rest_first +
                                     (left < REST_SPAN_MAX ? left : REST_SPAN_MAX),
                              .bytes = REST_BYTES});
}

uint64_t delay_asks_at_ms(const struct delay *delay)
{
    struct engine *engine = delay_engine(delay);
    uint64_t wall_ms = engine_wall_ms(engine), now = delay_now_ms(delay);
    const struct due *far = due_heap_first(&delay->far);
    uint64_t at_ms = TIMER_NEVER;
    if (delay->fetch != DELAY_QUIET || engine->store->fetch == NULL)
        return TIMER_NEVER;
    if (delay->look_count > 0 || !list_is_empty(&delay->cancels) || has_rest(delay))
        at_ms = wall_ms;
    else if (may_collect(delay))
        at_ms = far->ms < AHEAD_MS / 2 ? 0 : far->ms - AHEAD_MS / 2;
    bool is_waiting = at_ms != TIMER_NEVER && delay->read_again_ms > now;
    return is_waiting && at_ms < wall_ms + (delay->read_again_ms - now)
               ? wall_ms + (delay->read_again_ms - now)
               : at_ms;
}

uint32_t delay_ask(struct delay *delay)
{
    uint64_t wall_ms = engine_wall_ms(delay_engine(delay));
    const struct due *far = due_heap_first(&delay->far);
    if (delay_asks_at_ms(delay) > wall_ms)
        return 0;
    if (may_collect(delay) && far->ms <= wall_ms + AHEAD_MS / 2)
        return collect(delay, &(struct due){wall_ms + AHEAD_MS, UINT64_MAX}, ASK_MAX);
    if (delay->look_count > 0) {
        uint32_t most = delay->look_count;
        delay->look_count = 0;
        uint32_t taken = collect(delay, &(struct due){UINT64_MAX, UINT64_MAX}, most);
        if (delay->fetch == DELAY_QUIET)
            paging_end_waits(delay->queue);
        return taken;
    }
    if (delay_cancel_here(delay))
        paging_end_waits(delay->queue);
    if (!list_is_empty(&delay->cancels))
        ask_for_one(delay);
    else if (has_rest(delay))
        ask_for_rest(delay);
    return 0;
}

/* --- answers --------------------------------------------------------------------------------- */

/* MESSAGE, whose reference is taken, was in the store alone. */
static void thaw(struct delay *delay, const struct due *due, struct message *message)
{
    delay->cold_count--;
    delay->cold_bytes -= message->body_bytes;
    delay_keep(delay, &(struct near_entry){*due, message});
}

/* What was not read goes back; what should have been and is not there is gone. */
static void take_due(struct delay *delay, const struct store_answer *answer)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < delay->asked_count; i++) {
        const struct due *due = &delay->asked[i];
        if (due->position >= answer->next)
            due_heap_push(&delay->far, due);
        else if (next < answer->count && answer->entries[next].position == due->position)
            thaw(delay, due, answer->entries[next++].message);
    }
    CHECK_ID(next == answer->count, next);
    delay->asked_count = 0;
}

static void take_rest(struct delay *delay, const struct store_answer *answer)
{
    uint64_t wall_ms = engine_wall_ms(delay_engine(delay));
    for (uint32_t i = 0; i < answer->count; i++) {
        struct message *message = answer->entries[i].message;
        uint64_t position = answer->entries[i].position, since_ms = message_time_ms(message);
        struct due due = {(since_ms != 0 ? since_ms : wall_ms) + delay_of(message), position};
        if (delay_forget_cancelled(delay, position)) {
            message_unref(message);
        } else if (due.ms <= wall_ms + AHEAD_MS && delay_has_room(delay)) {
            thaw(delay, &due, message);
        } else {
            due_heap_push(&delay->far, &due);
            message_unref(message);
        }
    }
    delay->rest_first = answer->next;
}

static void complain(struct delay *delay, int status)
{
    if (delay->is_logged)
        return;
    delay->is_logged = true;
    log_error("delayed_unreadable", LOG_BYTES("vhost", delay->queue->vhost->name),
              LOG_BYTES("exchange", delay->queue->name), LOG_NUM("messages", delay->count),
              LOG_STR("reason", strerror(-status)),
              LOG_STR("advice", "messages are late and reading is tried again each second: look at"
                                " the disk that data_dir is on, or delete them"));
}

/* Which of those that were asked for cannot be read nobody says: the first is made to wait, lest
 * it keep the others, and so is the next one if that was not it. */
static void put_back(struct delay *delay, int status)
{
    delay->read_again_ms = delay_now_ms(delay) + RETRY_MS;
    complain(delay, status);
    for (uint32_t i = 0; i < delay->asked_count; i++) {
        if (i == 0)
            delay->asked[i].ms = engine_wall_ms(delay_engine(delay)) + UNREADABLE_MS;
        due_heap_push(&delay->far, &delay->asked[i]);
    }
    delay->asked_count = 0;
}

static void drop_answer(const struct store_answer *answer)
{
    for (uint32_t i = 0; i < answer->count; i++)
        message_unref(answer->entries[i].message);
}

static void take(struct delay *delay, enum delay_fetch fetch, const struct store_answer *answer)
{
    bool is_read = answer->status == 0;
    if (is_read && fetch != DELAY_VOID)
        delay->is_logged = false;
    if (fetch == DELAY_VOID)
        drop_answer(answer);
    else if (fetch == DELAY_READS_ONE)
        delay_cancel_read(delay, answer->count > 0 ? answer->entries[0].message : NULL,
                          answer->status);
    else if (!is_read)
        put_back(delay, answer->status);
    else if (fetch == DELAY_READS_DUE)
        take_due(delay, answer);
    else
        take_rest(delay, answer);
}

void delay_answer(const struct store_answer *answer)
{
    struct queue *queue = answer->queue;
    struct delay *delay = queue->delay;
    enum delay_fetch fetch = delay->fetch;
    CHECK_ID(fetch != DELAY_QUIET, queue->id);
    list_remove(&queue->paging.fetch);
    delay->fetch = DELAY_QUIET;
    take(delay, fetch, answer);
    if (fetch != DELAY_READS_REST || delay->exchange == NULL)
        paging_end_waits(queue);
    (void)delay_schedule(delay);
    queue_unref(queue);
}

/* --- the end --------------------------------------------------------------------------------- */

static void forget_cancelled(struct delay *delay)
{
    uint32_t position = 0;
    for (uint64_t *cancelled; (cancelled = map_next(&delay->cancelled, &position)) != NULL;)
        mem_free(cancelled);
    map_clear(&delay->cancelled);
}

void delay_settle_all(struct delay *delay)
{
    uint64_t count = delay->cold_count, bytes = delay->cold_bytes;
    for (uint32_t at = 0; at < delay->near.count; at++) {
        const struct message *message =
            ((const struct near_entry *)due_heap_at(&delay->near, at))->message;
        if (is_stored(delay, message)) {
            count++;
            bytes += message->body_bytes;
        }
    }
    for (uint32_t i = delay->leaving.head; i < delay->leaving.end; i++)
        if (delay->leaving.entries[i].message != NULL) {
            count++;
            bytes += delay->leaving.entries[i].message->body_bytes;
        }
    if (count > 0)
        settle(delay, 1, delay->queue->next_position - 1, bytes);
    delay->queue->persistent = delay->queue->persistent_bytes = 0;
    delay_drop(delay);
}

void delay_drop(struct delay *delay)
{
    struct near_entry entry;
    while (delay->near.count > 0) {
        delay_let_go(delay, delay->near.count - 1, &entry);
        message_unref(entry.message);
    }
    for (uint32_t i = delay->leaving.head; i < delay->leaving.end; i++)
        if (delay->leaving.entries[i].message != NULL)
            message_unref(delay->leaving.entries[i].message);
    forget_leaving(delay);
    due_heap_clear(&delay->far);
    forget_cancelled(delay);
    delay_add_count(delay, -(int64_t)delay->count);
    delay->cold_count = delay->cold_bytes = 0;
    delay->rest_first = delay->rest_end;
    delay->look_count = delay->asked_count = 0;
    if (delay->fetch != DELAY_QUIET)
        delay->fetch = DELAY_VOID;
}
