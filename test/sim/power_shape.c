/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A queue of a name has the same arguments in all lives of a run: declared again it
 * must be the same. So they follow from the run's shape and the queue's number.
 */
#include <stdio.h>

#include "amqp/table.h"
#include "test/sim/power.h"

const char *const power_queues[POWER_QUEUES] = {"q0", "q1", "q2", "q3", "q4"};
const char *const power_exchanges[POWER_EXCHANGES] = {"x0", "x1", "x2", "x3"};

static const struct {
    const char *argument;
    uint32_t least, most;
    uint32_t one_in; /* so many queues have it */
} numbers[] = {
    {"x-message-ttl", 0, 60, 3},   {"x-max-length", 0, 8, 3},   {"x-max-length-bytes", 0, 9999, 5},
    {"x-delivery-limit", 0, 2, 3}, {"x-expires", 100, 999, 10},
};

static bool one_in(uint64_t *random, uint32_t limit)
{
    return harness_below(random, limit) == 0;
}

static void put_dead_letters(struct buf *table, uint64_t *random, unsigned skipped)
{
    uint32_t exchange = harness_below(random, POWER_EXCHANGES + 2);
    bool is_default = exchange >= POWER_EXCHANGES;
    if (one_in(random, 3))
        return;
    table_put_longstr(table, &"x-dead-letter-exchange"[skipped],
                      is_default ? SLICE_EMPTY : S(power_exchanges[exchange]));
    if (is_default || one_in(random, 3))
        table_put_longstr(table, &"x-dead-letter-routing-key"[skipped],
                          S(power_queues[harness_below(random, POWER_QUEUES)]));
}

static void put_some(struct buf *table, uint64_t *random, unsigned skipped)
{
    static const char *const overflows[] = {"drop-head", "reject-publish", "reject-publish-dlx"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint32_t span = numbers[i].most - numbers[i].least + 1;
        uint32_t value = numbers[i].least + harness_below(random, span);
        if (one_in(random, numbers[i].one_in))
            table_put_int(table, numbers[i].argument + skipped, value);
    }
    if (one_in(random, 2))
        table_put_longstr(table, &"x-overflow"[skipped], S(overflows[harness_below(random, 3)]));
    put_dead_letters(table, random, skipped);
}

void power_put_arguments(const struct power *power, struct buf *arguments, uint32_t queue)
{
    uint64_t random = power->shape + queue;
    put_some(arguments, &random, 0);
    if (one_in(&random, 3))
        table_put_int(arguments, "x-max-priority",
                      one_in(&random, 4) ? 255 : 1 + harness_below(&random, 5));
}

void power_put_policy(struct power *power, struct buf *definition)
{
    table_put_longstr(definition, "queue-mode",
                      SLICE_LITERAL("lazy")); /* there must be something */
    put_some(definition, &power->random, 2);
}

static const char *routing_type(uint64_t *random)
{
    static const char *const types[] = {
        "fanout",           "direct", "topic",    "headers",        "x-consistent-hash",
        "x-recent-history", "fanout", "x-random", "x-modulus-hash",
    };
    return types[harness_below(random, sizeof types / sizeof types[0])];
}

const char *power_exchange_type(const struct power *power, uint32_t exchange, struct buf *arguments)
{
    uint64_t random = power->shape + POWER_QUEUES + exchange;
    const char *type = routing_type(&random);
    uint32_t choice = harness_below(&random, 6);
    if (choice == 0)
        table_put_bool(arguments, "x-delayed-exchange", true);
    if (choice > 1)
        return type;
    table_put_longstr(arguments, "x-delayed-type", S(type));
    return choice == 1 ? "x-delayed-message" : type;
}

const char *power_binding_key(struct power *power, const char *name)
{
    static const char *const keys[] = {"a", "a.b", "c"}, *const weights[] = {"1", "2", "5"};
    uint64_t random = power->shape + POWER_QUEUES + (uint32_t)(name[1] - '0');
    bool has_weights = strcmp(routing_type(&random), "x-consistent-hash") == 0;
    uint32_t choice = harness_below(&power->random, 3);
    return has_weights ? weights[choice] : keys[choice];
}

/* --- messages -------------------------------------------------------------------------------- */

static uint32_t below(struct power *power, uint32_t limit)
{
    return harness_below(&power->random, limit);
}

static uint32_t some_size(struct power *power)
{
    uint32_t choice = below(power, 100);
    if (choice < 75)
        return below(power, 200);
    if (choice < 95)
        return below(power, 6000);
    return below(power, power->large ? 6 * RECORD_PAYLOAD_MAX : RECORD_PAYLOAD_MAX);
}

struct message *power_new_message(struct power *power, const char *exchange, const char *key)
{
    struct buf encoded = {0}, headers = {0};
    struct properties properties = {0};
    if (below(power, 3) == 0) {
        table_put_int(&headers, "x-delay", below(power, 8) == 0 ? 15000 : below(power, 60));
        properties.flags |= PROPERTY_HEADERS;
        properties.headers = buf_slice(&headers);
    }
    if (below(power, 3) == 0) {
        properties.flags |= PROPERTY_MESSAGE_ID;
        properties.message_id = S("an id");
    }
    if (below(power, 2) == 0) {
        properties.flags |= PROPERTY_PRIORITY;
        properties.priority = (uint8_t)below(power, 7);
    }
    char expiration[16];
    if (below(power, 4) == 0) {
        (void)snprintf(expiration, sizeof expiration, "%u", below(power, 100) + 1);
        properties.flags |= PROPERTY_EXPIRATION;
        properties.expiration = S(expiration);
    }
    uint32_t size = some_size(power);
    uint64_t text = ++power->bodies;
    properties_encode(&properties, &encoded);
    struct message *message = message_new(S(exchange), S(key), buf_slice(&encoded), size, size);
    CHECK(message != NULL);
    buf_fini(&encoded);
    for (uint32_t i = 0; i < size; i += 8) {
        uint64_t word = harness_random(&text);
        memcpy(message_body(message) + i, &word, size - i < 8 ? size - i : 8);
    }
    message_seal(message);
    message->flags = below(power, 5) == 0 ? 0 : MESSAGE_PERSISTENT;
    message->flags |= message_wants_inspection(&properties) ? MESSAGE_INSPECT : 0;
    buf_fini(&headers);
    return message;
}
