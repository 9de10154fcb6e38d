/* SPDX-License-Identifier: Apache-2.0
 *
 * tape: an inventory that is told records one after the other, as a log would have them. There are
 * no files: a segment ends when the test says so. Records are encoded by fact.c from what the test
 * asks for. One thread.
 */
#ifndef STOATMQ_TEST_PERSIST_TAPE_H
#define STOATMQ_TEST_PERSIST_TAPE_H

#include "persist/fact.h"
#include "persist/inventory.h"

struct tape {
    struct inventory inventory;
    uint64_t lsn; /* of the next record */
    uint32_t epoch;
    bool in_vain;       /* records are counted but not told */
    uint64_t time_ms;   /* of messages from now on; 0: they have none */
    struct buf payload; /* of the last record */
};

/* Epoch 1, at the beginning of segment 1. */
void tape_init(struct tape *tape);
void tape_fini(struct tape *tape);

/* What inventory_apply says to a record with that payload. */
int tape_tell(struct tape *tape, uint8_t type, struct slice payload);

/* The segment is full: the next record is in the next one. */
void tape_end_segment(struct tape *tape);

uint64_t tape_segment(const struct tape *tape);

/* The broker was started again; what was paged is forgotten, as by a checkpoint and recovery. */
void tape_restart(struct tape *tape);

/* As recovery does, the inventory is made again from a checkpoint of itself. */
void tape_checkpoint(struct tape *tape);

/* These fail the test when the record is refused. */

void tape_begin(struct tape *tape);
void tape_commit(struct tape *tape);

/* Durable queue ID, called "q<ID>". */
void tape_queue(struct tape *tape, uint64_t id);

/* The same with priorities up to MOST. */
void tape_priority_queue(struct tape *tape, uint64_t id, uint8_t most);
void tape_delete_queue(struct tape *tape, uint64_t id);

/* Of type direct; with no name the default one is meant. */
void tape_exchange(struct tape *tape, const char *name);
void tape_delete_exchange(struct tape *tape, const char *name);

/* Of exchange SOURCE to queue ID, or to exchange DESTINATION. */
void tape_bind(struct tape *tape, const char *source, uint64_t id, const char *key);
void tape_unbind(struct tape *tape, const char *source, uint64_t id, const char *key);
void tape_bind_exchange(struct tape *tape, const char *source, const char *destination);

/* The value is a table with one field. */
void tape_define(struct tape *tape, enum definition_kind kind, const char *key, const char *value);
void tape_undefine(struct tape *tape, enum definition_kind kind, const char *key);

/* Where a message is. */
struct tape_place {
    uint64_t queue, position;
};

/* A record of KIND (STORE_MESSAGE, STORE_PAGE or STORE_MOVED) of a message for COUNT places, whose
 * body has BYTES, which are not there. PARTS_LSN: of its first part, or 0. Its status. */
int tape_message(struct tape *tape, enum store_record_kind kind, const struct tape_place *places,
                 uint32_t count, uint32_t bytes, uint64_t parts_lsn);

/* The same with 10 bytes for one place, or for all in [FIRST, END) one by one. */
void tape_put(struct tape *tape, enum store_record_kind kind, uint64_t queue, uint64_t position);
void tape_put_range(struct tape *tape, enum store_record_kind kind, uint64_t queue, uint64_t first,
                    uint64_t end);

/* 10 bytes for each position. */
void tape_settle(struct tape *tape, uint64_t queue, uint64_t first, uint64_t span);
void tape_settle_bytes(struct tape *tape, uint64_t queue, uint64_t first, uint64_t span,
                       uint64_t bytes);
void tape_requeue(struct tape *tape, uint64_t queue, uint64_t position, uint32_t count);
void tape_stop(struct tape *tape, uint64_t queue, uint64_t position);

/* QUEUE, which must be there. */
const struct inventory_queue *tape_find(struct tape *tape, uint64_t queue);

/* Fails the test unless what lives of QUEUE is TEXT: "3@1 4@1x2 7@2p" for position 3 in segment 1,
 * position 4 there that was delivered twice, and position 7 in segment 2, paged. */
void tape_expect(struct tape *tape, uint64_t queue, const char *text);

/* VALUE is what was defined last; NULL: there is no such definition. */
void tape_expect_definition(struct tape *tape, enum definition_kind kind, const char *key,
                            const char *value);

/* The same of all that a segment has. */
void tape_expect_live(const struct tape *tape, uint64_t segment, uint32_t live);

#endif
