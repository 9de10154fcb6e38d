/* SPDX-License-Identifier: Apache-2.0
 *
 * One row per setting; a row knows where its member lies, so that reading, checking and printing
 * are written once per type. Defaults are text and go through the same reader as a file's values.
 */
#define _POSIX_C_SOURCE 200809L
#include "server/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/check.h"
#include "server/base/mem.h"

enum type { PORT, U16, U32, LIMIT, BYTES, MS, BOOL, LEVEL, STRING, SECRET };
enum when { START, LIVE };

enum { FILE_BYTES_MAX = 1 << 20, KEY_MAX = 63, QUOTED_BYTES = 80, LOOPS_AUTOMATIC_MAX = 16 };

struct row {
    const char *key; /* NULL: a section, whose title is HELP */
    const char *initial;
    const char *unit;
    const char *help;
    uint64_t min, max;
    size_t offset;
    enum type type;
    enum when when;
};

static const struct row rows[] = {
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

#define for_each_row(row) \
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows; row++)

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};

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

/* What a row takes, for people: "expected ...". */
static void describe(const struct row *row, char *to, size_t size)
{
    switch (row->type) {
    case PORT:
        (void)snprintf(to, size, "a port from %" PRIu64 " to %" PRIu64, row->min, row->max);
        break;
    case U16:
    case U32:
    case MS:
        (void)snprintf(to, size, "a number of %s from %" PRIu64 " to %" PRIu64, row->unit, row->min,
                       row->max);
        break;
    case LIMIT:
        (void)snprintf(to, size, "a number of %s from 1 to %" PRIu64 ", or infinity", row->unit,
                       row->max);
        break;
    case BYTES:
        (void)snprintf(to, size, "a number of bytes, such as 64KiB, from %" PRIu64 " to %" PRIu64,
                       row->min, row->max);
        break;
    case BOOL:
        (void)snprintf(to, size, "true or false");
        break;
    case LEVEL:
        (void)snprintf(to, size, "debug, info, warning or error");
        break;
    case STRING:
    case SECRET:
        (void)snprintf(to, size, "printable text of %" PRIu64 " to %" PRIu64 " bytes", row->min,
                       row->max);
        break;
    }
}

/* --- reading values -------------------------------------------------------------------------- */

/* Reads decimal digits from the start of TEXT; returns how many, or 0 when there are none or too
 * many. */
static size_t read_digits(struct slice text, uint64_t *value)
{
    size_t at = 0;
    *value = 0;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(text.data[at] - '0'), value))
            return 0;
    return at;
}

static bool read_number(struct slice text, uint64_t *value)
{
    size_t digits = read_digits(text, value);
    return digits > 0 && digits == text.size;
}

static bool equal_ignoring_case(struct slice text, const char *lower)
{
    size_t at = 0;
    for (; at < text.size && lower[at] != '\0'; at++) {
        uint8_t byte = text.data[at];
        if ((byte >= 'A' && byte <= 'Z' ? byte + 32 : byte) != lower[at])
            return false;
    }
    return at == text.size && lower[at] == '\0';
}

/* RabbitMQ's units: k, kiB, M, MiB... are powers of 1024; kB, MB, GB powers of 1000. */
static bool read_bytes(struct slice text, uint64_t *value)
{
    static const struct {
        const char *suffix;
        uint64_t factor;
    } units[] = {{"", 1},          {"k", 1 << 10},    {"kib", 1 << 10}, {"kb", 1000},
                 {"m", 1 << 20},   {"mib", 1 << 20},  {"mb", 1000000},  {"g", 1 << 30},
                 {"gib", 1 << 30}, {"gb", 1000000000}};
    size_t digits = read_digits(text, value);
    if (digits == 0)
        return false;
    struct slice suffix = {text.data + digits, text.size - digits};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (equal_ignoring_case(suffix, units[i].suffix))
            return !__builtin_mul_overflow(*value, units[i].factor, value);
    return false;
}

/* Reads what ROW takes, a number in the end, without regard to its range. */
static bool read_value(const struct row *row, struct slice text, uint64_t *value)
{
    switch (row->type) {
    case PORT:
    case U16:
    case U32:
    case MS:
        return read_number(text, value);
    case LIMIT:
        *value = 0;
        return slice_equal(text, SLICE_LITERAL("infinity")) || read_number(text, value);
    case BYTES:
        return read_bytes(text, value);
    case BOOL:
        *value = slice_equal(text, SLICE_LITERAL("true"));
        return *value == 1 || slice_equal(text, SLICE_LITERAL("false"));
    case LEVEL:
        for (*value = LOG_DEBUG; *value <= LOG_ERROR; (*value)++)
            if (slice_equal(text, slice_from_string(level_names[*value])))
                return true;
        return false;
    case STRING:
    case SECRET:
        *value = text.size;
        for (size_t i = 0; i < text.size; i++)
            if (text.data[i] < 0x20 || text.data[i] == 0x7F)
                return false;
        return slice_is_utf8(text);
    }
    return false;
}

