"""Races and repeats of the handler: told twice, beaten by another process, caught in a deadlock, a name taken."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from conductor.core.commands import Cancel, Command, RegisterNode, Reserve, Submit
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import RecordedEvent
from conductor.core.identifiers import JobId, NodeName
from conductor.handler import Accepted
from conductor.log import Batch, append
from tests.fix_engine import PROVENANCE, Engine

NODE = NodeName("node-1")
SUBMIT = Submit(script="true\n", user_name="alice", submitted_by="admin")


def reserve(job_id: int, *cpu_ids: int) -> Reserve:
    return Reserve(job_id=JobId(job_id), node_name=NODE, cpu_ids=cpu_ids)


def test_a_command_given_twice_in_one_breath_happens_once(engine: Engine) -> None:
    async def story(engine: Engine) -> list[object]:
        provenance = replace(PROVENANCE, command_id=str(uuid.uuid4()))
        return await asyncio.gather(*(engine.handler.handle(SUBMIT, provenance) for _ in range(2)))

    first, second = engine.run(story)
    assert isinstance(first, Accepted)
    assert first == second


class BeatenBy:
    """`append`, but something else is done just before the first one."""

    def __init__(self, other: Callable[[], Awaitable[object]]) -> None:
        self.others = [other]

    async def __call__(self, connection: Any, batch: Batch) -> list[RecordedEvent]:
        if self.others:
            await self.others.pop()()
        return await append(connection, batch)


def test_a_command_that_another_process_records_meanwhile_is_recognised(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(engine: Engine) -> list[object]:
        provenance = replace(PROVENANCE, command_id=str(uuid.uuid4()))
        answers: list[object] = []

        async def elsewhere() -> None:
            answers.append(await other.handler.handle(SUBMIT, provenance))

        other = Engine(engine.url)
        async with other.open():
            monkeypatch.setattr("conductor.handler.append", BeatenBy(elsewhere))
            return [await engine.handler.handle(SUBMIT, provenance), *answers]

    mine, others = engine.run(story)
    assert isinstance(mine, Accepted)
    assert isinstance(others, Accepted)
    assert mine.position == others.position


def test_a_batch_that_lost_a_deadlock_is_done_again(engine: Engine) -> None:
    """An administrator locks two rows in the order in which we do not."""
    jobs = engine.run(two_jobs)

    async def story(engine: Engine) -> list[object]:
        with psycopg.connect(engine.url) as administrator:
            administrator.execute("SET deadlock_timeout = '1min'")  # so that it is us who give way
            administrator.execute("SELECT 1 FROM jobs WHERE id = %s FOR UPDATE", [jobs[1]])
            cancels: list[Command] = [Cancel(job_id=job_id) for job_id in jobs]
            ours = asyncio.create_task(engine.handler.handle_all(cancels, PROVENANCE, atomic=True))
            while engine.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'") == [
                (0,)
            ]:
                await asyncio.sleep(0.01)
            lock_the_other = "SELECT 1 FROM jobs WHERE id = %s FOR UPDATE"
            await asyncio.to_thread(administrator.execute, lock_the_other, [jobs[0]])
        return list(await ours)

    outcomes = engine.run(story)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]


async def two_jobs(engine: Engine) -> list[JobId]:
    return [await engine.submit() for _ in range(2)]


def test_cpus_freed_in_a_batch_may_be_promised_again_behind_it(engine: Engine) -> None:
    async def story(engine: Engine) -> list[object]:
        await engine.register()
        first, second = await engine.submit(), await engine.submit()
        await engine.reserve(second, 0)
        wishes: list[Command] = [Cancel(job_id=second), reserve(first, 0)]
        return list(await engine.handler.handle_all(wishes, PROVENANCE, atomic=True))

    assert [type(outcome) for outcome in engine.run(story)] == [Accepted, Accepted]


def test_a_nodes_name_belongs_to_one_spool_while_its_lease_lives(engine: Engine) -> None:
    """Else a second machine of that name would report the first one's jobs as gone while they run."""
    again = RegisterNode(node_name=NODE, spool_id="spool", boot_id="boot", total_cpus=4)
    elsewhere = replace(again, spool_id="another")
    lease = "SELECT renew_lease('node-1', 1, %s, '{}')"

    async def story(engine: Engine) -> Rejection:
        await engine.register()
        engine.sql(lease, 60)
        rejection = await engine.refused(elsewhere)
        engine.sql(lease, 0)
        await engine.accepted(elsewhere)
        engine.sql(lease.replace("1, %s", "2, %s"), 60)
        await engine.accepted(replace(elsewhere, boot_id="rebooted"))
        return rejection

    rejection = engine.run(story)
    assert rejection.code is RejectionCode.WRONG_STATE
    assert "NODE_NAME" in rejection.message
