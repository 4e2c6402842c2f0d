"""`replay rebuild`: whatever was done to the tables is undone by the log, and nothing else is touched."""

import asyncio
import json
import secrets
import signal
import subprocess
import sys
import threading
from typing import Any

import psycopg
import pytest
from psycopg import ClientCursor, sql

from conductor.core.commands import Hold, Reprioritize
from conductor.core.events import Provenance
from conductor.core.identifiers import JobId, StreamName
from projections import rebuild as rebuild_module
from projections.rebuild import RebuildError, Rebuilt, rebuild
from projections.replay import verify
from projections.stream_folds import fold_streams
from tests.fix_engine import Engine
from tests.postgres.test_migrate import _as_role as as_role
from tests.postgres.test_replay import A_GHOST, a_busy_day

OPERATOR = Provenance(actor="root@host", channel="cli")
VERSIONS_OF_ROWS = """
    SELECT 'jobs ' || id, xmin::text FROM jobs
    UNION ALL SELECT 'resource_allocations ' || id, xmin::text FROM resource_allocations
    UNION ALL SELECT 'past_allocations ' || id, xmin::text FROM past_allocations
    UNION ALL SELECT 'nodes ' || name, xmin::text FROM nodes
"""
A_JOB_FROM_NOWHERE = """
    INSERT INTO jobs SELECT (jsonb_populate_record(j, '{"id": 4711, "name": "ghost"}')).* FROM jobs j WHERE id = 1
"""
AN_ALLOCATION_FROM_NOWHERE = """
    INSERT INTO resource_allocations
    SELECT (jsonb_populate_record(a, '{"id": 4711, "job_id": 4711, "cpu_spans": "{[3,4)}", "cpu_ids": [3],
                                       "allocated_cpus": 1}')).*
    FROM resource_allocations a WHERE status = 'reserved'
"""
# Two allocations change jobs: neither fits before the other is gone.
SWAPPED_JOBS = """
    UPDATE resource_allocations SET job_id = -1 WHERE job_id = 2;
    UPDATE resource_allocations SET job_id = 2 WHERE job_id = 4;
    UPDATE resource_allocations SET job_id = 4 WHERE job_id = -1
"""
# The released one of job 2 stands on the CPUs of the reserved one of job 4, which is gone.
IN_ITS_PLACE = """
    CREATE TEMP TABLE kept AS SELECT cpu_spans FROM resource_allocations WHERE job_id = 4;
    DELETE FROM resource_allocations WHERE job_id = 4;
    UPDATE resource_allocations SET status = 'allocated', cpu_spans = (SELECT cpu_spans FROM kept) WHERE job_id = 2
"""
DAMAGES: list[tuple[str, set[str]]] = [
    ("UPDATE jobs SET priority = 7 WHERE id = 1", {"jobs 1 differing"}),
    ("UPDATE jobs SET name = 'x', user_name = 'eve', comment = '' WHERE id = 2", {"jobs 2 differing"}),
    ("DELETE FROM jobs WHERE id IN (1, 3)", {"jobs 1 missing", "jobs 3 missing"}),
    (A_JOB_FROM_NOWHERE, {"jobs 4711 unexpected"}),
    ("UPDATE jobs SET id = 5 WHERE id = 1", {"jobs 1 missing", "jobs 5 unexpected"}),
    ("UPDATE nodes SET labels = '{\"a\": \"b\"}', total_cpus = 3", {"nodes node-1 differing"}),
    ("DELETE FROM nodes", {"nodes node-1 missing"}),
    (A_GHOST, {"nodes ghost unexpected"}),
    ("UPDATE resource_allocations SET cpu_spans = '{}' WHERE job_id = 2", {"resource_allocations 1 differing"}),
    ("DELETE FROM resource_allocations", {"resource_allocations 1 missing", "resource_allocations 3 missing"}),
    (AN_ALLOCATION_FROM_NOWHERE, {"resource_allocations 4711 unexpected"}),
    (SWAPPED_JOBS, {"resource_allocations 1 differing", "resource_allocations 3 differing"}),
    (IN_ITS_PLACE, {"resource_allocations 1 differing", "resource_allocations 3 missing"}),
    ("UPDATE past_allocations SET process_id = 1", {"past_allocations 2 differing"}),
    ("DELETE FROM past_allocations", {"past_allocations 2 missing"}),
    ("INSERT INTO past_allocations SELECT * FROM resource_allocations WHERE id = 1", {"past_allocations 1 unexpected"}),
]  # fmt: skip


