/* SPDX-License-Identifier: Apache-2.0 */
#include "server/connection.h"

#include "amqp/table.h"
#include "exchange/session.h"
#include "server/base/log.h"
#include "server/tls_settings.h"

static const char *const capabilities[] = {
    "publisher_confirms",           "exchange_exchange_bindings", "basic.nack",
    "consumer_cancel_notify",       "connection.blocked",         "consumer_priorities",
    "authentication_failure_close", "per_consumer_qos",           "direct_reply_to",
};

/* server-properties (section 1.4.2.1, with RabbitMQ's capabilities); clients decide by
 * `version`. */
static void put_server_properties(const struct settings *settings, struct buf *out)
{
    size_t nested = table_put_table(out, "capabilities");
    for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++)
        table_put_bool(out, capabilities[i], true);
    table_end(out, nested);
    table_put_longstr(out, "cluster_name", slice_from_string(settings->cluster_name));
    table_put_longstr(out, "copyright", SLICE_LITERAL("Copyright (c) the StoatMQ authors"));
    table_put_longstr(out, "information", SLICE_LITERAL("Licensed under the Apache License 2.0"));
    table_put_longstr(out, "platform", SLICE_LITERAL("C17"));
    table_put_longstr(out, "product", slice_from_string(settings->product_name));
    table_put_longstr(out, "stoatmq_version", SLICE_LITERAL(STOATMQ_VERSION));
    table_put_longstr(out, "version", slice_from_string(settings->compatible_version));
}

static const char *const mechanism_names[] = {[MECHANISM_PLAIN] = "PLAIN",
                                              [MECHANISM_AMQPLAIN] = "AMQPLAIN",
                                              [MECHANISM_EXTERNAL] = "EXTERNAL"};

/* The mechanism NAME; 0: none is called so. */
static unsigned mechanism_of(struct slice name)
{
    for (unsigned bit = MECHANISM_PLAIN; bit <= MECHANISM_EXTERNAL; bit *= 2)
        if (slice_equal(name, slice_from_string(mechanism_names[bit])))
            return bit;
    return 0;
}

/* Those in the settings, with EXTERNAL or without; their names go to NAMES when that is not NULL.
 */
static unsigned offered_mechanisms(const struct settings *settings, bool with_external,
                                   struct buf *names)
{
    const char *key = NULL, *text = NULL;
    unsigned offered = 0;
    if (settings->auth_mechanisms.bytes == 0) {
        if (names != NULL)
            buf_printf(names, "PLAIN AMQPLAIN");
        return MECHANISM_PLAIN | MECHANISM_AMQPLAIN;
    }
    while (settings_next_text(&settings->auth_mechanisms, &key, &text)) {
        unsigned bit = mechanism_of(slice_from_string(text));
        if ((bit == MECHANISM_EXTERNAL && !with_external) || (offered & bit) != 0)
            continue;
        if (names != NULL)
            buf_printf(names, "%s%s", offered != 0 ? " " : "", text);
        offered |= bit;
    }
    return offered;
}

void handshake_build_start(const struct settings *settings, bool with_external, struct buf *frame)
{
    struct buf properties = {0}, mechanisms = {0};
    put_server_properties(settings, &properties);
    (void)offered_mechanisms(settings, with_external, &mechanisms);
    buf_fini(frame);
    method_encode_frame(
        0,
        &(struct method){.id = METHOD_CONNECTION_START,
                         .connection_start = {.version_major = 0,
                                              .version_minor = 9,
                                              .server_properties = buf_slice(&properties),
                                              .mechanisms = buf_slice(&mechanisms),
                                              .locales = SLICE_LITERAL("en_US")}},
        frame);
    buf_fini(&mechanisms);
    buf_fini(&properties);
}

void handshake_header(struct connection *connection,
                      const uint8_t header[FRAME_PROTOCOL_HEADER_BYTES])
{
    /* The second is what the specification of 0-9 itself had; old clients send it. */
    if (memcmp(header, FRAME_PROTOCOL_HEADER, FRAME_PROTOCOL_HEADER_BYTES) == 0 ||
        memcmp(header, "AMQP\x01\x01\x00\x09", FRAME_PROTOCOL_HEADER_BYTES) == 0) {
        connection->phase = CONNECTION_START;
        const struct worker *worker = connection->worker;
        output_copy(&connection->output,
                    buf_slice(transport_asks_certificate(&connection->transport)
                                  ? &worker->start_frame_external
                                  : &worker->start_frame));
    } else {
        struct slice got = slice_of(header, FRAME_PROTOCOL_HEADER_BYTES);
        const char *hint = memcmp(header, "\x16\x03", 2) == 0
                               ? "this is a TLS hello, on a port without TLS"
                           : memcmp(header, "AMQP", 4) == 0 ? "another version of AMQP"
                           : memcmp(header, "GET ", 4) == 0 ? "this is HTTP"
                                                            : "not AMQP";
        log_warning("protocol_header_refused", LOG_BYTES("header", got), LOG_STR("hint", hint));
        output_copy(&connection->output,
                    slice_of(FRAME_PROTOCOL_HEADER, FRAME_PROTOCOL_HEADER_BYTES));
        connection_linger(connection);
    }
    connection_touch(connection);
}

