/* SPDX-License-Identifier: Apache-2.0
 *
 * login: the way of a session from its credentials to its vhost, and what wrong credentials cost.
 * Those are counted by the address that they came from, over AMQP and HTTP together; from the sixth
 * on each is to be answered later than the one before, up to four seconds. A source that has sent
 * none for half a minute is forgotten. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_LOGIN_H
#define STOATMQ_EXCHANGE_LOGIN_H

#include <stdint.h>

#include "server/base/list.h"
#include "server/base/map.h"
#include "server/base/slice.h"

struct command_login;
struct engine;
struct reply_error;
struct session;

enum login_protocol { LOGIN_AMQP, LOGIN_HTTP, LOGIN_PROTOCOL_COUNT };

#define LOGIN_HOST_BYTES 48 /* of an address as text, for which this is plenty */

/* Where wrong credentials came from lately. */
struct login_source {
    struct list_node by_age;
    char host[LOGIN_HOST_BYTES];
    uint64_t failed_ms;                      /* the last time, by env.now_ms */
    uint32_t failures[LOGIN_PROTOCOL_COUNT]; /* since it is remembered */
};

/* The engine's: at most 4096 of them, or the one that has been silent longest makes room. */
struct login_sources {
    struct map by_host;
    struct list by_age; /* struct login_source, the one that failed last at the end */
};

/* Checks the credentials and emits EFFECT_LOGIN. */
void login_apply(struct session *session, const struct command_login *login);

/* connection.open: 0, or -1 with the refusal in ERROR. */
int login_open_vhost(struct session *session, struct slice name, struct reply_error *error);

/* Counts wrong credentials from HOST; returns by how many milliseconds the answer is to be late. */
uint32_t login_failed(struct engine *engine, enum login_protocol protocol, struct slice host);

/* Calls VISIT with each source that is remembered, the one that failed last at the end. */
void login_each_source(struct engine *engine, void *context,
                       void (*visit)(void *context, const struct login_source *source));

/* Forgets them all. */
void login_forget_sources(struct engine *engine);

#endif
