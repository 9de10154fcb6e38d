# SPDX-License-Identifier: Apache-2.0
"""Dead letters: where they go and what they say of themselves."""

import time

import wire
from client import here, unique
from scripts import test


def await_message(channel, queue, timeout_s=5.0, no_ack=True):
    """One message by basic.get, when it has come: (method, properties, body)."""
    until = time.monotonic() + timeout_s
    while True:
        channel.send("basic.get", queue=queue, no_ack=no_ack)
        if wire.decode_method(channel.peek()).name == "basic.get-ok":
            method, encoded, body = channel.expect_content("basic.get-ok")
            return method, wire.read_properties(encoded), body
        channel.expect("basic.get-empty")
        assert time.monotonic() < until, f"nothing came to {queue}"
        time.sleep(0.01)  # no-sleep-ok: asks again, bounded


def count_of(channel, queue):
    return channel.call("queue.declare", queue=queue, passive=True)["message_count"]


def reject(channel, queue):
    """Takes the next message and rejects it."""
    method, encoded, _ = channel.get(queue)
    channel.send("basic.reject", delivery_tag=method.args["delivery_tag"])
    return wire.read_properties(encoded)


def last(headers):
    """Takes x-last-death-*, which RabbitMQ has since 3.13, off headers; returns the three."""
    told = {key: headers.pop(key) for key in list(headers) if key.startswith("x-last-death-")}
    return [told.get(f"x-last-death-{key}") for key in ("exchange", "queue", "reason")]


def expect_last(headers, exchange, queue, reason):
    told = last(headers)
    expected = here(stoatmq=[exchange, queue, reason], rabbitmq=[None] * 3)
    assert told == expected, f"expected {expected}, got {told}"


def time_taken(headers):
    """Takes the times off the deaths; they are now, about."""
    for death in headers["x-death"]:
        assert abs(death.pop("time") - time.time()) < 10, headers


def expect_equal(actual, expected):
    assert actual == expected, f"expected {expected}, got {actual}"


def dying(channel, exchange="", key=None, **arguments):
    """A queue with a dead-letter exchange."""
    arguments["x-dead-letter-exchange"] = exchange
    if key is not None:
        arguments["x-dead-letter-routing-key"] = key
    return channel.queue(
        arguments={name.replace("_", "-"): value for name, value in arguments.items()}
    )


@test
def rejected_message_goes_to_the_dead_letter_exchange_and_tells_why(channel):
    dead = channel.queue()
    queue = dying(channel, "", dead)
    channel.publish(b"body", routing_key=queue, properties=wire.properties({"mine": 1}, 2))
    reject(channel, queue)
    method, properties, body = await_message(channel, dead)
    expect_equal((method.args["exchange"], method.args["routing_key"]), ("", dead))
    expect_equal((body, properties["delivery_mode"]), (b"body", 2))
    headers = properties["headers"]
    time_taken(headers)
    expect_last(headers, "", queue, "rejected")
    death = {"count": 1, "exchange": "", "queue": queue, "reason": "rejected"}
    expect_equal(
        headers,
        {
            "mine": 1,
            "x-first-death-exchange": "",
            "x-first-death-queue": queue,
            "x-first-death-reason": "rejected",
            "x-death": [death | {"routing-keys": [queue]}],
        },
    )
    expect_equal(count_of(channel, queue), 0)


@test
def nack_of_several_dead_letters_each_in_order(channel):
    dead = channel.queue()
    queue = dying(channel, "", dead)
    for body in b"1", b"2", b"3":
        channel.publish(body, routing_key=queue)
        channel.get(queue)
    channel.send("basic.nack", delivery_tag=0, multiple=True, requeue=False)
    expect_equal([await_message(channel, dead)[2] for _ in range(3)], [b"1", b"2", b"3"])


@test
def requeued_message_is_no_dead_letter(channel):
    dead = channel.queue()
    queue = dying(channel, "", dead)
    channel.publish(b"x", routing_key=queue)
    channel.get(queue)
    channel.send("basic.nack", delivery_tag=1, requeue=True)
    expect_equal(count_of(channel, dead), 0)
    expect_equal(await_message(channel, queue)[2], b"x")


@test
def rejected_without_a_dead_letter_exchange_is_dropped(channel):
    queue = channel.queue()
    channel.publish(b"x", routing_key=queue)
    reject(channel, queue)
    expect_equal(count_of(channel, queue), 0)


@test
def missing_dead_letter_exchange_drops(channel):
    queue = dying(channel, unique())
    channel.publish(b"x", routing_key=queue)
    reject(channel, queue)
    expect_equal(count_of(channel, queue), 0)
    channel.expect_alive()


