/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. Which fields RabbitMQ's events have, in its words. What is its runtime's (process
 * identifiers) is a text of the same form that names the connection and channel. Audited is what
 * lasts: what a client declares for the time of its connection says nothing to anybody later.
 */
#include <inttypes.h>
#include <stdio.h>

#include "exchange/binding.h"
#include "exchange/channel.h"
#include "exchange/command.h"
#include "exchange/consumer.h"
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/permission.h"
#include "exchange/policy.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/user.h"
#include "exchange/vhost.h"

#define TOLD         (EVENT_PUBLISHED | EVENT_BY_USER)
#define AUDITED      (TOLD | EVENT_AUDITED)
#define TEXT(string) slice_from_string(string)

#define OF(item, type) LIST_ENTRY(item, const struct type, registered)

/* --- queues, exchanges, bindings ------------------------------------------------------------- */

struct pid {
    char text[192];
};

/* "<NODE.CONNECTION.CHANNEL>"; channel 0 is the connection. */
static struct slice pid_of(struct pid *pid, const struct session *session, unsigned channel)
{
    const struct engine *engine = session->engine;
    (void)snprintf(pid->text, sizeof pid->text, "<%.*s.%" PRIu64 ".%u>",
                   engine->node_name.size < 128 ? (int)engine->node_name.size : 128,
                   (const char *)engine->node_name.data, session->id, channel);
    return slice_from_string(pid->text);
}

static void queue_came(struct engine *engine, const struct queue *queue)
{
    struct pid pid;
    bool lasts = queue->durable && queue->owner == NULL;
    event_tell(
        engine, "queue.created", lasts ? AUDITED : TOLD,
        EVENT_FIELDS(EVENT_BOOL("exclusive", queue->owner != NULL),
                     EVENT_TEXT("owner_pid",
                                queue->owner != NULL ? pid_of(&pid, queue->owner, 0) : SLICE_EMPTY),
                     EVENT_ARGUMENTS("arguments", queue->arguments),
                     EVENT_BOOL("auto_delete", queue->auto_delete),
                     EVENT_BOOL("durable", queue->durable), EVENT_TEXT("name", queue->name),
                     EVENT_TEXT("vhost", queue->vhost->name)));
}

static void queue_went(struct engine *engine, const struct queue *queue)
{
    bool lasts = queue->durable && queue->owner == NULL;
    event_tell(
        engine, "queue.deleted", lasts ? AUDITED : TOLD,
        EVENT_FIELDS(EVENT_TEXT("name", queue->name), EVENT_TEXT("vhost", queue->vhost->name)));
}

void event_queue(const struct queue *queue, const char *name, uint64_t messages)
{
    event_tell(queue->vhost->engine, name, EVENT_AUDITED,
               EVENT_FIELDS(EVENT_TEXT("name", queue->name),
                            EVENT_TEXT("vhost", queue->vhost->name),
                            EVENT_INT("messages", (int64_t)messages)));
}

void event_exchange(const struct exchange *exchange, const char *name, uint64_t messages)
{
    event_tell(exchange->vhost->engine, name, EVENT_AUDITED,
               EVENT_FIELDS(EVENT_TEXT("name", exchange->name),
                            EVENT_TEXT("vhost", exchange->vhost->name),
                            EVENT_INT("messages", (int64_t)messages)));
}

void event_disconnect(const struct session *session, struct slice reason)
{
    event_tell(
        session->engine, "connection.forced", EVENT_AUDITED,
        EVENT_FIELDS(EVENT_TEXT("name", session->name),
                     EVENT_TEXT("user", session->user != NULL ? session->user->name : SLICE_EMPTY),
                     EVENT_TEXT("reason", reason)));
}

/* Those that come and go with a virtual host are the broker's. */
static bool is_own(const struct exchange *exchange)
{
    return exchange->name.size == 0 || slice_starts_with(exchange->name, SLICE_LITERAL("amq."));
}

