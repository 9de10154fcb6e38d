/* SPDX-License-Identifier: Apache-2.0 */
#include "server/connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "exchange/session.h"
#include "server/alarms.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define LINGER_MS   3000  /* how long we wait for a client to close after us */
#define CLOSE_OK_MS 10000 /* how long we wait for close-ok */
#define DIRECT_READ_MIN \
    8192 /* rest of a body frame that is worth reading straight into its message */
/* What is read at once while an alarm is on: what comes behind a publish has to be kept. */
#define ALARM_READ_BYTES 8192
#define OUTPUT_PAUSES_AT 4 /* times the output limit: replies nobody reads; then input waits */

static void on_opened(struct transport *transport);
static void on_ready(struct transport *transport, int events);
static void on_failed(struct transport *transport, const char *reason);

static const struct transport_hooks hooks = {on_opened, on_ready, on_failed};

static struct connection *connection_of(struct transport *transport)
{
    return (struct connection *)(void *)transport;
}

static void update_watch(struct connection *connection);

/* --- beginning and end ----------------------------------------------------------------------- */

static void free_when_over(struct connection *connection)
{
    if (!connection->socket_closed || !connection->session_gone)
        return;
    for (uint32_t i = 0; i < connection->line_capacity; i++)
        if (connection->lines[i] != NULL)
            connection_free_line(connection, connection->lines[i]);
    list_remove(&connection->by_worker);
    connection->worker->connection_count--;
    connection->worker->counters.connections_closed++;
    mem_free(connection->lines);
    buf_fini(&connection->tail);
    mem_free(connection);
}

static void open_session(struct connection *connection)
{
    char peer[ADDRESS_TEXT_BYTES], own[ADDRESS_TEXT_BYTES], name[2 * ADDRESS_TEXT_BYTES + 8];
    union address peer_address, own_address;
    transport_addresses(&connection->transport, &peer_address, &own_address);
    address_text(&peer_address, peer);
    address_text(&own_address, own);
    snprintf(name, sizeof name, "%s -> %s", peer, own);
    log_debug("connection_accepted", LOG_STR("connection", name));
    const struct worker *worker = connection->worker;
    connection->session = session_new();
    connection->session_gone = false;
    connection_apply(
        connection,
        &(struct command){.kind = COMMAND_SESSION_OPEN,
                          .open = {.sink = worker->port->sink,
                                   .connection = connection,
                                   .name = slice_from_string(name),
                                   .from_loopback = address_is_loopback(&peer_address),
                                   .is_tls = connection->transport.tls != NULL,
                                   .unwritten_max = worker->settings->output_buffer_limit}});
}

static void on_opened(struct transport *transport)
{
    struct connection *connection = connection_of(transport);
    connection->phase = CONNECTION_HEADER;
    connection->opened_ms = connection->read_ms = connection->written_ms = loop_now_ms(
        &connection->worker->loop);
    open_session(connection);
    update_watch(connection);
}

static void on_failed(struct transport *transport, const char *reason)
{
    connection_drop(connection_of(transport), reason);
}

void connection_new(struct worker *worker, int fd, const struct transport_options *options)
{
    struct connection *connection = mem_zalloc(sizeof *connection);
    int on = worker->settings->tcp_nodelay;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->worker = worker;
    connection->session_gone = true;
    connection->frame_max = worker->settings->initial_frame_max;
    output_init(&connection->output, &worker->loop.chunks);
    list_append(&worker->connections, &connection->by_worker);
    worker->connection_count++;
    int status = transport_start(&connection->transport, &worker->loop, fd, options, &hooks);
    if (status < 0) {
        log_error("connection_refused", LOG_STR("reason", uv_strerror(status)));
        connection->phase = CONNECTION_DEAD;
        connection->socket_closed = true;
        free_when_over(connection);
    }
}

void connection_session_gone(struct connection *connection)
{
    connection->session_gone = true;
    connection->session = NULL;
    free_when_over(connection);
}

static void on_socket_closed(struct transport *transport)
{
    struct connection *connection = connection_of(transport);
    connection->socket_closed = true;
    free_when_over(connection);
}

