/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. RabbitMQ matches an empty expression with "^$": it allows what has no name, which
 * for exchanges and queues is nothing. ".*" is what nearly all permissions are: it needs no
 * pattern.
 */
#include "exchange/permission.h"

#include "amqp/table.h"
#include "exchange/definition.h"
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/vhost.h"
#include "server/base/buf.h"
#include "server/base/mem.h"

static const char *const field_names[ACCESS_OPERATIONS] = {"configure", "write", "read"};

bool permission_allows(const struct permission *permission, enum access_operation operation,
                       struct slice name)
{
    if (permission->matches_all[operation])
        return true;
    struct pattern *pattern = permission->patterns[operation];
    return pattern == NULL ? name.size == 0 : pattern_matches(pattern, name);
}

/* --- life --------------------------------------------------------------------------------- */

static bool starts_with_at(struct slice text, size_t at, struct slice prefix)
{
    return slice_starts_with(slice_of(text.data + at, text.size - at), prefix);
}

/* EXPRESSION with its variables replaced, in ROOM. */
static struct slice expand(struct slice expression, const struct vhost *vhost, struct slice user,
                           struct buf *room)
{
    static const struct slice username = {(const uint8_t *)"{username}", 10};
    static const struct slice vhost_name = {(const uint8_t *)"{vhost}", 7};
    room->size = 0;
    for (size_t i = 0; i < expression.size;) {
        if (starts_with_at(expression, i, username)) {
            buf_bytes(room, user);
            i += username.size;
        } else if (starts_with_at(expression, i, vhost_name)) {
            buf_bytes(room, vhost->name);
            i += vhost_name.size;
        } else {
            buf_u8(room, expression.data[i++]);
        }
    }
    return buf_slice(room);
}

static bool set_expression(struct permission *permission, enum access_operation operation,
                           struct slice expression, const struct vhost *vhost,
                           struct pattern_error *error)
{
    struct buf room = {0};
    bool is_topic = permission->exchange.data != NULL;
    permission->expressions[operation] = slice_dup(expression);
    permission->matches_all[operation] = slice_equal(expression, SLICE_LITERAL(".*"));
    if (expression.size == 0 || permission->matches_all[operation])
        return true;
    if (is_topic)
        expression = expand(expression, vhost, permission->user, &room);
    permission->patterns[operation] = pattern_new(expression, error);
    buf_fini(&room);
    return permission->patterns[operation] != NULL;
}

struct permission *permission_new(const struct vhost *vhost, struct slice user,
                                  struct slice exchange,
                                  const struct slice expressions[ACCESS_OPERATIONS],
                                  struct slice *bad, struct pattern_error *error)
{
    struct buf key = {0};
    struct permission *permission = mem_zalloc(sizeof *permission);
    buf_bytes(&key, user);
    if (exchange.data != NULL) {
        buf_u8(&key, 0);
        buf_bytes(&key, exchange);
    }
    permission->key = slice_dup(buf_slice(&key));
    buf_fini(&key);
    permission->user = slice_of(permission->key.data, user.size);
    if (exchange.data != NULL)
        permission->exchange = slice_of(permission->key.data + user.size + 1, exchange.size);
    for (unsigned i = 0; i < ACCESS_OPERATIONS; i++)
        if (!set_expression(permission, i, expressions[i], vhost, error)) {
            *bad = expressions[i];
            permission_free(permission);
            return NULL;
        }
    return permission;
}

void permission_free(struct permission *permission)
{
    for (unsigned i = 0; i < ACCESS_OPERATIONS; i++) {
        mem_free((void *)permission->expressions[i].data);
        pattern_free(permission->patterns[i]);
    }
    mem_free((void *)permission->key.data);
    mem_free(permission);
}

static void free_all(struct map *permissions)
{
    uint32_t position = 0;
    for (struct permission *permission; (permission = map_next(permissions, &position)) != NULL;)
        permission_free(permission);
    map_fini(permissions);
}

void permission_fini(struct vhost *vhost)
{
    free_all(&vhost->permissions);
    free_all(&vhost->topic_permissions);
}

/* --- a vhost's ---------------------------------------------------------------------------- */

struct permission *permission_find(const struct vhost *vhost, struct slice user)
{
    return map_get(&vhost->permissions, user);
}

struct permission *permission_find_topic(const struct vhost *vhost, struct slice user,
                                         struct slice exchange)
{
    struct buf room = {0};
    struct permission *found = NULL;
    if (vhost->topic_permissions.count > 0)
        found = map_get(&vhost->topic_permissions,
                        definition_key(&room, user, exchange, SLICE_EMPTY));
    buf_fini(&room);
    return found;
}

static struct map *map_of(struct vhost *vhost, bool is_topic)
{
    return is_topic ? &vhost->topic_permissions : &vhost->permissions;
}

static enum definition_kind kind_of(bool is_topic)
{
    return is_topic ? DEFINITION_TOPIC_PERMISSION : DEFINITION_PERMISSION;
}

