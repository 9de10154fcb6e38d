/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/login.h"

#include <stdio.h>
#include <string.h>

#include "amqp/table.h"
#include "exchange/engine.h"
#include "exchange/event.h"
#include "exchange/session.h"
#include "exchange/vhost.h"
#include "server/base/log.h"
#include "server/base/mem.h"

#define SOURCES_MAX   4096
#define SOURCE_MS     30000
#define FREE_FAILURES 5
#define DELAY_MS      500
#define DELAY_MS_MAX  4000

/* --- wrong credentials ----------------------------------------------------------------------- */

static void drop_source(struct login_sources *sources, struct login_source *source)
{
    map_remove(&sources->by_host, slice_from_string(source->host));
    list_remove(&source->by_age);
    mem_free(source);
}

static struct login_source *oldest(const struct login_sources *sources)
{
    struct list_node *node = list_first(&sources->by_age);
    return node == NULL ? NULL : LIST_ENTRY(node, struct login_source, by_age);
}

static uint64_t forget_old(struct engine *engine)
{
    struct login_sources *sources = &engine->login_sources;
    uint64_t now = engine->env->now_ms(engine->env->context);
    for (struct login_source *source; (source = oldest(sources)) != NULL;) {
        if (now < source->failed_ms + SOURCE_MS)
            break;
        drop_source(sources, source);
    }
    return now;
}

static struct login_source *source_of(struct login_sources *sources, struct slice host)
{
    struct login_source *source = map_get(&sources->by_host, host);
    if (source != NULL) {
        list_remove(&source->by_age);
    } else {
        struct login_source *first = oldest(sources);
        if (first != NULL && sources->by_host.count >= SOURCES_MAX)
            drop_source(sources, first);
        source = mem_zalloc(sizeof *source);
        memcpy(source->host, host.data, host.size);
        map_add(&sources->by_host, slice_from_string(source->host), source);
    }
    list_append(&sources->by_age, &source->by_age);
    return source;
}

static uint32_t delay_ms(const struct login_source *source)
{
    uint32_t failures = 0;
    for (int i = 0; i < LOGIN_PROTOCOL_COUNT; i++)
        failures += source->failures[i];
    if (failures <= FREE_FAILURES)
        return 0;
    uint32_t doublings = failures - FREE_FAILURES - 1;
    return doublings >= 3 ? DELAY_MS_MAX : (uint32_t)DELAY_MS << doublings;
}

uint32_t login_failed(struct engine *engine, enum login_protocol protocol, struct slice host)
{
    if (host.size >= LOGIN_HOST_BYTES)
        host.size = LOGIN_HOST_BYTES - 1;
    uint64_t now = forget_old(engine);
    struct login_source *source = source_of(&engine->login_sources, host);
    source->failed_ms = now;
    source->failures[protocol]++;
    return delay_ms(source);
}

void login_each_source(struct engine *engine, void *context,
                       void (*visit)(void *context, const struct login_source *source))
{
    (void)forget_old(engine);
    list_for_each (it, &engine->login_sources.by_age)
        visit(context, LIST_ENTRY(it, struct login_source, by_age));
}

void login_forget_sources(struct engine *engine)
{
    for (struct login_source *source; (source = oldest(&engine->login_sources)) != NULL;)
        drop_source(&engine->login_sources, source);
    map_fini(&engine->login_sources.by_host);
}

/* --- credentials ----------------------------------------------------------------------------- */

static bool is_loopback_only(const struct engine *engine, const struct user *user)
{
    return engine->is_loopback_only != NULL &&
           engine->is_loopback_only(engine->context, user->name);
}

/* The client's address in a connection's name: "127.0.0.1" of "127.0.0.1:4000 -> ...", "::1" of
 * "[::1]:4000 -> ...". */
static struct slice host_of(struct slice name)
{
    if (name.size == 0)
        return SLICE_LITERAL("unknown");
    const uint8_t *arrow = memchr(name.data, ' ', name.size);
    size_t end = arrow != NULL ? (size_t)(arrow - name.data) : name.size;
    for (size_t at = end; at > 0; at--)
        if (name.data[at - 1] == ':') {
            end = at - 1;
            break;
        }
    bool is_bracketed = end >= 2 && name.data[0] == '[' && name.data[end - 1] == ']';
    return is_bracketed ? slice_of(name.data + 1, end - 2) : slice_of(name.data, end);
}

