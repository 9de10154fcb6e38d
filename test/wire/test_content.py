# SPDX-License-Identifier: Apache-2.0
"""Method, header, bodies: in this order, of this size, and nothing between them."""

import re
import struct

import wire
from client import AGAINST_RABBITMQ, ANY, NO_METHOD, here, unique
from scripts import named, test
from wire import BODY, HEADER

EXPECTED_METHOD = "UNEXPECTED_FRAME - expected method frame, got non method frame instead"
EXPECTED_HEADER = (
    "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead"
)
FRAME_ERROR = re.compile("FRAME_ERROR - .*")
EXPECTED_BODY = "UNEXPECTED_FRAME - expected content body, got non content body frame instead"


@test
def header_without_a_method_closes_connection_505(channel):
    channel.send_header(3)
    channel.expect_connection_close(505, EXPECTED_METHOD, NO_METHOD)


@test
def body_without_a_method_closes_connection_505(channel):
    channel.send_body(b"abc")
    channel.expect_connection_close(505, EXPECTED_METHOD, NO_METHOD)


@test
def body_without_a_header_closes_connection_505(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_body(b"abc")
    channel.expect_connection_close(505, EXPECTED_HEADER, "basic.publish")


@test
def method_without_content_closes_connection_505(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send("basic.qos")
    channel.expect_connection_close(505, EXPECTED_HEADER, "basic.publish")


@test
def second_publish_without_content_closes_connection_505(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send("basic.publish", routing_key="x")
    channel.expect_connection_close(505, EXPECTED_HEADER, "basic.publish")


@test
def method_within_the_bodies_closes_connection_505(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_header(10)
    channel.send_body(b"12345")
    channel.send("basic.qos")
    channel.expect_connection_close(505, EXPECTED_BODY, "basic.publish")


@test
def second_header_closes_connection_505(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_header(10)
    channel.send_header(10)
    channel.expect_connection_close(505, EXPECTED_BODY, "basic.publish")


@test
def header_of_another_class_closes_connection_505(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_header(3, class_id=50)
    channel.expect_connection_close(
        505,
        "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead",
        "basic.publish",
    )


@test
def header_of_an_unknown_class_closes_connection_505(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_header(3, class_id=61)
    channel.expect_connection_close(
        505,
        "UNEXPECTED_FRAME - expected content header for class 60, got one for class 61 instead",
        "basic.publish",
    )


@test
def weight_that_is_not_zero_closes_connection_505(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_header(3, weight=1)
    channel.expect_connection_close(505, EXPECTED_HEADER, "basic.publish")


@test
def header_on_channel_0_closes_connection_505(connection):
    connection.send_header(3, channel=0)
    connection.expect_connection_close(505, re.compile("UNEXPECTED_FRAME - .*"), NO_METHOD)


@test
def body_on_channel_0_closes_connection_505(connection):
    connection.send_body(b"abc", channel=0)
    connection.expect_connection_close(505, re.compile("UNEXPECTED_FRAME - .*"), NO_METHOD)


def expect_unfinished_or_refused(c, code, text):
    """RabbitMQ 3.10 waits for ever for such a message to end; the connection lives."""
    if AGAINST_RABBITMQ:
        c.open_channel(2)
    else:
        c.expect_connection_close(code, text)


@test
def body_longer_than_announced_closes_connection_501(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_header(3)
    channel.send_body(b"abcd")
    expect_unfinished_or_refused(channel, 501, FRAME_ERROR)


@test
def bodies_longer_than_announced_close_connection_501(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_header(5)
    channel.send_body(b"abc")
    channel.send_body(b"def")
    expect_unfinished_or_refused(channel, 501, FRAME_ERROR)


@test
def body_after_a_whole_message_closes_connection_505(channel):
    channel.publish(b"abc", routing_key="x")
    channel.send_body(b"d")
    channel.expect_connection_close(505, EXPECTED_METHOD, NO_METHOD)


@test
def body_after_an_empty_message_closes_connection_505(channel):
    channel.publish(b"", routing_key="x")
    channel.send_body(b"d")
    channel.expect_connection_close(505, EXPECTED_METHOD, NO_METHOD)


def _body_size_is_refused_at_the_header(name, size):
    def script(channel):
        channel.send("basic.publish", routing_key="x")
        channel.send_header(size)
        if AGAINST_RABBITMQ:
            return channel.open_channel(2)  # it waits for all that body
        method = channel.expect_any()
        channel.send(method.name + "-ok")
        too_large = {
            "connection.close": (
                501,
                f"FRAME_ERROR - content body size {size} exceeds maximum allowed size",
            ),
            "channel.close": (406, f"PRECONDITION_FAILED - message size {size} is larger than"),
        }
        code, text = too_large[method.name]
        told = method.args
        assert told["reply_code"] == code and told["reply_text"].startswith(text), told

    named(script, f"body size of {name} is refused at the header")


_body_size_is_refused_at_the_header("a tebibyte", 2**40)
_body_size_is_refused_at_the_header("all ones", 2**64 - 1)


@test
def empty_body_is_a_message(channel):
    queue = channel.queue()
    channel.publish(b"", routing_key=queue)
    assert channel.get(queue)[2] == b""


@test
def body_in_frames_of_one_byte_is_assembled(channel):
    queue, body = channel.queue(), bytes(range(256)) * 4
    channel.write(
        wire.method("basic.publish", 1, routing_key=queue)
        + wire.frame(HEADER, 1, wire.content_header(len(body)))
        + b"".join(wire.frame(BODY, 1, bytes([octet])) for octet in body)
    )
    assert channel.get(queue)[2] == body


@test
def empty_body_frames_between_the_others_are_accepted(channel):
    queue = channel.queue()
    channel.send("basic.publish", routing_key=queue)
    channel.send_header(4)
    for piece in (b"", b"ab", b"", b"", b"cd"):
        channel.send_body(piece)
    assert channel.get(queue)[2] == b"abcd"


@test
def content_on_two_channels_may_be_interleaved(channel):
    channel.open_channel(2)
    queue = channel.queue()
    for number in (1, 2):
        channel.send("basic.publish", number, routing_key=queue)
    channel.send_header(4, channel=2)
    channel.send_header(4, channel=1)
    for number, piece in ((1, b"on"), (2, b"tw"), (1, b"e."), (2, b"o.")):
        channel.send_body(piece, channel=number)
    channel.expect_alive(2)
    assert {channel.get(queue)[2], channel.get(queue)[2]} == {b"one.", b"two."}


@test
def methods_of_another_channel_may_come_within_content(channel):
    channel.open_channel(2)
    queue = channel.queue()
    channel.send("basic.publish", routing_key=queue)
    channel.send_header(4)
    channel.send_body(b"ab")
    channel.expect_alive(2)
    channel.send_body(b"cd")
    assert channel.get(queue)[2] == b"abcd"


@test
def heartbeat_may_come_within_content(channel):
    queue = channel.queue()
    channel.send("basic.publish", routing_key=queue)
    channel.send_frame(8, 0, b"")
    channel.send_header(2)
    channel.send_frame(8, 0, b"")
    channel.send_body(b"ab")
    assert channel.get(queue)[2] == b"ab"


@test
def channel_close_within_the_bodies_closes_connection_505(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_header(10)
    channel.send_body(b"12345")
    channel.send("channel.close", reply_code=200)
    channel.expect_connection_close(505, EXPECTED_BODY, "basic.publish")


@test
def client_that_vanishes_within_a_body_leaves_no_message(channel, connection):
    connection.open_channel()
    queue = channel.call("queue.declare", queue=unique())["queue"]
    connection.send("basic.publish", routing_key=queue)
    connection.send_header(100000)
    connection.send_body(bytes(50000))
    connection.close()
    channel.expect_alive()
    assert channel.call("queue.delete", queue=queue)["message_count"] == 0


def _malformed_properties_are_refused(name, properties):
    def script(channel, connection):
        channel.send("basic.publish", routing_key="x")
        channel.send_header(0, properties=properties)
        channel.expect_connection_close(
            *here(stoatmq=({501, 502}, ANY), rabbitmq=(541, "INTERNAL_ERROR"))
        )
        connection.open_channel()

    named(script, f"properties {name} close connection")


_malformed_properties_are_refused("without flags", b"")
_malformed_properties_are_refused("with one octet of flags", b"\0")
_malformed_properties_are_refused("cut short in a table", b"\x20\0" + struct.pack(">I", 8) + b"\1k")
_malformed_properties_are_refused("that are announced but missing", b"\x20\0")
_malformed_properties_are_refused("with bytes after them", b"\0\0" + b"more")
_malformed_properties_are_refused("with continued flags", b"\0\1\0\0")
_malformed_properties_are_refused("with a string past their end", b"\x80\0" + b"\x50text")
_malformed_properties_are_refused("with half a timestamp", b"\0\x40" + b"1234")


@test
def every_property_comes_back_byte_for_byte(channel):
    s, queue = wire.shortstr, channel.queue()
    properties = (
        b"\xff\xfc"
        + s("text/plain")
        + s("utf-8")
        + wire.table({"k": "v", "n": [1, None]})
        + b"\2\x09"
        + s("correlation")
        + s("reply.to")
        + s("60000")
        + s("message-id")
        + struct.pack(">Q", 1700000000)
        + s("type")
        + s("guest")
        + s("app")
        + s("cluster")
    )
    channel.publish(b"x", routing_key=queue, properties=properties)
    assert channel.get(queue)[1] == properties
