/* SPDX-License-Identifier: Apache-2.0
 *
 * engine: the model as a whole: vhosts, users, sessions. Commands in (engine_apply), effects out
 * (each session's sink), facts to the store. It never blocks, reads a clock or calls the system; it
 * belongs to one thread.
 */
#ifndef STOATMQ_EXCHANGE_ENGINE_H
#define STOATMQ_EXCHANGE_ENGINE_H

#include "exchange/command.h"
#include "exchange/consumer_timeout.h"
#include "exchange/counters.h"
#include "exchange/dead_letter.h"
#include "exchange/delay.h"
#include "exchange/deque.h"
#include "exchange/login.h"
#include "exchange/notice.h"
#include "exchange/registry.h"
#include "exchange/store.h"
#include "exchange/timers.h"
#include "exchange/user.h"
#include "server/base/env.h"
#include "server/base/list.h"
#include "server/base/map.h"

/* Bytes of commands and replies that may wait in held sessions before publishers are held back. */
#define ENGINE_HELD_MAX (8u * 1024 * 1024)

/* How many there may be of all vhosts together; 0: no limit. What is beyond it already stays. */
struct engine_maxima {
    uint32_t queues, exchanges, vhosts;
};

struct channel;

struct engine_config {
    const struct env *env;
    struct store *store;
    struct slice default_vhost, default_user, default_pass;
    struct slice node_name; /* copied */
    bool without_audit;     /* no line in the log of who changes what */
    bool with_log_exchange; /* the default vhost has amq.rabbitmq.log */
    /* May that user log in from the machine itself alone? NULL: nobody is bound so. */
    bool (*is_loopback_only)(void *context, struct slice user);
    void *context;
    uint32_t connection_max;           /* 0: no limit */
    uint32_t consumer_max_per_channel; /* 0: no limit */
    uint64_t consumer_timeout_ms;      /* 0: none */
    struct engine_maxima maxima;
    uint32_t route_cache_entries;
    uint64_t memory_watermark; /* bytes of waiting messages from which on they leave memory; 0:
                                  never */
};

struct engine {
    const struct env *env;
    struct store *store;
    uint64_t durable_lsn;
    uint64_t replied_lsn;  /* all replies that waited for no more than this have gone */
    uint64_t topology_lsn; /* of the last record about exchanges, queues and bindings */
    bool store_failed;     /* durable_lsn will never move again */
    bool tx_begins;        /* a transaction commits, and no record of it is appended yet */
    unsigned together;     /* engine_begin_together that have no end yet */
    uint32_t connection_max;
    uint32_t connection_count; /* sessions that have opened a vhost */
    uint32_t consumer_max_per_channel;
    struct engine_maxima maxima;
    uint32_t route_cache_entries;
    bool (*is_loopback_only)(void *context, struct slice user);
    void *context;
    struct map vhosts;
    struct map users;
    uint64_t access_generation; /* grows when anything about users, vhosts or permissions changes */
    struct list sessions;
    struct login_sources login_sources;
    struct list global_parameters; /* struct parameter.by_name */
    struct list pending;           /* struct queue.pending: to be dispatched */
    struct list confirming;    /* struct confirms.due: channels whose publishes may be confirmed */
    struct list durable_waits; /* struct durable_wait.by_engine */
    struct list holding;       /* struct session.by_holder: those with replies that wait */
    struct list released;      /* struct session.by_holder: to be gone on with */
    uint64_t held_bytes;       /* of commands and replies that wait, messages included */
    struct dead_letters dead_letters; /* to be sent at the end of the command */
    struct notices notices;           /* likewise */
    struct delays delays;
    struct slice default_vhost, node_name; /* owned */
    struct exchange *event_exchange; /* amq.rabbitmq.event; NULL while there is no default vhost */
    struct exchange *log_exchange;   /* amq.rabbitmq.log, or NULL */
    bool tells_events;               /* not yet, while what an earlier run left is restored */
    bool without_audit, with_log_exchange;
    const struct session *acting; /* whose command is being applied, or NULL */
    struct slice acting_user;     /* who else changes something; empty: nobody, the broker */
    struct timers timers;
    uint64_t wall_ms;    /* what the clock said last, */
    uint64_t wall_at_ms; /* and when that was by env.now_ms (engine_wall_ms) */
    struct consumer_timeouts timeouts;
    struct map reply_consumers; /* direct reply-to: token -> channel */
    struct deque_pool blocks;
    struct registry registries[REGISTRY_KIND_COUNT];
    struct registry_observer *observer; /* or NULL */
    uint64_t queue_declares;            /* answered by queue.declare-ok, new or not */

