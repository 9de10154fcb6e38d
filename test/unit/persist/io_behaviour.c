/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/persist/io_behaviour.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

uint64_t io_random(void)
{
    static uint64_t state;
    if (state == 0) {
        const char *given = getenv("SEED");
        uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
        print_message("SEED=%" PRIu64 "\n", seed);
        state = seed | 1;
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

struct names {
    char all[16][64];
    size_t count;
};

static void see(void *context, const char *name)
{
    struct names *names = context;
    assert_true(names->count < sizeof names->all / sizeof *names->all);
    (void)snprintf(names->all[names->count++], sizeof *names->all, "%s", name);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

const char *io_names(struct io *io)
{
    static char text[1100];
    struct names names = {.count = 0};
    assert_int_equal(io->list(io, see, &names), 0);
    qsort(names.all, names.count, sizeof *names.all, compare);
    size_t size = 0;
    text[0] = '\0';
    for (size_t i = 0; i < names.count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s ", names.all[i]);
    return text;
}

void io_put(struct io *io, int file, uint64_t offset, const char *text)
{
    assert_int_equal(io->write(io, file, text, strlen(text), offset), 0);
}

static int create(struct io *io, const char *name)
{
    int file = io->open(io, name, IO_CREATE);
    assert_true(file >= 0);
    return file;
}

static void create_with(struct io *io, const char *name, const char *text)
{
    int file = create(io, name);
    io_put(io, file, 0, text);
    assert_int_equal(io->close(io, file), 0);
}

static void assert_holds(struct io *io, int file, const char *text)
{
    char got[64] = {0};
    assert_int_equal(io->read(io, file, got, sizeof got - 1, 0), strlen(text));
    assert_string_equal(got, text);
}

static void assert_file_holds(struct io *io, const char *name, const char *text)
{
    int file = io->open(io, name, IO_READ);
    assert_true(file >= 0);
    assert_holds(io, file, text);
    assert_int_equal(io->close(io, file), 0);
}

void open_tells_missing_from_existing(void **state)
{
    struct io *io = *state;
    assert_int_equal(io->open(io, "a", IO_READ), -ENOENT);
    assert_int_equal(io->open(io, "a", IO_WRITE), -ENOENT);
    assert_string_equal(io_names(io), "");
    int file = create(io, "a");
    assert_int_equal(io->size(io, file), 0);
    assert_int_equal(io->open(io, "a", IO_CREATE), -EEXIST);
    assert_int_equal(io->close(io, file), 0);
    assert_file_holds(io, "a", "");
}

void reads_give_what_was_written_and_end_with_the_file(void **state)
{
    struct io *io = *state;
    int file = create(io, "a");
    io_put(io, file, 0, "0123456789");
    io_put(io, file, 4, "xy");
    char got[32];
    assert_int_equal(io->read(io, file, got, 6, 0), 6);
    assert_memory_equal(got, "0123xy", 6);
    assert_int_equal(io->read(io, file, got, sizeof got, 7), 3);
    assert_memory_equal(got, "789", 3);
    assert_int_equal(io->read(io, file, got, sizeof got, 10), 0);
    assert_int_equal(io->read(io, file, got, sizeof got, 5000), 0);
    assert_int_equal(io->write(io, file, got, 0, 90), 0);
    assert_int_equal(io->size(io, file), 10);
    assert_int_equal(io->sync(io, file), 0);
    assert_int_equal(io->close(io, file), 0);
    assert_int_equal(io->sync_directory(io), 0);
}

void writes_past_the_end_leave_zeros_between(void **state)
{
    struct io *io = *state;
    int file = create(io, "a");
    io_put(io, file, 0, "a");
    io_put(io, file, 9000, "b");
    assert_int_equal(io->size(io, file), 9001);
    static char got[9002];
    memset(got, 1, sizeof got);
    assert_int_equal(io->read(io, file, got, sizeof got, 0), 9001);
    assert_int_equal(got[0], 'a');
    for (size_t i = 1; i < 9000; i++)
        assert_int_equal(got[i], 0);
    assert_int_equal(got[9000], 'b');
    assert_int_equal(io->close(io, file), 0);
}

void files_opened_for_reading_refuse_writes(void **state)
{
    struct io *io = *state;
    create_with(io, "a", "text");
    int file = io->open(io, "a", IO_READ);
    assert_true(file >= 0);
    assert_int_equal(io->write(io, file, "x", 1, 0), -EBADF);
    assert_int_equal(io->allocate(io, file, 10), -EBADF);
    assert_holds(io, file, "text");
    assert_int_equal(io->close(io, file), 0);
}

void closed_handles_are_refused(void **state)
{
    struct io *io = *state;
    int file = create(io, "a");
    assert_int_equal(io->close(io, file), 0);
    char byte;
    assert_int_equal(io->close(io, file), -EBADF);
    assert_int_equal(io->read(io, file, &byte, 1, 0), -EBADF);
    assert_int_equal(io->write(io, file, "x", 1, 0), -EBADF);
    assert_int_equal(io->sync(io, file), -EBADF);
    assert_int_equal(io->allocate(io, file, 1), -EBADF);
    assert_int_equal(io->size(io, file), -EBADF);
}

void handles_are_used_again_and_see_one_file(void **state)
{
    struct io *io = *state;
    int first = create(io, "a");
    int second = io->open(io, "a", IO_WRITE);
    assert_true(second >= 0 && second != first);
    io_put(io, first, 0, "one");
    io_put(io, second, 3, "two");
    assert_holds(io, first, "onetwo");
    assert_int_equal(io->close(io, first), 0);
    assert_holds(io, second, "onetwo");
    assert_int_equal(create(io, "b"), first);
    assert_int_equal(io->close(io, first), 0);
    assert_int_equal(io->close(io, second), 0);
}

static void assert_zeros(struct io *io, int file, size_t bytes)
{
    uint8_t *got = malloc(bytes + 1);
    assert_non_null(got);
    memset(got, 1, bytes + 1);
    assert_int_equal(io->size(io, file), bytes);
    assert_int_equal(io->read(io, file, got, bytes + 1, 0), bytes);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(got[i], 0);
    free(got);
}

void allocation_sizes_and_zeroes_a_new_or_used_file(void **state)
{
    struct io *io = *state;
    int file = create(io, "a");
    assert_int_equal(io->allocate(io, file, (2 << 20) + 5000), 0);
    assert_zeros(io, file, (2 << 20) + 5000);
    io_put(io, file, 9000, "text");
    assert_int_equal(io->allocate(io, file, 10000), 0);
    assert_zeros(io, file, 10000);
    io_put(io, file, 9998, "longer");
    assert_int_equal(io->allocate(io, file, 20000), 0);
    assert_zeros(io, file, 20000);
    assert_int_equal(io->allocate(io, file, 0), 0);
    assert_int_equal(io->size(io, file), 0);
    assert_int_equal(io->close(io, file), 0);
}

void renaming_replaces_and_removing_removes(void **state)
{
    struct io *io = *state;
    create_with(io, "a", "of a");
    create_with(io, "b", "of b");
    assert_int_equal(io->rename(io, "a", "c"), 0);
    assert_string_equal(io_names(io), "b c ");
    assert_int_equal(io->rename(io, "c", "b"), 0);
    assert_string_equal(io_names(io), "b ");
    assert_file_holds(io, "b", "of a");
    assert_int_equal(io->rename(io, "b", "b"), 0);
    assert_int_equal(io->rename(io, "a", "b"), -ENOENT);
    assert_int_equal(io->remove(io, "a"), -ENOENT);
    assert_int_equal(io->remove(io, "b"), 0);
    assert_int_equal(io->open(io, "b", IO_READ), -ENOENT);
    assert_string_equal(io_names(io), "");
}

void open_files_outlive_their_names(void **state)
{
    struct io *io = *state;
    int file = create(io, "a");
    io_put(io, file, 0, "before");
    assert_int_equal(io->remove(io, "a"), 0);
    create_with(io, "a", "another");
    assert_holds(io, file, "before");
    io_put(io, file, 0, "after!");
    assert_holds(io, file, "after!");
    assert_int_equal(io->sync(io, file), 0);
    assert_int_equal(io->close(io, file), 0);
    assert_file_holds(io, "a", "another");
}

void listing_tells_each_name_once(void **state)
{
    struct io *io = *state;
    assert_string_equal(io_names(io), "");
    create_with(io, "00000001.log", "1");
    create_with(io, ".hidden", "2");
    create_with(io, "checkpoint", "3");
    assert_string_equal(io_names(io), ".hidden 00000001.log checkpoint ");
    assert_string_equal(io_names(io), ".hidden 00000001.log checkpoint ");
}

void offsets_beyond_any_file_are_refused(void **state)
{
    struct io *io = *state;
    int file = create(io, "a");
    char byte = 1;
    assert_true(io->write(io, file, &byte, 1, (uint64_t)INT64_MAX + 1) < 0);
    assert_int_equal(io->read(io, file, &byte, 1, (uint64_t)INT64_MAX + 1), -EINVAL);
    assert_int_equal(io->allocate(io, file, UINT64_MAX), -EFBIG);
    assert_int_equal(io->size(io, file), 0);
    assert_int_equal(io->close(io, file), 0);
}

void random_writes_agree_with_an_array(void **state)
{
    struct io *io = *state;
    enum { BYTES = 40000, STEPS = 600, PART_MAX = 9000 };
    static uint8_t expected[BYTES], part[PART_MAX], got[BYTES];
    memset(expected, 0, sizeof expected);
    size_t size = 0;
    int file = create(io, "a");
    for (int step = 0; step < STEPS; step++) {
        size_t bytes = io_random() % PART_MAX, offset = io_random() % (BYTES - bytes);
        if (io_random() % 2 == 0) {
            memset(part, (int)(1 + io_random() % 255), bytes);
            memcpy(expected + offset, part, bytes);
            assert_int_equal(io->write(io, file, part, bytes, offset), 0);
            if (bytes > 0 && offset + bytes > size)
                size = offset + bytes;
        }
        size_t there = offset >= size ? 0 : size - offset < bytes ? size - offset : bytes;
        assert_int_equal(io->size(io, file), size);
        assert_int_equal(io->read(io, file, got, bytes, offset), there);
        assert_memory_equal(got, expected + offset, there);
        if (step % 50 == 0)
            assert_int_equal(io->sync(io, file), 0);
    }
    assert_int_equal(io->close(io, file), 0);
}

void locking_leaves_its_file_and_may_be_repeated(void **state)
{
    struct io *io = *state;
    assert_int_equal(io->lock(io), 0);
    assert_int_equal(io->lock(io), 0);
    assert_string_equal(io_names(io), "lock ");
    assert_true(io->free_bytes(io) > 0);
}

/* A file system that does not know it leaves the file as it is. */
void blocks_that_are_written_through_are_read_between_others(void **state)
{
    enum { BLOCKS = 4, BYTES = BLOCKS * IO_BLOCK_BYTES };
    struct io *io = *state;
    static uint8_t expected[BYTES], got[BYTES];
    uint8_t *block = aligned_alloc(IO_BLOCK_BYTES, IO_BLOCK_BYTES);
    assert_non_null(block);
    int file = create(io, "a");
    assert_int_equal(io->allocate(io, file, BYTES), 0);
    memset(expected, 0, sizeof expected);
    for (unsigned i = 0; i < 64; i++) {
        uint64_t offset = io_random() % BLOCKS * IO_BLOCK_BYTES;
        memset(block, (int)i, IO_BLOCK_BYTES);
        int status = -EOPNOTSUPP;
        if (i % 2 == 0) {
            assert_int_equal(io->sync(io, file), 0);
            status = io->write_through(io, file, block, IO_BLOCK_BYTES, offset);
            assert_true(status == 0 || status == -EOPNOTSUPP);
        }
        if (status != 0) {
            offset += io_random() % 100;
            assert_int_equal(io->write(io, file, block, 1000, offset), 0);
        }
        memset(expected + offset, (int)i, status == 0 ? IO_BLOCK_BYTES : 1000);
        assert_int_equal(io->read(io, file, got, BYTES, 0), BYTES);
        assert_memory_equal(got, expected, BYTES);
    }
    assert_int_equal(io->close(io, file), 0);
    free(block);
}
