/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/tx.h"

#include "exchange/dead_letter.h"
#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/publish.h"
#include "exchange/session.h"
#include "server/base/mem.h"

struct tx_settlement {
    uint64_t tag;
    bool acked, requeue;
};

struct tx {
    struct command_publish *publishes;
    size_t publish_count, publish_capacity;
    struct tx_settlement *settlements;
    size_t settlement_count, settlement_capacity;
    uint64_t settled_up_to;
};

struct tx *tx_new(void)
{
    return mem_zalloc(sizeof(struct tx));
}

static void forget(struct tx *tx)
{
    mem_free(tx->publishes);
    mem_free(tx->settlements);
    *tx = (struct tx){0};
}

void tx_free(struct tx *tx)
{
    for (size_t i = 0; i < tx->publish_count; i++)
        message_unref(tx->publishes[i].message);
    forget(tx);
    mem_free(tx);
}

void tx_publish(struct tx *tx, const struct command_publish *publish)
{
    if (tx->publish_count == tx->publish_capacity) {
        tx->publish_capacity = tx->publish_capacity == 0 ? 8 : tx->publish_capacity * 2;
        tx->publishes = mem_realloc(tx->publishes, tx->publish_capacity * sizeof *tx->publishes);
    }
    tx->publishes[tx->publish_count++] = *publish;
}

void tx_settle(struct tx *tx, uint64_t tag, const struct settlement *settlement)
{
    if (tx->settlement_count == tx->settlement_capacity) {
        tx->settlement_capacity = tx->settlement_capacity == 0 ? 8 : tx->settlement_capacity * 2;
        tx->settlements = mem_realloc(tx->settlements,
                                      tx->settlement_capacity * sizeof *tx->settlements);
    }
    tx->settlements[tx->settlement_count++] = (struct tx_settlement){tag, settlement->acked,
                                                                     settlement->requeue};
}

uint64_t tx_settled_up_to(const struct tx *tx)
{
    return tx->settled_up_to;
}

void tx_set_settled_up_to(struct tx *tx, uint64_t tag)
{
    tx->settled_up_to = tag;
}

void tx_count(const struct tx *tx, uint32_t *publishes, uint32_t *settlements)
{
    *publishes = (uint32_t)tx->publish_count;
    *settlements = (uint32_t)tx->settlement_count;
}

uint64_t tx_commit(struct channel *channel)
{
    struct engine *engine = channel->session->engine;
    struct tx *tx = channel->tx;
    engine_begin_together(engine);
    for (size_t i = 0; i < tx->publish_count; i++)
        (void)publish_route(channel, &tx->publishes[i]);
    tx->publish_count = 0;
    for (size_t i = 0; i < tx->settlement_count; i++) {
        const struct tx_settlement *settled = &tx->settlements[i];
        struct unacked *entry = unacked_find(&channel->unacked, settled->tag);
        CHECK_ID(entry != NULL && entry->state == UNACKED_HELD, settled->tag);
        channel_settle_entry(channel, entry,
                             &(struct settlement){.tag = settled->tag,
                                                  .acked = settled->acked,
                                                  .requeue = settled->requeue});
    }
    channel_wake(channel); /* dead letters go to consumers that have credit now */
    dead_letter_send(engine);
    uint64_t lsn = engine_end_together(engine);
    forget(tx);
    unacked_tidy(&channel->unacked);
    return lsn;
}

void tx_rollback(struct channel *channel)
{
    struct tx *tx = channel->tx;
    for (size_t i = 0; i < tx->settlement_count; i++)
        unacked_find(&channel->unacked, tx->settlements[i].tag)->state = UNACKED_LIVE;
    for (size_t i = 0; i < tx->publish_count; i++)
        message_unref(tx->publishes[i].message);
    forget(tx);
}
