"""An allocation of this node as the tables and as the log have it, and whether its process is alive here."""

from collections.abc import Mapping
from typing import NamedTuple

from conductor.core.identifiers import AllocationId, JobId, NodeName, job_stream
from conductor.database import Pool, load_queries
from conductor.log import reachable
from conductor.supervisor.process_identity import read_pid_namespace, read_stat

SQL = load_queries("conductor", "live_allocation.sql")


class LiveAllocation(NamedTuple):
    """A row of the executor's query `live_here`. The process is None until it is allocated.

    `spool_id` is that of the incarnation that started it; whoever registers over HTTP may leave the namespace out.
    """

    allocation_id: AllocationId
    status: str
    boot_id: str | None
    process_id: int | None
    start_ticks: int | None
    pid_namespace: str | None
    spool_id: str | None

    def runs_here(self, boot_id: str) -> bool:
        """False also where that cannot be known: for another PID namespace's numbers."""
        if self.process_id is None or self.boot_id != boot_id:
            return False
        if self.pid_namespace not in (None, str(read_pid_namespace())):
            return False
        try:
            stat = read_stat(self.process_id)
        except PermissionError:
            return False
        return stat is not None and stat.alive and stat.start_ticks == self.start_ticks


async def live_allocations(pool: Pool, node_name: NodeName) -> dict[AllocationId, LiveAllocation]:
    """Those of a node, by the tables."""
    async with reachable(pool) as connection:
        cursor = await connection.execute(SQL["live_here"], {"node_name": node_name})
        found = [LiveAllocation(*row) for row in await cursor.fetchall()]
    return {allocation.allocation_id: allocation for allocation in found}


async def still_allocated(pool: Pool, allocation_id: AllocationId) -> bool:
    """By the tables."""
    async with reachable(pool) as connection:
        cursor = await connection.execute(SQL["still_allocated"], {"id": allocation_id})
        return await cursor.fetchone() is not None


async def live_by_the_log(pool: Pool, jobs: Mapping[AllocationId, JobId]) -> set[AllocationId]:
    """Which of these were promised and not released, whatever a table says."""
    if not jobs:
        return set()
    wanted = {"streams": [job_stream(job_id) for job_id in jobs.values()], "ids": list(jobs)}
    async with reachable(pool) as connection:
        cursor = await connection.execute(SQL["live_by_the_log"], wanted)
        return {AllocationId(allocation_id) for (allocation_id,) in await cursor.fetchall()}
