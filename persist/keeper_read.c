/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "exchange/message.h"
#include "persist/inventory_runs.h"
#include "persist/keeper_parts.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define FETCH_MAX    4096u       /* messages of one answer */
#define GAP_MAX      (32u << 10) /* bytes between two messages that are read together */
#define TOGETHER_MAX (1u << 20)  /* bytes read together */
#define TAIL_BYTES   4096u       /* what the last of them may take */

void keeper_complain(uint64_t lsn, int status)
{
    log_error(
        "log_unreadable", LOG_NUM("segment", lsn_segment(lsn)), LOG_NUM("offset", lsn_offset(lsn)),
        LOG_STR("reason", status == -EBADMSG ? "the record is damaged" : strerror(-status)),
        LOG_STR("hint", "restore the segment's file from a copy; until then its messages stay "
                        "where they are"));
}

/* --- indexes ------------------------------------------------------------------------------ */

/* The slot of SEGMENT's index in the cache, else the one that was not used for longest, emptied. */
static struct segment_index *index_slot(struct keeper *keeper, uint64_t segment)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < KEEPER_INDEXES; i++) {
        if (keeper->indexes[i].segment == segment) {
            keeper->index_used[i] = ++keeper->index_clock;
            return &keeper->indexes[i];
        }
        if (keeper->index_used[i] < keeper->index_used[oldest])
            oldest = i;
    }
    segment_index_fini(&keeper->indexes[oldest]);
    keeper->index_used[oldest] = ++keeper->index_clock;
    return &keeper->indexes[oldest];
}

void keeper_forget_index(struct keeper *keeper, uint64_t segment)
{
    for (unsigned i = 0; i < KEEPER_INDEXES; i++)
        if (keeper->indexes[i].segment == segment)
            segment_index_fini(&keeper->indexes[i]);
}

void keeper_keep_index(struct keeper *keeper)
{
    struct segment_index *index = index_slot(keeper, keeper->inventory.index.segment);
    segment_index_fini(index);
    segment_index_build(index, &keeper->inventory.index);
    segment_index_write(index, keeper->io); /* it can be made again */
}

const struct segment_index *keeper_index(struct keeper *keeper, uint64_t segment, int *status)
{
    struct segment_index *index = index_slot(keeper, segment);
    *status = 0;
    if (index->segment == segment)
        return index;
    if (segment_index_read(index, keeper->io, segment) == 0)
        return index;
    struct index_builder builder = {0};
    uint64_t at = segment_first_lsn(segment);
    *status = segment_reader_collect(&keeper->reader, segment, segment_first_lsn(segment + 1),
                                     &builder, &at);
    if (*status == 0) {
        segment_index_build(index, &builder);
        segment_index_write(index, keeper->io);
    } else {
        keeper_complain(at, *status);
    }
    index_builder_fini(&builder);
    return *status == 0 ? index : NULL;
}

/* --- what is wanted, and where it is ------------------------------------------------------ */

struct wanted {
    struct inventory_place place;
    uint64_t lsn;
};

/* Fills in where those in WANTED, which are all in the segment that is being written, stand. */
static void find_in_builder(const struct index_builder *builder, uint64_t queue,
                            struct wanted *wanted, uint32_t count)
{
    for (uint32_t i = 0; i < builder->count; i++) {
        const struct index_entry *entry = &builder->entries[i];
        if (entry->queue != queue || entry->position < wanted[0].place.position ||
            entry->position > wanted[count - 1].place.position)
            continue;
        uint32_t low = 0, high = count;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (wanted[middle].place.position < entry->position)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < count && wanted[low].place.position == entry->position)
            wanted[low].lsn = (builder->segment << SEGMENT_SHIFT) + entry->offset;
    }
}

/* Fills in where those in WANTED, which are all in SEGMENT, stand; 0 or a negative errno. */
static int find_in_segment(struct keeper *keeper, uint64_t segment, uint64_t queue,
                           struct wanted *wanted, uint32_t count)
{
    if (segment == keeper->inventory.index.segment) {
        find_in_builder(&keeper->inventory.index, queue, wanted, count);
        return 0;
    }
    int status;
    const struct segment_index *index = keeper_index(keeper, segment, &status);
    for (uint32_t i = 0; i < count && index != NULL; i++) {
        uint32_t offset = segment_index_find(index, queue, wanted[i].place.position);
        wanted[i].lsn = offset == 0 ? 0 : (segment << SEGMENT_SHIFT) + offset;
    }
    return status;
}

/* Those of FETCH's positions at which there are messages. */
static uint32_t list_positions(const struct inventory_queue *queue, const struct store_fetch *fetch,
                               struct wanted *wanted)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < fetch->position_count && count < FETCH_MAX; i++) {
        wanted[count].lsn = 0;
        count += inventory_at(queue, fetch->positions[i], &wanted[count].place);
    }
    return count;
}

