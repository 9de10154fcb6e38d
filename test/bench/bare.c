// SPDX-License-Identifier: Apache-2.0
// bare: the least that a broker could do. It parses a stream of publishes and copies each into a
// deliver for the one consumer there is: no routing, no queue, no acknowledgements, no checks. What
// it costs under `loadgen auto-ack` is what the sockets and the copying cost: the limit to aim at.
// Replies are just enough for loadgen's set-up. Not for any other client.
//
//   bare [PORT [FAULT]]   listens on 127.0.0.1, on a free port for 0 or none, and prints which
//
// FAULT (lose, repeat, swap, change) damages one message in FAULT_EVERY, to see that loadgen
// notices.
#include "frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 16, READ_SIZE = 256 * 1024, HEADER_SIZE = 8, FAULT_EVERY = 10000 };

struct connection {
    int fd; // -1: free
    bool greeted;
    struct bytes in, out;
};

static struct connection connections[CONNECTIONS_MAX];

static struct {
    struct connection *connection; // NULL: messages are dropped
    uint8_t tag[256];              // a short string
    uint64_t delivery_tag;
} consumer;

static struct {
    char kind; // the fault's first letter; 0 = none
    unsigned count;
    struct bytes held; // the first of two messages that are swapped
} fault;

static void reply(struct connection *c, const struct frame *f, uint32_t method, const void *args,
                  size_t len)
{
    size_t at = method_begin(&c->out, f->channel, method);
    bytes_append(&c->out, args, len);
    frame_end(&c->out, at);
}

static void subscribe(struct connection *c, const struct frame *f)
{
    const uint8_t *tag = shortstr_end(f->payload + 6, f->payload + f->size);
    if (!tag || !shortstr_end(tag, f->payload + f->size))
        return;
    consumer.connection = c;
    consumer.delivery_tag = 0;
    memcpy(consumer.tag, tag, 1u + tag[0]);
    reply(c, f, BASIC_CONSUME_OK, tag, 1u + tag[0]);
}

static void on_method(struct connection *c, const struct frame *f)
{
    static const uint8_t zeros[16], tune[8] = {0x07, 0xFF, 0, FRAME_MAX >> 16};
    uint32_t method = get_u32(f->payload);
    switch (method) {
    case CONNECTION_START_OK:
        reply(c, f, CONNECTION_TUNE, tune, sizeof tune);
        break;
    case CONNECTION_OPEN:
        reply(c, f, CONNECTION_OPEN_OK, zeros, 1);
        break;
    case CHANNEL_OPEN:
        reply(c, f, CHANNEL_OPEN_OK, zeros, 4);
        break;
    case QUEUE_DECLARE:
        reply(c, f, QUEUE_DECLARE_OK, zeros, 9);
        break;
    case QUEUE_DELETE:
        reply(c, f, QUEUE_DELETE_OK, zeros, 4);
        break;
    case CONNECTION_CLOSE:
    case BASIC_QOS:
        reply(c, f, method + 1, NULL, 0);
        break;
    case BASIC_CONSUME:
        subscribe(c, f);
        break;
    default:
        break; // tune-ok, acks
    }
}

static void deliver(const struct frame *f, const uint8_t *content, size_t size)
{
    // basic.publish: class and method, a reserved short, exchange, routing key, a byte of flags.
    const uint8_t *names = f->payload + 6;
    size_t names_len = f->size - 7, tag_len = 1u + consumer.tag[0];
    size_t args_len = 4 + tag_len + 9 + names_len;
    struct bytes *out = &consumer.connection->out;
    bytes_reserve(out, FRAME_OVERHEAD + args_len + size);
    uint8_t *at = out->data + out->len;
    uint32_t be_size = __builtin_bswap32((uint32_t)args_len);
    uint32_t be_id = __builtin_bswap32(BASIC_DELIVER);
    memcpy(at, "\x01\x00\x01", 3);
    memcpy(at + 3, &be_size, 4);
    memcpy(at + 7, &be_id, 4);
    memcpy(at + 11, consumer.tag, tag_len);
    at += 11 + tag_len;
    put_u64_at(at, ++consumer.delivery_tag);
    at[8] = 0; // not redelivered
    memcpy(at + 9, names, names_len);
    at += 9 + names_len;
    *at = FRAME_END;
    memcpy(at + 1, content, size);
    out->len += FRAME_OVERHEAD + args_len + size;
}

