/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/model_ops.h"

#include <stdio.h>

struct m_expected *model_expect(struct model *model, int session, uint16_t channel,
                                enum method_id id)
{
    CHECK(model->expected_count < EXPECTED_MAX);
    struct m_expected *expected = &model->expected[model->expected_count++];
    *expected = (struct m_expected){.session = session, .channel = channel, .id = id};
    return expected;
}

struct m_expected *expect(struct place *p, enum method_id id)
{
    return model_expect(p->model, p->session, p->number, id);
}

static void name_operation(struct model *model, const char *text)
{
    snprintf(model->operation, sizeof model->operation, "%s", text);
}

void send(struct place *p, const struct method *method)
{
    client_send(p->at->client, p->number, method);
}

void channel_error(struct place *p, uint16_t code)
{
    state_close_channel(p->model, p->session, p->number, true);
    expect(p, METHOD_CHANNEL_CLOSE)->number = code;
    p->model->counters.channel_errors++;
    p->model->errors++;
}

void connection_error(struct place *p, uint16_t code)
{
    state_close_session(p->model, p->session);
    model_expect(p->model, p->session, 0, METHOD_CONNECTION_CLOSE)->number = code;
    p->model->counters.connection_errors++;
    p->model->errors++;
}

/* The error of using QUEUE, or 0. */
uint16_t queue_error(const struct place *p, int queue)
{
    const struct m_queue *q = &p->model->queues[queue];
    if (!q->alive)
        return REPLY_NOT_FOUND;
    return q->owner != NONE && q->owner != p->session ? REPLY_RESOURCE_LOCKED : 0;
}

/* Mostly a queue that may be used, sometimes any. */
int choose_queue(const struct place *p)
{
    int queue = (int)below(p->model, QUEUES);
    if (!one_in(p->model, 50))
        for (int tries = 0; tries < 20 && queue_error(p, queue) != 0; tries++)
            queue = (int)below(p->model, QUEUES);
    return queue;
}

/* --- modes of channels ----------------------------------------------------------------------- */

static void op_select(struct place *p)
{
    bool confirm = p->channel->mode == CHANNEL_PLAIN ? one_in(p->model, 2)
                   : one_in(p->model, 30)            ? p->channel->mode == CHANNEL_TX
                                                     : p->channel->mode == CHANNEL_CONFIRM;
    enum channel_mode mode = confirm ? CHANNEL_CONFIRM : CHANNEL_TX;
    if (p->channel->mode != CHANNEL_PLAIN && p->channel->mode != mode) {
        channel_error(p, REPLY_PRECONDITION_FAILED);
    } else {
        p->channel->mode = mode;
        expect(p, confirm ? METHOD_CONFIRM_SELECT_OK : METHOD_TX_SELECT_OK);
    }
    send(p, &(struct method){.id = confirm ? METHOD_CONFIRM_SELECT : METHOD_TX_SELECT});
}

/* May a queue refuse one of the publishes of CHANNEL? Which ones is hard to tell before. */
static bool may_be_refused(const struct model *model, const struct m_channel *channel)
{
    for (size_t i = 0; i < channel->tx_count; i++) {
        bool queues[PLACES];
        state_route(model, channel->tx_publishes[i].exchange, &channel->tx_publishes[i], queues);
        for (int q = 0; q < QUEUES; q++)
            if (queues[q] && model->queues[q].settings.of[SETTING_OVERFLOW] > OVERFLOW_DROP_HEAD &&
                (model->queues[q].settings.of[SETTING_LENGTH] != NONE ||
                 model->queues[q].settings.of[SETTING_BYTES] != NONE))
                return true;
    }
    return false;
}

static void op_commit(struct place *p)
{
    struct model *model = p->model;
    if (may_be_refused(model, p->channel))
        return;
    if (p->channel->mode != CHANNEL_TX) {
        if (!one_in(model, 30))
            return;
        channel_error(p, REPLY_PRECONDITION_FAILED);
    } else {
        for (size_t i = 0; i < p->channel->tx_count; i++)
            (void)state_publish(model, p->session, p->number, &p->channel->tx_publishes[i]);
        p->channel->tx_count = 0;
        expect(p, METHOD_TX_COMMIT_OK);
        model->committing = p->channel;
    }
    send(p, &(struct method){.id = METHOD_TX_COMMIT});
}

