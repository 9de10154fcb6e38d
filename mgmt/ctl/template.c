/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/ctl/template.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/mem.h"

void template_percent(struct buf *out, const char *text)
{
    bool is_step = strcmp(text, ".") == 0 || strcmp(text, "..") == 0; /* a path's, not a name */
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (!is_step && ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                         (byte >= 'a' && byte <= 'z') || strchr("-._~", byte) != NULL))
            buf_u8(out, byte);
        else
            buf_printf(out, "%%%02X", byte);
    }
}

/* What the placeholder NAME stands for. */
static const char *value_of(struct slice name, const struct arguments *arguments)
{
    char text[48];
    (void)snprintf(text, sizeof text, "%.*s", SLICE_ARGS(name));
    const char *value;
    if (strcmp(text, "vhost") == 0)
        value = arguments->common.vhost;
    else if (text[0] == '-')
        value = argument_of(arguments, text);
    else
        value = operand_of(arguments, atoi(text) - 1);
    return value != NULL ? value : "";
}

/* VALUE as it may stand between the quotes of a string. */
static int append_string(struct buf *out, const char *value)
{
    json_t *string = json_string(value);
    if (string == NULL)
        return fail(EXIT_DATA, "'%s' is no UTF-8", value);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    buf_bytes(out, slice_of(quoted + 1, strlen(quoted) - 2));
    mem_free(quoted);
    json_decref(string);
    return 0;
}

static int append_json(struct buf *out, const char *value)
{
    json_error_t error;
    json_t *json = json_loads(value, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (json == NULL)
        return fail(EXIT_UNAVAILABLE, "JSON decoding error. Reason: %s", error.text);
    json_decref(json);
    buf_bytes(out, slice_from_string(value));
    return 0;
}

static int append(struct buf *out, const char *value, enum template_use use)
{
    switch (use) {
    case TEMPLATE_TEXT:
        buf_bytes(out, slice_from_string(value));
        return 0;
    case TEMPLATE_PATH:
        template_percent(out, value);
        return 0;
    case TEMPLATE_JSON:
        return append_string(out, value);
    }
    return 0;
}

/* A brace opens a placeholder when what follows may be one's name; else it is JSON's. */
static bool opens_placeholder(const char *at)
{
    return at[0] == '{' && ((at[1] >= '1' && at[1] <= '9') || at[1] == '-' || at[1] == 'v');
}

int template_expand(const char *template, const struct arguments *arguments, enum template_use use,
                    struct buf *out)
{
    for (const char *at = template; *at != '\0'; at++) {
        if (!opens_placeholder(at)) {
            buf_u8(out, (uint8_t)*at);
            continue;
        }
        size_t size = strcspn(at, "}");
        bool is_json = at[size - 1] == '!';
        bool is_optional = at[size - 1] == '?';
        const char *value = value_of(slice_of(at + 1, size - 1 - is_json - is_optional), arguments);
        if (is_optional && *value != '\0')
            buf_u8(out, '/');
        int status = is_json && use == TEMPLATE_JSON ? append_json(out, value)
                                                     : append(out, value, use);
        if (status != 0)
            return status;
        at += size;
    }
    return 0;
}
