/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. What became durable is followed first, since everything else builds on it; then
 * fetches are answered, as somebody waits for them; then one step at a time of what has no hurry. A
 * fetch is asked for only once what it wants is durable, which the writer says only after it has
 * given the bytes away: so they are in front of the fetch.
 */
#include "persist/keeper.h"

#include <time.h>

#include "exchange/message.h"
#include "persist/keeper_parts.h"
#include "server/base/check.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define WAITING_MAX  (64u << 20)  /* bytes to be followed at which the writer waits */
#define BUFFER_MAX   (8u << 20)   /* of a batch that is kept for another */
#define RETRY_MS     500          /* between attempts to make a file on a full disk */
#define GATHER_MS    20           /* small batches may wait so long, */
#define GATHER_BYTES (64u * 1024) /* unless they are so much */

/* --- following the log -------------------------------------------------------------------- */

static void follow_record(struct keeper *keeper, const struct record *record)
{
    int status = inventory_apply(&keeper->inventory, record);
    CHECK_ID(status >= 0, record->lsn); /* we wrote it ourselves */
    keeper->segment = lsn_segment(record->lsn);
    keeper->filled = lsn_offset(record->lsn);
    keeper->next_lsn = record_next_lsn(record);
    if (status == 0)
        return;
    if (inventory_is_between(&keeper->inventory))
        keeper_keep_index(keeper);
    keeper_segment_ended(keeper);
}

/* Records as the writer wrote them: an END is its header only. */
static void follow(struct keeper *keeper, struct slice bytes)
{
    while (bytes.size > 0) {
        struct record record;
        record_take(bytes, &record);
        follow_record(keeper, &record);
        size_t size = record.type == RECORD_END ? RECORD_HEADER_BYTES
                                                : record_bytes((uint32_t)record.payload.size);
        bytes = slice_of(bytes.data + size, bytes.size - size);
    }
}

/* --- work --------------------------------------------------------------------------------- */

/* One step of what has no hurry; true: there is more. */
static bool upkeep(struct keeper *keeper)
{
    if (keeper_prepare(keeper))
        return true;
    if (keeper->next_bytes.size > 0 && keeper_finish_checkpoint(keeper))
        return true;
    if (keeper_empty(keeper))
        return true;
    return keeper_consider_checkpoint(keeper);
}

static void answer_fetch(struct keeper *keeper, struct keeper_fetch *fetch)
{
    struct keeper_answer *answer = mem_zalloc(sizeof *answer);
    keeper_read(keeper, fetch->queue_id, &fetch->fetch, &answer->answer);
    mem_free(fetch);
    pthread_mutex_lock(&keeper->lock);
    *keeper->answers_end = answer;
    keeper->answers_end = &answer->next;
    keeper->counters.messages_read += answer->answer.count;
    keeper->counters.reads = keeper->reader.reads;
    keeper->counters.bytes_read = keeper->reader.bytes_read;
    keeper->counters.read_ns = keeper->reader.read_ns;
    pthread_mutex_unlock(&keeper->lock);
    keeper->on_work(keeper->context);
}

static void work_off(struct keeper *keeper, struct keeper_batch *batches)
{
    while (batches != NULL) {
        struct keeper_batch *batch = batches;
        batches = batch->next;
        follow(keeper, buf_slice(&batch->bytes));
        pthread_mutex_lock(&keeper->lock);
        keeper->waiting_bytes -= batch->bytes.size;
        if (keeper->spare_buffers < KEEPER_SPARE_BUFFERS && batch->bytes.capacity <= BUFFER_MAX) {
            batch->bytes.size = 0;
            keeper->spare_bytes[keeper->spare_buffers++] = batch->bytes;
            buf_init(&batch->bytes);
        }
        pthread_cond_signal(&keeper->taken);
        pthread_mutex_unlock(&keeper->lock);
        buf_fini(&batch->bytes);
        mem_free(batch);
    }
}

/* Is there nothing but a few small batches? With the lock held. */
static bool may_gather(const struct keeper *keeper)
{
    return keeper->batches != NULL && keeper->waiting_bytes < GATHER_BYTES &&
           keeper->fetches == NULL && !keeper->full && !keeper->stopping;
}

/* Waits to be woken, but no longer than MS; with the lock held. */
static void wait_ms(struct keeper *keeper, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
}

/* Waits until there is something to do; a full disk is tried again after a while. Small batches are
 * let gather: to be woken for each would take a processor from whoever waits for its confirm. */
