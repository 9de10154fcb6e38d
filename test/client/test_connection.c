/* SPDX-License-Identifier: Apache-2.0 */
/* connection.*: the handshake as a client library does it, and what it may get wrong. */
#include "expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

static const amqp_table_entry_t *table_find(const amqp_table_t *table, const char *key)
{
    for (int i = 0; i < table->num_entries; i++) {
        const amqp_table_entry_t *entry = &table->entries[i];
        if (entry->key.len == strlen(key) && memcmp(entry->key.bytes, key, entry->key.len) == 0)
            return entry;
    }
    fail_msg("the table has no key %s", key);
    return NULL;
}

static void assert_table_string(const amqp_table_t *table, const char *key, const char *expected)
{
    const amqp_table_entry_t *entry = table_find(table, key);
    assert_int_equal(entry->value.kind, AMQP_FIELD_KIND_UTF8);
    assert_bytes(entry->value.value.bytes, expected);
}

/* Sends the protocol header and returns the connection's channel, which waits for start-ok. */
static struct channel *begin_handshake(amqp_connection_start_t **start)
{
    struct client *client = client_connect();
    assert_int_equal(amqp_send_header(client->state), AMQP_STATUS_OK);
    *start = answer(client->channels[0], CONNECTION_START, connection_start);
    return client->channels[0];
}

static void send_start_ok(struct channel *connection, const amqp_table_t *client_properties,
                          const char *mechanism, amqp_bytes_t response)
{
    send_method(connection, CONNECTION_START_OK, connection_start_ok,
                .client_properties = *client_properties, .mechanism = str(mechanism),
                .response = response, .locale = str("en_US"));
}

static const amqp_bytes_t plain_guest = {12, "\0guest\0guest"};

/* A handshake up to the tune method. */
static struct channel *handshake_to_tune(amqp_connection_tune_t **tune)
{
    amqp_connection_start_t *start;
    struct channel *connection = begin_handshake(&start);
    send_start_ok(connection, &amqp_empty_table, "PLAIN", plain_guest);
    *tune = answer(connection, CONNECTION_TUNE, connection_tune);
    return connection;
}

static void send_tune_ok(struct channel *connection, uint16_t channel_max, uint32_t frame_max)
{
    send_method(connection, CONNECTION_TUNE_OK, connection_tune_ok, .channel_max = channel_max,
                .frame_max = frame_max, .heartbeat = 0);
}

static void send_open(struct channel *connection, const char *vhost)
{
    send_method(connection, CONNECTION_OPEN, connection_open, .virtual_host = str(vhost),
                .capabilities = amqp_empty_bytes);
}

static void connection_is_usable(struct channel *connection)
{
    struct channel *ch = channel_open(connection->client);
    queue_declare(ch, .queue = str(queue_name()));
}

/* RabbitMQ drops who errs before connection.open after some seconds, without a word, and logs why;
 * StoatMQ may say the same to the client first. */
static void expect_handshake_refused(struct channel *connection, int code, const char *text)
{
    struct timeval limit = {.tv_sec = CLIENT_WAIT_MS / 1000};
    amqp_frame_t frame;
    int status = amqp_simple_wait_frame_noblock(connection->client->state, &frame, &limit);

    if (status == AMQP_STATUS_OK) {
        assert_false(against_rabbitmq());
        assert_int_equal(frame.frame_type, AMQP_FRAME_METHOD);
        assert_int_equal(frame.payload.method.id, AMQP_CONNECTION_CLOSE_METHOD);
        const amqp_connection_close_t *m = frame.payload.method.decoded;
        assert_int_equal(m->reply_code, code);
        assert_bytes(m->reply_text, text);
        assert_int_equal((amqp_method_number_t)m->class_id << 16 | m->method_id,
                         connection->last_sent);
        send_method(connection, CONNECTION_CLOSE_OK, connection_close_ok, 0);
        client_await_drop(connection->client, CLIENT_WAIT_MS);
    }
    assert_int_not_equal(status, AMQP_STATUS_TIMEOUT);
    connection->client->closed = true;
}

