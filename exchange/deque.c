/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/deque.h"

#include "server/base/check.h"
#include "server/base/mem.h"

#define BLOCK_MESSAGES  508 /* a block is then 4 KiB */
#define POOL_BLOCKS_MAX 64

#define PREFETCH_DISTANCE 6
#define PREFETCH_LINE     64

struct deque_block {
    struct deque_block *next;
    uint64_t first_position; /* of messages[0] */
    uint32_t begin, end;     /* messages[begin..end) are waiting */
    struct message *messages[BLOCK_MESSAGES];
};

static struct deque_block *take_block(struct deque_pool *pool)
{
    struct deque_block *block = pool->spare;
    if (block == NULL)
        return mem_alloc(sizeof *block);
    pool->spare = block->next;
    pool->count--;
    return block;
}

static void give_block(struct deque_pool *pool, struct deque_block *block)
{
    if (pool->count >= POOL_BLOCKS_MAX) {
        mem_free(block);
        return;
    }
    block->next = pool->spare;
    pool->spare = block;
    pool->count++;
}

void deque_pool_fini(struct deque_pool *pool)
{
    while (pool->spare != NULL) {
        struct deque_block *block = pool->spare;
        pool->spare = block->next;
        mem_free(block);
    }
    pool->count = 0;
}

/* A block whose next free place stands for POSITION. */
static struct deque_block *add_block(struct deque *deque, struct deque_pool *pool,
                                     uint64_t position)
{
    struct deque_block *block = take_block(pool);
    block->next = NULL;
    block->first_position = position;
    block->begin = block->end = 0;
    if (deque->tail == NULL)
        deque->head = block;
    else
        deque->tail->next = block;
    deque->tail = block;
    return block;
}

void deque_push(struct deque *deque, struct deque_pool *pool, uint64_t position,
                struct message *message)
{
    struct deque_block *block = deque->tail;
    if (block != NULL)
        CHECK_ID(position >= block->first_position + block->end, position);
    if (block == NULL || block->end == BLOCK_MESSAGES ||
        position != block->first_position + block->end)
        block = add_block(deque, pool, position);
    block->messages[block->end++] = message;
    deque->count++;
}

struct message *deque_pop(struct deque *deque, struct deque_pool *pool, uint64_t *position)
{
    struct deque_block *block = deque->head;
    if (block == NULL)
        return NULL;
    CHECK(block->begin < block->end);
    *position = block->first_position + block->begin;
    struct message *message = block->messages[block->begin++];
    deque->count--;
    if (block->begin == block->end) {
        deque->head = block->next;
        if (deque->head == NULL)
            deque->tail = NULL;
        give_block(pool, block);
    }
    return message;
}

void deque_prefetch(const struct deque *deque)
{
    const struct deque_block *block = deque->head;
    if (block != NULL && block->begin + PREFETCH_DISTANCE < block->end) {
        const char *message = (const char *)block->messages[block->begin + PREFETCH_DISTANCE];
        __builtin_prefetch(message);
        __builtin_prefetch(message + PREFETCH_LINE);
    }
}
