"""Answers about the past of the whole system: who folds them, how many at once, and what is kept of them.

Promises: the event loop folds nothing, processes of our own do; at most two at a time, a few more wait, the
rest are told to come again; one whose client has gone away is ended. The past does not change, so what was
folded is kept for a while, within a bound. Refuses to know what the rows mean.
"""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

import orjson
import structlog
from starlette.requests import Request

from api.answers.problems import RETRY_AFTER_SECONDS, Problem
from api.services.leaving import while_wanted
from conductor.database import DatabaseUnavailable
from conductor.settings import Settings, child_environment

logger = structlog.get_logger("api")

FOLDING_AT_ONCE = 2
WAITING_AT_MOST = 8
KEPT_SECONDS = 300.0
KEPT_BYTES = 64 * 1024 * 1024
# A listing is folded for so many rows at least, so that its next pages need no folding.
ROWS_AT_LEAST = 5000
_IDLE_SECONDS = 60.0
_NOTHING = {"jobs": None, "allocations": None, "why": None}

Row = dict[str, Any]
Page = tuple[list[bytes], int | None]  # rows as JSON, and the next cursor
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What every answer about one position has beside its rows."""

    sums: Row
    oldest_pending_at: datetime | None
    nodes: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Rows of one listing, newest first, as JSON: all below `cursor`, or the `asked` newest of them."""

    cursor: int | None
    asked: int
    ids: list[int]
    rows: list[bytes]

    def page(self, cursor: int | None, limit: int) -> Page | None:
        """The rows after a cursor, and the next one; None when these do not reach that far."""
        if self.cursor is not None and (cursor is None or cursor > self.cursor):
            return None
        first = next((n for n, one in enumerate(self.ids) if cursor is None or one < cursor), len(self.ids))
        whole = len(self.ids) < self.asked
        end = first + limit
        if not whole and end >= len(self.ids):
            return None
        return self.rows[first:end], self.ids[end - 1] if end < len(self.ids) else None


class _Worker:
    """One process of `api.services.past_worker`, for one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, settings: Settings) -> "_Worker":
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "api.services.past_worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env=child_environment(settings), cwd="/",
        )  # fmt: skip
        return cls(process)

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    async def ask(self, request: Mapping[str, Any]) -> list[bytes]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(orjson.dumps(request) + b"\n")
            await self._process.stdin.drain()
            length = await self._process.stdout.readline()
            body = await self._process.stdout.readexactly(int(length))
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            raise Problem(503, "replay_failed", why="its process ended") from error
        return body.split(b"\n")

    async def end(self) -> None:
        """At once, whatever it is doing: it only reads."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


