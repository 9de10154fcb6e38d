/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. With columns, each key is looked for among the paths that match so far, a bit each
 * in `asked`. Found as the end of a path: its value is whole. Found within one: an object there is
 * looked into, with the paths that go on. Not found: the value, and all that is nested in it, is
 * written to nowhere.
 */
#include "mgmt/json_writer.h"

#include <math.h>
#include <stdio.h>

#include "amqp/table.h"

/* --- columns --------------------------------------------------------------------------------- */

/* Cuts TEXT at the first SEPARATOR; what follows stays. */
static struct slice cut(struct slice *text, char separator)
{
    const uint8_t *end = text->size > 0 ? memchr(text->data, separator, text->size) : NULL;
    size_t size = end == NULL ? text->size : (size_t)(end - text->data);
    struct slice part = slice_of(text->data, size);
    *text = end == NULL ? SLICE_EMPTY : slice_of(end + 1, text->size - size - 1);
    return part;
}

bool json_columns_read(struct json_columns *columns, struct slice text)
{
    columns->count = 0;
    while (text.size > 0) {
        struct slice path = cut(&text, ',');
        if (path.size == 0)
            continue;
        if (columns->count == JSON_COLUMNS_MAX)
            return false;
        uint8_t parts = 0;
        while (path.size > 0) {
            if (parts == JSON_COLUMN_PARTS_MAX)
                return false;
            columns->paths[columns->count].parts[parts++] = cut(&path, '.');
        }
        columns->paths[columns->count++].part_count = parts;
    }
    return true;
}

/* --- what is written ------------------------------------------------------------------------- */

void json_writer_init(struct json_writer *writer, struct buf *out)
{
    *writer = (struct json_writer){.out = out};
}

void json_writer_columns(struct json_writer *writer, const struct json_columns *columns)
{
    writer->columns = columns != NULL && columns->count > 0 ? columns : NULL;
    writer->level = 0;
    writer->asked_below = writer->columns == NULL ? 0 : UINT64_MAX >> (64 - columns->count);
}

#define PICKED (UINT16_MAX / 2) /* deeper than anything is nested: `skipping` stays */

void json_writer_pick(struct json_writer *writer, const struct json_columns *column,
                      struct json_pick *pick)
{
    json_writer_columns(writer, column);
    writer->skipping = 0;
    writer->pick = pick;
    pick->kind = JSON_PICK_NOTHING;
}

/* A value at the path is taken: TEXT, or NUMBER when that is NULL. */
static void pick(struct json_writer *writer, const struct slice *text, double number)
{
    struct json_pick *pick = writer->pick;
    writer->skipping = PICKED;
    pick->kind = text != NULL ? JSON_PICK_TEXT : JSON_PICK_NUMBER;
    pick->number = number;
    if (text == NULL)
        return;
    pick->begin = pick->texts->size;
    buf_bytes(pick->texts, *text);
    pick->end = pick->texts->size;
}

/* A value begins: a comma where there has to be one. False: it is not written. */
static bool begin_value(struct json_writer *writer)
{
    if (writer->skipping > 0)
        return false;
    if (writer->skip_value) {
        writer->skip_value = false;
        return false;
    }
    writer->whole_value = false;
    if (writer->needs_comma)
        buf_u8(writer->out, ',');
    writer->needs_comma = true;
    return true;
}

/* The same of one that has no parts: TEXT, or NUMBER when that is NULL. */
static bool begin_scalar(struct json_writer *writer, const struct slice *text, double number)
{
    bool is_whole = writer->whole_value;
    if (!begin_value(writer))
        return false;
    if (writer->pick == NULL)
        return true;
    if (is_whole)
        pick(writer, text, number);
    return false;
}

static void open(struct json_writer *writer, uint8_t bracket)
{
    bool is_whole = writer->whole > 0 || writer->whole_value;
    if (!begin_value(writer)) {
        writer->skipping++;
        return;
    }
    if (is_whole && writer->pick != NULL) {
        pick(writer, &(struct slice){&bracket, 1}, 0);
        writer->skipping++;
        return;
    }
    buf_u8(writer->out, bracket);
    writer->needs_comma = false;
    if (is_whole)
        writer->whole++;
    else if (writer->columns != NULL && bracket == '{') {
        writer->asked_above[writer->level++] = writer->asked;
        writer->asked = writer->asked_below;
    }
}

