// SPDX-License-Identifier: Apache-2.0
// Design notes: rabbitmq-c answers a call from what comes next on the channel and keeps the rest in
// order, so that one connection for consuming and one for publishing need no thread and no
// callback.

#include "scene.h"

#include <amqp_tcp_socket.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct timeval limit(void)
{
    return (struct timeval){.tv_sec = WAIT_S};
}

void fail(struct scene *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->reason, sizeof s->reason, format, arguments);
    va_end(arguments);
    longjmp(s->failed, 1);
}

static const char *keep(struct scene *s, char *owned)
{
    if (owned == NULL || s->texts_count == sizeof s->texts / sizeof s->texts[0]) {
        free(owned);
        fail(s, "the scene is out of memory for texts");
    }
    s->texts[s->texts_count++] = owned;
    return owned;
}

const char *text(struct scene *s, const char *format, ...)
{
    char buffer[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return keep(s, strdup(buffer));
}

const char *text_of(struct scene *s, amqp_bytes_t got)
{
    return keep(s, strndup(got.len ? got.bytes : "", got.len));
}

amqp_bytes_t bytes(const char *text)
{
    return amqp_cstring_bytes(text);
}

void same(struct scene *s, const char *expected, const char *got)
{
    if (strcmp(expected, got) != 0)
        fail(s, "expected '%s', got '%s'", expected, got);
}

void same_number(struct scene *s, uint64_t expected, uint64_t got)
{
    if (expected != got)
        fail(s, "expected %llu, got %llu", (unsigned long long)expected, (unsigned long long)got);
}

const char *close_text(struct scene *s, amqp_method_t method)
{
    if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        amqp_channel_close_t *closed = method.decoded;
        return text(s, "%u %s", closed->reply_code, text_of(s, closed->reply_text));
    }
    if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
        amqp_connection_close_t *closed = method.decoded;
        return text(s, "%u %s", closed->reply_code, text_of(s, closed->reply_text));
    }
    return text(s, "the method %s", amqp_method_name(method.id));
}

static const char *reply_text(struct scene *s, amqp_rpc_reply_t reply)
{
    switch (reply.reply_type) {
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        return close_text(s, reply.reply);
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        return amqp_error_string2(reply.library_error);
    case AMQP_RESPONSE_NORMAL:
    case AMQP_RESPONSE_NONE:
        break;
    }
    return "an answer";
}

void ok(struct scene *s, amqp_connection_state_t connection)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        fail(s, "%s", reply_text(s, reply));
}

void sent(struct scene *s, int status)
{
    if (status < 0)
        fail(s, "%s", amqp_error_string2(status));
}

