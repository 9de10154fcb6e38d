/* SPDX-License-Identifier: Apache-2.0
 *
 * settings_table: the table as data, for the settings' own files: settings.c (keys),
 * settings_value.c (types), settings_family.c (keys that end with a name), settings_file.c and
 * settings_environment.c (reading), settings_reload.c and settings_print.c (help and documents).
 * Constant.
 */
#ifndef STOATMQ_SERVER_SETTINGS_TABLE_H
#define STOATMQ_SERVER_SETTINGS_TABLE_H

#include "server/settings.h"

enum setting_type {
    PORT,
    U16,
    U32,
    LIMIT,
    BYTES,
    BYTES64,
    LIMIT64,
    RATIO,
    MS,
    BOOL,
    NONE,
    CHOICE,
    LEVEL,
    STRING,
    SECRET,
    LISTENERS,
    NAMES,
    TEXTS,
};
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
    enum setting_id id;
    enum setting_type type;
    enum setting_when when;
};

extern const struct setting settings_table[];
extern const size_t settings_table_count;

#define for_each_setting(row)                                                                     \
    for (const struct setting *row = settings_table; row < settings_table + settings_table_count; \
         row++)

/* Is it a row for all keys that begin like its own, which ends with NAME? */
static inline bool setting_is_family(const struct setting *row)
{
    return row->type == LISTENERS || row->type == NAMES || row->type == TEXTS;
}

/* The part of a family's key that all of the family have. */
struct slice setting_prefix(const struct setting *row);

/* What a row takes, for people: "expected ...". */
void setting_describe(const struct setting *row, char *to, size_t size);

/* Appends the row's value in SETTINGS, as it could stand in a file; for a secret, three stars. */
void setting_show(const struct setting *row, const struct settings *settings, struct buf *out);

const char *setting_level_name(enum log_level level);

/* Has the row the same value in both? */
bool setting_equal(const struct setting *row, const struct settings *a, const struct settings *b);

/* Copies the row's value. */
void setting_copy(const struct setting *row, struct settings *to, const struct settings *from);

/* Adds NAME with VALUE to the family ROW, or changes it. -1 with a text in ERROR. */
int setting_set_named(const struct setting *row, struct settings *settings, struct slice name,
                      struct slice value, char *error, size_t error_size);

/* Keys of RabbitMQ's that have no meaning here; a pattern may end with a "*". */
struct setting_ignored {
    const char *pattern, *why;
};

extern const struct setting_ignored settings_ignored[];
extern const size_t settings_ignored_count;

/* Why a key of RabbitMQ's has no meaning here; NULL: it is none of those. */
const char *setting_ignored_why(struct slice key);

/* TEXT for an error message: cut, and without bytes that would upset a terminal. */
#define SETTING_QUOTED_BYTES 80
const char *setting_quoted(struct slice text, char to[SETTING_QUOTED_BYTES]);

/* Reads what ROW takes, a number in the end, without regard to its range. */
bool setting_read(const struct setting *row, struct slice text, uint64_t *value);

/* Writes VALUE, which is in the row's range, or TEXT to the row's member. */
void setting_store(const struct setting *row, struct settings *settings, uint64_t value,
                   struct slice text);

#endif
