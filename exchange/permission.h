/* SPDX-License-Identifier: Apache-2.0
 *
 * permission: what a user may do in a vhost, as regular expressions on names (or, of topics, on
 * routing keys). A vhost has them by user. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_PERMISSION_H
#define STOATMQ_EXCHANGE_PERMISSION_H

#include "server/base/map.h"
#include "server/base/pattern.h"

struct engine;
struct user;
struct vhost;

enum access_operation { ACCESS_CONFIGURE, ACCESS_WRITE, ACCESS_READ, ACCESS_OPERATIONS };

struct permission {
    struct slice key;            /* owned: the user; of topics: the user, a zero, the exchange */
    struct slice user, exchange; /* within the key */
    struct slice expressions[ACCESS_OPERATIONS]; /* owned; a topic's has none to configure */
    struct pattern *patterns[ACCESS_OPERATIONS]; /* NULL: see matches_all */
    bool matches_all[ACCESS_OPERATIONS];         /* else, without a pattern, only nothing */
};

/* May whoever has PERMISSION do OPERATION with what is called NAME? */
bool permission_allows(const struct permission *permission, enum access_operation operation,
                       struct slice name);

/* A permission of VHOST for what EXPRESSIONS say; with EXCHANGE's data not NULL a topic's, in which
 * "{username}" and "{vhost}" stand for those. NULL, with BAD (one of EXPRESSIONS) and ERROR filled,
 * when one is no regular expression. Not added to the vhost. */
struct permission *permission_new(const struct vhost *vhost, struct slice user,
                                  struct slice exchange,
                                  const struct slice expressions[ACCESS_OPERATIONS],
                                  struct slice *bad, struct pattern_error *error);
void permission_free(struct permission *permission);

/* USER's in VHOST, or NULL. */
struct permission *permission_find(const struct vhost *vhost, struct slice user);
struct permission *permission_find_topic(const struct vhost *vhost, struct slice user,
                                         struct slice exchange);

/* Has USER any topic permission in VHOST? */
bool permission_has_topics(struct vhost *vhost, struct slice user);

/* Adds PERMISSION to VHOST in place of the one that was there; in memory, and in the store. Returns
 * the LSN. */
uint64_t permission_put(struct vhost *vhost, struct permission *permission, bool is_topic);

/* Takes PERMISSION out of VHOST, and of the store; frees it. Returns the LSN. */
uint64_t permission_remove(struct vhost *vhost, struct permission *permission, bool is_topic);

/* Removes all that USER has, or all that there is in VHOST. */
void permission_remove_of_user(struct engine *engine, struct slice user);
void permission_remove_of_vhost(struct vhost *vhost);

/* Removes USER's topic permissions in VHOST; returns how many, and the last one's LSN. */
unsigned permission_remove_topics(struct vhost *vhost, struct slice user, uint64_t *lsn);

/* Tells the store of all that VHOST has. */
void permission_define_all(struct vhost *vhost);

/* Frees all of VHOST, without a word to the store. */
void permission_fini(struct vhost *vhost);

/* From the store: definition.c's. */
bool permission_restore(struct engine *engine, struct slice key, struct slice value);
bool permission_restore_topic(struct engine *engine, struct slice key, struct slice value);

#endif
