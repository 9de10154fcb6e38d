# SPDX-License-Identifier: Apache-2.0
"""A broker of one's own, for tests that stop it, kill it and start it again on the same data."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))

import client  # noqa: E402
import management  # noqa: E402

TIME_LIMIT_S = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OwnBroker:
    """`with OwnBroker(server) as broker:` runs, and is reached by the modules client and management."""

    def __init__(self, server, *arguments):
        self.server, self.arguments = server, arguments
        self.folder = tempfile.TemporaryDirectory(prefix="own-broker-")
        self.process = None

    def start(self):
        client.PORT, management.PORT = free_port(), free_port()
        command = [self.server, "--bind", "127.0.0.1", "--port", str(client.PORT), "--mgmt-port",
                   str(management.PORT), "--metrics-port", "0", "--data-dir",
                   os.path.join(self.folder.name, "data"), *self.arguments]
        with open(os.path.join(self.folder.name, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + TIME_LIMIT_S
        for port in (client.PORT, management.PORT):
            while not self.listens(port):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit(f"the broker did not start; its log:\n{self.log()}")
                time.sleep(0.02)  # no-sleep-ok: polls the port, bounded

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            return False

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(TIME_LIMIT_S)
        assert how == signal.SIGKILL or status == 0, f"exit status {status}\n{self.log()}"
        self.process = None

    def restart(self, how=signal.SIGTERM):
        self.end(how)
        self.start()

    def log(self):
        with open(os.path.join(self.folder.name, "log"), errors="replace") as log:
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
