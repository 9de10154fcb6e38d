# SPDX-License-Identifier: Apache-2.0
"""What the benchmark scripts share: calling loadgen, medians, numbers, tables."""

import json
import os
import platform
import statistics
import subprocess
import sys

RUN_LIMIT_S = 300


class Failed(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


def find_program(build, name):
    for folder in (build, build / "test" / "bench"):
        if (folder / name).is_file():
            return str(folder / name)
    raise Failed(f"{build} has no program {name}; build it: cmake --build --preset release")


def loadgen(options, args, limit_s=RUN_LIMIT_S):
    """Runs it; its result, with the p50 of the latency at hand."""
    done = subprocess.run([options.loadgen, *args], capture_output=True, text=True, check=False,
                          timeout=limit_s)
    if done.returncode:
        raise Failed(f"loadgen {' '.join(args)}: code {done.returncode}\n"
                     f"{done.stdout}{done.stderr}")
    result = json.loads(done.stdout)
    if "latency_us" in result:
        result["latency_p50"] = result["latency_us"]["p50"]
    return result


def median(results, key):
    return statistics.median(r[key] for r in results)


def number(value, unit=""):
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}{' ' + unit if unit else ''}"


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("| " + " | ".join("---" for _ in head) + " |")
    for cells in rows:
        print("| " + " | ".join(cells) + " |")
    print()


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    return f"{cpu}, {os.cpu_count()} CPUs, Linux {platform.release()}"
