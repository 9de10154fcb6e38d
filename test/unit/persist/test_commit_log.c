/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/commit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "persist/scan.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "test/sim/disk.h"

static const char first_segment[] = "00000000000000000001.log";
static const char second_segment[] = "00000000000000000002.log";

/* The test is built for the segments in use and for small ones, which are quickly filled. */
#define SEGMENTS_ARE_LARGE (SEGMENT_BYTES > 1u << 20)

static struct disk *disk;

static int set_up(void **state)
{
    (void)state;
    disk = disk_new(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    disk_free(disk);
    return 0;
}

/* --- writing and reading ---------------------------------------------------------------------- */

/* What a scan found: each record's first octet and size. */
struct found {
    struct scan scan;
    char text[1024];
    size_t count;
    uint64_t bytes, last_lsn;
};

static int see(void *context, const struct record *record)
{
    struct found *found = context;
    assert_true(found->count + 1 < sizeof found->text);
    assert_true(record->lsn > found->last_lsn);
    found->text[found->count++] = record->payload.size > 0 ? (char)record->payload.data[0] : '-';
    found->bytes += record->payload.size;
    found->last_lsn = record->lsn;
    return 0;
}

static int scan(struct io *io, struct found *found)
{
    *found = (struct found){0};
    return scan_run(io, &(struct scan_start){.lsn = segment_first_lsn(1)}, &found->scan, see,
                    found);
}

static void expect(struct io *io, const char *text)
{
    struct found found;
    if (scan(io, &found) != 0)
        fail_msg("%s", found.scan.error);
    assert_string_equal(found.text, text);
}

static void nothing(void *context)
{
    (void)context;
}

/* Opens the log behind what is there; NULL with STATUS. */
static struct commit_log *try_open(struct io *io, bool threadless, int *status)
{
    struct found found;
    *status = scan(io, &found);
    if (*status < 0)
        return NULL;
    struct commit_log_config config = {.io = io,
                                       .node_id = "sixteen octets..",
                                       .epoch = found.scan.epoch + 1,
                                       .end_lsn = found.scan.end_lsn,
                                       .known_lsn = found.scan.known_lsn,
                                       .on_durable = nothing};
    return commit_log_open(&config, threadless, status);
}

static struct commit_log *open_log(struct io *io)
{
    int status;
    struct commit_log *log = try_open(io, true, &status);
    assert_non_null(log);
    return log;
}

/* A record of SIZE octets that starts with LETTER. */
static uint64_t put(struct commit_log *log, char letter, uint32_t size)
{
    uint8_t *bytes = mem_zalloc(size);
    bytes[0] = (uint8_t)letter;
    uint64_t lsn = commit_log_append(log, RECORD_FACT, slice_of(bytes, size / 2),
                                     slice_of(bytes + size / 2, size - size / 2));
    mem_free(bytes);
    return lsn;
}

/* Each letter of TEXT in a flush of its own: one written at leisure, one not. */
static void put_text(struct commit_log *log, const char *text)
{
    for (; *text != '\0'; text++) {
        (void)put(log, *text, 100);
        commit_log_flush(log, *text % 2 == 0);
    }
}

static void write_text(const char *text)
{
    struct commit_log *log = open_log(disk_io(disk));
    put_text(log, text);
    commit_log_close(log);
}

static void empty_directory_is_an_empty_log(void **state)
{
    (void)state;
    struct found found;
    assert_int_equal(scan(disk_io(disk), &found), 0);
    assert_int_equal(found.scan.segment_count, 0);
    assert_int_equal(found.scan.epoch, 0);
    assert_true(found.scan.end_lsn == segment_first_lsn(1));
}

static void records_are_read_in_order_over_several_lives(void **state)
{
    (void)state;
    write_text("abc");
    write_text("");
    write_text("de");
    expect(disk_io(disk), "abcde");
    struct found found;
    assert_int_equal(scan(disk_io(disk), &found), 0);
    assert_int_equal(found.scan.epoch, 3);
    assert_int_equal(found.scan.record_count, 5);
    assert_memory_equal(found.scan.node_id, "sixteen octets..", NODE_ID_BYTES);
}

static void flushed_record_is_durable_and_one_in_hand_is_not(void **state)
{
    (void)state;
    struct commit_log *log = open_log(disk_io(disk));
    uint64_t a = put(log, 'a', 10);
    assert_true(commit_log_durable_lsn(log) < a);
    assert_true(commit_log_unwritten(log) > 0);
    commit_log_flush(log, false);
    assert_true(commit_log_durable_lsn(log) == a);
    assert_int_equal(commit_log_unwritten(log), 0);
    uint64_t b = put(log, 'b', 10);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        expect(disk_io(after), "a");
        disk_free(after);
    }
    assert_true(commit_log_durable_lsn(log) < b);
    commit_log_close(log);
    expect(disk_io(disk), "ab");
}

