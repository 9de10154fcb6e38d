/* SPDX-License-Identifier: Apache-2.0
 *
 * field: reads and writes the field types that methods and properties share (AMQP 0-9-1
 * section 4.2). The functions end in the type words of methods.def and properties.def, which paste
 * them together. Private to amqp/. Reading borrows. Pure; any thread.
 */
#ifndef STOATMQ_AMQP_FIELD_H
#define STOATMQ_AMQP_FIELD_H

#include "amqp/method.h"
#include "amqp/table.h"
#include "server/base/check.h"
#include "server/base/cursor.h"

/* Inlined always, so that readers and writers live in registers and bit positions are constants. */
#define FIELD_INLINE static inline __attribute__((always_inline))

struct field_reader {
    struct cursor cursor;
    uint8_t octet; /* the octet that BITs are being taken from */
    uint8_t bit;   /* the next of its bits; 0: no octet is open */
    int8_t error;  /* the first enum method_error but METHOD_TRUNCATED, which the cursor holds */
};

FIELD_INLINE struct field_reader field_reader_of(struct slice bytes)
{
    return (struct field_reader){.cursor = cursor_of(bytes)};
}

/* METHOD_OK when all was read, to the last octet, and was right. */
FIELD_INLINE int field_reader_finish(const struct field_reader *reader)
{
    if (reader->cursor.failed)
        return METHOD_TRUNCATED;
    if (reader->error != METHOD_OK)
        return reader->error;
    return reader->cursor.at == reader->cursor.end ? METHOD_OK : METHOD_TRAILING;
}

FIELD_INLINE void field_reader_refuse(struct field_reader *reader, enum method_error error)
{
    if (reader->error == METHOD_OK)
        reader->error = (int8_t)error;
}

/* Are all octets below 128? By words that may overlap, for strings of 10 to 40 octets. */
FIELD_INLINE bool field_is_ascii(struct slice text)
{
    const uint64_t high_bits = 0x8080808080808080u;
    uint64_t word, last;
    if (text.size >= sizeof word) {
        memcpy(&last, text.data + text.size - sizeof last, sizeof last);
        for (size_t i = 0; i + sizeof word < text.size; i += sizeof word) {
            memcpy(&word, text.data + i, sizeof word);
            last |= word;
        }
        return (last & high_bits) == 0;
    }
    if (text.size == 0)
        return true;
    if (text.size < sizeof(uint32_t))
        return ((text.data[0] | text.data[text.size / 2] | text.data[text.size - 1]) & 0x80) == 0;
    uint32_t front, back;
    memcpy(&front, text.data, sizeof front);
    memcpy(&back, text.data + text.size - sizeof back, sizeof back);
    return ((front | back) & (uint32_t)high_bits) == 0;
}

#define FIELD_NUMBER(TYPE, type, suffix)                             \
    FIELD_INLINE type field_read_##TYPE(struct field_reader *reader) \
    {                                                                \
        reader->bit = 0;                                             \
        return cursor_##suffix(&reader->cursor);                     \
    }

FIELD_NUMBER(OCTET, uint8_t, u8)
FIELD_NUMBER(SHORT, uint16_t, u16)
FIELD_NUMBER(LONG, uint32_t, u32)
FIELD_NUMBER(LONGLONG, uint64_t, u64)
#undef FIELD_NUMBER

FIELD_INLINE struct slice field_read_SHORTBYTES(struct field_reader *reader)
{
    reader->bit = 0;
    return cursor_bytes(&reader->cursor, cursor_u8(&reader->cursor));
}

FIELD_INLINE struct slice field_read_SHORTSTR(struct field_reader *reader)
{
    struct slice text = field_read_SHORTBYTES(reader);
    if (__builtin_expect(!field_is_ascii(text), 0) && !slice_is_utf8(text))
        field_reader_refuse(reader, METHOD_BAD_UTF8);
    return text;
}

FIELD_INLINE struct slice field_read_LONGSTR(struct field_reader *reader)
{
    reader->bit = 0;
    return cursor_bytes(&reader->cursor, cursor_u32(&reader->cursor));
}

FIELD_INLINE struct slice field_read_TABLE(struct field_reader *reader)
{
    struct slice table = field_read_LONGSTR(reader);
    if (table.size > 0 && table_validate(table) != TABLE_OK)
        field_reader_refuse(reader, METHOD_BAD_TABLE);
    return table;
}

FIELD_INLINE bool field_read_BIT(struct field_reader *reader)
{
    if (reader->bit == 0)
        reader->octet = cursor_u8(&reader->cursor);
    bool value = (reader->octet >> reader->bit) & 1;
    reader->bit = (uint8_t)((reader->bit + 1) % 8);
    return value;
}

/* How many octets a value takes, at most. Long strings and tables are bounded by what a frame
 * holds; short strings are the caller's duty. */
#define FIELD_ROOM_OCTET(value)      1
#define FIELD_ROOM_SHORT(value)      2
#define FIELD_ROOM_LONG(value)       4
#define FIELD_ROOM_LONGLONG(value)   8
#define FIELD_ROOM_SHORTSTR(value)   (1 + (value).size)
#define FIELD_ROOM_SHORTBYTES(value) (1 + (value).size)
#define FIELD_ROOM_LONGSTR(value)    (4 + (value).size)
#define FIELD_ROOM_TABLE(value)      (4 + (value).size)
#define FIELD_ROOM_BIT(value)        1

/* Writes to room that is known to be enough. */
struct field_writer {
    uint8_t *at;
    uint8_t bit; /* the next bit of the octet before `at`; 0: no octet is open */
};

#define FIELD_NUMBER(TYPE, type, suffix)                                          \
    FIELD_INLINE void field_write_##TYPE(struct field_writer *writer, type value) \
    {                                                                             \
        store_##suffix(writer->at, value);                                        \
        writer->at += sizeof value;                                               \
        writer->bit = 0;                                                          \
    }

FIELD_NUMBER(SHORT, uint16_t, u16)
FIELD_NUMBER(LONG, uint32_t, u32)
FIELD_NUMBER(LONGLONG, uint64_t, u64)
#undef FIELD_NUMBER

FIELD_INLINE void field_write_OCTET(struct field_writer *writer, uint8_t value)
{
    *writer->at++ = value;
    writer->bit = 0;
}

FIELD_INLINE void field_write_octets(struct field_writer *writer, struct slice octets)
{
    if (octets.size > 0)
        memcpy(writer->at, octets.data, octets.size);
    writer->at += octets.size;
}

FIELD_INLINE void field_write_SHORTSTR(struct field_writer *writer, struct slice text)
{
    CHECK_ID(text.size <= UINT8_MAX, text.size);
    field_write_OCTET(writer, (uint8_t)text.size);
    field_write_octets(writer, text);
}

FIELD_INLINE void field_write_SHORTBYTES(struct field_writer *writer, struct slice text)
{
    field_write_SHORTSTR(writer, text);
}

FIELD_INLINE void field_write_LONGSTR(struct field_writer *writer, struct slice text)
{
    CHECK_ID(text.size <= UINT32_MAX, text.size);
    field_write_LONG(writer, (uint32_t)text.size);
    field_write_octets(writer, text);
}

FIELD_INLINE void field_write_TABLE(struct field_writer *writer, struct slice table)
{
    field_write_LONGSTR(writer, table);
}

FIELD_INLINE void field_write_BIT(struct field_writer *writer, bool value)
{
    if (writer->bit == 0)
        *writer->at++ = 0;
    writer->at[-1] |= (uint8_t)(value << writer->bit);
    writer->bit = (uint8_t)((writer->bit + 1) % 8);
}

#endif
