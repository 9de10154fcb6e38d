/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. When a message enters a queue, comes back or leaves it other than to a client is
 * the engine's choice within limits, and so is the order of that in several queues: the model
 * follows the events (model_watch.c) between the effects, and looks at each whether it may be. What
 * has to come of an operation stands in `coming` and the like until its event is there.
 */
#include "test/sim/model_parts.h"

#include <inttypes.h>

#include "server/base/mem.h"

/* --- clocks ---------------------------------------------------------------------------------- */

uint64_t stock_now_ms(const struct model *model)
{
    return model->harness.now_ms;
}

uint64_t stock_wall_ms(const struct model *model)
{
    return HARNESS_WALL_MS + model->harness.now_ms;
}

static uint64_t end_ms(const struct model *model, const struct m_queue *queue,
                       const struct m_entry *entry)
{
    int ttl = queue->settings.of[SETTING_TTL], own = entry->message.expiration;
    if (model->canary == CANARY_TTL && ttl != NONE)
        ttl += 20;
    if (model->canary == CANARY_EXPIRATION)
        own = NONE;
    if (entry->time_ms == 0)
        return ttl == NONE ? UINT64_MAX : queue->ttl_since_ms + (uint64_t)ttl;
    if (own != NONE && (ttl == NONE || own < ttl))
        ttl = own;
    return ttl == NONE ? UINT64_MAX : entry->time_ms + (uint64_t)ttl;
}

bool stock_has_expired(const struct model *model, const struct m_queue *queue,
                       const struct m_entry *entry)
{
    return end_ms(model, queue, entry) <= stock_wall_ms(model);
}

/* --- a queue's messages ---------------------------------------------------------------------- */

static bool stands_before(const struct m_entry *a, const struct m_entry *b)
{
    return a->level != b->level ? a->level > b->level : a->number < b->number;
}

void stock_insert(struct model *model, struct m_queue *queue, const struct m_entry *entry)
{
    if (queue->ready_count == queue->ready_capacity) {
        queue->ready_capacity = queue->ready_capacity == 0 ? 16 : queue->ready_capacity * 2;
        queue->ready = mem_realloc(queue->ready, queue->ready_capacity * sizeof *queue->ready);
    }
    size_t at = queue->ready_count++;
    for (; at > 0 && stands_before(entry, &queue->ready[at - 1]); at--)
        queue->ready[at] = queue->ready[at - 1];
    queue->ready[at] = *entry;
    if (model->deepest < queue->ready_count)
        model->deepest = queue->ready_count;
}

void stock_remove_first(struct m_queue *queue)
{
    queue->ready_count--;
    memmove(queue->ready, queue->ready + 1, queue->ready_count * sizeof *queue->ready);
}

static uint64_t bytes_of(const struct m_queue *queue)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < queue->ready_count; i++)
        bytes += queue->ready[i].message.size;
    return bytes;
}

bool stock_is_over(const struct model *model, const struct m_queue *queue, size_t count,
                   uint64_t bytes)
{
    int most = queue->settings.of[SETTING_LENGTH], most_bytes = queue->settings.of[SETTING_BYTES];
    if (model->canary == CANARY_LENGTH && most != NONE)
        most++;
    if (model->canary == CANARY_BYTES)
        most_bytes = NONE;
    return (most != NONE && queue->ready_count + count > (size_t)most) ||
           (most_bytes != NONE && bytes_of(queue) + bytes > (uint64_t)most_bytes);
}

static enum overflow overflow_of(const struct model *model, const struct m_queue *queue)
{
    int overflow = queue->settings.of[SETTING_OVERFLOW];
    if (model->canary == CANARY_OVERFLOW && overflow == OVERFLOW_REJECT_PUBLISH_DLX)
        return OVERFLOW_REJECT_PUBLISH;
    return overflow == NONE ? OVERFLOW_DROP_HEAD : (enum overflow)overflow;
}

bool stock_refuses(const struct model *model, const struct m_queue *queue,
                   const struct m_message *message)
{
    return overflow_of(model, queue) != OVERFLOW_DROP_HEAD &&
           stock_is_over(model, queue, 1, message->size);
}

/* --- on the way ------------------------------------------------------------------------------ */

static int level_of(const struct model *model, int place, int priority)
{
    int most = place < QUEUES ? model->queues[place].features.max_priority : 0;
    if (model->canary == CANARY_PRIORITY && most > 1)
        most--;
    return priority == NONE ? 0 : priority < most ? priority : most;
}

static void add_coming(struct model *model, const struct m_coming *coming)
{
    CHECK(model->coming_count < COMING_MAX);
    model->coming[model->coming_count++] = *coming;
}

