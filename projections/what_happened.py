"""The log as a workload: what was submitted when, how long it really ran, and what people did to it meanwhile.

Promises: reads one snapshot and changes nothing; holds the jobs of the time asked for, and of what came before only
what still lived then. Refuses to know what a simulation makes of it.

What nobody can know is not guessed: a job that has never run by the end is left out, one that still runs is taken
to run until then, and one that was requeued runs once, as long as its last attempt did. What the original system ran
is left out: nobody noted which nodes it had when.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from conductor.core.allocation import Allocation
from conductor.core.decider import State, fold_owned
from conductor.core.dependencies import parsed
from conductor.core.errors import ConductorError
from conductor.core.events import (
    DependencyMet,
    Event,
    JobCancelled,
    JobHeld,
    JobImported,
    JobReprioritized,
    JobRequeued,
    JobSubmitted,
    JobUnheld,
    NodeDrained,
    NodeLost,
    NodeRegistered,
    NodeRemoved,
    NodeResumed,
    Policy,
    PolicyChanged,
    ResourcesAllocated,
    ResourcesReleased,
)
from conductor.core.identifiers import JobId, NodeName, StreamName, Version, job_of_stream, job_stream
from conductor.core.job import Job, JobState
from conductor.core.workload import (
    Held,
    NodeKind,
    NodeNews,
    Outcome,
    Ran,
    Wish,
    Work,
    Workload,
    registrations,
)
from projections.folded import states_before
from projections.log_stream import LogEvent, read_log, read_streams
from projections.moment import Moment, UnreadableLog

Progress = Callable[[int, int], None]

_TELL_EVERY = 5000
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when an empty log began


@dataclass(slots=True, kw_only=True)
class _Life:
    """What matters of one job; of its attempts, the last."""

    submitted: JobSubmitted
    submitted_at: datetime
    counted: bool
    wishes: list[tuple[datetime, Wish]] = field(default_factory=list)
    eligible_at: datetime | None = None
    started_at: datetime | None = None
    allocation: Allocation | None = None
    ended_at: datetime | None = None
    outcome: Outcome = Outcome()
    cancelled_at: datetime | None = None  # while it waited, by somebody
    unmet: bool = False
    requeued: bool = False
    imported: bool = False  # as it had ended in the original system


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A piece of history. Counts are of jobs submitted in it, `carried` of those that were there before."""

    begins_at: datetime
    until: Moment
    works: tuple[Work, ...]
    really: tuple[Ran, ...]
    nodes: tuple[NodeNews, ...]
    policies: tuple[tuple[datetime, Policy], ...]
    ended: Mapping[JobId, Job]
    carried: int
    running: int  # at the end: counted up to it
    unknown: int  # never ran by the end: left out
    requeued: int
    imported: int  # ended in the original system: left out

    @property
    def policy(self) -> Policy:
        """In force when it begins."""
        before = [policy for at, policy in self.policies if at <= self.begins_at]
        return before[-1] if before else Policy()

    @property
    def only_policy(self) -> Policy | None:
        """In force all the time; None when it changed."""
        return None if any(at > self.begins_at for at, _ in self.policies) else self.policy


def read_happened(
    connection: psycopg.Connection[Any],
    *,
    since: Moment | None,
    until: Moment,
    progress: Progress | None = None,
) -> Happened:
    """The log up to `until`, of which what came up to `since` is only what led there. Raises `UnreadableLog`."""
    reading = _Reading(connection=connection, since=since.position if since else 0)
    for count, logged in enumerate(read_log(connection, until=until.position), 1):
        try:
            reading.read(logged)
        except (ConductorError, ValueError) as error:
            raise UnreadableLog(
                f"The log cannot be folded beyond position {logged.position}: {error}. "
                "`conductor replay verify` names everything that is wrong with it."
            ) from error
        if progress is not None and count % _TELL_EVERY == 0:
            progress(count, until.position)
    return reading.happened(since, until)