static void op_rollback(struct place *p)
{
    if (p->channel->mode != CHANNEL_TX)
        return;
    p->channel->tx_count = 0;
    for (size_t i = 0; i < p->channel->unacked_count; i++)
        p->channel->unacked[i].held = 0;
    expect(p, METHOD_TX_ROLLBACK_OK);
    send(p, &(struct method){.id = METHOD_TX_ROLLBACK});
}

/* --- life ------------------------------------------------------------------------------------ */

static void op_close_channel(struct place *p)
{
    state_close_channel(p->model, p->session, p->number, true);
    expect(p, METHOD_CHANNEL_CLOSE_OK);
    send(p, &(struct method){.id = METHOD_CHANNEL_CLOSE});
}

static void op_open_channel(struct place *p)
{
    p->channel->open = true;
    p->channel->last_queue = NONE;
    p->model->counters.channels_opened++;
    expect(p, METHOD_CHANNEL_OPEN_OK);
    send(p, &(struct method){.id = METHOD_CHANNEL_OPEN});
}

/* What was under way when the engine closed the channel or connection: it is dropped. */
static void op_too_late(struct place *p)
{
    static const struct m_message message = {.size = 8, .priority = NONE, .expiration = NONE};
    switch (below(p->model, 4)) {
    case 0:
        send_message(p, &message);
        break;
    case 1:
        client_ack(p->at->client, p->number, 1, false);
        break;
    case 2:
        client_get(p->at->client, p->number, queue_name(0), false);
        break;
    default:
        client_drain(p->at->client, 0);
        break;
    }
}

static void op_fail(struct place *p)
{
    struct reply_error error;
    bool hard = one_in(p->model, 3);
    (void)reply_error(&error, hard ? REPLY_FRAME_ERROR : REPLY_PRECONDITION_FAILED, "broken");
    if (hard)
        connection_error(p, error.code);
    else
        channel_error(p, error.code);
    engine_apply(p->model->harness.engine, &(struct command){.kind = COMMAND_FAIL,
                                                             .channel = p->number,
                                                             .session = p->at->client->session,
                                                             .fail = {.error = &error}});
}

static void op_close_connection(struct place *p)
{
    state_close_session(p->model, p->session);
    model_expect(p->model, p->session, 0, METHOD_CONNECTION_CLOSE_OK);
    client_send(p->at->client, 0, &(struct method){.id = METHOD_CONNECTION_CLOSE});
}

static void op_disconnect(struct place *p)
{
    p->at->waiting_count = 0; /* nobody is there to be answered */
    if (!p->at->closed)
        state_close_session(p->model, p->session);
    model_expect(p->model, p->session, 0, METHOD_NONE);
    p->model->counters.sessions_closed++;
    client_close(p->at->client);
    paging_leave(p->model);
}

static void op_connect(struct place *p)
{
    struct m_session *session = p->at;
    *session = (struct m_session){.unwritten_max = 200 + below(p->model, 2000)};
    session->client = client_open(&p->model->harness, (uint32_t)session->unwritten_max);
    for (int c = 1; c <= CHANNELS; c++)
        session->channels[c].last_queue = NONE;
    p->model->counters.sessions_opened++;
}

static void op_drain(struct place *p)
{
    struct m_session *session = p->at;
    uint64_t bytes = session->unwritten;
    if (one_in(p->model, 2) && bytes > 0)
        bytes = below(p->model, (uint32_t)bytes + 1);
    session->unwritten -= bytes;
    if (session->unwritten <= session->unwritten_max / 2)
        session->clogged = false;
    client_drain(session->client, bytes);
}

/* --- the store ------------------------------------------------------------------------------- */

/* The disk gets somewhere; the engine hears of it by a command, or at the end of the next tick. */
static void op_sync(struct model *model)
{
    struct harness_store *store = &model->harness.store;
    store->durable_lsn += below(model, (uint32_t)(store->last_lsn - store->durable_lsn) + 1);
    if (one_in(model, 2) ||
        model->canary == CANARY_STORE) /* a liar's engine has heard of more already */
        return;
    model->durable_lsn = store->durable_lsn;
    harness_durable(&model->harness, store->durable_lsn);
}

static void op_tick(struct model *model)
{
    model->durable_lsn = model->harness.store.durable_lsn;
    hold_expect_due(model);
    paging_tick(model);
    harness_tick(&model->harness);
    model->has_ticked = true;
}

/* --- the choice ------------------------------------------------------------------------------ */

