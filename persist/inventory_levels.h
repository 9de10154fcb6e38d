/* SPDX-License-Identifier: Apache-2.0
 *
 * inventory_levels: how many messages a queue has, and which positions it may give next; of a queue
 * with priorities at each level, too (exchange/position.h). Part of inventory.c.
 */
#ifndef STOATMQ_PERSIST_INVENTORY_LEVELS_H
#define STOATMQ_PERSIST_INVENTORY_LEVELS_H

#include "persist/inventory.h"

/* Is POSITION one that QUEUE may give next? Then it is taken. */
bool levels_take_position(struct inventory_queue *queue, uint64_t position);

/* No position of QUEUE below END, of its level, is given any more. */
void levels_pass(struct inventory_queue *queue, uint64_t end);

/* One more message, at POSITION, with BYTES of body. */
void levels_count(struct inventory_queue *queue, uint64_t position, uint64_t bytes);

/* SETTLED fewer, at positions from POSITION on. BYTES are those of their bodies, or more, where
 * paged messages were among them. */
void levels_discount(struct inventory_queue *queue, uint64_t position, uint64_t settled,
                     uint64_t bytes);

#endif
