# SPDX-License-Identifier: Apache-2.0
"""Directories that cannot be looked at, may only be read, or are in use."""

import os
import tempfile

import logdir
from logdir import segment
from tool import SERVER, Base, copy, ctl, dump, problems, test, verify

NOBODY = 65534


# --- directories that cannot be looked at -----------------------------------------------------


@test
def empty_or_missing_directory_is_not_sound(folder):
    for path in (folder, os.path.join(folder, "no"), __file__):
        report = verify(path, 3)
        assert report["status"] == "unread" and report["reason"], report
        done = ctl("log", "dump", path)
        assert done.returncode == 3 and path in done.stderr.decode()
        assert not os.path.exists(os.path.join(folder, "no"))
    assert os.listdir(folder) == []


@test
def newer_version_is_left_to_newer_programs(folder):
    spoiled = copy(folder).set_version(3, 9)
    report = verify(spoiled.path, 3)
    assert report["status"] == "unread"
    assert problems(report, "unread") == [(segment(3), 0)] and not problems(report), report
    assert "version 9" in report["problems"][0]["what"]
    dump(spoiled.path, status=3)
    spoiled = copy(tempfile.mkdtemp(dir=folder)).reseal("checkpoint", 12, b"\x09")
    report = verify(spoiled.path, 3)
    assert problems(report, "unread") == [("checkpoint", None)] and not problems(report), report


def as_nobody():
    """Somebody who may not do everything: needed when the tests run as root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def state_of(path):
    return [(entry.name, entry.stat()) for entry in sorted(os.scandir(path), key=lambda e: e.name)]


@test
def directory_that_may_only_be_read_is_read_and_nothing_is_changed(folder):
    spoiled = copy(folder).own_all().remove("lock")
    os.chmod(folder, 0o755)
    for name in os.listdir(spoiled.path):
        os.chmod(spoiled.file(name), 0o444)
    os.chmod(spoiled.path, 0o555)
    before = state_of(spoiled.path)
    verify(spoiled.path, 0, **as_nobody())
    assert dump(spoiled.path, **as_nobody()) == Base.records
    after = state_of(spoiled.path)
    assert [(name, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in before] == \
        [(name, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in after]
    os.chmod(spoiled.path, 0o755)


@test
def directory_or_file_that_may_not_be_read_is_said(folder):
    spoiled = copy(folder).own_all()
    os.chmod(folder, 0o755)
    for name in os.listdir(spoiled.path):
        os.chmod(spoiled.file(name), 0o444)
    os.chmod(spoiled.file(segment(1)), 0)
    report = verify(spoiled.path, 3, **as_nobody())
    assert problems(report, "unread") == [(segment(1), None)] and not problems(report), report
    dump(spoiled.path, status=3, **as_nobody())
    os.chmod(spoiled.path, 0)
    report = verify(spoiled.path, 3, **as_nobody())
    assert "Permission denied" in report["reason"], report
    os.chmod(spoiled.path, 0o755)


# --- a running broker -------------------------------------------------------------------------


@test
def log_of_a_running_broker_can_be_read(folder):
    broker = logdir.Broker(SERVER, folder)
    assert broker.start()
    broker.client.call("queue.declare", queue="live", durable=True)
    before = sorted(os.listdir(broker.data))
    for count in range(1, 6):
        broker.publish("live", b"x" * 100)
        broker.wait_confirmed()
        report = verify(broker.data, 0)
        assert report["in_use"] == {"locked": True, "pid": broker.process.pid}, report
        assert report["messages"] == count
        assert len(dump(broker.data, "--type", "message")) == count
    assert {name for name in os.listdir(broker.data) if not name.startswith(("new.", "spare-"))} \
        >= {name for name in before if not name.startswith(("new.", "spare-"))}
    broker.kill()
    assert verify(broker.data, 0)["in_use"] == {"locked": False}
