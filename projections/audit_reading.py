"""What the audit looks at now: one snapshot of rows, leases and observations, and the events that led to findings.

Refuses to judge; `audit` does.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import dict_row

from conductor.database import Pool, load_queries
from conductor.log import reachable
from projections.audit import Finding, Seen

SQL = load_queries("projections", "audit.sql")

EVENTS_OF_STREAM = 8  # the last of a stream that led to a finding

Row = dict[str, Any]


async def look(pool: Pool) -> Seen:
    """The system as it is now. Raises `DatabaseUnavailable`."""
    async with reachable(pool) as connection:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        try:
            async with connection.transaction():
                return await _look(connection)
        finally:
            await connection.set_read_only(None)
            await connection.set_isolation_level(None)


async def _look(connection: AsyncConnection[Any]) -> Seen:
    await connection.execute(SQL["lock_tables"])
    row = await (await connection.execute(SQL["audit_now"])).fetchone()
    assert row is not None
    return Seen(
        now=row[0],
        position=row[1],
        allocations=await _rows(connection, "audit_allocations"),
        nodes=await _rows(connection, "audit_nodes"),
        strays=await _rows(connection, "audit_strays"),
        memories=await _rows(connection, "audit_memories"),
        imported=await _rows(connection, "audit_imported"),
        acknowledgements=await _rows(connection, "audit_acknowledgements"),
    )


async def _rows(
    connection: AsyncConnection[Any], query: str, values: Mapping[str, Any] | None = None
) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(SQL[query], values)
        return await cursor.fetchall()


async def events_that_led(pool: Pool, findings: Sequence[Finding]) -> list[list[Row]]:
    """For each finding, in order: position, at, type, actor, stream of the events that led to it."""
    wanted = {
        "streams": sorted({stream for one in findings for stream in one.streams}),
        "positions": sorted({position for one in findings for position in one.positions}),
        "most": EVENTS_OF_STREAM,
    }
    async with reachable(pool) as connection:
        found = await _rows(connection, "audit_events", wanted)
    return [list(_leading(found, one)) for one in findings]


def _leading(found: Iterable[Row], finding: Finding) -> Iterable[Row]:
    return (row for row in found if row["stream"] in finding.streams or row["position"] in finding.positions)
