"""The original's databases, of every shape, taken in: under their own numbers, once, whatever is killed, or not at all.

Each test's engine ends with a replay, so every import here is proved equal to its log.
"""

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from conductor.core.commands import Repair, Requeue, Reserve, Unhold
from conductor.core.errors import ConductorError
from conductor.core.identifiers import AllocationId, JobId, NodeName
from conductor.migrate import migrate
from conductor.scns import importing, numbers
from conductor.scns.importing import CannotImport, Imported, import_original
from conductor.scns.numbers import NumbersTaken
from conductor.scns.original import OriginalUnreadable
from conductor.scns.translation import Terms
from projections import audit_reading
from projections.audit import Margins, judge
from projections.known import KnownPosition
from projections.rebuild import rebuild
from projections.replay import verify
from tests.fix_engine import PROVENANCE, Engine
from tests.fix_postgres import _database
from tests.given_scns import PLAIN, RELEASED, STATUS, Schema, Scns, untouched
from tests.postgres.test_migrate import ordinary_url

__all__ = ["ordinary_url"]
SCHEMAS = pytest.mark.parametrize(
    "scns", [STATUS, RELEASED, PLAIN], ids=["status", "released", "plain"], indirect=True
)
JOBS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12}
LEAKS = [11, 13, 14, 16]


@pytest.fixture
def scns(request: pytest.FixtureRequest, empty_database_url: str) -> Iterator[Scns]:
    """The original's database, with everyday jobs in it; whatever is done, it stays as it was."""
    schema: Schema = getattr(request, "param", STATUS)
    original = Scns(empty_database_url, schema)
    original.everyday()
    with untouched(original):
        yield original


def take_in(engine: Engine, url: str, **more: Any) -> Imported:
    terms = Terms(source="", **more.pop("terms", {}))
    return asyncio.run(import_original(engine.url, url, terms=terms, provenance=PROVENANCE, **more))


def findings(engine: Engine) -> list[tuple[str, str]]:
    seen = engine.run(lambda e: audit_reading.look(e.pool))
    return [(one.code, one.subject) for one in judge(seen, Margins(lease_seconds=30, kill_grace_seconds=10))]


def states(engine: Engine) -> dict[int, str]:
    return dict(engine.sql("SELECT id, state FROM jobs"))


@SCHEMAS
def test_every_job_comes_under_its_number_with_what_became_of_it(engine: Engine, scns: Scns) -> None:
    done = take_in(engine, scns.url)
    assert (done.imported, done.before, done.changed, done.found.bad) == (10, 0, [], [])
    assert states(engine) == {
        1: "COMPLETED", 2: "FAILED", 3: "FAILED", 4: "PENDING", 5: "PENDING", 6: "FAILED", 7: "CANCELLED",
        8: "FAILED", 9: "CANCELLED", 12: "COMPLETED",
    }  # fmt: skip
    [times] = engine.sql("SELECT submit_time, start_time, end_time FROM jobs WHERE id = 1")
    at = datetime(2025, 11, 8, 2, tzinfo=UTC)
    assert times == (at, at.replace(second=6, microsecond=250000), at.replace(minute=10))
    assert engine.sql("SELECT j.script FROM jobs j WHERE id = 4") == [("#!/bin/bash\r\necho later\r\n",)]
    assert engine.sql('SELECT e."values" FROM jobs j JOIN environments e ON e.id = environment_id') == [
        ({"OMP_NUM_THREADS": "2", "DEPTH": "3"},)
    ]
    held = engine.sql("SELECT id, held, reason FROM jobs WHERE state = 'PENDING' ORDER BY id")
    assert held == [(4, True, "JobHeldUser"), (5, True, "JobHeldUser")]


@SCHEMAS
def test_allocations_are_history_with_their_numbers_and_hold_nothing(engine: Engine, scns: Scns) -> None:
    take_in(engine, scns.url)
    rows = engine.sql(
        "SELECT id, job_id, allocated_cpus, cardinality(cpu_ids), process_id, release_reason FROM allocation_history"
        " ORDER BY id"
    )
    assert rows == [
        (10, 1, 2, 0, 4001, "finished"), (11, 2, 2, 0, 4002, None), (13, 5, 16, 0, None, None),
        (14, 6, 2, 0, 4006, None), (15, 8, 2, 0, 4008, "finished"), (16, 9, 2, 0, 4009, None),
    ]  # fmt: skip
    assert engine.sql("SELECT DISTINCT status FROM allocation_history") == [("released",)]
    assert engine.sql("SELECT job_id FROM process_history WHERE process_id = 4008") == [(8,)]
    assert engine.sql("SELECT id FROM past_allocations") == [(13,)]


