"""What `commit_batch` does on the way through the door: one after the other, on disk, and told to who waits."""

import asyncio
import threading
from typing import Any

import psycopg
import pytest

from conductor.core.commands import Allocate, Cancel
from conductor.core.events import ProcessIdentity
from conductor.core.identifiers import NodeName
from conductor.database import listen
from conductor.log import LOG_CHANNEL, SCHEDULER_CHANNEL, cancel_channel, node_channel
from tests.fix_engine import Engine

AT_THE_DOOR = """
    SELECT count(*) FROM pg_locks
    WHERE NOT granted AND relation = 'log_door'::regclass
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
NOTE_SYNCHRONOUS_COMMIT = """
    CREATE TABLE seen (setting text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION note();
    GRANT INSERT ON seen TO PUBLIC;
    DO $$ BEGIN EXECUTE 'ALTER DATABASE "' || current_database() || '" SET synchronous_commit = off'; END $$
"""
END_EVERYBODY_ELSE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
ANOTHER_ALLOCATION_OF_THE_SAME_JOB = """
    INSERT INTO resource_allocations
    SELECT (jsonb_populate_record(a, '{"id": 4711, "cpu_ids": [1], "cpu_spans": "{[1,2)}"}')).*
    FROM resource_allocations a
"""


def test_every_batch_waits_at_the_door_and_is_dated_behind_it(engine: Engine) -> None:
    """So that `recorded_at` grows with the position, whoever began first."""
    with psycopg.connect(engine.url) as holder:
        holder.execute("LOCK TABLE log_door IN EXCLUSIVE MODE")
        writer = threading.Thread(target=engine.run, args=[lambda e: e.submit()])
        writer.start()
        wait_for(holder, AT_THE_DOOR, 1)
        opened_at = holder.execute("SELECT clock_timestamp()").fetchone()
    writer.join(20)
    assert opened_at is not None
    [(at, recorded_at)] = engine.sql("SELECT at, recorded_at FROM events")
    assert at < opened_at[0] < recorded_at


def wait_for(connection: psycopg.Connection[Any], query: str, count: int) -> None:
    for _ in range(2000):
        row = connection.execute(query.encode()).fetchone()
        if row == (count,):
            return
        connection.execute("SELECT pg_sleep(0.005)")
    pytest.fail("nobody came to the door")


def test_a_batch_is_on_disk_before_it_is_answered_whatever_the_database_defaults_to(engine: Engine) -> None:
    engine.sql(NOTE_SYNCHRONOUS_COMMIT)
    engine.run(lambda e: e.submit())
    assert engine.sql("SHOW synchronous_commit") == [("off",)]
    assert engine.sql("SELECT setting FROM seen") == [("on",)]


def test_the_database_gives_a_job_one_allocation_whatever_anybody_believes(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.reserve(await engine.submit(), 0)

    engine.run(story)
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_per_job"):
        engine.sql(ANOTHER_ALLOCATION_OF_THE_SAME_JOB)


def test_those_who_wait_are_told_and_nobody_else(engine: Engine) -> None:
    """The scheduler of work, a node of its reservations and cancels, the log's followers of everything."""
    heard: list[set[str]] = []
    node = node_channel("node-1")
    process = ProcessIdentity(pid=1, boot_id="boot", start_ticks=1)

    async def story(engine: Engine) -> None:
        registered = await engine.register()
        async with await psycopg.AsyncConnection.connect(engine.url, autocommit=True) as ear:
            for channel in (SCHEDULER_CHANNEL, LOG_CHANNEL, node, cancel_channel("node-1")):
                await ear.execute(f'LISTEN "{channel}"'.encode())
            job_id = await engine.submit()
            heard.append(await drained(ear))
            allocation_id = (await engine.reserve(job_id, 0)).allocation_id
            heard.append(await drained(ear))
            where = {"job_id": job_id, "node_name": NodeName("node-1"), "process": process}
            incarnation = registered.incarnation
            await engine.accepted(Allocate(allocation_id=allocation_id, incarnation=incarnation, **where))  # type: ignore[arg-type]
            heard.append(await drained(ear))
            await engine.accepted(Cancel(job_id=job_id))
            heard.append(await drained(ear))

    asyncio.run(asyncio.wait_for(_told(engine, story), 30))
    assert heard == [
        {SCHEDULER_CHANNEL, LOG_CHANNEL},
        {node, LOG_CHANNEL},
        {LOG_CHANNEL},
        {SCHEDULER_CHANNEL, cancel_channel("node-1"), LOG_CHANNEL},
    ]


def test_a_listener_is_told_and_looks_once_for_what_it_missed_when_it_begins_or_comes_back(
    engine: Engine,
) -> None:
    async def story() -> list[str]:
        woken: asyncio.Queue[str] = asyncio.Queue()
        task = asyncio.create_task(listen(engine.url, [SCHEDULER_CHANNEL, LOG_CHANNEL], woken.put_nowait))
        try:
            heard = [await woken.get() for _ in range(2)]
            engine.sql("SELECT pg_notify(%s, '')", LOG_CHANNEL)
            heard.append(await woken.get())
            engine.sql(END_EVERYBODY_ELSE)
            return [*heard, *[await woken.get() for _ in range(2)]]
        finally:
            task.cancel()

    heard = asyncio.run(asyncio.wait_for(story(), 30))
    assert heard == [SCHEDULER_CHANNEL, LOG_CHANNEL, LOG_CHANNEL, SCHEDULER_CHANNEL, LOG_CHANNEL]


async def _told(engine: Engine, story: Any) -> None:
    async with engine.open():
        await story(engine)


async def drained(ear: psycopg.AsyncConnection[Any]) -> set[str]:
    """Channels told by what was committed before; our own note to the log's channel marks the end of it."""
    await ear.execute(f"NOTIFY {LOG_CHANNEL}, 'end'".encode())
    channels = set()
    async for notification in ear.notifies():
        if notification.payload == "end":
            break
        channels.add(notification.channel)
    return channels
