# SPDX-License-Identifier: Apache-2.0
"""Policies that change what queues do which are there already."""

import contextlib
import time

import management
from client import unique
from scripts import test
from test_dead_letters import await_message, count_of, expect_equal, reject, time_taken
from test_expiry import LATE_S, await_count, expect_gone


@contextlib.contextmanager
def policy(queue, kind="policies", **definition):
    """A policy for one queue, or with kind="operator-policies" an operator's, while it is needed."""
    path = f"{kind}/%2F/{unique()}"
    named = {key.replace("_", "-"): value for key, value in definition.items()}
    body = {"pattern": f"^{queue}$", "definition": named, "apply-to": "queues"}
    management.change("PUT", path, body)
    try:
        yield
    finally:
        management.delete(path)


def publish(channel, queue, *bodies):
    """Publishes, and waits until the queue has them; it was empty."""
    for body in bodies:
        channel.publish(body, routing_key=queue)
    await_count(channel, queue, len(bodies))


@test
def a_policy_gives_messages_a_time_to_live(channel):
    queue = channel.queue()
    with policy(queue, message_ttl=200):
        start = time.monotonic()
        publish(channel, queue, b"x")
        taken = await_count(channel, queue, 0) - start
        assert 0.19 <= taken < 0.2 + LATE_S, taken
    publish(channel, queue, b"stays")
    time.sleep(0.3)  # no-sleep-ok: nothing is to happen in this time
    expect_equal(count_of(channel, queue), 1)


@test(only="stoatmq")
def a_policy_counts_for_messages_that_wait_already(channel):
    """RabbitMQ decides when a message is published."""
    queue = channel.queue()
    publish(channel, queue, b"1", b"2")
    with policy(queue, message_ttl=60000):
        expect_equal(count_of(channel, queue), 2)
        with policy(queue, kind="operator-policies", message_ttl=100):
            await_count(channel, queue, 0)


@test
def the_least_of_argument_policy_and_operator_policy_holds(channel):
    queue = channel.queue(arguments={"x-message-ttl": 60000})
    with policy(queue, message_ttl=30000), policy(queue, "operator-policies", message_ttl=100):
        channel.publish(b"x", routing_key=queue)
        await_count(channel, queue, 0)


@test
def a_policy_names_the_dead_letter_exchange(channel):
    dead = channel.queue()
    queue = channel.queue(arguments={"x-message-ttl": 50})
    with policy(queue, dead_letter_exchange="", dead_letter_routing_key=dead):
        channel.publish(b"x", routing_key=queue)
        _, properties, body = await_message(channel, dead)
    headers = properties["headers"]
    time_taken(headers)
    expect_equal((body, headers["x-death"][0]["reason"]), (b"x", "expired"))
    channel.publish(b"y", routing_key=queue)
    await_count(channel, queue, 0)
    expect_equal(count_of(channel, dead), 0)


@test
def an_argument_wins_over_a_policys_dead_letter_exchange(channel):
    dead, other = channel.queue(), channel.queue()
    queue = channel.queue(
        arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
    )
    with policy(queue, dead_letter_exchange="", dead_letter_routing_key=other):
        channel.publish(b"x", routing_key=queue)
        reject(channel, queue)
        expect_equal(await_message(channel, dead)[2], b"x")
    expect_equal(count_of(channel, other), 0)


@test
def a_queue_expires_by_a_policy_while_it_holds(channel):
    queue, other = channel.queue(), channel.queue()
    with policy(other, expires=60000):
        with policy(queue, expires=100):
            time.sleep(0.4)  # no-sleep-ok: to ask would be to use it
            expect_gone(channel, queue)
    expect_equal(count_of(channel, other), 0)


@test
def a_policys_limit_takes_what_is_too_much_at_once(channel):
    queue, dead = channel.queue(), channel.queue()
    publish(channel, queue, b"1", b"2", b"3", b"4")
    limit = {"max_length": 2, "dead_letter_exchange": "", "dead_letter_routing_key": dead}
    with policy(queue, **limit):
        await_count(channel, queue, 2)
        await_count(channel, dead, 2)
        expect_equal([await_message(channel, dead)[2] for _ in range(2)], [b"1", b"2"])
        expect_equal(await_message(channel, queue)[2], b"3")


@test
def a_policy_makes_a_full_queue_refuse(channel):
    queue = channel.queue()
    channel.call("confirm.select")
    limit = {"max_length": 1, "overflow": "reject-publish"}
    with policy(queue, **limit):
        for tag, answer in enumerate(("basic.ack", "basic.nack"), 1):
            channel.publish(b"x", routing_key=queue)
            channel.expect(answer, delivery_tag=tag)
    channel.publish(b"x", routing_key=queue)
    channel.expect("basic.ack", delivery_tag=3)
    expect_equal(count_of(channel, queue), 2)


@test
def a_policy_limits_deliveries_of_a_quorum_queue(channel):
    dead, queue = channel.queue(), unique()
    arguments = {"x-queue-type": "quorum"}
    channel.call("queue.declare", queue=queue, durable=True, arguments=arguments)
    limit = {"delivery_limit": 1, "dead_letter_exchange": "", "dead_letter_routing_key": dead}
    with policy(queue, **limit):
        publish(channel, queue, b"x")
        for _ in range(2):
            method, _, _ = await_message(channel, queue, no_ack=False)
            channel.send("basic.nack", delivery_tag=method.args["delivery_tag"], requeue=True)
        headers = await_message(channel, dead)[1]["headers"]
        expect_equal(headers["x-death"][0]["reason"], "delivery_limit")
    channel.call("queue.delete", queue=queue)
