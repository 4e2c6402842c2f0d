"""The scheduler's picture of the cluster, kept by the API to say why jobs wait.

Promises: loaded at the first question, by the scheduler's own functions, and followed at each one; kept in a thread
with an event loop of its own, so that nobody else's request waits while it is loaded or planned on; dropped when
nobody asked for a while; loaded anew when history forked or rows were mended. A listing waits for it only a moment.
Of one position and second there is one plan, whoever asks. Refuses to know how reasons are found.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog

from api.answers.problems import RETRY_AFTER_SECONDS, Problem
from conductor.core.identifiers import JobId
from conductor.core.queue_order import InLine, LicenceUse, first_in_line, licence_use, waiting_count
from conductor.core.wait_reasons import Judge
from conductor.core.why import Why, explain_by
from conductor.database import Pool, open_pool
from conductor.log import SQL as LOG_SQL
from conductor.log import reachable
from conductor.scheduler_memory import HistoryForked, Memory, follow, load

logger = structlog.get_logger("api")

PATIENCE_SECONDS = 1.0  # of a listing
EXPLAINED_AT_ONCE = (
    4  # one after the other, seconds each where very many wait; who waits for it holds a place
)
_UNUSED_SECONDS = 180.0
_CLOSING_SECONDS = 5.0
_AT_ONCE = 20  # listings that wait for it; the others go without
_FAR_BEHIND = 100_000  # events: then loading is faster than following

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An answer, and the moment it is of."""

    why: Why
    position: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The first of the queue, how many stand in it, and the moment that this is of."""

    first: Sequence[InLine]
    waiting: int
    licences: Sequence[LicenceUse]
    position: int
    at: datetime


class _Followed:
    """The picture itself. Every method runs in its thread, one after the other."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._pool: Pool | None = None
        self._memory: Memory | None = None
        self._judged: tuple[Any, Judge] | None = None
        self._asked_at = 0.0

    @property
    def position(self) -> float | None:
        memory = self._memory
        return float(memory.cluster.position) if memory is not None else None

    async def explain(self, job_id: JobId) -> Explained | None:
        """None for a job that is not in the picture (any more)."""
        async with self._lock:
            judge = await self._judge()
            if job_id not in judge.cluster.jobs:
                return None
            why = explain_by(judge, job_id)
            return Explained(why=why, position=judge.cluster.position, at=judge.now)

    async def queue(self, most: int) -> Queued:
        async with self._lock:
            judge = await self._judge()
            return Queued(
                first=first_in_line(judge, most),
                waiting=waiting_count(judge),
                licences=licence_use(judge),
                position=judge.cluster.position,
                at=judge.now,
            )

    async def reasons(self, job_ids: Collection[JobId]) -> Mapping[JobId, str]:
        async with self._lock:
            judge = await self._judge()
            return judge.reasons(job_ids)

    async def _judge(self) -> Judge:
        self._asked_at = time.monotonic()
        memory = await self._up_to_date()
        cluster, now = memory.cluster, memory.now or datetime.now(UTC)
        key = (cluster.position, int(now.timestamp()), memory.heard_from)
        if self._judged is None or self._judged[0] != key or self._judged[1].cluster is not cluster:
            cluster.admit(now)
            self._judged = key, Judge(cluster, now, memory.heard_from)
        return self._judged[1]

    async def _up_to_date(self) -> Memory:
        if self._pool is None:
            self._pool = await self._stack.enter_async_context(open_pool(self._database_url, size=1))
        memory, pool = self._memory, self._pool
        self._memory = None  # until it has been followed: what failed in the middle is not gone on with
        if memory is None or memory.outdated or await _far_behind(pool, memory):
            memory = await load(pool)
        try:
            await follow(pool, memory)
        except HistoryForked:
            memory = await load(pool)
            await follow(pool, memory)
        if memory.outdated:  # by what it has just been told: use counts from now on, or in another way
            memory = await load(pool)
            await follow(pool, memory)
        self._memory = memory
        return memory

    async def drop_unused(self) -> None:
        """Look now and then whether anybody still asks."""
        while True:
            await asyncio.sleep(_UNUSED_SECONDS / 4)
            async with self._lock:
                if time.monotonic() - self._asked_at > _UNUSED_SECONDS:
                    await self._drop()

    async def close(self) -> None:
        async with self._lock:
            await self._drop()

    async def _drop(self) -> None:
        self._memory = self._judged = self._pool = None
        await self._stack.aclose()


async def _far_behind(pool: Pool, memory: Memory) -> bool:
    async with reachable(pool) as connection:
        head = await (await connection.execute(LOG_SQL["head"])).fetchone()
    return head is not None and head[0] - memory.cluster.position > _FAR_BEHIND


class Picture:
    """What the other threads may ask. Made when the app starts; its thread begins with the first question."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._followed: _Followed | None = None
        self._waiting = self._explaining = 0
        self._running: set[Future[Any]] = set()

    def position(self) -> float | None:
        """Up to where it has read; None while there is no picture."""
        return self._followed.position if self._followed is not None else None

    async def explain(self, job_id: JobId) -> Explained | None:
        """None for a job that does not wait any more. Raises `DatabaseUnavailable`, and a problem when many ask."""
        return await self._one_of_few(lambda followed: followed.explain(job_id))

    async def queue(self, most: int) -> Queued:
        """The first of those that wait, in the scheduler's order. Raises as `explain` does."""
        return await self._one_of_few(lambda followed: followed.queue(most))

    async def _one_of_few(self, question: Callable[[_Followed], Coroutine[Any, Any, T]]) -> T:
        if self._explaining >= EXPLAINED_AT_ONCE:
            raise Problem(503, "why_busy", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        self._explaining += 1
        try:
            return await asyncio.wrap_future(self._ask(question))
        finally:
            self._explaining -= 1

    async def reasons(self, job_ids: Collection[JobId]) -> Mapping[JobId, str]:
        """The words for those that wait; none when the picture takes longer than a listing can wait, or fails."""
        if not job_ids or self._waiting >= _AT_ONCE:
            return {}
        self._waiting += 1
        asked = asyncio.wrap_future(self._ask(lambda followed: followed.reasons(job_ids)))
        asked.add_done_callback(self._answered)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await asyncio.shield(asked)
        except TimeoutError:
            return {}
        except Exception as error:  # an opinion is no part of the listing: that is answered without
            logger.warning("picture.failed", error=str(error))
            return {}

    def _answered(self, asked: "asyncio.Future[Any]") -> None:
        self._waiting -= 1
        if not asked.cancelled():
            asked.exception()  # whoever asked may have left

    def _ask(self, question: Callable[[_Followed], Coroutine[Any, Any, T]]) -> "Future[T]":
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="picture", daemon=True)
            self._thread.start()
            self._followed = _Followed(self._database_url)
            self._run(self._followed.drop_unused())
        assert self._followed is not None
        return self._run(question(self._followed))

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        assert self._loop is not None
        running = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return running

    async def close(self) -> None:
        """Whatever is asked still is not answered any more."""
        if self._loop is None or self._thread is None or self._followed is None:
            return
        for running in tuple(self._running):
            running.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await asyncio.wrap_future(self._run(self._followed.close()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join, _CLOSING_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


@asynccontextmanager
async def running_picture(database_url: str) -> AsyncIterator[Picture]:
    picture = Picture(database_url)
    try:
        yield picture
    finally:
        await picture.close()
