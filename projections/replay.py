"""Proof by replay: fold the whole log and compare every table with it, row by row, column by column.

`verify` runs in one snapshot beside live work and blocks nobody. It checks that positions have no gaps, that
the hash chain holds, that every event is legal where it stands, the conservation law, and then every row of
every projection. It changes nothing and trusts nothing but the log.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from conductor.core.decider import State, fold
from conductor.core.errors import ConductorError
from conductor.core.identifiers import StreamName
from conductor.database import connect_error, load_queries
from conductor.migrate import pending
from projections.known import KnownPosition, Witness
from projections.ledger import Ledger
from projections.log_stream import LogEvent, last_position, read_log
from projections.tables import TABLES, expected_tables

SQL = load_queries("projections", "replay.sql")

_FETCH = 5000
_KEPT = 100  # differences named; all are counted

Progress = Callable[[int, int], None]


class ReplayError(ConductorError):
    """The log could not be replayed at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not as the log says. `code` is stable; the sentence is for people."""

    code: str
    subject: str
    text: str

    def sentence(self) -> str:
        return f"{self.subject}: {self.text}"


@dataclass(slots=True, kw_only=True)
class Report:
    """What a verification found. `rows` counts the rows compared, by table."""

    position: int = 0
    events: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    differences_total: int = 0

    @property
    def equal(self) -> bool:
        return self.differences_total == 0

    def add(self, code: str, subject: str, text: str) -> None:
        self.differences_total += 1
        if len(self.differences) < _KEPT:
            self.differences.append(Difference(code=code, subject=subject, text=text))


def verify(
    database_url: str, *, progress: Progress | None = None, known: Sequence[KnownPosition] = ()
) -> Report:
    """Replay everything and compare, also with what is `known` from outside the database.

    Raises `ReplayError` when the database cannot be read.
    """
    try:
        connection = psycopg.connect(database_url)
    except psycopg.OperationalError as error:
        raise ReplayError(connect_error(database_url, error)) from error
    with connection:
        if pending(connection):
            raise ReplayError("The database lacks migrations of this release. Run `conductor migrate` first.")
        connection.rollback()
        connection.adapters.register_loader("int8multirange", TextLoader)
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _verify_snapshot(connection, progress, known)


def _verify_snapshot(
    connection: psycopg.Connection[Any], progress: Progress | None, known: Sequence[KnownPosition]
) -> Report:
    report = Report()
    states = _replay(connection, report, progress, Witness(known))
    expected = expected_tables(states.values())
    for table, key in TABLES.items():
        _compare(connection, report, table, key, expected[table])
    for (sha256,) in connection.execute(SQL["altered_scripts"]):
        report.add("script_altered", f"scripts {sha256}", "the body no longer has this digest")
    return report


def _replay(
    connection: psycopg.Connection[Any], report: Report, progress: Progress | None, witness: Witness
) -> dict[StreamName, State]:
    """The states that the log folds to; whatever is wrong with the log itself goes into the report."""
    states: dict[StreamName, State] = {}
    ledger = Ledger()
    last_hash = b""
    total = last_position(connection)
    for logged in read_log(connection):
        last_hash = _check_chain(report, logged, last_hash)
        _fold(report, logged, states, ledger)
        for subject, text in witness.see(logged.position, logged.hash):
            report.add("history_rewritten", subject, text)
        if progress is not None and report.events % _FETCH == 0:
            progress(report.events, total)
    for subject, text in witness.end(report.position):
        report.add("history_rewritten", subject, text)
    if progress is not None:
        progress(report.events, total)
    return states


def _check_chain(report: Report, logged: LogEvent, last_hash: bytes) -> bytes:
    """Positions without gaps, and each hash made of the one before; gives the hash as it is stored."""
    if logged.position != report.position + 1:
        report.add(
            "position_missing",
            f"position {report.position + 1}",
            f"the next event in the log is {logged.position}",
        )
    if hashlib.sha256(last_hash + logged.text.encode()).digest() != logged.hash:
        report.add("hash_broken", f"position {logged.position}", "the event or one before it was altered")
    report.position = logged.position
    report.events += 1
    return logged.hash


def _fold(report: Report, logged: LogEvent, states: dict[StreamName, State], ledger: Ledger) -> None:
    try:
        recorded = logged.recorded()
        fold(states, recorded)
    except (ConductorError, ValueError) as error:
        report.add("event_illegal", f"position {logged.position} in {logged.stream}", str(error))
        return
    for breach in ledger.book(recorded):
        report.add("conservation_broken", f"position {logged.position}", breach)


def _compare(
    connection: psycopg.Connection[Any],
    report: Report,
    table: str,
    key: str,
    expected: dict[Any, dict[str, Any]],
) -> None:
    """Consumes `expected`: what is left at the end is missing from the table."""
    compared = 0
    with connection.cursor(name=f"compare_{table}", row_factory=dict_row) as cursor:
        cursor.itersize = _FETCH
        cursor.execute(SQL[table])
        for found in cursor:
            compared += 1
            row = expected.pop(found[key], None)
            subject = f"{table} {found[key]}"
            if row is None:
                report.add("row_unexpected", subject, "no event explains this row")
            else:
                _compare_row(report, subject, row, found)
    for missing in expected:
        report.add("row_missing", f"{table} {missing}", "the log has it, the table does not")
    report.rows[table] = compared


def _compare_row(report: Report, subject: str, row: dict[str, Any], found: dict[str, Any]) -> None:
    for column in sorted(row.keys() | found.keys()):
        said, stored = _comparable(row.get(column)), _comparable(found.get(column))
        if said != stored:
            report.add("row_differs", f"{subject}.{column}", f"the log says {said}, the table {stored}")


def _comparable(value: Any) -> Any:
    """Values as both sides can show them: enums and uuids as text, the rest as it is."""
    if value is None or isinstance(value, bool | int | float | list | dict | datetime):
        return value
    return str(value)
