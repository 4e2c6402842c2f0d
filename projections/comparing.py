"""A table beside what the log says of it: every row by its digest, and column by column where that differs.

Refuses to know how the expected digests came about.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from conductor.core.identifiers import StreamName
from conductor.database import load_queries
from projections.folded import Folded, digest_of
from projections.tables import TABLES, stream_of_row

SQL = load_queries("projections", "comparing.sql")

_FETCH = 2000
# Types that psycopg would make objects of are compared as text.
_AS_TEXT: Mapping[str, LiteralString] = {
    "cpu_spans": "{0}::text",
    # JSON has no such numbers: they would have the digest of NULL.
    "cpu_seconds": "CASE WHEN {0} IN ('NaN', 'Infinity', '-Infinity') THEN -1e308 ELSE {0} END",
}

_STREAM_OF: Mapping[str, LiteralString] = {
    "jobs": "'job-' || id",
    "resource_allocations": "'job-' || job_id",
    "past_allocations": "'job-' || job_id",
    "nodes": "'node-' || name",
}

Add = Callable[..., None]  # code, subject, and the key and values of a sentence


def compare(
    connection: psycopg.Connection[Any],
    folded: Folded,
    table: str,
    add: Add,
    *,
    only: Collection[StreamName] | None = None,
) -> int:
    """Report every row that is missing, unexpected or different; gives how many rows were compared.

    `only` these streams' rows are looked at. Consumes the expected digests: what is left at the end is missing from
    the table.
    """
    expected, compared = folded.digests(table), 0
    names = _columns(connection, table, folded.columns.get(table, ()))
    known, key = len(folded.columns.get(table, ())), names.index(TABLES[table])
    with connection.cursor(name=f"compare_{table}", binary=True) as cursor:
        cursor.itersize = _FETCH
        cursor.execute(*_select(table, names, only))
        for row in cursor:
            compared += 1
            digest = expected.pop(row[key], None)
            if digest is not None and digest == digest_of(row[:known]) and not any(row[known:]):
                continue
            found = dict(zip(names, row, strict=True))
            if digest is not None:
                _name_differences(folded, table, found, add)
            elif stream_of_row(table, found) not in folded.broken:
                add("row_unexpected", f"{table} {row[key]}", "differs_row_unexpected")
    for missing in expected:
        add("row_missing", f"{table} {missing}", "differs_row_missing")
    return compared


def _columns(connection: psycopg.Connection[Any], table: str, known: tuple[str, ...]) -> list[str]:
    """The row function's columns in its order, then whatever else the table has."""
    there = [name for (name,) in connection.execute(SQL["columns"], {"table": table})]
    return [*known, *(name for name in there if name not in known)]


def _select(
    table: str, names: list[str], only: Collection[StreamName] | None
) -> tuple[sql.Composed, dict[str, Any]]:
    columns = (
        sql.SQL(_AS_TEXT[name]).format(sql.Identifier(name)) if name in _AS_TEXT else sql.Identifier(name)
        for name in names
    )
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(columns), sql.Identifier(table))
    if only is None:
        return query, {}
    return query + sql.SQL(" WHERE " + _STREAM_OF[table] + " = ANY(%(only)s)"), {"only": list(only)}


def _name_differences(folded: Folded, table: str, found: Mapping[str, Any], add: Add) -> None:
    row = folded.row_again(table, found)
    subject = f"{table} {found[TABLES[table]]}"
    for column in sorted(row.keys() | found.keys()):
        said, stored = _comparable(row.get(column)), _comparable(found.get(column))
        if said != stored:
            add("row_differs", f"{subject}.{column}", "differs_cell", said=said, stored=stored)


def _comparable(value: Any) -> Any:
    """Values as both sides can show them: enums and uuids as text, the rest as it is."""
    if value is None or isinstance(value, bool | int | float | list | dict | datetime):
        return value
    return str(value)
