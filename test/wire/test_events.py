# SPDX-License-Identifier: Apache-2.0
"""What the broker tells of itself: events, and the firehose of a traced virtual host."""

import management
import wire
from client import Client, connected, plain, unique
from scripts import test

EVENTS, TRACES = "amq.rabbitmq.event", "amq.rabbitmq.trace"


class Listener:
    """A connection that consumes what is published to EXCHANGE with keys like PATTERN."""

    def __init__(self, exchange, pattern="#", client=None):
        self.client = client or connected().open_channel()
        queue = self.client.queue()
        self.client.call("queue.bind", queue=queue, exchange=exchange, routing_key=pattern)
        self.client.call("basic.consume", queue=queue, no_ack=True)

    def next(self):
        method, properties, body = self.client.expect_content("basic.deliver")
        return method.args["routing_key"], wire.read_properties(properties), body

    def expect(self, key, **headers):
        """The next event with KEY that is about what HEADERS say; others are of other clients."""
        for _ in range(1000):
            found, properties, body = self.next()
            actual = properties["headers"]
            if found == key and all(actual.get(k) == v for k, v in headers.items()):
                assert properties["delivery_mode"] == 2 and body == b"", (properties, body)
                assert actual["timestamp_in_ms"] // 1000 == properties["timestamp"], properties
                return actual
        raise AssertionError(f"no event {key} with {headers}")


    def expect_all(self, *wanted):
        """Events like those, in any order."""
        wanted = list(wanted)
        while wanted:
            key, properties, _ = self.next()
            actual = properties["headers"]
            for event in wanted:
                if key == event[0] and event[1].items() <= actual.items():
                    wanted.remove(event)
                    break


def keys_of(headers):
    return set(headers) - {"timestamp_in_ms"}


# --- events


@test
def a_queue_that_comes_and_goes_is_told_of(channel):
    events, name = Listener(EVENTS, "queue.*"), unique()
    channel.call("queue.declare", queue=name, durable=True, arguments={"x-max-length": 10})
    told = events.expect("queue.created", name=name)
    assert keys_of(told) == {"user_who_performed_action", "exclusive", "owner_pid", "arguments",
                             "auto_delete", "durable", "name", "vhost"}, told
    assert told["arguments"] == ["{<<\"x-max-length\">>,signedint,10}"], told
    assert (told["durable"], told["exclusive"], told["vhost"]) == (True, False, "/"), told
    assert told["user_who_performed_action"] == "guest", told
    channel.call("queue.delete", queue=name)
    told = events.expect("queue.deleted", name=name)
    assert keys_of(told) == {"user_who_performed_action", "name", "vhost"}, told


@test
def an_exchange_and_its_bindings_are_told_of(channel):
    events = Listener(EVENTS)
    exchange, queue = channel.exchange(type="topic"), channel.queue()
    told = events.expect("exchange.created", name=exchange)
    assert (told["type"], told["durable"], told["internal"]) == ("topic", False, False), told
    channel.call("queue.bind", queue=queue, exchange=exchange, routing_key="a.#")
    told = events.expect("binding.created", source_name=exchange)
    assert keys_of(told) == {"user_who_performed_action", "vhost", "arguments", "routing_key",
                             "destination_kind", "destination_name", "source_kind",
                             "source_name"}, told
    assert (told["destination_kind"], told["destination_name"]) == ("queue", queue), told
    channel.call("queue.unbind", queue=queue, exchange=exchange, routing_key="a.#")
    events.expect("binding.deleted", source_name=exchange, routing_key="a.#")
    channel.call("exchange.delete", exchange=exchange)
    events.expect("exchange.deleted", name=exchange)


