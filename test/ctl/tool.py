# SPDX-License-Identifier: Apache-2.0
"""The program under test, and the directories that its tests copy and spoil."""

import json
import os
import subprocess
import sys
import tempfile

import logdir
from logdir import PERSISTENT, Copy, segment

SERVER, CTL = (os.path.abspath(path) for path in sys.argv[1:3])
TIMEOUT_S = 120
MEGABYTE = 1 << 20
TESTS = []


def test(function):
    TESTS.append(function)
    return function


# --- the program ------------------------------------------------------------------------------


def ctl(*arguments, **how):
    done = subprocess.run([CTL, *arguments], capture_output=True, timeout=TIMEOUT_S, check=False,
                          **how)
    assert b"Sanitizer" not in done.stderr, done.stderr.decode()
    return done


def verify(path, status, **how):
    """The report on PATH as JSON; the one for people is looked at, too."""
    done = ctl("log", "verify", path, "--format", "json", **how)
    report = json.loads(done.stdout)
    assert done.returncode == status, (done.returncode, report, done.stderr)
    text = ctl("log", "verify", path, **how)
    assert text.returncode == status, (text.returncode, text.stdout, text.stderr)
    if "problems" in report:
        lines = text.stdout.decode().splitlines()
        assert lines[-1] == report["status"], lines
        for problem in report["problems"]:
            assert any(line.startswith(f"{problem['finding']}: {problem['file']}") for line in lines)
    return report


def dump(path, *arguments, status=0, **how):
    done = ctl("log", "dump", path, "--format", "json", *arguments, **how)
    assert done.returncode == status, (done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def problems(report, finding="damage"):
    return [(p["file"], p["offset"]) for p in report["problems"] if p["finding"] == finding]


def offset_of(record):
    return int(record["at"].split(":")[1])


# --- directories ------------------------------------------------------------------------------


class Base:
    """Made once, for all tests to copy: segment 1 with every other message settled, before the
    checkpoint, which stands before segment 3; segment 2, in which all live; a piece of segment 3."""

    folder = None
    path = None
    records = None

    @classmethod
    def make(cls):
        if cls.path is not None:
            return
        # pylint: disable-next=consider-using-with
        cls.folder = tempfile.TemporaryDirectory(prefix="stoatmq-ctl-base-")
        broker = logdir.Broker(SERVER, cls.folder.name)
        assert broker.start()
        for queue in ("keep", "drain"):
            broker.client.call("queue.declare", queue=queue, durable=True)
        while logdir.checkpoint_place(broker.data)[0] < 2:
            broker.publish("keep", os.urandom(MEGABYTE))
            broker.publish("drain", os.urandom(MEGABYTE))
            broker.wait_confirmed()
        broker.client.call("queue.purge", queue="drain")
        while logdir.checkpoint_place(broker.data)[0] < 3:
            broker.publish("keep", os.urandom(MEGABYTE))
            broker.wait_confirmed()
        for _ in range(5):
            broker.publish("keep", b"the end")
            broker.wait_confirmed()
        broker.stop()
        cls.records = dump(broker.data)
        cls.path = broker.data

    @classmethod
    def messages(cls, number, queue):
        cls.make()
        return [r for r in cls.records if r["type"] == "message" and r["at"].startswith(f"{number}:")
                and r["places"][0]["queue_name"] == queue]


def copy(folder):
    Base.make()
    return Copy(Base.path, folder)


def starts(folder, spoiled):
    """Does a broker start on the directory? Its log then, and how many messages are in keep."""
    broker = logdir.Broker(SERVER, folder, spoiled)
    if not broker.start():
        return broker.log(), None
    count = broker.client.call("queue.declare", queue="keep", passive=True)["message_count"]
    broker.stop()
    return broker.log(), count


ODD = "odd\tqueue \x1b[31m\u202e\"\\ \u00fc"
HEADERS = logdir.client.wire.table({"n": 7, "bin": b"\xff\x00"})


class Session:
    """A session with a bit of everything, made once; `records` is what the dump of it says."""

    folder = None
    path = None
    records = None

    @classmethod
    def make(cls):
        if cls.path is not None:
            return
        # pylint: disable-next=consider-using-with
        cls.folder = tempfile.TemporaryDirectory(prefix="stoatmq-ctl-session-")
        broker = logdir.Broker(SERVER, cls.folder.name)
        assert broker.start()
        call = broker.client.call
        call("queue.declare", queue="tasks", durable=True, arguments={"x-max-length": 5})
        call("exchange.declare", exchange="news", type="topic", durable=True, internal=False)
        call("exchange.declare", exchange="inner", type="fanout", durable=True, auto_delete=True)
        call("queue.bind", queue="tasks", exchange="news", routing_key="a.#")
        call("exchange.bind", destination="news", source="inner", routing_key="k")
        broker.publish("tasks", b"text \xc3\xbc\x1b\n",
                       b"\x30\x00" + HEADERS + b"\x02")
        broker.publish("a.b", b"\xff\x00\xfe", PERSISTENT, exchange="news")
        broker.wait_confirmed()
        tag = broker.client.get("tasks")[0].args["delivery_tag"]
        broker.client.send("basic.nack", delivery_tag=tag, requeue=True)
        broker.take("tasks")
        call("queue.declare", queue=ODD, durable=True)
        broker.publish(ODD, b"z" * (9 << 20))
        broker.wait_confirmed()
        call("queue.unbind", queue="tasks", exchange="news", routing_key="a.#")
        call("queue.delete", queue="tasks")
        call("exchange.delete", exchange="news")
        broker.client.open_channel(2)
        call("tx.select", channel=2)
        broker.client.publish(b"in a transaction", routing_key=ODD, channel=2,
                              properties=PERSISTENT)
        call("tx.commit", channel=2)
        broker.stop()
        cls.records = dump(broker.data, "--bodies")
        cls.path = broker.data

    @classmethod
    def facts(cls):
        """Without the user and the virtual host that a new directory begins with."""
        cls.make()
        facts = [r for r in cls.records if r["type"] not in ("batch", "end")]
        types = [r["type"] for r in facts]
        first = types.index("tx_commit") + 1 if types[0] == "tx_begin" else 0
        assert set(types[1:max(first - 1, 1)]) <= {"defined"}, types
        return facts[first:]
