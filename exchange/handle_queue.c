/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/table.h"
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/handlers.h"
#include "exchange/queue.h"
#include "exchange/reply_to.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

#define GENERATED_RANDOM_BYTES 16

struct slice handler_queue_name(struct channel *channel, struct slice name,
                                struct reply_error *error)
{
    if (name.size > 0)
        return name;
    if (channel->last_queue.data == NULL)
        (void)reply_error(error, REPLY_NOT_FOUND, "no previously declared queue");
    return channel->last_queue;
}

static int no_queue(const struct channel *channel, struct slice name, struct reply_error *error)
{
    return reply_error(error, REPLY_NOT_FOUND, "no queue '%.*s' in vhost '%.*s'", SLICE_ARGS(name),
                       SLICE_ARGS(channel_vhost(channel)->name));
}

static int locked(const struct channel *channel, const struct queue *queue,
                  struct reply_error *error)
{
    return reply_error(error, REPLY_RESOURCE_LOCKED,
                       "cannot obtain exclusive access to locked queue '%.*s' in vhost '%.*s'. It "
                       "could be originally declared on another connection or the exclusive "
                       "property value does not match that of the original declaration.",
                       SLICE_ARGS(queue->name), SLICE_ARGS(channel_vhost(channel)->name));
}

int handler_check_owner(const struct channel *channel, const struct queue *queue,
                        struct reply_error *error)
{
    if (queue->owner == NULL || queue->owner == channel->session)
        return 0;
    return locked(channel, queue, error);
}

struct queue *handler_queue(struct channel *channel, struct slice name, struct reply_error *error)
{
    name = handler_queue_name(channel, name, error);
    if (name.data == NULL)
        return NULL;
    struct queue *queue = vhost_queue(channel_vhost(channel), name);
    if (queue == NULL) {
        (void)no_queue(channel, name, error);
        return NULL;
    }
    return handler_check_owner(channel, queue, error) < 0 ? NULL : queue;
}

struct queue *handler_queue_for(struct channel *channel, enum access_operation operation,
                                struct slice name, struct reply_error *error)
{
    name = handler_queue_name(channel, name, error);
    if (name.data == NULL || handler_check_queue(channel, operation, name, error) < 0)
        return NULL;
    return handler_queue(channel, name, error);
}

