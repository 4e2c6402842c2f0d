"""A scheduler settles what jobs wait for: from the log, with the cause, at once, and after any death."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conductor.completing import Request as Wish
from conductor.core.arrays import tasks_of
from conductor.core.commands import (
    Allocate,
    Cancel,
    Release,
    Requeue,
    ResolveDependency,
    Submit,
    Unhold,
)
from conductor.core.events import JobCancelled, JobSubmitted, ReleaseReason
from conductor.core.identifiers import AllocationId, Incarnation, JobId, Term
from conductor.database import WakeUp, listen
from conductor.handler import Accepted
from conductor.log import SCHEDULER_CHANNEL
from conductor.resolving import StartsWatched
from conductor.running import end_tasks
from conductor.scheduler import Scheduler
from conductor.scheduler_memory import load
from conductor.settings import Settings
from tests.fix_engine import PROVENANCE, Engine
from tests.given import PROCESS

INCARNATION = Incarnation(1)
Told = tuple[str, str | None, str | None]


@asynccontextmanager
async def scheduling(engine: Engine, home: Path, **chosen: Any) -> AsyncIterator[Scheduler]:
    """A leader that polls so rarely that only wake-ups explain what it does in time."""
    settings = Settings(home=home, poll_seconds=chosen.pop("poll_seconds", 30.0), node_name="here", **chosen)
    scheduler = Scheduler(pool=engine.pool, handler=engine.handler, settings=settings, wake_up=WakeUp())
    scheduler.starts = StartsWatched(engine.url, scheduler.wake_up.set)
    listening = asyncio.create_task(
        listen(engine.url, [SCHEDULER_CHANNEL], lambda _: scheduler.wake_up.set())
    )
    running = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        scheduler.stopping.set()
        scheduler.wake_up.set()
        await running
        await scheduler.starts.end()
        await end_tasks([listening])


async def until(look: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.02)


async def told(engine: Engine, job_id: int) -> Told:
    async with engine.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT state, reason, dependency FROM jobs WHERE id = %s", (job_id,)
        )
        row = await cursor.fetchone()
        assert row is not None
        return row[0], row[1], row[2]


async def is_told(engine: Engine, job_id: int, state: str, reason: str | None) -> None:
    async def look() -> bool:
        return (await told(engine, job_id))[:2] == (state, reason)

    await until(look)


async def run(engine: Engine, job_id: JobId, exit_code: int | None = None) -> AllocationId:
    """As scheduler and executor would; ended when an exit code is given."""
    reserved = await engine.reserve(job_id, job_id % 4)
    allocation_id = reserved.allocation_id
    await engine.accepted(Allocate(allocation_id=allocation_id, incarnation=INCARNATION, process=PROCESS))
    if exit_code is not None:
        await end(engine, allocation_id, exit_code)
    return allocation_id


async def end(engine: Engine, allocation_id: AllocationId, exit_code: int) -> None:
    await engine.accepted(
        Release(
            allocation_id=allocation_id,
            incarnation=INCARNATION,
            reason=ReleaseReason.FINISHED,
            exit_code=exit_code,
            exit_signal=None,
        )
    )


async def with_node(engine: Engine) -> None:
    assert (await engine.register()).incarnation == INCARNATION
    engine.sql("SELECT renew_lease('node-1', %s, 600, '{}')", INCARNATION)


async def submit_array(engine: Engine, array: str, **changes: Any) -> list[JobId]:
    wanted = Submit(script="true\n", user_name="alice", submitted_by="admin", array=array, **changes)
    first, *others = tasks_of(wanted)
    head = Wish(command=first, provenance=PROVENANCE)
    wishes = [head, *(Wish(command=one, provenance=PROVENANCE, head=head) for one in others)]
    job_ids = []
    for outcome in await engine.handler.handle_requests(wishes, atomic=True):
        assert isinstance(outcome, Accepted)
        event = outcome.events[0].event
        assert isinstance(event, JobSubmitted)
        job_ids.append(event.job_id)
    return job_ids


def causes(engine: Engine, kind: str) -> list[tuple[str, str | None]]:
    rows = engine.sql(
        "SELECT stream, metadata ->> 'causation' FROM events WHERE type = %s ORDER BY position", kind
    )
    return [(row[0], row[1]) for row in rows]


def test_each_kind_is_settled_by_the_end_that_it_waits_for(engine: Engine, home: Path) -> None:
    async def story(engine: Engine) -> None:
        await with_node(engine)
        good, bad = await engine.submit(held=True), await engine.submit(held=True)
        waiting = {
            (kind, one): await engine.submit(held=True, dependency=f"{kind}:{one}")
            for kind in ("after", "afterok", "afternotok", "afterany")
            for one in (good, bad)
        }
        async with scheduling(engine, home):
            for job_id, exit_code in ((good, 0), (bad, 1)):
                await engine.accepted(Unhold(job_id=job_id))
                await is_told(engine, job_id, "RESERVED", None)
                [(allocation_id,)] = engine.sql(
                    "SELECT id FROM resource_allocations WHERE job_id = %s", job_id
                )
                await engine.accepted(
                    Allocate(allocation_id=allocation_id, incarnation=INCARNATION, process=PROCESS)
                )
                # A start wakes whoever waits for one, though it moves nothing in the queue.
                after = waiting["after", job_id]
                await until(lambda after=after: met(engine, after))  # type: ignore[misc]
                await end(engine, allocation_id, exit_code)
            for (kind, one), job_id in waiting.items():
                never = (kind, one) in (("afterok", bad), ("afternotok", good))
                if never:
                    await is_told(engine, job_id, "CANCELLED", f"DependencyNeverSatisfied: {kind}:{one}")
                else:
                    await until(lambda job_id=job_id: met(engine, job_id))  # type: ignore[misc]
                    await is_told(engine, job_id, "PENDING", "JobHeldUser")
        ended = dict(
            engine.sql("SELECT stream, stream || '@' || version FROM events WHERE type = 'ResourcesReleased'")
        )
        began = dict(
            engine.sql(
                "SELECT stream, stream || '@' || version FROM events WHERE type = 'ResourcesAllocated'"
            )
        )
        for stream, cause in (*causes(engine, "DependencyMet"), *causes(engine, "JobCancelled")):
            [(dependency,)] = engine.sql("SELECT dependency FROM jobs WHERE 'job-' || id = %s", stream)
            kind, _, awaited = dependency.partition(":")
            assert cause == (began if kind == "after" else ended)[f"job-{awaited}"]

    engine.run(story)


async def met(engine: Engine, job_id: int) -> bool:
    return bool(
        engine.sql(
            "SELECT 1 FROM events WHERE stream = 'job-' || %s::text AND type = 'DependencyMet'", job_id
        )
    )


def test_what_ended_before_anybody_waited_is_looked_up(engine: Engine, home: Path) -> None:
    async def story(engine: Engine) -> None:
        await with_node(engine)
        tasks = await submit_array(engine, "0-3")
        for job_id in tasks:
            await run(engine, job_id, 0)
        failed = await engine.submit()
        await run(engine, failed, 7)
        async with scheduling(engine, home):
            job_id = await engine.submit(held=True, dependency=f"afterok:{tasks[0]},afternotok:{failed}")
            await until(lambda: met(engine, job_id))
            doomed = await engine.submit(dependency=f"afterok:{tasks[0]}_2:{failed}")
            await is_told(engine, doomed, "CANCELLED", f"DependencyNeverSatisfied: afterok:{failed}")

    engine.run(story)


def test_a_thousand_jobs_in_a_chain_fall_in_a_moment(engine: Engine, home: Path) -> None:
    async def story(engine: Engine) -> None:
        await with_node(engine)
        job_id = first = await engine.submit(held=True)
        for _ in range(1000):
            job_id = await engine.submit(dependency=f"afterok:{job_id}")
        async with scheduling(engine, home):
            await engine.accepted(Cancel(job_id=first))
            await is_told(engine, job_id, "CANCELLED", f"DependencyNeverSatisfied: afterok:{job_id - 1}")
        assert engine.sql("SELECT count(*) FROM jobs WHERE state <> 'CANCELLED'") == [(0,)]
        assert causes(engine, "JobCancelled")[1:] == [
            (f"job-{one}", f"job-{one - 1}@2") for one in range(first + 1, job_id + 1)
        ]

    engine.run(story)


def test_an_array_that_waits_for_an_array(engine: Engine, home: Path) -> None:
    async def story(engine: Engine) -> None:
        await with_node(engine)
        tasks = await submit_array(engine, "0-19", held=True)
        waiting = await submit_array(engine, "0-29", dependency=f"afterok:{tasks[0]}", held=True)
        for job_id in tasks[:-1]:  # nobody leads, so nobody notices
            await engine.accepted(Cancel(job_id=job_id))
            await engine.accepted(Requeue(job_id=job_id))
        for job_id in tasks:
            await engine.accepted(Unhold(job_id=job_id))
        async with scheduling(engine, home):
            await end_all(engine, tasks)
            for job_id in (waiting[0], waiting[-1]):
                await until(lambda job_id=job_id: met(engine, job_id))  # type: ignore[misc]
        assert {cause for _, cause in causes(engine, "DependencyMet")} == {last_end(engine)}

    engine.run(story)


async def end_all(engine: Engine, tasks: list[JobId]) -> None:
    """Play the node until every task has completed."""
    for _ in tasks:

        async def reserved() -> bool:
            return bool(engine.sql("SELECT 1 FROM resource_allocations WHERE status = 'reserved'"))

        await until(reserved)
        [(allocation_id,)] = engine.sql(
            "SELECT id FROM resource_allocations WHERE status = 'reserved' ORDER BY id LIMIT 1"
        )
        await engine.accepted(Allocate(allocation_id=allocation_id, incarnation=INCARNATION, process=PROCESS))
        await end(engine, allocation_id, 0)


def last_end(engine: Engine) -> str:
    [(reference,)] = engine.sql(
        "SELECT stream || '@' || version FROM events WHERE type = 'ResourcesReleased' ORDER BY position DESC LIMIT 1"
    )
    return str(reference)


def test_singletons_of_one_name_and_user_go_one_after_another(engine: Engine, home: Path) -> None:
    async def story(engine: Engine) -> None:
        await with_node(engine)
        one, two, three = [
            await engine.submit(name="only", dependency="singleton", held=held)
            for held in (True, False, False)
        ]
        other = await engine.submit(name="only", dependency="singleton", user_name="bob", held=True)
        async with scheduling(engine, home):
            for job_id in (one, other):
                await until(lambda job_id=job_id: met(engine, job_id))  # type: ignore[misc]
            assert not await met(engine, two)
            await engine.accepted(Cancel(job_id=one))
            await until(lambda: met(engine, two))
            await is_told(engine, two, "RESERVED", None)
            await is_told(engine, three, "PENDING", "Dependency")
        assert causes(engine, "DependencyMet")[-1] == (f"job-{two}", f"job-{one}@3")

    engine.run(story)


def test_the_reservation_goes_back_to_the_met_dependency_and_the_jobs_own_request(
    engine: Engine, home: Path
) -> None:
    async def story(engine: Engine) -> None:
        await with_node(engine)
        first = await engine.submit(held=True)
        second = await engine.submit(dependency=f"afterany:{first}")
        async with scheduling(engine, home):
            await engine.accepted(Cancel(job_id=first))
            await is_told(engine, second, "RESERVED", None)
        assert ("job-2", "job-2@2") in causes(engine, "ResourcesReserved")

    engine.run(story)


def test_what_an_old_leader_wants_is_refused_and_a_false_wish_changes_nothing(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        first = await engine.submit()
        second = await engine.submit(dependency=f"afterok:{first}")
        wish = ResolveDependency(job_id=second, depends_on=(first,))
        assert await engine.accepted(wish) == ()
        await engine.accepted(Cancel(job_id=first))
        old = ResolveDependency(job_id=second, depends_on=(first,), term=Term(7))
        assert "Term 7 is over" in (await engine.refused(old)).message
        [event] = await engine.accepted(wish)
        assert event.event == JobCancelled(reason=None, unmet=f"afterok:{first}")
        assert await engine.accepted(wish) == ()

    engine.run(story)


def test_a_job_that_was_requeued_before_it_was_noticed_has_not_ended(engine: Engine) -> None:
    """The memory may be behind; the streams that are read at the door are not."""

    async def story(engine: Engine) -> None:
        first = await engine.submit()
        second = await engine.submit(dependency=f"afterok:{first}")
        await engine.accepted(Cancel(job_id=first))
        memory = await load(engine.pool)
        await engine.accepted(Requeue(job_id=first))
        assert await engine.accepted(ResolveDependency(job_id=second, depends_on=(first,))) == ()
        assert (await told(engine, second))[:2] == ("PENDING", "Dependency")
        assert memory.cluster.waiting_on.unknown

    engine.run(story)


@pytest.mark.parametrize("begin_seconds", [0, 3600])
def test_a_dependency_works_together_with_hold_and_a_time_to_begin(
    engine: Engine, home: Path, begin_seconds: int
) -> None:
    async def story(engine: Engine) -> None:
        await with_node(engine)
        begin = datetime.now(UTC) + timedelta(seconds=begin_seconds) if begin_seconds else None
        first = await engine.submit()
        second = await engine.submit(held=True, begin_time=begin, dependency=f"afterany:{first}")
        async with scheduling(engine, home):
            await engine.accepted(Unhold(job_id=second))
            await is_told(engine, second, "PENDING", "Dependency")
            await engine.accepted(Cancel(job_id=first))
            if begin_seconds:
                await is_told(engine, second, "PENDING", "BeginTime")
            else:
                await is_told(engine, second, "RESERVED", None)

    engine.run(story)
