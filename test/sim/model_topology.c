/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/table.h"
#include "test/sim/model_ops.h"

/* --- queues ---------------------------------------------------------------------------------- */

static bool is_same(const struct m_features *a, const struct m_features *b)
{
    return a->single_active == b->single_active && a->max_priority == b->max_priority &&
           memcmp(&a->arguments, &b->arguments, sizeof a->arguments) == 0;
}

static void declare_in_model(struct place *p, int index, const struct method_queue_declare *wanted,
                             const struct m_features *features)
{
    struct model *model = p->model;
    struct m_queue *queue = &model->queues[index];
    bool durable = wanted->durable && !wanted->exclusive; /* an exclusive one never is */
    uint16_t code = 0;
    if (!queue->alive && wanted->passive) {
        code = REPLY_NOT_FOUND;
    } else if (queue->alive) {
        code = queue_error(p, index);
        if (code == 0 && !wanted->passive)
            code = wanted->exclusive != (queue->owner != NONE) ? REPLY_RESOURCE_LOCKED
                   : durable != queue->durable || wanted->auto_delete != queue->auto_delete ||
                           !is_same(features, &queue->features)
                       ? REPLY_PRECONDITION_FAILED
                       : 0;
    }
    if (code != 0) {
        channel_error(p, code);
        return;
    }
    if (!queue->alive) {
        queue->alive = true;
        queue->uid = ++model->uids;
        queue->durable = durable;
        queue->auto_delete = wanted->auto_delete;
        queue->owner = wanted->exclusive ? p->session : NONE;
        queue->last_number = queue->entered = queue->overdue = 0;
        queue->unacked = 0;
        queue->features = *features;
        settings_apply(model, index);
        model->counters.queues_declared++;
    }
    p->channel->last_queue = index;
    queue->used_ms = stock_now_ms(model);
    struct m_expected *ok = expect(p, METHOD_QUEUE_DECLARE_OK);
    ok->queue = index;
    ok->number = queue->ready_count;
    ok->durable = queue->durable;
    ok->consumers = state_consumers(model, index);
}

void op_declare_queue(struct place *p)
{
    struct buf table = {0};
    struct model *model = p->model;
    int q = (int)below(model, QUEUES);
    const struct m_queue *queue = &model->queues[q];
    struct method_queue_declare wanted = {.queue = S(queue_name(q)),
                                          .passive = one_in(model, 6),
                                          .durable = one_in(model, 2),
                                          .exclusive = one_in(model, 8),
                                          .auto_delete = one_in(model, 6)};
    struct m_features features = settings_choose(model);
    if (queue->alive && !one_in(model, 20)) { /* mostly the same again */
        features = queue->features;
        wanted.durable = queue->durable;
        wanted.exclusive = queue->owner != NONE;
        wanted.auto_delete = queue->auto_delete;
    }
    settings_put_arguments(&table, &features);
    wanted.arguments = buf_slice(&table);
    declare_in_model(p, q, &wanted, &features);
    send(p, &(struct method){.id = METHOD_QUEUE_DECLARE, .queue_declare = wanted});
    buf_fini(&table);
}

void op_purge(struct place *p)
{
    int q = choose_queue(p);
    struct m_queue *queue = &p->model->queues[q];
    uint16_t code = queue_error(p, q);
    if (code != 0) {
        channel_error(p, code);
    } else {
        expect(p, METHOD_QUEUE_PURGE_OK)->number = queue->ready_count;
        p->model->counters.messages_purged += queue->ready_count;
        queue->ready_count = 0;
    }
    send(p, &(struct method){.id = METHOD_QUEUE_PURGE, .queue_purge = {.queue = S(queue_name(q))}});
}

void op_delete_queue(struct place *p)
{
    struct model *model = p->model;
    int q = (int)below(model, QUEUES);
    struct m_queue *queue = &model->queues[q];
    bool if_unused = one_in(model, 8), if_empty = one_in(model, 8);
    uint16_t code = queue_error(p, q);
    uint64_t count = queue->ready_count;
    bool durable = !queue->alive || queue->durable; /* one that is not there may have been */
    if (!paging_may_delete(model, q))
        return;
    if (code == 0 && ((if_unused && state_consumers(model, q) > 0) || (if_empty && count > 0)))
        code = REPLY_PRECONDITION_FAILED;
    if (code != 0 && code != REPLY_NOT_FOUND) {
        channel_error(p, code);
    } else {
        if (code == 0)
            state_delete_queue(model, q);
        struct m_expected *ok = expect(p, METHOD_QUEUE_DELETE_OK);
        ok->number = code == 0 ? count : 0;
        ok->durable = durable;
    }
    send(p, &(struct method){.id = METHOD_QUEUE_DELETE,
                             .queue_delete = {.queue = S(queue_name(q)),
                                              .if_unused = if_unused,
                                              .if_empty = if_empty}});
}

