# SPDX-License-Identifier: Apache-2.0
"""AMQP 0-9-1 on the wire: frames, methods, tables. Pure: bytes in, bytes out, no sockets.

Encoding never checks that what it is asked for is sensible: that is what the tests are for.
A `bytes` value is always written as it is, where a `str` becomes UTF-8.
"""

import struct
from collections import namedtuple

PROTOCOL_HEADER = b"AMQP\0\0\x09\x01"
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = 0xCE

Frame = namedtuple("Frame", "type channel payload")
Method = namedtuple("Method", "name channel args")
Content = namedtuple("Content", "class_id weight size properties")

METHOD_TABLE = """
10.10 connection.start    version_major:octet version_minor:octet server_properties:table
                          mechanisms:longstr locales:longstr
10.11 connection.start-ok client_properties:table mechanism:shortstr response:longstr
                          locale:shortstr
10.20 connection.secure   challenge:longstr
10.21 connection.secure-ok response:longstr
10.30 connection.tune     channel_max:short frame_max:long heartbeat:short
10.31 connection.tune-ok  channel_max:short frame_max:long heartbeat:short
10.40 connection.open     virtual_host:shortstr reserved1:shortstr reserved2:bit
10.41 connection.open-ok  reserved1:shortstr
10.50 connection.close    reply_code:short reply_text:shortstr class_id:short method_id:short
10.51 connection.close-ok
10.60 connection.blocked  reason:shortstr
10.61 connection.unblocked
10.70 connection.update-secret new_secret:longstr reason:shortstr
10.71 connection.update-secret-ok
20.10 channel.open        reserved1:shortstr
20.11 channel.open-ok     reserved1:longstr
20.20 channel.flow        active:bit
20.21 channel.flow-ok     active:bit
20.40 channel.close       reply_code:short reply_text:shortstr class_id:short method_id:short
20.41 channel.close-ok
30.10 access.request      realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit
30.11 access.request-ok   ticket:short
40.10 exchange.declare    reserved1:short exchange:shortstr type:shortstr passive:bit durable:bit
                          auto_delete:bit internal:bit nowait:bit arguments:table
40.11 exchange.declare-ok
40.20 exchange.delete     reserved1:short exchange:shortstr if_unused:bit nowait:bit
40.21 exchange.delete-ok
40.30 exchange.bind       reserved1:short destination:shortstr source:shortstr routing_key:shortstr
                          nowait:bit arguments:table
40.31 exchange.bind-ok
40.40 exchange.unbind     reserved1:short destination:shortstr source:shortstr routing_key:shortstr
                          nowait:bit arguments:table
40.51 exchange.unbind-ok
50.10 queue.declare       reserved1:short queue:shortstr passive:bit durable:bit exclusive:bit
                          auto_delete:bit nowait:bit arguments:table
50.11 queue.declare-ok    queue:shortstr message_count:long consumer_count:long
50.20 queue.bind          reserved1:short queue:shortstr exchange:shortstr routing_key:shortstr
                          nowait:bit arguments:table
50.21 queue.bind-ok
50.30 queue.purge         reserved1:short queue:shortstr nowait:bit
50.31 queue.purge-ok      message_count:long
50.40 queue.delete        reserved1:short queue:shortstr if_unused:bit if_empty:bit nowait:bit
50.41 queue.delete-ok     message_count:long
50.50 queue.unbind        reserved1:short queue:shortstr exchange:shortstr routing_key:shortstr
                          arguments:table
50.51 queue.unbind-ok
60.10 basic.qos           prefetch_size:long prefetch_count:short global_:bit
60.11 basic.qos-ok
60.20 basic.consume       reserved1:short queue:shortstr consumer_tag:shortstr no_local:bit
                          no_ack:bit exclusive:bit nowait:bit arguments:table
60.21 basic.consume-ok    consumer_tag:shortstr
60.30 basic.cancel        consumer_tag:shortstr nowait:bit
60.31 basic.cancel-ok     consumer_tag:shortstr
60.40 basic.publish       reserved1:short exchange:shortstr routing_key:shortstr mandatory:bit
                          immediate:bit
60.50 basic.return        reply_code:short reply_text:shortstr exchange:shortstr
                          routing_key:shortstr
60.60 basic.deliver       consumer_tag:shortstr delivery_tag:longlong redelivered:bit
                          exchange:shortstr routing_key:shortstr
60.70 basic.get           reserved1:short queue:shortstr no_ack:bit
60.71 basic.get-ok        delivery_tag:longlong redelivered:bit exchange:shortstr
                          routing_key:shortstr message_count:long
60.72 basic.get-empty     reserved1:shortstr
60.80 basic.ack           delivery_tag:longlong multiple:bit
60.90 basic.reject        delivery_tag:longlong requeue:bit
60.100 basic.recover-async requeue:bit
60.110 basic.recover      requeue:bit
60.111 basic.recover-ok
60.120 basic.nack         delivery_tag:longlong multiple:bit requeue:bit
85.10 confirm.select      nowait:bit
85.11 confirm.select-ok
90.10 tx.select
90.11 tx.select-ok
90.20 tx.commit
90.21 tx.commit-ok
90.30 tx.rollback
90.31 tx.rollback-ok
"""


