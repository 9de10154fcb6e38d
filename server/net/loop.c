/* SPDX-License-Identifier: Apache-2.0 */
#include "server/net/loop.h"

#include <unistd.h>

#include "server/base/check.h"
#include "server/base/mem.h"

static void end_tick(struct loop *loop)
{
    loop->tick_bytes = 0;
    if (loop->hooks.end_tick != NULL)
        loop->hooks.end_tick(loop->context);
}

/* An event has come: maybe the first of this tick. */
static inline void begin_tick(struct loop *loop)
{
    if (loop->tick_began_ns == 0)
        loop->tick_began_ns = uv_hrtime();
}

static void count_tick(struct loop *loop)
{
    if (loop->tick_began_ns == 0)
        return;
    uint64_t ns = uv_hrtime() - loop->tick_began_ns;
    unsigned bucket = 0;
    while (bucket < LOOP_TICK_BUCKETS - 1 && ns > LOOP_TICK_NS_FIRST << bucket)
        bucket++;
    loop->tick_began_ns = 0;
    loop->counters.ticks++;
    loop->counters.tick_ns += ns;
    loop->counters.tick_times[bucket]++;
}

struct loop_counters loop_count(struct loop *loop)
{
    struct loop_counters counters = loop->counters;
    loop->counters.inbox_depth = 0;
    return counters;
}

/* Ends the tick in the middle of a poll's events when it has read so much that what came first
 * would be out of the processor's caches before it is written on. */
static void end_large_tick(struct loop *loop)
{
    if (loop->tick_bytes < LOOP_TICK_BYTES)
        return;
    end_tick(loop);
    count_tick(loop);
}

static void on_check(uv_check_t *check)
{
    struct loop *loop = check->data;
    if (list_is_empty(&loop->read_again))
        uv_idle_stop(&loop->again);
    end_tick(loop);
    count_tick(loop);
}

/* Being started makes libuv poll without waiting. */
static void on_idle(uv_idle_t *idle)
{
    struct loop *loop = idle->data;
    begin_tick(loop);
    struct list now;
    list_init(&now); /* who asks again while this goes on has its turn in the next tick */
    for (struct list_node *node; (node = list_pop(&loop->read_again)) != NULL;)
        list_append(&now, node);
    for (struct list_node *node; (node = list_pop(&now)) != NULL;) {
        struct watch *watch = LIST_ENTRY(node, struct watch, again);
        watch->ready(watch, UV_READABLE);
        end_large_tick(loop);
    }
}

void loop_again(struct loop *loop)
{
    uv_idle_start(&loop->again, on_idle);
}

static void on_timer(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    if (loop->hooks.on_timer == NULL)
        return;
    loop->hooks.on_timer(loop->context);
    end_tick(loop); /* timers run before the poll, which may then block */
}

/* Gives what is in the inbox to on_parcel; is the loop to stop? */
static bool take_parcels(struct loop *loop)
{
    uv_mutex_lock(&loop->inbox_lock);
    struct parcel *parcel = loop->inbox_first;
    bool stopping = loop->stopping;
    loop->inbox_first = loop->inbox_last = NULL;
    uv_mutex_unlock(&loop->inbox_lock);
    uint64_t depth = 0;
    while (parcel != NULL) {
        depth++;
        struct parcel *next = parcel->next;
        if (parcel->kind == PARCEL_CALL)
            ((struct call *)parcel)->run((struct call *)parcel);
        else
            loop->hooks.on_parcel(loop->context, parcel);
        parcel = next;
    }
    loop->counters.parcels += depth;
    if (depth > loop->counters.inbox_depth)
        loop->counters.inbox_depth = depth;
    return stopping;
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    begin_tick(loop);
    if (take_parcels(loop))
        uv_stop(&loop->uv);
}

