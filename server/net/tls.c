/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. OpenSSL reads from the socket, but writes into an output, which takes all it is
 * given: so no call of OpenSSL stops in the middle of writing, and several records leave with one
 * call. What one call reads is limited, and what waits to be written, too: only so much is
 * encrypted in advance, and a client that makes OpenSSL answer (key updates) without reading the
 * answers is cut off.
 */
#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <unistd.h>

#include "server/base/check.h"
#include "server/base/mem.h"
#include "server/net/tls_parts.h"

#define RECORD_BYTES         16384 /* of plain text, at most */
#define SMALL_PIECE_BYTES    4096  /* smaller ones are put together for a record */
#define PIECE_BYTES          65536 /* encrypted by one call */
#define UNSENT_BYTES         65536 /* encrypted in advance */
#define UNSENT_BYTES_LIMIT   262144
#define READ_BYTES           65536 /* from the socket by one call, beside its caller's room */
#define HANDSHAKE_READ_BYTES 262144

/* --- the socket, for OpenSSL ----------------------------------------------------------------- */

static int bio_read(BIO *bio, char *to, int size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (tls->budget == 0) {
        tls->out_of_budget = true;
        BIO_set_retry_read(bio);
        return -1;
    }
    ssize_t got = read(tls->fd, to, (size_t)size < tls->budget ? (size_t)size : tls->budget);
    if (got > 0) {
        tls->heard = true;
        tls->budget -= (size_t)got;
    } else if (got == 0) {
        tls->ended = true;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        BIO_set_retry_read(bio);
    } else {
        tls->failure = -errno;
    }
    return (int)got;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    output_copy(&tls->unsent, slice_of(bytes, (size_t)size));
    return size;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct tls *tls = BIO_get_data(bio);
    (void)number, (void)pointer;
    if (command == BIO_CTRL_EOF)
        return tls->ended;
    return command == BIO_CTRL_FLUSH; /* 0: not known */
}

static BIO_METHOD *bio_method;

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    CHECK(bio_method != NULL);
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

/* --- life ------------------------------------------------------------------------------------ */

struct tls *tls_new(struct tls_server *server, int fd, struct output_pool *pool)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_bio_method);
    struct tls *tls = mem_zalloc(sizeof *tls);
    tls->fd = fd;
    output_init(&tls->unsent, pool);
    tls->context = tls_server_context(server);
    tls->ssl = tls_context_connection(tls->context);
    BIO *bio = BIO_new(bio_method);
    CHECK(bio != NULL);
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_accept_state(tls->ssl);
    return tls;
}

void tls_free(struct tls *tls)
{
    SSL_free(tls->ssl);
    tls_context_unref(tls->context);
    output_fini(&tls->unsent);
    mem_free(tls);
}

/* --- problems -------------------------------------------------------------------------------- */

#define NOT_TRUSTED "the client does not trust the certificate of this broker"
#define NOT_TLS     "the client does not begin with TLS: is its port the one without?"

static const char *hint_for(int reason)
{
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return NOT_TLS;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
        return "the client offers no version that is among ssl_options.versions";
    case SSL_R_NO_SHARED_CIPHER:
        return "the client offers none of our ciphers, or none that fits the certificate";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "a client certificate is demanded (ssl_options.fail_if_no_peer_cert)";
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return "the client's certificate is refused; see ssl_options.cacertfile and depth";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return NOT_TRUSTED;
    default:
        return NULL;
    }
}

/* Makes OpenSSL's latest error, for which SSL_get_error said KIND, the connection's. */
static int break_down(struct tls *tls, int kind)
{
    unsigned long code = ERR_peek_error();
    if (tls->failure < 0)
        tls->problem = strerror(-tls->failure);
    else if (code != 0)
        tls->problem = ERR_reason_error_string(code);
    else if (kind == SSL_ERROR_ZERO_RETURN || tls->ended)
        tls->problem = "closed by the client";
    if (code != 0)
        tls->hint = hint_for(ERR_GET_REASON(code));
    if (code != 0 && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        tls->problem = X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl));
    if (tls->problem == NULL)
        tls->problem = "broken TLS";
    if (tls->failure == 0)
        tls->failure = -EPROTO;
    ERR_clear_error();
    return tls->failure;
}

const char *tls_problem(const struct tls *tls)
{
    return tls->problem;
}

const char *tls_hint(const struct tls *tls)
{
    return tls->hint;
}

