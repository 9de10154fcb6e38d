/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/store_log.h"

#include "exchange/message.h"
#include "exchange/queue.h"
#include "persist/fact.h"
#include "server/base/check.h"

/* What a record of a message may take beside its body: names, properties, and its targets (which
 * are bounded below). */
#define PART_BYTES (RECORD_PAYLOAD_MAX / 2)

/* Appends the settle that was growing. */
static void end_settle(struct store_log *self)
{
    if (self->settle_queue == NULL)
        return;
    self->payload.size = 0;
    fact_encode_settle(self->settle_queue->id, self->settle_first, self->settle_count,
                       &self->payload);
    (void)commit_log_append(self->log, FACT_RECORD_TYPE(STORE_SETTLE), buf_slice(&self->payload),
                            SLICE_EMPTY);
    self->settle_queue = NULL;
}

static uint64_t settle(struct store_log *self, const struct store_record *record)
{
    if (self->settle_queue == record->queue &&
        record->position == self->settle_first + self->settle_count &&
        self->settle_count < UINT32_MAX) {
        self->settle_count++;
    } else {
        end_settle(self);
        self->settle_queue = record->queue;
        self->settle_first = record->position;
        self->settle_count = 1;
    }
    return 0; /* nobody waits for a settle */
}

/* The body of a message too large for one record goes before it, in parts; returns how much of it
 * is left for the record. */
static uint32_t append_parts(struct store_log *self, struct message *message)
{
    uint32_t left = message->body_bytes;
    const uint8_t *body = message_body(message);
    while (left > PART_BYTES) {
        (void)commit_log_append(self->log, RECORD_PART, slice_of(body, PART_BYTES), SLICE_EMPTY);
        body += PART_BYTES;
        left -= PART_BYTES;
    }
    return left;
}

static uint64_t append_message(struct store_log *self, const struct store_record *record)
{
    uint32_t rest = append_parts(self, record->message);
    self->payload.size = 0;
    fact_encode(record, &self->payload);
    struct message *message = record->message;
    struct slice body = slice_of(message_body(message) + message->body_bytes - rest, rest);
    return commit_log_append(self->log, FACT_RECORD_TYPE(STORE_MESSAGE), buf_slice(&self->payload),
                             body);
}

static uint64_t append(struct store *store, const struct store_record *record)
{
    struct store_log *self = (struct store_log *)store;
    if (record->kind == STORE_SETTLE)
        return settle(self, record);
    end_settle(self);
    if (record->kind == STORE_MESSAGE)
        return append_message(self, record);
    self->payload.size = 0;
    fact_encode(record, &self->payload);
    return commit_log_append(self->log, FACT_RECORD_TYPE(record->kind), buf_slice(&self->payload),
                             SLICE_EMPTY);
}

static uint64_t flush(struct store *store)
{
    struct store_log *self = (struct store_log *)store;
    end_settle(self);
    commit_log_flush(self->log);
    return commit_log_durable_lsn(self->log);
}

static bool is_full(struct store *store)
{
    return commit_log_unwritten(((struct store_log *)store)->log) >= STORE_LOG_UNWRITTEN_MAX;
}

void store_log_init(struct store_log *store, struct commit_log *log)
{
    *store = (struct store_log){.store = {append, flush, is_full}, .log = log};
}

void store_log_fini(struct store_log *store)
{
    buf_fini(&store->payload);
}
