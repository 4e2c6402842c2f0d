"""What the scheduler knows of the world: live jobs, nodes and who leads, folded from the log with `evolve`.

Waiting jobs stand in queues by shape (what they ask for), each in order, so that a pass costs what can be
placed and not what waits. Free CPUs of a node are the bits of one integer. Deciding never happens here.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from typing import NamedTuple

from conductor.core.allocation import Allocation, AllocationStatus
from conductor.core.decider import State, evolve
from conductor.core.events import JobRequeued, JobSubmitted, ProjectionsRebuilt, RecordedEvent
from conductor.core.identifiers import (
    AUDIT_STREAM,
    POLICY_STREAM,
    SCHEDULER_STREAM,
    JobId,
    NodeName,
    Position,
    StreamName,
    job_of_stream,
)
from conductor.core.job import Job, JobState
from conductor.core.leadership import Leadership
from conductor.core.node import Node, NodeState
from conductor.core.policy import PolicyInForce


class Shape(NamedTuple):
    """What a job asks of one node. Jobs of one shape fit together or not at all."""

    cpus: int
    memory_mb: int


class Place(NamedTuple):
    """A job's place in the queue: higher priority first, then the lower number, which was submitted earlier."""

    rank: int
    job_id: JobId


def shape_of(job: Job) -> Shape:
    return Shape(job.submitted.total_cpus, job.submitted.memory_mb or 0)


def place_of(job: Job) -> Place:
    return Place(-job.priority, job.job_id)


def cpu_mask(cpu_ids: Iterable[int]) -> int:
    mask = 0
    for cpu_id in cpu_ids:
        mask |= 1 << cpu_id
    return mask


@dataclass(slots=True, kw_only=True)
class NodeUse:
    """A node and what of it is promised or in use. Memory the node did not state is not limited."""

    node: Node
    held_mask: int = 0  # CPUs of live allocations
    held_memory_mb: int = 0

    @property
    def free_mask(self) -> int:
        return cpu_mask(self.node.cpu_ids) & ~self.held_mask


