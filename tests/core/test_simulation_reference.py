"""The simulation, and with it the plan, against a schedule worked out in the plainest way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.core.events import Policy
from conductor.core.simulation import Simulated, simulate
from conductor.core.workload import NodeKind
from conductor.swf import SwfJob, Trace, read_trace
from conductor.swf_workload import workload_of
from tests.slow_reference import FOR_EVER, PlainJob, schedule

TRACE = Path(__file__).parent.parent / "data" / "nasa-ipsc-1993-first-600.swf"
WHOLE = TRACE.parent / "NASA-iPSC-1993-3.1-cln.swf.gz"
ORDERS = ("first_fit", "strict_fifo", "backfill")


def simulated(
    order: str, trace: Trace, nodes: list[int], *, load: float = 1.0
) -> dict[int, tuple[float, int]]:
    """When, in seconds since the first submission, and on which node each job began."""
    policy = Policy(order=order, guard_seconds=None)  # type: ignore[arg-type]
    kinds = [NodeKind(count=1, cpus=cpus) for cpus in nodes]
    found = workload_of(trace, policy=policy, kinds=kinds, load=load)
    return starts(simulate(found.workload), found.workload.begins_at)


def starts(done: Simulated, begins_at: datetime) -> dict[int, tuple[float, int]]:
    return {
        one.job_id: ((one.started_at - begins_at).total_seconds(), int(one.node_name.split("-")[1]) - 1)
        for one in done.ran
    }


def plain(trace: Trace, *, load: float = 1.0) -> list[PlainJob]:
    first = trace.jobs[0].submit_seconds
    return [
        PlainJob(
            number=number,
            submitted=(job.submit_seconds - first) / load,
            run=float(job.run_seconds or 0),
            limit=float(job.requested_seconds or FOR_EVER),
            cpus=job.processors or 1,
        )
        for number, job in enumerate(trace.jobs, 1)
    ]


def with_limits(trace: Trace, which: str) -> Trace:
    """The trace asked for no times: none, true ones, and such as people ask for, sometimes too short."""
    asked: dict[str, Callable[[SwfJob], int | None]] = {
        "none": lambda job: None,
        "true": lambda job: max(1, job.run_seconds or 0),
        "generous": lambda job: 60 + (job.run_seconds or 0) * (1 + job.number % 5),
        "some_too_short": lambda job: max(1, (job.run_seconds or 0) * (1 + job.number % 4) // 2),
        "some": lambda job: max(1, job.run_seconds or 0) * 2 if job.number % 3 else None,
    }
    return replace(trace, jobs=tuple(replace(job, requested_seconds=asked[which](job)) for job in trace.jobs))


@pytest.mark.parametrize("limits", ["none", "true", "generous", "some_too_short", "some"])
@pytest.mark.parametrize("order", ORDERS)
def test_six_hundred_real_jobs_begin_when_the_plainest_way_says(order: str, limits: str) -> None:
    trace = with_limits(read_trace(TRACE), limits)
    expected = schedule(order, plain(trace, load=4.0), [128])
    assert simulated(order, trace, [128], load=4.0) == expected
    assert len(expected) == 600
    assert sum(expected[job.number][0] > job.submitted for job in plain(trace, load=4.0)) > 50


@pytest.mark.long
@pytest.mark.parametrize("order", ORDERS)
def test_three_months_of_real_jobs_begin_when_the_plainest_way_says(order: str) -> None:
    trace = with_limits(read_trace(WHOLE), "generous")
    expected = schedule(order, plain(trace, load=1.25), [128])
    assert simulated(order, trace, [128], load=1.25) == expected
    assert len(expected) == 18_239


@pytest.mark.parametrize("order", ORDERS)
def test_the_three_orders_differ_on_the_trace(order: str) -> None:
    trace = with_limits(read_trace(TRACE), "true")
    others = [schedule(other, plain(trace, load=4.0), [128]) for other in ORDERS if other != order]
    assert simulated(order, trace, [128], load=4.0) not in others


jobs = st.lists(
    st.tuples(
        st.integers(0, 12),  # submitted
        st.integers(0, 8),  # runs
        st.none() | st.integers(1, 10),  # limit
        st.integers(1, 6),  # CPUs
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=200, deadline=None)
@given(jobs, st.lists(st.integers(1, 6), min_size=1, max_size=3), st.sampled_from(ORDERS))
def test_small_workloads_on_several_nodes_begin_when_the_plainest_way_says(
    drawn: list[tuple[int, int, int | None, int]], nodes: list[int], order: str
) -> None:
    trace = trace_of(drawn)
    assert simulated(order, trace, nodes) == schedule(order, plain(trace), nodes)


def trace_of(drawn: list[tuple[int, int, int | None, int]]) -> Trace:
    found = [
        SwfJob(
            number=number, submit_seconds=submitted, wait_seconds=None, run_seconds=run, allocated_processors=cpus,
            requested_processors=None, requested_seconds=limit, requested_memory_kb=None, status=1, user_id=1,
            group_id=1,
        )
        for number, (submitted, run, limit, cpus) in enumerate(sorted(drawn, key=lambda one: one[0]), 1)
    ]  # fmt: skip
    return Trace(
        header={"UnixStartTime": str(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()))}, jobs=tuple(found)
    )
