/* SPDX-License-Identifier: Apache-2.0 */
#include "server/net/listener.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/log.h"

#define ACCEPTS_PER_TICK 64
#define PAUSE_MS         500

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

/* A bound and listening socket, or -errno. */
static int open_socket(const char *text, uint16_t port, unsigned backlog)
{
    union address address;
    if (!address_parse(&address, text, port))
        return -EINVAL;
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &address.any, address_bytes(&address)) < 0 || listen(fd, (int)backlog) < 0) {
        int status = -errno;
        close(fd);
        return status;
    }
    return fd;
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
    union address own;
    address_of_socket(&own, fd, false);
    listener->port = address_port(&own);
    int status = watch_open(&listener->watch, loop, fd, UV_READABLE, on_ready);
    if (status < 0)
        close(fd);
    return status;
}

static void on_closed(struct watch *watch)
{
    struct listener *listener = (struct listener *)(void *)watch;
    if (listener->closed != NULL)
        listener->closed(listener);
}

void listener_close(struct listener *listener)
{
    if (listener->watch.fd >= 0)
        watch_close(&listener->watch, on_closed);
}
