/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/disk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/persist/io_behaviour.h"

enum { PAGE = 4096, SEEDS = 200 };

static struct disk *disk;
static struct io *io;

static int set_up(void **state)
{
    disk = disk_new(io_random());
    io = disk_io(disk);
    *state = io;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    disk_free(disk);
    return 0;
}

static int create(const char *name)
{
    int file = io->open(io, name, IO_CREATE);
    assert_true(file >= 0);
    return file;
}

/* A file with TEXT in it, on the device with its name. */
static int create_durable(const char *name, const char *text)
{
    int file = create(name);
    io_put(io, file, 0, text);
    assert_int_equal(io->sync(io, file), 0);
    assert_int_equal(io->sync_directory(io), 0);
    return file;
}

/* What NAME holds on WHERE, up to a page of it and terminated; "-" when it is not there. */
static const char *text_of(struct disk *where, const char *name)
{
    static char text[PAGE + 1];
    struct io *of = disk_io(where);
    int file = of->open(of, name, IO_READ);
    if (file == -ENOENT)
        return "-";
    assert_true(file >= 0);
    int64_t size = of->read(of, file, text, PAGE, 0);
    assert_true(size >= 0);
    text[size] = '\0';
    assert_int_equal(of->close(of, file), 0);
    return text;
}

/* Cuts the power now with many seeds: what NAME then holds is each of the EXPECTED (NULL at the
 * end) at least once, and nothing else. */
static void assert_cuts_give(const char *name, const char *const *expected)
{
    unsigned seen[16] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        const char *text = text_of(after, name);
        size_t i = 0;
        while (expected[i] != NULL && strcmp(expected[i], text) != 0)
            i++;
        if (expected[i] == NULL)
            fail_msg("cut with seed %d: %s holds \"%s\"", (int)seed, name, text);
        seen[i]++;
        disk_free(after);
    }
    for (size_t i = 0; expected[i] != NULL; i++)
        if (seen[i] == 0)
            fail_msg("no cut gave \"%s\"", expected[i]);
}

#define ASSERT_CUTS_GIVE(name, ...) assert_cuts_give(name, (const char *const[]){__VA_ARGS__, NULL})

static void synced_bytes_survive_every_cut(void **state)
{
    (void)state;
    create_durable("a", "text");
    ASSERT_CUTS_GIVE("a", "text");
}

static void unsynced_write_is_lost_kept_or_torn_at_any_byte(void **state)
{
    (void)state;
    int file = create_durable("a", "1234");
    io_put(io, file, 0, "abcd");
    ASSERT_CUTS_GIVE("a", "1234", "a234", "ab34", "abc4", "abcd");
    assert_int_equal(io->sync(io, file), 0);
    ASSERT_CUTS_GIVE("a", "abcd");
}

static void unsynced_page_keeps_its_writes_in_order(void **state)
{
    (void)state;
    int file = create_durable("a", "123");
    io_put(io, file, 0, "a");
    io_put(io, file, 1, "b");
    io_put(io, file, 2, "c");
    ASSERT_CUTS_GIVE("a", "123", "a23", "ab3", "abc");
}

static void unsynced_pages_are_kept_in_any_combination(void **state)
{
    (void)state;
    int file = create("a");
    assert_int_equal(io->allocate(io, file, 2 * PAGE), 0);
    assert_int_equal(io->sync_directory(io), 0);
    io_put(io, file, 0, "a");
    io_put(io, file, PAGE, "b");
    unsigned seen[4] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        struct io *of = disk_io(after);
        char bytes[2];
        int again = of->open(of, "a", IO_READ);
        assert_int_equal(of->size(of, again), 2 * PAGE);
        assert_int_equal(of->read(of, again, &bytes[0], 1, 0), 1);
        assert_int_equal(of->read(of, again, &bytes[1], 1, PAGE), 1);
        assert_true((bytes[0] == 0 || bytes[0] == 'a') && (bytes[1] == 0 || bytes[1] == 'b'));
        seen[(bytes[0] != 0) + 2 * (bytes[1] != 0)]++;
        disk_free(after);
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(seen[i] > 0);
}

