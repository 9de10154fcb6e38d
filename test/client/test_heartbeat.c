/* SPDX-License-Identifier: Apache-2.0 */
/* What time does to a connection: heartbeats both ways, and the limit for the handshake. */
#include "expect.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

static struct channel *open_with_heartbeat(int seconds)
{
    struct client *client = client_connect();
    amqp_rpc_reply_t reply = amqp_login(client->state, "/", 0, AMQP_DEFAULT_FRAME_SIZE, seconds,
                                        AMQP_SASL_METHOD_PLAIN, "guest", "guest");

    assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
    assert_int_equal(amqp_get_heartbeat(client->state), seconds);
    return channel_open(client);
}

/* Reads behind the library's back, so that nothing is sent: the next byte, or -1 when the broker
 * has dropped us. */
static int next_byte(struct client *client)
{
    int fd = amqp_get_sockfd(client->state);
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    unsigned char byte;

    assert_int_equal(poll(&readable, 1, CLIENT_WAIT_MS), 1);
    ssize_t got = recv(fd, &byte, 1, 0);
    if (got < 0)
        assert_int_equal(errno, ECONNRESET);
    return got == 1 ? byte : -1;
}

static void broker_sends_heartbeats_and_drops_a_silent_client(void **state)
{
    (void)state;
    static const int heartbeat[] = {AMQP_FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, AMQP_FRAME_END};
    struct channel *ch = open_with_heartbeat(1);
    int64_t begin_ms = client_now_ms();
    size_t bytes = 0;
    int byte;

    for (; (byte = next_byte(ch->client)) >= 0; bytes++)
        assert_int_equal(byte, heartbeat[bytes % 8]);
    ch->client->closed = true;
    assert_true(bytes >= 8);
    assert_int_equal(bytes % 8, 0);
    /* Two beats missed, and no sooner. */
    assert_in_range(client_now_ms() - begin_ms, 1500, 8000);
}

static void client_that_sends_heartbeats_stays(void **state)
{
    (void)state;
    struct channel *ch = open_with_heartbeat(1);
    struct timeval limit = {.tv_sec = 5};
    amqp_frame_t frame;

    /* The library sends its own meanwhile, and fails when it misses the broker's. */
    assert_int_equal(amqp_simple_wait_frame_noblock(ch->client->state, &frame, &limit),
                     AMQP_STATUS_TIMEOUT);
    queue_declare(ch, .queue = str(queue_name()));
}

static void vanished_silent_client_gives_its_messages_back(void **state)
{
    struct channel *ch = *state, *silent = open_with_heartbeat(1);
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue));
    consume(silent, .queue = str(queue));
    publish(ch, "", queue, "x");
    expect_delivery(silent, "x");
    consume(ch, .queue = str(queue));
    assert_true(expect_delivery(ch, "x").redelivered); /* the socket is still open on our side */
    silent->client->closed = true;
}

static void stalled_handshakes_are_dropped(void **state)
{
    (void)state;
    enum { LIMIT_MS = 10000, GRACE_MS = 10000 };
    int64_t begin_ms = client_now_ms();
    struct client *mute = client_connect(), *half_way = client_connect();

    assert_int_equal(amqp_send_header(half_way->state), AMQP_STATUS_OK);
    answer(half_way->channels[0], CONNECTION_START, connection_start);
    client_await_drop(mute, LIMIT_MS + GRACE_MS);
    client_await_drop(half_way, LIMIT_MS + GRACE_MS);
    assert_in_range(client_now_ms() - begin_ms, LIMIT_MS / 2, LIMIT_MS + GRACE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(broker_sends_heartbeats_and_drops_a_silent_client),
        behaviour(client_that_sends_heartbeats_stays),
        behaviour(vanished_silent_client_gives_its_messages_back),
        behaviour(stalled_handshakes_are_dropped),
    };
    return cmocka_run_group_tests_name("heartbeat", tests, NULL, NULL);
}
