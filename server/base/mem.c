/* SPDX-License-Identifier: Apache-2.0
 *
 * The C library's names, so that the allocator chosen at link time serves the libraries as well.
 */
#define _POSIX_C_SOURCE 200809L
#include "server/base/mem.h"

#include <stdlib.h>
#include <unistd.h>

#include "server/base/log.h"

/* Not abort: a core of a process that filled the memory helps nobody. */
_Noreturn static void out_of_memory(size_t bytes)
{
    log_error("out_of_memory", LOG_NUM("bytes", bytes));
    _exit(EXIT_FAILURE);
}

/* Of zero bytes the C library may return NULL; here that means exhaustion only. */
static size_t at_least_one(size_t bytes)
{
    return bytes > 0 ? bytes : 1;
}

void *mem_alloc(size_t bytes)
{
    void *memory = malloc(at_least_one(bytes));
    if (__builtin_expect(memory == NULL, 0))
        out_of_memory(bytes);
    return memory;
}

void *mem_zalloc(size_t bytes)
{
    void *memory = calloc(1, at_least_one(bytes));
    if (__builtin_expect(memory == NULL, 0))
        out_of_memory(bytes);
    return memory;
}

void *mem_realloc(void *old, size_t bytes)
{
    void *memory = realloc(old, at_least_one(bytes));
    if (__builtin_expect(memory == NULL, 0))
        out_of_memory(bytes);
    return memory;
}

void *mem_try_alloc(size_t bytes)
{
    return malloc(at_least_one(bytes));
}

void *mem_try_realloc(void *old, size_t bytes)
{
    return realloc(old, at_least_one(bytes));
}

void mem_free(void *memory)
{
    free(memory);
}
