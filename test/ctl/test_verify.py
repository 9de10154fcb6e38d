# SPDX-License-Identifier: Apache-2.0
"""log verify: what is sound, and what is damage."""

import os
import tempfile

import logdir
from logdir import Copy, index, segment
from tool import MEGABYTE, SERVER, Base, copy, dump, offset_of, problems, starts, test, verify


# --- verify: sound directories ----------------------------------------------------------------


@test
def sound_log_is_sound_and_summed_up(folder):
    report = verify(copy(folder).path, 0)
    assert report["status"] == "sound", report
    assert {p["file"] for p in report["problems"]} <= {"new.spare"}  # begun when the broker ended
    assert report["in_use"] == {"locked": False}
    assert report["queues"] == 2 and report["exchanges"] == report["bindings"] == 0
    kept = sum(len(Base.messages(number, "keep")) for number in (1, 2, 3))
    assert report["messages"] == kept
    assert report["message_bytes"] == (kept - 5) * MEGABYTE + 5 * len("the end")
    assert report["records"] == len(Base.records)
    assert report["checkpoint"]["at"] == "3:4096" and report["checkpoint"]["age_segments"] == 0
    assert report["log"]["end_at"].startswith("3:") and report["log"]["torn"] is False
    assert report["log"]["end_lsn"] > Base.records[-1]["lsn"]
    assert len(report["segments"]) >= 3
    for row, state in zip(report["segments"], ("needed", "needed", "log", "prepared")):
        number = row["segment"]
        live = len(Base.messages(number, "keep"))
        stored = live + len(Base.messages(number, "drain"))
        assert (row["file"], row["state"]) == (segment(number), state)
        assert (row["messages_live"], row["messages_stored"]) == (live, stored), row
        assert row["live_share"] == (live / stored if stored else None)
        assert row["index"] == ("good" if state == "needed" else "none")


@test
def torn_end_is_no_damage(folder):
    original = copy(folder)
    last = Base.records[-1]
    spoiled = original.flip(segment(3), offset_of(last) + 30)
    report = verify(spoiled.path, 0)
    assert report["log"]["torn"] is True and report["log"]["end_lsn"] == last["lsn"], report
    assert dump(spoiled.path) == Base.records[:-1]
    assert starts(folder, spoiled)[1] == report["messages"]


@test
def segment_in_which_nothing_lives_is_not_read(folder):
    broker = logdir.Broker(SERVER, folder, copy(folder))
    assert broker.start()
    for _ in Base.messages(1, "keep"):
        broker.take("keep")
    broker.stop()
    spoiled = Copy(broker.data, folder).flip(segment(1), offset_of(Base.messages(1, "keep")[3]) + 99)
    report = verify(spoiled.path, 0)
    assert report["segments"][0]["state"] == "unneeded" and report["segments"][0]["records"] == 0


@test
def log_without_a_checkpoint_is_read_from_its_first_segment(folder):
    report = verify(copy(folder).remove("checkpoint").path, 0)
    assert report["checkpoint"] is None
    assert [row["state"] for row in report["segments"][:3]] == ["log"] * 3
    assert report["messages"] == verify(Base.path, 0)["messages"]


def cut_behind_second_segment(folder):
    """A copy without its checkpoint and the segments behind the second."""
    cut = copy(folder).remove("checkpoint")
    for name in os.listdir(cut.path):
        if name.endswith(".log") and name >= segment(3):
            cut.remove(name)
    return cut


@test
def log_that_ends_where_a_segment_does_is_sound(folder):
    spoiled = cut_behind_second_segment(folder)
    with open(os.path.join(Base.path, segment(3)), "rb") as whole:
        header = whole.read(logdir.HEADER_BYTES)
        whole.seek(0, os.SEEK_END)
        size = whole.tell()
    with open(os.path.join(spoiled.path, segment(3)), "wb") as empty:
        empty.write(header)
        empty.truncate(size)
    report = verify(spoiled.path, 0)
    assert report["log"]["end_at"] == "3:4096", report
    assert starts(folder, spoiled)[1] == report["messages"]


# --- verify: damage ---------------------------------------------------------------------------


@test
def flipped_bit_in_a_message_that_lives_is_damage_and_names_its_queue(folder):
    record = Base.messages(1, "keep")[2]
    spoiled = copy(folder).flip(segment(1), offset_of(record) + 5000)
    report = verify(spoiled.path, 1)
    assert problems(report) == [(segment(1), offset_of(record)), (segment(1), -1)] or \
        problems(report) == [(segment(1), offset_of(record)), (segment(1), None)], report
    lost = report["problems"][1]
    assert lost["queue_name"] == "keep" and lost["vhost"] == "/"
    assert lost["what"].startswith("1 messages ") and \
        lost["what"].endswith(f"position {record['places'][0]['position']}")


@test
def flipped_bit_in_a_message_that_is_gone_hits_no_message_that_lives(folder):
    record = Base.messages(1, "drain")[2]
    spoiled = copy(folder).flip(segment(1), offset_of(record) + 5000)
    report = verify(spoiled.path, 1)
    assert problems(report) == [(segment(1), offset_of(record))], report
    assert "no message that lives is hit" in report["problems"][0]["advice"]
    assert starts(folder, spoiled)[1] == report["messages"]


@test
def damage_without_an_index_hides_all_messages_of_the_segment(folder):
    record = Base.messages(1, "drain")[2]
    spoiled = copy(folder).flip(segment(1), offset_of(record) + 5000).remove(index(1))
    report = verify(spoiled.path, 1)
    lost = [p for p in report["problems"] if p.get("queue_name") == "keep"]
    assert len(lost) == 1, report
    assert lost[0]["what"].startswith(f"{len(Base.messages(1, 'keep'))} messages "), lost


