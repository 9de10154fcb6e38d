/* SPDX-License-Identifier: Apache-2.0 */
#include "server/net/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void expect_address(const union address *address, const char *expected)
{
    char text[ADDRESS_TEXT_BYTES];
    address_text(address, text);
    assert_string_equal(text, expected);
}

/* BYTES parse to the two ends; each part of them is a part of a header, and what is behind is not
 * looked at. */
static void expect_header(struct slice bytes, const char *peer, const char *own)
{
    uint8_t longer[512];
    struct proxy_header header;
    for (size_t part = 0; part < bytes.size; part++)
        assert_int_equal(proxy_parse(slice_of(bytes.data, part), &header), PROXY_MORE);
    memcpy(longer, bytes.data, bytes.size);
    memcpy(longer + bytes.size, "AMQP", 4);
    assert_int_equal(proxy_parse(slice_of(longer, bytes.size + 4), &header), PROXY_DONE);
    assert_int_equal(header.size, bytes.size);
    assert_int_equal(header.is_local, peer == NULL);
    if (peer == NULL)
        return;
    expect_address(&header.peer, peer);
    expect_address(&header.own, own);
}

#define expect_v1(text, peer, own) expect_header(SLICE_LITERAL(text), peer, own)
#define expect_v2(text, peer, own) expect_header(SLICE_LITERAL(V2_SIGNATURE text), peer, own)

static void expect_bad(struct slice bytes, const char *problem)
{
    struct proxy_header header;
    assert_int_equal(proxy_parse(bytes, &header), PROXY_BAD);
    assert_string_equal(header.problem, problem);
}

static void version_1_names_both_ends(void **state)
{
    (void)state;
    expect_v1("PROXY TCP4 192.0.2.7 198.51.100.1 56324 5671\r\n", "192.0.2.7:56324",
              "198.51.100.1:5671");
    expect_v1("PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n", "[2001:db8::1]:65535",
              "[2001:db8::2]:0");
}

static void version_1_of_an_unknown_family_names_nobody(void **state)
{
    (void)state;
    expect_v1("PROXY UNKNOWN\r\n", NULL, NULL);
    expect_v1("PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n", NULL, NULL);
}