/* Two lives that the power cuts short must not share an epoch: what the first left would be read as
 * the second's. */
static void opening_puts_a_new_epoch_on_the_device(void **state)
{
    (void)state;
    for (uint32_t epoch = 1; epoch < 5; epoch++) {
        struct found found;
        struct commit_log *log = open_log(disk_io(disk));
        struct disk *after = disk_after_cut(disk, disk_operations(disk), epoch);
        commit_log_close(log);
        assert_int_equal(scan(disk_io(after), &found), 0);
        assert_int_equal(found.scan.epoch, epoch);
        disk_free(disk);
        disk = after;
    }
}

static void lone_flush_is_one_write_and_one_sync(void **state)
{
    (void)state;
    struct commit_log *log = open_log(disk_io(disk));
    uint64_t writes = disk_calls(disk, DISK_WRITE), syncs = disk_calls(disk, DISK_SYNC);
    (void)put(log, 'a', 1000);
    (void)put(log, 'b', 1000);
    commit_log_flush(log, false);
    commit_log_flush(log, false);
    assert_int_equal(disk_calls(disk, DISK_WRITE), writes + 1);
    assert_int_equal(disk_calls(disk, DISK_SYNC), syncs + 1);
    commit_log_close(log);
}

static void largest_record_and_segment_ends(void **state)
{
    (void)state;
    struct found found;
    struct commit_log *log = open_log(disk_io(disk));
    for (char letter = 'a'; letter < 'j'; letter++) { /* one batch in two segments */
        (void)put(log, letter, RECORD_PAYLOAD_MAX);
    }
    commit_log_flush(log, false);
    put_text(log, "xyz");
    commit_log_close(log);
    assert_int_equal(scan(disk_io(disk), &found), 0);
    assert_string_equal(found.text, "abcdefghixyz");
    assert_true(found.bytes == 9 * (uint64_t)RECORD_PAYLOAD_MAX + 300);
    assert_int_equal(found.scan.segment_count, 2);
}

/* Fills the first segment but for LEFT octets, then goes on with batches of their own. */
static void fill_up_to(uint32_t left)
{
    struct commit_log *log = open_log(disk_io(disk));
    uint64_t end = put(log, 'a', 100) + record_bytes(100);
    while (SEGMENT_BYTES - lsn_offset(end) > RECORD_PAYLOAD_MAX)
        end = put(log, 'b', RECORD_PAYLOAD_MAX) + record_bytes(RECORD_PAYLOAD_MAX);
    end = put(log, 'c', SEGMENT_BYTES - lsn_offset(end) - left - RECORD_HEADER_BYTES);
    commit_log_flush(log, false);
    put_text(log, "d");
    put_text(log, "e");
    commit_log_close(log);
    assert_int_equal(lsn_segment(end), 1);
}

static void no_room_for_more_than_the_end_is_no_damage(void **state)
{
    (void)state;
    if (SEGMENTS_ARE_LARGE)
        skip();
    for (uint32_t left = RECORD_HEADER_BYTES; left <= 96; left += RECORD_ALIGNMENT) {
        fill_up_to(left);
        expect(disk_io(disk), "abbbbbbbcde");
        disk_free(disk);
        disk = disk_new(1);
    }
}

