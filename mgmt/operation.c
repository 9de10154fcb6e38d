/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The session says that its connection is gone from the beginning: so nothing of it
 * is ever held, be it a reply that waits for the store or a command that waits for messages.
 */
#include "mgmt/operation.h"

#include "exchange/channel.h"
#include "exchange/handlers.h"
#include "exchange/user.h"
#include "server/base/mem.h"

#define CHANNEL 1

static void keep_message(struct operation *operation, const struct effect *effect)
{
    if (operation->message_count == operation->message_capacity) {
        operation->message_capacity = operation->message_capacity * 2 + 4;
        operation->messages = mem_realloc(operation->messages, operation->message_capacity *
                                                                   sizeof *operation->messages);
    }
    message_ref(effect->message);
    operation->bytes += effect->message->body_bytes;
    operation->messages[operation->message_count++] = (struct operation_message){
        .message = effect->message,
        .tag = effect->method->basic_get_ok.delivery_tag,
        .left = effect->method->basic_get_ok.message_count,
        .redelivered = effect->method->basic_get_ok.redelivered,
    };
}

static void keep_error(struct operation *operation, uint16_t code, struct slice text)
{
    struct reply_error *error = &operation->error;
    operation->failed = true;
    error->code = code;
    error->text_size = text.size < sizeof error->text ? (uint8_t)text.size : 0;
    memcpy(error->text, text.data, error->text_size);
}

static void emit(struct sink *sink, void *connection, const struct effect *effect)
{
    struct operation *operation = (struct operation *)sink;
    const struct method *method = effect->method;
    (void)connection;
    if (effect->kind == EFFECT_CONTENT && method->id == METHOD_BASIC_GET_OK)
        keep_message(operation, effect);
    else if (effect->kind == EFFECT_CONTENT)
        operation->returned = true;
    else if (effect->kind == EFFECT_METHOD && method->id == METHOD_CHANNEL_CLOSE)
        keep_error(operation, method->channel_close.reply_code, method->channel_close.reply_text);
    else if (effect->kind == EFFECT_METHOD && method->id == METHOD_CONNECTION_CLOSE)
        keep_error(operation, method->connection_close.reply_code,
                   method->connection_close.reply_text);
}

bool operation_begin(struct operation *operation, struct engine *engine, struct slice user,
                     struct vhost *vhost)
{
    *operation = (struct operation){.sink = {emit}, .engine = engine};
    struct user *owner = map_get(&engine->users, user);
    if (owner == NULL)
        return false;
    struct session *session = session_new();
    user_ref(owner);
    session->engine = engine;
    session->sink = &operation->sink;
    session->name = slice_dup(SLICE_LITERAL("API"));
    session->user = owner;
    session->vhost = vhost;
    session->state = SESSION_RUNNING;
    session->unwritten_max = UINT64_MAX;
    session->is_gone = true;
    session->is_operators = true;
    operation->session = session;
    (void)channel_open(session, CHANNEL);
    return true;
}

bool operation_apply(struct operation *operation, const struct method *method)
{
    engine_apply(operation->engine, &(struct command){.kind = COMMAND_METHOD,
                                                      .channel = CHANNEL,
                                                      .session = operation->session,
                                                      .method = method});
    return !operation->failed;
}

struct queue *operation_queue(struct operation *operation, enum access_operation access,
                              struct slice name)
{
    struct reply_error *error = &operation->error;
    struct queue *queue = handler_queue_for(session_channel(operation->session, CHANNEL), access,
                                            name, error);
    if (queue == NULL)
        operation->failed = true;
    return queue;
}

struct exchange *operation_exchange(struct operation *operation, enum access_operation access,
                                    struct slice name)
{
    struct channel *channel = session_channel(operation->session, CHANNEL);
    struct exchange *exchange = handler_check_exchange(channel, access, name, &operation->error) < 0
                                    ? NULL
                                    : handler_exchange(channel, name, &operation->error);
    if (exchange == NULL)
        operation->failed = true;
    return exchange;
}

bool operation_publish(struct operation *operation, struct message *message)
{
    engine_apply(operation->engine,
                 &(struct command){.kind = COMMAND_PUBLISH,
                                   .channel = CHANNEL,
                                   .session = operation->session,
                                   .publish = {.message = message, .mandatory = true}});
    return !operation->failed;
}

void operation_end(struct operation *operation)
{
    struct session *session = operation->session;
    if (session == NULL)
        return;
    operation->session = NULL;
    CHECK(session->hold == SESSION_NOT_HELD);
    session_shut(session);
    session_free(session);
    engine_end_change(operation->engine);
}

void operation_fini(struct operation *operation)
{
    CHECK(operation->session == NULL);
    for (size_t i = 0; i < operation->message_count; i++)
        message_unref(operation->messages[i].message);
    mem_free(operation->messages);
}
