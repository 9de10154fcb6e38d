/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mgmt/api/route.h"

static struct slice arguments[ROUTE_ARGUMENTS_MAX];
static unsigned allowed;

static int init(void **state)
{
    (void)state;
    routes_init();
    return 0;
}

static int fini(void **state)
{
    (void)state;
    routes_fini();
    return 0;
}

/* The route of METHOD and PATH, of which nothing is encoded. */
static const struct route *find(enum http_method method, const char *path)
{
    struct buf text = {0};
    struct http_request request = {.method = method, .target = slice_from_string(path)};
    buf_reserve(&text, request.target.size + 1);
    assert_int_equal(http_request_cut(&request, &text), 0);
    const struct route *route = routes_find(&request, arguments, &allowed);
    buf_fini(&text);
    return route;
}

static void every_row_is_found_by_its_own_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++)
        assert_ptr_equal(find(routes[i].method, routes[i].path), &routes[i]);
}

static void arguments_are_in_the_order_of_their_names(void **state)
{
    (void)state;
    const struct route *route = find(HTTP_METHOD_GET, "/api/policies/v/n");
    assert_non_null(route);
    assert_int_equal(route_argument(route, "vhost"), 0);
    assert_int_equal(route_argument(route, "name"), 1);
    assert_int_equal(route_argument(route, "nam"), -1);
}

static void unknown_path_allows_nothing(void **state)
{
    (void)state;
    assert_null(find(HTTP_METHOD_GET, "/api/nope"));
    assert_int_equal(allowed, 0);
    assert_null(find(HTTP_METHOD_GET, "/api/health"));
    assert_int_equal(allowed, 0);
    assert_null(find(HTTP_METHOD_GET, "/api/whoami/x"));
    assert_int_equal(allowed, 0);
}

static void other_method_says_what_is_allowed(void **state)
{
    (void)state;
    assert_null(find(HTTP_METHOD_PATCH, "/api/policies/v/n"));
    assert_int_equal(allowed, 1u << HTTP_METHOD_GET | 1u << HTTP_METHOD_HEAD |
                                  1u << HTTP_METHOD_PUT | 1u << HTTP_METHOD_DELETE |
                                  1u << HTTP_METHOD_OPTIONS);
}

static void head_finds_get(void **state)
{
    (void)state;
    assert_ptr_equal(find(HTTP_METHOD_HEAD, "/api/whoami"), find(HTTP_METHOD_GET, "/api/whoami"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found_by_its_own_path),
        cmocka_unit_test(arguments_are_in_the_order_of_their_names),
        cmocka_unit_test(unknown_path_allows_nothing),
        cmocka_unit_test(other_method_says_what_is_allowed),
        cmocka_unit_test(head_finds_get),
    };
    return cmocka_run_group_tests(tests, init, fini);
}
