# SPDX-License-Identifier: Apache-2.0
"""Clients that waste the broker's time and memory, and the others, who must not notice."""

import os
import random
import socket
import struct
import time

import process
import wire
from client import TIMEOUT_S, Client, Mismatch, connected, here, plain, unique, with_channel
from process import MemoryLimit
from scripts import test
from wire import BODY, HEADER

CHANNEL_MAX = 2047


def hang_up(c):
    """Closes with a reset, as a client does that is killed."""
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()


def write_until_it_blocks(c, data):
    """How many bytes the broker took before it stopped reading for half a second."""
    sent, view = 0, memoryview(data)
    c.socket.settimeout(0.5)
    try:
        while sent < len(data):
            sent += c.socket.send(view[sent : sent + (1 << 16)])
    except TimeoutError:
        pass
    c.socket.settimeout(TIMEOUT_S)
    return sent


# --- channels


def open_every_channel(c):
    c.write(b"".join(wire.method("channel.open", number) for number in range(1, CHANNEL_MAX + 1)))
    answers = [wire.decode_method(c.next_busy_frame()) for _ in range(CHANNEL_MAX)]
    assert {answer.name for answer in answers} == {"channel.open-ok"}, answers
    assert {answer.channel for answer in answers} == set(range(1, CHANNEL_MAX + 1)), answers


@test
def ten_thousand_channels_that_nobody_closes_disturb_nobody(channel):
    for _ in range(here(stoatmq=5, rabbitmq=1)):
        leaking = connected()
        open_every_channel(leaking)
        leaking.expect_alive(CHANNEL_MAX)
        hang_up(leaking)
    channel.expect_alive()


@test
def channel_2048_closes_connection_530(connection):
    open_every_channel(connection)
    connection.send("channel.open", CHANNEL_MAX + 1)
    connection.expect_connection_close(
        530,
        "NOT_ALLOWED - number of channels opened (2047)"
        " has reached the negotiated channel_max (2047)",
        (0, 0),
    )


@test
def channels_opened_and_closed_for_ever_cost_nothing(connection):
    cycle = b"".join(
        wire.method("channel.open", number) + wire.method("channel.close", number, reply_code=200)
        for number in range(1, 101)
    )
    with MemoryLimit(16):
        for _ in range(here(stoatmq=100, rabbitmq=10)):
            connection.write(cycle)
            names = [wire.decode_method(connection.next_busy_frame()).name for _ in range(200)]
            assert sorted(names) == ["channel.close-ok"] * 100 + ["channel.open-ok"] * 100, names


# --- connections


def die_in_the_handshake(c):
    c.write(wire.PROTOCOL_HEADER[:6])


def die_at_login(c):
    c.greet()


def die_within_a_frame(c):
    c.open()
    c.write(wire.method("channel.open", 1)[:5])


def die_within_a_body(c):
    c.open().open_channel()
    c.write(
        wire.method("basic.publish", 1, routing_key="x")
        + wire.frame(HEADER, 1, wire.content_header(1 << 20))
        + wire.frame(BODY, 1, bytes(10000))
    )


def die_as_a_consumer(c):
    c.open().open_channel()
    queue = c.queue()
    c.publish(b"x", routing_key=queue)
    c.call("basic.consume", queue=queue)
    c.expect_content("basic.deliver")


def die_in_a_transaction(c):
    c.open().open_channel()
    c.call("tx.select")
    c.publish(b"x", routing_key=c.queue())


def die_with_answers_on_their_way(c):
    c.open().open_channel()
    c.write(wire.method("basic.qos", 1) * 1000)


@test
def clients_that_die_in_any_state_leave_nothing_behind(channel):
    deaths = (
        die_in_the_handshake,
        die_at_login,
        die_within_a_frame,
        die_within_a_body,
        die_as_a_consumer,
        die_in_a_transaction,
        die_with_answers_on_their_way,
    )
    before = process.open_files()
    with MemoryLimit(32):
        for _ in range(here(stoatmq=30, rabbitmq=5)):
            for die in deaths:
                c = Client()
                die(c)
                hang_up(c)
            channel.expect_alive()
    until = time.monotonic() + TIMEOUT_S
    while before is not None and process.open_files() > before + 2:
        channel.expect_alive()
        if time.monotonic() > until:
            raise Mismatch(f"the broker holds {process.open_files()} descriptors, {before} before")


@test
def connections_that_never_speak_disturb_nobody(channel):
    mute = [Client() for _ in range(500)]
    channel.expect_alive()
    connected().open_channel()
    for c in mute:
        hang_up(c)


