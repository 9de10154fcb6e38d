/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/api.h"

#include <stdarg.h>

#include "mgmt/api/dispatch.h"
#include "mgmt/json_writer.h"
#include "mgmt/management.h"
#include "server/base/check.h"
#include "server/base/mem.h"

#define JSON_TYPE "application/json"

struct slice api_argument(const struct api_request *request, const char *name)
{
    int index = route_argument(request->route, name);
    CHECK(index >= 0);
    return request->arguments[index];
}

bool api_flag(const struct api_request *request, const char *name)
{
    struct slice value;
    return http_request_parameter(request->http, name, &value) &&
           slice_equal(value, SLICE_LITERAL("true"));
}

/* --- asking the engine ----------------------------------------------------------------------- */

static struct api_request *request_of_call(struct call *call)
{
    return (struct api_request *)(void *)((char *)call - offsetof(struct api_request, call));
}

static void come_back(struct call *call)
{
    struct api_request *request = request_of_call(call);
    if (request->durable.failed)
        api_refuse(request, 500, "internal_server_error", "the log cannot be written");
    else
        request->done(request);
}

static void on_durable(struct durable_wait *wait)
{
    struct api_request *request =
        (struct api_request *)(void *)((char *)wait - offsetof(struct api_request, durable));
    request->call.run = come_back;
    loop_call(&request->management->loop, &request->call);
}

static void on_engine(struct call *call)
{
    struct api_request *request = request_of_call(call);
    struct engine *engine = request->management->view->engine;
    request->awaits_messages = false;
    engine->acting_user = request->user != NULL ? request->user->name : SLICE_EMPTY;
    uint64_t lsn = request->work(request, engine);
    engine->acting_user = SLICE_EMPTY;
    if (request->awaits_messages)
        return;
    request->durable = (struct durable_wait){.done = on_durable};
    engine_when_durable(engine, lsn, &request->durable);
}

/* Not at once: who says this is in the middle of something. */
static void on_messages(struct paging_wait *wait)
{
    struct api_request *request =
        (struct api_request *)(void *)((char *)wait - offsetof(struct api_request, messages));
    loop_call(request->management->view->engine_loop, &request->call);
}

bool api_await_messages(struct api_request *request, struct queue *queue)
{
    request->messages.done = on_messages;
    request->awaits_messages = paging_await(queue, &request->messages);
    return request->awaits_messages;
}

bool api_await_delayed(struct api_request *request, struct exchange *exchange, uint64_t count,
                       uint64_t bytes_max)
{
    request->messages.done = on_messages;
    request->awaits_messages = !delay_is_at_hand(exchange, count, bytes_max, &request->messages);
    return request->awaits_messages;
}

bool api_await_cancel(struct api_request *request, struct exchange *exchange,
                      struct delay_cancel *cancel)
{
    request->messages.done = on_messages;
    request->awaits_messages = !delay_cancel(exchange, cancel, &request->messages);
    return request->awaits_messages;
}

void api_ask(struct api_request *request,
             uint64_t (*work)(struct api_request *request, struct engine *engine),
             void (*done)(struct api_request *request))
{
    request->work = work;
    request->done = done;
    request->call.run = on_engine;
    loop_call(request->management->view->engine_loop, &request->call);
}

/* --- the body -------------------------------------------------------------------------------- */

json_t *api_read_json(struct api_request *request)
{
    struct slice body = request->http->body;
    json_error_t error;
    if (body.size == 0)
        return json_object();
    json_t *value = json_loadb((const char *)body.data, body.size,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value != NULL && json_is_null(value)) {
        json_decref(value);
        return json_object();
    }
    if (value == NULL || !json_is_object(value)) {
        json_decref(value);
        api_refuse_bad_request(request, "not_json");
        return NULL;
    }
    return value;
}

/* --- answers --------------------------------------------------------------------------------- */

void api_put_header(struct api_request *request, const char *name, struct slice value)
{
    struct http_reply reply = {.headers = request->headers};
    http_reply_header(&reply, name, value);
    request->headers = reply.headers;
}

static void answer(struct api_request *request, struct http_reply *reply)
{
    reply->headers = request->headers;
    request->headers = (struct buf){0};
    struct http_exchange *exchange = request->exchange;
    dispatch_answered(request);
    http_reply(exchange, reply);
}

void api_reply_body(struct api_request *request, const char *content_type, struct buf *body)
{
    struct http_reply reply = {.status = 200, .content_type = content_type, .body = *body};
    *body = (struct buf){0};
    answer(request, &reply);
}

void api_reply_json(struct api_request *request, struct buf *json)
{
    api_reply_body(request, JSON_TYPE, json);
}

void api_reply_json_as(struct api_request *request, unsigned status, struct buf *json)
{
    struct http_reply reply = {.status = status, .content_type = JSON_TYPE, .body = *json};
    *json = (struct buf){0};
    answer(request, &reply);
}

static int append(const char *text, size_t size, void *to)
{
    buf_bytes(to, slice_of(text, size));
    return 0;
}

void api_reply_value_as(struct api_request *request, unsigned status, json_t *value)
{
    struct http_reply reply = {.status = status, .content_type = JSON_TYPE};
    CHECK(json_dump_callback(value, append, &reply.body, JSON_COMPACT | JSON_ENCODE_ANY) == 0);
    json_decref(value);
    answer(request, &reply);
}

void api_reply_value(struct api_request *request, json_t *value)
{
    api_reply_value_as(request, 200, value);
}

void api_reply_constant(struct api_request *request, const char *content_type,
                        const char *cache_control, struct slice body, bool is_gzip)
{
    struct http_reply reply = {.status = 200,
                               .content_type = content_type,
                               .cache_control = cache_control,
                               .constant = body,
                               .constant_is_gzip = is_gzip};
    answer(request, &reply);
}

void api_reply_empty(struct api_request *request, unsigned status)
{
    struct http_reply reply = {.status = status};
    answer(request, &reply);
}

static void refuse(struct api_request *request, unsigned status, const char *error,
                   struct slice reason)
{
    struct http_reply reply = {.status = status, .content_type = JSON_TYPE};
    struct json_writer writer;
    json_writer_init(&writer, &reply.body);
    json_write_object(&writer);
    json_put_text(&writer, "error", error);
    json_put_string(&writer, "reason", reason);
    json_write_object_end(&writer);
    answer(request, &reply);
}

static void refuse_formatted(struct api_request *request, unsigned status, const char *error,
                             const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));

static void refuse_formatted(struct api_request *request, unsigned status, const char *error,
                             const char *format, va_list arguments)
{
    struct buf text = {0};
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    CHECK(size >= 0);
    (void)vsnprintf((char *)buf_reserve(&text, (size_t)size + 1), (size_t)size + 1, format,
                    arguments);
    refuse(request, status, error, slice_of(text.data, (size_t)size));
    buf_fini(&text);
}

void api_refuse(struct api_request *request, unsigned status, const char *error, const char *format,
                ...)
{
    va_list arguments;
    va_start(arguments, format);
    refuse_formatted(request, status, error, format, arguments);
    va_end(arguments);
}

void api_refuse_bad_request(struct api_request *request, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    refuse_formatted(request, 400, "bad_request", format, arguments);
    va_end(arguments);
}

void api_refuse_not_found(struct api_request *request)
{
    refuse(request, 404, "Object Not Found", SLICE_LITERAL("Not Found"));
}

void api_refuse_not_authorised(struct api_request *request, const char *reason)
{
    refuse(request, 401, "not_authorised", slice_from_string(reason));
}