static void forget_block(struct connection *connection)
{
    connection->worker->blocked_count -= connection->blocked;
    connection->blocked = false;
}

void connection_drop(struct connection *connection, const char *reason)
{
    if (connection->phase == CONNECTION_DEAD)
        return;
    connection->phase = CONNECTION_DEAD;
    forget_block(connection);
    if (list_node_is_linked(&connection->touched))
        list_remove(&connection->touched);
    if (list_node_is_linked(&connection->held))
        list_remove(&connection->held);
    output_fini(&connection->output);
    transport_close(&connection->transport, on_socket_closed);
    if (!connection->session_gone)
        connection_apply(connection,
                         &(struct command){.kind = COMMAND_SESSION_CLOSE, .close_reason = reason});
}

void connection_linger(struct connection *connection)
{
    if (connection->phase >= CONNECTION_LINGERING)
        return;
    connection->phase = CONNECTION_LINGERING;
    connection->closing_ms = loop_now_ms(&connection->worker->loop);
    buf_fini(&connection->tail);
    connection_touch(connection);
}

/* --- the engine ------------------------------------------------------------------------------ */

void connection_apply(struct connection *connection, struct command *command)
{
    struct port *port = connection->worker->port;
    command->session = connection->session;
    port->apply(port, command);
}

void connection_fail(struct connection *connection, uint16_t channel,
                     const struct reply_error *error, enum method_id method)
{
    struct line *line = connection_line(connection, channel);
    if (line != NULL && reply_level(error->code) == REPLY_LEVEL_CHANNEL)
        line->state = LINE_SERVER_CLOSING;
    else
        connection->failing = true;
    connection_apply(connection,
                     &(struct command){.kind = COMMAND_FAIL,
                                       .channel = channel,
                                       .fail = {.error = error,
                                                .class_id = method_infos[method].class_id,
                                                .method_id = method_infos[method].method_id}});
}

/* --- reading --------------------------------------------------------------------------------- */

static bool wants_input(const struct connection *connection)
{
    if (connection->phase == CONNECTION_LINGERING)
        return true;
    return connection_may_parse(connection) && !list_node_is_linked(&connection->held) &&
           connection->output.bytes <=
               (size_t)OUTPUT_PAUSES_AT * connection->worker->settings->output_buffer_limit;
}

static void update_watch(struct connection *connection)
{
    transport_wish(&connection->transport, (wants_input(connection) ? UV_READABLE : 0) |
                                               (connection->blocked ? UV_DISCONNECT : 0) |
                                               (connection->output.bytes > 0 ? UV_WRITABLE : 0));
}

/* Parses INPUT and keeps what is left of it. */
static void parse(struct connection *connection, struct slice input)
{
    size_t used = connection_parse(connection, input);
    if (used == input.size) {
        buf_fini(&connection->tail);
    } else {
        connection->tail.size = 0;
        buf_bytes(&connection->tail, slice_of(input.data + used, input.size - used));
    }
    if (!wants_input(connection))
        connection_touch(connection);
}

/* Where this read goes: straight into the body that is coming in, and behind the kept tail in the
 * loop's buffer. */
static int prepare_read(struct connection *connection, struct iovec parts[2])
{
    const struct worker *worker = connection->worker;
    size_t kept = connection->tail.size;
    int count = 0;
    size_t room;
    CHECK(kept + worker->settings->read_buffer <= worker->loop.read_buffer_bytes);
    if (connection->in_body && connection->body_left >= DIRECT_READ_MIN &&
        connection->body_line != NULL && connection->body_line->state == LINE_OPEN &&
        connection->body_line->expects == EXPECT_BODY) {
        uint8_t *body = content_room(connection, connection->body_line, connection->body_left,
                                     &room);
        if (body != NULL)
            parts[count++] = (struct iovec){body, room};
    }
    room = worker->settings->read_buffer;
    if ((worker->alarms & ALARM_ANY) != 0 && room > ALARM_READ_BYTES)
        room = ALARM_READ_BYTES;
    parts[count++] = (struct iovec){worker->loop.read_buffer + kept, room};
    return count;
}

