"""What is said of a job's process: that it stands ready (`Allocate`), that it has ended (`Release`), that its node
is lost (`ReleaseLost`, said by the scheduler), or that a person takes it back (`Repair`).

A fenced executor, a closed attempt and an impossible report are refused; what they had to say of an end is kept
once an allocation as a `LateReport`.
"""

from typing import assert_never

from conductor.core.allocation import Allocation, AllocationStatus
from conductor.core.commands import Allocate, Release, ReleaseLost, Repair, ReportCleanup
from conductor.core.decision import Decision, Refused, Surroundings, refuse
from conductor.core.errors import RejectionCode
from conductor.core.events import (
    CleanupBlocked,
    Event,
    JobHeld,
    JobRequeued,
    LateReport,
    ReleaseReason,
    ResourcesAllocated,
    ResourcesReleased,
)
from conductor.core.identifiers import Incarnation
from conductor.core.imported import decide_close
from conductor.core.job import Job
from conductor.core.node import Node, NodeState
from conductor.core.reservation_fit import outgrown

Reported = Allocate | ReportCleanup | Release | ReleaseLost | Repair

AUTOMATIC_REQUEUES = 5  # then the job is held: something about it, or about its nodes, needs a person


def decide_report(command: Reported, job: Job, around: Surroundings) -> Decision:
    match command:
        case Allocate():
            return _allocate(command, job, around)
        case ReportCleanup():
            return _cleanup(command, job, around)
        case Release():
            return _release(command, job, around)
        case ReleaseLost():
            return _release_lost(command, job, around)
        case Repair():
            return _repair(command, job)
        case _:
            assert_never(command)


def _allocate(command: Allocate, job: Job, around: Surroundings) -> Decision:
    allocation = job.allocation_of(command.allocation_id)
    if allocation is None:
        return refuse(RejectionCode.NOT_FOUND, f"There is no allocation {command.allocation_id}.", job)
    fenced = _fenced(command.incarnation, around.node, allocation, job)
    if fenced:
        return fenced
    if not allocation.live:
        return _closed(allocation, job)
    if allocation.status is AllocationStatus.ALLOCATED:
        if allocation.process == command.process:
            return ()
        return refuse(
            RejectionCode.WRONG_STATE,
            f"Allocation {allocation.allocation_id} already belongs to another process.",
            job,
        )
    if around.at >= allocation.expires_at:
        return refuse(
            RejectionCode.RESERVATION_EXPIRED,
            f"The reservation ended at {allocation.expires_at}; the job goes back to the queue.",
            job,
        )
    assert around.node is not None, "or it were fenced"
    unfit = outgrown(job.submitted, allocation, around.node)
    if unfit is not None:  # it registered anew; the scheduler takes the reservation back (`ReleaseLost`)
        return refuse(
            RejectionCode.WRONG_STATE,
            f"Job {job.job_id} cannot start on {allocation.node_name}: {unfit}; it goes back to the queue.",
            job,
        )
    return (
        ResourcesAllocated(
            allocation_id=command.allocation_id,
            incarnation=command.incarnation,
            process=command.process,
        ),
    )


def _fenced(incarnation: Incarnation, node: Node | None, allocation: Allocation, job: Job) -> Refused | None:
    if node is None or node.node_name != allocation.node_name:
        return refuse(
            RejectionCode.NODE_UNKNOWN,
            f"Allocation {allocation.allocation_id} belongs to node {allocation.node_name}.",
            job,
        )
    if incarnation != node.incarnation:
        return refuse(
            RejectionCode.STALE_INCARNATION,
            f"Incarnation {incarnation} of node {node.node_name} is over: {node.incarnation} took its place.",
            job,
        )
    return None


def _closed(allocation: Allocation, job: Job) -> Refused:
    reason = allocation.release.reason if allocation.release else None
    codes = {
        ReleaseReason.CANCELLED: RejectionCode.CANCELLED,
        ReleaseReason.EXPIRED: RejectionCode.RESERVATION_EXPIRED,
    }
    code = codes.get(reason, RejectionCode.ATTEMPT_CLOSED) if reason else RejectionCode.ATTEMPT_CLOSED
    return refuse(
        code, f"Allocation {allocation.allocation_id} was released ({reason}); nothing may run in it.", job
    )


def _cleanup(command: ReportCleanup, job: Job, around: Surroundings) -> Decision:
    allocation = job.allocation_of(command.allocation_id)
    if allocation is None:
        return refuse(RejectionCode.NOT_FOUND, f"There is no allocation {command.allocation_id}.", job)
    fenced = _fenced(command.incarnation, around.node, allocation, job)
    if fenced:
        return fenced
    if allocation.status is not AllocationStatus.ALLOCATED:
        return refuse(RejectionCode.ATTEMPT_CLOSED, "Nothing of this attempt is recorded as running.", job)
    if job.reason == "Cleanup":
        return ()
    blocked = CleanupBlocked(allocation_id=command.allocation_id, pids=command.pids, detail=command.detail)
    return (blocked,)


def _release(command: Release, job: Job, around: Surroundings) -> Decision:
    allocation = job.allocation_of(command.allocation_id)
    if allocation is None:
        return refuse(RejectionCode.NOT_FOUND, f"There is no allocation {command.allocation_id}.", job)
    fenced = _fenced(command.incarnation, around.node, allocation, job)
    if fenced:
        return _noted(fenced, command, job)
    if not allocation.live:
        if allocation.release is not None and _same_outcome(allocation.release, command):
            return ()
        return _noted(_closed_report(allocation, job), command, job)
    impossible = _impossible(command, allocation, job)
    if impossible:
        return impossible
    released = ResourcesReleased(
        allocation_id=command.allocation_id,
        reason=command.reason,
        exit_code=command.exit_code,
        exit_signal=command.exit_signal,
        cpu_seconds=command.cpu_seconds,
        memory_peak_mb=command.memory_peak_mb,
        detail=command.detail,
    )
    if allocation.status is AllocationStatus.RESERVED and command.reason is ReleaseReason.NODE_LOST:
        return (released,)  # nothing ran: the attempt goes back to the queue
    return _with_requeue(released, job)