bool tls_is_silent(const struct tls *tls)
{
    return !tls->heard;
}

/* --- the handshake --------------------------------------------------------------------------- */

int tls_handshake(struct tls *tls)
{
    if (tls->failure < 0)
        return tls->failure;
    ERR_clear_error();
    tls->budget = HANDSHAKE_READ_BYTES;
    int result = SSL_do_handshake(tls->ssl), status = 0;
    if (result != 1) {
        int kind = SSL_get_error(tls->ssl, result);
        status = kind == SSL_ERROR_WANT_READ ? -EAGAIN : break_down(tls, kind);
    }
    tls->more = status == 0; /* what came right behind has been taken from the socket already */
    int written = output_write(&tls->unsent, tls->fd);
    if (written < 0 && (status == 0 || status == -EAGAIN)) {
        tls->failure = written;
        status = break_down(tls, SSL_ERROR_SYSCALL);
    }
    return status;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Reads SIZE bytes, or as many as there are. */
static size_t fill(struct tls *tls, uint8_t *to, size_t size)
{
    size_t have = 0;
    while (have < size && tls->failure == 0) {
        size_t got;
        ERR_clear_error();
        if (SSL_read_ex(tls->ssl, to + have, size - have, &got) == 1) {
            have += got;
            continue;
        }
        int kind = SSL_get_error(tls->ssl, 0);
        if (kind == SSL_ERROR_ZERO_RETURN)
            tls->ended = true;
        else if (kind != SSL_ERROR_WANT_READ)
            (void)break_down(tls, kind);
        break;
    }
    return have;
}

ssize_t tls_read(struct tls *tls, const struct iovec *parts, int count)
{
    size_t have = 0, room = 0;
    if (tls->unsent.bytes > UNSENT_BYTES_LIMIT && tls->failure == 0) {
        tls->problem = "the client does not read what TLS answers";
        tls->failure = -EPROTO;
    }
    for (int i = 0; i < count; i++)
        room += parts[i].iov_len;
    tls->budget = room + READ_BYTES;
    tls->out_of_budget = false;
    bool is_filled = true;
    for (int i = 0; i < count && is_filled; i++) {
        size_t got = fill(tls, parts[i].iov_base, parts[i].iov_len);
        is_filled = got == parts[i].iov_len;
        have += got;
    }
    bool is_over = tls->ended || tls->failure < 0;
    tls->more = have > 0 ? is_filled || is_over || tls->out_of_budget : tls->out_of_budget;
    if (tls->unsent.bytes > 0 && output_write(&tls->unsent, tls->fd) < 0)
        tls->ended = true; /* what it sent before still counts */
    if (have > 0)
        return (ssize_t)have;
    return tls->failure < 0 ? tls->failure : tls->ended ? 0 : -EAGAIN;
}

bool tls_has_more(const struct tls *tls)
{
    return tls->more;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Encrypts a piece of OUTPUT. */
static int encrypt(struct tls *tls, struct output *output)
{
    uint8_t gathered[RECORD_BYTES];
    struct slice piece = output_front(output);
    if (piece.size < SMALL_PIECE_BYTES && piece.size < output->bytes)
        piece = slice_of(gathered, output_peek(output, gathered, sizeof gathered));
    if (piece.size > PIECE_BYTES)
        piece.size = PIECE_BYTES;
    size_t taken;
    ERR_clear_error();
    tls->budget = 0; /* writing reads nothing */
    if (SSL_write_ex(tls->ssl, piece.data, piece.size, &taken) != 1)
        return break_down(tls, SSL_get_error(tls->ssl, 0));
    output_skip(output, taken);
    return 0;
}

int tls_write(struct tls *tls, struct output *output)
{
    if (tls->failure < 0)
        return tls->failure;
    for (;;) {
        while (output != NULL && output->bytes > 0 && tls->unsent.bytes < UNSENT_BYTES) {
            int status = encrypt(tls, output);
            if (status < 0)
                return status;
        }
        int status = output_write(&tls->unsent, tls->fd);
        if (status < 0)
            return tls->failure = status;
        if (tls->unsent.bytes > 0 || output == NULL || output->bytes == 0)
            return 0;
    }
}

size_t tls_unsent(const struct tls *tls)
{
    return tls->unsent.bytes;
}

void tls_end(struct tls *tls)
{
    if (tls->failure == 0)
        SSL_shutdown(tls->ssl);
    ERR_clear_error();
}
