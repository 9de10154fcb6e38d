# SPDX-License-Identifier: Apache-2.0
"""connection.close and channel.close, both ways."""

import wire
from client import AGAINST_RABBITMQ, ANY, connected, unique
from scripts import test


def expect_ending(c, code=None, text=None):
    """RabbitMQ takes connection.close for an error here; a close-ok is the better answer."""
    frame = c.peek()
    if frame is None:
        return c.expect_eof()
    if not AGAINST_RABBITMQ and wire.decode_method(frame).name == "connection.close-ok":
        return c.expect_closed()
    return c.expect_connection_close(code, text, "connection.close")


@test
def connection_close_is_answered_and_the_socket_closes(connection):
    connection.send("connection.close", reply_code=200, reply_text="bye")
    connection.expect_closed()


@test
def connection_close_before_connection_open_ends_the_connection(tuning):
    tuning.tune()
    tuning.send("connection.close", reply_code=200)
    expect_ending(tuning, 504, "CHANNEL_ERROR - unexpected method in connection state opening")


@test
def connection_close_before_tune_ok_ends_the_connection(tuning):
    tuning.send("connection.close", reply_code=200)
    expect_ending(tuning)


@test
def connection_close_before_login_ends_the_connection(greeted):
    greeted.send("connection.close", reply_code=200)
    expect_ending(greeted)


@test
def connection_close_with_open_channels_is_answered(channel):
    channel.open_channel(2)
    channel.send("connection.close", reply_code=200)
    channel.expect_closed()


@test
def frames_after_connection_close_are_ignored(channel):
    queue = unique()
    channel.write(
        wire.method("connection.close", 0, reply_code=200)
        + wire.method("queue.declare", 1, queue=queue)
        + wire.frame(9, 1, b"rubbish")
    )
    channel.expect_closed()


@test
def replies_in_flight_come_before_close_ok(channel):
    queue = unique()
    channel.write(
        wire.method("queue.declare", 1, queue=queue, exclusive=True)
        + wire.method("connection.close", 0, reply_code=200)
    )
    channel.expect("queue.declare-ok", queue=queue)
    channel.expect_closed()


@test
def frames_after_the_broker_closed_are_ignored_until_close_ok(channel):
    channel.send("basic.qos", 7)
    channel.expect("connection.close", reply_code=504)
    channel.publish(b"ignored", routing_key="x")
    channel.send("basic.qos")
    channel.send_body(b"not even in order")
    channel.send("connection.close-ok")
    channel.expect_eof()


@test
def connection_close_that_crosses_ours_is_answered(channel):
    channel.send("basic.qos", 7)
    channel.expect("connection.close", reply_code=504)
    channel.send("connection.close", reply_code=200)
    channel.expect_closed()


@test
def connection_close_ok_that_nobody_asked_for_closes_connection_504(connection):
    connection.send("connection.close-ok")
    connection.expect_connection_close(
        504, "CHANNEL_ERROR - unexpected method in connection state running", "connection.close-ok"
    )


@test
def connection_close_with_pending_content_is_answered(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_header(1000)
    channel.send_body(b"some")
    channel.send("connection.close", reply_code=200)
    channel.expect_closed()


@test
def connection_close_with_a_text_of_255_bytes_is_answered(connection):
    connection.send("connection.close", reply_code=200, reply_text="x" * 255)
    connection.expect_closed()


@test
def connection_close_with_a_text_that_is_not_utf8_closes_connection_501(connection):
    connection.send("connection.close", reply_code=200, reply_text=b"\xff\xfe")
    connection.expect_connection_close(501, "FRAME_ERROR - Malformed UTF-8 in shortstr", ANY)


@test
def channel_close_returns_unacked_messages_in_order(channel):
    queue = channel.queue()
    for body in (b"1", b"2", b"3"):
        channel.publish(body, routing_key=queue)
    channel.open_channel(2)
    for _ in range(3):
        channel.get(queue, channel=2)
    channel.call("channel.close", 2, reply_code=200)
    for body in (b"1", b"2", b"3"):
        method, _, got = channel.get(queue)
        assert (got, method.args["redelivered"]) == (body, True)


@test
def exclusive_queue_is_gone_after_connection_close(channel):
    other = connected().open_channel()
    queue = other.queue()
    other.send("connection.close", reply_code=200)
    other.expect_closed()
    channel.send("queue.declare", queue=queue, passive=True)
    channel.expect_channel_close(
        404, f"NOT_FOUND - no queue '{queue}' in vhost '/'", "queue.declare"
    )
