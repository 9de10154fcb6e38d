/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Facts are applied to the engine itself as they are read: it is empty, and nobody is
 * connected. Messages are kept beside it, by queue and position, until the end of the log has told
 * which of them are settled. Facts between TX_BEGIN and TX_COMMIT wait for the latter; without it
 * they never happened. A fact about something that is gone (a binding of a deleted exchange, a
 * settle in a deleted queue) says what is so already, and is passed over. Exchanges do not delete
 * themselves meanwhile: what is not durable may have kept them, and where nothing did a record says
 * so.
 */
#include "persist/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "exchange/binding.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "persist/fact.h"
#include "server/base/cursor.h"
#include "server/base/mem.h"

/* A message on its way into a queue. */
struct waiting {
    uint64_t position;
    struct message *message; /* NULL: settled */
    uint32_t delivery_count;
};

struct recovering {
    uint8_t key[sizeof(uint64_t)]; /* the queue's number, for the map */
    struct queue *queue;
    struct waiting *messages; /* by position */
    size_t count, capacity;
};

struct replay {
    struct engine *engine;
    struct recovery *recovery;
    struct map queues;             /* number -> struct recovering */
    struct exchange **auto_delete; /* exchanges that will be so again */
    size_t auto_delete_count, auto_delete_capacity;
    struct buf parts; /* of the body that the next message ends */
    uint32_t epoch;   /* of the last record */
    bool in_transaction;
    struct buf transaction; /* records since TX_BEGIN: type, LSN, size, payload */
};

/* --- queues and what waits for them ------------------------------------------------------- */

static struct slice key_of(const uint64_t *number)
{
    return slice_of(number, sizeof *number);
}

static struct recovering *find(const struct replay *replay, uint64_t number)
{
    return map_get(&replay->queues, key_of(&number));
}

static struct recovering *add(struct replay *replay, uint64_t number, struct queue *queue)
{
    struct recovering *recovering = mem_zalloc(sizeof *recovering);
    memcpy(recovering->key, &number, sizeof number);
    recovering->queue = queue;
    map_add(&replay->queues, slice_of(recovering->key, sizeof recovering->key), recovering);
    return recovering;
}

static void drop(struct recovering *recovering)
{
    for (size_t i = 0; i < recovering->count; i++)
        if (recovering->messages[i].message != NULL)
            message_unref(recovering->messages[i].message);
    mem_free(recovering->messages);
    mem_free(recovering);
}

static void put_message(struct recovering *recovering, uint64_t position, struct message *message)
{
    if (recovering->count == recovering->capacity) {
        recovering->capacity = recovering->capacity == 0 ? 64 : recovering->capacity * 2;
        recovering->messages = mem_realloc(recovering->messages,
                                           recovering->capacity * sizeof *recovering->messages);
    }
    message_ref(message);
    recovering->messages[recovering->count++] = (struct waiting){position, message, 0};
}

