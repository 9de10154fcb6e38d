/* SPDX-License-Identifier: Apache-2.0
 *
 * position: a message's place in a queue, given when it is published and the same in the log. In
 * queues with priorities the upper octet is the message's level, where 0 is the highest priority
 * (elsewhere all have 0); what is below counts up. So of two messages the one with the lower
 * position goes first.
 */
#ifndef STOATMQ_EXCHANGE_POSITION_H
#define STOATMQ_EXCHANGE_POSITION_H

#include <stdint.h>

#define POSITION_LEVELS      256u
#define POSITION_LEVEL_SHIFT 56
#define POSITION_NUMBER_MAX  ((UINT64_C(1) << POSITION_LEVEL_SHIFT) - 1) /* no queue gets there */

static inline uint64_t position_of(uint32_t level, uint64_t number)
{
    return (uint64_t)level << POSITION_LEVEL_SHIFT | number;
}

static inline uint32_t position_level(uint64_t position)
{
    return (uint32_t)(position >> POSITION_LEVEL_SHIFT);
}

static inline uint64_t position_number(uint64_t position)
{
    return position & POSITION_NUMBER_MAX;
}

#endif
