/* SPDX-License-Identifier: Apache-2.0
 *
 * Users, virtual hosts, permissions, limits.
 */
#include "exchange/accounts.h"
#include "exchange/engine.h"
#include "mgmt/definitions/import_parts.h"

#define TEXT_BYTES_MAX (64u * 1024) /* of descriptions, tags, expressions */

/* All was checked before; what has become impossible since is said. */
static void expect_done(struct import *import, struct account_result result)
{
    if (result.status != ACCOUNT_CREATED && result.status != ACCOUNT_REPLACED &&
        result.status != ACCOUNT_DELETED)
        import_problem(import, "%s",
                       result.reason[0] != '\0' ? result.reason : "what it is about is gone");
}

static bool read_name(struct import *import, const json_t *item, const char *key,
                      struct slice *name)
{
    if (!import_string(import, item, key, ACCOUNT_NAME_MAX, name))
        return false;
    if (name->size > 0 && memchr(name->data, 0, name->size) == NULL)
        return true;
    import_problem(import, "%s should not be empty or hold a zero character", key);
    return false;
}

/* --- tags ------------------------------------------------------------------------------------ */

static void add_tag(struct buf *tags, struct slice tag)
{
    while (tag.size > 0 && tag.data[0] == ' ')
        tag = slice_of(tag.data + 1, tag.size - 1);
    while (tag.size > 0 && tag.data[tag.size - 1] == ' ')
        tag.size--;
    if (tag.size > 0)
        table_put_item(tags, &(struct table_value){.type = TABLE_LONGSTR, .bytes = tag});
}

/* "a,b", as RabbitMQ had it before 3.9. */
static void add_tags(struct buf *tags, struct slice text)
{
    size_t start = 0;
    for (size_t at = 0; at <= text.size; at++)
        if (at == text.size || text.data[at] == ',') {
            add_tag(tags, slice_of(text.data + start, at - start));
            start = at + 1;
        }
}

/* Appends the items of a field array: from a list of strings, a string with commas, or nothing. */
static bool read_tags(struct import *import, const json_t *member, struct buf *tags)
{
    bool good = member == NULL || json_is_string(member) || json_is_array(member);
    if (json_is_string(member))
        add_tags(tags, slice_of(json_string_value(member), json_string_length(member)));
    for (size_t i = 0; i < json_array_size(member); i++) {
        const json_t *tag = json_array_get(member, i);
        good &= json_is_string(tag);
        if (json_is_string(tag))
            add_tag(tags, slice_of(json_string_value(tag), json_string_length(tag)));
    }
    if (!good)
        import_problem(import, "tags should be a list of strings");
    else if (tags->size > TEXT_BYTES_MAX)
        import_problem(import, "tags are longer than %u bytes", TEXT_BYTES_MAX);
    return good && tags->size <= TEXT_BYTES_MAX;
}

/* --- limits ---------------------------------------------------------------------------------- */

/* Checks that LIMITS is an object with integers under A and B alone, or nothing. */
static bool check_limits(struct import *import, const json_t *limits, const char *a, const char *b)
{
    bool good = limits == NULL || json_is_object(limits) ||
                (json_is_array(limits) && json_array_size(limits) == 0);
    const char *key;
    json_t *value;
    if (!good)
        import_problem(import, "limits should be an object");
    json_object_foreach((json_t *)limits, key, value)
    {
        bool is_known = strcmp(key, a) == 0 || strcmp(key, b) == 0;
        if (!is_known)
            import_problem(import, "unrecognised limit '%.100s'", key);
        else if (!json_is_integer(value))
            import_problem(import, "%s should be a number", key);
        good &= is_known && json_is_integer(value);
    }
    return good;
}

static void apply_limits(struct import *import, struct slice name, const json_t *limits,
                         struct account_result (*put)(struct engine *engine, struct slice name,
                                                      struct slice limit, const int64_t *value))
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)limits, key, value)
    {
        int64_t number = json_integer_value(value);
        expect_done(import, put(import->engine, name, slice_from_string(key), &number));
    }
}

void import_vhost_limits(struct import *import, struct slice vhost, const json_t *limits)
{
    if (import->is_applying)
        apply_limits(import, vhost, limits, access_put_vhost_limit);
    else
        (void)check_limits(import, limits, "max-connections", "max-queues");
}

/* --- users ----------------------------------------------------------------------------------- */

/* The password or its hash; ROOM keeps what the latter is decoded to. */
static bool read_password(struct import *import, const json_t *item, struct user_spec *spec,
                          struct buf *room)
{
    struct slice hash, algorithm;
    if (json_object_get(item, "password") != NULL)
        return import_string(import, item, "password", TEXT_BYTES_MAX, &spec->password);
    if (!import_string_or(import, item, "password_hash", TEXT_BYTES_MAX, "", &hash) ||
        !import_string_or(import, item, "hashing_algorithm", TEXT_BYTES_MAX,
                          "rabbit_password_hashing_sha256", &algorithm))
        return false;
    if (!user_hashing_find(algorithm, &spec->hashing)) {
        import_problem(import, "unknown hashing_algorithm '%.*s'", SLICE_ARGS(algorithm));
        return false;
    }
    spec->password_hash = hash.size == 0
                              ? SLICE_EMPTY
                              : crypto_base64_decode(
                                    buf_reserve(room, CRYPTO_BASE64_BYTES(hash.size)), hash);
    bool good = hash.size == 0 || spec->password_hash.data != NULL;
    if (!good)
        import_problem(import, "password_hash should be base64");
    else if (spec->password_hash.size > USER_HASH_BYTES_MAX)
        import_problem(import, "password_hash is too long");
    return good && spec->password_hash.size <= USER_HASH_BYTES_MAX;
}

