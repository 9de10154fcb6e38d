/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/api/outcome.h"

#include "exchange/vhost.h"
#include "mgmt/api/json_sort.h"
#include "mgmt/management.h"
#include "server/base/mem.h"

static void outcome_free(void *state)
{
    struct outcome *outcome = state;
    if (outcome->result != NULL)
        outcome->free_result(outcome->result);
    buf_fini(&outcome->body);
    buf_fini(&outcome->input);
    json_decref(outcome->document);
    json_decref(outcome->reason);
    mem_free(outcome);
}

struct outcome *outcome_new(struct api_request *request)
{
    struct outcome *outcome = mem_zalloc(sizeof *outcome);
    request->state = outcome;
    request->free_state = outcome_free;
    return outcome;
}

static uint64_t work(struct api_request *request, struct engine *engine)
{
    struct outcome *outcome = request->state;
    return outcome->work(request, engine, outcome);
}

/* Puts a list in the order that the query asks for. */
static void sort(struct api_request *request, struct outcome *outcome)
{
    struct slice column;
    if (http_request_parameter(request->http, "sort", &column) && column.size > 0)
        json_sort(&outcome->body, column, api_flag(request, "sort_reverse"));
}

static void done(struct api_request *request)
{
    struct outcome *outcome = request->state;
    if (outcome->is_unfinished && !request->management->is_stopping) {
        outcome->is_unfinished = false;
        api_ask(request, work, done);
        return;
    }
    CHECK(outcome->status != 0);
    if (outcome->status == 200)
        sort(request, outcome);
    if (outcome->write != NULL && outcome->status == 200)
        outcome->write(outcome);
    struct slice reason = buf_slice(&outcome->body);
    if (outcome->status == 200 || outcome->status == 503)
        api_reply_json_as(request, outcome->status, &outcome->body);
    else if (outcome->reason != NULL)
        api_reply_value_as(
            request, outcome->status,
            json_pack("{s:s, s:O}", "error", outcome->error, "reason", outcome->reason));
    else if (outcome->error != NULL)
        api_refuse(request, outcome->status, outcome->error, "%.*s", SLICE_ARGS(reason));
    else if (outcome->status == 404)
        api_refuse_not_found(request);
    else
        api_reply_empty(request, outcome->status);
}

void outcome_ask(struct api_request *request, struct outcome *outcome,
                 uint64_t (*asked)(struct api_request *request, struct engine *engine,
                                   struct outcome *outcome))
{
    struct slice columns;
    if (http_request_parameter(request->http, "columns", &columns) &&
        !json_columns_read(&outcome->columns, columns)) {
        api_refuse_bad_request(request, "too many columns");
        return;
    }
    outcome->work = asked;
    api_ask(request, work, done);
}

uint64_t outcome_not_found(struct outcome *outcome)
{
    outcome->status = 404;
    return 0;
}

uint64_t outcome_no_vhost(struct outcome *outcome)
{
    outcome->status = 404;
    outcome->error = "not_found";
    outcome->body.size = 0;
    buf_bytes(&outcome->body, SLICE_LITERAL("vhost_not_found"));
    return 0;
}

void outcome_write(struct outcome *outcome, struct json_writer *writer)
{
    outcome->status = 200;
    json_writer_init(writer, &outcome->body);
    if (outcome->columns.count > 0)
        json_writer_columns(writer, &outcome->columns);
}

void outcome_escape_html(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        switch (text.data[i]) {
        case '<':
            buf_bytes(out, SLICE_LITERAL("&lt;"));
            break;
        case '>':
            buf_bytes(out, SLICE_LITERAL("&gt;"));
            break;
        case '&':
            buf_bytes(out, SLICE_LITERAL("&amp;"));
            break;
        default:
            buf_u8(out, text.data[i]);
        }
}

struct vhost *outcome_vhost(struct api_request *request, struct engine *engine)
{
    return map_get(&engine->vhosts, api_argument(request, "vhost"));
}
