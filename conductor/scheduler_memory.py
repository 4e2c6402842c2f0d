"""What the scheduler remembers of the world: loaded once from the log, then followed event by event.

Promises: what is loaded is what following from the first event on would have given; the event loop is not held up
while a hundred thousand jobs are read; a log that is another one now is
noticed. Refuses to know: what is placed where, and who leads.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import AsyncConnection, IsolationLevel

from conductor.codec import decode_text
from conductor.core.cluster import Cluster
from conductor.core.decider import State, fold, fold_owned
from conductor.core.events import Event, JobSubmitted, PolicyChanged, Provenance, RecordedEvent
from conductor.core.fair_share import FairShare, counted_until, half_life_seconds
from conductor.core.identifiers import (
    POLICY_STREAM,
    SCHEDULER_STREAM,
    NodeName,
    Position,
    StreamName,
    Version,
    job_of_stream,
)
from conductor.core.job import Job
from conductor.core.leadership import Leadership
from conductor.core.node import Node
from conductor.core.policy import PolicyInForce
from conductor.database import Pool, load_queries
from conductor.log import SQL as LOG_SQL
from conductor.log import reachable, recorded_event
from projections.fair_share import read_fair_share

SQL = load_queries("conductor", "scheduler_memory.sql")

_FETCH = 500  # events between two turns of the event loop
_FOLLOW_LIMIT = 2000
_HEARD_SECONDS = 0.5  # leases are looked at when the log brought nothing, and at least this often

_NOT_READ = Provenance(actor="", channel="")  # who did it places nothing

States = dict[StreamName, State]


class HistoryForked(Exception):
    """The event that the memory was folded up to is another one now: a database was restored or failed over."""


@dataclass(slots=True, kw_only=True)
class Memory:
    """The cluster as of a cursor, and what is only true now."""

    cluster: Cluster = field(default_factory=Cluster)
    hash: bytes | None = None
    now: datetime | None = None  # the database's clock at the last read
    fair_share: FairShare | None = None  # None while the policy gives it no weight
    heard_from: frozenset[NodeName] = frozenset()  # nodes whose lease lives
    heard_at: float = 0.0  # monotonic
    overdue_at: float = 0.0  # monotonic; when leases were last looked through
    in_touch_since: float = field(default_factory=time.monotonic)  # with the database, without a break

    @property
    def outdated(self) -> bool:
        """It must be loaded anew: rows were mended, or use must be weighed in another way."""
        half_life = self.fair_share.half_life if self.fair_share else None
        return self.cluster.outdated or half_life != half_life_seconds(self.cluster.policy.policy)


class _Loaded(NamedTuple):
    """What one snapshot of the database says."""

    position: Position
    hash: bytes | None
    now: datetime
    others: States  # nodes, the policy, who leads
    jobs: States
    fair_share: FairShare | None


async def load(pool: Pool) -> Memory:
    """The cluster from one snapshot: streams of live jobs and nodes, and the position they stand at."""
    with _no_collections():
        async with reachable(pool) as connection:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            try:
                async with connection.transaction():
                    loaded = await _read(connection)
            finally:
                await connection.set_isolation_level(None)
        # By another thread, for it takes a second.
        cluster = await asyncio.to_thread(_cluster, loaded)
    share = loaded.fair_share
    if share is not None:
        cluster.fair_share = share.factors
    return Memory(cluster=cluster, hash=loaded.hash, now=loaded.now, fair_share=share)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Millions of new objects and no garbage among them: looking for some takes longer than making them."""
    was_enabled = gc.isenabled()
    gc.collect()  # garbage of before would be kept for ever by the freeze below
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        gc.freeze()  # what is remembered stays, and need not be looked through again and again


async def _read(connection: AsyncConnection[Any]) -> _Loaded:
    await connection.execute(SQL["lock_tables"])
    head = await (await connection.execute(LOG_SQL["head"])).fetchone()
    clock = await (await connection.execute(SQL["clock"])).fetchone()
    assert clock is not None
    others = await _fold(connection, "cluster_events")
    jobs = await _fold(connection, "live_job_events")
    policy = others.get(POLICY_STREAM, PolicyInForce())
    assert isinstance(policy, PolicyInForce)
    half_life = half_life_seconds(policy.policy)
    share = None
    if half_life is not None:
        share = await read_fair_share(connection, until=counted_until(clock[0]), half_life=half_life)
    position, last_hash = head or (Position(0), None)
    return _Loaded(position, last_hash, clock[0], others, jobs, share)


async def _fold(connection: AsyncConnection[Any], query: str) -> States:
    """Whole streams, some events at a time."""
    states: States = {}
    async with connection.cursor(name=query, binary=True) as cursor:
        await cursor.execute(SQL[query])
        while rows := await cursor.fetchmany(_FETCH):
            for stream, version, kind, schema_version, at, text in rows:
                event = _decoded(kind, schema_version, text)
                fold_owned(states, stream, event, at=at, version=version)
    return states


