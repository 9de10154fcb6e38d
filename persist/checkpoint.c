/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/checkpoint.h"

#include <errno.h>

#include "amqp/table.h"
#include "persist/crc32c.h"
#include "persist/fact.h"
#include "persist/inventory_runs.h"
#include "server/base/cursor.h"
#include "server/base/mem.h"

static const char magic[8] = "STOATCKP";

enum {
    AT_CRC = 8, /* of all that is behind it */
    AT_VERSION = 12,
    AT_LSN = 16,
    AT_NODE = 24,
    AT_EPOCH = 40,
    FRONT_BYTES = 48,
};

/* What follows the front, each behind an octet that says which it is. */
enum item {
    ITEM_LAST_QUEUE = 1, /* the highest queue number that was given */
    ITEM_SEGMENT = 2,
    ITEM_EXCHANGE = 3,
    ITEM_QUEUE = 4, /* and its runs */
    ITEM_BINDING = 5,
    ITEM_DEFINITION = 6,
    ITEM_TIMED = 7, /* a queue, above: some of its messages may have a time */
    ITEM_LEVEL = 8, /* of a queue, above, that has priorities */
};

/* --- writing ------------------------------------------------------------------------------ */

/* Words of the bitmap that say anything. */
static uint32_t words_of(const struct inventory_run *run)
{
    uint32_t words = run->gone_words;
    while (words > 0 && run->gone[words - 1] == 0)
        words--;
    return words;
}

static void put_run(struct buf *out, const struct inventory_run *run)
{
    uint32_t words = words_of(run), counts = 0;
    bytes_put_u64(out, run->segment->number);
    bytes_put_u64(out, run->base);
    bytes_put_u32(out, run->span);
    bytes_put_u32(out, run->first);
    bytes_put_u32(out, run->live);
    bytes_put_u32(out, words);
    buf_bytes(out, slice_of(run->gone, words * sizeof *run->gone));
    for (uint32_t i = run->first; i < run->counts_capacity; i++)
        counts += run->counts[i] > 0;
    bytes_put_u32(out, counts);
    for (uint32_t i = run->first; i < run->counts_capacity; i++)
        if (run->counts[i] > 0) {
            bytes_put_u32(out, i);
            bytes_put_u32(out, run->counts[i]);
        }
}

static void put_queue(struct buf *out, const struct inventory_queue *queue)
{
    buf_u8(out, ITEM_QUEUE);
    bytes_put_u64(out, queue->id);
    bytes_put_string(out, queue->declared);
    bytes_put_u64(out, queue->next_position);
    bytes_put_u64(out, queue->live);
    bytes_put_u64(out, queue->bytes);
    bytes_put_u32(out, queue->stored.count);
    for (uint32_t i = 0; i < queue->stored.count; i++)
        put_run(out, queue->stored.runs[i]);
    if (queue->timed && queue->live > 0) {
        buf_u8(out, ITEM_TIMED);
        bytes_put_u64(out, queue->id);
    }
    for (uint32_t i = 0; queue->levels != NULL && i <= queue->max_priority; i++)
        if (queue->levels[i].next_position > position_of(i, 1)) {
            buf_u8(out, ITEM_LEVEL);
            bytes_put_u64(out, queue->id);
            bytes_put_u64(out, queue->levels[i].next_position);
            bytes_put_u64(out, queue->levels[i].bytes);
        }
}

static void put_segment(struct buf *out, const struct inventory_segment *segment)
{
    buf_u8(out, ITEM_SEGMENT);
    bytes_put_u64(out, segment->number);
    bytes_put_u32(out, segment->stored);
    bytes_put_u64(out, segment->needs_from);
}

static void put_facts(struct buf *out, enum item item, const struct map *map)
{
    uint32_t position = 0;
    for (const struct inventory_fact *fact; (fact = map_next(map, &position)) != NULL;) {
        buf_u8(out, (uint8_t)item);
        bytes_put_u64(out, fact->lsn);
        bytes_put_string(out, slice_of(fact->bytes, fact->key_bytes));
        bytes_put_string(out, slice_of(fact->bytes + fact->key_bytes, fact->payload_bytes));
    }
}

