/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/metrics.h"

#include "mgmt/metrics_text.h"
#include "server/base/mem.h"

/* A scrape that waits for the snapshot. */
struct scrape_wait {
    struct collector_wait wait; /* first */
    struct management *management;
    struct http_exchange *exchange;
    enum metrics_form form;
};

static void answer(struct collector_wait *wait)
{
    struct scrape_wait *scrape = (struct scrape_wait *)wait;
    struct http_reply reply = {.status = 200,
                               .content_type = "text/plain; version=0.0.4; charset=utf-8"};
    metrics_write(scrape->management,
                  &(struct metrics_wish){scrape->form, http_exchange_request(scrape->exchange)},
                  &reply.body);
    http_reply(scrape->exchange, &reply);
    struct management *management = scrape->management;
    mem_free(scrape);
    management_request_ended(management);
}

/* Which form PATH names; false: none. */
static bool read_form(const struct http_request *http, enum metrics_form *form)
{
    static const struct {
        const char *path;
        enum metrics_form form;
    } paths[] = {{"/metrics", METRICS_SUMMED},
                 {"/metrics/per-object", METRICS_PER_OBJECT},
                 {"/metrics/detailed", METRICS_DETAILED}};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (slice_equal(http->path, slice_from_string(paths[i].path))) {
            *form = paths[i].form;
            return true;
        }
    return false;
}

void metrics_request(void *context, struct http_exchange *exchange)
{
    const struct http_request *http = http_exchange_request(exchange);
    struct management *management = context;
    struct http_reply reply = {.status = 404, .content_type = "text/plain"};
    enum metrics_form form;
    if (!read_form(http, &form)) {
        buf_bytes(&reply.body, SLICE_LITERAL("metrics are at /metrics\n"));
        http_reply(exchange, &reply);
        return;
    }
    if (http->method != HTTP_METHOD_GET && http->method != HTTP_METHOD_HEAD) {
        reply = (struct http_reply){.status = 405};
        http_reply_header(&reply, "Allow", SLICE_LITERAL("HEAD, GET"));
        http_reply(exchange, &reply);
        return;
    }
    struct scrape_wait *scrape = mem_zalloc(sizeof *scrape);
    *scrape = (struct scrape_wait){{.ready = answer}, management, exchange, form};
    management->open_requests++;
    collector_ask(&management->collector, &scrape->wait);
}
