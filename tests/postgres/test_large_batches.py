"""Many submissions at once cost few questions, and leave what they would have left one by one."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from conductor.alike import rows_told_once, told_once
from conductor.core.commands import ChangePolicy, Submit
from conductor.core.events import JobSubmitted
from conductor.handler import Accepted, Outcome
from conductor.log import append
from tests.fix_engine import PROVENANCE, Engine

EVENTS: list[dict[str, Any]] = [
    {
        "stream": f"job-{number}",
        "version": 1,
        "type": "JobSubmitted",
        "schema_version": 2,
        "data": {
            "job_id": number,
            "name": name,
            "none": None,
            "nested": {"a": [1, {"b": "é"}]},
            "flag": True,
        },
        "metadata": {"actor": "tester"},
    }
    for number, name in enumerate(["x", 'quo"te', "zeile\n", "漢字", "x"], 1)
]


def submissions(count: int, **changes: Any) -> list[Submit]:
    script = {"script": "true\n", "user_name": "alice", "submitted_by": "admin"}
    return [Submit(**{**script, "name": f"sweep-{number}", **changes}) for number in range(count)]


def told(events: Sequence[dict[str, Any]]) -> str:
    names = [name for name in events[0] if name != "data"]
    alike, own = told_once(names, [[event[name] for event in events] for name in names])
    members = list(events[0]["data"])
    alike["data"], each = told_once(members, [[event["data"][name] for event in events] for name in members])
    return json.dumps({"alike": alike, "own": [{**o, "data": d} for o, d in zip(own, each, strict=True)]})


def test_events_that_are_told_once_are_the_same_events(tampered_engine: Engine) -> None:
    """Down to their hashes, which are made of their texts."""
    found = []
    for form in (json.dumps(EVENTS), told(EVENTS)):
        with psycopg.connect(tampered_engine.url) as connection:
            connection.execute(
                "SELECT append_events('2026-01-01Z', %s::jsonb, '2026-01-01 00:00:01Z')", [form]
            )
            found.append(connection.execute("SELECT *, data::text FROM events ORDER BY position").fetchall())
            connection.rollback()
    assert len(told(EVENTS)) < len(json.dumps(EVENTS))
    assert found[0] == found[1]
    assert len(found[0]) == len(EVENTS)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_rows_that_are_told_once_are_the_same_rows(count: int) -> None:
    rows = [
        {"id": number, "name": "x", "none": None, "state": "A" if number % 2 else "B"}
        for number in range(count)
    ]
    given = rows_told_once(rows)
    if isinstance(given, dict):
        assert [{**given["alike"], **own} for own in given["own"]] == rows
        assert "name" in given["alike"]
    else:
        assert given == rows


def test_a_batch_takes_two_questions_however_large_it_is(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def noted(cursor: Any, query: Any, *arguments: Any, **more: Any) -> Any:
        asked.append(str(query))
        return await execute(cursor, query, *arguments, **more)

    async def story(engine: Engine) -> list[int]:
        await engine.submit()
        monkeypatch.setattr(psycopg.AsyncCursor, "execute", noted)
        numbers = []
        for count in (2, 400):
            asked.clear()
            await engine.handler.handle_all(submissions(count), PROVENANCE, atomic=True)
            numbers.append(len(asked))
        return numbers

    assert engine.run(story) == [2, 2]  # ids, clock and the widest node; the commit


def test_a_submission_is_recorded_while_another_is_being_written(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one of the same wish: it is recognised, whichever of them comes first."""
    key = replace(PROVENANCE, command_id=str(uuid.uuid4()))
    [wish] = submissions(1)
    begun, gate = asyncio.Event(), asyncio.Event()

    async def held_up(connection: Any, batch: Any) -> Any:
        monkeypatch.setattr("conductor.handler.append", append)
        begun.set()
        await gate.wait()
        return await append(connection, batch)

    async def story(engine: Engine) -> list[Outcome]:
        monkeypatch.setattr("conductor.handler.append", held_up)
        first = asyncio.create_task(engine.handler.handle(wish, key))
        await begun.wait()
        await engine.submit(name="another")
        again = await engine.handler.handle(wish, key)
        assert not first.done()
        gate.set()
        return [again, await first]

    again, first = engine.run(story)
    assert isinstance(first, Accepted)
    assert first == again
    assert engine.sql("SELECT name FROM jobs ORDER BY name") == [("another",), ("sweep-0",)]


def test_commands_of_one_list_are_recorded_in_their_order(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []

    async def noted(connection: Any, batch: Any) -> Any:
        batches.append(len(batch.events))
        return await append(connection, batch)

    async def story(engine: Engine) -> Sequence[Outcome]:
        monkeypatch.setattr("conductor.handler.append", noted)
        [one, other] = submissions(2)
        wider = ChangePolicy(changes={"user_max_cpus": 8})
        return await engine.handler.handle_all([one, wider, other], PROVENANCE, atomic=False)

    outcomes = engine.run(story)
    positions = [one.position for one in outcomes if isinstance(one, Accepted)]
    assert len(positions) == 3
    assert positions == sorted(positions)
    assert batches == [3]


def test_a_list_of_submissions_that_takes_two_batches_is_recorded_in_its_order(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way: list[int] = []
    at_once: list[int] = []

    async def noted(connection: Any, batch: Any) -> Any:
        under_way.append(1)
        at_once.append(len(under_way))
        recorded = await append(connection, batch)
        under_way.pop()
        return recorded

    async def story(engine: Engine) -> Sequence[Outcome]:
        monkeypatch.setattr("conductor.handler.append", noted)
        return await engine.handler.handle_all(submissions(505), PROVENANCE, atomic=False)

    outcomes = engine.run(story)
    assert at_once == [1, 1]
    positions = [one.position for one in outcomes if isinstance(one, Accepted)]
    assert len(positions) == 505
    assert positions == sorted(positions)


def test_large_batches_beside_each_other_are_each_whole_and_in_order(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        lists = [submissions(150, account=f"project-{number}") for number in range(5)]
        single = asyncio.create_task(engine.submit(name="single"))
        answers = await asyncio.gather(
            *(engine.handler.handle_all(one, PROVENANCE, atomic=True) for one in lists)
        )
        await single
        for number, outcomes in enumerate(answers):
            events = [one.events[0] for one in outcomes if isinstance(one, Accepted)]
            assert len(events) == 150
            positions = [event.position for event in events]
            assert positions == list(range(positions[0], positions[0] + 150))
            facts = [event.event for event in events if isinstance(event.event, JobSubmitted)]
            assert [fact.name for fact in facts] == [f"sweep-{index}" for index in range(150)]
            assert {fact.account for fact in facts} == {f"project-{number}"}

    engine.run(story)
    assert engine.sql("SELECT count(*) FROM jobs") == [(751,)]


def test_what_differs_in_a_large_batch_is_kept_apart(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        many = submissions(120, environment={"A": "1"}) + submissions(2, memory_mb=5, script="false\n")
        await engine.handler.handle_all(many, PROVENANCE, atomic=True)

    engine.run(story)
    assert engine.sql("SELECT count(DISTINCT environment_id), count(memory_mb) FROM jobs") == [(120, 2)]
    assert engine.sql("SELECT count(*) FROM environments") == [(120,)]