@SCHEMAS
def test_the_audit_names_each_leak_and_a_repair_closes_it(engine: Engine, scns: Scns) -> None:
    take_in(engine, scns.url)
    assert findings(engine) == [("imported_never_released", f"allocation {number}") for number in LEAKS]

    async def close(engine: Engine) -> None:
        for number in LEAKS:
            wish = Repair(
                finding="imported_never_released", allocation_id=AllocationId(number), reason="seen"
            )
            [event] = await engine.accepted(wish)
            assert event.stream in ("job-2", "job-5", "job-6", "job-9")

    engine.run(close)
    assert findings(engine) == []
    closed = engine.sql("SELECT id FROM allocation_history WHERE release_reason = 'repaired' ORDER BY id")
    assert closed == [(number,) for number in LEAKS]


def test_numbering_goes_on_behind_what_was_imported(engine: Engine, scns: Scns) -> None:
    take_in(engine, scns.url)

    async def next_ones(engine: Engine) -> tuple[JobId, AllocationId]:
        await engine.register()
        job_id = await engine.submit()
        return job_id, (await engine.reserve(job_id)).allocation_id

    assert engine.run(next_ones) == (13, 17)


def test_what_is_imported_can_go_on_living(engine: Engine, scns: Scns) -> None:
    take_in(engine, scns.url)

    async def live(engine: Engine) -> None:
        await engine.register()
        for job_id in (1, 2, 6):
            await engine.accepted(Requeue(job_id=JobId(job_id)))
        await engine.accepted(Unhold(job_id=JobId(4)))
        for job_id in (1, 4):
            await engine.accepted(Reserve(job_id=JobId(job_id), node_name=NodeName("node-1")))
        await engine.accepted(Repair(finding="imported_never_released", allocation_id=AllocationId(14)))

    engine.run(live)
    assert [states(engine)[number] for number in (1, 2, 4, 6)] == [
        "RESERVED",
        "PENDING",
        "RESERVED",
        "PENDING",
    ]
    assert rebuild(engine.url, provenance=PROVENANCE, reason=None, dry_run=True).damages == []


def test_once_more_changes_nothing(engine: Engine, scns: Scns) -> None:
    take_in(engine, scns.url)
    events = engine.sql("SELECT count(*) FROM events")
    again = take_in(engine, scns.url)
    assert (again.imported, again.before, again.changed) == (0, 10, [])
    assert engine.sql("SELECT count(*) FROM events") == events
    assert engine.sql("SELECT last_value FROM job_ids") == [(12,)]


