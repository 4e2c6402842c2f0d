"""The benches' long log is one that the product could have written."""

import pytest

from scripts.benchmarks.long_log import make_long_log
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
