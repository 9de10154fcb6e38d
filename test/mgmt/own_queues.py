# SPDX-License-Identifier: Apache-2.0
"""What tests with a broker of their own (own_broker.py) share: queues, confirmed messages, how many
wait, and what a kill may interrupt."""

import os
import random
import time

from answers import expect

import client
import management

PERSISTENT = b"\x10\x00\x02"  # properties: delivery-mode 2


def declare(queue, durable=True, **arguments):
    """Its path below /api/."""
    arguments = {"x-" + key.replace("_", "-"): value for key, value in arguments.items()}
    expect(201, "", "PUT", f"queues/%2F/{queue}", {"durable": durable, "arguments": arguments})
    return f"queues/%2F/{queue}"


def amqp(confirms=False):
    channel = client.with_channel()
    if confirms:
        channel.call("confirm.select")
    return channel


def publish(channel, queue, bodies):
    """Published and, when the channel is in confirm mode, confirmed."""
    tag = 0
    for body in bodies:
        channel.publish(body, routing_key=queue, properties=PERSISTENT)
        tag += 1
    done = 0
    while done < tag:
        done = channel.expect("basic.ack").args["delivery_tag"]


def fill(queue, bodies):
    channel = amqp(confirms=True)
    publish(channel, queue, bodies)
    channel.close()


def depth(channel, queue):
    return channel.call("queue.declare", queue=queue, passive=True)["message_count"]


def numbers(first, last):
    return [str(number) for number in range(first, last + 1)]


def octets(texts):
    return [text.encode() for text in texts]


def ask_until_killed(method, path, body):
    """A request whose answer may never come."""
    try:
        management.ask(method, path, body)
    except OSError:
        pass
    except Exception as error:  # http.client's: the connection ended
        assert type(error).__module__ == "http.client", error


def chance():
    """Random numbers by a seed that is printed."""
    seed = int(os.environ.get("STOATMQ_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}", flush=True)
    return random.Random(seed)
