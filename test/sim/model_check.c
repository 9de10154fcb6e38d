/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/model_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "amqp/table.h"

/* --- what clients saw ------------------------------------------------------------------------ */

/* COUNT is the x-delivery-count, or 0. */
static void check_properties(const struct model *model, const struct m_message *wanted,
                             uint32_t count, const struct message *message)
{
    struct properties expected, actual;
    struct buf table = {0};
    char text[16];
    content_properties(wanted, count, &expected, &table, text);
    if (properties_decode(message_properties(message), &actual) != METHOD_OK ||
        actual.flags != expected.flags || actual.delivery_mode != expected.delivery_mode ||
        actual.priority != expected.priority ||
        !slice_equal(actual.expiration, expected.expiration))
        model_complain(model, "message %u came with other properties", wanted->id);
    if (!table_equal(actual.headers, expected.headers))
        model_complain(model, "message %u came with other headers (%u deaths, delivered %u times)",
                       wanted->id, wanted->death_count, count);
    buf_fini(&table);
}

static void check_message(const struct model *model, const struct m_message *wanted, uint32_t count,
                          struct message *message)
{
    char id[16];
    snprintf(id, sizeof id, "%08u", wanted->id);
    if (message->body_bytes != wanted->size || memcmp(message_body(message), id, 8) != 0)
        model_complain(model, "body \"%.*s\" instead of \"%s\" with %u octets",
                       (int)message->body_bytes, message_body(message), id, wanted->size);
    if (!slice_equal(message_exchange(message), S(exchange_name(wanted->exchange))) ||
        !slice_equal(message_routing_key(message), S(model_keys[wanted->key])))
        model_complain(model, "message %s came with other names", id);
    check_properties(model, wanted, count, message);
}

/* How much the delivery of MESSAGE to TAG counts against the client. */
static uint64_t cost_of(const struct message *message, const char *tag)
{
    return 20 + strlen(tag) + message_image_bytes(message);
}

bool consumer_may_get(const struct model *model, int session, uint16_t number, int tag)
{
    const struct m_session *s = &model->sessions[session];
    const struct m_channel *channel = &s->channels[number];
    const struct m_consumer *consumer = &channel->consumers[tag];
    if (!consumer->alive || s->clogged ||
        (model->queues[consumer->queue].features.single_active &&
         model->canary != CANARY_SINGLE_ACTIVE &&
         model->queues[consumer->queue].active_uid != consumer->uid))
        return false;
    return consumer->no_ack ||
           ((consumer->prefetch == 0 || consumer->unacked < consumer->prefetch) &&
            (channel->prefetch_global == 0 ||
             channel->consumer_unacked < channel->prefetch_global));
}

/* A consumer that may get a message of QUEUE, with a priority above FLOOR; false when none. */
static bool find_eligible(const struct model *model, int queue, int floor, struct m_expected *who)
{
    for (int s = 0; s < SESSIONS; s++)
        for (uint16_t c = 1; c <= CHANNELS; c++)
            for (int t = 0; t < TAGS; t++) {
                const struct m_consumer *consumer = &model->sessions[s].channels[c].consumers[t];
                if (consumer->alive && consumer->queue == queue && consumer->priority > floor &&
                    consumer_may_get(model, s, c, t)) {
                    *who = (struct m_expected){.session = s, .channel = c, .tag = t};
                    return true;
                }
            }
    return false;
}

static struct m_consumer *find_consumer(const struct model *model, struct m_channel *channel,
                                        const char *name, int *tag)
{
    for (*tag = 0; *tag < TAGS; ++*tag)
        if (strcmp(tag_name(*tag), name) == 0 && channel->consumers[*tag].alive)
            return &channel->consumers[*tag];
    model_complain(model, "delivery to \"%s\", which is no consumer", name);
}

static void check_delivery(struct model *model, int session, const struct seen *seen)
{
    struct m_session *s = &model->sessions[session];
    struct m_channel *channel = &s->channels[seen->channel];
    struct m_expected other;
    int tag;
    if (s->closed || !channel->open)
        model_complain(model, "delivery to session %d channel %u, which is closed", session,
                       seen->channel);
    struct m_consumer *consumer = find_consumer(model, channel, seen->consumer_tag, &tag);
    struct m_queue *queue = &model->queues[consumer->queue];
    if (!consumer->announced)
        model_complain(model, "delivery before consume-ok");
    if (!consumer_may_get(model, session, seen->channel, tag))
        model_complain(model, "delivery without credit: unacked %u of %u, channel %u of %u%s",
                       consumer->unacked, consumer->prefetch, channel->consumer_unacked,
                       channel->prefetch_global, s->clogged ? ", clogged" : "");
    if (queue->ready_count == 0)
        model_complain(model, "delivery from %s, where nothing is ready",
                       queue_name(consumer->queue));
    if (find_eligible(model, consumer->queue, consumer->priority, &other))
        model_complain(model, "delivery past session %d channel %u %s, whose priority is higher",
                       other.session, other.channel, tag_name(other.tag));
    struct m_entry entry = queue->ready[0];
    stock_remove_first(queue);
    if (stock_has_expired(model, queue, &entry) && entry.step != model->step)
        model_complain(model, "message %u of %s was delivered although its time is over",
                       entry.message.id, queue_name(consumer->queue));
    check_message(model, &entry.message,
                  queue->settings.of[SETTING_DELIVERIES] == NONE ? 0 : entry.count, seen->message);
    if (seen->redelivered != (entry.count > 0))
        model_complain(model, "redelivered is %d for a message delivered %u times",
                       seen->redelivered, entry.count);
    if (seen->delivery_tag != ++channel->last_tag)
        model_complain(model, "delivery tag %" PRIu64 " instead of %" PRIu64, seen->delivery_tag,
                       channel->last_tag);
    model->deliveries++;
    model->counters.messages_delivered++;
    model->counters.messages_redelivered += entry.count > 0;
    s->unwritten += cost_of(seen->message, seen->consumer_tag);
    if (s->unwritten >= s->unwritten_max && !s->clogged) {
        s->clogged = true;
        model->clogs++;
    }
    if (!consumer->no_ack) {
        state_track(channel, &entry, consumer->queue, queue->uid, consumer);
        queue->unacked++;
    }
}

