# SPDX-License-Identifier: Apache-2.0
"""A client that sends whatever it is told to, and says precisely what it expected and got.

Each wait has a time limit ($WIRE_TIMEOUT seconds, 10 when it is not set).
"""

import os
import re
import select
import socket
import time
import uuid

import wire
from wire import BODY, HEADER, HEARTBEAT, METHOD

HOST = os.environ.get("AMQP_HOST", "127.0.0.1")
PORT = int(os.environ.get("AMQP_PORT", "5672"))
TIMEOUT_S = float(os.environ.get("WIRE_TIMEOUT", "10"))
AGAINST_RABBITMQ = os.environ.get("AMQP_AGAINST", "stoatmq") == "rabbitmq"
USER, PASSWORD = os.environ.get("AMQP_USER", "guest"), os.environ.get("AMQP_PASSWORD", "guest")
ANY = object()  # matches everything
NOTHING = object()  # no frame has been peeked at
NO_METHOD = (0, 0)
CAPABILITIES = {
    "capabilities": {
        "authentication_failure_close": True,
        "connection.blocked": True,
        "consumer_cancel_notify": True,
        "basic.nack": True,
        "publisher_confirms": True,
    }
}


class Mismatch(AssertionError):
    """The broker did something else than the script says."""


def unique(prefix="wire"):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def plain(user=USER, password=PASSWORD):
    return f"\0{user}\0{password}"


def here(*, stoatmq, rabbitmq):
    """What to expect where the two differ on purpose."""
    return rabbitmq if AGAINST_RABBITMQ else stoatmq


def matches(expected, actual):
    if expected is ANY:
        return True
    if isinstance(expected, re.Pattern):
        return bool(expected.fullmatch(str(actual)))
    if isinstance(expected, (set, frozenset)):
        return any(matches(one, actual) for one in expected)
    return expected == actual


def shown(value):
    if isinstance(value, (set, frozenset)):
        return " or ".join(sorted(shown(one) for one in value))
    return (
        value.pattern
        if isinstance(value, re.Pattern)
        else "anything" if value is ANY else repr(value)
    )


def describe(frame):
    """One received frame, for people."""
    if frame is None:
        return "the socket closed"
    if frame.type == METHOD:
        name, channel, args = wire.decode_method(frame)
        if name.endswith(".close"):
            about = f"{args['class_id']}.{args['method_id']}"
            return f"{name} on {channel}: {args['reply_code']} {args['reply_text']!r} {about}"
        told = " ".join(
            f"{key}={value!r}" for key, value in args.items() if value not in ("", 0, {})
        )
        return f"{name} on {channel} {told}".rstrip()
    kind = {HEADER: "header", BODY: "body", HEARTBEAT: "heartbeat"}.get(
        frame.type, f"type {frame.type}"
    )
    return f"{kind} frame on {frame.channel}, {len(frame.payload)} bytes"


