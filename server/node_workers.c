/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node_parts.h"

#include <unistd.h>

#include "amqp/frame.h"
#include "server/base/mem.h"
#include "server/listeners.h"

/* Kinds of parcel beside relay.h's. */
enum node_parcel_kind {
    NODE_ADOPT = RELAY_KIND_COUNT, /* to a worker: fd is a new connection, of options */
    NODE_SHUT_DOWN,                /* to a worker */
    NODE_DESCRIBE,                 /* to a worker */
    NODE_ALARMS,                   /* to a worker: alarms are on */
    NODE_SETTINGS,                 /* to a worker: struct settings_parcel */
    NODE_STOPPED,                  /* to the main loop: a worker is done */
};

struct node_parcel {
    struct parcel parcel; /* first */
    int fd;
    const struct transport_options *options;
    unsigned alarms;
};

struct settings_parcel {
    struct parcel parcel; /* first */
    struct settings settings;
};

static void post(struct loop *loop, enum node_parcel_kind kind, int fd,
                 const struct transport_options *options)
{
    struct node_parcel *parcel = mem_zalloc(sizeof *parcel);
    parcel->parcel.kind = (int)kind;
    parcel->fd = fd;
    parcel->options = options;
    loop_post(loop, &parcel->parcel);
}

static void on_worker_parcel(void *context, struct parcel *parcel)
{
    struct worker *worker = context;
    if (parcel->kind < RELAY_KIND_COUNT) {
        relay_receive((struct relay_batch *)parcel);
        return;
    }
    if (parcel->kind == NODE_ADOPT && worker->stop_by_ms == 0)
        worker_adopt(worker, ((struct node_parcel *)parcel)->fd,
                     ((struct node_parcel *)parcel)->options);
    else if (parcel->kind == NODE_ADOPT)
        close(((struct node_parcel *)parcel)->fd);
    else if (parcel->kind == NODE_SHUT_DOWN)
        worker_shut_down(worker);
    else if (parcel->kind == NODE_DESCRIBE)
        worker_describe(worker);
    else if (parcel->kind == NODE_ALARMS)
        worker_set_alarms(worker, ((struct node_parcel *)parcel)->alarms);
    else if (parcel->kind == NODE_SETTINGS)
        worker_take_settings(worker, &((struct settings_parcel *)parcel)->settings);
    mem_free(parcel);
}

void node_on_engine_parcel(void *context, struct parcel *parcel)
{
    struct node *node = context;
    if (parcel->kind == RELAY_COMMANDS) {
        uint64_t start = uv_hrtime();
        node->engine_commands += relay_work((struct relay_batch *)parcel);
        node->engine_ns += uv_hrtime() - start;
        return;
    }
    CHECK(parcel->kind == NODE_STOPPED);
    mem_free(parcel);
    node_part_stopped(node);
}

static void post_to_all(struct node *node, enum node_parcel_kind kind)
{
    for (unsigned i = 0; i < node->place_count; i++)
        post(&node->places[i].worker.loop, kind, -1, NULL);
}

void node_shut_workers_down(struct node *node)
{
    post_to_all(node, NODE_SHUT_DOWN);
}

void node_describe_workers(struct node *node)
{
    post_to_all(node, NODE_DESCRIBE);
}

void node_tell_alarms(struct node *node, unsigned alarms)
{
    for (unsigned i = 0; i < node->place_count; i++) {
        struct worker *worker = &node->places[i].worker;
        if (!node->has_engine_loop) {
            worker_set_alarms(worker, alarms);
            continue;
        }
        struct node_parcel *parcel = mem_zalloc(sizeof *parcel);
        parcel->parcel.kind = NODE_ALARMS;
        parcel->alarms = alarms;
        loop_post(&worker->loop, &parcel->parcel);
    }
}

void node_tell_settings(struct node *node, const struct settings *settings)
{
    for (unsigned i = 0; i < node->place_count; i++) {
        struct worker *worker = &node->places[i].worker;
        if (!node->has_engine_loop) {
            worker_take_settings(worker, settings);
            continue;
        }
        struct settings_parcel *parcel = mem_zalloc(sizeof *parcel);
        parcel->parcel.kind = NODE_SETTINGS;
        parcel->settings = *settings;
        loop_post(&worker->loop, &parcel->parcel);
    }
}

/* --- the workers' hooks ---------------------------------------------------------------------- */

static void on_worker_end_tick(void *context)
{
    struct place *place = context;
    if (!place->node->has_engine_loop)
        node_begin_tick(place->node);
    worker_end_tick(&place->worker);
    if (!place->node->has_engine_loop)
        node_arrange_tick(place->node);
}

static void on_worker_timer(void *context)
{
    struct place *place = context;
    worker_on_timer(&place->worker);
    if (place->node->has_engine_loop)
        return;
    if (place->node->listeners != NULL)
        listeners_tick(place->node->listeners);
}

static void on_worker_stopped(struct worker *worker)
{
    struct place *place = (struct place *)worker;
    if (!place->node->has_engine_loop) {
        node_part_stopped(place->node);
        return;
    }
    post(place->node->main_loop, NODE_STOPPED, -1, NULL);
    loop_stop(&worker->loop);
}

void node_accept(void *context, int fd, const struct transport_options *options)
{
    struct node *node = context;
    struct place *place = &node->places[node->next_place];
    node->next_place = (node->next_place + 1) % node->place_count;
    if (node->has_engine_loop)
        post(&place->worker.loop, NODE_ADOPT, fd, options);
    else
        worker_adopt(&place->worker, fd, options);
}

/* --- life ------------------------------------------------------------------------------------ */

int node_start_worker(struct node *node, unsigned number)
{
    static const struct loop_hooks hooks = {on_worker_end_tick, on_worker_timer, on_worker_parcel};
    struct place *place = &node->places[number];
    const struct settings *settings = node->settings;
    /* A read goes behind what is left of the last one: less than a frame. */
    size_t buffer_bytes = (size_t)settings->read_buffer + settings->frame_max + FRAME_OVERHEAD;
    int status = loop_init(&place->worker.loop, number, buffer_bytes, &hooks, place);
    if (status < 0)
        return status;
    place->node = node;
    place->worker.on_stopped = on_worker_stopped;
    worker_init(&place->worker, settings);
    place->started = true;
    if (node->has_engine_loop) {
        relay_init(&place->relay, node->engine, &node->engine_loop, &place->worker.loop);
        place->worker.port = &place->relay.port;
    } else {
        local_init(&node->local, node->engine);
        place->worker.port = &node->local.port;
        node->main_loop = &place->worker.loop;
    }
    return 0;
}

void node_run_worker(void *place)
{
    loop_run(&((struct place *)place)->worker.loop);
}
