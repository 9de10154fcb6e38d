/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The log's records make an inventory, as they do while the broker runs; only what is
 * left at its end is told to the engine, which is empty, and nobody is connected. Exchanges get
 * their auto-delete last: what is not durable may have kept them, and where nothing did a record
 * says so.
 */
#include "persist/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "exchange/binding.h"
#include "exchange/delay.h"
#include "exchange/expiry.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "persist/fact.h"
#include "persist/segment_reader.h"
#include "server/base/mem.h"

#define FAILED(recovery, status, ...) \
    (snprintf((recovery)->scan.error, SCAN_TEXT_BYTES, __VA_ARGS__), status)

/* --- into the inventory ------------------------------------------------------------------- */

static int load_checkpoint(struct io *io, struct recovery *recovery)
{
    int status = checkpoint_read(&recovery->checkpoint, &recovery->inventory, io);
    switch (status) {
    case 0:
        return 0;
    case -ENOENT:
        recovery->checkpoint = (struct checkpoint){0};
        return 0;
    case -EBADMSG:
        return FAILED(recovery, status,
                      "the file " CHECKPOINT_NAME
                      " is damaged; restore it from a copy or a mirror");
    case -EPROTONOSUPPORT:
        return FAILED(recovery, -EBADMSG,
                      "the file " CHECKPOINT_NAME
                      " was written by a newer version of this program; "
                      "this one reads format version %u: use a newer one",
                      LOG_FORMAT_VERSION);
    default:
        return FAILED(recovery, status, "the file " CHECKPOINT_NAME " cannot be read: %s",
                      strerror(-status));
    }
}

/* Does the checkpoint stand in the middle of a segment? */
static bool is_in_segment(const struct checkpoint *checkpoint)
{
    return lsn_offset(checkpoint->lsn) > SEGMENT_HEADER_BYTES;
}

/* The index of the segment in which the checkpoint stands begins before it. */
static int begin_index(struct io *io, struct recovery *recovery)
{
    uint64_t lsn = recovery->checkpoint.lsn, at = segment_first_lsn(lsn_segment(lsn));
    struct segment_reader reader;
    if (!is_in_segment(&recovery->checkpoint))
        return 0;
    segment_reader_init(&reader, io);
    int status = segment_reader_collect(&reader, lsn_segment(lsn), lsn, &recovery->inventory.index,
                                        &at);
    segment_reader_fini(&reader);
    if (status == 0)
        return 0;
    return FAILED(recovery, status == -ENOENT ? -EBADMSG : status,
                  "segment %" PRIu64 ", offset %" PRIu32
                  ": %s; restore the file from a copy or a mirror",
                  lsn_segment(at), lsn_offset(at),
                  status == -EBADMSG  ? "a record is damaged"
                  : status == -ENOENT ? "the file is missing"
                                      : strerror(-status));
}

static int see(void *context, const struct record *record)
{
    struct recovery *recovery = context;
    int status = inventory_apply(&recovery->inventory, record);
    if (status < 0)
        return FAILED(recovery, status,
                      "segment %" PRIu64 ", offset %" PRIu32
                      ": a record of type %u makes no sense; was this log written by another "
                      "version?",
                      lsn_segment(record->lsn), lsn_offset(record->lsn), record->type);
    return 0;
}

static int scan_log(struct io *io, struct recovery *recovery)
{
    const struct checkpoint *checkpoint = &recovery->checkpoint;
    bool has_checkpoint = checkpoint->lsn != 0;
    struct scan_start start = {.lsn = has_checkpoint ? checkpoint->lsn : segment_first_lsn(1),
                               .epoch = checkpoint->epoch,
                               .node_id = has_checkpoint ? checkpoint->node_id : NULL};
    int status = scan_run(io, &start, &recovery->scan, see, recovery);
    if (recovery->scan.epoch != recovery->inventory.epoch)
        recovery->inventory.changes++; /* a later run has begun, and may have delivered things */
    recovery->is_new = !has_checkpoint && recovery->scan.segment_count == 0;
    return status;
}