static void torn_tail_is_left_off_and_written_over(void **state)
{
    (void)state;
    struct found found;
    write_text("abc");
    assert_int_equal(scan(disk_io(disk), &found), 0);
    disk_flip_bit(disk, first_segment, lsn_offset(found.last_lsn) + 50, 3);
    assert_int_equal(scan(disk_io(disk), &found), 0);
    assert_string_equal(found.text, "ab");
    assert_true(found.scan.torn_lsn == found.scan.end_lsn && found.scan.torn_lsn != 0);
    write_text("d");
    expect(disk_io(disk), "abd");
}

static void leftovers_of_an_older_epoch_are_not_read(void **state)
{
    (void)state;
    struct found found;
    struct commit_log *log = open_log(disk_io(disk));
    uint64_t start = put(log, 'a', 100);
    (void)put(log, 'b', 100); /* one batch: nothing says that it was durable */
    (void)put(log, 'c', 100);
    (void)put(log, 'd', 100);
    commit_log_close(log);
    disk_flip_bit(disk, first_segment, lsn_offset(start) + 50, 0);
    expect(disk_io(disk), "");
    log = open_log(disk_io(disk));
    expect(disk_io(disk), "");
    /* Ends exactly where the leftover of 'c' stands. */
    uint32_t size = (uint32_t)(2 * record_bytes(100) - 3 * RECORD_HEADER_BYTES - 16);
    (void)put(log, 'x', size);
    commit_log_flush(log, false);
    commit_log_close(log);
    assert_int_equal(scan(disk_io(disk), &found), 0);
    assert_string_equal(found.text, "x");
    assert_true(found.scan.end_lsn == start + 2 * record_bytes(100));
}

/* --- damage ----------------------------------------------------------------------------------- */

static void expect_refused(const char *text)
{
    struct found found;
    int status = scan(disk_io(disk), &found);
    assert_true(status < 0);
    if (strstr(found.scan.error, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, found.scan.error);
}

static void damage_in_the_middle_is_refused_with_its_place(void **state)
{
    (void)state;
    char place[64];
    struct commit_log *log = open_log(disk_io(disk));
    uint64_t lsn = put(log, 'a', 100);
    commit_log_flush(log, false);
    put_text(log, "bcd");
    commit_log_close(log);
    disk_flip_bit(disk, first_segment, lsn_offset(lsn) + 33, 1);
    snprintf(place, sizeof place, "segment 1, offset %u:", lsn_offset(lsn));
    expect_refused(place);
}

static void every_octet_of_a_durable_record_is_guarded(void **state)
{
    (void)state;
    struct commit_log *log = open_log(disk_io(disk));
    uint64_t lsn = put(log, 'a', 16);
    commit_log_flush(log, false);
    put_text(log, "b");
    commit_log_close(log);
    for (uint32_t i = 0; i < RECORD_HEADER_BYTES + 16; i++) {
        disk_flip_bit(disk, first_segment, lsn_offset(lsn) + i, i % 8);
        expect_refused("damaged");
        disk_flip_bit(disk, first_segment, lsn_offset(lsn) + i, i % 8);
    }
    expect(disk_io(disk), "ab");
}

/* Two segments. */
static void write_two_segments(void)
{
    struct commit_log *log = open_log(disk_io(disk));
    for (char letter = 'a'; letter < 'k'; letter++) {
        (void)put(log, letter, RECORD_PAYLOAD_MAX);
        commit_log_flush(log, false);
    }
    commit_log_close(log);
}

static void missing_segment_is_refused(void **state)
{
    (void)state;
    write_text("a");
    struct io *io = disk_io(disk);
    assert_int_equal(io->rename(io, first_segment, second_segment), 0);
    expect_refused("segment 1 is missing");
    assert_int_equal(io->rename(io, second_segment, first_segment), 0);
    write_two_segments();
    assert_int_equal(io->rename(io, second_segment, "00000000000000000003.log"), 0);
    expect_refused("segment 2 is missing");
}

static void missing_newest_segment_is_refused(void **state)
{
    (void)state;
    struct io *io = disk_io(disk);
    write_two_segments();
    assert_int_equal(io->remove(io, second_segment), 0);
    expect_refused("segment 2 is missing");
}

static void damage_that_a_later_segment_knows_of_is_refused(void **state)
{
    (void)state;
    write_two_segments();
    disk_flip_bit(disk, first_segment, SEGMENT_BYTES - RECORD_PAYLOAD_MAX, 0);
    expect_refused("segment 1, offset");
}

static void truncated_segment_is_refused(void **state)
{
    (void)state;
    write_text("a");
    disk_truncate(disk, first_segment, SEGMENT_BYTES - 1);
    expect_refused("is truncated");
    disk_truncate(disk, first_segment, 0);
    expect_refused("is truncated");
}

static void rewrite_header(uint32_t version, const char *node)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct segment_header header = {.version = version, .segment = 2};
    struct io *io = disk_io(disk);
    int file = io->open(io, second_segment, IO_WRITE);
    memcpy(header.node_id, node, strlen(node));
    segment_header_write(bytes, &header);
    assert_int_equal(io->write(io, file, bytes, sizeof bytes, 0), 0);
    assert_int_equal(io->close(io, file), 0);
}

