/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/access.h"

#include <inttypes.h>

#include "exchange/engine.h"
#include "exchange/exchange.h"
#include "exchange/session.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

/* What a session remembers at most; then it starts anew. */
#define RESULTS_MAX 1000u

/* Names, and routing keys behind the exchange's name and a zero. */
#define KEY_BYTES_MAX (255u + 1 + 255)

struct access_result {
    uint8_t known, allowed; /* bits by enum access_operation */
    uint16_t key_bytes;
    uint8_t key[];
};

static const char *const operation_names[ACCESS_OPERATIONS] = {"configure", "write", "read"};
static const char *const kind_names[] = {"queue", "exchange"};

/* --- memory ------------------------------------------------------------------------------- */

void access_forget(struct access_memory *memory)
{
    uint32_t position = 0;
    for (struct access_result *result; (result = map_next(&memory->results, &position)) != NULL;)
        mem_free(result);
    map_fini(&memory->results);
    *memory = (struct access_memory){0};
}

static struct access_memory *memory_of(struct session *session)
{
    struct access_memory *memory = &session->access;
    uint64_t generation = session->engine->access_generation;
    if (memory->generation != generation) {
        access_forget(memory);
        memory->generation = generation;
        memory->permission = permission_find(session->vhost, session->user->name);
    }
    return memory;
}

static struct access_result *result_of(struct access_memory *memory, struct slice key)
{
    struct access_result *result = map_get(&memory->results, key);
    if (result != NULL)
        return result;
    if (memory->results.count == RESULTS_MAX) {
        struct access_memory kept = *memory;
        access_forget(memory);
        memory->generation = kept.generation;
        memory->permission = kept.permission;
    }
    result = mem_zalloc(sizeof *result + key.size);
    result->key_bytes = (uint16_t)key.size;
    memcpy(result->key, key.data, key.size);
    map_add(&memory->results, slice_of(result->key, result->key_bytes), result);
    return result;
}

/* Does PERMISSION allow OPERATION with NAME? Remembered under KEY. */
static bool is_allowed(struct access_memory *memory, const struct permission *permission,
                       enum access_operation operation, struct slice key, struct slice name)
{
    if (permission->matches_all[operation])
        return true;
    struct access_result *result = result_of(memory, key);
    bool is_topic = permission->exchange.data != NULL; /* a name may look like its key */
    uint8_t bit = (uint8_t)(1u << (is_topic ? operation + ACCESS_OPERATIONS : operation));
    if ((result->known & bit) == 0) {
        result->known |= bit;
        if (permission_allows(permission, operation, name))
            result->allowed |= bit;
    }
    return (result->allowed & bit) != 0;
}

/* --- resources ---------------------------------------------------------------------------- */

int access_check(struct session *session, enum access_operation operation, enum access_kind kind,
                 struct slice name, struct reply_error *error)
{
    struct access_memory *memory = memory_of(session);
    if (kind == ACCESS_EXCHANGE && name.size == 0)
        name = SLICE_LITERAL("amq.default");
    if (memory->permission != NULL && is_allowed(memory, memory->permission, operation, name, name))
        return 0;
    return reply_error(error, REPLY_ACCESS_REFUSED,
                       "%s access to %s '%.*s' in vhost '%.*s' refused for user '%.*s'",
                       operation_names[operation], kind_names[kind], SLICE_ARGS(name),
                       SLICE_ARGS(session->vhost->name), SLICE_ARGS(session->user->name));
}

static const struct permission *topic_permission(const struct session *session,
                                                 const struct exchange *exchange)
{
    if (exchange->type != &exchange_type_topic || session->vhost->topic_permissions.count == 0)
        return NULL;
    return permission_find_topic(session->vhost, session->user->name, exchange->name);
}

bool access_depends_on_topic(const struct session *session, const struct exchange *exchange)
{
    return topic_permission(session, exchange) != NULL;
}

