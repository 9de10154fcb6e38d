/* SPDX-License-Identifier: Apache-2.0
 *
 * env: what deterministic code may ask of the outside world, as function pointers, so that a test
 * can answer instead. Borrowed by whoever is given it; lives as long as the process or the test.
 */
#ifndef STOATMQ_BASE_ENV_H
#define STOATMQ_BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

struct env {
    void *context;
    /* Milliseconds since some fixed start, never going back. */
    uint64_t (*now_ms)(void *context);
    /* Milliseconds since 1970-01-01 UTC. */
    uint64_t (*wall_ms)(void *context);
    /* Fills TO with SIZE random bytes. */
    void (*random)(void *context, void *to, size_t size);
};

#endif
