/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Each operation first changes the model, saying what its client is to see, then
 * sends the command to the engine; model_check.c looks at what came of it. Operations are chosen
 * without regard to what is legal: errors are part of the game.
 */
#include "test/sim/model.h"

#include <stdio.h>

#include "amqp/table.h"
#include "server/base/mem.h"

/* A place to operate at, and what is there. */
struct place {
    struct model *model;
    int session;
    uint16_t number;
    struct m_session *at;
    struct m_channel *channel;
};

struct m_expected *model_expect(struct model *model, int session, uint16_t channel,
                                enum method_id id)
{
    CHECK(model->expected_count < EXPECTED_MAX);
    struct m_expected *expected = &model->expected[model->expected_count++];
    *expected = (struct m_expected){.session = session, .channel = channel, .id = id};
    return expected;
}

static struct m_expected *expect(struct place *p, enum method_id id)
{
    return model_expect(p->model, p->session, p->number, id);
}

static void name_operation(struct model *model, const char *text)
{
    snprintf(model->operation, sizeof model->operation, "%s", text);
}

static void send(struct place *p, const struct method *method)
{
    client_send(p->at->client, p->number, method);
}

static void channel_error(struct place *p, uint16_t code)
{
    state_close_channel(p->model, p->session, p->number, true);
    expect(p, METHOD_CHANNEL_CLOSE)->number = code;
    p->model->counters.channel_errors++;
    p->model->errors++;
}

static void connection_error(struct place *p, uint16_t code)
{
    state_close_session(p->model, p->session);
    model_expect(p->model, p->session, 0, METHOD_CONNECTION_CLOSE)->number = code;
    p->model->counters.connection_errors++;
    p->model->errors++;
}

/* The error of using QUEUE, or 0. */
static uint16_t queue_error(const struct place *p, int queue)
{
    const struct m_queue *q = &p->model->queues[queue];
    if (!q->alive)
        return REPLY_NOT_FOUND;
    return q->owner != NONE && q->owner != p->session ? REPLY_RESOURCE_LOCKED : 0;
}

/* --- messages
 * --------------------------------------------------------------------------------------
 */

static void put_value(struct buf *table, const struct m_header *header)
{
    if (header->value == 0)
        table_put(table, S(header->name), &(struct table_value){.type = TABLE_VOID});
    else
        table_put_int(table, header->name, header->value);
}

static void put_headers(struct buf *table, int headers)
{
    for (const struct m_header *h = model_headers[headers]; h < model_headers[headers] + 3; h++)
        if (h->name != NULL)
            put_value(table, h);
    if (headers == HEADERS_WITH_CC) {
        struct buf keys = {0};
        table_put_item(&keys, &(struct table_value){.type = TABLE_LONGSTR, .bytes = S("q1")});
        table_put(table, S("CC"),
                  &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&keys)});
        buf_fini(&keys);
    }
}

static void send_message(struct place *p, const struct m_message *message)
{
    char body[128];
    struct buf table = {0};
    struct properties properties = {.flags = PROPERTY_DELIVERY_MODE,
                                    .delivery_mode = message->persistent ? 2 : 1};
    memset(body, 'x', sizeof body);
    body[message->size] = '\0';
    body[snprintf(body, sizeof body, "%08u", message->id)] = message->size > 8 ? 'x' : '\0';
    if (message->headers != 0) {
        put_headers(&table, message->headers);
        properties.flags |= PROPERTY_HEADERS;
        properties.headers = buf_slice(&table);
    }
    client_publish_with(p->at->client, p->number, exchange_name(message->exchange),
                        model_keys[message->key], body,
                        (message->persistent ? PUBLISH_PERSISTENT : 0u) |
                            (message->mandatory ? PUBLISH_MANDATORY : 0u),
                        &properties);
    buf_fini(&table);
}

static void keep_for_commit(struct m_channel *channel, const struct m_message *message)
{
    if (channel->tx_count == channel->tx_capacity) {
        channel->tx_capacity = channel->tx_capacity == 0 ? 8 : channel->tx_capacity * 2;
        channel->tx_publishes = mem_realloc(channel->tx_publishes,
                                            channel->tx_capacity * sizeof *channel->tx_publishes);
    }
    channel->tx_publishes[channel->tx_count++] = *message;
}

