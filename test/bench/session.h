// SPDX-License-Identifier: Apache-2.0
// session: all connections of one run with their publishers and receivers, and the workers that
// move them. Main thread only; everything in it is owned by it.
#pragma once

#include "options.h"
#include "run.h"
#include "topology.h"
#include "worker.h"

struct session {
    const struct options *options;
    struct run run;
    struct topology topology;
    struct client control; // declares and deletes
    struct link *links;    // consumers first, then producers; for the echo one that is both
    size_t links_count, receivers_count, publishers_count;
    struct publisher *publishers;
    struct receiver *receivers;
    struct worker workers[2];
    pid_t echo_pid;
};

struct verdict {
    uint64_t lost, duplicated, misordered;
};

// Connects, declares, subscribes. -1 with s->run.error set. session_close is due in any case.
int session_open(struct session *s, const struct options *o);

void session_start(struct session *s); // the workers
void session_stop(struct session *s);  // joins them

// Whether all that was sent has arrived and is confirmed; once publishers have stopped.
bool session_is_complete(const struct session *s);

// After session_stop. What consumers did not see, saw twice, saw out of order.
struct verdict session_verdict(const struct session *s);
void session_latency(const struct session *s, struct histogram *into);

// Deletes what was declared, closes, frees. Returns the number of deliveries that still came (each
// one a duplicate), or -1 with s->run.error set.
long session_close(struct session *s);
