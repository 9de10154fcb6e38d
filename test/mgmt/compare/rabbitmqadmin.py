# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ's own rabbitmqadmin, from RabbitMQ's /cli, runs the commands of the file `commands`
against both brokers; what it prints and how it exits should be the same."""
import importlib.machinery
import importlib.util
import os
import re
import shlex
import signal
import sys
import tempfile
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
        status, text = run_forked(tool, ["-H", "127.0.0.1", "-P", str(broker.mgmt_port), *words],
                                  folder)
        for mask in self.masks:
            text = mask.sub("<masked>", text)
        text = text.replace(str(broker.mgmt_port), "<port>")
        lines = [" ".join(line.replace("-", " ").split()) for line in text.splitlines()]
        return status, "\n".join(sorted(lines) if self.is_sorted else lines)


def run_forked(tool, words, folder):
    """Runs the tool's main in a process of its own, but without starting Python each time:
    (exit status, what it printed)."""
    with tempfile.TemporaryFile("w+") as output:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            signal.alarm(COMMAND_LIMIT_S)
            os.chdir(folder)
            os._exit(status_of(tool, words))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        output.seek(0)
        return status, output.read()


def status_of(tool, words):
    """Of its main, in the forked process."""
    sys.argv = ["rabbitmqadmin", *words]
    sys.stdout = sys.stderr = open(1, "w", encoding="utf-8", closefd=False)
    try:
        tool.main()
        return 0
    except SystemExit as end:
        return end.code or 0
    except Exception as why:  # which would have been its traceback
        print(f"it failed: {type(why).__name__}: {why}")
        return 1
    finally:
        sys.stdout.flush()


def connection_of(broker):
    rows = broker.get("connections")
    return rows[0]["name"] if rows else ""


def fetch_tool(broker):
    """rabbitmqadmin, as the broker hands it out, as a module."""
    path = os.path.join(broker.folder, "rabbitmqadmin")
    with urllib.request.urlopen(f"http://127.0.0.1:{broker.mgmt_port}/cli/rabbitmqadmin") as source:
        with open(path, "wb") as tool:
            tool.write(source.read())
    loader = importlib.machinery.SourceFileLoader("rabbitmqadmin_tool", path)
    tool = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(tool)
    return tool


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
