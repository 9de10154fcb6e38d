/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/persist/tape.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "amqp/table.h"
#include "exchange/binding.h"
#include "exchange/exchange.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "persist/checkpoint.h"

void tape_init(struct tape *tape)
{
    *tape = (struct tape){.lsn = segment_first_lsn(1), .epoch = 1};
    inventory_init(&tape->inventory);
}

void tape_fini(struct tape *tape)
{
    inventory_fini(&tape->inventory);
    buf_fini(&tape->payload);
}

int tape_tell(struct tape *tape, uint8_t type, struct slice payload)
{
    struct record record = {type, tape->epoch, tape->lsn, payload};
    tape->lsn += record_bytes((uint32_t)payload.size);
    assert_int_equal(lsn_segment(tape->lsn), lsn_segment(record.lsn));
    return tape->in_vain ? 0 : inventory_apply(&tape->inventory, &record);
}

void tape_end_segment(struct tape *tape)
{
    assert_int_equal(tape_tell(tape, RECORD_END, SLICE_EMPTY), tape->in_vain ? 0 : 1);
    tape->lsn = segment_first_lsn(lsn_segment(tape->lsn) + 1);
}

uint64_t tape_segment(const struct tape *tape)
{
    return lsn_segment(tape->lsn);
}

void tape_checkpoint(struct tape *tape)
{
    struct buf bytes = {0};
    struct checkpoint checkpoint = {.lsn = segment_first_lsn(tape_segment(tape)),
                                    .epoch = tape->epoch},
                      read;
    checkpoint_encode(&checkpoint, &tape->inventory, &bytes);
    inventory_fini(&tape->inventory);
    inventory_init(&tape->inventory);
    assert_int_equal(checkpoint_decode(&read, &tape->inventory, buf_slice(&bytes)), 0);
    buf_fini(&bytes);
}

void tape_restart(struct tape *tape)
{
    tape_checkpoint(tape);
    tape->epoch++;
}

/* --- records ---------------------------------------------------------------------------------- */

static void tell(struct tape *tape, uint8_t type)
{
    assert_int_equal(tape_tell(tape, type, buf_slice(&tape->payload)), 0);
}

static void tell_fact(struct tape *tape, const struct store_record *record)
{
    tape->payload.size = 0;
    fact_encode(record, &tape->payload);
    tell(tape, FACT_RECORD_TYPE(record->kind));
}

void tape_begin(struct tape *tape)
{
    tell_fact(tape, &(struct store_record){.kind = STORE_TX_BEGIN});
}

void tape_commit(struct tape *tape)
{
    tell_fact(tape, &(struct store_record){.kind = STORE_TX_COMMIT});
}

static struct vhost vhost = {.name = {(const uint8_t *)"/", 1}};

static void tell_queue(struct tape *tape, enum store_record_kind kind, uint64_t id,
                       struct slice arguments)
{
    char name[32];
    snprintf(name, sizeof name, "q%" PRIu64, id);
    struct queue queue = {.id = id,
                          .vhost = &vhost,
                          .name = slice_from_string(name),
                          .durable = true,
                          .arguments = arguments};
    tell_fact(tape, &(struct store_record){.kind = kind, .queue = &queue});
}

void tape_queue(struct tape *tape, uint64_t id)
{
    tell_queue(tape, STORE_QUEUE_DECLARE, id, SLICE_EMPTY);
}

void tape_priority_queue(struct tape *tape, uint64_t id, uint8_t most)
{
    struct buf arguments = {0};
    table_put_int(&arguments, "x-max-priority", most);
    tell_queue(tape, STORE_QUEUE_DECLARE, id, buf_slice(&arguments));
    buf_fini(&arguments);
}

void tape_delete_queue(struct tape *tape, uint64_t id)
{
    tell_queue(tape, STORE_QUEUE_DELETE, id, SLICE_EMPTY);
}

static struct exchange exchange_of(const char *name)
{
    return (struct exchange){.vhost = &vhost,
                             .type = &exchange_type_direct,
                             .name = slice_from_string(name),
                             .durable = true};
}

static void tell_exchange(struct tape *tape, enum store_record_kind kind, const char *name)
{
    struct exchange exchange = exchange_of(name);
    tell_fact(tape, &(struct store_record){.kind = kind, .exchange = &exchange});
}

void tape_exchange(struct tape *tape, const char *name)
{
    tell_exchange(tape, STORE_EXCHANGE_DECLARE, name);
}

void tape_delete_exchange(struct tape *tape, const char *name)
{
    tell_exchange(tape, STORE_EXCHANGE_DELETE, name);
}

static void tell_binding(struct tape *tape, enum store_record_kind kind, const char *source,
                         uint64_t id, const char *key)
{
    struct exchange exchange = exchange_of(source);
    struct queue queue = {.id = id, .vhost = &vhost};
    struct binding binding = {
        .source = &exchange, .queue = &queue, .routing_key = slice_from_string(key)};
    tell_fact(tape, &(struct store_record){.kind = kind, .binding = &binding});
}

void tape_bind(struct tape *tape, const char *source, uint64_t id, const char *key)
{
    tell_binding(tape, STORE_BIND, source, id, key);
}

void tape_unbind(struct tape *tape, const char *source, uint64_t id, const char *key)
{
    tell_binding(tape, STORE_UNBIND, source, id, key);
}

void tape_bind_exchange(struct tape *tape, const char *source, const char *destination)
{
    struct exchange from = exchange_of(source), to = exchange_of(destination);
    struct binding binding = {.source = &from, .exchange = &to};
    tell_fact(tape, &(struct store_record){.kind = STORE_BIND, .binding = &binding});
}