static uint32_t saturate(uint64_t count)
{
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

static void remember(struct channel *channel, struct slice name)
{
    if (slice_equal(channel->last_queue, name))
        return;
    mem_free((void *)channel->last_queue.data);
    channel->last_queue = slice_dup(name);
}

void handler_reply_topology(struct channel *channel, const struct method *method, bool durable)
{
    session_hold_reply(channel->session, channel->number, method,
                       durable ? channel->session->engine->topology_lsn : 0);
}

static void declare_ok(struct channel *channel, struct queue *queue, bool nowait)
{
    remember(channel, queue->name);
    expiry_used(queue);
    channel->session->engine->queue_declares++;
    if (nowait)
        return;
    handler_reply_topology(
        channel,
        &(struct method){.id = METHOD_QUEUE_DECLARE_OK,
                         .queue_declare_ok = {.queue = queue->name,
                                              .message_count = saturate(queue_depth(queue)),
                                              .consumer_count = queue->consumer_count}},
        queue->durable);
}

struct slice handler_generate_name(const struct engine *engine, struct slice prefix,
                                   uint8_t room[NAME_BYTES_MAX])
{
    uint8_t random[GENERATED_RANDOM_BYTES];
    engine->env->random(engine->env->context, random, sizeof random);
    memcpy(room, prefix.data, prefix.size);
    struct slice token = crypto_token(room + prefix.size, slice_of(random, sizeof random));
    return slice_of(room, prefix.size + token.size);
}

/* An exclusive queue is never durable: it would not outlive its connection anyway. */
static bool is_durable(const struct method_queue_declare *declared)
{
    return declared->durable && !declared->exclusive;
}

static int match_existing(const struct channel *channel, const struct queue *queue,
                          const struct method_queue_declare *declared, struct reply_error *error)
{
    struct resource resource = {"queue", queue->name, channel_vhost(channel)->name};
    bool exclusive = queue->owner != NULL;
    if (declared->exclusive != exclusive)
        return locked(channel, queue, error);
    if (handler_check_owner(channel, queue, error) < 0 ||
        arguments_match_flag(&resource, "durable", is_durable(declared), queue->durable, error) <
            0 ||
        arguments_match_flag(&resource, "auto_delete", declared->auto_delete, queue->auto_delete,
                             error) < 0)
        return -1;
    return arguments_match_queue(queue->arguments, declared->arguments, &resource, error);
}

static int declare_passive(struct channel *channel, struct slice name, bool nowait,
                           struct reply_error *error)
{
    if (name.size == 0) /* here it does not stand for the queue declared last */
        return no_queue(channel, name, error);
    struct queue *queue = handler_queue(channel, name, error);
    if (queue == NULL)
        return -1;
    declare_ok(channel, queue, nowait);
    return 0;
}

/* Pseudo-queues of direct reply-to: declaring one asks whether somebody is there. */
static int declare_reply_to(struct channel *channel, struct slice name, bool nowait,
                            struct reply_error *error)
{
    if (!reply_to_is_pseudo_queue(name) && !reply_to_is_alive(channel->session->engine, name))
        return no_queue(channel, name, error);
    remember(channel, name);
    if (!nowait)
        channel_reply(channel,
                      &(struct method){.id = METHOD_QUEUE_DECLARE_OK,
                                       .queue_declare_ok = {.queue = name, .consumer_count = 1}});
    return 0;
}

/* A name that a client gave is not to begin with "amq."; and may the user declare QUEUE (NULL: it
 * is not there)? */
static int check_declare(struct channel *channel, struct slice given, struct slice name,
                         const struct queue *queue, struct reply_error *error)
{
    uint8_t room[NAME_BYTES_MAX];
    if (queue == NULL && slice_starts_with(handler_clean_name(given, room), SLICE_LITERAL("amq.")))
        return reply_error(error, REPLY_ACCESS_REFUSED,
                           "queue name '%.*s' contains reserved prefix 'amq.*'", SLICE_ARGS(name));
    return handler_check_queue(channel, ACCESS_CONFIGURE, name, error);
}

/* Whoever names an exchange for dead letters reads the queue and writes to that. */
static int check_dead_letters(struct channel *channel, struct slice name, struct slice arguments,
                              struct reply_error *error)
{
    struct table_value exchange;
    if (!table_find(arguments, SLICE_LITERAL("x-dead-letter-exchange"), &exchange) ||
        exchange.type != TABLE_LONGSTR)
        return 0;
    if (handler_check_queue(channel, ACCESS_READ, name, error) < 0)
        return -1;
    return handler_check_exchange(channel, ACCESS_WRITE, exchange.bytes, error);
}

/* A queue of a type of its own is what that type allows. */
static int check_type(const struct method_queue_declare *declared, const struct resource *resource,
                      struct reply_error *error)
{
    if (!arguments_are_of_quorum(declared->arguments))
        return 0;
    if (declared->queue.size == 0)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "Cannot declare a server-named queue for type rabbit_quorum_queue");
    return arguments_check_quorum(declared->durable, declared->exclusive, declared->auto_delete,
                                  resource, error);
}

/* What a client that names no type declares in a vhost whose queues are to be quorum queues: one of
 * those, where it may be one and QUEUE (NULL: it is not there) is not another. The new arguments
 * are in ROOM. */
static void give_type(const struct vhost *vhost, const struct queue *queue,
                      struct method_queue_declare *declared, struct buf *room)
{
    struct table_value value;
    if (!slice_equal(vhost->default_queue_type, SLICE_LITERAL("quorum")) ||
        (queue != NULL && !queue->settings.is_quorum) || declared->queue.size == 0 ||
        !declared->durable || declared->exclusive || declared->auto_delete ||
        table_find(declared->arguments, SLICE_LITERAL("x-queue-type"), &value))
        return;
    buf_bytes(room, declared->arguments);
    table_put_longstr(room, "x-queue-type", SLICE_LITERAL("quorum"));
    declared->arguments = buf_slice(room);
}

