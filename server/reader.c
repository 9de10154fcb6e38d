/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Input is parsed in place. Whole frames are handled one by one; of a body frame
 * whatever is there is taken at once, so that a large one need never be in memory as a frame. What
 * a method may do where it stands is looked up in the method table (sender, phase) before anybody
 * acts on it.
 */
#include "server/connection.h"

#include "server/base/mem.h"

/* --- channels -------------------------------------------------------------------------------- */

struct line *connection_line(const struct connection *connection, uint16_t number)
{
    return number < connection->line_capacity ? connection->lines[number] : NULL;
}

static struct line *open_line(struct connection *connection, uint16_t number)
{
    if (number >= connection->line_capacity) {
        uint32_t capacity = connection->line_capacity == 0 ? 2 : connection->line_capacity;
        while (capacity <= number)
            capacity *= 2;
        connection->lines = mem_realloc(connection->lines, capacity * sizeof(struct line *));
        memset(connection->lines + connection->line_capacity, 0,
               (capacity - connection->line_capacity) * sizeof(struct line *));
        connection->line_capacity = capacity;
    }
    struct line *line = mem_zalloc(sizeof *line);
    line->number = number;
    connection->lines[number] = line;
    connection->line_count++;
    return line;
}

void connection_free_line(struct connection *connection, struct line *line)
{
    if (connection->borrowing == line)
        connection->borrowing = NULL;
    if (connection->body_line == line)
        connection->body_line = NULL;
    line_drop_content(line);
    connection->lines[line->number] = NULL;
    connection->line_count--;
    mem_free(line);
}

/* --- errors ---------------------------------------------------------------------------------- */

#define FAIL(connection, channel, method, ...)                 \
    do {                                                       \
        struct reply_error error_;                             \
        (void)reply_error(&error_, __VA_ARGS__);               \
        connection_fail(connection, channel, &error_, method); \
    } while (0)

static const char *phase_name(enum connection_phase phase)
{
    return phase < CONNECTION_TUNE    ? "starting"
           : phase == CONNECTION_TUNE ? "tuning"
           : phase == CONNECTION_OPEN ? "opening"
                                      : "running";
}

static void fail_state(struct connection *connection, enum method_id method)
{
    FAIL(connection, 0, method, REPLY_CHANNEL_ERROR, "unexpected method in connection state %s",
         phase_name(connection->phase));
}

/* A frame that cannot be what follows: its type and the start of its payload, as RabbitMQ shows
 * them. */
static void fail_frame(struct connection *connection, enum reply_code code,
                       const struct frame *frame, const char *reason)
{
    FAIL(connection, 0, METHOD_NONE, code, "type %u, channel %u, %zu octets: %s", frame->type,
         frame->channel, frame->payload.size, reason);
}

/* A frame came that is not the part of a message that is due on LINE. */
static void fail_expectation(struct connection *connection, const struct line *line)
{
    if (line->expects == EXPECT_HEADER)
        FAIL(connection, 0, METHOD_BASIC_PUBLISH, REPLY_UNEXPECTED_FRAME,
             "expected content header for class %u, got non content header frame instead",
             method_infos[METHOD_BASIC_PUBLISH].class_id);
    else
        FAIL(connection, 0, METHOD_BASIC_PUBLISH, REPLY_UNEXPECTED_FRAME,
             "expected content body, got non content body frame instead");
}

static void fail_decode(struct connection *connection, int status, const struct method *method)
{
    if (status == METHOD_UNKNOWN)
        FAIL(connection, 0, METHOD_NONE, REPLY_COMMAND_INVALID, "unimplemented method");
    else if (status == METHOD_BAD_UTF8)
        FAIL(connection, 0, method_infos[method->id].class_id == 10 ? method->id : METHOD_NONE,
             REPLY_FRAME_ERROR, "Malformed UTF-8 in shortstr");
    else
        FAIL(connection, 0, method->id, REPLY_FRAME_ERROR, "cannot decode the arguments of %s: %s",
             method_infos[method->id].name,
             status == METHOD_BAD_TABLE ? "malformed field table" : "too few or too many octets");
}

