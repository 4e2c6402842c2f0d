"""The executor's side of reading a job's output from elsewhere: requests come, and answers go, through PostgreSQL.

Promises: no port is opened; a request names a job and a stream, never a file, and only files of jobs that ran
here are read; a request that waits for more output is looked after here, without the database, until there is
some. What goes wrong with a request goes wrong for that request alone. Refuses to know who asks.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from conductor.accounts import UnknownAccount, account_for
from conductor.core.job_rights import parse_run_as
from conductor.database import DatabaseUnavailable, Pool, WakeUp, jittered, load_queries
from conductor.log import reachable
from conductor.output_file import (
    OUTPUT_ANSWERS_CHANNEL,
    Missing,
    Piece,
    lies_in_spool,
    output_path,
    read_piece,
)
from conductor.running import end_tasks
from conductor.settings import Settings

SQL = load_queries("conductor", "output_server.sql")

_LOOK_SECONDS = 0.1  # how old the newest output may be that a held request has not seen
_READS_AT_ONCE = 4

logger = structlog.get_logger("executor")

Row = Mapping[str, Any]


async def serve_outputs(pool: Pool, settings: Settings, wake_up: WakeUp) -> None:
    """Answer requests for output of this node, for ever; run it as a task and cancel it.

    `wake_up` is set at every notification on the node's `output_channel`.
    """
    await _OutputServer(pool=pool, settings=settings, wake_up=wake_up).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A request that has no answer yet, and until when it may go without one."""

    row: Row
    until: float


@dataclass(slots=True, kw_only=True)
class _OutputServer:
    pool: Pool
    settings: Settings
    wake_up: WakeUp
    _held: dict[UUID, _Held] = field(default_factory=dict)
    _busy: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    _reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READS_AT_ONCE))

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._look()
                except DatabaseUnavailable as error:
                    logger.warning("executor.database_away", error=str(error))
                except Exception:  # jobs matter more than their outputs' readers; look again later
                    logger.exception("output.not_served")
                await self._until_next_look()
        finally:
            await end_tasks(list(self._busy.values()))

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        wanted = {"node_name": self.settings.node_name}
        async with reachable(self.pool) as connection:
            cursor = await connection.execute(SQL["wanted_outputs"], wanted)
            columns = [column.name for column in cursor.description or ()]
            found = [dict(zip(columns, row, strict=True)) for row in await cursor.fetchall()]
        rows = {row["request_id"]: row for row in found}
        fresh = {key: _Held(row=row, until=now + row["wait_seconds"]) for key, row in rows.items()}
        self._held = {key: self._held.get(key, held) for key, held in fresh.items()}

    async def _until_next_look(self) -> None:
        """Answer what can be answered; at the next wake-up, or a poll interval from now, look again."""
        loop = asyncio.get_running_loop()
        next_look = loop.time() + jittered(self.settings.poll_seconds)
        notified = self.wake_up.by_notification
        while True:
            for request_id, held in list(self._held.items()):
                if request_id not in self._busy:
                    self._busy[request_id] = asyncio.create_task(self._answer(request_id, held))
            left = next_look - loop.time()
            await self.wake_up.wait(min(left, _LOOK_SECONDS) if self._held else left)
            if self.wake_up.by_notification > notified or loop.time() >= next_look:
                return

    async def _answer(self, request_id: UUID, held: _Held) -> None:
        """Unless there is nothing new, and time left to wait for it."""
        try:
            async with self._reads:
                found = await asyncio.to_thread(self._read, held.row)
            if self._may_wait(held, found):
                return
            self._held.pop(request_id, None)
            with contextlib.suppress(DatabaseUnavailable):  # still wanted, so the next look finds it again
                await self._send(request_id, found)
        except Exception:  # one request's accident: the others, and the node's jobs, go on
            logger.exception("output.not_answered", job=held.row["id"])
        finally:
            self._busy.pop(request_id, None)

    def _read(self, row: Row) -> Piece | Missing:
        stream = row["stream"]
        path = output_path(row, stream, self.settings.spool)
        if not row["ran_here"]:
            return Missing(code="missing", path=str(path))
        try:
            owner = None if lies_in_spool(row, stream) else _owner(row, self.settings)
        except UnknownAccount:
            return Missing(code="forbidden", path=str(path))
        return read_piece(path, row["first_byte"], row["most_bytes"], owner)

    def _may_wait(self, held: _Held, found: Piece | Missing) -> bool:
        nothing_new = found.code == "missing" if isinstance(found, Missing) else not found.data
        return nothing_new and asyncio.get_running_loop().time() < held.until

    async def _send(self, request_id: UUID, found: Piece | Missing) -> None:
        values: dict[str, Any] = {
            "request_id": request_id,
            "channel": OUTPUT_ANSWERS_CHANNEL,
            **dict.fromkeys(("first_byte", "data", "total_bytes", "missing", "path")),
        }
        match found:
            case Piece():
                values |= {
                    "first_byte": found.first_byte,
                    "data": found.data,
                    "total_bytes": found.total_bytes,
                }
            case Missing():
                values |= {"missing": found.code, "path": found.path}
        async with reachable(self.pool) as connection:
            await connection.execute(SQL["answer_output"], values)


def _owner(row: Row, settings: Settings) -> int | None:
    """The account that the job ran as; None when that is this process's own. Raises `UnknownAccount`."""
    account = account_for(row["submitted_by"], row["user_name"], parse_run_as(settings.run_as))
    return None if account is None else account.uid
