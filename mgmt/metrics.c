/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/metrics.h"

#include "mgmt/management.h"

static void put_own_metrics(const struct management *management, struct buf *out)
{
    buf_printf(out,
               "# HELP stoatmq_http_requests_total HTTP requests served by the management.\n"
               "# TYPE stoatmq_http_requests_total counter\n"
               "stoatmq_http_requests_total %llu\n"
               "# HELP stoatmq_http_connections HTTP connections of the management.\n"
               "# TYPE stoatmq_http_connections gauge\n"
               "stoatmq_http_connections %u\n",
               (unsigned long long)management->server.requests,
               management->server.connection_count);
}

void metrics_request(void *context, struct http_exchange *exchange)
{
    const struct http_request *http = http_exchange_request(exchange);
    struct http_reply reply = {.status = 200,
                               .content_type = "text/plain; version=0.0.4; charset=utf-8"};
    bool is_metrics = http->segment_count == 1 &&
                      slice_equal(http->segments[0], SLICE_LITERAL("metrics"));
    if (!is_metrics) {
        reply.status = 404;
        buf_bytes(&reply.body, SLICE_LITERAL("metrics are at /metrics\n"));
    } else if (http->method != HTTP_METHOD_GET && http->method != HTTP_METHOD_HEAD) {
        reply = (struct http_reply){.status = 405};
        http_reply_header(&reply, "Allow", SLICE_LITERAL("HEAD, GET"));
    } else {
        put_own_metrics(context, &reply.body);
    }
    http_reply(exchange, &reply);
}
