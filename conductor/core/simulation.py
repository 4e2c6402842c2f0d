"""A workload in simulated time: the very same `Cluster` and `plan` as the scheduler's, and no clock but a heap.

Promises: deterministic; the cluster is changed by recorded events alone, so that simulation, scheduler and replay
mean the same by every one of them; `plan` is asked once for every instant at which something changed. A job runs
as long as it really ran, and never longer than its limit. What costs a real system time (starting a process,
a commit) costs none here. Refuses to know where a workload came from and what is measured of the runs.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import NamedTuple, assert_never

from conductor.core.cluster import Cluster
from conductor.core.events import (
    DependencyMet,
    Event,
    JobCancelled,
    NodeRegistered,
    PolicyChanged,
    ProcessIdentity,
    Provenance,
    RecordedEvent,
    ReleaseReason,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.fitting import mismatch
from conductor.core.identifiers import (
    POLICY_STREAM,
    AllocationId,
    JobId,
    Position,
    StreamName,
    Version,
    job_stream,
    node_stream,
)
from conductor.core.job import Job, JobState
from conductor.core.placement import Placement, plan
from conductor.core.simulated_dependencies import Dependants
from conductor.core.simulated_shares import Shares
from conductor.core.workload import Held, NodeNews, Outcome, Ran, Wish, Work, Workload

Told = Callable[[RecordedEvent], None]
Progress = Callable[[int, int], None]

LOOK_AGAIN = timedelta(minutes=1)  # while shares decay and something waits
_MOST_PLACEMENTS = 1000
_TELL_EVERY = 500
_NOBODY = Provenance(actor="simulation", channel="simulation")
_PROCESS = ProcessIdentity(pid=1, boot_id="", start_ticks=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What came of it. `digest` is of every start: job, instant, node, CPUs; two runs alike have the same."""

    ran: tuple[Ran, ...]  # in the order in which they began
    refused: tuple[JobId, ...]  # no node could ever run them
    cancelled: tuple[JobId, ...]  # before they began
    waiting: tuple[JobId, ...]  # never began
    timed_out: int
    passes: int  # how often `plan` was asked
    digest: str


class _Gone(NamedTuple):
    job_id: JobId


class _End(NamedTuple):
    job_id: JobId


class _Look(NamedTuple):
    """Nothing happens, but time has passed."""


class _Wished(NamedTuple):
    job_id: JobId
    event: Wish


class _Begun(NamedTuple):
    job_id: JobId
    held: Held


_What = _End | NodeNews | PolicyChanged | Work | _Wished | _Begun | _Gone | _Look
# The order of what falls on one instant: ends first, and a job before what is done to it.
_RANKS: dict[type, int] = {
    kind: rank
    for rank, kind in enumerate((_End, NodeNews, PolicyChanged, Work, _Wished, _Begun, _Gone, _Look))
}


def simulate(workload: Workload, *, told: Told | None = None, progress: Progress | None = None) -> Simulated:
    """Run a workload to its end. `told` gets every event; `progress` is told (jobs gone, jobs in all)."""
    simulation = _Simulation(workload=workload, told=told, progress=progress)
    simulation.run()
    return simulation.result()