void checkpoint_encode(const struct checkpoint *checkpoint, struct inventory *inventory,
                       struct buf *out)
{
    uint8_t front[FRONT_BYTES] = {0};
    size_t start = out->size;
    memcpy(front, magic, sizeof magic);
    put_le32(front + AT_VERSION, LOG_FORMAT_VERSION);
    put_le64(front + AT_LSN, checkpoint->lsn);
    memcpy(front + AT_NODE, checkpoint->node_id, NODE_ID_BYTES);
    put_le32(front + AT_EPOCH, checkpoint->epoch);
    buf_bytes(out, slice_of(front, sizeof front));
    inventory_drop_stale(inventory);
    buf_u8(out, ITEM_LAST_QUEUE);
    bytes_put_u64(out, inventory->last_queue_id);
    for (size_t i = 0; i < inventory->segment_count; i++)
        put_segment(out, inventory->segments[i]);
    put_facts(out, ITEM_EXCHANGE, &inventory->exchanges);
    uint32_t position = 0;
    for (const struct inventory_queue *queue;
         (queue = map_next(&inventory->queues, &position)) != NULL;)
        if (queue->declared.size > 0)
            put_queue(out, queue);
    put_facts(out, ITEM_BINDING, &inventory->bindings);
    put_facts(out, ITEM_DEFINITION, &inventory->definitions);
    uint8_t *crc = out->data + start + AT_CRC;
    put_le32(crc, crc32c(0, slice_of(crc + 4, out->size - start - AT_CRC - 4)));
}

/* --- reading: what is damaged fails the cursor -------------------------------------------- */

/* How many of the run's positions live, by its bits. */
static uint32_t count_live(const struct inventory_run *run)
{
    uint32_t live = 0;
    for (uint32_t i = run->first; i < run->span; i++)
        live += i / 64 >= run->gone_words || (run->gone[i / 64] >> (i % 64) & 1) == 0;
    return live;
}

static bool first_lives(struct inventory_run *run)
{
    struct inventory_place place;
    return run_next(run, run->base, &place) && place.position == run->base + run->first;
}

static void get_counts(struct cursor *cursor, struct inventory_run *run)
{
    uint32_t counts = bytes_u32(cursor);
    if (counts > run->span)
        cursor_fail(cursor);
    for (uint32_t i = 0; i < counts && !cursor->failed; i++) {
        uint32_t index = bytes_u32(cursor), count = bytes_u32(cursor);
        if (cursor->failed || index >= run->span)
            cursor_fail(cursor);
        else
            runs_set_count(run, run->base + index, count);
    }
}

static void get_run(struct cursor *cursor, struct inventory *inventory,
                    struct inventory_queue *queue, uint64_t *end)
{
    uint64_t number = bytes_u64(cursor), base = bytes_u64(cursor);
    uint32_t span = bytes_u32(cursor), first = bytes_u32(cursor), live = bytes_u32(cursor);
    uint32_t words = bytes_u32(cursor);
    struct slice gone = cursor_bytes(cursor, (size_t)words * sizeof(uint64_t));
    struct inventory_segment *segment = inventory_segment(inventory, number);
    if (cursor->failed || segment == NULL || span == 0 || first >= span || span > RUN_SPAN_MAX ||
        position_level(base) > queue->max_priority ||
        position_number(base) + span > queue->next_position || base + first < *end || live == 0 ||
        words > span / 64 + 1) {
        cursor_fail(cursor);
        return;
    }
    *end = base + span;
    struct inventory_level *level = inventory_level(queue, position_level(base));
    if (level != NULL) {
        level->next_position = *end;
        level->live += live;
    }
    struct inventory_run *run = runs_insert(&queue->stored, queue->stored.count, queue, segment,
                                            base);
    run->span = span;
    run->first = first;
    if (words > 0) {
        run->gone = mem_alloc(gone.size);
        memcpy(run->gone, gone.data, gone.size);
        run->gone_words = words;
    }
    run->live = count_live(run);
    if (run->live != live || live > segment->stored - segment->live || !first_lives(run))
        cursor_fail(cursor);
    segment->live += run->live;
    get_counts(cursor, run);
}

