# SPDX-License-Identifier: Apache-2.0
"""What /proc says about the broker ($AMQP_PID), for the tests on what abuse may cost it."""

import os

from client import AGAINST_RABBITMQ, Mismatch

MIB = 1 << 20


def status(field):
    with open(f"/proc/{os.environ['AMQP_PID']}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def is_measurable():
    """Known, ours, and without a sanitizer: its shadow memory shows in the address space."""
    return "AMQP_PID" in os.environ and not AGAINST_RABBITMQ and status("VmSize") < 1 << 40


class MemoryLimit:
    """`with MemoryLimit(mib):` by how much the broker's resident memory may grow within."""

    def __init__(self, limit_mib):
        self.limit_mib, self.before = limit_mib, None

    def __enter__(self):
        self.before = status("VmRSS") if is_measurable() else None

    def __exit__(self, failure, *_):
        if self.before is None or failure:
            return
        grown = (status("VmRSS") - self.before) / MIB
        if grown > self.limit_mib:
            raise Mismatch(
                f"the broker's memory grew by {grown:.0f} MiB, more than {self.limit_mib}"
            )


def open_files():
    """How many descriptors the broker holds, or None when it is not known."""
    if "AMQP_PID" not in os.environ or AGAINST_RABBITMQ:
        return None
    return len(os.listdir(f"/proc/{os.environ['AMQP_PID']}/fd"))
