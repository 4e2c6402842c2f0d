"""Who descends from whom, and which processes carry a job's mark.

As child subreaper the supervisor is the parent of whatever a dead job leaves behind, so its own list of
children is enough to see that nothing was left. Only when something was is all of /proc read. This module
never signals.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from conductor.supervisor.process_identity import ProcessStat, has_empty_environment, read_stat

MARK_NAME = "CONDUCTOR_JOB_MARK"
_CHUNK_BYTES = 65536
_EXEC_PAUSE_SECONDS = 0.0005
_EXEC_PATIENCE_SECONDS = 0.25


class OwnChildren:
    """The PIDs of this process's children, zombies included."""

    __slots__ = ("_descriptor",)

    def __init__(self, *, listed: bool) -> None:
        # One descriptor, as the list is read at every exit.
        path = f"/proc/self/task/{os.getpid()}/children"
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if listed else None

    def pids(self) -> list[int]:
        if self._descriptor is None:
            return [stat.pid for stat in all_processes() if stat.parent == os.getpid()]
        text = chunk = os.pread(self._descriptor, _CHUNK_BYTES, 0)
        while len(chunk) > 2048:  # the kernel hands out at most a page at a time
            chunk = os.pread(self._descriptor, _CHUNK_BYTES, len(text))
            text += chunk
        return [int(pid) for pid in text.split()]


def all_processes() -> Iterator[ProcessStat]:
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            stat = read_stat(int(name))
        except PermissionError:  # another user's, where /proc hides those
            continue
        if stat is not None:
            yield stat


def descendants(processes: dict[int, ProcessStat], roots: set[int]) -> set[int]:
    """The roots and everything below them."""
    below: dict[int, list[int]] = {}
    for stat in processes.values():
        below.setdefault(stat.parent, []).append(stat.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += below.get(pid, ())
    return found


def mark_of(pid: int) -> str | None:
    """The job's mark in a process's first environment; None: it has none, or it may not be read."""
    environment = _first_environment(pid)
    name = MARK_NAME.encode("ascii") + b"="
    start = 0 if environment.startswith(name) else environment.find(b"\0" + name) + 1
    if start == 0 and not environment.startswith(name):
        return None
    value = environment[start + len(name) :].split(b"\0", 1)[0]
    return value.decode("ascii", "replace")


def _first_environment(pid: int) -> bytes:
    """In the middle of an exec the old one is gone and the new one not there yet: then it is read again."""
    give_up_at = time.monotonic() + _EXEC_PATIENCE_SECONDS
    while True:
        try:
            with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
                environment = file.read() or b""
        except OSError:
            return b""
        if environment or has_empty_environment(pid) or time.monotonic() > give_up_at:
            return environment
        time.sleep(_EXEC_PAUSE_SECONDS)
