/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "test/unit/amqp/generate.h"

static struct generator generator;

static int start(void **state)
{
    (void)state;
    generator_init(&generator);
    return 0;
}

/* Reads the only pair of TABLE, whose key is "k". */
static struct table_value only_value(struct slice table)
{
    assert_int_equal(table_validate(table), TABLE_OK);
    struct cursor cursor = cursor_of(table);
    struct slice key;
    struct table_value value, more;
    assert_true(table_next(&cursor, &key, &value));
    assert_true(slice_equal(key, SLICE_LITERAL("k")));
    assert_false(table_next(&cursor, &key, &more));
    assert_false(cursor.failed);

    struct buf out = {0};
    table_put(&out, SLICE_LITERAL("k"), &value);
    assert_true(slice_equal(buf_slice(&out), table));
    buf_fini(&out);
    return value;
}

static void every_integer_type_is_as_rabbitmq_reads_it(void **state)
{
    (void)state;
    const struct {
        struct slice table;
        int64_t value;
        const char *name;
    } cases[] = {
        {SLICE_LITERAL("\1kb\xff"), -1, "byte"},
        {SLICE_LITERAL("\1kB\xff"), 255, "unsignedbyte"},
        {SLICE_LITERAL("\1ks\xff\xfe"), -2, "short"},
        {SLICE_LITERAL("\1ku\xff\xfe"), 65534, "unsignedshort"},
        {SLICE_LITERAL("\1kI\xff\xfe\xfd\xfc"), -66052, "signedint"},
        {SLICE_LITERAL("\1ki\xff\xfe\xfd\xfc"), 4294901244, "unsignedint"},
        {SLICE_LITERAL("\1kl\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"), -283686952306184, "long"},
        {SLICE_LITERAL("\1kL\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"), -283686952306184, "long"},
        {SLICE_LITERAL("\1kl\x80\0\0\0\0\0\0\0"), INT64_MIN, "long"},
        {SLICE_LITERAL("\1kI\x7f\xff\xff\xff"), INT32_MAX, "signedint"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct table_value value = only_value(cases[i].table);
        assert_int_equal(value.type, cases[i].table.data[2]);
        assert_true(value.integer == cases[i].value);
        assert_true(table_type_is_integer(value.type));
        assert_string_equal(table_type_name(value.type), cases[i].name);
    }
}

static void every_other_type_is_as_rabbitmq_reads_it(void **state)
{
    (void)state;
    assert_true(only_value(SLICE_LITERAL("\1kt\1")).boolean);
    assert_false(only_value(SLICE_LITERAL("\1kt\0")).boolean);
    assert_true(only_value(SLICE_LITERAL("\1kf\xc0\x20\0\0")).real == -2.5);
    assert_true(only_value(SLICE_LITERAL("\1kd\x3f\xf8\0\0\0\0\0\0")).real == 1.5);
    assert_true(only_value(SLICE_LITERAL("\1kT\xff\0\0\0\0\0\0\1")).timestamp ==
                0xff00000000000001);
    assert_int_equal(only_value(SLICE_LITERAL("\1kV")).type, TABLE_VOID);
    struct table_value decimal = only_value(SLICE_LITERAL("\1kD\2\xff\0\0\1"));
    assert_int_equal(decimal.decimal.scale, 2);
    assert_true(decimal.decimal.unscaled == 0xff000001);
    const struct slice strings[] = {SLICE_LITERAL("\1kS\0\0\0\2\xff\0"),
                                    SLICE_LITERAL("\1kx\0\0\0\2\xff\0")};
    for (size_t i = 0; i < 2; i++)
        assert_true(slice_equal(only_value(strings[i]).bytes, SLICE_LITERAL("\xff\0")));
    assert_int_equal(only_value(SLICE_LITERAL("\1kS\0\0\0\0")).bytes.size, 0);
}

static void names_of_other_types_are_rabbitmqs(void **state)
{
    (void)state;
    const struct {
        enum table_type type;
        const char *name;
    } cases[] = {{TABLE_BOOL, "bool"},           {TABLE_FLOAT, "float"},
                 {TABLE_DOUBLE, "double"},       {TABLE_DECIMAL, "decimal"},
                 {TABLE_LONGSTR, "longstr"},     {TABLE_ARRAY, "array"},
                 {TABLE_TIMESTAMP, "timestamp"}, {TABLE_TABLE, "table"},
                 {TABLE_BYTES, "binary"},        {TABLE_VOID, "void"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(table_type_name(cases[i].type), cases[i].name);
        assert_false(table_type_is_integer(cases[i].type));
    }
}

static void letters_that_name_no_type_are_refused(void **state)
{
    (void)state;
    for (unsigned letter = 0; letter < 256; letter++) {
        uint8_t table[] = {1, 'k', (uint8_t)letter};
        bool is_type = letter != 0 && strchr("tbBsuIilLfdDSATFx", (int)letter) != NULL;
        int expected = letter == 'V' ? TABLE_OK : is_type ? TABLE_TRUNCATED : TABLE_UNKNOWN_TYPE;
        assert_int_equal(table_validate(slice_of(table, sizeof table)), expected);
    }
}

static void empty_table_is_valid(void **state)
{
    (void)state;
    struct slice key;
    struct table_value value;
    assert_int_equal(table_validate(SLICE_EMPTY), TABLE_OK);
    struct cursor cursor = cursor_of(SLICE_EMPTY);
    assert_false(table_next(&cursor, &key, &value));
    assert_false(cursor.failed);
    assert_false(table_find(SLICE_EMPTY, SLICE_EMPTY, &value));
    assert_true(table_equal(SLICE_EMPTY, slice_of("", 0)));
}

static void any_octet_but_zero_is_true(void **state)
{
    (void)state;
    struct table_value value;
    assert_true(table_find(SLICE_LITERAL("\1kt\x80"), SLICE_LITERAL("k"), &value));
    assert_true(value.boolean);
    assert_true(table_equal(SLICE_LITERAL("\1kt\x80"), SLICE_LITERAL("\1kt\1")));
}

static void numbers_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    assert_int_equal(table_validate(SLICE_LITERAL("\1kf\x7f\x80\0\0")), TABLE_NOT_FINITE);
    assert_int_equal(table_validate(SLICE_LITERAL("\1kf\xff\xc0\0\0")), TABLE_NOT_FINITE);
    assert_int_equal(table_validate(SLICE_LITERAL("\1kd\x7f\xf0\0\0\0\0\0\0")), TABLE_NOT_FINITE);
    assert_int_equal(table_validate(SLICE_LITERAL("\1kd\x7f\xf8\0\0\0\0\0\0")), TABLE_NOT_FINITE);
    assert_int_equal(table_validate(SLICE_LITERAL("\1kA\0\0\0\5f\x7f\x80\0\0")), TABLE_NOT_FINITE);
}

static void key_may_be_any_255_octets(void **state)
{
    (void)state;
    uint8_t octets[255];
    memset(octets, 0xff, sizeof octets);
    struct slice key = slice_of(octets, sizeof octets);
    struct table_value nothing = {.type = TABLE_VOID}, found;
    struct buf out = {0};
    table_put(&out, key, &nothing);
    table_put(&out, SLICE_EMPTY, &nothing);
    assert_int_equal(table_validate(buf_slice(&out)), TABLE_OK);
    assert_true(table_find(buf_slice(&out), key, &found));
    assert_true(table_find(buf_slice(&out), SLICE_EMPTY, &found));
    buf_fini(&out);
}

/* DEPTH tables and arrays by turns inside each other, the innermost empty, the outermost without
 * its length. */
static void nest(struct buf *out, unsigned depth)
{
    size_t marks[TABLE_DEPTH_MAX + 1];
    for (unsigned level = 1; level < depth; level++) {
        bool inside_table = level % 2 == 1;
        if (inside_table)
            buf_bytes(out, SLICE_LITERAL("\1nA"));
        else
            buf_u8(out, TABLE_TABLE);
        marks[level] = table_begin(out);
    }
    for (unsigned level = depth - 1; level > 0; level--)
        table_end(out, marks[level]);
}

static void depth_is_limited(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= TABLE_DEPTH_MAX + 1; depth++) {
        struct buf out = {0};
        nest(&out, depth);
        assert_int_equal(table_validate(buf_slice(&out)),
                         depth <= TABLE_DEPTH_MAX ? TABLE_OK : TABLE_TOO_DEEP);
        buf_fini(&out);
    }
}