static void foreign_or_newer_segment_is_refused(void **state)
{
    (void)state;
    write_two_segments();
    rewrite_header(LOG_FORMAT_VERSION, "another");
    expect_refused("segment 2 belongs to another node");
    rewrite_header(LOG_FORMAT_VERSION + 1, "sixteen octets..");
    expect_refused("segment 2 has format version");
    rewrite_header(LOG_FORMAT_VERSION, "sixteen octets..");
    expect(disk_io(disk), "abcdefghij");
}

static void read_error_is_told(void **state)
{
    (void)state;
    write_text("a");
    disk_fail(disk, DISK_READ, 1, EIO);
    expect_refused("cannot be read");
    disk_fail(disk, DISK_OPEN, 1, EACCES);
    expect_refused("cannot be opened");
    disk_fail(disk, DISK_LIST, 1, EIO);
    expect_refused("cannot be listed");
    expect(disk_io(disk), "a");
}

/* --- failures --------------------------------------------------------------------------------- */

/* Writes with the COUNTDOWN-th CALL failing; what was durable by then must be there after the power
 * goes. False: nothing failed any more. */
static bool survive(enum disk_call call, uint64_t countdown, bool lasting)
{
    static const char text[] = "abcdefghijkl";
    char durable[sizeof text] = "";
    int status;
    disk_free(disk);
    disk = disk_new(countdown);
    uint64_t begin = disk_calls(disk, call);
    (lasting ? disk_break : disk_fail)(disk, call, countdown, EIO);
    struct commit_log *log = try_open(disk_io(disk), true, &status);
    assert_true(log != NULL || status == -EIO);
    for (size_t i = 0; log != NULL && text[i] != '\0'; i++) {
        uint64_t lsn = put(log, text[i], i % 2 == 0 ? RECORD_PAYLOAD_MAX : 100);
        commit_log_flush(log, false);
        if (commit_log_durable_lsn(log) < lsn)
            assert_int_equal(commit_log_failure(log), -EIO);
        else
            memcpy(durable, text, i + 1);
    }
    bool failed = disk_calls(disk, call) - begin >= countdown;
    if (log != NULL)
        commit_log_close(log);
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct found found;
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        if (scan(disk_io(after), &found) < 0)
            fail_msg("%s", found.scan.error);
        assert_memory_equal(found.text, durable, strlen(durable));
        assert_memory_equal(found.text, text, found.count);
        disk_free(after);
    }
    return failed;
}

static void failing_call_makes_nothing_durable_that_is_not(void **state)
{
    (void)state;
    if (SEGMENTS_ARE_LARGE)
        skip();
    static const enum disk_call calls[] = {DISK_WRITE,         DISK_SYNC,   DISK_OPEN,
                                           DISK_ALLOCATE,      DISK_RENAME, DISK_REMOVE,
                                           DISK_SYNC_DIRECTORY};
    log_set_output(open("/dev/null", O_WRONLY));
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (uint64_t countdown = 1; survive(calls[i], countdown, countdown % 2 == 0); countdown++)
            assert_true(countdown < 100);
    log_set_output(STDERR_FILENO);
}

