/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The type headers (section 3.1.3.4): a binding's arguments are conditions on the
 * message's headers: all of them, or any. `all` and `any` leave out conditions whose name starts
 * with x-; the -with-x forms do not. A void value asks only that the header is there.
 */
#include "amqp/table.h"
#include "exchange/binding.h"
#include "exchange/exchange.h"
#include "exchange/message.h"
#include "exchange/route.h"

enum match_mode { MATCH_ALL, MATCH_ANY, MATCH_ALL_WITH_X, MATCH_ANY_WITH_X };

static const char *const mode_names[] = {"all", "any", "all-with-x", "any-with-x"};

#define X_MATCH SLICE_LITERAL("x-match")

/* False for a name that is none of the four. */
static bool find_mode(struct slice name, enum match_mode *mode)
{
    for (unsigned i = 0; i < sizeof mode_names / sizeof mode_names[0]; i++) {
        if (slice_equal(name, slice_from_string(mode_names[i]))) {
            *mode = (enum match_mode)i;
            return true;
        }
    }
    return false;
}

static int headers_check_binding(const struct binding_spec *spec, struct reply_error *error)
{
    struct table_value value;
    enum match_mode mode;
    if (!table_find(spec->arguments, X_MATCH, &value))
        return 0;
    if (value.type != TABLE_LONGSTR)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "Invalid x-match field type %s (value %lld); expected longstr",
                           table_type_name(value.type),
                           table_type_is_integer(value.type) ? (long long)value.integer : 0);
    if (!find_mode(value.bytes, &mode))
        return reply_error(
            error, REPLY_PRECONDITION_FAILED,
            "Invalid x-match field value <<\"%.*s\">>; expected all, any, all-with-x, or "
            "any-with-x",
            SLICE_ARGS(value.bytes));
    return 0;
}

static bool is_number(const struct table_value *value)
{
    return table_type_is_integer(value->type) || value->type == TABLE_TIMESTAMP ||
           value->type == TABLE_FLOAT || value->type == TABLE_DOUBLE;
}

static double number_of(const struct table_value *value)
{
    if (value->type == TABLE_FLOAT || value->type == TABLE_DOUBLE)
        return value->real;
    return value->type == TABLE_TIMESTAMP ? (double)value->timestamp : (double)value->integer;
}

/* Numbers of all kinds compare by value, texts and bytes by their octets, the rest as arguments do.
 */
static bool values_match(const struct table_value *wanted, const struct table_value *actual)
{
    if (is_number(wanted) && is_number(actual) && wanted->type != actual->type &&
        !(table_type_is_integer(wanted->type) && table_type_is_integer(actual->type)))
        return number_of(wanted) == number_of(actual);
    if ((wanted->type == TABLE_LONGSTR || wanted->type == TABLE_BYTES) &&
        (actual->type == TABLE_LONGSTR || actual->type == TABLE_BYTES))
        return slice_equal(wanted->bytes, actual->bytes);
    return table_value_equal(wanted, actual);
}

static bool condition_holds(const struct table_value *wanted, struct slice name,
                            struct slice headers)
{
    struct table_value actual;
    if (!table_find(headers, name, &actual))
        return false;
    return wanted->type == TABLE_VOID || values_match(wanted, &actual);
}

static bool binding_matches(const struct binding *binding, struct slice headers)
{
    enum match_mode mode = MATCH_ALL;
    struct table_value value;
    if (table_find(binding->arguments, X_MATCH, &value))
        (void)find_mode(value.bytes, &mode);
    bool any = mode == MATCH_ANY || mode == MATCH_ANY_WITH_X;
    bool with_x = mode == MATCH_ALL_WITH_X || mode == MATCH_ANY_WITH_X;

    struct cursor cursor = cursor_of(binding->arguments);
    struct slice name;
    while (table_next(&cursor, &name, &value)) {
        if (slice_equal(name, X_MATCH) || (!with_x && slice_starts_with(name, SLICE_LITERAL("x-"))))
            continue;
        if (condition_holds(&value, name, headers) == any)
            return any;
    }
    return !any;
}

static void headers_route(struct exchange *exchange, struct slice routing_key,
                          struct message *message, struct route_walk *walk)
{
    (void)routing_key;
    struct properties properties;
    if (properties_decode(message_properties(message), &properties) != METHOD_OK)
        return;
    list_for_each (node, &exchange->bindings_out) {
        struct binding *binding = LIST_ENTRY(node, struct binding, by_source);
        if (binding_matches(binding, properties.headers))
            route_walk_binding(walk, binding);
    }
}

const struct exchange_type exchange_type_headers = {
    .name = "headers",
    .description = "AMQP headers exchange, as per the AMQP specification",
    .dependence = EXCHANGE_DEPENDS_ON_MESSAGE,
    .check_binding = headers_check_binding,
    .route = headers_route,
};
