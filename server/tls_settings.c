/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tls_settings.h"

#include "server/base/mem.h"

#define NAMES_MAX 64

/* One of the two groups of settings. */
struct group {
    const char *prefix;
    const char *certfile, *keyfile, *password, *cacertfile;
    bool verify, needs_certificate;
    uint32_t depth;
    const struct settings_texts *versions, *ciphers, *certfiles, *keyfiles;
};

/* Options, and what they point to. */
struct filled {
    struct tls_options options;
    struct tls_name names[NAMES_MAX];
    char ciphers[sizeof((struct settings_texts *)NULL)->all];
};

static struct group group_of(const struct settings *settings, enum tls_purpose purpose)
{
    struct group group = {
        .prefix = "ssl_options",
        .certfile = settings->ssl_certfile,
        .keyfile = settings->ssl_keyfile,
        .password = settings->ssl_password,
        .cacertfile = settings->ssl_cacertfile,
        .verify = settings->ssl_verify == 1,
        .needs_certificate = settings->ssl_needs_certificate,
        .depth = settings->ssl_depth,
        .versions = &settings->ssl_versions,
        .ciphers = &settings->ssl_ciphers,
        .certfiles = &settings->ssl_sni_certfiles,
        .keyfiles = &settings->ssl_sni_keyfiles,
    };
    if (purpose == TLS_FOR_AMQP)
        return group;
    bool has_own = settings->management_ssl_certfile[0] != '\0';
    group.prefix = "management.ssl";
    group.certfile = has_own ? settings->management_ssl_certfile : settings->ssl_certfile;
    group.keyfile = has_own ? settings->management_ssl_keyfile : settings->ssl_keyfile;
    group.password = has_own ? settings->management_ssl_password : settings->ssl_password;
    group.cacertfile = settings->management_ssl_cacertfile;
    group.verify = settings->management_ssl_verify == 1;
    group.needs_certificate = settings->management_ssl_needs_certificate;
    group.depth = settings->management_ssl_depth;
    group.versions = &settings->management_ssl_versions;
    group.ciphers = &settings->management_ssl_ciphers;
    return group;
}

static int refuse_missing(const struct group *group, const char *key, const char *why, char *error,
                          size_t error_size)
{
    return settings_refuse(error, error_size, "%s.%s is missing%s", group->prefix, key, why);
}

/* Those between the lowest and the highest that are named. */
static int fill_versions(const struct group *group, struct tls_options *options, char *error,
                         size_t error_size)
{
    static const char *const words[] = {
        [TLS_1_0] = "tlsv1", [TLS_1_1] = "tlsv1.1", [TLS_1_2] = "tlsv1.2", [TLS_1_3] = "tlsv1.3"};
    const char *name = NULL, *text = NULL;
    unsigned named = 0;
    while (settings_next_text(group->versions, &name, &text)) {
        enum tls_version version = TLS_1_0;
        while (version <= TLS_1_3 && strcmp(text, words[version]) != 0)
            version++;
        if (version > TLS_1_3)
            return settings_refuse(error, error_size,
                                   "%s.versions.%s: expected tlsv1.3, tlsv1.2, tlsv1.1 or tlsv1, "
                                   "not '%.40s'",
                                   group->prefix, name, text);
        named |= 1u << version;
    }
    if (named == 0)
        named = 1u << TLS_1_2 | 1u << TLS_1_3;
    options->version_min = (enum tls_version)__builtin_ctz(named);
    options->version_max = (enum tls_version)(31 - __builtin_clz(named));
    for (enum tls_version version = options->version_min; version <= options->version_max;
         version++)
        if ((named & 1u << version) == 0)
            return settings_refuse(error, error_size,
                                   "%s.versions: %s is missing between the others", group->prefix,
                                   words[version]);
    return 0;
}

