/* SPDX-License-Identifier: Apache-2.0
 *
 * node: the running broker: loops, listeners, engine and store, wired together, from start to stop.
 * The main thread's.
 */
#ifndef STOATMQ_SERVER_NODE_H
#define STOATMQ_SERVER_NODE_H

#include <stdbool.h>

#include "persist/commit_log.h"
#include "server/net/loop.h"
#include "server/settings.h"

struct alarms;
struct call;
struct engine;
struct listeners;
struct node;
struct worker;

/* What the outside view (the management) works with; lives as long as the node. */
struct node_view {
    const struct settings *settings;
    struct node *node;
    struct engine *engine; /* of engine_loop's thread: reached by loop_call */
    struct loop *engine_loop;
    struct listeners *listeners; /* of engine_loop's thread, when the node runs */
};

/* The outside view, which the node starts and stops and otherwise does not know. Any thread but its
 * own. */
struct node_hooks {
    void *context;
    /* Everything else is there and does not run yet. 0, or -1 with a text in ERROR: then it has
     * left nothing behind. */
    int (*start)(void *context, const struct node_view *view, char *error, size_t error_size);
    /* The node stops: ends what it has begun within some seconds, then sends STOPPED to the
     * engine's loop, and no call to anybody after that. */
    void (*stop)(void *context, struct call *stopped);
    /* The loops are gone; calls that they have sent may still be in its inbox. Only after start. */
    void (*free)(void *context);
};

/* Starts everything; NULL, with a text for people in ERROR, when something cannot be had. SETTINGS
 * stay borrowed. HOOKS, which is copied, may be NULL. */
struct node *node_new(const struct settings *settings, const struct node_hooks *hooks, char *error,
                      size_t error_size);

/* Serves until SIGINT or SIGTERM, or until the log cannot be written (false); then closes all
 * connections in an orderly way. */
bool node_run(struct node *node);

/* Has HANGUP called, on the main thread, when SIGHUP comes; before node_run. */
void node_on_hangup(struct node *node, void (*hangup)(void *context), void *context);

/* Goes on with SETTINGS, which are copied, as far as they are LIVE; from HANGUP. What was given to
 * node_new stays as it is, for other threads read it. */
void node_take_settings(struct node *node, const struct settings *settings);

/* The settings as they hold now. Main thread. */
const struct settings *node_settings(const struct node *node);

/* Reads certificates and keys anew, and takes what SETTINGS say of TLS, for connections to come.
 * What is no good is logged and stays as it was: false. Main thread. */
bool node_reload_certificates(struct node *node, const struct settings *settings);

/* Its workers, from 0 on; NULL: there is no such. Until node_free. */
struct worker *node_worker(struct node *node, unsigned number);

/* What the node listens on (listeners.h), until node_free. */
struct listeners *node_listeners(struct node *node);

/* Its alarms: what is on, and the last readings. Main thread. */
const struct alarms *node_alarms(const struct node *node);

/* What a node counts beside the engine. */
struct node_counters {
    struct loop_counters engine_loop; /* with one loop, its connections' work too */
    bool has_log;
    uint64_t messages, message_bytes;  /* that went to the log, once each, and their bodies */
    unsigned alarms;                   /* bits of enum alarm */
    uint64_t memory_limit, disk_limit; /* bytes: theirs */
    struct commit_log_counters log;
    struct keeper_counters keeper;
};

/* Counters as of now. The engine's thread. */
void node_count(struct node *node, struct node_counters *counters);

/* Frees a node that has run, or never did. */
void node_free(struct node *node);

#endif
