# SPDX-License-Identifier: Apache-2.0
"""Channels: numbers, life, and what is ignored while one closes."""

import wire
from client import ANY, NO_METHOD, unique
from scripts import named, test
from wire import BODY, HEADER

EXPECTED_METHOD = "UNEXPECTED_FRAME - expected method frame, got non method frame instead"
NEVER_OPENED = "CHANNEL_ERROR - expected 'channel.open'"


@test
def method_on_a_channel_never_opened_closes_connection_504(connection):
    connection.send("basic.qos", 5)
    connection.expect_connection_close(504, NEVER_OPENED, "basic.qos")


@test
def publish_on_a_channel_never_opened_closes_connection_504(connection):
    connection.publish(b"x", channel=5, routing_key="x")
    connection.expect_connection_close(504, NEVER_OPENED, "basic.publish")


@test
def header_on_a_channel_never_opened_closes_connection_505(connection):
    connection.send_header(3, channel=5)
    connection.expect_connection_close(505, EXPECTED_METHOD, NO_METHOD)


@test
def body_on_a_channel_never_opened_closes_connection_505(connection):
    connection.send_body(b"abc", channel=5)
    connection.expect_connection_close(505, EXPECTED_METHOD, NO_METHOD)


@test
def channel_close_on_a_channel_never_opened_closes_connection_504(connection):
    connection.send("channel.close", 5, reply_code=200)
    connection.expect_connection_close(504, NEVER_OPENED, "channel.close")


@test
def channel_close_ok_on_a_channel_never_opened_closes_connection_504(connection):
    connection.send("channel.close-ok", 5)
    connection.expect_connection_close(504, NEVER_OPENED, "channel.close-ok")


@test
def second_channel_open_closes_connection_504(channel):
    channel.send("channel.open")
    channel.expect_connection_close(
        504, "CHANNEL_ERROR - second 'channel.open' seen", "channel.open"
    )


def _number_above_channel_max(number):
    def script(raw):
        raw.open(channel_max=10)
        raw.open_channel(10)
        raw.send("channel.open", number)
        # RabbitMQ limits how many are open, not how they are numbered; a broker may do both.
        answer = raw.expect_any(number)
        assert answer.name == "channel.open-ok" or answer.args["reply_code"] in (504, 530), answer

    named(script, f"channel number {number} beyond channel_max 10 is taken or refused in order")


_number_above_channel_max(11)
_number_above_channel_max(65535)


@test
def one_channel_more_than_channel_max_closes_connection_530(raw):
    raw.open(channel_max=3)
    for number in (1, 2, 3):
        raw.open_channel(number)
    raw.send("channel.open", 4)
    raw.expect_connection_close(
        530,
        "NOT_ALLOWED - number of channels opened (3) has reached the negotiated channel_max (3)",
        NO_METHOD,
    )


@test
def channel_numbers_may_have_gaps(connection):
    for number in (2047, 1, 1000):
        connection.open_channel(number)
    connection.expect_alive(1000)


@test
def channel_that_the_client_closed_may_be_opened_again(channel):
    for _ in range(5):
        channel.send("channel.close", reply_code=200, reply_text="bye")
        channel.expect("channel.close-ok")
        channel.open_channel()
    channel.expect_alive()


@test
def channel_that_the_broker_closed_may_be_opened_again(channel):
    for _ in range(5):
        channel.send("queue.declare", queue=unique(), passive=True)
        channel.expect_channel_close(404)
        channel.open_channel()
    channel.expect_alive()


@test
def method_on_a_closed_channel_closes_connection_504(channel):
    channel.send("channel.close", reply_code=200)
    channel.expect("channel.close-ok")
    channel.send("basic.qos")
    channel.expect_connection_close(504, NEVER_OPENED, "basic.qos")


@test
def second_channel_close_closes_connection_504(channel):
    channel.call("channel.close", reply_code=200)
    channel.send("channel.close", reply_code=200)
    channel.expect_connection_close(504, NEVER_OPENED, "channel.close")


@test
def channel_close_ok_that_nobody_asked_for_closes_connection_503(channel):
    channel.send("channel.close-ok")
    channel.expect_connection_close(
        503, "COMMAND_INVALID - unimplemented method", "channel.close-ok"
    )