static void cut_in_an_allocation_leaves_any_part_of_it(void **state)
{
    (void)state;
    int file = create_durable("a", "text");
    uint64_t before = disk_operations(disk);
    assert_int_equal(io->allocate(io, file, 2), 0);
    assert_int_equal(disk_operations(disk), before + 2);
    unsigned whole = 0, zeroed = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk *after = disk_after_cut(disk, before + 1, seed);
        struct io *of = disk_io(after);
        int again = of->open(of, "a", IO_READ);
        int64_t size = of->size(of, again);
        assert_true(size == 2 || size == 4);
        whole += strcmp(text_of(after, "a"), "text") == 0;
        zeroed += size == 2 && text_of(after, "a")[0] == '\0';
        disk_free(after);
        after = disk_after_cut(disk, before + 2, seed);
        of = disk_io(after);
        assert_int_equal(of->size(of, of->open(of, "a", IO_READ)), 2);
        disk_free(after);
    }
    assert_true(whole > 0 && zeroed > 0);
}

static void size_may_be_kept_without_the_bytes(void **state)
{
    (void)state;
    int file = create_durable("a", "");
    io_put(io, file, 0, "x");
    unsigned empty = 0, zero = 0, full = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        struct io *of = disk_io(after);
        int again = of->open(of, "a", IO_READ);
        bool holds = text_of(after, "a")[0] == 'x';
        empty += of->size(of, again) == 0;
        zero += of->size(of, again) == 1 && !holds;
        full += of->size(of, again) == 1 && holds;
        disk_free(after);
    }
    assert_true(empty > 0 && zero > 0 && full > 0);
}

static void new_name_survives_only_with_the_directory_synced(void **state)
{
    (void)state;
    int file = create("a");
    io_put(io, file, 0, "text");
    assert_int_equal(io->sync(io, file), 0);
    ASSERT_CUTS_GIVE("a", "-", "text");
    assert_int_equal(io->sync_directory(io), 0);
    ASSERT_CUTS_GIVE("a", "text");
}

static void unsynced_rename_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    create_durable("checkpoint", "old");
    create_durable("checkpoint.new", "new");
    assert_int_equal(io->rename(io, "checkpoint.new", "checkpoint"), 0);
    ASSERT_CUTS_GIVE("checkpoint", "old", "new");
    ASSERT_CUTS_GIVE("checkpoint.new", "new", "-");
    assert_int_equal(io->sync_directory(io), 0);
    ASSERT_CUTS_GIVE("checkpoint", "new");
    ASSERT_CUTS_GIVE("checkpoint.new", "-");
}

static void renaming_does_not_sync_the_bytes(void **state)
{
    (void)state;
    create_durable("a", "old");
    int file = create("b");
    io_put(io, file, 0, "new");
    assert_int_equal(io->rename(io, "b", "a"), 0);
    assert_int_equal(io->sync_directory(io), 0);
    bool lost = false;
    for (uint64_t seed = 0; seed < SEEDS && !lost; seed++) {
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        lost = text_of(after, "a")[0] == '\0';
        assert_string_not_equal(text_of(after, "a"), "old");
        disk_free(after);
    }
    assert_true(lost);
}

static void unsynced_names_survive_in_order(void **state)
{
    (void)state;
    create_durable("a", "");
    (void)create("b");
    assert_int_equal(io->remove(io, "a"), 0);
    (void)create("c");
    static const char *const expected[] = {"a ", "a b ", "b ", "b c "};
    unsigned seen[4] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        const char *names = io_names(disk_io(after));
        size_t i = 0;
        while (i < 4 && strcmp(names, expected[i]) != 0)
            i++;
        assert_true(i < 4);
        seen[i]++;
        disk_free(after);
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(seen[i] > 0);
}

static void each_cut_shows_the_disk_of_its_moment(void **state)
{
    (void)state;
    enum { STEPS = 500 };
    uint64_t moments[STEPS];
    int file = create_durable("a", "000");
    char text[8];
    for (unsigned i = 0; i < STEPS; i++) {
        (void)snprintf(text, sizeof text, "%03u", i);
        io_put(io, file, 0, text);
        assert_int_equal(io->sync(io, file), 0);
        moments[i] = disk_operations(disk);
    }
    for (unsigned i = 0; i < STEPS; i++) {
        struct disk *after = disk_after_cut(disk, moments[i], i);
        (void)snprintf(text, sizeof text, "%03u", i);
        assert_string_equal(text_of(after, "a"), text);
        disk_free(after);
    }
    struct disk *empty = disk_after_cut(disk, 0, 1);
    assert_string_equal(io_names(disk_io(empty)), "");
    disk_free(empty);
}

/* One random write or sync, as the test remembers it. */
struct step {
    uint64_t offset;
    size_t bytes; /* 0: a sync */
    uint8_t value;
};

