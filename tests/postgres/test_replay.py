"""`replay verify` finds whatever differs: a row changed by hand, an event altered, one that is gone."""

import orjson
import psycopg
import pytest

from conductor.core.commands import Allocate, Cancel, Release, Requeue
from conductor.core.events import ProcessIdentity, ReleaseReason
from conductor.core.identifiers import JobId, NodeName
from conductor.database import DatabaseNotReady
from projections.known import KnownPosition
from projections.log_stream import LogEvent
from projections.replay import verify
from tests.fix_engine import Engine

NODE = NodeName("node-1")


async def a_busy_day(engine: Engine) -> None:
    """Jobs in several states, one past allocation, one node that registered twice."""
    await engine.register()
    node = await engine.register()
    await engine.submit()
    for exit_code in (0, 1):
        job_id = await engine.submit(environment={"A": "1"}, time_limit_seconds=61)
        allocation_id = (await engine.reserve(job_id, exit_code)).allocation_id
        where = {"incarnation": node.incarnation, "job_id": job_id, "node_name": NODE}
        process = ProcessIdentity(pid=4711 + exit_code, boot_id="boot", start_ticks=5)
        await engine.accepted(Allocate(allocation_id=allocation_id, process=process, **where))  # type: ignore[arg-type]
        await engine.accepted(
            Release(
                allocation_id=allocation_id,
                reason=ReleaseReason.FINISHED,
                exit_code=exit_code,
                exit_signal=None,
                cpu_seconds=0.25,
                memory_peak_mb=3,
                **where,  # type: ignore[arg-type]
            )
        )
    await engine.accepted(Requeue(job_id=job_id))
    await engine.reserve(await engine.submit(cpus_per_task=2))


async def the_next_day(engine: Engine) -> None:
    """One job more, and the reservation of job 4 is given back."""
    await engine.submit()
    await engine.accepted(Cancel(job_id=JobId(4)))


A_GHOST = """
    INSERT INTO nodes SELECT 'ghost', state, reason, total_cpus, cpu_ids, memory_mb, labels, incarnation,
                             boot_id, spool_id, cpu_block, registered_at, version FROM nodes
"""


def test_an_untouched_database_equals_its_log(engine: Engine) -> None:
    engine.run(a_busy_day)
    seen: list[tuple[int, int]] = []
    report = verify(engine.url, progress=lambda done, total: seen.append((done, total)))
    assert report.equal
    assert report.rows == {"jobs": 4, "resource_allocations": 2, "past_allocations": 1, "nodes": 1}
    assert seen[-1] == (report.events, report.events)


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        ("UPDATE jobs SET priority = 7 WHERE id = 1", "row_differs", "jobs 1.priority: the log says 0, the table 7"),
        ("UPDATE jobs SET exit_code = NULL WHERE id = 2", "row_differs", "jobs 2.exit_code"),
        ("UPDATE nodes SET labels = '{\"a\": \"b\"}'", "row_differs", "nodes node-1.labels"),
        ("UPDATE past_allocations SET process_id = 1", "row_differs", "process_id"),
        ("UPDATE resource_allocations SET release_time = now() WHERE job_id = 2", "row_differs", "release_time"),
        ("UPDATE resource_allocations SET cpu_spans = '{}' WHERE job_id = 2", "row_differs", "cpu_spans"),
        ("DELETE FROM resource_allocations WHERE job_id = 2", "row_missing", "the log has it"),
        ("DELETE FROM jobs WHERE id = 1", "row_missing", "jobs 1"),
        (A_GHOST, "row_unexpected", "nodes ghost"),
        ("UPDATE scripts SET body = 'rm -rf /'", "script_altered", "no longer has this digest"),
    ],
)  # fmt: skip
def test_a_row_changed_by_hand_is_found(tampered_engine: Engine, damage: str, code: str, words: str) -> None:
    tampered_engine.run(a_busy_day)
    tampered_engine.sql(damage)
    report = verify(tampered_engine.url)
    assert [difference.code for difference in report.differences] == [code]
    assert words in report.differences[0].sentence()


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("UPDATE events SET data = data || '{\"priority\": 9}' WHERE position = 3", "hash_broken"),
        ("UPDATE events SET at = at + interval '1 microsecond' WHERE position = 3", "hash_broken"),
        ('UPDATE events SET metadata = metadata || \'{"actor": "eve"}\' WHERE position = 3', "hash_broken"),
        ("DELETE FROM events WHERE position = 3", "position_missing"),
    ],
)
def test_an_event_altered_by_a_superuser_is_found(tampered_engine: Engine, damage: str, code: str) -> None:
    tampered_engine.run(a_busy_day)
    tampered_engine.sql("ALTER TABLE events DISABLE TRIGGER events_append_only")
    tampered_engine.sql(damage)
    report = verify(tampered_engine.url)
    assert code in [difference.code for difference in report.differences]


AN_ILLEGAL_EVENT = """
    SELECT commit_batch(now(), '{}', '[{"stream": "job-1", "version": 2, "type": "NodeDrained", "schema_version": 1,
                        "data": {"reason": null}, "metadata": {"actor": "eve", "channel": "psql"}}]', NULL, NULL, '{}')
"""


def test_an_event_that_cannot_stand_where_it_stands_is_found(tampered_engine: Engine) -> None:
    """Written through the door itself, so that positions and chain are in order."""
    tampered_engine.run(a_busy_day)
    tampered_engine.sql(AN_ILLEGAL_EVENT)
    [difference] = verify(tampered_engine.url).differences
    assert difference.code == "event_illegal"
    assert difference.subject.endswith("in job-1")


