/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/store_log.h"

#include "exchange/message.h"
#include "exchange/queue.h"
#include "persist/fact.h"
#include "server/base/check.h"

/* What a record of a message may take beside its body: names, properties, and its targets (which
 * are bounded below). */
#define PART_BYTES  (RECORD_PAYLOAD_MAX / 2)
#define TARGETS_MAX (RECORD_PAYLOAD_MAX / 4 / FACT_TARGET_BYTES)

/* Appends the settle that was growing. */
static void end_settle(struct store_log *self)
{
    if (self->settle.queue == NULL)
        return;
    self->payload.size = 0;
    fact_encode(&self->settle, &self->payload);
    (void)commit_log_append_lazy(self->log, FACT_RECORD_TYPE(STORE_SETTLE),
                                 buf_slice(&self->payload), SLICE_EMPTY);
    self->settle.queue = NULL;
}

static uint64_t settle(struct store_log *self, const struct store_record *record)
{
    struct store_record *growing = &self->settle;
    if (growing->queue == record->queue && record->position == growing->position + growing->span) {
        growing->span += record->span;
        growing->bytes += record->bytes;
    } else {
        end_settle(self);
        *growing = *record;
    }
    return 0; /* nobody waits for a settle */
}

/* The body of a message too large for one record goes before it, in parts; returns how much of it
 * is left for the record, and the first part's position in FIRST. */
static uint32_t append_parts(struct store_log *self, struct message *message, uint64_t *first)
{
    uint32_t left = message->body_bytes;
    const uint8_t *body = message_body(message);
    *first = 0;
    while (left > PART_BYTES) {
        uint64_t lsn = commit_log_append(self->log, RECORD_PART, slice_of(body, PART_BYTES),
                                         SLICE_EMPTY);
        if (*first == 0)
            *first = lsn;
        body += PART_BYTES;
        left -= PART_BYTES;
    }
    return left;
}

/* A record of MESSAGE for the places in TARGETS, which are few enough for one. */
static uint64_t put_message(struct store_log *self, enum store_record_kind kind,
                            struct message *message, struct slice targets)
{
    uint64_t parts_lsn;
    uint32_t rest = append_parts(self, message, &parts_lsn);
    self->payload.size = 0;
    fact_encode_message(message, targets, parts_lsn, &self->payload);
    struct slice body = slice_of(message_body(message) + message->body_bytes - rest, rest);
    return commit_log_append(self->log, FACT_RECORD_TYPE(kind), buf_slice(&self->payload), body);
}

static uint64_t put_empty(struct store_log *self, enum store_record_kind kind)
{
    return commit_log_append(self->log, FACT_RECORD_TYPE(kind), SLICE_EMPTY, SLICE_EMPTY);
}

/* One record for all places; for more than one can name, several in one transaction. */
static uint64_t append_message(struct store_log *self, const struct store_record *record)
{
    bool alone = record->target_count > TARGETS_MAX && !self->in_transaction;
    self->messages++;
    self->message_bytes += record->message->body_bytes;
    uint64_t lsn = alone ? put_empty(self, STORE_TX_BEGIN) : 0;
    for (uint32_t i = 0; i < record->target_count;) {
        self->targets.size = 0;
        for (uint32_t n = 0; i < record->target_count && n < TARGETS_MAX; i++, n++)
            fact_encode_target(record->targets[i].queue->id, record->targets[i].position,
                               &self->targets);
        lsn = put_message(self, record->kind, record->message, buf_slice(&self->targets));
    }
    return alone ? put_empty(self, STORE_TX_COMMIT) : lsn;
}

static uint64_t append(struct store *store, const struct store_record *record)
{
    struct store_log *self = (struct store_log *)store;
    if (!self->in_transaction)
        commit_log_relieve(self->log);
    if (record->kind == STORE_SETTLE)
        return settle(self, record);
    end_settle(self);
    if (record->kind == STORE_MESSAGE || record->kind == STORE_PAGE)
        return append_message(self, record);
    if (record->kind == STORE_TX_BEGIN || record->kind == STORE_TX_COMMIT)
        self->in_transaction = record->kind == STORE_TX_BEGIN;
    self->payload.size = 0;
    fact_encode(record, &self->payload);
    if (record->kind == STORE_REQUEUE || record->kind == STORE_STOP) {
        (void)commit_log_append_lazy(self->log, FACT_RECORD_TYPE(record->kind),
                                     buf_slice(&self->payload), SLICE_EMPTY);
        return 0; /* nor for these */
    }
    return commit_log_append(self->log, FACT_RECORD_TYPE(record->kind), buf_slice(&self->payload),
                             SLICE_EMPTY);
}

/* Appends the messages that the keeper wants out of an old segment. */
static void append_moves(struct store_log *self)
{
    for (struct keeper_move *move; (move = keeper_take_move(self->keeper)) != NULL;) {
        struct slice left = buf_slice(&move->targets);
        while (left.size > 0) {
            size_t size = left.size < TARGETS_MAX * FACT_TARGET_BYTES
                              ? left.size
                              : TARGETS_MAX * FACT_TARGET_BYTES;
            (void)put_message(self, STORE_MOVED, move->message, slice_of(left.data, size));
            left = slice_of(left.data + size, left.size - size);
        }
        keeper_move_free(move);
    }
}

static uint64_t flush(struct store *store, bool at_leisure)
{
    struct store_log *self = (struct store_log *)store;
    end_settle(self);
    if (self->keeper != NULL && !commit_log_is_full(self->log))
        append_moves(self);
    commit_log_flush(self->log, at_leisure);
    return commit_log_durable_lsn(self->log);
}

static bool is_full(struct store *store)
{
    return commit_log_unwritten(((struct store_log *)store)->log) >= STORE_LOG_UNWRITTEN_MAX;
}

static void fetch(struct store *store, const struct store_fetch *wanted)
{
    keeper_fetch(((struct store_log *)store)->keeper, wanted->queue->id, wanted);
}

static bool fetched(struct store *store, struct store_answer *answer)
{
    return keeper_fetched(((struct store_log *)store)->keeper, answer);
}

void store_log_init(struct store_log *store, struct commit_log *log, struct keeper *keeper)
{
    *store = (struct store_log){
        .store = {append, flush, is_full, NULL, NULL}, .log = log, .keeper = keeper};
    if (keeper != NULL) {
        store->store.fetch = fetch;
        store->store.fetched = fetched;
    }
}

void store_log_fini(struct store_log *store)
{
    buf_fini(&store->payload);
    buf_fini(&store->targets);
}
