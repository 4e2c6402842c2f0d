"""The tables of one moment in a schema of their own, for SQL: `replay as-of POSITION --into SCHEMA`.

Promises: today's columns, comments and views, filled from the folded states; one transaction, so what is
interrupted leaves nothing; a schema that was not made here is never touched. Refuses to know what the rows mean.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from conductor.core.decider import State
from conductor.core.errors import ConductorError
from conductor.database import load_queries
from projections.moment import Moment
from projections.tables import TABLES, TableRow, rows_of

SQL = load_queries("projections", "past_schema.sql")

VIEWS = ("allocation_history", "process_history", "usage")  # each may rest on those before it
_BY_JOB = ("resource_allocations", "past_allocations")
_READERS = ("service", "report")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_OURS = "Conductor as of position "
_ROWS_AT_ONCE = 5000


class SchemaRefused(ConductorError):
    """The schema may not be made, or not be replaced. `code` says why: `schema_bad_name` (psql would want it in
    quotes), `schema_reserved`, `schema_foreign` (there, and not made here), `schema_exists` (made here before),
    `schema_no_right` (the connecting role may not).
    """

    def __init__(self, code: str, schema: str) -> None:
        super().__init__(f"{schema}: {code}")
        self.code = code
        self.schema = schema


# The last two are a migration's, which clears them whenever it begins.
_RESERVED = ("public", "information_schema", "conductor_next", "conductor_old")


def check_schema_name(schema: str) -> None:
    """Raises `SchemaRefused`."""
    if not _NAME.fullmatch(schema):
        raise SchemaRefused("schema_bad_name", schema)
    if schema in _RESERVED or schema.startswith("pg_"):
        raise SchemaRefused("schema_reserved", schema)


def make_past_schema(
    connection: psycopg.Connection[Any],
    schema: str,
    moment: Moment,
    states: Iterable[State],
    *,
    replace: bool = False,
) -> dict[str, int]:
    """Make and fill the schema inside the caller's transaction; gives the rows of each table.

    Raises `SchemaRefused`; the caller then rolls back.
    """
    check_schema_name(schema)
    try:
        _make_room(connection, schema, replace=replace)
        _run(connection, "CREATE SCHEMA {schema}", schema=schema)
    except psycopg.errors.InsufficientPrivilege as error:
        raise SchemaRefused("schema_no_right", schema) from error
    _comment(connection, "SCHEMA {schema}", _mark(moment), schema=schema)
    for table in TABLES:
        _make_table(connection, schema, table)
    counts = _fill(connection, schema, states)
    for table, key in TABLES.items():
        _run(
            connection,
            "ALTER TABLE {schema}.{table} ADD PRIMARY KEY ({key})",
            schema=schema,
            table=table,
            key=key,
        )
        if table in _BY_JOB:
            _run(connection, "CREATE INDEX ON {schema}.{table} (job_id)", schema=schema, table=table)
        _run(connection, "ANALYZE {schema}.{table}", schema=schema, table=table)
    _make_views(connection, schema, moment)
    _grant(connection, schema)
    return counts


def _mark(moment: Moment) -> str:
    when = moment.at.isoformat() if moment.at else "-"
    return f"{_OURS}{moment.position}, {when}. / Conductor 在位置 {moment.position} 的状态，{when}。"


def _make_room(connection: psycopg.Connection[Any], schema: str, *, replace: bool) -> None:
    found = connection.execute(SQL["existing_schema"], {"schema": schema}).fetchone()
    if found is None:
        return
    if not str(found[0] or "").startswith(_OURS):
        raise SchemaRefused("schema_foreign", schema)
    if not replace:
        raise SchemaRefused("schema_exists", schema)
    _run(connection, "DROP SCHEMA {schema} CASCADE", schema=schema)


def _make_table(connection: psycopg.Connection[Any], schema: str, table: str) -> None:
    _run(
        connection,
        "CREATE TABLE {schema}.{table} (LIKE public.{table} INCLUDING COMMENTS INCLUDING CONSTRAINTS)",
        schema=schema,
        table=table,
    )
    _copy_comment(connection, schema, table, "TABLE")


def _fill(connection: psycopg.Connection[Any], schema: str, states: Iterable[State]) -> dict[str, int]:
    counts = dict.fromkeys(TABLES, 0)
    waiting: dict[str, list[TableRow]] = defaultdict(list)
    for state in states:
        for table, row in rows_of(state):
            counts[table] += 1
            waiting[table].append(row)
            if len(waiting[table]) == _ROWS_AT_ONCE:
                _copy_rows(connection, schema, table, waiting.pop(table))
    for table, rows in waiting.items():
        _copy_rows(connection, schema, table, rows)
    return counts


def _copy_rows(connection: psycopg.Connection[Any], schema: str, table: str, rows: list[TableRow]) -> None:
    columns = list(rows[0])
    statement = sql.SQL("COPY {}.{} ({}) FROM STDIN").format(
        sql.Identifier(schema), sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([_stored(row[column]) for column in columns])


def _stored(value: Any) -> Any:
    if isinstance(value, dict):
        return Jsonb(value)
    return str(value) if isinstance(value, Enum) else value


def _make_views(connection: psycopg.Connection[Any], schema: str, moment: Moment) -> None:
    """The events up to the moment, and today's views over the tables of then."""
    _run(
        connection,
        "CREATE VIEW {schema}.events AS SELECT * FROM public.events WHERE position <= {position}",
        schema=schema,
        position=moment.position,
    )
    _copy_comment(connection, schema, "events", "VIEW")
    for view in VIEWS:
        connection.execute("SET LOCAL search_path = public")
        found = connection.execute(SQL["view_definition"], {"relation": f"public.{view}"}).fetchone()
        assert found is not None
        # What goes on is counted to the moment, not to whenever somebody looks.
        then = sql.Literal(moment.at).as_string(connection) if moment.at else "now()"
        definition = str(found[0]).replace("now()", f"({then})")
        connection.execute(sql.SQL("SET LOCAL search_path = {}, public").format(sql.Identifier(schema)))
        statement = "CREATE VIEW {schema}.{view} AS " + definition.replace("{", "{{").replace("}", "}}")
        _run(connection, statement, schema=schema, view=view)
        _copy_comment(connection, schema, view, "VIEW")
    connection.execute("SET LOCAL search_path = public")


