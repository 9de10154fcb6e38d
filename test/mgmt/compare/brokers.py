# SPDX-License-Identifier: Apache-2.0
"""Both brokers, started side by side, and their HTTP API as a client sees it."""
import base64
import concurrent.futures
import contextlib
import http.client
import importlib.machinery
import importlib.util
import json
import os
import shutil
import tempfile
import time
import types

import pika

TEST = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REQUEST_LIMIT_S = 30
WAIT_LIMIT_S = 30


def load_with_broker():
    """test/with-broker as a module: it knows how both are started, stopped and judged."""
    loader = importlib.machinery.SourceFileLoader("with_broker", os.path.join(TEST, "with-broker"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("with_broker", loader))
    loader.exec_module(module)
    return module


with_broker = load_with_broker()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body.decode(errors='replace')}"


class Broker:
    """One of the two; `name` is what reports call it."""

    def __init__(self, name, kind, options):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f"compare-{name}-")
        self.port = with_broker.free_port()
        self.process = kind(self.folder, self.port, options)
        self.mgmt_port = self.process.mgmt_port
        self.http = None
        self.connections = []

    def start(self):
        assert self.process.start(), f"{self.name} did not start"

    def stop(self):
        """True when it was alive and stopped cleanly."""
        self.disconnect()
        if self.http is not None:
            self.http.close()
        return self.process.stop()

    def disconnect(self):
        """Closes what the broker has not closed."""
        for connection in self.connections:
            with contextlib.suppress(pika.exceptions.AMQPError, OSError):
                connection.close()
        self.connections.clear()

    def clean_up(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None, user="guest", password="guest", headers=None):
        """PATH is what follows /api/; BODY is bytes, or anything that JSON has, or None."""
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        sent = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        sent.update(headers or {})
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        if self.http is None:
            self.http = http.client.HTTPConnection("127.0.0.1", self.mgmt_port,
                                                   timeout=REQUEST_LIMIT_S)
        try:
            return self.exchange(method, path, data, sent)
        except (http.client.HTTPException, ConnectionError):
            self.http.close()  # kept alive for too long: once more on a new one
            return self.exchange(method, path, data, sent)

    def exchange(self, method, path, data, headers):
        self.http.request(method, f"/api/{path}", data, headers)
        answer = self.http.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def get(self, path):
        answer = self.ask("GET", path)
        assert answer.status == 200, f"{self.name}: GET {path}: {answer}"
        return answer.json()

    def change(self, method, path, body=None):
        answer = self.ask(method, path, body)
        assert answer.status in (201, 204), f"{self.name}: {method} {path}: {answer}"

    def connect(self, name, user="guest", password="guest", vhost="/"):
        """A connection of pika's, which stop() closes."""
        connection = pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", self.port, vhost, pika.PlainCredentials(user, password), heartbeat=0,
            client_properties={"connection_name": name}))
        self.connections.append(connection)
        return connection

    def wait_until(self, what, holds):
        """Asks again until HOLDS(), whose statistics come in intervals."""
        deadline = time.monotonic() + WAIT_LIMIT_S
        while not holds():
            assert time.monotonic() < deadline, f"{self.name}: still not so: {what}"
            for connection in self.connections:
                if connection.is_open:
                    connection.process_data_events(0)
            time.sleep(0.1)  # no-sleep-ok: polls the API, bounded


def make_both(server):
    """(RabbitMQ, StoatMQ), in this order everywhere."""
    options = types.SimpleNamespace(server=server, loops=1, conf=[], disk_room=0)
    quick = types.SimpleNamespace(conf=["collect_statistics_interval = 1000"])
    return (Broker("rabbitmq", with_broker.RabbitMQ, quick),
            Broker("stoatmq", with_broker.StoatMQ, options))


def start_both(both):
    """They serve when this returns."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for started in [pool.submit(broker.start) for broker in both]:
            started.result()
    for broker in both:
        broker.wait_until("the API answers", lambda broker=broker: answers(broker))


def answers(broker):
    try:
        return broker.ask("GET", "whoami").status == 200
    except OSError:
        return False