static void close(struct json_writer *writer, uint8_t bracket)
{
    if (writer->skipping > 0) {
        writer->skipping--;
        return;
    }
    buf_u8(writer->out, bracket);
    writer->needs_comma = true;
    writer->skip_value = false; /* the last key's, whose value was not written */
    if (writer->whole > 0)
        writer->whole--;
    else if (writer->columns != NULL && bracket == '}') {
        writer->asked_below = writer->asked;
        writer->asked = writer->asked_above[--writer->level];
    }
}

void json_write_object(struct json_writer *writer)
{
    open(writer, '{');
}

void json_write_object_end(struct json_writer *writer)
{
    close(writer, '}');
}

void json_write_array(struct json_writer *writer)
{
    open(writer, '[');
}

void json_write_array_end(struct json_writer *writer)
{
    close(writer, ']');
}

/* The paths of `asked` that go through KEY; IS_END: one of them ends there. */
static uint64_t match(const struct json_writer *writer, struct slice key, bool *is_end)
{
    uint64_t found = 0;
    unsigned part = writer->level - 1u;
    *is_end = false;
    for (unsigned i = 0; i < writer->columns->count; i++) {
        if ((writer->asked >> i & 1) == 0 || part >= writer->columns->paths[i].part_count ||
            !slice_equal(writer->columns->paths[i].parts[part], key))
            continue;
        found |= 1ull << i;
        *is_end |= part + 1u == writer->columns->paths[i].part_count;
    }
    return found;
}

static void put_string(struct buf *out, struct slice text);

bool json_write_key(struct json_writer *writer, struct slice key)
{
    if (writer->skipping > 0)
        return false;
    if (writer->columns != NULL && writer->whole == 0 && writer->level > 0) {
        bool is_end;
        uint64_t found = match(writer, key, &is_end);
        writer->skip_value = found == 0;
        if (found == 0)
            return false;
        writer->whole_value = is_end;
        writer->asked_below = found;
    }
    if (writer->needs_comma)
        buf_u8(writer->out, ',');
    put_string(writer->out, key);
    buf_u8(writer->out, ':');
    writer->needs_comma = false;
    return true;
}

/* --- scalars --------------------------------------------------------------------------------- */

/* Bytes of the well-formed character that TEXT begins with; 0: it begins with none. */
static size_t character_bytes(struct slice text)
{
    uint8_t first = text.data[0];
    size_t size = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    return size > 0 && size <= text.size && slice_is_utf8(slice_of(text.data, size)) ? size : 0;
}

static void put_escaped(struct buf *out, uint8_t octet)
{
    switch (octet) {
    case '"':
    case '\\':
        buf_u8(out, '\\');
        buf_u8(out, octet);
        break;
    case '\n':
        buf_bytes(out, SLICE_LITERAL("\\n"));
        break;
    case '\r':
        buf_bytes(out, SLICE_LITERAL("\\r"));
        break;
    case '\t':
        buf_bytes(out, SLICE_LITERAL("\\t"));
        break;
    default:
        buf_printf(out, "\\u%04x", octet);
    }
}

static void put_string(struct buf *out, struct slice text)
{
    buf_u8(out, '"');
    size_t plain = 0, at = 0;
    while (at < text.size) {
        uint8_t octet = text.data[at];
        if (octet >= 0x20 && octet < 0x7F && octet != '"' && octet != '\\') {
            at++;
            continue;
        }
        size_t size = character_bytes(slice_of(text.data + at, text.size - at));
        if (size > 1) {
            at += size;
            continue;
        }
        buf_bytes(out, slice_of(text.data + plain, at - plain));
        if (size == 0)
            buf_bytes(out, SLICE_LITERAL("\xEF\xBF\xBD"));
        else
            put_escaped(out, octet);
        plain = ++at;
    }
    if (at > plain)
        buf_bytes(out, slice_of(text.data + plain, at - plain));
    buf_u8(out, '"');
}

void json_write_string(struct json_writer *writer, struct slice text)
{
    if (begin_scalar(writer, &text, 0))
        put_string(writer->out, text);
}

static void put_digits(struct buf *out, uint64_t number)
{
    uint8_t digits[20];
    unsigned at = sizeof digits;
    do
        digits[--at] = (uint8_t)('0' + number % 10);
    while ((number /= 10) > 0);
    buf_bytes(out, slice_of(digits + at, sizeof digits - at));
}

