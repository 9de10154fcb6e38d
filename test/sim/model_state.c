/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/model_parts.h"

#include "server/base/mem.h"
#include "test/unit/exchange/naive_topic.h"

const char *const model_keys[KEYS] = {
    "",  "a", "b",   "a.b", "a.b.c", "q0",    "q1",    "q2", "b.a", "a.a.b", /* publishing's */
    "#", "*", "a.#", "*.b", "#.b.#", "a.*.c", "*.#.*", "#.#"};
const char *const model_kinds[4] = {"direct", "fanout", "topic", "headers"};

const struct m_header model_headers[HEADERS][3] = {
    {{NULL, 0}},  {{"h1", 1}}, {{"h1", 1}, {"h2", 2}}, {{"h2", 2}}, {{"h1", 5}},
    {{"x-h", 1}}, {{NULL, 0}},
};

const struct m_arguments model_arguments[HEADERS] = {
    {NULL, {{NULL, 0}}},
    {NULL, {{"h1", 1}}},
    {"any", {{"h1", 1}, {"h2", 2}}},
    {"all", {{"h2", 2}, {"h1", 1}}},
    {NULL, {{"h1", 0}}},
    {"any-with-x", {{"x-h", 1}}},
    {"all", {{"x-h", 1}}},
};

const char *queue_name(int queue)
{
    if (queue >= QUEUES)
        return exchange_name(queue - QUEUES);
    static const char *const names[QUEUES] = {"q0", "q1", "q2", "q3", "q4", "q5"};
    return names[queue];
}

const char *exchange_name(int exchange)
{
    static const char *const names[EXCHANGES] = {
        "", "amq.direct", "amq.fanout", "amq.topic", "amq.headers", "x0", "x1", "x2", "x3", "x4"};
    return names[exchange];
}

const char *tag_name(int tag)
{
    static const char *const names[TAGS] = {"first", "second", "third"};
    return names[tag];
}

void state_init(struct model *model)
{
    for (int i = 0; i < EXCHANGES; i++)
        model->exchanges[i] = (struct m_exchange){
            .alive = i < FIRST_OWN_EXCHANGE,
            .durable = true,
            .kind = (enum exchange_kind)(i == 0 ? 0 : (i - 1) % 4),
            .alternate = NONE};
}

void state_fini(struct model *model)
{
    for (int i = 0; i < QUEUES; i++)
        mem_free(model->queues[i].ready);
    for (int i = 0; i < EXCHANGES; i++)
        mem_free(model->exchanges[i].waiting);
    mem_free(model->events);
}

/* --- routing --------------------------------------------------------------------------------- */

/* Has a message with HEADERS the header NAME with VALUE (0: any)? */
static bool has_header(int headers, const struct m_header *wanted)
{
    for (const struct m_header *h = model_headers[headers]; h < model_headers[headers] + 3; h++)
        if (h->name != NULL && strcmp(h->name, wanted->name) == 0)
            return wanted->value == 0 || wanted->value == h->value;
    return false;
}

static bool headers_match(int arguments, int headers)
{
    const struct m_arguments *wanted = &model_arguments[arguments];
    const char *mode = wanted->x_match == NULL ? "all" : wanted->x_match;
    bool any = strncmp(mode, "any", 3) == 0, with_x = strlen(mode) > 3;
    unsigned asked = 0, held = 0;
    for (const struct m_header *c = wanted->conditions; c < wanted->conditions + 3; c++) {
        if (c->name == NULL || (!with_x && strncmp(c->name, "x-", 2) == 0))
            continue;
        asked++;
        held += has_header(headers, c);
    }
    return any ? held > 0 : held == asked;
}

/* What a message is routed by: all of its keys, and its headers. */
struct address {
    const char *keys[2];
    int key_count;
    int headers;
    bool is_delayed;
};

static bool binding_matches(const struct model *model, const struct m_binding *binding,
                            const struct address *to)
{
    const char *pattern = model_keys[binding->key];
    bool matches = false;
    for (int k = 0; k < to->key_count; k++)
        switch (model->exchanges[binding->source].kind) {
        case KIND_DIRECT:
            matches |= strcmp(pattern, to->keys[k]) == 0;
            break;
        case KIND_FANOUT:
            return true;
        case KIND_TOPIC:
            matches |= naive_topic_matches(S(pattern), S(to->keys[k]));
            break;
        case KIND_HEADERS:
            return headers_match(binding->arguments, to->headers);
        }
    return matches;
}