@test
def a_connection_with_its_channel_and_consumer_is_told_of():
    events = Listener(EVENTS)
    other = connected(channel_max=100, frame_max=8192, heartbeat=30)
    events.expect("user.authentication.success", name="guest", auth_mechanism="PLAIN", ssl=False)
    told = events.expect("connection.created", user="guest")
    assert (told["protocol"], told["type"], told["vhost"]) == ("{0,9,1}", "network", "/"), told
    assert (told["channel_max"], told["frame_max"], told["timeout"]) == (100, 8192, 30), told
    assert keys_of(told) == {
        "user_who_performed_action", "node", "connected_at", "client_properties", "channel_max",
        "frame_max", "timeout", "vhost", "user", "protocol", "ssl_hash", "ssl_cipher",
        "ssl_key_exchange", "ssl_protocol", "auth_mechanism", "peer_cert_validity",
        "peer_cert_issuer", "peer_cert_subject", "ssl", "peer_host", "host", "peer_port", "port",
        "name", "pid", "type"}, told
    assert told["ssl_protocol"] == told["peer_cert_subject"] == "", told
    connection = told["name"]
    assert connection == "%s:%d -> %s:%d" % (told["peer_host"][1:-1].replace(",", "."), told["peer_port"],
                                             told["host"][1:-1].replace(",", "."), told["port"]), told
    other.open_channel(3)
    told = events.expect("channel.created", number=3)
    assert told["name"] == f"{connection} (3)", told
    queue = other.queue(3)
    other.call("basic.consume", 3, queue=queue, consumer_tag="tag")
    told = events.expect("consumer.created", queue=queue)
    assert (told["consumer_tag"], told["ack_required"], told["exclusive"]) == ("tag", True, False), told
    other.close()
    events.expect_all(("consumer.deleted", {"queue": queue, "consumer_tag": "tag"}),
                      ("channel.closed", {"pid": told["channel"]}),
                      ("queue.deleted", {"name": queue, "user_who_performed_action": "rmq-internal"}),
                      ("connection.closed", {"name": connection}))


@test
def a_connection_is_told_of_with_the_name_that_it_was_given():
    events, name = Listener(EVENTS, "connection.*"), unique("connection")
    other = Client()
    other.greet()
    other.login(properties={"connection_name": name})
    other.tune()
    other.send("connection.open", virtual_host="/")
    other.expect("connection.open-ok")
    told = events.expect("connection.created", user_provided_name=name)
    other.close()
    events.expect("connection.closed", user_provided_name=name, name=told["name"])


@test
def a_wrong_password_is_told_of():
    events = Listener(EVENTS, "user.authentication.failure")
    client = Client()
    client.greet()
    name = unique("user")
    client.send("connection.start-ok", mechanism="PLAIN", response=plain(name, "wrong"),
                client_properties={}, locale="en_US")
    told = events.expect("user.authentication.failure", name=name)
    assert "error" in told and told["auth_mechanism"] == "PLAIN", told


@test
def what_administrators_change_is_told_of():
    events, vhost, user = Listener(EVENTS), unique("vhost"), unique("user")
    management.put_vhost(vhost)
    events.expect("exchange.created", vhost=vhost, name="amq.topic")
    events.expect("vhost.created", name=vhost, user_who_performed_action="guest")
    management.put_user(user, "p", "monitoring")
    events.expect("user.created", name=user)
    events.expect("user.tags.set", name=user, tags=["monitoring"])
    management.permit(vhost, user, "a", "b", "c")
    events.expect("permission.created", vhost=vhost, user=user, configure="a", write="b", read="c")
    management.permit_topic(vhost, user, "amq.topic", "b", "c")
    events.expect("topic.permission.created", vhost=vhost, user=user, exchange="amq.topic")
    policy = {"pattern": "^none$", "definition": {"max-length": 5}, "priority": 1,
              "apply-to": "queues"}
    management.change("PUT", f"policies/{vhost}/p", policy)
    told = events.expect("policy.set", vhost=vhost, name="p")
    assert {key: told[key] for key in policy} == policy, told
    management.delete(f"policies/{vhost}/p")
    events.expect("policy.cleared", vhost=vhost, name="p")
    management.change("PUT", f"user-limits/{user}/max-channels", {"value": 3})
    told = events.expect("user.limits.set", username=user)
    assert told["max-channels"] == 3, told
    management.delete(f"permissions/{vhost}/{user}")
    events.expect("permission.deleted", vhost=vhost, user=user)
    management.delete(f"users/{user}")
    events.expect("user.deleted", name=user)
    management.delete(f"vhosts/{vhost}")
    events.expect("vhost.deleted", name=vhost)


