/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. What is read goes through the parser of the exchange in progress; it stops behind
 * the head (the handler decides) and behind the request. Input behind that waits in `tail`, at most
 * one read's worth, for nothing is read meanwhile: the next request begins when the answer is in
 * the output and most of that has gone. A handler may answer from within http_take_body or from
 * within its handle, that is while parse() is on the stack (is_parsing): then parse() goes on with
 * the tail, instead of the answer beginning a parse() of its own.
 */
#include "mgmt/http/connection.h"

#include <errno.h>
#include <unistd.h>

#include "server/base/check.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define LINGER_MS         2000
#define OUTPUT_BYTES_WAIT (256u * 1024) /* of answers that are not read: no further request */
#define SKIP_BYTES_MAX    65536 /* of a body that nobody wants; with more, the client is left */

static const struct http_limits *limits_of(const struct http_connection *connection)
{
    return &connection->server->limits;
}

static void set_deadline(struct http_connection *connection, uint32_t in_ms)
{
    connection->deadline_ms = loop_now_ms(connection->server->loop) + in_ms;
}

/* What is wished for in each phase. */
static void set_wish(struct http_connection *connection)
{
    int wish = 0;
    switch (connection->phase) {
    case HTTP_IDLE:
    case HTTP_HEADING:
    case HTTP_RECEIVING:
    case HTTP_SKIPPING:
    case HTTP_LINGERING:
        wish = UV_READABLE;
        break;
    case HTTP_OPENING:
    case HTTP_CLOSED:
        return;
    case HTTP_DECIDING:
    case HTTP_ANSWERING:
    case HTTP_WRITING:
        break;
    }
    if (connection->output.bytes > 0)
        wish |= UV_WRITABLE;
    transport_wish(&connection->transport, wish);
}