/* --- methods --------------------------------------------------------------------------------- */

static void forward(struct connection *connection, uint16_t channel, const struct method *method)
{
    connection_apply(connection, &(struct command){
                                     .kind = COMMAND_METHOD, .channel = channel, .method = method});
}

static void open_channel(struct connection *connection, uint16_t number,
                         const struct method *method)
{
    if (connection->line_count >= connection->channel_max) {
        FAIL(connection, 0, METHOD_NONE, REPLY_NOT_ALLOWED,
             "number of channels opened (%u) has reached the negotiated channel_max (%u)",
             connection->line_count, connection->channel_max);
        return;
    }
    if (number > connection->channel_max) {
        FAIL(connection, 0, METHOD_CHANNEL_OPEN, REPLY_NOT_ALLOWED,
             "channel number %u is above the negotiated channel_max (%u)", number,
             connection->channel_max);
        return;
    }
    (void)open_line(connection, number);
    forward(connection, number, method);
}

/* A channel that we have closed, and that the client has not yet: only the end of that counts. */
static void on_closing_line(struct connection *connection, struct line *line, enum method_id method)
{
    if (line->state != LINE_SERVER_CLOSING)
        return;
    if (method == METHOD_CHANNEL_CLOSE)
        connection_send(connection, line->number, &(struct method){.id = METHOD_CHANNEL_CLOSE_OK});
    else if (method == METHOD_CHANNEL_CLOSE_OK)
        connection_free_line(connection, line);
}

static void on_channel_method(struct connection *connection, uint16_t number,
                              const struct method *method)
{
    const struct method_info *info = &method_infos[method->id];
    struct line *line = connection_line(connection, number);
    if (line == NULL) {
        if (info->phase == METHOD_PHASE_CHANNEL_NEW)
            open_channel(connection, number, method);
        else
            FAIL(connection, 0, method->id, REPLY_CHANNEL_ERROR, "expected 'channel.open'");
        return;
    }
    if (__builtin_expect(line->state != LINE_OPEN, 0)) {
        on_closing_line(connection, line, method->id);
        return;
    }
    if (__builtin_expect(line->expects != EXPECT_METHOD, 0)) {
        fail_expectation(connection, line);
        return;
    }
    if (method->id == METHOD_BASIC_PUBLISH) {
        content_begin(connection, line, &method->basic_publish);
        return;
    }
    if (info->phase == METHOD_PHASE_CHANNEL_NEW) {
        FAIL(connection, 0, method->id, REPLY_CHANNEL_ERROR, "second 'channel.open' seen");
        return;
    }
    if (info->phase != METHOD_PHASE_CHANNEL_OPEN || method->id == METHOD_CHANNEL_CLOSE_OK) {
        FAIL(connection, 0, method->id, REPLY_COMMAND_INVALID, "unimplemented method");
        return;
    }
    if (method->id == METHOD_CHANNEL_CLOSE)
        line->state = LINE_CLIENT_CLOSING;
    forward(connection, number, method);
}

static bool is_legal_on_channel_0(const struct connection *connection,
                                  const struct method_info *info)
{
    switch ((enum method_phase)info->phase) {
    case METHOD_PHASE_START:
        return connection->phase == CONNECTION_START;
    case METHOD_PHASE_TUNE:
        return connection->phase == CONNECTION_TUNE;
    case METHOD_PHASE_OPEN:
        return connection->phase == CONNECTION_OPEN;
    case METHOD_PHASE_RUNNING:
        return connection->phase == CONNECTION_RUNNING;
    case METHOD_PHASE_NEVER:
    case METHOD_PHASE_CHANNEL_NEW:
    case METHOD_PHASE_CHANNEL_OPEN:
        break;
    }
    return false;
}

static void on_connection_method(struct connection *connection, const struct method *method)
{
    const struct method_info *info = &method_infos[method->id];
    if (method->id == METHOD_CONNECTION_CLOSE)
        forward(connection, 0, method); /* may come at any time */
    else if (!is_legal_on_channel_0(connection, info) || method->id == METHOD_CONNECTION_CLOSE_OK)
        fail_state(connection, method->id);
    else if (connection->phase == CONNECTION_RUNNING)
        forward(connection, 0, method);
    else
        handshake_method(connection, method);
}

