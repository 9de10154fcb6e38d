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

struct json_writer {
    struct buf *out;
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

/* Key and value in one. */
void json_put_string(struct json_writer *writer, const char *key, struct slice text);
void json_put_text(struct json_writer *writer, const char *key, const char *text);
void json_put_uint(struct json_writer *writer, const char *key, uint64_t number);
void json_put_real(struct json_writer *writer, const char *key, double number);
void json_put_bool(struct json_writer *writer, const char *key, bool value);
void json_put_null(struct json_writer *writer, const char *key);
void json_put_table(struct json_writer *writer, const char *key, struct slice table);
bool json_put_object(struct json_writer *writer, const char *key);
bool json_put_array(struct json_writer *writer, const char *key);

#endif
