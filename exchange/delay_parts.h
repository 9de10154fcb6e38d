/* SPDX-License-Identifier: Apache-2.0
 *
 * delay_parts: what the files of a delay share.
 */
#ifndef STOATMQ_EXCHANGE_DELAY_PARTS_H
#define STOATMQ_EXCHANGE_DELAY_PARTS_H

#include "exchange/delay.h"
#include "exchange/due_heap.h"
#include "exchange/engine.h"
#include "exchange/exchange.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "server/base/map.h"

/* A message in memory. */
struct near_entry {
    struct due due;
    struct message *message;
};

/* One that is on its way out of memory: its place is in `far` already. */
struct leaving_entry {
    uint64_t position;
    uint64_t lsn;            /* when the store is durable up to here, it has the message */
    struct message *message; /* NULL: it came back to memory, or is cancelled */
};

/* First in, first out, and so in order of both. */
struct leaving {
    struct leaving_entry *entries; /* entries[head..end) */
    uint32_t head, end, capacity;
};

/* What the store has been asked for. */
enum delay_fetch {
    DELAY_QUIET,      /* nothing */
    DELAY_READS_DUE,  /* `asked` */
    DELAY_READS_ONE,  /* the message that the first of `cancels` is about */
    DELAY_READS_REST, /* more of what an earlier run has left */
    DELAY_VOID,       /* something that is not wanted any more */
};

struct delay {
    struct exchange *exchange; /* NULL: it is deleted, and an answer is still to come */
    struct queue *queue;
    struct queue_clock clock; /* the queue's: messages get their time */
    struct timer timer;
    uint64_t count;                  /* that wait: in `near`, in `leaving`, cold */
    struct due_heap near;            /* struct near_entry */
    struct due_heap far;             /* struct due; of those that are gone as well */
    struct leaving leaving;          /* of `far` */
    uint64_t cold_count, cold_bytes; /* in the store alone; bytes of bodies */
    struct map cancelled;            /* positions in `far`, or still to be read, that are gone */
    struct list_node by_leaving;     /* in engine.delays.leaving */
    enum delay_fetch fetch;          /* by queue.paging.fetch in engine.fetching */
    struct due *asked;               /* by position */
    uint32_t asked_count;            /* of DELAY_READS_DUE */
    struct due asked_first;          /* which of these is due first */
    uint64_t rest_first, rest_end;   /* what an earlier run has left at these is still to be read */
    uint32_t look_count;             /* somebody wants to see so many; 0: nobody */
    struct list cancels;             /* struct delay_cancel.by_delay: whether there is one */
    uint64_t read_again_ms;          /* not before, since reading has failed; or 0 */
    bool is_logged;                  /* that it did */
};

static inline struct engine *delay_engine(const struct delay *delay)
{
    return delay->queue->vhost->engine;
}

static inline uint64_t delay_now_ms(const struct delay *delay)
{
    const struct env *env = delay_engine(delay)->env;
    return env->now_ms(env->context);
}

/* --- delay.c --------------------------------------------------------------------------------- */

/* So many more wait than did, or fewer. */
void delay_add_count(struct delay *delay, int64_t more);

/* Keeps ENTRY, with its reference, in memory until it is due; or takes out the one in place AT. */
void delay_keep(struct delay *delay, const struct near_entry *entry);
void delay_let_go(struct delay *delay, uint32_t at, struct near_entry *entry);

/* The first in memory may be delivered when it is due: none that is not comes before it. */
bool delay_is_first(const struct delay *delay);

/* Asks the store for what is wanted of it, and sets the timer to what comes next. Returns as
 * delay_ask. */
uint32_t delay_schedule(struct delay *delay);

/* --- delay_store.c --------------------------------------------------------------------------- */

/* MESSAGE, whose reference is taken, leaves memory until shortly before it is due. */
void delay_leave(struct delay *delay, const struct due *due, struct message *message);

/* The message at POSITION, with its reference, when it is on its way out of memory; else NULL. */
struct message *delay_catch(struct delay *delay, uint64_t position);

/* Is the position one that is gone? Then it is forgotten. */
bool delay_forget_cancelled(struct delay *delay, uint64_t position);

/* May more be brought to memory? */
bool delay_has_room(const struct delay *delay);

/* Asks the store, which is not asked anything, for what is most urgent. Returns how many places
 * that took out of `far`. */
uint32_t delay_ask(struct delay *delay);

/* When there will be something to ask for, since 1970; TIMER_NEVER: nobody knows. */
uint64_t delay_asks_at_ms(const struct delay *delay);

/* All that waits is over; the store is told so by delay_settle_all alone. */
void delay_settle_all(struct delay *delay);
void delay_drop(struct delay *delay);

/* --- delay_list.c ---------------------------------------------------------------------------- */

/* Cancels those that can be without asking the store, up to the first that cannot; whether any was.
 */
bool delay_cancel_here(struct delay *delay);

/* MESSAGE, at the position that the first of `cancels` is about, has been read, and its reference
 * is taken; NULL: there is none, or with a negative STATUS it cannot be read. */
void delay_cancel_read(struct delay *delay, struct message *message, int status);

/* Whoever still wants a message away is told that there is none. */
void delay_end_cancels(struct delay *delay);

#endif
