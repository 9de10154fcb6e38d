/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/user.h"

#include "server/base/mem.h"

struct user *user_new(struct slice name, struct slice password, const uint8_t salt[USER_SALT_BYTES])
{
    struct user *user = mem_zalloc(sizeof *user);
    user->name = slice_dup(name);
    memcpy(user->salt, salt, USER_SALT_BYTES);
    crypto_sha256(slice_of(user->salt, USER_SALT_BYTES), password, user->hash);
    return user;
}

void user_free(struct user *user)
{
    mem_free((void *)user->name.data);
    mem_free(user);
}

bool user_has_password(const struct user *user, struct slice password)
{
    uint8_t hash[CRYPTO_SHA256_BYTES];
    crypto_sha256(slice_of(user->salt, USER_SALT_BYTES), password, hash);
    return crypto_equal(slice_of(hash, sizeof hash), slice_of(user->hash, sizeof user->hash));
}
