"""The whole system at one moment, as today's listings show it: jobs, nodes, live allocations, numbers.

Promises: the same columns, filters and sums as the API computes from the tables; what the log does not know
(leases, outputs, opinions about the cluster) is None. Keeps what is asked for and nothing else, however many
states pass by. Refuses to know where states come from.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from conductor.core.allocation import Allocation, AllocationStatus
from conductor.core.decider import State
from conductor.core.job import Job, JobState
from conductor.core.node import Node, NodeState
from projections.allocations import allocation_row
from projections.jobs import job_row
from projections.nodes import node_row

Row = dict[str, Any]
LIVE = frozenset({AllocationStatus.RESERVED, AllocationStatus.ALLOCATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list, newest first. None filters nothing; `cursor` is the last id that was shown."""

    states: frozenset[str] | None = None
    user_name: str | None = None
    name: str | None = None
    node_name: str | None = None
    array_job_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    cursor: int | None = None
    limit: int = 100

    def wants(self, job: Job) -> bool:
        submitted = job.submitted
        return (
            (self.states is None or job.state in self.states)
            and (self.user_name is None or submitted.user_name == self.user_name)
            and (self.name is None or submitted.name == self.name)
            and (self.node_name is None or _node_of(job) == self.node_name)
            and (self.array_job_id is None or submitted.array_job_id == self.array_job_id)
            and (self.since is None or job.submitted_at >= self.since)
            and (self.until is None or job.submitted_at < self.until)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationFilter:
    """Which allocations to list, newest first; one a job at most, as in `resource_allocations`."""

    statuses: frozenset[str] = LIVE
    node_name: str | None = None
    cursor: int | None = None
    limit: int = 1000

    def wants(self, allocation: Allocation) -> bool:
        return allocation.status in self.statuses and self.node_name in (None, allocation.node_name)


class Newest:
    """The `limit` highest of those numbers below the cursor, and how many there were in all."""

    def __init__(self, cursor: int | None, limit: int) -> None:
        self._cursor = cursor
        self._limit = limit
        self._kept: list[tuple[int, Job]] = []
        self.matching = 0

    def add(self, number: int, job: Job) -> None:
        self.matching += 1
        if self._cursor is not None and number >= self._cursor:
            return
        if len(self._kept) < self._limit:
            heapq.heappush(self._kept, (number, job))
        elif self._limit and number > self._kept[0][0]:
            heapq.heapreplace(self._kept, (number, job))

    def jobs(self) -> list[Job]:
        return [job for _, job in sorted(self._kept, reverse=True, key=lambda kept: kept[0])]


@dataclass(slots=True)
class _Held:
    """What live allocations hold of one node."""

    used: int = 0
    reserved: int = 0
    running_jobs: int = 0
    cpu_ids: list[int] = field(default_factory=list)
    memory_mb: int = 0
    gres: Counter[str] = field(default_factory=Counter)


class Survey:
    """Give it every state of a moment, in any order; then ask."""

    def __init__(self, *, jobs: JobFilter | None = None, allocations: AllocationFilter | None = None) -> None:
        self._job_filter = jobs
        self._allocation_filter = allocations
        self._jobs = Newest(jobs.cursor, jobs.limit) if jobs else Newest(None, 0)
        self._allocations = Newest(allocations.cursor, allocations.limit) if allocations else Newest(None, 0)
        self._by_state: Counter[JobState] = Counter()
        self._nodes: dict[str, Node] = {}
        self._held: dict[str, _Held] = {}
        self._oldest_pending: tuple[int, datetime] | None = None

    @classmethod
    def of(
        cls,
        states: Iterable[State],
        *,
        jobs: JobFilter | None = None,
        allocations: AllocationFilter | None = None,
    ) -> "Survey":
        survey = cls(jobs=jobs, allocations=allocations)
        for state in states:
            survey.add(state)
        return survey

    def add(self, state: State) -> None:
        if isinstance(state, Node):
            self._nodes[state.node_name] = state
        elif isinstance(state, Job):
            self._add_job(state)

    def _add_job(self, job: Job) -> None:
        self._by_state[job.state] += 1
        if job.state is JobState.PENDING and (
            self._oldest_pending is None or job.job_id < self._oldest_pending[0]
        ):
            self._oldest_pending = (job.job_id, job.submitted_at)
        if self._job_filter is not None and self._job_filter.wants(job):
            self._jobs.add(job.job_id, job)
        if job.allocation is not None:
            self._add_allocation(job, job.allocation)

    def _add_allocation(self, job: Job, allocation: Allocation) -> None:
        if self._allocation_filter is not None and self._allocation_filter.wants(allocation):
            self._allocations.add(allocation.allocation_id, job)
        if allocation.live:
            held = self._held.setdefault(allocation.node_name, _Held())
            held.cpu_ids += allocation.cpu_ids
            held.memory_mb += allocation.memory_mb or 0
            held.gres.update({name: len(ids) for name, ids in allocation.gres.items()})
            if allocation.status is AllocationStatus.ALLOCATED:
                held.used += len(allocation.cpu_ids)
                held.running_jobs += 1
            else:
                held.reserved += len(allocation.cpu_ids)

    @property
    def matching_jobs(self) -> int:
        """Jobs that the filter lets through, shown or not."""
        return self._jobs.matching

    @property
    def total_jobs(self) -> int:
        return self._by_state.total()

    @property
    def oldest_pending_at(self) -> datetime | None:
        """When the job that waits longest was submitted."""
        return self._oldest_pending[1] if self._oldest_pending else None

    def job_rows(self) -> list[Row]:
        return [listed_job(job) for job in self._jobs.jobs()]

    def allocation_rows(self) -> list[Row]:
        return [listed_allocation(job, job.allocation) for job in self._allocations.jobs() if job.allocation]

    def node_rows(self) -> list[Row]:
        return [self._node_row(self._nodes[name]) for name in sorted(self._nodes)]

    def _node_row(self, node: Node) -> Row:
        held = self._held.get(node.node_name, _Held())
        row = node_row(node)
        del row["cpu_block"]
        sums = {
            "used_cpus": held.used,
            "reserved_cpus": held.reserved,
            "free_cpus": _free(node, held),
            "running_jobs": held.running_jobs,
            "held_memory_mb": held.memory_mb,
            "held_gres": dict(held.gres),
        }
        leases = dict.fromkeys(("lease_renewed_at", "lease_expires_at", "lease_live"))
        return plain({**row, **sums, **leases})

    def sums(self) -> Row:
        """What `stats_document` is made of but for the wait, which depends on the time it is told."""
        totals = Counter(
            dict.fromkeys(("used_cpus", "reserved_cpus", "available_cpus", "unavailable_cpus"), 0)
        )
        for node in self._nodes.values():
            held = self._held.get(node.node_name, _Held())
            totals["used_cpus"] += held.used
            totals["reserved_cpus"] += held.reserved
            if node.state is NodeState.UP:
                totals["available_cpus"] += _free(node, held)
            elif node.state in (NodeState.DRAINED, NodeState.LOST):
                totals["unavailable_cpus"] += _free(node, held)
        return {
            **totals,
            "jobs_by_state": {str(state): count for state, count in self._by_state.items()},
            "nodes": Counter(str(node.state) for node in self._nodes.values()),
        }


def stats_document(sums: Mapping[str, Any], *, oldest_pending_seconds: float | None, position: int) -> Row:
    """The system in numbers: `total_cpus = used_cpus + reserved_cpus + available_cpus + unavailable_cpus`."""
    jobs = {str(state): sums["jobs_by_state"].get(state, 0) for state in JobState}
    nodes = {str(state): sums["nodes"].get(state, 0) for state in NodeState if state is not NodeState.REMOVED}
    parts = {
        name: sums[name] for name in ("used_cpus", "reserved_cpus", "available_cpus", "unavailable_cpus")
    }
    total = sum(parts.values())
    return {
        "total_cpus": total,
        **parts,
        "utilization": parts["used_cpus"] / total if total else 0.0,
        "total_jobs": sum(jobs.values()),
        "running_jobs": jobs[JobState.RUNNING],
        "reserved_jobs": jobs[JobState.RESERVED],
        "pending_jobs": jobs[JobState.PENDING],
        "jobs_by_state": jobs,
        "oldest_pending_seconds": oldest_pending_seconds,
        "nodes": nodes,
        "position": position,
    }


def listed_job(job: Job) -> Row:
    """A row of the listing of jobs."""
    process = job.allocation.process if job.allocation else None
    return plain({**job_row(job), "node_name": _node_of(job), "process_id": process.pid if process else None})


def shown_job(job: Job, at: datetime) -> Row:
    """One job with its allocation and its times, counted to `at` where they have not ended."""
    begun, ended = job.started_at or job.ended_at or at, job.ended_at or at
    ran = (ended - job.started_at).total_seconds() if job.started_at else None
    allocation = listed_allocation(job, job.allocation) if job.allocation else None
    return {
        **plain(job_row(job)),
        "wait_seconds": (begun - job.submitted_at).total_seconds(),
        "run_seconds": ran,
        "resource_allocation": allocation,
    }


def listed_allocation(job: Job, allocation: Allocation) -> Row:
    row = allocation_row(job, allocation)
    del row["cpu_spans"]
    return plain(row)


def plain(row: Row) -> Row:
    """The row as JSON can hold it, times as the API writes them."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Enum) else value


def _node_of(job: Job) -> str | None:
    return job.allocation.node_name if job.allocation else None


def _free(node: Node, held: _Held) -> int:
    """A CPU that a lowered TOTAL_CPUS took away is still used by the job that holds it, and free no more."""
    return node.total_cpus - len(set(held.cpu_ids).intersection(node.cpu_ids))
