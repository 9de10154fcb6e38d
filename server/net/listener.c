/* SPDX-License-Identifier: Apache-2.0 */
#include "server/net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/log.h"

#define ACCEPTS_PER_TICK 64
#define PAUSE_MS         500

/* A socket address of either family. */
union address {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
};

static void on_ready(struct watch *watch, int events)
{
    struct listener *listener = (struct listener *)(void *)watch;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TICK; i++) {
        int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->on_accept(listener->context, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error("accept_paused", LOG_STR("reason", strerror(errno)),
                      LOG_STR("hint", "raise the limit of open files (ulimit -n)"));
            listener->paused_until_ms = loop_now_ms(listener->loop) + PAUSE_MS;
            watch_set(watch, 0);
        }
        return;
    }
}

void listener_tick(struct listener *listener)
{
    if (listener->watch.fd >= 0 && listener->watch.events == 0 &&
        loop_now_ms(listener->loop) >= listener->paused_until_ms)
        watch_set(&listener->watch, UV_READABLE);
}

static socklen_t parse_address(const char *text, uint16_t port, union address *address)
{
    *address = (union address){0};
    if (inet_pton(AF_INET, text, &address->in4.sin_addr) == 1) {
        address->in4.sin_family = AF_INET;
        address->in4.sin_port = htons(port);
        return sizeof address->in4;
    }
    if (inet_pton(AF_INET6, text, &address->in6.sin6_addr) == 1) {
        address->in6.sin6_family = AF_INET6;
        address->in6.sin6_port = htons(port);
        return sizeof address->in6;
    }
    return 0;
}

/* A bound and listening socket, or -errno. */
static int open_socket(const char *text, uint16_t port, unsigned backlog)
{
    union address address;
    socklen_t size = parse_address(text, port, &address);
    if (size == 0)
        return -EINVAL;
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &address.any, size) < 0 || listen(fd, (int)backlog) < 0) {
        int status = -errno;
        close(fd);
        return status;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    union address address;
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in4.sin_port);
}

int listener_open(struct listener *listener, struct loop *loop, const char *address, uint16_t port,
                  unsigned backlog)
{
    int fd = open_socket(address, port, backlog);
    if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && strcmp(address, "::") == 0)
        fd = open_socket("0.0.0.0", port, backlog);
    if (fd < 0)
        return fd;
    listener->loop = loop;
    listener->port = port_of(fd);
    int status = watch_open(&listener->watch, loop, fd, UV_READABLE, on_ready);
    if (status < 0)
        close(fd);
    return status;
}

static void on_closed(struct watch *watch)
{
    (void)watch;
}

void listener_close(struct listener *listener)
{
    if (listener->watch.fd >= 0)
        watch_close(&listener->watch, on_closed);
}

void address_text(int fd, bool peer, char text[ADDRESS_TEXT_BYTES])
{
    union address address = {0};
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN] = "unknown";
    int status = peer ? getpeername(fd, &address.any, &size) : getsockname(fd, &address.any, &size);
    if (status < 0) {
        snprintf(text, ADDRESS_TEXT_BYTES, "unknown");
        return;
    }
    uint16_t port;
    if (address.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address.in4.sin_addr, host, sizeof host);
        port = ntohs(address.in4.sin_port);
    } else {
        if (IN6_IS_ADDR_V4MAPPED(&address.in6.sin6_addr))
            inet_ntop(AF_INET, address.in6.sin6_addr.s6_addr + 12, host, sizeof host);
        else
            inet_ntop(AF_INET6, &address.in6.sin6_addr, host, sizeof host);
        port = ntohs(address.in6.sin6_port);
    }
    snprintf(text, ADDRESS_TEXT_BYTES, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}

bool address_is_loopback(int fd)
{
    union address address;
    socklen_t size = sizeof address;
    if (getpeername(fd, &address.any, &size) < 0)
        return false;
    if (address.any.sa_family == AF_INET)
        return ntohl(address.in4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address.in6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&address.in6.sin6_addr) &&
            address.in6.sin6_addr.s6_addr[12] == 127);
}
