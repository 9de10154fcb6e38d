/* SPDX-License-Identifier: Apache-2.0
 *
 * user: who may log in. Passwords are kept as a salted SHA-256, in RabbitMQ's form. Engine's thread
 * only.
 */
#ifndef STOATMQ_EXCHANGE_USER_H
#define STOATMQ_EXCHANGE_USER_H

#include "server/base/crypto.h"
#include "server/base/slice.h"

#define USER_SALT_BYTES 4

struct user {
    struct slice name; /* owned */
    bool loopback_only;
    bool impersonator; /* may publish with another's user-id */
    uint8_t salt[USER_SALT_BYTES];
    uint8_t hash[CRYPTO_SHA256_BYTES]; /* of salt and password */
};

/* A new user; name is copied, the password is not kept. Free with user_free. */
struct user *user_new(struct slice name, struct slice password,
                      const uint8_t salt[USER_SALT_BYTES]);
void user_free(struct user *user);

/* Is it the user's password? Takes a time that does not depend on how much of it is right. */
bool user_has_password(const struct user *user, struct slice password);

#endif
