# SPDX-License-Identifier: Apache-2.0
"""Durable queues, bindings and exchanges that come and go: one operation at a time, with a model of
what was answered. The operation that was under way at a kill may have happened or not."""

import time

import ledger as facts
from load import TOPIC

QUEUES, KEYS = 3, ("a", "b")
PERSISTENT, PROBE = b"\x10\x00\2", b"\x10\x00\1"  # properties: delivery-mode
LIMIT = 40  # messages in a queue


class Queue:
    """What one queue is known to be. `messages` maps those in it, in order, to whether they must be
    there; `removed` those that were purged or taken to when that was."""

    def __init__(self, number):
        self.name, self.number = f"crash.churn.{number}", number
        self.exchange, self.exchange_exists = f"crash.churn-exchange.{number}", False
        self.exists, self.life, self.published = False, 0, 0
        self.bound, self.messages, self.removed = set(), {}, {}

    def key(self, which):
        return f"churn.{self.number}.{which}"

    def new_message(self):
        self.published += 1
        return f"{self.name} life {self.life} message {self.published}"

    def deleted(self):
        self.exists, self.life = False, self.life + 1
        self.bound, self.messages, self.removed = set(), {}, {}

    def remove(self, names, event):
        for name in names:
            self.messages.pop(name, None)
            self.removed[name] = event


