/* SPDX-License-Identifier: Apache-2.0
 *
 * listener: a listening TCP socket on a loop. Owner's thread only.
 */
#ifndef STOATMQ_NET_LISTENER_H
#define STOATMQ_NET_LISTENER_H

#include "server/net/address.h"
#include "server/net/loop.h"

struct listener {
    struct watch watch;
    struct loop *loop;
    uint16_t port; /* the one it got, when 0 was asked for */
    /* A new connection: FD is non-blocking and the callee's. */
    void (*on_accept)(void *context, int fd);
    void *context;
    /* After listener_close, in a later tick: its memory is free. NULL: nobody wants to know. */
    void (*closed)(struct listener *listener);
    uint64_t paused_until_ms; /* out of descriptors: no accepting until then */
};

/* Binds ADDRESS (numeric; "::" takes IPv4 as well, and falls back to 0.0.0.0 where there is no
 * IPv6) and PORT and listens. 0, or a negative errno. */
int listener_open(struct listener *listener, struct loop *loop, const char *address, uint16_t port,
                  unsigned backlog) __attribute__((warn_unused_result));

/* Starts again after a pause; to be called now and then. */
void listener_tick(struct listener *listener);

void listener_close(struct listener *listener);

#endif
