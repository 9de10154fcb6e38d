#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Definitions over HTTP: exported, imported whole or not at all. From RabbitMQ and back: compare/.

    test/with-broker [--against rabbitmq] -- test/mgmt/test_definitions.py
"""
import sys

sys.dont_write_bytecode = True

from answers import ANY, NOT_FOUND, bad, expect, play

import management  # from test/wire, where answers has looked for it
from client import here, unique


def queue(name, vhost, **arguments):
    return {"name": name, "vhost": vhost, "durable": True, "auto_delete": False,
            "arguments": arguments}


def document(v, u):
    """Something of each kind."""
    return {
        "vhosts": [{"name": v}],
        "users": [{"name": u, "password_hash": "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
                   "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ["management"],
                   "limits": {"max-channels": 5}}],
        "permissions": [{"user": u, "vhost": v, "configure": "", "write": "a", "read": ".*"}],
        "topic_permissions": [{"user": u, "vhost": v, "exchange": "x", "write": "a", "read": "b"}],
        "parameters": [{"component": "vhost-limits", "name": "limits", "vhost": v,
                        "value": {"max-queues": 50}},
                       {"component": "operator_policy", "name": "o", "vhost": v,
                        "value": {"pattern": "", "apply-to": "queues", "priority": 0,
                                  "definition": {"max-length": 5}}}],
        "global_parameters": [{"name": u, "value": [1, {"a": None}]}],
        "policies": [{"vhost": v, "name": "p", "pattern": "^q", "apply-to": "queues",
                      "definition": {"max-length": 10}, "priority": 2}],
        "queues": [queue("q", v, **{"x-max-length": 10})],
        "exchanges": [{"name": "x", "vhost": v, "type": "topic", "durable": True,
                       "auto_delete": False, "internal": False, "arguments": {}}],
        "bindings": [{"source": "x", "vhost": v, "destination": "q", "destination_type": "queue",
                      "routing_key": "a.#", "arguments": {"k": 1}}],
    }


def part_of(whole, v, u):
    """What a document says of V and U."""
    names = {"vhosts": ("name", v), "users": ("name", u), "global_parameters": ("name", u)}
    found = {}
    for kind, rows in whole.items():
        if isinstance(rows, list):
            key, name = names.get(kind, ("vhost", v))
            found[kind] = [row for row in rows if row[key] == name]
    found["vhosts"] = [{"name": row["name"]} for row in found["vhosts"]]
    found["permissions"] = [row for row in found["permissions"] if row["user"] == u]
    found["parameters"].sort(key=lambda row: row["component"], reverse=True)
    return found


def a_document_is_applied_and_comes_back_equal():
    v, u = unique("vhost"), unique("user")
    sent = document(v, u)
    expect(204, "", "POST", "definitions", sent)
    assert part_of(expect(200, ANY, "GET", "definitions"), v, u) == sent
    expect(204, "", "POST", "definitions", sent)  # again: nothing changes
    assert part_of(expect(200, ANY, "GET", "definitions"), v, u) == sent
    of_vhost = expect(200, ANY, "GET", f"definitions/{v}")
    assert [row["name"] for row in of_vhost["queues"]] == ["q"], of_vhost
    assert "users" not in of_vhost and "vhosts" not in of_vhost, of_vhost
    management.delete(f"vhosts/{v}")
    management.delete(f"users/{u}")
    management.delete(f"global-parameters/{u}")


def a_virtual_hosts_document_goes_into_another():
    v, other, u = unique("vhost"), unique("vhost"), unique("user")
    management.change("POST", "definitions", document(v, u))
    management.put_vhost(other)
    exported = expect(200, ANY, "GET", f"definitions/{v}")
    exported["parameters"] = exported["policies"] = []  # RabbitMQ 3.10 names their vhost
    expect(204, "", "POST", f"definitions/{other}", exported)
    expect(200, ANY, "GET", f"queues/{other}/q")
    rows = expect(200, ANY, "GET", f"bindings/{other}/e/x/q/q")
    assert [row["routing_key"] for row in rows] == ["a.#"], rows
    for name in (v, other):
        management.delete(f"vhosts/{name}")
    management.delete(f"users/{u}")
    management.delete(f"global-parameters/{u}")


def what_is_missing_is_refused():
    expect(400, bad("vhost_not_found"), "GET", "definitions/nowhere")
    expect(400, ANY, "POST", "definitions", b"{")
    expect(204, "", "POST", "definitions", {})
    unknown = {"parameters": [{"component": "nothing", "name": "x", "vhost": "/", "value": {}}]}
    expect(400, ANY, "POST", "definitions", unknown)


def one_bad_item_and_nothing_is_applied():
    v, u = unique("vhost"), unique("user")
    for kind, item in (
        ("queues", queue("q2", "nowhere")),
        ("queues", queue("q2", v, **{"x-max-length": -1})),
        ("queues", {"name": "q2", "vhost": v, "durable": "x"}),
        ("exchanges", {"name": "y", "vhost": v, "type": "nothing"}),
        ("bindings", {"source": "nothing", "vhost": v, "destination": "q",
                      "destination_type": "queue", "routing_key": "", "arguments": {}}),
        ("users", {"name": "x", "password_hash": "not base64!", "tags": ""}),
        ("permissions", {"user": "nobody", "vhost": v, "configure": "", "write": "", "read": ""}),
        ("permissions", {"user": u, "vhost": v, "configure": "(", "write": "", "read": ""}),
        ("policies", {"vhost": v, "name": "bad", "pattern": "(", "definition": {"max-length": 1}}),
        ("policies", {"vhost": v, "name": "bad", "pattern": "", "definition": {"nothing": 1}}),
        ("vhosts", {"name": 5}),
        ("global_parameters", {"name": "x"}),
    ):
        sent = document(v, u)
        sent[kind].append(item)
        refused = expect(400, ANY, "POST", "definitions", sent)
        assert refused["error"] == "bad_request" and refused["reason"], refused
        expect(404, NOT_FOUND, "GET", f"vhosts/{v}")
        expect(404, NOT_FOUND, "GET", f"users/{u}")


def all_problems_are_listed():
    v, u = unique("vhost"), unique("user")
    sent = document(v, u)
    sent["queues"].append(queue("q2", "nowhere"))
    sent["policies"].append({"vhost": v, "name": "bad", "pattern": "(", "definition": {}})
    reason = expect(400, ANY, "POST", "definitions", sent)["reason"]
    assert "queues[1]" in reason and "policies[1]" in reason, reason


def a_document_keeps_the_limit_on_queues():
    v = unique("vhost")
    management.put_vhost(v)
    management.change("PUT", f"vhost-limits/{v}/max-queues", {"value": 2})
    two = {"queues": [queue("a", v), queue("b", v)]}
    expect(204, "", "POST", "definitions", two)
    expect(204, "", "POST", "definitions", two)  # which are there
    expect(400, ANY, "POST", "definitions", {"queues": [queue("b", v), queue("c", v)]})
    expect(404, NOT_FOUND, "GET", f"queues/{v}/c")
    management.delete(f"vhosts/{v}")


TESTS = [
    a_document_is_applied_and_comes_back_equal,
    a_virtual_hosts_document_goes_into_another,
    what_is_missing_is_refused,
    a_document_keeps_the_limit_on_queues,
] + here(stoatmq=[one_bad_item_and_nothing_is_applied, all_problems_are_listed], rabbitmq=[])

if __name__ == "__main__":
    sys.exit(play(TESTS))