static void tell_definition(struct tape *tape, enum store_record_kind kind,
                            const struct definition *definition)
{
    tell_fact(tape, &(struct store_record){.kind = kind, .definition = definition});
}

void tape_define(struct tape *tape, enum definition_kind kind, const char *key, const char *value)
{
    struct buf table = {0};
    table_put_longstr(&table, "value", slice_from_string(value));
    tell_definition(tape, STORE_DEFINE,
                    &(struct definition){kind, slice_from_string(key), buf_slice(&table)});
    buf_fini(&table);
}

void tape_undefine(struct tape *tape, enum definition_kind kind, const char *key)
{
    tell_definition(tape, STORE_UNDEFINE,
                    &(struct definition){.kind = kind, .key = slice_from_string(key)});
}

/* --- messages --------------------------------------------------------------------------------- */

int tape_message(struct tape *tape, enum store_record_kind kind, const struct tape_place *places,
                 uint32_t count, uint32_t bytes, uint64_t parts_lsn)
{
    struct buf targets = {0};
    struct message *message = message_new(SLICE_EMPTY, SLICE_LITERAL("key"), SLICE_LITERAL("\0\0"),
                                          bytes, tape->time_ms != 0 ? bytes : 0);
    assert_non_null(message);
    if (tape->time_ms != 0)
        message = message_with_time(message, tape->time_ms);
    for (uint32_t i = 0; i < count; i++)
        fact_encode_target(places[i].queue, places[i].position, &targets);
    tape->payload.size = 0;
    fact_encode_message(message, buf_slice(&targets), parts_lsn, &tape->payload);
    buf_fini(&targets);
    message_unref(message);
    return tape_tell(tape, FACT_RECORD_TYPE(kind), buf_slice(&tape->payload));
}

void tape_put(struct tape *tape, enum store_record_kind kind, uint64_t queue, uint64_t position)
{
    assert_int_equal(tape_message(tape, kind, &(struct tape_place){queue, position}, 1, 10, 0), 0);
}

void tape_put_range(struct tape *tape, enum store_record_kind kind, uint64_t queue, uint64_t first,
                    uint64_t end)
{
    for (uint64_t position = first; position < end; position++)
        tape_put(tape, kind, queue, position);
}

void tape_settle_bytes(struct tape *tape, uint64_t queue, uint64_t first, uint64_t span,
                       uint64_t bytes)
{
    struct queue settled = {.id = queue};
    tell_fact(tape, &(struct store_record){.kind = STORE_SETTLE,
                                           .queue = &settled,
                                           .position = first,
                                           .span = span,
                                           .bytes = bytes});
}

void tape_settle(struct tape *tape, uint64_t queue, uint64_t first, uint64_t span)
{
    tape_settle_bytes(tape, queue, first, span, span * 10);
}

void tape_requeue(struct tape *tape, uint64_t queue, uint64_t position, uint32_t count)
{
    struct queue requeued = {.id = queue};
    tell_fact(tape, &(struct store_record){.kind = STORE_REQUEUE,
                                           .queue = &requeued,
                                           .position = position,
                                           .delivery_count = count});
}

void tape_stop(struct tape *tape, uint64_t queue, uint64_t position)
{
    struct queue stopped = {.id = queue};
    tell_fact(tape,
              &(struct store_record){.kind = STORE_STOP, .queue = &stopped, .position = position});
}

/* --- what there is ---------------------------------------------------------------------------- */

void tape_expect(struct tape *tape, uint64_t queue, const char *text)
{
    struct buf found = {0};
    struct inventory_queue *there = inventory_find(&tape->inventory, queue);
    struct inventory_place place = {0};
    for (uint64_t position = 0; there != NULL && inventory_next(there, position, &place);
         position = place.position + 1) {
        assert_true(place.position >= position);
        buf_printf(&found, "%s%" PRIu64 "@%" PRIu64 "%s", found.size > 0 ? " " : "", place.position,
                   place.run->segment->number, place.paged ? "p" : "");
        if (place.delivery_count > 0)
            buf_printf(&found, "x%" PRIu32, place.delivery_count);
    }
    buf_u8(&found, 0);
    assert_string_equal((const char *)found.data, text);
    buf_fini(&found);
}

const struct inventory_queue *tape_find(struct tape *tape, uint64_t queue)
{
    const struct inventory_queue *found = inventory_find(&tape->inventory, queue);
    assert_non_null(found);
    return found;
}

void tape_expect_live(const struct tape *tape, uint64_t segment, uint32_t live)
{
    const struct inventory_segment *there = inventory_segment(&tape->inventory, segment);
    assert_int_equal(there == NULL ? 0 : there->live, live);
}

void tape_expect_definition(struct tape *tape, enum definition_kind kind, const char *key,
                            const char *value)
{
    struct table_value found = {0};
    tape->payload.size = 0;
    fact_encode(
        &(struct store_record){
            .kind = STORE_UNDEFINE,
            .definition = &(struct definition){.kind = kind, .key = slice_from_string(key)}},
        &tape->payload);
    const struct inventory_fact *fact = map_get(&tape->inventory.definitions,
                                                buf_slice(&tape->payload));
    if (value == NULL) {
        assert_null(fact);
        return;
    }
    assert_non_null(fact);
    assert_true(table_find(slice_of(fact->bytes + fact->key_bytes, fact->payload_bytes),
                           SLICE_LITERAL("value"), &found));
    assert_true(slice_equal(found.bytes, slice_from_string(value)));
}
