/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Records between TX_BEGIN and TX_COMMIT wait for the latter, without the bodies of
 * messages; without it they never happened. A record about something that is gone (a settle in a
 * deleted queue) says what is so already, and is passed over.
 */
#include "persist/inventory.h"

#include <errno.h>

#include "exchange/queue_settings.h"
#include "persist/fact.h"
#include "persist/inventory_levels.h"
#include "persist/inventory_runs.h"
#include "persist/inventory_topology.h"
#include "server/base/cursor.h"
#include "server/base/mem.h"

/* --- queues ------------------------------------------------------------------------------- */

static struct slice key_of(const uint64_t *id)
{
    return slice_of(id, sizeof *id);
}

struct inventory_queue *inventory_find(struct inventory *inventory, uint64_t id)
{
    struct inventory_queue *last = inventory->last_queue;
    if (last == NULL || last->id != id)
        last = map_get(&inventory->queues, key_of(&id));
    if (last != NULL)
        inventory->last_queue = last;
    return last;
}

struct inventory_queue *inventory_add_queue(struct inventory *inventory, uint64_t id,
                                            struct slice declared)
{
    struct inventory_queue *queue = mem_zalloc(sizeof *queue);
    memcpy(queue->key, &id, sizeof id);
    struct fact fact;
    queue->id = id;
    queue->declared = slice_dup(declared);
    if (declared.size > 0 && fact_decode(STORE_QUEUE_DECLARE, declared, &fact) == 0)
        queue->max_priority = queue_settings_max_priority(fact.arguments);
    queue->next_position = 1;
    map_add(&inventory->queues, slice_of(queue->key, sizeof queue->key), queue);
    if (id > inventory->last_queue_id)
        inventory->last_queue_id = id;
    return queue;
}

static void free_queue(struct inventory_queue *queue)
{
    runs_clear(&queue->stored);
    runs_clear(&queue->paged);
    mem_free((void *)queue->declared.data);
    mem_free(queue->levels);
    mem_free(queue);
}

static void delete_queue(struct inventory *inventory, uint64_t id)
{
    struct inventory_queue *queue = map_remove(&inventory->queues, key_of(&id));
    inventory->last_queue = NULL;
    if (queue != NULL)
        free_queue(queue);
}

/* --- segments ----------------------------------------------------------------------------- */

