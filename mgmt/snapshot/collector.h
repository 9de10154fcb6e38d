/* SPDX-License-Identifier: Apache-2.0
 *
 * collector: keeps a snapshot up to date by calls to the engine and the workers: what came and went
 * whenever somebody asks, numbers every few seconds, oftener while somebody asks. The engine gives
 * at most WATCHER_SLICE_NS to a call, and to all of them about a fiftieth of its time. Management's
 * thread only, but for start and free.
 */
#ifndef STOATMQ_MGMT_SNAPSHOT_COLLECTOR_H
#define STOATMQ_MGMT_SNAPSHOT_COLLECTOR_H

#include "mgmt/snapshot/snapshot.h"
#include "mgmt/snapshot/watcher.h"
#include "server/base/list.h"
#include "server/net/loop.h"
#include "server/node.h"

struct worker;

#define COLLECTOR_IDLE_MS   5000  /* between sweeps when nobody asks */
#define COLLECTOR_ASKED_MS  1000  /* and while somebody does, */
#define COLLECTOR_FORGET_MS 10000 /* which is forgotten after this time */
#define COLLECTOR_SHARE     50    /* the engine's time is taken at most once in so many */

/* Somebody waits until the snapshot is as of now. Embedded in its owner. */
struct collector_wait {
    struct list_node by_collector;
    void (*ready)(struct collector_wait *wait);
};

/* A look at the engine, sent there and back. */
struct collection {
    struct call call; /* first */
    struct collector *collector;
    struct buf facts;
    struct watcher_position position;
    bool is_sweep;      /* takes a slice of numbers */
    bool is_sweep_over; /* it was the last; then these are fresh: */
    struct node_counters counters;
    struct buf cluster_name; /* fresh in any case; empty: none was set */
    uint64_t engine_ns;      /* that it took */
};

/* A look at a worker's connections. */
struct socket_collection {
    struct call call; /* first */
    struct collector *collector;
    struct worker *worker;
    struct buf facts;
    struct buf missing_tls; /* connections that it is to say more of */
    bool is_under_way;
};

struct collector {
    struct snapshot snapshot;
    struct watcher watcher; /* the engine's thread's */
    struct loop *loop, *engine_loop;
    struct socket_collection *sockets;
    unsigned worker_count, sockets_under_way;
    struct collection collection;
    struct node *node;               /* NULL: nobody counts */
    struct node_counters counters;   /* the node's, as of the last sweep */
    struct buf cluster_name;         /* that was set; empty: none */
    void (*on_sweep)(void *context); /* one is coming to its end; or NULL */
    void *sweep_context;
    bool is_under_way;
    bool is_sweeping; /* a sweep has begun and has not come to its end */
    bool is_held;     /* those who wait hear when the workers have told of new sessions */
    bool is_stopping;
    struct list waiting;     /* for a look that begins later than they asked */
    struct list waiting_now; /* for the one that is under way */
    uint64_t asked_ms, sweep_began_ms, next_sweep_ms; /* of the loop's clock */
    uint64_t sweep_began_wall_ms;
    uint64_t sweep_engine_ns, slice_ns_max; /* of this sweep; of all */
    uint64_t last_sweep_engine_ns;
    void (*on_idle)(void *context);
    void *idle_context;
};

/* Before any of the loops runs. What is named stays borrowed; `node` and `on_sweep` may be set
 * then. */
void collector_start(struct collector *collector, struct loop *loop, struct loop *engine_loop,
                     struct engine *engine, struct worker *const *workers, unsigned worker_count);

/* Calls WAIT's ready when the snapshot has all that happened in the engine before this call, at
 * least one sweep included. */
void collector_ask(struct collector *collector, struct collector_wait *wait);

/* Every LOOP_TIMER_MS. */
void collector_on_timer(struct collector *collector);

/* Makes no more calls; ON_IDLE is called when none is under way, which may be now. Those who wait
 * still hear. */
void collector_stop(struct collector *collector, void (*on_idle)(void *context), void *context);

/* Frees all, when the loops have ended. */
void collector_free(struct collector *collector);

/* Milliseconds since 1970, as samples and rows count them. */
uint64_t collector_wall_ms(void);

#endif
