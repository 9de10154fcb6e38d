/* SPDX-License-Identifier: Apache-2.0
 *
 * json_writer: writes JSON into a buf as it is told, without a tree. With columns (the API's
 * `columns=name,message_stats.publish`) members that nobody asked for are left out, whatever is
 * written of them. Strings that are no UTF-8 come out with U+FFFD for what is malformed. One thread
 * at a time.
 */
#ifndef STOATMQ_MGMT_JSON_WRITER_H
#define STOATMQ_MGMT_JSON_WRITER_H

#include "server/base/buf.h"

#define JSON_COLUMNS_MAX      64
#define JSON_COLUMN_PARTS_MAX 8
#define JSON_DEPTH_MAX        128

/* What is asked for: paths into the object, whole subtrees. Borrows the text it was made from. */
struct json_columns {
    struct {
        struct slice parts[JSON_COLUMN_PARTS_MAX];
        uint8_t part_count;
    } paths[JSON_COLUMNS_MAX];
    uint8_t count;
};

/* Reads "a,b.c"; false when that is too many or too deep. An empty list asks for all. */
bool json_columns_read(struct json_columns *columns, struct slice text);

/* What stands at a path, taken while an object is written. */
struct json_pick {
    enum json_pick_kind {
        JSON_PICK_NOTHING, /* nothing does, or null */
        JSON_PICK_NUMBER,  /* or a boolean: 0, 1 */
        JSON_PICK_TEXT,    /* a string; what has parts is the one "{" or "[" */
    } kind;
    double number;
    struct buf *texts; /* strings are appended here; borrowed */
    size_t begin, end; /* in that */
};

struct json_writer {
    struct buf *out;
    struct json_pick *pick;             /* NULL: nothing is taken */
    const struct json_columns *columns; /* NULL: all */
    uint64_t asked;       /* paths that go on in the object being written, a bit each */
    uint64_t asked_below; /* those that go on in the next value */
    uint64_t asked_above[JSON_COLUMN_PARTS_MAX + 1];
    uint8_t level;     /* objects open in which columns count */
    uint16_t whole;    /* nesting below a member that was asked for: all is written */
    uint16_t skipping; /* nesting below one that was not: nothing is */
    bool skip_value;   /* the next value is of a member that was not asked for */
    bool whole_value;  /* the next value is of one that was */
    bool needs_comma;
};

/* Starts to write to the end of OUT. */
void json_writer_init(struct json_writer *writer, struct buf *out);

/* From the next object on, which is an item, only COLUMNS are written of it; NULL: all again. */
void json_writer_columns(struct json_writer *writer, const struct json_columns *columns);

/* From the next object on COLUMN, which has one path, is put into PICK; what comes to `out` means
 * nothing then. Once it is found the rest is left out. */
void json_writer_pick(struct json_writer *writer, const struct json_columns *column,
                      struct json_pick *pick);

void json_write_object(struct json_writer *writer); /* "{", and */
void json_write_object_end(struct json_writer *writer);
void json_write_array(struct json_writer *writer);
void json_write_array_end(struct json_writer *writer);

/* The key of the next value. False: it will be left out, so it need not be written. */
bool json_write_key(struct json_writer *writer, struct slice key);

void json_write_string(struct json_writer *writer, struct slice text);
void json_write_uint(struct json_writer *writer, uint64_t number);
void json_write_int(struct json_writer *writer, int64_t number);
void json_write_real(struct json_writer *writer, double number); /* with a point or exponent */
void json_write_bool(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);

/* TEXT is JSON already. */
void json_write_raw(struct json_writer *writer, struct slice text);

/* A field table and an array (amqp/table.h) as RabbitMQ writes them. */
void json_write_table(struct json_writer *writer, struct slice table);

/* Is all that is written now left out? Then it need not be made. */
static inline bool json_writer_is_skipping(const struct json_writer *writer)
{
    return writer->skipping > 0;
}

/* The key of the next value, which is to be written only if this says true. */
static inline bool json_put_key(struct json_writer *writer, const char *key)
{
    if (json_writer_is_skipping(writer))
        return false;
    if (json_write_key(writer, slice_from_string(key)))
        return true;
    writer->skip_value = false;
    return false;
}

/* Key and value in one. Inline, so that keys cost nothing where they are left out. */
static inline void json_put_string(struct json_writer *writer, const char *key, struct slice text)
{
    if (json_put_key(writer, key))
        json_write_string(writer, text);
}

static inline void json_put_text(struct json_writer *writer, const char *key, const char *text)
{
    if (json_put_key(writer, key))
        json_write_string(writer, slice_from_string(text));
}

static inline void json_put_uint(struct json_writer *writer, const char *key, uint64_t number)
{
    if (json_put_key(writer, key))
        json_write_uint(writer, number);
}

static inline void json_put_real(struct json_writer *writer, const char *key, double number)
{
    if (json_put_key(writer, key))
        json_write_real(writer, number);
}

static inline void json_put_bool(struct json_writer *writer, const char *key, bool value)
{
    if (json_put_key(writer, key))
        json_write_bool(writer, value);
}

static inline void json_put_null(struct json_writer *writer, const char *key)
{
    if (json_put_key(writer, key))
        json_write_null(writer);
}

void json_put_table(struct json_writer *writer, const char *key, struct slice table);

/* The key, and the value begun: it is to be ended also when this says false, which is that what is
 * in it will be left out. */
bool json_put_object(struct json_writer *writer, const char *key);
bool json_put_array(struct json_writer *writer, const char *key);

#endif
