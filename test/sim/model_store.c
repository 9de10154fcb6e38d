/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The store's records are replayed into an image as a recovery would do it, knowing
 * nothing else.
 */
#include "test/sim/model_parts.h"

#include <inttypes.h>

#include "amqp/table.h"
#include "server/base/mem.h"

static int find_queue(const struct model *model, const char *name)
{
    for (int q = 0; q < QUEUES; q++)
        if (strcmp(queue_name(q), name) == 0)
            return q;
    for (int x = FIRST_OWN_EXCHANGE; x < EXCHANGES; x++)
        if (strcmp(exchange_name(x), name) == 0)
            return QUEUES + x; /* what waits there */
    model_complain(model, "the store was told of a queue \"%s\"", name);
}

static int find_exchange(const struct model *model, const char *name)
{
    for (int x = 0; x < EXCHANGES; x++)
        if (strcmp(exchange_name(x), name) == 0)
            return x;
    model_complain(model, "the store was told of an exchange \"%s\"", name);
}

/* --- messages -------------------------------------------------------------------------------- */

static size_t find_item(const struct m_image *image, int queue, uint64_t position)
{
    size_t i = 0;
    while (i < image->queues[queue].count && image->queues[queue].items[i].position != position)
        i++;
    return i;
}

static struct m_image_item *need_item(struct model *model, const struct fact *fact)
{
    int queue = find_queue(model, fact->name);
    size_t i = find_item(&model->image, queue, fact->position);
    if (i == model->image.queues[queue].count)
        model_complain(model, "a record names %s at %" PRIu64 ", which is not there", fact->name,
                       fact->position);
    return &model->image.queues[queue].items[i];
}

static bool has_levels(const struct model *model, int place)
{
    return place < QUEUES && model->queues[place].features.max_priority > 0;
}

static void remove_item(struct model *model, int queue, struct m_image_item *item)
{
    bool is_number = item->number == 0 && !has_levels(model, queue);
    CHECK(model->settled_count < SETTLED_MAX);
    model->settled[model->settled_count++] = (struct m_left){
        .queue = queue, .number = is_number ? item->position : item->number, .group = model->group};
    *item = model->image.queues[queue].items[--model->image.queues[queue].count];
}

static void add_item(struct model *model, int queue, uint64_t position)
{
    struct m_image *image = &model->image;
    if (!image->queues[queue].declared)
        model_complain(model, "a message for %s, which was not declared", queue_name(queue));
    if (image->queues[queue].count == image->queues[queue].capacity) {
        size_t capacity = image->queues[queue].capacity == 0 ? 64
                                                             : image->queues[queue].capacity * 2;
        image->queues[queue].items = mem_realloc(image->queues[queue].items,
                                                 capacity * sizeof *image->queues[queue].items);
        image->queues[queue].capacity = capacity;
    }
    image->queues[queue].items[image->queues[queue].count++] = (struct m_image_item){
        .position = position};
}

static void follow_settle(struct model *model, const struct fact *fact)
{
    int queue = find_queue(model, fact->name);
    size_t settled = 0;
    for (size_t i = 0; i < model->image.queues[queue].count;) {
        struct m_image_item *item = &model->image.queues[queue].items[i];
        if (item->position >= fact->position && item->position < fact->position + fact->span) {
            remove_item(model, queue, item);
            settled++;
        } else {
            i++;
        }
    }
    if (model->pages ? settled + fact->settled_pages != fact->settled : settled != 1)
        model_complain(model, "%zu messages of %s were settled from %" PRIu64 " on", settled,
                       fact->name, fact->position);
}

static void follow_message(struct model *model, const struct fact *fact)
{
    CHECK(model->told_count < COMING_MAX);
    struct m_told *told = &model->told[model->told_count++];
    *told = (struct m_told){.group = model->group};
    for (uint32_t i = 0; i < fact->target_count; i++) {
        int queue = find_queue(model, fact->targets[i].queue);
        if (told->targets[queue])
            model_complain(model, "a message was stored twice for %s", fact->targets[i].queue);
        told->targets[queue] = true;
        told->positions[queue] = fact->targets[i].position;
        add_item(model, queue, fact->targets[i].position);
    }
    if (model->told_count == 1)
        model->stored_lsn = fact->lsn;
}

/* The message at POSITION of QUEUE is the one with NUMBER, if it is still there. Without priorities
 * both are the same, with them the position is the queue's choice. */
