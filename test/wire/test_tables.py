# SPDX-License-Identifier: Apache-2.0
"""Field tables and names: every type, every way to get them wrong, and the edges of strings."""

import re
import struct

import wire
from client import ANY, NO_METHOD, here, unique
from scripts import named, test
from wire import Typed, longstr, shortstr, table

MALFORMED_UTF8 = "FRAME_ERROR - Malformed UTF-8 in shortstr"
CANNOT_DECODE = re.compile("(FRAME_ERROR|SYNTAX_ERROR) - .*")

EVERY_TYPE = [
    ("bool-true", Typed("t", b"\1")),
    ("bool-false", Typed("t", b"\0")),
    ("int8", Typed("b", struct.pack(">b", -128))),
    ("uint8", Typed("B", b"\xff")),
    ("int16", Typed("s", struct.pack(">h", -32768))),
    ("uint16", Typed("u", b"\xff\xff")),
    ("int32", Typed("I", struct.pack(">i", -(2**31)))),
    ("uint32", Typed("i", b"\xff" * 4)),
    ("int64", Typed("l", struct.pack(">q", -(2**63)))),
    ("uint64", Typed("L", b"\xff" * 8)),
    ("float", Typed("f", struct.pack(">f", 1.5))),
    ("double", Typed("d", struct.pack(">d", -0.1))),
    ("decimal", Typed("D", struct.pack(">BI", 2, 12345))),
    ("longstr", Typed("S", longstr("text"))),
    ("empty", Typed("S", longstr(""))),
    ("bytes", Typed("x", longstr(bytes(range(256))))),
    ("timestamp", Typed("T", struct.pack(">Q", 1700000000))),
    ("void", Typed("V", b"")),
    ("array", [1, "two", [3.0, None, []], {"four": {"five": [True]}}]),
    ("table", {"nested": {"deeper": {"deepest": "here"}}, "none": None}),
]


def come_back(c, headers):
    """Publishes with this headers table and compares what basic.get gives, byte for byte."""
    queue, properties = c.queue(), wire.headers_property(headers)
    c.publish(b"x", routing_key=queue, properties=properties)
    got = c.get(queue, no_ack=True)[1]
    assert got == properties, f"{properties!r} came back as {got!r}"


def _comes_back(name, value):
    def script(channel):
        come_back(channel, [("key", value)])

    named(script, f"{name} field comes back byte for byte")


for _name, _value in EVERY_TYPE:
    _comes_back(_name, _value)


@test
def all_field_types_together_come_back_byte_for_byte(channel):
    come_back(channel, EVERY_TYPE)


@test
def all_field_types_are_accepted_as_arguments(channel):
    channel.queue(arguments=EVERY_TYPE)


@test
def empty_table_comes_back(channel):
    come_back(channel, {})


@test
def key_of_255_bytes_comes_back(channel):
    come_back(channel, {"k" * 255: "v"})


@test
def empty_key_comes_back(channel):
    come_back(channel, {"": "v"})


@test
def longstr_that_is_not_utf8_comes_back(channel):
    come_back(channel, {"key": b"\xff\xfe\x00\x80"})


@test
def key_that_is_not_utf8_comes_back(channel):
    come_back(channel, [(b"\xff\xfe", 1)])


@test
def duplicate_keys_come_back(channel):
    come_back(channel, [("key", 1), ("key", 2)])


@test
def table_of_100_kb_comes_back(channel):
    come_back(channel, {"key": "x" * 100000})


@test
def table_with_10000_keys_comes_back(channel):
    come_back(channel, [(f"k{number}", number % 100) for number in range(10000)])


@test
def bool_other_than_0_and_1_counts_as_true(channel):
    queue = channel.queue()
    channel.publish(
        b"x", routing_key=queue, properties=wire.headers_property({"k": Typed("t", b"\2")})
    )
    assert channel.get(queue)[1][-1] in (1, 2)


