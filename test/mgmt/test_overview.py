#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the API says of the whole and of the node, to whom, and how it was before.

    test/mgmt/test_overview.py SERVER [TEST...]
"""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True

from answers import ANY, NOT_FOUND, expect, play

import client
import management
from own_broker import OwnBroker

BROKER = None
TIME_LIMIT_S = 30
SAMPLES = "lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5"


def get(path, **login):
    return expect(200, ANY, "GET", path, **login)


def eventually(what):
    deadline = time.monotonic() + TIME_LIMIT_S
    while not what():
        assert time.monotonic() < deadline, "it did not come to be so"
        time.sleep(0.1)  # no-sleep-ok: polls the API, bounded


def channel_of(vhost):
    one = client.Client()
    one.greet()
    one.login()
    one.tune()
    one.send("connection.open", virtual_host=vhost)
    one.expect("connection.open-ok")
    return one.open_channel()


def publish(queue, count, vhost="/"):
    channel = channel_of(vhost)
    channel.call("queue.declare", queue=queue, durable=True)
    channel.call("confirm.select")
    for _ in range(count):
        channel.publish(b"x" * 1000, routing_key=queue, properties=b"\x10\x00\x02")
    confirmed = 0
    while confirmed < count:
        confirmed = channel.expect("basic.ack").args["delivery_tag"]
    channel.close()


def samples_of(answer):
    return [sample["sample"] for sample in answer["messages_details"]["samples"]]


def totals_are_of_the_virtual_hosts_that_the_user_may_see():
    for vhost in ("seen", "unseen"):
        management.put_vhost(vhost)
        management.permit(vhost, "guest", ".*", ".*", ".*")
    management.put_user("one", "x", "management")
    management.permit("seen", "one", ".*", ".*", ".*")
    publish("q", 3, "seen")
    publish("q", 4, "unseen")
    seen = {"user": "one", "password": "x"}
    eventually(lambda: get("overview")["queue_totals"]["messages"] == 7)
    mine = get(f"overview?{SAMPLES}", **seen)
    assert mine["queue_totals"]["messages"] == 3, mine["queue_totals"]
    assert mine["message_stats"]["publish"] == 3, mine["message_stats"]
    assert mine["object_totals"]["queues"] == 1, mine["object_totals"]
    assert samples_of(mine["queue_totals"])[-1] == 0 and "node" not in mine
    management.put_user("none", "x", "management")
    nothing = get("overview", user="none", password="x")
    assert nothing["queue_totals"]["messages"] == 0 and nothing["message_stats"] == {}, nothing
    for vhost in ("seen", "unseen"):
        management.delete(f"vhosts/{vhost}")
    for user in ("one", "none"):
        management.delete(f"users/{user}")


def histories_begin_with_nothing():
    publish("new", 5)
    whole = lambda: samples_of(get(f"overview?{SAMPLES}")["queue_totals"])
    of_queue = lambda: samples_of(get(f"queues/%2F/new?{SAMPLES}"))
    of_vhost = lambda: samples_of(get(f"vhosts/%2F?{SAMPLES}"))
    for samples in (whole, of_queue, of_vhost):
        eventually(lambda: samples()[0] == 5)
        assert samples()[-1] == 0, samples()
    before = get("queues/%2F/new")["message_stats"]["publish"]
    expect(204, "", "DELETE", "reset")
    for samples in (whole, of_queue, of_vhost):
        assert samples()[1:] == [0] * 12, samples()
    assert get("queues/%2F/new")["message_stats"]["publish"] == before
    name = get("nodes")[0]["name"]
    expect(204, "", "DELETE", f"reset/{name}")
    expect(404, NOT_FOUND, "DELETE", "reset/nobody")
    management.put_user("watcher", "x", "monitoring")
    expect(401, ANY, "DELETE", "reset", user="watcher", password="x")
    management.delete("users/watcher")
    management.delete("queues/%2F/new")


def the_parts_of_memory_are_those_of_the_process():
    publish("bodies", 3000)
    name = get("nodes")[0]["name"]
    eventually(lambda: get(f"nodes/{name}/memory")["memory"]["binary"] == 3000000)
    memory = get(f"nodes/{name}/memory")["memory"]
    total, strategy = memory.pop("total"), memory.pop("strategy")
    assert strategy == "rss" and sum(memory.values()) == total["rss"] > 3000000, (memory, total)
    assert memory["queue_procs"] > 0 and memory["mgmt_db"] > 0 and memory["code"] > 0, memory
    shares = get(f"nodes/{name}/memory/relative")["memory"]
    assert shares.pop("total") == 100 and set(shares) == set(memory), shares
    assert all(0 <= share <= 100 for share in shares.values()), shares
    assert get(f"nodes/{name}?memory=true")["memory"]["strategy"] == "rss"
    assert "memory" not in get(f"nodes/{name}")
    for path in ("nodes/nobody/memory", "nodes/nobody/memory/relative"):
        expect(404, NOT_FOUND, "GET", path)
    management.delete("queues/%2F/bodies")


def the_nodes_files_are_named_from_the_root():
    node = get("nodes")[0]
    assert node["config_files"] == [os.path.join(BROKER.folder.name, "conf")], node["config_files"]
    assert node["log_files"] == ["<stderr>"], node["log_files"]
    assert node["db_dir"] == os.path.join(BROKER.folder.name, "data"), node["db_dir"]


def the_default_virtual_host_is_described():
    vhost = get("vhosts/%2F")
    assert vhost["description"] == vhost["metadata"]["description"] == "Default virtual host"
    assert vhost["default_queue_type"] == "classic", vhost


def the_clusters_name_is_shown_as_it_was_set():
    expect(204, "", "PUT", "cluster-name", {"name": "a cluster's name"})
    eventually(lambda: get("overview")["cluster_name"] == "a cluster's name")
    assert get("cluster-name") == {"name": "a cluster's name"}


def an_exchange_says_who_declared_it_also_after_a_restart():
    management.put_user("maker", "x", "management")
    management.permit("/", "maker", ".*", ".*", ".*")
    path = "exchanges/%2F/made"
    expect(201, "", "PUT", path, {"type": "topic", "durable": True}, user="maker", password="x")
    by_amqp = channel_of("/")
    by_amqp.call("exchange.declare", exchange="declared", type="fanout", durable=True)
    expect(204, "", "POST", "definitions",
           {"exchanges": [{"name": "imported", "vhost": "/", "type": "direct", "durable": True}]})
    management.put_vhost("of-theirs")
    for how in (None, signal.SIGKILL, signal.SIGTERM):
        if how is not None:
            BROKER.restart(how)
        for name, user in (("made", "maker"), ("declared", "guest"), ("imported", "guest"),
                           ("amq.topic", "rmq-internal")):
            shown = get(f"exchanges/%2F/{name}")["user_who_performed_action"]
            assert shown == user, (name, shown)
        shown = get("exchanges/of-theirs/amq.fanout")["user_who_performed_action"]
        assert shown == "rmq-internal", shown
    for what in (path, "exchanges/%2F/declared", "exchanges/%2F/imported", "vhosts/of-theirs",
                 "users/maker"):
        management.delete(what)


def the_log_is_read_from_where_it_was_left():
    log = expect(200, ANY, "GET", "stoatmq/log")
    assert log["lines"] and log["next"] >= len(log["lines"]), log
    expect(200, {"lines": [], "next": log["next"]}, "GET", f"stoatmq/log?after={log['next']}")
    assert expect(200, ANY, "GET", "stoatmq/log?lines=1")["lines"] == log["lines"][-1:]


TESTS = [
    totals_are_of_the_virtual_hosts_that_the_user_may_see,
    histories_begin_with_nothing,
    the_parts_of_memory_are_those_of_the_process,
    the_nodes_files_are_named_from_the_root,
    the_default_virtual_host_is_described,
    the_clusters_name_is_shown_as_it_was_set,
    an_exchange_says_who_declared_it_also_after_a_restart,
    the_log_is_read_from_where_it_was_left,
]


def main():
    global BROKER
    server = sys.argv.pop(1)
    broker = OwnBroker(server, "--loops", os.environ.get("STOATMQ_LOOPS", "1"))
    conf = os.path.join(broker.folder.name, "conf")
    with open(conf, "w") as file:
        file.write("log.level = info\n")
    broker.arguments += ("--config", os.path.relpath(conf))
    with broker as BROKER:
        return play(TESTS)


if __name__ == "__main__":
    sys.exit(main())