@dataclass(slots=True, kw_only=True)
class _Simulation:
    workload: Workload
    told: Told | None
    progress: Progress | None
    cluster: Cluster = field(default_factory=Cluster)
    due: list[tuple[datetime, int, int, _What]] = field(default_factory=list)
    scheduled: int = 0  # a number for each entry of `due`, so that two of one instant keep their order
    allocations: int = 0
    works: dict[JobId, Work] = field(default_factory=dict)
    running: dict[JobId, Held] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    refused: list[JobId] = field(default_factory=list)
    cancelled: list[JobId] = field(default_factory=list)
    timed_out: int = 0
    passes: int = 0
    gone: int = 0
    looks_at: datetime | None = None
    met: bool = False  # a job need wait for others no more, since the plan was last asked
    shares: Shares = field(default_factory=Shares)
    dependants: Dependants = field(init=False)

    def __post_init__(self) -> None:
        work = self.workload
        self.dependants = Dependants(jobs=self.cluster.jobs, ended=dict(work.ended))
        self.dependants.expect(one.submitted for one in work.jobs)
        for news in work.nodes:
            self._schedule(news.at, news)
        for at, policy in work.policies:
            self._schedule(at, PolicyChanged(policy=policy, reason=None))
        for one in work.jobs:
            self._schedule(one.submitted_at, one)
        self._schedule(work.begins_at, _Look())  # whatever waits already

    def run(self) -> None:
        while self.due:
            now = self.due[0][0]
            while self.due and self.due[0][0] == now:
                self._happen(heappop(self.due)[3], now)
            self.cluster.forget_ended()
            if now >= self.workload.begins_at:
                self._place(now)
        self._tell_progress(last=True)

    def result(self) -> Simulated:
        ran = tuple(sorted(self.ran, key=lambda one: (one.started_at, one.job_id)))
        starts = [
            (one.job_id, one.started_at.astimezone(UTC).isoformat(), one.node_name, one.cpu_ids)
            for one in ran
        ]
        return Simulated(
            ran=ran,
            refused=tuple(self.refused),
            cancelled=tuple(self.cancelled),
            waiting=tuple(sorted(self.cluster.jobs)),
            timed_out=self.timed_out,
            passes=self.passes,
            digest=hashlib.sha256("\n".join(map(str, starts)).encode()).hexdigest(),
        )

    def _schedule(self, at: datetime, what: _What) -> None:
        self.scheduled += 1
        entry = (at, _RANKS[type(what)], self.scheduled, what)
        heappush(self.due, entry)

    def _happen(self, what: _What, now: datetime) -> None:
        match what:
            case Work():
                self._submit(what, now)
            case _End():
                self._end(what.job_id, now)
            case _Begun():
                self._begin(what.job_id, what.held, now)
            case _Wished():
                self._wish(what, now)
            case _Gone():
                self._go(what.job_id, now)
            case NodeNews():
                self._node(what, now)
            case PolicyChanged():
                self._tell(POLICY_STREAM, self.cluster.policy.version, what, now)
            case _Look():
                self.looks_at = None
            case _:
                assert_never(what)

    def _tell(self, stream: StreamName, before: int, event: Event, now: datetime) -> None:
        """The one way in which anything changes."""
        recorded = RecordedEvent(
            position=Position(self.cluster.position + 1),
            stream=stream,
            version=Version(before + 1),
            event=event,
            at=now,
            recorded_at=now,
            provenance=_NOBODY,
        )
        self.cluster.apply(recorded)
        if self.told is not None:
            self.told(recorded)

    def _tell_of(self, job: Job, event: Event, now: datetime) -> None:
        self._tell(job_stream(job.job_id), job.version, event, now)

    def _submit(self, work: Work, now: datetime) -> None:
        job_id = work.submitted.job_id
        nodes, licences = self.cluster.nodes.values(), self.cluster.policy.policy.licences
        if not self.workload.any_node and all(mismatch(work.submitted, use.node, licences) for use in nodes):
            self.refused.append(job_id)
            self._count_gone()
            return
        self.works[job_id] = work
        self._tell(job_stream(job_id), 0, work.submitted, now)
        for at, wish in work.wishes:
            self._schedule(max(at, now), _Wished(job_id, wish))
        if work.gone_at is not None:
            self._schedule(max(work.gone_at, now), _Gone(job_id))
        if work.held is not None:
            self._schedule(max(work.held.since_at, now), _Begun(job_id, work.held))
        if work.submitted.begin_time is not None and work.submitted.begin_time > now:
            self._schedule(work.submitted.begin_time, _Look())
        known_met = any(isinstance(wish, DependencyMet) for _, wish in work.wishes)
        if work.submitted.dependency is not None and not known_met:
            self.dependants.add(self.cluster.jobs[job_id])
            self._resolve([job_id], now)

    def _wish(self, wished: _Wished, now: datetime) -> None:
        """What somebody did to a waiting job; too late here when it has begun already."""
        job = self.cluster.jobs.get(wished.job_id)
        if job is not None and job.state is JobState.PENDING:
            self._tell_of(job, wished.event, now)

    def _go(self, job_id: JobId, now: datetime) -> None:
        job = self.cluster.jobs.get(job_id)
        if job is None:
            return
        if job.state is JobState.PENDING:
            self._cancel(job, JobCancelled(reason=None), now)
        else:
            self._release(job, Outcome(reason=ReleaseReason.CANCELLED, exit_code=None), now)

    def _cancel(self, job: Job, event: JobCancelled, now: datetime) -> None:
        self._tell_of(job, event, now)
        self.cancelled.append(job.job_id)
        self._count_gone()
        self._resolve(self.dependants.after(job, event, now), now)

    def _node(self, news: NodeNews, now: datetime) -> None:
        use = self.cluster.nodes.get(news.node_name)
        if use is None and not isinstance(news.event, NodeRegistered):
            return
        self._tell(node_stream(news.node_name), use.node.version if use else 0, news.event, now)

    def _place(self, now: datetime) -> None:
        """Ask the plan until it has nothing more to say of this instant."""
        self.cluster.admit(now)
        self.shares.weigh(self.cluster, now)
        while self.cluster.waiting:
            self.passes += 1
            self.met = False
            placements = plan(self.cluster, now, self.cluster.nodes.keys(), most=_MOST_PLACEMENTS).placements
            for placement in placements:
                self._start(placement, now)
            if len(placements) < _MOST_PLACEMENTS and not self.met:
                break
        moves = self.cluster.policy.policy.fair_share_weight > 0
        if moves and self.cluster.waiting and self.running and self.looks_at is None:
            self.looks_at = now + LOOK_AGAIN
            self._schedule(self.looks_at, _Look())

    def _start(self, placement: Placement, now: datetime) -> None:
        held = Held(
            since_at=now,
            node_name=placement.node_name,
            cpu_ids=placement.cpu_ids,
            gres=placement.gres,
        )
        self._begin(placement.job_id, held, now)

    def _begin(self, job_id: JobId, held: Held, now: datetime) -> None:
        self.allocations += 1
        allocation_id = AllocationId(self.allocations)
        job, node = self.cluster.jobs[job_id], self.cluster.nodes[held.node_name].node
        reserved = ResourcesReserved(
            allocation_id=allocation_id,
            attempt=job.attempt,
            node_name=held.node_name,
            cpu_ids=held.cpu_ids,
            cpu_block=node.cpu_block,
            memory_mb=job.submitted.memory_mb,
            expires_at=now + LOOK_AGAIN,
            term=None,
            gres=held.gres,
        )
        self._tell_of(job, reserved, now)
        allocated = ResourcesAllocated(
            allocation_id=allocation_id, incarnation=node.incarnation, process=_PROCESS
        )
        self._tell_of(self.cluster.jobs[job_id], allocated, now)
        self.running[job_id] = replace(held, since_at=now)
        self.shares.used(job, len(held.cpu_ids), now)
        self._schedule_end(self.works[job_id], now)
        self._resolve(self.dependants.after(self.cluster.jobs[job_id], None, now), now)

    def _schedule_end(self, work: Work, now: datetime) -> None:
        limit_seconds = work.submitted.time_limit_seconds
        run = work.run if work.run is not None or work.gone_at is not None else timedelta()
        if limit_seconds is not None and (run is None or run > timedelta(seconds=limit_seconds)):
            run = timedelta(seconds=limit_seconds)
        if run is not None:
            self._schedule(now + run, _End(work.submitted.job_id))

    def _end(self, job_id: JobId, now: datetime) -> None:
        job = self.cluster.jobs.get(job_id)
        if job is None:
            return  # gone before
        work, limit_seconds = self.works[job_id], job.submitted.time_limit_seconds
        run = work.run
        if limit_seconds is not None and (run is None or run > timedelta(seconds=limit_seconds)):
            self._release(job, Outcome(reason=ReleaseReason.TIMED_OUT, exit_code=None), now)
        else:
            self._release(job, work.outcome, now)

    def _release(self, job: Job, outcome: Outcome, now: datetime) -> None:
        assert job.allocation is not None
        self.timed_out += outcome.reason is ReleaseReason.TIMED_OUT
        event = ResourcesReleased(
            allocation_id=job.allocation.allocation_id,
            reason=outcome.reason,
            exit_code=outcome.exit_code,
            exit_signal=outcome.exit_signal,
        )
        self._tell_of(job, event, now)
        self._note(job, now)
        self._count_gone()
        self._resolve(self.dependants.after(job, event, now), now)

    def _note(self, job: Job, now: datetime) -> None:
        held = self.running.pop(job.job_id)
        self.shares.used(job, -len(held.cpu_ids), now)
        self.ran.append(
            Ran(
                job_id=job.job_id,
                user_name=job.submitted.user_name,
                cpus=len(held.cpu_ids),
                eligible_at=min(job.eligible_at or held.since_at, held.since_at),
                started_at=held.since_at,
                ended_at=now,
                node_name=held.node_name,
                cpu_ids=held.cpu_ids,
                counted=self.works.pop(job.job_id).counted,
            )
        )

    def _resolve(self, candidates: list[JobId], now: datetime) -> None:
        """Jobs that wait for others, now that something has become of these."""
        for job_id in candidates:
            job = self.cluster.jobs.get(job_id)
            if job is None or job.state is not JobState.PENDING:
                continue
            event = self.dependants.decided(job)
            if isinstance(event, JobCancelled):
                self._cancel(job, event, now)
            elif event is not None:
                self._tell_of(job, event, now)
                self.met = True

    def _count_gone(self) -> None:
        self.gone += 1
        if self.gone % _TELL_EVERY == 0:
            self._tell_progress()

    def _tell_progress(self, *, last: bool = False) -> None:
        if self.progress is not None:
            total = len(self.workload.jobs)
            self.progress(total if last else self.gone, total)
