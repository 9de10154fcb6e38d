# SPDX-License-Identifier: Apache-2.0
"""Good requests of all kinds, and requests that are none."""
import gzip
import random

from raw import METRICS_PORT, Client, ask, basic, serves, test

HEAD = f"Host: x\r\nAuthorization: {basic()}\r\n"


def refused(client, octets, status):
    """The octets get that status, the connection is closed, and others are served."""
    client.send(octets)
    got = client.reply()
    assert got.status == status, got
    assert got.headers["connection"] == "close", got
    client.expect_end()
    assert serves()


@test
def connection_is_kept_for_the_next_request(c):
    for _ in range(5):
        assert c.ask("GET", "/api/whoami").json()["name"] == "guest"


@test
def head_is_get_without_a_body(c):
    whole = c.ask("GET", "/api/whoami")
    head = c.ask("HEAD", "/api/whoami")
    assert head.status == 200 and head.headers["content-length"] == whole.headers["content-length"]
    assert c.ask("GET", "/api/whoami").status == 200


@test
def pipelined_requests_are_answered_in_order(c):
    c.send(f"GET /api/whoami HTTP/1.1\r\n{HEAD}\r\n"
           f"GET /api/nope HTTP/1.1\r\n{HEAD}\r\n"
           f"GET /api/auth HTTP/1.1\r\n{HEAD}\r\n"
           f"GET /api/whoami HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n")
    assert [c.reply().status for _ in range(4)] == [200, 404, 200, 200]
    c.expect_end()


@test
def many_pipelined_requests_are_all_answered(c):
    count = 2000
    c.send(f"GET /api/auth HTTP/1.1\r\n{HEAD}\r\n" * count)
    assert all(c.reply().status == 200 for _ in range(count))


@test
def a_request_may_come_octet_by_octet(c):
    for octet in f"GET /api/whoami HTTP/1.1\r\n{HEAD}\r\n".encode():
        c.send(bytes([octet]))
    assert c.reply().status == 200