static struct queue *declare_new(struct channel *channel, struct slice name,
                                 const struct method_queue_declare *declared,
                                 struct reply_error *error)
{
    struct vhost *vhost = channel_vhost(channel);
    if (access_check_queue_limit(vhost, name, error) < 0 ||
        check_dead_letters(channel, name, declared->arguments, error) < 0)
        return NULL;
    const struct resource resource = {"queue", name, vhost->name};
    if (arguments_check_queue(declared->arguments, &resource, error) < 0 ||
        check_type(declared, &resource, error) < 0)
        return NULL;
    return queue_declare(vhost, &(struct queue_spec){
                                    .name = name,
                                    .durable = is_durable(declared),
                                    .auto_delete = declared->auto_delete,
                                    .owner = declared->exclusive ? channel->session : NULL,
                                    .arguments = declared->arguments,
                                });
}

int handle_queue_declare(struct channel *channel, const struct method *method,
                         struct reply_error *error)
{
    const struct method_queue_declare *declared = &method->queue_declare;
    uint8_t room[NAME_BYTES_MAX];
    struct slice name = handler_clean_name(declared->queue, room);
    if (reply_to_is_pseudo_queue(name) || reply_to_is_address(name))
        return declare_reply_to(channel, name, declared->nowait, error);
    if (declared->passive)
        return declare_passive(channel, name, declared->nowait, error);
    if (name.size == 0)
        name = handler_generate_name(channel->session->engine, SLICE_LITERAL("amq.gen-"), room);
    struct queue *queue = vhost_queue(channel_vhost(channel), name);
    if (check_declare(channel, declared->queue, name, queue, error) < 0)
        return -1;
    struct method_queue_declare typed = *declared;
    struct buf arguments = {0};
    give_type(channel_vhost(channel), queue, &typed, &arguments);
    if (queue == NULL)
        queue = declare_new(channel, name, &typed, error);
    else if (match_existing(channel, queue, &typed, error) < 0)
        queue = NULL;
    buf_fini(&arguments);
    if (queue == NULL)
        return -1;
    declare_ok(channel, queue, declared->nowait);
    return 0;
}

int handle_queue_purge(struct channel *channel, const struct method *method,
                       struct reply_error *error)
{
    const struct method_queue_purge *purge = &method->queue_purge;
    struct queue *queue = handler_queue_for(channel, ACCESS_READ, purge->queue, error);
    if (queue == NULL)
        return -1;
    uint64_t count = queue_purge(queue);
    event_queue(queue, "queue.purged", count);
    if (!purge->nowait)
        channel_reply(channel,
                      &(struct method){.id = METHOD_QUEUE_PURGE_OK,
                                       .queue_purge_ok = {.message_count = saturate(count)}});
    return 0;
}

int handle_queue_delete(struct channel *channel, const struct method *method,
                        struct reply_error *error)
{
    const struct method_queue_delete *deleted = &method->queue_delete;
    struct vhost *vhost = channel_vhost(channel);
    struct slice name = handler_queue_name(channel, deleted->queue, error);
    if (name.data == NULL)
        return -1;
    if (handler_check_queue(channel, ACCESS_CONFIGURE, name, error) < 0)
        return -1;
    struct queue *queue = vhost_queue(vhost, name);
    uint64_t count = 0;
    bool durable = true; /* one that is not there may have been */
    if (queue != NULL) {
        if (handler_check_owner(channel, queue, error) < 0)
            return -1;
        if (deleted->if_unused && queue->consumer_count > 0)
            return reply_error(error, REPLY_PRECONDITION_FAILED,
                               "queue '%.*s' in vhost '%.*s' in use", SLICE_ARGS(name),
                               SLICE_ARGS(vhost->name));
        if (deleted->if_empty && queue_depth(queue) > 0)
            return reply_error(error, REPLY_PRECONDITION_FAILED,
                               "queue '%.*s' in vhost '%.*s' not empty", SLICE_ARGS(name),
                               SLICE_ARGS(vhost->name));
        count = queue_depth(queue);
        durable = queue->durable;
        queue_delete(queue);
    }
    if (!deleted->nowait)
        handler_reply_topology(
            channel,
            &(struct method){.id = METHOD_QUEUE_DELETE_OK,
                             .queue_delete_ok = {.message_count = saturate(count)}},
            durable);
    return 0;
}
