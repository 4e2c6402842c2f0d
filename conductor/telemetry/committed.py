"""What a batch that was committed says to those who watch: counts, times, log lines, spans. Called once a batch.

Every event is committed by one process, so the sums over all processes count everything once, whoever did it. Promises:
a few tenths of a microsecond an event; at most a few lines of each name a batch, then one that counts the rest. Refuses
to know how anything was decided.
"""

from collections import Counter as Counted
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import structlog

from conductor.core.commands import Command
from conductor.core.decider import State
from conductor.core.errors import Rejection
from conductor.core.events import (
    JobCancelled,
    JobHeld,
    JobRequeued,
    JobSubmitted,
    NodeLost,
    NodeRegistered,
    RecordedEvent,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.identifiers import StreamName
from conductor.core.job import TRANSITIONS, Job, JobState, trigger
from conductor.telemetry.log_catalogue import LINES
from conductor.telemetry.log_lines import keeps_a_log
from conductor.telemetry.process import counter, histogram
from conductor.telemetry.tracing import makes_spans, tell_event

logger = structlog.get_logger("handler")

_COUNTED = frozenset({ResourcesReserved, ResourcesAllocated, ResourcesReleased, JobCancelled, JobRequeued})
_LINES_AT_ONCE = 20  # of one name in one batch
_SPANS_AT_ONCE = 200  # in one batch

_COMMANDS = counter("conductor_commands_total")
_EVENTS = counter("conductor_events_total")
_BATCH_COMMANDS = histogram("conductor_batch_commands")
_BATCH_EVENTS = histogram("conductor_batch_events")
_APPEND = histogram("conductor_append_seconds")
_TO_RESERVE = histogram("conductor_job_submit_to_reserve_seconds")
_TO_PROCESS = histogram("conductor_job_reserve_to_start_seconds")
_TO_START = histogram("conductor_job_submit_to_start_seconds")
_RUN = histogram("conductor_job_run_seconds")
_SUBMITTED = counter("conductor_jobs_submitted_total")
_ENDED = counter("conductor_jobs_ended_total")
_REQUEUED = counter("conductor_jobs_requeued_total")
_LOST_RESERVATIONS = counter("conductor_reservations_lost_total")
BATCHES_RETRIED = counter("conductor_batches_retried_total")

# The line that tells of an event; a release is the end of a job, or of a reservation.
LINE_OF_EVENT: Mapping[str, str] = {
    "JobSubmitted": "job.submitted",
    "ResourcesReserved": "job.scheduled",
    "ResourcesAllocated": "job.started",
    "ResourcesReleased": "job.ended",
    "JobCancelled": "job.ended",
    "CancelRequested": "job.cancel_asked",
    "JobHeld": "job.held",
    "JobUnheld": "job.unheld",
    "JobRequeued": "job.requeued",
    "JobReprioritized": "job.reprioritized",
    "DependencyMet": "job.dependency_met",
    "CleanupBlocked": "job.cleanup_blocked",
    "NodeRegistered": "node.resources",
    "NodeDrained": "node.drained",
    "NodeResumed": "node.resumed",
    "NodeLost": "node.lost",
    "NodeRemoved": "node.removed",
    "PolicyChanged": "policy.changed",
}


def tell_batch(
    commands: Iterable[Command],
    verdicts: Sequence[object],
    recorded: Sequence[RecordedEvent],
    states: Mapping[StreamName, State],
    *,
    append_seconds: float,
) -> None:
    """`verdicts`: one a command; `states` as they are after the batch, by stream."""
    try:
        count_commands(commands, verdicts)
        if recorded:
            _tell_batch(recorded, states, append_seconds)
    except Exception:  # what is told of the work is never worth the work
        logger.exception("telemetry.failed")


def _tell_batch(
    recorded: Sequence[RecordedEvent], states: Mapping[StreamName, State], append_seconds: float
) -> None:
    _BATCH_EVENTS.observe(len(recorded))
    _APPEND.observe(append_seconds)
    by_type: dict[type, list[RecordedEvent]] = {}
    for one in recorded:
        found = by_type.get(type(one.event))
        if found is None:
            found = by_type[type(one.event)] = []
        found.append(one)
    for kind, events in by_type.items():
        name = kind.__name__
        _EVENTS.add(name, by=len(events))
        if kind is JobSubmitted:
            _SUBMITTED.add(by=len(events))
        elif kind in _COUNTED:
            _count(events, states)
        if name in LINE_OF_EVENT and keeps_a_log():
            _tell(LINE_OF_EVENT[name], events, states)
    if makes_spans():
        traced = (one for one in recorded if one.provenance.trace_id is not None)
        for one in islice(traced, _SPANS_AT_ONCE):
            tell_event(one, states.get(one.stream))


def count_commands(commands: Iterable[Command], verdicts: Sequence[object]) -> None:
    """Commands, and what became of each: a rejection, a slice of the batch's events, or what was recorded before."""
    _BATCH_COMMANDS.observe(len(verdicts))
    changes = (_changes(verdict) for verdict in verdicts)
    for (kind, outcome), times in Counted(zip(map(type, commands), changes, strict=True)).items():
        _COMMANDS.add(kind.__name__, outcome, by=times)


def _changes(verdict: object) -> str:
    if type(verdict) is slice:
        return "accepted" if verdict.start != verdict.stop else "unchanged"
    return str(verdict.code) if isinstance(verdict, Rejection) else "unchanged"


def _count(events: Sequence[RecordedEvent], states: Mapping[StreamName, State]) -> None:
    for one in events:
        job = states.get(one.stream)
        if isinstance(job, Job):
            _count_of_job(one, job)


def _count_of_job(one: RecordedEvent, job: Job) -> None:
    """A batch may have taken the job further than this event; what is not of it any more is not counted."""
    event, allocation = one.event, job.allocation
    match event:
        case ResourcesReserved():
            if job.eligible_at is not None:
                _TO_RESERVE.observe(_seconds(job.eligible_at, one.at))
        case ResourcesAllocated():
            if allocation is not None:
                _TO_PROCESS.observe(_seconds(allocation.reserved_at, one.at))
            if job.eligible_at is not None:
                _TO_START.observe(_seconds(job.eligible_at, one.at))
        case ResourcesReleased():
            _count_release(one, job, event)
        case JobCancelled():
            _ENDED.add(str(job.state), str(job.reason or ""))
        case JobRequeued():
            _REQUEUED.add("automatic" if event.automatic else "person")
        case _:
            pass


def _count_release(one: RecordedEvent, job: Job, event: ResourcesReleased) -> None:
    state, allocated_at = _came_to(job, event)
    if not state.final:
        _LOST_RESERVATIONS.add(str(event.reason))
        return
    _ENDED.add(str(state), str(job.reason or "") if job.state is state else str(event.reason))
    if allocated_at is not None:
        _RUN.observe(_seconds(allocated_at, one.at), str(state))


def _came_to(job: Job, event: ResourcesReleased) -> tuple[JobState, datetime | None]:
    """The state that a release led to, whatever followed in the same batch; and when its process had begun, if any."""
    allocation = job.allocation_of(event.allocation_id)
    allocated_at = allocation.allocated_at if allocation is not None else None
    before = JobState.RESERVED if allocated_at is None else JobState.RUNNING
    return TRANSITIONS[before].get(trigger(event), job.state), allocated_at


def _came_out(job: Job, event: ResourcesReleased) -> dict[str, str]:
    """The state, and why: the job's own reason when it has one that is of this end, as its row has it."""
    state, _ = _came_to(job, event)
    of_this_end = state.final and job.state is state and job.reason is not None
    return {"state": str(state), "reason": str(job.reason if of_this_end else event.reason)}


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())