@test
def a_body_may_come_in_chunks(c):
    body = b'{"username":"guest","password":"guest"}'
    c.send("POST /api/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for at in range(0, len(body), 7):
        part = body[at:at + 7]
        c.send(f"{len(part):x};extension=1\r\n".encode() + part + b"\r\n")
    c.send("0\r\nTrailer: x\r\n\r\n")
    assert c.reply().status == 200
    assert c.ask("GET", "/api/whoami").status == 200


@test
def a_client_that_expects_100_continue_gets_it(c):
    body = b'{"username":"guest","password":"guest"}'
    c.send(f"POST /api/login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
           f"Content-Length: {len(body)}\r\n\r\n")
    assert c.reply().status == 100
    c.send(body)
    assert c.reply().status == 200


@test
def a_body_that_is_too_large_is_refused_before_it_is_sent(c):
    c.send("POST /api/login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
           "Content-Length: 100000\r\n\r\n")
    assert c.reply().status == 413
    c.expect_end()


@test
def a_body_that_nobody_wants_is_skipped(c):
    body = b"x" * 50000
    c.request("GET", "/api/whoami", body=body)
    assert c.reply().status == 200
    c.request("PUT", "/api/nope", body=body)
    assert c.reply().status == 404
    assert c.ask("GET", "/api/whoami").status == 200


@test
def http_1_0_is_answered_and_closed(c):
    c.send(f"GET /api/whoami HTTP/1.0\r\nAuthorization: {basic()}\r\n\r\n")
    got = c.reply()
    assert got.status == 200 and got.headers["connection"] == "close", got
    c.expect_end()


@test
def http_1_0_with_keep_alive_is_kept(c):
    for _ in range(2):
        c.send(f"GET /api/whoami HTTP/1.0\r\nAuthorization: {basic()}\r\n"
               "Connection: keep-alive\r\n\r\n")
        assert c.reply().headers["connection"] == "keep-alive"


@test
def an_upgrade_to_http_2_is_ignored(c):
    c.send(f"GET /api/whoami HTTP/1.1\r\n{HEAD}Connection: Upgrade, HTTP2-Settings\r\n"
           "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n")
    assert c.reply().status == 200
    assert c.ask("GET", "/api/whoami").status == 200


@test
def a_large_answer_is_compressed_for_those_who_take_that(c):
    plain = c.ask("GET", "/api/openapi.json")
    small = c.ask("GET", "/api/openapi.json", {"Accept-Encoding": "br, gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    assert len(small.body) < len(plain.body) / 2
    refused_it = c.ask("GET", "/api/openapi.json", {"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused_it.headers and refused_it.body == plain.body


@test
def a_method_that_the_path_lacks_gets_405_with_allow(c):
    got = c.ask("POST", "/api/whoami")
    assert got.status == 405 and got.headers["allow"] == "HEAD, GET, OPTIONS", got
    got = c.ask("OPTIONS", "/api/whoami", login=False)
    assert got.status == 200 and got.headers["allow"] == "HEAD, GET, OPTIONS", got


@test
def an_unknown_path_gets_404_as_rabbitmq_says_it(c):
    got = c.ask("GET", "/api/nope", login=False)
    assert got.status == 404
    assert got.json() == {"error": "Object Not Found", "reason": "Not Found"}


@test
def an_encoded_slash_stays_within_its_segment(c):
    assert c.ask("GET", "/api/health/checks/protocol-listener/http%2Fprometheus").status == 200
    assert c.ask("GET", "/api/health/checks/protocol-listener/http/prometheus").status == 404


@test
def bad_percent_encoding_gets_400(c):
    refused(c, f"GET /api/x%zz HTTP/1.1\r\n{HEAD}\r\n", 400)
    refused(Client(), f"GET /api/x% HTTP/1.1\r\n{HEAD}\r\n", 400)
    refused(Client(), f"GET /api/whoami?a=%4 HTTP/1.1\r\n{HEAD}\r\n", 400)


@test
def a_request_without_host_gets_400(c):
    refused(c, "GET /api/whoami HTTP/1.1\r\n\r\n", 400)


@test
def an_unknown_method_gets_501(c):
    refused(c, f"FOO /api/whoami HTTP/1.1\r\n{HEAD}\r\n", 501)
    refused(Client(), f"PROPFIND /api/whoami HTTP/1.1\r\n{HEAD}\r\n", 501)
    refused(Client(), f"CONNECT x:1 HTTP/1.1\r\n{HEAD}\r\n", 501)


@test
def another_version_gets_505(c):
    refused(c, f"GET /api/whoami HTTP/2.0\r\n{HEAD}\r\n", 505)
    refused(Client(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)


@test
def what_is_no_http_gets_400(c):
    refused(c, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400)
    refused(Client(), b"AMQP\x00\x00\x09\x01", 501)
    refused(Client(), f"GET /api/who ami HTTP/1.1\r\n{HEAD}\r\n", 400)
    refused(Client(), f"GET /api/whoami HTTP/1.1\r\n{HEAD}bad header: x\r\n\r\n", 400)
    refused(Client(), f"GET /api/whoami HTTP/1.1\r\n{HEAD}x: a\x00b\r\n\r\n", 400)


@test
def smuggling_is_refused(c):
    refused(c, f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 5\r\n"
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)
    refused(Client(), f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 5\r\n"
                      "Content-Length: 6\r\n\r\nabcde", 400)
    refused(Client(), f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: -1\r\n\r\n", 400)
    refused(Client(), f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 99999999999999999999\r\n\r\n",
            400)
    refused(Client(), f"POST /api/login HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400)


@test
def a_long_target_gets_414(c):
    refused(c, f"GET /api/{'x' * 9000} HTTP/1.1\r\n{HEAD}\r\n", 414)
    refused(Client(), f"GET /{'a/' * 100} HTTP/1.1\r\n{HEAD}\r\n", 414)


@test
def long_or_many_headers_get_431(c):
    refused(c, f"GET /api/whoami HTTP/1.1\r\n{HEAD}X: {'x' * 20000}\r\n\r\n", 431)
    many = "".join(f"X{i}: y\r\n" for i in range(200))
    refused(Client(), f"GET /api/whoami HTTP/1.1\r\n{HEAD}{many}\r\n", 431)


@test
def a_large_body_gets_413(c):
    refused(c, f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 70000\r\n\r\n", 413)
    chunk = f"{65000:x}\r\n{'x' * 65000}\r\n"
    refused(Client(), f"POST /api/login HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunk * 2}",
            413)


@test
def names_in_answers_cannot_forge_headers(c):
    got = c.ask("GET", "/api/queues/%0d%0aX-Evil:%20yes/x")
    assert got.status in (401, 404) and "x-evil" not in got.headers, got


@test
def answers_have_the_headers_that_protect_a_browser(c):
    for path in ("/", "/api/whoami", "/api/nope"):
        got = c.ask("GET", path)
        policy = got.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy, policy
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in got.headers


@test
def the_dashboard_is_served_and_kept_by_its_etag(c):
    page = c.ask("GET", "/", login=False)
    assert page.status == 200 and page.headers["content-type"].startswith("text/html"), page
    assert page.body.lower().startswith(b"<!doctype html>")
    small = c.ask("GET", "/", {"Accept-Encoding": "gzip"}, login=False)
    assert gzip.decompress(small.body) == page.body
    again = c.ask("GET", "/", {"If-None-Match": page.headers["etag"]}, login=False)
    assert again.status == 304 and not again.body
    assert c.ask("GET", "/ui/", login=False).body == page.body
    assert c.ask("GET", "/no-such-file", login=False).status == 404
    assert c.ask("GET", "/../../etc/passwd", login=False).status == 404
    assert c.ask("POST", "/", login=False).status == 405


@test
def metrics_are_served_without_a_login():
    got = Client(METRICS_PORT).ask("GET", "/metrics", login=False)
    assert got.status == 200 and got.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"# TYPE " in got.body
    assert Client(METRICS_PORT).ask("GET", "/api/whoami").status == 404
    assert Client(METRICS_PORT).ask("POST", "/metrics").status == 405


@test
def the_description_names_every_path(c):
    description = c.ask("GET", "/api/openapi.json", login=False).json()
    assert description["openapi"] == "3.0.3"
    for path, operations in description["paths"].items():
        allow = c.ask("OPTIONS", path.replace("{", "").replace("}", ""), login=False)
        assert allow.status == 200, path
        for method in operations:
            assert method.upper() in allow.headers["allow"], (path, method)
            names = [p["name"] for p in operations[method]["parameters"]]
            assert names == [part[1:-1] for part in path.split("/") if part.startswith("{")]
    page = c.ask("GET", "/api", login=False)
    assert page.headers["content-type"].startswith("text/html")


@test
def random_octets_disturb_nobody():
    seed = random.randrange(1 << 32)
    print(f"     seed {seed}")
    rng = random.Random(seed)
    good = f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 4\r\n\r\nnull".encode()
    for _ in range(300):
        octets = bytearray(good)
        for _ in range(rng.randrange(1, 8)):
            octets[rng.randrange(len(octets))] = rng.randrange(256)
        c = Client()
        c.send(bytes(octets))
        c.socket.shutdown(1)
        try:
            while c.more():
                pass
        except ConnectionResetError:
            pass
        assert not c.input or c.input.startswith(b"HTTP/1.1 "), c.input
        c.close()
        Client.opened.remove(c)
    assert serves()
