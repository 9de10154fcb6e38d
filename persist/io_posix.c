/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes: a handle is the descriptor itself. Every name is resolved from the directory's own
 * descriptor, so that nobody can move the directory away below us.
 *
 * Allocation writes real zeros: blocks that are only reserved (posix_fallocate) become written when
 * they are first written, which is a change of metadata that each later fdatasync would have to put
 * on the device as well.
 */
#include "persist/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "server/base/mem.h"

enum {
    FILE_RIGHTS = 0640,
    DIRECTORY_RIGHTS = 0750,
    ZEROS_BYTES = 1 << 20,
};

struct directory {
    int fd;
    int lock;     /* the descriptor that holds the lock, or -1 */
    bool reading; /* nothing may be changed */
};

static struct directory *directory_of(const struct io *io)
{
    return io->context;
}

static int open_at(int directory, const char *path, int flags)
{
    int fd;
    do
        fd = openat(directory, path, flags | O_CLOEXEC, FILE_RIGHTS);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

static int posix_open(struct io *io, const char *path, enum io_mode mode)
{
    int flags = O_RDONLY;
    if (mode != IO_READ && directory_of(io)->reading)
        return -EROFS;
    switch (mode) {
    case IO_READ:
        break;
    case IO_WRITE:
        flags = O_RDWR;
        break;
    case IO_CREATE:
        flags = O_RDWR | O_CREAT | O_EXCL;
        break;
    }
    return open_at(directory_of(io)->fd, path, flags);
}

/* The descriptor is gone whatever close says, EINTR included: never called twice. */
static int posix_close(struct io *io, int file)
{
    (void)io;
    return close(file) != 0 && errno != EINTR ? -errno : 0;
}

static int64_t posix_read(struct io *io, int file, void *to, size_t bytes, uint64_t offset)
{
    (void)io;
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(file, (char *)to + done, bytes - done, (off_t)(offset + done));
        if (got == 0)
            break;
        if (got > 0)
            done += (size_t)got;
        else if (errno != EINTR)
            return -errno;
    }
    return (int64_t)done;
}

