"""Traces: which request led to what, in spans; and the trace's id, kept in the log with or without them.

Promises: without the extra `otel` or without an endpoint nothing is imported, and a span costs one comparison. The
trace of a request (W3C `traceparent`) is kept in its events either way and inherited by those that follow.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from conductor.core.decider import State
from conductor.core.events import RecordedEvent, ResourcesAllocated, ResourcesReleased, ResourcesReserved
from conductor.core.job import Job

logger = structlog.get_logger("telemetry")

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)
_FLUSH_MILLISECONDS = 2000


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace: its id, and the span that others are children of; hexadecimal."""

    trace_id: str
    span_id: str


def parsed_traceparent(header: str | None) -> TraceContext | None:
    """None for one that is missing or not as W3C wants it: then it is as if none came."""
    found = _TRACEPARENT.fullmatch(header.strip()) if header else None
    if found is None or ((header or "").startswith("00") and found[3]):
        return None
    return TraceContext(found[1], found[2])


def traceparent(trace_id: str, span_id: str) -> str:
    return f"00-{trace_id}-{span_id}-01"


# Of the request that a task answers.
_CURRENT: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def current_trace() -> TraceContext | None:
    """The place in a trace that what this task brings about belongs to."""
    return _CURRENT.get()


def belongs_to(trace: TraceContext | None) -> None:
    """From now on what this task brings about belongs there."""
    _CURRENT.set(trace)


class _Spans:
    """What makes spans, while they are wanted."""

    tracer: Any = None
    provider: Any = None


def trace_to(endpoint: str | None, process: str, node: str) -> None:
    """Send spans there from now on. Without the extra that is a line in the log and nothing more."""
    if endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        logger.warning("traces.not_sent", why=f"{error}; install conductor-scheduler[otel]")
        return
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    trace_with(BatchSpanProcessor(exporter), process, node)


def trace_with(processor: Any, process: str, node: str) -> None:
    """Hand spans to this processor of OpenTelemetry's."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    resource = Resource.create({"service.name": f"conductor-{process}", "host.name": node})
    _Spans.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _Spans.provider.add_span_processor(processor)
    _Spans.tracer = _Spans.provider.get_tracer("conductor")


def end_tracing() -> None:
    """Send what is left, for a moment at most."""
    provider, _Spans.tracer, _Spans.provider = _Spans.provider, None, None
    if provider is not None:
        provider.force_flush(_FLUSH_MILLISECONDS)
        provider.shutdown()


@contextmanager
def span(name: str, parent: TraceContext | None = None, **attributes: Any) -> Iterator["Span"]:
    """A span around a block, child of `parent` (none: of nothing)."""
    if _Spans.tracer is None:
        yield Span(None, parent)
        return
    from opentelemetry.trace import SpanKind

    kind = SpanKind.SERVER if name.startswith("HTTP") else SpanKind.INTERNAL
    made = _Spans.tracer.start_span(name, context=_context(parent), kind=kind, attributes=attributes)
    try:
        yield Span(made, parent)
    except BaseException as error:
        made.record_exception(error)
        raise
    finally:
        made.end()


class Span:
    """A span that runs, or nothing that looks like one."""

    def __init__(self, made: Any, parent: TraceContext | None) -> None:
        self._made = made
        self._parent = parent

    @property
    def context(self) -> TraceContext | None:
        """Whose children others become: this span, or without spans whoever sent the request."""
        if self._made is None:
            return self._parent
        own = self._made.get_span_context()
        return TraceContext(f"{own.trace_id:032x}", f"{own.span_id:016x}")

    def set(self, **attributes: Any) -> None:
        if self._made is not None:
            self._made.set_attributes(attributes)

    def rename(self, name: str) -> None:
        if self._made is not None:
            self._made.update_name(name)


def tell_event(one: RecordedEvent, state: State | None) -> None:
    """An event of a traced request as a span of its trace: of a job, the time that led to it."""
    if _Spans.tracer is None:
        return
    trace_id, span_id = one.provenance.trace_id, one.provenance.span_id
    if trace_id is None or span_id is None:
        return
    name, began_at, attributes = _span_of(one, state)
    made = _Spans.tracer.start_span(
        name,
        context=_context(TraceContext(trace_id, span_id)),
        start_time=_nanoseconds(began_at),
        attributes={**attributes, "conductor.position": one.position, "conductor.stream": one.stream},
    )
    made.end(end_time=max(_nanoseconds(began_at), _nanoseconds(one.recorded_at)))


def _span_of(one: RecordedEvent, state: State | None) -> tuple[str, datetime, Mapping[str, Any]]:
    event, kind = one.event, type(one.event).__name__
    if not isinstance(state, Job):
        return kind, one.at, {}
    attributes: dict[str, Any] = {"conductor.job": state.job_id, "conductor.attempt": state.attempt}
    allocation = state.allocation_of(event.allocation_id) if hasattr(event, "allocation_id") else None
    if allocation is not None:
        attributes |= {
            "conductor.node": allocation.node_name,
            "conductor.allocation": allocation.allocation_id,
        }
    match event:
        case ResourcesReserved():
            return "job.wait", state.eligible_at or one.at, attributes
        case ResourcesAllocated() if allocation is not None:
            return "job.start", allocation.reserved_at, attributes
        case ResourcesReleased() if allocation is not None and allocation.allocated_at is not None:
            return "job.run", allocation.allocated_at, {**attributes, "conductor.reason": str(event.reason)}
        case _:
            return kind, one.at, attributes


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000


def _context(parent: TraceContext | None) -> Any:
    """As OpenTelemetry takes it. An empty one, and not the task's own: a batch is no part of who happened to wait."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if parent is None:
        return Context()
    remote = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return set_span_in_context(NonRecordingSpan(remote), Context())


def makes_spans() -> bool:
    """Whether anybody wants them."""
    return _Spans.tracer is not None
