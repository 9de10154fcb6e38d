/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/deque.h"

#include "exchange/message.h"
#include "server/base/check.h"
#include "server/base/mem.h"

#define POOL_BLOCKS_MAX 64

#define PREFETCH_DISTANCE 6
#define PREFETCH_LINE     64

/* --- blocks ---------------------------------------------------------------------------------- */

static struct deque_block *take_block(struct deque_pool *pool)
{
    struct deque_block *block = pool->spare;
    if (block == NULL)
        return mem_alloc(sizeof *block);
    pool->spare = block->next;
    pool->spare_count--;
    return block;
}

static void give_block(struct deque_pool *pool, struct deque_block *block)
{
    pool->bytes -= block->bytes;
    if (block->leaving_lsn != 0)
        pool->leaving_bytes -= block->bytes;
    mem_free(block->delivery_counts);
    if (pool->spare_count >= POOL_BLOCKS_MAX) {
        mem_free(block);
        return;
    }
    block->next = pool->spare;
    pool->spare = block;
    pool->spare_count++;
}

void deque_pool_fini(struct deque_pool *pool)
{
    CHECK_ID(pool->bytes == 0, pool->bytes);
    while (pool->spare != NULL) {
        struct deque_block *block = pool->spare;
        pool->spare = block->next;
        mem_free(block);
    }
    pool->spare_count = 0;
}

/* A block whose next free place stands for POSITION. */
static struct deque_block *add_block(struct deque *deque, struct deque_run *run,
                                     struct deque_pool *pool, uint64_t position)
{
    struct deque_block *block = take_block(pool);
    block->next = NULL;
    block->prev = run->tail;
    block->first_position = position;
    block->leaving_lsn = 0;
    block->delivery_counts = NULL;
    block->begin = block->end = block->bytes = 0;
    if (run->tail == NULL)
        run->head = block;
    else
        run->tail->next = block;
    run->tail = block;
    deque->blocks++;
    return block;
}

/* Takes BLOCK out of RUN. */
static void remove_block(struct deque *deque, struct deque_run *run, struct deque_block *block)
{
    if (block->prev == NULL)
        run->head = block->next;
    else
        block->prev->next = block->next;
    if (block->next == NULL)
        run->tail = block->prev;
    else
        block->next->prev = block->prev;
    deque->blocks--;
}

/* --- first in, first out --------------------------------------------------------------------- */

/* Appends to RUN; returns the block that it went to, as the last in it. */
static struct deque_block *append(struct deque *deque, struct deque_run *run,
                                  struct deque_pool *pool, uint64_t position,
                                  struct message *message)
{
    struct deque_block *block = run->tail;
    if (block != NULL)
        CHECK_ID(position >= block->first_position + block->end, position);
    if (block == NULL || block->end == DEQUE_BLOCK_MESSAGES ||
        block->bytes >= DEQUE_BLOCK_BYTES_MAX || block->leaving_lsn != 0 ||
        position != block->first_position + block->end)
        block = add_block(deque, run, pool, position);
    uint32_t bytes = message_memory_bytes(message);
    block->messages[block->end++] = message;
    block->bytes += bytes;
    pool->bytes += bytes;
    return block;
}

void deque_push(struct deque *deque, struct deque_pool *pool, uint64_t position,
                struct message *message)
{
    struct deque_run *run = deque->cold.count == 0 ? &deque->front : &deque->back;
    (void)append(deque, run, pool, position, message);
    deque->count++;
}

bool deque_pop(struct deque *deque, struct deque_pool *pool, struct returned_entry *entry,
               bool *is_leaving)
{
    struct deque_block *block = deque->front.head;
    if (block == NULL)
        return false;
    CHECK(block->begin < block->end);
    uint32_t at = block->begin++;
    struct message *message = block->messages[at];
    *entry = (struct returned_entry){
        .position = block->first_position + at,
        .message = message,
        .delivery_count = block->delivery_counts == NULL ? 0 : block->delivery_counts[at],
    };
    *is_leaving = block->leaving_lsn != 0;
    deque->count--;
    if (block->begin == block->end) {
        remove_block(deque, &deque->front, block);
        give_block(pool, block);
    }
    return true;
}

uint64_t deque_first(const struct deque *deque, uint64_t none)
{
    if (deque->front.head != NULL)
        return deque->front.head->first_position + deque->front.head->begin;
    return deque->cold.count > 0 ? deque->cold.first : none;
}

