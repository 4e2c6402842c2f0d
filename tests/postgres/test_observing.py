"""What an executor sees by itself: strays on its machine, allocations without a process."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog

from conductor.core.commands import Allocate, Release
from conductor.core.events import ProcessIdentity, ReleaseReason, ResourcesReserved
from conductor.core.identifiers import AllocationId, Incarnation
from conductor.live_allocation import LiveAllocation
from conductor.strays import Surroundings
from conductor.supervisor.mark import Mark, mark_in
from conductor.supervisor.process_identity import read_boot_id, read_pid_namespace, read_stat
from tests.fix_engine import Engine
from tests.fix_observing import LIFE, ROW, Looker, Started, comm, mark_on
from tests.process.supervised import until


def process() -> ProcessIdentity:
    """This one."""
    stat = read_stat(os.getpid())
    assert stat is not None
    return ProcessIdentity(
        pid=stat.pid,
        boot_id=read_boot_id(),
        start_ticks=stat.start_ticks,
        pid_namespace=str(read_pid_namespace()),
    )


async def run_a_job(engine: Engine) -> ResourcesReserved:
    reserved = await engine.reserve(await engine.submit())
    await engine.accepted(
        Allocate(allocation_id=reserved.allocation_id, incarnation=Incarnation(1), process=process())
    )
    return reserved


async def end_job(engine: Engine, allocation_id: AllocationId) -> None:
    await engine.accepted(
        Release(
            allocation_id=allocation_id,
            incarnation=Incarnation(1),
            reason=ReleaseReason.FINISHED,
            exit_code=0,
            exit_signal=None,
        )
    )


# Strays


def test_a_marked_process_of_no_live_allocation_is_a_stray(looker: Looker, started: Started) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        reserved = await run_a_job(engine)
        await end_job(engine, reserved.allocation_id)
        known, unknown = mark_on(looker.spool, reserved.allocation_id), mark_on(looker.spool, 10**9)
        processes = [started.marked(known), started.marked(unknown)]
        found = (await looker.look())["strays"]
        ticks = [stat.start_ticks for stat in map(read_stat, [one.pid for one in processes]) if stat]
        job_id = engine.sql("SELECT id FROM jobs")[0][0]
        expected: list[Mapping[str, Any]] = [
            {"mark": known, "allocation_id": reserved.allocation_id, "job_id": job_id, "attempt": 1},
            {"mark": unknown, "allocation_id": 10**9, "job_id": None, "attempt": None},
        ]
        assert sorted(found, key=lambda stray: stray["pid"]) == found
        assert found == [
            {"pid": one.pid, "start_ticks": tick, "command": "sleep", **rest}
            for one, tick, rest in zip(processes, ticks, expected, strict=True)
        ]
        for one in processes:
            one.kill()
            one.wait()
        assert (await looker.look())["strays"] == []

    looker.engine.run(story)


def test_processes_of_live_allocations_and_of_other_spools_are_none(
    looker: Looker, started: Started, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        live = await run_a_job(engine)
        held = AllocationId(10**9)
        looker.held = [held]
        other = mark_on(tmp_path_factory.mktemp("other"), 10**9 + 1)
        for mark in (mark_on(looker.spool, live.allocation_id), mark_on(looker.spool, held), other, "7.abc"):
            started.marked(mark)
        assert (await looker.look())["strays"] == []
        looker.held = []
        assert [stray["allocation_id"] for stray in (await looker.look())["strays"]] == [held]
        await end_job(engine, live.allocation_id)

    looker.engine.run(story)


def test_two_looks_must_agree(looker: Looker, started: Started) -> None:
    """What has ended, or has become a live attempt's, by the second one is no stray."""

    async def story(engine: Engine) -> None:
        await engine.register()
        numbers = [10**9, 10**9 + 1, 10**9 + 2]
        ends, begins, stays = (started.marked(mark_on(looker.spool, number)) for number in numbers)
        observer, looks = looker.observer(), []
        around = observer.around

        def between() -> Surroundings:
            looks.append(observer)
            if len(looks) == 2:
                ends.kill()
                ends.wait()
                looker.held = [AllocationId(numbers[1])]
            return around()

        observer.around = between
        await observer.observe()
        assert begins.poll() is None
        assert [stray["pid"] for stray in looker.row()["strays"]] == [stays.pid]

    looker.engine.run(story)


def test_an_orphan_of_the_supervisor_without_a_mark_is_named(looker: Looker, started: Started) -> None:
    """Its children are not: the supervisor has them through it."""

    async def story(engine: Engine) -> None:
        await engine.register()
        parent = started.marked(None, "env -i sleep 300 & exec sleep 300")
        looker.supervisor_pid = parent.pid
        [child] = children(parent.pid)
        until(lambda: comm(child) == "sleep", "its exec")
        [stray] = (await looker.look())["strays"]
        assert (stray["pid"], stray["mark"], stray["allocation_id"], stray["command"]) == (
            child,
            None,
            None,
            "sleep",
        )
        looker.leaders = [os.getpgid(child)]
        assert (await looker.look())["strays"] == []
        looker.leaders, looker.supervisor_pid = [], None
        assert (await looker.look())["strays"] == []
        os.kill(child, 9)

    looker.engine.run(story)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    "text", ["", "7.abc", "7.1-2", "0.1-2." + LIFE, "7.1-2." + LIFE + "0", "7.1-2.../" + LIFE]
)
def test_a_mark_is_read_as_it_is_written_and_nothing_else_is(text: str) -> None:
    assert mark_in(text) is None
    mark = Mark(7, "fd00-1a2b", LIFE)
    assert mark_in(mark.text()) == mark


# Missing allocations


def test_what_was_released_meanwhile_is_not_missing(looker: Looker) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        first, second = await run_a_job(engine), await run_a_job(engine)
        observer = looker.observer()
        observer.compared([second.allocation_id, first.allocation_id])
        await observer.observe()
        assert looker.row()["missing"] == [first.allocation_id, second.allocation_id]
        await end_job(engine, first.allocation_id)
        await observer.observe()
        assert looker.row()["missing"] == [second.allocation_id]
        await end_job(engine, second.allocation_id)

    looker.engine.run(story)


@pytest.mark.parametrize(
    ("change", "here"),
    [
        ({}, True),
        ({"pid_namespace": None}, True),
        ({"pid_namespace": "1"}, False),
        ({"start_ticks": 1}, False),
        ({"boot_id": "another"}, False),
        ({"process_id": 2**22 + 1}, False),
        ({"process_id": None}, False),
    ],
)
def test_a_process_is_recognised_by_its_whole_identity(change: dict[str, Any], here: bool) -> None:
    own = process()
    allocation = LiveAllocation(
        allocation_id=AllocationId(1),
        status="allocated",
        boot_id=own.boot_id,
        process_id=own.pid,
        start_ticks=own.start_ticks,
        pid_namespace=own.pid_namespace,
        spool_id="another",
    )
    assert allocation._replace(**change).runs_here(own.boot_id) is here


# Whatever happens


def test_an_observation_that_fails_disturbs_nobody_and_the_next_one_is_made(looker: Looker) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        observer = looker.observer()
        space = looker.spool
        looker.spool = space / "gone"
        task = asyncio.create_task(observer.run())
        with structlog.testing.capture_logs() as logs:
            observer.compared([])
            while not any(log["event"] == "node.not_observed" for log in logs):
                await asyncio.sleep(0)
        assert engine.sql(ROW) == []
        looker.spool = space
        observer.compared([])
        while not engine.sql(ROW):
            await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()

    looker.engine.run(story)