static uint64_t define(struct vhost *vhost, const struct permission *permission, bool is_topic)
{
    struct buf value = {0}, room = {0};
    for (unsigned i = is_topic ? ACCESS_WRITE : ACCESS_CONFIGURE; i < ACCESS_OPERATIONS; i++)
        table_put_longstr(&value, field_names[i], permission->expressions[i]);
    struct slice key = definition_key(&room, vhost->name, permission->key, SLICE_EMPTY);
    uint64_t lsn = engine_define(vhost->engine, kind_of(is_topic), key, buf_slice(&value));
    buf_fini(&value);
    buf_fini(&room);
    return lsn;
}

/* Adds PERMISSION to VHOST in place of the one that was there. */
static void put(struct vhost *vhost, struct permission *permission, bool is_topic)
{
    struct permission *former = map_remove(map_of(vhost, is_topic), permission->key);
    if (former != NULL)
        permission_free(former);
    map_add(map_of(vhost, is_topic), permission->key, permission);
    vhost->engine->access_generation++;
}

uint64_t permission_put(struct vhost *vhost, struct permission *permission, bool is_topic)
{
    put(vhost, permission, is_topic);
    return define(vhost, permission, is_topic);
}

uint64_t permission_remove(struct vhost *vhost, struct permission *permission, bool is_topic)
{
    struct buf room = {0};
    struct slice key = definition_key(&room, vhost->name, permission->key, SLICE_EMPTY);
    uint64_t lsn = engine_undefine(vhost->engine, kind_of(is_topic), key);
    buf_fini(&room);
    map_remove(map_of(vhost, is_topic), permission->key);
    permission_free(permission);
    vhost->engine->access_generation++;
    return lsn;
}

/* Any of USER's among the permissions of VHOST (of anybody's, when USER's data is NULL). */
static struct permission *any(struct vhost *vhost, struct slice user, bool is_topic)
{
    uint32_t position = 0;
    struct permission *permission;
    while ((permission = map_next(map_of(vhost, is_topic), &position)) != NULL)
        if (user.data == NULL || slice_equal(permission->user, user))
            break;
    return permission;
}

bool permission_has_topics(struct vhost *vhost, struct slice user)
{
    return any(vhost, user, true) != NULL;
}

unsigned permission_remove_topics(struct vhost *vhost, struct slice user, uint64_t *lsn)
{
    unsigned count = 0;
    for (struct permission *found; (found = any(vhost, user, true)) != NULL; count++)
        *lsn = permission_remove(vhost, found, true);
    return count;
}

void permission_remove_of_user(struct engine *engine, struct slice user)
{
    uint32_t position = 0;
    uint64_t lsn;
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;) {
        struct permission *found = permission_find(vhost, user);
        if (found != NULL)
            (void)permission_remove(vhost, found, false);
        (void)permission_remove_topics(vhost, user, &lsn);
    }
}

void permission_remove_of_vhost(struct vhost *vhost)
{
    for (unsigned is_topic = 0; is_topic < 2; is_topic++)
        for (struct permission *found; (found = any(vhost, SLICE_EMPTY, is_topic)) != NULL;) {
            event_permission_cleared(vhost, found->user, is_topic);
            (void)permission_remove(vhost, found, is_topic);
        }
}

void permission_define_all(struct vhost *vhost)
{
    for (unsigned is_topic = 0; is_topic < 2; is_topic++) {
        uint32_t position = 0;
        for (const struct permission *permission;
             (permission = map_next(map_of(vhost, is_topic), &position)) != NULL;)
            (void)define(vhost, permission, is_topic);
    }
}

/* --- from the store ----------------------------------------------------------------------- */

static bool restore(struct engine *engine, struct slice key, struct slice value, bool is_topic)
{
    struct slice expressions[ACCESS_OPERATIONS] = {SLICE_EMPTY}, bad;
    struct pattern_error error;
    struct vhost *vhost = map_get(&engine->vhosts, definition_key_next(&key));
    struct slice user = definition_key_next(&key);
    for (unsigned i = 0; i < ACCESS_OPERATIONS; i++) {
        struct table_value field;
        if (table_find(value, slice_from_string(field_names[i]), &field) &&
            field.type == TABLE_LONGSTR)
            expressions[i] = field.bytes;
    }
    if (vhost == NULL)
        return false;
    struct slice exchange = !is_topic ? SLICE_EMPTY : key.data == NULL ? SLICE_LITERAL("") : key;
    struct permission *permission = permission_new(vhost, user, exchange, expressions, &bad,
                                                   &error);
    if (permission != NULL)
        put(vhost, permission, is_topic);
    return permission != NULL;
}

bool permission_restore(struct engine *engine, struct slice key, struct slice value)
{
    return restore(engine, key, value, false);
}

bool permission_restore_topic(struct engine *engine, struct slice key, struct slice value)
{
    return restore(engine, key, value, true);
}