static void get_queue(struct cursor *cursor, struct inventory *inventory)
{
    struct fact fact;
    uint64_t id = bytes_u64(cursor), end = 0;
    struct slice declared = bytes_string(cursor);
    if (cursor->failed || fact_decode(STORE_QUEUE_DECLARE, declared, &fact) < 0 ||
        fact.queue != id || inventory_find(inventory, id) != NULL) {
        cursor_fail(cursor);
        return;
    }
    struct inventory_queue *queue = inventory_add_queue(inventory, id, declared);
    queue->next_position = bytes_u64(cursor);
    if (queue->next_position > POSITION_NUMBER_MAX)
        cursor_fail(cursor);
    uint64_t live = bytes_u64(cursor);
    queue->bytes = bytes_u64(cursor);
    uint32_t runs = bytes_u32(cursor);
    for (uint32_t i = 0; i < runs && !cursor->failed; i++) {
        get_run(cursor, inventory, queue, &end);
        if (!cursor->failed)
            queue->live += queue->stored.runs[i]->live;
    }
    if (queue->live != live)
        cursor_fail(cursor);
}

static void get_timed(struct cursor *cursor, struct inventory *inventory)
{
    struct inventory_queue *queue = inventory_find(inventory, bytes_u64(cursor));
    if (queue == NULL)
        cursor_fail(cursor);
    else
        queue->timed = true;
}

static void get_level(struct cursor *cursor, struct inventory *inventory)
{
    struct inventory_queue *queue = inventory_find(inventory, bytes_u64(cursor));
    uint64_t next = bytes_u64(cursor), bytes = bytes_u64(cursor);
    struct inventory_level *level = cursor->failed || queue == NULL
                                        ? NULL
                                        : inventory_level(queue, position_level(next));
    if (level == NULL || next < level->next_position || position_number(next) <= 1 ||
        position_number(next) > queue->next_position) {
        cursor_fail(cursor);
        return;
    }
    level->next_position = next;
    level->bytes = bytes;
}

/* None is behind the checkpoint's place, which is in segment MOST. */
static void get_segment(struct cursor *cursor, struct inventory *inventory, uint64_t most)
{
    uint64_t number = bytes_u64(cursor);
    uint32_t stored = bytes_u32(cursor);
    uint64_t needs_from = bytes_u64(cursor);
    uint64_t last = inventory->segment_count > 0
                        ? inventory->segments[inventory->segment_count - 1]->number
                        : 0;
    if (cursor->failed || number <= last || number > most || needs_from > number) {
        cursor_fail(cursor);
        return;
    }
    struct inventory_segment *segment = inventory_add_segment(inventory, number);
    segment->stored = stored;
    segment->needs_from = needs_from;
}

static void get_last_queue(struct cursor *cursor, struct inventory *inventory)
{
    uint64_t last = bytes_u64(cursor);
    if (last < inventory->last_queue_id)
        cursor_fail(cursor);
    inventory->last_queue_id = last;
}

static void get_fact(struct cursor *cursor, struct map *map, enum store_record_kind kind)
{
    struct fact fact;
    uint64_t lsn = bytes_u64(cursor);
    struct slice key = bytes_string(cursor), payload = bytes_string(cursor);
    if (cursor->failed || fact_decode(kind, kind == STORE_BIND ? key : payload, &fact) < 0)
        cursor_fail(cursor);
    else
        inventory_add_fact(map, lsn, key, payload);
}

static void get_definition(struct cursor *cursor, struct inventory *inventory)
{
    struct fact fact;
    uint64_t lsn = bytes_u64(cursor);
    struct slice key = bytes_string(cursor), value = bytes_string(cursor);
    if (cursor->failed || fact_decode(STORE_UNDEFINE, key, &fact) < 0 ||
        table_validate(value) != TABLE_OK)
        cursor_fail(cursor);
    else
        inventory_add_fact(&inventory->definitions, lsn, key, value);
}

