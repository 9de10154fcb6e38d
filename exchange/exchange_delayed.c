/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The type x-delayed-message routes as the type in its argument x-delayed-type does,
 * and that keeps what it needs in the exchange as if it were alone. What makes the exchange delay
 * messages is exchange.is_delayed, which other types have as well (delay.h).
 */
#include "amqp/table.h"
#include "exchange/binding.h"
#include "exchange/exchange.h"

/* The type that ARGUMENTS name; NULL: none, and VALUE says what they do name. */
static const struct exchange_type *inner_of(struct slice arguments, struct table_value *value)
{
    *value = (struct table_value){.type = TABLE_VOID};
    if (!table_find(arguments, SLICE_LITERAL("x-delayed-type"), value) ||
        value->type != TABLE_LONGSTR)
        return NULL;
    const struct exchange_type *inner = exchange_type_find(value->bytes);
    return inner == &exchange_type_delayed ? NULL : inner;
}

const struct exchange_type *exchange_type_routing(const struct exchange_type *type,
                                                  struct slice arguments)
{
    struct table_value value;
    return type == &exchange_type_delayed ? inner_of(arguments, &value) : type;
}

static int delayed_check(struct slice arguments, struct reply_error *error)
{
    struct table_value value;
    const struct exchange_type *inner = inner_of(arguments, &value);
    if (inner != NULL)
        return inner->check == NULL ? 0 : inner->check(arguments, error);
    if (value.type != TABLE_LONGSTR)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "Invalid argument, 'x-delayed-type' must be an existing exchange type");
    if (slice_equal(value.bytes, slice_from_string(exchange_type_delayed.name)))
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "Invalid argument, 'x-delayed-message' can't be used for "
                           "'x-delayed-type'");
    return reply_error(error, REPLY_COMMAND_INVALID, "%s exchange type '%.*s'",
                       value.bytes.size == 0 ? "invalid" : "unknown", SLICE_ARGS(value.bytes));
}

/* One that an earlier run left and whose type is not known any more is a direct one. */
static void delayed_init(struct exchange *exchange)
{
    struct table_value value;
    const struct exchange_type *inner = inner_of(exchange->arguments, &value);
    exchange->inner = inner != NULL ? inner : &exchange_type_direct;
    exchange->dependence = exchange->inner->dependence;
    if (exchange->inner->init != NULL)
        exchange->inner->init(exchange);
}

static int delayed_check_binding(const struct binding_spec *spec, struct reply_error *error)
{
    const struct exchange_type *inner = spec->source == NULL ? NULL : spec->source->inner;
    return inner == NULL || inner->check_binding == NULL ? 0 : inner->check_binding(spec, error);
}

static void delayed_add(struct exchange *exchange, struct binding *binding)
{
    if (exchange->inner->add != NULL)
        exchange->inner->add(exchange, binding);
}

static void delayed_remove(struct exchange *exchange, struct binding *binding)
{
    if (exchange->inner->remove != NULL)
        exchange->inner->remove(exchange, binding);
}

static void delayed_bound(struct exchange *exchange, struct binding *binding)
{
    if (exchange->inner->bound != NULL)
        exchange->inner->bound(exchange, binding);
}

static void delayed_route(struct exchange *exchange, struct slice routing_key,
                          struct message *message, struct route_walk *walk)
{
    exchange->inner->route(exchange, routing_key, message, walk);
}

static void delayed_fini(struct exchange *exchange)
{
    if (exchange->inner->fini != NULL)
        exchange->inner->fini(exchange);
}

const struct exchange_type exchange_type_delayed = {
    .name = "x-delayed-message",
    .description = "Delayed Message Exchange.",
    .dependence = EXCHANGE_DEPENDS_ON_MESSAGE,
    .check = delayed_check,
    .init = delayed_init,
    .check_binding = delayed_check_binding,
    .add = delayed_add,
    .remove = delayed_remove,
    .bound = delayed_bound,
    .route = delayed_route,
    .fini = delayed_fini,
};
