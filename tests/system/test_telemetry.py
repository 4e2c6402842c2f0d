"""Real processes tell of themselves: their numbers in one table, their lines by the catalogue, the trace in the job."""

import json
from dataclasses import replace
from typing import Any

from conductor.core.commands import Submit
from conductor.core.identifiers import job_of_stream
from conductor.handler import Accepted
from conductor.telemetry.log_catalogue import ALWAYS, LINES
from conductor.telemetry.tracing import TraceContext, traceparent
from tests.fix_engine import PROVENANCE, Engine
from tests.fix_system import System

TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


def submit_traced(system: System, script: str, **fields: Any) -> int:
    async def story(engine: Engine) -> int:
        asked = replace(PROVENANCE, trace_id=TRACE.trace_id, span_id=TRACE.span_id)
        command = Submit(script=script, user_name="alice", submitted_by="admin", **fields)
        outcome = await engine.handler.handle(command, asked)
        assert isinstance(outcome, Accepted), outcome
        return int(job_of_stream(outcome.events[0].stream) or 0)

    return system.engine.run(story)


def counted(system: System, process: str, metric: str) -> dict[tuple[str, ...], Any]:
    """What the processes of a role say of one metric, by labels; later ones win."""
    rows = system.engine.sql("SELECT metrics -> %s FROM process_metrics WHERE process = %s", metric, process)
    return {tuple(labels): value for (values,) in rows for labels, value in values or []}


def test_a_traced_job_finds_its_trace_and_another_none(system: System) -> None:
    node = system.node()
    traced = submit_traced(system, 'echo "<$TRACEPARENT>"\n')
    own = submit_traced(system, 'echo "<$TRACEPARENT>"\n', environment={"TRACEPARENT": "mine"})
    plain = system.submit('echo "<$TRACEPARENT>"\n')
    system.until_ended(traced, own, plain)
    assert node.output(traced) == f"<{traceparent(TRACE.trace_id, TRACE.span_id)}>\n"
    assert node.output(own) == "<mine>\n"
    assert node.output(plain) == "<>\n"


def test_every_process_tells_of_itself_and_by_what_it_was_woken(system: System) -> None:
    system.node(CONDUCTOR_POLL_ONLY="true", CONDUCTOR_POLL_SECONDS="0.2")
    system.until_ended(system.submit("exit 3\n"))
    ended = "SELECT count(*) = 1 FROM process_metrics WHERE metrics ? 'conductor_jobs_ended_total'"
    placed = (
        "SELECT count(*) = 1 FROM process_metrics "
        "WHERE (metrics #>> '{conductor_scheduler_placements_total,0,1}')::float = 1"
    )
    system.until(ended)
    system.until(placed)
    assert counted(system, "executor", "conductor_jobs_ended_total") == {("FAILED", "NonZeroExitCode"): 1}
    woken = counted(system, "executor", "conductor_wake_ups_total")
    assert woken["reservations", "notification"] == 0
    assert woken["reservations", "poll"] > 0
    assert counted(system, "scheduler", "conductor_wake_ups_total")["scheduler", "notification"] > 0
    assert counted(system, "scheduler", "conductor_scheduler_leads") == {(): 1}


def test_every_line_of_a_real_system_is_in_the_catalogue(system: System) -> None:
    system.node()
    held = system.submit("sleep 300\n")
    system.until_state(held, "RUNNING")
    system.processes[0].kill()
    system.processes[0].wait()
    system.start("scheduler")
    system.until_ended(system.submit("exit 3\n"))
    lines = [json.loads(line) for line in system.logs().splitlines() if line]
    names = [line["event"] for line in lines]
    assert {"scheduler.leads", "node.resources", "job.scheduled", "job.started", "job.ended"} <= set(names)
    assert names.count("scheduler.leads") == 2
    of_context = {*ALWAYS, "node"}
    for line in lines:
        assert line.keys() - of_context <= set(LINES[line["event"]].fields), line
