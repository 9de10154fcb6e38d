/* SPDX-License-Identifier: Apache-2.0
 *
 * The inventory against a model of it that is an array: random records, of which some are refused
 * by no log but by common sense (moves in any order, settles of what is not there); after each,
 * what the two say is compared. Checkpoints, restarts and segments that nothing needs come in
 * between. The seed is printed; STOATMQ_SEED and STOATMQ_STEPS set it and the number of operations.
 */
#include "persist/inventory.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "persist/inventory_runs.h"
#include "server/base/mem.h"
#include "test/sim/disk_history.h"
#include "test/unit/persist/tape.h"

enum {
    QUEUES = 4,          /* the last is not durable */
    POSITIONS = 1 << 13, /* with so many a queue is deleted */
    SEGMENTS = 4096,
    HELD_MAX = 64, /* operations of a transaction */
    STEPS = 1500000,
    WHOLE_EVERY = 1500, /* operations from one comparison of everything to the next */
};

enum life { GONE, STORED, PAGED };

struct cell {
    enum life life;
    uint32_t segment, count;
};

struct model_queue {
    uint64_t id, next; /* position of the next message */
    uint64_t first;    /* nothing lives before it */
    struct cell *cells;
    uint64_t stored;
};

/* A settle (SPAN positions) or message that waits for its transaction to commit. */
struct held {
    bool settles;
    unsigned queue;
    uint64_t position, span;
    uint32_t segment;
};

struct model {
    struct model_queue queues[QUEUES];
    uint32_t live[SEGMENTS];
    struct held held[HELD_MAX];
    unsigned held_count;
    bool in_transaction;
    uint64_t last_id, seed;
};

static struct tape tape;
static struct model model;

static uint64_t below(uint64_t limit)
{
    return disk_random_below(&model.seed, limit);
}

static uint32_t segment_now(void)
{
    return (uint32_t)tape_segment(&tape);
}

/* --- the model -------------------------------------------------------------------------------- */

static void model_set(struct model_queue *queue, uint64_t position, enum life life,
                      uint32_t segment)
{
    struct cell *cell = &queue->cells[position];
    if (cell->life != GONE)
        model.live[cell->segment]--;
    if (cell->life == STORED)
        queue->stored--;
    *cell = (struct cell){life, segment, life == GONE ? 0 : cell->count};
    if (life != GONE)
        model.live[segment]++;
    if (life == STORED)
        queue->stored++;
    if (life != GONE && position < queue->first)
        queue->first = position;
}

static void model_settle(struct model_queue *queue, uint64_t position, uint64_t span)
{
    for (uint64_t end = position + span; position < end; position++)
        model_set(queue, position, GONE, 0);
    while (queue->first < queue->next && queue->cells[queue->first].life == GONE)
        queue->first++;
}

static void model_clear(struct model_queue *queue)
{
    for (uint64_t position = 0; position < POSITIONS; position++)
        model_set(queue, position, GONE, 0);
}

/* What a restart forgets. */
static void model_forget_paged(void)
{
    for (unsigned q = 0; q < QUEUES; q++)
        for (uint64_t position = 0; position < model.queues[q].next; position++)
            if (model.queues[q].cells[position].life == PAGED)
                model_set(&model.queues[q], position, GONE, 0);
}

static bool is_durable(unsigned q)
{
    return q + 1 < QUEUES;
}

/* --- operations ------------------------------------------------------------------------------- */

static void declare(unsigned q)
{
    struct model_queue *queue = &model.queues[q];
    queue->id = ++model.last_id;
    queue->next = queue->first = 1;
    if (is_durable(q))
        tape_queue(&tape, queue->id);
}

static void delete_and_declare(unsigned q)
{
    tape_delete_queue(&tape, model.queues[q].id);
    model_clear(&model.queues[q]);
    declare(q);
}

/* The position for a new message of queue Q; sometimes others, of which nothing is told, come
 * before it. */
static uint64_t new_position(unsigned q)
{
    struct model_queue *queue = &model.queues[q];
    uint64_t gap = below(8) > 0 ? 0 : below(200) > 0 ? below(5) : below(3000);
    queue->next += gap + 1;
    return queue->next - 1;
}

static bool is_full(unsigned q)
{
    return model.queues[q].next + 4000 > POSITIONS;
}

static void hold(struct held held)
{
    model.held[model.held_count++] = held;
}

static void happen(const struct held *held)
{
    struct model_queue *queue = &model.queues[held->queue];
    if (held->settles)
        model_settle(queue, held->position, held->span);
    else
        model_set(queue, held->position, STORED, held->segment);
}

