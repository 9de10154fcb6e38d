/* SPDX-License-Identifier: Apache-2.0
 *
 * node_parts: what the node's files share. The main thread's, unless it says otherwise.
 */
#ifndef STOATMQ_SERVER_NODE_PARTS_H
#define STOATMQ_SERVER_NODE_PARTS_H

#include "persist/storage.h"
#include "server/alarms.h"
#include "server/local.h"
#include "server/log_exchange.h"
#include "server/node.h"
#include "server/relay.h"
#include "server/worker.h"

/* A worker and what is its own. */
struct place {
    struct worker worker; /* first */
    struct node *node;
    struct relay relay; /* with an engine thread */
    uv_thread_t thread;
    bool started;
};

/* What the outside view sends when it is done. */
struct outside_stopped {
    struct call call; /* first */
    struct node *node;
};

struct node {
    const struct settings *settings; /* the caller's, or fresh_settings */
    struct settings fresh_settings;  /* what node_take_settings brought */
    struct env env;
    struct engine *engine;
    struct store_ram ram;
    struct storage storage; /* when settings->store_log */
    bool has_storage;
    bool store_failed;
    struct local local;      /* with one loop */
    struct loop engine_loop; /* with more */
    struct loop *main_loop;  /* the one of the two that is in use */
    bool has_engine_loop;
    bool has_signals;
    struct place *places;
    unsigned place_count, next_place;
    struct listeners *listeners;
    uv_signal_t on_int, on_term, on_usr1, on_hup;
    void (*hangup)(void *context);
    void *hangup_context;
    bool stopping;
    struct node_hooks outside; /* all NULL: nobody */
    struct node_view view;
    struct outside_stopped outside_stopped;
    bool outside_started;
    unsigned running_count; /* workers and the outside view that have not stopped */
    struct log_exchange log_exchange;
    struct alarms alarms;
    uv_timer_t alarm_timer, flush_timer, engine_timer;
    uint64_t engine_due_ms; /* what engine_timer is set to */
    bool has_timers;
    unsigned alarms_told;                /* to the workers */
    uint64_t engine_ns, engine_commands; /* time spent in batches of commands, and their number */
};

/* --- node.c ---------------------------------------------------------------------------------- */

/* Begins to stop: no more connections, those there are get closed. */
void node_stop(struct node *node, const char *reason);

/* A worker or the outside view has stopped. */
void node_part_stopped(struct node *node);

/* --- node_workers.c: the loops that have the connections ------------------------------------- */

/* Makes worker NUMBER; 0, or libuv's error. */
int node_start_worker(struct node *node, unsigned number);

/* The thread of a worker, with an engine thread. */
void node_run_worker(void *place);

/* A listener's new connection, for the worker whose turn it is. */
void node_accept(void *context, int fd, const struct transport_options *options);

/* To all workers: to shut down, to log what they have, which alarms are on, other settings. */
void node_shut_workers_down(struct node *node);
void node_describe_workers(struct node *node);
void node_tell_alarms(struct node *node, unsigned alarms);
void node_tell_settings(struct node *node, const struct settings *settings);

/* What the engine's loop got from a worker. */
void node_on_engine_parcel(void *context, struct parcel *parcel);

/* --- node_tick.c: what is done from turn to turn --------------------------------------------- */

/* The hooks of the loop that has the engine alone. */
extern const struct loop_hooks node_engine_hooks;

/* The beginning and the end of a tick, where a worker's loop has the engine too. */
void node_begin_tick(struct node *node);
void node_arrange_tick(struct node *node);

/* Makes the node's timers, and looks for alarms for the first time: one may be on before there is a
 * client. */
void node_start_timers(struct node *node);
void node_stop_timers(struct node *node);

/* Looks for alarms now, and again from time to time. */
void node_look_for_alarms(struct node *node);

/* --- node_signals.c -------------------------------------------------------------------------- */

void node_start_signals(struct node *node);
void node_stop_signals(struct node *node);

#endif
