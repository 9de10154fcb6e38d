/* SPDX-License-Identifier: Apache-2.0
 *
 * log_exchange: the log's lines as messages to the exchange amq.rabbitmq.log, with their level as
 * the routing key; whichever thread wrote them, from the engine's thread, when its tick ends. They
 * are taken from what the log keeps of itself (log_recent): when more comes in a tick than that
 * holds, the oldest lines are left out.
 */
#ifndef STOATMQ_SERVER_LOG_EXCHANGE_H
#define STOATMQ_SERVER_LOG_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

struct engine;

/* All zero at first. */
struct log_exchange {
    bool is_wanted;
    uint64_t at; /* what stands before has been published, or came when nobody wanted it */
};

/* Notes the lines that have come for ENGINE to publish, if somebody has bound a queue. Costs two
 * comparisons when nobody has. */
void log_exchange_publish(struct log_exchange *log, struct engine *engine);

#endif
