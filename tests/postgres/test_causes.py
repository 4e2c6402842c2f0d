"""Every event says what brought it about: the request, or an earlier event, and the request that goes back to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conductor.core.commands import (
    Allocate,
    Cancel,
    Command,
    DeclareNodeLost,
    ElectLeader,
    Expire,
    RegisterNode,
    Release,
    ReleaseLost,
    ReportCleanup,
    Requeue,
    Submit,
    Unhold,
)
from conductor.core.events import ProcessIdentity, RecordedEvent, ReleaseReason, ResourcesReserved
from conductor.core.identifiers import Incarnation, JobId, NodeName, Position
from conductor.handler import Accepted
from conductor.log import Log
from tests.fix_engine import PROVENANCE, Engine

NODE = NodeName("node-1")
PROCESS = ProcessIdentity(pid=4711, boot_id="boot", start_ticks=99)


async def asked(engine: Engine, request: str | None, command: Command) -> Any:
    """The first event of what somebody asked for under a request's id."""
    outcome = await engine.handler.handle(command, replace(PROVENANCE, correlation=request))
    assert isinstance(outcome, Accepted), outcome
    return outcome.events[0].event


async def start(engine: Engine, job_id: JobId, *, request: str | None = None) -> ResourcesReserved:
    promised = await engine.reserve(job_id)
    await asked(
        engine,
        request,
        Allocate(allocation_id=promised.allocation_id, incarnation=Incarnation(1), process=PROCESS),
    )
    return promised


def release(
    promised: ResourcesReserved, reason: ReleaseReason, *, incarnation: int = 1, exit_code: int | None = None
) -> Release:
    return Release(
        allocation_id=promised.allocation_id,
        incarnation=Incarnation(incarnation),
        reason=reason,
        exit_code=exit_code,
        exit_signal=None,
    )


async def submit(engine: Engine, request: str, **changes: Any) -> JobId:
    event = await asked(
        engine,
        request,
        Submit(**{"script": "true\n", "user_name": "alice", "submitted_by": "admin", **changes}),
    )
    return JobId(event.job_id)


async def told(engine: Engine, stream: str = "job-1") -> Sequence[RecordedEvent]:
    return await Log(engine.pool).read_after(Position(0), stream=stream)


def causes(events: Sequence[RecordedEvent]) -> list[tuple[str, str | None, str | None]]:
    """(what, cause, request) of each."""
    return [
        (type(one.event).__name__, one.provenance.causation, one.provenance.correlation) for one in events
    ]


def test_what_follows_from_a_submission_leads_back_to_it_and_a_cancel_begins_anew(engine: Engine) -> None:
    async def story(engine: Engine) -> Sequence[RecordedEvent]:
        await engine.register()
        promised = await start(engine, await submit(engine, "submission"))
        await asked(engine, "cancel", Cancel(job_id=JobId(1)))
        await asked(
            engine,
            None,
            ReportCleanup(allocation_id=promised.allocation_id, incarnation=Incarnation(1), pids=(5,)),
        )
        await engine.accepted(release(promised, ReleaseReason.CANCELLED))
        return await told(engine)

    assert causes(engine.run(story)) == [
        ("JobSubmitted", None, "submission"),
        ("ResourcesReserved", "job-1@1", "submission"),
        ("ResourcesAllocated", "job-1@2", "submission"),
        ("CancelRequested", None, "cancel"),
        ("CleanupBlocked", "job-1@4", "cancel"),
        ("ResourcesReleased", "job-1@4", "cancel"),
    ]


def test_a_job_that_ended_by_itself_was_not_ended_by_the_cancel_before(engine: Engine) -> None:
    async def story(engine: Engine) -> Sequence[RecordedEvent]:
        await engine.register()
        promised = await start(engine, await submit(engine, "submission"))
        await asked(engine, "cancel", Cancel(job_id=JobId(1)))
        await engine.accepted(release(promised, ReleaseReason.FINISHED, exit_code=0))
        return await told(engine)

    assert causes(engine.run(story))[-1] == ("ResourcesReleased", "job-1@3", "submission")


