// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024, EVENTS = 64 };

static void watch(struct worker *w, struct link *l)
{
    uint32_t events = EPOLLIN | (l->socket_full ? (uint32_t)EPOLLOUT : 0);
    if (events == l->events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = l};
    int op = l->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    l->events = events;
    if (epoll_ctl(w->epoll_fd, op, l->client.fd, &event))
        run_fail(w->run, "epoll_ctl: %s", strerror(errno));
}

static int on_method(struct worker *w, struct link *l, const struct frame *f)
{
    const uint8_t *args = f->payload + 4;
    switch (get_u32(f->payload)) {
    case BASIC_DELIVER:
        if (l->receiver)
            return receiver_on_deliver(l->receiver, f);
        break;
    case BASIC_ACK:
    case BASIC_NACK:
        if (l->publisher && l->publisher->window && f->size >= 13)
            return publisher_on_confirm(l->publisher, get_u64(args), args[8] & 1,
                                        get_u32(f->payload) == BASIC_ACK);
        break;
    case CONNECTION_CLOSE:
    case CHANNEL_CLOSE:
        if (f->size >= 7 && f->size >= 7u + args[2]) {
            run_fail(w->run, "the broker closed: %u %.*s", get_u16(args), args[2], args + 3);
            return -1;
        }
        break;
    default:
        break;
    }
    run_fail(w->run, "method %u.%u is not expected here", get_u16(f->payload),
             get_u16(f->payload + 2));
    return -1;
}

static int on_frame(struct worker *w, struct link *l, const struct frame *f)
{
    switch (f->type) {
    case FRAME_METHOD:
        return on_method(w, l, f);
    case FRAME_HEADER:
        if (l->receiver)
            return receiver_on_header(l->receiver, f);
        break;
    case FRAME_BODY:
        if (l->receiver)
            return receiver_on_body(l->receiver, f);
        break;
    case FRAME_HEARTBEAT:
        return 0;
    default:
        break;
    }
    run_fail(w->run, "a frame of type %u is not expected here", f->type);
    return -1;
}

// Returns how many bytes were whole frames, or -1.
static long on_bytes(struct worker *w, struct link *l, const uint8_t *data, size_t len)
{
    if (l->raw)
        return receiver_on_raw(l->receiver, data, len);
    struct frame f;
    size_t at = 0;
    long got;
    while ((got = frame_parse(data + at, len - at, &f)) > 0) {
        if (on_frame(w, l, &f))
            return -1;
        at += (size_t)got;
    }
    if (got < 0)
        run_fail(w->run, "what the broker sent is no frame");
    return got < 0 ? -1 : (long)at;
}

