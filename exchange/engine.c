/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. engine_apply is the driver: it finds the channel, calls the method's handler, turns
 * a returned error into channel.close or connection.close by the reply code's level, and then
 * dispatches the queues that the command left with both messages and credit. Commands for a channel
 * or session that the engine has closed meanwhile were under way when it did; they are dropped.
 */
#include "exchange/engine.h"

#include "exchange/channel.h"
#include "exchange/handlers.h"
#include "exchange/hold.h"
#include "exchange/login.h"
#include "exchange/publish.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/vhost.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define LEISURELY   16   /* messages in a tick */
#define TIMERS_WORK 4000 /* of a tick (timers.h) */

static const channel_handler handlers[METHOD_ID_COUNT] = {
    [METHOD_CHANNEL_FLOW] = handle_channel_flow,
    [METHOD_ACCESS_REQUEST] = handle_access_request,
    [METHOD_EXCHANGE_DECLARE] = handle_exchange_declare,
    [METHOD_EXCHANGE_DELETE] = handle_exchange_delete,
    [METHOD_EXCHANGE_BIND] = handle_exchange_bind,
    [METHOD_EXCHANGE_UNBIND] = handle_exchange_unbind,
    [METHOD_QUEUE_DECLARE] = handle_queue_declare,
    [METHOD_QUEUE_BIND] = handle_queue_bind,
    [METHOD_QUEUE_UNBIND] = handle_queue_unbind,
    [METHOD_QUEUE_PURGE] = handle_queue_purge,
    [METHOD_QUEUE_DELETE] = handle_queue_delete,
    [METHOD_BASIC_QOS] = handle_basic_qos,
    [METHOD_BASIC_CONSUME] = handle_basic_consume,
    [METHOD_BASIC_CANCEL] = handle_basic_cancel,
    [METHOD_BASIC_GET] = handle_basic_get,
    [METHOD_BASIC_ACK] = handle_basic_ack,
    [METHOD_BASIC_NACK] = handle_basic_nack,
    [METHOD_BASIC_REJECT] = handle_basic_reject,
    [METHOD_BASIC_RECOVER] = handle_basic_recover,
    [METHOD_BASIC_RECOVER_ASYNC] = handle_basic_recover_async,
    [METHOD_CONFIRM_SELECT] = handle_confirm_select,
    [METHOD_TX_SELECT] = handle_tx_select,
    [METHOD_TX_COMMIT] = handle_tx_commit,
    [METHOD_TX_ROLLBACK] = handle_tx_rollback,
};

/* --- errors ---------------------------------------------------------------------------------- */

/* Tells the client, and closes what the error's level says. FAILING is the method, or NONE. */
static void fail(struct session *session, uint16_t number, const struct reply_error *error,
                 uint16_t class_id, uint16_t method_id)
{
    struct engine *engine = session->engine;
    struct channel *channel = session_channel(session, number);
    bool only_channel = number != 0 && reply_level(error->code) == REPLY_LEVEL_CHANNEL;
    if (only_channel && channel == NULL)
        return; /* closed meanwhile; the client has been told why */
    struct method close = {.id = only_channel ? METHOD_CHANNEL_CLOSE : METHOD_CONNECTION_CLOSE};
    struct method_connection_close fields = {
        .reply_code = error->code,
        .reply_text = slice_of(error->text, error->text_size),
        .class_id = class_id,
        .method_id = method_id,
    };
    log_warning(only_channel ? "channel_error" : "connection_error",
                LOG_BYTES("connection", session->name), LOG_NUM("channel", number),
                LOG_BYTES("reply", fields.reply_text), LOG_NUM("class", class_id),
                LOG_NUM("method", method_id));
    if (only_channel) {
        close.channel_close = (struct method_channel_close){fields.reply_code, fields.reply_text,
                                                            fields.class_id, fields.method_id};
        engine->counters.channel_errors++;
        channel_close(channel, true);
        session_send(session, number, &close);
    } else {
        close.connection_close = fields;
        engine->counters.connection_errors++;
        session_shut(session);
        session_send(session, 0, &close);
    }
}

/* --- sessions -------------------------------------------------------------------------------- */