static void exchange_came(struct engine *engine, const struct exchange *exchange)
{
    event_tell(engine, "exchange.created", exchange->durable && !is_own(exchange) ? AUDITED : TOLD,
               EVENT_FIELDS(EVENT_TEXT("policy", SLICE_EMPTY),
                            EVENT_ARGUMENTS("arguments", exchange->arguments),
                            EVENT_BOOL("internal", exchange->internal),
                            EVENT_BOOL("auto_delete", exchange->auto_delete),
                            EVENT_BOOL("durable", exchange->durable),
                            EVENT_TEXT("type", TEXT(exchange->type->name)),
                            EVENT_TEXT("name", exchange->name),
                            EVENT_TEXT("vhost", exchange->vhost->name)));
}

static void exchange_went(struct engine *engine, const struct exchange *exchange)
{
    event_tell(engine, "exchange.deleted", exchange->durable && !is_own(exchange) ? AUDITED : TOLD,
               EVENT_FIELDS(EVENT_TEXT("name", exchange->name),
                            EVENT_TEXT("vhost", exchange->vhost->name)));
}

static void binding_told(struct engine *engine, const struct binding *binding, const char *name)
{
    bool to_queue = binding->queue != NULL;
    bool lasts = vhost_binding_is_durable(binding->source, binding->queue, binding->exchange) &&
                 (!to_queue || binding->queue->owner == NULL);
    event_tell(engine, name, lasts ? AUDITED : TOLD,
               EVENT_FIELDS(EVENT_TEXT("vhost", binding->source->vhost->name),
                            EVENT_ARGUMENTS("arguments", binding->arguments),
                            EVENT_TEXT("routing_key", binding->routing_key),
                            EVENT_TEXT("destination_kind", TEXT(to_queue ? "queue" : "exchange")),
                            EVENT_TEXT("destination_name",
                                       to_queue ? binding->queue->name : binding->exchange->name),
                            EVENT_TEXT("source_kind", TEXT("exchange")),
                            EVENT_TEXT("source_name", binding->source->name)));
}

/* --- connections, channels, consumers -------------------------------------------------------- */

/* The two ends of a connection's name, "127.0.0.1:4000 -> [::1]:5672". */
struct ends {
    char host[2][64]; /* as a tuple of Erlang's when it is an IPv4 address, else as it is */
    int64_t port[2];  /* the peer's, ours */
};

static struct ends ends_of(struct slice name)
{
    struct ends ends = {0};
    size_t from = 0;
    for (unsigned end = 0; end < 2 && from < name.size; end++) {
        size_t to = from, colon = from;
        for (; to < name.size && name.data[to] != ' '; to++)
            if (name.data[to] == ':')
                colon = to;
        for (size_t i = colon + 1; i < to && name.data[i] >= '0' && name.data[i] <= '9'; i++)
            ends.port[end] = ends.port[end] * 10 + (name.data[i] - '0');
        unsigned parts[4];
        char host[48];
        (void)snprintf(host, sizeof host, "%.*s", (int)(colon - from),
                       (const char *)name.data + from);
        if (sscanf(host, "%u.%u.%u.%u", &parts[0], &parts[1], &parts[2], &parts[3]) == 4)
            (void)snprintf(ends.host[end], sizeof ends.host[end], "{%u,%u,%u,%u}", parts[0],
                           parts[1], parts[2], parts[3]);
        else
            (void)snprintf(ends.host[end], sizeof ends.host[end], "%s", host);
        from = to + 4 < name.size ? to + 4 : name.size; /* behind " -> " */
    }
    return ends;
}

