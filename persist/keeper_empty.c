/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. What lives in a nearly dead segment is appended to the log again, in the order in
 * which it stands there, by the engine's thread, which alone appends. Until such a record is in the
 * inventory the message is where it was; should it be settled first, the record does nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "exchange/message.h"
#include "persist/fact.h"
#include "persist/inventory_runs.h"
#include "persist/keeper_parts.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#ifndef KEEPER_BEHIND   /* test/sim empties earlier */
#define KEEPER_BEHIND 8 /* segments that are left alone behind the one being written */
#endif
#define LIVE_SHARE 4                    /* a segment is emptied when one message in so many lives */
#define AT_ONCE    (SEGMENT_BYTES / 64) /* bytes of bodies under way to the engine */
#define PLACES_MAX (1u << 20)

/* The segment that is most worth emptying, or NULL. */
static struct inventory_segment *choose(const struct keeper *keeper)
{
    const struct inventory *inventory = &keeper->inventory;
    struct inventory_segment *best = NULL;
    for (size_t i = 0; i + KEEPER_BEHIND < inventory->segment_count; i++) {
        struct inventory_segment *segment = inventory->segments[i];
        if (segment->live == 0 || segment->stuck ||
            (uint64_t)segment->live * LIVE_SHARE > segment->stored ||
            segment->number >= lsn_segment(keeper->checkpoint.lsn))
            continue;
        if (best == NULL ||
            (uint64_t)segment->live * best->stored < (uint64_t)best->live * segment->stored)
            best = segment;
    }
    return best;
}

static int compare_places(const void *left, const void *right)
{
    const struct keeper_place *a = left, *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if (a->queue != b->queue)
        return a->queue < b->queue ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

/* Adds what lives in RUN. */
static void list_run(struct keeper_emptying *emptying, const struct segment_index *index,
                     struct inventory_run *run)
{
    struct inventory_place place;
    uint64_t position = run->base, end = run->base + run->span;
    while (position < end && run_next(run, position, &place)) {
        emptying->places[emptying->count++] = (struct keeper_place){
            run->queue->id, place.position,
            segment_index_find(index, run->queue->id, place.position)};
        position = place.position + 1;
    }
}

static void begin(struct keeper *keeper, struct inventory_segment *segment)
{
    struct keeper_emptying *emptying = &keeper->emptying;
    int status;
    const struct segment_index *index = keeper_index(keeper, segment->number, &status);
    segment->stuck = true; /* one attempt: what could not be moved now will not be later */
    if (index == NULL || segment->live > PLACES_MAX)
        return;
    emptying->segment = segment->number;
    emptying->places = mem_alloc(segment->live * sizeof *emptying->places);
    emptying->count = emptying->next = 0;
    list_for_each (node, &segment->runs)
        list_run(emptying, index, LIST_ENTRY(node, struct inventory_run, by_segment));
    qsort(emptying->places, emptying->count, sizeof *emptying->places, compare_places);
}

static void end(struct keeper *keeper)
{
    keeper_empty_fini(keeper);
    pthread_mutex_lock(&keeper->lock);
    keeper->counters.segments_emptied++;
    pthread_mutex_unlock(&keeper->lock);
}

/* Does what is at PLACE still live there? It may be settled by now, and its segment another. */
static bool lives_there(struct keeper *keeper, const struct keeper_place *place)
{
    struct inventory_queue *queue = inventory_find(&keeper->inventory, place->queue);
    struct inventory_place found;
    return queue != NULL && inventory_next(queue, place->position, &found) &&
           found.position == place->position &&
           found.run->segment->number == keeper->emptying.segment;
}

/* Adds to TARGETS the next places, which are all of one message, as far as it lives there. */
static void take_places(struct keeper *keeper, struct buf *targets)
{
    struct keeper_emptying *emptying = &keeper->emptying;
    uint32_t offset = emptying->places[emptying->next].offset;
    for (; emptying->next < emptying->count && emptying->places[emptying->next].offset == offset;
         emptying->next++) {
        const struct keeper_place *place = &emptying->places[emptying->next];
        if (lives_there(keeper, place))
            fact_encode_target(place->queue, place->position, targets);
    }
}

/* The message at the next place, for all the places it is for; 0 bytes when it is settled or cannot
 * be read. */
static uint64_t move_next(struct keeper *keeper)
{
    struct keeper_emptying *emptying = &keeper->emptying;
    const struct keeper_place *first = &emptying->places[emptying->next];
    uint64_t lsn = (emptying->segment << SEGMENT_SHIFT) + first->offset;
    struct keeper_move *move = mem_zalloc(sizeof *move);
    take_places(keeper, &move->targets);
    int status = 0;
    if (move->targets.size > 0)
        status = first->offset == 0 ? -EBADMSG
                                    : segment_reader_message(&keeper->reader, lsn, 0, first->queue,
                                                             first->position, &move->message);
    if (status < 0)
        keeper_complain(lsn, status);
    if (move->message == NULL) {
        keeper_move_free(move);
        return 0;
    }
    uint64_t bytes = move->message->body_bytes + 1u;
    emptying->given += move->targets.size / FACT_TARGET_BYTES;
    keeper_push_move(keeper, move);
    return bytes;
}

bool keeper_empty(struct keeper *keeper)
{
    struct keeper_emptying *emptying = &keeper->emptying;
    if (emptying->given != keeper->inventory.moves)
        return false; /* some are under way */
    if (emptying->segment == 0) {
        struct inventory_segment *segment = choose(keeper);
        if (segment != NULL)
            begin(keeper, segment);
        return segment != NULL;
    }
    if (emptying->next == emptying->count) {
        end(keeper);
        return true;
    }
    for (uint64_t bytes = 0; bytes < AT_ONCE && emptying->next < emptying->count;)
        bytes += move_next(keeper);
    return true;
}

void keeper_empty_fini(struct keeper *keeper)
{
    mem_free(keeper->emptying.places);
    keeper->emptying.places = NULL;
    keeper->emptying.segment = 0;
    keeper->emptying.count = keeper->emptying.next = 0;
}
