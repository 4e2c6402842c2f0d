"""Headers as they were sent, rows from the database as plain dictionaries, and answers as JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from psycopg.rows import dict_row
from starlette.requests import Request
from starlette.responses import Response

from conductor.database import Pool, load_queries
from conductor.log import reachable

SQL = load_queries("api.answers", "queries.sql")

Row = dict[str, Any]


async def fetch(
    pool: Pool, query: str, values: Mapping[str, Any] | None = None, *, planned_anew: bool = False
) -> list[Row]:
    """All rows of a named query. `planned_anew` for its very values: which of many conditions it has, say."""
    prepare = False if planned_anew else None  # None: once it has been asked a few times
    async with reachable(pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(SQL[query], values, prepare=prepare)
        return await cursor.fetchall()


async def fetch_one(pool: Pool, query: str, values: Mapping[str, Any] | None = None) -> Row | None:
    """The only row of a named query, or None."""
    rows = await fetch(pool, query, values)
    return rows[0] if rows else None


def header_of(request: Request, name: str) -> str | None:
    """Given twice, both, with a comma between: so that no second value hides behind the first."""
    given = request.headers.getlist(name)
    return ", ".join(given) if given else None


def page_of(rows: list[Row], limit: int, key: str = "id") -> tuple[list[Row], int | None]:
    """Of rows that were asked for with one more than the limit: a page, and the cursor if another follows it."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], rows[limit - 1][key]


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type="application/json")
