/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "methods.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_MAX = 256, NAME_SIZE = 256 };

static struct client *clients; /* all that are open in this test */
enum name_kind { NAME_OTHER, NAME_QUEUE, NAME_EXCHANGE };
static struct {
    char text[NAME_SIZE];
    enum name_kind kind;
} names[NAMES_MAX];
static size_t names_count;

/* ---- names -------------------------------------------------------------------------------------
 */

static const char *new_name(const char *prefix, enum name_kind kind)
{
    static unsigned long run;
    static unsigned serial;

    if (run == 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        run = (unsigned long)now.tv_nsec ^ ((unsigned long)getpid() << 32);
    }
    assert_true(names_count < NAMES_MAX);
    snprintf(names[names_count].text, NAME_SIZE, "%s.%lx.%u", prefix, run, ++serial);
    names[names_count].kind = kind;
    return names[names_count++].text;
}

const char *queue_name(void)
{
    return new_name("test-queue", NAME_QUEUE);
}

const char *exchange_name(void)
{
    return new_name("test-exchange", NAME_EXCHANGE);
}

const char *unique_name(const char *prefix)
{
    return new_name(prefix, NAME_OTHER);
}

/* ---- frames in ----------------------------------------------------------------------------------
 */

int64_t client_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void inbox_put(struct inbox *inbox, const amqp_frame_t *frame)
{
    inbox->frames = realloc(inbox->frames, (inbox->count + 1) * sizeof *inbox->frames);
    assert_non_null(inbox->frames);
    inbox->frames[inbox->count++] = *frame;
}

static void inbox_remove(struct inbox *inbox, size_t at, size_t count)
{
    inbox->count -= count;
    memmove(&inbox->frames[at], &inbox->frames[at + count],
            (inbox->count - at) * sizeof *inbox->frames);
}

/* The place of the first method `id` (any method when 0), or inbox->count. */
static size_t inbox_find(const struct inbox *inbox, amqp_method_number_t id)
{
    size_t at;
    for (at = 0; at < inbox->count; at++) {
        const amqp_frame_t *frame = &inbox->frames[at];
        if (frame->frame_type == AMQP_FRAME_METHOD && (id == 0 || frame->payload.method.id == id))
            break;
    }
    return at;
}

/* Reads one frame into its channel's inbox. Returns the library's status. */
static int read_frame(struct client *client, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - client_now_ms();
    amqp_frame_t frame;
    int status;

    if (left_ms < 0)
        left_ms = 0;
    struct timeval limit = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
    status = amqp_simple_wait_frame_noblock(client->state, &frame, &limit);
    if (status != AMQP_STATUS_OK)
        return status;
    if (frame.channel >= CLIENT_CHANNELS_MAX || client->channels[frame.channel] == NULL)
        fail_msg("a frame came for channel %d, which nobody uses", frame.channel);
    inbox_put(&client->channels[frame.channel]->inbox, &frame);
    return AMQP_STATUS_OK;
}

/* Fails the test when the broker has closed the channel or the connection. */
static void check_no_close(const struct channel *ch, const char *wanted)
{
    const struct inbox *inbox = &ch->inbox;
    size_t at = inbox_find(inbox, AMQP_CHANNEL_CLOSE_METHOD);
    if (at < inbox->count) {
        const amqp_channel_close_t *m = inbox->frames[at].payload.method.decoded;
        fail_msg("waiting for %s: channel closed: %d %.*s", wanted, m->reply_code,
                 (int)m->reply_text.len, (char *)m->reply_text.bytes);
    }
    inbox = &ch->client->channels[0]->inbox;
    at = inbox_find(inbox, AMQP_CONNECTION_CLOSE_METHOD);
    if (at < inbox->count) {
        const amqp_connection_close_t *m = inbox->frames[at].payload.method.decoded;
        fail_msg("waiting for %s: connection closed: %d %.*s", wanted, m->reply_code,
                 (int)m->reply_text.len, (char *)m->reply_text.bytes);
    }
}