static bool default_exchange_matches(const struct model *model, const struct address *to,
                                     bool places[PLACES])
{
    bool matched = false;
    for (int k = 0; k < to->key_count; k++)
        for (int q = 0; q < QUEUES; q++)
            if (model->queues[q].alive && strcmp(queue_name(q), to->keys[k]) == 0)
                places[q] = matched = true;
    return matched;
}

static void route(const struct model *model, int exchange, const struct address *to,
                  bool visited[EXCHANGES], bool places[PLACES])
{
    if (visited[exchange])
        return;
    visited[exchange] = true;
    if (model->exchanges[exchange].delays != DELAYS_NOT && to->is_delayed) {
        places[QUEUES + exchange] = true;
        return;
    }
    bool matched = exchange == 0 && default_exchange_matches(model, to, places);
    for (size_t i = 0; i < model->binding_count; i++) {
        const struct m_binding *binding = &model->bindings[i];
        if (binding->source != exchange || !binding_matches(model, binding, to))
            continue;
        matched = true;
        if (binding->queue != NONE)
            places[binding->queue] = true;
        else
            route(model, binding->exchange, to, visited, places);
    }
    int alternate = model->exchanges[exchange].alternate;
    if (!matched && alternate != NONE && alternate != 0 && model->exchanges[alternate].alive)
        route(model, alternate, to, visited, places);
}

void state_route(const struct model *model, int exchange, const struct m_message *message,
                 bool places[PLACES])
{
    bool visited[EXCHANGES] = {false};
    struct address to = {.keys = {model_keys[message->key], "q1"},
                         .key_count = message->headers == HEADERS_WITH_CC ? 2 : 1,
                         .headers = message->headers,
                         .is_delayed = message->delay > 0};
    memset(places, 0, PLACES * sizeof *places);
    if (model->exchanges[exchange].alive)
        route(model, exchange, &to, visited, places);
}

bool state_is_durable(const struct model *model, int place)
{
    return place < QUEUES ? model->queues[place].durable : model->exchanges[place - QUEUES].durable;
}

/* --- queues ---------------------------------------------------------------------------------- */

bool state_publish(struct model *model, int session, uint16_t channel,
                   const struct m_message *message)
{
    bool places[PLACES], is_routed = false;
    state_route(model, message->exchange, message, places);
    for (int p = 0; p < PLACES; p++)
        is_routed |= places[p];
    if (is_routed)
        return stock_give(model, message, places);
    if (message->mandatory) {
        model->counters.messages_unroutable_returned++;
        model->returns++;
        struct m_expected *back = model_expect(model, session, channel, METHOD_BASIC_RETURN);
        back->message = *message;
        back->number = REPLY_NO_ROUTE;
    } else {
        model->counters.messages_unroutable_dropped++;
    }
    return true;
}

uint32_t state_consumers(const struct model *model, int queue)
{
    uint32_t count = 0;
    for (int s = 0; s < SESSIONS; s++)
        for (int c = 1; c <= CHANNELS; c++)
            for (int t = 0; t < TAGS; t++) {
                const struct m_consumer *consumer = &model->sessions[s].channels[c].consumers[t];
                count += consumer->alive && consumer->queue == queue;
            }
    return count;
}

void state_choose_active(struct model *model, int queue)
{
    const struct m_consumer *next = NULL;
    if (!model->queues[queue].features.single_active)
        return;
    for (int s = 0; s < SESSIONS; s++)
        for (int c = 1; c <= CHANNELS; c++)
            for (int t = 0; t < TAGS; t++) {
                const struct m_consumer *consumer = &model->sessions[s].channels[c].consumers[t];
                if (!consumer->alive || consumer->queue != queue)
                    continue;
                if (consumer->uid == model->queues[queue].active_uid)
                    return;
                if (next == NULL || consumer->priority > next->priority ||
                    (consumer->priority == next->priority && consumer->uid < next->uid))
                    next = consumer;
            }
    model->queues[queue].active_uid = next == NULL ? 0 : next->uid;
}