/* --- credentials ----------------------------------------------------------------------------- */

/* PLAIN (RFC 4616) with an empty authorisation identity: NUL user NUL password. */
static bool read_plain(struct slice response, struct command_login *login)
{
    if (response.size < 2 || response.data[0] != 0)
        return false;
    const uint8_t *user = response.data + 1;
    const uint8_t *nul = memchr(user, 0, response.size - 1);
    if (nul == NULL)
        return false;
    login->user = slice_of(user, (size_t)(nul - user));
    login->password = slice_of(nul + 1, (size_t)(response.data + response.size - nul - 1));
    return memchr(login->password.data, 0, login->password.size) == NULL;
}

/* AMQPLAIN: a field table without its length. */
static bool read_amqplain(struct slice response, struct command_login *login)
{
    struct table_value user, password;
    if (table_validate(response) != TABLE_OK ||
        !table_find(response, SLICE_LITERAL("LOGIN"), &user) ||
        !table_find(response, SLICE_LITERAL("PASSWORD"), &password) || user.type != TABLE_LONGSTR ||
        password.type != TABLE_LONGSTR)
        return false;
    login->user = user.bytes;
    login->password = password.bytes;
    return true;
}

/* EXTERNAL: the user that the client's certificate names. When it names none the engine refuses it
 * as it refuses any name that it does not know. */
static void read_certificate(struct connection *connection, uint8_t name[TLS_PEER_NAME_BYTES],
                             struct command_login *login)
{
    struct tls_name_rule rule = tls_settings_name_rule(connection->worker->settings);
    login->by_certificate = true;
    login->user = transport_peer_name(&connection->transport, rule, name);
    if (login->user.size > 0)
        return;
    struct tls_description description;
    bool has_one = transport_describe_tls(&connection->transport, &description) &&
                   description.has_peer_certificate;
    log_warning("certificate_names_nobody",
                LOG_STR("subject", has_one ? description.peer_subject : ""),
                LOG_STR("reason", has_one ? "no name found; see ssl_cert_login_from"
                                          : "the client sent no certificate"));
}

/* What TLS agreed on, with RabbitMQ's names, as a table without its length. */
static void put_tls(const struct connection *connection, struct buf *out)
{
    struct tls_description tls;
    if (!transport_describe_tls(&connection->transport, &tls))
        return;
    table_put_longstr(out, "ssl_protocol", slice_from_string(tls.protocol));
    table_put_longstr(out, "ssl_key_exchange", slice_from_string(tls.key_exchange));
    table_put_longstr(out, "ssl_cipher", slice_from_string(tls.cipher));
    table_put_longstr(out, "ssl_hash", slice_from_string(tls.hash));
    if (!tls.has_peer_certificate)
        return;
    table_put_longstr(out, "peer_cert_subject", slice_from_string(tls.peer_subject));
    table_put_longstr(out, "peer_cert_issuer", slice_from_string(tls.peer_issuer));
    table_put_longstr(out, "peer_cert_validity", slice_from_string(tls.peer_validity));
}

