/* SPDX-License-Identifier: Apache-2.0
 *
 * operation: AMQP methods applied for an API user, so that they do and refuse what they would on a
 * connection of that user's. A session that is not listed nor counted, with one channel; what it is
 * answered is kept. It lives within one call on the engine's thread: replies are not waited for,
 * the caller waits for the LSN. Engine's thread only.
 */
#ifndef STOATMQ_MGMT_OPERATION_H
#define STOATMQ_MGMT_OPERATION_H

#include "exchange/engine.h"
#include "exchange/session.h"

struct operation_message {
    struct message *message; /* a reference */
    uint64_t tag;
    uint32_t left; /* in the queue behind it */
    bool redelivered;
};

struct operation {
    struct sink sink; /* first */
    struct engine *engine;
    struct session *session;
    bool failed; /* the channel or connection was closed: */
    struct reply_error error;
    bool returned;                      /* a publish was */
    struct operation_message *messages; /* from basic.get */
    size_t message_count, message_capacity;
    uint64_t bytes; /* of their bodies */
};

/* Begins as USER, who exists, on VHOST. False when there is no such user. */
bool operation_begin(struct operation *operation, struct engine *engine, struct slice user,
                     struct vhost *vhost) __attribute__((warn_unused_result));

/* Applies METHOD. False when it was refused: `error` says why, and nothing more can be applied. */
bool operation_apply(struct operation *operation, const struct method *method);

/* The queue called NAME when the user may do ACCESS with it; else NULL, and it is refused as the
 * method would be that does it. */
struct queue *operation_queue(struct operation *operation, enum access_operation access,
                              struct slice name);

/* The same of an exchange. */
struct exchange *operation_exchange(struct operation *operation, enum access_operation access,
                                    struct slice name);

/* Publishes MESSAGE, which is taken, as mandatory. */
bool operation_publish(struct operation *operation, struct message *message);

/* Ends it: what was got and not settled goes back. Keeps what it was answered. */
void operation_end(struct operation *operation);

/* Frees that. */
void operation_fini(struct operation *operation);

#endif
