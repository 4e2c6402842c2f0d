"""Output that outgrows its cap is cut back to it, as often as it takes; the job notices nothing.

The files are in append mode, so a writer goes on behind whatever end the file has. Sizes are looked at, more often the
nearer a file is to its cap and the faster it outgrows it; between two looks a file may be as much too long as its job
can write in that time. The last cut is made when the job has ended, and is exact.
"""

from __future__ import annotations

import heapq
import os
import stat
import time
from collections.abc import Sequence

from conductor.supervisor.account import acting_as
from conductor.supervisor.attempt import Attempt
from conductor.supervisor.protocol import RunAs
from conductor.supervisor.spool import Output
from conductor.supervisor.terms import CappedOutput

# No disk under a spool is expected to take more than this; a faster one overshoots more.
_FASTEST_BYTES_A_SECOND = 1_000_000_000
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.1, 1.0
_SHORTEST_WHEN_OVER_SECONDS = 0.02
_EXCESS_AIM_BYTES = 16 * 1024 * 1024
# At about ten microseconds a look this keeps watching below two percent of a CPU.
_SECONDS_A_FILE = 0.0005


class OutputCaps:
    __slots__ = ("_due", "_pauses")

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Attempt]] = []
        self._pauses: dict[Attempt, float] = {}  # of attempts that are over their cap

    def watch(self, attempt: Attempt) -> None:
        if attempt.terms["outputs"]:
            heapq.heappush(self._due, (time.monotonic(), id(attempt), attempt))

    def next_look(self) -> float | None:
        return self._due[0][0] if self._due else None

    def look(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            _, _, attempt = heapq.heappop(self._due)
            if attempt.outcome is not None:
                self._pauses.pop(attempt, None)
                continue
            pause = self._pause(attempt) * max(1.0, len(self._due) * _SECONDS_A_FILE / _SHORTEST_SECONDS)
            heapq.heappush(self._due, (now + pause, id(attempt), attempt))

    def _pause(self, attempt: Attempt) -> float:
        room, excess = cut_back(attempt)
        before = self._pauses.get(attempt)
        if before is None and not excess:
            return min(max(room / _FASTEST_BYTES_A_SECOND, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        wished = 2 * (before or _SHORTEST_SECONDS)
        if excess:
            wished = min(wished, (before or _SHORTEST_SECONDS) * _EXCESS_AIM_BYTES / excess)
        pause = min(max(wished, _SHORTEST_WHEN_OVER_SECONDS), _LONGEST_SECONDS)
        self._pauses[attempt] = pause
        return pause


def cut_back(attempt: Attempt) -> tuple[int, int]:
    """Cuts what is too long; the bytes that the fullest file still may take, and those that were too many."""
    room, excess = _FASTEST_BYTES_A_SECOND, 0
    for output in attempt.terms["outputs"]:
        over = _size(output, attempt) - output["begin"] - output["limit_bytes"] - output["mark_bytes"]
        if over > 0:
            room, excess = 0, max(excess, _cut(output, attempt))
        else:
            room = min(room, -over)
    return room, excess


def capped(outputs: Sequence[Output], limit_bytes: int | None) -> list[CappedOutput]:
    """What has to be watched: files, each once."""
    watched: dict[tuple[int, int], CappedOutput] = {}
    for output in outputs:
        status = os.fstat(output.descriptor)
        identity = (status.st_dev, status.st_ino)
        if limit_bytes is not None and stat.S_ISREG(status.st_mode) and identity not in watched:
            watched[identity] = {
                "stream": output.stream,
                "path": output.path,
                "device": status.st_dev,
                "inode": status.st_ino,
                "begin": status.st_size,
                "limit_bytes": limit_bytes,
                "mark_bytes": 0,
                "in_spool": output.in_spool,
            }
    return list(watched.values())


def _size(output: CappedOutput, attempt: Attempt) -> int:
    """0 when it is no longer there under its name: what the job has deleted or moved is its own."""
    try:
        with acting_as(_opener(output, attempt)):
            status = os.stat(output["path"], follow_symlinks=False)
    except OSError:
        return 0
    return status.st_size if _same(status, output) else 0


def _cut(output: CappedOutput, attempt: Attempt) -> int:
    """How many bytes were behind the mark."""
    try:
        with acting_as(_opener(output, attempt)):
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            descriptor = os.open(output["path"], flags)
    except OSError:
        return 0
    try:
        status = os.fstat(descriptor)
        if not _same(status, output):
            return 0
        end = output["begin"] + output["limit_bytes"]
        mark = _mark(descriptor, output, end)
        # The mark first: whoever reads in between sees it where it will stay.
        os.pwrite(descriptor, mark, end)
        os.ftruncate(descriptor, end + len(mark))
    except OSError:
        return 0  # no space for the mark, say; the next look tries again
    finally:
        os.close(descriptor)
    excess = status.st_size - end - output["mark_bytes"]
    output["mark_bytes"] = len(mark)
    return excess


def _mark(descriptor: int, output: CappedOutput, end: int) -> bytes:
    """A line of its own."""
    text = f"[conductor: output truncated at {output['limit_bytes']} bytes]\n".encode("ascii")
    return text if end == 0 or os.pread(descriptor, 1, end - 1) == b"\n" else b"\n" + text


def _opener(output: CappedOutput, attempt: Attempt) -> RunAs | None:
    return None if output["in_spool"] else attempt.terms["run_as"]


def _same(status: os.stat_result, output: CappedOutput) -> bool:
    return (status.st_dev, status.st_ino) == (output["device"], output["inode"])