void import_users(struct import *import, const json_t *item)
{
    struct buf tags = {0}, room = {0};
    struct user_spec spec = {0};
    const json_t *limits = json_object_get(item, "limits");
    bool good = read_name(import, item, "name", &spec.name);
    good &= read_tags(import, json_object_get(item, "tags"), &tags);
    good &= read_password(import, item, &spec, &room);
    if (!import->is_applying)
        good &= check_limits(import, limits, "max-connections", "max-channels");
    spec.tags = buf_slice(&tags);
    if (good && import->is_applying) {
        expect_done(import, access_put_user(import->engine, &spec));
        apply_limits(import, spec.name, limits, access_put_user_limit);
    } else if (good && !import_announce(import, IMPORT_USERS, SLICE_EMPTY, spec.name, item)) {
        import_problem(import, "user '%.*s' is in the document twice", SLICE_ARGS(spec.name));
    }
    buf_fini(&tags);
    buf_fini(&room);
}

/* --- virtual hosts --------------------------------------------------------------------------- */

/* A member of the item itself, or of its "metadata". */
static const json_t *holder_of(const json_t *item, const char *key)
{
    return json_object_get(item, key) != NULL ? item : json_object_get(item, "metadata");
}

/* RabbitMQ writes "undefined" for no type. */
static bool read_metadata(struct import *import, const json_t *item,
                          struct vhost_metadata *metadata, struct buf *tags)
{
    bool good = import_string_or(import, holder_of(item, "description"), "description",
                                 TEXT_BYTES_MAX, "", &metadata->description);
    good &= import_string_or(import, holder_of(item, "default_queue_type"), "default_queue_type",
                             TEXT_BYTES_MAX, "", &metadata->default_queue_type);
    good &= read_tags(import, json_object_get(holder_of(item, "tags"), "tags"), tags);
    good &= import_flag_or(import, item, "tracing", false, &metadata->tracing);
    metadata->tags = buf_slice(tags);
    if (good && slice_equal(metadata->default_queue_type, SLICE_LITERAL("undefined")))
        metadata->default_queue_type = SLICE_EMPTY;
    return good;
}

static void check_room(struct import *import, struct slice name)
{
    const struct engine *engine = import->engine;
    uint32_t most = engine->maxima.vhosts;
    if (map_get(&engine->vhosts, name) == NULL &&
        !import_has_room(import, IMPORT_VHOSTS, engine->vhosts.count, most))
        import_problem(import, "cannot create vhost '%.*s': vhost limit of %u is reached",
                       SLICE_ARGS(name), most);
}

void import_vhosts(struct import *import, const json_t *item)
{
    struct buf tags = {0};
    struct vhost_metadata metadata = {0};
    struct slice name;
    bool good = read_name(import, item, "name", &name);
    good &= read_metadata(import, item, &metadata, &tags);
    if (good && import->is_applying)
        expect_done(import, access_put_vhost(import->engine, name, &metadata, SLICE_EMPTY));
    else if (good && !import_announce(import, IMPORT_VHOSTS, SLICE_EMPTY, name, item))
        import_problem(import, "virtual host '%.*s' is in the document twice", SLICE_ARGS(name));
    else if (good && !import->is_applying)
        check_room(import, name);
    buf_fini(&tags);
}

/* --- permissions ----------------------------------------------------------------------------- */

static bool read_user(struct import *import, const json_t *item, struct slice *name)
{
    if (!read_name(import, item, "user", name))
        return false;
    if (map_get(&import->engine->users, *name) != NULL ||
        (!import->is_applying &&
         import_announced(import, IMPORT_USERS, SLICE_EMPTY, *name) != NULL))
        return true;
    import_problem(import, "no user '%.*s'", SLICE_ARGS(*name));
    return false;
}

static bool read_expression(struct import *import, const json_t *item, const char *key,
                            struct slice *expression)
{
    struct pattern_error error;
    if (!import_string(import, item, key, TEXT_BYTES_MAX, expression))
        return false;
    struct pattern *pattern = import->is_applying ? NULL : pattern_new(*expression, &error);
    if (pattern == NULL && !import->is_applying) {
        import_problem(import, "%s is no regular expression: %s at %zu", key, error.text,
                       error.offset);
        return false;
    }
    pattern_free(pattern);
    return true;
}

void import_permissions(struct import *import, const json_t *item)
{
    struct slice vhost, user, expressions[ACCESS_OPERATIONS];
    bool good = import_vhost_name(import, item, &vhost);
    good &= read_user(import, item, &user);
    good &= read_expression(import, item, "configure", &expressions[ACCESS_CONFIGURE]);
    good &= read_expression(import, item, "write", &expressions[ACCESS_WRITE]);
    good &= read_expression(import, item, "read", &expressions[ACCESS_READ]);
    if (good && import->is_applying)
        expect_done(import, access_set_permission(import->engine, vhost, user, expressions));
}

void import_topic_permissions(struct import *import, const json_t *item)
{
    struct slice vhost, user, exchange, expressions[ACCESS_OPERATIONS] = {SLICE_EMPTY};
    bool good = import_vhost_name(import, item, &vhost);
    good &= read_user(import, item, &user);
    good &= import_string(import, item, "exchange", ACCOUNT_NAME_MAX, &exchange);
    good &= read_expression(import, item, "write", &expressions[ACCESS_WRITE]);
    good &= read_expression(import, item, "read", &expressions[ACCESS_READ]);
    if (good && import->is_applying)
        expect_done(import, access_set_topic_permission(import->engine, vhost, user, exchange,
                                                        expressions));
}
