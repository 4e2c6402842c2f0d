"""A job's life: its states, the literal table of every legal move, and `evolve`.

`TRANSITIONS` is the whole truth about which event may follow which; the diagram in `docs/states.md` is drawn
from it. A move that is not in the table is an `IllegalTransition` and changes nothing. What a command may ask
for is decided beside this file, in `job_decide`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypedDict, assert_never

from conductor.core import allocation as allocations
from conductor.core.allocation import Allocation
from conductor.core.errors import IllegalTransition
from conductor.core.events import (
    CancelRequested,
    CleanupBlocked,
    DependencyMet,
    ImportedAllocationClosed,
    ImportOutcome,
    JobCancelled,
    JobEvent,
    JobHeld,
    JobImported,
    JobReprioritized,
    JobRequeued,
    JobSubmitted,
    JobUnheld,
    LateReport,
    ReleaseReason,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.identifiers import AllocationId, JobId, Version
from conductor.core.job_reasons import cancelled_reason, end_reason, held_reason, import_reason
from conductor.core.made_quickly import made_quickly


class JobState(StrEnum):
    PENDING = "PENDING"
    RESERVED = "RESERVED"
    RUNNING = "RUNNING"  # a process exists
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMEOUT = "TIMEOUT"
    NODE_FAIL = "NODE_FAIL"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"

    @property
    def final(self) -> bool:
        return self in FINAL_STATES


S = JobState
FINAL_STATES = frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.TIMEOUT, S.NODE_FAIL, S.OUT_OF_MEMORY})

# state before -> event (with what decides its outcome) -> state after
TRANSITIONS: Mapping[JobState | None, Mapping[str, JobState]] = {
    None: {
        "JobSubmitted": S.PENDING,
    },
    S.PENDING: {
        "JobHeld": S.PENDING,
        "JobUnheld": S.PENDING,
        "DependencyMet": S.PENDING,
        "JobReprioritized": S.PENDING,
        "ResourcesReserved": S.RESERVED,
        "JobCancelled": S.CANCELLED,
        "JobImported(waiting)": S.PENDING,
        "JobImported(completed)": S.COMPLETED,
        "JobImported(failed)": S.FAILED,
        "JobImported(cancelled)": S.CANCELLED,
    },
    S.RESERVED: {
        "ResourcesAllocated": S.RUNNING,
        "ResourcesReleased(expired)": S.PENDING,
        "ResourcesReleased(repaired)": S.PENDING,
        "ResourcesReleased(node_lost)": S.PENDING,
        "ResourcesReleased(launch_failed)": S.FAILED,
        "ResourcesReleased(cancelled)": S.CANCELLED,
    },
    S.RUNNING: {
        "CancelRequested": S.RUNNING,
        "CleanupBlocked": S.RUNNING,
        "ResourcesReleased(finished, exit 0)": S.COMPLETED,
        "ResourcesReleased(finished)": S.FAILED,
        "ResourcesReleased(launch_failed)": S.FAILED,
        "ResourcesReleased(repaired)": S.FAILED,
        "ResourcesReleased(cancelled)": S.CANCELLED,
        "ResourcesReleased(timed_out)": S.TIMEOUT,
        "ResourcesReleased(node_lost)": S.NODE_FAIL,
        "ResourcesReleased(out_of_memory)": S.OUT_OF_MEMORY,
    },
    S.COMPLETED: {"JobRequeued": S.PENDING},
    S.FAILED: {"JobRequeued": S.PENDING},
    S.CANCELLED: {"JobRequeued": S.PENDING},
    S.TIMEOUT: {"JobRequeued": S.PENDING},
    S.NODE_FAIL: {"JobRequeued": S.PENDING},
    S.OUT_OF_MEMORY: {"JobRequeued": S.PENDING},
}


def trigger(event: JobEvent) -> str:
    """The key under which an event stands in `TRANSITIONS`."""
    if isinstance(event, JobImported):
        return f"JobImported({event.outcome})"
    if not isinstance(event, ResourcesReleased):
        return type(event).__name__
    if event.reason is ReleaseReason.FINISHED and event.exit_code == 0:
        return "ResourcesReleased(finished, exit 0)"
    return f"ResourcesReleased({event.reason})"


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A fold of one job's stream."""

    job_id: JobId
    version: Version
    state: JobState
    submitted: JobSubmitted
    submitted_at: datetime
    priority: int
    held: bool
    eligible_at: datetime | None
    reason: str | None
    attempt: int = 1
    allocation: Allocation | None = None  # the current or last one of this attempt
    past_allocations: tuple[Allocation, ...] = ()  # expired, or of earlier attempts; oldest first
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    requeue_requested: bool = False
    exit_code: int | None = None
    exit_signal: int | None = None
    late_reports: frozenset[AllocationId] = frozenset()
    automatic_requeues: int = 0  # since a person last asked for one
    dependency_met_at: datetime | None = None

    @property
    def dependency_met(self) -> bool:
        return self.dependency_met_at is not None

    @property
    def begins_at(self) -> datetime:
        """Before this the job may not start, held or not."""
        return self.submitted.begin_time or self.submitted_at

    @property
    def depends(self) -> bool:
        """Something must happen to other jobs before this one may start."""
        return self.submitted.dependency is not None and not self.dependency_met

    def allocation_of(self, allocation_id: AllocationId) -> Allocation | None:
        known = (*self.past_allocations, *((self.allocation,) if self.allocation else ()))
        return next((a for a in known if a.allocation_id == allocation_id), None)


