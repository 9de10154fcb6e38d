/* SPDX-License-Identifier: Apache-2.0
 *
 * Removal shifts the rest of its run back instead of leaving a tombstone, so that a table of names
 * that come and go never fills with graves and a miss stays short. Tables shrink when they get
 * nearly empty.
 */
#include "server/base/map.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "server/base/check.h"
#include "server/base/mem.h"

#define CAPACITY_MIN UINT32_C(8)
#define CAPACITY_MAX (UINT32_C(1) << 31)

/* Any odd constant with its bits well spread: it separates map_hash's MIX from the seed. */
#define MIX_FACTOR UINT64_C(0x9E3779B97F4A7C15)

static uint64_t process_seed = UINT64_C(0x243F6A8885A308D3);

void map_seed(uint64_t seed)
{
    process_seed = seed;
}

uint64_t map_hash(struct slice key, uint64_t mix)
{
    return XXH3_64bits_withSeed(key.data, key.size, process_seed ^ (mix * MIX_FACTOR));
}

uint64_t map_hash_stable(struct slice key)
{
    return XXH3_64bits(key.data, key.size);
}

void map_fini(struct map *map)
{
    mem_free(map->slots);
    *map = (struct map){0};
}

void map_clear(struct map *map)
{
    map_fini(map);
}

static uint32_t home_of(const struct map *map, uint64_t hash)
{
    return (uint32_t)hash & (map->capacity - 1);
}

static uint32_t next_index(const struct map *map, uint32_t index)
{
    return (index + 1) & (map->capacity - 1);
}

/* The slot that holds KEY, or the free one where it would go. The map has a table. */
static uint32_t find_slot(const struct map *map, struct slice key, uint64_t hash)
{
    uint32_t index = home_of(map, hash);
    for (;;) {
        const struct map_slot *slot = &map->slots[index];
        if (slot->value == NULL || (slot->hash == hash && slice_equal(slot->key, key)))
            return index;
        index = next_index(map, index);
    }
}

/* Moves the entries to a table of CAPACITY, which holds them. */
static void resize(struct map *map, uint32_t capacity)
{
    struct map old = *map;
    map->capacity = capacity;
    map->slots = mem_zalloc(capacity * sizeof *map->slots);
    for (uint32_t i = 0; i < old.capacity; i++) {
        const struct map_slot *slot = &old.slots[i];
        if (slot->value == NULL)
            continue;
        uint32_t index = home_of(map, slot->hash);
        while (map->slots[index].value != NULL)
            index = next_index(map, index);
        map->slots[index] = *slot;
    }
    mem_free(old.slots);
}

void *map_get(const struct map *map, struct slice key)
{
    if (map->count == 0)
        return NULL;
    return map->slots[find_slot(map, key, map_hash(key, 0))].value;
}

void map_add(struct map *map, struct slice key, void *value)
{
    CHECK(value != NULL);
    if (map->capacity == 0) {
        resize(map, CAPACITY_MIN);
    } else if (map->count >= map->capacity / 4 * 3 - 1) {
        CHECK_ID(map->capacity < CAPACITY_MAX, map->count);
        resize(map, map->capacity * 2);
    }
    uint64_t hash = map_hash(key, 0);
    struct map_slot *slot = &map->slots[find_slot(map, key, hash)];
    CHECK_ID(slot->value == NULL, hash);
    *slot = (struct map_slot){.key = key, .value = value, .hash = hash};
    map->count++;
}

/* Frees the slot HOLE: each later entry of the run whose home lies at or before the hole moves into
 * it. */
static void shift_back(struct map *map, uint32_t hole)
{
    uint32_t mask = map->capacity - 1;
    for (uint32_t index = next_index(map, hole); map->slots[index].value != NULL;
         index = next_index(map, index)) {
        uint32_t from_home = (index - home_of(map, map->slots[index].hash)) & mask;
        uint32_t from_hole = (index - hole) & mask;
        if (from_home >= from_hole) {
            map->slots[hole] = map->slots[index];
            hole = index;
        }
    }
    map->slots[hole] = (struct map_slot){0};
}

void *map_remove(struct map *map, struct slice key)
{
    if (map->count == 0)
        return NULL;
    uint32_t index = find_slot(map, key, map_hash(key, 0));
    void *value = map->slots[index].value;
    if (value == NULL)
        return NULL;
    shift_back(map, index);
    map->count--;
    if (map->capacity > CAPACITY_MIN && map->count < map->capacity / 8)
        resize(map, map->capacity / 2);
    return value;
}

void *map_next(const struct map *map, uint32_t *position)
{
    while (*position < map->capacity) {
        void *value = map->slots[(*position)++].value;
        if (value != NULL)
            return value;
    }
    return NULL;
}
