# SPDX-License-Identifier: Apache-2.0
"""Who may ask: name and password, sessions, and pages of other sites."""
import time

from raw import HOST, PORT, Client, ask, basic, test

PAGE = {"X-Requested-With": "XMLHttpRequest"}


def session(c, body="username=guest&password=guest", kind="application/x-www-form-urlencoded"):
    got = c.ask("POST", "/api/login", {"Content-Type": kind}, body, login=False)
    assert got.status == 200, got
    cookie = got.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie, cookie
    return cookie.split(";")[0]


@test
def a_request_without_a_login_is_asked_for_one(c):
    got = c.ask("GET", "/api/whoami", login=False)
    assert got.status == 401 and got.headers["www-authenticate"] == 'Basic realm="RabbitMQ Management"'
    assert got.body == b""


@test
def a_page_is_not_asked_by_the_browser(c):
    got = c.ask("GET", "/api/whoami", PAGE, login=False)
    assert got.status == 401 and "www-authenticate" not in got.headers, got


@test
def a_wrong_password_gets_401_as_rabbitmq_says_it(c):
    got = c.ask("GET", "/api/whoami", {"Authorization": basic("guest", "wrong")}, login=False)
    assert got.status == 401
    assert got.json() == {"error": "not_authorized", "reason": "Login failed"}
    got = c.ask("GET", "/api/whoami", {"Authorization": basic("nobody", "guest")}, login=False)
    assert got.json() == {"error": "not_authorized", "reason": "Login failed"}


@test
def bad_credentials_are_refused(c):
    for header in ("Basic", "Basic ", "Basic !!!", "Basic Z3Vlc3Q=", "Bearer x", "basic",
                   "Basic " + "QUFB" * 2000):
        got = c.ask("GET", "/api/whoami", {"Authorization": header}, login=False)
        assert got.status == 401, (header, got)


@test
def a_session_begins_with_a_form_or_json_and_ends(c):
    for cookie in (session(c), session(c, '{"username":"guest","password":"guest"}',
                                       "application/json")):
        headers = {"Cookie": f"other=1; {cookie}; more=2"}
        assert c.ask("GET", "/api/whoami", headers, login=False).json()["name"] == "guest"
        assert c.ask("POST", "/api/logout", headers | PAGE, login=False).status == 204
        got = c.ask("GET", "/api/whoami", headers | PAGE, login=False)
        assert got.status == 401, got


@test
def a_wrong_login_begins_no_session(c):
    for body, status in (("username=guest&password=x", 401), ("username=guest", 400), ("", 400),
                         ("username=%zz&password=x", 400), ("a=1&" * 20, 400)):
        got = c.ask("POST", "/api/login", {"Content-Type": "application/x-www-form-urlencoded"},
                    body, login=False)
        assert got.status == status and "set-cookie" not in got.headers, (body, got)
    for body in ("{", "[]", '"x"', '{"username":1,"password":"x"}',
                 '{"username":"guest","username":"x","password":"guest"}'):
        got = c.ask("POST", "/api/login", {"Content-Type": "application/json"}, body, login=False)
        assert got.status == 400, (body, got)


@test
def a_made_up_session_is_none(c):
    name = session(c).split("=")[0]
    for token in ("", "x", "A" * 43, "A" * 5000):
        got = c.ask("GET", "/api/whoami", {"Cookie": f"{name}={token}"} | PAGE, login=False)
        assert got.status == 401, got


@test
def a_page_of_another_site_changes_nothing(c):
    cookie = {"Cookie": session(c)}
    body = '{"pattern":"^a","definition":{"max-length":1}}'
    path = "/api/policies/%2F/csrf"

    def put(headers, login=False):
        return c.ask("PUT", path, headers, body, login).status

    assert put(cookie) == 403
    assert put(cookie | {"Origin": "http://evil.example"}) == 403
    assert put(cookie | {"Origin": "null"}) == 403
    assert put({"Origin": "http://evil.example"}, login=True) == 403
    assert c.ask("GET", path).status == 404
    assert put(cookie | {"Origin": f"http://{HOST}:{PORT}"}) == 201
    assert put(cookie | PAGE) == 204
    assert put({}, login=True) == 204
    assert c.ask("DELETE", path).status == 204


@test
def a_session_ends_when_its_user_has_another_password(c):
    assert c.ask("PUT", "/api/users/passing", body='{"password":"a","tags":"management"}').status in (201, 204)
    cookie = session(c, "username=passing&password=a")
    assert c.ask("GET", "/api/whoami", {"Cookie": cookie}, login=False).status == 200
    assert c.ask("PUT", "/api/users/passing", body='{"password":"b","tags":"management"}').status == 204
    assert c.ask("GET", "/api/whoami", {"Cookie": cookie} | PAGE, login=False).status == 401
    old = {"Authorization": basic("passing", "a")}
    assert c.ask("GET", "/api/whoami", old, login=False).status == 401
    new = {"Authorization": basic("passing", "b")}
    assert c.ask("GET", "/api/whoami", new, login=False).json()["name"] == "passing"
    assert c.ask("DELETE", "/api/users/passing").status == 204
    assert c.ask("GET", "/api/whoami", new, login=False).status == 401


@test
def wrong_logins_are_answered_later_and_later():
    """The last of its theme's wrong ones, or the others would wait."""
    wrong = {"Authorization": basic("guest", "wrong")}
    times = []
    for _ in range(7):
        start = time.monotonic()
        assert ask("GET", "/api/whoami", wrong, login=False).status == 401
        times.append(time.monotonic() - start)
    assert times[-1] > 1, times
    start = time.monotonic()
    assert ask("GET", "/api/whoami").status == 200
    assert time.monotonic() - start < 1
    waiting = [Client().request("GET", "/api/whoami", wrong, login=False) for _ in range(40)]
    assert 429 in [c.reply().status for c in waiting]