static void refuse(struct model *model, int q, const struct m_message *message)
{
    model->counters.messages_overflow_rejected++;
    if (overflow_of(model, &model->queues[q]) != OVERFLOW_REJECT_PUBLISH_DLX)
        return;
    CHECK(model->refused_count < COMING_MAX);
    model->refused[model->refused_count++] = (struct m_letter){.message = *message, .queue = q};
}

/* Must it be known when the message was put into these queues? */
static bool needs_time(const struct model *model, const struct m_message *message,
                       const bool places[PLACES])
{
    bool needs = message->expiration != NONE;
    for (int p = 0; p < PLACES; p++)
        needs |= places[p] && (p >= QUEUES || model->queues[p].settings.of[SETTING_TTL] != NONE);
    return needs;
}

static bool refuse_all(struct model *model, const struct m_message *message, bool places[PLACES])
{
    bool is_refused = false;
    for (int q = 0; q < QUEUES; q++)
        if (places[q] && stock_refuses(model, &model->queues[q], message)) {
            refuse(model, q, message);
            places[q] = false;
            is_refused = true;
        }
    return is_refused;
}

static uint64_t next_number(struct model *model, int place)
{
    return place < QUEUES ? ++model->queues[place].last_number
                          : ++model->exchanges[place - QUEUES].last_number;
}

bool stock_give(struct model *model, const struct m_message *message, bool places[PLACES])
{
    struct m_stored stored = {.left = model->leaves};
    bool is_stored = false, is_refused = refuse_all(model, message, places);
    uint64_t time_ms = needs_time(model, message, places) ? stock_wall_ms(model) : 0;
    for (int p = 0; p < PLACES; p++) {
        if (!places[p])
            continue;
        struct m_coming coming = {.queue = p,
                                  .entry = {.message = *message,
                                            .level = level_of(model, p, message->priority),
                                            .number = next_number(model, p),
                                            .time_ms = time_ms,
                                            .step = model->step}};
        if (p >= QUEUES)
            model->exchanges[p - QUEUES].has_delayed = true;
        add_coming(model, &coming);
        model->counters.messages_routed++;
        if (message->persistent && state_is_durable(model, p)) {
            stored.targets[p] = is_stored = true;
            stored.numbers[p] = coming.entry.number;
        }
    }
    if (is_stored) {
        CHECK(model->stored_count < COMING_MAX);
        model->stored[model->stored_count++] = stored;
    }
    return !is_refused;
}

void stock_return(struct model *model, int queue, const struct m_entry *entry)
{
    add_coming(model, &(struct m_coming){.queue = queue, .is_return = true, .entry = *entry});
}

void stock_reject(struct model *model, int queue, const struct m_entry *entry)
{
    CHECK(model->rejected_count < COMING_MAX);
    model->rejected[model->rejected_count++] = (struct m_letter){
        .message = entry->message, .queue = queue, .number = entry->number};
}

/* --- events ---------------------------------------------------------------------------------- */

/* A commit's settlements happen behind its publishes. */
static void settle_commit(struct model *model)
{
    if (model->committing != NULL)
        state_apply_held(model, model->committing);
    model->committing = NULL;
}

/* The first that is to enter the event's queue, or message ID that is to come back to it: in which
 * order that happens to channels that close together is the engine's choice. */
static bool take_coming(struct model *model, const struct m_event *event, struct m_entry *entry)
{
    bool is_return = event->kind == EVENT_RETURNS;
    size_t i = 0;
    while (i < model->coming_count &&
           (model->coming[i].queue != event->queue || model->coming[i].is_return != is_return ||
            (is_return && model->coming[i].entry.message.id != event->id)))
        i++;
    if (i == model->coming_count)
        return false;
    *entry = model->coming[i].entry;
    model->coming_count--;
    memmove(model->coming + i, model->coming + i + 1,
            (model->coming_count - i) * sizeof *model->coming);
    return true;
}

static void check_id(const struct model *model, const struct m_event *event, uint32_t id)
{
    if (event->id != id)
        model_complain(model, "message %u in %s where it should be %u", event->id,
                       queue_name(event->queue), id);
}

static void follow_entering(struct model *model, const struct m_event *event)
{
    struct m_entry entry;
    bool is_known = take_coming(model, event, &entry);
    while (!is_known && model->is_sending && letter_send(model))
        is_known = take_coming(model, event, &entry);
    if (!is_known)
        model_complain(model, "message %u enters %s, where it was not to go", event->id,
                       queue_name(event->queue));
    check_id(model, event, entry.message.id);
    if (event->queue >= QUEUES) {
        later_insert(model, event->queue - QUEUES, &entry);
        return;
    }
    model->queues[event->queue].entered++;
    stock_insert(model, &model->queues[event->queue], &entry);
}