def nested(depth):
    """A table within a table, `depth` levels, around nothing."""
    inside = b""
    for _ in range(depth):
        inside = shortstr("a") + b"F" + longstr(inside)
    return longstr(inside)


def nested_arrays(depth):
    inside = b""
    for _ in range(depth):
        inside = b"A" + longstr(inside)
    return table(shortstr("a") + inside)


@test
def tables_nested_20_deep_are_accepted(channel):
    queue = channel.queue()
    channel.publish(b"x", routing_key=queue, properties=b"\x20\0" + nested(20))
    assert channel.get(queue)[1] == b"\x20\0" + nested(20)


def survives(c, other, properties):
    """The message is taken or the connection refused: the broker goes on either way."""
    queue = c.queue()
    c.publish(b"x", routing_key=queue, properties=properties)
    c.send("basic.get", queue=queue)
    frame = c.next_frame()
    method = wire.decode_method(frame)
    assert method.name == "basic.get-ok" or (
        method.name == "connection.close" and method.args["reply_code"] in (501, 502)
    ), method
    other.open_channel()


@test
def bomb_of_nested_tables_in_a_message_disturbs_nobody(channel, connection):
    survives(channel, connection, b"\x20\0" + nested(15000))


@test
def bomb_of_nested_arrays_in_a_message_disturbs_nobody(channel, connection):
    survives(channel, connection, b"\x20\0" + nested_arrays(20000))


@test
def bomb_of_nested_tables_in_arguments_disturbs_nobody(channel, connection):
    arguments = wire.encode_arguments("queue.declare", queue=unique(), exclusive=True)[:-4]
    channel.send_method(50, 10, arguments + nested(15000))
    frame = channel.next_frame()
    method = wire.decode_method(frame)
    assert method.name == "queue.declare-ok" or method.args["reply_code"] in (501, 502), method
    connection.open_channel()


# --- malformed: in a method's arguments

MALFORMED_LENGTH = {
    "a length past its end": struct.pack(">I", 100) + shortstr("k") + b"t\1",
    "a length of 4 GiB": b"\xff\xff\xff\xff",
    "a length one too short": struct.pack(">I", 3) + shortstr("k") + b"t\1",
}
MALFORMED_INSIDE = {
    "a value past its end": longstr(shortstr("k") + b"S" + struct.pack(">I", 100) + b"x"),
    "a value of 4 GiB": longstr(shortstr("k") + b"S" + b"\xff\xff\xff\xff"),
    "a key past its end": longstr(b"\x14k"),
    "a key without a value": longstr(shortstr("k")),
    "a type without a value": longstr(shortstr("k") + b"I"),
    "an integer cut short": longstr(shortstr("k") + b"I\0\0\0"),
    "an unknown type": longstr(shortstr("k") + b"z\0\0\0\0"),
    "type 0": longstr(shortstr("k") + b"\0"),
    "an array past its end": longstr(shortstr("k") + b"A" + struct.pack(">I", 50) + b"t\1"),
    "an array of unknown type": longstr(shortstr("k") + b"A" + longstr(b"z")),
    "a nested table past its end": longstr(
        shortstr("k") + b"F" + struct.pack(">I", 50) + b"\1at\1"
    ),
}


def _malformed_arguments_are_refused(name, encoded, expectation):
    def script(channel, connection):
        start = wire.encode_arguments("queue.declare", queue=unique(), exclusive=True)[:-4]
        channel.send_method(50, 10, start + encoded)
        getattr(channel, expectation)({501, 502}, CANNOT_DECODE, "queue.declare")
        connection.open_channel()

    named(script, f"arguments with {name} close connection")


def _malformed_headers_are_refused(name, encoded):
    def script(channel, connection):
        channel.publish(b"x", routing_key=unique(), properties=b"\x20\0" + encoded)
        channel.expect_connection_close(
            *here(stoatmq=({501, 502}, ANY), rabbitmq=(541, "INTERNAL_ERROR"))
        )
        connection.open_channel()

    named(script, f"headers with {name} close connection")


