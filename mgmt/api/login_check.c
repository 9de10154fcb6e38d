/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/login_check.h"

#include "exchange/engine.h"
#include "exchange/permission.h"
#include "exchange/vhost.h"
#include "mgmt/management.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

static void mark_password(const struct user *user, uint8_t mark[AUTHENTICATION_KEY_BYTES])
{
    crypto_sha256(SLICE_LITERAL("password"), user->password_hash, mark);
}

static struct api_user *copy_user(const struct engine *engine, const struct user *user)
{
    struct api_user *copy = api_user_new(user->name, user->tags, user->tag_bits);
    mark_password(user, copy->password_mark);
    uint32_t position = 0;
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;)
        if (permission_find(vhost, user->name) != NULL)
            api_user_add_vhost(copy, vhost->name);
    api_user_sort_vhosts(copy);
    return copy;
}

static bool is_right(const struct login_check *check, const struct user *user)
{
    if (!check->by_mark)
        return user_has_password(user, check->password);
    uint8_t mark[AUTHENTICATION_KEY_BYTES];
    mark_password(user, mark);
    return memcmp(mark, check->mark, sizeof mark) == 0;
}

static void come_back(struct call *call)
{
    struct login_check *check = (struct login_check *)call;
    check->finish(check);
    api_user_unref(check->user);
    api_user_unref(check->user_asked);
    mem_free(check);
}

static void look_up(struct call *call)
{
    struct login_check *check = (struct login_check *)call;
    struct management *management = check->authentication->management;
    struct engine *engine = management->view->engine;
    const struct user *user = map_get(&engine->users, check->name);
    check->result = LOGIN_REFUSED;
    if (user == NULL) {
        check->problem = "unknown user";
    } else if (!is_right(check, user)) {
        check->problem = "wrong password";
    } else if (!address_is_loopback(&check->peer) && engine->is_loopback_only != NULL &&
               engine->is_loopback_only(engine->context, user->name)) {
        check->problem = "not from loopback";
        check->result = LOGIN_NOT_LOOPBACK;
    } else {
        check->result = LOGIN_ACCEPTED;
        check->user = copy_user(engine, user);
    }
    if (check->result != LOGIN_ACCEPTED && !check->by_mark) {
        char host[ADDRESS_HOST_BYTES];
        address_host(&check->peer, host);
        check->late_ms = login_failed(engine, LOGIN_HTTP, slice_from_string(host));
    }
    check->call.run = come_back;
    loop_call(&management->loop, &check->call);
}

void login_check_send(struct login_check *check)
{
    check->call.run = look_up;
    loop_call(check->authentication->management->view->engine_loop, &check->call);
}
