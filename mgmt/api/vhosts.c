/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/vhosts: what is changed. What is shown of them is in rows.c and permissions.c.
 */
#include "exchange/engine.h"
#include "mgmt/api/accounts.h"
#include "mgmt/api/handlers.h"

/* What the vhost is to be by BODY; the reason why it cannot, or NULL. */
static const char *read_metadata(const json_t *body, struct vhost_metadata *metadata,
                                 struct buf *tags)
{
    const json_t *tag_list = json_object_get(body, "tags");
    const json_t *tracing = json_object_get(body, "tracing");
    static const char *const texts[] = {"description", "default_queue_type"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const json_t *text = json_object_get(body, texts[i]);
        if (text != NULL && !json_is_string(text) && !json_is_null(text))
            return "description and default_queue_type should be strings";
    }
    if (tag_list != NULL && !accounts_read_tags(tag_list, tags))
        return "tags should be a list of strings, or a string with commas";
    bool is_traced = json_is_true(tracing);
    if (json_is_string(tracing)) /* rabbitmqadmin sends text */
        is_traced = strcmp(json_string_value(tracing), "true") == 0;
    if (tracing != NULL && !json_is_boolean(tracing) && !is_traced &&
        (!json_is_string(tracing) || strcmp(json_string_value(tracing), "false") != 0))
        return "tracing should be true or false";
    *metadata = (struct vhost_metadata){
        .description = accounts_string(body, "description"),
        .default_queue_type = accounts_string(body, "default_queue_type"),
        .tags = buf_slice(tags),
        .tracing = is_traced};
    if (slice_equal(metadata->default_queue_type, SLICE_LITERAL("undefined")))
        metadata->default_queue_type = SLICE_EMPTY; /* as RabbitMQ writes that */
    return NULL;
}

static uint64_t put(struct api_request *request, struct engine *engine, struct outcome *outcome)
{
    struct vhost_metadata metadata = {0};
    struct buf tags = {0};
    (void)read_metadata(outcome->document, &metadata, &tags); /* it was good before */
    struct account_result result = access_put_vhost(engine, api_argument(request, "vhost"),
                                                    &metadata, request->user->name);
    buf_fini(&tags);
    return accounts_end(outcome, &result);
}

void api_put_vhost(struct api_request *request)
{
    struct vhost_metadata metadata;
    struct buf tags = {0};
    json_t *body = api_read_json(request);
    if (body == NULL)
        return;
    const char *problem = read_metadata(body, &metadata, &tags);
    buf_fini(&tags);
    if (problem != NULL) {
        json_decref(body);
        api_refuse_bad_request(request, "%s", problem);
        return;
    }
    struct outcome *outcome = outcome_new(request);
    outcome->document = body;
    outcome_ask(request, outcome, put);
}

static uint64_t remove_one(struct api_request *request, struct engine *engine,
                           struct outcome *outcome)
{
    struct account_result result = access_delete_vhost(engine, api_argument(request, "vhost"));
    return accounts_end(outcome, &result);
}

void api_delete_vhost(struct api_request *request)
{
    outcome_ask(request, outcome_new(request), remove_one);
}
