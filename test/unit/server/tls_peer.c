/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the server's certificate ---------------------------------------------------------------- */

static void sign(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    assert_true(X509_set_version(certificate, X509_VERSION_3));
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600));
    assert_true(X509_set_pubkey(certificate, key));
    assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                           (const unsigned char *)"localhost", -1, -1, 0));
    assert_true(X509_set_issuer_name(certificate, name));
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
}

void credentials_make(struct credentials *credentials)
{
    (void)snprintf(credentials->folder, sizeof credentials->folder, "/tmp/stoatmq-tls-XXXXXX");
    assert_non_null(mkdtemp(credentials->folder));
    (void)snprintf(credentials->certfile, sizeof credentials->certfile, "%s/certificate.pem",
                   credentials->folder);
    (void)snprintf(credentials->keyfile, sizeof credentials->keyfile, "%s/key.pem",
                   credentials->folder);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    sign(certificate, key);
    FILE *file = fopen(credentials->certfile, "we");
    assert_true(file != NULL && PEM_write_X509(file, certificate) && fclose(file) == 0);
    file = fopen(credentials->keyfile, "we");
    assert_true(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) &&
                fclose(file) == 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

void credentials_remove(const struct credentials *credentials)
{
    (void)unlink(credentials->certfile);
    (void)unlink(credentials->keyfile);
    (void)rmdir(credentials->folder);
}

struct tls_server *credentials_server(const struct credentials *credentials)
{
    char error[256] = "";
    struct tls_server *server = tls_server_new(
        &(struct tls_options){.certfile = credentials->certfile,
                              .keyfile = credentials->keyfile,
                              .password = "",
                              .cacertfile = "",
                              .ciphers = "",
                              .version_min = TLS_1_2,
                              .version_max = TLS_1_3},
        error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(server);
    return server;
}

/* --- the client ------------------------------------------------------------------------------ */

void peer_init(struct peer *peer, int fd, int version)
{
    *peer = (struct peer){.context = SSL_CTX_new(TLS_client_method()),
                          .in = BIO_new(BIO_s_mem()),
                          .out = BIO_new(BIO_s_mem()),
                          .fd = fd};
    assert_true(SSL_CTX_set_min_proto_version(peer->context, version));
    assert_true(SSL_CTX_set_max_proto_version(peer->context, version));
    peer->ssl = SSL_new(peer->context);
    BIO_set_mem_eof_return(peer->in, -1); /* an empty one is not an ended one */
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    SSL_set_connect_state(peer->ssl);
}

void peer_fini(struct peer *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    if (peer->fd >= 0)
        close(peer->fd);
}

ssize_t peer_send(struct peer *peer, size_t most)
{
    char *bytes;
    size_t have = (size_t)BIO_get_mem_data(peer->out, &bytes), size = have < most ? have : most;
    if (size == 0)
        return 0;
    ssize_t sent = send(peer->fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN ? 0 : -1;
    char dropped[4096];
    for (ssize_t left = sent; left > 0;)
        left -= BIO_read(peer->out, dropped,
                         left < (ssize_t)sizeof dropped ? (int)left : (int)sizeof dropped);
    return sent;
}

ssize_t peer_receive(struct peer *peer, size_t most)
{
    char bytes[4096];
    size_t received = 0;
    while (received < most) {
        size_t room = most - received < sizeof bytes ? most - received : sizeof bytes;
        ssize_t got = recv(peer->fd, bytes, room, 0);
        if (got <= 0)
            return received > 0 || (got < 0 && errno == EAGAIN) ? (ssize_t)received : -1;
        assert_int_equal(BIO_write(peer->in, bytes, (int)got), got);
        received += (size_t)got;
    }
    return (ssize_t)received;
}

int peer_handshake(struct peer *peer)
{
    int result = SSL_do_handshake(peer->ssl);
    return result == 1 ? 1 : -SSL_get_error(peer->ssl, result);
}

void peer_write(struct peer *peer, const void *bytes, size_t size)
{
    size_t written;
    assert_int_equal(SSL_write_ex(peer->ssl, bytes, size, &written), 1);
    assert_int_equal(written, size);
}

ssize_t peer_read(struct peer *peer, void *to, size_t size)
{
    size_t got;
    if (SSL_read_ex(peer->ssl, to, size, &got) == 1)
        return (ssize_t)got;
    return SSL_get_error(peer->ssl, 0) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

/* --- sockets --------------------------------------------------------------------------------- */

void make_pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

void make_tcp_pair(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[1], (struct sockaddr *)&address, size), 0);
    ends[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(ends[0] >= 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

void make_narrow(int fd)
{
    int bytes = 4096;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
}