static void every_truncation_is_refused_or_ends_at_a_pair(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct slice table = generate_TABLE(&generator);
        assert_int_equal(table_validate(table), TABLE_OK);
        struct cursor cursor = cursor_of(table);
        struct slice key;
        struct table_value value;
        size_t boundary = 0;
        for (size_t size = 0; size < table.size; size++) {
            uint8_t *copy = exact_copy(slice_of(table.data, size));
            assert_int_equal(table_validate(slice_of(copy, size)),
                             size == boundary ? TABLE_OK : TABLE_TRUNCATED);
            free(copy);
            if (size == boundary) {
                assert_true(table_next(&cursor, &key, &value));
                boundary = (size_t)(cursor.at - table.data);
            }
        }
        generator_fini(&generator);
    }
}

static void malformed_octets_are_never_read_past(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct slice octets = generate_SHORTBYTES(&generator);
        uint8_t *copy = exact_copy(octets);
        int error = table_validate(slice_of(copy, octets.size));
        assert_true(error <= TABLE_OK && error >= TABLE_NOT_FINITE);
        struct cursor cursor = cursor_of(slice_of(copy, octets.size));
        struct slice key;
        struct table_value value;
        while (table_next(&cursor, &key, &value))
            assert_false(cursor.failed);
        assert_true(error != TABLE_OK || !cursor.failed);
        free(copy);
    }
}