class Changes(TypedDict, total=False):
    """What an event changes of a job, by the names of `Job`."""

    version: Version
    state: JobState
    submitted_at: datetime
    priority: int
    held: bool
    eligible_at: datetime | None
    reason: str | None
    attempt: int
    allocation: Allocation | None
    past_allocations: tuple[Allocation, ...]
    started_at: datetime | None
    ended_at: datetime | None
    cancel_requested_at: datetime | None
    requeue_requested: bool
    exit_code: int | None
    exit_signal: int | None
    late_reports: frozenset[AllocationId]
    automatic_requeues: int
    dependency_met_at: datetime | None


def evolve(job: Job | None, event: JobEvent, *, at: datetime, version: Version) -> Job:
    """The job after the event.

    Raises `IllegalTransition` when `TRANSITIONS` has no such move; nothing has changed then.
    """
    if job is None:
        return _first(event, at, version)
    return replace(job, **_changes(job, event, at, version))


def evolve_owned(job: Job | None, event: JobEvent, *, at: datetime, version: Version) -> Job:
    """The same, for a caller who holds the only reference to `job`: it is changed in place, several times faster.

    Replay folds millions of events and shows nobody the states between.
    """
    if job is None:
        return _first(event, at, version)
    for name, value in _changes(job, event, at, version).items():
        object.__setattr__(job, name, value)
    return job


def _first(event: JobEvent, at: datetime, version: Version) -> Job:
    _after(None, event, version)
    assert isinstance(event, JobSubmitted)
    depends = event.dependency is not None
    waits = _waits(held=event.held, depends=depends, begins_at=event.begin_time or at, at=at)
    return Job(
        job_id=event.job_id,
        version=version,
        state=JobState.PENDING,
        submitted=event,
        submitted_at=at,
        priority=event.priority,
        held=event.held,
        eligible_at=waits["eligible_at"],
        reason=waits["reason"],
    )


def _after(before: JobState | None, event: JobEvent, version: Version) -> JobState:
    after = TRANSITIONS[before].get(trigger(event))
    if after is None:
        raise IllegalTransition(f"{trigger(event)} cannot follow {before or 'nothing'} (version {version})")
    return after


def _changes(job: Job, event: JobEvent, at: datetime, version: Version) -> Changes:
    if isinstance(event, LateReport):
        return {"version": version, "late_reports": job.late_reports | {event.allocation_id}}
    if isinstance(event, ImportedAllocationClosed):
        return {"version": version, **_closed(job, event, version)}
    state = _after(job.state, event, version)
    changes = _changed_by(job, event, at, version, state)
    changes["version"], changes["state"] = version, state
    return changes


