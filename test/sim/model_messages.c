/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "amqp/table.h"
#include "server/base/mem.h"
#include "test/sim/model_ops.h"

/* An exchange to publish to: mostly one that is there. */
static int choose_exchange(struct model *model)
{
    int exchange = one_in(model, 3) ? 0 : (int)below(model, EXCHANGES);
    if (!one_in(model, 50))
        while (!model->exchanges[exchange].alive || model->exchanges[exchange].internal)
            exchange = (int)below(model, EXCHANGES);
    return exchange;
}

/* --- messages -------------------------------------------------------------------------------- */

void send_message(struct place *p, const struct m_message *message)
{
    char body[128], text[16];
    struct buf table = {0};
    struct properties properties;
    memset(body, 'x', sizeof body);
    body[message->size] = '\0';
    body[snprintf(body, sizeof body, "%08u", message->id)] = message->size > 8 ? 'x' : '\0';
    content_properties(message, 0, &properties, &table, text);
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

/* In confirm mode: the publish counts, and waits for LSN, which is known once the engine has run.
 */
static void count_publish(struct m_channel *channel, uint64_t lsn, bool refused)
{
    if (channel->published == channel->confirm_capacity) {
        channel->confirm_capacity = channel->confirm_capacity == 0 ? 64
                                                                   : channel->confirm_capacity * 2;
        channel->confirms = mem_realloc(channel->confirms,
                                        channel->confirm_capacity * sizeof *channel->confirms);
    }
    channel->confirms[channel->published++] = (struct m_confirm){lsn, refused};
}

/* Mostly a short one, sometimes one for which a message leaves memory. */
static int choose_delay(struct model *model)
{
    return one_in(model, 10) ? 20000 : (int)below(model, 300) - 20;
}

static struct m_message choose_message(struct model *model)
{
    return (struct m_message){.id = ++model->message_ids,
                              .size = 8 + below(model, one_in(model, 4) ? 100 : 8),
                              .exchange = choose_exchange(model),
                              .key = (int)below(model, PUBLISH_KEYS),
                              .headers = one_in(model, 3) ? (int)below(model, HEADERS) : 0,
                              .priority = one_in(model, 2) ? (int)below(model, 6) : NONE,
                              .delay = one_in(model, 4) ? choose_delay(model) : 0,
                              .expiration = one_in(model, 6) ? (int)below(model, 200) : NONE,
                              .persistent = one_in(model, 2),
                              .mandatory = one_in(model, 3)};
}

void op_publish(struct place *p)
{
    struct model *model = p->model;
    struct m_message message = choose_message(model);
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
    bool is_taken = state_publish(model, p->session, p->number, &message);
    bool is_stored = model->stored_count > 0;
    send_message(p, &message);
    hold_release(model);
    store_follow(model);
    if (p->channel->mode == CHANNEL_CONFIRM)
        count_publish(p->channel, is_stored ? model->stored_lsn : 0, !is_taken);
}

void expect_get(struct place *p, int q, bool no_ack)
{
    struct model *model = p->model;
    struct m_queue *queue = &model->queues[q];
    uint16_t code = queue_error(p, q);
    if (code != 0) {
        channel_error(p, code);
    } else if (queue->ready_count == 0) {
        expect(p, METHOD_BASIC_GET_EMPTY);
    } else {
        struct m_entry entry = queue->ready[0];
        stock_remove_first(queue);
        struct m_expected *ok = expect(p, METHOD_BASIC_GET_OK);
        ok->message = entry.message;
        ok->queue = q;
        ok->flag = entry.count > 0;
        ok->count = queue->settings.of[SETTING_DELIVERIES] == NONE ? 0 : entry.count;
        p->channel->last_tag++;
        model->counters.messages_got++;
        model->counters.messages_redelivered += entry.count > 0;
        if (!no_ack) {
            state_track(p->channel, &entry, q, queue->uid, NULL);
            queue->unacked++;
        }
    }
}

void op_get(struct place *p)
{
    int q = choose_queue(p);
    bool no_ack = one_in(p->model, 3);
    if (queue_error(p, q) != 0)
        expect_get(p, q, no_ack);
    else
        paging_wait(p, q, no_ack);
    client_get(p->at->client, p->number, queue_name(q), no_ack);
}

/* --- settling -------------------------------------------------------------------------------- */

static void settle_or_hold(struct place *p, size_t *index, bool acked, bool requeue)
{
    struct m_unacked *unacked = &p->channel->unacked[*index];
    if (p->channel->mode == CHANNEL_TX) {
        unacked->held = ++p->channel->held_count;
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
    if (channel->unacked_count > 0 && !one_in(p->model, 200))
        return channel->unacked[below(p->model, (uint32_t)channel->unacked_count)].tag;
    return below(p->model, (uint32_t)channel->last_tag + 2);
}

void op_settle(struct place *p)
{
    struct model *model = p->model;
    if (p->channel->unacked_count == 0 && !one_in(model, 200))
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

void op_recover(struct place *p)
{
    state_recover(p->model, p->channel);
    expect(p, METHOD_BASIC_RECOVER_OK);
    send(p, &(struct method){.id = METHOD_BASIC_RECOVER, .basic_recover = {.requeue = true}});
}

void op_qos(struct place *p)
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

/* --- consumers ------------------------------------------------------------------------------- */

void op_consume(struct place *p)
{
    struct model *model = p->model;
    int q = choose_queue(p), t = (int)below(model, TAGS);
    struct m_consumer consumer = {.alive = true,
                                  .no_ack = one_in(model, 3),
                                  .exclusive = one_in(model, 30),
                                  .queue = q,
                                  .priority = (int)below(model, 4) / 2 - one_in(model, 4)};
    bool nowait = one_in(model, 4);
    uint16_t code = queue_error(p, q);
    bool in_use = consumer.exclusive &&
                  (state_consumers(model, q) > 0 || model->queues[q].features.single_active);
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
        state_choose_active(model, q);
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

void op_cancel(struct place *p)
{
    int t = (int)below(p->model, TAGS);
    expect(p, METHOD_BASIC_CANCEL_OK)->tag = t;
    if (p->channel->consumers[t].alive)
        state_cancel(p->model, &p->channel->consumers[t]);
    send(p, &(struct method){.id = METHOD_BASIC_CANCEL,
                             .basic_cancel = {.consumer_tag = S(tag_name(t))}});
}
