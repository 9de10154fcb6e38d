/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/publish.h"

#include "amqp/table.h"
#include "exchange/consumer.h"
#include "exchange/engine.h"
#include "exchange/exchange.h"
#include "exchange/message.h"
#include "exchange/priority.h"
#include "exchange/reply_to.h"
#include "exchange/route.h"
#include "exchange/session.h"
#include "exchange/trace.h"
#include "exchange/tx.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

#define CC  SLICE_LITERAL("CC")
#define BCC SLICE_LITERAL("BCC")

/* --- where to -------------------------------------------------------------------------------- */

/* The exchange named in MESSAGE, from the channel's memory of the last publish when that still
 * holds. */
static struct exchange *find_exchange(struct channel *channel, const struct message *message)
{
    struct vhost *vhost = channel->session->vhost;
    struct slice name = message_exchange(message);
    if (channel->memo_names != vhost->names) {
        channel->memo_names = vhost->names;
        channel->memo_exchange = NULL;
        channel->memo_queue = NULL;
    }
    if (channel->memo_exchange == NULL || !slice_equal(channel->memo_exchange->name, name)) {
        channel->memo_exchange = vhost_exchange(vhost, name);
        channel->memo_access = 0;
        if (channel->memo_exchange != NULL)
            channel_note(&channel->published_to, channel->memo_exchange->registered.id);
    }
    return channel->memo_exchange;
}

/* The default exchange's answer: the queue of that name, or NULL. */
static struct queue *find_queue(struct channel *channel, const struct message *message)
{
    struct slice name = message_routing_key(message);
    if (channel->memo_queue == NULL || !slice_equal(channel->memo_queue->name, name))
        channel->memo_queue = vhost_queue(channel->session->vhost, name);
    return channel->memo_queue;
}

#define FEW_KEYS 16

/* The routing keys of a message: those of most have room in FEW. */
struct routing_keys {
    struct slice few[FEW_KEYS];
    struct slice *keys;
    uint32_t count, capacity;
};

static void add_key(struct routing_keys *keys, struct slice key)
{
    if (keys->count == keys->capacity) {
        struct slice *old = keys->keys == keys->few ? NULL : keys->keys;
        keys->capacity *= 2;
        keys->keys = mem_realloc(old, keys->capacity * sizeof *keys->keys);
        if (old == NULL)
            memcpy(keys->keys, keys->few, sizeof keys->few);
    }
    keys->keys[keys->count++] = key;
}

static void add_header_keys(struct routing_keys *keys, struct slice headers, struct slice name)
{
    struct table_value array, key;
    if (!table_find(headers, name, &array) || array.type != TABLE_ARRAY)
        return;
    struct cursor cursor = cursor_of(array.bytes);
    while (table_next_item(&cursor, &key))
        if (key.type == TABLE_LONGSTR && key.bytes.size <= 255)
            add_key(keys, key.bytes);
}

void publish_collect(struct exchange *exchange, struct message *message,
                     const struct properties *properties, struct route_set *set)
{
    struct routing_keys keys;
    keys.keys = keys.few;
    keys.count = 0;
    keys.capacity = FEW_KEYS;
    add_key(&keys, message_routing_key(message));
    add_header_keys(&keys, properties->headers, CC);
    add_header_keys(&keys, properties->headers, BCC);
    route_set_begin(set, exchange->vhost);
    (void)route_collect(exchange, keys.keys, keys.count, message, set);
    if (keys.keys != keys.few)
        mem_free(keys.keys);
}

/* --- what is legal --------------------------------------------------------------------------- */

static int check_user_id(const struct channel *channel, const struct properties *properties,
                         struct reply_error *error)
{
    const struct user *user = channel->session->user;
    if (!(properties->flags & PROPERTY_USER_ID) || (user->tag_bits & USER_IMPERSONATOR) != 0 ||
        slice_equal(properties->user_id, user->name))
        return 0;
    return reply_error(error, REPLY_PRECONDITION_FAILED,
                       "user_id property set to '%.*s' but authenticated user was '%.*s'",
                       SLICE_ARGS(properties->user_id), SLICE_ARGS(user->name));
}

/* An expiration is a decimal number of milliseconds as a string, at most ten years. */
#define EXPIRATION_MAX_MS (10ull * 365 * 24 * 3600 * 1000)