static void open_session(struct engine *engine, const struct command *command)
{
    struct session *session = command->session;
    const struct command_open *open = &command->open;
    session->engine = engine;
    session->sink = open->sink;
    session->connection = open->connection;
    session->name = slice_dup(open->name);
    session->from_loopback = open->from_loopback;
    session->is_tls = open->is_tls;
    session->opened_ms = engine->env->wall_ms(engine->env->context);
    session->unwritten_max = open->unwritten_max;
    session->id = ++engine->sessions_opened;
    list_append(&engine->sessions, &session->by_engine);
}

void engine_leave_vhost(struct session *session)
{
    struct vhost *vhost = session->vhost;
    if (vhost == NULL)
        return;
    registry_remove(session->engine, REGISTRY_SESSION, &session->registered);
    session->engine->connection_count--;
    vhost->connections--;
    session->user->connections--;
    session->vhost = NULL;
}

void engine_close_session(struct session *session, const struct reply_error *error)
{
    if (session->state == SESSION_CLOSED)
        return;
    session->replies_wait = session->hold == SESSION_HELD_REPLY; /* the close goes behind those */
    fail(session, 0, error, 0, 0);
    session->replies_wait = false;
}

void engine_close_channel(struct channel *channel, const struct reply_error *error)
{
    struct session *session = channel->session;
    session->replies_wait = session->hold == SESSION_HELD_REPLY;
    fail(session, channel->number, error, 0, 0);
    session->replies_wait = false;
}

static void close_session(struct engine *engine, struct session *session, const char *reason)
{
    log_info("connection_closed", LOG_NUM("id", session->id),
             LOG_BYTES("connection", session->name), LOG_STR("reason", reason));
    session_shut(session);
    engine_leave_vhost(session);
    list_remove(&session->by_engine);
    engine->counters.sessions_closed++;
    session_emit(session, &(struct effect){.kind = EFFECT_GONE});
    session_free(session);
}

/* --- methods --------------------------------------------------------------------------------- */

static int apply_connection_method(struct session *session, const struct method *method,
                                   struct reply_error *error)
{
    if (method->id == METHOD_CONNECTION_OPEN && session->state == SESSION_LOGGED)
        return login_open_vhost(session, method->connection_open.virtual_host, error);
    if (method->id == METHOD_CONNECTION_TUNE_OK && session->state == SESSION_LOGGED) {
        session->tuned = method->connection_tune_ok;
        return 0;
    }
    if (method->id == METHOD_CONNECTION_CLOSE) {
        session_shut(session);
        session_send(session, 0, &(struct method){.id = METHOD_CONNECTION_CLOSE_OK});
        return 0;
    }
    if (method->id == METHOD_CONNECTION_UPDATE_SECRET) {
        session_send(session, 0, &(struct method){.id = METHOD_CONNECTION_UPDATE_SECRET_OK});
        return 0;
    }
    return reply_error(error, REPLY_COMMAND_INVALID, "unimplemented method");
}

static int apply_channel_method(struct session *session, uint16_t number,
                                const struct method *method, struct reply_error *error)
{
    struct channel *channel = session_channel(session, number);
    if (method->id == METHOD_CHANNEL_OPEN) {
        if (channel != NULL)
            return reply_error(error, REPLY_CHANNEL_ERROR, "second 'channel.open' seen");
        if (access_check_channel(session, error) < 0)
            return -1;
        (void)channel_open(session, number);
        session_send(session, number, &(struct method){.id = METHOD_CHANNEL_OPEN_OK});
        return 0;
    }
    if (method->id == METHOD_CHANNEL_CLOSE) {
        if (channel != NULL)
            channel_close(channel, true);
        session_send(session, number, &(struct method){.id = METHOD_CHANNEL_CLOSE_OK});
        return 0;
    }
    if (channel == NULL)
        return 0;
    if (handlers[method->id] == NULL)
        return reply_error(error, REPLY_COMMAND_INVALID, "unimplemented method");
    return handlers[method->id](channel, method, error);
}