@test
def dead_letter_keeps_its_routing_key_without_one_of_the_queue(channel):
    topic = channel.exchange(type="topic", auto_delete=True)
    dead, others = channel.queue(), channel.queue()
    queue = dying(channel, topic)
    source = channel.exchange(type="fanout", auto_delete=True)
    channel.call("queue.bind", queue=queue, exchange=source, routing_key="")
    channel.call("queue.bind", queue=dead, exchange=topic, routing_key="a.#")
    channel.call("queue.bind", queue=others, exchange=topic, routing_key="b.#")
    channel.publish(b"x", exchange=source, routing_key="a.b.c")
    reject(channel, queue)
    method, properties, _ = await_message(channel, dead)
    expect_equal((method.args["exchange"], method.args["routing_key"]), (topic, "a.b.c"))
    death = properties["headers"]["x-death"][0]
    expect_equal((death["exchange"], death["routing-keys"]), (source, ["a.b.c"]))
    expect_equal(count_of(channel, others), 0)


@test
def dead_letter_takes_the_alternate_exchange(channel):
    fanout = channel.exchange(type="fanout", auto_delete=True)
    direct = channel.exchange(
        type="direct", auto_delete=True, arguments={"alternate-exchange": fanout}
    )
    dead, bound = channel.queue(), channel.queue()
    channel.call("queue.bind", queue=dead, exchange=fanout, routing_key="")
    channel.call("queue.bind", queue=bound, exchange=direct, routing_key="other")
    queue = dying(channel, direct)
    channel.publish(b"x", routing_key=queue)
    reject(channel, queue)
    expect_equal(await_message(channel, dead)[2], b"x")


@test
def dead_letter_is_routed_by_its_new_headers(channel):
    by_headers = channel.exchange(type="headers", auto_delete=True)
    dead, others = channel.queue(), channel.queue()
    match = {"x-match": "all-with-x", "x-first-death-reason": "rejected"}
    match = here(stoatmq=match, rabbitmq={"x-match": "all", "mine": 1})
    channel.call("queue.bind", queue=dead, exchange=by_headers, arguments=match)
    channel.call(
        "queue.bind", queue=others, exchange=by_headers, arguments={"x-match": "all", "mine": 2}
    )
    queue = dying(channel, by_headers)
    channel.publish(b"x", routing_key=queue, properties=wire.properties({"mine": 1}))
    reject(channel, queue)
    expect_equal(await_message(channel, dead)[2], b"x")
    expect_equal(count_of(channel, others), 0)


@test
def second_death_of_a_kind_counts_and_others_come_first(channel):
    """a -> b -> a -> b, always rejected."""
    first, second = unique(), unique()
    for queue, other in (first, second), (second, first):
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": other}
        channel.call("queue.declare", queue=queue, exclusive=True, arguments=arguments)
    channel.publish(b"x", routing_key=first)
    expected = []
    for count in 1, 2:
        for queue in first, second:
            until = time.monotonic() + 5
            while count_of(channel, queue) == 0 and time.monotonic() < until:
                time.sleep(0.01)  # no-sleep-ok: asks again, bounded
            headers = reject(channel, queue).get("headers", {})
            deaths = headers.get("x-death", [])
            expect_equal([(death["queue"], death["count"]) for death in deaths], expected)
            if deaths:
                expect_equal(headers["x-first-death-queue"], first)
                expect_last(headers, "", deaths[0]["queue"], "rejected")
            expected = [(queue, count)] + [one for one in expected if one[0] != queue]


@test
def carbon_copies_are_named_and_kept_without_a_key_of_the_queue(channel):
    direct = channel.exchange(type="direct", auto_delete=True)
    dead = channel.queue()
    channel.call("queue.bind", queue=dead, exchange=direct, routing_key="copy")
    queue = dying(channel, direct)
    properties = wire.properties({"CC": ["copy"], "BCC": ["hidden"]})
    channel.publish(b"x", routing_key=queue, properties=properties)
    reject(channel, queue)
    headers = await_message(channel, dead)[1]["headers"]
    expect_equal(headers["CC"], ["copy"])
    expect_equal(headers["x-death"][0]["routing-keys"], [queue, "copy"])
    assert "BCC" not in headers, headers


