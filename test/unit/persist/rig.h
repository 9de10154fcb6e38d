/* SPDX-License-Identifier: Apache-2.0
 *
 * rig: a store on some disk without an engine: recovered, log and keeper open, told by a test what
 * an engine would tell it. Messages have contents that follow from their queue and position, so
 * that what is read can be judged. With threads or without; the test's thread only.
 */
#ifndef STOATMQ_TEST_PERSIST_RIG_H
#define STOATMQ_TEST_PERSIST_RIG_H

#include <pthread.h>

#include "exchange/queue.h"
#include "persist/recovery.h"
#include "persist/store_log.h"
#include "server/base/buf.h"

enum { RIG_QUEUES = 400 }; /* their numbers are from 1 on and below this; the last is not used */

struct rig {
    struct io *io;
    struct keeper *keeper;
    struct commit_log *log;
    struct store_log store;
    struct scan scan;  /* as recovery found it; its error */
    uint64_t messages; /* that it found */
    uint64_t last_lsn; /* of the last record */
    struct queue queues[RIG_QUEUES];
    pthread_mutex_t lock; /* guards news */
    pthread_cond_t woken;
    uint64_t news; /* calls of on_durable and on_work */
};

/* Opens the store in IO: 0, or a negative errno, with rig->scan.error filled when it is recovery's;
 * then there is nothing to close. */
int rig_open(struct rig *rig, struct io *io, bool threadless);

/* The same; fails the test when it cannot be opened. */
void rig_start(struct rig *rig, struct io *io, bool threadless);

void rig_close(struct rig *rig);

/* --- what is told: each returns its LSN ------------------------------------------------------- */

uint64_t rig_queue(struct rig *rig, uint64_t queue);
uint64_t rig_delete_queue(struct rig *rig, uint64_t queue);

/* The message at POSITION of QUEUE, with a body of BYTES. */
uint64_t rig_put(struct rig *rig, uint64_t queue, uint64_t position, uint32_t bytes);
uint64_t rig_page(struct rig *rig, uint64_t queue, uint64_t position, uint32_t bytes);

/* For queues FIRST to FIRST + COUNT - 1; its contents are those of queue FIRST. */
uint64_t rig_put_all(struct rig *rig, uint64_t first, uint32_t count, uint64_t position,
                     uint32_t bytes);

void rig_settle(struct rig *rig, uint64_t queue, uint64_t position, uint64_t span, uint64_t bytes);
void rig_requeue(struct rig *rig, uint64_t queue, uint64_t position, uint32_t count);

/* The end of a tick: returns how far the log is durable. */
uint64_t rig_flush(struct rig *rig);

/* Ticks until all is durable, also what nobody waits for (a record that means nothing and is waited
 * for sees to that); false: the log has failed, or the disk is full. */
bool rig_sync(struct rig *rig);

/* --- what is asked ---------------------------------------------------------------------------- */

/* Asks for messages of QUEUE, and waits for the answer. Free it with rig_free_answer. */
struct store_answer rig_fetch(struct rig *rig, uint64_t queue, uint64_t first, uint64_t end,
                              uint32_t bytes);
void rig_free_answer(struct store_answer *answer);

/* The same for COUNT of its POSITIONS alone, which ascend. */
struct store_answer rig_fetch_positions(struct rig *rig, uint64_t queue, const uint64_t *positions,
                                        uint32_t count, uint32_t bytes);

/* Is MESSAGE what rig_put made for that place? */
bool rig_is_right(struct message *message, uint64_t queue, uint64_t position);

/* Fails the test unless the positions of QUEUE from FIRST on and below END, fetched bit by bit, are
 * TEXT ("1 2 5x3": the last was delivered three times), and all contents are right. */
void rig_expect(struct rig *rig, uint64_t queue, uint64_t first, uint64_t end, const char *text);

/* Fetches all of QUEUE, whose contents must be right, and counts; what cannot be read ends it with
 * the answer's status in STATUS (which may be NULL: then that fails the test). */
uint64_t rig_count(struct rig *rig, uint64_t queue, int *status);

/* Waits, with threads, until CHECK says yes; ticks in between. Fails the test after a minute. */
void rig_wait(struct rig *rig, bool (*check)(struct rig *rig, void *context), void *context);

/* --- what is there ---------------------------------------------------------------------------- */

/* How many files of IO have a name that ends with SUFFIX. */
unsigned rig_files(struct io *io, const char *suffix);

/* Is there a file of that name? */
bool rig_has_file(struct io *io, const char *name);

/* Fails the test when there is a file that no store should have left behind in a close. */
void rig_expect_tidy(struct io *io);

#endif
