# SPDX-License-Identifier: Apache-2.0
"""From the protocol header to connection.open-ok."""

import os
import re
import time

import wire
from client import ANY, NO_METHOD, PASSWORD, USER, Client, plain, unique
from scripts import named, test
from wire import longstr, shortstr

REFUSED = (
    "ACCESS_REFUSED - Login was refused using authentication mechanism {}. "
    "For details see the broker logfile."
)


WRONG_STATE = "CHANNEL_ERROR - unexpected method in connection state {}"
OUT_OF_ORDER = {501, 502, 503, 504, 505}
AUTHENTICATION_FAILURE_CLOSE = {"capabilities": {"authentication_failure_close": True}}


def start_ok(c, **args):
    c.send(
        "connection.start-ok",
        **{"mechanism": "PLAIN", "response": plain(), "locale": "en_US", **args},
    )


def expect_header_refused(c, header):
    c.write(header)
    c.expect_bytes(wire.PROTOCOL_HEADER)
    c.expect_eof()


# --- the protocol header


@test
def header_of_0_9_1_is_answered_with_connection_start(raw):
    raw.write(wire.PROTOCOL_HEADER)
    raw.expect("connection.start", version_major=0, version_minor=9)


@test
def header_of_0_9_in_the_old_form_is_accepted(raw):
    raw.write(b"AMQP\1\1\0\x09")
    raw.expect("connection.start", version_major=0, version_minor=9)


@test
def header_of_0_10_is_refused_with_ours(raw):
    expect_header_refused(raw, b"AMQP\1\1\0\x0a")


@test
def header_of_0_9_2_is_refused_with_ours(raw):
    expect_header_refused(raw, b"AMQP\0\0\x09\x02")


@test
def header_of_amqp_1_0_is_refused_with_ours(raw):
    expect_header_refused(raw, b"AMQP\0\1\0\0")


@test
def header_of_amqp_1_0_with_sasl_is_refused_with_ours(raw):
    expect_header_refused(raw, b"AMQP\3\1\0\0")


@test
def http_request_is_refused_with_our_header(raw):
    expect_header_refused(raw, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


@test
def tls_hello_on_the_plain_port_is_refused_with_our_header(raw):
    expect_header_refused(raw, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40))


