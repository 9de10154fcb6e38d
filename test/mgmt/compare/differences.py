# SPDX-License-Identifier: Apache-2.0
"""Finds what two answers differ in, and knows which differences are accepted."""
import json
import os
import re

ACCEPTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "accepted")
KINDS = ("status", "crash", "body", "header", "type", "value", "missing", "extra", "order")
IDENTITY = ("vhost", "name", "source", "destination", "destination_type", "routing_key",
            "properties_key", "exchange", "consumer_tag", "component", "number", "payload")
UNNAMED_IDENTITY = ("protocol", "user", "description")  # of what has no name


class Difference:
    """KIND: one of KINDS; PLACE: within the JSON, as in `[].message_stats.publish`."""

    def __init__(self, kind, request, place, text):
        self.kind, self.request, self.place, self.text = kind, request, place, text

    def __str__(self):
        return f"{self.kind} | {self.request} | {self.place or '.'} | {self.text}"


def glob(pattern):
    """Only * is special, so that JSON's brackets are not."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*"), re.DOTALL)


class Rule:
    def __init__(self, number, line):
        kind, request, place, self.reason = [part.strip() for part in line.split(" | ")]
        assert kind in KINDS, f"accepted:{number}: no kind {kind}"
        assert self.reason, f"accepted:{number}: no reason"
        self.number, self.line, self.kind, self.met = number, line.strip(), kind, 0
        self.request, self.place = glob(request), glob(place)

    def covers(self, difference):
        return (self.kind == difference.kind and self.request.fullmatch(difference.request)
                and self.place.fullmatch(difference.place or "."))


class Accepted:
    """The file of accepted differences."""

    def __init__(self):
        with open(ACCEPTED) as lines:
            self.rules = [Rule(number, line) for number, line in enumerate(lines, 1)
                          if line.strip() and not line.startswith("#")]

    def rest_of(self, differences):
        """Those that no rule covers."""
        rest = []
        for difference in differences:
            covering = [rule for rule in self.rules if rule.covers(difference)]
            for rule in covering:
                rule.met += 1
            if not covering:
                rest.append(difference)
        return rest

    def unused(self):
        return [f"accepted:{rule.number}: not met: {rule.line}" for rule in self.rules if not rule.met]


def kind_of(value):
    """JSON's types, but that 1 and 1.0 differ: clients with static types read one or the other."""
    if isinstance(value, bool):
        return "boolean"
    return {type(None): "null", int: "integer", float: "real", str: "string", list: "array",
            dict: "object"}[type(value)]


def identity(value):
    if isinstance(value, dict):
        keys = IDENTITY if "name" in value else IDENTITY + UNNAMED_IDENTITY
        return json.dumps([str(value.get(key, "")) for key in keys])
    return json.dumps(value, sort_keys=True)


class Comparison:
    def __init__(self, request, keeps_order=False):
        self.request, self.keeps_order, self.found = request, keeps_order, []

    def note(self, kind, place, text):
        self.found.append(Difference(kind, self.request, place, text))

    def values(self, there, here, place=""):
        """THERE is RabbitMQ's."""
        if kind_of(there) != kind_of(here):
            self.note("type", place, f"{kind_of(there)} {short(there)} in RabbitMQ, "
                                     f"{kind_of(here)} {short(here)} here")
        elif isinstance(there, dict):
            self.objects(there, here, place)
        elif isinstance(there, list):
            self.arrays(there, here, place)
        elif there != here:
            self.note("value", place, f"{short(there)} in RabbitMQ, {short(here)} here")

    def objects(self, there, here, place):
        for key in sorted({*there, *here}):
            inner = f"{place}.{key}" if place else key
            if key not in here:
                self.note("missing", inner, f"only in RabbitMQ: {short(there[key])}")
            elif key not in there:
                self.note("extra", inner, f"only here: {short(here[key])}")
            else:
                self.values(there[key], here[key], inner)

    def arrays(self, there, here, place):
        inner = place + "[]"
        if place.endswith("samples"):  # how many there are depends on the moment
            there, here = there[:1], here[:1]
        if not all(isinstance(item, dict) for item in there + here):
            self.plain_arrays(there, here, inner)
            return
        names = [[identity(item) for item in items] for items in (there, here)]
        if self.keeps_order and names[0] != names[1] and sorted(names[0]) == sorted(names[1]):
            self.note("order", inner, f"{short(names[0])} in RabbitMQ, {short(names[1])} here")
        rest = sorted(here, key=identity)
        for item in sorted(there, key=identity):
            at = next((i for i, one in enumerate(rest) if identity(one) == identity(item)), None)
            if at is None:
                self.note("missing", inner, f"only in RabbitMQ: {short(item)}")
            else:
                self.values(item, rest.pop(at), inner)
        for item in rest:
            self.note("extra", inner, f"only here: {short(item)}")

    def plain_arrays(self, there, here, inner):
        if len(there) != len(here):
            self.note("value", inner, f"{short(there)} in RabbitMQ, {short(here)} here")
        for one, other in zip(there, here):
            self.values(one, other, inner)


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 160 else text[:157] + "..."
