# SPDX-License-Identifier: Apache-2.0
"""The log as messages (amq.rabbitmq.log), and in it who changed what; with log.exchange = true."""

import re

import management
from client import connected, here, unique
from scripts import test

LOG = "amq.rabbitmq.log"


class Log:
    """A connection that consumes the log's lines of the levels that match PATTERN. RabbitMQ declares
    the exchange only some seconds after its start."""

    def __init__(self, pattern="#"):
        self.client = connected().open_channel()
        queue = self.client.queue()
        self.client.call("queue.bind", queue=queue, exchange=LOG, routing_key=pattern)
        self.client.call("basic.consume", queue=queue, no_ack=True)

    def expect(self, pattern):
        """The next line like PATTERN: (level, line); others are passed over."""
        for _ in range(1000):
            method, _, body = self.client.expect_content("basic.deliver")
            if re.search(pattern, body.decode()):
                return method.args["routing_key"], body.decode()
        raise AssertionError(f"no line like {pattern}")

    def until(self, pattern):
        """All lines up to the first like PATTERN."""
        lines = []
        while not lines or not re.search(pattern, lines[-1]):
            lines.append(self.client.expect_content("basic.deliver")[2].decode())
        return lines


@test(needs="WIRE_LOG_EXCHANGE")
def lines_come_with_their_level_as_the_routing_key():
    log = Log()
    other = connected()
    level, line = log.expect("connection")
    assert level == "info" and line.endswith("\n") and " info " in line.replace("[info]", " info "), line
    other.open_channel()
    other.send("queue.declare", queue=unique(), passive=True)
    other.expect_channel_close(404)
    level, _ = log.expect("no queue 'wire-")
    assert level in ("warning", "error"), level


@test(needs="WIRE_LOG_EXCHANGE")
def one_level_alone_may_be_listened_to():
    level = here(stoatmq="warning", rabbitmq="error")
    log = Log(level)
    other = connected().open_channel()
    name = unique()
    other.send("basic.get", queue=name)
    other.expect_channel_close(404)
    lines = log.until(f"no queue '{name}'")
    assert not any(re.search(r" info |\[info\]", line) for line in lines), lines


def audit(action, name, by="guest", connection='"127.0.0.1:.*"'):
    return f"audit action={action} by={by} connection={connection} .*name={name}( |$)"


@test(only="stoatmq", needs="WIRE_LOG_EXCHANGE")
def who_declares_purges_and_deletes_what_lasts_is_written():
    log, client = Log(), connected().open_channel()
    transient, queue, exchange = unique("brief"), unique("queue"), unique("exchange")
    client.call("queue.declare", queue=transient, exclusive=True)
    client.call("exchange.declare", exchange=exchange, type="fanout", durable=True)
    client.call("queue.declare", queue=queue, durable=True)
    client.call("queue.bind", queue=queue, exchange=exchange)
    client.publish(b"x", routing_key=queue)
    client.call("queue.purge", queue=queue)
    client.call("exchange.delete", exchange=exchange)
    client.call("queue.delete", queue=queue)
    lines = [line for line in log.until(audit("queue.deleted", queue)) if " audit " in line]
    wanted = [audit("exchange.created", exchange), audit("queue.created", queue),
              f"audit action=binding.created .*destination_name={queue} .*source_name={exchange}",
              audit("queue.purged", queue) + ".*messages=1",
              f"audit action=binding.deleted .*destination_name={queue} .*source_name={exchange}",
              audit("exchange.deleted", exchange), audit("queue.deleted", queue)]
    found = [line for line in lines if queue in line or exchange in line]
    assert len(found) == len(wanted), found
    for line, pattern in zip(found, wanted):
        assert re.search(pattern, line), (line, pattern)
    assert not any(transient in line for line in lines), lines


@test(only="stoatmq", needs="WIRE_LOG_EXCHANGE")
def what_is_changed_by_the_api_is_written():
    log, user, vhost = Log(), unique("user"), unique("vhost")
    management.put_user(user, "secret-word", "monitoring")
    management.put_vhost(vhost)
    management.permit(vhost, user, "a", "b", "c")
    management.delete(f"vhosts/{vhost}")
    management.delete(f"users/{user}")
    lines = log.until(audit("user.deleted", user, connection="API"))
    assert not any("secret-word" in line for line in lines), lines
    text = "".join(lines)
    for pattern in (audit("user.created", user, connection="API"),
                    audit("vhost.created", vhost, connection="API"),
                    f"action=permission.created by=guest connection=API read=c write=b configure=a "
                    f"vhost={vhost} user={user}",
                    audit("vhost.deleted", vhost, connection="API")):
        assert re.search(pattern, text, re.M), (pattern, text)


@test(only="stoatmq", needs="WIRE_LOG_EXCHANGE")
def who_changes_a_setting_is_written():
    log = Log()
    management.change("PUT", "stoatmq/settings/log.level", {"value": "info"})
    log.expect("audit action=setting.set by=guest connection=API name=log.level")