static void malformed_version_1_is_refused(void **state)
{
    static const char *const lines[] = {
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 5671 \r\n",
        "PROXY TCP4 192.0.2.7  198.51.100.1 56324 5671\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 5671\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 056 5671\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 -1 5671\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.1 1 5671\r\n",
        "PROXY TCP4 ::1 ::1 1 5671\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 1 5671\r\n",
        "PROXY TCP4 \r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect_bad(slice_from_string(lines[i]), "malformed addresses or ports");
    expect_bad(SLICE_LITERAL("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n"),
               "neither TCP4, TCP6 nor UNKNOWN");
    expect_bad(SLICE_LITERAL("PROXY \r\n"), "neither TCP4, TCP6 nor UNKNOWN");
    expect_bad(SLICE_LITERAL("PROXY UNKNOWN\n"), "a line that ends without a carriage return");
    expect_bad(SLICE_LITERAL("PROXY \n"), "a line that ends without a carriage return");
}

static void endless_version_1_is_refused_at_107_bytes(void **state)
{
    uint8_t line[107];
    struct proxy_header header;
    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    assert_int_equal(proxy_parse(slice_of(line, 106), &header), PROXY_MORE);
    expect_bad(slice_of(line, 107), "a line without an end");
    memcpy(line + 105, "\r\n", 2);
    assert_int_equal(proxy_parse(slice_of(line, 107), &header), PROXY_DONE);
}

static void version_2_names_both_ends(void **state)
{
    (void)state;
    expect_v2("\x21\x11\0\x0c"
              "\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x16\x27",
              "192.0.2.7:56324", "198.51.100.1:5671");
    expect_v2("\x21\x21\0\x24"
              "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
              "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
              "\0\x01\x16\x28",
              "[2001:db8::1]:1", "[2001:db8::2]:5672");
}

static void extensions_of_version_2_are_skipped(void **state)
{
    (void)state;
    expect_v2("\x21\x11\0\x11"
              "\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x16\x27"
              "\x04\0\x02zz",
              "192.0.2.7:56324", "198.51.100.1:5671");
}

static void version_2_that_is_local_or_of_another_family_names_nobody(void **state)
{
    (void)state;
    expect_v2("\x20\0\0\0", NULL, NULL);
    expect_v2("\x20\x11\0\x0c"
              "\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x16\x27",
              NULL, NULL);
    expect_v2("\x21\0\0\x03xyz", NULL, NULL);
    expect_v2("\x21\x31\0\x02xy", NULL, NULL); /* a path */
    expect_v2("\x21\x12\0\x02xy", NULL, NULL); /* datagrams */
}

static void malformed_version_2_is_refused(void **state)
{
    (void)state;
    expect_bad(SLICE_LITERAL(V2_SIGNATURE "\x31\x11\0\x0c"), "an unknown version or command");
    expect_bad(SLICE_LITERAL(V2_SIGNATURE "\x22\x11\0\x0c"), "an unknown version or command");
    expect_bad(SLICE_LITERAL(V2_SIGNATURE "\x21\x11\0\x0b"), "too short for its addresses");
    expect_bad(SLICE_LITERAL(V2_SIGNATURE "\x21\x21\0\x23"), "too short for its addresses");
    expect_bad(SLICE_LITERAL(V2_SIGNATURE "\x21\x11\xff\xff"), "longer than 4096 bytes");
}

static void what_is_no_header_is_refused_at_the_first_byte_that_differs(void **state)
{
    (void)state;
    expect_bad(SLICE_LITERAL("A"), "no PROXY header");
    expect_bad(SLICE_LITERAL("PRI "), "no PROXY header");
    expect_bad(SLICE_LITERAL("\x16\x03\x01"), "no PROXY header");
    expect_bad(SLICE_LITERAL("\r\n\r\n\r"), "no PROXY header");
}

static bool is_trusted(const struct proxy_sources *sources, const char *host)
{
    union address address;
    assert_true(address_parse(&address, host, 1));
    return proxy_sources_have(sources, &address);
}

static void sources_are_addresses_and_networks_of_both_families(void **state)
{
    struct proxy_sources sources = {0};
    (void)state;
    assert_true(proxy_sources_add(&sources, SLICE_LITERAL("10.0.0.0/9")));
    assert_true(proxy_sources_add(&sources, SLICE_LITERAL("192.0.2.7")));
    assert_true(proxy_sources_add(&sources, SLICE_LITERAL("fd00::/8")));
    assert_true(is_trusted(&sources, "10.127.255.255"));
    assert_true(is_trusted(&sources, "::ffff:10.1.2.3"));
    assert_false(is_trusted(&sources, "10.128.0.0"));
    assert_true(is_trusted(&sources, "192.0.2.7"));
    assert_false(is_trusted(&sources, "192.0.2.6"));
    assert_true(is_trusted(&sources, "fdff::1"));
    assert_false(is_trusted(&sources, "fe00::1"));
    assert_true(proxy_sources_add(&sources, SLICE_LITERAL("0.0.0.0/0")));
    assert_true(is_trusted(&sources, "8.8.8.8"));
    assert_false(is_trusted(&sources, "2001:db8::1"));
    union address unknown = {0};
    assert_false(proxy_sources_have(&sources, &unknown));
}

static void what_is_no_source_is_refused(void **state)
{
    static const char *const texts[] = {
        "",   "x",        "10.0.0.0/33", "::/129",       "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/08",
        "/8", "10.0.0/8", "localhost",   "10.0.0.0/8/8", "1.2.3.4 ",  "10.0.0.0/-1"};
    struct proxy_sources sources = {0};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(proxy_sources_add(&sources, slice_from_string(texts[i])));
    assert_int_equal(sources.count, 0);
    for (unsigned i = 0; i < PROXY_SOURCES_MAX; i++)
        assert_true(proxy_sources_add(&sources, SLICE_LITERAL("::1")));
    assert_false(proxy_sources_add(&sources, SLICE_LITERAL("::1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_names_both_ends),
        cmocka_unit_test(version_1_of_an_unknown_family_names_nobody),
        cmocka_unit_test(malformed_version_1_is_refused),
        cmocka_unit_test(endless_version_1_is_refused_at_107_bytes),
        cmocka_unit_test(version_2_names_both_ends),
        cmocka_unit_test(extensions_of_version_2_are_skipped),
        cmocka_unit_test(version_2_that_is_local_or_of_another_family_names_nobody),
        cmocka_unit_test(malformed_version_2_is_refused),
        cmocka_unit_test(what_is_no_header_is_refused_at_the_first_byte_that_differs),
        cmocka_unit_test(sources_are_addresses_and_networks_of_both_families),
        cmocka_unit_test(what_is_no_source_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
