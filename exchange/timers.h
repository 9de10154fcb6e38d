/* SPDX-License-Identifier: Apache-2.0
 *
 * timers: what is to happen at some time, in order of that: a binary heap of timers that are
 * embedded in their owners. Belongs to the engine, and so does the clock (env.now_ms); engine's
 * thread only.
 */
#ifndef STOATMQ_EXCHANGE_TIMERS_H
#define STOATMQ_EXCHANGE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

/* No time at all. */
#define TIMER_NEVER UINT64_MAX

struct timer {
    uint64_t due_ms; /* while it is armed */
    uint32_t place;  /* in the heap, from 1 on; 0: it is not armed */
    /* Called when it is due, at the end of a tick; it is not armed then and may be armed again.
     * Does a bounded piece of work and returns how much that was, where putting a message into a
     * queue is about 4. May free what the timer is in; must not apply commands. */
    uint32_t (*due)(struct timer *timer);
};

struct timers {
    struct timer **heap;
    uint32_t count, capacity;
};

/* No timer may be armed. */
void timers_fini(struct timers *timers);

/* Arms TIMER for DUE_MS, or for another time than before; TIMER_NEVER: disarms it. */
void timer_arm(struct timers *timers, struct timer *timer, uint64_t due_ms);
void timer_disarm(struct timers *timers, struct timer *timer);

static inline bool timer_is_armed(const struct timer *timer)
{
    return timer->place != 0;
}

/* When the first is due, or TIMER_NEVER. */
static inline uint64_t timers_next(const struct timers *timers)
{
    return timers->count == 0 ? TIMER_NEVER : timers->heap[0]->due_ms;
}

/* Calls those that are due at NOW_MS until WORK is done; false: some are left. */
bool timers_run(struct timers *timers, uint64_t now_ms, uint32_t work);

#endif
