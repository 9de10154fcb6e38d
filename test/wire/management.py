# SPDX-License-Identifier: Apache-2.0
"""The broker's HTTP API, for scripts that need users, virtual hosts and permissions."""

import base64
import http.client
import json
import os
import urllib.parse

HOST = os.environ.get("AMQP_HOST", "127.0.0.1")
PORT = int(os.environ.get("MGMT_PORT", "15672"))


def quoted(name):
    return urllib.parse.quote(name, safe="")


def ask(method, path, body=None, user="guest", password="guest"):
    """(status, text): PATH is what follows /api/; BODY anything that JSON has, or bytes."""
    connection = http.client.HTTPConnection(HOST, PORT, timeout=30)
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body)
    try:
        connection.request(method, f"/api/{path}", data, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def change(method, path, body=None):
    status, text = ask(method, path, body)
    assert status in (201, 204), f"{method} {path}: {status} {text}"


def put_vhost(name):
    change("PUT", f"vhosts/{quoted(name)}", {})


def put_user(name, password, tags=""):
    change("PUT", f"users/{quoted(name)}", {"password": password, "tags": tags})


def permit(vhost, user, configure, write, read):
    expressions = {"configure": configure, "write": write, "read": read}
    change("PUT", f"permissions/{quoted(vhost)}/{quoted(user)}", expressions)


def permit_topic(vhost, user, exchange, write, read):
    expressions = {"exchange": exchange, "write": write, "read": read}
    change("PUT", f"topic-permissions/{quoted(vhost)}/{quoted(user)}", expressions)


def delete(path):
    change("DELETE", path)
