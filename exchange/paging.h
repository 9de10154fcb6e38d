/* SPDX-License-Identifier: Apache-2.0
 *
 * paging: backlogs outside memory. When the messages that wait in queues take more memory than the
 * engine's watermark, those in the middle of long queues become cold (deque.h): they are in the
 * store alone, and are fetched from there when somebody is about to need them. What the store does
 * not have of itself (STORE_MESSAGE: persistent, for a durable queue) it is given for the time
 * being (STORE_PAGE). Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_PAGING_H
#define STOATMQ_EXCHANGE_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/list.h"

struct engine;
struct queue;
struct returned_entry;

enum paging_state {
    PAGING_QUIET,
    PAGING_FETCHING,   /* the store has been asked for the beginning of the cold range */
    PAGING_VOID,       /* and that is not wanted any more */
    PAGING_UNREADABLE, /* it could not be read; it is asked for again in the next second */
};

/* Of a queue. */
struct paging {
    enum paging_state state;
    struct list_node fetch;   /* in engine.fetching or engine.unreadable, as the state says */
    struct list_node backlog; /* in engine.backlogs: more blocks are in memory than need be */
    struct list getters;      /* struct session.by_holder: basic.get waits for messages */
    struct list waits;        /* struct paging_wait.by_queue */
    uint64_t answered_ms;     /* when messages came last */
    uint32_t fetch_bytes;     /* what was asked for last */
    uint32_t level;           /* that this was of */
    bool is_logged;           /* that it cannot be read */
    bool is_used;             /* the store was given messages of this queue by STORE_PAGE */
};

/* Somebody may take the queue's next message, which is cold: asks the store for it, unless that has
 * been done. When it has come, the queue is dispatched. */
void paging_fetch(struct queue *queue);

/* The same by somebody who only looks at that message: does not ask for more. */
void paging_fetch_first(struct queue *queue);

/* Somebody who is no session waits for a queue's messages. Embedded in its owner, who keeps it
 * until done is called. */
struct paging_wait {
    struct list_node by_queue;
    void (*done)(struct paging_wait *wait); /* must neither apply commands nor take messages */
};

/* A message has come to QUEUE's highest level, which is all in memory: whoever waits for what is
 * being read may take that. */
void paging_overtaken(struct queue *queue);

/* Asks the store for messages as paging_fetch does. WAIT's done is called once, when some have
 * come, or when what was cold is dropped or cannot be read. False: nothing is cold, or it cannot be
 * read at present; done is not called then. */
bool paging_await(struct queue *queue, struct paging_wait *wait)
    __attribute__((warn_unused_result));

/* Calls done for all who wait. */
void paging_end_waits(struct queue *queue);

/* ENTRY was taken from a block that had been looked at: what the store was given of it is settled.
 */
void paging_taken(struct queue *queue, const struct returned_entry *entry);

/* The queue has a block too many in memory. */
void paging_note_backlog(struct queue *queue);

/* Drops the cold messages of the queue's first level; they are settled, unless the queue is
 * deleted. */
void paging_drop(struct queue *queue);

/* Nothing of a queue that is deleted is to be looked at any more. */
void paging_forget(struct queue *queue);

/* Takes what the store has read since, and has it dispatched at the end of the command or tick. */
void paging_answer(struct engine *engine);

/* Lets messages leave memory when they take too much, a bounded number. Returns whether the store
 * was given something to make durable; asks for another tick (engine.wants_tick) when there is more
 * to do. */
bool paging_evict(struct engine *engine);

/* Gives up waiting for answers, which will not come. */
void paging_fini(struct engine *engine);

#endif
