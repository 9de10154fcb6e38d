/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "server/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/unit/base/death.h"

/* The sanitizers end the process at a huge request, unless told that exhaustion is being tested. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static volatile size_t too_much = SIZE_MAX / 4; /* volatile: the compiler must not see it */

static void zero_bytes_are_a_valid_size(void **state)
{
    (void)state;
    void *a = mem_alloc(0), *b = mem_try_alloc(0), *c = mem_zalloc(0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    a = mem_realloc(a, 0);
    b = mem_try_realloc(b, 0);
    assert_non_null(a);
    assert_non_null(b);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(NULL);
}

static void zalloc_gives_zeros(void **state)
{
    (void)state;
    unsigned char *memory = mem_zalloc(10000);
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(memory[i], 0);
    mem_free(memory);
}

static void try_realloc_leaves_the_old_block_when_memory_is_exhausted(void **state)
{
    (void)state;
    char *old = mem_realloc(NULL, 4);
    memcpy(old, "abc", 4);
    assert_null(mem_try_alloc(too_much));
    assert_null(mem_try_realloc(old, too_much));
    assert_string_equal(old, "abc");
    mem_free(old);
}

static void exhaust_alloc(void)
{
    mem_free(mem_alloc(too_much));
}

static void exhaust_zalloc(void)
{
    mem_free(mem_zalloc(too_much));
}

static void exhaust_realloc(void)
{
    mem_free(mem_realloc(mem_alloc(1), too_much));
}

static void exhaustion_ends_the_process_with_a_log_line(void **state)
{
    (void)state;
    static void (*const exhausting[])(void) = {exhaust_alloc, exhaust_zalloc, exhaust_realloc};
    char expected[64], log[512];
    (void)snprintf(expected, sizeof expected, " error out_of_memory bytes=%zu\n", too_much);
    for (size_t i = 0; i < 3; i++) {
        int status = death_of(exhausting[i], log, sizeof log);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
        assert_non_null(strstr(log, expected));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_bytes_are_a_valid_size),
        cmocka_unit_test(zalloc_gives_zeros),
        cmocka_unit_test(try_realloc_leaves_the_old_block_when_memory_is_exhausted),
        cmocka_unit_test(exhaustion_ends_the_process_with_a_log_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
