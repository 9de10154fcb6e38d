/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A client may rely on an answered declare, bind or commit only if it is durable, so
 * such a reply waits; and since AMQP answers in order, all that the client sent behind it waits as
 * well, as commands that are not applied yet: then there is nothing of them to be undone or put in
 * order. Only methods that change the topology are applied while replies of the same kind wait,
 * with their own replies behind those, so that several of them share a sync.
 *
 * A released session is not gone on with at once, for whoever releases it is in the middle of
 * something: engine.released holds it until the present command is over.
 */
#include "exchange/hold.h"

#include "exchange/engine.h"
#include "server/base/mem.h"

/* --- commands that wait ---------------------------------------------------------------------- */

/* May COMMAND be applied while replies wait? */
static bool may_follow(const struct session *session, const struct command *command)
{
    if (session->hold != SESSION_HELD_REPLY || command->kind != COMMAND_METHOD)
        return false;
    switch ((unsigned)command->method->id) {
    case METHOD_EXCHANGE_DECLARE:
    case METHOD_EXCHANGE_DELETE:
    case METHOD_EXCHANGE_BIND:
    case METHOD_EXCHANGE_UNBIND:
    case METHOD_QUEUE_DECLARE:
    case METHOD_QUEUE_DELETE:
    case METHOD_QUEUE_BIND:
    case METHOD_QUEUE_UNBIND:
        return true;
    default:
        return false;
    }
}

/* Drops the first BYTES of the replies that wait. */
static void drop_replies(struct session *session, size_t bytes)
{
    struct buf *replies = &session->waiting_replies;
    session->engine->held_bytes -= bytes;
    replies->size -= bytes;
    if (replies->size == 0)
        buf_fini(replies);
    else
        memmove(replies->data, replies->data + bytes, replies->size);
}

/* Puts COMMAND behind those that wait. */
static void put(struct session *session, const struct command *command)
{
    size_t before = session->deferred.size;
    packed_put_command(&session->deferred, command);
    session->engine->held_bytes += session->deferred.size - before + packed_command_holds(command);
}

/* All that counts once the store has failed. */
static bool ends_connection(const struct command *command)
{
    return command->kind == COMMAND_SESSION_CLOSE ||
           (command->kind == COMMAND_METHOD && command->method->id == METHOD_CONNECTION_CLOSE) ||
           (command->kind == COMMAND_FAIL &&
            (command->channel == 0 ||
             reply_level(command->fail.error->code) != REPLY_LEVEL_CHANNEL));
}

/* The store has failed: to go on answering would leave out the answers that wait for it. */
static bool drop(const struct session *session, const struct command *command)
{
    if (command->kind == COMMAND_SESSION_OPEN || command->kind == COMMAND_DRAINED ||
        session->state == SESSION_CLOSED || ends_connection(command))
        return false;
    if (command->kind == COMMAND_PUBLISH)
        message_unref(command->publish.message);
    return true;
}

bool hold_defer(struct session *session, const struct command *command)
{
    if (session->hold == SESSION_NOT_HELD)
        return drop(session, command);
    if (command->kind == COMMAND_DRAINED ||
        (session->state == SESSION_CLOSED && command->kind != COMMAND_SESSION_CLOSE) ||
        (session->deferred.size == 0 && may_follow(session, command)))
        return false;
    put(session, command);
    if (command->kind == COMMAND_SESSION_CLOSE) { /* nobody is there to be answered */
        session->is_gone = true;
        drop_replies(session, session->waiting_replies.size);
        session_release(session);
    }
    return true;
}

/* Forgets the commands that were applied, if that is worth the copying. */
static void compact(struct session *session)
{
    size_t left = session->deferred.size - session->deferred_at;
    if (left == 0)
        buf_fini(&session->deferred);
    else if (left < session->deferred_at)
        memmove(session->deferred.data, session->deferred.data + session->deferred_at, left);
    else
        return;
    session->deferred.size = left;
    session->deferred_at = 0;
}

bool hold_next(struct session *session, struct packed_command *next)
{
    struct engine *engine = session->engine;
    const struct buf *deferred = &session->deferred;
    session->running_bytes = 0;
    while (session->deferred_at < deferred->size) {
        packed_get_command(
            slice_of(deferred->data + session->deferred_at, deferred->size - session->deferred_at),
            next);
        if (session->hold != SESSION_NOT_HELD && !may_follow(session, &next->command))
            break;
        session->deferred_at += next->bytes;
        engine->held_bytes -= next->bytes + packed_command_holds(&next->command);
        if (!engine->store_failed || ends_connection(&next->command)) {
            session->running_bytes = next->bytes;
            return true;
        }
        if (next->command.kind == COMMAND_PUBLISH)
            message_unref(next->command.publish.message);
    }
    compact(session);
    return false;
}

