# SPDX-License-Identifier: Apache-2.0
"""Frames as such: sizes, types, ends, and where in the byte stream they are cut."""

import re
import struct

import wire
from client import NO_METHOD, Client, Mismatch, plain, unique, with_channel
from scripts import named, test
from wire import BODY, HEADER, HEARTBEAT, METHOD

FRAME_ERROR = re.compile("(?s)FRAME_ERROR - .*")  # RabbitMQ prints the frame as an Erlang term
WRONG_STATE = "CHANNEL_ERROR - unexpected method in connection state running"


@test
def bad_frame_end_closes_connection_501(channel):
    channel.send_frame(METHOD, 1, struct.pack(">HHIHB", 60, 10, 0, 0, 0), end=0xCD)
    channel.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def bad_frame_end_before_login_is_refused(greeted):
    greeted.send_frame(METHOD, 0, b"\0\x0a\0\x0b", end=0)
    greeted.expect_refused({501, 502})


@test
def unknown_frame_type_closes_connection_501(channel):
    channel.send_frame(9, 1, b"what is this")
    channel.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def frame_type_0_closes_connection_501(channel):
    channel.send_frame(0, 0, b"")
    channel.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def frame_type_4_closes_connection_501(channel):
    channel.send_frame(4, 1, b"")
    channel.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def frame_that_announces_4_gib_is_refused_before_it_comes(channel):
    channel.write(struct.pack(">BHI", BODY, 1, 0xFFFFFFFF))
    channel.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def frame_over_frame_max_before_login_is_refused(greeted):
    greeted.write(struct.pack(">BHI", METHOD, 0, 131073))
    greeted.expect_refused(501)


def publish_one_body_frame(c, size):
    queue = c.queue()
    c.send("basic.publish", routing_key=queue)
    c.send_header(size)
    c.send_body(bytes(size))
    return queue


@test
def body_frame_of_frame_max_in_all_is_accepted(raw):
    raw.open(frame_max=4096).open_channel()
    queue = publish_one_body_frame(raw, 4096 - 8)
    assert len(raw.get(queue)[2]) == 4096 - 8


@test
def body_payload_of_exactly_frame_max_is_accepted(raw):
    raw.open(frame_max=4096).open_channel()
    queue = publish_one_body_frame(raw, 4096)
    assert len(raw.get(queue)[2]) == 4096


@test
def body_payload_of_frame_max_and_one_closes_connection_501(raw):
    raw.open(frame_max=4096).open_channel()
    publish_one_body_frame(raw, 4097)
    raw.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def method_payload_over_frame_max_closes_connection_501(raw):
    raw.open(frame_max=4096).open_channel()
    raw.send("queue.declare", queue=unique(), arguments={"note": "x" * 5000})
    raw.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def broker_keeps_its_frames_within_the_negotiated_frame_max(raw):
    raw.open(frame_max=4096).open_channel()
    queue = raw.queue()
    raw.send("basic.publish", routing_key=queue)
    raw.send_header(10000)
    for size in (4000, 4000, 2000):
        raw.send_body(bytes(size))
    raw.send("basic.get", queue=queue, no_ack=True)
    raw.expect("basic.get-ok")
    raw.expect_frame(HEADER, 1)
    sizes = []
    while sum(sizes) < 10000:
        sizes.append(len(raw.expect_frame(BODY, 1).payload))
    assert max(sizes) <= 4096 - 8, sizes


@test
def method_frame_without_a_payload_closes_connection_501(channel):
    channel.send_frame(METHOD, 1, b"")
    channel.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def method_frame_of_three_bytes_closes_connection_501(channel):
    channel.send_frame(METHOD, 1, b"\0\x3c\0")
    channel.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def header_frame_without_a_payload_closes_connection_501(channel):
    channel.send("basic.publish", routing_key="x")
    channel.send_frame(HEADER, 1, b"")
    channel.expect_connection_close(501, FRAME_ERROR)


@test
def heartbeat_with_a_payload_closes_connection_501(connection):
    connection.send_frame(HEARTBEAT, 0, b"abc")
    connection.expect_connection_close(501, FRAME_ERROR, NO_METHOD)


@test
def heartbeat_on_a_channel_closes_connection_505(channel):
    channel.send_frame(HEARTBEAT, 1, b"")
    channel.expect_connection_close(505, re.compile("UNEXPECTED_FRAME - .*"), NO_METHOD)


@test
def method_of_a_channel_on_channel_0_closes_connection_504(connection):
    connection.send("queue.declare", channel=0, queue=unique())
    connection.expect_connection_close(504, WRONG_STATE, "queue.declare")