/* After a sync that failed, what it was to write is in memory only, for good. */
static void tail_that_could_not_be_synced_is_written_again(void **state)
{
    (void)state;
    log_set_output(open("/dev/null", O_WRONLY));
    struct commit_log *log = open_log(disk_io(disk));
    put_text(log, "a");
    disk_fail(disk, DISK_SYNC, 1, EIO);
    put_text(log, "b");
    assert_int_equal(commit_log_failure(log), -EIO);
    commit_log_close(log);
    disk_kill(disk);
    struct found found;
    assert_int_equal(scan(disk_io(disk), &found), 0);
    write_text("c");
    strcat(found.text, "c");
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct disk *after = disk_after_cut(disk, disk_operations(disk), seed);
        expect(disk_io(after), found.text);
        disk_free(after);
    }
    log_set_output(STDERR_FILENO);
}

/* --- the writer's thread ---------------------------------------------------------------------- */

static void signal_durable(void *context)
{
    char byte = 0;
    assert_int_equal(write(((int *)context)[1], &byte, 1), 1);
}

/* A log in a folder of its own, with its thread, and the pipe through which that tells. */
struct threaded {
    char path[40];
    int ends[2];
    struct io io;
    struct commit_log *log;
};

static int set_up_thread(void **state)
{
    struct threaded *threaded = mem_zalloc(sizeof *threaded);
    int status;
    strcpy(threaded->path, "/tmp/stoatmq-commit-log-XXXXXX");
    assert_non_null(mkdtemp(threaded->path));
    assert_int_equal(pipe(threaded->ends), 0);
    assert_int_equal(io_posix_init(&threaded->io, threaded->path), 0);
    struct commit_log_config config = {.io = &threaded->io,
                                       .epoch = 1,
                                       .end_lsn = segment_first_lsn(1),
                                       .known_lsn = segment_first_lsn(1),
                                       .on_durable = signal_durable,
                                       .context = threaded->ends};
    threaded->log = commit_log_open(&config, false, &status);
    assert_non_null(threaded->log);
    *state = threaded;
    return 0;
}

static int tear_down_thread(void **state)
{
    struct threaded *threaded = *state;
    char name[96];
    io_posix_fini(&threaded->io);
    snprintf(name, sizeof name, "%s/%s", threaded->path, first_segment);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(threaded->path), 0);
    assert_int_equal(close(threaded->ends[0]), 0);
    assert_int_equal(close(threaded->ends[1]), 0);
    mem_free(threaded);
    return 0;
}

static void wait_until_durable(struct threaded *threaded, uint64_t lsn)
{
    char byte;
    while (commit_log_durable_lsn(threaded->log) < lsn) {
        assert_int_equal(read(threaded->ends[0], &byte, 1), 1);
        commit_log_flush(threaded->log, false);
    }
}

static void writer_thread_makes_durable_and_tells(void **state)
{
    enum { RECORDS = 300 };
    struct threaded *threaded = *state;
    uint64_t last = 0;
    for (int i = 0; i < RECORDS; i++) {
        last = put(threaded->log, (char)('a' + i % 26), 100);
        commit_log_flush(threaded->log, false);
    }
    wait_until_durable(threaded, last);
    (void)put(threaded->log, 'z', 100); /* not flushed: closing writes it */
    commit_log_close(threaded->log);
    struct found found;
    assert_int_equal(scan(&threaded->io, &found), 0);
    assert_int_equal(found.count, RECORDS + 1);
    for (int i = 0; i < RECORDS; i++)
        assert_int_equal(found.text[i], 'a' + i % 26);
}

