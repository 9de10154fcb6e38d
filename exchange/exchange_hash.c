/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The type x-consistent-hash: a message goes to one destination, chosen by a hash of
 * its routing key, a header or a property, each destination in proportion to its weight, which is
 * the binding key.
 *
 * The hashes fall into SLOTS equal parts. Each slot belongs to the destination that scores best
 * there (weighted rendezvous: a pseudo-random number of slot and destination, drawn from an
 * exponential distribution with the weight as its rate). So a new destination takes just the slots
 * that it wins, in fair proportion from all others; one that goes leaves its own to the others; and
 * who has which does not depend on the order in which they came, nor on the run. Routing is a hash
 * and a look into the table. A change costs SLOTS comparisons.
 */
#include <math.h>

#include "amqp/table.h"
#include "exchange/binding.h"
#include "exchange/exchange.h"
#include "exchange/message.h"
#include "exchange/route.h"
#include "server/base/mem.h"

#define SLOT_BITS 15
#define SLOTS     (1u << SLOT_BITS)

#define HASH_HEADER   SLICE_LITERAL("hash-header")
#define HASH_PROPERTY SLICE_LITERAL("hash-property")
#define X_HASH_ON     SLICE_LITERAL("x-hash-on")

struct destination {
    struct list bindings; /* struct binding.by_match; the first one's key is the weight */
    double weight;
    uint64_t seed;
    uint32_t at; /* in destinations */
    uint16_t name_bytes;
    uint8_t name[]; /* the front of a binding's identity: kind and name */
};

struct hash_table {
    struct slice header; /* to hash, within the exchange's arguments; data NULL: none */
    uint16_t property;   /* to hash: an enum property_flag, or 0 */
    struct map by_name;
    struct destination **destinations;
    uint32_t count, capacity;
    uint32_t *slots; /* SLOTS of them, each a destination's place; NULL while there is none */
};

/* --- arguments ------------------------------------------------------------------------------- */

static bool find_property(struct slice name, uint16_t *flag)
{
    static const struct {
        struct slice name;
        uint16_t flag;
    } properties[] = {
        {{(const uint8_t *)"correlation_id", 14}, PROPERTY_CORRELATION_ID},
        {{(const uint8_t *)"message_id", 10}, PROPERTY_MESSAGE_ID},
        {{(const uint8_t *)"timestamp", 9}, PROPERTY_TIMESTAMP},
    };
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        if (slice_equal(name, properties[i].name)) {
            *flag = properties[i].flag;
            return true;
        }
    }
    return false;
}

static bool find_header(struct slice arguments, struct table_value *header)
{
    return table_find(arguments, HASH_HEADER, header) || table_find(arguments, X_HASH_ON, header);
}

static int hash_check(struct slice arguments, struct reply_error *error)
{
    struct table_value header, property;
    uint16_t flag;
    bool has_header = find_header(arguments, &header);
    bool has_property = table_find(arguments, HASH_PROPERTY, &property);
    if (has_header && has_property)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "hash-header and hash-property are mutually exclusive");
    if (has_header && header.type != TABLE_LONGSTR)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "hash-header should be a string, not of type '%s'",
                           table_type_name(header.type));
    if (has_property && property.type != TABLE_LONGSTR)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "hash-property should be a string, not of type '%s'",
                           table_type_name(property.type));
    if (has_property && !find_property(property.bytes, &flag))
        return reply_error(error, REPLY_PRECONDITION_FAILED, "Unsupported property: %.*s",
                           SLICE_ARGS(property.bytes));
    return 0;
}

static void hash_init(struct exchange *exchange)
{
    struct hash_table *table = mem_zalloc(sizeof *table);
    struct table_value value;
    if (find_header(exchange->arguments, &value) && value.type == TABLE_LONGSTR)
        table->header = value.bytes;
    else if (table_find(exchange->arguments, HASH_PROPERTY, &value) && value.type == TABLE_LONGSTR)
        (void)find_property(value.bytes, &table->property);
    if (table->header.data != NULL || table->property != 0)
        exchange->dependence = EXCHANGE_DEPENDS_ON_MESSAGE;
    exchange->hash = table;
}

/* Reads an integer, which may be longer than any machine's. */
static bool read_weight(struct slice key, double *weight)
{
    size_t at = key.size > 0 && (key.data[0] == '+' || key.data[0] == '-');
    if (at == key.size)
        return false;
    *weight = 0;
    for (size_t i = at; i < key.size; i++) {
        if (key.data[i] < '0' || key.data[i] > '9')
            return false;
        *weight = *weight * 10 + (key.data[i] - '0');
    }
    if (key.data[0] == '-')
        *weight = -*weight;
    return true;
}

