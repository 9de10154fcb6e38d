# SPDX-License-Identifier: Apache-2.0
"""What scenarios of the HTTP API share: the answer that is expected, and a main that plays them."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))

import management  # noqa: E402

NOT_FOUND = {"error": "Object Not Found", "reason": "Not Found"}
NO_VHOST = {"error": "not_found", "reason": "vhost_not_found"}
ANY = object()


def bad(reason):
    return {"error": "bad_request", "reason": reason}


def invalid(problem, escaped=True):
    """RabbitMQ's answer to what its validation refuses; some of its texts it writes as HTML."""
    if escaped:
        problem = problem.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return bad(f"Validation failed\n\n{problem}\n")


def expect(status, body, method, path, sent=None, **login):
    """The answer's status, and its body: JSON, or "" for none."""
    got, text = management.ask(method, path, sent, **login)
    answer = json.loads(text) if text else ""
    if got != status or (body is not ANY and answer != body):
        raise AssertionError(f"{method} {path} {sent!r}\n  got      {got} {text}\n"
                             f"  expected {status} {body if body is not ANY else 'anything'}")
    return answer


def play(tests):
    """Plays TESTS, or those that the command line names; the exit status."""
    failed = 0
    for one in tests:
        if sys.argv[1:] and one.__name__ not in sys.argv[1:]:
            continue
        try:
            one()
            print(f"ok - {one.__name__}", flush=True)
        except AssertionError as why:
            failed += 1
            print(f"FAILED - {one.__name__}\n  {why}", flush=True)
    return 1 if failed else 0