/* Writes VALUE, which is in the row's range, or TEXT to the row's member. */
static void store(const struct row *row, struct settings *settings, uint64_t value,
                  struct slice text)
{
    void *member = (char *)settings + row->offset;
    switch (row->type) {
    case PORT:
    case U16:
        *(uint16_t *)member = (uint16_t)value;
        break;
    case U32:
    case LIMIT:
    case BYTES:
    case MS:
        *(uint32_t *)member = (uint32_t)value;
        break;
    case BOOL:
        *(bool *)member = value == 1;
        break;
    case LEVEL:
        *(enum log_level *)member = (enum log_level)value;
        break;
    case STRING:
    case SECRET:
        CHECK_ID(text.size < SETTINGS_TEXT_BYTES, text.size);
        if (text.size > 0)
            memcpy(member, text.data, text.size);
        ((char *)member)[text.size] = '\0';
        break;
    }
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
    for_each_row(row)
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

static const struct row *find_row(struct slice key)
{
    for_each_row(row)
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
    const struct row *row = find_row(key);
    if (row == NULL) {
        const char *nearest = nearest_key(key);
        if (nearest == NULL)
            return settings_refuse(error, error_size, "unknown key '%s'", quoted(key, text));
        return settings_refuse(error, error_size, "unknown key '%s', did you mean '%s'?",
                               quoted(key, text), nearest);
    }
    uint64_t number = 0;
    if (!read_value(row, value, &number) || number < row->min || number > row->max) {
        char expected[160];
        describe(row, expected, sizeof expected);
        if (row->type == SECRET)
            return settings_refuse(error, error_size, "%s: expected %s", row->key, expected);
        return settings_refuse(error, error_size, "%s: expected %s, not '%s'", row->key, expected,
                               quoted(value, text));
    }
    store(row, settings, number, value);
    return 0;
}

void settings_init(struct settings *settings)
{
    char error[256];
    memset(settings, 0, sizeof *settings);
    for_each_row(row)
    {
        if (row->key == NULL)
            continue;
        CHECK_ID(strlen(row->key) <= KEY_MAX, row - rows);
        CHECK_ID(settings_set(settings, slice_from_string(row->key),
                              slice_from_string(row->initial), error, sizeof error) == 0,
                 row - rows);
    }
}

/* --- files ----------------------------------------------------------------------------------- */

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

int settings_load_text(struct settings *settings, const char *name, struct slice text, char *error,
                       size_t error_size)
{
    struct settings fresh = *settings;
    for (size_t number = 1; text.size > 0; number++) {
        char reason[512];
        struct slice line = until(text, '\n');
        if (load_line(&fresh, line, reason, sizeof reason) < 0)
            return settings_refuse(error, error_size, "%s:%zu: %s", name, number, reason);
        text = after(text, line.size < text.size ? line.size + 1 : line.size);
    }
    *settings = fresh;
    return 0;
}

int settings_load_file(struct settings *settings, const char *path, char *error, size_t error_size)
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
    result = settings_load_text(settings, path, slice_of(text, size), error, error_size);
out:
    mem_free(text);
    (void)fclose(file);
    return result;
}

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

/* --- print ----------------------------------------------------------------------------------- */

void settings_print_help(FILE *to)
{
    for_each_row(row)
    {
        if (row->key == NULL) {
            fprintf(to, "\n%s\n", row->help);
            continue;
        }
        char expected[160];
        describe(row, expected, sizeof expected);
        fprintf(to, "  %s = %s\n      %s.\n      Expects %s.\n", row->key, row->initial, row->help,
                expected);
    }
}

void settings_print_sample(FILE *to)
{
    fprintf(
        to,
        "# StoatMQ's settings, each with its default. A line starting with # is a comment: remove\n"
        "# the # to set a value. Values that hold a # go in single quotes: 'pass#word'.\n");
    for_each_row(row)
    {
        if (row->key == NULL) {
            fprintf(to, "\n## %s\n", row->help);
            continue;
        }
        char expected[160];
        describe(row, expected, sizeof expected);
        fprintf(to, "\n# %s.\n# Expects %s.\n# %s =%s%s\n", row->help, expected, row->key,
                row->initial[0] != '\0' ? " " : "", row->initial);
    }
}

static const char markdown_intro[] =
    "# Configuration\n"
    "\n"
    "StoatMQ runs without any configuration. What may be changed stands below. The program\n"
    "prints it with `stoatmq --help`, and as a file to start from with\n"
    "`stoatmq --print-sample-config`.\n"
    "\n"
    "Settings come from three places, each winning over the one before: the defaults, the\n"
    "file that `--config FILE` names, and the command line. There, `--set KEY=VALUE` sets any\n"
    "key, and the most used have flags of their own (`--port 5672`; see `--help`).\n"
    "\n"
    "The file has RabbitMQ's form, and RabbitMQ's keys where the meaning is the same: a\n"
    "`key = value` on each line, `#` starts a comment, a value that holds a `#` goes in\n"
    "single quotes. Numbers of bytes take the suffixes KiB, MiB, GiB (1024) and kB, MB, GB\n"
    "(1000). An unknown key or a bad value is an error that names the file, the line and the\n"
    "nearest key; the broker then does not start. Settings are read once, at start, unless\n"
    "marked *live*.\n";

void settings_print_markdown(FILE *to)
{
    fputs(markdown_intro, to);
    for_each_row(row)
    {
        if (row->key == NULL) {
            fprintf(to, "\n## %s\n\n| Key | Default | What it is |\n| --- | --- | --- |\n",
                    row->help);
            continue;
        }
        char expected[160];
        describe(row, expected, sizeof expected);
        const char *mark = row->initial[0] != '\0' ? "`" : "";
        fprintf(to, "| `%s` | %s%s%s | %s. Expects %s.%s |\n", row->key, mark, row->initial, mark,
                row->help, expected, row->when == LIVE ? " *live*" : "");
    }
}
