// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

__attribute__((format(printf, 2, 3))) static int fail(struct client *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->error, sizeof c->error, format, args);
    va_end(args);
    return -1;
}

static int connect_socket(struct client *c, const char *host, uint16_t port, double timeout_s)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found))
        return fail(c, "cannot resolve %s", host);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = c->fd < 0 ? -1 : connect(c->fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (result)
        return fail(c, "cannot connect to %s:%u: %s", host, port, strerror(errno));
    struct timeval limit = {.tv_sec = (time_t)timeout_s + 1};
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return 0;
}

static int send_all(struct client *c)
{
    for (size_t sent = 0; sent < c->out.len;) {
        ssize_t n = send(c->fd, c->out.data + sent, c->out.len - sent, MSG_NOSIGNAL);
        if (n < 0)
            return fail(c, "send: %s", strerror(errno));
        sent += (size_t)n;
    }
    c->out.len = 0;
    return 0;
}

// The next whole frame; valid until the next call.
static int receive_frame(struct client *c, struct frame *f)
{
    for (;;) {
        size_t len = c->in.len - c->in_at;
        long got = frame_parse(c->in.data + c->in_at, len, f);
        if (got < 0)
            return fail(c, "what the broker sent is no frame");
        if (got > 0) {
            c->in_at += (size_t)got;
            return 0;
        }
        if (len)
            memmove(c->in.data, c->in.data + c->in_at, len);
        c->in.len = len;
        c->in_at = 0;
        bytes_reserve(&c->in, 4096);
        ssize_t n = recv(c->fd, c->in.data + len, c->in.cap - len, 0);
        if (n <= 0)
            return fail(c, n ? "recv: %s" : "the broker closed the connection%s",
                        n ? strerror(errno) : "");
        c->in.len += (size_t)n;
    }
}

static int unexpected(struct client *c, const struct frame *f, uint32_t expected)
{
    uint32_t method = get_u32(f->payload);
    if ((method == CONNECTION_CLOSE || method == CHANNEL_CLOSE) && f->size > 6 &&
        f->size >= 7u + f->payload[6])
        return fail(c, "%u %.*s", get_u16(f->payload + 4), f->payload[6], f->payload + 7);
    return fail(c, "method %u.%u came instead of %u.%u", method >> 16, method & 0xFFFF,
                expected >> 16, expected & 0xFFFF);
}

int client_call(struct client *c, uint32_t expected)
{
    struct frame f;
    if (send_all(c))
        return -1;
    do {
        if (receive_frame(c, &f))
            return -1;
    } while (f.type == FRAME_HEARTBEAT);
    if (f.type != FRAME_METHOD)
        return fail(c, "a frame of type %u came instead of a method", f.type);
    return get_u32(f.payload) == expected ? 0 : unexpected(c, &f, expected);
}

static int log_in(struct client *c, const char *user, const char *password)
{
    static const char mechanism[] = "PLAIN";
    char response[512];
    int len = snprintf(response, sizeof response, "%c%s%c%s", 0, user, 0, password);
    if (len >= (int)sizeof response)
        return fail(c, "user and password are too long");
    bytes_append(&c->out, "AMQP\0\0\x09\x01", 8);
    if (client_call(c, CONNECTION_START))
        return -1;
    size_t at = method_begin(&c->out, 0, CONNECTION_START_OK);
    put_u32(&c->out, 0); // no client properties
    put_shortstr(&c->out, mechanism);
    put_longstr(&c->out, response, (size_t)len);
    put_shortstr(&c->out, "en_US");
    frame_end(&c->out, at);
    if (client_call(c, CONNECTION_TUNE))
        return fail(c, "login: %.500s", strdupa(c->error));
    at = method_begin(&c->out, 0, CONNECTION_TUNE_OK);
    put_u16(&c->out, CHANNEL);
    put_u32(&c->out, FRAME_MAX);
    put_u16(&c->out, 0); // no heartbeats
    frame_end(&c->out, at);
    at = method_begin(&c->out, 0, CONNECTION_OPEN);
    put_shortstr(&c->out, "/");
    put_shortstr(&c->out, "");
    put_u8(&c->out, 0);
    frame_end(&c->out, at);
    return client_call(c, CONNECTION_OPEN_OK);
}

int client_open(struct client *c, const char *host, uint16_t port, const char *user,
                const char *password, double timeout_s)
{
    *c = (struct client){.fd = -1};
    if (connect_socket(c, host, port, timeout_s) || log_in(c, user, password))
        return -1;
    size_t at = method_begin(&c->out, CHANNEL, CHANNEL_OPEN);
    put_shortstr(&c->out, "");
    frame_end(&c->out, at);
    return client_call(c, CHANNEL_OPEN_OK);
}

// One of the arguments of a declaration; cuts `argument` at its '='.
static void put_argument(struct bytes *out, char *argument)
{
    char *value = strchr(argument, '='), *end = NULL;
    if (value)
        *value++ = '\0';
    else
        value = argument + strlen(argument);
    put_shortstr(out, argument);
    uint64_t number = strtoull(value, &end, 10);
    if (*value && !*end) {
        put_u8(out, 'l');
        put_u64(out, number);
    } else {
        put_u8(out, 'S');
        put_longstr(out, value, strlen(value));
    }
}