def test_what_changed_there_since_is_named_and_stays_as_it_was_imported(
    engine: Engine, empty_database_url: str
) -> None:
    scns = Scns(empty_database_url, STATUS)
    scns.everyday()
    take_in(engine, scns.url)
    scns.run("UPDATE jobs SET state = 'COMPLETED', exit_code = '0:0' WHERE id = 6")
    scns.job(13)
    again = take_in(engine, scns.url)
    assert (again.imported, again.before, again.changed) == (1, 9, [6])
    assert states(engine)[6] == "FAILED"


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_an_import_that_is_killed_goes_on_where_it_stopped(
    engine: Engine, scns: Scns, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    """Also when it had only moved the numbers; and others may work meanwhile without taking one of them."""
    monkeypatch.setattr(importing, "_BATCH", 3)
    handed_in = 0
    hand_in = importing._Run._hand_in

    async def killed(run: Any, commands: Any, *, atomic: bool = False) -> None:
        nonlocal handed_in
        if handed_in == batches:
            raise KeyboardInterrupt
        handed_in += 1
        await hand_in(run, commands, atomic=atomic)

    with monkeypatch.context() as patched:
        patched.setattr(importing._Run, "_hand_in", killed)
        with pytest.raises(KeyboardInterrupt):
            take_in(engine, scns.url)
    assert len(states(engine)) == (0, 2, 5)[batches]
    if batches:
        assert engine.run(lambda e: e.submit()) == 13
    done = take_in(engine, scns.url)
    assert done.imported + done.before == 10
    assert states(engine).keys() >= JOBS


def test_a_dry_run_says_it_all_and_writes_nothing(engine: Engine, scns: Scns) -> None:
    done = take_in(engine, scns.url, dry_run=True)
    assert (done.imported, done.found.jobs, len(done.found.leaks)) == (0, 10, 4)
    assert {tuple(one): count for one, count in done.found.becomes.items()}[
        "PENDING", "PENDING", "JobHeldUser"
    ] == 2
    assert engine.sql("SELECT count(*) FROM events") == [(0,)]
    assert engine.sql("SELECT is_called FROM job_ids") == [(False,)]


@pytest.mark.parametrize("dry_run", [True, False])
def test_numbers_that_are_taken_here_are_named_before_anything_is_written(
    engine: Engine, scns: Scns, dry_run: bool
) -> None:
    engine.run(lambda e: e.submit(name="hello"))
    with pytest.raises(NumbersTaken, match=r"1 \(hello\).*fresh database"):
        take_in(engine, scns.url, dry_run=dry_run)
    assert engine.sql("SELECT count(*) FROM events") == [(1,)]
    assert engine.sql("SELECT last_value FROM job_ids") == [(1,)]


@pytest.mark.parametrize("sequence", ["job_ids", "allocation_ids"])
def test_a_number_that_was_drawn_and_not_used_yet_is_taken_too(
    engine: Engine, scns: Scns, sequence: str
) -> None:
    """A handler keeps allocation numbers in store: they are in no table."""
    engine.sql("SELECT nextval(%s::regclass) FROM generate_series(1, 10)", sequence)
    with pytest.raises(NumbersTaken, match="up to 10 were given out"):
        take_in(engine, scns.url)
    assert engine.sql("SELECT count(*) FROM events") == [(0,)]


def test_nobody_draws_a_number_while_they_are_set_aside(engine: Engine) -> None:
    with (
        numbers.connected_as_owner(engine.url) as owner,
        owner.transaction(),
        psycopg.connect(engine.url, autocommit=True) as other,
    ):
        owner.execute(numbers.SQL["hold_job_ids"])
        other.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("SELECT nextval('job_ids')")


def spoil(scns: Scns) -> None:
    scns.run("ALTER TYPE jobstate ADD VALUE 'SUSPENDED'")
    scns.job(20, state="SUSPENDED")
    scns.job(21, submit_time="infinity")
    scns.run("ALTER TABLE resource_allocations DROP CONSTRAINT resource_allocations_job_id_fkey")
    scns.allocation(50, 99, "allocated")
    scns.run("ALTER TABLE resource_allocations ALTER job_id DROP NOT NULL")
    scns.allocation(51, 98, "allocated")
    scns.run("UPDATE resource_allocations SET job_id = NULL WHERE id = 51")
    scns.job(2**53 - 1)


def test_rows_that_make_no_sense_are_named_and_left_out_only_when_asked(
    engine: Engine, empty_database_url: str
) -> None:
    scns = Scns(empty_database_url, STATUS)
    scns.everyday()
    spoil(scns)
    with pytest.raises(
        CannotImport,
        match=r"5 rows(.|\n)*job 20(.|\n)*job 21(.|\n)*job 9007199254740991"
        r"(.|\n)*allocation 50: there is no job 99(.|\n)*allocation 51: it names no job(.|\n)*--skip-bad",
    ):
        take_in(engine, scns.url)
    assert engine.sql("SELECT count(*) FROM events") == [(0,)]
    assert len(take_in(engine, scns.url, dry_run=True).found.bad) == 5
    assert take_in(engine, scns.url, skip_bad=True).imported == 10
    assert states(engine).keys() == JOBS


def test_rows_with_nothing_but_numbers_and_states_are_taken_in(
    engine: Engine, empty_database_url: str
) -> None:
    scns = Scns(empty_database_url, STATUS)
    scns.run("DROP TABLE resource_allocations, jobs")
    scns.run("CREATE TABLE jobs (id bigint, state text, end_time timestamptz)")
    scns.run("CREATE TABLE resource_allocations (id bigint, job_id bigint, released boolean)")
    scns.run("INSERT INTO jobs VALUES (1, 'COMPLETED', NULL), (2, 'PENDING', NULL), (3, 'FAILED', now())")
    scns.run("INSERT INTO resource_allocations VALUES (1, 1, true), (2, 2, false)")
    assert take_in(engine, scns.url).imported == 3
    assert findings(engine) == [("imported_never_released", "allocation 2")]


def test_tables_without_their_keys_are_refused(engine: Engine, empty_database_url: str) -> None:
    scns = Scns(empty_database_url, STATUS)
    scns.everyday()
    scns.run("ALTER TABLE resource_allocations DROP CONSTRAINT resource_allocations_pkey")
    scns.allocation(16, 12, "released")
    with pytest.raises(CannotImport, match=r"not unique \(allocations \[16\]\)"):
        take_in(engine, scns.url)


def test_an_empty_original_is_nothing_to_import(engine: Engine, empty_database_url: str) -> None:
    scns = Scns(empty_database_url, RELEASED)
    assert take_in(engine, scns.url).imported == 0


def test_what_is_no_original_is_refused_and_says_what_was_looked_for(
    engine: Engine, empty_database_url: str
) -> None:
    with pytest.raises(OriginalUnreadable, match="no table at all"):
        take_in(engine, empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE jobs (number integer)")
        with pytest.raises(OriginalUnreadable, match=r"columns id, state; public\.jobs has number"):
            take_in(engine, empty_database_url)
        connection.execute(
            "DROP TABLE jobs; CREATE TABLE job (id bigint, state text); CREATE TABLE other (a integer)"
        )
    with pytest.raises(OriginalUnreadable, match=r"table resource_allocations .*public\.job, public\.other"):
        take_in(engine, empty_database_url)


def test_a_database_of_conductors_own_is_no_original(engine: Engine) -> None:
    with pytest.raises(OriginalUnreadable, match="Conductor's own"):
        take_in(engine, engine.url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://127.0.0.1:1/scns", "database scns at 127.0.0.1:1 cannot be reached"),
        ("postgresql+asyncpg://127.0.0.1:1/scns", "database scns at 127.0.0.1:1 cannot be reached"),
        ("db01", "URL .* cannot be read"),
    ],
)
def test_a_url_that_leads_nowhere_is_said(engine: Engine, url: str, said: str) -> None:
    with pytest.raises(OriginalUnreadable, match=said):
        take_in(engine, url)


def test_a_database_without_our_tables_says_to_migrate(empty_database_url: str) -> None:
    with (
        pytest.raises(ConductorError, match="conductor migrate"),
        numbers.connected_as_owner(empty_database_url),
    ):
        pass


def test_an_environment_leaves_no_digest_in_the_log(engine: Engine, empty_database_url: str) -> None:
    """A digest of a short secret can be guessed: so another value there is the same wish."""
    scns = Scns(empty_database_url, STATUS)
    scns.job(1, environment={"PIN": "1234"})
    take_in(engine, scns.url)
    scns.run("""UPDATE jobs SET environment = '{"PIN": "4321"}'""")
    assert take_in(engine, scns.url).changed == []
    assert engine.sql('SELECT "values" FROM environments') == [({"PIN": "1234"},)]


def test_the_role_that_migrates_may_import(ordinary_url: str, postgres_url: str) -> None:
    migrate(ordinary_url)
    with _database(postgres_url, f"scns_{secrets.token_hex(4)}") as url:
        original = Scns(url, STATUS)
        original.everyday()
        assert take_in(Engine(ordinary_url), original.url).imported == 10
    assert verify(ordinary_url).equal


def test_a_checkpoint_in_the_middle_of_an_import_is_one_to_go_on_from(engine: Engine, scns: Scns) -> None:
    take_in(engine, scns.url)
    for position in (3, 14, 16, 20):
        [(remembered,)] = engine.sql("SELECT hash FROM events WHERE position = %s", position)
        known = KnownPosition(position=position, hash=remembered, origin="note")
        assert verify(engine.url, since=known).differences == []
