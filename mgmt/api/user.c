/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/user.h"

#include <stdlib.h>

#include "exchange/user.h"
#include "server/base/mem.h"

struct api_user *api_user_new(struct slice name, struct slice tags, unsigned tag_bits)
{
    struct api_user *user = mem_zalloc(sizeof *user);
    user->references = 1;
    user->name = slice_dup(name);
    user->tags = slice_dup(tags);
    user->tag_bits = tag_bits;
    return user;
}

void api_user_unref(struct api_user *user)
{
    if (user == NULL || --user->references > 0)
        return;
    for (size_t i = 0; i < user->vhost_count; i++)
        mem_free((void *)(uintptr_t)user->vhosts[i].data);
    mem_free(user->vhosts);
    mem_free((void *)(uintptr_t)user->name.data);
    mem_free((void *)(uintptr_t)user->tags.data);
    mem_free(user);
}

void api_user_add_vhost(struct api_user *user, struct slice vhost)
{
    size_t count = user->vhost_count;
    if ((count & (count - 1)) == 0) /* grows at each power of two */
        user->vhosts = mem_realloc(user->vhosts, (count == 0 ? 1 : 2 * count) * sizeof vhost);
    user->vhosts[user->vhost_count++] = slice_dup(vhost);
}

static int compare(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    size_t size = x->size < y->size ? x->size : y->size;
    int order = size > 0 ? memcmp(x->data, y->data, size) : 0;
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

void api_user_sort_vhosts(struct api_user *user)
{
    if (user->vhost_count > 1)
        qsort(user->vhosts, user->vhost_count, sizeof *user->vhosts, compare);
}

bool api_user_has_vhost(const struct api_user *user, struct slice vhost)
{
    return user->vhost_count > 0 &&
           bsearch(&vhost, user->vhosts, user->vhost_count, sizeof *user->vhosts, compare) != NULL;
}

bool api_user_is_administrator(const struct api_user *user)
{
    return (user->tag_bits & USER_ADMINISTRATOR) != 0;
}

bool api_user_is_monitoring(const struct api_user *user)
{
    return (user->tag_bits & (USER_ADMINISTRATOR | USER_MONITORING)) != 0;
}

bool api_user_is_policymaker(const struct api_user *user)
{
    return (user->tag_bits & (USER_ADMINISTRATOR | USER_POLICYMAKER)) != 0;
}

bool api_user_is_management(const struct api_user *user)
{
    return (user->tag_bits &
            (USER_ADMINISTRATOR | USER_MONITORING | USER_POLICYMAKER | USER_MANAGEMENT)) != 0;
}

bool api_user_sees_vhost(const struct api_user *user, struct slice vhost)
{
    return api_user_is_monitoring(user) || api_user_has_vhost(user, vhost);
}
