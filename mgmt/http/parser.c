/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. llhttp calls back with pieces, which are collected in one text as spans; when the
 * head is whole the spans become slices, with room behind them for the decoded path and query, so
 * that the text does not move any more. Behind the head and behind the request llhttp is paused. It
 * is not reused for the next request: that gets a parser of its own.
 */
#include "mgmt/http/parser.h"

#include <limits.h>

#include "server/base/check.h"

static struct http_parser *parser_of(llhttp_t *llhttp)
{
    return llhttp->data;
}

/* Ends the parsing: the request is answered with STATUS. */
static int refuse(struct http_parser *parser, int status)
{
    parser->status = status;
    return HPE_USER;
}

/* Appends a piece to SPAN, which is the text's last. */
static int keep(struct http_parser *parser, struct http_span *span, const char *at, size_t size,
                int status_when_large)
{
    parser->head_bytes += size;
    if (parser->head_bytes > parser->head_bytes_max)
        return refuse(parser, status_when_large);
    buf_bytes(&parser->text, slice_of(at, size));
    span->size += (uint32_t)size;
    return 0;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *parser = parser_of(llhttp);
    if (parser->target.size + size > HTTP_TARGET_BYTES_MAX)
        return refuse(parser, 414);
    return keep(parser, &parser->target, at, size, 414);
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *parser = parser_of(llhttp);
    unsigned count = parser->request.header_count;
    if (parser->head_is_cut)
        return 0; /* a trailer, behind chunks: nobody wants it */
    if (count == HTTP_HEADERS_MAX)
        return refuse(parser, 431);
    struct http_span *span = &parser->names[count];
    if (span->size == 0)
        span->at = (uint32_t)parser->text.size;
    size_t start = parser->text.size;
    int status = keep(parser, span, at, size, 431);
    for (size_t i = start; i < parser->text.size; i++)
        if (parser->text.data[i] >= 'A' && parser->text.data[i] <= 'Z')
            parser->text.data[i] |= 0x20;
    return status;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *parser = parser_of(llhttp);
    unsigned count = parser->request.header_count;
    if (parser->head_is_cut) {
        parser->head_bytes += size; /* trailers are bounded like the rest */
        return parser->head_bytes > parser->head_bytes_max ? refuse(parser, 431) : 0;
    }
    struct http_span *span = &parser->values[count];
    if (span->size == 0)
        span->at = (uint32_t)parser->text.size;
    return keep(parser, span, at, size, 431);
}

static int on_header_value_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    if (!parser->head_is_cut)
        parser->request.header_count++;
    return 0;
}

static int method_of(const llhttp_t *llhttp)
{
    switch (llhttp_get_method((llhttp_t *)llhttp)) {
    case HTTP_GET:
        return HTTP_METHOD_GET;
    case HTTP_HEAD:
        return HTTP_METHOD_HEAD;
    case HTTP_POST:
        return HTTP_METHOD_POST;
    case HTTP_PUT:
        return HTTP_METHOD_PUT;
    case HTTP_DELETE:
        return HTTP_METHOD_DELETE;
    case HTTP_OPTIONS:
        return HTTP_METHOD_OPTIONS;
    case HTTP_PATCH:
        return HTTP_METHOD_PATCH;
    default:
        return -1;
    }
}

static struct slice slice_of_span(const struct http_parser *parser, struct http_span span)
{
    return slice_of(parser->text.data + span.at, span.size);
}