int loop_init(struct loop *loop, unsigned number, size_t read_buffer_bytes,
              const struct loop_hooks *hooks, void *context)
{
    *loop = (struct loop){.hooks = *hooks,
                          .context = context,
                          .number = number,
                          .read_buffer_bytes = read_buffer_bytes};
    int status = uv_loop_init(&loop->uv);
    if (status != 0)
        return status;
    loop->uv.data = loop;
    CHECK(uv_mutex_init(&loop->inbox_lock) == 0);
    CHECK(uv_check_init(&loop->uv, &loop->check) == 0);
    CHECK(uv_timer_init(&loop->uv, &loop->timer) == 0);
    CHECK(uv_idle_init(&loop->uv, &loop->again) == 0);
    status = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (status != 0)
        return status;
    loop->check.data = loop->timer.data = loop->wake.data = loop->again.data = loop;
    list_init(&loop->read_again);
    loop->read_buffer = mem_alloc(read_buffer_bytes);
    uv_check_start(&loop->check, on_check);
    uv_timer_start(&loop->timer, on_timer, LOOP_TIMER_MS, LOOP_TIMER_MS);
    return 0;
}

void loop_fini(struct loop *loop)
{
    take_parcels(loop); /* that came too late */
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->again, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop->uv) == 0);
    uv_mutex_destroy(&loop->inbox_lock);
    output_pool_fini(&loop->chunks);
    mem_free(loop->read_buffer);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_mutex_lock(&loop->inbox_lock);
    loop->stopping = true;
    uv_mutex_unlock(&loop->inbox_lock);
    uv_async_send(&loop->wake);
}

void loop_wake(struct loop *loop)
{
    uv_async_send(&loop->wake);
}

void loop_post(struct loop *loop, struct parcel *parcel)
{
    parcel->next = NULL;
    uv_mutex_lock(&loop->inbox_lock);
    bool was_empty = loop->inbox_first == NULL;
    if (was_empty)
        loop->inbox_first = parcel;
    else
        loop->inbox_last->next = parcel;
    loop->inbox_last = parcel;
    uv_mutex_unlock(&loop->inbox_lock);
    if (was_empty)
        uv_async_send(&loop->wake);
}

void loop_call(struct loop *loop, struct call *call)
{
    call->parcel.kind = PARCEL_CALL;
    loop_post(loop, &call->parcel);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = (struct watch *)(void *)poll;
    begin_tick(poll->loop->data);
    if (status < 0) {
        watch->events = 0; /* libuv has stopped to watch */
        events = WATCH_FAILED;
    }
    struct loop *loop = poll->loop->data;
    watch->ready(watch, events);
    end_large_tick(loop);
}

int watch_open(struct watch *watch, struct loop *loop, int fd, int events,
               void (*ready)(struct watch *watch, int events))
{
    watch->fd = fd;
    watch->events = 0;
    watch->ready = ready;
    watch->again = (struct list_node){0};
    int status = uv_poll_init(&loop->uv, &watch->poll, fd);
    if (status == 0)
        watch_set(watch, events);
    return status;
}

void watch_set(struct watch *watch, int events)
{
    if (events == watch->events)
        return;
    watch->events = events;
    if (events == 0)
        CHECK(uv_poll_stop(&watch->poll) == 0);
    else
        CHECK(uv_poll_start(&watch->poll, events, on_poll) == 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct watch *watch = (struct watch *)(void *)handle;
    watch->closed(watch);
}

void watch_read_again(struct watch *watch)
{
    struct loop *loop = watch->poll.loop->data;
    if (list_node_is_linked(&watch->again))
        return;
    list_append(&loop->read_again, &watch->again);
    loop_again(loop);
}

void watch_close(struct watch *watch, void (*closed)(struct watch *watch))
{
    if (list_node_is_linked(&watch->again))
        list_remove(&watch->again);
    watch->closed = closed;
    uv_close((uv_handle_t *)&watch->poll, on_closed);
    close(watch->fd); /* now that libuv has let go of the number, which another thread may get at
                         once */
    watch->fd = -1;
}
