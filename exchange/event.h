/* SPDX-License-Identifier: Apache-2.0
 *
 * event: what comes, goes and changes in the broker, told in two ways: as messages to the exchange
 * amq.rabbitmq.event in the default virtual host, with RabbitMQ's routing keys and headers, where
 * somebody has bound a queue to it; and, of what lasts, as lines `audit` in the log, which say who
 * did it. Never a word about single messages. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_EVENT_H
#define STOATMQ_EXCHANGE_EVENT_H

#include "amqp/table.h"
#include "exchange/registry.h"

struct command_login;
struct exchange;
struct permission;
struct policy;
struct queue;
struct session;
struct user;
struct vhost;

#define EVENT_EXCHANGE "amq.rabbitmq.event"
#define LOG_EXCHANGE   "amq.rabbitmq.log"

/* RabbitMQ's name for the broker itself, as one who does things. */
#define EVENT_INTERNAL_USER SLICE_LITERAL("rmq-internal")

struct engine;

/* The name of the user whose command is being applied, or EVENT_INTERNAL_USER. */
struct slice event_actor(const struct engine *engine);

enum event_flag {
    EVENT_PUBLISHED = 1 << 0, /* to the exchange */
    EVENT_AUDITED = 1 << 1,   /* to the log: the fields that are texts, numbers and flags */
    EVENT_BY_USER = 1 << 2,   /* the message says who did it; an audit line always does */
};

enum event_field_kind {
    EVENT_FIELD_END,
    EVENT_FIELD_TEXT,
    EVENT_FIELD_INT,
    EVENT_FIELD_BOOL,
    EVENT_FIELD_ARRAY,     /* the octets of a field array */
    EVENT_FIELD_TABLE,     /* a table */
    EVENT_FIELD_PAIRS,     /* a table, whose pairs become fields; its key is not used */
    EVENT_FIELD_ARGUMENTS, /* a table, which goes out as a list of texts in Erlang's notation */
};

struct event_field {
    const char *key;
    enum event_field_kind kind;
    struct slice bytes;
    int64_t number;
};

#define EVENT_TEXT(key, text)       ((struct event_field){key, EVENT_FIELD_TEXT, text, 0})
#define EVENT_INT(key, value)       ((struct event_field){key, EVENT_FIELD_INT, SLICE_EMPTY, value})
#define EVENT_BOOL(key, is)         ((struct event_field){key, EVENT_FIELD_BOOL, SLICE_EMPTY, is})
#define EVENT_ARRAY(key, items)     ((struct event_field){key, EVENT_FIELD_ARRAY, items, 0})
#define EVENT_TABLE(key, table)     ((struct event_field){key, EVENT_FIELD_TABLE, table, 0})
#define EVENT_PAIRS(table)          ((struct event_field){NULL, EVENT_FIELD_PAIRS, table, 0})
#define EVENT_ARGUMENTS(key, table) ((struct event_field){key, EVENT_FIELD_ARGUMENTS, table, 0})

/* What ends a list of fields. */
#define EVENT_END ((struct event_field){NULL, EVENT_FIELD_END, SLICE_EMPTY, 0})

/* NAME ("queue.created") has happened; FLAGS say whom it is told. FIELDS end with EVENT_END. */
void event_tell(struct engine *engine, const char *name, unsigned flags,
                const struct event_field *fields);
#define EVENT_FIELDS(...) ((const struct event_field[]){__VA_ARGS__, EVENT_END})

/* --- of what ------------------------------------------------------------------------------- */

/* ITEM of the registry is there, or goes. */
void event_came(struct engine *engine, enum registry_kind kind, const struct registered *item);
void event_went(struct engine *engine, enum registry_kind kind, const struct registered *item);

/* SESSION logs in; ERROR NULL: it may. */
void event_login(const struct session *session, const struct command_login *login,
                 const char *error);

/* Audit lines alone: "queue.purged", "queue.paused", "delayed.cancelled" and such, with how many
 * messages it was about;
 * that SESSION's connection is closed by somebody else; what an operator does with the broker
 * itself (SUBJECT: a setting's key, or empty). */
void event_queue(const struct queue *queue, const char *name, uint64_t messages);
void event_exchange(const struct exchange *exchange, const char *name, uint64_t messages);
void event_disconnect(const struct session *session, struct slice reason);
void event_operator(struct engine *engine, const char *name, struct slice subject);

/* NAME is vhost.created, vhost.updated or vhost.deleted. */
void event_vhost(const struct vhost *vhost, const char *name);
void event_user(struct engine *engine, const char *name, struct slice user);
void event_user_tags(struct engine *engine, const struct user *user);
void event_permission_set(const struct vhost *vhost, const struct permission *permission,
                          bool is_topic);
void event_permission_cleared(const struct vhost *vhost, struct slice user, bool is_topic);

/* LIMITS: what there is now, a table; empty when all were cleared. */
void event_vhost_limits(struct engine *engine, struct slice vhost, struct slice limits);
void event_user_limits(struct engine *engine, struct slice user, struct slice limits);

void event_policy_set(const struct vhost *vhost, const struct policy *policy, bool is_operators);
void event_policy_cleared(const struct vhost *vhost, struct slice name, bool is_operators);

/* VALUE: a table with the one pair `value`, or empty: it is cleared. */
void event_global_parameter(struct engine *engine, struct slice name, struct slice value);

/* SOURCE is "memory" or "disk". */
void event_alarm(struct engine *engine, const char *source, bool is_on);

#endif
