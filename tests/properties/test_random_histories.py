"""Whatever commands come, in whatever order, from however many writers: the tables equal the log.

The seed is in the test's name; a failing one replays the same wishes.
"""

import asyncio
import random

import psycopg
import pytest

from conductor.core.commands import (
    AcknowledgeFinding,
    Allocate,
    Cancel,
    ChangePolicy,
    Command,
    DrainNode,
    Expire,
    Hold,
    RegisterNode,
    Release,
    Repair,
    Reprioritize,
    Requeue,
    Reserve,
    ResumeNode,
    Submit,
    Unhold,
)
from conductor.core.decider import State, fold, fold_owned
from conductor.core.events import ProcessIdentity, ReleaseReason
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName, Position, StreamName
from conductor.handler import Accepted
from conductor.log import Log
from projections.log_stream import read_log
from projections.replay import verify
from tests.fix_engine import Engine
from tests.properties.test_random_causes import assert_causes

NODES = (NodeName("a"), NodeName("b"))
CPUS = 4
GRES = {"gpu": 2}
WISHES = 250
EVENT_TEXTS = """
    SELECT event_text(position, stream, version, type, schema_version, at, recorded_at, data, metadata)
    FROM events ORDER BY position
"""


class Wisher:
    """Makes wishes that are often legal: numbers are drawn from a small range, as ours are."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def wish(self) -> Command:
        chance = self.random
        job_id = JobId(chance.randint(1, 30))
        node_name = chance.choice(NODES)
        allocation_id = AllocationId(chance.randint(1, 120))
        incarnation = Incarnation(chance.choice([1, 1, 1, 2]))
        process = ProcessIdentity(pid=chance.randint(1, 3), boot_id="boot", start_ticks=1)
        cpu_ids = tuple(chance.sample(range(CPUS), chance.randint(1, 2)))
        wishes: list[Command] = [
            Submit(
                script="true\n",
                user_name="a",
                submitted_by="a",
                cpus_per_task=chance.randint(1, 2),
                exclusive=chance.random() < 0.1,
                gres=chance.choice([{}, {}, {"gpu": 1}]),
            ),
            Reserve(job_id=job_id, node_name=node_name),
            Reserve(job_id=job_id, node_name=node_name),
            Reserve(job_id=job_id, node_name=node_name, cpu_ids=cpu_ids, expires_in_seconds=0.001),
            Allocate(allocation_id=allocation_id, incarnation=incarnation, process=process),
            Allocate(allocation_id=allocation_id, incarnation=incarnation, process=process),
            self._release(allocation_id, incarnation),
            self._release(allocation_id, incarnation),
            Cancel(job_id=job_id),
            Expire(job_id=job_id, allocation_id=allocation_id),
            Requeue(job_id=job_id),
            Hold(job_id=job_id),
            Unhold(job_id=job_id),
            Reprioritize(job_id=job_id, priority=chance.randint(0, 3)),
        ]
        subject = f"position {allocation_id}"
        rare: list[Command] = [
            Repair(finding="process_missing", allocation_id=allocation_id),
            Repair(finding="cancel_stuck", job_id=job_id),
            AcknowledgeFinding(code="hash_broken", subject=subject, reason="because"),
            ChangePolicy(changes={"user_max_jobs": chance.randint(0, 3)}, unless_set=chance.random() < 0.2),
            DrainNode(node_name=node_name),
            ResumeNode(node_name=node_name),
            RegisterNode(node_name=node_name, spool_id="s", boot_id="b", total_cpus=CPUS, gres=GRES),
        ]
        return chance.choice(rare if chance.random() < 0.05 else wishes)

    def _release(self, allocation_id: AllocationId, incarnation: Incarnation) -> Release:
        chance = self.random
        return Release(
            allocation_id=allocation_id,
            incarnation=incarnation,
            reason=chance.choice(list(ReleaseReason)),
            exit_code=chance.choice([0, 1, None]),
            exit_signal=None,
        )


@pytest.mark.parametrize("seed", range(4))
def test_after_any_history_of_two_writers_every_table_equals_the_log(
    engine: Engine, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(engine: Engine) -> int:
        for name in NODES:
            await engine.register(name, CPUS, gres=GRES)
        other = Engine(engine.url)
        async with other.open():
            accepted = await asyncio.gather(*(_wish(e, seed * 10 + n) for n, e in enumerate((engine, other))))
        return sum(accepted)

    assert engine.run(story) > WISHES // 4
    _fold_both_ways(engine)
    assert_causes(engine.run(lambda engine: Log(engine.pool).read_after(Position(0), limit=10_000)))
    # Nothing ended is kept whole: each job that goes on is folded again from its stream.
    monkeypatch.setattr("projections.folded._JUST_ENDED", 0)
    assert [d.sentence() for d in verify(engine.url).differences] == []


def _fold_both_ways(engine: Engine) -> None:
    """Changed in place or made anew, a state is the same; and the bytes of the hash are the database's own."""
    states: dict[StreamName, State] = {}
    owned: dict[StreamName, State] = {}
    last_hash = b""
    with psycopg.connect(engine.url) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        texts = [text for (text,) in connection.execute(EVENT_TEXTS)]
        for text, logged in zip(texts, read_log(connection), strict=True):
            recorded = logged.recorded()
            fold_owned(owned, recorded.stream, recorded.event, at=recorded.at, version=recorded.version)
            assert fold(states, recorded) == owned[recorded.stream]
            assert logged.text == text
            assert logged.hash_after(last_hash) == logged.hash
            last_hash = logged.hash


async def _wish(engine: Engine, seed: int) -> int:
    """Wishes in waves of ten, so that batches hold several and writers collide."""
    wisher = Wisher(seed)
    accepted = 0
    for _ in range(WISHES // 10):
        outcomes = await asyncio.gather(*(engine.do(wisher.wish()) for _ in range(10)))
        accepted += sum(isinstance(outcome, Accepted) for outcome in outcomes)
    return accepted
