#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Queues, exchanges, bindings, messages, lists and connections over HTTP. RabbitMQ's too.

    test/with-broker [--against rabbitmq] -- test/mgmt/test_operations.py
"""
import base64
import sys
import time

sys.dont_write_bytecode = True

from answers import ANY, NOT_FOUND, bad, expect, play

import client  # from test/wire, where answers has looked for it
import management
from client import here, unique

EFFECT_LIMIT_S = 20  # RabbitMQ's statistics come in intervals


def eventually(check):
    """What CHECK returns once that is true."""
    deadline = time.monotonic() + EFFECT_LIMIT_S
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)  # no-sleep-ok: polls a condition, bounded
    return found


def vhost_with(*queues):
    """A new virtual host with these queues; its name as a path has it."""
    v = unique("v")
    management.put_vhost(v)
    for queue in queues:
        expect(201, "", "PUT", f"queues/{v}/{queue}", {})
    return v


def publish(v, key, payload="x", exchange="amq.default", properties=None, encoding="string"):
    sent = {"properties": properties or {}, "routing_key": key, "payload": payload,
            "payload_encoding": encoding}
    return expect(200, ANY, "POST", f"exchanges/{v}/{exchange}/publish", sent)


def get(v, queue, count=10, ackmode="ack_requeue_false", encoding="auto", **more):
    sent = {"count": count, "ackmode": ackmode, "encoding": encoding} | more
    return expect(200, ANY, "POST", f"queues/{v}/{queue}/get", sent)


# --- topology


def queues_are_declared_shown_and_deleted():
    v = vhost_with()
    path = f"queues/{v}/q"
    expect(404, NOT_FOUND, "GET", path)
    expect(201, "", "PUT", path, {"arguments": {"x-max-length": 5}, "durable": True})
    expect(204, "", "PUT", path, {"arguments": {"x-max-length": 5}, "durable": True})
    shown = expect(200, ANY, "GET", path)
    assert shown["durable"] and not shown["auto_delete"] and not shown["exclusive"], shown
    assert shown["arguments"] == {"x-max-length": 5} and shown["type"] == "classic", shown
    assert (shown["name"], shown["vhost"]) == ("q", v), shown
    expect(400, bad(f"inequivalent arg 'durable' for queue 'q' in vhost '{v}': "
                    "received 'false' but current is 'true'"),
           "PUT", path, {"durable": False, "arguments": {"x-max-length": 5}})
    expect(400, ANY, "PUT", path, {"durable": "perhaps"})
    expect(400, ANY, "PUT", f"queues/{v}/new", {"arguments": {"x-max-length": -1}})
    expect(404, NOT_FOUND, "GET", f"queues/{v}/new")
    expect(404, ANY, "PUT", f"queues/{unique('nowhere')}/q", {})
    expect(204, "", "DELETE", path)
    expect(404, NOT_FOUND, "DELETE", path)
    management.delete(f"vhosts/{v}")


def queues_in_use_or_with_messages_are_spared_when_asked_for():
    v = "%2F"
    q = unique("q")
    expect(201, "", "PUT", f"queues/{v}/{q}", {})
    publish(v, q)
    expect(400, bad(f"queue '{q}' in vhost '/' not empty"), "DELETE", f"queues/{v}/{q}?if-empty=true")
    expect(204, "", "DELETE", f"queues/{v}/{q}/contents")
    consumer = client.with_channel()
    consumer.call("basic.consume", queue=q)
    expect(400, bad(f"queue '{q}' in vhost '/' in use"), "DELETE", f"queues/{v}/{q}?if-unused=true")
    expect(204, "", "DELETE", f"queues/{v}/{q}?if-empty=true")
    consumer.expect("basic.cancel")


def exchanges_are_declared_shown_and_deleted():
    v = vhost_with()
    path = f"exchanges/{v}/x"
    expect(201, "", "PUT", path, {"type": "topic", "internal": True, "durable": False})
    expect(204, "", "PUT", path, {"type": "topic", "internal": True, "durable": False})
    shown = expect(200, ANY, "GET", path)
    assert shown["type"] == "topic" and shown["internal"] and not shown["durable"], shown
    expect(400, bad(f"inequivalent arg 'type' for exchange 'x' in vhost '{v}': "
                    "received 'fanout' but current is 'topic'"),
           "PUT", path, {"type": "fanout", "internal": True, "durable": False})
    expect(400, ANY, "PUT", f"exchanges/{v}/y", {"type": "nothing"})
    expect(404, NOT_FOUND, "GET", f"exchanges/{v}/y")
    expect(204, "", "DELETE", path)
    expect(404, NOT_FOUND, "DELETE", path)
    management.delete(f"vhosts/{v}")


def bindings_are_made_found_and_undone():
    v = vhost_with("q")
    there = f"bindings/{v}/e/amq.topic/q/q"
    expect(201, "", "POST", there, {"routing_key": "a.*", "arguments": {}})
    expect(201, "", "POST", there, {"routing_key": "b", "arguments": {"n": 1}})
    found = expect(200, ANY, "GET", there)
    assert sorted(row["routing_key"] for row in found) == ["a.*", "b"], found
    with_arguments = next(row for row in found if row["routing_key"] == "b")
    assert with_arguments["arguments"] == {"n": 1}, found
    key = management.quoted(with_arguments["properties_key"])
    expect(200, with_arguments, "GET", f"{there}/{key}")
    expect(404, NOT_FOUND, "GET", f"{there}/nothing")
    assert len(expect(200, ANY, "GET", f"queues/{v}/q/bindings")) == 3  # the default exchange's
    assert len(expect(200, ANY, "GET", f"exchanges/{v}/amq.topic/bindings/source")) == 2
    expect(204, "", "DELETE", f"{there}/{key}")
    expect(404, NOT_FOUND, "DELETE", f"{there}/{key}")
    expect(404, ANY, "POST", f"bindings/{v}/e/amq.topic/q/nothing", {"routing_key": ""})
    expect(404, ANY, "POST", f"bindings/{v}/e/nothing/q/q", {"routing_key": ""})
    expect(201, "", "POST", f"bindings/{v}/e/amq.topic/e/amq.fanout", {"routing_key": "k"})
    assert len(expect(200, ANY, "GET", f"bindings/{v}/e/amq.topic/e/amq.fanout")) == 1
    assert len(expect(200, ANY, "GET", f"exchanges/{v}/amq.fanout/bindings/destination")) == 1
    management.delete(f"vhosts/{v}")


# --- messages


def messages_are_published_and_got_as_they_were():
    v = vhost_with("q")
    properties = {"delivery_mode": 2, "content_type": "text/plain", "headers": {"h": 1, "t": True}}
    assert publish(v, "q", "text é", properties=properties) == {"routed": True}
    octets = base64.b64encode(bytes(range(256))).decode()
    assert publish(v, "q", octets, encoding="base64") == {"routed": True}
    assert publish(v, "nowhere") == {"routed": False}
    first, second = get(v, "q", ackmode="ack_requeue_true")
    assert first["payload"] == "text é" and first["payload_encoding"] == "string", first
    assert first["payload_bytes"] == len("text é".encode()), first
    assert first["properties"] == properties and first["routing_key"] == "q", first
    assert first["exchange"] == "" and first["message_count"] == 1, first
    assert not first["redelivered"] and not second["redelivered"]
    assert second["payload"] == octets and second["payload_encoding"] == "base64", second
    assert second["properties"] == [] and second["payload_bytes"] == 256, second
    first, second = get(v, "q", encoding="base64", truncate=4)
    assert first["redelivered"] and second["redelivered"]
    assert first["payload"] == base64.b64encode(b"text").decode(), first
    assert first["payload_bytes"] == 7, first
    assert get(v, "q") == []
    management.delete(f"vhosts/{v}")


def messages_come_back_to_their_places():
    v = vhost_with("q")
    for number in range(5):
        publish(v, "q", str(number))

    def got(count, ackmode):
        return [(row["payload"], row["redelivered"]) for row in get(v, "q", count, ackmode)]

    assert got(2, "ack_requeue_true") == [("0", False), ("1", False)]
    assert got(3, "reject_requeue_true") == [("0", True), ("1", True), ("2", False)]
    assert got(1, "reject_requeue_false") == [("0", True)]
    assert got(9, "ack_requeue_false") == [("1", True), ("2", True), ("3", False), ("4", False)]
    management.delete(f"vhosts/{v}")


def bad_gets_and_publishes_are_refused():
    v = vhost_with("q")
    where = f"queues/{v}/q/get"
    whole = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    for missing in whole:
        sent = {key: value for key, value in whole.items() if key != missing}
        expect(400, bad(f"[{{key_missing,{missing}}}]"), "POST", where, sent)
    expect(400, ANY, "POST", where, whole | {"count": "many"})
    expect(400, ANY, "POST", where, whole | {"encoding": "utf-16"})
    expect(400, bad("not_json"), "POST", where, b"{")
    none = {"error": "not_found", "reason": f"NOT_FOUND - no queue 'nothing' in vhost '{v}'"}
    expect(404, none, "POST", f"queues/{v}/nothing/get", whole)
    where = f"exchanges/{v}/amq.default/publish"
    whole = {"properties": {}, "routing_key": "q", "payload": "x", "payload_encoding": "string"}
    for missing in whole:
        sent = {key: value for key, value in whole.items() if key != missing}
        expect(400, bad(f"[{{key_missing,{missing}}}]"), "POST", where, sent)
    expect(400, ANY, "POST", where, whole | {"payload_encoding": "utf-16"})
    expect(400, bad(f"404 NOT_FOUND - no exchange 'nothing' in vhost '{v}'"), "POST",
           f"exchanges/{v}/nothing/publish", whole)
    expect(201, "", "PUT", f"exchanges/{v}/inner", {"type": "fanout", "internal": True})
    expect(400, bad("403 ACCESS_REFUSED - cannot publish to internal exchange 'inner' in vhost "
                    f"'{v}'"), "POST", f"exchanges/{v}/inner/publish", whole)
    assert get(v, "q") == []
    management.delete(f"vhosts/{v}")


def publishing_and_getting_need_permissions():
    v, user = vhost_with("q"), unique("user")
    message = {"properties": {}, "routing_key": "q", "payload": "x", "payload_encoding": "string"}
    some = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    management.put_user(user, "x", "management")
    management.permit(v, user, ".*", "", "")
    login = {"user": user, "password": "x"}
    refused = expect(400, ANY, "POST", f"exchanges/{v}/amq.fanout/publish", message, **login)
    assert refused["reason"].startswith("403 ACCESS_REFUSED - "), refused
    refused = expect(401, ANY, "POST", f"queues/{v}/q/get", some, **login)
    assert refused["error"] == "not_authorised", refused
    assert refused["reason"].startswith("ACCESS_REFUSED - "), refused
    management.delete(f"users/{user}")
    management.delete(f"vhosts/{v}")


def less_than_no_messages_are_all():
    v = vhost_with("q")
    for number in range(3):
        publish(v, "q", str(number))
    assert [one["payload"] for one in get(v, "q", -1)] == ["0", "1", "2"]
    management.delete(f"vhosts/{v}")


def a_purge_takes_what_is_ready():
    v = vhost_with("q")
    for _ in range(3):
        publish(v, "q")
    expect(204, "", "DELETE", f"queues/{v}/q/contents")
    assert get(v, "q") == []
    expect(404, NOT_FOUND, "DELETE", f"queues/{v}/nothing/contents")
    management.delete(f"vhosts/{v}")


# --- lists


def names(rows):
    return [row["name"] for row in rows]


def lists_come_in_pages():
    v = vhost_with(*(f"q{number}" for number in range(7)))
    page = expect(200, ANY, "GET", f"queues/{v}?page=2&page_size=3&columns=name")
    assert names(page.pop("items")) == ["q3", "q4", "q5"], page
    assert page == {"page": 2, "page_size": 3, "page_count": 3, "item_count": 3,
                    "filtered_count": 7, "total_count": 7}, page
    page = expect(200, ANY, "GET", f"queues/{v}?page=1&name=q[2-4]&use_regex=true&columns=name")
    assert names(page["items"]) == ["q2", "q3", "q4"], page
    assert (page["filtered_count"], page["total_count"], page["page_count"]) == (3, 7, 1), page
    page = expect(200, ANY, "GET", f"queues/{v}?page=1&name=Q5&columns=name")
    assert names(page["items"]) == ["q5"], page
    management.delete(f"vhosts/{v}")


def bad_pages_are_refused():
    v = vhost_with("q")
    invalid = {"error": "invalid_pagination_parameters"}
    for query, number, size in (("page=0", 0, "undefined"), ("page=1&page_size=0", 1, 0),
                                ("page=1&page_size=501", 1, 501)):
        reason = f"Invalid pagination parameters: page number {number}, page size {size}"
        expect(400, invalid | {"reason": reason}, "GET", f"queues/{v}?{query}")
    expect(400, {"error": "page_out_of_range",
                 "reason": "Page out of range, page: 2 page size: 100, len: 1"},
           "GET", f"queues/{v}?page=2")
    expect(400, ANY, "GET", f"queues/{v}?page=x")
    expect(400, ANY, "GET", f"queues/{v}?page=1&name=(&use_regex=true")
    management.delete(f"vhosts/{v}")


def lists_are_sorted_and_show_what_is_asked_for():
    v = vhost_with("b", "a", "c")
    assert names(expect(200, ANY, "GET", f"queues/{v}?sort=name")) == ["a", "b", "c"]
    backward = expect(200, ANY, "GET", f"queues/{v}?sort=name&sort_reverse=true&columns=name,durable")
    assert backward == [{"name": name, "durable": False} for name in "cba"], backward
    assert names(expect(200, ANY, "GET", f"queues/{v}?sort=nothing&columns=name"))
    nested = expect(200, ANY, "GET", f"exchanges/{v}/amq.direct?columns=name,type")
    assert nested == {"name": "amq.direct", "type": "direct"}, nested
    management.delete(f"vhosts/{v}")


def lists_of_what_is_not_there():
    v = unique("nowhere")
    for path in ("queues", "exchanges", "bindings"):
        expect(404, ANY, "GET", f"{path}/{v}")
    expect(404, ANY, "GET", f"exchanges/%2F/{v}")
    expect(404, ANY, "GET", f"connections/{v}")


# --- connections


def logged_in(user="guest", password="guest", called="somebody"):
    one = client.Client()
    one.greet()
    one.login(response=client.plain(user, password), properties={"connection_name": called})
    one.tune()
    one.send("connection.open", virtual_host="/")
    one.expect("connection.open-ok")
    return one


def connection_called(called):
    """Its name, or None while it is not listed."""
    rows = expect(200, ANY, "GET", "connections?columns=name,user_provided_name")
    return next((row["name"] for row in rows if row.get("user_provided_name") == called), None)


def connections_are_closed_with_a_reason():
    called = unique("c")
    own = logged_in(called=called)
    name = eventually(lambda: connection_called(called))
    quoted = management.quoted(name)
    shown = expect(200, ANY, "GET", f"connections/{quoted}")
    assert shown["name"] == name and shown["user"] == "guest" and shown["vhost"] == "/", shown
    management.put_user("other", "x", "management")
    management.permit("/", "other", ".*", ".*", ".*")
    expect(401, ANY, "DELETE", f"connections/{quoted}", user="other", password="x")
    expect(204, "", "DELETE", f"connections/{quoted}")
    own.expect_connection_close(320, "CONNECTION_FORCED - Closed via management plugin", (0, 0))
    management.delete("users/other")
    eventually(lambda: management.ask("DELETE", f"connections/{quoted}")[0] == 404)


def a_users_connections_are_closed_together():
    management.put_user("several", "x")
    management.permit("/", "several", ".*", ".*", ".*")
    clients = [logged_in("several", "x") for _ in range(2)]
    path = "connections/username/several"
    eventually(lambda: len(expect(200, ANY, "GET", path)) == 2)
    expect(204, "", "DELETE", path)
    for each in clients:
        each.expect_connection_close(320)
    management.delete("users/several")


def single_active_consumers_are_shown():
    q = unique("q")
    expect(201, "", "PUT", f"queues/%2F/{q}", {"arguments": {"x-single-active-consumer": True}})
    channel = client.with_channel()
    for tag in ("first", "second"):
        channel.call("basic.consume", queue=q, consumer_tag=tag)

    def shows(tag, consumers):
        row = expect(200, ANY, "GET", f"queues/%2F/{q}")
        seen = {(c["consumer_tag"], c["active"], c["activity_status"]) for c in row["consumer_details"]}
        return row.get("single_active_consumer_tag", "missing") == tag and seen == consumers

    eventually(lambda: shows("first", {("first", True, "single_active"), ("second", False, "waiting")}))
    channel.call("basic.cancel", consumer_tag="first")
    eventually(lambda: shows("second", {("second", True, "single_active")}))
    channel.call("basic.cancel", consumer_tag="second")
    eventually(lambda: shows(None, set()))
    expect(204, "", "DELETE", f"queues/%2F/{q}")


def what_only_some_queues_have_is_shown():
    q = unique("q")
    expect(201, "", "PUT", f"queues/%2F/{q}", {})

    def shows(column, value):
        row = expect(200, ANY, "GET", f"queues/%2F/{q}")
        return column in row and row[column] == value

    for column in ("exclusive_consumer_tag", "head_message_timestamp", "single_active_consumer_tag"):
        eventually(lambda: shows(column, None))
    publish("%2F", q, properties={"timestamp": 1700000000})
    eventually(lambda: shows("head_message_timestamp", 1700000000))
    get("%2F", q)
    consumer = client.with_channel()
    consumer.call("basic.consume", queue=q, exclusive=True, consumer_tag="alone")
    eventually(lambda: shows("exclusive_consumer_tag", "alone"))
    details = eventually(lambda: expect(200, ANY, "GET", f"queues/%2F/{q}")["consumer_details"])
    assert details[0]["consumer_tag"] == "alone" and details[0]["exclusive"], details
    consumer.call("basic.cancel", consumer_tag="alone")
    eventually(lambda: shows("exclusive_consumer_tag", None))
    expect(204, "", "DELETE", f"queues/%2F/{q}")


def details_show_who_publishes_and_who_takes():
    q = unique("q")
    expect(201, "", "PUT", f"queues/%2F/{q}", {})
    x = unique("x")
    expect(201, "", "PUT", f"exchanges/%2F/{x}", {"type": "fanout"})
    expect(201, "", "POST", f"bindings/%2F/e/{x}/q/{q}", {"routing_key": ""})
    publisher, consumer = client.with_channel(), client.with_channel()
    consumer.call("basic.consume", queue=q, no_ack=True)
    for _ in range(3):
        publisher.publish(b"x", exchange=x)
        consumer.expect_content("basic.deliver")

    def partners(path, name):
        """RabbitMQ counts pairs only when rates_mode is detailed."""
        found = expect(200, ANY, "GET", path)[name]
        return found if here(stoatmq=True, rabbitmq=False) else [None]

    def look():
        taken, given = partners(f"queues/%2F/{q}", "deliveries"), partners(f"exchanges/%2F/{x}", "incoming")
        if here(stoatmq=False, rabbitmq=True):
            return True
        if not taken or not given or taken[0]["stats"]["deliver_no_ack"] != 3:
            return False
        assert given[0]["stats"]["publish"] == 3, given
        to = management.quoted(taken[0]["channel_details"]["name"])
        by = management.quoted(given[0]["channel_details"]["name"])
        named = [{"name": name, "vhost": "/"} for name in (q, x)]
        assert [row["queue"] for row in partners(f"channels/{to}", "deliveries")] == [named[0]]
        assert [row["exchange"] for row in partners(f"channels/{by}", "publishes")] == [named[1]]
        return True

    eventually(look)
    publisher.publish(b"x", exchange="amq.fanout")  # what it counts is no pair's any more
    publisher.expect_alive()
    eventually(lambda: here(stoatmq=not partners(f"exchanges/%2F/{x}", "incoming"), rabbitmq=True))
    expect(204, "", "DELETE", f"queues/%2F/{q}")
    expect(204, "", "DELETE", f"exchanges/%2F/{x}")


TESTS = [
    queues_are_declared_shown_and_deleted,
    queues_in_use_or_with_messages_are_spared_when_asked_for,
    exchanges_are_declared_shown_and_deleted,
    bindings_are_made_found_and_undone,
    messages_are_published_and_got_as_they_were,
    messages_come_back_to_their_places,
    bad_gets_and_publishes_are_refused,
    publishing_and_getting_need_permissions,
    less_than_no_messages_are_all,
    a_purge_takes_what_is_ready,
    lists_come_in_pages,
    bad_pages_are_refused,
    lists_are_sorted_and_show_what_is_asked_for,
    lists_of_what_is_not_there,
    connections_are_closed_with_a_reason,
    a_users_connections_are_closed_together,
    single_active_consumers_are_shown,
    what_only_some_queues_have_is_shown,
    details_show_who_publishes_and_who_takes,
]

if __name__ == "__main__":
    sys.exit(play(TESTS))
