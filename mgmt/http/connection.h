/* SPDX-License-Identifier: Apache-2.0
 *
 * connection: one client of the HTTP server: reads requests, one at a time, and writes answers. For
 * the server's own files: server.c, connection.c (in), exchange.c (what handlers call) and reply.c
 * (out). Its server's thread only.
 */
#ifndef STOATMQ_MGMT_HTTP_CONNECTION_H
#define STOATMQ_MGMT_HTTP_CONNECTION_H

#include "mgmt/http/parser.h"
#include "mgmt/http/server.h"

enum http_phase {
    HTTP_OPENING,   /* the transport is not open yet */
    HTTP_IDLE,      /* waits for the first octet of a request */
    HTTP_HEADING,   /* waits for the rest of its head */
    HTTP_DECIDING,  /* the handler has the head; nothing is read */
    HTTP_RECEIVING, /* waits for the rest of the body */
    HTTP_ANSWERING, /* the handler has the request; nothing is read */
    HTTP_WRITING,   /* the answer goes out; nothing is read */
    HTTP_SKIPPING,  /* the answer goes out, and the body that nobody wanted comes in and is dropped
                     */
    HTTP_LINGERING, /* the answer has gone; what comes in is dropped until the client closes */
    HTTP_CLOSED,    /* waits for the loop to let go of the socket */
};

struct http_connection {
    struct transport transport; /* first */
    struct http_server *server;
    struct http_listener *listener;
    struct list_node by_server, touched;
    enum http_phase phase;
    uint64_t deadline_ms;           /* of this phase; UINT64_MAX: none */
    struct http_exchange *exchange; /* NULL when idle */
    struct buf tail;                /* input behind the request in progress */
    struct output output;
    bool keeps_alive; /* after the answer in progress */
    bool is_parsing;  /* on the stack: an answer given meanwhile does not begin the next request */
};

struct http_exchange {
    struct http_connection *connection; /* NULL: the client has gone */
    struct http_parser parser;
    union address peer;
    bool is_secure;
    bool has_handler; /* the handler has seen it: it ends with an answer */
    bool wants_body;  /* on_body is due */
    bool is_answered; /* and still here, for a body that is skipped */
    void *context;
    void (*on_body)(void *context);
    void (*abandoned)(void *context);
};

/* Takes FD. */
void http_connection_new(struct http_listener *listener, int fd);

/* Drops the client at once; an exchange in progress goes on without it. */
void http_connection_drop(struct http_connection *connection);

/* Writes what is to be written; at the tick's end. */
void http_connection_flush(struct http_connection *connection);

/* Looks at the time limits. */
void http_connection_on_timer(struct http_connection *connection);

/* Is nothing asked or being answered? */
bool http_connection_is_idle(const struct http_connection *connection);

/* Goes on with the body, as http_take_body has been called. */
void http_connection_receive(struct http_connection *connection);

/* May the connection serve another request behind the one that is answered now? */
bool http_connection_may_stay(const struct http_connection *connection);

/* The answer is in the output, and the exchange gone. */
void http_connection_answered(struct http_connection *connection);

/* In HTTP_WRITING: the next request may begin, when not too much waits to be written. */
void http_connection_next(struct http_connection *connection);

/* Has the connection flushed at the tick's end. */
void http_connection_touch(struct http_connection *connection);

/* Answers STATUS to a request that is no request, and closes then. */
void http_connection_refuse(struct http_connection *connection, int status);

/* Frees an exchange. */
void http_exchange_free(struct http_exchange *exchange);

/* Puts an answer without a handler into the output. */
void http_reply_status(struct http_connection *connection, int status);

/* A connection has been dropped: maybe the last, while stopping. */
void http_server_connection_gone(struct http_server *server);

#endif