static void get_items(struct cursor *cursor, struct inventory *inventory, uint64_t most)
{
    while (cursor_left(cursor) > 0) {
        switch (cursor_u8(cursor)) {
        case ITEM_LAST_QUEUE:
            get_last_queue(cursor, inventory);
            break;
        case ITEM_SEGMENT:
            get_segment(cursor, inventory, most);
            break;
        case ITEM_EXCHANGE:
            get_fact(cursor, &inventory->exchanges, STORE_EXCHANGE_DECLARE);
            break;
        case ITEM_QUEUE:
            get_queue(cursor, inventory);
            break;
        case ITEM_BINDING:
            get_fact(cursor, &inventory->bindings, STORE_BIND);
            break;
        case ITEM_DEFINITION:
            get_definition(cursor, inventory);
            break;
        case ITEM_TIMED:
            get_timed(cursor, inventory);
            break;
        case ITEM_LEVEL:
            get_level(cursor, inventory);
            break;
        default:
            cursor_fail(cursor);
        }
    }
}

/* May a record stand at LSN? */
static bool is_place(uint64_t lsn)
{
    return lsn_segment(lsn) > 0 && lsn_offset(lsn) >= SEGMENT_HEADER_BYTES &&
           lsn % RECORD_ALIGNMENT == 0;
}

int checkpoint_decode(struct checkpoint *checkpoint, struct inventory *inventory, struct slice file)
{
    if (file.size < FRONT_BYTES || memcmp(file.data, magic, sizeof magic) != 0 ||
        get_le32(file.data + AT_CRC) !=
            crc32c(0, slice_of(file.data + AT_VERSION, file.size - AT_VERSION)))
        return -EBADMSG;
    if (get_le32(file.data + AT_VERSION) > LOG_FORMAT_VERSION)
        return -EPROTONOSUPPORT;
    *checkpoint = (struct checkpoint){.lsn = get_le64(file.data + AT_LSN),
                                      .epoch = get_le32(file.data + AT_EPOCH),
                                      .bytes = file.size};
    memcpy(checkpoint->node_id, file.data + AT_NODE, NODE_ID_BYTES);
    if (!is_place(checkpoint->lsn))
        return -EBADMSG;
    inventory->epoch = checkpoint->epoch;
    struct cursor cursor = cursor_of(slice_of(file.data + FRONT_BYTES, file.size - FRONT_BYTES));
    get_items(&cursor, inventory, lsn_segment(checkpoint->lsn));
    return cursor.failed ? -EBADMSG : 0;
}

/* --- the file ----------------------------------------------------------------------------- */

#define TEMPORARY_NAME "new.checkpoint"

int checkpoint_write(struct checkpoint *checkpoint, struct slice bytes, struct io *io)
{
    (void)io->remove(io, TEMPORARY_NAME); /* of an attempt that was cut short */
    int file = io->open(io, TEMPORARY_NAME, IO_CREATE);
    if (file < 0)
        return file;
    checkpoint->bytes = bytes.size;
    int status = io->write(io, file, bytes.data, bytes.size, 0);
    if (status == 0)
        status = io->sync(io, file);
    (void)io->close(io, file);
    if (status == 0)
        status = io->rename(io, TEMPORARY_NAME, CHECKPOINT_NAME);
    if (status == 0)
        status = io->sync_directory(io);
    return status;
}

int checkpoint_read(struct checkpoint *checkpoint, struct inventory *inventory, struct io *io)
{
    int file = io->open(io, CHECKPOINT_NAME, IO_READ);
    if (file < 0)
        return file;
    int64_t size = io->size(io, file);
    int status = size < 0 ? (int)size : 0;
    uint8_t *bytes = status == 0 ? mem_try_alloc((size_t)size + 1) : NULL;
    if (status == 0 && bytes == NULL)
        status = -ENOMEM;
    if (status == 0) {
        int64_t got = io->read(io, file, bytes, (size_t)size, 0);
        status = got < 0 ? (int)got
                         : checkpoint_decode(checkpoint, inventory, slice_of(bytes, (size_t)got));
    }
    mem_free(bytes);
    (void)io->close(io, file);
    return status;
}
