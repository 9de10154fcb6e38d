#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory and disk alarms as pika's users meet them; test/interop/run gives the broker small limits.

Each function is a check and gets a fresh scene (scene.py). How alarms come on is pressure.py's."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "wire"))
from pressure import Disk, Memory  # noqa: E402
from scene import WAIT_S, Scene, play, same  # noqa: E402


COUNT_MAX = 4000  # what a publisher without confirms may send before anybody looks


class Watched:
    """A connection that notes when it is blocked and unblocked."""

    def __init__(self, scene):
        self.connection = scene.connect(heartbeat=60)  # nobody serves it until an alarm is on
        self.heard = []
        self.connection.add_on_connection_blocked_callback(
            lambda _, frame: self.heard.append(frame.method.reason))
        self.connection.add_on_connection_unblocked_callback(
            lambda _, frame: self.heard.append("unblocked"))
        self.channel = self.connection.channel()

    def publish(self, queue, body=b"x", **settings):
        self.channel.basic_publish("", queue, body, **settings)

    def wait(self, *expected):
        until = time.monotonic() + WAIT_S
        while len(self.heard) < len(expected) and time.monotonic() < until:
            self.connection.process_data_events(time_limit=0.05)
        same(list(expected), self.heard)


def memory_alarm_blocks_a_publisher_and_unblocks_it(scene):
    publisher = Watched(scene)
    with Memory():
        publisher.publish("nowhere")
        publisher.wait("low on memory")
    publisher.wait("low on memory", "unblocked")


def disk_alarm_blocks_a_publisher_and_unblocks_it(scene):
    publisher = Watched(scene)
    with Disk():
        publisher.publish("nowhere")
        publisher.wait("low on disk")
    publisher.wait("low on disk", "unblocked")


def both_alarms_block_until_both_are_over(scene):
    early, late, disk = Watched(scene), Watched(scene), Disk()
    with Memory():
        early.publish("nowhere")
        early.wait("low on memory")
        disk.__enter__()
        late.publish("nowhere")
        late.wait("low on disk & memory")
    early.connection.process_data_events(time_limit=0.5)
    same(["low on memory"], early.heard)
    disk.clear()
    early.wait("low on memory", "unblocked")
    late.wait("low on disk & memory", "unblocked")


def consumers_go_on_while_publishers_are_blocked(scene):
    queue = scene.queue()
    for number in range(50):
        scene.send("", queue, b"%d" % number)
    with Memory():
        got = []
        for method, _, body in scene.channel.consume(queue, inactivity_timeout=WAIT_S):
            scene.channel.basic_ack(method.delivery_tag)
            got.append(body)
            if len(got) == 50:
                break
        scene.channel.cancel()
        same([b"%d" % number for number in range(50)], got)
        same(0, scene.channel.queue_declare(queue, passive=True).method.message_count)


class Publisher(threading.Thread):
    """Publishes numbers to a queue, as fast as it may, until it is told to stop or has enough."""

    def __init__(self, scene, queue, confirms):
        super().__init__(daemon=True)
        self.channel = scene.connect(heartbeat=60).channel()
        self.queue, self.confirms = queue, confirms
        self.count, self.error, self.stop = 0, None, threading.Event()

    def run(self):
        try:
            if self.confirms:
                self.channel.confirm_delivery()
            while not self.stop.is_set() and self.count < COUNT_MAX:
                self.channel.basic_publish("", self.queue, b"%d" % self.count)
                self.count += 1
            self.channel.close()
        except Exception as error:  # the check looks at it
            self.error = error


def messages_arrive_once_and_in_order_over_two_alarms(scene):
    publishers, got = [], []
    for confirms in (True, False):
        queue = scene.queue(f"confirms-{confirms}")
        publishers.append(Publisher(scene, queue, confirms))
        got.append([])
        scene.consume(queue, got[-1], auto_ack=True)
    memory = Memory()
    memory.__enter__()
    for publisher in publishers:
        publisher.start()
    scene.connection.process_data_events(time_limit=0.5)
    memory.clear()
    with Memory():
        confirmed = publishers[0].count
        scene.connection.process_data_events(time_limit=1)
        same(True, 0 < confirmed == publishers[0].count)
        for publisher in publishers:
            publisher.stop.set()
    for publisher, deliveries in zip(publishers, got):
        publisher.join(WAIT_S)
        same(None, publisher.error)
        bodies = scene.wait_for(deliveries, publisher.count)
        same([b"%d" % number for number in range(publisher.count)], bodies)


if __name__ == "__main__":
    sys.exit(play(__name__, Scene))
