/* SPDX-License-Identifier: Apache-2.0
 *
 * handlers: what each method does, once the driver (engine.c, and the connection's side before it)
 * has found it legal where it stands. A handler refuses first, then applies what cannot fail, then
 * replies. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_HANDLERS_H
#define STOATMQ_EXCHANGE_HANDLERS_H

#include "exchange/arguments.h"
#include "exchange/channel.h"
#include "exchange/session.h"
#include "exchange/vhost.h"

/* Handles METHOD on an open channel: 0, or -1 with ERROR filled. */
typedef int (*channel_handler)(struct channel *channel, const struct method *method,
                               struct reply_error *error);

int handle_channel_flow(struct channel *channel, const struct method *method,
                        struct reply_error *error);
int handle_access_request(struct channel *channel, const struct method *method,
                          struct reply_error *error);
int handle_exchange_declare(struct channel *channel, const struct method *method,
                            struct reply_error *error);
int handle_exchange_delete(struct channel *channel, const struct method *method,
                           struct reply_error *error);
int handle_exchange_bind(struct channel *channel, const struct method *method,
                         struct reply_error *error);
int handle_exchange_unbind(struct channel *channel, const struct method *method,
                           struct reply_error *error);
int handle_queue_declare(struct channel *channel, const struct method *method,
                         struct reply_error *error);
int handle_queue_bind(struct channel *channel, const struct method *method,
                      struct reply_error *error);
int handle_queue_unbind(struct channel *channel, const struct method *method,
                        struct reply_error *error);
int handle_queue_purge(struct channel *channel, const struct method *method,
                       struct reply_error *error);
int handle_queue_delete(struct channel *channel, const struct method *method,
                        struct reply_error *error);
int handle_basic_qos(struct channel *channel, const struct method *method,
                     struct reply_error *error);
int handle_basic_consume(struct channel *channel, const struct method *method,
                         struct reply_error *error);
int handle_basic_cancel(struct channel *channel, const struct method *method,
                        struct reply_error *error);
int handle_basic_get(struct channel *channel, const struct method *method,
                     struct reply_error *error);
int handle_basic_ack(struct channel *channel, const struct method *method,
                     struct reply_error *error);
int handle_basic_nack(struct channel *channel, const struct method *method,
                      struct reply_error *error);
int handle_basic_reject(struct channel *channel, const struct method *method,
                        struct reply_error *error);
int handle_basic_recover(struct channel *channel, const struct method *method,
                         struct reply_error *error);
int handle_basic_recover_async(struct channel *channel, const struct method *method,
                               struct reply_error *error);
int handle_confirm_select(struct channel *channel, const struct method *method,
                          struct reply_error *error);
int handle_tx_select(struct channel *channel, const struct method *method,
                     struct reply_error *error);
int handle_tx_commit(struct channel *channel, const struct method *method,
                     struct reply_error *error);
int handle_tx_rollback(struct channel *channel, const struct method *method,
                       struct reply_error *error);

/* --- what handlers share --------------------------------------------------------------------- */

#define NAME_BYTES_MAX 255

/* Replies with METHOD on the channel. */
static inline void channel_reply(struct channel *channel, const struct method *method)
{
    session_send(channel->session, channel->number, method);
}

/* Replies with a method without fields, unless the client wants none. */
static inline void channel_reply_ok(struct channel *channel, enum method_id id, bool nowait)
{
    if (!nowait)
        channel_reply(channel, &(struct method){.id = id});
}

/* Replies with METHOD about the topology; when it is about something DURABLE, only when all that
 * was changed so far is durable: by this method, or by another client a moment ago. */
void handler_reply_topology(struct channel *channel, const struct method *method, bool durable);

static inline struct vhost *channel_vhost(const struct channel *channel)
{
    return channel->session->vhost;
}

/* NAME without the carriage returns and line feeds that RabbitMQ takes out; borrows NAME or
 * ROOM. */
struct slice handler_clean_name(struct slice name, uint8_t room[NAME_BYTES_MAX]);

/* PREFIX and a random token, in ROOM. */
struct slice handler_generate_name(const struct engine *engine, struct slice prefix,
                                   uint8_t room[NAME_BYTES_MAX]);

/* The queue a method names (an empty name: the one declared last on the channel) if the session may
 * use it; else NULL with ERROR filled: 404, or 405 for another connection's exclusive queue. */
struct queue *handler_queue(struct channel *channel, struct slice name, struct reply_error *error);

/* The name a method means: an empty one is that of the queue declared last; data NULL when there is
 * none (404). */
struct slice handler_queue_name(struct channel *channel, struct slice name,
                                struct reply_error *error);

/* Refuses a queue that is exclusive to another session: 405. */
int handler_check_owner(const struct channel *channel, const struct queue *queue,
                        struct reply_error *error) __attribute__((warn_unused_result));

/* May the user do OPERATION with that queue, or exchange, whether it is there or not? 403. */
static inline int handler_check_queue(struct channel *channel, enum access_operation operation,
                                      struct slice name, struct reply_error *error)
{
    return access_check(channel->session, operation, ACCESS_QUEUE, name, error);
}

static inline int handler_check_exchange(struct channel *channel, enum access_operation operation,
                                         struct slice name, struct reply_error *error)
{
    return access_check(channel->session, operation, ACCESS_EXCHANGE, name, error);
}

/* The queue a method names, as handler_queue, if the user may do OPERATION with it. */
struct queue *handler_queue_for(struct channel *channel, enum access_operation operation,
                                struct slice name, struct reply_error *error);

/* The exchange called NAME, or NULL with ERROR filled (404). */
struct exchange *handler_exchange(struct channel *channel, struct slice name,
                                  struct reply_error *error);

#endif
