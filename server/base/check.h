/* SPDX-License-Identifier: Apache-2.0
 *
 * check: assertions that stay on in release. A failed one is a bug of ours: it prints the place,
 * the condition and the identity it was given, and aborts. Never used on a peer's bytes, the disk's
 * bytes or memory exhaustion: those are errors. Any thread.
 */
#ifndef STOATMQ_BASE_CHECK_H
#define STOATMQ_BASE_CHECK_H

#include <stdint.h>

/* One condition; ID is a number that tells which object it is about (a channel, a tag...), or 0. */
#define CHECK_ID(condition, id)                                         \
    (__builtin_expect(!(condition), 0)                                  \
         ? check_failed(__FILE__, __LINE__, #condition, (uint64_t)(id)) \
         : (void)0)
#define CHECK(condition) CHECK_ID(condition, 0)

_Noreturn void check_failed(const char *file, int line, const char *condition, uint64_t id);

/* Guards a `void *` boundary: structures that cross one start with a magic number. */
#define CHECK_MAGIC(object, expected) \
    CHECK_ID((object) != NULL && (object)->magic == (expected), (uintptr_t)(object))

#endif
