/* SPDX-License-Identifier: Apache-2.0
 *
 * inventory_topology: the exchanges, bindings and definitions of an inventory. Part of inventory.c.
 */
#ifndef STOATMQ_PERSIST_INVENTORY_TOPOLOGY_H
#define STOATMQ_PERSIST_INVENTORY_TOPOLOGY_H

#include "persist/fact.h"
#include "persist/inventory.h"

/* FACT, whose record with PAYLOAD stands at LSN, declares or deletes an exchange. */
void topology_exchange(struct inventory *inventory, const struct fact *fact, uint64_t lsn,
                       struct slice payload);

/* The record with PAYLOAD at LSN is a STORE_BIND or STORE_UNBIND. */
void topology_binding(struct inventory *inventory, enum store_record_kind kind, uint64_t lsn,
                      struct slice payload);

/* Something is defined, in place of what was before, or is not any more. */
void topology_definition(struct inventory *inventory, const struct fact *fact, uint64_t lsn,
                         struct slice payload);

/* Frees all. */
void topology_fini(struct inventory *inventory);

#endif
