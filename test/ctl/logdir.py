# SPDX-License-Identifier: Apache-2.0
"""Data directories for the tests of stoatmqctl: made by a real broker, copied, and spoiled."""

import os
import shutil
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.update(AMQP_HOST="127.0.0.1", AMQP_PORT="0", AMQP_AGAINST="stoatmq")
sys.path[:0] = [os.path.join(os.path.dirname(HERE), name) for name in ("wire", "crash")]
import brokers  # noqa: E402
import client  # noqa: E402

SEGMENT_BYTES = 64 << 20
HEADER_BYTES = 4096
PERSISTENT = b"\x10\x00\x02"  # properties: delivery-mode 2
FRAME_BODY_MAX = 131072 - 8
WAIT_S = 60


def segment(number):
    return f"{number:020}.log"


def index(number):
    return f"{number:020}.idx"


def crc32c(data):
    """RFC 3720's, bit by bit: for little data."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# --- brokers ----------------------------------------------------------------------------------


class Options:
    """What with-broker would read from its command line: nothing but these."""

    def __init__(self, server, conf):
        self.server, self.loops, self.conf = server, 1, ["store.log = true", *conf]

    def __getattr__(self, name):
        return None


class Broker:
    """A broker with a log in FOLDER/data, and a channel to it in confirm mode. COPY: a copy of
    another's directory, which it gets."""

    def __init__(self, server, folder, copy=None, conf=()):
        self.process = brokers.StoatMQ(folder, brokers.free_port(), Options(server, conf))
        self.data = self.process.data
        if copy is not None:
            os.rmdir(self.data)
            os.rename(copy.own_all().path, self.data)

    def start(self):
        """False when it does not start."""
        if not self.process.start():
            return False
        client.PORT = self.process.port
        self.client = client.with_channel()
        self.client.call("confirm.select")
        self.published = 0
        return True

    def log(self):
        with open(self.process.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def publish(self, queue, body=b"", properties=PERSISTENT, exchange=""):
        self.client.send("basic.publish", exchange=exchange, routing_key=queue)
        self.client.send_header(len(body), properties=properties)
        for at in range(0, len(body), FRAME_BODY_MAX):
            self.client.send_body(body[at:at + FRAME_BODY_MAX])
        self.published += 1

    def wait_confirmed(self):
        while self.client.expect("basic.ack", delivery_tag=client.ANY,
                                 multiple=client.ANY).args["delivery_tag"] < self.published:
            pass

    def take(self, queue):
        """Gets a message and acknowledges it."""
        method = self.client.get(queue)[0]
        self.client.send("basic.ack", delivery_tag=method.args["delivery_tag"])

    def stop(self):
        """In good order, once what was sent has arrived."""
        self.client.call("channel.close", reply_code=200, reply_text="", class_id=0, method_id=0)
        self.client.close()
        assert self.process.stop(), self.log()

    def kill(self):
        self.process.kill()


def until(what, condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_S} s: {what}"
        time.sleep(0.01)  # no-sleep-ok: polls a file, bounded


def checkpoint_place(data):
    """The segment and the offset at which the checkpoint stands; 0, 0: there is none."""
    try:
        with open(os.path.join(data, "checkpoint"), "rb") as file:
            return divmod(struct.unpack("<Q", file.read(24)[16:])[0], SEGMENT_BYTES)
    except FileNotFoundError:
        return 0, 0


# --- copies that are spoiled ------------------------------------------------------------------


class Copy:
    """A copy of a data directory for reading: a file is shared with the original until edited."""

    def __init__(self, original, folder):
        self.path = os.path.join(folder, "copy")
        os.mkdir(self.path)
        for name in os.listdir(original):
            os.link(os.path.join(original, name), os.path.join(self.path, name))

    def file(self, name):
        return os.path.join(self.path, name)

    def remove(self, name):
        os.unlink(self.file(name))
        return self

    def own(self, name):
        """Makes the file this copy's own."""
        shutil.copyfile(self.file(name), self.file(name) + ".own")
        os.replace(self.file(name) + ".own", self.file(name))

    def own_all(self):
        """For a broker, which writes."""
        for name in os.listdir(self.path):
            self.own(name)
        return self

    def edit(self, name, change):
        """CHANGE gets the file, open for reading and writing."""
        self.own(name)
        with open(self.file(name), "r+b") as file:
            change(file)
        return self

    def flip(self, name, offset):
        def change(file):
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0x10]))
        return self.edit(name, change)

    def truncate(self, name, size):
        return self.edit(name, lambda file: file.truncate(size))

    def set_version(self, number, version):
        """Gives segment NUMBER's header another format version, with a checksum that fits."""
        def change(file):
            header = bytearray(file.read(44))
            struct.pack_into("<I", header, 8, version)
            struct.pack_into("<I", header, 40, crc32c(header[:40]))
            file.seek(0)
            file.write(header)
        return self.edit(segment(number), change)

    def reseal(self, name, at, value):
        """Puts VALUE at AT in an index or checkpoint, whose checksum fits then."""
        def change(file):
            content = bytearray(file.read())
            content[at:at + len(value)] = value
            struct.pack_into("<I", content, 8, crc32c(content[12:]))
            file.seek(0)
            file.write(content)
        return self.edit(name, change)
