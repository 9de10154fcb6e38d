/* SPDX-License-Identifier: Apache-2.0
 *
 * session: the engine's half of a connection: who it is, its channels, its exclusive queues, how
 * much is under way to it. Made by the connection's side (session_new), the engine's from
 * COMMAND_SESSION_OPEN on, freed by it after COMMAND_SESSION_CLOSE. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_SESSION_H
#define STOATMQ_EXCHANGE_SESSION_H

#include "exchange/effect.h"
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
    const struct user *user;        /* NULL until logged in */
    struct vhost *vhost;            /* NULL until opened */
    bool from_loopback;
    bool wants_cancel_notify; /* consumer_cancel_notify among the client's capabilities */
    bool clogged;       /* unwritten reached its limit; no deliveries until it is below half */
    uint64_t unwritten; /* bytes of deliveries that have not left the process (effect_cost) */
    uint64_t unwritten_max;
    struct channel **channels; /* by number; NULL where none is open */
    uint32_t channel_capacity; /* of the array */
    uint32_t channel_count;
    struct list exclusive_queues; /* struct queue.owned */
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

#endif
