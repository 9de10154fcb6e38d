/* SPDX-License-Identifier: Apache-2.0
 *
 * Permissions and topic permissions: all of them, a vhost's, a user's. One writer serves all lists:
 * it leaves out what the path's {vhost} or {user} is not.
 */
#include "exchange/engine.h"
#include "mgmt/api/accounts.h"
#include "mgmt/api/handlers.h"
#include "server/base/mem.h"

static bool is_topic(const struct api_request *request)
{
    const char *path = request->route->path;
    return strstr(path, "topic-permissions") != NULL;
}

/* --- shown ----------------------------------------------------------------------------------- */

static void write_permission(struct json_writer *writer, const struct vhost *vhost,
                             const struct permission *permission)
{
    json_write_object(writer);
    json_put_string(writer, "user", permission->user);
    json_put_string(writer, "vhost", vhost->name);
    if (permission->exchange.data != NULL)
        json_put_string(writer, "exchange", permission->exchange);
    else
        json_put_string(writer, "configure", permission->expressions[ACCESS_CONFIGURE]);
    json_put_string(writer, "write", permission->expressions[ACCESS_WRITE]);
    json_put_string(writer, "read", permission->expressions[ACCESS_READ]);
    json_write_object_end(writer);
}

/* The path's argument NAME is VALUE, or it has none. */
static bool is_asked(const struct api_request *request, const char *name, struct slice value)
{
    return route_argument(request->route, name) < 0 ||
           slice_equal(api_argument(request, name), value);
}

static unsigned write_of_vhost(struct api_request *request, struct json_writer *writer,
                               const struct vhost *vhost)
{
    const struct map *map = is_topic(request) ? &vhost->topic_permissions : &vhost->permissions;
    struct permission **permissions = (struct permission **)accounts_sorted(map);
    unsigned count = 0;
    for (uint32_t i = 0; i < map->count; i++)
        if (is_asked(request, "user", permissions[i]->user)) {
            write_permission(writer, vhost, permissions[i]);
            count++;
        }
    mem_free(permissions);
    return count;
}

/* Is everything there that the path names? */
static bool is_there(struct api_request *request, const struct engine *engine)
{
    return (route_argument(request->route, "vhost") < 0 ||
            map_get(&engine->vhosts, api_argument(request, "vhost")) != NULL) &&
           (route_argument(request->route, "user") < 0 ||
            map_get(&engine->users, api_argument(request, "user")) != NULL);
}

static uint64_t write_list(struct api_request *request, struct engine *engine,
                           struct outcome *outcome)
{
    struct json_writer writer;
    unsigned count = 0;
    if (!is_there(request, engine))
        return outcome_not_found(outcome);
    struct vhost **vhosts = (struct vhost **)accounts_sorted(&engine->vhosts);
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (uint32_t i = 0; i < engine->vhosts.count; i++)
        if (is_asked(request, "vhost", vhosts[i]->name))
            count += write_of_vhost(request, &writer, vhosts[i]);
    json_write_array_end(&writer);
    mem_free(vhosts);
    /* A user's topic permissions in one vhost are a resource that is there or not. */
    if (count == 0 && is_topic(request) && route_argument(request->route, "vhost") >= 0 &&
        route_argument(request->route, "user") >= 0) {
        outcome->body.size = 0;
        return outcome_not_found(outcome);
    }
    return 0;
}

void api_get_permissions(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_list);
}

static struct permission *find(struct api_request *request, struct engine *engine)
{
    const struct vhost *vhost = outcome_vhost(request, engine);
    return vhost == NULL ? NULL : permission_find(vhost, api_argument(request, "user"));
}

static uint64_t write_one(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct json_writer writer;
    const struct permission *permission = find(request, engine);
    if (permission == NULL)
        return outcome_not_found(outcome);
    outcome_write(outcome, &writer);
    write_permission(&writer, outcome_vhost(request, engine), permission);
    return 0;
}

void api_get_permission(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_one);
}

/* --- changed --------------------------------------------------------------------------------- */

static uint64_t put(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    const json_t *body = outcome->document;
    struct slice vhost = api_argument(request, "vhost"), user = api_argument(request, "user");
    const struct slice expressions[ACCESS_OPERATIONS] = {accounts_string(body, "configure"),
                                                         accounts_string(body, "write"),
                                                         accounts_string(body, "read")};
    struct account_result result = is_topic(request)
                                       ? access_set_topic_permission(
                                             engine, vhost, user, accounts_string(body, "exchange"),
                                             expressions)
                                       : access_set_permission(engine, vhost, user, expressions);
    if (result.status == ACCOUNT_NO_USER || result.status == ACCOUNT_NO_VHOST) {
        outcome->status = 400;
        outcome->error = "bad_request";
        buf_bytes(&outcome->body, SLICE_LITERAL("vhost_or_user_not_found"));
        return 0;
    }
    if (result.status == ACCOUNT_REFUSED && result.bad.data != NULL) {
        outcome->status = 400;
        outcome->error = "bad_request";
        outcome->reason = json_pack("[s, s%, [s, I]]", "invalid_regexp", result.bad.data,
                                    result.bad.size, result.reason, (json_int_t)result.offset);
        return 0;
    }
    return accounts_end(outcome, &result);
}

static void put_body(struct api_request *request, const char *const *members)
{
    json_t *body = api_read_json(request);
    if (body == NULL)
        return;
    if (!accounts_need_strings(request, body, members)) {
        json_decref(body);
        return;
    }
    struct outcome *outcome = outcome_new(request);
    outcome->document = body;
    outcome_ask(request, outcome, put);
}

void api_put_permission(struct api_request *request)
{
    static const char *const members[] = {"configure", "write", "read", NULL};
    put_body(request, members);
}

void api_put_topic_permission(struct api_request *request)
{
    static const char *const members[] = {"exchange", "write", "read", NULL};
    put_body(request, members);
}

static uint64_t clear(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    struct account_result result = access_clear_permission(engine, api_argument(request, "vhost"),
                                                           api_argument(request, "user"));
    return accounts_end(outcome, &result);
}

void api_delete_permission(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), clear);
}

static uint64_t clear_topic(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    struct slice exchange = SLICE_EMPTY;
    if (route_argument(request->route, "exchange") >= 0) {
        exchange = api_argument(request, "exchange");
        if (exchange.data == NULL)
            exchange = SLICE_LITERAL("");
    }
    struct account_result result = access_clear_topic_permission(
        engine, api_argument(request, "vhost"), api_argument(request, "user"), exchange);
    return accounts_end(outcome, &result);
}

void api_delete_topic_permission(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), clear_topic);
}