def workload_of(
    happened: Happened, *, policy: Policy | None = None, kinds: Sequence[NodeKind] | None = None
) -> Workload:
    """As it was, but for the policy and the nodes that are given.

    On nodes that nobody has, no job is bound to a node's name, label or generic resource; those that ran when it
    began are submitted then, with what they had still to run.
    """
    policies = happened.policies if policy is None else ((_first_instant(happened), policy),)
    if kinds is None:
        return Workload(
            begins_at=happened.begins_at,
            jobs=happened.works,
            nodes=happened.nodes,
            policies=policies,
            any_node=True,
            ended=happened.ended,
        )
    licences = (policy or happened.policy).licences
    begins_at = happened.begins_at
    return Workload(
        begins_at=begins_at,
        jobs=tuple(_unbound(work, licences, begins_at) for work in happened.works),
        nodes=tuple(NodeNews(_first_instant(happened), one.node_name, one) for one in registrations(kinds)),
        policies=policies,
        ended=happened.ended,
    )


def _first_instant(happened: Happened) -> datetime:
    return min((happened.begins_at, *(work.submitted_at for work in happened.works)))


def _unbound(work: Work, licences: Mapping[str, int], begins_at: datetime) -> Work:
    gres = {name: count for name, count in work.submitted.gres.items() if name in licences}
    submitted = replace(work.submitted, nodelist=(), labels={}, gres=gres)
    run = work.run
    if work.held is not None and run is not None:
        run -= begins_at - work.held.since_at
    return replace(work, submitted=submitted, run=run, held=None)


@dataclass(slots=True, kw_only=True)
class _Reading:
    connection: psycopg.Connection[Any]
    since: int
    states: dict[StreamName, State] = field(default_factory=dict)
    lives: dict[JobId, _Life] = field(default_factory=dict)
    tasks: dict[JobId, list[JobId]] = field(default_factory=dict)  # of arrays, also those that are forgotten
    nodes: list[NodeNews] = field(default_factory=list)
    policies: list[tuple[datetime, Policy]] = field(default_factory=list)
    first_at: datetime | None = None

    def read(self, logged: LogEvent) -> None:
        self.first_at = self.first_at or logged.at
        job_id = job_of_stream(logged.stream)
        if job_id is not None:
            self._read_job(job_id, logged)
            return
        match event := logged.event():
            case NodeRegistered() | NodeDrained() | NodeResumed() | NodeLost() | NodeRemoved():
                name = NodeName(logged.stream.removeprefix("node-"))
                self.nodes.append(NodeNews(logged.at, name, event))
            case PolicyChanged():
                self.policies.append((logged.at, event.policy))
            case _:
                pass  # who leads, and what people noted, moves no job

    def _read_job(self, job_id: JobId, logged: LogEvent) -> None:
        stream = StreamName(logged.stream)
        if stream not in self.states and logged.version > 1:  # it had ended, and goes on
            for earlier in read_streams(self.connection, [stream], before=logged.position):
                self._live(job_id, earlier)
        job = self._live(job_id, logged)
        if not job.state.final:
            return
        del self.states[stream]
        if logged.position <= self.since:
            del self.lives[job_id]

    def _live(self, job_id: JobId, logged: LogEvent) -> Job:
        event = logged.event()
        version = Version(logged.version)
        job = fold_owned(self.states, StreamName(logged.stream), event, at=logged.at, version=version)
        assert isinstance(job, Job)
        if isinstance(event, JobSubmitted):
            if event.array_job_id is not None and job_id not in self.lives:
                self.tasks.setdefault(event.array_job_id, []).append(job_id)
            counted = logged.position > self.since
            self.lives[job_id] = _Life(submitted=event, submitted_at=logged.at, counted=counted)
        else:
            _note(self.lives[job_id], job, event, logged.at)
        return job

    def happened(self, since: Moment | None, until: Moment) -> Happened:
        begins_at = (since.at if since else None) or self.first_at or until.at or _NEVER
        end = until.at or begins_at
        known = {i: life for i, life in self.lives.items() if _is_known(life)}
        imported = sum(life.imported for life in self.lives.values())
        counted = [life for life in self.lives.values() if life.counted]
        return Happened(
            begins_at=begins_at,
            until=until,
            works=tuple(_work(life, begins_at, end) for life in known.values()),
            really=tuple(ran for life in known.values() if (ran := _really(life, end)) is not None),
            nodes=tuple(self.nodes),
            policies=tuple(self.policies),
            ended=self._ended_before(known),
            carried=sum(not life.counted for life in known.values()),
            running=sum(life.started_at is not None and life.ended_at is None for life in known.values()),
            unknown=len(self.lives) - len(known) - imported,
            requeued=sum(life.requeued for life in counted),
            imported=imported,
        )

    def _ended_before(self, known: Mapping[JobId, _Life]) -> Mapping[JobId, Job]:
        """Jobs that dependencies name and that are not simulated, because they had ended by then."""
        texts = {life.submitted.dependency for life in known.values()} - {None}
        named = {reference.job_id for text in texts if text for reference in parsed(text).references}
        named |= {task for head in named for task in self.tasks.get(head, ())}
        streams = [job_stream(job_id) for job_id in sorted(named - known.keys())]
        states = states_before(self.connection, streams, self.since + 1) if streams else ()
        return {state.job_id: state for _, state in states if isinstance(state, Job) and state.state.final}