static void follow_return(struct model *model, const struct m_event *event)
{
    struct m_queue *queue = &model->queues[event->queue];
    struct m_entry entry;
    bool is_known = take_coming(model, event, &entry);
    if (!is_known) {
        settle_commit(model);
        (void)paging_refuse(model, event->queue, event->id);
        is_known = take_coming(model, event, &entry);
    }
    if (!is_known)
        model_complain(model, "message %u comes back to %s, which nobody asked for", event->id,
                       queue_name(event->queue));
    int limit = queue->settings.of[SETTING_DELIVERIES];
    if (model->canary == CANARY_DELIVERIES && limit != NONE)
        limit++;
    if (limit == NONE || entry.count <= (uint32_t)limit) {
        stock_insert(model, queue, &entry);
        return;
    }
    model->is_leaving = true;
    model->leaving = (struct m_coming){.queue = event->queue, .entry = entry};
}

/* The first of QUEUE, which must be the event's. */
static struct m_entry take_first(struct model *model, const struct m_event *event)
{
    struct m_queue *queue = &model->queues[event->queue];
    if (event->reason == DEAD_EXPIRED)
        paging_take(model, event->queue, event->id);
    if (queue->ready_count == 0)
        model_complain(model, "message %u dies in %s, which is empty", event->id,
                       queue_name(event->queue));
    struct m_entry first = queue->ready[0];
    check_id(model, event, first.message.id);
    if (event->reason == DEAD_EXPIRED && !stock_has_expired(model, queue, &first))
        model_complain(model, "message %u expires in %s before its time", event->id,
                       queue_name(event->queue));
    if (event->reason == DEAD_MAXLEN &&
        (overflow_of(model, queue) != OVERFLOW_DROP_HEAD || !stock_is_over(model, queue, 0, 0)))
        model_complain(model, "message %u is dropped from %s, which is not full", event->id,
                       queue_name(event->queue));
    stock_remove_first(queue);
    return first;
}

/* The first in LIST for the event's queue. */
static struct m_entry take_from(struct model *model, struct m_letter *list, size_t *count,
                                const struct m_event *event)
{
    size_t i = 0;
    while (i < *count && list[i].queue != event->queue)
        i++;
    if (i == *count)
        model_complain(model, "message %u of %s is %s, which nobody asked for", event->id,
                       queue_name(event->queue),
                       event->kind == EVENT_REFUSED ? "refused" : model_reasons[event->reason]);
    struct m_letter letter = list[i];
    check_id(model, event, letter.message.id);
    --*count;
    memmove(list + i, list + i + 1, (*count - i) * sizeof *list);
    return (struct m_entry){.message = letter.message, .number = letter.number};
}

static void follow_death(struct model *model, const struct m_event *event)
{
    struct m_entry entry;
    switch (event->reason) {
    case DEAD_EXPIRED:
        model->counters.messages_expired++;
        entry = take_first(model, event);
        break;
    case DEAD_MAXLEN:
        model->counters.messages_overflow_dropped++;
        entry = take_first(model, event);
        break;
    case DEAD_REJECTED:
        if (model->rejected_count == 0)
            settle_commit(model);
        entry = take_from(model, model->rejected, &model->rejected_count, event);
        break;
    case DEAD_DELIVERY_LIMIT:
        if (!model->is_leaving || model->leaving.queue != event->queue)
            model_complain(model, "message %u has not come back to %s too often", event->id,
                           queue_name(event->queue));
        entry = model->leaving.entry;
        check_id(model, event, entry.message.id);
        model->is_leaving = false;
        break;
    }
    letter_put_off(model, event->queue, &entry, event->reason);
}

static void follow_refusal(struct model *model, const struct m_event *event)
{
    while (model->refused_count == 0 && model->is_sending && letter_send(model))
        ;
    struct m_entry entry = take_from(model, model->refused, &model->refused_count, event);
    letter_put_off(model, event->queue, &entry, DEAD_MAXLEN);
}

/* One that nobody uses, where it was not deleted by the operation. */
static void follow_deletion(struct model *model, const struct m_event *event)
{
    struct m_queue *queue = &model->queues[event->queue];
    int expires = queue->settings.of[SETTING_EXPIRES];
    while (!queue->is_dying && paging_refuse(model, event->queue, 0))
        ;
    if (queue->is_dying)
        return;
    if (model->canary == CANARY_EXPIRES && expires != NONE)
        expires += 5000;
    if (!queue->alive || expires == NONE || state_consumers(model, event->queue) > 0 ||
        queue->used_ms + (uint64_t)expires > stock_now_ms(model))
        model_complain(model, "%s is deleted, which nobody asked for", queue_name(event->queue));
    state_delete_queue(model, event->queue);
}

