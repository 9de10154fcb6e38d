#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits of queues and counts of deliveries over restarts and kill -9.

    test/mgmt/test_limits_durable.py SERVER [TEST...]
"""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True

from answers import ANY, expect, play

import client
from own_broker import OwnBroker

BROKER = None
PERSISTENT = b"\x10\x00\x02"  # properties: delivery-mode 2
BACKLOG = 50000
WAIT_S = 60


def declare(queue, **arguments):
    arguments = {"x-" + key.replace("_", "-"): value for key, value in arguments.items()}
    expect(201, "", "PUT", f"queues/%2F/{queue}", {"durable": True, "arguments": arguments})
    return f"queues/%2F/{queue}"


def fill(queue, first, last):
    """Numbers as bodies, confirmed."""
    channel = client.with_channel()
    channel.call("confirm.select")
    for number in range(first, last + 1):
        channel.publish(str(number).encode(), routing_key=queue, properties=PERSISTENT)
    done = 0
    while done < last - first + 1:
        done = channel.expect("basic.ack").args["delivery_tag"]
    channel.close()


def wait_for_log(channel):
    """What CHANNEL caused so far is on the disk."""
    channel.call("queue.declare", queue="marker", durable=True)
    channel.call("queue.delete", queue="marker")


def depth(queue):
    channel = client.with_channel()
    count = channel.call("queue.declare", queue=queue, passive=True)["message_count"]
    channel.close()
    return count


def shrinks_to(queue, count):
    deadline = time.monotonic() + WAIT_S
    while (seen := depth(queue)) != count:
        assert time.monotonic() < deadline, f"{seen} messages instead of {count}"
        time.sleep(0.05)  # no-sleep-ok: polls a condition, bounded


def expect_numbers(queue, first, last):
    channel = client.with_channel()
    for number in range(first, last + 1):
        body = channel.get(queue, no_ack=True)[2]
        assert body == str(number).encode(), f"{body} instead of {number}"
    channel.close()
    assert depth(queue) == 0


# --- limits


def what_was_dropped_does_not_come_back():
    path = declare("short", max_length=100)
    fill("short", 1, 1000)
    channel = client.with_channel()
    wait_for_log(channel)
    BROKER.restart(signal.SIGKILL)
    assert depth("short") == 100
    fill("short", 1001, 1010)
    BROKER.restart(signal.SIGTERM)
    expect_numbers("short", 911, 1010)
    expect(204, "", "DELETE", path)


def a_policy_shortens_what_a_restart_left_on_disk():
    path = declare("long")
    fill("long", 1, BACKLOG)
    BROKER.restart(signal.SIGKILL)
    assert depth("long") == BACKLOG
    policy = {"pattern": "^long$", "definition": {"max-length": 1000}, "apply-to": "queues"}
    expect(201, "", "PUT", "policies/%2F/short", policy)
    shrinks_to("long", 1000)
    operators = {"pattern": "^long$", "definition": {"max-length": 10}, "apply-to": "queues"}
    expect(201, "", "PUT", "operator-policies/%2F/short", operators)
    shrinks_to("long", 10)
    wait_for_log(client.with_channel())
    BROKER.restart(signal.SIGKILL)
    expect_numbers("long", BACKLOG - 9, BACKLOG)
    expect(204, "", "DELETE", "policies/%2F/short")
    expect(204, "", "DELETE", "operator-policies/%2F/short")
    expect(204, "", "DELETE", path)


def a_policy_that_leaves_nothing_empties_what_is_on_disk():
    path = declare("long")
    fill("long", 1, BACKLOG)
    BROKER.restart(signal.SIGTERM)
    policy = {"pattern": "^long$", "definition": {"max-length-bytes": 0}, "apply-to": "queues"}
    expect(201, "", "PUT", "policies/%2F/none", policy)
    shrinks_to("long", 0)
    expect(204, "", "DELETE", "policies/%2F/none")
    expect(204, "", "DELETE", path)


def a_queue_that_rejects_does_so_after_a_restart():
    path = declare("full", max_length=2, overflow="reject-publish")
    fill("full", 1, 2)
    for how in (signal.SIGKILL, signal.SIGTERM):
        BROKER.restart(how)
        channel = client.with_channel()
        channel.call("confirm.select")
        channel.publish(b"3", routing_key="full", properties=PERSISTENT)
        channel.expect("basic.nack", delivery_tag=1)
        channel.close()
    expect_numbers("full", 1, 2)
    expect(204, "", "DELETE", path)


# --- deliveries


def give_back(queue):
    """Takes a message and puts it back; how often that happened before, by its header."""
    channel = client.with_channel()
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
    fill("counted", 1, 1)
    for count, how in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)):
        seen = give_back("counted")
        assert seen == count, f"{seen} instead of {count}"
        BROKER.restart(how)
    assert give_back("counted") == 3
    assert depth("counted") == 0
    expect(204, "", "DELETE", path)


TESTS = [
    what_was_dropped_does_not_come_back,
    a_policy_shortens_what_a_restart_left_on_disk,
    a_policy_that_leaves_nothing_empties_what_is_on_disk,
    a_queue_that_rejects_does_so_after_a_restart,
    deliveries_are_counted_over_restarts,
]


def main():
    global BROKER
    with OwnBroker(sys.argv.pop(1), "--loops", os.environ.get("STOATMQ_LOOPS", "1")) as BROKER:
        return play(TESTS)


if __name__ == "__main__":
    sys.exit(main())
