/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/vhost-limits and /api/user-limits.
 */
#include "exchange/engine.h"
#include "exchange/erlang_term.h"
#include "mgmt/amqp_json.h"
#include "mgmt/api/accounts.h"
#include "mgmt/api/handlers.h"
#include "server/base/mem.h"

/* What the two kinds of limits differ in. */
struct kind {
    const char *owner;       /* of the path, and in what is shown: "user" */
    const char *other;       /* the limit beside max-connections */
    const char *problem;     /* in front of RabbitMQ's reasons */
    const char *problem_end; /* and behind */
    const char *limits;      /* how they call the limits */
};

static const struct kind of_vhost = {"vhost", "max-queues", "Validation failed\n\n", "\n",
                                     "limits"};
static const struct kind of_user = {"user", "max-channels", "", "", "user-limits"};

/* --- shown ----------------------------------------------------------------------------------- */

static void write_limits(struct json_writer *writer, const struct kind *kind, struct slice owner,
                         int64_t connections, int64_t other)
{
    if (connections == LIMIT_UNSET && other == LIMIT_UNSET)
        return;
    json_write_object(writer);
    json_put_string(writer, kind->owner, owner);
    if (json_put_object(writer, "value")) {
        if (connections != LIMIT_UNSET && json_write_key(writer, SLICE_LITERAL("max-connections")))
            json_write_int(writer, connections);
        if (other != LIMIT_UNSET && json_write_key(writer, slice_from_string(kind->other)))
            json_write_int(writer, other);
    }
    json_write_object_end(writer);
    json_write_object_end(writer);
}

/* The path names nobody, or OWNER. */
static bool is_asked(const struct api_request *request, const struct kind *kind, struct slice owner)
{
    return route_argument(request->route, kind->owner) < 0 ||
           slice_equal(api_argument(request, kind->owner), owner);
}

static uint64_t write_vhosts(struct api_request *request, struct engine *engine,
                             struct outcome *outcome)
{
    struct json_writer writer;
    bool is_one = route_argument(request->route, "vhost") >= 0;
    if (is_one && outcome_vhost(request, engine) == NULL)
        return outcome_not_found(outcome);
    struct vhost **vhosts = (struct vhost **)accounts_sorted(&engine->vhosts);
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (uint32_t i = 0; i < engine->vhosts.count; i++)
        if (is_asked(request, &of_vhost, vhosts[i]->name) &&
            api_user_sees_vhost(request->user, vhosts[i]->name))
            write_limits(&writer, &of_vhost, vhosts[i]->name, vhosts[i]->connections_max,
                         vhosts[i]->queues_max);
    json_write_array_end(&writer);
    mem_free(vhosts);
    return 0;
}

void api_get_vhost_limits(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_vhosts);
}

static uint64_t write_users(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    struct json_writer writer;
    bool is_one = route_argument(request->route, "user") >= 0;
    bool sees_all = api_user_is_administrator(request->user);
    if (is_one && map_get(&engine->users, api_argument(request, "user")) == NULL)
        return outcome_not_found(outcome);
    struct user **users = (struct user **)accounts_sorted(&engine->users);
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (uint32_t i = 0; i < engine->users.count; i++)
        if (is_asked(request, &of_user, users[i]->name) &&
            (sees_all || slice_equal(request->user->name, users[i]->name)))
            write_limits(&writer, &of_user, users[i]->name, users[i]->connections_max,
                         users[i]->channels_max);
    json_write_array_end(&writer);
    mem_free(users);
    return 0;
}

void api_get_user_limits(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_users);
}

/* --- changed --------------------------------------------------------------------------------- */

static bool is_vhosts(const struct api_request *request)
{
    return route_argument(request->route, "vhost") >= 0;
}

static uint64_t change(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    const json_t *document = outcome->document; /* NULL: the limit is to go */
    int64_t value = json_integer_value(document);
    const int64_t *limit = document == NULL ? NULL : &value;
    struct slice name = api_argument(request, "name");
    struct account_result result =
        is_vhosts(request)
            ? access_put_vhost_limit(engine, api_argument(request, "vhost"), name, limit)
            : access_put_user_limit(engine, api_argument(request, "user"), name, limit);
    if (result.status == ACCOUNT_CREATED)
        result.status = ACCOUNT_REPLACED; /* RabbitMQ makes no difference here */
    if (result.status == ACCOUNT_NO_VHOST)
        return outcome_no_vhost(outcome);
    if (result.status == ACCOUNT_NO_USER) {
        struct slice user = api_argument(request, "user");
        outcome->status = 400;
        outcome->error = "bad_request";
        outcome->reason = json_pack("[s, s%]", "no_such_user", user.data, user.size);
        return 0;
    }
    return accounts_end(outcome, &result);
}

/* Refuses VALUE for the limit that the path names, as RabbitMQ does; false then. */
static bool check(struct api_request *request, const json_t *value)
{
    const struct kind *kind = is_vhosts(request) ? &of_vhost : &of_user;
    struct slice name = api_argument(request, "name");
    bool is_known = slice_equal(name, SLICE_LITERAL("max-connections")) ||
                    slice_equal(name, slice_from_string(kind->other));
    struct buf pair = {0}, text = {0};
    struct cursor cursor;
    struct slice key;
    struct table_value given;
    if (is_known && json_is_integer(value))
        return true;
    if (!amqp_json_to_pair(SLICE_LITERAL("value"), value, &pair)) {
        api_refuse_bad_request(request, "value should be a number");
    } else {
        cursor = cursor_of(buf_slice(&pair));
        (void)table_next(&cursor, &key, &given);
        if (is_known)
            erlang_term(&text, &given);
        else
            erlang_pair(&text, name, &given);
        if (is_known)
            api_refuse_bad_request(request, "%s%.*s should be a number, actually was %.*s%s",
                                   kind->problem, SLICE_ARGS(name), SLICE_ARGS(buf_slice(&text)),
                                   kind->problem_end);
        else
            api_refuse_bad_request(request, "%sUnrecognised terms [%.*s] in %s%s", kind->problem,
                                   SLICE_ARGS(buf_slice(&text)), kind->limits, kind->problem_end);
    }
    buf_fini(&pair);
    buf_fini(&text);
    return false;
}

void api_put_limit(struct api_request *request)
{
    json_t *body = api_read_json(request);
    if (body == NULL)
        return;
    json_t *value = json_object_get(body, "value");
    if (value == NULL) {
        api_refuse_bad_request(request, "[{key_missing,value}]");
    } else if (check(request, value)) {
        struct outcome *outcome = outcome_new(request);
        outcome->document = json_incref(value);
        outcome_ask(request, outcome, change);
    }
    json_decref(body);
}

void api_delete_limit(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), change);
}