static void fill_ciphers(const struct group *group, struct filled *filled)
{
    const char *name = NULL, *text = NULL;
    size_t size = 0;
    while (settings_next_text(group->ciphers, &name, &text))
        size += (size_t)snprintf(filled->ciphers + size, sizeof filled->ciphers - size, "%s%s",
                                 size > 0 ? ":" : "", text);
    filled->options.ciphers = filled->ciphers;
}

static int fill_names(const struct group *group, struct filled *filled, char *error,
                      size_t error_size)
{
    const char *name = NULL, *certfile = NULL, *ignored = NULL;
    while (settings_next_text(group->certfiles, &name, &certfile)) {
        const char *keyfile = settings_text(group->keyfiles, name);
        if (keyfile == NULL)
            return settings_refuse(error, error_size, "ssl_options.sni_keyfile.%s is missing",
                                   name);
        if (filled->options.name_count == NAMES_MAX)
            return settings_refuse(error, error_size, "ssl_options.sni_certfile: at most %d",
                                   NAMES_MAX);
        filled->names[filled->options.name_count++] = (struct tls_name){name, certfile, keyfile};
    }
    name = NULL;
    while (settings_next_text(group->keyfiles, &name, &ignored))
        if (settings_text(group->certfiles, name) == NULL)
            return settings_refuse(error, error_size, "ssl_options.sni_certfile.%s is missing",
                                   name);
    filled->options.names = filled->names;
    return 0;
}

static int fill(const struct settings *settings, enum tls_purpose purpose, struct filled *filled,
                char *error, size_t error_size)
{
    struct group group = group_of(settings, purpose);
    const char *for_tls = ", and a listener with TLS needs it";
    filled->options = (struct tls_options){
        .certfile = group.certfile,
        .keyfile = group.keyfile,
        .password = group.password,
        .cacertfile = group.cacertfile,
        .server_picks_cipher = settings->ssl_honor_cipher_order,
        .verify = group.verify,
        .needs_certificate = group.needs_certificate,
        .depth = group.depth,
    };
    if (group.certfile[0] == '\0')
        return refuse_missing(&group, "certfile", for_tls, error, error_size);
    if (group.keyfile[0] == '\0')
        return refuse_missing(&group, "keyfile", for_tls, error, error_size);
    if (group.verify && group.cacertfile[0] == '\0')
        return refuse_missing(&group, "cacertfile", ", and verify_peer needs it", error,
                              error_size);
    fill_ciphers(&group, filled);
    return fill_versions(&group, &filled->options, error, error_size) < 0 ||
                   fill_names(&group, filled, error, error_size) < 0
               ? -1
               : 0;
}

struct tls_server *tls_settings_server(const struct settings *settings, enum tls_purpose purpose,
                                       char *error, size_t error_size)
{
    struct filled *filled = mem_zalloc(sizeof *filled);
    struct tls_server *server = NULL;
    if (fill(settings, purpose, filled, error, error_size) == 0)
        server = tls_server_new(&filled->options, error, error_size);
    mem_free(filled);
    return server;
}

int tls_settings_reload(const struct settings *settings, enum tls_purpose purpose,
                        struct tls_server *server, char *error, size_t error_size)
{
    struct filled *filled = mem_zalloc(sizeof *filled);
    int status = fill(settings, purpose, filled, error, error_size);
    if (status == 0)
        status = tls_server_reload(server, &filled->options, error, error_size);
    mem_free(filled);
    return status;
}

struct tls_name_rule tls_settings_name_rule(const struct settings *settings)
{
    static const enum tls_name_from kinds[] = {TLS_NAME_FROM_DNS, TLS_NAME_FROM_EMAIL,
                                               TLS_NAME_FROM_URI, TLS_NAME_FROM_IP};
    switch (settings->ssl_cert_login_from) {
    case 0:
        return (struct tls_name_rule){TLS_NAME_FROM_SUBJECT, 0};
    case 1:
        return (struct tls_name_rule){TLS_NAME_FROM_COMMON_NAME, 0};
    default:
        return (struct tls_name_rule){kinds[settings->ssl_cert_login_san_type],
                                      settings->ssl_cert_login_san_index};
    }
}
