/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_text(const struct reply_error *error, const char *expected)
{
    assert_int_equal(error->text_size, strlen(expected));
    assert_memory_equal(error->text, expected, strlen(expected));
}

static void names_are_those_of_the_specification(void **state)
{
    (void)state;
    assert_string_equal(reply_name(404), "NOT_FOUND");
    assert_string_equal(reply_name(REPLY_PRECONDITION_FAILED), "PRECONDITION_FAILED");
    assert_string_equal(reply_name(200), "SUCCESS");
    assert_string_equal(reply_name(541), "INTERNAL_ERROR");
}

static void number_that_is_no_reply_code_has_no_name(void **state)
{
    (void)state;
    assert_null(reply_name(0));
    assert_null(reply_name(407));
    assert_null(reply_name(65535));
    assert_int_equal(reply_level(407), REPLY_LEVEL_NEITHER);
}

static void level_tells_what_an_error_closes(void **state)
{
    (void)state;
    assert_int_equal(reply_level(403), REPLY_LEVEL_CHANNEL);
    assert_int_equal(reply_level(406), REPLY_LEVEL_CHANNEL);
    assert_int_equal(reply_level(504), REPLY_LEVEL_CONNECTION);
    assert_int_equal(reply_level(320), REPLY_LEVEL_CONNECTION);
    assert_int_equal(reply_level(312), REPLY_LEVEL_NEITHER);
}

static void text_is_name_and_explanation(void **state)
{
    (void)state;
    struct reply_error error;
    struct slice queue = SLICE_LITERAL("jobs, and not this"), vhost = SLICE_LITERAL("/");
    queue.size = 4;
    int result = reply_error(&error, REPLY_NOT_FOUND, "no queue '%.*s' in vhost '%.*s'",
                             SLICE_ARGS(queue), SLICE_ARGS(vhost));
    assert_int_equal(result, -1);
    assert_int_equal(error.code, 404);
    assert_text(&error, "NOT_FOUND - no queue 'jobs' in vhost '/'");
}

/* Fills ERROR with "NOT_FOUND - ", SIZE letters and TAIL; the prefix takes 12 octets. */
static void fail_with(struct reply_error *error, int size, const char *tail)
{
    char letters[400];
    memset(letters, 'x', sizeof letters);
    assert_int_equal(reply_error(error, REPLY_NOT_FOUND, "%.*s%s", size, letters, tail), -1);
}

static void text_over_255_octets_ends_in_an_ellipsis(void **state)
{
    (void)state;
    struct reply_error error;
    fail_with(&error, 242, "y");
    assert_int_equal(error.text_size, 255);
    assert_int_equal(error.text[254], 'y');
    fail_with(&error, 242, "yz");
    assert_int_equal(error.text_size, 255);
    assert_memory_equal(error.text + 251, "x...", 4);
}

static void cut_leaves_no_part_of_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *character;
        int size;
    } cases[] = {{"\xC3\xA9", 2}, {"\xE2\x82\xAC", 3}, {"\xF0\x9F\x90\xBE", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int fits = 0; fits <= cases[i].size; fits++) { /* octets of it before the ellipsis */
            struct reply_error error;
            char tail[16];
            (void)snprintf(tail, sizeof tail, "%stail", cases[i].character);
            fail_with(&error, 252 - 12 - fits, tail);
            assert_int_equal(error.text_size, fits == cases[i].size ? 255 : 255 - fits);
            assert_memory_equal(error.text + error.text_size - 3, "...", 3);
        }
    }
}

static void text_that_is_no_utf8_is_cut_where_it_is(void **state)
{
    (void)state;
    struct reply_error error;
    char octets[301];
    memset(octets, 0x80, 300);
    octets[300] = '\0';
    assert_int_equal(reply_error(&error, REPLY_NOT_FOUND, "%s", octets), -1);
    assert_int_equal(error.text_size, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_specification),
        cmocka_unit_test(number_that_is_no_reply_code_has_no_name),
        cmocka_unit_test(level_tells_what_an_error_closes),
        cmocka_unit_test(text_is_name_and_explanation),
        cmocka_unit_test(text_over_255_octets_ends_in_an_ellipsis),
        cmocka_unit_test(cut_leaves_no_part_of_a_character),
        cmocka_unit_test(text_that_is_no_utf8_is_cut_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
