# SPDX-License-Identifier: Apache-2.0
"""Memory or disk is low: who publishes is blocked, everybody else goes on."""

import time

import wire
from client import AGAINST_RABBITMQ, CAPABILITIES, Mismatch, connected, unique, with_channel
from pressure import Disk, Memory
from scripts import test
from wire import HEARTBEAT

MEMORY, DISK, BOTH = "low on memory", "low on disk", "low on disk & memory"
WITHOUT = {"capabilities": {**CAPABILITIES["capabilities"], "connection.blocked": False}}


def alarms(function):
    return test(function, needs="WIRE_ALARMS")


def shared_queue(channel, messages=0):
    """A queue that other connections may use too, with some messages; it goes with its consumers."""
    queue = channel.call("queue.declare", queue=unique(), auto_delete=True)["queue"]
    for number in range(messages):
        channel.publish(b"%d" % number, routing_key=queue)
    channel.expect_alive()
    return queue


def depth(channel, queue):
    return channel.call("queue.declare", queue=queue, passive=True)["message_count"]


def expect_silence(client, seconds=1):
    try:
        frame = client.next_frame(timeout_s=seconds)
    except Mismatch:
        return
    raise Mismatch(f"expected nothing, got {frame}")


@alarms
def publisher_is_blocked_and_no_more_of_it_is_read(channel):
    with Memory():
        channel.publish(b"1")
        channel.send("basic.qos")
        channel.expect("connection.blocked", reason=MEMORY)
        expect_silence(channel)
    channel.expect("connection.unblocked")
    channel.expect("basic.qos-ok")


@alarms
def connection_that_published_before_goes_on_until_it_publishes_again(channel):
    queue = shared_queue(channel, 3)
    channel.call("basic.qos", prefetch_count=1)
    channel.call("basic.consume", queue=queue)
    first, _, _ = channel.expect_content("basic.deliver")
    with Memory():
        channel.send("basic.ack", delivery_tag=first.args["delivery_tag"])
        channel.expect_content("basic.deliver")
        channel.expect_alive()
        channel.publish(b"x")
        channel.expect("connection.blocked", reason=MEMORY)
        channel.send("basic.ack", delivery_tag=first.args["delivery_tag"] + 1)
        expect_silence(channel)
    channel.expect("connection.unblocked")
    channel.expect_content("basic.deliver")


@alarms
def blocked_connection_still_gets_messages(channel):
    queue, feeder = shared_queue(channel), with_channel()
    channel.call("basic.consume", queue=queue, no_ack=True)
    memory = Memory()
    with memory:
        channel.publish(b"mine", routing_key=queue)
        channel.expect("connection.blocked")
        feeder.publish(b"", routing_key=queue)  # is in before it blocks: it has no body
        channel.expect_content("basic.deliver")
    channel.expect("connection.unblocked")
    _, _, body = channel.expect_content("basic.deliver")
    assert body == b"mine", body


@alarms
def message_that_came_under_the_alarm_is_kept_until_it_ends(channel):
    queue, other = shared_queue(channel), with_channel()
    with Memory():
        channel.write(b"".join(wire.publish(b"%d" % i, routing_key=queue) for i in range(100)))
        channel.expect("connection.blocked")
        assert depth(other, queue) == 0
    channel.expect("connection.unblocked")
    for number in range(100):
        _, _, body = channel.get(queue, no_ack=True)
        assert body == b"%d" % number, body


@alarms
def message_without_a_body_is_published_before_the_block(channel):
    queue, other = shared_queue(channel), with_channel()
    with Memory():
        channel.publish(b"", routing_key=queue)
        channel.expect("connection.blocked")
        other.call("basic.consume", queue=queue)
        other.expect_content("basic.deliver")


@alarms
def message_that_was_on_its_way_is_the_last_one_read(channel):
    queue, other = shared_queue(channel), with_channel()
    channel.open_channel(2)
    channel.send("basic.publish", routing_key=queue)
    channel.send_header(4)
    channel.expect_alive(2)
    with Memory():
        channel.send_body(b"ab")
        if AGAINST_RABBITMQ:  # keeps the half, and with it the memory that is short
            channel.expect("connection.blocked")
        else:
            channel.expect_alive(2)
        channel.send_body(b"cd")
        channel.send("basic.qos", 2)
        if not AGAINST_RABBITMQ:
            channel.expect("connection.blocked")
            other.get(queue, no_ack=True)
            channel.publish(b"abcd", routing_key=queue)
        expect_silence(channel)
    channel.expect("connection.unblocked")
    channel.expect("basic.qos-ok", 2)
    _, _, body = channel.get(queue)
    assert body == b"abcd", body


@alarms
def publish_method_alone_does_not_block(channel):
    with Memory():
        channel.open_channel(2)
        channel.send("basic.publish")
        channel.expect_alive(2)
        channel.send_header(0)
        channel.expect("connection.blocked")


