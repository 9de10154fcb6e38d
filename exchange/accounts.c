/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/accounts.h"

#include <stdio.h>

#include "amqp/table.h"
#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/session.h"
#include "server/base/mem.h"

#define RESULT(...) ((struct account_result){.status = __VA_ARGS__})

/* The same limit of a user, a vhost, in its value. */
static const struct slice max_connections = {(const uint8_t *)"max-connections", 15};
static const struct slice max_channels = {(const uint8_t *)"max-channels", 12};
static const struct slice max_queues = {(const uint8_t *)"max-queues", 10};

static struct account_result refused(const char *reason)
{
    struct account_result result = RESULT(ACCOUNT_REFUSED);
    strncpy(result.reason, reason, sizeof result.reason - 1);
    return result;
}

static bool is_name(struct slice name)
{
    return name.size > 0 && name.size <= ACCOUNT_NAME_MAX && slice_is_utf8(name) &&
           memchr(name.data, 0, name.size) == NULL;
}

/* What was done is one in the log. */
static struct account_result done(struct engine *engine, enum account_status status)
{
    engine->access_generation++;
    uint64_t lsn = engine_end_together(engine);
    engine_end_change(engine);
    return RESULT(status, .lsn = lsn);
}

/* Closes the connections of USER or, if that is NULL, those in VHOST. */
static void close_connections(struct engine *engine, const struct user *user,
                              const struct vhost *vhost)
{
    struct reply_error error;
    if (user != NULL)
        (void)reply_error(&error, REPLY_CONNECTION_FORCED, "user '%.*s' is deleted",
                          SLICE_ARGS(user->name));
    else
        (void)reply_error(&error, REPLY_CONNECTION_FORCED, "vhost '%.*s' is deleted",
                          SLICE_ARGS(vhost->name));
    list_for_each_safe (node, &engine->sessions) {
        struct session *session = LIST_ENTRY(node, struct session, by_engine);
        if (user != NULL ? session->user != user : session->vhost != vhost)
            continue;
        engine_close_session(session, &error);
        if (user == NULL)
            engine_leave_vhost(session);
    }
}

/* --- users -------------------------------------------------------------------------------- */

struct account_result access_put_user(struct engine *engine, const struct user_spec *spec)
{
    struct user *user = map_get(&engine->users, spec->name);
    enum account_status status = user == NULL ? ACCOUNT_CREATED : ACCOUNT_REPLACED;
    if (!is_name(spec->name))
        return refused("invalid user name");
    if (spec->password_hash.size > USER_HASH_BYTES_MAX)
        return refused("password hash is too long");
    if (spec->tags.size > DEFINITION_BYTES_MAX / 2)
        return refused("tags are too long");
    engine_begin_together(engine);
    if (user == NULL) {
        user = user_new(spec->name);
        map_add(&engine->users, user->name, user);
    }
    if (spec->password.data != NULL) {
        uint8_t salt[USER_SALT_BYTES];
        engine->env->random(engine->env->context, salt, sizeof salt);
        user_set_password(user, spec->password, salt);
    } else {
        user_set_password_hash(user, spec->hashing, spec->password_hash);
    }
    user_set_tags(user, spec->tags);
    (void)user_define(engine, user);
    event_user(engine, status == ACCOUNT_CREATED ? "user.created" : "user.password.changed",
               user->name);
    event_user_tags(engine, user);
    return done(engine, status);
}

struct account_result access_delete_user(struct engine *engine, struct slice name)
{
    struct user *user = map_get(&engine->users, name);
    if (user == NULL)
        return RESULT(ACCOUNT_NO_USER);
    engine_begin_together(engine);
    close_connections(engine, user, NULL);
    permission_remove_of_user(engine, name);
    if (user->connections_max != LIMIT_UNSET || user->channels_max != LIMIT_UNSET)
        (void)engine_undefine(engine, DEFINITION_USER_LIMITS, name);
    (void)engine_undefine(engine, DEFINITION_USER, name);
    map_remove(&engine->users, name);
    user->deleted = true;
    event_user(engine, "user.deleted", user->name);
    user_unref(user);
    return done(engine, ACCOUNT_DELETED);
}

/* --- vhosts ------------------------------------------------------------------------------- */

void access_allow_all(const struct user *user, struct vhost *vhost)
{
    static const struct slice all = {(const uint8_t *)".*", 2};
    struct slice bad;
    struct pattern_error error;
    struct permission *permission = permission_new(vhost, user->name, SLICE_EMPTY,
                                                   (struct slice[]){all, all, all}, &bad, &error);
    map_add(&vhost->permissions, permission->key, permission);
}

static struct account_result too_many_vhosts(const struct engine *engine, struct slice name)
{
    struct account_result result = RESULT(ACCOUNT_REFUSED);
    (void)snprintf(result.reason, sizeof result.reason,
                   "cannot create vhost '%.*s': vhost limit of %u is reached", SLICE_ARGS(name),
                   engine->maxima.vhosts);
    return result;
}

