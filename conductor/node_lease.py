"""A node's lease, and the trust of its supervisor that goes with every renewal.

Promises: trust never outlasts the lease that the database granted. Refuses to know what runs on the node.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from conductor.core.identifiers import AllocationId, Incarnation, NodeName
from conductor.crash_points import crash_point
from conductor.database import DatabaseUnavailable, Pool, jittered, load_queries
from conductor.log import SCHEDULER_CHANNEL, reachable
from conductor.patiently import patiently
from conductor.settings import Settings
from conductor.supervisor_client import SupervisorClient

SQL = load_queries("conductor", "node_lease.sql")

logger = structlog.get_logger("executor")


class Superseded(Exception):
    """Another executor has this node now; it takes over the jobs, and this process must stop."""


class LeaseLost(Exception):
    """The lease ran out; register anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLease:
    """`held` are the allocations that the supervisor answers for now; every renewal reports them."""

    settings: Settings
    pool: Pool
    supervisor: SupervisorClient
    incarnation: Incarnation
    held: Callable[[], Collection[AllocationId]]

    @property
    def node_name(self) -> NodeName:
        return NodeName(self.settings.node_name)

    async def keep(self) -> None:
        """Three renewals a lease, for ever. Raises `Superseded`, `LeaseLost`."""
        await patiently(self._wake_scheduler)  # it may now place jobs here
        while True:
            await asyncio.sleep(jittered(self.settings.lease_seconds / 3))
            await self.renew()

    async def renew(self) -> None:
        """One accepted renewal, and the supervisor's trust that goes with it.

        Trust is counted from when the renewal was sent, by a clock that runs on: whatever the answer's way took, it
        never outlasts the lease that the database granted.
        """
        sent_at = time.monotonic()
        while True:
            try:
                granted = await self._ask_for_lease()
                break
            except DatabaseUnavailable as error:
                logger.warning("executor.database_away", error=str(error))
                await asyncio.sleep(jittered(0.5))
                sent_at = time.monotonic()
        crash_point("executor.lease_renewed")
        if not granted:
            await self._explain_refusal()
        left_seconds = self.settings.lease_seconds - (time.monotonic() - sent_at)
        self.supervisor.trust(max(left_seconds, 0.0), self.settings.kill_grace_seconds)

    async def _ask_for_lease(self) -> bool:
        wanted = {
            "node_name": self.node_name,
            "incarnation": self.incarnation,
            "lease_seconds": self.settings.lease_seconds,
            "held": list(self.held()),
        }
        async with reachable(self.pool) as connection:
            row = await (await connection.execute(SQL["renew_lease"], wanted)).fetchone()
        return row is not None and row[0] is not None

    async def _wake_scheduler(self) -> None:
        async with reachable(self.pool) as connection:
            await connection.execute(SQL["wake_scheduler"], {"channel": SCHEDULER_CHANNEL})

    async def _explain_refusal(self) -> None:
        async with reachable(self.pool) as connection:
            row = await (
                await connection.execute(SQL["newest_incarnation"], {"node_name": self.node_name})
            ).fetchone()
        if row and row[0] > self.incarnation:
            raise Superseded(f"incarnation {row[0]} of node {self.node_name} took over")
        raise LeaseLost(f"the lease of node {self.node_name} ran out or the node was removed")

    async def give_up(self) -> None:
        """No new work comes here from now on. The lease itself runs on: jobs are trusted for as long."""
        wanted = {"node_name": self.node_name, "incarnation": self.incarnation}
        with contextlib.suppress(DatabaseUnavailable):
            async with reachable(self.pool) as connection:
                await connection.execute(SQL["stop_accepting"], wanted)
