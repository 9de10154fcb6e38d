# SPDX-License-Identifier: Apache-2.0
"""The command line."""

import json
import os
import subprocess

from tool import ctl, test


@test
def wrong_use_says_what_was_expected(folder):
    for line, text in (
            ("", "expected a command"),
            ("--what", "unknown option '--what'"),
            ("-q", "expected a command"),
            ("list_queeues", "unknown command 'list_queeues', did you mean 'list_queues'?"),
            ("add_user", "stoatmqctl add_user: expected USER [PASSWORD]"),
            ("delete_user a b", "'b' is one too many"),
            ("list_queues --nosuch", "unknown option '--nosuch'"),
            ("list_queues -p", "--vhost: expected VHOST"),
            ("list_queues --format xml", "--format: expected table, json or csv, got 'xml'"),
            ("list_queues --timeout x", "--timeout: expected seconds, got 'x'"),
            ("list_queues --uri ftp://x", "--uri: expected http://HOST:PORT"),
            ("list_queues --quiet=yes", "--quiet: takes no value"),
            ("generate what", "expected man, bash, zsh or fish"),
            ("help nosuch", "unknown command 'nosuch'"),
            ("log verify DIR -p x", "unknown option '-p'"),
            ("lgo verify", "unknown command 'lgo'"),
            ("log", "log verify DIR"),
            ("log check DIR", "log dump DIR"),
            ("log verify", "stoatmqctl log verify: expected DIR"),
            ("log verify DIR DIR", "'DIR' is one too many"),
            ("log verify DIR --limit 5", "unknown option '--limit'"),
            ("log verify DIR --format xml", "--format: expected text or json, got 'xml'"),
            ("log dump DIR --format", "--format: expected text|json"),
            ("log dump DIR --bodies=yes", "--bodies: takes no value"),
            ("log dump DIR --limit x", "--limit: expected a number, got 'x'"),
            ("log dump DIR --limit 99999999999999999999", "--limit: expected a number"),
            ("log dump DIR --from 1:x", "--from: expected a position"),
            ("log dump DIR --from 1:99999999", "--from: expected a position"),
            ("log dump DIR --type mesage", "--type: expected one of batch, end, part, message,")):
        done = ctl(*(folder if word == "DIR" else word for word in line.split()))
        errors = done.stderr.decode().replace(folder, "DIR")
        assert done.returncode == 64 and not done.stdout, (line, done)
        assert text in errors, (line, errors)


@test
def help_and_version_are_printed(folder):
    del folder
    for line, texts in (("--help", ("log verify DIR", "log dump DIR", "Exit status")),
                        ("log --help", ("log verify DIR",)),
                        ("log verify --help", ("Usage: stoatmqctl log verify", "Exit status: 0")),
                        ("log dump x y --help", ("--from LSN", "--bodies", "--format")),
                        ("list_queues --help", ("[COLUMN...]", "messages_ready", "--vhost VHOST")),
                        ("help add_user", ("Usage: stoatmqctl add_user",)),
                        ("help", ("Checks, for probes", "check_local_alarms", "log dump DIR")),
                        ("--version", ("stoatmqctl ",))):
        done = ctl(*line.split())
        assert done.returncode == 0 and not done.stderr, (line, done)
        for text in texts:
            assert text in done.stdout.decode(), (line, text)


@test
def man_page_and_completion_are_what_the_tool_prints(folder):
    """After a change of commands.def, run this with STOATMQ_WRITE_DOCS=1 to write them."""
    del folder
    for kind, path in (("man", "docs/man/stoatmqctl.1"),
                       ("bash", "packaging/completion/stoatmqctl.bash"),
                       ("zsh", "packaging/completion/stoatmqctl.zsh"),
                       ("fish", "packaging/completion/stoatmqctl.fish")):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", path)
        printed = ctl("generate", kind)
        assert printed.returncode == 0, printed
        if "STOATMQ_WRITE_DOCS" in os.environ:
            with open(path, "wb") as out:
                out.write(printed.stdout)
        with open(path, "rb") as committed:
            assert committed.read() == printed.stdout, f"{path} is not what the tool prints"


@test
def bash_completes_commands_options_and_columns(folder):
    del folder
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "../../packaging/completion/stoatmqctl.bash")
    for line, expected in (("stoatmqctl list_q", ["list_queues"]),
                           ("stoatmqctl -q check_l", ["check_local_alarms"]),
                           ("stoatmqctl list_queues messages_r", ["messages_ready", "messages_ram"]),
                           ("stoatmqctl set_policy --pri", ["--priority"]),
                           ("stoatmqctl log v", ["verify"])):
        words = line.split()
        text = (f'. "{script}"; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _stoatmqctl;'
                ' printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
        assert done.stdout.split() == expected, (line, done)


@test
def operands_may_begin_with_a_dash_behind_two(folder):
    done = ctl("log", "verify", "--format=json", "--", "-x", cwd=folder)
    assert json.loads(done.stdout)["directory"] == "-x" and done.returncode == 3
