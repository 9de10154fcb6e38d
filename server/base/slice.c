/* SPDX-License-Identifier: Apache-2.0 */
#include "server/base/slice.h"

#include "server/base/mem.h"

struct slice slice_dup(struct slice source)
{
    if (source.size == 0)
        return SLICE_EMPTY;
    uint8_t *copy = mem_alloc(source.size);
    memcpy(copy, source.data, source.size);
    return slice_of(copy, source.size);
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* How many bytes the well-formed sequence at AT takes, or 0 when it is not one. LEFT is at least 1.
 * The range of the second byte is what keeps out overlong forms, surrogates and what lies past
 * U+10FFFF. */
static size_t sequence_size(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    if (lead < 0xE0)
        return left >= 2 && is_continuation(at[1]) ? 2 : 0;

    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    size_t size = lead < 0xF0 ? 3 : 4;
    if (left < size || at[1] < low || at[1] > high || !is_continuation(at[2]))
        return 0;
    return size == 3 || is_continuation(at[3]) ? size : 0;
}

bool slice_is_utf8(struct slice text)
{
    size_t at = 0;
    while (at < text.size) {
        /* Names are ASCII nearly always: eight at a time. */
        while (text.size - at >= 8) {
            uint64_t eight;
            memcpy(&eight, text.data + at, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) != 0)
                break;
            at += 8;
        }
        if (at == text.size)
            break;
        size_t size = sequence_size(text.data + at, text.size - at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}