static uint32_t refuse(struct session *session, const struct command_login *login,
                       const char *reason)
{
    struct engine *engine = session->engine;
    engine->counters.logins_refused++;
    event_login(session, login, reason);
    uint32_t late_ms = login_failed(engine, LOGIN_AMQP, host_of(session->name));
    log_warning("login_refused", LOG_BYTES("connection", session->name),
                LOG_BYTES("user", login->user), LOG_BYTES("mechanism", login->mechanism),
                LOG_STR("reason", reason), LOG_NUM("answered_late_ms", late_ms));
    return late_ms;
}

/* A text among the client's properties, or nothing. */
static struct slice client_property(const struct session *session, struct slice name)
{
    struct table_value value;
    return table_find(session->client_properties, name, &value) && value.type == TABLE_LONGSTR
               ? value.bytes
               : SLICE_EMPTY;
}

void login_apply(struct session *session, const struct command_login *login)
{
    struct engine *engine = session->engine;
    struct user *user = map_get(&engine->users, login->user);
    struct effect effect = {.kind = EFFECT_LOGIN};
    if (user == NULL) {
        effect.late_ms = refuse(session, login, "unknown user");
    } else if (!login->by_certificate && !user_has_password(user, login->password)) {
        effect.late_ms = refuse(session, login, "wrong password");
    } else if (!session->from_loopback && is_loopback_only(engine, user)) {
        effect.late_ms = refuse(session, login, "not from loopback");
    } else {
        effect.accepted = true;
        user_ref(user);
        session->user = user;
        session->state = SESSION_LOGGED;
        (void)snprintf(session->mechanism, sizeof session->mechanism, "%.*s",
                       (int)(login->mechanism.size < 15 ? login->mechanism.size : 15),
                       (const char *)login->mechanism.data);
        event_login(session, login, NULL);
        session->client_properties = slice_dup(login->client_properties);
        if (login->tls.size > 0)
            session->tls = slice_dup(login->tls);
        session->wants_cancel_notify = session_client_can(login->client_properties,
                                                          SLICE_LITERAL("consumer_cancel_notify"));
        session->shares_prefetch = slice_equal(client_property(session, SLICE_LITERAL("product")),
                                               SLICE_LITERAL("py-amqp"));
        engine->counters.sessions_opened++;
    }
    session_emit(session, &effect);
}

/* --- the vhost ------------------------------------------------------------------------------- */

int login_open_vhost(struct session *session, struct slice name, struct reply_error *error)
{
    struct engine *engine = session->engine;
    struct vhost *vhost = map_get(&engine->vhosts, name);
    if (vhost == NULL)
        return reply_error(error, REPLY_NOT_ALLOWED, "vhost %.*s not found", SLICE_ARGS(name));
    if (engine->connection_max != 0 && engine->connection_count >= engine->connection_max)
        return reply_error(error, REPLY_NOT_ALLOWED,
                           "connection refused: node connection limit (%u) is reached",
                           engine->connection_max);
    if (access_check_vhost(session, vhost, error) < 0)
        return -1;
    engine->connection_count++;
    vhost->connections++;
    session->user->connections++;
    session->vhost = vhost;
    session->state = SESSION_RUNNING;
    registry_add(engine, REGISTRY_SESSION, &session->registered);
    log_info("connection_opened", LOG_NUM("id", session->id),
             LOG_BYTES("connection", session->name), LOG_BYTES("user", session->user->name),
             LOG_BYTES("vhost", name),
             LOG_BYTES("client_name", client_property(session, SLICE_LITERAL("connection_name"))),
             LOG_BYTES("product", client_property(session, SLICE_LITERAL("product"))));
    session_send(session, 0, &(struct method){.id = METHOD_CONNECTION_OPEN_OK});
    return 0;
}
