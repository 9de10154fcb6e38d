/* SPDX-License-Identifier: Apache-2.0
 *
 * What RabbitMQ's API has because of its clusters and its Erlang, for scripts that ask for it: the
 * cluster's name, queues moved and mirrors synchronised (there is nothing to do), a node's memory.
 */
#include "exchange/parameter.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "mgmt/amqp_json.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/outcome.h"
#include "mgmt/management.h"

/* --- its name: a global parameter ------------------------------------------------------------ */

static uint64_t write_name(struct api_request *request, struct engine *engine,
                           struct outcome *outcome)
{
    struct json_writer writer;
    struct slice name = parameter_text(engine, PARAMETER_CLUSTER_NAME);
    const char *otherwise = request->management->view->settings->cluster_name;
    outcome_write(outcome, &writer);
    json_write_object(&writer);
    json_put_string(&writer, "name", name.size > 0 ? name : slice_from_string(otherwise));
    json_write_object_end(&writer);
    return 0;
}

void api_get_cluster_name(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), write_name);
}

static uint64_t put_name(struct api_request *request, struct engine *engine,
                         struct outcome *outcome)
{
    (void)request;
    outcome->status = 204;
    return parameter_put(engine, PARAMETER_CLUSTER_NAME, buf_slice(&outcome->input));
}

void api_put_cluster_name(struct api_request *request)
{
    json_t *body = api_read_json(request);
    if (body == NULL)
        return;
    const json_t *name = json_object_get(body, "name");
    struct outcome *outcome = outcome_new(request);
    if (name == NULL)
        api_refuse_bad_request(request, "[{key_missing,name}]");
    else if (!json_is_string(name) || json_string_length(name) > PARAMETER_NAME_MAX)
        api_refuse_bad_request(request, "name should be a string of at most %u bytes",
                               PARAMETER_NAME_MAX);
    else if (amqp_json_to_pair(SLICE_LITERAL(PARAMETER_VALUE), name, &outcome->input))
        outcome_ask(request, outcome, put_name);
    json_decref(body);
}

/* --- its queues ------------------------------------------------------------------------------ */

void api_rebalance_queues(struct api_request *request)
{
    api_reply_empty(request, 204); /* they are all on this node */
}

static uint64_t act_on_queue(struct api_request *request, struct engine *engine,
                             struct outcome *outcome)
{
    const json_t *action = json_object_get(outcome->document, "action");
    const struct vhost *vhost = outcome_vhost(request, engine);
    if (vhost == NULL || vhost_queue(vhost, api_argument(request, "name")) == NULL)
        return outcome_not_found(outcome);
    outcome->status = 400;
    outcome->error = "bad_request";
    if (action == NULL)
        outcome->reason = json_string("[{key_missing,action}]");
    else if (json_is_string(action) && (strcmp(json_string_value(action), "sync") == 0 ||
                                        strcmp(json_string_value(action), "cancel_sync") == 0))
        outcome->status = 204; /* it has no mirrors, so they are in step */
    else
        outcome->reason = json_pack("[s, O]", "unknown", action);
    if (outcome->status == 204)
        outcome->error = NULL;
    return 0;
}

void api_act_on_queue(struct api_request *request)
{
    json_t *body = api_read_json(request);
    if (body == NULL)
        return;
    struct outcome *outcome = outcome_new(request);
    outcome->document = body;
    outcome_ask(request, outcome, act_on_queue);
}
