# SPDX-License-Identifier: Apache-2.0
"""A Celery application as they are written: its queues, its settings, its tasks.

Workers import it, and so does the scenario that calls the tasks. What a task did beyond returning a
result it notes in a file of the folder INTEROP_FOLDER, a line each."""
import os
import signal
import time

from celery import Celery
from celery.exceptions import Reject
from kombu import Exchange, Queue
from kombu.common import Broadcast

FOLDER = os.environ["INTEROP_FOLDER"]
LEVELS = 10  # of the queue with priorities
ORDERS = Exchange("orders", type="topic")
DEAD = Queue("dead", Exchange("dead", type="fanout"))
QUEUES = [
    Queue("work"),
    Queue("urgent", queue_arguments={"x-max-priority": LEVELS}),
    Queue("refused", queue_arguments={"x-dead-letter-exchange": "dead"}),
    Queue("orders.eu", ORDERS, routing_key="orders.eu.#"),
    Queue("orders.all", ORDERS, routing_key="orders.#"),
    Broadcast("news"),
]
# Where Celery keeps what has a countdown in the broker: 28 queues, from one second to four years.
QUORUM = [Queue("later", Exchange("later", type="topic"), routing_key="later",
                queue_arguments={"x-queue-type": "quorum"})]



def new_app(queues):
    """An application whose tasks go to the first of some queues, if nobody says otherwise."""
    made = Celery("application", backend="rpc://", broker="amqp://guest:guest@%s:%s//" % (
        os.environ["AMQP_HOST"], os.environ["AMQP_PORT"]))
    made.conf.update(
        task_queues=queues,
        task_default_queue=queues[0].name,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"confirm_publish": True},
    )
    return made


app = new_app(QUORUM if os.environ.get("INTEROP_QUORUM") else QUEUES)


def note(file, line):
    """One write, so that lines of several processes do not mix."""
    with open(os.path.join(FOLDER, file), "a", encoding="utf-8") as out:
        out.write(f"{line}\n")


@app.task
def add(one, other):
    return one + other


@app.task(bind=True)
def fail_at_first(self, times, countdown):
    """Asks to be tried again, so many times; then says how often it was called."""
    if self.request.retries < times:
        raise self.retry(countdown=countdown, max_retries=3)
    return self.request.retries + 1


@app.task(autoretry_for=(ZeroDivisionError,), bind=True, max_retries=2, retry_backoff=1,
          retry_jitter=False)
def divide_by_zero(self):
    note("divided", time.monotonic())
    return 1 / 0


@app.task
def when(label=None):
    """When it ran, by the clock that all processes share."""
    if label is not None:
        note("ran", label)
    return time.monotonic()


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True)
def die_once(self):
    """Takes its process with it the first time."""
    note("died", self.request.id)
    redelivered = self.request.delivery_info["redelivered"]
    if not redelivered:
        os.kill(os.getpid(), signal.SIGKILL)
    return redelivered


@app.task(bind=True, acks_late=True)
def wait_for_a_file(self, file, limit_s):
    """Says that it began, then waits until there is a file."""
    note("began", self.request.hostname)
    until = time.monotonic() + limit_s
    while not os.path.exists(os.path.join(FOLDER, file)):
        if time.monotonic() > until:
            raise TimeoutError(file)
        time.sleep(0.02)  # no-sleep-ok: polls a file, bounded
    return self.request.delivery_info["redelivered"]


@app.task(acks_late=True)
def refuse(text):
    raise Reject(text, requeue=False)


@app.task(bind=True, acks_late=True)
def requeue_once(self):
    if not self.request.delivery_info["redelivered"]:
        raise Reject("not now", requeue=True)
    return True


@app.task(bind=True, ignore_result=True)
def hear(self, text):
    note("heard", f"{self.request.hostname} {text}")


@app.task(bind=True, ignore_result=True)
def take_order(self, number):
    note("orders", f"{number} {self.request.delivery_info['routing_key']}")
