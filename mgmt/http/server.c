/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/http/server.h"

#include <unistd.h>

#include "mgmt/http/connection.h"
#include "server/base/check.h"

void http_server_init(struct http_server *server, struct loop *loop,
                      const struct http_limits *limits)
{
    *server = (struct http_server){.loop = loop, .limits = *limits};
    list_init(&server->connections);
    list_init(&server->touched);
}

static void on_accept(void *context, int fd)
{
    http_connection_new(context, fd);
}

int http_listener_open(struct http_listener *listener, struct http_server *server,
                       const char *address, uint16_t port, unsigned backlog)
{
    listener->server = server;
    listener->address = address;
    listener->listener.on_accept = on_accept;
    listener->listener.context = listener;
    int status = listener_open(&listener->listener, server->loop, address, port, backlog);
    listener->is_open = status == 0;
    return status;
}

void http_listener_close(struct http_listener *listener)
{
    if (listener->is_open)
        listener_close(&listener->listener);
    listener->is_open = false;
}

void http_server_end_tick(struct http_server *server)
{
    for (struct list_node *node; (node = list_pop(&server->touched)) != NULL;)
        http_connection_flush(LIST_ENTRY(node, struct http_connection, touched));
}

/* Drops all, or those that are idle. */
static void drop_connections(struct http_server *server, bool idle_only)
{
    list_for_each_safe (it, &server->connections) {
        struct http_connection *connection = LIST_ENTRY(it, struct http_connection, by_server);
        if (!idle_only || http_connection_is_idle(connection))
            http_connection_drop(connection);
    }
}

void http_server_on_timer(struct http_server *server)
{
    list_for_each_safe (it, &server->connections)
        http_connection_on_timer(LIST_ENTRY(it, struct http_connection, by_server));
    if (server->stop_by_ms == 0)
        return;
    bool is_late = loop_now_ms(server->loop) >= server->stop_by_ms;
    drop_connections(server, !is_late);
}

void http_server_connection_gone(struct http_server *server)
{
    if (server->connection_count > 0 || server->on_stopped == NULL)
        return;
    void (*on_stopped)(void *context) = server->on_stopped;
    server->on_stopped = NULL;
    on_stopped(server->context);
}

void http_server_stop(struct http_server *server, uint32_t limit_ms,
                      void (*on_stopped)(void *context), void *context)
{
    server->stop_by_ms = loop_now_ms(server->loop) + limit_ms;
    server->on_stopped = on_stopped;
    server->context = context;
    drop_connections(server, true);
    http_server_connection_gone(server);
}
