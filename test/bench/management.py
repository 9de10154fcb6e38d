# SPDX-License-Identifier: Apache-2.0
"""compare --management: what it costs to look at a broker, StoatMQ next to RabbitMQ.

10,000 queues, 1,000 idle connections, paced traffic. How long the answers take that a dashboard and
Prometheus ask for; and how much processor time the broker takes a second while somebody looks and
while nobody does, in turns: the difference is what looking costs, as a share of what the traffic takes.
"""

import base64
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

from common import Failed, loadgen, machine, number, say, table

QUEUES, CONNECTIONS, RATE = 10_000, 1_000, 20_000
LOOK_EVERY_S, WINDOW_S, ROUNDS = 5, 15, 4
START_LIMIT_S, SETTLE_S, REQUEST_LIMIT_S = 120, 10, 120
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = "/api/queues?page=1&page_size=100"
DASHBOARD = ["/api/overview", "/api/nodes", PAGE + "&sort=messages&sort_reverse=true",
             "/api/connections?page=1&page_size=100"]


@dataclasses.dataclass
class Watched:
    """A broker, and where its management and its metrics are."""

    name: str
    port: int
    pid: int
    management: int
    metrics: int

    def get(self, path, data=None):
        """Milliseconds until the whole answer is there."""
        port = self.metrics if path.startswith("/metrics") else self.management
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data)
        request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        request.add_header("Content-Type", "application/json")
        begin = time.monotonic()
        with urllib.request.urlopen(request, timeout=REQUEST_LIMIT_S) as answer:
            answer.read()
        return (time.monotonic() - begin) * 1000

    def look(self):
        """What an open dashboard and Prometheus ask for in five seconds."""
        for path in [*DASHBOARD, "/metrics"]:
            self.get(path)

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


# --- brokers: contexts that yield a Watched


@contextlib.contextmanager
def watched_stoatmq(options, tools):
    with tempfile.TemporaryDirectory(prefix="stoatmq-bench-") as folder:
        ports = [tools.free_port() for _ in range(3)]
        command = [options.stoatmq, "--port", str(ports[0]), "--bind", "127.0.0.1",
                   "--mgmt-port", str(ports[1]), "--metrics-port", str(ports[2]),
                   "--data-dir", folder + "/data", "--loops", str(options.loops)]
        with open(folder + "/log", "wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            tools.wait_for_listener(ports[0], process)
            yield Watched("stoatmq", ports[0], process.pid, ports[1], ports[2])
        finally:
            tools.stop(process)


@contextlib.contextmanager
def watched_rabbitmq(_options, tools):
    with tempfile.TemporaryDirectory(prefix="rabbitmq-bench-") as folder:
        ports = [tools.free_port() for _ in range(3)]
        environment = os.environ | {
            "RABBITMQ_PLUGINS": "rabbitmq_management,rabbitmq_prometheus",
            "RABBITMQ_EXTRA_CONF": f"management.tcp.port = {ports[1]}\n"
                                   f"prometheus.tcp.port = {ports[2]}"}
        started = subprocess.run([tools.ORACLE, "start", folder, str(ports[0])], env=environment,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                 check=False)
        if started.returncode:
            raise Failed(started.stderr)
        try:
            pid = int((pathlib.Path(folder) / "node.pid").read_text())
            yield Watched("rabbitmq", ports[0], pid, ports[1], ports[2])
        finally:
            subprocess.run([tools.ORACLE, "stop", folder], check=True)


# --- measuring


def wait_until_answered(broker):
    end = time.monotonic() + START_LIMIT_S
    while True:
        try:
            broker.get("/api/overview")
            return
        except OSError as error:
            if time.monotonic() > end:
                raise Failed(f"{broker.name}'s API does not answer: {error}") from error
        time.sleep(0.1)  # no-sleep-ok: polls the API, bounded


@contextlib.contextmanager
def traffic(options, broker):
    """Idle connections and paced messages while the context lasts."""
    seconds = str(ROUNDS * 2 * (WINDOW_S + LOOK_EVERY_S) + 120)
    common = ["--port", str(broker.port), "--seconds", seconds]
    loads = [["idle", "--connections", str(CONNECTIONS), "--pid", str(broker.pid), *common],
             ["auto-ack", "--queues", "100", "--connections", "20", "--producers", "20",
              "--rate", str(RATE), *common]]
    processes = [subprocess.Popen([options.loadgen, *load], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) for load in loads]
    try:
        time.sleep(SETTLE_S)  # no-sleep-ok: the load is to be there for a while before it counts
        if processes[1].poll() is not None:
            raise Failed(f"the traffic ended with code {processes[1].returncode}")
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait()


def busy(broker, looking):
    """Cores that the broker is busy in one window; somebody looks meanwhile, or nobody."""
    over = threading.Event()

    def look():
        while not over.wait(LOOK_EVERY_S):
            broker.look()

    watcher = threading.Thread(target=look)
    if looking:
        broker.look()
        watcher.start()
    cpu, begin = broker.cpu_s(), time.monotonic()
    time.sleep(WINDOW_S)  # no-sleep-ok: the window that is measured
    cores = (broker.cpu_s() - cpu) / (time.monotonic() - begin)
    over.set()
    if looking:
        watcher.join()
    return cores


def measure(options, broker):
    queues = [{"name": f"watched.{n}", "vhost": "/", "durable": True, "auto_delete": False,
               "arguments": {}} for n in range(QUEUES)]
    wait_until_answered(broker)
    broker.get("/api/definitions", json.dumps({"queues": queues}).encode())
    paths = {"page": PAGE, "sorted": DASHBOARD[2], "overview": "/api/overview",
             "metrics": "/metrics", "per-object": "/metrics/per-object"}
    with traffic(options, broker):
        result = {name: statistics.median(broker.get(path) for _ in range(options.repeat + 2))
                  for name, path in paths.items()}
        cores = {looking: [] for looking in (False, True)}
        for _ in range(ROUNDS):
            for looking, found in cores.items():
                found.append(busy(broker, looking))
        result["idle_cores"] = statistics.median(cores[False])
        result["looking_cores"] = statistics.median(cores[True])
    say(f"  {broker.name}: " + ", ".join(f"{k} {v:.3f}" for k, v in result.items()))
    return result


ROWS = [("page", "100 of 10,000 queues, `" + PAGE + "`: ms", 20),
        ("sorted", "the same, sorted by messages: ms", None),
        ("overview", "`/api/overview`: ms", None),
        ("metrics", "`/metrics`: ms", None),
        ("per-object", "`/metrics/per-object`: ms", 200),
        ("idle_cores", f"cores busy with {RATE:,} messages a second, nobody looks", None),
        ("looking_cores", "the same with a dashboard open and Prometheus every 5 s", None)]


def compare(options, tools):
    sides = [] if options.no_stoatmq else [watched_stoatmq]
    sides += [] if options.no_rabbitmq else [watched_rabbitmq]
    results = {}
    for side in sides:
        with side(options, tools) as broker:
            results[broker.name] = measure(options, broker)
    print(f"{machine()}; {QUEUES:,} queues, {CONNECTIONS:,} connections\n")
    cells = lambda key: [number(results[name][key]) if name in results else "-"  # noqa: E731
                         for name in ("stoatmq", "rabbitmq")]
    table(["what", "StoatMQ", "RabbitMQ", "floor"],
          [[label, *cells(key), str(floor) if floor else "-"] for key, label, floor in ROWS])
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
    ours = results.get("stoatmq", {})
    return 1 if any(floor and ours.get(key, 0) > floor for key, _, floor in ROWS) else 0
