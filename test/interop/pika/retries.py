#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Retry topologies as Spring's users build them: a work queue whose dead letters wait in a queue with
a time to live and come back, until a parking lot takes them.

Each function is a check and gets a fresh scene (scene.py)."""
import sys
import time

import pika

from scene import AGAINST, WAIT_S, Scene, play, same

WAIT_MS = 150  # in the wait queue
ATTEMPTS = 3
STEPS_MS = (100, 200, 400)  # a back-off


class Application:
    """Consumes a queue and hands each message to a function, which settles it."""

    def __init__(self, scene, queue, handle):
        self.scene, self.handle = scene, handle
        self.began = []  # (when, body) of every attempt
        scene.channel.basic_qos(prefetch_count=10)
        scene.channel.basic_consume(queue, self._received)

    def _received(self, channel, method, properties, body):
        self.began.append((time.monotonic(), body))
        self.handle(channel, method, properties, body)

    def work_until(self, done, what):
        until = time.monotonic() + WAIT_S
        while not done():
            if time.monotonic() > until:
                raise TimeoutError(what)
            self.scene.connection.process_data_events(time_limit=0.05)

    def gaps_ms(self):
        return [1000 * (later - sooner) for (sooner, _), (later, _) in
                zip(self.began, self.began[1:])]


def _deaths(properties, queue):
    """How often a message died in a queue, as its consumers count attempts."""
    return sum(death["count"] for death in (properties.headers or {}).get("x-death", [])
               if death["queue"] == queue)


def _ready(scene, queue):
    return scene.publisher.queue_declare(queue, passive=True).method.message_count


def _waiting_queue(scene, word, to, ttl_ms=None):
    """A queue whose messages go to the queue `to` when their time is over."""
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": to}
    if ttl_ms is not None:
        arguments["x-message-ttl"] = ttl_ms
    return scene.queue(word, arguments=arguments)


def _retry_topology(scene):
    """work -> its dead-letter exchange -> wait -> the default exchange -> work."""
    exchange = scene.exchange("dlx", "direct")
    work = scene.queue("work", arguments={"x-dead-letter-exchange": exchange,
                                          "x-dead-letter-routing-key": "retry"})
    wait = _waiting_queue(scene, "wait", work, WAIT_MS)
    scene.channel.queue_bind(wait, exchange, "retry")
    return work, wait, exchange


def _handler_that_gives_up(scene, work, parking):
    """Rejects what it gets; what has been rejected often enough it parks, as Spring's
    RepublishMessageRecoverer does."""
    def handle(channel, method, properties, body):
        if _deaths(properties, work) < ATTEMPTS - 1:
            return channel.basic_reject(method.delivery_tag, requeue=False)
        properties.headers["x-exception-message"] = "it never works"
        scene.publisher.basic_publish("", parking, body, properties)
        return channel.basic_ack(method.delivery_tag)
    return handle


def message_is_tried_again_after_its_wait_until_it_is_parked(scene):
    work, wait, exchange = _retry_topology(scene)
    parking = scene.queue("parking")
    scene.send("", work, b"job", delivery_mode=2, message_id="1", headers={"mine": "kept"})
    application = Application(scene, work, _handler_that_gives_up(scene, work, parking))
    application.work_until(lambda: _ready(scene, parking), "parking")
    same([b"job"] * ATTEMPTS, [body for _, body in application.began])
    for gap_ms in application.gaps_ms():
        same(True, gap_ms >= WAIT_MS)
    _, properties, body = scene.get(parking)
    same((b"job", 2, "1"), (body, properties.delivery_mode, properties.message_id))
    headers = properties.headers
    same(("kept", "it never works"), (headers["mine"], headers["x-exception-message"]))
    same((work, "rejected", ""), tuple(
        headers[f"x-first-death-{what}"] for what in ("queue", "reason", "exchange")))
    # The newest first; a death that happens again counts, and comes to the front.
    expected = [(2, "expired", wait, exchange, ["retry"]), (2, "rejected", work, "", [work])]
    same(expected, [(death["count"], death["reason"], death["queue"], death["exchange"],
                     death["routing-keys"]) for death in headers["x-death"]])
    same((0, 0), (_ready(scene, work), _ready(scene, wait)))


def message_that_works_at_last_is_not_parked(scene):
    work, wait, _exchange = _retry_topology(scene)
    finished = []

    def handle(channel, method, properties, body):
        if _deaths(properties, work) < 1:
            return channel.basic_nack(method.delivery_tag, requeue=False)
        finished.append(body)
        return channel.basic_ack(method.delivery_tag)
    scene.send("", work, b"job")
    Application(scene, work, handle).work_until(lambda: finished, "the second attempt")
    same(([b"job"], 0, 0), (finished, _ready(scene, work), _ready(scene, wait)))


def hundreds_of_messages_come_back_once_and_in_order(scene):
    work, wait, _exchange = _retry_topology(scene)
    parking = scene.queue("parking")
    bodies = [b"%d" % number for number in range(300)]
    scene.publish(work, *bodies, delivery_mode=2)
    application = Application(scene, work, _handler_that_gives_up(scene, work, parking))
    application.work_until(lambda: _ready(scene, parking) == len(bodies), "parking")
    same(bodies, scene.drain(parking))
    same([bodies] * ATTEMPTS, _by_attempt(application.began))
    same((0, 0), (_ready(scene, work), _ready(scene, wait)))


def _by_attempt(began):
    """The bodies of all first attempts in the order in which they were made, of all second ones,
    and so on."""
    attempts, seen = [], {}
    for _, body in began:
        number = seen[body] = seen.get(body, -1) + 1
        if number == len(attempts):
            attempts.append([])
        attempts[number].append(body)
    return attempts


def back_off_has_a_queue_for_every_step(scene):
    work, parking = scene.queue("work"), scene.queue("parking")
    steps = [_waiting_queue(scene, f"step-{ms}", work, ms) for ms in STEPS_MS]

    def handle(channel, method, properties, body):
        attempt = sum(_deaths(properties, step) for step in steps)
        target = (steps + [parking])[attempt]
        scene.publisher.basic_publish("", target, body, properties)
        channel.basic_ack(method.delivery_tag)
    scene.send("", work, b"job")
    application = Application(scene, work, handle)
    application.work_until(lambda: _ready(scene, parking), "parking")
    same(len(STEPS_MS), len(application.gaps_ms()))
    for step_ms, gap_ms in zip(STEPS_MS, application.gaps_ms()):
        same(True, step_ms <= gap_ms < step_ms + 1000)
    _, properties, _ = scene.get(parking)
    told = [(death["count"], death["reason"], death["queue"])
            for death in properties.headers["x-death"]]
    newest, *older = reversed(steps)
    if AGAINST == "rabbitmq":  # up to 3.12 it turns the older ones around with every death
        older.reverse()
    same([(1, "expired", step) for step in (newest, *older)], told)


def back_off_by_expiration_shares_a_queue(scene):
    work = scene.queue("work")
    wait = _waiting_queue(scene, "wait", work)
    for ms in STEPS_MS:
        scene.send("", wait, b"%d" % ms, expiration=str(ms))
    came = []
    Application(scene, work, lambda channel, method, properties, body: (
        came.append((body, properties)), channel.basic_ack(method.delivery_tag))
        ).work_until(lambda: len(came) == len(STEPS_MS), "all back")
    same([b"%d" % ms for ms in STEPS_MS], [body for body, _ in came])
    for ms, (_, properties) in zip(STEPS_MS, came):
        same((None, str(ms)), (properties.expiration,
                               properties.headers["x-death"][0]["original-expiration"]))


def short_wait_behind_a_long_one_waits_as_long(scene):
    """Only the first of a queue expires: why the back-off above needs queues for its steps."""
    work = scene.queue("work")
    wait = _waiting_queue(scene, "wait", work)
    began = time.monotonic()
    scene.send("", wait, b"long", expiration="600")
    scene.send("", wait, b"short", expiration="1")
    came = []
    Application(scene, work, lambda channel, method, _properties, body: (
        came.append(body), channel.basic_ack(method.delivery_tag))
        ).work_until(lambda: len(came) == 2, "both back")
    same([b"long", b"short"], came)
    same(True, time.monotonic() - began >= 0.6)


def queue_of_type_quorum_parks_after_its_delivery_limit(scene):
    parking, work = scene.queue("parking"), scene.name("work")
    scene.channel.queue_declare(work, durable=True, arguments={
        "x-queue-type": "quorum", "x-delivery-limit": ATTEMPTS - 1,
        "x-dead-letter-exchange": "", "x-dead-letter-routing-key": parking})
    try:
        scene.send("", work, b"job", delivery_mode=2)
        counts = []
        application = Application(scene, work, lambda channel, method, properties, _body: (
            counts.append((properties.headers or {}).get("x-delivery-count", 0)),
            channel.basic_nack(method.delivery_tag, requeue=True)))
        application.work_until(lambda: _ready(scene, parking), "parking")
        same(list(range(ATTEMPTS)), counts)
        _, properties, body = scene.get(parking)
        same((b"job", 1, "delivery_limit"), (body, properties.headers["x-death"][0]["count"],
                                             properties.headers["x-death"][0]["reason"]))
    finally:
        scene.channel.queue_delete(work)


def full_wait_queue_refuses_a_retry_and_the_sender_knows(scene):
    work = scene.queue("work")
    wait = scene.queue("wait", arguments={
        "x-message-ttl": 60000, "x-max-length": 2, "x-overflow": "reject-publish",
        "x-dead-letter-exchange": "", "x-dead-letter-routing-key": work})
    scene.publish(wait, b"1", b"2")
    try:
        scene.send("", wait, b"3")
    except pika.exceptions.NackError:
        return same([b"1", b"2"], scene.drain(wait))
    raise AssertionError("a third message was confirmed")


if __name__ == "__main__":
    sys.exit(play(__name__, Scene))
