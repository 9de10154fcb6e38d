/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/binding.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "exchange/exchange.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

struct pair {
    struct slice key, encoded;
};

static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    size_t shorter = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = shorter == 0 ? 0 : memcmp(a->key.data, b->key.data, shorter);
    if (order != 0)
        return order;
    if (a->key.size != b->key.size)
        return a->key.size < b->key.size ? -1 : 1;
    /* Of one key: as they came. */
    return a->encoded.data < b->encoded.data ? -1 : a->encoded.data > b->encoded.data;
}

/* Appends TABLE with its pairs sorted by key, so that equal tables are equal bytes. */
static void put_sorted(struct buf *out, struct slice table)
{
    size_t count = 0, capacity = 8;
    struct pair *pairs = mem_alloc(capacity * sizeof *pairs);
    struct cursor cursor = cursor_of(table);
    struct table_value value;
    for (const uint8_t *start = cursor.at; table_next(&cursor, &pairs[count].key, &value);
         start = cursor.at) {
        pairs[count++].encoded = slice_of(start, (size_t)(cursor.at - start));
        if (count == capacity) {
            capacity *= 2;
            pairs = mem_realloc(pairs, capacity * sizeof *pairs);
        }
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++)
        buf_bytes(out, pairs[i].encoded);
    mem_free(pairs);
}

/* Identity: 'q' or 'e', destination's name, routing key (both with their length in front),
 * arguments. */
static void put_identity(struct buf *out, const struct binding_spec *spec)
{
    struct slice name = spec->queue != NULL ? spec->queue->name : spec->exchange->name;
    buf_u8(out, spec->queue != NULL ? 'q' : 'e');
    buf_u8(out, (uint8_t)name.size);
    buf_bytes(out, name);
    buf_u8(out, (uint8_t)spec->routing_key.size);
    buf_bytes(out, spec->routing_key);
    if (spec->arguments.size > 0)
        put_sorted(out, spec->arguments);
}

struct binding *binding_find(const struct binding_spec *spec)
{
    struct buf identity = {0};
    put_identity(&identity, spec);
    struct binding *binding = map_get(&spec->source->bindings_by_id, buf_slice(&identity));
    buf_fini(&identity);
    return binding;
}

struct binding *binding_add(const struct binding_spec *spec)
{
    struct buf identity = {0};
    put_identity(&identity, spec);
    struct binding *binding = mem_zalloc(sizeof *binding + identity.size);
    uint8_t *bytes = (uint8_t *)(binding + 1);
    memcpy(bytes, identity.data, identity.size);
    size_t key_at = 2u + bytes[1] + 1;
    binding->identity = slice_of(bytes, identity.size);
    binding->routing_key = slice_of(bytes + key_at, spec->routing_key.size);
    binding->arguments = slice_of(bytes + key_at + spec->routing_key.size,
                                  identity.size - key_at - spec->routing_key.size);
    buf_fini(&identity);

    binding->source = spec->source;
    binding->queue = spec->queue;
    binding->exchange = spec->exchange;
    list_append(&spec->source->bindings_out, &binding->by_source);
    list_append(spec->queue != NULL ? &spec->queue->bindings : &spec->exchange->bindings_in,
                &binding->by_destination);
    map_add(&spec->source->bindings_by_id, binding->identity, binding);
    if (spec->source->type->add != NULL)
        spec->source->type->add(spec->source, binding);
    registry_add(spec->source->vhost->engine, REGISTRY_BINDING, &binding->registered);
    return binding;
}

void binding_remove(struct binding *binding)
{
    struct exchange *source = binding->source;
    registry_remove(source->vhost->engine, REGISTRY_BINDING, &binding->registered);
    if (source->type->remove != NULL)
        source->type->remove(source, binding);
    map_remove(&source->bindings_by_id, binding->identity);
    list_remove(&binding->by_source);
    list_remove(&binding->by_destination);
    mem_free(binding);
}
