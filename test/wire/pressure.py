# SPDX-License-Identifier: Apache-2.0
"""Alarms on and off: by rabbitmqctl with RabbitMQ, by using up what there is with StoatMQ.

StoatMQ must have been started with a vm_memory_high_watermark.absolute of some hundred MiB, and by
`test/with-broker --disk-room 4`. What takes the memory is messages of which the last octets are
missing: they are in no queue, so nothing but the end of their connection frees them.
"""

import os
import select
import socket
import struct
import subprocess
import time

import wire
from client import AGAINST_RABBITMQ, TIMEOUT_S, Client, Mismatch, connected, with_channel

DISK_ROOM_GIB = 4
ORACLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle", "rabbitmq")
PROBES = 4  # connections are spread over the loops: each should have heard of it
BODY_BYTES, PART_BYTES, PARTS = 1 << 20, 128000, 8
BLOCKED = wire.method("connection.blocked", 0)[7:11]  # class and method
SETTLE_S = 0.8


def control(*command):
    subprocess.run([ORACLE, "ctl", os.environ["AMQP_FOLDER"], *command], check=True)


def reason_now():
    """What a publisher is told now, "" when it is not blocked."""
    probe = with_channel()
    probe.publish(b"", routing_key="to no queue")
    probe.send("basic.qos")
    method = probe.expect_any()
    probe.close()
    Client.opened.remove(probe)
    return method.args["reason"] if method.name == "connection.blocked" else ""


def wait_until(word, is_on):
    """Until publishers everywhere are told, or not told, that `word` is low."""
    agree, until = 0, time.monotonic() + 2 * TIMEOUT_S
    while agree < PROBES:
        agree = agree + 1 if (word in reason_now()) == is_on else 0
        if time.monotonic() > until:
            raise Mismatch(f"the alarm about {word} did not go {'on' if is_on else 'off'}")


class Alarm:
    """`with Memory():` the alarm is on within, and off behind it."""

    word = None

    def __enter__(self):
        self.set()
        wait_until(self.word, True)
        return self

    def clear(self):
        self.unset()
        wait_until(self.word, False)

    def __exit__(self, failure, *_):
        if failure:
            self.unset()
        else:
            self.clear()


class Eater(Client):
    """A connection that takes memory until it is told that it is blocked."""

    def __init__(self):
        super().__init__()
        self.open()
        # Closes by a reset: its end would wait behind what the broker does not read.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.setblocking(False)
        for channel in range(1, 2048):
            frames = wire.method("channel.open", channel) + wire.method("basic.publish", channel)
            frames += wire.frame(wire.HEADER, channel, wire.content_header(BODY_BYTES))
            frames += wire.frame(wire.BODY, channel, bytes(PART_BYTES)) * PARTS
            if self.is_blocked_within(frames):
                break
        else:
            raise Mismatch("2 GiB did not bring the alarm on")
        self.socket.setblocking(True)

    def is_blocked_within(self, frames):
        """Writes what the broker reads of FRAMES; are we told that it reads no more?"""
        rest = memoryview(frames)
        while rest:
            readable, writable, _ = select.select([self.socket], [self.socket], [], TIMEOUT_S)
            if readable:
                self.unread += self.socket.recv(1 << 16)
                if BLOCKED in self.unread:
                    return True
            elif writable:
                rest = rest[self.socket.send(rest) :]
            else:
                raise Mismatch("the broker neither reads nor says why")
        return False

    def is_unblocked(self):
        """Soon after: when the broker found memory to give back to the system."""
        return bool(select.select([self.socket], [], [], SETTLE_S)[0])


class Memory(Alarm):
    word = "memory"

    def __init__(self):
        self.eaters = []

    def set(self):
        if AGAINST_RABBITMQ:
            return control("set_vm_memory_high_watermark", "absolute", "1")
        self.eaters.append(Eater())
        while self.eaters[-1].is_unblocked():
            self.eaters.append(Eater())

    def unset(self):
        if AGAINST_RABBITMQ:
            return control("set_vm_memory_high_watermark", "0.4")
        while self.eaters:
            self.eaters.pop().close()


class Disk(Alarm):
    word = "disk"

    def __init__(self):
        self.path = os.path.join(os.environ["AMQP_FOLDER"], "filler")

    def set(self):
        if AGAINST_RABBITMQ:
            return control("set_disk_free_limit", "1000000GB")
        with open(self.path, "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, (DISK_ROOM_GIB + 2) << 30)

    def unset(self):
        if AGAINST_RABBITMQ:
            control("set_disk_free_limit", "50MB")
        else:
            os.unlink(self.path)
