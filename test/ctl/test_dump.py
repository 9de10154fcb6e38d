# SPDX-License-Identifier: Apache-2.0
"""log dump: what a session left in the log."""

import base64
import subprocess
import tempfile

from logdir import Copy, segment
from tool import (CTL, ODD, TIMEOUT_S, Base, Session, copy, ctl, dump, offset_of, problems, test,
                  verify)


def without(record, *keys):
    return {key: value for key, value in record.items() if key not in ("lsn", "at", "epoch", *keys)}


@test
def dump_names_what_a_session_did(folder):
    del folder
    facts = Session.facts()
    assert [record["type"] for record in facts] == [
        "queue_declared", "exchange_declared", "exchange_declared", "bound", "bound", "message",
        "message", "requeued", "settled", "queue_declared", "part", "part", "message", "unbound",
        "queue_deleted", "exchange_deleted", "exchange_deleted", "tx_begin", "message",
        "tx_commit", "stopped"], \
        [record["type"] for record in facts]
    queue = {"queue": 1, "queue_name": "tasks", "vhost": "/"}
    assert without(facts[0]) == {"type": "queue_declared", **queue, "durable": True,
                                 "auto_delete": False, "arguments": {"x-max-length": 5}}
    assert without(facts[2]) == {"type": "exchange_declared", "exchange": "inner", "vhost": "/",
                                 "exchange_type": "fanout", "durable": True, "auto_delete": True,
                                 "internal": False, "user": "guest", "arguments": {}}
    assert without(facts[3]) == {"type": "bound", "source": "news", **queue, "routing_key": "a.#",
                                 "arguments": {}}
    assert without(facts[4]) == {"type": "bound", "vhost": "/", "source": "inner",
                                 "destination": "news", "routing_key": "k", "arguments": {}}
    assert without(facts[5]) == {
        "type": "message", "places": [{**queue, "position": 1}], "exchange": "",
        "routing_key": "tasks", "persistent": True, "body_bytes": 9, "body": "text \u00fc\x1b\n",
        "properties": {"delivery_mode": 2, "headers": {"n": 7, "bin": {"base64": "/wA="}}}}
    assert facts[6]["exchange"] == "news" and facts[6]["places"] == [{**queue, "position": 2}]
    assert base64.b64decode(facts[6]["body"]["base64"]) == b"\xff\x00\xfe"
    assert without(facts[7]) == {"type": "requeued", **queue, "position": 1, "delivery_count": 1}
    assert without(facts[8]) == {"type": "settled", **queue, "position": 1, "span": 1, "bytes": 9}
    assert without(facts[14]) == {"type": "queue_deleted", **queue}
    assert facts[18]["body"] == "in a transaction"
    assert facts[20]["queue_name"] == ODD and facts[20]["undelivered_from"] == 1, facts[20]


@test
def large_body_stands_in_parts_before_its_record(folder):
    facts = Session.facts()
    first, second, message = facts[10:13]
    assert message["parts_lsn"] == first["lsn"] and message["parts_at"] == first["at"]
    assert message["body_bytes"] == 9 << 20
    assert first["body"] + second["body"] + message["body"] == "z" * (9 << 20)
    report = verify(Copy(Session.path, folder).flip(segment(1), offset_of(second) + 99).path, 1)
    assert problems(report)[0] == (segment(1), offset_of(second)), report


@test
def dump_shows_contents_only_when_asked(folder):
    del folder
    Session.make()
    message = [r for r in dump(Session.path) if r["type"] == "message"][0]
    assert message["property_names"] == ["headers", "delivery_mode"], message
    assert message["body_bytes"] == 9
    assert "body" not in message and "properties" not in message


@test
def dump_is_cut_by_place_type_queue_and_number(folder):
    del folder
    facts, full = Session.facts(), Session.records
    at = full.index(facts[6])
    for place in (str(full[at]["lsn"]), full[at]["at"]):
        assert dump(Session.path, "--bodies", "--from", place) == full[at:]
    assert dump(Session.path, "--bodies", "--from", str(full[at]["lsn"] - 8)) == full[at:]
    assert dump(Session.path, "--bodies", "--limit", "3") == full[:3]
    assert dump(Session.path, "--limit=0") == []
    assert dump(Session.path, "--bodies", "--type", "bound") == facts[3:5]
    of_tasks = [facts[i] for i in (0, 3, 5, 6, 7, 8, 13, 14)]
    for queue in ("tasks", "1"):
        assert dump(Session.path, "--bodies", "--queue", queue) == of_tasks
    assert len(dump(Session.path, "--queue", ODD)) == 4
    assert dump(Session.path, "--queue", "none") == []
    assert dump(Session.path, "--bodies", "--queue", "tasks", "--type", "message", "--from",
                facts[6]["at"]) == [facts[6]]
    assert dump(Session.path, "--from", "999:4096") == []


@test
def names_of_queues_that_went_later_are_known_from_the_middle_on(folder):
    del folder
    settled = Session.facts()[8]
    assert dump(Session.path, "--bodies", "--from", settled["at"])[0]["queue_name"] == "tasks"


@test
def text_has_a_line_for_each_record_and_nothing_that_a_terminal_obeys(folder):
    del folder
    Session.make()
    done = ctl("log", "dump", Session.path, "--bodies")
    assert done.returncode == 0
    text = done.stdout.decode()
    lines = text.split("\n")
    assert lines.pop() == "" and len(lines) == len(Session.records)
    assert not {c for c in text if c != "\n" and (ord(c) < 0x20 or 0x7E < ord(c) < 0xA0)}
    assert "\u202e" not in text and "\u00fc" in text
    for line, record in zip(lines, Session.records):
        assert line.startswith(f"{record['lsn']} {record['at']} {record['type']} epoch=1"), line
    declared = next(line for line in lines if "odd" in line)
    assert 'queue_name="odd\\tqueue \\u001b[31m\\u202e\\"\\\\ \u00fc"' in declared, declared
    assert any(' body="text \u00fc\\u001b\\n"' in line for line in lines)
    assert any(" body=base64:/wD+" in line for line in lines)
    done = ctl("log", "dump", Session.path, "--bodies", "--format", "json")
    assert all(byte == 10 or 0x20 <= byte < 0x7F for byte in done.stdout)


@test
def dump_goes_on_behind_damage_and_says_so(folder):
    record = Base.messages(1, "keep")[2]
    spoiled = copy(folder).flip(segment(1), offset_of(record) + 5000)
    records = dump(spoiled.path, status=1)
    at = Base.records.index(record)
    gap = records[at]
    assert gap["type"] == "damaged" and gap["lsn"] == record["lsn"], gap
    assert gap["lsn"] + gap["bytes"] == records[at + 1]["lsn"]
    assert records[:at] + records[at + 1:] == Base.records[:at] + Base.records[at + 1:]
    spoiled = copy(tempfile.mkdtemp(dir=folder)).flip("checkpoint", 100).remove(segment(2))
    assert dump(spoiled.path, status=1) == \
        [r for r in Base.records if not r["at"].startswith("2:")]


@test
def dump_ends_when_nobody_reads_it(folder):
    del folder
    Session.make()
    with subprocess.Popen([CTL, "log", "dump", Session.path, "--bodies"],
                          stdout=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(TIMEOUT_S) != 0
    with open("/dev/full", "wb") as full:
        done = subprocess.run([CTL, "log", "dump", Session.path], stdout=full, check=False,
                              stderr=subprocess.PIPE, timeout=TIMEOUT_S)
    assert done.returncode == 3 and b"cannot be written" in done.stderr, done
