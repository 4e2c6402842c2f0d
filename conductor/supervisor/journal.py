"""What a supervisor must still know after it was killed: JSON records, an array a line, appended.

Records survive processes, not a power cut, so nothing is flushed to disk. Each `write` is one system call for
all records gathered, made before the facts they announce. A torn line is skipped: what it announced has not
happened. The journal knows nothing of processes; `Remembered` is what the records of one allocation add up
to.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import NamedTuple, TypedDict

from conductor.supervisor.protocol import Exited, LaunchFailed, Process, decode_json, encode_json
from conductor.supervisor.terms import Terms, no_terms

_NAME = "journal"
_COMPACT_AT_BYTES = 1024 * 1024


class Intent(NamedTuple):
    """An attempt about to be gated: if nothing follows, nothing of it ever ran."""

    allocation_id: int
    job_id: int
    attempt: int
    mark: str


class Opening(NamedTuple):
    """A gate about to be opened: from here on the script may have run."""

    process: Process
    deadline: float | None
    kill_grace_seconds: float
    terms: Terms


class Trust(NamedTuple):
    """The node's lease: good until then, by this boot's monotonic clock; the stopping begins a margin before."""

    until: float
    margin_seconds: float
    boot_id: str

    @property
    def stops_at(self) -> float:
        return self.until - self.margin_seconds


class Remembered(NamedTuple):
    intent: Intent
    opening: Opening | None
    outcome: Exited | LaunchFailed | None


class _Record(TypedDict, total=False):
    """Exactly one of gated, opened, outcome, forgotten, incarnation and trust is there."""

    gated: int
    job: int
    attempt: int
    mark: str
    opened: int
    process: Process
    deadline: float | None
    grace: float
    terms: Terms
    outcome: Exited | LaunchFailed
    forgotten: int
    incarnation: int
    trust: Trust


class Journal:
    __slots__ = (
        "_bytes",
        "_descriptor",
        "_folder",
        "_gathered",
        "_torn",
        "incarnation",
        "remembered",
        "trust",
    )

    def __init__(self, folder: int) -> None:
        """Reads what an earlier supervisor left in the folder (a directory descriptor)."""
        self._folder = folder
        self._gathered: list[_Record] = []
        self._torn = False
        self._bytes = 0
        self.incarnation = 0
        self.trust: Trust | None = None
        self.remembered: dict[int, Remembered] = {}
        self._descriptor = self._open(_NAME)
        for line in _whole_file(self._descriptor).split(b"\n"):
            self._replay(line)
        self.compact()

    def gated(self, intent: Intent) -> None:
        self._add(_gated_record(intent))

    def opened(self, allocation_id: int, opening: Opening) -> None:
        self._add(_opened_record(allocation_id, opening))

    def ended(self, outcome: Exited | LaunchFailed) -> None:
        self._add({"outcome": outcome})

    def forgotten(self, allocation_id: int) -> None:
        self._add({"forgotten": allocation_id})

    def obeys(self, incarnation: int) -> None:
        self._add({"incarnation": incarnation})

    def trusted(self, trust: Trust) -> None:
        self._add({"trust": trust})

    def write(self) -> None:
        """Raises OSError when the records could not be written; the next write tries them again."""
        if not self._gathered:
            return
        # What a short write left is abandoned: a new line begins, and all of it is written again.
        data = ("\n" * self._torn + encode_json(self._gathered) + "\n").encode("ascii")
        self._torn = True
        _write_all(self._descriptor, data)
        self._torn = False
        self._gathered.clear()
        self._bytes += len(data)
        if self._bytes > _COMPACT_AT_BYTES:
            self.compact()

    def compact(self) -> None:
        """Keeps what is still remembered, in a new file: a reader finds the old one or the new one, whole."""
        self._bytes = 0
        try:
            descriptor = self._write_anew(_NAME + ".new")
        except OSError:
            return  # the old file still says everything; tried again after as many bytes
        os.close(self._descriptor)
        self._descriptor = descriptor

    def _write_anew(self, temporary: str) -> int:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=self._folder)
        descriptor = self._open(temporary)
        try:
            _write_all(descriptor, (encode_json(self._records()) + "\n").encode("ascii"))
            os.rename(temporary, _NAME, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _records(self) -> list[_Record]:
        records: list[_Record] = [{"incarnation": self.incarnation}]
        if self.trust is not None:
            records.append({"trust": self.trust})
        for allocation_id, (intent, opening, outcome) in self.remembered.items():
            records.append(_gated_record(intent))
            if opening is not None:
                records.append(_opened_record(allocation_id, opening))
            if outcome is not None:
                records.append({"outcome": outcome})
        return records

    def _add(self, record: _Record) -> None:
        self._gathered.append(record)
        self._apply(record)

    def _replay(self, line: bytes) -> None:
        try:
            for record in decode_json(line.decode("ascii")):
                self._apply(record)
        except (ValueError, KeyError, TypeError):
            return  # torn

    def _apply(self, record: _Record) -> None:
        remembered = self.remembered
        if "gated" in record:
            intent = Intent(record["gated"], record["job"], record["attempt"], record["mark"])
            remembered[intent.allocation_id] = Remembered(intent, None, None)
        elif "opened" in record:
            terms: Terms = {**no_terms(), **record.get("terms", {})}  # an older release wrote fewer
            opening = Opening(record["process"], record["deadline"], record["grace"], terms)
            remembered[record["opened"]] = remembered[record["opened"]]._replace(opening=opening)
        elif "outcome" in record:
            allocation_id = record["outcome"]["allocation_id"]
            remembered[allocation_id] = remembered[allocation_id]._replace(outcome=record["outcome"])
        elif "forgotten" in record:
            remembered.pop(record["forgotten"], None)
        elif "incarnation" in record:
            self.incarnation = record["incarnation"]
        elif "trust" in record:
            self.trust = Trust(*record["trust"])

    def _open(self, name: str) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o600, dir_fd=self._folder)


def _gated_record(intent: Intent) -> _Record:
    return {
        "gated": intent.allocation_id,
        "job": intent.job_id,
        "attempt": intent.attempt,
        "mark": intent.mark,
    }


def _opened_record(allocation_id: int, opening: Opening) -> _Record:
    return {
        "opened": allocation_id,
        "process": opening.process,
        "deadline": opening.deadline,
        "grace": opening.kill_grace_seconds,
        "terms": opening.terms,
    }


def _write_all(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _whole_file(descriptor: int) -> bytes:
    chunks: list[bytes] = []
    while chunk := os.read(descriptor, 1024 * 1024):
        chunks.append(chunk)
    return b"".join(chunks)