struct account_result access_put_vhost(struct engine *engine, struct slice name,
                                       const struct vhost_metadata *metadata, struct slice creator)
{
    static const struct slice all = {(const uint8_t *)".*", 2};
    struct vhost *vhost = map_get(&engine->vhosts, name);
    enum account_status status = vhost == NULL ? ACCOUNT_CREATED : ACCOUNT_REPLACED;
    if (!is_name(name))
        return refused("invalid vhost name");
    if (metadata->description.size + metadata->default_queue_type.size + metadata->tags.size >
        DEFINITION_BYTES_MAX / 2)
        return refused("metadata is too long");
    if (vhost == NULL && engine->maxima.vhosts != 0 &&
        engine->vhosts.count >= engine->maxima.vhosts)
        return too_many_vhosts(engine, name);
    engine_begin_together(engine);
    if (vhost == NULL) {
        vhost = vhost_new(engine, name);
        map_add(&engine->vhosts, vhost->name, vhost);
    }
    vhost_set_metadata(vhost, metadata);
    (void)vhost_define(vhost);
    event_vhost(vhost, status == ACCOUNT_CREATED ? "vhost.created" : "vhost.updated");
    if (status == ACCOUNT_CREATED && map_get(&engine->users, creator) != NULL)
        (void)access_set_permission(engine, name, creator, (struct slice[]){all, all, all});
    return done(engine, status);
}

static void delete_policies(struct vhost *vhost)
{
    for (unsigned kind = 0; kind < POLICY_KINDS; kind++)
        for (struct list_node *node; (node = list_first(&vhost->policies[kind])) != NULL;)
            (void)policy_delete(vhost, (enum policy_kind)kind,
                                LIST_ENTRY(node, struct policy, by_rank));
}

static void undefine_vhost(struct engine *engine, struct vhost *vhost)
{
    if (vhost->connections_max != LIMIT_UNSET || vhost->queues_max != LIMIT_UNSET)
        (void)engine_undefine(engine, DEFINITION_VHOST_LIMITS, vhost->name);
    (void)engine_undefine(engine, DEFINITION_VHOST, vhost->name);
}

struct account_result access_delete_vhost(struct engine *engine, struct slice name)
{
    struct vhost *vhost = map_get(&engine->vhosts, name);
    if (vhost == NULL)
        return RESULT(ACCOUNT_NO_VHOST);
    engine_begin_together(engine);
    close_connections(engine, NULL, vhost);
    delete_policies(vhost);
    permission_remove_of_vhost(vhost);
    vhost_unbind_predeclared(vhost);
    undefine_vhost(engine, vhost);
    map_remove(&engine->vhosts, vhost->name);
    vhost->references++;
    vhost_free(vhost);
    event_vhost(vhost, "vhost.deleted");
    vhost_unref(vhost);
    return done(engine, ACCOUNT_DELETED);
}

/* --- permissions -------------------------------------------------------------------------- */

static struct account_result set_permission(struct engine *engine, struct slice vhost_name,
                                            struct slice user, struct slice exchange,
                                            const struct slice expressions[ACCESS_OPERATIONS])
{
    struct vhost *vhost = map_get(&engine->vhosts, vhost_name);
    bool is_topic = exchange.data != NULL;
    struct pattern_error error = {0};
    struct account_result result = RESULT(ACCOUNT_REFUSED);
    if (vhost == NULL)
        return RESULT(ACCOUNT_NO_VHOST);
    if (map_get(&engine->users, user) == NULL)
        return RESULT(ACCOUNT_NO_USER);
    if (exchange.size > ACCOUNT_NAME_MAX)
        return refused("invalid exchange name");
    /* A user's topic permissions in a vhost are one resource, as RabbitMQ sees it. */
    bool was_there = is_topic ? permission_has_topics(vhost, user)
                              : permission_find(vhost, user) != NULL;
    enum account_status status = was_there ? ACCOUNT_REPLACED : ACCOUNT_CREATED;
    struct permission *permission = permission_new(vhost, user, exchange, expressions, &result.bad,
                                                   &error);
    if (permission == NULL) {
        strncpy(result.reason, error.text, sizeof result.reason - 1);
        result.offset = error.offset;
        return result;
    }
    engine_begin_together(engine);
    (void)permission_put(vhost, permission, is_topic);
    event_permission_set(vhost, permission, is_topic);
    return done(engine, status);
}

struct account_result access_set_permission(struct engine *engine, struct slice vhost,
                                            struct slice user,
                                            const struct slice expressions[ACCESS_OPERATIONS])
{
    return set_permission(engine, vhost, user, SLICE_EMPTY, expressions);
}

struct account_result access_set_topic_permission(struct engine *engine, struct slice vhost,
                                                  struct slice user, struct slice exchange,
                                                  const struct slice expressions[ACCESS_OPERATIONS])
{
    struct slice used[ACCESS_OPERATIONS] = {SLICE_EMPTY, expressions[ACCESS_WRITE],
                                            expressions[ACCESS_READ]};
    return set_permission(engine, vhost, user, exchange.data == NULL ? SLICE_LITERAL("") : exchange,
                          used);
}