@test
def damage_behind_the_checkpoint_is_what_the_broker_refuses(folder):
    record = Base.messages(3, "keep")[-3]
    spoiled = copy(folder).flip(segment(3), offset_of(record) + 28)
    report = verify(spoiled.path, 1)
    assert report["log"] is None
    assert problems(report) == [(segment(3), offset_of(record))], report
    assert "does not start" in report["problems"][0]["advice"]
    log, count = starts(folder, spoiled)
    assert count is None and f"segment 3, offset {offset_of(record)}:" in log, log


@test
def damage_before_a_checkpoint_in_the_middle_of_a_segment_is_refused_too(folder):
    broker = logdir.Broker(SERVER, folder, copy(folder), ["disk_free_limit.absolute = 1000000000000000"])
    assert broker.start()
    for _ in Base.messages(1, "keep"):
        broker.take("keep")  # with little room, a segment that is dead is given away at once
    logdir.until("a checkpoint", lambda: logdir.checkpoint_place(broker.data)[1] > 4096)
    broker.stop()
    report = verify(broker.data, 0)
    place = logdir.checkpoint_place(broker.data)
    assert report["checkpoint"]["at"] == f"{place[0]}:{place[1]}" and place[0] == 3, report
    assert report["segments"][0]["segment"] == 2, report
    record = Base.messages(3, "keep")[-3]
    spoiled = Copy(broker.data, folder).flip(segment(3), offset_of(record) + 28)
    report = verify(spoiled.path, 1)
    assert (segment(3), offset_of(record)) in problems(report) and report["log"] is None, report
    again = os.path.join(folder, "again")
    os.mkdir(again)
    log, count = starts(again, spoiled)
    assert count is None and f"segment 3, offset {offset_of(record)}:" in log, log


@test
def missing_segments_are_named(folder):
    for number in (1, 2, 3):
        spoiled = copy(tempfile.mkdtemp(dir=folder)).remove(segment(number))
        report = verify(spoiled.path, 1)
        assert (segment(number), 0) in problems(report), report
        assert "missing" in report["problems"][0]["what"]
    spoiled = copy(tempfile.mkdtemp(dir=folder)).remove("checkpoint").remove(segment(2))
    assert (segment(2), 0) in problems(verify(spoiled.path, 1))


@test
def missing_newest_segment_is_damage_and_keeps_the_broker_from_starting(folder):
    spoiled = cut_behind_second_segment(folder)
    report = verify(spoiled.path, 1)
    assert (segment(3), 0) in problems(report), report
    log, count = starts(folder, spoiled)
    assert count is None and "segment 3 is missing" in log, log


@test
def truncated_segment_is_damage(folder):
    record = Base.messages(2, "keep")[5]
    report = verify(copy(folder).truncate(segment(2), offset_of(record) + 10).path, 1)
    assert (segment(2), offset_of(record) + 10) in problems(report), report
    lost = len(Base.messages(2, "keep")) - 5
    assert any(p["what"].startswith(f"{lost} messages") for p in report["problems"]), report


@test
def damaged_header_is_damage(folder):
    report = verify(copy(folder).flip(segment(1), 20).path, 1)
    assert problems(report) == [(segment(1), 0)], report


@test
def index_that_is_damaged_or_missing_is_a_note(folder):
    spoiled = copy(folder).flip(index(1), 200).remove(index(2))
    report = verify(spoiled.path, 0)
    assert problems(report, "note")[:2] == [(index(1), None), (index(2), None)], report
    assert [row["index"] for row in report["segments"][:3]] == ["damaged", "missing", "none"]
    assert starts(folder, spoiled)[1] == report["messages"]


@test
def index_of_another_segment_is_damage(folder):
    spoiled = copy(folder)
    with open(spoiled.file(index(1)), "rb") as file:
        runs = int.from_bytes(file.read(28)[24:], "little")
    spoiled.reseal(index(1), 32 + 24 * runs, (4096).to_bytes(4, "little"))
    report = verify(spoiled.path, 1)
    assert problems(report) == [(index(1), None)], report
    assert "is made again" in report["problems"][0]["advice"]
    assert verify(spoiled.remove(index(1)).path, 0)["problems"][0]["finding"] == "note"


@test
def damaged_checkpoint_is_damage_and_the_advice_is_good(folder):
    spoiled = copy(folder).flip("checkpoint", 100)
    report = verify(spoiled.path, 1)
    assert problems(report) == [("checkpoint", None)], report
    assert {row["state"] for row in report["segments"][:3]} == {"unknown"}
    assert "move it away" in report["problems"][0]["advice"]
    spoiled.remove("checkpoint")
    assert starts(folder, spoiled)[1] == verify(Base.path, 0)["messages"]


@test
def damaged_checkpoint_of_a_log_that_has_lost_its_begin_can_only_be_restored(folder):
    spoiled = copy(folder).flip("checkpoint", 100).remove(segment(1)).remove(index(1))
    report = verify(spoiled.path, 1)
    assert problems(report) == [("checkpoint", None)], report
    assert "move it away" not in report["problems"][0]["advice"]
    log, count = starts(folder, spoiled)
    assert count is None and "the file checkpoint is damaged" in log


@test
def leftovers_are_notes(folder):
    spoiled = copy(folder)
    for name in ("new.log", "spare-1.log", "note.txt", index(77)):
        with open(spoiled.file(name), "w", encoding="ascii") as file:
            file.write("?")
    report = verify(spoiled.path, 0)
    assert {file for file, _ in problems(report, "note")} >= \
        {"new.log", "spare-1.log", "note.txt", index(77)}, report
