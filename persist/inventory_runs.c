/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The usual queue is settled from its front, so a run shrinks by a number; only where
 * something in the middle goes first it gets a bit for each position. What lives in a queue's runs
 * does not overlap, and their ends ascend; but a run may begin, with what is gone of it, where
 * those before it are: that is so while it is emptied.
 */
#include "persist/inventory_runs.h"

#include "server/base/check.h"
#include "server/base/mem.h"

#define GAP_MAX   1024 /* positions that are missing in a run, in a row */
#define WORD_BITS 64

/* --- a run -------------------------------------------------------------------------------- */

static bool is_gone(const struct inventory_run *run, uint32_t index)
{
    return index < run->first || (index / WORD_BITS < run->gone_words &&
                                  (run->gone[index / WORD_BITS] >> (index % WORD_BITS) & 1) != 0);
}

static void mark_gone(struct inventory_run *run, uint32_t index)
{
    uint32_t word = index / WORD_BITS;
    if (word >= run->gone_words) {
        uint32_t words = run->gone_words == 0 ? 1 : run->gone_words * 2;
        while (words <= word)
            words *= 2;
        run->gone = mem_realloc(run->gone, words * sizeof *run->gone);
        memset(run->gone + run->gone_words, 0, (words - run->gone_words) * sizeof *run->gone);
        run->gone_words = words;
    }
    run->gone[word] |= (uint64_t)1 << (index % WORD_BITS);
}

/* The first index from INDEX on that lives; span when there is none. */
static uint32_t next_live(const struct inventory_run *run, uint32_t index)
{
    while (index < run->span && is_gone(run, index))
        index++;
    return index;
}

static void free_run(struct inventory_run *run)
{
    list_remove(&run->by_segment);
    mem_free(run->gone);
    mem_free(run->counts);
    mem_free(run);
}

/* Is there room in RUN, which is of the segment at hand, for POSITION at its end? */
static bool may_extend(const struct inventory_run *run, const struct inventory_segment *segment,
                       uint64_t position)
{
    return run->segment == segment && position >= run->base + run->span &&
           position - run->base - run->span <= GAP_MAX && position - run->base < RUN_SPAN_MAX;
}

static void extend(struct inventory_run *run, uint64_t position)
{
    uint32_t index = (uint32_t)(position - run->base);
    for (; run->span < index; run->span++)
        mark_gone(run, run->span);
    if (index / WORD_BITS < run->gone_words) /* what was there before is another */
        run->gone[index / WORD_BITS] &= ~((uint64_t)1 << (index % WORD_BITS));
    run->span++;
    run->live++;
    run->segment->live++;
    run->segment->stored++;
}

static void settle_index(struct inventory_run *run, uint32_t index)
{
    run->live--;
    run->segment->live--;
    if (index == run->first)
        run->first = next_live(run, index + 1);
    else
        mark_gone(run, index);
}

/* --- a queue's runs ----------------------------------------------------------------------- */

/* Room for one more behind the others. */
static void make_room(struct inventory_runs *runs)
{
    uint32_t before = runs->count == 0 ? 0 : (uint32_t)(runs->runs - runs->block);
    if (before + runs->count < runs->capacity)
        return;
    if (before > runs->count) {
        memmove(runs->block, runs->runs, runs->count * sizeof(struct inventory_run *));
        before = 0;
    } else {
        runs->capacity = runs->capacity == 0 ? 4 : runs->capacity * 2;
        runs->block = mem_realloc(runs->block, runs->capacity * sizeof(struct inventory_run *));
    }
    runs->runs = runs->block + before;
}

struct inventory_run *runs_insert(struct inventory_runs *runs, uint32_t at,
                                  struct inventory_queue *queue, struct inventory_segment *segment,
                                  uint64_t base)
{
    struct inventory_run *run = mem_zalloc(sizeof *run);
    run->queue = queue;
    run->segment = segment;
    run->base = base;
    list_append(&segment->runs, &run->by_segment);
    make_room(runs);
    memmove(runs->runs + at + 1, runs->runs + at,
            (runs->count - at) * sizeof(struct inventory_run *));
    runs->runs[at] = run;
    runs->count++;
    return run;
}