static void start_offers_version_0_9_and_both_mechanisms(void **state)
{
    (void)state;
    amqp_connection_start_t *start;
    struct channel *connection = begin_handshake(&start);
    char mechanisms[64];

    assert_int_equal(start->version_major, 0);
    assert_int_equal(start->version_minor, 9);
    assert_bytes(start->locales, "en_US");
    assert_in_range(start->mechanisms.len, 1, sizeof mechanisms - 1);
    snprintf(mechanisms, sizeof mechanisms, "%.*s", (int)start->mechanisms.len,
             (char *)start->mechanisms.bytes);
    assert_true(strcmp(mechanisms, "PLAIN AMQPLAIN") == 0 ||
                strcmp(mechanisms, "AMQPLAIN PLAIN") == 0);
    client_vanish(connection->client);
}

static void server_properties_name_product_and_compatible_version(void **state)
{
    struct channel *ch = *state;
    const amqp_table_t *properties = amqp_get_server_properties(ch->client->state);

    if (against_rabbitmq()) {
        assert_table_string(properties, "product", "RabbitMQ");
    } else {
        assert_table_string(properties, "product", "StoatMQ");
        assert_table_string(properties, "version", "3.13.7");
        assert_true(table_find(properties, "stoatmq_version")->value.value.bytes.len > 0);
    }
    static const char *const texts[] = {"cluster_name", "copyright", "information", "platform"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(table_find(properties, texts[i])->value.kind, AMQP_FIELD_KIND_UTF8);
}

static void server_capabilities_are_the_nine_of_rabbitmq_all_true(void **state)
{
    struct channel *ch = *state;
    static const char *const expected[] = {
        "publisher_confirms",           "exchange_exchange_bindings", "basic.nack",
        "consumer_cancel_notify",       "connection.blocked",         "consumer_priorities",
        "authentication_failure_close", "per_consumer_qos",           "direct_reply_to",
    };
    const amqp_table_entry_t *entry = table_find(amqp_get_server_properties(ch->client->state),
                                                 "capabilities");

    assert_int_equal(entry->value.kind, AMQP_FIELD_KIND_TABLE);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const amqp_table_entry_t *capability = table_find(&entry->value.value.table, expected[i]);
        assert_int_equal(capability->value.kind, AMQP_FIELD_KIND_BOOLEAN);
        assert_true(capability->value.value.boolean);
    }
    assert_int_equal(entry->value.value.table.num_entries, 9);
}

static void tune_offers_rabbitmq_limits(void **state)
{
    (void)state;
    amqp_connection_tune_t *tune;
    struct channel *connection = handshake_to_tune(&tune);

    assert_int_equal(tune->channel_max, 2047);
    assert_int_equal(tune->frame_max, 131072);
    assert_int_equal(tune->heartbeat, 60);
    client_vanish(connection->client);
}

static void client_may_lower_channel_max_and_frame_max(void **state)
{
    (void)state;
    amqp_connection_tune_t *tune;
    struct channel *connection = handshake_to_tune(&tune);

    send_tune_ok(connection, 10, 4096);
    send_open(connection, "/");
    answer(connection, CONNECTION_OPEN_OK, connection_open_ok);
    connection_is_usable(connection);
}

static void amqplain_login_succeeds(void **state)
{
    (void)state;
    amqp_connection_start_t *start;
    struct channel *connection = begin_handshake(&start);
    char response[64];
    /* A field table without its length. */
    size_t length = (size_t)snprintf(response, sizeof response,
                                     "\x05LOGINS%c%c%c\x05guest\x08PASSWORDS"
                                     "%c%c%c\x05guest",
                                     0, 0, 0, 0, 0, 0);

    send_start_ok(connection, &amqp_empty_table, "AMQPLAIN", (amqp_bytes_t){length, response});
    answer(connection, CONNECTION_TUNE, connection_tune);
    send_tune_ok(connection, 2047, 131072);
    send_open(connection, "/");
    answer(connection, CONNECTION_OPEN_OK, connection_open_ok);
    connection_is_usable(connection);
}

static void client_properties_of_every_kind_are_accepted(void **state)
{
    (void)state;
    amqp_table_entry_t nested = {
        .key = str("nested"),
        .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = TABLE(table_bool("deep", true))}};
    amqp_table_t properties = TABLE(table_string("connection_name", "a name"),
                                    table_string("product", "test"), table_int("number", 7),
                                    nested);
    connection_is_usable(client_open_with(&properties)->channels[0]);
}

