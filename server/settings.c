/* SPDX-License-Identifier: Apache-2.0
 *
 * One row per setting; a row knows where its member lies, so that reading, checking and printing
 * are written once per type. Defaults are text and go through the same reader as a file's values.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "server/base/check.h"
#include "server/settings_table.h"

enum { KEY_MAX = 63, LOOPS_AUTOMATIC_MAX = 16 };

const struct setting settings_table[] = {
#define SECTION(title) {.help = (title)},
#define SETTING(name, key_, type_, initial_, min_, max_, unit_, when_, help_) \
    {.key = (key_),                                                           \
     .initial = (initial_),                                                   \
     .unit = (unit_),                                                         \
     .help = (help_),                                                         \
     .min = (min_),                                                           \
     .max = (max_),                                                           \
     .offset = offsetof(struct settings, name),                               \
     .id = SETTING_##name,                                                    \
     .type = (type_),                                                         \
     .when = (when_)},
#include "server/settings.def"
};

const size_t settings_table_count = sizeof settings_table / sizeof *settings_table;

/* --- errors ---------------------------------------------------------------------------------- */

int settings_refuse(char *error, size_t error_size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return -1;
}

const char *setting_quoted(struct slice text, char to[SETTING_QUOTED_BYTES])
{
    size_t size = 0;
    for (; size < text.size && size < SETTING_QUOTED_BYTES - 4; size++)
        to[size] = text.data[size] >= 0x20 && text.data[size] < 0x7F ? (char)text.data[size] : '?';
    memcpy(to + size, size < text.size ? "..." : "", size < text.size ? 4 : 1);
    return to;
}

/* --- keys ------------------------------------------------------------------------------------ */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace) between two keys of at most KEY_MAX bytes. */
static size_t edit_distance(struct slice a, struct slice b)
{
    size_t costs[KEY_MAX + 1];
    for (size_t j = 0; j <= b.size; j++)
        costs[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = costs[0];
        costs[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t replaced = diagonal + (a.data[i - 1] != b.data[j - 1]);
            diagonal = costs[j];
            costs[j] = smaller(replaced, smaller(costs[j], costs[j - 1]) + 1);
        }
    }
    return costs[b.size];
}

/* The key nearest to WRONG, or NULL when none is near enough to be what was meant. */
static const char *nearest_key(struct slice wrong)
{
    const char *nearest = NULL;
    size_t best = wrong.size / 2 + 1;
    if (wrong.size > KEY_MAX)
        return NULL;
    for_each_setting(row)
    {
        if (row->key == NULL)
            continue;
        size_t distance = edit_distance(wrong, slice_from_string(row->key));
        if (distance < best) {
            best = distance;
            nearest = row->key;
        }
    }
    return nearest;
}

struct slice setting_prefix(const struct setting *row)
{
    return slice_of(row->key, strlen(row->key) - strlen("NAME"));
}

/* The row of KEY itself, or else that of its family. */
static const struct setting *find_row(struct slice key)
{
    const struct setting *family = NULL;
    for_each_setting(row)
    {
        if (row->key == NULL)
            continue;
        if (!setting_is_family(row) && slice_equal(key, slice_from_string(row->key)))
            return row;
        if (setting_is_family(row) && slice_starts_with(key, setting_prefix(row)))
            family = row;
    }
    return family;
}

static int set_value(struct settings *settings, const struct setting *row, struct slice value,
                     char *error, size_t error_size)
{
    char text[SETTING_QUOTED_BYTES];
    uint64_t number = 0;
    if (!setting_read(row, value, &number) || number < row->min || number > row->max) {
        char expected[SETTING_DESCRIBE_BYTES];
        setting_describe(row, expected, sizeof expected);
        if (row->type == SECRET)
            return settings_refuse(error, error_size, "%s: expected %s", row->key, expected);
        return settings_refuse(error, error_size, "%s: expected %s, not '%s'", row->key, expected,
                               setting_quoted(value, text));
    }
    setting_store(row, settings, number, value);
    return 0;
}

static int refuse_key(struct slice key, char *error, size_t error_size)
{
    char text[SETTING_QUOTED_BYTES];
    const char *nearest = nearest_key(key);
    if (nearest != NULL)
        return settings_refuse(error, error_size, "unknown key '%s', did you mean '%s'?",
                               setting_quoted(key, text), nearest);
    return settings_refuse(error, error_size, "unknown key '%s'", setting_quoted(key, text));
}

