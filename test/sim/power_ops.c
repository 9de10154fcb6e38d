/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Queue 4 is not durable, so that bindings come and go that no recovery sees.
 * Exchanges 2 and 3 delete themselves with their last binding.
 */
#include "test/sim/power.h"

#include "amqp/table.h"
#include "exchange/engine.h"
#include "exchange/move.h"
#include "exchange/pause.h"
#include "server/base/mem.h"

static const char *const keys[] = {"a", "a.b", "c"};

enum { TRANSIENT_QUEUE = 4, FIRST_AUTO_DELETE = 2, KEY_COUNT = 3, CONSUMER_PREFETCH = 3 };

static uint32_t below(struct power *power, uint32_t limit)
{
    return harness_below(&power->random, limit);
}

static const char *some_queue(struct power *power)
{
    const char *name = power_queues[below(power, POWER_QUEUES)];
    return harness_queue(&power->harness, name) != NULL ? name : NULL;
}

static const char *some_exchange(struct power *power)
{
    const char *name = power_exchanges[below(power, POWER_EXCHANGES)];
    return harness_exchange(&power->harness, name) != NULL ? name : NULL;
}

/* --- replies ---------------------------------------------------------------------------------- */

/* METHOD will be answered, which promises that the first EVENTS are durable. */
static void expect_reply(struct power *power, enum method_id method, size_t events)
{
    power->replies[power->reply_count++] = (struct power_reply){method_infos[method].reply, events};
}

static bool is_reply(enum method_id id)
{
    return id == METHOD_QUEUE_DECLARE_OK || id == METHOD_QUEUE_DELETE_OK ||
           id == METHOD_QUEUE_BIND_OK || id == METHOD_QUEUE_UNBIND_OK ||
           id == METHOD_EXCHANGE_DECLARE_OK || id == METHOD_EXCHANGE_DELETE_OK ||
           id == METHOD_EXCHANGE_BIND_OK || id == METHOD_TX_COMMIT_OK;
}

static void see_reply(struct power *power, enum method_id id)
{
    const struct power_reply *first = &power->replies[0];
    CHECK_ID(power->reply_count > 0 && first->id == id, id);
    if (first->events > 0)
        ledger_promise(power->ledger, first->events, disk_operations(power->disk));
    power->reply_count--;
    memmove(power->replies, power->replies + 1, power->reply_count * sizeof *power->replies);
}

/* --- topology --------------------------------------------------------------------------------- */

/* Does the client want an answer this time? */
static bool wants_reply(struct power *power)
{
    return power->reply_count < POWER_REPLIES && below(power, 2) == 0;
}

/* Sends METHOD, whose nowait is not REPLY; about something DURABLE, its answer is a promise. */
static void change(struct power *power, const struct method *method, bool reply, bool durable)
{
    client_send(power->client, PLAIN_CHANNEL, method);
    if (reply)
        expect_reply(power, method->id, durable ? power->ledger->topology_event : 0);
}

static bool is_durable(const char *queue)
{
    return strcmp(queue, power_queues[TRANSIENT_QUEUE]) != 0;
}

static void declare_queue(struct power *power, uint32_t queue, bool reply)
{
    struct buf arguments = {0};
    power_put_arguments(power, &arguments, queue);
    change(power,
           &(struct method){.id = METHOD_QUEUE_DECLARE,
                            .queue_declare = {.queue = S(power_queues[queue]),
                                              .durable = is_durable(power_queues[queue]),
                                              .nowait = !reply,
                                              .arguments = buf_slice(&arguments)}},
           reply, is_durable(power_queues[queue]));
    buf_fini(&arguments);
}

static void declare(struct power *power)
{
    uint32_t q = below(power, POWER_QUEUES), x = below(power, POWER_EXCHANGES);
    bool reply = wants_reply(power);
    struct buf arguments = {0};
    const char *type = power_exchange_type(power, x, &arguments);
    if (below(power, 2) == 0)
        declare_queue(power, q, reply);
    else
        change(power,
               &(struct method){.id = METHOD_EXCHANGE_DECLARE,
                                .exchange_declare = {.exchange = S(power_exchanges[x]),
                                                     .type = S(type),
                                                     .durable = true,
                                                     .auto_delete = x >= FIRST_AUTO_DELETE,
                                                     .nowait = !reply,
                                                     .arguments = buf_slice(&arguments)}},
               reply, true);
    buf_fini(&arguments);
}

