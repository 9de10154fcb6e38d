# SPDX-License-Identifier: Apache-2.0
"""What a check stands on: connections, entity names, waiting, comparing, reporting."""
import os
import secrets
import ssl
import sys
import time

import pika
from pika.exceptions import ChannelClosedByBroker

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import play, same  # noqa: E402, F401 - for the scenarios

CA = os.environ.get("AMQP_CA")  # with TLS: whose certificates are trusted
HOST, PORT = os.environ["AMQP_HOST"], int(os.environ["AMQP_PORT"])
AGAINST = os.environ.get("AMQP_AGAINST", "stoatmq")
WAIT_S = 10
REPLY_TO = "amq.rabbitmq.reply-to"


def refused(code, text, action, error=ChannelClosedByBroker):
    """The broker closes the channel (or, as `error` says, the connection) with this code and text."""
    try:
        action()
    except error as closed:
        return same((code, text), (closed.reply_code, closed.reply_text))
    raise AssertionError(f"expected {code} {text!r}, was allowed")


class Scene:
    """One check's connection, its entities' names, and what has to be deleted after it."""

    def __init__(self):
        self.suffix = secrets.token_hex(4)
        self.connections = []
        self.connection = self.connect()
        self.channel = self.connection.channel()
        self.publisher = self.connection.channel()
        self.publisher.confirm_delivery()

    def connect(self, **settings):
        settings = {"heartbeat": 10,
            "client_properties": {"connection_name": "interop pika"}} | settings
        if CA is not None:
            settings["ssl_options"] = pika.SSLOptions(ssl.create_default_context(cafile=CA), HOST)
        self.connections.append(pika.BlockingConnection(pika.ConnectionParameters(HOST, PORT,
            **settings)))
        return self.connections[-1]

    def name(self, word):
        return f"interop-pika-{word}-{self.suffix}"

    def queue(self, word="q", channel=None, **arguments):
        """Declares a queue that dies with its connection."""
        return (channel or self.channel).queue_declare(self.name(word), exclusive=True,
            **arguments).method.queue

    def exchange(self, word, kind, **arguments):
        """Declares an exchange that dies with its last binding."""
        self.channel.exchange_declare(self.name(word), kind, auto_delete=True, **arguments)
        return self.name(word)

    def send(self, exchange, key, body, **properties):
        """Publishes and waits for the confirm: the message is in its queues, for all channels."""
        self.publisher.basic_publish(exchange, key, body, pika.BasicProperties(**properties))

    def publish(self, queue, *bodies, **properties):
        for body in bodies:
            self.send("", queue, body, **properties)

    def consume(self, queue, into, channel=None, **arguments):
        """Consumes a queue; deliveries are appended to `into` as they come."""
        return (channel or self.channel).basic_consume(
            queue, lambda _channel, method, properties,
            body: into.append((method, properties, body)), **arguments)

    def wait_for(self, deliveries, count, connection=None):
        deadline = time.monotonic() + WAIT_S
        while len(deliveries) < count and time.monotonic() < deadline:
            (connection or self.connection).process_data_events(time_limit=0.5)
        same(count, len(deliveries))
        return [body for _method, _properties, body in deliveries]

    def no_more(self, queue, count, *consumers):
        """A round trip through the queue: whatever it had for this channel has arrived by then."""
        self.channel.queue_declare(queue, passive=True)
        self.connection.process_data_events(time_limit=0)
        same(count, sum(len(deliveries) for deliveries in consumers))

    def get(self, queue, channel=None, auto_ack=True):
        return (channel or self.channel).basic_get(queue, auto_ack=auto_ack)

    def drain(self, queue):
        bodies = []
        while (message := self.get(queue))[0] is not None:
            bodies.append(message[2])
        return bodies

    def close(self):
        for connection in self.connections:
            if connection.is_open:
                connection.close()