static int posix_write(struct io *io, int file, const void *from, size_t bytes, uint64_t offset)
{
    (void)io;
    size_t done = 0;
    while (done < bytes) {
        ssize_t put = pwrite(file, (const char *)from + done, bytes - done, (off_t)(offset + done));
        if (put > 0)
            done += (size_t)put;
        else if (put == 0)
            return -EIO; /* no progress and no reason: not to be tried for ever */
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

/* Interrupted is not failed: nothing was reported, and nothing was forgotten. Any other error is
 * final; the caller must not try again, as the kernel may have dropped what it could not write. */
static int sync_with(int (*call)(int), int fd)
{
    int result;
    do
        result = call(fd);
    while (result != 0 && errno == EINTR);
    return result != 0 ? -errno : 0;
}

static int posix_sync(struct io *io, int file)
{
    (void)io;
    return sync_with(fdatasync, file);
}

/* One request and a flush, without the system's bookkeeping of pages: about a quarter less than
 * write and fdatasync. The flag is the descriptor's, which is one thread's and has no others. */
static int posix_write_through(struct io *io, int file, const void *from, size_t bytes,
                               uint64_t offset)
{
    (void)io;
    const struct iovec part = {(void *)(uintptr_t)from, bytes};
    if (fcntl(file, F_SETFL, O_DIRECT) != 0)
        return -EOPNOTSUPP;
    ssize_t put;
    do
        put = pwritev2(file, &part, 1, (off_t)offset, RWF_DSYNC);
    while (put < 0 && errno == EINTR);
    int error = put < 0 ? errno : 0;
    if (fcntl(file, F_SETFL, 0) != 0)
        return -errno;
    if (error == EINVAL || error == ENOSYS || (put >= 0 && (size_t)put < bytes))
        error = EOPNOTSUPP;
    return -error;
}

/* Says early that there is no room. A file system without the call finds out from the zeros. */
static int reserve(int file, uint64_t bytes)
{
    int error;
    do
        error = posix_fallocate(file, 0, (off_t)bytes);
    while (error == EINTR);
    return error == EOPNOTSUPP || error == EINVAL ? 0 : -error;
}

static int write_zeros(struct io *io, int file, uint64_t bytes)
{
    void *zeros = mem_zalloc(ZEROS_BYTES);
    int result = 0;
    for (uint64_t done = 0; done < bytes && result == 0;) {
        uint64_t left = bytes - done;
        size_t piece = left < ZEROS_BYTES ? (size_t)left : ZEROS_BYTES;
        result = posix_write(io, file, zeros, piece, done);
        done += piece;
    }
    mem_free(zeros);
    return result;
}

static int posix_allocate(struct io *io, int file, uint64_t bytes)
{
    if (bytes > INT64_MAX)
        return -EFBIG;
    int result = bytes > 0 ? reserve(file, bytes) : 0;
    if (result == 0 && ftruncate(file, (off_t)bytes) != 0)
        result = -errno;
    if (result == 0)
        result = write_zeros(io, file, bytes);
    return result != 0 ? result : sync_with(fsync, file);
}

static int64_t posix_size(struct io *io, int file)
{
    (void)io;
    struct stat status;
    return fstat(file, &status) != 0 ? -errno : (int64_t)status.st_size;
}

static int posix_rename(struct io *io, const char *from, const char *to)
{
    int directory = directory_of(io)->fd;
    return renameat(directory, from, directory, to) != 0 ? -errno : 0;
}

static int posix_remove(struct io *io, const char *path)
{
    return unlinkat(directory_of(io)->fd, path, 0) != 0 ? -errno : 0;
}

static int posix_sync_directory(struct io *io)
{
    return sync_with(fsync, directory_of(io)->fd);
}

static int posix_list(struct io *io, void (*see)(void *context, const char *name), void *context)
{
    int fd = open_at(directory_of(io)->fd, ".", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        int result = -errno;
        close(fd);
        return result;
    }
    int result = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            see(context, entry->d_name);
    }
    closedir(stream);
    return result;
}

static int64_t posix_free_bytes(struct io *io)
{
    struct statvfs status;
    if (fstatvfs(directory_of(io)->fd, &status) != 0)
        return -errno;
    uint64_t bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

/* For people only. Written before it is cut, so that it needs no new block on a full disk; when it
 * cannot be written the lock holds all the same. */
static void write_pid(struct io *io, int lock)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    bool written = posix_write(io, lock, text, (size_t)size, 0) == 0 && ftruncate(lock, size) == 0;
    (void)written;
}

/* Who locks the directory is going to rely on it: its own name must be on the device too. Where we
 * may not read the parent, somebody else made the directory. */
static int sync_parent(int directory)
{
    int parent = open_at(directory, "..", O_RDONLY | O_DIRECTORY);
    if (parent < 0)
        return parent == -EACCES ? 0 : parent;
    int result = sync_with(fsync, parent);
    close(parent);
    return result;
}

/* The file stays when the lock is given up: to remove it would let two others lock two files of
 * that name. */
static int posix_lock(struct io *io)
{
    struct directory *directory = directory_of(io);
    if (directory->lock >= 0)
        return 0;
    int fd = open_at(directory->fd, "lock", O_RDWR | O_CREAT);
    if (fd < 0)
        return fd;
    int result = 0;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        result = -errno;
    if (result == 0)
        result = sync_parent(directory->fd);
    if (result != 0) {
        close(fd);
        return result;
    }
    write_pid(io, fd);
    directory->lock = fd;
    return 0;
}

int io_posix_init(struct io *io, const char *path)
{
    int fd = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (fd == -ENOENT) {
        if (mkdir(path, DIRECTORY_RIGHTS) != 0 && errno != EEXIST)
            return -errno;
        fd = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    }
    if (fd < 0)
        return fd;
    struct directory *directory = mem_alloc(sizeof *directory);
    *directory = (struct directory){.fd = fd, .lock = -1};
    *io = (struct io){
        .context = directory,
        .open = posix_open,
        .close = posix_close,
        .read = posix_read,
        .write = posix_write,
        .sync = posix_sync,
        .write_through = posix_write_through,
        .allocate = posix_allocate,
        .size = posix_size,
        .rename = posix_rename,
        .remove = posix_remove,
        .sync_directory = posix_sync_directory,
        .list = posix_list,
        .free_bytes = posix_free_bytes,
        .lock = posix_lock,
    };
    return 0;
}

int io_posix_init_reading(struct io *io, const char *path)
{
    int fd = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    struct directory *directory = mem_alloc(sizeof *directory);
    *directory = (struct directory){.fd = fd, .lock = -1, .reading = true};
    *io = (struct io){
        .context = directory,
        .open = posix_open,
        .close = posix_close,
        .read = posix_read,
        .size = posix_size,
        .list = posix_list,
        .free_bytes = posix_free_bytes,
    };
    return 0;
}

void io_posix_fini(struct io *io)
{
    struct directory *directory = directory_of(io);
    if (directory->lock >= 0)
        close(directory->lock);
    close(directory->fd);
    mem_free(directory);
    *io = (struct io){0};
}
