"""The log as a workload. A log that a simulation wrote must, simulated again from the log, come out the same."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from conductor.core.commands import Requeue
from conductor.core.events import (
    CancelRequested,
    DependencyMet,
    Event,
    JobCancelled,
    JobHeld,
    JobReprioritized,
    JobRequeued,
    JobUnheld,
    Policy,
    Provenance,
    RecordedEvent,
    ReleaseReason,
    ResourcesReleased,
)
from conductor.core.identifiers import (
    AllocationId,
    JobId,
    NodeName,
    Position,
    StreamName,
    Version,
    job_stream,
    node_stream,
)
from conductor.core.job import JobState
from conductor.core.simulation import simulate
from conductor.core.workload import (
    Held,
    NodeKind,
    NodeNews,
    Outcome,
    Work,
    Workload,
    parse_nodes,
    registrations,
)
from conductor.log import Batch, NewEvent, append, reachable
from conductor.scns.importing import import_original
from conductor.scns.translation import Terms
from projections.moment import Moment, find_moment
from projections.snapshot import snapshot
from projections.what_happened import Happened, read_happened, workload_of
from tests.fix_engine import PROVENANCE, Engine
from tests.given import START, allocated, registered, reserved, submitted
from tests.given_scns import STATUS, Scns

NODE = NodeName("node-1")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def write(engine: Engine, events: list[RecordedEvent]) -> None:
    """As they are, at their own times; the tables are none of this test's business."""

    async def story(engine: Engine) -> None:
        async with reachable(engine.pool) as connection:
            for moment, together in groupby(events, key=lambda one: one.at):
                new = [
                    NewEvent(
                        stream=one.stream, version=one.version, event=one.event, provenance=one.provenance
                    )
                    for one in together
                ]
                await append(
                    connection,
                    Batch(
                        at=moment,
                        streams_read={},
                        events=new,
                        rows={},
                        scripts={},
                        environments={},
                        channels=(),
                    ),
                )

    engine.run(story)


def told(*events: tuple[float, StreamName, Event]) -> list[RecordedEvent]:
    versions: dict[StreamName, int] = {}
    found = []
    for position, (seconds, stream, event) in enumerate(events, 1):
        versions[stream] = versions.get(stream, 0) + 1
        found.append(
            RecordedEvent(
                position=Position(position), stream=stream, version=Version(versions[stream]), event=event,
                at=at(seconds), recorded_at=at(seconds), provenance=Provenance(actor="t", channel="t"),
            )
        )  # fmt: skip
    return found


def happened(engine: Engine, *, until: float, since: tuple[int, float] | None = None) -> Happened:
    with snapshot(engine.url) as connection:
        row = connection.execute("SELECT max(position) FROM events").fetchone()
        assert row is not None
        end = Moment(position=row[0], at=at(until), head=row[0])
        begin = Moment(position=since[0], at=at(since[1]), head=row[0]) if since else None
        return read_happened(connection, since=begin, until=end)


def job(number: int) -> StreamName:
    return job_stream(JobId(number))


def ended(
    reason: ReleaseReason = ReleaseReason.FINISHED, exit_code: int | None = 0, **more: Any
) -> ResourcesReleased:
    return ResourcesReleased(allocation_id=AllocationId(7), reason=reason, exit_code=exit_code, **more)


def a_busy_day(seed: int) -> Workload:
    """Everything that happens to jobs, drawn at random but always alike."""
    drawn = random.Random(seed)
    works: list[Work] = []
    for number in range(1, 81):
        when = float(drawn.randrange(0, 600))
        more: dict[str, Any] = {}
        wishes: list[Any] = []
        kind = drawn.randrange(8)
        if kind == 0:
            wishes = [(at(when + 3), JobHeld(reason=None)), (at(when + 90), JobUnheld(reason=None))]
        elif kind == 1:
            wishes = [(at(when + 5), JobReprioritized(priority=drawn.randrange(-3, 9)))]
        elif kind == 2 and number > 9:
            more["dependency"] = (
                drawn.choice(["afterok", "afterany", "after"]) + f":{drawn.randrange(1, number)}"
            )
        elif kind == 3:
            more["begin_time"] = at(when + 40)
        gone_at = at(when + drawn.randrange(1, 200)) if kind == 4 else None
        submission = submitted(
            number, cpus_per_task=drawn.randrange(1, 5), user_name=f"user{number % 4}",
            time_limit_seconds=drawn.choice([None, 30, 60]), memory_mb=drawn.choice([None, 100, 900]), **more,
        )  # fmt: skip
        works.append(
            Work(
                submitted=submission,
                submitted_at=at(when),
                run=None if gone_at else timedelta(seconds=drawn.randrange(0, 90)),
                gone_at=gone_at,
                outcome=Outcome(exit_code=drawn.choice([0, 0, 1])),
                wishes=tuple(wishes),
            )
        )
    works.sort(key=lambda one: (one.submitted_at, one.submitted.job_id))
    nodes = tuple(NodeNews(START, one.node_name, one) for one in registrations(parse_nodes("1x4,1x5:1200")))
    changes = ((START, Policy(order="backfill")), (at(300), Policy(order="strict_fifo", node_choice="pack")))
    return Workload(begins_at=START, jobs=tuple(works), nodes=nodes, policies=changes)


