/* SPDX-License-Identifier: Apache-2.0 */
#include "mgmt/http/exchange.h"

#include "mgmt/http/connection.h"
#include "server/base/check.h"
#include "server/base/mem.h"

const struct http_request *http_exchange_request(const struct http_exchange *exchange)
{
    return &exchange->parser.request;
}

bool http_exchange_cut_prefix(struct http_exchange *exchange, struct slice prefix)
{
    struct http_request *request = &exchange->parser.request;
    unsigned count = 0;
    struct slice path = request->path;
    if (!slice_starts_with(path, prefix) ||
        (path.size > prefix.size && path.data[prefix.size] != '/'))
        return false;
    for (size_t i = 0; i < prefix.size; i++)
        count += prefix.data[i] == '/';
    if (count > request->segment_count)
        return false;
    request->path = slice_of(path.data + prefix.size, path.size - prefix.size);
    request->segment_count -= count;
    memmove(request->segments, request->segments + count,
            request->segment_count * sizeof request->segments[0]);
    return true;
}

const union address *http_exchange_peer(const struct http_exchange *exchange)
{
    return &exchange->peer;
}

bool http_exchange_is_secure(const struct http_exchange *exchange)
{
    return exchange->is_secure;
}

void http_take_body(struct http_exchange *exchange, size_t bytes_max, void *context,
                    void (*on_body)(void *context), void (*abandoned)(void *context))
{
    CHECK(!exchange->wants_body && !exchange->parser.is_complete);
    if (exchange->connection == NULL) {
        abandoned(context);
        http_exchange_free(exchange);
        return;
    }
    exchange->wants_body = true;
    exchange->context = context;
    exchange->on_body = on_body;
    exchange->abandoned = abandoned;
    exchange->parser.body_max = bytes_max;
    http_connection_receive(exchange->connection);
}

void http_exchange_free(struct http_exchange *exchange)
{
    http_parser_fini(&exchange->parser);
    mem_free(exchange);
}
