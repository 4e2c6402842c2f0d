"""A migration that gives a table another shape: built beside the old one from the log, proved, and swapped.

Promises: live commands go on, and are kept waiting by the swap no longer than `_LONGEST_SECONDS`; interrupted at any
moment, the old tables serve and a second run succeeds; what hangs on a table (views, functions of its row, rights,
comments, indexes, constraints) comes along, or the migration is refused. Refuses to know: why the shape changes.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from conductor.database import load_queries
from conductor.migrate import NEXT, OLD, Migration, MigrationError, forget_leftovers
from projections.log_stream import last_position
from projections.stream_folds import Connection, Folded, fold_streams, folded_log, moved_streams, portions
from projections.tables import TABLES, TableRow

SQL = load_queries("projections", "reshape.sql")

# In the order in which live batches lock them; the door comes last.
_LOCK_ORDER = ("resource_allocations", "past_allocations", "jobs", "nodes")
_LOCKS_SECONDS = 0.06  # for all of them together
_LONGEST_SECONDS = 0.15
_FEW_STREAMS = 50
_CATCH_UPS = 50
_TRIES = 2000
_PAUSE_SECONDS = (0.02, 1.0)


class _Unready(Exception):
    """The swap would have kept live work waiting too long."""


@dataclass(slots=True, kw_only=True)
class _Reshaping:
    """One migration on its way. `position`: how far the new tables have followed the log."""

    connection: Connection
    migration: Migration
    tables: Sequence[str]
    reached: Callable[[str], None]
    position: int = 0
    drops: list[str] = field(default_factory=list)
    makes: list[str] = field(default_factory=list)


def reshape(
    connection: Connection,
    migration: Migration,
    record: Callable[[], None],
    reached: Callable[[str], None] = lambda _: None,
) -> None:
    """Apply a migration that begins with `-- reshape: TABLE ...`; `record` notes it in the transaction of the swap.

    `connection` is autocommit and has put on the owner's role. Raises `MigrationError`; then nothing has changed.
    """
    unknown = set(migration.reshaped) - set(TABLES)
    if unknown:
        raise MigrationError(
            f"{migration.name} wants to reshape {', '.join(sorted(unknown))}, which no event explains. Only "
            f"{', '.join(TABLES)} can be built from the log; use an ordinary migration."
        )
    tables = [table for table in _LOCK_ORDER if table in migration.reshaped]
    work = _Reshaping(connection=connection, migration=migration, tables=tables, reached=reached)
    _begin(work)
    _build(work)
    _fill(work)
    _catch_up_until_few(work)
    _prove(work)
    _swap(work, record)
    forget_leftovers(connection)
    reached("forgotten")


def _begin(work: _Reshaping) -> None:
    refused = work.connection.execute(SQL["refused"], _names(work)).fetchall()
    if refused:
        lost = ", ".join(what for what, _ in refused)
        raise MigrationError(
            f"{work.migration.name} cannot build {', '.join(work.tables)} anew: {lost} would be lost. Nothing was "
            f"changed. Take it off first ({'; '.join(how for _, how in refused)}), and make it again afterwards: in a "
            "migration of its own, if a migration made it."
        )
    forget_leftovers(work.connection)
    row = work.connection.execute("SELECT current_user").fetchone()
    assert row is not None
    owner = sql.Identifier(row[0])
    # Only who owns the database may make schemas in it.
    work.connection.execute("RESET ROLE")
    try:
        for schema in (NEXT, OLD):
            work.connection.execute(
                sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(sql.Identifier(schema), owner)
            )
    finally:
        work.connection.execute(sql.SQL("SET ROLE {}").format(owner))
    work.reached("begun")


def _names(work: _Reshaping) -> dict[str, list[str]]:
    return {"tables": [f"public.{table}" for table in work.tables]}


def _run(connection: Connection, statement: str) -> None:
    # Made by the catalogue or part of our package; psycopg asks for a literal to keep users' text out.
    connection.execute(cast(LiteralString, statement))


def _build(work: _Reshaping) -> None:
    """The tables as they are, empty, then the migration's own statements on them."""
    with work.connection.transaction():
        for table in work.tables:
            statements = work.connection.execute(SQL["build_statements"], {"table": f"public.{table}"})
            for (statement,) in statements.fetchall():
                _run(work.connection, statement)
        work.connection.execute(sql.SQL("SET LOCAL search_path = {}, public").format(sql.Identifier(NEXT)))
        _run(work.connection, work.migration.shape)
    work.reached("built")


def _put_in(work: _Reshaping, folded: Folded) -> None:
    for table in work.tables:
        if folded.rows[table]:
            wanted = {"table": f"{NEXT}.{table}", "rows": folded.json(table)}
            work.connection.execute(SQL["put_in"], wanted)


def _fill(work: _Reshaping) -> None:
    """Every row, from one snapshot of the log."""
    with work.connection.transaction():
        work.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        work.position = last_position(work.connection)
        for folded in folded_log(work.connection):
            _put_in(work, folded)
    for table in work.tables:
        work.connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(NEXT, table)))
    work.reached("filled")