class Past:
    """Made when the app starts; `running_past` ends it."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self._settings = settings
        self._database_url = database_url
        self._kept: OrderedDict[tuple[Any, ...], tuple[float, int, Any]] = OrderedDict()
        self._kept_bytes = 0
        self._folding = asyncio.Semaphore(FOLDING_AT_ONCE)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._inside = 0
        self._idle: list[tuple[_Worker, asyncio.TimerHandle]] = []
        self._ending: set[asyncio.Task[None]] = set()

    async def overview(self, request: Request, position: int) -> Overview:
        def recalled() -> Overview | None:
            kept: Overview | None = self._recall((position,))
            return kept

        if (found := recalled()) is not None:
            return found
        folded: Overview = await while_wanted(request, self._fold(position, {}, recalled))
        return folded

    async def page(
        self,
        request: Request,
        position: int,
        listing: str,
        filters: Mapping[str, Any],
        cursor: int | None,
        limit: int,
    ) -> Page:
        """Some rows of `jobs` or `allocations`."""
        key = (position, listing, orjson.dumps(filters))

        def recalled() -> Page | None:
            stretch: Stretch | None = self._recall(key)
            return stretch.page(cursor, limit) if stretch else None

        wish = {listing: {**filters, "cursor": cursor, "limit": max(limit + 1, ROWS_AT_LEAST)}}
        if (found := recalled()) is not None:
            return found
        folded: Page = await while_wanted(request, self._fold(position, wish, recalled, key))
        return folded

    async def why(
        self, request: Request, position: int, at: datetime, job_id: int, fair_share: Mapping[str, float]
    ) -> Row:
        """Why a job waited then: `conductor.core.why.Why` as JSON. Every node that was up counts as heard from."""
        key = (position, at, "why", job_id)
        if (found := self._recall(key)) is not None:
            return cast(Row, found)
        wish = {"why": {"job_id": job_id, "at": at.isoformat(), "fair_share": fair_share}}
        return await while_wanted(request, self._explain(key, position, wish))

    async def _explain(self, key: tuple[Any, ...], position: int, wish: Mapping[str, Any]) -> Row:
        async with self._turn(position):
            if (found := self._recall(key)) is None:
                [head] = await self._ask(
                    {"database_url": self._database_url, "position": position, **_NOTHING, **wish}
                )
                found = orjson.loads(head)
                _raise_for(found)
                self._keep(key, found, len(head))
        return cast(Row, found)

    async def _fold(
        self,
        position: int,
        wish: Mapping[str, Any],
        recalled: Callable[[], T | None],
        key: tuple[Any, ...] | None = None,
    ) -> T:
        """Have it folded and keep what comes of it, unless somebody has meanwhile."""
        async with self._turn(position):
            if (found := recalled()) is None:
                asked = {"database_url": self._database_url, "position": position, **_NOTHING, **wish}
                head, *rows = await self._ask(asked)
                document = orjson.loads(head)
                _raise_for(document)
                self._keep((position,), _overview(document), len(head))
                if key is not None:
                    [listing] = wish.values()
                    stretch = Stretch(
                        cursor=listing["cursor"], asked=listing["limit"], ids=document["ids"], rows=rows
                    )
                    self._keep(key, stretch, sum(map(len, rows)) + 100 * len(rows))
                found = recalled()
        assert found is not None
        return found

    @asynccontextmanager
    async def _turn(self, position: int) -> AsyncIterator[None]:
        """Few at a time, and of one position one after the other: the first may fold for all of them."""
        if self._inside >= FOLDING_AT_ONCE + WAITING_AT_MOST:
            raise Problem(429, "past_busy", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        self._inside += 1
        try:
            async with self._locks.setdefault(position, asyncio.Lock()), self._folding:
                yield
        finally:
            self._inside -= 1

    async def _ask(self, wish: Mapping[str, Any]) -> list[bytes]:
        worker = self._take_idle() or await _Worker.start(self._settings)
        try:
            answer = await worker.ask(wish)
        except BaseException:
            # Cancelled in the middle, or it died: nobody could make sense of what it says next.
            await asyncio.shield(worker.end())
            raise
        self._lay_by(worker)
        return answer

    def _take_idle(self) -> _Worker | None:
        while self._idle:
            worker, timer = self._idle.pop()
            timer.cancel()
            if worker.lives:
                return worker
        return None

    def _lay_by(self, worker: _Worker) -> None:
        """For the next one who asks, if that is soon."""
        timer = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._dismiss, worker)
        self._idle.append((worker, timer))

    def _dismiss(self, worker: _Worker) -> None:
        self._idle = [idle for idle in self._idle if idle[0] is not worker]
        task = asyncio.create_task(worker.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def end(self) -> None:
        while (worker := self._take_idle()) is not None:
            await worker.end()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _recall(self, key: tuple[Any, ...]) -> Any:
        self._forget()
        found = self._kept.get(key)
        return found[2] if found else None

    def _keep(self, key: tuple[Any, ...], value: Any, size: int) -> None:
        replaced = self._kept.pop(key, None)
        self._kept_bytes += size - (replaced[1] if replaced else 0)
        self._kept[key] = (asyncio.get_running_loop().time() + KEPT_SECONDS, size, value)
        self._forget()

    def _forget(self) -> None:
        """What is too old, and the oldest of what is too much; the newest stays whatever its size."""
        now = asyncio.get_running_loop().time()
        while self._kept:
            until, size, _ = next(iter(self._kept.values()))
            if until > now and (self._kept_bytes <= KEPT_BYTES or len(self._kept) <= 2):
                return
            self._kept.popitem(last=False)
            self._kept_bytes -= size


@asynccontextmanager
async def running_past(settings: Settings, database_url: str) -> AsyncIterator[Past]:
    past = Past(settings, database_url)
    try:
        yield past
    finally:
        await past.end()


def _overview(document: Row) -> Overview:
    oldest = document["oldest_pending_at"]
    return Overview(
        sums=document["sums"],
        oldest_pending_at=datetime.fromisoformat(oldest) if oldest else None,
        nodes=document["nodes"],
    )


def _raise_for(document: Row) -> None:
    if "database" in document:
        raise DatabaseUnavailable(document["database"])
    if "log" in document:
        raise Problem(500, "log_unreadable", why=document["log"])
