"""The event log: append at the one door, read a stream, read after a position.

Promises: positions have no gaps and are in commit order; an append names the version of every stream its
decision read and happens whole or not at all. Refuses to know what events mean.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection
from psycopg_pool import PoolTimeout

from conductor.alike import rows_told_once, told_once
from conductor.codec import (
    MEMBERS,
    SCHEMA_VERSIONS,
    decode,
    decode_provenance,
    encode,
    encode_provenance,
    event_type,
)
from conductor.core.events import Event, Provenance, RecordedEvent
from conductor.core.identifiers import Position, StreamName, Version
from conductor.core.made_quickly import made_quickly
from conductor.database import DatabaseUnavailable, Pool, load_queries

SQL = load_queries("conductor", "log.sql")

SCHEDULER_CHANNEL = "conductor_scheduler"
LOG_CHANNEL = "conductor_log"
TOKENS_CHANNEL = "conductor_tokens"

Row = tuple[Any, ...]


class VersionConflict(Exception):
    """A stream that the batch read has moved on since; decide again."""


class CpusTaken(Exception):
    """The database found that a CPU of the batch belongs to another live allocation."""


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event on its way into the log."""

    stream: StreamName
    version: Version
    event: Event
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the log; `hash` is None when it is empty."""

    position: Position
    hash: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Everything that one commit writes. `rows` maps a kind to rows, see `projections.rows`."""

    at: datetime
    streams_read: Mapping[StreamName, int]
    events: Sequence[NewEvent]
    rows: Mapping[str, Sequence[Any]]
    scripts: Mapping[str, str]
    environments: Mapping[str, Mapping[str, str]]
    channels: Sequence[str]


def node_channel(node_name: str) -> str:
    """The channel that tells a node's executor of reservations. Names end at 63 bytes, so long ones share one."""
    return f"conductor_node_{node_name}"[:60]


def cancel_channel(node_name: str) -> str:
    """The channel that tells a node's executor of cancels."""
    return f"conductor_cancel_{node_name}"[:60]


def recorded_event(row: Row) -> RecordedEvent:
    """A row of `events`, as the named queries select it."""
    position, stream, version, kind, schema_version, at, recorded_at, data, metadata = row
    return RecordedEvent(
        position=position,
        stream=stream,
        version=version,
        event=decode(kind, schema_version, data),
        at=at,
        recorded_at=recorded_at,
        provenance=decode_provenance(metadata),
    )


@asynccontextmanager
async def reachable(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection from the pool. A lost or missing server becomes `DatabaseUnavailable`."""
    try:
        async with pool.connection() as connection:
            try:
                yield connection
            except psycopg.errors.FeatureNotSupported as error:
                # A statement that was prepared on a table of another shape: this session will never do it again.
                await connection.close()
                raise DatabaseUnavailable(f"A table has another shape now: {error}. Try again.") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
        if isinstance(error, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
            raise
        raise DatabaseUnavailable(f"PostgreSQL did not answer: {str(error).strip()}") from error


class Log:
    """Reads and appends through a pool of service connections."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def read_after(
        self,
        after: Position,
        *,
        limit: int = 1000,
        stream: str | None = None,
        types: Sequence[str] | None = None,
    ) -> list[RecordedEvent]:
        """Events after a position, oldest first."""
        wanted = {"after": after, "limit": limit, "stream": stream, "types": types}
        async with reachable(self.pool) as connection:
            rows = await (await connection.execute(SQL["read_after"], wanted)).fetchall()
        return [recorded_event(row) for row in rows]

    async def head(self) -> Head:
        async with reachable(self.pool) as connection:
            row = await (await connection.execute(SQL["head"])).fetchone()
        return Head(position=row[0], hash=row[1]) if row else Head(position=Position(0), hash=None)


async def read_streams(
    connection: AsyncConnection[Any], streams: Iterable[StreamName]
) -> list[RecordedEvent]:
    """All events of some streams, each stream in order."""
    cursor = await connection.execute(SQL["read_streams"], {"streams": list(streams)})
    return [recorded_event(row) for row in await cursor.fetchall()]


async def append(connection: AsyncConnection[Any], batch: Batch) -> list[RecordedEvent]:
    """Commit a batch and give its events in their places.

    One simple-protocol message, so that the server never waits for this client while it holds the door.
    Raises `VersionConflict`, `CpusTaken`; a lost connection leaves it unknown whether it happened.
    """
    cursor = AsyncClientCursor(connection)
    try:
        await cursor.execute(SQL["commit_batch"], _arguments(batch))
    except psycopg.DatabaseError as error:
        raise _translated(error) from error
    row = await cursor.fetchone()
    assert row is not None
    return list(_placed(batch, row[0], row[1]))


def _arguments(batch: Batch) -> dict[str, object]:
    rows: dict[str, object] = {kind: rows for kind, rows in batch.rows.items() if rows}
    if "jobs" in rows:
        rows["jobs"] = rows_told_once(batch.rows["jobs"])
    bodies = {"scripts": batch.scripts, "environments": batch.environments}
    return {
        "at": batch.at,
        "streams_read": encode(batch.streams_read).decode(),
        "events": encode(_events(batch.events)).decode(),
        "rows": encode(rows).decode(),
        "bodies": encode(bodies).decode() if batch.scripts or batch.environments else None,
        "channels": list(batch.channels),
    }


def _events(events: Sequence[NewEvent]) -> object:
    """As `append_events` takes them: of one type, what all say alike is told once."""
    kind = event_type(events[0].event)
    if len(events) < 2 or any(event_type(new.event) != kind for new in events):
        return [_event(new) for new in events]
    distinct = {id(new.provenance): new.provenance for new in events}
    encoded = {number: encode_provenance(one) for number, one in distinct.items()}
    alike, own = told_once(
        ("stream", "version", "metadata"),
        (
            [new.stream for new in events],
            [new.version for new in events],
            [encoded[id(new.provenance)] for new in events],
        ),
    )
    alike |= {"type": kind, "schema_version": SCHEMA_VERSIONS[kind]}
    names = MEMBERS[kind]
    facts = [new.event for new in events]
    columns = [list(map(attrgetter(name), facts)) for name in names]
    alike["data"], each = told_once(names, columns) if names else ({}, [{}] * len(events))
    for one, data in zip(own, each, strict=True):
        one["data"] = data
    return {"alike": alike, "own": own}


def _event(new: NewEvent) -> dict[str, object]:
    kind = event_type(new.event)
    return {
        "stream": new.stream,
        "version": new.version,
        "type": kind,
        "schema_version": SCHEMA_VERSIONS[kind],
        "data": new.event,
        "metadata": encode_provenance(new.provenance),
    }


def _placed(batch: Batch, last_position: int, recorded_at: datetime) -> Iterable[RecordedEvent]:
    first = last_position - len(batch.events) + 1
    for index, new in enumerate(batch.events):
        yield RecordedEvent(
            position=Position(first + index),
            stream=new.stream,
            version=new.version,
            event=new.event,
            at=batch.at,
            recorded_at=recorded_at,
            provenance=new.provenance,
        )


def _translated(error: psycopg.DatabaseError) -> Exception:
    """A unique row that is there already means that somebody was faster: decide again from what is true now."""
    if error.sqlstate == "23P01":
        return CpusTaken(error.diag.message_detail or str(error))
    if error.sqlstate in ("CN409", "23505", "40001", "40P01", "55P03"):
        return VersionConflict(str(error))
    return error