def _release_lost(command: ReleaseLost, job: Job, around: Surroundings) -> Decision:
    """Only what cannot be running any more: a reservation, a job that its own supervisor stopped because it asked
    for `requeue`, or anything at all when a person vouches for it. Of a node that came back with less: a reservation
    that it cannot hold any more.
    """
    allocation, node = job.allocation_of(command.allocation_id), around.node
    if allocation is None or not allocation.live:
        return ()
    known = node is not None and node.node_name == allocation.node_name
    waits = allocation.status is AllocationStatus.RESERVED
    if node is None or not known or node.state is not NodeState.LOST:
        unfit = outgrown(job.submitted, allocation, node) if node is not None and known and waits else None
        if unfit is None:
            return refuse(RejectionCode.WRONG_STATE, f"Node {allocation.node_name} is not lost.", job)
        return (_taken_back(allocation, unfit),)
    if not (waits or job.submitted.requeue or node.jobs_lost):
        return refuse(
            RejectionCode.WRONG_STATE,
            f"Job {job.job_id} may still run on {node.node_name}. When nothing can run there any more, say so: "
            f"`POST /api/v1/nodes/{node.node_name}/lost`.",
            job,
        )
    released = _taken_back(allocation, node.reason)
    return (released,) if waits else _with_requeue(released, job)


def _taken_back(allocation: Allocation, detail: str | None) -> ResourcesReleased:
    return ResourcesReleased(
        allocation_id=allocation.allocation_id, reason=ReleaseReason.NODE_LOST, detail=detail
    )


def _repair(command: Repair, job: Job) -> Decision:
    """What a person takes back: a reservation returns to the queue, a job that ran has failed. No next attempt begins
    by itself, whatever was asked for before: it must be certain that two never run at once.
    """
    if command.allocation_id is None:
        allocation = job.allocation
        if allocation is None:
            return refuse(RejectionCode.WRONG_STATE, f"Job {job.job_id} holds no allocation.", job)
    else:
        found = job.allocation_of(command.allocation_id)
        if found is None:
            return refuse(RejectionCode.NOT_FOUND, f"There is no allocation {command.allocation_id}.", job)
        allocation = found
    if allocation.never_given_back:
        return decide_close(command, allocation)
    if not allocation.live:
        return refuse(
            RejectionCode.WRONG_STATE,
            f"Allocation {allocation.allocation_id} is released already; there is nothing to repair.",
            job,
        )
    detail = f"{command.finding}: {command.reason}" if command.reason else command.finding
    return (
        ResourcesReleased(
            allocation_id=allocation.allocation_id, reason=ReleaseReason.REPAIRED, detail=detail
        ),
    )


def _with_requeue(released: ResourcesReleased, job: Job) -> tuple[Event, ...]:
    """The end of an attempt, and what follows from it: the requeue that a person asked for, or the one that the
    job asked for in case its node fails, a bounded number of times.
    """
    attempt = job.attempt + 1
    if job.requeue_requested:
        return released, JobRequeued(attempt=attempt, reason=None)
    node_failed = released.reason is ReleaseReason.NODE_LOST
    if not node_failed or not job.submitted.requeue or job.cancel_requested_at is not None:
        return (released,)
    requeued = JobRequeued(attempt=attempt, reason="its node failed", automatic=True)
    if job.automatic_requeues < AUTOMATIC_REQUEUES:
        return released, requeued
    held = JobHeld(reason=f"its nodes failed {job.automatic_requeues + 1} times", automatic=True)
    return released, requeued, held


def _closed_report(allocation: Allocation, job: Job) -> Refused:
    return refuse(
        RejectionCode.ATTEMPT_CLOSED,
        f"Allocation {allocation.allocation_id} was closed before; the report is kept and changes nothing.",
        job,
    )


def _same_outcome(release: ResourcesReleased, command: Release) -> bool:
    return (release.reason, release.exit_code, release.exit_signal) == (
        command.reason,
        command.exit_code,
        command.exit_signal,
    )


def _noted(refused: Refused, command: Release, job: Job) -> Refused:
    """Keep what was said too late, once an allocation."""
    if command.allocation_id in job.late_reports:
        return refused
    report = LateReport(
        allocation_id=command.allocation_id,
        incarnation=command.incarnation,
        reason=command.reason,
        exit_code=command.exit_code,
        exit_signal=command.exit_signal,
    )
    return Refused(rejection=refused.rejection, kept=(report,))


def _impossible(command: Release, allocation: Allocation, job: Job) -> Refused | None:
    """Reports that contradict what the log knows of the allocation."""
    if command.reason in (ReleaseReason.EXPIRED, ReleaseReason.REPAIRED):
        return refuse(
            RejectionCode.INVALID, f"An executor cannot release as {command.reason}.", job, field="reason"
        )
    never_ran = (ReleaseReason.LAUNCH_FAILED, ReleaseReason.NODE_LOST)
    if allocation.status is AllocationStatus.RESERVED and command.reason not in never_ran:
        return refuse(
            RejectionCode.WRONG_STATE,
            "No process was ever allocated here; only launch_failed or node_lost can end a reservation.",
            job,
        )
    if command.reason is ReleaseReason.CANCELLED and job.cancel_requested_at is None:
        return refuse(RejectionCode.INVALID, f"Nobody cancelled job {job.job_id}.", job, field="reason")
    return None