@test
def frames_on_a_closing_channel_are_ignored_until_close_ok(channel):
    channel.send("queue.declare", queue=unique(), passive=True)
    channel.expect("channel.close", reply_code=404)
    queue = unique()
    channel.send("queue.declare", queue=queue)
    channel.publish(b"ignored", routing_key=queue)
    channel.send("basic.ack", delivery_tag=99)
    channel.send("basic.consume", queue=unique())
    channel.send("channel.close-ok")
    channel.open_channel()
    channel.send("queue.declare", queue=queue, passive=True)
    channel.expect_channel_close(
        404, f"NOT_FOUND - no queue '{queue}' in vhost '/'", "queue.declare"
    )


@test
def frames_sent_before_the_broker_told_of_the_close_are_ignored(channel):
    queue = unique()
    channel.write(
        wire.publish(b"lost", exchange=unique(), routing_key="x")
        + wire.publish(b"ignored", exchange="no-such-exchange")
        + wire.method("basic.qos", 1)
    )
    channel.expect("channel.close", reply_code=404)
    channel.send("queue.declare", queue=queue)
    channel.send("channel.close-ok")
    channel.open_channel()
    channel.send("queue.declare", queue=queue, passive=True)
    channel.expect_channel_close(404, ANY, "queue.declare")


@test
def channel_close_that_crosses_ours_is_answered(channel):
    channel.send("queue.declare", queue=unique(), passive=True)
    channel.expect("channel.close", reply_code=404)
    channel.send("channel.close", reply_code=200)
    channel.expect("channel.close-ok")
    channel.send("channel.close-ok")
    channel.open_channel()


@test
def channel_open_on_a_closing_channel_is_ignored(channel):
    channel.send("queue.declare", queue=unique(), passive=True)
    channel.expect("channel.close", reply_code=404)
    channel.send("channel.open")
    channel.send("channel.close-ok")
    channel.open_channel()


@test
def body_in_many_frames_after_the_channel_failed_is_ignored(channel):
    body = bytes(5000)
    channel.write(
        wire.method("basic.publish", 1, exchange=unique())
        + wire.frame(HEADER, 1, wire.content_header(len(body)))
        + wire.frame(BODY, 1, body[:1]) * 5000
    )
    channel.expect_channel_close(404, ANY, "basic.publish")
    channel.open_channel()
    channel.expect_alive()


@test
def content_within_which_its_channel_failed_is_read_to_its_end(channel):
    queue = channel.queue()
    channel.write(
        wire.method("queue.declare", 1, queue=unique(), passive=True)
        + wire.method("basic.publish", 1, routing_key=queue)
        + wire.frame(HEADER, 1, wire.content_header(6))
        + wire.frame(BODY, 1, b"abc")
    )
    channel.expect("channel.close", reply_code=404)
    channel.send_body(b"def")
    channel.send("channel.close-ok")
    channel.open_channel()
    channel.send("basic.get", queue=queue)
    channel.expect("basic.get-empty")


@test
def publish_to_a_missing_exchange_closes_channel_404(channel):
    exchange = unique()
    channel.publish(b"x", exchange=exchange)
    channel.expect_channel_close(
        404, f"NOT_FOUND - no exchange '{exchange}' in vhost '/'", "basic.publish"
    )


@test
def error_on_one_channel_leaves_the_others_alone(channel):
    channel.open_channel(2)
    queue = channel.queue(2)
    channel.send("queue.declare", queue=unique(), passive=True)
    channel.expect_channel_close(404)
    channel.publish(b"x", channel=2, routing_key=queue)
    assert channel.get(queue, channel=2)[2] == b"x"


@test
def flow_off_closes_connection_540(channel):
    channel.send("channel.flow", active=False)
    channel.expect_connection_close(540, "NOT_IMPLEMENTED - active=false", "channel.flow")


@test
def flow_on_is_answered(channel):
    channel.send("channel.flow", active=True)
    channel.expect("channel.flow-ok", active=True)


@test
def channels_are_independent_of_the_order_they_were_opened_in(connection):
    for number in (3, 2, 1):
        connection.send("channel.open", number)
    assert {connection.next_frame().channel for _ in range(3)} == {1, 2, 3}
