# SPDX-License-Identifier: Apache-2.0
"""What else uses the machine's processors. A figure that was taken beside a compiler says little."""

import os
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
CALM_CORES, CALM_SAMPLE_S = 0.1, 0.4


def _busy_s():
    """CPU seconds of the whole machine: user, nice, system, interrupts."""
    with open("/proc/stat") as stat:
        fields = stat.readline().split()
    return sum(int(fields[i]) for i in (1, 2, 3, 6, 7)) / TICKS_PER_S


def _process_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def wait_for_calm(limit_s):
    """Until the machine has little else to do, or the time is up."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        before = _busy_s()
        time.sleep(CALM_SAMPLE_S)  # no-sleep-ok: the interval that is sampled, bounded
        if (_busy_s() - before) / CALM_SAMPLE_S < CALM_CORES:
            return


class Others:
    """Between start and now: the cores that were used by others than the broker, our children that
    have ended, and us. The kernel's own threads count as others."""

    def __init__(self, broker_pid):
        self.pid = broker_pid
        self.start = self._snapshot()

    def _snapshot(self):
        used = os.times()
        ours = used.user + used.system + used.children_user + used.children_system
        return time.monotonic(), _busy_s() - ours - _process_s(self.pid)

    def cores(self):
        now = self._snapshot()
        return max(0.0, (now[1] - self.start[1]) / (now[0] - self.start[0]))