def mend(engine: Engine, **more: Any) -> Rebuilt:
    return rebuild(engine.url, provenance=OPERATOR, **more)


def named(rebuilt: Rebuilt) -> set[str]:
    return {f"{damage.table} {damage.key} {damage.kind}" for damage in rebuilt.damages}


def damaged(engine: Engine, statements: str) -> None:
    with psycopg.connect(engine.url) as connection:
        for statement in statements.split(";"):
            connection.execute(statement.encode())


@pytest.mark.parametrize("streams_a_call", [1, 50])
@pytest.mark.parametrize(("damage", "names"), DAMAGES)
def test_what_differs_is_mended_and_nothing_else_is_touched(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, damage: str, names: set[str], streams_a_call: int
) -> None:
    monkeypatch.setattr(rebuild_module, "STREAMS_A_CALL", streams_a_call)
    engine.run(a_busy_day)
    before = dict(engine.sql(VERSIONS_OF_ROWS))
    damaged(engine, damage)
    found = mend(engine, dry_run=True)
    assert (named(found), found.events) == (names, [])
    touched = {name.rpartition(" ")[0] for name in names}
    mended = {name.rpartition(" ")[0] for name in named(mend(engine))}
    assert mended == touched
    after = dict(engine.sql(VERSIONS_OF_ROWS))
    assert {k: v for k, v in after.items() if k not in touched} == {
        k: v for k, v in before.items() if k not in touched
    }


def test_the_log_says_what_was_mended_by_whom_and_why(engine: Engine) -> None:
    engine.run(a_busy_day)
    engine.sql("UPDATE jobs SET priority = 7 WHERE id < 3")
    engine.sql("DELETE FROM nodes")
    last = verify(engine.url).position
    [position] = mend(engine, reason="the disk").events
    assert position == last + 1
    [(stream, version, kind, data, metadata)] = engine.sql(
        "SELECT stream, version, type, data, metadata FROM events WHERE position > %s", last
    )
    assert (stream, version, kind) == ("projections", 1, "ProjectionsRebuilt")
    assert data == {
        "position": last,
        "rows": {"jobs": [1, 2], "nodes": ["node-1"]},
        "reason": "the disk",
    }
    assert metadata == {"actor": "root@host", "channel": "cli"}
    engine.sql("UPDATE jobs SET priority = 7 WHERE id = 1")
    mend(engine)
    assert engine.sql("SELECT version FROM events WHERE stream = 'projections' ORDER BY 1") == [(1,), (2,)]


def test_what_was_mended_before_is_not_folded_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stream grows with every call; folded in each, a rebuild would take time by the square of its calls."""
    folded: set[StreamName] = set()

    def folding(connection: Any, streams: Any) -> Any:
        folded.update(streams)
        return fold_streams(connection, streams)

    monkeypatch.setattr(rebuild_module, "fold_streams", folding)
    monkeypatch.setattr(rebuild_module, "STREAMS_A_CALL", 1)
    engine.run(a_busy_day)
    engine.sql("UPDATE jobs SET priority = 7")
    assert len(mend(engine).events) == 4
    assert folded == {"job-1", "job-2", "job-3", "job-4"}


def test_nothing_differs_nothing_is_written(engine: Engine) -> None:
    engine.run(a_busy_day)
    last = verify(engine.url).position
    rebuilt = mend(engine)
    assert (rebuilt.position, rebuilt.damages, rebuilt.events) == (last, [], [])
    assert verify(engine.url).position == last


def test_a_dry_run_names_and_changes_nothing(tampered_engine: Engine) -> None:
    tampered_engine.run(a_busy_day)
    tampered_engine.sql("UPDATE jobs SET priority = 7 WHERE id = 1")
    before = tampered_engine.sql(VERSIONS_OF_ROWS), verify(tampered_engine.url).position
    assert named(mend(tampered_engine, dry_run=True)) == {"jobs 1 differing"}
    assert (tampered_engine.sql(VERSIONS_OF_ROWS), verify(tampered_engine.url).position) == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE events SET data = data || '{\"priority\": 9}' WHERE position = 3",
        "DELETE FROM events WHERE position = 3",
        "UPDATE events SET type = 'NodeDrained', data = '{\"reason\": null}' WHERE position = 3",
    ],
)
def test_a_broken_log_is_refused_and_nothing_changes(tampered_engine: Engine, damage: str) -> None:
    tampered_engine.run(a_busy_day)
    tampered_engine.sql("ALTER TABLE events DISABLE TRIGGER events_append_only")
    tampered_engine.sql(damage)
    tampered_engine.sql("UPDATE jobs SET priority = 7 WHERE id = 2")
    before = tampered_engine.sql(VERSIONS_OF_ROWS)
    with pytest.raises(RebuildError, match=r"The log itself is broken.*Nothing was changed"):
        mend(tampered_engine)
    assert tampered_engine.sql(VERSIONS_OF_ROWS) == before


def test_an_altered_script_is_named_and_left_alone(tampered_engine: Engine) -> None:
    tampered_engine.run(a_busy_day)
    tampered_engine.sql("UPDATE scripts SET body = 'rm -rf /'")
    rebuilt = mend(tampered_engine)
    assert (len(rebuilt.not_mended), rebuilt.damages, rebuilt.events) == (1, [], [])


def test_a_stream_that_moves_between_the_fold_and_the_call_is_folded_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that comes between changes the very row; its change and the mend are both there in the end."""
    engine.run(a_busy_day)
    engine.sql("UPDATE jobs SET name = 'x' WHERE id < 3")
    prepare, moves = (
        rebuild_module._prepare,
        [lambda e: e.accepted(Reprioritize(job_id=JobId(1), priority=3))],
    )

    def prepare_then_move(*arguments: Any) -> Any:
        prepared = prepare(*arguments)
        if moves:
            engine.run(moves.pop())
        return prepared

    monkeypatch.setattr(rebuild_module, "_prepare", prepare_then_move)
    rebuilt = mend(engine)
    assert moves == []
    assert [(damage.table, damage.key) for damage in rebuilt.damages] == [("jobs", 1), ("jobs", 2)]
    assert engine.sql("SELECT name, priority FROM jobs WHERE id = 1") == [("job_1", 3)]


