// SPDX-License-Identifier: Apache-2.0
// worker: a thread that moves the bytes of some connections during a run: non-blocking sockets, one
// epoll, one large buffer to read into, where frames are parsed in place.
#pragma once

#include "client.h"
#include "publisher.h"
#include "receiver.h"
#include "run.h"

#include <pthread.h>

// One connection: it publishes, consumes, or both.
struct link {
    struct client client;
    struct publisher *publisher; // or NULL
    struct receiver *receiver;   // or NULL
    bool raw;                    // no AMQP: bodies alone, both ways
    struct bytes tail;           // the start of a frame whose end has not been read yet
    bool socket_full;            // a write did not take everything
    uint32_t events;             // what epoll watches
};

struct worker {
    struct run *run;
    struct link **links;
    size_t links_count;
    int epoll_fd, wake_fd, timer_fd;
    uint8_t *buffer;
    pthread_t thread;
};

// `links` are borrowed until worker_join; then their tails are in their client's input again, for
// client_close. `wake_fd` is the worker's entry in run->wake_fds.
void worker_start(struct worker *w, struct run *run, struct link **links, size_t count,
                  int wake_fd);
void worker_join(struct worker *w);
