/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_keys: what a policy's definition may say: the keys, their values, who may set them, which
 * queues they are for, and what comes of a policy's and an operator policy's value. Pure.
 */
#ifndef STOATMQ_EXCHANGE_POLICY_KEYS_H
#define STOATMQ_EXCHANGE_POLICY_KEYS_H

#include "amqp/table.h"

enum policy_kind { POLICY_USERS, POLICY_OPERATORS, POLICY_KINDS };

/* What a key may be for, as bits. */
enum policy_object {
    POLICY_CLASSIC = 1,
    POLICY_QUORUM = 2,
    POLICY_STREAM = 4,
    POLICY_EXCHANGE = 8,
};

/* Checks DEFINITION, a valid table with keys in order and none twice. False when something is wrong
 * with it, which is appended to PROBLEM in RabbitMQ's words. */
bool policy_keys_check(enum policy_kind kind, struct slice definition, struct buf *problem);

/* May DEFINITION, which was checked, be for OBJECT? RabbitMQ passes over a policy with any key that
 * the queue's type has no use for. */
bool policy_keys_apply(struct slice definition, enum policy_object object);

/* The value that holds where both kinds of policies have one for KEY. */
struct table_value policy_keys_merge(struct slice key, const struct table_value *users,
                                     const struct table_value *operators);

#endif