static void follow_drop(struct model *model, const struct m_event *event)
{
    struct m_queue *queue = &model->queues[event->queue];
    for (uint32_t i = 0; i < event->id; i++) {
        if (queue->ready_count == 0 || !stock_is_over(model, queue, 0, 0))
            model_complain(model, "%s is not that full", queue_name(event->queue));
        stock_remove_first(queue);
        model->counters.messages_overflow_dropped++;
        model->counters.messages_dropped_maxlen++;
    }
}

static void follow_event(struct model *model, const struct m_event *event)
{
    static const char *const names[] = {
        "enters",        "returns to", "dies in",
        "is refused by", "sends",      "sent",
        "commits",       "deleted",    "is how many were dropped from",
        "has waited in"};
    model_note(model, "  %u %s %s%s%s", event->id, names[event->kind],
               event->queue == NONE ? "" : queue_name(event->queue),
               event->kind == EVENT_DIES ? ", " : "",
               event->kind == EVENT_DIES ? model_reasons[event->reason] : "");
    switch (event->kind) {
    case EVENT_ENTERS:
        follow_entering(model, event);
        break;
    case EVENT_RETURNS:
        follow_return(model, event);
        break;
    case EVENT_DIES:
        follow_death(model, event);
        break;
    case EVENT_REFUSED:
        follow_refusal(model, event);
        break;
    case EVENT_SENDS:
        settle_commit(model);
        model->is_sending = true;
        break;
    case EVENT_SENT:
        while (letter_send(model))
            ;
        model->is_sending = false;
        break;
    case EVENT_COMMITTED:
        settle_commit(model);
        break;
    case EVENT_DELETED:
        follow_deletion(model, event);
        break;
    case EVENT_DROPS:
        follow_drop(model, event);
        break;
    case EVENT_DUE:
        later_follow_due(model, event->queue - QUEUES, event->number);
        break;
    }
}

void stock_follow(struct model *model, uint64_t order)
{
    while (model->event_head < model->event_count &&
           model->events[model->event_head].order <= order)
        follow_event(model, &model->events[model->event_head++]);
}

/* --- what must be done ----------------------------------------------------------------------- */

void stock_end_step(struct model *model)
{
    model->event_head = model->event_count = 0;
    for (size_t i = 0; i < model->coming_count; i++)
        model_complain(model, "message %u did not come to %s", model->coming[i].entry.message.id,
                       queue_name(model->coming[i].queue));
    if (model->is_leaving)
        model_complain(model, "message %u did not die in %s of its deliveries",
                       model->leaving.entry.message.id, queue_name(model->leaving.queue));
    if (model->rejected_count + model->refused_count + model->letter_count > 0)
        model_complain(model, "%zu rejected, %zu refused messages and %zu dead letters are left",
                       model->rejected_count, model->refused_count, model->letter_count);
    for (int q = 0; q < QUEUES; q++) {
        struct m_queue *queue = &model->queues[q];
        const struct queue *actual = harness_queue(&model->harness, queue_name(q));
        if (queue->is_dying) {
            model->counters.messages_purged += queue->ready_count;
            queue->ready_count = 0;
            queue->is_dying = false;
        } else if (queue->alive && !queue->has_changed && actual != NULL &&
                   !paging_is_away(actual) && overflow_of(model, queue) == OVERFLOW_DROP_HEAD &&
                   stock_is_over(model, queue, 0, 0)) {
            model_complain(model, "%s has %zu messages, too many or too much", queue_name(q),
                           queue->ready_count);
        }
    }
}

void stock_end_tick(struct model *model)
{
    if (model->harness.engine->wants_tick)
        return; /* there was too much for one */
    later_end_tick(model);
    for (int q = 0; q < QUEUES; q++) {
        struct m_queue *queue = &model->queues[q];
        const struct queue *actual = harness_queue(&model->harness, queue_name(q));
        int expires = queue->settings.of[SETTING_EXPIRES];
        queue->has_changed = false;
        if (!queue->alive)
            continue;
        if (paging_is_awaited(model, q))
            queue->awaited_ms = stock_now_ms(model);
        uint64_t used_ms = queue->used_ms > queue->awaited_ms ? queue->used_ms : queue->awaited_ms;
        if (expires != NONE && state_consumers(model, q) == 0 &&
            used_ms + (uint64_t)expires <= stock_now_ms(model))
            model_complain(model, "%s should be deleted", queue_name(q));
        const struct m_entry *first = queue->ready_count > 0 && !paging_is_away(actual)
                                          ? &queue->ready[0]
                                          : NULL;
        bool is_over = first != NULL && stock_has_expired(model, queue, first);
        if (is_over && queue->overdue == first->number)
            model_complain(model, "message %u of %s is overdue", first->message.id, queue_name(q));
        queue->overdue = is_over ? first->number : 0;
    }
}