static void inner_table_may_not_end_inside_a_pair(void **state)
{
    (void)state;
    assert_int_equal(table_validate(SLICE_LITERAL("\1kF\0\0\0\4\1at\1")), TABLE_OK);
    assert_int_equal(table_validate(SLICE_LITERAL("\1kF\0\0\0\3\1at\1")), TABLE_TRUNCATED);
    assert_int_equal(table_validate(SLICE_LITERAL("\1kF\0\0\0\5\1at\1")), TABLE_TRUNCATED);
    assert_int_equal(table_validate(SLICE_LITERAL("\1kA\0\0\0\2t\1")), TABLE_OK);
    assert_int_equal(table_validate(SLICE_LITERAL("\1kA\0\0\0\1t\1")), TABLE_TRUNCATED);
    assert_int_equal(table_validate(SLICE_LITERAL("\1kS\xff\xff\xff\xff")), TABLE_TRUNCATED);
}

static void find_gives_the_first_of_a_repeated_key(void **state)
{
    (void)state;
    struct table_value value;
    struct slice table = SLICE_LITERAL("\1at\0\1kI\0\0\0\1\1kI\0\0\0\2\2kkV");
    assert_true(table_find(table, SLICE_LITERAL("k"), &value));
    assert_int_equal(value.integer, 1);
    assert_true(table_find(table, SLICE_LITERAL("kk"), &value));
    assert_false(table_find(table, SLICE_LITERAL("b"), &value));
    assert_false(table_find(table, SLICE_EMPTY, &value));
}

static void writers_make_the_octets_written_by_hand(void **state)
{
    (void)state;
    struct buf out = {0};
    size_t whole = table_begin(&out);
    table_put_bool(&out, "yes", true);
    table_put_int(&out, "n", -2);
    table_put_longstr(&out, "s", SLICE_LITERAL("text"));
    size_t inner = table_put_table(&out, "t");
    table_put_bool(&out, "no", false);
    table_end(&out, inner);
    table_end(&out, whole);
    assert_true(slice_equal(buf_slice(&out), SLICE_LITERAL("\0\0\0\x28"
                                                           "\3yest\1"
                                                           "\1nl\xff\xff\xff\xff\xff\xff\xff\xfe"
                                                           "\1sS\0\0\0\4text"
                                                           "\1tF\0\0\0\5\2not\0")));
    buf_fini(&out);
}