static void send_acks(struct worker *w, struct link *l)
{
    struct bytes *acks = &l->receiver->acks;
    if (!acks->len)
        return;
    ssize_t n = send(l->client.fd, acks->data, acks->len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        run_fail(w->run, "consumer: send: %s", strerror(errno));
    if (n > 0) {
        memmove(acks->data, acks->data + n, acks->len - (size_t)n);
        acks->len -= (size_t)n;
    }
    l->socket_full = acks->len > 0;
    watch(w, l);
}

// Takes `len` bytes in the worker's buffer: whole frames, and the start of one, which is kept.
static void on_input(struct worker *w, struct link *l, size_t len)
{
    if (l->receiver)
        receiver_batch_begin(l->receiver);
    long used = on_bytes(w, l, w->buffer, len);
    if (used < 0)
        return;
    l->tail.len = 0;
    bytes_append(&l->tail, w->buffer + used, len - (size_t)used);
    if (l->receiver) {
        receiver_batch_end(l->receiver);
        send_acks(w, l);
    }
}

// Deliveries may have come right behind the answer to basic.consume: the client read them.
static void on_leftover(struct worker *w, struct link *l)
{
    struct bytes *in = &l->client.in;
    size_t len = in->len - l->client.in_at;
    if (len > READ_SIZE) {
        run_fail(w->run, "the client read too far ahead");
        return;
    }
    memcpy(w->buffer, in->data + l->client.in_at, len);
    in->len = l->client.in_at = 0;
    on_input(w, l, len);
}

// The tail of the last read goes before the new bytes, so that frames are always whole in the
// buffer; it is shorter than a frame.
static void on_readable(struct worker *w, struct link *l)
{
    size_t len = l->tail.len;
    ssize_t n = recv(l->client.fd, w->buffer + len, READ_SIZE, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        run_fail(w->run, "recv: %s", n ? strerror(errno) : "the broker closed the connection");
        return;
    }
    if (len)
        memcpy(w->buffer, l->tail.data, len);
    on_input(w, l, len + (size_t)n);
}

static bool publish(struct worker *w)
{
    bool busy = false;
    for (size_t i = 0; i < w->links_count; i++) {
        struct link *l = w->links[i];
        if (!l->publisher || l->socket_full)
            continue;
        enum turn turn = publisher_turn(l->publisher, l->client.fd);
        l->socket_full = turn == TURN_SOCKET_FULL;
        watch(w, l);
        busy |= turn == TURN_BUSY;
    }
    return busy;
}

static void on_event(struct worker *w, const struct epoll_event *event)
{
    uint64_t ticks;
    if (event->data.ptr == &w->wake_fd || event->data.ptr == &w->timer_fd) {
        if (read(*(int *)event->data.ptr, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
            run_fail(w->run, "read: %s", strerror(errno));
        return;
    }
    struct link *l = event->data.ptr;
    if (event->events & EPOLLOUT) {
        l->socket_full = false;
        if (l->receiver)
            send_acks(w, l);
        watch(w, l);
    }
    if (event->events & ~(uint32_t)EPOLLOUT)
        on_readable(w, l);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct epoll_event events[EVENTS];
    for (size_t i = 0; i < w->links_count && !w->run->failed; i++)
        if (w->links[i]->client.in.len > w->links[i]->client.in_at)
            on_leftover(w, w->links[i]);
    while (w->run->phase != PHASE_QUIT && !w->run->failed) {
        bool busy = publish(w) || w->run->spin;
        int n = epoll_wait(w->epoll_fd, events, EVENTS, busy ? 0 : -1);
        for (int i = 0; i < n && !w->run->failed; i++)
            on_event(w, &events[i]);
    }
    return NULL;
}

static void watch_own(struct worker *w, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};
    if (*fd < 0 || epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, *fd, &event))
        run_fail(w->run, "epoll: %s", strerror(errno));
}

// The clock that paces starts now; a tick never comes before the message that it is for is due.
static void start_pacing(struct worker *w)
{
    uint64_t interval = w->run->interval_ns, start = now_ns(), first = start + interval;
    for (size_t i = 0; i < w->links_count; i++)
        if (w->links[i]->publisher)
            w->links[i]->publisher->start_ns = start;
    if (w->run->spin)
        return;
    w->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec period = {
        .it_value = {.tv_sec = (time_t)(first / 1000000000u),
                     .tv_nsec = (long)(first % 1000000000u)},
        .it_interval = {.tv_sec = (time_t)(interval / 1000000000u),
                        .tv_nsec = (long)(interval % 1000000000u)},
    };
    watch_own(w, &w->timer_fd);
    timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &period, NULL);
}

void worker_start(struct worker *w, struct run *run, struct link **links, size_t count, int wake_fd)
{
    *w = (struct worker){.run = run, .links = links, .links_count = count, .wake_fd = wake_fd};
    w->timer_fd = -1;
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->buffer = malloc(FRAME_MAX + READ_SIZE);
    if (!w->buffer)
        abort();
    watch_own(w, &w->wake_fd);
    bool publishes = false;
    for (size_t i = 0; i < count; i++) {
        fcntl(links[i]->client.fd, F_SETFL, O_NONBLOCK);
        watch(w, links[i]);
        publishes |= links[i]->publisher != NULL;
    }
    if (publishes && run->interval_ns)
        start_pacing(w);
    if (pthread_create(&w->thread, NULL, work, w))
        abort();
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
    for (size_t i = 0; i < w->links_count; i++) {
        struct link *l = w->links[i];
        bytes_append(&l->client.in, l->tail.data, l->tail.len);
        bytes_free(&l->tail);
    }
    if (w->timer_fd >= 0)
        close(w->timer_fd);
    close(w->epoll_fd);
    free(w->buffer);
}
