# SPDX-License-Identifier: Apache-2.0
"""The load: producers with confirms, producers with transactions, consumers, and the queues and
exchanges between them, which stay from kill to kill."""

import random
import struct
import zlib
from collections import deque

import ledger as facts
import wire

WORK, TEMPORARY, TX_IN, TX_OUT = "crash.work", "crash.temporary", "crash.tx-in", "crash.tx-out"
FANOUT, TOPIC, TEMPORARY_EXCHANGE = "crash.fanout", "crash.topic", "crash.temporary-exchange"
FANOUT_QUEUES = ["crash.fan.1", "crash.fan.2", "crash.fan.slow"]
TOPIC_BINDINGS = {"crash.eu": "order.eu.*", "crash.all": "order.#"}
DURABLE_QUEUES = [WORK, TX_IN, TX_OUT, *FANOUT_QUEUES, *TOPIC_BINDINGS]
SLOW = "crash.fan.slow"  # is only consumed when the queues are drained: it holds old messages

MIXED, PERSISTENT = "mixed", "persistent only"
DURABLE_FANOUT = [(name, True) for name in FANOUT_QUEUES]
# exchange, routing key, where that goes (queue, durable), how often, what may go there
TARGETS = [
    ("", WORK, [(WORK, True)], 5, MIXED),
    (FANOUT, "", DURABLE_FANOUT, 2, MIXED),
    (TOPIC, "order.eu.7", [("crash.eu", True), ("crash.all", True)], 2, MIXED),
    (TOPIC, "order.us", [("crash.all", True)], 1, MIXED),
    ("", TEMPORARY, [(TEMPORARY, False)], 1, MIXED),
    ("", TX_IN, [(TX_IN, True)], 1, PERSISTENT),
]
TX_TARGETS = TARGETS[:3]

BODY = struct.Struct(">QI")  # key, CRC-32 of what follows
SIZES = [0] * 2 + [40] * 20 + [400] * 20 + [4000] * 4 + [40000]
LARGE = 150000  # more than a frame holds
NOISE = random.Random(1).randbytes(LARGE + 4096)


def make_body(key, chance):
    size = LARGE if chance < 0.0005 else SIZES[int(chance * len(SIZES))]
    start = key % 4096
    filler = NOISE[start : start + size]
    return BODY.pack(key, zlib.crc32(filler)) + filler


def make_properties(key, persistent):
    """delivery-mode and message-id."""
    return b"\x10\x80" + (b"\2" if persistent else b"\1") + wire.shortstr(str(key))


def read_body(body):
    """The key, or None when the body is damaged."""
    if len(body) < BODY.size:
        return None
    key, crc = BODY.unpack_from(body)
    return key if zlib.crc32(body[BODY.size :]) == crc else None


def declarations():
    """(method, arguments) of what is durable, the queues and the exchanges first."""
    made = [("queue.declare", {"queue": name, "durable": True}) for name in DURABLE_QUEUES]
    made += [("exchange.declare", {"exchange": FANOUT, "type": "fanout", "durable": True}),
             ("exchange.declare", {"exchange": TOPIC, "type": "topic", "durable": True})]
    return made


def bindings():
    made = [("queue.bind", {"queue": name, "exchange": FANOUT}) for name in FANOUT_QUEUES]
    made += [("queue.bind", {"queue": name, "exchange": TOPIC, "routing_key": pattern})
             for name, pattern in TOPIC_BINDINGS.items()]
    return made


def temporary_declarations():
    return [("queue.declare", {"queue": TEMPORARY}),
            ("exchange.declare", {"exchange": TEMPORARY_EXCHANGE, "type": "fanout"})]


def check_declarations(link, checks):
    """A task, after a restart: durable things are there, the others are not. (That the bindings are
    there is shown by the messages that come through them.)"""
    for method, args in declarations() + temporary_declarations():
        reply = link.channel().call(method, **args | {"passive": True})
        yield reply.ready
        name = args.get("queue") or args.get("exchange")
        if args.get("durable"):
            checks.that(facts.TOPOLOGY, not reply.error, f"{name} is gone: {reply.error}")
        else:
            checks.that(facts.TRANSIENT, reply.error and reply.error[0] == 404,
                        f"{name} is still there though it is not durable")


