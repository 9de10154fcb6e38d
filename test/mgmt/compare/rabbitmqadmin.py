# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ's own rabbitmqadmin, from RabbitMQ's /cli, runs the commands of the file `commands`
against both brokers; what it prints and how it exits should be the same."""
import os
import re
import shlex
import subprocess
import sys
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
COMMANDS = os.path.join(HERE, "commands")
COMMAND_LIMIT_S = 30


class Command:
    """A line: [~] ARG... [| MASK...]. With ~ the lines that it prints are compared sorted; a MASK is
    a regular expression for what differs between any two brokers."""

    def __init__(self, line):
        self.text, *masks = line.split(" | ")
        self.is_sorted = self.text.startswith("~ ")
        self.words = shlex.split(self.text.removeprefix("~ "))
        self.masks = [re.compile(mask) for mask in masks]

    def run(self, tool, broker, folder):
        """(exit status, what it printed, as comparable text)."""
        words = [word.replace("{folder}", folder).replace("{connection}", connection_of(broker))
                 if "{" in word else word for word in self.words]
        done = subprocess.run(
            [sys.executable, tool, "-H", "127.0.0.1", "-P", str(broker.mgmt_port), *words],
            capture_output=True, text=True, timeout=COMMAND_LIMIT_S, cwd=folder, check=False)
        text = done.stdout + done.stderr
        for mask in self.masks:
            text = mask.sub("<masked>", text)
        text = text.replace(str(broker.mgmt_port), "<port>")
        lines = [" ".join(line.replace("-", " ").split()) for line in text.splitlines()]
        return done.returncode, "\n".join(sorted(lines) if self.is_sorted else lines)


def connection_of(broker):
    rows = broker.get("connections")
    return rows[0]["name"] if rows else ""


def fetch_tool(broker):
    """rabbitmqadmin, as the broker hands it out."""
    path = os.path.join(broker.folder, "rabbitmqadmin")
    with urllib.request.urlopen(f"http://127.0.0.1:{broker.mgmt_port}/cli/rabbitmqadmin") as source:
        with open(path, "wb") as tool:
            tool.write(source.read())
    return path


def play(both, _options):
    """(problems, what was done)."""
    tool = fetch_tool(both[0])
    problems = []
    with open(COMMANDS) as lines:
        commands = [Command(line.rstrip("\n")) for line in lines
                    if line.strip() and not line.startswith("#")]
    for broker in both:
        broker.connect("for rabbitmqadmin")
        broker.wait_until("the connection is listed", lambda broker=broker: connection_of(broker))
    for command in commands:
        there, here = [command.run(tool, broker, broker.folder) for broker in both]
        if there != here:
            problems.append(f"rabbitmqadmin {command.text}\n  in RabbitMQ, exit status {there[0]}:\n"
                            f"{there[1]}\n  here, exit status {here[0]}:\n{here[1]}")
    for broker in both:
        broker.disconnect()
    return problems, f"{len(commands)} commands"