/* In confirm mode: the publish counts, and waits for LSN, which is known once the engine has run. */
static void count_publish(struct m_channel *channel, uint64_t lsn)
{
    if (channel->published == channel->lsn_capacity) {
        channel->lsn_capacity = channel->lsn_capacity == 0 ? 64 : channel->lsn_capacity * 2;
        channel->lsns = mem_realloc(channel->lsns, channel->lsn_capacity * sizeof *channel->lsns);
    }
    channel->lsns[channel->published++] = lsn;
}

static void op_publish(struct place *p)
{
    struct model *model = p->model;
    struct m_message message = {.id = ++model->message_ids,
                                .size = 8 + below(model, one_in(model, 4) ? 100 : 8),
                                .exchange = one_in(model, 3) ? 0 : (int)below(model, EXCHANGES),
                                .key = (int)below(model, PUBLISH_KEYS),
                                .headers = one_in(model, 3) ? (int)below(model, HEADERS) : 0,
                                .persistent = one_in(model, 2),
                                .mandatory = one_in(model, 3)};
    const struct m_exchange *exchange = &model->exchanges[message.exchange];
    if (!exchange->alive || exchange->internal) {
        channel_error(p, exchange->alive ? REPLY_ACCESS_REFUSED : REPLY_NOT_FOUND);
        send_message(p, &message);
        return;
    }
    model->counters.messages_published++;
    if (p->channel->mode == CHANNEL_TX) {
        keep_for_commit(p->channel, &message);
        send_message(p, &message);
        return;
    }
    state_publish(model, p->session, p->number, &message);
    bool is_stored = model->stored_count > 0;
    send_message(p, &message);
    store_follow(model);
    if (p->channel->mode == CHANNEL_CONFIRM)
        count_publish(p->channel, is_stored ? model->stored_lsn : 0);
}

static void op_get(struct place *p)
{
    struct model *model = p->model;
    int q = (int)below(model, QUEUES);
    bool no_ack = one_in(model, 3);
    struct m_queue *queue = &model->queues[q];
    uint16_t code = queue_error(p, q);
    if (code != 0) {
        channel_error(p, code);
    } else if (queue->ready_count == 0) {
        expect(p, METHOD_BASIC_GET_EMPTY);
    } else {
        struct m_entry entry = queue->ready[0];
        state_remove_first(queue);
        struct m_expected *ok = expect(p, METHOD_BASIC_GET_OK);
        ok->message = entry.message;
        ok->number = queue->ready_count;
        ok->flag = entry.count > 0;
        p->channel->last_tag++;
        model->counters.messages_got++;
        model->counters.messages_redelivered += entry.count > 0;
        if (!no_ack) {
            state_track(p->channel, &entry, q, queue->uid, NULL);
            queue->unacked++;
        }
    }
    client_get(p->at->client, p->number, queue_name(q), no_ack);
}

/* --- settling
 * --------------------------------------------------------------------------------------
 */

static void settle_or_hold(struct place *p, size_t *index, bool acked, bool requeue)
{
    struct m_unacked *unacked = &p->channel->unacked[*index];
    if (p->channel->mode == CHANNEL_TX) {
        unacked->held = true;
        unacked->acked = acked;
        unacked->requeue = requeue;
        ++*index;
    } else {
        state_settle(p->model, p->channel, *index, acked, requeue);
    }
}

static void settle_in_model(struct place *p, uint64_t tag, bool multiple, bool acked, bool requeue)
{
    struct m_channel *channel = p->channel;
    size_t found = 0;
    while (found < channel->unacked_count &&
           (channel->unacked[found].tag != tag || channel->unacked[found].held))
        found++;
    if (!(multiple && tag == 0) && found == channel->unacked_count) {
        channel_error(p, REPLY_PRECONDITION_FAILED);
        return;
    }
    if (!multiple) {
        settle_or_hold(p, &found, acked, requeue);
        return;
    }
    for (size_t i = 0; i < channel->unacked_count && (tag == 0 || channel->unacked[i].tag <= tag);)
        if (channel->unacked[i].held)
            i++;
        else
            settle_or_hold(p, &i, acked, requeue);
}

