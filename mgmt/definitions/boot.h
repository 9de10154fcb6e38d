/* SPDX-License-Identifier: Apache-2.0
 *
 * boot: the definitions file that an operator wants applied whenever the broker starts
 * (load_definitions).
 */
#ifndef STOATMQ_MGMT_DEFINITIONS_BOOT_H
#define STOATMQ_MGMT_DEFINITIONS_BOOT_H

#include "server/base/buf.h"

struct engine;

/* Applies the document in the file PATH to ENGINE, which does not run yet; nothing for "". 0, or -1
 * with a text in ERROR, all problems being in the log then. */
int definitions_load_file(struct engine *engine, const char *path, char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* Appends the file's octets. 0, or a negative errno; -EFBIG for more than a document may have. */
int definitions_read_file(const char *path, struct buf *text) __attribute__((warn_unused_result));

/* Logs PROBLEMS, a line each, as those of the file PATH. */
void definitions_log_problems(const char *path, struct slice problems);

#endif