static void deliver_damaged(const struct frame *f, const uint8_t *content, size_t size)
{
    bool now = ++fault.count % FAULT_EVERY == 0;
    if (now && fault.kind == 's') {
        fault.held.len = 0;
        bytes_append(&fault.held, content, size);
        return;
    }
    if (!now || fault.kind != 'l')
        deliver(f, content, size);
    if (now && fault.kind == 'r')
        deliver(f, content, size);
    struct bytes *out = &consumer.connection->out;
    if (now && fault.kind == 'c')
        out->data[out->len - 2] ^= 1; // the body's last byte
    if (fault.held.len) {
        deliver(f, fault.held.data, fault.held.len);
        fault.held.len = 0;
    }
}

// Copies the publish whose method frame is `f` and whose header frame starts at `content`. Returns
// the length of the content, or 0 while it is not all there.
static size_t forward(const struct frame *f, const uint8_t *content, size_t len)
{
    struct frame part;
    long got = frame_parse(content, len, &part);
    if (got <= 0 || part.size < 14)
        return 0;
    size_t size = (size_t)got;
    for (uint64_t left = get_u64(part.payload + 4); left; left -= part.size) {
        got = frame_parse(content + size, len - size, &part);
        if (got <= 0 || part.size > left)
            return 0;
        size += (size_t)got;
    }
    if (consumer.connection && fault.kind)
        deliver_damaged(f, content, size);
    else if (consumer.connection)
        deliver(f, content, size);
    return size;
}

// Returns how many bytes are done with, or -1.
static long on_bytes(struct connection *c, const uint8_t *data, size_t len)
{
    size_t at = 0;
    long got;
    if (!c->greeted) {
        if (len < HEADER_SIZE)
            return 0;
        // connection.start: version 0-9, no properties, the mechanism, the locale.
        static const char start[] = "\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05"
                                    "en_US";
        reply(c, &(struct frame){.channel = 0}, CONNECTION_START, start, sizeof start - 1);
        c->greeted = true;
        at = HEADER_SIZE;
    }
    struct frame f;
    while ((got = frame_parse(data + at, len - at, &f)) > 0) {
        size_t next = at + (size_t)got;
        if (f.type == FRAME_METHOD && get_u32(f.payload) == BASIC_PUBLISH) {
            size_t content = forward(&f, data + next, len - next);
            if (!content)
                break;
            next += content;
        } else if (f.type == FRAME_METHOD) {
            on_method(c, &f);
        }
        at = next;
    }
    return got < 0 ? -1 : (long)at;
}

static void drop(struct connection *c)
{
    close(c->fd);
    c->fd = -1;
    c->greeted = false;
    c->in.len = c->out.len = 0;
    if (consumer.connection == c)
        consumer.connection = NULL;
}

static void read_some(struct connection *c)
{
    bytes_reserve(&c->in, READ_SIZE);
    ssize_t n = recv(c->fd, c->in.data + c->in.len, READ_SIZE, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    long used = n > 0 ? on_bytes(c, c->in.data, c->in.len + (size_t)n) : -1;
    if (used < 0) {
        drop(c);
        return;
    }
    c->in.len += (size_t)(n - used);
    if (c->in.len)
        memmove(c->in.data, c->in.data + used, c->in.len);
}

static void write_some(struct connection *c)
{
    ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        drop(c);
    if (n <= 0)
        return;
    c->out.len -= (size_t)n;
    if (c->out.len)
        memmove(c->out.data, c->out.data + n, c->out.len);
}

static void accept_one(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (int i = 0; fd >= 0 && i < CONNECTIONS_MAX; i++) {
        if (connections[i].fd >= 0)
            continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        connections[i].fd = fd;
        return;
    }
    if (fd >= 0)
        close(fd);
}

// While the consumer has not taken what was written, nobody is read: back-pressure.
static void turn(int listener)
{
    struct pollfd fds[CONNECTIONS_MAX + 1] = {{.fd = listener, .events = POLLIN}};
    bool stalled = consumer.connection && consumer.connection->out.len;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &connections[i];
        bool reads = !stalled || c == consumer.connection;
        fds[i + 1].fd = c->fd;
        fds[i + 1].events = (short)((reads ? POLLIN : 0) | (c->out.len ? POLLOUT : 0));
    }
    if (poll(fds, CONNECTIONS_MAX + 1, -1) < 0)
        return;
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (fds[i + 1].revents & ~POLLOUT)
            read_some(&connections[i]);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (connections[i].fd >= 0 && connections[i].out.len)
            write_some(&connections[i]);
    if (fds[0].revents)
        accept_one(listener);
}

int main(int argc, char **argv)
{
    fault.kind = argc > 2 ? argv[2][0] : '\0';
    uint16_t port = argc > 1 ? (uint16_t)atoi(argv[1]) : 0;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
        bind(listener, (struct sockaddr *)&address, size) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("bare");
        return 1;
    }
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        connections[i].fd = -1;
    for (;;)
        turn(listener);
}
