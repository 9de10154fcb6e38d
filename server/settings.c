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

enum { KEY_MAX = 63, QUOTED_BYTES = 80, LOOPS_AUTOMATIC_MAX = 16 };

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

/* TEXT for an error message: cut, and without bytes that would upset a terminal. */
static const char *quoted(struct slice text, char to[QUOTED_BYTES])
{
    size_t size = 0;
    for (; size < text.size && size < QUOTED_BYTES - 4; size++)
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

static const struct setting *find_row(struct slice key)
{
    for_each_setting(row)
    {
        if (row->key != NULL && slice_equal(key, slice_from_string(row->key)))
            return row;
    }
    return NULL;
}

int settings_set(struct settings *settings, struct slice key, struct slice value, char *error,
                 size_t error_size)
{
    char text[QUOTED_BYTES];
    const struct setting *row = find_row(key);
    if (row == NULL) {
        const char *nearest = nearest_key(key);
        if (nearest == NULL)
            return settings_refuse(error, error_size, "unknown key '%s'", quoted(key, text));
        return settings_refuse(error, error_size, "unknown key '%s', did you mean '%s'?",
                               quoted(key, text), nearest);
    }
    uint64_t number = 0;
    if (!setting_read(row, value, &number) || number < row->min || number > row->max) {
        char expected[SETTING_DESCRIBE_BYTES];
        setting_describe(row, expected, sizeof expected);
        if (row->type == SECRET)
            return settings_refuse(error, error_size, "%s: expected %s", row->key, expected);
        return settings_refuse(error, error_size, "%s: expected %s, not '%s'", row->key, expected,
                               quoted(value, text));
    }
    setting_store(row, settings, number, value);
    return 0;
}

void settings_init(struct settings *settings)
{
    char error[256];
    memset(settings, 0, sizeof *settings);
    for_each_setting(row)
    {
        if (row->key == NULL)
            continue;
        CHECK_ID(strlen(row->key) <= KEY_MAX, row - settings_table);
        CHECK_ID(settings_set(settings, slice_from_string(row->key),
                              slice_from_string(row->initial), error, sizeof error) == 0,
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

int settings_finish(struct settings *settings, char *error, size_t error_size)
{
    if (settings->initial_frame_max > settings->frame_max)
        return settings_refuse(error, error_size,
                               "initial_frame_max: %" PRIu32
                               " is above frame_max, which is %" PRIu32,
                               settings->initial_frame_max, settings->frame_max);
    if (settings->loops == 0)
        settings->loops = settings_loops_for(sysconf(_SC_NPROCESSORS_ONLN));
    if (settings->cluster_name[0] == '\0') {
        char host[256];
        if (gethostname(host, sizeof host) != 0)
            memcpy(host, "localhost", sizeof "localhost");
        host[sizeof host - 1] = '\0';
        (void)snprintf(settings->cluster_name, sizeof settings->cluster_name, "stoatmq@%.246s",
                       host);
    }
    return 0;
}