/* BYTES of the body are in their place already. */
static void took_body(struct connection *connection, size_t bytes)
{
    connection->body_left -= (uint32_t)bytes;
    content_got(connection, connection->body_line, bytes);
}

static void on_bytes(struct connection *connection, struct iovec parts[2], int count, size_t bytes)
{
    struct worker *worker = connection->worker;
    worker->counters.reads++;
    worker->counters.bytes_in += bytes;
    worker->loop.tick_bytes += bytes;
    connection->recv_count++;
    connection->recv_octets += bytes;
    connection->read_ms = loop_now_ms(&worker->loop);
    if (connection->phase == CONNECTION_LINGERING)
        return;
    if (count == 2) {
        size_t direct = bytes < parts[0].iov_len ? bytes : parts[0].iov_len;
        took_body(connection, direct);
        bytes -= direct;
        if (bytes == 0)
            return;
    }
    size_t kept = connection->tail.size;
    if (kept > 0)
        memcpy(worker->loop.read_buffer, connection->tail.data, kept);
    parse(connection, slice_of(worker->loop.read_buffer, kept + bytes));
}

static void on_readable(struct connection *connection)
{
    struct worker *worker = connection->worker;
    struct iovec parts[2];
    if (worker->port->is_full(worker->port)) {
        list_append(&worker->held, &connection->held);
        update_watch(connection);
        return;
    }
    int count = prepare_read(connection, parts);
    ssize_t bytes = transport_read(&connection->transport, parts, count);
    if (bytes > 0)
        on_bytes(connection, parts, count, (size_t)bytes);
    else if (bytes == 0)
        connection_drop(connection, "closed by the client");
    else if (bytes != -EAGAIN)
        connection_drop(connection, strerror((int)-bytes));
}

/* The peer has closed or reset the connection: what it sent before still counts, as far as it got
 * here, and be there an alarm: that is not much, and what it holds is freed the sooner. */
static void read_what_is_left(struct connection *connection)
{
    connection->peer_gone = true;
    forget_block(connection);
    connection_resume(connection);
    while (connection->phase != CONNECTION_DEAD && wants_input(connection) &&
           !connection->worker->port->is_full(connection->worker->port))
        on_readable(connection);
    connection_drop(connection, "reset by the client");
}

void connection_resume(struct connection *connection)
{
    if (list_node_is_linked(&connection->held))
        list_remove(&connection->held);
    if (connection->tail.size > 0 && connection_may_parse(connection)) {
        struct buf input = connection->tail;
        buf_init(&connection->tail);
        parse(connection, buf_slice(&input));
        buf_fini(&input);
    }
    connection_touch(connection);
}

/* --- alarms ---------------------------------------------------------------------------------- */

void connection_published(struct connection *connection)
{
    struct worker *worker = connection->worker;
    if (__builtin_expect((worker->alarms & ALARM_ANY) == 0, 1) || connection->blocked ||
        connection->peer_gone || connection->failing || connection->phase != CONNECTION_RUNNING)
        return;
    connection->blocked = true;
    worker->blocked_count++;
    connection_touch(connection);
    if (connection->wants_blocked)
        connection_send(connection, 0,
                        &(struct method){.id = METHOD_CONNECTION_BLOCKED,
                                         .connection_blocked = {
                                             slice_from_string(alarms_reason(worker->alarms))}});
}

void connection_unblock(struct connection *connection)
{
    if (!connection->blocked)
        return;
    forget_block(connection);
    if (connection->phase != CONNECTION_RUNNING || connection->failing)
        return;
    connection->read_ms = loop_now_ms(&connection->worker->loop); /* its heartbeats were not read */
    connection->held_tail = true;
    if (connection->wants_blocked)
        connection_send(connection, 0, &(struct method){.id = METHOD_CONNECTION_UNBLOCKED});
    connection_touch(connection); /* connection_flush goes on with what is held */
}

/* --- writing --------------------------------------------------------------------------------- */

