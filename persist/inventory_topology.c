/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A binding dies with its ends: it is younger than both, or it is stale. Stale ones
 * are left where they are until a checkpoint is made or the engine is told: nobody asks before.
 */
#include "persist/inventory_topology.h"

#include "server/base/mem.h"

void inventory_add_fact(struct map *map, uint64_t lsn, struct slice key, struct slice payload)
{
    if (map_get(map, key) != NULL)
        return;
    struct inventory_fact *fact = mem_alloc(sizeof *fact + key.size + payload.size);
    fact->lsn = lsn;
    fact->key_bytes = (uint32_t)key.size;
    fact->payload_bytes = (uint32_t)payload.size;
    memcpy(fact->bytes, key.data, key.size);
    if (payload.size > 0)
        memcpy(fact->bytes + key.size, payload.data, payload.size);
    map_add(map, slice_of(fact->bytes, key.size), fact);
}

void topology_definition(struct inventory *inventory, const struct fact *fact, uint64_t lsn,
                         struct slice payload)
{
    bool is_defined = fact->kind == STORE_DEFINE;
    size_t behind = is_defined ? sizeof(uint32_t) + fact->value.size : 0;
    struct slice key = slice_of(payload.data, payload.size - behind);
    mem_free(map_remove(&inventory->definitions, key));
    if (is_defined)
        inventory_add_fact(&inventory->definitions, lsn, key, fact->value);
}

/* The key of exchange NAME: its vhost's name, a zero, its own. */
static struct slice exchange_key(struct slice vhost, struct slice name, struct buf *room)
{
    room->size = 0;
    buf_bytes(room, vhost);
    buf_u8(room, 0);
    buf_bytes(room, name);
    return buf_slice(room);
}

void topology_exchange(struct inventory *inventory, const struct fact *fact, uint64_t lsn,
                       struct slice payload)
{
    struct buf room = {0};
    struct slice key = exchange_key(fact->vhost, fact->name, &room);
    if (fact->kind == STORE_EXCHANGE_DECLARE)
        inventory_add_fact(&inventory->exchanges, lsn, key, payload);
    else
        mem_free(map_remove(&inventory->exchanges, key));
    buf_fini(&room);
}

/* Is the exchange NAME there, and was it before LSN? The predeclared ones always were. */
static bool is_older(const struct inventory *inventory, struct slice vhost, struct slice name,
                     uint64_t lsn)
{
    struct buf room = {0};
    const struct inventory_fact *exchange = map_get(&inventory->exchanges,
                                                    exchange_key(vhost, name, &room));
    buf_fini(&room);
    if (exchange == NULL)
        return name.size == 0 || slice_starts_with(name, SLICE_LITERAL("amq."));
    return exchange->lsn < lsn;
}

static bool is_stale(struct inventory *inventory, const struct inventory_fact *binding)
{
    struct fact fact;
    if (fact_decode(STORE_BIND, slice_of(binding->bytes, binding->key_bytes), &fact) < 0 ||
        !is_older(inventory, fact.vhost, fact.name, binding->lsn))
        return true;
    if (fact.flags & FACT_TO_EXCHANGE)
        return !is_older(inventory, fact.vhost, fact.destination, binding->lsn);
    return inventory_find(inventory, fact.queue) == NULL;
}

void topology_binding(struct inventory *inventory, enum store_record_kind kind, uint64_t lsn,
                      struct slice payload)
{
    struct inventory_fact *there = map_get(&inventory->bindings, payload);
    if (there != NULL && (kind == STORE_UNBIND || is_stale(inventory, there)))
        mem_free(map_remove(&inventory->bindings, payload));
    if (kind == STORE_BIND)
        inventory_add_fact(&inventory->bindings, lsn, payload, SLICE_EMPTY);
}

void inventory_drop_stale(struct inventory *inventory)
{
    struct inventory_fact **stale = mem_alloc(inventory->bindings.count * sizeof *stale + 1);
    size_t count = 0;
    uint32_t position = 0;
    for (struct inventory_fact *binding;
         (binding = map_next(&inventory->bindings, &position)) != NULL;)
        if (is_stale(inventory, binding))
            stale[count++] = binding;
    for (size_t i = 0; i < count; i++) {
        map_remove(&inventory->bindings, slice_of(stale[i]->bytes, stale[i]->key_bytes));
        mem_free(stale[i]);
    }
    mem_free(stale);
}

static void free_facts(struct map *map)
{
    uint32_t position = 0;
    for (struct inventory_fact *fact; (fact = map_next(map, &position)) != NULL;)
        mem_free(fact);
    map_fini(map);
}

void topology_fini(struct inventory *inventory)
{
    free_facts(&inventory->exchanges);
    free_facts(&inventory->bindings);
    free_facts(&inventory->definitions);
}