static void wrong_password_is_refused_403_when_the_client_can_read_it(void **state)
{
    (void)state;
    amqp_connection_start_t *start;
    struct channel *connection = begin_handshake(&start);
    amqp_table_entry_t capabilities = {
        .key = str("capabilities"),
        .value = {.kind = AMQP_FIELD_KIND_TABLE,
                  .value.table = TABLE(table_bool("authentication_failure_close", true))}};
    amqp_table_t properties = TABLE(capabilities);

    send_start_ok(connection, &properties, "PLAIN", (amqp_bytes_t){12, "\0guest\0wrong"});
    connection->last_sent = 0; /* the refusal names no method */
    expect_connection_close(
        connection, AMQP_ACCESS_REFUSED,
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. "
        "For details see the broker logfile.");
}

static void wrong_password_drops_a_client_without_the_capability(void **state)
{
    (void)state;
    amqp_connection_start_t *start;
    struct channel *connection = begin_handshake(&start);

    send_start_ok(connection, &amqp_empty_table, "PLAIN", (amqp_bytes_t){12, "\0guest\0wrong"});
    client_await_drop(connection->client, CLIENT_WAIT_MS);
    assert_int_equal(client_pending(connection, AMQP_CONNECTION_CLOSE_METHOD), 0);
}

static void unknown_mechanism_closes_connection_503(void **state)
{
    (void)state;
    amqp_connection_start_t *start;
    struct channel *connection = begin_handshake(&start);

    send_start_ok(connection, &amqp_empty_table, "CRAM-STOAT", plain_guest);
    expect_handshake_refused(connection, AMQP_COMMAND_INVALID,
                             "COMMAND_INVALID - unknown authentication mechanism 'CRAM-STOAT'");
}

static void open_of_missing_vhost_closes_connection_530(void **state)
{
    (void)state;
    amqp_connection_tune_t *tune;
    struct channel *connection = handshake_to_tune(&tune);
    const char *vhost = unique_name("vhost");

    send_tune_ok(connection, 2047, 131072);
    send_open(connection, vhost);
    expect_connection_close(connection, AMQP_NOT_ALLOWED, "NOT_ALLOWED - vhost %s not found",
                            vhost);
}

static void tune_ok_with_higher_channel_max_closes_connection_530(void **state)
{
    (void)state;
    amqp_connection_tune_t *tune;
    struct channel *connection = handshake_to_tune(&tune);

    send_tune_ok(connection, 2048, 131072);
    expect_handshake_refused(
        connection, AMQP_NOT_ALLOWED,
        "NOT_ALLOWED - negotiated channel_max = 2048 is higher than the maximum "
        "allowed value (2047)");
}

static void tune_ok_with_unlimited_channels_closes_connection_530(void **state)
{
    (void)state;
    amqp_connection_tune_t *tune;
    struct channel *connection = handshake_to_tune(&tune);

    send_tune_ok(connection, 0, 131072);
    expect_handshake_refused(connection, AMQP_NOT_ALLOWED,
                             "NOT_ALLOWED - negotiated channel_max = 0 (no limit) is higher than "
                             "the maximum allowed value "
                             "(2047)");
}

static void tune_ok_with_higher_frame_max_closes_connection_530(void **state)
{
    (void)state;
    amqp_connection_tune_t *tune;
    struct channel *connection = handshake_to_tune(&tune);

    send_tune_ok(connection, 2047, 131073);
    expect_handshake_refused(
        connection, AMQP_NOT_ALLOWED,
        "NOT_ALLOWED - negotiated frame_max = 131073 is higher than the maximum "
        "allowed value (131072)");
}

static void tune_ok_with_frame_max_below_4096_closes_connection_530(void **state)
{
    (void)state;
    amqp_connection_tune_t *tune;
    struct channel *connection = handshake_to_tune(&tune);

    send_tune_ok(connection, 2047, 4095);
    expect_handshake_refused(connection, AMQP_NOT_ALLOWED,
                             "NOT_ALLOWED - negotiated frame_max = 4095 is lower than the minimum "
                             "allowed value (4096)");
}

static void second_open_closes_connection_503(void **state)
{
    struct channel *ch = *state;
    struct channel *connection = ch->client->channels[0];

    send_open(connection, "/");
    expect_connection_close(connection, AMQP_CHANNEL_ERROR,
                            "CHANNEL_ERROR - unexpected method in connection state running");
}

