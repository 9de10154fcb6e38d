/* SPDX-License-Identifier: Apache-2.0
 *
 * recovery: makes an engine's state again from the log: topology, messages in order, what is
 * settled left out. Before the engine is used, with a store that keeps nothing; one thread.
 */
#ifndef STOATMQ_PERSIST_RECOVERY_H
#define STOATMQ_PERSIST_RECOVERY_H

#include "exchange/engine.h"
#include "persist/scan.h"

struct recovery {
    struct scan scan;          /* how the log was found; its error text when recovery fails */
    uint64_t queues, messages; /* that there are now */
};

/* Reads the log in IO into ENGINE. 0, or a negative errno with recovery->scan.error filled; the
 * engine is then good for nothing but engine_free. */
int recovery_run(struct io *io, struct engine *engine, struct recovery *recovery)
    __attribute__((warn_unused_result));

#endif
