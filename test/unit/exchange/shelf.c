/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/exchange/shelf.h"

#include <errno.h>

#include "server/base/mem.h"
#include "test/unit/exchange/harness.h"

struct shelf_fetch {
    struct store_fetch asked; /* its positions are copies */
    uint64_t due;             /* in the harness's ticks */
    bool is_read;
    struct store_answer answer; /* when it is read */
};

/* --- items ----------------------------------------------------------------------------------- */

/* The index of the first item of QUEUE at POSITION or behind it. */
static size_t find(const struct shelf *shelf, uint64_t queue, uint64_t position)
{
    size_t low = 0, high = shelf->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct shelf_item *item = &shelf->items[middle];
        if (item->queue < queue || (item->queue == queue && item->position < position))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_in(const struct shelf *shelf, size_t at, uint64_t queue, uint64_t end)
{
    return at < shelf->count && shelf->items[at].queue == queue && shelf->items[at].position < end;
}

static struct message *copy_of(struct message *message, uint64_t lsn)
{
    struct message *copy = message_new(message_exchange(message), message_routing_key(message),
                                       message_properties(message), message->body_bytes,
                                       message->body_bytes);
    CHECK(copy != NULL);
    if (message->body_bytes > 0)
        memcpy(message_body(copy), message_body(message), message->body_bytes);
    message_seal(copy);
    copy->flags = message->flags & MESSAGE_PERSISTENT;
    copy->lsn = lsn;
    return message->flags & MESSAGE_TIMED ? message_with_time(copy, message_time_ms(message))
                                          : copy;
}

static void add(struct shelf *shelf, const struct shelf_item *item)
{
    if (shelf->count == shelf->capacity) {
        shelf->capacity = shelf->capacity == 0 ? 64 : shelf->capacity * 2;
        shelf->items = mem_realloc(shelf->items, shelf->capacity * sizeof *shelf->items);
    }
    size_t at = find(shelf, item->queue, item->position);
    CHECK_ID(!is_in(shelf, at, item->queue, item->position + 1), item->position);
    memmove(shelf->items + at + 1, shelf->items + at, (shelf->count - at) * sizeof *shelf->items);
    shelf->items[at] = *item;
    shelf->count++;
}

/* Takes the COUNT items from AT on off the shelf. */
static void take_off(struct shelf *shelf, size_t at, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = at; i < at + count; i++)
        message_unref(shelf->items[i].message);
    shelf->count -= count;
    memmove(shelf->items + at, shelf->items + at + count,
            (shelf->count - at) * sizeof *shelf->items);
}

size_t shelf_count(const struct shelf *shelf, uint64_t queue, uint64_t first, uint64_t end,
                   uint64_t *bytes, size_t *paged)
{
    size_t begin = find(shelf, queue, first), at = begin, page_count = 0;
    uint64_t sum = 0;
    for (; is_in(shelf, at, queue, end); at++) {
        sum += shelf->items[at].message->body_bytes;
        page_count += shelf->items[at].is_paged;
    }
    if (bytes != NULL)
        *bytes = sum;
    if (paged != NULL)
        *paged = page_count;
    return at - begin;
}

/* --- what it is told ------------------------------------------------------------------------- */

static void put(struct shelf *shelf, const struct store_record *record, uint64_t lsn)
{
    bool is_paged = record->kind == STORE_PAGE;
    CHECK(!is_paged || record->target_count == 1);
    for (uint32_t i = 0; i < record->target_count; i++)
        add(shelf, &(struct shelf_item){.queue = record->targets[i].queue->id,
                                        .position = record->targets[i].position,
                                        .lsn = lsn,
                                        .message = copy_of(record->message, is_paged ? 0 : lsn),
                                        .is_paged = is_paged});
}

static size_t settle(struct shelf *shelf, const struct store_record *record, size_t *paged)
{
    uint64_t bytes;
    size_t at = find(shelf, record->queue->id, record->position);
    size_t count = shelf_count(shelf, record->queue->id, record->position,
                               record->position + record->span, &bytes, paged);
    CHECK_ID(count > 0 && count <= record->span, record->position);
    CHECK_ID(bytes == record->bytes, record->position);
    take_off(shelf, at, count);
    return count;
}