for _name, _encoded in MALFORMED_LENGTH.items():
    _malformed_arguments_are_refused(_name, _encoded, "expect_connection_close")
    _malformed_headers_are_refused(_name, _encoded)
for _name, _encoded in MALFORMED_INSIDE.items():  # RabbitMQ's decoder crashes and the socket closes
    _malformed_arguments_are_refused(_name, _encoded, "expect_refused")
    _malformed_headers_are_refused(_name, _encoded)


@test
def client_properties_with_an_unknown_type_are_refused(greeted, connection):
    arguments = (
        longstr(shortstr("k") + b"z")
        + shortstr("PLAIN")
        + longstr("\0guest\0guest")
        + shortstr("en_US")
    )
    greeted.send_method(10, 11, arguments, channel=0)
    greeted.expect_refused({501, 502})
    connection.open_channel()


# --- names


@test
def queue_name_of_255_bytes_is_accepted(channel):
    name = unique().ljust(255, "q")
    channel.call("queue.declare", queue=name, exclusive=True)
    channel.publish(b"x", routing_key=name)
    assert channel.get(name)[0].args["routing_key"] == name


@test
def exchange_name_of_255_bytes_is_accepted(channel):
    name = unique().ljust(255, "e")
    channel.call("exchange.declare", exchange=name, type="fanout")
    channel.publish(b"x", exchange=name)
    channel.expect_alive()
    channel.call("exchange.delete", exchange=name)


@test
def routing_key_of_255_bytes_comes_back(channel):
    queue = channel.queue()
    channel.call("queue.bind", queue=queue, exchange="amq.topic", routing_key="#")
    channel.publish(b"x", exchange="amq.topic", routing_key="k" * 255)
    assert channel.get(queue)[0].args["routing_key"] == "k" * 255


@test
def consumer_tag_of_255_bytes_comes_back(channel):
    assert channel.call("basic.consume", queue=channel.queue(), consumer_tag="t" * 255) == {
        "consumer_tag": "t" * 255
    }


@test
def utf8_names_come_back(channel):
    name = unique("käse-奶酪-🧀")
    assert channel.call("queue.declare", queue=name, exclusive=True)["queue"] == name
    channel.publish(b"x", routing_key=name)
    channel.get(name)


@test
def carriage_return_and_line_feed_are_taken_out_of_a_queue_name(channel):
    name = unique()
    got = channel.call("queue.declare", queue=f"\r\n{name}\n", exclusive=True)["queue"]
    assert got == name, got


@test
def name_with_nul_and_control_bytes_is_accepted(channel):
    name = unique() + "\0\1\x7f"
    assert channel.call("queue.declare", queue=name, exclusive=True)["queue"] == name


@test
def queue_name_that_is_not_utf8_closes_connection_501(channel):
    channel.send("queue.declare", queue=b"\xff\xfe")
    channel.expect_connection_close(501, MALFORMED_UTF8, NO_METHOD)


@test
def truncated_utf8_in_a_name_closes_connection_501(channel):
    channel.send("queue.declare", queue=b"abc\xe5\xa5")
    channel.expect_connection_close(501, MALFORMED_UTF8, NO_METHOD)


@test
def overlong_utf8_in_a_name_closes_connection_501(channel):
    channel.send("queue.declare", queue=b"\xc0\x80")
    channel.expect_connection_close(501, MALFORMED_UTF8, NO_METHOD)


@test
def surrogate_in_a_name_is_taken_or_refused(channel):
    channel.send("queue.declare", queue=b"\xed\xa0\x80" + wire.raw(unique()), exclusive=True)
    answer = channel.expect_any()
    assert answer.name == "queue.declare-ok" or answer.args["reply_text"] == MALFORMED_UTF8, answer