@test
def random_bytes_are_refused_with_our_header(raw):
    expect_header_refused(raw, b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8")


@test
def header_in_two_pieces_is_accepted(raw):
    raw.write(wire.PROTOCOL_HEADER[:5])
    raw.write(wire.PROTOCOL_HEADER[5:])
    raw.expect("connection.start")


@test
def connection_that_closes_within_the_header_disturbs_nobody(raw, connection):
    raw.write(b"AMQP")
    raw.close()
    connection.open_channel()


@test(needs="WIRE_HANDSHAKE_TIMEOUT_S")
def silence_within_the_header_ends_at_the_handshake_limit(raw):
    limit_s = float(os.environ["WIRE_HANDSHAKE_TIMEOUT_S"])
    began = time.monotonic()
    raw.write(b"AMQP\0")
    raw.expect_eof()
    assert limit_s * 0.5 < time.monotonic() - began < limit_s * 3


@test(needs="WIRE_HANDSHAKE_TIMEOUT_S")
def silence_after_connection_start_ends_at_the_handshake_limit(greeted):
    limit_s = float(os.environ["WIRE_HANDSHAKE_TIMEOUT_S"])
    began = time.monotonic()
    greeted.expect_eof()
    assert limit_s * 0.5 < time.monotonic() - began < limit_s * 3


# --- connection.start


@test
def connection_start_offers_plain_and_amqplain(raw):
    start = raw.greet()
    assert {"PLAIN", "AMQPLAIN"} <= set(start["mechanisms"].split()), start["mechanisms"]
    assert start["locales"] == "en_US"


@test
def server_properties_announce_the_capabilities_and_who_we_are(raw):
    properties = raw.greet()["server_properties"]
    capabilities = properties["capabilities"]
    names = {
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    }
    assert set(capabilities) == names and all(
        value is True for value in capabilities.values()
    ), capabilities
    texts = ("cluster_name", "copyright", "information", "platform", "product", "version")
    assert all(properties.get(key) for key in texts), properties
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"]), properties["version"]


@test(only="stoatmq")
def server_properties_name_stoatmq(raw):
    properties = raw.greet()["server_properties"]
    assert properties["product"] == "StoatMQ" and properties["stoatmq_version"], properties


# --- the order of methods


@test
def frame_before_the_header_is_refused_with_our_header(raw):
    raw.send("connection.start-ok", mechanism="PLAIN", response=plain(), locale="en_US")
    raw.expect_bytes(wire.PROTOCOL_HEADER)
    raw.expect_eof()


def _is_refused_before_login(name):
    def script(greeted):
        greeted.write(wire.method(name, 1 if name == "channel.open" else 0))
        greeted.expect_refused(OUT_OF_ORDER)

    named(script, f"{name} before start-ok is refused")


def _is_refused_before_tune_ok(name):
    def script(tuning):
        tuning.write(wire.method(name, 1 if name == "channel.open" else 0))
        tuning.expect_refused(OUT_OF_ORDER)

    named(script, f"{name} before tune-ok is refused")


for _name in (
    "connection.tune-ok",
    "connection.open",
    "connection.secure-ok",
    "channel.open",
    "connection.tune",
):
    _is_refused_before_login(_name)
for _name in (
    "connection.start-ok",
    "connection.open",
    "connection.secure-ok",
    "channel.open",
    "connection.start",
):
    _is_refused_before_tune_ok(_name)


@test
def second_tune_ok_closes_connection_504(tuning):
    tuning.tune()
    tuning.tune()
    tuning.expect_connection_close(504, WRONG_STATE.format("opening"), "connection.tune-ok")


@test
def start_ok_after_tune_ok_closes_connection_504(tuning):
    tuning.tune()
    start_ok(tuning)
    tuning.expect_connection_close(504, WRONG_STATE.format("opening"), "connection.start-ok")


@test
def channel_open_before_connection_open_closes_connection_505(tuning):
    tuning.tune()
    tuning.send("channel.open")
    tuning.expect_connection_close(505, re.compile("UNEXPECTED_FRAME - .*"), NO_METHOD)


@test
def second_connection_open_closes_connection_504(connection):
    connection.send("connection.open", virtual_host="/")
    connection.expect_connection_close(504, WRONG_STATE.format("running"), "connection.open")


@test
def start_ok_on_an_open_connection_closes_it_504(connection):
    start_ok(connection)
    connection.expect_connection_close(504, WRONG_STATE.format("running"), "connection.start-ok")


@test
def tune_ok_on_an_open_connection_closes_it_504(connection):
    connection.tune()
    connection.expect_connection_close(504, WRONG_STATE.format("running"), "connection.tune-ok")


@test
def content_before_login_is_refused(greeted):
    greeted.send_header(0, channel=0)
    greeted.expect_refused(OUT_OF_ORDER)


@test
def second_protocol_header_is_refused(greeted):
    greeted.write(wire.PROTOCOL_HEADER)
    greeted.expect_refused(OUT_OF_ORDER)


@test
def the_whole_handshake_in_one_write_is_accepted(raw):
    raw.write(
        wire.PROTOCOL_HEADER
        + wire.method("connection.start-ok", 0, mechanism="PLAIN", response=plain(), locale="en_US")
        + wire.method("connection.tune-ok", 0, channel_max=10, frame_max=4096)
        + wire.method("connection.open", 0, virtual_host="/")
        + wire.method("channel.open", 1)
    )
    raw.expect("connection.start")
    raw.expect("connection.tune")
    raw.expect("connection.open-ok")
    raw.expect("channel.open-ok")


# --- login


@test
def plain_login_is_accepted(greeted):
    tune = greeted.login()
    assert (tune["channel_max"], tune["frame_max"], tune["heartbeat"]) == (2047, 131072, 60), tune


@test
def amqplain_login_is_accepted(greeted):
    fields = (
        shortstr("LOGIN") + b"S" + longstr(USER) + shortstr("PASSWORD") + b"S" + longstr(PASSWORD)
    )
    greeted.login(mechanism="AMQPLAIN", response=fields)


@test
def amqplain_login_with_the_fields_the_other_way_round_is_accepted(greeted):
    fields = (
        shortstr("PASSWORD") + b"S" + longstr(PASSWORD) + shortstr("LOGIN") + b"S" + longstr(USER)
    )
    greeted.login(mechanism="AMQPLAIN", response=fields)


@test
def wrong_password_closes_connection_403(greeted):
    start_ok(
        greeted, response=plain(password="wrong"), client_properties=AUTHENTICATION_FAILURE_CLOSE
    )
    greeted.expect_connection_close(403, REFUSED.format("PLAIN"), NO_METHOD)


@test
def wrong_password_without_the_capability_closes_the_socket_in_silence(greeted):
    start_ok(greeted, response=plain(password="wrong"))
    greeted.expect_eof()


@test
def unknown_user_is_told_the_same_as_a_wrong_password(greeted):
    start_ok(greeted, response=plain(unique(), "x"), client_properties=AUTHENTICATION_FAILURE_CLOSE)
    greeted.expect_connection_close(403, REFUSED.format("PLAIN"), NO_METHOD)


@test
def wrong_amqplain_password_names_the_mechanism(greeted):
    fields = (
        shortstr("LOGIN") + b"S" + longstr(USER) + shortstr("PASSWORD") + b"S" + longstr("wrong")
    )
    start_ok(
        greeted,
        mechanism="AMQPLAIN",
        response=fields,
        client_properties=AUTHENTICATION_FAILURE_CLOSE,
    )
    greeted.expect_connection_close(403, REFUSED.format("AMQPLAIN"), NO_METHOD)


def _mechanism_is_unknown(mechanism, name):
    def script(greeted):
        start_ok(greeted, mechanism=mechanism)
        text = f"COMMAND_INVALID - unknown authentication mechanism '{mechanism}'"
        greeted.expect_refused(503, text, "connection.start-ok")

    named(script, f"{name} is refused")


_mechanism_is_unknown("SCRAM-SHA-256", "unknown mechanism")
_mechanism_is_unknown("", "empty mechanism")
_mechanism_is_unknown("plain", "mechanism in lower case")


def _malformed_response_is_refused(name, response, mechanism="PLAIN"):
    def script(greeted):
        start_ok(
            greeted,
            mechanism=mechanism,
            response=response,
            client_properties=AUTHENTICATION_FAILURE_CLOSE,
        )
        greeted.expect_refused({403, 501, 502})

    named(script, f"{mechanism} response {name} is refused")


_malformed_response_is_refused("that is empty", "")
_malformed_response_is_refused("without separators", USER + PASSWORD)
_malformed_response_is_refused("with three separators", plain() + "\0more")
_malformed_response_is_refused("with an authorization identity", f"someone\0{USER}\0{PASSWORD}")
_malformed_response_is_refused("that is empty", "", "AMQPLAIN")
_malformed_response_is_refused(
    "without a password", shortstr("LOGIN") + b"S" + longstr(USER), "AMQPLAIN"
)
_malformed_response_is_refused("that is no table", b"\xff\xff\xff", "AMQPLAIN")


@test
def other_locale_is_accepted(greeted):
    start_ok(greeted, locale="de_DE")
    greeted.expect("connection.tune")


@test
def client_property_of_an_unexpected_type_is_tolerated(greeted):
    greeted.login(properties={"capabilities": "none", "connection_name": 5, "product": [1]})


# --- tune


def expect_tune_refused(c, text, **tune):
    c.send("connection.tune-ok", **tune)
    c.expect_refused(530, text, "connection.tune-ok")


@test
def frame_max_above_ours_is_refused(tuning):
    expect_tune_refused(
        tuning,
        "NOT_ALLOWED - negotiated frame_max = 131073 is higher than the maximum"
        " allowed value (131072)",
        channel_max=2047,
        frame_max=131073,
    )


@test
def frame_max_of_0_is_refused(tuning):
    expect_tune_refused(tuning, ANY, channel_max=2047, frame_max=0)


@test
def frame_max_below_4096_is_refused(tuning):
    expect_tune_refused(
        tuning,
        "NOT_ALLOWED - negotiated frame_max = 4095 is lower than the minimum"
        " allowed value (4096)",
        channel_max=2047,
        frame_max=4095,
    )


@test
def frame_max_of_4096_is_accepted(tuning):
    tuning.tune(frame_max=4096)
    tuning.call("connection.open", virtual_host="/")


@test
def channel_max_above_ours_is_refused(tuning):
    expect_tune_refused(
        tuning,
        "NOT_ALLOWED - negotiated channel_max = 2048 is higher than the maximum"
        " allowed value (2047)",
        channel_max=2048,
        frame_max=131072,
    )


@test
def channel_max_of_0_is_refused(tuning):
    expect_tune_refused(tuning, ANY, channel_max=0, frame_max=131072)


@test
def channel_max_of_1_is_accepted(tuning):
    tuning.tune(channel_max=1)
    tuning.call("connection.open", virtual_host="/")
    tuning.open_channel(1)


@test
def heartbeat_above_ours_is_accepted(tuning):
    tuning.tune(heartbeat=600)
    tuning.call("connection.open", virtual_host="/")


# --- connection.open


@test
def missing_vhost_closes_connection_530(tuning):
    tuning.tune()
    tuning.send("connection.open", virtual_host="no-such-vhost")
    tuning.expect_connection_close(
        530, "NOT_ALLOWED - vhost no-such-vhost not found", "connection.open"
    )


@test
def empty_vhost_name_is_not_the_default_vhost(tuning):
    tuning.tune()
    tuning.send("connection.open", virtual_host="")
    tuning.expect_connection_close(530, "NOT_ALLOWED - vhost  not found", "connection.open")


@test
def reply_text_that_would_be_too_long_is_cut_and_ends_in_dots(tuning):
    tuning.tune()
    tuning.send("connection.open", virtual_host="v" * 255)
    text = ("NOT_ALLOWED - vhost " + "v" * 255)[:252] + "..."
    tuning.expect_connection_close(530, text, "connection.open")


@test
def vhost_name_that_is_not_utf8_closes_connection_501(tuning):
    tuning.tune()
    tuning.send("connection.open", virtual_host=b"\xff\xfe")
    tuning.expect_connection_close(
        501, "FRAME_ERROR - Malformed UTF-8 in shortstr", "connection.open"
    )


@test
def clients_that_come_and_go_at_once_disturb_nobody(connection):
    for _ in range(200):
        Client().close()
    connection.open_channel()
