/* SPDX-License-Identifier: Apache-2.0 */
#include "test/sim/power.h"

#include <inttypes.h>
#include <stdio.h>

#include "exchange/binding.h"
#include "exchange/delay_parts.h"
#include "persist/bytes.h"
#include "persist/crc32c.h"
#include "server/base/mem.h"

/* --- hashes ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    uint64_t state = hash ^ value;
    return harness_random(&state);
}

static uint64_t hash_slice(uint64_t hash, struct slice bytes)
{
    return mix(hash, (uint64_t)crc32c(0, bytes) << 32 | (bytes.size & UINT32_MAX));
}

static uint64_t hash_of(const struct element *element)
{
    uint64_t hash = mix(element->kind, element->count);
    hash = mix(hash, element->queue);
    hash = mix(hash, element->position);
    hash = mix(hash, element->source);
    hash = mix(hash, element->destination);
    return mix(hash, element->content);
}

/* --- elements --------------------------------------------------------------------------------- */

static struct element queue_element(const struct queue *queue)
{
    uint64_t flags = (queue->auto_delete ? 1u : 0u) | (queue->delay != NULL ? 2u : 0u);
    uint64_t content = hash_slice(hash_slice(flags, queue->name), queue->arguments);
    return (struct element){.kind = ELEMENT_QUEUE, .queue = queue->id, .content = content};
}

static uint64_t exchange_name_hash(const struct exchange *exchange)
{
    return hash_slice(1, exchange->name);
}

static struct element exchange_element(const struct exchange *exchange)
{
    uint64_t flags = (exchange->auto_delete ? 1u : 0u) | (exchange->internal ? 2u : 0u);
    uint64_t content = hash_slice(hash_slice(flags, S(exchange->type->name)), exchange->arguments);
    return (struct element){
        .kind = ELEMENT_EXCHANGE, .source = exchange_name_hash(exchange), .content = content};
}

static struct element binding_element(const struct binding *binding)
{
    return (struct element){
        .kind = ELEMENT_BINDING,
        .queue = binding->queue != NULL ? binding->queue->id : 0,
        .source = exchange_name_hash(binding->source),
        .destination = binding->exchange != NULL ? exchange_name_hash(binding->exchange) : 0,
        .content = hash_slice(hash_slice(0, binding->routing_key), binding->arguments)};
}

static struct element message_element(uint64_t queue, uint64_t position, uint32_t count,
                                      const struct message *message)
{
    uint64_t flags = message->flags & MESSAGE_PERSISTENT;
    struct slice image = slice_of(message->image, message_image_bytes(message));
    return (struct element){.kind = ELEMENT_MESSAGE,
                            .count = count,
                            .queue = queue,
                            .position = position,
                            .content = mix(hash_slice(flags, image), message_time_ms(message))};
}

static struct element definition_element(const struct definition *definition)
{
    return (struct element){.kind = ELEMENT_DEFINITION,
                            .source = hash_slice(definition->kind, definition->key),
                            .content = hash_slice(0, definition->value)};
}

static void add(struct image *image, struct element element)
{
    if (image->count == image->capacity) {
        image->capacity = image->capacity == 0 ? 64 : image->capacity * 2;
        image->elements = mem_realloc(image->elements, image->capacity * sizeof *image->elements);
    }
    image->elements[image->count++] = element;
    image->sum += hash_of(&element);
}

static void remove_at(struct image *image, size_t index)
{
    image->sum -= hash_of(&image->elements[index]);
    image->elements[index] = image->elements[--image->count];
}

static size_t find(const struct image *image, const struct element *wanted)
{
    size_t i = 0;
    while (i < image->count && hash_of(&image->elements[i]) != hash_of(wanted))
        i++;
    CHECK(i < image->count);
    return i;
}

static size_t find_message(const struct image *image, uint64_t queue, uint64_t position)
{
    size_t i = 0;
    while (i < image->count &&
           (image->elements[i].kind != ELEMENT_MESSAGE || image->elements[i].queue != queue ||
            image->elements[i].position != position))
        i++;
    CHECK(i < image->count);
    return i;
}

/* Those that RECORD settles. */
static void remove_messages(struct image *image, const struct store_record *record)
{
    for (size_t i = image->count; i-- > 0;) {
        const struct element *e = &image->elements[i];
        if (e->kind == ELEMENT_MESSAGE && e->queue == record->queue->id &&
            e->position - record->position < record->span)
            remove_at(image, i);
    }
}

/* What is there under its key, if anything. */
static void remove_definition(struct image *image, const struct definition *definition)
{
    uint64_t key = definition_element(definition).source;
    for (size_t i = image->count; i-- > 0;)
        if (image->elements[i].kind == ELEMENT_DEFINITION && image->elements[i].source == key)
            remove_at(image, i);
}