def declare_everything(link, first):
    """A task. The durable bindings are made in the first epoch only, so that a lost one is seen."""
    channel = link.channel()
    wanted = declarations() + temporary_declarations() + (bindings() if first else [])
    for reply in [channel.call(method, **args) for method, args in wanted]:
        yield reply.ready
        if reply.error:
            raise RuntimeError(f"a declaration was refused: {reply.error}")


class Publishing:
    """What the producers share: numbering and encoding."""

    def __init__(self, number, ledger, rng):
        self.number, self.ledger, self.rng, self.next = number, ledger, rng, 0
        self.active = False

    def connect(self, link, targets):
        self.link, self.channel = link, link.channel()
        self.publishers = [self.channel.publisher(exchange, key)
                           for exchange, key, _, _, _ in targets]
        self.active = True

    def message(self, persistent):
        key, self.next = self.number << 40 | self.next, self.next + 1
        return key, make_properties(key, persistent), make_body(key, self.rng.random())


class Producer(Publishing):
    """Publishes with confirms, at most `window` unconfirmed."""

    WEIGHTS = [weight for *_, weight, _ in TARGETS]

    def __init__(self, number, ledger, rng, window):
        super().__init__(number, ledger, rng)
        self.window = window

    def connect(self, link):
        super().connect(link, TARGETS)
        self.waiting, self.first_tag = deque(), 1
        self.channel.on_confirm = self.on_confirm
        self.channel.call("confirm.select")

    def fill(self):
        while self.active and len(self.waiting) < self.window and self.link.unwritten() < 1 << 18:
            at = self.rng.choices(range(len(TARGETS)), self.WEIGHTS)[0]
            _, _, queues, _, what = TARGETS[at]
            persistent = what == PERSISTENT or self.rng.random() < 0.85
            key, properties, body = self.message(persistent)
            self.waiting.append(self.ledger.publish(key, queues, persistent))
            self.publishers[at](properties, body)

    def on_confirm(self, tag, multiple, acked):
        if multiple:
            while self.waiting and (self.first_tag <= tag or tag == 0):
                self._take_first(acked)
        elif tag == self.first_tag:
            self._take_first(acked)
        else:  # confirmed before earlier ones
            at = tag - self.first_tag
            self._answered(self.waiting[at], acked)
            self.waiting[at] = None
        while self.waiting and self.waiting[0] is None:
            self.waiting.popleft()
            self.first_tag += 1

    def _take_first(self, acked):
        published = self.waiting.popleft()
        self.first_tag += 1
        if published:
            self._answered(published, acked)

    def _answered(self, published, acked):
        if acked:
            self.ledger.confirm(published)
        else:
            self.ledger.totals["nacked"] += 1

    def idle(self):
        return not self.waiting

    def crash(self):
        self.active = False


class TxProducer(Publishing):
    """Publishes in transactions; some it rolls back."""

    WEIGHTS = [weight for *_, weight, _ in TX_TARGETS]
    SIZE_MAX, ROLLBACK = 8, 0.15

    def connect(self, link):
        super().connect(link, TX_TARGETS)
        self.group, self.reply, self.committing = None, None, False
        self.channel.call("tx.select")

    def fill(self):
        if self.reply and self.reply.done:
            self._answered()
        if self.active and not self.reply and self.ready():
            self._begin()
            self._end()

    def ready(self):
        return True

    def _begin(self):
        self.group = facts.Group()
        for _ in range(self.rng.randint(1, self.SIZE_MAX)):
            at = self.rng.choices(range(len(TX_TARGETS)), self.WEIGHTS)[0]
            key, properties, body = self.message(True)
            self.ledger.tx_publish(self.group, key, TX_TARGETS[at][2], True)
            self.publishers[at](properties, body)

    def _end(self):
        self.committing = self.rng.random() >= self.ROLLBACK
        if self.committing:
            self.ledger.tx_commit_sent(self.group)
        self.reply = self.channel.call("tx.commit" if self.committing else "tx.rollback")

    def _answered(self):
        if self.committing:
            self.ledger.tx_committed(self.group)
        self.reply = self.group = None

    def idle(self):
        if self.reply and self.reply.done:
            self._answered()
        return not self.reply

    def crash(self):
        """Before the ledger's own."""
        self.active = False
        if self.reply and self.reply.done:
            self._answered()
        if self.reply and self.committing:
            self.ledger.tx_in_doubt(self.group)


