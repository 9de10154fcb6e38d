/* SPDX-License-Identifier: Apache-2.0
 *
 * mem: the program's allocator calls. What the program sizes itself comes from mem_alloc, which
 * ends the process with a clear line when memory is exhausted; what a peer sizes comes from
 * mem_try_alloc, whose caller turns NULL into an error for that peer. Any thread.
 */
#ifndef STOATMQ_BASE_MEM_H
#define STOATMQ_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* Returns BYTES uninitialised bytes, never NULL. Free with mem_free. */
void *mem_alloc(size_t bytes) __attribute__((malloc, returns_nonnull));

/* As mem_alloc, zeroed. */
void *mem_zalloc(size_t bytes) __attribute__((malloc, returns_nonnull));

/* Grows or shrinks OLD (NULL allowed) to BYTES, never NULL. */
void *mem_realloc(void *old, size_t bytes) __attribute__((returns_nonnull));

/* As mem_alloc, but returns NULL when memory is exhausted. */
void *mem_try_alloc(size_t bytes) __attribute__((malloc, warn_unused_result));

/* As mem_realloc, but returns NULL when memory is exhausted; OLD is then untouched. */
void *mem_try_realloc(void *old, size_t bytes) __attribute__((warn_unused_result));

/* Takes what any of the above returned, or NULL. */
void mem_free(void *memory);

/* Memory is short (or no longer): what is freed goes back to the system at once instead of being
 * kept for the next allocation. For the whole process; one thread calls it. */
void mem_set_short(bool is_short);

/* Gives back to the system what this thread's part of the allocator holds and does not use. Costs
 * some milliseconds for each 100 MiB that there is to give back, and next to nothing otherwise. */
void mem_give_back(void);

#endif
