# SPDX-License-Identifier: Apache-2.0
"""Exchange types that RabbitMQ has as plugins, and what makes no sense for them."""

import re

import wire
from scripts import named, test

HASH, HISTORY = "x-consistent-hash", "x-recent-history"
MESSAGES = 200


def declared(channel, kind, **arguments):
    return channel.exchange(type=kind, arguments={k.replace("_", "-"): v for k, v in arguments.items()})


def bound(channel, exchange, *keys):
    """A queue of its own for each key."""
    queues = [channel.queue() for _ in keys]
    for queue, key in zip(queues, keys):
        channel.call("queue.bind", queue=queue, exchange=exchange, routing_key=key)
    return queues


def depths(channel, queues):
    return [channel.call("queue.purge", queue=queue)["message_count"] for queue in queues]


def expect_confirms(channel, number, tags):
    """basic.ack for all TAGS of channel NUMBER, in any order."""
    while tags:
        ack = channel.expect("basic.ack", number).args
        tags -= {tag for tag in tags if tag == ack["delivery_tag"] or
                 (ack["multiple"] and tag < ack["delivery_tag"])}


def publish_all(channel, exchange, key=None, headers=None):
    """MESSAGES of them, confirmed."""
    channel.call("confirm.select")
    for i in range(MESSAGES):
        properties = b"\0\0" if headers is None else wire.headers_property({headers: i})
        channel.publish(b"x", exchange=exchange, routing_key=key or str(i), properties=properties)
    expect_confirms(channel, 1, set(range(1, MESSAGES + 1)))


# --- what is refused


def _refused_declaration(arguments, text, kind):
    def script(channel):
        channel.send("exchange.declare", exchange="never", type=kind, arguments=arguments)
        channel.expect_channel_close(406, f"PRECONDITION_FAILED - {text}", "exchange.declare")

    named(script, f"{kind} with {arguments} closes channel 406")


LENGTH = "x-recent-history-length"
for _value, _shown in (0, "0"), (-1, "-1"), ("a", '<<"a">>'), (True, "true"):
    _refused_declaration({LENGTH: _value},
                         f"Invalid argument {_shown}, '{LENGTH}' must be a positive integer", HISTORY)
_refused_declaration({"hash-property": "nope"}, "Unsupported property: nope", HASH)
_refused_declaration({"hash-header": "h", "hash-property": "message_id"},
                     "hash-header and hash-property are mutually exclusive", HASH)


def _refused_binding(key, text):
    def script(channel):
        exchange, queue = declared(channel, HASH), channel.queue()
        channel.send("queue.bind", queue=queue, exchange=exchange, routing_key=key)
        channel.expect_channel_close(406, f"PRECONDITION_FAILED - {text}", "queue.bind")

    named(script, f"binding to a hash exchange with key {key!r} closes channel 406")


for _key in "0", "-1":
    _refused_binding(_key, "The binding key must be greater than 0")
for _key in "a", "1.5", " 1":
    _refused_binding(_key, f'The binding key must be an integer: <<"{_key}">>')
_refused_binding("", "The binding key must be an integer: <<>>")


@test
def hash_arguments_do_not_count_when_an_exchange_is_declared_again(channel):
    exchange = declared(channel, HASH, hash_header="h")
    channel.call("exchange.declare", exchange=exchange, type=HASH)
    channel.send("exchange.declare", exchange=exchange, type="direct")
    channel.expect_channel_close(406, re.compile(".*inequivalent arg 'type' .*"), "exchange.declare")


# --- what is routed


@test
def a_hash_exchange_spreads_keys_by_weight(channel):
    exchange = declared(channel, HASH)
    queues = bound(channel, exchange, "1", "3")
    publish_all(channel, exchange)
    few, many = depths(channel, queues)
    assert few + many == MESSAGES and 10 < few < 95, (few, many)


@test
def a_hash_exchange_keeps_a_key_at_its_queue(channel):
    exchange = declared(channel, HASH)
    queues = bound(channel, exchange, "1", "1")
    publish_all(channel, exchange, key="same")
    assert sorted(depths(channel, queues)) == [0, MESSAGES]


@test
def a_hash_exchange_spreads_by_header(channel):
    exchange = declared(channel, HASH, hash_header="h")
    queues = bound(channel, exchange, "1", "1")
    publish_all(channel, exchange, key="same", headers="h")
    found = depths(channel, queues)
    assert sum(found) == MESSAGES and min(found) > 40, found


