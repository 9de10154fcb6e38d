#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pausing, moving and browsing queues over HTTP, over restarts and kill -9.

    test/mgmt/test_queue_actions.py SERVER [TEST...]
"""
import signal
import sys
import threading

sys.dont_write_bytecode = True

from answers import ANY, NOT_FOUND, bad, expect

import management
from own_broker import play_with_broker
from own_queues import (amqp, ask_until_killed, chance, declare, depth, fill, numbers, octets)

BROKER = None
MOVED = 20000
LIVES = 6


def get(queue, count, ackmode="ack_requeue_true"):
    wish = {"count": count, "ackmode": ackmode, "encoding": "auto"}
    return expect(200, ANY, "POST", f"queues/%2F/{queue}/get", wish)


def bodies_of(messages):
    return [message["payload"] for message in messages]


def state(queue):
    return expect(200, ANY, "GET", f"queues/%2F/{queue}")["state"]


# --- pausing


def a_paused_queue_delivers_nothing_until_it_is_resumed():
    path = declare("stopped")
    channel = amqp()
    channel.call("basic.consume", queue="stopped", consumer_tag="c", no_ack=True)
    expect(204, "", "PUT", f"{path}/pause")
    assert state("stopped") == "paused"
    fill("stopped", [b"1", b"2"])
    channel.expect_alive()  # and nothing was delivered before that answer
    channel.send("basic.get", queue="stopped")
    channel.expect("basic.get-empty")
    assert bodies_of(get("stopped", 5)) == ["1", "2"]  # an operator sees what is there
    channel.expect_alive()
    expect(204, "", "PUT", f"{path}/pause")
    expect(204, "", "PUT", f"{path}/resume")
    for body in (b"1", b"2"):
        assert channel.expect_content("basic.deliver", consumer_tag="c")[2] == body
    assert state("stopped") == "running"
    expect(204, "", "PUT", f"{path}/resume")
    expect(204, "", "DELETE", path)


def a_durable_queue_stays_paused_over_a_restart():
    path, other = declare("stopped"), declare("running")
    expect(204, "", "PUT", f"{path}/pause")
    expect(204, "", "PUT", f"{other}/pause")
    expect(204, "", "PUT", f"{other}/resume")
    for how in (signal.SIGKILL, signal.SIGTERM):
        BROKER.restart(how)
        assert state("stopped") == "paused" and state("running") == "running"
    fill("stopped", [b"1"])
    channel = amqp()
    channel.send("basic.get", queue="stopped", no_ack=True)
    channel.expect("basic.get-empty")
    expect(204, "", "PUT", f"{path}/resume")
    assert channel.get("stopped", no_ack=True)[2] == b"1"
    expect(204, "", "PUT", f"{path}/pause")
    expect(204, "", "DELETE", path)
    declare("stopped")  # is another queue
    BROKER.restart(signal.SIGKILL)
    assert state("stopped") == "running"
    for each in (path, other):
        expect(204, "", "DELETE", each)


def pausing_needs_a_queue_and_leave_to_configure_it():
    for act in ("pause", "resume"):
        expect(404, NOT_FOUND, "PUT", f"queues/%2F/nothing/{act}")
        expect(404, NOT_FOUND, "PUT", f"queues/nowhere/q/{act}")
        expect(405, ANY, "GET", f"queues/%2F/nothing/{act}")
    path = declare("mine")
    management.put_user("reader", "x", "management")
    management.permit("/", "reader", "", ".*", ".*")
    expect(401, ANY, "PUT", f"{path}/pause", user="reader", password="x")
    assert state("mine") == "running"
    management.delete("users/reader")
    expect(204, "", "DELETE", path)


# --- browsing


def messages_are_got_in_order_and_marked_when_they_come_back():
    path = declare("browsed")
    fill("browsed", octets(numbers(1, 5)))
    first = get("browsed", 3)
    assert bodies_of(first) == numbers(1, 3)
    assert [message["redelivered"] for message in first] == [False] * 3
    assert [message["message_count"] for message in first] == [4, 3, 2]
    again = get("browsed", 5)
    assert bodies_of(again) == numbers(1, 5)
    assert [message["redelivered"] for message in again] == [True] * 3 + [False] * 2
    assert bodies_of(get("browsed", 2, "reject_requeue_false")) == numbers(1, 2)
    assert bodies_of(get("browsed", 9, "ack_requeue_false")) == numbers(3, 5)
    assert get("browsed", 9) == []
    expect(204, "", "DELETE", path)


def messages_that_a_restart_left_on_disk_are_waited_for():
    path = declare("cold")
    count = 3000
    fill("cold", [f"{number:0>100}".encode() for number in range(count)])
    wanted = [f"{number:0>100}" for number in range(count)]
    BROKER.restart()
    first = get("cold", count)
    assert bodies_of(first) == wanted, len(first)
    assert not any(message["redelivered"] for message in first)
    assert [message["message_count"] for message in first] == list(range(count - 1, -1, -1))
    again = get("cold", 10)
    assert bodies_of(again) == wanted[:10]
    assert all(message["redelivered"] for message in again)
    BROKER.restart()
    assert bodies_of(get("cold", count + 1, "ack_requeue_false")) == wanted
    assert get("cold", 1) == []
    expect(204, "", "DELETE", path)


def browse(queue, query="", status=200, **more):
    return expect(status, ANY, "GET", f"queues/%2F/{queue}/messages{query}", **more)


def looking_at_messages_changes_nothing():
    path = declare("looked")
    fill("looked", octets(numbers(1, 30)))
    for _ in range(2):
        seen = browse("looked", "?count=3&offset=1")
        assert bodies_of(seen) == numbers(2, 4)
        assert [message["message_count"] for message in seen] == [28, 27, 26]
        assert not any(message["redelivered"] for message in seen)
    assert bodies_of(browse("looked")) == numbers(1, 20)
    assert browse("looked", "?count=0") == [] and browse("looked", "?offset=30") == []
    assert browse("looked", "?offset=30&count=7") == []
    first = browse("looked", "?count=1&encoding=base64&truncate=1&offset=11")[0]
    assert (first["payload"], first["payload_encoding"], first["payload_bytes"]) == \
        ("MQ==", "base64", 2), first
    assert first["properties"] == {"delivery_mode": 2} and first["routing_key"] == "looked"
    same = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    seen = browse("looked", "?count=1")
    assert expect(200, ANY, "POST", f"{path}/get", same) == seen
    channel = amqp()
    assert channel.get("looked", no_ack=True)[2] == b"1"
    assert not channel.get("looked", no_ack=True)[0].args["redelivered"]
    expect(204, "", "DELETE", path)


def a_consumer_is_not_disturbed_by_one_who_looks():
    path = declare("looked")
    channel = amqp()
    channel.call("basic.qos", prefetch_count=2)
    channel.call("basic.consume", queue="looked", consumer_tag="c")
    fill("looked", octets(numbers(1, 5)))
    for body in (b"1", b"2"):
        assert channel.expect_content("basic.deliver", consumer_tag="c")[2] == body
    assert bodies_of(browse("looked")) == numbers(3, 5)
    channel.send("basic.nack", delivery_tag=1, requeue=True)
    channel.expect_content("basic.deliver", consumer_tag="c", redelivered=True)
    assert bodies_of(browse("looked")) == numbers(3, 5)
    channel.call("channel.close", reply_code=200)
    channel.close()
    seen = browse("looked")
    assert bodies_of(seen) == numbers(1, 5)
    assert [message["redelivered"] for message in seen] == [True, True, False, False, False]
    expect(204, "", "DELETE", path)


def messages_on_disk_are_looked_at():
    path = declare("cold")
    count = 3000
    fill("cold", octets(numbers(1, count)))
    for _ in range(2):
        BROKER.restart()
        seen = browse("cold", f"?count=10&offset={count - 15}")
        assert bodies_of(seen) == numbers(count - 14, count - 5)
        assert not any(message["redelivered"] for message in seen)
        assert bodies_of(browse("cold", f"?count={count + 1}")) == numbers(1, count)
    assert bodies_of(get("cold", count, "ack_requeue_false")) == numbers(1, count)
    expect(204, "", "DELETE", path)


def messages_with_priorities_are_looked_at_in_the_order_of_delivery():
    path = "queues/%2F/ranked"
    expect(201, "", "PUT", path, {"durable": True, "arguments": {"x-max-priority": 9}})
    channel = amqp(confirms=True)
    for number in range(60):
        properties = b"\x18\x00\x02" + bytes([number % 3])  # delivery-mode 2, priority
        channel.publish(str(number).encode(), routing_key="ranked", properties=properties)
        channel.expect("basic.ack")
    channel.close()
    wanted = [str(number) for rank in (2, 1, 0) for number in range(rank, 60, 3)]
    for restarted in (False, True):
        if restarted:
            BROKER.restart()
        seen = browse("ranked", "?count=60")
        assert bodies_of(seen) == wanted
        assert restarted or not any(message["redelivered"] for message in seen)
        assert bodies_of(browse("ranked", "?count=9&offset=15")) == wanted[15:24]
    assert bodies_of(get("ranked", 60, "ack_requeue_false")) == wanted
    expect(204, "", "DELETE", path)


def what_a_restart_leaves_of_each_priority_is_as_it_was():
    path = "queues/%2F/ranked"
    expect(201, "", "PUT", path, {"durable": True, "arguments": {"x-max-priority": 9}})

    def publish(numbers):
        channel = amqp(confirms=True)
        for number in numbers:
            properties = b"\x18\x00\x02" + bytes([number % 3])  # delivery-mode 2, priority
            channel.publish(str(number).encode(), routing_key="ranked", properties=properties)
            channel.expect("basic.ack")
        channel.close()

    def by_rank(numbers):
        return [str(number) for number in sorted(numbers, key=lambda n: (-(n % 3), n))]

    def redelivered():
        return {int(each["payload"]) for each in browse("ranked", "?count=100")
                if each["redelivered"]}

    publish(range(3, 60))
    waiting = set(range(3, 60))
    first = by_rank(waiting)[:4]
    assert bodies_of(get("ranked", 4, "ack_requeue_true")) == first
    delivered = {int(body) for body in first}
    BROKER.restart()
    assert bodies_of(browse("ranked", "?count=100")) == by_rank(waiting)
    assert redelivered() == delivered
    assert bodies_of(get("ranked", 25, "ack_requeue_false")) == by_rank(waiting)[:25]
    waiting -= {int(body) for body in by_rank(waiting)[:25]}
    publish(range(60, 90))
    waiting |= set(range(60, 90))
    assert redelivered() == set()
    BROKER.restart(signal.SIGKILL)
    assert bodies_of(browse("ranked", "?count=100")) == by_rank(waiting)
    assert redelivered() == waiting  # nobody knows
    publish(range(90, 99))
    waiting |= set(range(90, 99))
    BROKER.restart()
    assert redelivered() == waiting - set(range(90, 99))
    assert bodies_of(get("ranked", 100, "ack_requeue_false")) == by_rank(waiting)
    expect(204, "", "DELETE", path)


def looking_needs_a_queue_and_leave_to_read_it():
    path = declare("mine")
    for where in ("%2F/nothing", "nowhere/mine"):
        expect(404, NOT_FOUND, "GET", f"queues/{where}/messages")
    for query, why in (("count=-1", "count is no number from 0 to 10000"),
                       ("count=many", "count is no number from 0 to 10000"),
                       ("count=", "count is no number from 0 to 10000"),
                       ("offset=1000000", "offset is no number from 0 to 100000"),
                       ("truncate=99999999999999999999",
                        "truncate is no number from 0 to 9223372036854775807"),
                       ("encoding=hex", "Unsupported encoding. Please use auto or base64.")):
        expect(400, bad(why), "GET", f"{path}/messages?{query}")
    management.put_user("looker", "x", "management")
    management.permit("/", "looker", ".*", ".*", "")
    browse("mine", status=401, user="looker", password="x")
    management.permit("/", "looker", "", "", "mine")
    assert browse("mine", user="looker", password="x") == []
    owner = amqp()
    browse(owner.queue(), status=400)  # exclusive to somebody
    management.delete("users/looker")
    expect(204, "", "DELETE", path)


# --- moving


def move(source, destination, count=None, status=200, body=ANY):
    wish = {"destination": destination} | ({} if count is None else {"count": count})
    return expect(status, body, "POST", f"queues/%2F/{source}/move", wish)


def messages_are_moved_in_order():
    paths = declare("from"), declare("to", durable=False)
    fill("from", octets(numbers(1, 5)))
    fill("to", [b"0"])
    assert move("from", "to", 2) == {"moved": 2}
    assert move("from", "to", "1") == {"moved": 1}
    assert move("from", "to") == {"moved": 2}
    assert move("from", "to") == {"moved": 0}
    assert bodies_of(get("to", 9)) == numbers(0, 5)
    for path in paths:
        expect(204, "", "DELETE", path)


def bad_moves_are_refused():
    paths = declare("from"), declare("to")
    where = "queues/%2F/from/move"
    fill("from", [b"1"])
    expect(400, bad("[{key_missing,destination}]"), "POST", where, {})
    expect(400, bad("destination is the queue itself"), "POST", where, {"destination": "from"})
    expect(400, bad("not_string: destination"), "POST", where, {"destination": 5})
    expect(400, bad("not_integer: count"), "POST", where, {"destination": "to", "count": -1})
    expect(400, bad("not_integer: count"), "POST", where, {"destination": "to", "count": "many"})
    expect(400, bad("not_json"), "POST", where, b"[")
    expect(404, {"error": "not_found", "reason": "no queue 'nothing' in vhost '/'"}, "POST", where,
           {"destination": "nothing"})
    expect(404, NOT_FOUND, "POST", "queues/%2F/nothing/move", {"destination": "to"})
    management.put_user("mover", "x", "management")
    for write, read in (("", ".*"), (".*", "")):
        management.permit("/", "mover", ".*", write, read)
        expect(401, ANY, "POST", where, {"destination": "to"}, user="mover", password="x")
    owner = amqp()
    own = owner.queue()
    move("from", own, status=400)
    assert bodies_of(get("from", 9)) == ["1"]
    management.delete("users/mover")
    for path in paths:
        expect(204, "", "DELETE", path)


def a_backlog_on_disk_is_moved():
    paths = declare("from"), declare("to")
    fill("from", octets(numbers(1, MOVED)))
    BROKER.restart()
    assert move("from", "to") == {"moved": MOVED}
    BROKER.restart(signal.SIGKILL)
    channel = amqp()
    assert depth(channel, "from") == 0 and depth(channel, "to") == MOVED
    assert bodies_of(get("to", 10000, "ack_requeue_false")) == numbers(1, 10000)
    assert bodies_of(get("to", 10000, "ack_requeue_false")) == numbers(10001, MOVED)
    for path in paths:
        expect(204, "", "DELETE", path)


def kill_in_the_middle_loses_nothing_and_doubles_nothing():
    moment = chance()
    paths = declare("from"), declare("to")
    fill("from", octets(numbers(1, MOVED)))
    for _ in range(LIVES):
        before = depth(amqp(), "to")
        mover = threading.Thread(target=ask_until_killed, args=(
            "POST", "queues/%2F/from/move", {"destination": "to"}))
        mover.start()
        watcher, enough = amqp(), moment.randrange(MOVED // LIVES)
        while depth(watcher, "to") <= before + enough and mover.is_alive():
            pass
        BROKER.end(signal.SIGKILL)
        mover.join()
        BROKER.start()
        channel = amqp()
        left, arrived = depth(channel, "from"), depth(channel, "to")
        print(f"  killed with {arrived} of {MOVED} moved", flush=True)
        assert left + arrived == MOVED, f"{left} + {arrived} of {MOVED}"
    got = []
    while depth(channel, "to") > 0:
        got += bodies_of(get("to", 10000, "ack_requeue_false"))
    while depth(channel, "from") > 0:
        got += bodies_of(get("from", 10000, "ack_requeue_false"))
    assert got == numbers(1, MOVED), f"{len(got)} messages, {len(set(got))} different ones"
    for path in paths:
        expect(204, "", "DELETE", path)


TESTS = [
    a_paused_queue_delivers_nothing_until_it_is_resumed,
    a_durable_queue_stays_paused_over_a_restart,
    pausing_needs_a_queue_and_leave_to_configure_it,
    messages_are_got_in_order_and_marked_when_they_come_back,
    messages_that_a_restart_left_on_disk_are_waited_for,
    looking_at_messages_changes_nothing,
    a_consumer_is_not_disturbed_by_one_who_looks,
    messages_on_disk_are_looked_at,
    messages_with_priorities_are_looked_at_in_the_order_of_delivery,
    what_a_restart_leaves_of_each_priority_is_as_it_was,
    looking_needs_a_queue_and_leave_to_read_it,
    messages_are_moved_in_order,
    bad_moves_are_refused,
    a_backlog_on_disk_is_moved,
    kill_in_the_middle_loses_nothing_and_doubles_nothing,
]


if __name__ == "__main__":
    sys.exit(play_with_broker(sys.modules[__name__]))
