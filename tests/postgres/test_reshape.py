"""A migration that gives a table another shape: live work goes on, and whatever interrupts it, the old tables serve."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from conductor import migrate as migrate_module
from conductor.core.commands import Cancel, Reserve
from conductor.core.identifiers import JobId, NodeName
from conductor.database import DatabaseUnavailable
from conductor.log import reachable
from conductor.migrate import Migration, MigrationError, migrate, migrations
from projections import reshape as reshape_module
from projections import rows, tables
from projections.jobs import job_row
from projections.reshape import reshape
from tests.fix_engine import Engine
from tests.postgres.test_migrate import ordinary_url
from tests.postgres.test_replay import a_busy_day

WIDER = """\
-- reshape: jobs resource_allocations past_allocations
ALTER TABLE jobs ALTER COLUMN array_task_id TYPE bigint;
ALTER TABLE resource_allocations ALTER COLUMN attempt TYPE bigint;
ALTER TABLE past_allocations ALTER COLUMN attempt TYPE bigint;
"""
SAME = "-- reshape: jobs resource_allocations past_allocations nodes\nSELECT 1;\n"
# Rows that older releases write do not name the column: its default comes from the record they are laid over.
WITH_SITE = """\
-- reshape: jobs
ALTER TABLE jobs ADD COLUMN site text NOT NULL DEFAULT 'here';
COMMENT ON COLUMN jobs.site IS 'Where it runs. / 运行地点。';
CREATE INDEX jobs_by_site ON jobs (site);
-- swapped:
CREATE OR REPLACE FUNCTION write_jobs(new_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs
    SELECT * FROM jsonb_populate_recordset(jsonb_populate_record(NULL::jobs, '{"site": "here"}'), new_rows) ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        state = EXCLUDED.state, reason = EXCLUDED.reason, final = EXCLUDED.final, priority = EXCLUDED.priority,
        held = EXCLUDED.held, end_time = EXCLUDED.end_time, version = EXCLUDED.version;
END
$$;
"""
# Everything that is written down about tables, views and functions, by name.
CATALOGUE = """
    SELECT 'column ' || attrelid::regclass || '.' || attname,
           concat_ws(' ', attnum, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid),
                     col_description(attrelid, attnum))
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    JOIN pg_class c ON c.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND relkind IN ('r', 'v') AND NOT attisdropped
    UNION ALL
    SELECT 'relation ' || relname, concat_ws(' ', relkind, relowner::regrole,
                                             ARRAY(SELECT unnest(relacl)::text ORDER BY 1), reloptions,
                                             obj_description(oid, 'pg_class'))
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index ' || indexrelid::regclass, pg_get_indexdef(indexrelid) || indisvalid
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'constraint ' || conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
    UNION ALL
    SELECT 'view ' || oid::regclass, pg_get_viewdef(oid)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
    UNION ALL
    SELECT 'function ' || oid::regprocedure, concat_ws(' ', pg_get_functiondef(oid), proowner::regrole,
                                                       proacl, obj_description(oid, 'pg_proc'))
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind <> 'a'  -- which has no definition to show
    UNION ALL
    SELECT 'schema ' || nspname, '' FROM pg_namespace WHERE nspname !~ '^pg_'
"""
STEPS = ["begun", "built", "filled", "caught up", "proved", "swapping", "swapped", "forgotten"]
KILLED_AT = """
import os, signal, sys
from conductor import migrate
from projections.reshape import reshape
url, step, text = sys.argv[1:]
shipped = migrate.migrations()
migrate.migrations = lambda: (*shipped, migrate.Migration(number=9000, name="test", text=text))
def reached(name):
    if name == step:
        os.kill(os.getpid(), signal.SIGKILL)
migrate.migrate(url, lambda *given: reshape(*given, reached))
"""
__all__ = ["ordinary_url"]
TYPE_OF_ARRAY_TASK = """
    SELECT format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = 'jobs'::regclass AND attname = 'array_task_id'
"""


@pytest.fixture
def ship(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a migration part of this release."""
    shipped = migrations()

    def add(text: str) -> None:
        one = Migration(number=9000, name="test", text=text)
        monkeypatch.setattr(migrate_module, "migrations", lambda: (*shipped, one))

    return add


def catalogue(engine: Engine) -> dict[str, str]:
    return dict(engine.sql(CATALOGUE))


