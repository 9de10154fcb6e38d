/* SPDX-License-Identifier: Apache-2.0
 *
 * settings_table: the table as data, for the settings' own files: settings.c (keys),
 * settings_value.c (types), settings_file.c (reading) and settings_print.c (help and documents).
 * Constant.
 */
#ifndef STOATMQ_SERVER_SETTINGS_TABLE_H
#define STOATMQ_SERVER_SETTINGS_TABLE_H

#include "server/settings.h"

enum setting_type { PORT, U16, U32, LIMIT, BYTES, BYTES64, RATIO, MS, BOOL, LEVEL, STRING, SECRET };
enum setting_when { START, LIVE };

/* Room for what setting_describe writes. */
#define SETTING_DESCRIBE_BYTES 160

struct setting {
    const char *key; /* NULL: a section, whose title is HELP */
    const char *initial;
    const char *unit;
    const char *help;
    uint64_t min, max;
    size_t offset; /* of the member in struct settings */
    enum setting_type type;
    enum setting_when when;
};

extern const struct setting settings_table[];
extern const size_t settings_table_count;

#define for_each_setting(row)                                                                     \
    for (const struct setting *row = settings_table; row < settings_table + settings_table_count; \
         row++)

/* What a row takes, for people: "expected ...". */
void setting_describe(const struct setting *row, char *to, size_t size);

/* Reads what ROW takes, a number in the end, without regard to its range. */
bool setting_read(const struct setting *row, struct slice text, uint64_t *value);

/* Writes VALUE, which is in the row's range, or TEXT to the row's member. */
void setting_store(const struct setting *row, struct settings *settings, uint64_t value,
                   struct slice text);

#endif
