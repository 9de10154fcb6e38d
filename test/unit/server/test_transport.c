/* SPDX-License-Identifier: Apache-2.0
 *
 * A transport on a loop, and a client at the other end, on one thread: each step lets the loop do
 * what is there and then the client.
 */
#include "server/net/transport.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/log.h"
#include "server/base/mem.h"
#include "tls_peer.h"

#define WAIT_MS     20000 /* for what has to come */
#define LARGE_BYTES (2u << 20)

struct fixture {
    struct credentials credentials;
    struct loop loop;
    struct transport_options options;
    struct proxy_sources sources;
    struct transport transport;
    struct output output;
    struct peer peer; /* without TLS only its socket */
    unsigned opened, readies, closed;
    int last_events;
    char failed[128]; /* why; empty: it has not */
};

static struct fixture *now; /* the transport's memory is all that hooks get */

static void on_opened(struct transport *transport)
{
    assert_true(transport_is_open(transport));
    now->opened++;
}

static void on_ready(struct transport *transport, int events)
{
    assert_ptr_equal(transport, &now->transport);
    now->readies++;
    now->last_events = events;
}

static void on_failed(struct transport *transport, const char *reason)
{
    (void)transport;
    assert_string_equal(now->failed, "");
    (void)snprintf(now->failed, sizeof now->failed, "%s", reason);
}

static void on_closed(struct transport *transport)
{
    (void)transport;
    now->closed++;
}

static const struct transport_hooks hooks = {on_opened, on_ready, on_failed};

static int setup(void **state)
{
    static const struct loop_hooks none = {0};
    struct fixture *f = mem_zalloc(sizeof *f);
    credentials_make(&f->credentials);
    f->options = (struct transport_options){.handshake_timeout_ms = WAIT_MS, .protocol = "test"};
    f->peer.fd = -1;
    assert_int_equal(loop_init(&f->loop, 0, 4096, &none, f), 0);
    output_init(&f->output, &f->loop.chunks);
    *state = now = f;
    return 0;
}

/* One step of the loop, which does not wait. */
static void step(struct fixture *f)
{
    (void)uv_run(&f->loop.uv, UV_RUN_NOWAIT);
}

static void close_transport(struct fixture *f)
{
    transport_close(&f->transport, on_closed);
    while (f->closed == 0)
        step(f);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->closed == 0)
        close_transport(f);
    output_fini(&f->output);
    loop_fini(&f->loop);
    tls_server_free(f->options.tls);
    peer_fini(&f->peer);
    credentials_remove(&f->credentials);
    mem_free(f);
    return 0;
}

/* Starts the transport, with TLS when the options have it, and a client at the other end. */
static void start(struct fixture *f, bool tcp, int client_version)
{
    int ends[2];
    if (tcp)
        make_tcp_pair(ends);
    else
        make_pair(ends);
    if (client_version != 0)
        peer_init(&f->peer, ends[1], client_version);
    else
        f->peer.fd = ends[1];
    assert_int_equal(transport_start(&f->transport, &f->loop, ends[0], &f->options, &hooks), 0);
}

static void use_tls(struct fixture *f)
{
    f->options.tls = credentials_server(&f->credentials);
}

static uint64_t clock_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* Lets both sides go on until COUNTER is not 0. */
static void go_on_until(struct fixture *f, const unsigned *counter)
{
    uint64_t until_ms = clock_ms() + WAIT_MS;
    while (*counter == 0 && clock_ms() < until_ms) {
        if (f->peer.ssl != NULL) {
            (void)peer_handshake(&f->peer);
            (void)peer_send(&f->peer, PEER_ALL);
        }
        step(f);
        if (f->peer.ssl != NULL)
            (void)peer_receive(&f->peer, PEER_ALL);
    }
    assert_int_not_equal(*counter, 0);
}

/* A transport with TLS that is open, at both ends. */
static void start_open(struct fixture *f)
{
    use_tls(f);
    start(f, false, TLS1_3_VERSION);
    go_on_until(f, &f->opened);
    (void)peer_receive(&f->peer, PEER_ALL);
    assert_int_equal(peer_handshake(&f->peer), 1);
}

