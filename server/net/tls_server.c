/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. A server points to a context, what its files held when they were last read:
 * OpenSSL's own context for the certificate, and one more for each name that has a certificate of
 * its own. A reload makes a new context and points to that; connections keep the one they began
 * with alive. The lock guards the pointer, from one thread's reload to another's new connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "server/base/check.h"
#include "server/base/mem.h"
#include "server/net/tls_parts.h"

#define READ_BUFFER_BYTES 65536 /* what OpenSSL takes from the socket at a time */
#define SECONDS_PER_DAY   86400

struct named {
    char *name;
    SSL_CTX *ssl;
};

struct tls_context {
    atomic_uint references;
    SSL_CTX *ssl;
    struct named *names;
    size_t name_count;
    int days_left;
};

struct tls_server {
    uv_mutex_t lock;
    struct tls_context *context; /* guarded by lock */
};

/* --- errors ---------------------------------------------------------------------------------- */

/* Writes "FILE: reason" with OpenSSL's reason, and forgets that; -1. */
static int refuse(char *error, size_t error_size, const char *file, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    snprintf(error, error_size, "%s: %s%s%s%s", file, what, reason != NULL ? " (" : "",
             reason != NULL ? reason : "", reason != NULL ? ")" : "");
    ERR_clear_error();
    return -1;
}