def test_a_row_that_live_work_wrote_over_a_wrong_one_is_found_in_the_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Job 5 comes after the search; a stranger's row already has its number, and keeps what no event changes."""
    engine.run(a_busy_day)
    engine.sql("INSERT INTO jobs SELECT (jsonb_populate_record(j, '{\"id\": 5}')).* FROM jobs j WHERE id = 1")
    engine.sql("UPDATE jobs SET id = 6 WHERE id = 5")
    engine.sql("UPDATE jobs SET priority = 9 WHERE id = 1")
    find = rebuild_module._find

    def find_then_submit(*arguments: Any) -> Any:
        found = find(*arguments)
        engine.sql("UPDATE jobs SET id = 5, user_name = 'eve' WHERE id = 6")
        engine.run(lambda e: e.submit(user_name="bob"))
        return found

    monkeypatch.setattr(rebuild_module, "_find", find_then_submit)
    mend(engine)
    assert engine.sql("SELECT user_name FROM jobs WHERE id = 5") == [("bob",)]


def test_commands_go_on_while_rows_are_mended(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many short calls beside a client that changes the same jobs all the time: both get through."""
    monkeypatch.setattr(rebuild_module, "STREAMS_A_CALL", 5)
    mended = threading.Event()

    def mend_and_say() -> None:
        mend(engine)
        mended.set()

    async def story(engine: Engine) -> int:
        jobs = [await engine.submit() for _ in range(60)]
        engine.sql("UPDATE jobs SET name = 'x' WHERE mod(id, 2) = 0")
        thread = threading.Thread(target=mend_and_say)
        thread.start()
        rounds = 0
        while not mended.is_set() and thread.is_alive():
            rounds += 1
            await engine.do(Reprioritize(job_id=jobs[rounds % 60], priority=rounds))
            await engine.submit()
            await asyncio.sleep(0)
        thread.join()
        return rounds

    assert engine.run(story) > 0
    assert mended.is_set()


def test_the_services_own_login_is_told_who_may_mend(tampered_engine: Engine) -> None:
    engine = tampered_engine
    engine.run(a_busy_day)
    engine.sql("UPDATE jobs SET priority = 7 WHERE id = 1")
    [(owner,)] = engine.sql("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'events'")
    login, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(8)
    names = {"login": sql.Identifier(login), "service": sql.Identifier(f"{owner[:-6]}_service")}
    with psycopg.connect(engine.url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {login} LOGIN PASSWORD ").format(**names) + sql.Literal(password))
        admin.execute(sql.SQL("GRANT {service} TO {login}").format(**names))
        try:
            with pytest.raises(
                RebuildError, match=f"Role {login} may not mend the tables.*Only members of {owner} may"
            ):
                rebuild(as_role(engine.url, login, password), provenance=OPERATOR)
        finally:
            admin.execute(sql.SQL("DROP ROLE {login}").format(**names))
    assert engine.sql("SELECT priority FROM jobs WHERE id = 1") == [(7,)]


def test_a_row_that_somebody_holds_is_not_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.run(a_busy_day)
    engine.sql("UPDATE jobs SET name = 'x' WHERE id = 1")
    pauses: list[float] = []
    with psycopg.connect(engine.url) as holder:
        holder.execute("SELECT FROM jobs WHERE id = 1 FOR UPDATE")

        def let_go(seconds: float) -> None:
            pauses.append(seconds)
            holder.rollback()

        monkeypatch.setattr("projections.rebuild.time.sleep", let_go)
        assert named(mend(engine)) == {"jobs 1 differing"}
    assert len(pauses) == 1


@pytest.mark.parametrize("kind", ["service", "report"])
def test_only_the_owner_may_mend(engine: Engine, kind: str) -> None:
    engine.run(a_busy_day)
    with psycopg.connect(engine.url, autocommit=True) as connection:
        [(owner,)] = connection.execute(
            "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'events'"
        )
        role = owner.strip('"').removesuffix("_owner") + f"_{kind}"
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        for call in (
            "SELECT mend_rows(now(), '{}', '{}', '{}', '[]', '{}')",
            "SELECT take_out_rows('jobs', '{}')",
            "SELECT * FROM differing_rows('jobs', '[]', '{}')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(call.encode())


@pytest.mark.parametrize(
    ("table", "key"), [("jobs", "1"), ("resource_allocations", "3"), ("nodes", "node-1")]
)
def test_a_row_that_is_not_as_it_was_found_is_never_overwritten(engine: Engine, table: str, key: str) -> None:
    engine.run(a_busy_day)
    before = engine.sql(VERSIONS_OF_ROWS)
    for seen in ("1", None):
        with pytest.raises(psycopg.Error, match="has changed meanwhile") as refusal:
            engine.sql("SELECT take_out_rows(%s::text::regclass, %s)", table, json.dumps({key: seen}))
        assert refusal.value.sqlstate == "CN409"
    assert engine.sql(VERSIONS_OF_ROWS) == before


def test_a_stream_that_is_not_at_the_folded_version_is_refused_by_the_call_itself(engine: Engine) -> None:
    engine.run(a_busy_day)
    call = "SELECT mend_rows(now(), '{\"job-1\": 0}', '{}', '{}', '[]', '{}')"
    with (
        psycopg.connect(engine.url, autocommit=True) as connection,
        pytest.raises(psycopg.Error, match="job-1 is at version 1, not 0") as refusal,
    ):
        ClientCursor(connection).execute(call)
    assert refusal.value.sqlstate == "CN409"


def test_the_call_is_a_transaction_of_its_own(engine: Engine) -> None:
    """Held open by a client that stopped, it would keep everybody out of the log."""
    with psycopg.connect(engine.url) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            connection.execute("SELECT mend_rows(now(), '{}', '{}', '{}', '[]', '{}')")


KILLED_AFTER_THE_FIRST_CALL = """
import os, signal, sys
from conductor.core.events import Provenance
from projections import rebuild
rebuild.STREAMS_A_CALL = 1
mend, calls = rebuild._mend_streams, []
def mend_then_die(*given):
    if calls:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(mend(*given))
rebuild._mend_streams = mend_then_die
rebuild.rebuild(sys.argv[1], provenance=Provenance(actor="root@host", channel="cli"))
"""


def test_killed_in_the_middle_what_was_mended_stays_and_a_second_run_does_the_rest(engine: Engine) -> None:
    engine.run(a_busy_day)
    engine.sql("UPDATE jobs SET name = 'x'")
    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER_THE_FIRST_CALL, engine.url], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert engine.sql("SELECT count(*) FROM jobs WHERE name = 'x'") == [(3,)]
    assert engine.sql("SELECT count(*) FROM events WHERE type = 'ProjectionsRebuilt'") == [(1,)]
    engine.run(lambda e: e.submit())
    assert len(mend(engine).damages) == 3


def test_a_held_job_stays_held(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.accepted(Hold(job_id=await engine.submit()))

    engine.run(story)
    engine.sql("UPDATE jobs SET held = false")
    mend(engine)
    assert engine.sql("SELECT held FROM jobs") == [(True,)]
