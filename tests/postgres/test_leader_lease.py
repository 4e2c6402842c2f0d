"""The leader's lease is kept while the scheduler computes, and by nobody who is stuck or has ended."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conductor import leader_lease
from conductor.leader_lease import LEADER_LEASE_SECONDS, LeaderLease
from conductor.scheduler import Scheduler
from conductor.scheduler_memory import Memory, load
from conductor.settings import Settings
from tests.fix_engine import Engine


@asynccontextmanager
async def leading(engine: Engine, holder: str) -> AsyncIterator[LeaderLease]:
    taken = asyncio.Event()
    lease = LeaderLease(engine.url, holder, taken.set)
    lease.begin()
    try:
        async with asyncio.timeout(20):
            await taken.wait()
        yield lease
    finally:
        await lease.end()


def could_lead(engine: Engine, holder: str) -> bool:
    return bool(engine.sql("SELECT take_leadership(%s, 0)", holder)[0][0])


def test_who_computes_for_longer_than_a_lease_keeps_it_and_who_ends_gives_it_up(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        async with leading(engine, "one") as lease:
            until = time.monotonic() + LEADER_LEASE_SECONDS + 0.5
            while time.monotonic() < until:
                pass  # holds the event loop, as a long pass does
            assert lease.held
            assert not could_lead(engine, "other")
        assert could_lead(engine, "other")

    engine.run(story)


def test_a_loop_that_turns_no_more_loses_the_lease(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_lease, "_STUCK_SECONDS", 0.8)

    async def story(engine: Engine) -> None:
        async with leading(engine, "one") as lease:
            give_up_at = time.monotonic() + 10
            while lease.held:
                assert time.monotonic() < give_up_at

    engine.run(story)


def test_between_two_terms_of_its_own_a_scheduler_keeps_what_it_remembers(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[Memory] = []

    async def counted(pool: object) -> Memory:
        loads.append(await load(engine.pool))
        return loads[-1]

    monkeypatch.setattr("conductor.scheduler.load", counted)

    async def story(engine: Engine) -> None:
        settings = Settings(home=tmp_path, node_name="here", poll_seconds=0.05)
        scheduler = Scheduler(pool=engine.pool, handler=engine.handler, settings=settings)
        running = asyncio.create_task(scheduler.run())
        async with asyncio.timeout(30):
            for term in (1, 2):
                while engine.sql("SELECT count(*) FROM events WHERE type = 'LeaderElected'") != [(term,)]:
                    await asyncio.sleep(0.02)
                while scheduler.term is None:
                    await asyncio.sleep(0.02)
                assert scheduler._lease is not None
                scheduler._lease.let_go()
        scheduler.stopping.set()
        scheduler.wake_up.set()
        await running

    engine.run(story)
    assert len(loads) == 1
