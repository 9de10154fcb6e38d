#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Policies, operators' policies and parameters over HTTP: what is taken, refused, shown and applied.

    test/with-broker [--against rabbitmq] -- test/mgmt/test_policies.py
"""
import sys
import time

sys.dont_write_bytecode = True

from answers import ANY, NO_VHOST, NOT_FOUND, bad, expect, invalid, play

import management  # from test/wire, where answers has looked for it
from client import here, unique

EFFECT_LIMIT_S = 15
# Definitions that are refused, and why.
REFUSED = [
    ({"foo": 1, "abc": "x"}, '[{<<"abc">>,<<"x">>},{<<"foo">>,1}] are not recognised policy settings'),
    ({"foo": [1, "a", {"b": None}]},
     '[{<<"foo">>,[1,<<"a">>,#{<<"b">> => null}]}] are not recognised policy settings'),
    ({"alternate-exchange": "a", "foo": 1.0}, '[{<<"foo">>,1.0}] are not recognised policy settings'),
    ({}, "no policy provided"),
    ({"message-ttl": "a"}, '<<"a">> is not a valid message TTL'),
    ({"message-ttl": -1}, "-1 is not a valid message TTL"),
    ({"message-ttl": 1.5}, "1.5 is not a valid message TTL"),
    ({"message-ttl": 1e25}, "1.0e25 is not a valid message TTL"),
    ({"message-ttl": None}, "null is not a valid message TTL"),
    ({"message-ttl": True}, "true is not a valid message TTL"),
    ({"message-ttl": [1, 2]}, "[1,2] is not a valid message TTL"),
    ({"message-ttl": [65, 66]}, '"AB" is not a valid message TTL'),
    ({"message-ttl": {"a": 1}}, '#{<<"a">> => 1} is not a valid message TTL'),
    ({"message-ttl": {}}, "#{} is not a valid message TTL"),
    ({"message-ttl": []}, "[] is not a valid message TTL"),
    ({"message-ttl": "é"}, '<<"é">> is not a valid message TTL'),
    ({"message-ttl": 'a"b\\c\n'}, '<<"a\\"b\\\\c\\n">> is not a valid message TTL'),
    ({"message-ttl": "a\u0001"}, "<<97,1>> is not a valid message TTL"),
    ({"expires": 0}, "0 is not a valid queue expiry"),
    ({"max-length": -1}, "-1 is not a valid maximum length"),
    ({"max-length-bytes": -1}, "-1 is not a valid maximum length in bytes"),
    ({"max-in-memory-length": -1}, "-1 is not a valid maximum memory in bytes"),
    ({"queue-mode": "x"}, '<<"x">> is not a valid queue-mode value'),
    ({"queue-version": 3}, "3 is not a valid queue-version value"),
    ({"overflow": "x"}, '<<"x">> is not a valid overflow value'),
    ({"delivery-limit": "x"}, '<<"x">> is not a valid delivery limit'),
    ({"max-age": "5"}, '<<"5">> is not a valid max age'),
    ({"queue-leader-locator": "x"}, '<<"x">> is not a valid queue leader locator value'),
    ({"initial-cluster-size": -1}, "-1 is not a valid cluster size"),
    ({"stream-max-segment-size-bytes": 3000000001}, "3000000001 is not a valid segment size"),
    ({"alternate-exchange": 1}, "1 is not a valid alternate exchange name"),
    ({"dead-letter-exchange": 1}, "1 is not a valid dead letter exchange name"),
    ({"dead-letter-routing-key": 1}, "1 is not a valid dead letter routing key"),
    ({"dead-letter-strategy": "x"}, '<<"x">> is not a valid dead letter strategy'),
    ({"ha-mode": "x"}, '<<"x">> is not a valid ha-mode value'),
    ({"ha-params": 1},
     "ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown"),
    ({"ha-mode": "all", "ha-params": 1}, 'ha-mode="all" does not take parameters'),
    ({"ha-mode": "exactly"}, 'ha-mode="exactly" takes an integer, none given'),
    ({"ha-mode": "nodes", "ha-params": []}, 'ha-mode="nodes" list must be non-empty'),
    ({"ha-mode": "nodes", "ha-params": 1}, 'ha-mode="nodes" takes a list, 1 given'),
    ({"ha-mode": "all", "ha-sync-mode": "x"},
     'ha-sync-mode must be "manual" or "automatic", got <<"x">>'),
    ({"queue-master-locator": "x"}, '<<"x">> invalid queue-master-locator value'),
    ({"federation-upstream": "x"},
     '[{<<"federation-upstream">>,<<"x">>}] are not recognised policy settings'),
    ({"max-length": "x", "message-ttl": "y", "foo": 1, "ha-mode": "z"},
     '<<"x">> is not a valid maximum length'),
]
TAKEN = [{"max-age": "1D"}, {"ha-mode": "all"}, {"queue-master-locator": "min-masters"},
         {"max-length": 0, "max-length-bytes": 0, "message-ttl": 0, "expires": 1},
         {"overflow": "reject-publish-dlx", "dead-letter-exchange": "", "delivery-limit": 0}]


def policy(definition, **other):
    return {"pattern": "^x", "definition": definition, **other}


def definitions_are_checked():
    for definition, problem in REFUSED:
        expect(400, invalid(problem), "PUT", "policies/%2F/p", policy(definition))
    expect(404, NOT_FOUND, "GET", "policies/%2F/p")
    status = 201
    for definition in TAKEN:
        expect(status, "", "PUT", "policies/%2F/p", policy(definition))
        status = 204
    management.delete("policies/%2F/p")


def operators_may_set_less():
    for definition, problem in (
        ({"foo": 1}, '[{<<"foo">>,1}] are not recognised policy settings'),
        ({"message-ttl": "a"}, '<<"a">> is not a valid message TTL'),
        ({"dead-letter-exchange": "x"},
         '[{<<"dead-letter-exchange">>,<<"x">>}] are not recognised policy settings'),
        ({}, "no policy provided"),
    ):
        answer = invalid(problem, escaped=False)
        expect(400, answer, "PUT", "operator-policies/%2F/p", policy(definition))
    expect(201, "", "PUT", "operator-policies/%2F/p", policy({"max-length": 1}))
    expect(204, "", "PUT", "operator-policies/%2F/p", policy({"expires": 1}))
    management.delete("operator-policies/%2F/p")


def the_rest_of_a_policy_is_checked():
    fine = {"max-length": 1}
    for other, problem in (
        ({"priority": "x"}, 'priority should be a number, actually was <<"x">>'),
        ({"priority": None}, "priority should be a number, actually was null"),
        ({"pattern": "("}, 'pattern should be regular expression but is invalid: {"missing )",1}'),
        ({"pattern": 1}, "pattern should be a binary but was 1"),
    ):
        expect(400, invalid(problem), "PUT", "policies/%2F/p", policy(fine) | other)
    unknown = expect(400, ANY, "PUT", "policies/%2F/p", policy(fine, **{"apply-to": "x"}))
    assert "apply-to 'x' unrecognised" in unknown["reason"], unknown
    for kind in ("policies", "operator-policies"):
        missing = bad("[{key_missing,pattern},{key_missing,definition}]")
        expect(400, missing, "PUT", f"{kind}/%2F/p", b"")
        expect(400, bad("[{key_missing,definition}]"), "PUT", f"{kind}/%2F/p", {"pattern": "x"})
        expect(400, bad("[{key_missing,pattern}]"), "PUT", f"{kind}/%2F/p", {"definition": {}})
        for sent in (b"{", b"[]", b"1", b"\xff", b'{"pattern":"a","definition":{"max-length":1}} x'):
            expect(400, bad("not_json"), "PUT", f"{kind}/%2F/p", sent)
        for definition in (1, [], "x", None):
            expect(here(stoatmq=400, rabbitmq=500), ANY, "PUT", f"{kind}/%2F/p", policy(definition))
        expect(404, NO_VHOST, "PUT", f"{kind}/nowhere/p", policy(fine))
        expect(404, NOT_FOUND, "GET", f"{kind}/%2F/p")


def policies_are_shown_and_deleted():
    v = unique("vhost")
    management.put_vhost(v)
    for kind in ("policies", "operator-policies"):
        path = f"{kind}/{v}/{management.quoted('a/b <é>')}"
        expect(404, NOT_FOUND, "GET", f"{kind}/nowhere")
        expect(200, [], "GET", f"{kind}/{v}")
        expect(201, "", "PUT", path, policy({"max-length": 1}, priority=3))
        shown = {"vhost": v, "name": "a/b <é>", "pattern": "^x", "apply-to": "all",
                 "definition": {"max-length": 1}, "priority": 3}
        expect(200, shown, "GET", path)
        expect(200, [shown], "GET", f"{kind}/{v}")
        assert shown in expect(200, ANY, "GET", kind)
        expect(204, "", "DELETE", path)
        expect(404, NOT_FOUND, "DELETE", path)
        expect(404, NOT_FOUND, "GET", path)
    management.delete(f"vhosts/{v}")


def effect_on(v, queue):
    """(policy, operators' policy, what comes of both) of a queue."""
    shown = expect(200, ANY, "GET", f"queues/{v}/{queue}")
    return (shown.get("policy"), shown.get("operator_policy"),
            shown.get("effective_policy_definition") or {})


def wait_for_effect(v, queue, *wanted):
    deadline = time.monotonic() + EFFECT_LIMIT_S
    while effect_on(v, queue) != wanted:
        assert time.monotonic() < deadline, f"{queue}: {effect_on(v, queue)}, not {wanted}"
        time.sleep(0.1)  # no-sleep-ok: polls the API, bounded


def the_highest_priority_wins_and_operators_limit_it():
    v = unique("vhost")
    management.put_vhost(v)
    management.change("PUT", f"queues/{v}/q1", {})
    management.change("PUT", f"queues/{v}/other", {})
    for name, priority, length in (("low", 1, 10), ("high", 5, 20), ("mid", 3, 30)):
        sent = {"pattern": "^q", "priority": priority, "definition": {"max-length": length}}
        management.change("PUT", f"policies/{v}/{name}", sent)
    wait_for_effect(v, "q1", "high", None, {"max-length": 20})
    wait_for_effect(v, "other", None, None, {})
    management.change("PUT", f"policies/{v}/exchanges",
                      {"pattern": "^q", "priority": 9, "apply-to": "exchanges",
                       "definition": {"alternate-exchange": "x"}})
    limit = {"pattern": ".*", "definition": {"max-length": 15, "expires": 600000}}
    management.change("PUT", f"operator-policies/{v}/cap", limit)
    wait_for_effect(v, "q1", "high", "cap", {"max-length": 15, "expires": 600000})
    wait_for_effect(v, "other", None, "cap", {"max-length": 15, "expires": 600000})
    management.delete(f"policies/{v}/high")
    wait_for_effect(v, "q1", "mid", "cap", {"max-length": 15, "expires": 600000})
    management.delete(f"operator-policies/{v}/cap")
    wait_for_effect(v, "q1", "mid", None, {"max-length": 30})
    management.delete(f"vhosts/{v}")


def policymakers_make_policies_but_not_operators_ones():
    v, u = unique("vhost"), unique("user")
    management.put_vhost(v)
    management.put_user(u, "x", "policymaker")
    login = {"user": u, "password": "x"}
    expect(401, ANY, "PUT", f"policies/{v}/p", policy({"max-length": 1}), **login)
    management.permit(v, u, "", "", "")
    expect(201, "", "PUT", f"policies/{v}/p", policy({"max-length": 1}), **login)
    expect(401, ANY, "PUT", f"operator-policies/{v}/p", policy({"max-length": 1}), **login)
    expect(204, "", "DELETE", f"policies/{v}/p", **login)
    management.delete(f"users/{u}")
    management.delete(f"vhosts/{v}")


def parameters_of_components_come_and_go():
    v = unique("vhost")
    management.put_vhost(v)
    for component in ("parameters/x", f"parameters/x/{v}"):
        expect(200, [], "GET", component)
    expect(404, NOT_FOUND, "GET", "parameters/x/nowhere")
    expect(404, NOT_FOUND, "GET", f"parameters/x/{v}/y")
    expect(400, invalid("component shovel not found"), "PUT", f"parameters/shovel/{v}/y", {"value": {}})
    policies = bad("policies may not be set using this method")
    expect(400, policies, "PUT", f"parameters/policy/{v}/y", {"value": {}})
    expect(404, NO_VHOST, "PUT", "parameters/shovel/nowhere/y", {"value": {}})
    expect(400, bad("[{key_missing,value}]"), "PUT", f"parameters/shovel/{v}/y", {})
    path = f"parameters/operator_policy/{v}/y"
    value = {"pattern": "x", "definition": {"max-length": 1}, "priority": 1, "apply-to": "all"}
    expect(201, "", "PUT", path, {"value": value})
    expect(400, invalid("y not a list 5"), "PUT", path, {"value": 5})
    shown = {"value": value, "vhost": v, "component": "operator_policy", "name": "y"}
    expect(200, shown, "GET", path)
    expect(200, [shown], "GET", f"parameters/operator_policy/{v}")
    expect(204, "", "DELETE", path)
    expect(404, NOT_FOUND, "DELETE", path)
    management.delete(f"vhosts/{v}")


def limits_are_a_parameter():
    v = unique("vhost")
    management.put_vhost(v)
    path = f"parameters/vhost-limits/{v}/limits"
    expect(404, NOT_FOUND, "GET", path)
    for value, problem in (
        ({"max-queues": "x"}, 'max-queues should be a number, actually was <<"x">>'),
        ({"max-queues": 10, "foo": 1}, 'Unrecognised terms [{<<"foo">>,1}] in limits'),
        (5, "limits not a list 5"),
    ):
        expect(400, invalid(problem), "PUT", path, {"value": value})
    expect(404, NOT_FOUND, "GET", path)
    both = {"max-queues": 10, "max-connections": -1}
    expect(201, "", "PUT", path, {"value": both})
    shown = {"value": both, "vhost": v, "component": "vhost-limits", "name": "limits"}
    expect(200, shown, "GET", path)
    expect(200, [shown], "GET", f"parameters/vhost-limits/{v}")
    assert shown in expect(200, ANY, "GET", "parameters")
    expect(200, [{"vhost": v, "value": both}], "GET", f"vhost-limits/{v}")
    expect(204, "", "PUT", path, {"value": {"max-queues": 5}})
    expect(200, [{"vhost": v, "value": {"max-queues": 5}}], "GET", f"vhost-limits/{v}")
    expect(204, "", "DELETE", path)
    expect(404, NOT_FOUND, "DELETE", path)
    expect(200, [], "GET", f"vhost-limits/{v}")
    management.delete(f"vhosts/{v}")


def global_parameters_come_and_go():
    name = unique("global")
    path = f"global-parameters/{name}"
    expect(404, NOT_FOUND, "GET", path)
    expect(400, bad("[{key_missing,value}]"), "PUT", path, {})
    expect(201, "", "PUT", path, {"value": {"a": [1, 2.5, {"b": None}]}})
    for value in ("s", None, 1, -1.5, [], {"a": {"b": ["c", True]}}):
        expect(204, "", "PUT", path, {"value": value, "other": 1})
        shown = {"name": name, "value": value}
        expect(200, shown, "GET", path)
        assert shown in expect(200, ANY, "GET", "global-parameters")
    expect(204, "", "DELETE", path)
    expect(404, NOT_FOUND, "DELETE", path)


def the_cluster_has_a_name():
    before = expect(200, ANY, "GET", "cluster-name")["name"]
    expect(400, bad("[{key_missing,name}]"), "PUT", "cluster-name", {})
    expect(here(stoatmq=400, rabbitmq=500), ANY, "PUT", "cluster-name", {"name": 1})
    expect(204, "", "PUT", "cluster-name", {"name": "alice"})
    expect(200, {"name": "alice"}, "GET", "cluster-name")
    expect(200, {"name": "cluster_name", "value": "alice"}, "GET", "global-parameters/cluster_name")
    management.delete("global-parameters/cluster_name")
    expect(200, {"name": before}, "GET", "cluster-name")


TESTS = [
    definitions_are_checked,
    operators_may_set_less,
    the_rest_of_a_policy_is_checked,
    policies_are_shown_and_deleted,
    the_highest_priority_wins_and_operators_limit_it,
    policymakers_make_policies_but_not_operators_ones,
    parameters_of_components_come_and_go,
    limits_are_a_parameter,
    global_parameters_come_and_go,
    the_cluster_has_a_name,
]

if __name__ == "__main__":
    sys.exit(play(TESTS))