/* Mostly a tag that is there, sometimes any. */
static uint64_t choose_tag(struct place *p)
{
    struct m_channel *channel = p->channel;
    if (channel->unacked_count > 0 && !one_in(p->model, 40))
        return channel->unacked[below(p->model, (uint32_t)channel->unacked_count)].tag;
    return below(p->model, (uint32_t)channel->last_tag + 2);
}

static void op_settle(struct place *p)
{
    struct model *model = p->model;
    if (p->channel->unacked_count == 0 && !one_in(model, 60))
        return;
    uint64_t tag = choose_tag(p);
    bool multiple = one_in(model, 5), acked = one_in(model, 2), requeue = one_in(model, 2);
    if (multiple && one_in(model, 10))
        tag = 0;
    if (acked) {
        settle_in_model(p, tag, multiple, true, false);
        client_ack(p->at->client, p->number, tag, multiple);
    } else if (multiple || one_in(model, 2)) {
        settle_in_model(p, tag, multiple, false, requeue);
        client_nack(p->at->client, p->number, tag, multiple, requeue);
    } else {
        settle_in_model(p, tag, false, false, requeue);
        send(p, &(struct method){.id = METHOD_BASIC_REJECT,
                                 .basic_reject = {.delivery_tag = tag, .requeue = requeue}});
    }
}

static void op_recover(struct place *p)
{
    state_recover(p->model, p->channel);
    expect(p, METHOD_BASIC_RECOVER_OK);
    send(p, &(struct method){.id = METHOD_BASIC_RECOVER, .basic_recover = {.requeue = true}});
}

static void op_qos(struct place *p)
{
    uint16_t count = (uint16_t)below(p->model, 5);
    bool global = one_in(p->model, 2);
    if (global)
        p->channel->prefetch_global = count;
    else
        p->channel->prefetch = count;
    expect(p, METHOD_BASIC_QOS_OK);
    send(p, &(struct method){.id = METHOD_BASIC_QOS,
                             .basic_qos = {.prefetch_count = count, .global = global}});
}

/* --- consumers
 * -------------------------------------------------------------------------------------
 */

static void op_consume(struct place *p)
{
    struct model *model = p->model;
    int q = (int)below(model, QUEUES), t = (int)below(model, TAGS);
    struct m_consumer consumer = {.alive = true,
                                  .no_ack = one_in(model, 3),
                                  .exclusive = one_in(model, 12),
                                  .queue = q,
                                  .priority = (int)below(model, 4) / 2 - one_in(model, 4)};
    bool nowait = one_in(model, 4);
    uint16_t code = queue_error(p, q);
    bool in_use = consumer.exclusive && state_consumers(model, q) > 0;
    for (int s = 0; s < SESSIONS; s++)
        for (int c = 1; c <= CHANNELS; c++)
            for (int i = 0; i < TAGS; i++) {
                const struct m_consumer *other = &model->sessions[s].channels[c].consumers[i];
                in_use |= other->alive && other->queue == q && other->exclusive;
            }
    if (p->channel->consumers[t].alive && !one_in(model, 30))
        return; /* the error is rather final */
    if (p->channel->consumers[t].alive) {
        connection_error(p, REPLY_NOT_ALLOWED);
    } else if (code != 0 || in_use) {
        channel_error(p, code != 0 ? code : REPLY_ACCESS_REFUSED);
    } else {
        consumer.uid = ++model->uids;
        consumer.prefetch = consumer.no_ack ? 0 : p->channel->prefetch;
        consumer.announced = nowait;
        p->channel->consumers[t] = consumer;
        if (!nowait)
            expect(p, METHOD_BASIC_CONSUME_OK)->tag = t;
    }
    struct buf table = {0};
    if (consumer.priority != 0)
        table_put_int(&table, "x-priority", consumer.priority);
    send(p, &(struct method){.id = METHOD_BASIC_CONSUME,
                             .basic_consume = {.queue = S(queue_name(q)),
                                               .consumer_tag = S(tag_name(t)),
                                               .no_ack = consumer.no_ack,
                                               .exclusive = consumer.exclusive,
                                               .nowait = nowait,
                                               .arguments = buf_slice(&table)}});
    buf_fini(&table);
}

