/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/users, and what is asked of a single user.
 */
#include "amqp/table.h"
#include "exchange/definition.h"
#include "exchange/engine.h"
#include "mgmt/api/accounts.h"
#include "mgmt/api/handlers.h"
#include "server/base/mem.h"

/* --- shown ----------------------------------------------------------------------------------- */

static void write_user(struct json_writer *writer, const struct user *user)
{
    uint8_t text[CRYPTO_BASE64_CHARS(USER_HASH_BYTES_MAX)];
    json_write_object(writer);
    json_put_string(writer, "name", user->name);
    json_put_string(writer, "password_hash", crypto_base64(text, user->password_hash));
    json_put_text(writer, "hashing_algorithm", user_hashing_name(user->hashing));
    accounts_write_tags(writer, "tags", user->tags);
    if (json_put_object(writer, "limits")) {
        if (user->channels_max != LIMIT_UNSET &&
            json_write_key(writer, SLICE_LITERAL("max-channels")))
            json_write_int(writer, user->channels_max);
        if (user->connections_max != LIMIT_UNSET &&
            json_write_key(writer, SLICE_LITERAL("max-connections")))
            json_write_int(writer, user->connections_max);
    }
    json_write_object_end(writer);
    json_write_object_end(writer);
}

static bool has_permissions(const struct engine *engine, const struct user *user)
{
    uint32_t position = 0;
    for (const struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;)
        if (permission_find(vhost, user->name) != NULL)
            return true;
    return false;
}

static uint64_t write_users(struct engine *engine, struct outcome *outcome, bool all)
{
    struct json_writer writer;
    struct user **users = (struct user **)accounts_sorted(&engine->users);
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (uint32_t i = 0; i < engine->users.count; i++)
        if (all || !has_permissions(engine, users[i]))
            write_user(&writer, users[i]);
    json_write_array_end(&writer);
    mem_free(users);
    return 0;
}

static uint64_t write_all(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    (void)request;
    return write_users(engine, outcome, true);
}

void api_get_users(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_all);
}

static uint64_t write_without_permissions(struct api_request *request, struct engine *engine,
                                          struct outcome *outcome)
{
    (void)request;
    return write_users(engine, outcome, false);
}

void api_get_users_without_permissions(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_without_permissions);
}

static uint64_t write_one(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct json_writer writer;
    const struct user *user = map_get(&engine->users, api_argument(request, "user"));
    if (user == NULL)
        return outcome_not_found(outcome);
    outcome_write(outcome, &writer);
    write_user(&writer, user);
    return 0;
}

void api_get_user(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_one);
}

/* --- changed --------------------------------------------------------------------------------- */

/* What of BODY's hash is to be: the reason why it cannot, or NULL. ROOM holds what it decodes. */
static json_t *read_hash(const json_t *body, struct user_spec *spec, struct buf *room)
{
    struct slice hash = accounts_string(body, "password_hash");
    struct slice algorithm = accounts_string(body, "hashing_algorithm");
    if (algorithm.size > 0 && !user_hashing_find(algorithm, &spec->hashing))
        return json_string("unknown hashing_algorithm");
    if (hash.size == 0)
        return NULL;
    spec->password_hash = crypto_base64_decode(buf_reserve(room, CRYPTO_BASE64_BYTES(hash.size)),
                                               hash);
    if (spec->password_hash.data == NULL)
        return json_pack("[s, s%]", "not_base64", hash.data, hash.size);
    return NULL;
}

/* What the user is to be by BODY; the reason why it cannot, or NULL. */
static json_t *read_user(const json_t *body, struct user_spec *spec, struct buf *tags,
                         struct buf *room)
{
    const json_t *password = json_object_get(body, "password");
    const json_t *hash = json_object_get(body, "password_hash");
    const json_t *algorithm = json_object_get(body, "hashing_algorithm");
    const json_t *tag_list = json_object_get(body, "tags");
    if (tag_list == NULL)
        return json_string("tags_not_present");
    if (password != NULL && hash != NULL)
        return json_string("both_password_and_password_hash_are_provided");
    if ((password != NULL && !json_is_string(password)) ||
        (hash != NULL && !json_is_string(hash)) ||
        (algorithm != NULL && !json_is_string(algorithm)))
        return json_string("password, password_hash and hashing_algorithm should be strings");
    if (!accounts_read_tags(tag_list, tags))
        return json_string("tags should be a list of strings, or a string with commas");
    spec->tags = buf_slice(tags);
    if (password != NULL) {
        spec->password = accounts_string(body, "password");
        return NULL;
    }
    return read_hash(body, spec, room);
}

