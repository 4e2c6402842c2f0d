"""The law of looking back: as-of(n) is a fold of the first n events, whatever happened, for any n.

The reference folds the log in its own order with the write path's `fold`; what is tested folds stream by stream.
"""

import asyncio
import random
from datetime import datetime
from enum import Enum
from types import NoneType
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from conductor.core.decider import State, fold
from conductor.core.identifiers import StreamName
from conductor.core.leadership import Leadership
from conductor.core.node import Node
from projections.log_stream import read_log
from projections.moment import find_moment, state_at, states_at
from projections.past_schema import make_past_schema
from projections.snapshot import snapshot
from projections.survey import Survey
from projections.tables import TABLES, Tables, expected_tables
from tests.fix_engine import Engine
from tests.properties.test_random_histories import CPUS, GRES, NODES, Wisher

WISHES = 250
MOMENTS = 12


async def a_history(engine: Engine, seed: int) -> None:
    wisher = Wisher(seed)
    for name in NODES:
        await engine.register(name, CPUS, gres=GRES)
    for _ in range(WISHES // 10):
        await asyncio.gather(*(engine.do(wisher.wish()) for _ in range(10)))


def first_events(engine: Engine, count: int) -> dict[StreamName, State]:
    states: dict[StreamName, State] = {}
    with snapshot(engine.url) as connection:
        for logged in read_log(connection, until=count):
            fold(states, logged.recorded())
    return states


def head_of(engine: Engine) -> int:
    return int(engine.sql("SELECT max(position) FROM events")[0][0])


def some_moments(engine: Engine, seed: int) -> list[int]:
    head = head_of(engine)
    return [0, 1, head, *random.Random(seed).sample(range(2, head), MOMENTS)]


@pytest.mark.parametrize("seed", range(3))
def test_as_of_any_position_is_the_fold_of_the_events_up_to_it(engine: Engine, seed: int) -> None:
    engine.run(lambda engine: a_history(engine, seed))
    for position in some_moments(engine, seed):
        expected = first_events(engine, position)
        with snapshot(engine.url) as connection:
            found = list(states_at(connection, position))
            alone = {name: state_at(connection, name, position) for name in expected}
        assert tables(found) == tables(list(expected.values()))
        assert alone == expected
        assert [state for state in found if isinstance(state, Leadership)] == [
            state for state in expected.values() if isinstance(state, Leadership)
        ]


def tables(states: list[State]) -> Tables:
    return expected_tables(states)


@pytest.mark.parametrize("seed", range(2))
def test_a_schema_of_then_has_the_rows_of_the_fold_column_by_column(engine: Engine, seed: int) -> None:
    engine.run(lambda engine: a_history(engine, seed))
    for position in some_moments(engine, seed)[::3]:
        with snapshot(engine.url, read_only=False) as connection:
            moment = find_moment(connection, position)
            make_past_schema(connection, "past", moment, states_at(connection, position), replace=True)
        expected = expected_tables(first_events(engine, position).values())
        for table, key in TABLES.items():
            rows = {row[key]: comparable(row) for row in rows_of(engine, table)}
            assert rows == {key: comparable(row) for key, row in expected[table].items()}


def rows_of(engine: Engine, table: str) -> list[dict[str, Any]]:
    with psycopg.connect(engine.url, row_factory=dict_row) as connection:
        connection.adapters.register_loader("int8multirange", TextLoader)
        return connection.execute(sql.SQL("SELECT * FROM past.{}").format(sql.Identifier(table))).fetchall()


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Enums and uuids as text, the rest as it is."""
    kept = (bool, int, float, list, dict, datetime, NoneType)
    return {
        column: value if isinstance(value, kept) and not isinstance(value, Enum) else str(value)
        for column, value in row.items()
    }


@pytest.mark.parametrize("seed", range(2))
def test_cpus_add_up_at_every_moment(engine: Engine, seed: int) -> None:
    engine.run(lambda engine: a_history(engine, seed))
    for position in some_moments(engine, seed):
        states = first_events(engine, position)
        sums = Survey.of(states.values()).sums()
        parts = ("used_cpus", "reserved_cpus", "available_cpus", "unavailable_cpus")
        nodes = sum(isinstance(state, Node) for state in states.values())
        assert sum(sums[part] for part in parts) == CPUS * nodes
        assert min(sums[part] for part in parts) >= 0
