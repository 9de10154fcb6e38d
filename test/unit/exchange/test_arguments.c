/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct resource queue = {
    "queue", {(const uint8_t *)"q", 1}, {(const uint8_t *)"/", 1}};

static struct table_value integer(enum table_type type, int64_t value)
{
    return (struct table_value){.type = type, .integer = value};
}

static struct table_value text(const char *value)
{
    return (struct table_value){.type = TABLE_LONGSTR, .bytes = slice_from_string(value)};
}

static int check(const char *key, struct table_value value, struct reply_error *error)
{
    struct buf table = {0};
    *error = (struct reply_error){0};
    table_put(&table, slice_from_string(key), &value);
    int status = arguments_check_queue(buf_slice(&table), &queue, error);
    buf_fini(&table);
    return status;
}

static void expect_legal(const char *key, struct table_value value)
{
    struct reply_error error;
    if (check(key, value, &error) != 0)
        fail_msg("%s: %.*s", key, error.text_size, error.text);
}

static void expect_refused(const char *key, struct table_value value)
{
    struct reply_error error;
    assert_int_equal(check(key, value, &error), -1);
    assert_int_equal(error.code, REPLY_PRECONDITION_FAILED);
    assert_true(slice_starts_with(slice_of(error.text, error.text_size),
                                  SLICE_LITERAL("PRECONDITION_FAILED - inv")));
}

static void counts_are_integers_of_any_width_within_their_range(void **state)
{
    (void)state;
    static const char *const counts[] = {"x-message-ttl", "x-max-length", "x-max-length-bytes"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        expect_legal(counts[i], integer(TABLE_INT8, 0));
        expect_legal(counts[i], integer(TABLE_UINT8, 255));
        expect_legal(counts[i], integer(TABLE_INT32, 1000));
        expect_legal(counts[i], integer(TABLE_INT64, 5000000000));
        expect_refused(counts[i], integer(TABLE_INT16, -1));
        expect_refused(counts[i], text("10"));
        expect_refused(counts[i], (struct table_value){.type = TABLE_DOUBLE, .real = 10});
        expect_refused(counts[i], (struct table_value){.type = TABLE_VOID});
    }
    expect_refused("x-expires", integer(TABLE_INT32, 0));
    expect_legal("x-expires", integer(TABLE_INT32, 1));
    expect_legal("x-max-priority", integer(TABLE_UINT8, 255));
    expect_refused("x-max-priority", integer(TABLE_INT16, 256));
}

static void words_are_of_their_lists(void **state)
{
    (void)state;
    expect_legal("x-overflow", text("drop-head"));
    expect_legal("x-overflow", text("reject-publish"));
    expect_legal("x-overflow", text("reject-publish-dlx"));
    expect_refused("x-overflow", text("drop-tail"));
    expect_refused("x-overflow", text("drop-hea"));
    expect_refused("x-overflow", integer(TABLE_INT32, 1));
    expect_legal("x-queue-mode", text("lazy"));
    expect_refused("x-queue-mode", text("eager"));
    expect_legal("x-queue-type", text("classic"));
    expect_legal("x-queue-type", text("quorum"));
    expect_refused("x-queue-type", text("modern"));
}

static void a_dead_letter_key_needs_a_dead_letter_exchange(void **state)
{
    (void)state;
    struct reply_error error;
    struct buf table = {0};
    expect_refused("x-dead-letter-routing-key", text("k"));
    expect_refused("x-dead-letter-exchange", integer(TABLE_INT32, 1));
    table_put_longstr(&table, "x-dead-letter-routing-key", SLICE_LITERAL("k"));
    table_put_longstr(&table, "x-dead-letter-exchange", SLICE_LITERAL(""));
    assert_int_equal(arguments_check_queue(buf_slice(&table), &queue, &error), 0);
    buf_fini(&table);
}

static void each_type_of_queue_has_its_own_arguments(void **state)
{
    (void)state;
    static const char *const keys[] = {"x-quorum-initial-group-size", "x-max-in-memory-length",
                                       "x-max-in-memory-bytes"};
    struct reply_error error;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct buf table = {0};
        expect_refused(keys[i], integer(TABLE_INT32, 1));
        table_put_longstr(&table, "x-queue-type", SLICE_LITERAL("quorum"));
        table_put_int(&table, keys[i], 1);
        assert_int_equal(arguments_check_queue(buf_slice(&table), &queue, &error), 0);
        buf_fini(&table);
    }
    expect_refused("x-max-age", text("1D"));
    expect_refused("x-initial-cluster-size", integer(TABLE_INT32, 1));
    expect_legal("x-queue-version", integer(TABLE_INT32, 2));
    expect_legal("x-delivery-limit", integer(TABLE_INT32, -1));
    expect_legal("x-consumer-timeout", integer(TABLE_INT64, 0));
    expect_refused("x-consumer-timeout", integer(TABLE_INT64, -1));
    expect_refused("x-queue-type", text("stream"));
}

