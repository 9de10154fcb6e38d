/* SPDX-License-Identifier: Apache-2.0 */
#include "server/connection.h"

/* Bodies up to this are copied into the output; larger ones are referred to. */
#define COPY_BODY_MAX (OUTPUT_CHUNK_BYTES - 2048)

static void release_message(void *message)
{
    message_unref(message);
}

void connection_send(struct connection *connection, uint16_t channel, const struct method *method)
{
    struct buf *frame = &connection->worker->scratch;
    frame->size = 0;
    method_encode_frame(channel, method, frame);
    output_copy(&connection->output, buf_slice(frame));
    connection_touch(connection);
}

/* The body in frames no larger than the client takes. */
static void put_body(struct connection *connection, uint16_t channel, struct message *message)
{
    size_t payload_max = connection->frame_max - FRAME_OVERHEAD;
    const uint8_t *body = message_body(message);
    for (size_t left = message->body_bytes; left > 0;) {
        size_t part = left < payload_max ? left : payload_max;
        uint8_t *front = output_reserve(&connection->output, FRAME_HEADER_BYTES);
        front[0] = FRAME_BODY;
        store_u16(front + 1, channel);
        store_u32(front + 3, (uint32_t)part);
        output_commit(&connection->output, FRAME_HEADER_BYTES);
        if (part <= COPY_BODY_MAX) {
            output_copy(&connection->output, slice_of(body, part));
        } else {
            message_ref(message);
            output_refer(&connection->output, slice_of(body, part), message, release_message);
        }
        *output_reserve(&connection->output, 1) = FRAME_END;
        output_commit(&connection->output, 1);
        body += part;
        left -= part;
    }
}

/* The content header frame, which stands ready in the image but for its channel. */
static void put_header(struct connection *connection, uint16_t channel,
                       const struct message *message)
{
    const uint8_t *header = message->image + message_header_at(message);
    uint8_t front[3] = {FRAME_HEADER};
    store_u16(front + 1, channel);
    output_copy(&connection->output, slice_of(front, sizeof front));
    output_copy(&connection->output,
                slice_of(header + sizeof front, message_body_frame_at(message) -
                                                    message_header_at(message) - sizeof front));
}

static void send_content(struct connection *connection, uint16_t channel,
                         const struct method *method, struct message *message)
{
    connection_send(connection, channel, method);
    put_header(connection, channel, message);
    put_body(connection, channel, message);
}

/* Writes the front of a basic.deliver frame up to the names. */
static uint8_t *put_deliver_front(uint8_t *at, const struct effect *effect, size_t names_bytes)
{
    size_t tag_bytes = effect->consumer_tag.size;
    at[0] = FRAME_METHOD;
    store_u16(at + 1, effect->channel);
    store_u32(at + 3, (uint32_t)(4 + 1 + tag_bytes + 8 + 1 + names_bytes));
    store_u16(at + 7, method_infos[METHOD_BASIC_DELIVER].class_id);
    store_u16(at + 9, method_infos[METHOD_BASIC_DELIVER].method_id);
    at[11] = (uint8_t)tag_bytes;
    memcpy(at + 12, effect->consumer_tag.data, tag_bytes);
    at += 12 + tag_bytes;
    store_u64(at, effect->delivery_tag);
    at[8] = effect->redelivered;
    return at + 9;
}

#define DELIVER_FRONT_BYTES(tag_bytes) (12 + (tag_bytes) + 9)

/* A delivery: its own front, then the message's image with two channel numbers patched; in one
 * piece when it is small. */
static void send_delivery(struct connection *connection, const struct effect *effect)
{
    struct message *message = effect->message;
    size_t front_bytes = DELIVER_FRONT_BYTES(effect->consumer_tag.size);
    size_t names_bytes = message_names_bytes(message);
    size_t image_bytes = message_image_bytes(message);
    connection->charged += effect_cost(effect);
    if (__builtin_expect(front_bytes + image_bytes <= OUTPUT_CHUNK_BYTES &&
                             message->body_bytes + FRAME_OVERHEAD <= connection->frame_max,
                         1)) {
        uint8_t *front = output_reserve(&connection->output, front_bytes + image_bytes);
        uint8_t *image = put_deliver_front(front, effect, names_bytes);
        memcpy(image, message->image, image_bytes);
        store_u16(image + message_header_at(message) + 1, effect->channel);
        if (message->body_bytes > 0)
            store_u16(image + message_body_frame_at(message) + 1, effect->channel);
        output_commit(&connection->output, front_bytes + image_bytes);
    } else {
        uint8_t *front = output_reserve(&connection->output, front_bytes);
        put_deliver_front(front, effect, names_bytes);
        output_commit(&connection->output, front_bytes);
        output_copy(&connection->output, slice_of(message->image, names_bytes + 1));
        put_header(connection, effect->channel, message);
        put_body(connection, effect->channel, message);
    }
    connection_touch(connection);
}

/* Follows what the engine says to the client: it moves our states too. */
static void follow(struct connection *connection, const struct effect *effect)
{
    struct line *line = connection_line(connection, effect->channel);
    switch ((unsigned)effect->method->id) {
    case METHOD_CHANNEL_CLOSE:
        if (line != NULL) {
            line->state = LINE_SERVER_CLOSING;
            line_drop_content(line);
        }
        break;
    case METHOD_CHANNEL_CLOSE_OK:
        if (line != NULL && line->state == LINE_CLIENT_CLOSING)
            connection_free_line(connection, line);
        break;
    case METHOD_CONNECTION_CLOSE:
        connection->phase = CONNECTION_CLOSING;
        connection->closing_ms = loop_now_ms(&connection->worker->loop);
        if (connection->garbled)
            connection_linger(connection);
        break;
    case METHOD_CONNECTION_CLOSE_OK:
        connection_linger(connection);
        break;
    default:
        break;
    }
}

void connection_emit(struct connection *connection, const struct effect *effect)
{
    if (effect->kind == EFFECT_GONE) {
        connection_session_gone(connection);
        return;
    }
    if (__builtin_expect(connection->phase >= CONNECTION_CLOSING, 0)) {
        /* Too late for anything but the answer to a close that crossed ours. */
        bool is_close_ok = effect->kind == EFFECT_METHOD &&
                           effect->method->id == METHOD_CONNECTION_CLOSE_OK;
        if (!is_close_ok || connection->phase == CONNECTION_DEAD)
            return;
    }
    switch (effect->kind) {
    case EFFECT_DELIVER:
        send_delivery(connection, effect);
        break;
    case EFFECT_METHOD:
        connection_send(connection, effect->channel, effect->method);
        follow(connection, effect);
        break;
    case EFFECT_CONTENT:
        send_content(connection, effect->channel, effect->method, effect->message);
        break;
    case EFFECT_LOGIN:
        handshake_login(connection, effect->accepted, effect->late_ms);
        break;
    case EFFECT_GONE:
        break;
    }
}
