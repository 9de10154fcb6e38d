/* SPDX-License-Identifier: Apache-2.0
 *
 * engine: the model as a whole: vhosts, users, sessions. Commands in (engine_apply), effects out
 * (each session's sink), facts to the store. It never blocks, reads a clock or calls the system; it
 * belongs to one thread.
 */
#ifndef STOATMQ_EXCHANGE_ENGINE_H
#define STOATMQ_EXCHANGE_ENGINE_H

#include "exchange/command.h"
#include "exchange/counters.h"
#include "exchange/deque.h"
#include "exchange/store.h"
#include "exchange/user.h"
#include "server/base/env.h"
#include "server/base/list.h"
#include "server/base/map.h"

struct engine_config {
    const struct env *env;
    struct store *store;
    struct slice default_vhost, default_user, default_pass;
    bool default_user_loopback_only;
    uint32_t connection_max;           /* 0: no limit */
    uint32_t consumer_max_per_channel; /* 0: no limit */
    uint32_t route_cache_entries;
};

struct engine {
    const struct env *env;
    struct store *store;
    uint64_t durable_lsn;
    uint32_t connection_max;
    uint32_t connection_count; /* sessions that have opened a vhost */
    uint32_t consumer_max_per_channel;
    uint32_t route_cache_entries;
    struct map vhosts;
    struct map users;
    struct list sessions;
    struct list pending;        /* struct queue.pending: to be dispatched */
    struct list confirming;     /* struct confirms.due: channels whose publishes may be confirmed */
    struct map reply_consumers; /* direct reply-to: token -> channel */
    struct deque_pool blocks;
    uint64_t last_queue_id; /* the number given to a queue last */
    uint64_t sessions_opened;
    struct counters counters;
};

/* A new engine with the default vhost and user. CONFIG is read during the call; env and store stay
 * borrowed. */
struct engine *engine_new(const struct engine_config *config);

/* Frees the engine with all vhosts; all sessions must be closed. */
void engine_free(struct engine *engine);

/* Lets COMMAND happen, with all that follows from it. */
void engine_apply(struct engine *engine, const struct command *command);

/* Is so much on its way to the store that publishers should be held back? */
bool engine_is_full(const struct engine *engine);

/* The end of a tick: hands the batch to the store and sends the confirms that are due. */
void engine_end_tick(struct engine *engine);

/* Appends a readable summary of the state: counters, vhosts, queues, sessions; at most MAX_ROWS
 * rows a kind. */
void engine_describe(const struct engine *engine, struct buf *out, unsigned max_rows);

#endif