static void go_on_until_failed(struct fixture *f)
{
    uint64_t until_ms = clock_ms() + WAIT_MS;
    while (f->failed[0] == '\0' && clock_ms() < until_ms) {
        step(f);
        if (f->transport.preface != NULL && f->failed[0] == '\0')
            transport_on_timer(&f->transport);
    }
    assert_int_equal(f->opened, 0);
}

static void send_text(struct fixture *f, const char *text)
{
    assert_int_equal(send(f->peer.fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static ssize_t read_text(struct fixture *f, char *to, size_t size)
{
    return transport_read(&f->transport, &(struct iovec){to, size}, 1);
}

/* --- plain ----------------------------------------------------------------------------------- */

static void plain_socket_is_open_at_once_and_is_read_and_written(void **state)
{
    struct fixture *f = *state;
    char text[16];
    start(f, false, 0);
    assert_int_equal(f->opened, 1);
    assert_int_equal(read_text(f, text, sizeof text), -EAGAIN);
    transport_wish(&f->transport, UV_READABLE);
    step(f);
    assert_int_equal(f->readies, 0);
    send_text(f, "hello");
    go_on_until(f, &f->readies);
    assert_int_equal(read_text(f, text, 2), 2);
    assert_int_equal(read_text(f, text + 2, sizeof text - 2), 3);
    assert_memory_equal(text, "hello", 5);
    output_copy(&f->output, SLICE_LITERAL("answer"));
    assert_int_equal(transport_write(&f->transport, &f->output), 0);
    assert_int_equal(recv(f->peer.fd, text, sizeof text, 0), 6);
    transport_shut(&f->transport);
    assert_int_equal(recv(f->peer.fd, text, sizeof text, 0), 0);
    send_text(f, "last"); /* reading goes on */
    assert_int_equal(read_text(f, text, sizeof text), 4);
    assert_int_equal(transport_unsent(&f->transport), 0);
    assert_false(transport_asks_certificate(&f->transport));
}

static void nothing_is_told_that_is_not_wished_for(void **state)
{
    struct fixture *f = *state;
    start(f, false, 0);
    send_text(f, "hello");
    transport_wish(&f->transport, UV_WRITABLE);
    go_on_until(f, &f->readies);
    assert_int_equal(f->last_events, UV_WRITABLE);
    f->readies = 0;
    transport_wish(&f->transport, 0);
    step(f);
    step(f);
    assert_int_equal(f->readies, 0);
    transport_wish(&f->transport, UV_READABLE); /* it was there all the time */
    go_on_until(f, &f->readies);
    assert_int_equal(f->last_events, UV_READABLE);
}

/* --- TLS: the way in ------------------------------------------------------------------------- */

static void tls_opens_when_the_handshake_is_over(void **state)
{
    struct fixture *f = *state;
    struct tls_description description;
    use_tls(f);
    start(f, false, TLS1_3_VERSION);
    assert_false(transport_is_open(&f->transport));
    step(f);
    assert_int_equal(f->opened, 0);
    go_on_until(f, &f->opened);
    assert_true(transport_describe_tls(&f->transport, &description));
    assert_string_equal(description.protocol, "tlsv1.3");
    assert_string_equal(f->failed, "");
}

static void bytes_behind_the_handshake_are_told_though_the_socket_is_silent(void **state)
{
    struct fixture *f = *state;
    char text[16];
    use_tls(f);
    start(f, false, TLS1_3_VERSION);
    (void)peer_handshake(&f->peer);
    (void)peer_send(&f->peer, PEER_ALL);
    for (int i = 0; i < 1000 && peer_handshake(&f->peer) != 1; i++) {
        step(f);
        (void)peer_receive(&f->peer, PEER_ALL);
    }
    peer_write(&f->peer, "first", 5);
    (void)peer_send(&f->peer, PEER_ALL); /* in one piece with the handshake's end */
    for (int i = 0; i < 1000 && f->opened == 0; i++)
        step(f);
    assert_int_equal(f->opened, 1);
    transport_wish(&f->transport, UV_READABLE);
    go_on_until(f, &f->readies);
    assert_int_equal(f->last_events, UV_READABLE);
    assert_int_equal(read_text(f, text, sizeof text), 5);
}

static void handshake_has_a_time_limit(void **state)
{
    struct fixture *f = *state;
    use_tls(f);
    f->options.handshake_timeout_ms = 30;
    uv_update_time(&f->loop.uv);
    uint64_t began_ms = clock_ms();
    start(f, false, TLS1_3_VERSION);
    transport_on_timer(&f->transport); /* not yet */
    assert_string_equal(f->failed, "");
    (void)peer_handshake(&f->peer);
    assert_int_equal(peer_send(&f->peer, 10), 10); /* and no more */
    go_on_until_failed(f);
    assert_string_equal(f->failed, "timeout");
    assert_in_range(clock_ms() - began_ms, 30, WAIT_MS);
}

static void client_without_tls_is_refused(void **state)
{
    struct fixture *f = *state;
    use_tls(f);
    start(f, false, 0);
    send_text(f, "AMQP and more");
    go_on_until_failed(f);
    assert_string_equal(f->failed, "wrong version number");
    close_transport(f);
    assert_int_equal(f->closed, 1);
}

static void probe_that_connects_and_closes_is_refused(void **state)
{
    struct fixture *f = *state;
    use_tls(f);
    start(f, false, 0);
    assert_int_equal(shutdown(f->peer.fd, SHUT_WR), 0);
    go_on_until_failed(f);
    assert_string_equal(f->failed, "closed by the client");
}

static void client_that_resets_in_the_handshake_is_refused(void **state)
{
    struct fixture *f = *state;
    struct linger linger = {.l_onoff = 1};
    use_tls(f);
    start(f, true, 0);
    assert_int_equal(setsockopt(f->peer.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(f->peer.fd); /* with a reset, for it does not linger */
    f->peer.fd = -1;
    go_on_until_failed(f);
    assert_string_not_equal(f->failed, "");
    assert_string_not_equal(f->failed, "timeout");
}

static void what_waits_to_be_sent_in_the_handshake_goes_when_the_client_reads(void **state)
{
    struct fixture *f = *state;
    char junk[1024] = {0};
    size_t filled = 0;
    use_tls(f);
    start(f, false, TLS1_3_VERSION);
    make_narrow(f->transport.watch.fd);
    for (ssize_t sent; (sent = send(f->transport.watch.fd, junk, sizeof junk, 0)) > 0;)
        filled += (size_t)sent;
    (void)peer_handshake(&f->peer);
    (void)peer_send(&f->peer, PEER_ALL);
    for (int i = 0; i < 1000 && transport_unsent(&f->transport) == 0; i++)
        step(f);
    assert_true(transport_unsent(&f->transport) > 0);
    assert_true((f->transport.watch.events & UV_WRITABLE) != 0);
    for (ssize_t got; filled > 0; filled -= (size_t)got) {
        got = recv(f->peer.fd, junk, filled < sizeof junk ? filled : sizeof junk, 0);
        assert_true(got > 0);
    }
    go_on_until(f, &f->opened);
}

/* --- TLS: open ------------------------------------------------------------------------------- */

static void what_was_not_read_is_told_again(void **state)
{
    struct fixture *f = *state;
    char text[64];
    start_open(f);
    transport_wish(&f->transport, UV_READABLE);
    peer_write(&f->peer, "one two three", 13);
    (void)peer_send(&f->peer, PEER_ALL);
    for (size_t have = 0; have < 13;) {
        f->readies = 0;
        go_on_until(f, &f->readies);
        ssize_t got = read_text(f, text + have, 4);
        assert_true(got > 0 && got <= 4);
        have += (size_t)got;
    }
    assert_memory_equal(text, "one two three", 13);
    assert_int_equal(read_text(f, text, sizeof text), -EAGAIN);
    f->readies = 0;
    for (int i = 0; i < 10; i++)
        step(f);
    assert_int_equal(f->readies, 0);
}

static void what_tls_holds_goes_without_its_owner(void **state)
{
    struct fixture *f = *state;
    static char bytes[65536];
    start_open(f);
    make_narrow(f->transport.watch.fd);
    uint8_t *large = mem_zalloc(LARGE_BYTES);
    output_refer(&f->output, slice_of(large, LARGE_BYTES), large, mem_free);
    assert_int_equal(transport_write(&f->transport, &f->output), 0);
    assert_true(f->output.bytes > 0);
    output_fini(&f->output); /* the owner has no more of it: only what TLS holds is to go */
    output_init(&f->output, &f->loop.chunks);
    transport_wish(&f->transport, 0);
    size_t unsent = transport_unsent(&f->transport), have = 0;
    assert_true(unsent > 0);
    uint64_t until_ms = clock_ms() + WAIT_MS;
    while (transport_unsent(&f->transport) > 0 && clock_ms() < until_ms) {
        step(f);
        (void)peer_receive(&f->peer, PEER_ALL);
        for (ssize_t got; (got = peer_read(&f->peer, bytes, sizeof bytes)) > 0;)
            have += (size_t)got;
    }
    assert_int_equal(transport_unsent(&f->transport), 0);
    assert_true(have > 0);
    assert_int_equal(f->readies, 0);
    assert_true((f->transport.watch.events & UV_WRITABLE) == 0); /* or it would spin */
}

static void much_goes_as_the_owner_is_told_that_it_may_write(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[65536];
    size_t have = 0;
    start_open(f);
    make_narrow(f->transport.watch.fd);
    uint8_t *large = mem_alloc(LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        large[i] = (uint8_t)(i * 7 + i / 253);
    output_refer(&f->output, slice_of(large, LARGE_BYTES), large, mem_free);
    transport_wish(&f->transport, UV_WRITABLE);
    uint64_t until_ms = clock_ms() + WAIT_MS;
    while (have < LARGE_BYTES && clock_ms() < until_ms) {
        f->readies = 0;
        step(f);
        if (f->readies > 0 && f->output.bytes > 0)
            assert_int_equal(transport_write(&f->transport, &f->output), 0);
        (void)peer_receive(&f->peer, 30000);
        for (ssize_t got; (got = peer_read(&f->peer, bytes, sizeof bytes)) > 0; have += (size_t)got)
            for (size_t i = 0; i < (size_t)got; i++)
                assert_int_equal(bytes[i], (uint8_t)((have + i) * 7 + (have + i) / 253));
    }
    assert_int_equal(have, LARGE_BYTES);
}

static void shutting_says_close_notify_then_ends_and_reading_goes_on(void **state)
{
    struct fixture *f = *state;
    char text[32];
    start_open(f);
    output_copy(&f->output, SLICE_LITERAL("farewell"));
    assert_int_equal(transport_write(&f->transport, &f->output), 0);
    transport_shut(&f->transport);
    step(f);
    assert_true(peer_receive(&f->peer, PEER_ALL) > 0);
    assert_int_equal(peer_read(&f->peer, text, sizeof text), 8);
    assert_int_equal(peer_read(&f->peer, text, sizeof text), 0);
    assert_int_equal(peer_receive(&f->peer, PEER_ALL), -1); /* the socket's end, too */
    transport_wish(&f->transport, UV_READABLE);
    peer_write(&f->peer, "thanks", 6);
    (void)peer_send(&f->peer, PEER_ALL);
    go_on_until(f, &f->readies);
    assert_int_equal(read_text(f, text, sizeof text), 6);
}

static void closing_says_close_notify(void **state)
{
    struct fixture *f = *state;
    char text[32];
    start_open(f);
    close_transport(f);
    assert_true(peer_receive(&f->peer, PEER_ALL) > 0);
    assert_int_equal(peer_read(&f->peer, text, sizeof text), 0);
}

static void clients_close_notify_is_the_end(void **state)
{
    struct fixture *f = *state;
    char text[32];
    start_open(f);
    transport_wish(&f->transport, UV_READABLE);
    assert_int_equal(SSL_shutdown(f->peer.ssl), 0);
    (void)peer_send(&f->peer, PEER_ALL);
    go_on_until(f, &f->readies);
    assert_int_equal(read_text(f, text, sizeof text), 0);
}

static void client_that_is_gone_makes_what_waits_fail(void **state)
{
    struct fixture *f = *state;
    start_open(f);
    make_narrow(f->transport.watch.fd);
    uint8_t *large = mem_zalloc(LARGE_BYTES);
    output_refer(&f->output, slice_of(large, LARGE_BYTES), large, mem_free);
    assert_int_equal(transport_write(&f->transport, &f->output), 0);
    assert_true(transport_unsent(&f->transport) > 0);
    transport_wish(&f->transport, 0);
    close(f->peer.fd);
    f->peer.fd = -1;
    uint64_t until_ms = clock_ms() + WAIT_MS;
    while (f->readies == 0 && clock_ms() < until_ms)
        step(f);
    assert_int_equal(f->last_events, WATCH_FAILED);
}

/* --- PROXY ----------------------------------------------------------------------------------- */

static void start_proxied(struct fixture *f)
{
    assert_true(proxy_sources_add(&f->sources, SLICE_LITERAL("127.0.0.0/8")));
    f->options.proxy = &f->sources;
    start(f, true, 0);
    assert_false(transport_is_open(&f->transport));
}

static void proxy_header_is_taken_in_pieces_and_nothing_behind_it(void **state)
{
    struct fixture *f = *state;
    static const char header[] = "PROXY TCP4 192.0.2.7 192.0.2.8 4711 5672\r\n";
    char text[ADDRESS_TEXT_BYTES];
    union address peer, own;
    start_proxied(f);
    for (size_t i = 0; i + 2 < sizeof header; i++) {
        assert_int_equal(send(f->peer.fd, header + i, 1, 0), 1);
        for (int turn = 0; turn < 3; turn++)
            step(f);
        assert_int_equal(f->opened, 0);
    }
    send_text(f, "\nAMQP");
    go_on_until(f, &f->opened);
    assert_int_equal(read_text(f, text, sizeof text), 4);
    assert_memory_equal(text, "AMQP", 4);
    transport_addresses(&f->transport, &peer, &own);
    address_text(&peer, text);
    assert_string_equal(text, "192.0.2.7:4711");
    address_text(&own, text);
    assert_string_equal(text, "192.0.2.8:5672");
}

static void tls_begins_behind_the_proxy_header(void **state)
{
    struct fixture *f = *state;
    int fd;
    use_tls(f);
    start_proxied(f);
    fd = f->peer.fd;
    send_text(f, "PROXY TCP4 192.0.2.7 192.0.2.8 4711 5671\r\n");
    peer_init(&f->peer, fd, TLS1_3_VERSION);
    go_on_until(f, &f->opened);
}

static void bad_proxy_header_is_refused(void **state)
{
    struct fixture *f = *state;
    start_proxied(f);
    send_text(f, "AMQP");
    send_text(f, "\x01\x01\x01\x01\r\n0123456789");
    go_on_until_failed(f);
    assert_string_not_equal(f->failed, "timeout");
}

static void proxy_header_has_the_time_limit_too(void **state)
{
    struct fixture *f = *state;
    f->options.handshake_timeout_ms = 30;
    start_proxied(f);
    send_text(f, "PROXY TCP4 ");
    go_on_until_failed(f);
    assert_string_equal(f->failed, "timeout");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_socket_is_open_at_once_and_is_read_and_written),
        TEST(nothing_is_told_that_is_not_wished_for),
        TEST(tls_opens_when_the_handshake_is_over),
        TEST(bytes_behind_the_handshake_are_told_though_the_socket_is_silent),
        TEST(handshake_has_a_time_limit),
        TEST(client_without_tls_is_refused),
        TEST(probe_that_connects_and_closes_is_refused),
        TEST(client_that_resets_in_the_handshake_is_refused),
        TEST(what_waits_to_be_sent_in_the_handshake_goes_when_the_client_reads),
        TEST(what_was_not_read_is_told_again),
        TEST(what_tls_holds_goes_without_its_owner),
        TEST(much_goes_as_the_owner_is_told_that_it_may_write),
        TEST(shutting_says_close_notify_then_ends_and_reading_goes_on),
        TEST(closing_says_close_notify),
        TEST(clients_close_notify_is_the_end),
        TEST(client_that_is_gone_makes_what_waits_fail),
        TEST(proxy_header_is_taken_in_pieces_and_nothing_behind_it),
        TEST(tls_begins_behind_the_proxy_header),
        TEST(bad_proxy_header_is_refused),
        TEST(proxy_header_has_the_time_limit_too),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the broker */
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
