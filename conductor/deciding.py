"""What the handler decides in one try: load and fold the streams of the commands, and settle them.

`settle` is pure. Inside a batch each command sees the events of those before it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from conductor.completing import SQL, Request, give_numbers, numbered_when_read
from conductor.core.causes import NO_TRACE, Cause, Trace, cause_of, followed
from conductor.core.commands import (
    Command,
    DeclareNodeLost,
    RegisterNode,
    ResolveDependency,
    Submit,
    submission_of,
)
from conductor.core.decider import State, decide, evolve, fold
from conductor.core.dependencies import decided_by
from conductor.core.errors import Rejection
from conductor.core.events import (
    DependencyMet,
    Event,
    JobCancelled,
    JobSubmitted,
    NodeLost,
    Provenance,
    RecordedEvent,
    ResourcesReserved,
)
from conductor.core.fitting import NodeOffer, Offers
from conductor.core.held_numbers import spans_text
from conductor.core.holdings import Holdings
from conductor.core.identifiers import NodeName, Position, StreamName, Version, event_reference, job_stream
from conductor.core.job import Job
from conductor.log import LOG_CHANNEL, NewEvent, recorded_event
from conductor.log import SQL as LOG_SQL
from conductor.refusing import NOT_DONE, beyond_rights, repeated, version_conflict
from conductor.remembered import Remembered
from conductor.waking import ADDRESSED, channels_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a batch rests on: its time, the states of its streams, and what was recorded before."""

    at: datetime
    states: dict[StreamName, State]
    traces: dict[StreamName, Trace]  # what the streams' pasts may still cause
    position: Position
    repeats: Mapping[str, tuple[RecordedEvent, ...]]
    widest_node_cpus: int | None
    offers: Offers | None = None  # of all nodes, when a job asks for something particular
    live_leases: frozenset[NodeName] = frozenset()  # of the nodes that are to be registered or declared lost
    from_memory: frozenset[StreamName] = frozenset()  # whose states were not read now


# A rejection, a slice of the plan's events, or what was recorded before.
Verdict = Rejection | slice | tuple[RecordedEvent, ...]


@dataclass(slots=True, kw_only=True)
class Plan:
    """What a batch comes to."""

    verdicts: list[list[Verdict]] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    changed: dict[StreamName, State] = field(default_factory=dict)
    states: dict[StreamName, State] = field(default_factory=dict)  # of every stream in sight, as they are now
    traces: dict[StreamName, Trace] = field(default_factory=dict)
    streams_read: dict[StreamName, int] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)
    lost_nodes: list[str] = field(default_factory=list)  # whose leases must still be over at the door
    passing: list[dict[str, Any]] = field(default_factory=list)  # reservations that end in this very batch
    holdings: Holdings = field(default_factory=lambda: Holdings(()))
    answered: dict[str, Verdict] = field(default_factory=dict)  # by command_id, within this batch
    recognised: set[int] = field(default_factory=set)  # requests (by identity) that are repeats

    @property
    def only_events(self) -> bool:
        """Every request led to events, which the door will check."""
        verdicts = (verdict for entry in self.verdicts for verdict in entry)
        return all(isinstance(v, slice) and v.start < v.stop for v in verdicts)

    def mark(self) -> Callable[[], None]:
        """What takes the plan back to how it stands now."""
        events, changed = len(self.events), dict(self.changed)
        states, traces = dict(self.states), dict(self.traces)
        holdings, answered = self.holdings.copy(), dict(self.answered)

        def take_back() -> None:
            del self.events[events:]
            self.changed, self.states, self.traces = changed, states, traces
            self.holdings, self.answered = holdings, answered

        return take_back


async def load(
    connection: AsyncConnection[Any], requests: Sequence[Request], remembered: Remembered
) -> Loaded:
    """Everything the decisions rest on; the time is later than every event in sight."""
    numberless = numbered_when_read(requests)
    streams = set[StreamName]() if numberless else {s for request in requests for s in _may_exist(request)}
    known = remembered.known(streams)
    states = {stream: state for stream, (state, _) in known.items()}
    traces = {stream: trace for stream, (_, trace) in known.items()}
    from_memory = frozenset(known)
    command_ids = [r.provenance.command_id for r in requests if r.provenance.command_id]
    repeats = await _read_repeats(connection, command_ids) if command_ids else {}
    submits = [request.command for request in requests if isinstance(request.command, Submit)]
    particular = any(submit.is_particular for submit in submits)
    offers = await _read_offers(connection) if particular else None
    live_leases = await _read_leases(connection, requests)
    if numberless:
        cursor = await connection.execute(SQL["draw_job_ids_and_clock"], {"count": len(numberless)})
        rows = await cursor.fetchall()
        give_numbers(numberless, [row[1] for row in rows])
    else:
        wanted = {"streams": list(streams - from_memory), "submits": bool(submits)}
        cursor = await connection.execute(SQL["read_streams_and_clock"], wanted)
        rows = await cursor.fetchall()
    for request in requests:
        request.tried = True
    position = Position(0)
    for row in rows:
        if row[0] is not None:
            recorded = recorded_event(row[:-2])
            fold(states, recorded)
            before = traces.get(recorded.stream, NO_TRACE)
            traces[recorded.stream] = followed(before, recorded.event, recorded.version, recorded.provenance)
            position = max(position, recorded.position)
    return Loaded(
        at=max(row[-1] for row in rows),
        states=states,
        traces=traces,
        position=position,
        repeats=repeats,
        widest_node_cpus=rows[0][-2],
        offers=offers,
        live_leases=live_leases,
        from_memory=from_memory,
    )


