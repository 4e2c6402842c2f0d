"""What is kept outside proves what the database alone cannot: a superuser may rewrite the log and compute its chain
anew, and every table with it.
"""

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from conductor.core.commands import Reprioritize
from conductor.database import DatabaseNotReady, DatabaseUnavailable
from projections.known import KnownPosition, Witness
from projections.replay import Report, verify
from projections.snapshot import LogHead, cluster_id, log_head, snapshot
from tests.fix_engine import Engine
from tests.postgres.test_replay import a_busy_day

# What a careful forger does, all by the database's own functions.
DISARM = "ALTER TABLE events DISABLE TRIGGER events_append_only"
CHAIN_ANEW = """
    DO $$
    DECLARE
        e    record;
        last bytea := '';
    BEGIN
        FOR e IN SELECT * FROM events ORDER BY position LOOP
            last := sha256(last || convert_to(event_text(e.position, e.stream, e.version, e.type, e.schema_version,
                                                         e.at, e.recorded_at, e.data, e.metadata), 'UTF8'));
            UPDATE events SET hash = last WHERE position = e.position;
        END LOOP;
    END
    $$
"""
FORGERIES = {
    "another time": ("UPDATE events SET recorded_at = recorded_at - interval '1 day' WHERE position = 4",),
    "another actor": ('UPDATE events SET metadata = metadata || \'{"actor": "eve"}\' WHERE position = 1',),
    "another priority, in its table too": (
        "UPDATE events SET data = data || '{\"priority\": 9}' WHERE position = 3",
        "UPDATE jobs SET priority = 9 WHERE id = 1",
    ),
}


def head_of(engine: Engine) -> LogHead:
    with snapshot(engine.url) as connection:
        head = log_head(connection)
    assert head is not None
    return head


def known(head: LogHead, origin: str = "monday.json") -> KnownPosition:
    return KnownPosition(position=head.position, hash=head.hash, origin=origin)


def rewritten(report: Report) -> list[str]:
    return [one.sentence() for one in report.differences if one.code == "history_rewritten"]


async def one_more(engine: Engine) -> None:
    await engine.accepted(Reprioritize(job_id=await engine.submit(), priority=2))


def test_a_log_that_only_grew_is_as_it_was_known(engine: Engine) -> None:
    engine.run(a_busy_day)
    monday = head_of(engine)
    engine.run(one_more)
    tuesday = head_of(engine)
    report = verify(engine.url, known=[known(tuesday, "tuesday"), known(monday, "monday")])
    assert report.equal


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_rewritten_event_is_found_though_the_whole_chain_was_computed_anew(
    tampered_engine: Engine, forgery: tuple[str, ...]
) -> None:
    engine = tampered_engine
    engine.run(a_busy_day)
    monday = head_of(engine)
    engine.run(one_more)
    for statement in (DISARM, *forgery, CHAIN_ANEW):
        engine.sql(statement)
    assert verify(engine.url).equal, "from inside, nothing is wrong"
    [sentence] = rewritten(verify(engine.url, known=[known(monday)]))
    assert sentence.startswith(
        f"position {monday.position}: monday.json remembers the hash {monday.hash.hex()}"
    )


def test_what_was_known_in_between_says_where_the_past_was_changed(tampered_engine: Engine) -> None:
    engine = tampered_engine
    engine.run(a_busy_day)
    monday = head_of(engine)
    engine.run(one_more)
    tuesday = head_of(engine)
    engine.sql(DISARM)
    engine.sql(
        "UPDATE events SET recorded_at = recorded_at + interval '1 s' WHERE position = %s", tuesday.position
    )
    engine.sql(CHAIN_ANEW)
    report = verify(engine.url, known=[known(tuesday, "tuesday"), known(monday, "monday")])
    [sentence] = rewritten(report)
    assert "tuesday remembers" in sentence
    assert f"between positions {monday.position + 1} and {tuesday.position}" in sentence


def test_a_log_that_lost_its_tail_is_found(tampered_engine: Engine) -> None:
    engine = tampered_engine
    engine.run(a_busy_day)
    monday = head_of(engine)
    engine.run(one_more)
    tuesday = head_of(engine)
    engine.sql(DISARM)
    engine.sql("DELETE FROM events WHERE position > %s", monday.position)
    engine.sql("DELETE FROM jobs WHERE id = (SELECT max(id) FROM jobs)")
    assert verify(engine.url).equal, "from inside, nothing is wrong"
    [sentence] = rewritten(verify(engine.url, known=[known(monday, "monday"), known(tuesday, "tuesday")]))
    assert f"position {tuesday.position}: tuesday remembers" in sentence
    assert f"the log ends at position {monday.position} now" in sentence


def test_an_emptied_log_is_found(tampered_engine: Engine) -> None:
    engine = tampered_engine
    engine.run(one_more)
    monday = head_of(engine)
    engine.sql(DISARM)
    engine.sql("TRUNCATE events, jobs, resource_allocations, past_allocations, nodes")
    assert verify(engine.url).equal
    [sentence] = rewritten(verify(engine.url, known=[known(monday)]))
    assert "the log ends at position 0 now" in sentence


def test_a_position_that_is_gone_does_not_pass_for_one_that_is_right() -> None:
    witness = Witness([KnownPosition(position=2, hash=b"two", origin="note")])
    assert witness.waits_for == 2
    assert list(witness.see(1, b"one")) == []
    [(subject, sentence)] = witness.see(3, b"two")
    assert subject == "position 2"
    assert "no event at this position" in sentence
    assert list(witness.end(3)) == []


def test_two_memories_of_one_position_are_both_asked() -> None:
    both = [KnownPosition(position=1, hash=value, origin=value.decode()) for value in (b"good", b"bad")]
    assert [sentence[:12] for _, sentence in Witness(both).see(1, b"good")] == ["bad remember"]


def test_the_cluster_has_one_id_that_nobody_can_change(tampered_engine: Engine) -> None:
    engine = tampered_engine
    with snapshot(engine.url) as connection:
        mine = cluster_id(connection)
    for change in ("UPDATE cluster SET made_at = now()", "DELETE FROM cluster", "TRUNCATE cluster"):
        with pytest.raises(psycopg.errors.RestrictViolation, match="never changes"):
            engine.sql(change)
    with pytest.raises(psycopg.errors.UniqueViolation):
        engine.sql("INSERT INTO cluster VALUES (gen_random_uuid(), now())")
    assert engine.sql("SELECT id::text FROM cluster") == [(mine,)]


def test_two_databases_have_two_ids(postgres_url: str, database_url: str, empty_database_url: str) -> None:
    from conductor.migrate import migrate

    migrate(empty_database_url)
    found = set()
    for url in (database_url, empty_database_url):
        with snapshot(url) as connection:
            found.add(cluster_id(connection))
    assert len(found) == 2


def test_an_empty_log_has_no_head_and_a_database_without_the_schema_is_said_to_need_it(
    database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    with snapshot(database_url) as connection:
        assert log_head(connection) is None
    with pytest.raises(DatabaseNotReady, match="conductor migrate"), snapshot(empty_database_url):
        pass
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"), snapshot(f"host={tmp_path}"):
        pass


def test_the_heads_time_is_when_it_became_true(engine: Engine) -> None:
    before = datetime.now(UTC)
    engine.run(one_more)
    assert before <= head_of(engine).recorded_at <= datetime.now(UTC)