def _changed_by(job: Job, event: JobEvent, at: datetime, version: Version, state: JobState) -> Changes:
    match event:
        case JobHeld():
            return {"held": True, "eligible_at": None, "reason": held_reason(event)}
        case JobUnheld():
            waits = _waits(held=False, depends=job.depends, begins_at=job.begins_at, at=at)
            return {"held": False, **waits}
        case DependencyMet():
            waits = _waits(held=job.held, depends=False, begins_at=job.begins_at, at=at)
            return {"dependency_met_at": at, **waits}
        case JobReprioritized():
            return {"priority": event.priority}
        case ResourcesReserved():
            return {"allocation": allocations.reserved(event, at, version), "reason": None}
        case ResourcesAllocated():
            assert job.allocation is not None
            return {"allocation": allocations.allocated(job.allocation, event, at, version), "started_at": at}
        case CancelRequested():
            return {"cancel_requested_at": at, "requeue_requested": event.requeue}
        case CleanupBlocked():
            return {"reason": "Cleanup"}
        case ResourcesReleased():
            return _released(job, event, at, version, state)
        case JobCancelled():
            return {"ended_at": at, "reason": cancelled_reason(event)}
        case JobRequeued():
            return _requeued(job, event, at)
        case JobImported():
            return _imported(job, event, at, version)
        case JobSubmitted() | LateReport() | ImportedAllocationClosed():
            raise IllegalTransition(f"{trigger(event)} is not a move of a job that exists")
        case _:
            assert_never(event)


def _waits(*, held: bool, depends: bool, begins_at: datetime, at: datetime) -> Changes:
    """From when on a waiting job may start, and what keeps it until then."""
    if held:
        return {"eligible_at": None, "reason": "JobHeldUser"}
    if depends:
        return {"eligible_at": None, "reason": "Dependency"}
    return {"eligible_at": max(begins_at, at), "reason": "BeginTime" if begins_at > at else None}


def _released(job: Job, event: ResourcesReleased, at: datetime, version: Version, state: JobState) -> Changes:
    assert job.allocation is not None
    released = allocations.released(job.allocation, event, at, version)
    if not state.final:  # back to the queue: the reservation is history, the attempt goes on
        return {"allocation": None, "past_allocations": (*job.past_allocations, released)}
    return {
        "allocation": released,
        "ended_at": at,
        "exit_code": event.exit_code,
        "exit_signal": event.exit_signal,
        "reason": end_reason(event),
    }


def _requeued(job: Job, event: JobRequeued, at: datetime) -> Changes:
    changes: Changes = {
        "attempt": event.attempt,
        "allocation": None,
        "past_allocations": (*job.past_allocations, job.allocation)
        if job.allocation
        else job.past_allocations,
        "started_at": None,
        "ended_at": None,
        "cancel_requested_at": None,
        "requeue_requested": False,
        "exit_code": None,
        "exit_signal": None,
        "automatic_requeues": job.automatic_requeues + 1 if event.automatic else 0,
    }
    changes.update(_waits(held=job.held, depends=job.depends, begins_at=job.begins_at, at=at))
    return changes


def _imported(job: Job, event: JobImported, at: datetime, version: Version) -> Changes:
    """As it ended there, at its times; an end that nobody noted there is the time when it is recorded here."""
    if job.version != 1:
        raise IllegalTransition(
            f"{trigger(event)} must be the second event of its stream (version {version})"
        )
    changes: Changes = {
        "submitted_at": event.submitted_at or at,
        "held": False,
        "eligible_at": None,
        "reason": import_reason(event),
    }
    kept = allocations.imported(event, at, version)
    if event.outcome is ImportOutcome.WAITING:
        changes["held"], changes["past_allocations"] = True, (kept,) if kept else ()
        return changes
    changes["allocation"], changes["started_at"] = kept, event.started_at
    changes["ended_at"], changes["eligible_at"] = event.ended_at or at, event.submitted_at
    changes["exit_code"], changes["exit_signal"] = event.exit_code, event.exit_signal
    return changes


def _closed(job: Job, event: ImportedAllocationClosed, version: Version) -> Changes:
    """Whether it is the job's last one, or history already: a job that is waiting has nothing else."""

    def after(before: Allocation) -> Allocation:
        mine = before.allocation_id == event.allocation_id and before.never_given_back
        return allocations.closed(before, event, version) if mine else before

    changes: Changes = {
        "allocation": after(job.allocation) if job.allocation else None,
        "past_allocations": tuple(map(after, job.past_allocations)),
    }
    if (changes["allocation"], changes["past_allocations"]) == (job.allocation, job.past_allocations):
        raise IllegalTransition(f"{trigger(event)} names no allocation that was never given back")
    return changes
