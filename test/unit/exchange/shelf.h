/* SPDX-License-Identifier: Apache-2.0
 *
 * shelf: the messages in a harness's store, for an engine that lets messages leave memory. What the
 * store is told is done to it; fetches are answered late, in any order, from copies, as a disk
 * would. What the engine must not tell or ask is a failed CHECK: a settle of what is not there, or
 * with a wrong size; a fetch of what is not durable, or a second one of a queue.
 */
#ifndef STOATMQ_TEST_EXCHANGE_SHELF_H
#define STOATMQ_TEST_EXCHANGE_SHELF_H

#include "exchange/store.h"

struct harness;

struct shelf_item {
    uint64_t queue, position; /* they are in this order */
    uint64_t lsn;
    struct message *message; /* a copy */
    uint32_t delivery_count;
    bool is_paged; /* by STORE_PAGE */
};

struct shelf_fetch;

struct shelf {
    struct harness *harness;
    struct shelf_item *items;
    size_t count, capacity;
    struct shelf_fetch *fetches; /* not answered yet */
    unsigned fetch_count, fetch_capacity;
    uint64_t random;

    /* What a test may set. */
    bool is_silent;       /* no answers */
    int failure;          /* answers have this status, when not 0 */
    unsigned fail_one_in; /* so many have -EIO; 0: none */
    unsigned ticks_max;   /* that an answer may take: 0 to so many, by chance */
    unsigned answer_max;  /* entries of an answer, 1 to so many by chance; 0: no limit */
    bool is_hasty;        /* may read at once what it answers later */

    uint64_t fetched;    /* fetches so far */
    uint64_t last_bytes; /* asked for by the last */
};

/* Has HARNESS's engine let messages leave memory when they take more than WATERMARK bytes; before
 * anything is published. */
void shelf_init(struct shelf *shelf, struct harness *harness, uint64_t watermark);

/* After harness_fini, or harness_end. */
void shelf_fini(struct shelf *shelf);

/* Does what RECORD says, whose LSN is LSN. Returns how many messages it settled, PAGED of them by
 * STORE_PAGE. */
size_t shelf_record(struct shelf *shelf, const struct store_record *record, uint64_t lsn,
                    size_t *paged);

/* How many messages of the queue numbered QUEUE are there at positions in [FIRST, END); BYTES of
 * bodies, PAGED of them by STORE_PAGE (both may be NULL). */
size_t shelf_count(const struct shelf *shelf, uint64_t queue, uint64_t first, uint64_t end,
                   uint64_t *bytes, size_t *paged);

/* Forgets what a restart forgets: messages by STORE_PAGE, and fetches. */
void shelf_restart(struct shelf *shelf, struct harness *harness, uint64_t watermark);

#endif
