/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "exchange/delay_parts.h"
#include "server/base/mem.h"
#include "test/sim/model_parts.h"

static uint64_t due_ms(const struct model *model, const struct m_entry *entry)
{
    int delay = entry->message.delay + (model->canary == CANARY_DELAY ? 50 : 0);
    return entry->time_ms + (uint64_t)delay;
}

static bool comes_before(const struct model *model, const struct m_entry *a,
                         const struct m_entry *b)
{
    uint64_t left = due_ms(model, a), right = due_ms(model, b);
    return left != right ? left < right : a->number < b->number;
}

void later_insert(struct model *model, int index, const struct m_entry *entry)
{
    struct m_exchange *exchange = &model->exchanges[index];
    if (exchange->waiting_count == exchange->waiting_capacity) {
        exchange->waiting_capacity = exchange->waiting_capacity == 0
                                         ? 16
                                         : exchange->waiting_capacity * 2;
        exchange->waiting = mem_realloc(exchange->waiting,
                                        exchange->waiting_capacity * sizeof *exchange->waiting);
    }
    size_t at = exchange->waiting_count++;
    for (; at > 0 && comes_before(model, entry, &exchange->waiting[at - 1]); at--)
        exchange->waiting[at] = exchange->waiting[at - 1];
    exchange->waiting[at] = *entry;
    model->counters.messages_delayed++;
    model->delayed++;
}

/* Where messages leave memory, reading them may fail, and they come later than others. */
static size_t find(const struct model *model, const struct m_exchange *exchange, uint64_t number)
{
    size_t i = 0;
    while (model->pages && i < exchange->waiting_count && exchange->waiting[i].number != number)
        i++;
    return i;
}

void later_follow_due(struct model *model, int index, uint64_t number)
{
    struct m_exchange *exchange = &model->exchanges[index];
    size_t at = find(model, exchange, number);
    if (at >= exchange->waiting_count || exchange->waiting[at].number != number)
        model_complain(model, "number %" PRIu64 ", which is not the first in %s, is due", number,
                       exchange_name(index));
    struct m_entry entry = exchange->waiting[at];
    if (due_ms(model, &entry) > stock_wall_ms(model))
        model_complain(model, "message %u of %s comes before its time", entry.message.id,
                       exchange_name(index));
    exchange->waiting_count--;
    memmove(exchange->waiting + at, exchange->waiting + at + 1,
            (exchange->waiting_count - at) * sizeof entry);
    bool places[PLACES], is_given = false;
    entry.message.delay = -entry.message.delay;
    state_route(model, model->canary == CANARY_DELAY_ROUTE ? entry.message.exchange : index,
                &entry.message, places);
    if (entry.message.persistent && exchange->durable)
        model->leaves = (struct m_left){.queue = QUEUES + index, .number = entry.number};
    (void)stock_give(model, &entry.message, places);
    model->leaves.queue = NONE;
    for (int p = 0; p < PLACES; p++)
        is_given |= places[p];
    model->counters.messages_unroutable_dropped += !is_given;
}

void later_delete(struct model *model, int index)
{
    struct m_exchange *exchange = &model->exchanges[index];
    model->counters.messages_purged += exchange->waiting_count;
    exchange->waiting_count = 0;
    exchange->has_delayed = false;
    exchange->last_number = 0;
}

void later_end_tick(struct model *model)
{
    for (int x = FIRST_OWN_EXCHANGE; x < EXCHANGES && !model->pages; x++) {
        const struct m_exchange *exchange = &model->exchanges[x];
        if (exchange->waiting_count > 0 &&
            due_ms(model, &exchange->waiting[0]) <= stock_wall_ms(model))
            model_complain(model, "message %u of %s is overdue", exchange->waiting[0].message.id,
                           exchange_name(x));
    }
}

void later_check(struct model *model)
{
    for (int x = FIRST_OWN_EXCHANGE; x < EXCHANGES; x++) {
        const struct exchange *actual = harness_exchange(&model->harness, exchange_name(x));
        uint64_t count = actual == NULL ? 0 : delay_count(actual);
        if (count != model->exchanges[x].waiting_count)
            model_complain(model, "%" PRIu64 " messages wait in %s, expected %zu", count,
                           exchange_name(x), model->exchanges[x].waiting_count);
    }
}
