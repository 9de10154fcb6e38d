/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/timers.h"

#include "server/base/check.h"
#include "server/base/mem.h"

#define CAPACITY_MIN 16

void timers_fini(struct timers *timers)
{
    CHECK_ID(timers->count == 0, timers->count);
    mem_free(timers->heap);
    *timers = (struct timers){0};
}

static void put(struct timers *timers, uint32_t at, struct timer *timer)
{
    timers->heap[at] = timer;
    timer->place = at + 1;
}

/* Finds TIMER's place at AT or above it. */
static void rise(struct timers *timers, uint32_t at, struct timer *timer)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (timers->heap[parent]->due_ms <= timer->due_ms)
            break;
        put(timers, at, timers->heap[parent]);
        at = parent;
    }
    put(timers, at, timer);
}

/* Finds TIMER's place at AT or below it. */
static void sink(struct timers *timers, uint32_t at, struct timer *timer)
{
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count &&
            timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
            child++;
        if (timer->due_ms <= timers->heap[child]->due_ms)
            break;
        put(timers, at, timers->heap[child]);
        at = child;
    }
    put(timers, at, timer);
}

static uint32_t add(struct timers *timers)
{
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity == 0 ? CAPACITY_MIN : timers->capacity * 2;
        timers->heap = mem_realloc(timers->heap, timers->capacity * sizeof *timers->heap);
    }
    return timers->count++;
}

void timer_arm(struct timers *timers, struct timer *timer, uint64_t due_ms)
{
    if (due_ms == TIMER_NEVER) {
        timer_disarm(timers, timer);
        return;
    }
    bool is_later = timer->place != 0 && due_ms > timer->due_ms;
    uint32_t at = timer->place != 0 ? timer->place - 1 : add(timers);
    timer->due_ms = due_ms;
    if (is_later)
        sink(timers, at, timer);
    else
        rise(timers, at, timer);
}

void timer_disarm(struct timers *timers, struct timer *timer)
{
    if (timer->place == 0)
        return;
    uint32_t at = timer->place - 1;
    CHECK_ID(timers->heap[at] == timer, timer->place);
    timer->place = 0;
    struct timer *last = timers->heap[--timers->count];
    if (last == timer)
        return;
    if (at > 0 && last->due_ms < timers->heap[(at - 1) / 2]->due_ms)
        rise(timers, at, last);
    else
        sink(timers, at, last);
}

bool timers_run(struct timers *timers, uint64_t now_ms, uint32_t work)
{
    for (uint32_t done = 0; timers_next(timers) <= now_ms;) {
        if (done >= work)
            return false;
        struct timer *timer = timers->heap[0];
        timer_disarm(timers, timer);
        done += timer->due(timer) + 1;
    }
    return true;
}
