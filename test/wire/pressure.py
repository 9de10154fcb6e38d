# SPDX-License-Identifier: Apache-2.0
"""Alarms on and off: by rabbitmqctl with RabbitMQ, by using up what there is with StoatMQ.

StoatMQ must have been started with a vm_memory_high_watermark.absolute of MEMORY_LIMIT_MIB, and by
`test/with-broker --disk-room DISK_ROOM_GIB`. What takes the memory is messages of which the last
octet is missing: they are in no queue, so nothing but the end of their connection frees them.
"""

import os
import select
import subprocess

import wire
from client import AGAINST_RABBITMQ, TIMEOUT_S, Client, Mismatch, connected, with_channel

DISK_ROOM_GIB = 4
ORACLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle", "rabbitmq")
PROBES = 4  # connections are spread over the loops: each should have heard of it
BODY_BYTES, PART_BYTES = 1 << 20, 128000


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
    agree, tries = 0, 0
    while agree < PROBES:
        agree = agree + 1 if (word in reason_now()) == is_on else 0
        tries += 1
        if tries > 500:
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


class Memory(Alarm):
    word = "memory"

    def __init__(self):
        self.eater = None

    def set(self):
        if AGAINST_RABBITMQ:
            return control("set_vm_memory_high_watermark", "absolute", "1")
        self.eater = connected()
        part = bytes(PART_BYTES)
        parts = wire.frame(wire.BODY, 1, part) * (BODY_BYTES // PART_BYTES)
        for channel in range(1, 2048):
            front = wire.method("channel.open", channel) + wire.method("basic.publish", channel)
            front += wire.frame(wire.HEADER, channel, wire.content_header(BODY_BYTES))
            frames = parts.replace(b"\3\0\1", b"\3" + channel.to_bytes(2, "big"))
            if self.is_told(front + frames):
                return None
        raise Mismatch("2 GiB did not bring the alarm on")

    def is_told(self, data):
        """Writes DATA; True when the broker says that it reads no more."""
        self.eater.socket.setblocking(False)
        rest = memoryview(data)
        try:
            while rest:
                readable, writable, _ = select.select(
                    [self.eater.socket], [self.eater.socket], [], TIMEOUT_S
                )
                if readable:
                    self.eater.unread += self.eater.socket.recv(1 << 16)
                    if wire.method("connection.blocked", 0)[7:11] in self.eater.unread:
                        return True
                elif writable:
                    rest = rest[self.eater.socket.send(rest) :]
                else:
                    raise Mismatch("the broker neither reads nor says why")
            return False
        finally:
            self.eater.socket.setblocking(True)

    def unset(self):
        if AGAINST_RABBITMQ:
            control("set_vm_memory_high_watermark", "0.4")
        else:
            self.eater.close()


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