@test
def clients_cannot_publish_to_the_event_exchange(channel):
    channel.publish(b"forged", exchange=EVENTS, routing_key="queue.created")
    channel.expect_channel_close(
        403, f"ACCESS_REFUSED - cannot publish to internal exchange '{EVENTS}' in vhost '/'")


# --- the firehose


class Traced:
    """A virtual host that is traced, with a client in it and one that gets the traces."""

    def __init__(self):
        self.vhost = unique("vhost")
        management.put_vhost(self.vhost)
        self.client = self.connect()
        self.traces = Listener(TRACES, client=self.connect())
        management.change("PUT", f"vhosts/{self.vhost}", {"tracing": True})

    def connect(self):
        client = Client()
        client.greet()
        client.login()
        client.tune()
        client.send("connection.open", virtual_host=self.vhost)
        client.expect("connection.open-ok")
        return client.open_channel()

    def end(self):
        management.delete(f"vhosts/{self.vhost}")


@test
def a_publish_and_its_delivery_are_traced():
    place = Traced()
    queue = place.client.queue()
    place.client.call("queue.bind", queue=queue, exchange="amq.topic", routing_key="a.#")
    place.client.publish(b"body", exchange="amq.topic", routing_key="a.b",
                         properties=wire.properties({"h": 1}, 2, "60000"))
    key, properties, body = place.traces.next()
    told = properties["headers"]
    assert (key, body) == ("publish.amq.topic", b"body"), (key, body)
    assert told["exchange_name"] == "amq.topic" and told["routing_keys"] == ["a.b"], told
    assert told["routed_queues"] == [queue] and told["channel"] == 1, told
    assert (told["vhost"], told["user"]) == (place.vhost, "guest"), told
    assert told["properties"] == {"headers": {"h": 1}, "delivery_mode": 2,
                                  "expiration": "60000"}, told
    assert set(told) == {"exchange_name", "routing_keys", "properties", "node", "vhost",
                         "connection", "channel", "user", "routed_queues"}, told
    place.client.get(queue)
    key, properties, body = place.traces.next()
    told = properties["headers"]
    assert (key, body) == (f"deliver.{queue}", b"body"), (key, body)
    assert told["redelivered"] == 0 and told["exchange_name"] == "amq.topic", told
    assert set(told) == {"exchange_name", "routing_keys", "properties", "node", "vhost",
                         "connection", "channel", "user", "redelivered"}, told
    place.client.send("basic.nack", delivery_tag=1, requeue=True)
    place.client.call("basic.consume", queue=queue, consumer_tag="t")
    place.client.expect_content("basic.deliver", redelivered=True)
    key, properties, body = place.traces.next()
    assert (key, properties["headers"]["redelivered"]) == (f"deliver.{queue}", 1), properties
    place.end()


@test
def tracing_ends_when_it_is_switched_off():
    place = Traced()
    queue = place.client.queue()
    place.client.publish(b"one", routing_key=queue)
    key, _, body = place.traces.next()
    assert (key, body) == ("publish.", b"one"), (key, body)
    management.change("PUT", f"vhosts/{place.vhost}", {"tracing": False})
    place.client.publish(b"two", routing_key=queue)
    place.client.get(queue)
    management.change("PUT", f"vhosts/{place.vhost}", {"tracing": True})
    place.client.publish(b"three", routing_key=queue)
    key, _, body = place.traces.next()
    assert (key, body) == ("publish.", b"three"), (key, body)
    place.end()
