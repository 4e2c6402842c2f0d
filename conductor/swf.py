"""The Standard Workload Format: traces of real machines, one job a line. `parse` is pure.

Eighteen numbers a line, -1 where nobody knows; comments and `; Key: value` headers begin with a semicolon. The
format is described at https://www.cs.huji.ac.il/labs/parallel/workload/swf.html
"""

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from conductor.core.errors import ConductorError

FIELDS = 18


class SwfError(ConductorError):
    """A line that is no job of this format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwfJob:
    """One line. Names are those of the format; what is unknown is None."""

    number: int
    submit_seconds: int
    wait_seconds: int | None
    run_seconds: int | None
    allocated_processors: int | None
    requested_processors: int | None
    requested_seconds: int | None
    requested_memory_kb: int | None  # of each processor
    status: int | None
    user_id: int | None
    group_id: int | None

    @property
    def processors(self) -> int | None:
        """What was asked for, or what was had when nobody wrote down the wish."""
        return self.requested_processors or self.allocated_processors


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A whole trace: what its header says, and its jobs in the order of their submission."""

    header: dict[str, str]
    jobs: tuple[SwfJob, ...]


def parse(lines: Iterable[str]) -> Trace:
    """Read a trace. Raises `SwfError` that names the line."""
    header: dict[str, str] = {}
    jobs = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith(";"):
            header |= dict(_header_line(text))
        elif text:
            jobs.append(_job(number, text.split()))
    return Trace(header=header, jobs=tuple(sorted(jobs, key=lambda job: (job.submit_seconds, job.number))))


def read_trace(path: Path) -> Trace:
    """The trace in a file, packed or not. Raises `OSError`, `EOFError`, `UnicodeDecodeError`, `SwfError`."""
    data = path.read_bytes()
    text = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return parse(text.decode().splitlines())


def _header_line(text: str) -> Iterator[tuple[str, str]]:
    """`; MaxProcs: 128` as a pair; a comment without a key gives nothing. Keys are single words."""
    key, colon, value = text.lstrip("; ").partition(":")
    if colon and key.isalnum():
        yield key, value.strip()


def _job(line: int, words: list[str]) -> SwfJob:
    if len(words) != FIELDS:
        raise SwfError(f"line {line}: a job has {FIELDS} numbers, this line has {len(words)}")
    try:
        numbers = [int(float(word)) for word in words]
    except (ValueError, OverflowError) as error:
        raise SwfError(f"line {line}: {error}; a job has numbers only") from None
    known = [None if number < 0 else number for number in numbers]
    if known[0] is None or known[1] is None:
        raise SwfError(f"line {line}: a job needs its number and its time of submission")
    return SwfJob(
        number=known[0],
        submit_seconds=known[1],
        wait_seconds=known[2],
        run_seconds=known[3],
        allocated_processors=known[4],
        requested_processors=known[7],
        requested_seconds=known[8],
        requested_memory_kb=known[9],
        status=known[10],
        user_id=known[11],
        group_id=known[12],
    )