enum { STEPS = 250, FILE_BYTES = 5 * PAGE };

/* Is each byte what it was at the last sync among the first COUNT steps, or at a time since? */
static void assert_possible(const struct step *steps, size_t count, const uint8_t *got)
{
    static uint8_t synced[FILE_BYTES], possible[FILE_BYTES];
    memset(synced, 0, sizeof synced);
    size_t from = 0;
    for (size_t i = 0, write = 0; i < count; i++) {
        if (steps[i].bytes > 0)
            continue;
        for (; write < i; write++)
            memset(synced + steps[write].offset, steps[write].value, steps[write].bytes);
        from = i;
    }
    for (size_t at = 0; at < FILE_BYTES; at++)
        possible[at] = got[at] == synced[at];
    for (size_t i = from; i < count; i++)
        for (size_t at = steps[i].offset; at < steps[i].offset + steps[i].bytes; at++)
            possible[at] |= got[at] == steps[i].value;
    for (size_t at = 0; at < FILE_BYTES; at++)
        assert_int_equal(possible[at], 1);
}

static void random_cuts_leave_only_bytes_that_were_there(void **state)
{
    (void)state;
    static struct step steps[STEPS];
    static uint8_t bytes[FILE_BYTES];
    int file = create("a");
    assert_int_equal(io->allocate(io, file, FILE_BYTES), 0);
    assert_int_equal(io->sync_directory(io), 0);
    uint64_t start = disk_operations(disk);
    for (size_t i = 0; i < STEPS; i++) {
        struct step *step = &steps[i];
        *step = (struct step){.value = (uint8_t)io_random()};
        if (io_random() % 6 == 0) {
            assert_int_equal(io->sync(io, file), 0);
            continue;
        }
        step->bytes = 1 + io_random() % (io_random() % 2 == 0 ? 200 : 3 * PAGE);
        step->offset = io_random() % (FILE_BYTES - step->bytes + 1);
        memset(bytes, step->value, step->bytes);
        assert_int_equal(io->write(io, file, bytes, step->bytes, step->offset), 0);
    }
    assert_int_equal(disk_operations(disk), start + STEPS);
    for (size_t count = 0; count <= STEPS; count++) {
        for (int round = 0; round < 4; round++) {
            struct disk *after = disk_after_cut(disk, start + count, io_random());
            struct io *of = disk_io(after);
            assert_int_equal(of->read(of, of->open(of, "a", IO_READ), bytes, sizeof bytes, 0),
                             FILE_BYTES);
            assert_possible(steps, count, bytes);
            disk_free(after);
        }
    }
}

static void same_seed_gives_the_same_cut(void **state)
{
    (void)state;
    int file = create_durable("a", "000000000000000000000000000000");
    for (int i = 0; i < 30; i++)
        io_put(io, file, (uint64_t)i, "1");
    unsigned different = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        char text[64], other[64];
        struct disk *one = disk_after_cut(disk, disk_operations(disk), seed);
        struct disk *same = disk_after_cut(disk, disk_operations(disk), seed);
        struct disk *next = disk_after_cut(disk, disk_operations(disk), seed + 1);
        (void)snprintf(text, sizeof text, "%.40s", text_of(one, "a"));
        assert_string_equal(text_of(same, "a"), text);
        (void)snprintf(other, sizeof other, "%.40s", text_of(next, "a"));
        different += strcmp(other, text) != 0;
        disk_free(one);
        disk_free(same);
        disk_free(next);
    }
    assert_true(different > 0);
}

static void a_cut_disk_can_be_written_and_cut_again(void **state)
{
    (void)state;
    int file = create_durable("a", "first");
    struct disk *after = disk_after_cut(disk, disk_operations(disk), 1);
    struct io *of = disk_io(after);
    assert_int_equal(disk_operations(after), 0);
    int again = of->open(of, "a", IO_WRITE);
    io_put(of, again, 0, "other");
    assert_int_equal(of->sync(of, again), 0);
    io_put(io, file, 0, "still");
    assert_string_equal(text_of(disk, "a"), "still");
    struct disk *second = disk_after_cut(after, 2, 1), *none = disk_after_cut(after, 0, 1);
    disk_free(after);
    assert_string_equal(text_of(second, "a"), "other");
    assert_string_equal(text_of(none, "a"), "first");
    disk_free(second);
    disk_free(none);
}

