/* SPDX-License-Identifier: Apache-2.0
 *
 * user: who asks, as the API knows them: a copy of what the engine said when the login was checked.
 * Made on the engine's thread, then management's; reference counted there.
 */
#ifndef STOATMQ_MGMT_API_USER_H
#define STOATMQ_MGMT_API_USER_H

#include "server/base/slice.h"

struct api_user {
    uint32_t references;
    struct slice name;    /* owned */
    struct slice tags;    /* owned: the octets of a field array of longstrs */
    unsigned tag_bits;    /* enum user_tag */
    struct slice *vhosts; /* owned: where it has permissions, sorted by name */
    size_t vhost_count;
    uint8_t password_mark[32]; /* what tells that the password is still the one of then */
};

/* Of one reference. */
struct api_user *api_user_new(struct slice name, struct slice tags, unsigned tag_bits);

static inline struct api_user *api_user_ref(struct api_user *user)
{
    user->references++;
    return user;
}

/* Drops a reference; the last frees the user. NULL is nobody. */
void api_user_unref(struct api_user *user);

/* Adds a vhost; then, when all are there, sort them. */
void api_user_add_vhost(struct api_user *user, struct slice vhost);
void api_user_sort_vhosts(struct api_user *user);

/* Has it permissions there? Tags are not asked. */
bool api_user_has_vhost(const struct api_user *user, struct slice vhost);

/* By tags; an administrator is everything. */
bool api_user_is_administrator(const struct api_user *user);
bool api_user_is_monitoring(const struct api_user *user);
bool api_user_is_policymaker(const struct api_user *user);
bool api_user_is_management(const struct api_user *user);

/* May it see VHOST's things: permissions there, or monitoring? For filtering lists. */
bool api_user_sees_vhost(const struct api_user *user, struct slice vhost);

#endif
