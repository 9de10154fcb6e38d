/* SPDX-License-Identifier: Apache-2.0
 *
 * session: the engine's half of a connection: who it is, its channels, its exclusive queues, how
 * much is under way to it. Made by the connection's side (session_new), the engine's from
 * COMMAND_SESSION_OPEN on, freed by it after COMMAND_SESSION_CLOSE. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_SESSION_H
#define STOATMQ_EXCHANGE_SESSION_H

#include "exchange/access.h"
#include "exchange/command.h"
#include "exchange/effect.h"
#include "exchange/registry.h"
#include "server/base/buf.h"
#include "server/base/list.h"
#include "server/base/slice.h"

struct channel;
struct engine;
struct user;
struct vhost;

enum session_state {
    SESSION_NEW,     /* not logged in */
    SESSION_LOGGED,  /* no vhost opened */
    SESSION_RUNNING, /* channels may be opened */
    SESSION_CLOSED,  /* connection.close went or came: what still arrives is dropped */
};

/* Why a session is held: its further commands are kept, and follow in order when it is released. */
enum session_hold {
    SESSION_NOT_HELD,
    SESSION_HELD_REPLY,   /* a reply waits until the store is durable far enough */
    SESSION_HELD_COMMAND, /* a command waits until it can be applied */
};

struct session {
    uint32_t magic;
    enum session_state state;
    struct engine *engine;
    struct list_node by_engine; /* engine.sessions */
    struct sink *sink;
    void *connection;
    uint64_t id;                    /* counts up */
    struct slice name;              /* owned */
    struct slice client_properties; /* owned; a valid table */
    struct slice tls;               /* owned; as in struct command_login */
    struct user *user;              /* a reference; NULL until logged in */
    struct access_memory access;    /* what that may do */
    struct vhost *vhost;            /* NULL until opened */
    struct registered registered;
    uint64_t opened_ms;                     /* since 1970 */
    char mechanism[16];                     /* by which its user logged in */
    struct method_connection_tune_ok tuned; /* what client and server agreed on */
    bool from_loopback;
    bool is_tls;
    bool is_operators;        /* basic.get takes from paused queues, too */
    bool wants_cancel_notify; /* consumer_cancel_notify among the client's capabilities */
    bool shares_prefetch; /* its basic.qos, global or not, is for the channel's consumers together,
                             as the specification has it: Celery's client (py-amqp) means it so
                             unless the server is called RabbitMQ */
    bool clogged;         /* unwritten reached its limit; no deliveries until it is below half */
    uint64_t unwritten;   /* bytes of deliveries that have not left the process (effect_cost) */
    uint64_t unwritten_max;
    struct channel **channels; /* by number; NULL where none is open */
    uint32_t channel_capacity; /* of the array */
    uint32_t channel_count;
    struct list exclusive_queues; /* struct queue.owned */

    enum session_hold hold;
    bool is_gone;               /* its end is among its commands: nothing of it is held any more */
    bool replies_wait;          /* what is sent to it now goes behind the replies that wait */
    struct list_node by_holder; /* engine.holding, the waiters it was given, or engine.released */
    struct buf waiting_replies; /* each an LSN and a packed effect */
    struct buf deferred;        /* packed commands; those from deferred_at on are to be applied */
    size_t deferred_at;
    uint32_t running_bytes; /* of the one that is being applied, just before deferred_at; or 0 */
};

#define SESSION_MAGIC 0x5e551011u

/* A new session that belongs to nobody yet. Any thread. */
struct session *session_new(void);

/* Frees a session that no COMMAND_SESSION_OPEN named; others are freed by the engine. */
void session_free(struct session *session);

/* Do the properties in a client's start-ok (a valid table) claim CAPABILITY? Any thread. */
bool session_client_can(struct slice client_properties, struct slice capability);

/* The open channel NUMBER, or NULL. */
struct channel *session_channel(const struct session *session, uint16_t number);

/* Closes all channels and deletes the exclusive queues; nothing more is emitted to the client for
 * them. */
void session_shut(struct session *session);

/* Bytes counted in session_emit have left: deliveries go on when they had stopped. */
void session_drained(struct session *session, uint64_t bytes);

/* Gives the client EFFECT. A delivery's cost (effect_cost) is counted by who delivers. */
static inline void session_emit(struct session *session, const struct effect *effect)
{
    session->sink->emit(session->sink, session->connection, effect);
}

/* Emits METHOD on CHANNEL. */
void session_send(struct session *session, uint16_t channel, const struct method *method);

/* --- held sessions: hold.c ------------------------------------------------------------------- */

/* Emits METHOD on CHANNEL once the store is durable up to LSN, which may be now (always, for 0);
 * else the session is held until then. Never, when the store has failed. */
void session_hold_reply(struct session *session, uint16_t channel, const struct method *method,
                        uint64_t lsn);

/* From the handler of COMMAND, which has changed nothing and returns 0: the session is held, and
 * COMMAND (copied; a publish's message is taken) will be applied again when it is released. Until
 * then the session is in WAITERS by its node by_holder. When its connection is gone the session is
 * not held, or is released: COMMAND is dropped. */
void session_hold_command(struct session *session, const struct command *command,
                          struct list *waiters);

/* Releases a session held by session_hold_command: out of its waiters at once; the command, and
 * what came behind it, is applied when the present command or step of the tick's end is over. May
 * be called from anywhere. */
void session_release(struct session *session);

/* session_release for all in WAITERS, first come first. */
void session_release_all(struct list *waiters);

#endif