class Client:
    """One TCP connection to the broker and the frames that came on it."""

    opened = []  # every client of the running test; the runner closes them
    record = None  # a list that collects what the broker sent, when somebody asks for it

    def __init__(self, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET6 if ":" in HOST else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect((HOST, PORT))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread, self.peeked = b"", NOTHING
        self.frame_max = 131072
        Client.opened.append(self)

    # --- sending

    def write(self, data):
        """Bytes as they are. That the broker has closed is no error here: the script expects it."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send(self, name, channel=1, **args):
        self.write(wire.method(name, 0 if name.startswith("connection.") else channel, **args))

    def send_method(self, class_id, method_id, arguments=b"", channel=1):
        self.write(wire.method_frame(class_id, method_id, arguments, channel))

    def send_frame(self, kind, channel, payload, end=wire.FRAME_END):
        self.write(wire.frame(kind, channel, payload, end))

    def send_header(self, size, channel=1, **fields):
        self.send_frame(HEADER, channel, wire.content_header(size, **fields))

    def send_body(self, data, channel=1):
        self.send_frame(BODY, channel, data)

    def publish(self, body=b"", **args):
        self.write(wire.publish(body, **args))

    def call(self, name, channel=1, **args):
        """A method and its answer, whose name ends in -ok."""
        self.send(name, channel, **args)
        return self.expect(name + "-ok", channel).args

    # --- receiving

    def receive(self, timeout_s=TIMEOUT_S):
        """The bytes that are there, waiting for some; b"" when the socket closed."""
        if not select.select([self.socket], [], [], timeout_s)[0]:
            raise Mismatch(f"nothing came within {timeout_s:g} s")
        try:
            return self.socket.recv(1 << 20)
        except ConnectionResetError:
            return b""

    def next_frame(self, timeout_s=TIMEOUT_S):
        """The next frame, or None when the socket closed."""
        if self.peeked is not NOTHING:
            frame, self.peeked = self.peeked, NOTHING
            return frame
        until = time.monotonic() + timeout_s
        while True:
            frame, self.unread = wire.take_frame(self.unread)
            if frame is None:
                data = self.receive(max(0.0, until - time.monotonic()))
                if data:
                    self.unread += data
                    continue
                if self.unread:
                    raise Mismatch(f"the socket closed within a frame: {self.unread[:40]!r}")
            if self.record is not None and (frame is None or frame.type != HEARTBEAT):
                self.record.append(frame)
            return frame

    def next_busy_frame(self):
        """The next frame that is no heartbeat, or None when the socket closed."""
        frame = self.next_frame()
        while frame is not None and frame.type == HEARTBEAT:
            frame = self.next_frame()
        return frame

    def expect_bytes(self, expected):
        while len(self.unread) < len(expected):
            data = self.receive()
            if not data:
                break
            self.unread += data
        got, self.unread = self.unread[: len(expected)], self.unread[len(expected) :]
        if self.record is not None:
            self.record.append(got)
        if got != expected:
            raise Mismatch(f"expected the bytes {expected!r}, got {got!r}")

    def expect_frame(self, kind, channel):
        """The next frame, heartbeats left aside."""
        frame = self.next_frame()
        while frame is not None and frame.type == HEARTBEAT != kind:
            frame = self.next_frame()
        if frame is None or (frame.type, frame.channel) != (kind, channel):
            raise Mismatch(
                f"expected a frame of type {kind} on channel {channel}, got {describe(frame)}"
            )
        return frame

    def expect(self, name, channel=1, **args):
        channel = 0 if name.startswith("connection.") else channel
        frame = self.next_busy_frame()
        if frame is None or frame.type != METHOD:
            raise Mismatch(f"expected {name}, got {describe(frame)}")
        method = wire.decode_method(frame)
        wrong = [key for key, value in args.items() if not matches(value, method.args.get(key))]
        if (method.name, method.channel) != (name, channel) or wrong:
            wanted = " ".join(f"{key}={shown(value)}" for key, value in args.items())
            raise Mismatch(f"expected {name} on {channel} {wanted}, got {describe(frame)}")
        return method

    def expect_content(self, name, channel=1, **args):
        """A method with content: returns (method, properties as received, body)."""
        method = self.expect(name, channel, **args)
        content = wire.decode_content_header(self.expect_frame(HEADER, channel).payload)
        body = b""
        while len(body) < content.size:
            body += self.expect_frame(BODY, channel).payload
        return method, content.properties, body

    def expect_close(self, name, channel, code, text, method):
        ids = wire.METHOD_IDS[method] if isinstance(method, str) else method
        about = {} if ids is ANY else {"class_id": ids[0], "method_id": ids[1]}
        self.expect(name, channel, reply_code=code, reply_text=text, **about)
        self.send(name + "-ok", channel)

    def expect_channel_close(self, code, text=ANY, method=ANY, channel=1):
        """The broker closes the channel; answers close-ok."""
        self.expect_close("channel.close", channel, code, text, method)

    def expect_connection_close(self, code, text=ANY, method=ANY):
        """The broker closes the connection; answers close-ok and sees the socket close."""
        self.expect_close("connection.close", 0, code, text, method)
        self.expect_eof()

    def expect_refused(self, code, text=ANY, method=ANY):
        """The connection ends: RabbitMQ just closes the socket here, StoatMQ may say why before."""
        frame = None if AGAINST_RABBITMQ else self.peek()
        if frame is None:
            return self.expect_eof()
        return self.expect_connection_close(code, text, method)

    def peek(self):
        """The next frame, which stays the next one; None when the socket closed."""
        if self.peeked is NOTHING:
            self.peeked = self.next_frame()
        return self.peeked

    def expect_any(self, channel=1):
        """The next method, whichever it is, on this channel or about the connection."""
        frame = self.next_busy_frame()
        if frame is None or frame.type != METHOD or frame.channel not in (0, channel):
            raise Mismatch(f"expected a method on {channel}, got {describe(frame)}")
        return wire.decode_method(frame)

    def expect_closed(self):
        """close-ok for our connection.close. RabbitMQ then leaves it to the client to hang up."""
        self.expect("connection.close-ok")
        if not AGAINST_RABBITMQ:
            self.expect_eof()

    def expect_eof(self):
        frame = self.next_busy_frame()
        if frame is not None:
            raise Mismatch(f"expected the socket to close, got {describe(frame)}")

    def expect_alive(self, channel=1):
        """The channel answers, and nothing else was waiting before that answer."""
        self.send("basic.qos", channel)
        self.expect("basic.qos-ok", channel)

    # --- the usual steps

    def greet(self):
        """Protocol header; returns what connection.start says."""
        self.write(wire.PROTOCOL_HEADER)
        return self.expect("connection.start").args

    def login(self, mechanism="PLAIN", response=None, properties=None):
        """start-ok; returns what connection.tune says."""
        self.send(
            "connection.start-ok",
            mechanism=mechanism,
            locale="en_US",
            response=plain() if response is None else response,
            client_properties=CAPABILITIES if properties is None else properties,
        )
        return self.expect("connection.tune").args

    def tune(self, channel_max=2047, frame_max=131072, heartbeat=0):
        self.frame_max = frame_max
        self.send(
            "connection.tune-ok", channel_max=channel_max, frame_max=frame_max, heartbeat=heartbeat
        )

    def open(self, **tune):
        """Everything up to an open connection."""
        self.greet()
        self.login()
        self.tune(**tune)
        self.send("connection.open", virtual_host="/")
        self.expect("connection.open-ok")
        return self

    def open_channel(self, channel=1):
        self.call("channel.open", channel)
        return self

    def queue(self, channel=1, **args):
        """A new exclusive queue; returns its name."""
        return self.call("queue.declare", channel, queue=unique(), exclusive=True, **args)["queue"]

    def exchange(self, channel=1, **args):
        """A new exchange; returns its name."""
        name = unique()
        self.call("exchange.declare", channel, exchange=name, **args)
        return name

    def get(self, queue, channel=1, **args):
        """One message by basic.get: (method, properties, body)."""
        self.send("basic.get", channel, queue=queue, **args)
        return self.expect_content("basic.get-ok", channel)

    def close(self):
        self.socket.close()


def connected(**tune):
    return Client().open(**tune)


def with_channel(**tune):
    return Client().open(**tune).open_channel()
