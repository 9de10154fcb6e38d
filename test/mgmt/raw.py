# SPDX-License-Identifier: Apache-2.0
"""An HTTP client that sends whatever octets it is told to, and reads answers one by one."""
import base64
import json
import os
import socket

HOST = os.environ.get("AMQP_HOST", "127.0.0.1")
PORT = int(os.environ["MGMT_PORT"])
METRICS_PORT = int(os.environ["METRICS_PORT"])
TIMEOUT_S = 10
TESTS = []


def test(function=None, *, needs=None, unless=None):
    """Marks a test; its parameters are clients. `needs`, `unless`: a variable of the environment."""
    if function is None:
        return lambda marked: test(marked, needs=needs, unless=unless)
    function.theme = function.__module__.removeprefix("http_")
    function.needs, function.unless = needs, unless
    TESTS.append(function)
    return function


def basic(user="guest", password="guest"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:200]!r}"


class Client:
    opened = []

    def __init__(self, port=PORT):
        self.socket = socket.create_connection((HOST, port), timeout=TIMEOUT_S)
        self.input = b""
        Client.opened.append(self)

    def close(self):
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets if isinstance(octets, bytes) else octets.encode())
        return self

    def request(self, method, path, headers=None, body=None, login=True):
        """Sends a request as a decent client would."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}:{PORT}"]
        if login:
            lines.append(f"Authorization: {basic()}")
        lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
        if body is not None:
            body = body if isinstance(body, bytes) else body.encode()
            lines.append(f"Content-Length: {len(body)}")
        return self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def ask(self, method, path, headers=None, body=None, login=True):
        return self.request(method, path, headers, body, login).reply(method)

    def more(self):
        octets = self.socket.recv(65536)
        self.input += octets
        return len(octets) > 0

    def line(self):
        while b"\r\n" not in self.input:
            assert self.more(), f"the broker closed the connection after {self.input!r}"
        line, self.input = self.input.split(b"\r\n", 1)
        return line.decode("latin-1")

    def reply(self, method="GET"):
        """The next answer, whole."""
        version, status, _ = self.line().split(" ", 2)
        assert version == "HTTP/1.1", version
        headers = {}
        while line := self.line():
            key, value = line.split(": ", 1)
            assert key.lower() not in headers, f"{key} comes twice"
            headers[key.lower()] = value
        status = int(status)
        size = int(headers.get("content-length", "0"))
        if method == "HEAD" or status in (100, 204, 304):
            size = 0
        while len(self.input) < size:
            assert self.more(), "the broker closed the connection within an answer"
        body, self.input = self.input[:size], self.input[size:]
        return Reply(status, headers, body)

    def expect_end(self):
        """The broker closes, and has nothing else to say."""
        try:
            assert not self.more() and not self.input, f"more came: {self.input!r}"
        except ConnectionResetError:
            pass


def ask(method, path, headers=None, body=None, login=True):
    """On a connection of its own."""
    return Client().ask(method, path, headers, body, login)


def serves():
    """Is the management well?"""
    return ask("GET", "/api/whoami").status == 200
