/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the checkpoint's reader. The first octet of the input says what the rest is: 0: a file as
 * it is; else one that gets the magic, the version and a checksum that fits. What is decoded is
 * encoded again to something that decodes to the same; then records go on behind it, which the
 * whole input chooses, and the inventory must stay sound.
 */
#include "persist/checkpoint.h"

#include <errno.h>

#include "persist/crc32c.h"
#include "persist/fact.h"
#include "persist/inventory_runs.h"
#include "server/base/check.h"
#include "server/base/mem.h"
#include "test/fuzz/fuzz.h"

enum { FRONT_BYTES = 48, OPERATIONS = 40 };

/* --- equal -------------------------------------------------------------------------------- */

static void check_same_facts(const struct map *one, const struct map *other)
{
    uint32_t at = 0;
    CHECK(one->count == other->count);
    for (const struct inventory_fact *fact; (fact = map_next(one, &at)) != NULL;) {
        const struct inventory_fact *same = map_get(other, slice_of(fact->bytes, fact->key_bytes));
        CHECK(same != NULL && same->lsn == fact->lsn);
        CHECK(same->payload_bytes == fact->payload_bytes);
        CHECK(memcmp(same->bytes, fact->bytes, fact->key_bytes + fact->payload_bytes) == 0);
    }
}

static void check_same_queue(const struct inventory_queue *one, const struct inventory_queue *other)
{
    struct inventory_place a, b;
    CHECK(other != NULL && slice_equal(one->declared, other->declared));
    CHECK(one->next_position == other->next_position);
    CHECK(one->live == other->live && one->bytes == other->bytes);
    for (uint32_t i = 0; one->live > 0 && one->levels != NULL && i <= one->max_priority; i++) {
        CHECK(one->levels[i].next_position == other->levels[i].next_position);
        CHECK(one->levels[i].live == other->levels[i].live);
        CHECK(one->levels[i].bytes == other->levels[i].bytes);
    }
    CHECK(one->stored.count == other->stored.count);
    for (uint64_t position = 0; inventory_next(one, position, &a); position = a.position + 1) {
        CHECK(inventory_next(other, position, &b) && a.position == b.position);
        CHECK(a.delivery_count == b.delivery_count);
        CHECK(a.run->segment->number == b.run->segment->number);
    }
}

static void check_same(const struct inventory *one, struct inventory *other)
{
    uint32_t at = 0;
    CHECK(one->last_queue_id == other->last_queue_id && one->epoch == other->epoch);
    CHECK(one->segment_count == other->segment_count);
    for (size_t i = 0; i < one->segment_count; i++) {
        const struct inventory_segment *a = one->segments[i], *b = other->segments[i];
        CHECK(a->number == b->number && a->stored == b->stored && a->live == b->live);
        CHECK(a->needs_from == b->needs_from);
    }
    check_same_facts(&one->exchanges, &other->exchanges);
    check_same_facts(&one->bindings, &other->bindings);
    check_same_facts(&one->definitions, &other->definitions);
    CHECK(one->queues.count == other->queues.count);
    for (const struct inventory_queue *queue; (queue = map_next(&one->queues, &at)) != NULL;)
        check_same_queue(queue, inventory_find(other, queue->id));
}

static void check_again(const struct checkpoint *checkpoint, struct inventory *inventory)
{
    struct checkpoint again;
    struct inventory same;
    struct buf bytes = {0};
    checkpoint_encode(checkpoint, inventory, &bytes);
    inventory_init(&same);
    CHECK(checkpoint_decode(&again, &same, buf_slice(&bytes)) == 0);
    CHECK(again.lsn == checkpoint->lsn && again.epoch == checkpoint->epoch);
    CHECK(memcmp(again.node_id, checkpoint->node_id, NODE_ID_BYTES) == 0);
    check_same(inventory, &same);
    inventory_fini(&same);
    buf_fini(&bytes);
}

/* --- sound -------------------------------------------------------------------------------- */

/* What the numbers say is what there is. */
static void check_sound(struct inventory *inventory)
{
    uint32_t at = 0;
    uint64_t living = 0, live_in_segments = 0;
    for (const struct inventory_queue *queue;
         (queue = map_next(&inventory->queues, &at)) != NULL;) {
        struct inventory_place place;
        uint64_t live = 0;
        for (uint64_t position = 0; inventory_next(queue, position, &place);
             position = place.position + 1, live++)
            CHECK(place.position >= position &&
                  position_number(place.position) < queue->next_position);
        CHECK_ID(live == queue->live, queue->id);
        living += live;
    }
    for (size_t i = 0; i < inventory->segment_count; i++) {
        CHECK(i == 0 || inventory->segments[i - 1]->number < inventory->segments[i]->number);
        live_in_segments += inventory->segments[i]->live;
    }
    CHECK(living == live_in_segments);
}

/* --- going on ----------------------------------------------------------------------------- */

struct walk {
    struct inventory *inventory;
    struct record record; /* the last */
    uint64_t random;
};

static uint64_t draw(struct walk *walk, uint64_t below)
{
    walk->random ^= walk->random << 13;
    walk->random ^= walk->random >> 7;
    walk->random ^= walk->random << 17;
    return walk->random % below;
}

/* Some queue of those that are there, or NULL. */
static struct inventory_queue *some_queue(struct walk *walk)
{
    uint32_t at = 0;
    struct inventory_queue *queue = NULL;
    if (walk->inventory->queues.count > 0)
        for (uint64_t i = draw(walk, walk->inventory->queues.count) + 1; i > 0; i--)
            queue = map_next(&walk->inventory->queues, &at);
    return queue;
}

