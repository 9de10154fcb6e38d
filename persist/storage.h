/* SPDX-License-Identifier: Apache-2.0
 *
 * storage: a data directory in use: locked, recovered into the engine, its log open. Made and ended
 * by the main thread while no connection is served; `store` then belongs to the engine's thread.
 */
#ifndef STOATMQ_PERSIST_STORAGE_H
#define STOATMQ_PERSIST_STORAGE_H

#include "exchange/engine.h"
#include "persist/commit_log.h"
#include "persist/recovery.h"
#include "persist/store_log.h"

struct storage {
    struct io io;
    struct keeper *keeper;
    struct commit_log *log;
    struct store_log store;
};

/* Opens the directory PATH (made when it is missing), recovers ENGINE from it, and has ENGINE use
 * it. ON_DURABLE is called from the threads of the log and of its keeper, when something has become
 * durable or was read. 0, or a negative errno with a text for people in ERROR. */
int storage_open(struct storage *storage, const char *path, struct engine *engine,
                 void (*on_durable)(void *context), void *context, char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* Writes and syncs what is left, and lets go of the directory. The engine must not be used any more
 * but to be freed. */
void storage_close(struct storage *storage);

#endif
