# SPDX-License-Identifier: Apache-2.0
"""What a check of a scenario in Python is: a function that gets a fresh scene, has a time limit and
is reported by its name."""
import inspect
import signal
import sys
import traceback


def same(expected, got):
    if expected != got or type(expected) is not type(got):
        raise AssertionError(f"expected {expected!r}, got {got!r}")


def run(function, new_scene, limit_s=60):
    """Plays one check in a scene of its own, which has close(); False when it failed."""
    def expired(_number, _frame):
        raise TimeoutError(f"not done within {limit_s} s")
    signal.signal(signal.SIGALRM, expired)
    signal.alarm(limit_s)
    scene = None
    try:
        scene = new_scene()
        try:
            function(scene)
        finally:
            scene.close()
        print(f"ok - {function.__name__}", flush=True)
        return True
    except Exception as error:  # any failure of a check is reported; the next check goes on
        print(f"not ok - {function.__name__}: {type(error).__name__}: {error}", flush=True)
        traceback.print_exc()
        return False
    finally:
        signal.alarm(0)


def play(module, new_scene, limit_s=60):
    """Plays all public functions of a module, in the order in which they stand there; the exit
    status."""
    results = [run(check, new_scene, limit_s)
               for name, check in vars(sys.modules[module]).items()
               if inspect.isfunction(check) and check.__module__ == module and name[0] != "_"]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1
