/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/table.h"
#include "exchange/consumer.h"
#include "exchange/delivery_limit.h"
#include "exchange/engine.h"
#include "exchange/handlers.h"
#include "exchange/queue.h"
#include "exchange/reply_to.h"
#include "exchange/trace.h"

int handle_basic_qos(struct channel *channel, const struct method *method,
                     struct reply_error *error)
{
    const struct method_basic_qos *qos = &method->basic_qos;
    if (qos->prefetch_size != 0)
        return reply_error(error, REPLY_NOT_IMPLEMENTED, "prefetch_size!=0 (%u)",
                           qos->prefetch_size);
    if (qos->global || channel->session->shares_prefetch)
        channel->prefetch_global = qos->prefetch_count;
    else
        channel->prefetch = qos->prefetch_count;
    channel_reply_ok(channel, METHOD_BASIC_QOS_OK, false);
    channel_wake(channel);
    return 0;
}

/* --- consumers ------------------------------------------------------------------------------- */

static void consume_ok(struct channel *channel, struct slice tag, bool nowait)
{
    if (!nowait)
        channel_reply(channel, &(struct method){.id = METHOD_BASIC_CONSUME_OK,
                                                .basic_consume_ok = {.consumer_tag = tag}});
}

/* Reads x-priority; 0, or -1 with ERROR filled when it is no integer. */
static int read_priority(const struct queue *queue, struct slice arguments, int32_t *priority,
                         struct reply_error *error)
{
    struct table_value value;
    *priority = 0;
    if (!table_find(arguments, SLICE_LITERAL("x-priority"), &value))
        return 0;
    if (!table_type_is_integer(value.type))
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "invalid arg 'x-priority' for queue '%.*s' in vhost '%.*s': "
                           "\"expected integer, got %s\"",
                           SLICE_ARGS(queue->name), SLICE_ARGS(queue->vhost->name),
                           table_type_name(value.type));
    *priority = value.integer > INT32_MAX   ? INT32_MAX
                : value.integer < INT32_MIN ? INT32_MIN
                                            : (int32_t)value.integer;
    return 0;
}

static int consume_from_queue(struct channel *channel, const struct method_basic_consume *consume,
                              struct slice tag, struct reply_error *error)
{
    struct queue *queue = handler_queue_for(channel, ACCESS_READ, consume->queue, error);
    if (queue == NULL)
        return -1;
    bool may_be_exclusive = queue->consumer_count == 0 && !queue->settings.single_active;
    if (!queue->settings.is_quorum &&
        (queue->exclusive_consumer != NULL || (consume->exclusive && !may_be_exclusive)))
        return reply_error(error, REPLY_ACCESS_REFUSED,
                           "queue '%.*s' in vhost '%.*s' in exclusive use", SLICE_ARGS(queue->name),
                           SLICE_ARGS(queue->vhost->name));
    struct consumer_spec spec = {.tag = tag,
                                 .no_ack = consume->no_ack,
                                 .exclusive = consume->exclusive,
                                 .arguments = consume->arguments};
    if (read_priority(queue, consume->arguments, &spec.priority, error) < 0 ||
        consumer_timeout_read(queue, consume->arguments, &spec.timeout_ms, error) < 0)
        return -1;
    (void)consumer_add(channel, queue, &spec);
    return 0;
}

int handle_basic_consume(struct channel *channel, const struct method *method,
                         struct reply_error *error)
{
    const struct method_basic_consume *consume = &method->basic_consume;
    const struct engine *engine = channel->session->engine;
    uint8_t room[NAME_BYTES_MAX];
    struct slice tag = consume->consumer_tag;
    if (map_get(&channel->consumers, tag) != NULL)
        return reply_error(error, REPLY_NOT_ALLOWED, "attempt to reuse consumer tag '%.*s'",
                           SLICE_ARGS(tag));
    if (engine->consumer_max_per_channel != 0 &&
        channel->consumers.count >= engine->consumer_max_per_channel)
        return reply_error(error, REPLY_NOT_ALLOWED,
                           "reached maximum (%u) of consumers per channel",
                           engine->consumer_max_per_channel);
    if (tag.size == 0)
        tag = handler_generate_name(engine, SLICE_LITERAL("amq.ctag-"), room);
    int status = reply_to_is_pseudo_queue(consume->queue)
                     ? reply_to_consume(channel, consume, tag, error)
                     : consume_from_queue(channel, consume, tag, error);
    if (status == 0)
        consume_ok(channel, tag, consume->nowait);
    return status;
}

int handle_basic_cancel(struct channel *channel, const struct method *method,
                        struct reply_error *error)
{
    const struct method_basic_cancel *cancel = &method->basic_cancel;
    (void)error;
    if (!cancel->nowait)
        channel_reply(channel,
                      &(struct method){.id = METHOD_BASIC_CANCEL_OK,
                                       .basic_cancel_ok = {.consumer_tag = cancel->consumer_tag}});
    struct consumer *consumer = map_get(&channel->consumers, cancel->consumer_tag);
    if (consumer == NULL)
        return 0;
    if (consumer == channel->reply_consumer)
        channel_forget_reply_consumer(channel);
    consumer_cancel(consumer);
    return 0;
}

/* --- basic.get ------------------------------------------------------------------------------- */

