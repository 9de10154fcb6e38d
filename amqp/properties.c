/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/properties.h"

#include "amqp/field.h"

#define FLAGS_BYTES 2

/* Two bits of the flags name no property. */
#define FLAG_CONTINUED 1 /* another word of flags follows; class basic has none */
#define FLAG_UNUSED    2

bool content_header_read(struct slice payload, struct content_header *header)
{
    if (payload.size < CONTENT_HEADER_BYTES)
        return false;
    header->class_id = load_u16(payload.data);
    header->weight = load_u16(payload.data + 2);
    header->body_bytes = load_u64(payload.data + 4);
    header->properties = (struct slice){payload.data + CONTENT_HEADER_BYTES,
                                        payload.size - CONTENT_HEADER_BYTES};
    return true;
}

/* Field by field: for a struct of this size compilers call or inline a memset that takes as long as
 * all the rest. */
static inline void clear(struct properties *properties)
{
    properties->flags = 0;
#define PROPERTY(NAME, name, type, bit) properties->name = (METHOD_TYPE_##type){0};
#include "amqp/properties.def"
}

int properties_decode(struct slice encoded, struct properties *properties)
{
    clear(properties);
    if (encoded.size < FLAGS_BYTES)
        return METHOD_TRUNCATED;
    struct field_reader reader = field_reader_of(encoded);
    uint16_t flags = field_read_SHORT(&reader);
    if (flags & FLAG_CONTINUED)
        return METHOD_UNKNOWN;
    properties->flags = flags & (uint16_t)~FLAG_UNUSED;
#define PROPERTY(NAME, name, type, bit) \
    if (flags & PROPERTY_##NAME)        \
        properties->name = field_read_##type(&reader);
#include "amqp/properties.def"
    return field_reader_finish(&reader);
}

void properties_encode(const struct properties *properties, struct buf *out)
{
    CHECK_ID((properties->flags & (FLAG_CONTINUED | FLAG_UNUSED)) == 0, properties->flags);
    size_t room = FLAGS_BYTES;
#define PROPERTY(NAME, name, type, bit)      \
    if (properties->flags & PROPERTY_##NAME) \
        room += FIELD_ROOM_##type(properties->name);
#include "amqp/properties.def"
    struct field_writer writer = {.at = buf_reserve(out, room)};
    field_write_SHORT(&writer, properties->flags);
#define PROPERTY(NAME, name, type, bit)      \
    if (properties->flags & PROPERTY_##NAME) \
        field_write_##type(&writer, properties->name);
#include "amqp/properties.def"
    out->size += room;
}
