/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/priority.h"

#include "exchange/message.h"

uint64_t priority_rank(const struct queue *queue, const struct message *message, uint64_t position)
{
    uint8_t most = queue->settings.max_priority, priority = 0;
    struct properties properties;
    if (message->properties_bytes > PROPERTY_FLAGS_BYTES &&
        properties_decode(message_properties(message), &properties) == METHOD_OK)
        priority = properties.priority < most ? properties.priority : most;
    return (uint64_t)(most - priority) << PRIORITY_SHIFT | position;
}
