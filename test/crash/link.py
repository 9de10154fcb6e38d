# SPDX-License-Identifier: Apache-2.0
"""A small AMQP client for one thread and many connections: callbacks for what comes often
(deliveries, confirms, returns), replies to wait for, and tasks (generators) that wait for them.

    reply = channel.call("queue.declare", queue=name)     sends; the answer comes later
    yield reply.ready                                     in a task: waits for it
    loop.run_until(lambda: reply.done, 10, "a declare")   outside of one

When the broker dies, `loop.read_to_the_end()` takes what it had still sent; from then on
`link.dead` is true and nothing is written any more.
"""

import select
import selectors
import socket
import struct
import time
from collections import deque

import wire  # test/wire/wire.py

FRAME_MAX = 131072
READ_BYTES = 1 << 18
HEAD = struct.Struct(">BHI")
IDS = struct.Struct(">HH")
CONFIRM = struct.Struct(">QB")
DELIVER, ACK, NACK, RETURN = (60, 60), (60, 80), (60, 120), (60, 50)
GET_REPLIES = ("basic.get-ok", "basic.get-empty")
GET_OK, CHANNEL_CLOSE, CONNECTION_CLOSE = (60, 71), (20, 40), (10, 50)


class Overdue(Exception):
    """A wait that reached its limit."""


class BrokerError(Exception):
    """The broker closed what we use, or left."""


class Reply:
    """The answer to one synchronous method: `method`, or `error` (code, text) when the channel was
    closed instead. For basic.get `content` is (properties, body)."""

    def __init__(self, asked):
        self.asked = asked  # the method
        self.done, self.method, self.error, self.content = False, None, None, None

    def ready(self):
        return self.done

    def finish(self, method=None, error=None, content=None):
        self.done, self.method, self.error, self.content = True, method, error, content


class Channel:
    """on_deliver(delivery_tag, redelivered, properties, body), on_confirm(delivery_tag, multiple,
    acked), on_return(body) are set by whoever uses the channel."""

    def __init__(self, link, number):
        self.link, self.number, self.open = link, number, True
        self.replies = deque()
        self.on_deliver = self.on_confirm = self.on_return = None
        self._content = None

    def call(self, method, **args):
        reply = Reply(method)
        self.replies.append(reply)
        self.send(method, **args)
        return reply

    def send(self, method, **args):
        self.link.write(wire.method(method, self.number, **args))

    def publisher(self, exchange, routing_key, **args):
        """A function (properties, body) that publishes to one place; what is constant is ready."""
        method = wire.method("basic.publish", self.number, exchange=exchange,
                             routing_key=routing_key, **args)

        def publish(properties, body):
            size = len(body)
            data = method + wire.frame(wire.HEADER, self.number,
                                       wire.content_header(size, properties))
            for at in range(0, size, FRAME_MAX - 8):
                data += wire.frame(wire.BODY, self.number, body[at : at + FRAME_MAX - 8])
            self.link.write(data)

        return publish

    def ack(self, tag, multiple=False):
        self.link.write(wire.method_frame(60, 80, CONFIRM.pack(tag, multiple), self.number))

    # --- what comes in

    def on_method(self, ids, payload):
        if ids == DELIVER or ids == RETURN or ids == GET_OK:
            self._content = [ids, payload, None, 0, b""]
        elif ids == ACK:
            tag, bits = CONFIRM.unpack_from(payload, 4)
            self.on_confirm(tag, bits & 1, True)
        elif ids == NACK:
            tag, bits = CONFIRM.unpack_from(payload, 4)
            self.on_confirm(tag, bits & 1, False)
        elif ids == CHANNEL_CLOSE:
            self._closed(payload)
        else:
            self._answer(wire.decode_method(wire.Frame(wire.METHOD, self.number, payload)))

    def on_header(self, payload):
        size = struct.unpack_from(">Q", payload, 4)[0]
        self._content[2:4] = payload[12:], size
        if not size:
            self._complete()

    def on_body(self, payload):
        content = self._content
        content[4] = content[4] + payload if content[4] else payload
        if len(content[4]) >= content[3]:
            self._complete()

    def _complete(self):
        ids, method, properties, _, body = self._content
        self._content = None
        if ids == DELIVER:
            at = 5 + method[4]  # behind the consumer tag
            tag, redelivered = CONFIRM.unpack_from(method, at)
            self.on_deliver(tag, bool(redelivered & 1), properties, body)
        elif ids == RETURN:
            self.on_return(body)
        else:
            self._answer(wire.decode_method(wire.Frame(wire.METHOD, self.number, method)),
                         (properties, body))

    def _answer(self, method, content=None):
        """The first that waits for it: RabbitMQ's consume-ok may come behind later replies."""
        asked = "basic.get" if method.name in GET_REPLIES else method.name.removesuffix("-ok")
        for reply in self.replies:
            if reply.asked == asked:
                self.replies.remove(reply)
                reply.finish(method, content=content)
                return
        raise BrokerError(f"{method.name} came, and nobody had asked")

    def _closed(self, payload):
        args = wire.decode_method(wire.Frame(wire.METHOD, self.number, payload)).args
        self.open = False
        self.link.write(wire.method("channel.close-ok", self.number))
        del self.link.channels[self.number]
        if not self.replies:
            raise BrokerError(f"channel closed: {args['reply_code']} {args['reply_text']}")
        for reply in self.replies:
            reply.finish(error=(args["reply_code"], args["reply_text"]))
        self.replies.clear()


