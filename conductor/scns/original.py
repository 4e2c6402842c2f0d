"""The original system's database: its two tables, found by what they are, read in one snapshot and never written.

Rows come as JSON, so that every version of its tables can be read, and a value that makes no sense spoils its own row
alone. Refuses to know what a row means.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from conductor.core.errors import ConductorError
from conductor.database import load_queries

SQL = load_queries("conductor.scns", "original.sql")

_FETCH = 200
_NAMED = 20  # of the tables that are there instead

Row = Mapping[str, Any]


class OriginalUnreadable(ConductorError):
    """The original's database cannot be read, or is none; nothing was written anywhere."""


class _Table(NamedTuple):
    schema: str
    name: str
    columns: frozenset[str]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


class JobRow(NamedTuple):
    """A row of its jobs, and the rows of its allocations that name the job."""

    job: Row
    allocations: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """One snapshot of it."""

    connection: psycopg.Connection[Any]
    name: str
    jobs: _Table
    allocations: _Table

    def count(self) -> int:
        """How many jobs there are."""
        [(count,)] = self._ask("SELECT count(*) FROM {jobs}")
        return int(count)

    def allocations_without_job(self) -> list[tuple[Any, Any]]:
        """(allocation, the job it names, if it names one) of those whose job is not there."""
        return [
            (number, job_id)
            for number, job_id in self._ask(
                "SELECT a.id, a.job_id FROM {allocations} a WHERE NOT EXISTS"
                " (SELECT FROM {jobs} j WHERE j.id = a.job_id) ORDER BY a.id"
            )
        ]

    def rows(self) -> Iterator[JobRow]:
        """Every job, lowest number first."""
        query = (
            "SELECT to_jsonb(j), coalesce(a.rows, '[]') FROM {jobs} j LEFT JOIN"
            " (SELECT job_id, jsonb_agg(to_jsonb(one) ORDER BY id) AS rows FROM {allocations} one GROUP BY job_id) a"
            " ON a.job_id = j.id ORDER BY j.id"
        )
        with self._reading(), self.connection.cursor("original") as cursor:
            cursor.itersize = _FETCH
            cursor.execute(self._named(query))
            for job, allocations in cursor:
                yield JobRow(job, allocations)

    def _ask(self, query: str) -> list[Any]:
        with self._reading():
            return self.connection.execute(self._named(query)).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except psycopg.errors.InsufficientPrivilege as error:
            raise OriginalUnreadable(
                f"Role {self.connection.info.user} may not read the original's database: {_said(error)}. "
                "Use a URL whose role may."
            ) from error
        except (psycopg.Error, UnicodeError) as error:
            raise OriginalUnreadable(
                f"Reading the original's database broke off: {_said(error)}. Run the same command again; "
                "what was imported is recognised."
            ) from error

    def _named(self, query: str) -> sql.Composed:
        tables = {"jobs": self.jobs.identifier, "allocations": self.allocations.identifier}
        return sql.SQL(query).format(**tables)


@contextmanager
def open_original(url: str) -> Iterator[Original]:
    """One read-only snapshot. Raises `OriginalUnreadable`; so does whatever reads it."""
    with _connected(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL TIME ZONE 'UTC'")
        yield _found(connection)


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    # Its own settings name a driver: postgresql+asyncpg://, postgresql+psycopg2://
    plain = re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", url)
    try:
        parts = conninfo_to_dict(plain)
    except psycopg.ProgrammingError as error:
        raise OriginalUnreadable(
            f"The URL of the original's database cannot be read: {_said(error)}. "
            "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
        ) from error
    try:
        connection = psycopg.connect(plain, connect_timeout=10, client_encoding="utf8")
    except psycopg.OperationalError as error:
        where = f"{parts.get('host', 'the default socket')}:{parts.get('port', 5432)}"
        raise OriginalUnreadable(
            f"The original's database {parts.get('dbname', '')} at {where} cannot be reached: {_said(error)}. "
            "Check the URL, and that the server runs."
        ) from error
    with connection:
        yield connection


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".?")


def _found(connection: psycopg.Connection[Any]) -> Original:
    name = connection.info.dbname
    if connection.execute(SQL["is_conductor"]).fetchone() == (True,):
        raise OriginalUnreadable(
            f"Database {name} is Conductor's own, not the original system's. Nothing was read. "
            "Name the database that SCNS-Conductor wrote."
        )
    found = [
        _Table(schema, table, frozenset(columns))
        for schema, table, columns in connection.execute(SQL["relations"])
    ]
    return Original(
        connection=connection,
        name=name,
        jobs=_table(found, "jobs", ("id", "state"), name),
        allocations=_table(found, "resource_allocations", ("id", "job_id", "status|released"), name),
    )


def _table(found: Sequence[_Table], wanted: str, columns: Sequence[str], database: str) -> _Table:
    """The first that is called so, with or without its underscore and its plural, and has the columns."""
    called = {wanted.replace("_", ""), wanted.replace("_", "").removesuffix("s")}
    named = [table for table in found if table.name.lower().replace("_", "") in called]
    for table in named:
        if all(table.columns.intersection(column.split("|")) for column in columns):
            return table
    needed = ", ".join(column.replace("|", " or ") for column in columns)
    if named:
        there = f"{named[0].schema}.{named[0].name} has {', '.join(sorted(named[0].columns))}"
    else:
        names = [f"{table.schema}.{table.name}" for table in found]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        there = f"there is {', '.join(names[:_NAMED]) or 'no table at all'}{more}"
    raise OriginalUnreadable(
        f"Database {database} is not the original system's: it needs a table {wanted} (or "
        f"{min(called, key=len)}) with the columns {needed}; {there}. Name the database that SCNS-Conductor wrote."
    )
