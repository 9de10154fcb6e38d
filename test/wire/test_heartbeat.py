# SPDX-License-Identifier: Apache-2.0
"""Heartbeats, both ways. The broker's own beats set the pace of these tests."""

import time

import wire
from client import Mismatch, connected, unique
from scripts import test
from wire import HEARTBEAT

BEAT = wire.frame(HEARTBEAT, 0, b"")


@test
def broker_beats_on_an_idle_connection(raw):
    raw.open(heartbeat=1)
    began = time.monotonic()
    for _ in range(4):
        raw.write(BEAT)
        frame = raw.next_frame()
        assert frame == wire.Frame(HEARTBEAT, 0, b""), frame
    assert time.monotonic() - began < 6


@test
def client_that_beats_is_kept(raw):
    raw.open(heartbeat=1)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        raw.write(BEAT)
        assert raw.next_frame().type == HEARTBEAT
    raw.open_channel()


@test
def client_whose_methods_are_its_only_traffic_is_kept(raw):
    raw.open(heartbeat=1).open_channel()
    until = time.monotonic() + 4
    while time.monotonic() < until:
        raw.send("basic.ack", delivery_tag=0, multiple=True)  # has no answer
        assert raw.next_frame().type == HEARTBEAT
    raw.expect_alive()


@test
def client_that_falls_silent_is_closed_after_two_intervals(raw):
    raw.open(heartbeat=1)
    began = time.monotonic()
    raw.expect_eof()
    took = time.monotonic() - began
    assert 1.5 < took < 6, f"closed after {took:.1f} s"


@test
def client_that_falls_silent_within_a_frame_is_closed(raw):
    raw.open(heartbeat=1)
    raw.write(wire.method("channel.open", 1)[:9])
    began = time.monotonic()
    raw.expect_eof()
    assert time.monotonic() - began < 6


@test
def messages_of_a_silent_client_come_back(channel):
    silent = connected(heartbeat=1).open_channel()
    queue = channel.call("queue.declare", queue=unique(), auto_delete=True)["queue"]
    channel.publish(b"x", routing_key=queue)
    channel.expect_alive()
    silent.call("basic.consume", queue=queue)
    silent.expect_content("basic.deliver", redelivered=False)
    channel.call("basic.consume", queue=queue)
    silent.expect_eof()
    channel.expect_content("basic.deliver", redelivered=True)


@test
def heartbeat_of_0_asks_for_none(raw):
    raw.open(heartbeat=0)
    try:
        frame = raw.next_frame(timeout_s=3)
    except Mismatch:
        return raw.open_channel()  # nothing came, and the broker still listens
    raise Mismatch(f"expected no frame at all, got {frame}")


@test
def heartbeat_before_connection_open_is_accepted(tuning):
    tuning.tune(heartbeat=10)
    tuning.write(BEAT)
    tuning.call("connection.open", virtual_host="/")


@test
def flood_of_heartbeats_is_read_through(channel):
    channel.write(BEAT * 100000)
    channel.expect_alive()


@test
def heartbeats_are_independent_of_other_connections(raw):
    slow, fast = connected(heartbeat=60), raw.open(heartbeat=1)
    for _ in range(3):
        fast.write(BEAT)
        assert fast.next_frame().type == HEARTBEAT
    slow.open_channel()  # its open-ok is the first frame that it got