class Link:
    """One connection, open when the constructor returns."""

    def __init__(self, loop, port, limit_s=10):
        self.loop, self.dead, self.channels = loop, False, {}
        self._in, self._out, self._last_channel = b"", bytearray(), 0
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=limit_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._shake_hands()
        self.socket.setblocking(False)
        loop.add(self)

    def _shake_hands(self):
        self.socket.sendall(wire.PROTOCOL_HEADER)
        self._expect("connection.start")
        capabilities = {"capabilities": {"publisher_confirms": True, "basic.nack": True}}
        self.socket.sendall(wire.method("connection.start-ok", 0, mechanism="PLAIN",
                                        locale="en_US", response="\0guest\0guest",
                                        client_properties=capabilities))
        self._expect("connection.tune")
        self.socket.sendall(wire.method("connection.tune-ok", 0, channel_max=2047,
                                        frame_max=FRAME_MAX, heartbeat=0)
                            + wire.method("connection.open", 0, virtual_host="/"))
        self._expect("connection.open-ok")

    def _expect(self, name):
        frame, self._in = wire.take_frame(self._in)
        while frame is None:
            data = self.socket.recv(READ_BYTES)
            if not data:
                raise BrokerError(f"the broker left where {name} was due")
            frame, self._in = wire.take_frame(self._in + data)
        got = wire.decode_method(frame)
        if got.name != name:
            raise BrokerError(f"{got.name} {got.args} came where {name} was due")

    def channel(self):
        self._last_channel += 1
        channel = self.channels[self._last_channel] = Channel(self, self._last_channel)
        channel.call("channel.open")
        return channel

    def write(self, data):
        if not self.dead:
            self._out += data

    def unwritten(self):
        return len(self._out)

    def flush(self):
        while self._out and not self.dead:
            try:
                sent = self.socket.send(self._out)
            except BlockingIOError:
                return
            except OSError as error:
                raise BrokerError(f"writing to the broker failed: {error}") from error
            del self._out[:sent]

    def read(self):
        """Handles what has come; False at the end of the stream."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        if not data:
            return False
        self._in = self._take(self._in + data)
        return True

    def _take(self, data):
        """Handles the whole frames of `data`; returns what is left."""
        at, end, channels = 0, len(data), self.channels
        while end - at >= 8:
            kind, number, size = HEAD.unpack_from(data, at)
            after = at + size + 8
            if after > end:
                break
            if data[after - 1] != wire.FRAME_END:
                raise BrokerError(f"a frame ends in {data[after - 1]:#x}")
            payload = data[at + 7 : after - 1]
            at = after
            channel = channels.get(number)
            if channel is None:
                self._on_connection(kind, number, payload)
            elif kind == wire.METHOD:
                channel.on_method(IDS.unpack_from(payload), payload)
            elif kind == wire.HEADER:
                channel.on_header(payload)
            elif kind == wire.BODY:
                channel.on_body(payload)
        return data[at:]

    def _on_connection(self, kind, number, payload):
        if number == 0 and kind == wire.METHOD and IDS.unpack_from(payload) == CONNECTION_CLOSE:
            args = wire.decode_method(wire.Frame(kind, number, payload)).args
            raise BrokerError(f"connection closed: {args['reply_code']} {args['reply_text']}")


class Loop:
    def __init__(self):
        self.selector, self.links, self.tasks = selectors.DefaultSelector(), [], []

    def add(self, link):
        self.links.append(link)
        self.selector.register(link.socket, selectors.EVENT_READ, link)

    def start(self, generator):
        """Runs a task: a generator that yields functions, each true when it is to go on."""
        self.tasks.append([generator, None])

    def flush(self):
        for link in self.links:
            link.flush()

    def tick(self, wait_s=0.01):
        self.flush()
        for key, _ in self.selector.select(wait_s):
            if not key.data.read():
                raise BrokerError("the broker closed a connection")
        for task in list(self.tasks):
            generator, ready = task
            while ready is None or ready():
                ready = next(generator, False)
                if ready is False:
                    self.tasks.remove(task)
                    break
            task[1] = ready

    def run_until(self, condition, limit_s, what):
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                raise Overdue(f"waited {limit_s} s for {what}")
            self.tick()

    def run(self, generator, limit_s, what):
        self.start(generator)
        task = self.tasks[-1]
        self.run_until(lambda: task not in self.tasks, limit_s, what)

    def read_to_the_end(self, limit_s=10):
        """The broker is dead: takes what it had sent before, then forgets the connections."""
        deadline = time.monotonic() + limit_s
        for link in self.links:
            link.dead = True
            while link.read():
                if time.monotonic() > deadline:
                    raise Overdue("a dead broker's connection does not end")
                select.select([link.socket], [], [], 0.1)
        self.close()

    def close(self):
        for link in self.links:
            self.selector.unregister(link.socket)
            link.socket.close()
        self.links, self.tasks = [], []