/* Is A told before B that its queue is gone? */
static bool ends_before(const struct model *model, const struct m_consumer *a,
                        const struct m_consumer *b)
{
    if (model->queues[a->queue].features.single_active && a->priority != b->priority)
        return a->priority > b->priority;
    return a->uid < b->uid;
}

/* Ends the consumers of a queue, in the order of their beginning or of their turns, and expects
 * that they are told. */
static void end_consumers(struct model *model, int queue)
{
    for (;;) {
        struct m_consumer *first = NULL;
        struct m_expected where = {0};
        for (int s = 0; s < SESSIONS; s++)
            for (uint16_t c = 1; c <= CHANNELS; c++)
                for (int t = 0; t < TAGS; t++) {
                    struct m_consumer *consumer = &model->sessions[s].channels[c].consumers[t];
                    if (!consumer->alive || consumer->queue != queue ||
                        (first != NULL && ends_before(model, first, consumer)))
                        continue;
                    first = consumer;
                    where = (struct m_expected){.session = s, .channel = c, .tag = t};
                }
        if (first == NULL)
            return;
        first->alive = false;
        model_expect(model, where.session, where.channel, METHOD_BASIC_CANCEL)->tag = where.tag;
    }
}

void state_delete_queue(struct model *model, int index)
{
    struct m_queue *queue = &model->queues[index];
    queue->alive = false;
    queue->is_dying = true;
    end_consumers(model, index);
    for (size_t i = 0; i < model->binding_count;)
        if (model->bindings[i].queue == index) {
            state_remove_binding(model, i);
            i = 0; /* which may have removed more */
        } else {
            i++;
        }
    model->counters.queues_deleted++;
    queue->unacked = 0;
    queue->active_uid = 0;
}

/* --- exchanges and bindings ------------------------------------------------------------------ */

int state_find_binding(const struct model *model, const struct m_binding *wanted)
{
    for (size_t i = 0; i < model->binding_count; i++) {
        const struct m_binding *b = &model->bindings[i];
        if (b->source == wanted->source && b->queue == wanted->queue &&
            b->exchange == wanted->exchange && b->key == wanted->key &&
            b->arguments == wanted->arguments)
            return (int)i;
    }
    return NONE;
}

void state_remove_binding(struct model *model, size_t index)
{
    int source = model->bindings[index].source;
    model->bindings[index] = model->bindings[--model->binding_count];
    struct m_exchange *exchange = &model->exchanges[source];
    if (!exchange->alive || !exchange->auto_delete)
        return;
    for (size_t i = 0; i < model->binding_count; i++)
        if (model->bindings[i].source == source)
            return;
    state_delete_exchange(model, source);
}

void state_delete_exchange(struct model *model, int index)
{
    model->exchanges[index].alive = false;
    later_delete(model, index);
    for (size_t i = 0; i < model->binding_count;)
        if (model->bindings[i].exchange == index || model->bindings[i].source == index) {
            state_remove_binding(model, i);
            i = 0;
        } else {
            i++;
        }
}

/* --- channels -------------------------------------------------------------------------------- */

void state_track(struct m_channel *channel, const struct m_entry *entry, int queue,
                 uint32_t queue_uid, struct m_consumer *consumer)
{
    if (channel->unacked_count == channel->unacked_capacity) {
        channel->unacked_capacity = channel->unacked_capacity == 0 ? 16
                                                                   : channel->unacked_capacity * 2;
        channel->unacked = mem_realloc(channel->unacked,
                                       channel->unacked_capacity * sizeof *channel->unacked);
    }
    channel->unacked[channel->unacked_count++] = (struct m_unacked){
        .tag = channel->last_tag,
        .entry = *entry,
        .queue = queue,
        .queue_uid = queue_uid,
        .consumer_uid = consumer == NULL ? 0 : consumer->uid};
    if (consumer != NULL) {
        consumer->unacked++;
        channel->consumer_unacked++;
    }
}

