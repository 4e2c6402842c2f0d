"""What an executor may say of a job: that a process stands ready (`Allocate`), that it has ended (`Release`).

A fenced executor, a closed attempt and an impossible report are refused; what they had to say of an end is kept
once an allocation as a `LateReport`.
"""

from conductor.core.commands import Allocate, Release
from conductor.core.decision import Decision, Refused, Surroundings, refuse
from conductor.core.errors import RejectionCode
from conductor.core.events import (
    JobRequeued,
    LateReport,
    ReleaseReason,
    ResourcesAllocated,
    ResourcesReleased,
)
from conductor.core.identifiers import Incarnation
from conductor.core.job import Allocation, AllocationStatus, Job
from conductor.core.node import Node


def decide_allocate(command: Allocate, job: Job, around: Surroundings) -> Decision:
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


def decide_release(command: Release, job: Job, around: Surroundings) -> Decision:
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
    if job.requeue_requested:
        return released, JobRequeued(attempt=job.attempt + 1, reason=None)
    return (released,)


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
    if command.reason in (ReleaseReason.EXPIRED, ReleaseReason.REPAIRED, ReleaseReason.NODE_LOST):
        return refuse(
            RejectionCode.INVALID, f"An executor cannot release as {command.reason}.", job, field="reason"
        )
    if allocation.status is AllocationStatus.RESERVED and command.reason is not ReleaseReason.LAUNCH_FAILED:
        return refuse(
            RejectionCode.WRONG_STATE,
            "No process was ever allocated here; only launch_failed can end a reservation.",
            job,
        )
    if command.reason is ReleaseReason.CANCELLED and job.cancel_requested_at is None:
        return refuse(RejectionCode.INVALID, f"Nobody cancelled job {job.job_id}.", job, field="reason")
    return None