async def _read_leases(connection: AsyncConnection[Any], requests: Sequence[Request]) -> frozenset[NodeName]:
    """Which of the nodes that are to be registered or declared lost have been heard from."""
    names = [c.node_name for r in requests if isinstance(c := r.command, RegisterNode | DeclareNodeLost)]
    if not names:
        return frozenset()
    cursor = await connection.execute(SQL["live_leases"], {"names": names})
    return frozenset(NodeName(name) for (name,) in await cursor.fetchall())


async def _read_offers(connection: AsyncConnection[Any]) -> Offers:
    """What every node has that is registered and not removed."""
    cursor = await connection.execute(SQL["node_offers"])
    return Offers(
        [
            NodeOffer(
                node_name=NodeName(name), total_cpus=total_cpus, memory_mb=memory_mb, labels=labels, gres=gres
            )
            for name, total_cpus, memory_mb, labels, gres in await cursor.fetchall()
        ]
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


def _may_exist(request: Request) -> tuple[StreamName, ...]:
    """A job id drawn just now has no stream yet; after a lost answer it may."""
    is_new = isinstance(request.command, Submit) and not request.tried
    return request.read[1:] if is_new else request.read


def settle(entries: Sequence[tuple[Sequence[Request], bool]], loaded: Loaded) -> Plan:
    """Decide every request in order. An atomic entry with a refusal comes to nothing as a whole."""
    holdings = Holdings(state for state in loaded.states.values() if isinstance(state, Job))
    plan = Plan(holdings=holdings, states=dict(loaded.states), traces=dict(loaded.traces))
    for requests, atomic in entries:
        since = len(plan.events)
        take_back = plan.mark() if atomic else None
        verdicts = [_settle_one(request, loaded, plan) for request in requests]
        if take_back is not None and any(isinstance(verdict, Rejection) for verdict in verdicts):
            take_back()
            verdicts = [verdict if isinstance(verdict, Rejection) else NOT_DONE for verdict in verdicts]
        else:
            _keep_bodies(plan, requests, plan.events[since:])
            _note_streams(plan, requests, loaded, written={new.stream for new in plan.events[since:]})
        plan.verdicts.append(verdicts)
    _sum_up(plan)
    return plan


def _sum_up(plan: Plan) -> None:
    """What follows from all events together. Of a thousand of one kind most need not be looked at."""
    first_of_kind: dict[type[Event], NewEvent] = {}
    for new in plan.events:
        first_of_kind.setdefault(type(new.event), new)
    if ResourcesReserved in first_of_kind:
        plan.passing = [_passing(n.event) for n in plan.events if _passes(n, plan)]
    if NodeLost in first_of_kind:
        plan.lost_nodes = [
            n.stream.removeprefix("node-") for n in plan.events if isinstance(n.event, NodeLost)
        ]
    waking = plan.events if ADDRESSED & first_of_kind.keys() else first_of_kind.values()
    channels = [channel for new in waking for channel in channels_of(new.event, plan.changed[new.stream])]
    plan.channels = [*dict.fromkeys(channels), *([LOG_CHANNEL] if plan.events else [])]


def _settle_one(request: Request, loaded: Loaded, plan: Plan) -> Verdict:
    command_id = request.provenance.command_id
    if command_id is None:
        if request.head is not None and id(request.head) in plan.recognised:
            return ()  # the whole array was recorded with its first task
        return _decide_one(request, loaded, plan)
    if command_id in loaded.repeats or command_id in plan.answered:
        plan.recognised.add(id(request))
    if command_id in loaded.repeats:
        return repeated(request, loaded.repeats[command_id])
    if command_id in plan.answered:
        return plan.answered[command_id]
    verdict = _decide_one(request, loaded, plan)
    if not isinstance(verdict, Rejection):
        plan.answered[command_id] = verdict
    return verdict


def _decide_one(request: Request, loaded: Loaded, plan: Plan) -> Verdict:
    states, read = plan.states, request.read
    stream = read[0] if read else None
    conflict = _conflict(request, states.get(stream) if stream else None)
    if conflict is not None or stream is None:
        return conflict or NOT_DONE
    decided = decide(
        request.command,
        states,
        at=loaded.at,
        widest_node_cpus=loaded.widest_node_cpus,
        live_leases=loaded.live_leases,
        offers=loaded.offers,
    )
    for event in decided.events:
        if isinstance(event, ResourcesReserved) and (taken := plan.holdings.conflict(event)) is not None:
            return taken
    start = len(plan.events)
    cause = None
    for index, event in enumerate(decided.events):
        before = states.get(stream)
        if index == 0:
            job = before if isinstance(before, Job) else None
            awaited = _awaited(request.command, event, job, states)
            cause = cause_of(event, stream, job, plan.traces, awaited=awaited)
        else:
            cause = _as_cause(plan.events[-1])
        _append(plan, before, stream, event, _provenance(request, index, cause), loaded.at)
    return decided.rejection or slice(start, len(plan.events))


def _conflict(request: Request, state: State | None) -> Rejection | None:
    return request.unfit or beyond_rights(request, state) or version_conflict(request, state)


def _awaited(
    command: Command, event: Event, job: Job | None, states: Mapping[StreamName, State]
) -> StreamName | None:
    """Of a dependency that is settled: the stream of the job on which it turned."""
    if not isinstance(command, ResolveDependency) or not isinstance(event, DependencyMet | JobCancelled):
        return None
    others = [states.get(job_stream(job_id)) for job_id in command.depends_on]
    found = decided_by(event, job, [one for one in others if isinstance(one, Job)]) if job else None
    return job_stream(found) if found is not None else None


def _passes(new: NewEvent, plan: Plan) -> bool:
    """No live row would tell the database's constraint of this reservation."""
    if not isinstance(new.event, ResourcesReserved):
        return False
    job = plan.changed[new.stream]
    assert isinstance(job, Job)
    kept = job.allocation is not None and job.allocation.live
    return not (
        kept and job.allocation is not None and job.allocation.allocation_id == new.event.allocation_id
    )


def _passing(event: Event) -> dict[str, Any]:
    assert isinstance(event, ResourcesReserved)
    spans = spans_text(event.cpu_block, event.cpu_ids, event.gres)
    return {
        "id": event.allocation_id,
        "cpu_block": event.cpu_block,
        "cpu_ids": event.cpu_ids,
        "cpu_spans": spans,
    }


def _append(
    plan: Plan,
    before: State | None,
    stream: StreamName,
    event: Event,
    provenance: Provenance,
    at: datetime,
) -> None:
    version = Version((before.version if before else 0) + 1)
    after = evolve(before, event, at=at, version=version)
    if isinstance(after, Job):
        plan.holdings.move(before if isinstance(before, Job) else None, after)
    plan.changed[stream] = plan.states[stream] = after
    plan.traces[stream] = followed(plan.traces.get(stream, NO_TRACE), event, version, provenance)
    plan.events.append(NewEvent(stream=stream, version=version, event=event, provenance=provenance))


def _as_cause(new: NewEvent) -> Cause:
    """Of what the same command does next."""
    return Cause(reference=event_reference(new.stream, new.version), origin=new.provenance)


def _provenance(request: Request, index: int, cause: Cause | None) -> Provenance:
    """What follows from an earlier event goes back to that one's request; the one that told of it is kept beside."""
    given = request.provenance
    if cause is None and given.command_id is None:
        return given
    own, correlation = given.correlation, cause.correlation if cause else None
    known, first = given.command_id is not None, (cause.origin if cause else None) or given
    return Provenance(
        actor=given.actor,
        channel=given.channel,
        correlation=correlation or own,
        causation=cause.reference if cause else None,
        request_id=own if correlation and own != correlation else None,
        command_id=given.command_id,
        command_index=index if known else None,
        command_digest=request.digest if known and index == 0 else None,
        trace_id=first.trace_id,
        span_id=first.span_id,
    )


def _keep_bodies(plan: Plan, requests: Sequence[Request], events: Sequence[NewEvent]) -> None:
    submitted = {e.event.job_id: e.event for e in events if isinstance(e.event, JobSubmitted)}
    for request in requests:
        command = submission_of(request.command)
        event = submitted.get(command.job_id) if command is not None and command.job_id else None
        if event is None or command is None:
            continue
        plan.scripts[event.script_sha256] = command.script
        if event.environment_id is not None:
            plan.environments[event.environment_id] = command.environment


def _note_streams(
    plan: Plan, requests: Sequence[Request], loaded: Loaded, *, written: set[StreamName]
) -> None:
    """Only decisions that led to events rest on versions at the door. A stream that begins here cannot begin twice."""
    for request in requests:
        read = request.read
        if read and read[0] in written:
            for stream in read:
                state = loaded.states.get(stream)
                if state is not None or stream not in written:
                    plan.streams_read[stream] = int(state.version) if state else 0