static void what_nobody_waits_for_is_held_until_something_is_awaited(void **state)
{
    struct threaded *threaded = *state;
    uint64_t held = commit_log_append_lazy(threaded->log, RECORD_FACT, SLICE_LITERAL("a"),
                                           SLICE_LITERAL("b"));
    commit_log_flush(threaded->log, false);
    assert_true(commit_log_is_holding(threaded->log));
    uint64_t awaited = put(threaded->log, 'c', 100);
    assert_false(commit_log_is_holding(threaded->log));
    commit_log_flush(threaded->log, false);
    wait_until_durable(threaded, awaited);
    assert_true(commit_log_durable_lsn(threaded->log) > held);
    assert_int_equal(commit_log_count(threaded->log).batches, 1);
    commit_log_close(threaded->log);
}

static uint64_t sum(const uint64_t buckets[LOG_BUCKETS])
{
    uint64_t all = 0;
    for (unsigned i = 0; i < LOG_BUCKETS; i++)
        all += buckets[i];
    return all;
}

static void batches_and_syncs_are_counted_by_size_and_time(void **state)
{
    struct threaded *threaded = *state;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t awaited = put(threaded->log, 'a', 10 + 2000 * i);
        commit_log_flush(threaded->log, false);
        wait_until_durable(threaded, awaited);
    }
    struct commit_log_counters counters = commit_log_count(threaded->log);
    assert_int_equal(counters.batches, 3);
    assert_int_equal(sum(counters.batch_sizes), 3);
    assert_int_equal(counters.batch_sizes[0], 1); /* BATCH_BYTES_FIRST and less */
    assert_in_range(counters.batch_bytes, 3 * 10 + 3 * 2000, counters.bytes);
    assert_in_range(counters.writes, 3, 6);
    assert_int_equal(sum(counters.sync_times), counters.syncs);
    assert_true(counters.syncs >= 3);
    commit_log_close(threaded->log);
}

static void what_is_held_becomes_durable_a_little_after_it_is_flushed(void **state)
{
    struct threaded *threaded = *state;
    uint64_t held = commit_log_append_lazy(threaded->log, RECORD_FACT, SLICE_LITERAL("a"),
                                           SLICE_LITERAL("b"));
    commit_log_flush_lazy(threaded->log);
    assert_false(commit_log_is_holding(threaded->log));
    wait_until_durable(threaded, held);
    commit_log_close(threaded->log);
}

#define ON_DISK(test)     cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH_THREAD(test) cmocka_unit_test_setup_teardown(test, set_up_thread, tear_down_thread)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(empty_directory_is_an_empty_log),
        ON_DISK(records_are_read_in_order_over_several_lives),
        ON_DISK(flushed_record_is_durable_and_one_in_hand_is_not),
        ON_DISK(opening_puts_a_new_epoch_on_the_device),
        ON_DISK(lone_flush_is_one_write_and_one_sync),
        ON_DISK(largest_record_and_segment_ends),
        ON_DISK(no_room_for_more_than_the_end_is_no_damage),
        ON_DISK(torn_tail_is_left_off_and_written_over),
        ON_DISK(leftovers_of_an_older_epoch_are_not_read),
        ON_DISK(damage_in_the_middle_is_refused_with_its_place),
        ON_DISK(every_octet_of_a_durable_record_is_guarded),
        ON_DISK(missing_segment_is_refused),
        ON_DISK(missing_newest_segment_is_refused),
        ON_DISK(damage_that_a_later_segment_knows_of_is_refused),
        ON_DISK(truncated_segment_is_refused),
        ON_DISK(foreign_or_newer_segment_is_refused),
        ON_DISK(read_error_is_told),
        ON_DISK(failing_call_makes_nothing_durable_that_is_not),
        ON_DISK(tail_that_could_not_be_synced_is_written_again),
        WITH_THREAD(writer_thread_makes_durable_and_tells),
        WITH_THREAD(what_nobody_waits_for_is_held_until_something_is_awaited),
        WITH_THREAD(batches_and_syncs_are_counted_by_size_and_time),
        WITH_THREAD(what_is_held_becomes_durable_a_little_after_it_is_flushed),
    };
    return cmocka_run_group_tests_name("commit_log", tests, NULL, NULL);
}
