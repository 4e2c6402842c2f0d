"""Given events, when a command, then events or a rejection: tests of the pure core read as sentences."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from conductor.core.commands import Command
from conductor.core.decider import State, decide, evolve, stream_of
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import (
    Event,
    JobSubmitted,
    LeaderElected,
    NodeRegistered,
    ProcessIdentity,
    ResourcesAllocated,
    ResourcesReserved,
)
from conductor.core.fitting import Offers
from conductor.core.identifiers import (
    SCHEDULER_STREAM,
    AllocationId,
    Incarnation,
    JobId,
    NodeName,
    StreamName,
    Term,
    Version,
    job_stream,
    node_stream,
)
from conductor.core.job import Job

START = datetime(2026, 1, 1, tzinfo=UTC)
NODE = NodeName("node-1")
PROCESS = ProcessIdentity(pid=4711, boot_id="boot", start_ticks=99)


@dataclass
class World:
    """Streams folded so far, and a clock that moves a second an event."""

    states: dict[StreamName, State] = field(default_factory=dict)
    now: datetime = START

    def given(self, stream: StreamName, *events: Event) -> "World":
        for event in events:
            self.now += timedelta(seconds=1)
            self.apply(stream, event)
        return self

    def apply(self, stream: StreamName, event: Event) -> None:
        before = self.states.get(stream)
        version = Version((before.version if before else 0) + 1)
        self.states[stream] = evolve(before, event, at=self.now, version=version)

    def when(
        self, command: Command, *, widest_node_cpus: int | None = None, offers: Offers | None = None
    ) -> tuple[Event, ...] | Rejection:
        """The events of an accepted command, which are applied; or the rejection, after what it kept."""
        verdict = decide(command, self.states, at=self.now, widest_node_cpus=widest_node_cpus, offers=offers)
        for event in verdict.events:
            self.apply(stream_of(command), event)
        return verdict.rejection or verdict.events

    @property
    def job(self) -> Job:
        job = self.states[job_stream(JobId(1))]
        assert isinstance(job, Job)
        return job


def submitted(job_id: int = 1, **changes: Any) -> JobSubmitted:
    fields: dict[str, Any] = {
        "job_id": job_id,
        "name": f"job_{job_id}",
        "user_name": "alice",
        "account": None,
        "submitted_by": "admin",
        "script_sha256": "0" * 64,
        "script_bytes": 8,
        "environment_id": None,
        "work_dir": None,
        "ntasks_per_node": 1,
        "cpus_per_task": 1,
        "memory_mb": None,
        "time_limit_seconds": None,
        "priority": 0,
        "held": False,
        "requeue": False,
        "begin_time": None,
        "dependency": None,
        "array_job_id": None,
        "array_task_id": None,
        "stdout_path": None,
        "stderr_path": None,
        "comment": None,
    }
    return JobSubmitted(**{**fields, **changes})


def registered(name: NodeName = NODE, *, incarnation: int = 1, cpus: int = 4, **more: Any) -> NodeRegistered:
    return NodeRegistered(
        node_name=name,
        incarnation=Incarnation(incarnation),
        spool_id="spool",
        boot_id="boot",
        total_cpus=cpus,
        cpu_ids=tuple(range(cpus)),
        cpu_block=0,
        **{"memory_mb": None, **more},
    )


def reserved(
    allocation_id: int = 7,
    *,
    cpu_ids: tuple[int, ...] = (0,),
    attempt: int = 1,
    node: NodeName = NODE,
    **more: Any,
) -> ResourcesReserved:
    return ResourcesReserved(
        allocation_id=AllocationId(allocation_id),
        attempt=attempt,
        node_name=node,
        cpu_ids=cpu_ids,
        cpu_block=0,
        expires_at=START + timedelta(hours=1),
        term=None,
        **{"memory_mb": None, **more},
    )


def allocated(allocation_id: int = 7) -> ResourcesAllocated:
    return ResourcesAllocated(
        allocation_id=AllocationId(allocation_id), incarnation=Incarnation(1), process=PROCESS
    )


def elected(term: int) -> LeaderElected:
    return LeaderElected(term=Term(term), holder=f"holder-{term}", host="host")


def one_node() -> World:
    return World().given(node_stream(NODE), registered())


def pending(**changes: Any) -> World:
    return one_node().given(job_stream(JobId(1)), submitted(**changes))


def with_reservation(**changes: Any) -> World:
    return pending(**changes).given(job_stream(JobId(1)), reserved())


def running(**changes: Any) -> World:
    return with_reservation(**changes).given(job_stream(JobId(1)), allocated())


def led(world: World, term: int) -> World:
    for number in range(1, term + 1):
        world.given(SCHEDULER_STREAM, elected(number))
    return world


def refused(outcome: tuple[Event, ...] | Rejection) -> RejectionCode:
    assert isinstance(outcome, Rejection), f"expected a rejection, got {outcome}"
    return outcome.code
