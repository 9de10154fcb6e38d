/* SPDX-License-Identifier: Apache-2.0
 *
 * management: the outside view of a running node: a loop and thread of its own with the HTTP server
 * (API, dashboard, metrics). It reaches the engine and the workers by calls (loop_call) and owns
 * nothing of theirs. Made by main through the hooks of node.h.
 */
#ifndef STOATMQ_MGMT_MANAGEMENT_H
#define STOATMQ_MGMT_MANAGEMENT_H

#include "mgmt/api/authentication.h"
#include "mgmt/api/node_stats.h"
#include "mgmt/http/server.h"
#include "mgmt/snapshot/collector.h"
#include "server/node.h"

/* Its thread's, but for what node.h's hooks do before it runs and after. */
struct management {
    struct loop loop;
    const struct node_view *view;
    struct http_server server;
    struct buf headers, path_prefix; /* sites.h's */
    struct http_listener http, https, metrics;
    struct authentication authentication;
    struct collector collector;
    struct node_stats node_stats; /* as of the last sweep */
    uint64_t started_ns;
    bool collector_idle;
    uv_thread_t thread;
    unsigned imports;       /* of large definitions, so far */
    uint32_t open_requests; /* of the API, until they are answered */
    bool is_stopping, clients_gone;
    struct call *stopped; /* sent to the engine's loop when all is answered */
};

/* What main gives node_new; MANAGEMENT stays the caller's, until node_free. */
struct node_hooks management_hooks(struct management *management);

/* A request has its answer: maybe the last, while stopping. dispatch.c's. */
void management_request_ended(struct management *management);

#endif
