/* SPDX-License-Identifier: Apache-2.0
 *
 * A table is never turned into a tree: reading walks its octets, equality sorts pointers to its
 * pairs. Whatever a peer sends costs at most TABLE_DEPTH_MAX frames of stack and n log n time.
 */
#include "amqp/table.h"

#include <math.h>
#include <stdlib.h>

#include "server/base/check.h"
#include "server/base/mem.h"

static double load_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float load_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Reads a value of the type that its letter names. False at an unknown one; a truncated value fails
 * CURSOR. */
static bool read_value(struct cursor *cursor, struct table_value *value)
{
    value->type = cursor_u8(cursor);
    switch (value->type) {
    case TABLE_BOOL:
        value->boolean = cursor_u8(cursor) != 0;
        return true;
    case TABLE_INT8:
        value->integer = (int8_t)cursor_u8(cursor);
        return true;
    case TABLE_UINT8:
        value->integer = cursor_u8(cursor);
        return true;
    case TABLE_INT16:
        value->integer = (int16_t)cursor_u16(cursor);
        return true;
    case TABLE_UINT16:
        value->integer = cursor_u16(cursor);
        return true;
    case TABLE_INT32:
        value->integer = (int32_t)cursor_u32(cursor);
        return true;
    case TABLE_UINT32:
        value->integer = cursor_u32(cursor);
        return true;
    case TABLE_INT64:
    case TABLE_INT64_L:
        value->integer = (int64_t)cursor_u64(cursor);
        return true;
    case TABLE_FLOAT:
        value->real = (double)load_float(cursor_u32(cursor));
        return true;
    case TABLE_DOUBLE:
        value->real = load_double(cursor_u64(cursor));
        return true;
    case TABLE_DECIMAL:
        value->decimal.scale = cursor_u8(cursor);
        value->decimal.unscaled = cursor_u32(cursor);
        return true;
    case TABLE_TIMESTAMP:
        value->timestamp = cursor_u64(cursor);
        return true;
    case TABLE_LONGSTR:
    case TABLE_BYTES:
    case TABLE_TABLE:
    case TABLE_ARRAY:
        value->bytes = cursor_bytes(cursor, cursor_u32(cursor));
        return true;
    case TABLE_VOID:
        value->bytes = SLICE_EMPTY;
        return true;
    }
    return false;
}

bool table_next_item(struct cursor *cursor, struct table_value *value)
{
    if (cursor_left(cursor) == 0)
        return false;
    if (!read_value(cursor, value))
        cursor_fail(cursor);
    return !cursor->failed;
}

bool table_next(struct cursor *cursor, struct slice *key, struct table_value *value)
{
    if (cursor_left(cursor) == 0)
        return false;
    *key = cursor_bytes(cursor, cursor_u8(cursor));
    if (!read_value(cursor, value))
        cursor_fail(cursor);
    return !cursor->failed;
}

bool table_find(struct slice table, struct slice key, struct table_value *value)
{
    struct cursor cursor = cursor_of(table);
    struct slice name;
    while (table_next(&cursor, &name, value))
        if (slice_equal(name, key))
            return true;
    return false;
}

/* Validates the contents of the table or array that is the DEPTHth from outside. */
static int validate(struct slice contents, bool has_keys, unsigned depth)
{
    if (depth > TABLE_DEPTH_MAX)
        return TABLE_TOO_DEEP;
    struct cursor cursor = cursor_of(contents);
    while (cursor_left(&cursor) > 0) {
        if (has_keys)
            (void)cursor_bytes(&cursor, cursor_u8(&cursor));
        struct table_value value;
        bool known = read_value(&cursor, &value);
        if (cursor.failed)
            return TABLE_TRUNCATED;
        if (!known)
            return TABLE_UNKNOWN_TYPE;
        bool is_real = value.type == TABLE_FLOAT || value.type == TABLE_DOUBLE;
        if (is_real && !isfinite(value.real))
            return TABLE_NOT_FINITE;
        if (value.type == TABLE_TABLE || value.type == TABLE_ARRAY) {
            int error = validate(value.bytes, value.type == TABLE_TABLE, depth + 1);
            if (error != TABLE_OK)
                return error;
        }
    }
    return TABLE_OK;
}

int table_validate(struct slice table)
{
    return validate(table, true, 1);
}

