# SPDX-License-Identifier: Apache-2.0
"""Does the same to both brokers, walks the API of both by the file `walk`, compares the answers."""
import json
import os
import re
import time
import urllib.parse

import pika

from differences import Accepted, Comparison

WALK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "walk")
PUBLISHED, FETCHED, ACKED, HELD = 40, 3, 5, 10
RETRY_LIMIT_S, RETRIES_LIMIT_S = 5, 25  # of one request and of all: statistics come in intervals
HASHED_KEY = re.compile(r"~[\w-]{6,8}(?=\"|$)")  # a binding's arguments in its properties_key
HEADERS = {"content-type": None, "allow": sorted, "location": None, "www-authenticate": None}


class World:
    """What a broker holds while it is walked, and the names that differ between brokers."""

    def __init__(self, broker):
        self.broker = broker
        self.connection = broker.connect("first", vhost="walk")
        broker.connect("second", "walker", "walker", "walk")
        self.node = broker.get("overview")["node"]
        self.declare(self.connection.channel())
        self.publish(self.connection.channel())
        self.consume(self.connection.channel())
        self.fetch(self.connection.channel())
        broker.wait_until("connections are listed", lambda: len(broker.get("connections")) == 2)
        self.names = {row["client_properties"]["connection_name"]: row["name"]
                      for row in broker.get("connections")}
        broker.wait_until("statistics are there", self.has_statistics)

    @staticmethod
    def declare(channel):
        limited = {"x-max-length": 1000, "x-message-ttl": 3600000}
        channel.queue_declare("busy", durable=True, arguments=limited)
        channel.queue_declare("held", durable=False)
        channel.queue_declare("a/b ü%<i>", durable=True)
        channel.queue_declare("own", exclusive=True)
        channel.queue_declare("fleeting", auto_delete=True)
        channel.exchange_declare("topics", "topic", durable=True)
        channel.exchange_declare("inner", "fanout", internal=True)
        channel.exchange_declare("by headers", "headers", auto_delete=True)
        channel.queue_bind("busy", "topics", "a.*")
        channel.queue_bind("busy", "topics", "", arguments={"n": 1, "s": "text", "t": True})
        channel.queue_bind("held", "topics", "b.#")
        channel.queue_bind("a/b ü%<i>", "by headers", "", arguments={"x-match": "all", "k": "v"})
        channel.exchange_bind("inner", "topics", "k~1")

    @staticmethod
    def publish(channel):
        channel.confirm_delivery()
        durable = pika.BasicProperties(delivery_mode=2, content_type="text/plain")
        for _ in range(PUBLISHED):
            channel.basic_publish("topics", "a.b", b"persistent", durable)
            channel.basic_publish("topics", "b.c", b"transient")
            channel.basic_publish("topics", "nowhere", b"unroutable")

    def consume(self, channel):
        channel.basic_qos(prefetch_count=ACKED + HELD)
        taken = []
        channel.basic_consume("held", lambda *message: taken.append(message[1].delivery_tag),
                              consumer_tag="tagged")
        channel.basic_consume("own", lambda *message: None, auto_ack=True, exclusive=True,
                              consumer_tag="only", arguments={"x-priority": 5})
        while len(taken) < ACKED + HELD:
            self.connection.process_data_events(1)
        for tag in taken[:ACKED]:
            channel.basic_ack(tag)

    @staticmethod
    def fetch(channel):
        for _ in range(FETCHED):
            channel.basic_get("busy", auto_ack=True)
        channel.basic_get("busy")
        channel.basic_get("a/b ü%<i>")  # which is empty

    def has_statistics(self):
        broker = self.broker
        busy, held = broker.get("queues/walk/busy"), broker.get("queues/walk/held")
        channels = {row["number"]: row for row in broker.get("channels")
                    if row["name"].startswith(self.names["first"])}
        stats = [broker.get("overview").get("message_stats", {})]
        stats += [row.get("message_stats", {}) for row in (busy, held)]
        return (stats[0].get("drop_unroutable") == PUBLISHED and stats[0].get("ack") == ACKED
                and stats[0].get("get") == 1 and stats[0].get("confirm") == 3 * PUBLISHED
                and stats[1].get("publish") == PUBLISHED and stats[2].get("ack") == ACKED
                and stats[1].get("get_no_ack") == FETCHED
                and busy.get("messages") == PUBLISHED - FETCHED
                and held.get("messages_unacknowledged") == ACKED + HELD
                and len(channels) == 4 and channels[3].get("consumer_count") == 2
                and channels[3].get("message_stats", {}).get("ack") == ACKED
                and "get_empty" in channels[4].get("message_stats", {})
                and len(broker.get("consumers")) == 2)

    def filled(self, text):
        """TEXT of the walk with this broker's names in it."""
        first = self.names["first"]
        for name, value in (("node", self.node), ("first", first), ("channel", first + " (3)"),
                            ("second", self.names["second"])):
            text = text.replace("{" + name + "}", urllib.parse.quote(value, safe=""))
        text = text.replace("{amqp_port}", str(self.broker.port))
        return text.replace("{http_port}", str(self.broker.mgmt_port))

    def neutral(self, text):
        """TEXT of an answer without what is this broker's only."""
        for name, value in self.names.items():
            text = text.replace(json.dumps(value)[1:-1], f"<{name}>")
        text = text.replace(self.node, "<node>")
        text = HASHED_KEY.sub("~<hash>", text)
        text = text.replace(str(self.broker.mgmt_port), "15672")
        return text.replace(str(self.broker.port), "5672")