def test_a_log_that_a_simulation_wrote_comes_out_the_same_when_it_is_simulated_again(
    tampered_engine: Engine,
) -> None:
    events: list[RecordedEvent] = []
    first = simulate(a_busy_day(1), told=events.append)
    assert {type(one.event).__name__ for one in events} >= {
        "DependencyMet",
        "JobCancelled",
        "JobHeld",
        "PolicyChanged",
    }
    assert any(one.wait_seconds > 60 for one in first.ran)
    write(tampered_engine, events)
    found = happened(tampered_engine, until=10_000)
    again = simulate(workload_of(found))
    assert again.digest == first.digest
    assert (again.ran, again.timed_out) == (first.ran, first.timed_out)
    assert {one.job_id: one for one in found.really} == {one.job_id: one for one in first.ran}
    assert (found.running, found.requeued, found.carried) == (0, 0, 0)


def test_from_the_middle_on_it_comes_out_the_same_too(tampered_engine: Engine) -> None:
    events: list[RecordedEvent] = []
    first = simulate(a_busy_day(2), told=events.append)
    write(tampered_engine, events)
    middle = 250.5
    position = sum(one.at < at(middle) for one in events)
    found = happened(tampered_engine, until=10_000, since=(position, middle))
    assert found.carried > 3
    assert (found.policy.order, found.only_policy) == ("backfill", None)
    again = simulate(workload_of(found))
    expected = {one.job_id: one.started_at for one in first.ran if one.ended_at > at(middle)}
    assert {one.job_id: one.started_at for one in again.ran} == expected
    latest = happened(tampered_engine, until=10_000, since=(sum(one.at < at(400) for one in events), 400))
    assert latest.only_policy == Policy(order="strict_fifo", node_choice="pack")
    late = {one.submitted.job_id for one in a_busy_day(2).jobs if one.submitted_at > at(middle)}
    assert {one.job_id for one in again.ran if one.counted} == late & expected.keys()


def test_what_nobody_can_know_is_left_out_and_counted(tampered_engine: Engine) -> None:
    write(
        tampered_engine,
        told(
            (0, node_stream(NODE), registered(cpus=4)),
            (1, job(1), submitted(1, cpus_per_task=2)),  # runs on
            (2, job(1), reserved(cpu_ids=(0, 1))),
            (3, job(1), allocated()),
            (4, job(2), submitted(2)),  # waits on
            (5, job(3), submitted(3)),  # was requeued: its second run counts
            (6, job(3), reserved(cpu_ids=(2,))),
            (6, job(3), allocated()),
            (16, job(3), ended(exit_code=1)),
            (20, job(3), JobRequeued(attempt=2, reason=None, automatic=True)),
            (20, job(3), JobHeld(reason=None, automatic=True)),  # its nodes failed it, which they do not here
            (21, job(3), JobUnheld(reason=None)),
            (21, job(3), replace(reserved(cpu_ids=(2,)), attempt=2)),
            (22, job(3), allocated()),
            (23, job(4), submitted(4)),  # never began, because it could not be started
            (24, job(4), reserved(cpu_ids=(3,))),
            (26, job(4), ended(ReleaseReason.LAUNCH_FAILED, None)),
            (30, job(5), submitted(5)),  # cancelled while it was reserved
            (31, job(5), reserved(cpu_ids=(3,))),
            (33, job(5), ended(ReleaseReason.CANCELLED, None)),
            (40, job(6), submitted(6)),
            (41, job(6), JobCancelled(reason=None)),
            (50, job(1), CancelRequested(reason=None, requeue=False)),
            (82, job(3), ended()),
        ),
    )
    found = happened(tampered_engine, until=100)
    assert (found.unknown, found.running, found.requeued, found.carried) == (1, 1, 1, 0)
    works = {one.submitted.job_id: one for one in found.works}
    assert {number: one.run and one.run.total_seconds() for number, one in works.items()} == {
        1: 97, 3: 60, 4: 2, 5: None, 6: None,
    }  # fmt: skip
    assert (works[JobId(5)].gone_at, works[JobId(6)].gone_at) == (at(33), at(41))
    assert [type(wish) for _, wish in works[JobId(3)].wishes] == [JobUnheld]
    assert works[JobId(4)].outcome.reason is ReleaseReason.LAUNCH_FAILED
    assert {one.job_id: one.wait_seconds for one in found.really} == {1: 2, 3: 1, 4: 1}
    assert len(simulate(workload_of(found)).ran) == 5, (
        "two that were cancelled begin here, and end when they were"
    )