static void op_cancel(struct place *p)
{
    int t = (int)below(p->model, TAGS);
    expect(p, METHOD_BASIC_CANCEL_OK)->tag = t;
    if (p->channel->consumers[t].alive)
        state_cancel(p->model, &p->channel->consumers[t]);
    send(p, &(struct method){.id = METHOD_BASIC_CANCEL,
                             .basic_cancel = {.consumer_tag = S(tag_name(t))}});
}

/* --- queues
 * ----------------------------------------------------------------------------------------
 */

static void declare_in_model(struct place *p, int index, const struct method_queue_declare *wanted)
{
    struct model *model = p->model;
    struct m_queue *queue = &model->queues[index];
    bool durable = wanted->durable && !wanted->exclusive; /* an exclusive one never is */
    uint16_t code = 0;
    if (!queue->alive && wanted->passive) {
        code = REPLY_NOT_FOUND;
    } else if (queue->alive) {
        code = queue_error(p, index);
        if (code == 0 && !wanted->passive)
            code = wanted->exclusive != (queue->owner != NONE) ? REPLY_RESOURCE_LOCKED
                   : durable != queue->durable || wanted->auto_delete != queue->auto_delete
                       ? REPLY_PRECONDITION_FAILED
                       : 0;
    }
    if (code != 0) {
        channel_error(p, code);
        return;
    }
    if (!queue->alive) {
        queue->alive = true;
        queue->uid = ++model->uids;
        queue->durable = durable;
        queue->auto_delete = wanted->auto_delete;
        queue->owner = wanted->exclusive ? p->session : NONE;
        queue->next_position = 0;
        queue->unacked = 0;
        model->counters.queues_declared++;
    }
    p->channel->last_queue = index;
    struct m_expected *ok = expect(p, METHOD_QUEUE_DECLARE_OK);
    ok->queue = index;
    ok->number = queue->ready_count;
    ok->consumers = state_consumers(model, index);
}

static void op_declare_queue(struct place *p)
{
    struct model *model = p->model;
    int q = (int)below(model, QUEUES);
    const struct m_queue *queue = &model->queues[q];
    struct method_queue_declare wanted = {.queue = S(queue_name(q)),
                                          .passive = one_in(model, 6),
                                          .durable = one_in(model, 2),
                                          .exclusive = one_in(model, 8),
                                          .auto_delete = one_in(model, 6)};
    if (queue->alive && !one_in(model, 5)) { /* mostly the same again */
        wanted.durable = queue->durable;
        wanted.exclusive = queue->owner != NONE;
        wanted.auto_delete = queue->auto_delete;
    }
    declare_in_model(p, q, &wanted);
    send(p, &(struct method){.id = METHOD_QUEUE_DECLARE, .queue_declare = wanted});
}

static void op_purge(struct place *p)
{
    int q = (int)below(p->model, QUEUES);
    struct m_queue *queue = &p->model->queues[q];
    uint16_t code = queue_error(p, q);
    if (code != 0) {
        channel_error(p, code);
    } else {
        expect(p, METHOD_QUEUE_PURGE_OK)->number = queue->ready_count;
        p->model->counters.messages_purged += queue->ready_count;
        queue->ready_count = 0;
    }
    send(p, &(struct method){.id = METHOD_QUEUE_PURGE, .queue_purge = {.queue = S(queue_name(q))}});
}