/* Reads until the inbox holds method `one` or `other` (any method when 0); returns its place. */
static size_t wait_for(struct channel *ch, amqp_method_number_t one, amqp_method_number_t other)
{
    const char *wanted = one == 0 ? "any method" : amqp_method_name(one);
    int64_t deadline_ms = client_now_ms() + CLIENT_WAIT_MS;

    for (;;) {
        size_t at = inbox_find(&ch->inbox, one);
        if (at == ch->inbox.count && other != one)
            at = inbox_find(&ch->inbox, other);
        if (at < ch->inbox.count)
            return at;
        /* The wrong close is as bad as any. */
        if (one != AMQP_CONNECTION_CLOSE_METHOD)
            check_no_close(one == AMQP_CHANNEL_CLOSE_METHOD ? ch->client->channels[0] : ch, wanted);
        int status = read_frame(ch->client, deadline_ms);
        if (status != AMQP_STATUS_OK)
            fail_msg("waiting for %s on channel %d: %s", wanted, ch->id,
                     amqp_error_string2(status));
    }
}

void *client_await(struct channel *ch, amqp_method_number_t id)
{
    size_t at = wait_for(ch, id, id);
    void *decoded = ch->inbox.frames[at].payload.method.decoded;
    assert_false(amqp_method_has_content(id));
    inbox_remove(&ch->inbox, at, 1);
    return decoded;
}

amqp_method_number_t client_peek(struct channel *ch)
{
    size_t at = wait_for(ch, 0, 0); /* may move the frames */

    return ch->inbox.frames[at].payload.method.id;
}

amqp_method_number_t client_await_either(struct channel *ch, amqp_method_number_t one,
                                         amqp_method_number_t other)
{
    size_t at = wait_for(ch, one, other); /* may move the frames */

    return ch->inbox.frames[at].payload.method.id;
}

static void *keep(struct client *client, size_t size)
{
    void *bytes = malloc(size + 1);

    assert_non_null(bytes);
    client->bodies = realloc(client->bodies, (client->bodies_count + 1) * sizeof *client->bodies);
    assert_non_null(client->bodies);
    return client->bodies[client->bodies_count++] = bytes;
}

void *client_await_content(struct channel *ch, amqp_method_number_t id,
                           const amqp_basic_properties_t **properties, amqp_bytes_t *body)
{
    int64_t deadline_ms = client_now_ms() + CLIENT_WAIT_MS;
    size_t at = wait_for(ch, id, id), used = 2;

    while (ch->inbox.count < at + used)
        assert_int_equal(read_frame(ch->client, deadline_ms), AMQP_STATUS_OK);
    const amqp_frame_t *header = &ch->inbox.frames[at + 1];
    assert_int_equal(header->frame_type, AMQP_FRAME_HEADER);
    *properties = header->payload.properties.decoded;
    size_t size = (size_t)header->payload.properties.body_size;
    char *bytes = keep(ch->client, size);
    for (size_t filled = 0; filled < size; used++) {
        while (ch->inbox.count < at + used + 1)
            assert_int_equal(read_frame(ch->client, deadline_ms), AMQP_STATUS_OK);
        const amqp_frame_t *part = &ch->inbox.frames[at + used];
        assert_int_equal(part->frame_type, AMQP_FRAME_BODY);
        assert_in_range(part->payload.body_fragment.len, 1, size - filled);
        memcpy(bytes + filled, part->payload.body_fragment.bytes, part->payload.body_fragment.len);
        filled += part->payload.body_fragment.len;
    }
    *body = (amqp_bytes_t){size, bytes};
    void *decoded = ch->inbox.frames[at].payload.method.decoded;
    inbox_remove(&ch->inbox, at, used);
    return decoded;
}

void client_forget(struct channel *ch)
{
    ch->inbox.count = 0;
}

