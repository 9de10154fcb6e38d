/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Dead letters wait for the end of the command: while a message is given to its
 * queues their next positions are spoken for, and chains of queues that push out each other's
 * messages would nest as deep as there are messages.
 */
#include "exchange/dead_letter.h"

#include <stddef.h>

#include "amqp/table.h"
#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/publish.h"
#include "exchange/queue.h"
#include "exchange/route.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

#define CAPACITY_MIN  16
#define CAPACITY_KEEP 1024 /* an emptied array larger than this is given back */

/* What is one transaction of the log. */
#define TOGETHER_MAX       64
#define TOGETHER_BYTES_MAX (1u << 20)

#define DEATHS SLICE_LITERAL("x-death")
#define CC     SLICE_LITERAL("CC")
#define BCC    SLICE_LITERAL("BCC")

struct dead_letter {
    struct queue *queue;     /* a reference */
    struct message *message; /* a reference */
    uint64_t position;       /* 0: it never was in the queue */
    enum dead_letter_reason reason;
};

static const char *const reasons[] = {
    [DEAD_REJECTED] = "rejected",
    [DEAD_EXPIRED] = "expired",
    [DEAD_MAXLEN] = "maxlen",
    [DEAD_DELIVERY_LIMIT] = "delivery_limit",
};

static struct engine *engine_of(const struct queue *queue)
{
    return queue->vhost->engine;
}

/* --- what is counted ------------------------------------------------------------------------- */

#define BOTH(name)                                                    \
    {                                                                 \
        offsetof(struct counters, messages_dropped_##name),           \
            offsetof(struct counters, messages_dead_lettered_##name), \
    }

/* Counts a message that leaves its queue for REASON: given to an exchange, or dropped. */
static void count(struct engine *engine, enum dead_letter_reason reason, bool has_exchange)
{
    static const size_t places[][2] = {
        [DEAD_REJECTED] = BOTH(rejected),
        [DEAD_EXPIRED] = BOTH(expired),
        [DEAD_MAXLEN] = BOTH(maxlen),
        [DEAD_DELIVERY_LIMIT] = BOTH(delivery_limit),
    };
    uint64_t *counter = (uint64_t *)(void *)((char *)&engine->counters +
                                             places[reason][has_exchange]);
    ++*counter;
}

/* --- until the command's end ----------------------------------------------------------------- */

static void put_off(struct queue *queue, const struct dead_letter *letter)
{
    struct dead_letters *letters = &engine_of(queue)->dead_letters;
    if (letters->count == letters->capacity) {
        letters->capacity = letters->capacity == 0 ? CAPACITY_MIN : letters->capacity * 2;
        letters->entries = mem_realloc(letters->entries,
                                       letters->capacity * sizeof *letters->entries);
    }
    letters->entries[letters->count++] = *letter;
    queue->references++;
}

static bool has_exchange(const struct queue *queue)
{
    return __builtin_expect(queue->settings.dead_letters, 0) && !queue->deleted;
}

void dead_letter(struct queue *queue, uint64_t position, struct message *message,
                 enum dead_letter_reason reason)
{
    if (has_exchange(queue)) {
        put_off(queue, &(struct dead_letter){queue, message, position, reason});
    } else {
        count(engine_of(queue), reason, false);
        queue_settle(queue, position, message);
    }
}

void dead_letter_refused(struct queue *queue, struct message *message,
                         enum dead_letter_reason reason)
{
    if (has_exchange(queue))
        put_off(queue, &(struct dead_letter){queue, message, 0, reason});
    else
        message_unref(message);
}

/* --- what happened to it --------------------------------------------------------------------- */

static bool is_string(struct slice table, const char *key, struct slice text)
{
    struct table_value value;
    return table_find(table, slice_from_string(key), &value) && value.type == TABLE_LONGSTR &&
           slice_equal(value.bytes, text);
}

/* The death of a message in QUEUE for REASON: is it this one of its earlier deaths? */
static bool is_same(const struct table_value *death, const struct queue *queue, struct slice reason)
{
    return death->type == TABLE_TABLE && is_string(death->bytes, "queue", queue->name) &&
           is_string(death->bytes, "reason", reason);
}

static void put_routing_keys(struct buf *out, const struct message *message, struct slice headers)
{
    struct table_value keys, key = {.type = TABLE_LONGSTR, .bytes = message_routing_key(message)};
    struct buf items = {0};
    table_put_item(&items, &key);
    if (table_find(headers, CC, &keys) && keys.type == TABLE_ARRAY) {
        struct cursor cursor = cursor_of(keys.bytes);
        while (table_next_item(&cursor, &key))
            if (key.type == TABLE_LONGSTR)
                table_put_item(&items, &key);
    }
    table_put(out, SLICE_LITERAL("routing-keys"),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&items)});
    buf_fini(&items);
}