void deque_prefetch(const struct deque *deque)
{
    const struct deque_block *block = deque->front.head;
    if (block != NULL && block->begin + PREFETCH_DISTANCE < block->end) {
        const char *message = (const char *)block->messages[block->begin + PREFETCH_DISTANCE];
        __builtin_prefetch(message);
        __builtin_prefetch(message + PREFETCH_LINE);
    }
}

/* --- the cold range -------------------------------------------------------------------------- */

struct deque_block *deque_coldest(const struct deque *deque)
{
    if (deque->blocks <= DEQUE_BLOCKS_KEPT)
        return NULL;
    if (deque->cold.count == 0)
        return deque->front.head->next->next;
    return deque->back.head != deque->back.tail ? deque->back.head : deque->front.tail;
}

/* Begins a cold range in front of BLOCK, which becomes the first of the back. */
static void split(struct deque *deque, struct deque_block *block)
{
    CHECK(block->prev != NULL && deque->back.head == NULL);
    deque->back = (struct deque_run){block, deque->front.tail};
    deque->front.tail = block->prev;
    deque->front.tail->next = NULL;
    block->prev = NULL;
    deque->cold.first = deque->cold.end = block->first_position + block->begin;
}

/* Ends the cold range, when nothing is left in it. */
static void join(struct deque *deque)
{
    CHECK_ID(deque->cold.count == 0, deque->cold.first);
    deque->cold = (struct deque_cold){0};
    if (deque->back.head == NULL)
        return;
    deque->back.head->prev = deque->front.tail;
    if (deque->front.tail == NULL)
        deque->front.head = deque->back.head;
    else
        deque->front.tail->next = deque->back.head;
    deque->front.tail = deque->back.tail;
    deque->back = (struct deque_run){NULL, NULL};
}

void deque_let_leave(struct deque_pool *pool, struct deque_block *block, uint64_t lsn)
{
    CHECK(lsn != 0 && block->leaving_lsn == 0);
    block->leaving_lsn = lsn;
    pool->leaving_bytes += block->bytes;
}

void deque_freeze(struct deque *deque, struct deque_pool *pool, struct deque_block *block)
{
    struct deque_cold *cold = &deque->cold;
    uint64_t first = block->first_position + block->begin;
    uint64_t end = block->first_position + block->end;
    if (cold->count == 0)
        split(deque, block);
    if (block == deque->back.head) {
        CHECK_ID(first >= cold->end, first);
        remove_block(deque, &deque->back, block);
        cold->end = end;
    } else {
        CHECK_ID(block == deque->front.tail && end <= cold->first, first);
        remove_block(deque, &deque->front, block);
        cold->first = first;
    }
    for (uint32_t i = block->begin; i < block->end; i++) {
        struct message *message = block->messages[i];
        cold->bytes += message->body_bytes;
        message_unref(message);
    }
    cold->count += block->end - block->begin;
    give_block(pool, block);
}

uint64_t deque_thaw(struct deque *deque, struct deque_pool *pool,
                    const struct returned_entry *entry)
{
    struct deque_cold *cold = &deque->cold;
    uint64_t body_bytes = entry->message->body_bytes;
    uint64_t known = body_bytes < cold->bytes ? body_bytes : cold->bytes;
    CHECK_ID(cold->count > 0 && entry->position >= cold->first && entry->position < cold->end,
             entry->position);
    struct deque_block *block = append(deque, &deque->front, pool, entry->position, entry->message);
    if (entry->delivery_count > 0) {
        if (block->delivery_counts == NULL)
            block->delivery_counts = mem_zalloc(DEQUE_BLOCK_MESSAGES *
                                                sizeof *block->delivery_counts);
        block->delivery_counts[block->end - 1] = entry->delivery_count;
    }
    cold->count--;
    cold->bytes -= known;
    return body_bytes - known;
}

uint64_t deque_thawed(struct deque *deque, uint64_t next)
{
    struct deque_cold *cold = &deque->cold;
    uint64_t left = cold->bytes;
    CHECK_ID(next > cold->first, next);
    cold->first = next;
    if (next < cold->end && cold->count > 0)
        return 0;
    join(deque);
    return left;
}

void deque_fill_cold(struct deque *deque, const struct deque_cold *cold)
{
    CHECK(deque_is_empty(deque));
    CHECK_ID(cold->count <= cold->end - cold->first, cold->first);
    deque->cold = *cold;
    deque->count = cold->count;
}

struct deque_cold deque_drop_cold(struct deque *deque)
{
    struct deque_cold dropped = deque->cold;
    deque->count -= dropped.count;
    deque->cold = (struct deque_cold){0};
    join(deque);
    return dropped;
}
