#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Delayed messages over restarts and kill -9, and over HTTP.

    test/mgmt/test_delayed.py SERVER [TEST...]
"""
import collections
import signal
import sys
import time

sys.dont_write_bytecode = True

from answers import ANY, NOT_FOUND, bad, expect

import management
import wire
from own_broker import play_with_broker
from own_queues import amqp, chance, declare, depth

BROKER = None
EXCHANGE = "exchanges/%2F/later"
WAIT_S = 60
HOUR_MS = 3600 * 1000


def declare_exchange(name="later", **others):
    body = {"type": "x-delayed-message", "durable": True,
            "arguments": {"x-delayed-type": "fanout"}, **others}
    expect(201, "", "PUT", f"exchanges/%2F/{name}", body)


def bind(queue, exchange="later"):
    expect(201, "", "POST", f"bindings/%2F/e/{exchange}/q/{queue}", {})


def set_up():
    """The exchange, bound to the durable queue `inbox`; both empty."""
    expect(204, "", "DELETE", declare("inbox"))
    declare("inbox")
    declare_exchange()
    bind("inbox")


def tear_down():
    expect(204, "", "DELETE", EXCHANGE)
    expect(204, "", "DELETE", "queues/%2F/inbox")


def publish(pairs, exchange="later", persistent=True):
    """Publishes (body, delay) pairs, and has them confirmed."""
    channel = amqp(confirms=True)
    for body, delay_ms in pairs:
        channel.publish(str(body).encode(), exchange=exchange, routing_key="k",
                        properties=wire.properties({"x-delay": delay_ms}, 2 if persistent else 1))
    done = 0
    while done < len(pairs):
        done = channel.expect("basic.ack").args["delivery_tag"]
    channel.close()


def take_all(queue="inbox"):
    channel = amqp()
    bodies = [channel.get(queue, no_ack=True)[2].decode() for _ in range(depth(channel, queue))]
    channel.close()
    return bodies


def wait_for(count, queue="inbox"):
    deadline = time.monotonic() + WAIT_S
    channel = amqp()
    while (seen := depth(channel, queue)) != count:
        assert time.monotonic() < deadline, f"{seen} messages instead of {count}"
        time.sleep(0.02)  # no-sleep-ok: polls a condition, bounded
    channel.close()


def delayed(count=1000):
    return expect(200, ANY, "GET", f"{EXCHANGE}/delayed?count={count}")


# --- restarts


def what_waits_survives_restarts():
    set_up()
    publish([("late", HOUR_MS), ("soon", 3000), ("sooner", 2000)])
    publish([("transient", 2500)], persistent=False)
    for how in (signal.SIGKILL, signal.SIGTERM):
        BROKER.restart(how)
    wait_for(2)
    assert take_all() == ["sooner", "soon"]
    assert [each["payload_bytes"] for each in delayed()] == [len("late")]
    tear_down()


def what_was_due_while_the_broker_was_down_comes_when_it_is_up():
    set_up()
    publish([(number, 100 + number) for number in range(200)])
    BROKER.end(signal.SIGKILL)
    time.sleep(0.4)  # no-sleep-ok: the time that passes is what is tested
    BROKER.start()
    wait_for(200)
    assert sorted(take_all(), key=int) == [str(number) for number in range(200)]
    tear_down()


def each_comes_once_however_often_the_broker_is_killed():
    set_up()
    count, random = 20000, chance()
    publish([(number, random.randrange(1, 6000)) for number in range(count)])
    for _ in range(4):
        time.sleep(random.uniform(0.1, 1))  # no-sleep-ok: when it is killed is left to chance
        BROKER.restart(signal.SIGKILL)
    wait_for(count)
    times = collections.Counter(take_all())
    assert len(times) == count and set(times.values()) == {1}, times.most_common(3)
    tear_down()


def deleted_exchange_takes_what_waits_with_it_for_good():
    set_up()
    publish([("a", 1500)])
    expect(204, "", "DELETE", EXCHANGE)
    declare_exchange()
    bind("inbox")
    BROKER.restart(signal.SIGKILL)
    publish([("b", 1600)])
    wait_for(1)
    assert take_all() == ["b"]
    tear_down()


def policy_delays_and_what_waits_outlives_it():
    declare("inbox")
    expect(201, "", "PUT", "exchanges/%2F/plain", {"type": "fanout", "durable": True})
    bind("inbox", "plain")
    policy = {"pattern": "^plain$", "definition": {"delayed-message": True}, "apply-to": "exchanges"}
    expect(201, "", "PUT", "policies/%2F/delays", policy)
    publish([("a", 1500)], exchange="plain")
    expect(204, "", "DELETE", "policies/%2F/delays")
    publish([("at once", 1500)], exchange="plain")
    wait_for(1)
    BROKER.restart(signal.SIGKILL)
    wait_for(2)
    assert take_all() == ["at once", "a"]
    expect(204, "", "DELETE", "exchanges/%2F/plain")
    expect(204, "", "DELETE", "queues/%2F/inbox")


# --- HTTP


def first_are_listed_by_their_time():
    set_up()
    publish([("ccc", 3 * HOUR_MS), ("a", HOUR_MS), ("bb", 2 * HOUR_MS)])
    began = time.time() * 1000
    first = delayed(2)
    assert [each["payload_bytes"] for each in first] == [1, 2]
    assert abs(first[0]["due"] - began - HOUR_MS) < 60000
    assert first[0]["routing_key"] == "k" and first[0]["exchange"] == "later"
    assert first[0]["properties"] == {"headers": {"x-delay": HOUR_MS}, "delivery_mode": 2}
    assert first[0]["id"] == 2
    assert [each["payload_bytes"] for each in delayed()] == [1, 2, 3]
    expect(400, bad("count is no number from 0 to 1000"), "GET", f"{EXCHANGE}/delayed?count=x")
    expect(404, NOT_FOUND, "GET", "exchanges/%2F/none/delayed")
    expect(200, [], "GET", "exchanges/%2F/amq.fanout/delayed")
    tear_down()


def exchange_says_how_many_wait():
    set_up()
    publish([(number, HOUR_MS) for number in range(7)])
    deadline = time.monotonic() + WAIT_S
    while expect(200, ANY, "GET", EXCHANGE)["messages_delayed"] != 7:
        assert time.monotonic() < deadline
        time.sleep(0.05)  # no-sleep-ok: polls a condition, bounded
    assert "messages_delayed" not in expect(200, ANY, "GET", "exchanges/%2F/amq.fanout")
    tear_down()


def cancelled_message_never_comes():
    set_up()
    publish([(number, 2500 if number < 3 else HOUR_MS) for number in range(6)])
    ids = [each["id"] for each in delayed()]
    for cancelled in (ids[1], ids[4]):
        expect(204, "", "DELETE", f"{EXCHANGE}/delayed/{cancelled}")
        expect(404, NOT_FOUND, "DELETE", f"{EXCHANGE}/delayed/{cancelled}")
    for unknown in ("0", "77", "x", "-1", "99999999999999999999"):
        expect(404, NOT_FOUND, "DELETE", f"{EXCHANGE}/delayed/{unknown}")
    BROKER.restart(signal.SIGKILL)
    wait_for(2)
    assert take_all() == ["0", "2"]
    assert [each["id"] for each in delayed()] == [ids[3], ids[5]]
    tear_down()


def all_can_be_dropped_at_once():
    set_up()
    publish([(number, 1500 if number < 30 else HOUR_MS) for number in range(60)])
    expect(204, "", "DELETE", f"{EXCHANGE}/delayed")
    assert delayed() == []
    BROKER.restart(signal.SIGKILL)
    publish([("after", 1600)])
    wait_for(1)
    assert take_all() == ["after"]
    tear_down()


def only_who_may_read_from_the_exchange_sees_it():
    set_up()
    publish([("a", HOUR_MS)])
    expect(201, "", "PUT", "users/peter", {"password": "x", "tags": "management"})
    expect(201, "", "PUT", "permissions/%2F/peter", {"configure": ".*", "write": ".*", "read": ""})
    peter = {"user": "peter", "password": "x"}
    for method, path in (("GET", "delayed"), ("DELETE", "delayed"), ("DELETE", "delayed/1")):
        expect(401, ANY, method, f"{EXCHANGE}/{path}", **peter)
    assert len(delayed()) == 1
    expect(204, "", "PUT", "permissions/%2F/peter",
           {"configure": "", "write": "", "read": "later"})
    expect(204, "", "DELETE", f"{EXCHANGE}/delayed/1", **peter)
    expect(204, "", "DELETE", "users/peter")
    tear_down()


def definitions_hold_them_back_where_the_inner_type_does():
    answer = expect(400, ANY, "PUT", "exchanges/%2F/wrong",
                    {"type": "x-delayed-message", "arguments": {}})
    assert "'x-delayed-type' must be an existing exchange type" in answer["reason"]
    document = {"exchanges": [{"name": "hash", "vhost": "/", "type": "x-delayed-message",
                               "durable": True, "auto_delete": False, "internal": False,
                               "arguments": {"x-delayed-type": "x-consistent-hash"}}],
                "queues": [{"name": "inbox", "vhost": "/", "durable": True, "auto_delete": False,
                            "arguments": {}}],
                "bindings": [{"source": "hash", "vhost": "/", "destination": "inbox",
                              "destination_type": "queue", "routing_key": "none",
                              "arguments": {}}]}
    answer = expect(400, ANY, "POST", "definitions", document)
    assert "The binding key must be an integer" in answer["reason"]
    document["bindings"][0]["routing_key"] = "1"
    assert management.ask("POST", "definitions", document)[0] == 204
    publish([("a", 100)], exchange="hash")
    wait_for(1)
    assert take_all() == ["a"]
    expect(204, "", "DELETE", "exchanges/%2F/hash")
    expect(204, "", "DELETE", "queues/%2F/inbox")


TESTS = [
    what_waits_survives_restarts,
    what_was_due_while_the_broker_was_down_comes_when_it_is_up,
    each_comes_once_however_often_the_broker_is_killed,
    deleted_exchange_takes_what_waits_with_it_for_good,
    policy_delays_and_what_waits_outlives_it,
    first_are_listed_by_their_time,
    exchange_says_how_many_wait,
    cancelled_message_never_comes,
    all_can_be_dropped_at_once,
    only_who_may_read_from_the_exchange_sees_it,
    definitions_hold_them_back_where_the_inner_type_does,
]


if __name__ == "__main__":
    sys.exit(play_with_broker(sys.modules[__name__]))