static int check_expiration(const struct properties *properties, struct reply_error *error)
{
    struct slice text = properties->expiration;
    if (!(properties->flags & PROPERTY_EXPIRATION))
        return 0;
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    bool negative = at > 0 && text.data[0] == '-';
    size_t first_digit = at;
    uint64_t value = 0;
    for (;
         at < text.size && text.data[at] >= '0' && text.data[at] <= '9' && value < UINT64_MAX / 100;
         at++)
        value = value * 10 + (uint64_t)(text.data[at] - '0');
    const char *reason = NULL;
    if (at == first_digit)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "invalid expiration '%.*s': no_integer", SLICE_ARGS(text));
    if (at < text.size)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "invalid expiration '%.*s': {leftover_string,\"%.*s\"}",
                           SLICE_ARGS(text), (int)(text.size - at), (const char *)text.data + at);
    if (negative && value > 0)
        reason = "value_negative";
    else if (value > EXPIRATION_MAX_MS)
        reason = "value_too_large";
    if (reason == NULL)
        return 0;
    return reply_error(error, REPLY_PRECONDITION_FAILED, "invalid expiration '%.*s': {%s,%s%llu}",
                       SLICE_ARGS(text), reason, negative ? "-" : "", (unsigned long long)value);
}

static int check_delivery_mode(const struct properties *properties, struct reply_error *error)
{
    if (!(properties->flags & PROPERTY_DELIVERY_MODE) || properties->delivery_mode == 1 ||
        properties->delivery_mode == 2)
        return 0;
    return reply_error(error, REPLY_PRECONDITION_FAILED,
                       "invalid message: {delivery_mode_unknown,%u}", properties->delivery_mode);
}

static int check_copies(const struct properties *properties, struct slice name,
                        struct reply_error *error)
{
    struct table_value value;
    if (!table_find(properties->headers, name, &value) || value.type == TABLE_ARRAY)
        return 0;
    return reply_error(error, REPLY_PRECONDITION_FAILED,
                       "invalid message: {unacceptable_type_in_header,\"%.*s\",%s}",
                       SLICE_ARGS(name), table_type_name(value.type));
}

/* Looks at the properties that publishing must not take as they come. */
static int check_properties(struct channel *channel, const struct message *message,
                            struct reply_error *error)
{
    struct properties properties;
    if (properties_decode(message_properties(message), &properties) != METHOD_OK)
        return reply_error(error, REPLY_SYNTAX_ERROR, "malformed content header properties");
    if (check_user_id(channel, &properties, error) < 0 ||
        check_expiration(&properties, error) < 0 || check_delivery_mode(&properties, error) < 0 ||
        check_copies(&properties, CC, error) < 0 || check_copies(&properties, BCC, error) < 0)
        return -1;
    if (reply_to_is_pseudo_queue(properties.reply_to) && channel->reply_consumer == NULL)
        return reply_error(error, REPLY_PRECONDITION_FAILED, "fast reply consumer does not exist");
    return 0;
}

/* May the user publish to EXCHANGE (NULL: there is none of the name)? Where that depends on nothing
 * but the exchange the channel remembers that it may. */
static int check_access(struct channel *channel, const struct exchange *exchange,
                        const struct message *message, struct reply_error *error)
{
    struct session *session = channel->session;
    if (access_check(session, ACCESS_WRITE, ACCESS_EXCHANGE, message_exchange(message), error) < 0)
        return -1;
    if (exchange == NULL || exchange->internal)
        return 0;
    if (access_depends_on_topic(session, exchange))
        return access_check_topic(session, ACCESS_WRITE, exchange, message_routing_key(message),
                                  error);
    channel->memo_access = session->engine->access_generation;
    return 0;
}

static int check(struct channel *channel, const struct command_publish *command,
                 struct reply_error *error)
{
    struct message *message = command->message;
    struct slice vhost = channel->session->vhost->name;
    struct exchange *exchange = find_exchange(channel, message);
    if (__builtin_expect(channel->memo_access != channel->session->engine->access_generation, 0) &&
        check_access(channel, exchange, message, error) < 0)
        return -1;
    if (__builtin_expect(exchange == NULL, 0))
        return reply_error(error, REPLY_NOT_FOUND, "no exchange '%.*s' in vhost '%.*s'",
                           SLICE_ARGS(message_exchange(message)), SLICE_ARGS(vhost));
    if (__builtin_expect(exchange->internal, 0))
        return reply_error(error, REPLY_ACCESS_REFUSED,
                           "cannot publish to internal exchange '%.*s' in vhost '%.*s'",
                           SLICE_ARGS(exchange->name), SLICE_ARGS(vhost));
    if (__builtin_expect(command->immediate, 0))
        return reply_error(error, REPLY_NOT_IMPLEMENTED, "immediate=true");
    if (__builtin_expect((message->flags & MESSAGE_INSPECT) != 0, 0))
        return check_properties(channel, message, error);
    return 0;
}