def _decoded(kind: str, schema_version: int, text: str) -> Event:
    event = decode_text(kind, schema_version, text.encode())
    if isinstance(event, JobSubmitted):
        _share_texts(event)
    return event


def _share_texts(event: JobSubmitted) -> None:
    """Jobs of one user say the same words: one copy of each is enough. Nobody else has seen this event yet."""
    for name, text in (
        ("user_name", event.user_name),
        ("account", event.account),
        ("submitted_by", event.submitted_by),
        ("script_sha256", event.script_sha256),
        ("work_dir", event.work_dir),
        ("stdout_path", event.stdout_path),
    ):
        if text is not None:
            object.__setattr__(event, name, sys.intern(text))


def _cluster(loaded: _Loaded) -> Cluster:
    others = loaded.others
    leadership, policy = others.get(SCHEDULER_STREAM), others.get(POLICY_STREAM)
    return Cluster.load(
        position=loaded.position,
        at=loaded.now,
        nodes=[state for state in others.values() if isinstance(state, Node)],
        jobs=[state for state in loaded.jobs.values() if isinstance(state, Job)],
        leadership=leadership if isinstance(leadership, Leadership) else None,
        policy=policy if isinstance(policy, PolicyInForce) else None,
    )


async def follow(pool: Pool, memory: Memory) -> None:
    """Fold everything new. Raises `HistoryForked` when the cursor no longer lies on this history."""
    while True:
        async with reachable(pool) as connection:
            news = await _read_news(connection, memory)
            for stream in memory.cluster.unknown_requeues(news):
                await _adopt(connection, memory.cluster, stream, news)
        if any(isinstance(recorded.event, PolicyChanged) for recorded in news):
            await asyncio.to_thread(_apply, memory, news)  # all queues are made anew, which takes long
        else:
            _apply(memory, news)
        if len(news) < _FOLLOW_LIMIT - 1:
            break
        await asyncio.sleep(0)
    refresh_factors(memory)


def _apply(memory: Memory, news: list[RecordedEvent]) -> None:
    for recorded in news:
        if memory.fair_share is not None:
            job_id = job_of_stream(recorded.stream)
            job = memory.cluster.jobs.get(job_id) if job_id is not None else None
            memory.fair_share.note(recorded.event, job, recorded.at)
        memory.cluster.apply(recorded)
    memory.cluster.forget_ended()


def refresh_factors(memory: Memory) -> None:
    """Bring the accounts' factors to the step of ten seconds that it is now."""
    share = memory.fair_share
    if share is None or memory.now is None:
        return
    if share.move_to(counted_until(memory.now)):
        memory.cluster.fair_share = share.factors


async def _read_news(connection: AsyncConnection[Any], memory: Memory) -> list[RecordedEvent]:
    """Events after the cursor. The first row read is the event at the cursor itself, by which it is checked."""
    position = memory.cluster.position
    cursor = await connection.execute(
        SQL["follow"], {"cursor": position, "limit": _FOLLOW_LIMIT}, binary=True
    )
    rows = await cursor.fetchall()
    if position:
        if not rows or (rows[0][0], rows[0][7]) != (position, memory.hash):
            raise HistoryForked(f"the event at position {position} is not the one that was read there")
        memory.now = rows[0][8]
        rows = rows[1:]
    if rows:
        memory.hash, memory.now = rows[-1][7], rows[-1][8]
    if not rows or time.monotonic() - memory.heard_at > _HEARD_SECONDS:
        memory.heard_from = await _heard_from(connection)
        memory.heard_at = time.monotonic()
    return [_recorded(*row[:7]) for row in rows]


def _recorded(
    position: Position,
    stream: StreamName,
    version: Version,
    kind: str,
    schema_version: int,
    at: datetime,
    text: str,
) -> RecordedEvent:
    return RecordedEvent(
        position=position,
        stream=stream,
        version=version,
        event=_decoded(kind, schema_version, text),
        at=at,
        recorded_at=at,
        provenance=_NOT_READ,
    )


async def _heard_from(connection: AsyncConnection[Any]) -> frozenset[NodeName]:
    cursor = await connection.execute(SQL["heard_from"])
    return frozenset(name for (name,) in await cursor.fetchall())


async def _adopt(
    connection: AsyncConnection[Any], cluster: Cluster, stream: StreamName, news: list[RecordedEvent]
) -> None:
    """A job that had ended is requeued: fold its stream up to what the news will bring."""
    first = min(recorded.position for recorded in news if recorded.stream == stream)
    cursor = await connection.execute(LOG_SQL["read_streams"], {"streams": [stream]})
    states: States = {}
    for row in await cursor.fetchall():
        recorded = recorded_event(row)
        if recorded.position < first:
            fold(states, recorded)
    job = states.get(stream)
    if isinstance(job, Job):
        cluster.adopt(job)