static uint64_t put(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    struct user_spec spec = {.name = api_argument(request, "user")};
    struct buf tags = {0}, room = {0};
    json_decref(read_user(outcome->document, &spec, &tags, &room)); /* it was good before */
    struct account_result result = access_put_user(engine, &spec);
    buf_fini(&tags);
    buf_fini(&room);
    return accounts_end(outcome, &result);
}

void api_put_user(struct api_request *request)
{
    struct user_spec spec = {0};
    struct buf tags = {0}, room = {0};
    json_t *body = api_read_json(request);
    if (body == NULL)
        return;
    json_t *problem = read_user(body, &spec, &tags, &room);
    buf_fini(&tags);
    buf_fini(&room);
    if (problem != NULL) {
        json_decref(body);
        accounts_refuse(request, problem);
        return;
    }
    struct outcome *outcome = outcome_new(request);
    outcome->document = body;
    outcome_ask(request, outcome, put);
}

static uint64_t remove_one(struct api_request *request, struct engine *engine,
                           struct outcome *outcome)
{
    struct account_result result = access_delete_user(engine, api_argument(request, "user"));
    return accounts_end(outcome, &result);
}

void api_delete_user(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), remove_one);
}

/* --- several at once ------------------------------------------------------------------------- */

static struct slice name_at(const json_t *names, size_t index)
{
    const json_t *name = json_array_get(names, index);
    return slice_of(json_string_value(name), json_string_length(name));
}

/* All, or none of them when one is not there. */
static uint64_t remove_many(struct api_request *request, struct engine *engine,
                            struct outcome *outcome)
{
    const json_t *names = json_object_get(outcome->document, "users");
    (void)request;
    for (size_t i = 0; i < json_array_size(names); i++)
        if (map_get(&engine->users, name_at(names, i)) == NULL) {
            outcome->status = 400;
            outcome->error = "bad_request";
            outcome->reason = json_pack("[s, O]", "no_such_user", json_array_get(names, i));
            return 0;
        }
    engine_begin_together(engine);
    for (size_t i = 0; i < json_array_size(names); i++)
        (void)access_delete_user(engine, name_at(names, i));
    outcome->status = 204;
    return engine_end_together(engine);
}

void api_post_bulk_delete_users(struct api_request *request)
{
    json_t *body = api_read_json(request);
    if (body == NULL)
        return;
    const json_t *names = json_object_get(body, "users");
    bool good = json_is_array(names);
    for (size_t i = 0; i < json_array_size(names); i++)
        good &= json_is_string(json_array_get(names, i));
    if (good) {
        struct outcome *outcome = outcome_new(request);
        outcome->document = body;
        outcome_ask(request, outcome, remove_many);
        return;
    }
    bool is_missing = names == NULL;
    json_decref(body);
    api_refuse_bad_request(
        request, "%s", is_missing ? "[{key_missing,users}]" : "users should be a list of strings");
}

/* --- hashes ---------------------------------------------------------------------------------- */

void api_get_hash_password(struct api_request *request)
{
    uint8_t salt[USER_SALT_BYTES], text[CRYPTO_BASE64_CHARS(USER_HASH_BYTES_MAX)];
    struct user *user = user_new(SLICE_LITERAL("nobody"));
    crypto_random(salt, sizeof salt);
    user_set_password(user, api_argument(request, "password"), salt);
    struct slice hash = crypto_base64(text, user->password_hash);
    user_unref(user);
    api_reply_value(request, json_pack("{s:s%}", "ok", hash.data, hash.size));
}
