/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes field tables: the input is a table's contents. A valid one can be walked at every depth,
 * is written again as it was read, and equals itself.
 */
#include "amqp/table.h"
#include "server/base/check.h"
#include "test/fuzz/fuzz.h"

/* Writes the valid CONTENTS anew. Clears *CANONICAL at a bool that is neither 0 nor 1: it comes out
 * as 1. */
static void rewrite(struct slice contents, bool has_keys, struct buf *out, bool *canonical)
{
    struct cursor cursor = cursor_of(contents);
    struct slice key;
    struct table_value value;
    while (has_keys ? table_next(&cursor, &key, &value) : table_next_item(&cursor, &value)) {
        struct buf inner = {0};
        if (value.type == TABLE_BOOL && cursor.at[-1] > 1)
            *canonical = false;
        if (value.type == TABLE_TABLE || value.type == TABLE_ARRAY) {
            rewrite(value.bytes, value.type == TABLE_TABLE, &inner, canonical);
            value.bytes = buf_slice(&inner);
        }
        CHECK(table_value_equal(&value, &value));
        CHECK(table_type_name(value.type)[0] != '\0');
        if (has_keys)
            table_put(out, key, &value);
        else
            table_put_item(out, &value);
        buf_fini(&inner);
    }
    CHECK(!cursor.failed);
    CHECK(cursor_left(&cursor) == 0);
}

/* Is the first of each key what a search finds? And is equality symmetric, wherever the table is
 * cut in two? */
static void check_pairs(struct slice table)
{
    struct cursor cursor = cursor_of(table);
    struct slice key;
    struct table_value value, found;
    for (unsigned pairs = 0; pairs < 16 && table_next(&cursor, &key, &value); pairs++) {
        CHECK(table_find(table, key, &found));
        struct slice front = {table.data, (size_t)(cursor.at - table.data)};
        struct slice back = {cursor.at, cursor_left(&cursor)};
        CHECK(table_validate(front) == TABLE_OK);
        CHECK(table_validate(back) == TABLE_OK);
        CHECK(table_equal(front, back) == table_equal(back, front));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice table = {data, size};
    if (table_validate(table) != TABLE_OK) {
        struct cursor cursor = cursor_of(table);
        struct slice key;
        struct table_value value;
        while (table_next(&cursor, &key, &value))
            CHECK(!cursor.failed);
        return 0;
    }
    struct buf out = {0}, again = {0};
    bool canonical = true;
    rewrite(table, true, &out, &canonical);
    CHECK(out.size == table.size);
    CHECK(slice_equal(buf_slice(&out), table) == canonical);
    CHECK(table_validate(buf_slice(&out)) == TABLE_OK);
    CHECK(table_equal(table, table));
    CHECK(table_equal(table, buf_slice(&out)));
    rewrite(buf_slice(&out), true, &again, &canonical);
    CHECK(slice_equal(buf_slice(&out), buf_slice(&again)));
    check_pairs(table);
    buf_fini(&out);
    buf_fini(&again);
    return 0;
}
