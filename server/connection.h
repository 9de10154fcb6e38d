/* SPDX-License-Identifier: Apache-2.0
 *
 * connection: a client's socket and the protocol on it: bytes to frames to commands for the engine,
 * effects of the engine to frames to bytes. Belongs to one worker for life. The engine's half is
 * its session. AMQP 0-9-1 sections 2 and 4.
 *
 * connection.c is its life, reader.c what comes in, content.c the messages among that, handshake.c
 * the way to an open connection, sender.c what goes out.
 */
#ifndef STOATMQ_SERVER_CONNECTION_H
#define STOATMQ_SERVER_CONNECTION_H

#include "amqp/frame.h"
#include "exchange/command.h"
#include "exchange/effect.h"
#include "server/net/transport.h"
#include "server/worker.h"

enum connection_phase {
    CONNECTION_ENTERING,  /* its transport is not open yet, and there is no session */
    CONNECTION_HEADER,    /* waits for the protocol header */
    CONNECTION_START,     /* connection.start went; waits for start-ok */
    CONNECTION_LOGIN,     /* waits for the engine's word on the credentials; input is held */
    CONNECTION_TUNE,      /* waits for tune-ok */
    CONNECTION_OPEN,      /* waits for connection.open */
    CONNECTION_RUNNING,   /* channels */
    CONNECTION_CLOSING,   /* connection.close went; waits for close-ok, the rest is ignored */
    CONNECTION_LINGERING, /* what is to be sent goes out, what comes in is thrown away, until the
                             client closes */
    CONNECTION_DEAD,      /* the socket is gone; waits for the engine to let go of it */
};

/* Ways to log in (SASL), as bits. */
enum mechanism {
    MECHANISM_PLAIN = 1,
    MECHANISM_AMQPLAIN = 2,
    MECHANISM_EXTERNAL = 4, /* by a client's certificate */
};

enum line_state {
    LINE_OPEN,
    LINE_CLIENT_CLOSING, /* channel.close came and is with the engine: the rest is ignored */
    LINE_SERVER_CLOSING, /* channel.close went: all but close and close-ok is ignored */
};

enum line_expects { EXPECT_METHOD, EXPECT_HEADER, EXPECT_BODY };

/* The connection's half of a channel: its state, and the message that is coming in on it. */
struct line {
    uint16_t number;
    uint8_t state;   /* enum line_state */
    uint8_t expects; /* enum line_expects */
    bool mandatory, immediate;
    bool names_kept;       /* the two below are copies of ours */
    struct slice exchange; /* of the basic.publish whose header is expected: valid in this pass, */
    struct slice routing_key; /* or kept (line_keep_names) */
    struct message *message;  /* whose body is coming in */
    uint32_t body_have;       /* octets of it that are in */
    uint32_t body_room;       /* octets that there is room for */
};

struct connection {
    struct transport transport; /* first: its hooks lead back here */
    uint8_t phase;              /* enum connection_phase */
    bool session_gone;          /* the engine has freed the session, or there never was one */
    bool socket_closed;         /* and libuv has let go of the socket */
    bool failing; /* a rule was broken and the engine is told; until its connection.close, input is
                     held */
    bool garbled; /* frames can no longer be told apart: what comes in is thrown away */
    bool held_tail;        /* the tail holds whole frames that could not be parsed when they came */
    bool shut;             /* our end of the socket is shut */
    bool wants_auth_close; /* the client wants to be told when its login is refused */
    bool wants_blocked;    /* and when it is blocked */
    bool blocked;          /* it published while an alarm is on: not read until that ends */
    bool peer_gone;        /* what it has sent is all that will come */
    uint8_t mechanism;     /* enum mechanism: how it logs in */
    bool in_body; /* within a body frame of which body_left octets and the end octet are to come */
    uint16_t channel_max; /* agreed; how many channels may be open */
    uint16_t heartbeat_s; /* agreed; 0: none */
    uint32_t frame_max;   /* agreed */
    uint32_t body_left;
    struct line *body_line; /* where that body goes; NULL: nowhere */
    struct worker *worker;
    struct session *session; /* NULL before the transport is open */
    struct list_node by_worker, touched, held;
    struct buf tail; /* input that is not parsed yet: less than a frame, or held */
    struct output output;
    uint64_t charged;    /* cost of deliveries that the engine has not been given back */
    struct line **lines; /* by channel number; NULL where none is open */
    uint32_t line_capacity, line_count;
    struct line *borrowing; /* the line whose names point into the input of this pass, or NULL */
    uint64_t opened_ms, read_ms, written_ms, closing_ms;
    uint64_t refused_at_ms;            /* or 0: when a refused login is to be answered */
    uint64_t recv_octets, send_octets; /* so far */
    uint64_t recv_count, send_count;   /* reads and writes */
};