class Receiving:
    """What the consumers share: from a delivery to the ledger's copy."""

    def __init__(self, queue, ledger, checks):
        self.queue, self.ledger, self.checks = queue, ledger, checks
        self.last, self.delivered = {}, 0

    def consume(self, channel, prefetch):
        self.channel = channel
        self.channel.on_deliver = self.on_deliver
        self.channel.call("basic.qos", prefetch_count=prefetch)
        self.channel.call("basic.consume", queue=self.queue)

    def on_deliver(self, tag, redelivered, properties, body):
        self.delivered += 1
        key = read_body(body)
        persistent = properties[2:3] == b"\2"
        if key is None or properties != make_properties(key, persistent):
            self.checks.wrong(facts.INTACT, f"{self.queue}: a message of {len(body)} bytes with "
                              f"properties {properties!r} is damaged")
            return
        self.checks.right(facts.INTACT)
        copy = self.ledger.deliver(self.queue, key, redelivered, persistent, self.last)
        if not self.channel.link.dead:
            self.take(tag, copy)


class Consumer(Receiving):
    """Acks one by one and in batches, requeues some, drops some."""

    def __init__(self, queue, ledger, checks, rng, link):
        super().__init__(queue, ledger, checks)
        self.rng, self.held, self.acked, self.round = rng, [], [], None
        self.batch = rng.choice([1, 1, 10, 50])
        self.gentle = False  # acks everything at once, and gives nothing back
        self.consume(link.channel(), prefetch=rng.choice([20, 200, 1000]) + self.batch)

    def take(self, tag, copy):
        chance = 1 if self.gentle else self.rng.random()
        if chance < 0.02:
            self.channel.send("basic.nack", delivery_tag=tag, requeue=True)
        elif chance < 0.03:
            self.channel.send("basic.reject", delivery_tag=tag, requeue=True)
        elif chance < 0.04:
            self.channel.send("basic.reject", delivery_tag=tag)
            self._settle(copy)
        else:
            self.held.append((tag, copy))
            if len(self.held) >= self.batch or self.gentle:
                self.ack_held()

    def ack_held(self):
        if not self.held:
            return
        self.channel.ack(self.held[-1][0], multiple=len(self.held) > 1)
        for _, copy in self.held:
            self._settle(copy)
        self.held = []

    def _settle(self, copy):
        if copy:
            self.ledger.settle(copy)
            self.acked.append(copy)

    def fill(self):
        """A round trip to the queue behind the acks; its answer says that they were processed."""
        if self.round and self.round[0].done:
            self.ledger.settles_processed(self.round[1])
            self.round = None
        if not self.round and len(self.acked) >= 20:
            self.start_round()

    def start_round(self):
        reply = self.channel.call("queue.declare", queue=self.queue, passive=True)
        self.round = (reply, self.acked)
        self.acked = []
        return reply


class Mover(TxProducer):
    """Takes from one queue and publishes to another: ack and publish are one transaction."""

    ROLLBACK = 0.1

    def __init__(self, number, ledger, rng, checks):
        super().__init__(number, ledger, rng)
        self.checks = checks

    def connect(self, link):
        super().connect(link)
        self.held = []
        self.publish = self.channel.publisher("", TX_OUT)
        self.receiving = Receiving(TX_IN, self.ledger, self.checks)
        self.receiving.take = lambda tag, copy: self.held.append((tag, copy))
        self.receiving.consume(self.channel, prefetch=20)

    def ready(self):
        return bool(self.held)

    def _begin(self):
        self.group, self.taken = facts.Group(), self.held
        self.held = []
        for tag, copy in self.taken:
            key, properties, body = self.message(True)
            self.ledger.tx_publish(self.group, key, [(TX_OUT, True)], True)
            self.publish(properties, body)
            self.channel.ack(tag)
            if copy:
                self.group.sources.append(copy)

    def _answered(self):
        if not self.committing:  # the acks are undone, the messages still ours
            self.held = self.taken + self.held
        super()._answered()

    def idle(self):
        return super().idle() and not self.held
