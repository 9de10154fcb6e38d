/* SPDX-License-Identifier: Apache-2.0
 *
 * method: AMQP methods as structs, derived from methods.def. Decoding borrows: slices point into
 * the payload and are valid as long as it is. Pure; any thread.
 */
#ifndef STOATMQ_AMQP_METHOD_H
#define STOATMQ_AMQP_METHOD_H

#include "server/base/buf.h"
#include "server/base/slice.h"

enum method_id {
    METHOD_NONE,
#define METHOD(ID, ...) METHOD_##ID,
#include "amqp/methods.def"
    METHOD_ID_COUNT
};

enum method_sender { METHOD_SENDER_CLIENT, METHOD_SENDER_SERVER, METHOD_SENDER_BOTH };

enum method_phase {
    METHOD_PHASE_NEVER,
    METHOD_PHASE_START,
    METHOD_PHASE_TUNE,
    METHOD_PHASE_OPEN,
    METHOD_PHASE_RUNNING,
    METHOD_PHASE_CHANNEL_NEW,
    METHOD_PHASE_CHANNEL_OPEN,
};

/* One row of methods.def. */
struct method_info {
    const char *name; /* "queue.declare" */
    uint16_t class_id, method_id;
    uint8_t sender; /* enum method_sender */
    uint8_t phase;  /* enum method_phase */
    bool has_content;
    uint8_t reply; /* enum method_id, METHOD_NONE when nothing answers it */
};

extern const struct method_info method_infos[METHOD_ID_COUNT];

#define METHOD_TYPE_OCTET      uint8_t
#define METHOD_TYPE_SHORT      uint16_t
#define METHOD_TYPE_LONG       uint32_t
#define METHOD_TYPE_LONGLONG   uint64_t
#define METHOD_TYPE_SHORTSTR   struct slice
#define METHOD_TYPE_SHORTBYTES struct slice
#define METHOD_TYPE_LONGSTR    struct slice
#define METHOD_TYPE_TABLE      struct slice /* the encoded table, without its length */
#define METHOD_TYPE_BIT        bool

#define METHOD_FIELD(type, name) METHOD_TYPE_##type name;
#define METHOD(ID, name, text, class_id, method_id, sender, phase, content, reply, FIELDS) \
    struct method_##name {                                                                 \
        FIELDS(METHOD_FIELD)                                                               \
    };
#include "amqp/methods.def"
#undef METHOD_FIELD

struct method {
    enum method_id id;
    union {
#define METHOD(ID, name, ...) struct method_##name name;
#include "amqp/methods.def"
    };
};

/* Why a method's payload is refused. */
enum method_error {
    METHOD_OK = 0,
    METHOD_UNKNOWN = -1,   /* no such class or method */
    METHOD_TRUNCATED = -2, /* the payload ends before its fields, or a length runs past the end */
    METHOD_BAD_UTF8 = -3,  /* a short string is not UTF-8 */
    METHOD_BAD_TABLE = -4, /* a field table is malformed (table.h) */
    METHOD_TRAILING = -5,  /* octets behind the last field */
};

/* Decodes a method frame's PAYLOAD (class id, method id, fields) into METHOD, whose slices borrow
 * PAYLOAD. Returns METHOD_OK or the first error; METHOD's id is set whenever the class and method
 * are known, METHOD_NONE otherwise; with METHOD_BAD_UTF8 all fields are filled in all the same.
 * AMQP 0-9-1 sections 2.3.5.1 and 4.2.4. */
int method_decode(struct slice payload, struct method *method) __attribute__((warn_unused_result));

/* Appends METHOD's payload to OUT. Short strings over 255 octets are a failed check. */
void method_encode(const struct method *method, struct buf *out);

/* Appends a whole method frame for CHANNEL. */
void method_encode_frame(uint16_t channel, const struct method *method, struct buf *out);

/* The id of class and method numbers, or METHOD_NONE. */
enum method_id method_find(uint16_t class_id, uint16_t method_id);

#endif