/* --- exchanges ------------------------------------------------------------------------------- */

static void declare_new(struct m_exchange *exchange, const struct m_exchange *wanted)
{
    struct m_entry *waiting = exchange->waiting;
    size_t capacity = exchange->waiting_capacity;
    *exchange = *wanted;
    exchange->waiting = waiting;
    exchange->waiting_capacity = capacity;
}

void op_declare_exchange(struct place *p)
{
    struct model *model = p->model;
    int x = FIRST_OWN_EXCHANGE + (int)below(model, EXCHANGES - FIRST_OWN_EXCHANGE);
    struct m_exchange *exchange = &model->exchanges[x];
    struct m_exchange wanted = {.alive = true,
                                .durable = one_in(model, 2),
                                .auto_delete = one_in(model, 3),
                                .internal = one_in(model, 10),
                                .kind = below(model, 4),
                                .delays = one_in(model, 2) ? below(model, 3) : DELAYS_NOT,
                                .alternate = one_in(model, 2) ? (int)below(model, EXCHANGES)
                                                              : NONE};
    bool passive = one_in(model, 8);
    if (exchange->alive && !one_in(model, 20))
        wanted = *exchange;
    if (exchange->alive && exchange->delays == DELAYS_BY_TYPE && wanted.delays == DELAYS_BY_TYPE)
        wanted.kind = exchange->kind;
    uint16_t code = 0;
    if (passive)
        code = exchange->alive ? 0 : REPLY_NOT_FOUND;
    else if (exchange->alive &&
             (exchange->durable != wanted.durable || exchange->auto_delete != wanted.auto_delete ||
              exchange->internal != wanted.internal || exchange->kind != wanted.kind ||
              (exchange->delays == DELAYS_BY_TYPE) != (wanted.delays == DELAYS_BY_TYPE) ||
              exchange->alternate != wanted.alternate))
        code = REPLY_PRECONDITION_FAILED;
    if (code == 0 && !exchange->alive)
        declare_new(exchange, &wanted);
    if (code != 0)
        channel_error(p, code);
    else
        expect(p, METHOD_EXCHANGE_DECLARE_OK)->durable = exchange->durable;
    struct buf table = {0};
    if (wanted.alternate != NONE)
        table_put_longstr(&table, "alternate-exchange", S(exchange_name(wanted.alternate)));
    if (wanted.delays == DELAYS_BY_ARGUMENT)
        table_put_bool(&table, "x-delayed-exchange", true);
    else if (wanted.delays == DELAYS_BY_TYPE)
        table_put_longstr(&table, "x-delayed-type", S(model_kinds[wanted.kind]));
    send(p, &(struct method){.id = METHOD_EXCHANGE_DECLARE,
                             .exchange_declare = {.exchange = S(exchange_name(x)),
                                                  .type = S(wanted.delays == DELAYS_BY_TYPE
                                                                ? "x-delayed-message"
                                                                : model_kinds[wanted.kind]),
                                                  .passive = passive,
                                                  .durable = wanted.durable,
                                                  .auto_delete = wanted.auto_delete,
                                                  .internal = wanted.internal,
                                                  .arguments = buf_slice(&table)}});
    buf_fini(&table);
}

void op_delete_exchange(struct place *p)
{
    struct model *model = p->model;
    int x = FIRST_OWN_EXCHANGE + (int)below(model, EXCHANGES - FIRST_OWN_EXCHANGE);
    bool if_unused = one_in(model, 2), is_used = false;
    for (size_t i = 0; i < model->binding_count; i++)
        is_used |= model->bindings[i].source == x;
    if (model->exchanges[x].alive && if_unused && is_used) {
        channel_error(p, REPLY_PRECONDITION_FAILED);
    } else {
        bool durable = !model->exchanges[x].alive || model->exchanges[x].durable;
        if (model->exchanges[x].alive)
            state_delete_exchange(model, x);
        expect(p, METHOD_EXCHANGE_DELETE_OK)->durable = durable;
    }
    send(p, &(struct method){
                .id = METHOD_EXCHANGE_DELETE,
                .exchange_delete = {.exchange = S(exchange_name(x)), .if_unused = if_unused}});
}

/* --- bindings -------------------------------------------------------------------------------- */

