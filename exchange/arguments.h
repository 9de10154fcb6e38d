/* SPDX-License-Identifier: Apache-2.0
 *
 * arguments: what a declaration's arguments table may say, and whether a second declaration says
 * the same. Pure; engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_ARGUMENTS_H
#define STOATMQ_EXCHANGE_ARGUMENTS_H

#include "amqp/reply.h"
#include "amqp/table.h"

/* Whose arguments they are, for error texts: "queue", its name and its vhost's. */
struct resource {
    const char *kind;
    struct slice name, vhost;
};

/* Checks types and ranges of the queue arguments that RabbitMQ knows, and that the queue's type has
 * a use for them; unknown ones are let be. 0, or -1 with ERROR filled. */
int arguments_check_queue(struct slice arguments, const struct resource *resource,
                          struct reply_error *error) __attribute__((warn_unused_result));

/* Do they ask for a quorum queue? */
bool arguments_are_of_quorum(struct slice arguments);

/* Checks the properties of a quorum queue: 0, or -1 with ERROR filled. */
int arguments_check_quorum(bool durable, bool exclusive, bool auto_delete,
                           const struct resource *resource, struct reply_error *error)
    __attribute__((warn_unused_result));

/* Checks the alternate exchange's type. */
int arguments_check_exchange(struct slice arguments, const struct resource *resource,
                             struct reply_error *error) __attribute__((warn_unused_result));

/* Are the arguments of a second declaration those of the first, as far as they are known? */
int arguments_match_queue(struct slice current, struct slice received,
                          const struct resource *resource, struct reply_error *error)
    __attribute__((warn_unused_result));
int arguments_match_exchange(struct slice current, struct slice received,
                             const struct resource *resource, struct reply_error *error)
    __attribute__((warn_unused_result));

/* Fails with "inequivalent arg 'KEY' for ...: received 'R' but current is 'C'". */
int arguments_differ(struct reply_error *error, const struct resource *resource, const char *key,
                     const char *received, const char *current);

/* The same for a flag; 0 when they are equal. */
int arguments_match_flag(const struct resource *resource, const char *key, bool received,
                         bool current, struct reply_error *error)
    __attribute__((warn_unused_result));

#endif