@alarms
def consumers_and_everybody_else_go_on(channel):
    queue = shared_queue(channel, 2)
    consumer = with_channel()
    with Memory():
        consumer.call("basic.consume", queue=queue)
        for tag in (1, 2):
            consumer.expect_content("basic.deliver", delivery_tag=tag)
        consumer.send("basic.ack", delivery_tag=2, multiple=True)
        consumer.expect_alive()
        newcomer = with_channel()
        newcomer.queue()
        newcomer.exchange(type="fanout")


@alarms
def client_without_the_capability_is_not_told_but_held_as_well(raw):
    raw.greet()
    raw.login(properties=WITHOUT)
    raw.tune()
    raw.call("connection.open", virtual_host="/")
    raw.open_channel()
    with Memory():
        raw.publish(b"x")
        raw.send("basic.qos")
        expect_silence(raw)
    raw.expect("basic.qos-ok")


@alarms
def confirm_and_error_come_when_the_alarm_is_over(channel):
    queue = shared_queue(channel)
    channel.call("confirm.select")
    channel.open_channel(2)
    with Memory():
        channel.publish(b"x", routing_key=queue)
        channel.publish(b"x", channel=2, exchange="no such exchange")
        channel.expect("connection.blocked")
        expect_silence(channel)
    channel.expect("connection.unblocked")
    for _ in range(2):
        method = channel.expect_any(channel.peek().channel)
        assert (method.channel, method.name) in ((1, "basic.ack"), (2, "channel.close")), method


@alarms
def close_is_answered_when_the_alarm_is_over(channel):
    with Memory():
        channel.publish(b"x")
        channel.expect("connection.blocked")
        channel.send("connection.close", reply_code=200)
        expect_silence(channel)
    channel.expect("connection.unblocked")
    channel.expect_closed()


@alarms
def client_that_vanished_while_blocked_leaves_what_it_published(channel):
    queue, publisher = shared_queue(channel), with_channel()
    with Memory():
        for _ in range(3):
            publisher.publish(b"x", routing_key=queue)
        publisher.expect("connection.blocked")
        publisher.close()
    until = time.monotonic() + 10
    while depth(channel, queue) < 3:
        assert time.monotonic() < until, depth(channel, queue)


@alarms
def nothing_is_said_to_who_did_not_publish(channel):
    with Memory():
        channel.expect_alive()
    channel.expect_alive()


@alarms
def every_alarm_blocks_anew(channel):
    for _ in range(3):
        with Memory():
            channel.expect_alive()
            channel.publish(b"x")
            channel.expect("connection.blocked", reason=MEMORY)
        channel.expect("connection.unblocked")


@alarms
def disk_blocks_as_memory_does(channel):
    queue, other = shared_queue(channel), with_channel()
    with Disk():
        channel.publish(b"x", routing_key=queue)
        channel.expect("connection.blocked", reason=DISK)
        assert depth(other, queue) == 0
    channel.expect("connection.unblocked")
    channel.get(queue)


@alarms
def unblocked_comes_when_the_last_of_two_alarms_ends(channel):
    disk = Disk()
    with Memory():
        channel.publish(b"x")
        channel.expect("connection.blocked", reason=MEMORY)
        disk.__enter__()
        late = with_channel()
        late.publish(b"x")
        late.expect("connection.blocked", reason=BOTH)
    later = with_channel()
    later.publish(b"x")
    later.expect("connection.blocked", reason=DISK)
    for blocked in (channel, late, later):
        expect_silence(blocked, 0.3)
    disk.clear()
    for blocked in (channel, late, later):
        blocked.expect("connection.unblocked")
        blocked.expect_alive()


@alarms
def blocked_client_need_not_beat():
    with Memory():
        silent = connected(heartbeat=1).open_channel()
        silent.publish(b"x")
        silent.expect("connection.blocked")
        until = time.monotonic() + 6
        while time.monotonic() < until:
            frame = silent.next_frame()
            assert frame is not None and frame.type == HEARTBEAT, frame
    began = time.monotonic()
    silent.expect("connection.unblocked")
    silent.expect_eof()  # it is counted from here
    took = time.monotonic() - began
    assert 1 < took < 6, f"closed after {took:.1f} s"


@alarms
def flood_of_publishers_is_held_and_loses_nothing(channel):
    queue = shared_queue(channel)
    publishers = [connected().open_channel() for _ in range(20)]
    with Memory():
        for publisher in publishers:
            publisher.write(wire.publish(b"x" * 500, routing_key=queue) * 50)
        for publisher in publishers:
            publisher.expect("connection.blocked")
    for publisher in publishers:
        publisher.expect("connection.unblocked")
        publisher.expect_alive()
    assert depth(channel, queue) == 1000, depth(channel, queue)
