# SPDX-License-Identifier: Apache-2.0
"""What a user may do: each method with each kind of permission; virtual hosts, limits, deletions.

RabbitMQ 3.10 says "access to queue ..." where 3.12 and StoatMQ say "configure access to queue ...".
"""

import re

import management
from client import Client, here, plain, unique
from scripts import named, test

CONFIGURE, WRITE, READ = "configure", "write", "read"
DEFAULT = "amq.default"
PERMISSIONS = [(), (CONFIGURE,), (WRITE,), (READ,), (CONFIGURE, READ), (WRITE, READ),
               (CONFIGURE, WRITE, READ)]
ON_DEFAULT = (403, "ACCESS_REFUSED - operation not permitted on the default exchange")


class Place:
    """A virtual host with queue q, topic exchange x, fanout y; a user who may not do anything."""

    def __init__(self):
        self.vhost, self.user = unique("vhost"), unique("user")
        management.put_vhost(self.vhost)
        management.put_user(self.user, "p")
        management.permit(self.vhost, self.user, "", "", "")
        owner = self.connect("guest", "guest")
        owner.call("queue.declare", queue="q")
        owner.call("exchange.declare", exchange="x", type="topic")
        owner.call("exchange.declare", exchange="y", type="fanout")
        owner.close()

    def tune(self, user=None, password="p"):
        client = Client()
        client.greet()
        client.login(response=plain(user or self.user, password))
        client.tune()
        return client

    def connect(self, user=None, password="p"):
        client = self.tune(user, password)
        client.send("connection.open", virtual_host=self.vhost)
        client.expect("connection.open-ok")
        return client.open_channel()

    def refusal(self, operation, kind, name):
        verb = here(stoatmq=f"{operation} ", rabbitmq=f"({operation} )?")
        text = f"access to {kind} '{name}' in vhost '{self.vhost}' refused for user '{self.user}'"
        return 403, re.compile(f"ACCESS_REFUSED - {verb}{re.escape(text).replace('GENERATED', '.*')}")

    def end(self):
        management.delete(f"users/{self.user}")
        management.delete(f"vhosts/{self.vhost}")


def queue(operation, name="q"):
    return operation, "queue", name


def exchange(operation, name="x"):
    return operation, "exchange", name


def no_queue(place):
    return 404, f"NOT_FOUND - no queue 'nq' in vhost '{place.vhost}'"


def no_exchange(place):
    return 404, f"NOT_FOUND - no exchange 'nx' in vhost '{place.vhost}'"