/* The head is whole: spans become slices, and the target is cut. */
static int cut_head(struct http_parser *parser)
{
    struct http_request *request = &parser->request;
    buf_reserve(&parser->text, parser->target.size + 1);
    request->target = slice_of_span(parser, parser->target);
    for (unsigned i = 0; i < request->header_count; i++)
        request->headers[i] = (struct http_field){slice_of_span(parser, parser->names[i]),
                                                  slice_of_span(parser, parser->values[i])};
    parser->head_is_cut = true;
    return http_request_cut(request, &parser->text);
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    struct http_request *request = &parser->request;
    struct slice host;
    if (llhttp->http_major != 1 || llhttp->http_minor > 1)
        return refuse(parser, 505);
    request->is_http_1_0 = llhttp->http_minor == 0;
    int method = method_of(llhttp);
    if (method < 0)
        return refuse(parser, 501);
    request->method = (enum http_method)method;
    int status = cut_head(parser);
    if (status == 0 && !request->is_http_1_0 && !http_request_header(request, "host", &host))
        status = 400;
    if (status != 0)
        return refuse(parser, status);
    llhttp->upgrade = 0; /* to another protocol: may be asked for, and is not done */
    parser->head_came = true;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *parser = parser_of(llhttp);
    if (size > parser->body_max)
        return refuse(parser, 413);
    parser->body_max -= size;
    if (!parser->discards_body)
        buf_bytes(&parser->body, slice_of(at, size));
    return 0;
}

/* Extensions of chunks are taken and dropped, and endless ones are not. */
static int on_chunk_extension(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *parser = parser_of(llhttp);
    (void)at;
    parser->head_bytes += size;
    return parser->head_bytes > parser->head_bytes_max ? refuse(parser, 400) : 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    parser->request.body = buf_slice(&parser->body);
    parser->is_complete = true;
    return HPE_PAUSED;
}

void http_parser_init(struct http_parser *parser, size_t head_bytes_max)
{
    static const llhttp_settings_t settings = {
        .on_url = on_url,
        .on_header_field = on_header_field,
        .on_header_value = on_header_value,
        .on_header_value_complete = on_header_value_complete,
        .on_chunk_extension_name = on_chunk_extension,
        .on_chunk_extension_value = on_chunk_extension,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
    };
    *parser = (struct http_parser){.head_bytes_max = head_bytes_max};
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
}

void http_parser_fini(struct http_parser *parser)
{
    buf_fini(&parser->text);
    buf_fini(&parser->body);
}

/* The status for what llhttp found wrong. */
static int status_of_error(const struct http_parser *parser, llhttp_errno_t error)
{
    if (error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE)
        return 505;
    /* A word where a method stands is a method that we do not know. */
    if (error == HPE_INVALID_METHOD && parser->first >= 'A' && parser->first <= 'Z')
        return 501;
    return 400;
}

enum http_progress http_parser_feed(struct http_parser *parser, struct slice input, size_t *used)
{
    const char *start = input.data != NULL ? (const char *)input.data : "";
    CHECK(!parser->is_complete && parser->status == 0);
    *used = 0;
    if (input.size == 0 && !parser->head_came)
        return HTTP_FEED_MORE;
    if (parser->first == 0)
        parser->first = input.data[0];
    if (parser->head_came) {
        parser->head_came = false;
        llhttp_resume(&parser->llhttp);
    }
    llhttp_errno_t error = llhttp_execute(&parser->llhttp, start, input.size);
    if (error == HPE_OK) {
        *used = input.size;
        return HTTP_FEED_MORE;
    }
    if (error == HPE_PAUSED) {
        *used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - start);
        CHECK(*used <= input.size);
        return parser->is_complete ? HTTP_FEED_WHOLE : HTTP_FEED_HEAD;
    }
    if (parser->status == 0)
        parser->status = status_of_error(parser, error);
    *used = input.size;
    return HTTP_FEED_BROKEN;
}

size_t http_parser_body_announced(const struct http_parser *parser)
{
    if ((parser->llhttp.flags & F_CHUNKED) != 0)
        return SIZE_MAX;
    if ((parser->llhttp.flags & F_CONTENT_LENGTH) == 0)
        return 0;
    return parser->llhttp.content_length < SIZE_MAX ? (size_t)parser->llhttp.content_length
                                                    : SIZE_MAX - 1;
}

bool http_parser_expects_continue(const struct http_parser *parser)
{
    struct slice value;
    return !parser->request.is_http_1_0 &&
           http_request_header(&parser->request, "expect", &value) &&
           http_equal_ignoring_case(value, SLICE_LITERAL("100-continue"));
}

bool http_parser_keeps_alive(const struct http_parser *parser)
{
    return llhttp_should_keep_alive(&parser->llhttp) != 0;
}