def _tell(name: str, events: Sequence[RecordedEvent], states: Mapping[StreamName, State]) -> None:
    for one in events[:_LINES_AT_ONCE]:
        line_name, fields = line_of(name, one, states.get(one.stream))
        getattr(logger, LINES[line_name].level)(line_name, **fields)
    more = events[_LINES_AT_ONCE:]
    if more:
        first, last = more[0], more[-1]
        logger.info(
            "batch.more_lines",
            of=name,
            count=len(more),
            first=first.stream,
            last=last.stream,
            position=last.position,
        )


def line_of(name: str, one: RecordedEvent, state: State | None) -> tuple[str, dict[str, Any]]:
    """The line's name and fields; absent ones are left out."""
    event = one.event
    fields: dict[str, Any] = {}
    if isinstance(state, Job):
        fields = {"job": state.job_id, "attempt": getattr(event, "attempt", state.attempt)}
        allocation = state.allocation_of(event.allocation_id) if hasattr(event, "allocation_id") else None
        if allocation is not None:
            fields |= {
                "attempt": allocation.attempt,
                "allocation": allocation.allocation_id,
                "node": allocation.node_name,
            }
        if isinstance(event, ResourcesReleased) and not _came_to(state, event)[0].final:
            name = "job.unscheduled"
    else:
        fields["node"] = one.stream.removeprefix("node-") if one.stream.startswith("node-") else None
    fields |= _own(event, state)
    fields |= {"position": one.position, "correlation": one.provenance.correlation}
    if one.provenance.trace_id is not None:
        fields["trace_id"] = one.provenance.trace_id
    return name, {key: value for key, value in fields.items() if value is not None}


def _own(event: object, state: State | None) -> dict[str, Any]:
    """What only this kind of event says."""
    match event:
        case JobSubmitted():
            return {"user": event.user_name, "cpus": event.total_cpus, "by": event.submitted_by}
        case ResourcesReserved():
            return {"cpus": len(event.cpu_ids)}
        case ResourcesAllocated():
            return {"pid": event.process.pid}
        case ResourcesReleased():
            return {
                **(_came_out(state, event) if isinstance(state, Job) else {"reason": str(event.reason)}),
                "exit_code": event.exit_code,
                "exit_signal": event.exit_signal,
            }
        case JobCancelled():
            return {"state": "CANCELLED", "reason": "Cancelled"}
        case JobHeld() | JobRequeued():
            return {"automatic": event.automatic}
        case NodeRegistered():
            return {"cpus": event.total_cpus, "memory_mb": event.memory_mb, "incarnation": event.incarnation}
        case NodeLost():
            return {"reason": event.reason, "jobs_lost": event.jobs_lost}
        case _:
            return {}