void session_hold_command(struct session *session, const struct command *command,
                          struct list *waiters)
{
    struct engine *engine = session->engine;
    CHECK_ID(session->hold == SESSION_NOT_HELD, session->id);
    if (session->is_gone) {
        if (command->kind == COMMAND_PUBLISH)
            message_unref(command->publish.message);
        return;
    }
    if (session->running_bytes > 0) { /* it is there, as the one taken last */
        session->deferred_at -= session->running_bytes;
        engine->held_bytes += session->running_bytes + packed_command_holds(command);
    } else {
        CHECK_ID(session->deferred.size == 0, session->id);
        put(session, command);
    }
    session->hold = SESSION_HELD_COMMAND;
    list_append(engine->store_failed ? &engine->released : waiters, &session->by_holder);
}

/* --- replies that wait ----------------------------------------------------------------------- */

/* In front of a reply's packed effect. */
struct waiting {
    uint64_t lsn;
};

static void wait_for(struct session *session, uint16_t channel, const struct method *method,
                     uint64_t lsn)
{
    struct buf *replies = &session->waiting_replies;
    size_t before = replies->size;
    buf_bytes(replies, slice_of(&(struct waiting){lsn}, sizeof(struct waiting)));
    packed_put_effect(replies,
                      &(struct effect){.kind = EFFECT_METHOD, .channel = channel, .method = method},
                      session->connection);
    session->engine->held_bytes += replies->size - before;
}

void hold_reply_behind(struct session *session, uint16_t channel, const struct method *method)
{
    wait_for(session, channel, method, 0);
}

void session_hold_reply(struct session *session, uint16_t channel, const struct method *method,
                        uint64_t lsn)
{
    struct engine *engine = session->engine;
    if (lsn <= engine->durable_lsn) {
        session_send(session, channel, method);
        return;
    }
    if (engine->store_failed || session->is_gone)
        return;
    wait_for(session, channel, method, lsn);
    if (session->hold == SESSION_HELD_REPLY)
        return;
    CHECK_ID(session->hold == SESSION_NOT_HELD, session->id);
    session->hold = SESSION_HELD_REPLY;
    list_append(&engine->holding, &session->by_holder);
}

/* Sends the replies that are due, up to the first that is not. */
static void send_due(struct session *session)
{
    const struct buf *replies = &session->waiting_replies;
    size_t at = 0;
    while (at < replies->size) {
        struct waiting waiting;
        struct packed_effect reply;
        memcpy(&waiting, replies->data + at, sizeof waiting);
        if (waiting.lsn > session->engine->durable_lsn)
            break;
        at += sizeof waiting;
        packed_get_effect(slice_of(replies->data + at, replies->size - at), &reply);
        session_emit(session, &reply.effect);
        at += reply.bytes;
    }
    drop_replies(session, at);
}

void hold_send_due(struct engine *engine)
{
    if (engine->replied_lsn == engine->durable_lsn)
        return;
    engine->replied_lsn = engine->durable_lsn;
    list_for_each_safe (node, &engine->holding) {
        struct session *session = LIST_ENTRY(node, struct session, by_holder);
        send_due(session);
        if (session->waiting_replies.size == 0)
            session_release(session);
    }
}

/* --- releasing ------------------------------------------------------------------------------- */

void session_release(struct session *session)
{
    CHECK_ID(session->hold != SESSION_NOT_HELD, session->id);
    list_remove(&session->by_holder);
    list_append(&session->engine->released, &session->by_holder);
}

void session_release_all(struct list *waiters)
{
    for (struct list_node *node; (node = list_first(waiters)) != NULL;)
        session_release(LIST_ENTRY(node, struct session, by_holder));
}

struct session *hold_pop_released(struct engine *engine)
{
    struct list_node *node = list_pop(&engine->released);
    if (node == NULL)
        return NULL;
    struct session *session = LIST_ENTRY(node, struct session, by_holder);
    session->hold = SESSION_NOT_HELD;
    return session;
}

void hold_fail(struct engine *engine)
{
    list_for_each_safe (node, &engine->sessions) {
        struct session *session = LIST_ENTRY(node, struct session, by_engine);
        if (session->hold == SESSION_NOT_HELD)
            continue;
        drop_replies(session, session->waiting_replies.size);
        session_release(session);
    }
}