static void wait_for_work(struct keeper *keeper)
{
    if (keeper->full)
        wait_ms(keeper, RETRY_MS);
    else
        pthread_cond_wait(&keeper->wake, &keeper->lock);
    if (!may_gather(keeper))
        return;
    keeper->gathering = true;
    wait_ms(keeper, GATHER_MS);
    keeper->gathering = false;
}

/* Does the most urgent thing, with the lock held, which is let go meanwhile; false: there was
 * nothing, when IDLE says that upkeep is done. */
static bool work(struct keeper *keeper, bool *idle)
{
    if (keeper->batches != NULL) {
        struct keeper_batch *batches = keeper->batches;
        keeper->batches = NULL;
        keeper->batches_end = &keeper->batches;
        pthread_mutex_unlock(&keeper->lock);
        work_off(keeper, batches);
        *idle = false;
    } else if (keeper->fetches != NULL) {
        struct keeper_fetch *fetch = keeper->fetches;
        keeper->fetches = fetch->next;
        if (keeper->fetches == NULL)
            keeper->fetches_end = &keeper->fetches;
        pthread_mutex_unlock(&keeper->lock);
        answer_fetch(keeper, fetch);
    } else if (!*idle) {
        pthread_mutex_unlock(&keeper->lock);
        *idle = !upkeep(keeper);
    } else {
        return false;
    }
    pthread_mutex_lock(&keeper->lock);
    return true;
}

static void *run(void *context)
{
    struct keeper *keeper = context;
    bool idle = false;
    pthread_mutex_lock(&keeper->lock);
    while (!keeper->stopping || keeper->batches != NULL) {
        if (work(keeper, &idle))
            continue;
        wait_for_work(keeper);
        idle = !keeper->full && idle;
    }
    pthread_mutex_unlock(&keeper->lock);
    return NULL;
}

/* Without a thread: all that there is to do, now. */
static void run_threadless(struct keeper *keeper)
{
    bool idle = false;
    pthread_mutex_lock(&keeper->lock);
    while (work(keeper, &idle))
        ;
    pthread_mutex_unlock(&keeper->lock);
}

/* --- the others' side --------------------------------------------------------------------- */

void keeper_give(struct keeper *keeper, struct buf *bytes)
{
    struct keeper_batch *batch = mem_zalloc(sizeof *batch);
    batch->bytes = *bytes;
    buf_init(bytes);
    pthread_mutex_lock(&keeper->lock);
    while (keeper->waiting_bytes > WAITING_MAX && !keeper->threadless)
        pthread_cond_wait(&keeper->taken, &keeper->lock);
    if (keeper->spare_buffers > 0)
        *bytes = keeper->spare_bytes[--keeper->spare_buffers];
    keeper->waiting_bytes += batch->bytes.size;
    *keeper->batches_end = batch;
    keeper->batches_end = &batch->next;
    if (!keeper->gathering || !may_gather(keeper))
        pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
    if (keeper->threadless)
        run_threadless(keeper);
}

void keeper_claim(struct keeper *keeper, uint64_t segment)
{
    pthread_mutex_lock(&keeper->lock);
    if (segment > keeper->claimed)
        keeper->claimed = segment;
    pthread_mutex_unlock(&keeper->lock);
}

void keeper_disclaim(struct keeper *keeper, uint64_t segment)
{
    pthread_mutex_lock(&keeper->lock);
    if (keeper->claimed == segment)
        keeper->claimed = segment - 1;
    pthread_mutex_unlock(&keeper->lock);
}

void keeper_fetch(struct keeper *keeper, uint64_t queue_id, const struct store_fetch *fetch)
{
    size_t list_bytes = fetch->position_count * sizeof(uint64_t);
    struct keeper_fetch *waiting = mem_zalloc(sizeof *waiting + list_bytes);
    waiting->queue_id = queue_id;
    waiting->fetch = *fetch;
    if (list_bytes > 0)
        memcpy(waiting->positions, fetch->positions, list_bytes);
    waiting->fetch.positions = waiting->positions;
    pthread_mutex_lock(&keeper->lock);
    *keeper->fetches_end = waiting;
    keeper->fetches_end = &waiting->next;
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
    if (keeper->threadless)
        run_threadless(keeper);
}

bool keeper_fetched(struct keeper *keeper, struct store_answer *answer)
{
    pthread_mutex_lock(&keeper->lock);
    struct keeper_answer *first = keeper->answers;
    if (first != NULL) {
        keeper->answers = first->next;
        if (keeper->answers == NULL)
            keeper->answers_end = &keeper->answers;
    }
    pthread_mutex_unlock(&keeper->lock);
    if (first == NULL)
        return false;
    *answer = first->answer;
    mem_free(first);
    return true;
}

