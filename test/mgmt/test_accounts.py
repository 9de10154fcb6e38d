#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Users, virtual hosts, permissions and limits over HTTP: statuses, bodies, texts. RabbitMQ's too.

    test/with-broker [--against rabbitmq] -- test/mgmt/test_accounts.py
"""

import base64
import hashlib
import sys

sys.dont_write_bytecode = True

from answers import ANY, NOT_FOUND, bad, expect, play

import management  # from test/wire, where answers has looked for it
from client import Client, here, plain, unique

ALL = {"configure": ".*", "write": ".*", "read": ".*"}


def users_come_change_and_go():
    u = unique("user")
    expect(404, NOT_FOUND, "GET", f"users/{u}")
    expect(201, "", "PUT", f"users/{u}", {"password": "x", "tags": "a, management,b"})
    shown = expect(200, ANY, "GET", f"users/{u}")
    assert set(shown) == {"name", "password_hash", "hashing_algorithm", "tags", "limits"}, shown
    assert shown["tags"] == ["a", "management", "b"] and shown["limits"] == {}, shown
    assert shown["hashing_algorithm"] == "rabbit_password_hashing_sha256", shown
    expect(204, "", "PUT", f"users/{u}", {"password": "y", "tags": ["monitoring"]})
    expect(200, {"name": u, "tags": ["monitoring"]}, "GET", "whoami", user=u, password="y")
    expect(401, ANY, "GET", "whoami", user=u, password="x")
    assert u in [row["name"] for row in expect(200, ANY, "GET", "users")]
    assert u in [row["name"] for row in expect(200, ANY, "GET", "users/without-permissions")]
    expect(204, "", "DELETE", f"users/{u}")
    expect(404, NOT_FOUND, "DELETE", f"users/{u}")


def bad_users_are_refused():
    u = unique("user")
    expect(400, bad("tags_not_present"), "PUT", f"users/{u}", {"password": "x"})
    both = {"password": "x", "password_hash": "abcd", "tags": ""}
    expect(400, bad("both_password_and_password_hash_are_provided"), "PUT", f"users/{u}", both)
    expect(400, bad(["not_base64", "abc"]), "PUT", f"users/{u}", {"password_hash": "abc", "tags": ""})
    expect(400, bad("not_json"), "PUT", f"users/{u}", b"{")
    for sent in ({"password": 5, "tags": ""}, {"password": "x", "tags": 5}):
        expect(here(stoatmq=400, rabbitmq=500), ANY, "PUT", f"users/{u}", sent)
    expect(404, NOT_FOUND, "GET", f"users/{u}")


def without_a_password_nobody_logs_in():
    u = unique("user")
    for sent in ({"password_hash": "", "tags": "management"}, {"password": "", "tags": "management"}):
        management.change("PUT", f"users/{u}", sent)
        expect(401, ANY, "GET", "whoami", user=u, password="")
    management.delete(f"users/{u}")


def hashes_are_taken_as_they_are():
    u = unique("user")
    for kind in ("sha256", "sha512", "md5"):
        sent = {
            "password_hash": hash_of(kind, "pass"),
            "hashing_algorithm": f"rabbit_password_hashing_{kind}",
            "tags": "management",
        }
        management.change("PUT", f"users/{u}", sent)
        shown = expect(200, ANY, "GET", f"users/{u}")
        assert shown["password_hash"] == sent["password_hash"], shown
        assert shown["hashing_algorithm"] == sent["hashing_algorithm"], shown
        expect(200, ANY, "GET", "whoami", user=u, password="pass")
        expect(401, ANY, "GET", "whoami", user=u, password="Pass")
    management.delete(f"users/{u}")


def several_users_are_deleted_at_once_or_none():
    a, b = unique("user"), unique("user")
    management.put_user(a, "x")
    management.put_user(b, "x")
    expect(400, bad(["no_such_user", "nobody"]), "POST", "users/bulk-delete", {"users": [a, "nobody"]})
    if here(stoatmq=True, rabbitmq=False):  # which has deleted the first
        expect(200, ANY, "GET", f"users/{a}")
    management.put_user(a, "x")
    expect(400, bad("[{key_missing,users}]"), "POST", "users/bulk-delete", {})
    expect(204, "", "POST", "users/bulk-delete", {"users": [a, b]})
    expect(404, NOT_FOUND, "GET", f"users/{a}")
    expect(404, NOT_FOUND, "GET", f"users/{b}")


def vhosts_come_and_go_with_their_creators_permission():
    v = unique("v/h%ost")
    path = f"vhosts/{management.quoted(v)}"
    expect(201, "", "PUT", path, {"description": "d", "tags": "a,b"})
    allowed = {"user": "guest", "vhost": v, **ALL}
    expect(200, allowed, "GET", f"permissions/{management.quoted(v)}/guest")
    expect(200, [allowed], "GET", f"{path}/permissions")
    expect(204, "", "PUT", path, {"tracing": True, "tags": ["x"]})
    expect(204, "", "PUT", path, b"")
    expect(400, bad("not_json"), "PUT", path, b"[]")
    expect(204, "", "DELETE", path)
    expect(404, NOT_FOUND, "DELETE", path)
    expect(404, NOT_FOUND, "GET", f"{path}/permissions")


def permissions_come_and_go():
    v, u = unique("vhost"), unique("user")
    management.put_vhost(v)
    management.put_user(u, "x")
    path = f"permissions/{v}/{u}"
    expect(404, NOT_FOUND, "GET", path)
    expect(200, [], "GET", f"users/{u}/permissions")
    expect(201, "", "PUT", path, {"configure": "^a", "write": "", "read": ".*"})
    expect(204, "", "PUT", path, {"configure": "^b", "write": "", "read": ".*"})
    shown = {"user": u, "vhost": v, "configure": "^b", "write": "", "read": ".*"}
    expect(200, shown, "GET", path)
    expect(200, [shown], "GET", f"users/{u}/permissions")
    assert shown in expect(200, ANY, "GET", "permissions")
    expect(400, bad("[{key_missing,read}]"), "PUT", path, {"configure": "", "write": ""})
    wrong = expect(400, ANY, "PUT", path, {"configure": "*", "write": "", "read": ""})
    assert wrong["reason"][0] == "invalid_regexp", wrong
    for where in (f"{v}/nobody", f"nowhere/{u}"):
        expect(400, bad("vhost_or_user_not_found"), "PUT", f"permissions/{where}", ALL)
        expect(404, NOT_FOUND, "GET", f"permissions/{where}")
        expect(404, NOT_FOUND, "DELETE", f"permissions/{where}")
    expect(200, shown, "GET", path)
    expect(204, "", "DELETE", path)
    expect(404, NOT_FOUND, "DELETE", path)
    management.delete(f"users/{u}")
    management.delete(f"vhosts/{v}")


def topic_permissions_come_and_go():
    v, u = unique("vhost"), unique("user")
    management.put_vhost(v)
    management.put_user(u, "x")
    path = f"topic-permissions/{v}/{u}"
    expect(404, NOT_FOUND, "GET", path)
    one = {"exchange": "x", "write": "^a", "read": "^{username}\\."}
    other = {"exchange": "y", "write": ".*", "read": ".*"}
    expect(201, "", "PUT", path, one)
    expect(204, "", "PUT", path, one)
    expect(204, "", "PUT", path, other)
    shown = [{"user": u, "vhost": v, **row} for row in (one, other)]
    for asked in (path, f"users/{u}/topic-permissions", f"vhosts/{v}/topic-permissions"):
        rows = expect(200, ANY, "GET", asked)
        assert sorted(rows, key=lambda row: row["exchange"]) == shown, rows
    expect(400, bad("[{key_missing,exchange}]"), "PUT", path, {"write": "", "read": ""})
    expect(204, "", "DELETE", f"{path}/x")
    expect(200, shown[1:], "GET", path)
    expect(204, "", "DELETE", path)
    expect(404, NOT_FOUND, "DELETE", path)
    management.delete(f"users/{u}")
    management.delete(f"vhosts/{v}")


def limits_come_and_go():
    v, u = unique("vhost"), unique("user")
    management.put_vhost(v)
    management.put_user(u, "x")
    for kind, name, other, front, end, terms in (
        ("vhost", v, "max-queues", "Validation failed\n\n", "\n", "limits"),
        ("user", u, "max-channels", "", "", "user-limits"),
    ):
        path = f"{kind}-limits/{name}"
        expect(200, [], "GET", path)
        expect(204, "", "PUT", f"{path}/max-connections", {"value": 5})
        expect(204, "", "PUT", f"{path}/{other}", {"value": -1})
        shown = {kind: name, "value": {"max-connections": 5, other: -1}}
        expect(200, [shown], "GET", path)
        assert shown in expect(200, ANY, "GET", f"{kind}-limits")
        expect(400, bad("[{key_missing,value}]"), "PUT", f"{path}/{other}", {})
        text = f'{front}{other} should be a number, actually was <<"5">>{end}'
        expect(400, bad(text), "PUT", f"{path}/{other}", {"value": "5"})
        text = f'{front}Unrecognised terms [{{<<"nope">>,5}}] in {terms}{end}'
        expect(400, bad(text), "PUT", f"{path}/nope", {"value": 5})
        expect(204, "", "DELETE", f"{path}/{other}")
        expect(204, "", "DELETE", f"{path}/{other}")
        expect(200, [{kind: name, "value": {"max-connections": 5}}], "GET", path)
        expect(404, NOT_FOUND, "GET", f"{kind}-limits/nobody")
    missing = {"error": "not_found", "reason": "vhost_not_found"}
    expect(404, missing, "PUT", "vhost-limits/nowhere/max-queues", {"value": 5})
    expect(400, bad(["no_such_user", "nobody"]), "PUT", "user-limits/nobody/max-channels", {"value": 5})
    management.delete(f"users/{u}")
    management.delete(f"vhosts/{v}")


def who_is_no_administrator_sees_nothing_of_this():
    refused = {"error": "not_authorised", "reason": "Not administrator user"}
    v = unique("vhost")
    management.put_vhost(v)
    for tag in ("management", "monitoring", "policymaker"):
        u = unique("user")
        management.put_user(u, "x", tag)
        management.permit(v, u, ".*", ".*", ".*")
        for method, path in (
            ("GET", "users"), ("GET", f"users/{u}"), ("PUT", f"users/{u}"), ("DELETE", f"users/{u}"),
            ("GET", "users/without-permissions"), ("GET", f"users/{u}/permissions"),
            ("GET", "permissions"), ("GET", f"permissions/{v}/{u}"),
            ("PUT", f"permissions/{v}/{u}"), ("DELETE", f"permissions/{v}/{u}"),
            ("GET", "topic-permissions"), ("GET", f"vhosts/{v}/permissions"),
            ("PUT", f"vhosts/{unique()}"), ("DELETE", f"vhosts/{v}"),
        ):
            sent = {} if method == "PUT" else None
            expect(401, refused, method, path, sent, user=u, password="x")
        management.delete(f"users/{u}")
    u = unique("user")
    management.put_user(u, "x")
    refused["reason"] = "Not management user"
    expect(401, refused, "GET", "users", user=u, password="x")
    management.delete(f"users/{u}")
    management.delete(f"vhosts/{v}")


def names_of_all_kinds_work():
    for name in ('a/b%c', 'q"uote', "<b>", "ünï €", "a b", "a+b"):
        management.put_user(name, "p")
        management.put_vhost(name)
        management.permit(name, name, ".*", ".*", ".*")
        where = f"{management.quoted(name)}/{management.quoted(name)}"
        expect(200, {"user": name, "vhost": name, **ALL}, "GET", f"permissions/{where}")
        client = Client()
        client.greet()
        client.login(response=plain(name, "p"))
        client.tune()
        client.send("connection.open", virtual_host=name)
        client.expect("connection.open-ok")
        client.close()
        management.delete(f"users/{management.quoted(name)}")
        management.delete(f"vhosts/{management.quoted(name)}")


def hash_of(kind, password):
    salt = b"\1\2\3\4"
    return base64.b64encode(salt + hashlib.new(kind, salt + password.encode()).digest()).decode()


TESTS = [
    users_come_change_and_go,
    bad_users_are_refused,
    without_a_password_nobody_logs_in,
    hashes_are_taken_as_they_are,
    several_users_are_deleted_at_once_or_none,
    vhosts_come_and_go_with_their_creators_permission,
    permissions_come_and_go,
    topic_permissions_come_and_go,
    limits_come_and_go,
    who_is_no_administrator_sees_nothing_of_this,
    names_of_all_kinds_work,
]


if __name__ == "__main__":
    sys.exit(play(TESTS))