def test_differences_are_all_counted_and_the_first_are_named(tampered_engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        for _ in range(150):
            await engine.submit()

    tampered_engine.run(story)
    tampered_engine.sql("UPDATE jobs SET priority = 1")
    report = verify(tampered_engine.url)
    assert (report.differences_total, len(report.differences)) == (150, 100)


def test_a_database_without_the_schema_is_said_to_need_a_migration(empty_database_url: str) -> None:
    with pytest.raises(DatabaseNotReady, match="conductor migrate"):
        verify(empty_database_url)


@pytest.mark.parametrize(
    "name", ['quo"te', "back\\slash", "line\nfeed", "tab\tbell\x07", "名字", "del\x7f", "nbsp\xa0"]
)
def test_the_bytes_of_a_hash_are_the_databases_own_for_any_name(engine: Engine, name: str) -> None:
    arguments = {"name": name, "data": orjson.dumps({"text": name}).decode()}
    with psycopg.connect(engine.url) as connection:
        row = connection.execute(A_STRANGE_EVENT, arguments).fetchone()
    assert row is not None
    text, *fields = row
    assert LogEvent._make([*fields, b""]).text == text


A_STRANGE_EVENT = """
    WITH e AS (
        SELECT 7::bigint AS position, %(name)s AS stream, 1 AS version, %(name)s AS type, 1::smallint AS schema_version,
               '1969-12-31 23:59:59.999999+00'::timestamptz AS at, '2026-11-21 12:00:00+08'::timestamptz AS recorded_at,
               %(data)s::jsonb AS data, '{}'::jsonb AS metadata)
    SELECT event_text(position, stream, version, type, schema_version, at, recorded_at, data, metadata),
           position, stream, version, type, schema_version, at, recorded_at, data::text, metadata::text FROM e
"""


def test_a_stream_that_breaks_off_is_told_once(tampered_engine: Engine) -> None:
    """What follows from an illegal event is not told again; the other streams are still judged."""
    tampered_engine.run(a_busy_day)
    tampered_engine.sql(AN_ILLEGAL_EVENT)
    tampered_engine.sql(AN_ILLEGAL_EVENT.replace('"version": 2', '"version": 3'))
    tampered_engine.sql("UPDATE jobs SET priority = 7")
    codes = [(difference.code, difference.subject) for difference in verify(tampered_engine.url).differences]
    assert codes[0][0] == "event_illegal"
    assert sorted(codes[1:]) == [("row_differs", f"jobs {job_id}.priority") for job_id in (2, 3, 4)]


def known_at(engine: Engine, position: int) -> KnownPosition:
    with psycopg.connect(engine.url) as connection:
        row = connection.execute("SELECT hash FROM events WHERE position = %s", [position]).fetchone()
    assert row is not None
    return KnownPosition(position=position, hash=bytes(row[0]), origin="test")


def test_from_every_verified_position_on_the_rest_is_equal_too(engine: Engine) -> None:
    engine.run(a_busy_day)
    engine.run(the_next_day)
    last = verify(engine.url).position
    for position in range(1, last + 1):
        report = verify(engine.url, since=known_at(engine, position))
        assert [difference.sentence() for difference in report.differences] == []
        assert (report.events, report.position) == (last - position, last)


def test_from_a_verified_position_on_what_changed_since_is_judged(tampered_engine: Engine) -> None:
    tampered_engine.run(a_busy_day)
    middle = verify(tampered_engine.url).position
    since = known_at(tampered_engine, middle)
    tampered_engine.run(the_next_day)
    tampered_engine.sql("UPDATE jobs SET priority = 7")
    found = {difference.subject for difference in verify(tampered_engine.url, since=since).differences}
    # 4 and 5 have moved since, 1 and 3 still may; 2 had ended and is trusted.
    assert found == {f"jobs {job_id}.priority" for job_id in (1, 3, 4, 5)}


@pytest.mark.parametrize(("position", "word"), [(3, "the hash is"), (1000, "the log ends")])
def test_a_position_that_is_not_as_it_was_verified_is_a_difference(
    engine: Engine, position: int, word: str
) -> None:
    engine.run(a_busy_day)
    wrong = KnownPosition(position=position, hash=b"\0" * 32, origin="monday.json")
    differences = verify(engine.url, since=wrong).differences
    assert [difference.code for difference in differences] == ["history_rewritten"]
    assert word in differences[0].text


def test_a_cpu_promised_twice_across_the_verified_position_is_found(tampered_engine: Engine) -> None:
    tampered_engine.run(a_busy_day)
    since = known_at(tampered_engine, verify(tampered_engine.url).position)
    tampered_engine.sql(AN_OVERLAPPING_PROMISE)
    codes = [difference.code for difference in verify(tampered_engine.url, since=since).differences]
    assert "conservation_broken" in codes


AN_OVERLAPPING_PROMISE = """
    SELECT commit_batch(now(), '{}', jsonb_build_array(jsonb_build_object(
        'stream', 'job-1', 'version', 2, 'type', 'ResourcesReserved', 'schema_version', 1,
        'data', (SELECT data || '{"allocation_id": 99}' FROM events WHERE stream = 'job-4' AND version = 2),
        'metadata', '{"actor": "eve", "channel": "psql"}'::jsonb)), NULL, NULL, '{}')
"""
