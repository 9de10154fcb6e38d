/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/erlang_term.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PRINT(out, text) buf_bytes((out), SLICE_LITERAL(text))

/* How a character is written between quotes when it is not itself; NULL for the others. */
static const char *escape_of(int64_t character)
{
    switch (character) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\t':
        return "\\t";
    case '\n':
        return "\\n";
    case '\v':
        return "\\v";
    case '\f':
        return "\\f";
    case '\r':
        return "\\r";
    case 27:
        return "\\e";
    }
    return NULL;
}

static bool is_printable(int64_t character)
{
    return (character >= ' ' && character < 127) || escape_of(character) != NULL;
}

static void print_character(struct buf *out, uint8_t character)
{
    const char *escape = escape_of(character);
    if (escape != NULL)
        buf_bytes(out, slice_from_string(escape));
    else
        buf_u8(out, character);
}

static bool is_text(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 128 && !is_printable(text.data[i]))
            return false;
    return slice_is_utf8(text);
}

static void print_binary(struct buf *out, struct slice text)
{
    bool quoted = is_text(text);
    PRINT(out, "<<");
    if (quoted && text.size > 0)
        PRINT(out, "\"");
    for (size_t i = 0; i < text.size; i++)
        if (quoted)
            print_character(out, text.data[i]);
        else
            buf_printf(out, "%s%u", i > 0 ? "," : "", text.data[i]);
    if (quoted && text.size > 0)
        PRINT(out, "\"");
    PRINT(out, ">>");
}

/* The shortest digits that stand for REAL, with a point always and "e" as Erlang has it. */
static void print_real(struct buf *out, double real)
{
    char text[40];
    int precision = 1;
    do
        (void)snprintf(text, sizeof text, "%.*e", precision - 1, real);
    while (strtod(text, NULL) != real && ++precision <= 17);
    char *exponent = strchr(text, 'e');
    long power = exponent != NULL ? strtol(exponent + 1, NULL, 10) : 0;
    if (power >= -5 && power < 16) {
        int decimals = precision - 1 - (int)power;
        buf_printf(out, "%.*f", decimals > 1 ? decimals : 1, real);
        return;
    }
    *exponent = '\0';
    buf_printf(out, "%s%se%ld", text, strchr(text, '.') == NULL ? ".0" : "", power);
}

/* A list of characters is what Erlang takes for a string. */
static bool is_string(struct slice array)
{
    struct cursor cursor = cursor_of(array);
    for (struct table_value item; table_next_item(&cursor, &item);)
        if (!table_type_is_integer(item.type) || !is_printable(item.integer))
            return false;
    return array.size > 0;
}

static void print_array(struct buf *out, struct slice array)
{
    struct cursor cursor = cursor_of(array);
    struct table_value item;
    if (is_string(array)) {
        PRINT(out, "\"");
        while (table_next_item(&cursor, &item))
            print_character(out, (uint8_t)item.integer);
        PRINT(out, "\"");
        return;
    }
    PRINT(out, "[");
    for (bool first = true; table_next_item(&cursor, &item); first = false) {
        if (!first)
            PRINT(out, ",");
        erlang_term(out, &item);
    }
    PRINT(out, "]");
}

static void print_map(struct buf *out, struct slice table)
{
    struct cursor cursor = cursor_of(table);
    struct slice key;
    struct table_value value;
    PRINT(out, "#{");
    for (bool first = true; table_next(&cursor, &key, &value); first = false) {
        if (!first)
            PRINT(out, ",");
        print_binary(out, key);
        PRINT(out, " => ");
        erlang_term(out, &value);
    }
    PRINT(out, "}");
}

void erlang_term(struct buf *out, const struct table_value *value)
{
    if (table_type_is_integer(value->type))
        buf_printf(out, "%" PRId64, value->integer);
    else if (value->type == TABLE_BOOL)
        buf_bytes(out, slice_from_string(value->boolean ? "true" : "false"));
    else if (value->type == TABLE_DOUBLE || value->type == TABLE_FLOAT)
        print_real(out, value->real);
    else if (value->type == TABLE_LONGSTR || value->type == TABLE_BYTES)
        print_binary(out, value->bytes);
    else if (value->type == TABLE_ARRAY)
        print_array(out, value->bytes);
    else if (value->type == TABLE_TABLE)
        print_map(out, value->bytes);
    else
        PRINT(out, "null");
}

void erlang_string(struct buf *out, struct slice text)
{
    PRINT(out, "\"");
    for (size_t i = 0; i < text.size; i++)
        print_character(out, text.data[i]);
    PRINT(out, "\"");
}

void erlang_pair(struct buf *out, struct slice key, const struct table_value *value)
{
    PRINT(out, "{");
    print_binary(out, key);
    PRINT(out, ",");
    erlang_term(out, value);
    PRINT(out, "}");
}
