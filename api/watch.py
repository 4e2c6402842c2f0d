"""Waiting: a bell that rings when the log grows, and those who wait for a job's state.

Promises: who waits for a job sees its state whether notifications come or not, at most a poll interval late.
Whatever the number of waiters, a ring costs one query.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from api.reading import Row, fetch
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
                await asyncio.wait_for(self._event.wait(), timeout_seconds)


@dataclass(slots=True, eq=False)
class _Waiter:
    job_id: int
    enough: Callable[[Row], bool]
    seen: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class JobWatch:
    """Tells waiters when a job's `state`, `final` and `version` are what they wait for."""

    def __init__(self, pool: Pool, bell: Bell, *, poll_seconds: float) -> None:
        self._pool = pool
        self._bell = bell
        self._poll_seconds = poll_seconds
        self._waiters: set[_Waiter] = set()

    async def wait(self, job_id: int, enough: Callable[[Row], bool], timeout_seconds: float) -> bool:
        """True as soon as the job's row is enough; False when the time has passed."""
        waiter = _Waiter(job_id, enough)
        self._waiters.add(waiter)
        try:
            await self._look({waiter})  # after it was added, so that nothing is missed in between
            await asyncio.wait_for(waiter.seen, timeout_seconds)
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    async def run(self) -> None:
        """Look at every ring and every poll interval, for ever; run it as a task and cancel it."""
        while True:
            rung = self._bell.rung
            with contextlib.suppress(DatabaseUnavailable):
                await self._look(set(self._waiters))
            await self._bell.wait_past(rung, jittered(self._poll_seconds))

    async def _look(self, waiters: set[_Waiter]) -> None:
        if not waiters:
            return
        rows = await fetch(self._pool, "states", {"ids": list({waiter.job_id for waiter in waiters})})
        by_id = {row["id"]: row for row in rows}
        for waiter in waiters:
            row = by_id.get(waiter.job_id)
            if row is not None and waiter.enough(row) and not waiter.seen.done():
                waiter.seen.set_result(None)
