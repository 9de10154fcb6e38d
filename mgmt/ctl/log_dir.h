/* SPDX-License-Identifier: Apache-2.0
 *
 * log_dir: a data directory that is looked at and never changed: its files, and whether a broker
 * has it in use.
 */
#ifndef STOATMQ_MGMT_CTL_LOG_DIR_H
#define STOATMQ_MGMT_CTL_LOG_DIR_H

#include "persist/io.h"
#include "persist/record.h"

enum log_file_kind {
    LOG_FILE_SEGMENT,
    LOG_FILE_INDEX,
    LOG_FILE_SPARE,     /* kept to become a segment */
    LOG_FILE_TEMPORARY, /* of something that is being made, or was cut short */
    LOG_FILE_OWN,       /* the checkpoint, the lock */
    LOG_FILE_OTHER,
};

struct log_file {
    enum log_file_kind kind;
    uint64_t segment; /* of a segment or index: its number */
    char *name;
};

struct log_dir {
    struct io io;
    const char *path;       /* borrowed */
    struct log_file *files; /* by kind, number and name */
    size_t count, capacity;
};

/* Opens the directory PATH and lists it. 0, or a negative errno: it is then good for nothing but
 * log_dir_close. */
int log_dir_open(struct log_dir *dir, const char *path) __attribute__((warn_unused_result));
void log_dir_close(struct log_dir *dir);

/* Lists the directory again. 0, or a negative errno. */
int log_dir_list(struct log_dir *dir) __attribute__((warn_unused_result));

/* Is there a segment, or a checkpoint? */
bool log_dir_has_log(const struct log_dir *dir);

/* Is the file of that kind and number there? */
bool log_dir_has(const struct log_dir *dir, enum log_file_kind kind, uint64_t segment);

enum log_dir_use { LOG_DIR_FREE, LOG_DIR_IN_USE, LOG_DIR_USE_UNKNOWN };

/* Has a process locked it? PID gets its number then. Found out without locking anything, from the
 * system's list of locks, which does not show what another container's processes hold. */
enum log_dir_use log_dir_use(const struct log_dir *dir, long *pid);

/* As log_dir_use says LOG_DIR_IN_USE. */
bool log_dir_in_use(const struct log_dir *dir);

#endif
