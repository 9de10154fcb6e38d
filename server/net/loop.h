/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: one thread's event loop on libuv, with what its connections share: the read buffer, the
 * pool of output chunks, the clock of this tick. Everything that happened in one poll is one tick,
 * or several when much was read; when it ends, `end_tick` is called once. Owner's thread only, but
 * for loop_post and loop_stop.
 */
#ifndef STOATMQ_NET_LOOP_H
#define STOATMQ_NET_LOOP_H

#include <uv.h>

#include "server/base/list.h"
#include "server/net/output.h"

/* Something that one thread hands to another: owned by the receiver from loop_post on. */
struct parcel {
    struct parcel *next;
    int kind; /* its users', from 0 on; or PARCEL_CALL */
};

#define PARCEL_CALL (-1)

/* A parcel that says itself what is to be done with it. Embedded in what it needs for that. */
struct call {
    struct parcel parcel; /* first */
    void (*run)(struct call *call);
};

struct loop_hooks {
    void (*end_tick)(void *context);
    void (*on_timer)(void *context);                         /* every LOOP_TIMER_MS */
    void (*on_parcel)(void *context, struct parcel *parcel); /* what loop_post brought, in order */
};

#define LOOP_TIMER_MS 500

/* Bytes that are read in a tick, more or less: they are copied several times, and a processor's own
 * cache is not large. */
#define LOOP_TICK_BYTES (128u * 1024)

/* Buckets of the histogram of ticks: the first's limit, each double the one before, and one for
 * what is above all. */
#define LOOP_TICK_NS_FIRST 8192u
enum { LOOP_TICK_BUCKETS = 20 };

/* What a loop counts of itself. A tick's time is from the first of its events on. */
struct loop_counters {
    uint64_t ticks, tick_ns;
    uint64_t tick_times[LOOP_TICK_BUCKETS]; /* ticks by what each took */
    uint64_t parcels;                       /* that came */
    uint64_t inbox_depth;                   /* the most that waited at once, since loop_count */
};

struct loop {
    uv_loop_t uv;
    uv_check_t check;
    uv_timer_t timer;
    uv_async_t wake;
    uv_idle_t again;        /* started: the next poll does not block */
    struct list read_again; /* struct watch.again */
    struct loop_hooks hooks;
    void *context;
    unsigned number;
    struct output_pool chunks;
    uint64_t tick_began_ns; /* 0: nothing has happened since the last tick */
    size_t tick_bytes;      /* read in this tick: who reads adds to it */
    struct loop_counters counters;
    uint8_t *read_buffer;
    size_t read_buffer_bytes;

    uv_mutex_t inbox_lock; /* guards the three below */
    struct parcel *inbox_first, *inbox_last;
    bool stopping;
};

/* Prepares a loop; HOOKS are copied. READ_BUFFER_BYTES: how much one read takes at most. 0 or a
 * negative errno. */
int loop_init(struct loop *loop, unsigned number, size_t read_buffer_bytes,
              const struct loop_hooks *hooks, void *context) __attribute__((warn_unused_result));

/* Frees a loop that does not run and whose watches are closed; parcels that are left go to
 * on_parcel, calls are run. */
void loop_fini(struct loop *loop);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);

/* Ends loop_run after the current tick. Any thread. */
void loop_stop(struct loop *loop);

/* Has a tick come soon, though nothing happened on the loop. Any thread. */
void loop_wake(struct loop *loop);

/* Gives PARCEL to the loop's on_parcel. One wake-up when the inbox was empty. Any thread. */
void loop_post(struct loop *loop, struct parcel *parcel);

/* Has CALL's run called on LOOP's thread, in a tick, in order with parcels. CALL belongs to itself
 * from then on: run frees it, or sends it on, to another loop or this one (then it runs in a later
 * tick). Any thread. */
void loop_call(struct loop *loop, struct call *call);

/* Has the next tick come at once instead of waiting for events; from end_tick. */
void loop_again(struct loop *loop);

/* What it counted so far; the depth begins anew. */
struct loop_counters loop_count(struct loop *loop);

/* Milliseconds since some start, as of this tick. */
static inline uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

/* Beside UV_READABLE and UV_WRITABLE: the socket is in error (the peer has reset it); what it had
 * received may still be read. It is not watched any more. */
#define WATCH_FAILED 0x100

/* A file descriptor that is watched. Embedded in its owner. */
struct watch {
    uv_poll_t poll;
    int fd;
    int events; /* what is watched now */
    void (*ready)(struct watch *watch, int events);
    void (*closed)(struct watch *watch);
    struct list_node again; /* loop.read_again */
};

/* Starts to watch FD for EVENTS (UV_READABLE, UV_WRITABLE). 0 or a negative errno. */
int watch_open(struct watch *watch, struct loop *loop, int fd, int events,
               void (*ready)(struct watch *watch, int events)) __attribute__((warn_unused_result));

/* Watches for EVENTS from now on; 0 for nothing. */
void watch_set(struct watch *watch, int events);

/* Calls `ready` for UV_READABLE in the next tick, which comes at once: though the socket has
 * nothing to tell, there is something to be read. */
void watch_read_again(struct watch *watch);

/* Stops watching, closes FD, and calls CLOSED, after which the watch's memory is free, in a later
 * tick. */
void watch_close(struct watch *watch, void (*closed)(struct watch *watch));

#endif
