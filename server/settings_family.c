/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings whose key ends with a name of the operator's choice: listeners.tcp.NAME,
 * loopback_users.NAME, ssl_options.ciphers.NAME... They are few, so a search goes through all of
 * them.
 */
#include <inttypes.h>

#include "server/settings_table.h"

#define SETTINGS_TEXT_NAME_BYTES 256

static void copy_text(char *to, struct slice text)
{
    memcpy(to, text.data, text.size);
    to[text.size] = '\0';
}

/* Splits PORT, ADDRESS:PORT or [ADDRESS]:PORT; an IPv6 address may stand without brackets, as in
 * RabbitMQ's `:::5672`. */
static bool read_listener(struct slice text, struct settings_listener *listener)
{
    struct slice host = text;
    while (host.size > 0 && host.data[host.size - 1] != ':')
        host.size--;
    struct slice digits = slice_of(text.data + host.size, text.size - host.size);
    uint64_t port = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9' || digits.size > 5)
            return false;
        port = port * 10 + (uint64_t)(digits.data[i] - '0');
    }
    if (digits.size == 0 || port > UINT16_MAX)
        return false;
    if (host.size == 1)
        return false; /* an address is missing before the colon */
    if (host.size > 0)
        host.size--;
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        host = slice_of(host.data + 1, host.size - 2);
    if (host.size >= sizeof listener->address)
        return false;
    for (size_t i = 0; i < host.size; i++)
        if (host.data[i] <= ' ' || host.data[i] >= 0x7F)
            return false;
    copy_text(listener->address, host);
    listener->port = (uint16_t)port;
    return true;
}

static int refuse_value(const struct setting *row, struct slice name, struct slice value,
                        char *error, size_t error_size)
{
    char expected[SETTING_DESCRIBE_BYTES];
    char name_text[SETTING_QUOTED_BYTES], value_text[SETTING_QUOTED_BYTES];
    struct slice prefix = setting_prefix(row);
    setting_describe(row, expected, sizeof expected);
    return settings_refuse(error, error_size, "%.*s%s: expected %s, not '%s'", SLICE_ARGS(prefix),
                           setting_quoted(name, name_text), expected,
                           setting_quoted(value, value_text));
}

static int refuse_count(const struct setting *row, unsigned max, char *error, size_t error_size)
{
    return settings_refuse(error, error_size, "%s: at most %u of them", row->key, max);
}

static bool is_name(struct slice name, size_t room)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] < 0x20 || name.data[i] == 0x7F)
            return false;
    return name.size > 0 && name.size < room && slice_is_utf8(name);
}

static int set_listener(const struct setting *row, struct settings_listeners *all,
                        struct slice name, struct slice value, char *error, size_t error_size)
{
    struct settings_listener listener = {0};
    if (!is_name(name, sizeof listener.name) || !read_listener(value, &listener))
        return refuse_value(row, name, value, error, error_size);
    uint32_t at = 0;
    while (at < all->count && !slice_equal(name, slice_from_string(all->at[at].name)))
        at++;
    if (at == SETTINGS_LISTENERS_MAX)
        return refuse_count(row, SETTINGS_LISTENERS_MAX, error, error_size);
    copy_text(listener.name, name);
    all->at[at] = listener;
    all->count += at == all->count;
    return 0;
}

static int set_name(const struct setting *row, struct settings_names *all, struct slice name,
                    struct slice value, char *error, size_t error_size)
{
    struct settings_name fresh = {.is_on = slice_equal(value, SLICE_LITERAL("true"))};
    if (!is_name(name, sizeof fresh.name) ||
        (!fresh.is_on && !slice_equal(value, SLICE_LITERAL("false"))))
        return refuse_value(row, name, value, error, error_size);
    uint32_t at = 0;
    while (at < all->count && !slice_equal(name, slice_from_string(all->at[at].name)))
        at++;
    if (at == SETTINGS_NAMES_MAX)
        return refuse_count(row, SETTINGS_NAMES_MAX, error, error_size);
    copy_text(fresh.name, name);
    all->at[at] = fresh;
    all->count += at == all->count;
    return 0;
}

/* --- texts ----------------------------------------------------------------------------------- */

bool settings_next_text(const struct settings_texts *texts, const char **name, const char **text)
{
    const char *next = *text != NULL ? *text + strlen(*text) + 1 : texts->all;
    if (next == texts->all + texts->bytes)
        return false;
    *name = next;
    *text = next + strlen(next) + 1;
    return true;
}

const char *settings_text(const struct settings_texts *texts, const char *wanted)
{
    const char *name = NULL, *text = NULL;
    while (settings_next_text(texts, &name, &text))
        if (strcmp(name, wanted) == 0)
            return text;
    return NULL;
}

static void put_text(struct settings_texts *texts, struct slice part)
{
    copy_text(texts->all + texts->bytes, part);
    texts->bytes += (uint32_t)part.size + 1;
}

static int set_text(const struct setting *row, struct settings_texts *all, struct slice name,
                    struct slice value, char *error, size_t error_size)
{
    struct settings_texts fresh = {0};
    const char *old_name = NULL, *old_text = NULL;
    bool is_there = false;
    if (!is_name(name, SETTINGS_TEXT_NAME_BYTES) || !is_name(value, SETTINGS_TEXT_BYTES))
        return refuse_value(row, name, value, error, error_size);
    if (all->bytes + name.size + value.size + 2 > sizeof all->all)
        return settings_refuse(error, error_size, "%s: more than %zu bytes in all", row->key,
                               sizeof all->all);
    while (settings_next_text(all, &old_name, &old_text)) {
        bool is_it = slice_equal(name, slice_from_string(old_name));
        is_there = is_there || is_it;
        put_text(&fresh, slice_from_string(old_name));
        put_text(&fresh, is_it ? value : slice_from_string(old_text));
    }
    if (!is_there) {
        put_text(&fresh, name);
        put_text(&fresh, value);
    }
    *all = fresh;
    return 0;
}

int setting_set_named(const struct setting *row, struct settings *settings, struct slice name,
                      struct slice value, char *error, size_t error_size)
{
    void *member = (char *)settings + row->offset;
    if (row->type == TEXTS)
        return set_text(row, member, name, value, error, error_size);
    return row->type == LISTENERS ? set_listener(row, member, name, value, error, error_size)
                                  : set_name(row, member, name, value, error, error_size);
}