def _read_table_of_methods():
    by_name, by_id = {}, {}
    for line in METHOD_TABLE.replace("\n  ", " ").strip().split("\n"):
        ids, name, *fields = line.split()
        number = tuple(int(part) for part in ids.split("."))
        layout = [tuple(field.split(":")) for field in fields]
        by_name[name], by_id[number] = (number, layout), (name, layout)
    return by_name, by_id


METHODS, METHODS_BY_ID = _read_table_of_methods()
METHOD_IDS = {name: number for name, (number, _) in METHODS.items()}


# --- frames -------------------------------------------------------------------------------------


def frame(kind, channel, payload, end=FRAME_END):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + bytes([end])


def take_frame(data):
    """The first whole frame of `data` and what follows it, or (None, data)."""
    if len(data) < 7:
        return None, data
    kind, channel, size = struct.unpack_from(">BHI", data)
    if len(data) < size + 8:
        return None, data
    if data[size + 7] != FRAME_END:
        raise ValueError(f"the broker sent a frame that ends in {data[size + 7]:#x}")
    return Frame(kind, channel, bytes(data[7 : size + 7])), data[size + 8 :]


def method_frame(class_id, method_id, arguments, channel):
    return frame(METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)


def content_header(size, properties=b"\0\0", class_id=60, weight=0):
    """The payload of a header frame; `properties` are flags and values, already encoded."""
    return struct.pack(">HHQ", class_id, weight, size) + properties


def decode_content_header(payload):
    return Content(*struct.unpack_from(">HHQ", payload), payload[12:])


# --- strings and tables -------------------------------------------------------------------------


