"""The original's numbers, kept: whether they are free here, and numbering that goes on behind them.

A number that was drawn and not used yet is in no table: a handler keeps allocation numbers in store. So numbers are
free only when they are higher than all that were ever drawn, or when an earlier run of the import set them aside.
Which those are the log says: the jobs with the highest numbers are imported first, right after numbering was moved.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from conductor.core.errors import ConductorError
from conductor.core.identifiers import JobId, job_stream
from conductor.database import connect_error, load_queries
from conductor.migrate import pending
from conductor.scns.translation import command_id_of

SQL = load_queries("conductor.scns", "numbers.sql")

_NAMED = 10
_FRESH = (
    "Import into a fresh database: CREATE DATABASE, put its address into CONDUCTOR_DATABASE_URL, "
    "run `conductor migrate`, then import before anything is submitted."
)


class NumbersTaken(ConductorError):
    """Numbers of the original are, or may be, those of other jobs here; nothing was written."""


class AnotherSource(ConductorError):
    """Jobs of another database were imported here before; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Of one kind: the lowest that is not set aside yet, and the highest; 0 and 0 when there are none."""

    lowest_new: int = 0
    highest: int = 0


def numbers_of(wanted: Iterable[int], set_aside_until: int) -> Numbers:
    """Those up to `set_aside_until` an earlier run has seen to."""
    known = sorted(wanted)
    new = [number for number in known if number > set_aside_until]
    return Numbers(lowest_new=new[0] if new else 0, highest=known[-1] if known else 0)


def source_of(connection: psycopg.Connection[Any], name: str, *, same_source: bool) -> str:
    """What the original is called in the log: as when it was first imported, when it is the same under another name.

    Numbers tell no two databases apart. Raises `AnotherSource` when `name` is not the one that was imported.
    """
    known = [str(source) for (source,) in connection.execute(SQL["sources"])]
    if not known or name in known:
        return name
    if same_source:
        return known[0]
    raise AnotherSource(
        f"This log has jobs that were imported from database {known[0]}, and this is database {name}. Job numbers of "
        "two databases are not told apart, so nothing was imported. Is it the same one, renamed or moved, say so with "
        f"--same-source; import another one into a database of its own. {_FRESH}"
    )


def imported_before(connection: psycopg.Connection[Any], job_ids: list[int]) -> frozenset[int]:
    """Those that the import has taken in already. Raises `NumbersTaken` when one is another job's."""
    ours: set[int] = set()
    others: dict[int, str] = {}
    for start in range(0, len(job_ids), 5000):
        streams = [job_stream(JobId(number)) for number in job_ids[start : start + 5000]]
        for number, command_id, name in connection.execute(SQL["first_events"], {"streams": streams}):
            if command_id == command_id_of(number):
                ours.add(number)
            else:
                others[number] = name
    if others:
        raise NumbersTaken(_taken(others))
    return frozenset(ours)


def _taken(others: Mapping[int, str]) -> str:
    named = ", ".join(f"{number} ({others[number]})" for number in sorted(others)[:_NAMED])
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return f"Job numbers of the original are taken here by other jobs: {named}{more}. Nothing was imported. {_FRESH}"


def check_free(connection: psycopg.Connection[Any], jobs: Numbers, allocations: Numbers) -> None:
    """As `set_aside` would at this moment; changes nothing. Raises `NumbersTaken`."""
    _drawn(connection, jobs, allocations)


def set_aside(connection: psycopg.Connection[Any], jobs: Numbers, allocations: Numbers) -> None:
    """Move numbering behind them, in one transaction that nobody draws a number in. Raises `NumbersTaken`."""
    with connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '10s'")
        connection.execute(SQL["hold_job_ids"])
        connection.execute(SQL["hold_allocation_ids"])
        drawn_jobs, drawn_allocations = _drawn(connection, jobs, allocations)
        if jobs.highest > drawn_jobs:
            connection.execute(SQL["move_job_ids"], {"until": jobs.highest})
        if allocations.highest > drawn_allocations:
            connection.execute(SQL["move_allocation_ids"], {"until": allocations.highest})


def _drawn(connection: psycopg.Connection[Any], jobs: Numbers, allocations: Numbers) -> tuple[int, int]:
    """The highest numbers that were ever drawn, when they leave room for the original's."""
    row = connection.execute(SQL["drawn"]).fetchone()
    assert row is not None
    drawn_jobs, drawn_allocations, untouched = row
    # Killed after it had moved the numbers and before it took in the first job.
    moved = untouched and (drawn_jobs, drawn_allocations) == (jobs.highest, allocations.highest)
    if not moved:
        _check("Job", jobs, drawn_jobs)
        _check("Allocation", allocations, drawn_allocations)
    return drawn_jobs, drawn_allocations


def _check(kind: str, numbers: Numbers, drawn: int) -> None:
    if 0 < numbers.lowest_new <= drawn:
        raise NumbersTaken(
            f"{kind} numbers up to {drawn} were given out here before, and the original's from {numbers.lowest_new} on "
            f"would meet them. Nothing was imported. {_FRESH}"
        )


@contextmanager
def connected_as_owner(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that may move the numbering. Raises `ConductorError`, also while it is used."""
    try:
        with psycopg.connect(database_url, autocommit=True) as connection:
            row = connection.execute(SQL["owner"]).fetchone()
            if row is None:
                raise ConductorError(
                    "The database has no tables of Conductor's yet. Run `conductor migrate` first."
                )
            if pending(connection):
                raise ConductorError(
                    "The database lacks migrations of this release. Run `conductor migrate` first."
                )
            try:
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(row[0])))
            except psycopg.errors.InsufficientPrivilege as error:
                raise ConductorError(
                    f"Role {connection.info.user} may not move the numbering: only members of {row[0]} may. "
                    "Use the database URL that `conductor migrate` is run with."
                ) from error
            yield connection
    except psycopg.OperationalError as error:
        raise ConductorError(connect_error(database_url, error)) from error
