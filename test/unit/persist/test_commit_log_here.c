/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engine writes itself, in the place of the log's thread, and what it leaves to that.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "persist/commit_log.h"
#include "persist/scan.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "test/sim/disk.h"

#define SLOW_NS 5000000
#define LIMIT_S 60

/* A log with its thread on a disk in memory, which it shares with the test: never both at once. */
struct fixture {
    struct disk *disk;
    struct io io;    /* the disk's, with our syncs */
    atomic_int slow; /* syncs that are to take SLOW_NS */
    pthread_t here;
    atomic_uint synced_here, synced_there;
    unsigned through; /* calls of write_through */
    bool has_no_through;
    struct commit_log *log;
    pthread_mutex_t lock;
    pthread_cond_t told;
    unsigned news; /* guarded by lock */
};

static struct fixture *fixture;

/* Notes who syncs, and takes a slow device's time. */
static void begin_sync(void)
{
    if (atomic_load(&fixture->slow) > 0) {
        atomic_fetch_sub(&fixture->slow, 1);
        nanosleep(&(struct timespec){.tv_nsec = SLOW_NS}, NULL); /* no-sleep-ok: the device */
    }
    atomic_fetch_add(pthread_equal(pthread_self(), fixture->here) ? &fixture->synced_here
                                                                  : &fixture->synced_there,
                     1);
}

static int noted_sync(struct io *io, int file)
{
    begin_sync();
    return disk_io(fixture->disk)->sync(io, file);
}

static int noted_write_through(struct io *io, int file, const void *from, size_t bytes,
                               uint64_t offset)
{
    begin_sync();
    fixture->through++;
    if (fixture->has_no_through)
        return -EOPNOTSUPP;
    return disk_io(fixture->disk)->write_through(io, file, from, bytes, offset);
}

static void on_durable(void *context)
{
    struct fixture *f = context;
    pthread_mutex_lock(&f->lock);
    f->news++;
    pthread_cond_signal(&f->told);
    pthread_mutex_unlock(&f->lock);
}

static int set_up(void **state)
{
    (void)state;
    int status;
    fixture = mem_zalloc(sizeof *fixture);
    fixture->disk = disk_new(1);
    fixture->io = *disk_io(fixture->disk);
    fixture->io.sync = noted_sync;
    fixture->io.write_through = noted_write_through;
    fixture->here = pthread_self();
    assert_int_equal(pthread_mutex_init(&fixture->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&fixture->told, NULL), 0);
    fixture->log = commit_log_open(&(struct commit_log_config){.io = &fixture->io,
                                                               .epoch = 1,
                                                               .end_lsn = segment_first_lsn(1),
                                                               .known_lsn = segment_first_lsn(1),
                                                               .on_durable = on_durable,
                                                               .context = fixture},
                                   false, &status);
    assert_non_null(fixture->log);
    atomic_store(&fixture->synced_here, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    disk_free(fixture->disk);
    pthread_cond_destroy(&fixture->told);
    pthread_mutex_destroy(&fixture->lock);
    mem_free(fixture);
    return 0;
}

static uint64_t put(uint32_t bytes)
{
    uint8_t *payload = mem_zalloc(bytes);
    uint64_t lsn = commit_log_append(fixture->log, RECORD_FACT, slice_of(payload, bytes),
                                     SLICE_EMPTY);
    mem_free(payload);
    return lsn;
}

static int count(void *context, const struct record *record)
{
    (void)record;
    ++*(unsigned *)context;
    return 0;
}

/* Ends the log; it then holds so many records. */
static void close_with(unsigned records)
{
    struct scan scan;
    unsigned found = 0;
    commit_log_close(fixture->log);
    assert_int_equal(scan_run(disk_io(fixture->disk),
                              &(struct scan_start){.lsn = segment_first_lsn(1)}, &scan, count,
                              &found),
                     0);
    assert_int_equal(found, records);
}

/* Until LSN is durable, flushing when the log says something. */
static void wait_until_durable(uint64_t lsn)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LIMIT_S;
    while (commit_log_durable_lsn(fixture->log) < lsn) {
        int status = 0;
        pthread_mutex_lock(&fixture->lock);
        while (fixture->news == 0 && status == 0)
            status = pthread_cond_timedwait(&fixture->told, &fixture->lock, &until);
        fixture->news = 0;
        pthread_mutex_unlock(&fixture->lock);
        assert_int_equal(status, 0);
        commit_log_flush(fixture->log, false);
    }
}

/* --- who writes ------------------------------------------------------------------------------- */

static void small_batch_is_durable_when_a_flush_at_leisure_returns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t lsn = put(100);
        commit_log_flush(fixture->log, true);
        assert_true(commit_log_durable_lsn(fixture->log) >= lsn);
    }
    assert_int_equal(atomic_load(&fixture->synced_here), 3);
    assert_int_equal(fixture->news, 0);
    close_with(3);
}

static void large_batch_is_left_to_the_writer(void **state)
{
    (void)state;
    uint64_t lsn = 0;
    for (unsigned i = 0; i < 5; i++)
        lsn = put(8000);
    commit_log_flush(fixture->log, true);
    wait_until_durable(lsn);
    assert_int_equal(atomic_load(&fixture->synced_here), 0);
    close_with(5);
}

static void batch_that_begins_a_segment_is_left_to_the_writer(void **state)
{
    (void)state;
    unsigned records = 0;
    uint64_t lsn;
    do {
        unsigned synced_here = atomic_load(&fixture->synced_here);
        lsn = put(8000);
        records++;
        commit_log_flush(fixture->log, true);
        assert_int_equal(atomic_load(&fixture->synced_here), synced_here + (lsn_segment(lsn) == 1));
    } while (lsn_segment(lsn) == 1);
    wait_until_durable(lsn);
    close_with(records);
}

