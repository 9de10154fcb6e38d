# SPDX-License-Identifier: Apache-2.0
"""A broker that is killed and started again on the same folder; built on test/with-broker's."""

import importlib.machinery
import importlib.util
import os
import shutil
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def _load_with_broker():
    path = os.path.join(os.path.dirname(HERE), "with-broker")
    loader = importlib.machinery.SourceFileLoader("with_broker", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("with_broker", loader))
    loader.exec_module(module)
    return module


with_broker = _load_with_broker()
with_broker.LOG_TAIL_LINES = 25
free_port = with_broker.free_port


class Killed:
    """What both brokers share. `data` is the folder that the canaries spoil."""

    starts = 0

    def start_again(self):
        """Starts on what the folder holds; seconds until it listened, or None."""
        if os.path.exists(self.log_path()):
            os.replace(self.log_path(), self.log_path() + ".before")
        self.starts += 1
        begin = time.monotonic()
        return time.monotonic() - begin if self.start() else None

    def print_logs(self):
        for path in (self.log_path() + ".before", self.log_path()):
            if os.path.exists(path):
                with_broker.say(path)
                with_broker.print_tail(path)

    def delete_data(self):
        shutil.rmtree(self.data)
        os.mkdir(self.data)

    def save_data(self):
        shutil.rmtree(self.data + ".saved", ignore_errors=True)
        shutil.copytree(self.data, self.data + ".saved")

    def restore_data(self):
        shutil.rmtree(self.data)
        shutil.copytree(self.data + ".saved", self.data)


class StoatMQ(Killed, with_broker.StoatMQ):
    def __init__(self, folder, port, options):
        super().__init__(folder, port, options)
        self.data = os.path.join(folder, "data")

    def log_path(self):
        return self.log

    def died(self):
        """Why the process is no more, or None while it runs."""
        return None if self.process.poll() is None else self.how_it_ended()

    def kill(self):
        self.process.kill()
        self.process.wait()


class RabbitMQ(Killed, with_broker.RabbitMQ):
    def __init__(self, folder, port, options):
        super().__init__(folder, port, options)
        self.data = os.path.join(folder, "mnesia")

    def log_path(self):
        return os.path.join(self.folder, "stdout")

    def died(self):
        try:
            os.killpg(self.pid, 0)
            return None
        except ProcessLookupError:
            return "its process group is empty"

    def kill(self):
        """The node leads its own session: the group holds the shell wrapper and the runtime. Its
        port mapper is a daemon outside of it; each start makes a new one."""
        os.killpg(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + with_broker.STOP_LIMIT_S
        while self.died() is None and time.monotonic() < deadline:
            time.sleep(0.01)  # no-sleep-ok: polls the process group, bounded
        subprocess.call(["bash", "-c", f". '{self.folder}/env' && epmd -kill"],
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make(against, folder, port, options):
    return (RabbitMQ if against == "rabbitmq" else StoatMQ)(folder, port, options)
