/* SPDX-License-Identifier: Apache-2.0
 *
 * command: everything that can happen to the engine, as one tagged struct: engine_apply is its only
 * entrance. Given the same commands at the same times the engine does the same. Slices are borrowed
 * for the call.
 */
#ifndef STOATMQ_EXCHANGE_COMMAND_H
#define STOATMQ_EXCHANGE_COMMAND_H

#include "amqp/method.h"
#include "amqp/reply.h"
#include "exchange/message.h"

struct session;
struct sink;

enum command_kind {
    COMMAND_SESSION_OPEN, /* open: a connection has started; session is new (session_new) */
    COMMAND_LOGIN,        /* login: check the credentials; answered by EFFECT_LOGIN */
    COMMAND_METHOD,       /* channel, method: a legal method without content */
    COMMAND_PUBLISH,      /* channel, publish: a basic.publish with its content */
    COMMAND_FAIL,    /* channel, fail: the client broke a rule that the connection's side checks */
    COMMAND_DRAINED, /* drained_bytes of what the session was sent have left the process */
    COMMAND_SESSION_CLOSE, /* the connection is gone for close_reason; answered by EFFECT_GONE,
                              after which session is freed */
    COMMAND_DURABLE,       /* durable_lsn: the store is durable up to here; no session */
};

struct command_open {
    struct sink *sink;
    void *connection;
    struct slice name; /* "127.0.0.1:4000 -> 127.0.0.1:5672" */
    bool from_loopback;
    bool is_tls;
    uint32_t unwritten_max; /* bytes that may wait for a client that does not read */
};

struct command_login {
    struct slice mechanism; /* PLAIN, AMQPLAIN, EXTERNAL */
    bool by_certificate;    /* who the user is has been proven by a certificate: no password */
    struct slice user;
    struct slice password;
    struct slice client_properties; /* a valid table */
    struct slice tls;               /* the same, of texts: what TLS agreed on; empty without TLS */
};

struct command_publish {
    struct message *message; /* taken */
    bool mandatory;
    bool immediate;
};

struct command_fail {
    const struct reply_error *error;
    uint16_t class_id, method_id; /* the failing method, or 0 */
};

struct command {
    enum command_kind kind;
    uint16_t channel;
    struct session *session;
    union {
        struct command_open open;
        struct command_login login;
        const struct method *method;
        struct command_publish publish;
        struct command_fail fail;
        uint64_t drained_bytes;
        const char *close_reason; /* for the log; lives as long as the process */
        uint64_t durable_lsn;
    };
};

#endif