static void check_number(const struct model *model, const char *what, uint64_t actual,
                         uint64_t expected)
{
    if (actual != expected)
        model_complain(model, "%s is %" PRIu64 ", expected %" PRIu64, what, actual, expected);
}

static void check_text(const struct model *model, const char *what, struct slice actual,
                       const char *expected)
{
    if (!slice_equal(actual, S(expected)))
        model_complain(model, "%s is \"%.*s\", expected \"%s\"", what, SLICE_ARGS(actual),
                       expected);
}

static void check_get_ok(struct model *model, const struct m_expected *expected,
                         const struct seen *seen)
{
    const struct method_basic_get_ok *ok = &seen->method.basic_get_ok;
    const struct m_channel *channel =
        &model->sessions[expected->session].channels[expected->channel];
    check_number(model, "message_count", ok->message_count,
                 model->queues[expected->queue].ready_count);
    check_number(model, "redelivered", ok->redelivered, expected->flag);
    check_number(model, "delivery tag", ok->delivery_tag, channel->last_tag);
    check_message(model, &expected->message, expected->count, seen->message);
}

/* What happens in the model when the client has seen what was EXPECTED, or what is in it. */
static void check_fields(struct model *model, const struct m_expected *expected,
                         const struct seen *seen)
{
    const struct method *method = &seen->method;
    struct m_channel *channel = &model->sessions[expected->session].channels[expected->channel];
    switch ((unsigned)expected->id) {
    case METHOD_BASIC_CONSUME_OK:
        check_text(model, "tag", method->basic_consume_ok.consumer_tag, tag_name(expected->tag));
        channel->consumers[expected->tag].announced = true;
        break;
    case METHOD_BASIC_CANCEL:
        check_text(model, "tag", method->basic_cancel.consumer_tag, tag_name(expected->tag));
        break;
    case METHOD_BASIC_CANCEL_OK:
        check_text(model, "tag", method->basic_cancel_ok.consumer_tag, tag_name(expected->tag));
        break;
    case METHOD_BASIC_GET_OK:
        check_get_ok(model, expected, seen);
        break;
    case METHOD_BASIC_RETURN:
        check_number(model, "reply code", method->basic_return.reply_code, expected->number);
        check_message(model, &expected->message, 0, seen->message);
        break;
    case METHOD_BASIC_NACK:
        check_number(model, "refused tag", method->basic_nack.delivery_tag, expected->number);
        check_number(model, "multiple", method->basic_nack.multiple, expected->flag);
        break;
    case METHOD_BASIC_ACK:
        check_number(model, "confirmed tag", method->basic_ack.delivery_tag, expected->number);
        check_number(model, "multiple", method->basic_ack.multiple, expected->flag);
        break;
    case METHOD_QUEUE_DECLARE_OK:
        check_text(model, "queue", method->queue_declare_ok.queue, queue_name(expected->queue));
        check_number(model, "message_count", method->queue_declare_ok.message_count,
                     expected->number);
        check_number(model, "consumer_count", method->queue_declare_ok.consumer_count,
                     expected->consumers);
        break;
    case METHOD_QUEUE_DELETE_OK:
        check_number(model, "message_count", method->queue_delete_ok.message_count,
                     expected->number);
        break;
    case METHOD_QUEUE_PURGE_OK:
        check_number(model, "message_count", method->queue_purge_ok.message_count,
                     expected->number);
        break;
    case METHOD_CHANNEL_CLOSE:
        check_number(model, "reply code", method->channel_close.reply_code, expected->number);
        break;
    case METHOD_CONNECTION_CLOSE:
        check_number(model, "reply code", method->connection_close.reply_code, expected->number);
        break;
    case METHOD_TX_COMMIT_OK:
        model->commits++;
        break;
    default:
        break;
    }
}

