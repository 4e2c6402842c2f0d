"""What a node's executor sees by itself, for the audit: one row of `node_observations`, written anew at each look.

Promises: it only looks; whatever happens to a look, the session's work goes on. What is about to be mended is no
observation, and neither is a process at its start or its end: two looks must agree. When a look at the machine
fails, nothing is written, and the last row tells by its time that it is old.

Refuses to know what a finding is: the audit compares the row with the log.
"""

import asyncio
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from conductor import __version__, strays
from conductor.core.identifiers import AllocationId, Incarnation, NodeName
from conductor.database import DatabaseUnavailable, Pool, load_queries
from conductor.log import reachable
from conductor.log_memory import BEGINNING, Cursor, LogSays, Memory, MemoryFile, follow
from conductor.strays import Stray, Surroundings

SQL = load_queries("conductor", "observing.sql")

AGREE_SECONDS = 3.0  # between two looks at the same stray
_PAUSE_FACTOR = 50  # a look at all processes takes at most a fiftieth of one CPU, however many there are

logger = structlog.get_logger("executor")

Seen = tuple[Mapping[str, Any], ...]


@dataclass(slots=True, kw_only=True)
class Observer:
    """Looks when it is told what the session's own comparison could not account for.

    `held` are the allocations that the supervisor answers for now. `around` says where strays are looked for.
    """

    pool: Pool
    node_name: NodeName
    incarnation: Incarnation
    memory_file: MemoryFile
    held: Callable[[], Collection[AllocationId]]
    around: Callable[[], Surroundings]
    agree_seconds: float = AGREE_SECONDS
    _told: asyncio.Event = field(default_factory=asyncio.Event)
    _unaccounted: Collection[AllocationId] = ()
    _memory: Memory | None = None
    _memory_read: bool = False
    _strays: Seen = ()
    _named: frozenset[Stray] = frozenset()  # in our log already
    _look_again_at: float = 0.0  # monotonic

    def compared(self, unaccounted: Collection[AllocationId]) -> None:
        """The session has compared itself with the log; these have no process here, and it will not mend them."""
        self._unaccounted = unaccounted
        self._told.set()

    async def run(self) -> None:
        """Look after each comparison, for ever."""
        while True:
            await self._told.wait()
            self._told.clear()
            try:
                await self.observe()
            except DatabaseUnavailable as error:
                logger.warning("executor.database_away", error=str(error))
            except Exception as error:  # it is only looking; the node's jobs matter more
                logger.warning("node.not_observed", error=repr(error))

    async def observe(self) -> None:
        await self._tell_clock()
        memory = await self._remember()
        found = await self._look_for_strays()
        values = {
            "node_name": self.node_name,
            "incarnation": self.incarnation,
            "missing": await self._still_allocated(),
            "strays": json.dumps(found),
            "position": memory.seen.position if memory else None,
            "hash": memory.seen.hash if memory else None,
        }
        async with reachable(self.pool) as connection:
            await connection.execute(SQL["observe_node"], values)

    async def _tell_clock(self) -> None:
        """For `conductor doctor`: read when the connection is there, so that a wait for one is no difference."""
        async with reachable(self.pool) as connection:
            told = {"sent_at": datetime.now(UTC), "release": __version__}
            values = {"node_name": self.node_name, "incarnation": self.incarnation, **told}
            await connection.execute(SQL["tell_clock"], values)

    # Missing allocations

    async def _still_allocated(self) -> list[int]:
        """Asked again: meanwhile the scheduler or a person may have released one."""
        if not self._unaccounted:
            return []
        wanted = {"ids": list(self._unaccounted), "node_name": self.node_name}
        async with reachable(self.pool) as connection:
            rows = await (await connection.execute(SQL["still_allocated"], wanted)).fetchall()
        return sorted(allocation_id for (allocation_id,) in rows)

    # Strays

    async def _look_for_strays(self) -> Seen:
        if time.monotonic() < self._look_again_at:
            return self._strays
        found = await self._look_once()
        if found:
            await asyncio.sleep(self.agree_seconds)
            again = await self._look_once()
            found = {stray: known for stray, known in again.items() if stray in found}
        for stray in found.keys() - self._named:
            logger.warning("process.stray", pid=stray.pid, mark=stray.mark and stray.mark.text())
        self._named = frozenset(found)
        self._strays = tuple(
            _shown(stray, found[stray]) for stray in sorted(found, key=lambda stray: stray.pid)
        )
        return self._strays

    async def _look_once(self) -> dict[Stray, tuple[int, int] | None]:
        """Strays as of now, each with the job and attempt it was part of, as far as the log knows."""
        began = time.monotonic()
        found = await asyncio.to_thread(strays.look, self.around(), frozenset(self.held()))
        self._look_again_at = time.monotonic() + _PAUSE_FACTOR * (time.monotonic() - began)
        marked = {stray.mark.allocation_id for stray in found if stray.mark is not None}
        known = await self._allocations(marked) if marked else {}
        settled = {*self.held(), *(number for number, (_, live) in known.items() if live)}
        return {
            stray: known[stray.mark.allocation_id][0]
            if stray.mark and stray.mark.allocation_id in known
            else None
            for stray in found
            if stray.mark is None or stray.mark.allocation_id not in settled
        }

    async def _allocations(self, ids: Collection[int]) -> dict[int, tuple[tuple[int, int], bool]]:
        async with reachable(self.pool) as connection:
            cursor = await connection.execute(SQL["allocations_of_marks"], {"ids": list(ids)})
            return {number: ((job, attempt), live) for number, job, attempt, live in await cursor.fetchall()}

    # The memory of the log

    async def _remember(self) -> Memory | None:
        """What is remembered now. A disk that refuses leaves it as it was."""
        try:
            if not self._memory_read:
                self._memory = await asyncio.to_thread(self.memory_file.read)
                self._memory_read = True
            before, log = self._memory, await self._log_says()
            now = follow(before, log)
            if now is not None and now != before:
                await asyncio.to_thread(self.memory_file.write, now)
                self._memory = now
                _tell(before, now, log)
        except OSError as error:
            logger.warning("memory.not_kept", error=str(error))
        return self._memory

    async def _log_says(self) -> LogSays:
        memory = self._memory
        fork = memory.forked_at if memory else None
        wanted = {
            "node_name": self.node_name,
            "seen": memory.seen.position if memory else None,
            "fork": fork.position if fork else None,
        }
        async with reachable(self.pool) as connection:
            row = await (await connection.execute(SQL["log_says"], wanted)).fetchone()
        if row is None:
            return LogSays(head=BEGINNING)
        position, digest, at_seen, at_fork, acknowledged = row
        head = Cursor(position=position, hash=digest)
        return LogSays(head=head, at_seen=at_seen, at_fork=at_fork, acknowledged=acknowledged)


def _tell(before: Memory | None, now: Memory, log: LogSays) -> None:
    """Once a fork, which is in the file from then on; not again by the next executor."""
    if now.forked_at is not None:
        logger.error(
            "history.forked",
            position=now.seen.position,
            remembered_hash=now.seen.hash.hex(),
            found_hash=log.at_seen.hex() if log.at_seen else None,
            log_ends_at=log.head.position,
        )
    elif before is not None and before.forked_at is not None:
        logger.info("history.followed_again", position=now.seen.position, acknowledged=log.acknowledged)


def _shown(stray: Stray, known: tuple[int, int] | None) -> Mapping[str, Any]:
    job_id, attempt = known or (None, None)
    return {
        "pid": stray.pid,
        "start_ticks": stray.start_ticks,
        "mark": stray.mark.text() if stray.mark else None,
        "job_id": job_id,
        "attempt": attempt,
        "allocation_id": stray.mark.allocation_id if stray.mark else None,
        "command": stray.command,
    }
