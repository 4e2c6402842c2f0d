"""Every table that is a fold of the log, its key, and the rows that a folded state stands for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from conductor.core.decider import State
from conductor.core.identifiers import StreamName, job_stream, node_stream
from conductor.core.job import Job
from conductor.core.node import Node
from projections.allocations import allocation_row
from projections.jobs import job_row
from projections.nodes import node_row

TABLES = {"jobs": "id", "resource_allocations": "id", "past_allocations": "id", "nodes": "name"}

TableRow = dict[str, Any]
Tables = Mapping[str, dict[Any, TableRow]]


def stream_of_row(table: str, row: Mapping[str, Any]) -> StreamName:
    """The stream whose events explain a row."""
    if table == "nodes":
        return node_stream(row["name"])
    return job_stream(row["id" if table == "jobs" else "job_id"])


def rows_of(state: State) -> Iterator[tuple[str, TableRow]]:
    """(table, row) of everything a state is shown as."""
    if isinstance(state, Node):
        yield "nodes", node_row(state)
    elif isinstance(state, Job):
        yield "jobs", job_row(state)
        if state.allocation is not None:
            yield "resource_allocations", allocation_row(state, state.allocation)
        for past in state.past_allocations:
            yield "past_allocations", allocation_row(state, past)


def expected_tables(states: Iterable[State]) -> Tables:
    """Every row of every projection, by key, as the states say."""
    tables: dict[str, dict[Any, TableRow]] = {table: {} for table in TABLES}
    for state in states:
        for table, row in rows_of(state):
            tables[table][row[TABLES[table]]] = row
    return tables