static void apply_method(struct session *session, uint16_t number, const struct method *method)
{
    struct reply_error error;
    int status = number == 0 ? apply_connection_method(session, method, &error)
                             : apply_channel_method(session, number, method, &error);
    if (__builtin_expect(status < 0, 0))
        fail(session, number, &error, method_infos[method->id].class_id,
             method_infos[method->id].method_id);
}

static void apply_publish(struct session *session, uint16_t number,
                          const struct command_publish *command)
{
    struct channel *channel = session_channel(session, number);
    struct reply_error error;
    if (channel == NULL)
        message_unref(command->message);
    else if (__builtin_expect(publish(channel, command, &error) < 0, 0))
        fail(session, number, &error, method_infos[METHOD_BASIC_PUBLISH].class_id,
             method_infos[METHOD_BASIC_PUBLISH].method_id);
}

static void dispatch_pending(struct engine *engine)
{
    for (struct list_node *node; (node = list_pop(&engine->pending)) != NULL;)
        queue_dispatch(LIST_ENTRY(node, struct queue, pending));
}

/* Was something put off to the end of the command? */
static inline bool has_put_off(const struct engine *engine)
{
    return __builtin_expect((engine->dead_letters.count | engine->notices.count) > 0, 0) ||
           !list_is_empty(&engine->pending);
}

/* Lets that happen. */
static void end_command(struct engine *engine)
{
    while (has_put_off(engine)) {
        dead_letter_send(engine);
        if (engine->notices.count > 0)
            notices_publish(engine);
        dispatch_pending(engine);
    }
}

/* What is left for a session that is closed: nothing but its end. */
static void drop_command(const struct command *command)
{
    if (command->kind == COMMAND_PUBLISH)
        message_unref(command->publish.message);
}

static void apply(struct engine *engine, const struct command *command)
{
    struct session *session = command->session;
    switch (command->kind) {
    case COMMAND_PUBLISH:
        apply_publish(session, command->channel, &command->publish);
        break;
    case COMMAND_METHOD:
        apply_method(session, command->channel, command->method);
        break;
    case COMMAND_DRAINED:
        session_drained(session, command->drained_bytes);
        break;
    case COMMAND_FAIL:
        fail(session, command->channel, command->fail.error, command->fail.class_id,
             command->fail.method_id);
        break;
    case COMMAND_LOGIN:
        login_apply(session, &command->login);
        break;
    case COMMAND_SESSION_OPEN:
        open_session(engine, command);
        break;
    case COMMAND_SESSION_CLOSE:
        close_session(engine, session, command->close_reason);
        break;
    case COMMAND_DURABLE:
        if (command->durable_lsn > engine->durable_lsn) /* flush may have told of more already */
            engine->durable_lsn = command->durable_lsn;
        break;
    }
}

/* Applies COMMAND, which need not wait, and dispatches the queues that it left with work. */
static void apply_now(struct engine *engine, const struct command *command)
{
    struct session *session = command->session;
    if (session != NULL && session->state == SESSION_CLOSED &&
        command->kind != COMMAND_SESSION_CLOSE) {
        drop_command(command);
        return;
    }
    bool replies_wait = session != NULL && session->hold == SESSION_HELD_REPLY;
    if (__builtin_expect(replies_wait, 0))
        session->replies_wait = true;
    engine->acting = session;
    apply(engine, command);
    engine->acting = NULL;
    if (__builtin_expect(replies_wait, 0))
        session->replies_wait = false;
    if (has_put_off(engine))
        end_command(engine);
}

/* Goes on with the sessions that were released; false when there were none. */
static bool run_released(struct engine *engine)
{
    struct session *session = hold_pop_released(engine);
    if (session == NULL)
        return false;
    for (; session != NULL; session = hold_pop_released(engine)) {
        struct packed_command next;
        while (hold_next(session, &next)) {
            apply_now(engine, &next.command);
            if (next.command.kind == COMMAND_SESSION_CLOSE)
                break; /* the session is freed */
        }
    }
    return true;
}

void engine_end_change(struct engine *engine)
{
    end_command(engine);
    (void)run_released(engine);
}

