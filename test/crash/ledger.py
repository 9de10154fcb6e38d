# SPDX-License-Identifier: Apache-2.0
"""What was published, confirmed, delivered and acked, kept outside of the broker, and the checks.

The unit is the copy: one message in one queue. A copy that may still be delivered is in
`live[queue]`; whatever else comes is wrong, and `gone` says why it must not come.

An ack passes three steps: sent; processed (a later round trip to the queue on the same channel
was answered); certain (a persistent message that was published after that has been confirmed, so
the log is durable past the ack). Only a certain ack takes the copy out of `live`.
"""

from collections import deque

EXAMPLES_MAX = 5
GENERATIONS_KEPT = 4  # of reasons in `gone`; older ones were settled, most likely

SURVIVE = "confirmed_messages_survive"
SETTLED = "settled_messages_stay_gone"
MARKED = "redeliveries_are_marked_redelivered"
ORDER = "first_deliveries_are_in_order"
TOPOLOGY = "answered_declarations_hold"
TRANSIENT = "transient_things_are_gone_after_a_restart"
ATOMIC = "transactions_are_all_or_nothing"
INTACT = "messages_come_back_as_they_were"
RESTART = "broker_starts_again_after_a_kill"
STOP = "broker_stops_cleanly_at_the_end"
CHECKS = [SURVIVE, SETTLED, MARKED, ORDER, TOPOLOGY, TRANSIENT, ATOMIC, INTACT, RESTART, STOP]


class Check:
    def __init__(self, name):
        self.name, self.seen, self.wrong, self.examples = name, 0, 0, []


class Checks:
    """Counts of facts looked at and found wrong. A check that is `ignored` is counted only."""

    def __init__(self, ignored=()):
        self.by_name = {name: Check(name) for name in CHECKS}
        self.ignored, self.moment = set(ignored), 0

    def right(self, name, count=1):
        self.by_name[name].seen += count

    def wrong(self, name, text):
        check = self.by_name[name]
        check.seen += 1
        check.wrong += 1
        if len(check.examples) < EXAMPLES_MAX:
            check.examples.append(f"moment {self.moment}: {text}")

    def that(self, name, holds, text):
        if holds:
            self.right(name)
        else:
            self.wrong(name, text)

    def wrongs(self):
        return sum(c.wrong for c in self.by_name.values() if c.name not in self.ignored)

    def failed(self):
        """Wrong, or nothing was looked at: a check that saw nothing has shown nothing."""
        return [c for c in self.by_name.values()
                if c.name not in self.ignored and (c.wrong or not c.seen)]


class Copy:
    __slots__ = ("queue", "key", "durable", "must", "born", "seen", "settled", "group", "taken_by")

    def __init__(self, queue, key, durable, born, group):
        self.queue, self.key, self.durable, self.born = queue, key, durable, born
        self.must = False  # it has to be delivered unless it is settled
        self.seen = False  # it was delivered
        self.settled = False  # an ack or a reject was sent
        self.group = group  # the transaction that published it
        self.taken_by = None  # the transaction that acks it


class Group:
    """A transaction: the copies that it publishes and those that it acks."""

    def __init__(self):
        self.copies, self.sources = [], []
        # For a commit that was under way when the broker was killed: the copies that had no ack
        # yet, those of them that did not come since, and how many of the sources did.
        self.awaited, self.missing, self.came_back = set(), set(), 0


def name_of(key):
    return f"producer {key >> 40} message {key & (1 << 40) - 1}"


