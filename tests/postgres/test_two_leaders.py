"""Two schedulers that both believe they lead are harmless: the door takes one term's batches only."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from conductor.core.commands import ChangePolicy, Command, ElectLeader
from conductor.core.events import Provenance
from conductor.database import Pool
from conductor.handler import Handler, Outcome, running_handler
from conductor.leader_lease import LeaderLease
from conductor.scheduler import Scheduler
from conductor.scheduler_memory import Memory, load
from conductor.settings import Settings
from projections.rows import changed_rows
from tests.fix_engine import PROVENANCE, Engine

CPUS = 40
TERM_OF_EACH = """
    SELECT (r.data ->> 'term')::int, (
        SELECT max((l.data ->> 'term')::int) FROM events l WHERE l.stream = 'scheduler' AND l.position < r.position)
    FROM events r WHERE r.type = 'ResourcesReserved'
"""


class Hesitant:
    """A scheduler's way to the log that lets something happen between its plan and its batch."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.meanwhile: list[Command] = []
        self.refused = 0

    async def handle(self, command: Command, provenance: Provenance) -> Outcome:
        return await self._handler.handle(command, provenance)

    async def handle_all(
        self, commands: Sequence[Command], provenance: Provenance, *, atomic: bool
    ) -> list[Outcome]:
        if commands and self.meanwhile:
            async with running_handler(self._handler._pool, changed_rows) as another:
                await another.handle(self.meanwhile.pop(), PROVENANCE)
            outcomes = await self._handler.handle_all(commands, provenance, atomic=atomic)
            self.refused += sum(not hasattr(outcome, "events") for outcome in outcomes)
            return outcomes
        return await self._handler.handle_all(commands, provenance, atomic=atomic)


@asynccontextmanager
async def candidate(engine: Engine, home: Path, **settings: Any) -> AsyncIterator[Scheduler]:
    async with running_handler(engine.pool, changed_rows) as handler:
        chosen = Settings(home=home, poll_seconds=0.02, node_name="host", **settings)
        yield Scheduler(pool=engine.pool, handler=handler, settings=chosen)


async def ready(engine: Engine, jobs: int) -> None:
    """A node that is heard from, and jobs that wait."""
    await engine.register("node-1", CPUS)
    engine.sql("SELECT renew_lease('node-1', 1, 3600, '{}')")
    for _ in range(jobs):
        await engine.submit()


async def until(engine: Engine, question: str) -> None:
    async with asyncio.timeout(30):
        while engine.sql(question) != [(True,)]:
            await asyncio.sleep(0.02)


def test_two_that_both_believe_they_lead_place_every_job_once(
    engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def believes(_: LeaderLease, __: object) -> bool:
        return True

    monkeypatch.setattr(LeaderLease, "_take", believes)

    async def story(engine: Engine) -> None:
        await ready(engine, 0)
        async with candidate(engine, home) as one, candidate(engine, home) as other:
            leading = [asyncio.create_task(scheduler.run()) for scheduler in (one, other)]
            for number in range(1, CPUS + 1):
                await engine.submit()
                one.wake_up.set()
                other.wake_up.set()
                if number % 8 == 0:
                    await until(engine, f"SELECT count(*) = {number} FROM resource_allocations")  # noqa: S608
            await until(engine, "SELECT count(*) > 2 FROM events WHERE type = 'LeaderElected'")
            for scheduler in (one, other):
                scheduler.stopping.set()
                scheduler.wake_up.set()
            await asyncio.gather(*leading)

    engine.run(story)
    assert engine.sql("SELECT count(*) FROM events WHERE type = 'ResourcesReserved'") == [(CPUS,)]
    assert engine.sql("SELECT count(DISTINCT cpu_ids) FROM resource_allocations") == [(CPUS,)]
    assert all(term == leading for term, leading in engine.sql(TERM_OF_EACH))


def test_what_a_leader_planned_before_another_was_elected_is_refused_at_the_door(
    engine: Engine, home: Path
) -> None:
    async def story(engine: Engine) -> None:
        await ready(engine, 5)
        async with candidate(engine, home) as old, candidate(engine, home) as new:
            hesitant = Hesitant(old.handler)
            hesitant.meanwhile.append(ElectLeader(holder="another", host="elsewhere"))
            old.handler = hesitant  # type: ignore[assignment]
            leading = asyncio.create_task(old.run())
            async with asyncio.timeout(30):
                while not hesitant.refused:
                    await asyncio.sleep(0.01)
            old.stopping.set()
            old.wake_up.set()
            await leading
            assert hesitant.refused == 5
            following = asyncio.create_task(new.run())
            await until(engine, "SELECT count(*) = 5 FROM resource_allocations")
            new.stopping.set()
            new.wake_up.set()
            await following

    engine.run(story)
    assert all(term == leading and term > 1 for term, leading in engine.sql(TERM_OF_EACH))
    assert engine.sql("SELECT count(*) FROM events WHERE type = 'ResourcesReserved'") == [(5,)]


def test_one_that_stands_by_follows_along_and_need_not_read_the_log_when_it_leads(
    engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []

    async def counted(pool: Pool) -> Memory:
        loads.append("one")
        return await load(pool)

    monkeypatch.setattr("conductor.scheduler.load", counted)

    async def story(engine: Engine) -> None:
        await ready(engine, 3)
        async with candidate(engine, home) as one, candidate(engine, home) as other:
            leading = asyncio.create_task(one.run())
            await until(engine, "SELECT count(*) = 3 FROM resource_allocations")
            standing_by = asyncio.create_task(other.run())
            async with asyncio.timeout(30):
                while len(loads) < 2:
                    await asyncio.sleep(0.01)
            one.stopping.set()
            one.wake_up.set()
            await leading
            await engine.submit()
            await until(engine, "SELECT count(*) = 4 FROM resource_allocations")
            other.stopping.set()
            other.wake_up.set()
            await standing_by

    engine.run(story)
    assert len(loads) == 2
    assert all(term == leading for term, leading in engine.sql(TERM_OF_EACH))


@pytest.mark.parametrize("changed_before", [False, True])
def test_the_setting_is_recorded_once_and_only_before_anybody_changed_the_policy(
    engine: Engine, home: Path, changed_before: bool
) -> None:
    async def lead_once(engine: Engine, order: str) -> None:
        elected = engine.sql("SELECT count(*) FROM events WHERE type = 'LeaderElected'")[0][0]
        async with candidate(engine, home, policy=order) as scheduler:
            leading = asyncio.create_task(scheduler.run())
            await until(
                engine,
                f"SELECT count(*) > {elected} FROM events WHERE type = 'LeaderElected'",  # noqa: S608
            )
            await until(engine, "SELECT EXISTS (SELECT FROM events WHERE type = 'PolicyChanged')")
            scheduler.stopping.set()
            scheduler.wake_up.set()
            await leading

    async def story(engine: Engine) -> None:
        if changed_before:
            await engine.accepted(ChangePolicy(changes={"order": "strict_fifo"}, reason="a person"))
        await lead_once(engine, "backfill")
        await lead_once(engine, "strict_fifo")

    engine.run(story)
    found = engine.sql(
        "SELECT data -> 'policy' ->> 'order', data ->> 'reason', metadata ->> 'channel' FROM events "
        "WHERE stream = 'policy'"
    )
    if changed_before:
        assert found == [("strict_fifo", "a person", "test")]
    else:
        assert found == [("backfill", "CONDUCTOR_POLICY", "scheduler@host term 1")]