/* Types whose values may be equal: one of them stands for all. */
static enum table_type type_class(enum table_type type)
{
    if (table_type_is_integer(type))
        return TABLE_INT64;
    return type == TABLE_FLOAT ? TABLE_DOUBLE : type;
}

static bool array_equal(struct slice a, struct slice b)
{
    struct cursor left = cursor_of(a), right = cursor_of(b);
    struct table_value x, y;
    while (table_next_item(&left, &x))
        if (!table_next_item(&right, &y) || !table_value_equal(&x, &y))
            return false;
    return cursor_left(&right) == 0;
}

bool table_value_equal(const struct table_value *a, const struct table_value *b)
{
    enum table_type type = type_class(a->type);
    if (type != type_class(b->type))
        return false;
    if (type == TABLE_INT64)
        return a->integer == b->integer;
    if (type == TABLE_DOUBLE)
        return a->real == b->real;
    if (type == TABLE_BOOL)
        return a->boolean == b->boolean;
    if (type == TABLE_TIMESTAMP)
        return a->timestamp == b->timestamp;
    if (type == TABLE_DECIMAL)
        return a->decimal.scale == b->decimal.scale && a->decimal.unscaled == b->decimal.unscaled;
    if (type == TABLE_TABLE)
        return table_equal(a->bytes, b->bytes);
    if (type == TABLE_ARRAY)
        return array_equal(a->bytes, b->bytes);
    return type == TABLE_VOID || slice_equal(a->bytes, b->bytes); /* LONGSTR, BYTES */
}

struct pair {
    struct slice key;
    struct table_value value;
};

/* By key; pairs of the same key as they stand in the table. */
static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    size_t common = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = common > 0 ? memcmp(a->key.data, b->key.data, common) : 0;
    if (order != 0)
        return order;
    if (a->key.size != b->key.size)
        return a->key.size < b->key.size ? -1 : 1;
    return a->key.data < b->key.data ? -1 : a->key.data > b->key.data;
}

static size_t count_pairs(struct slice table)
{
    struct cursor cursor = cursor_of(table);
    struct pair pair;
    size_t count = 0;
    while (table_next(&cursor, &pair.key, &pair.value))
        count += 1;
    return count;
}

static void sort_pairs(struct slice table, struct pair *pairs)
{
    struct cursor cursor = cursor_of(table);
    size_t count = 0;
    while (table_next(&cursor, &pairs[count].key, &pairs[count].value))
        count += 1;
    qsort(pairs, count, sizeof *pairs, compare_pairs);
}

bool table_equal(struct slice a, struct slice b)
{
    if (slice_equal(a, b))
        return true;
    size_t count = count_pairs(a);
    if (count != count_pairs(b))
        return false;
    /* One more than there are, for what sort_pairs reads at the end is written before it is known
     * to be one. */
    struct pair *left = mem_alloc(2 * (count + 1) * sizeof *left);
    struct pair *right = left + count + 1;
    sort_pairs(a, left);
    sort_pairs(b, right);
    size_t same = 0;
    while (same < count && slice_equal(left[same].key, right[same].key) &&
           table_value_equal(&left[same].value, &right[same].value))
        same += 1;
    mem_free(left);
    return same == count;
}

const char *table_type_name(enum table_type type)
{
    switch (type) {
    case TABLE_BOOL:
        return "bool";
    case TABLE_INT8:
        return "byte";
    case TABLE_UINT8:
        return "unsignedbyte";
    case TABLE_INT16:
        return "short";
    case TABLE_UINT16:
        return "unsignedshort";
    case TABLE_INT32:
        return "signedint";
    case TABLE_UINT32:
        return "unsignedint";
    case TABLE_INT64:
    case TABLE_INT64_L:
        return "long";
    case TABLE_FLOAT:
        return "float";
    case TABLE_DOUBLE:
        return "double";
    case TABLE_DECIMAL:
        return "decimal";
    case TABLE_LONGSTR:
        return "longstr";
    case TABLE_ARRAY:
        return "array";
    case TABLE_TIMESTAMP:
        return "timestamp";
    case TABLE_TABLE:
        return "table";
    case TABLE_BYTES:
        return "binary";
    case TABLE_VOID:
        return "void";
    }
    return "unknown";
}

bool table_type_is_integer(enum table_type type)
{
    return type == TABLE_INT8 || type == TABLE_UINT8 || type == TABLE_INT16 ||
           type == TABLE_UINT16 || type == TABLE_INT32 || type == TABLE_UINT32 ||
           type == TABLE_INT64 || type == TABLE_INT64_L;
}

