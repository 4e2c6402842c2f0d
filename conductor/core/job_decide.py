"""What a command may ask of a job: `decide(command, job, ...)` gives events, or a rejection that says why.

An idempotent repeat (cancel what is cancelled, allocate with the same process) is accepted with no events.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache
from typing import assert_never

from conductor.core.allocation import AllocationStatus
from conductor.core.commands import (
    Allocate,
    Cancel,
    Expire,
    Hold,
    ImportJob,
    JobCommand,
    Release,
    ReleaseLost,
    Repair,
    ReportCleanup,
    Reprioritize,
    Requeue,
    Reserve,
    ResolveDependency,
    Submit,
    Unhold,
)
from conductor.core.decision import Decision, Refused, Surroundings, refuse
from conductor.core.dependencies import decide_resolve
from conductor.core.errors import RejectionCode
from conductor.core.events import (
    CancelRequested,
    JobCancelled,
    JobHeld,
    JobReprioritized,
    JobRequeued,
    JobSubmitted,
    JobUnheld,
    ReleaseReason,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.fitting import Unfit, beyond_cap, mismatch, too_wide
from conductor.core.imported import decide_import
from conductor.core.job import Job, JobState
from conductor.core.job_report import (
    decide_report,
)
from conductor.core.node import Node, NodeState
from conductor.core.said import Said
from conductor.core.selections import job_name

RESERVATION_SECONDS = 60.0


_BEGINNINGS = (Submit, ImportJob)  # not their union, which is several times slower to test


def decide(command: JobCommand, job: Job | None, around: Surroundings) -> Decision:
    if isinstance(command, _BEGINNINGS):
        return _begin(command, job, around)
    if job is None:
        return refuse(RejectionCode.NOT_FOUND, Said("no_subject", subject=_subject(command)))
    match command:
        case Cancel():
            return _cancel(command, job)
        case Hold():
            return _hold(command, job)
        case Unhold():
            waits = job.held and job.state is JobState.PENDING
            return (JobUnheld(reason=command.reason),) if waits else ()
        case Reprioritize():
            return _reprioritize(command, job)
        case Requeue():
            return _requeue(command, job)
        case Reserve():
            return _reserve(command, job, around)
        case ResolveDependency():
            return decide_resolve(command, job, around)
        case Expire():
            return _expire(command, job, around)
        case Allocate() | ReportCleanup() | Release() | ReleaseLost() | Repair():
            return decide_report(command, job, around)
        case _:
            assert_never(command)


def _begin(command: Submit | ImportJob, job: Job | None, around: Surroundings) -> Decision:
    if isinstance(command, Submit):
        return _submit(command, job, around)
    anywhere = Surroundings(at=around.at)  # as wide as it was there; it is held
    return decide_import(command, job, submitted=_submit(command.submission, None, anywhere))


def _subject(command: JobCommand) -> str:
    if isinstance(command, Allocate | ReportCleanup | Release):
        return f"allocation {command.allocation_id}"
    return f"job {command.job_id}"


def _submit(command: Submit, job: Job | None, around: Surroundings) -> Decision:
    assert command.job_id is not None, "the handler draws the id before the first try"
    if job is not None:  # the first try's answer was lost; its commit was not
        return ()
    unfit = _runs_nowhere(command, around)
    if unfit is not None:
        return refuse(RejectionCode.INVALID, unfit.message, field=unfit.field)
    digest, size = _identity_of(command.script)
    return (
        JobSubmitted(
            job_id=command.job_id,
            name=command.name or f"job_{command.array_job_id or command.job_id}",
            user_name=command.user_name,
            account=command.account,
            submitted_by=command.submitted_by,
            script_sha256=digest,
            script_bytes=size,
            environment_id=command.environment_id,
            work_dir=command.work_dir,
            ntasks_per_node=command.ntasks_per_node,
            cpus_per_task=command.cpus_per_task,
            memory_mb=command.memory_mb,
            time_limit_seconds=command.time_limit_seconds,
            priority=command.priority,
            held=command.held,
            requeue=command.requeue,
            begin_time=command.begin_time,
            dependency=command.dependency,
            array_job_id=command.array_job_id,
            array_task_id=command.array_task_id,
            stdout_path=command.stdout_path,
            stderr_path=command.stderr_path,
            comment=command.comment,
            signal=command.signal,
            array=command.array,
            nodelist=command.nodelist,
            labels=dict(command.labels),
            exclusive=command.exclusive,
            gres=dict(command.gres),
        ),
    )


@lru_cache(maxsize=4)
def _identity_of(script: str) -> tuple[str, int]:
    """(sha256, bytes). The tasks of an array have one script between them."""
    body = script.encode()
    return hashlib.sha256(body).hexdigest(), len(body)


def _runs_nowhere(command: Submit, around: Surroundings) -> Unfit | None:
    """Why no node that is registered could ever run it, if so; drained and lost ones may come back."""
    widest = around.widest_node_cpus
    if widest is not None and command.total_cpus > widest:
        return too_wide(command.total_cpus, widest)
    unfit = around.offers.unfit(command, around.licences) if around.offers is not None else None
    if unfit is not None or around.user_max_cpus is None:
        return unfit
    offers = around.offers if command.exclusive else None
    narrowest = offers.narrowest(command, around.licences) if offers is not None else None
    return beyond_cap(command, narrowest=narrowest, most=around.user_max_cpus)


def _cancel(command: Cancel, job: Job) -> Decision:
    match job.state:
        case JobState.PENDING:
            return (JobCancelled(reason=command.reason),)
        case JobState.RESERVED:
            return (_returned(job, ReleaseReason.CANCELLED, command.reason),)
        case JobState.RUNNING if job.cancel_requested_at is None or job.requeue_requested:
            return (CancelRequested(reason=command.reason, requeue=False),)
        case _:
            return ()


def _called(job: Job) -> str:
    return job_name(job.job_id, job.submitted.array_job_id, job.submitted.array_task_id)


def _hold(command: Hold, job: Job) -> Decision:
    if job.held:
        return ()
    if job.state is not JobState.PENDING:
        return refuse(
            RejectionCode.WRONG_STATE,
            Said("cannot_hold", job=_called(job), state=job.state),
            job,
        )
    return (JobHeld(reason=command.reason),)


def _reprioritize(command: Reprioritize, job: Job) -> Decision:
    if job.priority == command.priority:
        return ()
    if job.state is not JobState.PENDING:
        return refuse(
            RejectionCode.WRONG_STATE,
            Said("cannot_reprioritize", job=_called(job), state=job.state),
            job,
        )
    return (JobReprioritized(priority=command.priority),)


def _requeue(command: Requeue, job: Job) -> Decision:
    again = JobRequeued(attempt=job.attempt + 1, reason=command.reason)
    match job.state:
        case JobState.PENDING:
            return ()
        case JobState.RESERVED:
            return (_returned(job, ReleaseReason.CANCELLED, command.reason), again)
        case JobState.RUNNING if job.requeue_requested:
            return ()
        case JobState.RUNNING:  # the next attempt begins when this one's processes are gone
            return (CancelRequested(reason=command.reason, requeue=True),)
        case _:
            return (again,)


def _returned(job: Job, reason: ReleaseReason, detail: str | None) -> ResourcesReleased:
    assert job.allocation is not None
    return ResourcesReleased(allocation_id=job.allocation.allocation_id, reason=reason, detail=detail)


def _reserve(command: Reserve, job: Job, around: Surroundings) -> Decision:
    assert command.allocation_id is not None, "the handler draws it"
    assert command.cpu_ids is not None, "the handler chooses them"
    if job.allocation is not None and job.allocation.allocation_id == command.allocation_id:
        return ()  # the first try's answer was lost; its commit was not
    refused = (
        _deposed(command, job, around) or _not_waiting(job, around.at) or _unusable(around, command, job)
    )
    if refused:
        return refused
    assert around.node is not None
    seconds = command.expires_in_seconds or RESERVATION_SECONDS
    return (
        ResourcesReserved(
            allocation_id=command.allocation_id,
            attempt=job.attempt,
            node_name=command.node_name,
            cpu_ids=command.cpu_ids,
            cpu_block=around.node.cpu_block,
            memory_mb=job.submitted.memory_mb,
            expires_at=around.at + timedelta(seconds=seconds),
            term=command.term,
            gres={name: tuple(ids) for name, ids in command.gres.items()},
        ),
    )


def _deposed(command: Reserve, job: Job, around: Surroundings) -> Refused | None:
    if command.term is None or command.term == around.leadership.term:
        return None
    return refuse(
        RejectionCode.VERSION_CONFLICT,
        f"Term {command.term} is over: a scheduler with term {around.leadership.term} leads now.",
        job,
    )


def _not_waiting(job: Job, at: datetime) -> Refused | None:
    number = _called(job)
    if job.state is JobState.CANCELLED:
        return refuse(RejectionCode.CANCELLED, f"Job {number} was cancelled.", job)
    if job.state is not JobState.PENDING:
        return refuse(
            RejectionCode.WRONG_STATE, f"Job {number} is {job.state}; only PENDING can be reserved.", job
        )
    if job.held:
        return refuse(RejectionCode.WRONG_STATE, f"Job {number} is held. Unhold it first.", job)
    if job.depends:
        text = job.submitted.dependency
        return refuse(RejectionCode.WRONG_STATE, f"Job {number} still waits for other jobs: {text}.", job)
    begin_time = job.submitted.begin_time
    if begin_time is not None and begin_time > at:
        return refuse(RejectionCode.WRONG_STATE, f"Job {number} may not begin before {begin_time}.", job)
    return None


def _unusable(around: Surroundings, command: Reserve, job: Job) -> Refused | None:
    node = around.node
    name, cpu_ids = command.node_name, command.cpu_ids or ()
    if node is None or node.state is NodeState.REMOVED:
        return refuse(RejectionCode.NODE_UNKNOWN, f"No node {name} is registered.", job)
    if node.state is not NodeState.UP:
        return refuse(RejectionCode.NODE_DRAINED, f"Node {name} is {node.state}: it takes no new jobs.", job)
    unwanted = mismatch(job.submitted, node, around.licences)
    if unwanted is not None:
        return refuse(RejectionCode.INVALID, f"Job {_called(job)} cannot run on {name}: {unwanted}.", job)
    wanted = node.total_cpus if job.submitted.exclusive else job.submitted.total_cpus
    if len(cpu_ids) != wanted or len(set(cpu_ids)) != wanted:
        return refuse(
            RejectionCode.INVALID,
            f"Job {_called(job)} needs {wanted} different CPUs; {len(set(cpu_ids))} were named.",
            job,
            field="cpu_ids",
        )
    foreign = sorted(set(cpu_ids) - set(node.cpu_ids))
    if foreign:
        return refuse(RejectionCode.INVALID, f"Node {name} has no CPU {foreign[0]}.", job, field="cpu_ids")
    wrong = _wrong_gres(command, job, node, around.licences)
    return refuse(RejectionCode.INVALID, wrong, job, field="gres") if wrong else None


def _wrong_gres(command: Reserve, job: Job, node: Node, licences: Collection[str]) -> str | None:
    """As many of each name as the job asked for, each once, and all of them the node's. A licence is no node's."""
    wanted = job.submitted.gres
    for name in sorted(wanted.keys() | command.gres.keys()):
        ids, count = command.gres.get(name, ()), wanted.get(name, 0)
        if name in licences and name not in command.gres:
            continue
        if len(ids) != count or len(set(ids)) != count:
            return f"Job {_called(job)} needs {count} different {name}; {len(set(ids))} were named."
        foreign = [number for number in ids if not 0 <= number < node.gres.get(name, 0)]
        if foreign and name not in licences:
            return f"Node {node.node_name} has no {name} number {foreign[0]}; they count from 0."
    return None


def _expire(command: Expire, job: Job, around: Surroundings) -> Decision:
    allocation = job.allocation
    if (
        allocation is None
        or allocation.allocation_id != command.allocation_id
        or allocation.status is not AllocationStatus.RESERVED
    ):
        return ()
    if around.at < allocation.expires_at:
        return refuse(RejectionCode.WRONG_STATE, f"The reservation holds until {allocation.expires_at}.", job)
    return (_returned(job, ReleaseReason.EXPIRED, None),)