/* A wrong one is in the log anyway (login_refused). */
void event_login(const struct session *session, const struct command_login *login,
                 const char *error)
{
    struct engine *engine = session->engine;
    const struct ends ends = ends_of(session->name);
    struct event_field fields[] = {
        EVENT_TEXT("error", error != NULL ? TEXT(error) : SLICE_EMPTY),
        EVENT_BOOL("ssl", session->is_tls),
        EVENT_TEXT("auth_mechanism", login->mechanism),
        EVENT_TEXT("protocol", TEXT("{0,9,1}")),
        EVENT_TEXT("peer_host", TEXT(ends.host[0])),
        EVENT_INT("peer_port", ends.port[0]),
        EVENT_TEXT("host", TEXT(ends.host[1])),
        EVENT_TEXT("connection_name", session->name),
        EVENT_TEXT("name", login->user),
        EVENT_TEXT("connection_type", TEXT("network")),
        EVENT_END,
    };
    if (error != NULL)
        event_tell(engine, "user.authentication.failure", EVENT_PUBLISHED, fields);
    else
        event_tell(engine, "user.authentication.success", EVENT_PUBLISHED, fields + 1);
}

/* The last field of an event: the name that the client gave its connection, if it gave one. */
static struct event_field given_name(const struct session *session)
{
    struct table_value value;
    return table_find(session->client_properties, SLICE_LITERAL("connection_name"), &value) &&
                   value.type == TABLE_LONGSTR
               ? EVENT_TEXT("user_provided_name", value.bytes)
               : EVENT_END;
}

/* What TLS agreed on; "" when there is none. */
static struct event_field tls_text(const struct session *session, const char *key)
{
    struct table_value value;
    bool is_there = table_find(session->tls, slice_from_string(key), &value);
    return EVENT_TEXT(key, is_there ? value.bytes : SLICE_EMPTY);
}

static void session_came(struct engine *engine, const struct session *session)
{
    struct pid pid;
    const struct ends ends = ends_of(session->name);
    event_tell(engine, "connection.created", TOLD,
               EVENT_FIELDS(
                   EVENT_TEXT("node", engine->node_name),
                   EVENT_INT("connected_at", (int64_t)session->opened_ms),
                   EVENT_ARGUMENTS("client_properties", session->client_properties),
                   EVENT_INT("channel_max", session->tuned.channel_max),
                   EVENT_INT("frame_max", session->tuned.frame_max),
                   EVENT_INT("timeout", session->tuned.heartbeat),
                   EVENT_TEXT("vhost", session->vhost->name),
                   EVENT_TEXT("user", session->user->name), EVENT_TEXT("protocol", TEXT("{0,9,1}")),
                   tls_text(session, "ssl_hash"), tls_text(session, "ssl_cipher"),
                   tls_text(session, "ssl_key_exchange"), tls_text(session, "ssl_protocol"),
                   EVENT_TEXT("auth_mechanism", TEXT(session->mechanism)),
                   tls_text(session, "peer_cert_validity"), tls_text(session, "peer_cert_issuer"),
                   tls_text(session, "peer_cert_subject"), EVENT_BOOL("ssl", session->is_tls),
                   EVENT_TEXT("peer_host", TEXT(ends.host[0])),
                   EVENT_TEXT("host", TEXT(ends.host[1])), EVENT_INT("peer_port", ends.port[0]),
                   EVENT_INT("port", ends.port[1]), EVENT_TEXT("name", session->name),
                   EVENT_TEXT("pid", pid_of(&pid, session, 0)), EVENT_TEXT("type", TEXT("network")),
                   given_name(session)));
}

static void session_went(struct engine *engine, const struct session *session)
{
    struct pid pid;
    event_tell(engine, "connection.closed", EVENT_PUBLISHED,
               EVENT_FIELDS(EVENT_ARGUMENTS("client_properties", session->client_properties),
                            EVENT_TEXT("node", engine->node_name),
                            EVENT_TEXT("pid", pid_of(&pid, session, 0)),
                            EVENT_TEXT("name", session->name), given_name(session)));
}

