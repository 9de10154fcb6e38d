/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange.h"

#include "amqp/table.h"
#include "exchange/event.h"
#include "exchange/policy.h"
#include "exchange/route.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

static const struct exchange_type *const types[] = {
    &exchange_type_direct,         &exchange_type_fanout,          &exchange_type_headers,
    &exchange_type_topic,          &exchange_type_consistent_hash, &exchange_type_delayed,
    &exchange_type_local_random,   &exchange_type_modulus_hash,    &exchange_type_random,
    &exchange_type_recent_history,
};

const struct exchange_type *exchange_type_at(size_t at)
{
    return at < sizeof types / sizeof types[0] ? types[at] : NULL;
}

const struct exchange_type *exchange_type_find(struct slice name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_equal(name, slice_from_string(types[i]->name)))
            return types[i];
    return NULL;
}

/* Borrows from the arguments or, where these say nothing, a policy; data NULL when no alternate
 * exchange is named. */
static struct slice alternate_of(const struct exchange *exchange)
{
    const struct slice key = SLICE_LITERAL("alternate-exchange");
    struct table_value value;
    if (!table_find(exchange->arguments, key, &value) &&
        !table_find(exchange->arguments, SLICE_LITERAL("x-alternate-exchange"), &value) &&
        !policy_value(exchange->policies, key, &value))
        return SLICE_EMPTY;
    return value.type == TABLE_LONGSTR ? value.bytes : SLICE_EMPTY;
}

/* Do messages with x-delay wait here? */
static bool is_delayed(const struct exchange *exchange)
{
    struct table_value value;
    if (exchange_is_default(exchange))
        return false;
    return exchange->inner != NULL ||
           (table_find(exchange->arguments, SLICE_LITERAL("x-delayed-exchange"), &value) &&
            value.type == TABLE_BOOL && value.boolean) ||
           (policy_value(exchange->policies, SLICE_LITERAL("delayed-message"), &value) &&
            value.type == TABLE_BOOL && value.boolean);
}

struct exchange *exchange_new(struct vhost *vhost, const struct exchange_spec *spec)
{
    struct exchange *exchange = mem_zalloc(sizeof *exchange);
    exchange->vhost = vhost;
    exchange->type = spec->type;
    exchange->name = slice_dup(spec->name);
    exchange->arguments = slice_dup(spec->arguments);
    exchange->user = slice_dup(spec->user.size > 0 ? spec->user : event_actor(vhost->engine));
    exchange->alternate = alternate_of(exchange);
    exchange->durable = spec->durable;
    exchange->auto_delete = spec->auto_delete;
    exchange->internal = spec->internal;
    list_init(&exchange->bindings_out);
    list_init(&exchange->bindings_in);
    exchange->dependence = spec->type->dependence;
    if (spec->type->init != NULL)
        spec->type->init(exchange);
    exchange->is_delayed = is_delayed(exchange);
    return exchange;
}

void exchange_policy_changed(struct exchange *exchange)
{
    exchange->alternate = alternate_of(exchange);
    exchange->is_delayed = is_delayed(exchange);
    exchange->vhost->topology++;
}

void exchange_free(struct exchange *exchange)
{
    CHECK(list_is_empty(&exchange->bindings_out) && list_is_empty(&exchange->bindings_in));
    CHECK(exchange->delay == NULL);
    if (exchange->type->fini != NULL)
        exchange->type->fini(exchange);
    route_forget(exchange);
    map_fini(&exchange->bindings_by_id);
    mem_free((void *)exchange->name.data);
    mem_free((void *)exchange->user.data);
    mem_free((void *)exchange->arguments.data);
    mem_free(exchange);
}
