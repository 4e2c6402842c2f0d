"""Times become positions without reading the log; the tables of then stand beside today's, and only where they may."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from conductor.core.commands import Allocate
from conductor.core.events import ProcessIdentity
from conductor.core.identifiers import NodeName
from conductor.database import DatabaseNotReady, DatabaseUnavailable
from projections.moment import BeyondHead, UnreadableLog, find_moment, states_at
from projections.past_schema import SchemaRefused, make_past_schema
from projections.snapshot import snapshot
from tests.fix_engine import Engine
from tests.postgres.test_replay import a_busy_day

LONG_AGO = datetime(1999, 1, 1, tzinfo=UTC)


def position_at(engine: Engine, instant: datetime) -> int:
    with snapshot(engine.url) as connection:
        return find_moment(connection, instant).position


def times(engine: Engine) -> list[datetime]:
    return [row[0] for row in engine.sql("SELECT recorded_at FROM events ORDER BY position")]


def spread_out(engine: Engine, *seconds: int) -> None:
    """So many events, recorded at these seconds after a day long gone; as only a superuser can."""
    engine.sql("ALTER TABLE events DISABLE TRIGGER events_append_only")
    for position, second in enumerate(seconds, 1):
        engine.sql(
            "UPDATE events SET recorded_at = %s WHERE position = %s",
            LONG_AGO + timedelta(seconds=second), position,
        )  # fmt: skip


def test_the_position_of_a_time_is_the_last_event_recorded_by_then(engine: Engine) -> None:
    engine.run(a_busy_day)
    recorded = times(engine)
    tick = timedelta(microseconds=1)
    for instant in recorded:
        assert position_at(engine, instant) == sum(one <= instant for one in recorded)
        assert position_at(engine, instant - tick) == sum(one < instant for one in recorded)
    assert position_at(engine, LONG_AGO) == 0


def test_a_time_before_the_log_is_an_empty_system_and_one_to_come_is_the_present(engine: Engine) -> None:
    engine.run(a_busy_day)
    ahead = datetime.now(UTC) + timedelta(days=1)
    with snapshot(engine.url) as connection:
        before, after = find_moment(connection, LONG_AGO), find_moment(connection, ahead)
        assert (before.position, before.at, before.in_future) == (0, LONG_AGO, False)
        assert list(states_at(connection, before.position)) == []
    assert (after.position, after.in_future) == (after.head, True)
    assert after.at is not None
    assert after.at < ahead


def test_of_an_empty_log_every_time_is_position_0(engine: Engine) -> None:
    for instant in (LONG_AGO, datetime.now(UTC), datetime.max.replace(tzinfo=UTC)):
        assert position_at(engine, instant) == 0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9])
def test_every_length_of_log_is_searched_to_both_ends(tampered_engine: Engine, count: int) -> None:
    async def story(engine: Engine) -> None:
        for _ in range(count):
            await engine.submit()

    tampered_engine.run(story)
    spread_out(tampered_engine, *(10 * n for n in range(1, count + 1)))
    for n in range(count + 1):
        assert position_at(tampered_engine, LONG_AGO + timedelta(seconds=10 * n)) == n
        assert position_at(tampered_engine, LONG_AGO + timedelta(seconds=10 * n + 9)) == n


def test_where_the_clock_ran_backwards_the_answer_is_a_boundary_and_stays_as_the_log_grows(
    tampered_engine: Engine,
) -> None:
    async def story(engine: Engine) -> None:
        for _ in range(6):
            await engine.submit()

    engine = tampered_engine
    engine.run(story)
    spread_out(engine, 10, 20, 15, 18, 30, 40)
    recorded = times(engine)
    answers = {}
    for second in range(9, 42):
        instant = LONG_AGO + timedelta(seconds=second)
        answers[instant] = found = position_at(engine, instant)
        assert found == 0 or recorded[found - 1] <= instant
        assert found == len(recorded) or recorded[found] > instant
    engine.run(story)
    engine.sql("UPDATE events SET recorded_at = %s WHERE position > 6", LONG_AGO + timedelta(days=1))
    assert {instant: position_at(engine, instant) for instant in answers} == answers


def test_a_time_is_found_by_the_primary_key_and_not_by_reading_the_log(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        for _ in range(300):
            await engine.submit()

    engine.run(story)
    reads = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'events'"
    with psycopg.connect(engine.url) as connection:
        connection.execute("SET enable_seqscan = off")
        found = connection.execute("SELECT position_at(now())").fetchone()
        assert found is not None
        assert found[0] == 300
        assert connection.execute(reads).fetchone() == (0,)


def test_a_position_beyond_the_head_is_refused_with_the_head(engine: Engine) -> None:
    engine.run(a_busy_day)
    head = len(times(engine))
    with snapshot(engine.url) as connection:
        assert find_moment(connection, head).position == head
        with pytest.raises(BeyondHead, match=f"ends at position {head}"):
            find_moment(connection, head + 1)


def test_everything_is_read_from_one_snapshot(engine: Engine) -> None:
    engine.run(a_busy_day)
    with snapshot(engine.url) as connection:
        head = find_moment(connection, 0).head
        engine.run(lambda engine: engine.submit())
        assert find_moment(connection, datetime.now(UTC)).position == head
        with pytest.raises(BeyondHead):
            find_moment(connection, head + 1)


def test_a_log_with_an_event_missing_is_not_folded_into_a_guess(tampered_engine: Engine) -> None:
    tampered_engine.run(a_busy_day)
    tampered_engine.sql("ALTER TABLE events DISABLE TRIGGER events_append_only")
    tampered_engine.sql("DELETE FROM events WHERE stream = 'job-2' AND version = 2")
    with (
        snapshot(tampered_engine.url) as connection,
        pytest.raises(UnreadableLog, match="replay verify") as refused,
    ):
        list(states_at(connection, 10))
    assert ".." not in str(refused.value)


def test_a_database_that_cannot_be_read_says_so(empty_database_url: str) -> None:
    with pytest.raises(DatabaseNotReady, match="conductor migrate"), snapshot(empty_database_url):
        pass
    with (
        pytest.raises(DatabaseUnavailable, match="cannot be reached"),
        snapshot("postgresql://127.0.0.1:1/x"),
    ):
        pass


def make(engine: Engine, position: int, schema: str = "past", *, replace: bool = False) -> dict[str, int]:
    with snapshot(engine.url, read_only=False) as connection:
        moment = find_moment(connection, position)
        return make_past_schema(connection, schema, moment, states_at(connection, position), replace=replace)


DESCRIBED = """
    SELECT c.relname::text, obj_description(c.oid, 'pg_class'), a.attname::text,
           format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum), a.attnotnull
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = %s::regnamespace
      AND c.relname IN ('jobs', 'resource_allocations', 'past_allocations', 'nodes', 'events',
                        'allocation_history', 'process_history', 'usage')
    ORDER BY c.relname, a.attnum
