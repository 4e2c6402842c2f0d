"""Replay from a trusted position on: what must be known of the log before it.

The streams that go on after it, and those that hold something, are folded up to it; nothing else is read. Rows
that no later event touched are taken as they were when the position was verified.
"""

from collections.abc import Iterable
from typing import Any

import psycopg

from conductor.core.allocation import AllocationStatus
from conductor.core.events import NodeRegistered, PolicyChanged, ResourcesAllocated, ResourcesReserved
from conductor.core.identifiers import Incarnation, StreamName
from conductor.core.job import Job
from conductor.core.node import Node
from conductor.core.policy import PolicyInForce
from conductor.database import load_queries
from projections.folded import Folded, states_before
from projections.ledger import Breach, Ledger

SQL = load_queries("projections", "resuming.sql")


def resume(
    connection: psycopg.Connection[Any], position: int, folded: Folded, ledger: Ledger
) -> frozenset[StreamName]:
    """Bring both to what they would be after that position; gives the streams whose rows can be judged."""
    rows = connection.execute(SQL["streams_in_question"], {"position": position}).fetchall()
    streams = sorted(StreamName(stream) for (stream,) in rows)
    jobs: list[Job] = []
    nodes: list[Node] = []
    for stream, state in states_before(connection, streams, position + 1):
        if isinstance(state, PolicyInForce):
            _expect_nothing(ledger.book(PolicyChanged(policy=state.policy, reason=None)))
        if isinstance(state, Node):
            nodes.append(state)
        if isinstance(state, Job) and state.allocation is not None and state.allocation.live:
            jobs.append(state)
        if state is not None:
            folded.know(stream, state)
    for job in jobs:
        _book_holding(ledger, job)
    for node in nodes:
        _open_account(ledger, node)
    return frozenset(streams)


def _open_account(ledger: Ledger, node: Node) -> None:
    _expect_nothing(
        ledger.book(
            NodeRegistered(
                node_name=node.node_name,
                incarnation=node.incarnation,
                spool_id=node.spool_id,
                boot_id=node.boot_id,
                total_cpus=node.total_cpus,
                cpu_ids=node.cpu_ids,
                cpu_block=node.cpu_block,
                memory_mb=node.memory_mb,
                gres=node.gres,
            )
        )
    )


def _book_holding(ledger: Ledger, job: Job) -> None:
    allocation = job.allocation
    assert allocation is not None
    _expect_nothing(
        ledger.book(
            ResourcesReserved(
                allocation_id=allocation.allocation_id,
                attempt=allocation.attempt,
                node_name=allocation.node_name,
                cpu_ids=allocation.cpu_ids,
                cpu_block=allocation.cpu_block,
                memory_mb=allocation.memory_mb,
                expires_at=allocation.expires_at,
                term=None,
                gres=allocation.gres,
            ),
            job.submitted.gres,
        )
    )
    if allocation.status is AllocationStatus.ALLOCATED:
        assert allocation.process is not None
        _expect_nothing(
            ledger.book(
                ResourcesAllocated(
                    allocation_id=allocation.allocation_id,
                    incarnation=Incarnation(0),
                    process=allocation.process,
                )
            )
        )


def _expect_nothing(breaches: Iterable[Breach]) -> None:
    """A breach before the trusted position is not this replay's: CPUs taken off a node while held look like one."""
    for _ in breaches:
        pass
