/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>

#include "server/base/check.h"
#include "server/settings_table.h"

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};

const char *setting_level_name(enum log_level level)
{
    return level_names[level];
}

/* --- for people ------------------------------------------------------------------------------ */

/* What a row takes, for people: "expected ...". */
void setting_describe(const struct setting *row, char *to, size_t size)
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
    case LIMIT64:
        (void)snprintf(to, size, "a number of %s from 1 to %" PRIu64 ", or infinity", row->unit,
                       row->max);
        break;
    case BYTES:
    case BYTES64:
        (void)snprintf(to, size, "a number of bytes, such as 64KiB, from %" PRIu64 " to %" PRIu64,
                       row->min, row->max);
        break;
    case RATIO:
        (void)snprintf(to, size, "a number such as 0.25, from %" PRIu64 " to %" PRIu64,
                       row->min / SETTINGS_RATIO_ONE, row->max / SETTINGS_RATIO_ONE);
        break;
    case BOOL:
        (void)snprintf(to, size, "true or false");
        break;
    case NONE:
        (void)snprintf(to, size, "none, or nothing");
        break;
    case LISTENERS:
        (void)snprintf(to, size, "a port, or an address and a port such as 127.0.0.1:5672");
        break;
    case NAMES:
        (void)snprintf(to, size, "true or false");
        break;
    case TEXTS:
        (void)snprintf(to, size, "printable text of 1 to 1000 bytes");
        break;
    case CHOICE:
        (void)snprintf(to, size, "one of %s", row->unit);
        for (char *bar = to; (bar = strchr(bar, '|')) != NULL;)
            *bar = ' ';
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

/* Reads a decimal number, such as 0.4, in millionths; what is finer is cut off. */
static bool read_ratio(struct slice text, uint64_t *value)
{
    size_t at = read_digits(text, value);
    if (at == 0 || __builtin_mul_overflow(*value, (uint64_t)SETTINGS_RATIO_ONE, value))
        return false;
    if (at == text.size)
        return true;
    if (text.data[at++] != '.' || at == text.size)
        return false;
    for (uint64_t place = SETTINGS_RATIO_ONE / 10; at < text.size; at++, place /= 10) {
        if (text.data[at] < '0' || text.data[at] > '9' ||
            __builtin_add_overflow(*value, (uint64_t)(text.data[at] - '0') * place, value))
            return false;
    }
    return true;
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

/* Finds TEXT among CHOICES, words with | between them: its place, from 0. */
static bool read_choice(const char *choices, struct slice text, uint64_t *value)
{
    for (*value = 0;; (*value)++) {
        size_t size = strcspn(choices, "|");
        if (slice_equal(text, slice_of(choices, size)))
            return true;
        if (choices[size] == '\0')
            return false;
        choices += size + 1;
    }
}

/* Reads what ROW takes, a number in the end, without regard to its range. */
bool setting_read(const struct setting *row, struct slice text, uint64_t *value)
{
    switch (row->type) {
    case PORT:
    case U16:
    case U32:
    case MS:
        return read_number(text, value);
    case LIMIT:
    case LIMIT64:
        *value = 0;
        return slice_equal(text, SLICE_LITERAL("infinity")) || read_number(text, value);
    case BYTES:
    case BYTES64:
        return read_bytes(text, value);
    case RATIO:
        return read_ratio(text, value);
    case BOOL:
        *value = slice_equal(text, SLICE_LITERAL("true"));
        return *value == 1 || slice_equal(text, SLICE_LITERAL("false"));
    case NONE:
        *value = slice_equal(text, SLICE_LITERAL("none"));
        return *value == 1 || text.size == 0;
    case CHOICE:
        return read_choice(row->unit, text, value);
    case LISTENERS:
    case NAMES:
    case TEXTS:
        return false; /* setting_set_named reads these */
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
void setting_store(const struct setting *row, struct settings *settings, uint64_t value,
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
    case RATIO:
    case MS:
    case CHOICE:
        *(uint32_t *)member = (uint32_t)value;
        break;
    case BYTES64:
    case LIMIT64:
        *(uint64_t *)member = value;
        break;
    case BOOL:
    case NONE:
        *(bool *)member = value == 1;
        break;
    case LISTENERS:
    case NAMES:
    case TEXTS:
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