@test
def routing_key_of_a_publish_is_taken_as_bytes(channel):
    queue = channel.queue()
    channel.call("queue.bind", queue=queue, exchange="amq.fanout")
    channel.publish(b"x", exchange="amq.fanout", routing_key=b"\xff\xfe")
    answer, _, _ = channel.get(queue)
    assert answer.args["routing_key"] == "\udcff\udcfe", answer


@test
def exchange_of_a_publish_that_is_not_utf8_is_a_missing_one(channel):
    channel.publish(b"x", exchange=b"\xff")
    channel.expect_channel_close(
        404, "NOT_FOUND - no exchange '\udcff' in vhost '/'", "basic.publish"
    )


@test
def returned_routing_key_that_is_not_utf8_comes_back(channel):
    channel.publish(b"x", routing_key=b"\xff\xfe", mandatory=True)
    channel.expect_content("basic.return", reply_code=312, routing_key="\udcff\udcfe")


@test
def refusal_repeats_a_property_that_is_not_utf8(channel):
    channel.publish(b"x", routing_key="x", properties=b"\1\0" + shortstr(b"\xff"))
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - invalid expiration '\udcff': no_integer", "basic.publish"
    )


@test
def refusal_repeats_an_argument_that_is_not_utf8(channel):
    arguments = {"x-match": b"\xff"}
    channel.send("queue.bind", queue=channel.queue(), exchange="amq.headers", arguments=arguments)
    channel.expect_channel_close(
        406,
        'PRECONDITION_FAILED - Invalid x-match field value <<"\udcff">>;'
        " expected all, any, all-with-x, or any-with-x",
        "queue.bind",
    )


def _refusal_is_cut(name, queue):
    def script(channel):
        channel.send("queue.declare", queue=queue, passive=True)
        text = channel.expect("channel.close", reply_code=404).args["reply_text"]
        whole = wire.raw(f"NOT_FOUND - no queue '{queue}")
        # RabbitMQ cuts at 252 bytes, within a character if need be
        assert text.endswith("...") and len(wire.raw(text)) > 250, text
        assert whole.startswith(wire.raw(text)[:-3]), text

    named(script, f"refusal that would be too long is cut {name}")


_refusal_is_cut("in a queue name of two-byte characters", "ä" * 127)
_refusal_is_cut("within a character", "xä" * 85)


@test
def property_that_is_not_utf8_comes_back(channel):
    queue, properties = channel.queue(), b"\x80\0" + shortstr(b"\xff\xfe")
    channel.publish(b"x", routing_key=queue, properties=properties)
    assert channel.get(queue)[1] == properties


@test
def reserved_queue_name_closes_channel_403(channel):
    channel.send("queue.declare", queue="amq.mine")
    channel.expect_channel_close(
        403,
        "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
        "queue.declare",
    )


@test
def reserved_exchange_name_closes_channel_403(channel):
    channel.send("exchange.declare", exchange="amq.mine", type="direct")
    channel.expect_channel_close(
        403,
        "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
        "exchange.declare",
    )


@test
def deleting_a_predeclared_exchange_closes_channel_403(channel):
    channel.send("exchange.delete", exchange="amq.direct")
    channel.expect_channel_close(
        403,
        "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
        "exchange.delete",
    )


@test
def declaring_the_default_exchange_closes_channel_403(channel):
    channel.send("exchange.declare", exchange="", type="direct")
    channel.expect_channel_close(
        403, "ACCESS_REFUSED - operation not permitted on the default exchange", "exchange.declare"
    )


@test
def empty_queue_name_gets_a_generated_one(channel):
    name = channel.call("queue.declare", exclusive=True)["queue"]
    assert name.startswith("amq.gen-"), name
    channel.send("basic.get")
    channel.expect("basic.get-empty")


@test
def empty_queue_name_without_a_declare_closes_channel_404(channel):
    channel.send("basic.get")
    channel.expect_channel_close(404, "NOT_FOUND - no previously declared queue", "basic.get")
