/* SPDX-License-Identifier: Apache-2.0
 *
 * What was agreed, and what the client's certificate says, in RabbitMQ's words: Erlang's names of
 * ciphers, subjects after RFC 4514 with Erlang's names of attributes.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "server/base/buf.h"
#include "server/net/tls_parts.h"

/* --- names in certificates ------------------------------------------------------------------- */

static const struct {
    int nid;
    const char *name;
} attributes[] = {
    {NID_surname, "SN"},
    {NID_givenName, "GIVENNAME"},
    {NID_initials, "INITIALS"},
    {NID_generationQualifier, "GENERATIONQUALIFIER"},
    {NID_commonName, "CN"},
    {NID_localityName, "L"},
    {NID_stateOrProvinceName, "ST"},
    {NID_organizationName, "O"},
    {NID_organizationalUnitName, "OU"},
    {NID_title, "TITLE"},
    {NID_countryName, "C"},
    {NID_serialNumber, "SERIALNUMBER"},
    {NID_pseudonym, "PSEUDONYM"},
    {NID_domainComponent, "DC"},
    {NID_pkcs9_emailAddress, "EMAILADDRESS"},
    {NID_streetAddress, "STREET"},
    {NID_userId, "UID"},
};

static void put_attribute_name(struct buf *out, const ASN1_OBJECT *object)
{
    char dotted[128];
    int nid = OBJ_obj2nid(object);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        if (attributes[i].nid == nid) {
            buf_printf(out, "%s", attributes[i].name);
            return;
        }
    }
    OBJ_obj2txt(dotted, sizeof dotted, object, 1);
    buf_printf(out, "%s", dotted);
}

/* RFC 4514 section 2.4; what is not ASCII in numbers, as RabbitMQ writes it. */
static void put_escaped(struct buf *out, struct slice value)
{
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];
        bool is_edge = (i == 0 && (byte == ' ' || byte == '#')) ||
                       (i + 1 == value.size && byte == ' ');
        if (byte < 0x20 || byte >= 0x7F) {
            buf_printf(out, "\\%02X", byte);
            continue;
        }
        if (is_edge || strchr(",+\"\\<>;", byte) != NULL)
            buf_u8(out, '\\');
        buf_u8(out, byte);
    }
}

static void put_value(struct buf *out, const X509_NAME_ENTRY *entry, bool escaped)
{
    unsigned char *text = NULL;
    int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
    if (size < 0)
        return;
    struct slice value = slice_of(text, (size_t)size);
    if (escaped)
        put_escaped(out, value);
    else
        buf_bytes(out, value);
    OPENSSL_free(text);
}

/* The last one first, as the string form has it. */
static void put_name(struct buf *out, const X509_NAME *name)
{
    int last_set = -1;
    for (int i = X509_NAME_entry_count(name) - 1; i >= 0; i--) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        int set = X509_NAME_ENTRY_set(entry);
        if (last_set >= 0)
            buf_u8(out, set == last_set ? '+' : ',');
        last_set = set;
        put_attribute_name(out, X509_NAME_ENTRY_get_object(entry));
        buf_u8(out, '=');
        put_value(out, entry, true);
    }
}

/* All of them, with commas. */
static void put_common_names(struct buf *out, const X509_NAME *name)
{
    for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;) {
        if (out->size > 0)
            buf_u8(out, ',');
        put_value(out, X509_NAME_get_entry(name, at), false);
    }
}

/* An alternative name of the kind FROM; false when NAME is of another. */
static bool put_alternative(struct buf *out, const GENERAL_NAME *name, enum tls_name_from from)
{
    int type = 0;
    const void *value = GENERAL_NAME_get0_value(name, &type);
    if (type != (from == TLS_NAME_FROM_DNS     ? GEN_DNS
                 : from == TLS_NAME_FROM_EMAIL ? GEN_EMAIL
                 : from == TLS_NAME_FROM_URI   ? GEN_URI
                                               : GEN_IPADD))
        return false;
    const ASN1_STRING *string = value;
    struct slice bytes = slice_of(ASN1_STRING_get0_data(string),
                                  (size_t)ASN1_STRING_length(string));
    if (type != GEN_IPADD) {
        buf_bytes(out, bytes);
        return true;
    }
    char text[INET6_ADDRSTRLEN];
    if ((bytes.size == 4 || bytes.size == 16) &&
        inet_ntop(bytes.size == 4 ? AF_INET : AF_INET6, bytes.data, text, sizeof text) != NULL)
        buf_printf(out, "%s", text);
    return true;
}

static void put_alternatives(struct buf *out, const X509 *certificate, struct tls_name_rule rule)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    unsigned seen = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        struct buf text = {0};
        if (put_alternative(&text, sk_GENERAL_NAME_value(names, i), rule.from) &&
            seen++ == rule.index)
            buf_bytes(out, buf_slice(&text));
        buf_fini(&text);
    }
    GENERAL_NAMES_free(names);
}

