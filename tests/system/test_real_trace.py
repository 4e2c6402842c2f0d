"""The first 500 jobs of a real machine's log, as real processes on two nodes of 64 CPUs.

Source: NASA Ames iPSC/860, October 1993; see the header of the file in `tests/data`.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from conductor.core.commands import Submit
from conductor.core.errors import Rejection
from conductor.handler import Accepted
from conductor.swf import SwfJob, parse
from tests.fix_engine import PROVENANCE, Engine
from tests.fix_system import System

TRACE = Path(__file__).parent.parent / "data" / "nasa-ipsc-1993-first-600.swf"
CPUS = 64
SCALE = 40_000  # an hour of the trace is a tenth of a second; scripts/load_swf.py runs it slower


def as_job(job: SwfJob) -> Submit:
    return Submit(
        script=f"sleep {(job.run_seconds or 0) / SCALE:.4f}\n",
        name=f"nasa-{job.number}",
        user_name=f"user{job.user_id}",
        submitted_by="admin",
        cpus_per_task=job.processors or 1,
    )


def test_a_real_trace_runs_to_its_end_in_order_and_every_cpu_is_held_once(system: System) -> None:
    jobs = parse(TRACE.read_text().splitlines()).jobs[:500]
    nodes = [system.node(name, CPUS) for name in ("node-1", "node-2")]

    async def submit(engine: Engine) -> list[object]:
        return list(await engine.handler.handle_all([as_job(job) for job in jobs], PROVENANCE, atomic=False))

    outcomes = system.engine.run(submit)
    system.until("SELECT bool_and(final) FROM jobs", seconds=90)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Rejection)]
    assert all("the widest node has 64" in rejection.message for rejection in refused)
    assert len(refused) == sum((job.processors or 1) > CPUS for job in jobs) > 0
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 500 - len(refused)
    states = Counter(state for (state,) in system.engine.sql("SELECT state FROM jobs"))
    assert states == {"COMPLETED": 500 - len(refused)}
    assert_first_fit(system.engine.sql("SELECT type, stream, data FROM events ORDER BY position"))
    assert [node.supervised() for node in nodes] == [[], []]


def assert_first_fit(events: list[tuple[str, str, dict[str, Any]]]) -> None:
    """FIFO + First Fit, read off the log by itself.

    A run of reservations was planned after the run before it had been committed, and since then CPUs were only
    freed: so the plan saw at least what was free then. A job that was passed over must not have fitted even there.
    """
    free: dict[str, int] = {}
    waiting: dict[str, int] = {}  # CPUs wanted, in the order of submission
    held: dict[str, tuple[str, int]] = {}
    certain: dict[
        str, int
    ] = {}  # free for sure when the present run was planned, less what the run has taken
    known: set[str] = set()  # was waiting when the run before ended
    previous = ""
    for kind, stream, data in events:
        if previous == "ResourcesReserved" and kind != previous:
            certain, known = dict(free), set(waiting)
        match kind:
            case "NodeRegistered":
                free[data["node_name"]] = certain[data["node_name"]] = data["total_cpus"]
            case "JobSubmitted":
                waiting[stream] = data["cpus_per_task"]
            case "ResourcesReserved":
                for earlier in _before(waiting, stream) & known:
                    assert waiting[earlier] > max(certain.values()), f"{stream} overtook {earlier}"
                node_name, cpus = held[stream] = data["node_name"], waiting.pop(stream)
                free[node_name] -= cpus
                certain[node_name] -= cpus
            case "ResourcesReleased":
                node_name, cpus = held.pop(stream)
                free[node_name] += cpus
            case _:
                pass
        previous = kind


def _before(waiting: dict[str, int], stream: str) -> set[str]:
    names = list(waiting)
    return set(names[: names.index(stream)])
