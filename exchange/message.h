/* SPDX-License-Identifier: Apache-2.0
 *
 * message: what a basic.publish carried, in one allocation, kept in the shape in which it goes out
 * again:
 *
 *   exchange, routing key | frame end | content header frame | body frame (none for an empty body)
 *
 * so that a delivery copies one run of bytes and patches two channel numbers. Immutable once
 * published and reference counted; the one thing that threads share (docs/architecture.md). Until
 * then it belongs to whoever assembles it.
 */
#ifndef STOATMQ_EXCHANGE_MESSAGE_H
#define STOATMQ_EXCHANGE_MESSAGE_H

#include <stdatomic.h>

#include "amqp/properties.h"
#include "server/base/slice.h"

enum message_flag {
    MESSAGE_PERSISTENT = 1 << 0, /* delivery-mode 2 */
    MESSAGE_INSPECT = 1 << 1,    /* its properties hold something that publishing must look at */
    MESSAGE_TIMED = 1 << 2,      /* behind the image is when it was put into queues */
    MESSAGE_BCC = 1 << 3,        /* receivers must not see its header BCC, which is kept for the
                                    case that it is routed again */
};

/* The struct, the allocator's rounding, a place in a deque: about. */
#define MESSAGE_BESIDE_BYTES 100

struct message {
    _Atomic uint32_t references;
    uint8_t flags; /* enum message_flag */
    uint8_t exchange_bytes, routing_key_bytes;
    uint32_t properties_bytes;
    uint32_t body_bytes;
    uint64_t lsn; /* position of its record in the store (the last, when it was moved), or 0; the
                     engine's, nobody else reads it */
    uint8_t image[];
};

/* A new message with one reference, all but its body filled in; NULL when memory is exhausted.
 * PROPERTIES is the encoded list as received. The names are at most 255 octets. ROOM is how many
 * octets of the body to make room for now (at most BODY_BYTES; see message_widen). */
struct message *message_new(struct slice exchange, struct slice routing_key,
                            struct slice properties, uint32_t body_bytes, uint32_t room)
    __attribute__((warn_unused_result));

/* Makes room for ROOM octets of the body of a message that nobody else has seen; NULL when memory
 * is exhausted, and MESSAGE is then as it was. May move it. */
struct message *message_widen(struct message *message, uint32_t room)
    __attribute__((warn_unused_result));

/* To be called once the body is in place: closes the last frame. */
void message_seal(struct message *message);

/* Frees the message; what message_unref does at the last reference. */
void message_free(struct message *message);

/* MESSAGE, whose reference is taken, with the time at which it is put into queues (milliseconds
 * since 1970), or a copy of it when it has other holders; as it was when memory is exhausted. */
struct message *message_with_time(struct message *message, uint64_t wall_ms)
    __attribute__((warn_unused_result));

/* A second holder. Cheap for a sole owner: nobody else can be counting then. */
static inline void message_ref(struct message *message)
{
    if (atomic_load_explicit(&message->references, memory_order_relaxed) == 1)
        atomic_store_explicit(&message->references, 2, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&message->references, 1, memory_order_relaxed);
}

static inline void message_unref(struct message *message)
{
    if (atomic_load_explicit(&message->references, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&message->references, 1, memory_order_acq_rel) == 1)
        message_free(message);
}

static inline size_t message_names_bytes(const struct message *message)
{
    return 2u + message->exchange_bytes + message->routing_key_bytes;
}

/* Where the content header frame starts in the image. */
static inline size_t message_header_at(const struct message *message)
{
    return message_names_bytes(message) + 1;
}

/* Where the body frame starts in the image. */
static inline size_t message_body_frame_at(const struct message *message)
{
    return message_header_at(message) + 8u + CONTENT_HEADER_BYTES + message->properties_bytes;
}

/* Where the body itself starts in the image; of an empty body: the image's end. */
static inline size_t message_body_at(const struct message *message)
{
    return message_body_frame_at(message) + (message->body_bytes > 0 ? 7u : 0u);
}

/* The image's size: names, header frame, body frame, with their end octets. */
static inline size_t message_image_bytes(const struct message *message)
{
    return message_body_at(message) + message->body_bytes + (message->body_bytes > 0 ? 1u : 0u);
}

/* When the message was put into queues, or 0 when that was not noted. */
static inline uint64_t message_time_ms(const struct message *message)
{
    uint64_t time_ms = 0;
    if (message->flags & MESSAGE_TIMED)
        memcpy(&time_ms, message->image + message_image_bytes(message), sizeof time_ms);
    return time_ms;
}

/* What a message in a queue takes of memory, about: the image, and what is kept beside it. */
static inline uint32_t message_memory_bytes(const struct message *message)
{
    return (uint32_t)message_image_bytes(message) + MESSAGE_BESIDE_BYTES;
}

static inline struct slice message_exchange(const struct message *message)
{
    return slice_of(message->image + 1, message->exchange_bytes);
}

static inline struct slice message_routing_key(const struct message *message)
{
    return slice_of(message->image + 2 + message->exchange_bytes, message->routing_key_bytes);
}

/* Flags and values as received. */
static inline struct slice message_properties(const struct message *message)
{
    return slice_of(message->image + message_header_at(message) + 7 + CONTENT_HEADER_BYTES,
                    message->properties_bytes);
}

/* The property expiration as milliseconds; false when there is none that makes sense. */
bool message_expiration(const struct message *message, uint64_t *ms);

/* The property priority, or 0. */
uint8_t message_priority(const struct message *message);

static inline uint8_t *message_body(struct message *message)
{
    return message->image + message_body_at(message);
}

/* MESSAGE as those who receive it are to see it, with one more reference: a copy when it has
 * MESSAGE_BCC, unless memory is exhausted. */
struct message *message_for_receiver(struct message *message);

/* Do PROPERTIES hold something that publishing must look at (MESSAGE_INSPECT)? */
bool message_wants_inspection(const struct properties *properties);

/* A copy of MESSAGE with other properties; one reference, or NULL when memory is exhausted. */
struct message *message_with_properties(struct message *message,
                                        const struct properties *properties)
    __attribute__((warn_unused_result));

#endif
