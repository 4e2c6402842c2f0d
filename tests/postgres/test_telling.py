"""What a committed batch says: its log lines and its spans, of one trace from the request to the end of the job."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from conductor.core.commands import (
    Allocate,
    Cancel,
    Command,
    DrainNode,
    Expire,
    Hold,
    Release,
    Requeue,
    Submit,
    Unhold,
)
from conductor.core.events import ProcessIdentity, RecordedEvent, ReleaseReason, ResourcesReserved
from conductor.core.identifiers import Incarnation, JobId, NodeName, Position, job_of_stream
from conductor.handler import Accepted
from conductor.log import Log
from conductor.telemetry import committed, tracing
from conductor.telemetry.log_catalogue import LINES
from conductor.telemetry.tracing import TraceContext, parsed_traceparent, traceparent
from tests.fix_engine import PROVENANCE, Engine
from tests.source import ROOT

PROCESS = ProcessIdentity(pid=4711, boot_id="boot", start_ticks=99)
TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
OTHER = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


@contextmanager
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Lines, as in a process that keeps a log."""
    monkeypatch.setattr(committed, "keeps_a_log", lambda: True)
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.trace_with(SimpleSpanProcessor(exporter), "test", "n1")
    yield exporter
    tracing.end_tracing()


async def ask(
    engine: Engine, command: Command, trace: TraceContext | None = None
) -> tuple[RecordedEvent, ...]:
    """What a request leads to; with a trace, that of the request."""
    asked = PROVENANCE
    if trace is not None:
        correlation = trace.trace_id[:8]
        asked = replace(PROVENANCE, correlation=correlation, trace_id=trace.trace_id, span_id=trace.span_id)
    outcome = await engine.handler.handle(command, asked)
    assert isinstance(outcome, Accepted), outcome
    return outcome.events


async def submit(engine: Engine, trace: TraceContext | None = None) -> JobId:
    [event] = await ask(engine, Submit(script="true\n", user_name="alice", submitted_by="admin"), trace)
    job_id = job_of_stream(event.stream)
    assert job_id is not None
    return job_id


async def run_to_end(engine: Engine, job_id: JobId, exit_code: int | None = 0) -> ResourcesReserved:
    promised = await engine.reserve(job_id)
    number, first = promised.allocation_id, Incarnation(1)
    await ask(engine, Allocate(allocation_id=number, incarnation=first, process=PROCESS))
    reason = ReleaseReason.FINISHED
    release = Release(
        allocation_id=number, incarnation=first, reason=reason, exit_code=exit_code, exit_signal=None
    )
    await ask(engine, release)
    return promised


def test_a_job_is_told_in_lines_that_name_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        job_id = await submit(engine, TRACE)
        await run_to_end(engine, job_id, exit_code=7)

    with heard(monkeypatch) as lines:
        engine.run(story)
    names = [line["event"] for line in lines]
    assert names == ["node.resources", "job.submitted", "job.scheduled", "job.started", "job.ended"]
    of_job = lines[1:]
    assert {(line["job"], line["attempt"], line["correlation"]) for line in of_job} == {(1, 1, "4bf92f35")}
    assert [line["position"] for line in lines] == [1, 2, 3, 4, 5]
    assert {line.get("trace_id") for line in of_job} == {TRACE.trace_id}
    assert {(line["node"], line["allocation"]) for line in lines[2:]} == {("node-1", lines[2]["allocation"])}
    assert (lines[4]["state"], lines[4]["exit_code"]) == ("FAILED", 7)


