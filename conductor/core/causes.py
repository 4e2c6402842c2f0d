"""Which event brought about which: found from the little that a stream's past may still cause.

Promises: an event that nobody asked for is caused by one that stands earlier in the log; what follows from a request
carries that request's correlation, however many events lie between. Needs no positions, so that it can be decided
before an event has one. Refuses to know what an event means for a job or a node.
"""

from collections.abc import Mapping
from typing import NamedTuple

from conductor.core.events import (
    CancelRequested,
    CleanupBlocked,
    DependencyMet,
    Event,
    JobCancelled,
    JobRequeued,
    JobSubmitted,
    JobUnheld,
    LateReport,
    LeaderElected,
    NodeLost,
    NodeRegistered,
    Provenance,
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
from conductor.core.job import Job


class Trace(NamedTuple):
    """The versions of a stream's events that may still cause others; 0 is none.

    One small tuple a stream, not a link an event: a handler keeps thousands, and makes one for every event.
    """

    began: int = (
        0  # a job was put before the scheduler, or ended; a node registered or was lost; a leader was elected
    )
    held: int = 0  # CPUs were promised to a job, or taken into use
    asked: int = 0  # a running job was asked to end
    origin: Provenance | None = None  # of what began, and all that followed: its request, and its trace
    asked_origin: Provenance | None = None


class Cause(NamedTuple):
    """What an event is caused by, and whose request and trace both go back to."""

    reference: EventReference
    origin: Provenance | None

    @property
    def correlation(self) -> str | None:
        return self.origin.correlation if self.origin is not None else None


Traces = Mapping[StreamName, Trace]

NO_TRACE = Trace()
_BEGINS = frozenset(
    {
        *(JobSubmitted, JobUnheld, DependencyMet, JobRequeued, JobCancelled, ResourcesReleased),
        *(NodeRegistered, NodeLost, LeaderElected),
    }
)


def followed(trace: Trace, event: Event, version: Version, origin: Provenance | None) -> Trace:
    """The trace of a stream after one more event."""
    began, held, asked, chain, asked_chain = trace
    kind = type(event)
    if kind is ResourcesReserved or kind is ResourcesAllocated:
        return Trace(began, version, asked, origin, asked_chain)
    if kind is CancelRequested:
        return Trace(began, held, version, chain, origin)
    return Trace(version, held, asked, origin, asked_chain) if kind in _BEGINS else trace


def cause_of(
    event: Event,
    stream: StreamName,
    job: Job | None,
    traces: Traces,
    *,
    awaited: StreamName | None = None,
) -> Cause | None:
    """The cause of a command's first event; the others are caused by the one before them.

    None when somebody asked for it: the request is the cause, and begins a correlation. `job` is the stream's state
    before the event, when it is a job's; `awaited` the job's on whose end (or start) a dependency turned.
    """
    trace = traces.get(stream, NO_TRACE)
    match event:
        case ResourcesReserved():
            return _known(stream, trace.began, trace.origin)
        case DependencyMet():
            return _of_awaited(stream, awaited, traces, trace)
        case JobCancelled() if event.unmet is not None:
            return _of_awaited(stream, awaited, traces, trace)
        case ResourcesAllocated():
            return _known(stream, trace.held, trace.origin)
        case ResourcesReleased():
            return _cause_of_release(event, stream, job, trace, traces)
        case CleanupBlocked():
            return _asked(stream, trace) or _known(stream, trace.held, trace.origin)
        case LateReport():
            return _cause_of_late_report(event, stream, job, trace, traces)
        case NodeLost(jobs_lost=False):  # its lease ran out; with jobs_lost it is a person's word
            return _known(stream, trace.began, trace.origin)
        case LeaderElected():  # takes over from the one before, if any; but goes back to itself alone
            return _known(stream, trace.began, None)
        case _:
            return None


def _known(stream: StreamName, version: int, origin: Provenance | None) -> Cause | None:
    return Cause(event_reference(stream, Version(version)), origin) if version else None


def _asked(stream: StreamName, trace: Trace) -> Cause | None:
    """The request to end what runs now, if there was one."""
    return _known(stream, trace.asked, trace.asked_origin) if trace.asked > trace.held else None


def _cause_of_release(
    event: ResourcesReleased, stream: StreamName, job: Job | None, trace: Trace, traces: Traces
) -> Cause | None:
    held = _known(stream, trace.held, trace.origin)
    match event.reason:
        case ReleaseReason.REPAIRED:
            return None
        case ReleaseReason.CANCELLED:  # a reservation is taken back by the request itself
            return _asked(stream, trace)
        case ReleaseReason.NODE_LOST if job is not None and job.allocation is not None:
            return _of_node(job.allocation.node_name, traces, trace) or held
        case _:
            return held


def _cause_of_late_report(
    event: LateReport, stream: StreamName, job: Job | None, trace: Trace, traces: Traces
) -> Cause | None:
    """What closed the attempt, or the registration that fenced the executor off."""
    held = _known(stream, trace.held, trace.origin)
    allocation = job.allocation_of(event.allocation_id) if job is not None else None
    if allocation is None:
        return held
    if allocation.live:
        return _of_node(allocation.node_name, traces, trace) or held
    return _known(stream, allocation.version, trace.origin)


def _of_node(node_name: NodeName, traces: Traces, trace: Trace) -> Cause | None:
    """The node's event as the cause; what follows still goes back to the job's own request."""
    stream = node_stream(node_name)
    return _known(stream, traces.get(stream, NO_TRACE).began, trace.origin)


def _of_awaited(stream: StreamName, awaited: StreamName | None, traces: Traces, trace: Trace) -> Cause | None:
    """The end, or the start, of the job waited for; what follows still goes back to the job's own request."""
    if awaited is None:  # a singleton that was alone when it came
        return _known(stream, trace.began, trace.origin)
    other = traces.get(awaited, NO_TRACE)
    return _known(awaited, max(other.began, other.held), trace.origin)
