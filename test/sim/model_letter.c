/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/model_parts.h"

static void count_dropped(struct counters *counters, enum dead_letter_reason reason)
{
    counters->messages_dropped_rejected += reason == DEAD_REJECTED;
    counters->messages_dropped_expired += reason == DEAD_EXPIRED;
    counters->messages_dropped_maxlen += reason == DEAD_MAXLEN;
    counters->messages_dropped_delivery_limit += reason == DEAD_DELIVERY_LIMIT;
}

void letter_put_off(struct model *model, int queue, const struct m_entry *entry,
                    enum dead_letter_reason reason)
{
    bool is_stored = entry->message.persistent && model->queues[queue].durable;
    if (model->queues[queue].settings.of[SETTING_DLX] == NONE) {
        if (entry->number != 0)
            count_dropped(&model->counters, reason);
        return;
    }
    if (model->letter_count == COMING_MAX) {
        model->letter_count -= model->letter_head;
        memmove(model->letters, model->letters + model->letter_head,
                model->letter_count * sizeof *model->letters);
        model->letter_head = 0;
    }
    CHECK(model->letter_count < COMING_MAX);
    model->letters[model->letter_count++] = (struct m_letter){.message = entry->message,
                                                              .queue = queue,
                                                              .queue_uid = model->queues[queue].uid,
                                                              .reason = reason,
                                                              .number = is_stored ? entry->number
                                                                                  : 0};
}

/* --- what is written on it ------------------------------------------------------------------- */

static void add_death(const struct model *model, struct m_message *message,
                      const struct m_letter *letter)
{
    struct m_death death = {.queue = (int8_t)letter->queue,
                            .reason = (int8_t)letter->reason,
                            .exchange = (int8_t)letter->message.exchange,
                            .key = (int8_t)letter->message.key,
                            .has_cc = letter->message.headers == HEADERS_WITH_CC,
                            .count = 0,
                            .expiration = (int16_t)letter->message.expiration,
                            .time_s = (uint32_t)(stock_wall_ms(model) / 1000)};
    message->last = death;
    if (message->death_count == 0)
        message->first = death;
    uint8_t at = 0;
    while (at < message->death_count &&
           (message->deaths[at].queue != death.queue || message->deaths[at].reason != death.reason))
        at++;
    if (at < message->death_count)
        death = message->deaths[at];
    else
        message->death_count++;
    if (model->canary != CANARY_DEATH_COUNT || death.count == 0)
        death.count++;
    if (model->canary != CANARY_DEATH_ORDER) {
        memmove(message->deaths + 1, message->deaths, at * sizeof death);
        at = 0;
    }
    message->deaths[at] = death;
}

static struct m_message write(const struct model *model, const struct m_letter *letter)
{
    const struct m_settings *settings = &model->queues[letter->queue].settings;
    struct m_message message = letter->message;
    add_death(model, &message, letter);
    message.exchange = settings->of[SETTING_DLX];
    message.expiration = NONE;
    message.mandatory = false;
    if (settings->of[SETTING_DLK] != NONE && model->canary != CANARY_DLK) {
        message.key = settings->of[SETTING_DLK];
        if (message.headers == HEADERS_WITH_CC)
            message.headers = 0;
    }
    return message;
}

/* --- where it goes --------------------------------------------------------------------------- */

/* Did it die in QUEUE before, and since then of nothing but the queues' doing? */
static bool is_cycle(const struct model *model, const struct m_message *message, int queue)
{
    for (uint8_t i = 0; i < message->death_count; i++) {
        if (message->deaths[i].reason == DEAD_REJECTED && model->canary != CANARY_CYCLE)
            return false;
        if (message->deaths[i].queue == queue)
            return true;
    }
    return false;
}

static void count(struct counters *counters, enum dead_letter_reason reason)
{
    counters->messages_dead_lettered_rejected += reason == DEAD_REJECTED;
    counters->messages_dead_lettered_expired += reason == DEAD_EXPIRED;
    counters->messages_dead_lettered_maxlen += reason == DEAD_MAXLEN;
    counters->messages_dead_lettered_delivery_limit += reason == DEAD_DELIVERY_LIMIT;
}

bool letter_send(struct model *model)
{
    if (model->letter_head == model->letter_count) {
        model->letter_head = model->letter_count = 0;
        return false;
    }
    struct m_letter letter = model->letters[model->letter_head++];
    const struct m_queue *queue = &model->queues[letter.queue];
    int exchange = queue->settings.of[SETTING_DLX];
    if (!queue->alive || queue->uid != letter.queue_uid || exchange == NONE ||
        !model->exchanges[exchange].alive) {
        count_dropped(&model->counters, letter.reason);
        return true;
    }
    bool queues[PLACES];
    struct m_message message = write(model, &letter);
    state_route(model, message.exchange, &message, queues);
    for (int q = 0; q < QUEUES; q++)
        if (letter.reason != DEAD_REJECTED && queues[q] && is_cycle(model, &message, q))
            queues[q] = false;
    count(&model->counters, letter.reason);
    model->deaths++;
    if (model->deepest_deaths < message.death_count)
        model->deepest_deaths = message.death_count;
    if (letter.number != 0)
        model->leaves = (struct m_left){.queue = letter.queue, .number = letter.number};
    (void)stock_give(model, &message, queues);
    model->leaves.queue = NONE;
    return true;
}