int settings_set(struct settings *settings, struct slice key, struct slice value, char *error,
                 size_t error_size)
{
    const struct setting *row = find_row(key);
    if (row == NULL) {
        char text[SETTING_QUOTED_BYTES];
        const char *why = setting_ignored_why(key);
        if (why == NULL)
            return refuse_key(key, error, error_size);
        (void)settings_refuse(error, error_size, "%s: %s", setting_quoted(key, text), why);
        return SETTINGS_IGNORED;
    }
    int status = 0;
    if (setting_is_family(row)) {
        size_t prefix = setting_prefix(row).size;
        status = setting_set_named(row, settings, slice_of(key.data + prefix, key.size - prefix),
                                   value, error, error_size);
    } else {
        status = set_value(settings, row, value, error, error_size);
    }
    if (status == 0)
        settings->given[row->id] = true;
    return status;
}

void settings_init(struct settings *settings)
{
    char error[256];
    memset(settings, 0, sizeof *settings);
    for_each_setting(row)
    {
        if (row->key == NULL || setting_is_family(row))
            continue;
        CHECK_ID(strlen(row->key) <= KEY_MAX, row - settings_table);
        CHECK_ID(set_value(settings, row, slice_from_string(row->initial), error, sizeof error) ==
                     0,
                 row - settings_table);
    }
}

/* --- the whole ------------------------------------------------------------------------------- */

uint32_t settings_loops_for(long cores)
{
    if (cores <= 2)
        return 1;
    return cores / 2 < LOOPS_AUTOMATIC_MAX ? (uint32_t)(cores / 2) : LOOPS_AUTOMATIC_MAX;
}

bool settings_has_default_tcp(const struct settings *settings)
{
    return !settings->tcp_off &&
           (settings->given[SETTING_tcp_port] || settings->tcp_listeners.count == 0);
}

bool settings_has_default_ssl(const struct settings *settings)
{
    return !settings->ssl_off && settings->given[SETTING_ssl_port];
}

bool settings_is_loopback_only(const struct settings *settings, struct slice user)
{
    if (settings->loopback_users_off)
        return false;
    for (uint32_t i = 0; i < settings->loopback_users.count; i++)
        if (slice_equal(user, slice_from_string(settings->loopback_users.at[i].name)))
            return settings->loopback_users.at[i].is_on;
    return settings->loopback_guest && slice_equal(user, SLICE_LITERAL("guest"));
}

static int check_mechanisms(const struct settings *settings, char *error, size_t error_size)
{
    const char *name = NULL, *text = NULL;
    while (settings_next_text(&settings->auth_mechanisms, &name, &text))
        if (strcmp(text, "PLAIN") != 0 && strcmp(text, "AMQPLAIN") != 0 &&
            strcmp(text, "EXTERNAL") != 0)
            return settings_refuse(
                error, error_size,
                "auth_mechanisms.%s: expected PLAIN, AMQPLAIN or EXTERNAL, not '%.40s'", name,
                text);
    return 0;
}

/* Gives NAME, when it is empty, the name of this machine. */
static void name_after_machine(char *name, size_t size)
{
    char host[256];
    if (name[0] != '\0')
        return;
    if (gethostname(host, sizeof host) != 0)
        memcpy(host, "localhost", sizeof "localhost");
    host[sizeof host - 1] = '\0';
    (void)snprintf(name, size, "stoatmq@%.246s", host);
}

int settings_finish(struct settings *settings, char *error, size_t error_size)
{
    if (check_mechanisms(settings, error, error_size) < 0)
        return -1;
    if (settings->initial_frame_max > settings->frame_max)
        return settings_refuse(error, error_size,
                               "initial_frame_max: %" PRIu32
                               " is above frame_max, which is %" PRIu32,
                               settings->initial_frame_max, settings->frame_max);
    if (settings->loops == 0)
        settings->loops = settings_loops_for(sysconf(_SC_NPROCESSORS_ONLN));
    name_after_machine(settings->node_name, sizeof settings->node_name);
    name_after_machine(settings->cluster_name, sizeof settings->cluster_name);
    return 0;
}
