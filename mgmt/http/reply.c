/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A body is not copied: the output refers to it and frees it when it is written. It
 * is compressed when that pays and the client takes it, at the fastest level, which halves the time
 * of everything that is not on this machine and costs some 10 ms a megabyte.
 */
#include <time.h>
#include <zlib.h>

#include "mgmt/http/connection.h"
#include "server/base/check.h"
#include "server/base/mem.h"

#define GZIP_BYTES_MIN 1400 /* less goes in one packet anyway */
#define GZIP_WINDOW    (15 + 16)

static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown"; /* the text is for people; programs read the number */
}

void http_put_header(struct buf *headers, const char *name, struct slice value)
{
    buf_printf(headers, "%s: ", name);
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] >= 0x20 && value.data[i] < 0x7F)
            buf_u8(headers, value.data[i]);
    buf_bytes(headers, SLICE_LITERAL("\r\n"));
}

void http_reply_header(struct http_reply *reply, const char *name, struct slice value)
{
    http_put_header(&reply->headers, name, value);
}

/* Writes the line with today's date, RFC 9110 section 5.6.7. */
static void put_date(struct buf *head)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uv_timeval64_t now;
    struct tm tm;
    CHECK(uv_gettimeofday(&now) == 0);
    time_t seconds = (time_t)now.tv_sec;
    CHECK(gmtime_r(&seconds, &tm) != NULL);
    buf_printf(head, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * tm.tm_wday,
               tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
               tm.tm_sec);
}

/* BODY compressed, or false when that is not worth it. */
static bool compress_body(const struct buf *body, struct buf *compressed)
{
    z_stream stream = {0};
    if (body->size > UINT32_MAX ||
        deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    stream.next_in = body->data;
    stream.avail_in = (uInt)body->size;
    stream.next_out = buf_reserve(compressed, body->size);
    stream.avail_out = (uInt)body->size; /* no longer than it was, else it is not worth it */
    int status = deflate(&stream, Z_FINISH);
    compressed->size = stream.total_out;
    deflateEnd(&stream);
    if (status != Z_STREAM_END)
        buf_fini(compressed);
    return status == Z_STREAM_END;
}

static void maybe_compress(const struct http_request *request, struct http_reply *reply)
{
    struct slice accepted;
    struct buf compressed = {0};
    if (reply->body.size < GZIP_BYTES_MIN ||
        !http_request_header(request, "accept-encoding", &accepted) ||
        !http_list_has(accepted, "gzip") || !compress_body(&reply->body, &compressed))
        return;
    buf_fini(&reply->body);
    reply->body = compressed;
    http_reply_header(reply, "Content-Encoding", SLICE_LITERAL("gzip"));
}

static void free_body(void *body)
{
    mem_free(body);
}

static void put_head(struct http_connection *connection, const struct http_reply *reply,
                     size_t body_bytes)
{
    struct buf head = {0};
    buf_printf(&head, "HTTP/1.1 %u %s\r\n", reply->status, reason_of(reply->status));
    put_date(&head);
    buf_bytes(&head, SLICE_LITERAL("Server: StoatMQ\r\n"));
    if (!connection->keeps_alive)
        buf_bytes(&head, SLICE_LITERAL("Connection: close\r\n"));
    if (reply->content_type != NULL)
        buf_printf(&head, "Content-Type: %s\r\n", reply->content_type);
    if (reply->status != 204 && reply->status != 304)
        buf_printf(&head, "Content-Length: %zu\r\n", body_bytes);
    buf_printf(&head, "Cache-Control: %s\r\n",
               reply->cache_control != NULL ? reply->cache_control : "no-cache");
    buf_bytes(&head, SLICE_LITERAL("Vary: Accept-Encoding, Origin\r\n"));
    buf_bytes(&head, connection->server->headers);
    buf_bytes(&head, buf_slice(&reply->headers));
    buf_bytes(&head, SLICE_LITERAL("\r\n"));
    output_copy(&connection->output, buf_slice(&head));
    buf_fini(&head);
}

/* Puts head and body into the output; REPLY's buffers are taken. */
static void put(struct http_connection *connection, struct http_reply *reply, bool head_alone)
{
    size_t bytes = reply->body.size > 0 ? reply->body.size : reply->constant.size;
    put_head(connection, reply, bytes);
    if (head_alone || reply->status == 204 || reply->status == 304)
        bytes = 0;
    if (bytes > 0 && reply->body.size > 0) {
        output_refer(&connection->output, buf_slice(&reply->body), reply->body.data, free_body);
        reply->body = (struct buf){0};
    } else if (bytes > 0) {
        output_refer(&connection->output, reply->constant, NULL, free_body);
    }
    buf_fini(&reply->body);
    buf_fini(&reply->headers);
}

/* The constant is gzip'd: those who cannot read that get it unpacked. */
static void unpack_constant(struct http_reply *reply)
{
    z_stream stream = {0};
    CHECK(inflateInit2(&stream, GZIP_WINDOW) == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)reply->constant.data;
    stream.avail_in = (uInt)reply->constant.size;
    int status = Z_OK;
    while (status == Z_OK) {
        size_t room = 4 * reply->constant.size + 64;
        stream.next_out = buf_reserve(&reply->body, room);
        stream.avail_out = (uInt)room;
        status = inflate(&stream, Z_NO_FLUSH);
        reply->body.size += room - stream.avail_out;
    }
    CHECK(status == Z_STREAM_END);
    inflateEnd(&stream);
}

void http_reply(struct http_exchange *exchange, struct http_reply *reply)
{
    struct http_connection *connection = exchange->connection;
    const struct http_request *request = &exchange->parser.request;
    struct slice accepted;
    CHECK(!exchange->wants_body);
    if (connection == NULL) {
        buf_fini(&reply->body);
        buf_fini(&reply->headers);
        http_exchange_free(exchange);
        return;
    }
    if (!reply->constant_is_gzip)
        maybe_compress(request, reply);
    else if (http_request_header(request, "accept-encoding", &accepted) &&
             http_list_has(accepted, "gzip"))
        http_reply_header(reply, "Content-Encoding", SLICE_LITERAL("gzip"));
    else
        unpack_constant(reply);
    if (!http_connection_may_stay(connection))
        connection->keeps_alive = false;
    else if (request->is_http_1_0 && connection->keeps_alive)
        http_reply_header(reply, "Connection", SLICE_LITERAL("keep-alive"));
    put(connection, reply, request->method == HTTP_METHOD_HEAD);
    http_connection_answered(connection);
}

void http_reply_status(struct http_connection *connection, int status)
{
    struct http_reply reply = {.status = (unsigned)status, .content_type = "application/json"};
    const char *reason = reason_of(reply.status);
    buf_printf(&reply.body, "{\"error\":\"bad_request\",\"reason\":\"%s\"}", reason);
    put(connection, &reply, false);
}