static bool is_durable(const struct model *model, const struct m_binding *binding)
{
    return model->exchanges[binding->source].durable &&
           (binding->queue != NONE ? model->queues[binding->queue].durable
                                   : model->exchanges[binding->exchange].durable);
}

/* An exchange to bind, not the default one: mostly one that is there. */
static int choose_end(struct model *model)
{
    int exchange = 1 + (int)below(model, EXCHANGES - 1);
    if (!one_in(model, 50))
        while (!model->exchanges[exchange].alive)
            exchange = 1 + (int)below(model, EXCHANGES - 1);
    return exchange;
}

static void put_arguments(struct buf *table, int arguments)
{
    const struct m_arguments *a = &model_arguments[arguments];
    if (a->x_match != NULL)
        table_put_longstr(table, "x-match", S(a->x_match));
    for (const struct m_header *c = a->conditions; c < a->conditions + 3; c++)
        if (c->name != NULL)
            content_put_header(table, c);
}

static void send_binding(struct place *p, const struct m_binding *binding, bool bind)
{
    struct buf table = {0};
    put_arguments(&table, binding->arguments);
    struct slice source = S(exchange_name(binding->source)), key = S(model_keys[binding->key]);
    struct method method = {0};
    if (binding->queue != NONE && bind) {
        method.id = METHOD_QUEUE_BIND;
        method.queue_bind = (struct method_queue_bind){.queue = S(queue_name(binding->queue)),
                                                       .exchange = source,
                                                       .routing_key = key,
                                                       .arguments = buf_slice(&table)};
    } else if (binding->queue != NONE) {
        method.id = METHOD_QUEUE_UNBIND;
        method.queue_unbind = (struct method_queue_unbind){.queue = S(queue_name(binding->queue)),
                                                           .exchange = source,
                                                           .routing_key = key,
                                                           .arguments = buf_slice(&table)};
    } else if (bind) {
        method.id = METHOD_EXCHANGE_BIND;
        method.exchange_bind = (struct method_exchange_bind){
            .destination = S(exchange_name(binding->exchange)),
            .source = source,
            .routing_key = key,
            .arguments = buf_slice(&table)};
    } else {
        method.id = METHOD_EXCHANGE_UNBIND;
        method.exchange_unbind = (struct method_exchange_unbind){
            .destination = S(exchange_name(binding->exchange)),
            .source = source,
            .routing_key = key,
            .arguments = buf_slice(&table)};
    }
    send(p, &method);
    buf_fini(&table);
}

void op_bind(struct place *p)
{
    struct model *model = p->model;
    bool to_queue = !one_in(model, 3);
    struct m_binding binding = {
        .source = choose_end(model),
        .queue = to_queue ? choose_queue(p) : NONE,
        .exchange = to_queue ? NONE : choose_end(model),
        .key = (int)below(model, KEYS),
        .arguments = one_in(model, 2) ? (int)below(model, HEADERS) : 0,
    };
    uint16_t code = to_queue                                   ? queue_error(p, binding.queue)
                    : model->exchanges[binding.exchange].alive ? 0
                                                               : REPLY_NOT_FOUND;
    if (code == 0 && !model->exchanges[binding.source].alive)
        code = REPLY_NOT_FOUND;
    if (code == 0 && model->binding_count == BINDINGS_MAX)
        return;
    if (code != 0) {
        channel_error(p, code);
    } else {
        expect(p, to_queue ? METHOD_QUEUE_BIND_OK : METHOD_EXCHANGE_BIND_OK)->durable = is_durable(
            model, &binding);
        if (state_find_binding(model, &binding) == NONE)
            model->bindings[model->binding_count++] = binding;
    }
    send_binding(p, &binding, true);
}

void op_unbind(struct place *p)
{
    struct model *model = p->model;
    if (model->binding_count == 0)
        return;
    struct m_binding binding = model->bindings[below(model, (uint32_t)model->binding_count)];
    bool to_queue = binding.queue != NONE;
    if (one_in(model, 10))
        binding.key = (int)below(model, KEYS); /* which is there or not */
    if (to_queue && queue_error(p, binding.queue) != 0) {
        channel_error(p, queue_error(p, binding.queue));
    } else {
        int index = state_find_binding(model, &binding);
        bool durable = is_durable(model, &binding);
        if (index != NONE)
            state_remove_binding(model, (size_t)index);
        expect(p, to_queue ? METHOD_QUEUE_UNBIND_OK : METHOD_EXCHANGE_UNBIND_OK)->durable = durable;
    }
    send_binding(p, &binding, false);
}
