/* SPDX-License-Identifier: Apache-2.0
 *
 * The C library's names, so that the allocator chosen at link time serves the libraries as well.
 * What else that allocator can do is looked for under its own names, which are weak: they are there
 * or not.
 */
#define _POSIX_C_SOURCE 200809L
#include "server/base/mem.h"

#include <malloc.h>
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

/* --- giving back ----------------------------------------------------------------------------- */

/* mimalloc's, version 2 and later. */
extern void mi_collect(bool force) __attribute__((weak));
extern void mi_option_set(int option, long value) __attribute__((weak));
extern long mi_option_get(int option) __attribute__((weak));

/* Milliseconds after which freed pages go back: decommit_delay in 2.0, purge_delay since. */
#define MI_OPTION_PURGE_DELAY 15

/* jemalloc's. */
extern int mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes)
    __attribute__((weak));

/* The sanitizers'. */
extern void __sanitizer_purge_allocator(void) __attribute__((weak));

void mem_set_short(bool is_short)
{
    static bool is_known;
    static long usual_delay;
    if (mi_option_set == NULL || mi_option_get == NULL)
        return;
    if (!is_known)
        usual_delay = mi_option_get(MI_OPTION_PURGE_DELAY);
    is_known = true;
    mi_option_set(MI_OPTION_PURGE_DELAY, is_short ? 0 : usual_delay);
}

void mem_give_back(void)
{
    if (mi_collect != NULL) {
        mi_collect(true);
    } else if (mallctl != NULL) {
        (void)mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
        (void)mallctl("arena.4096.purge", NULL, NULL, NULL, 0); /* 4096: all arenas */
    } else if (__sanitizer_purge_allocator != NULL) {
        __sanitizer_purge_allocator();
    } else {
#ifdef __GLIBC__
        (void)malloc_trim(0);
#endif
    }
}