def test_on_other_nodes_what_ran_goes_on_with_what_was_left_of_it(tampered_engine: Engine) -> None:
    bound = {"nodelist": (NODE,), "labels": {"disk": "ssd"}, "gres": {"gpu": 1}}
    write(
        tampered_engine,
        told(
            (0, node_stream(NODE), registered(cpus=4)),
            (1, job(1), submitted(1, cpus_per_task=2, **bound)),
            (1, job(1), reserved(cpu_ids=(0, 1))),
            (1, job(1), allocated()),
            (60, job(2), submitted(2, cpus_per_task=2)),
            (61, job(2), reserved(8, cpu_ids=(2, 3))),
            (62, job(2), allocated(8)),
            (101, job(1), ended()),
            (162, job(2), replace(ended(), allocation_id=AllocationId(8))),
        ),
    )
    found = happened(tampered_engine, until=200, since=(4, 51))
    [first, second] = found.works
    assert first.held == Held(since_at=at(1), node_name=NODE, cpu_ids=(0, 1))
    done = simulate(workload_of(found, kinds=[NodeKind(count=1, cpus=2)]))
    assert {one.job_id: (one.started_at, one.ended_at) for one in done.ran} == {
        1: (at(51), at(101)),
        2: (at(101), at(201)),
    }
    assert [one.counted for one in done.ran] == [False, True]
    assert second.counted


def test_a_job_that_came_back_from_its_end_is_read_whole(tampered_engine: Engine) -> None:
    """It had ended, and was forgotten, before the time that is asked for."""
    write(
        tampered_engine,
        told(
            (0, node_stream(NODE), registered(cpus=4)),
            (1, job(1), submitted(1)),
            (1, job(1), reserved()),
            (1, job(1), allocated()),
            (9, job(1), ended(exit_code=1)),
            (70, job(1), JobRequeued(attempt=2, reason=None)),
            (71, job(1), replace(reserved(), attempt=2)),
            (71, job(1), allocated()),
            (91, job(1), ended()),
            (95, job(2), submitted(2, dependency="afterok:1")),
            (95, job(2), DependencyMet(dependency="afterok:1")),
            (97, job(2), reserved(8)),
            (97, job(2), allocated(8)),
            (99, job(2), replace(ended(), allocation_id=AllocationId(8))),
        ),
    )
    found = happened(tampered_engine, until=200, since=(5, 50))
    assert [(one.submitted.job_id, one.run, one.counted) for one in found.works] == [
        (1, timedelta(seconds=20), False),
        (2, timedelta(seconds=2), True),
    ]
    assert found.ended == {}
    later = happened(tampered_engine, until=200, since=(9, 93))
    assert [job.state for job in later.ended.values()] == [JobState.COMPLETED]
    assert [one.started_at for one in simulate(workload_of(later)).ran] == [at(95)]


def test_what_was_imported_is_left_out_and_said(engine: Engine, empty_database_url: str) -> None:
    scns = Scns(empty_database_url, STATUS)
    scns.everyday()
    asyncio.run(import_original(engine.url, scns.url, terms=Terms(source=""), provenance=PROVENANCE))
    engine.run(lambda engine: engine.accepted(Requeue(job_id=JobId(1))))
    with snapshot(engine.url) as connection:
        until = find_moment(connection, datetime.now(UTC) + timedelta(days=1))
        found = read_happened(connection, since=None, until=until)
    # Jobs 4 and 5 waited there, 1 was requeued and waits here.
    assert (found.works, found.imported, found.unknown, found.requeued) == ((), 7, 3, 0)