void engine_apply(struct engine *engine, const struct command *command)
{
    struct session *session = command->session;
    engine->counters.commands++;
    if (session != NULL)
        CHECK_MAGIC(session, SESSION_MAGIC);
    bool may_wait = session != NULL && (session->hold != SESSION_NOT_HELD || engine->store_failed);
    if (__builtin_expect(!may_wait, 1) || !hold_defer(session, command))
        apply_now(engine, command);
    (void)run_released(engine);
}

/* --- the store ------------------------------------------------------------------------------- */

uint64_t engine_append(struct engine *engine, const struct store_record *record)
{
    struct store *store = engine->store;
    if (__builtin_expect(engine->tx_begins, 0)) {
        engine->tx_begins = false;
        (void)store->append(store, &(struct store_record){.kind = STORE_TX_BEGIN});
    }
    return store->append(store, record);
}

bool engine_is_full(const struct engine *engine)
{
    return engine->held_bytes >= ENGINE_HELD_MAX || engine->store->is_full(engine->store);
}

/* Calls done for those whose wait is over. */
static void end_durable_waits(struct engine *engine)
{
    list_for_each_safe (node, &engine->durable_waits) {
        struct durable_wait *wait = LIST_ENTRY(node, struct durable_wait, by_engine);
        bool is_durable = wait->lsn <= engine->durable_lsn;
        if (!is_durable && !engine->store_failed)
            continue;
        list_remove(&wait->by_engine);
        wait->failed = !is_durable;
        wait->done(wait);
    }
}

void engine_when_durable(struct engine *engine, uint64_t lsn, struct durable_wait *wait)
{
    wait->lsn = lsn;
    wait->failed = lsn > engine->durable_lsn && engine->store_failed;
    wait->by_engine = (struct list_node){0};
    if (lsn > engine->durable_lsn && !engine->store_failed)
        list_append(&engine->durable_waits, &wait->by_engine);
    else
        wait->done(wait);
}

static struct channel *channel_of(struct confirms *confirms)
{
    return (struct channel *)(void *)((char *)confirms - offsetof(struct channel, confirms));
}

/* Hands the batch to the store, and lets those know who waited for what is durable now. A tick in
 * which hardly a message came is one in which the engine may wait for the disk; but others are due
 * soon when delayed ones are, and nobody waits for those. */
static void flush(struct engine *engine)
{
    uint64_t came = engine->counters.messages_routed - engine->routed_before;
    bool at_leisure = came <= LEISURELY && !engine->delays.has_delivered;
    uint64_t durable = engine->store->flush(engine->store, at_leisure);
    engine->delays.has_delivered = false;
    if (durable > engine->durable_lsn)
        engine->durable_lsn = durable;
    list_for_each_safe (node, &engine->confirming)
        channel_confirm(channel_of(LIST_ENTRY(node, struct confirms, due)));
    hold_send_due(engine);
    end_durable_waits(engine);
}

void engine_refuse_waiting(struct engine *engine)
{
    list_for_each_safe (node, &engine->confirming)
        channel_refuse(channel_of(LIST_ENTRY(node, struct confirms, due)));
}

static void flush_all(struct engine *engine)
{
    do
        flush(engine);
    while (run_released(engine)); /* they may have appended, and nobody else would flush that */
}

/* Lets that happen which is due, as much as a tick may take. */
static void run_timers(struct engine *engine)
{
    if (timers_next(&engine->timers) == TIMER_NEVER)
        return;
    uint64_t now = engine->env->now_ms(engine->env->context);
    if (!timers_run(&engine->timers, now, TIMERS_WORK))
        engine->wants_tick = true;
}

void engine_end_tick(struct engine *engine)
{
    engine->wants_tick = false;
    engine->tells_events = true;
    paging_answer(engine);
    run_timers(engine);
    (void)run_released(engine); /* basic.get before consumers, which might leave nothing */
    end_command(engine);
    flush_all(engine);
    delays_end_tick(engine);
    if (paging_evict(engine))
        flush_all(engine);
}

void engine_store_failed(struct engine *engine)
{
    engine->store_failed = true;
    end_durable_waits(engine);
    hold_fail(engine);
    (void)run_released(engine);
}