def test_everything_that_hangs_on_a_table_comes_along(engine: Engine, ship: Callable[[str], None]) -> None:
    """A reshaping that changes nothing leaves nothing changed, whatever the schema is made of."""
    engine.run(a_busy_day)
    before, tables_were = (
        catalogue(engine),
        engine.sql("SELECT 'jobs'::regclass::oid, 'nodes'::regclass::oid"),
    )
    ship(SAME)
    assert [m.number for m in migrate(engine.url, reshape)] == [9000]
    assert catalogue(engine) == before
    assert engine.sql("SELECT 'jobs'::regclass::oid, 'nodes'::regclass::oid") != tables_were
    assert migrate(engine.url, reshape) == ()


@contextmanager
def live_load(engine: Engine, sessions: int = 3) -> Iterator[list[float]]:
    """Several writers, each with its own connections, and how long each of their commands took, in seconds."""
    taken: list[float] = []
    over = threading.Event()

    async def write(own: Engine, node: NodeName) -> None:
        job_id = JobId(0)
        for round_ in range(100_000):
            if over.is_set():
                return
            began_at = time.perf_counter()
            if round_ % 3 == 0:
                job_id = await own.submit()
            elif round_ % 3 == 1:
                await own.do(Reserve(job_id=job_id, node_name=node))
            else:
                await own.do(Cancel(job_id=job_id))
            taken.append(time.perf_counter() - began_at)
            await asyncio.sleep(0.002)

    def run(number: int) -> None:
        own = Engine(engine.url)
        own.run(lambda e: write(e, NodeName(f"node-{number}")))

    async def register(engine: Engine) -> None:
        for number in range(sessions):
            await engine.register(f"node-{number}", cpus=4)

    engine.run(register)
    threads = [threading.Thread(target=run, args=[number]) for number in range(sessions)]
    for thread in threads:
        thread.start()
    try:
        while len(taken) < 30:
            time.sleep(0.01)
        yield taken
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_live_commands_go_on_and_every_table_equals_the_log(
    engine: Engine, ship: Callable[[str], None]
) -> None:
    ship(WIDER)
    with live_load(engine) as taken:
        before = len(taken)
        migrate(engine.url, reshape)
        swapped = len(taken)
        while len(taken) < swapped + 30:
            time.sleep(0.01)
    assert swapped > before
    assert engine.sql(TYPE_OF_ARRAY_TASK) == [("bigint",)]
    assert engine.sql("SELECT count(*) > 0 FROM past_allocations JOIN jobs ON job_id = jobs.id")