@test
def channel_open_on_channel_0_closes_connection_504(connection):
    connection.send("channel.open", channel=0)
    connection.expect_connection_close(504, WRONG_STATE, "channel.open")


@test
def method_of_the_connection_on_a_channel_closes_connection_503(channel):
    channel.write(wire.method("connection.tune-ok", 1))
    channel.expect_connection_close(
        503, "COMMAND_INVALID - unimplemented method", "connection.tune-ok"
    )


@test
def connection_close_on_a_channel_closes_connection_503(channel):
    channel.write(wire.method("connection.close", 1, reply_code=200, reply_text="bye"))
    channel.expect_connection_close(
        503, "COMMAND_INVALID - unimplemented method", "connection.close"
    )


# --- where the stream is cut does not matter


def transcript(queue):
    """Requests with one answer each, with content, a refusal at the end."""
    return (
        wire.PROTOCOL_HEADER
        + wire.method("connection.start-ok", 0, mechanism="PLAIN", response=plain(), locale="en_US")
        + wire.method("connection.tune-ok", 0, channel_max=2047, frame_max=131072)
        + wire.method("connection.open", 0, virtual_host="/")
        + wire.method("channel.open", 1)
        + wire.method("queue.declare", 1, queue=queue, exclusive=True)
        + wire.frame(HEARTBEAT, 0, b"")
        + wire.publish(b"one", routing_key=queue, properties=wire.headers_property({"n": 1}))
        + wire.publish(b"", routing_key=queue)
        + wire.publish(b"two" * 100, routing_key=queue)
        + wire.method("basic.get", 1, queue=queue, no_ack=True)
        + wire.method("queue.purge", 1, queue=queue)
        + wire.method("queue.delete", 1, queue=queue)
        + wire.method("queue.declare", 1, queue="amq.reserved")
    )


def answers(pieces):
    """Everything that comes back, up to the refusal."""
    c, frames = Client(), []
    for piece in pieces:
        c.write(piece)
    while not frames or frames[-1].payload[:4] != bytes([0, 20, 0, 40]):
        frames.append(c.next_busy_frame())
        if frames[-1] is None:
            raise Mismatch(f"the socket closed after {len(frames) - 1} answers")
    return frames


def in_pieces(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


@test
def bytes_one_at_a_time_get_the_same_answers_as_one_write():
    sent = transcript(unique())
    whole = answers([sent])
    assert len(whole) == 11, whole
    assert answers(in_pieces(sent, 1)) == whole


@test
def any_chunking_gets_the_same_answers_as_one_write():
    sent = transcript(unique())
    whole = answers([sent])
    for size in (2, 3, 5, 7, 8, 11, 64, 127):
        assert answers(in_pieces(sent, size)) == whole, f"pieces of {size} bytes"


REFUSED = {
    "header of another class": wire.method("basic.publish")
    + wire.frame(HEADER, 1, wire.content_header(3, class_id=50)),
    "method within content": wire.method("basic.publish") + wire.method("basic.qos"),
    "body without a method": wire.frame(BODY, 1, b"abc"),
    "method cut short": wire.method_frame(60, 10, b"\0\0", 1),
    "channel never opened": wire.method("basic.qos", 7),
    "name that is not UTF-8": wire.method("queue.declare", queue=b"\xff"),
    "heartbeat on a channel": wire.frame(HEARTBEAT, 1, b""),
}


def refusal(data, size):
    c = with_channel()
    for piece in in_pieces(data, size):
        c.write(piece)
    return c.expect("connection.close").args


def _refusal_does_not_depend_on_chunking(name, data):
    def script():
        assert refusal(data, 1) == refusal(data, len(data))

    named(script, f"{name} gets the same answer byte by byte")


for _name, _data in REFUSED.items():
    _refusal_does_not_depend_on_chunking(_name, _data)


@test
def frame_cut_at_its_size_field_is_assembled(channel):
    request = wire.method("basic.qos", 1)
    for cut in (1, 3, 6, 7, len(request) - 1):
        channel.write(request[:cut])
        channel.write(request[cut:])
        channel.expect("basic.qos-ok")


@test
def thousand_methods_in_one_write_get_a_thousand_answers(channel):
    channel.write(wire.method("basic.qos", 1) * 1000)
    for _ in range(1000):
        channel.expect("basic.qos-ok")


@test
def malformed_frame_does_not_disturb_another_connection(channel, connection):
    channel.send_frame(9, 1, b"")
    channel.expect_connection_close(501, FRAME_ERROR, NO_METHOD)
    connection.open_channel()
