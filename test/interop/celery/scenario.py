#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Celery application end to end: tasks, results, retries, countdowns, priorities, lost workers.

Each function is a check and gets a fresh scene (workers.py), whose workers end with it. The tasks
are in application.py."""
import datetime
import sys
import time

from workers import WAIT_S, Scene, remove_folder, wait_until  # first: makes the folder

from application import (DEAD, LEVELS, QUORUM, add, app, die_once, divide_by_zero, fail_at_first,
                         hear, new_app, refuse, requeue_once, take_order, wait_for_a_file, when)
from celery import chain, group
from celery.exceptions import TaskRevokedError
from checks import play, same

LATE_S = 3  # a countdown may be over so much later: the machine has other work
CHECK_LIMIT_S = 120


def results_come_back_in_the_order_of_their_calls(scene):
    scene.worker("w", "work", processes=2)
    same(5, add.delay(2, 3).get(WAIT_S))
    results = group(add.s(number, number) for number in range(100)).apply_async()
    same([2 * number for number in range(100)], results.get(WAIT_S))
    same(10, chain(add.s(1, 2), add.s(3), add.s(4)).apply_async().get(WAIT_S))


def errors_come_back_as_what_they_are(scene):
    scene.worker("w", "work")
    result = add.delay(1, "one")
    same("TypeError", type(result.get(WAIT_S, propagate=False)).__name__)
    same("FAILURE", result.state)


def task_is_tried_again_until_it_succeeds(scene):
    scene.worker("w", "work")
    called = time.monotonic()
    same(4, fail_at_first.delay(3, 0.3).get(WAIT_S))
    same(True, time.monotonic() - called >= 3 * 0.3)


def retries_end_and_the_error_comes_back(scene):
    scene.worker("w", "work")
    failed = divide_by_zero.delay().get(WAIT_S, propagate=False)
    same("ZeroDivisionError", type(failed).__name__)
    first, second, third = map(float, scene.notes("divided"))
    same((True, True), (second - first >= 1, third - second >= 2))  # the back-off doubles
    failed = fail_at_first.delay(9, 0.1).get(WAIT_S, propagate=False)
    same("MaxRetriesExceededError", type(failed).__name__)


def countdown_and_eta_say_when_a_task_runs(scene):
    scene.worker("w", "work", processes=2)
    called, now = time.monotonic(), datetime.datetime.now(datetime.timezone.utc)
    later = when.apply_async(["later"], eta=now + datetime.timedelta(seconds=2))
    sooner = when.apply_async(["sooner"], countdown=1)
    at_once = when.apply_async(["at once"])
    waited = [result.get(WAIT_S) - called for result in (at_once, sooner, later)]
    same(["at once", "sooner", "later"], scene.notes("ran"))
    for expected, actual in zip((0, 1, 2), waited):
        same(True, expected <= actual < expected + LATE_S)


def urgent_tasks_run_first(scene):
    # Levels above the queue's highest are its highest; equals keep their order.
    priorities = [0, 3, 9, 5, 3, None, 10, 9, 12, 5]
    results = [when.apply_async([index], queue="urgent", priority=priority)
               for index, priority in enumerate(priorities)]
    scene.worker("w", "urgent")
    for result in results:
        result.get(WAIT_S)
    expected = sorted(range(len(priorities)),
                      key=lambda index: -min(priorities[index] or 0, LEVELS))
    same([str(index) for index in expected], scene.notes("ran"))


def task_whose_process_dies_is_delivered_again(scene):
    scene.worker("w", "work")
    result = die_once.delay()
    same(True, result.get(WAIT_S))
    same([result.id] * 2, scene.notes("died"))


def task_of_a_worker_that_dies_goes_to_another(scene):
    doomed = scene.worker("doomed", "work")
    result = wait_for_a_file.delay("go", WAIT_S)
    scene.await_notes("began", 1)
    other = scene.worker("other", "work")
    doomed.kill()
    same([doomed.name, other.name], scene.await_notes("began", 2))
    scene.write("go")
    same(True, result.get(WAIT_S))


def worker_that_is_stopped_finishes_what_it_began(scene):
    stopped = scene.worker("stopped", "work")
    result = wait_for_a_file.delay("go", WAIT_S)
    waiting = add.delay(1, 1)
    scene.await_notes("began", 1)
    scene.worker("other", "work")
    stopped.stop()
    same(2, waiting.get(WAIT_S))  # the other one has it
    scene.write("go")
    same(False, result.get(WAIT_S))
    same(0, stopped.await_end())


def rejected_task_is_a_dead_letter(scene):
    scene.worker("w", "refused")
    with app.connection_for_write() as connection, connection.channel() as channel:
        DEAD(channel).declare()
        call = refuse.apply_async(["no"], queue="refused")
        letter = wait_until(lambda: DEAD(channel).get(no_ack=True), "a dead letter")
    same(call.id, letter.headers["id"])
    death = letter.headers["x-death"][0]
    same((1, "rejected", "refused", ["refused"]),
         (death["count"], death["reason"], death["queue"], death["routing-keys"]))


def task_that_is_put_back_runs_again(scene):
    scene.worker("w", "work")
    same(True, requeue_once.delay().get(WAIT_S))


def broadcast_task_runs_on_every_worker(scene):
    names = [scene.worker(name, "news").name for name in ("one", "two", "three")]
    hear.apply_async(["extra"], queue="news")
    heard = scene.await_notes("heard", len(names))
    same(sorted(f"{name} extra" for name in names), sorted(heard))


def topics_say_which_queues_have_a_task(scene):
    scene.worker("w", "orders.eu", "orders.all")
    for number, key in enumerate(("orders.eu.new", "orders.us.new", "orders", "returns.eu")):
        take_order.apply_async([number], exchange="orders", routing_key=key)
    expected = ["0 orders.eu.new", "0 orders.eu.new", "1 orders.us.new", "2 orders"]
    same(expected, sorted(scene.await_notes("orders", len(expected))))


def revoked_task_does_not_run(scene):
    scene.worker("w", "work")
    result = when.apply_async(["revoked"], countdown=1)
    result.revoke()  # a message to all workers
    same(TaskRevokedError, type(result.get(WAIT_S, propagate=False)))
    same([], scene.notes("ran"))


def workers_answer_each_other_and_an_operator(scene):
    names = {scene.worker(name, "work").name for name in ("one", "two")}
    same(names, set(app.control.inspect(timeout=2, limit=2).active_queues()))
    replies = app.control.cancel_consumer("work", reply=True, timeout=2, limit=2)
    same(names, {name for reply in replies for name in reply})
    call = add.delay(1, 2)
    app.control.add_consumer("work", reply=True, timeout=2, limit=2)
    same(3, call.get(WAIT_S))


def countdown_waits_in_the_broker_where_queues_are_quorum_queues(scene):
    scene.worker("w", "later", processes=2, INTEROP_QUORUM="1")
    caller = new_app(QUORUM)
    called = time.monotonic()
    results = [caller.send_task(when.name, [seconds], countdown=seconds) for seconds in (3, 2, 1)]
    waited = [result.get(WAIT_S) - called for result in results]
    same(["1", "2", "3"], scene.notes("ran"))
    for seconds, actual in zip((3, 2, 1), waited):
        same(True, seconds <= actual < seconds + LATE_S)


if __name__ == "__main__":
    try:
        sys.exit(play(__name__, Scene, CHECK_LIMIT_S))
    finally:
        remove_folder()
