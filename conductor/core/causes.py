"""Which event brought about which: found from the little that a stream's past may still cause.

Promises: an event that nobody asked for is caused by one that stands earlier in the log; what follows from a request
carries that request's correlation, however many events lie between. Needs no positions, so that it can be decided
before an event has one. Refuses to know what an event means for a job or a node.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from conductor.core.events import (
    CancelRequested,
    CleanupBlocked,
    Event,
    JobRequeued,
    JobSubmitted,
    JobUnheld,
    LateReport,
    LeaderElected,
    NodeLost,
    NodeRegistered,
    ReleaseReason,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.identifiers import (
    EventReference,
    NodeName,
    StreamName,
    Version,
    event_reference,
    node_stream,
)
from conductor.core.job import Allocation, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An event that may yet cause others, in its stream, and the request that it goes back to."""

    version: Version
    correlation: str | None


# The last event of each kind that may cause another; a few entries, however long the stream.
Trace = Mapping[type[Event], Link]
Traces = Mapping[StreamName, Trace]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What an event is caused by, and the request that both go back to."""

    reference: EventReference
    correlation: str | None


_QUEUED = (JobSubmitted, JobUnheld, JobRequeued, ResourcesReleased)  # each puts a job before the scheduler
_HELD = (ResourcesReserved, ResourcesAllocated)
_ASKED = (ResourcesAllocated, CancelRequested)
_NODE = (NodeRegistered, NodeLost)
_MAY_CAUSE = frozenset({*_QUEUED, *_HELD, *_ASKED, *_NODE, LeaderElected})


def followed(trace: Trace, event: Event, version: Version, correlation: str | None) -> Trace:
    """The trace of a stream after one more event."""
    kind = type(event)
    if kind not in _MAY_CAUSE:
        return trace
    return {**trace, kind: Link(version=version, correlation=correlation)}


def cause_of(event: Event, stream: StreamName, job: Job | None, traces: Traces) -> Cause | None:
    """The cause of a command's first event; the others are caused by the one before them.

    None when somebody asked for it: the request is the cause, and begins a correlation. `job` is the stream's state
    before the event, when it is a job's.
    """
    trace = traces.get(stream, {})
    match event:
        case ResourcesReserved():
            return _latest(trace, stream, _QUEUED)
        case ResourcesAllocated():
            return _latest(trace, stream, _HELD)
        case CleanupBlocked():
            return _latest(trace, stream, _ASKED)
        case ResourcesReleased():
            return _cause_of_release(event, stream, job, traces)
        case LateReport():
            return _cause_of_late_report(event, stream, job, traces)
        case NodeLost(jobs_lost=False):  # its lease ran out; with jobs_lost it is a person's word
            return _latest(trace, stream, _NODE)
        case LeaderElected():
            return _taken_over(_latest(trace, stream, (LeaderElected,)))
        case _:
            return None


def _latest(trace: Trace, stream: StreamName, kinds: tuple[type[Event], ...]) -> Cause | None:
    link: Link | None = None
    for kind in kinds:
        found = trace.get(kind)
        if found is not None and (link is None or found.version > link.version):
            link = found
    if link is None:
        return None
    return Cause(reference=event_reference(stream, link.version), correlation=link.correlation)


def _cause_of_release(
    event: ResourcesReleased, stream: StreamName, job: Job | None, traces: Traces
) -> Cause | None:
    trace = traces.get(stream, {})
    held = _latest(trace, stream, _HELD)
    if event.reason is ReleaseReason.REPAIRED:
        return None
    if event.reason is ReleaseReason.CANCELLED:
        asked = _latest(trace, stream, _ASKED)
        return asked if _runs(job) else None  # a reservation is taken back by the request itself
    if event.reason is ReleaseReason.NODE_LOST and job is not None and job.allocation is not None:
        return _in_chain(_of_node(job.allocation.node_name, traces), held)
    return held


def _runs(job: Job | None) -> bool:
    return job is not None and job.allocation is not None and job.allocation.process is not None


def _cause_of_late_report(
    event: LateReport, stream: StreamName, job: Job | None, traces: Traces
) -> Cause | None:
    """What closed the attempt, or the registration that fenced the executor off."""
    held = _latest(traces.get(stream, {}), stream, _HELD)
    allocation: Allocation | None = job.allocation_of(event.allocation_id) if job is not None else None
    if allocation is None:
        return held
    if allocation.live:
        return _in_chain(_of_node(allocation.node_name, traces), held)
    closed = event_reference(stream, allocation.version)
    return Cause(reference=closed, correlation=held.correlation if held else None)


def _taken_over(leadership: Cause | None) -> Cause | None:
    """The leadership before, if any; but every election goes back to itself alone."""
    return Cause(reference=leadership.reference, correlation=None) if leadership else None


def _of_node(node_name: NodeName, traces: Traces) -> Cause | None:
    stream = node_stream(node_name)
    return _latest(traces.get(stream, {}), stream, _NODE)


def _in_chain(cause: Cause | None, held: Cause | None) -> Cause | None:
    """Another stream's event as the cause: what follows still goes back to the job's own request."""
    if cause is None or held is None:
        return cause or held
    return Cause(reference=cause.reference, correlation=held.correlation)
