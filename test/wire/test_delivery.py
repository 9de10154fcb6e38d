# SPDX-License-Identifier: Apache-2.0
"""Delivery tags, consumer tags, direct reply-to and user-id, as a client gets them wrong."""

import wire
from client import ANY, USER, connected, unique
from scripts import named, test

ACKS = ("basic.ack", "basic.nack", "basic.reject")


def unknown_tag(tag):
    return f"PRECONDITION_FAILED - unknown delivery tag {tag}"


def _tag_never_issued(name):
    def script(channel):
        channel.send(name, delivery_tag=99)
        channel.expect_channel_close(406, unknown_tag(99), name)

    named(script, f"{name} of a tag never issued closes channel 406")


def _tag_settled_twice(name):
    def script(channel):
        queue = channel.queue()
        channel.publish(b"x", routing_key=queue)
        channel.get(queue)
        channel.send(name, delivery_tag=1)
        channel.send(name, delivery_tag=1)
        channel.expect_channel_close(406, unknown_tag(1), name)

    named(script, f"{name} twice closes channel 406")


for _name in ACKS:
    _tag_never_issued(_name)
    _tag_settled_twice(_name)


@test
def ack_of_tag_0_closes_channel_406(channel):
    channel.send("basic.ack", delivery_tag=0)
    channel.expect_channel_close(406, unknown_tag(0), "basic.ack")


@test
def ack_multiple_of_tag_0_with_nothing_outstanding_is_accepted(channel):
    channel.send("basic.ack", delivery_tag=0, multiple=True)
    channel.expect_alive()


@test
def ack_multiple_of_a_tag_never_issued_closes_channel_406(channel):
    channel.send("basic.ack", delivery_tag=5, multiple=True)
    channel.expect_channel_close(406, unknown_tag(5), "basic.ack")


@test
def ack_multiple_beyond_the_last_tag_closes_channel_406(channel):
    queue = channel.queue()
    channel.publish(b"x", routing_key=queue)
    channel.get(queue)
    channel.send("basic.ack", delivery_tag=2, multiple=True)
    channel.expect_channel_close(406, unknown_tag(2), "basic.ack")


@test
def ack_multiple_of_a_settled_tag_closes_channel_406(channel):
    queue = channel.queue()
    for _ in range(2):
        channel.publish(b"x", routing_key=queue)
        channel.get(queue)
    channel.send("basic.ack", delivery_tag=1)
    channel.send("basic.ack", delivery_tag=1, multiple=True)
    channel.expect_channel_close(406, ANY, "basic.ack")


@test
def ack_of_the_greatest_tag_closes_channel_406(channel):
    channel.send("basic.ack", delivery_tag=2**64 - 1)
    channel.expect_channel_close(406, unknown_tag(2**64 - 1), "basic.ack")


@test
def ack_of_a_message_taken_without_acks_closes_channel_406(channel):
    queue = channel.queue()
    channel.publish(b"x", routing_key=queue)
    channel.get(queue, no_ack=True)
    channel.send("basic.ack", delivery_tag=1)
    channel.expect_channel_close(406, unknown_tag(1), "basic.ack")


@test
def ack_on_another_channel_closes_that_channel_406(channel):
    channel.open_channel(2)
    queue = channel.queue()
    channel.publish(b"x", routing_key=queue)
    channel.get(queue)
    channel.send("basic.ack", 2, delivery_tag=1)
    channel.expect_channel_close(406, unknown_tag(1), "basic.ack", channel=2)
    channel.send("basic.ack", delivery_tag=1)
    channel.expect_alive()


@test
def delivery_tags_start_again_on_a_reopened_channel(channel):
    queue = channel.queue()
    for _ in range(2):
        channel.publish(b"x", routing_key=queue)
        assert channel.get(queue, no_ack=True)[0].args["delivery_tag"] == 1
        channel.call("channel.close", reply_code=200)
        channel.open_channel()


@test
def second_consumer_with_the_same_tag_closes_connection_530(channel):
    queue = channel.queue()
    channel.call("basic.consume", queue=queue, consumer_tag="same")
    channel.send("basic.consume", queue=queue, consumer_tag="same")
    channel.expect_connection_close(
        530, "NOT_ALLOWED - attempt to reuse consumer tag 'same'", "basic.consume"
    )


@test
def same_consumer_tag_on_two_channels_is_accepted(channel):
    channel.open_channel(2)
    queue = channel.queue()
    for number in (1, 2):
        channel.call("basic.consume", number, queue=queue, consumer_tag="same")


@test
def empty_consumer_tag_gets_a_generated_one(channel):
    tag = channel.call("basic.consume", queue=channel.queue())["consumer_tag"]
    assert tag.startswith("amq.ctag-"), tag


