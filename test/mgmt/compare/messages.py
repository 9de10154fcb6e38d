# SPDX-License-Identifier: Apache-2.0
"""Random queues with everything that queues can do, the same random operations on both brokers.

A game is made from its number alone: exchanges, queues with random arguments, bindings, then publishes, gets,
acks, rejects, requeues and purges one after the other. What each broker answers, how deep its queues are after each
step, and what is in them in the end is its transcript. RabbitMQ dead-letters in the background, by processes of which
any may be first: where transcripts differ it plays twice more, and a game in which it does not agree with itself says
nothing. Its order of earlier deaths is its own, and with it what it takes for a cycle once a rejection is among them:
so in a game either consumers reject, or messages die of what queues do."""
import os
import random
import time

import pika

SEED, GAMES = 1, 15  # the same ones each time: what RabbitMQ does with others is looked at by people
STEPS = 60
KEYS = ("q0", "q1", "q2", "q3", "a.b", "a.c", "")
SHORT_MS = (0, 1, 5)
LONG_MS = 3600000
EXPIRE_S = 0.06  # by then all that has a short time is over
SETTLE_S = 0.012
SETTLE_LIMIT_S = 10
OF_LATER_VERSIONS = ("x-last-death-reason", "x-last-death-queue", "x-last-death-exchange")


class Game:
    """One broker's side of a game."""

    def __init__(self, broker, number):
        self.random = random.Random(number)
        self.broker, self.number = broker, number
        self.transcript, self.bodies = [], 0
        self.connection = broker.connect(f"game {number}")
        self.channel = self.connection.channel()
        self.other = self.connection.channel()  # counts, and what is given back by its end
        self.channel.confirm_delivery()
        self.unacked = []
        self.exchanges = {"": "direct"}
        self.queues = {}
        self.is_short = False  # something may end within this step
        self.rejects = self.chance(0.4)
        self.has_priorities = False  # then RabbitMQ may see late that a new head has ended

    def tell(self, what, *more):
        self.transcript.append(" ".join([what, *map(str, more)]))

    # --- what there is

    def chance(self, share):
        return self.random.random() < share

    def times_ms(self):
        return (LONG_MS,) if self.rejects else (*SHORT_MS, LONG_MS)

    def queue_arguments(self):
        arguments = {}
        if self.chance(0.3):
            arguments["x-max-priority"] = self.random.choice((1, 3, 9))
        if self.chance(0.3):
            arguments["x-message-ttl"] = self.random.choice(self.times_ms())
        if not self.rejects and self.chance(0.35):
            arguments["x-max-length"] = self.random.randrange(5)
        if not self.rejects and self.chance(0.15):
            arguments["x-max-length-bytes"] = self.random.randrange(40)
        if self.chance(0.5):
            arguments["x-overflow"] = self.random.choice(("drop-head", "reject-publish",
                                                          "reject-publish-dlx"))
        if self.chance(0.65):
            arguments["x-dead-letter-exchange"] = self.random.choice(list(self.exchanges))
            if self.chance(0.6):
                arguments["x-dead-letter-routing-key"] = self.random.choice(KEYS[:6])
        return arguments

    def name(self, short):
        return f"game{self.number}.{short}"

    def set_up(self):
        for short in ("direct", "fanout", "topic"):
            if self.chance(0.7):
                arguments = {}
                if self.chance(0.3):
                    arguments["alternate-exchange"] = self.random.choice(list(self.exchanges))
                self.exchanges[self.name(short)] = short
                self.channel.exchange_declare(self.name(short), short, durable=True,
                                              arguments=arguments)
        for at in range(self.random.randrange(2, 5)):
            arguments = self.queue_arguments()
            name = f"q{at}"  # so that a key may name one
            self.channel.queue_declare(name, durable=self.chance(0.5), exclusive=True,
                                       arguments=arguments)
            self.queues[name] = arguments
            self.tell("queue", name, arguments)
        for exchange, kind in self.exchanges.items():
            for queue in self.queues:
                if exchange and self.chance(0.5):
                    key = self.random.choice(KEYS + (("a.*", "#") if kind == "topic" else ()))
                    self.channel.queue_bind(queue, exchange, key)
                    self.tell("bind", exchange, kind, key, queue)

    # --- operations

    def properties(self):
        headers = {}
        for name in ("CC", "BCC"):
            if self.chance(0.06):
                headers[name] = [self.random.choice(KEYS)]
        if self.chance(0.1):
            headers["kept"] = 1
        times_ms = (LONG_MS,) if self.has_priorities else self.times_ms()
        expiration = str(self.random.choice(times_ms)) if self.chance(0.15) else None
        return pika.BasicProperties(
            headers=headers or None, expiration=expiration,
            delivery_mode=self.random.choice((1, 2)),
            priority=self.random.randrange(12) if self.chance(0.5) else None)

    def publish(self):
        exchange = self.random.choice(list(self.exchanges))
        key = self.random.choice(KEYS)
        properties, mandatory = self.properties(), self.chance(0.3)
        body = f"{self.bodies}" + "." * self.random.randrange(12)
        self.bodies += 1
        self.is_short |= properties.expiration in map(str, SHORT_MS)
        try:
            self.channel.basic_publish(exchange, key, body, properties, mandatory)
            result = "confirmed"
        except pika.exceptions.UnroutableError:
            result = "returned"
        except pika.exceptions.NackError:
            result = "refused"
        self.tell("publish", repr(exchange), repr(key), body, f"priority={properties.priority}",
                  f"expiration={properties.expiration}", properties.headers, result)
        return 1

    def get(self):
        queue, auto_ack = self.random.choice(list(self.queues)), self.chance(0.3)
        method, properties, body = self.channel.basic_get(queue, auto_ack)
        self.tell("get", queue, f"auto_ack={auto_ack}", show(method, properties, body))
        if method is not None and not auto_ack:
            self.unacked.append(method.delivery_tag)
        return 0

    def settle_one(self):
        what, at = self.random.randrange(2 + 2 * self.rejects), self.random.random()
        if not self.unacked:
            return 0
        tag = self.unacked.pop(int(at * len(self.unacked)))
        if what == 0:
            self.channel.basic_ack(tag)
        else:
            self.channel.basic_reject(tag, requeue=what == 1)
        self.tell("ack" if what == 0 else "requeue" if what == 1 else "reject", tag)
        return 1

    def settle_many(self):
        what = self.random.randrange(2 + self.rejects)
        if not self.unacked:
            return 0
        tag = self.unacked[-1]
        self.unacked.clear()
        if what == 0:
            self.channel.basic_ack(tag, multiple=True)
        else:
            self.channel.basic_nack(tag, multiple=True, requeue=what == 1)
        self.tell("all", ("acked", "requeued", "rejected")[what], tag)
        return 1

    def purge(self):
        queue = self.random.choice(list(self.queues))
        self.tell("purge", queue, self.channel.queue_purge(queue).method.message_count)
        return 0

    def depths(self):
        return [self.other.queue_declare(queue, passive=True).method.message_count
                for queue in self.queues]

    def settle(self):
        """Waits until nothing moves any more; returns the depths."""
        deadline = time.monotonic() + SETTLE_LIMIT_S
        before = self.depths()
        while True:
            time.sleep(SETTLE_S)  # no-sleep-ok: polls the depths, bounded
            now = self.depths()
            if now == before:
                return now
            assert time.monotonic() < deadline, f"{self.broker.name}: still moving: {now}"
            before = now

    def step(self):
        self.has_priorities = any("x-max-priority" in arguments
                                  for arguments in self.queues.values())
        self.is_short = any(arguments.get("x-message-ttl") in SHORT_MS
                            for arguments in self.queues.values())
        kinds = (self.publish, self.get, self.settle_one, self.settle_many, self.purge)
        moved = self.random.choices(kinds, (50, 22, 20, 5, 2))[0]()
        if moved and self.is_short:
            time.sleep(EXPIRE_S)  # no-sleep-ok: lets short times pass, which nothing tells
        self.tell("  depths", self.settle() if moved else self.depths())

    def drain(self):
        for queue in self.queues:
            while True:
                method, properties, body = self.channel.basic_get(queue, auto_ack=True)
                if method is None:
                    break
                self.tell("left in", queue, show(method, properties, body))

    def play(self):
        self.set_up()
        for _ in range(STEPS):
            self.step()
        self.drain()
        for exchange in self.exchanges:
            if exchange:
                self.channel.exchange_delete(exchange)
        self.broker.disconnect()
        return self.transcript


