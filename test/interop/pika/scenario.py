#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The interop scenario in Python, with pika's BlockingConnection; test/interop/README.md tells more.

Each function is a check and gets a fresh scene (scene.py)."""
import datetime
import decimal
import secrets
import sys
import time

import pika
from pika.exceptions import (AuthenticationError, ChannelClosedByBroker, ConnectionClosedByBroker,
                             ProbableAccessDeniedError, ProbableAuthenticationError,
                             UnroutableError)

from scene import AGAINST, REPLY_TO, WAIT_S, Scene, play, refused, same

LOCKED = (
    "cannot obtain exclusive access to locked queue '{}' in vhost '/'. It could be originally declared "
    "on another connection or the exclusive property value does not match that of the original "
    "declaration.")

# Connections

def connection_is_tuned_and_shows_the_server_properties(scene):
    connection = scene.connect(heartbeat=7, frame_max=8192, channel_max=100)
    tuned = connection._impl.params  # pika has no public name for these
    same((7, 8192, 100), (tuned.heartbeat, tuned.frame_max, tuned.channel_max))
    properties = connection._impl.server_properties
    same("StoatMQ" if AGAINST == "stoatmq" else "RabbitMQ", properties["product"])
    same({name: True for name in (
        "publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
        "connection.blocked", "consumer_priorities", "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to")}, properties["capabilities"])


def heartbeats_keep_an_idle_connection_open(scene):
    connection = scene.connect(heartbeat=1)
    connection.process_data_events(time_limit=4)  # longer than either side waits for the other
    connection.channel().close()


def wrong_password_is_refused_403(scene):
    try:
        scene.connect(credentials=pika.PlainCredentials("guest", "wrong"))
    except (AuthenticationError, ProbableAuthenticationError) as error:
        text = "Login was refused using authentication mechanism PLAIN. For details see the broker logfile."
        return same(True, f"(403) 'ACCESS_REFUSED - {text}'" in str(error))
    raise AssertionError("was let in")


def missing_vhost_is_refused_530(scene):
    try:
        scene.connect(virtual_host="nowhere")
    except (ConnectionClosedByBroker, ProbableAccessDeniedError) as error:
        return same(True, "(530) 'NOT_ALLOWED - vhost nowhere not found'" in str(error))
    raise AssertionError("was let in")


# Exchanges and bindings

def direct_exchange_routes_by_the_exact_key(scene):
    queue, exchange = scene.queue(), scene.exchange("x", "direct")
    scene.channel.queue_bind(queue, exchange, "red")
    for key in ("red", "re", "red.", "Red", "blue"):
        scene.send(exchange, key, key.encode())
    same([b"red"], scene.drain(queue))


def fanout_exchange_copies_to_every_queue(scene):
    exchange, queues = scene.exchange("x", "fanout"), [scene.queue(f"q{i}") for i in range(3)]
    for queue in queues:
        scene.channel.queue_bind(queue, exchange, "ignored")
    scene.send(exchange, "any", b"copy")
    same([[b"copy"]] * 3, [scene.drain(queue) for queue in queues])


def topic_exchange_matches_words_and_delivers_one_copy(scene):
    exchange, queue, other = scene.exchange("x", "topic"), scene.queue(), scene.queue("other")
    for pattern in ("*.orange.*", "lazy.#", "#.rabbit"):
        scene.channel.queue_bind(queue, exchange, pattern)
    scene.channel.queue_bind(other, exchange, "#")
    keys = ["quick.orange.rabbit", "lazy", "lazy.a.b.c", "rabbit", "quick.orange", "a.b", "",
        "lazy.orange.rabbit"]
    for key in keys:
        scene.send(exchange, key, key.encode())
    same([key.encode() for key in keys if key not in ("quick.orange", "a.b", "")],
        scene.drain(queue))
    same([key.encode() for key in keys], scene.drain(other))


def headers_exchange_matches_all_any_and_presence(scene):
    exchange = scene.exchange("x", "headers")
    arguments = {"all": {"x-match": "all", "a": 1, "b": "two"},
        "any": {"x-match": "any", "a": 1, "b": "two"},
                 "default": {"a": 1}, "present": {"x-match": "all", "b": None}}
    for word, table in arguments.items():
        scene.channel.queue_bind(scene.queue(word), exchange, "", table)
    for body, headers in ((b"both", {"a": 1, "b": "two"}), (b"a", {"a": 1}),
        (b"b", {"b": "two", "c": 1}),
                          (b"none", {"a": 2, "c": "two"})):
        scene.send(exchange, "", body, headers=headers)
    same({"all": [b"both"], "any": [b"both", b"a", b"b"], "default": [b"both", b"a"],
        "present": [b"both", b"b"]},
         {word: scene.drain(scene.name(word)) for word in arguments})


def exchange_to_exchange_binding_routes_until_unbound(scene):
    source, destination = scene.exchange("source", "topic"), scene.exchange("destination", "fanout")
    queue = scene.queue()
    scene.channel.exchange_bind(destination, source, "log.#")
    scene.channel.exchange_bind(destination, source, "keep")
    scene.channel.queue_bind(queue, destination)
    scene.send(source, "log.error", b"1")
    scene.send(source, "metric", b"2")
    same([b"1"], scene.drain(queue))
    scene.channel.exchange_unbind(destination, source, "log.#")
    scene.send(source, "log.error", b"3")
    scene.send(source, "keep", b"4")
    same([b"4"], scene.drain(queue))


def alternate_exchange_gets_what_was_not_routed(scene):
    alternate, routed, rest = scene.exchange("alternate",
        "fanout"), scene.queue("routed"), scene.queue("rest")
    main = scene.exchange("main", "direct", arguments={"alternate-exchange": alternate})
    scene.channel.queue_bind(rest, alternate)
    scene.channel.queue_bind(routed, main, "known")
    for key in ("known", "unknown"):
        scene.publisher.basic_publish(main, key, key.encode(), mandatory=True)
    same(([b"known"], [b"unknown"]), (scene.drain(routed), scene.drain(rest)))


def cc_and_bcc_headers_route_and_bcc_is_removed(scene):
    queues = [scene.queue(word) for word in ("to", "cc", "bcc")]
    scene.publish(queues[0], b"post", headers={"CC": [queues[1]], "BCC": [queues[2]]})
    for queue in queues:
        method, properties, body = scene.get(queue)
        same((b"post", queues[0], {"CC": [queues[1]]}),
            (body, method.routing_key, properties.headers))


def exchange_declarations_are_refused_as_rabbitmq_does(scene):
    exchange = scene.exchange("x", "direct")
    for code, text, arguments in (
            (406,
                f"PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{exchange}' in vhost '/': "
                  "received 'fanout' but current is 'direct'",
                  {"exchange": exchange, "exchange_type": "fanout"}),
            (406,
                f"PRECONDITION_FAILED - inequivalent arg 'durable' for exchange '{exchange}' in vhost '/': "
                  "received 'true' but current is 'false'",
                  {"exchange": exchange, "durable": True}),
            (404, "NOT_FOUND - no exchange 'interop-missing' in vhost '/'",
             {"exchange": "interop-missing", "passive": True}),
            (403, "ACCESS_REFUSED - exchange name 'amq.interop' contains reserved prefix 'amq.*'",
             {"exchange": "amq.interop"})):
        refused(code, text, lambda: scene.connection.channel().exchange_declare(**arguments))
    refused(503, "COMMAND_INVALID - unknown exchange type 'nonsense'",
            lambda: scene.connect().channel().exchange_declare("interop-x", "nonsense"),
            ConnectionClosedByBroker)
    scene.channel.exchange_delete(exchange)


def default_and_internal_exchanges_refuse_403(scene):
    queue, internal = scene.queue(), scene.exchange("internal", "fanout", internal=True)
    refused(403, "ACCESS_REFUSED - operation not permitted on the default exchange",
            lambda: scene.connection.channel().queue_bind(queue, "", "key"))
    refused(403, f"ACCESS_REFUSED - cannot publish to internal exchange '{internal}' in vhost '/'",
            lambda: scene.send(internal, "", b""))
    scene.channel.exchange_delete(internal)


def exchange_delete_if_unused_refuses_while_bound_406(scene):
    queue, exchange = scene.queue(), scene.exchange("x", "fanout")
    scene.channel.queue_bind(queue, exchange)
    refused(406, f"PRECONDITION_FAILED - exchange '{exchange}' in vhost '/' in use",
            lambda: scene.connection.channel().exchange_delete(exchange, if_unused=True))
    scene.channel.queue_unbind(queue, exchange)  # the last binding: auto-delete takes the exchange
    refused(404, f"NOT_FOUND - no exchange '{exchange}' in vhost '/'",
            lambda: scene.connection.channel().exchange_declare(exchange, passive=True))
    scene.channel.exchange_delete(exchange)  # a missing one: fine


# Messages

def all_properties_round_trip(scene):
    queue = scene.queue()
    sent = dict(content_type="application/json", content_encoding="gzip", headers={"k": "v"},
        delivery_mode=2,
                priority=9, correlation_id="c-1", reply_to="answers", expiration="60000",
                message_id="m-1",
                timestamp=1700000000, type="kind", user_id="guest", app_id="app",
                cluster_id="cluster")
    scene.publish(queue, b"{}", **sent)
    method, properties, body = scene.get(queue)
    same((b"{}", "", queue, False), (body, method.exchange, method.routing_key, method.redelivered))
    same(sent, {key: value for key, value in vars(properties).items() if value is not None})
    scene.publish(queue, b"bare")
    same({}, {key: value for key, value in vars(scene.get(queue)[1]).items() if value is not None})


def all_field_table_types_round_trip(scene):
    # pika sends S, x, t, I, l, L, D, T, F, A and V; it cannot send B, b, s, u, i, f or d.
    queue = scene.queue()
    headers = {"text": "grün ☃", "empty": "", "binary": b"\x00\xff\x80", "yes": True, "no": False,
        "int": 42,
               "negative": -1, "int_min": -2**31, "long": 2**40, "long_min": -2**63,
               "decimal": decimal.Decimal("3.14"),
               "time": datetime.datetime(2024, 2, 29, 12, 30, 15), "void": None,
               "table": {"a": 1, "deep": {"deeper": {"list": [1, "x", None]}}, "empty": {}},
               "array": [1, "two", [3, [True]], {"four": 4}, None, b"\x00"], "empty_array": []}
    scene.publish(queue, b"", headers=headers)
    same(headers, scene.get(queue)[1].headers)


def empty_and_large_bodies_round_trip(scene):
    queue = scene.queue()
    bodies = [secrets.token_bytes(size) for size in (0, 1, 131072 - 8, 131072 - 7, 3 * 2**20)]
    scene.publish(queue, *bodies)
    deliveries = []
    scene.consume(queue, deliveries, auto_ack=True)
    same(bodies, scene.wait_for(deliveries, len(bodies)))
    small = scene.connect(frame_max=4096).channel()
    small.basic_publish("", other := scene.queue("small", small), bodies[-1])
    same(bodies[-1], scene.get(other, small)[2])


def user_id_of_another_user_is_refused_406(scene):
    queue = scene.queue()
    refused(406,
        "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
            lambda: scene.publish(queue, b"", user_id="other"))


# Publishers

def unroutable_mandatory_message_returns_before_its_confirm(scene):
    try:
        scene.publisher.basic_publish("", "interop-missing", b"back",
            pika.BasicProperties(message_id="m"), True)
    except UnroutableError as error:  # raised on the confirm, with what was returned before it
        message, = error.messages
        same((312, "NO_ROUTE", "", "interop-missing", "m", b"back"), (
            message.method.reply_code, message.method.reply_text, message.method.exchange,
            message.method.routing_key, message.properties.message_id, message.body))
    else:
        raise AssertionError("was not returned")
    scene.publish("interop-missing", b"gone")  # not mandatory: confirmed and dropped


def every_publish_is_confirmed(scene):
    queue = scene.queue()
    scene.publish(queue, *(b"%d" % i for i in range(50)),
        delivery_mode=2)  # each waits for its own confirm
    same(50, scene.channel.queue_declare(queue, passive=True).method.message_count)


def transaction_publishes_and_acks_at_commit_and_forgets_at_rollback(scene):
    queue = scene.queue()
    other = scene.connection.channel()
    count = lambda: other.queue_declare(queue, passive=True).method.message_count
    scene.channel.tx_select()
    for body in (b"1", b"2"):
        scene.channel.basic_publish("", queue, body)
    same(0, count())
    scene.channel.tx_commit()
    same(2, count())
    scene.channel.basic_publish("", queue, b"3")
    scene.channel.tx_rollback()
    same(2, count())
    method, _properties, _body = scene.get(queue, auto_ack=False)
    scene.channel.basic_ack(method.delivery_tag)
    scene.channel.tx_rollback()  # the ack is forgotten, the message still unacked
    scene.channel.basic_ack(method.delivery_tag)
    scene.channel.tx_commit()
    scene.channel.close()
    same(1, count())


def tx_and_confirm_exclude_each_other_406(scene):
    tx, confirm = scene.connection.channel(), scene.connection.channel()
    tx.tx_select()
    confirm.confirm_delivery()
    refused(406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode", tx.confirm_delivery)
    refused(406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode", confirm.tx_select)
    refused(406, "PRECONDITION_FAILED - channel is not transactional", scene.channel.tx_commit)


def publish_to_a_missing_exchange_closes_the_channel_404(scene):
    refused(404, "NOT_FOUND - no exchange 'interop-missing' in vhost '/'",
            lambda: scene.send("interop-missing", "key", b""))


def direct_reply_to_answers_an_rpc(scene):
    requests, answers = [], []
    server = scene.connect().channel()
    queue = scene.queue("rpc", server)
    scene.consume(queue, requests, server, auto_ack=True)
    scene.consume(REPLY_TO, answers, auto_ack=True)
    scene.channel.basic_publish("", queue, b"6*7",
        pika.BasicProperties(reply_to=REPLY_TO, correlation_id="rpc-1"))
    scene.wait_for(requests, 1, server.connection)
    _method, properties, _body = requests[0]
    same(True, properties.reply_to.startswith(REPLY_TO + "."))
    server.basic_publish("", properties.reply_to, b"42",
        pika.BasicProperties(correlation_id=properties.correlation_id))
    same([b"42"], scene.wait_for(answers, 1))
    same(("rpc-1", ""), (answers[0][1].correlation_id, answers[0][0].exchange))
    refused(406, "PRECONDITION_FAILED - reply consumer cannot acknowledge",
            lambda: scene.consume(REPLY_TO, answers, scene.connection.channel()))
    refused(406, "PRECONDITION_FAILED - fast reply consumer does not exist",
            lambda: scene.publish(queue, b"", reply_to=REPLY_TO))


def unsupported_bits_close_the_connection_540(scene):
    # pika's publish has no immediate bit.
    for text, action in (
            ("NOT_IMPLEMENTED - prefetch_size!=0 (10)",
                lambda channel: channel.basic_qos(prefetch_size=10)),
            ("NOT_IMPLEMENTED - active=false", lambda channel: channel.flow(False)),
            ("NOT_IMPLEMENTED - requeue=false",
                lambda channel: channel.basic_recover(requeue=False))):
        refused(540, text, lambda: action(scene.connect().channel()), ConnectionClosedByBroker)
    same(True, scene.channel.flow(True))


# Queues

def server_named_queue_becomes_the_channels_last_queue(scene):
    queue = scene.channel.queue_declare("", exclusive=True).method.queue
    same((True, 30), (queue.startswith("amq.gen-"), len(queue)))
    scene.channel.queue_bind("", "amq.direct", queue)  # no name: the last declared
    scene.send("amq.direct", queue, b"found")
    same([b"found"], scene.drain(queue))
    refused(404, "NOT_FOUND - no previously declared queue",
        lambda: scene.connection.channel().queue_purge(""))


def exclusive_queue_is_locked_to_its_connection_405_and_dies_with_it(scene):
    owner = scene.connect()
    queue = scene.queue("exclusive", owner.channel())
    for action in (lambda channel: channel.queue_declare(queue, exclusive=True),
                   lambda channel: channel.queue_declare(queue, passive=True),
                   lambda channel: channel.queue_purge(queue),
                   lambda channel: channel.basic_get(queue),
                   lambda channel: channel.queue_delete(queue),
                   lambda channel: scene.consume(queue, [], channel)):
        refused(405, f"RESOURCE_LOCKED - {LOCKED.format(queue)}",
            lambda: action(scene.connection.channel()))
    owner.close()
    deadline = time.monotonic() + WAIT_S  # the broker may take it away a moment after close-ok
    while time.monotonic() < deadline:
        try:
            scene.connection.channel().queue_declare(queue, passive=True)
        except ChannelClosedByBroker as closed:
            if closed.reply_code == 404:
                return
    raise AssertionError("the queue outlived its connection")


def missing_queue_is_refused_404(scene):
    text = "NOT_FOUND - no queue 'interop-missing' in vhost '/'"
    for action in (lambda channel: channel.queue_declare("interop-missing", passive=True),
                   lambda channel: channel.basic_get("interop-missing"),
                   lambda channel: channel.queue_purge("interop-missing"),
                   lambda channel: channel.queue_bind("interop-missing", "amq.direct", "key"),
                   lambda channel: scene.consume("interop-missing", [], channel)):
        refused(404, text, lambda: action(scene.connection.channel()))
    same(0, scene.channel.queue_delete("interop-missing").method.message_count)


def inequivalent_queue_declaration_is_refused_406(scene):
    queue, arguments = scene.name("plain"), {"x-max-length": 10, "x-expires": 60000}
    scene.channel.queue_declare(queue, arguments=arguments)
    scene.channel.queue_declare(queue,
        arguments=dict(reversed(arguments.items())))  # the order is no difference
    inequivalent = f"for queue '{queue}' in vhost '/': received"
    for argument, difference, declaration in (
            ("durable", "'true' but current is 'false'", {"durable": True, "arguments": arguments}),
            ("auto_delete", "'true' but current is 'false'",
                {"auto_delete": True, "arguments": arguments}),
            ("x-max-length", "'11' but current is '10'",
             {"arguments": arguments | {"x-max-length": 11}}),
            ("x-expires", "none but current is the value '60000' of type 'signedint'",
             {"arguments": {"x-max-length": 10}}),
            ("durable", "'true' but current is 'false'",
                {"durable": True})):  # looked at before the arguments
        refused(406,
            f"PRECONDITION_FAILED - inequivalent arg '{argument}' {inequivalent} {difference}",
                lambda: scene.connection.channel().queue_declare(queue, **declaration))
    refused(405, f"RESOURCE_LOCKED - {LOCKED.format(queue)}",
            lambda: scene.connection.channel().queue_declare(queue, exclusive=True,
                arguments=arguments))
    scene.channel.queue_delete(queue)
    scene.queue(durable=True)
    scene.queue(durable=False)  # an exclusive queue is never durable, whatever was asked for


def purge_and_delete_tell_the_count(scene):
    queue = scene.queue()
    scene.publish(queue, b"1", b"2", b"3")
    same(3, scene.channel.queue_purge(queue).method.message_count)
    scene.publish(queue, b"4", b"5")
    same((2, 0), (lambda ok: (ok.message_count, ok.consumer_count))(
        scene.channel.queue_declare(queue, passive=True).method))
    same(2, scene.channel.queue_delete(queue).method.message_count)


def queue_delete_if_unused_and_if_empty_refuse_406(scene):
    queue = scene.queue()
    scene.publish(queue, b"1")
    refused(406, f"PRECONDITION_FAILED - queue '{queue}' in vhost '/' not empty",
            lambda: scene.connection.channel().queue_delete(queue, if_empty=True))
    scene.consume(queue, [])
    refused(406, f"PRECONDITION_FAILED - queue '{queue}' in vhost '/' in use",
            lambda: scene.connection.channel().queue_delete(queue, if_unused=True))


def auto_delete_queue_goes_with_its_last_consumer(scene):
    queue = scene.queue(auto_delete=True)
    tags = [scene.consume(queue, []) for _ in range(2)]
    scene.channel.basic_cancel(tags[0])
    scene.channel.queue_declare(queue, passive=True)
    scene.channel.basic_cancel(tags[1])
    refused(404, f"NOT_FOUND - no queue '{queue}' in vhost '/'",
            lambda: scene.channel.queue_declare(queue, passive=True))


# Consumers

def get_tells_the_count_and_empty(scene):
    queue = scene.queue()
    scene.publish(queue, b"1", b"2", b"3")
    got = [scene.get(queue, auto_ack=False) for _ in range(4)]
    same([(1, 2, b"1"), (2, 1, b"2"), (3, 0, b"3")],
         [(method.delivery_tag, method.message_count, body) for method, _properties,
             body in got[:3]])
    same((None, None, None), got[3])


def consumer_tag_is_carried_by_its_deliveries(scene):
    # pika names a consumer itself when it gets no tag, and refuses a used tag itself.
    queue, deliveries = scene.queue(), []
    same("tag", scene.consume(queue, deliveries, consumer_tag="tag", auto_ack=True))
    scene.publish(queue, b"1")
    scene.wait_for(deliveries, 1)
    same(("tag", 1), (deliveries[0][0].consumer_tag, deliveries[0][0].delivery_tag))


def exclusive_consumer_keeps_others_out_403(scene):
    queue = scene.queue()
    tag = scene.consume(queue, [], exclusive=True)
    text = f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"
    refused(403, text, lambda: scene.consume(queue, [], scene.connection.channel()))
    scene.channel.basic_cancel(tag)
    scene.consume(queue, [])
    refused(403, text, lambda: scene.consume(queue, [], scene.connection.channel(), exclusive=True))


def no_ack_consumer_leaves_nothing_behind(scene):
    queue, deliveries = scene.queue(), []
    channel = scene.connection.channel()
    scene.publish(queue, b"1", b"2")
    scene.consume(queue, deliveries, channel, auto_ack=True)
    same([b"1", b"2"], scene.wait_for(deliveries, 2))
    refused(406, "PRECONDITION_FAILED - unknown delivery tag 1", lambda: (
        channel.basic_ack(1), channel.queue_declare(queue, passive=True)))
    same([], scene.drain(queue))


def cancelled_consumer_gets_no_more(scene):
    queue, deliveries = scene.queue(), []
    tag = scene.consume(queue, deliveries, auto_ack=True)
    scene.publish(queue, b"1")
    scene.wait_for(deliveries, 1)
    scene.channel.basic_cancel(tag)
    scene.publish(queue, b"2")
    same([b"2"], scene.drain(queue))
    same(1, len(deliveries))


def consumers_take_turns(scene):
    queue, first, second = scene.queue(), [], []
    scene.consume(queue, first, auto_ack=True)
    scene.consume(queue, second, auto_ack=True)
    scene.publish(queue, *(b"%d" % i for i in range(6)))
    same([b"0", b"2", b"4"], scene.wait_for(first, 3))
    same([b"1", b"3", b"5"], scene.wait_for(second, 3))


def consumer_of_higher_priority_is_served_while_it_has_credit(scene):
    queue, low, high = scene.queue(), [], []
    scene.channel.basic_qos(prefetch_count=2)
    scene.consume(queue, low)
    scene.consume(queue, high, arguments={"x-priority": 5})
    scene.publish(queue, b"1", b"2", b"3", b"4", b"5")
    same([b"1", b"2"], scene.wait_for(high, 2))
    same([b"3", b"4"], scene.wait_for(low, 2))
    scene.channel.basic_ack(high[0][0].delivery_tag)
    same([b"1", b"2", b"5"], scene.wait_for(high, 3))


def qos_limits_each_consumer(scene):
    queue, first, second = scene.queue(), [], []
    scene.publish(queue, *(b"%d" % i for i in range(9)))
    scene.channel.basic_qos(prefetch_count=2)
    scene.consume(queue, first)
    scene.channel.basic_qos(prefetch_count=3)  # for consumers made from here on
    scene.consume(queue, second)
    same([b"0", b"1"], scene.wait_for(first, 2))
    same([b"2", b"3", b"4"], scene.wait_for(second, 3))
    scene.no_more(queue, 5, first, second)
    scene.channel.basic_ack(first[-1][0].delivery_tag, multiple=True)
    same([b"0", b"1", b"5", b"6"], scene.wait_for(first, 4))
    scene.no_more(queue, 7, first, second)


def global_qos_limits_the_channel(scene):
    queue, deliveries = scene.queue(), []
    scene.channel.basic_qos(prefetch_count=3, global_qos=True)
    tags = [scene.consume(queue, deliveries) for _ in range(2)]
    scene.publish(queue, *(b"%d" % i for i in range(5)))
    same([b"0", b"1", b"2"], scene.wait_for(deliveries, 3))
    same(set(tags), {method.consumer_tag for method, _properties, _body in deliveries})
    scene.no_more(queue, 3, deliveries)
    scene.channel.basic_ack(0, multiple=True)  # all that was delivered
    same([b"3", b"4"], scene.wait_for(deliveries, 5)[3:])


def ack_nack_and_reject_settle_one_or_many(scene):
    queue, channel = scene.queue(), scene.connection.channel()
    scene.publish(queue, *(b"%d" % i for i in range(8)))
    for _ in range(8):
        scene.get(queue, channel, auto_ack=False)
    channel.basic_ack(2, multiple=True)  # 0, 1 gone
    channel.basic_nack(4, multiple=True, requeue=True)  # 2, 3 back
    channel.basic_reject(5, requeue=False)  # 4 gone
    channel.basic_reject(6, requeue=True)  # 5 back
    channel.basic_nack(7, requeue=False)  # 6 gone, 7 stays unacked
    channel.close()  # 7 back
    same([b"2", b"3", b"5", b"7"], scene.drain(queue))


def unknown_or_settled_delivery_tag_is_refused_406(scene):
    queue = scene.queue()
    scene.publish(queue, b"1")
    channel = scene.connection.channel()
    tag = scene.get(queue, channel, auto_ack=False)[0].delivery_tag
    channel.basic_ack(tag)
    for used, settle, number in ((channel, channel.basic_ack, tag), *(
            (fresh, getattr(fresh, method), 99) for method in ("basic_ack", "basic_nack",
                "basic_reject")
            for fresh in [scene.connection.channel()])):
        refused(406, f"PRECONDITION_FAILED - unknown delivery tag {number}",
                lambda: (settle(number), used.queue_declare(queue, passive=True)))


def requeued_messages_go_back_to_their_place_redelivered(scene):
    queue, channel = scene.queue(), scene.connection.channel()
    scene.publish(queue, b"1", b"2", b"3", b"4")
    tags = [scene.get(queue, channel, auto_ack=False)[0].delivery_tag for _ in range(3)]
    channel.basic_nack(tags[1], requeue=True)
    channel.basic_reject(tags[0], requeue=True)
    got = [scene.get(queue, channel) for _ in range(3)]
    same([(b"1", True), (b"2", True), (b"4", False)],
        [(body, method.redelivered) for method, _p, body in got])


def unacked_messages_of_a_closed_channel_return_in_order(scene):
    queue, channel, deliveries = scene.queue(), scene.connection.channel(), []
    scene.publish(queue, b"1", b"2", b"3", b"4", b"5")
    channel.basic_qos(prefetch_count=3)
    scene.consume(queue, deliveries, channel)
    scene.wait_for(deliveries, 3)
    channel.basic_ack(deliveries[1][0].delivery_tag)
    scene.wait_for(deliveries, 4)
    channel.close()
    got = [scene.get(queue) for _ in range(4)]
    same([(b"1", True), (b"3", True), (b"4", True), (b"5", False)],
        [(body, m.redelivered) for m, _p, body in got])


def recover_redelivers_what_is_unacked(scene):
    queue, deliveries = scene.queue(), []
    scene.consume(queue, deliveries)
    scene.publish(queue, b"1", b"2")
    scene.wait_for(deliveries, 2)
    scene.channel.basic_ack(deliveries[0][0].delivery_tag)
    scene.channel.basic_recover(requeue=True)
    same([b"1", b"2", b"2"], scene.wait_for(deliveries, 3))
    same((3, True), (deliveries[2][0].delivery_tag, deliveries[2][0].redelivered))


def consumer_is_told_when_its_queue_is_deleted(scene):
    queue, cancelled = scene.queue(), []
    scene.channel.add_on_cancel_callback(cancelled.append)
    tag = scene.consume(queue, [])
    scene.connection.channel().queue_delete(queue)
    deadline = time.monotonic() + WAIT_S
    while not cancelled and time.monotonic() < deadline:
        scene.connection.process_data_events(time_limit=0.5)
    same([tag], [frame.method.consumer_tag for frame in cancelled])
    scene.channel.queue_declare("", exclusive=True)  # the channel lives on


if __name__ == "__main__":
    sys.exit(play(__name__, Scene))
