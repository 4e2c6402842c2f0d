"""The simulation: its laws, and what becomes of jobs that are held, cancelled, limited, or wait for others."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.core.events import (
    Event,
    JobHeld,
    JobReprioritized,
    JobSubmitted,
    JobUnheld,
    NodeDrained,
    NodeRegistered,
    NodeResumed,
    Policy,
    RecordedEvent,
    ReleaseReason,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.identifiers import JobId, NodeName
from conductor.core.measures import load_over_time
from conductor.core.simulation import Simulated, simulate
from conductor.core.workload import (
    Held,
    NodeKind,
    NodeNews,
    Outcome,
    Ran,
    Work,
    Workload,
    capacity_steps,
    parse_nodes,
    registrations,
)
from conductor.swf import read_trace
from conductor.swf_workload import workload_of
from tests.given import START, submitted

TRACE = Path(__file__).parent.parent / "data" / "nasa-ipsc-1993-first-600.swf"
ORDERS = ("first_fit", "strict_fifo", "backfill")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def work(job_id: int, when: float, run: float | None, cpus: int = 1, **more: Any) -> Work:
    own = {
        name: more.pop(name) for name in ("wishes", "gone_at", "outcome", "held", "counted") if name in more
    }
    return Work(
        submitted=submitted(job_id, cpus_per_task=cpus, **more),
        submitted_at=at(when),
        run=None if run is None else timedelta(seconds=run),
        **own,
    )


def workload(
    *works: Work, nodes: str = "1x4", begins: float = 0, order: str = "first_fit", **more: Any
) -> Workload:
    policy = Policy(order=order)  # type: ignore[arg-type]
    return Workload(
        begins_at=at(begins),
        jobs=works,
        nodes=tuple(NodeNews(START, one.node_name, one) for one in registrations(parse_nodes(nodes))),
        policies=((START, policy),),
        **more,
    )


def runs(done: Simulated) -> dict[int, tuple[float, float]]:
    """Begin and end of every job, in seconds."""
    return {
        one.job_id: ((one.started_at - START).total_seconds(), (one.ended_at - START).total_seconds())
        for one in done.ran
    }


def test_a_job_waits_for_cpus_and_runs_as_long_as_it_really_ran() -> None:
    done = simulate(workload(work(1, 0, 100, 3), work(2, 10, 50, 2), work(3, 20, 5, 1)))
    assert runs(done) == {1: (0, 100), 3: (20, 25), 2: (100, 150)}
    assert (done.refused, done.cancelled, done.waiting, done.timed_out) == ((), (), (), 0)


def test_a_job_ends_at_its_limit_and_not_before_its_time() -> None:
    done = simulate(workload(work(1, 0, 100, time_limit_seconds=60), work(2, 0, 60, time_limit_seconds=60)))
    assert runs(done) == {1: (0, 60), 2: (0, 60)}
    assert done.timed_out == 1


def test_cpus_that_are_freed_at_an_instant_are_there_for_who_comes_at_it() -> None:
    done = simulate(workload(work(1, 0, 10, 4), work(2, 10, 10, 4)))
    assert runs(done) == {1: (0, 10), 2: (10, 20)}


def test_a_job_wider_than_every_node_is_refused_and_delays_nobody() -> None:
    done = simulate(workload(work(1, 0, 10, 5), work(2, 1, 10, 4), nodes="3x4", order="strict_fifo"))
    assert done.refused == (1,)
    assert runs(done) == {2: (1, 11)}


def test_with_nodes_that_come_and_go_nobody_is_refused_before_the_end() -> None:
    eight = replace(registrations([NodeKind(count=1, cpus=8)])[0], node_name=NodeName("late"))
    later = NodeNews(at(50), eight.node_name, eight)
    given_ = workload(work(1, 0, 10, 8), work(2, 0, 10, 9), any_node=True)
    done = simulate(replace(given_, nodes=(*given_.nodes, later)))
    assert runs(done) == {1: (50, 60)}
    assert (done.refused, done.waiting) == ((), (2,))


def test_a_drained_node_takes_nothing_until_it_is_resumed() -> None:
    given_ = workload(work(1, 0, 100), work(2, 10, 5))
    name = given_.nodes[0].node_name
    news = (NodeNews(at(5), name, NodeDrained(reason=None)), NodeNews(at(40), name, NodeResumed(reason=None)))
    assert runs(simulate(replace(given_, nodes=(*given_.nodes, *news)))) == {1: (0, 100), 2: (40, 45)}


def test_the_policy_changes_when_it_did() -> None:
    given_ = workload(
        work(1, 0, 100, 3), work(2, 10, 50, 2), work(3, 20, 5), work(4, 60, 5), order="strict_fifo"
    )
    done = simulate(replace(given_, policies=(*given_.policies, (at(50), Policy()))))
    assert runs(done) == {1: (0, 100), 3: (50, 55), 4: (60, 65), 2: (100, 150)}


def test_what_people_did_to_a_waiting_job_happens_here_too() -> None:
    full = work(1, 0, 100, 4)
    held = work(2, 1, 10, 4, wishes=((at(5), JobHeld(reason=None)), (at(300), JobUnheld(reason=None))))
    first = work(4, 3, 10, 4, wishes=((at(50), JobReprioritized(priority=9)),))
    done = simulate(workload(full, held, work(3, 2, 10, 4), first))
    assert runs(done) == {1: (0, 100), 4: (100, 110), 3: (110, 120), 2: (300, 310)}
    assert done.ran[-1].wait_seconds == 0, "while it was held it did not wait for its turn"


def test_a_hold_that_comes_too_late_here_changes_nothing() -> None:
    done = simulate(workload(work(1, 0, 10, wishes=((at(5), JobHeld(reason=None)),))))
    assert runs(done) == {1: (0, 10)}


def test_a_job_that_was_cancelled_while_it_waited_is_cancelled_or_ends_then() -> None:
    waits = work(2, 0, None, 4, gone_at=at(50))
    done = simulate(workload(work(1, 0, 100, 4), waits))
    assert (runs(done), done.cancelled) == ({1: (0, 100)}, (2,))
    done = simulate(workload(waits))
    assert (runs(done), done.cancelled) == ({2: (0, 50)}, ())
    done = simulate(workload(work(2, 0, None, 4, gone_at=at(50), time_limit_seconds=20)))
    assert (runs(done), done.timed_out) == ({2: (0, 20)}, 1)


def test_a_begin_time_is_waited_for_though_nothing_else_happens() -> None:
    done = simulate(workload(work(1, 0, 10, begin_time=at(500))))
    assert runs(done) == {1: (500, 510)}
    assert done.ran[0].wait_seconds == 0


FAILED = Outcome(exit_code=1)


@pytest.mark.parametrize(
    ("dependency", "outcome", "begins"),
    [
        ("afterok:1", Outcome(), 30),
        ("afterok:1", FAILED, None),
        ("afternotok:1", FAILED, 30),
        ("afterany:1", FAILED, 30),
        ("after:1", Outcome(), 0),
        ("singleton", Outcome(), 30),
        ("afterok:1?afterok:3", FAILED, 7),
        ("afterok:1,afterok:3", Outcome(), 30),
    ],
)
def test_a_job_waits_for_what_it_depends_on(dependency: str, outcome: Outcome, begins: float | None) -> None:
    done = simulate(
        workload(
            work(1, 0, 30, outcome=outcome, name="same"),
            work(2, 0, 10, dependency=dependency, name="same"),
            work(3, 0, 7),
        )
    )
    assert runs(done).get(2) == (None if begins is None else (begins, begins + 10))
    assert done.cancelled == (() if begins is not None else (2,))


def test_whoever_waits_for_a_job_that_can_never_run_never_runs() -> None:
    done = simulate(
        workload(
            work(1, 0, 30, outcome=FAILED),
            work(2, 0, 10, dependency="afterok:1"),
            work(3, 0, 10, dependency="afterok:2"),
            work(4, 0, 10, dependency="afterany:3"),
        )
    )
    assert set(runs(done)) == {1, 4}
    assert done.cancelled == (2, 3)


def test_an_array_is_waited_for_whole_and_keeps_its_limit() -> None:
    tasks = [work(n, 0, 10, array="0-3%2", array_job_id=1, array_task_id=n - 1) for n in (1, 2, 3, 4)]
    done = simulate(workload(*tasks, work(5, 0, 1, dependency="afterok:1")))
    assert runs(done) == {1: (0, 10), 2: (0, 10), 3: (10, 20), 4: (10, 20), 5: (20, 21)}


def test_what_ran_when_it_begins_keeps_its_cpus_and_what_waited_comes_first() -> None:
    held = Held(since_at=at(-50), node_name=NodeName("node-1"), cpu_ids=(1, 2, 3))
    late = work(3, 5, 10, 1), work(4, 6, 10, 4)
    before = work(1, -60, 150, 3, held=held, counted=False)
    given_ = workload(before, work(2, -10, 10, 4, counted=False), *late, order="strict_fifo")
    given_ = replace(given_, nodes=tuple(news._replace(at=at(-100)) for news in given_.nodes))
    done = simulate(given_)
    assert runs(done) == {1: (-50, 100), 2: (100, 110), 3: (110, 120), 4: (120, 130)}
    assert [one.counted for one in done.ran] == [False, False, True, True]


def told_by(given_: Workload) -> tuple[Simulated, list[RecordedEvent]]:
    events: list[RecordedEvent] = []
    return simulate(given_, told=events.append), events


@pytest.mark.parametrize("order", ORDERS)
def test_two_runs_are_alike_to_the_last_start(order: str) -> None:
    policy = Policy(order=order)  # type: ignore[arg-type]
    found = workload_of(read_trace(TRACE), policy=policy, limits="exact", load=4)
    assert simulate(found.workload) == simulate(found.workload)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("nodes", ["1x128", "3x32,2x64"])
def test_the_laws_hold_on_a_real_trace(order: str, nodes: str) -> None:
    policy = Policy(order=order)  # type: ignore[arg-type]
    kinds = parse_nodes(nodes)
    found = workload_of(read_trace(TRACE), policy=policy, kinds=kinds, limits="exact", load=4)
    assert_laws(found.workload, order)


works = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.integers(0, 30),
        st.integers(1, 6),
        st.none() | st.integers(1, 20),
        st.integers(-1, 1),
    ),
    max_size=20,
)


@settings(max_examples=150, deadline=None)
@given(works, st.sampled_from(ORDERS), st.sampled_from(["1x4", "2x3", "1x6,2x2"]))
def test_the_laws_hold_whatever_comes(
    drawn: list[tuple[int, int, int, int | None, int]], order: str, nodes: str
) -> None:
    found = [
        work(number, when, run, cpus, time_limit_seconds=limit, priority=priority)
        for number, (when, run, cpus, limit, priority) in enumerate(sorted(drawn, key=lambda one: one[0]), 1)
    ]
    assert_laws(workload(*found, nodes=nodes, order=order), order)


def assert_laws(given_: Workload, order: str) -> None:
    """Read off the events alone, and off the runs where they must say the same."""
    done, events = told_by(given_)
    came = {one.submitted.job_id: one for one in given_.jobs}
    assert_no_cpu_twice(events)
    begun = {e.event.allocation_id: e for e in events if isinstance(e.event, ResourcesReserved)}
    for recorded in begun.values():
        assert recorded.at >= came[JobId(int(recorded.stream.split("-")[1]))].submitted_at
    assert set(came) == {one.job_id for one in done.ran} | set(done.refused)
    assert len(done.ran) + len(done.refused) == len(came)
    for one in done.ran:
        assert one.run_seconds == lasts(came[one.job_id]), "all the work that came was done, and no more"
        assert one.cpus == came[one.job_id].submitted.total_cpus
    assert_use_is_possible(done.ran, given_)
    if order == "strict_fifo":
        assert_nobody_overtakes(done.ran, came)


def lasts(one: Work) -> float:
    assert one.run is not None
    run, limit = one.run.total_seconds(), one.submitted.time_limit_seconds
    return run if limit is None else min(run, limit)


def assert_no_cpu_twice(events: Iterable[RecordedEvent]) -> None:
    held: dict[int, set[tuple[NodeName, int]]] = {}
    taken: set[tuple[NodeName, int]] = set()
    there: dict[NodeName, set[int]] = {}
    for recorded in events:
        event: Event = recorded.event
        if isinstance(event, NodeRegistered):
            there[event.node_name] = set(event.cpu_ids)
        elif isinstance(event, ResourcesReserved):
            wanted = {(event.node_name, cpu) for cpu in event.cpu_ids}
            assert set(event.cpu_ids) <= there[event.node_name]
            assert not wanted & taken
            taken |= wanted
            held[event.allocation_id] = wanted
        elif isinstance(event, ResourcesReleased):
            taken -= held.pop(event.allocation_id)
            assert event.reason in (ReleaseReason.FINISHED, ReleaseReason.TIMED_OUT)
    assert held == {}


def assert_use_is_possible(ran: tuple[Ran, ...], given_: Workload) -> None:
    cpus = capacity_steps(given_.nodes)[-1].value
    if ran:
        loads = load_over_time(ran, (), begin=START, end=max(one.ended_at for one in ran))
        assert max(load.busy_cpus for load in loads) <= cpus
        assert loads[-1].busy_cpus == loads[-1].waiting_jobs == 0


def assert_nobody_overtakes(ran: tuple[Ran, ...], came: dict[JobId, Work]) -> None:
    """Whoever began while another waited goes before it."""
    for one in ran:
        for other in ran:
            submitted_: JobSubmitted = came[other.job_id].submitted
            waited = other.eligible_at <= one.started_at < other.started_at
            before = (-submitted_.priority, other.job_id) < (-came[one.job_id].submitted.priority, one.job_id)
            assert not (waited and before), f"{one.job_id} overtook {other.job_id}"


def test_fair_share_is_of_what_was_used_in_the_simulation() -> None:
    """Bob has used nothing, so his job goes before Ann's, which came first."""
    policy = Policy(order="strict_fifo", fair_share_weight=1000)
    ann = [work(number, 0, 300, 2, user_name="ann") for number in (1, 2)]
    late = work(3, 100, 10, 4, user_name="ann"), work(4, 200, 10, 4, user_name="bob")
    given_ = replace(workload(*ann, *late), policies=((START, policy),))
    assert runs(simulate(given_)) == {1: (0, 300), 2: (0, 300), 4: (300, 310), 3: (310, 320)}
    assert runs(simulate(workload(*ann, *late)))[3] == (300, 310)


def test_shares_that_move_by_themselves_are_looked_at_while_something_waits() -> None:
    """Eve leads at first, with a job that finds no room; what she runs makes Ann lead, though nothing happens."""
    fair = Policy(order="strict_fifo", fair_share_weight=1000)
    ran, runs_on = work(1, 0, 1000, 1, user_name="ann"), work(2, 1000, 20_000, 3, user_name="eve")
    waits = work(3, 1100, 10, 4, user_name="eve"), work(4, 1100, 10, 1, user_name="ann")
    done = simulate(replace(workload(ran, runs_on, *waits), policies=((START, fair),)))
    assert 1200 < runs(done)[4][0] < 1500


def test_a_licence_is_nothing_that_a_node_must_have() -> None:
    policy = Policy(licences={"matlab": 1})
    jobs = [work(number, 0, 10, gres={"matlab": 1}) for number in (1, 2)]
    nodes = [NodeNews(START, node.node_name, node) for node in registrations(parse_nodes("2x4"))]
    came = simulate(
        Workload(begins_at=START, jobs=tuple(jobs), nodes=tuple(nodes), policies=((START, policy),))
    )
    assert came.refused == ()
    assert [(one.job_id, one.started_at) for one in came.ran] == [(1, at(0)), (2, at(10))]
