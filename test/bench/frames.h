// SPDX-License-Identifier: Apache-2.0
// frames: the bytes of AMQP 0-9-1, as far as a load generator needs them. Independent of the
// broker's own codec, so that a mistake there is not hidden by the same mistake here.
// No I/O. Memory exhaustion ends the program: these are tools.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum frame_type { FRAME_METHOD = 1, FRAME_HEADER = 2, FRAME_BODY = 3, FRAME_HEARTBEAT = 8 };
enum { FRAME_OVERHEAD = 8, FRAME_END = 0xCE, FRAME_MAX = 131072, CLASS_BASIC = 60 };

#define METHOD_ID(class, method) ((uint32_t)(class) << 16 | (method))
enum method {
    CONNECTION_START = METHOD_ID(10, 10),
    CONNECTION_START_OK = METHOD_ID(10, 11),
    CONNECTION_TUNE = METHOD_ID(10, 30),
    CONNECTION_TUNE_OK = METHOD_ID(10, 31),
    CONNECTION_OPEN = METHOD_ID(10, 40),
    CONNECTION_OPEN_OK = METHOD_ID(10, 41),
    CONNECTION_CLOSE = METHOD_ID(10, 50),
    CONNECTION_CLOSE_OK = METHOD_ID(10, 51),
    CHANNEL_OPEN = METHOD_ID(20, 10),
    CHANNEL_OPEN_OK = METHOD_ID(20, 11),
    CHANNEL_CLOSE = METHOD_ID(20, 40),
    EXCHANGE_DECLARE = METHOD_ID(40, 10),
    EXCHANGE_DECLARE_OK = METHOD_ID(40, 11),
    EXCHANGE_DELETE = METHOD_ID(40, 20),
    EXCHANGE_DELETE_OK = METHOD_ID(40, 21),
    QUEUE_DECLARE = METHOD_ID(50, 10),
    QUEUE_DECLARE_OK = METHOD_ID(50, 11),
    QUEUE_BIND = METHOD_ID(50, 20),
    QUEUE_DELETE = METHOD_ID(50, 40),
    QUEUE_DELETE_OK = METHOD_ID(50, 41),
    BASIC_QOS = METHOD_ID(60, 10),
    BASIC_QOS_OK = METHOD_ID(60, 11),
    BASIC_CONSUME = METHOD_ID(60, 20),
    BASIC_CONSUME_OK = METHOD_ID(60, 21),
    BASIC_PUBLISH = METHOD_ID(60, 40),
    BASIC_DELIVER = METHOD_ID(60, 60),
    BASIC_ACK = METHOD_ID(60, 80),
    BASIC_NACK = METHOD_ID(60, 120),
    CONFIRM_SELECT = METHOD_ID(85, 10),
    CONFIRM_SELECT_OK = METHOD_ID(85, 11),
};

// Reading ---------------------------------------------------------------------------------------

static inline uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t get_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

struct frame {
    uint8_t type;
    uint16_t channel;
    const uint8_t *payload;
    uint32_t size; // of the payload
};

// Finds the frame that starts at `data`. Returns its whole length, 0 when more bytes are needed,
// -1 when this is no frame. f->payload borrows from `data`.
static inline long frame_parse(const uint8_t *data, size_t len, struct frame *f)
{
    if (len < FRAME_OVERHEAD)
        return 0;
    f->type = data[0];
    f->channel = get_u16(data + 1);
    f->size = get_u32(data + 3);
    f->payload = data + 7;
    if (f->size > FRAME_MAX - FRAME_OVERHEAD)
        return -1;
    if (len < (size_t)f->size + FRAME_OVERHEAD)
        return 0;
    if (f->payload[f->size] != FRAME_END || (f->type == FRAME_METHOD && f->size < 4))
        return -1;
    return (long)f->size + FRAME_OVERHEAD;
}

// The end of the short string at `at`, or NULL when it does not end before `end`.
static inline const uint8_t *shortstr_end(const uint8_t *at, const uint8_t *end)
{
    return at && at < end && at[0] < end - at ? at + 1 + at[0] : NULL;
}

// Writing ---------------------------------------------------------------------------------------

// Bytes that grow at the end; zero-initialised is empty. Owned by whoever declared it.
struct bytes {
    uint8_t *data;
    size_t len, cap;
};

void bytes_reserve(struct bytes *b, size_t more);
void bytes_append(struct bytes *b, const void *data, size_t len);
void bytes_free(struct bytes *b);

static inline void put_u64_at(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

void put_u8(struct bytes *b, uint8_t v);
void put_u16(struct bytes *b, uint16_t v);
void put_u32(struct bytes *b, uint32_t v);
void put_u64(struct bytes *b, uint64_t v);
void put_shortstr(struct bytes *b, const char *s);
void put_longstr(struct bytes *b, const void *s, size_t len);

// A frame is what is put between begin and end; begin returns what end needs.
size_t frame_begin(struct bytes *b, uint8_t type, uint16_t channel);
size_t method_begin(struct bytes *b, uint16_t channel, uint32_t method);
void frame_end(struct bytes *b, size_t begin);

void put_ack(struct bytes *b, uint16_t channel, uint64_t delivery_tag, bool multiple);

// basic.nack without requeueing, of all up to this one.
void put_reject(struct bytes *b, uint16_t channel, uint64_t delivery_tag);

struct publish {
    const char *exchange, *key;
    bool persistent;
    int priority;      // -1: none
    uint32_t delay_ms; // header x-delay; 0: none
    const uint8_t *body;
    size_t size;
};

// A whole basic.publish: method, header, body frames of at most FRAME_MAX. Returns where in `b`
// the body's first byte is.
size_t put_publish(struct bytes *b, uint16_t channel, const struct publish *p);
