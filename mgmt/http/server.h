/* SPDX-License-Identifier: Apache-2.0
 *
 * server: HTTP/1.1 over TCP or TLS on one loop: listeners, and the connections that came by them.
 * Whatever clients do, they cost a bounded amount of memory and time: limits on heads, bodies,
 * connections and waits. RFC 9110, RFC 9112. Its loop's thread only, but for init and fini, before
 * the loop runs and after.
 */
#ifndef STOATMQ_MGMT_HTTP_SERVER_H
#define STOATMQ_MGMT_HTTP_SERVER_H

#include "mgmt/http/exchange.h"
#include "server/base/list.h"
#include "server/net/listener.h"
#include "server/net/transport.h"

struct http_limits {
    uint32_t connections_max;
    uint32_t head_bytes_max;
    uint32_t request_timeout_ms;    /* for a whole head, from its first octet */
    uint32_t idle_timeout_ms;       /* without a request, and for an answer that is not read */
    uint32_t inactivity_timeout_ms; /* for a whole body */
};

struct http_server;

/* A port, and who answers there. */
struct http_listener {
    struct listener listener; /* first */
    struct http_server *server;
    bool is_open;
    struct transport_options transport;
    const char *address;
    /* The head of a request has come. See exchange.h. */
    void (*handle)(void *context, struct http_exchange *exchange);
    void *context;
};

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    struct slice headers;    /* of every answer, each with its line's end; its owner's */
    struct list connections; /* struct http_connection.by_server */
    struct list touched;     /* struct http_connection.touched: to be written at the tick's end */
    uint32_t connection_count;
    uint64_t stop_by_ms; /* 0, or when connections that are left are dropped */
    void (*on_stopped)(void *context);
    void *context;
    uint64_t requests; /* served; only grows */
};

void http_server_init(struct http_server *server, struct loop *loop,
                      const struct http_limits *limits);

/* Listens; ADDRESS and what LISTENER's transport and handle name stay borrowed. 0 or a negative
 * errno. */
int http_listener_open(struct http_listener *listener, struct http_server *server,
                       const char *address, uint16_t port, unsigned backlog)
    __attribute__((warn_unused_result));

/* Accepts no more. */
void http_listener_close(struct http_listener *listener);

/* Loop hooks: the tick's end, and every LOOP_TIMER_MS. */
void http_server_end_tick(struct http_server *server);
void http_server_on_timer(struct http_server *server);

/* Closes what is idle now and the rest when it is answered, or after LIMIT_MS; then calls
 * ON_STOPPED. The listeners are closed by their owner. */
void http_server_stop(struct http_server *server, uint32_t limit_ms,
                      void (*on_stopped)(void *context), void *context);

#endif
