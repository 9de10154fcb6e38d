/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/definitions: all that is defined, out and in.
 */
#include "exchange/parameter.h"
#include "exchange/vhost.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/outcome.h"
#include "mgmt/definitions/export.h"
#include "mgmt/definitions/import.h"
#include "mgmt/management.h"

/* Is it about one virtual host? */
static bool is_of_vhost(const struct api_request *request)
{
    return route_argument(request->route, "vhost") >= 0;
}

/* --- out ------------------------------------------------------------------------------------- */

static uint64_t write_definitions(struct api_request *request, struct engine *engine,
                                  struct outcome *outcome)
{
    const struct settings *settings = request->management->view->settings;
    struct table_value name;
    const struct parameter *named = parameter_find(engine, SLICE_LITERAL("cluster_name"));
    const struct vhost *only = is_of_vhost(request) ? outcome_vhost(request, engine) : NULL;
    if (is_of_vhost(request) && only == NULL) {
        outcome->status = 400;
        outcome->error = "bad_request";
        buf_bytes(&outcome->body, SLICE_LITERAL("vhost_not_found"));
        return 0;
    }
    bool has_name = named != NULL &&
                    table_find(named->value, SLICE_LITERAL(PARAMETER_VALUE), &name) &&
                    name.type == TABLE_LONGSTR;
    definitions_export(
        engine, only,
        &(struct definitions_origin){
            .rabbitmq_version = settings->compatible_version,
            .product_version = STOATMQ_VERSION,
            .cluster_name = has_name ? name.bytes : slice_from_string(settings->cluster_name),
        },
        &outcome->body);
    outcome->status = 200;
    return 0;
}

void api_get_definitions(struct api_request *request)
{
    struct slice file;
    if (http_request_parameter(request->http, "download", &file)) {
        struct buf header = {0};
        buf_printf(&header, "attachment; filename=%.*s", SLICE_ARGS(file));
        api_put_header(request, "Content-Disposition", buf_slice(&header));
        buf_fini(&header);
    }
    outcome_ask(request, outcome_new(request), write_definitions);
}

/* --- in -------------------------------------------------------------------------------------- */

static uint64_t import(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    struct definitions_result result;
    struct vhost *only = is_of_vhost(request) ? outcome_vhost(request, engine) : NULL;
    if (is_of_vhost(request) && only == NULL)
        return outcome_no_vhost(outcome);
    definitions_import(engine, only, outcome->document, &result);
    outcome->status = result.problem_count == 0 ? 204 : 400;
    outcome->error = result.problem_count == 0 ? NULL : "bad_request";
    outcome->body = result.problems;
    return result.lsn;
}

void api_post_definitions(struct api_request *request)
{
    struct slice body = request->http->body;
    struct buf problem = {0};
    json_t *document = body.size == 0 ? json_object() : definitions_parse(body, &problem);
    if (document == NULL) {
        api_refuse_bad_request(request, "failed_to_parse_json: %.*s",
                               SLICE_ARGS(buf_slice(&problem)));
    } else {
        struct outcome *outcome = outcome_new(request);
        outcome->document = document;
        outcome_ask(request, outcome, import);
    }
    buf_fini(&problem);
}