static void what_nobody_waits_for_is_not_waited_for(void **state)
{
    (void)state;
    (void)commit_log_append_lazy(fixture->log, RECORD_FACT, SLICE_LITERAL("a"), SLICE_EMPTY);
    commit_log_flush(fixture->log, true);
    assert_int_equal(atomic_load(&fixture->synced_here), 0);
    assert_true(commit_log_is_holding(fixture->log));
    close_with(1);
}

static void slow_device_is_left_to_the_writer_until_it_is_quick_again(void **state)
{
    (void)state;
    unsigned records = 1;
    atomic_store(&fixture->slow, 1);
    (void)put(100);
    commit_log_flush(fixture->log, true); /* nobody knew */
    assert_int_equal(atomic_load(&fixture->synced_here), 1);
    while (atomic_load(&fixture->synced_here) == 1) {
        uint64_t lsn = put(100);
        assert_true(++records < 1000);
        commit_log_flush(fixture->log, true);
        wait_until_durable(lsn);
    }
    assert_true(records > 2);
    close_with(records);
}

/* --- past the system's memory ------------------------------------------------------------------
 */

static void batches_of_both_ways_follow_each_other_in_the_same_blocks(void **state)
{
    (void)state;
    unsigned records = 0;
    for (unsigned i = 0; i < 40; i++) {
        uint64_t lsn = put(10 + i * 37 % 3000);
        records++;
        commit_log_flush(fixture->log, i % 3 != 0);
        wait_until_durable(lsn);
    }
    assert_in_range(fixture->through, 20, 27);
    close_with(records);
}

static void file_system_that_cannot_is_asked_once(void **state)
{
    (void)state;
    fixture->has_no_through = true;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t lsn = put(100);
        commit_log_flush(fixture->log, true);
        assert_true(commit_log_durable_lsn(fixture->log) >= lsn);
    }
    assert_int_equal(fixture->through, 1);
    close_with(3);
}

/* --- when it goes wrong ----------------------------------------------------------------------- */

static void error_ends_the_log_and_is_told(void **state)
{
    (void)state;
    log_set_output(open("/dev/null", O_WRONLY));
    disk_fail(fixture->disk, DISK_SYNC, 1, EIO);
    uint64_t lsn = put(100);
    commit_log_flush(fixture->log, true);
    assert_int_equal(commit_log_failure(fixture->log), -EIO);
    assert_true(commit_log_durable_lsn(fixture->log) < lsn);
    assert_int_equal(fixture->news, 1);
    (void)put(100);
    commit_log_flush(fixture->log, true);
    assert_true(commit_log_durable_lsn(fixture->log) < lsn);
    commit_log_close(fixture->log);
    log_set_output(STDERR_FILENO);
}

static void full_disk_is_told_and_the_writer_tries_again(void **state)
{
    (void)state;
    log_set_output(open("/dev/null", O_WRONLY));
    disk_fail(fixture->disk, DISK_WRITE, 1, ENOSPC);
    uint64_t first = put(100);
    commit_log_flush(fixture->log, true);
    assert_true(commit_log_durable_lsn(fixture->log) < first);
    assert_int_equal(commit_log_failure(fixture->log), 0);
    uint64_t second = put(100);
    commit_log_flush(fixture->log, true);
    wait_until_durable(second);
    assert_true(atomic_load(&fixture->synced_there) > 0);
    close_with(2);
    log_set_output(STDERR_FILENO);
}

/* --- batches that queue ----------------------------------------------------------------------- */

enum { MANY = 300, MANY_BYTES = 8000 }; /* 2.4 MB without a flush */

static void batch_that_has_grown_large_is_written_while_the_next_is_filled(void **state)
{
    (void)state;
    uint64_t lsn = 0;
    for (unsigned i = 0; i < MANY; i++) {
        commit_log_relieve(fixture->log);
        lsn = put(MANY_BYTES);
    }
    commit_log_flush(fixture->log, false);
    wait_until_durable(lsn);
    assert_in_range(commit_log_count(fixture->log).batches, 2, 4);
    close_with(MANY);
}

static void large_transaction_is_durable_as_a_whole_or_not_at_all(void **state)
{
    (void)state;
    uint64_t lsn = 0;
    for (unsigned i = 0; i < MANY; i++)
        lsn = put(MANY_BYTES); /* nothing relieves the log between them */
    commit_log_flush(fixture->log, false);
    wait_until_durable(lsn);
    assert_int_equal(commit_log_count(fixture->log).batches, 1);
    close_with(MANY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(small_batch_is_durable_when_a_flush_at_leisure_returns),
        TEST(large_batch_is_left_to_the_writer),
        TEST(batch_that_begins_a_segment_is_left_to_the_writer),
        TEST(what_nobody_waits_for_is_not_waited_for),
        TEST(slow_device_is_left_to_the_writer_until_it_is_quick_again),
        TEST(batches_of_both_ways_follow_each_other_in_the_same_blocks),
        TEST(file_system_that_cannot_is_asked_once),
        TEST(error_ends_the_log_and_is_told),
        TEST(full_disk_is_told_and_the_writer_tries_again),
        TEST(batch_that_has_grown_large_is_written_while_the_next_is_filled),
        TEST(large_transaction_is_durable_as_a_whole_or_not_at_all),
    };
    return cmocka_run_group_tests_name("commit_log_here", tests, NULL, NULL);
}