def show_deaths(deaths):
    """The last one first; those before it stand in another order after each death in RabbitMQ 3.10."""
    shown = [sorted((key, value) for key, value in death.items() if key != "time")
             for death in deaths]
    return shown[:1] + sorted(shown[1:])


def show(method, properties, body):
    """A message as it came, without what a clock or a later version put there."""
    if method is None:
        return "nothing"
    headers = dict(properties.headers or {})
    for key in OF_LATER_VERSIONS:
        headers.pop(key, None)
    if "x-death" in headers:
        headers["x-death"] = show_deaths(headers["x-death"])
    return (f"{body.decode()} exchange={method.exchange!r} key={method.routing_key!r} "
            f"redelivered={method.redelivered} left={method.message_count} "
            f"priority={properties.priority} expiration={properties.expiration} "
            f"headers={sorted(headers.items())}")


def first_difference(ours, theirs):
    for at, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            return at
    return min(len(ours), len(theirs))


def report(number, theirs, ours):
    at = first_difference(ours, theirs)
    lines = [f"game {number} differs:"] + [f"    {line}" for line in theirs[:at][-14:]]
    lines += [f"  rabbitmq: {theirs[at] if at < len(theirs) else 'the end'}",
              f"  stoatmq:  {ours[at] if at < len(ours) else 'the end'}"]
    setting = [line for line in theirs if line.startswith(("queue ", "bind "))]
    return "\n     ".join(lines[:1] + setting + lines[1:])


def play(both, _options):
    rabbitmq, stoatmq = both
    first = int(os.environ.get("STOATMQ_SEED", SEED))
    problems, unstable, steps = [], 0, 0
    for number in range(first, first + int(os.environ.get("STOATMQ_GAMES", GAMES))):
        theirs, ours = Game(rabbitmq, number).play(), Game(stoatmq, number).play()
        steps += len(theirs)
        if theirs == ours:
            continue
        again = [Game(rabbitmq, number).play() for _ in range(2)]
        if ours in again or any(one != theirs for one in again):
            unstable += 1
        else:
            problems.append(report(number, theirs, ours))
    return problems, (f"seed {first} (STOATMQ_SEED), {steps} lines; RabbitMQ was not of one mind "
                      f"{unstable} times")
