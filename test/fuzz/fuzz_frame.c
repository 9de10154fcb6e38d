/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the frame reader and what it feeds: the first octet seeds the chunking, the rest is what a
 * peer sends. Any chunking gives the same frames; methods survive decode and encode.
 */
#include <stdlib.h>

#include "amqp/frame.h"
#include "amqp/properties.h"
#include "server/base/check.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/amqp/equal.h"

static void check_method(struct slice payload)
{
    struct method first, second;
    if (method_decode(payload, &first) != METHOD_OK)
        return;
    struct buf out = {0}, again = {0};
    method_encode(&first, &out);
    CHECK(out.size == payload.size);
    CHECK(method_decode(buf_slice(&out), &second) == METHOD_OK);
    CHECK_ID(methods_are_equal(&first, &second), first.id);
    method_encode(&second, &again);
    CHECK_ID(slice_equal(buf_slice(&out), buf_slice(&again)), first.id);
    buf_fini(&out);
    buf_fini(&again);
}

static void check_header(struct slice payload)
{
    struct content_header header;
    bool is_header = content_header_read(payload, &header);
    CHECK(is_header == (payload.size >= CONTENT_HEADER_BYTES));
    if (is_header) {
        CHECK(header.properties.size + CONTENT_HEADER_BYTES == payload.size);
        CHECK(header.properties.data == payload.data + CONTENT_HEADER_BYTES);
    }
}

/* What a reader that has SIZE octets from DATA says, without anything readable behind them. */
static enum frame_result read_exactly(const uint8_t *data, size_t size, struct frame *frame)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    enum frame_result result = frame_read(slice_of(copy, size), FRAME_MIN_MAX, frame);
    if (size >= FRAME_HEADER_BYTES)
        frame->payload.data = data + FRAME_HEADER_BYTES;
    free(copy);
    return result;
}

/* Reads the frame at STREAM's start while it arrives in pieces, and expects WHOLE and RESULT in the
 * end. */
static void check_chunked(struct slice stream, const struct frame *whole, enum frame_result result,
                          uint32_t *random)
{
    struct frame frame;
    for (size_t arrived = 0;;) {
        enum frame_result so_far = read_exactly(stream.data, arrived, &frame);
        if (so_far != FRAME_INCOMPLETE || arrived == stream.size) {
            CHECK(so_far == result);
            break;
        }
        *random = *random * 1664525 + 1013904223;
        arrived += 1 + (*random >> 24) * (*random >> 24) / 64;
        if (arrived > stream.size)
            arrived = stream.size;
    }
    if (result == FRAME_INCOMPLETE)
        return;
    CHECK(frame.type == whole->type);
    CHECK(frame.channel == whole->channel);
    CHECK(frame.payload.size == whole->payload.size);
    CHECK(frame.payload.data == whole->payload.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint32_t random = data[0];
    struct slice stream = {data + 1, size - 1};
    for (;;) {
        struct frame frame = {0};
        enum frame_result result = frame_read(stream, FRAME_MIN_MAX, &frame);
        check_chunked(stream, &frame, result, &random);
        if (result != FRAME_OK)
            return 0;
        if (frame.type == FRAME_METHOD)
            check_method(frame.payload);
        else if (frame.type == FRAME_HEADER)
            check_header(frame.payload);
        stream.data += FRAME_OVERHEAD + frame.payload.size;
        stream.size -= FRAME_OVERHEAD + frame.payload.size;
    }
}
