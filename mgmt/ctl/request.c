/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "mgmt/ctl/api.h"
#include "mgmt/ctl/template.h"

/* Appends the options that are asked of the API behind the path: --if-unused and the like. */
static void append_query(const struct arguments *arguments, struct buf *path)
{
    const struct option *options = arguments->command->options;
    char sign = '?';
    for (int i = 0; options[i].name != NULL; i++) {
        if (options[i].argument != NULL || arguments->values[i] == NULL)
            continue;
        buf_printf(path, "%c%s=true", sign, options[i].name + 2);
        sign = '&';
    }
}

static int expand(const struct arguments *arguments, struct buf *path, struct buf *body)
{
    const struct request *request = arguments->command->request;
    int status = template_expand(request->path, arguments, TEMPLATE_PATH, path);
    if (status == 0 && request->body != NULL)
        status = template_expand(request->body, arguments, TEMPLATE_JSON, body);
    append_query(arguments, path);
    buf_u8(path, '\0');
    buf_u8(body, '\0');
    return status;
}

/* What follows from the answer. */
static int judge(const struct arguments *arguments, const struct answer *answer)
{
    const struct request *request = arguments->command->request;
    struct buf text = {0};
    int status = 0;
    const char *template = answer->code < 300 ? request->done : request->missing_text;
    if (answer->code >= 300 && (answer->code != 404 || template == NULL)) {
        status = answer_refused(answer, request->missing);
    } else if (template != NULL) {
        (void)template_expand(template, arguments, TEMPLATE_TEXT, &text);
        if (answer->code < 300)
            say(arguments, "%.*s", SLICE_ARGS(buf_slice(&text)));
        else
            status = fail(request->missing, "%.*s", SLICE_ARGS(buf_slice(&text)));
    }
    buf_fini(&text);
    return status;
}

int run_request(const struct arguments *arguments)
{
    struct api api;
    struct answer answer;
    struct buf path = {0}, body = {0};
    char error[API_ERROR_BYTES];
    const struct request *request = arguments->command->request;
    int status = expand(arguments, &path, &body);
    if (status == 0)
        status = api_init(&api, arguments);
    if (status != 0)
        goto out;
    status = api_send(&api, request->method, (const char *)path.data,
                      request->body != NULL ? (const char *)body.data : NULL, &answer, error);
    if (status == 0) {
        status = judge(arguments, &answer);
        answer_fini(&answer);
    } else {
        fail(status, "%s", error);
    }
    api_fini(&api);
out:
    buf_fini(&path);
    buf_fini(&body);
    return status;
}