void json_write_uint(struct json_writer *writer, uint64_t number)
{
    if (begin_scalar(writer, NULL, (double)number))
        put_digits(writer->out, number);
}

void json_write_int(struct json_writer *writer, int64_t number)
{
    if (!begin_scalar(writer, NULL, (double)number))
        return;
    if (number < 0)
        buf_u8(writer->out, '-');
    put_digits(writer->out, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

/* The shortest digits that read back as the same number. */
void json_write_real(struct json_writer *writer, double number)
{
    if (!isfinite(number))
        number = 0;
    if (!begin_scalar(writer, NULL, number))
        return;
    if (number == 0) {
        buf_bytes(writer->out, SLICE_LITERAL("0.0"));
        return;
    }
    char text[40];
    int size = 0;
    for (int precision = 15; precision <= 17; precision++) {
        double back;
        size = snprintf(text, sizeof text, "%.*g", precision, number);
        if (sscanf(text, "%lf", &back) == 1 && back == number)
            break;
    }
    buf_bytes(writer->out, slice_of(text, (size_t)size));
    if (strpbrk(text, ".e") == NULL)
        buf_bytes(writer->out, SLICE_LITERAL(".0"));
}

void json_write_bool(struct json_writer *writer, bool value)
{
    if (begin_scalar(writer, NULL, value))
        buf_bytes(writer->out, value ? SLICE_LITERAL("true") : SLICE_LITERAL("false"));
}

void json_write_null(struct json_writer *writer)
{
    if (begin_value(writer))
        buf_bytes(writer->out, SLICE_LITERAL("null"));
}

void json_write_raw(struct json_writer *writer, struct slice text)
{
    if (begin_scalar(writer, &text, 0))
        buf_bytes(writer->out, text);
}

/* --- tables ---------------------------------------------------------------------------------- */

static void write_value(struct json_writer *writer, const struct table_value *value)
{
    struct cursor cursor;
    struct table_value item;
    switch (value->type) {
    case TABLE_BOOL:
        json_write_bool(writer, value->boolean);
        break;
    case TABLE_FLOAT:
    case TABLE_DOUBLE:
        json_write_real(writer, value->real);
        break;
    case TABLE_DECIMAL:
        json_write_real(writer, value->decimal.unscaled / pow(10, value->decimal.scale));
        break;
    case TABLE_TIMESTAMP:
        json_write_uint(writer, value->timestamp);
        break;
    case TABLE_LONGSTR:
    case TABLE_BYTES:
        json_write_string(writer, value->bytes);
        break;
    case TABLE_TABLE:
        json_write_table(writer, value->bytes);
        break;
    case TABLE_ARRAY:
        json_write_array(writer);
        cursor = cursor_of(value->bytes);
        while (table_next_item(&cursor, &item))
            write_value(writer, &item);
        json_write_array_end(writer);
        break;
    case TABLE_VOID:
        json_write_null(writer);
        break;
    case TABLE_INT8:
    case TABLE_UINT8:
    case TABLE_INT16:
    case TABLE_UINT16:
    case TABLE_INT32:
    case TABLE_UINT32:
    case TABLE_INT64:
    case TABLE_INT64_L:
        json_write_int(writer, value->integer);
        break;
    }
}

void json_write_table(struct json_writer *writer, struct slice table)
{
    struct cursor cursor = cursor_of(table);
    struct slice key;
    struct table_value value;
    json_write_object(writer);
    while (table_next(&cursor, &key, &value)) {
        (void)json_write_key(writer, key);
        write_value(writer, &value);
    }
    json_write_object_end(writer);
}

/* --- members --------------------------------------------------------------------------------- */

static bool put_key(struct json_writer *writer, const char *key)
{
    return json_write_key(writer, slice_from_string(key));
}

void json_put_table(struct json_writer *writer, const char *key, struct slice table)
{
    if (json_put_key(writer, key))
        json_write_table(writer, table);
}

bool json_put_object(struct json_writer *writer, const char *key)
{
    bool is_wanted = put_key(writer, key);
    json_write_object(writer);
    return is_wanted;
}

bool json_put_array(struct json_writer *writer, const char *key)
{
    bool is_wanted = put_key(writer, key);
    json_write_array(writer);
    return is_wanted;
}
