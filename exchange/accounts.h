/* SPDX-License-Identifier: Apache-2.0
 *
 * accounts: what administrators do with users, vhosts, permissions and limits: checked, applied,
 * told to the store; connections that lose their ground are closed. Between engine_begin_together
 * and engine_end_together several of these are one. Engine's thread only, and not from within a
 * command.
 */
#ifndef STOATMQ_EXCHANGE_ACCOUNTS_H
#define STOATMQ_EXCHANGE_ACCOUNTS_H

#include "exchange/permission.h"
#include "exchange/user.h"
#include "exchange/vhost.h"

enum account_status {
    ACCOUNT_CREATED,
    ACCOUNT_REPLACED,
    ACCOUNT_DELETED,
    ACCOUNT_NO_USER,  /* nothing was done: there is no such user, */
    ACCOUNT_NO_VHOST, /* vhost, */
    ACCOUNT_NOTHING,  /* or permission */
    ACCOUNT_REFUSED,  /* nothing was done: see reason */
};

struct account_result {
    enum account_status status;
    uint64_t lsn;     /* to wait for, or 0 */
    struct slice bad; /* ACCOUNT_REFUSED, of an expression: which; borrowed from the caller's */
    size_t offset;    /* where in it */
    char reason[256]; /* ACCOUNT_REFUSED: a text as RabbitMQ's */
};

/* A name is 1 to 255 octets of UTF-8 and holds no zero octet. */
#define ACCOUNT_NAME_MAX 255

/* What a user is to be. */
struct user_spec {
    struct slice name;
    struct slice password; /* with data not NULL; else the hash, which is empty for no password */
    struct slice password_hash;
    enum crypto_hash hashing;
    struct slice tags; /* the octets of a valid field array */
};

struct account_result access_put_user(struct engine *engine, const struct user_spec *spec);

/* The user's permissions and limits go too; its connections are closed. */
struct account_result access_delete_user(struct engine *engine, struct slice name);

/* A new vhost gives CREATOR (empty: nobody) permission to do all. */
struct account_result access_put_vhost(struct engine *engine, struct slice name,
                                       const struct vhost_metadata *metadata, struct slice creator);

/* All that is in the vhost, and all that was said about it, goes; its connections are closed. */
struct account_result access_delete_vhost(struct engine *engine, struct slice name);

struct account_result access_set_permission(struct engine *engine, struct slice vhost,
                                            struct slice user,
                                            const struct slice expressions[ACCESS_OPERATIONS]);
struct account_result access_clear_permission(struct engine *engine, struct slice vhost,
                                              struct slice user);

/* EXPRESSIONS[ACCESS_CONFIGURE] is not used. */
struct account_result
access_set_topic_permission(struct engine *engine, struct slice vhost, struct slice user,
                            struct slice exchange,
                            const struct slice expressions[ACCESS_OPERATIONS]);

/* Clears the one for EXCHANGE, or with NULL data all that the user has in the vhost. */
struct account_result access_clear_topic_permission(struct engine *engine, struct slice vhost,
                                                    struct slice user, struct slice exchange);

/* Limits are called "max-connections", "max-queues" and "max-channels"; a negative one is none. A
 * user's or vhost's limits are what LIMITS names: *VALUE NULL clears, else it is set. */
struct account_result access_put_vhost_limit(struct engine *engine, struct slice vhost,
                                             struct slice name, const int64_t *value);
struct account_result access_put_user_limit(struct engine *engine, struct slice user,
                                            struct slice name, const int64_t *value);

/* From the store: definition.c's. */
bool vhost_restore_limits(struct engine *engine, struct slice key, struct slice value);
bool user_restore_limits(struct engine *engine, struct slice key, struct slice value);

/* USER may do all in VHOST; the store is not told. For defaults. */
void access_allow_all(const struct user *user, struct vhost *vhost);

#endif