static void clean_copy_has_all_that_was_written(void **state)
{
    (void)state;
    int file = create("a");
    io_put(io, file, 0, "text");
    struct disk *copy = disk_clean_copy(disk);
    io_put(io, file, 0, "more");
    assert_string_equal(text_of(copy, "a"), "text");
    assert_string_equal(text_of(disk, "a"), "more");
    struct disk *after = disk_after_cut(copy, 0, 3);
    assert_string_equal(text_of(after, "a"), "text");
    disk_free(after);
    disk_free(copy);
}

static void killing_closes_handles_and_syncs_nothing(void **state)
{
    (void)state;
    int file = create_durable("a", "old");
    io_put(io, file, 0, "new");
    disk_break(disk, DISK_READ, 1, EIO);
    disk_kill(disk);
    assert_int_equal(io->sync(io, file), -EBADF);
    assert_string_equal(text_of(disk, "a"), "new");
    ASSERT_CUTS_GIVE("a", "old", "nld", "ned", "new");
    file = io->open(io, "a", IO_WRITE);
    assert_int_equal(io->sync(io, file), 0);
    ASSERT_CUTS_GIVE("a", "new");
}

static void damage_is_seen_now_and_after_a_cut(void **state)
{
    (void)state;
    create_durable("a", "text");
    disk_flip_bit(disk, "a", 1, 2);
    assert_string_equal(text_of(disk, "a"), "taxt");
    ASSERT_CUTS_GIVE("a", "taxt");
    disk_truncate(disk, "a", 2);
    assert_string_equal(text_of(disk, "a"), "ta");
    ASSERT_CUTS_GIVE("a", "ta");
}

static void faults_come_by_countdown_and_once(void **state)
{
    (void)state;
    int file = create("a");
    uint64_t writes = disk_calls(disk, DISK_WRITE);
    disk_fail(disk, DISK_WRITE, 2, EIO);
    assert_int_equal(io->write(io, file, "1", 1, 0), 0);
    assert_int_equal(io->write(io, file, "2", 1, 0), -EIO);
    assert_int_equal(io->write(io, file, "3", 1, 0), 0);
    assert_int_equal(disk_calls(disk, DISK_WRITE), writes + 3);
    disk_break(disk, DISK_WRITE, 2, ENOSPC);
    assert_int_equal(io->write(io, file, "4", 1, 0), 0);
    assert_int_equal(io->write(io, file, "5", 1, 0), -ENOSPC);
    assert_int_equal(io->write(io, file, "6", 1, 0), -ENOSPC);
    disk_fail(disk, DISK_WRITE, 0, 0);
    assert_int_equal(io->write(io, file, "7", 1, 0), 0);
    assert_string_equal(text_of(disk, "a"), "7");
}

static void ignore_name(void *context, const char *name)
{
    (void)context;
    (void)name;
}

static void every_kind_of_call_can_fail(void **state)
{
    (void)state;
    int file = create_durable("a", "text");
    char byte;
    for (int call = 0; call < DISK_CALLS; call++)
        disk_fail(disk, (enum disk_call)call, 1, EIO);
    assert_int_equal(io->open(io, "b", IO_CREATE), -EIO);
    assert_int_equal(io->read(io, file, &byte, 1, 0), -EIO);
    assert_int_equal(io->write(io, file, "x", 1, 0), -EIO);
    assert_int_equal(io->sync(io, file), -EIO);
    assert_int_equal(io->allocate(io, file, 100), -EIO);
    assert_int_equal(io->rename(io, "a", "b"), -EIO);
    assert_int_equal(io->remove(io, "a"), -EIO);
    assert_int_equal(io->sync_directory(io), -EIO);
    assert_int_equal(io->list(io, ignore_name, NULL), -EIO);
    assert_int_equal(io->lock(io), -EIO);
    assert_string_equal(io_names(io), "a ");
    assert_int_equal(io->lock(io), 0);
}

static void failed_write_may_have_happened_in_part(void **state)
{
    (void)state;
    int file = create_durable("a", "1234");
    unsigned seen[5] = {0};
    for (int round = 0; round < SEEDS; round++) {
        io_put(io, file, 0, "1234");
        disk_fail(disk, DISK_WRITE, 1, EIO);
        assert_int_equal(io->write(io, file, "abcd", 4, 0), -EIO);
        static const char *const expected[] = {"1234", "a234", "ab34", "abc4", "abcd"};
        size_t i = 0;
        while (i < 5 && strcmp(text_of(disk, "a"), expected[i]) != 0)
            i++;
        assert_true(i < 5);
        seen[i]++;
    }
    for (size_t i = 0; i < 5; i++)
        assert_true(seen[i] > 0);
}

