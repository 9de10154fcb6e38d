# SPDX-License-Identifier: Apache-2.0
"""compare --features: what features of queues and exchanges cost a message, StoatMQ next to RabbitMQ.

Each load is measured in turn with that of a plain queue, on the same broker, so that the ratio of the
two does not depend on what the machine does meanwhile. Delayed messages, which Debian's RabbitMQ lacks, by
themselves: what those take that wait, and how late others are meanwhile.
"""

import dataclasses
import json
import statistics

from common import Failed, loadgen, machine, median, number, say, table

PLAIN = ["manual-ack", "--size", "16"]  # prefetch 1000, an ack for every 100


@dataclasses.dataclass
class Load:
    label: str
    args: list  # loadgen's
    floor: float = 0  # at most so many times a message of a plain queue; 0: nothing is asked


LOADS = {
    "limits": Load("a TTL of an hour and a limit of a million messages",
                   [*PLAIN, "--arguments", "x-message-ttl=3600000,x-max-length=1000000"], 1.1),
    "priorities": Load("10 priorities in turn",
                       [*PLAIN, "--arguments", "x-max-priority=10", "--priorities", "10"], 1.2),
    "rejected": Load("rejected by one consumer, dead letters to another",
                     [*PLAIN, "--dying", "reject"]),
    "expired": Load("expired after 10 ms, dead letters to a consumer",
                    [*PLAIN, "--dying", "expire"]),
    "hash": Load("consistent hash, 100 queues, 1,000 keys, auto-ack", ["hash"]),
}


DELAYED = "delayed"
PENDING, PENDING_FULL = 1_000_000, 10_000_000
DELAY_MS, RATE = 1000, 20_000
MEMORY_MAX_MIB, LATE_MAX_MS = 1024, 50
NAMES = [*LOADS, DELAYED]


@dataclasses.dataclass
class Measured:
    plain: dict  # results of loadgen, of one round
    feature: dict

    def times(self):
        return self.feature["broker_cpu_us"] / self.plain["broker_cpu_us"]


def measure(options, tools, server, names):
    """All rounds on one broker: {load's name: [Measured]}."""
    rounds = {name: [] for name in names}
    seconds = options.seconds if server is not tools.rabbitmq else min(options.seconds, 3)
    with server(options) as (port, pid):
        on = ["--port", str(port), "--pid", str(pid), "--seconds", str(seconds)]
        for _ in range(options.repeat):
            for name in names:
                one = Measured(loadgen(options, PLAIN + on),
                               loadgen(options, LOADS[name].args + on))
                if not one.plain["broker_cpu_us"]:
                    raise Failed("the broker's processor time does not grow: is --pid it?")
                rounds[name].append(one)
                say(f"  {server.__name__:9} {name:12} {one.feature['broker_cpu_us']:10.3f} us, "
                    f"{one.times():.2f} x plain")
    return rounds


def cost(rounds):
    return median([one.feature for one in rounds], "broker_cpu_us")


def times_plain(rounds):
    return statistics.median(one.times() for one in rounds)


def row(name, ours, theirs):
    load = LOADS[name]
    cells = [load.label, number(cost(ours), "us") if ours else "-",
             number(cost(theirs) / cost(ours)) + " x" if ours and theirs else "-"]
    cells += [number(times_plain(rounds)) + " x" if rounds else "-" for rounds in (ours, theirs)]
    cells.append(number(load.floor) + " x" if load.floor else "")
    return [*cells, ("yes" if is_met(name, ours) else "NO") if load.floor and ours else ""]


def measure_delayed(options, tools):
    """Results of loadgen: of filling a broker with messages for later, of those that are due then."""
    with tools.stoatmq(options) as (port, pid):
        on = ["--port", str(port), "--pid", str(pid)]
        count = PENDING_FULL if options.full else PENDING
        pending = loadgen(options, ["fill", "--queue", "later", "--delay", "3600000", "--messages",
                                    str(count)] + on)
        say(f"  stoatmq   {DELAYED:12} {count:,} wait, {pending['rss_kib'] / 1024:.0f} MiB")
        paced = loadgen(options, ["latency", "--persistent", "--rate", str(RATE), "--delay",
                                  str(DELAY_MS), "--backlog", str(100 * RATE), "--warmup",
                                  str(DELAY_MS / 1000 + 1), "--seconds", str(options.seconds)] + on)
        say(f"  stoatmq   {DELAYED:12} late p99 {late_ms(paced, 'p99'):.1f} ms")
    return {"count": count, "pending": pending, "paced": paced}


def late_ms(result, percentile):
    return result["latency_us"][percentile] / 1000 - DELAY_MS


def delayed_rows(result):
    """What, how much, at most, and whether that is so."""
    memory = max(result[part]["rss_peak_kib"] for part in ("pending", "paced")) / 1024
    late = late_ms(result["paced"], "p99")
    return [(f"{result['count']:,} delayed messages of 100 B: memory of the broker", memory, "MiB",
             MEMORY_MAX_MIB),
            (f"with those, {RATE:,} a second due after {DELAY_MS} ms: late p99", late, "ms",
             LATE_MAX_MS)]


def report_delayed(result):
    table(["delayed messages", "StoatMQ", "floor", "met?"],
          [[label, number(value, unit), number(most, unit), "yes" if value <= most else "NO"]
           for label, value, unit, most in delayed_rows(result)])


def is_met(name, ours):
    return not LOADS[name].floor or times_plain(ours) <= LOADS[name].floor


def compare(options, tools):
    wanted = [name for name in NAMES if not options.only or name in options.only]
    names = [name for name in wanted if name in LOADS]
    ours, theirs = [{} if not names or is_left_out else measure(options, tools, server, names)
                    for is_left_out, server in ((options.no_stoatmq, tools.stoatmq),
                                                (options.no_rabbitmq, tools.rabbitmq))]
    delayed = (measure_delayed(options, tools)
               if DELAYED in wanted and not options.no_stoatmq else None)
    print(f"{machine()}; loops = {options.loops}, median of {options.repeat}\n")
    if names:
        table(["16 B, manual acks: CPU a message", "StoatMQ", "RabbitMQ, times as much",
               "against its plain queue", "RabbitMQ against its own", "floor", "met?"],
              [row(name, ours.get(name), theirs.get(name)) for name in names])
    if delayed:
        report_delayed(delayed)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({server: {name: [dataclasses.asdict(one) for one in rounds]
                                for name, rounds in measured.items()}
                       for server, measured in (("stoatmq", ours), ("rabbitmq", theirs))} |
                      {DELAYED: delayed}, out, indent=1)
    met = [is_met(name, rounds) for name, rounds in ours.items()]
    met += [value <= most for _, value, _, most in delayed_rows(delayed)] if delayed else []
    return 0 if all(met) else 1
