"""What the handler decides in one try: complete the commands, load and fold their streams, settle them.

`settle` is pure. Inside a batch each command sees the events of those before it.
"""

import uuid
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from conductor.core.commands import Allocate, Command, RegisterNode, Release, Reserve, Submit
from conductor.core.decider import State, States, decide, evolve, fold, streams_read
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import (
    CancelRequested,
    Event,
    JobSubmitted,
    Provenance,
    RecordedEvent,
    ResourcesReserved,
)
from conductor.core.identifiers import AllocationId, JobId, NodeName, Position, StreamName, Version
from conductor.core.job import Job
from conductor.database import load_queries
from conductor.log import LOG_CHANNEL, SCHEDULER_CHANNEL, SQL as LOG_SQL
from conductor.log import NewEvent, cancel_channel, node_channel, recorded_event

SQL = load_queries("conductor", "handler.sql")
_DRAWN_AHEAD = 64

# What moves nothing in the queue or on the nodes need not wake the scheduler.
_QUIET_FOR_SCHEDULER = frozenset({"ResourcesReserved", "ResourcesAllocated", "LateReport", "JobHeld"})


@dataclass(slots=True, kw_only=True)
class Request:
    """A command on its way. Ids that were drawn for it stay with it through every try."""

    command: Command
    provenance: Provenance
    expected_version: int | None = None
    digest: str | None = None
    tried: bool = False
    unfit: Rejection | None = None  # found while completing it, before anything was decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a batch rests on: its time, the states of its streams, and what was recorded before."""

    at: datetime
    states: dict[StreamName, State]
    position: Position
    repeats: Mapping[str, tuple[RecordedEvent, ...]]
    widest_node_cpus: int | None


@dataclass(slots=True, kw_only=True)
class Plan:
    """What a batch comes to. A verdict is a rejection, a slice of `events`, or what was recorded before."""

    verdicts: list[list[Rejection | slice | tuple[RecordedEvent, ...]]] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    changed: dict[StreamName, State] = field(default_factory=dict)
    streams_read: dict[StreamName, int] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)


class IdStock:
    """Numbers from the sequences. Allocation ids are drawn ahead, so that most batches need no round trip."""

    def __init__(self) -> None:
        self._allocation_ids: list[int] = []

    async def draw(self, connection: AsyncConnection[Any], query: str, count: int) -> list[int]:
        cursor = await connection.execute(LOG_SQL[query], {"count": count})
        return [number for (number,) in await cursor.fetchall()]

    async def allocation_ids(self, connection: AsyncConnection[Any], count: int) -> list[int]:
        if len(self._allocation_ids) < count:
            ahead = max(count, _DRAWN_AHEAD)
            self._allocation_ids += await self.draw(connection, "draw_allocation_ids", ahead)
        drawn, self._allocation_ids = self._allocation_ids[:count], self._allocation_ids[count:]
        return drawn


async def complete(connection: AsyncConnection[Any], requests: Sequence[Request], stock: IdStock) -> None:
    """Draw the ids that commands still lack, and find the job and node of bare allocation ids."""
    await _draw(connection, requests, stock)
    await _find_allocations(connection, requests)
    for request in requests:
        if isinstance(request.command, Reserve) and request.command.cpu_ids is None:
            await _choose_cpus(connection, request, request.command)


async def _draw(connection: AsyncConnection[Any], requests: Sequence[Request], stock: IdStock) -> None:
    submits = [(r, c) for r in requests if isinstance(c := r.command, Submit) and c.job_id is None]
    if submits:
        for (request, submit), number in zip(
            submits, await stock.draw(connection, "draw_job_ids", len(submits)), strict=True
        ):
            environment_id = str(uuid.uuid4()) if submit.environment else None
            request.command = replace(submit, job_id=JobId(number), environment_id=environment_id)
    reserves = [(r, c) for r in requests if isinstance(c := r.command, Reserve) and c.allocation_id is None]
    if reserves:
        for (request, reserve), number in zip(
            reserves, await stock.allocation_ids(connection, len(reserves)), strict=True
        ):
            request.command = replace(reserve, allocation_id=AllocationId(number))
    for request in requests:
        if isinstance(request.command, RegisterNode) and request.command.cpu_block is None:
            [number] = await stock.draw(connection, "draw_cpu_blocks", 1)
            request.command = replace(request.command, cpu_block=number)