static void learn_number(struct model *model, int queue, uint64_t position, uint64_t number)
{
    size_t i = find_item(&model->image, queue, position);
    if (!has_levels(model, queue) && position != number)
        model_complain(model, "a message was stored for %s at %" PRIu64 " instead of %" PRIu64,
                       queue_name(queue), position, number);
    if (i < model->image.queues[queue].count)
        model->image.queues[queue].items[i].number = number;
}

/* What left a queue as a dead letter did so in the records that are one with the letter's own; but
 * one with a priority that came and went in this step is not known by its number. */
static void check_group(const struct model *model, const struct m_left *left, uint64_t group)
{
    size_t i = 0;
    while (i < model->settled_count &&
           (model->settled[i].queue != left->queue || model->settled[i].number != left->number))
        i++;
    if (i == model->settled_count && has_levels(model, left->queue))
        return;
    if (i == model->settled_count || group == 0 || model->settled[i].group != group)
        model_complain(model,
                       "the dead letter of %s's number %" PRIu64 " and its removal there "
                       "are not one",
                       queue_name(left->queue), left->number);
}

void store_end_step(struct model *model)
{
    for (size_t i = 0; i < model->told_count && i < model->stored_count; i++)
        for (int q = 0; q < PLACES; q++) {
            if (model->stored[i].targets[q] != model->told[i].targets[q])
                model_complain(model, "a message was%s stored for %s",
                               model->told[i].targets[q] ? "" : " not", queue_name(q));
            if (model->told[i].targets[q])
                learn_number(model, q, model->told[i].positions[q], model->stored[i].numbers[q]);
        }
    for (size_t i = 0; i < model->told_count && i < model->stored_count; i++)
        if (model->stored[i].left.queue != NONE)
            check_group(model, &model->stored[i].left, model->told[i].group);
    if (model->told_count != model->stored_count)
        model_complain(model, "%zu messages were stored instead of %zu", model->told_count,
                       model->stored_count);
    model->told_count = model->stored_count = model->settled_count = 0;
}

/* --- topology -------------------------------------------------------------------------------- */

/* Which choice of arguments is it? */
static int find_arguments(const struct model *model, const struct fact *fact)
{
    struct slice arguments = slice_of(fact->arguments, fact->arguments_bytes);
    for (int a = 0; a < HEADERS; a++) {
        struct buf table = {0};
        if (model_arguments[a].x_match != NULL)
            table_put_longstr(&table, "x-match", S(model_arguments[a].x_match));
        for (const struct m_header *c = model_arguments[a].conditions;
             c < model_arguments[a].conditions + 3; c++)
            if (c->name != NULL && c->value != 0)
                table_put_int(&table, c->name, c->value);
            else if (c->name != NULL)
                table_put(&table, S(c->name), &(struct table_value){.type = TABLE_VOID});
        bool equal = table_equal(buf_slice(&table), arguments);
        buf_fini(&table);
        if (equal)
            return a;
    }
    model_complain(model, "the store was told of other arguments");
}

static struct m_binding read_binding(const struct model *model, const struct fact *fact)
{
    struct m_binding binding = {
        .source = find_exchange(model, fact->name),
        .queue = fact->to_queue ? find_queue(model, fact->destination) : NONE,
        .exchange = fact->to_queue ? NONE : find_exchange(model, fact->destination),
        .arguments = find_arguments(model, fact)};
    while (binding.key < KEYS && strcmp(model_keys[binding.key], fact->key) != 0)
        binding.key++;
    return binding;
}

static bool is_same(const struct m_binding *a, const struct m_binding *b)
{
    return a->source == b->source && a->queue == b->queue && a->exchange == b->exchange &&
           a->key == b->key && a->arguments == b->arguments;
}

static void follow_unbind(struct model *model, const struct m_binding *binding)
{
    struct m_image *image = &model->image;
    size_t i = 0;
    while (i < image->binding_count && !is_same(&image->bindings[i], binding))
        i++;
    if (i == image->binding_count)
        model_complain(model, "the end of a binding that the store did not have");
    image->bindings[i] = image->bindings[--image->binding_count];
}

static void follow_bind(struct model *model, const struct m_binding *binding)
{
    struct m_image *image = &model->image;
    if (!image->exchanges[binding->source] && binding->source >= FIRST_OWN_EXCHANGE)
        model_complain(model, "a binding whose source the store does not have");
    for (size_t i = 0; i < image->binding_count; i++)
        if (is_same(&image->bindings[i], binding))
            model_complain(model, "a binding was stored twice");
    CHECK(image->binding_count < BINDINGS_MAX);
    image->bindings[image->binding_count++] = *binding;
}