static void method_on_never_opened_channel_closes_connection_504(void **state)
{
    struct channel *ch = *state;
    struct channel *raw = channel_raw(ch->client, 9);

    send_queue_declare(raw, .queue = str(queue_name()));
    expect_connection_close(raw, AMQP_CHANNEL_ERROR, "CHANNEL_ERROR - expected 'channel.open'");
}

static void channel_method_on_channel_0_closes_connection_503(void **state)
{
    struct channel *ch = *state;
    struct channel *connection = ch->client->channels[0];

    send_queue_declare(connection, .queue = str(queue_name()));
    expect_connection_close(connection, AMQP_CHANNEL_ERROR,
                            "CHANNEL_ERROR - unexpected method in connection state running");
}

static void connection_method_on_channel_1_closes_connection_503(void **state)
{
    struct channel *ch = *state;

    send_method(ch, CONNECTION_TUNE_OK, connection_tune_ok, .channel_max = 1, .frame_max = 4096);
    expect_connection_close(ch, AMQP_COMMAND_INVALID, "COMMAND_INVALID - unimplemented method");
}

static void close_is_answered(void **state)
{
    struct channel *ch = *state;
    struct channel *connection = ch->client->channels[0];

    send_method(connection, CONNECTION_CLOSE, connection_close, .reply_code = AMQP_REPLY_SUCCESS,
                .reply_text = str("bye"));
    answer(connection, CONNECTION_CLOSE_OK, connection_close_ok);
    ch->client->closed = true;
}

static void frames_after_connection_close_are_ignored(void **state)
{
    struct channel *ch = *state;
    struct channel *connection = ch->client->channels[0];
    struct channel *other = channel_open(client_open());
    const char *queue = queue_name();

    send_method(connection, CONNECTION_CLOSE, connection_close, .reply_code = AMQP_REPLY_SUCCESS,
                .reply_text = str("bye"));
    /* The broker may have dropped the socket by now, so the send may fail: both are right. */
    amqp_queue_declare_t declare = {.queue = str(queue)};
    amqp_send_method(ch->client->state, ch->id, AMQP_QUEUE_DECLARE_METHOD, &declare);
    answer(connection, CONNECTION_CLOSE_OK, connection_close_ok);
    ch->client->closed = true;
    send_queue_declare(other, .queue = str(queue), .passive = 1);
    expect_channel_close(other, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", queue);
}

static void error_on_one_connection_leaves_others_alone(void **state)
{
    struct channel *ch = *state;
    struct channel *other = channel_open(client_open());

    send_flow(other, false);
    expect_connection_close(other, AMQP_NOT_IMPLEMENTED, "NOT_IMPLEMENTED - active=false");
    queue_declare(ch, .queue = str(queue_name()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(start_offers_version_0_9_and_both_mechanisms),
        behaviour(server_properties_name_product_and_compatible_version),
        behaviour(server_capabilities_are_the_nine_of_rabbitmq_all_true),
        behaviour(tune_offers_rabbitmq_limits),
        behaviour(client_may_lower_channel_max_and_frame_max),
        behaviour(amqplain_login_succeeds),
        behaviour(client_properties_of_every_kind_are_accepted),
        behaviour(wrong_password_is_refused_403_when_the_client_can_read_it),
        behaviour(wrong_password_drops_a_client_without_the_capability),
        behaviour(unknown_mechanism_closes_connection_503),
        behaviour(open_of_missing_vhost_closes_connection_530),
        behaviour(tune_ok_with_higher_channel_max_closes_connection_530),
        behaviour(tune_ok_with_unlimited_channels_closes_connection_530),
        behaviour(tune_ok_with_higher_frame_max_closes_connection_530),
        behaviour(tune_ok_with_frame_max_below_4096_closes_connection_530),
        behaviour(second_open_closes_connection_503),
        behaviour(method_on_never_opened_channel_closes_connection_504),
        behaviour(channel_method_on_channel_0_closes_connection_503),
        behaviour(connection_method_on_channel_1_closes_connection_503),
        behaviour(close_is_answered),
        behaviour(frames_after_connection_close_are_ignored),
        behaviour(error_on_one_connection_leaves_others_alone),
    };
    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
