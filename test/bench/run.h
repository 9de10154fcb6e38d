// SPDX-License-Identifier: Apache-2.0
// run: what the threads of one run share. Counters are atomic and touched once per batch, never
// once per message. Owned by main, which outlives the workers.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum phase {
    PHASE_WARMUP,
    PHASE_MEASURE,
    PHASE_DRAIN, // publishers stop; what is under way arrives
    PHASE_QUIT,  // workers return
};

struct run {
    // Set before the workers start.
    uint64_t copies;      // deliveries of one message
    uint64_t backlog;     // publishers wait while so many deliveries are under way
    bool consuming;       // false: the backlog is not bounded
    bool record_all;      // every message's latency, not one of each batch
    uint64_t limit;       // messages of a producer; 0 = until the drain
    uint64_t interval_ns; // between two messages; 0 = unpaced
    bool spin;
    int wake_fds[2]; // one eventfd to a worker
    unsigned workers;

    _Atomic enum phase phase;
    _Atomic uint64_t sent, delivered, confirmed;
    _Atomic unsigned publishing; // publishers that have not stopped
    _Atomic bool waiting;        // a publisher waits for the backlog to shrink
    _Atomic bool failed;
    char error[600]; // of the first failure; written before `failed` is set
    _Atomic bool error_taken;
};

// How many messages may be published now. Few are not worth a system call: then it is 0 until a
// tenth of the backlog is free, and *run is marked so that consumers wake the workers.
uint64_t run_allowance(struct run *run);

// After `delivered` grew: wakes publishers that wait when there is room again.
void run_on_delivered(struct run *run);

void run_wake(struct run *run);

__attribute__((format(printf, 2, 3))) void run_fail(struct run *run, const char *format, ...);