static void move(struct http_connection *connection, enum http_phase phase)
{
    const struct http_limits *limits = limits_of(connection);
    if (connection->phase == phase)
        return;
    connection->phase = phase;
    switch (phase) {
    case HTTP_IDLE:
    case HTTP_WRITING:
    case HTTP_SKIPPING:
        set_deadline(connection, limits->idle_timeout_ms);
        break;
    case HTTP_HEADING:
        set_deadline(connection, limits->request_timeout_ms);
        break;
    case HTTP_RECEIVING:
        set_deadline(connection, limits->inactivity_timeout_ms);
        break;
    case HTTP_LINGERING:
        set_deadline(connection, LINGER_MS);
        break;
    case HTTP_OPENING:
    case HTTP_DECIDING:
    case HTTP_ANSWERING:
    case HTTP_CLOSED:
        connection->deadline_ms = UINT64_MAX;
        break;
    }
    set_wish(connection);
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_closed(struct transport *transport)
{
    mem_free(transport);
}

void http_connection_drop(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (connection->phase == HTTP_CLOSED)
        return;
    connection->phase = HTTP_CLOSED;
    if (connection->exchange != NULL) {
        struct http_exchange *exchange = connection->exchange;
        exchange->connection = NULL;
        connection->exchange = NULL;
        if (exchange->wants_body) {
            exchange->wants_body = false;
            exchange->abandoned(exchange->context);
            http_exchange_free(exchange);
        } else if (!exchange->has_handler || exchange->is_answered) {
            http_exchange_free(exchange);
        }
    }
    output_fini(&connection->output);
    buf_fini(&connection->tail);
    list_remove(&connection->by_server);
    if (list_node_is_linked(&connection->touched))
        list_remove(&connection->touched);
    server->connection_count--;
    transport_close(&connection->transport, on_closed);
    http_server_connection_gone(server);
}

bool http_connection_is_idle(const struct http_connection *connection)
{
    return connection->phase == HTTP_IDLE && connection->output.bytes == 0;
}

void http_connection_touch(struct http_connection *connection)
{
    if (!list_node_is_linked(&connection->touched) && connection->phase != HTTP_CLOSED)
        list_append(&connection->server->touched, &connection->touched);
}

/* --- in -------------------------------------------------------------------------------------- */

static struct http_exchange *begin_exchange(struct http_connection *connection)
{
    struct http_exchange *exchange = mem_zalloc(sizeof *exchange);
    union address own;
    exchange->connection = connection;
    http_parser_init(&exchange->parser, limits_of(connection)->head_bytes_max);
    transport_addresses(&connection->transport, &exchange->peer, &own);
    exchange->is_secure = connection->transport.tls != NULL;
    connection->exchange = exchange;
    move(connection, HTTP_HEADING);
    return exchange;
}

/* The head is whole: the handler has its say. */
static void on_head(struct http_connection *connection, struct http_exchange *exchange)
{
    move(connection, HTTP_DECIDING);
    connection->keeps_alive = http_parser_keeps_alive(&exchange->parser) &&
                              connection->server->stop_by_ms == 0;
    connection->server->requests++;
    exchange->has_handler = true;
    connection->listener->handle(connection->listener->context, exchange);
}

static void on_whole(struct http_connection *connection, struct http_exchange *exchange)
{
    if (!exchange->wants_body) { /* skipped: the answer has been given */
        http_exchange_free(exchange);
        connection->exchange = NULL;
        move(connection, HTTP_WRITING);
        return;
    }
    exchange->wants_body = false;
    move(connection, HTTP_ANSWERING);
    exchange->on_body(exchange->context);
}

static void on_broken(struct http_connection *connection, struct http_exchange *exchange)
{
    int status = exchange->parser.status;
    if (connection->phase == HTTP_SKIPPING) { /* the answer has been given; there is no other */
        connection->keeps_alive = false;
        http_exchange_free(exchange);
        connection->exchange = NULL;
        move(connection, HTTP_WRITING);
        return;
    }
    http_connection_refuse(connection, status);
}

/* May input be parsed in this phase? */
static bool may_parse(const struct http_connection *connection)
{
    return connection->phase == HTTP_IDLE || connection->phase == HTTP_HEADING ||
           connection->phase == HTTP_RECEIVING || connection->phase == HTTP_SKIPPING;
}

/* Empty lines before a request are passed over (RFC 9112 section 2.2). */
static size_t empty_lines(struct slice input)
{
    size_t size = 0;
    while (size < input.size && (input.data[size] == '\r' || input.data[size] == '\n'))
        size++;
    return size;
}

/* Parses INPUT as far as this phase, or those that come of it, allow; how much is used up. */
static size_t parse(struct http_connection *connection, struct slice input)
{
    size_t at = 0;
    if (input.data == NULL)
        input.data = (const uint8_t *)""; /* to which C allows zero to be added */
    connection->is_parsing = true;
    while (may_parse(connection)) {
        struct slice rest = slice_of(input.data + at, input.size - at);
        size_t used = 0;
        struct http_exchange *exchange = connection->exchange;
        if (exchange == NULL) {
            size_t skipped = empty_lines(rest);
            at += skipped;
            rest = slice_of(rest.data + skipped, rest.size - skipped);
            if (rest.size == 0)
                break;
            exchange = begin_exchange(connection);
        }
        enum http_progress progress = http_parser_feed(&exchange->parser, rest, &used);
        at += used;
        if (progress == HTTP_FEED_MORE)
            break;
        if (progress == HTTP_FEED_HEAD)
            on_head(connection, exchange);
        else if (progress == HTTP_FEED_WHOLE)
            on_whole(connection, exchange);
        else
            on_broken(connection, exchange);
        if (connection->phase == HTTP_WRITING)
            http_connection_next(connection);
    }
    connection->is_parsing = false;
    return at;
}

/* Parses what waits in the tail. */
static void parse_tail(struct http_connection *connection)
{
    if (connection->is_parsing)
        return;
    struct buf input = connection->tail;
    connection->tail = (struct buf){0};
    size_t used = parse(connection, buf_slice(&input));
    if (connection->phase != HTTP_CLOSED && used < input.size)
        buf_bytes(&connection->tail, slice_of(input.data + used, input.size - used));
    buf_fini(&input);
}

/* The answer is in the output. When not too much waits there, the next request may come. */
void http_connection_next(struct http_connection *connection)
{
    CHECK(connection->phase == HTTP_WRITING && connection->exchange == NULL);
    if (connection->keeps_alive && connection->output.bytes < OUTPUT_BYTES_WAIT)
        move(connection, HTTP_IDLE);
}

void http_connection_receive(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    size_t announced = http_parser_body_announced(&exchange->parser);
    if (announced != SIZE_MAX && announced > exchange->parser.body_max) {
        http_connection_refuse(connection, 413);
        return;
    }
    if (announced > 0 && http_parser_expects_continue(&exchange->parser)) {
        output_copy(&connection->output, SLICE_LITERAL("HTTP/1.1 100 Continue\r\n\r\n"));
        http_connection_touch(connection);
    }
    move(connection, HTTP_RECEIVING);
    parse_tail(connection); /* also when it is empty: the parser has to see that there is no body */
}

/* Is a body to come that nobody has asked for? */
static bool has_unread_body(const struct http_exchange *exchange)
{
    return !exchange->parser.is_complete && http_parser_body_announced(&exchange->parser) > 0;
}

bool http_connection_may_stay(const struct http_connection *connection)
{
    const struct http_exchange *exchange = connection->exchange;
    if (!connection->keeps_alive || connection->server->stop_by_ms != 0)
        return false;
    return !has_unread_body(exchange) ||
           (http_parser_body_announced(&exchange->parser) <= SKIP_BYTES_MAX &&
            !http_parser_expects_continue(&exchange->parser));
}

void http_connection_answered(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    http_connection_touch(connection);
    if (connection->keeps_alive && has_unread_body(exchange)) {
        exchange->is_answered = true;
        exchange->parser.discards_body = true;
        exchange->parser.body_max = SKIP_BYTES_MAX;
        move(connection, HTTP_SKIPPING);
        parse_tail(connection);
        return;
    }
    connection->exchange = NULL;
    http_exchange_free(exchange);
    move(connection, HTTP_WRITING);
    if (!connection->is_parsing) {
        http_connection_next(connection);
        parse_tail(connection);
    }
}

void http_connection_refuse(struct http_connection *connection, int status)
{
    struct http_exchange *exchange = connection->exchange;
    connection->keeps_alive = false;
    if (exchange != NULL && exchange->wants_body) {
        exchange->wants_body = false;
        exchange->abandoned(exchange->context);
    }
    http_reply_status(connection, status);
    if (exchange != NULL) {
        connection->exchange = NULL;
        http_exchange_free(exchange);
    }
    http_connection_touch(connection);
    move(connection, HTTP_WRITING);
}

/* The client will send no more. What it has asked for it still gets. */
static void on_end(struct http_connection *connection)
{
    if (connection->phase == HTTP_RECEIVING || connection->phase == HTTP_HEADING ||
        connection->phase == HTTP_LINGERING || connection->output.bytes == 0) {
        http_connection_drop(connection);
        return;
    }
    connection->keeps_alive = false;
    if (connection->exchange != NULL) {
        http_exchange_free(connection->exchange);
        connection->exchange = NULL;
    }
    move(connection, HTTP_WRITING);
}

static void on_readable(struct http_connection *connection)
{
    struct loop *loop = connection->server->loop;
    struct iovec part = {loop->read_buffer, loop->read_buffer_bytes};
    ssize_t bytes = transport_read(&connection->transport, &part, 1);
    if (bytes == -EAGAIN || bytes == -EINTR)
        return;
    if (bytes == 0) {
        on_end(connection);
        return;
    }
    if (bytes < 0) {
        http_connection_drop(connection);
        return;
    }
    if (connection->phase == HTTP_LINGERING)
        return;
    struct slice input = slice_of(loop->read_buffer, (size_t)bytes);
    CHECK(connection->tail.size == 0);
    size_t used = parse(connection, input);
    if (connection->phase != HTTP_CLOSED && used < input.size)
        buf_bytes(&connection->tail, slice_of(input.data + used, input.size - used));
}

/* --- out, and time --------------------------------------------------------------------------- */

void http_connection_flush(struct http_connection *connection)
{
    size_t before = connection->output.bytes;
    if (!transport_is_open(&connection->transport))
        return;
    if (transport_write(&connection->transport, &connection->output) < 0) {
        http_connection_drop(connection);
        return;
    }
    if (connection->phase == HTTP_WRITING || connection->phase == HTTP_SKIPPING) {
        if (connection->output.bytes < before)
            set_deadline(connection, limits_of(connection)->idle_timeout_ms);
        if (connection->phase == HTTP_WRITING && connection->keeps_alive) {
            http_connection_next(connection);
            parse_tail(connection);
        } else if (connection->phase == HTTP_WRITING && connection->output.bytes == 0) {
            transport_shut(&connection->transport);
            buf_fini(&connection->tail);
            move(connection, HTTP_LINGERING);
        }
    }
    if (connection->phase != HTTP_CLOSED)
        set_wish(connection);
}

static void on_ready(struct transport *transport, int events)
{
    struct http_connection *connection = (struct http_connection *)transport;
    if ((events & (WATCH_FAILED | UV_DISCONNECT)) != 0) {
        http_connection_drop(connection);
        return;
    }
    if ((events & UV_WRITABLE) != 0)
        http_connection_touch(connection);
    if ((events & UV_READABLE) != 0)
        on_readable(connection);
}

static void on_opened(struct transport *transport)
{
    move((struct http_connection *)transport, HTTP_IDLE);
}

static void on_failed(struct transport *transport, const char *reason)
{
    (void)reason; /* it is in the log */
    http_connection_drop((struct http_connection *)transport);
}

/* Makes room for one more by closing who has been idle for longest; false when nobody is. */
static bool make_room(struct http_server *server)
{
    struct http_connection *oldest = NULL;
    list_for_each (it, &server->connections) {
        struct http_connection *one = LIST_ENTRY(it, struct http_connection, by_server);
        if (http_connection_is_idle(one) &&
            (oldest == NULL || one->deadline_ms < oldest->deadline_ms))
            oldest = one;
    }
    if (oldest != NULL)
        http_connection_drop(oldest);
    return oldest != NULL;
}

void http_connection_new(struct http_listener *listener, int fd)
{
    static const struct transport_hooks hooks = {on_opened, on_ready, on_failed};
    struct http_server *server = listener->server;
    if (server->connection_count >= server->limits.connections_max && !make_room(server)) {
        log_warning("http_connection_refused", LOG_STR("reason", "too many connections"),
                    LOG_NUM("connections", server->connection_count));
        close(fd);
        return;
    }
    struct http_connection *connection = mem_zalloc(sizeof *connection);
    connection->server = server;
    connection->listener = listener;
    connection->deadline_ms = UINT64_MAX;
    output_init(&connection->output, &server->loop->chunks);
    list_append(&server->connections, &connection->by_server);
    server->connection_count++;
    int status = transport_start(&connection->transport, server->loop, fd, &listener->transport,
                                 &hooks);
    if (status < 0) {
        list_remove(&connection->by_server);
        server->connection_count--;
        mem_free(connection);
    }
}

void http_connection_on_timer(struct http_connection *connection)
{
    if (connection->phase == HTTP_OPENING) {
        transport_on_timer(&connection->transport);
        return;
    }
    if (loop_now_ms(connection->server->loop) < connection->deadline_ms)
        return;
    if (connection->phase == HTTP_HEADING || connection->phase == HTTP_RECEIVING) {
        http_connection_refuse(connection, 408);
        return;
    }
    http_connection_drop(connection);
}