def _catch_up(work: _Reshaping) -> int:
    """Rows of every stream that has moved; gives how many those are. Inside a transaction.

    All of them go before any comes back: a CPU may have passed from one to another.
    """
    position = last_position(work.connection)
    moved = moved_streams(work.connection, work.position)
    folds = [fold_streams(work.connection, some) for some in portions(moved, 500)]
    for folded in folds:
        for table in work.tables:
            wanted = {"table": f"{NEXT}.{table}", "owners": folded.owners(table)}
            work.connection.execute(SQL["clear"], wanted)
    for folded in folds:
        _put_in(work, folded)
    work.position = position
    return len(moved)


def _catch_up_until_few(work: _Reshaping) -> None:
    for _ in range(_CATCH_UPS):
        before = work.position
        try:
            with work.connection.transaction():
                work.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                moved = _catch_up(work)
        except BaseException:
            work.position = before
            raise
        if moved <= _FEW_STREAMS:
            break
    work.reached("caught up")


def _prove(work: _Reshaping) -> None:
    """Fold the log once more and compare; a difference here is a fault of the migration."""
    work.connection.adapters.register_loader("int8multirange", TextLoader)
    with work.connection.transaction():
        work.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _catch_up(work)
        expected = dict.fromkeys(work.tables, 0)
        for folded in folded_log(work.connection):
            for table in work.tables:
                expected[table] += len(folded.rows[table])
                _compare(work, table, folded.rows[table])
        for table, count in expected.items():
            statement = sql.SQL(SQL["count_rows"]).format(sql.Identifier(NEXT, table))
            row = work.connection.execute(statement).fetchone()
            if row != (count,):
                raise _not_equal(work, f"the new {table} has {row and row[0]} rows, the log says {count}")
    work.reached("proved")


def _compare(work: _Reshaping, table: str, rows: Sequence[TableRow]) -> None:
    """As they come out of the table, not as they would go in: a type that is too narrow must be seen."""
    key = TABLES[table]
    statement = sql.SQL(SQL["rows"]).format(sql.Identifier(NEXT, table), sql.Identifier(key))
    with work.connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(statement, {"keys": [row[key] for row in rows]})
        stored = {row[key]: row for row in cursor}
    for row in rows:
        found = stored.get(row[key], {})
        for column, said in row.items():
            if not _same(said, found.get(column)):
                raise _not_equal(
                    work, f"{table} {row[key]}.{column} is {found.get(column)}, the log says {said}"
                )


def _same(said: Any, stored: Any) -> bool:
    """Enums and uuids are compared as text."""
    return bool(said == stored) or (None not in (said, stored) and str(said) == str(stored))


def _not_equal(work: _Reshaping, what: str) -> MigrationError:
    return MigrationError(
        f"{work.migration.name} was not applied: {what}. The old tables serve on, unchanged. Mend the migration, so "
        "that its columns hold what `projections` gives them."
    )


def _swap(work: _Reshaping, record: Callable[[], None]) -> None:
    """Try until it succeeds quickly; between the tries live work has the tables to itself."""
    for attempt in range(_TRIES):
        before = work.position
        for makes, statement in work.connection.execute(SQL["dependents"], _names(work)).fetchall():
            if statement is not None:
                (work.makes if makes else work.drops).append(statement)
        try:
            with work.connection.transaction():
                _swap_once(work, record)
            work.reached("swapped")
            return
        except (
            _Unready,
            psycopg.errors.LockNotAvailable,
            psycopg.errors.DeadlockDetected,
            psycopg.errors.QueryCanceled,
        ):
            work.position = before
            work.drops, work.makes = [], []
        first, longest = _PAUSE_SECONDS
        pause = min(longest, first * 1.3 ** min(attempt, 20))
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads tries, guards nothing
        _catch_up_until_few(work)
    raise MigrationError(
        f"{work.migration.name} was not applied: the tables {', '.join(work.tables)} were in use all the time. The "
        "old ones serve on, unchanged. End long queries (`pg_stat_activity`), then run `conductor migrate` again."
    )


def _swap_once(work: _Reshaping, record: Callable[[], None]) -> None:
    connection = work.connection
    began_at = time.monotonic()
    # Whatever becomes of this process, nobody is kept out of the log for longer.
    connection.execute(SQL["hold_shortly"])
    for table in work.tables:
        _wait_at_most(connection, began_at + _LOCKS_SECONDS)
        connection.execute(sql.SQL(SQL["lock_table"]).format(sql.Identifier("public", table)))
    _wait_at_most(connection, began_at + _LOCKS_SECONDS)
    connection.execute(SQL["lock_door"])
    if len(moved_streams(connection, work.position)) > _FEW_STREAMS:
        raise _Unready
    _catch_up(work)
    for statement in work.drops:
        _run(connection, statement)
    for table in work.tables:
        _move(connection, "public", table, OLD)
    for table in work.tables:
        _move(connection, NEXT, table, "public")
    for statement in work.makes:
        _run(connection, statement)
    if work.migration.afterwards:
        _run(connection, work.migration.afterwards)
    record()
    work.reached("swapping")
    if time.monotonic() - began_at > _LONGEST_SECONDS:
        raise _Unready


def _wait_at_most(connection: Connection, until: float) -> None:
    """Whoever comes after us waits as long as we do."""
    milliseconds = max(1, int(1000 * (until - time.monotonic())))
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{milliseconds}ms")))


def _move(connection: Connection, schema: str, table: str, there: str) -> None:
    connection.execute(
        sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(sql.Identifier(schema, table), sql.Identifier(there))
    )
