/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/frame.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "test/unit/amqp/generate.h"

enum { FRAMES = 200 };

static struct generator generator;

static int start(void **state)
{
    (void)state;
    generator_init(&generator);
    return 0;
}

static void put_frame(struct buf *out, uint8_t type, uint16_t channel, struct slice payload)
{
    buf_u8(out, type);
    buf_u16(out, channel);
    buf_u32(out, (uint32_t)payload.size);
    buf_bytes(out, payload);
    buf_u8(out, FRAME_END);
}

static void heartbeat_is_as_written_by_hand(void **state)
{
    (void)state;
    struct frame frame;
    assert_int_equal(frame_read(SLICE_LITERAL("\x08\0\0\0\0\0\0\xCE"), 4096, &frame), FRAME_OK);
    assert_int_equal(frame.type, FRAME_HEARTBEAT);
    assert_int_equal(frame.channel, 0);
    assert_int_equal(frame.payload.size, 0);
}

static void frame_is_cut_out_of_what_follows(void **state)
{
    (void)state;
    struct frame frame;
    struct slice input = SLICE_LITERAL("\x03\x12\x34\0\0\0\3abc\xCEmore");
    assert_int_equal(frame_read(input, 4096, &frame), FRAME_OK);
    assert_int_equal(frame.type, FRAME_BODY);
    assert_int_equal(frame.channel, 0x1234);
    assert_true(slice_equal(frame.payload, SLICE_LITERAL("abc")));
}

static void every_prefix_of_a_frame_is_incomplete(void **state)
{
    (void)state;
    struct buf stream = {0};
    put_frame(&stream, FRAME_METHOD, 7, SLICE_LITERAL("payload"));
    for (size_t size = 0; size < stream.size; size++) {
        uint8_t *copy = exact_copy(slice_of(stream.data, size));
        struct frame frame;
        assert_int_equal(frame_read(slice_of(copy, size), 4096, &frame), FRAME_INCOMPLETE);
        free(copy);
    }
    buf_fini(&stream);
}

static void frame_above_the_limit_is_refused_from_its_header_alone(void **state)
{
    (void)state;
    struct frame frame;
    struct slice header = SLICE_LITERAL("\x01\0\5\0\0\x10\x01");
    assert_int_equal(frame_read(header, 4096, &frame), FRAME_TOO_LARGE);
    assert_int_equal(frame.type, FRAME_METHOD);
    assert_int_equal(frame.channel, 5);
    assert_int_equal(frame.payload.size, 4097);
    assert_int_equal(frame_read(header, 4097, &frame), FRAME_INCOMPLETE);
    assert_int_equal(frame_read(header, 0, &frame), FRAME_INCOMPLETE);
}

static void largest_size_of_all_waits_without_limit(void **state)
{
    (void)state;
    struct frame frame;
    struct slice header = SLICE_LITERAL("\x03\0\1\xff\xff\xff\xff\xCE");
    assert_int_equal(frame_read(header, 0, &frame), FRAME_INCOMPLETE);
    assert_int_equal(frame_read(header, 131072, &frame), FRAME_TOO_LARGE);
}

static void other_end_octet_is_refused(void **state)
{
    (void)state;
    struct frame frame;
    assert_int_equal(frame_read(SLICE_LITERAL("\x03\0\1\0\0\0\1a\xCF"), 0, &frame), FRAME_BAD_END);
    assert_int_equal(frame.channel, 1);
    assert_int_equal(frame.payload.size, 1);
}

/* Reads as many frames as the first SIZE octets hold, behind the first *DONE, and compares them. */
static void read_available(struct slice stream, size_t size, size_t *done, unsigned *count,
                           const struct frame *expected)
{
    struct frame frame;
    while (frame_read(slice_of(stream.data + *done, size - *done), 0, &frame) == FRAME_OK) {
        assert_true(*count < FRAMES);
        assert_int_equal(frame.type, expected[*count].type);
        assert_int_equal(frame.channel, expected[*count].channel);
        assert_true(slice_equal(frame.payload, expected[*count].payload));
        *done += FRAME_OVERHEAD + frame.payload.size;
        *count += 1;
    }
}

static void any_chunking_gives_the_same_frames(void **state)
{
    (void)state;
    struct frame frames[FRAMES];
    struct buf stream = {0};
    for (unsigned i = 0; i < FRAMES; i++) {
        frames[i] = (struct frame){.type = generate_OCTET(&generator),
                                   .channel = generate_SHORT(&generator),
                                   .payload = generate_LONGSTR(&generator)};
        put_frame(&stream, frames[i].type, frames[i].channel, frames[i].payload);
    }
    for (unsigned round = 0; round < 50; round++) {
        size_t chunk_max = round == 0 ? 1 : 1 + generate_size(&generator, 2000);
        size_t arrived = 0, done = 0;
        unsigned count = 0;
        while (arrived < stream.size) {
            arrived += 1 + generate_below(&generator, chunk_max);
            if (arrived > stream.size)
                arrived = stream.size;
            read_available(buf_slice(&stream), arrived, &done, &count, frames);
        }
        assert_int_equal(count, FRAMES);
        assert_int_equal(done, stream.size);
    }
    buf_fini(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heartbeat_is_as_written_by_hand),
        cmocka_unit_test(frame_is_cut_out_of_what_follows),
        cmocka_unit_test(every_prefix_of_a_frame_is_incomplete),
        cmocka_unit_test(frame_above_the_limit_is_refused_from_its_header_alone),
        cmocka_unit_test(largest_size_of_all_waits_without_limit),
        cmocka_unit_test(other_end_octet_is_refused),
        cmocka_unit_test(any_chunking_gives_the_same_frames),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