static void failed_sync_loses_what_it_should_have_synced(void **state)
{
    (void)state;
    int file = create_durable("a", "old");
    unsigned forgotten = 0;
    for (int round = 0; round < 50; round++) {
        io_put(io, file, 0, "new");
        disk_fail(disk, DISK_SYNC, 1, EIO);
        assert_int_equal(io->sync(io, file), -EIO);
        const char *text = text_of(disk, "a");
        forgotten += strcmp(text, "old") == 0;
        assert_true(strcmp(text, "old") == 0 || strcmp(text, "new") == 0);
        assert_int_equal(io->sync(io, file), 0);
        ASSERT_CUTS_GIVE("a", "old");
    }
    assert_true(forgotten > 0 && forgotten < 50);
    io_put(io, file, 0, "new");
    assert_int_equal(io->sync(io, file), 0);
    ASSERT_CUTS_GIVE("a", "new");
}

static void full_disk_takes_what_fits_and_overwrites(void **state)
{
    (void)state;
    int file = create_durable("a", "1234");
    disk_set_capacity(disk, 6);
    assert_int_equal(io->free_bytes(io), 2);
    assert_int_equal(io->write(io, file, "abc", 3, 4), -ENOSPC);
    assert_string_equal(text_of(disk, "a"), "1234ab");
    assert_int_equal(io->free_bytes(io), 0);
    io_put(io, file, 0, "ABCDEF");
    assert_int_equal(io->write(io, file, "x", 1, 100), -ENOSPC);
    assert_int_equal(io->allocate(io, file, 7), -ENOSPC);
    int other = create("b");
    assert_int_equal(io->remove(io, "a"), 0);
    assert_int_equal(io->free_bytes(io), 6);
    disk_set_capacity(disk, 1);
    assert_int_equal(io->free_bytes(io), 1);
    assert_int_equal(io->allocate(io, other, 1), 0);
}

static void long_names_are_refused(void **state)
{
    (void)state;
    char name[DISK_NAME_BYTES + 1];
    memset(name, 'x', sizeof name);
    name[DISK_NAME_BYTES] = '\0';
    assert_int_equal(io->open(io, name, IO_CREATE), -ENAMETOOLONG);
    assert_int_equal(io->close(io, create(name + 1)), 0);
    assert_int_equal(io->rename(io, name + 1, name), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_BEHAVIOUR_TESTS(set_up, tear_down),
        IO_TEST(synced_bytes_survive_every_cut, set_up, tear_down),
        IO_TEST(unsynced_write_is_lost_kept_or_torn_at_any_byte, set_up, tear_down),
        IO_TEST(unsynced_page_keeps_its_writes_in_order, set_up, tear_down),
        IO_TEST(unsynced_pages_are_kept_in_any_combination, set_up, tear_down),
        IO_TEST(cut_in_an_allocation_leaves_any_part_of_it, set_up, tear_down),
        IO_TEST(size_may_be_kept_without_the_bytes, set_up, tear_down),
        IO_TEST(new_name_survives_only_with_the_directory_synced, set_up, tear_down),
        IO_TEST(unsynced_rename_leaves_the_old_or_the_new, set_up, tear_down),
        IO_TEST(renaming_does_not_sync_the_bytes, set_up, tear_down),
        IO_TEST(unsynced_names_survive_in_order, set_up, tear_down),
        IO_TEST(each_cut_shows_the_disk_of_its_moment, set_up, tear_down),
        IO_TEST(random_cuts_leave_only_bytes_that_were_there, set_up, tear_down),
        IO_TEST(same_seed_gives_the_same_cut, set_up, tear_down),
        IO_TEST(a_cut_disk_can_be_written_and_cut_again, set_up, tear_down),
        IO_TEST(clean_copy_has_all_that_was_written, set_up, tear_down),
        IO_TEST(killing_closes_handles_and_syncs_nothing, set_up, tear_down),
        IO_TEST(damage_is_seen_now_and_after_a_cut, set_up, tear_down),
        IO_TEST(faults_come_by_countdown_and_once, set_up, tear_down),
        IO_TEST(every_kind_of_call_can_fail, set_up, tear_down),
        IO_TEST(failed_write_may_have_happened_in_part, set_up, tear_down),
        IO_TEST(failed_sync_loses_what_it_should_have_synced, set_up, tear_down),
        IO_TEST(full_disk_takes_what_fits_and_overwrites, set_up, tear_down),
        IO_TEST(long_names_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