struct account_result access_clear_permission(struct engine *engine, struct slice vhost_name,
                                              struct slice user)
{
    struct vhost *vhost = map_get(&engine->vhosts, vhost_name);
    struct permission *permission = vhost == NULL ? NULL : permission_find(vhost, user);
    if (vhost == NULL)
        return RESULT(ACCOUNT_NO_VHOST);
    if (permission == NULL)
        return RESULT(ACCOUNT_NOTHING);
    engine_begin_together(engine);
    (void)permission_remove(vhost, permission, false);
    event_permission_cleared(vhost, user, false);
    return done(engine, ACCOUNT_DELETED);
}

struct account_result access_clear_topic_permission(struct engine *engine, struct slice vhost_name,
                                                    struct slice user, struct slice exchange)
{
    struct vhost *vhost = map_get(&engine->vhosts, vhost_name);
    uint64_t lsn;
    unsigned count = 0;
    if (vhost == NULL)
        return RESULT(ACCOUNT_NO_VHOST);
    engine_begin_together(engine);
    if (exchange.data == NULL) {
        count = permission_remove_topics(vhost, user, &lsn);
    } else {
        struct permission *permission = permission_find_topic(vhost, user, exchange);
        if (permission != NULL) {
            (void)permission_remove(vhost, permission, true);
            count = 1;
        }
    }
    if (count > 0)
        event_permission_cleared(vhost, user, true);
    return done(engine, count > 0 ? ACCOUNT_DELETED : ACCOUNT_NOTHING);
}

/* --- limits ------------------------------------------------------------------------------- */

struct limit {
    struct slice name;
    int64_t *value;
};

static struct account_result put_limit(struct engine *engine, enum definition_kind kind,
                                       struct slice key, const struct limit limits[2],
                                       struct slice name, const int64_t *value)
{
    struct buf table = {0};
    int64_t *limit = slice_equal(name, limits[0].name)   ? limits[0].value
                     : slice_equal(name, limits[1].name) ? limits[1].value
                                                         : NULL;
    if (limit == NULL && value != NULL)
        return refused("unrecognised limit");
    engine_begin_together(engine);
    bool was_set = limit != NULL && *limit != LIMIT_UNSET;
    if (limit != NULL)
        *limit = value != NULL ? *value : LIMIT_UNSET;
    for (unsigned i = 0; i < 2; i++)
        if (*limits[i].value != LIMIT_UNSET)
            table_put(&table, limits[i].name,
                      &(struct table_value){.type = TABLE_INT64, .integer = *limits[i].value});
    if (table.size > 0)
        (void)engine_define(engine, kind, key, buf_slice(&table));
    else if (was_set)
        (void)engine_undefine(engine, kind, key);
    if (kind == DEFINITION_VHOST_LIMITS)
        event_vhost_limits(engine, key, buf_slice(&table));
    else
        event_user_limits(engine, key, buf_slice(&table));
    buf_fini(&table);
    return done(engine, value == NULL ? ACCOUNT_DELETED
                        : was_set     ? ACCOUNT_REPLACED
                                      : ACCOUNT_CREATED);
}

struct account_result access_put_vhost_limit(struct engine *engine, struct slice vhost_name,
                                             struct slice name, const int64_t *value)
{
    struct vhost *vhost = map_get(&engine->vhosts, vhost_name);
    if (vhost == NULL)
        return RESULT(ACCOUNT_NO_VHOST);
    struct limit limits[2] = {{max_connections, &vhost->connections_max},
                              {max_queues, &vhost->queues_max}};
    return put_limit(engine, DEFINITION_VHOST_LIMITS, vhost->name, limits, name, value);
}

struct account_result access_put_user_limit(struct engine *engine, struct slice user_name,
                                            struct slice name, const int64_t *value)
{
    struct user *user = map_get(&engine->users, user_name);
    if (user == NULL)
        return RESULT(ACCOUNT_NO_USER);
    struct limit limits[2] = {{max_connections, &user->connections_max},
                              {max_channels, &user->channels_max}};
    return put_limit(engine, DEFINITION_USER_LIMITS, user->name, limits, name, value);
}

/* The limit NAME among those in VALUE. */
static int64_t limit_in(struct slice value, struct slice name)
{
    struct table_value field;
    return table_find(value, name, &field) && table_type_is_integer(field.type) ? field.integer
                                                                                : LIMIT_UNSET;
}

bool vhost_restore_limits(struct engine *engine, struct slice key, struct slice value)
{
    struct vhost *vhost = map_get(&engine->vhosts, key);
    if (vhost == NULL)
        return false;
    vhost->connections_max = limit_in(value, max_connections);
    vhost->queues_max = limit_in(value, max_queues);
    return true;
}

bool user_restore_limits(struct engine *engine, struct slice key, struct slice value)
{
    struct user *user = map_get(&engine->users, key);
    if (user == NULL)
        return false;
    user->connections_max = limit_in(value, max_connections);
    user->channels_max = limit_in(value, max_channels);
    return true;
}
