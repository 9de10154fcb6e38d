/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection's TLS, without a loop: the test moves the bytes.
 */
#include "server/net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/mem.h"
#include "tls_peer.h"

#define LARGE_BYTES    (3u << 20)
#define STEPS_MAX      100000
#define UNSENT_BYTES   (4 * 65536) /* what TLS may hold of what it was given, amply */
#define KEY_UPDATES    40000       /* whose answers are more than it may hold */
#define NARROW_BUFFERS 16384

struct fixture {
    struct credentials credentials;
    struct tls_server *server;
    struct output_pool pool;
    struct tls *tls; /* NULL: not yet */
    int fd;          /* its end */
    struct peer peer;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    int ends[2];
    credentials_make(&f->credentials);
    f->server = credentials_server(&f->credentials);
    make_pair(ends);
    f->fd = ends[0];
    f->peer.fd = ends[1];
    f->tls = tls_new(f->server, f->fd, &f->pool);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tls_free(f->tls);
    tls_server_free(f->server);
    output_pool_fini(&f->pool);
    peer_fini(&f->peer);
    if (f->fd >= 0)
        close(f->fd);
    credentials_remove(&f->credentials);
    mem_free(f);
    return 0;
}

/* Lets both ends talk, so many bytes at a time, until their handshakes are over. */
static void shake_hands(struct fixture *f, int version, size_t at_a_time)
{
    int status = -EAGAIN, peer_status = 0;
    peer_init(&f->peer, f->peer.fd, version);
    for (int step = 0; (status != 0 || peer_status != 1) && step < STEPS_MAX; step++) {
        if (peer_status != 1)
            peer_status = peer_handshake(&f->peer);
        assert_true(peer_send(&f->peer, at_a_time) >= 0);
        if (status == -EAGAIN)
            status = tls_handshake(f->tls);
        assert_true(status == 0 || status == -EAGAIN);
        assert_true(peer_receive(&f->peer, at_a_time) >= 0);
    }
    assert_int_equal(status, 0);
    assert_int_equal(peer_status, 1);
}

/* Reads what is there into one part. */
static ssize_t read_tls(struct fixture *f, void *to, size_t size)
{
    return tls_read(f->tls, &(struct iovec){to, size}, 1);
}