@test
def messages_without_the_header_go_one_way(channel):
    exchange = declared(channel, HASH, hash_header="h")
    queues = bound(channel, exchange, "1", "1")
    publish_all(channel, exchange)
    assert sorted(depths(channel, queues)) == [0, MESSAGES]


@test(only="stoatmq")
def the_other_spelling_of_the_header_is_taken_too(channel):
    exchange = declared(channel, HASH, x_hash_on="h")
    queues = bound(channel, exchange, "1", "1")
    publish_all(channel, exchange)
    assert sorted(depths(channel, queues)) == [0, MESSAGES]


@test
def a_modulus_exchange_keeps_a_key_at_its_queue_and_spreads_keys(channel):
    exchange = declared(channel, "x-modulus-hash")
    queues = bound(channel, exchange, "a", "b")
    publish_all(channel, exchange)
    found = depths(channel, queues)
    assert sum(found) == MESSAGES and min(found) > 40, found


@test
def a_random_exchange_gives_each_queue_some(channel):
    exchange = declared(channel, "x-random")
    queues = bound(channel, exchange, "a", "b")
    publish_all(channel, exchange, key="same")
    found = depths(channel, queues)
    assert sum(found) == MESSAGES and min(found) > 40, found


@test(only="stoatmq")  # RabbitMQ has it from 4.0 on
def a_local_random_exchange_takes_queues_and_empty_keys(channel):
    exchange = declared(channel, "x-local-random")
    queues = bound(channel, exchange, "", "")
    publish_all(channel, exchange, key="same")
    found = depths(channel, queues)
    assert sum(found) == MESSAGES and min(found) > 40, found
    channel.send("queue.bind", queue=queues[0], exchange=exchange, routing_key="k")
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - Non empty binding 'k' key not permitted", "queue.bind")


# --- the recent history


class Publisher:
    """Publishes on a channel of its own, whose confirms it waits for."""

    def __init__(self, client):
        self.client, self.count = client, 0
        client.open_channel(2)
        client.call("confirm.select", 2)

    def publish(self, exchange, *bodies, **args):
        for body in bodies:
            self.client.publish(body, exchange=exchange, routing_key="k-" + body.decode(), channel=2,
                                **args)
        before, self.count = self.count, self.count + len(bodies)
        expect_confirms(self.client, 2, set(range(before + 1, self.count + 1)))


def expect_messages(channel, *bodies):
    for body in bodies:
        method, _, received = channel.expect_content("basic.deliver")
        assert received == body, (received, body)
        assert method.args["routing_key"] == "k-" + body.decode(), method.args


def _history(name, arguments, published, replayed):
    def script(channel):
        exchange, queue = channel.exchange(type=HISTORY, arguments=arguments), channel.queue()
        Publisher(channel).publish(exchange, *published)
        channel.call("basic.consume", queue=queue, no_ack=True)
        channel.send("queue.bind", queue=queue, exchange=exchange, routing_key="any", nowait=True)
        expect_messages(channel, *replayed)
        channel.publish(b"new", exchange=exchange, routing_key="k-new")
        expect_messages(channel, b"new")

    named(script, name)


NUMBERED = [b"%d" % i for i in range(30)]
_history("a queue that is bound gets the last 20 messages and then all", {}, NUMBERED, NUMBERED[10:])
_history("a queue that is bound gets as many as the exchange keeps", {LENGTH: 3}, NUMBERED, NUMBERED[27:])
_history("a queue that is bound gets what there is", {LENGTH: 5}, NUMBERED[:2], NUMBERED[:2])


@test
def a_message_may_ask_not_to_be_kept(channel):
    exchange, queue = channel.exchange(type=HISTORY), channel.queue()
    publisher = Publisher(channel)
    publisher.publish(exchange, b"kept")
    secret = wire.headers_property({"x-recent-history-no-store": True})
    publisher.publish(exchange, b"secret", properties=secret)
    publisher.publish(exchange, b"kept too")
    channel.call("basic.consume", queue=queue, no_ack=True)
    channel.send("queue.bind", queue=queue, exchange=exchange, nowait=True)
    expect_messages(channel, b"kept", b"kept too")


@test
def a_binding_with_another_key_is_another_replay(channel):
    exchange, queue = channel.exchange(type=HISTORY), channel.queue()
    Publisher(channel).publish(exchange, b"a", b"b")
    channel.call("basic.consume", queue=queue, no_ack=True)
    for key in "one", "two":
        channel.send("queue.bind", queue=queue, exchange=exchange, routing_key=key, nowait=True)
        expect_messages(channel, b"a", b"b")