/* The first death of a message in this queue for this reason; keys in order. */
static void put_first(struct buf *out, const struct dead_letter *letter,
                      const struct properties *properties)
{
    const struct env *env = engine_of(letter->queue)->env;
    table_put_int(out, "count", 1);
    table_put_longstr(out, "exchange", message_exchange(letter->message));
    if (properties->flags & PROPERTY_EXPIRATION)
        table_put_longstr(out, "original-expiration", properties->expiration);
    table_put_longstr(out, "queue", letter->queue->name);
    table_put_longstr(out, "reason", slice_from_string(reasons[letter->reason]));
    put_routing_keys(out, letter->message, properties->headers);
    table_put(out, SLICE_LITERAL("time"),
              &(struct table_value){.type = TABLE_TIMESTAMP,
                                    .timestamp = env->wall_ms(env->context) / 1000});
}

/* One death more of a kind that it died before: only the count is another. */
static void put_again(struct buf *out, struct slice death)
{
    struct cursor cursor = cursor_of(death);
    struct slice key;
    struct table_value value, count = {.type = TABLE_INT64, .integer = 1};
    if (table_find(death, SLICE_LITERAL("count"), &value) && table_type_is_integer(value.type) &&
        value.integer < INT64_MAX)
        count.integer += value.integer;
    table_put(out, SLICE_LITERAL("count"), &count);
    while (table_next(&cursor, &key, &value))
        if (!slice_equal(key, SLICE_LITERAL("count")))
            table_put(out, key, &value);
}

/* The array x-death: this death first, then the earlier ones of other kinds, as they were. */
static void put_deaths(struct buf *out, const struct dead_letter *letter,
                       const struct properties *properties, struct slice earlier)
{
    struct slice reason = slice_from_string(reasons[letter->reason]);
    struct buf items = {0}, death = {0};
    struct table_value item;
    for (struct cursor cursor = cursor_of(earlier);
         death.size == 0 && table_next_item(&cursor, &item);)
        if (is_same(&item, letter->queue, reason))
            put_again(&death, item.bytes);
    if (death.size == 0)
        put_first(&death, letter, properties);
    table_put_item(&items, &(struct table_value){.type = TABLE_TABLE, .bytes = buf_slice(&death)});
    for (struct cursor cursor = cursor_of(earlier); table_next_item(&cursor, &item);)
        if (!is_same(&item, letter->queue, reason))
            table_put_item(&items, &item);
    table_put(out, DEATHS, &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&items)});
    buf_fini(&items);
    buf_fini(&death);
}

/* The names of a summary of one death. */
struct summary_keys {
    const char *exchange, *queue, *reason;
};

static const struct summary_keys first_death = {"x-first-death-exchange", "x-first-death-queue",
                                                "x-first-death-reason"};
static const struct summary_keys last_death = {"x-last-death-exchange", "x-last-death-queue",
                                               "x-last-death-reason"};

static void put_summary(struct buf *out, const struct dead_letter *letter,
                        const struct summary_keys *keys)
{
    table_put_longstr(out, keys->exchange, message_exchange(letter->message));
    table_put_longstr(out, keys->queue, letter->queue->name);
    table_put_longstr(out, keys->reason, slice_from_string(reasons[letter->reason]));
}

/* The headers of the dead letter. A routing key of the queue's puts an end to those in CC
 * and BCC. */
static void put_headers(struct buf *out, const struct dead_letter *letter,
                        const struct properties *properties)
{
    struct table_value deaths, value;
    bool died_before = table_find(properties->headers, DEATHS, &deaths) &&
                       deaths.type == TABLE_ARRAY;
    struct cursor cursor = cursor_of(properties->headers);
    for (struct slice key; table_next(&cursor, &key, &value);) {
        bool goes = slice_equal(key, DEATHS) ||
                    slice_starts_with(key, SLICE_LITERAL("x-last-death-")) ||
                    (!died_before && slice_starts_with(key, SLICE_LITERAL("x-first-death-"))) ||
                    (letter->queue->settings.has_dead_letter_key &&
                     (slice_equal(key, CC) || slice_equal(key, BCC)));
        if (!goes)
            table_put(out, key, &value);
    }
    put_deaths(out, letter, properties, died_before ? deaths.bytes : SLICE_EMPTY);
    if (!died_before)
        put_summary(out, letter, &first_death);
    put_summary(out, letter, &last_death);
}

/* The dead letter, with one reference; the message itself when memory is exhausted. HEADERS gets
 * what its properties point to. */
