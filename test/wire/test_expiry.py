# SPDX-License-Identifier: Apache-2.0
"""What has a time to live: messages and queues."""

import time

import wire
from client import unique
from scripts import test
from test_dead_letters import await_message, count_of, expect_equal, expect_last, time_taken

LATE_S = 0.15  # RabbitMQ's timers and a busy machine


def ttl(ms, **others):
    arguments = {"x-message-ttl": ms} | others
    return {key.replace("_", "-"): value for key, value in arguments.items()}


def expiring(text):
    return wire.properties(expiration=str(text))


def await_count(channel, queue, count, timeout_s=5.0):
    """Waits until so many messages are ready; returns when that was."""
    until = time.monotonic() + timeout_s
    while count_of(channel, queue) != count:
        assert time.monotonic() < until, f"{queue} has {count_of(channel, queue)} messages"
        time.sleep(0.002)  # no-sleep-ok: asks again, bounded
    return time.monotonic()


def is_empty(channel, queue):
    channel.send("basic.get", queue=queue)
    empty = wire.decode_method(channel.peek()).name == "basic.get-empty"
    if empty:
        channel.expect("basic.get-empty")
    else:
        channel.expect_content("basic.get-ok")
    return empty


def expect_gone(channel, queue):
    channel.send("queue.declare", queue=queue, passive=True)
    channel.expect_channel_close(404)
    channel.open_channel()


@test
def message_expires_when_the_queues_ttl_is_over(channel):
    queue = channel.queue(arguments=ttl(200))
    start = time.monotonic()
    channel.publish(b"x", routing_key=queue)
    await_count(channel, queue, 1)
    taken = await_count(channel, queue, 0) - start
    assert 0.19 <= taken < 0.2 + LATE_S, taken
    assert is_empty(channel, queue)


@test
def message_is_delivered_before_its_time_is_over(channel):
    queue = channel.queue(arguments=ttl(60000))
    channel.publish(b"x", routing_key=queue)
    expect_equal(channel.get(queue)[2], b"x")


@test
def message_expires_by_its_own_expiration(channel):
    queue = channel.queue()
    start = time.monotonic()
    channel.publish(b"x", routing_key=queue, properties=expiring(200))
    await_count(channel, queue, 1)
    taken = await_count(channel, queue, 0) - start
    assert 0.19 <= taken < 0.2 + LATE_S, taken


@test
def least_of_queues_ttl_and_expiration_holds(channel):
    patient, hasty = channel.queue(arguments=ttl(60000)), channel.queue(arguments=ttl(100))
    start = time.monotonic()
    channel.publish(b"x", routing_key=patient, properties=expiring(100))
    channel.publish(b"x", routing_key=hasty, properties=expiring(60000))
    for queue in patient, hasty:
        assert await_count(channel, queue, 0) - start < 0.1 + LATE_S


@test
def only_the_first_message_expires(channel):
    queue = channel.queue()
    channel.publish(b"first", routing_key=queue)
    channel.publish(b"second", routing_key=queue, properties=expiring(50))
    channel.publish(b"third", routing_key=queue)
    time.sleep(0.2)  # no-sleep-ok: the time is what is tested
    expect_equal(count_of(channel, queue), 3)
    expect_equal(channel.get(queue)[2], b"first")
    await_count(channel, queue, 1)
    expect_equal(channel.get(queue)[2], b"third")


@test
def message_with_a_ttl_of_0_is_gone_unless_a_consumer_waits(channel):
    queue = channel.queue(arguments=ttl(0))
    channel.publish(b"lost", routing_key=queue)
    assert is_empty(channel, queue)
    channel.call("basic.consume", queue=queue, no_ack=True)
    channel.publish(b"taken", routing_key=queue)
    expect_equal(channel.expect_content("basic.deliver")[2], b"taken")


@test
def message_with_an_expiration_of_0_is_gone_unless_a_consumer_waits(channel):
    queue = channel.queue()
    channel.publish(b"lost", routing_key=queue, properties=expiring(0))
    assert is_empty(channel, queue)
    channel.call("basic.consume", queue=queue, no_ack=True)
    channel.publish(b"taken", routing_key=queue, properties=expiring(0))
    expect_equal(channel.expect_content("basic.deliver")[2], b"taken")


@test
def message_that_is_not_settled_does_not_expire_but_its_time_goes_on(channel):
    queue = channel.queue(arguments=ttl(150))
    channel.publish(b"x", routing_key=queue)
    channel.get(queue)
    time.sleep(0.3)  # no-sleep-ok: the time is what is tested
    channel.expect_alive()
    channel.send("basic.nack", delivery_tag=1, requeue=True)
    channel.expect_alive()
    await_count(channel, queue, 0)


@test
def message_that_went_to_a_consumer_at_once_expires_when_it_comes_back(channel):
    queue = channel.queue()
    channel.call("basic.consume", queue=queue, consumer_tag="c")
    channel.publish(b"x", routing_key=queue, properties=expiring(200))
    tag = channel.expect_content("basic.deliver")[0].args["delivery_tag"]
    channel.call("basic.cancel", consumer_tag="c")
    channel.send("basic.reject", delivery_tag=tag, requeue=True)
    await_count(channel, queue, 1)
    await_count(channel, queue, 0)