static void op_delete_queue(struct place *p)
{
    struct model *model = p->model;
    int q = (int)below(model, QUEUES);
    struct m_queue *queue = &model->queues[q];
    bool if_unused = one_in(model, 3), if_empty = one_in(model, 3);
    uint16_t code = queue_error(p, q);
    uint64_t count = queue->ready_count;
    if (code == 0 && ((if_unused && state_consumers(model, q) > 0) || (if_empty && count > 0)))
        code = REPLY_PRECONDITION_FAILED;
    if (code == REPLY_NOT_FOUND) {
        expect(p, METHOD_QUEUE_DELETE_OK)->number = 0;
    } else if (code != 0) {
        channel_error(p, code);
    } else {
        state_delete_queue(model, q);
        expect(p, METHOD_QUEUE_DELETE_OK)->number = count;
    }
    send(p, &(struct method){.id = METHOD_QUEUE_DELETE,
                             .queue_delete = {.queue = S(queue_name(q)),
                                              .if_unused = if_unused,
                                              .if_empty = if_empty}});
}

/* --- exchanges
 * -------------------------------------------------------------------------------------
 */

static void op_declare_exchange(struct place *p)
{
    struct model *model = p->model;
    int x = FIRST_OWN_EXCHANGE + (int)below(model, EXCHANGES - FIRST_OWN_EXCHANGE);
    struct m_exchange *exchange = &model->exchanges[x];
    struct m_exchange wanted = {.alive = true,
                                .durable = one_in(model, 2),
                                .auto_delete = one_in(model, 3),
                                .internal = one_in(model, 10),
                                .kind = below(model, 4),
                                .alternate = one_in(model, 2) ? (int)below(model, EXCHANGES)
                                                              : NONE};
    bool passive = one_in(model, 8);
    if (exchange->alive && !one_in(model, 5))
        wanted = *exchange;
    uint16_t code = 0;
    if (passive)
        code = exchange->alive ? 0 : REPLY_NOT_FOUND;
    else if (exchange->alive &&
             (exchange->durable != wanted.durable || exchange->auto_delete != wanted.auto_delete ||
              exchange->internal != wanted.internal || exchange->kind != wanted.kind ||
              exchange->alternate != wanted.alternate))
        code = REPLY_PRECONDITION_FAILED;
    if (code != 0)
        channel_error(p, code);
    else
        expect(p, METHOD_EXCHANGE_DECLARE_OK);
    if (code == 0 && !passive)
        *exchange = wanted;
    struct buf table = {0};
    if (wanted.alternate != NONE)
        table_put_longstr(&table, "alternate-exchange", S(exchange_name(wanted.alternate)));
    send(p, &(struct method){.id = METHOD_EXCHANGE_DECLARE,
                             .exchange_declare = {.exchange = S(exchange_name(x)),
                                                  .type = S(model_kinds[wanted.kind]),
                                                  .passive = passive,
                                                  .durable = wanted.durable,
                                                  .auto_delete = wanted.auto_delete,
                                                  .internal = wanted.internal,
                                                  .arguments = buf_slice(&table)}});
    buf_fini(&table);
}

static void op_delete_exchange(struct place *p)
{
    struct model *model = p->model;
    int x = FIRST_OWN_EXCHANGE + (int)below(model, EXCHANGES - FIRST_OWN_EXCHANGE);
    bool if_unused = one_in(model, 2), is_used = false;
    for (size_t i = 0; i < model->binding_count; i++)
        is_used |= model->bindings[i].source == x;
    if (model->exchanges[x].alive && if_unused && is_used) {
        channel_error(p, REPLY_PRECONDITION_FAILED);
    } else {
        if (model->exchanges[x].alive)
            state_delete_exchange(model, x);
        expect(p, METHOD_EXCHANGE_DELETE_OK);
    }
    send(p,
         &(struct method){.id = METHOD_EXCHANGE_DELETE,
                          .exchange_delete = {.exchange = S(exchange_name(x)),
                                              .if_unused = if_unused}});
}

/* --- bindings
 * --------------------------------------------------------------------------------------
 */

static void put_arguments(struct buf *table, int arguments)
{
    const struct m_arguments *a = &model_arguments[arguments];
    if (a->x_match != NULL)
        table_put_longstr(table, "x-match", S(a->x_match));
    for (const struct m_header *c = a->conditions; c < a->conditions + 3; c++)
        if (c->name != NULL)
            put_value(table, c);
}