size_t table_begin(struct buf *out)
{
    size_t mark = out->size;
    buf_u32(out, 0);
    return mark;
}

void table_end(struct buf *out, size_t mark)
{
    CHECK_ID(mark + sizeof(uint32_t) <= out->size, mark);
    size_t size = out->size - mark - sizeof(uint32_t);
    CHECK_ID(size <= UINT32_MAX, size);
    store_u32(out->data + mark, (uint32_t)size);
}

static void put_key(struct buf *out, struct slice key)
{
    CHECK_ID(key.size <= UINT8_MAX, key.size);
    buf_u8(out, (uint8_t)key.size);
    buf_bytes(out, key);
}

static void put_double(struct buf *out, double value)
{
    uint64_t bits;
    CHECK(isfinite(value));
    memcpy(&bits, &value, sizeof bits);
    buf_u64(out, bits);
}

static void put_float(struct buf *out, float value)
{
    uint32_t bits;
    CHECK(isfinite(value));
    memcpy(&bits, &value, sizeof bits);
    buf_u32(out, bits);
}

/* INTEGER, when it lies within what the type can hold. */
static uint64_t in_range(int64_t integer, int64_t min, int64_t max)
{
    CHECK_ID(integer >= min && integer <= max, integer);
    return (uint64_t)integer;
}

void table_put_item(struct buf *out, const struct table_value *value)
{
    buf_u8(out, (uint8_t)value->type);
    switch (value->type) {
    case TABLE_BOOL:
        buf_u8(out, value->boolean);
        break;
    case TABLE_INT8:
        buf_u8(out, (uint8_t)in_range(value->integer, INT8_MIN, INT8_MAX));
        break;
    case TABLE_UINT8:
        buf_u8(out, (uint8_t)in_range(value->integer, 0, UINT8_MAX));
        break;
    case TABLE_INT16:
        buf_u16(out, (uint16_t)in_range(value->integer, INT16_MIN, INT16_MAX));
        break;
    case TABLE_UINT16:
        buf_u16(out, (uint16_t)in_range(value->integer, 0, UINT16_MAX));
        break;
    case TABLE_INT32:
        buf_u32(out, (uint32_t)in_range(value->integer, INT32_MIN, INT32_MAX));
        break;
    case TABLE_UINT32:
        buf_u32(out, (uint32_t)in_range(value->integer, 0, UINT32_MAX));
        break;
    case TABLE_INT64:
    case TABLE_INT64_L:
        buf_u64(out, (uint64_t)value->integer);
        break;
    case TABLE_FLOAT:
        put_float(out, (float)value->real);
        break;
    case TABLE_DOUBLE:
        put_double(out, value->real);
        break;
    case TABLE_DECIMAL:
        buf_u8(out, value->decimal.scale);
        buf_u32(out, value->decimal.unscaled);
        break;
    case TABLE_TIMESTAMP:
        buf_u64(out, value->timestamp);
        break;
    case TABLE_LONGSTR:
    case TABLE_BYTES:
    case TABLE_TABLE:
    case TABLE_ARRAY:
        CHECK_ID(value->bytes.size <= UINT32_MAX, value->bytes.size);
        buf_u32(out, (uint32_t)value->bytes.size);
        buf_bytes(out, value->bytes);
        break;
    case TABLE_VOID:
        break;
    }
}

void table_put(struct buf *out, struct slice key, const struct table_value *value)
{
    put_key(out, key);
    table_put_item(out, value);
}

void table_put_bool(struct buf *out, const char *key, bool value)
{
    struct table_value item = {.type = TABLE_BOOL, .boolean = value};
    table_put(out, slice_from_string(key), &item);
}

void table_put_int(struct buf *out, const char *key, int64_t value)
{
    struct table_value item = {.type = TABLE_INT64, .integer = value};
    table_put(out, slice_from_string(key), &item);
}

void table_put_longstr(struct buf *out, const char *key, struct slice value)
{
    struct table_value item = {.type = TABLE_LONGSTR, .bytes = value};
    table_put(out, slice_from_string(key), &item);
}

size_t table_put_table(struct buf *out, const char *key)
{
    put_key(out, slice_from_string(key));
    buf_u8(out, TABLE_TABLE);
    return table_begin(out);
}
