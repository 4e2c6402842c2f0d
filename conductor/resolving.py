"""The scheduler's part in dependencies: read how the jobs stand that others wait for, and be woken by their starts.

Promises: what is read is only a hint of whom to ask about; whether something came true is decided from the log.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable

from conductor.core.dependencies import Reference
from conductor.core.identifiers import JobId
from conductor.core.waiting_on import Standing, WaitingOn
from conductor.database import Pool, listen, load_queries
from conductor.log import LOG_CHANNEL, reachable
from conductor.running import end_tasks

SQL = load_queries("conductor", "resolving.sql")


async def learn(pool: Pool, waiting_on: WaitingOn) -> None:
    """Look up the jobs that are waited for since the last time; several may be one array."""
    unknown = waiting_on.unknown
    if not unknown:
        return
    wanted = {
        "job_ids": [reference.job_id for reference in unknown],
        "task_ids": [reference.task_id for reference in unknown],
    }
    found: dict[Reference, dict[JobId, Standing]] = defaultdict(dict)
    async with reachable(pool) as connection:
        cursor = await connection.execute(SQL["awaited_jobs"], wanted)
        for job_id, task_id, member, *standing in await cursor.fetchall():
            found[Reference(job_id=job_id, task_id=task_id)][JobId(member)] = Standing(*standing)
    waiting_on.learn(found)


class StartsWatched:
    """Wakes the scheduler at every commit, only for as long as some job waits for another's start.

    A start moves nothing in the queue, so it does not wake the scheduler otherwise.
    """

    def __init__(self, database_url: str, wake: Callable[[], None]) -> None:
        self._database_url = database_url
        self._wake = wake
        self._listening: asyncio.Task[None] | None = None

    async def watch(self, matter: bool) -> None:
        if matter and self._listening is None:
            self._listening = asyncio.create_task(
                listen(self._database_url, [LOG_CHANNEL], lambda _: self._wake()), name="starts"
            )
        elif not matter and self._listening is not None:
            await self.end()

    async def end(self) -> None:
        if self._listening is not None:
            await end_tasks([self._listening])
            self._listening = None