    uint64_t memory_watermark;
    struct list backlogs;   /* struct paging.backlog: queues of which blocks may leave memory */
    struct list fetching;   /* struct paging.fetch: the store has been asked for messages */
    struct list unreadable; /* struct paging.fetch: asked for again at read_again_ms */
    uint64_t read_again_ms;
    uint64_t routed_before; /* counters.messages_routed at the end of the last tick */
    bool is_evicting;       /* until well below the watermark */
    bool wants_tick;        /* there is more to do: another tick is to come at once */

    uint64_t last_queue_id; /* the number given to a queue last */
    uint64_t sessions_opened;
    struct counters counters;
};

/* A new engine with the default vhost and user. CONFIG is read during the call; env and store stay
 * borrowed. */
struct engine *engine_new(const struct engine_config *config);

/* Frees the engine with all vhosts; all sessions must be closed. */
void engine_free(struct engine *engine);

/* Other limits from now on, as in engine_config; what is beyond them already stays. */
void engine_set_limits(struct engine *engine, uint32_t connection_max,
                       uint32_t consumer_max_per_channel, uint64_t memory_watermark);

/* Lets COMMAND happen, with all that follows from it. */
void engine_apply(struct engine *engine, const struct command *command);

/* Closes SESSION's connection with ERROR (connection.close), unless it is closed or closing. */
void engine_close_session(struct session *session, const struct reply_error *error);

/* The same for CHANNEL, by channel.close. */
void engine_close_channel(struct channel *channel, const struct reply_error *error);

/* SESSION is with its vhost no more; that is about to go. */
void engine_leave_vhost(struct session *session);

/* To be called when something has changed otherwise than by a command: queues that may deliver now
 * do, and sessions that were released go on. */
void engine_end_change(struct engine *engine);

/* Appends RECORD to the store; returns its LSN, or 0 when there is nothing to wait for. */
uint64_t engine_append(struct engine *engine, const struct store_record *record);

/* Somebody who is no session waits for the store. Embedded in its owner, who keeps it until done is
 * called. */
struct durable_wait {
    struct list_node by_engine;
    uint64_t lsn;
    bool failed; /* at done: the store failed before it got there, and never will */
    void (*done)(struct durable_wait *wait); /* must not apply commands */
};

/* Has WAIT's done called when the store is durable up to LSN: during this call, when that is so
 * already (always, for 0) or the store has failed; else at the end of a tick. */
void engine_when_durable(struct engine *engine, uint64_t lsn, struct durable_wait *wait);

/* Milliseconds since 1970. Asks the clock once in a millisecond of env.now_ms. */
static inline uint64_t engine_wall_ms(struct engine *engine)
{
    const struct env *env = engine->env;
    uint64_t now_ms = env->now_ms(env->context);
    if (engine->wall_ms == 0 || now_ms != engine->wall_at_ms) {
        engine->wall_ms = env->wall_ms(env->context);
        engine->wall_at_ms = now_ms;
    }
    return engine->wall_ms;
}

/* When the next tick is to come at the latest, by env.now_ms; TIMER_NEVER: when there are events.
 */
static inline uint64_t engine_next_tick_ms(const struct engine *engine)
{
    return timers_next(&engine->timers);
}

/* Is so much on its way to the store, or waiting for it, that publishers should be held back? */
bool engine_is_full(const struct engine *engine);

/* The end of a tick: takes what was read from the store, hands the batch to it, sends the confirms
 * and replies that are due, goes on with the sessions that were held for these, and lets messages
 * leave memory where they take too much. When wants_tick is set then, the next tick should come
 * without waiting for events. */
void engine_end_tick(struct engine *engine);

/* The store has failed and will never be durable further. Nothing that waits for it is answered any
 * more; to be called before clients are asked to go, so that nothing of theirs waits. */
void engine_store_failed(struct engine *engine);

/* The store has no room: publishers are told that what waits for it is not confirmed (basic.nack).
 * It may become durable later all the same. */
void engine_refuse_waiting(struct engine *engine);

/* The broker ends in order: tells the store of each durable queue what was never delivered. All
 * sessions are closed. */
void engine_stop(struct engine *engine);

/* Appends a readable summary of the state: counters, vhosts, queues, sessions; at most MAX_ROWS
 * rows a kind. */
void engine_describe(const struct engine *engine, struct buf *out, unsigned max_rows);

#endif
