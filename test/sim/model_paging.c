/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The model knows nothing of what is in memory and what is not: clients must not see
 * a difference, but that they wait. It only has to know which basic.get waits: that gets what is
 * there when it is answered. The session is left alone until then.
 */
#include "exchange/delay_parts.h"
#include "exchange/priority.h"
#include "server/base/log.h"
#include "test/sim/model_ops.h"

void paging_start(struct model *model, uint64_t watermark)
{
    model->pages = true;
    log_set_level(LOG_ERROR + 1); /* what cannot be read is no news either */
    shelf_init(&model->shelf, &model->harness, watermark);
    model->shelf.answer_max = 8;
    model->shelf.fail_one_in = 20;
    model->shelf.is_hasty = true;
}

void paging_tick(struct model *model)
{
    model->harness.now_ms += below(model, one_in(model, 40) ? 700 : 30);
    if (!model->pages)
        return;
    model->shelf.ticks_max = one_in(model, 10) ? 30 : 3;
}

bool paging_is_away(const struct queue *queue)
{
    return queue_peek(queue) == NULL && queue->ready.cold.count > 0;
}

bool paging_keeps_waiting(const struct queue *queue)
{
    return paging_is_away(queue) && queue->paging.state != PAGING_QUIET;
}

/* --- basic.get ------------------------------------------------------------------------------- */

void paging_wait(struct place *p, int q, bool no_ack)
{
    const struct queue *queue = harness_queue(&p->model->harness, queue_name(q));
    p->model->queues[q].used_ms = stock_now_ms(p->model);
    p->at->get = (struct m_get){.waits = true, .channel = p->number, .queue = q, .no_ack = no_ack};
    p->model->gets_waited += paging_is_away(queue);
}

bool paging_may_delete(const struct model *model, int queue)
{
    for (int s = 0; s < SESSIONS; s++) {
        const struct m_session *session = &model->sessions[s];
        const struct m_channel *channel = &session->channels[session->get.channel];
        if (!session->get.waits || session->get.queue != queue)
            continue;
        for (int t = 0; t < TAGS; t++)
            if (channel->consumers[t].alive)
                return false;
    }
    return true;
}

/* What was expected last comes first. */
static void bring_forward(struct model *model)
{
    struct m_expected last = model->expected[model->expected_count - 1];
    memmove(model->expected + 1, model->expected,
            (model->expected_count - 1) * sizeof *model->expected);
    model->expected[0] = last;
}

static bool is_expected(const struct model *model, int session, uint16_t channel)
{
    for (size_t i = 0; i < model->expected_count; i++)
        if (!model->expected[i].seen && model->expected[i].session == session &&
            model->expected[i].channel == channel)
            return true;
    return false;
}

void paging_resolve(struct model *model, int session, uint16_t channel, enum method_id id)
{
    struct m_session *s = &model->sessions[session];
    struct m_get get = s->get;
    if (!get.waits || channel != get.channel)
        return;
    struct place place = {model, session, channel, s, &s->channels[channel]};
    bool is_refused = queue_error(&place, get.queue) != 0;
    if (is_refused && is_expected(model, session, channel))
        return; /* a confirm */
    if (!is_refused && id != METHOD_BASIC_GET_OK && id != METHOD_BASIC_GET_EMPTY)
        return;
    s->get.waits = false;
    model->queues[get.queue].used_ms = stock_now_ms(model);
    expect_get(&place, get.queue, get.no_ack);
    if (!is_refused)
        bring_forward(model);
}

void paging_take(struct model *model, int queue, uint32_t id)
{
    const struct m_queue *q = &model->queues[queue];
    const struct seen *next = model->next;
    bool is_first = q->ready_count > 0 && q->ready[0].message.id == id &&
                    stock_has_expired(model, q, &q->ready[0]);
    if (!is_first && next != NULL && next->kind == EFFECT_CONTENT &&
        model->sessions[model->next_session].get.queue == queue)
        paging_resolve(model, model->next_session, next->channel, next->method.id);
}

bool paging_is_awaited(const struct model *model, int queue)
{
    bool is = false;
    for (int s = 0; s < SESSIONS; s++)
        is |= model->sessions[s].get.waits && model->sessions[s].get.queue == queue;
    return is;
}

/* Has the channel a consumer of QUEUE, or with an ID a delivery of that message from there? */
static bool has_to_do_with(const struct m_channel *channel, int queue, uint32_t id)
{
    bool has = false;
    for (int t = 0; t < TAGS && id == 0; t++)
        has |= channel->consumers[t].alive && channel->consumers[t].queue == queue;
    for (size_t i = 0; i < channel->unacked_count && id != 0; i++)
        has |= channel->unacked[i].queue == queue && channel->unacked[i].entry.message.id == id;
    return has;
}

bool paging_refuse(struct model *model, int queue, uint32_t id)
{
    for (int s = 0; s < SESSIONS; s++) {
        struct m_session *session = &model->sessions[s];
        struct m_get get = session->get;
        struct place place = {model, s, get.channel, session, &session->channels[get.channel]};
        if (!get.waits || queue_error(&place, get.queue) == 0 ||
            !has_to_do_with(place.channel, queue, id))
            continue;
        session->get.waits = false;
        expect_get(&place, get.queue, get.no_ack);
        return true;
    }
    return false;
}

