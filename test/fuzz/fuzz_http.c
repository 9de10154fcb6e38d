/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection's input: whatever it holds, requests come out of it in the same way however it is
 * cut into pieces, each slice of a request lies in what was kept, and limits hold.
 */
#include "mgmt/http/parser.h"
#include "server/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_BYTES_MAX 2048
#define BODY_BYTES_MAX 256
#define REQUESTS_MAX   64

/* What came of an input: to be the same for each cut. */
struct story {
    unsigned requests;
    size_t used, bodies, headers, segments;
    int status;
};

static void check_slice(struct slice slice, const struct buf *text)
{
    if (slice.size > 0)
        CHECK(slice.data >= text->data && slice.data + slice.size <= text->data + text->size);
}

static void check_request(const struct http_parser *parser)
{
    const struct http_request *request = &parser->request;
    CHECK(request->segment_count <= HTTP_SEGMENTS_MAX);
    CHECK(request->parameter_count <= HTTP_PARAMETERS_MAX);
    CHECK(request->header_count <= HTTP_HEADERS_MAX);
    CHECK(request->target.size <= HTTP_TARGET_BYTES_MAX);
    for (unsigned i = 0; i < request->segment_count; i++)
        check_slice(request->segments[i], &parser->text);
    for (unsigned i = 0; i < request->parameter_count; i++) {
        check_slice(request->parameters[i].name, &parser->text);
        check_slice(request->parameters[i].value, &parser->text);
    }
    for (unsigned i = 0; i < request->header_count; i++) {
        check_slice(request->headers[i].name, &parser->text);
        check_slice(request->headers[i].value, &parser->text);
    }
    CHECK(request->body.size <= BODY_BYTES_MAX);
}

/* Feeds one request in pieces of STEP octets; false when there is none behind it. */
static bool feed_one(struct slice input, size_t step, struct story *story)
{
    struct http_parser parser;
    enum http_progress progress = HTTP_FEED_MORE;
    http_parser_init(&parser, HEAD_BYTES_MAX);
    while (progress == HTTP_FEED_MORE || progress == HTTP_FEED_HEAD) {
        size_t left = input.size - story->used, used;
        if (left == 0 && progress == HTTP_FEED_MORE)
            break;
        progress = http_parser_feed(
            &parser, slice_of(input.data + story->used, left < step ? left : step), &used);
        story->used += used;
        if (progress == HTTP_FEED_HEAD) {
            check_request(&parser);
            parser.body_max = BODY_BYTES_MAX;
        }
    }
    if (progress == HTTP_FEED_WHOLE) {
        check_request(&parser);
        story->requests++;
        story->bodies += parser.request.body.size;
        story->headers += parser.request.header_count;
        story->segments += parser.request.segment_count;
    }
    if (progress == HTTP_FEED_BROKEN) {
        CHECK_ID(parser.status >= 400 && parser.status < 600, parser.status);
        story->status = parser.status;
        story->used = 0; /* where it broke depends on the cut */
    }
    http_parser_fini(&parser);
    return progress == HTTP_FEED_WHOLE;
}

static struct story feed_all(struct slice input, size_t step)
{
    struct story story = {0};
    while (story.requests < REQUESTS_MAX && feed_one(input, step, &story))
        ;
    return story;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 7};
    struct slice input = slice_of(data, size);
    struct story whole = feed_all(input, size + 1);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct story cut = feed_all(input, steps[i]);
        CHECK_ID(cut.requests == whole.requests, steps[i]);
        CHECK_ID(cut.bodies == whole.bodies, steps[i]);
        CHECK_ID(cut.headers == whole.headers, steps[i]);
        CHECK_ID(cut.segments == whole.segments, steps[i]);
        CHECK_ID((cut.status == 0) == (whole.status == 0), steps[i]);
        CHECK_ID(cut.used == whole.used, steps[i]);
    }
    return 0;
}
