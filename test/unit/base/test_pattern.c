/* SPDX-License-Identifier: Apache-2.0 */
#include "server/base/pattern.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "server/base/mem.h"

static struct pattern *make(const char *expression)
{
    struct pattern_error error = {.text = ""};
    struct pattern *pattern = pattern_new(slice_from_string(expression), &error);
    if (pattern == NULL)
        fail_msg("%s: %s at %zu", expression, error.text, error.offset);
    return pattern;
}

static bool matches(const char *expression, const char *subject)
{
    struct pattern *pattern = make(expression);
    bool result = pattern_matches(pattern, slice_from_string(subject));
    pattern_free(pattern);
    return result;
}

static void assert_refused(struct slice expression, const char *text, size_t offset)
{
    struct pattern_error error;
    assert_null(pattern_new(expression, &error));
    assert_string_equal(error.text, text);
    assert_int_equal(error.offset, offset);
}

static void a_match_may_be_anywhere(void **state)
{
    (void)state;
    assert_true(matches("b", "abc"));
    assert_true(matches("^a.*c$", "abc"));
    assert_false(matches("^b", "abc"));
    assert_false(matches("ab$", "abc"));
    assert_true(matches(".*", ""));
    assert_true(matches("", "abc"));
    assert_true(matches("^$", ""));
    assert_false(matches("^$", "a"));
    assert_true(matches("^(amq\\.gen.*|amq\\.default)$", "amq.default"));
    assert_true(matches("^(?!amq\\.)", "orders"));
    assert_false(matches("^(?!amq\\.)", "amq.direct"));
}

static void a_match_is_found_as_often_as_asked(void **state)
{
    (void)state;
    struct pattern *pattern = make("^q[0-9]+$");
    for (int i = 0; i < 3; i++) {
        assert_true(pattern_matches(pattern, SLICE_LITERAL("q17")));
        assert_false(pattern_matches(pattern, SLICE_LITERAL("q")));
    }
    pattern_free(pattern);
}

static void octets_of_any_value_are_part_of_names(void **state)
{
    (void)state;
    struct pattern_error error;
    struct pattern *pattern = pattern_new(SLICE_LITERAL("^a\0b$"), &error);
    assert_non_null(pattern);
    assert_true(pattern_matches(pattern, SLICE_LITERAL("a\0b")));
    assert_false(pattern_matches(pattern, SLICE_LITERAL("a")));
    pattern_free(pattern);
}

static void characters_count_where_text_is_utf8(void **state)
{
    (void)state;
    assert_true(matches("^.$", "\xC3\xA9"));
    assert_true(matches("^[\xC3\xA9\xC3\xA8]$", "\xC3\xA8"));
    assert_false(matches("^[\xC3\xA9\xC3\xA8]$", "\xC3"));
    assert_false(matches("^.$", "\xFF"));
    assert_true(matches("a$", "\xFF\xFE"
                              "a"));
}

static void octets_count_where_the_expression_is_no_utf8(void **state)
{
    (void)state;
    assert_true(matches("^\xFF.$", "\xFF\xC3"));
    assert_false(matches("^\xFF.$", "\xFF\xC3\xA9"));
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    assert_refused(SLICE_LITERAL("a(b"), "missing )", 3);
    assert_refused(SLICE_LITERAL("a)b"), "unmatched parentheses", 1);
    assert_refused(SLICE_LITERAL("*"), "nothing to repeat", 0);
    assert_refused(SLICE_LITERAL("a[b"), "missing terminating ] for character class", 3);
    assert_refused(SLICE_LITERAL("a\\"), "\\ at end of pattern", 2);
    assert_refused(SLICE_LITERAL("[z-a]"), "range out of order in character class", 3);
}

static void what_takes_a_character_apart_is_refused(void **state)
{
    (void)state;
    struct pattern_error error;
    assert_null(pattern_new(SLICE_LITERAL("\\C"), &error));
}

static void expressions_have_a_largest_size(void **state)
{
    (void)state;
    struct pattern_error error;
    uint8_t *text = mem_alloc(PATTERN_BYTES_MAX + 1);
    memset(text, 'a', PATTERN_BYTES_MAX + 1);
    struct pattern *pattern = pattern_new(slice_of(text, PATTERN_BYTES_MAX), &error);
    assert_non_null(pattern);
    pattern_free(pattern);
    assert_null(pattern_new(slice_of(text, PATTERN_BYTES_MAX + 1), &error));
    memset(text, '(', 1000);
    assert_null(pattern_new(slice_of(text, 2000), &error));
    mem_free(text);
    assert_refused(SLICE_LITERAL("(((a{1000}){1000}){1000}){1000}"),
                   "regular expression is too large", 31);
}

/* Each of these would take longer than the universe has been there, or all memory. What is asserted
 * is that they end, and with what. */
static void wicked_expressions_end_without_a_match(void **state)
{
    (void)state;
    char subject[256];
    memset(subject, 'a', sizeof subject - 1);
    subject[sizeof subject - 1] = '\0';
    assert_false(
        matches("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
    assert_false(matches("^(a|aa)+b$", subject));
    assert_false(matches("(.*)*(.*)*(.*)*(.*)*b", subject));
    assert_false(matches("((a?){100}){9}b", subject));
    assert_false(matches("(?R)?a(?R)?b", subject));
    assert_true(matches("^(a|b)*$", subject));
}

static void a_pattern_that_is_always_too_hard_is_given_up(void **state)
{
    (void)state;
    struct pattern *pattern = make("^((a+)+b|easy)$");
    assert_true(pattern_matches(pattern, SLICE_LITERAL("easy")));
    for (int i = 0; i < 63; i++)
        assert_false(pattern_matches(pattern, SLICE_LITERAL("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    assert_true(pattern_matches(pattern, SLICE_LITERAL("easy")));
    assert_false(pattern_matches(pattern, SLICE_LITERAL("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    assert_false(pattern_matches(pattern, SLICE_LITERAL("easy")));
    pattern_free(pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_match_may_be_anywhere),
        cmocka_unit_test(a_match_is_found_as_often_as_asked),
        cmocka_unit_test(octets_of_any_value_are_part_of_names),
        cmocka_unit_test(characters_count_where_text_is_utf8),
        cmocka_unit_test(octets_count_where_the_expression_is_no_utf8),
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(what_takes_a_character_apart_is_refused),
        cmocka_unit_test(expressions_have_a_largest_size),
        cmocka_unit_test(wicked_expressions_end_without_a_match),
        cmocka_unit_test(a_pattern_that_is_always_too_hard_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