@dataclass(slots=True, kw_only=True)
class Cluster:
    """Changed by `apply` alone. `jobs` holds those that have not ended."""

    position: Position = Position(0)
    jobs: dict[JobId, Job] = field(default_factory=dict)
    nodes: dict[NodeName, NodeUse] = field(default_factory=dict)
    leadership: Leadership = field(default_factory=Leadership)
    policy: PolicyInForce = field(default_factory=PolicyInForce)
    queues: dict[Shape, list[Place]] = field(default_factory=dict)
    reserved: dict[JobId, Allocation] = field(default_factory=dict)
    outdated: bool = False  # rows were mended since: what was found by them must be found again
    _ended: dict[JobId, Job] = field(
        default_factory=dict
    )  # since `forget_ended`: a requeue may follow at once
    _later: list[tuple[datetime, JobId]] = field(default_factory=list)  # begin time not reached
    _queued: dict[JobId, tuple[Shape, Place]] = field(default_factory=dict)

    def unknown_requeues(self, recorded: Iterable[RecordedEvent]) -> set[StreamName]:
        """Streams of ended jobs that come back: their earlier events must be given to `adopt` first."""
        requeued = {r.stream for r in recorded if isinstance(r.event, JobRequeued)}
        return {stream for stream in requeued if job_of_stream(stream) not in self.jobs}

    def adopt(self, job: Job) -> None:
        """Take in a job as it stood before the event that `apply` will bring."""
        self.jobs[job.job_id] = job

    def forget_ended(self) -> None:
        """Between two reads of the log: what ended before and comes back later is taken in with `adopt`."""
        self._ended.clear()

    def apply(self, recorded: RecordedEvent) -> None:
        """Fold the next event of the log. Events of ended jobs that stay ended are passed over."""
        self.position = recorded.position
        if isinstance(recorded.event, ProjectionsRebuilt):
            self.outdated = True
            return
        job_id = job_of_stream(recorded.stream)
        if job_id is not None:
            self._apply_to_job(job_id, recorded)
            return
        if recorded.stream == AUDIT_STREAM:
            return  # what people have noted places nothing
        after = evolve(self._state(recorded.stream), recorded.event, at=recorded.at, version=recorded.version)
        if isinstance(after, Node):
            use = self.nodes.setdefault(after.node_name, NodeUse(node=after))
            use.node = after
        elif isinstance(after, Leadership):
            self.leadership = after
        elif isinstance(after, PolicyInForce):
            self.policy = after

    def _state(self, stream: StreamName) -> State | None:
        if stream == SCHEDULER_STREAM:
            return self.leadership
        if stream == POLICY_STREAM:
            return self.policy
        use = self.nodes.get(NodeName(stream.removeprefix("node-")))
        return use.node if use else None

    def _apply_to_job(self, job_id: JobId, recorded: RecordedEvent) -> None:
        before = self.jobs.get(job_id) or self._ended.pop(job_id, None)
        if before is None and not isinstance(recorded.event, JobSubmitted):
            return
        after = evolve(before, recorded.event, at=recorded.at, version=recorded.version)
        assert isinstance(after, Job)
        self._move(before, after, recorded.at)

    def _move(self, before: Job | None, after: Job, at: datetime) -> None:
        self._unqueue(after.job_id)
        self._hold(before.allocation if before else None, after.allocation)
        if after.allocation and after.allocation.status is AllocationStatus.RESERVED:
            self.reserved[after.job_id] = after.allocation
        else:
            self.reserved.pop(after.job_id, None)
        if after.state.final:
            self.jobs.pop(after.job_id, None)
            self._ended[after.job_id] = after
            return
        self.jobs[after.job_id] = after
        if after.state is JobState.PENDING and not after.held and not after.depends:
            self._enqueue(after, at)

    def _hold(self, before: Allocation | None, after: Allocation | None) -> None:
        """Live allocations hold CPUs and memory of their node; one that ended, or is gone, holds none."""
        if before is not None and before.live and (after is None or not after.live):
            use = self.nodes[before.node_name]
            use.held_mask &= ~cpu_mask(before.cpu_ids)
            use.held_memory_mb -= before.memory_mb or 0
        if after is not None and after.live and (before is None or not before.live):
            use = self.nodes[after.node_name]
            use.held_mask |= cpu_mask(after.cpu_ids)
            use.held_memory_mb += after.memory_mb or 0

    def _enqueue(self, job: Job, at: datetime) -> None:
        if job.begins_at > at:
            heappush(self._later, (job.begins_at, job.job_id))
            return
        shape, place = shape_of(job), place_of(job)
        insort(self.queues.setdefault(shape, []), place)
        self._queued[job.job_id] = (shape, place)

    def _unqueue(self, job_id: JobId) -> None:
        shape, place = self._queued.pop(job_id, (None, None))
        if shape is None or place is None:
            return
        queue = self.queues[shape]
        del queue[bisect_left(queue, place)]
        if not queue:
            del self.queues[shape]

    def admit(self, now: datetime) -> None:
        """Let jobs whose begin time has come into the queue."""
        while self._later and self._later[0][0] <= now:
            _, job_id = heappop(self._later)
            job = self.jobs.get(job_id)
            waits = job is not None and job.state is JobState.PENDING and not job.held and not job.depends
            if waits and job is not None and job_id not in self._queued:
                self._enqueue(job, now)

    def expired(self, now: datetime) -> list[tuple[JobId, Allocation]]:
        """Reservations whose time has passed."""
        return [(job_id, a) for job_id, a in self.reserved.items() if a.expires_at <= now]

    def lost_allocations(self) -> list[tuple[Job, Allocation]]:
        """What cannot be running any more on nodes that are lost: see `job_report.decide_release_lost`."""
        lost = {name: use.node for name, use in self.nodes.items() if use.node.state is NodeState.LOST}
        if not any(self.nodes[name].held_mask for name in lost):
            return []
        return [
            (job, allocation)
            for job in self.jobs.values()
            if (allocation := job.allocation) is not None
            and allocation.live
            and allocation.node_name in lost
            and (
                allocation.status is AllocationStatus.RESERVED
                or job.submitted.requeue
                or lost[allocation.node_name].jobs_lost
            )
        ]

    @property
    def waiting(self) -> int:
        return len(self._queued)

    def uses(self, usable: Iterable[NodeName]) -> Mapping[NodeName, NodeUse]:
        """The nodes among `usable`, by name."""
        return {name: self.nodes[name] for name in usable if name in self.nodes}