amqp_connection_state_t scene_dial(struct scene *s, struct settings settings,
                                   amqp_rpc_reply_t *reply)
{
    if (s->opened_count == sizeof s->opened / sizeof s->opened[0])
        fail(s, "too many connections for one scene");
    amqp_connection_state_t connection = amqp_new_connection();
    s->opened[s->opened_count++] = connection;
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    struct timeval wait = limit();
    sent(s, amqp_set_handshake_timeout(connection, &wait));
    sent(s, amqp_set_rpc_timeout(connection, &wait));
    sent(s,
         amqp_socket_open_noblock(socket, getenv("AMQP_HOST"), atoi(getenv("AMQP_PORT")), &wait));
    // rabbitmq-c names its own capabilities; this one is its user's to give.
    amqp_table_entry_t notify = {.key = bytes("consumer_cancel_notify"),
                                 .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
    amqp_table_entry_t entries[] = {
        {bytes("connection_name"),
         {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = bytes("interop rabbitmq-c")}},
        {bytes("capabilities"), {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {1, &notify}}},
    };
    amqp_table_t properties = {2, entries};
    *reply = amqp_login_with_properties(connection, settings.vhost, settings.channel_max,
                                        settings.frame_max, settings.heartbeat, &properties,
                                        AMQP_SASL_METHOD_PLAIN, "guest", settings.password);
    return connection;
}

amqp_connection_state_t scene_connect(struct scene *s, struct settings settings)
{
    amqp_rpc_reply_t reply;
    amqp_connection_state_t connection = scene_dial(s, settings, &reply);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        fail(s, "login: %s", reply_text(s, reply));
    amqp_channel_open(connection, MAIN);
    ok(s, connection);
    return connection;
}

amqp_channel_t scene_channel(struct scene *s)
{
    amqp_channel_t channel = (amqp_channel_t)(MAIN + ++s->channels_used);
    amqp_channel_open(s->connection, channel);
    ok(s, s->connection);
    return channel;
}

void scene_close(struct scene *s)
{
    for (size_t i = 0; i < s->opened_count; i++) {
        // Some of them the broker closed already: the answer to this close does not matter.
        amqp_connection_close(s->opened[i], AMQP_REPLY_SUCCESS);
        amqp_destroy_connection(s->opened[i]);
    }
    for (size_t i = 0; i < s->texts_count; i++)
        free(s->texts[i]);
    s->opened_count = 0;
    s->texts_count = 0;
}

const char *scene_name(struct scene *s, const char *word)
{
    return text(s, "interop-c-%s-%s", word, s->suffix);
}

const char *scene_queue(struct scene *s, const char *word)
{
    const char *name = scene_name(s, word);
    amqp_queue_declare(s->connection, MAIN, bytes(name), 0, 0, 1, 0, amqp_empty_table);
    ok(s, s->connection);
    return name;
}

const char *scene_exchange(struct scene *s, const char *word, const char *type,
                           amqp_table_t arguments)
{
    const char *name = scene_name(s, word);
    amqp_exchange_declare(s->connection, MAIN, bytes(name), bytes(type), 0, 0, 1, 0, arguments);
    ok(s, s->connection);
    return name;
}

void scene_bind(struct scene *s, const char *queue, const char *exchange, const char *key)
{
    amqp_queue_bind(s->connection, MAIN, bytes(queue), bytes(exchange), bytes(key),
                    amqp_empty_table);
    ok(s, s->connection);
}

amqp_method_t scene_next_method(struct scene *s, amqp_connection_state_t connection,
                                amqp_channel_t *channel)
{
    amqp_frame_t frame;
    struct timeval wait = limit();
    do {
        sent(s, amqp_simple_wait_frame_noblock(connection, &frame, &wait));
    } while (frame.frame_type != AMQP_FRAME_METHOD);
    *channel = frame.channel;
    return frame.payload.method;
}

void scene_send(struct scene *s, const char *exchange, const char *key, amqp_bytes_t body,
                const amqp_basic_properties_t *properties)
{
    sent(s, amqp_basic_publish(s->publisher, MAIN, bytes(exchange), bytes(key), 0, 0, properties,
                               body));
    amqp_channel_t channel;
    amqp_method_t confirm = scene_next_method(s, s->publisher, &channel);
    if (confirm.id != AMQP_BASIC_ACK_METHOD)
        fail(s, "expected a confirm, got %s", close_text(s, confirm));
    amqp_maybe_release_buffers(s->publisher);
}

void scene_publish(struct scene *s, const char *queue, int first, int last)
{
    for (int i = first; i <= last; i++)
        scene_send(s, "", queue, bytes(text(s, "%d", i)), NULL);
}

void scene_consume(struct scene *s, amqp_channel_t channel, const char *queue, const char *tag,
                   bool no_ack)
{
    amqp_basic_consume(s->connection, channel, bytes(queue), bytes(tag), 0, no_ack, 0,
                       amqp_empty_table);
    ok(s, s->connection);
}

const char *scene_take(struct scene *s, int count)
{
    const char *taken = "";
    for (int i = 0; i < count; i++) {
        amqp_envelope_t envelope;
        struct timeval wait = limit();
        amqp_rpc_reply_t reply = amqp_consume_message(s->connection, &envelope, &wait, 0);
        if (reply.reply_type != AMQP_RESPONSE_NORMAL)
            fail(s, "after '%s' of %d messages: %s", taken, count, reply_text(s, reply));
        taken = text(s, "%s%s%s=%s%s", taken, i ? " " : "", text_of(s, envelope.consumer_tag),
                     text_of(s, envelope.message.body), envelope.redelivered ? "*" : "");
        amqp_destroy_envelope(&envelope);
    }
    return taken;
}

// Appends one message of the queue to the text; false when there is none.
static bool get_one(struct scene *s, amqp_channel_t channel, const char *queue, bool no_ack,
                    const char **got)
{
    amqp_rpc_reply_t reply = amqp_basic_get(s->connection, channel, bytes(queue), no_ack);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        fail(s, "get: %s", reply_text(s, reply));
    if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD)
        return false;
    bool redelivered = ((amqp_basic_get_ok_t *)reply.reply.decoded)->redelivered;
    amqp_message_t message;
    reply = amqp_read_message(s->connection, channel, &message, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        fail(s, "get: %s", reply_text(s, reply));
    *got = text(s, "%s%s%s%s", *got, **got ? " " : "", text_of(s, message.body),
                redelivered && !no_ack ? "*" : "");
    amqp_destroy_message(&message);
    return true;
}

const char *scene_get(struct scene *s, amqp_channel_t channel, const char *queue, int count)
{
    const char *got = "";
    for (int i = 0; i < count; i++)
        if (!get_one(s, channel, queue, false, &got))
            fail(s, "the queue is empty after '%s' of %d messages", got, count);
    return got;
}

const char *scene_drain(struct scene *s, const char *queue)
{
    const char *got = "";
    while (get_one(s, MAIN, queue, true, &got))
        ;
    return got;
}

void scene_get_message(struct scene *s, amqp_connection_state_t connection, const char *queue,
                       amqp_message_t *message)
{
    amqp_rpc_reply_t reply = amqp_basic_get(connection, MAIN, bytes(queue), 1);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL || reply.reply.id != AMQP_BASIC_GET_OK_METHOD)
        fail(s, "get: %s", reply_text(s, reply));
    reply = amqp_read_message(connection, MAIN, message, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        fail(s, "get: %s", reply_text(s, reply));
}

uint32_t scene_ready(struct scene *s, const char *queue)
{
    amqp_queue_declare_ok_t *declared = amqp_queue_declare(s->connection, MAIN, bytes(queue), 1, 0,
                                                           0, 0, amqp_empty_table);
    ok(s, s->connection);
    return declared->message_count;
}

static void expect_close(struct scene *s, amqp_connection_state_t connection,
                         amqp_channel_t channel, amqp_method_t method, const char *expected)
{
    same(s, expected, close_text(s, method));
    if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        amqp_channel_close_ok_t answer = {0};
        sent(s, amqp_send_method(connection, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &answer));
    } else {
        amqp_connection_close_ok_t answer = {0};
        sent(s, amqp_send_method(connection, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &answer));
    }
}

void closed_by_answer(struct scene *s, amqp_connection_state_t connection, amqp_channel_t channel,
                      const char *expected)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
        fail(s, "expected '%s', got %s", expected, reply_text(s, reply));
    expect_close(s, connection, channel, reply.reply, expected);
}

void closed_next(struct scene *s, amqp_connection_state_t connection, amqp_channel_t channel,
                 const char *expected)
{
    amqp_channel_t on;
    amqp_method_t method = scene_next_method(s, connection, &on);
    if (method.id == AMQP_CHANNEL_CLOSE_METHOD)
        same_number(s, channel, on);
    expect_close(s, connection, channel, method, expected);
}