static void what_is_not_known_is_let_be(void **state)
{
    (void)state;
    expect_legal("x-unknown", integer(TABLE_INT32, -1));
    expect_legal("", (struct table_value){.type = TABLE_VOID});
    assert_int_equal(arguments_check_queue(SLICE_EMPTY, &queue, NULL), 0);
}

/* Are two declarations with these as x-max-length and x-other the same? */
static int match(const struct table_value *current, const struct table_value *received,
                 struct reply_error *error)
{
    struct buf tables[2] = {{0}, {0}};
    table_put_int(&tables[0], "x-other", 1); /* unknown: no difference */
    if (current != NULL)
        table_put(&tables[0], SLICE_LITERAL("x-max-length"), current);
    if (received != NULL)
        table_put(&tables[1], SLICE_LITERAL("x-max-length"), received);
    int status = arguments_match_queue(buf_slice(&tables[0]), buf_slice(&tables[1]), &queue, error);
    buf_fini(&tables[0]);
    buf_fini(&tables[1]);
    return status;
}

static void a_second_declaration_says_the_same_in_any_width_of_integer(void **state)
{
    (void)state;
    struct reply_error error;
    struct table_value small = integer(TABLE_INT8, 10), large = integer(TABLE_INT64, 10),
                       other = integer(TABLE_INT64, 11), real = {.type = TABLE_DOUBLE, .real = 10};
    assert_int_equal(match(NULL, NULL, &error), 0);
    assert_int_equal(match(&small, &large, &error), 0);
    assert_int_equal(match(&small, &other, &error), -1);
    assert_int_equal(error.code, REPLY_PRECONDITION_FAILED);
    assert_int_equal(match(&small, NULL, &error), -1);
    assert_int_equal(match(NULL, &small, &error), -1);
    assert_int_equal(match(&small, &real, &error), -1);
}

static void the_text_names_what_differs(void **state)
{
    (void)state;
    struct reply_error error;
    struct table_value ten = integer(TABLE_INT32, 10);
    static const char expected[] =
        "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'q' in vhost '/': "
        "received none but current is the value '10' of type 'signedint'";
    assert_int_equal(match(&ten, NULL, &error), -1);
    assert_int_equal(error.text_size, sizeof expected - 1);
    assert_memory_equal(error.text, expected, sizeof expected - 1);
    assert_int_equal(arguments_match_flag(&queue, "durable", true, false, &error), -1);
    static const char flag[] =
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': "
        "received 'true' but current is 'false'";
    assert_int_equal(error.text_size, sizeof flag - 1);
    assert_memory_equal(error.text, flag, sizeof flag - 1);
    assert_int_equal(arguments_match_flag(&queue, "durable", true, true, &error), 0);
}

static void an_exchanges_alternate_is_a_string_and_part_of_it(void **state)
{
    (void)state;
    struct reply_error error;
    struct buf one = {0}, other = {0}, wrong = {0};
    table_put_longstr(&one, "alternate-exchange", SLICE_LITERAL("a"));
    table_put_longstr(&other, "alternate-exchange", SLICE_LITERAL("b"));
    table_put_int(&wrong, "alternate-exchange", 1);
    struct resource exchange = {"exchange", SLICE_LITERAL("x"), SLICE_LITERAL("/")};
    assert_int_equal(arguments_check_exchange(buf_slice(&one), &exchange, &error), 0);
    assert_int_equal(arguments_check_exchange(SLICE_EMPTY, &exchange, &error), 0);
    assert_int_equal(arguments_check_exchange(buf_slice(&wrong), &exchange, &error), -1);
    assert_int_equal(arguments_match_exchange(buf_slice(&one), buf_slice(&one), &exchange, &error),
                     0);
    assert_int_equal(
        arguments_match_exchange(buf_slice(&one), buf_slice(&other), &exchange, &error), -1);
    assert_int_equal(arguments_match_exchange(buf_slice(&one), SLICE_EMPTY, &exchange, &error), -1);
    buf_fini(&one);
    buf_fini(&other);
    buf_fini(&wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_integers_of_any_width_within_their_range),
        cmocka_unit_test(words_are_of_their_lists),
        cmocka_unit_test(a_dead_letter_key_needs_a_dead_letter_exchange),
        cmocka_unit_test(each_type_of_queue_has_its_own_arguments),
        cmocka_unit_test(what_is_not_known_is_let_be),
        cmocka_unit_test(a_second_declaration_says_the_same_in_any_width_of_integer),
        cmocka_unit_test(the_text_names_what_differs),
        cmocka_unit_test(an_exchanges_alternate_is_a_string_and_part_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