BOUND = {"exchange": "x", "routing_key": "k"}
E_BOUND = {"destination": "y", "source": "x", "routing_key": "k"}
DEAD = {"x-dead-letter-exchange": "x"}
# Sentence: method, its fields, what is asked for in this order, and what comes of it if that is
# allowed: None is the method's reply. A refusal (a pair) may stand among what is asked for.
METHODS = {
    "declare": ("queue.declare", {"queue": "q"}, [queue(CONFIGURE)], None),
    "declare a new queue": ("queue.declare", {"queue": "n"}, [queue(CONFIGURE, "n")], None),
    "declare without a name": ("queue.declare", {}, [queue(CONFIGURE, "amq.gen-GENERATED")], None),
    "declare passively": ("queue.declare", {"queue": "q", "passive": True}, [], None),
    "declare a queue with dead letters": (
        "queue.declare", {"queue": "dead", "arguments": DEAD},
        [queue(CONFIGURE, "dead"), queue(READ, "dead"), exchange(WRITE)], None),
    "delete a queue that is not there": ("queue.delete", {"queue": "nq"}, [queue(CONFIGURE, "nq")], None),
    "purge": ("queue.purge", {"queue": "q"}, [queue(READ)], None),
    "purge a queue that is not there": ("queue.purge", {"queue": "nq"}, [queue(READ, "nq")], no_queue),
    "bind": ("queue.bind", {"queue": "q", **BOUND}, [queue(WRITE), exchange(READ)], None),
    "bind a queue that is not there": (
        "queue.bind", {"queue": "nq", **BOUND}, [queue(WRITE, "nq"), exchange(READ)], no_queue),
    "bind to no exchange": (
        "queue.bind", {"queue": "q", "exchange": "nx"}, [queue(WRITE), exchange(READ, "nx")],
        no_exchange),
    "bind to the default exchange": (
        "queue.bind", {"queue": "q", "exchange": ""}, [queue(WRITE), ON_DEFAULT], None),
    "unbind": ("queue.unbind", {"queue": "q", **BOUND}, [queue(WRITE), exchange(READ)], None),
    "unbind what is not there": (
        "queue.unbind", {"queue": "nq", "exchange": "nx"}, [queue(WRITE, "nq"), exchange(READ, "nx")],
        None),
    "declare an exchange": (
        "exchange.declare", {"exchange": "x", "type": "topic"}, [exchange(CONFIGURE)], None),
    "declare an exchange passively": (
        "exchange.declare", {"exchange": "x", "type": "topic", "passive": True}, [], None),
    "declare an exchange with an alternate": (
        "exchange.declare",
        {"exchange": "a", "type": "topic", "arguments": {"alternate-exchange": "y"}},
        [exchange(CONFIGURE, "a"), exchange(READ, "a"), exchange(WRITE, "y")], None),
    "declare the default exchange": (
        "exchange.declare", {"exchange": "", "type": "direct"}, [ON_DEFAULT], None),
    "delete an exchange that is not there": (
        "exchange.delete", {"exchange": "nx"}, [exchange(CONFIGURE, "nx")], None),
    "bind exchanges": ("exchange.bind", E_BOUND, [exchange(WRITE, "y"), exchange(READ)], None),
    "bind the default exchange": (
        "exchange.bind", {"destination": "", "source": "x"}, [exchange(WRITE, DEFAULT), ON_DEFAULT],
        None),
    "bind to the default exchange an exchange": (
        "exchange.bind", {"destination": "y", "source": ""}, [exchange(WRITE, "y"), ON_DEFAULT], None),
    "unbind exchanges": ("exchange.unbind", E_BOUND, [exchange(WRITE, "y"), exchange(READ)], None),
    "consume": ("basic.consume", {"queue": "q", "consumer_tag": "c"}, [queue(READ)], None),
    "consume from no queue": ("basic.consume", {"queue": "nq"}, [queue(READ, "nq")], no_queue),
    "consume replies": (
        "basic.consume", {"queue": "amq.rabbitmq.reply-to", "no_ack": True}, [], None),
    "get": ("basic.get", {"queue": "q"}, [queue(READ)], None),
    "publish": ("basic.publish", {"exchange": "x"}, [exchange(WRITE)], None),
    "publish to the default exchange": (
        "basic.publish", {"exchange": "", "routing_key": "k"}, [exchange(WRITE, DEFAULT)], None),
    "publish to no exchange": (
        "basic.publish", {"exchange": "nx"}, [exchange(WRITE, "nx")], no_exchange),
}


def expected(place, asked, end, permissions):
    for one in asked:
        if isinstance(one[0], int):
            return one
        if one[0] not in permissions:
            return place.refusal(*one)
    return end(place) if end else None


def play(client, name, fields):
    if name != "basic.publish":
        client.send(name, **fields)
    else:
        client.publish(b"", **fields)


def check(place, name, fields, asked, end):
    for permissions in PERMISSIONS:
        expressions = [".*" if one in permissions else "" for one in (CONFIGURE, WRITE, READ)]
        management.permit(place.vhost, place.user, *expressions)
        client = place.connect()
        play(client, name, fields)
        refused = expected(place, asked, end, permissions)
        if refused:
            client.expect_channel_close(*refused)
        elif name == "basic.publish":
            client.expect_alive()
        else:
            client.expect("basic.get-empty" if name == "basic.get" else f"{name}-ok")
        client.close()


def method_script(sentence, name, fields, asked, end):
    def script():
        place = Place()
        check(place, name, fields, asked, end)
        place.end()

    named(script, f"permissions to {sentence}")


