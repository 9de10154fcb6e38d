/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "server/base/map.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "test/unit/base/death.h"

enum { NAMES = 3000, STEPS = 200000 };

struct thing {
    char name[16];
    size_t size;
    bool present;
};

static struct slice key_of(const struct thing *thing)
{
    return slice_of(thing->name, thing->size);
}

/* xorshift64*: a generator of our own, so that a seed means the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static void assert_same(const struct map *map, const struct thing *things, size_t present)
{
    uint32_t position = 0;
    size_t walked = 0;
    for (struct thing *thing; (thing = map_next(map, &position)) != NULL; walked++)
        assert_true(thing->present);
    assert_int_equal(walked, present);
    assert_int_equal(map->count, present);
    for (size_t i = 0; i < NAMES; i++)
        assert_ptr_equal(map_get(map, key_of(&things[i])), things[i].present ? &things[i] : NULL);
}

static void random_operations_agree_with_a_plain_array(void **state)
{
    (void)state;
    static struct thing things[NAMES];
    const char *given = getenv("SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%" PRIu64 "\n", seed);
    seed |= 1;
    map_seed(next_random(&seed));
    for (size_t i = 0; i < NAMES; i++) {
        things[i].size = (size_t)snprintf(things[i].name, sizeof things[i].name, "name-%zu", i);
        things[i].present = false;
    }
    things[0].size = 0; /* the empty name is a name */

    struct map map;
    map_init(&map);
    size_t present = 0;
    for (size_t step = 0; step < STEPS; step++) {
        /* Phases that fill and that drain, so that runs are long and the table grows and
         * shrinks. */
        bool filling = step / 10000 % 2 == 0;
        struct thing *thing = &things[next_random(&seed) % NAMES];
        bool add = next_random(&seed) % 10 < (filling ? 8 : 2);
        if (add && !thing->present) {
            map_add(&map, key_of(thing), thing);
            thing->present = true;
            present++;
        } else if (!add) {
            assert_ptr_equal(map_remove(&map, key_of(thing)), thing->present ? thing : NULL);
            present -= thing->present;
            thing->present = false;
        }
        assert_ptr_equal(map_get(&map, key_of(thing)), thing->present ? thing : NULL);
        assert_true(map.capacity == 0 || map.count < map.capacity / 4 * 3);
        if (step % 1000 == 0)
            assert_same(&map, things, present);
    }
    assert_same(&map, things, present);
    map_clear(&map);
    assert_int_equal(map.count, 0);
    assert_null(map_get(&map, key_of(&things[1])));
    map_fini(&map);
}

/* Without tombstones a removal must leave the table as if the entry had never been in it. */
static void removal_closes_the_gap_in_every_run(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (uint64_t seed = 0; seed < 2000; seed++) {
        map_seed(seed);
        for (size_t gone = 0; gone < 5; gone++) {
            struct map map = {0};
            for (size_t i = 0; i < 5; i++)
                map_add(&map, slice_from_string(names[i]), (void *)(uintptr_t)names[i]);
            assert_non_null(map_remove(&map, slice_from_string(names[gone])));
            size_t used = 0;
            for (uint32_t i = 0; i < map.capacity; i++)
                used += map.slots[i].value != NULL;
            assert_int_equal(used, 4);
            for (size_t i = 0; i < 5; i++)
                assert_ptr_equal(map_get(&map, slice_from_string(names[i])),
                                 i == gone ? NULL : names[i]);
            map_fini(&map);
        }
    }
}

static void an_empty_map_needs_no_table(void **state)
{
    (void)state;
    struct map map;
    uint32_t position = 0;
    map_init(&map);
    assert_null(map_get(&map, SLICE_LITERAL("x")));
    assert_null(map_remove(&map, SLICE_EMPTY));
    assert_null(map_next(&map, &position));
    assert_null(map.slots);
    map_fini(&map);
}

static void a_drained_map_gives_its_memory_back(void **state)
{
    (void)state;
    static char names[10000][8];
    struct map map = {0};
    for (size_t i = 0; i < 10000; i++) {
        (void)snprintf(names[i], sizeof names[i], "%zu", i);
        map_add(&map, slice_from_string(names[i]), names[i]);
    }
    assert_true(map.capacity >= 10000);
    for (size_t i = 0; i < 10000; i++)
        assert_ptr_equal(map_remove(&map, slice_from_string(names[i])), names[i]);
    assert_true(map.capacity <= 16);
    map_fini(&map);
}

static void the_hash_depends_on_seed_and_mix(void **state)
{
    (void)state;
    struct slice key = SLICE_LITERAL("orders");
    map_seed(1);
    uint64_t first = map_hash(key, 0);
    assert_true(first == map_hash(key, 0));
    assert_true(first != map_hash(key, 1));
    assert_true(map_hash(key, 1) != map_hash(key, 2));
    map_seed(2);
    assert_true(first != map_hash(key, 0));
}

static void add_twice(void)
{
    struct map map = {0};
    map_add(&map, SLICE_LITERAL("x"), &map);
    map_add(&map, SLICE_LITERAL("x"), &map);
}

static void adding_a_present_key_fails_a_check(void **state)
{
    (void)state;
    char log[512];
    int status = death_of(add_twice, log, sizeof log);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(log, "check_failed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_agree_with_a_plain_array),
        cmocka_unit_test(removal_closes_the_gap_in_every_run),
        cmocka_unit_test(an_empty_map_needs_no_table),
        cmocka_unit_test(a_drained_map_gives_its_memory_back),
        cmocka_unit_test(the_hash_depends_on_seed_and_mix),
        cmocka_unit_test(adding_a_present_key_fails_a_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