/* --- life: connection.c ---------------------------------------------------------------------- */

/* Takes FD, which OPTIONS' listener has accepted, and FD's lifetime ends with the connection's.
 * When it cannot be watched it is closed at once. */
void connection_new(struct worker *worker, int fd, const struct transport_options *options);

/* Writes what is to be written; at the tick's end. */
void connection_flush(struct connection *connection);

/* Has connection_flush called when the tick ends. */
void connection_touch(struct connection *connection);

/* Heartbeats and time limits; every LOOP_TIMER_MS. */
void connection_on_timer(struct connection *connection);

/* Parses what was held back; when reading may go on. */
void connection_resume(struct connection *connection);

/* The header of a message, or the rest of one, has come: while an alarm is on, the last thing that
 * is read. Not parts of a body: what it has already would stay in memory as long as the alarm. */
void connection_published(struct connection *connection);

/* No alarm is on any more: a blocked connection is read again. */
void connection_unblock(struct connection *connection);

/* Drops the connection at once. REASON goes to the log, and lives as long as the process. */
void connection_drop(struct connection *connection, const char *reason);

/* Sends what is to be sent, then waits for the client to close. */
void connection_linger(struct connection *connection);

/* The engine has freed the session: the last effect. Frees the connection when its socket is closed
 * too. */
void connection_session_gone(struct connection *connection);

/* Gives the engine COMMAND, with this connection's session filled in. */
void connection_apply(struct connection *connection, struct command *command);

/* The client broke a rule: the engine closes the channel or connection and we ignore what follows.
 * CHANNEL 0 or a hard code: the connection. METHOD is the failing one or METHOD_NONE. */
void connection_fail(struct connection *connection, uint16_t channel,
                     const struct reply_error *error, enum method_id method);

/* --- in: reader.c ---------------------------------------------------------------------------- */

/* Parses INPUT, and returns how many bytes of it were used up: all but a part of a frame, unless
 * input is held. */
size_t connection_parse(struct connection *connection, struct slice input);

/* May input be parsed now, or is it held (or over)? */
bool connection_may_parse(const struct connection *connection);

struct line *connection_line(const struct connection *connection, uint16_t number);
void connection_free_line(struct connection *connection, struct line *line);

/* --- messages: content.c --------------------------------------------------------------------- */

/* Copies the names of a publish that point into input which is about to go. */
void line_keep_names(struct line *line);

/* Forgets the message that is coming in. */
void line_drop_content(struct line *line);

void content_begin(struct connection *connection, struct line *line,
                   const struct method_basic_publish *publish);
void content_header(struct connection *connection, struct line *line, struct slice payload);
void content_body(struct connection *connection, struct line *line, struct slice part);

/* Where the next octets of LINE's body may be read to, so that they need not be copied: at most
 * WANTED octets. */
uint8_t *content_room(struct connection *connection, struct line *line, size_t wanted,
                      size_t *room);

/* SIZE octets of the body are in their place (content_room). */
void content_got(struct connection *connection, struct line *line, size_t size);

/* --- the way in: handshake.c ----------------------------------------------------------------- */

/* The eight bytes of a protocol header came. */
void handshake_header(struct connection *connection,
                      const uint8_t header[FRAME_PROTOCOL_HEADER_BYTES]);

/* A method on channel 0 before the connection is open, legal in this phase. */
void handshake_method(struct connection *connection, const struct method *method);

/* The engine's word on the credentials; the client is to hear a refusal LATE_MS later. */
void handshake_login(struct connection *connection, bool accepted, uint32_t late_ms);

/* Tells the client that its login is refused: CONNECTION_LOGIN, and refused_at_ms has come. */
void handshake_refuse(struct connection *connection);

/* Builds connection.start anew, for connections that may log in by certificate or not. */
void handshake_build_start(const struct settings *settings, bool with_external, struct buf *frame);

/* --- out: sender.c --------------------------------------------------------------------------- */

/* Turns EFFECT into frames. */
void connection_emit(struct connection *connection, const struct effect *effect);

/* Puts METHOD on channel 0, or any, into the output. */
void connection_send(struct connection *connection, uint16_t channel, const struct method *method);

#endif
