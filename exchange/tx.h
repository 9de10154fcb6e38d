/* SPDX-License-Identifier: Apache-2.0
 *
 * tx: what a transactional channel has published and settled since its last commit. Owned by the
 * channel; engine's thread only. AMQP 0-9-1 section 1.9.
 */
#ifndef STOATMQ_EXCHANGE_TX_H
#define STOATMQ_EXCHANGE_TX_H

#include "exchange/channel.h"
#include "exchange/command.h"

struct tx;

struct tx *tx_new(void);

/* Drops what is open; the channel's held deliveries are the caller's to see to. */
void tx_free(struct tx *tx);

/* Keeps a publish that was found legal for the commit; takes the message. */
void tx_publish(struct tx *tx, const struct command_publish *publish);

/* Keeps the settlement of one delivery, which the caller has marked as held. */
void tx_settle(struct tx *tx, uint64_t tag, const struct settlement *settlement);

/* What a settlement of several deliveries need not look at again: all up to here are held or
 * settled already. */
uint64_t tx_settled_up_to(const struct tx *tx);
void tx_set_settled_up_to(struct tx *tx, uint64_t tag);

/* How many publishes and settlements are open. */
void tx_count(const struct tx *tx, uint32_t *publishes, uint32_t *settlements);

/* Lets everything happen: the publishes, then the settlements. Returns the LSN up to which the
 * store must be durable for it to last, or 0: nothing of it needs the store. */
uint64_t tx_commit(struct channel *channel);

/* Forgets everything: held deliveries are unsettled again. */
void tx_rollback(struct channel *channel);

#endif