static void put_arguments(struct bytes *out, const char *arguments)
{
    struct bytes table = {0};
    char *text = strdupa(arguments ? arguments : ""), *rest = NULL;
    for (char *one = strtok_r(text, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
        put_argument(&table, one);
    put_longstr(out, table.data, table.len);
    bytes_free(&table);
}

int client_queue_declare(struct client *c, const char *queue, bool durable, const char *arguments)
{
    size_t at = method_begin(&c->out, CHANNEL, QUEUE_DECLARE);
    put_u16(&c->out, 0);
    put_shortstr(&c->out, queue);
    put_u8(&c->out, durable ? 2 : 0);
    put_arguments(&c->out, arguments);
    frame_end(&c->out, at);
    return client_call(c, QUEUE_DECLARE_OK);
}

int client_queue_delete(struct client *c, const char *queue)
{
    size_t at = method_begin(&c->out, CHANNEL, QUEUE_DELETE);
    put_u16(&c->out, 0);
    put_shortstr(&c->out, queue);
    put_u8(&c->out, 0);
    frame_end(&c->out, at);
    return client_call(c, QUEUE_DELETE_OK);
}

int client_exchange_declare(struct client *c, const char *exchange, const char *type,
                            const char *arguments)
{
    size_t at = method_begin(&c->out, CHANNEL, EXCHANGE_DECLARE);
    put_u16(&c->out, 0);
    put_shortstr(&c->out, exchange);
    put_shortstr(&c->out, type);
    put_u8(&c->out, 0);
    put_arguments(&c->out, arguments);
    frame_end(&c->out, at);
    return client_call(c, EXCHANGE_DECLARE_OK);
}

int client_exchange_delete(struct client *c, const char *exchange)
{
    size_t at = method_begin(&c->out, CHANNEL, EXCHANGE_DELETE);
    put_u16(&c->out, 0);
    put_shortstr(&c->out, exchange);
    put_u8(&c->out, 0);
    frame_end(&c->out, at);
    return client_call(c, EXCHANGE_DELETE_OK);
}

void client_bind(struct client *c, const char *queue, const char *exchange, const char *key)
{
    size_t at = method_begin(&c->out, CHANNEL, QUEUE_BIND);
    put_u16(&c->out, 0);
    put_shortstr(&c->out, queue);
    put_shortstr(&c->out, exchange);
    put_shortstr(&c->out, key);
    put_u8(&c->out, 1); // no-wait
    put_u32(&c->out, 0);
    frame_end(&c->out, at);
}

int client_qos(struct client *c, uint16_t prefetch)
{
    size_t at = method_begin(&c->out, CHANNEL, BASIC_QOS);
    put_u32(&c->out, 0);
    put_u16(&c->out, prefetch);
    put_u8(&c->out, 0);
    frame_end(&c->out, at);
    return client_call(c, BASIC_QOS_OK);
}

int client_consume(struct client *c, const char *queue, const char *tag, bool no_ack)
{
    size_t at = method_begin(&c->out, CHANNEL, BASIC_CONSUME);
    put_u16(&c->out, 0);
    put_shortstr(&c->out, queue);
    put_shortstr(&c->out, tag);
    put_u8(&c->out, no_ack ? 2 : 0);
    put_u32(&c->out, 0);
    frame_end(&c->out, at);
    return client_call(c, BASIC_CONSUME_OK);
}

int client_wait_for_delivery(struct client *c)
{
    return client_call(c, BASIC_DELIVER);
}

int client_confirm_select(struct client *c)
{
    size_t at = method_begin(&c->out, CHANNEL, CONFIRM_SELECT);
    put_u8(&c->out, 0);
    frame_end(&c->out, at);
    return client_call(c, CONFIRM_SELECT_OK);
}

static long say_goodbye(struct client *c)
{
    fcntl(c->fd, F_SETFL, 0); // blocking again: a worker may have had it
    size_t at = method_begin(&c->out, 0, CONNECTION_CLOSE);
    put_u16(&c->out, 200);
    put_shortstr(&c->out, "done");
    put_u32(&c->out, 0);
    frame_end(&c->out, at);
    if (send_all(c))
        return -1;
    struct frame f;
    long deliveries = 0;
    for (;;) {
        if (receive_frame(c, &f))
            return -1;
        if (f.type != FRAME_METHOD)
            continue;
        uint32_t method = get_u32(f.payload);
        if (method == BASIC_DELIVER)
            deliveries++;
        else if (method == CONNECTION_CLOSE_OK)
            return deliveries;
        else if (method == CONNECTION_CLOSE)
            return unexpected(c, &f, CONNECTION_CLOSE_OK);
    }
}

long client_close(struct client *c)
{
    long result = 0;
    if (c->fd >= 0) {
        result = c->error[0] ? -1 : say_goodbye(c);
        close(c->fd);
        c->fd = -1;
    }
    bytes_free(&c->out);
    bytes_free(&c->in);
    return result;
}