static void get_ok(struct channel *channel, const struct queue *queue,
                   const struct returned_entry *entry)
{
    uint64_t left = queue_depth(queue);
    struct message *message = entry->message;
    if (delivery_limit_counts(queue, entry) || queue->settings.is_quorum) /* 0 too, as RabbitMQ */
        message = delivery_limit_counted(entry);
    else
        message = message_for_receiver(message);
    struct method method = {
        .id = METHOD_BASIC_GET_OK,
        .basic_get_ok = {.delivery_tag = channel->last_tag,
                         .redelivered = queue_is_redelivery(queue, entry),
                         .exchange = message_exchange(entry->message),
                         .routing_key = message_routing_key(entry->message),
                         .message_count = left > UINT32_MAX ? UINT32_MAX : (uint32_t)left},
    };
    session_emit(channel->session, &(struct effect){.kind = EFFECT_CONTENT,
                                                    .channel = channel->number,
                                                    .method = &method,
                                                    .message = message});
    message_unref(message);
}

/* The queue's next message is not in memory, or too many have expired before it: METHOD is tried
 * again when there is one. */
static void wait_for_messages(struct channel *channel, struct queue *queue,
                              const struct method *method)
{
    struct session *session = channel->session;
    if (queue->ready.cold.count > 0)
        paging_fetch(queue);
    session_hold_command(session,
                         &(struct command){.kind = COMMAND_METHOD,
                                           .channel = channel->number,
                                           .session = session,
                                           .method = method},
                         &queue->paging.getters);
}

static void count_get(struct channel *channel, struct queue *queue, enum traffic_kind kind,
                      bool redelivered)
{
    channel_note(&channel->took_from, queue->registered.id);
    channel->traffic.count[kind]++;
    channel->traffic.count[TRAFFIC_REDELIVER] += redelivered;
    queue->traffic.count[kind]++;
    queue->traffic.count[TRAFFIC_REDELIVER] += redelivered;
}

static int check_get(const struct queue *queue, struct reply_error *error)
{
    if (!queue->settings.single_active || !queue->settings.is_quorum)
        return 0;
    return reply_error(error, REPLY_RESOURCE_LOCKED,
                       "cannot obtain access to locked queue '%.*s' in vhost '%.*s'. basic.get "
                       "operations are not supported by quorum queues with single active consumer",
                       SLICE_ARGS(queue->name), SLICE_ARGS(queue->vhost->name));
}

int handle_basic_get(struct channel *channel, const struct method *method,
                     struct reply_error *error)
{
    struct counters *counters = &channel->session->engine->counters;
    enum traffic_kind kind = method->basic_get.no_ack ? TRAFFIC_GET_NO_ACK : TRAFFIC_GET;
    struct queue *queue = handler_queue_for(channel, ACCESS_READ, method->basic_get.queue, error);
    if (queue == NULL || check_get(queue, error) < 0)
        return -1;
    struct returned_entry entry;
    bool is_paused = queue->is_paused && !channel->session->is_operators;
    bool has_expired = queue->clock != NULL && !expiry_drop(queue);
    expiry_used(queue);
    if (is_paused || has_expired || !queue_take(queue, &entry)) {
        if (!is_paused && queue_depth(queue) > 0) {
            wait_for_messages(channel, queue, method);
            return 0;
        }
        count_get(channel, queue, TRAFFIC_GET_EMPTY, false);
        channel_reply_ok(channel, METHOD_BASIC_GET_EMPTY, false);
        return 0;
    }
    if (queue->clock != NULL)
        (void)expiry_drop(queue); /* what is over by now does not count as left */
    channel->last_tag++;
    counters->messages_got++;
    counters->messages_redelivered += queue_is_redelivery(queue, &entry);
    count_get(channel, queue, kind, queue_is_redelivery(queue, &entry));
    if (__builtin_expect(queue->vhost->tracing, 0))
        trace_deliver(channel, queue, entry.message, queue_is_redelivery(queue, &entry));
    get_ok(channel, queue, &entry);
    if (method->basic_get.no_ack)
        queue_settle(queue, entry.position, entry.message);
    else
        channel_track(channel, queue, NULL, &entry);
    return 0;
}

/* --- settling -------------------------------------------------------------------------------- */

int handle_basic_ack(struct channel *channel, const struct method *method,
                     struct reply_error *error)
{
    const struct method_basic_ack *ack = &method->basic_ack;
    return channel_settle(
        channel,
        &(struct settlement){.tag = ack->delivery_tag, .multiple = ack->multiple, .acked = true},
        error);
}

int handle_basic_nack(struct channel *channel, const struct method *method,
                      struct reply_error *error)
{
    const struct method_basic_nack *nack = &method->basic_nack;
    return channel_settle(channel,
                          &(struct settlement){.tag = nack->delivery_tag,
                                               .multiple = nack->multiple,
                                               .requeue = nack->requeue},
                          error);
}

int handle_basic_reject(struct channel *channel, const struct method *method,
                        struct reply_error *error)
{
    const struct method_basic_reject *reject = &method->basic_reject;
    return channel_settle(
        channel, &(struct settlement){.tag = reject->delivery_tag, .requeue = reject->requeue},
        error);
}

static int recover(struct channel *channel, bool requeue, struct reply_error *error)
{
    if (!requeue)
        return reply_error(error, REPLY_NOT_IMPLEMENTED, "requeue=false");
    channel_recover(channel);
    return 0;
}

int handle_basic_recover(struct channel *channel, const struct method *method,
                         struct reply_error *error)
{
    if (recover(channel, method->basic_recover.requeue, error) < 0)
        return -1;
    channel_reply_ok(channel, METHOD_BASIC_RECOVER_OK, false);
    return 0;
}

int handle_basic_recover_async(struct channel *channel, const struct method *method,
                               struct reply_error *error)
{
    return recover(channel, method->basic_recover_async.requeue, error);
}
