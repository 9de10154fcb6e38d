/* SPDX-License-Identifier: Apache-2.0
 *
 * user: who may log in: name, password (its salted hash, in RabbitMQ's form), tags, limits. What a
 * user may do is access.h's. Sessions hold references: a user that is deleted is freed with the
 * last. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_USER_H
#define STOATMQ_EXCHANGE_USER_H

#include "server/base/crypto.h"
#include "server/base/slice.h"

struct engine;

#define USER_SALT_BYTES 4

/* What follows of a hash that was imported may be anything: it then fits no password. */
#define USER_HASH_BYTES_MAX 256

/* Tags that mean something; there may be others. */
enum user_tag {
    USER_ADMINISTRATOR = 1 << 0,
    USER_MONITORING = 1 << 1,
    USER_POLICYMAKER = 1 << 2,
    USER_MANAGEMENT = 1 << 3,
    USER_IMPERSONATOR = 1 << 4, /* may publish with another's user-id */
};

#define LIMIT_UNSET INT64_MIN /* of users and vhosts; as any negative one, it is none */

struct user {
    struct slice name; /* owned */
    uint32_t references;
    bool deleted;
    enum crypto_hash hashing;
    struct slice password_hash; /* owned: the salt and the hash of salt and password; empty: nobody
                                   can log in with a password */
    struct slice tags;          /* owned: the octets of a field array of longstrs */
    unsigned tag_bits;          /* enum user_tag */
    int64_t connections_max, channels_max; /* negative: none */
    uint64_t connections, channels;        /* of sessions with an open vhost; open ones */
};

/* A new user without password and tags, of one reference; name is copied. */
struct user *user_new(struct slice name);

static inline void user_ref(struct user *user)
{
    user->references++;
}

/* Drops a reference; the last frees the user. */
void user_unref(struct user *user);

/* The password is not kept, but for its hash (SHA-256). */
void user_set_password(struct user *user, struct slice password,
                       const uint8_t salt[USER_SALT_BYTES]);

/* HASH is a salt and a hash, or empty: no password. */
void user_set_password_hash(struct user *user, enum crypto_hash hashing, struct slice hash);

/* TAGS: the octets of a valid field array; what is no longstr in it is left out. */
void user_set_tags(struct user *user, struct slice tags);

/* Is it the user's password? Takes a time that does not depend on how much of it is right. */
bool user_has_password(const struct user *user, struct slice password);

/* "rabbit_password_hashing_sha256" and so on; and back, false for an unknown one. */
const char *user_hashing_name(enum crypto_hash hashing);
bool user_hashing_find(struct slice name, enum crypto_hash *hashing);

/* Tells the store what the user is now, but for limits. Returns the LSN. */
uint64_t user_define(struct engine *engine, const struct user *user);

/* Adds a user that the store has: definition.c's. */
bool user_restore(struct engine *engine, struct slice key, struct slice value);

#endif