static void send_all(struct fixture *f)
{
    while (BIO_pending(f->peer.out) > 0)
        assert_true(peer_send(&f->peer, PEER_ALL) > 0);
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

/* --- the handshake --------------------------------------------------------------------------- */

static void handshake_takes_its_bytes_one_by_one(void **state)
{
    shake_hands(*state, TLS1_3_VERSION, 1);
}

static void handshake_of_the_older_version_takes_its_bytes_one_by_one(void **state)
{
    shake_hands(*state, TLS1_2_VERSION, 1);
}

static void handshake_waits_until_its_own_bytes_go(void **state)
{
    struct fixture *f = *state;
    char junk[1024] = {0};
    size_t filled = 0;
    make_narrow(f->fd);
    for (ssize_t sent; (sent = send(f->fd, junk, sizeof junk, 0)) > 0;)
        filled += (size_t)sent;
    peer_init(&f->peer, f->peer.fd, TLS1_3_VERSION);
    assert_int_equal(peer_handshake(&f->peer), -SSL_ERROR_WANT_READ);
    send_all(f);
    assert_int_equal(tls_handshake(f->tls), -EAGAIN);
    size_t unsent = tls_unsent(f->tls);
    assert_true(unsent > 0);
    assert_int_equal(tls_handshake(f->tls), -EAGAIN); /* nothing has changed */
    assert_int_equal(tls_unsent(f->tls), unsent);
    while (filled > 0) {
        ssize_t got = recv(f->peer.fd, junk, filled < sizeof junk ? filled : sizeof junk, 0);
        assert_true(got > 0);
        filled -= (size_t)got;
    }
    assert_int_equal(tls_handshake(f->tls), -EAGAIN);
    assert_int_equal(tls_unsent(f->tls), 0);
    assert_true(peer_receive(&f->peer, PEER_ALL) > 0);
    assert_int_equal(peer_handshake(&f->peer), 1);
    send_all(f);
    assert_int_equal(tls_handshake(f->tls), 0);
}

static void bytes_right_behind_the_handshake_are_not_lost(void **state)
{
    struct fixture *f = *state;
    char text[16];
    peer_init(&f->peer, f->peer.fd, TLS1_3_VERSION);
    assert_int_equal(peer_handshake(&f->peer), -SSL_ERROR_WANT_READ);
    send_all(f);
    assert_int_equal(tls_handshake(f->tls), -EAGAIN);
    assert_true(peer_receive(&f->peer, PEER_ALL) > 0);
    assert_int_equal(peer_handshake(&f->peer), 1);
    peer_write(&f->peer, "first", 5);
    send_all(f); /* the end of the handshake and this, in one piece */
    assert_int_equal(tls_handshake(f->tls), 0);
    assert_true(tls_has_more(f->tls)); /* the socket will not tell */
    assert_int_equal(read_tls(f, text, sizeof text), 5);
    assert_memory_equal(text, "first", 5);
}

static void client_without_tls_is_refused_with_a_hint(void **state)
{
    struct fixture *f = *state;
    char text[16];
    assert_int_equal(send(f->peer.fd, "AMQP\0\0\x09\x01", 8, 0), 8);
    assert_int_equal(tls_handshake(f->tls), -EPROTO);
    assert_string_equal(tls_problem(f->tls), "wrong version number");
    assert_non_null(strstr(tls_hint(f->tls), "does not begin with TLS"));
    assert_false(tls_is_silent(f->tls));
    assert_int_equal(tls_handshake(f->tls), -EPROTO);             /* for good */
    assert_int_equal(recv(f->peer.fd, text, sizeof text, 0), -1); /* it would not know an alert */
}

static void http_client_is_refused_with_a_hint(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(send(f->peer.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
    assert_int_equal(tls_handshake(f->tls), -EPROTO);
    assert_string_equal(tls_problem(f->tls), "http request");
    assert_non_null(strstr(tls_hint(f->tls), "does not begin with TLS"));
}

static void client_that_says_nothing_is_silent(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(tls_handshake(f->tls), -EAGAIN);
    assert_int_equal(shutdown(f->peer.fd, SHUT_WR), 0);
    assert_int_equal(tls_handshake(f->tls), -EPROTO);
    assert_string_equal(tls_problem(f->tls), "closed by the client");
    assert_true(tls_is_silent(f->tls));
}

static void client_that_gives_up_in_the_middle_is_not_silent(void **state)
{
    struct fixture *f = *state;
    peer_init(&f->peer, f->peer.fd, TLS1_3_VERSION);
    assert_int_equal(peer_handshake(&f->peer), -SSL_ERROR_WANT_READ);
    assert_int_equal(peer_send(&f->peer, 20), 20);
    assert_int_equal(tls_handshake(f->tls), -EAGAIN);
    assert_int_equal(shutdown(f->peer.fd, SHUT_WR), 0);
    assert_int_equal(tls_handshake(f->tls), -EPROTO);
    assert_false(tls_is_silent(f->tls));
}

static void version_that_is_off_is_refused_with_a_hint(void **state)
{
    struct fixture *f = *state;
    peer_init(&f->peer, f->peer.fd, TLS1_1_VERSION);
    SSL_set_security_level(f->peer.ssl, 0);
    SSL_set_cipher_list(f->peer.ssl, "ALL:@SECLEVEL=0");
    assert_int_equal(peer_handshake(&f->peer), -SSL_ERROR_WANT_READ);
    send_all(f);
    assert_int_equal(tls_handshake(f->tls), -EPROTO);
    assert_string_equal(tls_problem(f->tls), "unsupported protocol");
    assert_non_null(strstr(tls_hint(f->tls), "ssl_options.versions"));
}

/* --- reading --------------------------------------------------------------------------------- */

static void records_are_read_in_whatever_pieces_there_is_room_for(void **state)
{
    struct fixture *f = *state;
    uint8_t sent[5000], got[5000], first[7], second[100];
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = pattern(i);
    peer_write(&f->peer, sent, 1000);
    peer_write(&f->peer, sent + 1000, 4000);
    send_all(f);
    struct iovec parts[] = {{first, sizeof first}, {second, sizeof second}};
    assert_int_equal(tls_read(f->tls, parts, 2), sizeof first + sizeof second);
    assert_true(tls_has_more(f->tls));
    memcpy(got, first, sizeof first);
    memcpy(got + sizeof first, second, sizeof second);
    size_t have = sizeof first + sizeof second;
    while (have < sizeof got) {
        ssize_t more = read_tls(f, got + have, 333 < sizeof got - have ? 333 : sizeof got - have);
        assert_true(more > 0);
        have += (size_t)more;
    }
    assert_memory_equal(got, sent, sizeof got);
    assert_int_equal(read_tls(f, got, sizeof got), -EAGAIN);
    assert_false(tls_has_more(f->tls));
}

static void record_comes_only_when_all_of_it_is_there(void **state)
{
    struct fixture *f = *state;
    char text[16];
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    peer_write(&f->peer, "hello", 5);
    while (BIO_pending(f->peer.out) > 1) {
        assert_int_equal(peer_send(&f->peer, 1), 1);
        assert_int_equal(read_tls(f, text, sizeof text), -EAGAIN);
        assert_false(tls_has_more(f->tls));
    }
    assert_int_equal(peer_send(&f->peer, 1), 1);
    assert_int_equal(read_tls(f, text, sizeof text), 5);
}

static void close_notify_is_the_end_behind_what_was_sent(void **state)
{
    struct fixture *f = *state;
    char text[16];
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    peer_write(&f->peer, "last", 4);
    assert_int_equal(SSL_shutdown(f->peer.ssl), 0);
    send_all(f);
    assert_int_equal(read_tls(f, text, sizeof text), 4);
    assert_int_equal(read_tls(f, text, sizeof text), 0);
    assert_int_equal(read_tls(f, text, sizeof text), 0);
}

static void socket_that_ends_without_close_notify_is_the_end_too(void **state)
{
    struct fixture *f = *state;
    char text[16];
    shake_hands(f, TLS1_2_VERSION, PEER_ALL);
    peer_write(&f->peer, "last", 4);
    send_all(f);
    assert_int_equal(shutdown(f->peer.fd, SHUT_WR), 0);
    assert_int_equal(read_tls(f, text, sizeof text), 4);
    assert_int_equal(read_tls(f, text, sizeof text), 0);
}

static void bytes_that_are_no_tls_break_it(void **state)
{
    struct fixture *f = *state;
    char text[16];
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    assert_int_equal(send(f->peer.fd, "and now something else", 22, 0), 22);
    assert_int_equal(read_tls(f, text, sizeof text), -EPROTO);
    struct output output;
    output_init(&output, &f->pool);
    output_copy(&output, SLICE_LITERAL("x"));
    assert_int_equal(tls_write(f->tls, &output), -EPROTO);
    output_fini(&output);
}

static void record_that_was_changed_on_its_way_breaks_it(void **state)
{
    struct fixture *f = *state;
    char text[16], *bytes;
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    peer_write(&f->peer, "hello", 5);
    long size = BIO_get_mem_data(f->peer.out, &bytes);
    bytes[size - 1] ^= 1;
    send_all(f);
    assert_int_equal(read_tls(f, text, sizeof text), -EPROTO);
}

/* --- what clients may not -------------------------------------------------------------------- */

static void renegotiation_is_refused(void **state)
{
    struct fixture *f = *state;
    char text[16];
    shake_hands(f, TLS1_2_VERSION, PEER_ALL);
    assert_int_equal(SSL_renegotiate(f->peer.ssl), 1);
    (void)SSL_do_handshake(f->peer.ssl); /* only asks for one */
    send_all(f);
    assert_int_equal(read_tls(f, text, sizeof text), -EAGAIN);
    assert_int_equal(tls_unsent(f->tls), 0);
    assert_true(peer_receive(&f->peer, PEER_ALL) > 0);
    ERR_clear_error();
    assert_int_equal(peer_read(&f->peer, text, sizeof text), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
}

static void client_that_does_not_read_what_tls_answers_is_cut_off(void **state)
{
    struct fixture *f = *state;
    char text[16];
    ssize_t status = -EAGAIN;
    make_narrow(f->fd);
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    for (int i = 0; i < KEY_UPDATES && status == -EAGAIN; i++) {
        assert_int_equal(SSL_key_update(f->peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        peer_write(&f->peer, "", 0);
        (void)SSL_do_handshake(f->peer.ssl);
        send_all(f);
        status = read_tls(f, text, sizeof text);
    }
    assert_int_equal(status, -EPROTO);
    assert_string_equal(tls_problem(f->tls), "the client does not read what TLS answers");
}

/* --- writing --------------------------------------------------------------------------------- */

/* Reads at the peer what there is and compares it; how many bytes there are now. */
static size_t compare_at_peer(struct fixture *f, size_t have)
{
    static uint8_t bytes[65536];
    (void)peer_receive(&f->peer, NARROW_BUFFERS);
    for (ssize_t got; (got = peer_read(&f->peer, bytes, sizeof bytes)) > 0; have += (size_t)got)
        for (size_t i = 0; i < (size_t)got; i++)
            assert_int_equal(bytes[i], pattern(have + i));
    return have;
}

static void much_is_written_as_the_client_reads_and_little_of_it_waits_inside(void **state)
{
    struct fixture *f = *state;
    struct output output;
    size_t have = 0;
    make_narrow(f->fd);
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    output_init(&output, &f->pool);
    uint8_t *bytes = mem_alloc(LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        bytes[i] = pattern(i);
    output_copy(&output, slice_of(bytes, 100)); /* small pieces, then a large one */
    output_copy(&output, slice_of(bytes + 100, 30000));
    output_refer(&output, slice_of(bytes + 30100, LARGE_BYTES - 30100), bytes, mem_free);
    assert_int_equal(tls_write(f->tls, &output), 0);
    assert_true(output.bytes > LARGE_BYTES - UNSENT_BYTES);
    assert_true(tls_unsent(f->tls) > 0);
    size_t left = output.bytes, unsent = tls_unsent(f->tls);
    assert_int_equal(tls_write(f->tls, &output), 0); /* nobody has read */
    assert_int_equal(output.bytes, left);
    assert_int_equal(tls_unsent(f->tls), unsent);
    for (int step = 0; have < LARGE_BYTES && step < STEPS_MAX; step++) {
        have = compare_at_peer(f, have);
        assert_int_equal(tls_write(f->tls, &output), 0);
        assert_true(tls_unsent(f->tls) < UNSENT_BYTES);
    }
    assert_int_equal(have, LARGE_BYTES);
    assert_int_equal(output.bytes, 0);
    assert_int_equal(tls_unsent(f->tls), 0);
    output_fini(&output);
}

static void our_end_is_told_behind_what_was_written(void **state)
{
    struct fixture *f = *state;
    struct output output;
    char text[16];
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    output_init(&output, &f->pool);
    output_copy(&output, SLICE_LITERAL("farewell"));
    assert_int_equal(tls_write(f->tls, &output), 0);
    tls_end(f->tls);
    assert_int_equal(tls_write(f->tls, NULL), 0);
    assert_true(peer_receive(&f->peer, PEER_ALL) > 0);
    assert_int_equal(peer_read(&f->peer, text, sizeof text), 8);
    assert_int_equal(peer_read(&f->peer, text, sizeof text), 0);
    peer_write(&f->peer, "thanks", 6); /* the other way is open still */
    send_all(f);
    assert_int_equal(read_tls(f, text, sizeof text), 6);
    output_fini(&output);
}

static void writing_to_a_client_that_has_gone_fails(void **state)
{
    struct fixture *f = *state;
    struct output output;
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    close(f->peer.fd);
    f->peer.fd = -1;
    output_init(&output, &f->pool);
    output_copy(&output, SLICE_LITERAL("anybody there?"));
    assert_int_equal(tls_write(f->tls, &output), -EPIPE);
    assert_int_equal(tls_write(f->tls, NULL), -EPIPE);
    output_fini(&output);
}

/* --- what the server offers ------------------------------------------------------------------ */

static void offer_lists_versions_ciphers_and_certificates(void **state)
{
    struct fixture *f = *state;
    struct tls_certificate certificate;
    assert_string_equal(tls_server_version(f->server, 0), "tlsv1.3");
    assert_string_equal(tls_server_version(f->server, 1), "tlsv1.2");
    assert_null(tls_server_version(f->server, 2));
    assert_string_equal(tls_server_cipher(f->server, 0), "TLS_AES_256_GCM_SHA384");
    assert_null(tls_server_cipher(f->server, 10000));
    assert_true(tls_server_certificate(f->server, 0, &certificate));
    assert_string_equal(certificate.host, "");
    assert_string_equal(certificate.subject, "CN=localhost");
    assert_string_equal(certificate.issuer, "CN=localhost");
    assert_false(tls_server_certificate(f->server, 1, &certificate));
}

static void connection_outlives_its_server(void **state)
{
    struct fixture *f = *state;
    char text[16];
    shake_hands(f, TLS1_3_VERSION, PEER_ALL);
    tls_server_free(f->server);
    f->server = NULL;
    peer_write(&f->peer, "still here", 10);
    send_all(f);
    assert_int_equal(read_tls(f, text, sizeof text), 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(handshake_takes_its_bytes_one_by_one),
        TEST(handshake_of_the_older_version_takes_its_bytes_one_by_one),
        TEST(handshake_waits_until_its_own_bytes_go),
        TEST(bytes_right_behind_the_handshake_are_not_lost),
        TEST(client_without_tls_is_refused_with_a_hint),
        TEST(http_client_is_refused_with_a_hint),
        TEST(client_that_says_nothing_is_silent),
        TEST(client_that_gives_up_in_the_middle_is_not_silent),
        TEST(version_that_is_off_is_refused_with_a_hint),
        TEST(records_are_read_in_whatever_pieces_there_is_room_for),
        TEST(record_comes_only_when_all_of_it_is_there),
        TEST(close_notify_is_the_end_behind_what_was_sent),
        TEST(socket_that_ends_without_close_notify_is_the_end_too),
        TEST(bytes_that_are_no_tls_break_it),
        TEST(record_that_was_changed_on_its_way_breaks_it),
        TEST(renegotiation_is_refused),
        TEST(client_that_does_not_read_what_tls_answers_is_cut_off),
        TEST(much_is_written_as_the_client_reads_and_little_of_it_waits_inside),
        TEST(our_end_is_told_behind_what_was_written),
        TEST(writing_to_a_client_that_has_gone_fails),
        TEST(offer_lists_versions_ciphers_and_certificates),
        TEST(connection_outlives_its_server),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the broker */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