static struct message *make(const struct dead_letter *letter, struct properties *properties,
                            struct buf *headers)
{
    const struct queue_settings *settings = &letter->queue->settings;
    struct message *message = letter->message;
    struct buf encoded = {0};
    if (properties_decode(message_properties(message), properties) != METHOD_OK)
        *properties = (struct properties){0}; /* nobody looked when it was published */
    put_headers(headers, letter, properties);
    properties->headers = buf_slice(headers);
    properties->flags |= PROPERTY_HEADERS;
    properties->flags &= (uint16_t)~PROPERTY_EXPIRATION;
    properties_encode(properties, &encoded);
    struct message *copy = message_new(
        settings->dead_letter_exchange,
        settings->has_dead_letter_key ? settings->dead_letter_key : message_routing_key(message),
        buf_slice(&encoded), message->body_bytes, message->body_bytes);
    buf_fini(&encoded);
    if (copy == NULL) {
        message_ref(message);
        return message;
    }
    if (message->body_bytes > 0)
        memcpy(message_body(copy), message_body(message), message->body_bytes);
    message_seal(copy);
    copy->flags = message->flags & (MESSAGE_PERSISTENT | MESSAGE_BCC);
    return copy;
}

/* --- where it goes --------------------------------------------------------------------------- */

/* Did the message die in QUEUE before, and since then of nothing but the queues' doing? Whoever
 * rejects a message may send it round; and an entry that is none was put there by a client. */
static bool is_cycle(const struct queue *queue, struct slice deaths)
{
    struct cursor cursor = cursor_of(deaths);
    for (struct table_value death; table_next_item(&cursor, &death);) {
        if (death.type != TABLE_TABLE ||
            is_string(death.bytes, "reason", SLICE_LITERAL("rejected")))
            return false;
        if (is_string(death.bytes, "queue", queue->name))
            return true;
    }
    return false;
}

static void drop_cycles(struct route_set *set, struct slice headers)
{
    struct table_value deaths;
    uint32_t kept = 0;
    if (!table_find(headers, DEATHS, &deaths) || deaths.type != TABLE_ARRAY)
        return;
    for (uint32_t i = 0; i < set->count; i++)
        if (set->queues[i]->delay != NULL || !is_cycle(set->queues[i], deaths.bytes))
            set->queues[kept++] = set->queues[i];
    set->count = kept;
}

/* --- at the command's end -------------------------------------------------------------------- */

static void leave(const struct dead_letter *letter)
{
    if (letter->position != 0)
        queue_settle(letter->queue, letter->position, letter->message);
    else
        message_unref(letter->message);
}

static void send(struct engine *engine, const struct dead_letter *letter)
{
    struct queue *queue = letter->queue;
    struct vhost *vhost = queue->vhost;
    struct exchange *exchange = has_exchange(queue)
                                    ? vhost_exchange(vhost, queue->settings.dead_letter_exchange)
                                    : NULL;
    count(engine, letter->reason, exchange != NULL);
    if (exchange == NULL) {
        leave(letter);
        return;
    }
    struct properties properties;
    struct buf headers = {0};
    struct message *copy = make(letter, &properties, &headers);
    struct route_set *set = &vhost->scratch_keys;
    publish_collect(exchange, copy, &properties, set);
    if (letter->reason != DEAD_REJECTED)
        drop_cycles(set, properties.headers);
    buf_fini(&headers);
    if (vhost->rejecting > 0)
        set->count = queue_limit_keep_willing(set->queues, set->count, copy);
    leave(letter);
    if (set->count > 0)
        (void)publish_to_queues(engine, copy, set->queues, set->count);
    else
        message_unref(copy);
}

void dead_letter_send(struct engine *engine)
{
    struct dead_letters *letters = &engine->dead_letters;
    for (uint32_t i = 0; i < letters->count;) {
        uint64_t bytes = 0;
        engine_begin_together(engine);
        for (unsigned n = 0; n < TOGETHER_MAX && bytes < TOGETHER_BYTES_MAX && i < letters->count;
             n++) {
            struct dead_letter letter = letters->entries[i++]; /* more may come of it */
            bytes += letter.message->body_bytes;
            send(engine, &letter);
            queue_unref(letter.queue);
        }
        (void)engine_end_together(engine);
    }
    letters->count = 0;
    if (letters->capacity > CAPACITY_KEEP)
        dead_letter_fini(engine);
}

void dead_letter_fini(struct engine *engine)
{
    struct dead_letters *letters = &engine->dead_letters;
    for (uint32_t i = 0; i < letters->count; i++) {
        message_unref(letters->entries[i].message);
        queue_unref(letters->entries[i].queue);
    }
    mem_free(letters->entries);
    *letters = (struct dead_letters){0};
}