/* Deletes bindings of a queue or an exchange, as a recovery would. */
static void drop_bindings(struct m_image *image, int queue, int exchange)
{
    for (size_t i = 0; i < image->binding_count;) {
        const struct m_binding *b = &image->bindings[i];
        bool drop = (queue != NONE && b->queue == queue) ||
                    (exchange != NONE && (b->exchange == exchange || b->source == exchange));
        if (drop)
            image->bindings[i] = image->bindings[--image->binding_count];
        else
            i++;
    }
}

static void follow_declaration(struct model *model, bool *declared, bool now, const char *name)
{
    if (*declared == now)
        model_complain(model, "%s was %s twice in the store", name, now ? "declared" : "deleted");
    *declared = now;
}

/* --- all of it ------------------------------------------------------------------------------- */

static void follow_transaction(struct model *model, const struct fact *fact)
{
    struct m_image *image = &model->image;
    bool begins = fact->kind == STORE_TX_BEGIN;
    if (image->in_tx == begins)
        model_complain(model, "transactions in the store are nested or not begun");
    if (!begins && image->tx_records == 0)
        model_complain(model, "a transaction in the store has nothing in it");
    image->in_tx = begins;
    image->tx_records = 0;
    model->group = begins ? ++model->groups : 0;
    if (!begins && image->has_topology)
        model->topology_lsn = fact->lsn;
    image->has_topology = false;
}

/* Is it about what waits in an exchange? */
static bool is_of_delay(const struct fact *fact)
{
    return (fact->kind == STORE_QUEUE_DECLARE || fact->kind == STORE_QUEUE_DELETE) &&
           fact->name[0] == 'x';
}

static bool is_topology(enum store_record_kind kind)
{
    return kind >= STORE_QUEUE_DECLARE && kind <= STORE_UNBIND;
}

static void follow(struct model *model, const struct fact *fact)
{
    struct m_image *image = &model->image;
    struct m_binding binding;
    int index;
    if (is_topology(fact->kind) && !is_of_delay(fact))
        model->topology_lsn = fact->lsn;
    image->has_topology |= fact->kind == STORE_QUEUE_DELETE && is_of_delay(fact);
    switch (fact->kind) {
    case STORE_MESSAGE:
        follow_message(model, fact);
        break;
    case STORE_SETTLE:
        follow_settle(model, fact);
        break;
    case STORE_REQUEUE:
        need_item(model, fact)->count = fact->delivery_count;
        break;
    case STORE_QUEUE_DECLARE:
    case STORE_QUEUE_DELETE:
        index = find_queue(model, fact->name);
        if (model->pages && fact->kind == STORE_QUEUE_DELETE && !image->queues[index].declared)
            break; /* not durable, but it had messages there for the time being */
        follow_declaration(model, &image->queues[index].declared, fact->kind == STORE_QUEUE_DECLARE,
                           fact->name);
        image->queues[index].count = 0;
        if (fact->kind == STORE_QUEUE_DELETE)
            drop_bindings(image, index, NONE);
        break;
    case STORE_EXCHANGE_DECLARE:
    case STORE_EXCHANGE_DELETE:
        index = find_exchange(model, fact->name);
        follow_declaration(model, &image->exchanges[index], fact->kind == STORE_EXCHANGE_DECLARE,
                           fact->name);
        if (fact->kind == STORE_EXCHANGE_DELETE)
            drop_bindings(image, NONE, index);
        break;
    case STORE_BIND:
    case STORE_UNBIND:
        binding = read_binding(model, fact);
        if (fact->kind == STORE_BIND)
            follow_bind(model, &binding);
        else
            follow_unbind(model, &binding);
        break;
    case STORE_DEFINE: /* policies */
    case STORE_UNDEFINE:
        break;
    case STORE_TX_BEGIN:
    case STORE_TX_COMMIT:
        follow_transaction(model, fact);
        return;
    case STORE_MOVED:
    case STORE_STOP:
    case STORE_PAGE: /* a recovery would pass it over */
        if ((image->in_tx && fact->targets[0].queue[0] == 'q') || !model->pages)
            model_complain(model, "a message was paged");
        break;
    }
    image->tx_records++;
}

void store_follow(struct model *model)
{
    struct harness_store *store = &model->harness.store;
    for (size_t i = 0; i < store->count; i++)
        follow(model, &store->facts[i]);
    harness_forget_facts(&model->harness);
    if (model->image.in_tx)
        model_complain(model, "a transaction in the store has no end");
}

