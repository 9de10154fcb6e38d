/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes a segment's index. The first octet of the input says what the rest is: 0: a file as it is;
 * 1: one that gets the magic, the version, its numbers of runs and offsets as far as they fit, and
 * a checksum; else entries (queue, position, offset) to build one from. A file that is read is
 * written as it was, and looking anything up stays within it; of what was built everything is
 * found.
 */
#include "persist/segment_index.h"

#include <errno.h>

#include "persist/crc32c.h"
#include "server/base/check.h"
#include "server/base/mem.h"
#include "test/fuzz/fuzz.h"

enum { FRONT_BYTES = 32, AT_RUNS = 24, AT_OFFSETS = 28, RUN_BYTES = 24, ENTRY_BYTES = 4 };

/* --- a file ------------------------------------------------------------------------------- */

static void look_around(const struct segment_index *index)
{
    for (uint32_t i = 0; i < index->run_count; i++) {
        const struct index_run *run = &index->runs[i];
        const uint64_t positions[] = {0,
                                      run->base - 1,
                                      run->base,
                                      run->base + run->span / 2,
                                      run->base + run->span - 1,
                                      run->base + run->span,
                                      UINT64_MAX};
        for (size_t at = 0; at < sizeof positions / sizeof *positions; at++) {
            CHECK(segment_index_find(index, run->queue, positions[at]) < SEGMENT_BYTES);
            CHECK(segment_index_find(index, run->queue + 1, positions[at]) < SEGMENT_BYTES);
        }
    }
}

static void check_written(const struct segment_index *index, struct slice file)
{
    struct buf bytes = {0};
    segment_index_encode(index, &bytes);
    CHECK(slice_equal(buf_slice(&bytes), file));
    buf_fini(&bytes);
}

static void seal(uint8_t *file, size_t size)
{
    if (size < FRONT_BYTES)
        return;
    size_t rest = size - FRONT_BYTES, runs = file[AT_RUNS];
    if (runs * RUN_BYTES > rest)
        runs = rest / RUN_BYTES;
    memcpy(file, "STOATIDX", 8);
    put_le32(file + 12, 1);
    put_le32(file + AT_RUNS, (uint32_t)runs);
    put_le32(file + AT_OFFSETS, (uint32_t)((rest - runs * RUN_BYTES) / sizeof(uint32_t)));
    put_le32(file + 8, crc32c(0, slice_of(file + 12, size - 12)));
}

static void read_file(struct slice input, bool sealed)
{
    struct segment_index index;
    uint8_t *file = mem_alloc(input.size + (input.size == 0));
    memcpy(file, input.data, input.size);
    if (sealed)
        seal(file, input.size);
    int status = segment_index_decode(&index, slice_of(file, input.size));
    CHECK(status == 0 || status == -EBADMSG);
    if (status == 0) {
        look_around(&index);
        check_written(&index, slice_of(file, input.size));
        segment_index_fini(&index);
    }
    mem_free(file);
}

/* --- one that is built -------------------------------------------------------------------- */

/* The second octet chooses how far apart positions are, up to the ends of what a number holds. */
static struct index_entry entry_of(const uint8_t *at)
{
    uint64_t position = at[2];
    if (at[1] & 1)
        position <<= at[1] >> 1 & 63;
    if (at[1] & 128)
        position = UINT64_MAX - position;
    return (struct index_entry){at[0] % 4, position, 8u * (at[3] + 1u)};
}

/* The offset that counts of the entries with that place: the highest, as it is the last in a log.
 */
static uint32_t highest(struct slice input, const struct index_entry *wanted)
{
    uint32_t offset = 0;
    for (size_t i = 0; i + ENTRY_BYTES <= input.size; i += ENTRY_BYTES) {
        struct index_entry entry = entry_of(input.data + i);
        if (entry.queue == wanted->queue && entry.position == wanted->position &&
            entry.offset > offset)
            offset = entry.offset;
    }
    return offset;
}

static void check_found(const struct segment_index *index, struct slice input)
{
    for (size_t i = 0; i + ENTRY_BYTES <= input.size; i += ENTRY_BYTES) {
        struct index_entry entry = entry_of(input.data + i);
        CHECK(segment_index_find(index, entry.queue, entry.position) == highest(input, &entry));
        for (unsigned near = 0; near < 2; near++) {
            entry.position += near == 0 ? 1 : UINT64_MAX - 1;
            CHECK(segment_index_find(index, entry.queue, entry.position) == highest(input, &entry));
        }
    }
}

static void build(struct slice input)
{
    struct index_builder builder = {0};
    struct segment_index index, again;
    struct buf bytes = {0};
    if (input.size > 1024)
        input.size = 1024;
    index_builder_begin(&builder, 7);
    for (size_t i = 0; i + ENTRY_BYTES <= input.size; i += ENTRY_BYTES) {
        struct index_entry entry = entry_of(input.data + i);
        index_builder_add(&builder, entry.queue, entry.position, entry.offset);
    }
    segment_index_build(&index, &builder);
    check_found(&index, input);
    segment_index_encode(&index, &bytes);
    CHECK(segment_index_decode(&again, buf_slice(&bytes)) == 0);
    check_found(&again, input);
    segment_index_fini(&again);
    segment_index_fini(&index);
    index_builder_fini(&builder);
    buf_fini(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice input = slice_of(data + 1, size - 1);
    if (data[0] < 2)
        read_file(input, data[0] == 1);
    else
        build(input);
    return 0;
}
