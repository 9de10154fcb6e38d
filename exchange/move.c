/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A message is settled in the source before the destination has it: so its lsn still
 * is that of its first record then. It changes with the second one; whoever shares the message asks
 * only whether it has one, and how far the store has to be durable for it, of which later is safe.
 */
#include "exchange/move.h"

#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/publish.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"

uint64_t queue_move(struct queue *source, struct queue *destination, uint64_t count, uint64_t *lsn)
{
    struct engine *engine = source->vhost->engine;
    uint64_t moved = 0, bytes = 0;
    struct returned_entry entry;
    CHECK_ID(source != destination, source->id);
    if (count > MOVE_MESSAGES_MAX)
        count = MOVE_MESSAGES_MAX;
    engine_begin_together(engine);
    while (moved < count && bytes < MOVE_BYTES_MAX && queue_take(source, &entry)) {
        struct message *message = entry.message;
        message_ref(message);
        queue_settle(source, entry.position, message);
        bytes += message->body_bytes;
        publish_into(destination, message);
        moved++;
    }
    *lsn = engine_end_together(engine);
    return moved;
}
