/* SPDX-License-Identifier: Apache-2.0 */
#include "server/relay.h"

#include "exchange/packed.h"
#include "server/base/check.h"
#include "server/base/mem.h"
#include "server/connection.h"

/* --- batches --------------------------------------------------------------------------------- */

static struct relay_batch *new_batch(struct relay *relay)
{
    struct relay_batch *batch = mem_zalloc(sizeof *batch);
    batch->relay = relay;
    return batch;
}

static void free_batch(struct relay_batch *batch)
{
    if (batch == NULL)
        return;
    buf_fini(&batch->records);
    mem_free(batch);
}

static struct relay_batch *current_commands(struct relay *relay)
{
    if (relay->commands == NULL) {
        relay->commands = relay->spare != NULL ? relay->spare : new_batch(relay);
        relay->spare = NULL;
    }
    return relay->commands;
}

/* --- commands: the worker's side ------------------------------------------------------------- */

static void apply(struct port *port, const struct command *command)
{
    struct relay_batch *batch = current_commands((struct relay *)port);
    size_t start = batch->records.size;
    packed_put_command(&batch->records, command);
    batch->cost += batch->records.size - start + packed_command_holds(command);
}

static void send_commands(struct port *port)
{
    struct relay *relay = (struct relay *)port;
    struct relay_batch *batch = relay->commands;
    if (batch == NULL)
        return;
    relay->commands = NULL;
    relay->under_way += batch->cost;
    batch->parcel.kind = RELAY_COMMANDS;
    loop_post(relay->engine_loop, &batch->parcel);
}

static void end_tick(struct port *port)
{
    (void)port; /* the engine ends its own ticks */
}

static bool is_full(const struct port *port)
{
    return ((const struct relay *)port)->under_way >= RELAY_UNDER_WAY_MAX;
}

/* --- commands: the engine's side ------------------------------------------------------------- */

uint64_t relay_work(struct relay_batch *batch)
{
    struct relay *relay = batch->relay;
    uint64_t count = 0;
    struct packed_command unpacked;
    const struct buf *records = &batch->records;
    for (size_t at = 0; at < records->size; at += unpacked.bytes, count++) {
        packed_get_command(slice_of(records->data + at, records->size - at), &unpacked);
        engine_apply(relay->engine, &unpacked.command);
    }
    batch->records.size = 0;
    batch->parcel.kind = RELAY_WORKED;
    batch->parcel.next = relay->worked;
    relay->worked = &batch->parcel;
    return count;
}

/* --- effects: the engine's side -------------------------------------------------------------- */

static void emit(struct sink *sink, void *connection, const struct effect *effect)
{
    struct relay *relay = (struct relay *)(void *)((char *)sink - offsetof(struct relay, sink));
    if (relay->effects == NULL)
        relay->effects = new_batch(relay);
    packed_put_effect(&relay->effects->records, effect, connection);
}

void relay_end_tick(struct relay *relay)
{
    while (relay->worked != NULL && !engine_is_full(relay->engine)) {
        struct parcel *worked = relay->worked;
        relay->worked = worked->next;
        loop_post(relay->worker_loop, worked);
    }
    struct relay_batch *batch = relay->effects;
    if (batch == NULL)
        return;
    relay->effects = NULL;
    batch->parcel.kind = RELAY_EFFECTS;
    loop_post(relay->worker_loop, &batch->parcel);
}

/* --- effects: the worker's side -------------------------------------------------------------- */

static void receive_effects(struct relay_batch *batch)
{
    struct packed_effect unpacked;
    const struct buf *records = &batch->records;
    for (size_t at = 0; at < records->size; at += unpacked.bytes) {
        packed_get_effect(slice_of(records->data + at, records->size - at), &unpacked);
        connection_emit(unpacked.connection, &unpacked.effect);
        if (unpacked.effect.message != NULL)
            message_unref(unpacked.effect.message);
    }
    free_batch(batch);
}

void relay_receive(struct relay_batch *batch)
{
    struct relay *relay = batch->relay;
    if (batch->parcel.kind == RELAY_EFFECTS) {
        receive_effects(batch);
        return;
    }
    CHECK(batch->parcel.kind == RELAY_WORKED && relay->under_way >= batch->cost);
    relay->under_way -= batch->cost;
    batch->cost = 0;
    if (relay->spare == NULL)
        relay->spare = batch;
    else
        free_batch(batch);
}

/* --- life ------------------------------------------------------------------------------------ */

void relay_init(struct relay *relay, struct engine *engine, struct loop *engine_loop,
                struct loop *worker_loop)
{
    *relay = (struct relay){
        .port = {apply, end_tick, send_commands, is_full, &relay->sink},
        .sink = {emit},
        .engine = engine,
        .engine_loop = engine_loop,
        .worker_loop = worker_loop,
    };
}

void relay_fini(struct relay *relay)
{
    free_batch(relay->commands);
    free_batch(relay->spare);
    free_batch(relay->effects);
    while (relay->worked != NULL) {
        struct relay_batch *batch = (struct relay_batch *)relay->worked;
        relay->worked = relay->worked->next;
        free_batch(batch);
    }
}
