"""Processes are found by index, by their number as by their time, however many there were."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from api.answers.reading import SQL
from tests.fix_engine import Engine

THEN = datetime(2026, 1, 1, 5, tzinfo=UTC)
FILL = """
    INSERT INTO {table}
    SELECT n, n, 1, 'node-' || n %% 20, 1, '{{0}}', NULL, 'released', n %% 9999 + 1, 'boot', NULL, n,
           began, began, began, began + interval '1 minute', 'finished', 0, NULL, 1, 1, 4, '{{}}'
    FROM (SELECT n, timestamptz '2026-01-01 00:00Z' + n * interval '1 second' AS began
          FROM generate_series({first}, {first} + 29999) n) filled
"""


@pytest.fixture
def long_history(tampered_engine: Engine) -> Engine:
    tampered_engine.sql(FILL.format(table="past_allocations", first=1))
    tampered_engine.sql(FILL.format(table="resource_allocations", first=30_001))
    tampered_engine.sql("VACUUM ANALYZE past_allocations, resource_allocations")
    return tampered_engine


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"pid": 4711}, "process"),
        ({"pid": 4711, "node_name": "node-1", "at": THEN}, "process"),
        ({"node_name": "node-1", "at": THEN}, "time"),
        ({"at": THEN}, "time"),
    ],
)
def test_whatever_is_asked_is_found_by_index(long_history: Engine, query: dict[str, Any], index: str) -> None:
    values = {**dict.fromkeys(("pid", "node_name", "at", "cursor")), "limit": 100, **query}
    with psycopg.connect(long_history.url, cursor_factory=psycopg.ClientCursor) as connection:
        rows = connection.execute(b"EXPLAIN " + SQL["processes"].encode(), values)
        plan = "\n".join(line for (line,) in rows)
    for table in ("resource_allocations", "past_allocations"):
        assert f"{table}_by_{index}" in plan
        assert f"Seq Scan on {table}" not in plan
