/* SPDX-License-Identifier: Apache-2.0
 *
 * parser: bytes to one http_request, by llhttp. It stops behind the head, so that its owner decides
 * about the body, and behind the request, so that what follows (pipelining) waits. All that it
 * keeps is bounded. One thread at a time.
 */
#ifndef STOATMQ_MGMT_HTTP_PARSER_H
#define STOATMQ_MGMT_HTTP_PARSER_H

#include <llhttp.h>

#include "mgmt/http/request.h"

#define HTTP_TARGET_BYTES_MAX 8000

enum http_progress {
    HTTP_FEED_MORE,   /* all is used up, and more is to come */
    HTTP_FEED_HEAD,   /* the head is whole and cut; once a request */
    HTTP_FEED_WHOLE,  /* the request is whole */
    HTTP_FEED_BROKEN, /* refuse it with `status` and close: where the next one begins is unknown */
};

/* A piece of `text`, which may move while it grows. */
struct http_span {
    uint32_t at, size;
};

struct http_parser {
    llhttp_t llhttp;
    struct http_request request;
    struct buf text; /* target, names, values, and the decoded ones */
    struct buf body;
    struct http_span target, names[HTTP_HEADERS_MAX], values[HTTP_HEADERS_MAX];
    size_t head_bytes, head_bytes_max;
    size_t body_max;
    bool discards_body; /* of the body nothing is kept */
    bool head_is_cut;
    bool head_came;
    bool is_complete;
    uint8_t first; /* octet of the request; 0: none came */
    int status;    /* of the answer, when broken */
};

/* For a request with at most HEAD_BYTES_MAX octets of target and headers. Free with
 * http_parser_fini. */
void http_parser_init(struct http_parser *parser, size_t head_bytes_max);
void http_parser_fini(struct http_parser *parser);

/* Takes INPUT; USED of it are used up. After HTTP_FEED_HEAD call it again with the rest, having set
 * body_max or discards_body. */
enum http_progress http_parser_feed(struct http_parser *parser, struct slice input, size_t *used);

/* Once the head is there. The body that is announced: its size, SIZE_MAX when only its end will
 * tell (chunked), 0 for none. */
size_t http_parser_body_announced(const struct http_parser *parser);

/* Does the client wait for "100 Continue" before it sends the body? */
bool http_parser_expects_continue(const struct http_parser *parser);

/* May the connection serve another request behind this one? */
bool http_parser_keeps_alive(const struct http_parser *parser);

#endif
