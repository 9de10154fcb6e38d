/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mgmt/http/parser.h"

#define HEAD_BYTES_MAX 1000

#define assert_text(slice, text) assert_true(slice_equal(slice, slice_from_string(text)))

static struct http_parser parser;

static void start(void)
{
    http_parser_init(&parser, HEAD_BYTES_MAX);
}

static int teardown(void **state)
{
    (void)state;
    http_parser_fini(&parser);
    return 0;
}

/* Feeds TEXT in pieces of STEP octets until the request is whole or broken; what it is, and how
 * much of TEXT is used up. */
static enum http_progress feed(const char *text, size_t step, size_t *used)
{
    size_t size = strlen(text);
    *used = 0;
    for (bool is_last = false; !is_last;) {
        size_t part = size - *used < step ? size - *used : step, taken;
        is_last = part == 0;
        enum http_progress progress = http_parser_feed(&parser, slice_of(text + *used, part),
                                                       &taken);
        *used += taken;
        if (progress == HTTP_FEED_HEAD) {
            parser.body_max = 16;
            is_last = false;
        } else if (progress != HTTP_FEED_MORE) {
            return progress;
        }
    }
    return HTTP_FEED_MORE;
}

static void request_is_the_same_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const char text[] = "PUT /api/x%2Fy?a=b HTTP/1.1\r\nHost: h\r\nX-Empty:\r\n"
                               "X-CASE:  Value \r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\nGET";
    for (size_t step = 1; step < sizeof text; step++) {
        size_t used;
        struct slice value;
        start();
        assert_int_equal(feed(text, step, &used), HTTP_FEED_WHOLE);
        assert_int_equal(used, strlen(text) - 3);
        assert_int_equal(parser.request.method, HTTP_METHOD_PUT);
        assert_text(parser.request.segments[1], "x/y");
        assert_text(parser.request.body, "abcde");
        assert_true(http_request_header(&parser.request, "x-case", &value));
        assert_true(slice_starts_with(value, SLICE_LITERAL("Value")));
        assert_true(http_request_header(&parser.request, "x-empty", &value));
        assert_int_equal(value.size, 0);
        assert_false(http_request_header(&parser.request, "trailer", &value));
        assert_true(http_parser_keeps_alive(&parser));
        http_parser_fini(&parser);
    }
}

static void request_without_a_body_is_whole_behind_its_head(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n";
    size_t used, none;
    start();
    assert_int_equal(http_parser_feed(&parser, slice_from_string(text), &used), HTTP_FEED_HEAD);
    assert_int_equal(used, 27);
    assert_int_equal(http_parser_body_announced(&parser), 0);
    assert_int_equal(http_parser_feed(&parser, SLICE_EMPTY, &none), HTTP_FEED_WHOLE);
}

static void body_is_announced_and_bounded(void **state)
{
    (void)state;
    size_t used;
    start();
    assert_int_equal(
        http_parser_feed(&parser,
                         SLICE_LITERAL("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 17\r\n"
                                       "Expect: 100-Continue\r\n\r\n"),
                         &used),
        HTTP_FEED_HEAD);
    assert_int_equal(http_parser_body_announced(&parser), 17);
    assert_true(http_parser_expects_continue(&parser));
    parser.body_max = 16;
    assert_int_equal(http_parser_feed(&parser, SLICE_LITERAL("12345678901234567"), &used),
                     HTTP_FEED_BROKEN);
    assert_int_equal(parser.status, 413);
}

static void what_is_refused_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET /% HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        {"FOO / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"\x16\x03\x01", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n"
         "12345678901234567\r\n",
         413},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t used;
        start();
        assert_int_equal(feed(cases[i].text, 1000, &used), HTTP_FEED_BROKEN);
        assert_int_equal(parser.status, cases[i].status);
        http_parser_fini(&parser);
    }
}

/* Appends a thousand octets. */
static void put_much(struct buf *text)
{
    for (int i = 0; i < 1000; i++)
        buf_u8(text, 'x');
}

static void head_is_bounded(void **state)
{
    (void)state;
    struct buf text = {0};
    size_t used;
    start();
    buf_bytes(&text, SLICE_LITERAL("GET / HTTP/1.1\r\nHost: h\r\nX: "));
    put_much(&text);
    assert_int_equal(http_parser_feed(&parser, buf_slice(&text), &used), HTTP_FEED_BROKEN);
    assert_int_equal(parser.status, 431);
    http_parser_fini(&parser);
    text.size = 0;
    start();
    buf_bytes(&text, SLICE_LITERAL("GET /"));
    put_much(&text);
    assert_int_equal(http_parser_feed(&parser, buf_slice(&text), &used), HTTP_FEED_BROKEN);
    assert_int_equal(parser.status, 414);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_is_the_same_in_pieces_of_any_size),
        cmocka_unit_test_teardown(request_without_a_body_is_whole_behind_its_head, teardown),
        cmocka_unit_test_teardown(body_is_announced_and_bounded, teardown),
        cmocka_unit_test(what_is_refused_says_why),
        cmocka_unit_test_teardown(head_is_bounded, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