/* We have sent connection.close: the answer ends it, and the client's own close gets its answer. */
static void on_closing_method(struct connection *connection, const struct method *method)
{
    if (method->id == METHOD_CONNECTION_CLOSE)
        connection_send(connection, 0, &(struct method){.id = METHOD_CONNECTION_CLOSE_OK});
    if (method->id == METHOD_CONNECTION_CLOSE || method->id == METHOD_CONNECTION_CLOSE_OK)
        connection_linger(connection);
}

static void on_method(struct connection *connection, const struct frame *frame)
{
    struct method method;
    int status = method_decode(frame->payload, &method);
    if (connection->phase == CONNECTION_CLOSING) {
        if (status == METHOD_OK && frame->channel == 0)
            on_closing_method(connection, &method);
        return;
    }
    if (__builtin_expect(status != METHOD_OK, 0))
        fail_decode(connection, status, &method);
    else if (frame->channel == 0)
        on_connection_method(connection, &method);
    else if (__builtin_expect(connection->phase != CONNECTION_RUNNING, 0))
        fail_frame(connection, REPLY_UNEXPECTED_FRAME, frame, "the connection is not open");
    else
        on_channel_method(connection, frame->channel, &method);
}

/* --- frames ---------------------------------------------------------------------------------- */

/* The line that a header or body frame is for; NULL when it is to be ignored, or was answered with
 * an error. */
static struct line *content_line(struct connection *connection, const struct frame *frame,
                                 enum line_expects expected)
{
    struct line *line = connection_line(connection, frame->channel);
    if (frame->channel == 0 || connection->phase != CONNECTION_RUNNING)
        fail_frame(connection, REPLY_UNEXPECTED_FRAME, frame, "no content may be on this channel");
    else if (line != NULL && line->state != LINE_OPEN)
        return NULL;
    else if (line == NULL || line->expects == EXPECT_METHOD)
        FAIL(connection, 0, METHOD_NONE, REPLY_UNEXPECTED_FRAME,
             "expected method frame, got non method frame instead");
    else if (line->expects == expected)
        return line;
    else
        fail_expectation(connection, line);
    return NULL;
}

static void on_content_frame(struct connection *connection, const struct frame *frame)
{
    if (connection->phase == CONNECTION_CLOSING)
        return;
    bool is_header = frame->type == FRAME_HEADER;
    struct line *line = content_line(connection, frame, is_header ? EXPECT_HEADER : EXPECT_BODY);
    if (line == NULL)
        return;
    if (is_header)
        content_header(connection, line, frame->payload);
    else
        content_body(connection, line, frame->payload);
}

static void on_frame(struct connection *connection, const struct frame *frame)
{
    connection->worker->counters.frames_in++;
    switch (frame->type) {
    case FRAME_METHOD:
        on_method(connection, frame);
        break;
    case FRAME_HEADER:
    case FRAME_BODY:
        on_content_frame(connection, frame);
        break;
    case FRAME_HEARTBEAT:
        if (connection->phase == CONNECTION_CLOSING)
            break;
        if (frame->channel != 0)
            fail_frame(connection, REPLY_UNEXPECTED_FRAME, frame, "heartbeat on a channel");
        else if (frame->payload.size != 0)
            fail_frame(connection, REPLY_FRAME_ERROR, frame, "heartbeat with a payload");
        break;
    default:
        if (connection->phase != CONNECTION_CLOSING)
            fail_frame(connection, REPLY_FRAME_ERROR, frame, "unknown_frame");
        break;
    }
}

/* A body frame of which only a part is there: from here on it is taken as it comes. */
static void enter_body(struct connection *connection, const struct frame *frame)
{
    connection->in_body = true;
    connection->body_left = (uint32_t)frame->payload.size;
    connection->body_line = NULL;
    connection->worker->counters.frames_in++;
    if (connection->phase == CONNECTION_CLOSING)
        return;
    struct line *line = content_line(connection, frame, EXPECT_BODY);
    if (line == NULL)
        return;
    if (frame->payload.size > line->message->body_bytes - line->body_have)
        content_body(connection, line,
                     frame->payload); /* refuses it without touching the payload */
    else
        connection->body_line = line;
}

