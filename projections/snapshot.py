"""The database as it stood at one moment, for whatever reads the log at length, and the end of that log.

Promises: one snapshot beside live work, which it neither blocks nor changes; a reader that was killed leaves no query
behind that goes on for nobody.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from conductor.core.errors import ConductorError
from conductor.core.identifiers import JobId, job_stream
from conductor.core.said import Said
from conductor.database import DatabaseNotReady, DatabaseUnavailable, connect_error, load_queries
from conductor.migrate import pending

SQL = load_queries("projections", "snapshot.sql")


class LogUnreadable(ConductorError):
    """The database does not let us read what was asked for."""


class LogHead(NamedTuple):
    """The last event."""

    position: int
    hash: bytes
    recorded_at: datetime


@contextmanager
def snapshot(
    database_url: str, *, read_only: bool = True, tables: bool = False
) -> Iterator[psycopg.Connection[Any]]:
    """A connection in one transaction that sees one snapshot; committed when the block ends well.

    With `tables` it is one of the projections too, whatever migration comes beside it. Raises `DatabaseUnavailable`,
    `DatabaseNotReady`, `LogUnreadable`.
    """
    try:
        connection = psycopg.connect(database_url)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(connect_error(database_url, error)) from error
    try:
        with connection:
            _check_schema(connection)
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            if read_only:
                connection.execute("SET TRANSACTION READ ONLY")
            if tables:
                lock_tables(connection)
            connection.execute(SQL["settings"])
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise LogUnreadable(
            f"The database does not let this role read all that was asked for: {error.diag.message_primary}."
        ) from error
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise DatabaseUnavailable(
            f"PostgreSQL ended the connection or the query: {said}. Try again."
        ) from error


def _check_schema(connection: psycopg.Connection[Any]) -> None:
    try:
        lacking = bool(pending(connection))
    except psycopg.errors.InsufficientPrivilege:  # a role for reports may not read the list of migrations
        connection.rollback()
        lacking = connection.execute(SQL["has_cluster"]).fetchone() != (True,)
    if lacking:
        raise DatabaseNotReady(Said("schema_behind"))
    connection.rollback()


def lock_tables(connection: psycopg.Connection[Any]) -> None:
    """Before a transaction's snapshot is taken: a table that a migration swapped in after it would look empty."""
    connection.execute(SQL["lock_tables"])


def cluster_id(connection: psycopg.Connection[Any]) -> str:
    """The name that the log was given once. Raises `LogUnreadable` when somebody took it away."""
    row = connection.execute(SQL["cluster_id"]).fetchone()
    if row is None:
        raise LogUnreadable("The table `cluster` is empty: somebody took the log's name away.")
    return str(row[0])


def log_head(connection: psycopg.Connection[Any]) -> LogHead | None:
    """The end of the log; None when nothing has happened yet."""
    row = connection.execute(SQL["head"]).fetchone()
    return LogHead(*row) if row else None


def first_missing(connection: psycopg.Connection[Any], until: int) -> int | None:
    """The first position up to `until` that has no event."""
    if connection.execute(SQL["is_whole"], {"until": until}).fetchone() == (True,):
        return None
    row = connection.execute(SQL["first_missing"], {"until": until}).fetchone()
    assert row is not None
    return int(row[0])


def first_damage(connection: psycopg.Connection[Any], until: int) -> tuple[str, int] | None:
    """The audit's code and the position of the first place where the log does not hold together.

    PostgreSQL computes the hashes, some microseconds each.
    """
    connection.execute(SQL["no_time_limit"])  # the report role's is for questions, not for this
    missing = first_missing(connection, until)
    row = connection.execute(SQL["first_altered"], {"until": until}).fetchone()
    altered = int(row[0]) if row else None
    if missing is not None and (altered is None or missing < altered):
        return "position_missing", missing
    return None if altered is None else ("hash_broken", altered)


def array_tasks(
    connection: psycopg.Connection[Any], array_job_id: JobId, task_ids: Sequence[int]
) -> dict[int, JobId]:
    """The number of each of these tasks of an array that the log knows."""
    asked = {"stream": job_stream(array_job_id), "job_id": array_job_id, "task_ids": list(task_ids)}
    return {task_id: JobId(number) for number, task_id in connection.execute(SQL["array_tasks"], asked)}