static void delete_something(struct power *power)
{
    const char *queue = some_queue(power), *exchange = some_exchange(power);
    bool reply = wants_reply(power);
    if (below(power, 2) == 0 && queue != NULL)
        change(power,
               &(struct method){.id = METHOD_QUEUE_DELETE,
                                .queue_delete = {.queue = S(queue), .nowait = !reply}},
               reply, is_durable(queue));
    else if (exchange != NULL)
        change(power,
               &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                .exchange_delete = {.exchange = S(exchange), .nowait = !reply}},
               reply, true);
}

static void bind(struct power *power)
{
    const char *queue = some_queue(power), *source = some_exchange(power);
    const char *destination = some_exchange(power);
    bool reply = wants_reply(power);
    if (source == NULL)
        return;
    const char *key = power_binding_key(power, source);
    if (below(power, 3) == 0 && destination != NULL)
        change(power,
               &(struct method){.id = METHOD_EXCHANGE_BIND,
                                .exchange_bind = {.destination = S(destination),
                                                  .source = S(source),
                                                  .routing_key = S(key),
                                                  .nowait = !reply}},
               reply, true);
    else if (queue != NULL)
        change(power,
               &(struct method){.id = METHOD_QUEUE_BIND,
                                .queue_bind = {.queue = S(queue),
                                               .exchange = S(source),
                                               .routing_key = S(key),
                                               .nowait = !reply}},
               reply, is_durable(queue));
}

static void unbind(struct power *power)
{
    const char *queue = some_queue(power), *source = some_exchange(power);
    if (queue == NULL || source == NULL || power->reply_count == POWER_REPLIES)
        return;
    change(power,
           &(struct method){.id = METHOD_QUEUE_UNBIND,
                            .queue_unbind = {.queue = S(queue),
                                             .exchange = S(source),
                                             .routing_key = S(power_binding_key(power, source))}},
           true, is_durable(queue));
}

/* What the broker does though replies of the client wait. */
static void change_topology(struct power *power)
{
    uint32_t choice = below(power, 24);
    if (choice < 12)
        declare(power);
    else if (choice < 14)
        delete_something(power);
    else if (choice < 22)
        bind(power);
    else
        unbind(power);
}

/* --- an operator's actions -------------------------------------------------------------------- */

static void pause_or_move(struct power *power)
{
    const char *from = some_queue(power), *to = some_queue(power);
    uint64_t lsn = 0;
    if (from == NULL)
        return;
    struct queue *source = harness_queue(&power->harness, from);
    if (to == NULL || to == from)
        lsn = source->is_paused ? queue_resume(source) : queue_pause(source);
    else
        (void)queue_move(source, harness_queue(&power->harness, to), below(power, 8), &lsn);
    size_t events = power->ledger->event_count - 1; /* dead letters may follow */
    engine_end_change(power->harness.engine);
    if (lsn != 0)
        power_await_definition(power, lsn, events);
}

/* --- publishing ------------------------------------------------------------------------------- */

static void publish_on(struct power *power, uint16_t channel)
{
    const char *exchange = some_exchange(power), *queue = some_queue(power);
    bool to_queue = exchange == NULL || below(power, 2) == 0;
    if (to_queue && queue == NULL)
        return;
    struct message *message = to_queue ? power_new_message(power, "", queue)
                                       : power_new_message(power, exchange,
                                                           keys[below(power, KEY_COUNT)]);
    engine_apply(power->harness.engine, &(struct command){.kind = COMMAND_PUBLISH,
                                                          .channel = channel,
                                                          .session = power->client->session,
                                                          .publish = {.message = message}});
}

/* Does the confirm of what was published last wait for the store? That was told of the message
 * first, and then perhaps of what followed from it. */
static bool waits_for_store(const struct confirms *confirms)
{
    if (confirms->count == 0)
        return false;
    uint32_t last = (confirms->head + confirms->count - 1) & (confirms->capacity - 1);
    return confirms->pending[last].sequence == confirms->published;
}

