"""The log's own promises, asked of a real PostgreSQL: append-only, one door, order, versions, chain."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from conductor.core.commands import Command, DrainNode, ElectLeader, RegisterNode, Reserve
from conductor.core.events import LeaderElected, NodeDrained, NodeRegistered, RecordedEvent
from conductor.core.identifiers import NodeName, Term
from conductor.log import Batch, VersionConflict, append
from tests.fix_engine import Engine

FIRST_EVENTS = ("UPDATE events SET type = 'x'", "DELETE FROM events", "TRUNCATE events")
NODE = NodeName("node-1")
INTRUSIONS = (NodeRegistered, NodeDrained, LeaderElected)
PROJECTIONS = ("jobs", "resource_allocations", "past_allocations", "nodes")


def role(url: str, kind: str) -> str:
    """The name of a role of this database, from who owns the log."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'events'"
        ).fetchone()
    assert row is not None
    return str(row[0]).removesuffix("_owner") + f"_{kind}"


def as_role(url: str, kind: str) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role(url, kind))))
    return connection


def fill(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.reserve(await engine.submit(), 0)

    engine.run(story)


@pytest.mark.parametrize("statement", FIRST_EVENTS)
@pytest.mark.parametrize("kind", ["service", "owner"])
def test_the_log_cannot_be_changed_by_the_service_nor_by_its_owner(
    engine: Engine, kind: str, statement: str
) -> None:
    fill(engine)
    refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)
    with as_role(engine.url, kind) as connection, pytest.raises(refusals):
        connection.execute(statement)