def raw(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def shortstr(text):
    return bytes([len(raw(text))]) + raw(text)


def longstr(text):
    return struct.pack(">I", len(raw(text))) + raw(text)


class Typed(namedtuple("Typed", "letter data")):
    """A field value with its type letter and its encoded bytes."""


def field_value(value):
    if isinstance(value, Typed):
        return raw(value.letter) + value.data
    if isinstance(value, bool):
        return b"t" + bytes([value])
    if isinstance(value, int):
        return (
            b"I" + struct.pack(">i", value)
            if abs(value) < 2**31
            else b"l" + struct.pack(">q", value)
        )
    if isinstance(value, float):
        return b"d" + struct.pack(">d", value)
    if isinstance(value, dict):
        return b"F" + table(value)
    if isinstance(value, list):
        return b"A" + longstr(b"".join(field_value(item) for item in value))
    if value is None:
        return b"V"
    return b"S" + longstr(value)


def table(fields):
    """A table with its length; takes a dict, a list of (key, value), or its encoded inside."""
    if isinstance(fields, bytes):
        return longstr(fields)
    pairs = fields.items() if isinstance(fields, dict) else fields
    return longstr(b"".join(shortstr(key) + field_value(value) for key, value in pairs))


class Reader:
    """Reads values off the front of `data`; running past the end raises struct.error."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def unpack(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values

    def bytes(self, size):
        if self.at + size > len(self.data):
            raise struct.error(f"{size} bytes wanted, {len(self.data) - self.at} left")
        self.at += size
        return self.data[self.at - size : self.at]

    def left(self):
        return len(self.data) - self.at

    def shortstr(self):
        return self.bytes(self.unpack("B")).decode("utf-8", "surrogateescape")

    def longstr(self):
        return self.bytes(self.unpack("I")).decode("utf-8", "surrogateescape")

    def table(self):
        inside, fields = Reader(self.bytes(self.unpack("I"))), {}
        while inside.left():
            key = inside.shortstr()
            fields[key] = inside.field_value()
        return fields

    def field_value(self):
        letter = chr(self.unpack("B"))
        simple = {
            "t": "?",
            "b": "b",
            "B": "B",
            "s": "h",
            "u": "H",
            "I": "i",
            "i": "I",
            "l": "q",
            "L": "q",
            "T": "Q",
            "f": "f",
            "d": "d",
            "D": "Bi",
        }
        if letter in simple:
            return self.unpack(simple[letter])
        if letter == "A":
            inside, items = Reader(self.bytes(self.unpack("I"))), []
            while inside.left():
                items.append(inside.field_value())
            return items
        others = {"S": self.longstr, "x": self.longstr, "F": self.table, "V": lambda: None}
        return others[letter]()


# --- methods ------------------------------------------------------------------------------------

INTEGERS = {"octet": "B", "short": "H", "long": "I", "longlong": "Q"}
STRINGS = {"shortstr": shortstr, "longstr": longstr, "table": table}


def encode_arguments(name, **args):
    out, bits, shift = b"", 0, 0
    for field, kind in METHODS[name][1]:
        value = args.pop(field, "" if kind.endswith("str") else {} if kind == "table" else 0)
        if kind == "bit":
            bits, shift = bits | (bool(value) << shift), shift + 1
            continue
        if shift:
            out, bits, shift = out + bytes([bits]), 0, 0
        out += STRINGS[kind](value) if kind in STRINGS else struct.pack(">" + INTEGERS[kind], value)
    assert not args, f"{name} has no field {sorted(args)}"
    return out + bytes([bits]) if shift else out


def method(name, channel=1, **args):
    return method_frame(*METHOD_IDS[name], encode_arguments(name, **args), channel)


def decode_method(received):
    class_id, method_id = struct.unpack_from(">HH", received.payload)
    name, layout = METHODS_BY_ID[(class_id, method_id)]
    reader, args, octet, shift = Reader(received.payload[4:]), {}, 0, 8
    for field, kind in layout:
        if kind == "bit":
            if shift == 8:
                octet, shift = reader.unpack("B"), 0
            args[field], shift = bool(octet >> shift & 1), shift + 1
            continue
        shift = 8
        args[field] = getattr(reader, kind)() if kind in STRINGS else reader.unpack(INTEGERS[kind])
    if reader.left():
        raise ValueError(f"{name} has {reader.left()} bytes too many")
    return Method(name, received.channel, args)


def publish(body, exchange="", routing_key="", channel=1, properties=b"\0\0", **args):
    """A whole message in one write: method, header and (when there is one) a body frame."""
    return (
        method("basic.publish", channel, exchange=exchange, routing_key=routing_key, **args)
        + frame(HEADER, channel, content_header(len(body), properties))
        + (frame(BODY, channel, body) if body else b"")
    )


def headers_property(fields):
    """Encoded properties that hold nothing but a headers table."""
    return b"\x20\x00" + table(fields)


def user_id_property(user):
    return b"\x00\x10" + shortstr(user)


def properties(headers=None, delivery_mode=None, expiration=None):
    """Encoded properties of these three."""
    flags, out = 0, b""
    if headers is not None:
        flags, out = flags | 1 << 13, out + table(headers)
    if delivery_mode is not None:
        flags, out = flags | 1 << 12, out + bytes([delivery_mode])
    if expiration is not None:
        flags, out = flags | 1 << 8, out + shortstr(expiration)
    return struct.pack(">H", flags) + out


def read_properties(encoded):
    """Of received properties, headers, delivery_mode, expiration and timestamp, as far as they are
    there."""
    reader, read = Reader(encoded), {}
    flags = reader.unpack("H")
    if flags & ~0x3140:
        raise ValueError(f"there are other properties: {flags:#x}")
    for bit, name, kind in (13, "headers", "table"), (12, "delivery_mode", None):
        if flags & 1 << bit:
            read[name] = getattr(reader, kind)() if kind else reader.unpack("B")
    if flags & 1 << 8:
        read["expiration"] = reader.shortstr()
    if flags & 1 << 6:
        read["timestamp"] = reader.unpack("Q")
    return read
