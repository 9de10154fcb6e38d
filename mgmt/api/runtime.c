/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime: what an operator sees and changes of the running broker itself, from afar: its settings,
 * its log, its ports, its TLS. For administrators; the main thread does it, which is the engine's.
 */
#include "exchange/event.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/operate.h"
#include "mgmt/management.h"
#include "server/adjust.h"
#include "server/listeners.h"

#define LOG_LINES     50
#define LOG_LINES_MAX 10000

/* --- settings -------------------------------------------------------------------------------- */

static void put_setting(void *context, const char *key, struct slice value)
{
    struct json_writer *writer = context;
    json_put_string(writer, key, value);
}

static uint64_t write_settings(struct api_request *request, struct engine *engine,
                               struct outcome *outcome)
{
    struct json_writer writer;
    (void)engine;
    outcome_write(outcome, &writer);
    json_write_object(&writer);
    settings_each(node_settings(request->management->view->node), put_setting, &writer);
    json_write_object_end(&writer);
    return 0;
}

void api_get_settings(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_settings);
}

static uint64_t set(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    const json_t *value = json_object_get(outcome->document, "value");
    char number[32] = "", error[SETTINGS_TEXT_BYTES];
    struct slice text = operate_text(outcome, "value");
    if (json_is_number(value)) {
        (void)snprintf(number, sizeof number, "%.15g", json_number_value(value));
        text = slice_from_string(number);
    } else if (!json_is_string(value)) {
        operate_refuse(outcome, 400, "bad_request", "value should be a string or a number");
        return 0;
    }
    if (adjust(request->management->view->node, api_argument(request, "key"), text, error,
               sizeof error) < 0)
        operate_refuse(outcome, 400, "bad_request", "%s", error);
    else
        outcome->status = 204;
    if (outcome->status == 204)
        event_operator(engine, "setting.set", api_argument(request, "key"));
    return 0;
}

void api_put_setting(struct api_request *request)
{
    operate_ask(request, set);
}

/* --- the log --------------------------------------------------------------------------------- */

/* The last LINES lines of TEXT. */
static struct slice last_lines(struct slice text, uint64_t lines)
{
    size_t begin = text.size;
    if (text.size == 0)
        return SLICE_EMPTY;
    for (size_t at = text.size; at > 0 && lines > 0; lines--) {
        begin = --at; /* the line's end */
        while (begin > 0 && text.data[begin - 1] != '\n')
            begin--;
        at = begin;
    }
    return slice_of(text.data + begin, text.size - begin);
}

/* The query's NAME; false: it is no good, and the request is refused. */
static bool read_query(struct api_request *request, const char *name, uint64_t max,
                       uint64_t *number)
{
    struct slice text;
    char *end, digits[24];
    if (!http_request_parameter(request->http, name, &text))
        return true;
    (void)snprintf(digits, sizeof digits, "%.*s", SLICE_ARGS(text));
    *number = strtoull(digits, &end, 10);
    if (text.size > 0 && text.size < 20 && *end == '\0' && digits[0] >= '0' && digits[0] <= '9' &&
        *number <= max)
        return true;
    api_refuse_bad_request(request, "%s: expected a number up to %llu", name,
                           (unsigned long long)max);
    return false;
}

void api_get_log(struct api_request *request)
{
    struct buf text = {0}, body = {0};
    struct json_writer writer;
    uint64_t count = LOG_LINES, after = 0;
    if (!read_query(request, "lines", LOG_LINES_MAX, &count) ||
        !read_query(request, "after", INT64_MAX, &after))
        return;
    uint64_t next = log_recent(after, &text);
    struct slice lines = last_lines(buf_slice(&text), count);
    json_writer_init(&writer, &body);
    json_write_object(&writer);
    (void)json_put_array(&writer, "lines");
    while (lines.size > 0) {
        size_t size = (size_t)((const uint8_t *)memchr(lines.data, '\n', lines.size) - lines.data);
        json_write_string(&writer, slice_of(lines.data, size));
        lines = slice_of(lines.data + size + 1, lines.size - size - 1);
    }
    json_write_array_end(&writer);
    json_put_uint(&writer, "next", next);
    json_write_object_end(&writer);
    buf_fini(&text);
    api_reply_json(request, &body);
}

/* --- ports ----------------------------------------------------------------------------------- */

static uint64_t suspend(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    event_operator(engine, "listeners.suspended", SLICE_EMPTY);
    listeners_suspend(request->management->view->listeners);
    outcome->status = 204;
    return 0;
}

void api_suspend_listeners(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), suspend);
}

static uint64_t resume(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    char error[512];
    event_operator(engine, "listeners.resumed", SLICE_EMPTY);
    if (listeners_resume(request->management->view->listeners, error, sizeof error) < 0)
        operate_refuse(outcome, 500, "internal_server_error", "%s", error);
    else
        outcome->status = 204;
    return 0;
}

void api_resume_listeners(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), resume);
}

/* --- TLS ------------------------------------------------------------------------------------- */

static void put_names(struct json_writer *writer, const char *key, struct tls_server *tls,
                      const char *(*name_at)(struct tls_server *server, size_t index))
{
    const char *name;
    if (!json_put_array(writer, key))
        return;
    for (size_t i = 0; (name = name_at(tls, i)) != NULL; i++)
        json_write_string(writer, slice_from_string(name));
    json_write_array_end(writer);
}

static void put_certificates(struct json_writer *writer, struct tls_server *tls)
{
    struct tls_certificate certificate;
    if (!json_put_array(writer, "certificates"))
        return;
    for (size_t i = 0; tls_server_certificate(tls, i, &certificate); i++) {
        json_write_object(writer);
        json_put_text(writer, "host", certificate.host);
        json_put_text(writer, "subject", certificate.subject);
        json_put_text(writer, "issuer", certificate.issuer);
        json_put_text(writer, "validity", certificate.validity);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static uint64_t write_tls(struct api_request *request, struct engine *engine,
                          struct outcome *outcome)
{
    struct listener_row rows[LISTENER_ROWS_MAX];
    size_t count = listeners_rows(request->management->view->listeners, rows);
    struct json_writer writer;
    (void)engine;
    outcome_write(outcome, &writer);
    json_write_array(&writer);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].tls == NULL)
            continue;
        json_write_object(&writer);
        json_put_text(&writer, "protocol", rows[i].protocol);
        json_put_text(&writer, "ip_address", rows[i].address);
        json_put_uint(&writer, "port", rows[i].port);
        put_names(&writer, "versions", rows[i].tls, tls_server_version);
        put_names(&writer, "ciphers", rows[i].tls, tls_server_cipher);
        put_certificates(&writer, rows[i].tls);
        json_write_object_end(&writer);
    }
    json_write_array_end(&writer);
    return 0;
}

void api_get_tls(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_tls);
}