@test
def cancel_of_an_unknown_consumer_is_answered(channel):
    assert channel.call("basic.cancel", consumer_tag="nobody") == {"consumer_tag": "nobody"}


@test
def consume_without_waiting_has_no_answer(channel):
    queue = channel.queue()
    channel.send("basic.consume", queue=queue, consumer_tag="quiet", no_ack=True, nowait=True)
    channel.publish(b"x", routing_key=queue)
    channel.expect_content("basic.deliver", consumer_tag="quiet", delivery_tag=1)


@test
def exclusive_consumer_keeps_others_out_403(channel):
    channel.open_channel(2)
    queue = channel.queue()
    channel.call("basic.consume", queue=queue, exclusive=True)
    channel.send("basic.consume", 2, queue=queue)
    channel.expect_channel_close(
        403,
        f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use",
        "basic.consume",
        channel=2,
    )


@test
def exclusive_queue_of_another_connection_closes_channel_405(channel):
    other = connected().open_channel()
    queue = other.queue()
    channel.send("queue.declare", queue=queue, passive=True)
    channel.expect_channel_close(
        405,
        f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '/'."
        " It could be originally declared on another connection or the exclusive property value"
        " does not match that of the original declaration.",
        "queue.declare",
    )


@test
def consumer_is_told_when_its_queue_is_deleted(channel):
    queue = channel.queue()
    channel.call("basic.consume", queue=queue, consumer_tag="bereft")
    channel.send("queue.delete", queue=queue)
    names = {channel.expect_any().name for _ in range(2)}
    assert names == {"basic.cancel", "queue.delete-ok"}, names


@test
def mandatory_message_without_a_route_is_returned_before_its_confirm(channel):
    channel.call("confirm.select")
    key = unique()
    channel.publish(b"back", routing_key=key, mandatory=True)
    _, _, body = channel.expect_content(
        "basic.return", reply_code=312, reply_text="NO_ROUTE", routing_key=key
    )
    assert body == b"back"
    channel.expect("basic.ack", delivery_tag=1)


# --- direct reply-to

REPLY_TO = "amq.rabbitmq.reply-to"


@test
def reply_consumer_that_acknowledges_closes_channel_406(channel):
    channel.send("basic.consume", queue=REPLY_TO)
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - reply consumer cannot acknowledge", "basic.consume"
    )


@test
def second_reply_consumer_closes_channel_406(channel):
    channel.call("basic.consume", queue=REPLY_TO, no_ack=True)
    channel.send("basic.consume", queue=REPLY_TO, no_ack=True)
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - reply consumer already set", "basic.consume"
    )


@test
def request_without_a_reply_consumer_closes_channel_406(channel):
    channel.publish(b"x", routing_key=unique(), properties=b"\x02\0" + wire.shortstr(REPLY_TO))
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - fast reply consumer does not exist", "basic.publish"
    )


@test
def reply_queue_exists_for_a_passive_declare(channel):
    assert channel.call("queue.declare", queue=REPLY_TO, passive=True)["queue"] == REPLY_TO


@test
def reply_goes_straight_to_the_requester(channel):
    channel.call("basic.consume", queue=REPLY_TO, no_ack=True, consumer_tag="replies")
    server = connected().open_channel()
    requests = server.queue()
    server.call("basic.consume", queue=requests, no_ack=True)
    channel.publish(b"ping", routing_key=requests, properties=b"\x02\0" + wire.shortstr(REPLY_TO))
    _, properties, _ = server.expect_content("basic.deliver")
    reply_to = wire.Reader(properties[2:]).shortstr()
    assert reply_to.startswith(REPLY_TO + "."), reply_to
    server.publish(b"pong", routing_key=reply_to)
    method, _, body = channel.expect_content("basic.deliver", consumer_tag="replies")
    assert (body, method.args["exchange"], method.args["routing_key"]) == (b"pong", "", reply_to)


@test
def mandatory_reply_to_somebody_who_is_gone_is_returned(channel):
    channel.publish(b"x", routing_key=REPLY_TO + ".nobody", mandatory=True)
    channel.expect_content("basic.return", reply_code=312, reply_text="NO_ROUTE")


@test
def passive_declare_of_a_reply_queue_that_is_gone_closes_channel_404(channel):
    channel.send("queue.declare", queue=REPLY_TO + ".nobody", passive=True)
    channel.expect_channel_close(
        404, f"NOT_FOUND - no queue '{REPLY_TO}.nobody' in vhost '/'", "queue.declare"
    )


@test
def get_from_the_reply_queue_closes_channel_404(channel):
    channel.send("basic.get", queue=REPLY_TO)
    channel.expect_channel_close(
        404, f"NOT_FOUND - no queue '{REPLY_TO}' in vhost '/'", "basic.get"
    )