@pytest.mark.parametrize("statement", FIRST_EVENTS)
def test_the_log_cannot_be_changed_in_a_session_that_calls_itself_a_replica(
    engine: Engine, statement: str
) -> None:
    fill(engine)
    with psycopg.connect(engine.url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(statement)


@pytest.mark.parametrize("table", [*PROJECTIONS, "events", "scripts", "environments", "node_leases"])
@pytest.mark.parametrize("statement", ["INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_service_cannot_write_any_table_directly(engine: Engine, table: str, statement: str) -> None:
    with as_role(engine.url, "service") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(sql.SQL(statement).format(sql.Identifier(table)))


@pytest.mark.parametrize("statement", ["LOCK TABLE log_door IN ACCESS SHARE MODE", "SELECT write_rows('{}')"])
def test_nobody_but_the_owner_can_close_the_door_or_pass_beside_it(engine: Engine, statement: str) -> None:
    with as_role(engine.url, "service") as connection:
        connection.execute("BEGIN")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize("statement", ["SELECT script(j) FROM jobs j", "SELECT body FROM scripts"])
def test_a_report_reads_tables_but_no_script(engine: Engine, statement: str) -> None:
    fill(engine)
    with as_role(engine.url, "report") as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_the_chain_is_made_of_the_documented_bytes(engine: Engine) -> None:
    fill(engine)
    last = b""
    rows = engine.sql(
        """SELECT jsonb_build_array(position, stream, version, type, schema_version,
                  (extract(epoch FROM at) * 1000000)::bigint, (extract(epoch FROM recorded_at) * 1000000)::bigint,
                  data, metadata)::text, hash FROM events ORDER BY position"""
    )
    for text, stored in rows:
        last = hashlib.sha256(last + text.encode()).digest()
        assert bytes(stored) == last
    assert len(rows) == 3


def test_positions_have_no_gaps_however_many_write_at_once_and_refused_batches_leave_none(
    engine: Engine,
) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        job_id = await engine.submit()
        others = Engine(engine.url)
        async with others.open():
            writers = [e.submit() for e in (engine, others) for _ in range(50)]
            takers = [e.do(DrainNode(node_name=NodeName("node-1"))) for e in (engine, others)]
            reserves = [e.reserve(job_id, 0) for e in (engine, others)]
            await asyncio.gather(*writers, *takers, *reserves, return_exceptions=True)

    engine.run(story)
    positions = [position for (position,) in engine.sql("SELECT position FROM events ORDER BY position")]
    assert positions == list(range(1, len(positions) + 1))
    assert len(positions) >= 102


COMMIT = "SELECT * FROM commit_batch(now(), '{}', '[]', '{}', NULL, '{}')"


def test_the_door_refuses_a_transaction_that_could_be_left_open(engine: Engine) -> None:
    with as_role(engine.url, "service") as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT 1")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            connection.execute(COMMIT)


def test_the_door_refuses_other_isolation_levels(engine: Engine) -> None:
    with as_role(engine.url, "service") as connection:
        connection.execute("SET default_transaction_isolation = 'repeatable read'")
        with pytest.raises(psycopg.errors.InvalidTransactionState):
            connection.execute(COMMIT)


STOPPED_CLIENT = """
    import asyncio, os, signal, sys
    from conductor.core.events import Provenance
    from conductor.core.commands import Submit
    from conductor.database import open_pool
    from conductor.handler import running_handler
    from projections.rows import changed_rows

    async def main():
        async with open_pool(sys.argv[1], size=1) as pool, running_handler(pool, changed_rows) as handler:
            print("ready", flush=True)
            provenance = Provenance(actor="stopped", channel="test")
            while True:
                await handler.handle_all(
                    [Submit(script="x" * 4000, user_name="a", submitted_by="a") for _ in range(200)],
                    provenance, atomic=False)

    asyncio.run(main())
"""


def test_a_client_stopped_anywhere_in_a_batch_holds_up_nobody(engine: Engine) -> None:
    """Twenty times, stopped at a moment of chance while it commits without pause, mid-message included."""
    client = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STOPPED_CLIENT), engine.url], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    try:
        assert client.stdout.readline() == "ready\n"

        async def story(engine: Engine) -> None:
            for _ in range(20):
                await asyncio.wait_for(engine.submit(), 10)  # some moment of the client's work
                os.kill(client.pid, signal.SIGSTOP)
                await asyncio.wait_for(engine.submit(), 10)
                os.kill(client.pid, signal.SIGCONT)

        engine.run(story)
    finally:
        client.kill()
        client.wait()
        client.stdout.close()


@pytest.mark.parametrize(
    "intruder",
    [
        RegisterNode(node_name=NODE, spool_id="s", boot_id="b", total_cpus=4),
        DrainNode(node_name=NODE),
        ElectLeader(holder="another", host="h"),
    ],
    ids=["registered anew", "drained", "deposed"],
)
def test_a_stream_that_was_only_read_is_checked_at_the_door(
    engine: Engine, intruder: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our read and our append something else is true: the door says so, and we decide again."""
    conflicts: list[str] = []

    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.do(ElectLeader(holder="me", host="h"))
        job_id = await engine.submit()
        other = Engine(engine.url)
        async with other.open():
            monkeypatch.setattr("conductor.handler.append", append_after(other, intruder, conflicts))
            await engine.do(Reserve(job_id=job_id, node_name=NODE, cpu_ids=(0,), term=Term(1)))

    engine.run(story)
    assert len(conflicts) == 1
    assert "is at version" in conflicts[0]


def append_after(
    other: Engine, intruder: Command, conflicts: list[str]
) -> Callable[[Any, Batch], Awaitable[list[RecordedEvent]]]:
    """`append`, but somebody else's command is recorded just before the first one."""
    intruders = [intruder]

    async def late_append(connection: Any, batch: Batch) -> list[RecordedEvent]:
        # The other's own batches pass through here as well.
        if intruders and not any(isinstance(new.event, INTRUSIONS) for new in batch.events):
            await other.accepted(intruders.pop())
        try:
            return await append(connection, batch)
        except VersionConflict as conflict:
            conflicts.append(str(conflict))
            raise

    return late_append
