/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/user.h"

#include "amqp/table.h"
#include "exchange/definition.h"
#include "exchange/engine.h"
#include "server/base/mem.h"

static const char *const hashing_names[] = {
    [CRYPTO_SHA256] = "rabbit_password_hashing_sha256",
    [CRYPTO_SHA512] = "rabbit_password_hashing_sha512",
    [CRYPTO_MD5] = "rabbit_password_hashing_md5",
};

static const struct {
    const char *name;
    enum user_tag tag;
} known_tags[] = {
    {"administrator", USER_ADMINISTRATOR}, {"monitoring", USER_MONITORING},
    {"policymaker", USER_POLICYMAKER},     {"management", USER_MANAGEMENT},
    {"impersonator", USER_IMPERSONATOR},
};

struct user *user_new(struct slice name)
{
    struct user *user = mem_zalloc(sizeof *user);
    user->name = slice_dup(name);
    user->references = 1;
    user->connections_max = user->channels_max = LIMIT_UNSET;
    return user;
}

void user_unref(struct user *user)
{
    CHECK(user->references > 0);
    if (--user->references > 0)
        return;
    mem_free((void *)user->name.data);
    mem_free((void *)user->password_hash.data);
    mem_free((void *)user->tags.data);
    mem_free(user);
}

/* --- passwords ---------------------------------------------------------------------------- */

void user_set_password(struct user *user, struct slice password,
                       const uint8_t salt[USER_SALT_BYTES])
{
    uint8_t bytes[USER_SALT_BYTES + CRYPTO_HASH_BYTES_MAX];
    memcpy(bytes, salt, USER_SALT_BYTES);
    size_t size = crypto_hash(CRYPTO_SHA256, slice_of(salt, USER_SALT_BYTES), password,
                              bytes + USER_SALT_BYTES);
    user_set_password_hash(user, CRYPTO_SHA256, slice_of(bytes, USER_SALT_BYTES + size));
}

void user_set_password_hash(struct user *user, enum crypto_hash hashing, struct slice hash)
{
    mem_free((void *)user->password_hash.data);
    user->password_hash = slice_dup(hash);
    user->hashing = hashing;
}

bool user_has_password(const struct user *user, struct slice password)
{
    uint8_t hash[CRYPTO_HASH_BYTES_MAX];
    struct slice kept = user->password_hash;
    if (kept.size < USER_SALT_BYTES || password.size == 0) /* with RabbitMQ, too, that is none */
        return false;
    size_t size = crypto_hash(user->hashing, slice_of(kept.data, USER_SALT_BYTES), password, hash);
    return crypto_equal(slice_of(hash, size),
                        slice_of(kept.data + USER_SALT_BYTES, kept.size - USER_SALT_BYTES));
}

const char *user_hashing_name(enum crypto_hash hashing)
{
    return hashing_names[hashing];
}

bool user_hashing_find(struct slice name, enum crypto_hash *hashing)
{
    for (unsigned i = 0; i < sizeof hashing_names / sizeof *hashing_names; i++)
        if (slice_equal(name, slice_from_string(hashing_names[i]))) {
            *hashing = (enum crypto_hash)i;
            return true;
        }
    return false;
}

/* --- tags --------------------------------------------------------------------------------- */

static unsigned tag_bit(struct slice name)
{
    for (size_t i = 0; i < sizeof known_tags / sizeof *known_tags; i++)
        if (slice_equal(name, slice_from_string(known_tags[i].name)))
            return known_tags[i].tag;
    return 0;
}

void user_set_tags(struct user *user, struct slice tags)
{
    struct buf kept = {0};
    struct cursor cursor = cursor_of(tags);
    user->tag_bits = 0;
    for (struct table_value tag; table_next_item(&cursor, &tag);)
        if (tag.type == TABLE_LONGSTR) {
            table_put_item(&kept, &tag);
            user->tag_bits |= tag_bit(tag.bytes);
        }
    mem_free((void *)user->tags.data);
    user->tags = slice_dup(buf_slice(&kept));
    buf_fini(&kept);
}

/* --- the store ---------------------------------------------------------------------------- */

uint64_t user_define(struct engine *engine, const struct user *user)
{
    struct buf value = {0};
    table_put(&value, SLICE_LITERAL("password_hash"),
              &(struct table_value){.type = TABLE_BYTES, .bytes = user->password_hash});
    table_put_longstr(&value, "hashing_algorithm",
                      slice_from_string(user_hashing_name(user->hashing)));
    table_put(&value, SLICE_LITERAL("tags"),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = user->tags});
    uint64_t lsn = engine_define(engine, DEFINITION_USER, user->name, buf_slice(&value));
    buf_fini(&value);
    return lsn;
}

bool user_restore(struct engine *engine, struct slice key, struct slice value)
{
    struct table_value field;
    enum crypto_hash hashing = CRYPTO_SHA256;
    if (map_get(&engine->users, key) != NULL)
        return false;
    if (table_find(value, SLICE_LITERAL("hashing_algorithm"), &field) &&
        (field.type != TABLE_LONGSTR || !user_hashing_find(field.bytes, &hashing)))
        return false;
    struct user *user = user_new(key);
    if (table_find(value, SLICE_LITERAL("password_hash"), &field) && field.type == TABLE_BYTES)
        user_set_password_hash(user, hashing, field.bytes);
    if (table_find(value, SLICE_LITERAL("tags"), &field) && field.type == TABLE_ARRAY)
        user_set_tags(user, field.bytes);
    map_add(&engine->users, user->name, user);
    return true;
}
