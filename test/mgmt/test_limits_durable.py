#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits of queues and counts of deliveries over restarts and kill -9.

    test/mgmt/test_limits_durable.py SERVER [TEST...]
"""
import signal
import sys
import time

sys.dont_write_bytecode = True

from answers import expect

from own_broker import play_with_broker
from own_queues import PERSISTENT, amqp, declare, depth, fill, numbers, octets

BROKER = None
BACKLOG = 50000
WAIT_S = 60


def wait_for_log(channel):
    """What CHANNEL caused so far is on the disk."""
    channel.call("queue.declare", queue="marker", durable=True)
    channel.call("queue.delete", queue="marker")


def waiting(queue):
    channel = amqp()
    count = depth(channel, queue)
    channel.close()
    return count


def shrinks_to(queue, count):
    deadline = time.monotonic() + WAIT_S
    while (seen := waiting(queue)) != count:
        assert time.monotonic() < deadline, f"{seen} messages instead of {count}"
        time.sleep(0.05)  # no-sleep-ok: polls a condition, bounded


def expect_numbers(queue, first, last):
    channel = amqp()
    for number in range(first, last + 1):
        body = channel.get(queue, no_ack=True)[2]
        assert body == str(number).encode(), f"{body} instead of {number}"
    channel.close()
    assert waiting(queue) == 0


# --- limits


def what_was_dropped_does_not_come_back():
    path = declare("short", max_length=100)
    fill("short", octets(numbers(1, 1000)))
    channel = amqp()
    wait_for_log(channel)
    BROKER.restart(signal.SIGKILL)
    assert waiting("short") == 100
    fill("short", octets(numbers(1001, 1010)))
    BROKER.restart(signal.SIGTERM)
    expect_numbers("short", 911, 1010)
    expect(204, "", "DELETE", path)


def a_policy_shortens_what_a_restart_left_on_disk():
    path = declare("long")
    fill("long", octets(numbers(1, BACKLOG)))
    BROKER.restart(signal.SIGKILL)
    assert waiting("long") == BACKLOG
    policy = {"pattern": "^long$", "definition": {"max-length": 1000}, "apply-to": "queues"}
    expect(201, "", "PUT", "policies/%2F/short", policy)
    shrinks_to("long", 1000)
    operators = {"pattern": "^long$", "definition": {"max-length": 10}, "apply-to": "queues"}
    expect(201, "", "PUT", "operator-policies/%2F/short", operators)
    shrinks_to("long", 10)
    wait_for_log(amqp())
    BROKER.restart(signal.SIGKILL)
    expect_numbers("long", BACKLOG - 9, BACKLOG)
    expect(204, "", "DELETE", "policies/%2F/short")
    expect(204, "", "DELETE", "operator-policies/%2F/short")
    expect(204, "", "DELETE", path)


def a_policy_that_leaves_nothing_empties_what_is_on_disk():
    path = declare("long")
    fill("long", octets(numbers(1, BACKLOG)))
    BROKER.restart(signal.SIGTERM)
    policy = {"pattern": "^long$", "definition": {"max-length-bytes": 0}, "apply-to": "queues"}
    expect(201, "", "PUT", "policies/%2F/none", policy)
    shrinks_to("long", 0)
    expect(204, "", "DELETE", "policies/%2F/none")
    expect(204, "", "DELETE", path)


def a_queue_that_rejects_does_so_after_a_restart():
    path = declare("full", max_length=2, overflow="reject-publish")
    fill("full", octets(numbers(1, 2)))
    for how in (signal.SIGKILL, signal.SIGTERM):
        BROKER.restart(how)
        channel = amqp(confirms=True)
        channel.publish(b"3", routing_key="full", properties=PERSISTENT)
        channel.expect("basic.nack", delivery_tag=1)
        channel.close()
    expect_numbers("full", 1, 2)
    expect(204, "", "DELETE", path)


# --- deliveries


def give_back(queue):
    """Takes a message and puts it back; how often that happened before, by its header."""
    channel = amqp()
    _, header, body = channel.get(queue)
    assert body == b"1"
    channel.send("basic.nack", delivery_tag=1, requeue=True)
    wait_for_log(channel)
    channel.close()
    return count_in(header)


def count_in(header):
    key = b"x-delivery-countl"
    at = bytes(header).find(key)
    return 0 if at < 0 else int.from_bytes(bytes(header)[at + len(key):][:8], "big")


def deliveries_are_counted_over_restarts():
    path = declare("counted", queue_type="quorum", delivery_limit=3)
    fill("counted", octets(numbers(1, 1)))
    for count, how in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)):
        seen = give_back("counted")
        assert seen == count, f"{seen} instead of {count}"
        BROKER.restart(how)
    assert give_back("counted") == 3
    assert waiting("counted") == 0
    expect(204, "", "DELETE", path)


TESTS = [
    what_was_dropped_does_not_come_back,
    a_policy_shortens_what_a_restart_left_on_disk,
    a_policy_that_leaves_nothing_empties_what_is_on_disk,
    a_queue_that_rejects_does_so_after_a_restart,
    deliveries_are_counted_over_restarts,
]


if __name__ == "__main__":
    sys.exit(play_with_broker(sys.modules[__name__]))