@test
def key_of_the_queue_ends_carbon_copies(channel):
    dead = channel.queue()
    copied = channel.queue()
    queue = dying(channel, "", dead)
    properties = wire.properties({"CC": [copied]})
    channel.publish(b"x", routing_key=queue, properties=properties)
    await_message(channel, copied)
    reject(channel, queue)
    headers = await_message(channel, dead)[1]["headers"]
    assert "CC" not in headers, headers
    expect_equal(headers["x-death"][0]["routing-keys"], [queue, copied])
    expect_equal(count_of(channel, copied), 0)


@test
def expiration_is_taken_off_and_noted(channel):
    dead = channel.queue()
    queue = dying(channel, "", dead)
    channel.publish(b"x", routing_key=queue, properties=wire.properties(expiration="60000"))
    reject(channel, queue)
    properties = await_message(channel, dead)[1]
    assert "expiration" not in properties, properties
    expect_equal(properties["headers"]["x-death"][0]["original-expiration"], "60000")


@test
def deaths_that_a_client_wrote_are_counted_on(channel):
    dead = channel.queue()
    queue = dying(channel, "", dead)
    mine = [{"queue": queue, "reason": "rejected", "count": 41}, {"queue": "else", "reason": "maxlen", "count": 1}]
    channel.publish(b"x", routing_key=queue, properties=wire.properties({"x-death": mine}))
    reject(channel, queue)
    headers = await_message(channel, dead)[1]["headers"]
    expect_equal([death.get("count") for death in headers["x-death"]], [42, 1])
    assert "x-first-death-queue" not in headers, headers


@test
def message_on_a_channel_that_ends_is_no_dead_letter(channel):
    dead = channel.queue()
    queue = dying(channel, "", dead)
    channel.publish(b"x", routing_key=queue)
    channel.open_channel(2)
    channel.send("basic.get", 2, queue=queue)
    channel.expect_content("basic.get-ok", 2)
    channel.call("channel.close", 2, reply_code=200)
    expect_equal(count_of(channel, queue), 1)
    expect_equal(count_of(channel, dead), 0)


@test
def rejections_of_a_transaction_are_dead_letters_at_its_commit(channel):
    dead = channel.queue()
    queue = dying(channel, "", dead)
    channel.publish(b"x", routing_key=queue)
    channel.open_channel(2)
    channel.call("tx.select", 2)
    channel.send("basic.get", 2, queue=queue)
    channel.expect_content("basic.get-ok", 2)
    channel.send("basic.reject", 2, delivery_tag=1)
    channel.expect_alive(2)
    expect_equal(count_of(channel, dead), 0)
    channel.call("tx.commit", 2)
    expect_equal(await_message(channel, dead)[2], b"x")


@test
def dead_letters_of_a_deleted_queue_go_nowhere(channel):
    dead = channel.queue()
    queue = dying(channel, "", dead)
    channel.publish(b"x", routing_key=queue)
    channel.get(queue)
    channel.publish(b"y", routing_key=queue)
    channel.call("queue.delete", queue=queue)
    channel.send("basic.reject", delivery_tag=1)
    channel.expect_alive()
    expect_equal(count_of(channel, dead), 0)


@test
def every_reason_is_told(channel):
    dead = channel.queue()
    limited = dying(channel, "", dead, x_max_length=1)
    refusing = dying(channel, "", dead, x_max_length=1, x_overflow="reject-publish-dlx")
    expiring = dying(channel, "", dead, x_message_ttl=0)
    rejecting = dying(channel, "", dead)
    for queue in limited, limited, refusing, refusing, expiring, rejecting:
        channel.publish(queue.encode(), routing_key=queue)
    reject(channel, rejecting)
    expected = {limited: "maxlen", refusing: "maxlen", expiring: "expired", rejecting: "rejected"}
    while expected:
        _, properties, body = await_message(channel, dead)
        headers, queue = properties["headers"], body.decode()
        time_taken(headers)
        reason = expected.pop(queue)
        death = {"count": 1, "exchange": "", "queue": queue, "reason": reason}
        expect_equal(headers["x-death"], [death | {"routing-keys": [queue]}])
        expect_equal(headers["x-first-death-reason"], reason)
        expect_last(headers, "", queue, reason)


@test
def blind_carbon_copies_are_routed_again_without_a_key_of_the_queue(channel):
    direct = channel.exchange(type="direct", auto_delete=True)
    dead = channel.queue()
    channel.call("queue.bind", queue=dead, exchange=direct, routing_key="hidden")
    queue = dying(channel, direct)
    channel.publish(b"x", routing_key=queue, properties=wire.properties({"BCC": ["hidden"]}))
    reject(channel, queue)
    headers = await_message(channel, dead)[1]["headers"]
    expect_equal(headers["x-death"][0]["routing-keys"], [queue])
    assert "BCC" not in headers, headers
