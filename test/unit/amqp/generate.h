/* SPDX-License-Identifier: Apache-2.0
 *
 * generate: random methods, properties and tables from a seed, for the tests of amqp/. What a
 * generator made lives until generator_fini. The seed is printed; STOATMQ_SEED sets it.
 */
#ifndef STOATMQ_TEST_GENERATE_H
#define STOATMQ_TEST_GENERATE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "test/unit/amqp/equal.h"

enum { GENERATOR_TABLES = 64, GENERATOR_POOL = 2048 };

struct generator {
    uint64_t state;
    unsigned tables_made;
    struct buf tables[GENERATOR_TABLES];
    uint8_t ascii[GENERATOR_POOL];  /* what short strings are cut from */
    uint8_t emoji[GENERATOR_POOL];  /* characters of four octets */
    uint8_t octets[GENERATOR_POOL]; /* anything */
};

/* SplitMix64. */
static inline uint64_t generate_u64(struct generator *generator)
{
    uint64_t z = generator->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline uint64_t generate_below(struct generator *generator, uint64_t limit)
{
    return generate_u64(generator) % limit;
}

static inline void generator_init(struct generator *generator)
{
    const char *given = getenv("STOATMQ_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("STOATMQ_SEED=%llu\n", (unsigned long long)seed);
    *generator = (struct generator){.state = seed};
    for (size_t i = 0; i < GENERATOR_POOL; i++) {
        generator->ascii[i] = (uint8_t)generate_below(generator, 128);
        generator->octets[i] = (uint8_t)generate_u64(generator);
        generator->emoji[i] = (uint8_t) "\xF0\x9F\x90\xBE"[i % 4];
    }
}

/* Frees what was made; the generator goes on. */
static inline void generator_fini(struct generator *generator)
{
    while (generator->tables_made > 0)
        buf_fini(&generator->tables[--generator->tables_made]);
}

/* Sizes around the limits come up often. */
static inline size_t generate_size(struct generator *generator, size_t max)
{
    uint64_t kind = generate_below(generator, 8);
    if (kind == 0)
        return 0;
    if (kind == 1)
        return max;
    return (size_t)generate_below(generator, kind < 6 && max > 20 ? 20 : max + 1);
}

static inline struct slice generate_cut(struct generator *generator, const uint8_t *pool,
                                        size_t size)
{
    return slice_of(pool + generate_below(generator, GENERATOR_POOL - size), size);
}

static inline struct slice generate_SHORTSTR(struct generator *generator)
{
    size_t size = generate_size(generator, 255);
    if (generate_below(generator, 4) == 0)
        return slice_of(generator->emoji, size / 4 * 4);
    return generate_cut(generator, generator->ascii, size);
}

static inline struct slice generate_SHORTBYTES(struct generator *generator)
{
    return generate_cut(generator, generator->octets, generate_size(generator, 255));
}

static inline struct slice generate_LONGSTR(struct generator *generator)
{
    return generate_cut(generator, generator->octets, generate_size(generator, 1000));
}

static inline uint8_t generate_OCTET(struct generator *generator)
{
    return (uint8_t)generate_u64(generator);
}

static inline uint16_t generate_SHORT(struct generator *generator)
{
    return (uint16_t)generate_u64(generator);
}

static inline uint32_t generate_LONG(struct generator *generator)
{
    return (uint32_t)generate_u64(generator);
}

static inline uint64_t generate_LONGLONG(struct generator *generator)
{
    return generate_u64(generator);
}

static inline bool generate_BIT(struct generator *generator)
{
    return generate_u64(generator) & 1;
}

static inline void generate_contents(struct generator *generator, struct buf *out, bool has_keys,
                                     unsigned depth);

/* Appends a letter and a value of that type. */
static inline void generate_item(struct generator *generator, struct buf *out, unsigned depth)
{
    static const char letters[] = "tbBsuIilLfdDSATFxV";
    struct table_value value = {
        .type = (uint8_t)letters[generate_below(generator, sizeof letters - 1)]};
    uint64_t bits = generate_u64(generator);
    bool is_nested = value.type == TABLE_TABLE || value.type == TABLE_ARRAY;
    if (is_nested && depth < 6) {
        buf_u8(out, (uint8_t)value.type);
        size_t mark = table_begin(out);
        generate_contents(generator, out, value.type == TABLE_TABLE, depth + 1);
        table_end(out, mark);
        return;
    }
    if (is_nested || value.type == TABLE_LONGSTR || value.type == TABLE_BYTES)
        value.bytes = is_nested ? SLICE_EMPTY : generate_LONGSTR(generator);
    else if (value.type == TABLE_BOOL)
        value.boolean = bits & 1;
    else if (value.type == TABLE_FLOAT || value.type == TABLE_DOUBLE)
        value.real = (double)(float)(int32_t)bits / 8;
    else if (value.type == TABLE_DECIMAL)
        value.decimal.scale = (uint8_t)bits, value.decimal.unscaled = (uint32_t)(bits >> 8);
    else if (value.type == TABLE_UINT8 || value.type == TABLE_UINT16 || value.type == TABLE_UINT32)
        value.integer = (uint8_t)bits;
    else if (value.type == TABLE_INT64 || value.type == TABLE_INT64_L)
        value.integer = (int64_t)bits;
    else if (table_type_is_integer(value.type))
        value.integer = (int8_t)bits;
    else if (value.type == TABLE_TIMESTAMP)
        value.timestamp = bits;
    table_put_item(out, &value);
}

static inline void generate_contents(struct generator *generator, struct buf *out, bool has_keys,
                                     unsigned depth)
{
    for (uint64_t left = generate_below(generator, 5); left > 0; left--) {
        if (has_keys) {
            struct slice key = generate_SHORTBYTES(generator);
            buf_u8(out, (uint8_t)key.size);
            buf_bytes(out, key);
        }
        generate_item(generator, out, depth);
    }
}

static inline struct slice generate_TABLE(struct generator *generator)
{
    if (generator->tables_made == GENERATOR_TABLES)
        return SLICE_EMPTY;
    struct buf *out = &generator->tables[generator->tables_made++];
    buf_init(out);
    generate_contents(generator, out, true, 1);
    return buf_slice(out);
}

/* Fills METHOD's fields for its id. */
static inline void generate_method(struct generator *generator, enum method_id id,
                                   struct method *method)
{
    memset(method, 0, sizeof *method);
    method->id = id;
#define GENERATE_FIELD(type, field) fields->field = generate_##type(generator);
#define METHOD(ID, name, text, class_id, method_id, sender, phase, content, reply, FIELDS) \
    if (id == METHOD_##ID) {                                                               \
        struct method_##name *fields = &method->name;                                      \
        (void)fields;                                                                      \
        FIELDS(GENERATE_FIELD)                                                             \
    }
#include "amqp/methods.def"
#undef GENERATE_FIELD
}

/* Fills the properties that the random flags name. */
static inline void generate_properties(struct generator *generator, struct properties *properties)
{
    memset(properties, 0, sizeof *properties);
    properties->flags = (uint16_t)(generate_u64(generator) & 0xFFFC);
#define PROPERTY(NAME, name, type, bit)      \
    if (properties->flags & PROPERTY_##NAME) \
        properties->name = generate_##type(generator);
#include "amqp/properties.def"
}

/* Copies BYTES to a block of exactly their size, so that the address sanitizer sees reading past
 * them. */
static inline uint8_t *exact_copy(struct slice bytes)
{
    uint8_t *copy = malloc(bytes.size > 0 ? bytes.size : 1);
    if (copy == NULL)
        abort();
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return copy;
}

#endif