def test_an_end_is_told_with_the_reason_that_the_job_has(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await run_to_end(engine, await submit(engine), exit_code=None)

    with heard(monkeypatch) as lines:
        engine.run(story)
    assert (lines[-1]["event"], lines[-1]["state"], lines[-1]["reason"]) == (
        "job.ended",
        "FAILED",
        "ExitUnknown",
    )


def test_every_line_told_of_an_event_is_as_the_catalogue_says(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        job_id = await submit(engine)
        await ask(engine, Hold(job_id=job_id, reason="a secret reason"))
        await ask(engine, Unhold(job_id=job_id, reason=None))
        await run_to_end(engine, job_id)
        await ask(engine, Requeue(job_id=job_id, reason=None))
        await ask(engine, Cancel(job_id=job_id, reason=None))
        other = await submit(engine)
        promised = await engine.reserve(other, expires_in_seconds=0.001)
        await ask(engine, Expire(job_id=other, allocation_id=promised.allocation_id))
        await ask(engine, DrainNode(node_name=NodeName("node-1"), reason=None))

    with heard(monkeypatch) as lines:
        engine.run(story)
    names = [line["event"] for line in lines]
    assert {"job.held", "job.unheld", "job.requeued", "job.unscheduled", "node.drained"} <= set(names)
    assert names.count("job.ended") == 2
    for line in lines:
        catalogued = LINES[line["event"]]
        assert line["log_level"] == catalogued.level
        assert line.keys() - {"event", "log_level"} <= set(catalogued.fields), line


def test_a_big_batch_is_told_in_few_lines(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(engine: Engine) -> None:
        commands = [Submit(script="true\n", user_name="a", submitted_by="admin") for _ in range(150)]
        await engine.handler.handle_all(commands, PROVENANCE, atomic=True)

    with heard(monkeypatch) as lines:
        engine.run(story)
    assert len(lines) == 21
    assert (lines[-1]["event"], lines[-1]["count"], lines[-1]["last"]) == ("batch.more_lines", 130, "job-150")


def test_a_command_for_a_person_writes_no_lines(engine: Engine) -> None:
    with structlog.testing.capture_logs() as lines:
        engine.run(submit)
    assert lines == []


def test_what_cannot_be_told_is_done_all_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(committed, "count_commands", broken)
    with structlog.testing.capture_logs() as lines:
        assert engine.run(submit) == 1
    assert [line["event"] for line in lines] == ["telemetry.failed"]


def test_a_trace_is_kept_in_the_log_and_inherited_until_the_end(engine: Engine) -> None:
    async def story(engine: Engine) -> JobId:
        await engine.register()
        plain, traced = await submit(engine), await submit(engine, TRACE)
        await run_to_end(engine, plain)
        await run_to_end(engine, traced)
        await ask(engine, Requeue(job_id=traced, reason=None), OTHER)
        return traced

    async def again(engine: Engine) -> list[RecordedEvent]:
        """By a handler that remembers nothing: what is inherited is read from the log."""
        await engine.reserve(traced)
        return await Log(engine.pool).read_after(Position(0))

    traced = engine.run(story)
    events = [event for event in engine.run(again) if event.stream.startswith("job-")]
    traces = [(event.stream, event.provenance.trace_id, event.provenance.span_id) for event in events]
    assert [trace for stream, *trace in traces if stream == "job-1"] == [[None, None]] * 4
    first, other = [TRACE.trace_id, TRACE.span_id], [OTHER.trace_id, OTHER.span_id]
    assert [trace for stream, *trace in traces if stream == "job-2"] == [first] * 4 + [other] * 2
    [(metadata,)] = engine.sql("SELECT metadata FROM events WHERE stream = 'job-1' AND version = 1")
    assert not {"trace_id", "span_id"} & metadata.keys()


def test_one_trace_spans_the_whole_life_of_a_job(engine: Engine, spans: InMemorySpanExporter) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await run_to_end(engine, await submit(engine, TRACE))
        await submit(engine)  # nobody traces this one

    engine.run(story)
    finished: Sequence[Any] = spans.get_finished_spans()
    of_trace = [span for span in finished if f"{span.context.trace_id:032x}" == TRACE.trace_id]
    assert [span.name for span in of_trace] == ["JobSubmitted", "job.wait", "job.start", "job.run"]
    for span in of_trace:
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == TRACE.span_id
        assert span.end_time >= span.start_time
        assert span.attributes["conductor.job"] == 1
    wait, start, run = of_trace[1:]
    assert wait.start_time <= start.start_time <= run.start_time <= run.end_time
    assert run.attributes["conductor.node"] == "node-1"
    others = {span.name for span in finished} - {span.name for span in of_trace}
    assert others == {"log.append"}


def test_without_an_endpoint_nothing_of_opentelemetry_is_imported() -> None:
    code = """
import sys
import api.server, conductor.scheduler, conductor.executor
from conductor.telemetry.tracing import end_tracing, span, trace_to
trace_to(None, "api", "n1")
with span("HTTP GET") as made:
    made.set(a=1)
end_tracing()
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "nonsense", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"),
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
    ],
)
def test_a_header_that_is_not_as_w3c_wants_it_is_as_none(header: str | None) -> None:
    assert parsed_traceparent(header) is None


def test_a_header_is_read_and_written_as_w3c_wants_it() -> None:
    header = traceparent(TRACE.trace_id, TRACE.span_id)
    assert parsed_traceparent(header) == TRACE
    assert parsed_traceparent(f"01-{header[3:]}-what-comes-later") == TRACE
