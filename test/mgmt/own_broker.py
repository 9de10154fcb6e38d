# SPDX-License-Identifier: Apache-2.0
"""A broker of one's own, for tests that stop it, kill it and start it again on the same data."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))

import client  # noqa: E402
import management  # noqa: E402
from answers import play  # noqa: E402

TIME_LIMIT_S = 30


class OwnBroker:
    """`with OwnBroker(server) as broker:` runs, and is reached by the modules client and management."""

    def __init__(self, server, *arguments):
        self.server, self.arguments = server, arguments
        self.folder = tempfile.TemporaryDirectory(prefix="own-broker-")
        self.process = None

    def start(self):
        """The broker takes ports that are free, and tells which in its log: none is taken between."""
        command = [self.server, "--bind", "127.0.0.1", "--port", "0", "--mgmt-port", "0",
                   "--metrics-port", "0", "--data-dir", os.path.join(self.folder.name, "data"),
                   *self.arguments]
        known = len(self.log())
        with open(self.log_path(), "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + TIME_LIMIT_S
        while " started version=" not in (told := self.log()[known:]):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(f"the broker did not start; its log:\n{self.log()}")
            time.sleep(0.02)  # no-sleep-ok: polls the log, bounded
        ports = dict(re.findall(r"listener_started protocol=(\S+) .*port=(\d+)", told))
        client.PORT, management.PORT = int(ports["amqp"]), int(ports["http"])

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(TIME_LIMIT_S)
        assert how == signal.SIGKILL or status == 0, f"exit status {status}\n{self.log()}"
        self.process = None

    def restart(self, how=signal.SIGTERM):
        self.end(how)
        self.start()

    def log_path(self):
        return os.path.join(self.folder.name, "log")

    def log(self):
        if not os.path.exists(self.log_path()):
            return ""
        with open(self.log_path(), errors="replace") as log:
            return log.read()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, failure, *_):
        if self.process is not None and failure is None:
            self.end()
        elif self.process is not None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def play_with_broker(module):
    """Plays the TESTS of a module, whose BROKER is one for them all; the exit status."""
    with OwnBroker(sys.argv.pop(1), "--loops", os.environ.get("STOATMQ_LOOPS", "1")) as broker:
        module.BROKER = broker
        return play(module.TESTS)
