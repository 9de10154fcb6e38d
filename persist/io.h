/* SPDX-License-Identifier: Apache-2.0
 *
 * io: all that persist/ asks of a file system, as function pointers, so that a test can answer
 * instead: fail the third write, lose what was not synced, tear the last page. io_posix is the real
 * one. A call may block; the log's thread makes them, main before it starts, and the engine where
 * it writes in that thread's place. Results: 0 or a count, or a negative errno.
 */
#ifndef STOATMQ_PERSIST_IO_H
#define STOATMQ_PERSIST_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IO_BLOCK_BYTES 4096u /* no device has larger ones */

enum io_mode {
    IO_READ,   /* an existing file, to read */
    IO_WRITE,  /* an existing file, to read and write */
    IO_CREATE, /* a new file, to read and write; -EEXIST when it is there */
};

struct io {
    void *context;
    /* A file's handle (not negative). PATH is below the directory that the data lives in. */
    int (*open)(struct io *io, const char *path, enum io_mode mode);
    int (*close)(struct io *io, int file);
    /* Reads up to BYTES at OFFSET; returns how many there were: fewer only at the file's end. */
    int64_t (*read)(struct io *io, int file, void *to, size_t bytes, uint64_t offset);
    /* Writes all BYTES at OFFSET, or fails. */
    int (*write)(struct io *io, int file, const void *from, size_t bytes, uint64_t offset);
    /* What was written to FILE is on the device when this returns 0 (fdatasync). */
    int (*sync)(struct io *io, int file);
    /* Writes whole blocks past the system's memory: they are on the device when this returns 0, in
     * less time than by write and sync. FROM is at a multiple of IO_BLOCK_BYTES, as are BYTES and
     * OFFSET; nothing else that was written to FILE may wait for a sync. -EOPNOTSUPP where the
     * system or the file system cannot do that: nothing relevant has happened then. */
    int (*write_through)(struct io *io, int file, const void *from, size_t bytes, uint64_t offset);
    /* Gives FILE this size, with its blocks allocated and zeroed. */
    int (*allocate)(struct io *io, int file, uint64_t bytes);
    int64_t (*size)(struct io *io, int file);
    int (*rename)(struct io *io, const char *from, const char *to);
    int (*remove)(struct io *io, const char *path);
    /* Names, creations, renames and removals in the directory are on the device when this returns
     * 0. */
    int (*sync_directory)(struct io *io);
    /* Calls SEE for each name in the directory, in no order. */
    int (*list)(struct io *io, void (*see)(void *context, const char *name), void *context);
    /* Bytes that are free for us on the file system. */
    int64_t (*free_bytes)(struct io *io);
    /* Locks the directory against other processes, until the process ends; -EWOULDBLOCK when
     * another has it. */
    int (*lock)(struct io *io);
};

/* The real one, on the directory PATH, which is made when it is missing (its parent must exist). 0
 * or a negative errno. */
int io_posix_init(struct io *io, const char *path) __attribute__((warn_unused_result));
void io_posix_fini(struct io *io);

/* The same on a directory that must be there, for reading only: open refuses other modes, and the
 * calls that would change something are NULL. */
int io_posix_init_reading(struct io *io, const char *path) __attribute__((warn_unused_result));

#endif
