/* SPDX-License-Identifier: Apache-2.0
 *
 * frame: the envelope of AMQP 0-9-1 (section 2.3.5): type, channel, size, payload, end octet.
 * Pure, borrows; any thread.
 */
#ifndef STOATMQ_AMQP_FRAME_H
#define STOATMQ_AMQP_FRAME_H

#include "server/base/cursor.h"

enum frame_type { FRAME_METHOD = 1, FRAME_HEADER = 2, FRAME_BODY = 3, FRAME_HEARTBEAT = 8 };

#define FRAME_END          0xCE
#define FRAME_HEADER_BYTES 7
#define FRAME_OVERHEAD     8 /* header and end octet */
#define FRAME_MIN_MAX      4096

/* The eight octets a client opens with, and that the server answers to any other. */
#define FRAME_PROTOCOL_HEADER       "AMQP\0\0\x09\x01"
#define FRAME_PROTOCOL_HEADER_BYTES 8

struct frame {
    uint8_t type; /* as received; may be no enum frame_type */
    uint16_t channel;
    struct slice payload;
};

enum frame_result { FRAME_OK = 0, FRAME_INCOMPLETE = -1, FRAME_TOO_LARGE = -2, FRAME_BAD_END = -3 };

/* Reads the frame at the start of INPUT into FRAME (borrowing its payload); the whole frame then
 * takes FRAME_OVERHEAD + payload.size bytes. FRAME_INCOMPLETE: more input is needed.
 * FRAME_TOO_LARGE: the payload is larger than PAYLOAD_MAX (0: no limit), found from the header
 * alone; FRAME_BAD_END: the end octet is another. In the last two cases type, channel and the
 * payload's size are filled in. */
static inline enum frame_result frame_read(struct slice input, uint32_t payload_max,
                                           struct frame *frame)
{
    if (input.size < FRAME_HEADER_BYTES)
        return FRAME_INCOMPLETE;
    frame->type = input.data[0];
    frame->channel = load_u16(input.data + 1);
    frame->payload = (struct slice){input.data + FRAME_HEADER_BYTES, load_u32(input.data + 3)};
    if (payload_max != 0 && frame->payload.size > payload_max)
        return FRAME_TOO_LARGE;
    if (input.size < frame->payload.size + FRAME_OVERHEAD)
        return FRAME_INCOMPLETE;
    return frame->payload.data[frame->payload.size] == FRAME_END ? FRAME_OK : FRAME_BAD_END;
}

#endif
