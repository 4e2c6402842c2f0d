"""The benches' long log is one that the product could have written."""

import pytest

from conductor.scheduler_memory import Memory, follow, load
from scripts.benchmarks.long_log import make_busy_log, make_long_log
from tests.fix_engine import Engine


@pytest.mark.parametrize("events", [12, 4115])
def test_a_long_log_has_as_many_events_as_asked_for_and_equals_its_tables(
    engine: Engine, events: int
) -> None:
    make_long_log(engine.url, events)
    assert engine.sql("SELECT count(*), max(position) FROM events") == [(events, events)]


def test_the_product_goes_on_where_the_long_log_ends(engine: Engine) -> None:
    make_long_log(engine.url, 14)
    assert engine.run(lambda e: e.submit()) == 4
    assert engine.run(lambda e: e.reserve(4, 0, node="node-0")).allocation_id == 4  # type: ignore[arg-type]


def test_a_busy_log_equals_its_tables_and_a_leader_finds_in_it_what_following_it_gives(
    engine: Engine,
) -> None:
    make_busy_log(engine.url, nodes=3, cpus=4, running=10, waiting=25)

    async def story(engine: Engine) -> None:
        loaded, followed = await load(engine.pool), Memory()
        await follow(engine.pool, followed)
        assert (loaded.cluster.position, loaded.hash) == (followed.cluster.position, followed.hash)
        assert loaded.cluster.jobs == followed.cluster.jobs
        assert loaded.cluster.queues == followed.cluster.queues
        assert (loaded.cluster.waiting, len(loaded.cluster.jobs), len(loaded.cluster.nodes)) == (25, 35, 3)

    engine.run(story)
    assert engine.run(lambda e: e.submit()) == 36