static void remove_of_queue(struct image *image, uint64_t queue)
{
    for (size_t i = image->count; i-- > 0;)
        if (image->elements[i].queue == queue && image->elements[i].kind != ELEMENT_DEFINITION)
            remove_at(image, i);
}

static void remove_of_exchange(struct image *image, uint64_t exchange)
{
    for (size_t i = image->count; i-- > 0;)
        if (image->elements[i].source == exchange || image->elements[i].destination == exchange)
            remove_at(image, i);
}

void image_fini(struct image *image)
{
    mem_free(image->elements);
    *image = (struct image){0};
}

void image_print(const struct image *image)
{
    static const char *const kinds[] = {"queue", "exchange", "binding", "message", "definition"};
    for (size_t i = 0; i < image->count; i++) {
        const struct element *e = &image->elements[i];
        fprintf(stderr,
                "  %s queue %" PRIu64 " position %" PRIu64 " count %" PRIu32 " source %" PRIx64
                " destination %" PRIx64 " content %" PRIx64 "\n",
                kinds[e->kind], e->queue, e->position, e->count, e->source, e->destination,
                e->content);
    }
}

/* --- an engine's ------------------------------------------------------------------------------ */

static bool may_expire(const struct message *message)
{
    uint64_t ms;
    return message_time_ms(message) != 0 && message_expiration(message, &ms);
}

/* COUNT: how many there should be. */
static bool see_messages(struct image *image, struct queue *queue, struct keeper *keeper,
                         uint64_t count)
{
    uint64_t seen = 0, before = 0;
    struct store_answer answer = {.next = 0};
    bool good = true;
    while (good && answer.next < UINT64_MAX) {
        struct store_fetch fetch = {
            .queue = queue, .first = answer.next, .end = UINT64_MAX, .bytes = UINT32_MAX};
        keeper_fetch(keeper, queue->id, &fetch);
        good = keeper_fetched(keeper, &answer) && answer.status == 0;
        for (uint32_t i = 0; i < answer.count; i++) {
            const struct store_fetched *entry = &answer.entries[i];
            good &= entry->position > before && entry->position < answer.next;
            good &= queue->delay != NULL ||
                    !(may_expire(entry->message) || queue->settings.message_ttl_ms >= 0) ||
                    (queue->clock != NULL && queue->clock->is_on);
            before = entry->position;
            add(image,
                message_element(queue->id, entry->position, entry->delivery_count, entry->message));
            message_unref(entry->message);
        }
        seen += answer.count;
        mem_free(answer.entries);
    }
    return good && seen == count;
}

bool image_of_engine(struct image *image, struct engine *engine, struct keeper *keeper)
{
    bool good = true;
    struct vhost *vhost = map_get(&engine->vhosts, SLICE_LITERAL("/"));
    uint32_t position = 0;
    for (struct queue *queue; (queue = map_next(&vhost->queues, &position)) != NULL;) {
        add(image, queue_element(queue));
        good &= see_messages(image, queue, keeper, queue_depth(queue));
    }
    position = 0;
    for (struct exchange *exchange; (exchange = map_next(&vhost->exchanges, &position)) != NULL;) {
        add(image, exchange_element(exchange));
        if (exchange->delay != NULL) {
            add(image, queue_element(exchange->delay->queue));
            good &= see_messages(image, exchange->delay->queue, keeper, exchange->delay->count);
        }
        list_for_each (node, &exchange->bindings_out)
            add(image, binding_element(LIST_ENTRY(node, struct binding, by_source)));
    }
    return good;
}

void image_add_definitions(struct image *image, const struct inventory *inventory)
{
    uint32_t position = 0;
    for (const struct inventory_fact *found;
         (found = map_next(&inventory->definitions, &position)) != NULL;) {
        struct cursor key = cursor_of(slice_of(found->bytes, found->key_bytes));
        struct definition definition = {.kind = (enum definition_kind)cursor_u8(&key)};
        definition.key = bytes_string(&key);
        definition.value = slice_of(found->bytes + found->key_bytes, found->payload_bytes);
        CHECK(!key.failed);
        add(image, definition_element(&definition));
    }
}

/* --- the ledger ------------------------------------------------------------------------------- */

static void add_event(struct ledger *ledger, uint64_t operations)
{
    if (ledger->event_count == ledger->event_capacity) {
        ledger->event_capacity = ledger->event_capacity == 0 ? 256 : ledger->event_capacity * 2;
        ledger->events = mem_realloc(ledger->events,
                                     ledger->event_capacity * sizeof *ledger->events);
    }
    uint64_t sum = ledger->in_transaction ? ledger->sum_before : ledger->image.sum;
    ledger->events[ledger->event_count++] = (struct event){operations, sum};
}

