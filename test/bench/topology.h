// SPDX-License-Identifier: Apache-2.0
// topology: the exchange, queues, bindings and routing keys of a load, with names of this run only,
// and the rule by which a consumer knows what it must see.
//
// A producer's message number s is published with keys[s % keys_count]. Queue q gets the numbers
// q, q + stride, q + 2 stride...; with a fanout exchange the stride is 1 and each queue gets all.
// With --own-queue producer p has keys[p % keys_count] alone, and the stride is 1. Where there are
// lanes (see options_lanes), numbers are those within a lane, and the stride is 1.
#pragma once

#include "client.h"
#include "options.h"

struct topology {
    char exchange[64]; // "" = the default exchange
    char **queues, **keys;
    char **dying; // the queue whose dead letters queue q is given, by q; or NULL
    size_t queues_count, keys_count;
    uint64_t stride;
    uint64_t copies; // deliveries of one message
    bool own;        // a producer has one key only
};

// Makes the names; declares nothing.
void topology_init(struct topology *t, const struct options *o);
void topology_fini(struct topology *t);

// The first message number that queue `queue` gets.
uint64_t topology_first(const struct topology *t, size_t queue);

// The keys that `producer` publishes with in turn; borrowed.
char *const *topology_keys(const struct topology *t, size_t producer, size_t *count);

// Does anything that `producer` publishes go to `queue`?
bool topology_joins(const struct topology *t, size_t producer, size_t queue);

// Through `control`; -1 with control->error set.
int topology_declare(const struct topology *t, const struct options *o, struct client *control);
int topology_delete(const struct topology *t, struct client *control);