/* --- what queues are given ------------------------------------------------------------------- */

/* The message with the address that a direct reply goes to. Takes MESSAGE and returns it, or a
 * copy; MESSAGE itself when memory is exhausted. */
static struct message *rewrite(struct channel *channel, struct message *message,
                               struct properties *properties)
{
    struct table_value value;
    if (table_find(properties->headers, BCC, &value))
        message->flags |= MESSAGE_BCC;
    if (!reply_to_is_pseudo_queue(properties->reply_to))
        return message;
    struct buf address = {0};
    reply_to_put_address(channel, &address);
    properties->reply_to = buf_slice(&address);
    struct message *copy = message_with_properties(message, properties);
    buf_fini(&address);
    if (copy == NULL)
        return message;
    message_unref(message);
    return copy;
}

static void return_unroutable(struct channel *channel, struct message *message)
{
    struct method method = {
        .id = METHOD_BASIC_RETURN,
        .basic_return = {.reply_code = REPLY_NO_ROUTE,
                         .reply_text = SLICE_LITERAL("NO_ROUTE"),
                         .exchange = message_exchange(message),
                         .routing_key = message_routing_key(message)},
    };
    struct message *shown = message_for_receiver(message);
    session_emit(channel->session, &(struct effect){.kind = EFFECT_CONTENT,
                                                    .channel = channel->number,
                                                    .method = &method,
                                                    .message = shown});
    message_unref(shown);
}

/* One record for all durable queues among QUEUES; sets the message's LSN. */
static void store_message(struct engine *engine, struct message *message,
                          struct queue *const *queues, uint32_t count)
{
    struct store_target few[16];
    struct store_target *targets = count <= 16 ? few : mem_alloc(count * sizeof *targets);
    uint32_t durable = 0;
    for (uint32_t i = 0; i < count; i++)
        if (queues[i]->durable)
            targets[durable++] = (struct store_target){queues[i],
                                                       priority_place_of(queues[i], message)};
    if (durable > 0)
        message->lsn = engine_append(engine, &(struct store_record){.kind = STORE_MESSAGE,
                                                                    .target_count = durable,
                                                                    .message = message,
                                                                    .targets = targets});
    if (targets != few)
        mem_free(targets);
}

/* May it expire in any queue, or was its time noted before? */
static bool has_time(const struct message *message)
{
    uint64_t own;
    return (message->flags & MESSAGE_TIMED) != 0 || message_expiration(message, &own);
}

/* Must it be known when MESSAGE was put into these queues? */
static inline __attribute__((always_inline)) bool
needs_time(const struct message *message, struct queue *const *queues, uint32_t count)
{
    if (__builtin_expect((message->flags & (MESSAGE_INSPECT | MESSAGE_TIMED)) != 0, 0) &&
        has_time(message))
        return true;
    for (uint32_t i = 0; i < count; i++)
        if (__builtin_expect(queues[i]->clock != NULL, 0) && queues[i]->clock->has_ttl)
            return true;
    return false;
}

/* In its caller: to save and restore registers would take as long as what it does for one queue. */
static inline __attribute__((always_inline)) uint64_t
put(struct engine *engine, struct message *message, struct queue *const *queues, uint32_t count)
{
    if (__builtin_expect(needs_time(message, queues, count), 0))
        message = message_with_time(message, engine_wall_ms(engine));
    engine->counters.messages_routed += count;
    if (message->flags & MESSAGE_PERSISTENT)
        store_message(engine, message, queues, count);
    uint64_t lsn = message->lsn;
    for (uint32_t i = 0; i + 1 < count; i++) {
        message_ref(message);
        queue_publish(queues[i], message);
    }
    queue_publish(queues[count - 1], message);
    return lsn;
}

uint64_t publish_to_queues(struct engine *engine, struct message *message,
                           struct queue *const *queues, uint32_t count)
{
    return put(engine, message, queues, count);
}

void publish_into(struct queue *queue, struct message *message)
{
    (void)publish_to_queues(queue->vhost->engine, message, &queue, 1);
}