/* Segments that the scan did not read, since they are before the checkpoint. */
static int check_segment(struct io *io, struct recovery *recovery, uint64_t number)
{
    char name[SEGMENT_NAME_BYTES];
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct segment_header header;
    segment_name(number, name);
    int file = io->open(io, name, IO_READ);
    if (file < 0)
        return FAILED(recovery, file == -ENOENT ? -EBADMSG : file,
                      "segment %" PRIu64 ", in which there are messages, %s%s; restore %s", number,
                      file == -ENOENT ? "is missing" : "cannot be opened: ",
                      file == -ENOENT ? "" : strerror(-file), name);
    int64_t size = io->size(io, file);
    int64_t got = io->read(io, file, bytes, sizeof bytes, 0);
    (void)io->close(io, file);
    if (got < 0)
        return FAILED(recovery, (int)got, "%s cannot be read: %s", name, strerror((int)-got));
    if (size != SEGMENT_BYTES)
        return FAILED(recovery, -EBADMSG, "%s is truncated: %" PRId64 " of %u bytes are there",
                      name, size, SEGMENT_BYTES);
    if (segment_header_read(bytes, &header) < 0 || header.segment != number)
        return FAILED(recovery, -EBADMSG, "segment %" PRIu64 ": its header is damaged", number);
    if (memcmp(header.node_id, recovery->checkpoint.node_id, NODE_ID_BYTES) != 0)
        return FAILED(recovery, -EBADMSG, "segment %" PRIu64 " belongs to another node's log",
                      number);
    return 0;
}

static int check_segments(struct io *io, struct recovery *recovery)
{
    int status = 0;
    for (size_t i = 0; i < recovery->inventory.segment_count && status == 0; i++) {
        uint64_t number = recovery->inventory.segments[i]->number;
        if (number < lsn_segment(recovery->checkpoint.lsn) &&
            inventory_needs(&recovery->inventory, number))
            status = check_segment(io, recovery, number);
    }
    return status;
}

/* --- into the engine ---------------------------------------------------------------------- */

static struct vhost *find_vhost(struct engine *engine, struct slice name)
{
    return map_get(&engine->vhosts, name);
}

static struct slice payload_of(const struct inventory_fact *fact)
{
    return slice_of(fact->bytes + fact->key_bytes, fact->payload_bytes);
}

static void declare_exchange(struct engine *engine, const struct fact *fact)
{
    struct vhost *vhost = find_vhost(engine, fact->vhost);
    const struct exchange_type *type = exchange_type_find(fact->type);
    if (vhost == NULL || type == NULL || vhost_exchange(vhost, fact->name) != NULL)
        return;
    (void)vhost_add_exchange(vhost, &(struct exchange_spec){
                                        .name = fact->name,
                                        .type = type,
                                        .durable = true,
                                        .internal = fact->flags & FACT_INTERNAL,
                                        .arguments = fact->arguments,
                                        .user = fact->user,
                                    });
}

static void end_exchange(struct engine *engine, const struct fact *fact)
{
    struct vhost *vhost = find_vhost(engine, fact->vhost);
    struct exchange *exchange = vhost == NULL ? NULL : vhost_exchange(vhost, fact->name);
    if (exchange != NULL && fact->flags & FACT_AUTO_DELETE)
        exchange->auto_delete = true;
}

static void each_exchange(struct engine *engine, const struct inventory *inventory,
                          void (*apply)(struct engine *engine, const struct fact *fact))
{
    uint32_t position = 0;
    for (const struct inventory_fact *exchange;
         (exchange = map_next(&inventory->exchanges, &position)) != NULL;) {
        struct fact fact;
        if (fact_decode(STORE_EXCHANGE_DECLARE, payload_of(exchange), &fact) == 0)
            apply(engine, &fact);
    }
}

/* STORED is what waits in the exchange that FACT names. */
static void declare_delay(struct recovery *recovery, struct vhost *vhost, const struct fact *fact,
                          const struct inventory_queue *stored)
{
    struct inventory_place first = {0};
    struct exchange *exchange = vhost_exchange(vhost, fact->name);
    if (exchange == NULL || exchange->delay != NULL)
        return;
    (void)inventory_next(stored, 0, &first);
    delay_restore(exchange, &(struct delay_rest){.queue_id = stored->id,
                                                 .first = first.position,
                                                 .next_position = stored->next_position,
                                                 .count = stored->live,
                                                 .bytes = stored->bytes});
    recovery->messages += stored->live;
}

