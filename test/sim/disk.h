/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: a directory in memory behind `struct io`, which knows what is on the device and what only
 * the system has seen, can fail any call, and remembers all that was done, so that the disk after a
 * power cut at any moment can be built. Deterministic from its seed. A disk is its caller's; one
 * thread at a time, and disks that came from one another share pages: they stay in one thread.
 *
 * An operation is one change of the disk: a file made, a write, a sync, a rename, a removal, a sync
 * of the directory, damage; an allocation counts as two, its zeros and its sync. Calls that changed
 * nothing are none.
 */
#ifndef STOATMQ_TEST_SIM_DISK_H
#define STOATMQ_TEST_SIM_DISK_H

#include "persist/io.h"

enum { DISK_NAME_BYTES = 64 }; /* a name with its terminator; longer ones are -ENAMETOOLONG */

enum disk_call {
    DISK_OPEN,
    DISK_READ,
    DISK_WRITE,
    DISK_SYNC,
    DISK_ALLOCATE,
    DISK_RENAME,
    DISK_REMOVE,
    DISK_SYNC_DIRECTORY,
    DISK_LIST,
    DISK_LOCK,
    DISK_CALLS,
};

struct disk;

/* An empty disk. SEED decides how much of a failing call has happened. */
struct disk *disk_new(uint64_t seed) __attribute__((returns_nonnull));
void disk_free(struct disk *disk);

/* Valid as long as DISK. Its lock makes an empty file "lock". */
struct io *disk_io(struct disk *disk);

/* How many operations there were, and how many calls of a kind, failed ones included. */
uint64_t disk_operations(const struct disk *disk);
uint64_t disk_calls(const struct disk *disk, enum disk_call call);

/* The disk as it could be when the power went after the first OPERATION operations: of each file's
 * unsynced pages any, in any version that they had since the sync, the newest write's perhaps torn
 * at a byte; any size that it had since; of the unsynced names the first few changes. SEED chooses;
 * about one in four loses all that was not synced and one in four nothing. No handles, no lock, no
 * faults; operations count from 0 again. */
struct disk *disk_after_cut(const struct disk *disk, uint64_t operation, uint64_t seed)
    __attribute__((returns_nonnull));

/* A disk with all files as they read now, all of it synced; otherwise as above. */
struct disk *disk_clean_copy(const struct disk *disk) __attribute__((returns_nonnull));

/* The process died (kill -9): its handles and lock are gone and faults forgotten; what was written
 * is still there, and what was not synced is still not. */
void disk_kill(struct disk *disk);

/* Damage, in what is read now and on the device alike; all of the file is on the device then. NAME
 * must be there, and be longer than OFFSET or BYTES. */
void disk_flip_bit(struct disk *disk, const char *name, uint64_t offset, unsigned bit);
void disk_truncate(struct disk *disk, const char *name, uint64_t bytes);

/* The COUNTDOWN-th CALL from now (1: the next) fails with ERROR (a positive errno) and the ones
 * after it work; with disk_break they all fail. Countdown 0: none fails any more.
 *
 * A failed write or allocation may have happened in part. A failed sync gives its pages up as Linux
 * does: they never reach the device unless written again, a later sync succeeds without them, and a
 * read sees for each page the new content or the device's. Any other failed call did nothing. */
void disk_fail(struct disk *disk, enum disk_call call, uint64_t countdown, int error);
void disk_break(struct disk *disk, enum disk_call call, uint64_t countdown, int error);

/* Room for so many bytes in all files together (1 TiB at first): free_bytes tells what is left, and
 * what would make files larger than that fails with -ENOSPC. */
void disk_set_capacity(struct disk *disk, uint64_t bytes);

#endif