@test
def expired_message_is_a_dead_letter(channel):
    dead = channel.queue()
    arguments = ttl(50, x_dead_letter_exchange="", x_dead_letter_routing_key=dead)
    queue = channel.queue(arguments=arguments)
    channel.publish(b"x", routing_key=queue, properties=expiring(70000))
    _, properties, body = await_message(channel, dead)
    expect_equal(body, b"x")
    assert "expiration" not in properties, properties
    headers = properties["headers"]
    time_taken(headers)
    expect_last(headers, "", queue, "expired")
    death = {"count": 1, "exchange": "", "queue": queue, "reason": "expired"}
    expect_equal(
        headers["x-death"],
        [death | {"routing-keys": [queue], "original-expiration": "70000"}],
    )
    expect_equal(headers["x-first-death-reason"], "expired")


@test
def message_that_only_expires_does_not_go_round(channel):
    """Two queues that hand over to each other what expires: the second time it is dropped."""
    first, second = unique(), unique()
    for queue, other in (first, second), (second, first):
        arguments = ttl(30, x_dead_letter_exchange="", x_dead_letter_routing_key=other)
        channel.call("queue.declare", queue=queue, exclusive=True, arguments=arguments)
    channel.publish(b"x", routing_key=first)
    time.sleep(0.4)  # no-sleep-ok: the time is what is tested
    expect_equal((count_of(channel, first), count_of(channel, second)), (0, 0))


@test
def message_that_was_rejected_may_go_round(channel):
    """The usual queue for retries: rejected here, expired there, and here again."""
    retry, work = unique(), unique()
    arguments = ttl(50, x_dead_letter_exchange="", x_dead_letter_routing_key=work)
    channel.call("queue.declare", queue=retry, exclusive=True, arguments=arguments)
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": retry}
    channel.call("queue.declare", queue=work, exclusive=True, arguments=arguments)
    channel.call("basic.consume", queue=work)
    channel.publish(b"x", routing_key=work)
    for turn in range(3):
        method, encoded, _ = channel.expect_content("basic.deliver")
        deaths = wire.read_properties(encoded).get("headers", {}).get("x-death", [])
        kinds = [(death["queue"], death["reason"], death["count"]) for death in deaths]
        expect_equal(kinds, [(retry, "expired", turn), (work, "rejected", turn)] if turn else [])
        channel.send("basic.reject", delivery_tag=method.args["delivery_tag"])


@test
def thousands_expire_together_in_order(channel):
    dead = channel.queue()
    arguments = ttl(300, x_dead_letter_exchange="", x_dead_letter_routing_key=dead)
    queue = channel.queue(arguments=arguments)
    for number in range(5000):
        channel.publish(b"%d" % number, routing_key=queue)
    await_count(channel, dead, 5000, 20)
    channel.call("basic.consume", queue=dead, no_ack=True)
    for number in range(5000):
        expect_equal(channel.expect_content("basic.deliver")[2], b"%d" % number)


@test
def unused_queue_expires(channel):
    queue = channel.queue(arguments={"x-expires": 200})
    channel.publish(b"x", routing_key=queue)
    time.sleep(0.5)  # no-sleep-ok: the time is what is tested
    expect_gone(channel, queue)


@test
def queue_with_a_consumer_does_not_expire_until_it_has_gone(channel):
    queue = channel.queue(arguments={"x-expires": 200})
    channel.call("basic.consume", queue=queue, consumer_tag="c")
    time.sleep(0.5)  # no-sleep-ok: the time is what is tested
    expect_equal(count_of(channel, queue), 0)
    channel.call("basic.cancel", consumer_tag="c")
    time.sleep(0.5)  # no-sleep-ok: the time is what is tested
    expect_gone(channel, queue)


@test
def get_and_redeclaring_are_uses_of_a_queue(channel):
    queue = unique()
    declaration = {"queue": queue, "exclusive": True, "arguments": {"x-expires": 400}}
    channel.call("queue.declare", **declaration)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        time.sleep(0.15)  # no-sleep-ok: the time is what is tested
        assert is_empty(channel, queue)
        time.sleep(0.15)  # no-sleep-ok: the time is what is tested
        channel.call("queue.declare", **declaration)
    time.sleep(0.8)  # no-sleep-ok: the time is what is tested
    expect_gone(channel, queue)


@test
def publishing_is_no_use_of_a_queue(channel):
    queue = channel.queue(arguments={"x-expires": 300})
    for _ in range(6):
        channel.publish(b"x", routing_key=queue)
        time.sleep(0.1)  # no-sleep-ok: the time is what is tested
    expect_gone(channel, queue)


@test
def consumer_is_told_of_no_message_that_expired_while_it_had_no_credit(channel):
    queue = channel.queue(arguments=ttl(100))
    channel.call("basic.qos", prefetch_count=1)
    channel.publish(b"1", routing_key=queue)
    channel.publish(b"2", routing_key=queue)
    channel.call("basic.consume", queue=queue)
    expect_equal(channel.expect_content("basic.deliver")[2], b"1")
    time.sleep(0.3)  # no-sleep-ok: the time is what is tested
    channel.send("basic.ack", delivery_tag=1)
    channel.publish(b"3", routing_key=queue)
    expect_equal(channel.expect_content("basic.deliver")[2], b"3")


@test
def ttl_of_another_value_is_another_declaration(channel):
    queue = channel.queue(arguments=ttl(60000))
    channel.send("queue.declare", queue=queue, exclusive=True, arguments=ttl(60001))
    channel.expect_channel_close(
        406,
        f"PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{queue}' in vhost '/':"
        " received '60001' but current is '60000'",
    )