static int hash_check_binding(const struct binding_spec *spec, struct reply_error *error)
{
    double weight;
    if (!read_weight(spec->routing_key, &weight))
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "The binding key must be an integer: <<%s%.*s%s>>",
                           spec->routing_key.size > 0 ? "\"" : "", SLICE_ARGS(spec->routing_key),
                           spec->routing_key.size > 0 ? "\"" : "");
    if (weight <= 0)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "The binding key must be greater than 0");
    return 0;
}

/* --- who has which slot ---------------------------------------------------------------------- */

/* Uniform in (0, 1): DESTINATION's number for SLOT. */
static double draw(const struct destination *destination, uint32_t slot)
{
    uint64_t z = destination->seed + (slot + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return ((double)(z >> 12) + 0.5) * 0x1p-52;
}

/* Does A have SLOT rather than B? */
static bool wins(const struct destination *a, const struct destination *b, uint32_t slot)
{
    double of_a = draw(a, slot), of_b = draw(b, slot);
    if (a->weight != b->weight) {
        of_a = log(of_a) / a->weight;
        of_b = log(of_b) / b->weight;
    }
    return of_a != of_b ? of_a > of_b : a->seed > b->seed;
}

static void take_slots(struct hash_table *table, const struct destination *destination)
{
    if (table->slots == NULL) {
        table->slots = mem_alloc(SLOTS * sizeof *table->slots);
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            table->slots[slot] = destination->at;
        return;
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (wins(destination, table->destinations[table->slots[slot]], slot))
            table->slots[slot] = destination->at;
}

/* DESTINATION's slots go to the best of the others. */
static void leave_slots(struct hash_table *table, const struct destination *destination)
{
    if (table->slots == NULL)
        return;
    if (table->count == 1) {
        mem_free(table->slots);
        table->slots = NULL;
        return;
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (table->slots[slot] != destination->at)
            continue;
        const struct destination *best = NULL;
        for (uint32_t i = 0; i < table->count; i++) {
            const struct destination *other = table->destinations[i];
            if (other != destination && (best == NULL || wins(other, best, slot)))
                best = other;
        }
        table->slots[slot] = best->at;
    }
}

/* --- bindings -------------------------------------------------------------------------------- */

static struct slice destination_name(const struct binding *binding)
{
    return slice_of(binding->identity.data, 2u + binding->identity.data[1]);
}

static struct destination *add_destination(struct hash_table *table, struct slice name)
{
    struct destination *destination = mem_zalloc(sizeof *destination + name.size);
    list_init(&destination->bindings);
    destination->seed = map_hash_stable(name);
    destination->name_bytes = (uint16_t)name.size;
    memcpy(destination->name, name.data, name.size);
    map_add(&table->by_name, slice_of(destination->name, name.size), destination);
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 4 : table->capacity * 2;
        table->destinations = mem_realloc(table->destinations,
                                          table->capacity * sizeof(struct destination *));
    }
    destination->at = table->count;
    table->destinations[table->count++] = destination;
    return destination;
}

/* Frees DESTINATION, which has no slots. The last one gets its place. */
static void remove_destination(struct hash_table *table, struct destination *destination)
{
    struct destination *last = table->destinations[--table->count];
    if (last != destination && table->slots != NULL)
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            if (table->slots[slot] == last->at)
                table->slots[slot] = destination->at;
    last->at = destination->at;
    table->destinations[last->at] = last;
    map_remove(&table->by_name, slice_of(destination->name, destination->name_bytes));
    mem_free(destination);
}

/* The weight of its first binding counts, as with RabbitMQ; until that goes. */
static double weight_of(const struct destination *destination)
{
    double weight = 1; /* what an earlier version may have let into the store */
    const struct binding *first = LIST_ENTRY(list_first(&destination->bindings), struct binding,
                                             by_match);
    return read_weight(first->routing_key, &weight) && weight > 0 ? weight : 1;
}

static void hash_add(struct exchange *exchange, struct binding *binding)
{
    struct hash_table *table = exchange->hash;
    struct slice name = destination_name(binding);
    struct destination *destination = map_get(&table->by_name, name);
    bool is_new = destination == NULL;
    if (is_new)
        destination = add_destination(table, name);
    list_append(&destination->bindings, &binding->by_match);
    binding->match = destination;
    if (!is_new)
        return;
    destination->weight = weight_of(destination);
    take_slots(table, destination);
}

static void hash_remove(struct exchange *exchange, struct binding *binding)
{
    struct hash_table *table = exchange->hash;
    struct destination *destination = binding->match;
    list_remove(&binding->by_match);
    if (exchange->deleted) { /* all go: not one by one */
        mem_free(table->slots);
        table->slots = NULL;
    }
    if (list_is_empty(&destination->bindings)) {
        leave_slots(table, destination);
        remove_destination(table, destination);
        return;
    }
    double weight = weight_of(destination);
    if (weight == destination->weight)
        return;
    leave_slots(table, destination);
    destination->weight = weight;
    if (!exchange->deleted)
        take_slots(table, destination);
}

/* --- routing --------------------------------------------------------------------------------- */

/* Numbers of all widths are one; what is not there is nothing, and all of that goes one way. */
static uint64_t hash_value(const struct table_value *value)
{
    if (table_type_is_integer(value->type))
        return map_hash_stable(slice_of(&value->integer, sizeof value->integer));
    if (value->type == TABLE_LONGSTR || value->type == TABLE_BYTES || value->type == TABLE_TABLE ||
        value->type == TABLE_ARRAY)
        return map_hash_stable(value->bytes);
    if (value->type == TABLE_BOOL)
        return map_hash_stable(slice_of(&value->boolean, sizeof value->boolean));
    if (value->type == TABLE_TIMESTAMP)
        return map_hash_stable(slice_of(&value->timestamp, sizeof value->timestamp));
    if (value->type == TABLE_FLOAT || value->type == TABLE_DOUBLE)
        return map_hash_stable(slice_of(&value->real, sizeof value->real));
    if (value->type == TABLE_DECIMAL)
        return map_hash_stable(slice_of(&value->decimal.unscaled, sizeof value->decimal.unscaled)) +
               value->decimal.scale;
    return map_hash_stable(SLICE_EMPTY);
}

/* The hash of a message by a header or property. */
static uint64_t hash_message(const struct hash_table *table, const struct message *message)
{
    struct properties properties;
    struct table_value value = {.type = TABLE_VOID};
    if (properties_decode(message_properties(message), &properties) != METHOD_OK)
        return hash_value(&value);
    if (table->header.data != NULL)
        (void)table_find(properties.headers, table->header, &value);
    else if (table->property == PROPERTY_TIMESTAMP && properties.flags & PROPERTY_TIMESTAMP)
        value = (struct table_value){.type = TABLE_TIMESTAMP, .timestamp = properties.timestamp};
    else if (properties.flags & table->property)
        value = (struct table_value){.type = TABLE_LONGSTR,
                                     .bytes = table->property == PROPERTY_MESSAGE_ID
                                                  ? properties.message_id
                                                  : properties.correlation_id};
    return hash_value(&value);
}

/* By the message's own key even when it is asked for one of its CC: a message goes one way. */
static void hash_route(struct exchange *exchange, struct slice routing_key, struct message *message,
                       struct route_walk *walk)
{
    (void)routing_key;
    const struct hash_table *table = exchange->hash;
    if (table->slots == NULL)
        return;
    uint64_t hash = exchange->dependence == EXCHANGE_DEPENDS_ON_KEY
                        ? map_hash_stable(message_routing_key(message))
                        : hash_message(table, message);
    const struct destination *chosen = table->destinations[table->slots[hash >> (64 - SLOT_BITS)]];
    route_walk_binding(walk, LIST_ENTRY(list_first(&chosen->bindings), struct binding, by_match));
}

static void hash_fini(struct exchange *exchange)
{
    CHECK(exchange->hash->count == 0);
    map_fini(&exchange->hash->by_name);
    mem_free(exchange->hash->destinations);
    mem_free(exchange->hash->slots);
    mem_free(exchange->hash);
}

const struct exchange_type exchange_type_consistent_hash = {
    .name = "x-consistent-hash",
    .description = "Consistent Hashing Exchange",
    .dependence = EXCHANGE_DEPENDS_ON_KEY,
    .check = hash_check,
    .init = hash_init,
    .check_binding = hash_check_binding,
    .add = hash_add,
    .remove = hash_remove,
    .route = hash_route,
    .fini = hash_fini,
};
