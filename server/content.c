/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A publish is a method, a header and body frames (section 2.3.5.2). The message is
 * allocated when the header has come, and the body goes straight into it. The names in the method
 * point into the input until then; they are copied only when the header is not in the same read. A
 * large body gets its room as it comes, so that announcing one costs the client as much as us.
 */
#include "server/base/mem.h"
#include "server/connection.h"

#define ROOM_AT_ONCE (1024 * 1024)

void line_keep_names(struct line *line)
{
    if (line->names_kept)
        return;
    line->exchange = slice_dup(line->exchange);
    line->routing_key = slice_dup(line->routing_key);
    line->names_kept = true;
}

static void forget_names(struct line *line)
{
    if (line->names_kept) {
        mem_free((void *)line->exchange.data);
        mem_free((void *)line->routing_key.data);
    }
    line->names_kept = false;
    line->exchange = line->routing_key = SLICE_EMPTY;
}

void line_drop_content(struct line *line)
{
    forget_names(line);
    if (line->message != NULL)
        message_free(line->message);
    line->message = NULL;
    line->expects = EXPECT_METHOD;
}

void content_begin(struct connection *connection, struct line *line,
                   const struct method_basic_publish *publish)
{
    if (connection->borrowing != NULL)
        line_keep_names(connection->borrowing);
    connection->borrowing = line;
    line->exchange = publish->exchange;
    line->routing_key = publish->routing_key;
    line->mandatory = publish->mandatory;
    line->immediate = publish->immediate;
    line->expects = EXPECT_HEADER;
}

static int fail_publish(struct connection *connection, struct line *line,
                        const struct reply_error *error)
{
    uint16_t number = line->number;
    if (connection->borrowing == line)
        connection->borrowing = NULL;
    line_drop_content(line);
    connection_fail(connection, number, error, METHOD_BASIC_PUBLISH);
    return -1;
}

/* Checks the header; 0, or -1 after having failed the channel or connection. */
static int check_header(struct connection *connection, struct line *line,
                        const struct content_header *header, struct properties *properties)
{
    struct reply_error error;
    const struct method_info *info = &method_infos[METHOD_BASIC_PUBLISH];
    uint32_t size_max = connection->worker->settings->max_message_size;
    if (header->class_id != info->class_id)
        (void)reply_error(&error, REPLY_UNEXPECTED_FRAME,
                          "expected content header for class %u, got one for class %u instead",
                          info->class_id, header->class_id);
    else if (header->weight != 0)
        (void)reply_error(
            &error, REPLY_UNEXPECTED_FRAME,
            "expected content header for class %u, got non content header frame instead",
            info->class_id);
    else if (header->body_bytes > size_max)
        (void)reply_error(&error, REPLY_PRECONDITION_FAILED,
                          "message size %llu is larger than configured max size %u",
                          (unsigned long long)header->body_bytes, size_max);
    else if (properties_decode(header->properties, properties) != METHOD_OK)
        (void)reply_error(&error, REPLY_SYNTAX_ERROR, "malformed content header properties");
    else
        return 0;
    return fail_publish(connection, line, &error);
}

static void finish(struct connection *connection, struct line *line)
{
    struct message *message = line->message;
    message_seal(message);
    line->message = NULL;
    line->expects = EXPECT_METHOD;
    connection_apply(connection, &(struct command){.kind = COMMAND_PUBLISH,
                                                   .channel = line->number,
                                                   .publish = {.message = message,
                                                               .mandatory = line->mandatory,
                                                               .immediate = line->immediate}});
    connection_published(connection);
}

static int out_of_memory(struct connection *connection, struct line *line)
{
    struct reply_error error;
    (void)reply_error(&error, REPLY_RESOURCE_ERROR, "no memory for a message body");
    return fail_publish(connection, line, &error);
}

void content_header(struct connection *connection, struct line *line, struct slice payload)
{
    struct content_header header;
    struct properties properties;
    if (!content_header_read(payload, &header)) {
        struct reply_error error;
        (void)reply_error(&error, REPLY_FRAME_ERROR, "content header of %zu octets is too short",
                          payload.size);
        (void)fail_publish(connection, line, &error);
        return;
    }
    if (check_header(connection, line, &header, &properties) < 0)
        return;
    uint32_t body_bytes = (uint32_t)header.body_bytes;
    line->body_room = body_bytes < ROOM_AT_ONCE ? body_bytes : ROOM_AT_ONCE;
    line->message = message_new(line->exchange, line->routing_key, header.properties, body_bytes,
                                line->body_room);
    if (connection->borrowing == line)
        connection->borrowing = NULL;
    forget_names(line);
    if (line->message == NULL) {
        (void)out_of_memory(connection, line);
        return;
    }
    line->message->flags = (uint8_t)((properties.delivery_mode == 2 ? MESSAGE_PERSISTENT : 0) |
                                     (message_wants_inspection(&properties) ? MESSAGE_INSPECT : 0));
    line->body_have = 0;
    line->expects = EXPECT_BODY;
    if (body_bytes == 0)
        finish(connection, line);
    else
        connection_published(connection);
}

/* Room for at least one more octet of the body, doubling; 0, or -1 after having failed. */
static int widen(struct connection *connection, struct line *line, size_t needed)
{
    uint32_t room = line->body_room;
    if (needed <= room)
        return 0;
    while (room < needed)
        room = room > line->message->body_bytes / 2 ? line->message->body_bytes : room * 2;
    struct message *wider = message_widen(line->message, room);
    if (wider == NULL)
        return out_of_memory(connection, line);
    line->message = wider;
    line->body_room = room;
    return 0;
}

void content_got(struct connection *connection, struct line *line, size_t size)
{
    line->body_have += (uint32_t)size;
    if (line->body_have == line->message->body_bytes)
        finish(connection, line);
}

void content_body(struct connection *connection, struct line *line, struct slice part)
{
    if (part.size > line->message->body_bytes - line->body_have) {
        struct reply_error error;
        (void)reply_error(&error, REPLY_FRAME_ERROR,
                          "content body is larger than the %u octets announced",
                          line->message->body_bytes);
        (void)fail_publish(connection, line, &error);
        return;
    }
    if (part.size == 0 || widen(connection, line, line->body_have + part.size) < 0)
        return;
    memcpy(message_body(line->message) + line->body_have, part.data, part.size);
    content_got(connection, line, part.size);
}

uint8_t *content_room(struct connection *connection, struct line *line, size_t wanted, size_t *room)
{
    size_t left = line->message->body_bytes - line->body_have;
    *room = wanted < left ? wanted : left;
    if (*room == 0 || widen(connection, line, line->body_have + 1) < 0)
        return NULL;
    if (*room > line->body_room - line->body_have)
        *room = line->body_room - line->body_have;
    return message_body(line->message) + line->body_have;
}
