"""The lease by which one scheduler leads: kept from a thread and over a connection of its own.

Promises: a scheduler that computes for seconds keeps leading, for planning holds its event loop and not this thread;
one that is stopped, killed, or whose loop does not turn any more at all, loses the lease. Refuses to know: terms. The
lease says who should lead; what is safe is decided by the term at the door.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection

from conductor.core.errors import ConductorError
from conductor.database import connect, load_queries

SQL = load_queries("conductor", "scheduler.sql")

LEADER_LEASE_SECONDS = 2.0  # a standby takes over within this, plus one renewal
RENEWAL_SECONDS = 0.6
_CONNECT_SECONDS = 10.0
_STUCK_SECONDS = 60.0  # a loop that has not turned for so long does not lead, whatever it does
_UNREACHABLE = (psycopg.Error, ConductorError, OSError, TimeoutError)


class LeaderLease:
    """`held` may be read by any thread. `taken` is called in the loop that called `begin`, when leading begins."""

    def __init__(self, database_url: str, holder: str, taken: Callable[[], None]) -> None:
        self._database_url = database_url
        self._holder = holder
        self._taken = taken
        self._until = 0.0  # monotonic; written by the thread, and by `let_go`
        self._turned_at = 0.0  # monotonic; when the scheduler's loop was last seen to turn
        self._thread = threading.Thread(target=self._run, name="leader lease", daemon=True)
        self._began = threading.Event()
        self._outside: asyncio.AbstractEventLoop | None = None
        self._inside: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    @property
    def held(self) -> bool:
        return time.monotonic() < self._until

    def let_go(self) -> None:
        """Do not lead until the next renewal: somebody else was elected."""
        self._until = 0.0

    def begin(self) -> None:
        """Ask for the lease, and keep it, until `end`."""
        self._outside, self._turned_at = asyncio.get_running_loop(), time.monotonic()
        self._thread.start()

    async def end(self) -> None:
        """Give the lease up, and end the thread. A server that does not answer holds this up for a lease."""
        self._began.wait()
        assert self._inside is not None
        assert self._ending is not None
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._inside.call_soon_threadsafe(self._ending.set)
        await asyncio.to_thread(self._thread.join, 3 * LEADER_LEASE_SECONDS)
        self._until = 0.0

    def _run(self) -> None:
        asyncio.run(self._keep())

    async def _keep(self) -> None:
        self._inside, self._ending = asyncio.get_running_loop(), asyncio.Event()
        self._began.set()
        connection: AsyncConnection[Any] | None = None
        while not self._ending.is_set():
            try:
                if connection is None:
                    async with asyncio.timeout(_CONNECT_SECONDS):
                        connection = await connect(self._database_url)
                async with asyncio.timeout(LEADER_LEASE_SECONDS):
                    await self._renew(connection)
            except _UNREACHABLE:  # the lease runs out by itself
                if connection is not None:
                    await connection.close()
                connection = None
            if not self._asked_outside():
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEWAL_SECONDS):
                    await self._ending.wait()
        if connection is not None:
            with contextlib.suppress(*_UNREACHABLE):
                async with asyncio.timeout(LEADER_LEASE_SECONDS):
                    await connection.execute(SQL["give_up_leadership"], {"holder": self._holder})
            await connection.close()

    async def _renew(self, connection: AsyncConnection[Any]) -> None:
        """Keep the lease, or ask for it again."""
        if time.monotonic() - self._turned_at > _STUCK_SECONDS:
            self._until = 0.0
            return
        sent = time.monotonic()
        if not await self._take(connection):
            self._until = 0.0
            return
        began = not self.held
        self._until = sent + LEADER_LEASE_SECONDS
        if began and self._outside is not None:
            with contextlib.suppress(RuntimeError):
                self._outside.call_soon_threadsafe(self._taken)

    async def _take(self, connection: AsyncConnection[Any]) -> bool:
        cursor = await connection.execute(
            SQL["take_leadership"], {"holder": self._holder, "lease_seconds": LEADER_LEASE_SECONDS}
        )
        row = await cursor.fetchone()
        return bool(row and row[0])

    def _asked_outside(self) -> bool:
        """Ask the scheduler's loop for a sign of life. False when that loop is closed."""
        assert self._outside is not None
        try:
            self._outside.call_soon_threadsafe(self._turned)
        except RuntimeError:
            return False
        return True

    def _turned(self) -> None:
        self._turned_at = time.monotonic()