static void send_binding(struct place *p, const struct m_binding *binding, bool bind)
{
    struct buf table = {0};
    put_arguments(&table, binding->arguments);
    struct slice source = S(exchange_name(binding->source)), key = S(model_keys[binding->key]);
    struct method method = {0};
    if (binding->queue != NONE && bind) {
        method.id = METHOD_QUEUE_BIND;
        method.queue_bind = (struct method_queue_bind){.queue = S(queue_name(binding->queue)),
                                                       .exchange = source,
                                                       .routing_key = key,
                                                       .arguments = buf_slice(&table)};
    } else if (binding->queue != NONE) {
        method.id = METHOD_QUEUE_UNBIND;
        method.queue_unbind = (struct method_queue_unbind){.queue = S(queue_name(binding->queue)),
                                                           .exchange = source,
                                                           .routing_key = key,
                                                           .arguments = buf_slice(&table)};
    } else if (bind) {
        method.id = METHOD_EXCHANGE_BIND;
        method.exchange_bind =
            (struct method_exchange_bind){.destination = S(exchange_name(binding->exchange)),
                                          .source = source,
                                          .routing_key = key,
                                          .arguments = buf_slice(&table)};
    } else {
        method.id = METHOD_EXCHANGE_UNBIND;
        method.exchange_unbind =
            (struct method_exchange_unbind){.destination = S(exchange_name(binding->exchange)),
                                            .source = source,
                                            .routing_key = key,
                                            .arguments = buf_slice(&table)};
    }
    send(p, &method);
    buf_fini(&table);
}

static void op_bind(struct place *p)
{
    struct model *model = p->model;
    bool to_queue = !one_in(model, 3);
    struct m_binding binding = {
        .source = 1 + (int)below(model, EXCHANGES - 1),
        .queue = to_queue ? (int)below(model, QUEUES) : NONE,
        .exchange = to_queue ? NONE : 1 + (int)below(model, EXCHANGES - 1),
        .key = (int)below(model, KEYS),
        .arguments = one_in(model, 2) ? (int)below(model, HEADERS) : 0,
    };
    uint16_t code = to_queue ? queue_error(p, binding.queue)
                    : model->exchanges[binding.exchange].alive ? 0
                                                               : REPLY_NOT_FOUND;
    if (code == 0 && !model->exchanges[binding.source].alive)
        code = REPLY_NOT_FOUND;
    if (code == 0 && model->binding_count == BINDINGS_MAX)
        return;
    if (code != 0) {
        channel_error(p, code);
    } else {
        expect(p, to_queue ? METHOD_QUEUE_BIND_OK : METHOD_EXCHANGE_BIND_OK);
        if (state_find_binding(model, &binding) == NONE)
            model->bindings[model->binding_count++] = binding;
    }
    send_binding(p, &binding, true);
}

static void op_unbind(struct place *p)
{
    struct model *model = p->model;
    if (model->binding_count == 0)
        return;
    struct m_binding binding = model->bindings[below(model, (uint32_t)model->binding_count)];
    bool to_queue = binding.queue != NONE;
    if (one_in(model, 10))
        binding.key = (int)below(model, KEYS); /* which is there or not */
    if (to_queue && queue_error(p, binding.queue) != 0) {
        channel_error(p, queue_error(p, binding.queue));
    } else {
        int index = state_find_binding(model, &binding);
        if (index != NONE)
            state_remove_binding(model, (size_t)index);
        expect(p, to_queue ? METHOD_QUEUE_UNBIND_OK : METHOD_EXCHANGE_UNBIND_OK);
    }
    send_binding(p, &binding, false);
}

/* --- modes of channels
 * -----------------------------------------------------------------------------
 */

static void op_select(struct place *p)
{
    bool confirm = one_in(p->model, 2);
    enum channel_mode mode = confirm ? CHANNEL_CONFIRM : CHANNEL_TX;
    if (p->channel->mode != CHANNEL_PLAIN && p->channel->mode != mode) {
        channel_error(p, REPLY_PRECONDITION_FAILED);
    } else {
        p->channel->mode = mode;
        expect(p, confirm ? METHOD_CONFIRM_SELECT_OK : METHOD_TX_SELECT_OK);
    }
    send(p, &(struct method){.id = confirm ? METHOD_CONFIRM_SELECT : METHOD_TX_SELECT});
}

