/* SPDX-License-Identifier: Apache-2.0
 *
 * inventory_runs: the positions of a queue that live, by segment. Part of inventory.c.
 */
#ifndef STOATMQ_PERSIST_INVENTORY_RUNS_H
#define STOATMQ_PERSIST_INVENTORY_RUNS_H

#include "persist/inventory.h"

#define RUN_SPAN_MAX (SEGMENT_BYTES / 4) /* positions of a run; one that holds more is several */

/* A new, empty run at the index AT of RUNS. */
struct inventory_run *runs_insert(struct inventory_runs *runs, uint32_t at,
                                  struct inventory_queue *queue, struct inventory_segment *segment,
                                  uint64_t base);

/* The index of the first run that ends behind POSITION. */
uint32_t runs_from(const struct inventory_runs *runs, uint64_t position);

/* A message in SEGMENT at POSITION, where nothing lives: above all others mostly. Returns its run.
 */
struct inventory_run *runs_put(struct inventory_runs *runs, struct inventory_queue *queue,
                               struct inventory_segment *segment, uint64_t position);

/* All in [FIRST, END) are gone; how many that were. */
uint64_t runs_settle(struct inventory_runs *runs, uint64_t first, uint64_t end);

/* The first at POSITION or behind it; false when there is none. */
bool runs_next(const struct inventory_runs *runs, uint64_t position, struct inventory_place *place);

/* The one at POSITION; false when there is none. */
bool runs_find(const struct inventory_runs *runs, uint64_t position, struct inventory_place *place);

/* As runs_next, of one run. */
bool run_next(struct inventory_run *run, uint64_t position, struct inventory_place *place);

void runs_set_count(struct inventory_run *run, uint64_t position, uint32_t count);

/* What lives at POSITION is in SEGMENT now, a later one; nothing when nothing lives there. */
void runs_move(struct inventory_runs *runs, uint64_t position, struct inventory_segment *segment);

/* Forgets all. */
void runs_clear(struct inventory_runs *runs);

#endif