for each, row in METHODS.items():
    method_script(each, *row)


# --- what changes while a connection is open


@test
def permissions_count_at_once():
    place = Place()
    client = place.connect()
    management.permit(place.vhost, place.user, "", "^x$", "")
    client.publish(b"", exchange="x")
    client.expect_alive()
    management.permit(place.vhost, place.user, "", "", "")
    if here(stoatmq=True, rabbitmq=False):  # which may remember for a while
        client.publish(b"", exchange="x")
        client.expect_channel_close(*place.refusal(WRITE, "exchange", "x"))
    place.end()


@test
def topic_permissions_are_about_routing_keys():
    place = Place()
    management.permit(place.vhost, place.user, ".*", ".*", ".*")
    management.permit_topic(place.vhost, place.user, "x", "^w\\.", "^{username}\\.{vhost}$")
    client = place.connect()
    client.publish(b"", exchange="x", routing_key="w.1")
    client.publish(b"", exchange="y", routing_key="b")
    client.call("queue.bind", queue="q", exchange="x", routing_key=f"{place.user}.{place.vhost}")
    client.publish(b"", exchange="x", routing_key="b")
    verb = here(stoatmq="write ", rabbitmq="(write )?")
    where = f"in exchange 'x' in vhost '{place.vhost}' refused for user '{place.user}'"
    client.expect_channel_close(403, re.compile(f"ACCESS_REFUSED - {verb}access to topic 'b' {where}"))
    place.end()


@test
def connections_of_a_deleted_user_are_closed():
    place = Place()
    client = place.connect()
    management.delete(f"users/{place.user}")
    client.expect_connection_close(320, f"CONNECTION_FORCED - user '{place.user}' is deleted")
    management.delete(f"vhosts/{place.vhost}")


@test
def connections_in_a_deleted_vhost_are_closed():
    place = Place()
    client = place.connect()
    management.delete(f"vhosts/{place.vhost}")
    client.expect_connection_close(320, f"CONNECTION_FORCED - vhost '{place.vhost}' is deleted")
    management.delete(f"users/{place.user}")


# --- opening a virtual host


def expect_not_opened(place, text):
    client = place.tune()
    client.send("connection.open", virtual_host=place.vhost)
    client.expect_connection_close(530, f"NOT_ALLOWED - {text}")


@test
def vhost_is_refused_without_permissions():
    place = Place()
    management.delete(f"permissions/{place.vhost}/{place.user}")
    expect_not_opened(place, f"access to vhost '{place.vhost}' refused for user '{place.user}'")
    place.end()


@test
def vhost_is_refused_beyond_its_limit():
    place = Place()
    management.change("PUT", f"vhost-limits/{place.vhost}/max-connections", {"value": 0})
    refused = f"access to vhost '{place.vhost}' refused for user '{place.user}'"
    expect_not_opened(place, f"{refused}: connection limit (0) is reached")
    place.end()


@test
def user_is_refused_beyond_its_limit():
    place = Place()
    management.change("PUT", f"user-limits/{place.user}/max-connections", {"value": 0})
    refused = f"connection refused for user '{place.user}'"
    expect_not_opened(place, f"{refused}: user connection limit (0) is reached")
    place.end()


@test
def channels_are_limited():
    place = Place()
    management.change("PUT", f"user-limits/{place.user}/max-channels", {"value": 1})
    client = place.connect()
    client.send("channel.open", channel=2)
    reached = "has reached the maximum allowed user limit of (1)"
    client.expect_connection_close(
        530, f"NOT_ALLOWED - number of channels opened for user '{place.user}' {reached}")
    place.end()


@test
def queues_are_limited():
    place = Place()
    management.change("PUT", f"vhost-limits/{place.vhost}/max-queues", {"value": 1})
    client = place.connect("guest", "guest")
    client.call("queue.declare", queue="q")
    client.send("queue.declare", queue="n")
    reached = f"queue limit in vhost '{place.vhost}' (1) is reached"
    client.expect_channel_close(
        406, f"PRECONDITION_FAILED - cannot declare queue 'n': {reached}")
    place.end()