static void channel_came(struct engine *engine, const struct channel *channel)
{
    const struct session *session = channel->session;
    struct pid connection, pid;
    if (session->registered.id == 0)
        return; /* of an operation of the API */
    char name[256];
    (void)snprintf(name, sizeof name, "%.*s (%u)",
                   session->name.size < 200 ? (int)session->name.size : 200,
                   (const char *)session->name.data, channel->number);
    event_tell(engine, "channel.created", TOLD,
               EVENT_FIELDS(EVENT_TEXT("vhost", session->vhost->name),
                            EVENT_TEXT("user", session->user->name),
                            EVENT_INT("number", channel->number),
                            EVENT_TEXT("connection", pid_of(&connection, session, 0)),
                            EVENT_TEXT("name", TEXT(name)),
                            EVENT_TEXT("pid", pid_of(&pid, session, channel->number))));
}

static void channel_went(struct engine *engine, const struct channel *channel)
{
    struct pid pid;
    if (channel->session->registered.id == 0)
        return;
    event_tell(engine, "channel.closed", TOLD,
               EVENT_FIELDS(EVENT_TEXT("pid", pid_of(&pid, channel->session, channel->number))));
}

static void consumer_came(struct engine *engine, const struct consumer *consumer)
{
    const struct channel *channel = consumer->channel;
    struct pid pid;
    event_tell(engine, "consumer.created", TOLD,
               EVENT_FIELDS(EVENT_ARGUMENTS("arguments", consumer->arguments),
                            EVENT_INT("prefetch_count", consumer->prefetch),
                            EVENT_TEXT("queue", consumer->queue->name),
                            EVENT_TEXT("vhost", consumer->queue->vhost->name),
                            EVENT_TEXT("channel", pid_of(&pid, channel->session, channel->number)),
                            EVENT_BOOL("ack_required", !consumer->no_ack),
                            EVENT_BOOL("exclusive", consumer->exclusive),
                            EVENT_TEXT("consumer_tag", consumer_tag(consumer))));
}

static void consumer_went(struct engine *engine, const struct consumer *consumer)
{
    const struct channel *channel = consumer->channel;
    struct pid pid;
    event_tell(engine, "consumer.deleted", TOLD,
               EVENT_FIELDS(EVENT_TEXT("queue", consumer->queue->name),
                            EVENT_TEXT("vhost", consumer->queue->vhost->name),
                            EVENT_TEXT("channel", pid_of(&pid, channel->session, channel->number)),
                            EVENT_TEXT("consumer_tag", consumer_tag(consumer))));
}

/* --- the registry's -------------------------------------------------------------------------- */

void event_came(struct engine *engine, enum registry_kind kind, const struct registered *item)
{
    switch (kind) {
    case REGISTRY_EXCHANGE:
        exchange_came(engine, OF(item, exchange));
        break;
    case REGISTRY_QUEUE:
        queue_came(engine, OF(item, queue));
        break;
    case REGISTRY_BINDING:
        binding_told(engine, OF(item, binding), "binding.created");
        break;
    case REGISTRY_SESSION:
        session_came(engine, OF(item, session));
        break;
    case REGISTRY_CHANNEL:
        channel_came(engine, OF(item, channel));
        break;
    case REGISTRY_CONSUMER:
        consumer_came(engine, OF(item, consumer));
        break;
    case REGISTRY_VHOST: /* event_vhost, when it is complete */
    case REGISTRY_KIND_COUNT:
        break;
    }
}

void event_went(struct engine *engine, enum registry_kind kind, const struct registered *item)
{
    switch (kind) {
    case REGISTRY_EXCHANGE:
        exchange_went(engine, OF(item, exchange));
        break;
    case REGISTRY_QUEUE:
        queue_went(engine, OF(item, queue));
        break;
    case REGISTRY_BINDING:
        binding_told(engine, OF(item, binding), "binding.deleted");
        break;
    case REGISTRY_SESSION:
        session_went(engine, OF(item, session));
        break;
    case REGISTRY_CHANNEL:
        channel_went(engine, OF(item, channel));
        break;
    case REGISTRY_CONSUMER:
        consumer_went(engine, OF(item, consumer));
        break;
    case REGISTRY_VHOST:
    case REGISTRY_KIND_COUNT:
        break;
    }
}
