/* SPDX-License-Identifier: Apache-2.0
 *
 * properties: a message's properties (content header payload behind the body size: flags and
 * values). Messages carry them as received; decoding borrows. Pure; any thread.
 */
#ifndef STOATMQ_AMQP_PROPERTIES_H
#define STOATMQ_AMQP_PROPERTIES_H

#include "amqp/method.h"

enum property_flag {
#define PROPERTY(NAME, name, type, bit) PROPERTY_##NAME = 1 << (bit),
#include "amqp/properties.def"
};

struct properties {
    uint16_t flags; /* which of the fields below are there: enum property_flag */
#define PROPERTY(NAME, name, type, bit) METHOD_TYPE_##type name;
#include "amqp/properties.def"
};

/* The flags, which stand before the values. */
#define PROPERTY_FLAGS_BYTES 2

/* The fixed front of a content header frame's payload: class id, weight, body size. */
#define CONTENT_HEADER_BYTES 12

struct content_header {
    uint16_t class_id;
    uint16_t weight;
    uint64_t body_bytes;
    struct slice properties; /* flags and values as received */
};

/* Reads the payload of a content header frame; the properties are only cut out, not checked. False:
 * too short. */
bool content_header_read(struct slice payload, struct content_header *header);

/* Decodes flags and values; fields that are absent are zero or empty. Refuses a continuation flag
 * (METHOD_UNKNOWN), a truncated value, octets behind the last one and malformed tables: METHOD_OK
 * or an enum method_error. The flag bit that has no property (bit 1) is dropped. */
int properties_decode(struct slice encoded, struct properties *properties)
    __attribute__((warn_unused_result));

/* Appends flags and the values that `flags` names. */
void properties_encode(const struct properties *properties, struct buf *out);

#endif
