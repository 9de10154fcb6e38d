/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The linker puts these in the place of the engine's functions of the same names
 * (--wrap, see CMakeLists.txt); each notes an event and goes on to the function itself.
 */
#include <stdlib.h>

#include "exchange/tx.h"
#include "server/base/mem.h"
#include "test/sim/model_parts.h"

static struct model *watching;

void watch(struct model *model)
{
    watching = model;
}

static void add(struct m_event event)
{
    struct model *model = watching;
    if (model->event_count == model->event_capacity) {
        model->event_capacity = model->event_capacity == 0 ? 256 : model->event_capacity * 2;
        model->events = mem_realloc(model->events, model->event_capacity * sizeof *model->events);
    }
    event.order = model->harness.effects;
    model->events[model->event_count++] = event;
}

/* Of one that is not an exchange's own: "q0", of those "x0". */
static int index_of(const struct queue *queue)
{
    int digit = queue->name.data[1] - '0';
    return queue->delay == NULL ? digit : QUEUES + FIRST_OWN_EXCHANGE + digit;
}

static uint32_t id_of(struct message *message)
{
    return (uint32_t)strtoul((const char *)message_body(message), NULL, 10);
}

static void add_about(enum m_event_kind kind, const struct queue *queue, struct message *message,
                      enum dead_letter_reason reason)
{
    if (watching != NULL && !queue->deleted)
        add((struct m_event){
            .kind = kind, .queue = index_of(queue), .id = id_of(message), .reason = reason});
}

static void add_of(enum m_event_kind kind)
{
    if (watching != NULL)
        add((struct m_event){.kind = kind, .queue = NONE});
}

#define WRAP(type, name, ...)        \
    type __wrap_##name(__VA_ARGS__); \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)

WRAP(void, queue_publish, struct queue *queue, struct message *message)
{
    add_about(EVENT_ENTERS, queue, message, DEAD_REJECTED);
    __real_queue_publish(queue, message);
}

WRAP(void, queue_settle, struct queue *queue, uint64_t position, struct message *message)
{
    if (watching != NULL && queue->delay != NULL)
        add((struct m_event){
            .kind = EVENT_DUE, .queue = index_of(queue), .id = id_of(message), .number = position});
    __real_queue_settle(queue, position, message);
}

WRAP(void, queue_requeue, struct queue *queue, uint64_t position, struct message *message,
     uint32_t delivery_count)
{
    add_about(EVENT_RETURNS, queue, message, DEAD_REJECTED);
    __real_queue_requeue(queue, position, message, delivery_count);
}

WRAP(void, dead_letter, struct queue *queue, uint64_t position, struct message *message,
     enum dead_letter_reason reason)
{
    add_about(EVENT_DIES, queue, message, reason);
    if (watching != NULL && watching->canary == CANARY_DLX && id_of(message) % 50 == 0)
        queue_settle(queue, position, message); /* it is lost */
    else
        __real_dead_letter(queue, position, message, reason);
}

WRAP(void, dead_letter_refused, struct queue *queue, struct message *message,
     enum dead_letter_reason reason)
{
    add_about(EVENT_REFUSED, queue, message, reason);
    __real_dead_letter_refused(queue, message, reason);
}

WRAP(void, dead_letter_send, struct engine *engine)
{
    add_of(EVENT_SENDS);
    __real_dead_letter_send(engine);
    add_of(EVENT_SENT);
}

WRAP(uint64_t, tx_commit, struct channel *channel)
{
    uint64_t lsn = __real_tx_commit(channel);
    if (watching != NULL)
        watching->commit_lsn = lsn;
    add_of(EVENT_COMMITTED);
    return lsn;
}

WRAP(void, queue_delete, struct queue *queue)
{
    if (watching != NULL)
        add((struct m_event){.kind = EVENT_DELETED, .queue = index_of(queue)});
    __real_queue_delete(queue);
}

WRAP(void, queue_drop_cold, struct queue *queue)
{
    if (watching != NULL && !queue->deleted)
        add((struct m_event){.kind = EVENT_DROPS,
                             .queue = index_of(queue),
                             .id = (uint32_t)queue->ready.cold.count});
    __real_queue_drop_cold(queue);
}