uint32_t runs_from(const struct inventory_runs *runs, uint64_t position)
{
    uint32_t low = 0, high = runs->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (runs->runs[middle]->base + runs->runs[middle]->span <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Nothing lives at INDEX and behind: RUN ends there. */
static void cut(struct inventory_run *run, uint32_t index)
{
    uint32_t words = (index + WORD_BITS - 1) / WORD_BITS;
    run->span = index;
    if (run->gone_words > words)
        run->gone_words = words;
    if (run->counts_capacity > index)
        run->counts_capacity = index;
}

/* What lives before POSITION, where nothing lives, gets a run of its own: the run at the index AT,
 * in which it is, goes on behind it. */
static void split(struct inventory_runs *runs, uint32_t at, uint64_t position)
{
    struct inventory_run *run = runs->runs[at];
    uint32_t index = (uint32_t)(position - run->base), next = next_live(run, index);
    if (next == run->span) {
        cut(run, index);
        return;
    }
    struct inventory_run *before = runs_insert(runs, at, run->queue, run->segment, run->base);
    before->span = index;
    before->first = run->first;
    for (uint32_t i = run->first; i < index; i++)
        if (is_gone(run, i))
            mark_gone(before, i);
        else
            before->live++;
    for (uint32_t i = run->first; i < index && i < run->counts_capacity; i++)
        if (run->counts[i] > 0)
            runs_set_count(before, run->base + i, run->counts[i]);
    run->first = next;
    run->live -= before->live;
}

struct inventory_run *runs_put(struct inventory_runs *runs, struct inventory_queue *queue,
                               struct inventory_segment *segment, uint64_t position)
{
    uint32_t at = runs->count;
    struct inventory_run *last = at > 0 ? runs->runs[at - 1] : NULL;
    if (last != NULL && position < last->base + last->span) {
        at = runs_from(runs, position);
        if (runs->runs[at]->base + runs->runs[at]->first < position)
            split(runs, at++, position);
        last = at > 0 ? runs->runs[at - 1] : NULL;
    }
    if (last == NULL || !may_extend(last, segment, position))
        last = runs_insert(runs, at, queue, segment, position);
    extend(last, position);
    return last;
}

/* Frees the runs in [FROM, TO) in which nothing lives. */
static void drop_dead(struct inventory_runs *runs, uint32_t from, uint32_t to)
{
    uint32_t kept = from;
    for (uint32_t i = from; i < to; i++) {
        if (runs->runs[i]->live == 0)
            free_run(runs->runs[i]);
        else
            runs->runs[kept++] = runs->runs[i];
    }
    if (kept == 0) /* the front goes most often, and the others need not move then */
        runs->runs += to;
    else
        memmove(runs->runs + kept, runs->runs + to,
                (runs->count - to) * sizeof(struct inventory_run *));
    runs->count -= to - kept;
    if (runs->count == 0) {
        mem_free(runs->block);
        *runs = (struct inventory_runs){0};
    }
}

uint64_t runs_settle(struct inventory_runs *runs, uint64_t first, uint64_t end)
{
    uint32_t from = runs_from(runs, first), i = from;
    uint64_t settled = 0;
    bool dead = false;
    for (; i < runs->count && runs->runs[i]->base < end; i++) {
        struct inventory_run *run = runs->runs[i];
        uint64_t begin = first > run->base + run->first ? first - run->base : run->first;
        uint64_t stop = end - run->base < run->span ? end - run->base : run->span;
        for (uint32_t at = (uint32_t)begin; at < stop; at++)
            if (!is_gone(run, at)) {
                settle_index(run, at);
                settled++;
            }
        dead |= run->live == 0;
    }
    if (dead)
        drop_dead(runs, from, i);
    return settled;
}

static struct inventory_place place_at(struct inventory_run *run, uint32_t index)
{
    return (struct inventory_place){
        .run = run,
        .position = run->base + index,
        .delivery_count = index < run->counts_capacity ? run->counts[index] : 0};
}

bool run_next(struct inventory_run *run, uint64_t position, struct inventory_place *place)
{
    uint64_t skip = position > run->base ? position - run->base : 0;
    uint32_t index = next_live(run, skip > run->first ? (uint32_t)skip : run->first);
    if (index >= run->span)
        return false;
    *place = place_at(run, index);
    return true;
}

/* A run may begin, with what is gone of it, where others are: hence more than one look. */
bool runs_find(const struct inventory_runs *runs, uint64_t position, struct inventory_place *place)
{
    for (uint32_t i = runs_from(runs, position); i < runs->count && runs->runs[i]->base <= position;
         i++) {
        struct inventory_run *run = runs->runs[i];
        if (!is_gone(run, (uint32_t)(position - run->base))) {
            *place = place_at(run, (uint32_t)(position - run->base));
            return true;
        }
    }
    return false;
}

bool runs_next(const struct inventory_runs *runs, uint64_t position, struct inventory_place *place)
{
    for (uint32_t i = runs_from(runs, position); i < runs->count; i++)
        if (run_next(runs->runs[i], position, place))
            return true;
    return false;
}

void runs_set_count(struct inventory_run *run, uint64_t position, uint32_t count)
{
    uint32_t index = (uint32_t)(position - run->base);
    if (index >= run->counts_capacity) {
        uint32_t capacity = run->counts_capacity == 0 ? 16 : run->counts_capacity * 2;
        while (capacity <= index)
            capacity *= 2;
        run->counts = mem_realloc(run->counts, capacity * sizeof *run->counts);
        memset(run->counts + run->counts_capacity, 0,
               (capacity - run->counts_capacity) * sizeof *run->counts);
        run->counts_capacity = capacity;
    }
    run->counts[index] = count;
}

void runs_move(struct inventory_runs *runs, uint64_t position, struct inventory_segment *segment)
{
    struct inventory_place old;
    if (!runs_next(runs, position, &old) || old.position != position ||
        old.run->segment->number >= segment->number)
        return;
    struct inventory_queue *queue = old.run->queue;
    (void)runs_settle(runs, position, position + 1);
    struct inventory_run *run = runs_put(runs, queue, segment, position);
    if (old.delivery_count > 0)
        runs_set_count(run, position, old.delivery_count);
}

void runs_clear(struct inventory_runs *runs)
{
    for (uint32_t i = 0; i < runs->count; i++) {
        runs->runs[i]->segment->live -= runs->runs[i]->live;
        free_run(runs->runs[i]);
    }
    mem_free(runs->block);
    *runs = (struct inventory_runs){0};
}