/* The index of the first message at POSITION or behind it. */
static size_t lower_bound(const struct recovering *recovering, uint64_t position)
{
    size_t low = 0, high = recovering->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (recovering->messages[middle].position < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- facts -------------------------------------------------------------------------------- */

static void queue_declared(struct replay *replay, struct vhost *vhost, const struct fact *fact)
{
    if (vhost_queue(vhost, fact->name) != NULL || find(replay, fact->queue) != NULL)
        return;
    struct queue *queue = queue_declare(vhost, &(struct queue_spec){
                                                   .name = fact->name,
                                                   .durable = true,
                                                   .auto_delete = fact->flags & FACT_AUTO_DELETE,
                                                   .arguments = fact->arguments,
                                               });
    queue->id = fact->queue;
    if (replay->engine->last_queue_id < fact->queue)
        replay->engine->last_queue_id = fact->queue;
    (void)add(replay, fact->queue, queue);
}

static void queue_deleted(struct replay *replay, uint64_t number)
{
    struct recovering *recovering = map_remove(&replay->queues, key_of(&number));
    if (recovering == NULL)
        return;
    queue_delete(recovering->queue);
    drop(recovering);
}

static void remember_auto_delete(struct replay *replay, struct exchange *exchange)
{
    if (replay->auto_delete_count == replay->auto_delete_capacity) {
        size_t capacity = replay->auto_delete_capacity == 0 ? 16 : replay->auto_delete_capacity * 2;
        replay->auto_delete = mem_realloc(replay->auto_delete,
                                          capacity * sizeof *replay->auto_delete);
        replay->auto_delete_capacity = capacity;
    }
    replay->auto_delete[replay->auto_delete_count++] = exchange;
}

static void forget_auto_delete(struct replay *replay, const struct exchange *exchange)
{
    for (size_t i = 0; i < replay->auto_delete_count; i++)
        if (replay->auto_delete[i] == exchange)
            replay->auto_delete[i] = replay->auto_delete[--replay->auto_delete_count];
}

static void exchange_declared(struct replay *replay, struct vhost *vhost, const struct fact *fact)
{
    const struct exchange_type *type = exchange_type_find(fact->type);
    if (type == NULL || vhost_exchange(vhost, fact->name) != NULL)
        return;
    struct exchange *exchange = vhost_add_exchange(vhost,
                                                   &(struct exchange_spec){
                                                       .name = fact->name,
                                                       .type = type,
                                                       .durable = true,
                                                       .internal = fact->flags & FACT_INTERNAL,
                                                       .arguments = fact->arguments,
                                                   });
    if (fact->flags & FACT_AUTO_DELETE)
        remember_auto_delete(replay, exchange);
}

static void exchange_deleted(struct replay *replay, struct vhost *vhost, const struct fact *fact)
{
    struct exchange *exchange = vhost_exchange(vhost, fact->name);
    if (exchange == NULL || exchange_is_default(exchange))
        return;
    forget_auto_delete(replay, exchange);
    vhost_delete_exchange(vhost, exchange);
}

static void bound_or_unbound(struct replay *replay, struct vhost *vhost, const struct fact *fact)
{
    struct binding_spec spec = {.source = vhost_exchange(vhost, fact->name),
                                .routing_key = fact->routing_key,
                                .arguments = fact->arguments};
    if (fact->flags & FACT_TO_EXCHANGE) {
        spec.exchange = vhost_exchange(vhost, fact->destination);
    } else {
        const struct recovering *recovering = find(replay, fact->queue);
        spec.queue = recovering != NULL ? recovering->queue : NULL;
    }
    if (spec.source == NULL || (spec.queue == NULL && spec.exchange == NULL))
        return;
    struct binding *binding = binding_find(&spec);
    if (fact->kind == STORE_BIND && binding == NULL)
        (void)vhost_bind(vhost, &spec);
    else if (fact->kind == STORE_UNBIND && binding != NULL)
        vhost_unbind(vhost, binding);
}

/* Builds the message with its parts in front of its body; NULL when they do not add up. */
static struct message *build_message(const struct replay *replay, const struct fact *fact)
{
    size_t parts = fact->body_bytes - fact->body.size;
    if (parts != replay->parts.size)
        return NULL;
    struct message *message = message_new(fact->exchange, fact->routing_key, fact->properties,
                                          fact->body_bytes, fact->body_bytes);
    if (message == NULL)
        return NULL;
    if (parts > 0)
        memcpy(message_body(message), replay->parts.data, parts);
    if (fact->body.size > 0)
        memcpy(message_body(message) + parts, fact->body.data, fact->body.size);
    message_seal(message);
    message->flags = fact->flags & FACT_PERSISTENT ? MESSAGE_PERSISTENT : 0;
    return message;
}

static int message_stored(struct replay *replay, const struct fact *fact, uint64_t lsn)
{
    struct message *message = build_message(replay, fact);
    replay->parts.size = 0;
    if (message == NULL)
        return -EBADMSG;
    message->lsn = lsn;
    for (uint32_t i = 0; i < fact->target_count; i++) {
        uint64_t queue, position;
        fact_target(fact, i, &queue, &position);
        struct recovering *recovering = find(replay, queue);
        if (recovering == NULL)
            continue;
        size_t count = recovering->count;
        if (count > 0 && recovering->messages[count - 1].position >= position) {
            message_unref(message);
            return -EBADMSG;
        }
        put_message(recovering, position, message);
    }
    message_unref(message);
    return 0;
}

static void settled(struct replay *replay, const struct fact *fact)
{
    struct recovering *recovering = find(replay, fact->queue);
    if (recovering == NULL)
        return;
    uint64_t end = fact->position + fact->span;
    for (size_t i = lower_bound(recovering, fact->position);
         i < recovering->count && recovering->messages[i].position < end; i++) {
        if (recovering->messages[i].message != NULL)
            message_unref(recovering->messages[i].message);
        recovering->messages[i].message = NULL;
    }
    if (recovering->queue->next_position < end)
        recovering->queue->next_position = end;
}

static void requeued(struct replay *replay, const struct fact *fact)
{
    struct recovering *recovering = find(replay, fact->queue);
    if (recovering == NULL)
        return;
    size_t at = lower_bound(recovering, fact->position);
    if (at < recovering->count && recovering->messages[at].position == fact->position)
        recovering->messages[at].delivery_count = fact->count;
}

static int apply(struct replay *replay, const struct fact *fact, uint64_t lsn)
{
    struct vhost *vhost = fact->vhost.size == 0 ? NULL
                                                : map_get(&replay->engine->vhosts, fact->vhost);
    switch (fact->kind) {
    case STORE_MESSAGE:
        return message_stored(replay, fact, lsn);
    case STORE_SETTLE:
        settled(replay, fact);
        break;
    case STORE_REQUEUE:
        requeued(replay, fact);
        break;
    case STORE_QUEUE_DELETE:
        queue_deleted(replay, fact->queue);
        break;
    case STORE_QUEUE_DECLARE:
        if (vhost != NULL)
            queue_declared(replay, vhost, fact);
        break;
    case STORE_EXCHANGE_DECLARE:
        if (vhost != NULL)
            exchange_declared(replay, vhost, fact);
        break;
    case STORE_EXCHANGE_DELETE:
        if (vhost != NULL)
            exchange_deleted(replay, vhost, fact);
        break;
    case STORE_BIND:
    case STORE_UNBIND:
        if (vhost != NULL)
            bound_or_unbound(replay, vhost, fact);
        break;
    case STORE_TX_BEGIN:
    case STORE_TX_COMMIT:
    case STORE_MOVED:
    case STORE_PAGE:
        break;
    }
    return 0;
}

/* --- records and transactions ------------------------------------------------------------- */

/* Applies one record outside of any transaction. */
static int apply_record(struct replay *replay, uint8_t type, uint64_t lsn, struct slice payload)
{
    struct fact fact;
    if (type == RECORD_PART) {
        buf_bytes(&replay->parts, payload);
        return 0;
    }
    if (type < RECORD_FACT ||
        fact_decode((enum store_record_kind)(type - RECORD_FACT), payload, &fact) < 0)
        return -EBADMSG;
    return apply(replay, &fact, lsn);
}

struct held_record {
    uint64_t lsn, size;
    uint8_t type;
};

static void hold(struct replay *replay, const struct record *record)
{
    struct held_record front = {record->lsn, record->payload.size, record->type};
    buf_bytes(&replay->transaction, slice_of(&front, sizeof front));
    buf_bytes(&replay->transaction, record->payload);
}

static int apply_transaction(struct replay *replay)
{
    int status = 0;
    struct cursor cursor = cursor_of(buf_slice(&replay->transaction));
    while (status == 0 && cursor_left(&cursor) > 0) {
        struct held_record front;
        memcpy(&front, cursor_bytes(&cursor, sizeof front).data, sizeof front);
        status = apply_record(replay, front.type, front.lsn, cursor_bytes(&cursor, front.size));
    }
    replay->transaction.size = 0;
    return status;
}

static int replay_record(struct replay *replay, const struct record *record)
{
    if (record->type == RECORD_FACT + STORE_TX_BEGIN) {
        replay->in_transaction = true;
        replay->transaction.size = 0; /* one that was cut short before */
        return 0;
    }
    if (record->type == RECORD_FACT + STORE_TX_COMMIT) {
        replay->in_transaction = false;
        return apply_transaction(replay);
    }
    if (replay->in_transaction) {
        hold(replay, record);
        return 0;
    }
    return apply_record(replay, record->type, record->lsn, record->payload);
}

static int see(void *context, const struct record *record)
{
    struct replay *replay = context;
    if (record->epoch != replay->epoch) { /* what an earlier run left unfinished */
        replay->epoch = record->epoch;
        replay->in_transaction = false;
        replay->parts.size = 0;
    }
    int status = replay_record(replay, record);
    if (status < 0)
        snprintf(replay->recovery->scan.error, SCAN_TEXT_BYTES,
                 "segment %" PRIu64 ", offset %" PRIu32
                 ": a record of type %u makes no sense; was this log written by another version?",
                 lsn_segment(record->lsn), lsn_offset(record->lsn), record->type);
    return status;
}

/* --- the end of the log ------------------------------------------------------------------- */

/* Gives QUEUE what is left. Messages up to the last one that had come back go where those go: what
 * stands before a message that came back must stand before it still. */
static uint64_t fill_queue(struct recovering *recovering)
{
    struct queue *queue = recovering->queue;
    size_t returned_count = 0;
    uint64_t count = 0;
    for (size_t i = 0; i < recovering->count; i++)
        if (recovering->messages[i].message != NULL && recovering->messages[i].delivery_count > 0)
            returned_count = i + 1;
    for (size_t i = 0; i < recovering->count; i++) {
        struct waiting *waiting = &recovering->messages[i];
        if (queue->next_position <= waiting->position)
            queue->next_position = waiting->position + 1;
        if (waiting->message == NULL)
            continue;
        queue_restore(queue, waiting->position, waiting->message, waiting->delivery_count,
                      i < returned_count);
        waiting->message = NULL;
        count++;
    }
    queue->recovered_below = queue->next_position;
    return count;
}

static void fill_queues(struct replay *replay)
{
    uint32_t position = 0;
    for (struct recovering *recovering;
         (recovering = map_next(&replay->queues, &position)) != NULL;) {
        replay->recovery->queues++;
        replay->recovery->messages += fill_queue(recovering);
    }
}

int recovery_run(struct io *io, struct engine *engine, struct recovery *recovery)
{
    *recovery = (struct recovery){0};
    struct replay replay = {.engine = engine, .recovery = recovery};
    int status = scan_run(io, &recovery->scan, see, &replay);
    if (status == 0)
        fill_queues(&replay);
    for (size_t i = 0; i < replay.auto_delete_count; i++)
        replay.auto_delete[i]->auto_delete = true;
    mem_free(replay.auto_delete);
    uint32_t position = 0;
    for (struct recovering *recovering; (recovering = map_next(&replay.queues, &position)) != NULL;)
        drop(recovering);
    map_fini(&replay.queues);
    buf_fini(&replay.parts);
    buf_fini(&replay.transaction);
    return status;
}
