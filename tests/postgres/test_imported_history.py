"""What is imported is history of one other system: it uses nothing here, and no second original is mixed in."""

import secrets
from datetime import timedelta

import psycopg
import pytest

from conductor.core.commands import ChangePolicy
from conductor.scheduler_memory import follow, load
from conductor.scns.importing import import_original
from conductor.scns.numbers import AnotherSource
from conductor.scns.translation import Terms
from tests.fix_engine import PROVENANCE, Engine
from tests.given_scns import STATUS, Scns
from tests.postgres.test_import_scns import scns, take_in

__all__ = ["scns"]


def test_what_is_imported_counts_for_nothing_in_fair_share_whether_followed_or_read(
    engine: Engine, scns: Scns
) -> None:
    async def story(engine: Engine) -> None:
        await engine.accepted(ChangePolicy(changes={"fair_share_weight": 10.0, "half_life_hours": 10_000.0}))
        memory = await load(engine.pool)
        await import_original(engine.url, scns.url, terms=Terms(source=""), provenance=PROVENANCE)
        await follow(engine.pool, memory)
        again = await load(engine.pool)
        assert memory.now is not None
        until = memory.now + timedelta(minutes=1)
        for share in (memory.fair_share, again.fair_share):
            assert share is not None
            share.move_to(until)
            assert (share.uses, share.cpus) == ({}, {})

    engine.run(story)


def test_a_leak_ends_at_its_last_known_time(engine: Engine, scns: Scns) -> None:
    take_in(engine, scns.url)
    ended = dict(engine.sql("SELECT job_id, cpu_seconds_allocated FROM usage WHERE job_id IN (2, 6)"))
    assert ended == {2: 2 * 593.75, 6: 0}


def test_one_log_takes_in_one_original_unless_it_was_only_renamed(
    engine: Engine, empty_database_url: str
) -> None:
    scns = Scns(empty_database_url, STATUS)
    scns.everyday()
    take_in(engine, scns.url)
    [(events,)] = engine.sql("SELECT count(*) FROM events")
    name = psycopg.conninfo.conninfo_to_dict(scns.url)["dbname"]
    other = f"other_{secrets.token_hex(4)}"
    admin = psycopg.conninfo.make_conninfo(scns.url, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                psycopg.sql.Identifier(str(name)), psycopg.sql.Identifier(other)
            )
        )
        try:
            moved = Scns.__new__(Scns)
            moved.url, moved.schema = psycopg.conninfo.make_conninfo(scns.url, dbname=other), STATUS
            moved.job(17)
            for dry_run in (True, False):
                with pytest.raises(AnotherSource, match=rf"{name}.*{other}"):
                    take_in(engine, moved.url, dry_run=dry_run)
            assert engine.sql("SELECT count(*) FROM events") == [(events,)]
            done = take_in(engine, moved.url, same_source=True)
            assert (done.imported, done.before, done.changed) == (1, 10, [])
            sources = engine.sql("SELECT DISTINCT data ->> 'source' FROM events WHERE type = 'JobImported'")
            assert sources == [(name,)]
        finally:
            connection.execute(
                psycopg.sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    psycopg.sql.Identifier(other), psycopg.sql.Identifier(str(name))
                )
            )