@test
def client_that_sends_a_byte_at_a_time_disturbs_nobody(channel):
    slow = Client()
    sent = (
        wire.PROTOCOL_HEADER
        + wire.method("connection.start-ok", 0, mechanism="PLAIN", response=plain(), locale="en_US")
        + wire.method("connection.tune-ok", 0, channel_max=2047, frame_max=131072)
        + wire.method("connection.open", 0, virtual_host="/")
    )
    for octet in sent:
        slow.write(bytes([octet]))
        began = time.monotonic()
        channel.expect_alive()
        assert time.monotonic() - began < 2
    slow.expect("connection.start")
    slow.expect("connection.tune")
    slow.expect("connection.open-ok")


# --- memory


@test
def bodies_that_are_announced_and_never_come_cost_nothing(connection):
    with MemoryLimit(64):
        for number in range(1, 201):
            connection.open_channel(number)
            connection.write(
                wire.method("basic.publish", number, routing_key="x")
                + wire.frame(HEADER, number, wire.content_header(16 << 20))
                + wire.frame(BODY, number, b"x")
            )
        connection.open_channel(201)


@test
def client_that_asks_and_never_reads_is_stopped(channel, connection):
    """Each question is answered with a 255-byte name; nobody fetches the answers until the end."""
    queue = unique().ljust(255, "q")
    channel.call("queue.declare", queue=queue, exclusive=True)
    question = wire.method("queue.declare", 1, queue=queue, passive=True)
    with MemoryLimit(64):
        sent = write_until_it_blocks(channel, question * here(stoatmq=300000, rabbitmq=20000))
        connection.open_channel()
    whole, expected = sent // len(question), len(wire.method("queue.declare-ok", queue=queue))
    received = 0
    while received < whole * expected:
        data = channel.receive()
        if not data:
            raise Mismatch(f"the socket closed after {received // expected} of {whole} answers")
        received += len(data)


@test
def consumer_that_never_reads_does_not_hold_up_another(channel):
    """Of two consumers one does not read: the other gets all but what fits into buffers."""
    kept_at_most, batch = 20 << 20, 10 * 20000
    queue = channel.call("queue.declare", queue=unique(), auto_delete=True)["queue"]
    stuck = Client(receive_buffer=4096).open().open_channel()
    reader = with_channel()
    for c in (stuck, reader):
        c.call("basic.consume", queue=queue, no_ack=True)
    with MemoryLimit(64):
        received = 0
        for published in range(batch, 1000 * batch, batch):
            channel.write(wire.publish(bytes(20000), routing_key=queue) * 10)
            while received < published - kept_at_most:
                received += len(reader.receive())
        channel.expect_alive()
    hang_up(stuck)
    channel.call("queue.delete", queue=queue)


@test
def publisher_to_nowhere_costs_nothing(channel):
    with MemoryLimit(64):
        message = wire.publish(bytes(100000), routing_key=unique())
        for _ in range(500):
            channel.write(message)
        channel.expect_alive()


# --- noise


def noise(randomness):
    """A few frames: some well formed, some changed, some nothing but bytes."""
    frames = []
    for _ in range(randomness.randrange(1, 20)):
        name = randomness.choice(sorted(wire.METHODS))
        data = bytearray(wire.method(name, randomness.choice((0, 1, 1, 1, 2))))
        for _ in range(randomness.choice((0, 0, 1, 3))):
            data[randomness.randrange(len(data))] = randomness.randrange(256)
        frames.append(bytes(data))
        if randomness.random() < 0.3:
            frames.append(
                wire.publish(randomness.randbytes(randomness.randrange(50)), routing_key="x")
            )
        if randomness.random() < 0.1:
            frames.append(randomness.randbytes(randomness.randrange(40)))
    return b"".join(frames)


def see_it_through(c):
    """Sends nothing more and reads until the broker, which has by then seen all of it, hangs up."""
    try:
        c.socket.shutdown(socket.SHUT_WR)
    except OSError:
        return  # it hung up already
    while c.receive():
        pass


@test
def random_frames_disturb_nobody(channel):
    seed = int(os.environ.get("WIRE_SEED", random.randrange(1 << 32)))
    randomness = random.Random(seed)
    for round_ in range(here(stoatmq=300, rabbitmq=4)):
        c = with_channel()
        try:
            c.write(noise(randomness))
            see_it_through(c)
            channel.expect_alive()
        except Mismatch as why:
            raise Mismatch(f"WIRE_SEED={seed}, round {round_}: {why}") from why
        c.close()
