"""The database as it stood at one moment, for operators' commands that read the log, and the end of that log.

Promises: one snapshot beside live work, which it neither blocks nor changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from conductor.core.errors import ConductorError
from conductor.database import connect_error, load_queries

SQL = load_queries("projections", "snapshot.sql")


class LogUnreadable(ConductorError):
    """The database cannot be read, or not to the end."""


class LogHead(NamedTuple):
    """The last event."""

    position: int
    hash: bytes
    recorded_at: datetime


@contextmanager
def snapshot(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection inside a read-only transaction. Raises `LogUnreadable`."""
    try:
        connection = psycopg.connect(database_url)
    except psycopg.OperationalError as error:
        raise LogUnreadable(connect_error(database_url, error)) from error
    try:
        with connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # Not by the list of migrations, which a role for reports may not read.
            if connection.execute(SQL["has_cluster"]).fetchone() != (True,):
                raise LogUnreadable(
                    "The database lacks migrations of this release. Run `conductor migrate` first."
                )
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise LogUnreadable(
            f"The database does not let this role read all that was asked for: {error.diag.message_primary}."
        ) from error
    except psycopg.OperationalError as error:
        raise LogUnreadable(connect_error(database_url, error)) from error


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
