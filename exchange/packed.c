/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/packed.h"

#include "server/base/check.h"
#include "server/base/cursor.h"

/* In front of each record; what follows depends on the kind. */
struct front {
    uint32_t bytes; /* with this front and the padding */
    uint16_t channel;
    uint8_t kind;  /* enum command_kind or effect_kind */
    uint8_t flags; /* of the kind */
    void *target;  /* session or connection */
};

#define FLAG_MANDATORY   1
#define FLAG_IMMEDIATE   2
#define FLAG_REDELIVERED 1
#define FLAG_ACCEPTED    1

/* --- writing --------------------------------------------------------------------------------- */

/* Starts a record; returns its offset for end_record. */
static size_t begin_record(struct buf *records, const struct front *front)
{
    size_t start = records->size;
    buf_bytes(records, slice_of(front, sizeof *front));
    return start;
}

static void end_record(struct buf *records, size_t start)
{
    static const uint8_t padding[8];
    buf_bytes(records, slice_of(padding, (8 - records->size % 8) % 8));
    uint32_t bytes = (uint32_t)(records->size - start);
    memcpy(records->data + start, &bytes, sizeof bytes);
}

static void put_slice(struct buf *records, struct slice bytes)
{
    uint64_t size = bytes.size;
    buf_bytes(records, slice_of(&size, sizeof size));
    buf_bytes(records, bytes);
}

/* METHOD behind its size, which is known when it is written. */
static void put_method(struct buf *records, const struct method *method)
{
    uint64_t size = 0;
    size_t at = records->size;
    buf_bytes(records, slice_of(&size, sizeof size));
    method_encode(method, records);
    size = records->size - at - sizeof size;
    memcpy(records->data + at, &size, sizeof size);
}

#define PUT(records, value) buf_bytes(records, slice_of(&(value), sizeof(value)))

/* --- reading --------------------------------------------------------------------------------- */

/* Reads the front of the record that RECORDS starts with; returns a cursor on the rest. */
static struct cursor get_front(struct slice records, struct front *front)
{
    CHECK(records.size >= sizeof *front);
    memcpy(front, records.data, sizeof *front);
    CHECK(front->bytes >= sizeof *front && front->bytes <= records.size);
    return cursor_of(slice_of(records.data + sizeof *front, front->bytes - sizeof *front));
}

static struct slice get_slice(struct cursor *cursor)
{
    uint64_t size;
    memcpy(&size, cursor_bytes(cursor, sizeof size).data, sizeof size);
    return cursor_bytes(cursor, size);
}

/* Reads what put_method wrote. A text of ours may repeat a peer's octets that are no UTF-8. */
static void get_method(struct cursor *cursor, struct method *method)
{
    int status = method_decode(get_slice(cursor), method);
    CHECK_ID(status == METHOD_OK || status == METHOD_BAD_UTF8, method->id);
}

#define GET(cursor, value) memcpy(&(value), cursor_bytes(cursor, sizeof(value)).data, sizeof(value))

/* --- commands -------------------------------------------------------------------------------- */

static uint8_t command_flags(const struct command *command)
{
    if (command->kind != COMMAND_PUBLISH)
        return 0;
    return (uint8_t)((command->publish.mandatory ? FLAG_MANDATORY : 0) |
                     (command->publish.immediate ? FLAG_IMMEDIATE : 0));
}

static void put_login(struct buf *records, const struct command_login *login)
{
    PUT(records, login->by_certificate);
    put_slice(records, login->mechanism);
    put_slice(records, login->user);
    put_slice(records, login->password);
    put_slice(records, login->client_properties);
    put_slice(records, login->tls);
}

void packed_put_command(struct buf *records, const struct command *command)
{
    size_t start = begin_record(records, &(struct front){.channel = command->channel,
                                                         .kind = (uint8_t)command->kind,
                                                         .flags = command_flags(command),
                                                         .target = command->session});
    switch (command->kind) {
    case COMMAND_PUBLISH:
        PUT(records, command->publish.message);
        break;
    case COMMAND_METHOD:
        put_method(records, command->method);
        break;
    case COMMAND_DRAINED:
        PUT(records, command->drained_bytes);
        break;
    case COMMAND_FAIL:
        PUT(records, *command->fail.error);
        PUT(records, command->fail.class_id);
        PUT(records, command->fail.method_id);
        break;
    case COMMAND_LOGIN:
        put_login(records, &command->login);
        break;
    case COMMAND_SESSION_OPEN:
        PUT(records, command->open);
        put_slice(records, command->open.name);
        break;
    case COMMAND_SESSION_CLOSE:
        PUT(records, command->close_reason);
        break;
    case COMMAND_DURABLE:
        PUT(records, command->durable_lsn);
        break;
    }
    end_record(records, start);
}