/* A message to one or two durable queues. */
static void store(void)
{
    struct tape_place places[2];
    unsigned first = (unsigned)below(QUEUES - 1), count = below(4) == 0 ? 2 : 1;
    for (unsigned i = 0; i < count; i++) {
        unsigned q = (first + i) % (QUEUES - 1);
        if (is_full(q))
            return;
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned q = (first + i) % (QUEUES - 1);
        places[i] = (struct tape_place){model.queues[q].id, new_position(q)};
        struct held held = {false, q, places[i].position, 1, segment_now()};
        if (model.in_transaction)
            hold(held);
        else
            happen(&held);
    }
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, places, count, 10, 0), 0);
}

/* A new transient message leaves memory, or one that is in front of, or between, others there. */
static void page(unsigned q)
{
    struct model_queue *queue = &model.queues[q];
    uint64_t position = queue->next > 1 && below(3) == 0 ? 1 + below(queue->next - 1) : 0;
    if (position == 0 && is_full(q))
        return;
    if (position == 0)
        position = new_position(q);
    if (queue->cells[position].life != GONE)
        return;
    tape_put(&tape, STORE_PAGE, queue->id, position);
    model_set(queue, position, PAGED, segment_now());
}

/* The first position from POSITION on where something lives, or next. */
static uint64_t living(const struct model_queue *queue, uint64_t position)
{
    if (position < queue->first)
        position = queue->first;
    while (position < queue->next && queue->cells[position].life == GONE)
        position++;
    return position;
}

static uint64_t some_position(const struct model_queue *queue)
{
    uint64_t choice = below(10);
    if (choice < 5)
        return living(queue, 0);
    if (choice < 7 && queue->next > 3)
        return queue->next - 1 - below(3);
    return queue->first + below(queue->next - queue->first + 1);
}

static void settle(unsigned q)
{
    struct model_queue *queue = &model.queues[q];
    uint64_t position = some_position(queue);
    uint64_t span = below(4) > 0 ? 1 : below(50) > 0 ? 1 + below(20) : 1 + below(2000);
    if (position + span > queue->next)
        span = queue->next - position;
    tape_settle(&tape, queue->id, position, span);
    struct held held = {true, q, position, span, 0};
    if (model.in_transaction)
        hold(held);
    else
        happen(&held);
}

static void requeue(unsigned q)
{
    struct model_queue *queue = &model.queues[q];
    uint64_t position = some_position(queue);
    uint32_t count = 1 + (uint32_t)below(5);
    tape_requeue(&tape, queue->id, position, count);
    if (queue->cells[position].life == STORED)
        queue->cells[position].count = count;
}

/* Moves a few that follow each other, or one that need not be there. */
static void move(unsigned q)
{
    struct model_queue *queue = &model.queues[q];
    uint64_t position = some_position(queue);
    for (uint64_t i = below(4) == 0 ? 8 : 1; i > 0 && position < queue->next; i--) {
        struct cell *cell = &queue->cells[position];
        tape_put(&tape, STORE_MOVED, queue->id, position);
        if (cell->life != GONE && cell->segment < segment_now())
            model_set(queue, position, cell->life, segment_now());
        position = living(queue, position + 1);
    }
}

/* What was paged is read. */
static void take_paged(unsigned q)
{
    struct model_queue *queue = &model.queues[q];
    uint64_t position = living(queue, 0);
    struct inventory_queue *there = inventory_find(&tape.inventory, queue->id);
    for (uint64_t i = below(30); i > 0 && position < queue->next; i--) {
        if (queue->cells[position].life == PAGED) {
            assert_int_equal(runs_settle(&there->paged, position, position + 1), 1);
            model_settle(queue, position, 1);
        }
        position = living(queue, position + 1);
    }
}

static void transact(void)
{
    tape_begin(&tape);
    model.in_transaction = true;
    for (uint64_t i = below(8); i > 0; i--) {
        if (below(3) > 0)
            store();
        else
            settle((unsigned)below(QUEUES - 1));
        if (below(20) == 0 && segment_now() + 2 < SEGMENTS)
            tape_end_segment(&tape);
    }
    if (below(8) == 0) {
        tape.epoch++; /* cut short by a crash; what recovery does with paged ones comes elsewhere */
    } else {
        tape_commit(&tape);
        for (unsigned i = 0; i < model.held_count; i++)
            happen(&model.held[i]);
    }
    model.held_count = 0;
    model.in_transaction = false;
}

