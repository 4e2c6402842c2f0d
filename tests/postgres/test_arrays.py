"""An array is recorded whole, once, whatever happens to the answers."""

import asyncio
from dataclasses import replace

import pytest

from conductor.completing import Request as Wish
from conductor.core.arrays import tasks_of
from conductor.core.commands import Submit
from conductor.core.errors import Rejection
from conductor.handler import Accepted, Outcome
from tests.fix_engine import PROVENANCE, Engine
from tests.postgres.test_handler import LostAnswer

COMMAND_ID = "6b0e4f51-25ac-4e8e-bb5c-8a1c1cb84c02"
WANTED = Submit(
    script="true\n", user_name="alice", submitted_by="admin", array="0-19", environment={"SECRET": "x"}
)


def wishes(wanted: Submit = WANTED, command_id: str | None = COMMAND_ID) -> list[Wish]:
    first, *others = tasks_of(wanted)
    head = Wish(command=first, provenance=replace(PROVENANCE, command_id=command_id))
    return [head, *(Wish(command=one, provenance=PROVENANCE, head=head) for one in others)]


def rows(engine: Engine) -> list[tuple[int, int, int]]:
    return [
        (row[0], row[1], row[2])
        for row in engine.sql("SELECT id, array_job_id, array_task_id FROM jobs ORDER BY array_job_id, id")
    ]


def test_the_same_array_twice_in_one_batch_is_one_array(engine: Engine) -> None:
    async def story(engine: Engine) -> list[list[Outcome]]:
        return await asyncio.gather(
            *(engine.handler.handle_requests(wishes(), atomic=True) for _ in range(3))
        )

    first, *others = engine.run(story)
    assert rows(engine) == [(1 + task, 1, task) for task in range(20)]
    for again in others:
        assert isinstance(again[0], Accepted)
        assert isinstance(first[0], Accepted)
        assert again[0].events == first[0].events
    assert engine.sql("SELECT count(*) FROM environments") == [(1,)]


def test_another_array_under_the_same_id_is_refused_whole(engine: Engine) -> None:
    async def story(engine: Engine) -> list[Outcome]:
        await engine.handler.handle_requests(wishes(), atomic=True)
        other = wishes(replace(WANTED, array="0-20"))
        return await engine.handler.handle_requests(other, atomic=True)

    assert all(isinstance(outcome, Rejection) for outcome in engine.run(story))
    assert len(rows(engine)) == 20


@pytest.mark.parametrize("command_id", [None, COMMAND_ID])
def test_an_array_whose_answer_was_lost_is_recorded_once(
    engine: Engine, command_id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(engine: Engine) -> list[Outcome]:
        monkeypatch.setattr("conductor.handler.append", LostAnswer())
        return await engine.handler.handle_requests(wishes(command_id=command_id), atomic=True)

    assert all(isinstance(outcome, Accepted) for outcome in engine.run(story))
    assert len(rows(engine)) == 20
