/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/storage.h"

#include <errno.h>
#include <stdio.h>

#include "exchange/definition.h"
#include "server/base/crypto.h"
#include "server/base/log.h"

#define FAILED(error, error_size, status, ...) (snprintf(error, error_size, __VA_ARGS__), status)

static int open_directory(struct storage *storage, const char *path, char *error, size_t error_size)
{
    int status = io_posix_init(&storage->io, path);
    if (status < 0)
        return FAILED(error, error_size, status, "data directory %s cannot be used: %s", path,
                      strerror(-status));
    status = storage->io.lock(&storage->io);
    if (status == 0)
        return 0;
    io_posix_fini(&storage->io);
    return status == -EWOULDBLOCK
               ? FAILED(error, error_size, status,
                        "data directory %s is in use by another process: stop that, or choose "
                        "another directory with --data-dir",
                        path)
               : FAILED(error, error_size, status, "data directory %s cannot be locked: %s", path,
                        strerror(-status));
}

/* The log goes on from where RECOVERY found its end. */
static int open_log(struct storage *storage, struct recovery *recovery,
                    void (*on_durable)(void *context), void *context)
{
    const struct scan *scan = &recovery->scan;
    struct keeper_config keeping = {.io = &storage->io,
                                    .inventory = &recovery->inventory,
                                    .checkpoint = recovery->checkpoint,
                                    .end_lsn = scan->end_lsn,
                                    .on_work = on_durable,
                                    .context = context};
    if (recovery->is_new)
        crypto_random(keeping.node_id, NODE_ID_BYTES);
    else
        memcpy(keeping.node_id, scan->node_id, NODE_ID_BYTES);
    storage->keeper = keeper_new(&keeping, false);
    struct commit_log_config config = {.io = &storage->io,
                                       .epoch = scan->epoch + 1,
                                       .end_lsn = scan->end_lsn,
                                       .known_lsn = scan->known_lsn,
                                       .keeper = storage->keeper,
                                       .on_durable = on_durable,
                                       .context = context};
    memcpy(config.node_id, keeping.node_id, NODE_ID_BYTES);
    int status;
    storage->log = commit_log_open(&config, false, &status);
    if (storage->log == NULL)
        keeper_free(storage->keeper);
    return status;
}

static void log_recovered(const struct recovery *recovery)
{
    log_info(
        "recovered", LOG_NUM("queues", recovery->queues), LOG_NUM("messages", recovery->messages),
        LOG_NUM("checkpoint_lsn", recovery->checkpoint.lsn),
        LOG_NUM("segments_read", recovery->scan.segment_count),
        LOG_NUM("records_read", recovery->scan.record_count),
        LOG_NUM("epoch", recovery->scan.epoch + 1), LOG_NUM("torn_lsn", recovery->scan.torn_lsn));
}

int storage_open(struct storage *storage, const char *path, struct engine *engine,
                 void (*on_durable)(void *context), void *context, char *error, size_t error_size)
{
    struct recovery recovery;
    int status = open_directory(storage, path, error, error_size);
    if (status < 0)
        return status;
    status = recovery_run(&storage->io, engine, &recovery);
    if (status < 0)
        (void)FAILED(error, error_size, status, "the log in %s is refused: %s", path,
                     recovery.scan.error);
    bool has_definitions = recovery.inventory.definitions.count > 0;
    if (status == 0) {
        status = open_log(storage, &recovery, on_durable, context);
        if (status < 0)
            (void)FAILED(error, error_size, status, "the log in %s cannot be written: %s", path,
                         strerror(-status));
    }
    if (status == 0) {
        store_log_init(&storage->store, storage->log, storage->keeper);
        engine->store = &storage->store.store;
        if (!has_definitions)
            (void)engine_define_defaults(engine);
        log_recovered(&recovery);
    } else {
        io_posix_fini(&storage->io);
    }
    recovery_fini(&recovery);
    return status;
}

void storage_close(struct storage *storage)
{
    (void)storage->store.store.flush(&storage->store.store, false);
    commit_log_close(storage->log);
    keeper_free(storage->keeper);
    store_log_fini(&storage->store);
    io_posix_fini(&storage->io);
}
