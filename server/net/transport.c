/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A PROXY header is looked at before it is taken (MSG_PEEK), so that nothing of what
 * is behind it is taken with it. TLS writes on its own account (tickets, alerts, what the socket
 * did not take), and may hold input that no event will tell of: so with TLS the transport watches
 * for what its owner wishes and for what TLS wants, and tells the owner the former alone.
 */
#include "server/net/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/log.h"
#include "server/base/mem.h"

struct preface {
    const struct transport_options *options;
    struct loop *loop;
    uint64_t started_ms;
    union address peer; /* for the log: a socket that is reset does not know it any more */
    bool wants_header;  /* a PROXY header comes first */
    size_t header_have; /* bytes of it */
    uint8_t header[];   /* PROXY_HEADER_BYTES_MAX, when one is wanted */
};

struct proxied {
    union address peer, own;
};

/* --- the way in ------------------------------------------------------------------------------ */

static void fail(struct transport *transport, const char *event, const char *reason,
                 const char *hint, enum log_level level)
{
    char peer[ADDRESS_TEXT_BYTES];
    union address own_address;
    address_of_socket(&own_address, transport->watch.fd, false);
    address_text(transport->proxied != NULL ? &transport->proxied->peer : &transport->preface->peer,
                 peer);
    LOG_EVENT(level, event, LOG_STR("protocol", transport->preface->options->protocol),
              LOG_STR("peer", peer), LOG_NUM("port", address_port(&own_address)),
              LOG_STR("reason", reason),
              hint != NULL ? LOG_STR("hint", hint) : (struct log_field){0});
    watch_set(&transport->watch, 0);
    transport->hooks->failed(transport, reason);
}

static void become_open(struct transport *transport)
{
    mem_free(transport->preface);
    transport->preface = NULL;
    watch_set(&transport->watch, 0);
    transport->hooks->opened(transport);
}

static void begin_tls(struct transport *transport)
{
    struct preface *preface = transport->preface;
    if (preface->options->tls != NULL)
        transport->tls = tls_new(preface->options->tls, transport->watch.fd,
                                 &preface->loop->chunks);
}

