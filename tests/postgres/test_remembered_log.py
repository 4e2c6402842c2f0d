"""An executor remembers an event outside the database, and finds by it that the log is another one now."""

from typing import Any

import pytest
import structlog

from tests.fix_engine import Engine
from tests.fix_observing import ROW, Looker

REWRITTEN = """
    ALTER TABLE events DISABLE TRIGGER events_append_only;
    UPDATE events SET hash = sha256(hash)
"""
LOST_TAIL = """
    ALTER TABLE events DISABLE TRIGGER events_append_only;
    DELETE FROM events WHERE type = 'JobSubmitted';
    DELETE FROM jobs
"""
ACKNOWLEDGED = """
    INSERT INTO events
    SELECT position + 1, 'audit', 1 + (SELECT count(*) FROM events WHERE stream = 'audit'), 'FindingAcknowledged', 1,
           now(), now(), jsonb_build_object('code', %s::text, 'subject', %s::text), '{}', sha256(hash)
    FROM events ORDER BY position DESC LIMIT 1
"""


def fork_of(observed: dict[str, Any]) -> str:
    """As the audit names what this node remembers."""
    return f"node-node-1 position {observed['position']}"


def test_each_look_remembers_the_newest_event_also_after_a_restart(looker: Looker) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await looker.look()
        assert looker.remembers_the_end()
        await engine.submit()
        assert not looker.remembers_the_end()
        await looker.look()
        assert looker.remembers_the_end()
        same = looker.observer()
        await same.observe()
        await engine.submit()
        await same.observe()
        assert looker.remembers_the_end()

    looker.engine.run(story)


@pytest.mark.parametrize("fork", [REWRITTEN, LOST_TAIL], ids=["rewritten", "a lost tail"])
def test_a_fork_is_reported_until_it_is_acknowledged(tampered: Looker, fork: str) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.submit()
        await engine.submit()
        before = await tampered.look()
        engine.sql(fork)
        engine.sql(ACKNOWLEDGED, "history_forked", fork_of(before))  # of something else, it is too early
        with structlog.testing.capture_logs() as logs:
            assert await tampered.look() == before
            assert await tampered.look() == before
        [told] = [log for log in logs if log["event"] == "history.forked"]
        assert told["remembered_hash"] == before["hash"].hex() != told["found_hash"]
        assert told["log_level"] == "error"
        others = (
            f"node-node-2 position {before['position']}",
            f"node-node-1 position {before['position'] + 9}",
        )
        for code, subject in [("hash_broken", fork_of(before)), *(("history_forked", one) for one in others)]:
            engine.sql(ACKNOWLEDGED, code, subject)
        assert await tampered.look() == before
        engine.sql(ACKNOWLEDGED, "history_forked", fork_of(before))
        await tampered.look()
        assert tampered.remembers_the_end()

    tampered.engine.run(story)


def test_a_restored_log_that_grows_past_the_memory_is_found_all_the_same(tampered: Looker) -> None:
    """The executor is away meanwhile; when it registers again, its position exists once more."""

    async def before(engine: Engine) -> dict[str, Any]:
        await engine.register()
        for _ in range(3):
            await engine.submit()
        return await tampered.look()

    async def after(engine: Engine) -> dict[str, Any]:
        tampered.incarnation = (await engine.register()).incarnation
        for _ in range(5):
            await engine.submit()
        return await tampered.look()

    seen = tampered.engine.run(before)
    tampered.engine.sql(LOST_TAIL)
    found = tampered.engine.run(after)
    assert (found["position"], found["hash"]) == (seen["position"], seen["hash"])
    [(there,)] = tampered.engine.sql("SELECT hash FROM events WHERE position = %s", seen["position"])
    assert there != seen["hash"]


def test_an_acknowledgement_counts_for_the_fork_it_was_made_for(tampered: Looker) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.submit()
        before = await tampered.look()
        engine.sql(REWRITTEN)
        await tampered.look()
        engine.sql(REWRITTEN)
        engine.sql(ACKNOWLEDGED, "history_forked", fork_of(before))
        assert await tampered.look() == before
        engine.sql(ACKNOWLEDGED, "history_forked", fork_of(before))
        await tampered.look()
        assert tampered.remembers_the_end()

    tampered.engine.run(story)


def test_a_spool_that_takes_no_file_keeps_nobody_from_looking(looker: Looker) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        (looker.spool / ".seen.json.new").mkdir()
        assert (await looker.look())["position"] is None
        (looker.spool / ".seen.json.new").rmdir()
        await looker.look()
        assert looker.remembers_the_end()

    looker.engine.run(story)


def test_an_older_incarnation_writes_nothing(looker: Looker) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.register()
        await looker.observer().observe()
        assert engine.sql(ROW) == []

    looker.engine.run(story)