@test
def reply_to_somebody_who_is_gone_is_dropped(channel):
    channel.publish(b"x", routing_key=REPLY_TO + ".nobody")
    channel.publish(b"x", routing_key=REPLY_TO)
    channel.expect_alive()


# --- user-id


@test
def own_user_id_is_accepted(channel):
    queue = channel.queue()
    channel.publish(b"x", routing_key=queue, properties=wire.user_id_property(USER))
    assert channel.get(queue)[1] == wire.user_id_property(USER)


@test
def foreign_user_id_closes_channel_406(channel):
    channel.publish(b"x", routing_key=unique(), properties=wire.user_id_property("somebody"))
    channel.expect_channel_close(
        406,
        "PRECONDITION_FAILED - user_id property set to 'somebody'"
        f" but authenticated user was '{USER}'",
        "basic.publish",
    )


# --- properties that mean something


def _expiration_is_refused(expiration, reason):
    def script(channel):
        channel.publish(
            b"x", routing_key=unique(), properties=b"\x01\0" + wire.shortstr(expiration)
        )
        channel.expect_channel_close(
            406,
            f"PRECONDITION_FAILED - invalid expiration '{expiration}': {reason}",
            "basic.publish",
        )

    named(script, f"expiration '{expiration}' closes channel 406")


_expiration_is_refused("soon", "no_integer")
_expiration_is_refused("", "no_integer")
_expiration_is_refused("-1", "{value_negative,-1}")
_expiration_is_refused("99999999999999", "{value_too_large,99999999999999}")


@test
def cc_header_that_is_no_array_closes_channel_406(channel):
    channel.publish(b"x", routing_key=unique(), properties=wire.headers_property({"CC": "key"}))
    channel.expect_channel_close(
        406,
        'PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr}',
        "basic.publish",
    )


@test
def bcc_header_that_is_no_array_closes_channel_406(channel):
    channel.publish(b"x", routing_key=unique(), properties=wire.headers_property({"BCC": 5}))
    channel.expect_channel_close(
        406,
        'PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"BCC",signedint}',
        "basic.publish",
    )


@test
def delivery_mode_that_is_neither_1_nor_2_closes_channel_406(channel):
    channel.publish(b"x", routing_key=unique(), properties=b"\x10\0\x07")
    channel.expect_channel_close(
        406, "PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,7}", "basic.publish"
    )


@test
def publish_to_an_internal_exchange_closes_channel_403(channel):
    exchange = channel.exchange(type="fanout", internal=True, auto_delete=True)
    channel.publish(b"x", exchange=exchange)
    channel.expect_channel_close(
        403,
        f"ACCESS_REFUSED - cannot publish to internal exchange '{exchange}' in vhost '/'",
        "basic.publish",
    )
    channel.open_channel()
    channel.call("exchange.delete", exchange=exchange)


@test
def binding_to_the_default_exchange_closes_channel_403(channel):
    channel.send("queue.bind", queue=channel.queue(), routing_key="key")
    channel.expect_channel_close(
        403, "ACCESS_REFUSED - operation not permitted on the default exchange", "queue.bind"
    )


@test
def deleting_what_is_not_there_is_answered(channel):
    assert channel.call("queue.delete", queue=unique()) == {"message_count": 0}
    channel.call("exchange.delete", exchange=unique())


def _argument_is_refused(name, arguments, reason):
    def script(channel):
        queue, argument = unique(), next(iter(arguments))
        channel.send("queue.declare", queue=queue, arguments=arguments)
        channel.expect_channel_close(
            406,
            f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}'"
            f" in vhost '/': {reason}",
            "queue.declare",
        )

    named(script, f"queue argument {name} closes channel 406")


_argument_is_refused("x-expires of 0", {"x-expires": 0}, "{value_zero,0}")
_argument_is_refused(
    "x-expires that is no number", {"x-expires": "a"}, '"expected integer, got longstr"'
)
_argument_is_refused("x-message-ttl below 0", {"x-message-ttl": -1}, "{value_negative,-1}")


def _binding_is_refused(name, value, text):
    def script(channel):
        channel.send(
            "queue.bind",
            queue=channel.queue(),
            exchange="amq.headers",
            arguments={"x-match": value},
        )
        channel.expect_channel_close(
            406, f"PRECONDITION_FAILED - Invalid x-match field {text}", "queue.bind"
        )

    named(script, f"x-match {name} closes channel 406")


_binding_is_refused(
    "that nobody knows", "some", 'value <<"some">>; expected all, any, all-with-x, or any-with-x'
)
_binding_is_refused("that is no string", 1, "type signedint (value 1); expected longstr")