/* OpenSSL's words for a missing file are hard to understand: ours come first. */
static int check_readable(const char *file, char *error, size_t error_size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    char byte;
    if (fd >= 0 && read(fd, &byte, 1) >= 0) {
        close(fd);
        return 0;
    }
    snprintf(error, error_size, "%s: %s", file, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* --- contexts of OpenSSL --------------------------------------------------------------------- */

/* Without a password OpenSSL would ask for one on the terminal. */
static int give_password(char *to, int size, int is_for_writing, void *password)
{
    (void)is_for_writing;
    struct slice given = slice_from_string(password);
    if (given.size == 0 || given.size > (size_t)size)
        return -1;
    memcpy(to, given.data, given.size);
    return (int)given.size;
}

static int load_pair(SSL_CTX *ssl, const char *certfile, const char *keyfile, const char *password,
                     char *error, size_t error_size)
{
    if (check_readable(certfile, error, error_size) < 0 ||
        check_readable(keyfile, error, error_size) < 0)
        return -1;
    if (SSL_CTX_use_certificate_chain_file(ssl, certfile) != 1)
        return refuse(error, error_size, certfile, "not a certificate in PEM form");
    SSL_CTX_set_default_passwd_cb(ssl, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, (void *)password);
    if (SSL_CTX_use_PrivateKey_file(ssl, keyfile, SSL_FILETYPE_PEM) != 1) {
        unsigned long code = ERR_peek_last_error();
        if (ERR_GET_LIB(code) == ERR_LIB_X509 &&
            ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH) {
            ERR_clear_error();
            snprintf(error, error_size, "%s: not the key of the certificate in %s", keyfile,
                     certfile);
            return -1;
        }
        return refuse(error, error_size, keyfile,
                      password[0] == '\0' ? "not a key in PEM form, or one that needs a password"
                                          : "not a key in PEM form, or not with this password");
    }
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    if (SSL_CTX_check_private_key(ssl) != 1)
        return refuse(error, error_size, keyfile, "not the key of the certificate");
    return 0;
}

/* Sets CIPHERS, ours of TLS 1.3 and those before it apart, as OpenSSL wants them. A version none of
 * whose ciphers is named is left out. */
static int set_ciphers(SSL_CTX *ssl, const struct tls_options *options, char *error,
                       size_t error_size)
{
    char before[2048] = "", of_1_3[1024] = "";
    enum tls_version version_min = options->version_min, version_max = options->version_max;
    for (const char *at = options->ciphers; *at != '\0';) {
        size_t size = strcspn(at, ":");
        bool is_1_3 = size > 4 && memcmp(at, "TLS_", 4) == 0;
        char *list = is_1_3 ? of_1_3 : before;
        size_t have = strlen(list), room = is_1_3 ? sizeof of_1_3 : sizeof before;
        snprintf(list + have, room - have, "%s%.*s", have > 0 ? ":" : "", (int)size, at);
        at += size + (at[size] == ':');
    }
    if (before[0] == '\0' && of_1_3[0] != '\0')
        version_min = TLS_1_3;
    if (before[0] != '\0' && of_1_3[0] == '\0' && version_max > TLS_1_2)
        version_max = TLS_1_2;
    if (version_min > version_max) {
        snprintf(error, error_size, "ssl_options.ciphers: none fits the versions");
        return -1;
    }
    /* What came before TLS 1.2 signs with SHA-1, which OpenSSL 3 takes at level 0 only. */
    char list[2100];
    snprintf(list, sizeof list, "%s%s", before[0] != '\0' ? before : "DEFAULT",
             version_min < TLS_1_2 ? ":@SECLEVEL=0" : "");
    if (SSL_CTX_set_cipher_list(ssl, list) != 1)
        return refuse(error, error_size, "ssl_options.ciphers", "no such cipher");
    if (of_1_3[0] != '\0' && SSL_CTX_set_ciphersuites(ssl, of_1_3) != 1)
        return refuse(error, error_size, "ssl_options.ciphers", "no such cipher of TLS 1.3");
    CHECK(SSL_CTX_set_min_proto_version(ssl, TLS1_VERSION + (int)version_min - TLS_1_0) == 1);
    CHECK(SSL_CTX_set_max_proto_version(ssl, TLS1_VERSION + (int)version_max - TLS_1_0) == 1);
    return 0;
}

/* Whose certificates clients may have. */
static int set_verification(SSL_CTX *ssl, const struct tls_options *options, char *error,
                            size_t error_size)
{
    const char *file = options->cacertfile;
    if (file[0] != '\0') {
        if (check_readable(file, error, error_size) < 0)
            return -1;
        if (SSL_CTX_load_verify_file(ssl, file) != 1)
            return refuse(error, error_size, file, "no certificates in PEM form");
    }
    if (!options->verify) {
        SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        return 0;
    }
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (names == NULL)
        return refuse(error, error_size, file, "no certificates in PEM form");
    SSL_CTX_set_client_CA_list(ssl, names);
    SSL_CTX_set_verify_depth(ssl, (int)options->depth);
    SSL_CTX_set_verify(
        ssl, SSL_VERIFY_PEER | (options->needs_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    return 0;
}

static int pick_name(SSL *ssl, int *alert, void *unused);

/* A context for one certificate, or NULL. */
static SSL_CTX *make_ssl(const struct tls_options *options, const char *certfile,
                         const char *keyfile, char *error, size_t error_size)
{
    static const unsigned char session_id[] = "stoatmq";
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    CHECK(ssl != NULL);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                 SSL_OP_NO_COMPRESSION);
    if (options->server_picks_cipher)
        SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_default_read_buffer_len(ssl, READ_BUFFER_BYTES);
    /* Sessions are the clients' to keep, in tickets. */
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ssl, session_id, sizeof session_id);
    SSL_CTX_set_tlsext_servername_callback(ssl, pick_name);
    if (set_ciphers(ssl, options, error, error_size) < 0 ||
        load_pair(ssl, certfile, keyfile, options->password, error, error_size) < 0 ||
        set_verification(ssl, options, error, error_size) < 0) {
        SSL_CTX_free(ssl);
        return NULL;
    }
    return ssl;
}

/* --- ours ------------------------------------------------------------------------------------ */

static int days_left(const SSL_CTX *ssl)
{
    int days = 0, seconds = 0;
    const X509 *certificate = SSL_CTX_get0_certificate(ssl);
    if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)))
        return 0;
    return seconds < 0 && days == 0 ? -1 : days;
}

static void free_context(struct tls_context *context)
{
    for (size_t i = 0; i < context->name_count; i++) {
        mem_free(context->names[i].name);
        SSL_CTX_free(context->names[i].ssl);
    }
    mem_free(context->names);
    SSL_CTX_free(context->ssl);
    mem_free(context);
}

void tls_context_unref(struct tls_context *context)
{
    if (atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) == 1)
        free_context(context);
}

static struct tls_context *make_context(const struct tls_options *options, char *error,
                                        size_t error_size)
{
    struct tls_context *context = mem_zalloc(sizeof *context);
    atomic_init(&context->references, 1);
    context->names = mem_zalloc((options->name_count + 1) * sizeof *context->names);
    context->ssl = make_ssl(options, options->certfile, options->keyfile, error, error_size);
    if (context->ssl == NULL)
        goto failed;
    context->days_left = days_left(context->ssl);
    for (size_t i = 0; i < options->name_count; i++) {
        const struct tls_name *name = &options->names[i];
        SSL_CTX *ssl = make_ssl(options, name->certfile, name->keyfile, error, error_size);
        if (ssl == NULL)
            goto failed;
        size_t bytes = strlen(name->name) + 1;
        context->names[i] = (struct named){memcpy(mem_alloc(bytes), name->name, bytes), ssl};
        context->name_count++;
        if (days_left(ssl) < context->days_left)
            context->days_left = days_left(ssl);
    }
    return context;
failed:
    free_context(context);
    return NULL;
}