static void requeue(struct shelf *shelf, const struct store_record *record)
{
    size_t at = find(shelf, record->queue->id, record->position);
    CHECK_ID(is_in(shelf, at, record->queue->id, record->position + 1), record->position);
    shelf->items[at].delivery_count = record->delivery_count;
}

size_t shelf_record(struct shelf *shelf, const struct store_record *record, uint64_t lsn,
                    size_t *paged)
{
    *paged = 0;
    if (record->kind == STORE_MESSAGE || record->kind == STORE_PAGE)
        put(shelf, record, lsn);
    else if (record->kind == STORE_SETTLE)
        return settle(shelf, record, paged);
    else if (record->kind == STORE_REQUEUE)
        requeue(shelf, record);
    else if (record->kind == STORE_QUEUE_DELETE)
        take_off(shelf, find(shelf, record->queue->id, 0),
                 shelf_count(shelf, record->queue->id, 0, UINT64_MAX, NULL, NULL));
    return 0;
}

/* --- what it is asked ------------------------------------------------------------------------ */

static bool chance(struct shelf *shelf, unsigned one_in)
{
    return one_in > 0 && harness_below(&shelf->random, one_in) == 0;
}

/* Is the item at POSITION asked for? */
static bool is_asked(const struct store_fetch *asked, uint64_t position)
{
    for (uint32_t i = 0; i < asked->position_count; i++)
        if (asked->positions[i] == position)
            return true;
    return asked->position_count == 0;
}

/* Reads what FETCH asks for. */
static void read_items(struct shelf *shelf, struct shelf_fetch *fetch)
{
    const struct store_fetch *asked = &fetch->asked;
    struct store_answer *answer = &fetch->answer;
    uint64_t queue = asked->queue->id, bytes = 0;
    size_t at = find(shelf, queue, asked->first);
    size_t most = shelf->answer_max > 0 ? 1 + harness_below(&shelf->random, shelf->answer_max)
                                        : SIZE_MAX;
    size_t there = shelf_count(shelf, queue, asked->first, asked->end, NULL, NULL);
    *answer = (struct store_answer){.queue = asked->queue, .next = asked->end};
    fetch->is_read = true;
    answer->entries = mem_alloc((there + 1) * sizeof *answer->entries);
    for (; is_in(shelf, at, queue, asked->end) && bytes < asked->bytes && answer->count < most;
         at++) {
        const struct shelf_item *item = &shelf->items[at];
        if (!is_asked(asked, item->position)) {
            there--;
            continue;
        }
        answer->entries[answer->count++] = (struct store_fetched){
            item->position, copy_of(item->message, item->message->lsn), item->delivery_count};
        bytes += item->message->body_bytes;
    }
    if (answer->count < there)
        answer->next = chance(shelf, 2) ? shelf->items[at].position
                                        : answer->entries[answer->count - 1].position + 1;
}

static void fetch(struct store *store, const struct store_fetch *asked)
{
    struct shelf *shelf = ((struct harness_store *)store)->shelf;
    const struct harness_store *own = &shelf->harness->store;
    CHECK_ID(asked->first < asked->end && asked->bytes > 0, asked->first);
    for (unsigned i = 0; i < shelf->fetch_count; i++)
        CHECK_ID(shelf->fetches[i].asked.queue != asked->queue, asked->first);
    size_t at = find(shelf, asked->queue->id, asked->first);
    for (uint32_t i = 1; i < asked->position_count; i++)
        CHECK_ID(asked->positions[i - 1] < asked->positions[i], asked->positions[i]);
    for (; is_in(shelf, at, asked->queue->id, asked->end); at++)
        CHECK_ID(!is_asked(asked, shelf->items[at].position) ||
                     shelf->items[at].lsn <= own->durable_lsn,
                 shelf->items[at].position);
    if (shelf->fetch_count == shelf->fetch_capacity) {
        shelf->fetch_capacity = shelf->fetch_capacity == 0 ? 8 : shelf->fetch_capacity * 2;
        shelf->fetches = mem_realloc(shelf->fetches,
                                     shelf->fetch_capacity * sizeof *shelf->fetches);
    }
    struct shelf_fetch *new = &shelf->fetches[shelf->fetch_count++];
    *new = (struct shelf_fetch){.asked = *asked,
                                .due = shelf->harness->ticks + 1 +
                                       harness_below(&shelf->random, shelf->ticks_max + 1)};
    if (asked->position_count > 0) {
        uint64_t *positions = mem_alloc(asked->position_count * sizeof *positions);
        memcpy(positions, asked->positions, asked->position_count * sizeof *positions);
        new->asked.positions = positions;
    }
    shelf->fetched++;
    shelf->last_bytes = asked->bytes;
    if (shelf->is_hasty && chance(shelf, 2))
        read_items(shelf, new);
}

