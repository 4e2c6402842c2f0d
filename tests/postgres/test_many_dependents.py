"""Very many jobs that wait for one big array depose nobody and are all settled."""

import asyncio
from pathlib import Path
from typing import Any

from conductor.core.commands import Cancel, Submit
from conductor.core.identifiers import JobId
from conductor.scheduler import Scheduler
from conductor.settings import Settings
from tests.fix_engine import PROVENANCE, Engine
from tests.postgres.test_resolving import submit_array

TASKS, WAITING = 2_000, 150
MET = "SELECT count(*) FROM events WHERE type = 'DependencyMet'"
TERMS = "SELECT count(*) FROM events WHERE type = 'LeaderElected'"


def test_two_schedulers_settle_them_all_in_one_term(engine: Engine, home: Path) -> None:
    def candidate(name: str) -> Scheduler:
        settings = Settings(home=home, node_name=name, poll_seconds=0.1)
        return Scheduler(pool=engine.pool, handler=engine.handler, settings=settings)

    async def story(engine: Engine) -> None:
        tasks = await submit_array(engine, f"0-{TASKS - 1}")
        wanted = Submit(
            script="true\n", user_name="bob", submitted_by="admin", dependency=f"afterany:{tasks[0]}"
        )
        await engine.handler.handle_all([wanted] * WAITING, PROVENANCE, atomic=False)
        ends = [Cancel(job_id=JobId(job_id)) for job_id in tasks]
        await engine.handler.handle_all(ends, PROVENANCE, atomic=False)
        candidates = [candidate("one"), candidate("other")]
        running = [asyncio.create_task(each.run()) for each in candidates]
        async with asyncio.timeout(30):
            while engine.sql(MET) != [(WAITING,)]:
                await asyncio.sleep(0.05)
        assert engine.sql(TERMS) == [(1,)]
        for each in candidates:
            each.stopping.set()
            each.wake_up.set()
        await asyncio.gather(*running)

    engine.run(story)


def test_of_singletons_only_one_is_let_go_though_a_lower_number_is_recorded_later(
    engine: Engine, home: Path
) -> None:
    async def story(engine: Engine) -> None:
        settings = Settings(home=home, node_name="one", poll_seconds=0.05)
        scheduler = Scheduler(pool=engine.pool, handler=engine.handler, settings=settings)
        [(drawn,)] = engine.sql("SELECT nextval('job_ids')")  # by another process, which records it later
        wanted: dict[str, Any] = {"name": "nightly", "dependency": "singleton"}
        first = await engine.submit(**wanted)
        assert drawn < first
        running = asyncio.create_task(scheduler.run())
        async with asyncio.timeout(30):
            while engine.sql(MET) != [(1,)]:
                await asyncio.sleep(0.02)
            late = Submit(
                job_id=JobId(drawn), script="true\n", user_name="alice", submitted_by="admin", **wanted
            )
            await engine.accepted(late)
            other = await engine.submit(user_name="bob", **wanted)  # settled in a later cycle than that
            while engine.sql(f"{MET} AND stream = 'job-' || %s", other) != [(1,)]:
                await asyncio.sleep(0.02)
            assert engine.sql(f"{MET} AND stream = 'job-' || %s", drawn) == [(0,)]
            await engine.accepted(Cancel(job_id=first))
            while engine.sql(f"{MET} AND stream = 'job-' || %s", drawn) != [(1,)]:
                await asyncio.sleep(0.02)
        scheduler.stopping.set()
        scheduler.wake_up.set()
        await running

    engine.run(story)