int access_check_topic(struct session *session, enum access_operation operation,
                       const struct exchange *exchange, struct slice routing_key,
                       struct reply_error *error)
{
    uint8_t key[KEY_BYTES_MAX];
    const struct permission *permission = topic_permission(session, exchange);
    if (permission == NULL)
        return 0;
    CHECK(exchange->name.size + 1 + routing_key.size <= sizeof key);
    memcpy(key, exchange->name.data, exchange->name.size);
    key[exchange->name.size] = 0;
    if (routing_key.size > 0)
        memcpy(key + exchange->name.size + 1, routing_key.data, routing_key.size);
    if (is_allowed(memory_of(session), permission, operation,
                   slice_of(key, exchange->name.size + 1 + routing_key.size), routing_key))
        return 0;
    return reply_error(error, REPLY_ACCESS_REFUSED,
                       "%s access to topic '%.*s' in exchange '%.*s' in vhost '%.*s' refused for "
                       "user '%.*s'",
                       operation_names[operation], SLICE_ARGS(routing_key),
                       SLICE_ARGS(exchange->name), SLICE_ARGS(session->vhost->name),
                       SLICE_ARGS(session->user->name));
}

/* --- vhosts and limits -------------------------------------------------------------------- */

static bool is_reached(int64_t limit, uint64_t count)
{
    return limit >= 0 && count >= (uint64_t)limit;
}

int access_check_vhost(struct session *session, const struct vhost *vhost,
                       struct reply_error *error)
{
    const struct user *user = session->user;
    if (is_reached(vhost->connections_max, vhost->connections))
        return reply_error(error, REPLY_NOT_ALLOWED,
                           "access to vhost '%.*s' refused for user '%.*s': connection limit "
                           "(%" PRId64 ") is reached",
                           SLICE_ARGS(vhost->name), SLICE_ARGS(user->name), vhost->connections_max);
    if (is_reached(user->connections_max, user->connections))
        return reply_error(error, REPLY_NOT_ALLOWED,
                           "connection refused for user '%.*s': user connection limit (%" PRId64
                           ") is reached",
                           SLICE_ARGS(user->name), user->connections_max);
    if (permission_find(vhost, user->name) == NULL)
        return reply_error(error, REPLY_NOT_ALLOWED,
                           "access to vhost '%.*s' refused for user '%.*s'",
                           SLICE_ARGS(vhost->name), SLICE_ARGS(user->name));
    return 0;
}

int access_check_channel(const struct session *session, struct reply_error *error)
{
    const struct user *user = session->user;
    if (!is_reached(user->channels_max, user->channels))
        return 0;
    return reply_error(error, REPLY_NOT_ALLOWED,
                       "number of channels opened for user '%.*s' has reached the maximum allowed "
                       "user limit of (%" PRId64 ")",
                       SLICE_ARGS(user->name), user->channels_max);
}

int access_check_queue_limit(const struct vhost *vhost, struct slice name,
                             struct reply_error *error)
{
    const struct engine *engine = vhost->engine;
    uint32_t most = engine->maxima.queues;
    if (most != 0 && engine->registries[REGISTRY_QUEUE].count >= most)
        return reply_error(error, REPLY_PRECONDITION_FAILED,
                           "cannot declare queue '%.*s': queue limit in cluster (%u) is reached",
                           SLICE_ARGS(name), most);
    if (!is_reached(vhost->queues_max, vhost->queues.count))
        return 0;
    return reply_error(error, REPLY_PRECONDITION_FAILED,
                       "cannot declare queue '%.*s': queue limit in vhost '%.*s' (%" PRId64
                       ") is reached",
                       SLICE_ARGS(name), SLICE_ARGS(vhost->name), vhost->queues_max);
}

int access_check_exchange_limit(const struct vhost *vhost, struct slice name,
                                struct reply_error *error)
{
    uint32_t most = vhost->engine->maxima.exchanges;
    if (most == 0 || vhost->engine->registries[REGISTRY_EXCHANGE].count < most)
        return 0;
    return reply_error(error, REPLY_PRECONDITION_FAILED,
                       "cannot declare exchange '%.*s' in vhost '%.*s': exchange limit of %u is "
                       "reached",
                       SLICE_ARGS(name), SLICE_ARGS(vhost->name), most);
}
