/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/definition.h"

#include "exchange/accounts.h"
#include "exchange/engine.h"
#include "exchange/parameter.h"
#include "exchange/pause.h"
#include "exchange/permission.h"
#include "exchange/policy.h"
#include "exchange/user.h"
#include "exchange/vhost.h"
#include "server/base/buf.h"
#include "server/base/log.h"

static const struct {
    const char *name;
    /* Takes in what is under KEY; false: it makes no sense. */
    bool (*restore)(struct engine *engine, struct slice key, struct slice value);
} kinds[DEFINITION_KIND_COUNT] = {
    [DEFINITION_VHOST] = {"vhost", vhost_restore},
    [DEFINITION_USER] = {"user", user_restore},
    [DEFINITION_PERMISSION] = {"permission", permission_restore},
    [DEFINITION_TOPIC_PERMISSION] = {"topic_permission", permission_restore_topic},
    [DEFINITION_POLICY] = {"policy", policy_restore},
    [DEFINITION_OPERATOR_POLICY] = {"operator_policy", policy_restore_operators},
    [DEFINITION_PARAMETER] = {"parameter", NULL},
    [DEFINITION_GLOBAL_PARAMETER] = {"global_parameter", parameter_restore},
    [DEFINITION_VHOST_LIMITS] = {"vhost_limits", vhost_restore_limits},
    [DEFINITION_USER_LIMITS] = {"user_limits", user_restore_limits},
    [DEFINITION_PAUSED_QUEUE] = {"paused_queue", pause_restore},
};

const char *definition_kind_name(enum definition_kind kind)
{
    return (unsigned)kind < DEFINITION_KIND_COUNT ? kinds[kind].name : NULL;
}

/* --- keys --------------------------------------------------------------------------------- */

struct slice definition_key(struct buf *room, struct slice a, struct slice b, struct slice c)
{
    room->size = 0;
    buf_bytes(room, a);
    buf_u8(room, 0);
    buf_bytes(room, b);
    if (c.size > 0) {
        buf_u8(room, 0);
        buf_bytes(room, c);
    }
    return buf_slice(room);
}

struct slice definition_key_next(struct slice *key)
{
    const uint8_t *zero = key->size == 0 ? NULL : memchr(key->data, 0, key->size);
    size_t size = zero == NULL ? key->size : (size_t)(zero - key->data);
    struct slice part = slice_of(key->data, size);
    size_t taken = zero == NULL ? size : size + 1;
    *key = slice_of(key->data + taken, key->size - taken);
    return part;
}

/* --- to the store ------------------------------------------------------------------------- */

static uint64_t append(struct engine *engine, enum store_record_kind record,
                       enum definition_kind kind, struct slice key, struct slice value)
{
    CHECK_ID(key.size + value.size <= DEFINITION_BYTES_MAX, kind);
    struct definition definition = {kind, key, value};
    return engine_append(engine, &(struct store_record){.kind = record, .definition = &definition});
}

uint64_t engine_define(struct engine *engine, enum definition_kind kind, struct slice key,
                       struct slice value)
{
    return append(engine, STORE_DEFINE, kind, key, value);
}

uint64_t engine_undefine(struct engine *engine, enum definition_kind kind, struct slice key)
{
    return append(engine, STORE_UNDEFINE, kind, key, SLICE_EMPTY);
}

void engine_begin_together(struct engine *engine)
{
    if (engine->together++ == 0)
        engine->tx_begins = true;
}

uint64_t engine_end_together(struct engine *engine)
{
    CHECK(engine->together > 0);
    if (--engine->together > 0)
        return 0;
    bool has_records = !engine->tx_begins;
    engine->tx_begins = false;
    return has_records ? engine_append(engine, &(struct store_record){.kind = STORE_TX_COMMIT}) : 0;
}

/* --- and back ----------------------------------------------------------------------------- */

void engine_restore_definition(struct engine *engine, enum definition_kind kind, struct slice key,
                               struct slice value)
{
    if ((unsigned)kind >= DEFINITION_KIND_COUNT || kinds[kind].restore == NULL ||
        !kinds[kind].restore(engine, key, value))
        log_warning("definition_not_restored", LOG_NUM("kind", kind), LOG_BYTES("key", key));
}

void engine_forget_defaults(struct engine *engine)
{
    uint32_t position = 0;
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;)
        vhost_free(vhost);
    map_clear(&engine->vhosts);
    position = 0;
    for (struct user *user; (user = map_next(&engine->users, &position)) != NULL;)
        user_unref(user);
    map_clear(&engine->users);
}

uint64_t engine_define_defaults(struct engine *engine)
{
    engine_begin_together(engine);
    uint32_t position = 0;
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;)
        (void)vhost_define(vhost);
    position = 0;
    for (struct user *user; (user = map_next(&engine->users, &position)) != NULL;)
        (void)user_define(engine, user);
    position = 0;
    for (struct vhost *vhost; (vhost = map_next(&engine->vhosts, &position)) != NULL;)
        permission_define_all(vhost);
    return engine_end_together(engine);
}
