# SPDX-License-Identifier: Apache-2.0
"""The command line."""

import json

from tool import ctl, test


@test
def wrong_use_says_what_was_expected(folder):
    for line, text in (
            ("", "expected a command"),
            ("--what", "expected a command, got --what"),
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
        assert done.returncode == 2 and not done.stdout, (line, done)
        assert text in errors, (line, errors)


@test
def help_and_version_are_printed(folder):
    del folder
    for line, texts in (("--help", ("log verify DIR", "log dump DIR", "Exit status")),
                        ("log --help", ("log verify DIR",)),
                        ("log verify --help", ("Usage: stoatmqctl log verify", "Exit status: 0")),
                        ("log dump x y --help", ("--from LSN", "--bodies", "--format")),
                        ("--version", ("stoatmqctl ",))):
        done = ctl(*line.split())
        assert done.returncode == 0 and not done.stderr, (line, done)
        for text in texts:
            assert text in done.stdout.decode(), (line, text)


@test
def operands_may_begin_with_a_dash_behind_two(folder):
    done = ctl("log", "verify", "--format=json", "--", "-x", cwd=folder)
    assert json.loads(done.stdout)["directory"] == "-x" and done.returncode == 3
