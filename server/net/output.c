/* SPDX-License-Identifier: Apache-2.0 */
#include "server/net/output.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "server/base/check.h"
#include "server/base/mem.h"

#define POOL_CHUNKS_MAX 128
#define WRITE_SEGMENTS  64

struct output_segment {
    struct output_segment *next;
    const uint8_t *data; /* what is to be written */
    uint32_t begin, end;
    void *owner; /* of bytes that are referred to; NULL: they are in chunk */
    void (*release)(void *owner);
    uint8_t chunk[];
};

void output_init(struct output *output, struct output_pool *pool)
{
    *output = (struct output){.pool = pool};
}

static struct output_segment *take_chunk(struct output_pool *pool)
{
    struct output_segment *segment = pool->spare;
    if (segment == NULL)
        return mem_alloc(sizeof *segment + OUTPUT_CHUNK_BYTES);
    pool->spare = segment->next;
    pool->count--;
    return segment;
}

static void drop_segment(struct output_pool *pool, struct output_segment *segment)
{
    if (segment->release != NULL) {
        segment->release(segment->owner);
        mem_free(segment);
    } else if (pool->count < POOL_CHUNKS_MAX) {
        segment->next = pool->spare;
        pool->spare = segment;
        pool->count++;
    } else {
        mem_free(segment);
    }
}

void output_fini(struct output *output)
{
    while (output->first != NULL) {
        struct output_segment *segment = output->first;
        output->first = segment->next;
        drop_segment(output->pool, segment);
    }
    output->last = NULL;
    output->bytes = 0;
}

void output_pool_fini(struct output_pool *pool)
{
    while (pool->spare != NULL) {
        struct output_segment *segment = pool->spare;
        pool->spare = segment->next;
        mem_free(segment);
    }
    pool->count = 0;
}

static void append(struct output *output, struct output_segment *segment)
{
    segment->next = NULL;
    if (output->last != NULL)
        output->last->next = segment;
    else
        output->first = segment;
    output->last = segment;
}

static bool has_room(const struct output_segment *segment, size_t bytes)
{
    return segment != NULL && segment->release == NULL &&
           OUTPUT_CHUNK_BYTES - segment->end >= bytes;
}

uint8_t *output_reserve(struct output *output, size_t bytes)
{
    CHECK(bytes <= OUTPUT_CHUNK_BYTES);
    if (__builtin_expect(!has_room(output->last, bytes), 0)) {
        struct output_segment *segment = take_chunk(output->pool);
        segment->data = segment->chunk;
        segment->begin = segment->end = 0;
        segment->release = NULL;
        append(output, segment);
    }
    return output->last->chunk + output->last->end;
}

void output_commit(struct output *output, size_t bytes)
{
    output->last->end += (uint32_t)bytes;
    output->bytes += bytes;
}

void output_copy(struct output *output, struct slice bytes)
{
    while (bytes.size > 0) {
        size_t part = bytes.size;
        if (has_room(output->last, 1)) {
            if (part > OUTPUT_CHUNK_BYTES - output->last->end)
                part = OUTPUT_CHUNK_BYTES - output->last->end;
        } else if (part > OUTPUT_CHUNK_BYTES) {
            part = OUTPUT_CHUNK_BYTES;
        }
        memcpy(output_reserve(output, part), bytes.data, part);
        output_commit(output, part);
        bytes = slice_of(bytes.data + part, bytes.size - part);
    }
}

void output_refer(struct output *output, struct slice bytes, void *owner,
                  void (*release)(void *owner))
{
    struct output_segment *segment = mem_alloc(sizeof *segment);
    segment->data = bytes.data;
    segment->begin = 0;
    segment->end = (uint32_t)bytes.size;
    segment->owner = owner;
    segment->release = release;
    append(output, segment);
    output->bytes += bytes.size;
}

struct slice output_front(const struct output *output)
{
    const struct output_segment *segment = output->first;
    return segment == NULL
               ? SLICE_EMPTY
               : slice_of(segment->data + segment->begin, segment->end - segment->begin);
}

size_t output_peek(const struct output *output, uint8_t *to, size_t size)
{
    size_t have = 0;
    for (const struct output_segment *segment = output->first; segment != NULL && have < size;
         segment = segment->next) {
        size_t part = segment->end - segment->begin;
        if (part > size - have)
            part = size - have;
        memcpy(to + have, segment->data + segment->begin, part);
        have += part;
    }
    return have;
}

void output_skip(struct output *output, size_t written)
{
    output->bytes -= written;
    while (output->first != NULL) {
        struct output_segment *segment = output->first;
        size_t left = segment->end - segment->begin;
        if (written < left) {
            segment->begin += (uint32_t)written;
            return;
        }
        written -= left;
        output->first = segment->next;
        if (output->first == NULL)
            output->last = NULL;
        drop_segment(output->pool, segment);
    }
}

int output_write(struct output *output, int fd)
{
    while (output->bytes > 0) {
        struct iovec parts[WRITE_SEGMENTS];
        int count = 0;
        size_t offered = 0;
        for (struct output_segment *segment = output->first;
             segment != NULL && count < WRITE_SEGMENTS; segment = segment->next) {
            parts[count].iov_base = (void *)(segment->data + segment->begin);
            parts[count].iov_len = segment->end - segment->begin;
            offered += parts[count++].iov_len;
        }
        ssize_t written = count == 1 ? write(fd, parts[0].iov_base, parts[0].iov_len)
                                     : writev(fd, parts, count);
        if (written < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
        }
        output_skip(output, (size_t)written);
        if ((size_t)written < offered)
            return 0;
    }
    return 0;
}
