"""How many jobs have ended is counted by the batches that end them, and is what counting them gives."""

import asyncio
import json
from typing import Any

import psycopg
import pytest

from conductor.core.commands import Cancel, Command, Requeue
from conductor.core.events import Provenance
from conductor.core.identifiers import JobId
from conductor.database import load_queries
from projections.rebuild import rebuild
from tests.fix_engine import PROVENANCE, Engine

COUNTED = "SELECT counts FROM ended_jobs"
BY_COUNTING = """
    SELECT jsonb_object_agg(state, jobs) FROM (SELECT state, count(*) AS jobs FROM jobs WHERE final GROUP BY state) j
"""
STATS = load_queries("api.answers", "queries.sql")["stats"]


def counts(engine: Engine) -> dict[str, int]:
    [(found,)] = engine.sql(COUNTED)
    return {state: number for state, number in found.items() if number}


def cancel(*jobs: int) -> list[Command]:
    return [Cancel(job_id=JobId(job)) for job in jobs]


def test_ends_and_requeues_of_one_batch_or_of_many_are_counted(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        jobs = [await engine.submit() for _ in range(12)]
        await engine.handler.handle_all(cancel(*jobs[:10]), PROVENANCE, atomic=True)
        assert counts(engine) == {"CANCELLED": 10}
        again: list[Command] = [Requeue(job_id=jobs[0]), Requeue(job_id=jobs[1]), *cancel(jobs[1], jobs[10])]
        await engine.handler.handle_all(again, PROVENANCE, atomic=True)
        assert counts(engine) == {"CANCELLED": 10}
        await engine.handler.handle_all(cancel(*jobs), PROVENANCE, atomic=False)

    engine.run(story)
    assert counts(engine) == {"CANCELLED": 12} == engine.sql(BY_COUNTING)[0][0]
    assert len(engine.sql(COUNTED)) == 1


def test_writers_at_the_same_time_lose_no_count(engine: Engine) -> None:
    other = Engine(engine.url)

    async def story(engine: Engine) -> None:
        jobs = [await engine.submit() for _ in range(60)]
        async with other.open():
            one = (engine.handler.handle(command, PROVENANCE) for command in cancel(*jobs[:30]))
            two = (other.handler.handle(command, PROVENANCE) for command in cancel(*jobs[30:]))
            await asyncio.gather(*one, *two)

    engine.run(story)
    assert counts(engine) == {"CANCELLED": 60}


def test_a_batch_that_is_refused_counts_nothing(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        job = await engine.submit()
        await engine.handler.handle_all([*cancel(job), *cancel(4711)], PROVENANCE, atomic=True)

    engine.run(story)
    assert engine.sql(COUNTED) == []


@pytest.mark.parametrize("wrong", ['{"CANCELLED": 3}', '{"CANCELLED": 1, "FAILED": 1}', "{}"])
def test_a_wrong_count_is_found_and_made_right(tampered_engine: Engine, wrong: str) -> None:
    engine = tampered_engine

    async def story(engine: Engine) -> None:
        await engine.handler.handle_all(cancel(await engine.submit()), PROVENANCE, atomic=True)

    engine.run(story)
    assert engine.differences() == []
    engine.sql("UPDATE ended_jobs SET counts = %s::jsonb", wrong)
    found = engine.differences()
    assert found
    assert all(sentence.startswith("ended_jobs ") for sentence in found)
    rebuilt = rebuild(engine.url, provenance=Provenance(actor="root@host", channel="cli"))
    assert rebuilt.recounted
    assert rebuilt.damages == []
    assert engine.differences() == []
    assert counts(engine) == {"CANCELLED": 1}


def test_the_statistics_of_a_full_table_look_at_few_pages(engine: Engine) -> None:
    async def story(engine: Engine) -> JobId:
        return await engine.submit(held=True)

    job = engine.run(story)
    many = """
        INSERT INTO jobs SELECT (jsonb_populate_record(j, jsonb_build_object(
            'id', 1000 + n, 'state', 'COMPLETED', 'final', true))).*
        FROM jobs j, generate_series(1, 20000) n WHERE j.id = %s
    """
    with psycopg.connect(engine.url) as connection:
        connection.execute(many, [job])
        connection.execute("SELECT recount_ended()")
        connection.execute("ANALYZE jobs")
        [(plan,)] = connection.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + STATS).fetchall()
        row: Any = connection.execute(STATS).fetchone()
        connection.rollback()
    top = plan[0]["Plan"]
    assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 200, json.dumps(plan)[:2000]
    assert {"PENDING": 1, "COMPLETED": 20000}.items() <= next(
        v for v in row if isinstance(v, dict) and v
    ).items()
