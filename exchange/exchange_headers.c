/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. The type headers (section 3.1.3.4): a binding's arguments are conditions on the message's headers: all of
 * them, or any. `all` and `any` leave out conditions whose name starts with x-; the -with-x forms do not. A
 * void value asks only that the header is there.
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

static int headers_check_binding(struct slice arguments, struct reply_error *error)
{
    struct table_value value;
    enum match_mode mode;
    if (!table_find(arguments, X_MATCH, &value))
        return 0;
    if (value.type != TABLE_LONGSTR)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "Invalid x-match field type %s (value of type longstr expected)",
                           table_type_name(value.type));
    if (!find_mode(value.bytes, &mode))
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "Invalid x-match field value <<\"%.*s\">>; expected all, any, all-with-x, or "
                           "any-with-x",
                           SLICE_ARGS(value.bytes));
    return 0;
}

static bool condition_holds(const struct table_value *wanted, struct slice name, struct slice headers)
{
    struct table_value actual;
    if (!table_find(headers, name, &actual))
        return false;
    return wanted->type == TABLE_VOID || table_value_equal(wanted, &actual);
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
        if (slice_equal(name, X_MATCH) ||
            (!with_x && slice_starts_with(name, SLICE_LITERAL("x-"))))
            continue;
        if (condition_holds(&value, name, headers) == any)
            return any;
    }
    return !any;
}

static void headers_route(struct exchange *exchange, struct slice routing_key, struct message *message,
                          struct route_walk *walk)
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
    .dependence = EXCHANGE_DEPENDS_ON_MESSAGE,
    .check_binding = headers_check_binding,
    .route = headers_route,
};