/* Takes the header when all of it is there, else what there is of it. True when it is taken. */
static bool take_proxy_header(struct transport *transport)
{
    struct preface *preface = transport->preface;
    struct proxy_header header;
    int fd = transport->watch.fd;
    size_t have = preface->header_have;
    ssize_t peeked = recv(fd, preface->header + have, PROXY_HEADER_BYTES_MAX - have, MSG_PEEK);
    if (peeked < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (peeked <= 0) {
        fail(transport, "proxy_header_missing",
             peeked == 0 ? "closed by the client" : strerror(errno), NULL, LOG_DEBUG);
        return false;
    }
    enum proxy_status status = proxy_parse(slice_of(preface->header, have + (size_t)peeked),
                                           &header);
    if (status == PROXY_BAD) {
        fail(transport, "proxy_header_refused", header.problem,
             "this source is among proxy_protocol.trusted_sources: it has to send a PROXY header",
             LOG_WARNING);
        return false;
    }
    size_t taken = status == PROXY_DONE ? header.size - have : (size_t)peeked;
    if (recv(fd, preface->header + have, taken, 0) != (ssize_t)taken) {
        fail(transport, "proxy_header_missing", "reset by the client", NULL, LOG_DEBUG);
        return false;
    }
    preface->header_have += taken;
    if (status != PROXY_DONE)
        return false;
    preface->wants_header = false;
    if (!header.is_local) {
        transport->proxied = mem_alloc(sizeof *transport->proxied);
        *transport->proxied = (struct proxied){header.peer, header.own};
    }
    return true;
}

static void go_on(struct transport *transport, int events)
{
    bool is_lost = (events & WATCH_FAILED) != 0;
    if (transport->preface->wants_header && !is_lost) {
        if (!take_proxy_header(transport))
            return;
        begin_tls(transport);
    }
    /* A client that is gone may have said why before. */
    int status = transport->tls != NULL ? tls_handshake(transport->tls) : 0;
    if (is_lost && (status == 0 || status == -EAGAIN))
        fail(transport, "connection_lost", "reset by the client", NULL, LOG_DEBUG);
    else if (status == 0)
        become_open(transport);
    else if (status == -EAGAIN)
        watch_set(&transport->watch,
                  UV_READABLE | (tls_unsent(transport->tls) > 0 ? UV_WRITABLE : 0));
    else
        fail(transport, "tls_handshake_failed", tls_problem(transport->tls),
             tls_hint(transport->tls), tls_is_silent(transport->tls) ? LOG_DEBUG : LOG_WARNING);
}

void transport_on_timer(struct transport *transport)
{
    struct preface *preface = transport->preface;
    if (preface == NULL ||
        loop_now_ms(preface->loop) - preface->started_ms < preface->options->handshake_timeout_ms)
        return;
    if (preface->wants_header)
        fail(transport, "proxy_header_missing", "timeout", NULL, LOG_WARNING);
    else
        fail(transport, "tls_handshake_failed", "timeout", "see ssl_handshake_timeout",
             LOG_WARNING);
}

/* --- events ---------------------------------------------------------------------------------- */

static void watch_tls(struct transport *transport)
{
    watch_set(&transport->watch,
              transport->wish | (tls_unsent(transport->tls) > 0 ? UV_WRITABLE : 0));
    if (transport->wish & UV_READABLE && tls_has_more(transport->tls))
        watch_read_again(&transport->watch);
}

static void end_when_sent(struct transport *transport)
{
    if (transport->shut && tls_unsent(transport->tls) == 0)
        shutdown(transport->watch.fd, SHUT_WR);
}

static void on_tls_ready(struct transport *transport, int events)
{
    if (events & UV_WRITABLE && tls_unsent(transport->tls) > 0) {
        if (tls_write(transport->tls, NULL) < 0) {
            watch_set(&transport->watch, 0);
            transport->wish = 0;
            transport->hooks->ready(transport, WATCH_FAILED);
            return;
        }
        end_when_sent(transport);
        watch_tls(transport);
    }
    events &= transport->wish | WATCH_FAILED;
    if (events != 0)
        transport->hooks->ready(transport, events);
}

static void on_ready(struct watch *watch, int events)
{
    struct transport *transport = (struct transport *)(void *)watch;
    if (transport->preface != NULL)
        go_on(transport, events);
    else if (transport->tls != NULL)
        on_tls_ready(transport, events);
    else
        transport->hooks->ready(transport, events);
}

void transport_wish(struct transport *transport, int events)
{
    if (transport->tls == NULL) {
        watch_set(&transport->watch, events);
        return;
    }
    transport->wish = events;
    watch_tls(transport);
}

/* --- life ------------------------------------------------------------------------------------ */

int transport_start(struct transport *transport, struct loop *loop, int fd,
                    const struct transport_options *options, const struct transport_hooks *hooks)
{
    *transport = (struct transport){.hooks = hooks};
    int status = watch_open(&transport->watch, loop, fd, 0, on_ready);
    if (status < 0) {
        close(fd);
        return status;
    }
    if (options->proxy == NULL && options->tls == NULL) {
        hooks->opened(transport);
        return 0;
    }
    union address peer;
    address_of_socket(&peer, fd, true);
    bool wants_header = options->proxy != NULL && proxy_sources_have(options->proxy, &peer);
    if (!wants_header && options->tls == NULL) {
        hooks->opened(transport);
        return 0;
    }
    struct preface *preface = mem_alloc(sizeof *preface +
                                        (wants_header ? PROXY_HEADER_BYTES_MAX : 0));
    preface->options = options;
    preface->loop = loop;
    preface->started_ms = loop_now_ms(loop);
    preface->peer = peer;
    preface->wants_header = wants_header;
    preface->header_have = 0;
    transport->preface = preface;
    if (!wants_header)
        begin_tls(transport);
    watch_set(&transport->watch, UV_READABLE);
    return 0;
}

void transport_shut(struct transport *transport)
{
    transport->shut = true;
    if (transport->tls == NULL) {
        shutdown(transport->watch.fd, SHUT_WR);
        return;
    }
    tls_end(transport->tls);
    if (tls_write(transport->tls, NULL) == 0)
        end_when_sent(transport);
    watch_tls(transport);
}

static void on_closed(struct watch *watch)
{
    struct transport *transport = (struct transport *)(void *)watch;
    transport->closed(transport);
}

void transport_close(struct transport *transport, void (*closed)(struct transport *transport))
{
    if (transport->tls != NULL) {
        if (transport->preface == NULL && !transport->shut) {
            tls_end(transport->tls);
            (void)!tls_write(transport->tls, NULL); /* as a courtesy: whether it goes or not */
        }
        tls_free(transport->tls);
        transport->tls = NULL;
    }
    mem_free(transport->preface);
    mem_free(transport->proxied);
    transport->preface = NULL;
    transport->proxied = NULL;
    transport->closed = closed;
    watch_close(&transport->watch, on_closed);
}

/* --- bytes ----------------------------------------------------------------------------------- */

ssize_t transport_read_plain(struct transport *transport, const struct iovec *parts, int count)
{
    ssize_t bytes = readv(transport->watch.fd, parts, count);
    if (bytes >= 0)
        return bytes;
    return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

ssize_t transport_read_tls(struct transport *transport, const struct iovec *parts, int count)
{
    ssize_t bytes = tls_read(transport->tls, parts, count);
    watch_tls(transport);
    return bytes;
}

int transport_write(struct transport *transport, struct output *output)
{
    if (transport->tls == NULL)
        return output_write(output, transport->watch.fd);
    int status = tls_write(transport->tls, output);
    watch_tls(transport);
    return status;
}

size_t transport_unsent(const struct transport *transport)
{
    return transport->tls != NULL ? tls_unsent(transport->tls) : 0;
}

/* --- who ------------------------------------------------------------------------------------- */

void transport_addresses(const struct transport *transport, union address *peer, union address *own)
{
    if (transport->proxied != NULL) {
        *peer = transport->proxied->peer;
        *own = transport->proxied->own;
        return;
    }
    address_of_socket(peer, transport->watch.fd, true);
    address_of_socket(own, transport->watch.fd, false);
}

bool transport_describe_tls(const struct transport *transport, struct tls_description *description)
{
    if (transport->tls == NULL)
        return false;
    tls_describe(transport->tls, description);
    return true;
}

bool transport_asks_certificate(const struct transport *transport)
{
    return transport->tls != NULL && tls_asks_certificate(transport->tls);
}

struct slice transport_peer_name(const struct transport *transport, struct tls_name_rule rule,
                                 uint8_t name[TLS_PEER_NAME_BYTES])
{
    return transport->tls != NULL ? tls_peer_name(transport->tls, rule, name) : SLICE_EMPTY;
}