/* What was paged is on the shelf no more once it is given out. */
static void give_out(struct shelf *shelf, const struct store_answer *answer)
{
    for (uint32_t i = 0; i < answer->count; i++) {
        uint64_t position = answer->entries[i].position;
        size_t at = find(shelf, answer->queue->id, position);
        if (is_in(shelf, at, answer->queue->id, position + 1) && shelf->items[at].is_paged)
            take_off(shelf, at, 1);
    }
}

static void drop_entries(struct store_answer *answer)
{
    for (uint32_t i = 0; i < answer->count; i++)
        message_unref(answer->entries[i].message);
    mem_free(answer->entries);
}

static bool fetched(struct store *store, struct store_answer *answer)
{
    struct shelf *shelf = ((struct harness_store *)store)->shelf;
    unsigned due = 0;
    struct shelf_fetch *chosen = NULL;
    for (unsigned i = 0; i < shelf->fetch_count && !shelf->is_silent; i++)
        if (shelf->fetches[i].due <= shelf->harness->ticks && chance(shelf, ++due))
            chosen = &shelf->fetches[i];
    if (chosen == NULL)
        return false;
    if (shelf->failure != 0 || chance(shelf, shelf->fail_one_in)) {
        if (chosen->is_read)
            drop_entries(&chosen->answer);
        *answer = (struct store_answer){.queue = chosen->asked.queue,
                                        .status = shelf->failure != 0 ? shelf->failure : -EIO};
    } else {
        if (!chosen->is_read)
            read_items(shelf, chosen);
        *answer = chosen->answer;
        give_out(shelf, answer);
    }
    mem_free((void *)chosen->asked.positions);
    *chosen = shelf->fetches[--shelf->fetch_count];
    return true;
}

/* --- life ------------------------------------------------------------------------------------ */

static void attach(struct shelf *shelf, struct harness *harness, uint64_t watermark)
{
    shelf->harness = harness;
    harness->store.shelf = shelf;
    harness->store.store.fetch = fetch;
    harness->store.store.fetched = fetched;
    harness->engine->memory_watermark = watermark;
}

void shelf_init(struct shelf *shelf, struct harness *harness, uint64_t watermark)
{
    *shelf = (struct shelf){.random = harness->random};
    attach(shelf, harness, watermark);
}

static void drop_fetches(struct shelf *shelf)
{
    for (unsigned i = 0; i < shelf->fetch_count; i++) {
        if (shelf->fetches[i].is_read)
            drop_entries(&shelf->fetches[i].answer);
        mem_free((void *)shelf->fetches[i].asked.positions);
    }
    shelf->fetch_count = 0;
}

void shelf_restart(struct shelf *shelf, struct harness *harness, uint64_t watermark)
{
    uint64_t last_lsn = 0;
    drop_fetches(shelf);
    for (size_t i = 0; i < shelf->count;)
        if (shelf->items[i].is_paged) {
            take_off(shelf, i, 1);
        } else {
            if (last_lsn < shelf->items[i].lsn)
                last_lsn = shelf->items[i].lsn;
            i++;
        }
    if (harness->store.last_lsn < last_lsn)
        harness->store.last_lsn = harness->store.durable_lsn = last_lsn;
    attach(shelf, harness, watermark);
}

void shelf_fini(struct shelf *shelf)
{
    drop_fetches(shelf);
    take_off(shelf, 0, shelf->count);
    mem_free(shelf->items);
    mem_free(shelf->fetches);
}
