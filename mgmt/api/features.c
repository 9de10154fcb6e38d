/* SPDX-License-Identifier: Apache-2.0
 *
 * features: what RabbitMQ's tools ask of its releases: feature flags, which are all on here, what
 * is deprecated, and additions to the dashboard.
 */
#include "mgmt/api/api.h"
#include "mgmt/api/handlers.h"
#include "mgmt/json_writer.h"

/* Those of RabbitMQ's that mean something here. */
static const struct {
    const char *name, *about;
} flags[] = {
    {"classic_mirrored_queue_version", "Version of classic mirrored queues"},
    {"direct_exchange_routing_v2", "Routing of direct exchanges by an index"},
    {"drop_unroutable_metric", "Counts messages that no queue took"},
    {"empty_basic_get_metric", "Counts basic.get on empty queues"},
    {"implicit_default_bindings", "Default bindings are not stored"},
    {"quorum_queue", "Queues of type quorum"},
    {"user_limits", "Limits of connections and channels for a user"},
    {"virtual_host_metadata", "Description and tags of virtual hosts"},
};

void api_get_feature_flags(struct api_request *request)
{
    struct buf body = {0};
    struct json_writer writer;
    json_writer_init(&writer, &body);
    json_write_array(&writer);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        json_write_object(&writer);
        json_put_text(&writer, "name", flags[i].name);
        json_put_text(&writer, "desc", flags[i].about);
        json_put_text(&writer, "doc_url", "");
        json_put_text(&writer, "state", "enabled");
        json_put_text(&writer, "stability", "stable");
        json_put_text(&writer, "provided_by", "stoatmq");
        json_write_object_end(&writer);
    }
    json_write_array_end(&writer);
    api_reply_json(request, &body);
}

void api_enable_feature_flag(struct api_request *request)
{
    struct slice name = api_argument(request, "name");
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (slice_equal(name, slice_from_string(flags[i].name)) ||
            slice_equal(name, SLICE_LITERAL("all"))) {
            api_reply_empty(request, 204);
            return;
        }
    }
    api_refuse_bad_request(request, "unsupported");
}

static void reply_nothing(struct api_request *request)
{
    struct buf body = {0};
    buf_bytes(&body, SLICE_LITERAL("[]"));
    api_reply_json(request, &body);
}

void api_get_deprecated_features(struct api_request *request)
{
    reply_nothing(request);
}

void api_get_extensions(struct api_request *request)
{
    reply_nothing(request);
}