def _note(life: _Life, job: Job, event: Event, at: datetime) -> None:
    match event:
        case JobHeld() if event.automatic:
            pass  # its nodes failed it; here they do not
        case JobHeld() | JobUnheld() | JobReprioritized() | DependencyMet():
            life.wishes.append((at, event))
        case ResourcesAllocated():
            life.eligible_at, life.started_at, life.allocation = job.eligible_at, at, job.allocation
        case ResourcesReleased() if job.state.final:
            _note_end(life, job, event, at)
        case JobCancelled():
            life.unmet = event.unmet is not None
            life.cancelled_at = None if life.unmet else at
        case JobImported():
            life.imported = job.state.final
        case JobRequeued():
            life.requeued, life.imported = not life.imported, False
            life.eligible_at = life.started_at = life.ended_at = life.cancelled_at = life.allocation = None
        case _:
            pass


def _note_end(life: _Life, job: Job, event: ResourcesReleased, at: datetime) -> None:
    if life.started_at is None and job.state is JobState.CANCELLED:
        life.cancelled_at = at
        return
    life.ended_at = at
    life.outcome = Outcome(reason=event.reason, exit_code=event.exit_code, exit_signal=event.exit_signal)
    if life.started_at is None and job.allocation is not None:  # it could not be started
        life.eligible_at, life.started_at = job.eligible_at, job.allocation.reserved_at
        life.allocation = job.allocation


def _is_known(life: _Life) -> bool:
    return life.started_at is not None or life.cancelled_at is not None or life.unmet


def _work(life: _Life, begins_at: datetime, end: datetime) -> Work:
    run = None if life.started_at is None else (life.ended_at or end) - life.started_at
    held = None
    if life.started_at is not None and life.started_at <= begins_at and not life.counted:
        assert life.allocation is not None
        held = Held(
            since_at=life.started_at,
            node_name=life.allocation.node_name,
            cpu_ids=life.allocation.cpu_ids,
            gres=life.allocation.gres,
        )
    return Work(
        submitted=life.submitted,
        submitted_at=life.submitted_at,
        run=run,
        gone_at=life.cancelled_at,
        outcome=life.outcome,
        wishes=tuple(
            (at, wish)
            for at, wish in life.wishes
            if not isinstance(wish, DependencyMet) or (at <= begins_at and not life.counted)
        ),
        held=held,
        counted=life.counted,
    )


def _really(life: _Life, end: datetime) -> Ran | None:
    if life.started_at is None or life.allocation is None:
        return None
    return Ran(
        job_id=life.submitted.job_id,
        user_name=life.submitted.user_name,
        cpus=len(life.allocation.cpu_ids),
        eligible_at=min(life.eligible_at or life.started_at, life.started_at),
        started_at=life.started_at,
        ended_at=life.ended_at or end,
        node_name=life.allocation.node_name,
        cpu_ids=life.allocation.cpu_ids,
        counted=life.counted,
    )
