/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/json_writer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "amqp/table.h"

#define S(text) slice_from_string(text)

static void expect(struct buf *out, const char *text)
{
    buf_u8(out, '\0');
    assert_string_equal((const char *)out->data, text);
    buf_fini(out);
}

static void values_of_all_kinds_nest(void **state)
{
    (void)state;
    struct buf out = {0};
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_write_object(&writer);
    json_put_uint(&writer, "u", UINT64_MAX);
    json_put_real(&writer, "r", 0.1);
    json_put_real(&writer, "whole", 3);
    json_put_bool(&writer, "b", true);
    json_put_null(&writer, "n");
    (void)json_put_array(&writer, "a");
    json_write_int(&writer, INT64_MIN);
    json_write_object(&writer);
    json_write_object_end(&writer);
    json_write_string(&writer, S("x"));
    json_write_array_end(&writer);
    json_put_text(&writer, "t", "y");
    json_write_object_end(&writer);
    expect(&out, "{\"u\":18446744073709551615,\"r\":0.1,\"whole\":3.0,\"b\":true,\"n\":null,"
                 "\"a\":[-9223372036854775808,{},\"x\"],\"t\":\"y\"}");
}

static void strings_are_escaped_and_malformed_utf8_is_replaced(void **state)
{
    (void)state;
    struct buf out = {0};
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_write_string(
        &writer, SLICE_LITERAL("\"\\\n\r\t\x01/<\x7f\xC3\xBC\xF0\x9F\x98\x80\xFF\xC3(\0z\xE2\x82"));
    expect(&out, "\"\\\"\\\\\\n\\r\\t\\u0001/<\\u007f\xC3\xBC\xF0\x9F\x98\x80\xEF\xBF\xBD"
                 "\xEF\xBF\xBD(\\u0000z\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void put_item(struct json_writer *writer)
{
    json_write_object(writer);
    json_put_text(writer, "name", "q");
    (void)json_put_object(writer, "stats");
    json_put_uint(writer, "publish", 1);
    (void)json_put_object(writer, "publish_details");
    json_put_uint(writer, "rate", 2);
    json_write_object_end(writer);
    json_put_uint(writer, "ack", 3);
    json_write_object_end(writer);
    (void)json_put_array(writer, "list");
    for (unsigned i = 0; i < 2; i++) {
        json_write_object(writer);
        json_put_uint(writer, "x", i);
        json_put_uint(writer, "y", i);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
    json_put_uint(writer, "last", 9);
    json_write_object_end(writer);
}

/* What is left of two items with these columns. */
static void expect_columns(const char *text, const char *item)
{
    struct json_columns columns;
    struct buf out = {0}, expected = {0};
    struct json_writer writer;
    assert_true(json_columns_read(&columns, S(text)));
    json_writer_init(&writer, &out);
    json_write_object(&writer);
    json_put_uint(&writer, "page", 1);
    (void)json_put_array(&writer, "items");
    json_writer_columns(&writer, &columns);
    put_item(&writer);
    put_item(&writer);
    json_writer_columns(&writer, NULL);
    json_write_array_end(&writer);
    json_put_uint(&writer, "after", 1);
    json_write_object_end(&writer);
    buf_printf(&expected, "{\"page\":1,\"items\":[%s,%s],\"after\":1}", item, item);
    buf_u8(&expected, '\0');
    expect(&out, (const char *)expected.data);
    buf_fini(&expected);
}

static void columns_leave_what_was_asked_for(void **state)
{
    (void)state;
    expect_columns("name", "{\"name\":\"q\"}");
    expect_columns("last,name", "{\"name\":\"q\",\"last\":9}");
    expect_columns("stats.publish", "{\"stats\":{\"publish\":1}}");
    expect_columns("stats.publish_details.rate,last",
                   "{\"stats\":{\"publish_details\":{\"rate\":2}},\"last\":9}");
    expect_columns("stats.ack,stats.publish,name",
                   "{\"name\":\"q\",\"stats\":{\"publish\":1,\"ack\":3}}");
    expect_columns("stats",
                   "{\"stats\":{\"publish\":1,\"publish_details\":{\"rate\":2},\"ack\":3}}");
    expect_columns("list.y,last", "{\"list\":[{\"y\":0},{\"y\":1}],\"last\":9}");
    expect_columns("list", "{\"list\":[{\"x\":0,\"y\":0},{\"x\":1,\"y\":1}]}");
    expect_columns("publish,nope", "{}");
    expect_columns("stats.nope", "{\"stats\":{}}");
}

/* What is picked of an item at PATH. */
static struct json_pick pick_of(const char *path, struct buf *texts)
{
    struct json_columns columns;
    struct json_pick pick = {.texts = texts};
    struct buf out = {0};
    struct json_writer writer;
    assert_true(json_columns_read(&columns, S(path)));
    json_writer_init(&writer, &out);
    for (unsigned i = 0; i < 2; i++) { /* one after the other, with the same writer */
        json_writer_pick(&writer, &columns, &pick);
        put_item(&writer);
    }
    buf_fini(&out);
    return pick;
}

static void expect_number(const char *path, double number)
{
    struct json_pick pick = pick_of(path, NULL);
    assert_int_equal(pick.kind, JSON_PICK_NUMBER);
    assert_true(pick.number == number);
}

static void expect_text(const char *path, const char *text)
{
    struct buf texts = {0};
    struct json_pick pick = pick_of(path, &texts);
    assert_int_equal(pick.kind, JSON_PICK_TEXT);
    assert_true(slice_equal(slice_of(texts.data + pick.begin, pick.end - pick.begin), S(text)));
    buf_fini(&texts);
}

static void what_stands_at_a_path_is_picked(void **state)
{
    (void)state;
    expect_number("last", 9);
    expect_number("stats.publish", 1);
    expect_number("stats.publish_details.rate", 2);
    expect_number("stats.ack", 3);
    expect_text("name", "q");
    expect_text("stats", "{");
    expect_text("list", "[");
    assert_int_equal(pick_of("nope", NULL).kind, JSON_PICK_NOTHING);
    assert_int_equal(pick_of("publish", NULL).kind, JSON_PICK_NOTHING);
    assert_int_equal(pick_of("name.q", NULL).kind, JSON_PICK_NOTHING);
    assert_int_equal(pick_of("stats.last", NULL).kind, JSON_PICK_NOTHING);
}

static void what_is_left_out_need_not_be_written(void **state)
{
    struct json_columns columns;
    struct buf out = {0};
    struct json_writer writer;
    (void)state;
    assert_true(json_columns_read(&columns, S("name")));
    json_writer_init(&writer, &out);
    json_writer_columns(&writer, &columns);
    json_write_array(&writer);
    for (unsigned i = 0; i < 2; i++) {
        json_write_object(&writer);
        json_put_uint(&writer, "name", i);
        if (json_write_key(&writer, S("last"))) /* its value must not be missed by what follows */
            json_write_null(&writer);
        json_write_object_end(&writer);
    }
    json_write_array_end(&writer);
    expect(&out, "[{\"name\":0},{\"name\":1}]");
}

static void too_many_or_too_deep_columns_are_refused(void **state)
{
    (void)state;
    struct json_columns columns;
    struct buf text = {0};
    for (unsigned i = 0; i < JSON_COLUMNS_MAX; i++)
        buf_printf(&text, "c%u,", i);
    assert_true(json_columns_read(&columns, buf_slice(&text)));
    assert_int_equal(columns.count, JSON_COLUMNS_MAX);
    buf_printf(&text, "x");
    assert_false(json_columns_read(&columns, buf_slice(&text)));
    assert_true(json_columns_read(&columns, S("a.b.c.d.e.f.g.h")));
    assert_false(json_columns_read(&columns, S("a.b.c.d.e.f.g.h.i")));
    assert_true(json_columns_read(&columns, S(",,")));
    assert_int_equal(columns.count, 0);
    buf_fini(&text);
}

static void field_tables_are_objects(void **state)
{
    (void)state;
    struct buf table = {0}, out = {0};
    struct json_writer writer;
    table_put_int(&table, "x-max-length", 10);
    size_t mark = table_put_table(&table, "t");
    table_put_bool(&table, "b", true);
    table_end(&table, mark);
    table_put_longstr(&table, "s", S("v\"w"));
    table_put(&table, S("d"), &(struct table_value){.type = TABLE_DECIMAL, .decimal = {2, 314}});
    table_put(&table, S("v"), &(struct table_value){.type = TABLE_VOID});
    json_writer_init(&writer, &out);
    json_write_table(&writer, buf_slice(&table));
    buf_fini(&table);
    expect(&out, "{\"x-max-length\":10,\"t\":{\"b\":true},\"s\":\"v\\\"w\",\"d\":3.14,\"v\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_all_kinds_nest),
        cmocka_unit_test(strings_are_escaped_and_malformed_utf8_is_replaced),
        cmocka_unit_test(columns_leave_what_was_asked_for),
        cmocka_unit_test(what_stands_at_a_path_is_picked),
        cmocka_unit_test(what_is_left_out_need_not_be_written),
        cmocka_unit_test(too_many_or_too_deep_columns_are_refused),
        cmocka_unit_test(field_tables_are_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
