"""Waiting: a bell that rings when the log grows, and those who look at a job until it is as they want it.

Promises: who looks at a job sees its state whether notifications come or not, at most a poll interval late.
However many look, a ring costs one query.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from api.answers.reading import Row, fetch
from conductor.database import DatabaseUnavailable, Pool, jittered


class Bell:
    """Counts rings; whoever saw an older count is woken by the next one."""

    def __init__(self) -> None:
        self.rung = 0
        self._event = asyncio.Event()

    def ring(self, _channel: str = "") -> None:
        self.rung += 1
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait_past(self, rung: int, timeout_seconds: float) -> None:
        """Until it has rung since `rung` was read, or the time has passed."""
        if self.rung == rung:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self._event.wait()


class Sight:
    """One look at one job, kept up to date: `row` has its `state`, `final`, `version`; None when unknown."""

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id
        self.row: Row | None = None
        self._changed = asyncio.Event()

    def show(self, row: Row | None) -> None:
        if row != self.row:
            self.row = row
            self._changed.set()

    async def changed(self, timeout_seconds: float) -> None:
        """Until the row has changed, or the time has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._changed.wait()
        self._changed.clear()


class JobWatch:
    """Keeps every sight up to date."""

    def __init__(self, pool: Pool, bell: Bell, *, poll_seconds: float) -> None:
        self._pool = pool
        self._bell = bell
        self._poll_seconds = poll_seconds
        self._sights: set[Sight] = set()
        self.by_notification = self.by_poll = 0  # what ended its waits

    @asynccontextmanager
    async def looking_at(self, job_id: int) -> AsyncIterator[Sight]:
        sight = Sight(job_id)
        self._sights.add(sight)
        try:
            await self._look({sight})  # after it was added, so that nothing is missed in between
            yield sight
        finally:
            self._sights.discard(sight)

    async def wait(self, job_id: int, enough: Callable[[Row], bool], timeout_seconds: float) -> None:
        """Until the job's row is enough, or the time has passed."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        async with self.looking_at(job_id) as sight:
            while not (sight.row and enough(sight.row)) and (left := deadline - loop.time()) > 0:
                await sight.changed(left)

    async def run(self) -> None:
        """Look at every ring and every poll interval, for ever; run it as a task and cancel it."""
        while True:
            rung = self._bell.rung
            with contextlib.suppress(DatabaseUnavailable):
                await self._look(set(self._sights))
            await self._bell.wait_past(rung, jittered(self._poll_seconds))
            if self._bell.rung != rung:
                self.by_notification += 1
            else:
                self.by_poll += 1

    async def _look(self, sights: set[Sight]) -> None:
        if not sights:
            return
        rows = await fetch(self._pool, "states", {"ids": list({sight.job_id for sight in sights})})
        by_id = {row["id"]: row for row in rows}
        for sight in sights:
            sight.show(by_id.get(sight.job_id))