static void declare_queue(struct recovery *recovery, struct engine *engine,
                          const struct inventory_queue *stored)
{
    struct fact fact;
    struct inventory_left left;
    if (fact_decode(STORE_QUEUE_DECLARE, stored->declared, &fact) < 0)
        return;
    struct vhost *vhost = find_vhost(engine, fact.vhost);
    if (vhost == NULL)
        return;
    if (fact.flags & FACT_INTERNAL) {
        declare_delay(recovery, vhost, &fact, stored);
        return;
    }
    if (vhost_queue(vhost, fact.name) != NULL)
        return;
    struct queue *queue = queue_declare(vhost, &(struct queue_spec){
                                                   .name = fact.name,
                                                   .durable = true,
                                                   .auto_delete = fact.flags & FACT_AUTO_DELETE,
                                                   .arguments = fact.arguments,
                                               });
    queue->id = stored->id;
    queue->next_position = stored->next_position;
    for (uint32_t level = 0; level <= stored->max_priority; level++)
        if (inventory_left(&recovery->inventory, stored, level, &left)) {
            queue_set_recovered(queue, left.undelivered);
            queue_restore(queue, left.first, left.end, left.count, left.bytes);
        }
    if (stored->timed && stored->live > 0)
        expiry_restore(queue);
    recovery->queues++;
    recovery->messages += stored->live;
}

static void bind(struct engine *engine, const struct map *queues, const struct fact *fact)
{
    struct vhost *vhost = find_vhost(engine, fact->vhost);
    if (vhost == NULL)
        return;
    struct binding_spec spec = {.source = vhost_exchange(vhost, fact->name),
                                .routing_key = fact->routing_key,
                                .arguments = fact->arguments};
    if (fact->flags & FACT_TO_EXCHANGE)
        spec.exchange = vhost_exchange(vhost, fact->destination);
    else
        spec.queue = map_get(queues, slice_of(&fact->queue, sizeof fact->queue));
    if (spec.source != NULL && (spec.queue != NULL || spec.exchange != NULL) &&
        binding_find(&spec) == NULL)
        (void)vhost_bind(vhost, &spec);
}

/* Those of kinds from FIRST on and below END. */
static void restore_definitions(struct engine *engine, const struct inventory *inventory,
                                uint8_t first, uint8_t end)
{
    for (uint8_t kind = first; kind < end; kind++) {
        uint32_t position = 0;
        for (const struct inventory_fact *definition;
             (definition = map_next(&inventory->definitions, &position)) != NULL;) {
            struct fact fact;
            if (fact_decode(STORE_UNDEFINE, slice_of(definition->bytes, definition->key_bytes),
                            &fact) == 0 &&
                fact.definition == kind)
                engine_restore_definition(engine, kind, fact.key, payload_of(definition));
        }
    }
}

/* The queues there are now, by number. */
static void index_queues(struct engine *engine, struct map *queues)
{
    uint32_t position = 0;
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;) {
        uint32_t at = 0;
        for (struct queue *queue; (queue = map_next(&vhost->queues, &at)) != NULL;)
            map_add(queues, slice_of(&queue->id, sizeof queue->id), queue);
    }
}

static void tell_engine(struct recovery *recovery, struct engine *engine)
{
    struct inventory *inventory = &recovery->inventory;
    struct map queues = {0};
    uint32_t position = 0;
    inventory_drop_stale(inventory);
    if (inventory->definitions.count > 0)
        engine_forget_defaults(engine);
    restore_definitions(engine, inventory, 1, DEFINITION_PAUSED_QUEUE);
    each_exchange(engine, inventory, declare_exchange);
    for (const struct inventory_queue *queue;
         (queue = map_next(&inventory->queues, &position)) != NULL;)
        declare_queue(recovery, engine, queue);
    index_queues(engine, &queues);
    position = 0;
    for (const struct inventory_fact *binding;
         (binding = map_next(&inventory->bindings, &position)) != NULL;) {
        struct fact fact;
        if (fact_decode(STORE_BIND, slice_of(binding->bytes, binding->key_bytes), &fact) == 0)
            bind(engine, &queues, &fact);
    }
    map_fini(&queues);
    each_exchange(engine, inventory, end_exchange);
    restore_definitions(engine, inventory, DEFINITION_PAUSED_QUEUE, DEFINITION_KIND_COUNT);
    engine->last_queue_id = inventory->last_queue_id;
}

/* --- all of it ---------------------------------------------------------------------------- */

int recovery_run(struct io *io, struct engine *engine, struct recovery *recovery)
{
    *recovery = (struct recovery){0};
    inventory_init(&recovery->inventory);
    recovery->inventory.recovering = true;
    int status = load_checkpoint(io, recovery);
    if (status == 0)
        status = begin_index(io, recovery);
    if (status == 0)
        status = scan_log(io, recovery);
    if (status == 0)
        status = check_segments(io, recovery);
    if (status == 0)
        tell_engine(recovery, engine);
    return status;
}

void recovery_fini(struct recovery *recovery)
{
    inventory_fini(&recovery->inventory);
}
