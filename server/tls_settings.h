/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_settings: what the settings say of TLS, as the transport wants it. Any thread; keeps nothing.
 */
#ifndef STOATMQ_SERVER_TLS_SETTINGS_H
#define STOATMQ_SERVER_TLS_SETTINGS_H

#include "server/net/tls.h"
#include "server/settings.h"

enum tls_purpose { TLS_FOR_AMQP, TLS_FOR_MANAGEMENT };

/* A server by ssl_options or management.ssl; NULL with a text in ERROR, when a setting is missing
 * or a file is no good. */
struct tls_server *tls_settings_server(const struct settings *settings, enum tls_purpose purpose,
                                       char *error, size_t error_size);

/* Has SERVER go by SETTINGS, its files read anew; -1 with a text in ERROR: then it is as it was. */
int tls_settings_reload(const struct settings *settings, enum tls_purpose purpose,
                        struct tls_server *server, char *error, size_t error_size)
    __attribute__((warn_unused_result));

/* Where in a client's certificate its user's name stands. */
struct tls_name_rule tls_settings_name_rule(const struct settings *settings);

#endif
