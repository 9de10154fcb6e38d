/* SPDX-License-Identifier: Apache-2.0
 *
 * transport: what a connection reads from and writes to: a socket, or TLS on it, maybe behind a
 * PROXY header. Embedded in its owner, which starts it with a socket just accepted, hears by hooks
 * when bytes may go and closes it. With a plain socket every call is the system's call and no more.
 * Never blocks, never calls a hook from within a call of its owner (but `opened`, see there).
 * Owner's loop's thread only.
 */
#ifndef STOATMQ_NET_TRANSPORT_H
#define STOATMQ_NET_TRANSPORT_H

#include <sys/types.h>
#include <sys/uio.h>

#include "server/net/address.h"
#include "server/net/loop.h"
#include "server/net/proxy.h"
#include "server/net/tls.h"

struct transport;

struct transport_hooks {
    /* The way in is over: what comes now is the client's first byte, addresses are known, reading
     * and writing may begin. Called from transport_start when there is nothing to wait for. The
     * owner sets its wish (transport_wish). */
    void (*opened)(struct transport *transport);
    /* What was wished for is there: UV_READABLE, UV_WRITABLE, UV_DISCONNECT; or WATCH_FAILED
     * (loop.h). Only when open. */
    void (*ready)(struct transport *transport, int events);
    /* It will not open: REASON, a text that lives as long as the process, has been logged. The
     * owner calls transport_close. */
    void (*failed)(struct transport *transport, const char *reason);
};

/* What a listener gives its connections; borrowed, and outlives them. */
struct transport_options {
    struct tls_server *tls;            /* NULL: plain */
    const struct proxy_sources *proxy; /* who sends a PROXY header first; NULL: nobody */
    uint32_t handshake_timeout_ms;     /* for TLS and the PROXY header, from the beginning */
    const char *protocol; /* for the log: "amqp", "https"...; lives as long as the process */
};

struct transport {
    struct watch watch; /* first */
    const struct transport_hooks *hooks;
    struct tls *tls;         /* NULL: plain */
    struct preface *preface; /* while it is not open; else NULL */
    struct proxied *proxied; /* what a PROXY header said, or NULL */
    int wish;                /* with TLS: the owner's, without what TLS itself wants */
    bool shut;               /* the owner has said its last */
    void (*closed)(struct transport *transport); /* transport_close's */
};

/* Takes FD, a connected non-blocking socket, and begins the way in. 0, or a negative errno: then FD
 * is closed and TRANSPORT is nothing. */
int transport_start(struct transport *transport, struct loop *loop, int fd,
                    const struct transport_options *options, const struct transport_hooks *hooks)
    __attribute__((warn_unused_result));

/* May it be read and written? Not before `opened`. */
static inline bool transport_is_open(const struct transport *transport)
{
    return transport->preface == NULL;
}

/* Has `failed` called when the way in takes too long; every LOOP_TIMER_MS, until it is open. */
void transport_on_timer(struct transport *transport);

/* Reads into PARTS, in order. How many bytes; 0: the peer will send no more; -EAGAIN: nothing is
 * there now; another negative errno, EPROTO when what came is no TLS: it is broken. What did not
 * fit makes `ready` come again. */
ssize_t transport_read_tls(struct transport *transport, const struct iovec *parts, int count);
ssize_t transport_read_plain(struct transport *transport, const struct iovec *parts, int count);
static inline ssize_t transport_read(struct transport *transport, const struct iovec *parts,
                                     int count)
{
    return __builtin_expect(transport->tls == NULL, 1)
               ? transport_read_plain(transport, parts, count)
               : transport_read_tls(transport, parts, count);
}

/* Writes as much of OUTPUT as goes now: 0, or a negative errno. What is left stays in OUTPUT; with
 * TLS, a bounded part that has left OUTPUT may wait in the transport, which sees to it itself. */
int transport_write(struct transport *transport, struct output *output)
    __attribute__((warn_unused_result));

/* Of what has left the owner's output: bytes that are not with the system yet; 0 when plain. */
size_t transport_unsent(const struct transport *transport);

/* Calls `ready` for EVENTS (UV_READABLE, UV_WRITABLE, UV_DISCONNECT; 0: for none) from now on. When
 * open. */
void transport_wish(struct transport *transport, int events);

/* Nothing more will be written: says so to the peer, behind what is unsent. Reading goes on. */
void transport_shut(struct transport *transport);

/* Closes at once; CLOSED is called in a later tick, after which the memory is free. No hook is
 * called from now on. */
void transport_close(struct transport *transport, void (*closed)(struct transport *transport));

/* The client's end and ours, as a PROXY header or the system has them. When open, until it is
 * closed. */
void transport_addresses(const struct transport *transport, union address *peer,
                         union address *own);

/* What TLS agreed on, and the client's certificate; false when plain. */
bool transport_describe_tls(const struct transport *transport, struct tls_description *description);

/* Was the client asked for a certificate? */
bool transport_asks_certificate(const struct transport *transport);

/* The name that the client's certificate, which was verified, gives it: writes it to NAME and
 * returns a slice of that, empty when there is none (SASL EXTERNAL). */
struct slice transport_peer_name(const struct transport *transport, struct tls_name_rule rule,
                                 uint8_t name[TLS_PEER_NAME_BYTES]);

#endif
