/* SPDX-License-Identifier: Apache-2.0
 *
 * map: byte-string keys to pointers. Open addressing with linear probing, XXH3 under a random seed
 * of the process, so that peers who choose names cannot choose collisions. Keys are borrowed: they
 * live in the value, which must outlive its entry. At most 3 * 2^29 entries. One thread at a time.
 */
#ifndef STOATMQ_BASE_MAP_H
#define STOATMQ_BASE_MAP_H

#include "server/base/slice.h"

struct map_slot {
    struct slice key;
    void *value; /* NULL: the slot is free */
    uint64_t hash;
};

struct map {
    struct map_slot *slots;
    uint32_t capacity; /* 0 or a power of two; load stays under 3/4 */
    uint32_t count;
};

static inline void map_init(struct map *map)
{
    *map = (struct map){0};
}

/* Frees the table; the values are the caller's. */
void map_fini(struct map *map);

/* The value of KEY, or NULL. */
void *map_get(const struct map *map, struct slice key);

/* Adds VALUE (not NULL) under KEY, which is borrowed for as long as the entry stays; KEY must be
 * new. */
void map_add(struct map *map, struct slice key, void *value);

/* Removes KEY and returns its value, or NULL when it was not there. */
void *map_remove(struct map *map, struct slice key);

/* Removes all entries; the values are the caller's. */
void map_clear(struct map *map);

/* Walks the entries in no order: start with *POSITION = 0; NULL at the end. The map must not
 * change. */
void *map_next(const struct map *map, uint32_t *position);

/* The hash that the map uses, for caches keyed by more than one string: seeded per process. */
uint64_t map_hash(struct slice key, uint64_t mix);

/* A hash that is the same in every process and run: for what has to come out alike after a restart.
 */
uint64_t map_hash_stable(struct slice key);

/* Sets the process's hash seed; once, before any map is used. Unset, the seed is a constant
 * (tests). */
void map_seed(uint64_t seed);

#endif
