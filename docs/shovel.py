#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Moves the messages of a queue from one broker to another: docs/migrate-from-rabbitmq.md.

  docs/shovel.py SOURCE_URI DESTINATION_URI QUEUE... [--window N] [--follow]

URIs: amqp://user:password@host:port/vhost. The queues are on both sides already (import the definitions). A message is
acknowledged to the source after the destination has confirmed it: what is interrupted loses nothing, and may bring some
messages twice. It ends when the queues are empty, or goes on with --follow. Needs pika (apt install python3-pika).
"""

import argparse
import sys

import pika


def move(source, destination, queue, window, follow):
    """Moves what waits in QUEUE, in order; returns how many messages that were."""
    moved = 0
    idle_s = None if follow else 1
    source.basic_qos(prefetch_count=window)
    for method, properties, body in source.consume(queue, inactivity_timeout=idle_s):
        if method is None:
            break  # nothing came for a while
        # mandatory, in confirm mode: raises when the broker has no such queue or refuses
        destination.basic_publish("", queue, body, properties, mandatory=True)
        source.basic_ack(method.delivery_tag)
        moved += 1
        if moved % 10000 == 0:
            print(f"{queue}: {moved}", file=sys.stderr)
    source.cancel()
    return moved


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("destination")
    parser.add_argument("queue", nargs="+")
    parser.add_argument("--window", type=int, default=100, help="messages fetched ahead")
    parser.add_argument("--follow", action="store_true", help="wait for more; one queue only")
    options = parser.parse_args()
    if options.follow and len(options.queue) > 1:
        parser.error("--follow takes one queue; run it once for each")
    with pika.BlockingConnection(pika.URLParameters(options.source)) as source, \
            pika.BlockingConnection(pika.URLParameters(options.destination)) as destination:
        channel = destination.channel()
        channel.confirm_delivery()
        for queue in options.queue:
            moved = move(source.channel(), channel, queue, options.window, options.follow)
            print(f"{queue}: {moved} messages moved")


if __name__ == "__main__":
    main()
