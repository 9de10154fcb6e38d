/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Operators are shown what is first, and that has to come to memory before long
 * anyway: so it is brought there, and shown from there. A message that is far is looked for in the
 * store alone; whether its place in `far` is worth anything only the store knows.
 */
#include "exchange/definition.h"
#include "exchange/delay_parts.h"
#include "server/base/mem.h"

/* --- looking --------------------------------------------------------------------------------- */

struct look {
    struct delayed *entries; /* NULL: they are only counted */
    uint64_t count, bytes_left;
    const struct due *far; /* the first that is not in memory, or NULL */
};

static bool see(void *context, const void *entry)
{
    struct look *look = context;
    const struct near_entry *near = entry;
    uint64_t body_bytes = near->message->body_bytes;
    if (look->far != NULL && due_before(look->far, &near->due))
        return false;
    if (look->entries != NULL) {
        look->entries[look->count] = (struct delayed){near->due.position, near->due.ms,
                                                      message_for_receiver(near->message)};
    }
    look->count++;
    look->bytes_left -= body_bytes < look->bytes_left ? body_bytes : look->bytes_left;
    return look->bytes_left > 0;
}

/* The first that is not in memory: in `far`, or on its way back from there. */
static const struct due *first_far(const struct delay *delay)
{
    const struct due *far = due_heap_first(&delay->far);
    if (delay->fetch != DELAY_READS_DUE || (far != NULL && due_before(far, &delay->asked_first)))
        return far;
    return &delay->asked_first;
}

static void await(struct delay *delay, struct paging_wait *wait)
{
    wait->by_queue = (struct list_node){0};
    list_append(&delay->queue->paging.waits, &wait->by_queue);
}

bool delay_is_at_hand(struct exchange *exchange, uint64_t count, uint64_t bytes_max,
                      struct paging_wait *wait)
{
    struct delay *delay = exchange->delay;
    if (delay == NULL || delay_engine(delay)->store->fetch == NULL ||
        delay->read_again_ms > delay_now_ms(delay))
        return true;
    struct look look = {.bytes_left = bytes_max, .far = first_far(delay)};
    due_heap_walk(&delay->near, count, see, &look);
    if (look.count >= count || look.bytes_left == 0 || look.far == NULL)
        return true;
    if (delay->look_count < count)
        delay->look_count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    (void)delay_schedule(delay);
    if (delay->fetch == DELAY_QUIET)
        return true; /* all that is wanted was on its way out, and came back */
    await(delay, wait);
    return false;
}

uint64_t delay_look(const struct exchange *exchange, uint64_t count, uint64_t bytes_max,
                    struct delayed *entries)
{
    const struct delay *delay = exchange->delay;
    if (delay == NULL)
        return 0;
    struct look look = {.entries = entries, .bytes_left = bytes_max, .far = first_far(delay)};
    due_heap_walk(&delay->near, count, see, &look);
    return look.count;
}

/* --- cancelling ------------------------------------------------------------------------------ */

/* MESSAGE at POSITION goes for good, and its reference is dropped. Returns the LSN. */
static uint64_t let_go(struct delay *delay, uint64_t position, struct message *message)
{
    struct engine *engine = delay_engine(delay);
    engine_begin_together(engine); /* the end is a record that can be waited for */
    queue_settle(delay->queue, position, message);
    delay_add_count(delay, -1);
    engine->counters.messages_purged++;
    return engine_end_together(engine);
}

/* What is at POSITION is gone, but its place is in `far` or still to be read. */
static void note_cancelled(struct delay *delay, uint64_t position)
{
    uint64_t *cancelled = mem_alloc(sizeof *cancelled);
    *cancelled = position;
    map_add(&delay->cancelled, slice_of(cancelled, sizeof *cancelled), cancelled);
}

static bool is_cancelled(const struct delay *delay, uint64_t position)
{
    return map_get(&delay->cancelled, slice_of(&position, sizeof position)) != NULL;
}