def test_a_long_reader_is_waited_for_and_keeps_nobody_else_waiting(
    engine: Engine, ship: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stands behind a lock that is waited for waits as well; so it is waited for briefly, many times."""
    ship(WIDER)
    tries: list[float] = []
    with live_load(engine, sessions=1) as taken, psycopg.connect(engine.url) as reader:
        reader.execute("SELECT count(*) FROM jobs")
        swap_once = reshape_module._swap_once

        def counted(*given: Any) -> None:
            tries.append(time.monotonic())
            if len(tries) == 5:
                reader.rollback()
            swap_once(*given)

        monkeypatch.setattr(reshape_module, "_swap_once", counted)
        before = len(taken)
        migrate(engine.url, reshape)
        assert len(taken) > before
        assert max(taken[before:]) < 5  # a fifth of a second on an idle machine; without the limit, a minute
    assert len(tries) >= 5


def test_a_session_that_wrote_before_the_swap_writes_after_it(
    engine: Engine, ship: Callable[[str], None]
) -> None:
    """Its plans and row types are the old table's; what it does not know of stays at its default."""

    async def story(engine: Engine) -> None:
        for _ in range(12):  # until every plan is a kept one
            await engine.submit()
        sessions = [id(c) for c in engine.pool._pool]
        await asyncio.to_thread(migrate, engine.url, reshape)
        await engine.submit()
        await engine.accepted(Cancel(job_id=JobId(3)))
        assert [id(c) for c in engine.pool._pool] == sessions

    ship(WITH_SITE)
    engine.run(story)
    assert engine.sql("SELECT count(*), min(site), max(site) FROM jobs") == [(13, "here", "here")]
    assert engine.sql("SELECT state FROM jobs WHERE id = 3") == [("CANCELLED",)]
    assert engine.sql("SELECT job.script FROM jobs job WHERE id = 13") == [("true\n",)]
    assert "jobs_by_site" in {name for (name,) in engine.sql("SELECT indexname FROM pg_indexes")}
    engine.sql(
        "ALTER TABLE jobs DROP COLUMN site CASCADE"
    )  # the proof at the end knows today's columns alone


def test_a_session_that_read_another_shape_is_replaced(engine: Engine, ship: Callable[[str], None]) -> None:
    """PostgreSQL refuses what was prepared when a column was of another type, for as long as the session lives."""

    async def read(engine: Engine) -> None:
        async with reachable(engine.pool) as connection:
            await connection.execute("SELECT array_task_id FROM jobs", prepare=True)

    async def story(engine: Engine) -> None:
        await engine.submit()
        for _ in range(4):
            await read(engine)
        await asyncio.to_thread(migrate, engine.url, reshape)
        refused = 0
        for _ in range(12):
            try:
                await read(engine)
            except DatabaseUnavailable:
                refused += 1
        assert 1 <= refused <= 4  # once a session
        await read(engine)

    ship(WIDER)
    engine.run(story)


def test_an_ordinary_role_reshapes(ordinary_url: str, ship: Callable[[str], None]) -> None:
    migrate(ordinary_url)
    engine = Engine(ordinary_url)
    engine.run(lambda e: e.submit())
    ship(WIDER)
    assert len(migrate(ordinary_url, reshape)) == 1
    assert engine.differences() == []


def test_a_column_that_todays_rows_have_is_filled_from_the_log(
    engine: Engine, ship: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_label(job: Any) -> dict[str, Any]:
        return {**job_row(job), "label": f"{job.submitted.name} of {job.submitted.user_name}"}

    engine.run(a_busy_day)
    monkeypatch.setattr(tables, "job_row", with_label)
    monkeypatch.setattr(rows, "job_row", with_label)
    ship("-- reshape: jobs\nALTER TABLE jobs ADD COLUMN label text NOT NULL;\n")
    migrate(engine.url, reshape)
    engine.run(lambda e: e.submit(name="later"))
    assert engine.sql("SELECT label FROM jobs WHERE id IN (1, 5) ORDER BY id") == [
        ("job_1 of alice",),
        ("later of alice",),
    ]
    assert engine.differences() == []
    engine.sql(
        "ALTER TABLE jobs DROP COLUMN label CASCADE"
    )  # the proof at the end knows today's columns alone


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_tables_serve_and_a_second_run_succeeds(
    engine: Engine, ship: Callable[[str], None], step: str
) -> None:
    engine.run(a_busy_day)
    killed = subprocess.run([sys.executable, "-c", KILLED_AT, engine.url, step, WIDER], check=False)
    assert killed.returncode == -signal.SIGKILL
    done = step in ("swapped", "forgotten")
    assert engine.sql(TYPE_OF_ARRAY_TASK) == [("bigint",) if done else ("integer",)]
    engine.run(lambda e: e.submit())
    assert engine.differences() == []
    ship(WIDER)
    assert len(migrate(engine.url, reshape)) == (0 if done else 1)
    engine.run(lambda e: e.submit())
    assert engine.sql(TYPE_OF_ARRAY_TASK) == [("bigint",)]
    assert engine.sql("SELECT nspname FROM pg_namespace WHERE nspname ~ '^conductor_'") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-- reshape: scripts\nSELECT 1;\n", "scripts, which no event explains"),
        (
            "-- reshape: jobs\nALTER TABLE jobs ALTER COLUMN submit_time TYPE timestamptz(0);\n",
            r"jobs 1.submit_time is .*, the log says .*The old tables serve on, unchanged",
        ),
        ("-- reshape: jobs\nINSERT INTO nodes SELECT 1/0;\n", None),
    ],
)
def test_what_cannot_be_right_changes_nothing(
    engine: Engine, ship: Callable[[str], None], text: str, words: str | None
) -> None:
    engine.run(a_busy_day)
    before = catalogue(engine)
    ship(text)
    with pytest.raises((MigrationError, psycopg.Error), match=words):
        migrate(engine.url, reshape)
    ship("SELECT 1;")
    migrate(engine.url, reshape)  # forgets what was built
    assert catalogue(engine) == before


def test_a_rows_that_changed_hands_between_two_looks_is_followed(
    engine: Engine, ship: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CPU passes from one job to another while the new table is being built; its constraint holds there too."""

    async def first(engine: Engine) -> None:
        await engine.register()
        for _ in range(3):
            await engine.submit()
        await engine.reserve(JobId(2), 0)

    async def then(engine: Engine) -> None:
        await engine.accepted(Cancel(job_id=JobId(2)))
        await engine.reserve(JobId(1), 0)

    engine.run(first)
    ship(WIDER)
    prove = reshape_module._prove

    def move_then_prove(work: Any) -> None:
        engine.run(then)
        prove(work)

    monkeypatch.setattr(reshape_module, "_prove", move_then_prove)
    migrate(engine.url, reshape)
    assert engine.sql("SELECT job_id FROM resource_allocations WHERE status = 'reserved'") == [(1,)]
