"""The engine on a database of the test's own: commands in, outcomes out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
import pytest

from conductor.core.commands import Command, RegisterNode, Reserve, Submit
from conductor.core.errors import Rejection
from conductor.core.events import (
    NodeRegistered,
    Provenance,
    RecordedEvent,
    ResourcesReserved,
)
from conductor.core.identifiers import JobId, NodeName, job_of_stream
from conductor.database import Pool, open_pool
from conductor.handler import Accepted, Handler, Outcome, running_handler
from projections.replay import verify
from projections.rows import changed_rows

T = TypeVar("T")
PROVENANCE = Provenance(actor="tester", channel="test")


class Engine:
    """A handler on `url`. `run` gives a test an event loop; the rest are short words for common wishes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.handler: Handler
        self.pool: Pool

    def run(self, story: Callable[["Engine"], Awaitable[T]]) -> T:
        async def tell() -> T:
            async with self.open():
                return await story(self)

        return asyncio.run(tell())

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Engine"]:
        async with (
            open_pool(self.url, size=4) as self.pool,
            running_handler(self.pool, changed_rows) as handler,
        ):
            self.handler = handler
            yield self

    async def do(self, command: Command, **more: Any) -> Outcome:
        return await self.handler.handle(command, PROVENANCE, **more)

    async def accepted(self, command: Command) -> tuple[RecordedEvent, ...]:
        outcome = await self.do(command)
        assert isinstance(outcome, Accepted), outcome
        return outcome.events

    async def refused(self, command: Command) -> Rejection:
        outcome = await self.do(command)
        assert isinstance(outcome, Rejection), outcome
        return outcome

    async def submit(self, **changes: Any) -> JobId:
        command = Submit(**{"script": "true\n", "user_name": "alice", "submitted_by": "admin", **changes})
        job_id = job_of_stream((await self.accepted(command))[0].stream)
        assert job_id is not None
        return job_id

    async def register(self, name: str = "node-1", cpus: int = 4, **more: Any) -> NodeRegistered:
        command = RegisterNode(
            node_name=NodeName(name), spool_id="spool", boot_id="boot", total_cpus=cpus, **more
        )
        event = (await self.accepted(command))[0].event
        assert isinstance(event, NodeRegistered)
        return event

    async def reserve(
        self, job_id: JobId, *cpu_ids: int, node: str = "node-1", **more: Any
    ) -> ResourcesReserved:
        command = Reserve(job_id=job_id, node_name=NodeName(node), cpu_ids=cpu_ids or None, **more)
        event = (await self.accepted(command))[0].event
        assert isinstance(event, ResourcesReserved)
        return event

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """As the database's administrator."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def differences(self) -> list[str]:
        return [difference.sentence() for difference in verify(self.url).differences]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Ends with the proof: whatever the test did, every table equals the log."""
    engine = Engine(database_url)
    yield engine
    assert engine.differences() == []


@pytest.fixture
def tampered_engine(database_url: str) -> Engine:
    """One that a test damages on purpose, so that nothing is proved at the end."""
    return Engine(database_url)