static void get_login(struct cursor *cursor, struct command_login *login)
{
    GET(cursor, login->by_certificate);
    login->mechanism = get_slice(cursor);
    login->user = get_slice(cursor);
    login->password = get_slice(cursor);
    login->client_properties = get_slice(cursor);
    login->tls = get_slice(cursor);
}

void packed_get_command(struct slice records, struct packed_command *unpacked)
{
    struct front front;
    struct cursor cursor = get_front(records, &front);
    struct command *command = &unpacked->command;
    unpacked->bytes = front.bytes;
    command->kind = (enum command_kind)front.kind;
    command->channel = front.channel;
    command->session = front.target;
    switch (command->kind) {
    case COMMAND_PUBLISH:
        GET(&cursor, command->publish.message);
        command->publish.mandatory = front.flags & FLAG_MANDATORY;
        command->publish.immediate = front.flags & FLAG_IMMEDIATE;
        break;
    case COMMAND_METHOD:
        get_method(&cursor, &unpacked->method);
        command->method = &unpacked->method;
        break;
    case COMMAND_DRAINED:
        GET(&cursor, command->drained_bytes);
        break;
    case COMMAND_FAIL:
        GET(&cursor, unpacked->error);
        command->fail.error = &unpacked->error;
        GET(&cursor, command->fail.class_id);
        GET(&cursor, command->fail.method_id);
        break;
    case COMMAND_LOGIN:
        get_login(&cursor, &command->login);
        break;
    case COMMAND_SESSION_OPEN:
        GET(&cursor, command->open);
        command->open.name = get_slice(&cursor);
        break;
    case COMMAND_SESSION_CLOSE:
        GET(&cursor, command->close_reason);
        break;
    case COMMAND_DURABLE:
        GET(&cursor, command->durable_lsn);
        break;
    }
    CHECK(!cursor.failed);
}

uint64_t packed_command_holds(const struct command *command)
{
    return command->kind == COMMAND_PUBLISH ? message_image_bytes(command->publish.message) : 0;
}

/* --- effects --------------------------------------------------------------------------------- */

void packed_put_effect(struct buf *records, const struct effect *effect, void *connection)
{
    size_t start = begin_record(
        records, &(struct front){.channel = effect->channel,
                                 .kind = (uint8_t)effect->kind,
                                 .flags = (uint8_t)((effect->redelivered ? FLAG_REDELIVERED : 0) |
                                                    (effect->accepted ? FLAG_ACCEPTED : 0)),
                                 .target = connection});
    switch (effect->kind) {
    case EFFECT_DELIVER:
        message_ref(effect->message);
        PUT(records, effect->message);
        PUT(records, effect->delivery_tag);
        put_slice(records, effect->consumer_tag);
        break;
    case EFFECT_CONTENT:
        message_ref(effect->message);
        PUT(records, effect->message);
        put_method(records, effect->method);
        break;
    case EFFECT_METHOD:
        put_method(records, effect->method);
        break;
    case EFFECT_LOGIN:
        PUT(records, effect->late_ms);
        break;
    case EFFECT_GONE:
        break;
    }
    end_record(records, start);
}

void packed_get_effect(struct slice records, struct packed_effect *unpacked)
{
    struct front front;
    struct cursor cursor = get_front(records, &front);
    struct effect *effect = &unpacked->effect;
    *effect = (struct effect){.kind = (enum effect_kind)front.kind,
                              .channel = front.channel,
                              .redelivered = front.flags & FLAG_REDELIVERED,
                              .accepted = front.flags & FLAG_ACCEPTED};
    unpacked->connection = front.target;
    unpacked->bytes = front.bytes;
    if (effect->kind == EFFECT_DELIVER || effect->kind == EFFECT_CONTENT)
        GET(&cursor, effect->message);
    if (effect->kind == EFFECT_DELIVER) {
        GET(&cursor, effect->delivery_tag);
        effect->consumer_tag = get_slice(&cursor);
    }
    if (effect->kind == EFFECT_LOGIN)
        GET(&cursor, effect->late_ms);
    if (effect->kind == EFFECT_METHOD || effect->kind == EFFECT_CONTENT) {
        get_method(&cursor, &unpacked->method);
        effect->method = &unpacked->method;
    }
    CHECK(!cursor.failed);
}