static void note_published(struct power *power, size_t events)
{
    if (power->published_count == power->published_capacity) {
        power->published_capacity = power->published_count == 0 ? 64 : power->published_count * 2;
        power->published = mem_realloc(power->published,
                                       power->published_capacity * sizeof *power->published);
    }
    power->published[power->published_count++] = events;
}

static void publish(struct power *power)
{
    const struct confirms *confirms =
        &session_channel(power->client->session, CONFIRM_CHANNEL)->confirms;
    power->ledger->first_message = 0;
    uint64_t published = confirms->published;
    publish_on(power, CONFIRM_CHANNEL);
    if (confirms->published == published)
        return;
    note_published(power, waits_for_store(confirms) ? power->ledger->first_message : 0);
}

#define HELD_TICKS_MAX 16

/* --- consuming -------------------------------------------------------------------------------- */

static void get(struct power *power, uint16_t channel)
{
    const char *queue = some_queue(power);
    if (queue != NULL && power->tags[channel].count < POWER_TAGS - 2 * CONSUMER_PREFETCH)
        client_get(power->client, channel, queue, channel == PLAIN_CHANNEL && below(power, 4) == 0);
}

/* Its consumers come and go; together they have few messages at a time. */
static void consume_or_cancel(struct power *power)
{
    static const char *const tags[] = {"c0", "c1"};
    const char *tag = tags[below(power, 2)], *queue = some_queue(power);
    const struct channel *channel = session_channel(power->client->session, PLAIN_CHANNEL);
    if (map_get(&channel->consumers, S(tag)) != NULL)
        client_cancel(power->client, PLAIN_CHANNEL, tag);
    else if (queue != NULL)
        client_consume(power->client, PLAIN_CHANNEL, queue, tag, below(power, 4) == 0);
}

static void settle(struct power *power, uint16_t channel)
{
    struct power_tags *tags = &power->tags[channel];
    if (tags->count == 0)
        return;
    uint32_t at = below(power, tags->count);
    bool multiple = below(power, 4) == 0;
    if (below(power, 3) > 0)
        client_ack(power->client, channel, tags->tags[at], multiple);
    else
        client_nack(power->client, channel, tags->tags[at], multiple, below(power, 3) > 0);
    if (multiple) {
        memmove(tags->tags, tags->tags + at + 1, (tags->count - at - 1) * sizeof *tags->tags);
        tags->count -= at + 1;
    } else {
        memmove(tags->tags + at, tags->tags + at + 1, (tags->count - at - 1) * sizeof *tags->tags);
        tags->count--;
    }
}

static void purge(struct power *power)
{
    const char *queue = some_queue(power);
    if (queue != NULL)
        client_send(power->client, PLAIN_CHANNEL,
                    &(struct method){.id = METHOD_QUEUE_PURGE,
                                     .queue_purge = {.queue = S(queue), .nowait = true}});
}

/* Ends ticks until the client is not held any more; false when it is for good: the log has failed.
 */
static bool await_release(struct power *power)
{
    for (unsigned i = 0; i < HELD_TICKS_MAX; i++) {
        if (power->client->session->hold == SESSION_NOT_HELD)
            return true;
        harness_tick(&power->harness);
        power_look(power);
    }
    return false;
}