void connection_touch(struct connection *connection)
{
    if (!list_node_is_linked(&connection->touched) && connection->phase != CONNECTION_DEAD)
        list_append(&connection->worker->touched, &connection->touched);
}

/* Gives the engine back what deliveries cost that have left. */
static void give_back(struct connection *connection)
{
    if (connection->charged <= connection->output.bytes)
        return;
    uint64_t drained = connection->charged - connection->output.bytes;
    connection->charged -= drained;
    connection_apply(connection,
                     &(struct command){.kind = COMMAND_DRAINED, .drained_bytes = drained});
}

void connection_flush(struct connection *connection)
{
    struct worker *worker = connection->worker;
    size_t before = connection->output.bytes;
    int status = transport_write(&connection->transport, &connection->output);
    if (before != connection->output.bytes) {
        worker->counters.writes++;
        worker->counters.bytes_out += before - connection->output.bytes;
        connection->send_count++;
        connection->send_octets += before - connection->output.bytes;
        connection->written_ms = loop_now_ms(&worker->loop);
    }
    if (status < 0) {
        connection_drop(connection, strerror(-status));
        return;
    }
    give_back(connection);
    if (connection->phase == CONNECTION_LINGERING && connection->output.bytes == 0 &&
        !connection->shut) {
        transport_shut(&connection->transport);
        connection->shut = true;
    }
    if (connection->tail.size > 0 && connection->held_tail && connection_may_parse(connection))
        connection_resume(connection);
    connection->held_tail = !connection_may_parse(connection);
    update_watch(connection);
}

static void on_ready(struct transport *transport, int events)
{
    struct connection *connection = connection_of(transport);
    if (events & WATCH_FAILED || (events & UV_DISCONNECT && connection->blocked)) {
        read_what_is_left(connection);
        return;
    }
    if (events & UV_READABLE)
        on_readable(connection);
    if (events & UV_WRITABLE)
        connection_touch(connection);
}

/* --- time ------------------------------------------------------------------------------------ */

static void heartbeat(struct connection *connection, uint64_t now)
{
    uint64_t interval_ms = connection->heartbeat_s * 1000u;
    if (interval_ms == 0)
        return;
    if (wants_input(connection) && now - connection->read_ms > 2 * interval_ms) {
        connection_drop(connection, "missed heartbeats");
    } else if (now - connection->written_ms >= interval_ms / 2) {
        static const uint8_t frame[] = {FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END};
        if (connection->output.bytes == 0)
            output_copy(&connection->output, slice_of(frame, sizeof frame));
        connection_touch(connection);
    }
}

void connection_on_timer(struct connection *connection)
{
    const struct worker *worker = connection->worker;
    uint64_t now = loop_now_ms(&worker->loop);
    switch ((enum connection_phase)connection->phase) {
    case CONNECTION_ENTERING:
        transport_on_timer(&connection->transport);
        break;
    case CONNECTION_HEADER:
    case CONNECTION_START:
    case CONNECTION_LOGIN:
        if (connection->refused_at_ms != 0) { /* it waits for us, not we for it */
            if (now >= connection->refused_at_ms && !connection->failing)
                handshake_refuse(connection);
            break;
        }
        __attribute__((fallthrough));
    case CONNECTION_TUNE:
    case CONNECTION_OPEN:
        if (now - connection->opened_ms > worker->settings->handshake_timeout_ms) {
            log_warning("handshake_timeout",
                        LOG_NUM("limit_ms", worker->settings->handshake_timeout_ms));
            connection_drop(connection, "handshake timeout");
        }
        break;
    case CONNECTION_RUNNING:
        heartbeat(connection, now);
        break;
    case CONNECTION_CLOSING:
        if (now - connection->closing_ms > CLOSE_OK_MS)
            connection_drop(connection, "no close-ok");
        break;
    case CONNECTION_LINGERING:
        if (now - connection->closing_ms > LINGER_MS)
            connection_drop(connection, "closed");
        break;
    case CONNECTION_DEAD:
        break;
    }
}