def _copy_comment(connection: psycopg.Connection[Any], schema: str, name: str, kind: str) -> None:
    """The comment of today's table or view, and of a view's columns, which nothing else brings along."""
    relation = {"relation": f"public.{name}"}
    found = connection.execute(SQL["table_comment"], relation).fetchone()
    if found and found[0]:
        _comment(connection, kind + " {schema}.{name}", found[0], schema=schema, name=name)
    if kind != "VIEW":
        return
    for column, comment in connection.execute(SQL["column_comments"], relation).fetchall():
        if comment:
            _comment(
                connection,
                "COLUMN {schema}.{name}.{column}",
                comment,
                schema=schema,
                name=name,
                column=column,
            )


def _grant(connection: psycopg.Connection[Any], schema: str) -> None:
    found = connection.execute(SQL["owner"]).fetchone()
    assert found is not None
    for reader in _READERS:
        role = str(found[0]).removesuffix("_owner") + f"_{reader}"
        _run(connection, "GRANT USAGE ON SCHEMA {schema} TO {role}", schema=schema, role=role)
        _run(connection, "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}", schema=schema, role=role)


def _comment(connection: psycopg.Connection[Any], on: str, comment: str, **names: str) -> None:
    _run(connection, f"COMMENT ON {on} IS {{comment}}", literal={"comment": comment}, **names)


def _run(
    connection: psycopg.Connection[Any],
    statement: str,
    *,
    literal: dict[str, str] | None = None,
    **names: str | int,
) -> None:
    """The statement with its names quoted; numbers and what is in `literal` as values."""
    parts: dict[str, sql.Composable] = {
        name: sql.Literal(value) if isinstance(value, int) else sql.Identifier(value)
        for name, value in names.items()
    }
    parts |= {name: sql.Literal(value) for name, value in (literal or {}).items()}
    connection.execute(sql.SQL(cast(LiteralString, statement)).format(**parts))