static void check_method(struct model *model, int session, const struct seen *seen)
{
    enum method_id id = seen->kind == EFFECT_GONE ? METHOD_NONE : seen->method.id;
    const char *name = id == METHOD_NONE ? "the end of the session" : method_infos[id].name;
    paging_resolve(model, session, seen->channel, id);
    for (size_t i = 0; i < model->expected_count; i++) {
        struct m_expected *expected = &model->expected[i];
        if (expected->seen || expected->session != session || expected->channel != seen->channel)
            continue;
        if (expected->id != id)
            model_complain(model, "%s came; expected %s", name,
                           expected->id == METHOD_NONE ? "the end of the session"
                                                       : method_infos[expected->id].name);
        expected->seen = true;
        check_fields(model, expected, seen);
        if (id == METHOD_NONE)
            model->sessions[session] = (struct m_session){0};
        return;
    }
    if (model->sessions[session].waiting_count > 0 &&
        model->sessions[session].waiting[0].expected.id == id)
        model_complain(model, "%s came before it was durable", name);
    if (id == METHOD_BASIC_ACK)
        model_complain(model, "%" PRIu64 " was confirmed before it was durable",
                       seen->method.basic_ack.delivery_tag);
    model_complain(model, "session %d channel %u saw %s, which nothing called for", session,
                   seen->channel, name);
}

/* The session whose next effect is the oldest, or NONE. */
static int next_session(const struct model *model)
{
    int next = NONE;
    uint64_t order = UINT64_MAX;
    for (int s = 0; s < SESSIONS; s++) {
        const struct client *client = model->sessions[s].client;
        const struct seen *seen = client == NULL ? NULL : client_peek(client);
        if (seen != NULL && seen->order < order) {
            order = seen->order;
            next = s;
        }
    }
    return next;
}

void check_seen(struct model *model)
{
    for (int s; (s = next_session(model)) != NONE;) {
        struct client *client = model->sessions[s].client;
        const struct seen *seen = client_next(client);
        model->next = seen;
        model->next_session = s;
        stock_follow(model, seen->order);
        model->next = NULL;
        if (seen->kind == EFFECT_DELIVER)
            check_delivery(model, s, seen);
        else
            check_method(model, s, seen);
        if (client_peek(client) == NULL)
            client_forget(client);
    }
    stock_follow(model, UINT64_MAX);
    model->commit_lsn = 0;
    for (size_t i = 0; i < model->expected_count; i++)
        if (!model->expected[i].seen)
            model_complain(model, "session %d channel %u did not see %s",
                           model->expected[i].session, model->expected[i].channel,
                           method_infos[model->expected[i].id].name);
    model->expected_count = 0;
}

/* --- what must hold -------------------------------------------------------------------------- */

static void check_queue(const struct model *model, int index)
{
    const struct m_queue *queue = &model->queues[index];
    const struct queue *actual = harness_queue(&model->harness, queue_name(index));
    struct m_expected who;
    if ((actual != NULL) != queue->alive)
        model_complain(model, "%s is%s there", queue_name(index), actual == NULL ? " not" : "");
    if (actual == NULL)
        return;
    uint64_t bytes = 0;
    for (size_t i = 0; i < queue->ready_count; i++)
        bytes += queue->ready[i].message.size;
    check_number(model, "depth", queue_depth(actual), queue->ready_count);
    check_number(model, "ready bytes", actual->ready_bytes, bytes);
    check_number(model, "unacked", actual->unacked, queue->unacked);
    check_number(model, "consumers", actual->consumer_count, state_consumers(model, index));
    check_number(model, "published", actual->traffic.count[TRAFFIC_PUBLISH], queue->entered);
    if (queue->ready_count > 0 && find_eligible(model, index, INT32_MIN, &who) &&
        !paging_keeps_waiting(actual) && !stock_has_expired(model, queue, &queue->ready[0]))
        model_complain(model, "%s has %zu messages stuck: session %d channel %u %s may take one",
                       queue_name(index), queue->ready_count, who.session, who.channel,
                       tag_name(who.tag));
}

static void check_counters(const struct model *model)
{
    const struct counters *actual = &model->harness.engine->counters;
#define COUNTER(name, help)                                                          \
    if (strcmp(#name, "commands") != 0 && strncmp(#name, "messages_paged", 14) != 0) \
        check_number(model, "counter " #name, actual->name, model->counters.name);
#include "exchange/counters.def"
}

void check_state(struct model *model)
{
    for (int q = 0; q < QUEUES; q++)
        check_queue(model, q);
    for (int x = 0; x < EXCHANGES; x++)
        if ((harness_exchange(&model->harness, exchange_name(x)) != NULL) !=
            model->exchanges[x].alive)
            model_complain(model, "exchange \"%s\" is%s there", exchange_name(x),
                           model->exchanges[x].alive ? " not" : "");
    for (int s = 0; s < SESSIONS; s++) {
        const struct m_session *session = &model->sessions[s];
        if (session->client != NULL && !session->closed)
            check_number(model, "unwritten", session->client->session->unwritten,
                         session->unwritten);
    }
    check_counters(model);
    later_check(model);
    paging_check(model);
}