/* The messages that FETCH is about, at most FETCH_MAX; how many. */
static uint32_t list_wanted(const struct inventory_queue *queue, const struct store_fetch *fetch,
                            struct wanted *wanted)
{
    uint32_t count = 0;
    if (fetch->position_count > 0)
        return list_positions(queue, fetch, wanted);
    uint64_t position = fetch->first;
    while (count < FETCH_MAX && position < fetch->end &&
           inventory_next(queue, position, &wanted[count].place) &&
           wanted[count].place.position < fetch->end) {
        wanted[count].lsn = 0;
        position = wanted[count++].place.position + 1;
    }
    return count;
}

/* How many from INDEX on are in the same segment. */
static uint32_t same_segment(const struct wanted *wanted, uint32_t index, uint32_t count)
{
    uint32_t end = index + 1;
    while (end < count && wanted[end].place.run->segment == wanted[index].place.run->segment)
        end++;
    return end - index;
}

/* How many bytes from WANTED[INDEX] on are worth reading at once. */
static uint32_t ahead_of(const struct wanted *wanted, uint32_t index, uint32_t end)
{
    uint64_t lsn = wanted[index].lsn, last = lsn;
    for (uint32_t i = index + 1;
         i < end && wanted[i].lsn > last && wanted[i].lsn - last <= GAP_MAX &&
         wanted[i].lsn - lsn < TOGETHER_MAX;
         i++)
        last = wanted[i].lsn;
    return (uint32_t)(last - lsn) + TAIL_BYTES;
}

/* --- reading ------------------------------------------------------------------------------ */

/* Reads what WANTED is about into ENTRY. */
static int read_one(struct keeper *keeper, uint64_t queue_id, const struct wanted *wanted,
                    uint32_t ahead, struct store_fetched *entry)
{
    if (wanted->lsn == 0)
        return -EBADMSG;
    int status = segment_reader_message(&keeper->reader, wanted->lsn, ahead, queue_id,
                                        wanted->place.position, &entry->message);
    if (status < 0)
        return status;
    entry->position = wanted->place.position;
    entry->delivery_count = wanted->place.delivery_count;
    if (wanted->place.paged)
        entry->message->lsn = 0;
    return 0;
}

/* Reads from WANTED until BYTES of bodies are there; fills in answer->status when the first cannot
 * be read. Returns how many were read. */
static uint32_t read_all(struct keeper *keeper, uint64_t queue_id, struct wanted *wanted,
                         uint32_t count, uint32_t bytes, struct store_answer *answer)
{
    uint64_t got = 0;
    uint32_t i = 0, located = 0, together = 0;
    bool is_told = false;
    for (; i < count && (i == 0 || got < bytes); i++) {
        if (i == located) {
            uint32_t here = same_segment(wanted, i, count);
            answer->status = find_in_segment(keeper, wanted[i].place.run->segment->number, queue_id,
                                             wanted + i, here);
            is_told = answer->status < 0; /* by keeper_index, with the place */
            located += here;
        }
        uint32_t ahead = 0;
        if (answer->status == 0 && i >= together) {
            ahead = ahead_of(wanted, i, located);
            together = i + 1;
            while (together < located && wanted[together].lsn < wanted[i].lsn + ahead)
                together++;
        }
        if (answer->status == 0)
            answer->status = read_one(keeper, queue_id, &wanted[i], ahead, &answer->entries[i]);
        if (answer->status < 0) {
            if (!is_told)
                keeper_complain(wanted[i].lsn != 0
                                    ? wanted[i].lsn
                                    : segment_first_lsn(wanted[i].place.run->segment->number),
                                answer->status);
            break;
        }
        got += answer->entries[i].message->body_bytes;
    }
    if (i > 0)
        answer->status = 0; /* the next fetch finds it again */
    return i;
}

void keeper_read(struct keeper *keeper, uint64_t queue_id, const struct store_fetch *fetch,
                 struct store_answer *answer)
{
    *answer = (struct store_answer){.queue = fetch->queue, .next = fetch->end};
    struct inventory_queue *queue = inventory_find(&keeper->inventory, queue_id);
    if (queue == NULL)
        return;
    struct wanted *wanted = mem_alloc(FETCH_MAX * sizeof *wanted);
    uint32_t count = list_wanted(queue, fetch, wanted);
    answer->entries = mem_alloc((count + 1) * sizeof *answer->entries);
    answer->count = read_all(keeper, queue_id, wanted, count, fetch->bytes, answer);
    if (answer->count < count)
        answer->next = wanted[answer->count].place.position;
    else if (count == FETCH_MAX)
        answer->next = wanted[count - 1].place.position + 1;
    for (uint32_t i = 0; i < answer->count; i++)
        if (wanted[i].place.paged) /* not before: it may end the run of those behind it */
            (void)runs_settle(&queue->paged, wanted[i].place.position,
                              wanted[i].place.position + 1);
    mem_free(wanted);
}
