/* SPDX-License-Identifier: Apache-2.0
 *
 * recovery: makes an engine's state again from a data directory: the checkpoint, then the log from
 * there on. Topology is declared in the engine; messages stay in the store, their queues know where
 * they begin and end. Before the engine is used, with a store that keeps nothing; one thread.
 */
#ifndef STOATMQ_PERSIST_RECOVERY_H
#define STOATMQ_PERSIST_RECOVERY_H

#include "exchange/engine.h"
#include "persist/checkpoint.h"
#include "persist/inventory.h"
#include "persist/scan.h"

struct recovery {
    struct scan scan;             /* how the log was found; its error text when recovery fails */
    struct checkpoint checkpoint; /* lsn 0: there is none */
    struct inventory inventory;   /* what there is; for the keeper */
    bool is_new;                  /* the directory holds no log: scan.node_id says nothing */
    uint64_t queues, messages;    /* that there are now */
};

/* Reads what is in IO into ENGINE. 0, or a negative errno with recovery->scan.error filled; the
 * engine is then good for nothing but engine_free. Call recovery_fini in any case. */
int recovery_run(struct io *io, struct engine *engine, struct recovery *recovery)
    __attribute__((warn_unused_result));

void recovery_fini(struct recovery *recovery);

#endif
