/* SPDX-License-Identifier: Apache-2.0 */
#include "server/relay.h"

#include "server/base/check.h"
#include "server/base/mem.h"
#include "server/connection.h"

/* In front of each record; what follows depends on the kind. Records start at multiples of
 * eight. */
struct record {
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

/* --- writing records ------------------------------------------------------------------------- */

/* Starts a record; returns its offset for end_record. */
static size_t begin_record(struct buf *records, uint8_t kind, uint16_t channel, uint8_t flags,
                           void *target)
{
    size_t start = records->size;
    struct record front = {0, channel, kind, flags, target};
    buf_bytes(records, slice_of(&front, sizeof front));
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

static void put_method(struct buf *records, const struct method *method)
{
    struct buf encoded = {0};
    method_encode(method, &encoded);
    put_slice(records, buf_slice(&encoded));
    buf_fini(&encoded);
}

#define PUT(records, value) buf_bytes(records, slice_of(&(value), sizeof(value)))

/* --- reading records ------------------------------------------------------------------------- */

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

/* --- batches --------------------------------------------------------------------------------- */

static struct relay_batch *new_batch(struct relay *relay)
{
    struct relay_batch *batch = mem_zalloc(sizeof *batch);
    batch->relay = relay;
    return batch;
}

static void free_batch(struct relay_batch *batch)
{
    if (batch == NULL)
        return;
    buf_fini(&batch->records);
    mem_free(batch);
}

static struct relay_batch *current_commands(struct relay *relay)
{
    if (relay->commands == NULL) {
        relay->commands = relay->spare != NULL ? relay->spare : new_batch(relay);
        relay->spare = NULL;
    }
    return relay->commands;
}

/* --- commands: the worker's side ------------------------------------------------------------- */

static uint8_t command_flags(const struct command *command)
{
    if (command->kind != COMMAND_PUBLISH)
        return 0;
    return (uint8_t)((command->publish.mandatory ? FLAG_MANDATORY : 0) |
                     (command->publish.immediate ? FLAG_IMMEDIATE : 0));
}

static void put_command(struct buf *records, const struct command *command)
{
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
        put_slice(records, command->login.mechanism);
        put_slice(records, command->login.user);
        put_slice(records, command->login.password);
        put_slice(records, command->login.client_properties);
        break;
    case COMMAND_SESSION_OPEN:
        PUT(records, command->open);
        put_slice(records, command->open.name);
        break;
    case COMMAND_SESSION_CLOSE:
        PUT(records, command->close_reason);
        break;
    case COMMAND_DURABLE:
        break;
    }
}

static void apply(struct port *port, const struct command *command)
{
    struct relay_batch *batch = current_commands((struct relay *)port);
    size_t start = begin_record(&batch->records, (uint8_t)command->kind, command->channel,
                                command_flags(command), command->session);
    put_command(&batch->records, command);
    end_record(&batch->records, start);
    batch->cost += batch->records.size - start;
    if (command->kind == COMMAND_PUBLISH)
        batch->cost += message_image_bytes(command->publish.message);
}

static void send_commands(struct port *port)
{
    struct relay *relay = (struct relay *)port;
    struct relay_batch *batch = relay->commands;
    if (batch == NULL)
        return;
    relay->commands = NULL;
    relay->under_way += batch->cost;
    batch->parcel.kind = RELAY_COMMANDS;
    loop_post(relay->engine_loop, &batch->parcel);
}

static void end_tick(struct port *port)
{
    (void)port; /* the engine ends its own ticks */
}

static bool is_full(const struct port *port)
{
    return ((const struct relay *)port)->under_way >= RELAY_UNDER_WAY_MAX;
}

/* --- commands: the engine's side ------------------------------------------------------------- */

static void get_open(struct cursor *cursor, struct command *command)
{
    GET(cursor, command->open);
    command->open.name = get_slice(cursor);
}

static void get_login(struct cursor *cursor, struct command *command)
{
    command->login.mechanism = get_slice(cursor);
    command->login.user = get_slice(cursor);
    command->login.password = get_slice(cursor);
    command->login.client_properties = get_slice(cursor);
}

static void work_record(struct engine *engine, const struct record *front, struct slice body)
{
    struct cursor cursor = cursor_of(body);
    struct command command = {.kind = (enum command_kind)front->kind,
                              .channel = front->channel,
                              .session = front->target};
    struct method method;
    struct reply_error error;
    switch (command.kind) {
    case COMMAND_PUBLISH:
        GET(&cursor, command.publish.message);
        command.publish.mandatory = front->flags & FLAG_MANDATORY;
        command.publish.immediate = front->flags & FLAG_IMMEDIATE;
        break;
    case COMMAND_METHOD:
        get_method(&cursor, &method);
        command.method = &method;
        break;
    case COMMAND_DRAINED:
        GET(&cursor, command.drained_bytes);
        break;
    case COMMAND_FAIL:
        GET(&cursor, error);
        command.fail.error = &error;
        GET(&cursor, command.fail.class_id);
        GET(&cursor, command.fail.method_id);
        break;
    case COMMAND_LOGIN:
        get_login(&cursor, &command);
        break;
    case COMMAND_SESSION_OPEN:
        get_open(&cursor, &command);
        break;
    case COMMAND_SESSION_CLOSE:
        GET(&cursor, command.close_reason);
        break;
    case COMMAND_DURABLE:
        break;
    }
    CHECK(!cursor.failed);
    engine_apply(engine, &command);
}

uint64_t relay_work(struct relay_batch *batch)
{
    struct relay *relay = batch->relay;
    uint64_t count = 0;
    for (size_t at = 0; at < batch->records.size; count++) {
        struct record front;
        memcpy(&front, batch->records.data + at, sizeof front);
        work_record(relay->engine, &front,
                    slice_of(batch->records.data + at + sizeof front, front.bytes - sizeof front));
        at += front.bytes;
    }
    batch->records.size = 0;
    batch->parcel.kind = RELAY_WORKED;
    batch->parcel.next = relay->worked;
    relay->worked = &batch->parcel;
    return count;
}

/* --- effects: the engine's side -------------------------------------------------------------- */

static void put_effect(struct buf *records, const struct effect *effect)
{
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
    case EFFECT_GONE:
        break;
    }
}