/* The message at POSITION, out of memory; NULL: it is not there. */
static struct message *take(struct delay *delay, uint64_t position)
{
    struct near_entry entry;
    for (uint32_t at = 0; at < delay->near.count; at++) {
        const struct near_entry *near = due_heap_at(&delay->near, at);
        if (near->due.position == position) {
            delay_let_go(delay, at, &entry);
            return entry.message;
        }
    }
    struct message *message = delay_catch(delay, position);
    if (message != NULL)
        note_cancelled(delay, position);
    return message;
}

static bool is_known(const struct delay_cancel *cancel)
{
    return cancel->state != DELAY_CANCEL_NEW && cancel->state != DELAY_CANCEL_ASKED;
}

/* Finds out whether there is such a message, as far as that can be said at once. */
static void look_for(struct delay *delay, struct delay_cancel *cancel)
{
    struct message *message = take(delay, cancel->id);
    if (message != NULL) {
        cancel->lsn = let_go(delay, cancel->id, message);
        cancel->state = DELAY_CANCELLED;
    } else if (cancel->id == 0 || cancel->id >= delay->queue->next_position ||
               delay->cold_count == 0 || is_cancelled(delay, cancel->id)) {
        cancel->state = DELAY_CANCEL_ABSENT;
    }
}

bool delay_cancel(struct exchange *exchange, struct delay_cancel *cancel, struct paging_wait *wait)
{
    struct delay *delay = exchange->delay;
    if (is_known(cancel))
        return true;
    if (delay == NULL) {
        cancel->state = DELAY_CANCEL_ABSENT;
        return true;
    }
    if (cancel->state == DELAY_CANCEL_NEW)
        look_for(delay, cancel);
    if (cancel->state == DELAY_CANCEL_NEW) {
        cancel->state = DELAY_CANCEL_ASKED;
        cancel->by_delay = (struct list_node){0};
        list_append(&delay->cancels, &cancel->by_delay);
    }
    (void)delay_schedule(delay);
    if (is_known(cancel))
        return true;
    await(delay, wait);
    return false;
}

bool delay_cancel_here(struct delay *delay)
{
    bool has_cancelled = false;
    for (struct list_node *node; (node = list_first(&delay->cancels)) != NULL;) {
        struct delay_cancel *cancel = LIST_ENTRY(node, struct delay_cancel, by_delay);
        look_for(delay, cancel);
        if (!is_known(cancel))
            break;
        list_remove(node);
        has_cancelled = true;
    }
    return has_cancelled;
}

static struct delay_cancel *next_cancel(struct delay *delay)
{
    struct list_node *node = list_pop(&delay->cancels);
    return node == NULL ? NULL : LIST_ENTRY(node, struct delay_cancel, by_delay);
}

void delay_cancel_read(struct delay *delay, struct message *message, int status)
{
    struct delay_cancel *cancel = next_cancel(delay);
    if (message != NULL) {
        delay->cold_count--;
        delay->cold_bytes -= message->body_bytes;
        note_cancelled(delay, cancel->id);
        cancel->lsn = let_go(delay, cancel->id, message);
    }
    cancel->state = message != NULL ? DELAY_CANCELLED
                    : status < 0    ? DELAY_CANCEL_FAILED
                                    : DELAY_CANCEL_ABSENT;
}

void delay_end_cancels(struct delay *delay)
{
    for (struct delay_cancel *cancel; (cancel = next_cancel(delay)) != NULL;)
        cancel->state = DELAY_CANCEL_ABSENT;
}

uint64_t delay_purge(struct exchange *exchange, uint64_t *lsn)
{
    struct delay *delay = exchange->delay;
    uint64_t count = delay_count(exchange);
    *lsn = 0;
    if (count == 0)
        return 0;
    struct engine *engine = delay_engine(delay);
    engine_begin_together(engine);
    delay_settle_all(delay);
    *lsn = engine_end_together(engine);
    engine->counters.messages_purged += count;
    delay_end_cancels(delay);
    paging_end_waits(delay->queue);
    (void)delay_schedule(delay);
    return count;
}