void client_await_drop(struct client *client, int64_t limit_ms)
{
    int64_t deadline_ms = client_now_ms() + limit_ms;
    int status;

    do {
        status = read_frame(client, deadline_ms);
    } while (status == AMQP_STATUS_OK);
    if (status == AMQP_STATUS_TIMEOUT)
        fail_msg("the broker did not drop the connection");
    client->closed = true;
}

size_t client_pending(const struct channel *ch, amqp_method_number_t id)
{
    size_t found = 0;
    for (size_t at = 0; at < ch->inbox.count; at++) {
        const amqp_frame_t *frame = &ch->inbox.frames[at];
        if (frame->frame_type == AMQP_FRAME_METHOD && frame->payload.method.id == id)
            found++;
    }
    return found;
}

/* ---- connections and channels
 * -------------------------------------------------------------------- */

bool against_rabbitmq(void)
{
    const char *against = getenv("AMQP_AGAINST");
    return against != NULL && strcmp(against, "rabbitmq") == 0;
}

/* With TLS when AMQP_CA names a file of certificates that the broker's is to be judged by. */
static amqp_socket_t *new_socket(amqp_connection_state_t state)
{
    const char *ca = getenv("AMQP_CA");
    amqp_socket_t *socket = ca != NULL ? amqp_ssl_socket_new(state) : amqp_tcp_socket_new(state);

    assert_non_null(socket);
    if (ca == NULL)
        return socket;
    assert_int_equal(amqp_ssl_socket_set_cacert(socket, ca), AMQP_STATUS_OK);
    amqp_ssl_socket_set_verify_peer(socket, 1);
    /* It compares host names only, and the broker's address is 127.0.0.1. */
    amqp_ssl_socket_set_verify_hostname(socket, 0);
    return socket;
}

struct client *client_connect(void)
{
    const char *host = getenv("AMQP_HOST"), *port = getenv("AMQP_PORT");
    struct timeval limit = {.tv_sec = CLIENT_WAIT_MS / 1000};
    struct client *client = calloc(1, sizeof *client);

    assert_non_null(client);
    if (port == NULL)
        fail_msg("AMQP_PORT is not set: run this program through test/with-broker");
    client->next = clients;
    clients = client;
    client->state = amqp_new_connection();
    assert_non_null(client->state);
    amqp_set_handshake_timeout(client->state, &limit);
    amqp_set_rpc_timeout(client->state, &limit);
    amqp_socket_t *socket = new_socket(client->state);
    int status = amqp_socket_open_noblock(socket, host ? host : "127.0.0.1", atoi(port), &limit);
    if (status != AMQP_STATUS_OK)
        fail_msg("cannot connect to port %s: %s", port, amqp_error_string2(status));
    channel_raw(client, 0);
    return client;
}

struct client *client_open_with(const amqp_table_t *client_properties)
{
    struct client *client = client_connect();
    amqp_rpc_reply_t reply = amqp_login_with_properties(
        client->state, "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, client_properties,
        AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
    return client;
}

struct client *client_open(void)
{
    return client_open_with(&amqp_empty_table);
}

static void client_free(struct client *client)
{
    struct client **link = &clients;

    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    for (size_t i = 0; i < CLIENT_CHANNELS_MAX; i++) {
        if (client->channels[i] != NULL)
            free(client->channels[i]->inbox.frames);
        free(client->channels[i]);
    }
    for (size_t i = 0; i < client->bodies_count; i++)
        free(client->bodies[i]);
    free(client->bodies);
    amqp_destroy_connection(client->state);
    free(client);
}

void client_close(struct client *client)
{
    struct channel *connection = client->channels[0];

    send_method(connection, CONNECTION_CLOSE, connection_close, .reply_code = AMQP_REPLY_SUCCESS,
                .reply_text = str("done"));
    answer(connection, CONNECTION_CLOSE_OK, connection_close_ok);
    client_free(client);
}

void client_vanish(struct client *client)
{
    client_free(client);
}

struct channel *channel_raw(struct client *client, uint16_t id)
{
    struct channel *ch = calloc(1, sizeof *ch);