void keeper_push_move(struct keeper *keeper, struct keeper_move *move)
{
    pthread_mutex_lock(&keeper->lock);
    bool first = keeper->moves == NULL;
    *keeper->moves_end = move;
    keeper->moves_end = &move->next;
    keeper->counters.messages_moved++;
    pthread_mutex_unlock(&keeper->lock);
    if (first)
        keeper->on_work(keeper->context);
}

struct keeper_move *keeper_take_move(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    struct keeper_move *move = keeper->moves;
    if (move != NULL) {
        keeper->moves = move->next;
        if (keeper->moves == NULL)
            keeper->moves_end = &keeper->moves;
    }
    pthread_mutex_unlock(&keeper->lock);
    return move;
}

void keeper_set_tight(struct keeper *keeper, bool tight)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->tight = tight;
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
}

void keeper_move_free(struct keeper_move *move)
{
    if (move->message != NULL)
        message_unref(move->message);
    buf_fini(&move->targets);
    mem_free(move);
}

struct keeper_counters keeper_count(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    struct keeper_counters counters = keeper->counters;
    pthread_mutex_unlock(&keeper->lock);
    return counters;
}

bool keeper_is_full(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    bool full = keeper->full;
    pthread_mutex_unlock(&keeper->lock);
    return full;
}

/* --- life --------------------------------------------------------------------------------- */

struct keeper *keeper_new(const struct keeper_config *config, bool threadless)
{
    struct keeper *keeper = mem_zalloc(sizeof *keeper);
    keeper->io = config->io;
    memcpy(keeper->node_id, config->node_id, NODE_ID_BYTES);
    keeper->inventory = *config->inventory;
    keeper->inventory.recovering = false;
    inventory_init(config->inventory);
    keeper->checkpoint = config->checkpoint;
    keeper->threadless = threadless;
    keeper->on_work = config->on_work;
    keeper->context = config->context;
    keeper->claimed = lsn_segment(config->end_lsn);
    keeper->next_lsn = keeper->found_lsn = config->end_lsn;
    keeper->segment = lsn_segment(config->end_lsn - SEGMENT_HEADER_BYTES - 1);
    keeper->emptying.given = keeper->inventory.moves;
    keeper->making = -1;
    keeper->batches_end = &keeper->batches;
    keeper->fetches_end = &keeper->fetches;
    keeper->answers_end = &keeper->answers;
    keeper->moves_end = &keeper->moves;
    segment_reader_init(&keeper->reader, config->io);
    CHECK(pthread_mutex_init(&keeper->lock, NULL) == 0 &&
          pthread_cond_init(&keeper->wake, NULL) == 0 &&
          pthread_cond_init(&keeper->taken, NULL) == 0);
    keeper_find_files(keeper);
    if (!threadless)
        CHECK(pthread_create(&keeper->thread, NULL, run, keeper) == 0);
    return keeper;
}

static void free_answers(struct keeper *keeper)
{
    struct store_answer answer;
    while (keeper_fetched(keeper, &answer)) {
        for (uint32_t i = 0; i < answer.count; i++)
            message_unref(answer.entries[i].message);
        mem_free(answer.entries);
    }
    for (struct keeper_move *move; (move = keeper_take_move(keeper)) != NULL;)
        keeper_move_free(move);
    while (keeper->fetches != NULL) {
        struct keeper_fetch *fetch = keeper->fetches;
        keeper->fetches = fetch->next;
        mem_free(fetch);
    }
}

void keeper_free(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->stopping = true;
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
    if (!keeper->threadless)
        CHECK(pthread_join(keeper->thread, NULL) == 0);
    free_answers(keeper);
    keeper_empty_fini(keeper);
    if (keeper->making >= 0)
        (void)keeper->io->close(keeper->io, keeper->making);
    for (unsigned i = 0; i < KEEPER_INDEXES; i++)
        segment_index_fini(&keeper->indexes[i]);
    segment_reader_fini(&keeper->reader);
    inventory_fini(&keeper->inventory);
    buf_fini(&keeper->next_bytes);
    while (keeper->spare_buffers > 0)
        buf_fini(&keeper->spare_bytes[--keeper->spare_buffers]);
    mem_free(keeper->dead);
    pthread_cond_destroy(&keeper->taken);
    pthread_cond_destroy(&keeper->wake);
    pthread_mutex_destroy(&keeper->lock);
    mem_free(keeper);
}