static void on_start_ok(struct connection *connection,
                        const struct method_connection_start_ok *start)
{
    struct command_login login = {.mechanism = start->mechanism,
                                  .client_properties = start->client_properties};
    struct reply_error error;
    uint8_t name[TLS_PEER_NAME_BYTES];
    unsigned mechanism = mechanism_of(start->mechanism);
    unsigned offered = offered_mechanisms(connection->worker->settings,
                                          transport_asks_certificate(&connection->transport), NULL);
    if ((mechanism & offered) == 0) {
        (void)reply_error(&error, REPLY_COMMAND_INVALID, "%s authentication mechanism '%.*s'",
                          mechanism == 0 ? "unknown" : "invalid", SLICE_ARGS(start->mechanism));
        connection_fail(connection, 0, &error, METHOD_CONNECTION_START_OK);
        return;
    }
    if (mechanism == MECHANISM_EXTERNAL) {
        read_certificate(connection, name, &login);
    } else if (!(mechanism == MECHANISM_PLAIN ? read_plain(start->response, &login)
                                              : read_amqplain(start->response, &login))) {
        (void)reply_error(&error, REPLY_SYNTAX_ERROR,
                          "malformed response for authentication mechanism %.*s",
                          SLICE_ARGS(start->mechanism));
        connection_fail(connection, 0, &error, METHOD_CONNECTION_START_OK);
        return;
    }
    connection->wants_auth_close = session_client_can(
        start->client_properties, SLICE_LITERAL("authentication_failure_close"));
    connection->wants_blocked = session_client_can(start->client_properties,
                                                   SLICE_LITERAL("connection.blocked"));
    connection->mechanism = (uint8_t)mechanism;
    connection->phase = CONNECTION_LOGIN;
    struct buf tls = {0};
    put_tls(connection, &tls);
    login.tls = buf_slice(&tls);
    connection_apply(connection, &(struct command){.kind = COMMAND_LOGIN, .login = login});
    buf_fini(&tls);
}

void handshake_refuse(struct connection *connection)
{
    struct reply_error error;
    (void)reply_error(&error, REPLY_ACCESS_REFUSED,
                      "Login was refused using authentication mechanism %s. For details see the "
                      "broker logfile.",
                      mechanism_names[connection->mechanism]);
    if (connection->wants_auth_close)
        connection_fail(connection, 0, &error, METHOD_NONE);
    else
        connection_linger(connection);
}

void handshake_login(struct connection *connection, bool accepted, uint32_t late_ms)
{
    const struct settings *settings = connection->worker->settings;
    if (!accepted && late_ms > 0) {
        connection->refused_at_ms = loop_now_ms(&connection->worker->loop) + late_ms;
        return; /* it stays as it is, unread: connection_on_timer */
    }
    if (!accepted) {
        handshake_refuse(connection);
        return;
    }
    connection->phase = CONNECTION_TUNE;
    connection_send(connection, 0,
                    &(struct method){.id = METHOD_CONNECTION_TUNE,
                                     .connection_tune = {.channel_max = settings->channel_max,
                                                         .frame_max = settings->frame_max,
                                                         .heartbeat = settings->heartbeat_s}});
}

/* --- tuning (section 1.4.2.6) ---------------------------------------------------------------- */

/* What the client chose must lie between LOWEST and what we offered; 0, or -1 after having
 * failed. */
static int check_tuned(struct connection *connection, const char *name, uint32_t chosen,
                       uint32_t lowest, uint32_t offered)
{
    struct reply_error error;
    if (chosen >= lowest && chosen <= offered)
        return 0;
    bool low = chosen < lowest && chosen != 0; /* 0 asks for no limit */
    (void)reply_error(&error, REPLY_NOT_ALLOWED,
                      "negotiated %s = %u%s is %s than the %s allowed value (%u)", name, chosen,
                      chosen == 0 ? " (no limit)" : "", low ? "lower" : "higher",
                      low ? "minimum" : "maximum", low ? lowest : offered);
    connection_fail(connection, 0, &error, METHOD_CONNECTION_TUNE_OK);
    return -1;
}

/* The engine hears of it, too: it tells in events what was agreed on. */
static void on_tune_ok(struct connection *connection, const struct method *method)
{
    const struct settings *settings = connection->worker->settings;
    const struct method_connection_tune_ok *tune = &method->connection_tune_ok;
    if (check_tuned(connection, "frame_max", tune->frame_max, FRAME_MIN_MAX, settings->frame_max) <
            0 ||
        check_tuned(connection, "channel_max", tune->channel_max, 1, settings->channel_max) < 0)
        return;
    connection->channel_max = tune->channel_max;
    connection->frame_max = tune->frame_max;
    connection->heartbeat_s = tune->heartbeat;
    connection->phase = CONNECTION_OPEN;
    connection_apply(connection, &(struct command){.kind = COMMAND_METHOD, .method = method});
}

void handshake_method(struct connection *connection, const struct method *method)
{
    if (method->id == METHOD_CONNECTION_START_OK) {
        on_start_ok(connection, &method->connection_start_ok);
    } else if (method->id == METHOD_CONNECTION_TUNE_OK) {
        on_tune_ok(connection, method);
    } else {
        CHECK(method->id == METHOD_CONNECTION_OPEN);
        connection->phase = CONNECTION_RUNNING; /* or closing, should the engine refuse */
        connection_apply(connection, &(struct command){.kind = COMMAND_METHOD, .method = method});
    }
}
