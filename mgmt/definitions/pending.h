/* SPDX-License-Identifier: Apache-2.0
 *
 * pending: definitions that are being applied piece by piece, kept as files in the data directory
 * until all of them are durable: what a crash interrupts is done when the broker starts again. So
 * an import happens, or it does not.
 */
#ifndef STOATMQ_MGMT_DEFINITIONS_PENDING_H
#define STOATMQ_MGMT_DEFINITIONS_PENDING_H

#include <stddef.h>

#include "server/base/slice.h"

struct engine;

#define PENDING_PATH_BYTES 1100

/* Keeps the document TEXT, for the virtual host ONLY or (NULL) everything, in FOLDER; it is durable
 * when this returns. NUMBER is in its name, PATH gets that. 0, or -1 with a text in ERROR: then
 * nothing is kept. */
int pending_keep(const char *folder, unsigned long long number, const struct slice *only,
                 struct slice text, char path[PENDING_PATH_BYTES], char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* It is done: the file goes, and does not come back. */
void pending_forget(const char *path);

/* Before the engine runs: applies what FOLDER has of these, and calls DONE with each path, whose
 * file may go when the store is durable up to LSN. What cannot be applied is logged and put aside
 * under another name. */
void pending_finish(struct engine *engine, const char *folder,
                    void (*done)(void *context, const char *path, uint64_t lsn), void *context);

#endif
