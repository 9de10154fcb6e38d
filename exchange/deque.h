/* SPDX-License-Identifier: Apache-2.0
 *
 * deque: a queue's messages that were never delivered, in order of position: first in, first out.
 * Where there are many, those in the middle are in the store alone (paging.h):
 *
 *     front, in memory | the cold range | back, in memory
 *
 * Without a cold range there is no back. In memory they are in blocks of pointers; positions are
 * implied by a block's first one. Spare blocks are shared by all queues of an engine (struct
 * deque_pool), so that an empty queue holds none. Owns one reference to each message in memory.
 */
#ifndef STOATMQ_EXCHANGE_DEQUE_H
#define STOATMQ_EXCHANGE_DEQUE_H

#include "exchange/returned.h"

/* Messages of a block: it is then 4 KiB. (Tests have smaller ones.) */
#ifndef DEQUE_BLOCK_MESSAGES
#define DEQUE_BLOCK_MESSAGES 505
#endif

/* With so many bytes of messages a block is full, too. */
#define DEQUE_BLOCK_BYTES_MAX (128u << 10)

/* A deque with no more blocks in memory gives none of them to the cold range. */
#define DEQUE_BLOCKS_KEPT 3

struct deque_block {
    struct deque_block *next, *prev;
    uint64_t first_position; /* of messages[0] */
    uint64_t leaving_lsn;    /* when the store is durable up to here, all of it is there; 0: it was
                                not looked at (deque_let_leave) */
    uint32_t *delivery_counts; /* by index; NULL: all are 0 */
    uint32_t begin, end;       /* messages[begin..end) are waiting */
    uint32_t bytes;            /* message_memory_bytes of them and of those before them */
    struct message *messages[DEQUE_BLOCK_MESSAGES];
};

struct deque_run {
    struct deque_block *head, *tail;
};

/* Messages that are in the store alone; none of the positions there is in memory or was delivered.
 */
struct deque_cold {
    uint64_t first, end; /* positions [first, end) */
    uint64_t count;      /* messages at these; 0: there is no cold range, and all else is 0 */
    uint64_t bytes;      /* of their bodies; of what an earlier run has left, about */
};

struct deque {
    struct deque_run front;
    uint64_t count; /* of all three */
    struct deque_cold cold;
    struct deque_run back;
    uint32_t blocks; /* in memory */
    uint64_t ask_at; /* paging.c's: ask for more once the message at this position is taken */
};

/* What the deques of an engine share. */
struct deque_pool {
    struct deque_block *spare;
    unsigned spare_count;
    uint64_t bytes;         /* of all blocks */
    uint64_t leaving_bytes; /* of those that were looked at */
};

void deque_pool_fini(struct deque_pool *pool);

/* Appends MESSAGE, taking its reference, at POSITION, which is above all that are there. */
void deque_push(struct deque *deque, struct deque_pool *pool, uint64_t position,
                struct message *message);

/* Takes the first message with its reference; false when none is in memory in front of the cold
 * range. IS_LEAVING: its block was looked at. */
bool deque_pop(struct deque *deque, struct deque_pool *pool, struct returned_entry *entry,
               bool *is_leaving);

/* The first message, or NULL when none is in memory in front of the cold range. */
static inline const struct message *deque_peek(const struct deque *deque)
{
    const struct deque_block *block = deque->front.head;
    return block == NULL ? NULL : block->messages[block->begin];
}

/* Has the memory of messages a few places ahead of the first brought near; before a run of
 * deque_pop. */
void deque_prefetch(const struct deque *deque);

static inline bool deque_is_empty(const struct deque *deque)
{
    return deque->count == 0;
}

/* The first message's position; NONE when there is none. */
uint64_t deque_first(const struct deque *deque, uint64_t none);

/* --- the cold range -------------------------------------------------------------------------- */

/* The block that is to leave memory first: next to the cold range; NULL when no more than
 * DEQUE_BLOCKS_KEPT are there. Rather one behind the cold range than one before it. */
struct deque_block *deque_coldest(const struct deque *deque);

/* BLOCK was looked at: all of it is in the store when that is durable up to LSN. Nothing more is
 * put into it. */
void deque_let_leave(struct deque_pool *pool, struct deque_block *block, uint64_t lsn);

/* Makes BLOCK, which deque_coldest returned, part of the cold range: drops its references and frees
 * it. */
void deque_freeze(struct deque *deque, struct deque_pool *pool, struct deque_block *block);

/* Puts a message of the cold range, which ENTRY's reference is taken of, at the end of the front.
 * In order of position, and then deque_thawed. Returns by how much its body is larger than all that
 * were left were thought to be. */
uint64_t deque_thaw(struct deque *deque, struct deque_pool *pool,
                    const struct returned_entry *entry);

/* All messages of the cold range below NEXT have been thawed. Returns how many bytes more these
 * were thought to have, when they were the last. */
uint64_t deque_thawed(struct deque *deque, uint64_t next);

/* Makes COLD the cold range of a deque that is empty. */
void deque_fill_cold(struct deque *deque, const struct deque_cold *cold);

/* Forgets the messages of the cold range, and returns what it was. */
struct deque_cold deque_drop_cold(struct deque *deque);

#endif