"""


def test_the_tables_of_then_have_todays_columns_types_and_comments(engine: Engine) -> None:
    engine.run(a_busy_day)
    make(engine, 9)

    def described(schema: str) -> list[tuple[Any, ...]]:
        # A view's columns may all be NULL, and so may those of `events`, which is one here.
        return [row[:5] if row[0] in ("events", "usage") else row for row in engine.sql(DESCRIBED, schema)]

    assert len({row[0] for row in described("past")}) == 8
    assert described("past") == described("public")


def test_the_report_role_reads_the_schema_and_its_views_and_writes_nothing(engine: Engine) -> None:
    engine.run(a_busy_day)
    make(engine, 12)
    owner = engine.sql("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'events'")[0][0]
    with psycopg.connect(engine.url, autocommit=True) as connection:
        role = owner.strip('"').removesuffix("_owner") + "_report"
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        joined = """
            SELECT j.id, j.state, a.status FROM past.jobs j
            LEFT JOIN past.allocation_history a ON a.job_id = j.id ORDER BY j.id
        """
        assert connection.execute(joined).fetchall() == [
            (1, "PENDING", None), (2, "COMPLETED", "released"), (3, "PENDING", "released"),
        ]  # fmt: skip
        assert connection.execute("SELECT max(position) FROM past.events").fetchall() == [(12,)]
        assert len(connection.execute("SELECT * FROM past.process_history").fetchall()) == 2
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM past.jobs")


def test_what_ran_then_is_counted_to_then_however_late_one_looks(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        node = await engine.register()
        for pid in (1, 2):
            job_id = await engine.submit()
            allocation = await engine.reserve(job_id)
            process = ProcessIdentity(pid=pid, boot_id="b", start_ticks=1)
            await engine.accepted(
                Allocate(
                    job_id=job_id, node_name=NodeName("node-1"), allocation_id=allocation.allocation_id,
                    incarnation=node.incarnation, process=process,
                )
            )  # fmt: skip

    engine.run(story)
    make(engine, 7)
    usage = "SELECT job_id, cpu_seconds_allocated FROM past.usage ORDER BY job_id"
    first = engine.sql(usage)
    assert first == engine.sql(usage)
    assert first[0][1] > first[1][1] >= 0


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ("public", "schema_reserved"),
        ("pg_past", "schema_reserved"),
        ("information_schema", "schema_reserved"),
        ("Past", "schema_bad_name"),
        ("a-b", "schema_bad_name"),
        ('x"; DROP SCHEMA public CASCADE; --', "schema_bad_name"),
        ("x" * 64, "schema_bad_name"),
        ("theirs", "schema_foreign"),
    ],
)
@pytest.mark.parametrize("replace", [False, True])
def test_a_schema_that_is_not_ours_to_make_is_refused_and_left(
    engine: Engine, schema: str, code: str, *, replace: bool
) -> None:
    engine.sql("CREATE SCHEMA theirs")
    engine.sql("CREATE TABLE theirs.kept ()")
    with pytest.raises(SchemaRefused) as refused:
        make(engine, 0, schema, replace=replace)
    assert refused.value.code == code
    assert engine.sql("SELECT to_regclass('theirs.kept') IS NOT NULL") == [(True,)]


def test_a_role_that_may_not_make_a_schema_is_told_so(engine: Engine) -> None:
    owner = engine.sql("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'events'")[0][0]
    role = sql.Identifier(owner.strip('"').removesuffix("_owner") + "_report")
    with snapshot(engine.url, read_only=False) as connection:
        moment = find_moment(connection, 0)
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
        with pytest.raises(SchemaRefused) as refused:
            make_past_schema(connection, "past", moment, [])
    assert refused.value.code == "schema_no_right"


def test_a_connection_that_is_lost_on_the_way_is_said_to_be(engine: Engine) -> None:
    def lose() -> None:
        with snapshot(engine.url) as connection:
            engine.sql("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
            find_moment(connection, 0)

    with pytest.raises(DatabaseUnavailable, match="ended the connection"):
        lose()


def test_a_schema_of_ours_is_made_anew_only_when_told_to(engine: Engine) -> None:
    engine.run(a_busy_day)
    assert make(engine, 3)["jobs"] == 1
    with pytest.raises(SchemaRefused) as refused:
        make(engine, 14)
    assert refused.value.code == "schema_exists"
    assert engine.sql("SELECT count(*) FROM past.jobs") == [(1,)]
    assert make(engine, 14, replace=True)["jobs"] == 4
    assert engine.sql("SELECT count(*) FROM past.jobs") == [(4,)]


def test_a_schema_whose_making_is_interrupted_leaves_nothing_and_one_replaced_stays(engine: Engine) -> None:
    engine.run(a_busy_day)
    make(engine, 3)

    def broken(connection: Any) -> Any:
        yield from states_at(connection, 10)
        raise KeyboardInterrupt

    for schema in ("other", "past"):
        with pytest.raises(KeyboardInterrupt), snapshot(engine.url, read_only=False) as connection:
            make_past_schema(
                connection, schema, find_moment(connection, 10), broken(connection), replace=True
            )
    assert engine.sql("SELECT to_regnamespace('other') IS NULL") == [(True,)]
    assert engine.sql("SELECT count(*) FROM past.jobs") == [(1,)]
