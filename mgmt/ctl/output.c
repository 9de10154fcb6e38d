/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int output_read_format(const struct arguments *arguments, enum output_format *format)
{
    const char *text = argument_of(arguments, "--format");
    *format = OUTPUT_TEXT;
    if (text == NULL || strcmp(text, "text") == 0)
        return 0;
    *format = OUTPUT_JSON;
    return strcmp(text, "json") == 0
               ? 0
               : usage_error(arguments->command, "--format: expected text or json, got '%s'", text);
}

/* --- JSON ----------------------------------------------------------------------------------- */

/* All but ASCII is escaped: what the output goes to need not know any other. */
static void print_json(json_t *value, size_t flags)
{
    (void)json_dumpf(value, stdout, flags | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
}

void output_json_line(json_t *value)
{
    print_json(value, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(value);
}

void output_json(json_t *value)
{
    print_json(value, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(value);
}

/* --- text ----------------------------------------------------------------------------------- */

/* Reads a character of well-formed UTF-8. */
static uint32_t next_character(const char **text)
{
    const uint8_t *at = (const uint8_t *)*text;
    unsigned more = at[0] < 0x80 ? 0 : at[0] < 0xE0 ? 1 : at[0] < 0xF0 ? 2 : 3;
    uint32_t character = more == 0 ? at[0] : at[0] & (0x3Fu >> more);
    for (unsigned i = 1; i <= more; i++)
        character = character << 6 | (at[i] & 0x3F);
    *text += 1 + more;
    return character;
}

/* Controls, line ends of any kind, and what changes the direction of writing or is not seen. */
static bool is_unsafe(uint32_t character)
{
    return character < 0x20 || (character >= 0x7F && character < 0xA0) || character == 0xAD ||
           character == 0x61C || (character >= 0x200B && character <= 0x200F) ||
           (character >= 0x2028 && character <= 0x202E) ||
           (character >= 0x2060 && character <= 0x206F) || character == 0xFEFF ||
           (character >= 0xFFF9 && character <= 0xFFFB) ||
           (character >= 0xE0000 && character <= 0xE0FFF);
}

static void print_escape(uint32_t character)
{
    if (character > 0xFFFF)
        printf("\\u%04" PRIx32 "\\u%04" PRIx32, 0xD7C0 + (character >> 10),
               0xDC00 + (character & 0x3FF));
    else if (character == '\n' || character == '\r' || character == '\t')
        printf("\\%c", character == '\n' ? 'n' : character == '\r' ? 'r' : 't');
    else
        printf("\\u%04" PRIx32, character);
}

/* TEXT is well-formed UTF-8. */
static void print_escaped(const char *text, size_t size)
{
    for (const char *end = text + size; text < end;) {
        const char *start = text;
        uint32_t character = next_character(&text);
        if (is_unsafe(character)) {
            print_escape(character);
            continue;
        }
        if (character == '"' || character == '\\')
            (void)putchar('\\');
        (void)fwrite(start, 1, (size_t)(text - start), stdout);
    }
}

void output_quoted(const char *text, size_t size)
{
    (void)putchar('"');
    print_escaped(text, size);
    (void)putchar('"');
}

void output_plain(const char *text)
{
    if (slice_is_utf8(slice_from_string(text))) {
        print_escaped(text, strlen(text));
        return;
    }
    for (; *text != '\0'; text++)
        if (*text >= 0x20 && *text < 0x7F)
            (void)putchar(*text);
        else
            printf("\\x%02x", (uint8_t)*text);
}

void output_fields(const json_t *object)
{
    const char *key;
    size_t size;
    json_t *value;
    json_object_keylen_foreach((json_t *)object, key, size, value)
    {
        const json_t *base64 = json_object_size(value) == 1 ? json_object_get(value, "base64")
                                                            : NULL;
        printf(" %.*s=", (int)size, key);
        if (json_is_string(value))
            output_quoted(json_string_value(value), json_string_length(value));
        else if (json_is_string(base64))
            printf("base64:%s", json_string_value(base64));
        else
            print_json(value, JSON_COMPACT);
    }
}

int output_end(int status)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return status;
    fprintf(stderr, "stoatmqctl: the output cannot be written: %s\n", strerror(errno));
    return EXIT_UNREAD;
}