    assert_non_null(ch);
    assert_true(id < CLIENT_CHANNELS_MAX);
    assert_null(client->channels[id]);
    ch->client = client;
    ch->id = id;
    client->channels[id] = ch;
    if (id > client->channels_used)
        client->channels_used = id;
    return ch;
}

struct channel *channel_open(struct client *client)
{
    struct channel *ch = channel_raw(client, (uint16_t)(client->channels_used + 1));
    send_method(ch, CHANNEL_OPEN, channel_open, .out_of_band = amqp_empty_bytes);
    answer(ch, CHANNEL_OPEN_OK, channel_open_ok);
    return ch;
}

void channel_close(struct channel *ch)
{
    send_method(ch, CHANNEL_CLOSE, channel_close, .reply_code = AMQP_REPLY_SUCCESS,
                .reply_text = str("done"));
    answer(ch, CHANNEL_CLOSE_OK, channel_close_ok);
    client_forget(ch);
}

void client_send(struct channel *ch, amqp_method_number_t id, void *method)
{
    int status = amqp_send_method(ch->client->state, ch->id, id, method);
    if (status != AMQP_STATUS_OK)
        fail_msg("sending %s: %s", amqp_method_name(id), amqp_error_string2(status));
    ch->last_sent = id;
}

int client_setup(void **state)
{
    *state = channel_open(client_open());
    return 0;
}

/* As client_close(), but a connection that a failed test left in disorder is no second failure. */
static void abandon(struct client *client)
{
    struct channel *connection = client->channels[0];
    int64_t deadline_ms = client_now_ms() + CLIENT_WAIT_MS;
    amqp_connection_close_t close = {.reply_code = AMQP_REPLY_SUCCESS};

    if (connection == NULL || client->closed ||
        amqp_send_method(client->state, 0, AMQP_CONNECTION_CLOSE_METHOD, &close) != AMQP_STATUS_OK)
        goto out;
    while (client_pending(connection, AMQP_CONNECTION_CLOSE_OK_METHOD) == 0 &&
           client_pending(connection, AMQP_CONNECTION_CLOSE_METHOD) == 0) {
        if (read_frame(client, deadline_ms) != AMQP_STATUS_OK)
            break;
    }
out:
    client_free(client);
}

int client_teardown(void **state)
{
    (void)state;
    /* First all connections, so that exclusive queues are gone and consumers too. */
    while (clients != NULL)
        abandon(clients);
    struct channel *ch = names_count > 0 ? channel_open(client_open()) : NULL;
    for (size_t i = 0; i < names_count; i++) {
        if (names[i].kind == NAME_QUEUE)
            queue_delete(ch, .queue = str(names[i].text));
        else if (names[i].kind == NAME_EXCHANGE)
            exchange_delete(ch, .exchange = str(names[i].text));
    }
    if (ch != NULL)
        client_close(ch->client);
    names_count = 0;
    return 0;
}

/* ---- values
 * ---------------------------------------------------------------------------------------- */

amqp_bytes_t str(const char *text)
{
    return amqp_cstring_bytes(text);
}

void assert_bytes(amqp_bytes_t actual, const char *expected)
{
    if (actual.len != strlen(expected) || memcmp(actual.bytes, expected, actual.len) != 0)
        fail_msg("got '%.*s', expected '%s'", (int)actual.len, (char *)actual.bytes, expected);
}

amqp_table_entry_t table_string(const char *key, const char *value)
{
    return (amqp_table_entry_t){.key = str(key),
                                .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = str(value)}};
}

amqp_table_entry_t table_int(const char *key, int32_t value)
{
    return (amqp_table_entry_t){.key = str(key),
                                .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = value}};
}

amqp_table_entry_t table_bool(const char *key, bool value)
{
    return (amqp_table_entry_t){.key = str(key),
                                .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = value}};
}

amqp_table_entry_t table_void(const char *key)
{
    return (amqp_table_entry_t){.key = str(key), .value = {.kind = AMQP_FIELD_KIND_VOID}};
}
