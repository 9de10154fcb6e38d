/* SPDX-License-Identifier: Apache-2.0
 *
 * table: field tables and arrays (AMQP 0-9-1 section 4.2.5, with RabbitMQ's type letters) read in
 * place and written to a buf. A table is handled as its encoded bytes, without the length in front;
 * there is no tree. Reading borrows. Pure; any thread.
 */
#ifndef STOATMQ_AMQP_TABLE_H
#define STOATMQ_AMQP_TABLE_H

#include "server/base/buf.h"
#include "server/base/cursor.h"

/* Type letters as RabbitMQ reads them (its errata to the specification). */
enum table_type {
    TABLE_BOOL = 't',
    TABLE_INT8 = 'b',
    TABLE_UINT8 = 'B',
    TABLE_INT16 = 's',
    TABLE_UINT16 = 'u',
    TABLE_INT32 = 'I',
    TABLE_UINT32 = 'i',
    TABLE_INT64 = 'l',
    TABLE_INT64_L = 'L', /* some clients write a signed 64-bit integer so */
    TABLE_FLOAT = 'f',
    TABLE_DOUBLE = 'd',
    TABLE_DECIMAL = 'D',
    TABLE_LONGSTR = 'S',
    TABLE_ARRAY = 'A',
    TABLE_TIMESTAMP = 'T',
    TABLE_TABLE = 'F',
    TABLE_BYTES = 'x',
    TABLE_VOID = 'V',
};

#define TABLE_DEPTH_MAX 64 /* tables and arrays inside each other, with the outermost */

struct table_value {
    enum table_type type;
    union {
        bool boolean;
        int64_t integer;    /* INT8 to INT64, UINT8 to UINT32 */
        uint64_t timestamp; /* seconds since 1970 */
        double real;        /* FLOAT, DOUBLE */
        struct {
            uint8_t scale;
            uint32_t unscaled;
        } decimal;
        struct slice bytes; /* LONGSTR, BYTES: the octets; TABLE, ARRAY: the encoded contents */
    };
};

enum table_error {
    TABLE_OK = 0,
    TABLE_TRUNCATED = -1, /* a length or a value runs past the end */
    TABLE_UNKNOWN_TYPE = -2,
    TABLE_TOO_DEEP = -3,
    TABLE_NOT_FINITE = -4, /* a FLOAT or DOUBLE is not a number or infinite */
};

/* Is TABLE (encoded pairs) well formed to the last octet and at every depth? 0 or an enum
 * table_error. Keys may be any octets and may occur more than once, as with RabbitMQ. */
int table_validate(struct slice table) __attribute__((warn_unused_result));

/* Reads the next pair, or false at the end or at a malformed one (cursor->failed then). */
bool table_next(struct cursor *cursor, struct slice *key, struct table_value *value);

/* Reads the next value of an array's contents; otherwise as table_next. */
bool table_next_item(struct cursor *cursor, struct table_value *value);

/* Finds the first KEY in a valid TABLE. */
bool table_find(struct slice table, struct slice key, struct table_value *value);

/* Are two valid values equal in type class and value? Integers of all widths are one class; FLOAT
 * and DOUBLE are one. Tables and arrays compare recursively, tables as table_equal. */
bool table_value_equal(const struct table_value *a, const struct table_value *b);

/* Are two valid tables equal, without regard to the order of pairs? Pairs of the same key keep
 * theirs, for the first one counts. Takes n log n. */
bool table_equal(struct slice a, struct slice b);

/* The name RabbitMQ's texts give a type: "longstr", "signedint", "long", "bool", "table",
 * "array"... */
const char *table_type_name(enum table_type type);

/* True for the integer types; FLOAT, DOUBLE, DECIMAL and TIMESTAMP are not. */
bool table_type_is_integer(enum table_type type);

/* Writing: append pairs to OUT. A key is at most 255 octets and an integer within its type's range:
 * failed checks otherwise. A nested table or array, and a whole table with its length, is opened
 * with table_begin and closed with table_end, which fills the length in. */
size_t table_begin(struct buf *out);
void table_end(struct buf *out, size_t mark);
void table_put(struct buf *out, struct slice key, const struct table_value *value);
void table_put_bool(struct buf *out, const char *key, bool value);
void table_put_int(struct buf *out, const char *key, int64_t value); /* as 'l' */
void table_put_longstr(struct buf *out, const char *key, struct slice value);
/* Writes the key and the letter F and opens the nested table; close with table_end. */
size_t table_put_table(struct buf *out, const char *key);
/* A value alone: its letter and octets, as an array's item. */
void table_put_item(struct buf *out, const struct table_value *value);

#endif
