/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange: one request and its answer. The handler is given it when the head has come; it answers
 * at once or later, once, with http_reply, and may ask for the body before. The exchange, with the
 * request, lives until it is answered, even when the client goes away meanwhile: a handler need not
 * care. Management's thread only.
 */
#ifndef STOATMQ_MGMT_HTTP_EXCHANGE_H
#define STOATMQ_MGMT_HTTP_EXCHANGE_H

#include "mgmt/http/request.h"
#include "server/net/address.h"

struct http_exchange;

/* The request; its body is there from `on_body` on. */
const struct http_request *http_exchange_request(const struct http_exchange *exchange);

/* Cuts PREFIX, such as "/mq", off the request's path. False: it does not begin so. */
bool http_exchange_cut_prefix(struct http_exchange *exchange, struct slice prefix)
    __attribute__((warn_unused_result));

/* Where the request comes from. */
const union address *http_exchange_peer(const struct http_exchange *exchange);

/* Did it come over TLS? */
bool http_exchange_is_secure(const struct http_exchange *exchange);

/* Has ON_BODY called when the body is there, of BYTES_MAX octets at most: a larger one is refused
 * with 413, a broken one with 400, a late one with 408, and then ABANDONED is called instead, where
 * CONTEXT is to be freed. May call either before it returns. Instead of http_reply, which is then
 * due from on_body on. */
void http_take_body(struct http_exchange *exchange, size_t bytes_max, void *context,
                    void (*on_body)(void *context), void (*abandoned)(void *context));

struct http_reply {
    unsigned status;
    const char *content_type;  /* NULL: none, and no body; lives as long as the process */
    const char *cache_control; /* NULL: "no-cache"; as well */
    struct buf body;           /* taken */
    struct slice constant;     /* a body that lives as long as the process, instead */
    bool constant_is_gzip;     /* and is to be sent only to those who take that */
    struct buf headers;        /* further ones, by http_reply_header; taken */
};

/* Adds a header. Octets of VALUE that no header may have are left out. */
void http_reply_header(struct http_reply *reply, const char *name, struct slice value);
void http_put_header(struct buf *headers, const char *name, struct slice value);

/* Answers; EXCHANGE and what belongs to it are gone then, and what REPLY owned is taken. */
void http_reply(struct http_exchange *exchange, struct http_reply *reply);

#endif
