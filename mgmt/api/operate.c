/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/operate.h"

#include <stdarg.h>
#include <stdio.h>

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
