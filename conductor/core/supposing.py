"""The picture of the cluster as it would be if something else were so, and the scheduler's own plan for that.

Promises: the picture that is given is not changed, for all is supposed in a copy of it, and judged by `plan` alone.
Refuses to know why anybody supposes it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heapify, heappop, heappush

from conductor.core.allocation import Allocation
from conductor.core.cluster import Cluster
from conductor.core.events import (
    Event,
    Policy,
    Provenance,
    RecordedEvent,
    ReleaseReason,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.identifiers import (
    AllocationId,
    JobId,
    NodeName,
    Position,
    StreamName,
    Version,
    job_stream,
)
from conductor.core.job import Job, JobState
from conductor.core.node import Node
from conductor.core.node_use import end_of
from conductor.core.placement import Placement, plan

# How far to look ahead, counted in jobs that begin or end; a moment at which some do costs as much as so many.
_MOMENT, _MOST = 4, 30_000
ALL = 2**62  # placements: as many as there are


def supposing(
    cluster: Cluster,
    now: datetime,
    *,
    jobs: Iterable[Job] = (),
    without: JobId | None = None,
    nodes: Iterable[Node] = (),
    policy: Policy | None = None,
) -> Cluster:
    """A cluster of its own in which these jobs, nodes and the policy are so, and one job is gone; else as it is."""
    supposed = cluster.copy()
    for job in jobs:
        supposed.suppose(job, now)
    if without is not None:
        supposed.suppose(replace(supposed.jobs[without], state=JobState.CANCELLED, allocation=None), now)
    for node in nodes:
        supposed.suppose_node(node)
    if policy is not None:
        supposed.suppose_policy(policy, now)
    return supposed


def placement_in(
    cluster: Cluster, job_id: JobId, now: datetime, usable: Collection[NodeName]
) -> Placement | None:
    """Where the plan of this moment puts the job."""
    found = plan(cluster, now, usable, most=ALL).placements
    return next((placement for placement in found if placement.job_id == job_id), None)


def told(cluster: Cluster, stream: StreamName, event: Event, at: datetime, version: int = 1) -> None:
    """Let a cluster of one's own believe that this has just happened."""
    cluster.apply(
        RecordedEvent(
            position=Position(cluster.position + 1),
            stream=stream,
            version=Version(version),
            event=event,
            at=at,
            recorded_at=at,
            provenance=Provenance(actor="supposing", channel="supposing"),
        )
    )


def ends_by(job: Job, now: datetime) -> datetime | None:
    """When what the job holds is free at the latest: the end of its time limit, counted from the last moment at
    which it may begin. None without a limit.
    """
    allocation, limit = job.allocation, job.submitted.time_limit_seconds
    if allocation is None or limit is None:
        return None
    end = end_of(allocation.allocated_at or max(allocation.expires_at, now), limit)
    return max(end, now) if end is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestStart:
    """`at` None: either it was too far to look, or all has ended that ends: then `left` is the cluster, and `then` the
    moment.
    """

    at: datetime | None
    too_far: bool = False
    left: Cluster | None = None
    then: datetime | None = None


def latest_start(cluster: Cluster, job_id: JobId, now: datetime, usable: Collection[NodeName]) -> LatestStart:
    """When the job starts if every job takes its whole time limit and nobody submits or changes anything."""
    trial = supposing(cluster, now)
    ends = [
        (end, job.job_id)
        for job in trial.jobs.values()
        if job.allocation is not None and job.allocation.live and (end := ends_by(job, now)) is not None
    ]
    heapify(ends)
    begins = [
        (job.begins_at, job.job_id)
        for job in trial.jobs.values()
        if job.state is JobState.PENDING and job.begins_at > now
    ]
    heapify(begins)
    return _stepping(trial, job_id, now, usable, ends, begins)


Times = list[tuple[datetime, JobId]]


def _stepping(
    trial: Cluster, job_id: JobId, now: datetime, usable: Collection[NodeName], ends: Times, begins: Times
) -> LatestStart:
    left = _MOST
    while left > 0:
        trial.admit(now)
        placements = plan(trial, now, usable, most=ALL).placements
        left -= _MOMENT + len(placements)
        for placement in placements:
            if placement.job_id == job_id:
                return LatestStart(at=now)
            limit = trial.jobs[placement.job_id].submitted.time_limit_seconds
            _place(trial, placement, now)
            if (ended := end_of(now, limit)) is not None:
                heappush(ends, (ended, placement.job_id))
        if not ends and not begins:
            return LatestStart(at=None, left=trial, then=now)
        now = min(times[0][0] for times in (ends, begins) if times)
        while begins and begins[0][0] <= now:
            heappop(begins)
        while ends and ends[0][0] <= now:
            end(trial, trial.jobs[heappop(ends)[1]], now)
            left -= 1
        trial.forget_ended()
    return LatestStart(at=None, too_far=True)


def _place(trial: Cluster, placement: Placement, now: datetime) -> None:
    job = trial.jobs[placement.job_id]
    event = ResourcesReserved(
        allocation_id=AllocationId(0),
        attempt=job.attempt,
        node_name=placement.node_name,
        cpu_ids=placement.cpu_ids,
        cpu_block=trial.nodes[placement.node_name].node.cpu_block,
        memory_mb=job.submitted.memory_mb,
        expires_at=now,
        term=None,
        gres=placement.gres,
    )
    told(trial, job_stream(job.job_id), event, now, job.version + 1)


def end(trial: Cluster, job: Job, now: datetime) -> None:
    """Let a job that holds something have ended."""
    assert isinstance(job.allocation, Allocation)
    event = ResourcesReleased(allocation_id=job.allocation.allocation_id, reason=ReleaseReason.CANCELLED)
    told(trial, job_stream(job.job_id), event, now, job.version + 1)
