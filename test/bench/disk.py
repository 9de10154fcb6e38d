# SPDX-License-Identifier: Apache-2.0
"""The disk that the brokers write to: which device it is, and what it can do by itself."""

import json
import os
import pathlib
import shutil
import subprocess

from common import Failed, loadgen

FIO_FILE_BYTES = 256 << 20
PAGE_BYTES = 4096


def _mount_type(folder):
    """The type of the file system that `folder` is on: of the longest mount point above it."""
    best = ("", "?")
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4]
        if os.path.commonpath([folder, point]) == point and len(point) >= len(best[0]):
            best = (point, rest.split()[0])
    return best[1]


class Disk:
    """The file system under `folder`, which must be a real one."""

    def __init__(self, options):
        self.options = options
        self.folder = os.path.realpath(options.dir)
        self.type = _mount_type(self.folder)
        if self.type in ("tmpfs", "ramfs"):
            raise Failed(f"{self.folder} is memory ({self.type}); choose a folder with --dir")
        self.stat_file = self._stat_file()

    def _stat_file(self):
        """Where the device counts what it did; None when there is none. A partition's flushes are
        counted for the whole disk."""
        device = os.stat(self.folder).st_dev
        path = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
        if not path.exists():
            return None
        path = path.resolve()
        return str((path.parent if (path / "partition").exists() else path) / "stat")

    def name(self):
        device = pathlib.Path(self.stat_file).parent.name if self.stat_file else "no device"
        return f"{self.type} on {device}"

    def fio_bytes_per_s(self, folder, batch_bytes):
        """Sequential writes of `batch_bytes`, an fdatasync after each, in a file that is written
        already: what a log could do that costs nothing. Whole pages: others would be slower, which
        would flatter the broker."""
        if not shutil.which("fio"):
            raise Failed("fio is missing: packaging/prerequisites full")
        pages = max(1, -(-round(batch_bytes) // PAGE_BYTES))
        command = ["fio", "--name=log", f"--directory={folder}", f"--size={FIO_FILE_BYTES}",
                   "--rw=write", "--overwrite=1", f"--bs={pages * PAGE_BYTES}",
                   "--fdatasync=1", "--ioengine=psync", "--time_based",
                   f"--runtime={self.options.seconds}", "--output-format=json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"fio: code {done.returncode}\n{done.stdout}{done.stderr}")
        job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]
        return job["write"]["bw_bytes"]

    def bare(self, folder, size_bytes):
        """Write and fdatasync of `size_bytes` in a loop; loadgen's result."""
        return loadgen(self.options, ["disk", "--file", os.path.join(folder, "bare"), "--size",
                                      str(max(16, round(size_bytes))),
                                      "--seconds", str(self.options.seconds)])