/* --- the end of a session -------------------------------------------------------------------- */

void paging_leave(struct model *model)
{
    struct engine *engine = model->harness.engine;
    if (model->pages) /* a command, so that who was released goes on */
        engine_apply(
            engine, &(struct command){.kind = COMMAND_DURABLE, .durable_lsn = engine->durable_lsn});
}

/* --- what must hold -------------------------------------------------------------------------- */

/* What blocks take of memory. */
struct taken {
    uint64_t bytes, leaving_bytes;
};

/* Messages in RUN that the store was given for the time being; TAKEN goes up by what RUN takes. */
static size_t count_paged(const struct queue *queue, const struct deque_run *run,
                          struct taken *taken)
{
    size_t count = 0;
    for (const struct deque_block *block = run->head; block != NULL; block = block->next) {
        taken->bytes += block->bytes;
        taken->leaving_bytes += block->leaving_lsn != 0 ? block->bytes : 0;
        for (uint32_t i = block->begin; i < block->end && block->leaving_lsn != 0; i++)
            count += !queue->durable || block->messages[i]->lsn == 0;
    }
    return count;
}

/* How many of QUEUE's messages are cold; PAGED of these and of those that may leave by STORE_PAGE.
 */
static size_t check_levels(const struct model *model, const char *name, const struct queue *queue,
                           struct taken *taken, size_t *paged)
{
    uint32_t level = queue->level;
    size_t cold_count = 0, cold_paged;
    *paged = 0;
    do {
        const struct deque *deque = priority_deque_of(queue, level);
        const struct deque_cold *cold = &deque->cold;
        uint64_t body_bytes;
        size_t count = shelf_count(&model->shelf, queue->id, cold->first, cold->end, &body_bytes,
                                   &cold_paged);
        if (count != cold->count || body_bytes != cold->bytes)
            model_complain(model, "%s has %zu cold messages in the store, not %zu", name, count,
                           (size_t)cold->count);
        cold_count += count;
        *paged += cold_paged + count_paged(queue, &deque->front, taken) +
                  count_paged(queue, &deque->back, taken);
    } while (priority_next(queue, &level));
    return cold_count;
}

/* Returns how many of its messages are in the store; COLD goes up by how many are cold. */
static size_t check_queue(const struct model *model, const char *name, const struct queue *queue,
                          struct taken *taken, uint64_t *cold)
{
    size_t paged, known;
    *cold += check_levels(model, name, queue, taken, &known);
    size_t count = shelf_count(&model->shelf, queue->id, 0, UINT64_MAX, NULL, &paged);
    if (paged != known)
        model_complain(model, "%s has %zu paged messages in the store, %zu of them are known", name,
                       paged, known);
    return count;
}

void paging_check(struct model *model)
{
    const struct deque_pool *pool = &model->harness.engine->blocks;
    struct taken taken = {0, 0};
    uint64_t cold = 0;
    size_t count = 0;
    if (!model->pages)
        return;
    for (int q = 0; q < QUEUES; q++) {
        const struct queue *queue = harness_queue(&model->harness, queue_name(q));
        if (queue == NULL)
            continue;
        count += check_queue(model, queue_name(q), queue, &taken, &cold);
    }
    for (int x = FIRST_OWN_EXCHANGE; x < EXCHANGES; x++) {
        const struct exchange *exchange = harness_exchange(&model->harness, exchange_name(x));
        if (exchange != NULL && exchange->delay != NULL)
            count += shelf_count(&model->shelf, exchange->delay->queue->id, 0, UINT64_MAX, NULL,
                                 NULL);
    }
    if (count != model->shelf.count)
        model_complain(model, "%zu messages are left in the store that are in no queue",
                       model->shelf.count - count);
    if (taken.bytes != pool->bytes || taken.leaving_bytes != pool->leaving_bytes)
        model_complain(model, "blocks take %zu bytes and %zu of these may leave, not %zu and %zu",
                       (size_t)taken.bytes, (size_t)taken.leaving_bytes, (size_t)pool->bytes,
                       (size_t)pool->leaving_bytes);
    if (model->deepest_cold < cold)
        model->deepest_cold = cold;
    for (int s = 0; s < SESSIONS; s++) {
        const struct m_session *session = &model->sessions[s];
        bool is_held = session->client != NULL && session->client->session != NULL &&
                       session->client->session->hold == SESSION_HELD_COMMAND;
        if (is_held != session->get.waits)
            model_complain(model, "session %d %s for a message", s,
                           is_held ? "waits" : "does not wait");
        const struct m_queue *queue = &model->queues[session->get.queue];
        if (is_held &&
            !(queue->ready_count > 0 && stock_has_expired(model, queue, &queue->ready[0])) &&
            !paging_keeps_waiting(harness_queue(&model->harness, queue_name(session->get.queue))))
            model_complain(model, "session %d waits for a message that nobody fetches", s);
    }
}
