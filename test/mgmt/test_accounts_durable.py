#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What was answered about users, virtual hosts, permissions and limits outlives kill -9.

    test/mgmt/test_accounts_durable.py SERVER
"""

import json
import os
import random
import signal
import sys
import time

sys.dont_write_bytecode = True

from own_broker import OwnBroker

import management  # from test/wire, where own_broker has looked for it

LIVES = 6
LISTS = ["users", "permissions", "topic-permissions", "vhost-limits", "user-limits"]


def state():
    return {path: json.loads(management.ask("GET", path)[1]) for path in LISTS}


def change_something(chance):
    """One answered change. Some may be refused (404, 400): those change nothing."""
    v, u = f"v{chance.randrange(4)}", f"u{chance.randrange(4)}"
    x = chance.choice(["x", "y", ""])
    value = {"value": chance.randrange(100)}
    choices = [
        ("PUT", f"users/{u}", {"password": str(chance.random()), "tags": chance.choice(["", "a,b"])}),
        ("PUT", f"vhosts/{v}", {"description": str(chance.random())}),
        ("PUT", f"permissions/{v}/{u}", {"configure": chance.choice(["", "^a"]), "write": ".*", "read": ""}),
        ("PUT", f"topic-permissions/{v}/{u}", {"exchange": x, "write": ".*", "read": "^b"}),
        ("PUT", f"vhost-limits/{v}/max-queues", value),
        ("PUT", f"user-limits/{u}/max-channels", value),
        ("DELETE", f"permissions/{v}/{u}", None),
        ("DELETE", f"topic-permissions/{v}/{u}", None),
        ("DELETE", f"vhost-limits/{v}/max-queues", None),
        ("DELETE", f"user-limits/{u}/max-channels", None),
    ]
    if chance.randrange(8) == 0:
        choices = [("DELETE", f"users/{u}", None), ("DELETE", f"vhosts/{v}", None)]
    method, path, body = chance.choice(choices)
    status, text = management.ask(method, path, body)
    assert status in (201, 204, 400, 404), f"{method} {path}: {status} {text}"


def main():
    seed = int(os.environ.get("STOATMQ_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    before = None
    with OwnBroker(sys.argv[1]) as broker:
        for life in range(LIVES):
            found = state()
            assert before is None or found == before, f"life {life}\n{before}\n{found}"
            for _ in range(60):
                change_something(chance)
            before = state()
            broker.restart(signal.SIGTERM if life % 3 == 2 else signal.SIGKILL)
        assert state() == before
    print(f"ok - {LIVES} lives, {sum(len(rows) for rows in before.values())} rows at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