/* Returns its position, or 0 when the store need not have it. */
static uint64_t compare_item(const struct model *model, int queue, const struct m_entry *entry,
                             size_t *found)
{
    if (!entry->message.persistent)
        return 0;
    size_t i = 0;
    while (i < model->image.queues[queue].count &&
           model->image.queues[queue].items[i].number != entry->number)
        i++;
    if (i == model->image.queues[queue].count)
        model_complain(model, "message %u of %s is lost in the store", entry->message.id,
                       queue_name(queue));
    if (model->image.queues[queue].items[i].count != entry->count)
        model_complain(model, "message %u of %s was delivered %u times, %u in the store",
                       entry->message.id, queue_name(queue), entry->count,
                       model->image.queues[queue].items[i].count);
    ++*found;
    return model->image.queues[queue].items[i].position;
}

static void compare_queue(const struct model *model, int index)
{
    const struct m_queue *queue = &model->queues[index];
    size_t found = 0;
    if (model->image.queues[index].declared != (queue->alive && queue->durable))
        model_complain(model, "%s is%s in the store", queue_name(index),
                       queue->alive ? " not" : "");
    if (!queue->alive || !queue->durable)
        return;
    uint64_t before = 0;
    for (size_t i = 0; i < queue->ready_count; i++) {
        uint64_t position = compare_item(model, index, &queue->ready[i], &found);
        if (position != 0 && position <= before)
            model_complain(model,
                           "message %u of %s stands at %" PRIu64 " in the store, behind %" PRIu64,
                           queue->ready[i].message.id, queue_name(index), position, before);
        before = position != 0 ? position : before;
    }
    for (int s = 0; s < SESSIONS; s++)
        for (int c = 1; c <= CHANNELS; c++) {
            const struct m_channel *channel = &model->sessions[s].channels[c];
            for (size_t i = 0; i < channel->unacked_count; i++)
                if (channel->unacked[i].queue == index &&
                    channel->unacked[i].queue_uid == queue->uid)
                    (void)compare_item(model, index, &channel->unacked[i].entry, &found);
        }
    if (found != model->image.queues[index].count)
        model_complain(model, "%s has %zu messages in the store, expected %zu", queue_name(index),
                       model->image.queues[index].count, found);
}

static void compare_waiting(const struct model *model, int x)
{
    const struct m_exchange *exchange = &model->exchanges[x];
    size_t found = 0;
    if (model->image.queues[QUEUES + x].declared !=
        (exchange->alive && exchange->durable && exchange->has_delayed))
        model_complain(model, "what waits in %s is%s in the store", exchange_name(x),
                       exchange->alive ? " not" : "");
    for (size_t i = 0; i < exchange->waiting_count && exchange->durable; i++)
        (void)compare_item(model, QUEUES + x, &exchange->waiting[i], &found);
    if (found != model->image.queues[QUEUES + x].count)
        model_complain(model, "%zu messages wait in %s in the store, expected %zu",
                       model->image.queues[QUEUES + x].count, exchange_name(x), found);
}

void store_compare(const struct model *model)
{
    size_t durable = 0;
    for (int q = 0; q < QUEUES; q++)
        compare_queue(model, q);
    for (int x = FIRST_OWN_EXCHANGE; x < EXCHANGES; x++)
        compare_waiting(model, x);
    for (int x = FIRST_OWN_EXCHANGE; x < EXCHANGES; x++)
        if (model->image.exchanges[x] != (model->exchanges[x].alive && model->exchanges[x].durable))
            model_complain(model, "%s is%s in the store", exchange_name(x),
                           model->image.exchanges[x] ? "" : " not");
    for (size_t i = 0; i < model->binding_count; i++) {
        const struct m_binding *b = &model->bindings[i];
        bool is_durable = model->exchanges[b->source].durable &&
                          (b->queue != NONE ? model->queues[b->queue].durable
                                            : model->exchanges[b->exchange].durable);
        if (!is_durable)
            continue;
        durable++;
        bool found = false;
        for (size_t k = 0; k < model->image.binding_count; k++)
            found |= is_same(&model->image.bindings[k], b);
        if (!found)
            model_complain(model, "a durable binding is not in the store");
    }
    if (durable != model->image.binding_count)
        model_complain(model, "%zu bindings are in the store, expected %zu",
                       model->image.binding_count, durable);
}

void store_fini(struct model *model)
{
    for (int q = 0; q < PLACES; q++)
        mem_free(model->image.queues[q].items);
}
