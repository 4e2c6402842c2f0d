"""Whatever happens, in whatever order: what nobody asked for has a cause, and it stands earlier in the log.

Wishes are settled in batches as the handler does it, without a database, from states that are really there, so that
a few thousand of them come to every kind of event.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import timedelta

import pytest

from conductor.completing import Request
from conductor.core.causes import NO_TRACE, Trace, followed
from conductor.core.commands import (
    Allocate,
    Cancel,
    Command,
    DeclareNodeLost,
    ElectLeader,
    Expire,
    Hold,
    RegisterNode,
    Release,
    ReleaseLost,
    ReportCleanup,
    Reprioritize,
    Requeue,
    Reserve,
    ResolveDependency,
    Submit,
    Unhold,
)
from conductor.core.decider import State
from conductor.core.events import (
    CancelRequested,
    Event,
    FindingAcknowledged,
    JobCancelled,
    JobHeld,
    JobReprioritized,
    JobRequeued,
    JobSubmitted,
    JobUnheld,
    LateReport,
    LeaderElected,
    NodeDrained,
    NodeLost,
    NodeRegistered,
    NodeResumed,
    PolicyChanged,
    ProcessIdentity,
    ProjectionsRebuilt,
    Provenance,
    RecordedEvent,
    ReleaseReason,
    ResourcesReleased,
)
from conductor.core.identifiers import (
    AllocationId,
    Incarnation,
    JobId,
    NodeName,
    Position,
    StreamName,
    event_reference,
    node_stream,
    referred_event,
)
from conductor.core.job import Job
from conductor.core.node import Node
from conductor.core.token_events import TokenCreated, TokenRevoked
from conductor.deciding import Loaded, settle
from tests.given import START

NODES = (NodeName("a"), NodeName("b"))
CPUS = 8
BATCHES = 800
BOOT = "boot"


class History:
    """A log in memory, its states, and wishes that fit them more often than not."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = START
        self.states: dict[StreamName, State] = {}
        self.traces: dict[StreamName, Trace] = {}
        self.log: list[RecordedEvent] = []
        self.drawn = 0

    def draw(self) -> int:
        self.drawn += 1
        return self.drawn

    def settle(self, commands: Iterable[Command]) -> None:
        """A batch: each command under a request of its own."""
        self.now += timedelta(seconds=1)
        wishes = [
            Request(command=one, provenance=Provenance(actor="t", channel="t", correlation=f"r{self.draw()}"))
            for one in commands
        ]
        loaded = Loaded(
            at=self.now,
            states=self.states,
            traces=self.traces,
            position=Position(len(self.log)),
            repeats={},
            widest_node_cpus=None,
        )
        plan = settle([([wish], self.random.random() < 0.3) for wish in wishes], loaded)
        self.states, self.traces = plan.states, plan.traces
        for new in plan.events:
            self.log.append(
                RecordedEvent(
                    position=Position(len(self.log) + 1),
                    stream=new.stream,
                    version=new.version,
                    event=new.event,
                    at=self.now,
                    recorded_at=self.now,
                    provenance=new.provenance,
                )
            )

    def wish(self) -> Command:
        chance = self.random
        jobs = [state for state in self.states.values() if isinstance(state, Job)][-6:]
        if not jobs or chance.random() < 0.03:
            return self._submit()
        job = chance.choice(jobs)
        node_name = job.allocation.node_name if job.allocation else chance.choice(NODES)
        node = self.states.get(node_stream(node_name))
        if chance.random() < 0.08 or not isinstance(node, Node):
            return self._about_nodes(node_name)
        wishes: list[Command] = [*self._by_people(job.job_id), *4 * self._by_services(job, node)]
        return chance.choice(wishes)

    def _submit(self) -> Submit:
        chance = self.random.random
        jobs = [state.job_id for state in self.states.values() if isinstance(state, Job)][-3:]
        kind = self.random.choice(["after", "afterok", "afternotok", "afterany"])
        waits = f"{kind}:{self.random.choice(jobs)}" if jobs and chance() < 0.3 else None
        return Submit(
            script="true\n",
            user_name="a",
            submitted_by="a",
            requeue=chance() < 0.6,
            held=chance() < 0.1,
            dependency=waits,
            job_id=JobId(self.draw()),
        )

    def _about_nodes(self, node_name: NodeName) -> Command:
        block = (NODES.index(node_name) + 1) << 20
        register = RegisterNode(
            node_name=node_name, spool_id="s", boot_id=BOOT, total_cpus=CPUS, cpu_block=block
        )
        lost = DeclareNodeLost(node_name=node_name, jobs_lost=self.random.random() < 0.5)
        wishes: list[Command] = [register, register, lost, ElectLeader(holder=str(self.draw()), host="h")]
        return self.random.choice(wishes)

    def _by_people(self, job_id: JobId) -> list[Command]:
        return [
            Cancel(job_id=job_id),
            Requeue(job_id=job_id),
            Hold(job_id=job_id),
            Unhold(job_id=job_id),
            Reprioritize(job_id=job_id, priority=self.random.randint(0, 3)),
        ]

    def _by_services(self, job: Job, node: Node) -> list[Command]:
        known: Sequence[AllocationId] = [one.allocation_id for one in job.past_allocations] or [
            AllocationId(0)
        ]
        allocation_id = job.allocation.allocation_id if job.allocation else self.random.choice(known)
        if self.random.random() < 0.1:
            allocation_id = self.random.choice(known)
        stale = self.random.random() < 0.1
        place = {"job_id": job.job_id, "node_name": node.node_name}
        at = {**place, "allocation_id": allocation_id}
        report = {**at, "incarnation": Incarnation(node.incarnation - stale)}
        process = ProcessIdentity(pid=1, boot_id=BOOT, start_ticks=1)
        cpu_ids = (self.random.randrange(CPUS),)
        reason = self.random.choice([*ReleaseReason, ReleaseReason.NODE_LOST, ReleaseReason.NODE_LOST])
        if job.depends:
            awaited = JobId(int((job.submitted.dependency or "").partition(":")[2]))
            return [ResolveDependency(job_id=job.job_id, depends_on=(awaited,))]
        return [
            Reserve(**place, allocation_id=AllocationId(self.draw()), cpu_ids=cpu_ids, expires_in_seconds=20),  # type: ignore[arg-type]
            Allocate(**report, process=process),  # type: ignore[arg-type]
            Release(**report, reason=reason, exit_code=0, exit_signal=None),  # type: ignore[arg-type]
            ReportCleanup(**report, pids=(1,)),  # type: ignore[arg-type]
            Expire(job_id=job.job_id, allocation_id=allocation_id),
            ReleaseLost(**at),  # type: ignore[arg-type]
        ]


