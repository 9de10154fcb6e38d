#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Definitions of many queues: applied piece by piece, and all the same whole or not at all, also
over kill -9; exported.

    test/mgmt/test_definitions_large.py SERVER [TEST...]
"""
import glob
import json
import os
import re
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True

from answers import ANY, expect

import client
import management
from own_broker import play_with_broker
from own_queues import ask_until_killed, chance

BROKER = None
MANY = 20000
LIVES = 4
PIECE_US_MAX = 50000  # of the engine's work at once: a whole import takes a multiple anywhere


def queue(number, vhost):
    return {"name": f"queue-{number}", "vhost": vhost, "durable": True, "auto_delete": False,
            "arguments": {"x-max-length": 1000}}


def document(vhost):
    return json.dumps({
        "vhosts": [{"name": vhost}],
        "permissions": [{"user": "guest", "vhost": vhost, "configure": ".*", "write": ".*",
                         "read": ".*"}],
        "exchanges": [{"name": "x", "vhost": vhost, "type": "direct", "durable": True}],
        "queues": [queue(number, vhost) for number in range(MANY)],
        "bindings": [{"source": "x", "vhost": vhost, "destination": f"queue-{number}",
                      "destination_type": "queue", "routing_key": str(number)}
                     for number in range(MANY)],
    }).encode()


def kept_files():
    return glob.glob(os.path.join(BROKER.folder.name, "data", "definitions-*"))


def counts(vhost):
    whole = expect(200, ANY, "GET", f"definitions/{vhost}")
    return len(whole["queues"]), len(whole["bindings"])


class Client(threading.Thread):
    """Asks for something over and over, and counts the answers."""

    def __init__(self):
        super().__init__()
        self.channel = client.with_channel()
        self.channel.call("queue.declare", queue="asked")
        self.is_over, self.answers = False, 0

    def run(self):
        while not self.is_over:
            self.channel.call("queue.declare", queue="asked", passive=True)
            self.answers += 1


def longest_piece_us():
    return max(int(found) for found in re.findall(r"longest_piece_us=(\d+)", BROKER.log()))


def the_broker_serves_while_a_large_document_goes_in_and_out():
    body = document("large")
    asking = Client()
    asking.start()
    expect(204, "", "POST", "definitions", body)
    asking.is_over = True
    asking.join()
    print(f"  {asking.answers} answers meanwhile, the longest piece took {longest_piece_us()} us",
          flush=True)
    assert asking.answers > 20 and longest_piece_us() < PIECE_US_MAX
    assert counts("large") == (MANY, MANY)
    assert kept_files() == []
    BROKER.restart(signal.SIGKILL)
    assert counts("large") == (MANY, MANY)
    expect(204, "", "POST", "definitions", body)  # again: nothing changes
    assert counts("large") == (MANY, MANY)
    expect(204, "", "DELETE", "vhosts/large")


def one_bad_item_at_the_end_and_nothing_of_a_large_document_is_applied():
    whole = json.loads(document("refused"))
    whole["bindings"].append({"source": "nothing", "vhost": "refused", "destination": "queue-0",
                              "destination_type": "queue"})
    refused = expect(400, ANY, "POST", "definitions", whole)
    assert refused["reason"] == \
        f"bindings[{MANY}]: no exchange 'nothing' in vhost 'refused'\n", refused
    expect(404, ANY, "GET", "vhosts/refused")
    assert kept_files() == []


def a_virtual_hosts_large_document_goes_into_it():
    expect(201, "", "PUT", "vhosts/of-its-own")
    whole = json.loads(document("large"))
    for row in whole["queues"] + whole["bindings"] + whole["exchanges"]:
        del row["vhost"]
    expect(204, "", "POST", "definitions/of-its-own", whole)
    assert counts("of-its-own") == (MANY, MANY)
    expect(204, "", "DELETE", "vhosts/of-its-own")


def killed_in_the_middle_it_is_whole_or_not_there():
    moment = chance()
    ends = set()
    for life in range(LIVES):
        vhost = f"life-{life}"
        sender = threading.Thread(target=ask_until_killed, args=(
            "POST", "definitions", document(vhost)))
        sender.start()
        if life > 0:  # the first one is killed early
            while not kept_files() and sender.is_alive():
                pass
            time.sleep(moment.random() * 0.1)  # no-sleep-ok: when the kill comes is left to chance
        BROKER.end(signal.SIGKILL)
        sender.join()
        BROKER.start()
        is_there = management.ask("GET", f"vhosts/{vhost}")[0] == 200
        print(f"  killed: {'whole' if is_there else 'not there'}", flush=True)
        assert not is_there or counts(vhost) == (MANY, MANY), counts(vhost)
        ends.add(is_there)
        BROKER.restart()  # what was finished at the start is so for good
        assert kept_files() == []
        assert (management.ask("GET", f"vhosts/{vhost}")[0] == 200) == is_there
        if is_there:
            assert counts(vhost) == (MANY, MANY)
            expect(204, "", "DELETE", f"vhosts/{vhost}")
    assert True in ends, "none was kept before the kill"


TESTS = [
    the_broker_serves_while_a_large_document_goes_in_and_out,
    one_bad_item_at_the_end_and_nothing_of_a_large_document_is_applied,
    a_virtual_hosts_large_document_goes_into_it,
    killed_in_the_middle_it_is_whole_or_not_there,
]


if __name__ == "__main__":
    sys.exit(play_with_broker(sys.modules[__name__]))