bool tls_asks_certificate(const struct tls *tls)
{
    return SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE;
}

struct slice tls_peer_name(const struct tls *tls, struct tls_name_rule rule,
                           uint8_t name[TLS_PEER_NAME_BYTES])
{
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    struct buf text = {0};
    struct slice result = SLICE_EMPTY;
    if (certificate == NULL || SSL_get_verify_result(tls->ssl) != X509_V_OK)
        return result;
    if (rule.from == TLS_NAME_FROM_SUBJECT)
        put_name(&text, X509_get_subject_name(certificate));
    else if (rule.from == TLS_NAME_FROM_COMMON_NAME)
        put_common_names(&text, X509_get_subject_name(certificate));
    else
        put_alternatives(&text, certificate, rule);
    if (text.size > 0 && text.size <= TLS_PEER_NAME_BYTES) {
        memcpy(name, text.data, text.size);
        result = slice_of(name, text.size);
    }
    buf_fini(&text);
    return result;
}

/* --- description ----------------------------------------------------------------------------- */

/* Writes TEXT in small letters, with _ for -; cut when there is no room. */
static void put_small(char *to, size_t size, const char *text)
{
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < size; i++)
        to[i] = text[i] == '-' ? '_' : (char)tolower((unsigned char)text[i]);
    to[i] = '\0';
}

static void describe_key_exchange(const SSL_CIPHER *cipher, char *to, size_t size)
{
    int kx = SSL_CIPHER_get_kx_nid(cipher), auth = SSL_CIPHER_get_auth_nid(cipher);
    const char *exchange = kx == NID_kx_ecdhe ? "ecdhe" : kx == NID_kx_dhe ? "dhe" : "";
    const char *signature = auth == NID_auth_rsa ? "rsa" : auth == NID_auth_ecdsa ? "ecdsa" : "";
    if (kx == NID_kx_any)
        snprintf(to, size, "any");
    else if (exchange[0] == '\0')
        snprintf(to, size, kx == NID_kx_rsa ? "rsa" : "unknown");
    else
        snprintf(to, size, "%s%s%s", exchange, signature[0] != '\0' ? "_" : "", signature);
}

static void describe_cipher(const SSL_CIPHER *cipher, struct tls_description *out)
{
    char name[64];
    describe_key_exchange(cipher, out->key_exchange, sizeof out->key_exchange);
    put_small(name, sizeof name, OBJ_nid2ln(SSL_CIPHER_get_cipher_nid(cipher)));
    /* OpenSSL calls a cipher of Galois mode id_aes256_gcm in short and aes_256_gcm in long. */
    snprintf(out->cipher, sizeof out->cipher, "%.31s", name);
    if (SSL_CIPHER_is_aead(cipher)) {
        snprintf(out->hash, sizeof out->hash, "aead");
        return;
    }
    int digest = SSL_CIPHER_get_digest_nid(cipher);
    put_small(out->hash, sizeof out->hash, digest == NID_sha1 ? "sha" : OBJ_nid2sn(digest));
}

static void put_text(char *to, size_t size, const X509_NAME *name)
{
    struct buf text = {0};
    put_name(&text, name);
    snprintf(to, size, "%.*s", SLICE_ARGS(buf_slice(&text)));
    buf_fini(&text);
}

static void describe_validity(const X509 *certificate, char *to, size_t size)
{
    struct tm from = {0}, until = {0};
    char texts[2][29];
    if (!ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &from) ||
        !ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until))
        return;
    (void)strftime(texts[0], sizeof texts[0], "%Y-%m-%dT%H:%M:%SZ", &from);
    (void)strftime(texts[1], sizeof texts[1], "%Y-%m-%dT%H:%M:%SZ", &until);
    snprintf(to, size, "%.28s - %.28s", texts[0], texts[1]);
}

void tls_certificate_read(const X509 *certificate, struct tls_certificate *to)
{
    put_text(to->subject, sizeof to->subject, X509_get_subject_name(certificate));
    put_text(to->issuer, sizeof to->issuer, X509_get_issuer_name(certificate));
    describe_validity(certificate, to->validity, sizeof to->validity);
}

void tls_describe(const struct tls *tls, struct tls_description *description)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(tls->ssl);
    const char *name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    *description = (struct tls_description){.has_peer_certificate = certificate != NULL};
    put_small(description->protocol, sizeof description->protocol, SSL_get_version(tls->ssl));
    if (cipher != NULL)
        describe_cipher(cipher, description);
    snprintf(description->server_name, sizeof description->server_name, "%s",
             name != NULL ? name : "");
    if (certificate == NULL)
        return;
    put_text(description->peer_subject, sizeof description->peer_subject,
             X509_get_subject_name(certificate));
    put_text(description->peer_issuer, sizeof description->peer_issuer,
             X509_get_issuer_name(certificate));
    describe_validity(certificate, description->peer_validity, sizeof description->peer_validity);
}
