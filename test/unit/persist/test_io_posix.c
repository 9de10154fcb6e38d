/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/unit/persist/io_behaviour.h"

static char folder[64];
static struct io the_io;

/* A folder that does not exist yet, in one of our own. */
static int set_up(void **state)
{
    (void)snprintf(folder, sizeof folder, "/tmp/stoatmq-io-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    strcat(folder, "/data");
    *state = &the_io;
    return io_posix_init(&the_io, folder);
}

static int tear_down(void **state)
{
    (void)state;
    DIR *stream = opendir(folder);
    if (stream == NULL)
        return -1;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(stream), entry->d_name, 0);
    (void)closedir(stream);
    io_posix_fini(&the_io);
    int result = rmdir(folder);
    *strrchr(folder, '/') = '\0';
    return result != 0 ? result : rmdir(folder);
}

static void opening_a_folder_makes_it_but_not_its_parents(void **state)
{
    (void)state;
    struct stat status;
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 07007, 0);
    struct io again, missing;
    assert_int_equal(io_posix_init(&again, folder), 0);
    io_posix_fini(&again);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/missing/data", folder);
    assert_int_equal(io_posix_init(&missing, path), -ENOENT);
}

static void a_file_in_the_folders_place_is_refused(void **state)
{
    struct io *io = *state, other;
    assert_int_equal(io->close(io, io->open(io, "a", IO_CREATE)), 0);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/a", folder);
    assert_int_equal(io_posix_init(&other, path), -ENOTDIR);
}

static void files_are_closed_on_exec_and_not_for_everyone(void **state)
{
    struct io *io = *state;
    int file = io->open(io, "a", IO_CREATE);
    assert_true(file >= 0);
    assert_true(fcntl(file, F_GETFD) & FD_CLOEXEC);
    struct stat status;
    assert_int_equal(fstat(file, &status), 0);
    assert_int_equal(status.st_mode & 0137, 0);
    assert_int_equal(io->close(io, file), 0);
}

static void allocation_leaves_no_holes(void **state)
{
    struct io *io = *state;
    int file = io->open(io, "a", IO_CREATE);
    assert_true(file >= 0);
    assert_int_equal(io->allocate(io, file, 3 << 20), 0);
    struct stat status;
    assert_int_equal(fstat(file, &status), 0);
    assert_true(status.st_blocks * 512 >= 3 << 20);
    assert_int_equal(lseek(file, 0, SEEK_HOLE), 3 << 20);
    assert_int_equal(io->close(io, file), 0);
}

static void the_lock_names_its_process(void **state)
{
    struct io *io = *state;
    int file = io->open(io, "lock", IO_CREATE);
    io_put(io, file, 0, "a longer text than any pid has\n");
    assert_int_equal(io->close(io, file), 0);
    assert_int_equal(io->lock(io), 0);
    char expected[32], got[32] = {0};
    (void)snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
    file = io->open(io, "lock", IO_READ);
    assert_int_equal(io->read(io, file, got, sizeof got - 1, 0), strlen(expected));
    assert_string_equal(got, expected);
    assert_int_equal(io->close(io, file), 0);
}

static void a_locked_folder_is_refused_until_it_is_given_up(void **state)
{
    struct io *io = *state, other;
    assert_int_equal(io_posix_init(&other, folder), 0);
    assert_int_equal(io->lock(io), 0);
    assert_int_equal(other.lock(&other), -EWOULDBLOCK);
    assert_int_equal(other.lock(&other), -EWOULDBLOCK);
    io_posix_fini(io);
    assert_int_equal(other.lock(&other), 0);
    assert_int_equal(io_posix_init(io, folder), 0);
    assert_int_equal(io->lock(io), -EWOULDBLOCK);
    io_posix_fini(&other);
    assert_int_equal(io->lock(io), 0);
}

static void a_lock_ends_with_its_process(void **state)
{
    struct io *io = *state;
    int answers[2], held[2];
    assert_int_equal(pipe(answers), 0);
    assert_int_equal(pipe(held), 0);
    pid_t child = fork();
    if (child == 0) {
        struct io mine;
        char answer = 'n', none;
        if (io_posix_init(&mine, folder) == 0 && mine.lock(&mine) == 0)
            answer = 'y';
        (void)close(held[1]); /* so that the read below ends with the test, however that ends */
        if (write(answers[1], &answer, 1) == 1)
            (void)!read(held[0], &none, 1);
        _exit(1);
    }
    assert_true(child > 0);
    (void)close(answers[1]);
    (void)close(held[0]);
    char answer = 0;
    assert_int_equal(read(answers[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    assert_int_equal(io->lock(io), -EWOULDBLOCK);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(io->lock(io), 0);
    (void)close(answers[0]);
    (void)close(held[1]);
}

/* A limit on the file's size makes the system write less than it was asked to, and then fail. */
static void short_writes_go_on_until_the_error(void **state)
{
    struct io *io = *state;
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 10000;
    int file = io->open(io, "a", IO_CREATE);
    static char bytes[20000];
    memset(bytes, 'x', sizeof bytes);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int written = io->write(io, file, bytes, sizeof bytes, 0);
    int allocated = io->allocate(io, file, 1 << 20);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(written, -EFBIG);
    assert_int_equal(allocated, -EFBIG);
    assert_int_equal(io->size(io, file), 10000);
    assert_int_equal(io->close(io, file), 0);
}

/* -ENOSPC is what an operator meets; /dev/full answers with it. */
static void a_full_device_is_told(void **state)
{
    struct io *io = *state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/full", folder);
    assert_int_equal(symlink("/dev/full", path), 0);
    int file = io->open(io, "full", IO_WRITE);
    assert_true(file >= 0);
    assert_int_equal(io->write(io, file, "x", 1, 0), -ENOSPC);
    assert_int_equal(io->close(io, file), 0);
}

static void out_of_descriptors_is_told(void **state)
{
    struct io *io = *state;
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest = io->open(io, "a", IO_CREATE);
    assert_true(lowest >= 0);
    assert_int_equal(io->close(io, lowest), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int opened = io->open(io, "a", IO_READ), made = io->open(io, "b", IO_CREATE);
    int locked = io->lock(io);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(opened, -EMFILE);
    assert_int_equal(made, -EMFILE);
    assert_int_equal(locked, -EMFILE);
    assert_string_equal(io_names(io), "a ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_BEHAVIOUR_TESTS(set_up, tear_down),
        IO_TEST(opening_a_folder_makes_it_but_not_its_parents, set_up, tear_down),
        IO_TEST(a_file_in_the_folders_place_is_refused, set_up, tear_down),
        IO_TEST(files_are_closed_on_exec_and_not_for_everyone, set_up, tear_down),
        IO_TEST(allocation_leaves_no_holes, set_up, tear_down),
        IO_TEST(the_lock_names_its_process, set_up, tear_down),
        IO_TEST(a_locked_folder_is_refused_until_it_is_given_up, set_up, tear_down),
        IO_TEST(a_lock_ends_with_its_process, set_up, tear_down),
        IO_TEST(short_writes_go_on_until_the_error, set_up, tear_down),
        IO_TEST(a_full_device_is_told, set_up, tear_down),
        IO_TEST(out_of_descriptors_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
