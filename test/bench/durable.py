# SPDX-License-Identifier: Apache-2.0
"""compare --durable: persistent messages, StoatMQ next to RabbitMQ and next to the disk itself.

Within a load the brokers take turns (ABAB), each on a folder of its own in the same file system, so
that a machine that is slow for a while is slow for all.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from common import Failed, find_program, loadgen, machine, median, number, say, table
from disk import Disk
from others import Others, wait_for_calm

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "crash"))
import brokers  # noqa: E402  (a broker that can be killed and started again)

KIB = 1024
BACKLOG_BYTES = 100  # a body's, in the loads with a backlog
BACKLOG_MESSAGES, BACKLOG_MESSAGES_FULL = 1_000_000, 10_000_000
SHORT_QUEUE = 200_000  # messages that stay in memory
START_LIMIT_S, RUN_LIMIT_S = 900, 3600
COUNTERS_LIMIT_S = 2
WATERMARK = "vm_memory_high_watermark.absolute"


def add_arguments(parser):
    group = parser.add_argument_group("with --durable")
    group.add_argument("--dir", default=tempfile.gettempdir(), metavar="DIR",
                       help="the data goes below it: on the disk that is measured (the system's\n"
                            "folder for temporary files)")
    group.add_argument("--full", action="store_true",
                       help=f"backlogs of {BACKLOG_MESSAGES_FULL:,} messages, "
                            f"not {BACKLOG_MESSAGES:,}")
    group.add_argument("--count", type=int, metavar="N", help="backlogs of N messages")
    group.add_argument("--calm", type=float, default=30, metavar="S",
                       help="wait up to S seconds before a run while the machine does something\n"
                            "else (30)")
    group.add_argument("--quorum", action="store_true", help="RabbitMQ's quorum queues as well")
    group.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                       help="a setting of StoatMQ's")


# --- brokers -----------------------------------------------------------------------------------


@dataclasses.dataclass
class Side:
    """One column: a broker, and how its queues are declared."""

    name: str
    broker: object
    bench: object
    args: tuple = ()

    def pid(self):
        """Of the process that does the work."""
        if self.name == "stoatmq":
            return self.broker.pid
        return int((pathlib.Path(self.broker.folder) / "node.pid").read_text())

    def loadgen(self, *args):
        more = ["--port", str(self.broker.port), "--pid", str(self.pid()), "--timeout", "120",
                *self.args]
        if self.bench.disk.stat_file:
            more += ["--disk-stat", self.bench.disk.stat_file]
        wait_for_calm(self.bench.options.calm)
        others = Others(self.pid())
        result = loadgen(self.bench.options, [*args, *more], RUN_LIMIT_S)
        return result | {"others": others.cores()}

    def run(self, *args):
        """One run of loadgen's load `confirm`; adds the size of a batch that was synced."""
        before = self.log_counters()
        result = self.loadgen("confirm", "--persistent", *args, "--seconds",
                              str(self.bench.options.seconds))
        after = self.log_counters()
        if before and after and after[0] > before[0]:
            result["log_syncs"], result["log_bytes"] = (b - a for a, b in zip(before, after))
            result["batch_bytes"] = result["log_bytes"] / result["log_syncs"]
        elif result.get("disk_flushes"):
            result["batch_bytes"] = result["disk_bytes"] / result["disk_flushes"]
        say(f"  {self.name:9} {' '.join(args)}: {result['rate']:,.0f}/s, confirm p50 "
            f"{result['latency_p50']:,.0f} us, batch "
            f"{result.get('batch_bytes', 0) / KIB:,.1f} KiB, others {result['others']:.2f} cores")
        return result

    def log_counters(self):
        """Syncs and bytes of the log so far, as SIGUSR1 has StoatMQ say; None when it does not."""
        if self.name != "stoatmq" or not self.bench.counts:
            return None
        log = pathlib.Path(self.broker.log_path())
        size = log.stat().st_size
        self.broker.process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + COUNTERS_LIMIT_S
        while time.monotonic() < end:
            found = re.search(r'row="log .*?syncs=(\d+) bytes=(\d+)', log.read_text()[size:])
            if found:
                return int(found[1]), int(found[2])
            time.sleep(0.01)  # no-sleep-ok: polls the log, bounded
        self.bench.counts = False
        return None

    def peak_kib(self):
        status = pathlib.Path(f"/proc/{self.pid()}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])

    def restart(self, end):
        """Ends the broker with `end`, starts it, and returns the seconds from there to the first
        delivery of what waits in the queue `backlog`."""
        if end(self.broker) is False:
            raise Failed(f"{self.name} did not stop in order")
        peek = subprocess.Popen([self.bench.options.loadgen, "peek", "--queue", "backlog",
                                 "--port", str(self.broker.port),
                                 "--timeout", str(START_LIMIT_S)], stdout=subprocess.PIPE)
        begin = time.monotonic_ns()
        started = self.broker.start_again()
        output, _ = peek.communicate()
        if started is None or peek.returncode:
            raise Failed(f"{self.name} did not start again")
        return (json.loads(output)["delivered_at_ns"] - begin) / 1e9


class Bench:
    """Options, the disk, and brokers that are started for one load."""

    def __init__(self, options):
        self.options = options
        self.disk = Disk(options)
        self.counts = True
        self.count = options.count or (BACKLOG_MESSAGES_FULL if options.full
                                       else BACKLOG_MESSAGES)
        if not options.no_stoatmq:
            self.settings = subprocess.run([options.stoatmq, "--help"], capture_output=True,
                                           text=True, check=True).stdout

    def _stoatmq(self, folder, conf):
        conf = [line for line in ["store.log = true", *conf] if line.split()[0] in self.settings]
        return brokers.StoatMQ(folder, brokers.free_port(), argparse.Namespace(
            server=self.options.stoatmq, loops=self.options.loops, disk_room=None,
            conf=conf + self.options.set))

    @contextlib.contextmanager
    def sides(self, conf=(), quorum=False):
        """The brokers, started on empty folders; `conf` is for StoatMQ. Yields their sides and a
        folder beside theirs."""
        with contextlib.ExitStack() as stack:
            top = stack.enter_context(tempfile.TemporaryDirectory(prefix="stoatmq-durable-",
                                                                  dir=self.options.dir))
            made = []
            for kind in ("stoatmq", "rabbitmq"):
                if getattr(self.options, "no_" + kind):
                    continue
                folder = os.path.join(top, kind)
                os.mkdir(folder)
                broker = self._stoatmq(folder, conf) if kind == "stoatmq" else brokers.RabbitMQ(
                    folder, brokers.free_port(), argparse.Namespace(conf=[]))
                if not broker.start():
                    raise Failed(f"{kind} did not start")
                stack.callback(broker.stop)
                made.append(Side(kind, broker, self))
            if quorum and self.options.quorum and not self.options.no_rabbitmq:
                made.append(Side("quorum", made[-1].broker, self, ("--arguments", "x-queue-type=quorum")))
            try:
                yield made, top
            except Failed:
                for side in made:
                    side.broker.print_logs()
                raise


# --- what is printed ---------------------------------------------------------------------------


@dataclasses.dataclass
class Row:
    """A line of the table. `measured` is judged against floor and aim; None: it could not be."""

    label: str
    values: dict  # by side; texts
    disk: str
    measured: float
    unit: str
    floor: float = None
    aim: float = None
    more_is_better: bool = True

    def reaches(self, bound):
        if self.more_is_better:
            return self.measured >= bound
        return self.measured <= bound

    def met(self):
        return self.floor is None or self.measured is None or self.reaches(self.floor)

    def verdict(self):
        if self.floor is None or self.measured is None:
            return "-"
        if not self.met():
            return "MISSED"
        return "aim" if self.aim is not None and self.reaches(self.aim) else "floor"

    def cells(self, sides):
        def text(value):
            return "-" if value is None else number(value) + self.unit
        return [self.label, *(self.values.get(side, "-") for side in sides), self.disk,
                text(self.measured), text(self.floor), text(self.aim), self.verdict()]


def values_of(results, key, unit, scale=1):
    return {side: number(median(runs, key) * scale, unit) for side, runs in results.items()}


def quotient(results, key, over="rabbitmq", scale=1):
    """StoatMQ's median over another's; None when one is missing."""
    if not results.get("stoatmq") or not results.get(over):
        return None
    return median(results["stoatmq"], key) / median(results[over], key) * scale


def in_turns(bench, sides, job):
    """All rounds of `job(side)`, the sides one after the other; results by side."""
    results = {side.name: [] for side in sides}
    for _ in range(bench.options.repeat):
        for side in sides:
            results[side.name].append(job(side))
    return results


# --- the loads: each returns rows and the results by name and side -----------------------------


def throughput(bench):
    with bench.sides(quorum=True) as (sides, folder):
        def job(side):
            result = side.run("--size", "1024", "--window", "1000")
            result["body_bytes_per_s"] = result["rate"] * 1024
            if side.name == "stoatmq" and "batch_bytes" in result:
                result["fio"] = bench.disk.fio_bytes_per_s(folder, result["batch_bytes"])
                result["share"] = 100 * result["body_bytes_per_s"] / result["fio"]
            return result
        results = in_turns(bench, sides, job)
    ours = results.get("stoatmq", [])
    known = bool(ours) and all("fio" in r for r in ours)
    disk = (f"{number(median(ours, 'fio') / 1e6, 'MB/s')} with batches of "
            f"{number(median(ours, 'batch_bytes') / KIB, 'KiB')}" if known else "-")
    row = Row("1 KB persistent, window 1000, manual acks, 1 producer, 1 consumer: bytes a second, "
              "against fio with fdatasync at the same batch size",
              values_of(results, "body_bytes_per_s", "MB/s", 1e-6), disk,
              median(ours, "share") if known else None, " %", 50, 80)
    return [row], {"window 1000, 1 KB": results}


def lone(bench):
    with bench.sides(quorum=True) as (sides, folder):
        size = 1024

        def bare():
            return bench.disk.bare(folder, size)["latency_p50"]

        def job(side):
            nonlocal size
            if side.name != "stoatmq":
                return side.run("--size", "1024", "--window", "1", "--ack-every", "1")
            before = bare()  # the disk is not the same from one second to the next
            result = side.run("--size", "1024", "--window", "1", "--ack-every", "1")
            size = result.get("batch_bytes", size)
            result["bare_p50"] = (before + bare()) / 2
            result["over_bare"] = result["latency_p50"] / result["bare_p50"]
            return result
        results = in_turns(bench, sides, job)
    ours = results.get("stoatmq")
    row = Row("the same with window 1: confirm latency p50, against a bare write and fdatasync of "
              "as many bytes", values_of(results, "latency_p50", "us"),
              number(median(ours, "bare_p50"), "us") if ours else "-",
              median(ours, "over_bare") if ours else None, " x", 1.5, 1.15, more_is_better=False)
    return [row], {"window 1, 1 KB": results}


def queues(bench):
    many = ["--queues", "100", "--producers", "100", "--connections", "100", "--own-queue",
            "--window", "100"]
    with bench.sides() as (sides, _):
        both = in_turns(bench, sides, lambda side: (
            side.run("--size", "1024", "--window", "1000"), side.run("--size", "1024", *many)))
    one = {side: [pair[0] for pair in pairs] for side, pairs in both.items()}
    hundred = {side: [pair[1] for pair in pairs] for side, pairs in both.items()}
    texts = {side: f"{number(median(hundred[side], 'rate'))} (one queue "
                   f"{number(median(one[side], 'rate'))})" for side in both}
    measured = None
    if "stoatmq" in both:
        measured = statistics.median(b["rate"] / a["rate"] for a, b in both["stoatmq"])
    row = Row("100 queues, 100 producers, window 100 each, 100 consumers, 1 KB: messages a second, "
              "against one queue", texts, "-", measured, " x", 1, 1.1)
    return [row], {"1 queue, 1 KB": one, "100 queues, 1 KB": hundred}


def small(bench):
    with bench.sides(quorum=True) as (sides, _):
        results = in_turns(bench, sides, lambda side: side.run("--size", "16", "--window", "5000"))
    row = Row("16 B persistent, window 5000, 1 producer, 1 consumer, manual acks: messages a "
              "second, against RabbitMQ", values_of(results, "rate", ""), "-",
              quotient(results, "rate"), " x", 5, 10)
    return [row], {"window 5000, 16 B": results}


def fill_and_drain(bench, side, count):
    size = ["--size", str(BACKLOG_BYTES), "--messages", str(count), "--queue", "backlog"]
    result = {"fill": side.loadgen("fill", *size), "drain": side.loadgen("drain", *size)}
    say(f"  {side.name:9} {count:,}: published {result['fill']['rate']:,.0f}/s, drained "
        f"{result['drain']['rate']:,.0f}/s, peak {side.peak_kib() / KIB:,.0f} MiB")
    return result


def backlog(bench):
    watermark = bench.count * BACKLOG_BYTES
    limited = not bench.options.no_stoatmq and WATERMARK in bench.settings
    with bench.sides([f"{WATERMARK} = {watermark}"]) as (sides, _):
        short = in_turns(bench, sides, lambda side: fill_and_drain(bench, side, SHORT_QUEUE))
        long = in_turns(bench, sides, lambda side: fill_and_drain(bench, side, bench.count))
        peaks = {side.name: side.peak_kib() * KIB for side in sides}
    fill = {side: [r["fill"] for r in runs] for side, runs in long.items()}
    drain = {side: [r["drain"] for r in runs] for side, runs in long.items()}
    drain_short = {side: [r["drain"] for r in runs] for side, runs in short.items()}
    slowdown = None
    if "stoatmq" in drain:
        slowdown = median(drain["stoatmq"], "rate") / median(drain_short["stoatmq"], "rate")
    rows = [
        Row(f"{bench.count:,} x {BACKLOG_BYTES} B, window 5000, no consumer: published a second, "
            "against RabbitMQ", values_of(fill, "rate", ""), "-", quotient(fill, "rate"), " x", 5),
        Row("drained after that, manual acks, prefetch 1000: a second, against RabbitMQ",
            values_of(drain, "rate", ""), "-", quotient(drain, "rate"), " x", 5),
        Row(f"drained a second, against a queue of {SHORT_QUEUE:,}",
            values_of(drain_short, "rate", ""), "-", slowdown, " x"),
        Row("peak memory" + (f", against vm_memory_high_watermark "
                             f"({number(watermark / KIB / KIB, 'MiB')})" if limited else ""),
            {side: number(peak / KIB / KIB, "MiB") for side, peak in peaks.items()}, "-",
            peaks["stoatmq"] / watermark if limited else None, " x", 1, None,
            more_is_better=False),
    ]
    return rows, {"publish the backlog": fill, "drain the backlog": drain,
                  "drain a short queue": drain_short}


def restart(bench):
    """One backlog outlives all restarts; in the end all of it must still be there, once and in
    order."""
    size = ["--size", str(BACKLOG_BYTES), "--messages", str(bench.count), "--queue", "backlog"]
    ways = {"in order": lambda broker: broker.stop(), "after kill -9": lambda broker: broker.kill()}
    times = {way: {} for way in ways}
    with bench.sides() as (sides, _):
        for side in sides:
            side.loadgen("fill", *size)
        for way, end in ways.items():
            times[way] = in_turns(bench, sides, lambda side, end=end: {"s": side.restart(end)})
            for side, runs in times[way].items():
                say(f"  {side:9} restart {way}: {median(runs, 's'):.2f} s")
        for side in sides:
            side.loadgen("drain", *size)
    return [Row(f"restart {way} with {bench.count:,} messages waiting: from exec to the first "
                "delivery", values_of(runs, "s", "s"), "-",
                median(runs["stoatmq"], "s") if "stoatmq" in runs else None, " s", 5, 1,
                more_is_better=False) for way, runs in times.items()], times


def device(bench):
    with bench.sides(quorum=True) as (sides, _):
        def job(side):
            result = side.run("--size", "1024", "--window", "100")
            if "disk_bytes" in result:
                result["amplification"] = result["disk_bytes"] / (result["messages_in"] * 1024)
            return result
        results = in_turns(bench, sides, job)
    known = all("amplification" in r for runs in results.values() for r in runs)
    row = Row("1 KB, window 100, consumers keep up: bytes written to the device, against bytes of "
              "messages received", values_of(results, "amplification", "x") if known else {}, "-",
              median(results["stoatmq"], "amplification")
              if known and "stoatmq" in results else None,
              " x", 1.3, 1.1, more_is_better=False)
    return [row], {"window 100, 1 KB": results}


LOADS = {"throughput": throughput, "lone": lone, "queues": queues, "small": small,
         "backlog": backlog, "restart": restart, "device": device}


# --- the whole ---------------------------------------------------------------------------------


def details(everything):
    for load, by_side in everything.items():
        for side, runs in by_side.items():
            if "broker_cpu_us" not in runs[0]:
                continue
            batch = [r["batch_bytes"] for r in runs if "batch_bytes" in r]
            syncs = [r["disk_flushes"] / r["seconds"] for r in runs if "disk_flushes" in r]
            yield [load, side, *(number(median(runs, key)) for key in
                                 ("rate", "broker_busy", "broker_user_us", "broker_system_us",
                                  "loadgen_cpu_us")),
                   number(statistics.median(r["latency_us"]["p50"] for r in runs)),
                   number(statistics.median(r["latency_us"]["p99"] for r in runs)),
                   number(statistics.median(batch) / KIB) if batch else "-",
                   number(statistics.median(syncs)) if syncs else "-",
                   number(max(r["rss_peak_kib"] for r in runs) / KIB),
                   f"{max(r['others'] for r in runs):.2f}"]


def report(bench, rows, everything):
    sides = [side for side in ("stoatmq", "rabbitmq") if not getattr(bench.options, "no_" + side)]
    if bench.options.quorum and "rabbitmq" in sides:
        sides.append("quorum")
    titles = {"stoatmq": "StoatMQ", "rabbitmq": "RabbitMQ", "quorum": "RabbitMQ, quorum queues"}
    print(f"{machine()}; {bench.disk.name()}; loops = {bench.options.loops}, median of "
          f"{bench.options.repeat}\n")
    table(["load", *(titles[side] for side in sides), "the disk", "measured", "floor", "aim",
           "met"], [row.cells(sides) for row in rows])
    table(["load", "server", "messages/s", "cores busy", "user us", "system us", "loadgen us",
           "latency p50 us", "p99 us", "batch KiB", "flushes/s", "peak MiB", "others' cores"],
          list(details(everything)))


def compare(options):
    """Runs the loads; 0 when all floors are met, else 1."""
    brokers.with_broker.START_LIMIT_S = START_LIMIT_S
    brokers.with_broker.STOP_LIMIT_S = START_LIMIT_S
    if not options.no_stoatmq and not options.stoatmq:
        options.stoatmq = find_program(options.build, "stoatmq")
    bench = Bench(options)
    rows, everything = [], {}
    for name, load in LOADS.items():
        if options.only and name not in options.only:
            continue
        say(name)
        more_rows, results = load(bench)
        rows += more_rows
        everything |= results
    report(bench, rows, everything)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"rows": [dataclasses.asdict(row) | {"verdict": row.verdict()}
                                for row in rows], "results": everything}, out, indent=1)
    return 0 if all(row.met() for row in rows) else 1
