/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. What is due within seconds is in memory (`near`), all else in the store, and of
 * that nothing but its time and position is known (`far`: 16 octets). Times are of the wall clock,
 * for they outlive the process; the timer is of the other clock, so it looks again at intervals.
 * delay_store.c has the ways between memory and the store.
 */
#include "exchange/delay.h"

#include "amqp/table.h"
#include "exchange/definition.h"
#include "exchange/delay_parts.h"
#include "exchange/publish.h"
#include "server/base/mem.h"

#define X_DELAY SLICE_LITERAL("x-delay")

#define DIGITS_MAX 18 /* of a delay that is text */

/* A longer delay is as good as that, some hundred thousand years. */
#define DELAY_MAX_MS (INT64_C(1) << 53)

/* What is due sooner need not leave memory, when there is room. */
#define NEAR_MS 10000

/* The clocks are compared at least so often while something waits. */
#define LOOK_AGAIN_MS 10000

/* Between attempts to deliver when the store or memory is full. */
#define PUT_OFF_MS 10

/* What is delivered at a time, as one transaction of the log; what one counts for (timers.h). */
#define TOGETHER_MAX       64
#define TOGETHER_BYTES_MAX (1u << 20)
#define WORK_DELIVER       8
#define TAKEN_A_WORK       8

/* --- the header ------------------------------------------------------------------------------ */

/* An integer as text: false when it is none, or has more digits than make sense. */
static bool read_text(struct slice text, int64_t *number)
{
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    size_t first_digit = at;
    *number = 0;
    for (; at < text.size; at++) {
        if (text.data[at] < '0' || text.data[at] > '9' || at - first_digit >= DIGITS_MAX)
            return false;
        *number = *number * 10 + (text.data[at] - '0');
    }
    if (first_digit == 1 && text.data[0] == '-')
        *number = -*number;
    return at > first_digit;
}

static int64_t decimal_of(const struct table_value *value)
{
    int64_t number = value->decimal.unscaled;
    for (unsigned i = 0; i < value->decimal.scale && number > 0; i++)
        number /= 10;
    return number;
}

/* What the header x-delay says, of any type that makes sense as a number; false: nothing. */
static bool find_delay(struct slice headers, int64_t *delay_ms)
{
    struct table_value value;
    if (!table_find(headers, X_DELAY, &value))
        return false;
    if (table_type_is_integer(value.type))
        *delay_ms = value.integer;
    else if (value.type == TABLE_FLOAT || value.type == TABLE_DOUBLE)
        *delay_ms = value.real >= (double)DELAY_MAX_MS ? DELAY_MAX_MS
                    : value.real <= 0                  ? 0
                                                       : (int64_t)value.real;
    else if (value.type == TABLE_DECIMAL)
        *delay_ms = decimal_of(&value);
    else if (value.type != TABLE_LONGSTR || !read_text(value.bytes, delay_ms))
        return false;
    if (*delay_ms > DELAY_MAX_MS)
        *delay_ms = DELAY_MAX_MS;
    return true;
}

uint64_t delay_of(const struct message *message)
{
    struct slice encoded = message_properties(message);
    struct properties properties;
    int64_t delay_ms;
    bool has_headers = encoded.size >= 2 && (encoded.data[0] & PROPERTY_HEADERS >> 8) != 0;
    if (!has_headers || properties_decode(encoded, &properties) != METHOD_OK ||
        !find_delay(properties.headers, &delay_ms) || delay_ms <= 0)
        return 0;
    return (uint64_t)delay_ms;
}

