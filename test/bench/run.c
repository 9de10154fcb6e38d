// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static uint64_t room(const struct run *run)
{
    uint64_t sent = run->sent, consumed = run->delivered / run->copies;
    // A duplicate can make `consumed` the larger one; the checker reports it.
    uint64_t waiting = sent > consumed ? sent - consumed : 0;
    uint64_t left = run->backlog > waiting ? run->backlog - waiting : 0;
    return left * 10 >= run->backlog ? left : 0;
}

uint64_t run_allowance(struct run *run)
{
    if (!run->consuming)
        return UINT64_MAX;
    uint64_t allowed = room(run);
    if (allowed)
        return allowed;
    run->waiting = true;
    return room(run); // again: what was consumed meanwhile woke nobody
}

void run_on_delivered(struct run *run)
{
    if (run->waiting && room(run) && atomic_exchange(&run->waiting, false))
        run_wake(run);
}

void run_wake(struct run *run)
{
    for (unsigned i = 0; i < run->workers; i++)
        if (write(run->wake_fds[i], &(uint64_t){1}, sizeof(uint64_t)) < 0)
            perror("loadgen: eventfd");
}

void run_fail(struct run *run, const char *format, ...)
{
    if (atomic_exchange(&run->error_taken, true))
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(run->error, sizeof run->error, format, args);
    va_end(args);
    run->failed = true;
}
