/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>

#include "server/base/mem.h"
#include "server/settings.h"

#define FILE_BYTES_MAX (1 << 20)

static struct slice trim(struct slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size > 0 && strchr(" \t\r", text.data[text.size - 1]) != NULL &&
           text.data[text.size - 1] != '\0')
        text.size--;
    return text;
}

/* TEXT up to the first BYTE, or all of it. */
static struct slice until(struct slice text, char byte)
{
    const uint8_t *end = text.size > 0 ? memchr(text.data, byte, text.size) : NULL;
    return end != NULL ? slice_of(text.data, (size_t)(end - text.data)) : text;
}

static struct slice after(struct slice text, size_t size)
{
    return slice_of(text.data + size, text.size - size);
}

static int load_line(struct settings *settings, struct slice line, char *error, size_t error_size)
{
    line = trim(line);
    if (line.size == 0 || line.data[0] == '#')
        return 0;
    struct slice key = until(line, '=');
    if (key.size == line.size)
        return settings_refuse(error, error_size, "expected key = value");
    struct slice value = trim(after(line, key.size + 1));
    if (value.size > 0 && value.data[0] == '\'') {
        /* In quotes, because a number sign starts a comment otherwise. */
        struct slice inside = until(after(value, 1), '\'');
        if (inside.size + 1 == value.size)
            return settings_refuse(error, error_size, "the closing ' is missing");
        struct slice rest = trim(after(value, inside.size + 2));
        if (rest.size > 0 && rest.data[0] != '#')
            return settings_refuse(error, error_size, "more text after the closing '");
        value = inside;
    } else {
        value = trim(until(value, '#'));
    }
    return settings_set(settings, trim(key), value, error, error_size);
}

int settings_load_text(struct settings *settings, const char *name, struct slice text,
                       struct buf *notes, char *error, size_t error_size)
{
    struct settings fresh = *settings;
    for (size_t number = 1; text.size > 0; number++) {
        char reason[512];
        struct slice line = until(text, '\n');
        int status = load_line(&fresh, line, reason, sizeof reason);
        if (status < 0)
            return settings_refuse(error, error_size, "%s:%zu: %s", name, number, reason);
        if (status == SETTINGS_IGNORED && notes != NULL)
            buf_printf(notes, "%s:%zu: %s\n", name, number, reason);
        text = after(text, line.size < text.size ? line.size + 1 : line.size);
    }
    *settings = fresh;
    return 0;
}

int settings_load_file(struct settings *settings, const char *path, struct buf *notes, char *error,
                       size_t error_size)
{
    int result = -1;
    uint8_t *text = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return settings_refuse(error, error_size, "%s: %s", path, strerror(errno));
    text = mem_alloc(FILE_BYTES_MAX + 1);
    size_t size = fread(text, 1, FILE_BYTES_MAX + 1, file);
    if (ferror(file)) {
        settings_refuse(error, error_size, "%s: %s", path, strerror(errno));
        goto out;
    }
    if (size > FILE_BYTES_MAX) {
        settings_refuse(error, error_size, "%s: larger than 1 MiB", path);
        goto out;
    }
    result = settings_load_text(settings, path, slice_of(text, size), notes, error, error_size);
out:
    mem_free(text);
    (void)fclose(file);
    return result;
}