/* The index of the first segment with NUMBER or above. */
static size_t segment_at(const struct inventory *inventory, uint64_t number)
{
    size_t low = 0, high = inventory->segment_count;
    if (high > 0 && inventory->segments[high - 1]->number == number)
        return high - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (inventory->segments[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct inventory_segment *inventory_segment(const struct inventory *inventory, uint64_t number)
{
    size_t at = segment_at(inventory, number);
    return at < inventory->segment_count && inventory->segments[at]->number == number
               ? inventory->segments[at]
               : NULL;
}

struct inventory_segment *inventory_add_segment(struct inventory *inventory, uint64_t number)
{
    size_t at = segment_at(inventory, number);
    if (at < inventory->segment_count && inventory->segments[at]->number == number)
        return inventory->segments[at];
    struct inventory_segment *segment = mem_zalloc(sizeof *segment);
    segment->number = segment->needs_from = number;
    list_init(&segment->runs);
    if (inventory->segment_count == inventory->segment_capacity) {
        inventory->segment_capacity = inventory->segment_capacity == 0
                                          ? 16
                                          : inventory->segment_capacity * 2;
        inventory->segments = mem_realloc(
            inventory->segments, inventory->segment_capacity * sizeof(struct inventory_segment *));
    }
    memmove(inventory->segments + at + 1, inventory->segments + at,
            (inventory->segment_count - at) * sizeof(struct inventory_segment *));
    inventory->segments[at] = segment;
    inventory->segment_count++;
    return segment;
}

/* Segments that the parts of one message may reach over: 512 MiB, with room to spare. */
#define PARTS_SEGMENTS ((1u << 30) / SEGMENT_BYTES)

bool inventory_needs(const struct inventory *inventory, uint64_t number)
{
    for (size_t i = segment_at(inventory, number); i < inventory->segment_count; i++) {
        const struct inventory_segment *segment = inventory->segments[i];
        if (segment->number > number + PARTS_SEGMENTS)
            break;
        if (segment->live > 0 && segment->needs_from <= number)
            return true;
    }
    return false;
}

void inventory_forget(struct inventory *inventory, uint64_t number)
{
    size_t at = segment_at(inventory, number);
    struct inventory_segment *segment = inventory->segments[at];
    CHECK_ID(segment->number == number && list_is_empty(&segment->runs), number);
    memmove(inventory->segments + at, inventory->segments + at + 1,
            (--inventory->segment_count - at) * sizeof(struct inventory_segment *));
    mem_free(segment);
}

/* --- messages ----------------------------------------------------------------------------- */

bool inventory_next(const struct inventory_queue *queue, uint64_t position,
                    struct inventory_place *place)
{
    struct inventory_place paged;
    bool is_stored = runs_next(&queue->stored, position, place);
    if (!runs_next(&queue->paged, position, &paged) ||
        (is_stored && place->position < paged.position))
        return is_stored;
    *place = paged;
    place->paged = true;
    return true;
}

bool inventory_at(const struct inventory_queue *queue, uint64_t position,
                  struct inventory_place *place)
{
    if (runs_find(&queue->stored, position, place))
        return true;
    if (!runs_find(&queue->paged, position, place))
        return false;
    place->paged = true;
    return true;
}

static void note_in_index(struct inventory *inventory, uint64_t lsn, uint64_t queue,
                          uint64_t position)
{
    if (inventory->index.segment == lsn_segment(lsn))
        index_builder_add(&inventory->index, queue, position, lsn_offset(lsn));
}

static int message_stored(struct inventory *inventory, const struct fact *fact, uint64_t lsn)
{
    struct inventory_segment *segment = inventory_add_segment(inventory, lsn_segment(lsn));
    for (uint32_t i = 0; i < fact->target_count; i++) {
        uint64_t id, position;
        fact_target(fact, i, &id, &position);
        struct inventory_queue *queue = inventory_find(inventory, id);
        if (queue == NULL || queue->declared.size == 0)
            continue;
        if (!levels_take_position(queue, position))
            return -EBADMSG;
        (void)runs_put(&queue->stored, queue, segment, position);
        queue->timed = fact->time_ms != 0 || (queue->timed && queue->live > 0);
        levels_count(queue, position, fact->body_bytes);
        note_in_index(inventory, lsn, id, position);
    }
    return 0;
}

static void message_paged(struct inventory *inventory, const struct fact *fact, uint64_t lsn)
{
    if (inventory->recovering)
        return;
    struct inventory_segment *segment = inventory_add_segment(inventory, lsn_segment(lsn));
    for (uint32_t i = 0; i < fact->target_count; i++) {
        uint64_t id, position;
        fact_target(fact, i, &id, &position);
        struct inventory_queue *queue = inventory_find(inventory, id);
        if (queue == NULL)
            queue = inventory_add_queue(inventory, id, SLICE_EMPTY);
        (void)runs_settle(&queue->paged, position, position + 1);
        (void)runs_put(&queue->paged, queue, segment, position);
        note_in_index(inventory, lsn, id, position);
    }
}

static void message_moved(struct inventory *inventory, const struct fact *fact, uint64_t lsn)
{
    struct inventory_segment *segment = inventory_add_segment(inventory, lsn_segment(lsn));
    for (uint32_t i = 0; i < fact->target_count; i++) {
        uint64_t id, position;
        fact_target(fact, i, &id, &position);
        struct inventory_queue *queue = inventory_find(inventory, id);
        if (queue == NULL)
            continue;
        runs_move(&queue->stored, position, segment);
        runs_move(&queue->paged, position, segment);
        note_in_index(inventory, lsn, id, position);
    }
    inventory->moves += fact->target_count;
}

static int message(struct inventory *inventory, const struct fact *fact, uint64_t lsn)
{
    int status = 0;
    if (fact->kind == STORE_MESSAGE)
        status = message_stored(inventory, fact, lsn);
    else if (fact->kind == STORE_PAGE)
        message_paged(inventory, fact, lsn);
    else
        message_moved(inventory, fact, lsn);
    inventory->in_parts = false;
    struct inventory_segment *segment = inventory_segment(inventory, lsn_segment(lsn));
    if (fact->parts_lsn != 0 && segment != NULL &&
        lsn_segment(fact->parts_lsn) < segment->needs_from)
        segment->needs_from = lsn_segment(fact->parts_lsn);
    return status;
}

static void settled(struct inventory *inventory, const struct fact *fact)
{
    struct inventory_queue *queue = inventory_find(inventory, fact->queue);
    if (queue == NULL)
        return;
    uint64_t position = fact->position, most = POSITION_NUMBER_MAX - position_number(position);
    uint64_t end = position + (fact->span < most ? fact->span : most); /* they are of one level */
    uint64_t stored = runs_settle(&queue->stored, position, end);
    (void)runs_settle(&queue->paged, position, end);
    if (stored > 0) /* else the bytes are of what was paged, which is not counted */
        levels_discount(queue, position, stored, fact->bytes);
    levels_pass(queue, end);
}

static void requeued(struct inventory *inventory, const struct fact *fact)
{
    struct inventory_queue *queue = inventory_find(inventory, fact->queue);
    struct inventory_place place;
    if (queue != NULL && runs_next(&queue->stored, fact->position, &place) &&
        place.position == fact->position)
        runs_set_count(place.run, fact->position, fact->count);
}

static void stopped(struct inventory *inventory, const struct fact *fact)
{
    struct inventory_queue *queue = inventory_find(inventory, fact->queue);
    if (queue == NULL)
        return;
    struct inventory_level *level = inventory_level(queue, position_level(fact->position));
    if (level != NULL)
        level->undelivered = fact->position;
    else
        queue->undelivered = fact->position;
    queue->stopped = inventory->changes;
}

/* --- records ------------------------------------------------------------------------------ */

static int apply_fact(struct inventory *inventory, const struct fact *fact, uint64_t lsn,
                      struct slice payload)
{
    switch (fact->kind) {
    case STORE_MESSAGE:
    case STORE_MOVED:
    case STORE_PAGE:
        return message(inventory, fact, lsn);
    case STORE_SETTLE:
        settled(inventory, fact);
        break;
    case STORE_REQUEUE:
        requeued(inventory, fact);
        break;
    case STORE_STOP:
        stopped(inventory, fact);
        break;
    case STORE_QUEUE_DECLARE:
        if (inventory_find(inventory, fact->queue) == NULL)
            (void)inventory_add_queue(inventory, fact->queue, payload);
        break;
    case STORE_QUEUE_DELETE:
        delete_queue(inventory, fact->queue);
        break;
    case STORE_EXCHANGE_DECLARE:
    case STORE_EXCHANGE_DELETE:
        topology_exchange(inventory, fact, lsn, payload);
        break;
    case STORE_BIND:
    case STORE_UNBIND:
        topology_binding(inventory, fact->kind, lsn, payload);
        break;
    case STORE_DEFINE:
    case STORE_UNDEFINE:
        topology_definition(inventory, fact, lsn, payload);
        break;
    case STORE_TX_BEGIN:
    case STORE_TX_COMMIT:
        break;
    }
    return 0;
}

static int decode(uint8_t type, struct slice payload, struct fact *fact)
{
    return type < RECORD_FACT ||
                   fact_decode((enum store_record_kind)(type - RECORD_FACT), payload, fact) < 0
               ? -EBADMSG
               : 0;
}

struct held_record {
    uint64_t lsn, size;
    uint8_t type;
};

/* Keeps a record until its transaction commits; of a message all but the body. */
static int hold(struct inventory *inventory, const struct record *record)
{
    struct fact fact;
    if (decode(record->type, record->payload, &fact) < 0)
        return -EBADMSG;
    struct slice payload = slice_of(record->payload.data, record->payload.size - fact.body.size);
    struct held_record front = {record->lsn, payload.size, record->type};
    buf_bytes(&inventory->transaction, slice_of(&front, sizeof front));
    buf_bytes(&inventory->transaction, payload);
    if (fact.kind == STORE_MESSAGE)
        inventory->in_parts = false;
    return 0;
}

static int commit(struct inventory *inventory)
{
    int status = 0;
    struct cursor cursor = cursor_of(buf_slice(&inventory->transaction));
    while (status == 0 && cursor_left(&cursor) > 0) {
        struct held_record front;
        struct fact fact;
        memcpy(&front, cursor_bytes(&cursor, sizeof front).data, sizeof front);
        struct slice payload = cursor_bytes(&cursor, front.size);
        status = decode(front.type, payload, &fact);
        if (status == 0)
            status = apply_fact(inventory, &fact, front.lsn, payload);
    }
    buf_fini(&inventory->transaction);
    return status;
}

static void enter_segment(struct inventory *inventory, uint64_t number)
{
    if (inventory->index.segment == number)
        return;
    (void)inventory_add_segment(inventory, number);
    index_builder_begin(&inventory->index, number);
}

int inventory_apply(struct inventory *inventory, const struct record *record)
{
    struct fact fact;
    enter_segment(inventory, lsn_segment(record->lsn));
    if (record->epoch != inventory->epoch) { /* what an earlier run left unfinished */
        inventory->epoch = record->epoch;
        inventory->in_transaction = inventory->in_parts = false;
        inventory->transaction.size = 0;
    }
    switch (record->type) {
    case RECORD_BATCH:
        return 0;
    case RECORD_END:
        return 1;
    case RECORD_PART:
        inventory->in_parts = true;
        return 0;
    case RECORD_FACT + STORE_TX_BEGIN:
        inventory->in_transaction = true;
        inventory->transaction.size = 0; /* one that was cut short before */
        return 0;
    case RECORD_FACT + STORE_TX_COMMIT:
        inventory->in_transaction = false;
        return commit(inventory);
    default:
        break;
    }
    inventory->changes += record->type != RECORD_FACT + STORE_STOP;
    if (inventory->in_transaction)
        return hold(inventory, record);
    int status = decode(record->type, record->payload, &fact);
    return status < 0 ? status : apply_fact(inventory, &fact, record->lsn, record->payload);
}

/* --- life --------------------------------------------------------------------------------- */

void inventory_init(struct inventory *inventory)
{
    *inventory = (struct inventory){0};
}

void inventory_fini(struct inventory *inventory)
{
    uint32_t position = 0;
    for (struct inventory_queue *queue; (queue = map_next(&inventory->queues, &position)) != NULL;)
        free_queue(queue);
    map_fini(&inventory->queues);
    topology_fini(inventory);
    for (size_t i = 0; i < inventory->segment_count; i++)
        mem_free(inventory->segments[i]);
    mem_free(inventory->segments);
    buf_fini(&inventory->transaction);
    index_builder_fini(&inventory->index);
}