class Churn:
    """A queue whose last change was answered less than `grace_s` before the kill is not judged."""

    def __init__(self, ledger, checks, rng, grace_s):
        self.ledger, self.checks, self.rng, self.grace_s = ledger, checks, rng, grace_s
        self.queues = [Queue(number) for number in range(QUEUES)]
        self.pending, self.uncertain = None, None
        self.answered_at, self.killed_at = {}, 0  # of each queue: for the messages
        self.operations = 0

    # --- the load

    def connect(self, link):
        self.link = link
        self._open_channel()

    def _open_channel(self):
        self.channel = self.link.channel()
        self.channel.on_confirm, self.channel.on_return = self._on_confirm, self._on_return
        self.channel.call("confirm.select")
        self.unconfirmed, self.tag, self.returned = {}, 0, set()

    def run(self):
        """A task without an end."""
        while True:
            queue = self.rng.choice(self.queues)
            operations = [self._exchange]
            if queue.exists:
                operations += [self._bind, self._bind, self._publish, self._publish, self._publish,
                               self._purge, self._delete]
            else:
                operations += [self._declare] * 4
            yield from self.rng.choice(operations)(queue)
            self.operations += 1

    def _do(self, what, apply, method, **args):
        """`what` is (queue, name): how `uncertain` knows the operation after a kill."""
        reply = self.channel.call(method, **args)
        self.pending = (what, apply, reply)
        yield reply.ready
        if reply.error:
            raise RuntimeError(f"{method} was refused: {reply.error}")
        self._apply(what, apply)

    def _apply(self, what, apply):
        apply()
        self.answered_at[what[0]] = time.monotonic()
        self.pending = None

    def _declare(self, queue):
        def apply():
            queue.exists = True
        yield from self._do((queue, "exists"), apply, "queue.declare", queue=queue.name,
                            durable=True)

    def _delete(self, queue):
        yield from self._do((queue, "exists"), queue.deleted, "queue.delete", queue=queue.name)

    def _purge(self, queue):
        def apply():
            queue.remove(list(queue.messages), self.ledger.event)
        yield from self._do((queue, "messages"), apply, "queue.purge", queue=queue.name)

    def _bind(self, queue):
        which = self.rng.choice(KEYS)
        bound = which in queue.bound
        apply = (queue.bound.discard if bound else queue.bound.add)
        yield from self._do((queue, which), lambda: apply(which),
                            "queue.unbind" if bound else "queue.bind", queue=queue.name,
                            exchange=TOPIC, routing_key=queue.key(which))

    def _exchange(self, queue):
        there = queue.exchange_exists
        args = {} if there else {"type": "direct", "durable": True}

        def apply():
            queue.exchange_exists = not there
        yield from self._do((queue, "exchange"), apply,
                            "exchange.delete" if there else "exchange.declare",
                            exchange=queue.exchange, **args)

    def _publish(self, queue):
        if not queue.bound or len(queue.messages) > LIMIT:
            return
        publish = self.channel.publisher(TOPIC, queue.key(self.rng.choice(sorted(queue.bound))))
        for _ in range(self.rng.randint(1, 10)):
            name = queue.new_message()
            self.tag += 1
            self.unconfirmed[self.tag] = (queue, name)
            queue.messages[name] = False
            publish(PERSISTENT, name.encode())
        yield lambda: not self.unconfirmed

    def _on_confirm(self, tag, multiple, acked):
        for known in [t for t in self.unconfirmed if t == tag or multiple and t < tag]:
            queue, name = self.unconfirmed.pop(known)
            if acked and name in queue.messages:
                queue.messages[name] = True

    def _on_return(self, body):
        self.returned.add(body.decode())

    # --- after a kill

    def crash(self):
        self.uncertain, self.killed_at = None, time.monotonic()
        if self.pending:
            what, apply, reply = self.pending
            if reply.done:
                self._apply(what, apply)
            else:
                self.uncertain, self.pending = what, None
        for queue in self.queues:
            queue.removed = {name: event for name, event in queue.removed.items()
                             if event >= self.ledger.durable_event}
        if self.uncertain and self.uncertain[1] == "messages":
            messages = self.uncertain[0].messages
            messages.update(dict.fromkeys(messages, False))

    def check(self):
        """A task, after the restart: compares the broker with the model."""
        for queue in self.queues:
            yield from self._check_exchange(queue)
            yield from self._check_queue(queue)
        self.uncertain = None

    def _agree(self, queue, aspect, found, expected, what):
        """The operation under way at the kill may explain a difference."""
        ago_s = self._idle_s(queue)
        if self.uncertain == (queue, aspect) or ago_s < self.grace_s:
            return
        self.checks.that(facts.TOPOLOGY, found == expected,
                         f"{what} is {'' if found else 'not '}there; the last change of that queue "
                         f"was answered {ago_s * 1000:.1f} ms before the kill")

    def _idle_s(self, queue):
        """How long before the kill the queue's last change was answered."""
        return self.killed_at - self.answered_at.get(queue, 0)

    def _passive(self, method, **args):
        reply = self.channel.call(method, passive=True, **args)
        yield reply.ready
        if reply.error:
            self._open_channel()
        return reply.method

    def _check_exchange(self, queue):
        found = yield from self._passive("exchange.declare", exchange=queue.exchange)
        self._agree(queue, "exchange", bool(found), queue.exchange_exists, queue.exchange)
        queue.exchange_exists = bool(found)

    def _check_queue(self, queue):
        found = yield from self._passive("queue.declare", queue=queue.name)
        self._agree(queue, "exists", bool(found), queue.exists, queue.name)
        if not found:
            queue.deleted()
            return
        if not queue.exists:  # its declaration was under way
            queue.exists, queue.bound, queue.messages = True, set(), {}
        if not self._is_binding_uncertain(queue) and self.rng.random() < 0.5:
            self._check_count(queue, found.args["message_count"])
            return
        probes = yield from self._probe(queue)
        got = yield from self._take_all(queue)
        self.checks.that(facts.TOPOLOGY, sorted(probes) == sorted(set(got) & set(probes)),
                         f"{queue.name}: of {probes} came {sorted(set(got) & set(probes))}")
        self._check_messages(queue, [name for name in got if name not in probes])

    def _is_binding_uncertain(self, queue):
        """Then it must be probed: what is published with a key that is not bound is confirmed too."""
        return self.uncertain is not None and (
            self.uncertain[0] is queue and self.uncertain[1] in KEYS)

    def _check_count(self, queue, count):
        low = sum(queue.messages.values())
        high = len(queue.messages) + len(queue.removed)
        self.checks.that(facts.SURVIVE, count >= low,
                         f"{queue.name} has {count} messages, not {low}")
        self.checks.that(facts.SETTLED, count <= high,
                         f"{queue.name} has {count} messages, not {high}")

    def _probe(self, queue):
        """Publishes to each key; returns the probes that were routed."""
        self.returned.clear()
        probes = {which: f"probe {which}" for which in KEYS}
        for which, name in probes.items():
            self.tag += 1
            self.unconfirmed[self.tag] = (queue, name)
            self.channel.publisher(TOPIC, queue.key(which), mandatory=True)(PROBE, name.encode())
        yield lambda: not self.unconfirmed
        for which, name in probes.items():
            routed = name not in self.returned
            self._agree(queue, which, routed, which in queue.bound,
                        f"the binding of {queue.name} with {queue.key(which)}")
            (queue.bound.add if routed else queue.bound.discard)(which)
        return [name for name in probes.values() if name not in self.returned]

    def _take_all(self, queue):
        got = []
        while True:
            reply = self.channel.call("basic.get", queue=queue.name, no_ack=True)
            yield reply.ready
            if not reply.content:
                return got
            got.append(reply.content[1].decode())

    def _check_messages(self, queue, got):
        for name, must in queue.messages.items():
            if must:
                self.checks.that(facts.SURVIVE, name in got, f"{name} is lost")
        for name in got:
            expected = name in queue.messages or name in queue.removed
            if not expected and self._idle_s(queue) >= self.grace_s:
                earlier = f" life {queue.life} " not in name
                self.checks.wrong(facts.TOPOLOGY if earlier else facts.SETTLED, f"{name} came back")
        known = [name for name in got if name in queue.messages]
        self.checks.that(facts.ORDER, known == [n for n in queue.messages if n in known],
                         f"{queue.name} gave {known}")
        queue.remove(got, self.ledger.event)
        queue.messages = {}