void ledger_init(struct ledger *ledger, struct image image)
{
    *ledger = (struct ledger){.image = image};
    add_event(ledger, 0);
}

void ledger_fini(struct ledger *ledger)
{
    image_fini(&ledger->image);
    mem_free(ledger->events);
    mem_free(ledger->promises);
    *ledger = (struct ledger){0};
}

static void follow(struct ledger *ledger, const struct store_record *record)
{
    struct image *image = &ledger->image;
    struct element element;
    switch (record->kind) {
    case STORE_MESSAGE:
        for (uint32_t i = 0; i < record->target_count; i++)
            add(image, message_element(record->targets[i].queue->id, record->targets[i].position, 0,
                                       record->message));
        break;
    case STORE_SETTLE:
        remove_messages(image, record);
        break;
    case STORE_REQUEUE:
        element = image->elements[find_message(image, record->queue->id, record->position)];
        remove_at(image, find_message(image, record->queue->id, record->position));
        element.count = record->delivery_count;
        add(image, element);
        break;
    case STORE_QUEUE_DECLARE:
        add(image, queue_element(record->queue));
        break;
    case STORE_QUEUE_DELETE:
        remove_of_queue(image, record->queue->id);
        break;
    case STORE_EXCHANGE_DECLARE:
        add(image, exchange_element(record->exchange));
        break;
    case STORE_EXCHANGE_DELETE:
        remove_of_exchange(image, exchange_name_hash(record->exchange));
        break;
    case STORE_BIND:
        add(image, binding_element(record->binding));
        break;
    case STORE_UNBIND:
        element = binding_element(record->binding);
        remove_at(image, find(image, &element));
        break;
    case STORE_DEFINE:
    case STORE_UNDEFINE:
        remove_definition(image, record->definition);
        if (record->kind == STORE_DEFINE)
            add(image, definition_element(record->definition));
        break;
    case STORE_TX_BEGIN:
        CHECK(!ledger->in_transaction);
        ledger->in_transaction = true;
        ledger->sum_before = image->sum;
        break;
    case STORE_TX_COMMIT:
        CHECK(ledger->in_transaction);
        ledger->in_transaction = false;
        break;
    case STORE_MOVED:
    case STORE_PAGE:
    case STORE_STOP:
        break;
    }
}

void ledger_record(struct ledger *ledger, const struct store_record *record, uint64_t operations)
{
    follow(ledger, record);
    add_event(ledger, operations);
    size_t event = ledger->event_count - 1;
    if (record->kind >= STORE_QUEUE_DECLARE && record->kind <= STORE_UNBIND &&
        !(record->kind == STORE_QUEUE_DECLARE && record->queue->delay != NULL))
        ledger->topology_event = event;
    if (record->kind == STORE_TX_COMMIT && ledger->topology_event > ledger->begin_event)
        ledger->topology_event = event; /* they are one */
    if (record->kind == STORE_TX_BEGIN)
        ledger->begin_event = event;
    if (record->kind == STORE_TX_COMMIT && ledger->first_commit == 0)
        ledger->first_commit = event;
    if (record->kind == STORE_MESSAGE && ledger->first_message == 0)
        ledger->first_message = event;
}

void ledger_promise(struct ledger *ledger, size_t events, uint64_t operations)
{
    size_t count = ledger->promise_count;
    if (count > 0 && ledger->promises[count - 1].events >= events)
        return;
    if (count == ledger->promise_capacity) {
        ledger->promise_capacity = count == 0 ? 64 : count * 2;
        ledger->promises = mem_realloc(ledger->promises,
                                       ledger->promise_capacity * sizeof *ledger->promises);
    }
    ledger->promises[ledger->promise_count++] = (struct promise){operations, events};
}

void ledger_bounds(const struct ledger *ledger, uint64_t operations, size_t *first, size_t *last)
{
    *first = 0;
    for (size_t i = 0; i < ledger->promise_count && ledger->promises[i].operations <= operations;
         i++)
        *first = ledger->promises[i].events;
    *last = 0;
    while (*last + 1 < ledger->event_count && ledger->events[*last + 1].operations < operations)
        ++*last;
}

bool ledger_find(const struct ledger *ledger, uint64_t sum, size_t first, size_t last,
                 size_t *event)
{
    for (size_t i = last + 1; i-- > first;)
        if (ledger->events[i].sum == sum) {
            *event = i;
            return true;
        }
    return false;
}

void ledger_rewind(struct ledger *ledger, size_t event, struct image image)
{
    CHECK(event < ledger->event_count && ledger->events[event].sum == image.sum);
    image_fini(&ledger->image);
    ledger->image = image;
    ledger->in_transaction = false;
    ledger->event_count = event + 1;
    ledger->topology_event = ledger->begin_event = 0;
}
