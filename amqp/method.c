/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything here is derived from methods.def: per method one decoder and one encoder of
 * straight-line code, reached through a table by id. A class and a method number become an id by
 * one load.
 */
#include "amqp/method.h"

#include "amqp/field.h"
#include "amqp/frame.h"

#define IDENTITY_BYTES 4 /* class id and method id in front of the fields */

/* methods.def's content column. */
#define CONTENT true
#define BARE    false

const struct method_info method_infos[METHOD_ID_COUNT] = {
    [METHOD_NONE] = {.name = "none"},
#define METHOD(ID, name, text, class_id, method_id, sender, phase, content, reply, FIELDS)      \
    [METHOD_##                                                                                  \
        ID] = {text,    class_id,      method_id, METHOD_SENDER_##sender, METHOD_PHASE_##phase, \
               content, METHOD_##reply},
#include "amqp/methods.def"
};

#define CLASS_NUMBER_MAX  90
#define METHOD_NUMBER_MAX 120

enum method_id method_find(uint16_t class_id, uint16_t method_id)
{
    static const uint8_t ids[CLASS_NUMBER_MAX + 1][METHOD_NUMBER_MAX + 1] = {
#define METHOD(ID, name, text, class_id, method_id, ...) [class_id][method_id] = METHOD_##ID,
#include "amqp/methods.def"
    };
    if (class_id > CLASS_NUMBER_MAX || method_id > METHOD_NUMBER_MAX)
        return METHOD_NONE;
    return ids[class_id][method_id];
}

static int decode_none(struct slice bytes, struct method *method)
{
    (void)bytes, (void)method;
    return METHOD_UNKNOWN;
}

#define READ_FIELD(type, field) fields->field = field_read_##type(&reader);
#define METHOD(ID, name, text, class_id, method_id, sender, phase, content, reply, FIELDS) \
    static int decode_##name(struct slice bytes, struct method *method)                    \
    {                                                                                      \
        struct field_reader reader = field_reader_of(bytes);                               \
        struct method_##name *fields = &method->name;                                      \
        (void)fields;                                                                      \
        FIELDS(READ_FIELD)                                                                 \
        return field_reader_finish(&reader);                                               \
    }
#include "amqp/methods.def"

int method_decode(struct slice payload, struct method *method)
{
    static int (*const decoders[METHOD_ID_COUNT])(struct slice, struct method *) = {
        [METHOD_NONE] = decode_none,
#define METHOD(ID, name, ...) [METHOD_##ID] = decode_##name,
#include "amqp/methods.def"
    };
    method->id = METHOD_NONE;
    if (payload.size < IDENTITY_BYTES)
        return METHOD_TRUNCATED;
    method->id = method_find(load_u16(payload.data), load_u16(payload.data + 2));
    struct slice fields = {payload.data + IDENTITY_BYTES, payload.size - IDENTITY_BYTES};
    return decoders[method->id](fields, method);
}

/* An encoder appends FRONT uninitialised octets, the payload, and returns where the front starts.
 * The octet behind the payload is reserved too, for a frame's end. */
#define FIELD_ROOM(type, field)  +FIELD_ROOM_##type(fields->field)
#define WRITE_FIELD(type, field) field_write_##type(&writer, fields->field);
#define METHOD(ID, name, text, class_id, method_id, sender, phase, content, reply, FIELDS)    \
    static uint8_t *encode_##name(const struct method *method, size_t front, struct buf *out) \
    {                                                                                         \
        const struct method_##name *fields = &method->name;                                   \
        (void)fields;                                                                         \
        uint8_t *start = buf_reserve(out, front + IDENTITY_BYTES + 1 FIELDS(FIELD_ROOM));     \
        struct field_writer writer = {.at = start + front};                                   \
        field_write_LONG(&writer, (uint32_t)class_id << 16 | method_id);                      \
        FIELDS(WRITE_FIELD)                                                                   \
        out->size += (size_t)(writer.at - start);                                             \
        return start;                                                                         \
    }
#include "amqp/methods.def"

static uint8_t *encode(const struct method *method, size_t front, struct buf *out)
{
    static uint8_t *(*const encoders[METHOD_ID_COUNT])(const struct method *, size_t,
                                                       struct buf *) = {
#define METHOD(ID, name, ...) [METHOD_##ID] = encode_##name,
#include "amqp/methods.def"
    };
    CHECK_ID(method->id > METHOD_NONE && method->id < METHOD_ID_COUNT, method->id);
    return encoders[method->id](method, front, out);
}

void method_encode(const struct method *method, struct buf *out)
{
    encode(method, 0, out);
}

void method_encode_frame(uint16_t channel, const struct method *method, struct buf *out)
{
    uint8_t *start = encode(method, FRAME_HEADER_BYTES, out);
    uint8_t *end = out->data + out->size;
    start[0] = FRAME_METHOD;
    store_u16(start + 1, channel);
    store_u32(start + 3, (uint32_t)(end - start - FRAME_HEADER_BYTES));
    *end = FRAME_END;
    out->size += 1;
}
