/* SPDX-License-Identifier: Apache-2.0
 *
 * output: bytes on their way to a socket: small things are copied into chunks, large ones stay with
 * their owner and are referred to. Written with one writev when the tick ends. Chunks come from and
 * go back to the loop's pool, so that a connection with nothing to say holds none. One loop's
 * thread only.
 */
#ifndef STOATMQ_NET_OUTPUT_H
#define STOATMQ_NET_OUTPUT_H

#include "server/base/slice.h"

#define OUTPUT_CHUNK_BYTES 16384

struct output_segment;

struct output_pool {
    struct output_segment *spare;
    unsigned count;
};

struct output {
    struct output_pool *pool;
    struct output_segment *first, *last;
    size_t bytes; /* not yet written */
};

void output_init(struct output *output, struct output_pool *pool);

/* Drops what is not written. */
void output_fini(struct output *output);

void output_pool_fini(struct output_pool *pool);

/* Room for BYTES (at most OUTPUT_CHUNK_BYTES) in one piece; the caller fills it all, and
 * output_commit counts it. */
uint8_t *output_reserve(struct output *output, size_t bytes);
void output_commit(struct output *output, size_t bytes);

/* Appends a copy of BYTES. */
void output_copy(struct output *output, struct slice bytes);

/* Appends BYTES without a copy: they stay valid until RELEASE is called with OWNER. */
void output_refer(struct output *output, struct slice bytes, void *owner,
                  void (*release)(void *owner));

/* The first bytes, as they lie; empty when there are none. Valid until the output changes. */
struct slice output_front(const struct output *output);

/* Copies the first bytes, at most SIZE, to TO; how many. */
size_t output_peek(const struct output *output, uint8_t *to, size_t size);

/* Drops the first WRITTEN bytes: they have gone another way. */
void output_skip(struct output *output, size_t written);

/* Writes as much as FD takes. 0, or -errno; EAGAIN is no error: look at `bytes` to see what is
 * left. */
int output_write(struct output *output, int fd);

#endif
