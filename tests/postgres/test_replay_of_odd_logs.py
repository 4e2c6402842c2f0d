"""Logs and rows at the edge of what replay can read: it names what is wrong, and invents nothing."""

import json
import threading
import time

import psycopg
import pytest

from conductor.core.commands import Requeue
from conductor.core.identifiers import JobId
from projections.replay import verify
from tests.fix_engine import Engine
from tests.postgres.test_replay import a_busy_day, known_at, the_next_day

WAITS_FOR_A_LOCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def test_cpus_taken_off_a_node_while_held_are_on_the_books_from_a_later_position_too(
    tampered_engine: Engine,
) -> None:
    async def shrinks(engine: Engine) -> None:
        await engine.register(cpus=4)
        await engine.reserve(await engine.submit(), 3)
        await engine.register(cpus=2)

    async def goes_on(engine: Engine) -> None:
        await engine.reserve(await engine.submit(), 0)

    tampered_engine.run(shrinks)
    since = known_at(tampered_engine, verify(tampered_engine.url).position)
    tampered_engine.run(goes_on)
    assert [one.sentence() for one in verify(tampered_engine.url, since=since).differences] == []


def test_what_is_known_of_a_position_before_the_trusted_one_is_looked_at_alone(engine: Engine) -> None:
    engine.run(a_busy_day)
    last = verify(engine.url).position
    engine.run(the_next_day)
    assert verify(engine.url, since=known_at(engine, last), known=[known_at(engine, 3)]).equal


def test_a_number_that_json_does_not_have_is_no_null(tampered_engine: Engine) -> None:
    tampered_engine.run(a_busy_day)
    tampered_engine.sql("UPDATE resource_allocations SET cpu_seconds = 'NaN' WHERE cpu_seconds IS NULL")
    assert not verify(tampered_engine.url).equal


@pytest.mark.parametrize(
    "change",
    [
        "schema_version = 0",
        "data = data || '{\"priority\": 99999999999999999999999}'",
        'data = data || \'{"begin_time": "2030-01-01T00:00:00"}\'',
    ],
)
def test_an_event_that_cannot_be_folded_is_named(tampered_engine: Engine, change: str) -> None:
    tampered_engine.run(a_busy_day)
    tampered_engine.sql("ALTER TABLE events DISABLE TRIGGER events_append_only")
    tampered_engine.sql(f"UPDATE events SET {change} WHERE position = 3")  # noqa: S608 - ours
    assert "hash_broken" in {one.code for one in verify(tampered_engine.url).differences}


def test_a_live_batch_that_waits_for_a_mended_row_takes_the_new_one_out(tampered_engine: Engine) -> None:
    """A statement that waited does not see what was put in meanwhile; the next one does."""
    engine = tampered_engine
    engine.run(a_busy_day)
    engine.sql("UPDATE resource_allocations SET memory_mb = 7 WHERE job_id = 4")

    async def requeue(engine: Engine) -> None:
        await engine.accepted(Requeue(job_id=JobId(4)))

    with psycopg.connect(engine.url) as mending:
        row = mending.execute(
            "SELECT to_jsonb(a) || '{\"memory_mb\": null}', id, xmin::text FROM resource_allocations a WHERE job_id = 4"
        ).fetchone()
        assert row is not None
        out, anew = json.dumps({str(row[1]): row[2]}), json.dumps([row[0]])
        mending.execute("SELECT take_out_rows('resource_allocations', %s::jsonb)", [out])
        mending.execute("SELECT put_in_rows('resource_allocations', %s::jsonb)", [anew])
        live = threading.Thread(target=lambda: engine.run(requeue))
        live.start()
        give_up_at = time.monotonic() + 10
        while engine.sql(WAITS_FOR_A_LOCK)[0][0] == 0:
            assert time.monotonic() < give_up_at
        mending.commit()
        live.join()
    assert [one.sentence() for one in verify(engine.url).differences] == []