static void tell(struct walk *walk, enum store_record_kind kind, struct buf *payload)
{
    walk->record.lsn += RECORD_ALIGNMENT;
    if (draw(walk, 8) == 0 || lsn_offset(walk->record.lsn) < SEGMENT_HEADER_BYTES)
        walk->record.lsn = segment_first_lsn(lsn_segment(walk->record.lsn) + 1);
    walk->record.type = (uint8_t)(RECORD_FACT + kind);
    walk->record.payload = buf_slice(payload);
    CHECK(inventory_apply(walk->inventory, &walk->record) == 0);
    buf_fini(payload);
}

static void put(struct walk *walk, enum store_record_kind kind, uint64_t queue, uint64_t position)
{
    struct buf payload = {0};
    buf_u8(&payload, 0);
    bytes_put_u32(&payload, 1);
    fact_encode_target(queue, position, &payload);
    for (unsigned i = 0; i < 4; i++) /* exchange, routing key, properties, size of the body */
        bytes_put_u32(&payload, 0);
    tell(walk, kind, &payload);
}

static void settle(struct walk *walk, const struct inventory_queue *queue, uint64_t position)
{
    struct buf payload = {0};
    bytes_put_u64(&payload, queue->id);
    bytes_put_u64(&payload, position);
    bytes_put_u64(&payload, 1 + draw(walk, 40));
    bytes_put_u64(&payload, draw(walk, 100));
    tell(walk, STORE_SETTLE, &payload);
}

static void requeue(struct walk *walk, const struct inventory_queue *queue, uint64_t position)
{
    struct buf payload = {0};
    bytes_put_u64(&payload, queue->id);
    bytes_put_u64(&payload, position);
    bytes_put_u32(&payload, 1 + (uint32_t)draw(walk, 5));
    tell(walk, STORE_REQUEUE, &payload);
}

static void delete_queue(struct walk *walk, const struct inventory_queue *queue)
{
    struct buf payload = {0};
    bytes_put_u64(&payload, queue->id);
    tell(walk, STORE_QUEUE_DELETE, &payload);
}

/* As the keeper does before a checkpoint. */
static void forget_segments(struct walk *walk)
{
    struct inventory *inventory = walk->inventory;
    for (size_t i = inventory->segment_count; i-- > 0;) {
        uint64_t number = inventory->segments[i]->number;
        if (number < lsn_segment(walk->record.lsn) && !inventory_needs(inventory, number))
            inventory_forget(inventory, number);
    }
}

static void operate(struct walk *walk)
{
    struct inventory_queue *queue = some_queue(walk);
    struct inventory_place place = {.position = 1};
    if (queue == NULL)
        return;
    if (!inventory_next(queue, draw(walk, queue->next_position | 1), &place))
        (void)inventory_next(queue, 0, &place);
    switch (draw(walk, 16)) {
    case 0:
    case 1:
    case 2:
        settle(walk, queue, place.position);
        break;
    case 3:
    case 4:
        requeue(walk, queue, place.position);
        break;
    case 5:
    case 6:
    case 7:
        put(walk, STORE_MOVED, queue->id, place.position);
        break;
    case 8:
        delete_queue(walk, queue);
        break;
    case 9:
        forget_segments(walk);
        break;
    default:
        if (queue->next_position < POSITION_NUMBER_MAX - 4096)
            put(walk, STORE_MESSAGE, queue->id,
                position_of((uint32_t)draw(walk, queue->max_priority + 1u),
                            queue->next_position + draw(walk, 4) * draw(walk, 900)));
    }
}

static void go_on(struct inventory *inventory, struct checkpoint *checkpoint, uint32_t seed)
{
    struct walk walk = {.inventory = inventory,
                        .record = {.lsn = checkpoint->lsn, .epoch = checkpoint->epoch},
                        .random = seed | UINT64_C(1) << 32};
    if (lsn_segment(checkpoint->lsn) > UINT64_MAX >> (SEGMENT_SHIFT + 1))
        return; /* no log gets there */
    for (unsigned i = 0; i < OPERATIONS; i++)
        operate(&walk);
    check_sound(inventory);
    forget_segments(&walk);
    checkpoint->lsn = walk.record.lsn;
    check_again(checkpoint, inventory);
}

/* --- the input ---------------------------------------------------------------------------- */

static void seal(uint8_t *file, size_t size)
{
    if (size < FRONT_BYTES)
        return;
    memcpy(file, "STOATCKP", 8);
    put_le32(file + 12, LOG_FORMAT_VERSION);
    put_le32(file + 8, crc32c(0, slice_of(file + 12, size - 12)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint checkpoint;
    struct inventory inventory;
    if (size == 0)
        return 0;
    uint8_t *file = mem_alloc(size - 1 + (size == 1));
    memcpy(file, data + 1, size - 1);
    if (data[0] != 0)
        seal(file, size - 1);
    inventory_init(&inventory);
    int status = checkpoint_decode(&checkpoint, &inventory, slice_of(file, size - 1));
    CHECK(status == 0 || status == -EBADMSG || status == -EPROTONOSUPPORT);
    if (status == 0) {
        check_sound(&inventory);
        check_again(&checkpoint, &inventory);
        go_on(&inventory, &checkpoint, crc32c(0, slice_of(data, size)));
    }
    inventory_fini(&inventory);
    mem_free(file);
    return 0;
}
