/* SPDX-License-Identifier: Apache-2.0
 *
 * store_log: the engine's store on the log (commit_log.h): facts become records, and settles in a
 * row become one. The engine's thread only.
 */
#ifndef STOATMQ_PERSIST_STORE_LOG_H
#define STOATMQ_PERSIST_STORE_LOG_H

#include "exchange/store.h"
#include "persist/commit_log.h"
#include "persist/keeper.h"

/* Bytes appended and not durable yet at which publishers are held back. */
#define STORE_LOG_UNWRITTEN_MAX (64u << 20)

struct store_log {
    struct store store; /* first */
    struct commit_log *log;
    struct keeper *keeper; /* or NULL: messages do not leave memory */
    bool in_transaction;
    uint64_t messages, message_bytes; /* that came, once each, and their bodies; they only grow */
    struct buf payload, targets;      /* under construction */
    struct store_record settle; /* that is still growing; its queue is NULL when there is none */
};

/* LOG and KEEPER stay borrowed. */
void store_log_init(struct store_log *store, struct commit_log *log, struct keeper *keeper);
void store_log_fini(struct store_log *store);

#endif