/* The same where some of the queues may have no room and refuse it: then it is not confirmed. */
static uint64_t hand_out_to_willing(struct channel *channel, struct message *message,
                                    struct queue *const *queues, uint32_t count)
{
    struct queue *few[16];
    struct queue **willing = count <= 16 ? few : mem_alloc(count * sizeof(struct queue *));
    memcpy(willing, queues, count * sizeof(struct queue *));
    uint32_t willing_count = queue_limit_keep_willing(willing, count, message);
    if (willing_count < count && channel->mode != CHANNEL_PLAIN)
        channel->confirms.rejected = true;
    channel->memo_exchange->routed += willing_count;
    uint64_t lsn = 0;
    if (willing_count > 0)
        lsn = publish_to_queues(channel->session->engine, message, willing, willing_count);
    else
        message_unref(message);
    if (willing != few)
        mem_free(willing);
    return lsn;
}

/* Gives MESSAGE, with its reference, to COUNT queues, or back to the publisher; returns its LSN. */
static uint64_t hand_out(struct channel *channel, struct message *message,
                         struct queue *const *queues, uint32_t count, bool mandatory)
{
    struct engine *engine = channel->session->engine;
    if (__builtin_expect(channel->session->vhost->tracing, 0))
        trace_publish(channel, message, queues, count);
    if (count == 0) {
        if (mandatory) {
            engine->counters.messages_unroutable_returned++;
            channel->traffic.count[TRAFFIC_RETURN]++;
            return_unroutable(channel, message);
        } else {
            engine->counters.messages_unroutable_dropped++;
            channel->traffic.count[TRAFFIC_DROP]++;
        }
        message_unref(message);
        return 0;
    }
    if (__builtin_expect(channel->session->vhost->rejecting > 0, 0))
        return hand_out_to_willing(channel, message, queues, count);
    channel->memo_exchange->routed += count;
    return put(engine, message, queues, count);
}

/* The rare messages: with CC, BCC, x-delay or a reply-to of direct reply-to. */
static uint64_t route_inspected(struct channel *channel, struct exchange *exchange,
                                const struct command_publish *command)
{
    struct message *message = command->message;
    struct route_set *set = &exchange->vhost->scratch_keys;
    struct properties properties;
    CHECK(properties_decode(message_properties(message), &properties) == METHOD_OK);
    publish_collect(exchange, message, &properties, set);
    message = rewrite(channel, message, &properties);
    return hand_out(channel, message, set->queues, set->count, command->mandatory);
}

/* A reply goes to its channel, but counts as unroutable: mandatory returns it in any case, as
 * RabbitMQ documents it. */
static uint64_t publish_reply(struct channel *channel, const struct command_publish *command)
{
    reply_to_deliver(channel, command->message);
    return hand_out(channel, command->message, NULL, 0, command->mandatory);
}

uint64_t publish_route(struct channel *channel, const struct command_publish *command)
{
    struct message *message = command->message;
    struct exchange *exchange = find_exchange(channel, message);
    if (exchange == NULL) /* deleted between a transaction's publish and its commit */
        return hand_out(channel, message, NULL, 0, command->mandatory);
    exchange->published++;
    if (exchange_is_default(exchange) &&
        __builtin_expect(reply_to_is_address(message_routing_key(message)), 0))
        return publish_reply(channel, command);
    if (__builtin_expect((message->flags & MESSAGE_INSPECT) != 0, 0))
        return route_inspected(channel, exchange, command);
    if (exchange_is_default(exchange)) {
        struct queue *queue = find_queue(channel, message);
        return hand_out(channel, message, &queue, queue != NULL, command->mandatory);
    }
    struct route_view route = route_find(exchange, message);
    return hand_out(channel, message, route.queues, route.count, command->mandatory);
}

int publish(struct channel *channel, const struct command_publish *command,
            struct reply_error *error)
{
    if (check(channel, command, error) < 0) {
        message_unref(command->message);
        return -1;
    }
    channel->session->engine->counters.messages_published++;
    channel->traffic.count[TRAFFIC_PUBLISH]++;
    if (__builtin_expect(channel->mode == CHANNEL_TX, 0)) {
        tx_publish(channel->tx, command);
        return 0;
    }
    uint64_t lsn = publish_route(channel, command);
    if (channel->mode == CHANNEL_CONFIRM)
        channel_published(channel, lsn);
    return 0;
}