/* Writes TABLE anew from what is read. */
static void rewrite(struct slice contents, bool has_keys, struct buf *out)
{
    struct cursor cursor = cursor_of(contents);
    struct slice key;
    struct table_value value;
    while (has_keys ? table_next(&cursor, &key, &value) : table_next_item(&cursor, &value)) {
        struct buf inner = {0};
        if (value.type == TABLE_TABLE || value.type == TABLE_ARRAY) {
            rewrite(value.bytes, value.type == TABLE_TABLE, &inner);
            value.bytes = buf_slice(&inner);
        }
        if (has_keys)
            table_put(out, key, &value);
        else
            table_put_item(out, &value);
        buf_fini(&inner);
    }
    assert_false(cursor.failed);
}

static void random_tables_are_written_as_they_were_read(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        struct slice table = generate_TABLE(&generator);
        assert_int_equal(table_validate(table), TABLE_OK);
        struct buf out = {0};
        rewrite(table, true, &out);
        assert_true(slice_equal(buf_slice(&out), table));
        assert_true(table_equal(buf_slice(&out), table));
        buf_fini(&out);
        generator_fini(&generator);
    }
}

static void values_are_equal_by_class_and_value(void **state)
{
    (void)state;
    const struct {
        struct slice a, b;
        bool equal;
    } cases[] = {
        {SLICE_LITERAL("\1kb\5"), SLICE_LITERAL("\1kl\0\0\0\0\0\0\0\5"), true},
        {SLICE_LITERAL("\1kB\xff"), SLICE_LITERAL("\1kb\xff"), false},
        {SLICE_LITERAL("\1ki\xff\xff\xff\xff"), SLICE_LITERAL("\1kI\xff\xff\xff\xff"), false},
        {SLICE_LITERAL("\1kL\0\0\0\0\0\0\0\5"), SLICE_LITERAL("\1kl\0\0\0\0\0\0\0\5"), true},
        {SLICE_LITERAL("\1kf\x3f\xc0\0\0"), SLICE_LITERAL("\1kd\x3f\xf8\0\0\0\0\0\0"), true},
        {SLICE_LITERAL("\1kf\x3f\x80\0\0"), SLICE_LITERAL("\1kb\1"), false},
        {SLICE_LITERAL("\1kt\1"), SLICE_LITERAL("\1kb\1"), false},
        {SLICE_LITERAL("\1kt\1"), SLICE_LITERAL("\1kt\0"), false},
        {SLICE_LITERAL("\1kT\0\0\0\0\0\0\0\5"), SLICE_LITERAL("\1kl\0\0\0\0\0\0\0\5"), false},
        {SLICE_LITERAL("\1kT\0\0\0\0\0\0\0\5"), SLICE_LITERAL("\1kT\0\0\0\0\0\0\0\6"), false},
        {SLICE_LITERAL("\1kD\1\0\0\0\x0a"), SLICE_LITERAL("\1kD\2\0\0\0\x64"), false},
        {SLICE_LITERAL("\1kS\0\0\0\1a"), SLICE_LITERAL("\1kx\0\0\0\1a"), false},
        {SLICE_LITERAL("\1kS\0\0\0\1a"), SLICE_LITERAL("\1kS\0\0\0\1b"), false},
        {SLICE_LITERAL("\1kV"), SLICE_LITERAL("\1kV"), true},
        {SLICE_LITERAL("\1kV"), SLICE_LITERAL("\1jV"), false},
        {SLICE_LITERAL("\1kA\0\0\0\4b\1b\2"), SLICE_LITERAL("\1kA\0\0\0\4B\1B\2"), true},
        {SLICE_LITERAL("\1kA\0\0\0\4b\1b\2"), SLICE_LITERAL("\1kA\0\0\0\4b\2b\1"), false},
        {SLICE_LITERAL("\1kA\0\0\0\4b\1b\2"), SLICE_LITERAL("\1kA\0\0\0\2b\1"), false},
        {SLICE_LITERAL("\1kA\0\0\0\2b\1"), SLICE_LITERAL("\1kA\0\0\0\4b\1b\2"), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(table_validate(cases[i].a) | table_validate(cases[i].b), TABLE_OK);
        assert_int_equal(table_equal(cases[i].a, cases[i].b), cases[i].equal);
        assert_int_equal(table_equal(cases[i].b, cases[i].a), cases[i].equal);
        assert_true(table_equal(cases[i].a, cases[i].a));
    }
}

static void order_of_pairs_does_not_matter_at_any_depth(void **state)
{
    (void)state;
    assert_true(
        table_equal(SLICE_LITERAL("\1ab\1\2abb\2\1bb\3"), SLICE_LITERAL("\1bb\3\2abb\2\1ab\1")));
    assert_true(
        table_equal(SLICE_LITERAL("\1kF\0\0\0\6\1aV\1bV"), SLICE_LITERAL("\1kF\0\0\0\6\1bV\1aV")));
    assert_false(table_equal(SLICE_LITERAL("\1aV\1bV"), SLICE_LITERAL("\1aV\1bV\1cV")));
    assert_false(table_equal(SLICE_LITERAL("\1aV\1bV"), SLICE_LITERAL("\1aV")));
}

static void order_of_pairs_of_one_key_matters(void **state)
{
    (void)state;
    assert_false(table_equal(SLICE_LITERAL("\1kb\1\1kb\2"), SLICE_LITERAL("\1kb\2\1kb\1")));
    assert_true(table_equal(SLICE_LITERAL("\1kb\1\1aV\1kb\2"), SLICE_LITERAL("\1aV\1kb\1\1kb\2")));
}

static void large_tables_are_equal_whatever_their_order(void **state)
{
    (void)state;
    enum { PAIRS = 20000 };
    struct buf up = {0}, down = {0};
    char key[16];
    for (int i = 0; i < PAIRS; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        table_put_int(&up, key, i);
        (void)snprintf(key, sizeof key, "%d", PAIRS - 1 - i);
        table_put_int(&down, key, PAIRS - 1 - i);
    }
    assert_true(table_equal(buf_slice(&up), buf_slice(&down)));
    down.data[down.size - 1] ^= 1;
    assert_false(table_equal(buf_slice(&up), buf_slice(&down)));
    buf_fini(&up);
    buf_fini(&down);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_integer_type_is_as_rabbitmq_reads_it),
        cmocka_unit_test(every_other_type_is_as_rabbitmq_reads_it),
        cmocka_unit_test(names_of_other_types_are_rabbitmqs),
        cmocka_unit_test(letters_that_name_no_type_are_refused),
        cmocka_unit_test(empty_table_is_valid),
        cmocka_unit_test(any_octet_but_zero_is_true),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(key_may_be_any_255_octets),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(every_truncation_is_refused_or_ends_at_a_pair),
        cmocka_unit_test(malformed_octets_are_never_read_past),
        cmocka_unit_test(inner_table_may_not_end_inside_a_pair),
        cmocka_unit_test(find_gives_the_first_of_a_repeated_key),
        cmocka_unit_test(writers_make_the_octets_written_by_hand),
        cmocka_unit_test(random_tables_are_written_as_they_were_read),
        cmocka_unit_test(values_are_equal_by_class_and_value),
        cmocka_unit_test(order_of_pairs_does_not_matter_at_any_depth),
        cmocka_unit_test(order_of_pairs_of_one_key_matters),
        cmocka_unit_test(large_tables_are_equal_whatever_their_order),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