def test_a_reservation_comes_from_what_last_put_the_job_into_the_queue(engine: Engine) -> None:
    async def story(engine: Engine) -> Sequence[RecordedEvent]:
        await engine.register()
        job_id = await submit(engine, "submission", held=True)
        await asked(engine, "unhold", Unhold(job_id=job_id))
        promised = await engine.reserve(job_id, expires_in_seconds=0.001)
        await engine.accepted(Expire(job_id=job_id, allocation_id=promised.allocation_id))
        await engine.reserve(job_id)
        await asked(engine, "requeue", Requeue(job_id=job_id))
        await engine.reserve(job_id)
        return await told(engine)

    assert causes(engine.run(story)) == [
        ("JobSubmitted", None, "submission"),
        ("JobUnheld", None, "unhold"),
        ("ResourcesReserved", "job-1@2", "unhold"),
        ("ResourcesReleased", "job-1@3", "unhold"),
        ("ResourcesReserved", "job-1@4", "unhold"),
        ("ResourcesReleased", None, "requeue"),  # taken back by the request itself
        ("JobRequeued", "job-1@6", "requeue"),
        ("ResourcesReserved", "job-1@7", "requeue"),
    ]


def test_a_lost_node_is_the_cause_of_what_its_jobs_become_and_they_still_lead_back(engine: Engine) -> None:
    async def story(engine: Engine) -> tuple[Sequence[RecordedEvent], Sequence[RecordedEvent]]:
        node = RegisterNode(node_name=NODE, spool_id="spool", boot_id="boot", total_cpus=4)
        await asked(engine, "registration", node)
        promised = await start(engine, await submit(engine, "submission", requeue=True))
        await engine.accepted(DeclareNodeLost(node_name=NODE))
        lost = ReleaseLost(job_id=JobId(1), allocation_id=promised.allocation_id, node_name=NODE)
        await engine.accepted(lost)
        await asked(engine, "again", node)
        await engine.refused(release(promised, ReleaseReason.FINISHED))  # from before it was lost
        return await told(engine), await told(engine, "node-node-1")

    job, node = engine.run(story)
    assert causes(job)[3:] == [
        ("ResourcesReleased", "node-node-1@2", "submission"),
        ("JobRequeued", "job-1@4", "submission"),
        ("LateReport", "job-1@4", "submission"),
    ]
    assert causes(node) == [
        ("NodeRegistered", None, "registration"),
        ("NodeLost", "node-node-1@1", "registration"),
        ("NodeRegistered", None, "again"),
    ]


def test_a_fenced_report_is_caused_by_the_registration_that_fenced_it(engine: Engine) -> None:
    async def story(engine: Engine) -> Sequence[RecordedEvent]:
        await engine.register()
        promised = await start(engine, await submit(engine, "submission"))
        await engine.register()
        await engine.refused(release(promised, ReleaseReason.FINISHED))
        return await told(engine)

    assert causes(engine.run(story))[-1] == ("LateReport", "node-node-1@2", "submission")


def test_a_request_that_only_tells_of_what_followed_is_kept_beside_the_one_it_goes_back_to(
    engine: Engine,
) -> None:
    async def story(engine: Engine) -> Sequence[RecordedEvent]:
        await engine.register()
        await start(engine, await submit(engine, "submission"), request="report")
        return await told(engine)

    allocated = engine.run(story)[-1].provenance
    assert (allocated.correlation, allocated.request_id) == ("submission", "report")


def test_a_leader_takes_over_from_the_one_before(engine: Engine) -> None:
    async def story(engine: Engine) -> Sequence[RecordedEvent]:
        for number in (1, 2):
            await asked(engine, f"election-{number}", ElectLeader(holder=f"h{number}", host="host"))
        return await told(engine, "scheduler")

    assert causes(engine.run(story)) == [
        ("LeaderElected", None, "election-1"),
        ("LeaderElected", "scheduler@1", "election-2"),
    ]


def test_causes_are_the_same_from_memory_and_from_the_log(engine: Engine) -> None:
    """A handler that has just started knows no stream and reads them."""

    async def story(engine: Engine) -> Sequence[RecordedEvent]:
        await engine.register()
        job_id = await submit(engine, "submission")
        other = Engine(engine.url)
        async with other.open():
            promised = await other.reserve(job_id)
        await engine.handler.handle(
            Allocate(allocation_id=promised.allocation_id, incarnation=Incarnation(1), process=PROCESS),
            PROVENANCE,
        )
        third = Engine(engine.url)
        async with third.open():
            await third.accepted(release(promised, ReleaseReason.FINISHED, exit_code=0))
        return await told(engine)

    assert [cause for _, cause, _ in causes(engine.run(story))] == [None, "job-1@1", "job-1@2", "job-1@3"]
