"""A session compares what it holds with what the log says, while both change."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from conductor.core.commands import Allocate, Command, Release
from conductor.core.events import ProcessIdentity, ReleaseReason
from conductor.core.identifiers import AllocationId, Incarnation, JobId
from conductor.handler import Outcome
from conductor.live_allocation import LiveAllocation
from conductor.machine import Machine
from conductor.node_session import Session, WakeUps
from conductor.settings import Settings
from tests.fix_engine import Engine

LiveHere = Callable[[Session], Awaitable[dict[AllocationId, LiveAllocation]]]
PROCESS = ProcessIdentity(pid=4711, boot_id="boot", start_ticks=99)


class Supervisor:
    """Answers for nothing."""

    supervisor_pid, pid_namespace = 1, 1

    def stop(self, allocation_id: int) -> None:
        raise AssertionError(f"allocation {allocation_id} was to be stopped")


def session(engine: Engine, home: Path) -> Session:
    supervisor: Any = Supervisor()
    return Session(
        settings=Settings(home=home, node_name="node-1", total_cpus=4),
        pool=engine.pool,
        handler=engine.handler,
        supervisor=supervisor,
        machine=Machine(
            boot_id="boot",
            spool_id="spool",
            cpu_ids=(0, 1, 2, 3),
            set_affinity=False,
            memory_mb=1,
            labels={},
            gres={},
            numa=(),
        ),
        incarnation=Incarnation(1),
        wake_ups=WakeUps(),
    )


async def run_a_job(engine: Engine) -> AllocationId:
    await engine.register()
    reserved = await engine.reserve(await engine.submit())
    await engine.accepted(
        Allocate(allocation_id=reserved.allocation_id, incarnation=Incarnation(1), process=PROCESS)
    )
    return reserved.allocation_id


async def end_job(engine: Engine, allocation_id: AllocationId) -> None:
    release = Release(
        allocation_id=allocation_id,
        incarnation=Incarnation(1),
        reason=ReleaseReason.FINISHED,
        exit_code=0,
        exit_signal=None,
    )
    await engine.accepted(release)


@pytest.mark.parametrize("held", [True, False], ids=["held before", "taken meanwhile"])
def test_a_job_that_ends_while_the_log_answers_is_not_ended_twice(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    answer: LiveHere = Session._live_here

    async def ended_meanwhile(session: Session) -> dict[AllocationId, LiveAllocation]:
        live = await answer(session)
        for allocation_id in live:
            await end_job(engine, allocation_id)
            session._forget(allocation_id)
        return live

    async def story(engine: Engine) -> None:
        allocation_id, one = await run_a_job(engine), session(engine, tmp_path)
        if held:
            one._held[allocation_id] = JobId(1)
        monkeypatch.setattr(Session, "_live_here", ended_meanwhile)
        await one._compare_with_log()
        assert list(one.observer._unaccounted) == []
        types = "SELECT type FROM events WHERE type IN ('ResourcesReleased', 'LateReport')"
        assert engine.sql(types) == [("ResourcesReleased",)]

    engine.run(story)


def test_what_nobody_holds_is_ended_and_so_no_observation(engine: Engine, tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        await run_a_job(engine)
        one = session(engine, tmp_path)
        await one._compare_with_log()
        assert list(one.observer._unaccounted) == []
        assert engine.sql("SELECT state FROM jobs") == [("FAILED",)]

    engine.run(story)


def test_one_that_ends_while_another_is_ended_is_not_ended_twice(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(engine: Engine) -> None:
        first, one = await run_a_job(engine), session(engine, tmp_path)
        second = (await engine.reserve(await engine.submit())).allocation_id
        await engine.accepted(Allocate(allocation_id=second, incarnation=Incarnation(1), process=PROCESS))
        commit = Session._commit

        async def and_the_other_ends(session: Session, command: Command) -> Outcome:
            outcome = await commit(session, command)
            assert isinstance(command, Release)
            await end_job(engine, second if command.allocation_id == first else first)
            return outcome

        monkeypatch.setattr(Session, "_commit", and_the_other_ends)
        await one._compare_with_log()
        assert list(one.observer._unaccounted) == []
        types = "SELECT type FROM events WHERE type IN ('ResourcesReleased', 'LateReport')"
        assert engine.sql(types) == [("ResourcesReleased",)] * 2

    engine.run(story)


def test_the_nodes_allocations_are_read_twice_a_round_however_many_are_missing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer: LiveHere = Session._live_here
    reads = []

    async def counted(session: Session) -> dict[AllocationId, LiveAllocation]:
        reads.append(session)
        return await answer(session)

    async def story(engine: Engine) -> None:
        await run_a_job(engine)
        for _ in range(3):
            more = (await engine.reserve(await engine.submit())).allocation_id
            await engine.accepted(Allocate(allocation_id=more, incarnation=Incarnation(1), process=PROCESS))
        monkeypatch.setattr(Session, "_live_here", counted)
        await session(engine, tmp_path)._compare_with_log()
        assert engine.sql("SELECT DISTINCT state FROM jobs") == [("FAILED",)]
        assert len(reads) == 2

    engine.run(story)


def test_an_end_that_the_log_refuses_leaves_an_observation(tampered_engine: Engine, tmp_path: Path) -> None:
    """A row says `allocated`, the log says released: the session cannot mend that."""

    async def story(engine: Engine) -> None:
        allocation_id = await run_a_job(engine)
        await end_job(engine, allocation_id)
        engine.sql("UPDATE resource_allocations SET status = 'allocated'")
        one = session(engine, tmp_path)
        await one._compare_with_log()
        assert list(one.observer._unaccounted) == [allocation_id]

    tampered_engine.run(story)


WRONG_ROWS = ("UPDATE resource_allocations SET status = 'released'", "DELETE FROM resource_allocations")


@pytest.mark.parametrize("damage", WRONG_ROWS)
def test_a_wrong_row_ends_no_job(tampered_engine: Engine, tmp_path: Path, damage: str) -> None:
    """`Supervisor` fails when it is asked to stop anything."""

    async def story(engine: Engine) -> None:
        allocation_id, one = await run_a_job(engine), session(engine, tmp_path)
        one._held[allocation_id] = JobId(1)
        engine.sql(damage)
        await one._compare_with_log()
        engine.sql("UPDATE jobs SET cancel_requested_at = now()")
        await one._carry_out_cancels()

    tampered_engine.run(story)


@pytest.mark.parametrize("known", [True, False], ids=["closed", "of another history"])
def test_what_the_log_does_not_have_as_live_is_stopped(engine: Engine, tmp_path: Path, known: bool) -> None:
    async def story(engine: Engine) -> None:
        allocation_id, one = await run_a_job(engine), session(engine, tmp_path)
        if known:
            await end_job(engine, allocation_id)
        held = allocation_id if known else AllocationId(999)
        one._held[held] = JobId(1 if known else 999)
        with pytest.raises(AssertionError, match=f"allocation {held} was to be stopped"):
            await one._compare_with_log()
        await end_job(engine, allocation_id)

    engine.run(story)