void state_settle(struct model *model, struct m_channel *channel, size_t index, bool acked,
                  bool requeue)
{
    struct m_unacked unacked = channel->unacked[index];
    struct m_queue *queue = &model->queues[unacked.queue];
    bool is_there = queue->alive && queue->uid == unacked.queue_uid;
    channel->unacked_count--;
    memmove(channel->unacked + index, channel->unacked + index + 1,
            (channel->unacked_count - index) * sizeof *channel->unacked);
    if (is_there)
        queue->unacked--;
    if (acked) {
        model->counters.messages_acked++;
    } else if (!requeue) {
        model->counters.messages_rejected++;
        if (is_there)
            stock_reject(model, unacked.queue, &unacked.entry);
        else
            model->counters.messages_dropped_rejected++;
    } else {
        model->counters.messages_requeued++;
        unacked.entry.count++;
        if (is_there)
            stock_return(model, unacked.queue, &unacked.entry);
    }
    if (unacked.consumer_uid == 0)
        return;
    channel->consumer_unacked--;
    for (int t = 0; t < TAGS; t++)
        if (channel->consumers[t].alive && channel->consumers[t].uid == unacked.consumer_uid)
            channel->consumers[t].unacked--;
}

void state_recover(struct model *model, struct m_channel *channel)
{
    for (size_t i = 0; i < channel->unacked_count;)
        if (channel->unacked[i].held)
            i++;
        else
            state_settle(model, channel, i, false, true);
}

void state_apply_held(struct model *model, struct m_channel *channel)
{
    for (;;) {
        size_t first = channel->unacked_count;
        for (size_t i = 0; i < channel->unacked_count; i++)
            if (channel->unacked[i].held != 0 &&
                (first == channel->unacked_count ||
                 channel->unacked[i].held < channel->unacked[first].held))
                first = i;
        if (first == channel->unacked_count)
            return;
        state_settle(model, channel, first, channel->unacked[first].acked,
                     channel->unacked[first].requeue);
    }
}

void state_cancel(struct model *model, struct m_consumer *consumer)
{
    consumer->alive = false;
    state_choose_active(model, consumer->queue);
    if (state_consumers(model, consumer->queue) == 0)
        model->queues[consumer->queue].used_ms = stock_now_ms(model);
    if (model->queues[consumer->queue].auto_delete && state_consumers(model, consumer->queue) == 0)
        state_delete_queue(model, consumer->queue);
}

void state_confirm(struct model *model, int session, uint16_t number)
{
    struct m_channel *channel = &model->sessions[session].channels[number];
    const struct m_confirm *confirms = channel->confirms;
    while (channel->confirmed < channel->published &&
           confirms[channel->confirmed].lsn <= model->durable_lsn) {
        size_t upto = channel->confirmed;
        bool refused = confirms[upto].refused;
        while (upto < channel->published && confirms[upto].refused == refused &&
               confirms[upto].lsn <= model->durable_lsn)
            upto++;
        struct m_expected *answer = model_expect(model, session, number,
                                                 refused ? METHOD_BASIC_NACK : METHOD_BASIC_ACK);
        answer->number = upto;
        answer->flag = upto - channel->confirmed > 1;
        if (!refused)
            model->counters.messages_confirmed += upto - channel->confirmed;
        model->confirms += upto - channel->confirmed;
        channel->confirmed = upto;
    }
}

void state_close_channel(struct model *model, int session, uint16_t number, bool tell)
{
    struct m_channel *channel = &model->sessions[session].channels[number];
    if (tell && channel->mode == CHANNEL_CONFIRM)
        state_confirm(model, session, number);
    for (int t = 0; t < TAGS; t++)
        if (channel->consumers[t].alive)
            state_cancel(model, &channel->consumers[t]);
    for (size_t i = 0; i < channel->unacked_count; i++)
        channel->unacked[i].held = 0;
    state_recover(model, channel);
    model->counters.channels_closed++;
    mem_free(channel->unacked);
    mem_free(channel->confirms);
    mem_free(channel->tx_publishes);
    *channel = (struct m_channel){.last_queue = NONE};
}

void state_close_session(struct model *model, int index)
{
    for (uint16_t c = 1; c <= CHANNELS; c++)
        if (model->sessions[index].channels[c].open)
            state_close_channel(model, index, c, false);
    for (int q = 0; q < QUEUES; q++)
        if (model->queues[q].alive && model->queues[q].owner == index)
            state_delete_queue(model, q);
    model->sessions[index].closed = true;
}