static const struct {
    unsigned weight;
    const char *name;
    void (*operate)(struct place *place);
    enum { WHEN_FREE, BEHIND, ALWAYS } when; /* is it done while replies of the session wait? */
} operations[] = {
    {300, "publish", op_publish, WHEN_FREE},
    {60, "get", op_get, WHEN_FREE},
    {60, "consume", op_consume, WHEN_FREE},
    {30, "cancel", op_cancel, WHEN_FREE},
    {300, "settle", op_settle, WHEN_FREE},
    {8, "recover", op_recover, WHEN_FREE},
    {20, "qos", op_qos, WHEN_FREE},
    {60, "queue.declare", op_declare_queue, BEHIND},
    {8, "queue.purge", op_purge, WHEN_FREE},
    {10, "queue.delete", op_delete_queue, BEHIND},
    {25, "exchange.declare", op_declare_exchange, BEHIND},
    {8, "exchange.delete", op_delete_exchange, BEHIND},
    {50, "bind", op_bind, BEHIND},
    {25, "unbind", op_unbind, BEHIND},
    {25, "select", op_select, WHEN_FREE},
    {25, "tx.commit", op_commit, WHEN_FREE},
    {6, "tx.rollback", op_rollback, WHEN_FREE},
    {4, "channel.close", op_close_channel, WHEN_FREE},
    {1, "fail", op_fail, WHEN_FREE},
    {1, "connection.close", op_close_connection, WHEN_FREE},
    {2, "disconnect", op_disconnect, ALWAYS},
    {90, "drain", op_drain, ALWAYS},
};

/* Has OPERATE done once the session is not held. */
static void defer(struct place *p, void (*operate)(struct place *place))
{
    struct model *model = p->model;
    if (timers_next(&model->harness.engine->timers) <= stock_now_ms(model))
        return; /* what is due would come first */
    hold_begin_deferred(model);
    operate(p);
    hold_release(model);
    hold_expect_due(model); /* confirms of what has no record */
}

static void operate_on_channel(struct place *p)
{
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        sum += operations[i].weight;
    uint32_t choice = below(p->model, sum);
    if (p->model->pages && one_in(p->model, 2))
        choice = one_in(p->model, 2) ? 0 : choice % 420; /* publish, or get and consume as well */
    size_t i = 0;
    for (; choice >= operations[i].weight; i++)
        choice -= operations[i].weight;
    name_operation(p->model, operations[i].name);
    bool is_held = p->at->waiting_count > 0;
    if (p->at->get.waits && operations[i].when != ALWAYS && operations[i].operate != op_disconnect)
        return;
    if (is_held && p->model->pages && operations[i].when == WHEN_FREE)
        return; /* what is deferred would come behind deliveries of what was read */
    if (is_held && operations[i].when == WHEN_FREE && one_in(p->model, 2))
        return; /* so that others go on meanwhile */
    if (is_held && (operations[i].when == WHEN_FREE || p->at->waiting_count > WAITING_MAX / 2)) {
        defer(p, operations[i].operate);
        return;
    }
    if (is_held && operations[i].when == BEHIND)
        p->model->following = p->session;
    operations[i].operate(p);
}

void model_operate(struct model *model)
{
    uint32_t choice = below(model, 100);
    if (choice < 18) {
        name_operation(model, choice < 8 ? "sync" : "tick");
        if (choice < 8)
            op_sync(model);
        else
            op_tick(model);
        return;
    }
    if (choice == 18 && one_in(model, 2)) {
        name_operation(model, "policy");
        settings_operate(model);
        return;
    }
    int s = (int)below(model, SESSIONS);
    uint16_t number = (uint16_t)(1 + below(model, CHANNELS));
    struct place place = {model, s, number, &model->sessions[s],
                          &model->sessions[s].channels[number]};
    void (*operate)(struct place *) = NULL;
    if (place.at->client == NULL) {
        name_operation(model, "connect");
        operate = op_connect;
    } else if (place.at->closed && one_in(model, 2)) {
        name_operation(model, "disconnect");
        operate = op_disconnect;
    } else if (place.at->closed || (!place.channel->open && one_in(model, 6))) {
        name_operation(model, "too late");
        operate = op_too_late;
    } else if (!place.channel->open) {
        name_operation(model, "channel.open");
        operate = op_open_channel;
    }
    if (operate == NULL)
        operate_on_channel(&place);
    else if (place.at->get.waits || (model->pages && place.at->waiting_count > 0))
        return;
    else if (place.at->waiting_count > 0 && operate != op_disconnect)
        defer(&place, operate);
    else
        operate(&place);
}
