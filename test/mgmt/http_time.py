# SPDX-License-Identifier: Apache-2.0
"""Slow clients, idle ones, and many. The broker has short limits: request_timeout 1 s, idle_timeout
1 s, inactivity_timeout 2 s, 20 connections."""
import time

from raw import Client, ask, basic, serves, test

SHORT = "MGMT_SHORT_TIMES"


def ends_within(c, seconds):
    start = time.monotonic()
    c.expect_end()
    assert time.monotonic() - start < seconds


@test(needs=SHORT)
def an_idle_connection_is_closed(c):
    ends_within(c, 4)
    kept = Client()
    assert kept.ask("GET", "/api/whoami").status == 200
    ends_within(kept, 4)


@test(needs=SHORT)
def a_head_that_does_not_come_to_its_end_gets_408(c):
    c.send("GET /api/whoami HTTP/1.1\r\nHost: x\r\n")
    assert c.reply().status == 408
    ends_within(c, 4)


@test(needs=SHORT)
def a_slow_head_gets_408_however_often_an_octet_comes(c):
    start = time.monotonic()
    c.socket.settimeout(0.2)
    c.send("GET /api/whoami HTTP/1.1\r\nX: ")
    while True:
        try:
            c.send("x")
            c.more()
            break
        except TimeoutError:
            assert time.monotonic() - start < 5
    assert c.input.startswith(b"HTTP/1.1 408 "), c.input


@test(needs=SHORT)
def a_body_that_does_not_come_gets_408(c):
    c.send("POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
    assert c.reply().status == 408
    ends_within(c, 4)


@test(needs=SHORT)
def a_client_that_does_not_read_is_dropped(c):
    c.socket.settimeout(1)
    request = f"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\nAuthorization: {basic()}\r\n\r\n"
    start = time.monotonic()
    try:
        while time.monotonic() - start < 10:
            try:
                c.send(request * 100)
            except TimeoutError:
                pass
        raise AssertionError("it may ask for ever without reading an answer")
    except (ConnectionResetError, BrokenPipeError):
        pass
    assert serves()


@test(needs=SHORT)
def idle_connections_make_room_for_others():
    idle = [Client() for _ in range(20)]
    for _ in range(30):
        assert ask("GET", "/api/whoami").status == 200
    assert idle


@test(needs=SHORT)
def slow_heads_take_all_connections_only_for_a_while():
    for _ in range(20):
        Client().send("GET / HTTP/1.1\r\nX: ")
    start, served = time.monotonic(), False
    while not served:
        assert time.monotonic() - start < 30
        other = Client()
        try:
            served = other.ask("GET", "/api/whoami").status == 200
        except (OSError, AssertionError):  # refused: there are too many
            other.close()