/* Takes what INPUT holds of the current body frame; returns how many bytes, the end octet
 * included. */
static size_t continue_body(struct connection *connection, struct slice input)
{
    size_t part = input.size < connection->body_left ? input.size : connection->body_left;
    struct line *line = connection->body_line;
    connection->body_left -= (uint32_t)part;
    if (line != NULL && line->state == LINE_OPEN && line->expects == EXPECT_BODY)
        content_body(connection, line, slice_of(input.data, part));
    if (connection->body_left > 0 || part == input.size)
        return part;
    connection->in_body = false;
    connection->body_line = NULL;
    if (input.data[part] != FRAME_END && connection->phase < CONNECTION_CLOSING)
        FAIL(connection, 0, METHOD_NONE, REPLY_FRAME_ERROR,
             "type %u: {invalid_frame_end_marker,%u}", FRAME_BODY, input.data[part]);
    return part + 1;
}

static uint32_t payload_max(const struct connection *connection)
{
    return connection->phase < CONNECTION_OPEN ? connection->worker->settings->initial_frame_max
                                               : connection->frame_max;
}

/* Handles the frame at the start of INPUT; returns its size, or 0 when it is not whole. */
static size_t parse_frame(struct connection *connection, struct slice input)
{
    struct frame frame;
    switch (frame_read(input, payload_max(connection), &frame)) {
    case FRAME_OK:
        on_frame(connection, &frame);
        return frame.payload.size + FRAME_OVERHEAD;
    case FRAME_INCOMPLETE:
        if (input.size <= FRAME_HEADER_BYTES || frame.type != FRAME_BODY)
            return 0;
        enter_body(connection, &frame);
        return FRAME_HEADER_BYTES;
    case FRAME_TOO_LARGE:
        if (connection->phase == CONNECTION_CLOSING)
            connection_linger(connection);
        else
            FAIL(connection, 0, METHOD_NONE, REPLY_FRAME_ERROR,
                 "type %u, all octets = <<>>: {frame_too_large,%zu,%u}", frame.type,
                 frame.payload.size, payload_max(connection) - FRAME_OVERHEAD);
        break;
    case FRAME_BAD_END:
        if (connection->phase == CONNECTION_CLOSING)
            connection_linger(connection);
        else
            FAIL(connection, 0, METHOD_NONE, REPLY_FRAME_ERROR,
                 "type %u, %zu octets: {invalid_frame_end_marker,%u}", frame.type,
                 frame.payload.size, frame.payload.data[frame.payload.size]);
        break;
    }
    connection->garbled = true; /* nothing that follows can be told apart from noise */
    return input.size;
}

bool connection_may_parse(const struct connection *connection)
{
    bool is_held = connection->failing || connection->blocked;
    return connection->phase != CONNECTION_LOGIN && connection->phase < CONNECTION_LINGERING &&
           !(is_held && connection->phase < CONNECTION_CLOSING);
}

size_t connection_parse(struct connection *connection, struct slice input)
{
    size_t at = 0;
    while (at < input.size && connection_may_parse(connection)) {
        struct slice rest = slice_of(input.data + at, input.size - at);
        size_t used;
        if (connection->in_body) {
            used = continue_body(connection, rest);
        } else if (__builtin_expect(connection->phase == CONNECTION_HEADER, 0)) {
            used = rest.size < FRAME_PROTOCOL_HEADER_BYTES ? 0 : FRAME_PROTOCOL_HEADER_BYTES;
            if (used > 0)
                handshake_header(connection, rest.data);
        } else {
            used = parse_frame(connection, rest);
        }
        if (used == 0)
            break;
        at += used;
    }
    if (connection->borrowing != NULL) {
        line_keep_names(connection->borrowing);
        connection->borrowing = NULL;
    }
    return connection->garbled || connection->phase >= CONNECTION_LINGERING ? input.size : at;
}