class Step:
    """A line of the walk: [@USER] METHOD PATH [BODY]."""

    def __init__(self, line):
        user = "guest"
        if line.startswith("@"):
            user, line = line[1:].split(" ", 1)
        parts = line.split(" ", 2)
        self.user, self.method, self.path = user, parts[0], parts[1]
        self.body = parts[2].encode() if len(parts) > 2 else None
        self.name = (f"@{user} " if user != "guest" else "") + " ".join(parts)

    def play(self, world):
        body = None if self.body is None else world.filled(self.body.decode()).encode()
        return world.broker.ask(self.method, world.filled(self.path), body, self.user, self.user
                                if self.user != "nobody" else "wrong")


def read_walk():
    with open(WALK) as lines:
        return [Step(line.rstrip("\n")) for line in lines
                if line.strip() and not line.startswith("#")]


def compare(step, worlds, answers):
    comparison = Comparison(step.name, keeps_order="sort=" in step.path)
    there, here = answers
    if there.status == 500 and 400 <= here.status < 500:
        comparison.note("crash", "", f"500 in RabbitMQ, {here} here")
        return comparison.found
    if there.status != here.status:
        comparison.note("status", "", f"{there} in RabbitMQ\n          {here} here")
        return comparison.found
    for name, form in HEADERS.items():
        values = [world.neutral(answer.headers.get(name, "")) for world, answer
                  in zip(worlds, answers)]
        if form is not None:
            values = [form(value.replace(" ", "").split(",")) for value in values]
        if values[0] != values[1]:
            comparison.note("header", name, f"{values[0]!r} in RabbitMQ, {values[1]!r} here")
    texts = [world.neutral(answer.body.decode()) for world, answer in zip(worlds, answers)]
    try:
        documents = [json.loads(text) if text else None for text in texts]
    except ValueError:
        if texts[0] != texts[1]:
            comparison.note("body", "", f"{texts[0][:200]!r} in RabbitMQ, {texts[1][:200]!r} here")
        return comparison.found
    comparison.values(*documents)
    return comparison.found


class Asker:
    """Asks both; what changes nothing is asked again for a while when the answers differ."""

    def __init__(self, worlds):
        self.worlds, self.accepted, self.left_s = worlds, Accepted(), RETRIES_LIMIT_S

    def ask(self, step):
        """The differences that are not accepted."""
        start = time.monotonic()
        while True:
            answers = [step.play(world) for world in self.worlds]
            rest = self.accepted.rest_of(compare(step, self.worlds, answers))
            passed_s = time.monotonic() - start
            if not rest or step.method != "GET" or passed_s > min(RETRY_LIMIT_S, self.left_s):
                self.left_s -= passed_s
                return rest
            time.sleep(0.2)  # no-sleep-ok: polls the API, bounded


def play(both, options):
    """(problems, what was done)."""
    for broker in both:
        broker.change("PUT", "vhosts/walk", {})
        for user, tags in (("walker", "management"), ("watcher", "monitoring"), ("plain", ""),
                           ("maker", "policymaker")):
            broker.change("PUT", f"users/{user}", {"password": user, "tags": tags})
            broker.change("PUT", f"permissions/walk/{user}",
                          {"configure": "^w", "write": ".*", "read": ".*"})
    worlds = [World(broker) for broker in both]
    asker = Asker(worlds)
    steps = read_walk()
    problems = [problem for step in steps for problem in asker.ask(step)]
    if options.unused:
        print("\n".join(asker.accepted.unused()))
    for broker in both:
        broker.disconnect()
    return problems, f"{len(steps)} requests, {len(asker.accepted.rules)} accepted differences"