static void transact(struct power *power)
{
    const struct vhost *vhost = power->client->session->vhost;
    for (uint32_t i = below(power, 5); i > 0; i--) {
        if (vhost->rejecting == 0) /* else the commit may be an error */
            publish_on(power, TX_CHANNEL);
        get(power, TX_CHANNEL);
        if (!await_release(power))
            return;
        power_look(power);
        settle(power, TX_CHANNEL);
    }
    bool commit = below(power, 4) > 0 && power->reply_count < POWER_REPLIES;
    power->ledger->first_commit = 0;
    client_send(power->client, TX_CHANNEL,
                &(struct method){.id = commit ? METHOD_TX_COMMIT : METHOD_TX_ROLLBACK});
    bool waits = power->client->session->hold != SESSION_NOT_HELD; /* else it has no records */
    if (commit)
        expect_reply(power, METHOD_TX_COMMIT, waits ? power->ledger->first_commit : 0);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void operate(struct power *power)
{
    uint32_t choice = below(power, 100);
    if (choice < 20)
        change_topology(power);
    else if (choice < 24)
        power_define(power);
    else if (choice < 27)
        pause_or_move(power);
    else if (choice < 60)
        publish(power);
    else if (choice < 63)
        consume_or_cancel(power);
    else if (choice < 75)
        get(power, PLAIN_CHANNEL);
    else if (choice < 90)
        settle(power, PLAIN_CHANNEL);
    else if (choice < 91)
        purge(power);
    else
        transact(power);
}

void power_step(struct power *power)
{
    for (uint32_t i = below(power, 6) + 1; i > 0; i--) {
        const struct session *session = power->client->session;
        bool is_held = session->hold != SESSION_NOT_HELD;
        if (is_held && session->deferred.size == 0 && below(power, 2) == 0)
            change_topology(power); /* at once, as long as nothing is deferred */
        else if (is_held && below(power, 2) == 0)
            publish_on(power, PLAIN_CHANNEL); /* is deferred */
        else if (await_release(power))
            operate(power);
        else
            return;
        power_look(power);
    }
    power->harness.now_ms += below(power, 10);
    harness_tick(&power->harness);
    power_look(power);
}

/* Is the delivery unsettled? One of a get without acks is not. */
static bool is_unsettled(const struct power *power, uint16_t channel, uint64_t tag)
{
    return unacked_find(&session_channel(power->client->session, channel)->unacked, tag) != NULL;
}

static void see_confirm(struct power *power, const struct method *method)
{
    uint64_t tag = method->basic_ack.delivery_tag;
    CHECK(tag > 0 && tag <= power->published_count);
    size_t events = 0;
    for (uint64_t i = method->basic_ack.multiple ? power->confirmed : tag - 1; i < tag; i++)
        if (power->published[i] > events)
            events = power->published[i];
    power->confirmed = tag;
    if (events > 0)
        ledger_promise(power->ledger, events, disk_operations(power->disk));
}

/* What is delivered to consumers is a delivery as one of a get is. */
static void see_delivery(struct power *power, uint16_t channel, uint64_t tag)
{
    struct power_tags *tags = &power->tags[channel];
    if (!is_unsettled(power, channel, tag))
        return;
    CHECK(tags->count < POWER_TAGS);
    tags->tags[tags->count++] = tag;
}

void power_look(struct power *power)
{
    for (struct seen *seen; (seen = client_next(power->client)) != NULL;) {
        if (seen->kind == EFFECT_GONE)
            continue;
        CHECK_ID(seen->method.id != METHOD_CHANNEL_CLOSE || power->is_resting, seen->channel);
        if (seen->method.id == METHOD_BASIC_ACK && seen->channel == CONFIRM_CHANNEL)
            see_confirm(power, &seen->method);
        if (seen->method.id == METHOD_BASIC_NACK && seen->channel == CONFIRM_CHANNEL)
            power->confirmed = seen->method.basic_nack.delivery_tag; /* promises nothing */
        if (is_reply(seen->method.id))
            see_reply(power, seen->method.id);
        if (seen->kind == EFFECT_DELIVER)
            see_delivery(power, seen->channel, seen->delivery_tag);
        else if (seen->method.id == METHOD_BASIC_GET_OK)
            see_delivery(power, seen->channel, seen->method.basic_get_ok.delivery_tag);
    }
    client_forget(power->client);
}

void power_connect(struct power *power)
{
    power->client = client_open(&power->harness, UINT32_MAX);
    for (uint16_t channel = CONFIRM_CHANNEL; channel <= PLAIN_CHANNEL; channel++)
        client_channel(power->client, channel);
    client_qos(power->client, PLAIN_CHANNEL, CONSUMER_PREFETCH, false);
    client_send(power->client, CONFIRM_CHANNEL, &(struct method){.id = METHOD_CONFIRM_SELECT});
    client_send(power->client, TX_CHANNEL, &(struct method){.id = METHOD_TX_SELECT});
    power_look(power);
}

void power_disconnect(struct power *power)
{
    if (!await_release(power))
        engine_store_failed(power->harness.engine);
    client_close(power->client);
    mem_free(power->published);
}
