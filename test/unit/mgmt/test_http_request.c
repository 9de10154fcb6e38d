/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mgmt/http/request.h"

#define assert_text(slice, text) assert_true(slice_equal(slice, slice_from_string(text)))

static struct http_request request;
static struct buf text;

static int cut(const char *target)
{
    request = (struct http_request){.target = slice_from_string(target)};
    buf_fini(&text);
    buf_reserve(&text, request.target.size + 1);
    return http_request_cut(&request, &text);
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&text);
    return 0;
}

static void path_is_cut_before_it_is_decoded(void **state)
{
    (void)state;
    assert_int_equal(cut("/api/queues/%2F/a%2fb%25c"), 0);
    assert_int_equal(request.segment_count, 4);
    assert_text(request.segments[0], "api");
    assert_text(request.segments[2], "/");
    assert_text(request.segments[3], "a/b%c");
    assert_text(request.path, "/api/queues/%2F/a%2fb%25c");
}

static void slash_at_the_end_says_nothing_and_empty_segments_stay(void **state)
{
    (void)state;
    assert_int_equal(cut("/api/"), 0);
    assert_int_equal(request.segment_count, 1);
    assert_int_equal(cut("/"), 0);
    assert_int_equal(request.segment_count, 0);
    assert_int_equal(cut("/a//b"), 0);
    assert_int_equal(request.segment_count, 3);
    assert_int_equal(request.segments[1].size, 0);
}

static void query_is_cut_and_decoded(void **state)
{
    (void)state;
    struct slice value;
    assert_int_equal(cut("/a?name=x+y%26z&page=1&flag&name=second&&=empty"), 0);
    assert_int_equal(request.parameter_count, 5);
    assert_true(http_request_parameter(&request, "name", &value));
    assert_text(value, "x y&z");
    assert_true(http_request_parameter(&request, "flag", &value));
    assert_int_equal(value.size, 0);
    assert_false(http_request_parameter(&request, "none", &value));
    assert_text(request.path, "/a");
}

static void plus_in_the_path_is_a_plus(void **state)
{
    (void)state;
    assert_int_equal(cut("/a+b"), 0);
    assert_text(request.segments[0], "a+b");
}

static void whole_uri_is_taken_for_its_path(void **state)
{
    (void)state;
    assert_int_equal(cut("http://host:1/api/x?y=1"), 0);
    assert_text(request.path, "/api/x");
    assert_int_equal(cut("https://host"), 0);
    assert_text(request.path, "/");
}

static void bad_targets_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "x",      "*",       "ftp://x/", "/%",
                                      "/%1", "/%g0",   "/x?a=%",  "/x?%zz",   "//%",
                                      "#",   "/a%2/b", "/x?a=%4&"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(cut(bad[i]), 400);
    assert_int_equal(cut("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"), 0);
    assert_int_equal(cut("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), 414);
}

static void list_has_tokens_that_are_not_refused(void **state)
{
    (void)state;
    assert_true(http_list_has(SLICE_LITERAL("gzip"), "gzip"));
    assert_true(http_list_has(SLICE_LITERAL("br , GZIP; q=0.5"), "gzip"));
    assert_true(http_list_has(SLICE_LITERAL("gzip;q=0.001"), "gzip"));
    assert_false(http_list_has(SLICE_LITERAL("gzip;q=0"), "gzip"));
    assert_false(http_list_has(SLICE_LITERAL("gzip ; q=0.000"), "gzip"));
    assert_false(http_list_has(SLICE_LITERAL("x-gzip, br"), "gzip"));
    assert_false(http_list_has(SLICE_LITERAL(""), "gzip"));
}

static void form_with_too_many_fields_is_refused(void **state)
{
    (void)state;
    struct http_field fields[2];
    buf_reserve(&text, 64);
    text.size = 0;
    assert_int_equal(http_form_cut(SLICE_LITERAL("a=1&b=2"), &text, fields, 2), 2);
    assert_text(fields[1].value, "2");
    text.size = 0;
    assert_int_equal(http_form_cut(SLICE_LITERAL("a=1&b=2&c=3"), &text, fields, 2), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_cut_before_it_is_decoded),
        cmocka_unit_test(slash_at_the_end_says_nothing_and_empty_segments_stay),
        cmocka_unit_test(query_is_cut_and_decoded),
        cmocka_unit_test(plus_in_the_path_is_a_plus),
        cmocka_unit_test(whole_uri_is_taken_for_its_path),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(list_has_tokens_that_are_not_refused),
        cmocka_unit_test(form_with_too_many_fields_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
