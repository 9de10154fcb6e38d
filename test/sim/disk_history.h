/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_history: all operations of a simulated disk in order, its state now, and its state at every
 * few operations before, from which the state at any is quickly made. For disk.c and disk_cut.c.
 */
#ifndef STOATMQ_TEST_SIM_DISK_HISTORY_H
#define STOATMQ_TEST_SIM_DISK_HISTORY_H

#include "test/sim/disk.h"
#include "test/sim/disk_image.h"

#include <stdbool.h>

enum operation_kind {
    OPERATION_CREATE,      /* name */
    OPERATION_WRITE,       /* file, offset, bytes, data */
    OPERATION_RESIZE,      /* file, bytes: that many zeros, whatever there was */
    OPERATION_SYNC,        /* file */
    OPERATION_SYNC_FAILED, /* file, seed */
    OPERATION_RENAME,      /* name, to */
    OPERATION_REMOVE,      /* name */
    OPERATION_SYNC_DIRECTORY,
    OPERATION_FLIP,     /* file, offset, bytes: which bit */
    OPERATION_TRUNCATE, /* file, bytes */
};

struct operation {
    enum operation_kind kind;
    uint32_t file; /* its number in the state's table; CREATE's is the next free one */
    uint64_t offset, bytes, seed;
    uint8_t *data; /* the history's */
    char name[DISK_NAME_BYTES], to[DISK_NAME_BYTES];
};

struct state_file {
    struct image *now, *durable;
    uint64_t synced_to; /* operations from here on are not on the device */
};

struct state_name {
    char name[DISK_NAME_BYTES];
    uint32_t file;
};

struct state_names {
    struct state_name *all;
    size_t count;
};

struct disk_state {
    struct state_file *files; /* removed ones stay */
    uint32_t files_count;
    struct state_names now, durable;
    uint64_t names_synced_to;
};

struct history {
    struct operation *operations;
    uint64_t count, capacity;
    struct disk_state state;
    struct snapshot *snapshots; /* in order; the first is of operation 0 */
    size_t snapshots_count;
    uint64_t bytes_since_snapshot;
};

/* Takes START. */
void history_init(struct history *history, struct disk_state start);
void history_fini(struct history *history);

/* Adds OPERATION, copying its DATA, and applies it to the state. */
void history_add(struct history *history, const struct operation *operation);

/* The state after the first COUNT operations, which the caller owns. */
struct disk_state history_state_at(const struct history *history, uint64_t count);

/* The state as it could be after a power cut there; see disk_after_cut. All of it is synced. */
struct disk_state history_cut(const struct history *history, uint64_t count, uint64_t seed);

void disk_state_fini(struct disk_state *state);

/* Adds a file under NAME, in both names and both images; takes IMAGE. */
void disk_state_add(struct disk_state *state, const char *name, struct image *image);

void state_names_copy(struct state_names *to, const struct state_names *from);
void state_names_fini(struct state_names *names);
/* NULL when it is not there. */
struct state_name *state_names_find(const struct state_names *names, const char *name);
/* What OPERATION, one of those on names, makes of NAMES. */
void state_names_apply(struct state_names *names, const struct operation *operation);
bool operation_is_on_names(const struct operation *operation);

/* The first and the one after the last page that a WRITE or a RESIZE changes. */
struct page_range {
    size_t from, to;
};
/* OLD_BYTES: the file's size before it. */
struct page_range operation_pages(const struct operation *operation, uint64_t old_bytes);

/* The next of a sequence of random numbers (splitmix64), and one below LIMIT. */
uint64_t disk_random(uint64_t *seed);
uint64_t disk_random_below(uint64_t *seed, uint64_t limit);

#endif
