/* SPDX-License-Identifier: Apache-2.0
 *
 * attempts: how many have tried to log in, by protocol and by address.
 */
#include "exchange/login.h"
#include "mgmt/api/api.h"
#include "mgmt/api/handlers.h"
#include "mgmt/json_writer.h"
#include "mgmt/management.h"
#include "server/base/mem.h"

static bool names_this_node(struct api_request *request)
{
    if (api_is_node(request, api_argument(request, "node")))
        return true;
    api_refuse_not_found(request);
    return false;
}

static void put_attempts(struct json_writer *writer, const char *protocol,
                         struct login_attempts attempts)
{
    json_put_text(writer, "protocol", protocol);
    json_put_uint(writer, "auth_attempts", attempts.attempts);
    json_put_uint(writer, "auth_attempts_failed", attempts.failed);
    json_put_uint(writer, "auth_attempts_succeeded", attempts.attempts - attempts.failed);
}

/* AMQP's, since the start, as the engine counts them. */
static uint64_t count_amqp(struct api_request *request, struct engine *engine)
{
    struct login_attempts *amqp = request->state;
    amqp->failed = engine->counters.logins_refused;
    amqp->attempts = engine->counters.sessions_opened + amqp->failed;
    return 0;
}

static void ask(struct api_request *request,
                uint64_t (*run)(struct api_request *request, struct engine *engine),
                void (*done)(struct api_request *request))
{
    if (!names_this_node(request))
        return;
    request->state = mem_zalloc(sizeof(struct login_attempts));
    request->free_state = mem_free;
    api_ask(request, run, done);
}

static void reply_attempts(struct api_request *request)
{
    const struct authentication *authentication = &request->management->authentication;
    struct login_attempts amqp = *(struct login_attempts *)request->state;
    struct buf body = {0};
    struct json_writer writer;
    amqp.attempts -= authentication->amqp_before.attempts;
    amqp.failed -= authentication->amqp_before.failed;
    json_writer_init(&writer, &body);
    json_write_array(&writer);
    json_write_object(&writer);
    put_attempts(&writer, "amqp091", amqp);
    json_write_object_end(&writer);
    json_write_object(&writer);
    put_attempts(&writer, "http", authentication->attempts);
    json_write_object_end(&writer);
    json_write_array_end(&writer);
    api_reply_json(request, &body);
}

void api_get_attempts(struct api_request *request)
{
    ask(request, count_amqp, reply_attempts);
}

static void put_source(void *context, const struct login_source *source)
{
    static const char *const protocols[] = {[LOGIN_AMQP] = "amqp091", [LOGIN_HTTP] = "http"};
    struct json_writer *writer = context;
    for (int i = 0; i < LOGIN_PROTOCOL_COUNT; i++) {
        uint64_t failures = source->failures[i];
        if (failures == 0)
            continue;
        json_write_object(writer);
        json_put_text(writer, "remote_address", source->host);
        json_put_text(writer, "username", "");
        put_attempts(writer, protocols[i], (struct login_attempts){failures, failures});
        json_write_object_end(writer);
    }
}

/* On the engine's thread: it has the sources, thousands at most. */
static uint64_t write_sources(struct api_request *request, struct engine *engine)
{
    struct json_writer writer;
    json_writer_init(&writer, request->state);
    json_write_array(&writer);
    login_each_source(engine, &writer, put_source);
    json_write_array_end(&writer);
    return 0;
}

static void reply_sources(struct api_request *request)
{
    struct buf body = *(struct buf *)request->state;
    buf_init(request->state);
    api_reply_json(request, &body);
}

static void free_buf(void *buf)
{
    buf_fini(buf);
    mem_free(buf);
}

void api_get_attempts_by_source(struct api_request *request)
{
    if (!names_this_node(request))
        return;
    request->state = mem_zalloc(sizeof(struct buf));
    request->free_state = free_buf;
    api_ask(request, write_sources, reply_sources);
}

static uint64_t count_amqp_and_forget(struct api_request *request, struct engine *engine)
{
    login_forget_sources(engine);
    return count_amqp(request, engine);
}

static void reset(struct api_request *request)
{
    struct authentication *authentication = &request->management->authentication;
    authentication->amqp_before = *(struct login_attempts *)request->state;
    authentication->attempts = (struct login_attempts){0, 0};
    api_reply_empty(request, 204);
}

void api_reset_attempts(struct api_request *request)
{
    ask(request, count_amqp_and_forget, reset);
}