async def _find_allocations(connection: AsyncConnection[Any], requests: Sequence[Request]) -> None:
    bare: list[tuple[Request, Allocate | Release]] = []
    for request in requests:
        command = request.command
        if isinstance(command, Allocate | Release) and (command.job_id is None or command.node_name is None):
            bare.append((request, command))
    if not bare:
        return
    ids = [command.allocation_id for _, command in bare]
    cursor = await connection.execute(SQL["find_allocations"], {"ids": ids})
    found = {row[0]: (JobId(row[1]), NodeName(row[2])) for row in await cursor.fetchall()}
    for request, command in bare:
        if command.allocation_id in found:
            job_id, node_name = found[command.allocation_id]
            request.command = replace(command, job_id=job_id, node_name=node_name)
            request.unfit = None
        else:
            request.unfit = Rejection(
                code=RejectionCode.NOT_FOUND, message=f"There is no allocation {command.allocation_id}."
            )


async def _choose_cpus(connection: AsyncConnection[Any], request: Request, command: Reserve) -> None:
    """The lowest free CPUs; whoever takes one of them first wins, and the constraint says so."""
    free = await connection.execute(SQL["free_cpus"], {"node_name": command.node_name})
    cpus = [cpu for (cpu,) in await free.fetchall()]
    needed = await (await connection.execute(SQL["required_cpus"], {"job_id": command.job_id})).fetchone()
    count = needed[0] if needed else 0
    if count <= len(cpus):
        request.command = replace(command, cpu_ids=tuple(cpus[:count]))
        request.unfit = None
        return
    request.unfit = Rejection(
        code=RejectionCode.CPUS_TAKEN,
        message=f"Job {command.job_id} needs {count} CPUs; node {command.node_name} has {len(cpus)} free.",
    )


async def load(connection: AsyncConnection[Any], requests: Sequence[Request]) -> Loaded:
    """Everything the decisions rest on; the time is later than every event in sight."""
    streams = {s for r in requests if r.unfit is None for s in streams_read(r.command) if _may_exist(r, s)}
    command_ids = [r.provenance.command_id for r in requests if r.provenance.command_id]
    repeats = await _read_repeats(connection, command_ids) if command_ids else {}
    widest = None
    if any(isinstance(request.command, Submit) for request in requests):
        widest = await _one(await connection.execute(SQL["widest_node_cpus"]))
    cursor = await connection.execute(LOG_SQL["read_streams_and_clock"], {"streams": list(streams)})
    rows = await cursor.fetchall()
    for request in requests:
        request.tried = True
    states: dict[StreamName, State] = {}
    position = Position(0)
    for row in rows:
        if row[0] is not None:
            recorded = recorded_event(row[:-1])
            fold(states, recorded)
            position = max(position, recorded.position)
    return Loaded(
        at=max(row[-1] for row in rows),
        states=states,
        position=position,
        repeats=repeats,
        widest_node_cpus=widest,
    )


async def _read_repeats(
    connection: AsyncConnection[Any], command_ids: Sequence[str]
) -> dict[str, tuple[RecordedEvent, ...]]:
    """What commands with these ids came to before, by id."""
    cursor = await connection.execute(LOG_SQL["read_command"], {"command_ids": list(command_ids)})
    found: dict[str, tuple[RecordedEvent, ...]] = {}
    for row in await cursor.fetchall():
        event = recorded_event(row)
        assert event.provenance.command_id is not None
        found[event.provenance.command_id] = (*found.get(event.provenance.command_id, ()), event)
    return found


def _may_exist(request: Request, stream: StreamName) -> bool:
    """A job id drawn just now has no stream yet; after a lost answer it may."""
    return request.tried or not isinstance(request.command, Submit)


async def _one(cursor: Any) -> Any:
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


