/* SPDX-License-Identifier: Apache-2.0
 *
 * relay: the port of connections whose engine runs on a thread of its own. Commands and effects are
 * written into batches as plain records; a batch a tick and direction changes hands, and is its
 * receiver's from then on. Messages alone are shared. A worker whose batches are not worked off
 * stops reading, so that TCP slows its publishers.
 */
#ifndef STOATMQ_SERVER_RELAY_H
#define STOATMQ_SERVER_RELAY_H

#include "exchange/effect.h"
#include "exchange/engine.h"
#include "server/net/loop.h"
#include "server/port.h"

/* Bytes, messages included, that a worker may have under way to the engine. */
#define RELAY_UNDER_WAY_MAX (8u * 1024 * 1024)

/* The kinds of parcel that a batch is. */
enum relay_kind {
    RELAY_COMMANDS, /* worker to engine */
    RELAY_WORKED,   /* the same batch, emptied, back to its worker */
    RELAY_EFFECTS,  /* engine to worker */
    RELAY_KIND_COUNT
};

struct relay_batch {
    struct parcel parcel; /* first */
    struct relay *relay;
    uint64_t cost; /* bytes of its records and of the messages they name */
    struct buf records;
};

/* One worker's way to the engine and back. */
struct relay {
    struct port port; /* first; the worker's */
    struct sink sink; /* the engine's */
    struct engine *engine;
    struct loop *engine_loop, *worker_loop;

    struct relay_batch *commands; /* the worker's: being filled, or NULL */
    struct relay_batch *spare;    /* the worker's: came back empty, or NULL */
    uint64_t under_way;           /* the worker's: cost of batches that have not come back */

    struct relay_batch *effects; /* the engine's: being filled, or NULL */
    struct parcel *worked;       /* the engine's: batches that are emptied and not sent back yet */
};

void relay_init(struct relay *relay, struct engine *engine, struct loop *engine_loop,
                struct loop *worker_loop);

/* Frees the batches that are left, once both loops have ended. */
void relay_fini(struct relay *relay);

/* Engine's thread: applies a RELAY_COMMANDS batch; returns how many commands it held. */
uint64_t relay_work(struct relay_batch *batch);

/* Engine's thread, at the tick's end: sends emptied batches back, unless the store is full, which
 * holds their worker back, and the effects on their way. */
void relay_end_tick(struct relay *relay);

/* Worker's thread: takes a batch that came from the engine. */
void relay_receive(struct relay_batch *batch);

#endif