/* HEADERS with the delay negated: it is over, and who sees it can tell that there was one. */
static void put_headers(struct buf *out, struct slice headers)
{
    struct cursor cursor = cursor_of(headers);
    struct table_value value;
    int64_t delay_ms;
    for (struct slice key; table_next(&cursor, &key, &value);) {
        if (slice_equal(key, X_DELAY) && find_delay(headers, &delay_ms))
            value = (struct table_value){.type = delay_ms <= INT32_MAX ? TABLE_INT32 : TABLE_INT64,
                                         .integer = -delay_ms};
        table_put(out, key, &value);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

static uint32_t on_timer(struct timer *timer);

static struct delay *new_delay(struct exchange *exchange)
{
    struct delay *delay = mem_zalloc(sizeof *delay);
    delay->exchange = exchange;
    delay->queue = queue_new_hidden(exchange->vhost, exchange->name, exchange->durable);
    delay->queue->delay = delay;
    delay->queue->clock = &delay->clock;
    delay->clock.has_ttl = true;
    delay->timer.due = on_timer;
    delay->near.entry_bytes = sizeof(struct near_entry);
    delay->far.entry_bytes = sizeof(struct due);
    list_init(&delay->cancels);
    exchange->delay = delay;
    return delay;
}

struct queue *delay_queue(struct exchange *exchange)
{
    if (exchange->delay != NULL)
        return exchange->delay->queue;
    struct queue *queue = new_delay(exchange)->queue;
    if (queue->durable)
        (void)engine_append(exchange->vhost->engine,
                            &(struct store_record){.kind = STORE_QUEUE_DECLARE, .queue = queue});
    return queue;
}

void delay_restore(struct exchange *exchange, const struct delay_rest *rest)
{
    struct delay *delay = new_delay(exchange);
    struct queue *queue = delay->queue;
    queue->id = rest->queue_id;
    queue->next_position = rest->next_position;
    queue->persistent = rest->count;
    queue->persistent_bytes = rest->bytes;
    delay->cold_count = rest->count;
    delay->cold_bytes = rest->bytes;
    delay_add_count(delay, (int64_t)rest->count);
    if (rest->count == 0)
        return;
    delay->rest_first = rest->first;
    delay->rest_end = rest->next_position;
    timer_arm(&delay_engine(delay)->timers, &delay->timer, delay_now_ms(delay));
}

void delay_delete(struct exchange *exchange)
{
    struct delay *delay = exchange->delay;
    if (delay == NULL)
        return;
    struct queue *queue = delay->queue;
    exchange->delay = NULL;
    delay->exchange = NULL;
    queue->deleted = true;
    if (queue->durable || queue->paging.is_used)
        (void)engine_append(delay_engine(delay),
                            &(struct store_record){.kind = STORE_QUEUE_DELETE, .queue = queue});
    delay_engine(delay)->counters.messages_purged += delay->count;
    timer_disarm(&delay_engine(delay)->timers, &delay->timer);
    delay_drop(delay);
    delay_end_cancels(delay);
    paging_end_waits(queue);
    queue_unref(queue);
}

void delay_free(struct delay *delay)
{
    CHECK_ID(delay->count == 0, delay->count);
    map_fini(&delay->cancelled);
    mem_free(delay->asked);
    mem_free(delay);
}

uint64_t delay_count(const struct exchange *exchange)
{
    return exchange->delay == NULL ? 0 : exchange->delay->count;
}

void delay_add_count(struct delay *delay, int64_t more)
{
    delay->count += (uint64_t)more;
    delay_engine(delay)->delays.count += (uint64_t)more;
}

/* --- in memory ------------------------------------------------------------------------------- */

void delay_keep(struct delay *delay, const struct near_entry *entry)
{
    delay_engine(delay)->delays.near_bytes += message_memory_bytes(entry->message);
    due_heap_push(&delay->near, entry);
}

void delay_let_go(struct delay *delay, uint32_t at, struct near_entry *entry)
{
    *entry = *(const struct near_entry *)due_heap_at(&delay->near, at);
    due_heap_remove(&delay->near, at);
    delay_engine(delay)->delays.near_bytes -= message_memory_bytes(entry->message);
}

bool delay_is_first(const struct delay *delay)
{
    const struct due *first = due_heap_first(&delay->near), *far = due_heap_first(&delay->far);
    if (first == NULL || (far != NULL && due_before(far, first)))
        return false;
    return delay->fetch != DELAY_READS_DUE || !due_before(&delay->asked_first, first);
}

void delay_publish(struct queue *queue, uint64_t position, struct message *message)
{
    struct delay *delay = queue->delay;
    struct engine *engine = delay_engine(delay);
    uint64_t wall_ms = engine_wall_ms(engine), since_ms = message_time_ms(message);
    struct due due = {(since_ms != 0 ? since_ms : wall_ms) + delay_of(message), position};
    delay_add_count(delay, 1);
    engine->counters.messages_delayed++;
    bool is_near = due.ms <= wall_ms + NEAR_MS && delay_has_room(delay);
    if (is_near || engine->store->fetch == NULL)
        delay_keep(delay, &(struct near_entry){due, message});
    else
        delay_leave(delay, &due, message);
    (void)delay_schedule(delay);
}

/* --- delivering ------------------------------------------------------------------------------ */

/* MESSAGE as it is delivered, with one reference and HEADERS, which are filled in; NULL when memory
 * is exhausted. */
static struct message *make(struct message *message, struct buf *headers)
{
    struct properties properties;
    if (properties_decode(message_properties(message), &properties) != METHOD_OK)
        properties = (struct properties){0};
    put_headers(headers, properties.headers);
    properties.headers = buf_slice(headers);
    struct message *copy = message_with_properties(message, &properties);
    if (copy != NULL)
        copy->flags |= MESSAGE_INSPECT; /* the store does not keep that: expiration, BCC */
    return copy;
}

/* Routes COPY, which has HEADERS, from the exchange; its reference is taken. */
static void route(struct exchange *exchange, struct message *copy, struct slice headers)
{
    struct vhost *vhost = exchange->vhost;
    struct route_set *set = &vhost->scratch_keys;
    publish_collect(exchange, copy,
                    &(struct properties){.flags = PROPERTY_HEADERS, .headers = headers}, set);
    if (vhost->rejecting > 0)
        set->count = queue_limit_keep_willing(set->queues, set->count, copy);
    if (set->count > 0) {
        (void)publish_to_queues(vhost->engine, copy, set->queues, set->count);
        return;
    }
    vhost->engine->counters.messages_unroutable_dropped++;
    message_unref(copy);
}

/* Delivers the first; BYTES: of its body. False: there is no memory for that now. */
static bool deliver(struct delay *delay, uint32_t *bytes)
{
    struct buf headers = {0};
    struct near_entry entry = *(const struct near_entry *)due_heap_at(&delay->near, 0);
    struct message *copy = make(entry.message, &headers);
    if (copy != NULL) {
        delay_let_go(delay, 0, &entry);
        delay_add_count(delay, -1);
        *bytes = entry.message->body_bytes;
        queue_settle(delay->queue, entry.due.position, entry.message);
        route(delay->exchange, copy, buf_slice(&headers));
    }
    buf_fini(&headers);
    return copy != NULL;
}

/* Delivers what is due, a bounded number; how many. IS_PUT_OFF: the next has to wait. */
static uint32_t deliver_due(struct delay *delay, bool *is_put_off)
{
    struct engine *engine = delay_engine(delay);
    uint64_t wall_ms = engine_wall_ms(engine), bytes = 0;
    uint32_t count = 0;
    *is_put_off = engine_is_full(engine);
    engine_begin_together(engine);
    while (!*is_put_off && count < TOGETHER_MAX && bytes < TOGETHER_BYTES_MAX &&
           delay_is_first(delay) && due_heap_first(&delay->near)->ms <= wall_ms) {
        uint32_t body_bytes = 0;
        *is_put_off = !deliver(delay, &body_bytes);
        bytes += body_bytes;
        count += !*is_put_off;
    }
    (void)engine_end_together(engine);
    engine->delays.has_delivered |= count > 0;
    return count;
}

/* --- when ------------------------------------------------------------------------------------ */

static uint64_t next_ms(const struct delay *delay)
{
    uint64_t asks_ms = delay_asks_at_ms(delay);
    uint64_t due_ms = delay_is_first(delay) ? due_heap_first(&delay->near)->ms : TIMER_NEVER;
    return asks_ms < due_ms ? asks_ms : due_ms;
}

uint32_t delay_schedule(struct delay *delay)
{
    struct engine *engine = delay_engine(delay);
    if (delay->exchange == NULL)
        return 0;
    uint32_t taken = delay->fetch == DELAY_QUIET ? delay_ask(delay) : 0;
    uint64_t next = next_ms(delay), now = delay_now_ms(delay), wall_ms = engine_wall_ms(engine);
    if (next == TIMER_NEVER) {
        timer_disarm(&engine->timers, &delay->timer);
        return taken;
    }
    uint64_t in_ms = next <= wall_ms ? 0 : next - wall_ms;
    timer_arm(&engine->timers, &delay->timer,
              now + (in_ms < LOOK_AGAIN_MS ? in_ms : LOOK_AGAIN_MS));
    return taken;
}

static uint32_t on_timer(struct timer *timer)
{
    struct delay *delay = (struct delay *)(void *)((char *)timer - offsetof(struct delay, timer));
    bool is_put_off;
    uint32_t count = deliver_due(delay, &is_put_off), taken = delay_schedule(delay);
    if (is_put_off && due_heap_first(&delay->near) != NULL)
        timer_arm(&delay_engine(delay)->timers, timer, delay_now_ms(delay) + PUT_OFF_MS);
    return count * WORK_DELIVER + taken / TAKEN_A_WORK;
}
