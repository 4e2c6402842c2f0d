"""Proof by replay: fold the whole log and compare every table with it, row by row, column by column.

`verify` runs in one snapshot beside live work and blocks nobody. It checks that positions have no gaps, that
the hash chain holds, that every event is legal where it stands, the conservation law, and then every row of
every projection. It changes nothing and trusts nothing but the log. Memory is bounded: a finished job is some
hundred bytes, see `folded`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from conductor.core.identifiers import StreamName
from conductor.database import load_queries
from conductor.evidence_texts import Language, said
from projections.comparing import compare
from projections.folded import Folded
from projections.known import KnownPosition, Witness
from projections.ledger import Ledger
from projections.log_stream import ILLEGAL, LogEvent, last_position, read_log
from projections.resuming import resume
from projections.snapshot import snapshot
from projections.tables import TABLES

SQL = load_queries("projections", "replay.sql")

_TELL_EVERY = 5000
_KEPT = 100  # differences named; all are counted

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not as the log says. `code` is stable; the sentence is for people."""

    code: str
    subject: str
    text: str
    chinese: str = ""

    @classmethod
    def told(cls, code: str, subject: str, key: str, /, **values: object) -> "Difference":
        """With its sentence from the catalogue."""
        return cls(
            code=code, subject=subject, text=said("en", key, **values), chinese=said("zh", key, **values)
        )

    def sentence(self, language: Language = "en") -> str:
        return f"{self.subject}：{self.chinese}" if language == "zh" else f"{self.subject}: {self.text}"

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "subject": self.subject, "text": self.text}


@dataclass(slots=True, kw_only=True)
class Report:
    """What a verification found. `rows` counts the rows compared, by table."""

    position: int = 0
    events: int = 0
    since: int = 0  # what came up to here was trusted
    rows: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    differences_total: int = 0

    @property
    def equal(self) -> bool:
        return self.differences_total == 0

    def add(self, code: str, subject: str, key: str, /, **values: object) -> None:
        """`key` and `values` are those of a sentence of `evidence_texts`."""
        self.differences_total += 1
        if len(self.differences) < _KEPT:
            self.differences.append(Difference.told(code, subject, key, **values))


def verify(
    database_url: str,
    *,
    progress: Progress | None = None,
    known: Sequence[KnownPosition] = (),
    since: KnownPosition | None = None,
) -> Report:
    """Replay everything and compare, also with what is `known` from outside the database.

    `since` a position that was verified before, only what came after is replayed, and only rows that it touched, or
    that still may change, are compared. Raises as `snapshot`.
    """
    with snapshot(database_url, tables=True) as connection:
        return Replay(connection, progress, Witness(known), since).run()


class Replay:
    """One pass over one snapshot."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        progress: Progress | None,
        witness: Witness,
        since: KnownPosition | None,
    ) -> None:
        self._connection = connection
        self._progress = progress
        self._witness = witness
        self._since = since
        self._report = Report()
        self._folded = Folded(connection)
        self._ledger = Ledger()
        self._last_hash: bytes | None = b""  # None: the event before is missing

    def run(self) -> Report:
        report, total = self._report, last_position(self._connection)
        judged = self._resume(self._since, total) if self._since is not None else None
        left = total - report.position
        for logged in read_log(self._connection, after=report.position, until=total):
            self._check_chain(logged)
            self._fold(logged)
            if self._witness.waits_for is not None and self._witness.waits_for <= logged.position:
                self._tell_rewritten(self._witness.see(logged.position, logged.hash))
            if self._progress is not None and report.events % _TELL_EVERY == 0:
                self._progress(report.events, left)
        self._tell_rewritten(self._witness.end(report.position))
        if self._progress is not None:
            self._progress(report.events, left)
        self._folded.finish()
        for table in TABLES:
            report.rows[table] = compare(self._connection, self._folded, table, report.add, only=judged)
        if report.equal:  # what differs above is counted as it is
            self._compare_counts(resumed=judged is not None)
        for sha256, found in self._connection.execute(SQL["altered_scripts"]):
            report.add("script_altered", f"scripts {sha256} now {found}", "differs_body")
        return report

    def _compare_counts(self, *, resumed: bool) -> None:
        """How many jobs have ended; beside the rows, which are proved by now, where only a part was replayed."""
        stored = dict(self._connection.execute(SQL["ended_jobs"]).fetchall())
        said = (
            dict(self._connection.execute(SQL["count_ended"]).fetchall()) if resumed else self._folded.ended
        )
        for state in sorted({*said, *stored}):
            if said.get(state, 0) != stored.get(state, 0):
                numbers = {"said": said.get(state, 0), "stored": stored.get(state, 0)}
                self._report.add("count_differs", f"ended_jobs {state}", "differs_cell", **numbers)

    def _resume(self, since: KnownPosition, last: int) -> frozenset[StreamName]:
        """From the event at the trusted position on, if it still has the trusted hash."""
        older = Witness([*self._witness.leave_out(since.position), since])
        there = None
        while (position := older.waits_for) is not None:
            there = next(read_log(self._connection, after=position - 1, until=position), None)
            self._tell_rewritten(older.see(position, there.hash) if there else older.missing(last))
        self._report.position = self._report.since = since.position
        self._last_hash = there.hash if there else None
        return resume(self._connection, since.position, self._folded, self._ledger)

    def _tell_rewritten(self, found: Iterable[tuple[str, str]]) -> None:
        for subject, text in found:
            self._report.add("history_rewritten", subject, "differs_rewritten", why=text)

    def _check_chain(self, logged: LogEvent) -> None:
        """Positions without gaps, and each hash made of the one before."""
        report = self._report
        if logged.position != report.position + 1:
            self._last_hash = None
            report.add(
                "position_missing",
                f"position {report.position + 1}",
                "differs_next",
                position=logged.position,
            )
        if self._last_hash is not None and logged.hash_after(self._last_hash) != logged.hash:
            report.add("hash_broken", f"position {logged.position}", "differs_chain")
        report.position = logged.position
        report.events += 1
        self._last_hash = logged.hash

    def _fold(self, logged: LogEvent) -> None:
        if logged.stream in self._folded.broken:
            return
        try:
            event = self._folded.fold(logged)
        except ILLEGAL as error:
            self._folded.give_up(logged.stream)
            self._report.add(
                "event_illegal", f"position {logged.position} in {logged.stream}", "differs_rule", why=error
            )
            return
        for breach in self._ledger.book(event, self._folded.gres_wanted(logged.stream)):
            self._report.add(breach.code, f"position {logged.position}", "differs_rule", why=breach.text)
