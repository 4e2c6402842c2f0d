"""The scheduler's memory follows the log it was loaded from, and notices when that is another one now."""

import pytest

from conductor.core.commands import Cancel, Requeue
from conductor.scheduler_memory import HistoryForked, Memory, follow, load
from projections.rebuild import rebuild
from tests.fix_engine import PROVENANCE, Engine
from tests.properties.test_as_of import a_history

ANOTHER_END = """
    ALTER TABLE events DISABLE TRIGGER events_append_only;
    UPDATE events SET hash = sha256(hash) WHERE position = (SELECT max(position) FROM events)
"""
A_LOST_TAIL = """
    ALTER TABLE events DISABLE TRIGGER events_append_only;
    DELETE FROM events WHERE position = (SELECT max(position) FROM events)
"""


def test_what_is_followed_is_what_would_be_loaded(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        memory = await load(engine.pool)
        waiting, ended = await engine.submit(), await engine.submit()
        await engine.reserve(await engine.submit(), 0)
        await engine.accepted(Cancel(job_id=ended))
        await follow(engine.pool, memory)
        anew = await load(engine.pool)
        assert (memory.cluster.position, memory.hash) == (anew.cluster.position, anew.hash)
        assert memory.cluster.waiting == anew.cluster.waiting == 1
        assert waiting

    engine.run(story)


@pytest.mark.parametrize("seed", range(3))
def test_after_any_history_what_is_loaded_is_what_following_from_the_first_event_gives(
    engine: Engine, seed: int
) -> None:
    async def story(engine: Engine) -> None:
        await a_history(engine, seed)
        again = await engine.submit()
        await engine.register("node-1")
        await engine.reserve(again, 0)
        await engine.accepted(Cancel(job_id=again))
        await engine.accepted(Requeue(job_id=again))
        loaded, followed = await load(engine.pool), Memory()
        await follow(engine.pool, followed)
        assert loaded.cluster.jobs == followed.cluster.jobs
        assert loaded.cluster.jobs[again].past_allocations
        for name in ("position", "nodes", "leadership", "policy", "queues", "reserved", "pools"):
            assert getattr(loaded.cluster, name) == getattr(followed.cluster, name), name
        assert loaded.hash == followed.hash

    engine.run(story)


def test_texts_that_jobs_share_are_kept_once(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        for _ in range(2):
            await engine.submit(work_dir="/data/project/run", account="physics")
        loaded, followed = await load(engine.pool), Memory()
        await follow(engine.pool, followed)
        for memory in (loaded, followed):
            one, other = (job.submitted for job in memory.cluster.jobs.values())
            for name in ("work_dir", "account", "script_sha256", "user_name"):
                assert getattr(one, name) is getattr(other, name)

    engine.run(story)


def test_what_was_found_by_wrong_rows_is_found_again_once_they_are_mended(engine: Engine) -> None:
    """A job whose row said that it had ended was not in the memory, and nothing in its stream brings it there."""

    async def story(engine: Engine) -> None:
        await engine.register("projections")  # a node may be called like the stream
        await engine.submit()
        engine.sql("UPDATE jobs SET state = 'CANCELLED', final = true")
        memory = await load(engine.pool)
        rebuild(engine.url, provenance=PROVENANCE)
        await follow(engine.pool, memory)
        assert (memory.cluster.waiting, memory.cluster.outdated) == (0, True)
        anew = await load(engine.pool)
        assert (anew.cluster.waiting, anew.cluster.outdated) == (1, False)

    engine.run(story)


@pytest.mark.parametrize("fork", [ANOTHER_END, A_LOST_TAIL], ids=["another end", "a lost tail"])
def test_a_history_that_is_another_one_now_is_noticed(tampered_engine: Engine, fork: str) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.submit()
        memory = await load(engine.pool)
        engine.sql(fork)
        await follow(engine.pool, memory)

    with pytest.raises(HistoryForked):
        tampered_engine.run(story)
