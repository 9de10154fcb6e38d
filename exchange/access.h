/* SPDX-License-Identifier: Apache-2.0
 *
 * access: may a session do that? Answers come from the permissions of its user in its vhost
 * (permission.h) and are kept with the session, for as long as nothing about users, vhosts or
 * permissions changes (engine.access_generation). Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_ACCESS_H
#define STOATMQ_EXCHANGE_ACCESS_H

#include "amqp/reply.h"
#include "exchange/permission.h"

struct exchange;
struct session;

enum access_kind { ACCESS_QUEUE, ACCESS_EXCHANGE };

/* What a session knows already; zero at first. */
struct access_memory {
    uint64_t generation;                 /* engine.access_generation then */
    const struct permission *permission; /* in its vhost, or NULL */
    struct map results;                  /* struct access_result */
};

void access_forget(struct access_memory *memory);

/* May SESSION's user do OPERATION with the queue or exchange called NAME (there or not)? 0, or -1
 * with ERROR: 403 "write access to exchange 'x' in vhost 'v' refused for user 'u'". */
int access_check(struct session *session, enum access_operation operation, enum access_kind kind,
                 struct slice name, struct reply_error *error) __attribute__((warn_unused_result));

/* Has SESSION's user a topic permission for EXCHANGE? */
bool access_depends_on_topic(const struct session *session, const struct exchange *exchange);

/* May the user write to, or read from, EXCHANGE with ROUTING_KEY? Says no only for topic exchanges
 * for which the user has a topic permission. 0 or -1. */
int access_check_topic(struct session *session, enum access_operation operation,
                       const struct exchange *exchange, struct slice routing_key,
                       struct reply_error *error) __attribute__((warn_unused_result));

/* May SESSION, which is logged in, open VHOST? 0, or -1 with ERROR: 530. */
int access_check_vhost(struct session *session, const struct vhost *vhost,
                       struct reply_error *error) __attribute__((warn_unused_result));

/* May SESSION open one more channel? 0, or -1 with ERROR: 530. */
int access_check_channel(const struct session *session, struct reply_error *error)
    __attribute__((warn_unused_result));

/* May a queue, or an exchange, called NAME be added to VHOST? 0, or -1 with ERROR: 406. */
int access_check_queue_limit(const struct vhost *vhost, struct slice name,
                             struct reply_error *error) __attribute__((warn_unused_result));
int access_check_exchange_limit(const struct vhost *vhost, struct slice name,
                                struct reply_error *error) __attribute__((warn_unused_result));

#endif