/* As the keeper does at a segment's end. */
static void forget_segments(void)
{
    for (size_t i = tape.inventory.segment_count; i-- > 0;) {
        uint64_t number = tape.inventory.segments[i]->number;
        assert_true(inventory_needs(&tape.inventory, number) == (model.live[number] > 0));
        if (number < segment_now() && model.live[number] == 0)
            inventory_forget(&tape.inventory, number);
    }
}

static void end_segment(void)
{
    tape_end_segment(&tape);
    if (below(2) == 0)
        forget_segments();
}

static void restart(void)
{
    model_forget_paged();
    tape_restart(&tape);
}

static void operate(void)
{
    unsigned q = (unsigned)below(QUEUES), durable = (unsigned)below(QUEUES - 1);
    uint64_t choice = below(1000);
    if (choice < 420)
        store();
    else if (choice < 520)
        page(q);
    else if (choice < 820)
        settle(q);
    else if (choice < 860)
        requeue(durable);
    else if (choice < 930)
        move(q);
    else if (choice < 960 && model.queues[q].next > 1)
        take_paged(q);
    else if (choice < 985)
        transact();
    else if (choice < 995)
        end_segment();
    else if (choice == 999)
        restart();
}

/* --- comparing -------------------------------------------------------------------------------- */

/* Do both say the same about what comes at POSITION or behind it? Returns where that is. */
static uint64_t compare_next(const struct model_queue *queue, uint64_t position)
{
    struct inventory_place place = {0};
    const struct inventory_queue *there = inventory_find(&tape.inventory, queue->id);
    bool found = there != NULL && inventory_next(there, position, &place);
    position = living(queue, position);
    assert_true(found == (position < queue->next));
    if (!found)
        return queue->next;
    const struct cell *cell = &queue->cells[position];
    assert_int_equal(place.position, position);
    assert_int_equal(place.run->segment->number, cell->segment);
    assert_int_equal(place.paged, cell->life == PAGED);
    assert_int_equal(place.delivery_count, cell->count);
    return position;
}

static void compare_whole(void)
{
    for (unsigned q = 0; q < QUEUES; q++) {
        const struct model_queue *queue = &model.queues[q];
        const struct inventory_queue *there = inventory_find(&tape.inventory, queue->id);
        for (uint64_t position = 0; position < queue->next;)
            position = compare_next(queue, position) + 1;
        assert_true(there != NULL || !is_durable(q));
        assert_int_equal(there == NULL ? 0 : there->live, queue->stored);
        assert_true(!is_durable(q) || there->next_position <= queue->next);
    }
    for (uint32_t number = 0; number <= segment_now(); number++)
        tape_expect_live(&tape, number, model.live[number]);
}

/* A number in the environment. */
static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void begin_again(void)
{
    for (unsigned q = 0; q < QUEUES; q++) {
        mem_free(model.queues[q].cells);
        model.queues[q] = (struct model_queue){
            .cells = mem_zalloc(POSITIONS * sizeof *model.queues[q].cells)};
    }
    memset(model.live, 0, sizeof model.live);
    tape_fini(&tape);
    tape_init(&tape);
    for (unsigned q = 0; q < QUEUES; q++)
        declare(q);
}

static void inventory_says_what_its_model_says(void **state)
{
    (void)state;
    uint64_t steps = number_of("STOATMQ_STEPS", STEPS);
    for (uint64_t step = 1; step <= steps; step++) {
        operate();
        unsigned q = (unsigned)below(QUEUES);
        (void)compare_next(&model.queues[q], some_position(&model.queues[q]));
        (void)compare_next(&model.queues[q], 0);
        if (step % WHOLE_EVERY == 0) {
            compare_whole();
            if (below(2) == 0)
                restart();
            compare_whole();
        }
        if (is_full(q) && below(50) == 0)
            delete_and_declare(q);
        if (segment_now() + 20 > SEGMENTS || lsn_offset(tape.lsn) > SEGMENT_BYTES / 2)
            begin_again();
    }
    compare_whole();
}

static int set_up(void **state)
{
    (void)state;
    model.seed = number_of("STOATMQ_SEED", (uint64_t)time(NULL));
    print_message("STOATMQ_SEED=%" PRIu64 "\n", model.seed);
    begin_again();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tape_fini(&tape);
    for (unsigned q = 0; q < QUEUES; q++)
        mem_free(model.queues[q].cells);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(inventory_says_what_its_model_says, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("inventory_model", tests, NULL, NULL);
}
