"""Fair share from rows is fair share folded from the log, at any time; and the scheduler's memory follows it."""

import random
from datetime import datetime, timedelta

import pytest

from conductor.core.commands import Allocate, Cancel, ChangePolicy, Release, Requeue, Reserve
from conductor.core.decider import State, fold
from conductor.core.errors import Rejection
from conductor.core.events import (
    ProcessIdentity,
    RecordedEvent,
    ReleaseReason,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.fair_share import FairShare, charged_to, counted_until
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName, Position, StreamName
from conductor.core.job import Job
from conductor.log import Log
from conductor.scheduler_memory import Memory, follow, load, refresh_factors
from projections.fair_share import read_fair_share
from tests.fix_engine import Engine

ACCOUNTS = ("physics", "chemistry", None)
USERS = ("alice", "bob")
PROCESS = ProcessIdentity(pid=4711, boot_id="boot", start_ticks=99)
# Some seconds, so that a test's own two of history are several of them; and a week.
HALF_LIVES = (3.6, 0.4, 604_800.0, 3.6e12)


async def live_a_while(engine: Engine, chance: random.Random, wishes: int = 150) -> None:
    """Jobs of several accounts that start, end, are requeued, and some that go on."""
    jobs: list[JobId] = []
    running: list[AllocationId] = []
    for _ in range(wishes):
        draw = chance.random()
        if draw < 0.3 or not jobs:
            user_name, account, cpus = chance.choice(USERS), chance.choice(ACCOUNTS), chance.randint(1, 3)
            jobs.append(await engine.submit(user_name=user_name, account=account, cpus_per_task=cpus))
        elif draw < 0.65:
            outcome = await engine.do(Reserve(job_id=chance.choice(jobs), node_name=NodeName("node-1")))
            if not isinstance(outcome, Rejection) and outcome.events:
                event = outcome.events[0].event
                assert isinstance(event, ResourcesReserved)
                if chance.random() < 0.8:
                    allocation = event.allocation_id
                    await engine.do(
                        Allocate(allocation_id=allocation, incarnation=Incarnation(1), process=PROCESS)
                    )
                    running.append(allocation)
        elif draw < 0.8 and running:
            allocation = running.pop(chance.randrange(len(running)))
            await engine.do(
                Release(
                    allocation_id=allocation,
                    incarnation=Incarnation(1),
                    reason=ReleaseReason.FINISHED,
                    exit_code=0,
                    exit_signal=None,
                )
            )
        elif draw < 0.9:
            await engine.do(Requeue(job_id=chance.choice(jobs)))
        else:
            await engine.do(Cancel(job_id=chance.choice(jobs)))


def folded(events: list[RecordedEvent], *steps: datetime, half_life: float) -> FairShare:
    """The whole log, event by event, in any steps."""
    share = FairShare(half_life=half_life, until=events[0].at - timedelta(days=1))
    states: dict[StreamName, State] = {}
    for recorded in events:
        before = states.get(recorded.stream)
        share.note(recorded.event, before if isinstance(before, Job) else None, recorded.at)
        fold(states, recorded)
    for step in sorted(steps):
        share.move_to(step)
    return share


def by_hand(events: list[RecordedEvent], until: datetime, half_life: float) -> dict[str, float]:
    """The formula of the documents, allocation by allocation."""
    states: dict[StreamName, State] = {}
    spans: dict[int, tuple[str, int, datetime, datetime | None]] = {}
    for recorded in events:
        job = fold(states, recorded)
        event = recorded.event
        if isinstance(event, ResourcesAllocated) and isinstance(job, Job) and job.allocation:
            account, cpus = charged_to(job.submitted), len(job.allocation.cpu_ids)
            spans[event.allocation_id] = (account, cpus, recorded.at, None)
        elif isinstance(event, ResourcesReleased) and event.allocation_id in spans:
            spans[event.allocation_id] = (*spans[event.allocation_id][:3], recorded.at)
    uses: dict[str, float] = {}
    for account, cpus, begun, ended in spans.values():
        end = min(ended, until) if ended is not None else until
        pieces = 1000
        width = (end - begun).total_seconds() / pieces
        if width > 0:
            middles = ((until - end).total_seconds() + (piece + 0.5) * width for piece in range(pieces))
            uses[account] = uses.get(account, 0.0) + cpus * width * sum(
                2.0 ** (-age / half_life) for age in middles
            )
    return uses


def is_outdated(memory: Memory) -> bool:
    return memory.outdated


def close(one: dict[str, float], other: dict[str, float], rel: float = 1e-6) -> None:
    for account in one.keys() | other.keys():
        assert one.get(account, 0.0) == pytest.approx(other.get(account, 0.0), rel=rel, abs=2e-6), account


@pytest.mark.parametrize("seed", range(3))
def test_rows_the_fold_and_the_formula_agree_at_any_time(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)

    async def story(engine: Engine) -> list[tuple[datetime, float, FairShare]]:
        await engine.register("node-1", 64)
        await live_a_while(engine, chance)
        recorded = await Log(engine.pool).read_after(Position(0), limit=10_000)
        first, last = recorded[0].at, recorded[-1].at
        found = []
        async with engine.pool.connection() as connection:
            for half_life in HALF_LIVES:
                for _ in range(4):
                    until = first + (last - first) * chance.uniform(-0.1, 2.0)
                    share = await read_fair_share(connection, until=until, half_life=half_life)
                    found.append((until, half_life, share))
        return found

    found = engine.run(story)
    events = engine.run(lambda engine: Log(engine.pool).read_after(Position(0), limit=10_000))
    last = events[-1].at
    for until, half_life, share in found:
        between = [events[0].at + (until - events[0].at) * chance.random() for _ in range(3)]
        stepped = folded(events, *between, until, half_life=half_life)
        close(share.uses, by_hand(events, until, half_life), rel=1e-4 if half_life < 1 else 1e-6)
        close(share.uses, stepped.uses)
        assert share.cpus == stepped.cpus
        assert share.factors == pytest.approx(stepped.factors, rel=1e-6)
        # What came after is known too, and counts later.
        later = max(until, last) + timedelta(seconds=5)
        share.move_to(later)
        close(share.uses, folded(events, later, half_life=half_life).uses)
    assert len({account for _, _, share in found for account in share.uses}) > 2


def test_a_past_value_is_the_same_whatever_happened_since(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        chance = random.Random(7)
        await engine.register("node-1", 64)
        await live_a_while(engine, chance)
        async with engine.pool.connection() as connection:
            [(now,)] = await (await connection.execute("SELECT clock_timestamp()")).fetchall()
            then = await read_fair_share(connection, until=now, half_life=3.6)
            said = dict(then.uses), then.factors
            await live_a_while(engine, chance, 80)
            again = await read_fair_share(connection, until=now, half_life=3.6)
        assert said[0]
        assert again.uses == pytest.approx(said[0], rel=1e-9)
        assert again.factors == pytest.approx(said[1], rel=1e-9)

    engine.run(story)


def test_the_schedulers_memory_follows_use_and_is_loaded_anew_for_another_half_life(engine: Engine) -> None:
    async def share_at(engine: Engine, until: datetime, half_life: float) -> FairShare:
        async with engine.pool.connection() as connection:
            return await read_fair_share(connection, until=until, half_life=half_life)

    def later(memory: Memory, seconds: float) -> datetime:
        """As when time has passed."""
        assert memory.now is not None
        memory.now += timedelta(seconds=seconds)
        refresh_factors(memory)
        return counted_until(memory.now)

    async def story(engine: Engine) -> None:
        chance = random.Random(3)
        await engine.register("node-1", 64)
        memory = await load(engine.pool)
        assert not is_outdated(memory)
        await engine.accepted(ChangePolicy(changes={"fair_share_weight": 100, "half_life_hours": 0.01}))
        await follow(engine.pool, memory)
        assert is_outdated(memory)
        await live_a_while(engine, chance, 60)
        memory = await load(engine.pool)
        assert not is_outdated(memory)
        await live_a_while(engine, chance, 60)
        await follow(engine.pool, memory)
        until = later(memory, 40)
        expected = await share_at(engine, until, 36.0)
        assert memory.fair_share is not None
        close(memory.fair_share.uses, expected.uses)
        assert memory.cluster.fair_share == pytest.approx(expected.factors)
        assert len(expected.factors) > 2
        await engine.accepted(ChangePolicy(changes={"half_life_hours": 0.02}))
        await follow(engine.pool, memory)
        assert is_outdated(memory)
        await engine.accepted(ChangePolicy(changes={"fair_share_weight": 0}))
        memory = await load(engine.pool)
        assert (memory.fair_share, memory.cluster.fair_share, is_outdated(memory)) == (None, {}, False)

    engine.run(story)
