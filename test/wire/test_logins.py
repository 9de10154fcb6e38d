# SPDX-License-Identifier: Apache-2.0
"""Wrong passwords from one address: counted, and answered later and later."""

import json
import time

import management
from client import Client, plain
from scripts import test


def told(path):
    status, text = management.ask("GET", path)
    assert status == 200, f"{path}: {status} {text}"
    return json.loads(text)


def attempts(node):
    return {row["protocol"]: row for row in told(f"auth/attempts/{node}")}["amqp091"]


def greet():
    client = Client()
    client.greet()
    return client


def refused_after(client):
    """Seconds from a wrong password to the refusal."""
    start = time.monotonic()
    client.send(
        "connection.start-ok",
        mechanism="PLAIN",
        response=plain(password="wrong"),
        client_properties={"capabilities": {"authentication_failure_close": True}},
        locale="en_US",
    )
    client.expect_connection_close(403)
    return time.monotonic() - start


@test(only="stoatmq")
def wrong_passwords_are_answered_later_and_later_until_they_are_forgotten():
    node = told("overview")["node"]
    management.delete(f"auth/attempts/{node}")
    try:
        seconds = [refused_after(greet()) for _ in range(7)]
        assert seconds[5] >= 0.5 and seconds[6] >= 1, seconds
        start = time.monotonic()
        greet().login()
        assert time.monotonic() - start < 0.5, "a right password has to wait"
        got = attempts(node)
        assert got["auth_attempts_failed"] == 7 and got["auth_attempts_succeeded"] >= 1, got
        assert got["auth_attempts"] == 7 + got["auth_attempts_succeeded"], got
        sources = told(f"auth/attempts/{node}/source")
        assert {
            "remote_address": "127.0.0.1",
            "username": "",
            "protocol": "amqp091",
            "auth_attempts": 7,
            "auth_attempts_failed": 7,
            "auth_attempts_succeeded": 0,
        } in sources, sources
    finally:
        management.delete(f"auth/attempts/{node}")
    assert told(f"auth/attempts/{node}/source") == []
    assert attempts(node)["auth_attempts"] == 0, attempts(node)
    assert refused_after(greet()) < 0.5


@test(only="stoatmq")
def a_client_that_goes_while_its_refusal_waits_disturbs_nobody():
    node = told("overview")["node"]
    try:
        for _ in range(12):
            client = greet()
            client.send(
                "connection.start-ok",
                mechanism="PLAIN",
                response=plain(password="wrong"),
                locale="en_US",
            )
            client.close()
        greet().login()
    finally:
        management.delete(f"auth/attempts/{node}")
