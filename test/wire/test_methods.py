# SPDX-License-Identifier: Apache-2.0
"""Methods that no server takes: unknown, the server's own, cut short, or too long."""

import re
import struct

import wire
from client import NO_METHOD, here, unique
from scripts import named, test

UNIMPLEMENTED = "COMMAND_INVALID - unimplemented method"
WRONG_STATE = "CHANNEL_ERROR - unexpected method in connection state running"
UNKNOWN = {501, 502, 503, 504, 540}
CANNOT_DECODE = re.compile("(FRAME_ERROR|SYNTAX_ERROR) - .*")

OF_THE_CONNECTION = [
    "connection.start",
    "connection.secure",
    "connection.tune",
    "connection.open-ok",
    "connection.blocked",
    "connection.unblocked",
    "connection.update-secret-ok",
]
WITH_CONTENT = ["basic.return", "basic.deliver", "basic.get-ok"]
ON_A_CHANNEL = [name for name in wire.METHODS if not name.startswith("connection.")]
REPLIES = [
    name
    for name in ON_A_CHANNEL
    if name.endswith(("-ok", "-empty")) and name not in (*WITH_CONTENT, "channel.close-ok")
]
WITH_ARGUMENTS = [
    name
    for name in ON_A_CHANNEL
    if wire.METHODS[name][1] and name not in (*REPLIES, *WITH_CONTENT, "channel.open")
]


# --- unknown: RabbitMQ's decoder crashes and the socket closes without a word


@test
def unknown_class_ends_the_connection(channel):
    channel.send_method(99, 10)
    channel.expect_refused(UNKNOWN)


@test
def unknown_method_of_a_known_class_ends_the_connection(channel):
    channel.send_method(60, 255)
    channel.expect_refused(UNKNOWN)


@test
def unknown_method_of_the_connection_ends_it(connection):
    connection.send_method(10, 99, channel=0)
    connection.expect_refused(UNKNOWN)


@test
def unknown_method_before_login_is_refused(greeted):
    greeted.send_method(10, 99, channel=0)
    greeted.expect_refused(UNKNOWN)


@test
def unknown_method_does_not_disturb_another_connection(channel, connection):
    channel.send_method(0xFFFF, 0xFFFF)
    channel.expect_refused(UNKNOWN)
    connection.open_channel()


# --- the server's own


def _of_the_connection_is_refused(name):
    def script(connection):
        connection.send(name)
        connection.expect_connection_close(504, WRONG_STATE, name)

    named(script, f"{name} from a client closes connection 504")


def _reply_is_refused(name):
    def script(channel):
        channel.send(name)
        channel.expect_connection_close(503, UNIMPLEMENTED, name)

    named(script, f"{name} from a client closes connection 503")


def _with_content_is_refused(name):
    def script(channel):
        channel.write(wire.method(name) + wire.frame(wire.HEADER, 1, wire.content_header(0)))
        channel.expect_connection_close(503, UNIMPLEMENTED, name)

    named(script, f"{name} from a client closes connection 503")


for _name in OF_THE_CONNECTION:
    _of_the_connection_is_refused(_name)
for _name in REPLIES:
    _reply_is_refused(_name)
for _name in WITH_CONTENT:
    _with_content_is_refused(_name)


# --- cut short, or too long


def _is_refused_cut_short(name):
    def script(channel):
        channel.send_method(*wire.METHOD_IDS[name], wire.encode_arguments(name)[:-1])
        channel.expect_connection_close({501, 502}, CANNOT_DECODE, name)

    named(script, f"{name} cut short closes connection 501")


def _is_refused_with_a_byte_more(name):
    def script(channel):
        channel.send_method(*wire.METHOD_IDS[name], wire.encode_arguments(name) + b"\0")
        channel.expect_connection_close({501, 502}, CANNOT_DECODE, name)

    named(script, f"{name} with a byte too many closes connection 501")


for _name in WITH_ARGUMENTS:
    _is_refused_cut_short(_name)
    _is_refused_with_a_byte_more(_name)
for _name in ("tx.select", "tx.commit", "tx.rollback", "channel.close-ok"):
    _is_refused_with_a_byte_more(_name)


@test
def start_ok_cut_short_is_refused(greeted):
    greeted.send_method(10, 11, wire.encode_arguments("connection.start-ok")[:-1], channel=0)
    greeted.expect_refused({501, 502})


@test
def shortstr_longer_than_its_method_closes_connection(channel):
    channel.send_method(50, 10, struct.pack(">H", 0) + b"\xffabc")
    channel.expect_connection_close({501, 502}, CANNOT_DECODE, "queue.declare")