def assert_causes(events: Sequence[RecordedEvent]) -> None:
    """What nobody asked for has a cause, which stands earlier in the log."""
    places: dict[str, RecordedEvent] = {}
    for one in events:
        causation = one.provenance.causation
        if causation is None:
            assert was_asked_for(one.event), one
        else:
            assert event_reference(*referred_event(causation)) == causation
            assert causation in places, one
        places[event_reference(one.stream, one.version)] = one
    assert len(places) == len(events)


def was_asked_for(event: Event) -> bool:
    match event:
        case JobSubmitted() | JobUnheld() | JobReprioritized() | CancelRequested():
            return True
        case JobCancelled():
            return event.unmet is None
        case JobHeld() | JobRequeued():
            return not event.automatic
        case ResourcesReleased():  # a reservation, cancelled or requeued
            return event.reason in (ReleaseReason.CANCELLED, ReleaseReason.REPAIRED)
        case NodeRegistered() | NodeDrained() | NodeResumed():
            return True
        case FindingAcknowledged() | ProjectionsRebuilt() | PolicyChanged() | TokenCreated() | TokenRevoked():
            return True
        case NodeLost():
            return event.jobs_lost
        case LeaderElected():
            return event.term == 1
        case _:
            return False


@pytest.fixture(params=range(6))
def history(request: pytest.FixtureRequest) -> History:
    history = History(request.param)
    for _ in range(BATCHES):
        history.settle([history.wish() for _ in range(history.random.randint(1, 8))])
    return history


def test_what_nobody_asked_for_has_a_cause_that_stands_earlier(history: History) -> None:
    assert_causes(history.log)
    kinds = {(type(one.event).__name__, getattr(one.event, "automatic", None)) for one in history.log}
    assert kinds >= {
        ("JobRequeued", True),
        ("LateReport", None),
        ("CleanupBlocked", None),
        ("NodeLost", None),
        ("DependencyMet", None),
    }
    assert any(isinstance(one.event, JobCancelled) and one.event.unmet for one in history.log)
    assert len(history.log) > BATCHES // 2


def test_every_cause_leads_back_to_a_request_and_jobs_keep_their_own(history: History) -> None:
    by_reference = {event_reference(one.stream, one.version): one for one in history.log}
    for one in history.log:
        assert one.provenance.correlation is not None
        before = by_reference.get(one.provenance.causation) if one.provenance.causation else None
        if (
            before is not None
            and before.stream == one.stream
            and not isinstance(one.event, LeaderElected | LateReport)
        ):
            assert one.provenance.correlation == before.provenance.correlation


def test_a_trace_is_the_same_from_memory_and_from_the_log(history: History) -> None:
    again: dict[StreamName, Trace] = {}
    for one in history.log:
        trace = again.get(one.stream, NO_TRACE)
        again[one.stream] = followed(trace, one.event, one.version, one.provenance)
    assert again == history.traces


def test_an_atomic_list_that_is_refused_leaves_no_trace() -> None:
    history = History(0)
    history.settle([history._submit()])
    before = dict(history.states), dict(history.traces)
    loaded = Loaded(
        at=START,
        states=history.states,
        traces=history.traces,
        position=Position(1),
        repeats={},
        widest_node_cpus=None,
    )
    job_id = next(state.job_id for state in history.states.values() if isinstance(state, Job))
    wishes: list[Command] = [Cancel(job_id=job_id), Cancel(job_id=JobId(999))]
    asked = [Request(command=one, provenance=Provenance(actor="t", channel="t")) for one in wishes]
    plan = settle([(asked, True)], loaded)
    assert (plan.events, plan.states, plan.traces) == ([], *before)
