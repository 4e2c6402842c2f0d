"""Start `bash SCRIPT` again and again, so many at a time, for so long; print how many ended in one second.

    bare_starts.py SCRIPT IN_FLIGHT SECONDS

The floor of running jobs: what this machine does when starting bash is all there is to do. A program of its
own, because it waits for any child, and its caller's children are not its business.
"""

import os
import sys
import time

OUTPUT = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]


def _start(script: str) -> int:
    # A session of its own, as every job has.
    return os.posix_spawn(
        "/bin/bash", ["bash", script], {"PATH": os.defpath}, file_actions=OUTPUT, setsid=True
    )


def _starts_per_second(script: str, in_flight: int, seconds: float) -> float:
    began_at = time.monotonic()
    until = began_at + seconds
    for _ in range(in_flight):
        _start(script)
    ended = 0
    while time.monotonic() < until:
        os.wait()
        ended += 1
        _start(script)
    for _ in range(in_flight):
        os.wait()
    return (ended + in_flight) / (time.monotonic() - began_at)


if __name__ == "__main__":
    print(_starts_per_second(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