static void op_commit(struct place *p)
{
    struct model *model = p->model;
    if (p->channel->mode != CHANNEL_TX) {
        if (!one_in(model, 30))
            return;
        channel_error(p, REPLY_PRECONDITION_FAILED);
    } else {
        for (size_t i = 0; i < p->channel->tx_count; i++)
            state_publish(model, p->session, p->number, &p->channel->tx_publishes[i]);
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
        p->channel->unacked[i].held = false;
    expect(p, METHOD_TX_ROLLBACK_OK);
    send(p, &(struct method){.id = METHOD_TX_ROLLBACK});
}

/* --- life
 * ------------------------------------------------------------------------------------------
 */

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
    static const struct m_message message = {.size = 8};
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
    if (!p->at->closed)
        state_close_session(p->model, p->session);
    model_expect(p->model, p->session, 0, METHOD_NONE);
    p->model->counters.sessions_closed++;
    client_close(p->at->client);
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

/* --- the store
 * -------------------------------------------------------------------------------------
 */

/* The disk gets somewhere; the engine hears of it by a command, or at the end of the next tick. */
static void op_sync(struct model *model)
{
    struct harness_store *store = &model->harness.store;
    store->durable_lsn += below(model, (uint32_t)(store->last_lsn - store->durable_lsn) + 1);
    if (one_in(model, 2))
        return;
    model->durable_lsn = store->durable_lsn;
    harness_durable(&model->harness, store->durable_lsn);
}

static void op_tick(struct model *model)
{
    model->durable_lsn = model->harness.store.durable_lsn;
    for (int s = 0; s < SESSIONS; s++)
        for (uint16_t c = 1; c <= CHANNELS; c++)
            if (model->sessions[s].channels[c].open &&
                model->sessions[s].channels[c].mode == CHANNEL_CONFIRM)
                state_confirm(model, s, c);
    harness_tick(&model->harness);
}

/* --- the choice
 * ------------------------------------------------------------------------------------
 */

static const struct {
    unsigned weight;
    const char *name;
    void (*operate)(struct place *place);
} operations[] = {
    {300, "publish", op_publish},
    {60, "get", op_get},
    {60, "consume", op_consume},
    {30, "cancel", op_cancel},
    {250, "settle", op_settle},
    {8, "recover", op_recover},
    {20, "qos", op_qos},
    {60, "queue.declare", op_declare_queue},
    {8, "queue.purge", op_purge},
    {10, "queue.delete", op_delete_queue},
    {25, "exchange.declare", op_declare_exchange},
    {8, "exchange.delete", op_delete_exchange},
    {50, "bind", op_bind},
    {25, "unbind", op_unbind},
    {10, "select", op_select},
    {25, "tx.commit", op_commit},
    {6, "tx.rollback", op_rollback},
    {8, "channel.close", op_close_channel},
    {3, "fail", op_fail},
    {2, "connection.close", op_close_connection},
    {3, "disconnect", op_disconnect},
    {60, "drain", op_drain},
};

static void operate_on_channel(struct place *p)
{
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        sum += operations[i].weight;
    uint32_t choice = below(p->model, sum);
    size_t i = 0;
    for (; choice >= operations[i].weight; i++)
        choice -= operations[i].weight;
    name_operation(p->model, operations[i].name);
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
    int s = (int)below(model, SESSIONS);
    uint16_t number = (uint16_t)(1 + below(model, CHANNELS));
    struct place place = {model, s, number, &model->sessions[s],
                          &model->sessions[s].channels[number]};
    if (place.at->client == NULL) {
        name_operation(model, "connect");
        op_connect(&place);
    } else if (place.at->closed && one_in(model, 2)) {
        name_operation(model, "disconnect");
        op_disconnect(&place);
    } else if (place.at->closed || (!place.channel->open && one_in(model, 6))) {
        name_operation(model, "too late");
        op_too_late(&place);
    } else if (!place.channel->open) {
        name_operation(model, "channel.open");
        op_open_channel(&place);
    } else {
        operate_on_channel(&place);
    }
}