@test
def table_longer_than_its_method_closes_connection(channel):
    arguments = wire.encode_arguments("queue.declare", queue=unique())
    channel.send_method(50, 10, arguments[:-4] + b"\xff\xff\xff\xff")
    channel.expect_connection_close({501, 502}, CANNOT_DECODE, "queue.declare")


@test
def update_secret_cut_short_closes_connection(connection):
    connection.send_method(10, 70, b"\0\0", channel=0)
    connection.expect_connection_close(
        *here(
            stoatmq=({501, 502}, CANNOT_DECODE, "connection.update-secret"),
            rabbitmq=(541, "INTERNAL_ERROR", NO_METHOD),
        )
    )


# --- odd, but allowed or refused by name


@test
def reserved_bits_are_ignored(channel):
    queue = unique()
    arguments = struct.pack(">H", 0) + wire.shortstr(queue) + b"\xe4" + wire.table({})
    channel.send_method(50, 10, arguments)
    channel.expect("queue.declare-ok", queue=queue)
    channel.call("queue.delete", queue=queue)


@test
def reserved_ticket_is_ignored(channel):
    channel.send("queue.declare", queue=unique(), exclusive=True, reserved1=0xFFFF)
    channel.expect("queue.declare-ok")


@test
def access_request_is_answered_with_ticket_1(channel):
    channel.send("access.request", realm="/data", read=True, write=True, active=True)
    channel.expect("access.request-ok", ticket=1)


@test
def recover_without_requeue_closes_connection_540(channel):
    channel.send("basic.recover", requeue=False)
    channel.expect_connection_close(540, "NOT_IMPLEMENTED - requeue=false", "basic.recover")


@test
def recover_async_without_requeue_closes_connection_540(channel):
    channel.send("basic.recover-async", requeue=False)
    channel.expect_connection_close(540, "NOT_IMPLEMENTED - requeue=false", "basic.recover-async")


@test
def recover_async_has_no_answer_and_redelivers(channel):
    queue = channel.queue()
    channel.publish(b"x", routing_key=queue)
    channel.get(queue)
    channel.send("basic.recover-async", requeue=True)
    channel.send("basic.get", queue=queue)
    channel.expect_content("basic.get-ok", redelivered=True, delivery_tag=2)


@test
def recover_is_answered_and_redelivers(channel):
    queue = channel.queue()
    channel.publish(b"x", routing_key=queue)
    channel.get(queue)
    channel.call("basic.recover", requeue=True)
    channel.send("basic.get", queue=queue)
    channel.expect_content("basic.get-ok", redelivered=True, delivery_tag=2)


@test
def update_secret_is_answered(connection):
    connection.send("connection.update-secret", new_secret="guest", reason="rotation")
    connection.expect("connection.update-secret-ok")


@test
def confirm_select_without_waiting_has_no_answer_and_works(channel):
    channel.send("confirm.select", nowait=True)
    channel.publish(b"x", routing_key=unique())
    channel.expect("basic.ack", delivery_tag=1)


@test
def second_confirm_select_does_not_restart_the_sequence(channel):
    channel.call("confirm.select")
    channel.publish(b"x", routing_key=unique())
    channel.expect("basic.ack", delivery_tag=1)
    channel.call("confirm.select")
    channel.publish(b"x", routing_key=unique())
    channel.expect("basic.ack", delivery_tag=2)


@test
def tx_after_confirm_closes_channel_406(channel):
    channel.call("confirm.select")
    channel.send("tx.select")
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode", "tx.select"
    )


@test
def confirm_after_tx_closes_channel_406(channel):
    channel.call("tx.select")
    channel.send("confirm.select")
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode", "confirm.select"
    )


@test
def tx_commit_without_select_closes_channel_406(channel):
    channel.send("tx.commit")
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - channel is not transactional", "tx.commit"
    )


@test
def tx_rollback_without_select_closes_channel_406(channel):
    channel.send("tx.rollback")
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - channel is not transactional", "tx.rollback"
    )


@test
def prefetch_size_closes_connection_540(channel):
    channel.send("basic.qos", prefetch_size=1)
    channel.expect_connection_close(540, "NOT_IMPLEMENTED - prefetch_size!=0 (1)", "basic.qos")


@test
def immediate_publish_closes_connection_540(channel):
    channel.publish(b"x", routing_key="x", immediate=True)
    channel.expect_connection_close(540, "NOT_IMPLEMENTED - immediate=true", "basic.publish")


@test
def unknown_exchange_type_closes_connection_503(channel):
    channel.send("exchange.declare", exchange=unique(), type="nonsense")
    channel.expect_connection_close(
        503, "COMMAND_INVALID - unknown exchange type 'nonsense'", "exchange.declare"
    )