struct tls_server *tls_server_new(const struct tls_options *options, char *error, size_t error_size)
{
    struct tls_context *context = make_context(options, error, error_size);
    if (context == NULL)
        return NULL;
    struct tls_server *server = mem_zalloc(sizeof *server);
    CHECK(uv_mutex_init(&server->lock) == 0);
    server->context = context;
    return server;
}

int tls_server_reload(struct tls_server *server, const struct tls_options *options, char *error,
                      size_t error_size)
{
    struct tls_context *context = make_context(options, error, error_size);
    if (context == NULL)
        return -1;
    uv_mutex_lock(&server->lock);
    struct tls_context *old = server->context;
    server->context = context;
    uv_mutex_unlock(&server->lock);
    tls_context_unref(old);
    return 0;
}

void tls_server_free(struct tls_server *server)
{
    if (server == NULL)
        return;
    tls_context_unref(server->context);
    uv_mutex_destroy(&server->lock);
    mem_free(server);
}

struct tls_context *tls_server_context(struct tls_server *server)
{
    uv_mutex_lock(&server->lock);
    struct tls_context *context = server->context;
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    uv_mutex_unlock(&server->lock);
    return context;
}

int tls_server_days_left(struct tls_server *server)
{
    struct tls_context *context = tls_server_context(server);
    int days = context->days_left;
    tls_context_unref(context);
    return days;
}

/* --- what is offered ------------------------------------------------------------------------- */

const char *tls_server_version(struct tls_server *server, size_t index)
{
    static const char *const names[] = {"tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"};
    struct tls_context *context = tls_server_context(server);
    long newest = SSL_CTX_get_max_proto_version(context->ssl);
    long oldest = SSL_CTX_get_min_proto_version(context->ssl);
    tls_context_unref(context);
    return index <= (size_t)(newest - oldest) ? names[newest - TLS1_VERSION - (long)index] : NULL;
}

const char *tls_server_cipher(struct tls_server *server, size_t index)
{
    struct tls_context *context = tls_server_context(server);
    STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(context->ssl);
    const SSL_CIPHER *cipher = index < (size_t)sk_SSL_CIPHER_num(all)
                                   ? sk_SSL_CIPHER_value(all, (int)index)
                                   : NULL;
    tls_context_unref(context);
    return cipher != NULL ? SSL_CIPHER_get_name(cipher) : NULL;
}

bool tls_server_certificate(struct tls_server *server, size_t index,
                            struct tls_certificate *certificate)
{
    struct tls_context *context = tls_server_context(server);
    bool is_there = index <= context->name_count;
    *certificate = (struct tls_certificate){0};
    if (is_there) {
        const struct named *named = index > 0 ? &context->names[index - 1] : NULL;
        if (named != NULL)
            snprintf(certificate->host, sizeof certificate->host, "%s", named->name);
        tls_certificate_read(SSL_CTX_get0_certificate(named != NULL ? named->ssl : context->ssl),
                             certificate);
    }
    tls_context_unref(context);
    return is_there;
}

/* --- names ----------------------------------------------------------------------------------- */

SSL *tls_context_connection(struct tls_context *context)
{
    SSL *ssl = SSL_new(context->ssl);
    CHECK(ssl != NULL);
    return ssl;
}

/* Does PATTERN, maybe with a star for its first label, stand for NAME? */
static bool fits(const char *pattern, const char *name)
{
    if (strcasecmp(pattern, name) == 0)
        return true;
    const char *dot = strchr(name, '.');
    return pattern[0] == '*' && pattern[1] == '.' && dot != NULL && dot != name &&
           strcasecmp(pattern + 1, dot) == 0;
}

/* The certificate for the name that the client asks for; ours without a name, when there is
 * none. */
static int pick_name(SSL *ssl, int *alert, void *unused)
{
    const struct tls *tls = SSL_get_app_data(ssl);
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)unused;
    *alert = SSL_AD_UNRECOGNIZED_NAME; /* for a refusal, of which there is none */
    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; i < tls->context->name_count; i++) {
        if (fits(tls->context->names[i].name, name)) {
            SSL_set_SSL_CTX(ssl, tls->context->names[i].ssl);
            break;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}
