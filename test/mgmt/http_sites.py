# SPDX-License-Identifier: Apache-2.0
"""What settings say of other sites' pages, of headers, and of the path: see test/CMakeLists.txt."""
from raw import test

OURS, OTHERS = "https://a.example", "https://c.example"
QUEUE = "/mq/api/queues/%2F/sites"


@test(needs="MGMT_PREFIX")
def all_is_below_the_prefix(client):
    for path in ("/", "/mq"):
        reply = client.request("GET", path, login=False).reply()
        assert (reply.status, reply.headers["location"]) == (301, "/mq/"), reply
    assert b"<html" in client.request("GET", "/mq/", login=False).reply().body
    assert client.request("GET", "/mq/js/app.js", login=False).reply().status == 200
    assert client.request("GET", "/mq/api/whoami").reply().json()["name"] == "guest"
    for path in ("/api/whoami", "/mqx/api/whoami", "/js/app.js", "/mq/mq/api/whoami", "/m"):
        assert client.request("GET", path).reply().status == 404, path


@test(needs="MGMT_PREFIX")
def every_answer_has_the_headers_of_the_settings(client):
    for path in ("/mq/", "/mq/api/whoami", "/mq/api/nothing", "/"):
        headers = client.request("GET", path).reply().headers
        assert headers["content-security-policy"] == "default-src 'self'; img-src 'self' data:"
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["x-xss-protection"] == "1; mode=block"
        assert headers["x-content-type-options"] == "nosniff"


@test(needs="MGMT_PREFIX")
def an_origin_that_is_allowed_may_use_the_api(client):
    asked = {"Origin": OURS, "Access-Control-Request-Method": "PUT",
             "Access-Control-Request-Headers": "authorization"}
    reply = client.request("OPTIONS", QUEUE, asked, login=False).reply()
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == OURS
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert reply.headers["access-control-allow-methods"] == "HEAD, GET, PUT, DELETE, OPTIONS"
    assert reply.headers["access-control-allow-headers"] == "authorization"
    assert reply.headers["access-control-max-age"] == "60"
    for method, body, status in (("PUT", b"{}", 201), ("GET", None, 200), ("DELETE", None, 204)):
        reply = client.ask(method, QUEUE, {"Origin": OURS}, body)
        assert reply.status == status, reply
        assert reply.headers["access-control-allow-origin"] == OURS
        assert "origin" in reply.headers["vary"].lower()
    refused = client.request("GET", QUEUE, {"Origin": OURS}, login=False).reply()
    assert refused.status == 401 and refused.headers["access-control-allow-origin"] == OURS


@test(needs="MGMT_PREFIX")
def other_origins_may_not(client):
    for origin in (OTHERS, "null", OURS + ".evil.example", "http://a.example"):
        for method in ("GET", "OPTIONS"):
            reply = client.request(method, "/mq/api/whoami", {"Origin": origin}).reply()
            assert reply.status == 200
            assert not [name for name in reply.headers if name.startswith("access-control-")], reply
        assert client.request("DELETE", QUEUE, {"Origin": origin}).reply().status == 403


@test(unless="MGMT_PREFIX")
def without_settings_no_other_site_may_use_the_api(client):
    reply = client.request("OPTIONS", "/api/whoami", {"Origin": OURS}).reply()
    assert reply.status == 200
    assert not [name for name in reply.headers if name.startswith("access-control-")], reply
    assert "strict-transport-security" not in reply.headers
    assert reply.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
