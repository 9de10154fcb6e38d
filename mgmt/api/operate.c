/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/operate.h"

#include <stdarg.h>
#include <stdio.h>

#include "exchange/vhost.h"

void operate_ask(struct api_request *request,
                 uint64_t (*work)(struct api_request *request, struct engine *engine,
                                  struct outcome *outcome))
{
    json_t *document = api_read_json(request);
    if (document == NULL)
        return;
    struct outcome *outcome = outcome_new(request);
    outcome->document = document;
    outcome_ask(request, outcome, work);
}

bool operate_refuse(struct outcome *outcome, unsigned status, const char *error, const char *format,
                    ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    outcome->status = status;
    outcome->error = error;
    outcome->body.size = 0;
    buf_bytes(&outcome->body, slice_from_string(text));
    return false;
}

bool operate_refuse_value(struct outcome *outcome, const char *problem, const json_t *value)
{
    outcome->status = 400;
    outcome->error = "bad_request";
    outcome->reason = json_pack("[s, o]", problem, json_deep_copy(value));
    return false;
}

struct slice operate_text(const struct outcome *outcome, const char *name)
{
    const json_t *value = json_object_get(outcome->document, name);
    return json_is_string(value) ? slice_of(json_string_value(value), json_string_length(value))
                                 : SLICE_EMPTY;
}

bool operate_count(const struct outcome *outcome, const char *name, uint64_t *number)
{
    const json_t *value = json_object_get(outcome->document, name);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *number = (uint64_t)json_integer_value(value);
        return true;
    }
    char *end;
    if (!json_is_string(value) || json_string_length(value) == 0)
        return false;
    *number = strtoull(json_string_value(value), &end, 10);
    return *end == '\0';
}

/* The text behind "PRECONDITION_FAILED - ". */
static struct slice explanation(const struct reply_error *error)
{
    struct slice text = slice_of(error->text, error->text_size);
    const uint8_t *dash = memmem(text.data, text.size, " - ", 3);
    return dash == NULL ? text : slice_of(dash + 3, (size_t)(text.data + text.size - dash) - 3);
}

void operate_refused(struct outcome *outcome, const struct operation *operation)
{
    struct slice text = explanation(&operation->error);
    if (operation->error.code == REPLY_ACCESS_REFUSED)
        (void)operate_refuse(outcome, 401, "not_authorised", "Access refused.");
    else if (operation->error.code == REPLY_NOT_FOUND)
        (void)operate_refuse(outcome, 404, "not_found", "%.*s", SLICE_ARGS(text));
    else
        (void)operate_refuse(outcome, 400, "bad_request", "%.*s", SLICE_ARGS(text));
}

bool operate_begin_on_queue(struct api_request *request, struct engine *engine,
                            struct outcome *outcome, struct operation *operation)
{
    struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL || vhost_queue(vhost, api_argument(request, "name")) == NULL) {
        (void)outcome_not_found(outcome);
        return false;
    }
    return operation_begin(operation, engine, request->user->name, vhost) ||
           operate_refuse(outcome, 401, "not_authorised", "Login failed");
}

void operate_end(struct outcome *outcome, struct operation *operation)
{
    if (operation->failed)
        operate_refused(outcome, operation);
    operation_end(operation);
    operation_fini(operation);
}

void operate_refused_with_text(struct outcome *outcome, const struct operation *operation)
{
    if (operation->error.code == REPLY_ACCESS_REFUSED)
        (void)operate_refuse(outcome, 401, "not_authorised", "%.*s",
                             (int)operation->error.text_size, operation->error.text);
    else
        operate_refused(outcome, operation);
}

uint64_t operate(struct api_request *request, struct engine *engine, struct outcome *outcome,
                 struct vhost *vhost, const struct method *method, unsigned status)
{
    struct operation operation;
    if (!operation_begin(&operation, engine, request->user->name, vhost)) {
        (void)operate_refuse(outcome, 401, "not_authorised", "Login failed");
        return 0;
    }
    outcome->status = status;
    if (!operation_apply(&operation, method))
        operate_refused(outcome, &operation);
    operation_end(&operation);
    operation_fini(&operation);
    return engine->topology_lsn;
}
