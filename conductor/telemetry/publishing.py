"""A process's numbers, put where one scrape finds those of all: a row of its own in the database, every few seconds.

Promises: the work never waits for it; while the database is away nothing is told, and nothing is lost but that.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from conductor.codec import encode
from conductor.database import DatabaseUnavailable, Pool, jittered, load_queries
from conductor.log import reachable
from conductor.running import end_tasks
from conductor.telemetry.exposition import Told
from conductor.telemetry.instruments import Snapshot
from conductor.telemetry.process import Who, snapshot_now, watch_pool

SQL = load_queries("conductor.telemetry", "publishing.sql")

PUBLISH_SECONDS = 5.0


@asynccontextmanager
async def publishing(pool: Pool, who: Who) -> AsyncIterator[None]:
    """Tell of this process for as long as the block runs."""
    watch_pool(pool)
    task = asyncio.create_task(_publish_for_ever(pool, who), name="metrics")
    try:
        yield
    finally:
        await end_tasks([task])


async def _publish_for_ever(pool: Pool, who: Who) -> None:
    while True:
        # A process of this release may run for a moment on the schema of the one before.
        with contextlib.suppress(DatabaseUnavailable, psycopg.DatabaseError):
            await publish(pool, who, snapshot_now())
        await asyncio.sleep(jittered(PUBLISH_SECONDS))


async def published(pool: Pool) -> list[Told]:
    """What every process said of itself lately."""
    async with reachable(pool) as connection:
        rows = await (await connection.execute(SQL["published"])).fetchall()
    return [
        Told(who=Who(process=process, node=node, pid=pid), counted=counted, position=position)
        for process, node, pid, position, counted in rows
    ]


async def publish(pool: Pool, who: Who, counted: Snapshot) -> None:
    values = {
        "process": who.process,
        "node": who.node,
        "pid": who.pid,
        "metrics": encode(counted).decode(),
    }
    async with reachable(pool) as connection:
        await connection.execute(SQL["publish_metrics"], values)