class Ledger:
    def __init__(self, checks):
        self.checks = checks
        self.epoch = 0  # counts the kills
        self.live, self.gone = {}, deque([{}], GENERATIONS_KEPT)
        self.event = 0  # numbers the publishes
        self.durable_event = 0  # the last persistent publish that was confirmed
        self.processed = deque()  # (event, copies) of acks
        self.in_doubt = []  # groups whose commit was under way at a kill
        self.high = {}  # (queue, producer): highest message delivered before the last kill
        self.rising = {}  # the same since
        self.totals = dict.fromkeys(("published", "confirmed", "nacked", "delivered", "redelivered",
                                     "settled", "transactions", "in doubt"), 0)

    # --- publishing

    def publish(self, key, queues, persistent):
        """`queues` are (name, durable). Returns what `confirm` takes."""
        self.event += 1
        self.totals["published"] += 1
        copies = [Copy(queue, key, persistent and durable, self.epoch, None)
                  for queue, durable in queues]
        for copy in copies:
            self.live.setdefault(copy.queue, {})[key] = copy
        return self.event if any(c.durable for c in copies) else 0, copies

    def confirm(self, published):
        event, copies = published
        self.totals["confirmed"] += 1
        for copy in copies:
            copy.must = True
        if event > self.durable_event:
            self._durable_up_to(event)

    def _durable_up_to(self, event):
        self.durable_event = event
        while self.processed and self.processed[0][0] < event:
            for copy in self.processed.popleft()[1]:
                self._forget(copy, SETTLED)
                self.checks.right(SETTLED)

    def _forget(self, copy, reason):
        if self.live.get(copy.queue, {}).pop(copy.key, None):
            self.gone[-1][copy.queue, copy.key] = reason

    # --- transactions

    def tx_publish(self, group, key, queues, persistent):
        """Nobody may see it before the commit is sent."""
        self.totals["published"] += 1
        for queue, durable in queues:
            copy = Copy(queue, key, persistent and durable, self.epoch, group)
            group.copies.append(copy)
            self.gone[-1][queue, key] = ATOMIC

    def tx_commit_sent(self, group):
        self.event += 1
        for copy in group.copies:
            self.gone[-1].pop((copy.queue, copy.key), None)
            self.live.setdefault(copy.queue, {})[copy.key] = copy
        for copy in group.sources:
            copy.settled, copy.taken_by = True, group

    def tx_committed(self, group):
        self.totals["transactions"] += 1
        self.checks.right(ATOMIC)
        for copy in group.copies:
            copy.must = True
        for copy in group.sources:
            self._forget(copy, SETTLED)
            self.checks.right(SETTLED)

    def tx_in_doubt(self, group):
        """The broker was killed after the commit was sent and before it was answered."""
        self.in_doubt.append(group)
        self.totals["in doubt"] += 1
        group.awaited = {(copy.queue, copy.key) for copy in group.copies if not copy.settled}
        group.missing = set(group.awaited)
        # A source that was not confirmed may be lost by itself.
        for copy in [copy for copy in group.sources if not copy.must]:
            copy.taken_by = None
            group.sources.remove(copy)

    # --- consuming

    def deliver(self, queue, key, redelivered, persistent, last):
        """`last` is the consumer's own: the highest message of each producer. None when wrong."""
        self.totals["delivered"] += 1
        self.totals["redelivered"] += redelivered
        copy = self.live.get(queue, {}).get(key)
        if copy is None:
            self._came_wrongly(queue, key, persistent)
            return None
        where = f"{queue}: {name_of(key)}"
        if copy.settled:
            self.checks.wrong(SETTLED, f"{where} came again after its ack")
        if copy.seen:
            self.checks.that(MARKED, redelivered, f"{where} came again without redelivered")
        if copy.group:
            copy.group.missing.discard((queue, key))
        if not redelivered:
            self._check_order(queue, key, where, last)
        if copy.taken_by:
            copy.taken_by.came_back += 1
        if self.epoch > copy.born:
            copy.must = True  # it was recovered, so the disk has it
        copy.seen, copy.settled, copy.taken_by = True, False, None
        return copy

    def _came_wrongly(self, queue, key, persistent):
        reasons = [g[queue, key] for g in self.gone if (queue, key) in g]
        reason = reasons[-1] if reasons else SETTLED if persistent else TRANSIENT
        why = {SETTLED: "is settled", TRANSIENT: "is transient and older than the last kill",
               SURVIVE: "had not been there when the queues were drained",
               ATOMIC: "is of a transaction that was not committed"}[reason]
        self.checks.wrong(reason, f"{queue}: {name_of(key)} came though it {why}")

    def _check_order(self, queue, key, where, last):
        producer, number = key >> 40, key & (1 << 40) - 1
        self.checks.that(ORDER, number > last.get(producer, -1),
                         f"{where} came after {last.get(producer)}")
        last[producer] = number
        # A lower one than what was delivered before the kill had gone out before that, too.
        if number < self.high.get((queue, producer), -1):
            self.checks.wrong(MARKED, f"{where} is older than what was delivered before the kill, "
                              "and came without redelivered")
        if number > self.rising.get((queue, producer), -1):
            self.rising[queue, producer] = number

    def settle(self, copy):
        """Its ack was sent."""
        copy.settled = True
        self.totals["settled"] += 1

    def settles_processed(self, copies):
        self.processed.append((self.event, copies))

    # --- the end of an epoch

    def crash(self):
        """The broker was killed, and all that it had sent was taken."""
        self.epoch += 1
        for (queue, producer), number in self.rising.items():
            self.high[queue, producer] = max(number, self.high.get((queue, producer), -1))
        self.rising = {}
        self.processed.clear()
        for copies in self.live.values():
            for copy in list(copies.values()):
                if not copy.durable:
                    self._forget(copy, TRANSIENT)
                    self.checks.right(TRANSIENT)
                elif copy.settled:
                    copy.settled = copy.must = False  # its ack may have been lost
                elif copy.must:
                    self.checks.right(SURVIVE)

    def drained(self):
        """Every queue was found empty: what was due and has not come is lost."""
        for copies in self.live.values():
            for copy in list(copies.values()):
                if copy.settled:
                    continue
                if copy.must:
                    self.checks.wrong(SURVIVE, f"{copy.queue}: {name_of(copy.key)} is lost "
                                      f"(published in epoch {copy.born})")
                self._forget(copy, SURVIVE)
        for group in self.in_doubt:
            self._check_group(group)
        self.in_doubt = []
        self.gone.append({})

    def _check_group(self, group):
        there = not group.missing
        self.checks.that(ATOMIC, there or group.missing == group.awaited,
                         f"{len(group.missing)} of {len(group.awaited)} messages of a commit "
                         "are lost")
        if group.sources and group.awaited:
            expected = 0 if there else len(group.sources)
            self.checks.that(ATOMIC, group.came_back == expected,
                             f"a commit's messages are {'' if there else 'not '}there, and "
                             f"{group.came_back} of the {len(group.sources)} it acked came back")