static void emit(struct sink *sink, void *connection, const struct effect *effect)
{
    struct relay *relay = (struct relay *)(void *)((char *)sink - offsetof(struct relay, sink));
    if (relay->effects == NULL)
        relay->effects = new_batch(relay);
    struct buf *records = &relay->effects->records;
    uint8_t flags = (uint8_t)((effect->redelivered ? FLAG_REDELIVERED : 0) |
                              (effect->accepted ? FLAG_ACCEPTED : 0));
    size_t start = begin_record(records, (uint8_t)effect->kind, effect->channel, flags, connection);
    put_effect(records, effect);
    end_record(records, start);
}

void relay_end_tick(struct relay *relay)
{
    while (relay->worked != NULL && !engine_is_full(relay->engine)) {
        struct parcel *worked = relay->worked;
        relay->worked = worked->next;
        loop_post(relay->worker_loop, worked);
    }
    struct relay_batch *batch = relay->effects;
    if (batch == NULL)
        return;
    relay->effects = NULL;
    batch->parcel.kind = RELAY_EFFECTS;
    loop_post(relay->worker_loop, &batch->parcel);
}

/* --- effects: the worker's side -------------------------------------------------------------- */

static void receive_record(const struct record *front, struct slice body)
{
    struct cursor cursor = cursor_of(body);
    struct effect effect = {.kind = (enum effect_kind)front->kind,
                            .channel = front->channel,
                            .redelivered = front->flags & FLAG_REDELIVERED,
                            .accepted = front->flags & FLAG_ACCEPTED};
    struct method method;
    struct message *message = NULL;
    if (effect.kind == EFFECT_DELIVER || effect.kind == EFFECT_CONTENT) {
        GET(&cursor, message);
        effect.message = message;
    }
    if (effect.kind == EFFECT_DELIVER) {
        GET(&cursor, effect.delivery_tag);
        effect.consumer_tag = get_slice(&cursor);
    }
    if (effect.kind == EFFECT_METHOD || effect.kind == EFFECT_CONTENT) {
        get_method(&cursor, &method);
        effect.method = &method;
    }
    CHECK(!cursor.failed);
    struct connection *connection = front->target;
    connection_emit(connection, &effect);
    if (message != NULL)
        message_unref(message);
}

static void receive_effects(struct relay_batch *batch)
{
    for (size_t at = 0; at < batch->records.size;) {
        struct record front;
        memcpy(&front, batch->records.data + at, sizeof front);
        receive_record(
            &front, slice_of(batch->records.data + at + sizeof front, front.bytes - sizeof front));
        at += front.bytes;
    }
    free_batch(batch);
}

void relay_receive(struct relay_batch *batch)
{
    struct relay *relay = batch->relay;
    if (batch->parcel.kind == RELAY_EFFECTS) {
        receive_effects(batch);
        return;
    }
    CHECK(batch->parcel.kind == RELAY_WORKED && relay->under_way >= batch->cost);
    relay->under_way -= batch->cost;
    batch->cost = 0;
    if (relay->spare == NULL)
        relay->spare = batch;
    else
        free_batch(batch);
}

/* --- life ------------------------------------------------------------------------------------ */

void relay_init(struct relay *relay, struct engine *engine, struct loop *engine_loop,
                struct loop *worker_loop)
{
    *relay = (struct relay){
        .port = {apply, end_tick, send_commands, is_full, &relay->sink},
        .sink = {emit},
        .engine = engine,
        .engine_loop = engine_loop,
        .worker_loop = worker_loop,
    };
}

void relay_fini(struct relay *relay)
{
    free_batch(relay->commands);
    free_batch(relay->spare);
    free_batch(relay->effects);
    while (relay->worked != NULL) {
        struct relay_batch *batch = (struct relay_batch *)relay->worked;
        relay->worked = relay->worked->next;
        free_batch(batch);
    }
}