def settle(entries: Sequence[tuple[Sequence[Request], bool]], loaded: Loaded) -> Plan:
    """Decide every request in order. An atomic entry with a refusal comes to nothing as a whole."""
    plan = Plan()
    channels: dict[str, None] = {}
    for requests, atomic in entries:
        mark, changed = len(plan.events), dict(plan.changed) if atomic else None
        verdicts = [_settle_one(request, loaded, plan) for request in requests]
        if changed is not None and any(isinstance(verdict, Rejection) for verdict in verdicts):
            del plan.events[mark:]
            plan.changed = changed
            verdicts = [v if isinstance(v, Rejection) else _NOT_DONE for v in verdicts]
        else:
            _keep_bodies(plan, requests, plan.events[mark:])
            for request in requests:
                _note_streams(plan, request, loaded, since=mark)
        plan.verdicts.append(verdicts)
    for new in plan.events:
        channels.update(dict.fromkeys(_channels(new.event, plan.changed[new.stream])))
    plan.channels = [*channels, *([LOG_CHANNEL] if plan.events else [])]
    return plan


_NOT_DONE = Rejection(
    code=RejectionCode.INVALID,
    message="Not done: another command of the same atomic list was refused. Mend that one and send all again.",
)


def _settle_one(
    request: Request, loaded: Loaded, plan: Plan
) -> Rejection | slice | tuple[RecordedEvent, ...]:
    repeated = loaded.repeats.get(request.provenance.command_id or "")
    if repeated:
        return _repeated(request, repeated)
    if request.unfit is not None:
        return request.unfit
    states = ChainMap(plan.changed, loaded.states)
    stream = streams_read(request.command)[0]
    conflict = _version_conflict(request, states.get(stream))
    if conflict:
        return conflict
    verdict = decide(
        request.command, states, at=loaded.at, widest_node_cpus=loaded.widest_node_cpus
    )
    start = len(plan.events)
    for index, event in enumerate(verdict.events):
        _append(plan, states, stream, event, _provenance(request, index), loaded.at)
    return verdict.rejection or slice(start, len(plan.events))


def _append(
    plan: Plan, states: States, stream: StreamName, event: Event, provenance: Provenance, at: datetime
) -> None:
    before = states.get(stream)
    version = Version((before.version if before else 0) + 1)
    plan.changed[stream] = evolve(before, event, at=at, version=version)
    plan.events.append(NewEvent(stream=stream, version=version, event=event, provenance=provenance))


def _provenance(request: Request, index: int) -> Provenance:
    if request.provenance.command_id is None:
        return request.provenance
    return replace(
        request.provenance, command_index=index, command_digest=request.digest if index == 0 else None
    )


def _repeated(
    request: Request, events: tuple[RecordedEvent, ...]
) -> Rejection | tuple[RecordedEvent, ...]:
    if events[0].provenance.command_digest == request.digest:
        return events
    return Rejection(
        code=RejectionCode.INVALID,
        message="This command_id was used before for another command. Use a new one for a new wish.",
        field="command_id",
    )


def _version_conflict(request: Request, state: State | None) -> Rejection | None:
    version = state.version if state else 0
    if request.expected_version is None or request.expected_version == version:
        return None
    return Rejection(
        code=RejectionCode.VERSION_CONFLICT,
        message=f"It is at version {version}, not {request.expected_version}. Read it again and decide anew.",
        state=str(state.state) if isinstance(state, Job) else None,
        version=version,
    )


def _keep_bodies(plan: Plan, requests: Sequence[Request], events: Sequence[NewEvent]) -> None:
    submitted = {e.event.job_id: e.event for e in events if isinstance(e.event, JobSubmitted)}
    for request in requests:
        command = request.command
        event = submitted.get(command.job_id) if isinstance(command, Submit) and command.job_id else None
        if event is None or not isinstance(command, Submit):
            continue
        plan.scripts[event.script_sha256] = command.script
        if event.environment_id is not None:
            plan.environments[event.environment_id] = command.environment


def _note_streams(plan: Plan, request: Request, loaded: Loaded, *, since: int) -> None:
    """Only decisions that led to events rest on versions at the door."""
    if request.unfit is not None:
        return
    read = streams_read(request.command)
    if not any(new.stream == read[0] for new in plan.events[since:]):
        return
    for stream in read:
        state = loaded.states.get(stream)
        plan.streams_read[stream] = int(state.version) if state else 0


def _channels(event: Event, state: State) -> list[str]:
    channels = [] if type(event).__name__ in _QUIET_FOR_SCHEDULER else [SCHEDULER_CHANNEL]
    if isinstance(event, ResourcesReserved):
        channels.append(node_channel(event.node_name))
    elif isinstance(event, CancelRequested) and isinstance(state, Job) and state.allocation:
        channels.append(cancel_channel(state.allocation.node_name))
    return channels
