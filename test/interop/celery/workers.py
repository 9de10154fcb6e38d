# SPDX-License-Identifier: Apache-2.0
"""Celery's workers as processes, and the folder in which tasks leave notes."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WAIT_S = 30  # a worker takes seconds to start where processors are few
FOLDER = os.environ["INTEROP_FOLDER"] = tempfile.mkdtemp(prefix="interop-celery-")
sys.path.insert(0, os.path.join(HERE, ".."))

from application import app  # noqa: E402 - it wants the folder
from checks import same  # noqa: E402


def wait_until(condition, what, limit_s=WAIT_S):
    """Waits until condition() is true, and returns what it returned."""
    until = time.monotonic() + limit_s
    while not (result := condition()):
        if time.monotonic() > until:
            raise TimeoutError(f"{what} did not happen within {limit_s} s")
        time.sleep(0.05)  # no-sleep-ok: polls, bounded
    return result


class Worker:
    """One worker with its pool of processes."""

    def __init__(self, name, queues, processes, **environment):
        self.name = f"{name}@interop"
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "celery", "--app", "application", "worker",
             "--hostname", self.name, "--queues", ",".join(queues), "--loglevel", "info",
             "--concurrency", str(processes)],
            cwd=HERE, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True,
            env=dict(os.environ, C_FORCE_ROOT="1", PYTHONDONTWRITEBYTECODE="1") | environment)

    def await_ready(self):
        wait_until(lambda: self.answers() or self.has_ended(), f"the start of {self.name}")
        same(None, self.process.poll())

    def has_ended(self):
        return self.process.poll() is not None

    def answers(self):
        return app.control.ping(destination=[self.name], timeout=0.5)

    def stop(self):
        """As an operator does: it finishes what it has begun, and takes no more."""
        if not self.has_ended():
            self.process.send_signal(signal.SIGTERM)

    def await_end(self):
        return self.process.wait(WAIT_S)

    def kill(self):
        """With all its processes, at once; they have a session of their own."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(WAIT_S)


class Scene:
    """What a check has: workers, which end with it, and notes, which begin empty."""

    def __init__(self):
        self.workers = []
        for file in os.listdir(FOLDER):
            os.unlink(os.path.join(FOLDER, file))

    def worker(self, name, *queues, processes=1, **environment):
        self.workers.append(Worker(name, queues, processes, **environment))
        self.workers[-1].await_ready()
        return self.workers[-1]

    def notes(self, file):
        path = os.path.join(FOLDER, file)
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as lines:
            return lines.read().splitlines()

    def await_notes(self, file, count):
        return wait_until(lambda: len(self.notes(file)) >= count and self.notes(file),
                          f"{count} lines in {file}")

    def write(self, file):
        with open(os.path.join(FOLDER, file), "w", encoding="utf-8"):
            pass

    def close(self):
        for worker in self.workers:
            worker.stop()
        try:
            for worker in self.workers:
                worker.await_end()  # tasks that are done are acknowledged by then
        finally:
            for worker in self.workers:
                worker.kill()


def remove_folder():
    shutil.rmtree(FOLDER, ignore_errors=True)
