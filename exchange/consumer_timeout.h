/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer_timeout: deliveries that are not settled in time close their channel. The time is the
 * consumer's own (its argument x-consumer-timeout), else its queue's (argument or policy), else
 * that of the settings. Belongs to the engine; engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_CONSUMER_TIMEOUT_H
#define STOATMQ_EXCHANGE_CONSUMER_TIMEOUT_H

#include "amqp/reply.h"
#include "exchange/timers.h"
#include "exchange/unacked.h"
#include "server/base/slice.h"

struct consumer_spec;
struct engine;
struct queue;

struct consumer_timeouts {
    uint64_t usual_ms;    /* where neither consumer nor queue say; 0: none */
    uint64_t shortest_ms; /* of all there ever were; 0: there was none */
    uint64_t looked_ms;   /* when that was last */
    uint64_t clock_ms;    /* goes with time, but not by much at once: who stalls gets more time */
    uint32_t now;         /* that at the last look, as in struct unacked */
    uint32_t at;          /* the next channel in the registry to be looked at */
    struct timer look;
};

void consumer_timeout_init(struct engine *engine, uint64_t usual_ms);
void consumer_timeout_fini(struct engine *engine);

/* Another usual time, as of the settings: for all that is not settled. */
void consumer_timeout_set_usual(struct engine *engine, uint64_t usual_ms);

/* Somebody has a timeout of MS (0 or less: none): it is looked often enough from now on. */
void consumer_timeout_note(struct engine *engine, int64_t ms);

/* Reads x-consumer-timeout of a consumer's arguments; 0, or -1 with ERROR filled when it is no
 * number of milliseconds. */
int consumer_timeout_read(const struct queue *queue, struct slice arguments, int64_t *timeout_ms,
                          struct reply_error *error) __attribute__((warn_unused_result));

#endif
