# SPDX-License-Identifier: Apache-2.0
"""What makes a function a wire script.

A script is a function marked @test. Its one parameter, if it has one, says in which state it takes
over the connection: `raw` (TCP only), `greeted` (connection.start came), `tuning` (connection.tune
came), `connection` (open), `channel` (channel 1 open).
"""

import inspect
import os
import re

import client


def _greeted():
    c = client.Client()
    c.greet()
    return c


def _tuning():
    c = _greeted()
    c.login()
    return c


STATES = {
    "raw": client.Client,
    "greeted": _greeted,
    "tuning": _tuning,
    "connection": client.connected,
    "channel": client.with_channel,
}
ALL = []


class Script:
    def __init__(self, function, only, needs):
        self.function, self.only, self.needs = function, only, needs
        self.name = function.__name__
        self.theme = function.__module__.removeprefix("test_")

    def wanted(self, names, themes):
        """Named (or nothing is), for this broker, and with what it needs in the environment."""
        if self.only and self.only != os.environ.get("AMQP_AGAINST", "stoatmq"):
            return False
        if self.needs and self.needs not in os.environ:
            return False
        return not names or any(
            name == self.theme if name in themes else name in self.name for name in names
        )

    def play(self):
        parameters = inspect.signature(self.function).parameters
        self.function(*[STATES[name]() for name in parameters])


def test(function=None, *, only=None, needs=None):
    """Marks a script; `only` a broker ("stoatmq"), `needs` a variable of the environment."""
    if function is None:
        return lambda marked: test(marked, only=only, needs=needs)
    ALL.append(Script(function, only, needs))
    return function


def named(function, sentence):
    """Marks a script that a helper made, and gives it its name."""
    function.__name__ = re.sub(r"\W", "_", sentence.lower())
    return test(function)
